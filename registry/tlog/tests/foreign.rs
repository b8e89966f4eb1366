//! What others hand over, checked under a policy or with a key: checkpoints, proofs of logging, receipts. No change of a
//! bit is accepted with other content.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use cose::cbor::{self, Value};
use cose::key::{Algorithm, KeyError, PublicKey, Signer, SigningKey};
use cose::sign1::Sign1Error;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::log_proof::{LogProof, LogProofError, MAX_LOG_PROOF_BYTES};
use tlog::note::{Cosigner, NoteError, NoteSigner, SignedNote};
use tlog::policy::{MAX_DEFINITIONS, MAX_POLICY_BYTES, Policy, PolicyCheckpointError, PolicyError};
use tlog::proof::ProofError;
use tlog::receipt::{
    Consistency, Inclusion, Issuer, Older, ReceiptError, ReceiptProofs, SignedRoot, Subject, VerifiedProofs,
};
use tlog::tree::{self, MemoryTree};

const ORIGIN: &str = "example.com/log";

fn ed25519() -> Arc<dyn Signer> {
    Arc::new(SigningKey::generate_ed25519().unwrap())
}

struct Cast {
    log: NoteSigner,
    witnesses: Vec<Cosigner>,
}

impl Cast {
    fn new(witnesses: usize) -> Cast {
        let witness = |n| Cosigner::new(&format!("witness.example/{n}"), ed25519()).unwrap();
        Cast { log: NoteSigner::new(ORIGIN, ed25519()).unwrap(), witnesses: (0..witnesses).map(witness).collect() }
    }

    /// The example of tlog-policy.md: two of X and one of Y.
    fn example(&self) -> String {
        let vkey = |n: usize| self.witnesses[n].verifier().to_vkey();
        format!(
            "log {}\n\nwitness X1 {}\nwitness X2 {}\nwitness X3 {}\ngroup X-witnesses 2 X1 X2 X3\n\n\
             witness Y1 {}\nwitness Y2 {}\nwitness Y3 {}\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
             group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
            self.log.verifier().to_vkey(),
            vkey(0),
            vkey(1),
            vkey(2),
            vkey(3),
            vkey(4),
            vkey(5),
        )
    }

    /// A checkpoint cosigned by witnesses at times.
    fn note(&self, checkpoint: &Checkpoint, by: &[(usize, u64)]) -> SignedNote {
        let body = checkpoint.to_body();
        let own = self.log.sign(&body).unwrap();
        let cosigned = by.iter().map(|(n, time)| self.witnesses[*n].cosign(&body, *time).unwrap());
        SignedNote::new(body.clone(), std::iter::once(own).chain(cosigned).collect()).unwrap()
    }
}

fn open(policy: &Policy, note: &SignedNote) -> tlog::policy::PolicyCheckpoint {
    policy.open(note.encode().as_bytes()).unwrap()
}

