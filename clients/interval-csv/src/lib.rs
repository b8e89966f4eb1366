//! Interval readings from a CSV file, plain or gzip: onto a strict grid, with a report of what was repaired and what is
//! missing.
//!
//! The first line names the columns. Without options the column of times is the first named `time`, `timestamp`,
//! `start`, `interval_start`, `datetime` or `date`, and the column of values the first named `value`, `usage`,
//! `consumption`, `energy` or `kwh`, alone or followed by `_` and a unit (`value_kwh`, `Usage_kWh`); letters of either
//! case. Times are RFC 3339, or `2023-01-31 13:45[:00]`, or day first `31/1/2023 13:45`, without zone at the offset that
//! the options state. Values are plain decimals with a point; an empty one is missing.

use std::collections::BTreeMap;
use std::io::Read;

use jiff::{Timestamp, civil};
use quantity::{Decimal, DecimalError, Unit};
use record::reading::{MAX_BATCH_ROWS, MAX_STEP_SECS, ReadingBatch};

/// Largest file read, before and after decompression.
pub const MAX_BYTES: usize = 64 << 20;
/// Most rows, and most intervals of the grid: 28 years of 15 minutes.
pub const MAX_ROWS: usize = 1_000_000;
/// Lines that a report names one by one.
pub const MAX_NAMED_LINES: usize = 100;

/// Which end of its interval a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stamp {
    /// The end if the first time is one step after midnight and the last is midnight, the start otherwise.
    #[default]
    Auto,
    /// Its start.
    Start,
    /// Its end.
    End,
}

/// How a file is read; the default finds out by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// Name of the column of times.
    pub time_column: Option<String>,
    /// Name of the column of values.
    pub value_column: Option<String>,
    /// Unit of the values; by default from the column's name.
    pub unit: Option<Unit>,
    /// Resolution of the values; by default the finest of the file.
    pub resolution: Option<Decimal>,
    /// Length of an interval in seconds; by default the smallest distance of two times.
    pub step_secs: Option<u32>,
    /// Which end of its interval a time stands for.
    pub stamp: Stamp,
    /// Offset from UTC, in seconds, of times that state none.
    pub offset_secs: i32,
}

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvReport {
    /// Data rows.
    pub rows: usize,
    /// Which end of an interval the times were taken for.
    pub stamp: Stamp,
    /// Rows of midnight that carried the date of the day that ended, moved to the day that began.
    pub repaired_midnights: usize,
    /// Rows that stood twice with one value, taken once.
    pub duplicates: usize,
    /// Intervals of the grid without a value.
    pub missing: usize,
    /// Single intervals of zero between two that are not: likely drop-outs. They are kept as zero. At most
    /// [`MAX_NAMED_LINES`] are named.
    pub drop_outs: Vec<DropOut>,
    /// How many drop-outs there are.
    pub drop_out_count: usize,
    /// Exact sum of the values, in the unit.
    pub total: Decimal,
}

