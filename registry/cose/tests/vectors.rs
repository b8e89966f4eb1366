//! Other people's envelopes: the COSE working group's examples and SCITT statements of another
//! service. The table says what each file gives; a file that is not in it fails, and so does one
//! that gives something else.

use std::path::{Path, PathBuf};

use cose::cbor::{self, CborError, Value};
use cose::key::{KeyError, PublicKey};
use cose::sign1::{self, Envelope, Sign1Error};
use cose::x509::Certificate;
use serde_json::Value as Json;

/// What a case must give, down to the reason.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Verifies,
    /// Verifies, and comes without a tag.
    VerifiesUntagged,
    BadSignature,
    /// Another CBOR tag: 98 is multi-signer COSE_Sign.
    Tag(u64),
    UnsupportedAlgorithm(i64),
    /// `alg` is a text of the private registry.
    AlgorithmIsText,
    MissingAlgorithm,
    /// The header is acceptable, the key is of a curve that is not.
    UnsupportedKey,
}

use Expect::*;

const CASES: &[(&str, Expect)] = &[
    ("sign1-tests/sign-fail-01.json", Tag(998)),
    ("sign1-tests/sign-fail-02.json", BadSignature),
    ("sign1-tests/sign-fail-03.json", UnsupportedAlgorithm(-999)),
    ("sign1-tests/sign-fail-04.json", AlgorithmIsText),
    ("sign1-tests/sign-fail-06.json", BadSignature),
    ("sign1-tests/sign-fail-07.json", BadSignature),
    // A pass by RFC 9052, where alg may be unprotected; an algorithm that nobody signed is not
    // accepted here.
    ("sign1-tests/sign-pass-01.json", MissingAlgorithm),
    ("sign1-tests/sign-pass-02.json", Verifies),
    ("sign1-tests/sign-pass-03.json", VerifiesUntagged),
    ("ecdsa-examples/ecdsa-01.json", Tag(98)),
    ("ecdsa-examples/ecdsa-02.json", Tag(98)),
    ("ecdsa-examples/ecdsa-03.json", Tag(98)),
    ("ecdsa-examples/ecdsa-04.json", Tag(98)),
    ("ecdsa-examples/ecdsa-sig-01.json", Verifies),
    ("ecdsa-examples/ecdsa-sig-02.json", Verifies),
    ("ecdsa-examples/ecdsa-sig-03.json", UnsupportedAlgorithm(-36)),
    ("ecdsa-examples/ecdsa-sig-04.json", UnsupportedAlgorithm(-36)),
    ("eddsa-examples/eddsa-01.json", Tag(98)),
    ("eddsa-examples/eddsa-02.json", Tag(98)),
    ("eddsa-examples/eddsa-sig-01.json", Verifies),
    ("eddsa-examples/eddsa-sig-02.json", UnsupportedKey),
    ("x509-examples/signed-01.json", Tag(98)),
    ("x509-examples/signed-02.json", Tag(98)),
    ("x509-examples/signed-03.json", Tag(98)),
    ("x509-examples/signed-04.json", Tag(98)),
    ("x509-examples/signed-05.json", Tag(98)),
];

const FOLDERS: [&str; 4] = ["sign1-tests", "ecdsa-examples", "eddsa-examples", "x509-examples"];

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

#[test]
fn working_group_examples() {
    let Some(root) = shared("cose-examples") else {
        return;
    };
    let mut seen = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".json") {
                seen.push(format!("{folder}/{name}"));
            }
        }
    }
    seen.sort();
    let mut listed: Vec<_> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(seen, listed, "the folder and the table of cases differ");

    for (name, expect) in CASES {
        let case: Json = serde_json::from_slice(&std::fs::read(root.join(name)).unwrap()).unwrap();
        let bytes = hex::decode(case["output"]["cbor"].as_str().unwrap()).unwrap();
        check(name, &case, &bytes, *expect);
    }
}

