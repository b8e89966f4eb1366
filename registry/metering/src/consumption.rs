//! What an instrument registered in a period.

use std::borrow::Cow;

use jiff::Timestamp;
use quantity::{Decimal, Kind, Unit};
use record::evidence::{InstrumentEvidence, Series};
use record::instrument::{Instrument, Period, Register};
use record::reading::Gap;
use uncertainty::{Measured, SourceId};

use crate::gaps::{Comparable, Finder, GapRule};
use crate::rules::{EdgeRule, MeteringError, Rules};
use crate::sums::{SQRT_3, SQRT_12, Sums};

/// Consecutive readings without a gap between them, in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    /// First second of the first interval, since 1970-01-01T00:00:00Z.
    pub start: i64,
    /// Length of each interval, in seconds.
    pub step: u32,
    /// Values in register units.
    pub values: Cow<'a, [i64]>,
}

impl Run<'_> {
    fn end(&self) -> i64 {
        self.start + self.values.len() as i64 * i64::from(self.step)
    }
}

/// The runs of a series: cut where a reading is missing.
pub fn runs(series: &Series) -> impl Iterator<Item = Run<'static>> + '_ {
    let (start, step) = (series.start.as_second(), i64::from(series.step_secs));
    let mut index = 0;
    std::iter::from_fn(move || {
        index += series.values[index..].iter().position(Option::is_some)?;
        let first = index;
        let values: Vec<i64> = series.values[first..].iter().map_while(|value| *value).collect();
        index += values.len();
        Some(Run { start: start + first as i64 * step, step: series.step_secs, values: Cow::Owned(values) })
    })
}

/// A quantity from measurement, with what is needed to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumption<K> {
    /// The quantity, corrected for the measured errors of the instruments, with its uncertainty by source.
    pub quantity: Measured<K>,
    /// The sum as registered, every digit, without what a rule put in place of gaps or split off at the edges.
    pub registered: Decimal,
    /// Unit of that sum.
    pub unit: Unit,
    /// What the gap rule put in place of missing readings, in base units; part of `quantity`.
    pub substituted: f64,
    /// Share of the registered quantity that lies under a valid calibration, 0 to 1.
    pub calibrated_share: f64,
    /// Seconds of the period without reading.
    pub missing_secs: i64,
    /// Seconds of the period that should have readings: 0 where nothing is metered by time.
    pub metered_secs: i64,
    /// Seconds between states of a cumulative register further apart than they were read before: nothing is missing there
    /// and no gap rule was applied, since the difference holds what passed. 0 for interval registers.
    pub spanned_secs: i64,
    /// The stretches without reading.
    pub gaps: Vec<Gap>,
    /// The readings of the period as numbers; `None` where nothing is metered by time.
    pub statistics: Option<Statistics>,
}

/// Readings of a period as numbers, in register units. For a cumulative register they are its differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// How many.
    pub count: u64,
    /// Smallest.
    pub least: i64,
    /// Largest.
    pub most: i64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for one reading.
    pub standard_deviation: f64,
}

/// What an instrument registered in `period`, as kind `K`, from its evidence.
///
/// # Errors
/// [`MeteringError`].
pub fn consumption<K: Kind>(
    evidence: &InstrumentEvidence,
    period: &Period,
    rules: Rules,
) -> Result<Consumption<K>, MeteringError> {
    consumption_of(evidence, evidence.series.iter().flat_map(runs), period, rules)
}

/// The same from runs of readings in order of time, whatever the series of `evidence` hold.
///
/// Interval readings are summed as integers; states of a cumulative register are differenced, a fall being a rollover.
/// What one calibration covers shares one error, whatever the number of readings. Readings outside the period are passed
/// over, but for those across its edges and the states beside them.
///
/// # Errors
/// [`MeteringError`].
pub fn consumption_of<'a, K: Kind>(
    evidence: &InstrumentEvidence,
    runs: impl Iterator<Item = Run<'a>>,
    period: &Period,
    rules: Rules,
) -> Result<Consumption<K>, MeteringError> {
    let instrument = &evidence.instrument;
    let mut tally = Tally::new::<K>(evidence, period, rules);
    match instrument.register {
        Register::Interval { .. } => runs.into_iter().try_for_each(|run| tally.intervals(&run))?,
        Register::Cumulative { rollover } => tally.states(runs, rollover)?,
    }
    tally.finish()
}

