//! Readings: how fast they become durable, how much room they take, how fast they are aggregated, and whether it
//! matters how many instruments there are.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use integration_tests::processes::Processes;
use integration_tests::world::{Shape, World};
use integration_tests::{cast, story};
use interval_csv::CsvProfile;
use jiff::Timestamp;
use proto::convert::metering as words;
use proto::metering as wire;
use proto::metering::metering_service_server::MeteringService as _;
use quantity::Unit;
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register};
use record::reading::ReadingBatch;
use rocksdb::{DB, Options, WriteBatch, WriteOptions};
use runtime::config::Service;
use serde_json::json;
use store::{FolderBlobs, RocksStore};
use tonic::Request;
use touchstone_client::{Client, new_request_id};

use crate::frame::{Figure, Goal, Plan, Sides, median};
use crate::stand::{LIMITS, Stand, drive};
use crate::{Failed, profile};

const ORGANIZATION: &str = "organizations/cement-bubble";
/// Connections, each with a stream.
const CONNECTIONS: usize = 4;
/// Rows in a raw batch of RocksDB.
const RAW_BATCH: usize = 1_000;
/// Threads of the raw side.
const RAW_THREADS: usize = 2;
/// Seconds of an interval.
const STEP: i64 = 900;
/// Readings of a day.
const DAY_ROWS: usize = 96;
/// Queries of a round.
const QUERIES: usize = 2_000;
/// What a store is given to merge the files of a million instruments that all came within minutes.
const REST: Duration = Duration::from_secs(60);

/// A year of quarter hours.
struct Year {
    values: Vec<i64>,
    start: i64,
    unit: Unit,
    resolution: quantity::Decimal,
    is_real: bool,
}

/// The steel data where they are; a made-up plant of the same spread otherwise.
fn year() -> Result<Year, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/steel_industry_2018.csv.gz");
    if let Ok(bytes) = std::fs::read(path) {
        let read = interval_csv::read(&bytes, &CsvProfile::default())?;
        let values = read.values.iter().map(|value| value.unwrap_or(0)).collect();
        let (start, resolution) = (read.start.as_second(), read.resolution);
        return Ok(Year { values, start, unit: read.unit, resolution, is_real: true });
    }
    eprintln!("  the steel data are not here: made-up readings instead");
    let mut state = 1u64;
    let values = (0..35_040)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            300 + (state >> 33) as i64 % 9_000
        })
        .collect();
    let resolution = "0.01".parse()?;
    Ok(Year { values, start: 1_514_764_800, unit: Unit::Kilowatthour, resolution, is_real: false })
}

impl Year {
    fn meter(&self, site: &str, id: &str) -> Result<Instrument, Failed> {
        Ok(Instrument {
            name: format!("{site}/instruments/{id}"),
            kind: InstrumentKind::ElectricityMeter,
            serial_number: id.into(),
            measurand: Measurand::ElectricityImport,
            unit: self.unit,
            register: Register::Interval { maximum: 1_000_000_000 },
            resolution: self.resolution.clone(),
            multiplier: None,
            accuracy_class: None,
            max_permissible_error_percent: Some("1".parse()?),
            placements: vec![Placement { location: "x".into(), start: Timestamp::UNIX_EPOCH, end: None }],
            replaces: None,
            signing_key: None,
        })
    }

    /// A meter's year: the same plant, begun at another hour, so that no two meters have the same bytes.
    fn batch(&self, instrument: &str, number: usize) -> Result<ReadingBatch, Failed> {
        let mut values: Vec<Option<i64>> = self.values.iter().copied().map(Some).collect();
        values.rotate_left(number * 101 % self.values.len());
        Ok(ReadingBatch {
            instrument: instrument.into(),
            unit: self.unit,
            resolution: self.resolution.clone(),
            start: Timestamp::from_second(self.start)?,
            step_secs: STEP as u32,
            deltas: Vec::new(),
            values,
            signature: Vec::new(),
            restate: false,
        })
    }
}

