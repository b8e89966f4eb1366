//! A whole log from outside: a Touchstone log in a folder and over HTTP, a log of others, and every way to be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::note::NoteSigner;
use tlog::tree::MemoryTree;

use crate::support::served::{self, Served};
use crate::support::{self, Step};
use crate::{Answer, Desk, ed25519, shared};

/// Ten minutes after the latest epoch of [`Served::whole`].
const NOW: &str = "--now=2026-06-01T00:10:00Z";

/// A desk with a log in the folder `log`, and everything that it can be known by.
fn desk(served: &Served) -> Desk {
    let desk = Desk::new();
    write(&desk.path("log"), &served.files());
    let trust = support::trust();
    desk.write("trust.toml", toml::to_string(&trust).unwrap());
    desk.write("introduction.toml", verify::Introduction { log: trust.log.clone() }.to_toml().unwrap());
    desk.write("policy", format!("log {}\nquorum none\n", trust.log.note_key));
    let both = format!("log {}\nlog {}\nquorum none\n", trust.log.note_key, trust.log.status_note_key);
    desk.write("both", both);
    desk
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[track_caller]
fn audit(desk: &Desk, more: &[&str]) -> Answer {
    let answer = desk.json(&[["audit", "log@", NOW].as_slice(), more].concat());
    answer.ended();
    answer
}

fn codes(answer: &Answer) -> Vec<String> {
    let reasons = answer.json()["reasons"].as_array().unwrap().clone();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_whole_log_is_accepted_by_whatever_it_is_known() {
    let desk = desk(&Served::whole());
    for (args, keys) in [
        (["--introduction", "introduction.toml@"], "INTRODUCTION"),
        (["--trust", "trust.toml@"], "TRUST"),
        (["--policy", "policy@"], "POLICY"),
        (["--policy", "both@"], "POLICY"),
    ] {
        let answer = desk.program(&[["audit", "log@", NOW].as_slice(), &args].concat());
        assert_eq!((answer.code, codes(&answer)), (0, vec![]), "{answer:?}");
        let found = answer.json();
        assert_eq!((&found["keys"], &found["origin"]), (&keys.into(), &support::ORIGIN.into()));
        assert_eq!((&found["size"], &found["entries_checked"]), (&11.into(), &11.into()));
        assert_eq!((&found["statements_good"], &found["tiles_compared"]), (&11.into(), &2.into()));
        assert_eq!((&found["status"]["epochs_good"], &found["status"]["changed_leaves"]), (&3.into(), &1.into()));
        assert_eq!(found["status"]["latest_time"], "2026-06-01T00:00:00Z");
    }
    // By its own word: accepted, with that as a condition.
    let answer = audit(&desk, &[]);
    assert_eq!((answer.code, codes(&answer)), (0, vec!["KEYS_FROM_LOG".to_owned()]));
    assert_eq!(answer.json()["outcome"], "ACCEPTED_WITH_CONDITIONS");
    let words = desk.run(&["audit", "log@", NOW]);
    assert!(words.out.starts_with("✓ ACCEPTED WITH CONDITIONS"), "{}", words.out);
    assert!(words.out.contains("Remedy: Give --trust") && words.out.contains("11 of 11 fetched"), "{}", words.out);
    // Later nobody hears of it: the log promised an epoch every ten minutes.
    let late = desk.json(&["audit", "log@", "--introduction", "introduction.toml@", "--now=2026-06-01T00:15:01Z"]);
    assert_eq!(late.ended(), (3, "STATUS_STALE".into()));
    let early = desk.json(&["audit", "log@", "--introduction", "introduction.toml@", "--now=2026-05-31T23:54:59Z"]);
    assert_eq!(early.ended(), (3, "CLOCK_AHEAD".into()));
}

#[test]
fn a_stranger_is_not_the_log() {
    let desk = desk(&Served::whole());
    let stranger = NoteSigner::new(support::ORIGIN, ed25519()).unwrap().verifier().to_vkey();
    desk.write("policy", format!("log {stranger}\nquorum none\n"));
    assert_eq!(codes(&audit(&desk, &["--policy", "policy@"])), ["LOG_UNKNOWN"]);
    let mut trust = support::trust();
    trust.witness_quorum = 1;
    desk.write("trust.toml", toml::to_string(&trust).unwrap());
    let answer = audit(&desk, &["--trust", "trust.toml@"]);
    assert_eq!((answer.code, codes(&answer)), (3, vec!["WITNESS_QUORUM".to_owned(); 2]));
    // Keys known otherwise than leaf 0 states them.
    let mut trust = support::trust();
    trust.log.receipt_key = served::identity().operator_key;
    desk.write("trust.toml", toml::to_string(&trust).unwrap());
    assert_eq!(codes(&audit(&desk, &["--trust", "trust.toml@"])), ["FIRST_LEAVES"]);
}

/// Whatever byte of whatever file changes, the log is not accepted; a file that is not there neither.
#[test]
fn no_file_may_change() {
    let served = Served::whole();
    let desk = desk(&served);
    let known = ["--introduction", "introduction.toml@"];
    let files = served.files();
    assert_eq!(files.len(), 6, "{:?}", files.keys());
    for (path, bytes) in &files {
        let file = desk.path("log").join(path);
        // Every byte of what is small; of the entries some hundred.
        for at in (0..bytes.len()).step_by(1.max(bytes.len() / 150)) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&file, bad).unwrap();
            assert_eq!(audit(&desk, &known).code, 1, "byte {at} of {path}");
        }
        for bad in [&bytes[..bytes.len() - 1], &[bytes.as_slice(), b"x"].concat()] {
            fs::write(&file, bad).unwrap();
            assert_eq!(audit(&desk, &known).code, 1, "length of {path}");
        }
        fs::remove_file(&file).unwrap();
        assert!(codes(&audit(&desk, &known)).contains(&"FILE_NOT_SERVED".to_owned()), "{path}");
        fs::write(&file, bytes).unwrap();
    }
    assert_eq!(audit(&desk, &known).code, 0);
}

