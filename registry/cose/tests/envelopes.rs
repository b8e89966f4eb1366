//! Our own envelopes and keys: what is emitted, and what is refused.

use cose::cbor::{self, Value};
use cose::key::{Algorithm, KeyError, KeyKind, PublicKey, Signer, SigningKey};
use cose::sign1::{self, Claims, ContentType, Envelope, Protected, Sign1Error};

fn keys() -> [SigningKey; 2] {
    [SigningKey::generate_p256().unwrap(), SigningKey::generate_ed25519().unwrap()]
}

fn statement(alg: Algorithm) -> Protected {
    Protected {
        content_type: Some(ContentType::Media("application/vc".into())),
        typ: Some("application/vc+cose".into()),
        kid: Some(b"did:web:cb.example#k1".to_vec()),
        x5t: Some([7; 32]),
        claims: Some(Claims::new("did:web:cb.example", "urn:uuid:1")),
        ..Protected::new(alg)
    }
}

#[test]
fn signs_and_verifies() {
    for key in keys() {
        let header = statement(key.algorithm());
        let bytes = sign1::sign(&key, &header, b"payload").unwrap();
        assert!(cbor::decode_deterministic(&bytes).is_ok());
        let envelope = Envelope::decode(&bytes).unwrap();
        assert_eq!(envelope.protected(), &header);
        assert_eq!(envelope.unprotected(), &Value::Map(vec![]));
        assert!(envelope.protected_is_deterministic());
        assert_eq!(envelope.encode(), bytes);
        assert_eq!(envelope.verify(&key.public_key()), Ok(()));
        let given = envelope.verify_with(&key.public_key(), &[], Some(b"payload"));
        assert_eq!(given, Err(Sign1Error::PayloadAttached));
        let bad = Err(Sign1Error::Key(KeyError::BadSignature));
        assert_eq!(envelope.verify_with(&key.public_key(), b"aad", None), bad);

        let unprotected = Value::map([(396, Value::map([]))]);
        let bytes = sign1::sign_detached(&key, &header, unprotected, b"root").unwrap();
        let envelope = Envelope::decode(&bytes).unwrap();
        assert_eq!(envelope.payload(), None);
        assert_eq!(envelope.verify(&key.public_key()), Err(Sign1Error::PayloadDetached));
        assert_eq!(envelope.verify_with(&key.public_key(), &[], Some(b"root")), Ok(()));
        assert_eq!(envelope.verify_with(&key.public_key(), &[], Some(b"tree")), bad);
    }
}

#[test]
fn algorithm_goes_with_key() {
    let [p256, ed25519] = keys();
    let wrong = sign1::sign(&ed25519, &statement(Algorithm::Es256), b"payload");
    let (alg, key) = (Algorithm::Es256, KeyKind::Ed25519);
    assert_eq!(wrong, Err(Sign1Error::Key(KeyError::AlgorithmMismatch { alg, key })));
    let bytes = sign1::sign(&p256, &statement(Algorithm::Es256), b"payload").unwrap();
    let verified = Envelope::decode(&bytes).unwrap().verify(&ed25519.public_key());
    assert_eq!(verified, Err(Sign1Error::Key(KeyError::AlgorithmMismatch { alg, key })));
    // The fully specified and the older code point name the same signature.
    let signature = Signer::sign(&ed25519, b"m").unwrap();
    assert!(ed25519.public_key().verify(Algorithm::EdDsa, b"m", &signature).is_ok());
    let signature = Signer::sign(&p256, b"m").unwrap();
    assert!(p256.public_key().verify(Algorithm::Esp256, b"m", &signature).is_ok());
    for alg in Algorithm::ALL {
        assert_eq!(Algorithm::from_code(alg.code()), Ok(alg));
    }
    let unknown = Err(KeyError::UnsupportedAlgorithm { code: -257 });
    assert_eq!(Algorithm::from_code(-257), unknown);
}

/// An envelope around any protected map, with a signature of no value.
fn around(protected: Vec<(i64, Value)>, unprotected: Value) -> Result<Envelope, Sign1Error> {
    let protected = Value::Bytes(cbor::encode(&Value::map(protected)));
    let parts = vec![protected, unprotected, Value::Null, Value::bytes([0; 64])];
    Envelope::decode(&cbor::encode(&Value::tag(18, Value::Array(parts))))
}

