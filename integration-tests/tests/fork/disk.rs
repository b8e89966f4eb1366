//! A batch and an epoch on a disk that fails: the process is killed before each call that it makes on its files, a sync
//! fails, the disk is full, the last write is torn.
//!
//! The entry that is registered is the 256th: it completes a tile and a bundle of entries. After each fault the process
//! starts again on the same files, and then: what was acknowledged is where it was said to be, the same statement again is
//! the same leaf, every checkpoint that was ever shown is of the tree that is there, and an audit from outside, which
//! remembers what it saw before, accepts the log.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use integration_tests::processes::program;
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::registry;
use tlog::checkpoint::Checkpoint;
use tlog::tree::MemoryTree;
use tlog::{Hash, leaf_hash};
use touchstone_client::new_request_id;

use crate::trial::{Trial, copy, get_bytes, replace};

/// Leaf of the entry that is registered on the failing disk.
const LEAF: u64 = 255;
/// File in which an auditor keeps what it saw: each fault is a history of its own from the same beginning.
const SEEN: &str = "seen.json";
/// Longest wait for an epoch, where the disk lets there be one.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a caller saw while the disk failed.
#[derive(Default)]
struct Seen {
    /// Leaf that was acknowledged.
    leaf: Option<u64>,
    /// Checkpoints of the log and of its status log.
    log: Vec<Checkpoint>,
    status: Vec<Checkpoint>,
    /// Whether an epoch after it was shown: then there is no call on a file left.
    complete: bool,
}

/// An installation whose log has 255 entries, and a copy of it.
struct Bench {
    trial: Trial,
    base: PathBuf,
    request: registry::RegisterStatementRequest,
    library: PathBuf,
    /// The write-ahead log and its length when the disk began to fail: all of it was synced.
    synced: (PathBuf, u64),
}

impl Bench {
    /// `None`, said plainly, where there is no C compiler.
    fn new() -> Option<Self> {
        let mut trial = Trial::new();
        let library = trial.folder.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fork/disk.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut compile = Command::new(compiler);
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).args(["-ldl", "-lpthread"]);
        match compile.status() {
            Ok(status) => assert!(status.success(), "disk.c: {status}"),
            Err(error) => {
                println!("skipped: no C compiler ({error}): name one in CC");
                return None;
            }
        }
        trial.serve();
        trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
        let first = trial.register(0, 1);
        trial.register(1, usize::try_from(LEAF - 1 - first).expect("few"));
        trial.published(|log, _| log.size == LEAF);
        assert!(audit(&trial), "{}", trial.logged());
        trial.kill();
        let base = trial.folder.path().join("base");
        for part in ["data", "another-disk"] {
            copy(&trial.folder.path().join(part), &base.join(part));
        }
        std::fs::copy(trial.folder.path().join(SEEN), base.join(SEEN)).expect("copied");
        let now = Timestamp::now() - SignedDuration::from_secs(5);
        let statement = story::accreditation(&trial.world, "on-a-failing-disk", &["2523"], now).expect("a statement");
        let request = registry::RegisterStatementRequest { statement, request_id: new_request_id() };
        Some(Bench { trial, base, request, library, synced: Default::default() })
    }

    fn control(&self) -> PathBuf {
        self.trial.folder.path().join("disk")
    }

    fn restore(&self) {
        for part in ["data", "another-disk"] {
            replace(&self.trial.folder.path().join(part), &self.base.join(part));
        }
        std::fs::copy(self.base.join(SEEN), self.trial.folder.path().join(SEEN)).expect("copied");
        for file in [self.control(), self.control().with_extension("count")] {
            let _absent = std::fs::remove_file(file);
        }
    }

    /// Calls that were counted, by kind: all, writes, syncs, names.
    fn counted(&self) -> [u64; 4] {
        let text = std::fs::read_to_string(self.control().with_extension("count")).unwrap_or_default();
        // Nothing is counted before the first call.
        let mut counts = text.split(' ').map_while(|count| count.parse().ok());
        std::array::from_fn(|_| counts.next().unwrap_or(0))
    }

    /// Registers the entry on a disk that does `what`; ends with the process killed, by the disk or after an epoch.
    fn run(&mut self, what: &str) -> Seen {
        self.restore();
        self.trial.variables = vec![
            ("LD_PRELOAD", self.library.clone()),
            ("TOUCHSTONE_DISK", self.control()),
            ("TOUCHSTONE_DISK_OF", self.trial.folder.path().to_owned()),
        ];
        self.trial.serve();
        self.synced = self.write_ahead_log();
        std::fs::write(self.control(), what).expect("written");
        let mut seen = Seen { leaf: self.register(), ..Seen::default() };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.trial.checkpoint() {
                Ok((log, status)) => {
                    seen.complete =
                        log.size > LEAF && seen.status.first().is_some_and(|first| status.size > first.size);
                    seen.log.push(log);
                    seen.status.push(status);
                }
                Err(_) if !self.trial.lives() => break,
                Err(_) => {}
            }
            if seen.complete || (seen.leaf.is_none() && began.elapsed() > PATIENCE / 6) {
                break;
            }
        }
        self.trial.kill();
        self.trial.variables.clear();
        seen
    }

    fn write_ahead_log(&self) -> (PathBuf, u64) {
        let rows = std::fs::read_dir(self.trial.data().join("rows")).expect("rows");
        let files = rows.map(|entry| entry.expect("an entry").path());
        let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        let log = logs.max().expect("a write-ahead log");
        let length = std::fs::metadata(&log).expect("a file").len();
        (log, length)
    }

    fn register(&self) -> Option<u64> {
        self.trial.runtime.block_on(async {
            let client = self.trial.world.client(&cast::accreditor()).expect("a client");
            let answer = client.registry().register_statement(self.request.clone()).await.ok()?;
            Some(answer.into_inner().index)
        })
    }

    /// Starts on a disk that is well again, and holds what was seen against what is there.
    fn check(&mut self, seen: &Seen, what: &str) {
        self.trial.serve();
        let (code, text) = self.trial.ready();
        assert_eq!(code, 200, "{what}: {text}");
        assert_eq!(self.register(), Some(LEAF), "{what}: {}", self.trial.logged());
        assert!(seen.leaf.is_none_or(|leaf| leaf == LEAF), "{what}: {:?}", seen.leaf);
        let (log, status) = self.trial.published(|log, status| {
            let last = |seen: &[Checkpoint]| seen.last().map_or(0, |last| last.size);
            log.size > LEAF && log.size >= last(&seen.log) && status.size >= last(&seen.status)
        });
        assert_eq!(log.size, LEAF + 1, "{what}: one leaf, however often it was sent");
        let entries: Vec<Vec<u8>> = self.trial.entries();
        let tree: MemoryTree = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for shown in &seen.log {
            assert_eq!(tree.root(shown.size).ok(), Some(shown.root), "{what}: a second root at {}", shown.size);
        }
        let tree: MemoryTree = self.status_leaves(status.size).into_iter().collect();
        assert_eq!(tree.root(status.size).ok(), Some(status.root), "{what}");
        for shown in &seen.status {
            assert_eq!(tree.root(shown.size).ok(), Some(shown.root), "{what}: a second root of the status log");
        }
        assert!(audit(&self.trial), "{what}: {}", self.trial.logged());
        self.trial.kill();
        let (done, text) = self.trial.run("fsck");
        assert!(done, "{what}: {text}");
    }

    fn status_leaves(&self, size: u64) -> Vec<Hash> {
        assert!(size < 256, "one partial tile");
        let (code, bytes) = get_bytes(self.trial.world.http(), &format!("/status/tile/0/000.p/{size}"));
        assert_eq!(code, 200);
        bytes.chunks(32).map(|hash| hash.try_into().expect("a hash")).collect()
    }
}