/// What the log itself did wrong, under its own good signature.
#[test]
fn what_its_own_keys_do_not_make_good() {
    let found = |change: &dyn Fn(&mut Served)| {
        let mut served = Served::whole();
        change(&mut served);
        codes(&audit(&desk(&served), &["--introduction", "introduction.toml@"]))
    };
    let people = &*support::PEOPLE;
    assert_eq!(found(&|_| ()), Vec::<String>::new());
    assert_eq!(
        found(&|served| {
            served.push(b"no statement".to_vec());
        }),
        ["STATEMENT_INVALID"]
    );
    let unvouched = |served: &mut Served| {
        let granted = served::accreditation(&people.ab, support::STEEL, "72", &people.cb);
        served.push(served::certificate(&people.cb_unvouched, "c-2", "25231000", (support::STEEL, &granted)));
    };
    assert_eq!(found(&unvouched), ["SIGNER_UNKNOWN"]);
    assert_eq!(found(&|served| served.change_latest_epoch(|epoch| epoch.map_root[0] ^= 1)), ["STATUS_OTHER"]);
    assert_eq!(found(&|served| served.change_latest_epoch(|epoch| epoch.root[0] ^= 1)), ["EPOCH_OTHER_LOG"]);
    assert_eq!(found(&|served| served.change_latest_epoch(|epoch| epoch.size += 1)), ["EPOCH_INVALID"]);
    assert_eq!(found(&|served| served.change_latest_epoch(|epoch| epoch.number += 1)), ["EPOCH_INVALID"]);
    // However many there are, 100 are listed, and all counted.
    let mut served = Served::whole();
    for n in 0..150 {
        served.push(format!("no statement {n}").into_bytes());
    }
    let answer = audit(&desk(&served), &["--introduction", "introduction.toml@"]);
    assert_eq!((codes(&answer).len(), &answer.json()["findings"]), (100, &150.into()));
}