#[test]
fn critical_parameters() {
    let none = || Value::Map(vec![]);
    let alg = || (1, Value::int(-7));
    let crit = |labels: Vec<Value>| (2, Value::Array(labels));
    let critical = |label: Value| Err(Sign1Error::Critical { label });

    let content = (3, Value::text("text/plain"));
    let known = around(vec![alg(), crit(vec![Value::int(3)]), content], none()).unwrap();
    assert_eq!(known.protected().crit, [3]);
    let absent = around(vec![alg(), crit(vec![Value::int(3)])], none());
    assert_eq!(absent, critical(Value::int(3)));
    let strange = around(vec![alg(), crit(vec![Value::int(99)]), (99, Value::Null)], none());
    assert_eq!(strange, critical(Value::int(99)));
    let text = around(vec![alg(), crit(vec![Value::text("x")])], none());
    assert_eq!(text, critical(Value::text("x")));
    let empty = around(vec![alg(), crit(vec![])], none());
    assert_eq!(empty, Err(Sign1Error::HeaderType { label: 2 }));
    let outside = around(vec![alg()], Value::map([crit(vec![Value::int(1)])]));
    assert_eq!(outside, Err(Sign1Error::HeaderType { label: 2 }));

    let protected = Protected {
        crit: vec![395],
        other: vec![(Value::int(395), Value::int(1))],
        ..Protected::new(Algorithm::Es256)
    };
    let key = SigningKey::generate_p256().unwrap();
    let bytes = sign1::sign(&key, &protected, b"").unwrap();
    assert_eq!(Envelope::decode(&bytes), critical(Value::int(395)));
    assert!(Envelope::decode_understanding(&bytes, &[395]).is_ok());
}

#[test]
fn header_types() {
    let none = || Value::Map(vec![]);
    let alg = || (1, Value::int(-7));
    for (label, value) in [
        (3, Value::Null),
        (4, Value::text("kid")),
        (15, Value::Null),
        (15, Value::map([(1, Value::int(1))])),
        (16, Value::int(1)),
        (34, Value::bytes([0; 32])),
        (34, Value::Array(vec![Value::int(-16), Value::bytes([0; 31])])),
        (34, Value::Array(vec![Value::int(-44), Value::bytes([0; 64])])),
    ] {
        let result = around(vec![alg(), (label, value.clone())], none());
        assert_eq!(result, Err(Sign1Error::HeaderType { label }), "{value:?}");
    }
    assert_eq!(around(vec![], none()), Err(Sign1Error::MissingAlgorithm));
    let twice = around(vec![alg(), (4, Value::bytes([1]))], Value::map([(4, Value::bytes([2]))]));
    assert_eq!(twice, Err(Sign1Error::DuplicateHeader { label: Value::int(4) }));
    let coap = around(vec![alg(), (3, Value::int(50))], none()).unwrap();
    assert_eq!(coap.protected().content_type, Some(ContentType::Coap(50)));
    // Unknown claims and parameters are kept, and written again.
    let claims = Value::map([(1, Value::text("i")), (6, Value::tag(1, Value::int(5)))]);
    let kept = around(vec![alg(), (15, claims), (260, Value::Bool(true))], none()).unwrap();
    assert_eq!(kept.protected().iss(), Some("i"));
    assert_eq!(kept.protected().encode(), kept.protected_bytes());
    // What would not be read back is not signed.
    let twice = Protected { other: vec![(Value::int(1), Value::int(-8))], ..Protected::new(Algorithm::Es256) };
    assert!(sign1::sign(&SigningKey::generate_p256().unwrap(), &twice, b"").is_err());
}

#[test]
fn private_keys_travel_as_pkcs8_and_stay_out_of_debug() {
    for key in keys() {
        let der = key.to_pkcs8_der().unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(SigningKey::from_pkcs8_der(&der).unwrap().public_key(), key.public_key());
        assert_eq!(SigningKey::from_pkcs8_pem(&pem).unwrap().public_key(), key.public_key());
        let shown = format!("{key:?}");
        assert!(shown.starts_with("SigningKey { public: PublicKey("), "{shown}");
        assert!(shown.len() < 130, "{shown}");
    }
    let what = "PEM private key";
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let result = SigningKey::from_pkcs8_pem(certificate).map(|key| key.public_key());
    assert_eq!(result, Err(KeyError::Malformed { what }));
}

