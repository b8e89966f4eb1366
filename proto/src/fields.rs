//! Gathers every violation of a request, by path, so that a bad request explains itself at once.

use jiff::Timestamp;

use crate::google::r#type::{Decimal, Interval};

/// A field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `instrument.resolution`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// The violations of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a violation.
    pub fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), description: description.into() });
    }

    /// The value, or a violation that says why there is none.
    pub fn check<T, E: std::fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.refuse(field, error.to_string())).ok()
    }

    /// A text that must be there and no longer than `max` bytes.
    pub fn text(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        if text.is_empty() {
            self.refuse(field, "is required");
        } else if text.len() > max {
            self.refuse(field, format!("has {} bytes: at most {max}", text.len()));
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A message that must be there.
    pub fn message<'a, T>(&mut self, field: &str, message: &'a Option<T>) -> Option<&'a T> {
        if message.is_none() {
            self.refuse(field, "is required");
        }
        message.as_ref()
    }

    /// A time that must be there.
    pub fn time(&mut self, field: &str, time: &Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let time = self.message(field, time)?;
        let parsed = crate::parse_timestamp(time);
        if parsed.is_none() {
            self.refuse(field, "is no time between the years -9999 and 9999");
        }
        parsed
    }

    /// A time that may be there.
    pub fn optional_time(&mut self, field: &str, time: &Option<prost_types::Timestamp>) -> Option<Timestamp> {
        time.as_ref().and_then(|_| self.time(field, time))
    }

    /// A half-open interval: start required, end required when `closed`.
    pub fn interval(
        &mut self,
        field: &str,
        interval: &Option<Interval>,
        closed: bool,
    ) -> Option<(Timestamp, Option<Timestamp>)> {
        let interval = self.message(field, interval)?;
        let start = self.time(&format!("{field}.start_time"), &interval.start_time);
        let end = match (&interval.end_time, closed) {
            (None, false) => None,
            (end, _) => Some(self.time(&format!("{field}.end_time"), end)?),
        };
        let start = start?;
        if end.is_some_and(|end| end <= start) {
            self.refuse(format!("{field}.end_time"), "must be later than start_time");
            return None;
        }
        Some((start, end))
    }

    /// Decimal text that must be there; `parse` checks it.
    pub fn decimal<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        decimal: &Option<Decimal>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let decimal = self.message(field, decimal)?;
        self.check(field, parse(&decimal.value))
    }

    /// A SHA-256 digest.
    pub fn digest(&mut self, field: &str, bytes: &[u8]) -> Option<[u8; 32]> {
        let digest = bytes.try_into().ok();
        if digest.is_none() {
            self.refuse(field, format!("has {} bytes: a SHA-256 has 32", bytes.len()));
        }
        digest
    }

    /// Whether a violation of this field is noted.
    pub fn has(&self, field: &str) -> bool {
        self.violations.iter().any(|violation| violation.field == field)
    }

    /// What was found, in order.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }
}
