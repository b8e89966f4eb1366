//! Certificates and paths, with chains made for the purpose.

use cose::key::{KeyError, PublicKey};
use cose::x509::{Certificate, CertificateError, MAX_INTERMEDIATES, PathError, verify_path};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, SanType, SignatureAlgorithm,
    date_time_ymd,
};

/// 2026-01-01T00:00:00Z and 2027-01-01T00:00:00Z: what leaves are valid for unless a test says.
const FROM: i64 = 1_767_225_600;
const UNTIL: i64 = 1_798_761_600;
const AT: i64 = FROM + 86_400;

struct Ca {
    params: CertificateParams,
    key: KeyPair,
    der: Vec<u8>,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn root(name: &str) -> Ca {
    let (params, key) = (ca_params(name), KeyPair::generate().unwrap());
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Ca { params, key, der }
}

impl Ca {
    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).unwrap().der().to_vec()
    }

    fn intermediate(&self, params: CertificateParams) -> Ca {
        let key = KeyPair::generate().unwrap();
        let der = self.sign(&params, &key);
        Ca { params, key, der }
    }

    fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = named("Verifier");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(&self.sign(&params, &key)).unwrap()
    }
}

#[test]
fn reads_a_certificate() {
    let leaf = root("AB").leaf(|params| {
        let uri = "https://cb.example/signing".try_into().unwrap();
        let dns = "cb.example".try_into().unwrap();
        params.subject_alt_names = vec![SanType::URI(uri), SanType::DnsName(dns)];
        params.serial_number = Some(vec![1, 2, 3].into());
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::EmailProtection, ExtendedKeyUsagePurpose::Other(vec![1, 2, 3])];
    });
    assert_eq!(leaf.common_name(), Some("Verifier"));
    assert_eq!(leaf.uris(), ["https://cb.example/signing"]);
    assert_eq!(leaf.dns_names(), ["cb.example"]);
    assert_eq!((leaf.not_before(), leaf.not_after()), (FROM, UNTIL));
    assert_eq!(leaf.serial(), [1, 2, 3]);
    assert_eq!(leaf.digital_signature(), Some(true));
    assert_eq!(leaf.extended_key_usage(), ["1.3.6.1.5.5.7.3.4", "1.2.3"]);
    assert!(!leaf.is_ca());
    assert_eq!(leaf.x5t(), cose::sha256(leaf.der()));
    let longer = [leaf.der(), &[0]].concat();
    let what = "trailing bytes";
    assert_eq!(Certificate::from_der(&longer), Err(CertificateError::Malformed { what }));
}

#[test]
fn accepts_paths() {
    let ab = root("AB");
    let other = root("Other AB");
    let anchors = [other.der.clone(), ab.der.clone()];
    let leaf = ab.leaf(|_| {});
    let verified = verify_path(&leaf, &[], &anchors, AT).unwrap();
    assert_eq!((verified.anchor_index(), verified.at_unix_secs()), (1, AT));
    assert_eq!(verified.der(), leaf.der());
    // Both ends of validity are inside it.
    assert!(verify_path(&leaf, &[], &anchors, FROM).is_ok());
    assert!(verify_path(&leaf, &[], &anchors, UNTIL).is_ok());

    let middle = ab.intermediate(ca_params("AB issuing"));
    let leaf = middle.leaf(|_| {});
    let others = [other.der.clone(), middle.der.clone()];
    assert!(verify_path(&leaf, &others, &anchors, AT).is_ok());
    assert_eq!(verify_path(&leaf, &[], &anchors, AT), Err(PathError::UnknownIssuer));

    // No purpose, any purpose, another purpose; no key usage.
    for purposes in [vec![], vec![ExtendedKeyUsagePurpose::Any], vec![ExtendedKeyUsagePurpose::ServerAuth]] {
        let leaf = ab.leaf(|params| params.extended_key_usages = purposes);
        assert!(verify_path(&leaf, &[], &anchors, AT).is_ok());
    }
    let leaf = ab.leaf(|params| params.key_usages = vec![]);
    assert_eq!(leaf.digital_signature(), None);
    assert!(verify_path(&leaf, &[], &anchors, AT).is_ok());
}

