//! Readings through gRPC: the real year of a steel plant, and everything that can be wrong with a row.

use integration_tests::{cast, cement, story};
use interval_csv::{CsvProfile, IntervalSeries};
use jiff::{SignedDuration, Timestamp};
use proto::convert::metering as words;
use proto::{interval, metering as wire};
use quantity::{Decimal, Unit};
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register};
use record::reading::ReadingBatch;
use touchstone_client::Client;

use crate::support::{self, ORGANIZATION, SITE, SITE_ID, Stage};

const YEAR: usize = 35_040;

fn instrument(id: &str, resolution: &str, maximum: i64) -> Instrument {
    Instrument {
        name: format!("{SITE}/instruments/{id}"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "1".into(),
        measurand: Measurand::ElectricityImport,
        unit: Unit::Kilowatthour,
        register: Register::Interval { maximum },
        resolution: resolution.parse().expect("a decimal"),
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: None,
        placements: vec![Placement {
            location: "incoming supply".into(),
            start: "2017-01-01T00:00:00Z".parse().expect("a time"),
            end: None,
        }],
        replaces: None,
        signing_key: None,
    }
}

async fn site(stage: &Stage) -> Client {
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    exporter
}

fn steel() -> Option<IntervalSeries> {
    let bytes = support::shared("data/steel_industry_2018.csv.gz")?;
    Some(interval_csv::read(&bytes, &CsvProfile::default()).expect("the real file"))
}

/// Totals of several reports: accepted, duplicate, revised, missing, refused rows.
fn totals(reports: &[wire::AcceptanceReport]) -> [u32; 5] {
    reports.iter().fold([0; 5], |sum, report| {
        let refused: u32 = report.refused.iter().map(|refusal| refusal.count).sum();
        let one = [report.accepted, report.duplicate, report.revised, report.missing, refused];
        std::array::from_fn(|i| sum[i] + one[i])
    })
}

/// All readings in force, page by page; each start comes once, in order.
async fn list(client: &Client, instrument: &str, page_size: i32) -> Vec<wire::Reading> {
    let (mut readings, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = wire::ListReadingsRequest {
            parent: instrument.into(),
            page_size,
            page_token,
            period: Some(interval(
                "2017-01-01T00:00:00Z".parse().expect("a time"),
                Some("2100-01-01T00:00:00Z".parse().expect("a time")),
            )),
        };
        let page = client.metering().list_readings(request).await.expect("a page").into_inner();
        assert!(page.readings.len() <= page_size as usize);
        readings.extend(page.readings);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let starts: Vec<i64> = readings.iter().map(|r| r.start_time.as_ref().expect("a start").seconds).collect();
    assert!(starts.windows(2).all(|pair| pair[0] < pair[1]), "a reading came twice or out of order");
    readings
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_year_is_kept_once() {
    let Some(series) = steel() else { return };
    assert_eq!((series.values.len(), series.report.rows), (YEAR, YEAR));
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let meter = instrument("meter", series.resolution.as_str(), 1_000_000);
    story::create_instrument(&client, SITE, &meter, &[]).await.expect("an instrument");
    let batches = series.batches(&meter.name);
    let year = YEAR as u32;
    let first = story::send_readings(&client, batches.clone()).await.expect("accepted");
    assert_eq!(totals(&first), [year, 0, 0, 0, 0]);
    let again = story::send_readings(&client, batches.clone()).await.expect("accepted");
    assert_eq!(totals(&again), [0, year, 0, 0, 0]);
    // One value corrected: one revision; the late retry of the first batch does not undo it.
    let mut corrected = batches.clone();
    let value = corrected[0].values[1_000].expect("a value");
    corrected[0].values[1_000] = Some(value + 1);
    let revised = story::send_readings(&client, corrected).await.expect("accepted");
    assert_eq!(totals(&revised), [0, year - 1, 1, 0, 0]);
    let late = story::send_readings(&client, batches).await.expect("accepted");
    assert_eq!(totals(&late), [0, year, 0, 0, 0]);

    let readings = list(&client, &meter.name, 997).await;
    assert_eq!(readings.len(), YEAR);
    let changed: Vec<&wire::Reading> = readings.iter().filter(|reading| reading.revision != 0).collect();
    assert_eq!(changed.iter().map(|r| (r.revision, r.value)).collect::<Vec<_>>(), [(1, value + 1)]);
    let sum: i64 = readings.iter().map(|reading| reading.value).sum();
    let sum = Decimal::from_scaled(i128::from(sum - 1), -2).expect("a decimal");
    assert_eq!((series.resolution.as_str(), sum.to_string().as_str()), ("0.01", "959636.71"));
    assert_eq!(series.report.total.to_string(), "959636.71");
}

#[tokio::test(flavor = "multi_thread")]
async fn splitting_and_interleaving_change_nothing() {
    let Some(series) = steel() else { return };
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let whole = instrument("whole", series.resolution.as_str(), 1_000_000);
    let parts = instrument("parts", series.resolution.as_str(), 1_000_000);
    let raced = instrument("raced", series.resolution.as_str(), 1_000_000);
    for meter in [&whole, &parts, &raced] {
        story::create_instrument(&client, SITE, meter, &[]).await.expect("an instrument");
    }
    let rows = 6_000;
    let batch = |meter: &Instrument, from: usize, values: &[Option<i64>]| ReadingBatch {
        instrument: meter.name.clone(),
        unit: series.unit,
        resolution: series.resolution.clone(),
        start: series.start + SignedDuration::from_secs(from as i64 * i64::from(series.step_secs)),
        step_secs: series.step_secs,
        deltas: Vec::new(),
        values: values.to_vec(),
        signature: Vec::new(),
        restate: false,
    };
    let values = &series.values[..rows];
    story::send_readings(&client, vec![batch(&whole, 0, values)]).await.expect("accepted");
    // Pieces of 613 rows, the last first, each overlapping the one before by 10 rows.
    let pieces = |meter: &Instrument| -> Vec<ReadingBatch> {
        (0..rows)
            .step_by(613)
            .rev()
            .map(|from| {
                let from = from.saturating_sub(10);
                batch(meter, from, &values[from..(from + 623).min(rows)])
            })
            .collect()
    };
    story::send_readings(&client, pieces(&parts)).await.expect("accepted");
    // Two streams at once with the same rows in opposite orders.
    let (mut backwards, other) = (pieces(&raced), stage.client(&cast::exporter()));
    backwards.reverse();
    let (a, b) = tokio::join!(story::send_readings(&client, pieces(&raced)), story::send_readings(&other, backwards));
    let (a, b) = (totals(&a.expect("accepted")), totals(&b.expect("accepted")));
    assert_eq!((a[4], b[4]), (0, 0), "nothing refused");
    assert_eq!((a[2], b[2]), (0, 0), "nothing revised");
    let expected = list(&client, &whole.name, 1_000).await;
    assert_eq!(expected.len(), rows);
    assert_eq!(list(&client, &parts.name, 1_000).await, expected);
    assert_eq!(list(&client, &raced.name, 1_000).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_refused_and_the_rest_is_kept() {
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let meter = instrument("meter", "0.1", 1_000);
    story::create_instrument(&client, SITE, &meter, &[]).await.expect("an instrument");
    let hour = Timestamp::from_second(Timestamp::now().as_second() / 3_600 * 3_600).expect("a time");
    let batch = |start: Timestamp, step_secs: u32, values: &[i64]| ReadingBatch {
        instrument: meter.name.clone(),
        unit: Unit::Kilowatthour,
        resolution: "0.1".parse().expect("a decimal"),
        start,
        step_secs,
        deltas: Vec::new(),
        signature: Vec::new(),
        restate: false,
        values: values.iter().copied().map(Some).collect(),
    };
    let check = async |batch: ReadingBatch, kept: [u32; 3], expected: &[(u32, u32, &str)]| {
        let report = story::send_readings(&client, vec![batch]).await.expect("a report").remove(0);
        assert_eq!([report.accepted, report.duplicate, report.revised], kept, "{report:?}");
        let refused: Vec<_> = report.refused.iter().map(|r| (r.row, r.count, r.reason.as_str())).collect();
        assert_eq!(refused, expected);
        assert!(report.refused.iter().all(|refusal| !refusal.message.is_empty()));
    };
    let day = hour - SignedDuration::from_hours(24);
    // Out of range above and below, between rows that are kept.
    check(batch(day, 900, &[1, 1_001, 2, -1, 3]), [3, 0, 0], &[(1, 1, "OUT_OF_RANGE"), (3, 1, "OUT_OF_RANGE")]).await;
    // The future: two hours ago is kept, what ends after now and the allowance is not. The hour that runs now is left
    // out: within the allowance of its end it may be either.
    let from = hour - SignedDuration::from_hours(2);
    let hours = ReadingBatch { values: vec![Some(1), Some(2), None, Some(4), Some(5)], ..batch(from, 3_600, &[1]) };
    check(hours, [2, 0, 0], &[(3, 1, "FUTURE"), (4, 1, "FUTURE")]).await;
    // Overlap: another step across readings that are there.
    check(batch(day, 1_800, &[7, 8, 9]), [0, 0, 0], &[(0, 1, "OVERLAP"), (1, 1, "OVERLAP"), (2, 1, "OVERLAP")]).await;
    // Before it was placed.
    let early = "2016-12-31T23:30:00Z".parse().expect("a time");
    check(batch(early, 900, &[1, 2, 3]), [1, 0, 0], &[(0, 1, "NOT_PLACED"), (1, 1, "NOT_PLACED")]).await;
    // A unit or resolution that is not the register's refuses the batch, as one refusal of all rows.
    let other = ReadingBatch { unit: Unit::Megawatthour, ..batch(day, 900, &[1, 2]) };
    check(other, [0, 0, 0], &[(0, 2, "WRONG_UNIT")]).await;
    let other = ReadingBatch { resolution: "0.01".parse().expect("a decimal"), ..batch(day, 900, &[1, 2]) };
    check(other, [0, 0, 0], &[(0, 2, "WRONG_RESOLUTION")]).await;
    // A missing row is none, and an instrument that nobody registered is not found.
    let gap = ReadingBatch { values: vec![Some(1), None, Some(2)], ..batch(day, 900, &[1]) };
    check(gap, [0, 2, 0], &[]).await;
    let unknown = ReadingBatch { instrument: format!("{SITE}/instruments/unknown"), ..batch(day, 900, &[1]) };
    let unknown = wire::IngestReadingsRequest { batch: Some(words::to_reading_batch(&unknown)) };
    let answers = client.metering().ingest_readings(tokio_stream::iter([unknown])).await.expect("a stream");
    let answer = answers.into_inner().message().await;
    assert_eq!(support::refused(answer).reason, "NOT_FOUND");
    assert_eq!(list(&client, &meter.name, 1_000).await.len(), 3 + 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_footprint_on_an_uncalibrated_meter_says_so() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    let mut cement = cement::generate(ORGANIZATION, SITE_ID);
    let meter = cement.readings.instrument.clone();
    for (instrument, calibrations) in &mut cement.instruments {
        if instrument.name == meter {
            calibrations.clear();
        }
    }
    story::send_evidence(&exporter, &cement).await.expect("evidence");
    let plant = cement::plant_toml(ORGANIZATION, SITE_ID);
    let (_, statement) = story::compute(&exporter, &cement.site, "year", &plant).await.expect("a footprint");
    let coverage = statement.quality.calibration_coverage_share.as_ref().expect("a meter");
    assert!(coverage.to_f64() < 1.0 && coverage.to_f64() > 0.0, "{coverage}");
    // The value is what it was; only what stands behind it is less.
    assert_eq!(statement.indirect.value.as_str(), cement::PUBLISHED_INDIRECT);
}
