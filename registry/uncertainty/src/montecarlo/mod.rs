//! Propagation of distributions by Monte Carlo (JCGM 101:2008, clause 7): the inputs are drawn, the model is evaluated
//! for each draw, and the result is what the outputs show.
//!
//! Every draw is a function of the seed, the name of its input, and its number. So the result has the same bytes for any
//! number of threads, an input keeps its draws when another is added, and two machines draw the same numbers.

mod copula;
mod generator;
mod interval;
mod normal;
mod sample;

pub use generator::Seed;
pub use interval::Interval;

use crate::correlation::CorrelationError;
use crate::model::block::{BLOCK, Program};
use crate::model::{EvaluationError, Model};
use crate::quantities::Quantities;
use sample::Sampler;

/// Most draws × outputs: 800 MB of them.
pub const MAX_DRAWS: u64 = 100_000_000;

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The seed.
    pub seed: Seed,
    /// Coverage probability of the intervals.
    pub probability: f64,
    /// Draws to begin with.
    pub min_draws: u64,
    /// Draws at most; the run ends earlier when all figures are stable to `digits`.
    pub max_draws: u64,
    /// Significant digits of the standard uncertainty to which all figures must be stable (7.9.2): 1 to 4.
    pub digits: u32,
    /// Threads; zero for as many as the machine has. The result does not depend on it.
    pub threads: usize,
}

impl Default for Settings {
    /// 95 %, two digits, a million draws (7.2.2) and up to ten million.
    fn default() -> Self {
        Settings {
            seed: Seed::default(),
            probability: 0.95,
            min_draws: 1_000_000,
            max_draws: 10_000_000,
            digits: 2,
            threads: 0,
        }
    }
}

/// What the draws of an output show.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The name of the output.
    pub output: String,
    /// How many draws there were.
    pub draws: u64,
    /// Their mean, the estimate (7.6).
    pub mean: f64,
    /// Their standard deviation, the standard uncertainty (7.6).
    pub standard_uncertainty: f64,
    /// The probabilistically symmetric coverage interval (7.7).
    pub symmetric: Interval,
    /// The shortest coverage interval (7.7).
    pub shortest: Interval,
    /// Whether all figures are stable to the digits asked for (7.9.4).
    pub stable: bool,
}

impl Simulation {
    /// The comparison of JCGM 101:2008, clause 8: whether the interval value ± expanded of first order agrees with the
    /// symmetric one of the draws to `digits` significant digits of the standard uncertainty.
    pub fn validates(&self, value: f64, expanded: f64, digits: u32) -> Validation {
        let low = (value - expanded - self.symmetric.low).abs();
        let high = (value + expanded - self.symmetric.high).abs();
        let tolerance = numerical_tolerance(self.standard_uncertainty, digits);
        Validation { low, high, tolerance, valid: low <= tolerance && high <= tolerance }
    }
}

/// The comparison of two coverage intervals (8.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Distance of the lower ends.
    pub low: f64,
    /// Distance of the upper ends.
    pub high: f64,
    /// Numerical tolerance δ.
    pub tolerance: f64,
    /// Whether neither distance exceeds it.
    pub valid: bool,
}

/// The numerical tolerance δ of a standard uncertainty with this many significant digits: half a unit in the last of them
/// (7.9.2).
pub fn numerical_tolerance(standard_uncertainty: f64, digits: u32) -> f64 {
    if standard_uncertainty == 0.0 || !standard_uncertainty.is_finite() {
        return 0.0;
    }
    let ten_to = |exponent: f64| libm::pow(10.0, exponent);
    let mut exponent = libm::floor(libm::log10(standard_uncertainty)) + 1.0 - f64::from(digits);
    // Rounding to those digits can carry: 0.0996 to two digits is 0.10.
    if libm::round(standard_uncertainty / ten_to(exponent)) >= ten_to(f64::from(digits)) {
        exponent += 1.0;
    }
    0.5 * ten_to(exponent)
}

