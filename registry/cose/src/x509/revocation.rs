use webpki::{BorrowedCertRevocationList, CertRevocationList};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate, X509Version};

use super::PathError;

/// A certificate revocation list of one issuer (RFC 5280 §5), read; whether the issuer signed it is checked with the path
/// of a certificate that it names.
///
/// Delta lists, indirect lists and lists of a part of the certificates are not read: they would have to be passed over.
#[derive(Debug)]
pub struct RevocationList<'a> {
    list: CertificateRevocationList<'a>,
    checked: CertRevocationList<'a>,
}

impl<'a> RevocationList<'a> {
    /// Reads one list: version 2, numbered, with an end (RFC 5280 §5.1.2.5, §5.2.3).
    ///
    /// # Errors
    /// [`PathError::RevocationList`].
    pub fn from_der(der: &'a [u8]) -> Result<Self, PathError> {
        let unusable = |what| PathError::RevocationList { what };
        let Ok(([], list)) = CertificateRevocationList::from_der(der) else { return Err(unusable("malformed")) };
        if list.version() != Some(X509Version::V2) {
            return Err(unusable("version is not 2 (RFC 5280 §5.1.2.1)"));
        }
        if list.next_update().is_none() {
            return Err(unusable("it does not say when the next comes (RFC 5280 §5.1.2.5)"));
        }
        let number = list.extensions().iter().find(|extension| extension.oid.to_id_string() == "2.5.29.20");
        match number {
            None => return Err(unusable("it has no number (RFC 5280 §5.2.3)")),
            Some(number) if number.critical => return Err(unusable("its number is critical (RFC 5280 §5.2.3)")),
            Some(_) => {}
        }
        // What webpki reads closed: unknown critical extensions, delta and indirect lists are refused.
        let checked = BorrowedCertRevocationList::from_der(der).map_err(|_| unusable("of a kind that is not read"))?;
        Ok(RevocationList { list, checked: checked.into() })
    }

    /// Since when a certificate is revoked, seconds since 1970-01-01T00:00:00Z: the invalidity date where the list gives
    /// an earlier one (RFC 5280 §5.3.2). `None` when the list is another issuer's, or does not name it.
    pub(super) fn since(&self, certificate: &X509Certificate<'_>) -> Option<i64> {
        if self.list.issuer().as_raw() != certificate.issuer().as_raw() {
            return None;
        }
        let named = |number: &[u8]| number.iter().position(|octet| *octet != 0).map(|first| number[first..].to_vec());
        let serial = named(certificate.raw_serial());
        let entry = self.list.iter_revoked_certificates().find(|entry| named(entry.raw_serial()) == serial)?;
        let revoked = entry.revocation_date.timestamp();
        Some(entry.invalidity_date().map_or(revoked, |(_, invalid)| invalid.timestamp().min(revoked)))
    }

    /// Whether `certificate` is, by name, the one that issued the list.
    pub(super) fn is_of(&self, certificate: &X509Certificate<'_>) -> bool {
        self.list.issuer().as_raw() == certificate.subject().as_raw()
    }

    pub(super) fn checked(&self) -> &CertRevocationList<'a> {
        &self.checked
    }
}
