use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use crate::key::{KeyError, PublicKey};

/// An X.509 v3 certificate, read but not checked against anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    common_name: Option<String>,
    uris: Vec<String>,
    dns_names: Vec<String>,
    not_before: i64,
    not_after: i64,
    serial: Vec<u8>,
    digital_signature: Option<bool>,
    extended_key_usage: Vec<String>,
    is_ca: bool,
    public_key: PublicKey,
}

/// Why bytes are not a certificate that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not one DER X.509 v3 certificate, or an extension that is malformed or there twice.
    #[error("malformed certificate: {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// The subject's key is not one that we accept.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Certificate {
    /// Reads one DER certificate (RFC 5280 §4.1).
    pub fn from_der(der: &[u8]) -> Result<Certificate, CertificateError> {
        let malformed = |what| CertificateError::Malformed { what };
        let (rest, x509) = X509Certificate::from_der(der).map_err(|_| malformed("DER"))?;
        if !rest.is_empty() {
            return Err(malformed("trailing bytes"));
        }
        if x509.version() != X509Version::V3 {
            return Err(malformed("version"));
        }
        let common_name = x509.subject().iter_common_name().next();
        let common_name = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
        let (mut uris, mut dns_names) = (vec![], vec![]);
        let names = x509.subject_alternative_name().map_err(|_| malformed("subject alternative name"))?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
                GeneralName::Invalid(..) => return Err(malformed("subject alternative name")),
                _ => {}
            }
        }
        let usage = x509.key_usage().map_err(|_| malformed("key usage"))?;
        let purposes = x509.extended_key_usage().map_err(|_| malformed("extended key usage"))?;
        let basic = x509.basic_constraints().map_err(|_| malformed("basic constraints"))?;
        Ok(Certificate {
            common_name,
            uris,
            dns_names,
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            serial: x509.raw_serial().to_vec(),
            digital_signature: usage.map(|usage| usage.value.digital_signature()),
            extended_key_usage: purposes.map(|purposes| oids(purposes.value)).unwrap_or_default(),
            is_ca: basic.is_some_and(|basic| basic.value.ca),
            public_key: PublicKey::from_spki_der(x509.public_key().raw)?,
            der: der.to_vec(),
        })
    }

    /// The certificate's bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER: the x5t of RFC 9360 §2.
    pub fn x5t(&self) -> [u8; 32] {
        crate::sha256(&self.der)
    }

    /// The first common name of the subject, where it is text.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// URIs among the subject alternative names (RFC 5280 §4.2.1.6).
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// DNS names among the subject alternative names.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// Start of validity, inclusive, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// End of validity, inclusive, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The serial number, big-endian, as encoded.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Whether key usage allows digital signatures; `None` without a key usage extension.
    pub fn digital_signature(&self) -> Option<bool> {
        self.digital_signature
    }

    /// Purposes in the extended key usage extension, as dotted OIDs; empty without one.
    pub fn extended_key_usage(&self) -> &[String] {
        &self.extended_key_usage
    }

    /// Whether basic constraints say CA.
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// The subject's key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

/// Dotted OIDs under id-kp (RFC 5280 §4.2.1.12), which x509-parser turns into flags, then the rest.
fn oids(purposes: &x509_parser::extensions::ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (purposes.any, "2.5.29.37.0"),
        (purposes.server_auth, "1.3.6.1.5.5.7.3.1"),
        (purposes.client_auth, "1.3.6.1.5.5.7.3.2"),
        (purposes.code_signing, "1.3.6.1.5.5.7.3.3"),
        (purposes.email_protection, "1.3.6.1.5.5.7.3.4"),
        (purposes.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (purposes.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let known = known.into_iter().filter(|(is, _)| *is).map(|(_, oid)| oid.to_owned());
    known.chain(purposes.other.iter().map(|oid| oid.to_id_string())).collect()
}
