//! Application for certification, with its review and decision (ISO/IEC 17065, 7.2 to 7.6).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplicationState {
    /// Handed in, waiting for review.
    Submitted,
    /// Reviewed; the recomputed statement agrees.
    Reviewed,
    /// Granted; the body may sign.
    Granted,
    /// Refused.
    Refused,
    /// The certificate is in the log.
    Certified,
}

/// What the reviewer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The person.
    pub reviewer: String,
    /// When.
    pub time: Timestamp,
    /// SHA-256 of the statement that the reviewer recomputed.
    pub recomputed: [u8; 32],
    /// The reviewer's words.
    pub note: String,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The person.
    pub decider: String,
    /// When.
    pub time: Timestamp,
    /// Whether it was granted.
    pub granted: bool,
    /// Why.
    pub reason: String,
}

/// An application for certification of one footprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// `organizations/{organization}/applications/{application}`
    pub name: String,
    /// The footprint, by resource name.
    pub footprint: String,
    /// Organisation id of the body.
    pub certification_body: String,
    /// Scheme, by URI.
    pub scheme: String,
    /// CN code.
    pub product_class: String,
    /// SHA-256 of the footprint statement.
    pub statement: [u8; 32],
    /// Where it stands.
    pub state: ApplicationState,
    /// Set once reviewed.
    pub review: Option<Review>,
    /// Set once decided.
    pub decision: Option<Decision>,
    /// Certificate id and leaf, once certified.
    pub certificate: Option<(String, u64)>,
    /// When it was handed in.
    pub created: Timestamp,
}
