//! Readings against a plain model in memory: random batches, corrections, a clock that moves either way, calls to the
//! store that fail between any two writes, and a process that stops at any time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use integration_tests::cast;
use jiff::Timestamp;
use metering_service::MeteringService;
use proto::convert::metering as words;
use proto::metering as wire;
use proto::metering::metering_service_server::MeteringService as _;
use proto::{interval, timestamp};
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register};
use record::reading::ReadingBatch;
use runtime::Clock;
use store::RocksStore;
use store::faults::{FAULTS, Faulty};
use tokio_stream::StreamExt;
use touchstone_client::new_request_id;

use crate::faults::{as_caller, metering_service, transient};
use crate::support::{SITE, SITE_ID};

const STEP: i64 = 900;
/// 2023-01-01T00:00:00Z.
const BEGIN: i64 = 1_672_531_200;
/// Three months of quarter hours, of which the last is never over.
const SLOTS: i64 = 8_600;
const SKEW: i64 = 300;

/// SplitMix64, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as i64
    }
}

/// Start -> values in order of revision, each with the second at which it was recorded.
#[derive(Default)]
struct Model(BTreeMap<i64, Vec<(i64, i64)>>);

impl Model {
    /// Takes a batch: new, duplicate, revised, missing, refused rows.
    fn take(&mut self, batch: &ReadingBatch, now: i64) -> [u32; 5] {
        let mut counts = [0; 5];
        for (start, value) in batch.starts().zip(&batch.values) {
            let Some(value) = *value else {
                counts[3] += 1;
                continue;
            };
            if start + STEP > now + SKEW {
                counts[4] += 1;
                continue;
            }
            let revisions = self.0.entry(start).or_default();
            if revisions.iter().any(|(held, _)| *held == value) {
                counts[1] += 1;
                continue;
            }
            counts[if revisions.is_empty() { 0 } else { 2 }] += 1;
            revisions.push((value, now));
        }
        counts
    }

    fn at(&self, known: i64) -> Vec<(i64, i64)> {
        let last = |revisions: &[(i64, i64)]| revisions.iter().rfind(|(_, at)| *at <= known).map(|(value, _)| *value);
        self.0.iter().filter_map(|(start, revisions)| Some((*start, last(revisions)?))).collect()
    }
}

