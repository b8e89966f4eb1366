//! What others hold of this log that this database does not: kept beside the heads signed last, outside the database, and
//! compared before anything is signed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use store::{BlobStore, Put, StoreError};
use tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use tlog::policy::Policy;
use tlog::tree::MemoryTree;
use verify::split_view::SplitView;

use super::client::Client;
use super::{LOGS, Own, places};
use crate::guard::Fork;

/// Folder, in that of the heads signed last, of pairs of checkpoints that contradict each other.
pub const SPLIT_VIEWS: &str = "split-view";
/// Folder there of checkpoints that a witness holds and the database does not.
const WITNESSED: &str = "witnessed";
/// Longest that the start waits for a witness.
const LOOK: Duration = Duration::from_secs(2);
/// Most files of a folder that are read.
const MAX_FILES: usize = 1_000;

/// Where evidence is kept, and by which keys it is one.
pub struct Evidence {
    /// The blobs of the heads signed last.
    pub guard: Arc<dyn BlobStore>,
    /// The log's own keys.
    pub own: Own,
}

/// Whether a checkpoint that this log's key signed is in its tree.
pub fn compare(place: usize, seen: &Checkpoint, tree: &MemoryTree, by: &str) -> Option<Fork> {
    if seen.size <= tree.size() && tree.root(seen.size) == Ok(seen.root) {
        return None;
    }
    let (log, witness) = (LOGS[place], by.to_owned());
    Some(Fork::Witnessed { log, size: seen.size, held: tree.size(), witness })
}

impl Evidence {
    /// A checkpoint that one of this log's keys signed: of the log (0) or of the status log (1).
    pub fn own_checkpoint(&self, note: &[u8]) -> Option<(usize, Checkpoint)> {
        let keys = self.own.iter().enumerate().flat_map(|(place, keys)| keys.iter().map(move |key| (place, key)));
        keys.into_iter().find_map(|(place, key)| {
            let opened = VerifiedCheckpoint::open(note, key.name(), std::slice::from_ref(key)).ok()?;
            Some((place, opened.checkpoint().clone()))
        })
    }

    /// Keeps two checkpoints that contradict each other; whether they are new.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_split_view(&self, kept: &str, seen: &str) -> Result<bool, StoreError> {
        let evidence = SplitView::new(kept, seen);
        let name = format!("{SPLIT_VIEWS}/{}", evidence.file_name());
        Ok(self.guard.put_if_absent(&name, evidence.to_json().as_bytes()).await? == Put::Created)
    }

    /// Compares what was kept before, and what the witnesses show now, with the trees. A witness that is away shows
    /// nothing.
    ///
    /// # Errors
    /// Words of the store, or the [`Fork`] that signing would make.
    pub async fn check(&self, policy: Option<&Policy>, trees: [&MemoryTree; 2]) -> Result<Option<Fork>, StoreError> {
        let held = |by: &str, note: &[u8]| {
            let (place, seen) = self.own_checkpoint(note)?;
            compare(place, &seen, trees[place], by)
        };
        for folder in [SPLIT_VIEWS, WITNESSED] {
            for name in self.guard.list(&format!("{folder}/"), None, MAX_FILES).await? {
                let bytes = self.guard.get(&name).await?.unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let note = SplitView::from_json(&text).map_or(text, |evidence| evidence.seen);
                if let Some(fork) = held(&format!("(log.guard/{name})"), note.as_bytes()) {
                    return Ok(Some(fork));
                }
            }
        }
        let Some(policy) = policy else { return Ok(None) };
        let shown = join_all(places(policy).map(|(place, url)| async move {
            let client = Client::new(url);
            let asked = self.own.iter().map(|own| client.checkpoint(own[0].name(), LOOK));
            let notes = join_all(asked).await.into_iter().filter_map(|shown| shown.ok().flatten());
            (policy.witnesses()[place].name.as_str(), notes.collect::<Vec<_>>())
        }));
        for (by, notes) in shown.await {
            for note in notes {
                if let Some(fork) = held(by, note.as_bytes()) {
                    // The next start knows it, whether or not the witness answers then.
                    let digest = hex::encode(cose::sha256(note.as_bytes()));
                    let name = format!("{WITNESSED}/checkpoint-{}", &digest[..16]);
                    self.guard.put_if_absent(&name, note.as_bytes()).await?;
                    return Ok(Some(fork));
                }
            }
        }
        Ok(None)
    }
}
