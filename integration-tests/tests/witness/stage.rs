//! What the tests share: a witness and an installation in processes of their own, and what the programs say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::processes::{addresses, program};
use integration_tests::world::{Shape, World};
use integration_tests::{cast, cement, story};
use jiff::{SignedDuration, Timestamp};
use runtime::config::Service;
use serde_json::Value;
use tlog::policy::{Policy, PolicyCheckpoint};
use verify::Trust;
use verify::trust::{TrustFile, Witness as Trusted};

/// Longest that anything may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const NUMBER: &str = "gc-2026-0001";

/// Waits until something is so.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks over plain HTTP; `None` where nobody answers to the end.
pub fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, head.to_lowercase(), body.to_owned()))
}

pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (code, _, body) = http(address, "GET", path, "").expect("an answer");
    (code, body)
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

/// A witness in a folder of its own, with one process at a time.
pub struct Witness {
    pub folder: PathBuf,
    name: &'static str,
    pub vkey: String,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    running: Option<Child>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Witness {
    /// Made by `witness init`, and started once, so that its port is known.
    pub fn new(at: &Path, name: &'static str, introduction: &Path) -> Self {
        let folder = at.join(name);
        let output = Command::new(program("touchstone").expect("built"))
            .args(["witness", "init"])
            .arg(&folder)
            .args(["--name", &format!("witness.example/{name}"), "--listen", "127.0.0.1:0", "--introduction"])
            .arg(introduction)
            .output()
            .expect("run");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find(|line| line.trim().starts_with("witness NAME ")).expect("a line for the policy");
        let vkey = line.split_whitespace().nth(2).expect("a key").to_owned();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut witness = Witness { folder, name, vkey, address: nowhere, admin: nowhere, running: None };
        witness.edit("# admin = \"127.0.0.1:7091\"", "admin = \"127.0.0.1:0\"");
        witness.serve();
        witness.edit("listen = \"127.0.0.1:0\"", &format!("listen = \"{}\"", witness.address));
        witness
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("witness.toml")
    }

    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).expect("text");
        assert!(text.contains(from), "{text}");
        std::fs::write(self.config(), text.replace(from, to)).expect("written");
    }

    pub fn serve(&mut self) {
        let log = std::fs::File::options().append(true).create(true).open(self.folder.join("stderr")).expect("a file");
        let mut child = Command::new(program("touchstone").expect("built"))
            .args(["witness", "serve", "--config"])
            .arg(self.config())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        self.running = Some(child);
        let after = |words: &str| line.split(words).nth(1)?.split(',').next()?.trim().parse().ok();
        assert!(line.contains(&self.vkey), "{line}");
        self.address = after(" on http://").unwrap_or_else(|| panic!("{line:?}: {}", self.logged()));
        self.admin = after("health on http://").expect("an address");
    }

    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr")).expect("text")
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("killed");
        }
    }

    /// Exit code and words of a command about it.
    pub fn run(&self, verb: &[&str]) -> (i32, String) {
        let output = Command::new(program("touchstone").expect("built"))
            .arg("witness")
            .args(verb)
            .arg(self.config())
            .output()
            .expect("run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().expect("an exit"), text)
    }

    pub fn policy_line(&self) -> String {
        format!("witness {} {} http://{}\n", self.name, self.vkey, self.address)
    }
}