/// A suspicious zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropOut {
    /// Line in the file, from 1.
    pub line: u64,
    /// Start of the interval.
    pub start: Timestamp,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Larger than [`MAX_BYTES`].
    #[error("the file is larger than {MAX_BYTES} bytes; split it")]
    TooLarge,
    /// Broken compression.
    #[error("the gzip data is broken: {problem}; obtain the file again")]
    Gzip {
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
    #[error("line 1: fields are separated by {found}; separate them by commas, and write decimals with a point (1.5)")]
    Separator {
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
    /// A column was not found.
    #[error("line 1 names the columns {found}, and none of {what}; name it {names}")]
    NoColumn {
        /// Times or values.
        what: &'static str,
        /// Columns found.
        found: String,
        /// What it may be called.
        names: &'static str,
    },
    /// No unit stated, and none in the column's name.
    #[error(
        "line 1: the column {column:?} names no unit; write it behind the name, such as energy_kwh, _mwh, _wh or _gj"
    )]
    NoUnit {
        /// The column of values.
        column: String,
    },
    /// No data row.
    #[error("the file has no reading below its first line")]
    Empty,
    /// The times are all one: how long an interval is cannot be known.
    #[error("line {line}: the only time in the file; with two or more, the length of an interval is known")]
    OneTime {
        /// Line, from 1.
        line: u64,
    },
    /// More than [`MAX_ROWS`] rows, or a grid of more intervals.
    #[error("line {line}: more than {MAX_ROWS} intervals; split the file")]
    TooManyRows {
        /// Line, from 1.
        line: u64,
    },
    /// A time that is none.
    #[error(
        "line {line}, column {column:?}: {text:?} is no time; expected 2023-01-31T13:45:00Z, 2023-01-31 13:45 or \
         31/1/2023 13:45"
    )]
    Time {
        /// Line, from 1.
        line: u64,
        /// The column of times.
        column: String,
        /// The text, cut.
        text: String,
    },
    /// Times at the edge of what a time can be.
    #[error("the times are not between the years -9999 and 9999; correct them")]
    TimeRange,
    /// A value with a comma in it.
    #[error(
        "line {line}, column {column:?}: {text:?} has a comma; write decimals with a point (1.5), thousands without"
    )]
    Comma {
        /// Line, from 1.
        line: u64,
        /// The column of values.
        column: String,
        /// The text, cut.
        text: String,
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
    /// A time between the points of the grid.
    #[error("line {line}: the time is not a whole number of {step_secs} s intervals after the first; correct it")]
    OffGrid {
        /// Line, from 1.
        line: u64,
        /// Length of an interval: the smallest distance of two times, unless stated.
        step_secs: u32,
    },
    /// Two values for one interval.
    #[error("line {line}: another value for the interval of line {first_line}; keep one of them")]
    Conflict {
        /// Line, from 1.
        line: u64,
        /// Line of the first value.
        first_line: u64,
    },
}

impl IntervalSeries {
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
                    values: values.to_vec(),
                })
            })
            .collect()
    }
}

struct Row {
    line: u64,
    /// Seconds since 1970 by the file's own clock.
    time: i64,
    value: Option<Decimal>,
}

/// Reads a file from its bytes; gzip is known by its first two bytes.
///
/// # Errors
/// [`CsvError`], with the line.
pub fn read(bytes: &[u8], options: &CsvOptions) -> Result<IntervalSeries, CsvError> {
    let text = text(bytes)?;
    let mut rows = rows(&text, options)?;
    let repaired_midnights = repair_midnights(&mut rows.rows, options.step_secs);
    let (Some(first_row), Some(last_row)) = (rows.rows.first(), rows.rows.last()) else { return Err(CsvError::Empty) };
    let (first_time, last_time) = (first_row.time, last_row.time);

    // One value an interval, in order of time.
    let mut values: BTreeMap<i64, &Row> = BTreeMap::new();
    let mut duplicates = 0;
    for row in &rows.rows {
        match values.get(&row.time) {
            None => {
                values.insert(row.time, row);
            }
            Some(first) if first.value.as_ref().map(Decimal::to_f64) == row.value.as_ref().map(Decimal::to_f64) => {
                duplicates += 1;
            }
            Some(first) => return Err(CsvError::Conflict { line: row.line, first_line: first.line }),
        }
    }
    if values.len() == 1 && options.step_secs.is_none() {
        return Err(CsvError::OneTime { line: first_row.line });
    }
    let step_secs = step(&values, options.step_secs)?;
    let step = i64::from(step_secs);
    let resolution = match &options.resolution {
        Some(resolution) if !resolution.is_zero() && !resolution.is_negative() => resolution.clone(),
        _ => finest(&rows.rows),
    };

    let (Some(first), Some(last)) = (values.keys().next().copied(), values.keys().next_back().copied()) else {
        return Err(CsvError::Empty);
    };
    let count = (last - first) / step + 1;
    if count > MAX_ROWS as i64 {
        return Err(CsvError::TooManyRows { line: values.get(&last).map_or(0, |row| row.line) });
    }
    let mut grid: Vec<Option<i64>> = vec![None; count as usize];
    let mut lines: Vec<u64> = vec![0; count as usize];
    let mut total: i128 = 0;
    for (time, row) in &values {
        if (time - first) % step != 0 {
            return Err(CsvError::OffGrid { line: row.line, step_secs });
        }
        let index = ((time - first) / step) as usize;
        if let Some(value) = &row.value {
            let units = units(value, &resolution).ok_or_else(|| CsvError::Resolution {
                line: row.line,
                text: value.to_string(),
                resolution: resolution.clone(),
            })?;
            total += i128::from(units);
            grid[index] = Some(units);
        }
        lines[index] = row.line;
    }

    let local_midnight = |time: i64| time.rem_euclid(86_400) == 0;
    let stamp = match options.stamp {
        Stamp::Auto if rows.local && local_midnight(first_time - step) && local_midnight(last_time) => Stamp::End,
        Stamp::Auto => Stamp::Start,
        stated => stated,
    };
    let offset = if rows.local { i64::from(options.offset_secs) } else { 0 };
    let start_second = first - offset - if stamp == Stamp::End { step } else { 0 };
    let start = Timestamp::from_second(start_second).map_err(|_| CsvError::TimeRange)?;
    Timestamp::from_second(start_second + count * step).map_err(|_| CsvError::TimeRange)?;

    let mut drop_outs = Vec::new();
    let mut drop_out_count = 0;
    for (index, triple) in grid.windows(3).enumerate() {
        if let [Some(before), Some(0), Some(after)] = triple
            && *before != 0
            && *after != 0
        {
            drop_out_count += 1;
            if drop_outs.len() < MAX_NAMED_LINES
                && let Ok(start) = Timestamp::from_second(start_second + (index as i64 + 1) * step)
            {
                drop_outs.push(DropOut { line: lines[index + 1], start });
            }
        }
    }
    let (mantissa, exponent) = resolution.scaled();
    let total = total
        .checked_mul(mantissa)
        .and_then(|total| Decimal::from_scaled(total, exponent).ok())
        .ok_or(CsvError::Sum)?;
    let report = CsvReport {
        rows: rows.rows.len(),
        stamp,
        repaired_midnights,
        duplicates,
        missing: grid.iter().filter(|value| value.is_none()).count(),
        drop_outs,
        drop_out_count,
        total,
    };
    Ok(IntervalSeries { unit: rows.unit, resolution, start, step_secs, values: grid, lines, report })
}

