//! Algorithms, signing keys and public keys.
//!
//! What is known of an algorithm is one row of `table::ALGORITHMS`, what is known of a kind of key one row of
//! `table::KINDS`; nothing else tells them apart. What we emit and accept are columns.

mod cose_key;
mod public;
mod signing;
mod table;

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
    /// Every algorithm that we accept, in the order of the table.
    pub const ALL: [Algorithm; table::ALGORITHMS.len()] = table::accepted();

    /// The algorithm with this COSE code point; [`KeyError::UnsupportedAlgorithm`] for others.
    pub fn from_code(code: i64) -> Result<Algorithm, KeyError> {
        let found = table::ALGORITHMS.iter().find(|row| row.code == code);
        found.map(|row| row.algorithm).ok_or(KeyError::UnsupportedAlgorithm { code })
    }

    /// Its COSE code point.
    pub fn code(self) -> i64 {
        self.row().code
    }

    /// The kind of key it works with.
    pub fn key_kind(self) -> KeyKind {
        self.row().kind
    }

    /// Whether we sign with it; the others are accepted only.
    pub fn is_emitted(self) -> bool {
        self.row().emitted
    }

    /// Signature type of a log's key in a signed note (C2SP signed-note, Signatures); `None` where notes have none.
    pub fn note_type(self) -> Option<u8> {
        self.row().note_type
    }

    /// Its name in the JOSE registry.
    fn jose_name(self) -> &'static str {
        self.row().jose_name
    }

    fn row(self) -> &'static table::AlgorithmRow {
        // The rows stand in the order of the variants: a test holds it.
        &table::ALGORITHMS[self as usize]
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

impl KeyKind {
    /// The algorithm that we sign with, with such a key; `None` of those that we only verify with.
    pub fn emitted(self) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.key_kind() == self && algorithm.is_emitted())
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(table::KINDS[*self as usize].name)
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
