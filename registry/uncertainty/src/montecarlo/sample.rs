//! Draws of the input quantities, a block at a time (JCGM 101:2008, 6.4 and annex C).

use super::copula::Copula;
use super::generator::{Seed, Stream, unit};
use super::{MonteCarloError, normal};
use crate::distribution::Distribution;
use crate::model::block::{BLOCK, Source};
use crate::quantities::Quantities;

/// How each input is drawn.
#[derive(Debug)]
pub(super) struct Sampler {
    inputs: Vec<Drawing>,
    copulas: Vec<Copula>,
}

#[derive(Debug)]
enum Drawing {
    Fixed(f64),
    Independent(Stream, Distribution),
    /// Copula, and member of it.
    Correlated(usize, usize),
}

/// Memory of one thread.
pub(super) struct Desk {
    /// The common numbers of each copula, and the block that they are of.
    common: Vec<(Option<u64>, Vec<[f64; BLOCK]>)>,
}

/// What an input is drawn from (JCGM 101:2008, 6.4.7 and 6.4.9): without a stated distribution the standard uncertainty
/// is the standard deviation, with degrees of freedom too.
pub(super) fn distribution(quantities: &Quantities, input: usize) -> Result<Distribution, MonteCarloError> {
    if let Some(distribution) = quantities.distribution(input) {
        return Ok(*distribution);
    }
    let (mean, sd) = (quantities.values()[input], quantities.standard_uncertainties()[input]);
    match quantities.dof(input) {
        None => Ok(Distribution::Normal { mean, sd }),
        Some(dof) if dof > 2.0 => Ok(Distribution::student_with(mean, sd, dof)),
        Some(dof) => Err(MonteCarloError::NoDistribution { input: quantities.names()[input].clone(), dof }),
    }
}

impl Sampler {
    pub(super) fn new(quantities: &Quantities, seed: Seed) -> Result<Self, MonteCarloError> {
        let drawing = |input: usize| {
            let fixed = quantities.standard_uncertainties()[input] == 0.0;
            if fixed && quantities.distribution(input).is_none() {
                return Ok(Drawing::Fixed(quantities.values()[input]));
            }
            let stream = Stream::new(seed, &quantities.names()[input]);
            Ok(Drawing::Independent(stream, distribution(quantities, input)?))
        };
        let mut inputs = (0..quantities.names().len()).map(drawing).collect::<Result<Vec<_>, MonteCarloError>>()?;
        let mut copulas = Vec::new();
        for cluster in quantities.clusters() {
            for (at, member) in cluster.members.iter().enumerate() {
                let drawing = &mut inputs[member.input as usize];
                if !matches!(drawing, Drawing::Fixed(_)) {
                    *drawing = Drawing::Correlated(copulas.len(), at);
                }
            }
            copulas.push(Copula::new(quantities, cluster, seed)?);
        }
        Ok(Sampler { inputs, copulas })
    }

    /// What an input is in a program.
    pub(super) fn source(&self, input: usize) -> Source {
        match &self.inputs[input] {
            Drawing::Fixed(value) => Source::Fixed(*value),
            Drawing::Independent(..) | Drawing::Correlated(..) => Source::Drawn,
        }
    }

    pub(super) fn desk(&self) -> Desk {
        let common = self.copulas.iter().map(|copula| (None, vec![[0.0; BLOCK]; copula.sources()])).collect();
        Desk { common }
    }

    /// Fills a block with draws of an input.
    pub(super) fn fill(&self, input: usize, block: u64, desk: &mut Desk, numbers: &mut [f64; BLOCK]) {
        match &self.inputs[input] {
            Drawing::Fixed(value) => numbers.fill(*value),
            Drawing::Independent(stream, distribution) => draw(distribution, stream, block, numbers),
            Drawing::Correlated(copula, member) => {
                let (of, common) = &mut desk.common[*copula];
                let copula = &self.copulas[*copula];
                if *of != Some(block) {
                    copula.fill(block, common);
                    *of = Some(block);
                }
                copula.member(*member, common, numbers);
            }
        }
    }
}