fn text(bytes: &[u8]) -> Result<String, CsvError> {
    if bytes.len() > MAX_BYTES {
        return Err(CsvError::TooLarge);
    }
    let plain = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        // One byte more than allowed tells a file that is too large.
        flate2::read::MultiGzDecoder::new(bytes)
            .take(MAX_BYTES as u64 + 1)
            .read_to_end(&mut plain)
            .map_err(|error| CsvError::Gzip { problem: error.to_string() })?;
        if plain.len() > MAX_BYTES {
            return Err(CsvError::TooLarge);
        }
        plain
    } else {
        bytes.to_vec()
    };
    let text = String::from_utf8(plain).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() as u64;
        CsvError::Encoding { line }
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

struct Rows {
    rows: Vec<Row>,
    unit: Unit,
    /// Whether the times state no offset.
    local: bool,
}

fn rows(text: &str, options: &CsvOptions) -> Result<Rows, CsvError> {
    if text.trim().is_empty() {
        return Err(CsvError::Blank);
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    // After CRLF the reader places a record on the line feed before it, one line too early.
    let line = |position: Option<&csv::Position>| {
        position.map_or(1, |position| {
            let on_line_feed = text.as_bytes().get(position.byte() as usize) == Some(&b'\n');
            position.line() + u64::from(on_line_feed)
        })
    };
    let row_error = |error: csv::Error| CsvError::Row {
        line: line(error.position()),
        problem: match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
                "{len} fields, where the first line names {expected_len}; write decimals with a point (1.5), and a comma \
                 between fields alone"
            ),
            _ => error.to_string(),
        },
    };
    let header = reader.headers().map_err(row_error)?.clone();
    if header.len() == 1 {
        let found = header.get(0).unwrap_or_default();
        if let Some((_, found)) = SEPARATORS.iter().find(|(separator, _)| found.contains(*separator)) {
            return Err(CsvError::Separator { found });
        }
    }
    let (time_column, _) = column(&header, "times", options.time_column.as_deref(), &TIME_NAMES)?;
    let (value_column, suffix) = column(&header, "values", options.value_column.as_deref(), &VALUE_NAMES)?;
    let unit = options.unit.or_else(|| UNIT_SUFFIXES.iter().find(|(name, _)| *name == suffix).map(|(_, unit)| *unit));
    let cut = |text: &str| text.chars().take(64).collect::<String>();
    let name = |column: usize| cut(header.get(column).unwrap_or_default());
    let unit = unit.ok_or_else(|| CsvError::NoUnit { column: name(value_column) })?;
    let mut rows = Vec::new();
    let mut local = true;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(row_error)? {
        let line = line(record.position());
        if rows.len() >= MAX_ROWS {
            return Err(CsvError::TooManyRows { line });
        }
        let field = record.get(time_column).unwrap_or_default();
        let (time, states_offset) =
            time(field).ok_or_else(|| CsvError::Time { line, column: name(time_column), text: cut(field) })?;
        local &= !states_offset;
        let value = match record.get(value_column).unwrap_or_default() {
            "" => None,
            field => {
                let (column, text) = (|| name(value_column), || cut(field));
                Some(field.parse().map_err(|problem| match field.contains(',') {
                    true => CsvError::Comma { line, column: column(), text: text() },
                    false => CsvError::Value { line, column: column(), text: text(), problem },
                })?)
            }
        };
        rows.push(Row { line, time, value });
    }
    Ok(Rows { rows, unit, local })
}

