//! How a file is read: stated once, kept as a small TOML file beside the data.

use std::fmt;
use std::str::FromStr;

use quantity::{Decimal, Unit};
use record::reading::MAX_STEP_SECS;
use serde::{Deserialize, Serialize};

use crate::error::CsvError;
use crate::zone::Zone;

/// How a file is read. What is not stated is found out from the file; the default states nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvProfile {
    /// Lines before the first of the table.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip_lines: u32,
    /// What a line begins with that is to be skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What separates fields; by default comma, semicolon or tab, whichever fits the first lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What encloses a field with a delimiter in it; by default `"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<char>,
    /// Whether the first line names the columns; by default it does unless a time is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The column of dates, where the column of times holds the time of day alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_column: Option<Column>,
    /// The column of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_column: Option<Column>,
    /// The column of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_column: Option<Column>,
    /// How times are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<TimeFormat>,
    /// What stands before the decimals of a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<DecimalMark>,
    /// What separates groups of three digits in a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Unit of the values; by default from the column's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Resolution of the values; by default the finest of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Decimal>,
    /// Length of an interval in seconds; by default the most frequent distance of two times that follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_secs: Option<u32>,
    /// Which end of its interval a time stands for.
    #[serde(skip_serializing_if = "is_default")]
    pub stamp: Stamp,
    /// The clock of times that state no offset from UTC; by default UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// How the hour that occurs twice is told apart, in a zone where clocks are put back.
    #[serde(skip_serializing_if = "is_default")]
    pub repeated_hour: RepeatedHour,
    /// What becomes of times in the hour that does not occur, in a zone where clocks are put forward.
    #[serde(skip_serializing_if = "is_default")]
    pub missing_hour: MissingHour,
}

fn is_zero(lines: &u32) -> bool {
    *lines == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A column by its name in the first line, or by its number from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or its number from 1")]
pub enum Column {
    /// Its number, from 1.
    Number(u32),
    /// Its name.
    Name(String),
}

impl From<&str> for Column {
    /// A text of digits is a number, another a name.
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Column::Name(text.to_owned()), Column::Number)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Number(number) => write!(f, "column {number}"),
            Column::Name(name) => f.write_str(name),
        }
    }
}

/// How times are written. A time that states its offset (RFC 3339) is read whichever of the first three it is; the hour
/// 24:00 is the midnight that ends a day; a date alone is its local midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TimeFormat {
    /// `2023-01-31 13:45`, also with `/` or `.`, and with seconds.
    YearFirst,
    /// `31.1.2023 13:45`, also with `/` or `-`; year first where a date begins with four digits.
    DayFirst,
    /// `1/31/2023 13:45`, the same.
    MonthFirst,
    /// A pattern of strftime, such as `%d.%m.%y %H:%M`; `%z` reads an offset. With a column of dates it is for date, one
    /// space and time.
    Pattern(String),
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "year-first" => Ok(TimeFormat::YearFirst),
            "day-first" => Ok(TimeFormat::DayFirst),
            "month-first" => Ok(TimeFormat::MonthFirst),
            pattern if pattern.contains('%') => Ok(TimeFormat::Pattern(pattern.to_owned())),
            _ => Err("expected year-first, day-first, month-first or a pattern such as %d.%m.%Y %H:%M".to_owned()),
        }
    }
}

impl TryFrom<String> for TimeFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> Self {
        match format {
            TimeFormat::YearFirst => "year-first".to_owned(),
            TimeFormat::DayFirst => "day-first".to_owned(),
            TimeFormat::MonthFirst => "month-first".to_owned(),
            TimeFormat::Pattern(pattern) => pattern,
        }
    }
}

/// What stands before the decimals of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecimalMark {
    /// `1.5`.
    Point,
    /// `1,5`.
    Comma,
}

impl DecimalMark {
    pub(crate) fn sign(self) -> char {
        match self {
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        }
    }

    /// The sign that stands between thousands, if any does.
    pub(crate) fn other(self) -> char {
        match self {
            DecimalMark::Point => ',',
            DecimalMark::Comma => '.',
        }
    }
}

/// Which end of its interval a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// The end if its column is named so, or if the first time is one step after midnight and the last is midnight; the
    /// start otherwise.
    #[default]
    Auto,
    /// Its start.
    Start,
    /// Its end.
    End,
}

/// How the hour that occurs twice is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedHour {
    /// By order: the file has it twice, first in summer time. Given once it is refused.
    #[default]
    Order,
    /// The same, and given once it is the first, in summer time.
    First,
    /// The same, and given once it is the second, in standard time.
    Second,
}

/// What becomes of times in the hour that does not occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingHour {
    /// They are refused.
    #[default]
    Refuse,
    /// They are left out where they have no value or zero, and refused where they have another.
    LeaveOut,
}

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A key that nothing reads.
    #[error("line {line}: there is no key {key}{}", nearest.map(|known| format!(": did you mean {known}?")).unwrap_or_default())]
    UnknownKey {
        /// Line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The known key most like it.
        nearest: Option<&'static str>,
    },
    /// No TOML, or a value of the wrong kind.
    #[error("line {line}: {problem}")]
    Text {
        /// Line, from 1.
        line: usize,
        /// The problem.
        problem: String,
    },
}

/// Every key, in the order in which they are written.
const KEYS: [&str; 18] = [
    "skip_lines",
    "comment",
    "delimiter",
    "quote",
    "header",
    "date_column",
    "time_column",
    "value_column",
    "time_format",
    "decimal",
    "thousands",
    "unit",
    "resolution",
    "step_secs",
    "stamp",
    "zone",
    "repeated_hour",
    "missing_hour",
];

