//! The server is killed with SIGKILL at random moments under load. After each restart nothing acknowledged is missing,
//! the log extends every checkpoint ever seen, and a retried request_id gives the first answer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use integration_tests::world::{Shape, World};
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::{metering, registry};
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register};
use record::reading::ReadingBatch;
use runtime::config::Service;
use tlog::checkpoint::Checkpoint;
use tlog::note::SignedNote;
use tlog::tree::MemoryTree;
use touchstone::serve::Addresses;
use touchstone_client::{Client, new_request_id};

/// Kills in one run.
const KILLS: usize = 22;
/// Writers to the log at a time.
const WRITERS: usize = 4;
/// Readings in a batch: several commits of the store, so that a kill can fall between two.
const ROWS: usize = 1_200;

/// The binary beside this test's own: `make test` builds it first.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    let folder = own.parent().and_then(Path::parent).expect("target folder");
    let binary = folder.join("touchstone");
    assert!(binary.exists(), "{} is missing: cargo build --release --workspace --bins", binary.display());
    binary
}

struct Server {
    child: Child,
}

impl Server {
    /// Starts `touchstone serve` and waits until it says where it listens.
    fn start(world: &mut World) -> Self {
        let mut child = Command::new(binary())
            .arg("serve")
            .arg("--data")
            .arg(world.folder.join("data"))
            .arg("--config")
            .arg(&world.installation.config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let address = line.split("gRPC on ").nth(1).and_then(|rest| rest.split(',').next());
        let grpc = address.and_then(|a| a.parse().ok()).unwrap_or_else(|| panic!("no address in {line:?}"));
        let addresses = Addresses { grpc, http: None, internal: None, admin: None };
        for service in Service::ALL {
            world.found_at(service, addresses);
        }
        Server { child }
    }

    fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Server {
    /// A failed assertion leaves no server behind.
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A request to the log and what came of it.
#[derive(Clone)]
struct Sent {
    request: registry::RegisterStatementRequest,
    leaf: Option<u64>,
}

/// Everything that was promised.
#[derive(Default)]
struct Promises {
    /// By request id.
    statements: BTreeMap<String, Sent>,
    /// Site creation: request and the answer, once acknowledged.
    sites: BTreeMap<String, (metering::CreateSiteRequest, Option<metering::Site>)>,
    /// Start second of acknowledged batches.
    batches: Vec<i64>,
    /// Start second of a batch that was sent and not answered.
    open_batch: Option<i64>,
    /// Checkpoints seen.
    checkpoints: Vec<Checkpoint>,
}

/// A small generator: moments of killing need no quality, only variety, and the seed is printed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const INSTRUMENT: &str = "organizations/cement-bubble/sites/load/instruments/meter";

fn batch(start: i64) -> ReadingBatch {
    ReadingBatch {
        instrument: INSTRUMENT.into(),
        unit: "kWh".parse().expect("unit"),
        resolution: "0.1".parse().expect("decimal"),
        start: Timestamp::from_second(start).expect("time"),
        step_secs: 900,
        values: (0..ROWS as i64).map(|row| Some((start / 900 + row) % 1_000)).collect(),
    }
}

async fn prepare(world: &World) {
    story::lay_ground(world).await.expect("ground");
    let exporter = world.client(&cast::exporter()).expect("client");
    story::create_site(&exporter, "organizations/cement-bubble/sites/load", "Load").await.expect("site");
    let instrument = Instrument {
        name: INSTRUMENT.into(),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "1".into(),
        measurand: Measurand::ElectricityImport,
        unit: "kWh".parse().expect("unit"),
        register: Register::Interval { maximum: 1_000_000 },
        resolution: "0.1".parse().expect("decimal"),
        max_permissible_error_percent: None,
        placed: Placement { start: Timestamp::UNIX_EPOCH, end: None },
    };
    story::create_instrument(&exporter, "organizations/cement-bubble/sites/load", &instrument, &[])
        .await
        .expect("instrument");
}

/// Registers accreditations, each of its own, until the server is gone.
async fn write_log(world: Arc<World>, client: Client, promises: Arc<Mutex<Promises>>, counter: Arc<AtomicU64>) {
    loop {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::now() - SignedDuration::from_secs(5);
        let statement =
            story::accreditation(&world, &format!("load-{number}"), &["2523"], now).expect("a signed statement");
        let request = registry::RegisterStatementRequest { statement, request_id: new_request_id() };
        let sent = Sent { request: request.clone(), leaf: None };
        promises.lock().expect("lock").statements.insert(request.request_id.clone(), sent);
        match client.registry().register_statement(request.clone()).await {
            Ok(entry) => {
                let leaf = entry.into_inner().index;
                let mut promises = promises.lock().expect("lock");
                promises.statements.get_mut(&request.request_id).expect("just inserted").leaf = Some(leaf);
            }
            Err(status) => {
                assert_ne!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
                return;
            }
        }
    }
}

/// Creates sites and sends readings until the server is gone.
async fn write_evidence(client: Client, promises: Arc<Mutex<Promises>>, counter: Arc<AtomicU64>) {
    loop {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let request = metering::CreateSiteRequest {
            parent: "organizations/cement-bubble".into(),
            site_id: format!("s{number}"),
            site: Some(metering::Site {
                display_name: "x".into(),
                country: cast::COUNTRY.into(),
                ..metering::Site::default()
            }),
            request_id: new_request_id(),
        };
        promises.lock().expect("lock").sites.insert(request.request_id.clone(), (request.clone(), None));
        let Ok(answer) = client.metering().create_site(request.clone()).await else { return };
        promises.lock().expect("lock").sites.insert(request.request_id.clone(), (request, Some(answer.into_inner())));
        let start = number as i64 * ROWS as i64 * 900;
        promises.lock().expect("lock").open_batch = Some(start);
        let Ok(reports) = story::send_readings(&client, vec![batch(start)]).await else { return };
        assert_eq!(reports[0].accepted as usize, ROWS, "{reports:?}");
        let mut promises = promises.lock().expect("lock");
        promises.open_batch = None;
        promises.batches.push(start);
    }
}

async fn watch(client: Client, promises: Arc<Mutex<Promises>>) {
    while let Ok(answer) = client.registry().get_checkpoint(registry::GetCheckpointRequest {}).await {
        remember(&promises, &answer.into_inner().checkpoint);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn remember(promises: &Mutex<Promises>, note: &[u8]) {
    let note = SignedNote::parse(note).expect("a signed note");
    let checkpoint = Checkpoint::parse(note.text()).expect("a checkpoint");
    let mut promises = promises.lock().expect("lock");
    if promises.checkpoints.last() != Some(&checkpoint) {
        promises.checkpoints.push(checkpoint);
    }
}

async fn entries(client: &Client) -> Vec<Vec<u8>> {
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            registry::ListEntriesRequest { page_size: 1_000, page_token, start_index: 0, media_type: String::new() };
        let page = client.registry().list_entries(request).await.expect("a page").into_inner();
        entries.extend(page.entries.into_iter().map(|entry| entry.statement));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

async fn readings(client: &Client, start: i64) -> usize {
    let (mut kept, mut page_token) = (0, String::new());
    let at = |second: i64| Some(prost_types::Timestamp { seconds: second, nanos: 0 });
    loop {
        let request = metering::ListReadingsRequest {
            parent: INSTRUMENT.into(),
            page_size: 1_000,
            page_token,
            period: Some(proto::google::r#type::Interval {
                start_time: at(start),
                end_time: at(start + ROWS as i64 * 900),
            }),
        };
        let page = client.metering().list_readings(request).await.expect("a page").into_inner();
        kept += page.readings.len();
        assert!(page.readings.iter().all(|reading| reading.revision == 0), "a retry made a revision");
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return kept;
        }
    }
}

/// What must hold after every restart. `checked` readings batches were looked at in earlier rounds already.
async fn check(world: &World, promises: &Mutex<Promises>, checked: usize) {
    let accreditor = world.client(&cast::accreditor()).expect("client");
    let exporter = world.client(&cast::exporter()).expect("client");
    let snapshot: Vec<Sent> = promises.lock().expect("lock").statements.values().cloned().collect();
    let held = entries(&accreditor).await;

    // Nothing acknowledged is missing, and it is where it was said to be.
    for sent in snapshot.iter().filter(|sent| sent.leaf.is_some()) {
        let leaf = sent.leaf.expect("acknowledged") as usize;
        assert_eq!(held.get(leaf), Some(&sent.request.statement), "leaf {leaf}");
    }
    // The log extends every checkpoint ever seen.
    let mut tree = MemoryTree::new();
    for entry in &held {
        tree.push(tlog::leaf_hash(entry));
    }
    for checkpoint in &promises.lock().expect("lock").checkpoints {
        assert_eq!(tree.root(checkpoint.size).expect("held"), checkpoint.root, "size {}", checkpoint.size);
    }
    // A retried request_id gives the first answer; what was not answered gets one answer now, and one leaf.
    let open = snapshot.iter().filter(|sent| sent.leaf.is_none());
    for sent in open.chain(snapshot.iter().filter(|sent| sent.leaf.is_some()).rev().take(3)) {
        let answer =
            accreditor.registry().register_statement(sent.request.clone()).await.expect("a retry").into_inner();
        if let Some(leaf) = sent.leaf {
            assert_eq!(answer.index, leaf, "a retry was given another leaf");
        }
        let again = accreditor.registry().register_statement(sent.request.clone()).await.expect("again").into_inner();
        assert_eq!(again, answer);
        let mut promises = promises.lock().expect("lock");
        promises.statements.get_mut(&sent.request.request_id).expect("known").leaf = Some(answer.index);
    }
    let held = entries(&accreditor).await;
    for sent in promises.lock().expect("lock").statements.values() {
        let leaves = held.iter().filter(|entry| **entry == sent.request.statement).count();
        assert_eq!(leaves, 1, "a statement has {leaves} leaves");
    }
    // Sites: the same.
    let sites: Vec<_> = promises.lock().expect("lock").sites.values().cloned().collect();
    for (request, answer) in sites {
        let now = exporter.metering().create_site(request.clone()).await.expect("a retry").into_inner();
        if let Some(first) = answer {
            assert_eq!(now, first, "a retry was given another answer");
        }
        promises.lock().expect("lock").sites.insert(request.request_id.clone(), (request, Some(now)));
    }
    // Readings: every acknowledged batch is whole; the one in flight is sent again and becomes whole.
    let (batches, open) = {
        let promises = promises.lock().expect("lock");
        (promises.batches.clone(), promises.open_batch)
    };
    for start in &batches[checked..] {
        assert_eq!(readings(&exporter, *start).await, ROWS, "batch of {start}");
    }
    if let Some(start) = open {
        let reports = story::send_readings(&exporter, vec![batch(start)]).await.expect("sent again");
        assert_eq!((reports[0].accepted + reports[0].duplicate) as usize, ROWS, "{reports:?}");
        assert_eq!(readings(&exporter, start).await, ROWS);
        let mut promises = promises.lock().expect("lock");
        promises.open_batch = None;
        promises.batches.push(start);
    }
    let answer = accreditor.registry().get_checkpoint(registry::GetCheckpointRequest {}).await.expect("a checkpoint");
    remember(promises, &answer.into_inner().checkpoint);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let _entered = runtime.enter();
    let folder = tempfile::tempdir().expect("folder");
    let mut world = World::install(folder.path(), Shape::Together).expect("installation");
    let seed = u64::from(std::process::id()) << 32 | u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs()) | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let promises = Arc::new(Mutex::new(Promises::default()));
    // Numbers of statements, and of sites and batches: the batches follow one another from 1970 on.
    let (statements, batches) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));

    let mut server = Server::start(&mut world);
    runtime.block_on(prepare(&world));
    let mut world = Arc::new(world);
    for round in 0..KILLS {
        let checked = promises.lock().expect("lock").batches.len();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let client = world.client(&cast::accreditor()).expect("client");
            writers.push(runtime.spawn(write_log(world.clone(), client, promises.clone(), statements.clone())));
        }
        let exporter = world.client(&cast::exporter()).expect("client");
        writers.push(runtime.spawn(write_evidence(exporter, promises.clone(), batches.clone())));
        let observer = world.client(&cast::regulator()).expect("client");
        writers.push(runtime.spawn(watch(observer, promises.clone())));

        let moment = Duration::from_millis(20 + random.below(400));
        runtime.block_on(async { tokio::time::sleep(moment).await });
        server.kill();
        for writer in writers {
            runtime.block_on(writer).expect("a writer saw only refusals of a server that is gone");
        }
        let open = Arc::get_mut(&mut world).expect("the writers are gone");
        server = Server::start(open);
        runtime.block_on(check(&world, &promises, checked));
        let promises = promises.lock().expect("lock");
        println!(
            "round {round}: killed after {moment:?}; {} statements, {} sites, {} batches, {} checkpoints",
            promises.statements.len(),
            promises.sites.len(),
            promises.batches.len(),
            promises.checkpoints.len()
        );
    }
    server.kill();
    let promises = promises.lock().expect("lock");
    assert!(promises.statements.len() > KILLS && promises.batches.len() > 1, "there was no load");
}
