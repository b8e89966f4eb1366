//! The law of propagation of uncertainty: first order by the gradient of the model (JCGM 100:2008, 5.1.2 and 5.2.2),
//! effective degrees of freedom by Welch–Satterthwaite (G.4.1), and second-order terms (5.1.2, note).

use crate::model::taylor::{Scratch, directional};
use crate::model::{EvaluationError, Model, Workspace};
use crate::quantities::Quantities;

/// An output with its uncertainty to first order, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstOrder {
    /// The name of the output.
    pub output: String,
    /// The model at the estimates of the inputs.
    pub value: f64,
    /// Combined standard uncertainty.
    pub standard_uncertainty: f64,
    /// Effective degrees of freedom; `None` is infinite.
    pub effective_dof: Option<f64>,
    /// Sensitivity coefficient by input.
    pub sensitivities: Vec<f64>,
    /// Signed contribution by input: sensitivity × standard uncertainty.
    pub contributions: Vec<f64>,
    /// Signed contribution by independent source, in the order of [`Quantities::source_names`]; empty where the inputs
    /// are independent, because then the inputs are the sources.
    by_source: Vec<f64>,
}

impl FirstOrder {
    /// Signed contribution by independent source, in the order of [`Quantities::source_names`].
    pub fn source_contributions(&self) -> &[f64] {
        if self.by_source.is_empty() { &self.contributions } else { &self.by_source }
    }

    /// The share of each input in the variance, from 0 to 1; they add up to 1. With correlation the share of input i is
    /// cᵢ·Σⱼ rᵢⱼ·cⱼ / u², which is below zero where the input takes away what others bring.
    pub fn shares(&self, quantities: &Quantities) -> Vec<f64> {
        let u = self.standard_uncertainty;
        if u == 0.0 {
            return vec![0.0; self.contributions.len()];
        }
        let mut shares: Vec<f64> = self.contributions.iter().map(|c| (c / u) * (c / u)).collect();
        let mut first = self.source_contributions().len();
        for cluster in quantities.clusters().iter().rev() {
            first -= cluster.factor.pivots.len();
            let sources = &self.source_contributions()[first..first + cluster.factor.pivots.len()];
            for member in &cluster.members {
                let row = &cluster.factor.rows[member.group as usize];
                let common = row.iter().zip(sources).fold(0.0, |sum, (l, source)| sum + l * source);
                shares[member.input as usize] =
                    (self.contributions[member.input as usize] / u) * (member.sign * common / u);
            }
        }
        shares
    }

    /// The correlation coefficient of two outputs of the same quantities (JCGM 100:2008, 5.2.2 and H.2.3); `None` where
    /// one has no uncertainty.
    pub fn correlation(&self, other: &FirstOrder) -> Option<f64> {
        let (ours, theirs) = (self.source_contributions(), other.source_contributions());
        if self.standard_uncertainty == 0.0 || other.standard_uncertainty == 0.0 {
            return None;
        }
        // Relative contributions keep the products in range.
        let relative = |(a, b): (&f64, &f64)| (a / self.standard_uncertainty) * (b / other.standard_uncertainty);
        Some(ours.iter().zip(theirs).fold(0.0, |sum, pair| sum + relative(pair)).clamp(-1.0, 1.0))
    }
}

/// Propagates all outputs of a model to first order.
///
/// # Errors
/// [`EvaluationError`] where the model or a derivative has no finite value.
pub fn propagate(model: &Model, quantities: &Quantities) -> Result<Vec<FirstOrder>, EvaluationError> {
    propagate_in(model, quantities, &mut Workspace::default())
}

/// The same with memory of the caller: one evaluation after the other then allocates results only.
///
/// # Errors
/// As [`propagate`].
pub fn propagate_in(
    model: &Model,
    quantities: &Quantities,
    workspace: &mut Workspace,
) -> Result<Vec<FirstOrder>, EvaluationError> {
    if model.inputs() != quantities.names() {
        return Err(EvaluationError::OtherInputs);
    }
    model.forward(quantities.values(), workspace)?;
    (0..model.outputs().len()).map(|output| first_order(model, quantities, output, workspace)).collect()
}

