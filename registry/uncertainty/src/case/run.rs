//! From a case to what comes of it.

use super::{Case, CaseError, GlobalCase, Kind, ModelCase, Question, SpecificCase};
use crate::coverage::coverage_factor;
use crate::decision::{DecisionRule, Outcome, Tolerance};
use crate::model::{EvaluationError, Model};
use crate::montecarlo::{MonteCarloError, Simulation, Validation, simulate};
use crate::propagate::{FirstOrder, SecondOrder, SecondOrderError, propagate, second_order};
use crate::quantities::Quantities;
use crate::risk::GlobalRisk;

/// What comes of a case.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Of a model.
    Model(Box<Propagated>),
    /// Of an estimate against limits.
    Specific(Assessment),
    /// Of items of a kind.
    Global(GlobalRisk),
}

/// What comes of a model.
#[derive(Debug, Clone)]
pub struct Propagated {
    /// The inputs.
    pub quantities: Quantities,
    /// The outputs, in their order.
    pub outputs: Vec<OutputAnswer>,
    /// Whether the case names its outputs.
    pub named: bool,
    /// Correlation coefficients between outputs, by their places.
    pub correlations: Vec<(usize, usize, f64)>,
    /// The coverage probability.
    pub probability: f64,
    /// What a reader should know.
    pub notices: Vec<Notice>,
}

/// What comes of an output.
#[derive(Debug, Clone)]
pub struct OutputAnswer {
    /// Its name.
    pub name: String,
    /// To first order; `None` where the model has no derivative and the case asks for Monte Carlo.
    pub first: Option<FirstOrder>,
    /// With second-order terms, where there are any to state.
    pub second: Option<SecondOrder>,
    /// By Monte Carlo, where the inputs can be drawn.
    pub simulation: Option<Simulation>,
    /// Coverage factor of first order at the coverage probability.
    pub factor: f64,
}

/// What a reader should know of an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Notice {
    /// First order is not enough.
    #[error(
        "{output}: first order is not enough: u is {} to first order, {} with second-order terms, and the mean is shifted by \
         {}; take the result of Monte Carlo", short(*.first), short(*.second), short(*.bias)
    )]
    FirstOrderNotEnough {
        /// The output.
        output: String,
        /// Standard uncertainty to first order.
        first: f64,
        /// Standard uncertainty with second-order terms.
        second: f64,
        /// Shift of the mean.
        bias: f64,
    },
    /// First order fails the comparison of JCGM 101:2008, clause 8.
    #[error(
        "{output}: the ends of the interval of first order miss those of Monte Carlo by {} and {}, more than {} (JCGM 101, \
         clause 8, one digit); take the result of Monte Carlo",
        short(.validation.low), short(.validation.high), short(.validation.tolerance)
    )]
    NotValidated {
        /// The output.
        output: String,
        /// The comparison.
        validation: Validation,
    },
    /// Nothing to first order.
    #[error("no result to first order: {0}")]
    NoFirstOrder(EvaluationError),
    /// Nothing of second order.
    #[error("no second-order terms: {0}")]
    NoSecondOrder(SecondOrderError),
    /// Nothing by Monte Carlo.
    #[error("no Monte Carlo: {0}")]
    NoSimulation(MonteCarloError),
    /// A large model that asks for no Monte Carlo.
    #[error("no Monte Carlo: the model is too large to be cross-checked by the way; ask for kind monte_carlo")]
    NotCrossChecked,
    /// The draws are too few for the digits.
    #[error("{output}: after {draws} draws the figures are not yet stable to the digits asked for; ask for more draws")]
    NotStable {
        /// The output.
        output: String,
        /// Draws.
        draws: u64,
    },
    /// Welch–Satterthwaite is for independent inputs.
    #[error(
        "the inputs {} are correlated and have degrees of freedom: effective degrees of freedom take them together, with the \
         smallest of their degrees of freedom", .inputs.join(", ")
    )]
    CorrelatedDof {
        /// The inputs.
        inputs: Vec<String>,
    },
    /// Estimate and distribution differ.
    #[error(
        "input {input}: value and std_unc are {stated:?}, but mean and standard deviation of its distribution {drawn:?}"
    )]
    OtherDistribution {
        /// The input.
        input: String,
        /// Value and standard uncertainty.
        stated: (f64, f64),
        /// Mean and standard deviation of the distribution.
        drawn: (f64, f64),
    },
    /// A part of the case that has no meaning.
    #[error("{path} was not read; is the name right?")]
    Unread {
        /// Where it is.
        path: String,
    },
}

