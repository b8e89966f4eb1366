//! What keeps an installation in order: one caller's flood is not another's delay, an end that loses nothing, new
//! certificates without a restart, secrets that stay where they are.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use integration_tests::world::World;
use integration_tests::{cast, processes};
use proto::convert::metering as words;
use proto::registry::GetLogIdentityRequest;
use proto::{metering, registry};
use runtime::Caller;
use runtime::config::Service;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt;
use touchstone_client::Client;

use crate::support::{ORGANIZATION, SITE, SITE_ID};

/// Longest wait for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// An installation with these lines at the end of its configuration, not yet running.
fn installed(lines: &str) -> (World, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::install(folder.path(), crate::SHAPE).expect("a world");
    let config = &world.installation.config;
    let text = std::fs::read_to_string(config).expect("a configuration");
    std::fs::write(config, format!("{text}\n{lines}\n")).expect("written");
    (world, folder)
}

async fn ask(client: &Client) -> Result<(), tonic::Status> {
    client.registry().get_log_identity(GetLogIdentityRequest {}).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_organization_is_not_the_others_delay() {
    const PER_SECOND: u32 = 100;
    let (mut world, _folder) =
        installed(&format!("[limits]\ncalls_per_second = {PER_SECOND}\nburst = 20\nin_progress = 32"));
    world.resume().await.expect("started");
    let flooding = Arc::new(AtomicBool::new(true));
    let (answered, shed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let flood: Vec<_> = (0..64)
        .map(|_| {
            let (client, flooding) = (world.client(&cast::exporter()).expect("a client"), flooding.clone());
            let (answered, shed) = (answered.clone(), shed.clone());
            tokio::spawn(async move {
                while flooding.load(Ordering::Relaxed) {
                    match ask(&client).await {
                        Ok(()) => answered.fetch_add(1, Ordering::Relaxed),
                        Err(status) => {
                            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                            let reason = status.get_details_error_info().expect("a reason").reason;
                            assert!(["RATE_LIMITED", "TOO_MANY_IN_PROGRESS"].contains(&reason.as_str()), "{reason}");
                            assert!(status.get_details_retry_info().is_some(), "when to come back");
                            shed.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            })
        })
        .collect();
    // Another organisation at half its rate, meanwhile: every call is answered.
    let quiet = world.client(&cast::regulator()).expect("a client");
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    // A beat that came late is no reason for two at once: this one stays below its own rate.
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for call in 0..100 {
        beat.tick().await;
        ask(&quiet).await.unwrap_or_else(|status| panic!("call {call} of the other organisation: {status:?}"));
    }
    let took = began.elapsed();
    flooding.store(false, Ordering::Relaxed);
    for task in flood {
        task.await.expect("only refusals that say why");
    }
    let (answered, shed) = (answered.load(Ordering::Relaxed), shed.load(Ordering::Relaxed));
    // Where each service is a process of its own, each has limits of its own: here one alone was asked.
    let most = 20 + (f64::from(PER_SECOND) * (took.as_secs_f64() + 2.0)) as u32;
    assert!(answered <= most, "{answered} answered in {took:?}, {most} at most");
    assert!(shed > answered, "{shed} shed, {answered} answered: there was no flood");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_finished_before_the_end() {
    let (mut world, _folder) = installed("");
    world.resume().await.expect("started");
    let client = world.client(&cast::exporter()).expect("a client");
    integration_tests::story::create_site(&client, SITE, "Works").await.expect("a site");
    let cement = integration_tests::cement::generate(ORGANIZATION, SITE_ID);
    let (meter, _) =
        cement.instruments.iter().find(|(meter, _)| meter.name == cement.readings.instrument).expect("a meter");
    integration_tests::story::create_instrument(&client, SITE, meter, &[]).await.expect("an instrument");
    let batch = |from: usize| {
        let mut part = cement.readings.clone();
        part.start += jiff::SignedDuration::from_secs(from as i64 * i64::from(part.step_secs));
        part.values = cement.readings.values[from..from + 10].to_vec();
        metering::IngestReadingsRequest { batch: Some(words::to_reading_batch(&part)) }
    };
    // A stream that is open, and one that would never end.
    let (sender, receiver) = mpsc::channel(1);
    let ingest = tokio::spawn({
        let client = client.clone();
        async move { client.metering().ingest_readings(ReceiverStream::new(receiver)).await }
    });
    sender.send(batch(0)).await.expect("sent");
    let observer = world.client(&cast::regulator()).expect("a client");
    let watched = observer.registry().watch_checkpoint(registry::WatchCheckpointRequest {}).await;
    let mut watched = watched.expect("watched").into_inner();
    watched.next().await.expect("those of now").expect("checkpoints");
    // Asked to end meanwhile.
    let metering = world.of(Service::Metering).expect("an address");
    let stopping = tokio::spawn(async move {
        let stopped = world.stop().await;
        (world, stopped)
    });
    let began = Instant::now();
    while tokio::net::TcpStream::connect(metering.grpc).await.is_ok() && began.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sender.send(batch(10)).await.expect("the stream is still open");
    drop(sender);
    let answers = ingest.await.expect("a task").expect("what was begun is finished").into_inner();
    let reports = integration_tests::story::reports(answers).await.expect("reports");
    assert_eq!(reports.iter().map(|report| report.accepted).sum::<u32>(), 20, "{reports:?}");
    while let Some(Ok(_)) = watched.next().await {}
    let (mut world, stopped) = stopping.await.expect("a task");
    stopped.expect("ended in order");
    assert!(began.elapsed() < Duration::from_secs(25), "nothing was waited for in vain: {:?}", began.elapsed());
    // And it is there afterwards.
    world.resume().await.expect("started again");
    let request = metering::ListReadingsRequest {
        parent: meter.name.clone(),
        page_size: 100,
        page_token: String::new(),
        period: Some(proto::interval(
            jiff::Timestamp::UNIX_EPOCH,
            Some("2100-01-01T00:00:00Z".parse().expect("a time")),
        )),
    };
    let client = world.client(&cast::exporter()).expect("a client");
    let page = client.metering().list_readings(request).await.expect("a page").into_inner();
    assert_eq!(page.readings.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_are_taken_without_a_restart() {
    let (mut world, _folder) = installed("");
    world.resume().await.expect("started");
    let folder = world.installation.config.parent().expect("a folder").to_owned();
    let elif = world.client(&cast::exporter()).expect("a client");
    ask(&elif).await.expect("answered");
    // Somebody is blocked: the next call of an open connection is refused.
    let entry = format!("[[blocked]]\ncaller = \"{}\"\nreason = \"left\"\n", cast::exporter().uri());
    std::fs::write(folder.join("blocked.toml"), entry).expect("written");
    until(
        "the caller is blocked",
        async || matches!(ask(&elif).await, Err(status) if status.code() == Code::PermissionDenied),
    )
    .await;
    // A file that cannot be used changes nothing.
    std::fs::write(folder.join("blocked.toml"), "[[blocked]]\n").expect("written");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(ask(&elif).await.expect_err("still blocked").code(), Code::PermissionDenied);
    std::fs::write(folder.join("blocked.toml"), "").expect("written");
    until("the caller is free", async || ask(&elif).await.is_ok()).await;
    // A new authority for callers and a new certificate of the server: new connections meet both.
    let next = touchstone::identities::Authority::new("the next authority").expect("an authority");
    let server = next.server(&["localhost", "127.0.0.1"]).expect("a certificate");
    std::fs::write(folder.join("authority.crt"), &next.pair().certificate_pem).expect("written");
    std::fs::write(folder.join("server.crt"), &server.certificate_pem).expect("written");
    std::fs::write(folder.join("server.key"), &server.key_pem).expect("written");
    let by = |authority: &touchstone::identities::Authority, caller: &Caller| {
        let pair = authority.caller(caller).expect("a pair");
        let identity = touchstone_client::Identity {
            certificate: pair.certificate_pem.as_bytes(),
            key: pair.key_pem.as_bytes(),
            authority: authority.pair().certificate_pem.as_bytes(),
        };
        Client::at(&identity, &world.addresses(), "localhost").expect("a client")
    };
    until("the new authority is taken", async || ask(&by(&next, &cast::exporter())).await.is_ok()).await;
    let old = by(&world.installation.authority, &cast::exporter());
    assert_eq!(ask(&old).await.expect_err("the old authority is no longer known").code(), Code::Unavailable);
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn secrets_are_neither_logged_nor_shown() {
    let (world, _folder) = installed("");
    let config = &world.installation.config;
    let program = processes::program("touchstone").expect("a program");
    let shown = Command::new(&program).args(["config", "show"]).arg(config).output().expect("it runs");
    assert!(shown.status.success(), "{shown:?}");
    // As talkative as it can be, from start to end.
    let mut child = Command::new(&program)
        .args(["serve", "--data"])
        .arg(world.folder.join("data-of-its-own"))
        .arg("--config")
        .arg(config)
        .env("RUST_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("stdout"));
    let errors = std::thread::spawn({
        let mut stderr = child.stderr.take().expect("stderr");
        move || {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut stderr, &mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
        }
    });
    std::io::BufRead::read_line(&mut stdout, &mut line).expect("a line");
    assert!(line.contains("gRPC on"), "{line}");
    // A stranger at the door, and an end in order.
    let address = line.split("gRPC on ").nth(1).and_then(|rest| rest.split(',').next()).expect("an address").trim();
    let mut stranger = std::net::TcpStream::connect(address).expect("it listens");
    std::io::Write::write_all(&mut stranger, b"no TLS at all").expect("sent");
    std::io::Read::read(&mut stranger, &mut [0; 64]).expect("answered or closed");
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(asked.success() && child.wait().expect("ended").success(), "ended in order");
    let logged = errors.join().expect("a thread").expect("read");
    assert!(logged.lines().count() > 5 && logged.contains("handshake"), "it was not talkative:\n{logged}");
    let said = format!("{}{line}{logged}", String::from_utf8_lossy(&shown.stdout));
    assert!(!said.contains("PRIVATE KEY"));
    let folder = config.parent().expect("a folder");
    let mut keys = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "key") {
            let pem = std::fs::read_to_string(&path).expect("a key");
            for row in pem.lines().filter(|row| !row.starts_with("-----") && row.len() > 20) {
                keys += 1;
                assert!(!said.contains(row), "a row of {} was said", path.display());
            }
        }
    }
    assert!(keys > 10, "{keys} rows of keys were looked for");
}