impl CsvProfile {
    /// Reads a profile from TOML.
    ///
    /// # Errors
    /// [`ProfileError`], with the line; for an unknown key with the nearest known one.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let line = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
        let wrong = |error: toml::de::Error| ProfileError::Text {
            line: error.span().map_or(1, |span| line(span.start)),
            problem: error.message().to_owned(),
        };
        let table: toml::Table = toml::from_str(text).map_err(wrong)?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let likeness = |known: &&str| strsim::jaro_winkler(known, key);
            let nearest = KEYS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let line = 1 + text.lines().position(|line| line.trim_start().starts_with(key.as_str())).unwrap_or(0);
            let nearest = nearest.filter(|known| likeness(known) > 0.75);
            return Err(ProfileError::UnknownKey { line, key: key.clone(), nearest });
        }
        toml::from_str(text).map_err(wrong)
    }

    /// The profile as TOML.
    ///
    /// # Errors
    /// None for what [`CsvProfile::from_toml`] or [`crate::read`] gave.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), CsvError> {
        let wrong = |key: &'static str, problem: &'static str| Err(CsvError::Profile { key, problem });
        let field_sign = |sign: char| sign.is_ascii() && !sign.is_ascii_alphanumeric() && !matches!(sign, '\n' | '\r');
        let quote = self.quote.unwrap_or('"');
        if self.delimiter.is_some_and(|delimiter| !field_sign(delimiter) || delimiter == quote) {
            return wrong("delimiter", "must be one ASCII sign, no letter, digit or quote, such as ; or a tab");
        }
        if !field_sign(quote) {
            return wrong("quote", "must be one ASCII sign, no letter or digit, such as \" or '");
        }
        if self.comment.as_deref() == Some("") {
            return wrong("comment", "must not be empty; write what a comment begins with, such as #");
        }
        if self.thousands.is_some_and(|sign| sign.is_alphanumeric() || sign == '-') {
            return wrong("thousands", "must be one sign, no letter or digit, such as a space, a point or a comma");
        }
        if self.decimal.is_some_and(|decimal| Some(decimal.sign()) == self.thousands) {
            return wrong("thousands", "must not be the sign before the decimals");
        }
        if self.resolution.as_ref().is_some_and(|resolution| resolution.is_zero() || resolution.is_negative()) {
            return wrong("resolution", "must be above zero, such as 0.01");
        }
        if self.step_secs.is_some_and(|step| !(1..=MAX_STEP_SECS).contains(&step)) {
            return wrong("step_secs", "must be from 1 to 86400, a day");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> CsvProfile {
        CsvProfile {
            skip_lines: 3,
            comment: Some("#".into()),
            delimiter: Some('\t'),
            quote: Some('\''),
            header: Some(true),
            date_column: Some("Day".into()),
            time_column: Some("2".into()),
            value_column: Some("Energy (kWh)".into()),
            time_format: Some("%d.%m.%Y %H:%M".parse().unwrap()),
            decimal: Some(DecimalMark::Comma),
            thousands: Some('.'),
            unit: Some(Unit::Kilowatthour),
            resolution: Some("0.01".parse().unwrap()),
            step_secs: Some(900),
            stamp: Stamp::End,
            zone: Some("Europe/Berlin".parse().unwrap()),
            repeated_hour: RepeatedHour::First,
            missing_hour: MissingHour::LeaveOut,
        }
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        for profile in [CsvProfile::default(), full()] {
            assert_eq!(CsvProfile::from_toml(&profile.to_toml().unwrap()), Ok(profile));
        }
        assert_eq!(CsvProfile::default().to_toml().unwrap(), "");
        let table: toml::Table = full().to_toml().unwrap().parse().unwrap();
        let mut keys = KEYS;
        keys.sort_unstable();
        assert_eq!(table.keys().map(String::as_str).collect::<Vec<_>>(), keys);
    }

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let error = CsvProfile::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        refused("stamp = \"end\"\ntimecolumn = 1\n", "line 2: there is no key timecolumn: did you mean time_column?");
        refused("delimeter = \";\"\n", "did you mean delimiter?");
        refused("colour = 1\n", "there is no key colour");
    }

    #[test]
    fn wrong_values_are_refused_with_their_line() {
        refused("unit = \"kWh\"\nstamp = \"middle\"\n", "line 2: ");
        refused("zone = \"Europe/Berln\"\n", "did you mean Europe/Berlin?");
        refused("time_column = true\n", "the name of a column, or its number");
        refused("time_format = \"iso\"\n", "month-first");
        refused("delimiter = \n", "line 1: ");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |profile: CsvProfile, wanted: &str| {
            assert!(matches!(profile.check(), Err(CsvError::Profile { key, .. }) if key == wanted), "{profile:?}");
        };
        let default = CsvProfile::default;
        refused(CsvProfile { delimiter: Some('"'), ..default() }, "delimiter");
        refused(CsvProfile { delimiter: Some('·'), ..default() }, "delimiter");
        refused(CsvProfile { quote: Some('\n'), ..default() }, "quote");
        refused(CsvProfile { comment: Some(String::new()), ..default() }, "comment");
        refused(CsvProfile { thousands: Some('5'), ..default() }, "thousands");
        refused(CsvProfile { thousands: Some('.'), decimal: Some(DecimalMark::Point), ..default() }, "thousands");
        refused(CsvProfile { resolution: Some(Decimal::zero()), ..default() }, "resolution");
        refused(CsvProfile { step_secs: Some(86_401), ..default() }, "step_secs");
        assert_eq!(full().check(), Ok(()));
    }
}