/// An installation with one process at a time, and its witnesses' policy.
pub struct Trial {
    pub runtime: tokio::runtime::Runtime,
    pub world: World,
    pub folder: tempfile::TempDir,
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
        Trial { runtime, world, folder, running: None }
    }

    pub fn witness(&self, name: &'static str) -> Witness {
        Witness::new(self.folder.path(), name, &self.world.installation.introduction_file)
    }

    pub fn policy_file(&self) -> PathBuf {
        self.world.installation.config.with_file_name("witnesses.policy")
    }

    pub fn policy(&self, lines: &str) {
        std::fs::write(self.policy_file(), lines).expect("written");
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn serve(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(program("touchstone").expect("built"));
        command.arg("serve").arg("--data").arg(self.data()).arg("--config").arg(&self.world.installation.config);
        for listen in ["GRPC", "HTTP", "ADMIN"] {
            command.env(format!("TOUCHSTONE_LISTEN__{listen}"), "127.0.0.1:0");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        self.running = Some(child);
        let found = addresses(&line).unwrap_or_else(|e| panic!("{e}; {}", self.logged()));
        for service in Service::ALL {
            self.world.found_at(service, found);
        }
    }

    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).expect("text")
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("killed");
        }
    }

    pub fn admin(&self, path: &str) -> (u16, String) {
        get(self.world.of(Service::Registry).and_then(|found| found.admin).expect("an address"), path)
    }

    /// A line of `/readyz` that begins so.
    pub fn ready(&self, begins: &str) -> String {
        let (_, text) = self.admin("/readyz");
        text.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{begins}: {text}")).to_owned()
    }

    pub fn client(&self, caller: &runtime::Caller) -> touchstone_client::Client {
        self.runtime.block_on(async { self.world.client(caller) }).expect("a client")
    }

    /// Registers an accreditation; its leaf, or the refusal.
    pub fn register(&self, id: &str) -> Result<u64, touchstone_client::ClientError> {
        let client = self.client(&cast::accreditor());
        self.runtime.block_on(async {
            let now = Timestamp::now() - SignedDuration::from_secs(5);
            let statement = story::accreditation(&self.world, id, &["2523"], now).expect("a statement");
            story::register(&client, statement).await.map(|registered| registered.index)
        })
    }

    /// A certificate of the cement works, registered; its leaf.
    pub fn certify(&self) -> u64 {
        self.runtime.block_on(async {
            let ground = story::lay_ground(&self.world).await.expect("ground");
            let (organization, site) = ("cement-bubble", "cement-works");
            let cement = cement::generate(organization, site);
            let exporter = self.world.client(&cast::exporter()).expect("a client");
            story::send_evidence(&exporter, &cement).await.expect("evidence");
            let plant = cement::plant_toml(organization, site);
            let (_, statement) = story::compute(&exporter, &cement.site, "year", &plant).await.expect("computed");
            let class = statement.product.cn_code.clone();
            let named = ("ea-0001", &ground.accreditation);
            let certificate = story::certificate(&self.world, NUMBER, named, &statement, &class).expect("made");
            let decider = self.world.client(&cast::decider()).expect("a client");
            story::sign_and_register(&self.world, &decider, &certificate).await.expect("registered").index
        })
    }

    /// Keeps a bundle of an epoch that covers `min_size` leaves, and a trust file that asks for so many of these witnesses.
    pub fn bundle(&self, min_size: u64, witnesses: &[&str], quorum: u32) -> (Vec<u8>, String) {
        let client = self.client(&cast::regulator());
        let (bundle, trust) = self.runtime.block_on(async {
            let bundle = story::bundle(&client, NUMBER, min_size).await.expect("a bundle");
            (bundle, story::trust_file(&self.world, &client).await.expect("a trust file"))
        });
        let mut trust: TrustFile = toml::from_str(&trust).expect("a trust file");
        trust.witness_quorum = quorum;
        trust.witnesses = witnesses.iter().map(|key| Trusted { key: (*key).to_owned() }).collect();
        (bundle, trust.to_toml().expect("a trust file"))
    }

    /// The offline verdict by the program: outcome, and the first reason.
    pub fn verdict(&self, bundle: &[u8], trust: &str) -> (String, String) {
        Trust::from_toml(trust).expect("a trust file that can be used");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("bundle.cbor"), bundle).expect("written");
        std::fs::write(folder.path().join("trust.toml"), trust).expect("written");
        let (_, told) =
            touchctl(folder.path(), &["verify", "--offline", "bundle.cbor", "--trust", "trust.toml", "--json"]);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (word(&told["outcome"]), word(&told["reasons"][0]["code"]))
    }

    /// The checkpoints that the gateway serves, under the policy that the log itself uses.
    pub fn served(&self) -> [PolicyCheckpoint; 2] {
        let text = std::fs::read(self.policy_file()).expect("a policy");
        let policy = Policy::parse(&text).expect("a policy");
        let log = &self.world.installation.introduction.log;
        [("/checkpoint", &log.note_key), ("/status/checkpoint", &log.status_note_key)].map(|(path, vkey)| {
            let (code, note) = get(self.world.http(), path);
            assert_eq!(code, 200, "{note}");
            let key = tlog::note::NoteVerifier::from_vkey(vkey).expect("a key");
            policy.of_log(key).open(note.as_bytes()).unwrap_or_else(|e| panic!("{e}: {note}"))
        })
    }
}

/// Exit code and the one object.
pub fn touchctl(folder: &Path, args: &[&str]) -> (i32, Value) {
    let output =
        Command::new(program("touchctl").expect("built")).args(args).current_dir(folder).output().expect("run");
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output.status.code().expect("an exit"), object)
}
