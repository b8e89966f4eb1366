//! Tables of records: a CSV file whose columns have the names of options.

use std::collections::BTreeMap;
use std::fmt::Display;

use record::instrument::Violation;

/// Most rows of a table: weighed loads of a large plant in ten years.
pub(crate) const MAX_ROWS: usize = 100_000;
/// Largest file of a table.
pub(crate) const MAX_TABLE_BYTES: u64 = 32 << 20;
/// The column that every table has.
const ID: &str = "id";

/// Why a file is no table of such records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    #[error("line 1 names no column id, which every row needs; its columns are {}", found.join(", "))]
    NoId { found: Vec<String> },
    #[error("line 1: there is no column {column}{}", nearest.as_ref().map_or_else(|| format!("; there are id, {}", known.join(", ")), |near| format!(": did you mean {near}?")))]
    UnknownColumn { column: String, nearest: Option<String>, known: Vec<&'static str> },
    #[error("line 1 names column {column} twice")]
    ColumnTwice { column: String },
    #[error("has no row below its first line")]
    NoRows,
    #[error("has more than {MAX_ROWS} rows; divide it")]
    TooManyRows,
    #[error("line {line}: {problem}")]
    Text { line: u64, problem: String },
}

/// One row: what its cells state. Without cells it is what the options state alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Line in the file, from 1.
    pub(crate) line: u64,
    cells: BTreeMap<String, String>,
    /// What is wrong with the row as a whole.
    broken: Option<String>,
}

impl Row {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        self.cells.get(ID).map_or("", String::as_str)
    }

    /// The value of a column, or of the option of its name; a violation where neither states one, or the cell cannot be
    /// read.
    pub(crate) fn value<T: Clone, E: Display>(
        &self,
        found: &mut Vec<Violation>,
        column: &'static str,
        stated: &Option<T>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let before = found.len();
        let value = self.optional(found, column, stated, parse);
        if value.is_none() && found.len() == before {
            found.push(Violation::new(column, format!("is not stated: fill its column, or give --{column}")));
        }
        value
    }

    /// The same where nothing needs to be stated.
    pub(crate) fn optional<T: Clone, E: Display>(
        &self,
        found: &mut Vec<Violation>,
        column: &'static str,
        stated: &Option<T>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(cell) = self.cells.get(column) else { return stated.clone() };
        parse(cell).map_err(|error| found.push(Violation::new(column, format!("{cell:?}: {error}")))).ok()
    }

    /// What is wrong with the row as a whole.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.broken.iter().map(|problem| Violation::new("row", problem.clone())).collect()
    }
}

/// Reads a table whose columns are among `columns` and `id`. An empty cell states nothing.
pub(crate) fn read(text: &str, columns: &[&'static str]) -> Result<Vec<Row>, TableError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or("");
    // Of several that occur as often the first: the last of the greatest is taken.
    let delimiter =
        [b'\t', b';', b','].into_iter().max_by_key(|sign| first.bytes().filter(|byte| byte == sign).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    // The reader places a record before the empty lines that it passes over, and after CRLF on the line feed.
    let line_of = |position: &csv::Position| {
        let rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
        let passed = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
        position.line() + passed.count() as u64
    };
    let line =
        |error: csv::Error| TableError::Text { line: error.position().map_or(0, line_of), problem: error.to_string() };
    let names = match records.next() {
        None => Vec::new(),
        Some(names) => names.map_err(line)?.iter().map(|name| name.to_lowercase().replace(['_', ' '], "-")).collect(),
    };
    for (at, name) in names.iter().enumerate() {
        if name != ID && !columns.contains(&name.as_str()) {
            let near = columns.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let near = near.filter(|known| strsim::damerau_levenshtein(known, name) <= 2);
            let nearest = near.map(|known| (*known).to_owned());
            return Err(TableError::UnknownColumn { column: name.clone(), nearest, known: columns.to_vec() });
        }
        if names[..at].contains(name) {
            return Err(TableError::ColumnTwice { column: name.clone() });
        }
    }
    if !names.iter().any(|name| name == ID) {
        return Err(TableError::NoId { found: names });
    }
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(line)?;
        if rows.len() == MAX_ROWS {
            return Err(TableError::TooManyRows);
        }
        let broken = (record.len() != names.len())
            .then(|| format!("has {}, the first line {}", fields(record.len()), fields(names.len())));
        let cells = names.iter().cloned().zip(record.iter().map(str::to_owned)).filter(|(_, cell)| !cell.is_empty());
        rows.push(Row { line: record.position().map_or(0, line_of), cells: cells.collect(), broken });
    }
    if rows.is_empty() { Err(TableError::NoRows) } else { Ok(rows) }
}

fn fields(count: usize) -> String {
    crate::output::counted(count, "field")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[&str] = &["material", "net"];

    fn number(text: &str) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }

    #[test]
    fn cells_go_before_options() {
        for text in
            ["id,Net\na,1\nb,\n\nc,x\n", "\u{feff}id;net\r\na;1\r\nb;\r\n\r\nc;x\r\n", "id\t net\na\t1\nb\t\n\nc\tx"]
        {
            let rows = read(text, COLUMNS).unwrap();
            assert_eq!(rows.iter().map(|row| (row.line, row.id())).collect::<Vec<_>>(), [(2, "a"), (3, "b"), (5, "c")]);
            let mut found = Vec::new();
            let net: Vec<_> = rows.iter().map(|row| row.value(&mut found, "net", &Some(7), number)).collect();
            assert_eq!(net, [Some(1), Some(7), None]);
            assert_eq!(found.len(), 1);
            assert!(found[0].path == "net" && found[0].problem.starts_with("\"x\": "), "{found:?}");
        }
    }

    #[test]
    fn what_nobody_states_is_named() {
        let rows = read("id\na\n", COLUMNS).unwrap();
        let mut found = Vec::new();
        assert_eq!(rows[0].value(&mut found, "net", &None, number), None);
        assert_eq!(rows[0].optional(&mut found, "material", &None, number), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].problem, "is not stated: fill its column, or give --net");
        // A row of other length is refused by itself.
        let rows = read("id,net\na,1,2\nb,1\n", COLUMNS).unwrap();
        assert_eq!(rows[0].violations()[0].problem, "has 3 fields, the first line 2 fields");
        assert!(rows[1].violations().is_empty());
    }

    #[test]
    fn other_files_are_refused() {
        let refused = |text: &str, words: &str| {
            let error = read(text, COLUMNS).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("net\n1\n", "no column id");
        refused("", "no column id");
        refused("id,nett\na,1\n", "did you mean net?");
        refused("id,colour\na,1\n", "there are id, material, net");
        refused("id,net,net\na,1,1\n", "twice");
        refused("id,net\n", "no row");
        let many = "a\n".repeat(MAX_ROWS + 1);
        refused(&format!("id\n{many}"), "more than");
    }
}
