//! Certificates and paths, with chains made for the purpose.

use cose::key::{KeyError, PublicKey};
use cose::x509::{
    Certificate, CertificateError, MAX_INTERMEDIATES, PathError, RevocationList, Whose, verify_path, verify_path_with,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, date_time_ymd,
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
    params.use_authority_key_identifier_extension = true;
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

#[test]
fn refuses_forms() {
    let ab = root("AB");
    let anchors = [ab.der.clone()];
    let check = |leaf: &Certificate| match verify_path(leaf, &[], &anchors, AT) {
        Err(PathError::Form { whose, what }) => (whose, what),
        other => panic!("{other:?}"),
    };
    // What each case changes, and the clause that it breaks.
    type Change = fn(&mut CertificateParams);
    let cases: [(Change, &str); 5] = [
        (|params| params.use_authority_key_identifier_extension = false, "§4.2.1.1"),
        (|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign), "§4.2.1.9"),
        (|params| params.serial_number = Some(SerialNumber::from(vec![0])), "§4.1.2.2"),
        (|params| params.serial_number = Some(SerialNumber::from(vec![0x7f; 21])), "§4.1.2.2"),
        (
            |params| {
                let key_id = CustomExtension::from_oid_content(&[2, 5, 29, 35], vec![0x30, 0x03, 0x80, 0x01, 0x07]);
                params.use_authority_key_identifier_extension = false;
                params.custom_extensions = vec![key_id];
            },
            "is not that of the issuer",
        ),
    ];
    for (change, clause) in cases {
        let leaf = ab.leaf(|params| {
            params.subject_alt_names = vec![SanType::URI("did:web:cb.example".try_into().unwrap())];
            change(params);
        });
        let (whose, what) = check(&leaf);
        assert_eq!(whose, Whose::Leaf);
        assert!(what.contains(clause), "{what}, not {clause}");
    }
    // The longest serial number.
    let leaf = ab.leaf(|params| params.serial_number = Some(SerialNumber::from(vec![0x7f; 20])));
    assert!(verify_path(&leaf, &[], &anchors, AT).is_ok());

    // An issuer between that may not sign certificates, and an anchor of another key under the same name.
    let mut params = ca_params("Idle");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let idle = ab.intermediate(params);
    let refused = verify_path(&idle.leaf(|_| {}), std::slice::from_ref(&idle.der), &anchors, AT);
    let Err(PathError::Form { whose: Whose::Intermediate, what }) = refused else { panic!("{refused:?}") };
    assert!(what.contains("§4.2.1.3"), "{what}");
}

#[test]
fn an_anchor_has_dates_and_a_form() {
    let mut params = ca_params("AB");
    params.not_after = date_time_ymd(2026, 1, 1);
    let key = KeyPair::generate().unwrap();
    let over = Ca { der: params.self_signed(&key).unwrap().der().to_vec(), params, key };
    let leaf = over.leaf(|_| {});
    let refused = verify_path(&leaf, &[], std::slice::from_ref(&over.der), AT);
    assert_eq!(refused, Err(PathError::Expired { at: AT, not_after: FROM }));
    assert!(verify_path(&leaf, &[], std::slice::from_ref(&over.der), FROM).is_ok());
    // The same name and key in a certificate that is not over: the path ends there, whichever comes first.
    let newer = ca_params("AB").self_signed(&over.key).unwrap().der().to_vec();
    for anchors in [[over.der.clone(), newer.clone()], [newer.clone(), over.der.clone()]] {
        let verified = verify_path(&leaf, &[], &anchors, AT).unwrap();
        assert_eq!(anchors[verified.anchor_index()], newer);
    }
    // A critical extension that nobody here understands.
    let mut params = ca_params("AB");
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions = vec![extension];
    let strange = params.self_signed(&over.key).unwrap().der().to_vec();
    let refused = verify_path(&leaf, &[], &[strange], AT);
    let Err(PathError::Form { whose: Whose::Anchor, what }) = refused else { panic!("{refused:?}") };
    assert!(what.contains("critical"), "{what}");
}

