//! Revocation of a signing key of a certification body: the statement, what it leaves in status records, and the ledger
//! that folds both from the entries.
//!
//! What the key signed is judged by log time against the cut-off: before it, it stands; from then on until the
//! revocation came into the log, nobody can tell who signed, until the body confirms with another key; after that the
//! log takes nothing from the key. A later statement may set the cut-off earlier, never later: no key comes back.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cose::x509::Certificate as X509;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::json::{self, Der, PayloadError};
use crate::name;
use crate::status::{State, StatusRecord, Transition};

/// How far before its registration a return to active may be dated: the clock skew that a log allows its bodies.
const RETURN_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How a thumbprint of a key is written (RFC 9278, section 3; hash names of RFC 9278, section 4).
const THUMBPRINT_URI: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";

/// SHA-256 JWK thumbprint of a public key (RFC 7638), written as the URI of RFC 9278. It is of the key and not of a
/// certificate: who has the key has it under every certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyThumbprint(pub [u8; 32]);

impl KeyThumbprint {
    /// Of the key in a signing certificate; `None` where that cannot be read.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        X509::from_der(der).ok().map(|certificate| KeyThumbprint(certificate.public_key().thumbprint()))
    }
}

impl std::fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{THUMBPRINT_URI}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl std::str::FromStr for KeyThumbprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str =
            "expected urn:ietf:params:oauth:jwk-thumbprint:sha-256: and the thumbprint of the key in base64url";
        let digest = URL_SAFE_NO_PAD.decode(text.strip_prefix(THUMBPRINT_URI).ok_or(WANTED)?).map_err(|_| WANTED)?;
        Ok(KeyThumbprint(digest.try_into().map_err(|_| WANTED)?))
    }
}

impl Serialize for KeyThumbprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyThumbprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A signed revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRevocation {
    /// The statement's own id (URI).
    pub id: String,
    /// DID of the signer: the body itself, with another key, or an accreditation body that vouched for this one.
    pub issuer: String,
    /// DID of the certification body whose key it is; the subject of the statement.
    pub body: String,
    /// The key.
    pub key: KeyThumbprint,
    /// From when on, by log time, a signature of the key proves nothing by itself.
    pub cut_off: Timestamp,
    /// Why, in words a holder understands.
    pub reason: String,
}

impl KeyRevocation {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: KeyRevocation = json::read(bytes)?;
        name::check_did(&read.issuer).map_err(|e| PayloadError::rule("issuer", e.to_string()))?;
        name::check_did(&read.body).map_err(|e| PayloadError::rule("body", e.to_string()))?;
        if read.reason.is_empty() || read.reason.len() > 500 {
            return Err(PayloadError::rule("reason", "say why, in at most 500 bytes"));
        }
        Ok(read)
    }
}

/// A revocation as it stands in a status record: in that of each accreditation that vouches for the key, and of each
/// leaf that the key returned to active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedKey {
    /// The key.
    pub key: KeyThumbprint,
    /// The cut-off, in whole seconds.
    pub cut_off: Timestamp,
    /// Leaf of the revocation.
    pub leaf: u64,
    /// Leaves of the events, among those of the record, by which the key returned it to active.
    pub returns: Vec<u64>,
}

impl StatusRecord {
    /// What the record says of a key: earliest cut-off, and leaf of the first revocation.
    pub fn revoked(&self, key: &KeyThumbprint) -> Option<(Timestamp, u64)> {
        let of_key = || self.revocations.iter().filter(|revoked| revoked.key == *key);
        Some((of_key().map(|revoked| revoked.cut_off).min()?, of_key().map(|revoked| revoked.leaf).min()?))
    }

    /// Whether the leaf was confirmed after a revocation: returned to active by a key of which no doubt is known. Who did
    /// it says that the statement is genuine, and it is so at every date.
    pub fn is_confirmed_since(&self, revocation: u64) -> bool {
        let confirms = |step: &&Transition| step.state == State::Active && step.event_leaf > revocation;
        self.history.iter().filter(confirms).any(|step| self.suspicion(step).is_none())
    }

    /// Whether a return to active may be another's: signed in the window of a revoked key, and not confirmed since. An
    /// event has no log time here; the latest time that its date allows stands for it.
    pub fn is_in_doubt(&self, step: &Transition) -> bool {
        self.suspicion(step).is_some_and(|revocation| !self.is_confirmed_since(revocation))
    }

    /// Leaf of the first revocation in whose window an event lies.
    fn suspicion(&self, step: &Transition) -> Option<u64> {
        let registered = step.effective.saturating_add(RETURN_SKEW).unwrap_or(step.effective);
        let in_window =
            |revoked: &&RevokedKey| revoked.returns.contains(&step.event_leaf) && registered >= revoked.cut_off;
        self.revocations.iter().filter(in_window).map(|revoked| revoked.leaf).min()
    }
}

