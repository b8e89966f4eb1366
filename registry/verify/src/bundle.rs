//! Bundle: everything needed to verify one certificate offline, as one deterministic CBOR file that ends with the
//! SHA-256 of all before it (against accidental damage; it proves nothing).

use cose::cbor::{self, CborError, Value};
use tlog::Hash;

/// First field of every bundle.
pub const VERSION: &str = "touchstone-bundle/1";
/// How a file of this format begins, whatever its version: an array of eight, a text of nineteen.
const HEAD: &[u8] = b"\x88\x73touchstone-bundle/";
/// Largest bundle read: four statements of at most 64 KiB, each with two paths, and the notes.
pub const MAX_BYTES: usize = 1 << 20;

/// An epoch with its inclusion path under the status checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochProof {
    /// The epoch record, exact bytes.
    pub epoch: Vec<u8>,
    /// Path from its leaf to the status checkpoint's root.
    pub path: Vec<Hash>,
}

/// A statement with the proofs of its place, its log time and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementProof {
    /// Entry bytes.
    pub entry: Vec<u8>,
    /// Leaf index.
    pub index: u64,
    /// Path from the leaf to the checkpoint's root.
    pub path: Vec<Hash>,
    /// Status record, exact bytes.
    pub record: Vec<u8>,
    /// Path from the record to the latest epoch's map root.
    pub record_path: Vec<Hash>,
    /// First epoch that covers the leaf.
    pub first_epoch: EpochProof,
    /// Signer's certificate and intermediates, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
}

/// An arrangement with its acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrangementProof {
    /// Signed by the asking party.
    pub arrangement: StatementProof,
    /// Signed by the providing party.
    pub acceptance: StatementProof,
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Signed note of the log.
    pub checkpoint: Vec<u8>,
    /// Signed note of the status log.
    pub status_checkpoint: Vec<u8>,
    /// Latest epoch; it covers exactly the checkpoint's size.
    pub latest_epoch: EpochProof,
    /// RFC 9942 receipt of the certificate under the checkpoint's root.
    pub receipt: Vec<u8>,
    /// The certificate.
    pub certificate: StatementProof,
    /// The accreditation that the certificate names.
    pub accreditation: StatementProof,
    /// The arrangement, where one was asked for.
    pub arrangement: Option<ArrangementProof>,
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too long.
    #[error("the file has {size} bytes: a bundle has at most {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Another kind of file.
    #[error("the file is no bundle: it is {what}")]
    Other {
        /// What it looks like.
        what: &'static str,
    },
    /// The last 32 bytes are not the SHA-256 of the others.
    #[error("the file is damaged: its last 32 bytes are not the SHA-256 of the others")]
    Damaged,
    /// Not strict deterministic CBOR.
    #[error("not strict CBOR: {0}")]
    Cbor(#[from] CborError),
    /// Another shape.
    #[error("not a bundle: {what}")]
    Shape {
        /// What is not as it must be.
        what: &'static str,
    },
}

/// What a file that is no bundle seems to be, for whoever named the wrong one.
fn looks_like(bytes: &[u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim_start().starts_with('{') => "JSON text",
        Ok(text) if text.trim_start().starts_with("-----BEGIN") => "a key or certificate (PEM)",
        Ok(_) => "text",
        // Tag 18 (RFC 9052, 2).
        Err(_) if bytes[0] == 0xd2 => "a single signed statement (COSE_Sign1), without its proofs",
        Err(_) => "of another kind",
    }
}

fn hashes(path: &[Hash]) -> Value {
    Value::Array(path.iter().map(|hash| Value::bytes(hash.as_slice())).collect())
}

impl EpochProof {
    fn to_value(&self) -> Value {
        Value::Array(vec![Value::bytes(self.epoch.as_slice()), hashes(&self.path)])
    }
}

impl StatementProof {
    fn to_value(&self) -> Value {
        Value::Array(vec![
            Value::bytes(self.entry.as_slice()),
            Value::Uint(self.index),
            hashes(&self.path),
            Value::bytes(self.record.as_slice()),
            hashes(&self.record_path),
            self.first_epoch.to_value(),
            Value::Array(self.chain.iter().map(|der| Value::bytes(der.as_slice())).collect()),
        ])
    }
}

