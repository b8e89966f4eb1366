//! Receipts (RFC 9942) for the RFC 9162 SHA-256 tree (vds 1): a COSE_Sign1 whose detached payload is
//! a root, with the proof that leads to it in the unprotected header.
//!
//! The signature covers the root and not the size: the checkpoint travels with a receipt. It covers
//! no leaf either, so one [`SignedRoot`] serves every leaf of its tree.

use cose::cbor::{self, CborError, Value};
use cose::key::{KeyError, PublicKey, Signer};
use cose::sign1::{self, Claims, Envelope, Protected, Sign1Error};

use crate::proof::{self, MAX_PROOF_HASHES, ProofError};
use crate::{Hash, leaf_hash};

/// Label of the verifiable data structure (RFC 9942 §4).
const VDS: i64 = 395;
/// Label of the verifiable data structure's proofs.
const VDP: i64 = 396;
/// RFC 9162 SHA-256, the structure that we know.
const VDS_RFC9162: i64 = 1;
/// Inclusion proofs in the map of proofs (RFC 9942 §5.2).
const INCLUSION: i64 = -1;
/// Consistency proofs in the map of proofs (RFC 9942 §5.3).
const CONSISTENCY: i64 = -2;

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// CBOR, but not a tagged COSE_Sign1: another or older form of receipt.
    #[error("unsupported form of receipt")]
    UnsupportedForm,
    /// Another verifiable data structure, such as CCF (2).
    #[error("unsupported verifiable data structure {vds}")]
    UnsupportedStructure {
        /// Code point of the structure.
        vds: i64,
    },
    /// No verifiable data structure is named, or not by an integer.
    #[error("no verifiable data structure in the protected header")]
    MissingStructure,
    /// The root must be recomputed, not read (RFC 9942 §5.2.1, §5.3.1).
    #[error("the payload of a receipt is detached")]
    AttachedPayload,
    /// Other proofs than were asked for: none, of another kind, too many, or anything beside them.
    #[error("not the proofs that a receipt carries: {what}")]
    Proofs {
        /// What is missing or too much.
        what: &'static str,
    },
    /// The proof is not two sizes and a path of hashes.
    #[error("malformed proof in a receipt")]
    MalformedProof,
    /// The proof is not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// What a proof is about was not given.
    #[error("{missing} is needed for the proofs in this receipt")]
    Subject {
        /// What is missing.
        missing: Subject,
    },
    /// A proof of consistency from another tree than the older one given.
    #[error("the receipt is about a tree of {found} leaves, and the older tree given has {given}")]
    OtherSize {
        /// The older size that the receipt states.
        found: u64,
        /// The size given.
        given: u64,
    },
    /// The proof does not fit the leaf, the sizes or the older root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The envelope, or its signature over the root.
    #[error(transparent)]
    Envelope(Sign1Error),
}

impl ReceiptError {
    /// Stable word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            ReceiptError::UnsupportedForm => "RECEIPT_FORM_UNSUPPORTED",
            ReceiptError::UnsupportedStructure { .. } => "STRUCTURE_UNSUPPORTED",
            ReceiptError::MissingStructure => "STRUCTURE_MISSING",
            ReceiptError::AttachedPayload => "PAYLOAD_ATTACHED",
            ReceiptError::Subject { missing: Subject::Leaf } => "STATEMENT_MISSING",
            ReceiptError::Subject { missing: Subject::OlderRoot } => "OLDER_TREE_MISSING",
            ReceiptError::Proofs { .. } | ReceiptError::MalformedProof | ReceiptError::Cbor(_) => "RECEIPT_MALFORMED",
            ReceiptError::OtherSize { .. } | ReceiptError::Proof(_) => "PROOF_INVALID",
            ReceiptError::Envelope(Sign1Error::UnsupportedAlgorithm { .. }) => "ALGORITHM_UNSUPPORTED",
            ReceiptError::Envelope(Sign1Error::Key(KeyError::BadSignature)) => "SIGNATURE_INVALID",
            ReceiptError::Envelope(Sign1Error::Key(_)) => "KEY_MISMATCH",
            ReceiptError::Envelope(_) => "RECEIPT_MALFORMED",
        }
    }
}

impl From<Sign1Error> for ReceiptError {
    fn from(error: Sign1Error) -> ReceiptError {
        match error {
            Sign1Error::Unsupported { .. } | Sign1Error::Structure { .. } => ReceiptError::UnsupportedForm,
            error => ReceiptError::Envelope(error),
        }
    }
}

/// That a leaf is in a tree (RFC 9942 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Tree size.
    pub size: u64,
    /// Leaf index.
    pub index: u64,
    /// Hashes from the leaf up.
    pub path: Vec<Hash>,
}

/// That a tree extends another (RFC 9942 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The older size.
    pub size1: u64,
    /// The newer size.
    pub size2: u64,
    /// The proof's hashes.
    pub path: Vec<Hash>,
}

