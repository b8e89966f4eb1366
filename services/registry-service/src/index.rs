//! What the entries say, indexed: rebuilt from them, never written beside them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use record::accreditation::Accreditation;
use record::arrangement::Arrangement;
use record::instrument::Sha256;
use record::json::Digest;
use record::registry::{Anchor, LogIdentity, RegistrationPolicy};
use record::revocation::{KeyLedger, KeyNumber};
use record::statement::{Content, SignedStatement};
use record::status::{State, StatusEvent, StatusRecord, Transition};

/// A certificate in the log.
#[derive(Debug, Clone, Copy)]
pub struct Certified {
    /// Its leaf.
    pub leaf: u64,
    /// Digest of the accreditation that it names.
    pub accreditation: Digest,
}

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    /// DID of the signer, by leaf; each DID is kept once.
    pub issuers: Vec<Arc<str>>,
    dids: HashSet<Arc<str>>,
    /// Leaves of each media type, in order.
    pub by_media_type: BTreeMap<String, Vec<u64>>,
    /// Leaf hash -> leaf.
    pub by_hash: HashMap<[u8; 32], u64>,
    /// Subject -> leaf of the statement that has it (not of events about it): what an event may name.
    pub by_subject: HashMap<String, u64>,
    /// Certificate number -> where it is; what it says stands in its entry.
    pub certificates: BTreeMap<String, Certified>,
    /// Digest of the entry -> leaf and content.
    pub accreditations: BTreeMap<Digest, (u64, Accreditation)>,
    /// DID -> leaf and content.
    pub anchors: BTreeMap<String, (u64, Anchor)>,
    /// Arrangement number -> leaf, content, digest of the entry.
    pub arrangements: BTreeMap<String, (u64, Arrangement, Digest)>,
    /// Digest of the file of a set of factors -> leaf of its latest publication.
    pub factor_sets: HashMap<Sha256, u64>,
    /// Arrangement id -> leaf of its acceptance.
    pub acceptances: BTreeMap<String, u64>,
    /// Signer certificates known, by x5t.
    pub signers: HashMap<[u8; 32], Vec<u8>>,
    /// What the log is: leaf 0, with the keys of the latest rollover.
    pub identity: Option<LogIdentity>,
    /// What the log registers: leaf 1.
    pub policy: Option<RegistrationPolicy>,
    /// Keys of bodies, and their revocations.
    pub ledger: KeyLedger,
    /// Key of a body that signed each leaf; none of other parties'.
    pub keys: Vec<Option<KeyNumber>>,
    /// Leaves to which something happened, all events in the log.
    pub records: BTreeMap<u64, StatusRecord>,
    /// Events and revocations in the log: their leaf, and a leaf whose record they change.
    pub events: Vec<(u64, u64)>,
}