/// An audit from outside, which remembers what it saw.
fn audit(trial: &Trial) -> bool {
    let output = Command::new(program("touchctl").expect("built"))
        .args(["log", "audit", &format!("http://{}", trial.world.http()), "--introduction"])
        .arg(&trial.world.installation.introduction_file)
        .arg("--keep")
        .arg(trial.folder.path().join(SEEN))
        .output()
        .expect("run");
    if !output.status.success() {
        eprintln!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

#[test]
fn killed_before_each_call_on_a_file() {
    let Some(mut bench) = Bench::new() else { return };
    let (mut acknowledged, mut lost) = (0, 0);
    for step in 1.. {
        let what = format!("kill {step}");
        let seen = bench.run(&what);
        let killed = bench.counted()[0] >= step;
        assert!(killed || seen.complete, "{what}: neither killed nor done: {}", bench.trial.logged());
        match seen.leaf {
            Some(_) => acknowledged += 1,
            None => lost += 1,
        }
        bench.check(&seen, &what);
        if !killed {
            // It made fewer calls than that: there is no such step.
            assert!(step > 10, "{step} steps: a batch and an epoch take more");
            break;
        }
    }
    println!("{lost} kills before the answer, {acknowledged} after it");
    assert!(lost > 1 && acknowledged > 5, "{lost} before, {acknowledged} after");
}

#[test]
fn a_sync_that_fails() {
    let Some(mut bench) = Bench::new() else { return };
    let mut failed = 0;
    for step in 1.. {
        let what = format!("sync {step}");
        let seen = bench.run(&what);
        if bench.counted()[2] < step {
            assert!(seen.complete, "{what}: neither failed nor done: {}", bench.trial.logged());
            break;
        }
        failed += 1;
        bench.check(&seen, &what);
    }
    assert!(failed >= 3, "{failed} syncs: rows, tiles and heads have more");
}

#[test]
fn a_full_disk() {
    let Some(mut bench) = Bench::new() else { return };
    let mut full = 0;
    for step in 1.. {
        let what = format!("full {step}");
        let seen = bench.run(&what);
        if bench.counted()[1] < step {
            assert!(seen.complete, "{what}: neither full nor done: {}", bench.trial.logged());
            break;
        }
        full += 1;
        bench.check(&seen, &what);
    }
    assert!(full >= 3, "{full} writes: rows, tiles and heads have more");
}

/// The process ends before the sync of its first batch, and the machine with it: of what was written last, a part is there.
#[test]
fn a_torn_last_write() {
    let Some(mut bench) = Bench::new() else { return };
    // The first sync is that of the batch: found by counting.
    let seen = bench.run("sync 1");
    assert_eq!(seen.leaf, None, "a batch that was not synced was acknowledged");
    let mut step = None;
    for candidate in 1..20 {
        bench.run(&format!("kill {candidate}"));
        let [_, writes, syncs, _] = bench.counted();
        if writes >= 1 && syncs == 1 {
            step = Some(candidate);
            break;
        }
    }
    let step = step.expect("a kill at the first sync");
    let mut torn = 0;
    for share in 0..6 {
        let what = format!("kill {step}");
        let seen = bench.run(&what);
        assert_eq!(seen.leaf, None);
        let (path, size) = bench.write_ahead_log();
        let (before, synced) = bench.synced.clone();
        assert_eq!(path, before);
        assert!(size > synced + 1_000, "{size} bytes, {synced} before: an entry and more were written");
        torn += 1;
        let keep = synced + (size - synced) * share / 5;
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.set_len(keep).expect("cut");
        bench.check(&seen, &format!("{what}, then {keep} of {size} bytes"));
    }
    assert!(torn > 3, "{torn} torn writes");
}
