use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as ParsedSpki;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::table::{self, KINDS};
use super::{Algorithm, KeyError, KeyKind};

/// AlgorithmIdentifier of rsaEncryption with its NULL (RFC 3279 §2.3.1).
const RSA_ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// A public key that has been checked to be one: the point is on its curve, the modulus of an
/// accepted size. Equality is equality of the SubjectPublicKeyInfo.
#[derive(Clone)]
pub struct PublicKey {
    spki: Vec<u8>,
    material: Material,
    parsed: Arc<ParsedPublicKey>,
}

#[derive(Clone)]
pub(super) enum Material {
    /// One string of bytes: see the row of the kind.
    Fixed(KeyKind, Vec<u8>),
    /// Big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Points are uncompressed.
    ///
    /// [`KeyError::UnsupportedKey`] for another key type, curve or RSA size,
    /// [`KeyError::Malformed`] for what is no key.
    pub fn from_spki_der(der: &[u8]) -> Result<PublicKey, KeyError> {
        let found = table::fixed().find_map(|(kind, fixed)| Some((kind, der.strip_prefix(fixed.spki)?)));
        if let Some((kind, raw)) = found {
            return PublicKey::new(Material::Fixed(kind, raw.to_vec()));
        }
        let malformed = KeyError::Malformed { what: "SubjectPublicKeyInfo" };
        let Ok((rest, spki)) = SubjectPublicKeyInfo::from_der(der) else {
            return Err(malformed);
        };
        let oid = spki.algorithm.algorithm.to_id_string();
        let key = match spki.parsed() {
            Ok(ParsedSpki::RSA(rsa)) if oid == "1.2.840.113549.1.1.1" => PublicKey::rsa(rsa.modulus, rsa.exponent)?,
            _ => return Err(KeyError::UnsupportedKey { what: oid }),
        };
        // Only the one DER spelling is a key.
        if rest.is_empty() && key.spki == der { Ok(key) } else { Err(malformed) }
    }

    /// The raw 32 bytes of an Ed25519 key (RFC 8032 §5.1.5).
    pub fn from_ed25519_bytes(raw: &[u8; 32]) -> Result<PublicKey, KeyError> {
        PublicKey::new(Material::Fixed(KeyKind::Ed25519, raw.to_vec()))
    }

    /// The raw 32 bytes, where it is an Ed25519 key.
    pub fn ed25519_bytes(&self) -> Option<[u8; 32]> {
        match &self.material {
            Material::Fixed(KeyKind::Ed25519, raw) => raw.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> Vec<u8> {
        self.spki.clone()
    }

    /// Reads a public JWK (RFC 7517; RFC 7518 §6.2, §6.3; RFC 8037 §2). Members other than the key
    /// itself and `alg` are left to the caller.
    ///
    /// [`KeyError::PrivateKeyGiven`] when `d` is there: such a file must not travel.
    pub fn from_jwk(json: &str) -> Result<PublicKey, KeyError> {
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| KeyError::Malformed { what: "JWK" })?;
        if jwk.d.is_some() {
            return Err(KeyError::PrivateKeyGiven);
        }
        let named = (jwk.kty.as_str(), jwk.crv.as_deref());
        let fixed = table::fixed().find(|(_, fixed)| (fixed.jwk.0, Some(fixed.jwk.1)) == named);
        let key = match (fixed, named) {
            (Some((kind, fixed)), _) if fixed.is_point => {
                // RFC 7518 §6.2.1.2: the full width of the field each.
                PublicKey::point(kind, &member(&jwk.x)?, &member(&jwk.y)?, "JWK coordinates")?
            }
            (Some((kind, _)), _) => PublicKey::new(Material::Fixed(kind, member(&jwk.x)?))?,
            (None, ("RSA", None)) => PublicKey::rsa(&member(&jwk.n)?, &member(&jwk.e)?)?,
            (None, (kty, crv)) => {
                let what = format!("{kty} {}", crv.unwrap_or_default());
                return Err(KeyError::UnsupportedKey { what: what.trim_end().to_owned() });
            }
        };
        match jwk.alg {
            Some(alg) if !key.jose_names().any(|name| name == alg) => {
                Err(KeyError::UnsupportedKey { what: format!("{} with alg {alg}", key.kind()) })
            }
            _ => Ok(key),
        }
    }

    /// The JWK with its required members alone, in lexicographic order, without white space: the
    /// bytes that RFC 7638 §3 hashes.
    pub fn to_jwk(&self) -> String {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.material {
            Material::Fixed(kind, raw) => {
                let Some(fixed) = &KINDS[*kind as usize].fixed else { unreachable!("made by its row") };
                let (kty, crv) = fixed.jwk;
                let (x, y) = if fixed.is_point { raw[1..].split_at(raw.len() / 2) } else { raw.split_at(raw.len()) };
                let y = if fixed.is_point { format!(r#","y":"{}""#, b64(y)) } else { String::new() };
                format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{}"{y}}}"#, b64(x))
            }
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n))
            }
        }
    }

