//! Audit: a whole log replayed from its entries, as far as they alone allow.
//!
//! [`Replay`] takes every entry in order and holds it to the rules under which the log registers: form, signature, path of
//! the signing certificate, accreditation, subject, state. [`StatusReplay`] makes the status of every leaf again and
//! compares it with each epoch of the status log. Neither reads a tile or a checkpoint: that the entries are those of the
//! log is for the caller to have shown by their root.
//!
//! Not replayed, because the log does not hold it: which organisation called, and whether the footprint that a certificate
//! rests on was known. The moment of registration is not in the log either: whatever depends on it need only have held at
//! one end of the [`Window`] in which it lies.
//!
//! Memory: some 150 bytes a leaf (its subject, its status record's place in the map), and in full what entitles others:
//! anchors, accreditations, arrangements.

mod rules;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use cose::key::PublicKey;
use cose::x509::Certificate as X509;
use jiff::Timestamp;
use record::accreditation::Accreditation;
use record::arrangement::Arrangement;
use record::json::{Der, Digest};
use record::registry::{Anchor, Jwk, LogIdentity, RegistrationPolicy};
use record::revocation::{KeyLedger, KeyNumber};
use record::statement::{Content, SignedStatement};
use record::status::{State, StatusEvent, StatusRecord, Transition};

pub use status::{EpochBreach, StatusReplay};

use crate::trust::LogTrust;

/// The time in which an entry was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Of the epoch before the first that covers it.
    pub earliest: Timestamp,
    /// Its log time: of the first epoch that covers it; for an entry that none covers yet, now.
    pub latest: Timestamp,
}

/// The rule that an entry breaks; where the log refuses for it too, in the same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Not a statement in strict CBOR, its one spelling, and its closed schema.
    StatementInvalid,
    /// Leaves 0 and 1 are not identity and policy of this log, or such a statement stands elsewhere.
    FirstLeaves,
    /// The registration policy in leaf 1 does not name the content type or the algorithm, or the payload is too long.
    PolicyExceeded,
    /// The signature is not that of the key over these bytes.
    SignatureInvalid,
    /// No anchor or accreditation before it vouches for the signing certificate.
    SignerUnknown,
    /// The signing certificate does not lead to its authority, was not valid, or names somebody else.
    SignerPathInvalid,
    /// Whoever signed may not sign this.
    SignerNotEntitled,
    /// The signing key, or one vouched for, is revoked.
    SignerKeyRevoked,
    /// No accreditation before it is the one named.
    AccreditationMissing,
    /// The accreditation does not cover it.
    AccreditationOutOfScope,
    /// The accreditation or anchor was not active.
    AccreditationNotActive,
    /// An event or acceptance about nothing in the log.
    SubjectUnknown,
    /// A statement of this subject or number stands before it.
    SubjectInUse,
    /// An event that cannot follow.
    StateNotAllowed,
}

impl Rule {
    /// Stable word for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Rule::StatementInvalid => "STATEMENT_INVALID",
            Rule::FirstLeaves => "FIRST_LEAVES",
            Rule::PolicyExceeded => "POLICY_EXCEEDED",
            Rule::SignatureInvalid => "SIGNATURE_INVALID",
            Rule::SignerUnknown => "SIGNER_UNKNOWN",
            Rule::SignerPathInvalid => "SIGNER_PATH_INVALID",
            Rule::SignerNotEntitled => "SIGNER_NOT_ENTITLED",
            Rule::SignerKeyRevoked => "SIGNER_KEY_REVOKED",
            Rule::AccreditationMissing => "ACCREDITATION_MISSING",
            Rule::AccreditationOutOfScope => "ACCREDITATION_OUT_OF_SCOPE",
            Rule::AccreditationNotActive => "ACCREDITATION_NOT_ACTIVE",
            Rule::SubjectUnknown => "SUBJECT_UNKNOWN",
            Rule::SubjectInUse => "SUBJECT_IN_USE",
            Rule::StateNotAllowed => "STATE_NOT_ALLOWED",
        }
    }
}

/// An entry that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Leaf index.
    pub leaf: u64,
    /// The rule.
    pub rule: Rule,
    /// In words, with what was found.
    pub message: String,
}

