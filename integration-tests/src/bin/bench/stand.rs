//! What is measured on: an installation with its servers on threads of their own, callers on others, and a certificate
//! that everything up to it has really happened for.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use integration_tests::story::{self, Ground, Registered};
use integration_tests::world::{Shape, World};
use integration_tests::{cast, cement};
use record::footprint::FootprintStatement;
use runtime::Caller;
use tokio::runtime::Runtime;
use touchstone_client::Client;

use crate::Failed;

/// Organisation and site of the exporter.
const ORGANIZATION: &str = "cement-bubble";
const SITE: &str = "cement-works";
/// What the limits must not be in a measurement of speed: its only caller would meet them.
pub const LIMITS: &str = "\n[limits]\ncalls_per_second = 10000000\nburst = 10000000\nin_progress = 4096\n";

/// The stand.
pub struct Stand {
    /// Where the servers run.
    pub server: Runtime,
    /// Where the callers run.
    pub client: Runtime,
    /// The installation.
    pub world: World,
    ground: Ground,
    statement: FootprintStatement,
    numbers: AtomicU64,
}

/// Threads of this name serve: what a profile of the server keeps.
pub const SERVER: &str = "server";
/// Threads of this name call.
pub const CLIENT: &str = "caller";

fn runtime(name: &str) -> Result<Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name(name).build()?)
}

impl Stand {
    /// Installs, starts, and lets everything happen up to the decision.
    pub fn set_up(folder: &Path) -> Result<Self, Failed> {
        let (server, client) = (runtime(SERVER)?, runtime(CLIENT)?);
        let mut world = World::install(folder, Shape::Together)?;
        let config = std::fs::read_to_string(&world.installation.config)?;
        std::fs::write(&world.installation.config, config + LIMITS)?;
        server.block_on(world.resume())?;
        let (ground, statement) = client.block_on(async {
            let ground = story::lay_ground(&world).await?;
            let cement = cement::generate(ORGANIZATION, SITE);
            let plant = cement::plant_toml(ORGANIZATION, SITE);
            let exporter = world.client(&cast::exporter())?;
            story::send_evidence(&exporter, &cement).await?;
            let (_, statement) = story::compute(&exporter, &cement.site, "year", &plant).await?;
            Ok::<_, Failed>((ground, statement))
        })?;
        Ok(Stand { server, client, world, ground, statement, numbers: AtomicU64::new(0) })
    }

    /// Connections of one caller.
    pub fn connections(&self, caller: &Caller, count: usize) -> Result<Vec<Client>, Failed> {
        let _entered = self.client.enter();
        (0..count).map(|_| Ok(self.world.client(caller)?)).collect()
    }

    /// New signed certificates, each of its own number, not yet registered.
    pub fn certificates(&self, count: usize) -> Result<Vec<(String, Vec<u8>)>, Failed> {
        let class = self.statement.product.cn_code.clone();
        let named = ("ea-0001", &self.ground.accreditation);
        let signer = story::signer(&self.world.cast.certification_body);
        (0..count)
            .map(|_| {
                let number = format!("bench-{}", self.numbers.fetch_add(1, Ordering::Relaxed));
                let certificate = story::certificate(&self.world, &number, named, &self.statement, &class)?;
                Ok((number, signer.sign_certificate(&certificate)?))
            })
            .collect()
    }

    /// Registers certificates; the leaf of the last one.
    pub fn register(&self, certificates: Vec<(String, Vec<u8>)>) -> Result<u64, Failed> {
        let clients = self.connections(&cast::decider(), 1)?;
        let mut last = 0;
        for part in certificates.chunks(64) {
            let entries = part.iter().map(|(_, entry)| {
                let (client, entry) = (clients[0].clone(), entry.clone());
                self.client.spawn(async move { story::register(&client, entry).await })
            });
            for answer in entries.collect::<Vec<_>>() {
                let Registered { index, .. } = self.client.block_on(answer)??;
                last = last.max(index);
            }
        }
        Ok(last)
    }
}

/// Makes calls for `time`, `in_flight` at a time over all connections in turn; calls a second. The first failure ends it.
pub fn drive<C, F, R>(
    runtime: &Runtime,
    clients: &[C],
    in_flight: usize,
    time: Duration,
    call: F,
) -> Result<f64, Failed>
where
    C: Clone + Send + Sync + 'static,
    F: Fn(C, u64) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(), Failed>> + Send,
{
    let (calls, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..in_flight)
        .map(|place| {
            let (client, call) = (clients[place % clients.len()].clone(), call.clone());
            let (calls, over) = (calls.clone(), over.clone());
            runtime.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    call(client.clone(), calls.fetch_add(1, Ordering::Relaxed)).await?;
                }
                Ok::<_, Failed>(())
            })
        })
        .collect();
    std::thread::sleep(time);
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task)??;
    }
    Ok(calls.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
