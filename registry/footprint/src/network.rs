//! Processes that feed one another, as a sparse system of linear equations.

use std::cell::OnceCell;

use sprs::linalg::trisolve::{lsolve_csr_dense_rhs, usolve_csr_dense_rhs};
use sprs::prod::mul_acc_mat_vec_csr;
use sprs::{CsMat, TriMat};

/// Elements visited before a loop counts as one that does not converge.
const MOST_VISITS: usize = 2_000_000_000;
/// Sweeps before the same.
const MOST_SWEEPS: usize = 1_000_000;
/// Amplification beyond which a result has no digit left that the inputs support.
const MOST_AMPLIFICATION: f64 = 1e12;
/// Relative change of a sweep that rounding alone may cause; above it, iteration goes on.
const ROUNDING: f64 = 1e-12;
/// What a node takes of all others, up to which there is no loop to fear.
const PLAINLY_PRODUCTIVE: f64 = 0.999;

/// The nodes consume at least what they produce: no amount of production would satisfy (I − A) x = b
/// (Hawkins–Simon condition).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("node {node} is in a loop that consumes at least what it produces")]
pub struct NotProductive {
    /// The node that grows most.
    pub node: usize,
}

/// A network of nodes: `a[consumer][supplier]` units of the supplier in one unit of the consumer, none below zero.
///
/// Solved by symmetric Gauss–Seidel sweeps, which converge for every productive network (I − A is then an M-matrix) and
/// take one pass where the file names suppliers before their consumers. All sums run in the order of the nodes, so the
/// result has the same bits on any machine.
#[derive(Debug, Clone)]
pub struct Network {
    forward: Sweeps,
    /// The transposed system, made when needs are first asked for.
    backward: OnceCell<Sweeps>,
    entries: Vec<(usize, usize, f64)>,
}

impl Network {
    /// A network of so many nodes from its entries `(consumer, supplier, amount)`; entries of one place are added.
    ///
    /// # Errors
    /// [`NotProductive`].
    ///
    /// # Panics
    /// Where an entry names a node that is not there.
    pub fn new(nodes: usize, entries: &[(usize, usize, f64)]) -> Result<Network, NotProductive> {
        let forward = Sweeps::new(nodes, entries.iter().copied())?;
        let mut sums = vec![0.0; nodes];
        for (consumer, _, amount) in entries {
            sums[*consumer] += amount;
        }
        // Where each node takes less than one in all, the norm of A is below one, and every series of it converges.
        if sums.iter().any(|sum| *sum > PLAINLY_PRODUCTIVE) {
            // An M-matrix is one with a vector x ≥ 1 for which (I − A) x = 1.
            forward.solve(&vec![1.0; nodes])?;
        }
        Ok(Network { forward, backward: OnceCell::new(), entries: entries.to_vec() })
    }

    /// x of (I − A) x = `base`: what a unit of each node carries, with all that goes into it.
    ///
    /// # Errors
    /// [`NotProductive`] where rounding makes the loop diverge.
    pub fn embedded(&self, base: &[f64]) -> Result<Vec<f64>, NotProductive> {
        self.forward.solve(base)
    }

    /// λ of (I − A)ᵀ λ = e: what a unit of `node` needs of every node, itself included.
    ///
    /// # Errors
    /// [`NotProductive`] where rounding makes the loop diverge.
    pub fn needs(&self, node: usize) -> Result<Vec<f64>, NotProductive> {
        let mut unit = vec![0.0; self.forward.nodes()];
        unit[node] = 1.0;
        let backward = match self.backward.get() {
            Some(known) => known,
            None => {
                let turned = self.entries.iter().map(|(consumer, supplier, a)| (*supplier, *consumer, *a));
                let made = Sweeps::new(self.forward.nodes(), turned)?;
                self.backward.get_or_init(|| made)
            }
        };
        backward.solve(&unit)
    }
}

/// I − A with the parts of A beside its diagonal.
#[derive(Debug, Clone)]
struct Sweeps {
    matrix: CsMat<f64>,
    above: CsMat<f64>,
    below: CsMat<f64>,
}