/// A list of `ca`: day of this and of the next one, and what is revoked on which day of January 2026.
fn list(ca: &Ca, days: (u8, u8), revoked: &[(u8, u8)]) -> Vec<u8> {
    let day = |day| date_time_ymd(2026, 1, day);
    let revoked = revoked.iter().map(|(serial, since)| RevokedCertParams {
        serial_number: SerialNumber::from(vec![*serial]),
        revocation_time: day(*since),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: day(days.0),
        next_update: day(days.1),
        crl_number: SerialNumber::from(vec![1]),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    // The library makes no list for who may sign none: here its certificate decides.
    let mut issuer = ca.params.clone();
    issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
    params.signed_by(&Issuer::from_params(&issuer, &ca.key)).unwrap().der().to_vec()
}

#[test]
fn heeds_lists_of_issuers() {
    let mut params = ca_params("AB");
    params.key_usages.push(KeyUsagePurpose::CrlSign);
    let key = KeyPair::generate().unwrap();
    let ab = Ca { der: params.self_signed(&key).unwrap().der().to_vec(), params, key };
    let mut params = ca_params("AB issuing");
    params.serial_number = Some(SerialNumber::from(vec![7]));
    let middle = ab.intermediate(params);
    let numbered = |ca: &Ca| ca.leaf(|params| params.serial_number = Some(SerialNumber::from(vec![9])));
    let leaf = numbered(&ab);
    // The 2nd, 3rd, ... of January 2026.
    let day = |day: i64| FROM + (day - 1) * 86_400;
    let judge = |leaf: &Certificate, lists: &[Vec<u8>], at: i64| {
        let lists: Vec<_> = lists.iter().map(|der| RevocationList::from_der(der).unwrap()).collect();
        let middle = std::slice::from_ref(&middle.der);
        verify_path_with(leaf, middle, std::slice::from_ref(&ab.der), &lists, at).map(drop)
    };
    let revoked = |serial: &str, since: i64, at: i64| {
        Err(PathError::Revoked { serial: serial.to_owned(), since: day(since), at })
    };
    let newest = list(&ab, (5, 20), &[(9, 4)]);
    // From that moment on; what was signed before stands.
    assert_eq!(judge(&leaf, std::slice::from_ref(&newest), day(4)), revoked("09", 4, day(4)));
    assert_eq!(judge(&leaf, std::slice::from_ref(&newest), day(6)), revoked("09", 4, day(6)));
    assert_eq!(judge(&leaf, std::slice::from_ref(&newest), day(4) - 1), Ok(()));
    // Another number, and the number of another issuer's.
    assert_eq!(judge(&leaf, &[list(&ab, (5, 20), &[(8, 4)])], day(6)), Ok(()));
    assert_eq!(judge(&leaf, &[list(&root("Other"), (5, 20), &[(9, 4)])], day(6)), Ok(()));
    // An issuer on the way.
    let below = numbered(&middle);
    assert_eq!(judge(&below, std::slice::from_ref(&newest), day(6)), Ok(()));
    assert_eq!(judge(&below, &[list(&ab, (5, 20), &[(7, 4)])], day(6)), revoked("07", 4, day(6)));

    // What cannot be used is an error, not passed over.
    let unusable = |lists: &[Vec<u8>], at: i64| match judge(&leaf, lists, at) {
        Err(PathError::RevocationList { what }) => what,
        other => panic!("{other:?}"),
    };
    assert!(unusable(std::slice::from_ref(&newest), day(21)).contains("over"));
    assert!(unusable(&[list(&root("AB"), (5, 20), &[(9, 4)])], day(6)).contains("did not sign"));
    let plain = root("AB");
    let leaf = numbered(&plain);
    let der = list(&plain, (5, 20), &[]);
    let lists = [RevocationList::from_der(&der).unwrap()];
    let refused = verify_path_with(&leaf, &[], std::slice::from_ref(&plain.der), &lists, day(6)).map(drop);
    assert!(matches!(refused, Err(PathError::RevocationList { what }) if what.contains("may not sign")), "{refused:?}");
    let damaged = RevocationList::from_der(&newest[1..]).unwrap_err();
    assert_eq!(damaged, PathError::RevocationList { what: "malformed" });
}
