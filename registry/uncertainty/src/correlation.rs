//! Declared correlation between inputs, as independent sources that several inputs share (JCGM 100:2008, 5.2).
//!
//! Inputs with r = ±1 are one source, with a sign each, so that what cancels does cancel. What is left of a correlation
//! matrix is factored as L·Lᵀ with pivots; a singular matrix has fewer columns than rows, and nothing is divided by
//! what is zero but for rounding.

use std::collections::BTreeMap;

use crate::model::Names;

/// Most pairs that may be declared, and most groups of one cluster: a dense factor of that size is 8 MB.
pub const MAX_CORRELATIONS: usize = 1_000_000;
const MAX_CLUSTER: usize = 1_000;

/// By how much a correlation matrix may miss being positive semidefinite: coefficients written with ten digits do.
const ROUNDING: f64 = 1e-9;

/// The correlation of two inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// One input.
    pub a: String,
    /// The other.
    pub b: String,
    /// The coefficient, from −1 to 1.
    pub r: f64,
}

impl Correlation {
    /// The correlation of `a` and `b`.
    pub fn new(a: impl Into<String>, b: impl Into<String>, r: f64) -> Self {
        Correlation { a: a.into(), b: b.into(), r }
    }
}

/// Why declared correlations cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CorrelationError {
    /// A name that is no input.
    #[error("correlation of {a} and {b}: {unknown} is not an input")]
    UnknownInput {
        /// One input.
        a: String,
        /// The other.
        b: String,
        /// Which of them is not there.
        unknown: String,
    },
    /// A coefficient beyond ±1, or not a number.
    #[error("correlation of {a} and {b}: r is {r}, but must be from -1 to 1")]
    OutOfRange {
        /// One input.
        a: String,
        /// The other.
        b: String,
        /// The coefficient.
        r: f64,
    },
    /// An input with itself.
    #[error("correlation of {a} with itself: r is {r}, but is 1 by definition; leave it out")]
    WithItself {
        /// The input.
        a: String,
        /// The coefficient.
        r: f64,
    },
    /// Declared twice, differently.
    #[error("correlation of {a} and {b}: declared as {first} and as {second}; leave one out")]
    Twice {
        /// One input.
        a: String,
        /// The other.
        b: String,
        /// The coefficient declared first.
        first: f64,
        /// The coefficient declared then.
        second: f64,
    },
    /// Contradicts what r = ±1 of other pairs demands.
    #[error("correlation of {a} and {b}: r is {declared}, but other pairs with r = 1 or -1 demand {demanded}")]
    Contradiction {
        /// One input.
        a: String,
        /// The other.
        b: String,
        /// What is declared; zero where nothing is.
        declared: f64,
        /// What follows from the other pairs.
        demanded: f64,
    },
    /// No quantities can be correlated in this way.
    #[error(
        "correlations of {a} with other inputs: the matrix is not positive semidefinite (the variance left for {a} would \
         be {left} of what it has); no quantities are correlated in this way, so a coefficient is wrong or missing"
    )]
    NotPositiveSemidefinite {
        /// The input at which it shows.
        a: String,
        /// The variance left for it, relative to its own.
        left: f64,
    },
    /// More than a dense matrix holds.
    #[error("too many correlations: {found}, and at most {limit} are possible; join what shares a source with r = 1")]
    TooMany {
        /// What there is.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// An input that shares its source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Member {
    pub(crate) input: u32,
    /// Row of the factor.
    pub(crate) group: u32,
    /// +1 or −1: whether it goes with its group or against it.
    pub(crate) sign: f64,
}

/// Inputs that are correlated with each other and with no other input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    /// In the order of the inputs.
    pub(crate) members: Vec<Member>,
    pub(crate) factor: Factor,
}

/// L of a correlation matrix L·Lᵀ, as rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factor {
    /// A row a group, each of `pivots.len()` numbers.
    pub(crate) rows: Vec<Vec<f64>>,
    /// The group that each column was made from.
    pub(crate) pivots: Vec<usize>,
}