/// What stands under a subject.
#[derive(Debug, Clone, Copy)]
struct Held {
    leaf: u64,
    /// Place of the issuer among the issuers seen.
    issuer: u32,
    /// The body's key that signed it.
    key: Option<KeyNumber>,
}

/// First half of a digest: two subjects that share it would be a collision of 128 bits.
type Key = [u8; 16];

/// The entries so far.
#[derive(Debug, Default)]
pub struct Replay {
    expected: Option<LogTrust>,
    identity: Option<LogIdentity>,
    operator: Option<PublicKey>,
    /// The receipt key that signs the next rollover, and how many came before.
    receipt: Option<PublicKey>,
    rollovers: usize,
    policy: Option<RegistrationPolicy>,
    size: u64,
    signatures: u64,
    by_media_type: BTreeMap<String, u64>,
    issuers: BTreeMap<String, u32>,
    subjects: BTreeMap<Key, Held>,
    numbers: BTreeMap<Key, u64>,
    anchors: BTreeMap<String, (u64, Anchor)>,
    accreditations: BTreeMap<Digest, (u64, Accreditation)>,
    arrangements: BTreeMap<String, (Arrangement, Digest)>,
    acceptances: BTreeMap<String, u64>,
    /// Digests of the published sets of factors.
    factor_sets: BTreeSet<[u8; 32]>,
    signers: BTreeMap<[u8; 32], Vec<u8>>,
    /// Keys of bodies, and their revocations.
    ledger: KeyLedger,
    /// Paths found good, by digests of certificate and authority; dates and names are looked at every time.
    paths: BTreeMap<([u8; 32], [u8; 32]), X509>,
    records: BTreeMap<u64, StatusRecord>,
    /// Leaves to which something happened since the map was last brought up to date.
    changed: Vec<u64>,
}

impl Replay {
    /// No entries yet. `expected` are the names and keys of the log that leaf 0 must state, where they are known from
    /// elsewhere; otherwise leaf 0 is taken at its word.
    pub fn new(expected: Option<LogTrust>) -> Self {
        Replay { expected, ..Replay::default() }
    }

    /// Takes up the next entry and holds it to the rules. One that breaks a rule is taken up all the same, as the log did,
    /// so that later ones are judged against what the log holds.
    ///
    /// # Errors
    /// [`Breach`]: the first rule that it breaks.
    pub fn take(&mut self, entry: &[u8], within: &Window) -> Result<(), Breach> {
        let leaf = self.size;
        let broken = |(rule, message): (Rule, String)| Breach { leaf, rule, message };
        let statement = match SignedStatement::from_entry(entry) {
            Ok(statement) => statement,
            Err(error) => {
                self.size += 1;
                return Err(broken((Rule::StatementInvalid, error.to_string())));
            }
        };
        let judged = self.judge(&statement, within);
        if judged.is_ok() {
            self.signatures += 1;
        }
        self.index(&statement, entry);
        judged.map_err(broken)
    }

    /// Number of entries taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Signatures that were checked and are good.
    pub fn signatures(&self) -> u64 {
        self.signatures
    }

    /// Statements of each content type.
    pub fn by_media_type(&self) -> &BTreeMap<String, u64> {
        &self.by_media_type
    }

    /// Leaf 0, where it is the identity of a log.
    pub fn identity(&self) -> Option<&LogIdentity> {
        self.identity.as_ref()
    }

    /// Leaf 1, where it is a registration policy.
    pub fn policy(&self) -> Option<&RegistrationPolicy> {
        self.policy.as_ref()
    }

    /// Leaves to which an event happened.
    pub fn changed_leaves(&self) -> usize {
        self.records.len()
    }

