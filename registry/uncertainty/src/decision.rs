//! Conformity decisions about one item (JCGM 106:2012, clauses 7 and 8; ILAC-G8:09/2019): how probable it is that the
//! item conforms, and what a rule makes of it. What a rule means for all items is in [`crate::Process`].

use crate::coverage::{normal_probability, normal_quantile};
use crate::value::Uncertain;

/// A one-sided limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// The true value must not exceed it.
    Upper(f64),
    /// The true value must not fall below it.
    Lower(f64),
}

/// The rule by which an estimate is held against a limit. It belongs to the scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DecisionRule {
    /// Simple acceptance (8.2.1): the estimate alone decides.
    Simple,
    /// Guarded acceptance and rejection (8.3.2, 8.3.3): a guard band w = multiple × u on both sides of the limit, and no
    /// decision inside it.
    Guarded {
        /// w / u.
        multiple: f64,
    },
    /// Guarded on both sides so that the specific risk of a wrong decision, either way, is at most this
    /// (9.3.2; ILAC-G8:09/2019, 4.2.3): w = z·u with the standard normal quantile z of 1 − risk. At 0.5 and above this is
    /// simple acceptance.
    SpecificRisk {
        /// Largest probability of a wrong decision, above 0.
        risk: f64,
    },
}

impl DecisionRule {
    /// The guard band w divided by u.
    pub fn multiple(&self) -> f64 {
        match *self {
            DecisionRule::Simple => 0.0,
            DecisionRule::Guarded { multiple } => multiple,
            DecisionRule::SpecificRisk { risk } => guard_multiple(risk),
        }
    }
}

/// The guard band w divided by u at which the specific risk of a one-sided limit is `risk` (9.3.2): zero for a risk of 0.5
/// and above; NaN unless it is above 0.
pub fn guard_multiple(risk: f64) -> f64 {
    if risk >= 0.5 { 0.0 } else { -normal_quantile(risk) }
}

/// The interval in which the true value must lie, or in which estimates are accepted; an end that is open is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
}

/// Why two numbers are no tolerance interval.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("limits: lower {lower}, upper {upper}; state at least one, and the lower below the upper")]
pub struct ToleranceError {
    /// The lower limit.
    pub lower: f64,
    /// The upper limit.
    pub upper: f64,
}

impl Tolerance {
    /// The interval between limits, of which one may be absent.
    ///
    /// # Errors
    /// [`ToleranceError`] where both are absent, or they are out of order, or one is not a finite number.
    pub fn new(lower: Option<f64>, upper: Option<f64>) -> Result<Self, ToleranceError> {
        let finite = [lower, upper].into_iter().flatten().all(f64::is_finite);
        let absent = lower.is_none() && upper.is_none();
        let tolerance = Tolerance { lower: lower.unwrap_or(f64::NEG_INFINITY), upper: upper.unwrap_or(f64::INFINITY) };
        if finite && !absent && tolerance.lower < tolerance.upper {
            Ok(tolerance)
        } else {
            let Tolerance { lower, upper } = tolerance;
            Err(ToleranceError { lower, upper })
        }
    }

    /// Probability that the true value lies inside, for a normal distribution about the estimate (7.2 to 7.4).
    pub fn probability(&self, estimate: f64, u: f64) -> f64 {
        probability_within(estimate, u, self.lower, self.upper)
    }

    /// The acceptance interval with a guard band `w` inside each limit (8.3.2); `None` where nothing is left of it.
    pub fn guarded(&self, w: f64) -> Option<Tolerance> {
        let acceptance = Tolerance { lower: self.lower + w, upper: self.upper - w };
        (acceptance.lower <= acceptance.upper).then_some(acceptance)
    }

    /// The largest acceptance interval in which no estimate has a specific consumer's risk above `risk` (9.3.2): with one
    /// limit exact, with two also where both tails count. `None` where not even the middle is safe enough.
    pub fn acceptance_for_specific_risk(&self, u: f64, risk: f64) -> Option<Tolerance> {
        let one_sided = guard_multiple(risk) * u;
        if self.lower.is_infinite() || self.upper.is_infinite() || u == 0.0 {
            return self.guarded(one_sided);
        }
        let beyond = |w: f64| 1.0 - self.probability(self.upper - w, u);
        let half = 0.5 * (self.upper - self.lower);
        if beyond(half) > risk {
            return None;
        }
        // The risk falls from the limit to the middle.
        let (mut low, mut high) = (0.0, half);
        if beyond(low) <= risk {
            return Some(*self);
        }
        // Neighbouring numbers are reached before this.
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if beyond(middle) > risk { low = middle } else { high = middle }
        }
        self.guarded(high)
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Within the limit, by the rule.
    Conforms,
    /// Beyond the limit, by the rule.
    DoesNotConform,
    /// Inside the guard band.
    Inconclusive,
}

/// A decision with the probability behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What came of it.
    pub outcome: Outcome,
    /// Probability that the true value lies within the limit, for a normal distribution about the estimate (7.3).
    pub probability_of_conformity: f64,
    /// Largest (smallest, for a lower limit) estimate that conforms by the rule.
    pub acceptance_limit: f64,
}

