//! Every outcome, every form of key, and no bit that is accepted with other content.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cose::cbor::{self, Value as Cbor};
use cose::key::{PublicKey, SigningKey};
use cose::sign1::{self, Claims, Envelope, Protected};
use serde_json::Value;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::log_proof::LogProof;
use tlog::note::{Cosigner, NoteSigner, SignedNote};
use tlog::receipt::{Consistency, Inclusion, Issuer, SignedRoot};
use tlog::tree::{self, MemoryTree};

use verify::split_view::SplitView;

use crate::{Desk, ed25519};

const ORIGIN: &str = "log.example/one";
const SIZE: u64 = 11;
const INDEX: u64 = 4;
/// 2026-05-31T23:50:00Z, ten minutes before the clock of these tests.
const COSIGNED: u64 = 1_780_271_400;

/// A log with one statement among others, everything there is about it, and its files on a desk.
struct Scene {
    desk: Desk,
    log: NoteSigner,
    witness: Cosigner,
    receipts: SigningKey,
    signer: SigningKey,
    statement: Vec<u8>,
    memory: MemoryTree,
}

impl Scene {
    fn new() -> Self {
        let signer = SigningKey::generate_p256().unwrap();
        let protected = Protected { claims: Some(Claims::new("did:web:a", "b")), ..Protected::new(signer.algorithm()) };
        let statement = sign1::sign(&signer, &protected, b"a statement").unwrap();
        let leaf = |n: u64| if n == INDEX { leaf_hash(&statement) } else { leaf_hash(&n.to_be_bytes()) };
        let memory: MemoryTree = (0..SIZE).map(leaf).collect();
        let scene = Scene {
            desk: Desk::new(),
            log: NoteSigner::new(ORIGIN, ed25519()).unwrap(),
            witness: Cosigner::new("witness.example/w", ed25519()).unwrap(),
            receipts: SigningKey::generate_p256().unwrap(),
            signer,
            statement,
            memory,
        };
        let desk = &scene.desk;
        desk.write("statement", &scene.statement);
        desk.write("receipt", scene.receipt());
        desk.write("key", scene.receipts.public_key().to_jwk());
        desk.write("issuer", scene.signer.public_key().to_jwk());
        desk.write("checkpoint", scene.note(SIZE, &[COSIGNED]));
        desk.write("policy", scene.policy("w"));
        desk.write("lax", scene.policy("none"));
        desk.write("proof", scene.proof(&scene.note(SIZE, &[COSIGNED])));
        scene
    }

    fn root(&self, size: u64) -> [u8; 32] {
        self.memory.root(size).unwrap()
    }

    fn signed_root(&self) -> SignedRoot {
        let issuer = Issuer { kid: b"k", iss: "did:web:log.example", sub: ORIGIN };
        SignedRoot::sign(&self.receipts, &issuer, &self.root(SIZE)).unwrap()
    }

    fn receipt(&self) -> Vec<u8> {
        let path = tree::inclusion_proof(&self.memory, INDEX, SIZE).unwrap();
        self.signed_root().inclusion_receipt(&Inclusion { size: SIZE, index: INDEX, path }).unwrap()
    }

    fn extends(&self, size1: u64) -> Vec<u8> {
        let path = tree::consistency_proof(&self.memory, size1, SIZE).unwrap();
        self.signed_root().consistency_receipt(&Consistency { size1, size2: SIZE, path }).unwrap()
    }

    fn note(&self, size: u64, times: &[u64]) -> Vec<u8> {
        let body = Checkpoint::new(ORIGIN, size, self.root(size)).to_body();
        let mut lines = vec![self.log.sign(&body).unwrap()];
        lines.extend(times.iter().map(|time| self.witness.cosign(&body, *time).unwrap()));
        SignedNote::new(body, lines).unwrap().encode().into_bytes()
    }

    fn policy(&self, quorum: &str) -> String {
        let (log, witness) = (self.log.verifier().to_vkey(), self.witness.verifier().to_vkey());
        format!("log {log}\nwitness w {witness}\nquorum {quorum}\n")
    }