/// A new site with so many meters, and the batches of their year.
async fn meters(client: &Client, year: &Year, site: &str, count: usize) -> Result<Vec<wire::ReadingBatch>, Failed> {
    let site = format!("{ORGANIZATION}/sites/{site}");
    story::create_site(client, &site, "Meters").await?;
    let mut batches = Vec::new();
    for number in 0..count {
        let meter = year.meter(&site, &format!("m-{number}"))?;
        story::create_instrument(client, &site, &meter, &[]).await?;
        batches.push(words::to_reading_batch(&year.batch(&meter.name, number)?));
    }
    Ok(batches)
}

/// Sends all batches on one stream a connection; readings a second, from the first byte to the last answer.
async fn ingest(clients: &[Client], batches: Vec<wire::ReadingBatch>) -> Result<f64, Failed> {
    let readings: usize = batches.iter().map(|batch| batch.values.len()).sum();
    let (batches, next) = (Arc::new(batches), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, batches, next) = (client.clone(), batches.clone(), next.clone());
            tokio::spawn(async move {
                let requests = std::iter::from_fn(move || {
                    let batch = batches.get(next.fetch_add(1, Ordering::Relaxed))?.clone();
                    Some(wire::IngestReadingsRequest { batch: Some(batch) })
                });
                let answers = client.metering().ingest_readings(tokio_stream::iter(requests)).await?;
                let reports = story::reports(answers.into_inner()).await?;
                Ok::<usize, Failed>(reports.iter().map(|report| report.accepted as usize).sum())
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await??;
    }
    match accepted == readings {
        true => Ok(readings as f64 / began.elapsed().as_secs_f64()),
        false => Err(format!("{accepted} of {readings} readings were accepted").into()),
    }
}

/// The same rows, a row a key, in batches that are logged and not synced; rows a second.
fn raw(db: &DB, first: usize, batches: &[wire::ReadingBatch]) -> Result<f64, Failed> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..RAW_THREADS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(batch) = batches.get(number) else { return Ok::<_, Failed>(()) };
                        let start = batch.start_time.map_or(0, |time| time.seconds);
                        for (part, values) in batch.values.chunks(RAW_BATCH).enumerate() {
                            let mut write = WriteBatch::default();
                            for (row, value) in values.iter().enumerate() {
                                let mut key = [0; 16];
                                key[..8].copy_from_slice(&((first + number) as u64).to_be_bytes());
                                let time = start + (part * RAW_BATCH + row) as i64 * STEP;
                                key[8..].copy_from_slice(&time.to_be_bytes());
                                write.put(key, value.to_be_bytes());
                            }
                            db.write_opt(write, &WriteOptions::default())?;
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?)
    })?;
    let rows: usize = batches.iter().map(|batch| batch.values.len()).sum();
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}

/// Rows a second of COPY into PostgreSQL: into a bare table, and into one with the natural key.
fn copy(batches: &[wire::ReadingBatch], folder: &Path) -> Result<(f64, f64), Failed> {
    let folder = folder.join("postgres");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("readings.tsv");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file)?);
    let mut rows = 0;
    for (number, batch) in batches.iter().enumerate() {
        let start = batch.start_time.map_or(0, |time| time.seconds);
        for (row, value) in batch.values.iter().enumerate() {
            writeln!(out, "{number}\t{}\t{value}", start + row as i64 * STEP)?;
            rows += 1;
        }
    }
    out.flush()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/postgres-copy.sh");
    let run = |key: &str| -> Result<f64, Failed> {
        let output = Command::new("sh").arg(&script).arg(&file).arg(&folder).arg(key).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no words").into());
        }
        let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
        Ok(f64::from(rows) / seconds)
    };
    Ok((run("")?, run("with-key")?))
}