    fn index(&mut self, statement: &SignedStatement, entry: &[u8]) {
        let leaf = self.size;
        self.size += 1;
        *self.by_media_type.entry(statement.media_type().to_owned()).or_default() += 1;
        let next = self.issuers.len() as u32;
        let issuer = *self.issuers.entry(statement.issuer().to_owned()).or_insert(next);
        let key_number = self.ledger.signer(statement.issuer(), statement.x5t());
        let held = Held { leaf, issuer, key: key_number };
        match statement.content() {
            Content::LogIdentity(identity) if leaf == 0 => {
                self.operator = key_of(&identity.operator_key);
                self.receipt = key_of(&identity.receipt_key);
                self.identity = Some(LogIdentity::clone(identity));
            }
            Content::RegistrationPolicy(policy) if leaf == 1 => self.policy = Some(RegistrationPolicy::clone(policy)),
            Content::LogIdentity(_) | Content::RegistrationPolicy(_) => {}
            Content::LogRollover(rollover) => {
                // One of somebody else is a breach, and changes nothing.
                if self.receipt.as_ref().is_some_and(|receipt| statement.verify(receipt).is_ok()) {
                    self.receipt = key_of(&rollover.receipt_key);
                    self.rollovers += 1;
                }
            }
            Content::Anchor(anchor) => {
                self.vouch(&anchor.signing_certificates);
                self.subjects.insert(key(&anchor.id), held);
                self.anchors.insert(anchor.id.clone(), (leaf, Anchor::clone(anchor)));
            }
            Content::Accreditation(accreditation) => {
                let body = &accreditation.credential_subject;
                self.vouch(&body.signing_certificates);
                let revoked = self.ledger.vouch(leaf, &body.id, &body.signing_certificates);
                if !revoked.is_empty() {
                    self.record_mut(leaf).revocations = revoked;
                }
                self.subjects.insert(key(&accreditation.id), held);
                self.accreditations.insert(Digest::of(entry), (leaf, Accreditation::clone(accreditation)));
            }
            Content::Certificate(certificate) => {
                self.subjects.insert(key(statement.subject()), held);
                self.numbers.insert(numbered("certificates", certificate.number()), leaf);
            }
            Content::Arrangement(arrangement) => {
                self.subjects.insert(key(&arrangement.id), held);
                self.numbers.insert(numbered("arrangements", arrangement.number()), leaf);
                let content = (Arrangement::clone(arrangement), Digest::of(entry));
                self.arrangements.insert(arrangement.id.clone(), content);
            }
            Content::ArrangementAcceptance(acceptance) => {
                self.subjects.insert(key(&acceptance.id), held);
                self.acceptances.insert(acceptance.arrangement.clone(), leaf);
            }
            Content::Method(method) => {
                self.subjects.insert(key(&method.id), held);
            }
            Content::FactorSet(set) => {
                self.subjects.insert(key(&set.id), held);
                self.factor_sets.insert(set.file.digest.0);
            }
            Content::StatusEvent(event) => {
                if let Some(Held { leaf: target, .. }) = self.subjects.get(&key(&event.subject)).copied() {
                    self.record_mut(target).history.push(transition(event, leaf));
                    self.changed.push(target);
                    if let (State::Active, Some(number)) = (event.state, key_number) {
                        self.ledger.returned(number, target, leaf);
                    }
                }
            }
            Content::KeyRevocation(revocation) => {
                for (target, revoked) in self.ledger.revoke(leaf, revocation) {
                    self.record_mut(target).revocations.push(revoked);
                    self.changed.push(target);
                }
            }
        }
    }

    fn vouch(&mut self, certificates: &[Der]) {
        for der in certificates {
            self.signers.insert(cose::sha256(&der.0), der.0.clone());
        }
    }

    fn record_mut(&mut self, leaf: u64) -> &mut StatusRecord {
        self.records.entry(leaf).or_insert_with(|| StatusRecord::new(leaf))
    }

    fn state(&self, leaf: u64, at: Timestamp) -> State {
        self.records.get(&leaf).and_then(|record| record.at(at)).map_or(State::Active, |step| step.state)
    }
}

/// The public key of JWK members.
fn key_of(jwk: &Jwk) -> Option<PublicKey> {
    PublicKey::from_jwk(&serde_json::to_string(jwk).ok()?).ok()
}

fn key(subject: &str) -> Key {
    let digest = cose::sha256(subject.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

fn numbered(kind: &str, number: &str) -> Key {
    key(&format!("{kind}/{number}"))
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
