//! Global risks: what a rule of acceptance means for all items of a kind (JCGM 106:2012, 9.4 and 9.5).
//!
//! The items vary normally, and so do the errors of measurement. The integrals are taken by Gauss's rule over pieces in
//! which the integrand is smooth, in a fixed order.

use crate::coverage::normal_probability;
use crate::decision::{Tolerance, probability_within};

/// How items of a kind vary, and how they are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// Mean of the items.
    pub mean: f64,
    /// Standard deviation of the items (the prior, 6.2).
    pub sd: f64,
    /// Standard uncertainty of a measurement.
    pub measurement_sd: f64,
}

/// Why there are no global risks to state.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RiskError {
    /// A number out of range.
    #[error("{field} is {value}, but {wanted}")]
    Process {
        /// The field.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        wanted: &'static str,
    },
    /// No acceptance interval has a risk as small as that.
    #[error("no acceptance interval has a global consumer's risk of {risk}; it must be above zero")]
    Unattainable {
        /// The risk asked for.
        risk: f64,
    },
}

/// The risks of all items together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GlobalRisk {
    /// Probability that an item does not conform and is accepted (9.5.2, equation 19).
    pub consumer: f64,
    /// Probability that an item conforms and is rejected (9.5.2, equation 20).
    pub producer: f64,
    /// Probability that an item conforms.
    pub conforming: f64,
    /// Probability that an item is accepted.
    pub accepted: f64,
}

impl GlobalRisk {
    /// Probability that an accepted item does not conform.
    pub fn false_among_accepted(&self) -> f64 {
        if self.accepted > 0.0 { self.consumer / self.accepted } else { 0.0 }
    }

    /// Probability that a rejected item conforms.
    pub fn conforming_among_rejected(&self) -> f64 {
        let rejected = 1.0 - self.accepted;
        if rejected > 0.0 { self.producer / rejected } else { 0.0 }
    }
}

impl Process {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`RiskError::Process`].
    pub fn checked(self) -> Result<Self, RiskError> {
        let Process { mean, sd, measurement_sd } = self;
        if !mean.is_finite() {
            return Err(RiskError::Process { field: "mean", value: mean, wanted: "it must be a finite number" });
        }
        for (field, value) in [("sd", sd), ("measurement_sd", measurement_sd)] {
            if !value.is_finite() || value <= 0.0 {
                let wanted = "a standard deviation here is a finite number above zero";
                return Err(RiskError::Process { field, value, wanted });
            }
        }
        Ok(self)
    }

    /// The global risks when items with estimates in `acceptance` are accepted and those with true values in `tolerance`
    /// conform.
    ///
    /// # Errors
    /// [`RiskError::Process`].
    pub fn global_risk(&self, tolerance: Tolerance, acceptance: Tolerance) -> Result<GlobalRisk, RiskError> {
        let process = self.checked()?;
        let inside = |true_value: f64| {
            probability_within(true_value, process.measurement_sd, acceptance.lower, acceptance.upper)
        };
        let outside = |true_value: f64| {
            let below = normal_probability((acceptance.lower - true_value) / process.measurement_sd);
            below + normal_probability((true_value - acceptance.upper) / process.measurement_sd)
        };
        let (low, high) = (tolerance.lower, tolerance.upper);
        let below = process.integral(f64::NEG_INFINITY, low, acceptance, &inside);
        let above = process.integral(high, f64::INFINITY, acceptance, &inside);
        // An estimate varies with both.
        let total = libm::hypot(process.sd, process.measurement_sd);
        Ok(GlobalRisk {
            consumer: below + above,
            producer: process.integral(low, high, acceptance, &outside),
            conforming: probability_within(process.mean, process.sd, low, high),
            accepted: probability_within(process.mean, total, acceptance.lower, acceptance.upper),
        })
    }

    /// The acceptance interval, guarded alike at both limits of `tolerance`, with this global consumer's risk. The guard
    /// band is below zero where acceptance beyond the limits is still that safe; then the limits themselves are taken.
    ///
    /// # Errors
    /// [`RiskError`].
    pub fn acceptance_for_consumer_risk(&self, tolerance: Tolerance, risk: f64) -> Result<Tolerance, RiskError> {
        let process = self.checked()?;
        if risk.is_nan() || risk <= 0.0 {
            return Err(RiskError::Unattainable { risk });
        }
        let consumer = |w: f64| match tolerance.guarded(w) {
            Some(acceptance) => process.global_risk(tolerance, acceptance).map(|risk| risk.consumer),
            None => Ok(0.0),
        };
        if consumer(0.0)? <= risk {
            return Ok(tolerance);
        }
        // Half the width leaves nothing; with one limit, so many standard deviations do.
        let reach = REACH * (process.sd + process.measurement_sd);
        let all = 0.5 * (tolerance.upper - tolerance.lower);
        let far = |limit: f64| if limit.is_finite() { (limit - process.mean).abs() } else { 0.0 };
        let most = if all.is_finite() { all } else { reach + far(tolerance.lower).max(far(tolerance.upper)) };
        let (mut low, mut high) = (0.0, most);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if consumer(middle)? > risk { low = middle } else { high = middle }
        }
        tolerance.guarded(high).ok_or(RiskError::Unattainable { risk })
    }

    /// ∫ of the density of items times `weight`, which changes within a few `measurement_sd` of the acceptance limits.
    fn integral(&self, from: f64, to: f64, acceptance: Tolerance, weight: &impl Fn(f64) -> f64) -> f64 {
        let from = from.max(self.mean - REACH * self.sd);
        let to = to.min(self.mean + REACH * self.sd);
        let edge = REACH * self.measurement_sd;
        let mut ends = vec![from, to];
        for limit in [acceptance.lower, acceptance.upper].into_iter().filter(|limit| limit.is_finite()) {
            ends.extend([limit - edge, limit + edge]);
        }
        ends.retain(|end| (from..=to).contains(end));
        ends.sort_unstable_by(f64::total_cmp);
        let near = |at: f64, limit: f64| (at - limit).abs() <= edge;
        ends.windows(2).fold(0.0, |sum, ends| {
            let middle = 0.5 * (ends[0] + ends[1]);
            // Far from the limits only the density varies.
            let close = near(middle, acceptance.lower) || near(middle, acceptance.upper);
            let scale = if close { self.sd.min(self.measurement_sd) } else { self.sd };
            sum + self.piece(ends[0], ends[1], scale, weight)
        })
    }

    /// Gauss's rule in steps of `scale`, in which nothing varies much.
    fn piece(&self, from: f64, to: f64, scale: f64, weight: &impl Fn(f64) -> f64) -> f64 {
        // At most 2·REACH scales of the narrower kind, since both ends are within REACH of something.
        let steps = libm::ceil((to - from) / scale).clamp(1.0, 4.0 * REACH);
        let half = 0.5 * (to - from) / steps;
        let density = 1.0 / (self.sd * libm::sqrt(2.0 * std::f64::consts::PI));
        let mut sum = 0.0;
        let mut step = 0.0;
        while step < steps {
            let middle = from + (2.0 * step + 1.0) * half;
            for (node, share) in GAUSS {
                for at in [middle - half * node, middle + half * node] {
                    let z = (at - self.mean) / self.sd;
                    sum += half * share * density * libm::exp(-0.5 * z * z) * weight(at);
                }
            }
            step += 1.0;
        }
        sum
    }
}

