//! Public vectors through the program.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cose::cbor::{self, Value as Cbor};
use cose::key::{Signer, SigningKey};
use cose::sign1::Envelope;
use serde_json::Value;
use tlog::log_proof::LogProof;
use tlog::receipt::{ConsistencyReceipt, Inclusion, Issuer, Receipt};
use tlog::tile::{Bundle, Tile, TileReader};
use tlog::tree;
use tlog::{leaf_hash, node_hash};

use crate::{Desk, shared};

const TESSERA: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const TESSERA_SIZE: u64 = 15;

/// transparency-dev/merkle, consistency: what each case wants.
#[test]
fn merkle_consistency() {
    let Some(folder) = shared("merkle") else { return };
    let cases: Value = serde_json::from_slice(&fs::read(folder.join("merkle-testdata-part.json")).unwrap()).unwrap();
    let desk = Desk::new();
    let (mut tried, mut accepted) = (0, 0);
    for (name, case) in cases.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("consistency/")) {
        let head = |size: &str, root: &str| format!("{}:{}", case[size], case[root].as_str().unwrap());
        let lines = case["proof"].as_array().map(Vec::as_slice).unwrap_or_default();
        desk.write("proof", lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect::<String>());
        let (from, to) = (head("size1", "root1"), head("size2", "root2"));
        let answer = desk.program(&["check-consistency", "--from", &from, "--to", &to, "--proof", "proof@"]);
        let (code, reason) = answer.ended();
        tried += 1;
        if case["wantErr"].as_bool().unwrap() {
            // Some roots of the vectors are no hashes: that is wrong usage, as a mistyped one is.
            let wanted: &[(u8, &str)] =
                &[(1, "PROOF_INVALID"), (1, "PROOF_MALFORMED"), (1, "SPLIT_VIEW"), (2, "USAGE")];
            assert!(wanted.contains(&(code, reason.as_str())), "{name}: {answer:?}");
        } else {
            accepted += 1;
            assert_eq!(code, 0, "{name}: {answer:?}");
        }
    }
    assert_eq!((tried, accepted), (22, 2));
}

/// The log of transparency-dev/tessera: each checkpoint under a policy, each entry by a tlog-proof, each pair of sizes.
#[test]
fn tessera_log() {
    let Some(log) = shared("tessera-log") else { return };
    let desk = Desk::new();
    desk.write(
        "policy",
        format!("# the key of SOURCES.md\nlog {TESSERA} https://example.com/log/testdata\nquorum none\n"),
    );
    let bundle = Bundle::in_log(0, TESSERA_SIZE).unwrap();
    let bytes = fs::read(log.join(bundle.path())).unwrap();
    let entries = bundle.entries(&bytes).unwrap();
    let tiles = |tile: Tile| fs::read(log.join(tile.path())).ok();
    let mut roots: Vec<String> = Vec::new();
    for size in 0..=TESSERA_SIZE {
        let note = fs::read(log.join(format!("checkpoint.{size}"))).unwrap();
        desk.write("checkpoint", &note);
        let answer = desk.program(&["check-checkpoint", "checkpoint@", "--policy", "policy@"]);
        assert_eq!(answer.ended().0, 0, "{answer:?}");
        let found = answer.json();
        assert_eq!((&found["origin"], &found["size"]), (&"example.com/log/testdata".into(), &size.into()));
        roots.push(found["root"].as_str().unwrap().to_owned());
        assert!(note.windows(44).any(|window| window == roots[size as usize].as_bytes()));

        let reader = TileReader::new(tiles, size);
        for (index, entry) in (0..size).zip(&entries).filter(|(index, _)| size % 5 == 0 || index + 1 == size) {
            let path = tree::inclusion_proof(&reader, index, size).unwrap();
            desk.write("entry", entry);
            desk.write("proof", LogProof { extra: None, index, path, checkpoint: note.clone() }.encode());
            let args = ["check-proof", "proof@", "--entry", "entry@", "--policy", "policy@"];
            let answer = desk.program(&args);
            assert_eq!(answer.ended().0, 0, "{answer:?}");
            assert_eq!(answer.json()["leaf_hash"], hex::encode(leaf_hash(entry)));
            desk.write("entry", [entry, b"x".as_slice()].concat());
            assert_eq!(desk.json(&args).ended(), (1, "PROOF_INVALID".into()));
        }
        for size1 in 0..=size {
            let proof = tree::consistency_proof(&reader, size1, size).unwrap();
            desk.write("proof", proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect::<String>());
            let from = format!("{size1}:{}", roots[size1 as usize]);
            let to = format!("{size}:{}", hex::encode(STANDARD.decode(&roots[size as usize]).unwrap()));
            let answer = desk.json(&["check-consistency", "--from", &from, "--to", &to, "--proof", "proof@"]);
            assert_eq!(answer.code, 0, "{size1} to {size}: {answer:?}");
        }
    }
    // One bit: every change refuses, since no line of another key stands in these.
    let note = fs::read(log.join("checkpoint")).unwrap();
    for bit in 0..note.len() * 8 {
        let mut bad = note.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        desk.write("checkpoint", bad);
        let answer = desk.json(&["check-checkpoint", "checkpoint@", "--policy", "policy@"]);
        assert_eq!(answer.code, 1, "bit {bit}: {answer:?}");
    }
}

