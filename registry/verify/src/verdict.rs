//! Verdict: the typed answer, never a bare boolean.

use jiff::Timestamp;
use serde::Serialize;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Everything was established.
    Accepted,
    /// Accepted, with the conditions named.
    AcceptedWithConditions,
    /// Something could not be established.
    Indeterminate,
    /// Something was contradicted.
    Refused,
}

/// What is checked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Check {
    /// The bytes, and the signature over them.
    Signature,
    /// Inclusion in the log, receipt, checkpoints, epochs.
    Log,
    /// The signer's key at log time.
    SignerKey,
    /// Accreditation scope at log time.
    Accreditation,
    /// State at the date asked about.
    State,
    /// Production date against goods period and state.
    Goods,
    /// The arrangement's clauses.
    Arrangement,
    /// Gaps, calibration, uncertainty, decision.
    Data,
    /// Age of what was used.
    Freshness,
}

/// Whether a fact was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FactState {
    /// Shown by proof.
    Established,
    /// Neither shown nor contradicted.
    NotEstablished,
    /// Shown to be otherwise.
    Contradicted,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What.
    pub check: Check,
    /// What came out.
    pub state: FactState,
    /// In words, with the figures.
    pub detail: String,
}

/// Stable code of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The file is no bundle, or damaged in transport.
    BundleUnreadable,
    /// The certificate is no statement of ours.
    CertificateUnreadable,
    /// The signature does not fit bytes and key.
    SignatureInvalid,
    /// A checkpoint is not signed by the log trusted, or not by enough witnesses.
    CheckpointUntrusted,
    /// A proof does not lead to the signed root.
    ProofInvalid,
    /// The receipt is not the log's, or of another tree.
    ReceiptInvalid,
    /// The signer's certificate does not lead to an accreditation body trusted, or was not valid.
    SignerPathInvalid,
    /// The signer's certificate does not name the issuer, or the accreditation does not name the certificate.
    SignerNotVouched,
    /// The signing key was revoked before the certificate came into the log.
    SignerKeyRevoked,
    /// The signing key was revoked since, and the certificate, or a return to active, lies in the window in which anybody
    /// may have signed.
    SignerKeyInDoubt,
    /// The accreditation is none, or is another than the certificate names.
    AccreditationInvalid,
    /// The accreditation was suspended or withdrawn at log time.
    AccreditationNotActive,
    /// The accreditation does not cover scheme, product class, country, kind or date.
    AccreditationScope,
    /// The certificate was not in the log by the date asked about.
    NotYetRegistered,
    /// The certificate was not yet valid.
    NotYetValid,
    /// The certificate had expired.
    CertificateExpired,
    /// The certificate was suspended.
    CertificateSuspended,
    /// The certificate was withdrawn.
    CertificateWithdrawn,
    /// The certificate was replaced.
    CertificateSuperseded,
    /// Withdrawn or suspended since, but these goods were made before and stay covered.
    GoodsMadeBefore,
    /// The goods were not made in the period that the certificate covers.
    GoodsOutsidePeriod,
    /// The bundle carries no arrangement: recognition was not judged.
    ArrangementMissing,
    /// The arrangement is not signed by both parties.
    ArrangementInvalid,
    /// The arrangement was suspended or withdrawn.
    ArrangementNotActive,
    /// The arrangement is another party's.
    ArrangementOtherParty,
    /// A clause of the arrangement does not cover the certificate.
    ArrangementClause,
    /// The data are below what the arrangement asks.
    DataCondition,
    /// Declare value + U, as the arrangement asks at this uncertainty.
    DeclareUpperValue,
    /// The decision of the scheme is not that it conforms.
    DecisionNotConforming,
    /// The status is older than the verifier accepts.
    StatusStale,
    /// The date asked about is later than the verifier's clock: nothing is known of it.
    DateAhead,
    /// What was used is dated later than the verifier's clock.
    ClockAhead,
}

/// Why the outcome is no plain acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable code.
    pub code: Code,
    /// Clause of the arrangement, or rule applied.
    pub clause: String,
    /// In words.
    pub message: String,
    /// What could change it.
    pub remedy: String,
}

/// The answer with everything behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// What was checked, in order.
    pub facts: Vec<Fact>,
    /// Why, in the order found; empty for a plain acceptance.
    pub reasons: Vec<Reason>,
    /// The credential's id, once it could be read.
    pub certificate: Option<String>,
    /// Its leaf.
    pub log_index: Option<u64>,
    /// The date asked about.
    pub as_of: Timestamp,
    /// When the log first covered the certificate.
    pub log_time: Option<Timestamp>,
    /// Time of the latest epoch used.
    pub status_time: Option<Timestamp>,
    /// When what was used becomes too old.
    pub fresh_until: Option<Timestamp>,
    /// The arrangement applied.
    pub arrangement: Option<String>,
}