impl Index {
    /// Takes up the next entry.
    pub fn take(&mut self, statement: SignedStatement, entry: &[u8], hash: [u8; 32]) -> u64 {
        let leaf = self.issuers.len() as u64;
        match self.by_media_type.get_mut(statement.media_type()) {
            Some(leaves) => leaves.push(leaf),
            None => {
                self.by_media_type.insert(statement.media_type().to_owned(), vec![leaf]);
            }
        }
        let key = self.ledger.signer(statement.issuer(), statement.x5t());
        self.keys.push(key);
        let (issuer, subject, content) = statement.into_content();
        let issuer = match self.dids.get(issuer.as_str()) {
            Some(known) => known.clone(),
            None => {
                let issuer: Arc<str> = issuer.into();
                self.dids.insert(issuer.clone());
                issuer
            }
        };
        self.issuers.push(issuer);
        self.by_hash.insert(hash, leaf);
        let mut vouch = |certificates: &[record::json::Der]| {
            for der in certificates {
                self.signers.insert(cose::sha256(&der.0), der.0.clone());
            }
        };
        match content {
            Content::Anchor(anchor) => {
                vouch(&anchor.signing_certificates);
                self.by_subject.insert(anchor.id.clone(), leaf);
                self.anchors.insert(anchor.id.clone(), (leaf, *anchor));
            }
            Content::Accreditation(accreditation) => {
                let body = &accreditation.credential_subject;
                vouch(&body.signing_certificates);
                let revoked = self.ledger.vouch(leaf, &body.id, &body.signing_certificates);
                if !revoked.is_empty() {
                    self.record(leaf).revocations = revoked;
                }
                self.by_subject.insert(accreditation.id.clone(), leaf);
                self.accreditations.insert(Digest::of(entry), (leaf, *accreditation));
            }
            Content::Certificate(certificate) => {
                self.by_subject.insert(subject, leaf);
                let accreditation =
                    certificate.credential_subject.authorisation[0].endorsement_evidence.digest_multibase;
                self.certificates.insert(certificate.number().to_owned(), Certified { leaf, accreditation });
            }
            Content::Arrangement(arrangement) => {
                self.by_subject.insert(arrangement.id.clone(), leaf);
                self.arrangements.insert(arrangement.number().to_owned(), (leaf, *arrangement, Digest::of(entry)));
            }
            Content::ArrangementAcceptance(acceptance) => {
                self.by_subject.insert(acceptance.id.clone(), leaf);
                self.acceptances.insert(acceptance.arrangement.clone(), leaf);
            }
            Content::StatusEvent(event) => {
                if let Some(&target) = self.by_subject.get(&event.subject) {
                    self.events.push((leaf, target));
                    self.record(target).history.push(transition(&event, leaf));
                    if let (State::Active, Some(key)) = (event.state, key) {
                        self.ledger.returned(key, target, leaf);
                    }
                }
            }
            Content::KeyRevocation(revocation) => {
                for (target, revoked) in self.ledger.revoke(leaf, &revocation) {
                    self.events.push((leaf, target));
                    self.record(target).revocations.push(revoked);
                }
            }
            Content::Method(method) => {
                self.by_subject.insert(method.id.clone(), leaf);
            }
            Content::FactorSet(set) => {
                self.by_subject.insert(set.id.clone(), leaf);
                self.factor_sets.insert(set.file.digest, leaf);
            }
            Content::RegistrationPolicy(policy) => self.policy = Some(*policy),
            Content::LogIdentity(identity) => self.identity = Some(*identity),
            Content::LogRollover(rollover) => {
                if let Some(identity) = &mut self.identity {
                    identity.note_key = rollover.note_key;
                    identity.status_note_key = rollover.status_note_key;
                    identity.receipt_key = rollover.receipt_key;
                }
            }
        }
        leaf
    }

    /// The record of a leaf as the events below `size` make it.
    pub fn record_at(&self, leaf: u64, size: u64) -> StatusRecord {
        self.records.get(&leaf).map_or_else(|| StatusRecord::new(leaf), |all| all.below(size))
    }

    fn record(&mut self, leaf: u64) -> &mut StatusRecord {
        self.records.entry(leaf).or_insert_with(|| StatusRecord::new(leaf))
    }

    /// Earliest cut-off of the key that signs a statement, and leaf of its first revocation.
    pub fn revoked_signer(&self, statement: &SignedStatement) -> Option<(Timestamp, u64)> {
        self.ledger.signer(statement.issuer(), statement.x5t()).and_then(|key| self.ledger.revoked(key))
    }

    /// Whether the body that issued a leaf has something to confirm: its signature, or its last return to active, is of a
    /// key that was revoked since.
    pub fn may_be_confirmed(&self, leaf: u64) -> bool {
        let signer = self.keys[leaf as usize].and_then(|key| self.ledger.revoked(key));
        let record = self.records.get(&leaf);
        let signed = signer.is_some_and(|(_, at)| !record.is_some_and(|record| record.is_confirmed_since(at)));
        let last = record.and_then(|record| record.history.last().map(|step| record.is_in_doubt(step)));
        signed || last.unwrap_or(false)
    }

    /// State of a leaf at a time, by all events in the log.
    pub fn state(&self, leaf: u64, at: Timestamp) -> State {
        self.records.get(&leaf).and_then(|record| record.at(at)).map_or(State::Active, |step| step.state)
    }
}

fn transition(event: &StatusEvent, leaf: u64) -> Transition {
    Transition {
        state: event.state,
        effective: event.effective,
        goods_rule: event.goods_rule,
        event_leaf: leaf,
        reason: event.reason.clone(),
    }
}
