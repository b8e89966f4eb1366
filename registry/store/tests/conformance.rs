//! What every engine must do: written against the traits, run on those that we have. A new engine is one line in `open`.

use std::path::Path;
use std::sync::Arc;

use store::{
    Batch, BlobStore, Check, Committed, Direction, FolderBlobs, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_BLOB_BYTES,
    MAX_KEY_BYTES, MAX_VALUE_BYTES, Namespace, Page, Part, Put, RegistryStore, RocksStore, StoreError, keys,
};

type Rows = Arc<dyn RegistryStore>;
type Blobs = Arc<dyn BlobStore>;

fn rows(folder: &Path) -> Rows {
    Arc::new(RocksStore::open(&folder.join("rows")).expect("a store"))
}

fn blobs(folder: &Path) -> Blobs {
    Arc::new(FolderBlobs::open(&folder.join("blobs")).expect("blobs"))
}

const NS: Namespace = Namespace::Resource;

fn part(name: &str) -> Part {
    Part::organization(name).expect("a part")
}

fn batch(rows: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(NS, *key, *value);
    }
    batch
}

async fn commit(store: &Rows, part: &Part, batch: Batch) {
    let committed = store.commit(part, batch).await.expect("an answer");
    assert!(matches!(committed, Committed::Yes(_)), "{committed:?}");
}

async fn get(store: &Rows, part: &Part, key: &str) -> Option<String> {
    let value = store.get(part, NS, key.as_bytes()).await.expect("an answer");
    value.map(|value| String::from_utf8(value).expect("text"))
}