    fn proof(&self, note: &[u8]) -> Vec<u8> {
        let path = tree::inclusion_proof(&self.memory, INDEX, SIZE).unwrap();
        LogProof { extra: Some(b"x".to_vec()), index: INDEX, path, checkpoint: note.to_vec() }.encode()
    }

    #[track_caller]
    fn ends(&self, args: &[&str], code: u8, reason: &str) -> Value {
        let answer = self.desk.program(args);
        assert_eq!(answer.ended(), (code, reason.to_owned()), "{args:?}: {}", answer.out);
        assert_eq!(answer.err, "");
        // For people: the same code, the reason and its remedy in words.
        let words = self.desk.run(args);
        assert_eq!(words.code, code);
        let text = format!("{}{}", words.out, words.err);
        if answer.json().get("outcome").is_some() {
            assert!(text.contains(reason) && (code == 0 || text.contains("Remedy: ")), "{text}");
        }
        answer.json()
    }
}

const RECEIPT: [&str; 7] = ["check-receipt", "--statement", "statement@", "--receipt", "receipt@", "--key", "key@"];

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn a_receipt_and_what_settles_it() {
    let scene = Scene::new();
    let found = scene.ends(&RECEIPT, 0, "");
    assert_eq!(found["root"], hex::encode(scene.root(SIZE)));
    assert_eq!(found["leaf_hash"], hex::encode(leaf_hash(&scene.statement)));
    assert_eq!((&found["leaf"], &found["sizes_established"]), (&"AS_GIVEN".into(), &false.into()));
    assert_eq!((&found["algorithm"], &found["subject"]), (&Value::from(-7), &ORIGIN.into()));
    let all = ["--issuer-key", "issuer@", "--checkpoint", "checkpoint@", "--policy", "policy@"];
    let found = scene.ends(&with(&RECEIPT, &all), 0, "");
    assert_eq!(found["statement_signature_verified"], true);
    assert_eq!((&found["sizes_established"], &found["proofs"][0]["index"]), (&true.into(), &INDEX.into()));

    // Receipts travel in the unprotected header of the statement (RFC 9943): they are no part of the entry.
    let receipts = Cbor::map([(394, Cbor::Array(vec![Cbor::Bytes(scene.receipt())]))]);
    let transparent = Envelope::decode(&scene.statement).unwrap().with_unprotected(receipts).unwrap().encode();
    scene.desk.write("statement", transparent);
    let found = scene.ends(&with(&RECEIPT, &all), 0, "");
    assert_eq!(found["leaf"], "UNPROTECTED_HEADER_EMPTIED");

    scene.desk.write("statement", "another");
    scene.ends(&RECEIPT, 1, "SIGNATURE_INVALID");
    scene.ends(&with(&RECEIPT, &["--issuer-key", "issuer@"]), 1, "STATEMENT_MALFORMED");
    scene.desk.write("statement", &scene.statement);
    // Keys taken for each other.
    scene.desk.write("issuer", scene.receipts.public_key().to_jwk());
    scene.ends(&with(&RECEIPT, &["--issuer-key", "issuer@"]), 1, "STATEMENT_SIGNATURE_INVALID");
    scene.desk.write("issuer", ed25519().public_key().to_jwk());
    scene.ends(&with(&RECEIPT, &["--issuer-key", "issuer@"]), 1, "KEY_MISMATCH");
    // A checkpoint of another tree, a stranger's, and one with too few witnesses.
    let under = with(&RECEIPT, &["--checkpoint", "checkpoint@", "--policy", "policy@"]);
    scene.desk.write("checkpoint", scene.note(SIZE - 1, &[COSIGNED]));
    scene.ends(&under, 1, "CHECKPOINT_OTHER_TREE");
    scene.desk.write("checkpoint", Scene::new().note(SIZE, &[COSIGNED]));
    scene.ends(&under, 1, "LOG_UNKNOWN");
    scene.desk.write("checkpoint", scene.note(SIZE, &[]));
    let found = scene.ends(&under, 3, "WITNESS_QUORUM");
    assert_eq!(found["sizes_established"], false);

    // A receipt that claims another size with the same hashes is accepted by itself, and refused with the checkpoint.
    let path = tree::inclusion_proof(&scene.memory, INDEX, SIZE).unwrap();
    let lie = scene.signed_root().inclusion_receipt(&Inclusion { size: SIZE + 1, index: INDEX, path }).unwrap();
    scene.desk.write("receipt", lie);
    scene.desk.write("checkpoint", scene.note(SIZE, &[COSIGNED]));
    assert_eq!(scene.ends(&RECEIPT, 0, "")["sizes_established"], false);
    scene.ends(&under, 1, "CHECKPOINT_OTHER_TREE");
}

