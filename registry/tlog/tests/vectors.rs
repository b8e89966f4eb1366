//! Other people's trees, logs and receipts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cose::key::{KeyError, SigningKey};
use cose::sign1::{Envelope, Sign1Error};
use serde::Deserialize;
use tlog::checkpoint::VerifiedCheckpoint;
use tlog::log_proof::LogProof;
use tlog::note::{NoteError, NoteVerifier, SignedNote};
use tlog::policy::Policy;
use tlog::receipt::{ConsistencyReceipt, Receipt, ReceiptError, ReceiptProofs};
use tlog::tile::{Bundle, Tile, TileReader, new_tiles};
use tlog::tree::{self, Edge, HashReader, MemoryTree};
use tlog::{Hash, leaf_hash, node_hash, proof};

fn shared(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TOUCHSTONE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("standards/scitt").join(below);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no {}", path.display());
    None
}

#[derive(Deserialize)]
#[serde(untagged, rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Case {
    Inclusion {
        leaf_idx: u64,
        tree_size: u64,
        root: String,
        leaf_hash: String,
        proof: Option<Vec<String>>,
        #[serde(rename = "desc")]
        _desc: String,
        want_err: bool,
    },
    Consistency {
        size1: u64,
        size2: u64,
        root1: String,
        root2: String,
        proof: Option<Vec<String>>,
        #[serde(rename = "desc")]
        _desc: String,
        want_err: bool,
    },
}

/// A hash of the vectors; some are deliberately not 32 bytes, which no `Hash` can be.
fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).unwrap().try_into().ok()
}

fn hashes(texts: Option<Vec<String>>) -> Option<Vec<Hash>> {
    texts.unwrap_or_default().iter().map(|text| hash(text)).collect()
}

/// transparency-dev/merkle: what each case wants, in both kinds.
#[test]
fn merkle_proofs() {
    let Some(folder) = shared("merkle") else {
        return;
    };
    let text = std::fs::read(folder.join("merkle-testdata-part.json")).unwrap();
    let cases: BTreeMap<String, Case> = serde_json::from_slice(&text).unwrap();
    let (mut inclusion, mut consistency) = (0, 0);
    for (name, case) in cases {
        let (verified, want_err) = match case {
            Case::Inclusion { leaf_idx, tree_size, root, leaf_hash, proof, want_err, .. } => {
                inclusion += 1;
                let parts = (hash(&root), hash(&leaf_hash), hashes(proof));
                let verified = match parts {
                    (Some(root), Some(leaf), Some(path)) => {
                        proof::verify_inclusion(&leaf, leaf_idx, tree_size, &path, &root).is_ok()
                    }
                    _ => false,
                };
                (verified, want_err)
            }
            Case::Consistency { size1, size2, root1, root2, proof, want_err, .. } => {
                consistency += 1;
                let parts = (hash(&root1), hash(&root2), hashes(proof));
                let verified = match parts {
                    (Some(root1), Some(root2), Some(path)) => {
                        proof::verify_consistency(size1, size2, &path, &root1, &root2).is_ok()
                    }
                    _ => false,
                };
                (verified, want_err)
            }
        };
        assert_eq!(verified, !want_err, "{name}");
    }
    assert_eq!((inclusion, consistency), (31, 22));
}

/// The log of transparency-dev/tessera: `shared/standards/scitt/SOURCES.md` gives the key.
const TESSERA: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const TESSERA_SIZE: u64 = 15;