#[test]
fn the_quorum_of_the_example() {
    let cast = Cast::new(6);
    let policy = Policy::parse(cast.example().as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    // Every set of witnesses, against the words of the specification.
    for set in 0..64usize {
        let by: Vec<_> = (0..6).filter(|n| set >> n & 1 == 1).map(|n| (n, 1_000 + n as u64)).collect();
        let opened = open(&policy, &cast.note(&checkpoint, &by));
        let (x, y) = ((set & 7).count_ones(), (set >> 3).count_ones());
        assert_eq!(opened.quorum_reached(), x >= 2 && y >= 1, "{set:06b}");
        assert_eq!(opened.cosignatures().len(), by.len());
        assert_eq!(opened.checkpoint(), &checkpoint);
    }
    // Witnessed since the last of those that are needed: X at 30 and 20, Y at 50 and 10.
    let opened = open(&policy, &cast.note(&checkpoint, &[(0, 30), (1, 20), (2, 5), (3, 50), (4, 10)]));
    assert_eq!(opened.witnessed_at(), Some(20));
    let opened = open(&policy, &cast.note(&checkpoint, &[(0, 30), (1, 20)]));
    assert_eq!(opened.witnessed_at(), None);
    assert_eq!(opened.cosignatures()[0].key_name(), "witness.example/0");
    // No witness needed: nobody says when.
    let none = format!("log {}\nquorum none\n", cast.log.verifier().to_vkey());
    let opened = open(&Policy::parse(none.as_bytes()).unwrap(), &cast.note(&checkpoint, &[(0, 30)]));
    assert_eq!((opened.quorum_reached(), opened.witnessed_at(), opened.cosignatures().len()), (true, None, 0));
}

#[test]
fn whose_checkpoint_it_is() {
    let cast = Cast::new(1);
    let policy = format!("log {}\nquorum none\n", cast.log.verifier().to_vkey());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    // The log's key under another origin is no checkpoint of that origin.
    let other = Checkpoint::new("example.com/other", 7, [9; 32]);
    let unknown = PolicyCheckpointError::UnknownLog { origin: "example.com/other".into() };
    assert_eq!(policy.open(cast.note(&other, &[]).encode().as_bytes()), Err(unknown));
    // A stranger's signature under the origin's name.
    let stranger = Cast::new(0);
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let unknown = PolicyCheckpointError::UnknownLog { origin: ORIGIN.into() };
    assert_eq!(policy.open(stranger.note(&checkpoint, &[]).encode().as_bytes()), Err(unknown.clone()));
    assert_eq!(unknown.reason(), "LOG_UNKNOWN");
    // A cosignature alone does not make it the log's.
    let body = checkpoint.to_body();
    let cosigned = SignedNote::new(body.clone(), vec![cast.witnesses[0].cosign(&body, 1).unwrap()]).unwrap();
    assert_eq!(policy.open(cosigned.encode().as_bytes()), Err(unknown));
    // The key's line over another text.
    let forged = SignedNote::new(body, vec![cast.log.sign("another\n").unwrap()]).unwrap();
    let bad = policy.open(forged.encode().as_bytes()).unwrap_err();
    assert_eq!(bad, PolicyCheckpointError::Note(NoteError::BadSignature { name: ORIGIN.into() }));
    assert_eq!(bad.reason(), "SIGNATURE_INVALID");
    for no in ["", "no note", "text\n\n— example.com/log AAAAAAA=\n"] {
        assert_eq!(policy.open(no.as_bytes()).unwrap_err().reason(), "CHECKPOINT_MALFORMED", "{no:?}");
    }
}

#[test]
fn policies_that_are_read() {
    let cast = Cast::new(2);
    let (log, w) = (cast.log.verifier().to_vkey(), cast.witnesses[0].verifier().to_vkey());
    for good in [
        "quorum none\n".to_owned(),
        format!("# a comment\n \t# another\n\n\t log\t{log}  https://log.example/ \nquorum none\n"),
        format!("witness none-of-it {w}\nquorum none-of-it\n"),
        // Names are octets; a log and a witness may share one, since only witnesses and groups are named.
        format!("log {log}\nwitness K\u{212a} {w} https://w.example\ngroup K 1 K\u{212a}\nquorum K\n"),
        // One key may be a log's and, with the other signature type, a witness's.
        format!("witness a {w}\ngroup g all a\ngroup h any g\nquorum h\n"),
    ] {
        assert!(Policy::parse(good.as_bytes()).is_ok(), "{good}");
    }
    let octets = [b"witness \xff\xfe ".as_slice(), w.as_bytes(), b"\nquorum \xff\xfe\n"].concat();
    assert_eq!(Policy::parse(&octets).unwrap().witnesses()[0].name, "\u{fffd}\u{fffd}");
    // As many as the specification asks for.
    let cast = Cast::new(33);
    let witnesses: String =
        cast.witnesses.iter().enumerate().map(|(n, w)| format!("witness w{n} {}\n", w.verifier().to_vkey())).collect();
    let groups: String = (0..33).map(|n| format!("group g{n} 1 w{n}\n")).collect();
    let all: String = (0..33).map(|n| format!(" g{n}")).collect();
    let large = format!("{witnesses}{groups}group all 17{all}\nquorum all\n");
    assert_eq!(Policy::parse(large.as_bytes()).unwrap().witnesses().len(), 33);
}

#[test]
fn policies_that_are_refused() {
    let cast = Cast::new(2);
    let (log, w) = (cast.log.verifier().to_vkey(), cast.witnesses[0].verifier().to_vkey());
    let cosigner = || Cosigner::new("w.example", ed25519()).unwrap().verifier().to_vkey();
    let renamed = cosigner();
    let refused = |text: &str| Policy::parse(text.as_bytes()).unwrap_err();
    let line = |text: &str| match refused(text) {
        PolicyError::Line { line, .. } => line,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(refused(""), PolicyError::NoQuorum);
    assert_eq!(refused(&format!("log {log}\n")), PolicyError::NoQuorum);
    assert_eq!(refused("quorum none\nquorum none\n"), PolicyError::SecondQuorum { line: 2 });
    for (text, at) in [
        ("quorum\n", 1),
        ("quorum none none\n", 1),
        ("Quorum none\n", 1),
        ("\n\nlog\n", 3),
        ("log a b c\n", 1),
        ("witness a\n", 1),
        ("witness a b c d\n", 1),
        ("group g all\n", 1),
        ("group g\n", 1),
        ("\u{a0}quorum none\n", 1),
    ] {
        assert_eq!(line(text), at, "{text}");
    }
    for (text, at) in [("quorum none", 1), ("quorum\u{b} none\n", 1), ("\nquorum none\r\n", 2), ("#\u{7f}\n", 1)] {
        assert!(matches!(refused(text), PolicyError::Characters { line, .. } if line == at), "{text:?}");
    }
    assert_eq!(refused("log nonsense\n"), PolicyError::Key { line: 1, error: NoteError::VerifierKey });
    let mistyped = format!("\nlog {}\n", log.replacen("example.com", "example.org", 1));
    assert_eq!(refused(&mistyped), PolicyError::Key { line: 2, error: NoteError::VerifierKey });
    let no_witness = PolicyError::NoWitnessKey { line: 1, name: ORIGIN.into(), found: 1 };
    assert_eq!(refused(&format!("witness a {log}\n")), no_witness);
    // ML-DSA-44 (0x06) is said to be unsupported, with its line.
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.encode([&[6], [0; 1312].as_slice()].concat());
    let unsupported = NoteError::UnsupportedType { kind: 6 };
    assert_eq!(refused(&format!("witness a w+00000000+{key}\n")), PolicyError::Key { line: 1, error: unsupported });
    assert_eq!(refused(&format!("log {log}\n\nlog {log}\n")), PolicyError::DuplicateKey { line: 3, earlier: 1 });
    let twice = format!("witness a {w}\nwitness b {w}\n");
    assert_eq!(refused(&twice), PolicyError::DuplicateKey { line: 2, earlier: 1 });
    let taken = |line, name: &str| PolicyError::NameTaken { line, name: name.into() };
    assert_eq!(refused(&format!("witness a {w}\nwitness a {renamed}\n")), taken(2, "a"));
    assert_eq!(refused(&format!("witness none {w}\n")), taken(1, "none"));
    assert_eq!(refused(&format!("witness a {w}\ngroup a any a\n")), taken(2, "a"));
    let unknown = |line, name: &str| PolicyError::UnknownName { line, name: name.into() };
    assert_eq!(refused("quorum a\n"), unknown(1, "a"));
    assert_eq!(refused("group g any none\n"), unknown(1, "none"));
    assert_eq!(refused("group g any g\n"), unknown(1, "g"));
    assert_eq!(refused(&format!("quorum a\nwitness a {w}\n")), unknown(1, "a"));
    let listed = |line| PolicyError::ListedTwice { line, name: "a".into() };
    assert_eq!(refused(&format!("witness a {w}\ngroup g any a a\n")), listed(2));
    assert_eq!(refused(&format!("witness a {w}\ngroup g any a\ngroup h any a\n")), listed(3));
    for threshold in ["0", "2", "01", "+1", "-1", "some", "18446744073709551616"] {
        let text = format!("witness a {w}\ngroup g {threshold} a\nquorum g\n");
        let wrong = PolicyError::Threshold { line: 2, threshold: threshold.into(), members: 1 };
        assert_eq!(refused(&text), wrong);
    }
    assert_eq!(refused(&"#\n".repeat(MAX_POLICY_BYTES)), PolicyError::TooLarge);
    let groups = |n: usize| -> String {
        (0..n).map(|n| format!("witness w{n} {}\ngroup g{n} any w{n}\n", cosigner())).collect()
    };
    let many = format!("{}quorum g0\n", groups(MAX_DEFINITIONS + 1));
    assert_eq!(refused(&many), PolicyError::TooLarge);
    assert_eq!(Policy::threshold(cast.log.verifier().clone(), &[cast.log.verifier().clone()], 1), None);
}

/// A tree of eleven entries, and its proofs.
fn tree() -> (MemoryTree, [u8; 32]) {
    let memory: MemoryTree = (0..11u64).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let root = memory.root(11).unwrap();
    (memory, root)
}

#[test]
fn proofs_of_logging() {
    let cast = Cast::new(2);
    let (memory, root) = tree();
    let checkpoint = Checkpoint::new(ORIGIN, 11, root);
    let note = cast.note(&checkpoint, &[(0, 5)]).encode().into_bytes();
    let policy = format!("log {}\nquorum none\n", cast.log.verifier().to_vkey());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    for index in 0..11u64 {
        let path = tree::inclusion_proof(&memory, index, 11).unwrap();
        for extra in [None, Some(vec![]), Some(b"which artifact".to_vec())] {
            let proof = LogProof { extra, index, path: path.clone(), checkpoint: note.clone() };
            let bytes = proof.encode();
            assert_eq!(LogProof::parse(&bytes).as_ref(), Ok(&proof));
            let opened = policy.open(&proof.checkpoint).unwrap();
            assert_eq!(proof.verify(&index.to_be_bytes(), opened.checkpoint()), Ok(()));
            let other = proof.verify(b"another entry", opened.checkpoint());
            assert_eq!(other, Err(ProofError::RootMismatch));
        }
    }
    let good = LogProof { extra: None, index: 3, path: vec![[1; 32]], checkpoint: note.clone() }.encode();
    let good = String::from_utf8(good).unwrap();
    for (from, to, line) in [
        ("tlog-proof@v1", "tlog-proof@v2", 1),
        ("index 3", "index 03", 2),
        ("index 3", "index +3", 2),
        ("index 3", "index 18446744073709551616", 2),
        ("index 3", "index", 2),
        ("index 3", "extra ?\nindex 3", 2),
        ("index 3", "extra AA==\nextra AA==\nindex 3", 3),
        ("AQE=\n", "AQE\n", 3),
        ("AQE=\n", "AQF=\n", 3),
        ("AQE=\n", "AQE= \n", 3),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let refused = LogProof::parse(bad.as_bytes());
        assert!(matches!(refused, Err(LogProofError::Line { line: at, .. }) if at == line), "{to}: {refused:?}");
    }
    let hash = good.lines().nth(2).unwrap();
    let long = good.replacen(hash, &[hash; 66].join("\n"), 1);
    assert!(matches!(LogProof::parse(long.as_bytes()), Err(LogProofError::Line { line: 68, .. })));
    let large = vec![b'x'; MAX_LOG_PROOF_BYTES + 1];
    assert_eq!(LogProof::parse(&large), Err(LogProofError::TooLarge));

    // Every bit: what is still accepted proves the same leaf in the same tree.
    let path = tree::inclusion_proof(&memory, 9, 11).unwrap();
    let bytes = LogProof { extra: Some(b"x".to_vec()), index: 9, path, checkpoint: note }.encode();
    let mut accepted = 0;
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let Ok(proof) = LogProof::parse(&bad) else { continue };
        let Ok(opened) = policy.open(&proof.checkpoint) else { continue };
        if proof.verify(&9u64.to_be_bytes(), opened.checkpoint()).is_ok() {
            accepted += 1;
            assert_eq!((proof.index, opened.checkpoint()), (9, &checkpoint), "bit {bit}");
        }
    }
    // The extra data and the line of a witness that the policy does not know.
    assert!(accepted > 0, "no bit is without meaning");
}

type Sign = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

/// A key that signs as any algorithm of its kind says; P-384 and RSA sign here and nowhere else in the project.
struct Key {
    algorithm: Algorithm,
    public: PublicKey,
    sign: Box<Sign>,
}

impl Signer for Key {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok((self.sign)(message))
    }
}