/// The clusters of `names` by declared pairs, in the order of their first inputs.
pub(crate) fn clusters(names: &Names, declared: &[Correlation]) -> Result<Vec<Cluster>, CorrelationError> {
    let pairs = pairs(names, declared)?;
    let mut joined = Joined::new(names.len());
    for (&(a, b), &r) in &pairs {
        if r.abs() == 1.0 {
            joined.join(names, a, b, r)?;
        }
    }
    // Members of a group, with their signs against its first.
    let mut groups: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    let touched: std::collections::BTreeSet<usize> = pairs.keys().flat_map(|&(a, b)| [a, b]).collect();
    for &input in &touched {
        let (root, sign) = joined.root(input);
        groups.entry(root).or_default().push((input, sign));
    }
    let between = between(names, &pairs, &groups, &mut joined)?;
    // Groups that are correlated, directly or through others, make one cluster.
    let mut linked = Joined::new(names.len());
    for &(a, b) in between.keys() {
        linked.link(a, b);
    }
    let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &root in groups.keys() {
        clusters.entry(linked.root(root).0).or_default().push(root);
    }
    let one = |roots: &Vec<usize>| {
        if roots.len() > MAX_CLUSTER {
            return Err(CorrelationError::TooMany { found: roots.len(), limit: MAX_CLUSTER });
        }
        let r = |a: usize, b: usize| between.get(&ordered(roots[a], roots[b])).copied().unwrap_or(0.0);
        let factor = factor(roots.len(), r, |at| names[roots[at]].clone())?;
        let mut members = Vec::new();
        for (group, root) in roots.iter().enumerate() {
            for &(input, sign) in &groups[root] {
                // Both are below MAX_INPUTS.
                members.push(Member { input: input as u32, group: group as u32, sign });
            }
        }
        members.sort_by_key(|member| member.input);
        Ok(Cluster { members, factor })
    };
    let mut clusters: Vec<Cluster> = clusters.values().map(one).collect::<Result<_, _>>()?;
    clusters.sort_by_key(|cluster| cluster.members[0].input);
    Ok(clusters)
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// The declared pairs by index, without those that say nothing.
fn pairs(names: &Names, declared: &[Correlation]) -> Result<BTreeMap<(usize, usize), f64>, CorrelationError> {
    if declared.len() > MAX_CORRELATIONS {
        return Err(CorrelationError::TooMany { found: declared.len(), limit: MAX_CORRELATIONS });
    }
    let mut pairs = BTreeMap::new();
    for Correlation { a, b, r } in declared {
        let r = *r;
        let index = |name: &String| {
            let unknown = || CorrelationError::UnknownInput { a: a.clone(), b: b.clone(), unknown: name.clone() };
            names.position(name).ok_or_else(unknown)
        };
        let (first, second) = (index(a)?, index(b)?);
        if !(-1.0..=1.0).contains(&r) {
            return Err(CorrelationError::OutOfRange { a: a.clone(), b: b.clone(), r });
        }
        if first == second {
            if r == 1.0 {
                continue;
            }
            return Err(CorrelationError::WithItself { a: a.clone(), r });
        }
        if let Some(before) = pairs.insert(ordered(first, second), r)
            && before != r
        {
            return Err(CorrelationError::Twice { a: a.clone(), b: b.clone(), first: before, second: r });
        }
    }
    pairs.retain(|_, r| *r != 0.0);
    Ok(pairs)
}

/// The coefficients between groups, by the roots of the groups. Whatever one member has, all must have.
fn between(
    names: &Names,
    pairs: &BTreeMap<(usize, usize), f64>,
    groups: &BTreeMap<usize, Vec<(usize, f64)>>,
    joined: &mut Joined,
) -> Result<BTreeMap<(usize, usize), f64>, CorrelationError> {
    let mut between: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&(a, b), &r) in pairs {
        let ((root_a, sign_a), (root_b, sign_b)) = (joined.root(a), joined.root(b));
        if root_a != root_b {
            between.entry(ordered(root_a, root_b)).or_insert(r * sign_a * sign_b);
        }
    }
    let agree = |a: (usize, f64), b: (usize, f64), r: f64| {
        let declared = pairs.get(&ordered(a.0, b.0)).copied().unwrap_or(0.0);
        let demanded = r * a.1 * b.1;
        if (declared - demanded).abs() <= ROUNDING {
            return Ok(());
        }
        let (a, b) = ordered(a.0, b.0);
        Err(CorrelationError::Contradiction { a: names[a].clone(), b: names[b].clone(), declared, demanded })
    };
    for members in groups.values() {
        for (at, a) in members.iter().enumerate() {
            members[at + 1..].iter().try_for_each(|b| agree(*a, *b, 1.0))?;
        }
    }
    for ((root_a, root_b), r) in &between {
        for a in &groups[root_a] {
            groups[root_b].iter().try_for_each(|b| agree(*a, *b, *r))?;
        }
    }
    Ok(between)
}

