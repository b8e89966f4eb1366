//! Requests that do not fit: every field that is missing or malformed is named, at once, by its path.

use std::collections::BTreeSet;

use integration_tests::{cast, cement, story};
use jiff::Timestamp;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use proto::convert::metering as words;
use proto::{certification, footprint, interval, metering, registry, verification};
use runtime::Caller;
use tonic::Code;
use touchstone_client::{Client, new_request_id};

use crate::support::{self, ORGANIZATION, Refused, SITE, SITE_ID, Stage, Told, call, refused};

/// Required fields whose absence cannot be told from a value that is right: the reason stands beside each.
const ANY_VALUE: &[&str] = &[
    // 0 is the name of a leaf.
    "touchstone.certification.v1.RecordCertificateRequest.log_index",
];

/// Fields that are optional because another may stand in their place, and are told where neither does.
const ONE_OF_TWO: &[&str] = &[
    // points
    "touchstone.metering.v1.Calibration.coverage_factor",
    "touchstone.metering.v1.Calibration.error_percent",
    "touchstone.metering.v1.Calibration.expanded_uncertainty_percent",
];

/// `google.api.FieldBehavior.REQUIRED`
const REQUIRED: i32 = 2;

fn is_required(field: &FieldDescriptor) -> bool {
    let pool = field.parent_pool();
    let extension = pool.get_extension_by_name("google.api.field_behavior").expect("the annotation");
    let options = field.options();
    let behaviours = options.get_extension(&extension);
    let behaviours = behaviours.as_list().expect("a list");
    let required = behaviours.iter().any(|behaviour| behaviour.as_enum_number() == Some(REQUIRED));
    (required || ONE_OF_TWO.contains(&field.full_name())) && !ANY_VALUE.contains(&field.full_name())
}

