//! What we write is read back, what is malformed is refused, and no decoder panics.

use std::sync::Arc;

use cose::cbor::{self, Value};
use cose::key::{Signer, SigningKey};
use proptest::prelude::*;
use tlog::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use tlog::leaf_hash;
use tlog::note::{Cosigner, MAX_NOTE_BYTES, MAX_SIGNATURES, NoteError, NoteSigner, NoteVerifier, SignedNote};
use tlog::receipt::{Consistency, ConsistencyReceipt, Inclusion, Issuer, Receipt, ReceiptError, SignedRoot};
use tlog::tile::{Bundle, Tile};
use tlog::tree::{self, MemoryTree};

fn ed25519() -> Arc<dyn Signer> {
    Arc::new(SigningKey::generate_ed25519().unwrap())
}

#[test]
fn notes_of_log_and_witness() {
    let origin = "registry.example/log";
    let log = NoteSigner::new(origin, ed25519()).unwrap();
    let witness = Cosigner::new("witness.example/w1", ed25519()).unwrap();
    let checkpoint = Checkpoint::new(origin, 7, [9; 32]);
    let body = checkpoint.to_body();
    let note = SignedNote::new(body.clone(), vec![log.sign(&body).unwrap()]).unwrap();
    let note = note.with_signature(witness.cosign(&body, 1_800_000_000).unwrap()).unwrap();
    let bytes = note.encode().into_bytes();
    assert_eq!(SignedNote::parse(&bytes).as_ref(), Ok(&note));

    let known = [log.verifier().clone(), witness.verifier().clone()];
    for verifier in &known {
        assert_eq!(NoteVerifier::from_vkey(&verifier.to_vkey()).as_ref(), Ok(verifier));
    }
    let opened = VerifiedCheckpoint::open(&bytes, origin, &known).unwrap();
    assert_eq!(opened.checkpoint(), &checkpoint);
    let by: Vec<_> = opened.by().iter().map(|by| (by.verifier, by.timestamp)).collect();
    assert_eq!(by, [(0, None), (1, Some(1_800_000_000))]);
    let other = VerifiedCheckpoint::open(&bytes, "other.example/log", &known);
    assert!(matches!(other, Err(CheckpointError::Origin { .. })));

    // A known key's bad line spoils the note, though others are good.
    let mut bad = witness.cosign(&body, 1_800_000_000).unwrap();
    bad.signature[7] ^= 1;
    let spoiled = note.clone().with_signature(bad).unwrap();
    let name = "witness.example/w1".to_owned();
    assert_eq!(spoiled.verify(&known), Err(NoteError::BadSignature { name }));
    // An unknown key's does not.
    assert_eq!(spoiled.verify(&known[..1]).unwrap().len(), 1);

    assert_eq!(witness.cosign("not a checkpoint\n", 1), Err(NoteError::NotCosignable));
    assert_eq!(witness.cosign(&body, u64::MAX), Err(NoteError::NotCosignable));
    let p256: Arc<dyn Signer> = Arc::new(SigningKey::generate_p256().unwrap());
    assert!(matches!(NoteSigner::new(origin, p256), Err(NoteError::Key(_))));
    assert!(matches!(NoteSigner::new("a b", ed25519()), Err(NoteError::Name { .. })));
    let vkey = log.verifier().to_vkey();
    let mistyped = vkey.replacen(origin, "registry.example/lag", 1);
    assert_eq!(NoteVerifier::from_vkey(&mistyped), Err(NoteError::VerifierKey));
}

