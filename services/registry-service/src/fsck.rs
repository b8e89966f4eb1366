//! What is kept beside the entries, against the entries: the head row, the epochs, the tiles, and the heads signed last.
//!
//! Head row and tiles can be written anew. Epochs cannot: their times are nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use record::status::Epoch;
use store::{Batch, BlobStore, Committed, Namespace, Put, RegistryStore, keys};
use tlog::tile::{Bundle as EntryBundle, new_tiles};
use tlog::tree::MemoryTree;

use crate::guard::{Fork, Guard};
use crate::index::Index;
use crate::log::{HEAD, head_row, load_entries, load_epochs, load_head, part};
use crate::publisher::update_map;

/// Something that is not what the entries make of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The row with size and root.
    #[error("head row: holds {}, the entries make {}", words(held), words(made))]
    Head {
        /// What is there.
        held: Option<Vec<u8>>,
        /// What should be.
        made: Option<Vec<u8>>,
    },
    /// A full tile or entry bundle, of leaves that were signed, is not there.
    #[error("{name}: is missing")]
    BlobMissing {
        /// Its name.
        name: String,
    },
    /// A tile or entry bundle that holds something else.
    #[error("{name}: holds other bytes than the entries make")]
    Blob {
        /// Its name.
        name: String,
    },
    /// A tile or entry bundle of no entries. It is left as it is.
    #[error("{name}: there are no entries for it: the database may be an older copy")]
    BlobBeyond {
        /// Its name.
        name: String,
    },
    /// An epoch that the entries contradict. It cannot be made anew: restore the database.
    #[error("epoch {number}: {what}; it cannot be made anew: restore the newest copy of the database")]
    Epoch {
        /// Which.
        number: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The database is not what was signed.
    #[error("signed heads: {0}")]
    Fork(#[from] Fork),
}

impl Difference {
    /// Whether [`rebuild`] writes it anew.
    pub fn is_mendable(&self) -> bool {
        matches!(self, Difference::Head { .. } | Difference::BlobMissing { .. } | Difference::Blob { .. })
    }
}

fn words(row: &Option<Vec<u8>>) -> String {
    match row {
        None => "nothing".into(),
        Some(row) => match row.split_at_checked(8) {
            Some((size, root)) if root.len() == 32 => {
                format!("{} entries {}", keys::parse_number(size).unwrap_or_default(), hex::encode(root))
            }
            _ => format!("{} bytes that are no head", row.len()),
        },
    }
}

/// What was looked at, and what differs.
#[derive(Debug)]
pub struct Report {
    /// Entries.
    pub entries: u64,
    /// Epochs.
    pub epochs: u64,
    /// Full tiles and entry bundles.
    pub blobs: u64,
    /// What differs, in the order of the above.
    pub differences: Vec<Difference>,
}

/// The parts of a log that stands still: nobody writes to it meanwhile.
pub struct Stores {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Tiles.
    pub blobs: Arc<dyn BlobStore>,
    /// The heads signed last.
    pub guard: Arc<dyn BlobStore>,
}

/// Makes everything anew from the entries and compares; writes nothing.
///
/// # Errors
/// Words for the operator: the entries themselves, or the epochs, are missing or damaged.
pub async fn check(stores: &Stores) -> Result<Report, String> {
    walk(stores, false).await
}

/// The same, and writes anew what differs and can be: the report says what it found.
///
/// # Errors
/// Those of [`check`]; a fork is feared, so nothing was touched.
pub async fn rebuild(stores: &Stores) -> Result<Report, String> {
    let found = check(stores).await?;
    let fork = found.differences.iter().find(|difference| matches!(difference, Difference::Fork(_)));
    if let Some(fork) = fork {
        return Err(format!("nothing was written: {fork}"));
    }
    walk(stores, true).await
}

async fn walk(stores: &Stores, mend: bool) -> Result<Report, String> {
    let Stores { store, blobs, guard } = stores;
    let (tree, index) = load_entries(store.as_ref()).await?;
    let epochs = load_epochs(store.as_ref()).await?;
    let mut differences = Vec::new();
    // Step 1: the head row.
    let (held, made) = (load_head(store.as_ref()).await?, head_row(&tree)?);
    if held != made {
        if mend {
            write_head(store.as_ref(), made.clone()).await?;
        }
        differences.push(Difference::Head { held, made });
    }
    // Step 2: the epochs.
    check_epochs(&tree, &index, &epochs, &mut differences)?;
    // Step 3: full tiles and entry bundles. What was not signed may not have been published yet.
    let guard = Guard::open(guard.clone()).await.map_err(|e| e.to_string())?;
    let signed = guard.signed().ok().flatten().map_or(tree.size(), |heads| heads.log.size);
    let mut names = BTreeSet::new();
    for tile in new_tiles(0, tree.size()).filter(|tile| !tile.is_partial()) {
        let leaves = (tile.index + 1) << (8 * (u32::from(tile.level) + 1));
        let mut pieces = vec![(tile.path(), tile.bytes(&tree).map_err(|e| e.to_string())?)];
        if tile.level == 0 {
            pieces.push(entry_bundle(store.as_ref(), EntryBundle::from(tile)).await?);
        }
        for (name, bytes) in pieces {
            let held = blobs.get(&name).await.map_err(|e| e.to_string())?;
            let difference = match &held {
                Some(held) if *held == bytes => None,
                Some(_) => Some(Difference::Blob { name: name.clone() }),
                None if leaves <= signed => Some(Difference::BlobMissing { name: name.clone() }),
                None => None,
            };
            if let Some(difference) = difference {
                if mend {
                    let put = blobs.put_if_match(&name, held.as_deref(), &bytes).await.map_err(|e| e.to_string())?;
                    if put == Put::Different {
                        return Err(format!("{name}: somebody else writes it"));
                    }
                }
                differences.push(difference);
            }
            names.insert(name);
        }
    }
    let mut after: Option<String> = None;
    loop {
        let page = blobs.list("tile/", after.as_deref(), 1_000).await.map_err(|e| e.to_string())?;
        let Some(last) = page.last().cloned() else { break };
        let beyond = page.into_iter().filter(|name| !names.contains(name));
        differences.extend(beyond.map(|name| Difference::BlobBeyond { name }));
        after = Some(last);
    }
    // Step 4: what was signed.
    if let Err(fork) = guard.check(&tree, &epochs) {
        differences.push(fork.into());
    }
    Ok(Report { entries: tree.size(), epochs: epochs.len() as u64, blobs: names.len() as u64, differences })
}

async fn write_head(store: &dyn RegistryStore, row: Option<Vec<u8>>) -> Result<(), String> {
    let mut batch = Batch::new();
    match row {
        Some(row) => {
            batch.put(Namespace::Head, HEAD, row);
        }
        None => batch.dels.push((Namespace::Head, HEAD.to_vec())),
    }
    match store.commit(&part(), batch).await.map_err(|e| e.to_string())? {
        Committed::Yes(_) => Ok(()),
        other => Err(format!("the head row could not be written: {other:?}")),
    }
}

async fn entry_bundle(store: &dyn RegistryStore, bundle: EntryBundle) -> Result<(String, Vec<u8>), String> {
    let rows: Vec<Vec<u8>> =
        (0..u64::from(bundle.width)).map(|offset| keys::number(bundle.first_entry() + offset)).collect();
    let entries = store.multi_get(&part(), Namespace::Entry, &rows).await.map_err(|e| e.to_string())?;
    let entries: Option<Vec<Vec<u8>>> = entries.into_iter().collect();
    let bytes = bundle.encode(&entries.ok_or("an entry is missing")?).map_err(|e| e.to_string())?;
    Ok((bundle.path(), bytes))
}

/// Each epoch follows the one before, its root is that of the entries, and its map is that of their events.
fn check_epochs(
    tree: &MemoryTree,
    index: &Index,
    epochs: &[Epoch],
    differences: &mut Vec<Difference>,
) -> Result<(), String> {
    let (mut map, mut before) = (MemoryTree::new(), None::<Epoch>);
    for epoch in epochs {
        let previous = before.map_or(0, |before| before.size);
        let mut differs = |what| differences.push(Difference::Epoch { number: epoch.number, what });
        if epoch.previous_size != previous || epoch.size < previous {
            differs("does not begin where the one before ended");
        } else if before.is_some_and(|before| epoch.time < before.time) {
            differs("is earlier than the one before");
        } else if epoch.size > tree.size() {
            differs("covers more than there is");
        } else if tree.root(epoch.size) != Ok(epoch.root) {
            differs("covers other entries");
        } else {
            update_map(&mut map, index, previous, epoch.size)?;
            if map.root(epoch.size) != Ok(epoch.map_root) {
                differs("fixes other states than the events make");
            }
            before = Some(*epoch);
            continue;
        }
        // What comes after cannot be judged.
        break;
    }
    Ok(())
}
