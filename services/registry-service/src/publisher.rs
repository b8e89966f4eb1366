//! The publisher: the one task that signs. Full tiles become blobs, the head that is about to be signed is written outside
//! the database, and only then is it signed; status epochs go the same way.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use cose::key::SigningKey;
use jiff::Timestamp;
use record::status::{Epoch, StatusRecord};
use runtime::Refusal;
use store::{Batch, BlobStore, Check, Committed, Namespace, Put, RegistryStore, keys};
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::note::{NoteSigner, SignedNote};
use tlog::receipt::{Issuer, SignedRoot};
use tlog::tile::{Bundle as EntryBundle, new_tiles};
use tlog::tree::{Edge, MemoryTree};
use tokio::sync::watch;

use crate::error::{DOMAIN, internal};
use crate::guard::{Guard, Head, Heads};
use crate::index::Index;
use crate::log::{FENCE, Published, SignedHead, Status, View, part, read, write};

/// Shortest time between two checkpoints: a signature and two syncs of a file serve all statements of that time.
const PACE: Duration = Duration::from_millis(20);
/// How soon a checkpoint that failed is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// Keys that sign, and what they sign as.
pub struct Signers {
    /// Receipts.
    pub receipt: Arc<SigningKey>,
    /// Its key id.
    pub receipt_kid: String,
    /// Checkpoints of the log: the present key, then those before while they sign too.
    pub note: Vec<NoteSigner>,
    /// Checkpoints of the status log: likewise.
    pub status_note: Vec<NoteSigner>,
}

/// The task.
pub struct Publisher {
    /// Rows: epochs are written, entries read.
    pub store: Arc<dyn RegistryStore>,
    /// Tiles.
    pub blobs: Arc<dyn BlobStore>,
    /// Keys.
    pub signers: Signers,
    /// Origin of the log.
    pub origin: String,
    /// DID of the log.
    pub log_id: String,
    /// Time.
    pub clock: runtime::Clock,
    /// Shortest time between two epochs while the log grows.
    pub min_epoch: Duration,
    /// Longest time between two epochs.
    pub max_epoch: Duration,
    /// Number of this writer: a batch of an earlier one is refused.
    pub fence: u64,
    /// What readers see.
    pub view: Arc<RwLock<View>>,
    /// Entries that are durable and in the view; closed when the sequencer has ended.
    pub sequenced: watch::Receiver<u64>,
    /// Told of everything that is published.
    pub published: watch::Sender<Published>,
    /// When the latest epoch was made.
    pub last_epoch: Instant,
    /// When the newest checkpoint was begun.
    pub last_checkpoint: Instant,
    /// The heads signed last.
    pub guard: Guard,
}

impl Signers {
    /// The checkpoint of a size, and what is signed over its root.
    ///
    /// # Errors
    /// Words: a size that the tree has not.
    pub fn head(&self, origin: &str, log_id: &str, tree: &MemoryTree, size: u64) -> Result<SignedHead, String> {
        let root = tree.root(size).map_err(|e| e.to_string())?;
        let note = signed_note(&self.note, &Checkpoint::new(origin, size, root))?;
        let issuer = Issuer { kid: self.receipt_kid.as_bytes(), iss: log_id, sub: origin };
        let root = SignedRoot::sign(self.receipt.as_ref(), &issuer, &root).map_err(|e| e.to_string())?;
        Ok(SignedHead { size, note, root })
    }
}