#[test]
fn key_kinds() {
    let ab = root("AB");
    let issue = |alg: &'static SignatureAlgorithm| {
        let key = KeyPair::generate_for(alg).unwrap();
        Certificate::from_der(&ab.sign(&named("Verifier"), &key))
    };
    for alg in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
        let leaf = issue(alg).unwrap();
        let key = leaf.public_key().clone();
        assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
        assert!(verify_path(&leaf, &[], std::slice::from_ref(&ab.der), AT).is_ok());
    }
    let p521 = issue(&PKCS_ECDSA_P521_SHA512);
    assert!(matches!(p521, Err(CertificateError::Key(KeyError::UnsupportedKey { .. }))));

    // A chain signed with an algorithm that we do not accept.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    let params = ca_params("P-521");
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let ca = Ca { params, key, der };
    let refused = verify_path(&ca.leaf(|_| {}), &[], std::slice::from_ref(&ca.der), AT);
    assert_eq!(refused, Err(PathError::UnsupportedSignatureAlgorithm));
}

#[test]
fn refuses_dates() {
    let ab = root("AB");
    let anchors = [ab.der.clone()];
    let leaf = ab.leaf(|_| {});
    let check = |at| verify_path(&leaf, &[], &anchors, at).map(drop);
    assert_eq!(check(UNTIL + 1), Err(PathError::Expired { at: UNTIL + 1, not_after: UNTIL }));
    assert_eq!(check(FROM - 1), Err(PathError::NotYetValid { at: FROM - 1, not_before: FROM }));
    assert!(matches!(check(i64::MIN), Err(PathError::NotYetValid { .. })));
    assert!(matches!(check(i64::MAX), Err(PathError::Expired { .. })));
    // An issuer on the way that is no longer valid.
    let mut params = ca_params("Old issuing");
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2025, 1, 1);
    let old = ab.intermediate(params);
    let refused = verify_path(&old.leaf(|_| {}), std::slice::from_ref(&old.der), &anchors, AT);
    assert_eq!(refused, Err(PathError::Expired { at: AT, not_after: 1_735_689_600 }));
}

#[test]
fn refuses_what_is_no_signing_leaf() {
    let ab = root("AB");
    let anchors = [ab.der.clone()];
    let check = |leaf: &Certificate| verify_path(leaf, &[], &anchors, AT).map(drop);
    let usage = ab.leaf(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    assert_eq!(check(&usage), Err(PathError::KeyUsage));
    let ca = ab.leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(check(&ca), Err(PathError::NotALeaf));
    let critical = ab.leaf(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    assert_eq!(check(&critical), Err(PathError::CriticalExtension));
}

#[test]
fn refuses_issuers() {
    let ab = root("AB");
    let anchors = [ab.der.clone()];
    // Same name, another key.
    let impostor = root("AB");
    let leaf = impostor.leaf(|_| {});
    assert_eq!(verify_path(&leaf, &[], &anchors, AT), Err(PathError::BadSignature));
    let stranger = root("Stranger").leaf(|_| {});
    assert_eq!(verify_path(&stranger, &[], &anchors, AT), Err(PathError::UnknownIssuer));
    assert_eq!(verify_path(&stranger, &[], &[], AT), Err(PathError::UnknownIssuer));
    // A leaf that signs a leaf.
    let mut params = named("Verifier");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let leaf = ab.intermediate(params);
    let below = leaf.leaf(|_| {});
    let refused = verify_path(&below, std::slice::from_ref(&leaf.der), &anchors, AT);
    assert_eq!(refused, Err(PathError::Constraint { what: "issuer is not a CA" }));
    // Path length.
    let mut params = ca_params("Last");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = ab.intermediate(params);
    let beyond = last.intermediate(ca_params("Beyond"));
    let chain = [last.der.clone(), beyond.der.clone()];
    let refused = verify_path(&beyond.leaf(|_| {}), &chain, &anchors, AT);
    assert_eq!(refused, Err(PathError::Constraint { what: "path length" }));

    let leaf = ab.leaf(|_| {});
    let many = vec![ab.der.clone(); MAX_INTERMEDIATES + 1];
    assert_eq!(verify_path(&leaf, &many, &anchors, AT), Err(PathError::TooCostly));
    let malformed = [ab.der.clone(), vec![0x30, 0]];
    let refused = verify_path(&leaf, &[], &malformed, AT);
    assert_eq!(refused, Err(PathError::MalformedAnchor { index: 1 }));
    // A malformed intermediate that is not needed does no harm.
    assert!(verify_path(&leaf, &[vec![0x30, 0]], &anchors, AT).is_ok());
}