impl Bundle {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let arrangement = match &self.arrangement {
            None => Value::Null,
            Some(proof) => Value::Array(vec![proof.arrangement.to_value(), proof.acceptance.to_value()]),
        };
        let mut bytes = cbor::encode(&Value::Array(vec![
            Value::text(VERSION),
            Value::bytes(self.checkpoint.as_slice()),
            Value::bytes(self.status_checkpoint.as_slice()),
            self.latest_epoch.to_value(),
            Value::bytes(self.receipt.as_slice()),
            self.certificate.to_value(),
            self.accreditation.to_value(),
            arrangement,
        ]));
        let digest = cose::sha256(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads a file. Nothing in it is believed yet.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BYTES {
            return Err(BundleError::TooLarge { size: bytes.len() });
        }
        // Cut off within its first bytes it is a damaged bundle still.
        if !bytes.starts_with(HEAD) && !HEAD.starts_with(bytes) {
            return Err(BundleError::Other { what: looks_like(bytes) });
        }
        let split = bytes.len().checked_sub(32).ok_or(BundleError::Damaged)?;
        let (body, digest) = bytes.split_at(split);
        if cose::sha256(body) != digest {
            return Err(BundleError::Damaged);
        }
        let value = cbor::decode_deterministic(body)?;
        let mut fields = Reader::new(value, "eight fields", 8)?;
        if fields.next()?.as_text() != Some(VERSION) {
            return Err(BundleError::Shape { what: "version touchstone-bundle/1 is expected" });
        }
        Ok(Bundle {
            checkpoint: fields.bytes("checkpoint")?,
            status_checkpoint: fields.bytes("status checkpoint")?,
            latest_epoch: epoch(fields.next()?)?,
            receipt: fields.bytes("receipt")?,
            certificate: statement(fields.next()?)?,
            accreditation: statement(fields.next()?)?,
            arrangement: match fields.next()? {
                Value::Null => None,
                value => {
                    let mut both = Reader::new(value, "arrangement and acceptance", 2)?;
                    Some(ArrangementProof {
                        arrangement: statement(both.next()?)?,
                        acceptance: statement(both.next()?)?,
                    })
                }
            },
        })
    }
}

struct Reader(std::vec::IntoIter<Value>);

impl Reader {
    fn new(value: Value, what: &'static str, length: usize) -> Result<Self, BundleError> {
        match value {
            Value::Array(items) if items.len() == length => Ok(Reader(items.into_iter())),
            _ => Err(BundleError::Shape { what }),
        }
    }

    fn next(&mut self) -> Result<Value, BundleError> {
        self.0.next().ok_or(BundleError::Shape { what: "a field is missing" })
    }

    fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, BundleError> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(BundleError::Shape { what }),
        }
    }

    fn hashes(&mut self, what: &'static str) -> Result<Vec<Hash>, BundleError> {
        let Value::Array(items) = self.next()? else {
            return Err(BundleError::Shape { what });
        };
        if items.len() > tlog::proof::MAX_PROOF_HASHES {
            return Err(BundleError::Shape { what });
        }
        items
            .iter()
            .map(|item| item.as_bytes().and_then(|b| b.try_into().ok()).ok_or(BundleError::Shape { what }))
            .collect()
    }
}

fn epoch(value: Value) -> Result<EpochProof, BundleError> {
    let mut fields = Reader::new(value, "epoch and its path", 2)?;
    Ok(EpochProof { epoch: fields.bytes("epoch")?, path: fields.hashes("path of an epoch")? })
}

fn statement(value: Value) -> Result<StatementProof, BundleError> {
    let mut fields = Reader::new(value, "a statement has seven fields", 7)?;
    Ok(StatementProof {
        entry: fields.bytes("entry")?,
        index: fields.next()?.as_u64().ok_or(BundleError::Shape { what: "leaf index" })?,
        path: fields.hashes("path of an entry")?,
        record: fields.bytes("status record")?,
        record_path: fields.hashes("path of a status record")?,
        first_epoch: epoch(fields.next()?)?,
        chain: match fields.next()? {
            Value::Array(items) if items.len() <= cose::x509::MAX_INTERMEDIATES + 1 => items
                .into_iter()
                .map(|item| match item {
                    Value::Bytes(der) => Ok(der),
                    _ => Err(BundleError::Shape { what: "chain" }),
                })
                .collect::<Result<_, _>>()?,
            _ => return Err(BundleError::Shape { what: "chain" }),
        },
    })
}