/// Standard deviations beyond which nothing is left that a number could show.
const REACH: f64 = 12.0;

/// Nodes and weights of Gauss's rule of ten points (Abramowitz and Stegun, table 25.4), one of each pair.
const GAUSS: [(f64, f64); 5] = [
    (0.148_874_338_981_631_21, 0.295_524_224_714_752_87),
    (0.433_395_394_129_247_2, 0.269_266_719_309_996_36),
    (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
    (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
    (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
];

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: Process = Process { mean: 0.1, sd: 1.0, measurement_sd: 0.3 };

    fn tolerance(lower: f64, upper: f64) -> Tolerance {
        Tolerance { lower, upper }
    }

    #[test]
    fn accepted_is_conforming_and_consumer_without_producer() {
        // Two ways to the same probability: accepted = conforming − producer + consumer.
        for (measurement_sd, limit, accept) in
            [(0.3, 2.0, 1.7), (1e-4, 1.0, 0.9999), (5.0, 2.0, 2.5), (0.01, 2.0, 2.0), (1.0, f64::INFINITY, 0.5)]
        {
            let process = Process { measurement_sd, ..PROCESS };
            let risk = process.global_risk(tolerance(-limit, limit), tolerance(-accept, accept)).unwrap();
            let accepted = risk.conforming - risk.producer + risk.consumer;
            assert!((accepted - risk.accepted).abs() < 1e-12, "{measurement_sd} {limit}: {risk:?}");
        }
    }

    #[test]
    fn an_acceptance_interval_for_a_risk() {
        for limits in [tolerance(-2.0, 2.0), tolerance(f64::NEG_INFINITY, 1.5)] {
            let before = PROCESS.global_risk(limits, limits).unwrap().consumer;
            let acceptance = PROCESS.acceptance_for_consumer_risk(limits, before / 10.0).unwrap();
            let after = PROCESS.global_risk(limits, acceptance).unwrap().consumer;
            assert!((after / before - 0.1).abs() < 1e-9, "{limits:?}: {after} {before}");
            assert_eq!(PROCESS.acceptance_for_consumer_risk(limits, before * 2.0), Ok(limits));
        }
        assert!(PROCESS.acceptance_for_consumer_risk(tolerance(-2.0, 2.0), 0.0).is_err());
    }

    #[test]
    fn bad_processes_are_named() {
        let field = |process: Process| match process.checked() {
            Err(RiskError::Process { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(Process { mean: f64::NAN, ..PROCESS }), "mean");
        assert_eq!(field(Process { sd: 0.0, ..PROCESS }), "sd");
        assert_eq!(field(Process { measurement_sd: -1.0, ..PROCESS }), "measurement_sd");
    }
}
