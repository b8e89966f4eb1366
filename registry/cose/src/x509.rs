//! Certificates of those who sign statements: what one says, and the path to an anchor.
//!
//! Paths are built and checked by rustls-webpki (RFC 5280 §6: names, signatures, dates of leaf and
//! intermediates, basic constraints, path length, name constraints, unknown critical extensions).
//! An anchor is a name and a key; its own dates are the business of whoever vouches for it. On top
//! stand our own rules for the leaf: not a CA, digitalSignature where key usage is present, a key
//! that we accept. Extended key usage is free: no purpose is registered for signing statements, so a
//! certificate without the extension, or with any, is accepted. Revocation is judged elsewhere, by
//! logged events.

mod certificate;

pub use certificate::{Certificate, CertificateError};

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::ops::Deref;
use std::time::Duration;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

/// Intermediates considered; a statement's chain is two or three long, and each costs signature checks.
pub const MAX_INTERMEDIATES: usize = 8;

/// Signatures on certificates that we accept. RSA PKCS#1 v1.5 is here and not among the statement
/// algorithms because national roots still sign with it.
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P256_SHA384,
    webpki::aws_lc_rs::ECDSA_P384_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
    webpki::aws_lc_rs::ED25519,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
];

/// A certificate with a path to an anchor at a stated time. Only [`verify_path`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCertificate {
    certificate: Certificate,
    anchor: usize,
    at_unix_secs: i64,
}

impl VerifiedCertificate {
    /// Which of the anchors given the path ends at.
    pub fn anchor_index(&self) -> usize {
        self.anchor
    }

    /// The time the path was checked for, in seconds since 1970-01-01T00:00:00Z.
    pub fn at_unix_secs(&self) -> i64 {
        self.at_unix_secs
    }

    /// The certificate, without the claim that it was checked.
    pub fn into_certificate(self) -> Certificate {
        self.certificate
    }
}

impl Deref for VerifiedCertificate {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        &self.certificate
    }
}

/// Why a certificate has no acceptable path. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The leaf, or an issuer on the way, was no longer valid.
    #[error("certificate expired at {not_after}, before {at}")]
    Expired {
        /// The time asked about.
        at: i64,
        /// The end of validity.
        not_after: i64,
    },
    /// The leaf, or an issuer on the way, was not yet valid.
    #[error("certificate valid from {not_before}, after {at}")]
    NotYetValid {
        /// The time asked about.
        at: i64,
        /// The start of validity.
        not_before: i64,
    },
    /// The leaf is a CA certificate.
    #[error("a CA certificate does not sign statements")]
    NotALeaf,
    /// Key usage is present without digitalSignature (RFC 5280 §4.2.1.3).
    #[error("key usage does not allow digital signatures")]
    KeyUsage,
    /// No chain of names leads from the leaf to an anchor.
    #[error("no path to an anchor")]
    UnknownIssuer,
    /// A signature on the way does not verify.
    #[error("a certificate's signature does not verify")]
    BadSignature,
    /// A certificate on the way is signed with an algorithm that we do not accept.
    #[error("a certificate is signed with an unsupported algorithm")]
    UnsupportedSignatureAlgorithm,
    /// Path length, name constraints, or an issuer that is no CA.
    #[error("an issuer's constraints are violated: {what}")]
    Constraint {
        /// The constraint.
        what: &'static str,
    },
    /// A critical extension that is not understood (RFC 5280 §4.2).
    #[error("a critical extension is not understood")]
    CriticalExtension,
    /// An anchor is not a certificate.
    #[error("anchor {index} is not a certificate")]
    MalformedAnchor {
        /// Its place among those given.
        index: usize,
    },
    /// A certificate on the way is malformed.
    #[error("a certificate on the path is malformed")]
    Malformed,
    /// More intermediates than [`MAX_INTERMEDIATES`], or a search through them that took too long.
    #[error("the path is too long or too costly")]
    TooCostly,
}

/// Checks the path from `leaf` over some of `intermediates` (DER) to one of `anchors` (DER
/// certificates), for the time given in seconds since 1970-01-01T00:00:00Z.
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at_unix_secs: i64,
) -> Result<VerifiedCertificate, PathError> {
    let at = at_unix_secs;
    if leaf.is_ca() {
        return Err(PathError::NotALeaf);
    }
    if at < leaf.not_before() {
        return Err(PathError::NotYetValid { at, not_before: leaf.not_before() });
    }
    if at > leaf.not_after() {
        return Err(PathError::Expired { at, not_after: leaf.not_after() });
    }
    if leaf.digital_signature() == Some(false) {
        return Err(PathError::KeyUsage);
    }
    if intermediates.len() > MAX_INTERMEDIATES {
        return Err(PathError::TooCostly);
    }
    // Before 1970 no certificate of ours was valid; webpki's time starts there.
    let time = u64::try_from(at).map_err(|_| PathError::NotYetValid { at, not_before: 0 })?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(time));

    let anchor_ders: Vec<_> = anchors.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let trusted: Vec<TrustAnchor<'_>> = anchor_ders
        .iter()
        .enumerate()
        .map(|(index, der)| webpki::anchor_from_trusted_cert(der).map_err(|_| PathError::MalformedAnchor { index }))
        .collect::<Result<_, _>>()?;
    let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let der = CertificateDer::from(leaf.der());
    let end = EndEntityCert::try_from(&der).map_err(|error| path_error(error, at))?;
    let path = end
        .verify_for_usage(ALGORITHMS, &trusted, &intermediates, time, AnyPurpose, None, None)
        .map_err(|error| path_error(error, at))?;
    let anchor = trusted.iter().position(|anchor| anchor == path.anchor());
    let anchor = anchor.ok_or(PathError::UnknownIssuer)?;
    Ok(VerifiedCertificate { certificate: leaf.clone(), anchor, at_unix_secs: at })
}

/// Absent or any extended key usage: see the head of this module.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, mut iter: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        // Read to the end, so that a malformed extension is still an error.
        iter.try_for_each(|purpose| purpose.map(drop))
    }
}

fn path_error(error: webpki::Error, at: i64) -> PathError {
    use webpki::Error as E;
    let secs = |time: UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        E::CertExpired { not_after, .. } => PathError::Expired { at, not_after: secs(not_after) },
        E::CertNotValidYet { not_before, .. } => PathError::NotYetValid { at, not_before: secs(not_before) },
        E::CaUsedAsEndEntity => PathError::NotALeaf,
        E::UnknownIssuer => PathError::UnknownIssuer,
        E::InvalidSignatureForPublicKey | E::SignatureAlgorithmMismatch => PathError::BadSignature,
        E::UnsupportedSignatureAlgorithmContext(_) | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            PathError::UnsupportedSignatureAlgorithm
        }
        E::EndEntityUsedAsCa => PathError::Constraint { what: "issuer is not a CA" },
        E::PathLenConstraintViolated => PathError::Constraint { what: "path length" },
        E::NameConstraintViolation => PathError::Constraint { what: "name constraint" },
        E::UnsupportedCriticalExtension => PathError::CriticalExtension,
        E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => PathError::TooCostly,
        _ => PathError::Malformed,
    }
}
