//! An installation on disk, and what is done to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use integration_tests::cast::ORIGIN;
use integration_tests::processes::{addresses, program};
use integration_tests::world::{Shape, World};
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::registry;
use runtime::config::Service;
use tlog::checkpoint::Checkpoint;
use tlog::note::SignedNote;
use tonic::Code;
use tonic_types::StatusExt;

/// An installation on disk, with one process at a time.
pub struct Trial {
    pub runtime: tokio::runtime::Runtime,
    pub world: World,
    pub folder: tempfile::TempDir,
    /// Variables that the process gets besides.
    pub variables: Vec<(&'static str, PathBuf)>,
    running: Option<Child>,
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Trial {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::install(folder.path(), Shape::Together).expect("a world");
        Trial { runtime, world, folder, variables: Vec::new(), running: None }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Elsewhere than the data, so that a copy of the data does not bring it along.
    pub fn guard(&self) -> PathBuf {
        self.folder.path().join("another-disk")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(program("touchstone").expect("built"));
        command.arg(verb).arg("--data").arg(self.data()).arg("--config").arg(&self.world.installation.config);
        command.env("TOUCHSTONE_LOG__GUARD", self.guard());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for listen in ["GRPC", "HTTP", "ADMIN"] {
            command.env(format!("TOUCHSTONE_LISTEN__{listen}"), "127.0.0.1:0");
        }
        command
    }

    pub fn serve(&mut self) {
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

    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).expect("text")
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("killed");
        }
    }

    /// Whether the process is still there.
    pub fn lives(&mut self) -> bool {
        self.running.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    pub fn run(&self, verb: &str) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(verb).output().expect("run");
        assert!(matches!(status.code(), Some(0 | 1)), "{status:?}");
        (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }

    pub fn ready(&self) -> (u16, String) {
        let admin = self.world.of(Service::Registry).and_then(|found| found.admin).expect("an address");
        get(admin, "/readyz")
    }

    /// Registers so many accreditations; the leaf of the last.
    pub fn register(&self, from: usize, count: usize) -> u64 {
        let client = self.runtime.block_on(async { self.world.client(&cast::accreditor()) }).expect("a client");
        self.runtime.block_on(async {
            let mut leaf = 0;
            for number in from..from + count {
                let now = Timestamp::now() - SignedDuration::from_secs(5);
                let id = format!("fork-{number}");
                let statement = story::accreditation(&self.world, &id, &["2523"], now).expect("a statement");
                leaf = story::register(&client, statement).await.expect("registered").index;
            }
            leaf
        })
    }

    pub fn checkpoint(&self) -> Result<(Checkpoint, Checkpoint), tonic::Status> {
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

    /// Every entry of the log, in order.
    pub fn entries(&self) -> Vec<Vec<u8>> {
        self.runtime.block_on(async {
            let client = self.world.client(&cast::regulator()).expect("a client");
            let (mut all, mut page_token) = (Vec::new(), String::new());
            loop {
                let request = registry::ListEntriesRequest { page_size: 1_000, page_token, ..Default::default() };
                let page = client.registry().list_entries(request).await.expect("a page").into_inner();
                all.extend(page.entries.into_iter().map(|entry| entry.statement));
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    return all;
                }
            }
        })
    }

    /// The checkpoints, once they are far enough.
    pub fn published(&self, enough: impl Fn(&Checkpoint, &Checkpoint) -> bool) -> (Checkpoint, Checkpoint) {
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
    pub fn serves(&mut self) -> (Checkpoint, Checkpoint) {
        self.serve();
        let (code, text) = self.ready();
        assert_eq!(code, 200, "{text}");
        self.checkpoint().expect("a checkpoint")
    }

    /// The process is up, and the log signs nothing: by readiness, by its own log, to callers, to the public.
    pub fn refuses(&mut self, words: &str) {
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

pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (code, body) = get_bytes(address, path);
    (code, String::from_utf8(body).expect("text"))
}

pub fn get_bytes(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("headers");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, answer[end + 4..].to_vec())
}

pub fn copy(from: &Path, to: &Path) {
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

pub fn replace(place: &Path, by: &Path) {
    std::fs::remove_dir_all(place).expect("removed");
    copy(by, place);
}