#[test]
fn a_receipt_of_consistency() {
    let scene = Scene::new();
    scene.desk.write("receipt", scene.extends(6));
    let from = |size: u64, root: [u8; 32]| format!("{size}:{}", STANDARD.encode(root));
    let (good, other) = (from(6, scene.root(6)), from(6, [1; 32]));
    let check = ["check-receipt", "--receipt", "receipt@", "--key", "key@", "--from"];
    let found = scene.ends(&with(&check, &[&good]), 0, "");
    assert_eq!(found["root"], hex::encode(scene.root(SIZE)));
    assert_eq!((&found["proofs"][0]["from"], &found["leaf"]), (&6.into(), &Value::Null));
    let under = ["--checkpoint", "checkpoint@", "--policy", "policy@"];
    assert_eq!(scene.ends(&[&with(&check, &[&good]), under.as_slice()].concat(), 0, "")["sizes_established"], true);
    scene.ends(&with(&check, &[&other]), 1, "PROOF_INVALID");
    scene.ends(&with(&check, &[&from(5, scene.root(5))]), 1, "PROOF_INVALID");
    scene.ends(&RECEIPT, 1, "OLDER_TREE_MISSING");
}

#[test]
fn every_form_of_key() {
    let scene = Scene::new();
    let key = scene.receipts.public_key();
    let pem =
        |der: &[u8], what: &str| format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", STANDARD.encode(der));
    let point = &key.to_spki_der()[27..];
    let cose_key = Cbor::map([
        (1, Cbor::int(2)),
        (-1, Cbor::int(1)),
        (-2, Cbor::bytes(&point[..32])),
        (-3, Cbor::bytes(&point[32..])),
    ]);
    for good in [key.to_jwk().into_bytes(), pem(&key.to_spki_der(), "PUBLIC KEY").into_bytes(), cbor::encode(&cose_key)]
    {
        scene.desk.write("key", good);
        scene.ends(&RECEIPT, 0, "");
    }
    // A certificate, of another key: read as well, and its signature is another.
    let certified = rcgen::generate_simple_self_signed(vec!["log.example".into()]).unwrap().cert;
    for certificate in [certified.der().to_vec(), pem(certified.der(), "CERTIFICATE").into_bytes()] {
        scene.desk.write("key", certificate);
        scene.ends(&RECEIPT, 1, "SIGNATURE_INVALID");
    }
    let private =
        Cbor::map([(1, Cbor::int(1)), (-1, Cbor::int(6)), (-2, Cbor::bytes([9; 32])), (-4, Cbor::bytes([1]))]);
    for bad in [b"no key".to_vec(), vec![0x30, 0x82, 0xff], vec![0xa0], vec![0xff; 9], cbor::encode(&private)] {
        scene.desk.write("key", bad);
        let object = scene.ends(&RECEIPT, 1, "KEY_INVALID");
        assert_eq!(object["error"]["field"], "key");
    }
    let (_, other): (PublicKey, PublicKey) = (key, SigningKey::generate_ed25519().unwrap().public_key());
    scene.desk.write("key", other.to_jwk());
    scene.ends(&RECEIPT, 1, "KEY_MISMATCH");
}