#[test]
fn public_keys_have_one_spelling() {
    for key in keys().map(|key| key.public_key()) {
        let spki = key.to_spki_der();
        assert_eq!(PublicKey::from_spki_der(&spki), Ok(key.clone()));
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Ok(key.clone()));
        let longer = [spki.as_slice(), &[0]].concat();
        assert!(PublicKey::from_spki_der(&longer).is_err());
        assert!(PublicKey::from_spki_der(&spki[..spki.len() - 1]).is_err());
        let private = key.to_jwk().replacen('{', r#"{"d":"AA","#, 1);
        assert_eq!(PublicKey::from_jwk(&private), Err(KeyError::PrivateKeyGiven));
        let other = key.to_jwk().replacen('{', r#"{"alg":"PS256","#, 1);
        assert!(matches!(PublicKey::from_jwk(&other), Err(KeyError::UnsupportedKey { .. })));
    }
    // A point beside the curve.
    let mut spki = SigningKey::generate_p256().unwrap().public_key().to_spki_der();
    if let Some(last) = spki.last_mut() {
        *last ^= 1;
    }
    assert_eq!(PublicKey::from_spki_der(&spki), Err(KeyError::Malformed { what: "public key" }));
}

/// RFC 7638 §3.1 (RSA) and RFC 8037 Appendix A.3 (Ed25519).
#[test]
fn thumbprints() {
    let rsa = concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1"#,
        "RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6C",
        "f0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD",
        r#"08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awa"#,
        r#"pJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
    );
    // RS256 is not ours; without that member the key is.
    assert!(matches!(PublicKey::from_jwk(rsa), Err(KeyError::UnsupportedKey { .. })));
    let rsa = PublicKey::from_jwk(&rsa.replace(r#","alg":"RS256""#, "")).unwrap();
    assert_eq!(b64(&rsa.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(PublicKey::from_spki_der(&rsa.to_spki_der()), Ok(rsa));
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let thumbprint = PublicKey::from_jwk(okp).unwrap().thumbprint();
    assert_eq!(b64(&thumbprint), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

fn b64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Every signature algorithm that IANA registers for COSE beside ours, and what lies between.
#[test]
fn what_is_not_in_the_table_is_refused_by_its_code() {
    let ours: Vec<i64> = Algorithm::ALL.into_iter().map(Algorithm::code).collect();
    assert_eq!(ours, [-7, -8, -9, -19, -35, -37]);
    for code in (-70_000..=70_000).chain([i64::MIN, i64::MAX]) {
        match Algorithm::from_code(code) {
            Ok(algorithm) => {
                assert!(ours.contains(&code), "{code}");
                assert_eq!(algorithm.code(), code);
            }
            Err(error) => {
                assert!(!ours.contains(&code), "{code}");
                assert_eq!(error, KeyError::UnsupportedAlgorithm { code });
            }
        }
    }
    // In an envelope too: ML-DSA-44, -65, -87, ESP384, ES512, PS384, HSS-LMS, RS1.
    for code in [-48, -49, -50, -51, -36, -38, -46, -65_535] {
        // { 1: code } as the protected header, written by hand.
        let number = (-1 - code) as u16;
        let alg = if number < 256 { vec![0x38, number as u8] } else { vec![0x39, (number >> 8) as u8, number as u8] };
        let protected = [&[0xa1, 0x01][..], &alg].concat();
        let bytes =
            [&[0xd2, 0x84, 0x40 + protected.len() as u8][..], &protected, &[0xa0, 0x41, b'x', 0x41, b's']].concat();
        assert_eq!(Envelope::decode(&bytes), Err(Sign1Error::UnsupportedAlgorithm { code }), "{code}");
    }
    // What we sign with is accepted, and each kind of key that signs has one.
    let emitted: Vec<i64> = Algorithm::ALL.into_iter().filter(|alg| alg.is_emitted()).map(Algorithm::code).collect();
    assert_eq!(emitted, [-7, -19]);
    for (key, code) in [(SigningKey::generate_p256(), -7), (SigningKey::generate_ed25519(), -19)] {
        let key = key.unwrap();
        assert_eq!((key.algorithm().code(), key.algorithm().key_kind()), (code, key.public_key().kind()));
    }
    assert_eq!((KeyKind::P384.emitted(), KeyKind::Rsa.emitted()), (None, None));
    // C2SP signed-note: 0x01 is Ed25519; nothing else of ours signs as a log.
    let in_notes: Vec<_> = Algorithm::ALL.into_iter().filter_map(|alg| Some((alg.code(), alg.note_type()?))).collect();
    assert_eq!(in_notes, [(-19, 1)]);
}