fn bytes_below(folder: &Path) -> Result<u64, Failed> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Ingest against both peers, and the room that it took.
pub fn measure(stand: &mut Stand, plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let year = year()?;
    let per_round = if plan.quick { 40 } else { 120 };
    let clients = stand.connections(&cast::exporter(), CONNECTIONS)?;
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, folder.join("raw"))?;
    let prepare = |stand: &Stand, round: usize| {
        stand.client.block_on(meters(&clients[0], &year, &format!("round-{round}"), per_round))
    };
    let data = stand.world.data(Service::Metering).to_owned();
    let before = bytes_below(&data)?;
    // Both sides once before any counts.
    let warm = prepare(stand, 0)?;
    raw(&db, 0, &warm)?;
    let mut rounds = Vec::new();
    for round in 1..=plan.rounds() {
        rounds.push(prepare(stand, round)?);
    }
    stand.client.block_on(ingest(&clients, warm))?;
    let sides = Sides::measure(
        plan.rounds(),
        |round| stand.client.block_on(ingest(&clients, rounds[round].clone())),
        |round| raw(&db, (round + 1) * per_round, &rounds[round]),
    )?;
    let mut detail = sides.detail();
    detail["readings_a_round"] = json!(per_round * year.values.len());
    detail["rows_a_batch"] = json!(year.values.len());
    detail["streams"] = json!(CONNECTIONS);
    detail["steel_data"] = json!(year.is_real);
    detail["ceiling"] = json!("RocksDB: 16-byte key, 8-byte value, batches of 1,000, WAL not synced, 2 threads");
    detail["note"] = json!("ours is durable (synced), over mTLS, callers on the same cores");
    let mut figures = vec![Figure::new("ingest_vs_rocksdb_rows", sides.ratio(), "1", Goal::AtLeast(3.0), detail)];
    // As meters send by themselves: a day a batch.
    let year_batches = stand.client.block_on(meters(&clients[0], &year, "days", 500))?;
    let days: Vec<wire::ReadingBatch> = (0..4)
        .flat_map(|day| year_batches.iter().map(move |batch| (day, batch)))
        .map(|(day, batch)| {
            let start =
                batch.start_time.map(|time| prost_types::Timestamp { seconds: time.seconds + day * 86_400, ..time });
            let values = batch.values[day as usize * DAY_ROWS..][..DAY_ROWS].to_vec();
            wire::ReadingBatch { start_time: start, values, ..batch.clone() }
        })
        .collect();
    let day_rate = stand.client.block_on(ingest(&clients, days))? / DAY_ROWS as f64;
    figures[0].detail["day_batches_per_s"] = json!(day_rate);
    let ours = median(&sides.ours);
    figures.push(match copy(&rounds[0], folder) {
        Ok((bare, keyed)) => {
            let beside = json!({
                "ours_per_s": sides.ours, "copy_per_s": bare, "copy_with_natural_key_per_s": keyed,
                "rows_copied": per_round * year.values.len(),
            });
            Figure::new("ingest_vs_copy", ours / bare, "1", Goal::AtLeast(10.0), beside)
        }
        Err(error) => Figure::missing("ingest_vs_copy", "1", Goal::AtLeast(10.0), format!("PostgreSQL: {error}")),
    });
    // Everything was of months that are over, so all is in blocks; a restart writes out what was in memory.
    stand.server.block_on(stand.world.stop())?;
    stand.server.block_on(stand.world.resume())?;
    let readings = (plan.rounds() + 1) * per_round * year.values.len() + 4 * 500 * DAY_ROWS;
    let bytes = bytes_below(&data)? - before;
    let beside = json!({ "bytes": bytes, "readings": readings, "meters": (plan.rounds() + 1) * per_round,
        "note": "all files of the store, instruments included, before and after" });
    figures.push(Figure::new("bytes_per_reading", bytes as f64 / readings as f64, "B", Goal::AtMost(1.8), beside));
    Ok(figures)
}

/// A profile of the server while it takes readings.
pub fn profile(stand: &Stand, plan: Plan) -> Result<(), Failed> {
    let year = year()?;
    let clients = stand.connections(&cast::exporter(), CONNECTIONS)?;
    let count = if plan.quick { 60 } else { 400 };
    let batches = stand.client.block_on(meters(&clients[0], &year, "profile", count))?;
    profile::record("ingest", || stand.client.block_on(ingest(&clients, batches)).map(drop))
}

