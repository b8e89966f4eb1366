//! Media types of what is signed, in label 3 of the protected header, and of files.

/// Certificate: a UNTP Digital Conformity Credential.
pub const CERTIFICATE: &str = "application/vc";
/// Label 16 of a certificate: what the whole envelope is.
pub const CERTIFICATE_ENVELOPE: &str = "application/vc+cose";
/// Accreditation: a UNTP Digital Identity Anchor with scope.
pub const ACCREDITATION: &str = "application/vnd.touchstone.accreditation+json";
/// Leaf 0: names and keys of the log.
pub const LOG_IDENTITY: &str = "application/vnd.touchstone.log-identity+json";
/// Leaf 1: what the log registers.
pub const REGISTRATION_POLICY: &str = "application/vnd.touchstone.registration-policy+json";
/// New keys of the log, signed with the old one.
pub const LOG_ROLLOVER: &str = "application/vnd.touchstone.log-rollover+json";
/// A party whose certificates may sign statements.
pub const ANCHOR: &str = "application/vnd.touchstone.anchor+json";
/// A change of state of a certificate or accreditation.
pub const STATUS_EVENT: &str = "application/vnd.touchstone.status-event+json";
/// A revocation of a body's signing key.
pub const KEY_REVOCATION: &str = "application/vnd.touchstone.key-revocation+json";
/// A recognition arrangement, signed by the asking party.
pub const ARRANGEMENT: &str = "application/vnd.touchstone.arrangement+json";
/// The other party's signature under an arrangement.
pub const ARRANGEMENT_ACCEPTANCE: &str = "application/vnd.touchstone.arrangement-acceptance+json";
/// An edition of a method, published by digest.
pub const METHOD: &str = "application/vnd.touchstone.method+json";
/// An edition of a set of emission factors, published by digest.
pub const FACTOR_SET: &str = "application/vnd.touchstone.factor-set+json";
/// Footprint statement (a file named by digest in a certificate).
pub const FOOTPRINT: &str = "application/vnd.touchstone.footprint+json";
/// Evidence file.
pub const EVIDENCE: &str = "application/vnd.touchstone.evidence+json";
/// Bundle file.
pub const BUNDLE: &str = "application/vnd.touchstone.bundle+cbor";