/// A gap that a rule is to close, with the readings beside it.
struct Hole {
    start: i64,
    end: i64,
    step: i64,
    before: Option<i64>,
    after: i64,
}

struct Tally<'a> {
    instrument: &'a Instrument,
    evidence: &'a InstrumentEvidence,
    period: &'a Period,
    rules: Rules,
    sums: Sums<'a>,
    finder: Finder,
    holes: Vec<Hole>,
    comparable: Comparable,
    /// Last reading inside the period: its step and value.
    last: Option<(i64, i64)>,
    count: u64,
    least: i64,
    most: i64,
    squares: f64,
    /// Register units of intervals split at the edges, and the half-widths of that.
    split: f64,
    split_half_widths: Vec<f64>,
    /// Seconds that differences spanned over missing states.
    spanned: i64,
    /// Register units a second in the first and the last interval.
    rates: Option<(f64, f64)>,
}

impl<'a> Tally<'a> {
    fn new<K: Kind>(evidence: &'a InstrumentEvidence, period: &'a Period, rules: Rules) -> Self {
        Tally {
            instrument: &evidence.instrument,
            evidence,
            period,
            rules,
            sums: Sums::new::<K>(evidence, rules.calibration),
            finder: Finder::new(period),
            holes: Vec::new(),
            comparable: Comparable::default(),
            last: None,
            count: 0,
            least: i64::MAX,
            most: i64::MIN,
            squares: 0.0,
            split: 0.0,
            split_half_widths: Vec::new(),
            spanned: 0,
            rates: None,
        }
    }

    fn name(&self) -> String {
        self.instrument.name.clone()
    }

    fn intervals(&mut self, run: &Run<'_>) -> Result<(), MeteringError> {
        let (from, until) = (self.period.start.as_second(), self.period.end.as_second());
        let step = i64::from(run.step);
        if run.step == 0 || run.end() <= from || until <= run.start {
            return Ok(());
        }
        // Rounded up: the first interval that starts in the period, and the first that ends beyond it.
        let length = run.values.len() as i64;
        let first = ((from - run.start).max(0) + step - 1) / step;
        let end = ((until - run.start) / step).min(length);
        // One interval over both edges is the same on both sides.
        let straddling = [(first > 0).then(|| first - 1), (end < length && end >= first).then_some(end)];
        let [before, after] = straddling;
        if let Some(index) = before.filter(|index| run.start + (index + 1) * step > from) {
            self.straddle(run, index)?;
        }
        if first < end {
            // 0 <= first < end <= length.
            let values = &run.values[first as usize..end as usize];
            let start = run.start + first * step;
            self.hole(start, run.start + end * step, step, values[0]);
            self.sums.add_run(start, step, values)?;
            self.measure(start, step, values);
        }
        if let Some(index) = after.filter(|index| run.start + index * step < until) {
            self.straddle(run, index)?;
        }
        Ok(())
    }

    /// Notes that a stretch is covered, and the hole before it.
    fn hole(&mut self, start: i64, end: i64, step: i64, after: i64) {
        if let Some((start, end)) = self.finder.cover(start, end) {
            self.holes.push(Hole { start, end, step, before: self.last.map(|(_, value)| value), after });
        }
    }

    fn measure(&mut self, start: i64, step: i64, values: &[i64]) {
        let rate = |value: i64| value as f64 / step as f64;
        for value in values {
            self.least = self.least.min(*value);
            self.most = self.most.max(*value);
            self.squares += *value as f64 * *value as f64;
        }
        self.count += values.len() as u64;
        if let GapRule::Percentile { .. } = self.rules.gap {
            values.iter().enumerate().for_each(|(i, value)| self.comparable.add(start + i as i64 * step, *value));
        }
        if let (Some(first), Some(last)) = (values.first(), values.last()) {
            self.rates = Some((self.rates.map_or(rate(*first), |(first, _)| first), rate(*last)));
            self.last = Some((step, *last));
        }
    }

    fn straddle(&mut self, run: &Run<'_>, index: i64) -> Result<(), MeteringError> {
        let step = i64::from(run.step);
        let (start, value) = (run.start + index * step, run.values[index as usize]);
        self.split(start, start + step, i128::from(value))
    }

