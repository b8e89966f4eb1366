//! COSE_Sign1 (RFC 9052 §4.2): one payload, one signature.
//!
//! The bytes signed are the bytes received: the protected header is kept as it came and goes into
//! the signature check unchanged. What is emitted is deterministic CBOR, tagged 18.

mod header;

pub use header::{Claims, ContentType, Protected};

use crate::cbor::{self, CborError, Value};
use crate::key::{KeyError, PublicKey, Signer};
use header::label;

/// CBOR tag of COSE_Sign1.
pub const TAG_SIGN1: u64 = 18;
/// CBOR tag of the multi-signer COSE_Sign, which we refuse.
pub const TAG_SIGN: u64 = 98;

/// What is wrong with an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Sign1Error {
    /// The envelope, or its protected header, is not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Another COSE structure: multi-signer COSE_Sign (98), or any other tag.
    #[error("CBOR tag {tag} is not COSE_Sign1")]
    Unsupported {
        /// The tag found.
        tag: u64,
    },
    /// Not an array of protected, unprotected, payload, signature in their types; or untagged where
    /// a tag is required.
    #[error("not a COSE_Sign1: {what}")]
    Structure {
        /// The part that is not as RFC 9052 §4.2 has it.
        what: &'static str,
    },
    /// No `alg` in the protected header. One in the unprotected header is not signed and not read.
    #[error("no algorithm in the protected header")]
    MissingAlgorithm,
    /// An algorithm that we do not accept.
    #[error("unsupported algorithm {code}")]
    UnsupportedAlgorithm {
        /// COSE code point.
        code: i64,
    },
    /// A header parameter is not of the type that its specification gives.
    #[error("header parameter {label} has the wrong type")]
    HeaderType {
        /// Its label.
        label: i64,
    },
    /// A label stands in both headers (RFC 9052 §3).
    #[error("header parameter stands in both headers: {label:?}")]
    DuplicateHeader {
        /// Its label.
        label: Value,
    },
    /// `crit` names a parameter that is absent from the protected header, or not understood
    /// (RFC 9052 §3.1).
    #[error("critical header parameter is absent or not understood: {label:?}")]
    Critical {
        /// Its label.
        label: Value,
    },
    /// The payload is detached and was not given.
    #[error("the payload is detached")]
    PayloadDetached,
    /// The payload is attached, and another was given.
    #[error("the payload is attached, and another was given")]
    PayloadAttached,
    /// The signature does not verify, the key does not go with the algorithm, or signing failed.
    #[error(transparent)]
    Key(KeyError),
}

impl From<KeyError> for Sign1Error {
    fn from(error: KeyError) -> Sign1Error {
        match error {
            KeyError::UnsupportedAlgorithm { code } => Sign1Error::UnsupportedAlgorithm { code },
            error => Sign1Error::Key(error),
        }
    }
}

/// A decoded COSE_Sign1. Nothing in it is to be trusted before [`Envelope::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    protected_bytes: Vec<u8>,
    protected: Protected,
    unprotected: Value,
    payload: Option<Vec<u8>>,
    signature: Vec<u8>,
}

impl Envelope {
    /// Decodes a COSE_Sign1 with its tag 18.
    pub fn decode(bytes: &[u8]) -> Result<Envelope, Sign1Error> {
        Envelope::decode_understanding(bytes, &[])
    }

    /// Like [`Envelope::decode`], for a caller that processes further protected parameters: `crit`
    /// may name them.
    pub fn decode_understanding(bytes: &[u8], labels: &[i64]) -> Result<Envelope, Sign1Error> {
        match cbor::decode(bytes)? {
            Value::Tag(TAG_SIGN1, body) => Envelope::from_body(*body, labels),
            Value::Tag(tag, _) => Err(Sign1Error::Unsupported { tag }),
            _ => Err(Sign1Error::Structure { what: "no tag" }),
        }
    }

    /// Decodes a COSE_Sign1 without a tag, where the context says that it is one.
    pub fn decode_untagged(bytes: &[u8]) -> Result<Envelope, Sign1Error> {
        match cbor::decode(bytes)? {
            Value::Tag(tag, _) => Err(Sign1Error::Unsupported { tag }),
            body => Envelope::from_body(body, &[]),
        }
    }

    fn from_body(body: Value, understood: &[i64]) -> Result<Envelope, Sign1Error> {
        let Value::Array(parts) = body else {
            return Err(Sign1Error::Structure { what: "not an array" });
        };
        let Ok([protected, unprotected, payload, signature]) = <[Value; 4]>::try_from(parts) else {
            return Err(Sign1Error::Structure { what: "not four elements" });
        };
        let Value::Bytes(protected_bytes) = protected else {
            return Err(Sign1Error::Structure { what: "protected header" });
        };
        let payload = match payload {
            Value::Bytes(payload) => Some(payload),
            Value::Null => None,
            _ => return Err(Sign1Error::Structure { what: "payload" }),
        };
        let Value::Bytes(signature) = signature else {
            return Err(Sign1Error::Structure { what: "signature" });
        };
        let Some(outside) = unprotected.as_map() else {
            return Err(Sign1Error::Structure { what: "unprotected header" });
        };
        // RFC 9052 §3: an empty header may be an empty string; without `alg` neither is of use.
        if protected_bytes.is_empty() {
            return Err(Sign1Error::MissingAlgorithm);
        }
        let header = cbor::decode(&protected_bytes)?;
        let Value::Map(inside) = &header else {
            return Err(Sign1Error::Structure { what: "protected header" });
        };
        if let Some((key, _)) = outside.iter().find(|(key, _)| inside.iter().any(|(k, _)| k == key)) {
            return Err(Sign1Error::DuplicateHeader { label: key.clone() });
        }
        // RFC 9052 §3.1: crit belongs in the protected header.
        if unprotected.get(label::CRIT).is_some() {
            return Err(Sign1Error::HeaderType { label: label::CRIT });
        }
        let protected = Protected::from_value(header, understood)?;
        Ok(Envelope { protected_bytes, protected, unprotected, payload, signature })
    }