/// The working group's COSE examples as statements: each is included in a tree of ours, so the receipt is good for
/// everyone, and the statement's own signature is what the example says.
#[test]
fn cose_examples() {
    let Some(root) = shared("cose-examples") else { return };
    let desk = Desk::new();
    let log = SigningKey::generate_ed25519().unwrap();
    desk.write("log.jwk", log.public_key().to_jwk());
    let mut outcomes = std::collections::BTreeMap::new();
    for folder in ["sign1-tests", "ecdsa-examples", "eddsa-examples", "x509-examples"] {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let statement = hex::decode(case["output"]["cbor"].as_str().unwrap()).unwrap();
            desk.write("statement", &statement);
            desk.write("receipt", only_leaf(&log, &statement));
            let args = ["check-receipt", "--statement", "statement@", "--receipt", "receipt@", "--key", "log.jwk@"];
            let answer = desk.program(&args);
            assert_eq!(answer.ended().0, 0, "{}: {answer:?}", path.display());
            assert_eq!(answer.json()["statement_signature_verified"], false);

            // With the signer's key, as COSE_Key where it has a form in it.
            let key = &case["input"]["sign0"]["key"];
            let key = if key.is_null() { &case["input"]["sign"]["signers"][0]["key"] } else { key };
            desk.write("issuer", cose_key(key).unwrap_or_else(|| jwk(key).into_bytes()));
            let answer = desk.program(&[&args, ["--issuer-key", "issuer@"].as_slice()].concat());
            let (code, reason) = answer.ended();
            let is_good = answer.json()["statement_signature_verified"] == true;
            assert_eq!(is_good, code == 0, "{answer:?}");
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            outcomes.insert(name, if code == 0 { "good".to_owned() } else { reason });
        }
    }
    let wanted = |name: &str| match name {
        // No external data is given here, so those that have some fail, as they must.
        "sign-pass-02" | "sign-fail-02" | "sign-fail-06" | "sign-fail-07" => "STATEMENT_SIGNATURE_INVALID",
        "ecdsa-sig-01" | "ecdsa-sig-02" | "eddsa-sig-01" => "good",
        "sign-fail-03" | "ecdsa-sig-04" => "ALGORITHM_UNSUPPORTED",
        // Keys that are none of ours: P-521, Ed448.
        "ecdsa-sig-03" | "ecdsa-03" | "eddsa-sig-02" | "eddsa-02" => "KEY_INVALID",
        // COSE_Sign of several signers, another tag, no tag, an algorithm that nobody signed, or one that is a text.
        _ => "STATEMENT_MALFORMED",
    };
    let wrong: Vec<_> = outcomes.iter().filter(|(name, found)| wanted(name) != found.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(outcomes.len(), 26);
}

/// The receipt of a statement that is the only leaf of a tree.
fn only_leaf(log: &dyn Signer, statement: &[u8]) -> Vec<u8> {
    let issuer = Issuer { kid: b"k", iss: "https://ts.example", sub: "ts.example/log" };
    let proof = Inclusion { size: 1, index: 0, path: vec![] };
    Receipt::sign(log, &issuer, &proof, &leaf_hash(statement)).unwrap()
}

/// A member of an example's key, in bytes.
fn member(key: &Value, name: &str) -> Option<Vec<u8>> {
    if let Some(text) = key[format!("{name}_hex")].as_str() {
        return Some(hex::decode(text).unwrap());
    }
    key[name].as_str().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap())
}

fn cose_key(key: &Value) -> Option<Vec<u8>> {
    let crv = match key["crv"].as_str()? {
        "P-256" => 1,
        "P-384" => 2,
        "Ed25519" => 6,
        _ => return None,
    };
    let x = (-2, Cbor::Bytes(member(key, "x")?));
    let entries = match member(key, "y") {
        Some(y) => vec![(1, Cbor::int(2)), (-1, Cbor::int(crv)), x, (-3, Cbor::Bytes(y))],
        None => vec![(1, Cbor::int(1)), (-1, Cbor::int(crv)), x],
    };
    Some(cbor::encode(&Cbor::map(entries)))
}

fn jwk(key: &Value) -> String {
    let mut jwk = serde_json::Map::new();
    for name in ["kty", "crv"] {
        jwk.insert(name.into(), key[name].clone());
    }
    for name in ["x", "y"] {
        if let Some(bytes) = member(key, name) {
            jwk.insert(name.into(), URL_SAFE_NO_PAD.encode(bytes).into());
        }
    }
    Value::from(jwk).to_string()
}