fn key(algorithm: Algorithm) -> Key {
    let ours = |key: SigningKey| Key {
        algorithm,
        public: key.public_key(),
        sign: Box::new(move |message| key.sign(message).unwrap()),
    };
    match algorithm {
        Algorithm::Es256 | Algorithm::Esp256 => ours(SigningKey::generate_p256().unwrap()),
        Algorithm::EdDsa | Algorithm::Ed25519 => ours(SigningKey::generate_ed25519().unwrap()),
        Algorithm::Es384 => {
            let signing = &ECDSA_P384_SHA384_FIXED_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new()).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref()).unwrap();
            let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
            let key = [(1, Value::int(2)), (-1, Value::int(2)), (-2, Value::bytes(x)), (-3, Value::bytes(y))];
            let public = PublicKey::from_cose_key(&cbor::encode(&Value::map(key))).unwrap();
            let sign = move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
            Key { algorithm, public, sign: Box::new(sign) }
        }
        Algorithm::Ps256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
            let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
            let key = [(1, Value::int(3)), (-1, Value::bytes(n)), (-2, Value::bytes(e))];
            let public = PublicKey::from_cose_key(&cbor::encode(&Value::map(key))).unwrap();
            let sign = move |message: &[u8]| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            };
            Key { algorithm, public, sign: Box::new(sign) }
        }
    }
}

