//! Receipts as others make them: any number of proofs, of either kind, over one signed root.

use std::fmt;

use cose::cbor::Value;
use cose::key::PublicKey;
use cose::sign1::{Envelope, Protected};

use super::{CONSISTENCY, Consistency, INCLUSION, Inclusion, ReceiptError, VDP, open, read_proof};
use crate::{Hash, proof};

/// Most proofs read from one receipt, of each kind: all are of one tree, and each costs some sixty hashes.
pub const MAX_PROOFS: usize = 64;

/// A receipt with one proof at least (RFC 9942 §5.2, §5.3), decoded and not yet verified. Other unprotected parameters
/// are passed over, as RFC 9052 §3 has it: nobody signed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptProofs {
    envelope: Envelope,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

/// The older tree of a proof of consistency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// What a proof is about and does not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The leaf of an inclusion proof.
    Leaf,
    /// The older root of a consistency proof.
    OlderRoot,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Subject::Leaf => "the statement",
            Subject::OlderRoot => "size and root of the older tree",
        })
    }
}

/// What verified proofs prove: the key signed `root`, and every proof leads to it. Only [`ReceiptProofs::verify`] makes
/// one.
///
/// The signature covers the root alone. Sizes and index are what the receipt claims: other sizes can ask for the same
/// hashes in the same order, so only a checkpoint with this root says which they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProofs {
    root: Hash,
}

impl VerifiedProofs {
    /// The root signed.
    pub fn root(&self) -> &Hash {
        &self.root
    }
}

impl ReceiptProofs {
    /// Decodes a receipt: tagged, vds 1, payload nil, one proof at least and no proofs of a kind that we do not know.
    pub fn decode(bytes: &[u8]) -> Result<ReceiptProofs, ReceiptError> {
        let envelope = open(bytes)?;
        let refused = |what| ReceiptError::Proofs { what };
        let kinds = envelope.unprotected().get(VDP).ok_or_else(|| refused("no proofs"))?;
        let kinds = kinds.as_map().ok_or_else(|| refused("proofs by kind"))?;
        let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
        for (kind, proofs) in kinds {
            let proofs = proofs.as_array().filter(|proofs| (1..=MAX_PROOFS).contains(&proofs.len()));
            let proofs = proofs.ok_or_else(|| refused("1 to 64 proofs of a kind"))?;
            for one in proofs {
                let Value::Bytes(one) = one else { return Err(ReceiptError::MalformedProof) };
                let (a, b, path) = read_proof(one)?;
                match kind.as_i64() {
                    Some(INCLUSION) => inclusion.push(Inclusion { size: a, index: b, path }),
                    Some(CONSISTENCY) => consistency.push(Consistency { size1: a, size2: b, path }),
                    // Whoever passes over what it does not know reports as proved what is not.
                    _ => return Err(refused("inclusion or consistency")),
                }
            }
        }
        if inclusion.is_empty() && consistency.is_empty() {
            return Err(refused("no proofs"));
        }
        Ok(ReceiptProofs { envelope, inclusion, consistency })
    }

    /// The protected header.
    pub fn protected(&self) -> &Protected {
        self.envelope.protected()
    }

    /// Proofs of inclusion.
    pub fn inclusion(&self) -> &[Inclusion] {
        &self.inclusion
    }

    /// Proofs of consistency.
    pub fn consistency(&self) -> &[Consistency] {
        &self.consistency
    }

    /// Checks that every proof leads to the one root that the key signed: inclusion of `leaf` (a leaf hash), consistency
    /// with `older`.
    ///
    /// # Errors
    /// [`ReceiptError::Subject`] when what a proof is about is not given; [`ReceiptError::Proof`] or
    /// [`ReceiptError::OtherSize`] when a proof does not fit it; [`ReceiptError::Envelope`] when the key did not sign
    /// the root that a proof leads to.
    pub fn verify(
        &self,
        key: &PublicKey,
        leaf: Option<&Hash>,
        older: Option<&Older>,
    ) -> Result<VerifiedProofs, ReceiptError> {
        let mut roots = Vec::with_capacity(self.inclusion.len() + self.consistency.len());
        for Inclusion { size, index, path } in &self.inclusion {
            let leaf = leaf.ok_or(ReceiptError::Subject { missing: Subject::Leaf })?;
            roots.push(proof::root_from_inclusion(leaf, *index, *size, path)?);
        }
        for Consistency { size1, size2, path } in &self.consistency {
            let older = older.ok_or(ReceiptError::Subject { missing: Subject::OlderRoot })?;
            if older.size != *size1 {
                return Err(ReceiptError::OtherSize { found: *size1, given: older.size });
            }
            roots.push(proof::root_from_consistency(*size1, *size2, path, &older.root)?);
        }
        // `decode` made sure of one at least.
        let root = *roots.first().ok_or(ReceiptError::MalformedProof)?;
        if roots.iter().any(|other| *other != root) {
            return Err(proof::ProofError::RootMismatch.into());
        }
        self.envelope.verify_with(key, &[], Some(&root))?;
        Ok(VerifiedProofs { root })
    }
}
