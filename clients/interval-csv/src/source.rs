//! Lines and fields: what is skipped, what separates fields, and the line of each record.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::CsvError;
use crate::profile::CsvProfile;

/// Records looked at to find the delimiter.
const SAMPLE: usize = 50;

/// A text whose records can be read again and again.
pub(crate) struct Source<'t> {
    text: Cow<'t, str>,
    /// Lines of the file before the text.
    before: u64,
    pub(crate) delimiter: u8,
    quote: u8,
}

/// A record and its line in the file, from 1.
pub(crate) type Record = Result<(u64, StringRecord), CsvError>;

impl<'t> Source<'t> {
    pub(crate) fn open(text: &'t str, profile: &CsvProfile) -> Result<Self, CsvError> {
        let before = u64::from(profile.skip_lines);
        let begin = text.split_inclusive('\n').take(profile.skip_lines as usize).map(str::len).sum();
        let text = text.get(begin..).unwrap_or_default();
        let text = match &profile.comment {
            Some(prefix) => Cow::Owned(without_comments(text, prefix)),
            None => Cow::Borrowed(text),
        };
        if text.trim().is_empty() {
            return Err(CsvError::Blank);
        }
        // The profile was checked: both are ASCII.
        let quote = profile.quote.map_or(b'"', |quote| quote as u8);
        let mut source = Source { text, before, delimiter: b',', quote };
        source.delimiter = match profile.delimiter {
            Some(delimiter) => delimiter as u8,
            None => source.find_delimiter()?,
        };
        Ok(source)
    }

    /// What gives each of the first records the same number of fields. Commas last: where something else fits too, they
    /// are those of decimals.
    fn find_delimiter(&self) -> Result<u8, CsvError> {
        let candidates = [b'\t', b';', b','].map(|delimiter| (delimiter, self.widths(delimiter)));
        let even = candidates.iter().find(|(_, widths)| widths[0] > 1 && widths.iter().all(|n| *n == widths[0]));
        if let Some((delimiter, _)) = even {
            return Ok(*delimiter);
        }
        // None fits all: what the first line has most of, so that the error names the line that differs.
        match candidates.iter().max_by_key(|(_, widths)| widths[0]) {
            Some((delimiter, widths)) if widths[0] > 1 => Ok(*delimiter),
            _ if self.text.lines().next().is_some_and(|line| line.contains('|')) => {
                Err(CsvError::Separator { line: self.before + 1, found: "bars" })
            }
            _ => Ok(b','),
        }
    }

    /// Fields of the first records, at least one number.
    fn widths(&self, delimiter: u8) -> Vec<usize> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quote(self.quote)
            .from_reader(self.text.as_bytes());
        let mut widths: Vec<usize> = reader.records().take(SAMPLE).map_while(Result::ok).map(|r| r.len()).collect();
        if widths.is_empty() {
            widths.push(0);
        }
        widths
    }

    /// All records.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .trim(Trim::All)
            .delimiter(self.delimiter)
            .quote(self.quote)
            .from_reader(self.text.as_bytes());
        reader.into_records().map(|record| match record {
            Ok(record) => Ok((self.line(record.position()), record)),
            Err(error) => Err(self.error(&error)),
        })
    }

    fn line(&self, position: Option<&csv::Position>) -> u64 {
        self.before
            + position.map_or(1, |position| {
                // After CRLF the reader places a record on the line feed before it, one line too early.
                let on_line_feed = self.text.as_bytes().get(position.byte() as usize) == Some(&b'\n');
                position.line() + u64::from(on_line_feed)
            })
    }

    fn error(&self, error: &csv::Error) -> CsvError {
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
                "{len} fields, where the first line names {expected_len}; write decimals with a point (1.5) or fields \
                 in quotes, and begin with the line that names the columns"
            ),
            _ => error.to_string(),
        };
        CsvError::Row { line: self.line(error.position()), problem }
    }
}

/// The text with empty lines in place of comments, so that lines keep their numbers.
fn without_comments(text: &str, prefix: &str) -> String {
    let line = |line: &'_ str| if line.trim_start().starts_with(prefix) { "\n".to_owned() } else { line.to_owned() };
    text.split_inclusive('\n').map(line).collect()
}