#[test]
fn tessera_log() {
    let Some(log) = shared("tessera-log") else {
        return;
    };
    let verifier = NoteVerifier::from_vkey(TESSERA).unwrap();
    assert_eq!(verifier.to_vkey(), TESSERA);
    let open = |name: &str| {
        let bytes = std::fs::read(log.join(name)).unwrap();
        assert_eq!(SignedNote::parse(&bytes).unwrap().encode().as_bytes(), bytes, "{name}");
        let known = std::slice::from_ref(&verifier);
        let opened = VerifiedCheckpoint::open(&bytes, "example.com/log/testdata", known);
        opened.unwrap_or_else(|e| panic!("{name}: {e}")).checkpoint().clone()
    };
    let checkpoints: Vec<_> = (0..=TESSERA_SIZE).map(|n| open(&format!("checkpoint.{n}"))).collect();
    assert_eq!(open("checkpoint"), checkpoints[15]);

    // Every bundle is read and written again; the largest holds all entries.
    let mut entries: Vec<Vec<u8>> = vec![];
    for size in 1..=TESSERA_SIZE {
        let bundle = Bundle::in_log(0, size).unwrap();
        let bytes = std::fs::read(log.join(bundle.path())).unwrap();
        let read = bundle.entries(&bytes).unwrap();
        assert_eq!(bundle.encode(&read).unwrap(), bytes);
        assert_eq!(entries, read[..entries.len()]);
        entries = read.into_iter().map(<[u8]>::to_vec).collect();
    }
    assert_eq!(entries.len() as u64, TESSERA_SIZE);

    // Entries hash to every root, and to every tile byte for byte.
    let (mut edge, mut memory) = (Edge::new(), MemoryTree::new());
    for size in 0..=TESSERA_SIZE {
        let checkpoint = &checkpoints[size as usize];
        assert_eq!(checkpoint.size, size);
        assert_eq!(checkpoint.root, edge.root(), "size {size}");
        assert_eq!(checkpoint.root, memory.root(size).unwrap(), "size {size}");
        if let Some(entry) = entries.get(size as usize) {
            edge.push(leaf_hash(entry));
            memory.push(leaf_hash(entry));
        }
        for tile in new_tiles(0, size) {
            let theirs = std::fs::read(log.join(tile.path())).unwrap();
            assert_eq!(tile.bytes(&memory).unwrap(), theirs, "{}", tile.path());
        }
    }

    // From the tiles alone: every root, every consistency, every inclusion.
    let tiles = |tile: Tile| std::fs::read(log.join(tile.path())).ok();
    for size2 in 0..=TESSERA_SIZE {
        let reader = TileReader::new(tiles, size2);
        let root2 = checkpoints[size2 as usize].root;
        assert_eq!(tree::root(&reader, size2).unwrap(), root2);
        for size1 in 0..=size2 {
            let path = tree::consistency_proof(&reader, size1, size2).unwrap();
            let root1 = checkpoints[size1 as usize].root;
            proof::verify_consistency(size1, size2, &path, &root1, &root2).unwrap();
        }
        for index in 0..size2 {
            let path = tree::inclusion_proof(&reader, index, size2).unwrap();
            let leaf = leaf_hash(&entries[index as usize]);
            proof::verify_inclusion(&leaf, index, size2, &path, &root2).unwrap();
        }
    }
}

/// The same log under a policy: each checkpoint is its own, and each entry is proved by a tlog-proof under each.
#[test]
fn tessera_log_under_a_policy() {
    let Some(log) = shared("tessera-log") else {
        return;
    };
    let policy = Policy::parse(format!("log {TESSERA}\nquorum none\n").as_bytes()).unwrap();
    let read = |name: &str| std::fs::read(log.join(name)).unwrap();
    let bundle = Bundle::in_log(0, TESSERA_SIZE).unwrap();
    let bytes = read(&bundle.path());
    let entries = bundle.entries(&bytes).unwrap();
    let tiles = |tile: Tile| std::fs::read(log.join(tile.path())).ok();
    for size in 0..=TESSERA_SIZE {
        let note = read(&format!("checkpoint.{size}"));
        let opened = policy.open(&note).unwrap();
        assert_eq!((opened.checkpoint().size, opened.quorum_reached()), (size, true));
        // Of one bit changed, nothing is left of it: no line of another key stands in it.
        for bit in 0..note.len() * 8 {
            let mut bad = note.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(policy.open(&bad).is_err(), "checkpoint.{size}, bit {bit}");
        }
        let reader = TileReader::new(tiles, size);
        for (index, entry) in (0..size).zip(&entries) {
            let path = tree::inclusion_proof(&reader, index, size).unwrap();
            let proof = LogProof { extra: None, index, path, checkpoint: note.clone() };
            assert_eq!(proof.verify(entry, opened.checkpoint()), Ok(()), "{index} of {size}");
            assert!(proof.verify(b"another", opened.checkpoint()).is_err());
        }
    }
}

