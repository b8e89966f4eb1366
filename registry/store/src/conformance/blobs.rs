//! Blobs: what [`BlobStore`](crate::BlobStore) promises.

use super::Blobs;
use crate::faults::FaultyBlobs;
use crate::{BlobStore as _, MAX_BLOB_BYTES, Put, StoreError};

/// What a put says of what was there, and that it is left as it was.
pub async fn blobs_never_change_except_by_compare_and_set(open: &impl AsyncFn() -> Blobs) {
    let store = open().await;
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

    assert_eq!(store.put_if_absent("empty", b"").await.expect("an answer"), Put::Created);
    assert_eq!(store.get("empty").await.expect("an answer"), Some(Vec::new()));
    let too_large = store.put_if_absent("large", &vec![0; MAX_BLOB_BYTES + 1]).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge { .. })), "{too_large:?}");
    let too_large = store.put_if_match("large", None, &vec![0; MAX_BLOB_BYTES + 1]).await;
    assert!(matches!(too_large, Err(StoreError::TooLarge { .. })), "{too_large:?}");
    assert_eq!(store.get("large").await.expect("an answer"), None);
}

/// Names in byte order, by prefix, after a name, at most so many.
pub async fn blobs_are_listed_in_order_and_in_pages(open: &impl AsyncFn() -> Blobs) {
    let store = open().await;
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

/// Of many that put other bytes under one name one does.
pub async fn of_concurrent_puts_of_one_blob_one_wins(open: &impl AsyncFn() -> Blobs) {
    let store = open().await;
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

/// Names are refused before anything is touched.
pub async fn a_bad_name_reaches_nothing(open: &impl AsyncFn() -> Blobs) {
    let store = open().await;
    fn refused<T: std::fmt::Debug>(answer: Result<T, StoreError>, name: &str) {
        assert!(matches!(answer, Err(StoreError::BlobName { .. })), "{name:?}: {answer:?}");
    }
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
        refused(store.put_if_absent(name, b"x").await, name);
        refused(store.put_if_match(name, None, b"x").await, name);
        refused(store.get(name).await, name);
        refused(store.get_range(name, 0..1).await, name);
    }
    assert_eq!(store.list("", None, 100).await.expect("names"), Vec::<String>::new());
}

/// A range gives what of it the blob has.
pub async fn ranges_end_where_the_blob_ends(open: &impl AsyncFn() -> Blobs) {
    let store = open().await;
    let ten = b"0123456789";
    store.put_if_absent("ten", ten).await.expect("an answer");
    for (range, expected) in [
        (0..10, &ten[..]),
        (3..5, b"34"),
        (8..100, b"89"),
        (10..20, b""),
        (50..60, b""),
        (4..4, b""),
        (5..u64::MAX, b"56789"),
        (u64::MAX - 1..u64::MAX, b""),
    ] {
        let found = store.get_range("ten", range.clone()).await.expect("an answer");
        assert_eq!(found, Some(expected.to_vec()), "{range:?}");
    }
    assert_eq!(store.get_range("none", 0..1).await.expect("an answer"), None);
    // What only leads to blobs is none.
    store.put_if_absent("folder/blob", b"1").await.expect("an answer");
    assert_eq!(store.get("folder").await.expect("an answer"), None);
    assert_eq!(store.get_range("folder", 0..1).await.expect("an answer"), None);
    assert_eq!(store.get("folder/blob/below").await.expect("an answer"), None);
}

/// Whoever puts again after a failure ends with one blob, and is told that it is the same.
pub async fn each_put_fails_twice_and_is_made_once(open: &impl AsyncFn() -> Blobs) {
    let inner = open().await;
    let store = FaultyBlobs::each_put_twice(inner.clone());
    assert!(store.put_if_absent("tile", b"1").await.is_err());
    assert_eq!(inner.get("tile").await.expect("an answer"), None, "failed and not stored");
    assert!(store.put_if_absent("tile", b"1").await.is_err());
    assert_eq!(inner.get("tile").await.expect("an answer"), Some(b"1".to_vec()), "failed but stored");
    assert_eq!(store.put_if_absent("tile", b"1").await.expect("an answer"), Put::Same);

    let mut held: Option<Vec<u8>> = None;
    for next in [b"head 1", b"head 2"] {
        assert!(store.put_if_match("head", held.as_deref(), next).await.is_err());
        assert_eq!(inner.get("head").await.expect("an answer"), held, "failed and not stored");
        assert!(store.put_if_match("head", held.as_deref(), next).await.is_err());
        assert_eq!(inner.get("head").await.expect("an answer"), Some(next.to_vec()), "failed but stored");
        assert_eq!(store.put_if_match("head", held.as_deref(), next).await.expect("an answer"), Put::Same);
        held = Some(next.to_vec());
    }
}

/// What was put is there when the engine is opened again.
pub async fn blobs_are_there_after_a_reopening(open: &impl AsyncFn() -> Blobs) {
    for round in 0..3usize {
        let store = open().await;
        assert_eq!(store.list("kept/", None, 100).await.expect("names").len(), round, "round {round}");
        let held = store.get("head").await.expect("an answer");
        assert_eq!(held, round.checked_sub(1).map(|before| vec![before as u8]));
        let put = store.put_if_absent(&format!("kept/{round}/deep"), b"bytes").await.expect("an answer");
        assert_eq!(put, Put::Created);
        let put = store.put_if_match("head", held.as_deref(), &[round as u8]).await.expect("an answer");
        assert_eq!(put, Put::Created);
    }
}