/// What stands between fields in place of a comma, and its name.
const SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
const TIME_NAMES: [&str; 6] = ["time", "timestamp", "start", "interval_start", "datetime", "date"];
const VALUE_NAMES: [&str; 5] = ["value", "usage", "consumption", "energy", "kwh"];
const UNIT_SUFFIXES: [(&str, Unit); 8] = [
    ("kwh", Unit::Kilowatthour),
    ("mwh", Unit::Megawatthour),
    ("wh", Unit::Watthour),
    ("gj", Unit::Gigajoule),
    ("m3", Unit::CubicMetre),
    ("t", Unit::Tonne),
    ("kg", Unit::Kilogram),
    ("l", Unit::Litre),
];

/// Index of a column and the unit in its name, both in lower case.
fn column(
    header: &csv::StringRecord,
    what: &'static str,
    stated: Option<&str>,
    names: &[&str],
) -> Result<(usize, String), CsvError> {
    let suffix = |name: &str| name.rsplit('_').next().unwrap_or_default().to_owned();
    let lower: Vec<String> = header.iter().map(str::to_lowercase).collect();
    let found = match stated {
        Some(stated) => header.iter().position(|name| name == stated),
        None => names.iter().find_map(|wanted| {
            lower.iter().position(|name| {
                let rest = name.strip_prefix(wanted);
                rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('_') && what == "values"))
            })
        }),
    };
    match found {
        Some(index) => Ok((index, suffix(&lower[index]))),
        None => {
            let found: Vec<&str> = header.iter().take(20).collect();
            let names = match what {
                "times" => "time, timestamp, start, interval_start, datetime or date",
                _ => "kwh, or energy, value, usage or consumption with the unit behind it, such as energy_kwh",
            };
            Err(CsvError::NoColumn { what, found: found.join(", ").chars().take(400).collect(), names })
        }
    }
}

/// Seconds since 1970 by the clock of the text, in UTC when it states an offset, and whether it does.
fn time(text: &str) -> Option<(i64, bool)> {
    if text.len() > 40 {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return (time.subsec_nanosecond() == 0).then(|| (time.as_second(), true));
    }
    let (date, clock) = text.split_once(['T', ' '])?;
    let number = |text: &str, most: usize| -> Option<i16> {
        let fits = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
        if fits { text.parse().ok() } else { None }
    };
    let parts: Vec<&str> = date.split(['/', '-', '.']).collect();
    let [one, two, three] = parts[..] else { return None };
    let (year, month, day) = if date.contains('-') {
        (number(one, 4)?, number(two, 2)?, number(three, 2)?)
    } else {
        (number(three, 4)?, number(two, 2)?, number(one, 2)?)
    };
    let mut parts = clock.trim_start().split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None => 0,
    };
    if parts.next().is_some() || year < 1900 {
        return None;
    }
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|n| i8::try_from(n).ok());
    let date = civil::DateTime::new(year, month?, day?, hour?, minute?, second?, 0).ok()?;
    Some((jiff::tz::Offset::UTC.to_timestamp(date).ok()?.as_second(), false))
}