const ISSUER: Issuer<'static> = Issuer { kid: b"k", iss: "https://ts.example", sub: ORIGIN };

fn inclusion(memory: &MemoryTree, index: u64, size: u64) -> Value {
    let path = tree::inclusion_proof(memory, index, size).unwrap();
    proof(size, index, &path)
}

fn proof(a: u64, b: u64, path: &[[u8; 32]]) -> Value {
    let path = path.iter().map(|hash| Value::bytes(hash.as_slice())).collect();
    Value::Bytes(cbor::encode(&Value::Array(vec![Value::Uint(a), Value::Uint(b), Value::Array(path)])))
}

/// A receipt of `root` by a key with any unprotected header.
fn receipt(signer: &dyn Signer, root: &[u8; 32], unprotected: Value) -> Vec<u8> {
    let signed = SignedRoot::sign(signer, &ISSUER, root).unwrap().encode();
    let Value::Tag(tag, body) = cbor::decode(&signed).unwrap() else { panic!("untagged") };
    let Value::Array(mut parts) = *body else { panic!("no array") };
    parts[1] = unprotected;
    cbor::encode(&Value::tag(tag, Value::Array(parts)))
}

fn vdp(kinds: impl IntoIterator<Item = (i64, Vec<Value>)>) -> Value {
    let kinds = kinds.into_iter().map(|(kind, proofs)| (kind, Value::Array(proofs)));
    Value::map([(396, Value::map(kinds))])
}