/// A number to three significant digits.
fn short(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

/// An estimate against limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    /// Probability that the true value lies within the limits (JCGM 106:2012, clause 7).
    pub probability_of_conformity: f64,
    /// What the rule makes of it.
    pub outcome: Outcome,
    /// Which estimates the rule accepts; `None` where it accepts none.
    pub acceptance: Option<Tolerance>,
}

impl Assessment {
    /// Specific consumer's risk: that the item does not conform, if it is accepted (9.3.2).
    pub fn consumer_risk(&self) -> f64 {
        1.0 - self.probability_of_conformity
    }

    /// Specific producer's risk: that the item conforms, if it is rejected (9.3.3).
    pub fn producer_risk(&self) -> f64 {
        self.probability_of_conformity
    }
}

/// Draws × (inputs + operations) that a case gets which does not ask for Monte Carlo, some seconds; and the fewest draws
/// that tell anything.
const CROSS_CHECK_WORK: u64 = 2_000_000_000;
const FEWEST_DRAWS: u64 = 20_000;

/// Significant digits of u to which both intervals must agree, as in JCGM 101:2008, 9.3.2. With two, the different treatment
/// of degrees of freedom (Welch–Satterthwaite here, Student's t there) would be reported again and again.
const VALIDATION_DIGITS: u32 = 1;

/// By how much stated moments may differ from those of the distribution, relative to the standard deviation.
const SAME_MOMENTS: f64 = 1e-3;

impl Case {
    /// Computes what the case asks, and cross-checks it.
    ///
    /// # Errors
    /// [`CaseError`].
    pub fn run(&self) -> Result<Answer, CaseError> {
        match &self.question {
            Question::Model(case) => Ok(Answer::Model(Box::new(self.propagated(case)?))),
            Question::Specific(case) => Ok(Answer::Specific(case.assessment())),
            Question::Global(GlobalCase { process, tolerance, acceptance }) => {
                Ok(Answer::Global(process.global_risk(*tolerance, *acceptance)?))
            }
        }
    }

    fn propagated(&self, case: &ModelCase) -> Result<Propagated, CaseError> {
        let quantities = Quantities::new(case.inputs.clone(), &case.correlations)?;
        let model = Model::parse_outputs(&case.outputs, quantities.names())
            .map_err(|error| if case.named { error } else { error.of_sole_output() })?;
        let mut notices: Vec<Notice> = self.unread.iter().map(|path| Notice::Unread { path: path.clone() }).collect();
        notices.extend(about_inputs(&quantities));
        let first = match propagate(&model, &quantities) {
            Ok(first) => first.into_iter().map(Some).collect(),
            Err(error) if self.kind == Kind::MonteCarlo => {
                notices.push(Notice::NoFirstOrder(error));
                vec![None; case.outputs.len()]
            }
            Err(error) => return Err(error.into()),
        };
        let second = match second_order(&model, &quantities) {
            Ok(second) => second.into_iter().map(Some).collect(),
            Err(error) if self.kind == Kind::LinearSecondOrder => return Err(error.into()),
            Err(error) => {
                // Without first order that was said already.
                if !matches!(error, SecondOrderError::Evaluation(_)) {
                    notices.push(Notice::NoSecondOrder(error));
                }
                vec![None; case.outputs.len()]
            }
        };
        let simulation = match self.simulation(case, &model, &quantities) {
            Ok(simulation) => simulation.into_iter().map(Some).collect(),
            Err(notice) => {
                notices.push(notice?);
                vec![None; case.outputs.len()]
            }
        };
        let mut outputs = Vec::new();
        let all = model.outputs().iter().zip(first).zip(second).zip(simulation);
        for (((name, first), second), simulation) in all {
            let dof = first.as_ref().and_then(|first: &FirstOrder| first.effective_dof);
            let factor = coverage_factor(case.settings.probability, dof);
            outputs.push(OutputAnswer { name: name.clone(), first, second, simulation, factor });
        }
        notices.extend(outputs.iter().flat_map(|output| self.about_output(output)));
        let correlations = correlations(&outputs);
        let probability = case.settings.probability;
        Ok(Propagated { quantities, outputs, named: case.named, correlations, probability, notices })
    }