/// Why there is no simulation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MonteCarloError {
    /// The model does not fit the quantities.
    #[error("{0}")]
    Evaluation(#[from] EvaluationError),
    /// A setting out of range.
    #[error("{setting} is {value}, but {wanted}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        wanted: &'static str,
    },
    /// No distribution with a standard deviation follows from so few degrees of freedom.
    #[error(
        "input {input}: with {dof} degrees of freedom Student's t has no standard deviation; state the distribution to \
         draw from"
    )]
    NoDistribution {
        /// The input.
        input: String,
        /// Its degrees of freedom.
        dof: f64,
    },
    /// Two distributions cannot be correlated as declared.
    #[error(
        "correlation of {a} and {b}: inputs with these two distributions cannot have r = {r}; give them the same \
         distribution or a smaller coefficient"
    )]
    OtherShape {
        /// One input.
        a: String,
        /// The other.
        b: String,
        /// The coefficient.
        r: f64,
    },
    /// The normal variables behind correlated inputs cannot have the coefficients that the inputs need.
    #[error("behind the distributions of correlated inputs: {0}")]
    Correlation(#[from] CorrelationError),
    /// A draw for which the model has no finite value.
    #[error(
        "output {output}: the model has no finite value for draw {draw}; state distributions that keep to where the model \
         is defined"
    )]
    Undefined {
        /// The output.
        output: String,
        /// The number of the draw, from zero.
        draw: u64,
    },
    /// Draws whose squares leave the range of numbers.
    #[error("output {output}: its draws spread too far for a standard deviation; use another unit")]
    Spread {
        /// The output.
        output: String,
    },
}

/// Draws until every output is stable, or `max_draws`.
///
/// # Errors
/// [`MonteCarloError`].
pub fn simulate(
    model: &Model,
    quantities: &Quantities,
    settings: &Settings,
) -> Result<Vec<Simulation>, MonteCarloError> {
    check(settings)?;
    let outputs = model.outputs().len() as u64;
    let sequence = sequence(settings.probability);
    let most = settings.max_draws.max(settings.min_draws).min(MAX_DRAWS / outputs).max(2 * sequence);
    let mut draws = vec![Vec::new(); model.outputs().len()];
    let mut wanted = settings.min_draws.min(most).max(2 * sequence);
    loop {
        // Whole sequences, so that how many there are depends on nothing else.
        let rounded = wanted.div_ceil(sequence) * sequence;
        extend(model, quantities, settings, rounded, &mut draws)?;
        let stable: Vec<bool> = draws.iter().map(|draws| is_stable(draws, sequence as usize, settings)).collect();
        if stable.iter().all(|stable| *stable) || rounded >= most {
            let all = draws.into_iter().zip(stable).enumerate();
            return all.map(|(at, (draws, stable))| summary(&model.outputs()[at], draws, stable, settings)).collect();
        }
        wanted = (2 * rounded).min(most);
    }
}

/// The outputs of the first `draws` draws, in order, rounded up to whole blocks of 512.
///
/// # Errors
/// As [`simulate`].
pub fn draw(
    model: &Model,
    quantities: &Quantities,
    settings: &Settings,
    draws: u64,
) -> Result<Vec<Vec<f64>>, MonteCarloError> {
    check(settings)?;
    let mut all = vec![Vec::new(); model.outputs().len()];
    let limit = MAX_DRAWS / model.outputs().len() as u64;
    if draws > limit {
        let wanted = "at most 100,000,000 values are kept";
        return Err(MonteCarloError::Setting { setting: "draws", value: draws as f64, wanted });
    }
    extend(model, quantities, settings, draws, &mut all)?;
    Ok(all)
}

fn check(settings: &Settings) -> Result<(), MonteCarloError> {
    let Settings { probability, digits, .. } = *settings;
    if !(probability > 0.0 && probability < 1.0 && sequence(probability) <= MAX_DRAWS / 2) {
        let wanted = "a coverage probability is above 0 and below 1, and 1 - p at least 0.00001";
        return Err(MonteCarloError::Setting { setting: "p", value: probability, wanted });
    }
    if !(1..=4).contains(&digits) {
        let wanted = "figures can be stable to 1 to 4 digits";
        return Err(MonteCarloError::Setting { setting: "digits", value: f64::from(digits), wanted });
    }
    Ok(())
}

/// Draws in a sequence (7.9.4 b): 100/(1 − p), at least 10⁴, in whole blocks.
fn sequence(probability: f64) -> u64 {
    // A probability so close to one that this saturates is refused by its caller.
    let draws = libm::ceil(100.0 / (1.0 - probability)).max(1e4) as u64;
    draws.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}