/// signed-note.md and tlog-cosignature.md.
#[test]
fn c2sp_examples() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let verifier = NoteVerifier::from_vkey(vkey).unwrap();
    assert_eq!(verifier.to_vkey(), vkey);
    let parsed = SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.verify(std::slice::from_ref(&verifier)).unwrap()[0].name, "example.com/foo");
    assert_eq!(parsed.verify(&[]), Err(NoteError::NoKnownSignature));
    let changed = SignedNote::parse(note.replace("example message", "other message").as_bytes());
    let bad = NoteError::BadSignature { name: "example.com/foo".into() };
    assert_eq!(changed.unwrap().verify(&[verifier]), Err(bad));

    // The cosigned checkpoint comes without keys: it is read, and its time is where we look for it.
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let parsed = SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.encode(), note);
    let cosignature = &parsed.signatures()[1].signature;
    assert_eq!(cosignature[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(cosignature.len(), 8 + 64);
}

/// The two receipts beside the draft of RFC 9942. No key comes with them, and no leaf; but they are
/// of one tree, so the proofs must share their nodes.
#[test]
fn rfc9942_examples() {
    let Some(folder) = shared("rfc9942-9943") else {
        return;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let bytes = read("inclusion-receipt.cbor");
    let inclusion = Receipt::decode(&bytes).unwrap();
    let other = read("consistency-receipt.cbor");
    let consistency = ConsistencyReceipt::decode(&other).unwrap();
    assert!(matches!(Receipt::decode(&other), Err(ReceiptError::Proofs { .. })));
    assert!(matches!(ConsistencyReceipt::decode(&bytes), Err(ReceiptError::Proofs { .. })));
    for protected in [inclusion.protected(), consistency.protected()] {
        assert_eq!(protected.alg.code(), -7);
        assert_eq!(protected.kid.as_deref(), Some(&b"test-key-1"[..]));
        assert_eq!(protected.iss(), Some("https://transparency-service.example.com"));
    }
    assert_eq!((inclusion.proof().size, inclusion.proof().index), (5, 3));
    assert_eq!((consistency.proof().size1, consistency.proof().size2), (3, 5));
    // Consistency from 3 to 5: leaves 2 and 3, the node over 0 and 1, leaf 4. Inclusion of leaf 3:
    // the same without leaf 3 itself.
    let [leaf2, leaf3, first, leaf4] = consistency.proof().path[..] else { panic!("path") };
    assert_eq!(inclusion.proof().path, [leaf2, first, leaf4]);
    let root3 = node_hash(&first, &leaf2);
    let root5 = proof::root_from_consistency(3, 5, &consistency.proof().path, &root3).unwrap();
    assert_eq!(proof::root_from_inclusion(&leaf3, 3, 5, &inclusion.proof().path), Ok(root5));
    // The looser reader sees the same.
    let loose = ReceiptProofs::decode(&bytes).unwrap();
    assert_eq!((loose.inclusion(), loose.consistency()), ([inclusion.proof().clone()].as_slice(), [].as_slice()));
    let loose = ReceiptProofs::decode(&other).unwrap();
    assert_eq!((loose.inclusion(), loose.consistency()), ([].as_slice(), [consistency.proof().clone()].as_slice()));
    // Somebody's key is not theirs.
    let key = SigningKey::generate_p256().unwrap().public_key();
    let bad = ReceiptError::Envelope(Sign1Error::Key(KeyError::BadSignature));
    assert_eq!(inclusion.verify_leaf_hash(&key, &leaf3), Err(bad.clone()));
    assert_eq!(consistency.verify(&key, &root3), Err(bad));
}

/// CCF's statements and the receipts in them: unsupported, and said so.
#[test]
fn ccf_receipts() {
    let Some(folder) = shared("ccf") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let bytes = read("cts-hashv-cwtclaims-b64url.cose");
    // The statement is no receipt: it names no structure.
    assert_eq!(Receipt::decode(&bytes), Err(ReceiptError::MissingStructure));
    let statement = Envelope::decode(&bytes).unwrap();
    let receipts = statement.unprotected().get(394).and_then(|value| value.as_array()).unwrap();
    assert_eq!(receipts.len(), 1);
    for receipt in receipts {
        // The form before RFC 9942: an untagged array.
        let receipt = receipt.as_bytes().unwrap();
        assert_eq!(Receipt::decode(receipt), Err(ReceiptError::UnsupportedForm));
        assert_eq!(ConsistencyReceipt::decode(receipt), Err(ReceiptError::UnsupportedForm));
        assert_eq!(ReceiptProofs::decode(receipt), Err(ReceiptError::UnsupportedForm));
    }
    let algorithm = Sign1Error::UnsupportedAlgorithm { code: -38 };
    let uvm = Receipt::decode(&read("uvm_0.2.10.cose"));
    assert_eq!(uvm, Err(ReceiptError::Envelope(algorithm)));
    assert!(Receipt::decode(&read("esrp-cts-db.json")).is_err());
}

/// tlog-tiles.md: the tree of 70,000 and that of 256.
#[test]
fn tiles_of_a_tree() {
    let paths = |size| new_tiles(0, size).map(|tile| tile.path()).collect::<Vec<_>>();
    let tiles: Vec<_> = new_tiles(0, 70_000).collect();
    let count = |level| tiles.iter().filter(|tile| tile.level == level).count();
    assert_eq!([count(0), count(1), count(2), count(3)], [274, 2, 1, 0]);
    let tail: Vec<_> = paths(70_000).split_off(273);
    assert_eq!(tail, ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(paths(0), Vec::<String>::new());
    assert_eq!(new_tiles(70_000, 70_000).count(), 0);
    assert_eq!(new_tiles(70_000, 3).count(), 0);

    let tile = Tile { level: 3, index: 1_234_067, width: 256 };
    assert_eq!(tile.path(), "tile/3/x001/x234/067");
    assert_eq!(Tile::parse("tile/3/x001/x234/067"), Ok(tile));
    let bundle = Bundle { index: 67, width: 9 };
    assert_eq!(bundle.path(), "tile/entries/067.p/9");
    assert_eq!(Bundle::parse("tile/entries/067.p/9"), Ok(bundle));
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/64/000",
        "tile/+1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/067",
        "tile/0/x1/067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/-01",
        "tile/0/+01",
        "/tile/0/000",
        "tile/entries/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(Tile::parse(path).is_err(), "{path}");
    }
    let far = MemoryTree::new();
    assert_eq!(far.node(u32::MAX, u64::MAX), None);
}
