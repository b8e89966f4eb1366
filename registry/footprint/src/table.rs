//! Rows of a CSV file with exactly the columns expected, each with its line.

/// Why bytes are not the table expected.
pub(crate) enum NotTable {
    /// Not UTF-8, or rows of different lengths.
    Form(String),
    /// Other columns, as found.
    Columns(String),
}

/// The rows under the header, each with the line it begins on, from 1.
pub(crate) fn rows(bytes: &[u8], columns: &[&str]) -> Result<Vec<(usize, Vec<String>)>, NotTable> {
    let form = |error: csv::Error| NotTable::Form(error.to_string());
    let mut table = csv::ReaderBuilder::new().has_headers(true).flexible(false).from_reader(bytes);
    let header = table.headers().map_err(form)?;
    if !header.iter().eq(columns.iter().copied()) {
        return Err(NotTable::Columns(header.iter().collect::<Vec<_>>().join(",").chars().take(300).collect()));
    }
    let (mut line, mut counted) = (1, 0);
    table
        .records()
        .map(|record| {
            let record = record.map_err(form)?;
            // The reader's own count of lines lags where they end in CR LF: it stops between the two. Fields may hold line
            // feeds, so rows are no count either.
            let at = record.position().map_or(counted, |position| usize::try_from(position.byte()).unwrap_or(counted));
            let start = at + bytes[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += bytes[counted..start].iter().filter(|byte| **byte == b'\n').count();
            counted = start;
            Ok((line, record.iter().map(str::to_owned).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_an_editor_shows() {
        for ending in ["\n", "\r\n"] {
            let text = ["a,b", "1,2", "\"x\ny\",3", "", "4,5"].join(ending);
            let lines: Vec<usize> = match rows(text.as_bytes(), &["a", "b"]) {
                Ok(rows) => rows.into_iter().map(|(line, _)| line).collect(),
                Err(_) => panic!("{text:?}"),
            };
            assert_eq!(lines, [2, 3, 6], "{text:?}");
        }
    }
}
