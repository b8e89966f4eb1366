//! From the clock of the file to moments: midnights with the old date, which end of an interval a time stands for, hours
//! that occur twice or not at all.

use std::collections::BTreeMap;

use crate::error::{CsvError, local};
use crate::profile::{CsvProfile, MissingHour, RepeatedHour, Stamp};
use crate::rows::Row;
use crate::time::Kind;
use crate::zone::{Moments, Stretch, Stretches, Zone};

const DAY: i64 = 86_400;

/// Rows whose seconds are moments, the starts of their intervals.
pub(crate) struct Clocked {
    pub(crate) rows: Vec<Row>,
    /// Length of an interval, unless it shows only in the moments.
    pub(crate) step: i64,
    /// The profile with all that was found out.
    pub(crate) profile: CsvProfile,
    pub(crate) zone_assumed: bool,
    pub(crate) repaired_midnights: usize,
    pub(crate) repeated_hours: usize,
    pub(crate) missing_hours: usize,
    pub(crate) left_out: usize,
}

/// Places rows of a file, in its order, in time.
pub(crate) fn place(mut rows: Vec<Row>, mut profile: CsvProfile) -> Result<Clocked, CsvError> {
    let count = rows.len();
    if descends(&rows) {
        rows.reverse();
    }
    let daily = rows.iter().all(|row| row.kind == Kind::Date);
    let step = match profile.step_secs {
        Some(step) => i64::from(step),
        None if daily => DAY,
        None => rhythm(&seconds(&rows)).unwrap_or(0),
    };
    let repaired_midnights = if daily { 0 } else { repair_midnights(&mut rows, step) };
    let zoned = rows.iter().any(|row| row.kind != Kind::Moment);
    let zone_assumed = zoned && profile.zone.is_none();
    if profile.stamp == Stamp::Auto {
        // A midnight with the date of the day that ended is the end of that day's last interval.
        profile.stamp = if repaired_midnights > 0 { Stamp::End } else { stamp(&rows, step, daily) };
    }
    let (mut repeated_hours, mut missing_hours) = (0, 0);
    if zoned {
        let zone = profile.zone.get_or_insert_with(Zone::utc).clone();
        let mut local = Local { stretches: Stretches::around(&zone, &rows)?, zone, stamp: profile.stamp };
        if step == DAY {
            local.check_days(&rows)?;
        }
        repeated_hours = local.resolve(&mut rows, &profile)?;
        let moments = seconds(&rows);
        if let (Some(first), Some(last)) = (moments.first(), moments.last()) {
            missing_hours = local.stretches.missing_hours(*first, *last);
        }
    }
    // After the clocks are one, the rhythm shows also in a file of few hours around a change.
    let step = match profile.step_secs {
        None if !daily => rhythm(&seconds(&rows)).unwrap_or(step),
        _ => step,
    };
    if profile.stamp == Stamp::End {
        for row in &mut rows {
            row.second -= step;
        }
    }
    let left_out = count - rows.len();
    Ok(Clocked { rows, step, profile, zone_assumed, repaired_midnights, repeated_hours, missing_hours, left_out })
}

/// Whether most rows are earlier than the row before.
fn descends(rows: &[Row]) -> bool {
    let pairs = || rows.iter().zip(rows.iter().skip(1));
    let (falls, rises) =
        (pairs().filter(|(a, b)| b.second < a.second).count(), pairs().filter(|(a, b)| b.second > a.second).count());
    falls > rises
}

/// All seconds in order, each once.
pub(crate) fn seconds(rows: &[Row]) -> Vec<i64> {
    let mut seconds: Vec<i64> = rows.iter().map(|row| row.second).collect();
    seconds.sort_unstable();
    seconds.dedup();
    seconds
}

/// The most frequent distance of two times that follow each other; of several, the smallest.
pub(crate) fn rhythm(seconds: &[i64]) -> Option<i64> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in seconds.windows(2) {
        *counts.entry(pair[1] - pair[0]).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(step, _)| step)
}

/// Moves midnight rows that carry the date of the day that ended: a row at midnight that follows, in the file, the last
/// interval of the same date. How many.
fn repair_midnights(rows: &mut [Row], step: i64) -> usize {
    let midnight = |row: &Row| row.kind != Kind::Moment && row.second.rem_euclid(DAY) == 0;
    let follows = |rows: &[Row], i: usize| rows[i].second + DAY - rows[i - 1].second == step && step < DAY;
    let mut repaired = 0;
    for i in 1..rows.len() {
        if midnight(&rows[i]) && follows(rows, i) {
            rows[i].second += DAY;
            repaired += 1;
        }
    }
    // In a file that writes midnights so, one before which a row is missing is written so too: it is earlier than the row
    // before it, by less than a day.
    for i in 1..if repaired > 0 { rows.len() } else { 0 } {
        if midnight(&rows[i]) && (1..DAY).contains(&(rows[i - 1].second - rows[i].second)) {
            rows[i].second += DAY;
            repaired += 1;
        }
    }
    repaired
}

/// The end if the first time is one step after midnight and the last is midnight.
fn stamp(rows: &[Row], step: i64, daily: bool) -> Stamp {
    let local = rows.iter().all(|row| row.kind == Kind::Local || row.kind == Kind::Date);
    let (first, last) = (rows.iter().map(|row| row.second).min(), rows.iter().map(|row| row.second).max());
    let midnight = |second: Option<i64>, less: i64| second.is_some_and(|second| (second - less).rem_euclid(DAY) == 0);
    if local && !daily && step % DAY != 0 && midnight(first, step) && midnight(last, 0) {
        Stamp::End
    } else {
        Stamp::Start
    }
}

