//! What the log says of itself: its identity (leaf 0), its registration policy (leaf 1) and the anchors it knows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json::{self, Der, PayloadError};
use crate::name;

/// Public key as JWK members (RFC 7517), in the order of RFC 7638.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// Curve.
    pub crv: String,
    /// Key type.
    pub kty: String,
    /// x coordinate or public key, base64url.
    pub x: String,
    /// y coordinate, base64url, for EC keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

/// Leaf 0: names and keys of the log, signed with the receipt key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogIdentity {
    /// Origin of the log's checkpoints; the status log's is this with `/status`.
    pub origin: String,
    /// DID of the log: issuer of receipts.
    pub id: String,
    /// C2SP verifier key of the log's checkpoints.
    pub note_key: String,
    /// C2SP verifier key of the status log's checkpoints.
    pub status_note_key: String,
    /// Key of receipts.
    pub receipt_key: Jwk,
    /// Key with which the operator signs anchors.
    pub operator_key: Jwk,
    /// When the log began.
    pub created: Timestamp,
}

/// Leaf 1: what the log registers, signed with the receipt key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationPolicy {
    /// DID of the log.
    pub id: String,
    /// Origin of the log.
    pub origin: String,
    /// Content types registered.
    pub media_types: Vec<String>,
    /// COSE algorithms accepted.
    pub algorithms: Vec<i64>,
    /// Largest payload in bytes.
    pub max_payload_bytes: u64,
    /// Longest time between two status epochs in seconds.
    pub max_epoch_seconds: u64,
}

/// New keys of the log, signed with the receipt key that they take the place of: whoever trusts that key follows. A key
/// that stays is stated again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRollover {
    /// DID of the log.
    pub id: String,
    /// Origin of the log.
    pub origin: String,
    /// C2SP verifier key of the log's checkpoints from now on.
    pub note_key: String,
    /// C2SP verifier key of the status log's checkpoints from now on.
    pub status_note_key: String,
    /// Key of receipts from now on, and of the next rollover.
    pub receipt_key: Jwk,
    /// Under the keys before, no status later than this is believed.
    pub earlier_until: Timestamp,
}

/// What an anchored party may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorRole {
    /// Accreditations (ISO/IEC 17011).
    AccreditationBody,
    /// Recognition arrangements.
    ArrangementParty,
    /// Editions of methods and of sets of factors.
    SchemeOwner,
}

/// A party whose certificate authority is an anchor for statements. Signed by the operator, who thereby says only
/// "this is the key I was shown": a verifier trusts its own file, never this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Anchor {
    /// DID of the operator, who signs this: the log's own.
    pub operator: String,
    /// DID of the party.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may sign.
    pub role: AnchorRole,
    /// Organisation id of its callers.
    pub organization: String,
    /// Its certificate authority.
    pub authority: Der,
    /// Its statement-signing certificates, issued by that authority.
    pub signing_certificates: Vec<Der>,
}

impl Anchor {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let anchor: Anchor = json::read(bytes)?;
        name::check_did(&anchor.id).map_err(|e| PayloadError::rule("id", e.to_string()))?;
        name::check_id(&anchor.organization).map_err(|e| PayloadError::rule("organization", e.to_string()))?;
        if anchor.signing_certificates.is_empty() {
            return Err(PayloadError::rule("signingCertificates", "name at least one certificate"));
        }
        Ok(anchor)
    }
}