fn words(page: &Page) -> Vec<String> {
    page.rows.iter().map(|(key, _)| String::from_utf8(key.clone()).expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_as_written_in_their_part_and_namespace() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let (a, b) = (part("a"), part("ab"));
    commit(&store, &a, batch(&[("k", "1"), ("k", "2"), ("", "empty key")])).await;
    commit(&store, &b, batch(&[("k", "other part")])).await;
    let mut other = Batch::new();
    other.put(Namespace::Digest, "k", "other namespace");
    commit(&store, &a, other).await;
    assert_eq!(get(&store, &a, "k").await.as_deref(), Some("2"), "a later put of the same row wins");
    assert_eq!(get(&store, &a, "").await.as_deref(), Some("empty key"));
    assert_eq!(get(&store, &b, "k").await.as_deref(), Some("other part"));
    assert_eq!(get(&store, &part("abc"), "k").await, None);
    let many = store.multi_get(&a, NS, &[b"x".to_vec(), b"k".to_vec(), b"".to_vec(), b"k".to_vec()]).await;
    let many: Vec<Option<Vec<u8>>> = many.expect("an answer");
    assert_eq!(many, [None, Some(b"2".to_vec()), Some(b"empty key".to_vec()), Some(b"2".to_vec())]);
    let mut deletion = batch(&[("k", "3"), ("new", "1")]);
    deletion.dels.push((NS, b"k".to_vec()));
    deletion.dels.push((NS, b"never there".to_vec()));
    commit(&store, &a, deletion).await;
    assert_eq!(get(&store, &a, "k").await, None, "deletes come after puts");
    assert_eq!(get(&store, &a, "new").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_keep_order_bounds_and_pages_both_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let (a, after) = (part("a"), part("b"));
    let keys = ["a", "a\u{1}", "aa", "b", "c", "ca", "d", "\u{7f}"];
    commit(&store, &a, batch(&keys.map(|key| (key, key)))).await;
    commit(&store, &after, batch(&[("a", "of another part")])).await;
    let mut other = Batch::new();
    other.put(Namespace::Reading, "z", "of another namespace").put(Namespace::Request, "a", "and of one before");
    commit(&store, &a, other).await;

    let scan = async |from: &str, to: &str, limit: usize, direction| {
        let range = from.as_bytes().to_vec()..to.as_bytes().to_vec();
        store.scan(&a, NS, range, limit, direction).await.expect("a page")
    };
    for (from, to, expected) in [
        ("", "", &keys[..]),
        ("a", "c", &keys[..4]),
        ("aa", "c\0", &keys[2..5]),
        ("c", "", &keys[4..]),
        ("e", "f", &[]),
        ("c", "c", &[]),
        ("d", "a", &[]),
    ] {
        let page = scan(from, to, 100, Direction::Forward).await;
        assert_eq!((words(&page), page.resume), (expected.iter().map(|k| (*k).to_owned()).collect(), None));
        let page = scan(from, to, 100, Direction::Backward).await;
        assert_eq!((words(&page), page.resume), (expected.iter().rev().map(|k| (*k).to_owned()).collect(), None));
        // In pages of every size: all of it once, in both directions.
        for limit in 1..=keys.len() {
            let (mut found, mut start) = (Vec::new(), from.as_bytes().to_vec());
            loop {
                let range = start.clone()..to.as_bytes().to_vec();
                let page = store.scan(&a, NS, range, limit, Direction::Forward).await.expect("a page");
                assert!(page.rows.len() <= limit);
                found.extend(words(&page));
                match page.resume {
                    Some(next) => start = next,
                    None => break,
                }
            }
            assert_eq!(found, expected, "pages of {limit} from {from:?} to {to:?}");
            let (mut found, mut end) = (Vec::new(), to.as_bytes().to_vec());
            loop {
                let range = from.as_bytes().to_vec()..end.clone();
                let page = store.scan(&a, NS, range, limit, Direction::Backward).await.expect("a page");
                assert!(page.rows.len() <= limit);
                found.extend(words(&page));
                match page.resume {
                    Some(next) => end = next,
                    None => break,
                }
            }
            found.reverse();
            assert_eq!(found, expected, "backward pages of {limit} from {from:?} to {to:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_applied_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let a = part("a");
    commit(&store, &a, batch(&[("there", "1")])).await;
    let there = || b"there".to_vec();
    let absent = || b"absent".to_vec();
    for (check, holds) in [
        (Check::Absent(NS, absent()), true),
        (Check::Absent(NS, there()), false),
        (Check::Present(NS, there()), true),
        (Check::Present(NS, absent()), false),
        (Check::Equals(NS, there(), b"1".to_vec()), true),
        (Check::Equals(NS, there(), b"2".to_vec()), false),
        (Check::Equals(NS, there(), Vec::new()), false),
        (Check::Equals(NS, absent(), Vec::new()), false),
        // The same key elsewhere is another row.
        (Check::Absent(Namespace::Digest, there()), true),
    ] {
        let mut tried = batch(&[("x", "1"), ("y", "1")]);
        tried.dels.push((NS, b"z".to_vec()));
        commit(&store, &a, batch(&[("z", "1")])).await;
        // A condition that holds before one that may not: the batch names the one that failed.
        tried.check(Check::Present(NS, there())).check(check.clone());
        let committed = store.commit(&a, tried).await.expect("an answer");
        let seen = (get(&store, &a, "x").await, get(&store, &a, "y").await, get(&store, &a, "z").await);
        if holds {
            assert!(matches!(committed, Committed::Yes(_)), "{check:?}: {committed:?}");
            assert_eq!(seen, (Some("1".into()), Some("1".into()), None), "{check:?}");
        } else {
            assert_eq!(committed, Committed::Conflict(check));
            assert_eq!(seen, (None, None, Some("1".into())));
        }
        let mut clean = Batch::new();
        clean.dels.extend(["x", "y", "z"].map(|key| (NS, key.into())));
        commit(&store, &a, clean).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_was_replaced_is_fenced() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let log = Part::log();
    let fenced =
        |epoch: u64, value: &str| Batch { fence: Some((b"fence".to_vec(), epoch)), ..batch(&[("row", value)]) };
    // No fence row: nobody has taken the part over.
    assert_eq!(store.commit(&log, fenced(1, "a")).await.expect("an answer"), Committed::Fenced);
    let take = |epoch: u64| {
        let mut batch = Batch::new();
        batch.put(Namespace::Head, "fence", keys::number(epoch));
        batch
    };
    commit(&store, &log, take(1)).await;
    commit(&store, &log, fenced(1, "b")).await;
    commit(&store, &log, take(2)).await;
    assert_eq!(store.commit(&log, fenced(1, "c")).await.expect("an answer"), Committed::Fenced);
    assert_eq!(get(&store, &log, "row").await.as_deref(), Some("b"));
    commit(&store, &log, fenced(2, "d")).await;
    assert_eq!(get(&store, &log, "row").await.as_deref(), Some("d"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_the_same_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let a = part("a");
    let put = |key: usize, value: usize| {
        let mut batch = Batch::new();
        batch.put(NS, vec![b'k'; key], vec![0; value]);
        batch
    };
    let many = |rows: usize| {
        let mut batch = Batch::new();
        for row in 0..rows {
            batch.put(NS, keys::number(row as u64), *b"v");
        }
        batch
    };
    let bytes = |values: usize| {
        let mut batch = Batch::new();
        for row in 0..values {
            batch.put(NS, keys::number(row as u64), vec![0; MAX_VALUE_BYTES]);
        }
        batch
    };
    for (refused, what) in [
        (put(MAX_KEY_BYTES + 1, 1), "bytes in a key"),
        (put(1, MAX_VALUE_BYTES + 1), "bytes in a value"),
        (many(MAX_BATCH_ROWS + 1), "rows in a batch"),
        (bytes(MAX_BATCH_BYTES / MAX_VALUE_BYTES), "bytes in a batch"),
    ] {
        match store.commit(&a, refused).await {
            Err(StoreError::TooLarge { what: found, size, limit }) => {
                assert_eq!(found, what);
                assert!(size > limit, "{size} {limit}");
            }
            other => panic!("{what}: {other:?}"),
        }
        let all = store.scan(&a, NS, Vec::new()..Vec::new(), 10, Direction::Forward).await.expect("a page");
        assert_eq!(all, Page::default(), "{what}: nothing was written");
    }
    // Checks count as rows do.
    let mut checked = many(MAX_BATCH_ROWS);
    checked.check(Check::Absent(NS, b"x".to_vec()));
    assert!(matches!(store.commit(&a, checked).await, Err(StoreError::TooLarge { what: "rows in a batch", .. })));
    // At the limit all is well.
    for allowed in [put(MAX_KEY_BYTES, MAX_VALUE_BYTES), many(MAX_BATCH_ROWS), bytes(15)] {
        commit(&store, &a, allowed).await;
    }
    let page = store.scan(&a, NS, Vec::new()..Vec::new(), usize::MAX, Direction::Forward).await.expect("a page");
    assert_eq!((page.rows.len(), page.resume), (MAX_BATCH_ROWS + 1, None));
    assert_eq!(Part::organization(&"a".repeat(201)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_commits_on_one_row_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let a = part("a");
    // Each round all try to move the row on from what they read: exactly one may.
    let mut before: Option<Vec<u8>> = None;
    for round in 0..20u32 {
        let tasks: Vec<_> = (0..32u32)
            .map(|writer| {
                let (store, a, before) = (store.clone(), a.clone(), before.clone());
                tokio::spawn(async move {
                    let mut batch = Batch::new();
                    batch.check(match before {
                        None => Check::Absent(NS, b"row".to_vec()),
                        Some(value) => Check::Equals(NS, b"row".to_vec(), value),
                    });
                    let value = format!("{round} by {writer}").into_bytes();
                    batch.put(NS, "row", value.clone()).put(NS, format!("of {round}/{writer}"), "1");
                    (value, store.commit(&a, batch).await.expect("an answer"))
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("a task") {
                (value, Committed::Yes(token)) => winners.push((value, token)),
                (_, Committed::Conflict(check)) => assert_eq!(check.row(), (NS, &b"row"[..])),
                (_, other) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let (value, _) = winners.remove(0);
        assert_eq!(store.get(&a, NS, b"row").await.expect("an answer"), Some(value.clone()));
        before = Some(value);
    }
    // The other rows of those who lost are not there.
    let page = store.scan(&a, NS, b"of".to_vec()..b"og".to_vec(), 1_000, Direction::Forward).await.expect("a page");
    assert_eq!(page.rows.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_grow_and_what_they_stand_for_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = rows(folder.path());
    let a = part("a");
    let mut last = None;
    for number in 0..5u64 {
        let mut batch = Batch::new();
        batch.put(NS, keys::number(number), *b"v");
        let Committed::Yes(token) = store.commit(&a, batch).await.expect("an answer") else { panic!("not committed") };
        assert!(last < Some(token), "{last:?} {token:?}");
        last = Some(token);
        store.wait_applied(token, std::time::Duration::from_secs(1)).await.expect("applied");
        assert!(store.get(&a, NS, &keys::number(number)).await.expect("an answer").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let a = part("a");
    for round in 0..3u64 {
        let (store, blobs) = (rows(folder.path()), blobs(folder.path()));
        let page = store.scan(&a, NS, Vec::new()..Vec::new(), 10_000, Direction::Forward).await.expect("a page");
        assert_eq!(page.rows.len() as u64, round * 100, "round {round}");
        let names = blobs.list("kept/", None, 100).await.expect("names");
        assert_eq!(names.len() as u64, round, "round {round}");
        let mut batch = Batch::new();
        for number in round * 100..(round + 1) * 100 {
            batch.put(NS, keys::number(number), keys::number(number));
        }
        commit(&store, &a, batch).await;
        assert_eq!(blobs.put_if_absent(&format!("kept/{round}"), b"bytes").await.expect("an answer"), Put::Created);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_never_change_except_by_compare_and_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = blobs(folder.path());
    assert_eq!(store.get("tile/0/000").await.expect("an answer"), None);
    assert_eq!(store.put_if_absent("tile/0/000", b"one").await.expect("an answer"), Put::Created);
    assert_eq!(store.put_if_absent("tile/0/000", b"one").await.expect("an answer"), Put::Same);
    assert_eq!(store.put_if_absent("tile/0/000", b"two").await.expect("an answer"), Put::Different);
    assert_eq!(store.get("tile/0/000").await.expect("an answer"), Some(b"one".to_vec()));

    assert_eq!(store.put_if_match("head", Some(b"x"), b"1").await.expect("an answer"), Put::Different);
    assert_eq!(store.get("head").await.expect("an answer"), None);
    assert_eq!(store.put_if_match("head", None, b"1").await.expect("an answer"), Put::Created);
    assert_eq!(store.put_if_match("head", None, b"2").await.expect("an answer"), Put::Different);
    assert_eq!(store.put_if_match("head", Some(b"1"), b"2").await.expect("an answer"), Put::Created);
    assert_eq!(store.put_if_match("head", Some(b"1"), b"2").await.expect("an answer"), Put::Same, "a retry");
    assert_eq!(store.put_if_match("head", Some(b"1"), b"3").await.expect("an answer"), Put::Different);
    assert_eq!(store.get("head").await.expect("an answer"), Some(b"2".to_vec()));

    let ten = b"0123456789";
    store.put_if_absent("ten", ten).await.expect("an answer");
    for (range, expected) in
        [(0..10, &ten[..]), (3..5, b"34"), (8..100, b"89"), (10..20, b""), (50..60, b""), (4..4, b"")]
    {
        assert_eq!(
            store.get_range("ten", range.clone()).await.expect("an answer"),
            Some(expected.to_vec()),
            "{range:?}"
        );
    }
    assert_eq!(store.get_range("none", 0..1).await.expect("an answer"), None);
    assert_eq!(store.put_if_absent("empty", b"").await.expect("an answer"), Put::Created);
    assert_eq!(store.get("empty").await.expect("an answer"), Some(Vec::new()));
    let too_large = store.put_if_absent("large", &vec![0; MAX_BLOB_BYTES + 1]).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge { .. })), "{too_large:?}");
    assert_eq!(store.get("large").await.expect("an answer"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_listed_in_order_and_in_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = blobs(folder.path());
    let names = ["a", "b/1", "b/10", "b/2", "b/c/1", "b.txt", "c"];
    for name in names {
        store.put_if_absent(name, name.as_bytes()).await.expect("an answer");
    }
    let mut sorted = names.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(store.list("", None, 100).await.expect("names"), sorted);
    assert_eq!(store.list("b/", None, 100).await.expect("names"), ["b/1", "b/10", "b/2", "b/c/1"]);
    assert_eq!(store.list("b", None, 2).await.expect("names"), ["b.txt", "b/1"]);
    assert_eq!(store.list("b", Some("b/1"), 2).await.expect("names"), ["b/10", "b/2"]);
    assert_eq!(store.list("b", Some("b/c/1"), 2).await.expect("names"), Vec::<String>::new());
    assert_eq!(store.list("x", None, 2).await.expect("names"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_puts_of_one_blob_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = blobs(folder.path());
    for compare_and_set in [false, true] {
        let name = format!("raced-{compare_and_set}");
        let tasks: Vec<_> = (0..16u32)
            .map(|writer| {
                let (store, name) = (store.clone(), name.clone());
                tokio::spawn(async move {
                    let bytes = writer.to_be_bytes();
                    let put = match compare_and_set {
                        true => store.put_if_match(&name, None, &bytes).await,
                        false => store.put_if_absent(&name, &bytes).await,
                    };
                    (bytes, put.expect("an answer"))
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            let (bytes, put) = task.await.expect("a task");
            match put {
                Put::Created => winners.push(bytes.to_vec()),
                Put::Different => {}
                Put::Same => panic!("all bytes differ"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get(&name).await.expect("an answer"), winners.pop());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_name_reaches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), b"secret").expect("written");
    let store = blobs(folder.path());
    let long = "a/".repeat(300) + "a";
    for name in [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        ".",
        "..",
        "../secret",
        "a/../../secret",
        ".tmp/x",
        "a/.b",
        "a b",
        "a\0b",
        "a\\b",
        "ä",
        "/etc/passwd",
        long.as_str(),
    ] {
        assert!(store.put_if_absent(name, b"x").await.is_err(), "{name:?}");
        assert!(store.put_if_match(name, None, b"x").await.is_err(), "{name:?}");
        assert!(store.get(name).await.is_err(), "{name:?}");
        assert!(store.get_range(name, 0..1).await.is_err(), "{name:?}");
    }
    assert_eq!(store.list("", None, 100).await.expect("names"), Vec::<String>::new());
}
