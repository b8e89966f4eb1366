//! COSE_Sign1 envelopes (RFC 9052), strict CBOR (RFC 8949), keys and X.509 paths. There is no
//! carbon in here, no payload schema, no network, no clock, no revocation list, no encryption, no
//! multi-signer `COSE_Sign`, and no key storage: callers bring the time, the anchors and the key.
//!
//! * [`cbor`]: one strict decoder, one deterministic encoder.
//! * [`key`]: signing keys, public keys, the algorithms we accept.
//! * [`sign1`]: the envelope: headers, what is signed, signing and verifying.
//! * [`x509`]: what a certificate says, and the path from it to an anchor.
//!
//! All cryptography is aws-lc-rs.

pub mod cbor;
pub mod key;
pub mod sign1;
pub mod x509;

/// SHA-256 (FIPS 180-4) of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}
