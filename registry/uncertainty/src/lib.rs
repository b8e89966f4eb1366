//! Uncertainty by source (JCGM 100:2008), by Monte Carlo (JCGM 101:2008), and against limits (JCGM 106:2012, ILAC-G8).
//!
//! Two ways in. [`Uncertain`] is a value that knows where its uncertainty comes from: signed contributions by independent
//! source, carried through sums, products and quotients. [`Model`] is a measurand as a function of [`Quantities`], given as
//! text or built by calls: [`propagate`] gives its budget to first order with declared correlations and effective degrees
//! of freedom, [`second_order`] what the next terms add, [`simulate`] what the distributions of the inputs make of it.
//! [`decide`], [`Tolerance`] and [`Process`] hold results against limits, and [`CaseFile`] reads cases that people write.
//!
//! There is no evidence, no method and no disk here; no regression and no multivariate type A evaluation either, which are
//! models in their own right.
//!
//! Sums run in a defined order, transcendental functions come from `libm` alone, and each draw is a function of its seed,
//! input and number: the same input gives the same bits on any machine, with any number of threads.

mod case;
mod correlation;
mod coverage;
mod decision;
mod distribution;
mod measured;
mod model;
mod montecarlo;
mod propagate;
mod quantities;
mod risk;
mod value;

pub use case::{
    Answer, Assessment, Case, CaseError, CaseFile, Entry, GlobalCase, Kind, ModelCase, Notice, OutputAnswer,
    Propagated, Question, SpecificCase,
};
pub use correlation::{Correlation, CorrelationError, MAX_CORRELATIONS};
pub use coverage::{
    Coverage, CoverageRule, NORMAL_95, coverage_factor, normal_probability, normal_quantile, student_quantile,
};
pub use decision::{
    DecisionRule, Limit, Outcome, Tolerance, ToleranceError, Verdict, decide, guard_multiple, probability_within,
};
pub use distribution::{Distribution, DistributionError};
pub use measured::Measured;
pub use model::{
    EvaluationError, MAX_DEPTH, MAX_INPUTS, MAX_OPERATIONS, Model, ModelBuilder, ModelError, Names, Node, SOLE_OUTPUT,
    Workspace,
};
pub use montecarlo::{
    Interval, MAX_DRAWS, MonteCarloError, Seed, Settings, Simulation, Validation, draw, numerical_tolerance, simulate,
};
pub use propagate::{
    FirstOrder, MAX_SECOND_ORDER_WORK, SecondOrder, SecondOrderError, propagate, propagate_in, second_order,
};
pub use quantities::{Input, Quantities, QuantityError};
pub use risk::{GlobalRisk, Process, RiskError};
pub use value::{BudgetLine, Contribution, SourceId, Uncertain, UncertaintyError};