/// Fills a block with draws of a distribution.
fn draw(distribution: &Distribution, stream: &Stream, block: u64, numbers: &mut [f64; BLOCK]) {
    match *distribution {
        Distribution::Normal { mean, sd } => {
            normal::fill(stream, block, mean, sd, numbers);
        }
        Distribution::Lognormal { mu, sigma } => {
            normal::fill(stream, block, mu, sigma, numbers);
            numbers.iter_mut().for_each(|logarithm| *logarithm = libm::exp(*logarithm));
        }
        Distribution::Uniform { a, b } => one(stream, block, numbers, |r| a + (b - a) * r),
        // JCGM 101:2008, 6.4.6.4; a sine over the whole circle.
        Distribution::Arcsine { a, b } => {
            let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
            one(stream, block, numbers, |r| middle + half * libm::sin(2.0 * std::f64::consts::PI * r));
        }
        // 6.4.5.4.
        Distribution::Triangular { a, b } => two(stream, block, numbers, |r, s| a + 0.5 * (b - a) * (r + s)),
        // 6.4.4.4.
        Distribution::Trapezoid { a, b, beta } => {
            two(stream, block, numbers, |r, s| a + 0.5 * (b - a) * ((1.0 + beta) * r + (1.0 - beta) * s))
        }
        // 6.4.3.4.
        Distribution::CurvilinearTrapezoid { a, b, d } => two(stream, block, numbers, |r, s| {
            let low = (a - d) + 2.0 * d * r;
            let high = (a + b) - low;
            low + (high - low) * s
        }),
        // Bailey, Mathematics of Computation 62 (1994) 779: exact for degrees of freedom that are not whole.
        Distribution::StudentT { mean, scale, dof } => two(stream, block, numbers, |r, s| {
            let radius = libm::sqrt(dof * libm::expm1(-2.0 / dof * libm::log(r)));
            mean + scale * (radius * libm::cos(2.0 * std::f64::consts::PI * s))
        }),
    }
}

/// From one number in (0, 1) a draw.
fn one(stream: &Stream, block: u64, numbers: &mut [f64; BLOCK], f: impl Fn(f64) -> f64) {
    let (quads, _) = numbers.as_chunks_mut::<4>();
    for (at, quad) in quads.iter_mut().enumerate() {
        *quad = stream.words(block, at as u64).map(|word| f(unit(word)));
    }
}

/// From two numbers in (0, 1) a draw.
fn two(stream: &Stream, block: u64, numbers: &mut [f64; BLOCK], f: impl Fn(f64, f64) -> f64) {
    let (pairs, _) = numbers.as_chunks_mut::<2>();
    for (at, pair) in pairs.iter_mut().enumerate() {
        let [a, b, c, d] = stream.words(block, at as u64).map(unit);
        *pair = [f(a, b), f(c, d)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kolmogorov and Smirnov against the quantile function, which is written independently of the draws.
    #[test]
    fn draws_have_their_distribution() {
        for distribution in [
            Distribution::Normal { mean: 2.0, sd: 0.5 },
            Distribution::Uniform { a: -1.0, b: 4.0 },
            Distribution::Triangular { a: -1.0, b: 4.0 },
            Distribution::Arcsine { a: -1.0, b: 4.0 },
            Distribution::StudentT { mean: 2.0, scale: 0.5, dof: 3.0 },
            Distribution::StudentT { mean: 2.0, scale: 0.5, dof: 1.4 },
            Distribution::Trapezoid { a: -1.0, b: 4.0, beta: 0.4 },
            Distribution::CurvilinearTrapezoid { a: -1.0, b: 4.0, d: 0.6 },
            Distribution::Lognormal { mu: 0.3, sigma: 0.4 },
        ] {
            let stream = Stream::new(Seed::from_number(3), "x");
            let mut all = Vec::new();
            let mut numbers = [0.0; BLOCK];
            for block in 0..400 {
                draw(&distribution, &stream, block, &mut numbers);
                all.extend_from_slice(&numbers);
            }
            all.sort_unstable_by(f64::total_cmp);
            let n = all.len() as f64;
            // At the quantiles of 1 % to 99 %: |F_n − F| stays below 1.95/√n with probability 0.999.
            for percent in 1..100 {
                let p = f64::from(percent) / 100.0;
                let below = all.partition_point(|x| *x < distribution.quantile(p)) as f64 / n;
                assert!((below - p).abs() < 1.95 / libm::sqrt(n), "{distribution:?}: {below} below {p}");
            }
        }
    }
}