    /// Splits a quantity across an edge of the period.
    fn split(&mut self, start: i64, end: i64, value: i128) -> Result<(), MeteringError> {
        if self.rules.edge == EdgeRule::Refuse {
            let start = Timestamp::from_second(start).unwrap_or_default();
            return Err(MeteringError::Straddles { instrument: self.name(), start, period: *self.period });
        }
        let inside = end.min(self.period.end.as_second()) - start.max(self.period.start.as_second());
        let value = value as f64;
        let part = value * inside as f64 / (end - start).max(1) as f64;
        self.split += part;
        self.split_half_widths.push(part.abs().min((value - part).abs()));
        self.finder.cover(start.max(self.period.start.as_second()), end.min(self.period.end.as_second()));
        Ok(())
    }

    /// Differences of the states of a cumulative register.
    fn states<'r>(&mut self, runs: impl Iterator<Item = Run<'r>>, rollover: i64) -> Result<(), MeteringError> {
        let (from, until) = (self.period.start.as_second(), self.period.end.as_second());
        let mut before: Option<(i64, i64, i64)> = None;
        for run in runs {
            let step = i64::from(run.step);
            for (index, state) in run.values.iter().enumerate() {
                let time = run.start + index as i64 * step;
                let Some((start, last, pace)) = before.replace((time, *state, step)) else { continue };
                if time <= from || until <= start {
                    continue;
                }
                if time - start > pace {
                    self.spanned += time.min(until) - start.max(from);
                }
                let difference = i128::from(*state) - i128::from(last);
                let value = if difference < 0 { difference + i128::from(rollover) } else { difference };
                if start < from || until < time {
                    self.split(start, time, value)?;
                    continue;
                }
                let load = self.sums.load(value, time - start);
                self.sums.add(start, time, value, load)?;
                self.finder.cover(start, time);
                // A difference of two states within the register's range fits.
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                self.measure(start, time - start, &[value]);
            }
        }
        Ok(())
    }

    fn finish<K: Kind>(mut self) -> Result<Consumption<K>, MeteringError> {
        let instrument = self.instrument;
        let name = || instrument.name.clone();
        let wrap = |source| MeteringError::Uncertainty { what: instrument.name.clone(), source };
        if self.count == 0 && self.split_half_widths.is_empty() {
            return Err(MeteringError::NoReadings { instrument: name(), period: *self.period });
        }
        let statistics = self.statistics();
        self.comparable.sort();
        let holes = std::mem::take(&mut self.holes);
        let finder = std::mem::replace(&mut self.finder, Finder::new(self.period));
        let gaps = finder.finish();
        let missing_secs: i64 = gaps.iter().map(|gap| gap.end.as_second() - gap.start.as_second()).sum();
        let covered = self.period.secs() - missing_secs;
        let unit = self.sums.register_unit::<K>()?;
        let (mut value, registered) = self.sums.quantity::<K>()?;
        // What one register unit came to, with corrections and conversions: for what is not registered but inferred.
        let total = self.sums.total() as f64;
        let unit_corrected = if total > 0.0 { value.value() / total } else { unit };
        let source = |kind: &str| SourceId::new(format!("{kind}/{}/{}", instrument.name, self.period));
        let readings = match instrument.register {
            Register::Interval { .. } => self.count as f64,
            // Only the first and last states count.
            Register::Cumulative { .. } => 2.0,
        };
        let resolution = readings.sqrt() * unit_corrected / SQRT_12;
        let edges = self.split_half_widths.iter().fold(0.0, |sum, half| sum + half * half).sqrt() * unit_corrected;
        let mut substituted = 0.0;
        if missing_secs > 0 {
            if let (Register::Cumulative { .. }, GapRule::Linear { .. } | GapRule::Percentile { .. }, Some(gap)) =
                (instrument.register, self.rules.gap, gaps.first())
            {
                return Err(MeteringError::OpenEnd { instrument: name(), start: gap.start, end: gap.end });
            }
            let (closed, u) = match self.rules.gap {
                GapRule::Refuse => return Err(MeteringError::Gaps { instrument: name(), missing_secs }),
                GapRule::Mark => {
                    let expected = (total + self.split).abs() / covered.max(1) as f64 * missing_secs as f64;
                    (0.0, expected / SQRT_3)
                }
                GapRule::Linear { most_intervals } => self.linear(&holes, &gaps, most_intervals, &statistics)?,
                GapRule::Percentile { percentile } => self.percentile(&gaps, percentile)?,
            };
            substituted = closed * unit_corrected;
            value = value.with(source("gap"), u * unit_corrected, None).map_err(wrap)?;
        }
        let inferred = self.split * unit_corrected + substituted;
        value += &uncertainty::Uncertain::exact(inferred);
        value = value.with(source("resolution"), resolution, None).map_err(wrap)?;
        if edges > 0.0 {
            value = value.with(source("edge"), edges / SQRT_3, None).map_err(wrap)?;
        }
        if let Some(half_width) = self.clock().filter(|half_width| *half_width > 0.0) {
            let clock = SourceId::new(format!("clock/{}", instrument.name));
            value = value.with(clock, half_width * unit_corrected / SQRT_3, None).map_err(wrap)?;
        }
        Ok(Consumption {
            quantity: Measured::from_base(value.finite().map_err(wrap)?),
            registered,
            unit: instrument.unit,
            substituted,
            calibrated_share: self.sums.calibrated_share(),
            missing_secs,
            metered_secs: self.period.secs(),
            spanned_secs: self.spanned,
            gaps,
            statistics,
        })
    }

    fn statistics(&self) -> Option<Statistics> {
        let count = self.count as f64;
        let mean = self.sums.total() as f64 / count;
        let variance = if self.count > 1 { (self.squares - count * mean * mean) / (count - 1.0) } else { 0.0 };
        (self.count > 0).then_some(Statistics {
            count: self.count,
            least: self.least,
            most: self.most,
            mean,
            standard_deviation: variance.max(0.0).sqrt(),
        })
    }

    /// What linear closure of the gaps comes to, and its standard uncertainty, in register units.
    fn linear(
        &self,
        holes: &[Hole],
        gaps: &[Gap],
        most_intervals: u32,
        statistics: &Option<Statistics>,
    ) -> Result<(f64, f64), MeteringError> {
        let deviation = statistics.map_or(0.0, |statistics| statistics.standard_deviation);
        let (mut closed, mut u) = (0.0, 0.0);
        for gap in gaps {
            let (start, end) = (gap.start.as_second(), gap.end.as_second());
            let hole = holes.iter().find(|hole| (hole.start, hole.end) == (start, end));
            // After the last reading there is no hole, only a reading before.
            let (step, before, after) = match (hole, self.last) {
                (Some(hole), _) => (hole.step, hole.before.unwrap_or(hole.after), hole.after),
                (None, Some((step, last))) => (step, last, last),
                (None, None) => return Err(self.too_long(gap)),
            };
            let intervals = (end - start) as f64 / step.max(1) as f64;
            if intervals > f64::from(most_intervals) {
                return Err(self.too_long(gap));
            }
            closed += intervals * (before as f64 + after as f64) / 2.0;
            u += intervals * deviation;
        }
        Ok((closed, u))
    }

    /// What percentiles in place of the gaps come to, and their standard uncertainty, in register units.
    fn percentile(&self, gaps: &[Gap], percentile: u8) -> Result<(f64, f64), MeteringError> {
        let step = self.last.map_or(0, |(step, _)| step);
        let (mut closed, mut half_width) = (0.0, 0.0);
        for gap in gaps {
            if step <= 0 {
                return Err(self.too_long(gap));
            }
            let (mut at, end) = (gap.start.as_second(), gap.end.as_second());
            while at < end {
                let (high, median) = self.comparable.percentile(at, percentile).ok_or_else(|| self.too_long(gap))?;
                let share = (end - at).min(step) as f64 / step as f64;
                closed += share * high as f64;
                half_width += share * (high as f64 - median as f64).abs();
                at += step;
            }
        }
        Ok((closed, half_width / SQRT_3))
    }

    fn too_long(&self, gap: &Gap) -> MeteringError {
        MeteringError::GapTooLong { instrument: self.name(), start: gap.start, end: gap.end }
    }

    /// What the device's clock error may have moved across the edges of the period, in register units: the largest
    /// error found in the period, or else the last before it.
    fn clock(&self) -> Option<f64> {
        let (first, last) = self.rates?;
        let errors = |inside: bool| {
            self.evidence
                .inspections
                .iter()
                .filter(move |inspection| self.period.contains(inspection.time) == inside)
                .filter_map(|inspection| Some((inspection.time, inspection.clock_error_secs.as_ref()?.to_f64().abs())))
        };
        let within = errors(true).map(|(_, error)| error).reduce(f64::max);
        let before = errors(false).filter(|(time, _)| *time < self.period.start).max_by_key(|(time, _)| *time);
        let error = within.or(before.map(|(_, error)| error))?;
        Some(error * first.max(last))
    }
}