fn required(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    message.fields().filter(is_required).collect()
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_request_is_told_every_required_field() {
    let stage = Stage::open().await;
    let mut without = Vec::new();
    let mut nested = 0;
    for method in support::methods() {
        let path = support::path(&method);
        // For services alone, who meet over a pipe: nobody outside gets as far as its fields.
        if path == format!("{FOOTPRINT}/FindFootprints") {
            continue;
        }
        let client = stage.client(&support::allowed(&path));
        let fields = required(&method.input());
        if fields.is_empty() {
            call(&client, &path, Vec::new()).await.expect("nothing is required");
            without.push(method.name().to_owned());
            continue;
        }
        let all = sorted(fields.iter().map(|field| field.name().to_owned()));
        let answer = refused(call(&client, &path, Vec::new()).await);
        assert_eq!((answer.reason.as_str(), answer.fields), ("REQUEST_INVALID", all), "{path}");
        // Our own messages inside: there, but empty.
        for field in fields {
            let Kind::Message(inner) = field.kind() else { continue };
            if !inner.full_name().starts_with("touchstone.") {
                continue;
            }
            nested += 1;
            let mut request = DynamicMessage::new(method.input());
            request.set_field(&field, Value::Message(DynamicMessage::new(inner.clone())));
            let others = required(&method.input()).into_iter().filter(|other| other.name() != field.name());
            let members = required(&inner).into_iter().map(|member| format!("{}.{}", field.name(), member.name()));
            let expected = sorted(others.map(|other| other.name().to_owned()).chain(members));
            let answer = refused(call(&client, &path, request.encode_to_vec()).await);
            assert_eq!((answer.reason.as_str(), answer.fields), ("REQUEST_INVALID", expected), "{path}");
        }
    }
    assert_eq!(sorted(without), ["GetCheckpoint", "GetLogIdentity", "ListEntries", "WatchCheckpoint"]);
    assert_eq!(nested, 12);
}

async fn check(client: &Client, path: &str, request: &impl Message, fields: &[&str]) {
    let answer = support::refused_call(client, path, request).await;
    assert_eq!((answer.code, answer.reason.as_str()), (Code::InvalidArgument, "REQUEST_INVALID"), "{path}: {answer:?}");
    assert_eq!(answer.fields, fields, "{path}: {answer:?}");
}

const METERING: &str = "/touchstone.metering.v1.MeteringService";
const FOOTPRINT: &str = "/touchstone.footprint.v1.FootprintService";
const CERTIFICATION: &str = "/touchstone.certification.v1.CertificationService";
const REGISTRY: &str = "/touchstone.registry.v1.RegistryService";
const VERIFICATION: &str = "/touchstone.verification.v1.VerificationService";

fn site_request(site_id: &str) -> metering::CreateSiteRequest {
    metering::CreateSiteRequest {
        parent: format!("organizations/{ORGANIZATION}"),
        site_id: site_id.into(),
        site: Some(metering::Site { display_name: "Works".into(), country: "XA".into(), ..Default::default() }),
        request_id: new_request_id(),
    }
}

fn instrument_request(change: impl FnOnce(&mut metering::Instrument)) -> metering::CreateInstrumentRequest {
    let cement = cement::generate(ORGANIZATION, SITE_ID);
    let meter = cement.instruments.iter().find(|(instrument, _)| instrument.name == cement.readings.instrument);
    let mut instrument = words::to_instrument(&meter.expect("a meter").0);
    change(&mut instrument);
    metering::CreateInstrumentRequest {
        parent: SITE.into(),
        instrument_id: "meter".into(),
        instrument: Some(instrument),
        request_id: new_request_id(),
    }
}

fn at(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_fields_are_named() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    let path = |method: &str| format!("{METERING}/{method}");

    // Names.
    for parent in ["", "organizations", "organizations/", "organizations/Cement", "organizations/a/sites/b", "x/a/"] {
        let request = metering::CreateSiteRequest { parent: parent.into(), ..site_request("works") };
        check(&exporter, &path("CreateSite"), &request, &["parent"]).await;
    }
    let long = "a".repeat(64);
    for id in ["", "Works", "a/b", "-a", "a b", "ä", ".", long.as_str()] {
        check(&exporter, &path("CreateSite"), &site_request(id), &["site_id"]).await;
    }
    for id in ["", "1", "00000000-0000-0000-0000-000000000000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"] {
        let request = metering::CreateSiteRequest { request_id: id.into(), ..site_request("works") };
        check(&exporter, &path("CreateSite"), &request, &["request_id"]).await;
    }
    for country in ["", "X", "xa", "XAA", "99", "Ä"] {
        let mut request = site_request("works");
        request.site.as_mut().expect("a site").country = country.into();
        check(&exporter, &path("CreateSite"), &request, &["site.country"]).await;
    }
    let mut request = site_request("works");
    request.site.as_mut().expect("a site").display_name = "x".repeat(201);
    check(&exporter, &path("CreateSite"), &request, &["site.display_name"]).await;

    // Decimals, units, enums, times of an instrument: one change each.
    for decimal in ["", "a", "1,5", "NaN", "Infinity", "0x1", "1e999999", "0", "-1", "--1", " 1"] {
        let request = instrument_request(|i| i.resolution = Some(proto::decimal(decimal)));
        check(&exporter, &path("CreateInstrument"), &request, &["instrument.resolution"]).await;
    }
    for unit in ["", "kwh", "furlong", "t", "kWh "] {
        check(
            &exporter,
            &path("CreateInstrument"),
            &instrument_request(|i| i.unit = unit.into()),
            &["instrument.unit"],
        )
        .await;
    }
    for value in [0, 99, -1] {
        check(&exporter, &path("CreateInstrument"), &instrument_request(|i| i.kind = value), &["instrument.kind"])
            .await;
    }
    let request = instrument_request(|i| i.register_range = -1);
    check(&exporter, &path("CreateInstrument"), &request, &["instrument.register_range"]).await;
    let request = instrument_request(|i| i.serial_number = "two\nlines".into());
    check(&exporter, &path("CreateInstrument"), &request, &["instrument.serial_number"]).await;
    for (start, end, field) in [
        (at(i64::MAX, 0), None, "start_time"),
        (at(0, -1), None, "start_time"),
        (at(0, 1_000_000_000), None, "start_time"),
        (None, None, "start_time"),
        (at(10, 0), at(10, 0), "end_time"),
        (at(10, 0), at(9, 0), "end_time"),
    ] {
        let period = proto::google::r#type::Interval { start_time: start, end_time: end };
        let request = instrument_request(|i| i.placements[0].period = Some(period));
        let field = format!("instrument.placements[0].period.{field}");
        check(&exporter, &path("CreateInstrument"), &request, &[&field]).await;
    }
    // Several at once.
    let request = metering::CreateInstrumentRequest {
        parent: "x".into(),
        request_id: "y".into(),
        ..instrument_request(|i| {
            i.unit = "furlong".into();
            i.resolution = Some(proto::decimal("a"));
            i.serial_number.clear();
        })
    };
    let fields = ["instrument.resolution", "instrument.serial_number", "instrument.unit", "parent", "request_id"];
    check(&exporter, &path("CreateInstrument"), &request, &fields).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_evidence_and_questions_are_named() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    let cement = cement::generate(ORGANIZATION, SITE_ID);
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    for (instrument, calibrations) in &cement.instruments {
        story::create_instrument(&exporter, SITE, instrument, calibrations).await.expect("an instrument");
    }
    let path = |method: &str| format!("{METERING}/{method}");

    let calibration = |change: &dyn Fn(&mut metering::Calibration)| {
        let mut calibration = words::to_calibration(&cement.instruments[0].1[0]);
        change(&mut calibration);
        metering::CreateCalibrationRequest {
            parent: cement.instruments[0].0.name.clone(),
            calibration_id: "c".into(),
            calibration: Some(calibration),
            request_id: new_request_id(),
        }
    };
    let create = path("CreateCalibration");
    for length in [0, 31, 33] {
        let request = calibration(&|c| c.certificate_sha256 = vec![1; length]);
        check(&exporter, &create, &request, &["calibration.certificate_sha256"]).await;
    }
    check(
        &exporter,
        &create,
        &calibration(&|c| c.coverage_factor = Some(proto::decimal("0"))),
        &["calibration.coverage_factor"],
    )
    .await;
    check(
        &exporter,
        &create,
        &calibration(&|c| c.error_percent = Some(proto::decimal("51"))),
        &["calibration.error_percent"],
    )
    .await;
    check(
        &exporter,
        &create,
        &calibration(&|c| c.valid.as_mut().expect("valid").end_time = None),
        &["calibration.valid.end_time"],
    )
    .await;
    // Valid before it was made.
    let request = calibration(&|c| c.valid.as_mut().expect("valid").start_time = at(0, 0));
    check(&exporter, &create, &request, &["calibration.valid.start_time"]).await;

    let batch = |change: &dyn Fn(&mut metering::ReadingBatch)| {
        let mut batch = words::to_reading_batch(&cement.readings);
        batch.values.truncate(3);
        change(&mut batch);
        metering::IngestReadingsRequest { batch: Some(batch) }
    };
    let ingest = path("IngestReadings");
    check(&exporter, &ingest, &batch(&|b| b.values.clear()), &["batch.values"]).await;
    check(&exporter, &ingest, &batch(&|b| b.missing = vec![3]), &["batch.missing"]).await;
    check(&exporter, &ingest, &batch(&|b| b.missing = vec![1, 0]), &["batch.missing"]).await;
    check(&exporter, &ingest, &batch(&|b| b.unit = "furlong".into()), &["batch.unit"]).await;
    check(&exporter, &ingest, &batch(&|b| b.instrument = "meter".into()), &["batch.instrument"]).await;
    for (seconds, nanos) in [(-1, 0), (1, 1), (i64::MAX, 0)] {
        let step = Some(prost_types::Duration { seconds, nanos });
        check(&exporter, &ingest, &batch(&|b| b.step = step), &["batch.step"]).await;
    }

    let load = |change: &dyn Fn(&mut metering::WeighbridgeRecord)| {
        let mut record = words::to_weighbridge_record(&cement.weighbridge[0]);
        change(&mut record);
        metering::CreateWeighbridgeRecordRequest {
            parent: SITE.into(),
            weighbridge_record_id: "l".into(),
            weighbridge_record: Some(record),
            request_id: new_request_id(),
        }
    };
    let create = path("CreateWeighbridgeRecord");
    check(&exporter, &create, &load(&|r| r.unit = "kWh".into()), &["weighbridge_record.unit"]).await;
    check(&exporter, &create, &load(&|r| r.net_mass = Some(proto::decimal("0"))), &["weighbridge_record.net_mass"])
        .await;
    check(&exporter, &create, &load(&|r| r.direction = 0), &["weighbridge_record.direction"]).await;
    // A meter weighs nothing, and another site's weighbridge is not ours.
    let meter = cement.readings.instrument.clone();
    for instrument in [meter, "organizations/cement-bubble/sites/other/instruments/weighbridge".into()] {
        let answer = support::refused_call(&exporter, &create, &load(&|r| r.instrument = instrument.clone())).await;
        assert_eq!((answer.code, answer.reason.as_str()), (Code::FailedPrecondition, "INSTRUMENT_KIND_MISMATCH"));
    }

    // Pages.
    let list = |page_size, page_token: &str| metering::ListSitesRequest {
        parent: format!("organizations/{ORGANIZATION}"),
        page_size,
        page_token: page_token.into(),
    };
    check(&exporter, &path("ListSites"), &list(-1, ""), &["page_size"]).await;
    check(&exporter, &path("ListSites"), &list(1, "x"), &["page_token"]).await;
    check(&exporter, &path("ListSites"), &list(-1, "x"), &["page_size", "page_token"]).await;
    // A token of one list is none of another.
    let page = metering::ListInstrumentsRequest { parent: SITE.into(), page_size: 1, page_token: String::new() };
    let token = exporter.metering().list_instruments(page).await.expect("a page").into_inner().next_page_token;
    assert!(!token.is_empty());
    check(&exporter, &path("ListSites"), &list(1, &token), &["page_token"]).await;
    let readings = metering::ListReadingsRequest {
        parent: "x".into(),
        page_size: -1,
        page_token: String::new(),
        period: Some(interval(cement.period.end, Some(cement.period.start))),
    };
    check(&exporter, &path("ListReadings"), &readings, &["page_size", "parent", "period.end_time"]).await;
    let evidence = metering::StreamEvidenceRequest {
        parent: SITE.into(),
        period: Some(interval(cement.period.start, None)),
        ..Default::default()
    };
    check(&exporter, &path("StreamEvidence"), &evidence, &["period.end_time"]).await;

    // Questions to the registry and to verification.
    let regulator = stage.client(&cast::regulator());
    for name in ["entries", "entries/", "entries/01", "entries/-1", "entries/+1", "entries/18446744073709551616", "x/1"]
    {
        let request = registry::GetEntryRequest { name: name.into() };
        check(&regulator, &format!("{REGISTRY}/GetEntry"), &request, &["name"]).await;
    }
    let request = registry::GetReceiptRequest {
        name: "entries/0".into(),
        max_wait: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
    };
    check(&regulator, &format!("{REGISTRY}/GetReceipt"), &request, &["max_wait"]).await;
    let request = registry::GetConsistencyProofRequest { first_size: 2, second_size: 1 };
    check(&regulator, &format!("{REGISTRY}/GetConsistencyProof"), &request, &["second_size"]).await;
    let request = registry::GetConsistencyProofRequest { first_size: 1, second_size: u64::MAX };
    check(&regulator, &format!("{REGISTRY}/GetConsistencyProof"), &request, &["second_size"]).await;
    let request = registry::ListEntriesRequest {
        page_size: -1,
        page_token: "9.9".into(),
        start_index: 1,
        media_type: String::new(),
    };
    check(&regulator, &format!("{REGISTRY}/ListEntries"), &request, &["page_size", "page_token"]).await;
    let request = verification::VerifyCertificateRequest {
        name: "gc-1".into(),
        arrangement: "x".repeat(301),
        as_of_time: at(i64::MIN, 0),
        production_time: at(0, -1),
        min_size: 0,
    };
    let fields = ["arrangement", "as_of_time", "name", "production_time"];
    check(&regulator, &format!("{VERIFICATION}/VerifyCertificate"), &request, &fields).await;
    // Bytes that are no bundle are judged, not refused: the verdict says so.
    for bundle in [vec![0], b"no bundle".to_vec(), vec![0xff; 10_000]] {
        let request = verification::VerifyBundleRequest { bundle, as_of_time: None, production_time: None };
        let verdict = regulator.verification().verify_bundle(request).await.expect("a verdict").into_inner();
        let verdict = verdict.verdict.expect("a verdict");
        assert_ne!(verdict.outcome(), verification::Outcome::Accepted);
        assert_eq!(verdict.reasons.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_are_not_found() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    let regulator = stage.client(&cast::regulator());
    let cement = cement::generate(ORGANIZATION, SITE_ID);
    let year = || Some(interval(cement.period.start, Some(cement.period.end)));
    let meter = || format!("{SITE}/instruments/none");
    let body = certification::Application {
        footprint: format!("{SITE}/footprints/none"),
        certification_body: "green-cert".into(),
        scheme: story::SCHEME.into(),
        ..Default::default()
    };
    let by_exporter: Vec<(String, Vec<u8>)> = vec![
        (format!("{METERING}/GetSite"), metering::GetSiteRequest { name: SITE.into() }.encode_to_vec()),
        (format!("{METERING}/GetInstrument"), metering::GetInstrumentRequest { name: meter() }.encode_to_vec()),
        (
            format!("{METERING}/GetWeighbridgeRecord"),
            metering::GetWeighbridgeRecordRequest { name: format!("{SITE}/weighbridgeRecords/none") }.encode_to_vec(),
        ),
        (
            format!("{METERING}/GetStockRecord"),
            metering::GetStockRecordRequest { name: format!("{SITE}/stockRecords/none") }.encode_to_vec(),
        ),
        (
            format!("{METERING}/GetLaboratoryAnalysis"),
            metering::GetLaboratoryAnalysisRequest { name: format!("{SITE}/laboratoryAnalyses/none") }.encode_to_vec(),
        ),
        (
            format!("{METERING}/GetGasConversion"),
            metering::GetGasConversionRequest { name: format!("{}/gasConversions/none", meter()) }.encode_to_vec(),
        ),
        (format!("{METERING}/CreateInstrument"), instrument_request(|_| ()).encode_to_vec()),
        (
            format!("{METERING}/ListReadings"),
            metering::ListReadingsRequest { parent: meter(), period: year(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{METERING}/StreamEvidence"),
            metering::StreamEvidenceRequest { parent: SITE.into(), period: year(), ..Default::default() }
                .encode_to_vec(),
        ),
        (
            format!("{FOOTPRINT}/GetFootprint"),
            footprint::GetFootprintRequest { name: format!("{SITE}/footprints/none") }.encode_to_vec(),
        ),
        (
            format!("{FOOTPRINT}/ComputeFootprint"),
            footprint::ComputeFootprintRequest {
                parent: SITE.into(),
                footprint_id: "year".into(),
                plant_toml: cement::plant_toml(ORGANIZATION, SITE_ID),
                request_id: new_request_id(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            format!("{CERTIFICATION}/GetApplication"),
            certification::GetApplicationRequest { name: format!("organizations/{ORGANIZATION}/applications/none") }
                .encode_to_vec(),
        ),
        (
            format!("{CERTIFICATION}/CreateApplication"),
            certification::CreateApplicationRequest {
                parent: format!("organizations/{ORGANIZATION}"),
                application_id: "first".into(),
                application: Some(body),
                request_id: new_request_id(),
            }
            .encode_to_vec(),
        ),
    ];
    for (path, request) in by_exporter {
        let answer = refused(call(&exporter, &path, request).await);
        assert_eq!((answer.code, answer.reason.as_str()), (Code::NotFound, "NOT_FOUND"), "{path}: {answer:?}");
        assert!(answer.metadata.contains_key("name"), "{path}: {answer:?}");
    }
    let name = || "certificates/none".to_owned();
    let far = || "entries/999999".to_owned();
    let by_regulator: Vec<(String, Vec<u8>, &str)> = vec![
        (format!("{REGISTRY}/GetEntry"), registry::GetEntryRequest { name: far() }.encode_to_vec(), "NOT_FOUND"),
        (
            format!("{REGISTRY}/GetReceipt"),
            registry::GetReceiptRequest { name: far(), max_wait: None }.encode_to_vec(),
            "NOT_FOUND",
        ),
        (
            format!("{REGISTRY}/GetStatusProof"),
            registry::GetStatusProofRequest { name: far(), ..Default::default() }.encode_to_vec(),
            "NOT_FOUND",
        ),
        (
            format!("{REGISTRY}/GetCertificate"),
            registry::GetCertificateRequest { name: name() }.encode_to_vec(),
            "NOT_FOUND",
        ),
        (
            format!("{REGISTRY}/GetBundle"),
            registry::GetBundleRequest { name: name(), ..Default::default() }.encode_to_vec(),
            "NOT_FOUND",
        ),
        (
            format!("{REGISTRY}/GetTile"),
            registry::GetTileRequest { path: "tile/0/999".into() }.encode_to_vec(),
            "NOT_FOUND",
        ),
        (
            format!("{VERIFICATION}/VerifyCertificate"),
            verification::VerifyCertificateRequest { name: name(), arrangement: "a".into(), ..Default::default() }
                .encode_to_vec(),
            "CERTIFICATE_UNKNOWN",
        ),
    ];
    for (path, request, reason) in by_regulator {
        let answer = refused(call(&regulator, &path, request).await);
        assert_eq!((answer.code, answer.reason.as_str()), (Code::NotFound, reason), "{path}: {answer:?}");
    }
}

/// Sends a change twice, then the same id with another body: one effect, one answer, one refusal.
async fn once<Q: Message + Clone>(
    covered: &mut BTreeSet<String>,
    client: &Client,
    path: String,
    request: Q,
    other: impl FnOnce(&mut Q),
) {
    let first = call(client, &path, request.encode_to_vec()).await.expect("carried out");
    assert_eq!(first.len(), 1, "{path}");
    let again = call(client, &path, request.encode_to_vec()).await.expect("answered again");
    assert_eq!(again, first, "{path}");
    let mut changed = request.clone();
    other(&mut changed);
    assert_ne!(changed.encode_to_vec(), request.encode_to_vec(), "{path}");
    let answer: Refused = support::refused_call(client, &path, &changed).await;
    assert_eq!((answer.code, answer.reason.as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"), "{path}");
    let again = call(client, &path, request.encode_to_vec()).await.expect("answered again");
    assert_eq!(again, first, "{path}");
    covered.insert(path);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_happens_once() {
    let told = Told::tell().await;
    let stage = &told.stage;
    let exporter = stage.client(&cast::exporter());
    let mut covered = BTreeSet::new();
    let c = &mut covered;
    let path = |method: &str| format!("{METERING}/{method}");
    let cement = &told.cement;
    let id = new_request_id;

    once(c, &exporter, path("CreateSite"), site_request("second"), |r| r.site_id = "third".into()).await;
    let instrument = metering::CreateInstrumentRequest { instrument_id: "second".into(), ..instrument_request(|_| ()) };
    once(c, &exporter, path("CreateInstrument"), instrument, |r| r.instrument_id = "third".into()).await;
    let calibration = metering::CreateCalibrationRequest {
        parent: format!("{SITE}/instruments/second"),
        calibration_id: "c-1".into(),
        calibration: Some(words::to_calibration(&cement.instruments[0].1[0])),
        request_id: id(),
    };
    let other = |r: &mut metering::CreateCalibrationRequest| {
        r.calibration.as_mut().expect("a calibration").laboratory = "Another".into();
    };
    once(c, &exporter, path("CreateCalibration"), calibration, other).await;
    let import = metering::ImportCalibrationRequest {
        parent: format!("{SITE}/instruments/second"),
        calibration_id: "c-2".into(),
        certificate: include_bytes!("../../../registry/dcc/tests/issued.xml").to_vec(),
        laboratory_accreditation: String::new(),
        request_id: id(),
    };
    let serial = |r: &mut metering::CreateInstrumentRequest, kind: metering::InstrumentKind| {
        let instrument = r.instrument.as_mut().expect("an instrument");
        (instrument.serial_number, instrument.kind) = ("EM-000123".into(), kind.into());
    };
    let mut meter = metering::CreateInstrumentRequest { instrument_id: "read".into(), ..instrument_request(|_| ()) };
    serial(&mut meter, metering::InstrumentKind::ElectricityMeter);
    exporter.metering().create_instrument(meter).await.expect("a meter");
    let import = metering::ImportCalibrationRequest { parent: format!("{SITE}/instruments/read"), ..import };
    once(c, &exporter, path("ImportCalibration"), import, |r| r.calibration_id = "c-3".into()).await;
    let read = || format!("{SITE}/instruments/read");
    let inspection = metering::CreateInspectionRequest {
        parent: read(),
        inspection_id: "i-1".into(),
        inspection: Some(metering::Inspection {
            inspection_time: Some(proto::timestamp(cement.period.start)),
            inspector: "A. Inspector".into(),
            seal: metering::SealState::Intact.into(),
            ..Default::default()
        }),
        request_id: id(),
    };
    once(c, &exporter, path("CreateInspection"), inspection, |r| r.inspection_id = "i-2".into()).await;
    let mut gas = metering::CreateInstrumentRequest { instrument_id: "gas".into(), ..instrument_request(|_| ()) };
    serial(&mut gas, metering::InstrumentKind::GasMeter);
    let meter = gas.instrument.as_mut().expect("an instrument");
    (meter.measurand, meter.unit) = (metering::Measurand::Volume.into(), "m3".into());
    exporter.metering().create_instrument(gas).await.expect("a meter");
    let number = |text: &str| Some(proto::decimal(text));
    let conversion = metering::CreateGasConversionRequest {
        parent: format!("{SITE}/instruments/gas"),
        gas_conversion_id: "march".into(),
        gas_conversion: Some(metering::GasConversion {
            period: Some(interval(cement.period.start, Some(cement.period.end))),
            pressure_kpa: number("105"),
            pressure_expanded_uncertainty_kpa: number("0.2"),
            temperature_celsius: number("15"),
            temperature_expanded_uncertainty_kelvin: number("0.5"),
            compressibility_ratio: number("1"),
            compressibility_expanded_uncertainty: number("0.001"),
            coverage_factor: number("2"),
            method: "EN 12405-1".into(),
            ..Default::default()
        }),
        request_id: id(),
    };
    once(c, &exporter, path("CreateGasConversion"), conversion, |r| r.gas_conversion_id = "april".into()).await;
    let at = |days: i64| Some(proto::timestamp(cement.period.end + jiff::SignedDuration::from_hours(24 * days)));
    let moving = metering::MoveInstrumentRequest {
        name: read(),
        location: "elsewhere".into(),
        move_time: at(1),
        request_id: id(),
    };
    once(c, &exporter, path("MoveInstrument"), moving, |r| r.location = "nowhere".into()).await;
    let mut next = instrument_request(|_| ()).instrument.expect("an instrument");
    next.placements[0].period = Some(proto::google::r#type::Interval { start_time: at(2), end_time: None });
    let replacing = metering::ReplaceInstrumentRequest {
        name: read(),
        instrument_id: "next".into(),
        instrument: Some(next),
        replacement_time: at(2),
        request_id: id(),
    };
    once(c, &exporter, path("ReplaceInstrument"), replacing, |r| r.instrument_id = "other".into()).await;
    let retiring = metering::RetireInstrumentRequest {
        name: format!("{SITE}/instruments/next"),
        retirement_time: at(3),
        request_id: id(),
    };
    once(c, &exporter, path("RetireInstrument"), retiring, |r| r.retirement_time = at(4)).await;
    let load = metering::CreateWeighbridgeRecordRequest {
        parent: SITE.into(),
        weighbridge_record_id: "once".into(),
        weighbridge_record: Some(words::to_weighbridge_record(&cement.weighbridge[0])),
        request_id: id(),
    };
    once(c, &exporter, path("CreateWeighbridgeRecord"), load, |r| r.weighbridge_record_id = "twice".into()).await;
    let stock = metering::CreateStockRecordRequest {
        parent: SITE.into(),
        stock_record_id: "once".into(),
        stock_record: Some(metering::StockRecord {
            material: "gypsum".into(),
            ..words::to_stock_record(&cement.stocks[0])
        }),
        request_id: id(),
    };
    once(c, &exporter, path("CreateStockRecord"), stock, |r| r.stock_record_id = "twice".into()).await;
    let analysis = metering::CreateLaboratoryAnalysisRequest {
        parent: SITE.into(),
        laboratory_analysis_id: "once".into(),
        laboratory_analysis: Some(metering::LaboratoryAnalysis {
            material: "gypsum".into(),
            ..words::to_laboratory_analysis(&cement.analyses[0])
        }),
        request_id: id(),
    };
    once(c, &exporter, path("CreateLaboratoryAnalysis"), analysis, |r| r.laboratory_analysis_id = "twice".into()).await;
    let compute = footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: "once".into(),
        plant_toml: told.plant_toml.clone(),
        request_id: id(),
        ..Default::default()
    };
    once(c, &exporter, format!("{FOOTPRINT}/ComputeFootprint"), compute, |r| r.plant_toml.push('\n')).await;
    let found = exporter
        .footprint()
        .get_footprint(footprint::GetFootprintRequest { name: format!("{SITE}/footprints/once") })
        .await
        .expect("a footprint")
        .into_inner();

    let application = certification::CreateApplicationRequest {
        parent: format!("organizations/{ORGANIZATION}"),
        application_id: "once".into(),
        application: Some(certification::Application {
            footprint: found.name.clone(),
            certification_body: "green-cert".into(),
            scheme: story::SCHEME.into(),
            ..Default::default()
        }),
        request_id: id(),
    };
    let path = |method: &str| format!("{CERTIFICATION}/{method}");
    once(c, &exporter, path("CreateApplication"), application, |r| r.application_id = "twice".into()).await;
    let name = || format!("organizations/{ORGANIZATION}/applications/once");
    let reviewer = stage.client(&cast::reviewer());
    let decider = stage.client(&cast::decider());
    let review = certification::ReviewApplicationRequest {
        name: name(),
        recomputed_sha256: found.statement_sha256.clone(),
        note: "fits".into(),
        request_id: id(),
    };
    once(c, &reviewer, path("ReviewApplication"), review, |r| r.note = "fits well".into()).await;
    let decision = certification::DecideApplicationRequest {
        name: name(),
        granted: true,
        reason: "conforms".into(),
        request_id: id(),
    };
    once(c, &decider, path("DecideApplication"), decision, |r| r.granted = false).await;
    let statement = record::footprint::FootprintStatement::from_bytes(&found.statement).expect("a statement");
    let named = ("ea-0001", &told.ground.accreditation);
    let certificate = story::certificate(&stage.world, "gc-once", named, &statement, &statement.product.cn_code);
    let certificate = certificate.expect("a certificate");
    let registered = story::sign_and_register(&stage.world, &decider, &certificate).await.expect("registered");
    let tie = certification::RecordCertificateRequest {
        name: name(),
        certificate: certificate.id.clone(),
        log_index: registered.index,
        request_id: id(),
    };
    once(c, &decider, path("RecordCertificate"), tie, |r| r.certificate.push('x')).await;
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let statements: Vec<Vec<u8>> = ["once", "twice"]
        .iter()
        .map(|id| story::accreditation(&stage.world, id, &["2523"], now).expect("a statement"))
        .collect();
    let accreditor = stage.client(&cast::accreditor());
    let request = registry::RegisterStatementRequest { statement: statements[0].clone(), request_id: id() };
    let path = format!("{REGISTRY}/RegisterStatement");
    once(c, &accreditor, path, request, |r| r.statement = statements[1].clone()).await;
    let statement = story::accreditation(&stage.world, "streamed", &["2523"], now).expect("a statement");
    let request = registry::RegisterStatementsRequest { statement, request_id: id() };
    let path = format!("{REGISTRY}/RegisterStatements");
    once(c, &accreditor, path, request, |r| r.statement = statements[1].clone()).await;

    // These are all there are.
    let changes: BTreeSet<String> = support::methods()
        .iter()
        .filter(|method| method.input().get_field_by_name("request_id").is_some())
        .map(support::path)
        .collect();
    assert_eq!(covered, changes);
    // One id cannot serve two methods, and is the organisation's own.
    let shared = id();
    let request = metering::CreateSiteRequest { request_id: shared.clone(), ..site_request("shared") };
    exporter.metering().create_site(request.clone()).await.expect("a site");
    let other = metering::CreateInstrumentRequest {
        request_id: shared.clone(),
        instrument_id: "shared".into(),
        ..instrument_request(|_| ())
    };
    let answer = refused(exporter.metering().create_instrument(other).await);
    assert_eq!(answer.reason, "REQUEST_ID_REUSED");
    let rival = stage.client(&support::person("steel-rival", runtime::Role::Exporter));
    let theirs = metering::CreateSiteRequest { parent: "organizations/steel-rival".into(), ..request };
    rival.metering().create_site(theirs).await.expect("another organisation's id");
    // A name that is taken is taken, with a new id.
    let answer = refused(exporter.metering().create_site(site_request("shared")).await);
    assert_eq!((answer.code, answer.reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_message_is_refused_and_nothing_breaks() {
    let stage = Stage::open().await;
    let accreditor = stage.client(&cast::accreditor());
    let exporter = stage.client(&cast::exporter());
    for size in [(4 << 20) + 1, 32 << 20] {
        let request = registry::RegisterStatementRequest { statement: vec![0; size], request_id: new_request_id() };
        let status = accreditor.registry().register_statement(request).await.expect_err("too large");
        // The transport's own refusal, before any handler: with a reason as every other.
        let refused = support::refusal(&status);
        assert_eq!((refused.code, refused.reason.as_str()), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
        // The same connection goes on.
        accreditor.registry().get_checkpoint(registry::GetCheckpointRequest {}).await.expect("an answer");
    }
    let request = metering::CreateSiteRequest {
        site: Some(metering::Site { display_name: "x".repeat(5 << 20), ..Default::default() }),
        ..site_request("large")
    };
    let status = exporter.metering().create_site(request).await.expect_err("too large");
    assert_eq!(support::refusal(&status).reason, "MESSAGE_TOO_LARGE");
    exporter.metering().create_site(site_request("small")).await.expect("a site");
    // Bytes that are no message.
    let status = call(&exporter, &format!("{METERING}/CreateSite"), vec![0xff; 100]).await;
    let answer = refused(status);
    assert_eq!((answer.code, answer.reason.as_str()), (Code::InvalidArgument, "MESSAGE_UNREADABLE"));
    exporter.metering().create_site(site_request("after")).await.expect("a site");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plant_file_is_told_every_problem_by_line() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    let good = cement::plant_toml(ORGANIZATION, SITE_ID);
    let compute = |plant_toml: String| footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: "year".into(),
        plant_toml,
        request_id: new_request_id(),
        ..Default::default()
    };
    let bad = good
        .replacen("method = \"combustion\"", "method = \"guessing\"", 1)
        .replacen("value = 0.833", "value = \"much\"", 1)
        .replacen("functional_unit = \"1 t\"", "functional_unit = \"1 furlong\"\nsurprise = 1", 1);
    let lines: Vec<usize> = ["guessing", "\"much\"", "furlong", "surprise"]
        .iter()
        .map(|word| bad.lines().position(|line| line.contains(word)).expect(word) + 1)
        .collect();
    let status = exporter.footprint().compute_footprint(compute(bad)).await.expect_err("four problems");
    let answer = support::refusal(&status);
    assert_eq!((answer.code, answer.reason.as_str()), (Code::InvalidArgument, "PLANT_FILE_INVALID"));
    assert_eq!(answer.fields.len(), 4, "{answer:?}");
    assert!(answer.fields.iter().all(|field| field.starts_with("plant_toml")), "{answer:?}");
    for line in lines {
        assert!(answer.message.contains(&format!("line {line}: ")), "line {line}: {}", answer.message);
    }
    for (broken, line) in [(format!("{good}\n[unclosed"), good.lines().count() + 2), ("= 1".into(), 1)] {
        let answer = refused(exporter.footprint().compute_footprint(compute(broken)).await);
        assert_eq!(answer.reason, "PLANT_FILE_INVALID");
        assert!(answer.message.contains(&format!("line {line}: ")), "line {line}: {}", answer.message);
    }
    // Evidence that the file refers to and nobody sent.
    let answer = refused(exporter.footprint().compute_footprint(compute(good)).await);
    assert_eq!((answer.code, answer.reason.as_str()), (Code::FailedPrecondition, "EVIDENCE_INCOMPLETE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_an_application_have_an_order() {
    let told = Told::tell().await;
    let exporter = told.stage.client(&cast::exporter());
    let reviewer = told.stage.client(&cast::reviewer());
    let decider = told.stage.client(&cast::decider());
    let name = story::apply(&exporter, &told.footprint.name, "second").await.expect("an application").name;
    let digest: [u8; 32] = told.footprint.statement_sha256.clone().try_into().expect("a digest");
    // Decided before it is reviewed; reviewed with another result; decided by the reviewer; reviewed twice.
    assert_eq!(support::reason(story::decide(&decider, &name).await), "STATE_NOT_ALLOWED");
    assert_eq!(support::reason(story::review(&reviewer, &name, [1; 32]).await), "RECOMPUTED_DIFFERS");
    story::review(&reviewer, &name, digest).await.expect("a review");
    assert_eq!(support::reason(story::review(&reviewer, &name, digest).await), "STATE_NOT_ALLOWED");
    let same = Caller { role: runtime::Role::Decider, ..cast::reviewer() };
    assert_eq!(support::reason(story::decide(&told.stage.client(&same), &name).await), "SAME_PERSON");
    story::decide(&decider, &name).await.expect("a decision");
    // Tied to an entry that is no certificate of this footprint, or that is not there.
    let tie = |log_index, certificate: &str| certification::RecordCertificateRequest {
        name: name.clone(),
        certificate: certificate.into(),
        log_index,
        request_id: new_request_id(),
    };
    for (leaf, id) in [
        (told.ground.accreditation.index, told.certificate.id.as_str()),
        (told.registered.index, "https://registry.example/certificates/another"),
        (1_000_000, told.certificate.id.as_str()),
    ] {
        let answer = refused(decider.certification().record_certificate(tie(leaf, id)).await);
        assert_eq!((answer.code, answer.reason.as_str()), (Code::FailedPrecondition, "CERTIFICATE_NOT_REGISTERED"));
    }
    let answer = decider.certification().record_certificate(tie(told.registered.index, &told.certificate.id)).await;
    assert_eq!(answer.expect("tied").into_inner().state(), certification::ApplicationState::Certified);
}