/// Decides whether `value` conforms to `limit` by `rule`.
pub fn decide(value: &Uncertain, limit: Limit, rule: DecisionRule) -> Verdict {
    let estimate = value.value();
    let u = value.standard_uncertainty();
    let guard = rule.multiple() * u;
    // Headroom: how far the estimate is on the good side of the limit.
    let (headroom, acceptance_limit) = match limit {
        Limit::Upper(limit) => (limit - estimate, limit - guard),
        Limit::Lower(limit) => (estimate - limit, limit + guard),
    };
    let probability_of_conformity = match limit {
        Limit::Upper(limit) => probability_within(estimate, u, f64::NEG_INFINITY, limit),
        Limit::Lower(limit) => probability_within(estimate, u, limit, f64::INFINITY),
    };
    let outcome = if headroom >= guard {
        Outcome::Conforms
    } else if headroom < -guard {
        Outcome::DoesNotConform
    } else {
        // Includes a headroom that is not a number: nothing is decided then.
        Outcome::Inconclusive
    };
    Verdict { outcome, probability_of_conformity, acceptance_limit }
}

/// Probability that a normal variable with mean `estimate` and standard deviation `u` lies from `lower` to `upper`.
pub fn probability_within(estimate: f64, u: f64, lower: f64, upper: f64) -> f64 {
    if u == 0.0 {
        return if lower <= estimate && estimate <= upper { 1.0 } else { 0.0 };
    }
    // Tails are subtracted on the side where they are small.
    let (low, high) = ((lower - estimate) / u, (upper - estimate) / u);
    if low > 0.0 {
        normal_probability(-low) - normal_probability(-high)
    } else {
        normal_probability(high) - normal_probability(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::SourceId;

    #[track_caller]
    fn check(estimate: f64, rule: DecisionRule, outcome: Outcome) {
        let value = Uncertain::new(estimate, SourceId::new("s"), 0.1, None).unwrap();
        assert_eq!(decide(&value, Limit::Upper(1.0), rule).outcome, outcome);
        let value = Uncertain::new(-estimate, SourceId::new("s"), 0.1, None).unwrap();
        assert_eq!(decide(&value, Limit::Lower(-1.0), rule).outcome, outcome);
    }

    #[test]
    fn rules() {
        let guarded = DecisionRule::Guarded { multiple: 2.0 };
        check(0.7, guarded, Outcome::Conforms);
        check(0.9, guarded, Outcome::Inconclusive);
        check(1.1, guarded, Outcome::Inconclusive);
        check(1.3, guarded, Outcome::DoesNotConform);
        check(1.0, DecisionRule::Simple, Outcome::Conforms);
        check(1.01, DecisionRule::Simple, Outcome::DoesNotConform);
    }

    #[test]
    fn a_guard_band_for_a_risk() {
        // ILAC-G8:09/2019, table 1: w = U = 2u has a specific risk below 2.5 %.
        let rule = DecisionRule::SpecificRisk { risk: normal_probability(-2.0) };
        assert!((rule.multiple() - 2.0).abs() < 1e-14);
        check(0.79, rule, Outcome::Conforms);
        check(0.81, rule, Outcome::Inconclusive);
        check(1.21, rule, Outcome::DoesNotConform);
        assert_eq!(DecisionRule::SpecificRisk { risk: 0.5 }.multiple(), 0.0);
        assert!(DecisionRule::SpecificRisk { risk: 0.0 }.multiple().is_nan());
        // A rule that is no number decides nothing.
        check(0.0, DecisionRule::SpecificRisk { risk: 0.0 }, Outcome::Inconclusive);
    }

    #[test]
    fn acceptance_with_two_limits() {
        let tolerance = Tolerance::new(Some(-1.0), Some(1.0)).unwrap();
        let accepted = tolerance.acceptance_for_specific_risk(0.1, 0.05).unwrap();
        assert!((1.0 - tolerance.probability(accepted.upper, 0.1) - 0.05).abs() < 1e-13);
        // The far limit is nothing here, so it is the one-sided band.
        assert!((accepted.upper - (1.0 - guard_multiple(0.05) * 0.1)).abs() < 1e-13);
        // Where it counts, the band is wider.
        let accepted = tolerance.acceptance_for_specific_risk(0.5, 0.05).unwrap();
        assert!(accepted.upper < 1.0 - guard_multiple(0.05) * 0.5);
        assert_eq!(tolerance.acceptance_for_specific_risk(2.0, 0.05), None);
        let one_sided = Tolerance::new(None, Some(1.0)).unwrap().acceptance_for_specific_risk(0.1, 0.05).unwrap();
        assert_eq!(one_sided.upper, 1.0 - guard_multiple(0.05) * 0.1);
        for (lower, upper) in [(None, None), (Some(1.0), Some(1.0)), (Some(f64::NAN), None), (Some(2.0), Some(1.0))] {
            assert!(Tolerance::new(lower, upper).is_err());
        }
    }

    #[test]
    fn without_uncertainty_the_probability_is_certain() {
        let verdict = decide(&Uncertain::exact(1.0), Limit::Upper(1.0), DecisionRule::Guarded { multiple: 1.64 });
        assert_eq!((verdict.outcome, verdict.probability_of_conformity), (Outcome::Conforms, 1.0));
    }
}
