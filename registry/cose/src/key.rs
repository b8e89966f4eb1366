//! Algorithms, signing keys and public keys.
//!
//! What we emit: ES256 for P-256 keys, Ed25519 (−19) for Ed25519 keys. What we accept besides:
//! EdDSA (−8, Ed25519 only), ESP256, ES384 and PS256.

mod cose_key;
mod public;
mod signing;

pub use public::PublicKey;
pub use signing::SigningKey;

use std::fmt;

/// A signature algorithm of the IANA COSE registry that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// −7: ECDSA with SHA-256 (RFC 9053 §2.1); here with P-256 only.
    Es256,
    /// −8: EdDSA (RFC 9053 §2.2); here with Ed25519 only.
    EdDsa,
    /// −9: ECDSA with P-256 and SHA-256, fully specified (RFC 9864).
    Esp256,
    /// −19: EdDSA with Ed25519, fully specified (RFC 9864).
    Ed25519,
    /// −35: ECDSA with SHA-384 (RFC 9053 §2.1); here with P-384 only.
    Es384,
    /// −37: RSASSA-PSS with SHA-256 (RFC 8230 §2).
    Ps256,
}

impl Algorithm {
    /// Every algorithm that we accept.
    pub const ALL: [Algorithm; 6] =
        [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Esp256, Algorithm::Ed25519, Algorithm::Es384, Algorithm::Ps256];

    /// The algorithm with this COSE code point; [`KeyError::UnsupportedAlgorithm`] for others.
    pub fn from_code(code: i64) -> Result<Algorithm, KeyError> {
        let found = Algorithm::ALL.into_iter().find(|alg| alg.code() == code);
        found.ok_or(KeyError::UnsupportedAlgorithm { code })
    }

    /// Its COSE code point.
    pub fn code(self) -> i64 {
        match self {
            Algorithm::Es256 => -7,
            Algorithm::EdDsa => -8,
            Algorithm::Esp256 => -9,
            Algorithm::Ed25519 => -19,
            Algorithm::Es384 => -35,
            Algorithm::Ps256 => -37,
        }
    }

    /// The kind of key it works with.
    pub fn key_kind(self) -> KeyKind {
        match self {
            Algorithm::Es256 | Algorithm::Esp256 => KeyKind::P256,
            Algorithm::EdDsa | Algorithm::Ed25519 => KeyKind::Ed25519,
            Algorithm::Es384 => KeyKind::P384,
            Algorithm::Ps256 => KeyKind::Rsa,
        }
    }

    /// Its name in the JOSE registry.
    fn jose_name(self) -> &'static str {
        match self {
            Algorithm::Es256 | Algorithm::Esp256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Ed25519 => "Ed25519",
            Algorithm::Es384 => "ES384",
            Algorithm::Ps256 => "PS256",
        }
    }
}

/// The kinds of public key that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// NIST P-256.
    P256,
    /// NIST P-384; verification only.
    P384,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA of 2048 to 8192 bits; verification only.
    Rsa,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyKind::P256 => "P-256",
            KeyKind::P384 => "P-384",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Rsa => "RSA",
        })
    }
}

/// What can sign: a key file here, a PKCS#11 token elsewhere.
pub trait Signer: Send + Sync {
    /// The algorithm of its signatures, as written into the protected header.
    fn algorithm(&self) -> Algorithm;

    /// The key that verifies them.
    fn public_key(&self) -> PublicKey;

    /// Signs `message` (not a digest of it). ECDSA signatures are r ‖ s (RFC 9053 §2.1).
    ///
    /// [`KeyError::SigningFailed`] when the key or its device does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// What can go wrong with a key or a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The algorithm is not one that we accept.
    #[error("unsupported algorithm {code}")]
    UnsupportedAlgorithm {
        /// COSE code point.
        code: i64,
    },
    /// A well-formed key of a kind or size that we do not accept.
    #[error("unsupported key: {what}")]
    UnsupportedKey {
        /// The curve, type or size.
        what: String,
    },
    /// The bytes are not a key of the kind they claim to be.
    #[error("malformed {what}")]
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// A private key where a public key belongs.
    #[error("a private key was given where a public key belongs")]
    PrivateKeyGiven,
    /// The algorithm does not go with the key.
    #[error("algorithm {alg:?} does not go with a {key} key")]
    AlgorithmMismatch {
        /// The algorithm asked for.
        alg: Algorithm,
        /// The key at hand.
        key: KeyKind,
    },
    /// The signature is not this key's over this message.
    #[error("signature does not verify")]
    BadSignature,
    /// The key, or the device that holds it, did not sign.
    #[error("signing failed")]
    SigningFailed,
}
