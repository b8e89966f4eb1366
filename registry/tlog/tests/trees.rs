//! Roots and proofs hold for every shape of tree, and fail when touched.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tlog::proof::{self, ProofError};
use tlog::tile::{Bundle, Tile, TileBuilder, TileReader, new_tiles};
use tlog::tree::{self, Edge, HashReader, MAX_SIZE, MemoryTree, TreeError};
use tlog::{EMPTY_ROOT, Hash, leaf_hash, node_hash};

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// MTH as RFC 9162 §2.1.1 writes it.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => cose::sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&mth(&leaves[..split]), &mth(&leaves[split..]))
        }
    }
}

/// PATH as RFC 9162 §2.1.3.1 writes it.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (mut below, beside) = if index < split {
        (path(index, &leaves[..split]), mth(&leaves[split..]))
    } else {
        (path(index - split, &leaves[split..]), mth(&leaves[..split]))
    };
    below.push(beside);
    below
}

/// SUBPROOF as RFC 9162 §2.1.4.1 writes it.
fn subproof(size1: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if size1 == leaves.len() {
        return if whole { vec![] } else { vec![mth(leaves)] };
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (mut below, beside) = if size1 <= split {
        (subproof(size1, &leaves[..split], whole), mth(&leaves[split..]))
    } else {
        (subproof(size1 - split, &leaves[split..], false), mth(&leaves[..split]))
    };
    below.push(beside);
    below
}

#[test]
fn every_small_tree() {
    assert_eq!(EMPTY_ROOT, cose::sha256(&[]));
    let all = leaves(70);
    let (mut edge, mut memory) = (Edge::new(), MemoryTree::new());
    for size in 0..=all.len() {
        let (now, n) = (&all[..size], size as u64);
        let root = mth(now);
        assert_eq!(edge.root(), root);
        assert_eq!(memory.root(n), Ok(root));
        assert_eq!(Edge::from_parts(n, edge.hashes().to_vec()).as_ref(), Ok(&edge));
        assert_eq!(Edge::from_reader(&memory, n).as_ref(), Ok(&edge));
        for index in 0..size {
            let made = tree::inclusion_proof(&memory, index as u64, n).unwrap();
            assert_eq!(made, path(index, now));
            let verified = proof::verify_inclusion(&now[index], index as u64, n, &made, &root);
            assert_eq!(verified, Ok(()));
        }
        for older in 1..=size {
            let made = tree::consistency_proof(&memory, older as u64, n).unwrap();
            assert_eq!(made, subproof(older, now, true));
            let root1 = mth(&all[..older]);
            assert_eq!(proof::verify_consistency(older as u64, n, &made, &root1, &root), Ok(()));
        }
        if let Some(leaf) = all.get(size) {
            assert_eq!(memory.push(*leaf), n);
            for node in edge.push(*leaf) {
                assert_eq!(memory.node(node.level, node.index), Some(node.hash));
            }
        }
    }
}

#[test]
fn replaced_leaves() {
    for size in [1, 2, 3, 7, 8, 13] {
        let mut all = leaves(size);
        let mut memory: MemoryTree = all.iter().copied().collect();
        for index in 0..size {
            all[index as usize] = [index as u8; 32];
            memory.replace(index, [index as u8; 32]).unwrap();
            for smaller in 0..=size {
                assert_eq!(memory.root(smaller), Ok(mth(&all[..smaller as usize])));
            }
        }
        let beyond = Err(TreeError::IndexBeyondSize { index: size, size });
        assert_eq!(memory.replace(size, EMPTY_ROOT), beyond);
    }
}

#[test]
fn refuses_sizes() {
    let memory: MemoryTree = leaves(3).into_iter().collect();
    let size = MAX_SIZE + 1;
    assert_eq!(tree::root(&memory, size), Err(TreeError::TooLarge { size }));
    assert_eq!(tree::root(&memory, 4), Err(TreeError::MissingNode { level: 2, index: 0 }));
    let (index, size) = (3, 3);
    let beyond = Err(TreeError::IndexBeyondSize { index, size });
    assert_eq!(tree::inclusion_proof(&memory, index, size), beyond);
    let (size1, size2) = (3, 2);
    let sizes = Err(TreeError::Sizes { size1, size2 });
    assert_eq!(tree::consistency_proof(&memory, size1, size2), sizes);
    assert!(Edge::from_parts(3, vec![EMPTY_ROOT]).is_err());
    assert!(Edge::from_parts(u64::MAX, vec![EMPTY_ROOT; 64]).is_err());

    let sizes = ProofError::Sizes { size1, size2 };
    assert_eq!(proof::root_from_consistency(size1, size2, &[], &EMPTY_ROOT), Err(sizes));
    // Everything extends nothing; but only the true root of nothing.
    assert_eq!(proof::verify_consistency(0, 9, &[], &EMPTY_ROOT, &[1; 32]), Ok(()));
    let mismatch = Err(ProofError::RootMismatch);
    assert_eq!(proof::verify_consistency(0, 9, &[], &[1; 32], &[1; 32]), mismatch);
    assert_eq!(proof::verify_consistency(0, 0, &[], &[1; 32], &[1; 32]), mismatch);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn proofs_from_tiles(size in 1u64..3000, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let all = leaves(size);
        let memory: MemoryTree = all.iter().copied().collect();
        let source = |tile: Tile| tile.bytes(&memory).ok();
        let reader = TileReader::new(source, size);
        let root = memory.root(size).unwrap();
        prop_assert_eq!(tree::root(&reader, size), Ok(root));

        let index = a.index(size as usize) as u64;
        let path = tree::inclusion_proof(&reader, index, size).unwrap();
        let leaf = all[index as usize];
        prop_assert_eq!(proof::verify_inclusion(&leaf, index, size, &path, &root), Ok(()));
        let size1 = b.index(size as usize) as u64 + 1;
        let root1 = memory.root(size1).unwrap();
        let proof = tree::consistency_proof(&reader, size1, size).unwrap();
        prop_assert_eq!(proof::verify_consistency(size1, size, &proof, &root1, &root), Ok(()));

        // Partial tiles gone: the full ones, where there are, do.
        let larger: MemoryTree = leaves(size.next_multiple_of(256)).into_iter().collect();
        let full_only = |tile: Tile| if tile.is_partial() && tile.level == 0 { None } else { tile.bytes(&larger).ok() };
        let reader = TileReader::new(full_only, size);
        prop_assert_eq!(tree::root(&reader, size), Ok(root));
    }

    /// What is new between two sizes, and what was there, is everything.
    #[test]
    fn new_tiles_are_what_changed(old in 0u64..200_000, grown in 0u64..2000) {
        let new = old + grown;
        let before: BTreeSet<_> = new_tiles(0, old).collect();
        let after: BTreeSet<_> = new_tiles(0, new).collect();
        let fresh: BTreeSet<_> = new_tiles(old, new).collect();
        prop_assert_eq!(&fresh, &after.difference(&before).copied().collect());
        for tile in &fresh {
            prop_assert_eq!(Tile::parse(&tile.path()), Ok(*tile));
        }
    }

    #[test]
    fn touched_proofs_fail(size in 2u64..600, a in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let all = leaves(size);
        let memory: MemoryTree = all.iter().copied().collect();
        let root = memory.root(size).unwrap();
        let index = a.index(size as usize) as u64;
        let leaf = all[index as usize];
        let path = tree::inclusion_proof(&memory, index, size).unwrap();
        let check = |leaf: &Hash, index, size, path: &[Hash]| proof::verify_inclusion(leaf, index, size, path, &root);
        let mut changed = path.clone();
        let place = at.index(path.len() * 32);
        changed[place / 32][place % 32] ^= 1 << bit;
        prop_assert!(check(&leaf, index, size, &changed).is_err());
        prop_assert!(check(&leaf, index, size, &path[..path.len() - 1]).is_err());
        prop_assert!(check(&leaf, index, size, &[path.as_slice(), &[leaf]].concat()).is_err());
        prop_assert!(check(&leaf, index ^ 1, size, &path).is_err());
        prop_assert!(check(&EMPTY_ROOT, index, size, &path).is_err());

        let size1 = index + 1;
        let root1 = memory.root(size1).unwrap();
        let proof = tree::consistency_proof(&memory, size1, size).unwrap();
        if !proof.is_empty() {
            let mut changed = proof.clone();
            let place = at.index(proof.len() * 32);
            changed[place / 32][place % 32] ^= 1 << bit;
            prop_assert!(proof::verify_consistency(size1, size, &changed, &root1, &root).is_err());
            let short = &proof[1..];
            prop_assert!(proof::verify_consistency(size1, size, short, &root1, &root).is_err());
            let long = [proof.as_slice(), &[root]].concat();
            prop_assert!(proof::verify_consistency(size1, size, &long, &root1, &root).is_err());
        }
        prop_assert!(proof::verify_consistency(size1, size, &proof, &EMPTY_ROOT, &root).is_err());
    }

    #[test]
    fn any_numbers(sizes in any::<[u64; 3]>(), path in prop::collection::vec(any::<Hash>(), 0..70)) {
        let [a, b, c] = sizes;
        let _ = proof::root_from_inclusion(&EMPTY_ROOT, a, b, &path);
        let _ = proof::root_from_consistency(a, b, &path, &EMPTY_ROOT);
        let nothing = MemoryTree::new();
        let _ = tree::root(&nothing, a);
        let _ = tree::inclusion_proof(&nothing, a, b);
        let _ = tree::consistency_proof(&nothing, a, b);
        let tile = Tile { level: c as u8, index: a, width: b as u16 };
        let _ = (tile.path(), tile.bytes(&nothing), tile.hashes(&[0; 64]));
        let _ = (Tile::in_tree(c as u8, a, b), Bundle::for_entry(a, b));
        let _ = tlog::tile::tile_for_node(c as u32, a);
        prop_assert!(new_tiles(a, b).take(1000).count() <= 1000);
        let reader = TileReader::new(|_: Tile| Some(vec![0; 8192]), b);
        let _ = reader.node(c as u32 % 64, a);
        let _ = Edge::from_parts(a, path);
    }
}

/// Tiles made as the tree grows are those of the whole tree, also of a third level.
#[test]
fn tiles_as_a_tree_grows() {
    let (mut builder, mut memory, mut full) = (TileBuilder::new(), MemoryTree::new(), Vec::new());
    let check = |builder: &TileBuilder, memory: &MemoryTree, full: &[(Tile, Vec<u8>)]| {
        let size = memory.size();
        let mut made: Vec<_> = full.iter().cloned().chain(builder.partial()).collect();
        made.sort_by_key(|(tile, _)| *tile);
        let wanted: Vec<_> = new_tiles(0, size).map(|tile| (tile, tile.bytes(memory).unwrap())).collect();
        assert_eq!(made, wanted, "size {size}");
        assert_eq!(builder.edge().root(), memory.root(size).unwrap());
    };
    check(&builder, &memory, &full);
    for n in 0..70_000u64 {
        let leaf = leaf_hash(&n.to_be_bytes());
        full.extend(builder.push(leaf));
        memory.push(leaf);
        if matches!(n + 1, 1 | 255 | 256 | 257 | 511 | 512 | 65_535 | 65_536 | 65_537 | 70_000) {
            check(&builder, &memory, &full);
        }
    }
}
