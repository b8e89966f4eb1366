//! The log never forks, whatever becomes of its disk: an old copy of the data signs nothing, and says so; what is kept
//! beside the entries is compared with them and written anew; one folder has one writer; no time goes back; a process that
//! is killed at any step, a full disk, a failed sync and a torn write lose nothing acknowledged. Through the binary, but
//! for the clock.

mod disk;
mod trial;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cose::key::SigningKey;
use integration_tests::cast::{LOG_ID, ORIGIN};
use integration_tests::processes::program;
use integration_tests::story;
use jiff::{SignedDuration, Timestamp};
use record::status::Epoch;
use registry_service::{LogKeys, RegistryService};
use runtime::connect::Peer;
use store::{Batch, Direction, FolderBlobs, MemoryBlobs, MemoryStore, Namespace, Part, RegistryStore, RocksStore};
use tonic::transport::Endpoint;

use crate::trial::{Trial, copy, replace};

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
            witnesses: None,
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