/// A key of a body, by its place in a [`KeyLedger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyNumber(u32);

/// The keys with which bodies sign, and which of them are revoked, folded from the entries in log order.
#[derive(Debug, Default)]
pub struct KeyLedger {
    /// Key of each signing certificate, by the SHA-256 of the certificate.
    certificates: BTreeMap<[u8; 32], KeyThumbprint>,
    /// Bodies that sign with a key; hardly ever more than one.
    bodies: BTreeMap<KeyThumbprint, Vec<(String, KeyNumber)>>,
    keys: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    key: KeyThumbprint,
    /// Leaves of the accreditations that vouch for it.
    vouching: Vec<u64>,
    /// Returns to active that it signed: leaf returned, leaf of the event.
    returns: Vec<(u64, u64)>,
    /// Cut-off and leaf of each revocation.
    revocations: Vec<(Timestamp, u64)>,
}

impl KeyLedger {
    /// A body's key; `None` where no accreditation of the body vouches for it.
    pub fn key_of(&self, body: &str, key: KeyThumbprint) -> Option<KeyNumber> {
        let bodies = self.bodies.get(&key)?;
        bodies.iter().find(|(known, _)| known == body).map(|(_, number)| *number)
    }

    /// The key that signed a statement of `issuer` with the certificate `x5t`; `None` of keys that no accreditation
    /// vouches for, such as those of anchored parties.
    pub fn signer(&self, issuer: &str, x5t: Option<[u8; 32]>) -> Option<KeyNumber> {
        self.key_of(issuer, *self.certificates.get(&x5t?)?)
    }

    /// Leaves of the accreditations that vouch for a key.
    pub fn vouching(&self, key: KeyNumber) -> &[u64] {
        &self.keys[key.0 as usize].vouching
    }

    /// Earliest cut-off of a key, and leaf of its first revocation; `None` where it is not revoked.
    pub fn revoked(&self, key: KeyNumber) -> Option<(Timestamp, u64)> {
        let revocations = &self.keys[key.0 as usize].revocations;
        let cut_off = revocations.iter().map(|(cut_off, _)| *cut_off).min()?;
        Some((cut_off, revocations.first()?.1))
    }

    /// An accreditation vouches for these certificates of a body; the revocations that its record begins with.
    pub fn vouch(&mut self, leaf: u64, body: &str, certificates: &[Der]) -> Vec<RevokedKey> {
        let mut revoked = Vec::new();
        for der in certificates {
            let Some(key) = KeyThumbprint::of_certificate(&der.0) else { continue };
            self.certificates.insert(cose::sha256(&der.0), key);
            let number = self.number(body, key);
            let known = &mut self.keys[number.0 as usize];
            if !known.vouching.contains(&leaf) {
                known.vouching.push(leaf);
                revoked
                    .extend(known.revocations.iter().map(|(cut_off, leaf)| known.entry(*cut_off, *leaf, Vec::new())));
            }
        }
        revoked.sort_by_key(|revoked| revoked.leaf);
        revoked
    }

    /// A key returned a leaf to active.
    pub fn returned(&mut self, key: KeyNumber, leaf: u64, event: u64) {
        self.keys[key.0 as usize].returns.push((leaf, event));
    }

    /// A key is revoked at `leaf`: the leaves whose records say so from now on, and what each says. None where nothing
    /// vouches for such a key.
    pub fn revoke(&mut self, leaf: u64, revocation: &KeyRevocation) -> Vec<(u64, RevokedKey)> {
        let Some(number) = self.key_of(&revocation.body, revocation.key) else { return Vec::new() };
        let known = &mut self.keys[number.0 as usize];
        let cut_off = whole_second(revocation.cut_off);
        known.revocations.push((cut_off, leaf));
        let mut concerned: BTreeMap<u64, Vec<u64>> = known.vouching.iter().map(|leaf| (*leaf, Vec::new())).collect();
        for (target, event) in &known.returns {
            concerned.entry(*target).or_default().push(*event);
        }
        concerned.into_iter().map(|(target, returns)| (target, known.entry(cut_off, leaf, returns))).collect()
    }

    fn number(&mut self, body: &str, key: KeyThumbprint) -> KeyNumber {
        if let Some(number) = self.key_of(body, key) {
            return number;
        }
        let number = KeyNumber(self.keys.len() as u32);
        self.bodies.entry(key).or_default().push((body.to_owned(), number));
        self.keys.push(Known { key, vouching: Vec::new(), returns: Vec::new(), revocations: Vec::new() });
        number
    }
}

impl Known {
    fn entry(&self, cut_off: Timestamp, leaf: u64, returns: Vec<u64>) -> RevokedKey {
        RevokedKey { key: self.key, cut_off, leaf, returns }
    }
}

/// A cut-off as records hold it.
pub fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
