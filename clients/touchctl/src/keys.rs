//! `touchctl key`, and the keys and certificates that other commands are given as files.

use std::path::Path;

use cose::key::{KeyError, PublicKey, SigningKey};
use cose::x509::Certificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::Serialize;

use crate::error::Error;
use crate::{DONE, Surroundings, files, output};

/// Largest key or certificate file.
const MAX_BYTES: u64 = 64 << 10;

/// A key by its fingerprints.
#[derive(Serialize)]
struct Shown {
    kind: String,
    /// RFC 7638, SHA-256, base64url.
    thumbprint: String,
    /// SHA-256 of the SubjectPublicKeyInfo, as `openssl pkey -pubin -outform DER` writes it.
    spki_sha256: String,
}

/// Prints the fingerprints of a key.
pub(crate) fn fingerprint(file: &Path, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let key = public("file", file)?;
    let shown = Shown {
        kind: key.kind().to_string(),
        thumbprint: key.fingerprint(),
        spki_sha256: hex::encode(cose::sha256(&key.to_spki_der())),
    };
    let written = if json { output::json(world.out, &shown) } else { print(&shown, world) };
    written.map(|()| DONE).map_err(Error::Output)
}

fn print(shown: &Shown, world: &mut Surroundings<'_>) -> std::io::Result<()> {
    output::row(world.out, "Key", &shown.kind)?;
    output::row(world.out, "Thumbprint", &format!("{}    (RFC 7638, SHA-256)", shown.thumbprint))?;
    output::row(world.out, "SHA-256", &format!("{}    (SubjectPublicKeyInfo)", output::grouped(&shown.spki_sha256)))
}

/// The public key in a file of any form that [`public_key`] reads; `argument` is the word for it on the command line.
pub(crate) fn public(argument: &'static str, path: &Path) -> Result<PublicKey, Error> {
    let bytes = files::read(argument, path, MAX_BYTES)?;
    public_key(&bytes).map_err(|problem| Error::Key { argument, path: path.to_owned(), problem })
}

/// The public key in a JWK, in the first block of a PEM text (a public key, a certificate, or a private key, of which
/// only the public half is used), in a certificate in DER, or in a COSE_Key.
fn public_key(bytes: &[u8]) -> Result<PublicKey, KeyError> {
    let unreadable = KeyError::Malformed { what: "key file" };
    let key_in = |der: &[u8]| {
        Certificate::from_der(der).map(|certificate| certificate.public_key().clone()).map_err(|_| unreadable.clone())
    };
    match bytes.first() {
        // SEQUENCE of DER; map of CBOR, which begins no text.
        Some(0x30) if std::str::from_utf8(bytes).is_err() => return key_in(bytes),
        Some(0xa0..=0xbb) => return PublicKey::from_cose_key(bytes),
        _ => {}
    }
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable.clone())?;
    if text.trim_start().starts_with('{') {
        return PublicKey::from_jwk(text);
    }
    if let Ok(spki) = SubjectPublicKeyInfoDer::from_pem_slice(bytes) {
        return PublicKey::from_spki_der(&spki);
    }
    if let Ok(der) = CertificateDer::from_pem_slice(bytes) {
        return key_in(&der);
    }
    if text.contains("-----BEGIN PRIVATE KEY-----") {
        return SigningKey::from_pkcs8_pem(text).map(|key| key.public_key());
    }
    Err(unreadable)
}

/// A private key, to sign with: PKCS#8 in PEM.
pub(crate) fn private(argument: &'static str, path: &Path) -> Result<SigningKey, Error> {
    let text = files::text(argument, path, MAX_BYTES)?;
    SigningKey::from_pkcs8_pem(&text).map_err(|problem| Error::Key { argument, path: path.to_owned(), problem })
}

/// A signer's certificate, PEM or DER.
pub(crate) fn certificate(argument: &'static str, path: &Path) -> Result<Certificate, Error> {
    let bytes = files::read(argument, path, MAX_BYTES)?;
    let der = CertificateDer::from_pem_slice(&bytes).map_or(bytes, |der| der.to_vec());
    Certificate::from_der(&der).map_err(|problem| Error::Certificate { argument, path: path.to_owned(), problem })
}

/// An authority's certificate, PEM or DER, as DER.
pub(crate) fn authority(argument: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let found = certificate(argument, path)?;
    match found.is_ca() {
        true => Ok(found.der().to_vec()),
        false => Err(Error::NoAuthority { argument, path: path.to_owned() }),
    }
}