/// Who signs: what stands in a receipt's protected header beside the algorithm and the structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer<'a> {
    /// Key identifier.
    pub kid: &'a [u8],
    /// The service.
    pub iss: &'a str,
    /// The log.
    pub sub: &'a str,
}

/// A signature over a root, from which the receipt of every leaf under it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRoot(Envelope);

impl SignedRoot {
    /// Signs a root.
    pub fn sign(signer: &dyn Signer, issuer: &Issuer<'_>, root: &Hash) -> Result<SignedRoot, ReceiptError> {
        let protected = Protected {
            kid: Some(issuer.kid.to_vec()),
            claims: Some(Claims::new(issuer.iss, issuer.sub)),
            other: vec![(Value::int(VDS), Value::int(VDS_RFC9162))],
            ..Protected::new(signer.algorithm())
        };
        let bytes = sign1::sign_detached(signer, &protected, Value::Map(vec![]), root)?;
        SignedRoot::decode(&bytes)
    }

    /// Reads what [`SignedRoot::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<SignedRoot, ReceiptError> {
        let envelope = open(bytes)?;
        if envelope.unprotected().as_map().is_some_and(|map| !map.is_empty()) {
            return Err(ReceiptError::Proofs { what: "a root is signed without a proof" });
        }
        Ok(SignedRoot(envelope))
    }

    /// The signature without a proof, to be kept: a COSE_Sign1 with nothing unprotected.
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    /// Checks the signature over `root`.
    pub fn verify(&self, key: &PublicKey, root: &Hash) -> Result<(), ReceiptError> {
        Ok(self.0.verify_with(key, &[], Some(root))?)
    }

    /// The receipt of one leaf.
    pub fn inclusion_receipt(&self, proof: &Inclusion) -> Result<Vec<u8>, ReceiptError> {
        self.with_proof(INCLUSION, proof.size, proof.index, &proof.path)
    }

    /// The receipt that the tree under this root, of `size2` leaves, extends an older one.
    pub fn consistency_receipt(&self, proof: &Consistency) -> Result<Vec<u8>, ReceiptError> {
        self.with_proof(CONSISTENCY, proof.size1, proof.size2, &proof.path)
    }

    fn with_proof(&self, kind: i64, a: u64, b: u64, path: &[Hash]) -> Result<Vec<u8>, ReceiptError> {
        let path = path.iter().map(|hash| Value::bytes(hash.as_slice())).collect();
        let proof = Value::Array(vec![Value::Uint(a), Value::Uint(b), Value::Array(path)]);
        let proofs = Value::Array(vec![Value::Bytes(cbor::encode(&proof))]);
        let unprotected = Value::map([(VDP, Value::map([(kind, proofs)]))]);
        Ok(self.0.clone().with_unprotected(unprotected)?.encode())
    }
}

/// A receipt of inclusion, decoded and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    envelope: Envelope,
    proof: Inclusion,
}

/// What a verified receipt proves: the leaf stands at `index` in the tree of `size` with `root`,
/// and the key signed `root`. Only [`Receipt`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    root: Hash,
    size: u64,
    index: u64,
}

impl VerifiedReceipt {
    /// The root signed.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The size claimed; it is as the checkpoint with this root says, or the receipt lies about it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The leaf's index.
    pub fn index(&self) -> u64 {
        self.index
    }
}

impl Receipt {
    /// Signs `root` and gives the receipt of one leaf under it: [`SignedRoot::sign`] and
    /// [`SignedRoot::inclusion_receipt`] in one.
    pub fn sign(
        signer: &dyn Signer,
        issuer: &Issuer<'_>,
        proof: &Inclusion,
        root: &Hash,
    ) -> Result<Vec<u8>, ReceiptError> {
        SignedRoot::sign(signer, issuer, root)?.inclusion_receipt(proof)
    }

    /// Decodes a receipt: tagged, vds 1, payload nil, exactly one inclusion proof and nothing else
    /// unprotected.
    pub fn decode(bytes: &[u8]) -> Result<Receipt, ReceiptError> {
        let envelope = open(bytes)?;
        let (size, index, path) = only_proof(&envelope, INCLUSION)?;
        Ok(Receipt { envelope, proof: Inclusion { size, index, path } })
    }

    /// The protected header.
    pub fn protected(&self) -> &Protected {
        self.envelope.protected()
    }

    /// The proof.
    pub fn proof(&self) -> &Inclusion {
        &self.proof
    }

    /// Checks that `entry` (the leaf's bytes) is in the tree, and the signature over its root.
    pub fn verify(&self, key: &PublicKey, entry: &[u8]) -> Result<VerifiedReceipt, ReceiptError> {
        self.verify_leaf_hash(key, &leaf_hash(entry))
    }