/// Extends the draws of each output to `wanted`, in whole blocks.
fn extend(
    model: &Model,
    quantities: &Quantities,
    settings: &Settings,
    wanted: u64,
    draws: &mut [Vec<f64>],
) -> Result<(), MonteCarloError> {
    if model.inputs() != quantities.names() {
        return Err(EvaluationError::OtherInputs.into());
    }
    let sampler = Sampler::new(quantities, settings.seed)?;
    let program = Program::new(model.tape(), |input| sampler.source(input));
    let first = draws.first().map_or(0, Vec::len) as u64 / BLOCK as u64;
    let blocks = wanted.div_ceil(BLOCK as u64).saturating_sub(first);
    let threads = match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    // One part a thread, each of neighbouring blocks, joined in order.
    let part = blocks.div_ceil(threads as u64).max(1);
    let parts: Vec<(u64, u64)> = (0..blocks)
        .step_by(usize::try_from(part).unwrap_or(usize::MAX))
        .map(|at| (first + at, part.min(blocks - at)))
        .collect();
    let run = |(from, count): (u64, u64)| run(model, &program, &sampler, from, count);
    let found: Vec<_> = match parts.as_slice() {
        [only] => vec![run(*only)],
        parts => std::thread::scope(|scope| {
            let handles: Vec<_> = parts.iter().map(|part| scope.spawn(|| run(*part))).collect();
            // A panic in a thread goes on here.
            handles.into_iter().map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        }),
    };
    for part in found {
        for (all, part) in draws.iter_mut().zip(part?) {
            all.extend_from_slice(&part);
        }
    }
    Ok(())
}

/// Runs `count` blocks.
fn run(
    model: &Model,
    program: &Program,
    sampler: &Sampler,
    first: u64,
    count: u64,
) -> Result<Vec<Vec<f64>>, MonteCarloError> {
    let mut columns = program.columns();
    let mut desk = sampler.desk();
    let capacity = usize::try_from(count).unwrap_or(0) * BLOCK;
    let mut draws: Vec<Vec<f64>> = model.outputs().iter().map(|_| Vec::with_capacity(capacity)).collect();
    for block in first..first + count {
        program.run(
            &mut columns,
            |input, numbers| sampler.fill(input, block, &mut desk, numbers),
            |output, values| draws[output].extend_from_slice(values),
        );
        for (output, draws) in draws.iter().enumerate() {
            let start = draws.len() - BLOCK;
            if let Some(at) = draws[start..].iter().position(|value| !value.is_finite()) {
                let output = model.outputs()[output].clone();
                return Err(MonteCarloError::Undefined { output, draw: block * BLOCK as u64 + at as u64 });
            }
        }
    }
    Ok(draws)
}

/// Mean and standard deviation, in two passes over blocks of one size, so that long sums keep their digits.
fn moments(draws: &[f64]) -> (f64, f64) {
    let sum = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |sum, value| sum + value);
    let mean = sum(&mut draws.chunks(BLOCK).map(|block| sum(&mut block.iter().copied()))) / draws.len() as f64;
    let squares = draws.chunks(BLOCK).map(|block| sum(&mut block.iter().map(|y| (y - mean) * (y - mean))));
    (mean, libm::sqrt(sum(&mut squares.into_iter()) / (draws.len() - 1) as f64))
}

/// The criterion of 7.9.4: over the sequences, twice the standard deviation of the average of each figure (estimate,
/// standard uncertainty, both ends of the interval) is below the numerical tolerance of the standard uncertainty.
fn is_stable(draws: &[f64], sequence: usize, settings: &Settings) -> bool {
    let mut figures: [Vec<f64>; 4] = Default::default();
    let mut sorted = Vec::with_capacity(sequence);
    for part in draws.chunks_exact(sequence) {
        sorted.clear();
        sorted.extend_from_slice(part);
        sorted.sort_unstable_by(f64::total_cmp);
        let (mean, u) = moments(part);
        let interval = interval::symmetric(&sorted, settings.probability);
        figures.iter_mut().zip([mean, u, interval.low, interval.high]).for_each(|(all, one)| all.push(one));
    }
    let tolerance = numerical_tolerance(moments(draws).1, settings.digits);
    figures.iter().all(|figure| 2.0 * moments(figure).1 / libm::sqrt(figure.len() as f64) <= tolerance)
}

fn summary(
    output: &str,
    mut draws: Vec<f64>,
    stable: bool,
    settings: &Settings,
) -> Result<Simulation, MonteCarloError> {
    let (mean, standard_uncertainty) = moments(&draws);
    if !standard_uncertainty.is_finite() {
        return Err(MonteCarloError::Spread { output: output.to_owned() });
    }
    draws.sort_unstable_by(f64::total_cmp);
    Ok(Simulation {
        output: output.to_owned(),
        draws: draws.len() as u64,
        mean,
        standard_uncertainty,
        symmetric: interval::symmetric(&draws, settings.probability),
        shortest: interval::shortest(&draws, settings.probability),
        stable,
    })
}