/// Moves midnight rows that carry the date of the day that ended: a row at midnight that follows, in the file, the last
/// interval of the same date.
fn repair_midnights(rows: &mut [Row], step_secs: Option<u32>) -> usize {
    let mut repaired = 0;
    for i in 1..rows.len() {
        let (before, time) = (rows[i - 1].time, rows[i].time);
        let gap = time + 86_400 - before;
        let one_step = match step_secs {
            Some(step) => gap == i64::from(step),
            // The step before this row, where there is one.
            None => i >= 2 && gap == before - rows[i - 2].time,
        };
        if time.rem_euclid(86_400) == 0 && gap > 0 && one_step {
            rows[i].time += 86_400;
            repaired += 1;
        }
    }
    repaired
}

fn step(values: &BTreeMap<i64, &Row>, stated: Option<u32>) -> Result<u32, CsvError> {
    let smallest = || values.keys().zip(values.keys().skip(1)).map(|(a, b)| b - a).min();
    let step = match stated {
        Some(step) => Some(i64::from(step)),
        None => smallest(),
    };
    let step = step.and_then(|step| u32::try_from(step).ok()).ok_or(CsvError::Step)?;
    if (1..=MAX_STEP_SECS).contains(&step) { Ok(step) } else { Err(CsvError::Step) }
}

/// The finest power of ten that any value is written to.
fn finest(rows: &[Row]) -> Decimal {
    let least = rows.iter().filter_map(|row| row.value.as_ref()).map(|value| value.scaled().1).min().unwrap_or(0);
    // At most 78 places: the text of a decimal is bounded.
    Decimal::from_scaled(1, least).unwrap_or_else(|_| Decimal::from(1))
}