#[test]
fn note_format() {
    let line = "— example.com/foo Uw2QOkn8srU=\n";
    let good = format!("text\n\n{line}");
    assert!(SignedNote::parse(good.as_bytes()).is_ok());
    // An empty line in the text is text.
    let lines = format!("text\n\nmore\n\n{line}");
    assert_eq!(SignedNote::parse(lines.as_bytes()).unwrap().text(), "text\n\nmore\n");
    for bad in [
        String::new(),
        "text\n".into(),
        "text\n\n".into(),
        format!("text\n{line}"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        format!("te\txt\n\n{line}"),
        format!("te\rxt\n\n{line}"),
        format!("text\n\n{}", line.replace('—', "-")),
        format!("text\n\n{}", line.replace("example.com/foo", "")),
        format!("text\n\n{}", line.replace("example.com/foo", "a+b")),
        format!("text\n\n{}", line.replace("example.com/foo", "a\u{2003}b")),
        format!("text\n\n{}", line.replace("U=", "U")),
        format!("text\n\n{}", line.replace("8srU=", "")),
        format!("text\n\n{}", line.replace("U=", "V=")),
    ] {
        assert!(SignedNote::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let many = format!("text\n\n{}", line.repeat(MAX_SIGNATURES));
    assert!(SignedNote::parse(many.as_bytes()).is_ok());
    let more = format!("{many}{line}");
    assert_eq!(SignedNote::parse(more.as_bytes()), Err(NoteError::TooLarge));
    let long = format!("{}\n\n{line}", "x".repeat(MAX_NOTE_BYTES));
    assert_eq!(SignedNote::parse(long.as_bytes()), Err(NoteError::TooLarge));
}

#[test]
fn checkpoint_format() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let good = format!("o\n12\n{root}\nextension\n");
    let checkpoint = Checkpoint::parse(&good).unwrap();
    assert_eq!(checkpoint.extensions, ["extension"]);
    assert_eq!(checkpoint.to_body(), good);
    for bad in [
        "".to_owned(),
        "\n".into(),
        format!("o\n12\n{root}"),
        format!("\n12\n{root}\n"),
        format!("o\n012\n{root}\n"),
        format!("o\n+12\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n0\n{root}\n"),
        format!("o\n12\n{}\n", root.trim_end_matches('=')),
        "o\n12\nAAAA\n".into(),
        format!("o\n12\n{root}\n\nextension\n"),
        "o\n12\n".into(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn receipts_of_a_log() {
    let memory: MemoryTree = (0..11u64).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let root = memory.root(11).unwrap();
    let issuer = Issuer { kid: b"log-key", iss: "https://registry.example", sub: "registry.example/log" };
    for key in [SigningKey::generate_p256().unwrap(), SigningKey::generate_ed25519().unwrap()] {
        let signed = SignedRoot::sign(&key, &issuer, &root).unwrap();
        assert_eq!(SignedRoot::decode(&signed.encode()).as_ref(), Ok(&signed));
        assert_eq!(signed.verify(&key.public_key(), &root), Ok(()));
        for index in 0..11u64 {
            let path = tree::inclusion_proof(&memory, index, 11).unwrap();
            let bytes = signed.inclusion_receipt(&Inclusion { size: 11, index, path }).unwrap();
            assert!(cbor::decode_deterministic(&bytes).is_ok());
            let receipt = Receipt::decode(&bytes).unwrap();
            assert_eq!(receipt.protected().iss(), Some(issuer.iss));
            assert_eq!(receipt.protected().sub(), Some(issuer.sub));
            let verified = receipt.verify(&key.public_key(), &index.to_be_bytes()).unwrap();
            assert_eq!((verified.size(), verified.index()), (11, index));
            assert_eq!(verified.root(), &root);
            assert!(receipt.verify(&key.public_key(), b"another entry").is_err());
        }
        for size1 in 1..=11 {
            let path = tree::consistency_proof(&memory, size1, 11).unwrap();
            let proof = Consistency { size1, size2: 11, path };
            let bytes = signed.consistency_receipt(&proof).unwrap();
            let receipt = ConsistencyReceipt::decode(&bytes).unwrap();
            let root1 = memory.root(size1).unwrap();
            let verified = receipt.verify(&key.public_key(), &root1).unwrap();
            assert_eq!(verified.root2(), &root);
            assert!(receipt.verify(&key.public_key(), &[0; 32]).is_err());
        }
    }
}

/// A receipt with any protected parameters and any unprotected header, under a signature of no value.
fn receipt(vds: Option<Value>, unprotected: Value, payload: Value) -> Result<Receipt, ReceiptError> {
    let protected = [Some((1, Value::int(-7))), vds.map(|vds| (395, vds))];
    let protected = cbor::encode(&Value::map(protected.into_iter().flatten()));
    let parts = vec![Value::Bytes(protected), unprotected, payload, Value::bytes([0; 64])];
    Receipt::decode(&cbor::encode(&Value::tag(18, Value::Array(parts))))
}

#[test]
fn receipt_format() {
    let one = || Some(Value::int(1));
    let proof = |parts: Vec<Value>| Value::Bytes(cbor::encode(&Value::Array(parts)));
    let hash = || Value::bytes([1; 32]);
    let good = || proof(vec![Value::int(2), Value::int(0), Value::Array(vec![hash()])]);
    let vdp = |kind: i64, proofs: Vec<Value>| Value::map([(396, Value::map([(kind, Value::Array(proofs))]))]);
    assert!(receipt(one(), vdp(-1, vec![good()]), Value::Null).is_ok());

    let vds = |vds: Value| receipt(Some(vds), vdp(-1, vec![good()]), Value::Null);
    assert_eq!(vds(Value::int(2)), Err(ReceiptError::UnsupportedStructure { vds: 2 }));
    assert_eq!(vds(Value::text("1")), Err(ReceiptError::MissingStructure));
    let none = receipt(None, vdp(-1, vec![good()]), Value::Null);
    assert_eq!(none, Err(ReceiptError::MissingStructure));
    let attached = receipt(one(), vdp(-1, vec![good()]), Value::bytes([0; 32]));
    assert_eq!(attached, Err(ReceiptError::AttachedPayload));

    let extra = Value::map([(4, Value::bytes([0])), (396, Value::map([]))]);
    let kinds = Value::map([(-1, Value::Array(vec![good()])), (-2, Value::Array(vec![good()]))]);
    for unprotected in [
        Value::Map(vec![]),
        extra,
        Value::map([(397, Value::Null)]),
        Value::map([(396, Value::Null)]),
        Value::map([(396, kinds)]),
        vdp(-2, vec![good()]),
        vdp(-1, vec![]),
        vdp(-1, vec![good(), good()]),
    ] {
        let refused = receipt(one(), unprotected.clone(), Value::Null);
        assert!(matches!(refused, Err(ReceiptError::Proofs { .. })), "{unprotected:?}");
    }
    for parts in [
        vec![],
        vec![Value::int(2), Value::int(0)],
        vec![Value::int(2), Value::int(-1), Value::Array(vec![])],
        vec![Value::int(2), Value::int(0), Value::Array(vec![Value::bytes([1; 31])])],
        vec![Value::int(2), Value::int(0), Value::Array(vec![]), Value::Null],
        vec![Value::int(2), Value::int(0), Value::Array(vec![hash(); 66])],
    ] {
        let refused = receipt(one(), vdp(-1, vec![proof(parts)]), Value::Null);
        assert_eq!(refused, Err(ReceiptError::MalformedProof));
    }
    let trailing = receipt(one(), vdp(-1, vec![Value::bytes([0x80, 0x00])]), Value::Null);
    assert!(matches!(trailing, Err(ReceiptError::Cbor(_))));
}

#[test]
fn bundles() {
    let entries: Vec<Vec<u8>> = vec![b"one".to_vec(), vec![], vec![7; 65535]];
    let bundle = Bundle { index: 4, width: 3 };
    let bytes = bundle.encode(&entries).unwrap();
    assert_eq!(bundle.entries(&bytes).unwrap(), entries);
    assert!(Bundle { index: 4, width: 2 }.entries(&bytes).is_err());
    assert!(Bundle { index: 4, width: 4 }.entries(&bytes).is_err());
    assert!(bundle.entries(&bytes[..bytes.len() - 1]).is_err());
    assert!(bundle.encode(&entries[..2]).is_err());
    assert!(Bundle { index: 0, width: 1 }.encode(&[vec![0; 65536]]).is_err());
    assert_eq!(Bundle::for_entry(1030, 1031), Some((Bundle { index: 4, width: 7 }, 6)));
    assert_eq!(Bundle::for_entry(1031, 1031), None);
}

fn every_decoder(bytes: &[u8]) {
    let _ = (Receipt::decode(bytes), ConsistencyReceipt::decode(bytes), SignedRoot::decode(bytes));
    let tile = Tile { level: 0, index: 0, width: (bytes.len() / 32) as u16 };
    let _ = tile.hashes(bytes);
    for width in [1, 2, 3, 256] {
        let bundle = Bundle { index: 0, width };
        if let Ok(entries) = bundle.entries(bytes) {
            assert_eq!(bundle.encode(&entries).unwrap(), bytes);
        }
    }
    if let Ok(note) = SignedNote::parse(bytes) {
        assert_eq!(note.encode().as_bytes(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.to_body(), text);
        }
        if let Ok(tile) = Tile::parse(text) {
            assert_eq!(tile.path(), text);
        }
        let _ = Bundle::parse(text);
        if let Ok(verifier) = NoteVerifier::from_vkey(text) {
            assert_eq!(verifier.to_vkey(), text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(tile/|o\n)?[0-9x/.pe\n—+ =A-F]{0,60}") {
        every_decoder(&bytes);
        every_decoder(text.as_bytes());
    }
}

#[test]
fn mutated_bytes() {
    let key = SigningKey::generate_ed25519().unwrap();
    let issuer = Issuer { kid: b"k", iss: "i", sub: "s" };
    let signed = SignedRoot::sign(&key, &issuer, &[3; 32]).unwrap();
    let log = NoteSigner::new("registry.example/log", Arc::new(key)).unwrap();
    let body = Checkpoint::new("registry.example/log", 12, [9; 32]).to_body();
    let note = SignedNote::new(body.clone(), vec![log.sign(&body).unwrap()]).unwrap();
    let path = vec![[1; 32], [2; 32]];
    let examples: Vec<Vec<u8>> = vec![
        signed.encode(),
        signed.inclusion_receipt(&Inclusion { size: 4, index: 1, path: path.clone() }).unwrap(),
        signed.consistency_receipt(&Consistency { size1: 2, size2: 4, path }).unwrap(),
        note.encode().into_bytes(),
        body.into_bytes(),
        log.verifier().to_vkey().into_bytes(),
        b"tile/3/x001/x234/067.p/12".to_vec(),
        b"tile/entries/x001/067".to_vec(),
        Bundle { index: 0, width: 3 }.encode(&["one", "two", "three"]).unwrap(),
    ];
    let strategy = (0..examples.len(), any::<prop::sample::Index>(), any::<u8>(), 0..4);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(30_000));
    let result = runner.run(&strategy, |(example, at, byte, how)| {
        let mut bytes = examples[example].clone();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        every_decoder(&bytes);
        Ok(())
    });
    result.unwrap();
}