#[track_caller]
fn check(name: &str, case: &Json, bytes: &[u8], expect: Expect) {
    let signer = &case["input"]["sign0"];
    let key = || PublicKey::from_jwk(&jwk(&signer["key"]));
    let external = hex::decode(signer["external"].as_str().unwrap_or_default()).unwrap();
    match expect {
        Verifies | BadSignature | UnsupportedKey => {
            let envelope = Envelope::decode(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            if expect == UnsupportedKey {
                assert!(matches!(key(), Err(KeyError::UnsupportedKey { .. })), "{name}");
                return;
            }
            let key = key().unwrap();
            let result = envelope.verify_with(&key, &external, None);
            if expect == BadSignature {
                assert_eq!(result, Err(Sign1Error::Key(KeyError::BadSignature)), "{name}");
                return;
            }
            assert_eq!(result, Ok(()), "{name}");
            assert_eq!(envelope.payload(), Some(&b"This is the content."[..]), "{name}");
            assert_eq!(envelope.encode(), bytes, "{name}");
            let signed = sign1::to_be_signed(envelope.protected_bytes(), &external, envelope.payload().unwrap());
            let expected = case["intermediates"]["ToBeSign_hex"].as_str().unwrap();
            assert_eq!(hex::encode_upper(signed), expected, "{name}");
            if !external.is_empty() {
                assert!(envelope.verify(&key).is_err(), "{name}: verifies without external data");
            }
        }
        VerifiesUntagged => {
            let missing = Sign1Error::Structure { what: "no tag" };
            assert_eq!(Envelope::decode(bytes), Err(missing), "{name}");
            let envelope = Envelope::decode_untagged(bytes).unwrap();
            assert_eq!(envelope.verify(&key().unwrap()), Ok(()), "{name}");
        }
        Tag(tag) => {
            assert_eq!(Envelope::decode(bytes), Err(Sign1Error::Unsupported { tag }), "{name}");
        }
        UnsupportedAlgorithm(code) => {
            let expected = Err(Sign1Error::UnsupportedAlgorithm { code });
            assert_eq!(Envelope::decode(bytes), expected, "{name}");
        }
        AlgorithmIsText => {
            let expected = Err(Sign1Error::HeaderType { label: 1 });
            assert_eq!(Envelope::decode(bytes), expected, "{name}");
        }
        MissingAlgorithm => {
            assert_eq!(Envelope::decode(bytes), Err(Sign1Error::MissingAlgorithm), "{name}");
        }
    }
}

/// The examples' keys as public JWKs: without `d`, coordinates in base64url.
fn jwk(key: &Json) -> String {
    use base64::Engine as _;
    let mut out = serde_json::Map::new();
    for member in ["kty", "crv", "x", "y"] {
        if let Some(text) = key[member].as_str() {
            out.insert(member.to_owned(), text.into());
        }
        if let Some(text) = key[format!("{member}_hex")].as_str() {
            let raw = hex::decode(text).unwrap();
            let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(raw);
            out.insert(member.to_owned(), text.into());
        }
    }
    Json::from(out).to_string()
}

#[test]
fn working_group_certificates() {
    let Some(root) = shared("cose-examples/x509-examples") else {
        return;
    };
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let alice = Certificate::from_der(&read("alice.der")).unwrap();
    assert_eq!(alice.common_name(), Some("Alice Lovelace"));
    // signed-05.json names the certificate by this x5t.
    let x5t = "11fa0500d6763ae15a3238296e04c048a8fdd220a0dda0234824b18fb6666600";
    assert_eq!(hex::encode(alice.x5t()), x5t);
    assert!(!alice.is_ca());
    assert!(Certificate::from_der(&read("ca.der")).unwrap().is_ca());
    let at = alice.not_before() + 1;
    assert!(cose::x509::verify_path(&alice, &[], &[read("ca.der")], at).is_ok());
}

/// Statements of the CCF service: one with an algorithm that we accept is decoded, and its receipts
/// stay opaque; the others are refused with the reason, and nothing panics.
#[test]
fn ccf_statements() {
    let Some(root) = shared("ccf") else { return };
    let mut seen: Vec<_> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    seen.sort();
    // The last is a list of CCF's service certificates, not a statement.
    let listed = ["cts-hashv-cwtclaims-b64url.cose", "esrp-cts-db.json", "uvm_0.2.10.cose"];
    assert_eq!(seen, listed);
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();

    let statement = Envelope::decode(&read(listed[0])).unwrap();
    assert_eq!(statement.protected().sub(), Some("Test"));
    assert_eq!(statement.protected().alg.code(), -37);
    let chain = statement.protected().other(33).and_then(|chain| chain.as_array()).unwrap();
    let leaf = Certificate::from_der(chain[0].as_bytes().unwrap()).unwrap();
    assert_eq!(Some(leaf.x5t()), statement.protected().x5t);
    assert_eq!(statement.verify(leaf.public_key()), Ok(()));
    assert!(statement.unprotected().get(394).is_some());

    let uvm = Envelope::decode(&read(listed[2]));
    assert_eq!(uvm, Err(Sign1Error::UnsupportedAlgorithm { code: -38 }));
    assert!(Envelope::decode(&read(listed[1])).is_err());
}

/// RFC 8949 Appendix A, the rows within our data model; and the spellings that §4.2.1 forbids.
#[test]
fn cbor_examples() {
    for text in [
        "00",
        "01",
        "0a",
        "17",
        "1818",
        "1819",
        "1864",
        "1903e8",
        "1a000f4240",
        "1b000000e8d4a51000",
        "1bffffffffffffffff",
        "3bffffffffffffffff",
        "20",
        "29",
        "3863",
        "3903e7",
        "f4",
        "f5",
        "f6",
        "c11a514b67b0",
        "d74401020304",
        "d818456449455446",
        "40",
        "4401020304",
        "60",
        "6161",
        "6449455446",
        "62225c",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "a0",
        "a201020304",
        "a26161016162820203",
        "826161a161626163",
    ] {
        let bytes = hex::decode(text).unwrap();
        let value = cbor::decode_deterministic(&bytes).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(cbor::encode(&value), bytes, "{text}");
    }
    let refused: &[(&str, CborError)] = &[
        ("", CborError::Truncated { at: 0 }),
        ("1817", CborError::NotShortest { at: 0 }),
        ("190017", CborError::NotShortest { at: 0 }),
        ("1a0000ffff", CborError::NotShortest { at: 0 }),
        ("1b00000000ffffffff", CborError::NotShortest { at: 0 }),
        ("580161", CborError::NotShortest { at: 0 }),
        ("0000", CborError::TrailingBytes { count: 1 }),
        ("5f42010243030405ff", CborError::Indefinite { at: 0 }),
        ("9fff", CborError::Indefinite { at: 0 }),
        ("bfff", CborError::Indefinite { at: 0 }),
        ("ff", CborError::Indefinite { at: 0 }),
        ("f7", CborError::Unsupported { at: 0, head: 0xf7 }),
        ("f0", CborError::Unsupported { at: 0, head: 0xf0 }),
        ("f818", CborError::Unsupported { at: 0, head: 0xf8 }),
        ("f90000", CborError::Unsupported { at: 0, head: 0xf9 }),
        ("fb3ff199999999999a", CborError::Unsupported { at: 0, head: 0xfb }),
        ("1c", CborError::Unsupported { at: 0, head: 0x1c }),
        ("61ff", CborError::NotUtf8 { at: 0 }),
        ("a201020102", CborError::DuplicateKey { at: 0 }),
        ("a2018001a0", CborError::DuplicateKey { at: 0 }),
        ("a1f400", CborError::KeyType { at: 1 }),
        ("a1800000", CborError::KeyType { at: 1 }),
        ("5bffffffffffffffff", CborError::Truncated { at: 0 }),
        ("9bffffffffffffffff", CborError::Truncated { at: 0 }),
        ("bb7fffffffffffffff", CborError::Truncated { at: 0 }),
        ("8201", CborError::Truncated { at: 0 }),
    ];
    for (text, error) in refused {
        let bytes = hex::decode(text).unwrap();
        assert_eq!(cbor::decode(&bytes).as_ref(), Err(error), "{text}");
    }
    // Order is COSE's to ignore, and ours to ask for.
    let unordered = hex::decode("a203040102").unwrap();
    assert!(cbor::decode(&unordered).is_ok());
    assert_eq!(cbor::decode_deterministic(&unordered), Err(CborError::KeyOrder { at: 3 }));
    let deepest = [vec![0x81; cbor::MAX_DEPTH], vec![0]].concat();
    assert!(cbor::decode(&deepest).is_ok());
    let deeper = [&[0x81], deepest.as_slice()].concat();
    assert_eq!(cbor::decode(&deeper), Err(CborError::TooDeep { at: cbor::MAX_DEPTH + 1 }));
}

/// The public keys of RFC 9052, C.7.1, with the key of the working group's examples among them.
#[test]
fn rfc_9052_keys() {
    let eleven = "a5010202423131200121 5820bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff\
                  22582020138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"
        .replace(' ', "");
    let eleven = hex::decode(eleven).unwrap();
    let key = PublicKey::from_cose_key(&eleven).unwrap();
    let jwk = r#"{"crv":"P-256","kty":"EC","x":"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8","y":"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"}"#;
    assert_eq!(key.to_jwk(), jwk);
    // bilbo.baggins@hobbiton.example has P-521, which is none of ours.
    let bilbo = cbor::encode(&Value::map([
        (-1, Value::int(3)),
        (-2, Value::bytes([0; 66])),
        (-3, Value::bytes([0; 66])),
        (1, Value::int(2)),
    ]));
    assert!(matches!(PublicKey::from_cose_key(&bilbo), Err(KeyError::UnsupportedKey { .. })));
    let Some(root) = shared("cose-examples") else { return };
    let case = std::fs::read(root.join("sign1-tests/sign-pass-02.json")).unwrap();
    let case: Json = serde_json::from_slice(&case).unwrap();
    let bytes = hex::decode(case["output"]["cbor"].as_str().unwrap()).unwrap();
    let external = hex::decode(case["input"]["sign0"]["external"].as_str().unwrap()).unwrap();
    assert_eq!(Envelope::decode(&bytes).unwrap().verify_with(&key, &external, None), Ok(()));
}

/// Each form of COSE_Key, and what is refused of it.
#[test]
fn cose_keys() {
    let okp = |more: Vec<(i64, Value)>| {
        let key = [(1, Value::int(1)), (-1, Value::int(6)), (-2, Value::bytes([9; 32]))];
        PublicKey::from_cose_key(&cbor::encode(&Value::map(key.into_iter().chain(more))))
    };
    let key = okp(vec![]).unwrap();
    assert_eq!(key.ed25519_bytes(), Some([9; 32]));
    let ops = |ops: &[i64]| (4, Value::Array(ops.iter().map(|op| Value::int(*op)).collect()));
    for good in [vec![(2, Value::bytes(*b"kid"))], vec![(3, Value::int(-8))], vec![(3, Value::int(-19)), ops(&[1, 2])]]
    {
        assert_eq!(okp(good), Ok(key.clone()));
    }
    assert_eq!(okp(vec![(-4, Value::bytes([1; 32]))]), Err(KeyError::PrivateKeyGiven));
    assert!(matches!(okp(vec![(3, Value::int(-7))]), Err(KeyError::AlgorithmMismatch { .. })));
    assert_eq!(okp(vec![(3, Value::int(-999))]), Err(KeyError::UnsupportedAlgorithm { code: -999 }));
    assert!(matches!(okp(vec![ops(&[1])]), Err(KeyError::UnsupportedKey { .. })));
    let malformed = Err(KeyError::Malformed { what: "COSE_Key" });
    assert_eq!(okp(vec![(4, Value::int(2))]), malformed);
    assert_eq!(okp(vec![(3, Value::text("EdDSA"))]), malformed);
    let read = |entries: Vec<(i64, Value)>| PublicKey::from_cose_key(&cbor::encode(&Value::map(entries)));
    let (kty, crv) = (|n: i64| (1, Value::int(n)), |n: i64| (-1, Value::int(n)));
    let x = || (-2, Value::bytes([1; 32]));
    assert_eq!(read(vec![]), malformed);
    assert_eq!(read(vec![kty(1)]), malformed);
    assert_eq!(read(vec![kty(2), crv(1), x()]), malformed);
    assert_eq!(read(vec![kty(2), crv(1), x(), (-3, Value::bytes([1; 31]))]), malformed);
    assert!(read(vec![kty(2), crv(1), x(), (-3, Value::bytes([1; 32]))]).is_err(), "off the curve");
    let compressed = read(vec![kty(2), crv(1), x(), (-3, Value::Bool(true))]);
    assert!(compressed.is_err_and(|e| e.to_string().contains("compressed")));
    for unsupported in [vec![kty(1), crv(4), x()], vec![kty(2), crv(8), x()], vec![kty(4)], vec![kty(7)]] {
        assert!(matches!(read(unsupported), Err(KeyError::UnsupportedKey { .. })));
    }
    // RFC 7638, 3.1: the same key as JWK and as COSE_Key (RFC 8230).
    use base64::Engine as _;
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(n).unwrap();
    let rsa = read(vec![kty(3), (-1, Value::Bytes(modulus)), (-2, Value::bytes([1, 0, 1])), (3, Value::int(-37))]);
    assert_eq!(rsa, PublicKey::from_jwk(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#)));
    assert_eq!(rsa.unwrap().fingerprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}
