//! Payloads: what is read, what is refused and why, and how states and scopes are judged.

use jiff::Timestamp;
use record::accreditation::{Accreditation, AccreditationGrant, Scope, ScopeQuery};
use record::certificate::{Certificate, CertificateDraft, MeasuredResult, Measurement};
use record::json::{self, Digest, NumberToken, PayloadError};
use record::revocation::{KeyRevocation, KeyThumbprint, RevokedKey};
use record::status::{Epoch, GoodsRule, State, StatusEvent, StatusRecord, Transition};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn result(value: &str) -> MeasuredResult {
    MeasuredResult {
        value: value.into(),
        standard_uncertainty: "0.01".into(),
        expanded_uncertainty: "0.02".into(),
        coverage_factor: "2".into(),
    }
}

fn draft() -> CertificateDraft {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    CertificateDraft {
        number: "cert-1".into(),
        base: "https://log.example".into(),
        issuer: pair("did:web:cb.example", "Body"),
        holder: pair("did:web:plant.example", "Plant"),
        valid_from: at("2026-01-01T00:00:00Z"),
        valid_until: at("2028-01-01T00:00:00Z"),
        assessment_date: jiff::civil::date(2026, 1, 1),
        scheme: pair("https://schemes.example/s", "S"),
        method: pair("https://schemes.example/s/1", "S 1"),
        accreditation_body: pair("did:web:ab.example", "AB"),
        accreditation: ("https://ab.example/a".into(), Digest::of(b"accreditation")),
        product: ("https://plant.example/p".into(), "Clinker".into(), "25231000".into()),
        facility: ("https://plant.example/f".into(), "Plant 1".into(), "CN".into()),
        measurement: Measurement {
            unit: "tCO2e/t".into(),
            functional_unit: "1 t".into(),
            direct: result("0.7852147410358565"),
            indirect: result("0.12224275"),
            total: result("0.9074574910358565"),
            goods_from: at("2025-01-01T00:00:00Z"),
            goods_until: at("2026-01-01T00:00:00Z"),
            gap_share: "0.01".into(),
            calibration_coverage: "1".into(),
            primary_data_share: "0.9".into(),
            gwp_set: "AR5".into(),
            factor_set: "cbam-2025".into(),
            evidence_root: Digest::of(b"evidence"),
            statement: Digest::of(b"statement"),
            decision: None,
        },
    }
}

fn text() -> String {
    String::from_utf8(Certificate::new(draft()).unwrap().to_payload()).unwrap()
}

