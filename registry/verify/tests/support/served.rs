//! A whole log, from its first leaf to its latest epoch, with the files that it is read by.

use std::collections::BTreeMap;

use cose::key::SigningKey;
use record::json::{self, Der};
use record::registry::{Anchor, AnchorRole, LogIdentity, RegistrationPolicy};
use record::statement::{Heading, sign};
use tlog::tile::{Bundle, new_tiles};

use super::*;

/// The key with which the operator signs anchors.
pub static OPERATOR: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate_p256().unwrap());

/// The accreditation in a whole log; each signature is another, and a certificate names one by its digest.
pub static GRANTED: LazyLock<Vec<u8>> = LazyLock::new(|| accreditation(&PEOPLE.ab, CEMENT, "2523", &PEOPLE.cb));

pub fn identity() -> LogIdentity {
    let people = &*PEOPLE;
    LogIdentity {
        origin: ORIGIN.into(),
        id: LOG_ID.into(),
        note_key: people.note.verifier().to_vkey(),
        status_note_key: people.status_note.verifier().to_vkey(),
        receipt_key: jwk(&people.receipt),
        operator_key: jwk(&OPERATOR),
        created: at("2026-01-01T00:00:00Z"),
    }
}

pub fn policy() -> RegistrationPolicy {
    let types = [
        media::ANCHOR,
        media::ACCREDITATION,
        media::CERTIFICATE,
        media::STATUS_EVENT,
        media::KEY_REVOCATION,
        media::ARRANGEMENT,
        media::ARRANGEMENT_ACCEPTANCE,
    ];
    RegistrationPolicy {
        id: LOG_ID.into(),
        origin: ORIGIN.into(),
        media_types: types.map(str::to_owned).to_vec(),
        algorithms: vec![-7, -8, -9, -19, -35, -37],
        max_payload_bytes: 48 << 10,
        max_epoch_seconds: 600,
    }
}

/// A statement in the log's own name.
pub fn own(key: &SigningKey, media_type: &str, subject: &str, payload: &[u8]) -> Vec<u8> {
    sign(key, &Heading { media_type, issuer: LOG_ID, subject, x5t: None }, payload).unwrap()
}

pub fn anchor(id: &str, role: AnchorRole, authority: &[u8], signing: &[u8]) -> Anchor {
    Anchor {
        operator: LOG_ID.into(),
        id: id.into(),
        name: "Somebody".into(),
        role,
        organization: "somebody".into(),
        authority: Der(authority.to_vec()),
        signing_certificates: vec![Der(signing.to_vec())],
    }
}

pub fn anchored(anchor: &Anchor) -> Vec<u8> {
    own(&OPERATOR, media::ANCHOR, &anchor.id, &json::write(anchor))
}

/// An accreditation of the certification body by `signatory`.
pub fn accreditation(signatory: &Signatory, id: &str, class: &str, vouched: &Signatory) -> Vec<u8> {
    let accreditation = Accreditation::new(AccreditationGrant {
        id: id.into(),
        issuer: (signatory.did.clone(), "Accreditation Body".into()),
        body: (CB.into(), "Certification Body".into()),
        organization: "cb".into(),
        number: "AB-1".into(),
        from: at("2026-01-01T00:00:00Z"),
        until: at("2029-01-01T00:00:00Z"),
        scope: vec![scope(class)],
        signing_certificates: vec![vouched.chain[0].clone(), PEOPLE.cb_second.chain[0].clone()],
    });
    signatory.sign(media::ACCREDITATION, id, &json::write(&accreditation))
}

/// A certificate of the certification body under an accreditation.
pub fn certificate(signatory: &Signatory, number: &str, class: &str, (id, entry): (&str, &[u8])) -> Vec<u8> {
    let mut draft = draft();
    draft.number = number.into();
    draft.product.2 = class.into();
    draft.accreditation = (id.into(), Digest::of(entry));
    let content = Certificate::new(draft).unwrap();
    signatory.sign(media::CERTIFICATE, &content.credential_subject.id, &content.to_payload())
}

pub fn event(signatory: &Signatory, subject: &str, state: State, effective: &str) -> Vec<u8> {
    let event = StatusEvent {
        id: format!("https://log.example/events/{effective}/{}", state.word()),
        issuer: signatory.did.clone(),
        subject: subject.into(),
        state,
        effective: at(effective),
        reason: "as the test says".into(),
        goods_rule: GoodsRule::NoGoods,
    };
    signatory.sign(media::STATUS_EVENT, subject, &json::write(&event))
}

