//! Tiles and entry bundles (c2sp.org/tlog-tiles): the tree and its entries as immutable blobs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::tree::{Edge, HashReader, TreeError};
use crate::{Hash, node_hash};

/// Hashes in a full tile, entries in a full bundle.
pub const FULL_WIDTH: u16 = 256;
/// Levels of the tree in a tile.
const HEIGHT: u32 = 8;
/// Tile levels that a tree of [`crate::tree::MAX_SIZE`] can reach.
const MAX_LEVEL: u8 = 7;

/// A tile: `width` hashes of level `8 * level`, from node `index * 256` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Level of the tile; each is eight levels of the tree.
    pub level: u8,
    /// Place within the level.
    pub index: u64,
    /// Hashes in it, 1 to 256; below 256 it is partial.
    pub width: u16,
}

/// A bundle of entries: as many as the level-0 tile of the same index has hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bundle {
    /// Place among the bundles.
    pub index: u64,
    /// Entries in it, 1 to 256.
    pub width: u16,
}

/// Why a tile, bundle or path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path of tlog-tiles, or not in its one spelling.
    #[error("not a tile path")]
    Path,
    /// Not exactly `width` hashes of 32 bytes.
    #[error("a tile of width {width} has not {bytes} bytes")]
    TileLength {
        /// Hashes expected.
        width: u16,
        /// Bytes given.
        bytes: usize,
    },
    /// Not exactly `width` length-prefixed entries.
    #[error("not a bundle of {width} entries")]
    BundleLength {
        /// Entries expected.
        width: u16,
    },
    /// An entry longer than its 16-bit length can say.
    #[error("entry {index} of the bundle has {bytes} bytes, more than 65535")]
    EntryTooLong {
        /// Place within the bundle.
        index: usize,
        /// Its length.
        bytes: usize,
    },
}

impl Tile {
    /// The tile at (level, index) as a tree of `size` leaves has it; `None` where that is empty.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Tile> {
        let hashes = nodes_at(level, size).checked_sub(index.checked_mul(FULL_WIDTH.into())?)?;
        let width = hashes.min(FULL_WIDTH.into()) as u16;
        (width > 0).then_some(Tile { level, index, width })
    }

    /// Whether it has fewer than 256 hashes.
    pub fn is_partial(&self) -> bool {
        self.width < FULL_WIDTH
    }

    /// `tile/<L>/<N>[.p/<W>]`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, place(self.index, self.width))
    }

    /// Reads such a path; only the one spelling is accepted.
    pub fn parse(path: &str) -> Result<Tile, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let level = level.parse().ok().filter(|level| *level < 64).ok_or(TileError::Path)?;
        let (index, width) = parse_place(rest)?;
        let tile = Tile { level, index, width };
        if tile.path() == path { Ok(tile) } else { Err(TileError::Path) }
    }

    /// The tile's bytes: its hashes, one after another.
    pub fn bytes(&self, reader: &impl HashReader) -> Result<Vec<u8>, TreeError> {
        let level = HEIGHT * u32::from(self.level);
        let first = self.index.saturating_mul(FULL_WIDTH.into());
        let mut bytes = Vec::new();
        for offset in 0..u64::from(self.width) {
            let index = first.saturating_add(offset);
            let hash = reader.node(level, index).ok_or(TreeError::MissingNode { level, index })?;
            bytes.extend_from_slice(&hash);
        }
        Ok(bytes)
    }

    /// Splits a tile's bytes into its hashes: exactly [`Tile::width`] of them.
    pub fn hashes(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != usize::from(self.width) {
            return Err(TileError::TileLength { width: self.width, bytes: bytes.len() });
        }
        Ok(hashes.to_vec())
    }
}

impl Bundle {
    /// The bundle at `index` as a log of `size` entries has it; `None` where that is empty.
    pub fn in_log(index: u64, size: u64) -> Option<Bundle> {
        Tile::in_tree(0, index, size).map(Bundle::from)
    }

    /// The bundle that holds entry `index` of a log of `size`, and the entry's place in it.
    pub fn for_entry(index: u64, size: u64) -> Option<(Bundle, usize)> {
        let bundle = Bundle::in_log(index / u64::from(FULL_WIDTH), size)?;
        let place = (index % u64::from(FULL_WIDTH)) as usize;
        (place < usize::from(bundle.width)).then_some((bundle, place))
    }