#[test]
fn a_checkpoint_its_quorum_and_its_age() {
    let scene = Scene::new();
    let now = "--now=2026-06-01T00:00:00Z";
    let open = ["check-checkpoint", "checkpoint@", "--policy", "policy@"];
    let check = with(&open, &[now]);
    let found = scene.ends(&check, 0, "");
    assert_eq!(
        (&found["origin"], &found["size"], &found["quorum_reached"]),
        (&ORIGIN.into(), &SIZE.into(), &true.into())
    );
    assert_eq!((&found["witnessed_time"], &found["age_secs"]), (&"2026-05-31T23:50:00Z".into(), &600.into()));
    assert_eq!(
        (&found["cosignatures"][0]["witness"], &found["cosignatures"][0]["key_name"]),
        (&"w".into(), &"witness.example/w".into())
    );
    scene.ends(&with(&check, &["--max-age", "600"]), 0, "");
    scene.ends(&with(&check, &["--max-age", "599"]), 3, "CHECKPOINT_STALE");
    scene.ends(&with(&open, &["--max-age", "600", "--now", "2026-06-01T00:00:01Z"]), 3, "CHECKPOINT_STALE");
    scene.ends(&with(&open, &["--now", "2026-05-31T23:45:00Z"]), 0, "");
    scene.ends(&with(&open, &["--now", "2026-05-31T23:44:59Z"]), 3, "CLOCK_AHEAD");
    let lax = ["check-checkpoint", "checkpoint@", "--policy", "lax@", now];
    assert_eq!(scene.ends(&lax, 0, "")["age_secs"], Value::Null);
    scene.ends(&with(&lax, &["--max-age", "600"]), 3, "CHECKPOINT_AGE_UNKNOWN");

    scene.desk.write("checkpoint", scene.note(SIZE, &[]));
    scene.ends(&check, 3, "WITNESS_QUORUM");
    scene.ends(&with(&check, &["--max-age", "600"]), 3, "WITNESS_QUORUM");
    scene.desk.write("checkpoint", Scene::new().note(SIZE, &[COSIGNED]));
    scene.ends(&check, 1, "LOG_UNKNOWN");
    scene.desk.write("checkpoint", "no note");
    scene.ends(&check, 1, "CHECKPOINT_MALFORMED");
    let mut forged = String::from_utf8(scene.note(SIZE, &[COSIGNED])).unwrap();
    forged = forged.replacen("\n11\n", "\n12\n", 1);
    scene.desk.write("checkpoint", forged);
    scene.ends(&check, 1, "SIGNATURE_INVALID");
    // A policy that cannot be used is no answer about the checkpoint.
    for (policy, words) in [("log x\nquorum none\n", "line 1"), ("quorum w\n", "line 1"), ("", "is empty")] {
        scene.desk.write("policy", policy);
        let answer = scene.desk.json(&check);
        assert_eq!((answer.code, &answer.json()["error"]["field"]), (1, &"policy".into()));
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(words), "{answer:?}");
    }
}

#[test]
fn a_proof_of_logging() {
    let scene = Scene::new();
    let check = ["check-proof", "proof@", "--entry", "statement@", "--policy", "policy@"];
    let found = scene.ends(&check, 0, "");
    assert_eq!((&found["index"], &found["size"], &found["origin"]), (&INDEX.into(), &SIZE.into(), &ORIGIN.into()));
    assert_eq!(found["unauthenticated_extra"], "eA==");
    scene.ends(&["check-proof", "proof@", "--entry", "policy@", "--policy", "policy@"], 1, "PROOF_INVALID");
    scene.desk.write("proof", scene.proof(&scene.note(SIZE - 1, &[COSIGNED])));
    scene.ends(&check, 1, "PROOF_INVALID");
    scene.desk.write("proof", scene.proof(&scene.note(SIZE, &[])));
    scene.ends(&check, 3, "WITNESS_QUORUM");
    // Contradicted is worse than open.
    scene.ends(&["check-proof", "proof@", "--entry", "policy@", "--policy", "policy@"], 1, "PROOF_INVALID");
    scene.desk.write("proof", scene.proof(&Scene::new().note(SIZE, &[COSIGNED])));
    scene.ends(&check, 1, "LOG_UNKNOWN");
    scene.desk.write("proof", "c2sp.org/tlog-proof@v2\nindex 1\n\n");
    scene.ends(&check, 1, "PROOF_MALFORMED");
}

