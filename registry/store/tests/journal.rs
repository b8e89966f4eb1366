//! The rows in a folder, after what a crash or a bad disk does to their file.

use std::path::Path;

use store::{Batch, Direction, FolderStore, Namespace, Part, RegistryStore, RocksStore, StoreError, keys};

const NS: Namespace = Namespace::Resource;

async fn count(folder: &Path) -> Result<usize, StoreError> {
    let store = FolderStore::open(folder)?;
    let page = store.scan(&Part::log(), NS, Vec::new()..Vec::new(), 100, Direction::Forward).await?;
    for (number, (key, value)) in page.rows.iter().enumerate() {
        assert_eq!((key, value), (&keys::number(number as u64), &vec![number as u8; 30 * number]));
    }
    Ok(page.rows.len())
}

/// A file of so many batches, and where each of them ends.
async fn written(folder: &Path, batches: u64) -> (Vec<u8>, Vec<usize>) {
    let file = folder.join("rows");
    let store = FolderStore::open(folder).expect("rows");
    let size = || std::fs::metadata(&file).expect("the file").len() as usize;
    let mut ends = vec![size()];
    for number in 0..batches {
        let mut batch = Batch::new();
        batch.put(NS, keys::number(number), vec![number as u8; 30 * number as usize]);
        store.commit(&Part::log(), batch).await.expect("committed");
        ends.push(size());
    }
    (std::fs::read(&file).expect("the file"), ends)
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_write_is_torn_the_batches_before_it_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, ends) = written(folder.path(), 5).await;
    let file = folder.path().join("rows");
    for length in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
        std::fs::write(&file, &bytes[..length]).expect("written");
        assert_eq!(count(folder.path()).await.expect("it opens"), whole, "cut to {length} of {}", bytes.len());
        // What is written next is read the next time: the cut is on the disk.
        let store = FolderStore::open(folder.path()).expect("rows");
        let mut batch = Batch::new();
        batch.put(NS, keys::number(whole as u64), vec![whole as u8; 30 * whole]);
        store.commit(&Part::log(), batch).await.expect("committed");
        drop(store);
        assert_eq!(count(folder.path()).await.expect("it opens"), whole + 1, "cut to {length}");
    }
    // The disk grew the file, and did not write the last batch, or only its beginning.
    let last = ends[ends.len() - 2];
    for kept in 0..bytes.len() - last {
        let mut torn = bytes.clone();
        torn[last + kept..].fill(0);
        std::fs::write(&file, &torn).expect("written");
        assert_eq!(count(folder.path()).await.expect("it opens"), 4, "{kept} bytes of the last batch");
    }
    // Its first block alone was not written.
    for lost in [20, 21, 60] {
        let mut torn = bytes.clone();
        torn[last..last + lost].fill(0);
        std::fs::write(&file, &torn).expect("written");
        assert_eq!(count(folder.path()).await.expect("it opens"), 4, "the first {lost} bytes of the last batch");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_before_the_end_is_refused_and_not_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, ends) = written(folder.path(), 4).await;
    let file = folder.path().join("rows");
    for at in 0..ends[3] {
        for flip in [0x01, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            std::fs::write(&file, &damaged).expect("written");
            match count(folder.path()).await {
                Err(StoreError::Corrupt(what)) => assert!(what.contains("restore"), "{what}"),
                other => panic!("byte {at} ^ {flip:#x}: {other:?}"),
            }
            assert_eq!(std::fs::read(&file).expect("the file"), damaged, "nothing was written");
        }
    }
    // A batch taken out, and one there twice: each is whole, and it is another log of them.
    for pieces in [[0..ends[1], ends[2]..ends[4]], [0..ends[2], ends[1]..ends[4]]] {
        let spliced = [&bytes[pieces[0].clone()], &bytes[pieces[1].clone()]].concat();
        std::fs::write(&file, spliced).expect("written");
        assert!(matches!(count(folder.path()).await, Err(StoreError::Corrupt(_))));
    }
}

#[test]
fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = FolderStore::open(folder.path()).expect("rows");
    assert!(matches!(FolderStore::open(folder.path()), Err(StoreError::InUse)));
    drop(first);
    let first = FolderStore::open(folder.path()).expect("free again");
    drop(first);

    let folder = tempfile::tempdir().expect("a folder");
    let first = RocksStore::open(folder.path()).expect("rows");
    assert!(matches!(RocksStore::open(folder.path()), Err(StoreError::InUse)));
    assert!(RocksStore::is_in_use(folder.path()));
    drop(first);
    assert!(!RocksStore::is_in_use(folder.path()));
}
