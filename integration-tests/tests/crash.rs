//! A process is killed with SIGKILL at random moments under load: the one that runs everything, or any one of several.
//! After each restart nothing acknowledged is missing, the log extends every checkpoint ever seen, and a retried
//! request_id gives the first answer. While one of several is away, the others say so and when to come back, and go on by
//! themselves once it is there again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use integration_tests::processes::Processes;
use integration_tests::story::Registered;
use integration_tests::world::{Shape, World};
use integration_tests::{cast, cement, story};
use jiff::{SignedDuration, Timestamp};
use proto::{metering, registry};
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register};
use record::reading::ReadingBatch;
use runtime::config::Service;
use tlog::checkpoint::Checkpoint;
use tlog::note::SignedNote;
use tlog::tree::MemoryTree;
use tonic::Code;
use touchstone_client::{Client, ClientError, new_request_id};

/// Kills of the one process in one run.
const KILLS: usize = 22;
/// Kills of each of several in one run.
const KILLS_OF_EACH: usize = 2;
/// Longest until the others work again with one that came back.
const RECOVERY: Duration = Duration::from_secs(20);
/// Writers to the log at a time.
const WRITERS: usize = 4;
/// Readings in a batch: several commits of the store, so that a kill can fall between two.
const ROWS: usize = 1_200;

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

/// What every writer shares.
#[derive(Clone)]
struct Load {
    world: Arc<World>,
    promises: Arc<Mutex<Promises>>,
    over: Arc<AtomicBool>,
}

const INSTRUMENT: &str = "organizations/cement-bubble/sites/load/instruments/meter";

fn batch(start: i64) -> ReadingBatch {
    ReadingBatch {
        instrument: INSTRUMENT.into(),
        unit: "kWh".parse().expect("unit"),
        resolution: "0.1".parse().expect("decimal"),
        start: Timestamp::from_second(start).expect("time"),
        step_secs: 900,
        deltas: Vec::new(),
        signature: Vec::new(),
        restate: false,
        values: (0..ROWS as i64).map(|row| Some((start / 900 + row) % 1_000)).collect(),
    }
}

async fn prepare(world: &World) -> Registered {
    let ground = story::lay_ground(world).await.expect("ground");
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
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: None,
        placements: vec![Placement { location: "incoming supply".into(), start: Timestamp::UNIX_EPOCH, end: None }],
        replaces: None,
        signing_key: None,
    };
    story::create_instrument(&exporter, "organizations/cement-bubble/sites/load", &instrument, &[])
        .await
        .expect("instrument");
    ground.accreditation
}

/// Registers accreditations, each of its own, until the server is gone or `over`.
async fn write_log(load: Load, client: Client, counter: Arc<AtomicU64>) {
    let Load { world, promises, over } = load;
    while !over.load(Ordering::Relaxed) {
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
                assert_ne!(status.code(), Code::InvalidArgument, "{status:?}");
                return;
            }
        }
    }
}

