//! A log replayed: everything in order is good, and each rule is broken once.

mod support;

use record::json;
use record::media;
use record::registry::AnchorRole;
use record::status::State;
use support::served::{self, Served, accreditation, anchor, anchored, certificate, event, revoked};
use support::*;
use verify::audit::{EpochBreach, Replay, Rule, StatusReplay, Window};

/// When the entries that no epoch covers are looked at.
const NOW: &str = "2026-06-01T01:00:00Z";

/// All entries and epochs of a log in order; rules broken, by leaf, and what is wrong with an epoch.
fn replay(served: &Served) -> (Replay, Vec<(u64, Rule)>, Option<EpochBreach>) {
    let (mut replay, mut status, mut breaches, mut wrong) = (Replay::new(None), StatusReplay::new(), vec![], None);
    let entries: Vec<&[u8]> = served.entries().collect();
    let mut tree = tlog::tree::Edge::new();
    let mut take = |replay: &mut Replay, tree: &mut tlog::tree::Edge, until: usize, window: Window| {
        while (replay.size() as usize) < until {
            let entry = entries[replay.size() as usize];
            tree.push(tlog::leaf_hash(entry));
            if let Err(breach) = replay.take(entry, &window) {
                assert!(!breach.message.is_empty());
                breaches.push((breach.leaf, breach.rule));
            }
        }
    };
    for epoch in served.epochs() {
        let earliest = status.latest().map_or(epoch.time, |latest| latest.time);
        if let Err(breach) = status.continues(epoch) {
            wrong = Some(breach);
            break;
        }
        take(&mut replay, &mut tree, epoch.size as usize, Window { earliest, latest: epoch.time });
        if let Err(breach) = status.take(epoch, &tree.root(), &mut replay) {
            wrong = Some(breach);
            break;
        }
    }
    let earliest = status.latest().map_or(at(NOW), |latest| latest.time);
    take(&mut replay, &mut tree, entries.len(), Window { earliest, latest: at(NOW) });
    (replay, breaches, wrong)
}

#[test]
fn a_whole_log_is_good() {
    let served = Served::whole();
    let (replay, breaches, wrong) = replay(&served);
    assert_eq!((breaches, wrong), (vec![], None));
    assert_eq!((replay.size(), replay.signatures()), (11, 11));
    assert_eq!(replay.by_media_type()[media::STATUS_EVENT], 2);
    assert_eq!(replay.changed_leaves(), 1);
    assert_eq!(replay.identity(), Some(&served::identity()));
    assert_eq!(replay.policy(), Some(&served::policy()));
}

/// What is put at the end of a whole log, and the rule that it breaks there.
#[track_caller]
fn breaks(entries: &[Vec<u8>], rule: Rule) {
    let mut served = Served::whole();
    let mut leaf = 0;
    for entry in entries {
        leaf = served.push(entry.clone());
    }
    assert_eq!(replay(&served).1, [(leaf, rule)]);
}

