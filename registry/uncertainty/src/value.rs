//! A value with its signed contributions by source.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::sync::Arc;

/// An independent source of error: a calibration certificate, the resolution of a meter in a period, an analysis, the
/// edition of a factor. Values that name the same source share its error fully.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// The source of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        SourceId(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceId({})", self.0)
    }
}

/// What one source contributes to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Sensitivity × standard uncertainty of the source, with its sign, in the unit of the value.
    pub u: f64,
    /// Degrees of freedom of the source; `None` is infinite.
    pub dof: Option<f64>,
}

/// Why a value has no uncertainty to state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UncertaintyError {
    /// Division by a value of zero.
    #[error("division by a value of zero")]
    DivisionByZero,
    /// NaN or an infinity came out.
    #[error("the value or an uncertainty is not finite")]
    NotFinite,
    /// A standard uncertainty below zero, or degrees of freedom not above zero.
    #[error("source {source_id}: a standard uncertainty must not be below zero, degrees of freedom must be above zero")]
    BadSource {
        /// The source.
        source_id: String,
    },
}

/// A value with its signed standard-uncertainty contributions by independent source.
#[derive(Debug, Clone, PartialEq)]
pub struct Uncertain {
    value: f64,
    contributions: BTreeMap<SourceId, Contribution>,
}

/// One line of an uncertainty budget.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetLine {
    /// The source.
    pub source: SourceId,
    /// Its signed contribution, in the unit of the value.
    pub contribution: f64,
    /// Its share of the variance, in percent.
    pub share_percent: f64,
    /// Its contribution relative to the value, in percent; 0 for a value of zero.
    pub relative_percent: f64,
    /// Its degrees of freedom; `None` is infinite.
    pub dof: Option<f64>,
}

impl Uncertain {
    /// A value without uncertainty: a constant, a definition.
    pub fn exact(value: f64) -> Self {
        Uncertain { value, contributions: BTreeMap::new() }
    }

    /// A value with one source of standard uncertainty `u`.
    ///
    /// # Errors
    /// [`UncertaintyError::BadSource`] for `u` below zero or not finite, or `dof` not above zero.
    pub fn new(value: f64, source: SourceId, u: f64, dof: Option<f64>) -> Result<Self, UncertaintyError> {
        Uncertain::exact(value).with(source, u, dof)
    }

    /// The same value with another source of standard uncertainty `u`, of sensitivity one.
    ///
    /// # Errors
    /// As [`Uncertain::new`].
    pub fn with(self, source: SourceId, u: f64, dof: Option<f64>) -> Result<Self, UncertaintyError> {
        if u < 0.0 {
            return Err(UncertaintyError::BadSource { source_id: source.to_string() });
        }
        self.with_signed(source, u, dof)
    }

    /// The same value with a signed contribution: where a source raises one value and lowers another.
    ///
    /// # Errors
    /// [`UncertaintyError::BadSource`] for a contribution that is not finite, or `dof` not above zero.
    pub fn with_signed(mut self, source: SourceId, u: f64, dof: Option<f64>) -> Result<Self, UncertaintyError> {
        if !u.is_finite() || dof.is_some_and(|dof| dof.is_nan() || dof <= 0.0) {
            return Err(UncertaintyError::BadSource { source_id: source.to_string() });
        }
        let dof = dof.filter(|dof| dof.is_finite());
        add_to(&mut self.contributions, &source, Contribution { u, dof }, 1.0);
        Ok(self)
    }

    /// The best estimate.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The contributions by source.
    pub fn contributions(&self) -> &BTreeMap<SourceId, Contribution> {
        &self.contributions
    }

    /// Combined standard uncertainty, √Σ c² over the sources (JCGM 100:2008, 5.1.2).
    pub fn standard_uncertainty(&self) -> f64 {
        libm::sqrt(self.contributions.values().fold(0.0, |sum, c| sum + c.u * c.u))
    }

    /// Effective degrees of freedom by Welch–Satterthwaite (JCGM 100:2008, G.4.1, equation G.2b); `None` is infinite.
    pub fn effective_dof(&self) -> Option<f64> {
        let u = self.standard_uncertainty();
        if u == 0.0 || !u.is_finite() {
            return None;
        }
        // Relative contributions keep the fourth powers in range.
        let sum = self.contributions.values().fold(0.0, |sum, c| match c.dof {
            Some(dof) => {
                let squared = (c.u / u) * (c.u / u);
                sum + squared * squared / dof
            }
            None => sum,
        });
        (sum > 0.0).then_some(1.0 / sum).filter(|dof| dof.is_finite())
    }

    /// The budget, largest contribution first; equal ones in the order of their ids.
    pub fn budget(&self) -> Vec<BudgetLine> {
        let u = self.standard_uncertainty();
        let mut lines: Vec<BudgetLine> = self
            .contributions
            .iter()
            .map(|(source, c)| BudgetLine {
                source: source.clone(),
                contribution: c.u,
                share_percent: if u > 0.0 { (c.u / u) * (c.u / u) * 100.0 } else { 0.0 },
                relative_percent: if self.value == 0.0 { 0.0 } else { c.u / self.value * 100.0 },
                dof: c.dof,
            })
            .collect();
        lines.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        lines
    }

    /// `factor` × self, for a factor without uncertainty.
    #[must_use]
    pub fn scale(&self, factor: f64) -> Self {
        let mut contributions = self.contributions.clone();
        contributions.values_mut().for_each(|c| c.u *= factor);
        Uncertain { value: self.value * factor, contributions }
    }