#[test]
fn two_trees() {
    let scene = Scene::new();
    let head = |size: u64, root: [u8; 32]| format!("{size}:{}", hex::encode(root));
    let (seven, eleven) = (head(7, scene.root(7)), head(SIZE, scene.root(SIZE)));
    let mut lines = String::new();
    for hash in tree::consistency_proof(&scene.memory, 7, SIZE).unwrap() {
        writeln!(lines, "{}", STANDARD.encode(hash)).unwrap();
    }
    scene.desk.write("hashes", &lines);
    scene.desk.write("none", "");
    let check = |from: &str, to: &str, proof: &str, code, reason| {
        scene.ends(&["check-consistency", "--from", from, "--to", to, "--proof", proof], code, reason)
    };
    let found = check(&seven, &eleven, "hashes@", 0, "");
    assert_eq!((&found["from"]["size"], &found["to"]["root"]), (&7.into(), &STANDARD.encode(scene.root(SIZE)).into()));
    check(&seven, &seven, "none@", 0, "");
    check(&head(0, scene.root(0)), &eleven, "none@", 0, "");
    check(&head(0, [0; 32]), &eleven, "none@", 1, "PROOF_INVALID");
    check(&eleven, &seven, "hashes@", 1, "PROOF_INVALID");
    check(&seven, &eleven, "none@", 1, "PROOF_INVALID");
    check(&head(6, scene.root(6)), &eleven, "hashes@", 1, "PROOF_INVALID");
    check(&seven, &head(7, [1; 32]), "none@", 1, "SPLIT_VIEW");
    scene.desk.write("words", "not a hash\n");
    check(&seven, &eleven, "words@", 1, "PROOF_MALFORMED");
    scene.desk.write("long", format!("{}\n", STANDARD.encode([1; 32])).repeat(66));
    check(&seven, &eleven, "long@", 1, "PROOF_MALFORMED");
    for wrong in ["7", "7:", ":AA==", "07:AA==", "7:AA==", "-1:AA==", &seven[..60]] {
        scene.ends(&["check-consistency", "--from", wrong, "--to", &eleven, "--proof", "none@"], 2, "USAGE");
    }
    // Every bit of the proof.
    for bit in 0..lines.len() * 8 {
        let mut bad = lines.clone().into_bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        scene.desk.write("hashes", bad);
        let args = ["check-consistency", "--from", &seven, "--to", &eleven, "--proof", "hashes@"];
        assert_eq!(scene.desk.json(&args).code, 1, "bit {bit}");
    }
}

#[test]
fn two_checkpoints_that_contradict_each_other() {
    let scene = Scene::new();
    let note = |signer: &NoteSigner, size: u64, root: [u8; 32]| {
        let body = Checkpoint::new(ORIGIN, size, root).to_body();
        let line = signer.sign(&body).unwrap();
        SignedNote::new(body, vec![line]).unwrap().encode()
    };
    let mine = |size: u64, root: [u8; 32]| note(&scene.log, size, root);
    let stranger = NoteSigner::new(ORIGIN, ed25519()).unwrap();
    let check = ["check-split-view", "evidence@", "--policy", "policy@"];
    let ends = |kept: String, seen: String, code, reason| {
        scene.desk.write("evidence", SplitView::new(kept, seen).to_json());
        scene.ends(&check, code, reason)
    };
    let found = ends(mine(7, scene.root(7)), mine(7, [1; 32]), 1, "SPLIT_VIEW");
    assert_eq!((&found["origin"], &found["kept"]["size"]), (&ORIGIN.into(), &7.into()));
    assert_eq!(found["seen"]["root"], STANDARD.encode([1; 32]));
    // A witness's quorum is of no matter: what the log signed it signed.
    ends(mine(7, scene.root(7)), mine(8, [1; 32]), 3, "SPLIT_VIEW_UNPROVED");
    ends(mine(7, scene.root(7)), mine(7, scene.root(7)), 3, "NO_CONTRADICTION");
    ends(mine(7, scene.root(7)), note(&stranger, 7, [1; 32]), 1, "LOG_UNKNOWN");
    ends(mine(7, scene.root(7)), mine(7, [1; 32]).replace("one\n7\n", "one\n8\n"), 1, "SIGNATURE_INVALID");
    ends("nothing".into(), mine(7, [1; 32]), 1, "CHECKPOINT_MALFORMED");
    scene.desk.write("evidence", "{}");
    scene.ends(&check, 1, "EVIDENCE_MALFORMED");
    scene.ends(&["check-split-view", "evidence@"], 2, "USAGE");
    scene.ends(&["check-split-view", "absent@", "--policy", "policy@"], 1, "FILE_MISSING");
}