/// Disjoint sets with a sign towards the root, which is the smallest member.
struct Joined {
    parent: Vec<(usize, f64)>,
}

impl Joined {
    fn new(count: usize) -> Self {
        Joined { parent: (0..count).map(|at| (at, 1.0)).collect() }
    }

    /// The root of `at`, and its sign against the root.
    fn root(&mut self, at: usize) -> (usize, f64) {
        let (mut here, mut sign) = (at, 1.0);
        while self.parent[here].0 != here {
            sign *= self.parent[here].1;
            here = self.parent[here].0;
        }
        self.parent[at] = (here, sign);
        (here, sign)
    }

    fn join(&mut self, names: &Names, a: usize, b: usize, r: f64) -> Result<(), CorrelationError> {
        let ((root_a, sign_a), (root_b, sign_b)) = (self.root(a), self.root(b));
        let sign = r * sign_a * sign_b;
        if root_a == root_b {
            if sign == 1.0 {
                return Ok(());
            }
            let (a, b) = (names[a].clone(), names[b].clone());
            return Err(CorrelationError::Contradiction { a, b, declared: r, demanded: -r });
        }
        let (low, high) = ordered(root_a, root_b);
        self.parent[high] = (low, sign);
        Ok(())
    }

    fn link(&mut self, a: usize, b: usize) {
        let (low, high) = ordered(self.root(a).0, self.root(b).0);
        self.parent[high] = (low, 1.0);
    }
}

