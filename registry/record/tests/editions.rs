//! Statements that publish a method or a set of factors: what is read, and what is refused and why.

use record::edition::{FactorSetStatement, MethodStatement};
use record::instrument::Sha256;
use record::json::{self, PayloadError};

const METHOD: &str = r#"{"id":"https://schemes.example/methods/m-1","issuer":"did:web:schemes.example","method":"m","version":"1","scheme":"urn:iso:std:iso:14067:ed-1","gwpSet":{"id":"AR6","version":"1","digest":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},"factorSets":[{"id":"a","version":"1","digest":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},{"id":"b","version":"2","digest":"fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"}],"file":{"digest":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","size":3,"mediaType":"application/toml"},"from":"2026-01-01T00:00:00Z","supersedes":null}"#;

const FACTORS: &str = r#"{"id":"https://schemes.example/factors/f-2","issuer":"did:web:schemes.example","factorSet":"f","version":"2","file":{"digest":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","size":3,"mediaType":"text/csv"},"factors":120,"from":"2026-01-01T00:00:00Z","supersedes":"https://schemes.example/factors/f-1"}"#;

#[test]
fn what_is_signed_has_one_spelling() {
    let method = MethodStatement::from_payload(METHOD.as_bytes()).unwrap();
    assert_eq!(json::write(&method), METHOD.as_bytes());
    // The digest is that of the file handed over beside it; SHA-256 of "foo" as NIST's tools print it.
    assert_eq!(method.file.digest, Sha256::of(b"foo"));
    let factors = FactorSetStatement::from_payload(FACTORS.as_bytes()).unwrap();
    assert_eq!(json::write(&factors), FACTORS.as_bytes());
}

#[track_caller]
fn refused(text: &str, change: (&str, &str), path: &str) {
    let changed = text.replacen(change.0, change.1, 1);
    assert_ne!(changed, text, "{change:?} changes nothing");
    let error = if text == METHOD {
        MethodStatement::from_payload(changed.as_bytes()).unwrap_err()
    } else {
        FactorSetStatement::from_payload(changed.as_bytes()).unwrap_err()
    };
    match &error {
        PayloadError::Rule { path: found, .. } => assert_eq!(*found, path, "{error}"),
        PayloadError::Schema { problem, .. } => assert!(problem.contains(path), "{error}"),
        other => panic!("{other}"),
    }
}

#[test]
fn each_rule_names_its_member() {
    refused(METHOD, ("https://schemes.example/methods/m-1", "m-1"), "id");
    refused(METHOD, ("did:web:schemes.example", "schemes.example"), "issuer");
    refused(METHOD, ("\"method\":\"m\"", "\"method\":\"m 1\""), "method");
    refused(METHOD, ("\"version\":\"1\"", "\"version\":\"\""), "version");
    refused(METHOD, ("urn:iso:std:iso:14067:ed-1", "ISO 14067"), "scheme");
    refused(METHOD, ("\"id\":\"AR6\"", "\"id\":\"\""), "gwpSet");
    refused(METHOD, ("\"id\":\"b\"", "\"id\":\"a\""), "factorSets");
    refused(METHOD, ("\"size\":3", "\"size\":0"), "file.size");
    refused(METHOD, ("application/toml", "toml"), "file.mediaType");
    refused(METHOD, ("\"supersedes\":null", "\"supersedes\":\"https://schemes.example/methods/m-1\""), "supersedes");
    refused(METHOD, ("\"supersedes\":null", "\"supersedes\":null,\"more\":1"), "more");
    refused(METHOD, ("2c26b46b", "2C26B46B"), "hexadecimal");
    refused(FACTORS, ("\"factorSet\":\"f\"", "\"factorSet\":\"-f\""), "factorSet");
    refused(FACTORS, ("\"factors\":120", "\"factors\":0"), "factors");
    refused(FACTORS, ("\"factors\":120", "\"factors\":-1"), "-1");
    refused(FACTORS, ("https://schemes.example/factors/f-1", "f-1"), "supersedes");
}