fn signed_note(signers: &[NoteSigner], checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let text = checkpoint.to_body();
    let signatures = signers.iter().map(|signer| signer.sign(&text)).collect::<Result<Vec<_>, _>>();
    Ok(SignedNote::new(text, signatures.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?.encode().into_bytes())
}

impl Publisher {
    /// Publishes what is sequenced and makes epochs, until the sequencer has ended and all of it is published.
    pub async fn run(mut self) {
        loop {
            let due = self.next_checkpoint().map_or(self.next_epoch(), |due| due.min(self.next_epoch()));
            let ended = tokio::select! {
                changed = self.sequenced.changed() => changed.is_err(),
                () = tokio::time::sleep_until(due.into()) => false,
            };
            let due = |at: Option<Instant>| at.is_some_and(|at| ended || at <= Instant::now());
            if due(self.next_checkpoint())
                && let Err(refusal) = self.publish().await
            {
                tracing::error!(message = refusal.message, "no checkpoint could be published");
                self.last_checkpoint = Instant::now() + AGAIN;
            }
            if ended {
                return;
            }
            if self.next_epoch() <= Instant::now()
                && let Err(refusal) = self.epoch().await
            {
                tracing::error!(message = refusal.message, "no status epoch could be made");
                self.last_epoch = Instant::now();
            }
        }
    }

    fn next_epoch(&self) -> Instant {
        let view = read(&self.view);
        let covered = view.status.as_ref().map_or(0, |status| status.latest().size);
        self.last_epoch + if view.head.size > covered { self.min_epoch } else { self.max_epoch }
    }

    /// When what is sequenced is to be published; `None` when all of it is.
    fn next_checkpoint(&self) -> Option<Instant> {
        let view = read(&self.view);
        (view.tree.size() > view.head.size).then(|| self.last_checkpoint + PACE)
    }

    /// Publishes a checkpoint of all leaves: full tiles first, then the intent to sign, then the signature.
    pub async fn publish(&mut self) -> Result<(), Refusal> {
        self.last_checkpoint = Instant::now();
        let (size, root, old) = {
            let view = read(&self.view);
            let size = view.tree.size();
            (size, view.tree.root(size).map_err(internal)?, view.head.size)
        };
        if size == old {
            return Ok(());
        }
        for tile in new_tiles(old, size).filter(|tile| !tile.is_partial()) {
            let bytes = tile.bytes(&read(&self.view).tree).map_err(internal)?;
            self.blob(&tile.path(), &bytes).await?;
            if tile.level == 0 {
                let bundle = EntryBundle::from(tile);
                let rows: Vec<Vec<u8>> = (0..256).map(|i| keys::number(bundle.first_entry() + i)).collect();
                let entries = self
                    .store
                    .multi_get(&part(), Namespace::Entry, &rows)
                    .await
                    .map_err(|e| Refusal::store(DOMAIN, &e))?;
                let entries: Option<Vec<Vec<u8>>> = entries.into_iter().collect();
                let entries = entries.ok_or_else(|| internal("an entry is missing"))?;
                self.blob(&bundle.path(), &bundle.encode(&entries).map_err(internal)?).await?;
            }
        }
        let status =
            read(&self.view).status.as_ref().map_or(Head::of(&MemoryTree::new()), |status| Head::of(&status.tree));
        self.guard.intend(Heads { log: Head { size, root }, status }).await?;
        let head = {
            let view = read(&self.view);
            self.signers.head(&self.origin, &self.log_id, &view.tree, size).map_err(internal)?
        };
        write(&self.view).head = head;
        self.published.send_modify(|published| published.size = size);
        Ok(())
    }

    async fn blob(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        match self.blobs.put_if_absent(name, bytes).await.map_err(|e| Refusal::store(DOMAIN, &e))? {
            Put::Created | Put::Same => Ok(()),
            Put::Different => Err(internal(format!("blob {name} holds other bytes: the log would fork"))),
        }
    }

    /// Makes a status epoch that covers the newest checkpoint.
    pub async fn epoch(&mut self) -> Result<(), Refusal> {
        let (epoch, map) = {
            let view = read(&self.view);
            let size = view.head.size;
            let now = whole_second((self.clock)());
            let status = view.status.as_ref();
            let previous_size = status.map_or(0, |status| status.latest().size);
            let mut map = status.map_or_else(MemoryTree::new, |status| status.map.clone());
            update_map(&mut map, &view.index, previous_size, size).map_err(internal)?;
            let epoch = Epoch {
                number: status.map_or(0, |status| status.epochs.len() as u64),
                // Never earlier than the epoch before, whatever the clock does.
                time: status.map_or(now, |status| now.max(status.latest().time)),
                previous_size,
                size,
                root: view.tree.root(size).map_err(internal)?,
                map_root: map.root(size).map_err(internal)?,
            };
            (epoch, map)
        };
        let mut batch = Batch { fence: Some((FENCE.to_vec(), self.fence)), ..Batch::default() };
        batch.check(Check::Absent(Namespace::Epoch, keys::number(epoch.number)));
        batch.put(Namespace::Epoch, keys::number(epoch.number), epoch.to_bytes());
        match self.store.commit(&part(), batch).await.map_err(|e| Refusal::store(DOMAIN, &e))? {
            Committed::Yes(_) => {}
            other => return Err(internal(format!("an epoch could not be written: {other:?}"))),
        }
        let status = {
            let view = read(&self.view);
            let of = |status: &Status| Edge::from_reader(&status.tree, status.tree.size());
            let mut edge = view.status.as_ref().map(of).transpose().map_err(internal)?.unwrap_or_default();
            edge.push(leaf_hash(&epoch.to_bytes()));
            Head { size: edge.size(), root: edge.root() }
        };
        self.guard.intend(Heads { log: Head { size: epoch.size, root: epoch.root }, status }).await?;
        self.take_epoch(epoch, map).map_err(internal)?;
        self.last_epoch = Instant::now();
        Ok(())
    }

    /// Makes an epoch what readers see.
    fn take_epoch(&self, epoch: Epoch, map: MemoryTree) -> Result<(), String> {
        let mut guard = write(&self.view);
        let view = &mut *guard;
        let (mut tree, mut epochs) = match view.status.take() {
            Some(status) => (status.tree, status.epochs),
            None => (MemoryTree::new(), Vec::new()),
        };
        tree.push(leaf_hash(&epoch.to_bytes()));
        epochs.push(epoch);
        let root = tree.root(tree.size()).map_err(|e| e.to_string())?;
        let checkpoint = Checkpoint::new(format!("{}/status", self.origin), tree.size(), root);
        let note = signed_note(&self.signers.status_note, &checkpoint)?;
        let head = if view.head.size == epoch.size {
            view.head.clone()
        } else {
            self.signers.head(&self.origin, &self.log_id, &view.tree, epoch.size)?
        };
        view.status = Some(Status { tree, epochs, map, head, note });
        drop(guard);
        self.published.send_modify(|published| published.epoch_size = epoch.size);
        Ok(())
    }

    /// Rebuilds the status from the epochs and compares every map root that can still be computed: the last.
    pub fn restore_status(&mut self, epochs: Vec<Epoch>) -> Result<(), String> {
        let Some(last) = epochs.last().copied() else { return Ok(()) };
        let mut map = MemoryTree::new();
        {
            let view = read(&self.view);
            update_map(&mut map, &view.index, 0, last.size)?;
            if view.tree.root(last.size).map_err(|e| e.to_string())? != last.root {
                return Err("the entries are not those that the last epoch covers".into());
            }
        }
        if map.root(last.size).map_err(|e| e.to_string())? != last.map_root {
            return Err("the status records are not those that the last epoch fixed".into());
        }
        let mut tree = MemoryTree::new();
        for epoch in &epochs[..epochs.len() - 1] {
            tree.push(leaf_hash(&epoch.to_bytes()));
        }
        let head = {
            let view = read(&self.view);
            self.signers.head(&self.origin, &self.log_id, &view.tree, last.size)?
        };
        let earlier = epochs[..epochs.len() - 1].to_vec();
        {
            let mut view = write(&self.view);
            if !earlier.is_empty() {
                view.status = Some(Status {
                    tree,
                    epochs: earlier,
                    map: MemoryTree::new(),
                    head: head.clone(),
                    note: Vec::new(),
                });
            }
            view.head = head;
        }
        self.take_epoch(last, map)
    }
}

/// Appends the records of new leaves and replaces those that changed since `from`.
pub fn update_map(map: &mut MemoryTree, index: &Index, from: u64, size: u64) -> Result<(), String> {
    let record = |leaf: u64| -> StatusRecord { index.record_at(leaf, size) };
    for leaf in map.size()..size {
        map.push(leaf_hash(&record(leaf).to_bytes()));
    }
    for (event, target) in &index.events {
        if (from..size).contains(event) && *target < size {
            map.replace(*target, leaf_hash(&record(*target).to_bytes())).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