#[test]
fn receipts_with_any_proofs() {
    let (memory, root) = tree();
    let leaf = leaf_hash(&4u64.to_be_bytes());
    let older = Older { size: 6, root: memory.root(6).unwrap() };
    let extends = proof(6, 11, &tree::consistency_proof(&memory, 6, 11).unwrap());
    let includes = inclusion(&memory, 4, 11);
    let keys = Algorithm::ALL.map(key);
    for key in &keys {
        let public = key.public_key();
        let check = |unprotected: Value, leaf: Option<&[u8; 32]>, older: Option<&Older>| {
            let read = ReceiptProofs::decode(&receipt(key, &root, unprotected))?;
            read.verify(&public, leaf, older)
        };
        let proved = |result: Result<VerifiedProofs, ReceiptError>| result.map(|verified| *verified.root());
        let both = vdp([(-1, vec![includes.clone()]), (-2, vec![extends.clone()])]);
        assert_eq!(proved(check(both.clone(), Some(&leaf), Some(&older))), Ok(root));
        assert_eq!(proved(check(vdp([(-2, vec![extends.clone()])]), None, Some(&older))), Ok(root));
        assert_eq!(proved(check(vdp([(-1, vec![includes.clone(); 2])]), Some(&leaf), None)), Ok(root));
        // What nobody signed and does not prove is passed over.
        let more = Value::map([
            (33, Value::bytes([1, 2, 3])),
            (396, Value::map([(-1, Value::Array(vec![includes.clone()]))])),
        ]);
        assert_eq!(proved(check(more, Some(&leaf), None)), Ok(root));

        let missing = |missing| Err(ReceiptError::Subject { missing });
        assert_eq!(proved(check(both.clone(), None, Some(&older))), missing(Subject::Leaf));
        assert_eq!(proved(check(both.clone(), Some(&leaf), None)), missing(Subject::OlderRoot));
        let shorter = Older { size: 5, ..older };
        let other_size = ReceiptError::OtherSize { found: 6, given: 5 };
        assert_eq!(proved(check(both.clone(), Some(&leaf), Some(&shorter))), Err(other_size));
        // Another leaf leads to another root: to that of the second proof it does not.
        let mismatch = Err(ReceiptError::Proof(ProofError::RootMismatch));
        assert_eq!(proved(check(both.clone(), Some(&root), Some(&older))), mismatch);
        let bad = Err(ReceiptError::Envelope(Sign1Error::Key(KeyError::BadSignature)));
        assert_eq!(proved(check(vdp([(-1, vec![includes.clone()])]), Some(&root), None)), bad);
        // One good proof does not carry a bad one.
        let wrong = vdp([(-1, vec![includes.clone(), inclusion(&memory, 5, 11)])]);
        assert_eq!(proved(check(wrong, Some(&leaf), None)), mismatch);

        for refused in [
            Value::Map(vec![]),
            Value::map([(396, Value::Null)]),
            vdp([]),
            vdp([(-1, vec![])]),
            vdp([(-3, vec![includes.clone()])]),
            vdp([(-1, vec![includes.clone(); 65])]),
        ] {
            let read = ReceiptProofs::decode(&receipt(key, &root, refused.clone()));
            assert!(matches!(read, Err(ReceiptError::Proofs { .. })), "{refused:?}");
            assert_eq!(read.unwrap_err().reason(), "RECEIPT_MALFORMED");
        }
    }
    // A key of another kind is no bad signature.
    let bytes = receipt(&keys[0], &root, vdp([(-1, vec![includes])]));
    let refused = ReceiptProofs::decode(&bytes).unwrap().verify(&keys[4].public_key(), Some(&leaf), None);
    assert_eq!(refused.unwrap_err().reason(), "KEY_MISMATCH");
}

