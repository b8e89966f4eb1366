//! Bitstring status lists: names, bits, and the encoding against the standard's own example.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use record::json::Digest;
use record::status::{Epoch, GoodsRule, State, StatusRecord, Transition};
use record::status_list::{LIST_BITS, StatusListName, StatusPurpose};

/// `encodedList` of the example in W3C Bitstring Status List 1.0, 2.2: nothing is set.
const EXAMPLE: &str = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn unpacked(list: &str) -> Vec<u8> {
    let packed = URL_SAFE_NO_PAD.decode(list.strip_prefix('u').unwrap()).unwrap();
    let mut bits = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bits).unwrap();
    bits
}

fn record(leaf: u64, steps: &[(State, &str)]) -> StatusRecord {
    let mut record = StatusRecord::new(leaf);
    record.history = steps
        .iter()
        .map(|(state, effective)| Transition {
            state: *state,
            effective: at(effective),
            goods_rule: GoodsRule::NoGoods,
            event_leaf: 900_000,
            reason: "why".into(),
        })
        .collect();
    record
}

#[test]
fn a_path_has_one_spelling() {
    for path in ["status-lists/revocation/0", "status-lists/suspension/12"] {
        assert_eq!(StatusListName::parse(path).map(|name| name.path()).as_deref(), Some(path));
    }
    for path in
        ["status-lists/refresh/0", "status-lists/revocation/00", "status-lists/revocation/+1", "revocation/0", ""]
    {
        assert_eq!(StatusListName::parse(path), None, "{path}");
    }
    let last = StatusListName { purpose: StatusPurpose::Revocation, number: u64::MAX };
    assert_eq!(last.first_leaf(), None);
}

#[test]
fn each_bit_is_the_state_of_its_leaf() {
    let records = [
        record(0, &[(State::Suspended, "2026-01-01T00:00:00Z")]),
        record(9, &[(State::Suspended, "2026-01-01T00:00:00Z"), (State::Withdrawn, "2026-02-01T00:00:00Z")]),
        record(10, &[(State::Superseded, "2026-01-01T00:00:00Z")]),
        record(11, &[(State::Suspended, "2026-01-01T00:00:00Z"), (State::Active, "2026-02-01T00:00:00Z")]),
        // Not yet.
        record(12, &[(State::Withdrawn, "2027-01-01T00:00:00Z")]),
        record(LIST_BITS + 1, &[(State::Withdrawn, "2026-01-01T00:00:00Z")]),
    ];
    let bits = |purpose, number| StatusListName { purpose, number }.bits(records.iter(), at("2026-03-01T00:00:00Z"));
    // Bit 0 is the leftmost of the first byte (3.3).
    let set = |bits: &[u8]| bits.iter().enumerate().filter(|(_, b)| **b != 0).map(|(i, b)| (i, *b)).collect::<Vec<_>>();
    assert_eq!(set(&bits(StatusPurpose::Revocation, 0)), [(1, 0b0110_0000)]);
    assert_eq!(set(&bits(StatusPurpose::Suspension, 0)), [(0, 0b1000_0000)]);
    assert_eq!(set(&bits(StatusPurpose::Revocation, 1)), [(0, 0b0100_0000)]);
    assert_eq!(set(&bits(StatusPurpose::Suspension, 1)), []);
    assert_eq!(bits(StatusPurpose::Revocation, 2).len() as u64 * 8, LIST_BITS);
}

#[test]
fn the_credential_is_that_of_the_standard() {
    let epoch = Epoch {
        number: 7,
        time: at("2026-03-01T00:00:00Z"),
        previous_size: 0,
        size: 12,
        root: [1; 32],
        map_root: [2; 32],
    };
    let name = StatusListName { purpose: StatusPurpose::Revocation, number: 0 };
    let bits = vec![0; (LIST_BITS / 8) as usize];
    let payload = name.payload("https://log.example/l", "did:web:log.example", &epoch, &bits);
    let read: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let subject = &read["credentialSubject"];
    assert_eq!(read["id"], "https://log.example/l/status-lists/revocation/0");
    assert_eq!(subject["id"], "https://log.example/l/status-lists/revocation/0#list");
    assert_eq!(
        (&read["validFrom"], &read["validUntil"]),
        (&"2026-03-01T00:00:00Z".into(), &"2026-03-02T00:00:00Z".into())
    );
    assert_eq!(read["evidence"][0]["digestMultibase"], Digest::of(&epoch.to_bytes()).to_string());
    // Packers differ; what is packed does not.
    let ours = subject["encodedList"].as_str().unwrap();
    assert_eq!(unpacked(ours), unpacked(EXAMPLE));
    assert_eq!(unpacked(EXAMPLE), bits);
    // The same again gives the same bytes: no clock is in them.
    assert_eq!(name.payload("https://log.example/l", "did:web:log.example", &epoch, &bits), payload);
}
