//! Conformity decisions (JCGM 106:2012; ILAC-G8:09/2019).

use crate::coverage::normal_probability;
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
    let guard = match rule {
        DecisionRule::Simple => 0.0,
        DecisionRule::Guarded { multiple } => multiple * u,
    };
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
    fn without_uncertainty_the_probability_is_certain() {
        let verdict = decide(&Uncertain::exact(1.0), Limit::Upper(1.0), DecisionRule::Guarded { multiple: 1.64 });
        assert_eq!((verdict.outcome, verdict.probability_of_conformity), (Outcome::Conforms, 1.0));
    }
}
