//! Whatever bytes arrive, every decoder answers, and what it reads has one spelling.

use std::sync::LazyLock;

use cose::key::SigningKey;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use record::accreditation::Accreditation;
use record::arrangement::{Arrangement, ArrangementAcceptance};
use record::certificate::Certificate;
use record::json::{self, Digest, NumberToken};
use record::registry::{Anchor, LogIdentity, RegistrationPolicy};
use record::statement::{Heading, SignedStatement, sign};
use record::status::{Epoch, GoodsRule, State, StatusEvent, StatusRecord, Transition};
use record::{media, name};

const EVENT: &str = r#"{"id":"https://log.example/events/1","issuer":"did:web:cb.example","subject":"urn:x:1","state":"withdrawn","effective":"2026-04-01T00:00:00Z","reason":"audit","goodsRule":"no-goods"}"#;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate_p256().unwrap());
static ENTRY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let heading = Heading {
        media_type: media::STATUS_EVENT,
        issuer: "did:web:cb.example",
        subject: "urn:x:1",
        x5t: Some([7; 32]),
    };
    sign(&*KEY, &heading, EVENT.as_bytes()).unwrap()
});

fn read_all(bytes: &[u8]) {
    let _ = SignedStatement::from_entry(bytes);
    let _ = StatusRecord::from_bytes(bytes);
    let _ = Epoch::from_bytes(bytes);
    let _ = Certificate::from_payload(bytes);
    let _ = Accreditation::from_payload(bytes);
    let _ = Arrangement::from_payload(bytes);
    let _ = ArrangementAcceptance::from_payload(bytes);
    let _ = StatusEvent::from_payload(bytes);
    let _ = Anchor::from_payload(bytes);
    let _ = json::read::<LogIdentity>(bytes);
    let _ = json::read::<RegistrationPolicy>(bytes);
}

#[test]
fn the_entry_is_read_and_verifies() {
    let read = SignedStatement::from_entry(&ENTRY).unwrap();
    read.verify(&KEY.public_key()).unwrap();
    assert_eq!(read.payload(), EVENT.as_bytes());
    assert_eq!((read.issuer(), read.subject()), ("did:web:cb.example", "urn:x:1"));
}

#[test]
fn header_and_payload_must_agree() {
    for (issuer, subject) in [("did:web:other.example", "urn:x:1"), ("did:web:cb.example", "urn:x:2")] {
        let heading = Heading { media_type: media::STATUS_EVENT, issuer, subject, x5t: Some([7; 32]) };
        let entry = sign(&*KEY, &heading, EVENT.as_bytes()).unwrap();
        let error = SignedStatement::from_entry(&entry).unwrap_err();
        assert!(matches!(error, record::statement::StatementError::Mismatch { .. }), "{error}");
    }
    let heading =
        Heading { media_type: "text/plain", issuer: "did:web:cb.example", subject: "urn:x:1", x5t: Some([7; 32]) };
    let entry = sign(&*KEY, &heading, EVENT.as_bytes()).unwrap();
    let error = SignedStatement::from_entry(&entry).unwrap_err();
    assert!(matches!(error, record::statement::StatementError::MediaType { .. }), "{error}");
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Active), Just(State::Suspended), Just(State::Withdrawn), Just(State::Superseded)]
}

fn seconds() -> impl Strategy<Value = jiff::Timestamp> {
    (-62_135_596_800i64..253_402_000_000).prop_map(|s| jiff::Timestamp::from_second(s).unwrap())
}

prop_compose! {
    fn transition()(
        state in state(),
        effective in seconds(),
        stay in any::<bool>(),
        event_leaf in any::<u64>(),
        reason in "\\PC{0,40}",
    ) -> Transition {
        let goods_rule = if stay { GoodsRule::GoodsBeforeStay } else { GoodsRule::NoGoods };
        Transition { state, effective, goods_rule, event_leaf, reason }
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn mutated_entries_do_not_verify(at in any::<Index>(), value in any::<u8>()) {
        let mut entry = ENTRY.clone();
        let at = at.index(entry.len());
        let changed = entry[at] != value;
        entry[at] = value;
        read_all(&entry);
        let verifies = SignedStatement::from_entry(&entry).is_ok_and(|s| s.verify(&KEY.public_key()).is_ok());
        prop_assert_eq!(verifies, !changed);
    }

    #[test]
    fn mutated_payloads(at in any::<Index>(), value in any::<u8>()) {
        let mut payload = EVENT.as_bytes().to_vec();
        let at = at.index(payload.len());
        payload[at] = value;
        read_all(&payload);
    }

    #[test]
    fn records_are_read_back(leaf in any::<u64>(), history in vec(transition(), 0..6), date in seconds()) {
        let record = StatusRecord { leaf, history, revocations: Vec::new() };
        let bytes = record.to_bytes();
        let read = StatusRecord::from_bytes(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        // Whatever is in force was effective by then, and nothing follows a final state.
        if let Some(step) = record.at(date) {
            prop_assert!(step.effective <= date);
        }
    }

    #[test]
    fn mutated_records_have_one_spelling(history in vec(transition(), 0..4), at in any::<Index>(), value in any::<u8>()) {
        let mut bytes = StatusRecord { leaf: 1, history, revocations: Vec::new() }.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(read) = StatusRecord::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    #[test]
    fn epochs_are_read_back(number in any::<u64>(), time in seconds(), previous_size in any::<u64>(), size in any::<u64>(),
            root in any::<[u8; 32]>(), map_root in any::<[u8; 32]>(), at in any::<Index>(), value in any::<u8>()) {
        let epoch = Epoch { number, time, previous_size, size, root, map_root };
        let mut bytes = epoch.to_bytes();
        prop_assert_eq!(Epoch::from_bytes(&bytes), Ok(epoch));
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(read) = Epoch::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    #[test]
    fn names(text in "\\PC{0,80}", id in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?") {
        for pattern in [name::SITE, name::INSTRUMENT, name::FOOTPRINT, name::APPLICATION, name::ORGANIZATION,
                name::CERTIFICATE, name::ENTRY] {
            let _ = name::parts(pattern, &text);
            let filled: Vec<&str> =
                pattern.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part }).collect();
            let filled = filled.join("/");
            let wanted = vec![id.as_str(); pattern.matches('{').count()];
            prop_assert_eq!(name::parts(pattern, &filled).unwrap(), wanted);
            for wrong in [[&filled, "/"].concat(), ["/", &filled].concat()] {
                prop_assert!(name::parts(pattern, &wrong).is_err());
            }
        }
        let _ = name::organization(&text);
        let _ = name::check_did(&text);
        let _ = name::check_id(&text);
    }

    #[test]
    fn number_tokens_are_kept_as_written(text in "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,20})?") {
        let token = NumberToken::new(&text).unwrap();
        prop_assert_eq!(json::write(&token), text.as_bytes());
        prop_assert_eq!(json::read::<NumberToken>(text.as_bytes()).unwrap(), token);
    }

    #[test]
    fn digests_are_read_back(bytes in any::<[u8; 32]>(), junk in "\\PC{0,60}") {
        let digest = Digest(bytes);
        prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        if let Ok(read) = junk.parse::<Digest>() {
            prop_assert_eq!(read.to_string(), junk);
        }
    }
}
