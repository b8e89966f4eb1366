use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as ParsedSpki;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Algorithm, KeyError, KeyKind};

// SubjectPublicKeyInfo up to the key itself, in DER: RFC 5480 §2 for the curves, RFC 8410 §4 for
// Ed25519. Fixed-size keys have exactly one encoding, so reading is comparing.
const SPKI_P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const SPKI_P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
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
    /// 0x04 ‖ x ‖ y.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    /// Big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Points are uncompressed.
    ///
    /// [`KeyError::UnsupportedKey`] for another key type, curve or RSA size,
    /// [`KeyError::Malformed`] for what is no key.
    pub fn from_spki_der(der: &[u8]) -> Result<PublicKey, KeyError> {
        if let Some(point) = der.strip_prefix(SPKI_P256) {
            return PublicKey::new(Material::P256(point.to_vec()));
        }
        if let Some(point) = der.strip_prefix(SPKI_P384) {
            return PublicKey::new(Material::P384(point.to_vec()));
        }
        if let Some(key) = der.strip_prefix(SPKI_ED25519) {
            return PublicKey::new(Material::Ed25519(key.to_vec()));
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
        PublicKey::new(Material::Ed25519(raw.to_vec()))
    }

    /// The raw 32 bytes, where it is an Ed25519 key.
    pub fn ed25519_bytes(&self) -> Option<[u8; 32]> {
        match &self.material {
            Material::Ed25519(raw) => raw.as_slice().try_into().ok(),
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
        let point = || -> Result<Vec<u8>, KeyError> {
            let (x, y) = (member(&jwk.x)?, member(&jwk.y)?);
            // RFC 7518 §6.2.1.2: the full width of the field each; the width of the sum is checked
            // against the curve.
            if x.len() != y.len() {
                return Err(KeyError::Malformed { what: "JWK coordinates" });
            }
            Ok([&[4], x.as_slice(), &y].concat())
        };
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => PublicKey::new(Material::P256(point()?))?,
            ("EC", Some("P-384")) => PublicKey::new(Material::P384(point()?))?,
            ("OKP", Some("Ed25519")) => PublicKey::new(Material::Ed25519(member(&jwk.x)?))?,
            ("RSA", None) => PublicKey::rsa(&member(&jwk.n)?, &member(&jwk.e)?)?,
            (kty, crv) => {
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
        let ec = |crv: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y))
        };
        match &self.material {
            Material::P256(point) => ec("P-256", point),
            Material::P384(point) => ec("P-384", point),
            Material::Ed25519(raw) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(raw))
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
            Material::P256(_) => KeyKind::P256,
            Material::P384(_) => KeyKind::P384,
            Material::Ed25519(_) => KeyKind::Ed25519,
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

    pub(super) fn new(material: Material) -> Result<PublicKey, KeyError> {
        let fixed = |raw: &[u8], first: Option<u8>, len: usize, what: &'static str| {
            let fits = raw.len() == len && first.is_none_or(|byte| raw[0] == byte);
            if fits { Ok(()) } else { Err(KeyError::Malformed { what }) }
        };
        let (prefix, raw, parsed) = match &material {
            Material::P256(point) => {
                fixed(point, Some(4), 65, "P-256 point")?;
                (SPKI_P256, point, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point))
            }
            Material::P384(point) => {
                fixed(point, Some(4), 97, "P-384 point")?;
                (SPKI_P384, point, ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point))
            }
            Material::Ed25519(raw) => {
                fixed(raw, None, 32, "Ed25519 key")?;
                (SPKI_ED25519, raw, ParsedPublicKey::new(&ED25519, raw))
            }
            Material::Rsa { n, e } => {
                let bits = 8 * n.len() - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if !(2048..=8192).contains(&bits) {
                    return Err(KeyError::UnsupportedKey { what: format!("RSA of {bits} bits") });
                }
                let parsed = RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(&RSA_PSS_2048_8192_SHA256)
                    .map_err(|_| KeyError::Malformed { what: "RSA key" })?;
                let spki = rsa_spki(n, e);
                return Ok(PublicKey { spki, material, parsed: Arc::new(parsed) });
            }
        };
        let parsed = parsed.map_err(|_| KeyError::Malformed { what: "public key" })?;
        let spki = [prefix, raw].concat();
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