fn first_order(
    model: &Model,
    quantities: &Quantities,
    output: usize,
    workspace: &mut Workspace,
) -> Result<FirstOrder, EvaluationError> {
    let value = model.output_value(output, workspace)?;
    let partials = model.partials(output, workspace);
    let mut squares = 0.0;
    let of_input = |(c, u): (&f64, &f64)| {
        let contribution = c * u;
        squares += contribution * contribution;
        contribution
    };
    let contributions: Vec<f64> = partials.iter().zip(quantities.standard_uncertainties()).map(of_input).collect();
    // A derivative that is not finite makes its contribution, and so the sum, no finite number either.
    if !squares.is_finite() {
        model.check_derivatives(output, partials)?;
    }
    let sensitivities = partials.to_vec();
    let by_source = if quantities.clusters().is_empty() { Vec::new() } else { by_source(quantities, &contributions) };
    let sources = if by_source.is_empty() { &contributions } else { &by_source };
    let standard_uncertainty = match by_source.is_empty() {
        true => root_of(squares, sources),
        false => root_of_squares(sources),
    };
    if !standard_uncertainty.is_finite() {
        let input = contributions.iter().position(|c| !c.is_finite()).unwrap_or_default();
        return Err(EvaluationError::NoDerivative {
            output: model.outputs()[output].clone(),
            input: model.inputs()[input].clone(),
        });
    }
    let effective_dof = effective_dof(quantities, &contributions, sources, standard_uncertainty);
    let output = model.outputs()[output].clone();
    Ok(FirstOrder { output, value, standard_uncertainty, effective_dof, sensitivities, contributions, by_source })
}

/// √Σx², also where a square leaves the range of numbers.
fn root_of_squares(terms: &[f64]) -> f64 {
    root_of(terms.iter().fold(0.0, |sum, term| sum + term * term), terms)
}

