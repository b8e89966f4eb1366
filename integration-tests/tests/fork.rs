//! The log never forks: an old copy of the data signs nothing, and says so; what is kept beside the entries is compared with
//! them and written anew; one folder has one writer; no time goes back. Through the binary, but for the clock.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cose::key::SigningKey;
use integration_tests::cast::{LOG_ID, ORIGIN};
use integration_tests::processes::{addresses, program};
use integration_tests::world::{Shape, World};
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::registry;
use record::status::Epoch;
use registry_service::{LogKeys, RegistryService};
use runtime::config::Service;
use runtime::connect::Peer;
use store::{Batch, Direction, FolderBlobs, MemoryBlobs, MemoryStore, Namespace, Part, RegistryStore, RocksStore};
use tlog::checkpoint::Checkpoint;
use tlog::note::SignedNote;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_types::StatusExt;

/// An installation on disk, with one process at a time.
struct Trial {
    runtime: tokio::runtime::Runtime,
    world: World,
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Trial {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::install(folder.path(), Shape::Together).expect("a world");
        Trial { runtime, world, folder, running: None }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Elsewhere than the data, so that a copy of the data does not bring it along.
    fn guard(&self) -> PathBuf {
        self.folder.path().join("another-disk")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(program("touchstone").expect("built"));
        command.arg(verb).arg("--data").arg(self.data()).arg("--config").arg(&self.world.installation.config);
        command.env("TOUCHSTONE_LOG__GUARD", self.guard());
        for listen in ["GRPC", "HTTP", "ADMIN"] {
            command.env(format!("TOUCHSTONE_LISTEN__{listen}"), "127.0.0.1:0");
        }
        command
    }

    fn serve(&mut self) {
        let log = std::fs::File::create(self.log()).expect("a file");
        let mut child = self.command("serve").stdout(Stdio::piped()).stderr(log).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        self.running = Some(child);
        let found = addresses(&line).unwrap_or_else(|e| panic!("{e}; {}", self.logged()));
        for service in Service::ALL {
            self.world.found_at(service, found);
        }
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).expect("text")
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("killed");
        }
    }

    fn run(&self, verb: &str) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(verb).output().expect("run");
        assert!(matches!(status.code(), Some(0 | 1)), "{status:?}");
        (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }

    fn ready(&self) -> (u16, String) {
        let admin = self.world.of(Service::Registry).and_then(|found| found.admin).expect("an address");
        get(admin, "/readyz")
    }

    /// Registers so many accreditations.
    fn register(&self, from: usize, count: usize) {
        let client = self.runtime.block_on(async { self.world.client(&cast::accreditor()) }).expect("a client");
        self.runtime.block_on(async {
            for number in from..from + count {
                let now = Timestamp::now() - SignedDuration::from_secs(5);
                let id = format!("fork-{number}");
                let statement = story::accreditation(&self.world, &id, &["2523"], now).expect("a statement");
                story::register(&client, statement).await.expect("registered");
            }
        });
    }

    fn checkpoint(&self) -> Result<(Checkpoint, Checkpoint), tonic::Status> {
        self.runtime.block_on(async {
            let client = self.world.client(&cast::regulator()).expect("a client");
            let answer = client.registry().get_checkpoint(registry::GetCheckpointRequest {}).await?.into_inner();
            let read = |note: &[u8], origin: &str| {
                let note = SignedNote::parse(note).expect("a note");
                let read = Checkpoint::parse(note.text()).expect("a checkpoint");
                assert_eq!(read.origin, origin);
                read
            };
            let status = format!("{ORIGIN}/status");
            Ok((read(&answer.checkpoint, ORIGIN), read(&answer.status_checkpoint, &status)))
        })
    }

    /// The checkpoints, once they are far enough.
    fn published(&self, enough: impl Fn(&Checkpoint, &Checkpoint) -> bool) -> (Checkpoint, Checkpoint) {
        let began = Instant::now();
        loop {
            let (log, status) = self.checkpoint().expect("a checkpoint");
            if enough(&log, &status) {
                return (log, status);
            }
            assert!(began.elapsed() < Duration::from_secs(20), "nothing is published");
        }
    }

    /// Everything is as it should be.
    fn serves(&mut self) -> (Checkpoint, Checkpoint) {
        self.serve();
        let (code, text) = self.ready();
        assert_eq!(code, 200, "{text}");
        self.checkpoint().expect("a checkpoint")
    }

    /// The process is up, and the log signs nothing: by readiness, by its own log, to callers, to the public.
    fn refuses(&mut self, words: &str) {
        let signed = std::fs::read(self.guard().join("signed-heads")).ok();
        self.serve();
        let (code, text) = self.ready();
        assert_eq!(code, 503, "{text}");
        let line = text.lines().find(|line| line.starts_with("log: ")).expect("a line of the log");
        assert!(line.contains("LOG_REFUSES_TO_SIGN") && line.contains(words), "{line}");
        let logged = self.logged();
        assert!(logged.contains("the log refuses to sign") && logged.contains(words), "{logged}");
        assert!(logged.to_lowercase().contains("stop, "), "the remedy: {logged}");
        let status = self.checkpoint().expect_err("no checkpoint");
        let info = status.get_details_error_info().expect("a reason");
        assert_eq!((status.code(), info.reason.as_str()), (Code::DataLoss, "LOG_REFUSES_TO_SIGN"));
        assert_ne!(get(self.world.http(), "/checkpoint").0, 200);
        // What needs no log goes on.
        let site = format!("organizations/cement-bubble/sites/s{}", words.len());
        let made = self.runtime.block_on(async {
            let exporter = self.world.client(&cast::exporter()).expect("a client");
            story::create_site(&exporter, &site, "While the log refuses").await
        });
        made.expect("a site");
        self.kill();
        assert_eq!(std::fs::read(self.guard().join("signed-heads")).ok(), signed, "nothing was about to be signed");
        let (done, text) = self.run("fsck");
        assert!(!done && text.contains("signed heads: ") && text.contains(words), "{text}");
        let (done, text) = self.run("rebuild");
        assert!(!done && text.contains("nothing was written"), "{text}");
    }
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let code = text.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("headers"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => {
                std::fs::copy(&from, &to).expect("copied");
            }
        }
    }
}

