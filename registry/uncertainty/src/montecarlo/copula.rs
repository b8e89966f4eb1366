//! Correlated inputs: normal variables with a correlation matrix, each turned into the distribution of its input
//! (JCGM 101:2008, 6.4.8 for normal inputs; a Gaussian copula for others).
//!
//! Where a distribution is not normal, the turn changes the coefficient: two rectangular inputs from normal variables
//! with r = 0.9 have 0.891. So the normal variables get the coefficient that gives the declared one, by the expansion of
//! each turn in Hermite polynomials: r = Σₖ aₖbₖρᵏ (Cario and Nelson, INFORMS Journal on Computing 9 (1997) 351).

use super::MonteCarloError;
use super::generator::{Seed, Stream};
use super::normal;
use super::sample::distribution;
use crate::correlation::{Cluster, Factor, Member, factor};
use crate::coverage::normal_probability;
use crate::distribution::Distribution;
use crate::model::block::BLOCK;
use crate::quantities::Quantities;

/// How far the normal variables are tabulated, and how finely: beyond 8 there is one draw in 10¹⁵, and between knots the
/// chord misses the curve by some 10⁻⁶ of a standard deviation.
const REACH: f64 = 8.0;
const STEPS: usize = 256;
const KNOTS: usize = 2 * 8 * STEPS + 1;
/// Terms of the expansion; with them a rectangular input has all but 10⁻³ of its variance, and only coefficients beyond
/// ±0.99 feel the rest.
const TERMS: usize = 40;
/// How exactly the shapes of two inputs must agree to be the same variable.
const SAME_SHAPE: f64 = 1e-6;

/// The inputs of a cluster.
#[derive(Debug)]
pub(super) struct Copula {
    members: Vec<(Member, Turn)>,
    factor: Factor,
    streams: Vec<Stream>,
}

/// How a standard normal number becomes a draw.
#[derive(Debug)]
enum Turn {
    Normal { mean: f64, sd: f64 },
    Table(Vec<f64>),
}

impl Copula {
    pub(super) fn new(quantities: &Quantities, cluster: &Cluster, seed: Seed) -> Result<Self, MonteCarloError> {
        let name = |member: &Member| &quantities.names()[member.input as usize];
        let mut members = Vec::new();
        for member in &cluster.members {
            members.push((*member, Turn::new(&distribution_of(quantities, member)?)));
        }
        let factor = if members.iter().all(|(_, turn)| matches!(turn, Turn::Normal { .. })) {
            cluster.factor.clone()
        } else {
            matched(quantities, cluster, &members)?
        };
        // A stream is named after the first input of the group that its column was made from.
        let first = |pivot: &usize| members.iter().find(|(member, _)| member.group as usize == *pivot);
        let streams =
            factor.pivots.iter().filter_map(first).map(|(member, _)| Stream::new(seed, name(member))).collect();
        Ok(Copula { members, factor, streams })
    }

    pub(super) fn sources(&self) -> usize {
        self.streams.len()
    }

    /// The common normal numbers of a block.
    pub(super) fn fill(&self, block: u64, common: &mut [[f64; BLOCK]]) {
        for (stream, numbers) in self.streams.iter().zip(common) {
            normal::fill(stream, block, 0.0, 1.0, numbers);
        }
    }

    /// The draws of one input.
    pub(super) fn member(&self, at: usize, common: &[[f64; BLOCK]], numbers: &mut [f64; BLOCK]) {
        let (member, turn) = &self.members[at];
        let row = &self.factor.rows[member.group as usize];
        numbers.fill(0.0);
        for (loading, column) in row.iter().zip(common) {
            let loading = loading * member.sign;
            numbers.iter_mut().zip(column).for_each(|(number, z)| *number += loading * z);
        }
        numbers.iter_mut().for_each(|z| *z = turn.at(*z));
    }
}

/// An input that is correlated keeps a distribution even where it does not vary.
fn distribution_of(quantities: &Quantities, member: &Member) -> Result<Distribution, MonteCarloError> {
    let input = member.input as usize;
    if quantities.standard_uncertainties()[input] == 0.0 && quantities.distribution(input).is_none() {
        return Ok(Distribution::Normal { mean: quantities.values()[input], sd: 0.0 });
    }
    distribution(quantities, input)
}

impl Turn {
    fn new(distribution: &Distribution) -> Self {
        match *distribution {
            Distribution::Normal { mean, sd } => Turn::Normal { mean, sd },
            _ => Turn::Table((0..KNOTS).map(|at| distribution.quantile(normal_probability(knot(at)))).collect()),
        }
    }

    fn at(&self, z: f64) -> f64 {
        match self {
            Turn::Normal { mean, sd } => mean + sd * z,
            Turn::Table(knots) => {
                let place = (z.clamp(-REACH, REACH) + REACH) * STEPS as f64;
                // Truncation towards zero of a number from 0 to KNOTS − 1.
                let below = (place as usize).min(KNOTS - 2);
                knots[below] + (knots[below + 1] - knots[below]) * (place - below as f64)
            }
        }
    }

