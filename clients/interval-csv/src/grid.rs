//! From rows to a strict grid.

use std::collections::BTreeMap;

use jiff::Timestamp;
use quantity::{Decimal, Unit};
use record::reading::MAX_STEP_SECS;

use crate::clock::{self, Clocked};
use crate::error::CsvError;
use crate::profile::CsvProfile;
use crate::rows::Row;
use crate::unpack::Compression;
use crate::{CsvReport, DropOut, IntervalSeries, MAX_NAMED_LINES, MAX_ROWS};

/// Lays rows on a grid.
pub(crate) fn lay(clocked: Clocked, unit: Unit, compression: Compression) -> Result<IntervalSeries, CsvError> {
    let Clocked { mut rows, profile, .. } = clocked;
    let seconds = clock::seconds(&rows);
    let (Some(first), Some(last)) = (seconds.first().copied(), seconds.last().copied()) else {
        return Err(CsvError::Empty);
    };
    if clocked.step == 0 {
        return Err(CsvError::OneTime { line: rows[0].line });
    }
    let step_secs = u32::try_from(clocked.step).ok().filter(|step| (1..=MAX_STEP_SECS).contains(step));
    let step_secs = step_secs.ok_or(CsvError::Step)?;
    let step = i64::from(step_secs);
    rows.sort_by_key(|row| (row.second, row.line));
    check_phase(&rows, &seconds, step_secs)?;
    let count = (last - first) / step + 1;
    if count > MAX_ROWS as i64 {
        return Err(CsvError::TooManyRows { line: after_longest_hole(&rows) });
    }

    let resolution = profile.resolution.clone().unwrap_or_else(|| finest(&rows));
    let mut values: Vec<Option<i64>> = vec![None; count as usize];
    let mut lines: Vec<u64> = vec![0; count as usize];
    let mut duplicates = 0;
    let mut total: i128 = 0;
    for row in &rows {
        // On the grid, as checked: from 0 to count - 1.
        let index = ((row.second - first) / step) as usize;
        let units = match &row.value {
            None => None,
            Some(value) => Some(units(value, &resolution).ok_or_else(|| CsvError::Resolution {
                line: row.line,
                text: value.to_string(),
                resolution: resolution.clone(),
            })?),
        };
        if lines[index] == 0 {
            (lines[index], values[index]) = (row.line, units);
            total += i128::from(units.unwrap_or(0));
        } else if values[index] == units {
            duplicates += 1;
        } else {
            return Err(CsvError::Conflict { line: row.line, first_line: lines[index] });
        }
    }

    let start = Timestamp::from_second(first).map_err(|_| CsvError::TimeRange)?;
    Timestamp::from_second(first + count * step).map_err(|_| CsvError::TimeRange)?;
    let (mantissa, exponent) = resolution.scaled();
    let total = total
        .checked_mul(mantissa)
        .and_then(|total| Decimal::from_scaled(total, exponent).ok())
        .ok_or(CsvError::Sum)?;
    let (drop_outs, drop_out_count) = drop_outs(&values, &lines, first, step);
    let report = CsvReport {
        compression,
        profile: CsvProfile { resolution: Some(resolution.clone()), step_secs: Some(step_secs), ..profile },
        zone_assumed: clocked.zone_assumed,
        rows: rows.len() + clocked.left_out,
        repaired_midnights: clocked.repaired_midnights,
        repeated_hours: clocked.repeated_hours,
        missing_hours: clocked.missing_hours,
        left_out: clocked.left_out,
        duplicates,
        missing: values.iter().filter(|value| value.is_none()).count(),
        drop_outs,
        drop_out_count,
        unread: Vec::new(),
        unread_count: 0,
        total,
    };
    Ok(IntervalSeries { unit, resolution, start, step_secs, values, lines, report })
}

/// Refuses the first row of the file that is off the grid of most times.
fn check_phase(rows: &[Row], seconds: &[i64], step_secs: u32) -> Result<(), CsvError> {
    let phase = |second: i64| second.rem_euclid(i64::from(step_secs));
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for second in seconds {
        *counts.entry(phase(*second)).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    // Of several, the one of the first time.
    let common = seconds.iter().map(|second| phase(*second)).find(|phase| counts.get(phase) == Some(&most));
    let off = rows.iter().filter(|row| Some(phase(row.second)) != common);
    match off.map(|row| row.line).min() {
        Some(line) => Err(CsvError::OffGrid { line, step_secs }),
        None => Ok(()),
    }
}

fn after_longest_hole(rows: &[Row]) -> u64 {
    let pairs = rows.iter().zip(rows.iter().skip(1));
    pairs.max_by_key(|(a, b)| b.second - a.second).map_or(0, |(_, row)| row.line)
}

/// Single intervals of zero between two that are not: the first of them, and how many.
fn drop_outs(values: &[Option<i64>], lines: &[u64], first: i64, step: i64) -> (Vec<DropOut>, usize) {
    let zero = |i: &usize| match values[i - 1..=i + 1] {
        [Some(before), Some(0), Some(after)] => before != 0 && after != 0,
        _ => false,
    };
    let found: Vec<usize> = (1..values.len().saturating_sub(1)).filter(zero).collect();
    let named = found.iter().take(MAX_NAMED_LINES).filter_map(|i| {
        // The whole grid lies in the range of time.
        let start = Timestamp::from_second(first + *i as i64 * step).ok()?;
        Some(DropOut { line: lines[*i], start })
    });
    (named.collect(), found.len())
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