    /// The protected header as received: these bytes are signed.
    pub fn protected_bytes(&self) -> &[u8] {
        &self.protected_bytes
    }

    /// The protected header, read.
    pub fn protected(&self) -> &Protected {
        &self.protected
    }

    /// Whether the protected header is in deterministic encoding (RFC 8949 §4.2.1).
    pub fn protected_is_deterministic(&self) -> bool {
        cbor::decode_deterministic(&self.protected_bytes).is_ok()
    }

    /// The unprotected header, a map. No signature covers it.
    pub fn unprotected(&self) -> &Value {
        &self.unprotected
    }

    /// The payload; `None` where it is detached.
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    /// The signature as received.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The same envelope with another unprotected map, as when a receipt is attached; the signature
    /// stays good. [`Sign1Error::Structure`] when it is not a map.
    pub fn with_unprotected(mut self, unprotected: Value) -> Result<Envelope, Sign1Error> {
        if unprotected.as_map().is_none() {
            return Err(Sign1Error::Structure { what: "unprotected header" });
        }
        self.unprotected = unprotected;
        Ok(self)
    }

    /// The envelope with its tag. The protected header, payload and signature are the bytes received.
    pub fn encode(&self) -> Vec<u8> {
        let payload = self.payload.clone().map_or(Value::Null, Value::Bytes);
        assemble(self.protected_bytes.clone(), self.unprotected.clone(), payload, &self.signature)
    }

    /// Checks the signature over the attached payload.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Sign1Error> {
        self.verify_with(key, &[], None)
    }

    /// Checks the signature with external data (RFC 9052 §4.3) and, where the payload is detached,
    /// with the payload given. Giving a payload that is attached is an error, not a choice.
    pub fn verify_with(
        &self,
        key: &PublicKey,
        external_aad: &[u8],
        detached_payload: Option<&[u8]>,
    ) -> Result<(), Sign1Error> {
        let payload = match (&self.payload, detached_payload) {
            (Some(attached), None) => attached,
            (None, Some(detached)) => detached,
            (None, None) => return Err(Sign1Error::PayloadDetached),
            (Some(_), Some(_)) => return Err(Sign1Error::PayloadAttached),
        };
        let message = to_be_signed(&self.protected_bytes, external_aad, payload);
        Ok(key.verify(self.protected.alg, &message, &self.signature)?)
    }
}

/// The bytes a COSE_Sign1 signature covers: Sig_structure of RFC 9052 §4.4.
pub fn to_be_signed(protected_bytes: &[u8], external_aad: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::encode(&Value::Array(vec![
        Value::text("Signature1"),
        Value::bytes(protected_bytes),
        Value::bytes(external_aad),
        Value::bytes(payload),
    ]))
}

/// Signs `payload`: tag 18, deterministic protected header, empty unprotected map.
///
/// `protected.alg` must be the signer's own ([`KeyError::AlgorithmMismatch`] otherwise).
pub fn sign(signer: &dyn Signer, protected: &Protected, payload: &[u8]) -> Result<Vec<u8>, Sign1Error> {
    let (header, signature) = make(signer, protected, payload)?;
    Ok(assemble(header, Value::Map(vec![]), Value::bytes(payload), &signature))
}

/// Signs `payload` and leaves it out: tag 18, payload nil, the unprotected map as given.
pub fn sign_detached(
    signer: &dyn Signer,
    protected: &Protected,
    unprotected: Value,
    payload: &[u8],
) -> Result<Vec<u8>, Sign1Error> {
    if unprotected.as_map().is_none() {
        return Err(Sign1Error::Structure { what: "unprotected header" });
    }
    let (header, signature) = make(signer, protected, payload)?;
    Ok(assemble(header, unprotected, Value::Null, &signature))
}

fn make(signer: &dyn Signer, protected: &Protected, payload: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Sign1Error> {
    if protected.alg != signer.algorithm() {
        let key = signer.public_key().kind();
        return Err(KeyError::AlgorithmMismatch { alg: protected.alg, key }.into());
    }
    let header = protected.encode();
    // What could not be read back is not signed: a crit without its parameter, a label given twice.
    Protected::from_value(cbor::decode(&header)?, &protected.crit)?;
    let signature = signer.sign(&to_be_signed(&header, &[], payload))?;
    Ok((header, signature))
}

fn assemble(header: Vec<u8>, unprotected: Value, payload: Value, signature: &[u8]) -> Vec<u8> {
    let parts = vec![Value::Bytes(header), unprotected, payload, Value::bytes(signature)];
    cbor::encode(&Value::tag(TAG_SIGN1, Value::Array(parts)))
}
