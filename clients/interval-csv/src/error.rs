//! Why a file is not read.

use jiff::Timestamp;
use quantity::{Decimal, DecimalError};
use record::reading::MAX_STEP_SECS;

use crate::{MAX_BYTES, MAX_ROWS};

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The profile states what cannot be meant.
    #[error("{key} {problem}")]
    Profile {
        /// Key of the profile.
        key: &'static str,
        /// The problem, with the remedy.
        problem: &'static str,
    },
    /// Larger than [`MAX_BYTES`].
    #[error("the file is larger than {MAX_BYTES} bytes; split it")]
    TooLarge,
    /// Broken compression.
    #[error("the {kind} data is broken: {problem}; obtain the file again")]
    Compression {
        /// gzip or zstd.
        kind: &'static str,
        /// What the decoder says.
        problem: String,
    },
    /// Not text.
    #[error("line {line}: not UTF-8 text; save the table as CSV in UTF-8")]
    Encoding {
        /// Line, from 1.
        line: u64,
    },
    /// Nothing in it.
    #[error(
        "the file is empty; its first line names the columns, such as time,energy_kwh, and each other is a reading"
    )]
    Blank,
    /// Fields separated by something else.
    #[error(
        "line {line}: fields are separated by {found}; separate them by commas, semicolons or tabs, or state the delimiter"
    )]
    Separator {
        /// Line, from 1.
        line: u64,
        /// What stands between the names.
        found: &'static str,
    },
    /// A row with another number of fields, or a quote left open.
    #[error("line {line}: {problem}")]
    Row {
        /// Line, from 1.
        line: u64,
        /// The problem, with the remedy.
        problem: String,
    },
    /// A column was not found by itself.
    #[error("line {line} names the columns {found}, and none of {what}; name it {names}, or state {key}")]
    NoColumn {
        /// Line of the names, from 1.
        line: u64,
        /// Times or values.
        what: &'static str,
        /// Columns found.
        found: String,
        /// What it may be called.
        names: &'static str,
        /// Key of the profile that states it.
        key: &'static str,
    },
    /// A column that the profile states is not in the file.
    #[error("line {line}: there is no {column:?} among the columns {found}; state another {key}")]
    NoSuchColumn {
        /// Line of the names, from 1.
        line: u64,
        /// Key of the profile that states it.
        key: &'static str,
        /// As stated.
        column: String,
        /// Columns found.
        found: String,
    },
    /// Several columns can be meant.
    #[error("line {line}: each of the columns {found} can be that of {what}; state which: {key}, or keep one of them")]
    AmbiguousColumn {
        /// Line of the names, from 1.
        line: u64,
        /// Times or values.
        what: &'static str,
        /// The candidates.
        found: String,
        /// Key of the profile that states it.
        key: &'static str,
    },
    /// No unit stated, and none in the column's name.
    #[error(
        "line {line}: the column {column:?} names no unit; write it behind the name, such as energy_kwh, _mwh, _wh or \
         _gj, or state the unit"
    )]
    NoUnit {
        /// Line of the names, from 1.
        line: u64,
        /// The column of values.
        column: String,
    },
    /// No data row.
    #[error("the file has no reading below its first line")]
    Empty,
    /// The times are all one: how long an interval is cannot be known.
    #[error(
        "line {line}: the only time in the file; with two or more, or step_secs stated, the length of an interval is known"
    )]
    OneTime {
        /// Line, from 1.
        line: u64,
    },
    /// More than [`MAX_ROWS`] rows, or a grid of more intervals.
    #[error("line {line}: more than {MAX_ROWS} intervals; correct the time if it is wrong, or split the file")]
    TooManyRows {
        /// Line, from 1; where the grid is too long, that after its longest hole.
        line: u64,
    },
    /// A time that is none.
    #[error("line {line}, column {column:?}: {text:?} is no time; expected {expected}")]
    Time {
        /// Line, from 1.
        line: u64,
        /// The column of times.
        column: String,
        /// The text, cut.
        text: String,
        /// How times are written here.
        expected: String,
    },
    /// A time of day, and no column of dates.
    #[error("line {line}, column {column:?}: {text:?} is a time of day without its date; state date_column")]
    NoDate {
        /// Line, from 1.
        line: u64,
        /// The column of times.
        column: String,
        /// The text, cut.
        text: String,
    },
    /// Dates that begin with the day, and dates that begin with the month.
    #[error(
        "line {line}: {text:?} can only begin with the {order}, unlike line {first_line}; write all dates year first, \
         such as 2023-01-31"
    )]
    MixedDates {
        /// Line, from 1.
        line: u64,
        /// The text, cut.
        text: String,
        /// Day or month.
        order: &'static str,
        /// Line of the first of the other order.
        first_line: u64,
    },
    /// Dates that can begin with the day or the month, and nothing in the column tells.
    #[error(
        "line {line}: {text:?} can begin with the day or the month, and no other date tells which; state time_format, \
         day-first or month-first, or write dates year first, such as 2023-01-31"
    )]
    UndecidedDate {
        /// Line, from 1.
        line: u64,
        /// The text, cut.
        text: String,
    },
    /// Times at the edge of what a time can be.
    #[error("the times are not between the years -9999 and 9999; correct them")]
    TimeRange,
    /// Some values with a decimal point, some with a decimal comma.
    #[error(
        "line {line}, column {column:?}: {text:?} is written otherwise than {first_text:?} in line {first_line}; write \
         all decimals with a point (1.5), or all with a comma"
    )]
    MixedDecimals {
        /// Line, from 1.
        line: u64,
        /// The column of values.
        column: String,
        /// The text, cut.
        text: String,
        /// Line of the first of the other kind.
        first_line: u64,
        /// Its text, cut.
        first_text: String,
    },
    /// A comma, or a point between semicolons, that can be before decimals or between thousands, and nothing in the column
    /// tells.
    #[error(
        "line {line}, column {column:?}: {text:?} has a {sign} before decimals or between thousands, and no other value \
         tells which; state decimal, point or comma, or write decimals with a point (1.5) and thousands without"
    )]
    UndecidedSign {
        /// Line, from 1.
        line: u64,
        /// The column of values.
        column: String,
        /// The text, cut.
        text: String,
        /// The sign: `comma` or `point`.
        sign: &'static str,
    },
    /// A value that is no number.
    #[error("line {line}, column {column:?}: {text:?}: {problem}")]
    Value {
        /// Line, from 1.
        line: u64,
        /// The column of values.
        column: String,
        /// The text, cut.
        text: String,
        /// The problem.
        problem: DecimalError,
    },
    /// A value that is no whole multiple of the resolution, or too large for it.
    #[error("line {line}: {text:?} is not a whole multiple of the resolution {resolution}, or too large for it")]
    Resolution {
        /// Line, from 1.
        line: u64,
        /// The text.
        text: String,
        /// The resolution.
        resolution: Decimal,
    },
    /// A sum that no decimal holds.
    #[error("the values are too large to add up; correct them, or split the file")]
    Sum,
    /// The length of an interval is not between a second and a day.
    #[error(
        "the intervals are longer than a day ({MAX_STEP_SECS} s), the longest that a reading may cover; give shorter ones"
    )]
    Step,
    /// A time that breaks the rhythm of the others.
    #[error(
        "line {line}: the time is not a whole number of {step_secs} s intervals from those of the other rows; correct \
         it, or state step_secs"
    )]
    OffGrid {
        /// Line, from 1: the first that is off the grid of most rows.
        line: u64,
        /// Length of an interval: the most frequent distance of two times, unless stated.
        step_secs: u32,
    },
    /// Two values for one interval.
    #[error(
        "line {line}: another value for the interval of line {first_line}; keep one of them, or, where clocks are put back \
         between them, state the zone"
    )]
    Conflict {
        /// Line, from 1.
        line: u64,
        /// Line of the first value.
        first_line: u64,
    },
    /// A time of the hour that occurs twice, which the order in the file does not tell apart.
    #[error(
        "line {line}: {local} occurs twice in {zone}, where clocks are put back, and {problem}; give the hour twice in \
         order, or write the offset behind each time (2023-10-29T02:30:00+02:00), or state repeated_hour"
    )]
    RepeatedHour {
        /// Line, from 1.
        line: u64,
        /// The time on the local clock.
        local: String,
        /// The zone.
        zone: String,
        /// How the file gives it.
        problem: &'static str,
    },
    /// A time of the hour that does not occur.
    #[error(
        "line {line}: {local} does not occur in {zone}, where clocks are put forward; correct the time, or state the \
         zone as the fixed offset of the meter's clock, or, where such rows are empty, missing_hour = \"leave-out\""
    )]
    MissingHour {
        /// Line, from 1.
        line: u64,
        /// The time on the local clock.
        local: String,
        /// The zone.
        zone: String,
    },
    /// An interval of a local day that has not 24 hours.
    #[error(
        "line {line}: the day from {local} has {hours} h in {zone}, and intervals are of one length; give hours or \
         quarters, or state the zone as a fixed offset where the meter's day is always 24 h"
    )]
    UnevenDay {
        /// Line, from 1.
        line: u64,
        /// Its start on the local clock.
        local: String,
        /// How long it is.
        hours: String,
        /// The zone.
        zone: String,
    },
}

impl CsvError {
    /// The key of the profile to state, where one is the remedy.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            CsvError::Profile { key, .. }
            | CsvError::NoColumn { key, .. }
            | CsvError::NoSuchColumn { key, .. }
            | CsvError::AmbiguousColumn { key, .. } => Some(key),
            CsvError::Separator { .. } => Some("delimiter"),
            CsvError::NoUnit { .. } => Some("unit"),
            CsvError::OneTime { .. } | CsvError::OffGrid { .. } => Some("step_secs"),
            CsvError::NoDate { .. } => Some("date_column"),
            CsvError::Time { .. } | CsvError::UndecidedDate { .. } => Some("time_format"),
            CsvError::UndecidedSign { .. } => Some("decimal"),
            CsvError::RepeatedHour { .. } => Some("repeated_hour"),
            CsvError::MissingHour { .. } => Some("missing_hour"),
            CsvError::UnevenDay { .. } => Some("zone"),
            _ => None,
        }
    }
}

/// A text of the file as errors show it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A local time, in seconds since 1970 by its own clock, as errors show it.
pub(crate) fn local(seconds: i64) -> String {
    let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), shown)
}
