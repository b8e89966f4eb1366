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
use crate::log::{FENCE, Fixed, Published, SignedHead, Status, View, part, read, write};
use crate::witnesses::{self, PATIENCE, Round, Witnesses};

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
    /// Who cosigns, where there are any.
    pub witnesses: Option<Arc<Witnesses>>,
    /// Until when the last epoch made waits for its quorum; `None` when it is shown.
    pub waits_until: Option<Instant>,
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

/// A checkpoint signed with each key: that of now, and those before it while they overlap.
fn note(signers: &[NoteSigner], checkpoint: &Checkpoint) -> Result<SignedNote, String> {
    let text = checkpoint.to_body();
    let signatures = signers.iter().map(|signer| signer.sign(&text)).collect::<Result<Vec<_>, _>>();
    SignedNote::new(text, signatures.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

fn signed_note(signers: &[NoteSigner], checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    Ok(note(signers, checkpoint)?.encode().into_bytes())
}

impl Publisher {
    /// Publishes what is sequenced and makes epochs, until the sequencer has ended and all of it is published.
    pub async fn run(mut self) {
        let mut cosignatures = self.witnesses.as_ref().map(|witnesses| witnesses.changes());
        let mut come = async move || match &mut cosignatures {
            Some(changes) => changes.changed().await.is_ok(),
            None => std::future::pending().await,
        };
        loop {
            if self.is_halted() {
                // Nothing is signed any more: what was sequenced before stays unpublished.
                while self.sequenced.changed().await.is_ok() {}
                return;
            }
            let due = self.next_checkpoint().map_or(self.next_epoch(), |due| due.min(self.next_epoch()));
            let ended = tokio::select! {
                changed = self.sequenced.changed() => changed.is_err(),
                _changed = come() => false,
                () = tokio::time::sleep_until(due.into()) => false,
            };
            if self.is_halted() {
                continue;
            }
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
            if self.waits_until.is_none()
                && self.next_epoch() <= Instant::now()
                && let Err(refusal) = self.epoch().await
            {
                tracing::error!(message = refusal.message, "no status epoch could be made");
                self.last_epoch = Instant::now();
            }
            // Where no witness is waited for, it is shown at once.
            self.take_cosignatures();
        }
    }

    fn is_halted(&self) -> bool {
        self.witnesses.as_ref().is_some_and(|witnesses| witnesses.halted().is_some())
    }

    /// When an epoch is due: the next, or the one made to be shown.
    fn next_epoch(&self) -> Instant {
        if let Some(until) = self.waits_until {
            return until;
        }
        let view = read(&self.view);
        let covered = view.status.as_ref().map_or(0, |status| status.last().size);
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
            let previous_size = status.map_or(0, |status| status.last().size);
            let mut map = status.map_or_else(MemoryTree::new, |status| MemoryTree::clone(&status.made.map));
            update_map(&mut map, &view.index, previous_size, size).map_err(internal)?;
            let epoch = Epoch {
                number: status.map_or(0, |status| status.epochs.len() as u64),
                // Never earlier than the epoch before, whatever the clock does.
                time: status.map_or(now, |status| now.max(status.last().time)),
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

    /// Signs what an epoch fixes. Readers see it at once, or when its witnesses were asked.
    fn take_epoch(&mut self, epoch: Epoch, map: MemoryTree) -> Result<(), String> {
        let mut guard = write(&self.view);
        let view = &mut *guard;
        let (mut tree, mut epochs, shown) = match view.status.take() {
            Some(status) => (status.tree, status.epochs, Some(status.shown)),
            None => (MemoryTree::new(), Vec::new(), None),
        };
        tree.push(leaf_hash(&epoch.to_bytes()));
        epochs.push(epoch);
        let head = if view.head.size == epoch.size {
            view.head.clone()
        } else {
            self.signers.head(&self.origin, &self.log_id, &view.tree, epoch.size)?
        };
        let note = self.status_note(&tree)?;
        let made = Fixed { epoch: epoch.number, map: Arc::new(map), head, note };
        let round = self.witnesses.is_some().then(|| self.round(&made, &epoch, &tree)).transpose()?;
        let shown = shown.filter(|_| round.is_some());
        let is_shown = shown.is_none();
        view.status = Some(Status { tree, epochs, shown: shown.unwrap_or_else(|| made.clone()), made });
        drop(guard);
        if let (Some(witnesses), Some(round)) = (&self.witnesses, round) {
            witnesses.begin(round);
        }
        if is_shown {
            self.published.send_modify(|published| published.epoch_size = epoch.size);
        } else {
            self.waits_until = Some(Instant::now() + PATIENCE);
        }
        Ok(())
    }

    fn status_note(&self, tree: &MemoryTree) -> Result<Vec<u8>, String> {
        let root = tree.root(tree.size()).map_err(|e| e.to_string())?;
        signed_note(&self.signers.status_note, &Checkpoint::new(format!("{}/status", self.origin), tree.size(), root))
    }

    /// The checkpoints that belong to an epoch, for the witnesses.
    fn round(&self, made: &Fixed, epoch: &Epoch, status: &MemoryTree) -> Result<Round, String> {
        let root = status.root(status.size()).map_err(|e| e.to_string())?;
        let status = Checkpoint::new(format!("{}/status", self.origin), status.size(), root);
        let head = |checkpoint: Checkpoint, signers: &[NoteSigner]| {
            let note = note(signers, &checkpoint)?;
            Ok::<_, String>(witnesses::Head { checkpoint, note })
        };
        let log = Checkpoint::new(self.origin.clone(), epoch.size, epoch.root);
        let heads = [head(log, &self.signers.note)?, head(status, &self.signers.status_note)?];
        Ok(Round { epoch: made.epoch, heads })
    }

    /// Puts the cosignatures that came under what readers see, and shows the last epoch once it need not wait any more.
    fn take_cosignatures(&mut self) {
        let Some(witnesses) = self.witnesses.clone() else { return };
        let cosigned = match witnesses.cosigned() {
            Ok(Some(cosigned)) => cosigned,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "cosignatures could not be taken"),
        };
        let is_due = self.waits_until.is_some_and(|until| cosigned.is_settled || until <= Instant::now());
        let size = {
            let mut guard = write(&self.view);
            let view = &mut *guard;
            let Some(status) = view.status.as_mut().filter(|status| status.made.epoch == cosigned.epoch) else {
                return;
            };
            let [note, status_note] = cosigned.notes;
            if !is_due && status.made.head.note == note && status.made.note == status_note {
                return;
            }
            status.made.head.note = note;
            status.made.note = status_note;
            if !is_due && status.shown.epoch != status.made.epoch {
                return;
            }
            status.shown = status.made.clone();
            if view.head.size == status.shown.head.size {
                view.head.note.clone_from(&status.shown.head.note);
            }
            status.latest().size
        };
        if is_due {
            self.waits_until = None;
            witnesses.shown();
        }
        // Those who watch get the cosignatures too.
        self.published.send_modify(|published| published.epoch_size = size);
    }

    /// Waits until the first epoch is settled, so that what a restarted log shows first is cosigned where it can be.
    pub async fn await_witnesses(&mut self) {
        let Some(witnesses) = self.witnesses.clone() else { return };
        let mut changes = witnesses.changes();
        while self.waits_until.is_some_and(|until| Instant::now() < until) && !self.is_halted() {
            self.take_cosignatures();
            let Some(until) = self.waits_until else { return };
            let _changed = tokio::time::timeout_at(until.into(), changes.changed()).await;
        }
        self.take_cosignatures();
    }

    /// Rebuilds the status from the epochs and compares the one map root that can still be computed, the last.
    pub fn restore_status(&mut self, tree: MemoryTree, epochs: Vec<Epoch>) -> Result<(), String> {
        let Some(last) = epochs.last().copied() else { return Ok(()) };
        let mut map = MemoryTree::new();
        let head = {
            let view = read(&self.view);
            update_map(&mut map, &view.index, 0, last.size)?;
            if view.tree.root(last.size).map_err(|e| e.to_string())? != last.root {
                return Err("the entries are not those that the last epoch covers".into());
            }
            self.signers.head(&self.origin, &self.log_id, &view.tree, last.size)?
        };
        if map.root(last.size).map_err(|e| e.to_string())? != last.map_root {
            return Err("the status records are not those that the last epoch fixed".into());
        }
        let note = self.status_note(&tree)?;
        let made = Fixed { epoch: last.number, map: Arc::new(map), head: head.clone(), note };
        let mut view = write(&self.view);
        view.head = head;
        view.status = Some(Status { tree, epochs, shown: made.clone(), made });
        drop(view);
        self.published.send_modify(|published| published.epoch_size = last.size);
        Ok(())
    }
}

/// Appends the records of new leaves and replaces those that changed since `from`.
pub fn update_map(map: &mut MemoryTree, index: &Index, from: u64, size: u64) -> Result<(), String> {
    let record = |leaf: u64| -> StatusRecord { index.record_at(leaf, size) };
    for leaf in map.size()..size {
        map.push(leaf_hash(&record(leaf).to_bytes()));
    }
    // In order of the event's leaf: an epoch costs what happened in it, and not what happened before.
    let first = index.events.partition_point(|(event, _)| *event < from);
    for (_, target) in index.events[first..].iter().take_while(|(event, _)| *event < size) {
        if *target < size {
            map.replace(*target, leaf_hash(&record(*target).to_bytes())).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
