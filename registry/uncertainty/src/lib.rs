//! Values that know where their uncertainty comes from: signed contributions by independent source, propagated to first
//! order (JCGM 100:2008), a budget by source, coverage factors, and decisions against limits (JCGM 106:2012).
//!
//! There is no Monte Carlo, no second-order term, no declared correlation between sources and no global risk here yet;
//! whatever shares a source is fully correlated, by construction. No evidence and no method either.
//!
//! Sums run in the order of source ids and transcendental functions come from `libm` alone, so the same input gives the
//! same bits on any machine.

mod coverage;
mod decision;
mod measured;
mod value;

pub use coverage::{Coverage, CoverageRule, NORMAL_95, normal_probability, student_quantile};
pub use decision::{DecisionRule, Limit, Outcome, Verdict, decide, probability_within};
pub use measured::Measured;
pub use value::{BudgetLine, Contribution, SourceId, Uncertain, UncertaintyError};
