//! Certificates of those who sign statements: what one says, and the path to an anchor.
//!
//! Paths are built and checked by rustls-webpki (RFC 5280 §6: names, signatures, dates of leaf and
//! intermediates, basic constraints, path length, name constraints, unknown critical extensions). On
//! top stand our own rules (`profile.rs`: form of each certificate, and how it names its issuer; the
//! anchor's dates too), and for the leaf: not a CA, digitalSignature where key usage is present, a
//! key that we accept. Extended key usage is free: no purpose is registered for signing statements,
//! so a certificate without the extension, or with any, is accepted.
//!
//! Revocation: lists of issuers that the caller has are heeded ([`verify_path_with`]); nothing is
//! fetched. What ends an accreditation or a signer in the log are logged events, judged elsewhere.
//!
//! `tests/limbo.rs` holds all of this to the cases of x509-limbo, with each divergence and its reason.

mod certificate;
mod profile;
mod revocation;

pub use certificate::{Certificate, CertificateError};
pub use revocation::RevocationList;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::time::Duration;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};
use x509_parser::prelude::X509Certificate;

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

/// A place on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of who signs the statement.
    Leaf,
    /// Between leaf and anchor.
    Intermediate,
    /// Of the authority that is trusted.
    Anchor,
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Whose::Leaf => "the signer's certificate",
            Whose::Intermediate => "a certificate between signer and authority",
            Whose::Anchor => "the authority's certificate",
        })
    }
}

/// Why a certificate has no acceptable path. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The leaf, an issuer on the way, or the anchor was no longer valid.
    #[error("certificate expired at {not_after}, before {at}")]
    Expired {
        /// The time asked about.
        at: i64,
        /// The end of validity.
        not_after: i64,
    },
    /// The leaf, an issuer on the way, or the anchor was not yet valid.
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
    /// A certificate that RFC 5280 does not allow.
    #[error("{whose}: {what}; ask its issuer for one that follows RFC 5280")]
    Form {
        /// Which one.
        whose: Whose,
        /// The rule that it breaks, with its clause.
        what: &'static str,
    },
    /// A list of its issuer names the leaf, or an issuer on the way.
    #[error("certificate {serial} was revoked by its issuer at {since}, not after {at}; sign with one that is not")]
    Revoked {
        /// Serial number, hex.
        serial: String,
        /// Since when.
        since: i64,
        /// The time asked about.
        at: i64,
    },
    /// A revocation list that was given cannot be used. It is not passed over.
    #[error("a revocation list cannot be used: {what}; obtain the issuer's newest one")]
    RevocationList {
        /// Why.
        what: &'static str,
    },
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
///
/// # Errors
/// [`PathError`].
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at_unix_secs: i64,
) -> Result<VerifiedCertificate, PathError> {
    verify_path_with(leaf, intermediates, anchors, &[], at_unix_secs)
}

/// The same, with revocation lists of issuers on the path. A certificate is revoked from the date that the list gives: what
/// it signed before stands. Lists of other issuers are of no account; one that revokes must be signed by the issuer and be
/// current at the time asked about, and does not become right by being left out, so a fault of it is an error.
///
/// # Errors
/// [`PathError`].
pub fn verify_path_with(
    leaf: &Certificate,
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    lists: &[RevocationList<'_>],
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

    // Asked of every path that webpki finds, so that a good one is not missed for a bad one before it.
    let (anchor, refused) = (Cell::new(None), RefCell::new(None));
    let rules = |path: &VerifiedPath<'_>| {
        let between: Vec<CertificateDer<'_>> = path.intermediate_certificates().map(|cert| cert.der()).collect();
        // Two certificates of one authority are one anchor to webpki.
        let candidates = trusted.iter().enumerate().filter(|(_, anchor)| *anchor == path.anchor());
        for (index, _) in candidates {
            match rules_of_path(leaf.der(), &between, &anchors[index], lists, at) {
                Ok(()) => {
                    anchor.set(Some(index));
                    return Ok(());
                }
                Err(error) => *refused.borrow_mut() = Some(error),
            }
        }
        Err(webpki::Error::UnknownIssuer)
    };
    let revoking: Vec<&CertRevocationList<'_>> = lists
        .iter()
        .filter(|list| is_revoking(list, leaf.der(), &intermediates, at))
        .map(RevocationList::checked)
        .collect();
    let revocation = RevocationOptionsBuilder::new(&revoking).ok().map(|options| {
        // A certificate that no list names is good; a list that is over is not.
        options.with_status_policy(UnknownStatusPolicy::Allow).with_expiration_policy(ExpirationPolicy::Enforce).build()
    });
    let path = end.verify_for_usage(ALGORITHMS, &trusted, &intermediates, time, AnyPurpose, revocation, Some(&rules));
    if let Err(error) = path {
        let by_rule = refused.take().filter(|_| matches!(error, webpki::Error::UnknownIssuer));
        let revoked = || revoked(lists, leaf.der(), &intermediates, at);
        return Err(match error {
            webpki::Error::CertRevoked => revoked().unwrap_or(PathError::RevocationList { what: "malformed" }),
            error => by_rule.unwrap_or_else(|| path_error(error, at)),
        });
    }
    let anchor = anchor.get().ok_or(PathError::UnknownIssuer)?;
    Ok(VerifiedCertificate { certificate: leaf.clone(), anchor, at_unix_secs: at })
}