fn replace(place: &Path, by: &Path) {
    std::fs::remove_dir_all(place).expect("removed");
    copy(by, place);
}

#[test]
fn an_old_copy_signs_nothing() {
    let mut trial = Trial::new();
    let (old, newest, other) =
        (trial.folder.path().join("old"), trial.folder.path().join("newest"), trial.folder.path().join("other"));
    trial.serve();
    trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
    trial.kill();
    copy(&trial.data(), &old);
    let (before, status_before) = trial.serves();
    trial.register(0, 3);
    let (after, status_after) =
        trial.published(|log, status| log.size >= before.size + 3 && status.size > status_before.size);
    // One folder, one writer.
    for verb in ["serve", "fsck", "rebuild"] {
        let (done, text) = trial.run(verb);
        assert!(!done && text.contains("another process uses it; stop that one first"), "{verb}: {text}");
    }
    trial.kill();
    let (done, text) = trial.run("fsck");
    assert!(done, "{text}");
    copy(&trial.data(), &newest);

    // An older copy of all data; of the rows alone; a folder with nothing in it.
    replace(&trial.data(), &old);
    trial.refuses(&format!("a log of {} was signed, the database holds {}", after.size, before.size));
    replace(&trial.data(), &newest);
    replace(&trial.data().join("rows"), &old.join("rows"));
    trial.refuses(&format!("a log of {} was signed", after.size));
    copy(&trial.data(), &other);
    std::fs::remove_dir_all(trial.data().join("rows")).expect("removed");
    trial.refuses("the database holds 0");
    // As many entries, of which the last are others.
    replace(&trial.data(), &old);
    let guard = trial.folder.path().join("guard-then");
    std::fs::rename(trial.guard(), &guard).expect("moved");
    std::fs::create_dir(trial.guard()).expect("a folder");
    trial.refuses("is gone");
    let short = std::fs::read_to_string(guard.join("signed-heads")).expect("text");
    std::fs::write(trial.guard().join("signed-heads"), &short[..short.len() - 2]).expect("written");
    trial.refuses("is damaged");
    let line = short.lines().nth(1).expect("the log");
    let root = line.rsplit(' ').next().expect("a root");
    let others = short.replace(line, &format!("log {} {}", before.size, root));
    std::fs::write(trial.guard().join("signed-heads"), others).expect("written");
    trial.refuses(&format!("the log that was signed at {} is not the one", before.size));

    // The newest copy with what belongs to it goes on where it was.
    replace(&trial.guard(), &guard);
    replace(&trial.data(), &newest);
    let (log, status) = trial.serves();
    assert!(log.size >= after.size && status.size >= status_after.size);
    if log.size == after.size {
        assert_eq!(log.root, after.root);
    }
}

