//! A transparency log's arithmetic: RFC 9162 hashes and proofs, C2SP tiles, signed notes and
//! checkpoints, RFC 9942 receipts. There is no carbon in here, no storage, no network, no clock, no
//! sequencer: who reads bytes, and when, is the caller's; whose signatures count is what the caller's
//! policy says.
//!
//! * [`proof`]: verify inclusion and consistency.
//! * [`tree`]: make proofs and roots from subtree hashes; grow a tree by its edge.
//! * [`tile`]: tiles and entry bundles, their paths and bytes.
//! * [`note`], [`checkpoint`]: signed notes, checkpoints, cosignatures.
//! * [`policy`]: which logs are known, and which witnesses suffice.
//! * [`log_proof`]: an inclusion proof and its checkpoint in one text file.
//! * [`witness`]: what a witness is asked, decides and answers.
//! * [`receipt`]: a proof and a signature over its root in one COSE_Sign1.

pub mod checkpoint;
pub mod log_proof;
pub mod note;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod witness;

/// A SHA-256 node of the tree.
pub type Hash = [u8; 32];

/// The root of the tree without leaves: SHA-256 of nothing (RFC 9162 §2.1.1).
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of a leaf, SHA-256(0x00 ‖ entry) (RFC 9162 §2.1.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    cose::sha256(&[&[0], entry].concat())
}

/// The hash of an inner node, SHA-256(0x01 ‖ left ‖ right) (RFC 9162 §2.1.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    cose::sha256(&bytes)
}
