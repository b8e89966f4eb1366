//! What a path must be beyond what webpki checks: rules of RFC 5280 §4 that CAs must follow and that a reader may see
//! broken. webpki judges names, signatures, dates of leaf and intermediates, basic constraints, path length, name
//! constraints, unknown critical extensions; here stand the form of each certificate and how it names its issuer.

use x509_parser::extensions::{GeneralName, NameConstraints, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Extension, X509Version};

use super::{PathError, Whose};

/// Longest serial number, octets (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;
/// Arcs below id-ce (2.5.29) that webpki or this module understands in an anchor, where webpki does not look: key usage,
/// subject alternative name, basic constraints, name constraints, CRL distribution points, extended key usage.
const UNDERSTOOD: [u64; 6] = [15, 17, 19, 30, 31, 37];

type Broken = &'static str;

/// A certificate of a path, read.
pub(super) fn read(der: &[u8], whose: Whose) -> Result<X509Certificate<'_>, PathError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(PathError::Form { whose, what: "DER" }),
    }
}

/// Every certificate of a path, from the leaf to the anchor, at a time.
///
/// # Errors
/// [`PathError::Form`] and, for the anchor, [`PathError::Expired`] and [`PathError::NotYetValid`]: webpki knows only its
/// name and key.
pub(super) fn check(path: &[X509Certificate<'_>], at: i64) -> Result<(), PathError> {
    let whose = |place: usize| match place {
        0 => Whose::Leaf,
        _ if place + 1 == path.len() => Whose::Anchor,
        _ => Whose::Intermediate,
    };
    for (place, certificate) in path.iter().enumerate() {
        let whose = whose(place);
        let kept = every(certificate, whose).and_then(|()| match whose {
            Whose::Leaf => leaf(certificate),
            Whose::Intermediate => issuer(certificate),
            Whose::Anchor => issuer(certificate).and_then(|()| anchor(certificate)),
        });
        kept.map_err(|what| PathError::Form { whose, what })?;
        if let Some(above) = path.get(place + 1) {
            names_issuer(certificate, above).map_err(|what| PathError::Form { whose, what })?;
        }
    }
    if let Some(anchor) = path.last() {
        let (not_before, not_after) =
            (anchor.validity().not_before.timestamp(), anchor.validity().not_after.timestamp());
        if at < not_before {
            return Err(PathError::NotYetValid { at, not_before });
        }
        if at > not_after {
            return Err(PathError::Expired { at, not_after });
        }
    }
    Ok(())
}

fn extension<'a, 'b>(
    of: &'b X509Certificate<'a>,
    is: impl Fn(&ParsedExtension<'a>) -> bool,
) -> Option<&'b X509Extension<'a>> {
    of.extensions().iter().find(|extension| is(extension.parsed_extension()))
}

fn is_critical<'a>(of: &X509Certificate<'a>, is: impl Fn(&ParsedExtension<'a>) -> bool) -> bool {
    extension(of, is).is_some_and(|extension| extension.critical)
}

fn every(certificate: &X509Certificate<'_>, whose: Whose) -> Result<(), Broken> {
    // §4.1.2.1: extensions, of which a path needs some, are of version 3.
    if certificate.version() != X509Version::V3 {
        return Err("version is not 3 (RFC 5280 §4.1.2.1)");
    }
    // §4.1.1.2.
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err("the two signature algorithms differ (RFC 5280 §4.1.1.2)");
    }
    // §4.1.2.2. An anchor's number plays no part: some old roots have 0.
    let serial = certificate.raw_serial();
    let digits = serial.iter().position(|octet| *octet != 0).map_or(&[][..], |first| &serial[first..]);
    if whose != Whose::Anchor {
        if digits.is_empty() || serial[0] & 0x80 != 0 {
            return Err("serial number is not positive (RFC 5280 §4.1.2.2)");
        }
        if digits.len() > MAX_SERIAL {
            return Err("serial number has more than 20 octets (RFC 5280 §4.1.2.2)");
        }
    }
    if certificate.extensions_map().is_err() {
        return Err("an extension is there twice (RFC 5280 §4.2)");
    }
    if certificate.extensions().iter().any(|extension| extension.parsed_extension().error().is_some()) {
        return Err("an extension is malformed");
    }
    if is_critical(certificate, |e| matches!(e, ParsedExtension::AuthorityKeyIdentifier(_))) {
        return Err("authority key identifier is critical (RFC 5280 §4.2.1.1)");
    }
    if is_critical(certificate, |e| matches!(e, ParsedExtension::SubjectKeyIdentifier(_))) {
        return Err("subject key identifier is critical (RFC 5280 §4.2.1.2)");
    }
    let access = extension(certificate, |e| matches!(e, ParsedExtension::AuthorityInfoAccess(_)));
    if let Some(ParsedExtension::AuthorityInfoAccess(access)) = access.map(X509Extension::parsed_extension)
        && access.accessdescs.is_empty()
    {
        return Err("authority information access is empty (RFC 5280 §4.2.2.1)");
    }
    Ok(())
}

fn leaf(certificate: &X509Certificate<'_>) -> Result<(), Broken> {
    let usage = certificate.key_usage().map_err(|_| "an extension is malformed")?;
    if usage.is_some_and(|usage| usage.value.key_cert_sign()) {
        return Err("no CA, and key usage has keyCertSign (RFC 5280 §4.2.1.9)");
    }
    if extension(certificate, |e| matches!(e, ParsedExtension::NameConstraints(_))).is_some() {
        return Err("no CA, and it has name constraints (RFC 5280 §4.2.1.10)");
    }
    if certificate.subject().iter().next().is_none()
        && !is_critical(certificate, |e| matches!(e, ParsedExtension::SubjectAlternativeName(_)))
    {
        return Err("subject is empty, and its alternative name is not critical (RFC 5280 §4.2.1.6)");
    }
    Ok(())
}

fn issuer(certificate: &X509Certificate<'_>) -> Result<(), Broken> {
    if certificate.subject().iter().next().is_none() {
        return Err("a CA without a name (RFC 5280 §4.1.2.6)");
    }
    let basic = certificate.basic_constraints().map_err(|_| "an extension is malformed")?;
    if !basic.is_some_and(|basic| basic.value.ca && basic.critical) {
        return Err("a CA whose basic constraints do not say so as critical (RFC 5280 §4.2.1.9)");
    }
    let usage = certificate.key_usage().map_err(|_| "an extension is malformed")?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err("a CA whose key usage has no keyCertSign (RFC 5280 §4.2.1.3)");
    }
    if subject_key(certificate).is_none() {
        return Err("a CA without a subject key identifier (RFC 5280 §4.2.1.2)");
    }
    // A critical one is refused by webpki, since nobody here judges policies: so nothing is passed over.
    if extension(certificate, |e| matches!(e, ParsedExtension::PolicyConstraints(_))).is_some_and(|e| !e.critical) {
        return Err("policy constraints are not critical (RFC 5280 §4.2.1.11)");
    }
    let names = certificate.name_constraints().map_err(|_| "an extension is malformed")?;
    names.map_or(Ok(()), |names| constraints(names.value))
}