#[test]
fn what_was_seen_before_stays() {
    let mut served = Served::whole();
    let desk = desk(&served);
    let known = ["--introduction", "introduction.toml@", "--keep", "state.json@"];
    let first = audit(&desk, &known);
    assert_eq!((first.code, &first.json()["extends_size"]), (0, &Value::Null));
    let kept = fs::read(desk.path("state.json")).unwrap();
    assert_eq!((audit(&desk, &known).code, audit(&desk, &known).json()["extends_size"].clone()), (0, 11.into()));
    assert_eq!(fs::read(desk.path("state.json")).unwrap(), kept);

    // It grows, and extends what was seen.
    let people = &*support::PEOPLE;
    let step =
        |state| Step { state, effective: "2026-06-01T00:05:00Z", goods_rule: record::status::GoodsRule::NoGoods };
    served.log.change(&people.cb, 8, &step(record::status::State::Withdrawn));
    served.log.epoch("2026-06-01T00:05:00Z");
    let grown = served.files();
    write(&desk.path("log"), &grown);
    let answer = audit(&desk, &known);
    assert_eq!((answer.code, &answer.json()["extends_size"]), (0, &11.into()), "{answer:?}");
    let newer = fs::read(desk.path("state.json")).unwrap();
    assert_ne!(newer, kept);

    // A checkpoint of fewer entries contradicts nothing, and is not kept.
    let older = Checkpoint::new(support::ORIGIN, 3, root(&served, 3));
    let mut shorter = served.files();
    shorter.insert("checkpoint".into(), support::note(&older, &people.note));
    write(&desk.path("log"), &shorter);
    let answer = audit(&desk, &known);
    assert!(codes(&answer).contains(&"CHECKPOINT_WENT_BACK".to_owned()), "{answer:?}");
    assert_eq!(fs::read(desk.path("state.json")).unwrap(), newer);

    // Another log under the same keys: of the same size, and of a greater one.
    let mut fork = Served::whole();
    fork.log.change(&people.cb, 8, &step(record::status::State::Superseded));
    fork.log.epoch("2026-06-01T00:05:00Z");
    for more in [0, 1] {
        if more == 1 {
            fork.log.epoch("2026-06-01T00:06:00Z");
            fork.log.change(&people.ab, 5, &step(record::status::State::Suspended));
            fork.log.epoch("2026-06-01T00:07:00Z");
        }
        write(&desk.path("log"), &fork.files());
        let answer = audit(&desk, &known);
        // The log and its status log contradict what was seen.
        assert_eq!((answer.code, codes(&answer)), (1, vec!["SPLIT_VIEW".to_owned(); 2]), "{answer:?}");
        let message = answer.json()["reasons"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("SPLIT VIEW: "), "{message}");
        assert_eq!(fs::read(desk.path("state.json")).unwrap(), newer);
    }
    // Each pair of checkpoints is kept, as they were signed.
    let views: Vec<PathBuf> = fs::read_dir(desk.path("."))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("split-view"))
        .collect();
    assert_eq!(views.len(), 4, "{views:?}");
    for view in views {
        let view: Value = serde_json::from_slice(&fs::read(view).unwrap()).unwrap();
        assert_ne!(view["kept"], view["seen"]);
        for note in [&view["kept"], &view["seen"]] {
            desk.write("checkpoint", note.as_str().unwrap());
            let check = desk.json(&["check-checkpoint", "checkpoint@", "--policy", "both@"]);
            assert_eq!(check.code, 0, "{check:?}");
        }
    }

    // A file of something else.
    desk.write("state.json", "{}");
    assert_eq!(
        desk.json(&[&["audit", "log@", NOW], known.as_slice()].concat()).ended(),
        (1, "KEPT_STATE_INVALID".into())
    );
    // Of another log: its signatures are not those of the log known.
    let stranger = NoteSigner::new("other.example/log", ed25519()).unwrap();
    let note = support::note(&Checkpoint::new("other.example/log", 1, [1; 32]), &stranger);
    let state = serde_json::json!({
        "format": "touchstone-log-state-1",
        "checkpoint": String::from_utf8(note).unwrap(),
        "status_checkpoint": null,
    });
    desk.write("state.json", state.to_string());
    assert_eq!(codes(&audit(&desk, &known)), ["KEPT_OTHER_KEYS"]);
}

fn root(served: &Served, size: u64) -> [u8; 32] {
    served.entries().map(leaf_hash).collect::<MemoryTree>().root(size).unwrap()
}

/// Status, headers and body for a request: its number, path, and the file that it asks for.
type Answering =
    dyn Fn(usize, &str, Option<Vec<u8>>) -> (u16, Vec<(&'static str, &'static str)>, Vec<u8>) + Send + Sync;

/// A server of the files of a folder; where it is, and how often it was asked.
fn serve(folder: PathBuf, answer: Arc<Answering>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (folder, answer, count) = (folder.clone(), answer.clone(), count.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                loop {
                    let mut request = String::new();
                    if reader.read_line(&mut request).unwrap_or(0) == 0 {
                        return;
                    }
                    let mut line = String::new();
                    while reader.read_line(&mut line).unwrap_or(0) > 2 {
                        line.clear();
                    }
                    let path = request.split(' ').nth(1).unwrap().trim_start_matches("/prefix/").to_owned();
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    let file = fs::read(folder.join(&path)).ok();
                    let (status, headers, body) = answer(number, &path, file);
                    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                    for (name, value) in headers {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                    let _gone = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
                }
            });
        }
    });
    (address, asked)
}

fn plainly(file: Option<Vec<u8>>) -> (u16, Vec<(&'static str, &'static str)>, Vec<u8>) {
    file.map_or((404, vec![], b"no".to_vec()), |bytes| (200, vec![], bytes))
}

const TESSERA: &str =
    "log example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx\nquorum none\n";

