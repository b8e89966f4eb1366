//! The tables: a row an algorithm, a row a kind of key. A new algorithm is a variant and a row; a kind of key whose public
//! half is one string of fixed length is a variant and a row too. ML-DSA (COSE −48 to −50) would be that: `emitted` false
//! until the library signs with it, and `AKP` keys beside `EC2` and `OKP` in the forms that name them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, VerificationAlgorithm,
};

use super::{Algorithm, KeyKind};

/// What is known of an algorithm (IANA, COSE Algorithms and JSON Web Signature Algorithms).
pub(super) struct AlgorithmRow {
    pub(super) algorithm: Algorithm,
    /// COSE code point.
    pub(super) code: i64,
    /// JOSE name.
    pub(super) jose_name: &'static str,
    pub(super) kind: KeyKind,
    /// Signature type in signed notes (C2SP signed-note).
    pub(super) note_type: Option<u8>,
    /// Whether we sign with it.
    pub(super) emitted: bool,
}

const fn row(
    algorithm: Algorithm,
    code: i64,
    jose_name: &'static str,
    kind: KeyKind,
    note_type: Option<u8>,
    emitted: bool,
) -> AlgorithmRow {
    AlgorithmRow { algorithm, code, jose_name, kind, note_type, emitted }
}

/// In the order of the variants.
#[rustfmt::skip]
pub(super) const ALGORITHMS: &[AlgorithmRow] = &[
    //  algorithm           code  JOSE       key               note     emitted
    row(Algorithm::Es256,    -7, "ES256",   KeyKind::P256,    None,    true),
    row(Algorithm::EdDsa,    -8, "EdDSA",   KeyKind::Ed25519, None,    false),
    row(Algorithm::Esp256,   -9, "ES256",   KeyKind::P256,    None,    false),
    row(Algorithm::Ed25519, -19, "Ed25519", KeyKind::Ed25519, Some(1), true),
    row(Algorithm::Es384,   -35, "ES384",   KeyKind::P384,    None,    false),
    row(Algorithm::Ps256,   -37, "PS256",   KeyKind::Rsa,     None,    false),
];

/// The algorithms of the table.
pub(super) const fn accepted() -> [Algorithm; ALGORITHMS.len()] {
    let mut all = [Algorithm::Es256; ALGORITHMS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = ALGORITHMS[at].algorithm;
        at += 1;
    }
    all
}

/// What is known of a kind of key.
pub(super) struct KindRow {
    pub(super) kind: KeyKind,
    pub(super) name: &'static str,
    /// What checks its signatures.
    pub(super) check: &'static dyn VerificationAlgorithm,
    /// Keys of one fixed string; RSA has two numbers.
    pub(super) fixed: Option<Fixed>,
}

/// A kind of key whose public half is one string of bytes.
pub(super) struct Fixed {
    /// Its length in bytes.
    pub(super) len: usize,
    /// SubjectPublicKeyInfo up to the key, in DER: RFC 5480, 2 for the curves, RFC 8410, 4 for Ed25519. Such keys have
    /// exactly one encoding, so reading is comparing.
    pub(super) spki: &'static [u8],
    /// Whether it is 0x04 ‖ x ‖ y, two coordinates where JWK and COSE_Key write them.
    pub(super) is_point: bool,
    /// `kty` and `crv` of a JWK (RFC 7518, 6.2.1; RFC 8037, 2).
    pub(super) jwk: (&'static str, &'static str),
    /// Key type and curve of a COSE_Key (RFC 9053, 7.1).
    pub(super) cose_key: (i64, i64),
    /// What it is called where it is malformed.
    pub(super) what: &'static str,
}

/// In the order of the variants.
pub(super) const KINDS: &[KindRow] = &[
    KindRow {
        kind: KeyKind::P256,
        name: "P-256",
        check: &ECDSA_P256_SHA256_FIXED,
        fixed: Some(Fixed {
            len: 65,
            spki: b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
            is_point: true,
            jwk: ("EC", "P-256"),
            cose_key: (2, 1),
            what: "P-256 point",
        }),
    },
    KindRow {
        kind: KeyKind::P384,
        name: "P-384",
        check: &ECDSA_P384_SHA384_FIXED,
        fixed: Some(Fixed {
            len: 97,
            spki: b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
            is_point: true,
            jwk: ("EC", "P-384"),
            cose_key: (2, 2),
            what: "P-384 point",
        }),
    },
    KindRow {
        kind: KeyKind::Ed25519,
        name: "Ed25519",
        check: &ED25519,
        fixed: Some(Fixed {
            len: 32,
            spki: b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
            is_point: false,
            jwk: ("OKP", "Ed25519"),
            cose_key: (1, 6),
            what: "Ed25519 key",
        }),
    },
    KindRow { kind: KeyKind::Rsa, name: "RSA", check: &RSA_PSS_2048_8192_SHA256, fixed: None },
];

/// The kinds of one fixed string.
pub(super) fn fixed() -> impl Iterator<Item = (KeyKind, &'static Fixed)> {
    KINDS.iter().filter_map(|row| Some((row.kind, row.fixed.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_variants() {
        for (at, row) in ALGORITHMS.iter().enumerate() {
            assert_eq!(row.algorithm as usize, at, "{:?}", row.algorithm);
            assert_eq!(ALGORITHMS.iter().filter(|other| other.code == row.code).count(), 1, "{}", row.code);
        }
        for (at, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, at, "{}", row.name);
            // One algorithm at most is emitted with a kind of key: it says which.
            let emitted = ALGORITHMS.iter().filter(|other| other.kind == row.kind && other.emitted).count();
            assert!(emitted <= 1, "{}", row.name);
            assert_eq!(row.kind.emitted().is_some(), emitted == 1, "{}", row.name);
        }
    }
}