/// Our own rules, for a path that webpki found.
fn rules_of_path(
    leaf: &[u8],
    between: &[CertificateDer<'_>],
    anchor: &[u8],
    lists: &[RevocationList<'_>],
    at: i64,
) -> Result<(), PathError> {
    let mut path = vec![profile::read(leaf, Whose::Leaf)?];
    for der in between {
        path.push(profile::read(der, Whose::Intermediate)?);
    }
    path.push(profile::read(anchor, Whose::Anchor)?);
    profile::check(&path, at)?;
    // webpki knows the key usage of intermediates alone (RFC 5280 §6.3.3 (f)).
    let signs_no_lists = |issuer: &X509Certificate<'_>| {
        matches!(issuer.key_usage(), Ok(Some(usage)) if !usage.value.crl_sign())
            && lists.iter().any(|list| list.is_of(issuer))
    };
    match path[1..].iter().any(signs_no_lists) {
        true => Err(PathError::RevocationList { what: "its issuer may not sign lists (RFC 5280 §6.3.3 (f))" }),
        false => Ok(()),
    }
}

/// Since when each certificate that may be on the path is revoked by a list, where that is not after `at`, with its serial
/// number.
fn revocations<'a>(
    list: &'a RevocationList<'_>,
    leaf: &'a [u8],
    intermediates: &'a [CertificateDer<'_>],
    at: i64,
) -> impl Iterator<Item = (i64, String)> + 'a {
    let ders = std::iter::once(leaf).chain(intermediates.iter().map(AsRef::as_ref));
    ders.filter_map(move |der| {
        let certificate = profile::read(der, Whose::Intermediate).ok()?;
        let since = list.since(&certificate).filter(|since| *since <= at)?;
        Some((since, hex::encode(certificate.raw_serial())))
    })
}

fn is_revoking(list: &RevocationList<'_>, leaf: &[u8], intermediates: &[CertificateDer<'_>], at: i64) -> bool {
    revocations(list, leaf, intermediates, at).next().is_some()
}

fn revoked(
    lists: &[RevocationList<'_>],
    leaf: &[u8],
    intermediates: &[CertificateDer<'_>],
    at: i64,
) -> Option<PathError> {
    let all = lists.iter().flat_map(|list| revocations(list, leaf, intermediates, at));
    all.min().map(|(since, serial)| PathError::Revoked { serial, since, at })
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
        E::CrlExpired { .. } => PathError::RevocationList { what: "it was over at the time asked about" },
        E::InvalidCrlSignatureForPublicKey => PathError::RevocationList { what: "its issuer did not sign it" },
        E::IssuerNotCrlSigner => {
            PathError::RevocationList { what: "its issuer may not sign lists (RFC 5280 §6.3.3 (f))" }
        }
        E::UnsupportedCrlSignatureAlgorithmContext(_) | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            PathError::RevocationList { what: "it is signed with an unsupported algorithm" }
        }
        E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => PathError::TooCostly,
        _ => PathError::Malformed,
    }
}
