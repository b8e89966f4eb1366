//! Making roots and proofs (RFC 9162 §2.1), from whatever holds the hashes of complete subtrees.
//!
//! Node (level, index) is the root of the complete subtree over leaves
//! `index << level .. (index + 1) << level`; level 0 are leaf hashes. Such a node never changes while
//! a log grows.

use crate::{EMPTY_ROOT, Hash, node_hash};

/// The largest tree worked with: far beyond any log, and no shift or sum overflows below it.
pub const MAX_SIZE: u64 = 1 << 62;

/// What holds the hashes of complete subtrees.
pub trait HashReader {
    /// The hash of node (level, index); `None` where it is not held.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

impl<R: HashReader + ?Sized> HashReader for &R {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        (**self).node(level, index)
    }
}

/// Why a root or proof cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The reader does not hold a node that is needed.
    #[error("node {index} of level {level} is missing")]
    MissingNode {
        /// Height over the leaves.
        level: u32,
        /// Place within the level.
        index: u64,
    },
    /// The leaf would stand beyond the tree.
    #[error("leaf {index} is not in a tree of {size}")]
    IndexBeyondSize {
        /// Leaf index.
        index: u64,
        /// Tree size.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {size2} does not extend a tree of {size1}")]
    Sizes {
        /// The older size.
        size1: u64,
        /// The newer size.
        size2: u64,
    },
    /// Larger than [`MAX_SIZE`].
    #[error("a tree of {size} is too large")]
    TooLarge {
        /// Tree size.
        size: u64,
    },
    /// An edge has one hash for each set bit of its size.
    #[error("an edge of size {size} has not {hashes} hashes")]
    EdgeLength {
        /// Tree size.
        size: u64,
        /// Hashes given.
        hashes: usize,
    },
}

/// The root of the first `size` leaves.
pub fn root(reader: &impl HashReader, size: u64) -> Result<Hash, TreeError> {
    bounded(size)?;
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    subtree(reader, 0, size)
}

/// The path that proves leaf `index` in the tree of `size` leaves, from the leaf up
/// (RFC 9162 §2.1.3.1).
pub fn inclusion_proof(reader: &impl HashReader, index: u64, size: u64) -> Result<Vec<Hash>, TreeError> {
    bounded(size)?;
    if index >= size {
        return Err(TreeError::IndexBeyondSize { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree(reader, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(reader, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `size2` leaves begins with that of `size1` (RFC 9162 §2.1.4.1). It is
/// empty where the sizes are equal, or the older is 0.
pub fn consistency_proof(reader: &impl HashReader, size1: u64, size2: u64) -> Result<Vec<Hash>, TreeError> {
    bounded(size2)?;
    if size1 > size2 {
        return Err(TreeError::Sizes { size1, size2 });
    }
    if size1 == 0 || size1 == size2 {
        return Ok(vec![]);
    }
    let (mut start, mut end) = (0, size2);
    let mut proof = Vec::new();
    while size1 != end {
        let middle = start + split(end - start);
        if size1 <= middle {
            proof.push(subtree(reader, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(reader, start, middle)?);
            start = middle;
        }
    }
    // The older tree as a whole is known to whoever asks; a part of it is not.
    if start > 0 {
        proof.push(subtree(reader, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two below `len` (RFC 9162 §2.1.1); `len` is 2 at least.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// MTH(D[start:end]), where `start` is a multiple of the power of two that covers the range, as it is
/// for every range that the definitions above name.
fn subtree(reader: &impl HashReader, start: u64, end: u64) -> Result<Hash, TreeError> {
    let mut hash: Option<Hash> = None;
    let mut end = end;
    // Complete subtrees from the smallest, at the right, to the largest.
    while end > start {
        let level = (end - start).trailing_zeros();
        let index = (end >> level) - 1;
        let node = reader.node(level, index).ok_or(TreeError::MissingNode { level, index })?;
        hash = Some(hash.map_or(node, |right| node_hash(&node, &right)));
        end = index << level;
    }
    Ok(hash.unwrap_or(EMPTY_ROOT))
}

fn bounded(size: u64) -> Result<(), TreeError> {
    if size > MAX_SIZE { Err(TreeError::TooLarge { size }) } else { Ok(()) }
}

/// A node that has just become complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Height over the leaves.
    pub level: u32,
    /// Place within the level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The right edge of a tree, all that is needed to append: the roots of its complete subtrees from
/// left to right, one for each set bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    hashes: Vec<Hash>,
}

impl Edge {
    /// The edge of the empty tree.
    pub fn new() -> Edge {
        Edge::default()
    }

    /// An edge that was kept, as [`Edge::size`] and [`Edge::hashes`] gave it.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Result<Edge, TreeError> {
        bounded(size)?;
        if size.count_ones() as usize != hashes.len() {
            return Err(TreeError::EdgeLength { size, hashes: hashes.len() });
        }
        Ok(Edge { size, hashes })
    }

    /// The edge of the first `size` leaves of what the reader holds.
    pub fn from_reader(reader: &impl HashReader, size: u64) -> Result<Edge, TreeError> {
        bounded(size)?;
        let levels = (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1);
        let hash = |level: u32| {
            let index = (size >> level) - 1;
            reader.node(level, index).ok_or(TreeError::MissingNode { level, index })
        };
        Ok(Edge { size, hashes: levels.map(hash).collect::<Result<_, _>>()? })
    }

    /// Appends a leaf hash; gives the nodes that it completes, from level 0 up.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let (mut level, mut index, mut hash) = (0, self.size, leaf);
        let mut completed = vec![Node { level, index, hash }];
        // A right child completes its parent.
        while index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            completed.push(Node { level, index, hash });
        }
        self.hashes.push(hash);
        self.size += 1;
        completed
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, left to right.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let folded = self.hashes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or(EMPTY_ROOT)
    }
}

/// A tree in memory, all its complete subtrees by level.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// The empty tree.
    pub fn new() -> MemoryTree {
        MemoryTree::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf hash and gives its index.
    pub fn push(&mut self, leaf: Hash) -> u64 {
        let index = self.size();
        let (mut level, mut hash) = (0, leaf);
        loop {
            if self.levels.len() == level {
                self.levels.push(vec![]);
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return index,
            }
            level += 1;
        }
    }

    /// Puts another leaf hash at `index` and recomputes the nodes over it: logarithmic. For trees
    /// whose leaves change, such as a map of states; a log never does this.
    pub fn replace(&mut self, index: u64, leaf: Hash) -> Result<(), TreeError> {
        let size = self.size();
        let beyond = TreeError::IndexBeyondSize { index, size };
        let mut at = usize::try_from(index).map_err(|_| beyond.clone())?;
        if index >= size {
            return Err(beyond);
        }
        let mut hash = leaf;
        for nodes in &mut self.levels {
            let Some(node) = nodes.get_mut(at) else { break };
            *node = hash;
            match nodes.get(at & !1..=at | 1) {
                Some([left, right]) => hash = node_hash(left, right),
                _ => break,
            }
            at >>= 1;
        }
        Ok(())
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> Result<Hash, TreeError> {
        root(self, size)
    }
}

impl HashReader for MemoryTree {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let nodes = self.levels.get(usize::try_from(level).ok()?)?;
        nodes.get(usize::try_from(index).ok()?).copied()
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> MemoryTree {
        let mut tree = MemoryTree::new();
        for leaf in leaves {
            tree.push(leaf);
        }
        tree
    }
}
