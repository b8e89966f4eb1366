//! Certificates: of callers and servers under the installation's authority, and of those who sign statements under
//! their own. Only public certificates travel; every private key is made where it is used.

use cose::key::SigningKey;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use runtime::Caller;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// How long an authority lasts, in days.
const AUTHORITY_DAYS: i64 = 3_650;
/// How long a certificate under it lasts, in days.
const LEAF_DAYS: i64 = 825;

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate library refused.
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A name that cannot stand in a certificate.
    #[error("{name:?} cannot stand in a certificate")]
    Name {
        /// The name.
        name: String,
    },
    /// The key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(#[from] cose::key::KeyError),
}

/// A certificate with its private key, PEM.
#[derive(Clone)]
pub struct Pair {
    /// Certificate.
    pub certificate_pem: String,
    /// The same, DER.
    pub certificate_der: Vec<u8>,
    /// PKCS#8.
    pub key_pem: String,
}

/// A certificate authority.
pub struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

fn uri(text: &str) -> Result<SanType, IdentityError> {
    let name = Ia5String::try_from(text.to_owned()).map_err(|_| IdentityError::Name { name: text.to_owned() })?;
    Ok(SanType::URI(name))
}

fn parameters(common_name: &str, days: i64) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    let day = |offset: i64| {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * offset);
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month() as u8, date.day() as u8)
    };
    // A day back: the other side's clock may be behind ours.
    parameters.not_before = day(-1);
    parameters.not_after = day(days);
    // RFC 5280 §4.2.1.1 asks for it, and a path to a signer is refused without.
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn host_parameters(common_name: &str, hosts: &[&str]) -> Result<CertificateParams, IdentityError> {
    let mut parameters = parameters(common_name, LEAF_DAYS);
    for host in hosts {
        parameters.subject_alt_names.push(match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(
                Ia5String::try_from(host.to_string()).map_err(|_| IdentityError::Name { name: host.to_string() })?,
            ),
        });
    }
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(parameters)
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn new(common_name: &str) -> Result<Self, IdentityError> {
        let mut parameters = parameters(common_name, AUTHORITY_DAYS);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?;
        let pair = Pair {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            key_pem: key.serialize_pem(),
        };
        Ok(Authority { pair, issuer: Issuer::new(parameters, key) })
    }

    /// An authority from its files.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, KeyPair::from_pem(key_pem)?)?;
        let pair = Pair {
            certificate_pem: certificate_pem.to_owned(),
            certificate_der: CertificateDer::from_pem_slice(certificate_pem.as_bytes())
                .map_err(|_| IdentityError::Name { name: "authority certificate".into() })?
                .to_vec(),
            key_pem: key_pem.to_owned(),
        };
        Ok(Authority { pair, issuer })
    }

    /// Its certificate and key.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    fn issue(&self, parameters: CertificateParams) -> Result<Pair, IdentityError> {
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Pair {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            key_pem: key.serialize_pem(),
        })
    }

    /// A server's certificate for these host names and addresses.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn server(&self, hosts: &[&str]) -> Result<Pair, IdentityError> {
        self.issue(host_parameters("touchstone server", hosts)?)
    }

    /// A certificate with which a process on these hosts meets the other services: `name` tells which it is.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn service(&self, name: &str, hosts: &[&str]) -> Result<Pair, IdentityError> {
        let mut parameters = host_parameters("touchstone service", hosts)?;
        parameters.subject_alt_names.push(uri(&Caller::service(name).uri())?);
        self.issue(parameters)
    }

    /// A caller's certificate.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn caller(&self, caller: &Caller) -> Result<Pair, IdentityError> {
        let mut parameters = parameters(&caller.person, LEAF_DAYS);
        parameters.subject_alt_names.push(uri(&caller.uri())?);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(parameters)
    }

    /// A certificate with which `did` signs statements: P-256.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn signer(&self, did: &str, name: &str) -> Result<(Pair, SigningKey), IdentityError> {
        let mut parameters = parameters(name, LEAF_DAYS);
        parameters.subject_alt_names.push(uri(did)?);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let pair = self.issue(parameters)?;
        let key = SigningKey::from_pkcs8_pem(&pair.key_pem)?;
        Ok((pair, key))
    }
}