    /// The index of its first entry.
    pub fn first_entry(&self) -> u64 {
        self.index.saturating_mul(FULL_WIDTH.into())
    }

    /// `tile/entries/<N>[.p/<W>]`.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", place(self.index, self.width))
    }

    /// Reads such a path; only the one spelling is accepted.
    pub fn parse(path: &str) -> Result<Bundle, TileError> {
        let rest = path.strip_prefix("tile/entries/").ok_or(TileError::Path)?;
        let (index, width) = parse_place(rest)?;
        let bundle = Bundle { index, width };
        if bundle.path() == path { Ok(bundle) } else { Err(TileError::Path) }
    }

    /// The bundle's bytes: each entry after its length, 16 bits, big-endian.
    pub fn encode<E: AsRef<[u8]>>(&self, entries: &[E]) -> Result<Vec<u8>, TileError> {
        if entries.len() != usize::from(self.width) {
            return Err(TileError::BundleLength { width: self.width });
        }
        let mut bytes = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let entry = entry.as_ref();
            let len = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong { index, bytes: entry.len() })?;
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        Ok(bytes)
    }

    /// Splits a bundle's bytes into its entries: exactly [`Bundle::width`] of them.
    pub fn entries<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
        let wrong = TileError::BundleLength { width: self.width };
        let (mut entries, mut rest) = (Vec::new(), bytes);
        for _ in 0..self.width {
            let (len, tail) = rest.split_first_chunk::<2>().ok_or(wrong.clone())?;
            let len = usize::from(u16::from_be_bytes(*len));
            let (entry, tail) = tail.split_at_checked(len).ok_or(wrong.clone())?;
            entries.push(entry);
            rest = tail;
        }
        if rest.is_empty() { Ok(entries) } else { Err(wrong) }
    }
}

impl From<Tile> for Bundle {
    /// The bundle of a level-0 tile.
    fn from(tile: Tile) -> Bundle {
        Bundle { index: tile.index, width: tile.width }
    }
}

/// The tiles that a tree of `new_size` has and one of `old_size` had not, or had narrower; partial
/// ones included, lower levels first. Nothing where the tree did not grow.
pub fn new_tiles(old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    (0..=MAX_LEVEL).flat_map(move |level| {
        let (old, new) = (nodes_at(level, old_size), nodes_at(level, new_size));
        let tiles = if new > old { old / u64::from(FULL_WIDTH)..new.div_ceil(FULL_WIDTH.into()) } else { 0..0 };
        tiles.filter_map(move |index| Tile::in_tree(level, index, new_size))
    })
}

/// Makes the tiles of a tree as it grows, in the memory of its right edge: at most one open tile a level.
#[derive(Clone, Debug, Default)]
pub struct TileBuilder {
    edge: Edge,
    /// Hashes of the tile that is not full yet, by tile level.
    open: Vec<Vec<u8>>,
}

impl TileBuilder {
    /// The empty tree.
    pub fn new() -> TileBuilder {
        TileBuilder::default()
    }

    /// Appends a leaf hash; gives the full tiles that it completes, lower levels first, with their bytes.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Tile, Vec<u8>)> {
        let mut full = Vec::new();
        for node in self.edge.push(leaf).iter().filter(|node| node.level.is_multiple_of(HEIGHT)) {
            let level = (node.level / HEIGHT) as usize;
            if self.open.len() == level {
                self.open.push(Vec::new());
            }
            self.open[level].extend_from_slice(&node.hash);
            if self.open[level].len() == usize::from(FULL_WIDTH) * size_of::<Hash>() {
                let tile = Tile { level: level as u8, index: node.index / u64::from(FULL_WIDTH), width: FULL_WIDTH };
                full.push((tile, std::mem::take(&mut self.open[level])));
            }
        }
        full
    }

    /// The partial tiles of the tree as it is, lower levels first, with their bytes.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let size = self.edge.size();
        let partial = self.open.iter().zip(0u8..).filter(|(bytes, _)| !bytes.is_empty());
        partial
            .map(|(bytes, level)| {
                let (index, width) = (nodes_at(level, size) / u64::from(FULL_WIDTH), bytes.len() / size_of::<Hash>());
                (Tile { level, index, width: width as u16 }, bytes.clone())
            })
            .collect()
    }

    /// The tree's right edge: its size and root.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }
}