#[test]
fn every_rule_is_held_to() {
    let people = &*PEOPLE;
    let granted = accreditation(&people.ab, CEMENT, "2523", &people.cb);
    let in_log = (CEMENT, served::GRANTED.as_slice());
    let cert = |signatory: &Signatory, number: &str| certificate(signatory, number, "25231000", in_log);

    // A good one, so that what follows fails by its own fault.
    let mut good = Served::whole();
    good.push(cert(&people.cb, "cert-2"));
    assert_eq!(replay(&good).1, []);

    breaks(&[b"no statement".to_vec()], Rule::StatementInvalid);
    let mut touched = cert(&people.cb, "cert-2");
    *touched.last_mut().unwrap() ^= 1;
    breaks(&[touched], Rule::SignatureInvalid);
    let identity = json::write(&served::identity());
    breaks(&[served::own(&people.receipt, media::LOG_IDENTITY, ORIGIN, &identity)], Rule::FirstLeaves);

    breaks(&[cert(&people.cb_unvouched, "cert-2")], Rule::SignerUnknown);
    breaks(&[accreditation(&people.ab, STEEL, "72", &people.cb_expired)], Rule::SignerPathInvalid);
    breaks(&[accreditation(&people.ab, STEEL, "72", &people.cb_other_name)], Rule::SignerPathInvalid);
    // A party to arrangements does not accredit.
    breaks(&[accreditation(&people.asking, STEEL, "72", &people.cb)], Rule::SignerNotEntitled);
    let another = anchor("did:web:new.example", AnchorRole::AccreditationBody, &people.ab_ca.der, &people.ab.chain[0]);
    breaks(&[anchored(&another)], Rule::SignerPathInvalid);
    let forged = served::own(&people.receipt, media::ANCHOR, &another.id, &json::write(&another));
    breaks(&[forged], Rule::SignatureInvalid);

    breaks(&[certificate(&people.cb, "cert-2", "25231000", (CEMENT, &granted))], Rule::AccreditationMissing);
    breaks(&[certificate(&people.cb, "cert-2", "72071111", in_log)], Rule::AccreditationOutOfScope);
    let suspended = event(&people.ab, CEMENT, State::Suspended, "2026-05-01T00:00:00Z");
    breaks(&[suspended.clone(), cert(&people.cb, "cert-2")], Rule::AccreditationNotActive);

    breaks(&[cert(&people.cb, "cert-1")], Rule::SubjectInUse);
    breaks(&[accreditation(&people.ab, CEMENT, "2523", &people.cb)], Rule::SubjectInUse);
    breaks(&[event(&people.cb, "https://nowhere.example/1", State::Withdrawn, NOW)], Rule::SubjectUnknown);
    // The body does not change what the accreditation body issued.
    breaks(&[event(&people.cb, CEMENT, State::Withdrawn, NOW)], Rule::SignerNotEntitled);
    breaks(&[event(&people.ab, CEMENT, State::Active, NOW)], Rule::StateNotAllowed);
    breaks(
        &[suspended.clone(), event(&people.ab, CEMENT, State::Active, "2026-05-02T00:00:00Z")],
        Rule::StateNotAllowed,
    );
    let withdrawn = event(&people.ab, CEMENT, State::Withdrawn, "2026-05-03T00:00:00Z");
    breaks(&[withdrawn, event(&people.ab, CEMENT, State::Active, NOW)], Rule::StateNotAllowed);
    breaks(&[suspended, event(&people.ab, CEMENT, State::Withdrawn, "2026-04-01T00:00:00Z")], Rule::StateNotAllowed);
}

#[test]
fn revocations_are_held_to() {
    let people = &*PEOPLE;
    let in_log = (CEMENT, served::GRANTED.as_slice());
    let cert = |signatory: &Signatory| certificate(signatory, "cert-2", "25231000", in_log);
    let by_ab = revoked(&people.ab, &people.cb, LOGGED);
    let subject = "https://log.example/certificates/cert-1#attestation";
    // Good: the body's other key certifies and confirms; the accreditation body sets the cut-off earlier.
    let mut good = Served::whole();
    let by_body = revoked(&people.cb_second, &people.cb, LOGGED);
    good.push(by_body.clone());
    good.push(cert(&people.cb_second));
    good.push(event(&people.cb_second, subject, State::Active, NOW));
    good.push(revoked(&people.ab, &people.cb, FOUNDED));
    assert_eq!(replay(&good).1, []);

    breaks(&[by_ab.clone(), cert(&people.cb)], Rule::SignerKeyRevoked);
    breaks(&[by_ab.clone(), event(&people.cb, subject, State::Suspended, NOW)], Rule::SignerKeyRevoked);
    breaks(&[by_ab.clone(), accreditation(&people.ab, STEEL, "72", &people.cb)], Rule::SignerKeyRevoked);
    // A key does not revoke itself, nor does anybody else; a revoked one revokes no other.
    breaks(&[revoked(&people.cb, &people.cb, LOGGED)], Rule::SignerNotEntitled);
    breaks(&[revoked(&people.asking, &people.cb, LOGGED)], Rule::SignerNotEntitled);
    breaks(&[by_body, revoked(&people.cb, &people.cb_second, LOGGED)], Rule::SignerKeyRevoked);
    breaks(&[revoked(&people.ab, &people.cb_unvouched, LOGGED)], Rule::SubjectUnknown);
    // Monotone, and never for the future.
    breaks(&[by_ab.clone(), revoked(&people.ab, &people.cb, "2026-03-01T00:00:01Z")], Rule::StateNotAllowed);
    breaks(&[by_ab.clone(), revoked(&people.ab, &people.cb, LOGGED)], Rule::StateNotAllowed);
    breaks(&[revoked(&people.ab, &people.cb, "2026-06-02T00:00:00Z")], Rule::StateNotAllowed);
    // One confirmation is enough, and without a revocation there is none.
    let confirmed = event(&people.cb_second, subject, State::Active, NOW);
    breaks(std::slice::from_ref(&confirmed), Rule::StateNotAllowed);
    breaks(&[by_ab, confirmed.clone(), confirmed], Rule::StateNotAllowed);
}