#[test]
fn a_certificate_is_read_back_to_the_same_bytes() {
    let text = text();
    let read = Certificate::from_payload(text.as_bytes()).unwrap();
    assert_eq!(read, Certificate::new(draft()).unwrap());
    assert_eq!(read.to_payload(), text.as_bytes());
    assert_eq!((read.number(), read.product_class(), read.country()), ("cert-1", "25231000", "CN"));
    // The number token is the decimal text: no binary float between.
    assert!(text.contains(r#""value":0.7852147410358565,"unit":"TNE""#));
}

/// Every difference has its reason: a rule by path, or the schema.
#[test]
fn certificates_refused() {
    let genuine = text();
    let rows: &[(&str, &str, &str)] = &[
        (r#""https://www.w3.org/ns/credentials/v2","#, "", "@context"),
        (r#""DigitalConformityCredential","#, "", "type"),
        ("certificates/cert-1\",\"issuer\"", "certificates/Cert 1\",\"issuer\"", "id"),
        ("did:web:cb.example", "did:key:z6Mk", "issuer.id"),
        ("did:web:plant.example", "plant", "credentialSubject.issuedToParty.id"),
        ("\"validUntil\":\"2028", "\"validUntil\":\"2025", "validUntil"),
        ("\"goodsUntil\":\"2026", "\"goodsUntil\":\"2024", "measurement.goodsUntil"),
        ("\"functionalUnit\":\"1 t\"", "\"functionalUnit\":\"1 furlong\"", "measurement.functionalUnit"),
        ("\"gapShare\":\"0.01\"", "\"gapShare\":\"1.01\"", "measurement.gapShare"),
        ("\"gapShare\":\"0.01\"", "\"gapShare\":\"NaN\"", "measurement.gapShare"),
        ("\"calibrationCoverage\":\"1\"", "\"calibrationCoverage\":\"inf\"", "measurement.calibrationCoverage"),
        ("\"primaryDataShare\":\"0.9\"", "\"primaryDataShare\":\"most\"", "measurement.primaryDataShare"),
        ("\"expandedUncertainty\":\"0.02\"", "\"expandedUncertainty\":\"-0.02\"", "measurement"),
        ("\"standardUncertainty\":\"0.01\"", "\"standardUncertainty\":\"NaN\"", "measurement"),
        ("\"coverageFactor\":\"2\"", "\"coverageFactor\":\"2e0\"", "measurement"),
        (
            "\"value\":0.12224275,",
            "\"value\":0.12224276,",
            "credentialSubject.conformityAssessment.assessedPerformance",
        ),
    ];
    for (from, to, wanted) in rows {
        let changed = genuine.replacen(from, to, 1);
        assert_ne!(changed, genuine, "{from}");
        match Certificate::from_payload(changed.as_bytes()) {
            Err(PayloadError::Rule { path, .. }) => assert_eq!(path, *wanted, "{from} -> {to}"),
            other => panic!("{from} -> {to}: {other:?}"),
        }
    }
}

#[test]
fn schemas_are_closed() {
    let genuine = text();
    let rows: &[(&str, String)] = &[
        ("unknown member", genuine.replacen("\"name\":", "\"nickname\":\"x\",\"name\":", 1)),
        (
            "duplicate member",
            genuine.replacen("\"validFrom\":", "\"validFrom\":\"2026-01-01T00:00:00Z\",\"validFrom\":", 1),
        ),
        ("duplicate inner member", genuine.replacen("\"gwpSet\":", "\"gwpSet\":\"AR4\",\"gwpSet\":", 1)),
        ("missing member", genuine.replacen("\"gwpSet\":\"AR5\",", "", 1)),
        ("null", genuine.replacen("\"gwpSet\":\"AR5\"", "\"gwpSet\":null", 1)),
        ("number as text", genuine.replacen("\"value\":0.12224275", "\"value\":\"0.12224275\"", 1)),
        ("number with exponent", genuine.replacen("\"value\":0.12224275", "\"value\":1.2224275e-1", 1)),
        ("trailing text", format!("{genuine} x")),
        ("two payloads", format!("{genuine}{genuine}")),
        ("byte order mark", format!("\u{feff}{genuine}")),
        ("cut off", genuine[..genuine.len() - 1].to_owned()),
        ("nothing", String::new()),
        ("an array", "[]".to_owned()),
        ("deeply nested", "[".repeat(40_000)),
    ];
    for (name, text) in rows {
        assert!(matches!(Certificate::from_payload(text.as_bytes()), Err(PayloadError::Schema { .. })), "{name}");
    }
    let long = " ".repeat(json::MAX_BYTES + 1);
    assert!(
        matches!(Certificate::from_payload(long.as_bytes()), Err(PayloadError::TooLarge { size }) if size == long.len())
    );
}

#[test]
fn number_tokens() {
    for text in ["0", "-0", "1", "-1.5", "0.1", "10", "123456789012345678901234567890.123456789", "0.7852147410358565"]
    {
        let token = NumberToken::new(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(json::write(&token), text.as_bytes());
        assert_eq!(json::read::<NumberToken>(text.as_bytes()).unwrap(), token);
    }
    let long = "1".repeat(41);
    for text in [
        "", "-", "+1", "01", "-01", "1.", ".1", "1e5", "1E5", "NaN", "Infinity", " 1", "1 ", "1,5", "0x1", "1_0", &long,
    ] {
        assert_eq!(NumberToken::new(text), None, "{text:?}");
    }
}

#[test]
fn digests() {
    let digest = Digest::of(b"abc");
    let text = digest.to_string();
    // FIPS 180-4, the example "abc".
    assert_eq!(hex::encode(digest.0), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(text.parse::<Digest>(), Ok(digest));
    for wrong in ["", "u", "z123", &text[1..], &text[..text.len() - 1], &format!("{text}A"), "uEyA"] {
        assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
    }
}

fn scope(class: &str, country: &str) -> Scope {
    Scope {
        scheme: "https://schemes.example/s".into(),
        product_classes: vec![class.into()],
        attestation_types: vec!["certification".into()],
        countries: vec![country.into()],
        from: at("2026-01-01T00:00:00Z"),
        until: at("2027-01-01T00:00:00Z"),
    }
}

fn accreditation(scope: Vec<Scope>) -> Accreditation {
    Accreditation::new(AccreditationGrant {
        id: "https://ab.example/a".into(),
        issuer: ("did:web:ab.example".into(), "AB".into()),
        body: ("did:web:cb.example".into(), "CB".into()),
        organization: "cb".into(),
        number: "1".into(),
        from: at("2026-01-01T00:00:00Z"),
        until: at("2028-01-01T00:00:00Z"),
        scope,
        signing_certificates: vec![vec![1, 2, 3]],
    })
}

#[test]
fn scope_names_the_clause_and_the_nearest_cover() {
    let granted = accreditation(vec![scope("72", "CN"), scope("2523", "CN"), scope("2523", "VN")]);
    let genuine = ScopeQuery {
        scheme: "https://schemes.example/s",
        product_class: "25231000",
        attestation_type: "certification",
        country: "CN",
        at: at("2026-06-01T00:00:00Z"),
    };
    assert_eq!(granted.covers(&genuine), Ok(()));
    assert_eq!(granted.covers(&ScopeQuery { country: "VN", ..genuine }), Ok(()));
    assert_eq!(granted.covers(&ScopeQuery { at: at("2026-01-01T00:00:00Z"), ..genuine }), Ok(()));
    let rows: [(ScopeQuery<'_>, &str, &str); 7] = [
        (ScopeQuery { scheme: "https://else.example", ..genuine }, "scheme", "https://schemes.example/s"),
        (ScopeQuery { attestation_type: "inspection", ..genuine }, "attestation type", "certification"),
        (ScopeQuery { product_class: "3102", ..genuine }, "product class", "72"),
        (ScopeQuery { product_class: "252", ..genuine }, "product class", "72"),
        // Two lines know the product: the one that comes first of those is named, not the steel line.
        (ScopeQuery { country: "DE", ..genuine }, "country", "CN"),
        (
            ScopeQuery { at: at("2027-01-01T00:00:00Z"), ..genuine },
            "date",
            "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z",
        ),
        (
            ScopeQuery { at: at("2028-01-01T00:00:00Z"), ..genuine },
            "date",
            "2026-01-01T00:00:00Z to 2028-01-01T00:00:00Z",
        ),
    ];
    for (query, clause, covered) in rows {
        let outside = granted.covers(&query).unwrap_err();
        assert_eq!((outside.clause, outside.covered.as_str()), (clause, covered), "{query:?}");
    }
}

#[test]
fn accreditations_refused() {
    type Change = fn(&mut Accreditation);
    let read = |change: Change| {
        let mut made = accreditation(vec![scope("2523", "CN")]);
        change(&mut made);
        Accreditation::from_payload(&json::write(&made))
    };
    assert_eq!(read(|_| ()).unwrap(), accreditation(vec![scope("2523", "CN")]));
    let rows: [(Change, &str); 8] = [
        (|a| a.issuer.id = "ab".into(), "issuer.id"),
        (|a| a.credential_subject.id = "cb".into(), "credentialSubject.id"),
        (|a| a.credential_subject.organization = "C B".into(), "credentialSubject.organization"),
        (|a| a.types.clear(), "type"),
        (|a| a.valid_until = a.valid_from, "validUntil"),
        (|a| a.credential_subject.accreditation_scope.clear(), "credentialSubject.accreditationScope"),
        (
            |a| a.credential_subject.accreditation_scope[0].product_classes.push(String::new()),
            "credentialSubject.accreditationScope.productClasses",
        ),
        (|a| a.credential_subject.signing_certificates.clear(), "credentialSubject.signingCertificates"),
    ];
    for (change, wanted) in rows {
        match read(change) {
            Err(PayloadError::Rule { path, .. }) => assert_eq!(path, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
}

fn history(steps: &[(State, &str)]) -> StatusRecord {
    let step = |(i, (state, effective)): (usize, &(State, &str))| Transition {
        state: *state,
        effective: at(effective),
        goods_rule: GoodsRule::GoodsBeforeStay,
        event_leaf: 10 + i as u64,
        reason: "why".into(),
    };
    StatusRecord { leaf: 3, history: steps.iter().enumerate().map(step).collect(), revocations: Vec::new() }
}

#[test]
fn the_state_at_a_date() {
    use State::{Active, Superseded, Suspended, Withdrawn};
    let (march, april, may) = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z");
    let state = |steps: &[(State, &str)], date: &str| history(steps).at(at(date)).map(|step| step.state);
    assert_eq!(state(&[], may), None);
    assert_eq!(state(&[(Suspended, april)], march), None, "not yet effective");
    assert_eq!(state(&[(Suspended, april)], april), Some(Suspended), "from the instant itself");
    assert_eq!(state(&[(Suspended, march), (Active, april)], may), Some(Active));
    assert_eq!(state(&[(Suspended, march), (Active, april)], march), Some(Suspended), "the past stays as it was");
    assert_eq!(state(&[(Suspended, may), (Active, april)], may), Some(Active), "the last word in the log counts");
    assert_eq!(state(&[(Withdrawn, march), (Active, april)], may), Some(Withdrawn), "final states stay");
    assert_eq!(state(&[(Superseded, march), (Suspended, april)], may), Some(Superseded));
    assert_eq!(state(&[(Withdrawn, may), (Suspended, march)], april), Some(Suspended), "final only once effective");
    assert_eq!(state(&[(Withdrawn, may), (Suspended, march)], may), Some(Withdrawn));
}

#[test]
fn records_and_epochs_have_one_spelling() {
    let record = history(&[(State::Suspended, "2026-04-01T00:00:00Z"), (State::Active, "1960-04-01T00:00:00Z")]);
    let bytes = record.to_bytes();
    assert_eq!(StatusRecord::from_bytes(&bytes), Ok(record));
    // [3, []]
    assert_eq!(StatusRecord::new(3).to_bytes(), [0x82, 0x03, 0x80]);
    let epoch = Epoch {
        number: 7,
        time: at("2026-06-01T00:00:00Z"),
        previous_size: 9,
        size: 10,
        root: [1; 32],
        map_root: [2; 32],
    };
    assert_eq!(Epoch::from_bytes(&epoch.to_bytes()), Ok(epoch));
    assert!(Epoch::from_bytes(&bytes).is_err());
    assert!(StatusRecord::from_bytes(&epoch.to_bytes()).is_err());
    // 0x18 0x03 is 3 in two bytes: not the one spelling.
    assert!(StatusRecord::from_bytes(&[0x82, 0x18, 0x03, 0x80]).is_err());
    // A state that is not among the four.
    let unknown = [0x82, 0x03, 0x81, 0x85, 0x04, 0x00, 0x00, 0x00, 0x60];
    assert!(StatusRecord::from_bytes(&unknown).is_err());
}

#[test]
fn events_say_why() {
    let event = StatusEvent {
        id: "https://log.example/events/1".into(),
        issuer: "did:web:cb.example".into(),
        subject: "https://log.example/certificates/cert-1#attestation".into(),
        state: State::Withdrawn,
        effective: at("2026-04-01T00:00:00Z"),
        reason: "audit".into(),
        goods_rule: GoodsRule::NoGoods,
    };
    assert_eq!(StatusEvent::from_payload(&json::write(&event)).as_ref(), Ok(&event));
    for reason in [String::new(), "x".repeat(501)] {
        let wrong = StatusEvent { reason, ..event.clone() };
        assert!(matches!(
            StatusEvent::from_payload(&json::write(&wrong)),
            Err(PayloadError::Rule { path: "reason", .. })
        ));
    }
}

#[test]
fn revocations_in_a_record_have_one_spelling() {
    let key = KeyThumbprint([7; 32]);
    let revoked = RevokedKey { key, cut_off: at("2026-03-01T00:00:00Z"), leaf: 9, returns: vec![5] };
    let mut record = history(&[(State::Suspended, "2026-02-01T00:00:00Z")]);
    let without = record.to_bytes();
    record.revocations.push(revoked);
    let bytes = record.to_bytes();
    assert_eq!(StatusRecord::from_bytes(&bytes), Ok(record.clone()));
    // The same but for a third item: 0x83 in place of 0x82, [[h'07…', 1772323200, 9, [5]]] at the end.
    let third = [&[0x81, 0x84, 0x58, 0x20][..], &[7; 32], &[0x1a, 0x69, 0xa3, 0x81, 0x80, 0x09, 0x81, 0x05]].concat();
    assert_eq!(bytes, [&[0x83], &without[1..], &third].concat());
    // An empty list is left out.
    let empty = [&[0x83], &without[1..], &[0x80]].concat();
    assert!(StatusRecord::from_bytes(&empty).is_err());
    assert_eq!(record.below(9).revocations, []);
    assert_eq!(record.below(11), record);
}

#[test]
fn a_revocation_names_a_key_by_its_thumbprint() {
    let revocation = KeyRevocation {
        id: "https://log.example/revocations/1".into(),
        issuer: "did:web:ab.example".into(),
        body: "did:web:cb.example".into(),
        // RFC 7638, section 3.1, as the URI of RFC 9278, section 3.
        key: "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
            .parse()
            .unwrap(),
        cut_off: at("2026-03-01T00:00:00Z"),
        reason: "stolen".into(),
    };
    assert_eq!(hex::encode(&revocation.key.0[..4]), "3736cbb1");
    let payload = json::write(&revocation);
    assert_eq!(KeyRevocation::from_payload(&payload).as_ref(), Ok(&revocation));
    for wrong in
        ["", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "urn:ietf:params:oauth:jwk-thumbprint:sha-256:AAAA"]
    {
        assert!(wrong.parse::<KeyThumbprint>().is_err(), "{wrong}");
    }
    let silent = KeyRevocation { reason: String::new(), ..revocation.clone() };
    let of_nobody = KeyRevocation { body: "nobody".into(), ..revocation };
    for (wrong, field) in [(silent, "reason"), (of_nobody, "body")] {
        let refused = KeyRevocation::from_payload(&json::write(&wrong));
        assert!(matches!(refused, Err(PayloadError::Rule { path, .. }) if path == field), "{field}: {refused:?}");
    }
}