    /// self ÷ `divisor`, for a divisor without uncertainty.
    ///
    /// # Errors
    /// [`UncertaintyError::DivisionByZero`].
    pub fn scale_down(&self, divisor: f64) -> Result<Self, UncertaintyError> {
        if divisor == 0.0 {
            return Err(UncertaintyError::DivisionByZero);
        }
        let mut contributions = self.contributions.clone();
        contributions.values_mut().for_each(|c| c.u /= divisor);
        Ok(Uncertain { value: self.value / divisor, contributions })
    }

    /// self ÷ other.
    ///
    /// # Errors
    /// [`UncertaintyError::DivisionByZero`].
    pub fn over(&self, other: &Uncertain) -> Result<Self, UncertaintyError> {
        if other.value == 0.0 {
            return Err(UncertaintyError::DivisionByZero);
        }
        let value = self.value / other.value;
        Ok(Uncertain::first_order(value, &[(self, 1.0 / other.value), (other, -value / other.value)]))
    }

    /// Any function of values, from its value and its partial derivatives there (JCGM 100:2008, equation 13 with full
    /// correlation inside a source).
    pub fn first_order(value: f64, terms: &[(&Uncertain, f64)]) -> Self {
        let mut contributions = BTreeMap::new();
        for (term, sensitivity) in terms {
            for (source, contribution) in &term.contributions {
                add_to(&mut contributions, source, *contribution, *sensitivity);
            }
        }
        Uncertain { value, contributions }
    }

    /// The value itself, unless it or an uncertainty is NaN or infinite.
    ///
    /// # Errors
    /// [`UncertaintyError::NotFinite`].
    pub fn finite(self) -> Result<Self, UncertaintyError> {
        if self.value.is_finite() && self.standard_uncertainty().is_finite() {
            Ok(self)
        } else {
            Err(UncertaintyError::NotFinite)
        }
    }
}

/// Adds `sensitivity × contribution` to what the source already contributes. Where two statements of one source differ
/// in degrees of freedom, the smaller number holds.
fn add_to(all: &mut BTreeMap<SourceId, Contribution>, source: &SourceId, contribution: Contribution, sensitivity: f64) {
    match all.entry(source.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(Contribution { u: contribution.u * sensitivity, dof: contribution.dof });
        }
        Entry::Occupied(mut entry) => {
            let sum = entry.get_mut();
            sum.u += contribution.u * sensitivity;
            sum.dof = match (sum.dof, contribution.dof) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
}

impl AddAssign<&Uncertain> for Uncertain {
    fn add_assign(&mut self, other: &Uncertain) {
        self.value += other.value;
        for (source, contribution) in &other.contributions {
            add_to(&mut self.contributions, source, *contribution, 1.0);
        }
    }
}

impl SubAssign<&Uncertain> for Uncertain {
    fn sub_assign(&mut self, other: &Uncertain) {
        self.value -= other.value;
        for (source, contribution) in &other.contributions {
            add_to(&mut self.contributions, source, *contribution, -1.0);
        }
    }
}

impl Add for Uncertain {
    type Output = Uncertain;

    fn add(mut self, other: Uncertain) -> Uncertain {
        self += &other;
        self
    }
}

impl Sub for Uncertain {
    type Output = Uncertain;

    fn sub(mut self, other: Uncertain) -> Uncertain {
        self -= &other;
        self
    }
}

impl Mul for &Uncertain {
    type Output = Uncertain;

    fn mul(self, other: &Uncertain) -> Uncertain {
        Uncertain::first_order(self.value * other.value, &[(self, other.value), (other, self.value)])
    }
}

impl Neg for Uncertain {
    type Output = Uncertain;

    fn neg(self) -> Uncertain {
        self.scale(-1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(value: f64, source: &str, u: f64) -> Uncertain {
        Uncertain::new(value, SourceId::new(source), u, None).unwrap()
    }

    #[test]
    fn a_shared_source_cancels_in_a_difference() {
        let difference = value(10.0, "scale", 0.1) - value(4.0, "scale", 0.1);
        assert_eq!(difference.value(), 6.0);
        assert_eq!(difference.standard_uncertainty(), 0.0);
    }

    #[test]
    fn a_quotient_of_one_value_is_certain() {
        let x = value(7.0, "x", 0.3);
        assert!(x.over(&x).unwrap().standard_uncertainty() < 1e-17);
        assert_eq!(x.over(&Uncertain::exact(0.0)), Err(UncertaintyError::DivisionByZero));
    }

    #[test]
    fn bad_sources_are_refused() {
        for (u, dof) in [(-1.0, None), (f64::NAN, None), (1.0, Some(0.0)), (1.0, Some(f64::NAN))] {
            assert!(Uncertain::new(1.0, SourceId::new("s"), u, dof).is_err());
        }
        assert_eq!(value(1.0, "s", 1.0).scale(f64::INFINITY).finite(), Err(UncertaintyError::NotFinite));
    }

    proptest! {
        #[test]
        fn shares_add_up(us in proptest::collection::vec(0.001f64..10.0, 1..20)) {
            let mut sum = Uncertain::exact(1.0);
            for (i, u) in us.iter().enumerate() {
                sum += &value(1.0, &format!("s{i}"), *u);
            }
            let total: f64 = sum.budget().iter().map(|line| line.share_percent).sum();
            prop_assert!((total - 100.0).abs() < 1e-9);
        }

        #[test]
        fn products_match_the_closed_form(a in 1.0f64..1e6, b in 1.0f64..1e6, ua in 0.0f64..0.1, ub in 0.0f64..0.1) {
            let product = &value(a, "a", a * ua) * &value(b, "b", b * ub);
            let expect = a * b * libm::sqrt(ua * ua + ub * ub);
            prop_assert!((product.standard_uncertainty() - expect).abs() <= 1e-12 * expect.abs());
        }
    }
}