impl Sweeps {
    fn new(nodes: usize, entries: impl Iterator<Item = (usize, usize, f64)>) -> Result<Sweeps, NotProductive> {
        let shape = (nodes, nodes);
        let (mut matrix, mut above, mut below) = (TriMat::new(shape), TriMat::new(shape), TriMat::new(shape));
        for node in 0..nodes {
            matrix.add_triplet(node, node, 1.0);
        }
        for (row, column, amount) in entries.filter(|entry| entry.2 != 0.0) {
            matrix.add_triplet(row, column, -amount);
            match row.cmp(&column) {
                std::cmp::Ordering::Less => above.add_triplet(row, column, amount),
                std::cmp::Ordering::Greater => below.add_triplet(row, column, amount),
                std::cmp::Ordering::Equal => {}
            }
        }
        let sweeps = Sweeps { matrix: matrix.to_csr(), above: above.to_csr(), below: below.to_csr() };
        match (0..nodes).find(|node| sweeps.matrix.get(*node, *node).is_none_or(|left| *left <= 0.0)) {
            Some(node) => Err(NotProductive { node }),
            None => Ok(sweeps),
        }
    }

    fn nodes(&self) -> usize {
        self.matrix.rows()
    }

    fn solve(&self, base: &[f64]) -> Result<Vec<f64>, NotProductive> {
        let largest = base.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let mut x = base.to_vec();
        if self.above.nnz() == 0 {
            self.sweep_down(&mut x)?;
            return self.bounded(x, largest);
        }
        if self.below.nnz() == 0 {
            self.sweep_up(&mut x)?;
            return self.bounded(x, largest);
        }
        let sweeps = MOST_SWEEPS.min(MOST_VISITS / (self.matrix.nnz() + self.nodes()));
        let mut last_change = f64::INFINITY;
        let mut right = vec![0.0; self.nodes()];
        for _ in 0..sweeps {
            right.copy_from_slice(base);
            mul_acc_mat_vec_csr(self.above.view(), &x[..], &mut right[..]);
            self.sweep_down(&mut right)?;
            let mut back = base.to_vec();
            mul_acc_mat_vec_csr(self.below.view(), &right[..], &mut back[..]);
            self.sweep_up(&mut back)?;
            let change = relative_change(&x, &back);
            x = back;
            if let Some(node) = too_large(&x, largest) {
                return Err(NotProductive { node });
            }
            // The changes shrink until only rounding is left.
            if change == 0.0 || (change <= ROUNDING && change >= last_change) {
                return Ok(x);
            }
            last_change = change;
        }
        Err(NotProductive { node: largest_of(&x) })
    }

    fn sweep_down(&self, right: &mut [f64]) -> Result<(), NotProductive> {
        lsolve_csr_dense_rhs(self.matrix.view(), right).map_err(|_| NotProductive { node: 0 })
    }

    fn sweep_up(&self, right: &mut [f64]) -> Result<(), NotProductive> {
        usolve_csr_dense_rhs(self.matrix.view(), right).map_err(|_| NotProductive { node: 0 })
    }

    fn bounded(&self, x: Vec<f64>, largest: f64) -> Result<Vec<f64>, NotProductive> {
        match too_large(&x, largest) {
            Some(node) => Err(NotProductive { node }),
            None => Ok(x),
        }
    }
}

fn too_large(x: &[f64], base: f64) -> Option<usize> {
    x.iter().position(|value| value.abs() > base * MOST_AMPLIFICATION || value.is_nan())
}

fn largest_of(x: &[f64]) -> usize {
    let mut most = 0;
    for (node, value) in x.iter().enumerate() {
        if value.abs() > x[most].abs() {
            most = node;
        }
    }
    most
}