    /// The same from the leaf's hash.
    pub fn verify_leaf_hash(&self, key: &PublicKey, leaf: &Hash) -> Result<VerifiedReceipt, ReceiptError> {
        let Inclusion { size, index, path } = &self.proof;
        let root = proof::root_from_inclusion(leaf, *index, *size, path)?;
        self.envelope.verify_with(key, &[], Some(&root))?;
        Ok(VerifiedReceipt { root, size: *size, index: *index })
    }
}

/// A receipt of consistency, decoded and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyReceipt {
    envelope: Envelope,
    proof: Consistency,
}

/// What a verified consistency receipt proves: the tree of `size2` with `root2` begins with the tree
/// whose root was given, and the key signed `root2`. Only [`ConsistencyReceipt::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedConsistency {
    size1: u64,
    size2: u64,
    root2: Hash,
}

impl VerifiedConsistency {
    /// The older size.
    pub fn size1(&self) -> u64 {
        self.size1
    }

    /// The newer size.
    pub fn size2(&self) -> u64 {
        self.size2
    }

    /// The newer root, which was signed.
    pub fn root2(&self) -> &Hash {
        &self.root2
    }
}

impl ConsistencyReceipt {
    /// Decodes a receipt: tagged, vds 1, payload nil, exactly one consistency proof and nothing else
    /// unprotected.
    pub fn decode(bytes: &[u8]) -> Result<ConsistencyReceipt, ReceiptError> {
        let envelope = open(bytes)?;
        let (size1, size2, path) = only_proof(&envelope, CONSISTENCY)?;
        Ok(ConsistencyReceipt { envelope, proof: Consistency { size1, size2, path } })
    }

    /// The protected header.
    pub fn protected(&self) -> &Protected {
        self.envelope.protected()
    }

    /// The proof.
    pub fn proof(&self) -> &Consistency {
        &self.proof
    }

    /// Checks that the newer tree extends the one with `root1`, and the signature over its root.
    pub fn verify(&self, key: &PublicKey, root1: &Hash) -> Result<VerifiedConsistency, ReceiptError> {
        let Consistency { size1, size2, path } = &self.proof;
        let root2 = proof::root_from_consistency(*size1, *size2, path, root1)?;
        self.envelope.verify_with(key, &[], Some(&root2))?;
        Ok(VerifiedConsistency { size1: *size1, size2: *size2, root2 })
    }
}

mod proofs;

pub use proofs::{Older, ReceiptProofs, Subject, VerifiedProofs};

/// What both kinds share: tagged COSE_Sign1, vds 1, payload nil.
fn open(bytes: &[u8]) -> Result<Envelope, ReceiptError> {
    let envelope = Envelope::decode_understanding(bytes, &[VDS])?;
    let vds = envelope.protected().other(VDS).and_then(Value::as_i64);
    match vds.ok_or(ReceiptError::MissingStructure)? {
        VDS_RFC9162 => {}
        vds => return Err(ReceiptError::UnsupportedStructure { vds }),
    }
    if envelope.payload().is_some() {
        return Err(ReceiptError::AttachedPayload);
    }
    Ok(envelope)
}

/// The single proof of the kind asked for: {396: {kind: [bstr .cbor [uint, uint, [* hash]]]}}.
///
/// The CDDL of RFC 9942 asks for a path of one hash at least; the only leaf of a tree has none, so
/// an empty path is read too.
fn only_proof(envelope: &Envelope, kind: i64) -> Result<(u64, u64, Vec<Hash>), ReceiptError> {
    let refused = |what| ReceiptError::Proofs { what };
    let Some([(label, proofs)]) = envelope.unprotected().as_map() else {
        return Err(refused("unprotected header with one entry"));
    };
    if label.as_i64() != Some(VDP) {
        return Err(refused("no proofs"));
    }
    let Some([(label, proofs)]) = proofs.as_map() else {
        return Err(refused("proofs of one kind"));
    };
    if label.as_i64() != Some(kind) {
        return Err(refused("proofs of another kind"));
    }
    let Some([Value::Bytes(proof)]) = proofs.as_array() else {
        return Err(refused("one proof"));
    };
    read_proof(proof)
}

/// `[uint, uint, [* hash]]`, which both kinds are.
fn read_proof(proof: &[u8]) -> Result<(u64, u64, Vec<Hash>), ReceiptError> {
    let Value::Array(parts) = cbor::decode(proof)? else {
        return Err(ReceiptError::MalformedProof);
    };
    let [Value::Uint(a), Value::Uint(b), Value::Array(path)] = parts.as_slice() else {
        return Err(ReceiptError::MalformedProof);
    };
    if path.len() > MAX_PROOF_HASHES {
        return Err(ReceiptError::MalformedProof);
    }
    let hash = |value: &Value| value.as_bytes().and_then(|bytes| Hash::try_from(bytes).ok());
    let path: Option<Vec<Hash>> = path.iter().map(hash).collect();
    Ok((*a, *b, path.ok_or(ReceiptError::MalformedProof)?))
}