#[test]
fn epochs_hold_revocations() {
    let people = &*PEOPLE;
    let mut served = Served::whole();
    // Leaf 5 vouches, leaf 8 is the certificate, and leaf 10 returned it to active.
    served.log.revoke(&people.ab, &people.cb, LOGGED, &[(5, &[]), (8, &[10])]);
    served.log.epoch("2026-06-01T00:10:00Z");
    let (_, breaches, wrong) = replay(&served);
    assert_eq!((breaches, wrong), (vec![], None));
    // One that the status keeps from the verifiers of the certificates.
    let mut served = Served::whole();
    served.log.revoke(&people.ab, &people.cb, LOGGED, &[(8, &[10])]);
    served.log.epoch("2026-06-01T00:10:00Z");
    assert_eq!(replay(&served).2, Some(EpochBreach::MapRoot { number: 3, size: 12 }));
}

#[test]
fn the_first_leaves() {
    let begun = |change: fn(&mut record::registry::LogIdentity, &mut record::registry::RegistrationPolicy)| {
        let (mut identity, mut policy) = (served::identity(), served::policy());
        change(&mut identity, &mut policy);
        replay(&Served::begun(&identity, &policy)).1
    };
    assert_eq!(begun(|_, _| ()), []);
    // Signed with another key than the one it states.
    assert_eq!(
        begun(|identity, _| identity.receipt_key = identity.operator_key.clone())[0],
        (0, Rule::SignatureInvalid)
    );
    assert_eq!(begun(|_, policy| policy.origin = "other.example/log".into()), [(1, Rule::FirstLeaves)]);
    // Known from elsewhere, leaf 0 must say the same.
    let expected = trust().log;
    let take = |expected: verify::trust::LogTrust| {
        let served = Served::begun(&served::identity(), &served::policy());
        let window = Window { earliest: at(NOW), latest: at(NOW) };
        let first = served.entries().next().unwrap();
        Replay::new(Some(expected)).take(first, &window).map_err(|breach| breach.rule)
    };
    assert_eq!(take(expected.clone()), Ok(()));
    let changes: [fn(&mut verify::trust::LogTrust); 4] = [
        |log| log.origin = "other.example/log".into(),
        |log| log.note_key = log.status_note_key.clone(),
        |log| log.status_note_key = log.note_key.clone(),
        |log| log.receipt_key = served::identity().operator_key,
    ];
    for change in changes {
        let mut other = expected.clone();
        change(&mut other);
        assert_eq!(take(other), Err(Rule::FirstLeaves));
    }
    // What leaf 1 does not name is not registered.
    let mut policy = served::policy();
    policy.media_types.retain(|media_type| media_type != media::ANCHOR);
    let mut served = Served::begun(&served::identity(), &policy);
    let people = &*PEOPLE;
    let party = anchor(AB, AnchorRole::AccreditationBody, &people.ab_ca.der, &people.ab.chain[0]);
    served.push(anchored(&party));
    assert_eq!(replay(&served).1, [(2, Rule::PolicyExceeded)]);
    let mut served = Served::begun(
        &served::identity(),
        &record::registry::RegistrationPolicy { algorithms: vec![-19], ..served::policy() },
    );
    served.push(anchored(&party));
    assert_eq!(replay(&served).1, [(2, Rule::PolicyExceeded)]);
}

#[test]
fn epochs_follow_from_the_entries() {
    let wrong = |change: fn(&mut record::status::Epoch)| {
        let mut served = Served::whole();
        served.change_latest_epoch(change);
        replay(&served).2
    };
    assert_eq!(wrong(|_| ()), None);
    assert_eq!(wrong(|epoch| epoch.map_root[0] ^= 1), Some(EpochBreach::MapRoot { number: 2, size: 11 }));
    assert_eq!(wrong(|epoch| epoch.root[0] ^= 1), Some(EpochBreach::LogRoot { number: 2, size: 11 }));
    let changes: [fn(&mut record::status::Epoch); 4] = [
        |epoch| epoch.number = 3,
        |epoch| epoch.previous_size -= 1,
        |epoch| epoch.time = at(FOUNDED),
        |epoch| epoch.size = epoch.previous_size - 1,
    ];
    for change in changes {
        assert!(matches!(wrong(change), Some(EpochBreach::Order { number: 2, .. })));
    }
    // An event that the status passes over.
    let mut served = Served::whole();
    let people = &*PEOPLE;
    served.push(event(&people.ab, CEMENT, State::Suspended, "2026-05-01T00:00:00Z"));
    served.log.epoch("2026-06-01T00:10:00Z");
    let (_, breaches, wrong) = replay(&served);
    assert_eq!((breaches, wrong), (vec![], Some(EpochBreach::MapRoot { number: 3, size: 12 })));
}
