//! Gaps: where they are, and what a scheme lets stand in for what was not measured.

use jiff::Timestamp;
use record::instrument::Period;
use record::reading::{Gap, Reading};
use serde::{Deserialize, Serialize};

/// What to do with missing readings. The rule belongs to the scheme and is data of it.
///
/// A cumulative register has none between two of its states, however far apart: their difference holds what passed, no
/// rule is applied to it, and [`Consumption::spanned_secs`](crate::Consumption::spanned_secs) says how long that was. Only
/// before its first and after its last state something is missing; `Linear` and `Percentile`, which close gaps by readings
/// of intervals, refuse that with [`MeteringError::OpenEnd`](crate::MeteringError::OpenEnd).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum GapRule {
    /// They are an error.
    Refuse,
    /// They add nothing to the sum; their share is stated, and they are a source of uncertainty: the quantity that the
    /// mean of the other readings would give, as half-width of a rectangular distribution.
    Mark,
    /// Gaps of at most `most_intervals` are closed by the mean of the readings beside them, with one standard deviation
    /// of the period's readings for each interval as standard uncertainty, fully correlated. Longer ones are an error.
    Linear {
        /// Longest gap closed, in intervals.
        most_intervals: u32,
    },
    /// Each missing interval is taken as a percentile of the readings at the same time of day, high enough to be
    /// conservative; what that is above their median is the half-width of a rectangular distribution.
    Percentile {
        /// Percentile, 50 to 100.
        percentile: u8,
    },
}

/// The stretches of `period` that no reading covers. Readings in order of time.
pub fn gaps(readings: impl Iterator<Item = Reading>, period: &Period) -> Vec<Gap> {
    let mut found = Finder::new(period);
    for reading in readings {
        found.cover(reading.start_second(), reading.end_second());
    }
    found.finish()
}

/// Collects the gaps between stretches that are covered.
pub(crate) struct Finder {
    covered: i64,
    end: i64,
    found: Vec<Gap>,
}

impl Finder {
    pub(crate) fn new(period: &Period) -> Self {
        Finder { covered: period.start.as_second(), end: period.end.as_second(), found: Vec::new() }
    }

    /// The stretch from `start` to `end` is covered; stretches come in order of time. Returns the gap before it.
    pub(crate) fn cover(&mut self, start: i64, end: i64) -> Option<(i64, i64)> {
        let gap = (self.covered, start.min(self.end));
        let is_gap = gap.0 < gap.1;
        if is_gap {
            self.push(gap);
        }
        self.covered = self.covered.max(end);
        is_gap.then_some(gap)
    }

    pub(crate) fn finish(mut self) -> Vec<Gap> {
        let last = (self.covered, self.end);
        if last.0 < last.1 {
            self.push(last);
        }
        self.found
    }

    fn push(&mut self, (start, end): (i64, i64)) {
        if let (Ok(start), Ok(end)) = (Timestamp::from_second(start), Timestamp::from_second(end)) {
            self.found.push(Gap { start, end });
        }
    }
}

/// The values of a period by time of day, from which percentiles are taken.
#[derive(Default)]
pub(crate) struct Comparable {
    /// Start within the day, and value; sorted once all are in.
    values: Vec<(u32, i64)>,
}

const DAY_SECS: i64 = 86_400;

impl Comparable {
    pub(crate) fn add(&mut self, start: i64, value: i64) {
        // Below 86,400.
        self.values.push((start.rem_euclid(DAY_SECS) as u32, value));
    }

    pub(crate) fn sort(&mut self) {
        self.values.sort_unstable();
    }

    /// The percentile and the median of the values at the time of day of `start`, or of all values where there is none:
    /// nearest rank, so that a percentile is always a value that was read.
    pub(crate) fn percentile(&self, start: i64, percentile: u8) -> Option<(i64, i64)> {
        let slot = start.rem_euclid(DAY_SECS) as u32;
        let from = self.values.partition_point(|(at, _)| *at < slot);
        let until = self.values.partition_point(|(at, _)| *at <= slot);
        let mut all: Vec<i64>;
        let values: Vec<i64> = match from < until {
            true => self.values[from..until].iter().map(|(_, value)| *value).collect(),
            false => {
                all = self.values.iter().map(|(_, value)| *value).collect();
                all.sort_unstable();
                all
            }
        };
        let rank = |percent: u8| {
            let rank = (values.len() * usize::from(percent.min(100))).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied()
        };
        Some((rank(percentile)?, rank(50)?))
    }
}