    /// Coefficients of the standardised turn in Hermite polynomials of unit norm, from the first on; `None` for an input
    /// that does not vary.
    fn expansion(&self) -> Option<[f64; TERMS]> {
        let mut found = [0.0; TERMS];
        match self {
            Turn::Normal { sd, .. } => {
                found[0] = 1.0;
                (*sd > 0.0).then_some(found)
            }
            Turn::Table(knots) => {
                let (mut mean, mut square) = (0.0, 0.0);
                for (at, x) in knots.iter().enumerate() {
                    let weight = weight(knot(at));
                    mean += weight * x;
                    square += weight * x * x;
                    // he[k] = (z·he[k−1] − √(k−1)·he[k−2])/√k, from he[0] = 1.
                    let (mut last, mut this) = (0.0, 1.0);
                    for (found, k) in found.iter_mut().zip(1u32..) {
                        let next = (knot(at) * this - libm::sqrt(f64::from(k - 1)) * last) / libm::sqrt(f64::from(k));
                        (last, this) = (this, next);
                        *found += weight * x * this;
                    }
                }
                let sd = libm::sqrt(square - mean * mean);
                found.iter_mut().for_each(|a| *a /= sd);
                (sd > 0.0).then_some(found)
            }
        }
    }
}

fn knot(at: usize) -> f64 {
    at as f64 / STEPS as f64 - REACH
}

/// Weight of a knot: the normal density times the distance of knots. For smooth functions this sum is an integral to the
/// last digits.
fn weight(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (libm::sqrt(2.0 * std::f64::consts::PI) * STEPS as f64)
}

/// The factor of the correlation matrix of the normal variables.
fn matched(quantities: &Quantities, cluster: &Cluster, members: &[(Member, Turn)]) -> Result<Factor, MonteCarloError> {
    let expansions: Vec<_> = members.iter().map(|(_, turn)| turn.expansion()).collect();
    let name = |at: usize| quantities.names()[members[at].0.input as usize].clone();
    let groups = cluster.factor.rows.len();
    // The first varying member speaks for its group; the others must be the same variable.
    let mut speakers: Vec<Option<usize>> = vec![None; groups];
    for (at, (member, _)) in members.iter().enumerate() {
        let Some(expansion) = &expansions[at] else { continue };
        let speaker = speakers[member.group as usize].get_or_insert(at);
        let other = expansions[*speaker].as_ref().unwrap_or(expansion);
        let sign = member.sign * members[*speaker].0.sign;
        // h(−z) is −h'(z) for all z only where even polynomials, which are at odd places, are mirrored.
        let same = |(place, (a, b)): (usize, (&f64, &f64))| {
            let mirrored = if place % 2 == 1 { sign * b } else { *b };
            (a - mirrored).abs() <= SAME_SHAPE
        };
        let unlike = !expansion.iter().zip(other).enumerate().all(same);
        if unlike {
            return Err(MonteCarloError::OtherShape { a: name(*speaker), b: name(at), r: sign });
        }
    }
    let mut r = vec![vec![0.0; groups]; groups];
    for declared in quantities.declared() {
        let of = |name: &str| {
            let input = quantities.names().position(name)?;
            members.iter().position(|(member, _)| member.input as usize == input)
        };
        let (Some(a), Some(b)) = (of(&declared.a), of(&declared.b)) else { continue };
        let (group_a, group_b) = (members[a].0.group as usize, members[b].0.group as usize);
        if group_a == group_b || speakers[group_a] != Some(a) || speakers[group_b] != Some(b) {
            continue;
        }
        let (Some(left), Some(right)) = (&expansions[a], &expansions[b]) else { continue };
        let rho = matching(left, right, declared.r).ok_or_else(|| MonteCarloError::OtherShape {
            a: name(a),
            b: name(b),
            r: declared.r,
        })?;
        let rho = rho * members[a].0.sign * members[b].0.sign;
        (r[group_a][group_b], r[group_b][group_a]) = (rho, rho);
    }
    Ok(factor(groups, |a, b| r[a][b], |group| speakers[group].map_or_else(String::new, name))?)
}

/// The coefficient of normal variables that gives `r`, by halving; `None` where none does.
fn matching(left: &[f64; TERMS], right: &[f64; TERMS], r: f64) -> Option<f64> {
    let gives = |rho: f64| left.iter().zip(right).rev().fold(0.0, |sum, (a, b)| (sum + a * b) * rho);
    let (mut low, mut high) = (-1.0, 1.0);
    if !(gives(low)..=gives(high)).contains(&r) {
        return None;
    }
    // Neighbouring numbers are reached before this.
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if gives(middle) < r { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}
