//! Bitstring status lists: read and unpacked here by hand, every bit held against the status map.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cose::key::PublicKey;
use cose::sign1::Envelope;
use integration_tests::{cast, story};
use jiff::Timestamp;
use proto::registry as wire;
use record::json::Digest;
use record::status::{Epoch, GoodsRule, State, StatusRecord};
use serde_json::Value;
use touchstone_client::Client;

use crate::public;
use crate::support::{self, Told};

/// Bits that a list must have at least (Bitstring Status List 1.0, 6.1), which is what ours have.
const BITS: usize = 131_072;

/// A list, its signature checked, as credential and bitstring.
fn read(bytes: &[u8], key: &PublicKey) -> (Value, Vec<u8>) {
    let envelope = Envelope::decode(bytes).expect("a COSE_Sign1");
    envelope.verify(key).expect("signed by the log");
    assert_eq!(envelope.protected().typ.as_deref(), Some("application/vc+cose"));
    let credential: Value = serde_json::from_slice(envelope.payload().expect("attached")).expect("JSON");
    let list = credential["credentialSubject"]["encodedList"].as_str().expect("a list");
    // Multibase: u is base64url without padding.
    let packed = URL_SAFE_NO_PAD.decode(list.strip_prefix('u').expect("multibase")).expect("base64url");
    let mut bits = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bits).expect("gzip");
    (credential, bits)
}

/// The record of a leaf, and the epoch that it is of.
async fn record(client: &Client, leaf: usize) -> (StatusRecord, Epoch) {
    let request = wire::GetStatusProofRequest { name: format!("entries/{leaf}"), max_wait: None, min_size: 0 };
    let proof = client.registry().get_status_proof(request).await.expect("a proof").into_inner();
    let epoch = Epoch::from_bytes(&proof.latest_epoch.expect("an epoch").epoch).expect("an epoch");
    (StatusRecord::from_bytes(&proof.record).expect("a record"), epoch)
}

/// Every bit of both lists against the records of all leaves; the leaves that are set in each.
async fn compare(told: &Told) -> [Vec<usize>; 2] {
    let client = told.stage.client(&cast::operator());
    let identity = client.registry().get_log_identity(wire::GetLogIdentityRequest {}).await.expect("identity");
    let key = PublicKey::from_jwk(&identity.into_inner().receipt_key_jwk).expect("a key");
    let size = support::entries(&client).await.len();
    let mut set = [Vec::new(), Vec::new()];
    for (purpose, set) in ["revocation", "suspension"].into_iter().zip(&mut set) {
        let path = format!("/status-lists/{purpose}/0");
        let answer = public::get(&told.stage, &path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.contains("content-type: application/vc+cose"), "{}", answer.headers);
        assert!(answer.headers.contains("cache-control: public, max-age=60"), "{}", answer.headers);
        let (credential, bits) = read(&answer.body, &key);
        let subject = &credential["credentialSubject"];
        assert_eq!((&subject["type"], &subject["statusPurpose"]), (&"BitstringStatusList".into(), &purpose.into()));
        assert_eq!(credential["type"], serde_json::json!(["VerifiableCredential", "BitstringStatusListCredential"]));
        assert_eq!(credential["issuer"], cast::LOG_ID);
        assert_eq!(credential["id"], format!("https://{}{path}", cast::ORIGIN));
        assert_eq!(bits.len() * 8, BITS);
        for leaf in 0..BITS {
            let bit = bits[leaf / 8] >> (7 - leaf % 8) & 1 == 1;
            if leaf >= size {
                assert!(!bit, "leaf {leaf} is not in the log");
                continue;
            }
            let (record, epoch) = record(&client, leaf).await;
            let state = record.at(epoch.time).map_or(State::Active, |step| step.state);
            let expected = match purpose {
                "revocation" => matches!(state, State::Withdrawn | State::Superseded),
                _ => state == State::Suspended,
            };
            assert_eq!(bit, expected, "{purpose} of leaf {leaf}, which is {}", state.word());
            if bit {
                set.push(leaf);
            }
        }
        // The epoch named is one of the status log, by its digest.
        let named = &credential["evidence"][0];
        let number = named["epoch"].as_u64().expect("a number") as usize;
        let bundle = public::get(&told.stage, &format!("/status/tile/entries/000.p/{}", number + 1)).await;
        let entries = tlog::tile::Bundle::parse(&format!("tile/entries/000.p/{}", number + 1)).expect("a bundle");
        let entries = entries.entries(&bundle.body).expect("epochs");
        assert_eq!(named["digestMultibase"], Digest::of(entries.last().expect("an epoch")).to_string());
        let epoch = Epoch::from_bytes(entries.last().expect("an epoch")).expect("an epoch");
        let from: Timestamp = credential["validFrom"].as_str().expect("a time").parse().expect("a time");
        assert_eq!(from, epoch.time);
    }
    set
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bit_is_what_the_status_map_says() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let decider = told.stage.client(&cast::decider());
    let leaf = told.registered.index as usize;
    support::covered(&decider, told.registered.index).await;
    let none: Vec<usize> = Vec::new();
    assert_eq!(compare(&told).await, [none.clone(), none.clone()]);
    let change = async |state| {
        let event =
            story::change_state(world, &decider, &told.certificate, state, GoodsRule::NoGoods, "for the test").await;
        support::covered(&decider, event.expect("changed").index).await;
    };
    change(State::Suspended).await;
    assert_eq!(compare(&told).await, [none.clone(), vec![leaf]]);
    change(State::Withdrawn).await;
    assert_eq!(compare(&told).await, [vec![leaf], none]);
    for path in ["revocation/1", "refresh/0", "revocation/00", "revocation/-1", "suspension/18446744073709551615"] {
        assert_eq!(public::get(&told.stage, &format!("/status-lists/{path}")).await.status, 404, "{path}");
    }
}