/// Where a node of the tree is found: the tile, and the hashes in it whose subtree it is the root of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInTile {
    /// Level of the tile.
    pub level: u8,
    /// Place of the tile within its level.
    pub index: u64,
    /// The first hash under the node.
    pub first: u16,
    /// Hashes under the node: a power of two, 1 to 128.
    pub count: u16,
}

/// The tile that node (level, index) is computed from; `None` beyond any tree.
pub fn tile_for_node(level: u32, index: u64) -> Option<NodeInTile> {
    let tile_level = u8::try_from(level / HEIGHT).ok().filter(|level| *level <= MAX_LEVEL)?;
    let within = level % HEIGHT;
    let across = HEIGHT - within;
    Some(NodeInTile {
        level: tile_level,
        index: index >> across,
        first: ((index & ((1 << across) - 1)) << within) as u16,
        count: 1 << within,
    })
}

/// Where tiles come from.
pub trait TileSource {
    /// The bytes of a tile; `None` where it is not there.
    fn tile(&self, tile: Tile) -> Option<Vec<u8>>;
}

impl<F: Fn(Tile) -> Option<Vec<u8>>> TileSource for F {
    fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        self(tile)
    }
}

/// Reads the nodes of a tree of a stated size from its tiles, each fetched once.
///
/// The tiles are taken at their word: compare [`crate::tree::root`], or verify the proof made from
/// them, against a checkpoint. Where a partial tile is gone, the full one is asked for.
pub struct TileReader<S> {
    source: S,
    size: u64,
    tiles: RefCell<BTreeMap<(u8, u64), Vec<Hash>>>,
}

impl<S: TileSource> TileReader<S> {
    /// A reader for the tree of `size` leaves.
    pub fn new(source: S, size: u64) -> TileReader<S> {
        TileReader { source, size, tiles: RefCell::default() }
    }

    fn fetch(&self, tile: Tile) -> Option<Vec<Hash>> {
        if let Some(hashes) = self.source.tile(tile).and_then(|bytes| tile.hashes(&bytes).ok()) {
            return Some(hashes);
        }
        let full = Tile { width: FULL_WIDTH, ..tile };
        let mut hashes = full.hashes(&self.source.tile(full)?).ok()?;
        hashes.truncate(tile.width.into());
        Some(hashes)
    }
}

impl<S: TileSource> HashReader for TileReader<S> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let place = tile_for_node(level, index)?;
        let tile = Tile::in_tree(place.level, place.index, self.size)?;
        let mut tiles = self.tiles.borrow_mut();
        let hashes = match tiles.entry((tile.level, tile.index)) {
            std::collections::btree_map::Entry::Occupied(held) => held.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => free.insert(self.fetch(tile)?),
        };
        let first = usize::from(place.first);
        let mut nodes = hashes.get(first..first + usize::from(place.count))?.to_vec();
        while nodes.len() > 1 {
            nodes = nodes.as_chunks::<2>().0.iter().map(|[l, r]| node_hash(l, r)).collect();
        }
        nodes.first().copied()
    }
}

/// Complete nodes at the lowest level of a tile level.
fn nodes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0)
}

/// `<N>[.p/<W>]`: the index in groups of three digits, all but the last after an `x`.
fn place(index: u64, width: u16) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if width < FULL_WIDTH { format!("{text}.p/{width}") } else { text }
}

/// Reads such a place loosely; the caller compares with what it would have written.
fn parse_place(text: &str) -> Result<(u64, u16), TileError> {
    let (index, width) = match text.split_once(".p/") {
        None => (text, FULL_WIDTH),
        Some((index, width)) => {
            let width = width.parse().ok().filter(|width| (1..FULL_WIDTH).contains(width));
            (index, width.ok_or(TileError::Path)?)
        }
    };
    let mut number: u64 = 0;
    for group in index.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let digits: u64 = digits.parse().ok().filter(|n| *n < 1000).ok_or(TileError::Path)?;
        let shifted = number.checked_mul(1000).and_then(|n| n.checked_add(digits));
        number = shifted.ok_or(TileError::Path)?;
    }
    Ok((number, width))
}