    /// The SHA-256 JWK thumbprint (RFC 7638).
    pub fn thumbprint(&self) -> [u8; 32] {
        crate::sha256(self.to_jwk().as_bytes())
    }

    /// The thumbprint as RFC 7638 §3.1 writes it, base64url: what two people compare.
    pub fn fingerprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.thumbprint())
    }

    /// The kind of key.
    pub fn kind(&self) -> KeyKind {
        match self.material {
            Material::Fixed(kind, _) => kind,
            Material::Rsa { .. } => KeyKind::Rsa,
        }
    }

    /// Checks a signature over `message`; r ‖ s for ECDSA (RFC 9053 §2.1).
    ///
    /// [`KeyError::AlgorithmMismatch`] when `alg` does not go with the key,
    /// [`KeyError::BadSignature`] when the signature is not this key's over this message.
    pub fn verify(&self, alg: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        if alg.key_kind() != self.kind() {
            return Err(KeyError::AlgorithmMismatch { alg, key: self.kind() });
        }
        self.parsed.verify_sig(message, signature).map_err(|_| KeyError::BadSignature)
    }

    fn jose_names(&self) -> impl Iterator<Item = &'static str> {
        let kind = self.kind();
        let fitting = Algorithm::ALL.into_iter().filter(move |alg| alg.key_kind() == kind);
        fitting.map(Algorithm::jose_name)
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<PublicKey, KeyError> {
        let strip = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().skip_while(|byte| *byte == 0).collect() };
        PublicKey::new(Material::Rsa { n: strip(n), e: strip(e) })
    }

    /// A point of a curve from its coordinates, which must be of one width: the width of the sum is checked against the
    /// curve.
    pub(super) fn point(kind: KeyKind, x: &[u8], y: &[u8], what: &'static str) -> Result<PublicKey, KeyError> {
        if x.len() != y.len() {
            return Err(KeyError::Malformed { what });
        }
        PublicKey::new(Material::Fixed(kind, [&[4], x, y].concat()))
    }

    pub(super) fn new(material: Material) -> Result<PublicKey, KeyError> {
        let (spki, parsed) = match &material {
            Material::Fixed(kind, raw) => {
                let row = &KINDS[*kind as usize];
                let Some(fixed) = &row.fixed else { return Err(KeyError::Malformed { what: "key" }) };
                if raw.len() != fixed.len || fixed.is_point && raw[0] != 4 {
                    return Err(KeyError::Malformed { what: fixed.what });
                }
                let parsed = ParsedPublicKey::new(row.check, raw);
                ([fixed.spki, raw].concat(), parsed.map_err(|_| KeyError::Malformed { what: "public key" })?)
            }
            Material::Rsa { n, e } => {
                let bits = 8 * n.len() - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if !(2048..=8192).contains(&bits) {
                    return Err(KeyError::UnsupportedKey { what: format!("RSA of {bits} bits") });
                }
                let parsed = RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(&RSA_PSS_2048_8192_SHA256)
                    .map_err(|_| KeyError::Malformed { what: "RSA key" })?;
                (rsa_spki(n, e), parsed)
            }
        };
        Ok(PublicKey { spki, material, parsed: Arc::new(parsed) })
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind(), hex::encode(self.thumbprint()))
    }
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    alg: Option<String>,
}

fn member(value: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let malformed = KeyError::Malformed { what: "JWK member" };
    let Some(text) = value else {
        return Err(malformed);
    };
    URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed)
}

/// One DER element: tag, shortest length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let significant = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | significant.len() as u8);
        out.extend_from_slice(significant);
    } else {
        out.push(content.len() as u8);
    }
    out.extend_from_slice(content);
    out
}

/// RFC 3279 §2.3.1: SEQUENCE { AlgorithmIdentifier, BIT STRING { SEQUENCE { n, e } } }.
fn rsa_spki(n: &[u8], e: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| match bytes.first() {
        Some(first) if *first < 0x80 => der(0x02, bytes),
        _ => der(0x02, &[&[0], bytes].concat()),
    };
    let key = der(0x30, &[integer(n), integer(e)].concat());
    let bits = der(0x03, &[&[0], key.as_slice()].concat());
    der(0x30, &[RSA_ALGORITHM, &bits].concat())
}
