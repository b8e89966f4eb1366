//! The log's keys are replaced: which signatures count then, in verdicts and in audits.

mod support;

use std::sync::Arc;

use cose::key::SigningKey;
use record::registry::LogRollover;
use record::statement::SignedStatement;
use record::{json, media};
use support::served::{self, Served, own};
use support::*;
use tlog::note::{NoteSigner, NoteVerifier, SignatureKind};
use verify::audit::{Replay, Rule, Window};
use verify::trust::{LogTrust, RolloverError};
use verify::{Code, Outcome};

/// The end of what the keys before are believed for: after the scene's latest epoch.
const UNTIL: &str = "2026-06-02T00:00:00Z";

struct NewKeys {
    receipt: SigningKey,
    note: NoteSigner,
    status_note: NoteSigner,
}

fn new_keys() -> NewKeys {
    let ed25519 = || Arc::new(SigningKey::generate_ed25519().unwrap());
    NewKeys {
        receipt: SigningKey::generate_p256().unwrap(),
        note: NoteSigner::new(ORIGIN, ed25519()).unwrap(),
        status_note: NoteSigner::new(&format!("{ORIGIN}/status"), ed25519()).unwrap(),
    }
}

fn stated(keys: &NewKeys) -> LogRollover {
    LogRollover {
        id: LOG_ID.into(),
        origin: ORIGIN.into(),
        note_key: keys.note.verifier().to_vkey(),
        status_note_key: keys.status_note.verifier().to_vkey(),
        receipt_key: jwk(&keys.receipt),
        earlier_until: at(UNTIL),
    }
}

fn signed(by: &SigningKey, rollover: &LogRollover) -> Vec<u8> {
    own(by, media::LOG_ROLLOVER, &rollover.origin, &json::write(rollover))
}

fn follow(trust: &LogTrust, entry: &[u8]) -> Result<LogTrust, RolloverError> {
    trust.follow(&SignedStatement::from_entry(entry).unwrap())
}

#[test]
fn trust_follows_what_the_key_trusted_signed() {
    let (first, second) = (new_keys(), new_keys());
    let to_first = signed(&PEOPLE.receipt, &stated(&first));
    let to_second = signed(&first.receipt, &stated(&second));
    let before = trust().log;
    let after = follow(&before, &to_first).unwrap();
    assert_eq!(after.note_key, first.note.verifier().to_vkey());
    let both = follow(&after, &to_second).unwrap();
    // Oldest first, each with the end that its successor states.
    let chain: Vec<&str> = both.chain().map(|(note, ..)| note).collect();
    assert_eq!(chain, [&before.note_key, &after.note_key, &second.note.verifier().to_vkey()]);
    assert_eq!(both.earlier.iter().map(|keys| keys.until).collect::<Vec<_>>(), [at(UNTIL), at(UNTIL)]);
    // It is written and read back as it is.
    let mut file = trust();
    file.log = both;
    let read = verify::trust::TrustFile::from_toml(&file.to_toml().unwrap()).unwrap();
    assert_eq!(read, file);

    // Out of order, and signed by somebody else.
    assert!(matches!(follow(&before, &to_second), Err(RolloverError::Signature(_))));
    assert!(matches!(follow(&before, &signed(&second.receipt, &stated(&first))), Err(RolloverError::Signature(_))));
    let elsewhere = LogRollover { origin: "other.example/log".into(), ..stated(&first) };
    assert!(matches!(follow(&before, &signed(&PEOPLE.receipt, &elsewhere)), Err(RolloverError::OtherLog { .. })));
    let misnamed = LogRollover { note_key: stated(&first).status_note_key, ..stated(&first) };
    let refused = follow(&before, &signed(&PEOPLE.receipt, &misnamed));
    assert!(matches!(refused, Err(RolloverError::Key { path: "noteKey", .. })), "{refused:?}");
    let cosigner = NoteVerifier::new(ORIGIN, SignatureKind::Cosignature, first.note.verifier().public_key().clone());
    let of_a_witness = LogRollover { note_key: cosigner.unwrap().to_vkey(), ..stated(&first) };
    let refused = follow(&before, &signed(&PEOPLE.receipt, &of_a_witness));
    assert!(matches!(refused, Err(RolloverError::Key { path: "noteKey", .. })), "{refused:?}");
    let event = served::event(&PEOPLE.cb, CEMENT, record::status::State::Suspended, LATEST);
    assert!(matches!(follow(&before, &event), Err(RolloverError::Other { .. })));
}

/// Outcome and first reason of the default scene after a change.
fn judged(change: impl FnOnce(&mut Scene)) -> (Outcome, Option<Code>) {
    let mut scene = Setup::default().build();
    change(&mut scene);
    let verdict = scene.verdict();
    (verdict.outcome, verdict.reasons.first().map(|reason| reason.code))
}