/// The log of transparency-dev/tessera, in its folder and over HTTP: tree and tiles, as far as its format goes.
#[test]
fn tessera_log() {
    let Some(folder) = shared("tessera-log") else { return };
    let desk = Desk::new();
    desk.write("policy", TESSERA);
    let (address, asked) = serve(folder.clone(), Arc::new(|_, _, file| plainly(file)));
    let over_http = format!("http://{address}/prefix/");
    for url in [folder.to_str().unwrap(), &over_http] {
        let answer = desk.program(&["audit", url, "--policy", "policy@", "--tree-only"]);
        assert_eq!((answer.code, codes(&answer)), (0, vec![]), "{answer:?}");
        let found = answer.json();
        assert_eq!((&found["entries_checked"], &found["tiles_compared"]), (&15.into(), &1.into()));
        assert_eq!((&found["origin"], &found["status"]), (&"example.com/log/testdata".into(), &Value::Null));
        assert_eq!(found["root"], "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=");
        // It is no log of Touchstone's, and is not taken for one unless asked for the tree alone.
        let answer = desk.program(&["audit", url, "--policy", "policy@"]);
        assert_eq!(answer.ended(), (1, "FIRST_LEAVES".into()));
    }
    assert!(asked.load(Ordering::SeqCst) >= 6);
    // Each of its sizes extends the one before, as the one who kept it sees.
    let copy = desk.path("log");
    let known = ["--policy", "policy@", "--tree-only", "--keep", "state.json@"];
    for file in ["tile/0/000.p", "tile/entries/000.p"] {
        fs::create_dir_all(copy.join(file)).unwrap();
        for width in 1..=15 {
            fs::copy(folder.join(format!("{file}/{width}")), copy.join(format!("{file}/{width}"))).unwrap();
        }
    }
    for size in 0..=15u64 {
        fs::copy(folder.join(format!("checkpoint.{size}")), copy.join("checkpoint")).unwrap();
        let answer = audit(&desk, &known);
        let before = size.checked_sub(1).map_or(Value::Null, Value::from);
        assert_eq!((answer.code, &answer.json()["extends_size"]), (0, &before), "{answer:?}");
    }
}

/// More than one tile, served as logs may: packed without being asked, partial tiles let go, away for a moment.
#[test]
fn over_http_as_logs_may() {
    let desk = Desk::new();
    let log = NoteSigner::new("log.example/many", ed25519()).unwrap();
    let entries: Vec<Vec<u8>> = (0..600u32).map(|n| format!("entry {n}").into_bytes()).collect();
    let tree: MemoryTree = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let mut files = served::tree_files("", &tree, &entries);
    // The checkpoint is of 500 entries: their partial tiles are gone, and the full ones stand in their place.
    let note = support::note(&Checkpoint::new("log.example/many", 500, tree.root(500).unwrap()), &log);
    files.insert("checkpoint".into(), note);
    files.insert("tile/1/000.p/1".into(), tree_node(&tree));
    write(&desk.path("log"), &files);
    desk.write("policy", format!("log {}\nquorum none\n", log.verifier().to_vkey()));
    let folder = desk.path("log");
    assert!(!folder.join("tile/0/001.p/244").exists() && folder.join("tile/0/001").exists());

    let packed = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let (address, asked) = serve(
        folder.clone(),
        Arc::new(move |number, _, file| match file {
            _ if number % 4 == 0 => (503, vec![], b"in a moment".to_vec()),
            Some(bytes) => (200, vec![("Content-Encoding", "gzip")], packed(&bytes)),
            None => plainly(None),
        }),
    );
    let url = format!("http://{address}/prefix");
    let check = |url: &str| desk.json(&["audit", url, "--policy", "policy@", "--tree-only"]);
    let answer = check(&url);
    assert_eq!((answer.code, codes(&answer)), (0, vec![]), "{answer:?}");
    assert_eq!((&answer.json()["entries_checked"], &answer.json()["tiles_compared"]), (&500.into(), &3.into()));
    assert!(asked.load(Ordering::SeqCst) > 8);

    // What is away for good, or answers what nobody asked, is an error and no verdict about the log.
    let away: [Arc<Answering>; 4] = [
        Arc::new(|_, _, _| (503, vec![], vec![])),
        Arc::new(|_, _, _| (302, vec![("Location", "/elsewhere")], vec![])),
        Arc::new(|_, _, file| (200, vec![("Content-Encoding", "br")], file.unwrap_or_default())),
        Arc::new(|_, path, file| if path == "tile/entries/001" { (403, vec![], vec![]) } else { plainly(file) }),
    ];
    for answer in away {
        let (address, _) = serve(folder.clone(), answer);
        let answer = check(&format!("http://{address}/prefix"));
        assert_eq!(answer.ended(), (1, "LOG_AWAY".into()), "{answer:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(check(&format!("http://{closed}")).ended(), (1, "LOG_AWAY".into()));
    for wrong in ["https://log.example", "log.example", "http://", "ftp://log.example/", "http://log.example/?a=b"] {
        assert_eq!(check(wrong).ended(), (1, "LOG_PLACE_INVALID".into()), "{wrong}");
    }
}

/// The one hash of level 1 in a tree of 500.
fn tree_node(tree: &MemoryTree) -> Vec<u8> {
    tlog::tree::HashReader::node(tree, 8, 0).unwrap().to_vec()
}
