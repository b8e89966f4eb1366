//! What an instrument's calibrations are worth at a time: valid, restored or widened by as-found results, or nothing
//! better than the maximum permissible error.

use record::calibration::{Calibration, CalibrationPoint, SealState};
use record::evidence::InstrumentEvidence;

/// What the uncertainty of a quantity rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A calibration that was valid, by its index.
    Calibrated(usize),
    /// The as-found results of a later calibration, all within the maximum permissible error: the overdue period counts
    /// as calibrated by them.
    Restored(usize),
    /// The as-found results of a later calibration, without that: the quantity stays uncorrected, and the largest error
    /// found, with its expanded uncertainty, is the half-width of a rectangular distribution.
    Widened(usize),
    /// Nothing better than the maximum permissible error of the instrument's class.
    PermissibleError,
}

impl Standing {
    /// Whether it counts as calibrated where a scheme asks for that.
    pub fn is_calibrated(self) -> bool {
        matches!(self, Standing::Calibrated(_) | Standing::Restored(_))
    }
}

/// The standing of one instrument over time.
pub(crate) struct Timeline<'a> {
    evidence: &'a InstrumentEvidence,
    /// Indexes of calibrations, those done later first.
    order: Vec<usize>,
    /// Half-open stretches, in seconds, in which a seal was broken or may have been.
    untrusted: Vec<(i64, i64)>,
    /// Instants at which the answer may change, ascending.
    edges: Vec<i64>,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(evidence: &'a InstrumentEvidence) -> Self {
        let calibrations = &evidence.calibrations;
        let mut order: Vec<usize> = (0..calibrations.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse((calibrations[*i].calibrated_time, *i)));
        let untrusted = untrusted(evidence);
        let mut edges: Vec<i64> = calibrations
            .iter()
            .flat_map(|c| [c.calibrated_time, c.validity.start, c.validity.end])
            .map(|time| time.as_second())
            .chain(untrusted.iter().flat_map(|(start, end)| [*start, *end]))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        Timeline { evidence, order, untrusted, edges }
    }

    /// First instant after `second` at which the answer may change.
    pub(crate) fn next_edge(&self, second: i64) -> i64 {
        let after = self.edges.partition_point(|edge| *edge <= second);
        self.edges.get(after).copied().unwrap_or(i64::MAX)
    }

    /// What a quantity of the interval from `start` to `end` rests on. An interval that leaves a calibration's validity
    /// is not under it.
    pub(crate) fn standing(&self, start: i64, end: i64) -> Standing {
        let calibrations = &self.evidence.calibrations;
        let broken = self.untrusted.iter().any(|(from, until)| start < *until && *from < end);
        let valid = |i: &usize| {
            let validity = &calibrations[*i].validity;
            validity.start.as_second() <= start && end <= validity.end.as_second()
        };
        if !broken && let Some(i) = self.order.iter().copied().find(valid) {
            return Standing::Calibrated(i);
        }
        // The first calibration done after the interval says how the instrument was found; one done during it would
        // have changed the instrument, and one must have been done before it, or nothing was overdue.
        let first_after =
            self.order.iter().rev().copied().find(|i| calibrations[*i].calibrated_time.as_second() > start);
        let was_calibrated = calibrations.iter().any(|c| c.calibrated_time.as_second() <= start);
        match first_after {
            Some(i)
                if was_calibrated
                    && calibrations[i].calibrated_time.as_second() >= end
                    && !calibrations[i].as_found.is_empty() =>
            {
                let most = self.evidence.instrument.max_permissible_error_percent.as_ref().map(|d| d.to_f64());
                let within = most.is_some_and(|most| worst_percent(&calibrations[i].as_found) <= most);
                if within && !broken { Standing::Restored(i) } else { Standing::Widened(i) }
            }
            _ => Standing::PermissibleError,
        }
    }

    /// Largest change of the mean error between what calibration `i` left and what the next one found, or, before there
    /// is a next, between what the one before left and this one found; relative. `None` where nothing tells.
    pub(crate) fn drift(&self, i: usize) -> Option<f64> {
        let calibrations = &self.evidence.calibrations;
        let position = self.order.iter().position(|other| *other == i)?;
        let change = |left: &Calibration, found: &Calibration| {
            (!found.as_found.is_empty()).then(|| (mean_error(&found.as_found) - mean_error(&left.points)).abs())
        };
        let next = position.checked_sub(1).and_then(|next| self.order.get(next)).map(|next| &calibrations[*next]);
        let before = self.order.get(position + 1).map(|before| &calibrations[*before]);
        next.and_then(|next| change(&calibrations[i], next))
            .or_else(|| before.and_then(|before| change(before, &calibrations[i])))
    }
}

/// Largest |error| + U of a list of points, in percent.
pub(crate) fn worst_percent(points: &[CalibrationPoint]) -> f64 {
    points.iter().fold(0.0, |worst: f64, point| {
        worst.max(point.error_percent.to_f64().abs() + point.expanded_uncertainty_percent.to_f64())
    })
}

fn mean_error(points: &[CalibrationPoint]) -> f64 {
    points.iter().fold(0.0, |sum, point| sum + point.error()) / points.len().max(1) as f64
}

/// The stretches in which nobody can say that the seal was whole: from the last time it was (an inspection, a
/// calibration, the first placement) to the next calibration.
fn untrusted(evidence: &InstrumentEvidence) -> Vec<(i64, i64)> {
    let calibrated = || evidence.calibrations.iter().map(|c| c.calibrated_time.as_second());
    let intact =
        || evidence.inspections.iter().filter(|i| i.seal == Some(SealState::Intact)).map(|i| i.time.as_second());
    evidence
        .inspections
        .iter()
        .filter(|inspection| inspection.seal == Some(SealState::Broken))
        .map(|inspection| {
            let found = inspection.time.as_second();
            let since = calibrated().chain(intact()).filter(|time| *time < found).max();
            let until = calibrated().filter(|time| *time >= found).min();
            (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX))
        })
        .collect()
}

/// Error and standard uncertainty by load, both relative.
pub(crate) struct Curve {
    points: Vec<(f64, f64, f64)>,
}

impl Curve {
    pub(crate) fn new(points: &[CalibrationPoint]) -> Self {
        let load = |point: &CalibrationPoint| point.load.as_ref().map_or(0.0, |load| load.to_f64());
        Curve { points: points.iter().map(|point| (load(point), point.error(), point.standard())).collect() }
    }

    /// Error and standard uncertainty where they are the same at every load.
    pub(crate) fn constant(&self) -> Option<(f64, f64)> {
        match self.points[..] {
            [(_, error, u)] => Some((error, u)),
            _ => None,
        }
    }

    /// Error and standard uncertainty at a load: linear between points, the nearest one beyond the first and last.
    pub(crate) fn at(&self, load: f64) -> (f64, f64) {
        let after = self.points.iter().position(|(at, ..)| load < *at).unwrap_or(self.points.len());
        match (after.checked_sub(1).and_then(|before| self.points.get(before)), self.points.get(after)) {
            (Some((from, e0, u0)), Some((to, e1, u1))) => {
                let share = (load - from) / (to - from);
                (e0 + share * (e1 - e0), u0 + share * (u1 - u0))
            }
            (Some((_, error, u)), None) | (None, Some((_, error, u))) => (*error, *u),
            (None, None) => (0.0, 0.0),
        }
    }
}