/// The same where the sum of the squares, in order, is known to be `plain`.
fn root_of(plain: f64, terms: &[f64]) -> f64 {
    if plain.is_finite() && plain > f64::MIN_POSITIVE / f64::EPSILON {
        return libm::sqrt(plain);
    }
    let largest = terms.iter().fold(0.0f64, |largest, term| largest.max(term.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * libm::sqrt(terms.iter().fold(0.0, |sum, term| sum + (term / largest) * (term / largest)))
}

/// What each independent source contributes: for a cluster Lᵀ times what its groups contribute.
fn by_source(quantities: &Quantities, contributions: &[f64]) -> Vec<f64> {
    let independent = contributions.iter().enumerate().filter(|(input, _)| !quantities.is_clustered(*input));
    let mut sources: Vec<f64> = independent.map(|(_, c)| *c).collect();
    for cluster in quantities.clusters() {
        let mut groups = vec![0.0; cluster.factor.rows.len()];
        for member in &cluster.members {
            groups[member.group as usize] += member.sign * contributions[member.input as usize];
        }
        for column in 0..cluster.factor.pivots.len() {
            let rows = cluster.factor.rows.iter().zip(&groups);
            sources.push(rows.fold(0.0, |sum, (row, group)| sum + row[column] * group));
        }
    }
    sources
}

/// Welch–Satterthwaite (JCGM 100:2008, equation G.2b). The formula is for independent inputs; inputs that are correlated
/// are one term here, with their joint variance and the smallest of their degrees of freedom. That is exact where they
/// were observed together (Willink, Metrologia 44 (2007) 340) and cautious otherwise.
fn effective_dof(quantities: &Quantities, contributions: &[f64], sources: &[f64], u: f64) -> Option<f64> {
    if u == 0.0 || !quantities.have_dof() {
        return None;
    }
    let term = |variance: f64, dof: f64| if dof.is_finite() { variance * variance / dof } else { 0.0 };
    let relative = |c: f64| (c / u) * (c / u);
    let mut sum = 0.0;
    for (input, (c, dof)) in contributions.iter().zip(quantities.dofs()).enumerate() {
        if !quantities.is_clustered(input) {
            sum += term(relative(*c), *dof);
        }
    }
    let mut first = sources.len();
    for cluster in quantities.clusters().iter().rev() {
        first -= cluster.factor.pivots.len();
        let variance = sources[first..][..cluster.factor.pivots.len()].iter().fold(0.0, |sum, c| sum + relative(*c));
        let contributing = cluster.members.iter().filter(|member| contributions[member.input as usize] != 0.0);
        let dof = contributing.fold(f64::INFINITY, |least, member| least.min(quantities.dofs()[member.input as usize]));
        sum += term(variance, dof);
    }
    (sum > 0.0).then_some(1.0 / sum).filter(|dof| dof.is_finite())
}

/// What second-order terms add to an output.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondOrder {
    /// The name of the output.
    pub output: String,
    /// Standard uncertainty with second-order terms.
    pub standard_uncertainty: f64,
    /// Standard uncertainty without them.
    pub first_order: f64,
    /// Expectation minus the model at the estimates, ½ Σᵢⱼ ∂²f/∂xᵢ∂xⱼ u(xᵢ, xⱼ).
    pub bias: f64,
}

/// Largest difference of the standard uncertainty, relative to first order, and largest bias, relative to the standard
/// uncertainty, at which first order is called enough: half a unit in the second digit of an uncertainty is at most 5 %
/// of it (JCGM 101:2008, 7.9.2 and 8.1, with two significant digits).
const ENOUGH: f64 = 0.05;

impl SecondOrder {
    /// Whether first order is enough.
    pub fn first_order_is_enough(&self) -> bool {
        (self.standard_uncertainty - self.first_order).abs() <= ENOUGH * self.first_order
            && self.bias.abs() <= ENOUGH * self.standard_uncertainty
    }
}

/// Why there are no second-order terms to state.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SecondOrderError {
    /// The model has no value.
    #[error("{0}")]
    Evaluation(#[from] EvaluationError),
    /// A second or third derivative is not finite.
    #[error("output {output}: the model has no finite second or third derivative at these values; use Monte Carlo")]
    NotSmooth {
        /// The output.
        output: String,
    },
    /// The terms add up to less than nothing.
    #[error("output {output}: the second-order terms outweigh the first, so the series says nothing; use Monte Carlo")]
    NotConvergent {
        /// The output.
        output: String,
    },
    /// Sources × operations beyond [`MAX_SECOND_ORDER_WORK`].
    #[error("second-order terms of {sources} sources over {operations} operations are too many; use Monte Carlo")]
    TooMuch {
        /// Independent sources with an uncertainty.
        sources: usize,
        /// Operations of the model.
        operations: usize,
    },
}

/// Most sources × operations for which second-order terms are computed: some seconds.
pub const MAX_SECOND_ORDER_WORK: usize = 200_000_000;

/// The combined standard uncertainty of each output with second-order terms (JCGM 100:2008, 5.1.2, note):
/// Σᵢ (fᵢuᵢ)² + Σᵢⱼ (½ fᵢⱼ² + fᵢ fᵢⱼⱼ) uᵢ² uⱼ², over independent sources. The terms are those of normal inputs.
///
/// # Errors
/// [`SecondOrderError`].
pub fn second_order(model: &Model, quantities: &Quantities) -> Result<Vec<SecondOrder>, SecondOrderError> {
    let first = propagate(model, quantities)?;
    let directions = directions(quantities);
    let operations = model.operations();
    if directions.len().saturating_mul(operations.max(model.inputs().len())) > MAX_SECOND_ORDER_WORK {
        return Err(SecondOrderError::TooMuch { sources: directions.len(), operations });
    }
    let mut scratch = Scratch::default();
    let one = |(output, first): (usize, &FirstOrder)| {
        second_order_of(model, quantities, output, first, &directions, &mut scratch)
    };
    first.iter().enumerate().map(one).collect()
}

/// A step of one standard deviation in each independent source, as steps of the inputs.
fn directions(quantities: &Quantities) -> Vec<Vec<(u32, f64)>> {
    let uncertainties = quantities.standard_uncertainties();
    let independent = uncertainties.iter().enumerate().filter(|(input, _)| !quantities.is_clustered(*input));
    // Indices are below MAX_INPUTS.
    let mut directions: Vec<_> = independent.map(|(input, u)| vec![(input as u32, *u)]).collect();
    for cluster in quantities.clusters() {
        for column in 0..cluster.factor.pivots.len() {
            let step = |member: &crate::correlation::Member| {
                let loading = member.sign * cluster.factor.rows[member.group as usize][column];
                (member.input, loading * uncertainties[member.input as usize])
            };
            directions.push(cluster.members.iter().map(step).collect());
        }
    }
    directions.retain(|direction: &Vec<(u32, f64)>| direction.iter().any(|(_, step)| *step != 0.0));
    directions
}

fn second_order_of(
    model: &Model,
    quantities: &Quantities,
    output: usize,
    first: &FirstOrder,
    directions: &[Vec<(u32, f64)>],
    scratch: &mut Scratch,
) -> Result<SecondOrder, SecondOrderError> {
    let tape = model.tape();
    let along = |direction: &[(u32, f64)], of: &dyn Fn(usize) -> f64| {
        direction.iter().fold(0.0, |sum, (input, step)| sum + of(*input as usize) * step)
    };
    let (mut squares, mut trace) = (0.0, 0.0);
    let mut third = vec![0.0; model.inputs().len()];
    for (at, direction) in directions.iter().enumerate() {
        let found = directional(tape, tape.outputs[output], quantities.values(), direction, scratch);
        for (other, towards) in directions.iter().enumerate() {
            let element = along(towards, &|input| found[input][1]);
            squares += element * element;
            if other == at {
                trace += element;
            }
        }
        for (third, found) in third.iter_mut().zip(found) {
            *third += 2.0 * found[2];
        }
    }
    let mixed = directions.iter().fold(0.0, |sum, direction| {
        sum + along(direction, &|input| first.sensitivities[input]) * along(direction, &|input| third[input])
    });
    let variance = first.standard_uncertainty * first.standard_uncertainty + 0.5 * squares + mixed;
    let output = first.output.clone();
    if !variance.is_finite() || !trace.is_finite() {
        return Err(SecondOrderError::NotSmooth { output });
    }
    if variance < 0.0 {
        return Err(SecondOrderError::NotConvergent { output });
    }
    let standard_uncertainty = libm::sqrt(variance);
    Ok(SecondOrder { output, standard_uncertainty, first_order: first.standard_uncertainty, bias: 0.5 * trace })
}