/// A revocation by `signatory` of the key of `body`.
pub fn revoked(signatory: &Signatory, body: &Signatory, cut_off: &str) -> Vec<u8> {
    let revocation = revocation(signatory, body, cut_off);
    signatory.sign(media::KEY_REVOCATION, &revocation.body, &json::write(&revocation))
}

/// A log that is served.
pub struct Served {
    pub log: MemoryLog,
}

impl Served {
    /// Leaves 0 and 1 alone.
    pub fn begun(identity: &LogIdentity, policy: &RegistrationPolicy) -> Self {
        let mut log = MemoryLog::default();
        log.append(own(&PEOPLE.receipt, media::LOG_IDENTITY, &identity.origin, &json::write(identity)), &[]);
        log.append(own(&PEOPLE.receipt, media::REGISTRATION_POLICY, &policy.origin, &json::write(policy)), &[]);
        Served { log }
    }

    /// Parties anchored: the accreditation body and both sides of an arrangement.
    pub fn anchored() -> Self {
        let people = &*PEOPLE;
        let mut served = Served::begun(&identity(), &policy());
        for (signatory, ca, role) in [
            (&people.ab, &people.ab_ca, AnchorRole::AccreditationBody),
            (&people.asking, &people.asking_ca, AnchorRole::ArrangementParty),
            (&people.providing, &people.providing_ca, AnchorRole::ArrangementParty),
        ] {
            served.push(anchored(&anchor(&signatory.did, role, &ca.der, &signatory.chain[0])));
        }
        served
    }

    /// A year in the life of a log: all kinds of statement, three epochs, a certificate suspended and active again.
    pub fn whole() -> Self {
        let people = &*PEOPLE;
        let mut served = Served::anchored();
        served.push(GRANTED.clone());
        let arrangement = arrangement();
        let asked = people.asking.sign(media::ARRANGEMENT, &arrangement.id, &json::write(&arrangement));
        let acceptance = ArrangementAcceptance {
            id: format!("{ARRANGEMENT}/acceptance"),
            issuer: PROVIDING.into(),
            arrangement: arrangement.id.clone(),
            digest: Digest::of(&asked),
        };
        served.push(asked);
        served.push(people.providing.sign(
            media::ARRANGEMENT_ACCEPTANCE,
            &acceptance.arrangement,
            &json::write(&acceptance),
        ));
        served.log.epoch(FOUNDED);
        let entry = certificate(&people.cb, "cert-1", "25231000", (CEMENT, &GRANTED));
        let leaf = served.push(entry);
        served.log.epoch(LOGGED);
        for (state, effective) in [(State::Suspended, LOGGED), (State::Active, "2026-06-01T00:00:00Z")] {
            served.log.change(&people.cb, leaf, &Step { state, effective, goods_rule: GoodsRule::GoodsBeforeStay });
        }
        served.log.epoch(LATEST);
        served
    }

    pub fn push(&mut self, entry: Vec<u8>) -> u64 {
        self.log.append(entry, &[])
    }

    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.log.entries.iter().map(|(entry, _)| entry.as_slice())
    }

    pub fn epochs(&self) -> &[Epoch] {
        &self.log.epochs
    }

    /// Makes another epoch of the latest, and the status log over it.
    pub fn change_latest_epoch(&mut self, change: impl FnOnce(&mut Epoch)) {
        change(self.log.epochs.last_mut().unwrap());
        self.log.epoch_tree = self.log.epochs.iter().map(|epoch| leaf_hash(&epoch.to_bytes())).collect();
    }

    /// Every file, by its path (C2SP tlog-tiles).
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries: Vec<Vec<u8>> = self.entries().map(<[u8]>::to_vec).collect();
        let epochs: Vec<Vec<u8>> = self.log.epochs.iter().map(Epoch::to_bytes).collect();
        let mut files = tree_files("", &self.log.tree, &entries);
        files.extend(tree_files("status/", &self.log.epoch_tree, &epochs));
        files.insert("checkpoint".into(), note(&self.log.checkpoint(), &PEOPLE.note));
        files.insert("status/checkpoint".into(), note(&self.log.status_checkpoint(), &PEOPLE.status_note));
        files
    }
}

/// Tiles and bundles of entries.
pub fn tree_files(prefix: &str, tree: &MemoryTree, entries: &[Vec<u8>]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for tile in new_tiles(0, tree.size()) {
        files.insert(format!("{prefix}{}", tile.path()), tile.bytes(tree).unwrap());
        if tile.level == 0 {
            let bundle = Bundle::from(tile);
            let first = bundle.first_entry() as usize;
            let bytes = bundle.encode(&entries[first..first + usize::from(bundle.width)]).unwrap();
            files.insert(format!("{prefix}{}", bundle.path()), bytes);
        }
    }
    files
}
