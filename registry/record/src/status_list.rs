//! Bitstring status lists: the status map at an epoch as W3C Bitstring Status List 1.0 has it, for verifiers of credentials
//! that know nothing of logs. A projection: every bit follows from the map root of the epoch that the list names.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::certificate::{TERMS_CONTEXT, VC_CONTEXT};
use crate::json::{self, Digest};
use crate::status::{Epoch, State, StatusRecord};

/// Bits of a list: the least that herd privacy allows (Bitstring Status List 1.0, 3.1 and 6.1). Leaf `n` of the log is bit
/// `n % LIST_BITS` of list `n / LIST_BITS`.
pub const LIST_BITS: u64 = 131_072;
/// How long after its epoch a list is valid: an epoch comes every ten minutes at most, and stale never means valid.
const VALID: SignedDuration = SignedDuration::from_hours(24);

/// What a set bit says (Bitstring Status List 1.0, 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusPurpose {
    /// Ended for good: withdrawn or superseded.
    Revocation,
    /// Suspended for a time.
    Suspension,
}

impl StatusPurpose {
    /// Every purpose that is published.
    pub const ALL: [StatusPurpose; 2] = [StatusPurpose::Revocation, StatusPurpose::Suspension];

    /// The word of the standard.
    pub fn word(self) -> &'static str {
        match self {
            StatusPurpose::Revocation => "revocation",
            StatusPurpose::Suspension => "suspension",
        }
    }

    /// Whether a record sets the bit at a time.
    fn is_set(self, record: &StatusRecord, at: Timestamp) -> bool {
        record.at(at).is_some_and(|step| match self {
            StatusPurpose::Revocation => step.state.is_final(),
            StatusPurpose::Suspension => step.state == State::Suspended,
        })
    }
}

/// Which list, by its path: `status-lists/{purpose}/{number}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusListName {
    /// What its bits say.
    pub purpose: StatusPurpose,
    /// Its number, from 0.
    pub number: u64,
}

impl StatusListName {
    /// Reads a path, in its one spelling.
    pub fn parse(path: &str) -> Option<Self> {
        let (purpose, number) = path.strip_prefix("status-lists/")?.split_once('/')?;
        let purpose = StatusPurpose::ALL.into_iter().find(|known| known.word() == purpose)?;
        let name = StatusListName { purpose, number: number.parse().ok()? };
        (name.path() == path).then_some(name)
    }

    /// The path.
    pub fn path(&self) -> String {
        format!("status-lists/{}/{}", self.purpose.word(), self.number)
    }

    /// Its first leaf; `None` where a log cannot have so many.
    pub fn first_leaf(&self) -> Option<u64> {
        self.number.checked_mul(LIST_BITS)
    }

    /// The bits, leaf by leaf from the left of each byte (Bitstring Status List 1.0, 3.3), as `records` say at `at`. Records
    /// of other leaves are passed over; a leaf without a record is active.
    pub fn bits<'a>(&self, records: impl Iterator<Item = &'a StatusRecord>, at: Timestamp) -> Vec<u8> {
        let mut bits = vec![0u8; (LIST_BITS / 8) as usize];
        for record in records.filter(|record| record.leaf / LIST_BITS == self.number) {
            if self.purpose.is_set(record, at) {
                let bit = record.leaf % LIST_BITS;
                bits[(bit / 8) as usize] |= 0x80 >> (bit % 8);
            }
        }
        bits
    }

    /// The credential: what the log signs as `application/vc+cose`. `base` is its address, such as
    /// `https://log.example/touchstone`, and `issuer` the DID of the log.
    pub fn payload(&self, base: &str, issuer: &str, epoch: &Epoch, bits: &[u8]) -> Vec<u8> {
        let id = format!("{base}/{}", self.path());
        json::write(&Credential {
            context: [VC_CONTEXT, TERMS_CONTEXT],
            types: ["VerifiableCredential", "BitstringStatusListCredential"],
            issuer,
            valid_from: epoch.time,
            valid_until: epoch.time.saturating_add(VALID).unwrap_or(epoch.time),
            credential_subject: Subject {
                id: format!("{id}#list"),
                kind: "BitstringStatusList",
                status_purpose: self.purpose.word(),
                encoded_list: encoded(bits),
            },
            evidence: [EpochNamed {
                kind: ["StatusEpoch"],
                epoch: epoch.number,
                digest_multibase: Digest::of(&epoch.to_bytes()),
            }],
            id,
        })
    }
}

/// Multibase base64url of the GZIP of a bitstring (Bitstring Status List 1.0, 3.3).
fn encoded(bits: &[u8]) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes all that is written to it.
    let packed = gzip.write_all(bits).and_then(|()| gzip.finish()).expect("memory takes it");
    format!("u{}", URL_SAFE_NO_PAD.encode(packed))
}

/// BitstringStatusListCredential (2.2).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credential<'a> {
    #[serde(rename = "@context")]
    context: [&'a str; 2],
    id: String,
    #[serde(rename = "type")]
    types: [&'a str; 2],
    issuer: &'a str,
    valid_from: Timestamp,
    valid_until: Timestamp,
    credential_subject: Subject,
    /// The epoch of the status log from which every bit follows (our term).
    evidence: [EpochNamed; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    status_purpose: &'static str,
    encoded_list: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EpochNamed {
    #[serde(rename = "type")]
    kind: [&'static str; 1],
    epoch: u64,
    /// SHA-256 of the epoch record, the entry of the status log.
    digest_multibase: Digest,
}