impl Stretches {
    fn around(zone: &Zone, rows: &[Row]) -> Result<Self, CsvError> {
        let seconds = || rows.iter().map(|row| row.second);
        Stretches::of(zone, seconds().min().unwrap_or(0), seconds().max().unwrap_or(0))
    }
}

/// Where clocks are put back: the rows, by index, whose local time occurs twice.
struct Twice {
    earlier: Stretch,
    later: Stretch,
    rows: Vec<usize>,
    /// Rows of the moment at which the later pass ends, which is the end of the earlier pass too.
    edges: Vec<usize>,
}

struct Local {
    stretches: Stretches,
    zone: Zone,
    stamp: Stamp,
}

impl Local {
    /// Refuses an interval of a day that has more or less than 24 hours.
    fn check_days(&self, rows: &[Row]) -> Result<(), CsvError> {
        let other = if self.stamp == Stamp::End { -DAY } else { DAY };
        for row in rows.iter().filter(|row| row.kind != Kind::Moment) {
            let moments = [row.second, row.second + other].map(|second| self.stretches.moments(second));
            if let [Moments::One(a), Moments::One(b)] = moments
                && (b - a).abs() != DAY
            {
                return Err(CsvError::UnevenDay {
                    line: row.line,
                    local: local(row.second.min(row.second + other)),
                    hours: hours((b - a).abs()),
                    zone: self.zone.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Turns local times into moments, and gives how many hours that occur twice were told apart.
    fn resolve(&mut self, rows: &mut Vec<Row>, profile: &CsvProfile) -> Result<usize, CsvError> {
        let ends = self.stamp == Stamp::End;
        let mut twice: BTreeMap<i64, Twice> = BTreeMap::new();
        let mut moments: Vec<Option<i64>> = Vec::with_capacity(rows.len());
        for (i, row) in rows.iter().enumerate() {
            if row.kind == Kind::Moment {
                moments.push(Some(row.second));
                continue;
            }
            let mut note = |earlier: Stretch, later: Stretch, edge: bool| {
                let twice = twice.entry(earlier.end).or_insert(Twice { earlier, later, rows: vec![], edges: vec![] });
                if edge { twice.edges.push(i) } else { twice.rows.push(i) }
            };
            moments.push(match (self.stretches.moments(row.second), self.stretches.moments_of_end(row.second)) {
                (Moments::One(moment), of_end) => {
                    if let (true, Moments::Two(earlier, later)) = (ends, of_end) {
                        note(earlier, later, true);
                    }
                    Some(moment)
                }
                // An interval may end as clocks are put forward, by the clock it began with.
                (Moments::None, Moments::One(moment)) if ends => Some(moment),
                (Moments::None, _) => self.missing(row, profile.missing_hour)?,
                (Moments::Two(earlier, later), _) => {
                    note(earlier, later, false);
                    Some(row.second - earlier.offset)
                }
            });
        }
        for twice in twice.values() {
            self.tell_apart(twice, rows, &mut moments, profile.repeated_hour)?;
        }
        let mut at = 0;
        rows.retain_mut(|row| {
            at += 1;
            moments[at - 1].inspect(|moment| row.second = *moment).is_some()
        });
        Ok(twice.values().filter(|twice| !twice.rows.is_empty()).count())
    }

    /// By order: two runs of rising times, the first in the earlier stretch.
    fn tell_apart(
        &self,
        twice: &Twice,
        rows: &[Row],
        moments: &mut [Option<i64>],
        rule: RepeatedHour,
    ) -> Result<(), CsvError> {
        let Twice { earlier, later, .. } = twice;
        let mut indices = twice.rows.clone();
        // Ends written as start + step: then the end of the hour occurs twice, and its start, an end too, once.
        let begin = earlier.end + later.offset;
        let begins: Vec<usize> = indices.iter().copied().filter(|i| rows[*i].second == begin).collect();
        if let ([begin], 2) = (&begins[..], twice.edges.len()) {
            indices.retain(|i| i != begin);
            indices.extend(&twice.edges);
            indices.sort_unstable();
        }
        let Some(first) = indices.first().copied() else { return Ok(()) };
        let restarts: Vec<usize> =
            (1..indices.len()).filter(|n| rows[indices[*n]].second <= rows[indices[*n - 1]].second).collect();
        let (second_from, problem) = match (&restarts[..], rule) {
            ([restart], _) => (Some(*restart), ""),
            ([], RepeatedHour::First) => (Some(indices.len()), ""),
            ([], RepeatedHour::Second) => (Some(0), ""),
            ([], RepeatedHour::Order) => (None, "the file gives that hour once"),
            _ => (None, "the file gives that hour not as two runs of rising times"),
        };
        let second_from = second_from.ok_or_else(|| CsvError::RepeatedHour {
            line: rows[first].line,
            local: local(rows[first].second),
            zone: self.zone.to_string(),
            problem,
        })?;
        for (n, i) in indices.into_iter().enumerate() {
            let stretch = if n < second_from { earlier } else { later };
            moments[i] = Some(rows[i].second - stretch.offset);
        }
        Ok(())
    }

    /// A time that does not occur: left out where the rule allows it.
    fn missing(&self, row: &Row, rule: MissingHour) -> Result<Option<i64>, CsvError> {
        let nothing = row.value.as_ref().is_none_or(|value| value.is_zero());
        match rule {
            MissingHour::LeaveOut if nothing => Ok(None),
            _ => Err(CsvError::MissingHour { line: row.line, local: local(row.second), zone: self.zone.to_string() }),
        }
    }
}

/// `23` or `24.5`.
fn hours(seconds: i64) -> String {
    (seconds as f64 / 3_600.0).to_string()
}
