//! Rows: what [`RegistryStore`] promises.

use super::Rows;
use crate::faults::Faulty;
use crate::{
    Batch, Check, Committed, Direction, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_KEY_BYTES, MAX_VALUE_BYTES, Namespace,
    Page, Part, StoreError, keys,
};

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

/// A row is found under its own part, namespace and key alone; the last put wins, and deletes come last.
pub async fn rows_are_read_as_written_in_their_part_and_namespace(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// A scan gives the rows of its range in byte order, in pages of any size, forward and backward.
pub async fn scans_keep_order_bounds_and_pages_both_ways(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// Each kind of check, where it holds and where it does not.
pub async fn a_batch_is_applied_whole_or_not_at_all(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// A batch with the number of an earlier writer, or of a later one, changes nothing.
pub async fn a_stale_epoch_is_fenced(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// What passes a limit is refused by its name; what is at the limit is not.
pub async fn limits_are_the_same_everywhere(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// Of many that move one row on from what they read, one does, and nothing of the others is there.
pub async fn of_concurrent_commits_on_one_row_one_wins(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// A later batch has a greater token, and can be read once waited for.
pub async fn tokens_grow_and_what_they_stand_for_can_be_read(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
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

/// Zero bytes, 0xff and the empty key and value are bytes like any other, and order is that of unsigned bytes.
pub async fn keys_and_values_are_any_bytes_in_byte_order(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
    let a = part("a");
    let in_order: [&[u8]; 11] =
        [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"\x7f", b"\x80", b"a", b"\xff", b"\xff\0", b"\xff\xff"];
    let mut sorted = in_order.to_vec();
    sorted.sort();
    let mut batch = Batch::new();
    // Written in another order than they are read in; the value of a key is the key, so that one is empty.
    for key in sorted.iter().rev() {
        batch.put(NS, *key, *key);
    }
    batch.put(NS, "value", b"\0\xff\0".to_vec());
    commit(&store, &a, batch).await;
    // The part that sorts next, and the namespace after: neither is in a scan without end.
    let mut next = Batch::new();
    next.put(NS, b"".to_vec(), b"next".to_vec());
    commit(&store, &part("b"), next).await;
    let mut after = Batch::new();
    after.put(Namespace::Reading, b"".to_vec(), b"after".to_vec());
    commit(&store, &a, after).await;
    sorted.push(b"value");
    sorted.sort();
    let page = store.scan(&a, NS, Vec::new()..Vec::new(), 100, Direction::Forward).await.expect("a page");
    let found: Vec<&[u8]> = page.rows.iter().map(|(key, _)| key.as_slice()).collect();
    assert_eq!((found, page.resume.as_deref()), (sorted.clone(), None));
    for key in in_order {
        assert_eq!(store.get(&a, NS, key).await.expect("an answer").as_deref(), Some(key), "{key:?}");
    }
    assert_eq!(store.get(&a, NS, b"value").await.expect("an answer").as_deref(), Some(&b"\0\xff\0"[..]));
    // An empty value is there, and is equal to an empty value.
    let mut checked = Batch::new();
    checked.check(Check::Present(NS, Vec::new())).check(Check::Equals(NS, Vec::new(), Vec::new()));
    commit(&store, &a, checked).await;
    let mut absent = Batch::new();
    absent.check(Check::Absent(NS, Vec::new()));
    let refused = store.commit(&a, absent).await.expect("an answer");
    assert_eq!(refused, Committed::Conflict(Check::Absent(NS, Vec::new())));
    // A key that is too long for a row is in none.
    assert_eq!(store.get(&a, NS, &[b'k'; MAX_KEY_BYTES + 1]).await.expect("an answer"), None);
}

/// While rows are added behind and before the reader, every row that was there is seen once, in order.
pub async fn pages_show_each_row_once_while_others_are_inserted(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
    let a = part("a");
    for (direction, tag) in [(Direction::Forward, "f"), (Direction::Backward, "b")] {
        let name = |number: u64, of: &str| format!("{tag}/{number:04}{of}");
        let mut before = Batch::new();
        for number in 0..100 {
            before.put(NS, name(number, ""), "1");
        }
        commit(&store, &a, before).await;
        let (mut range, mut seen) = (format!("{tag}/").into_bytes()..format!("{tag}0").into_bytes(), Vec::new());
        loop {
            let page = store.scan(&a, NS, range.clone(), 7, direction).await.expect("a page");
            seen.extend(words(&page));
            // Beside each of the hundred, in turn from both ends.
            let turn = seen.len() as u64;
            let mut more = Batch::new();
            for number in [turn % 100, 99 - turn % 100] {
                more.put(NS, name(number, "-added"), "1");
            }
            commit(&store, &a, more).await;
            match (page.resume, direction) {
                (None, _) => break,
                (Some(next), Direction::Forward) => range.start = next,
                (Some(next), Direction::Backward) => range.end = next,
            }
            assert!(seen.len() < 1_000, "paging does not end");
        }
        let mut ordered = seen.clone();
        ordered.sort();
        ordered.dedup();
        if direction == Direction::Backward {
            ordered.reverse();
        }
        assert_eq!(seen, ordered, "once, in order");
        let held: Vec<&String> = seen.iter().filter(|name| !name.ends_with("-added")).collect();
        assert_eq!(held.len(), 100);
        assert!(seen.len() > 100, "some of what was added lay ahead");
    }
}

/// The shape of a log: an entry and the head in one batch, by two writers that know nothing of each other.
pub async fn two_writers_race_for_one_head(open: &impl AsyncFn() -> Rows) {
    const EACH: u64 = 50;
    let store = open().await;
    let log = Part::log();
    let writers = [1u64, 2].map(|writer| {
        let (store, log) = (store.clone(), log.clone());
        tokio::spawn(async move {
            let (mut mine, mut conflicts) = (Vec::new(), 0u32);
            while (mine.len() as u64) < EACH {
                let head = store.get(&log, Namespace::Head, b"head").await.expect("an answer");
                let size = head.as_deref().map_or(0, |row| keys::parse_number(row).expect("a number"));
                let mut batch = Batch::new();
                batch.check(match head {
                    None => Check::Absent(Namespace::Head, b"head".to_vec()),
                    Some(row) => Check::Equals(Namespace::Head, b"head".to_vec(), row),
                });
                batch.put(Namespace::Entry, keys::number(size), keys::number(writer));
                batch.put(Namespace::Head, "head", keys::number(size + 1));
                match store.commit(&log, batch).await.expect("an answer") {
                    Committed::Yes(_) => mine.push(size),
                    Committed::Conflict(check) => {
                        assert_eq!(check.row(), (Namespace::Head, &b"head"[..]));
                        conflicts += 1;
                    }
                    other => panic!("{other:?}"),
                }
                assert!(conflicts < 100_000, "nobody gets on");
            }
            (writer, mine)
        })
    });
    let mut owner = vec![0; 2 * EACH as usize];
    for writer in writers {
        let (writer, mine) = writer.await.expect("a writer");
        for leaf in mine {
            assert_eq!(std::mem::replace(&mut owner[leaf as usize], writer), 0, "entry {leaf} was promised twice");
        }
    }
    let all = Vec::new()..Vec::new();
    let page = store.scan(&log, Namespace::Entry, all, 1_000, Direction::Forward).await.expect("a page");
    let rows: Vec<(u64, u64)> = page
        .rows
        .iter()
        .map(|(key, value)| (keys::parse_number(key).expect("a number"), keys::parse_number(value).expect("a number")))
        .collect();
    assert_eq!(rows, (0..).zip(owner).collect::<Vec<(u64, u64)>>(), "no gap, and who was told yes has it");
}

/// A writer that reads its own key again after every failure writes everything once, whatever fails.
pub async fn each_write_fails_twice_and_is_made_once(open: &impl AsyncFn() -> Rows) {
    const WRITES: u64 = 20;
    let inner = open().await;
    let store: Rows = Faulty::each_write_twice(inner.clone());
    let a = part("a");
    let (mut attempts, mut found_written) = (0, 0);
    for number in 0..WRITES {
        loop {
            let count = store.get(&a, NS, b"count").await.expect("reads do not fail");
            let mut batch = Batch::new();
            batch.check(Check::Absent(NS, keys::number(number)));
            batch.put(NS, keys::number(number), *b"once");
            let before = count.as_deref().map_or(0, |row| keys::parse_number(row).expect("a number"));
            batch.put(NS, "count", keys::number(before + 1));
            attempts += 1;
            match store.commit(&a, batch).await {
                Ok(Committed::Yes(_)) => break,
                Ok(Committed::Unknown) | Err(StoreError::Unavailable(_)) => {
                    if store.get(&a, NS, &keys::number(number)).await.expect("reads do not fail").is_some() {
                        found_written += 1;
                        break;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // The first attempt was not stored; the second was, and was found to be.
    assert_eq!((attempts, found_written), (2 * WRITES, WRITES));
    assert_eq!(inner.get(&a, NS, b"count").await.expect("an answer"), Some(keys::number(WRITES)), "each was made once");
    // Who does not read but tries the same again is told by the check.
    let again = || {
        let mut batch = Batch::new();
        batch.check(Check::Absent(NS, b"again".to_vec())).put(NS, "again", "1");
        batch
    };
    assert!(store.commit(&a, again()).await.is_err());
    assert_eq!(store.commit(&a, again()).await.expect("an answer"), Committed::Unknown);
    let third = store.commit(&a, again()).await.expect("an answer");
    assert_eq!(third, Committed::Conflict(Check::Absent(NS, b"again".to_vec())));
}

/// What was committed is there when the engine is opened again, and nothing else is.
pub async fn everything_is_there_after_a_reopening(open: &impl AsyncFn() -> Rows) {
    let a = part("a");
    for round in 0..3u64 {
        let store = open().await;
        let page = store.scan(&a, NS, Vec::new()..Vec::new(), 10_000, Direction::Forward).await.expect("a page");
        assert_eq!(page.rows.len() as u64, round * 100, "round {round}");
        for (number, (key, value)) in page.rows.iter().enumerate() {
            assert_eq!((key, value), (&keys::number(number as u64), &keys::number(round)), "the newest value");
        }
        let mut batch = Batch::new();
        for number in 0..(round + 1) * 100 {
            batch.put(NS, keys::number(number), keys::number(round + 1));
        }
        batch.put(NS, "gone", "1");
        batch.dels.push((NS, b"gone".to_vec()));
        commit(&store, &a, batch).await;
        let mut refused = Batch::new();
        refused.check(Check::Absent(NS, keys::number(0))).put(NS, "never", "1");
        assert!(matches!(store.commit(&a, refused).await, Ok(Committed::Conflict(_))));
    }
}