#[test]
fn what_lies_beside_the_entries_is_written_anew() {
    let mut trial = Trial::new();
    trial.serve();
    trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
    trial.register(0, 256);
    let (before, _) = trial.published(|log, _| log.size > 256);
    trial.kill();
    let (done, text) = trial.run("fsck");
    assert!(done && text.contains("2 full tiles and bundles"), "{text}");

    let blobs = trial.data().join("blobs");
    let (tile, bundle) = (blobs.join("tile/0/000"), blobs.join("tile/entries/000"));
    let held = [std::fs::read(&tile).expect("a tile"), std::fs::read(&bundle).expect("a bundle")];
    std::fs::remove_file(&tile).expect("removed");
    std::fs::write(&bundle, b"other bytes").expect("written");
    trial.runtime.block_on(async {
        let store = RocksStore::open(&trial.data().join("rows")).expect("rows");
        let mut batch = Batch::new();
        batch.put(Namespace::Head, "head", [7; 40]);
        store.commit(&Part::log(), batch).await.expect("committed");
    });
    let named = ["head row: holds", "tile/0/000: is missing", "tile/entries/000: holds other bytes"];
    for _ in 0..2 {
        let (done, text) = trial.run("fsck");
        assert!(!done && text.contains("3 differ"), "{text}");
        assert!(named.iter().all(|words| text.contains(words)), "{text}");
        assert!(!tile.exists(), "nothing is written");
    }
    let refused = trial.command("serve").output().expect("run");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("touchstone fsck"), "{words}");
    let (done, text) = trial.run("rebuild");
    assert!(done && text.matches(": written anew").count() == 3, "{text}");
    assert_eq!([std::fs::read(&tile).expect("a tile"), std::fs::read(&bundle).expect("a bundle")], held);
    let (done, text) = trial.run("fsck");
    assert!(done, "{text}");
    let (log, _) = trial.serves();
    assert!(log.size >= before.size);
    trial.kill();

    // What cannot be made anew is named, and left.
    trial.runtime.block_on(async {
        let store = RocksStore::open(&trial.data().join("rows")).expect("rows");
        let all = Vec::new()..Vec::new();
        let page = store.scan(&Part::log(), Namespace::Epoch, all, 1, Direction::Backward).await.expect("a page");
        let (key, row) = page.rows[0].clone();
        let epoch = Epoch::from_bytes(&row).expect("an epoch");
        let mut batch = Batch::new();
        batch.put(Namespace::Epoch, key, Epoch { map_root: [9; 32], ..epoch }.to_bytes());
        store.commit(&Part::log(), batch).await.expect("committed");
    });
    let (done, text) = trial.run("fsck");
    assert!(!done && text.contains("fixes other states"), "{text}");
    let (done, text) = trial.run("rebuild");
    assert!(!done && text.contains("nothing was written: signed heads: the status log"), "{text}");
    let empty = trial.folder.path().join("empty");
    let output = Command::new(program("touchstone").expect("built"))
        .args(["fsck", "--data"])
        .arg(&empty)
        .arg("--config")
        .arg(&trial.world.installation.config)
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no data of touchstone"));
    assert!(!empty.exists(), "a folder that is only looked at is not made");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_time_goes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let key =
        |make: fn() -> Result<SigningKey, cose::key::KeyError>| make().expect("a key").to_pkcs8_der().expect("DER");
    let p256 = [key(SigningKey::generate_p256), key(SigningKey::generate_p256)];
    let ed25519 = [key(SigningKey::generate_ed25519), key(SigningKey::generate_ed25519)];
    let read = |der: &[u8]| SigningKey::from_pkcs8_der(der).expect("a key");
    let store = Arc::new(MemoryStore::new());
    let (blobs, guard) = (Arc::new(MemoryBlobs::new()), Arc::new(FolderBlobs::open(folder.path()).expect("a folder")));
    let noon: Timestamp = "2026-06-15T12:00:00Z".parse().expect("a time");
    let epochs = async || {
        let all = Vec::new()..Vec::new();
        let page = store.scan(&Part::log(), Namespace::Epoch, all, 1_000, Direction::Forward).await.expect("a page");
        let read = |row: &Vec<u8>| Epoch::from_bytes(row).expect("an epoch").time;
        page.rows.iter().map(|(_, row)| read(row)).collect::<Vec<Timestamp>>()
    };
    // Each start makes an epoch: at noon, a day before, a day after, at noon.
    let mut expected = Vec::new();
    for (hours, counts_as) in [(0, 0), (-24, 0), (24, 24), (0, 24)] {
        let now = noon + SignedDuration::from_hours(hours);
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let (service, task) = RegistryService::start(registry_service::Config {
            origin: ORIGIN.into(),
            log_id: LOG_ID.into(),
            keys: LogKeys {
                rollovers: Vec::new(),
                earlier: Vec::new(),
                receipt: Arc::new(read(&p256[0])),
                note: read(&ed25519[0]),
                status_note: read(&ed25519[1]),
                operator: read(&p256[1]).public_key(),
            },
            store: store.clone(),
            blobs: blobs.clone(),
            guard: guard.clone(),
            footprint: Peer::from(Endpoint::from_static("http://127.0.0.1:1").connect_lazy()),
            clock: Arc::new(move || now),
            min_epoch: Duration::from_secs(600),
            max_epoch: Duration::from_secs(600),
            stopping,
        })
        .await
        .expect("a log");
        drop((service, stop));
        task.await.expect("it ends");
        expected.push(noon + SignedDuration::from_hours(counts_as));
        assert_eq!(epochs().await, expected, "by a clock at {now}");
    }
}
