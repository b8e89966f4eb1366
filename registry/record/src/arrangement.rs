//! Recognition arrangement between two parties: what one accepts of the other, and under which conditions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json::{self, Digest, PayloadError};
use crate::name;

/// A scheme of the providing side and what the asking side takes it for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Equivalence {
    /// Scheme as certified, by URI.
    pub scheme: String,
    /// Scheme of the asking side, by URI.
    pub equivalent_to: String,
}

/// An arrangement, signed by the asking party. It holds once the other party's acceptance names its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Arrangement {
    /// Id (URI); its last part is the arrangement's number.
    pub id: String,
    /// Party that asks and accepts: DID. Signs this statement.
    pub asking_party: String,
    /// Party whose certificates are recognised: DID. Signs the acceptance.
    pub providing_party: String,
    /// Accreditation bodies recognised: DIDs.
    pub accreditation_bodies: Vec<String>,
    /// Schemes recognised.
    pub schemes: Vec<Equivalence>,
    /// CN codes or their beginnings.
    pub product_classes: Vec<String>,
    /// UNTP attestation types recognised.
    pub attestation_types: Vec<String>,
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
    /// Greatest share of missing data, 0 to 1.
    pub max_gap_share: String,
    /// Least share of metered data under valid calibration, 0 to 1.
    pub min_calibration_coverage: String,
    /// Greatest expanded uncertainty of the total, relative to it, 0 to 1.
    pub max_relative_uncertainty: String,
    /// Above this relative uncertainty the value is accepted on the condition that value + U is declared.
    pub guarded_relative_uncertainty: String,
}

impl Arrangement {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: Arrangement = json::read(bytes)?;
        name::check_did(&read.asking_party).map_err(|e| PayloadError::rule("askingParty", e.to_string()))?;
        name::check_did(&read.providing_party).map_err(|e| PayloadError::rule("providingParty", e.to_string()))?;
        name::check_id(read.number()).map_err(|e| PayloadError::rule("id", format!("last part: {e}")))?;
        if read.from >= read.until {
            return Err(PayloadError::rule("until", "must be later than from"));
        }
        // Classes are matched by their beginning: an empty one would cover everything.
        if read.product_classes.iter().any(String::is_empty) {
            return Err(PayloadError::rule("productClasses", "must not be empty text"));
        }
        for (path, text) in [
            ("maxGapShare", &read.max_gap_share),
            ("minCalibrationCoverage", &read.min_calibration_coverage),
            ("maxRelativeUncertainty", &read.max_relative_uncertainty),
            ("guardedRelativeUncertainty", &read.guarded_relative_uncertainty),
        ] {
            let value: f64 = text.parse().map_err(|_| PayloadError::rule(path, "must be a decimal number"))?;
            if !(0.0..=1.0).contains(&value) {
                return Err(PayloadError::rule(path, "must be between 0 and 1"));
            }
        }
        Ok(read)
    }

    /// Arrangement number: the last part of the id.
    pub fn number(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or("")
    }
}

/// The providing party's signature under an arrangement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrangementAcceptance {
    /// Id (URI).
    pub id: String,
    /// DID of the signer: the arrangement's providing party.
    pub issuer: String,
    /// Id of the arrangement.
    pub arrangement: String,
    /// SHA-256 of the arrangement's entry bytes.
    pub digest: Digest,
}

impl ArrangementAcceptance {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: ArrangementAcceptance = json::read(bytes)?;
        name::check_did(&read.issuer).map_err(|e| PayloadError::rule("issuer", e.to_string()))?;
        Ok(read)
    }
}
