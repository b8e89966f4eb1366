//! `proof_growth`, `rss_registry_mib` and `audit_entries_per_core_s`: a log of many entries, grown through the public door.
//!
//! A tenth of the entries are certificates, the others status events about them: a certificate has 4.5 KB and would be
//! kept twice, as a row and in its bundle of entries. `ENTRIES=n` grows a log of another size, and says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use integration_tests::cast::BASE;
use integration_tests::processes::{Processes, program};
use integration_tests::world::{Shape, World};
use integration_tests::{cast, cement, story};
use jiff::Timestamp;
use proto::registry::register_statements_response::Outcome;
use proto::registry::{GetBundleRequest, GetLogIdentityRequest, RegisterStatementsRequest};
use record::certificate::Certificate;
use record::status::{GoodsRule, State, StatusEvent};
use record::{json, media};
use runtime::config::Service;
use serde_json::json;
use tokio::runtime::Runtime;
use touchstone_client::{Client, new_request_id};

use crate::Failed;
use crate::frame::{Figure, Goal, Plan, median};
use crate::stand::LIMITS;

/// Entries of the small log.
const FEW: u64 = 10_000;
/// Events about each certificate.
const EVENTS: u64 = 9;
/// Streams that register.
const STREAMS: usize = 4;
/// Certificates signed at a time: what memory the generator needs, not the registry.
const SIGNED: usize = 2_000;
/// Bundles asked for at each size.
const QUERIES: usize = 4_000;

/// Size of the large log, and whether it is the one that the goals are for.
fn many(plan: Plan) -> Result<(u64, bool), Failed> {
    match std::env::var("ENTRIES") {
        Ok(text) => Ok((text.parse::<u64>().map_err(|error| format!("ENTRIES: {error}"))?.max(2 * FEW), false)),
        Err(_) if plan.quick => Ok((50_000, false)),
        Err(_) => Ok((10_000_000, true)),
    }
}

/// What grows the log.
struct Generator {
    world: World,
    processes: Processes,
    runtime: Runtime,
    accreditation: story::Registered,
    statement: record::footprint::FootprintStatement,
    clients: Vec<Client>,
    size: u64,
    certificates: u64,
}