#[test]
fn bundles_are_judged_under_the_keys_of_their_time() {
    let keys = new_keys();
    let followed = |until: &str| {
        let rollover = LogRollover { earlier_until: at(until), ..stated(&keys) };
        follow(&trust().log, &signed(&PEOPLE.receipt, &rollover)).unwrap()
    };
    // One of before, until the end of its keys and not after.
    assert_eq!(judged(|scene| scene.trust.log = followed(UNTIL)), (Outcome::Accepted, None));
    assert_eq!(judged(|scene| scene.trust.log = followed(LATEST)), (Outcome::Accepted, None));
    assert_eq!(
        judged(|scene| scene.trust.log = followed("2026-05-31T23:59:59Z")),
        (Outcome::Refused, Some(Code::CheckpointUntrusted))
    );
    // One of after, and one that both sign: the receipt is the present key's.
    let anew = |scene: &mut Scene, notes: [&[&NoteSigner]; 2], receipt: &SigningKey| {
        let sign = |checkpoint: &tlog::checkpoint::Checkpoint, by: &[&NoteSigner]| {
            let body = checkpoint.to_body();
            let signatures = by.iter().map(|signer| signer.sign(&body).unwrap()).collect();
            tlog::note::SignedNote::new(body, signatures).unwrap().encode().into_bytes()
        };
        scene.bundle.checkpoint = sign(&scene.log.checkpoint(), notes[0]);
        scene.bundle.status_checkpoint = sign(&scene.log.status_checkpoint(), notes[1]);
        scene.bundle.receipt = scene.log.receipt_by(receipt, scene.leaves.certificate);
    };
    let (old, old_status) = (&PEOPLE.note, &PEOPLE.status_note);
    let alone: [&[&NoteSigner]; 2] = [&[&keys.note], &[&keys.status_note]];
    let both: [&[&NoteSigner]; 2] = [&[&keys.note, old], &[&keys.status_note, old_status]];
    let new = |notes, until: &'static str| {
        judged(|scene| {
            anew(scene, notes, &keys.receipt);
            scene.trust.log = followed(until);
        })
    };
    assert_eq!(new(alone, UNTIL), (Outcome::Accepted, None));
    assert_eq!(new(both, UNTIL), (Outcome::Accepted, None));
    assert_eq!(new(both, FOUNDED), (Outcome::Accepted, None), "the present keys have no end");
    // Mixed: the receipt of one set under the checkpoint of the other, or the two logs of two sets.
    let mixed = |notes, receipt: &SigningKey| {
        judged(|scene| {
            anew(scene, notes, receipt);
            scene.trust.log = followed(UNTIL);
        })
    };
    assert_eq!(mixed(alone, &PEOPLE.receipt), (Outcome::Refused, Some(Code::ReceiptInvalid)));
    let halves: [&[&NoteSigner]; 2] = [&[&keys.note], &[old_status]];
    assert_eq!(mixed(halves, &keys.receipt), (Outcome::Refused, Some(Code::CheckpointUntrusted)));
    // Who has not followed.
    assert_eq!(judged(|scene| anew(scene, alone, &keys.receipt)), (Outcome::Refused, Some(Code::CheckpointUntrusted)));
}

#[test]
fn audits_hold_rollovers_to_the_keys_before() {
    let (first, second) = (new_keys(), new_keys());
    let window = Window { earliest: at(LATEST), latest: at(LATEST) };
    let replay = |expected: Option<LogTrust>, rollovers: &[Vec<u8>]| {
        let mut served = Served::anchored();
        for entry in rollovers {
            served.push(entry.clone());
        }
        let mut replay = Replay::new(expected);
        let taken = served.entries().map(|entry| replay.take(entry, &window));
        taken.filter_map(|taken| taken.err().map(|breach| (breach.leaf, breach.rule))).collect::<Vec<_>>()
    };
    let to_first = signed(&PEOPLE.receipt, &stated(&first));
    let to_second = signed(&first.receipt, &stated(&second));
    let followed = follow(&follow(&trust().log, &to_first).unwrap(), &to_second).unwrap();
    let chain = [to_first.clone(), to_second.clone()];
    // Known by nothing, by what was known before, and by what is known now.
    for expected in [None, Some(trust().log), Some(followed.clone())] {
        assert_eq!(replay(expected, &chain), []);
    }
    assert_eq!(replay(None, &[to_second.clone(), to_first.clone()]), [(5, Rule::SignatureInvalid)]);
    let again = signed(&PEOPLE.receipt, &stated(&second));
    assert_eq!(replay(None, &[to_first.clone(), again]), [(6, Rule::SignatureInvalid)]);
    let elsewhere = LogRollover { id: "did:web:other.example".into(), ..stated(&first) };
    let heading = record::statement::Heading {
        media_type: media::LOG_ROLLOVER,
        issuer: &elsewhere.id,
        subject: ORIGIN,
        x5t: None,
    };
    let elsewhere = record::statement::sign(&PEOPLE.receipt, &heading, &json::write(&elsewhere)).unwrap();
    assert_eq!(replay(None, &[elsewhere]), [(5, Rule::SignerNotEntitled)]);
    // Another rollover than the one known from elsewhere, though the key signed it.
    let other = signed(&PEOPLE.receipt, &stated(&second));
    assert_eq!(replay(Some(followed.clone()), &[other]), [(5, Rule::FirstLeaves)]);
    // Leaf 0 states the oldest keys, no others.
    let mut shortened = followed;
    shortened.earlier.remove(0);
    assert_eq!(replay(Some(shortened), &chain)[0], (0, Rule::FirstLeaves));
}