/// `value ÷ resolution`, when it is a whole number that a reading can hold.
fn units(value: &Decimal, resolution: &Decimal) -> Option<i64> {
    let ((value, value_exponent), (step, step_exponent)) = (value.scaled(), resolution.scaled());
    let power = 10i128.checked_pow((value_exponent - step_exponent).unsigned_abs())?;
    let (value, step) = if value_exponent >= step_exponent {
        (value.checked_mul(power)?, step)
    } else {
        (value, step.checked_mul(power)?)
    };
    if value % step == 0 { i64::try_from(value / step).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::path::PathBuf;

    fn plain(text: &str) -> Result<IntervalSeries, CsvError> {
        read(text.as_bytes(), &CsvOptions::default())
    }

    #[test]
    fn plain_files() {
        let series =
            plain("time,value_kwh\n2023-01-01T00:00:00Z,1.5\n2023-01-01T00:30:00Z,2\n2023-01-01T00:15:00Z,\n").unwrap();
        assert_eq!(series.values, [Some(15), None, Some(20)]);
        assert_eq!((series.step_secs, series.unit, series.report.stamp), (900, Unit::Kilowatthour, Stamp::Start));
        assert_eq!(series.report.total.as_str(), "3.5");
        assert_eq!(series.report.missing, 1);
        let options = CsvOptions { offset_secs: 8 * 3600, ..CsvOptions::default() };
        let series = read(b"Date,Usage_MWh\n2023-01-01 08:00,1\n2023-01-01 09:00,2\n", &options).unwrap();
        assert_eq!(series.start.to_string(), "2023-01-01T00:00:00Z");
    }

    #[track_caller]
    fn refused(text: &str, wanted: impl Fn(&CsvError) -> bool) {
        let error = plain(text).unwrap_err();
        assert!(wanted(&error), "{error}");
    }

    #[test]
    fn errors_name_the_line() {
        refused("", |e| matches!(e, CsvError::Blank));
        refused("\n \n", |e| matches!(e, CsvError::Blank));
        refused("when,value_kwh\n", |e| matches!(e, CsvError::NoColumn { what: "times", .. }));
        refused("time,amount\n", |e| matches!(e, CsvError::NoColumn { what: "values", .. }));
        refused("time;value_kwh\n", |e| matches!(e, CsvError::Separator { found: "semicolons" }));
        refused("time\tvalue_kwh\n", |e| matches!(e, CsvError::Separator { found: "tabs" }));
        refused("time,value_kwh\n2023-01-01T00:00:00Z,\"1,5\"\n", |e| matches!(e, CsvError::Comma { line: 2, .. }));
        refused("time,value_kwh\r\n2023-01-01T00:00:00Z,1\r\n2023-01-01T00:15:00Z,1,5\r\n", |e| {
            matches!(e, CsvError::Row { line: 3, .. })
        });
        refused("time,value_kwh\n", |e| matches!(e, CsvError::Empty));
        refused("time,value\n2023-01-01T00:00:00Z,1\n", |e| matches!(e, CsvError::NoUnit { .. }));
        refused("time,value_kwh\nyesterday,1\n", |e| matches!(e, CsvError::Time { line: 2, .. }));
        refused("time,value_kwh\n2023-02-30 00:00,1\n", |e| matches!(e, CsvError::Time { line: 2, .. }));
        refused("time,value_kwh\n2023-01-01T00:00:00Z,1e5\n", |e| matches!(e, CsvError::Value { line: 2, .. }));
        refused("time,value_kwh\n2023-01-01T00:00:00Z,1\n", |e| matches!(e, CsvError::OneTime { line: 2 }));
        refused("time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-03T00:00:00Z,1\n", |e| matches!(e, CsvError::Step));
        refused("time,value_kwh\n2023-01-01T00:00:00Z\n", |e| matches!(e, CsvError::Row { line: 2, .. }));
        let off = "time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-01T00:15:00Z,1\n2023-01-01T00:40:00Z,1\n";
        refused(off, |e| matches!(e, CsvError::OffGrid { line: 4, .. }));
        let twice = "time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-01T00:15:00Z,1\n2023-01-01T00:15:00Z,2\n";
        refused(twice, |e| matches!(e, CsvError::Conflict { line: 4, first_line: 3 }));
        let far = "time,value_kwh\n1970-01-01T00:00:00Z,1\n1970-01-01T00:00:01Z,1\n2023-01-01T00:15:00Z,2\n";
        refused(far, |e| matches!(e, CsvError::TooManyRows { line: 4 }));
        assert!(matches!(read(&[0x1f, 0x8b, 1, 2], &CsvOptions::default()), Err(CsvError::Gzip { .. })));
        assert!(matches!(read(b"time,value_kwh\n\xff", &CsvOptions::default()), Err(CsvError::Encoding { line: 2 })));
    }

    #[test]
    fn a_gzip_bomb_is_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..(MAX_BYTES >> 20) + 1 {
            encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        assert_eq!(read(&encoder.finish().unwrap(), &CsvOptions::default()), Err(CsvError::TooLarge));
    }

    #[test]
    fn the_steel_plant_of_2018() {
        let shared = std::env::var_os("TOUCHSTONE_SHARED")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
        let path = shared.join("data/steel_industry_2018.csv.gz");
        let Ok(bytes) = std::fs::read(&path) else {
            println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
            return;
        };
        // The plant's clock is that of Korea, UTC+9.
        let options = CsvOptions { offset_secs: 9 * 3600, ..CsvOptions::default() };
        let series = read(&bytes, &options).unwrap();
        assert_eq!((series.values.len(), series.step_secs), (35_040, 900));
        assert_eq!(series.start.to_string(), "2017-12-31T15:00:00Z");
        assert_eq!(series.report.total.as_str(), "959636.71");
        assert_eq!(series.report.stamp, Stamp::End);
        assert_eq!((series.report.repaired_midnights, series.report.missing, series.report.duplicates), (365, 0, 0));
        assert_eq!(series.report.drop_out_count, 1);
        assert_eq!(series.report.drop_outs[0].line, 29_857);
        assert_eq!(series.batches("organizations/o/sites/s/instruments/i").len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, &CsvOptions::default());
        }

        #[test]
        fn mutated_files_are_read_or_refused(at in 0usize..100, with in any::<u8>(), cut in 0usize..140) {
            let mut bytes = b"date,Usage_kWh\n1/1/2018 23:30,3.17\n1/1/2018 23:45,4\n1/1/2018 0:00,3.24\n2/1/2018 0:15,3.31\n".to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
            bytes.truncate(cut);
            let _ = read(&bytes, &CsvOptions::default());
        }
    }
}