    /// Monte Carlo, or why there is none: an error where the case asks for it.
    fn simulation(
        &self,
        case: &ModelCase,
        model: &Model,
        quantities: &Quantities,
    ) -> Result<Vec<Simulation>, Result<Notice, CaseError>> {
        let mut settings = case.settings;
        if self.kind != Kind::MonteCarlo {
            let most = CROSS_CHECK_WORK / (model.operations() + model.inputs().len()) as u64;
            if most < FEWEST_DRAWS {
                return Err(Ok(Notice::NotCrossChecked));
            }
            settings.min_draws = settings.min_draws.min(most);
            settings.max_draws = settings.min_draws;
        }
        simulate(model, quantities, &settings).map_err(|error| match self.kind {
            Kind::MonteCarlo => Err(error.into()),
            _ => Ok(Notice::NoSimulation(error)),
        })
    }

    fn about_output(&self, answer: &OutputAnswer) -> Vec<Notice> {
        let output = || answer.name.clone();
        let mut notices = Vec::new();
        if let Some(second) = answer.second.as_ref().filter(|second| !second.first_order_is_enough()) {
            let (first, bias) = (second.first_order, second.bias);
            let second = second.standard_uncertainty;
            notices.push(Notice::FirstOrderNotEnough { output: output(), first, second, bias });
        }
        let Some(simulation) = &answer.simulation else { return notices };
        if self.kind == Kind::MonteCarlo && !simulation.stable {
            notices.push(Notice::NotStable { output: output(), draws: simulation.draws });
        }
        if let Some(first) = &answer.first {
            let expanded = answer.factor * first.standard_uncertainty;
            let validation = simulation.validates(first.value, expanded, VALIDATION_DIGITS);
            if !validation.valid {
                notices.push(Notice::NotValidated { output: output(), validation });
            }
        }
        notices
    }
}

/// What is worth saying of inputs.
fn about_inputs(quantities: &Quantities) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (input, name) in quantities.names().iter().enumerate() {
        let Some(distribution) = quantities.distribution(input) else { continue };
        let stated = (quantities.values()[input], quantities.standard_uncertainties()[input]);
        let drawn = (distribution.mean(), distribution.sd().unwrap_or(f64::INFINITY));
        let scale = SAME_MOMENTS * drawn.1.max(stated.1);
        if (stated.0 - drawn.0).abs() > scale || (stated.1 - drawn.1).abs() > scale {
            notices.push(Notice::OtherDistribution { input: name.clone(), stated, drawn });
        }
    }
    for cluster in quantities.clusters() {
        let members = || cluster.members.iter().map(|member| member.input as usize);
        if members().any(|input| quantities.dof(input).is_some()) {
            let inputs = members().map(|input| quantities.names()[input].clone()).collect();
            notices.push(Notice::CorrelatedDof { inputs });
        }
    }
    notices
}

/// Coefficients between all pairs of outputs.
fn correlations(outputs: &[OutputAnswer]) -> Vec<(usize, usize, f64)> {
    let mut found = Vec::new();
    for (a, one) in outputs.iter().enumerate() {
        for (b, other) in outputs.iter().enumerate().skip(a + 1) {
            if let (Some(one), Some(other)) = (&one.first, &other.first)
                && let Some(r) = one.correlation(other)
            {
                found.push((a, b, r));
            }
        }
    }
    found
}

impl SpecificCase {
    fn assessment(&self) -> Assessment {
        let SpecificCase { estimate, standard_uncertainty: u, tolerance, rule } = *self;
        let acceptance = match rule {
            DecisionRule::SpecificRisk { risk } => tolerance.acceptance_for_specific_risk(u, risk),
            DecisionRule::Simple | DecisionRule::Guarded { .. } => tolerance.guarded(rule.multiple() * u),
        };
        let w = rule.multiple() * u;
        let inside = |tolerance: &Tolerance| tolerance.lower <= estimate && estimate <= tolerance.upper;
        let outcome = if acceptance.as_ref().is_some_and(inside) {
            Outcome::Conforms
        } else if estimate < tolerance.lower - w || estimate > tolerance.upper + w {
            Outcome::DoesNotConform
        } else {
            Outcome::Inconclusive
        };
        Assessment { probability_of_conformity: tolerance.probability(estimate, u), outcome, acceptance }
    }
}