/// The receipts beside the draft of RFC 9942 come without key and leaf: they are read, and nobody's key is theirs.
#[test]
fn rfc9942_examples() {
    let Some(folder) = shared("rfc9942-9943") else { return };
    let desk = Desk::new();
    desk.write("statement", "any");
    desk.write("p256.jwk", SigningKey::generate_p256().unwrap().public_key().to_jwk());
    desk.write("ed25519.jwk", SigningKey::generate_ed25519().unwrap().public_key().to_jwk());
    // Root of the older tree, from the hashes of the proof itself: leaf 2 first, the node over 0 and 1 third.
    let consistency = ConsistencyReceipt::decode(&fs::read(folder.join("consistency-receipt.cbor")).unwrap()).unwrap();
    let [leaf2, _, first, _] = consistency.proof().path[..] else { panic!("path") };
    let root = format!("3:{}", hex::encode(node_hash(&first, &leaf2)));
    for (name, claim) in [("inclusion", "index"), ("consistency", "from")] {
        fs::copy(folder.join(format!("{name}-receipt.cbor")), desk.path("receipt")).unwrap();
        let check = |key: &str, more: &[&str]| {
            desk.program(&[&["check-receipt", "--receipt", "receipt@", "--key", key], more].concat())
        };
        let both = ["--statement", "statement@", "--from", &root];
        let answer = check("p256.jwk@", &both);
        assert_eq!(answer.ended(), (1, "SIGNATURE_INVALID".into()));
        let found = answer.json();
        assert_eq!(found["issuer"], "https://transparency-service.example.com");
        assert_eq!((&found["proofs"][0]["size"], &found["proofs"][0][claim]), (&5.into(), &3.into()));
        assert_eq!(found["root"], Value::Null);
        assert_eq!(check("ed25519.jwk@", &both).ended(), (1, "KEY_MISMATCH".into()));
        // What the proof is about is asked for.
        let lacking = if name == "inclusion" { &both[2..] } else { &both[..2] };
        let wanted = if name == "inclusion" { "STATEMENT_MISSING" } else { "OLDER_TREE_MISSING" };
        assert_eq!(check("p256.jwk@", lacking).ended(), (1, wanted.into()));
    }
    for other in [format!("4{}", &root[1..]), format!("3:{}", hex::encode([7; 32]))] {
        let answer = desk.program(&["check-receipt", "--receipt", "receipt@", "--key", "p256.jwk@", "--from", &other]);
        assert_eq!(answer.ended(), (1, "PROOF_INVALID".into()));
    }
}

/// CCF: other forms of receipt, other structures, other algorithms. Refused with a reason.
#[test]
fn ccf_receipts() {
    let Some(folder) = shared("ccf") else { return };
    let desk = Desk::new();
    desk.write("key.jwk", SigningKey::generate_p256().unwrap().public_key().to_jwk());
    let statement = fs::read(folder.join("cts-hashv-cwtclaims-b64url.cose")).unwrap();
    desk.write("statement", &statement);
    let envelope = Envelope::decode(&statement).unwrap();
    let inside = envelope.unprotected().get(394).and_then(|value| value.as_array()).unwrap()[0].as_bytes().unwrap();
    // A receipt of today's CCF names its structure (vds 2) and carries a proof of another shape.
    let protected = cbor::encode(&Cbor::map([(1, Cbor::int(-35)), (4, Cbor::bytes(*b"kid")), (395, Cbor::int(2))]));
    let leaf = Cbor::map([(1, Cbor::Array(vec![])), (2, Cbor::Array(vec![]))]);
    let proofs = Cbor::Array(vec![Cbor::Bytes(cbor::encode(&leaf))]);
    let vdp = Cbor::map([(396, Cbor::map([(-1, proofs)]))]);
    let parts = vec![Cbor::Bytes(protected), vdp, Cbor::Null, Cbor::bytes([0; 96])];
    let ccf = cbor::encode(&Cbor::tag(18, Cbor::Array(parts)));
    for (receipt, reason) in [
        (inside.to_vec(), "RECEIPT_FORM_UNSUPPORTED"),
        (statement.clone(), "STRUCTURE_MISSING"),
        (fs::read(folder.join("uvm_0.2.10.cose")).unwrap(), "ALGORITHM_UNSUPPORTED"),
        (fs::read(folder.join("esrp-cts-db.json")).unwrap(), "RECEIPT_MALFORMED"),
        (ccf, "STRUCTURE_UNSUPPORTED"),
    ] {
        desk.write("receipt", receipt);
        let args = ["check-receipt", "--statement", "statement@", "--receipt", "receipt@", "--key", "key.jwk@"];
        let answer = desk.program(&args);
        assert_eq!(answer.ended(), (1, reason.into()), "{answer:?}");
    }
}
