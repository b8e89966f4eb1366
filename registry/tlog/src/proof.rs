//! Verifying inclusion (RFC 9162 §2.1.3.2) and consistency (§2.1.4.2).

use crate::{EMPTY_ROOT, Hash, node_hash};

/// Hashes in the longest proof that a tree of 2^64 leaves can need, of either kind.
pub const MAX_PROOF_HASHES: usize = 65;

/// Why a proof does not prove.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf would stand beyond the tree.
    #[error("leaf {index} is not in a tree of {size}")]
    IndexBeyondSize {
        /// Leaf index.
        index: u64,
        /// Tree size.
        size: u64,
    },
    /// The older tree is larger than the newer, or empty where a root must follow from it.
    #[error("a tree of {size2} does not extend a tree of {size1}")]
    Sizes {
        /// The older size.
        size1: u64,
        /// The newer size.
        size2: u64,
    },
    /// More or fewer hashes than the sizes call for.
    #[error("proof of {hashes} hashes does not fit the tree sizes")]
    Length {
        /// Hashes given.
        hashes: usize,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    RootMismatch,
}

/// Checks that `leaf` (a leaf hash) stands at `index` in the tree of `size` leaves with `root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), ProofError> {
    same(&root_from_inclusion(leaf, index, size, path)?, root)
}

/// The root that an inclusion path leads to (RFC 9162 §2.1.3.2 up to the comparison).
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::IndexBeyondSize { index, size });
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length { hashes: path.len() });
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            skip_to_right_child(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length { hashes: path.len() });
    }
    Ok(hash)
}

/// Checks that the tree of `size2` leaves with `root2` begins with the tree of `size1` and `root1`.
///
/// Every tree extends the empty one: from size 0 the proof is empty and `root1` the empty root.
pub fn verify_consistency(
    size1: u64,
    size2: u64,
    proof: &[Hash],
    root1: &Hash,
    root2: &Hash,
) -> Result<(), ProofError> {
    if size1 == 0 && size2 > 0 {
        if !proof.is_empty() {
            return Err(ProofError::Length { hashes: proof.len() });
        }
        return same(root1, &EMPTY_ROOT);
    }
    same(&root_from_consistency(size1, size2, proof, root1)?, root2)
}

/// The newer root that a consistency proof leads to, once the older has been compared
/// (RFC 9162 §2.1.4.2 up to the last comparison).
pub fn root_from_consistency(size1: u64, size2: u64, proof: &[Hash], root1: &Hash) -> Result<Hash, ProofError> {
    let length = ProofError::Length { hashes: proof.len() };
    if size1 > size2 || (size1 == 0 && size2 > 0) {
        return Err(ProofError::Sizes { size1, size2 });
    }
    if size1 == size2 {
        if !proof.is_empty() {
            return Err(length);
        }
        if size1 == 0 {
            same(root1, &EMPTY_ROOT)?;
        }
        return Ok(*root1);
    }
    // Step 2: a power of two is a whole subtree of the newer tree; its hash is not sent again.
    let (seed, rest) = match proof.split_first() {
        None => return Err(length),
        Some(_) if size1.is_power_of_two() => (root1, proof),
        Some((seed, rest)) => (seed, rest),
    };
    let (mut node, mut last) = (size1 - 1, size2 - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut older, mut newer) = (*seed, *seed);
    for hash in rest {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            older = node_hash(hash, &older);
            newer = node_hash(hash, &newer);
            skip_to_right_child(&mut node, &mut last);
        } else {
            newer = node_hash(&newer, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    same(&older, root1)?;
    Ok(newer)
}

/// Up to where the node is a right child, or the root: the last node of an incomplete level has no
/// sibling there.
fn skip_to_right_child(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

fn same(computed: &Hash, expected: &Hash) -> Result<(), ProofError> {
    if computed == expected { Ok(()) } else { Err(ProofError::RootMismatch) }
}
