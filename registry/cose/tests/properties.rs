//! No decoder panics, and what is encoded is decoded to itself.

use cose::cbor::{self, Value};
use cose::key::{Algorithm, PublicKey, SigningKey};
use cose::sign1::{self, Claims, Envelope, Protected};
use cose::x509::Certificate;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::int),
        any::<u64>().prop_map(Value::Nint),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        ".{0,20}".prop_map(Value::Text),
    ]
}

/// Values as the decoder can give them: distinct keys, bounded depth.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![key(), any::<bool>().prop_map(Value::Bool), Just(Value::Null)];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let entries = prop::collection::vec((key(), inner.clone()), 0..6);
        let map = entries.prop_map(|mut entries| {
            entries.sort_by_key(|(key, _)| cbor::encode(key));
            entries.dedup_by(|a, b| a.0 == b.0);
            Value::Map(entries)
        });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            map,
            (any::<u64>(), inner).prop_map(|(tag, content)| Value::tag(tag, content)),
        ]
    })
}

fn every_decoder(bytes: &[u8]) {
    if let Ok(value) = cbor::decode(bytes) {
        // One value, one encoding, but for the order of map keys.
        assert_eq!(cbor::encode(&value).len(), bytes.len());
    }
    if let Ok(value) = cbor::decode_deterministic(bytes) {
        assert_eq!(cbor::encode(&value), bytes);
    }
    let _ = Envelope::decode(bytes);
    let _ = Envelope::decode_untagged(bytes);
    let _ = PublicKey::from_spki_der(bytes);
    let _ = SigningKey::from_pkcs8_der(bytes);
    if let Ok(certificate) = Certificate::from_der(bytes) {
        let _ = cose::x509::verify_path(&certificate, &[], &[bytes.to_vec()], 1_800_000_000);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PublicKey::from_jwk(text);
        let _ = SigningKey::from_pkcs8_pem(text);
    }
}

/// One good example for each decoder.
fn examples() -> Vec<Vec<u8>> {
    let key = SigningKey::generate_p256().unwrap();
    let protected = Protected {
        kid: Some(b"kid".to_vec()),
        claims: Some(Claims::new("iss", "sub")),
        x5t: Some([1; 32]),
        ..Protected::new(Algorithm::Es256)
    };
    let certificate = rcgen::generate_simple_self_signed(["cb.example".to_owned()]).unwrap();
    vec![
        sign1::sign(&key, &protected, b"payload").unwrap(),
        protected.encode(),
        key.public_key().to_spki_der(),
        key.public_key().to_jwk().into_bytes(),
        key.to_pkcs8_der().unwrap(),
        key.to_pkcs8_pem().unwrap().into_bytes(),
        certificate.cert.der().to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn values_round_trip(value in value()) {
        let bytes = cbor::encode(&value);
        prop_assert_eq!(cbor::decode_deterministic(&bytes), Ok(value.clone()));
        prop_assert_eq!(cbor::decode(&bytes), Ok(value));
    }

    #[test]
    fn map_order_does_not_reach_the_bytes(entries in prop::collection::btree_map(any::<i64>(), any::<u64>(), 0..8)) {
        let forward = Value::map(entries.iter().map(|(k, v)| (*k, Value::Uint(*v))));
        let backward = Value::map(entries.iter().rev().map(|(k, v)| (*k, Value::Uint(*v))));
        prop_assert_eq!(cbor::encode(&forward), cbor::encode(&backward));
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        every_decoder(&bytes);
    }
}

#[test]
fn mutated_bytes() {
    let examples = examples();
    let strategy = (0..examples.len(), any::<prop::sample::Index>(), any::<u8>(), 0..4);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(20_000));
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

/// Any change to a signed envelope is noticed, unless it touches only what is not signed.
#[test]
fn every_bit_of_an_envelope_counts() {
    let key = SigningKey::generate_ed25519().unwrap();
    let header = Protected { kid: Some(b"k".to_vec()), ..Protected::new(key.algorithm()) };
    let bytes = sign1::sign(&key, &header, b"payload").unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let verified = Envelope::decode(&changed).and_then(|e| e.verify(&key.public_key()));
            assert!(verified.is_err(), "bit {bit} of byte {at}");
        }
    }
}
