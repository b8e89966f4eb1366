//! From text to rows: first what the whole table shows of how it is written, then each time and value by that.

use csv::StringRecord;
use quantity::{Decimal, Unit};

use crate::columns::Columns;
use crate::error::{CsvError, cut};
use crate::profile::{CsvProfile, Stamp, TimeFormat};
use crate::source::{Record, Source};
use crate::time::Kind;
use crate::{MAX_NAMED_LINES, MAX_ROWS, Unread};
use crate::{numbers, time};

/// A reading as it is written.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: u64,
    /// Seconds since 1970, by the local clock unless it is a moment.
    pub(crate) second: i64,
    pub(crate) kind: Kind,
    pub(crate) value: Option<Decimal>,
}

/// The rows of a file.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) unit: Unit,
    /// The profile with what was found out so far.
    pub(crate) profile: CsvProfile,
    /// Values that are no numbers, and how many: their intervals are missing.
    pub(crate) unread: Vec<Unread>,
    pub(crate) unread_count: usize,
}

/// Reads all rows.
pub(crate) fn read(text: &str, profile: &CsvProfile) -> Result<Table, CsvError> {
    let source = Source::open(text, profile)?;
    let mut first = source.records();
    // A text that is not blank has a record, unless it is one of empty quotes.
    let head = first.next().ok_or(CsvError::Blank)??;
    let sample = first.next().transpose()?.map(|(_, record)| record);
    let columns = Columns::find(&head, sample.as_ref(), profile)?;
    let data = || source.records().skip(usize::from(columns.named()));

    let (numbers, format) = survey(data(), &columns, profile, source.delimiter == b';')?;
    let (mut rows, mut unread) = (Vec::new(), Vec::new());
    for record in data() {
        let (line, record) = record?;
        if rows.len() >= MAX_ROWS {
            return Err(CsvError::TooManyRows { line });
        }
        let text = time_text(&record, &columns);
        let written = time::read(&text, &format).ok_or_else(|| CsvError::Time {
            line,
            column: columns.name(columns.time),
            text: cut(&text),
            expected: time::expected(&format, profile.time_format.is_some()),
        })?;
        let value = match record.get(columns.value).unwrap_or_default() {
            "" => None,
            text => match numbers.read(text) {
                Ok(value) => Some(value),
                Err(problem) => {
                    unread.push((line, cut(text), problem));
                    None
                }
            },
        };
        rows.push(Row { line, second: written.second, kind: written.kind, value });
    }
    if rows.is_empty() {
        return Err(CsvError::Empty);
    }
    // A column of which half is no number is another column than was meant.
    if 2 * unread.len() > rows.len() {
        let (line, text, problem) = unread.swap_remove(0);
        return Err(CsvError::Value { line, column: columns.name(columns.value), text, problem });
    }
    let stamp = if profile.stamp == Stamp::Auto && columns.ends { Stamp::End } else { profile.stamp };
    let profile = CsvProfile {
        delimiter: Some(char::from(source.delimiter)),
        header: Some(columns.named()),
        date_column: columns.date.map(|date| columns.column(date)),
        time_column: Some(columns.column(columns.time)),
        value_column: Some(columns.column(columns.value)),
        time_format: Some(format),
        decimal: Some(numbers.decimal),
        thousands: numbers.thousands,
        unit: Some(columns.unit),
        stamp,
        ..profile.clone()
    };
    let named = unread.iter().take(MAX_NAMED_LINES);
    let named =
        named.map(|(line, text, problem)| Unread { line: *line, text: text.clone(), problem: problem.to_string() });
    Ok(Table { rows, unit: columns.unit, profile, unread: named.collect(), unread_count: unread.len() })
}

/// What all rows together show of how numbers and dates are written.
fn survey(
    records: impl Iterator<Item = Record>,
    columns: &Columns,
    profile: &CsvProfile,
    semicolons: bool,
) -> Result<(numbers::Numbers, TimeFormat), CsvError> {
    let (mut values, mut times) = (numbers::Evidence::of(profile), time::Evidence::default());
    for record in records {
        let (line, record) = record?;
        values.see(line, record.get(columns.value).unwrap_or_default());
        if profile.time_format.is_none() {
            times.see(line, &time_text(&record, columns));
        }
    }
    let numbers = values.conclude(profile, &columns.name(columns.value), semicolons)?;
    let format = match &profile.time_format {
        Some(format) => format.clone(),
        None => times.conclude()?,
    };
    Ok((numbers, format))
}

/// Date and time as one text.
fn time_text<'r>(record: &'r StringRecord, columns: &Columns) -> std::borrow::Cow<'r, str> {
    let time = record.get(columns.time).unwrap_or_default();
    match columns.date {
        Some(date) => format!("{} {time}", record.get(date).unwrap_or_default()).into(),
        None => time.into(),
    }
}
