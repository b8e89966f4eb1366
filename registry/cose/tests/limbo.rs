//! Every case of x509-limbo (C2SP) against our paths, as a ratchet. A case where we differ from what it expects stands in
//! `tests/limbo.csv` with the reason; a new difference fails, and so does a line that is no longer true.
//!
//! The cases are read beside the workspace, with a list of those where webpki alone differs, and are not copied here.

use std::collections::BTreeMap;
use std::path::Path;

use cose::x509::{Certificate, PathError, RevocationList, verify_path_with};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/standards/x509-limbo");

fn certificate(pem: &Value) -> Vec<u8> {
    let pem = pem.as_str().expect("PEM");
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM").to_vec()
}

fn certificates(pems: &Value) -> Vec<Vec<u8>> {
    pems.as_array().expect("a list").iter().map(certificate).collect()
}

/// Seconds since 1970 of an RFC 3339 time in whole seconds, UTC.
fn seconds(time: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a number");
    assert!(time.ends_with("+00:00") || time.ends_with('Z'), "{time} is not UTC");
    // Days of the civil calendar (Howard Hinnant, days_from_civil).
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19)
}

/// What we say of a case: that its peer may sign, or why not.
fn ours(case: &Value, now: i64) -> Result<(), String> {
    let leaf = Certificate::from_der(&certificate(&case["peer_certificate"])).map_err(|e| e.to_string())?;
    let lists: Vec<Vec<u8>> = case["crls"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pem| {
            let pem = pem.as_str().expect("PEM").as_bytes();
            rustls_pki_types::CertificateRevocationListDer::from_pem_slice(pem).expect("PEM").to_vec()
        })
        .collect();
    let lists: Result<Vec<_>, PathError> = lists.iter().map(|der| RevocationList::from_der(der)).collect();
    let at = case["validation_time"].as_str().map_or(now, seconds);
    let (intermediates, anchors) =
        (certificates(&case["untrusted_intermediates"]), certificates(&case["trusted_certs"]));
    let path = lists.and_then(|lists| verify_path_with(&leaf, &intermediates, &anchors, &lists, at));
    path.map(drop).map_err(|e| e.to_string())
}

#[test]
fn limbo_is_as_it_was() {
    let Ok(text) = std::fs::read(Path::new(FOLDER).join("limbo-208.json")) else {
        println!("skipped: {FOLDER} is absent");
        return;
    };
    let limbo: Value = serde_json::from_slice(&text).expect("JSON");
    let baseline = std::fs::read_to_string(Path::new(FOLDER).join("baseline-rustls-webpki-0.103.17.txt"));
    let baseline = baseline.expect("the list of webpki alone");
    let webpki: BTreeMap<&str, &str> = baseline
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(word, rest)| Some((rest.split(' ').next()?, word)))
        .collect();
    // id, what we do, and why: no reason has a comma in quotes, so a line splits at the first two.
    let listed: BTreeMap<&str, (&str, &str)> = include_str!("limbo.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.splitn(3, ',');
            let mut next = || fields.next().filter(|field| !field.is_empty()).expect("id, ours and reason");
            (next(), (next(), next()))
        })
        .collect();
    // Cases without a time are of the day on which the suite was made; no clock decides a test.
    let now = seconds("2026-01-01T00:00:00+00:00");
    let (mut wrong, mut differences, mut accepts_bad, mut closed) = (Vec::new(), 0, 0, 0);
    let cases = limbo["testcases"].as_array().expect("a list");
    assert_eq!(cases.len(), 208);
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        let is_good = case["expected_result"] == "SUCCESS";
        let found = ours(case, now);
        let words = match (is_good, &found) {
            (true, Err(_)) => Some("rejects-good"),
            (false, Ok(())) => Some("accepts-bad"),
            _ => None,
        };
        let alone = webpki.get(id).copied().unwrap_or("agrees");
        println!("{id}: expected {}, webpki alone {alone}, ours {found:?}", case["expected_result"]);
        differences += usize::from(words.is_some());
        accepts_bad += usize::from(words == Some("accepts-bad"));
        closed += usize::from(alone == "ACCEPTS-BAD" && words.is_none());
        let expected = listed.get(id).map(|(what, _)| *what);
        if words != expected {
            wrong.push(format!("{id},{},{found:?}; listed {expected:?}", words.unwrap_or("agrees")));
        }
    }
    for id in listed.keys() {
        if !cases.iter().any(|case| case["id"] == **id) {
            wrong.push(format!("{id} is listed and is no case"));
        }
    }
    println!(
        "{differences} differences, {accepts_bad} accepted; of those that webpki alone accepts {closed} are refused"
    );
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