/// Cholesky's factor with the largest remaining variance as next pivot (Higham, Accuracy and Stability of Numerical
/// Algorithms, 2nd ed., 10.3): it ends where nothing but rounding is left.
pub(crate) fn factor(
    size: usize,
    r: impl Fn(usize, usize) -> f64,
    name: impl Fn(usize) -> String,
) -> Result<Factor, CorrelationError> {
    let mut rows: Vec<Vec<f64>> = vec![Vec::new(); size];
    let mut pivots = Vec::new();
    let mut left = vec![1.0; size];
    let negligible = 4.0 * size as f64 * f64::EPSILON;
    let mut open: Vec<usize> = (0..size).collect();
    while let Some(&pivot) = open.iter().reduce(|best, at| if left[*at] > left[*best] { at } else { best }) {
        if left[pivot] <= negligible {
            break;
        }
        let root = libm::sqrt(left[pivot]);
        let pivot_row = rows[pivot].clone();
        open.retain(|at| *at != pivot);
        for &at in &open {
            let covered = rows[at].iter().zip(&pivot_row).fold(0.0, |sum, (a, b)| sum + a * b);
            let next = (r(at, pivot) - covered) / root;
            rows[at].push(next);
            left[at] -= next * next;
            if left[at] < -ROUNDING {
                return Err(CorrelationError::NotPositiveSemidefinite { a: name(at), left: left[at] });
            }
        }
        rows[pivot].push(root);
        pivots.push(pivot);
    }
    // Where no variance is left, no covariance may be left either.
    for (at, &a) in open.iter().enumerate() {
        for &b in &open[at + 1..] {
            let covered = rows[a].iter().zip(&rows[b]).fold(0.0, |sum, (a, b)| sum + a * b);
            let rest = (r(a, b) - covered).abs();
            if rest > ROUNDING {
                return Err(CorrelationError::NotPositiveSemidefinite { a: name(a), left: -rest });
            }
        }
    }
    rows.iter_mut().for_each(|row| row.resize(pivots.len(), 0.0));
    Ok(Factor { rows, pivots })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declared: &[(&str, &str, f64)]) -> Result<Vec<Cluster>, CorrelationError> {
        let declared: Vec<_> = declared.iter().map(|(a, b, r)| Correlation::new(*a, *b, *r)).collect();
        clusters(&Names::from(["a", "b", "c", "d"]), &declared)
    }

    #[test]
    fn perfect_correlation_is_one_source() {
        let found = of(&[("a", "c", -1.0)]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].factor, Factor { rows: vec![vec![1.0]], pivots: vec![0] });
        let signs: Vec<_> = found[0].members.iter().map(|m| (m.input, m.sign)).collect();
        assert_eq!(signs, [(0, 1.0), (2, -1.0)]);
    }

    #[test]
    fn a_singular_matrix_has_fewer_sources() {
        // c = (a + b)/√2 with a, b independent.
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let found = of(&[("a", "c", half), ("b", "c", half)]).unwrap();
        assert_eq!(found[0].factor.pivots.len(), 2);
        let declared = [[1.0, 0.0, half], [0.0, 1.0, half], [half, half, 1.0]];
        let rows = &found[0].factor.rows;
        for (a, declared) in rows.iter().zip(declared) {
            for (b, declared) in rows.iter().zip(declared) {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - declared).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn what_is_not_correlated_stays_apart() {
        assert!(of(&[]).unwrap().is_empty() && of(&[("a", "b", 0.0)]).unwrap().is_empty());
        assert_eq!(of(&[("a", "b", 0.5), ("c", "d", 0.5)]).unwrap().len(), 2);
        assert_eq!(of(&[("a", "a", 1.0), ("a", "b", 0.5), ("b", "a", 0.5)]).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let named = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let (a, b) = named("a", "z");
        assert_eq!(of(&[("a", "z", 0.1)]), Err(CorrelationError::UnknownInput { a, unknown: b.clone(), b }));
        for r in [1.5, -1.1] {
            let (a, b) = named("a", "b");
            assert_eq!(of(&[("a", "b", r)]), Err(CorrelationError::OutOfRange { a, b, r }));
        }
        assert!(matches!(of(&[("a", "b", f64::NAN)]), Err(CorrelationError::OutOfRange { .. })));
        assert!(matches!(of(&[("a", "a", 0.5)]), Err(CorrelationError::WithItself { .. })));
        assert!(matches!(of(&[("a", "b", 0.5), ("b", "a", 0.4)]), Err(CorrelationError::Twice { .. })));
        // a = b and b = c, so a = c.
        let (a, b) = named("a", "c");
        assert_eq!(
            of(&[("a", "b", 1.0), ("b", "c", 1.0)]),
            Err(CorrelationError::Contradiction { a, b, declared: 0.0, demanded: 1.0 })
        );
        assert!(matches!(
            of(&[("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", -1.0)]),
            Err(CorrelationError::Contradiction { .. })
        ));
        assert!(matches!(
            of(&[("a", "b", 1.0), ("b", "c", 0.4), ("a", "c", 0.3)]),
            Err(CorrelationError::Contradiction { .. })
        ));
        assert!(matches!(
            of(&[("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", -0.9)]),
            Err(CorrelationError::NotPositiveSemidefinite { .. })
        ));
        assert!(matches!(
            of(&[("a", "b", -0.5), ("b", "c", -0.5), ("a", "c", -0.6)]),
            Err(CorrelationError::NotPositiveSemidefinite { .. })
        ));
    }
}