impl Generator {
    fn set_up(folder: &Path) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut world = World::install(folder, Shape::Together)?;
        let config = std::fs::read_to_string(&world.installation.config)?;
        std::fs::write(&world.installation.config, config + LIMITS)?;
        let processes = Processes::start(&mut world, Shape::Together, Vec::new())?;
        let (ground, statement) = runtime.block_on(async {
            let ground = story::lay_ground(&world).await?;
            let cement = cement::generate("cement-bubble", "cement-works");
            let plant = cement::plant_toml("cement-bubble", "cement-works");
            let exporter = world.client(&cast::exporter())?;
            story::send_evidence(&exporter, &cement).await?;
            Ok::<_, Failed>((ground, story::compute(&exporter, &cement.site, "year", &plant).await?.1))
        })?;
        let clients = runtime.block_on(async {
            (0..STREAMS).map(|_| Ok(world.client(&cast::decider())?)).collect::<Result<Vec<_>, Failed>>()
        })?;
        let accreditation = ground.accreditation;
        Ok(Generator { world, processes, runtime, accreditation, statement, clients, size: 0, certificates: 0 })
    }

    fn number(place: u64) -> String {
        format!("grown-{place}")
    }

    /// Signed statements of the next certificates, then of the first event about each, of the second, and so on.
    fn next(&self, count: usize) -> Result<Vec<Vec<Vec<u8>>>, Failed> {
        let class = self.statement.product.cn_code.clone();
        let signer = story::signer(&self.world.cast.certification_body);
        let effective = Timestamp::from_second(Timestamp::now().as_second())?;
        let mut rounds = vec![Vec::with_capacity(count); 1 + EVENTS as usize];
        for place in 0..count as u64 {
            let number = Self::number(self.certificates + place);
            let named = ("ea-0001", &self.accreditation);
            let certificate: Certificate = story::certificate(&self.world, &number, named, &self.statement, &class)?;
            let subject = certificate.credential_subject.id.clone();
            rounds[0].push(signer.sign_certificate(&certificate)?);
            for (event, round) in (1..).zip(&mut rounds[1..]) {
                let event = StatusEvent {
                    id: format!("{BASE}/events/{number}-{event}"),
                    issuer: self.world.cast.certification_body.did.into(),
                    subject: subject.clone(),
                    state: if event % 2 == 1 { State::Suspended } else { State::Active },
                    effective,
                    reason: "grown".into(),
                    goods_rule: GoodsRule::GoodsBeforeStay,
                };
                round.push(signer.sign(media::STATUS_EVENT, &subject, &json::write(&event))?);
            }
        }
        Ok(rounds)
    }

    /// Registers statements that do not rest on each other: what comes on a stream is judged in groups.
    fn register(&mut self, statements: Vec<Vec<u8>>) -> Result<(), Failed> {
        let (statements, next) = (Arc::new(statements), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = self
            .clients
            .iter()
            .map(|client| {
                let (client, statements, next) = (client.clone(), statements.clone(), next.clone());
                self.runtime.spawn(async move {
                    let requests = std::iter::from_fn(move || {
                        let statement = statements.get(next.fetch_add(1, Ordering::Relaxed))?.clone();
                        Some(RegisterStatementsRequest { statement, request_id: new_request_id() })
                    });
                    let answers = client.registry().register_statements(tokio_stream::iter(requests)).await?;
                    let (mut answers, mut registered) = (answers.into_inner(), 0);
                    while let Some(answer) = answers.message().await? {
                        match answer.outcome {
                            Some(Outcome::Entry(_)) => registered += 1,
                            other => return Err(format!("not registered: {other:?}").into()),
                        }
                    }
                    Ok::<u64, Failed>(registered)
                })
            })
            .collect();
        for task in tasks {
            self.size += self.runtime.block_on(task)??;
        }
        Ok(())
    }

    /// Grows the log to about this size; entries a second.
    fn grow(&mut self, wanted: u64) -> Result<f64, Failed> {
        let began = Instant::now();
        let (before, mut said) = (self.size, Instant::now());
        while self.size < wanted {
            let left = (wanted - self.size).div_ceil(1 + EVENTS);
            let count = usize::try_from(left)?.min(SIGNED);
            for statements in self.next(count)? {
                self.register(statements)?;
            }
            self.certificates += count as u64;
            if said.elapsed() > Duration::from_secs(30) {
                said = Instant::now();
                eprintln!("  {} of {wanted} entries after {:.0} s", self.size, began.elapsed().as_secs_f64());
            }
        }
        Ok((self.size - before) as f64 / began.elapsed().as_secs_f64())
    }

    /// Median time of a bundle: entry, inclusion, status and its epoch, by certificate number; microseconds.
    fn bundle_us(&self) -> Result<f64, Failed> {
        let mut times = Vec::new();
        for query in 0..QUERIES as u64 {
            // Certificates far from each other.
            let place = query.wrapping_mul(7_919) % self.certificates;
            let request = GetBundleRequest {
                name: format!("certificates/{}", Self::number(place)),
                arrangement: story::ARRANGEMENT.into(),
                max_wait: None,
                min_size: 0,
            };
            let mut registry = self.clients[0].registry();
            let began = Instant::now();
            self.runtime.block_on(registry.get_bundle(request))?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(median(&times))
    }

    /// Waits until an epoch covers everything.
    fn settle(&self) -> Result<(), Failed> {
        let (size, number) = (self.size, Self::number(self.certificates - 1));
        self.runtime.block_on(async {
            let began = Instant::now();
            loop {
                match story::bundle(&self.clients[0], &number, size).await {
                    Ok(_) => return Ok(()),
                    Err(error) if began.elapsed() > Duration::from_secs(300) => return Err(error.into()),
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        })
    }

    fn resident_mib(&self) -> Result<f64, Failed> {
        let process = self.processes.id(Service::Registry).ok_or("no process")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// A policy that trusts the log's own key and no witness.
    fn policy(&self, folder: &Path) -> Result<PathBuf, Failed> {
        let identity = self.clients[0].registry();
        let mut registry = identity;
        let identity = self.runtime.block_on(registry.get_log_identity(GetLogIdentityRequest {}))?.into_inner();
        let path = folder.join("log.policy");
        std::fs::write(&path, format!("log {}\nquorum none\n", identity.note_key))?;
        Ok(path)
    }
}

/// Processor time of the children that ended, in seconds.
fn children_cpu_s() -> Result<f64, Failed> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split_whitespace().collect();
    // proc(5): cutime and cstime are fields 16 and 17, in ticks of 1/100 s; what follows the name begins with field 3.
    let ticks = |field: usize| -> Result<f64, Failed> { Ok(fields.get(field - 3).ok_or("no field")?.parse::<f64>()?) };
    Ok((ticks(16)? + ticks(17)?) / 100.0)
}

/// Measures all three.
pub fn measure(plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let (many, is_goal) = many(plan)?;
    let mut log = Generator::set_up(folder)?;
    log.grow(FEW)?;
    log.settle()?;
    // Once for the connections, once for the figure.
    log.bundle_us()?;
    let few_us = log.bundle_us()?;
    let few_mib = log.resident_mib()?;
    let per_s = log.grow(many)?;
    log.settle()?;
    log.bundle_us()?;
    let many_us = log.bundle_us()?;
    let many_mib = log.resident_mib()?;
    let size = if is_goal { "of the goal" } else { "smaller than the goal's 10^7" };
    let detail = json!({ "p50_us_few": few_us, "p50_us_many": many_us, "few": FEW, "many": log.size, "size": size,
        "certificates": log.certificates, "grown_per_s": per_s,
        "note": "GetBundle by certificate number over mTLS: lookup, entry, inclusion proof, status proof, epoch" });
    let growth = Figure::new("proof_growth", many_us / few_us, "1", Goal::AtMost(1.3), detail);
    let detail = json!({ "mib_few": few_mib, "few": FEW, "many": log.size, "size": size,
        "bytes_an_entry": (many_mib - few_mib) * 1024.0 * 1024.0 / (log.size - FEW) as f64,
        "note": "VmRSS of one process with all services, after bundles were read" });
    let memory = Figure::new("rss_registry_mib", many_mib, "MiB", Goal::AtMost(1_024.0), detail);
    // The audit of root and tiles, without statements and their signatures.
    let policy = log.policy(folder)?;
    let http = log.world.http();
    let touchctl = program("touchctl")?;
    let mut rates = Vec::new();
    for _ in 0..if plan.quick { 1 } else { 3 } {
        let mut command = Command::new(&touchctl);
        command.args(["log", "audit", &format!("http://{http}"), "--tree-only", "--policy"]).arg(&policy);
        let before = children_cpu_s()?;
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(format!("the audit: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        rates.push(log.size as f64 / (children_cpu_s()? - before));
    }
    let detail = json!({ "rates": rates, "entries": log.size,
        "note": "touchctl log audit --tree-only over HTTP, from its start to its end, by processor time of its own" });
    let audit = Figure::new("audit_entries_per_core_s", median(&rates), "1/s", Goal::AtLeast(50_000.0), detail);
    Ok(vec![growth, audit, memory])
}