/// The largest change of an element, relative to that element.
fn relative_change(before: &[f64], after: &[f64]) -> f64 {
    before.iter().zip(after).fold(0.0, |most: f64, (before, after)| {
        let change = (after - before).abs();
        if change == 0.0 { most } else { most.max(change / after.abs().max(f64::MIN_POSITIVE)) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_that_feed_each_other() {
        // x = 1 + 0.5 y, y = 2 + 0.25 x: x = 16/7, y = 18/7.
        let network = Network::new(2, &[(0, 1, 0.5), (1, 0, 0.25)]).unwrap();
        let x = network.embedded(&[1.0, 2.0]).unwrap();
        assert!((x[0] - 16.0 / 7.0).abs() < 1e-15 && (x[1] - 18.0 / 7.0).abs() < 1e-15, "{x:?}");
        let needs = network.needs(0).unwrap();
        assert!((needs[0] + 2.0 * needs[1] - 16.0 / 7.0).abs() < 1e-15);
    }

    #[test]
    fn a_chain_in_either_order_takes_one_pass() {
        let down: Vec<_> = (1..500).map(|i| (i, i - 1, 1.5)).collect();
        let up: Vec<_> = (1..500).map(|i| (i - 1, i, 1.5)).collect();
        let exact = (0..60).fold(0.0, |x, _| 1.0 + 1.5 * x);
        let x = Network::new(60, &down[..59]).unwrap().embedded(&[1.0; 60]).unwrap();
        assert_eq!(x[59], exact);
        let x = Network::new(60, &up[..59]).unwrap().embedded(&[1.0; 60]).unwrap();
        assert_eq!(x[0], exact);
    }

    #[test]
    fn what_consumes_all_it_makes_is_refused_by_node() {
        assert_eq!(Network::new(1, &[(0, 0, 1.0)]).unwrap_err(), NotProductive { node: 0 });
        assert!(Network::new(3, &[(1, 2, 1.0), (2, 1, 1.0)]).unwrap_err().node > 0);
        assert!(Network::new(3, &[(1, 2, 2.0), (2, 1, 0.6)]).is_err());
        assert!(Network::new(2, &[(0, 1, f64::INFINITY), (1, 0, 0.5)]).is_err());
        // One half in a thousand is left over.
        let tight = Network::new(2, &[(0, 1, 0.999), (1, 0, 1.0)]).unwrap().embedded(&[1.0, 1.0]).unwrap();
        assert!((tight[1] / 2000.0 - 1.0).abs() < 1e-11, "{tight:?}");
    }

    proptest! {
        /// Against elimination with pivots, written apart.
        #[test]
        fn agrees_with_elimination(entries in proptest::collection::vec((0usize..6, 0usize..6, 0.0f64..0.15), 0..30),
                                   base in proptest::collection::vec(-10.0f64..10.0, 6)) {
            let network = Network::new(6, &entries).unwrap();
            let x = network.embedded(&base).unwrap();
            let mut dense = [[0.0; 7]; 6];
            for (i, row) in dense.iter_mut().enumerate() {
                row[i] = 1.0;
                row[6] = base[i];
            }
            for (i, j, a) in &entries {
                dense[*i][*j] -= a;
            }
            for p in 0..6 {
                let best = (p..6).max_by(|a, b| dense[*a][p].abs().total_cmp(&dense[*b][p].abs())).unwrap();
                dense.swap(p, best);
                let pivot = dense[p];
                for (_, row) in dense.iter_mut().enumerate().filter(|(i, _)| *i != p) {
                    let factor = row[p] / pivot[p];
                    row.iter_mut().zip(&pivot).skip(p).for_each(|(entry, above)| *entry -= factor * above);
                }
            }
            let scale = base.iter().fold(1.0f64, |m, v| m.max(v.abs()));
            for i in 0..6 {
                prop_assert!((x[i] - dense[i][6] / dense[i][i]).abs() < 1e-11 * scale, "{x:?}");
            }
            // What node 0 needs of each node, times what each brings, is what node 0 carries.
            let needs = network.needs(0).unwrap();
            let brought = needs.iter().zip(&base).fold(0.0, |sum, (n, b)| sum + n * b);
            prop_assert!((brought - x[0]).abs() < 1e-11 * scale);
        }
    }
}
