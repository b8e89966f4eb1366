use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;

use super::{Algorithm, KeyError, PublicKey, Signer};

/// A P-256 or Ed25519 key in memory. `Debug` shows the public half only.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new P-256 key from the system's randomness.
    pub fn generate_p256() -> Result<SigningKey, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        SigningKey::from_pair(Pair::P256(pair.map_err(|_| KeyError::SigningFailed)?))
    }

    /// A new Ed25519 key from the system's randomness.
    pub fn generate_ed25519() -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::SigningFailed)?;
        SigningKey::from_pair(Pair::Ed25519(pair))
    }

    /// Reads a PKCS#8 `PrivateKeyInfo` (RFC 5208, RFC 8410) of a P-256 or Ed25519 key.
    ///
    /// [`KeyError::Malformed`] for anything else.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<SigningKey, KeyError> {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return SigningKey::from_pair(Pair::P256(pair));
        }
        // RFC 8410 §7 lets the public key be absent; it is derived then.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| KeyError::Malformed { what: "PKCS#8 P-256 or Ed25519 key" })?;
        SigningKey::from_pair(Pair::Ed25519(pair))
    }

    /// Reads the first `PRIVATE KEY` block of a PEM text (RFC 7468 §10).
    pub fn from_pkcs8_pem(pem: &str) -> Result<SigningKey, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| KeyError::Malformed { what: "PEM private key" })?;
        SigningKey::from_pkcs8_der(der.secret_pkcs8_der())
    }

    /// The private key as PKCS#8. The caller guards the bytes.
    pub fn to_pkcs8_der(&self) -> Result<Vec<u8>, KeyError> {
        let document = match &self.pair {
            Pair::P256(pair) => pair.to_pkcs8v1(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
        };
        Ok(document.map_err(|_| KeyError::SigningFailed)?.as_ref().to_vec())
    }

    /// The private key as a PEM text (RFC 7468 §10). The caller guards it.
    pub fn to_pkcs8_pem(&self) -> Result<String, KeyError> {
        let body = STANDARD.encode(self.to_pkcs8_der()?);
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = tail;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// ES256 for P-256, Ed25519 (−19) for Ed25519.
    pub fn algorithm(&self) -> Algorithm {
        // A pair is of a kind that the table emits: a test holds it.
        self.public.kind().emitted().unwrap_or(Algorithm::Es256)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// Signs `message`; r ‖ s for ECDSA.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), message),
            Pair::Ed25519(pair) => pair.try_sign(message),
        };
        Ok(signature.map_err(|_| KeyError::SigningFailed)?.as_ref().to_vec())
    }

    fn from_pair(pair: Pair) -> Result<SigningKey, KeyError> {
        let spki: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::P256(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        let spki = spki.map_err(|_| KeyError::Malformed { what: "public half of a key" })?;
        let public = PublicKey::from_spki_der(spki.as_ref())?;
        Ok(SigningKey { pair, public })
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        SigningKey::algorithm(self)
    }

    fn public_key(&self) -> PublicKey {
        SigningKey::public_key(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        SigningKey::sign(self, message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}