/// Whatever bit of a file changes: refused or left open, or accepted with what was signed unchanged.
#[test]
fn no_bit_is_accepted_with_other_content() {
    let scene = Scene::new();
    let under = with(&RECEIPT, &["--checkpoint", "checkpoint@", "--policy", "policy@"]);
    let checkpoint = ["check-checkpoint", "checkpoint@", "--policy", "policy@"];
    let proof = ["check-proof", "proof@", "--entry", "statement@", "--policy", "policy@"];
    // File, command, and what must stay as it was.
    let rows: [(&str, &[&str], &[&str]); 5] = [
        ("receipt", &RECEIPT, &["/root", "/leaf_hash", "/issuer", "/subject", "/algorithm"]),
        ("receipt", &under, &["/root", "/leaf_hash", "/issuer", "/subject", "/proofs", "/sizes_established"]),
        ("checkpoint", &checkpoint, &["/origin", "/size", "/root", "/cosignatures", "/witnessed_time"]),
        ("proof", &proof, &["/origin", "/size", "/root", "/index", "/leaf_hash", "/cosignatures"]),
        ("statement", &with(&under, &["--issuer-key", "issuer@"]), &["/root", "/leaf_hash"]),
    ];
    for (file, args, kept) in rows {
        let good = std::fs::read(scene.desk.path(file)).unwrap();
        let content = |object: &Value| kept.iter().map(|at| object.pointer(at).cloned()).collect::<Vec<_>>();
        let wanted = scene.desk.json(args);
        assert_eq!(wanted.code, 0);
        let wanted = content(&wanted.json());
        assert!(wanted.iter().all(Option::is_some), "{wanted:?}");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            scene.desk.write(file, bad);
            let answer = scene.desk.json(args);
            if answer.code == 0 {
                assert_eq!(content(&answer.json()), wanted, "bit {bit} of {file}");
            }
        }
        scene.desk.write(file, &good);
    }
}

#[test]
fn wrong_usage() {
    let desk = Desk::new();
    for args in [
        &[][..],
        &["check-receipt", "--receipt", "a", "--key", "b"],
        &["check-receipt", "--receipt", "a", "--key", "b", "--statement", "c", "--checkpoint", "d"],
        &["check-receipt", "--receipt", "a", "--key", "b", "--statement", "c", "--policy", "d"],
        &["check-checkpoint", "a"],
        &["check-checkpoint", "a", "--policy", "b", "--max-age", "-1"],
        &["check-checkpoint", "a", "--policy", "b", "--now", "soon"],
        &["check-proof", "a", "--policy", "b"],
        &["check-consistency", "--from", "1:x", "--to", "1:x", "--proof", "a"],
    ] {
        assert_eq!(desk.program(args).ended(), (2, "USAGE".into()), "{args:?}");
    }
    let missing = desk.program(&["check-checkpoint", "absent@", "--policy", "policy@"]);
    assert_eq!(missing.ended(), (1, "FILE_MISSING".into()));
}