/// Creates sites and sends readings until the server is gone or `over`.
async fn write_evidence(load: Load, client: Client, counter: Arc<AtomicU64>) {
    let Load { promises, over, .. } = load;
    while !over.load(Ordering::Relaxed) {
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

/// Looks at checkpoints until the server is gone or `over`.
async fn watch(load: Load, client: Client) {
    while let Ok(answer) = client.registry().get_checkpoint(registry::GetCheckpointRequest {}).await {
        if load.over.load(Ordering::Relaxed) {
            return;
        }
        remember(&load.promises, &answer.into_inner().checkpoint);
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

/// An installation in processes of its own, and everything that was promised by it.
struct Trial {
    runtime: tokio::runtime::Runtime,
    world: Arc<World>,
    /// Of the certification body.
    accreditation: Registered,
    processes: Processes,
    promises: Arc<Mutex<Promises>>,
    random: Random,
    /// Numbers of statements, and of sites and batches: the batches follow one another from 1970 on.
    counters: (Arc<AtomicU64>, Arc<AtomicU64>),
    _folder: tempfile::TempDir,
}

impl Trial {
    fn begin(shape: Shape) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("runtime");
        let folder = tempfile::tempdir().expect("folder");
        let mut world = World::install(folder.path(), shape).expect("installation");
        let seed =
            u64::from(std::process::id()) << 32 | u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs()) | 1;
        println!("seed {seed}");
        let processes = Processes::start(&mut world, shape, Vec::new()).expect("processes");
        let accreditation = {
            let _entered = runtime.enter();
            runtime.block_on(prepare(&world))
        };
        Trial {
            runtime,
            world: Arc::new(world),
            accreditation,
            processes,
            promises: Arc::default(),
            random: Random(seed),
            counters: Default::default(),
            _folder: folder,
        }
    }

    /// Puts the installation under load, kills the process of `service` meanwhile, looks at what the others say, starts
    /// it again, and holds everything to what was promised.
    fn round(&mut self, service: Service, while_away: impl FnOnce(&tokio::runtime::Runtime, &World)) {
        let _entered = self.runtime.enter();
        let checked = self.promises.lock().expect("lock").batches.len();
        let over = Arc::new(AtomicBool::new(false));
        let load = Load { world: self.world.clone(), promises: self.promises.clone(), over: over.clone() };
        let (statements, batches) = self.counters.clone();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let client = self.world.client(&cast::accreditor()).expect("client");
            writers.push(self.runtime.spawn(write_log(load.clone(), client, statements.clone())));
        }
        let exporter = self.world.client(&cast::exporter()).expect("client");
        writers.push(self.runtime.spawn(write_evidence(load.clone(), exporter, batches)));
        let observer = self.world.client(&cast::regulator()).expect("client");
        writers.push(self.runtime.spawn(watch(load, observer)));

        let moment = Duration::from_millis(20 + self.random.below(400));
        self.runtime.block_on(async { tokio::time::sleep(moment).await });
        self.processes.kill(service).expect("it ran");
        while_away(&self.runtime, &self.world);
        over.store(true, Ordering::Relaxed);
        for writer in writers {
            self.runtime.block_on(writer).expect("a writer saw only refusals of a server that is gone");
        }
        let open = Arc::get_mut(&mut self.world).expect("the writers are gone");
        self.processes.restart(open, service).expect("it starts again");
        self.runtime.block_on(check(&self.world, &self.promises, checked));
        let promises = self.promises.lock().expect("lock");
        println!(
            "{} killed after {moment:?}; {} statements, {} sites, {} batches, {} checkpoints",
            service.word(),
            promises.statements.len(),
            promises.sites.len(),
            promises.batches.len(),
            promises.checkpoints.len()
        );
    }

    fn end(self) {
        let promises = self.promises.lock().expect("lock");
        assert!(promises.statements.len() > KILLS && promises.batches.len() > 1, "there was no load");
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let mut trial = Trial::begin(Shape::Together);
    for _ in 0..KILLS {
        trial.round(Service::Registry, |_, _| ());
    }
    trial.end();
}

/// A call in the world.
type Call = Box<dyn Fn(&tokio::runtime::Runtime, &World) -> Result<(), ClientError>>;

/// A call that needs a service other than the one called.
struct Dependent {
    needs: Service,
    what: &'static str,
    call: Call,
}

/// What must be there for the dependent calls: a certificate in the log, and another one that is signed.
fn dependents(trial: &Trial) -> Vec<Dependent> {
    let (runtime, world) = (&trial.runtime, trial.world.clone());
    let (organization, site) = ("cement-bubble", "cement-works");
    let plant = cement::plant_toml(organization, site);
    let _entered = runtime.enter();
    let (footprint, statement) = runtime.block_on(async {
        let cement = cement::generate(organization, site);
        let exporter = world.client(&cast::exporter()).expect("client");
        story::send_evidence(&exporter, &cement).await.expect("evidence");
        let (footprint, statement) = story::compute(&exporter, &cement.site, "year", &plant).await.expect("computed");
        (footprint.name, statement)
    });
    let class = statement.product.cn_code.clone();
    let signed = |number: &str| {
        let certificate = story::certificate(&world, number, ("ea-0001", &trial.accreditation), &statement, &class)
            .expect("a certificate");
        story::signer(&world.cast.certification_body).sign_certificate(&certificate).expect("signed")
    };
    let first = signed("first");
    runtime.block_on(async {
        let decider = world.client(&cast::decider()).expect("client");
        story::register(&decider, first).await.expect("registered");
    });
    // A new one each time: what is registered already needs nobody.
    let entries: Vec<Vec<u8>> = (0..50).map(|number| signed(&format!("next-{number}"))).collect();
    let next = AtomicU64::new(0);
    let ids = AtomicU64::new(0);
    vec![
        Dependent {
            needs: Service::Metering,
            what: "a footprint from evidence",
            call: Box::new(move |runtime, world| {
                let client = world.client(&cast::exporter()).expect("client");
                let id = format!("again-{}", ids.fetch_add(1, Ordering::Relaxed));
                let request = proto::footprint::ComputeFootprintRequest {
                    parent: format!("organizations/{organization}/sites/{site}"),
                    footprint_id: id,
                    plant_toml: plant.clone(),
                    request_id: new_request_id(),
                    ..Default::default()
                };
                runtime.block_on(async { Ok(client.footprint().compute_footprint(request).await.map(drop)?) })
            }),
        },
        Dependent {
            needs: Service::Footprint,
            what: "a certificate that rests on a footprint",
            call: Box::new(move |runtime, world| {
                let client = world.client(&cast::decider()).expect("client");
                let entry = entries[next.fetch_add(1, Ordering::Relaxed) as usize].clone();
                runtime.block_on(async { story::register(&client, entry).await.map(drop) })
            }),
        },
        Dependent {
            needs: Service::Footprint,
            what: "an application",
            call: Box::new(move |runtime, world| {
                let client = world.client(&cast::exporter()).expect("client");
                let id = format!("a{}", &new_request_id()[..8]);
                runtime.block_on(async { story::apply(&client, &footprint, &id).await.map(drop) })
            }),
        },
        Dependent {
            needs: Service::Registry,
            what: "a verdict",
            call: Box::new(|runtime, world| {
                let client = world.client(&cast::regulator()).expect("client");
                runtime.block_on(async { story::verify_online(&client, "first", 0).await.map(drop) })
            }),
        },
    ]
}

/// Unavailable, with the peer's name and the time to come back.
#[track_caller]
fn says_who_is_away(answer: Result<(), ClientError>, away: Service, what: &str) {
    let Err(ClientError::Refused { code, reason, message, metadata, retry_after, .. }) = answer else {
        panic!("{what} without {}: {answer:?}", away.word());
    };
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"), "{what}: {message}");
    assert!(metadata.contains(&("peer".to_owned(), away.word().to_owned())), "{what}: {metadata:?}");
    assert!(retry_after.is_some(), "{what}: when to come back");
}

#[test]
fn any_one_of_several_processes_may_be_killed() {
    let mut trial = Trial::begin(Shape::Apart);
    let dependents = dependents(&trial);
    let all_work = |runtime: &tokio::runtime::Runtime, world: &World| {
        let _entered = runtime.enter();
        for Dependent { what, call, .. } in &dependents {
            let began = Instant::now();
            while let Err(error) = call(runtime, world) {
                assert!(began.elapsed() < RECOVERY, "{what} still does not work: {error}");
                runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
            }
        }
    };
    all_work(&trial.runtime, &trial.world);
    for round in 0..KILLS_OF_EACH * 5 {
        let services =
            [Service::Metering, Service::Footprint, Service::Registry, Service::Certification, Service::Verification];
        let killed = services[round % services.len()];
        trial.round(killed, |runtime, world| {
            for Dependent { needs, what, call } in &dependents {
                let own = match *what {
                    "a footprint from evidence" => Service::Footprint,
                    "an application" => Service::Certification,
                    "a verdict" => Service::Verification,
                    _ => Service::Registry,
                };
                if *needs == killed {
                    says_who_is_away(call(runtime, world), killed, what);
                } else if own != killed && !(killed == Service::Metering && own == Service::Certification) {
                    call(runtime, world).unwrap_or_else(|error| panic!("{what} needs no {}: {error}", killed.word()));
                }
            }
        });
        all_work(&trial.runtime, &trial.world);
    }
    trial.end();
}