fn meter(id: &str, register: Register) -> Instrument {
    Instrument {
        name: format!("{SITE}/instruments/{id}"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "1".into(),
        measurand: Measurand::ElectricityImport,
        unit: "kWh".parse().expect("a unit"),
        register,
        resolution: "1".parse().expect("a decimal"),
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: Some("1".parse().expect("a decimal")),
        placements: vec![Placement { location: "hall".into(), start: Timestamp::UNIX_EPOCH, end: None }],
        replaces: None,
        signing_key: None,
    }
}

struct Bench {
    service: MeteringService,
    store: Arc<Faulty>,
}

fn open(folder: &Path, clock: Clock) -> Bench {
    let store = Faulty::new(RocksStore::open(&folder.join("rows")).expect("a store"));
    Bench { service: metering_service(&store, folder, clock), store }
}

async fn prepare(bench: &Bench, meters: &[&Instrument]) {
    let caller = cast::exporter();
    let request = wire::CreateSiteRequest {
        parent: SITE.rsplit_once("/sites/").expect("a site").0.into(),
        site_id: SITE_ID.into(),
        site: Some(wire::Site { display_name: "x".into(), country: "XA".into(), ..Default::default() }),
        request_id: new_request_id(),
    };
    bench.service.create_site(as_caller(&caller, request)).await.expect("a site");
    for meter in meters {
        let request = wire::CreateInstrumentRequest {
            parent: SITE.into(),
            instrument_id: meter.name.rsplit('/').next().expect("an id").into(),
            instrument: Some(words::to_instrument(meter)),
            request_id: new_request_id(),
        };
        bench.service.create_instrument(as_caller(&caller, request)).await.expect("an instrument");
    }
}

async fn stream(bench: &Bench, meter: &str, known: Option<i64>) -> Vec<(i64, i64)> {
    let second = |second: i64| Timestamp::from_second(second).expect("a time");
    let request = wire::StreamReadingsRequest {
        parent: meter.into(),
        period: Some(interval(second(BEGIN), Some(second(BEGIN + (SLOTS + 1_000) * STEP)))),
        known_time: known.map(|known| timestamp(second(known))),
    };
    let answer = bench.service.stream_readings(as_caller(&cast::exporter(), request)).await;
    let mut pieces = answer.expect("a stream").into_inner();
    let mut found = Vec::new();
    while let Some(piece) = pieces.next().await {
        for run in piece.expect("a piece").runs {
            let start = run.start_time.expect("a start").seconds;
            found.extend(run.values.iter().enumerate().map(|(i, value)| (start + i as i64 * STEP, *value)));
        }
    }
    found
}

async fn rounds(seed: u64, rounds: usize) {
    let mut random = Random(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let now = Arc::new(AtomicI64::new(BEGIN + SLOTS * STEP));
    let clock: Clock = {
        let now = now.clone();
        Arc::new(move || Timestamp::from_second(now.load(Ordering::SeqCst)).expect("a time"))
    };
    let mut bench = open(folder.path(), clock.clone());
    let meter = meter("m", Register::Interval { maximum: 1_000_000 });
    prepare(&bench, &[&meter]).await;
    let mut model = Model::default();
    let caller = cast::exporter();
    let mut asked = Vec::new();
    for round in 0..rounds {
        // Most batches are small and come one after the other, some are a month, some go over old ones.
        let length = [1, 1, 4, 96, 96, 3_000][random.below(6) as usize].min(1 + random.below(3_000));
        let start = if random.below(3) == 0 { random.below(SLOTS) } else { round as i64 * 17 % SLOTS };
        let kinds = 1 + random.below(4);
        let batch = ReadingBatch {
            instrument: meter.name.clone(),
            unit: meter.unit,
            resolution: meter.resolution.clone(),
            start: Timestamp::from_second(BEGIN + start * STEP).expect("a time"),
            step_secs: STEP as u32,
            deltas: Vec::new(),
            values: (0..length).map(|i| (random.below(20) != 0).then(|| (start + i) % 1_000 * kinds)).collect(),
            signature: Vec::new(),
            restate: false,
        };
        let faulty = random.below(2) == 0;
        if faulty {
            let first = random.below(8) as usize;
            bench.store.arm(first..first + 1 + random.below(2) as usize, FAULTS[random.below(3) as usize]);
        }
        let request = wire::RecordReadingsRequest { batch: Some(words::to_reading_batch(&batch)) };
        let mut attempts = 0;
        let report = loop {
            attempts += 1;
            assert!(attempts < 6, "round {round}: not answered");
            match bench.service.record_readings(as_caller(&caller, request.clone())).await {
                Ok(answer) => break answer.into_inner().report.expect("a report"),
                Err(status) => transient(&status),
            }
        };
        bench.store.arm(0..0, FAULTS[0]);
        let counts = model.take(&batch, now.load(Ordering::SeqCst));
        let refused = report.refused.iter().map(|refusal| refusal.count).sum();
        let told = [report.accepted, report.duplicate, report.revised, report.missing, refused];
        // A retry may find as duplicates what an attempt before it wrote.
        match attempts {
            1 => assert_eq!(told, counts, "seed {seed}, round {round}"),
            _ => assert_eq!(told.iter().sum::<u32>(), counts.iter().sum::<u32>()),
        }
        asked.push(now.load(Ordering::SeqCst));
        now.fetch_add(random.below(4_000) - 400, Ordering::SeqCst);
        if random.below(25) == 0 {
            let Bench { service, store } = bench;
            drop((service, store));
            bench = open(folder.path(), clock.clone());
        }
        if round % 10 == 9 || round + 1 == rounds {
            assert_eq!(stream(&bench, &meter.name, None).await, model.at(i64::MAX), "seed {seed}, round {round}");
            let known = asked[random.below(asked.len() as i64) as usize];
            let found = stream(&bench, &meter.name, Some(known)).await;
            assert_eq!(found, model.at(known), "seed {seed}, round {round}, known at {known}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_what_a_plain_map_holds() {
    for seed in 1..=6 {
        rounds(seed, 80).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_that_rolls_over_adds_up() {
    let mut random = Random(7);
    let folder = tempfile::tempdir().expect("a folder");
    let bench = open(folder.path(), runtime::system_clock());
    let rollover = 5_000;
    let meter = meter("r", Register::Cumulative { rollover });
    prepare(&bench, &[&meter]).await;
    let caller = cast::exporter();
    // The true count, and what the register shows of it.
    let mut count = vec![0i64];
    (0..3_000).for_each(|i| count.push(count[i] + random.below(4_000)));
    for (from, piece) in count.chunks(700).enumerate() {
        let batch = ReadingBatch {
            instrument: meter.name.clone(),
            unit: meter.unit,
            resolution: meter.resolution.clone(),
            start: Timestamp::from_second(BEGIN + from as i64 * 700 * STEP).expect("a time"),
            step_secs: STEP as u32,
            deltas: Vec::new(),
            values: piece.iter().map(|count| Some(count % rollover)).collect(),
            signature: Vec::new(),
            restate: false,
        };
        let request = wire::RecordReadingsRequest { batch: Some(words::to_reading_batch(&batch)) };
        bench.service.record_readings(as_caller(&caller, request)).await.expect("kept");
    }
    for _ in 0..50 {
        let from = random.below(2_900);
        let until = from + 1 + random.below(2_999 - from);
        let second = |slot: i64| Timestamp::from_second(BEGIN + slot * STEP).expect("a time");
        let request = wire::ComputeConsumptionRequest {
            instrument: meter.name.clone(),
            period: Some(interval(second(from), Some(second(until)))),
            ..Default::default()
        };
        let answer = bench.service.compute_consumption(as_caller(&caller, request)).await.expect("a quantity");
        let answer = answer.into_inner();
        let expected = count[until as usize] - count[from as usize];
        assert_eq!(answer.registered.expect("a sum").value, expected.to_string(), "{from} to {until}");
        assert_eq!(answer.gap_count, 0);
    }
}