fn constraints(names: &NameConstraints<'_>) -> Result<(), Broken> {
    let mut subtrees = names.permitted_subtrees.iter().chain(&names.excluded_subtrees).flatten().peekable();
    if subtrees.peek().is_none() {
        return Err("name constraints are empty (RFC 5280 §4.2.1.10)");
    }
    if subtrees.any(|subtree| matches!(subtree.base, GeneralName::DNSName(name) if name.starts_with('.'))) {
        return Err("a name constraint of DNS begins with a period (RFC 5280 §4.2.1.10)");
    }
    Ok(())
}

fn anchor(certificate: &X509Certificate<'_>) -> Result<(), Broken> {
    let is_understood = |extension: &X509Extension<'_>| {
        let arcs: Option<Vec<u64>> = extension.oid.iter().map(Iterator::collect);
        matches!(arcs.as_deref(), Some([2, 5, 29, arc]) if UNDERSTOOD.contains(arc))
    };
    if !certificate.extensions().iter().all(|extension| !extension.critical || is_understood(extension)) {
        return Err("a critical extension is not understood (RFC 5280 §4.2)");
    }
    // What issued it is not looked at; but it must say so, unless it issued itself, and then say nothing else.
    let is_own_issuer = certificate.issuer().as_raw() == certificate.subject().as_raw();
    match (issuer_key(certificate), is_own_issuer) {
        (None, true) => Ok(()),
        (_, true) => names_issuer(certificate, certificate),
        (Some(Some(_)), false) => Ok(()),
        (_, false) => Err("no authority key identifier (RFC 5280 §4.2.1.1)"),
    }
}

fn subject_key<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0),
        _ => None,
    })
}

/// The authority key identifier, and the key that it names.
fn issuer_key<'a>(certificate: &'a X509Certificate<'_>) -> Option<Option<&'a [u8]>> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(named) => Some(named.key_identifier.as_ref().map(|key| key.0)),
        _ => None,
    })
}

/// Who issued it, by key: RFC 5280 §4.2.1.1 asks for it in every certificate that is not its own issuer's.
fn names_issuer(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Result<(), Broken> {
    match issuer_key(certificate).flatten() {
        None => Err("no authority key identifier (RFC 5280 §4.2.1.1)"),
        named if named == subject_key(issuer) => Ok(()),
        Some(_) => Err("authority key identifier is not that of the issuer (RFC 5280 §4.2.1.1)"),
    }
}
