//! Instruments in their places, calibrations by file, and readings as evidence: through the public door.

use cose::key::SigningKey;
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::convert::metering as words;
use proto::{decimal, interval, metering as wire, timestamp};
use quantity::Unit;
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource, Inspection, SealState};
use record::instrument::{Instrument, InstrumentKind, Measurand, Period, Placement, Register, Sha256};
use record::reading::{GasConversion, ReadingBatch};
use tonic::Code;
use touchstone_client::{Client, new_request_id};

use crate::support::{self, SITE, Stage, refused};

const TEMPLATE: &str = include_str!("../../../registry/dcc/template/electricity-meter.xml");
const ISSUED: &str = include_str!("../../../registry/dcc/tests/issued.xml");
/// Serial number in the template.
const SERIAL: &str = "EM-000123";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn meter(id: &str) -> Instrument {
    Instrument {
        name: format!("{SITE}/instruments/{id}"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: SERIAL.into(),
        measurand: Measurand::ElectricityImport,
        unit: Unit::Kilowatthour,
        register: Register::Interval { maximum: 1_000_000 },
        resolution: "0.1".parse().expect("a decimal"),
        multiplier: None,
        accuracy_class: Some("0.5S".into()),
        max_permissible_error_percent: Some("0.5".parse().expect("a decimal")),
        placements: vec![Placement { location: "hall 1".into(), start: time("2023-01-01T00:00:00Z"), end: None }],
        replaces: None,
        signing_key: None,
    }
}

fn hours(meter: &str, start: &str, values: &[i64]) -> ReadingBatch {
    ReadingBatch {
        instrument: meter.into(),
        unit: Unit::Kilowatthour,
        resolution: "0.1".parse().expect("a decimal"),
        start: time(start),
        step_secs: 3_600,
        deltas: Vec::new(),
        values: values.iter().copied().map(Some).collect(),
        signature: Vec::new(),
        restate: false,
    }
}

async fn site() -> (Stage, Client) {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    (stage, exporter)
}

async fn with(client: &Client, meter: &Instrument) {
    story::create_instrument(client, SITE, meter, &[]).await.expect("an instrument");
}

async fn record(client: &Client, batch: &ReadingBatch) -> wire::AcceptanceReport {
    let request = wire::RecordReadingsRequest { batch: Some(words::to_reading_batch(batch)) };
    let answer = client.metering().record_readings(request).await.expect("a report").into_inner();
    answer.report.expect("a report")
}

/// The readings of a period as start second and value, as they were known at a time.
async fn stream(client: &Client, meter: &str, known: Option<Timestamp>) -> Vec<(i64, i64)> {
    let request = wire::StreamReadingsRequest {
        parent: meter.into(),
        period: Some(interval(time("2023-01-01T00:00:00Z"), Some(time("2026-01-01T00:00:00Z")))),
        known_time: known.map(timestamp),
    };
    let mut pieces = client.metering().stream_readings(request).await.expect("a stream").into_inner();
    let mut found = Vec::new();
    while let Some(piece) = pieces.message().await.expect("a piece") {
        for run in piece.runs {
            let (start, step) = (run.start_time.expect("a start").seconds, run.step.expect("a step").seconds);
            found.extend(run.values.iter().enumerate().map(|(i, value)| (start + i as i64 * step, *value)));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrument_moves_is_replaced_and_retires() {
    let (_stage, client) = site().await;
    let first = meter("first");
    with(&client, &first).await;
    let at = |text: &str| Some(timestamp(time(text)));
    let moving = wire::MoveInstrumentRequest {
        name: first.name.clone(),
        location: "hall 2".into(),
        move_time: at("2023-03-01T00:00:00Z"),
        request_id: new_request_id(),
    };
    let moved = client.metering().move_instrument(moving.clone()).await.expect("moved").into_inner();
    let again = client.metering().move_instrument(moving).await.expect("the first answer again").into_inner();
    assert_eq!(moved, again);
    let places: Vec<_> = moved.placements.iter().map(|placement| placement.location.as_str()).collect();
    assert_eq!(places, ["hall 1", "hall 2"]);
    // One hour in each place is kept, the one across the move is not.
    let report = record(&client, &hours(&first.name, "2023-02-28T22:30:00Z", &[1, 2, 3])).await;
    assert_eq!((report.accepted, report.refused.len()), (2, 1));
    assert_eq!((report.refused[0].row, report.refused[0].reason.as_str()), (1, "NOT_PLACED"));

    let replacing = |id: &str, when: &str| wire::ReplaceInstrumentRequest {
        name: first.name.clone(),
        instrument_id: id.into(),
        instrument: Some(words::to_instrument(&Instrument {
            serial_number: "EM-2".into(),
            placements: vec![Placement { location: "hall 2".into(), start: time(when), end: None }],
            ..meter("any")
        })),
        replacement_time: at(when),
        request_id: new_request_id(),
    };
    let early = client.metering().replace_instrument(replacing("early", "2023-02-01T00:00:00Z")).await;
    let early = refused(early);
    assert_eq!((early.code, early.reason.as_str()), (Code::FailedPrecondition, "INSTRUMENT_STATE"));
    let new = client.metering().replace_instrument(replacing("second", "2023-04-01T00:00:00Z")).await;
    let new = new.expect("replaced").into_inner();
    assert_eq!((new.replaces.as_str(), new.placements[0].location.as_str()), (first.name.as_str(), "hall 2"));
    let late = record(&client, &hours(&first.name, "2023-04-01T00:00:00Z", &[1])).await;
    assert_eq!(late.refused[0].reason, "NOT_PLACED");
    assert_eq!(record(&client, &hours(&new.name, "2023-04-01T00:00:00Z", &[1])).await.accepted, 1);
    let retiring = |name: &str| wire::RetireInstrumentRequest {
        name: name.into(),
        retirement_time: at("2023-05-01T00:00:00Z"),
        request_id: new_request_id(),
    };
    // The first is gone already; its name stays taken.
    let gone = refused(client.metering().retire_instrument(retiring(&first.name)).await);
    assert_eq!(gone.reason, "INSTRUMENT_STATE");
    client.metering().retire_instrument(retiring(&new.name)).await.expect("retired");
    let third = refused(client.metering().replace_instrument(replacing("second", "2023-06-01T00:00:00Z")).await);
    assert_eq!(third.reason, "INSTRUMENT_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calibration_comes_as_a_certificate_file() {
    let (_stage, client) = site().await;
    let meter = meter("main");
    with(&client, &meter).await;
    let import = |file: &str| wire::ImportCalibrationRequest {
        parent: meter.name.clone(),
        calibration_id: "c-1".into(),
        certificate: file.as_bytes().to_vec(),
        laboratory_accreditation: String::new(),
        request_id: new_request_id(),
    };
    let kept = client.metering().import_calibration(import(ISSUED)).await.expect("imported").into_inner();
    assert_eq!((kept.points.len(), kept.as_found.len(), kept.dcc_schema_version.as_str()), (5, 5, "3.3.0"));
    assert_eq!(kept.source, i32::from(wire::CalibrationSource::Dcc));
    assert_eq!(kept.signature_state, i32::from(wire::SignatureState::Absent));
    assert_eq!(kept.certificate_sha256, Sha256::of(ISSUED.as_bytes()).0);
    let get = wire::GetCalibrationFileRequest { name: kept.name.clone() };
    let file = client.metering().get_calibration_file(get).await.expect("the file").into_inner();
    assert_eq!(file.certificate, ISSUED.as_bytes());
    // Another meter, and files that are no certificates.
    let other = refused(client.metering().import_calibration(import(&ISSUED.replace(SERIAL, "EM-7"))).await);
    assert_eq!((other.code, other.reason.as_str()), (Code::FailedPrecondition, "CALIBRATION_OTHER_INSTRUMENT"));
    assert!(other.metadata["serial_numbers"].contains("EM-7"), "{other:?}");
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
    for broken in [&ISSUED[..2_000], bomb, &ISSUED.replace("\\kilo\\watt", "\\horse"), "certificate"] {
        let answer = refused(client.metering().import_calibration(import(broken)).await);
        let expected = (Code::InvalidArgument, "CALIBRATION_CERTIFICATE_INVALID");
        assert_eq!((answer.code, answer.reason.as_str()), expected, "{}", &broken[..9]);
    }
    // What laboratories are given to fill in.
    let template = refused(client.metering().import_calibration(import(TEMPLATE)).await);
    assert_eq!((template.code, template.reason.as_str()), (Code::InvalidArgument, "CALIBRATION_TEMPLATE"));
    assert!(template.metadata["marks"].contains("the statement touchstone_template"), "{template:?}");
    // The largest file that may be read may be sent, and comes back whole; one byte more is neither.
    let space = " ".repeat(dcc::MAX_DCC_BYTES - ISSUED.len());
    let largest =
        wire::ImportCalibrationRequest { calibration_id: "largest".into(), ..import(&[ISSUED, &space].concat()) };
    let kept = client.metering().import_calibration(largest.clone()).await.expect("imported").into_inner();
    let get = wire::GetCalibrationFileRequest { name: kept.name.clone() };
    let file = client.metering().get_calibration_file(get).await.expect("the file").into_inner();
    assert_eq!(file.certificate.len(), dcc::MAX_DCC_BYTES);
    let mut larger = largest;
    larger.certificate.push(b' ');
    assert!(dcc::read(&larger.certificate).is_err());
    let refusal = refused(client.metering().import_calibration(larger).await);
    assert_eq!(
        (refusal.reason.as_str(), refusal.fields[0].as_str()),
        ("REQUEST_INVALID", "certificate"),
        "{refusal:?}"
    );
    // A form has no file.
    let form = Calibration {
        certificate_id: "F-1".into(),
        laboratory: "Lab".into(),
        laboratory_accreditation: "L-1".into(),
        calibrated_time: time("2023-01-01T00:00:00Z"),
        validity: Period { start: time("2023-01-01T00:00:00Z"), end: time("2024-01-01T00:00:00Z") },
        points: vec![point("0")],
        as_found: Vec::new(),
        file_digest: Sha256::of(b"a PDF"),
        source: CalibrationSource::Form,
    };
    let create = wire::CreateCalibrationRequest {
        parent: meter.name.clone(),
        calibration_id: "form".into(),
        calibration: Some(words::to_calibration(&form)),
        request_id: new_request_id(),
    };
    let form = client.metering().create_calibration(create).await.expect("kept").into_inner();
    let get = wire::GetCalibrationFileRequest { name: form.name };
    assert_eq!(refused(client.metering().get_calibration_file(get).await).reason, "NOT_FOUND");
}

fn point(error: &str) -> CalibrationPoint {
    CalibrationPoint {
        load: None,
        error_percent: error.parse().expect("a decimal"),
        expanded_uncertainty_percent: "0.4".parse().expect("a decimal"),
        coverage_factor: "2".parse().expect("a decimal"),
    }
}

fn calibration(id: &str, start: Timestamp, end: Timestamp) -> Calibration {
    Calibration {
        certificate_id: id.into(),
        laboratory: "Lab".into(),
        laboratory_accreditation: "L-1".into(),
        calibrated_time: start,
        validity: Period { start, end },
        points: vec![point("0")],
        as_found: Vec::new(),
        file_digest: Sha256::of(id.as_bytes()),
        source: CalibrationSource::Form,
    }
}

async fn calibrate(client: &Client, meter: &str, calibration: &Calibration) {
    let create = wire::CreateCalibrationRequest {
        parent: meter.into(),
        calibration_id: calibration.certificate_id.to_lowercase(),
        calibration: Some(words::to_calibration(calibration)),
        request_id: new_request_id(),
    };
    client.metering().create_calibration(create).await.expect("a calibration");
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_listed_and_watched() {
    let (_stage, client) = site().await;
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let made = now - days(300);
    for (id, left) in [("ended", -1), ("week", 6), ("month", 29), ("two-months", 59), ("good", 61)] {
        let meter = meter(id);
        with(&client, &meter).await;
        calibrate(&client, &meter.name, &calibration(id, made, now + days(left))).await;
    }
    with(&client, &meter("never")).await;
    let list = |page_size, page_token: &str| wire::ListCalibrationWarningsRequest {
        parent: SITE.into(),
        page_size,
        page_token: page_token.into(),
    };
    let short = |warning: &wire::CalibrationWarning| {
        (warning.instrument.rsplit('/').next().unwrap_or("").to_owned(), warning.days)
    };
    let all = client.metering().list_calibration_warnings(list(0, "")).await.expect("a list").into_inner();
    let found: Vec<_> = all.warnings.iter().map(short).collect();
    let expected =
        [("ended", 0), ("month", 30), ("never", 0), ("two-months", 60), ("week", 7)].map(|(id, d)| (id.to_owned(), d));
    assert_eq!(found, expected);
    // Page by page the same.
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let page = client.metering().list_calibration_warnings(list(2, &token)).await.expect("a page").into_inner();
        paged.extend(page.warnings.iter().map(short));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, expected);
    let watch = wire::WatchCalibrationWarningsRequest { parent: SITE.into() };
    let mut watched = client.metering().watch_calibration_warnings(watch).await.expect("a stream").into_inner();
    let mut next = async || {
        let message = tokio::time::timeout(std::time::Duration::from_secs(20), watched.message()).await;
        short(&message.expect("in time").expect("a message").expect("not the end").warning.expect("a warning"))
    };
    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(next().await);
    }
    assert_eq!(first, expected);
    // One more falls due while it is watched.
    let late = meter("late");
    with(&client, &late).await;
    assert_eq!(next().await, ("late".to_owned(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_earlier_state_can_be_read() {
    let (_stage, client) = site().await;
    let meter = meter("main");
    with(&client, &meter).await;
    // A month that was over goes into a block, the corrections after it into the tail.
    let values: Vec<i64> = (0..24 * 31).collect();
    record(&client, &hours(&meter.name, "2023-03-01T00:00:00Z", &values)).await;
    let first = stream(&client, &meter.name, None).await;
    assert_eq!(first.iter().map(|(_, value)| *value).collect::<Vec<_>>(), values);
    let known = Timestamp::now();
    // A second is the grain of what was known when.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let report = record(&client, &hours(&meter.name, "2023-03-02T00:00:00Z", &[900, 25, 901])).await;
    assert_eq!((report.revised, report.duplicate), (2, 1));
    let mut corrected = first.clone();
    (corrected[24].1, corrected[26].1) = (900, 901);
    assert_eq!(stream(&client, &meter.name, None).await, corrected);
    assert_eq!(stream(&client, &meter.name, Some(known)).await, first);
    // Enough corrections that the tail is put into a new generation of the block.
    for value in 0..40 {
        record(&client, &hours(&meter.name, "2023-03-03T00:00:00Z", &[1_000 + value])).await;
    }
    corrected[48].1 = 1_039;
    assert_eq!(stream(&client, &meter.name, None).await, corrected);
    assert_eq!(stream(&client, &meter.name, Some(known)).await, first);
    // Evidence too.
    let evidence = async |known: Option<Timestamp>| {
        let request = wire::StreamEvidenceRequest {
            parent: SITE.into(),
            period: Some(interval(time("2023-03-01T00:00:00Z"), Some(time("2023-04-01T00:00:00Z")))),
            known_time: known.map(timestamp),
            instrument: meter.name.clone(),
        };
        let mut pieces = client.metering().stream_evidence(request).await.expect("a stream").into_inner();
        let (mut bytes, mut root) = (Vec::new(), Vec::new());
        while let Some(piece) = pieces.message().await.expect("a piece") {
            bytes.extend(piece.data);
            root.extend(piece.evidence_root);
        }
        let read = record::evidence::Evidence::from_bytes(&bytes).expect("evidence");
        assert_eq!(metering::evidence_root(&read).0.to_vec(), root);
        read
    };
    let (then, now) = (evidence(Some(known)).await, evidence(None).await);
    assert_eq!(then.instruments[0].series[0].values[24], Some(24));
    assert_eq!(now.instruments[0].series[0].values[24], Some(900));
    assert_eq!(now.instruments[0].series[0].revisions[&48], 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_signs_its_batches() {
    let (_stage, client) = site().await;
    for (id, key) in [
        ("ed25519", SigningKey::generate_ed25519().expect("a key")),
        ("p256", SigningKey::generate_p256().expect("a key")),
    ] {
        let meter = Instrument { signing_key: Some(key.public_key().to_jwk()), ..meter(id) };
        with(&client, &meter).await;
        let mut batch = hours(&meter.name, "2023-03-01T00:00:00Z", &[1, 2, 3]);
        batch.signature = key.sign(&batch.signed_bytes()).expect("a signature");
        assert_eq!(record(&client, &batch).await.accepted, 3, "{id}");
        // Another value under the same signature, and rows that nobody signed.
        let forged = ReadingBatch { values: vec![Some(1), Some(2), Some(4)], ..batch.clone() };
        let report = record(&client, &forged).await;
        assert_eq!((report.accepted, report.refused[0].reason.as_str()), (0, "BAD_SIGNATURE"), "{id}");
        assert_eq!(record(&client, &hours(&meter.name, "2023-03-02T00:00:00Z", &[1])).await.accepted, 1);
    }
    with(&client, &meter("plain")).await;
    let mut signed = hours(&meter("plain").name, "2023-03-01T00:00:00Z", &[1]);
    signed.signature = vec![0; 64];
    assert_eq!(record(&client, &signed).await.refused[0].reason, "NO_SIGNING_KEY");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_need_no_grid() {
    let (_stage, client) = site().await;
    let meter = meter("main");
    with(&client, &meter).await;
    let mut batch = hours(&meter.name, "2023-03-01T00:00:00Z", &[1, 2, 3]);
    batch.deltas = vec![3_600, 86_400];
    let report = record(&client, &batch).await;
    assert_eq!(report.accepted, 3, "{report:?}");
    let start = time("2023-03-01T00:00:00Z").as_second();
    let expected = [(start, 1), (start + 3_600, 2), (start + 90_000, 3)];
    assert_eq!(stream(&client, &meter.name, None).await, expected);
    for deltas in [vec![3_600], vec![3_600, 60], vec![3_600; 3]] {
        let broken = ReadingBatch { deltas, ..batch.clone() };
        assert_eq!(record(&client, &broken).await.refused[0].reason, "BAD_DELTAS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_corrected_by_another() {
    let (_stage, client) = site().await;
    let stock = |id: &str, mass: &str, corrects: &str, material: &str| wire::CreateStockRecordRequest {
        parent: SITE.into(),
        stock_record_id: id.into(),
        stock_record: Some(wire::StockRecord {
            material: material.into(),
            stock_time: Some(timestamp(time("2023-01-01T00:00:00Z"))),
            mass: Some(decimal(mass)),
            unit: "t".into(),
            expanded_uncertainty: Some(decimal("1")),
            coverage_factor: Some(decimal("2")),
            corrects: corrects.into(),
            ..Default::default()
        }),
        request_id: new_request_id(),
    };
    let create = async |request| client.metering().create_stock_record(request).await;
    create(stock("s1", "10", "", "coal")).await.expect("kept");
    create(stock("s2", "11", "s1", "coal")).await.expect("a correction");
    create(stock("s3", "12", "s2", "coal")).await.expect("a correction of it");
    for (request, why) in [
        (stock("s4", "13", "s1", "coal"), "corrected before"),
        (stock("s4", "13", "none", "coal"), "does not exist"),
        (stock("s4", "13", "s3", "lime"), "another material"),
    ] {
        let answer = refused(create(request).await);
        assert_eq!((answer.code, answer.reason.as_str()), (Code::FailedPrecondition, "CORRECTION_INVALID"), "{why}");
        assert!(answer.message.contains(why), "{answer:?}");
    }
    // All are listed; the last alone is evidence.
    let list = wire::ListStockRecordsRequest { parent: SITE.into(), ..Default::default() };
    let all = client.metering().list_stock_records(list).await.expect("a list").into_inner().stock_records;
    assert_eq!(all.len(), 3);
    let period = Some(interval(time("2023-01-01T00:00:00Z"), Some(time("2024-01-01T00:00:00Z"))));
    let request = wire::StreamEvidenceRequest { parent: SITE.into(), period, ..Default::default() };
    let mut pieces = client.metering().stream_evidence(request).await.expect("a stream").into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.expect("a piece") {
        bytes.extend(piece.data);
    }
    let evidence = record::evidence::Evidence::from_bytes(&bytes).expect("evidence");
    assert_eq!(evidence.stocks.iter().map(|stock| stock.id.as_str()).collect::<Vec<_>>(), ["s3"]);
}

fn consumption(meter: &str) -> wire::ComputeConsumptionRequest {
    wire::ComputeConsumptionRequest {
        instrument: meter.into(),
        period: Some(interval(time("2023-03-01T00:00:00Z"), Some(time("2023-03-02T00:00:00Z")))),
        ..Default::default()
    }
}

fn number(value: &Option<proto::google::r#type::Decimal>) -> f64 {
    value.as_ref().expect("a number").value.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn consumption_comes_with_its_uncertainty_by_source() {
    let (_stage, client) = site().await;
    let meter = meter("main");
    with(&client, &meter).await;
    let year = (time("2023-01-01T00:00:00Z"), time("2024-01-01T00:00:00Z"));
    calibrate(&client, &meter.name, &calibration("c-1", year.0, year.1)).await;
    // Twelve months of one meter under one certificate are one source: u grows with the sum, not with its root.
    for month in 1..=12 {
        record(&client, &hours(&meter.name, &format!("2023-{month:02}-01T00:00:00Z"), &[1_000; 24])).await;
    }
    let compute = async |request| client.metering().compute_consumption(request).await;
    let day = compute(consumption(&meter.name)).await.expect("a quantity").into_inner();
    assert_eq!((number(&day.quantity), day.unit.as_str()), (2_400.0, "kWh"));
    assert_eq!(day.registered.as_ref().expect("a sum").value, "2400.0");
    assert_eq!((day.readings, day.gap_count, number(&day.calibrated_percent)), (24, 0, 100.0));
    let u = |answer: &wire::ComputeConsumptionResponse, source: &str| {
        let line = answer.budget.iter().find(|line| line.source.starts_with(source)).expect("a line");
        number(&line.contribution)
    };
    assert!((u(&day, "calibration/L-1/c-1") - 4.8).abs() < 1e-9);
    let mut request = consumption(&meter.name);
    request.period = Some(interval(year.0, Some(year.1)));
    let all = compute(request.clone()).await.expect("a quantity").into_inner();
    assert_eq!((number(&all.quantity), all.readings, all.gap_count), (28_800.0, 288, 12));
    assert!((u(&all, "calibration/L-1/c-1") - 12.0 * 4.8).abs() < 1e-9);
    assert_eq!(all.missing.expect("a duration").seconds, (365 - 12) * 86_400);
    // In another unit the same.
    request.unit = "MWh".into();
    assert_eq!(number(&compute(request.clone()).await.expect("a quantity").into_inner().quantity), 28.8);
    // What a rule refuses says why.
    request.gaps = Some(wire::GapRule { rule: Some(wire::gap_rule::Rule::Refuse(wire::gap_rule::Refuse {})) });
    let refusal = refused(compute(request.clone()).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::FailedPrecondition, "CONSUMPTION_UNDEFINED"));
    request.unit = "t".into();
    assert_eq!(refused(compute(request).await).reason, "CONSUMPTION_UNDEFINED");
    let mut linear = consumption(&meter.name);
    linear.period = Some(interval(time("2023-03-01T00:00:00Z"), Some(time("2023-03-02T02:00:00Z"))));
    let rule = wire::gap_rule::Rule::Linear(wire::gap_rule::Linear { most_intervals: 2 });
    linear.gaps = Some(wire::GapRule { rule: Some(rule) });
    let closed = compute(linear).await.expect("a quantity").into_inner();
    assert_eq!((number(&closed.quantity), number(&closed.substituted)), (2_600.0, 200.0));
    // Half an hour at either end.
    let mut split = consumption(&meter.name);
    split.period = Some(interval(time("2023-03-01T00:30:00Z"), Some(time("2023-03-01T23:30:00Z"))));
    let answer = compute(split.clone()).await.expect("a quantity").into_inner();
    assert!((number(&answer.quantity) - 2_300.0).abs() < 1e-9, "{answer:?}");
    split.edges = wire::OnFinding::Refuse.into();
    assert_eq!(refused(compute(split).await).reason, "CONSUMPTION_UNDEFINED");
    // A broken seal takes the calibration away, back to when it was made.
    let inspection = Inspection {
        id: "i-1".into(),
        time: time("2023-06-01T00:00:00Z"),
        inspector: "A. Inspector".into(),
        seal_number: Some("4711".into()),
        seal: Some(SealState::Broken),
        clock_error_secs: None,
    };
    let create = wire::CreateInspectionRequest {
        parent: meter.name.clone(),
        inspection_id: "i-1".into(),
        inspection: Some(words::to_inspection(&inspection)),
        request_id: new_request_id(),
    };
    client.metering().create_inspection(create).await.expect("an inspection");
    let broken = compute(consumption(&meter.name)).await.expect("a quantity").into_inner();
    assert_eq!(number(&broken.calibrated_percent), 0.0);
    let mpe = u(&broken, "maximum-permissible-error/");
    assert!((mpe - 2_400.0 * 0.005 / 3f64.sqrt()).abs() < 1e-9, "{mpe}");
    let list = wire::ListInspectionsRequest { parent: meter.name.clone(), ..Default::default() };
    let listed = client.metering().list_inspections(list).await.expect("a list").into_inner().inspections;
    assert_eq!(listed.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gas_is_converted_to_reference_conditions() {
    let (_stage, client) = site().await;
    let gas = Instrument {
        kind: InstrumentKind::GasMeter,
        measurand: Measurand::Volume,
        unit: Unit::CubicMetre,
        ..meter("gas")
    };
    with(&client, &gas).await;
    let batch = ReadingBatch { unit: Unit::CubicMetre, ..hours(&gas.name, "2023-03-01T00:00:00Z", &[1_000; 24]) };
    assert_eq!(record(&client, &batch).await.accepted, 24);
    let mut request = consumption(&gas.name);
    request.unit = "Nm3{0Cel;101.325kPa}".into();
    let bare = refused(client.metering().compute_consumption(request.clone()).await);
    assert_eq!(bare.reason, "CONSUMPTION_UNDEFINED");
    let conversion = |id: &str, pressure: &str, corrects: &str| wire::CreateGasConversionRequest {
        parent: gas.name.clone(),
        gas_conversion_id: id.into(),
        gas_conversion: Some(words::to_gas_conversion(&GasConversion {
            id: id.into(),
            period: Period { start: time("2023-03-01T00:00:00Z"), end: time("2023-04-01T00:00:00Z") },
            pressure_kpa: pressure.parse().expect("a decimal"),
            pressure_expanded_uncertainty_kpa: "0.2".parse().expect("a decimal"),
            temperature_celsius: "27.315".parse().expect("a decimal"),
            temperature_expanded_uncertainty_kelvin: "0.6".parse().expect("a decimal"),
            compressibility_ratio: "1".parse().expect("a decimal"),
            compressibility_expanded_uncertainty: "0.002".parse().expect("a decimal"),
            coverage_factor: "2".parse().expect("a decimal"),
            method: "EN 12405-1 device 1".into(),
            corrects: (!corrects.is_empty()).then(|| corrects.into()),
        })),
        request_id: new_request_id(),
    };
    client.metering().create_gas_conversion(conversion("march", "101.325", "")).await.expect("kept");
    client.metering().create_gas_conversion(conversion("march-2", "202.65", "march")).await.expect("corrected");
    let found = client.metering().compute_consumption(request).await.expect("a quantity").into_inner();
    assert!((number(&found.quantity) - 2_400.0 * 2.0 / 1.1).abs() < 1e-9, "{found:?}");
    let list = wire::ListGasConversionsRequest { parent: gas.name.clone(), ..Default::default() };
    let listed = client.metering().list_gas_conversions(list).await.expect("a list").into_inner().gas_conversions;
    assert_eq!(listed.len(), 2);
    // An electricity meter has no gas in it.
    let meter = meter("main");
    with(&client, &meter).await;
    let other = wire::CreateGasConversionRequest { parent: meter.name, ..conversion("x", "101.325", "") };
    let answer = refused(client.metering().create_gas_conversion(other).await);
    assert_eq!(answer.reason, "INSTRUMENT_KIND_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_a_site() {
    let (_stage, client) = site().await;
    let cement = integration_tests::cement::generate(support::ORGANIZATION, support::SITE_ID);
    for (instrument, _) in &cement.instruments {
        with(&client, instrument).await;
    }
    let load = &cement.weighbridge[0];
    let create = wire::CreateWeighbridgeRecordRequest {
        parent: SITE.into(),
        weighbridge_record_id: "l1".into(),
        weighbridge_record: Some(words::to_weighbridge_record(load)),
        request_id: new_request_id(),
    };
    client.metering().create_weighbridge_record(create).await.expect("a load");
    let create = wire::CreateLaboratoryAnalysisRequest {
        parent: SITE.into(),
        laboratory_analysis_id: "a1".into(),
        laboratory_analysis: Some(words::to_laboratory_analysis(&cement.analyses[0])),
        request_id: new_request_id(),
    };
    client.metering().create_laboratory_analysis(create).await.expect("an analysis");
    let parent = || SITE.to_owned();
    let loads = wire::ListWeighbridgeRecordsRequest { parent: parent(), ..Default::default() };
    let loads = client.metering().list_weighbridge_records(loads).await.expect("a list").into_inner();
    assert_eq!(loads.weighbridge_records[0].material, load.material);
    let analyses = wire::ListLaboratoryAnalysesRequest { parent: parent(), ..Default::default() };
    let analyses = client.metering().list_laboratory_analyses(analyses).await.expect("a list").into_inner();
    assert_eq!(analyses.laboratory_analyses[0].method, cement.analyses[0].method);
}