fn consumption(instrument: &str, start: i64, end: i64) -> Result<wire::ComputeConsumptionRequest, Failed> {
    let period = proto::interval(Timestamp::from_second(start)?, Some(Timestamp::from_second(end)?));
    let instrument = instrument.to_owned();
    Ok(wire::ComputeConsumptionRequest { instrument, period: Some(period), ..Default::default() })
}

/// Years of meters aggregated with their uncertainty by RPC, all cores busy.
pub fn scan(stand: &Stand, plan: Plan) -> Result<Vec<Figure>, Failed> {
    let year = year()?;
    let clients = stand.connections(&cast::exporter(), CONNECTIONS)?;
    let batches = stand.client.block_on(meters(&clients[0], &year, "scan", 50))?;
    let instruments: Vec<String> = batches.iter().map(|batch| batch.instrument.clone()).collect();
    stand.client.block_on(ingest(&clients, batches))?;
    let end = year.start + year.values.len() as i64 * STEP;
    let requests: Arc<Vec<_>> =
        Arc::new(instruments.iter().map(|name| consumption(name, year.start, end)).collect::<Result<_, _>>()?);
    let mut rates = Vec::new();
    for round in 0..=plan.rounds() {
        let requests = requests.clone();
        let rate = drive(&stand.client, &clients, 8, plan.side(), move |client: Client, number| {
            let request = requests[number as usize % requests.len()].clone();
            async move {
                client.metering().compute_consumption(request).await?;
                Ok(())
            }
        })?;
        // The first one warms up.
        if round > 0 {
            rates.push(rate * year.values.len() as f64);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let detail = json!({ "readings_per_s": rates, "cores": cores, "readings_a_call": year.values.len(),
        "note": "a year of one meter a call, over mTLS, callers on the same cores" });
    let value = median(&rates) / cores as f64;
    Ok(vec![Figure::new("scan_readings_per_core_s", value, "1/s", Goal::AtLeast(2e7), detail)])
}

/// One meter's month among few and among many instruments: the service alone over a store in a folder. Both in turn, and
/// after the many have come to rest.
pub fn growth(plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let year = year()?;
    let many = if plan.quick { 20_000 } else { 1_000_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let filled = |count: usize| -> Result<Arc<metering_service::MeteringService>, Failed> {
        let folder = folder.join(format!("meters-{count}"));
        runtime.block_on(async {
            let service = Arc::new(metering_service::MeteringService::new(metering_service::Config {
                store: Arc::new(RocksStore::open(&folder.join("rows"))?),
                blobs: Arc::new(FolderBlobs::open(&folder.join("blobs"))?),
                clock: runtime::system_clock(),
                skew_secs: 300,
                stopping: tokio::sync::watch::channel(false).1,
            }));
            fill(&service, &year, count).await?;
            Ok(service)
        })
    };
    let p50 = |service: &metering_service::MeteringService, count: usize, round: usize| -> Result<f64, Failed> {
        let mut times = Vec::new();
        for query in 0..QUERIES {
            // Meters far from each other, as callers ask about them; others in each round.
            let number = (query + round * QUERIES).wrapping_mul(7_919) % count;
            let name = format!("{}/instruments/m-{number}", site_of(number));
            let request = consumption(&name, year.start, year.start + 31 * 86_400)?;
            let began = Instant::now();
            runtime.block_on(service.compute_consumption(as_exporter(request)))?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(median(&times))
    };
    const FEW: usize = 100;
    let (few, lot) = (filled(FEW)?, filled(many)?);
    if !plan.quick {
        std::thread::sleep(REST);
    }
    let (mut at_few, mut at_many) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds() {
        at_few.push(p50(&few, FEW, round)?);
        at_many.push(p50(&lot, many, round)?);
        eprintln!("  round {}: {:.0} µs at {FEW}, {:.0} µs at {many}", round + 1, at_few[round], at_many[round]);
    }
    let ratios: Vec<f64> = at_many.iter().zip(&at_few).map(|(many, few)| many / few).collect();
    let detail = json!({ "p50_us_at_100": at_few, "p50_us_at_many": at_many, "ratios": ratios, "many": many,
        "note": "a month of 2,976 readings a meter; the goal is for 10^6 instruments, fewer where QUICK says so" });
    Ok(vec![Figure::new("meter_query_growth", median(&ratios), "1", Goal::AtMost(1.3), detail)])
}

fn site_of(number: usize) -> String {
    format!("{ORGANIZATION}/sites/s-{}", number / 500)
}

fn as_exporter<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(cast::exporter());
    request
}

async fn fill(service: &Arc<metering_service::MeteringService>, year: &Year, count: usize) -> Result<(), Failed> {
    let month: Arc<Vec<Option<i64>>> = Arc::new(year.values[..2_976].iter().copied().map(Some).collect());
    let began = Instant::now();
    for part in (0..count).step_by(500) {
        let site = wire::Site { display_name: "x".into(), country: "XA".into(), ..Default::default() };
        let site_id = site_of(part).rsplit('/').next().unwrap_or("s").to_owned();
        let parent = ORGANIZATION.to_owned();
        let request = wire::CreateSiteRequest { parent, site_id, site: Some(site), request_id: new_request_id() };
        service.create_site(as_exporter(request)).await?;
        let tasks: Vec<_> = (part..count.min(part + 500))
            .map(|number| {
                let (service, month) = (service.clone(), month.clone());
                let id = format!("m-{number}");
                let meter = year.meter(&site_of(number), &id)?;
                let mut batch = year.batch(&meter.name, 0)?;
                batch.values = month.to_vec();
                batch.values.rotate_left(number % 2_976);
                Ok(tokio::spawn(async move {
                    let request = wire::CreateInstrumentRequest {
                        parent: site_of(number),
                        instrument_id: id,
                        instrument: Some(words::to_instrument(&meter)),
                        request_id: new_request_id(),
                    };
                    service.create_instrument(as_exporter(request)).await?;
                    let request = wire::RecordReadingsRequest { batch: Some(words::to_reading_batch(&batch)) };
                    service.record_readings(as_exporter(request)).await?;
                    Ok::<_, Failed>(())
                }))
            })
            .collect::<Result<_, Failed>>()?;
        for task in tasks {
            task.await??;
        }
        if part % 50_000 == 0 && part > 0 {
            eprintln!("  {part} of {count} instruments after {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Resident memory of a server of its own process while it takes readings.
pub fn memory(plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let year = year()?;
    let readings = if plan.quick { 10_000_000 } else { 100_000_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut world = World::install(folder, Shape::Together)?;
    let config = std::fs::read_to_string(&world.installation.config)?;
    std::fs::write(&world.installation.config, config + LIMITS)?;
    let processes = Processes::start(&mut world, Shape::Together, Vec::new())?;
    let process = processes.id(Service::Metering).ok_or("no process")?;
    let resident = move || -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let (most, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let watcher = std::thread::spawn({
        let (most, over) = (most.clone(), over.clone());
        move || {
            while over.load(Ordering::Relaxed) == 0 {
                most.fetch_max(resident().unwrap_or(0) as usize, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let began = Instant::now();
    let sent = runtime.block_on(async {
        let clients: Vec<Client> =
            (0..CONNECTIONS).map(|_| world.client(&cast::exporter())).collect::<Result<_, _>>()?;
        let mut sent = 0;
        for round in 0.. {
            if sent >= readings {
                break;
            }
            let batches = meters(&clients[0], &year, &format!("round-{round}"), 100).await?;
            sent += batches.iter().map(|batch| batch.values.len()).sum::<usize>();
            ingest(&clients, batches).await?;
        }
        Ok::<usize, Failed>(sent)
    });
    over.store(1, Ordering::Relaxed);
    watcher.join().map_err(|_| "the watcher panicked")?;
    let sent = sent?;
    drop(processes);
    let mib = most.load(Ordering::Relaxed) as f64 / 1024.0;
    let detail = json!({ "readings": sent, "seconds": began.elapsed().as_secs_f64(),
        "note": "largest VmRSS of the server's process, seen every 50 ms; the goal is for 10^8 readings" });
    Ok(vec![Figure::new("rss_ingest_mib", mib, "MiB", Goal::AtMost(512.0), detail)])
}
