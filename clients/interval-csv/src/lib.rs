//! Interval readings from a CSV file, plain, gzip or zstd: onto a strict grid, with a report of what was repaired and what
//! is missing.
//!
//! There is no disk, network or clock here: bytes in, batches out. The database of time zones is compiled in.
//!
//! What a [`CsvProfile`] does not state is found out from the file: the delimiter, whether the first line names the
//! columns, which of them hold times and values, the unit from the name of the latter, how dates are written, which sign
//! stands before decimals, the resolution, the length of an interval, and which end of it a time stands for. The profile
//! as it was applied is in the report; with it, another file of the same make is read in the same way.
//!
//! What can be meant in two ways is refused with the line and the remedy, never guessed: two columns of energy, `1,234`
//! alone, `1.234` alone between semicolons, the hour that occurs twice in autumn given once, the hour that does not occur in spring.

mod clock;
mod columns;
mod error;
mod grid;
mod numbers;
mod profile;
mod rows;
mod source;
mod time;
mod unpack;
mod zone;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use quantity::{Decimal, Unit};
use record::reading::{MAX_BATCH_ROWS, ReadingBatch};
use serde::Serialize;

pub use crate::error::CsvError;
pub use crate::profile::{Column, CsvProfile, DecimalMark, MissingHour, ProfileError, RepeatedHour, Stamp, TimeFormat};
pub use crate::unpack::Compression;
pub use crate::zone::{Zone, ZoneError};

/// Largest file read, before and after decompression.
pub const MAX_BYTES: usize = 64 << 20;
/// Most rows, and most intervals of the grid: 28 years of 15 minutes.
pub const MAX_ROWS: usize = 1_000_000;
/// Lines that a report names one by one.
pub const MAX_NAMED_LINES: usize = 100;

/// What a file holds: values on a strict grid, and what was done to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalSeries {
    /// Unit of the values.
    pub unit: Unit,
    /// The values count this much of the unit.
    pub resolution: Decimal,
    /// Start of the first interval.
    pub start: Timestamp,
    /// Length of each interval.
    pub step_secs: u32,
    /// Values in units of the resolution; `None` is missing.
    pub values: Vec<Option<i64>>,
    /// Line of each interval in the file, from 1; 0 where the file has none for it.
    pub lines: Vec<u64>,
    /// What was found.
    pub report: CsvReport,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CsvReport {
    /// How the file was compressed.
    pub compression: Compression,
    /// The profile as it was applied, with what was found out: read with it again, the file gives the same series.
    pub profile: CsvProfile,
    /// Whether times without offset were taken as UTC because no zone was stated.
    pub zone_assumed: bool,
    /// Data rows.
    pub rows: usize,
    /// Rows of midnight that carried the date of the day that ended, moved to the day that began.
    pub repaired_midnights: usize,
    /// Hours that occur twice on the local clock, told apart.
    pub repeated_hours: usize,
    /// Hours that do not occur on the local clock, passed over.
    pub missing_hours: usize,
    /// Rows with times of such hours, left out as [`MissingHour::LeaveOut`] says.
    pub left_out: usize,
    /// Rows that stood twice with one value, taken once.
    pub duplicates: usize,
    /// Intervals of the grid without a value.
    pub missing: usize,
    /// Single intervals of zero between two that are not: likely drop-outs. They are kept as zero. At most
    /// [`MAX_NAMED_LINES`] are named.
    pub drop_outs: Vec<DropOut>,
    /// How many drop-outs there are.
    pub drop_out_count: usize,
    /// Values that are no numbers: their intervals are missing. At most [`MAX_NAMED_LINES`] are named.
    pub unread: Vec<Unread>,
    /// How many there are.
    pub unread_count: usize,
    /// Exact sum of the values, in the unit.
    pub total: Decimal,
}

/// A value that is no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Line in the file, from 1.
    pub line: u64,
    /// The text, cut.
    pub text: String,
    /// The problem.
    pub problem: String,
}

/// A suspicious zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DropOut {
    /// Line in the file, from 1.
    pub line: u64,
    /// Start of the interval.
    pub start: Timestamp,
}

impl IntervalSeries {
    /// First moment after the last interval.
    pub fn end(&self) -> Timestamp {
        // `read` checked that the whole grid lies in the range of time.
        Timestamp::from_second(self.start.as_second() + self.values.len() as i64 * i64::from(self.step_secs))
            .unwrap_or(Timestamp::MAX)
    }

    /// The series as batches for an instrument, none larger than a batch may be.
    pub fn batches(&self, instrument: &str) -> Vec<ReadingBatch> {
        self.values
            .chunks(MAX_BATCH_ROWS)
            .enumerate()
            .filter_map(|(i, values)| {
                let offset = (i * MAX_BATCH_ROWS) as i64 * i64::from(self.step_secs);
                Some(ReadingBatch {
                    instrument: instrument.to_owned(),
                    unit: self.unit,
                    resolution: self.resolution.clone(),
                    // `read` checked that the whole grid lies in the range of time.
                    start: Timestamp::from_second(self.start.as_second() + offset).ok()?,
                    step_secs: self.step_secs,
                    deltas: Vec::new(),
                    values: values.to_vec(),
                    signature: Vec::new(),
                    restate: false,
                })
            })
            .collect()
    }
}

/// Reads a file from its bytes; gzip and zstd are known by their first bytes.
///
/// # Errors
/// [`CsvError`], with the line.
pub fn read(bytes: &[u8], profile: &CsvProfile) -> Result<IntervalSeries, CsvError> {
    profile.check()?;
    let (text, compression) = unpack::text(bytes)?;
    let table = rows::read(&text, profile)?;
    let clocked = clock::place(table.rows, table.profile)?;
    let mut series = grid::lay(clocked, table.unit, compression)?;
    (series.report.unread, series.report.unread_count) = (table.unread, table.unread_count);
    Ok(series)
}