/// Every bit of a receipt: what is still accepted leads to the same root. Sizes and index are not signed, which is why
/// [`VerifiedProofs`] does not state them.
#[test]
fn no_bit_of_a_receipt_makes_another_root() {
    let (memory, root) = tree();
    let leaf = leaf_hash(&4u64.to_be_bytes());
    let older = Older { size: 6, root: memory.root(6).unwrap() };
    let key = SigningKey::generate_p256().unwrap();
    let signed = SignedRoot::sign(&key, &ISSUER, &root).unwrap();
    let path = tree::inclusion_proof(&memory, 4, 11).unwrap();
    let one = signed.inclusion_receipt(&Inclusion { size: 11, index: 4, path }).unwrap();
    let path = tree::consistency_proof(&memory, 6, 11).unwrap();
    let two = signed.consistency_receipt(&Consistency { size1: 6, size2: 11, path }).unwrap();
    let mut sizes = 0;
    for bytes in [one, two] {
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let Ok(read) = ReceiptProofs::decode(&bad) else { continue };
            if let Ok(verified) = read.verify(&key.public_key(), Some(&leaf), Some(&older)) {
                assert_eq!(verified.root(), &root, "bit {bit}");
                sizes += 1;
            }
        }
    }
    assert!(sizes > 0, "sizes would be bound by the signature; then VerifiedProofs may state them");
}

/// A tree of CCF (vds 2) or any other is named as such, not taken for one of ours.
#[test]
fn other_structures() {
    for (vds, reason) in [(Value::int(2), "STRUCTURE_UNSUPPORTED"), (Value::text("x"), "STRUCTURE_MISSING")] {
        let protected = cbor::encode(&Value::map([(1, Value::int(-35)), (395, vds)]));
        let parts = vec![Value::Bytes(protected), vdp([(-1, vec![])]), Value::Null, Value::bytes([0; 96])];
        let bytes = cbor::encode(&Value::tag(18, Value::Array(parts)));
        assert_eq!(ReceiptProofs::decode(&bytes).unwrap_err().reason(), reason);
    }
}
