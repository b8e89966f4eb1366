//! The log as a whole: what readers see of it, how it is opened, and the two tasks that write it.
//!
//! A statement is acknowledged when its batch is durable (the sequencer). Then it is published (the publisher). After a
//! crash the entries tell everything else: `load` rebuilds trees, index and state from them and compares with what was
//! promised.

use std::future::Future;
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use proto::registry::Entry;
use record::registry::{Jwk, LogIdentity};
use record::statement::SignedStatement;
use record::status::Epoch;
use runtime::Refusal;
use runtime::once::Once;
use store::{Batch, Check, Committed, Direction, Namespace, Part, RegistryStore, keys};
use tlog::note::NoteSigner;
use tlog::receipt::SignedRoot;
use tlog::tree::MemoryTree;
use tlog::{Hash, leaf_hash};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::Span;
use verify::trust::LogTrust;

use crate::config::Config;
use crate::guard::{Fork, Guard};
use crate::index::Index;
use crate::publisher::{Publisher, Signers};
use crate::sequencer::Sequencer;
use crate::witnesses::{Evidence, Witnesses};

/// Statements waiting for the sequencer before callers wait too.
const QUEUE: usize = 1_024;
/// Row with the number of the writer that has the log.
pub const FENCE: &[u8] = b"fence";
/// Row with size and root.
pub const HEAD: &[u8] = b"head";

/// A statement that has passed all checks, on its way to a leaf.
pub struct Submission {
    /// Exact bytes.
    pub entry: Vec<u8>,
    /// The same, decoded.
    pub statement: SignedStatement,
    /// Its leaf hash.
    pub hash: Hash,
    /// The request that brought it; the log's own first leaves have none.
    pub once: Option<Once>,
    /// The call that brought it.
    pub span: Span,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Entry, Refusal>>,
}

/// What readers see: everything under published checkpoints.
pub struct View {
    /// Leaf hashes of the log (also of leaves not yet under a checkpoint).
    pub tree: MemoryTree,
    /// Index of the same leaves.
    pub index: Index,
    /// Newest checkpoint.
    pub head: SignedHead,
    /// Status as of the latest epoch.
    pub status: Option<Status>,
    /// Whether witnesses cosign what belongs to an epoch: then readers get those checkpoints first.
    pub is_witnessed: bool,
}

impl View {
    /// The checkpoint under which a leaf is proved: the newest that was shown to witnesses, where it covers the leaf.
    pub fn head_for(&self, leaf: u64) -> &SignedHead {
        match &self.status {
            Some(status) if self.is_witnessed && status.shown.head.size > leaf => &status.shown.head,
            _ => &self.head,
        }
    }
}

/// A checkpoint and what is signed over its root.
#[derive(Clone)]
pub struct SignedHead {
    /// Number of leaves.
    pub size: u64,
    /// Signed note.
    pub note: Vec<u8>,
    /// Signature from which every receipt at this size is made.
    pub root: SignedRoot,
}

/// The status log: every epoch made, and the one that readers get.
pub struct Status {
    /// Epochs, as leaves.
    pub tree: MemoryTree,
    /// The epochs.
    pub epochs: Vec<Epoch>,
    /// What the last epoch made fixes.
    pub made: Fixed,
    /// What the epoch that readers get fixes: the last one, or the one before while witnesses are asked.
    pub shown: Fixed,
}

/// What an epoch fixes.
#[derive(Clone)]
pub struct Fixed {
    /// Number of the epoch.
    pub epoch: u64,
    /// Records of all leaves below the epoch's size.
    pub map: Arc<MemoryTree>,
    /// The checkpoint of the log that the epoch covers.
    pub head: SignedHead,
    /// Checkpoint of the status log, of which the epoch is the last leaf.
    pub note: Vec<u8>,
}

impl Status {
    /// The epoch that readers get.
    pub fn latest(&self) -> &Epoch {
        // Only an epoch that is there fixes anything.
        &self.epochs[self.shown.epoch as usize]
    }

    /// The last epoch made.
    pub fn last(&self) -> &Epoch {
        &self.epochs[self.made.epoch as usize]
    }

    /// Leaves of the status log that readers get.
    pub fn size(&self) -> u64 {
        self.shown.epoch + 1
    }

    /// The epochs that readers get.
    pub fn shown_epochs(&self) -> &[Epoch] {
        &self.epochs[..=self.shown.epoch as usize]
    }

    /// The first epoch that covers a leaf, of those that readers get.
    pub fn covering(&self, leaf: u64) -> Option<&Epoch> {
        let epochs = self.shown_epochs();
        epochs.get(epochs.partition_point(|epoch| epoch.size <= leaf))
    }
}

/// How far readers may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// Size under the newest checkpoint.
    pub size: u64,
    /// Size under the latest epoch.
    pub epoch_size: u64,
}

/// Handles on the running log.
#[derive(Clone)]
pub struct Log {
    /// What readers see.
    pub view: Arc<RwLock<View>>,
    /// Where statements go.
    pub submit: mpsc::Sender<Submission>,
    /// Changes whenever something is published.
    pub published: watch::Receiver<Published>,
    /// Why nothing is signed any more, once another history of this log was found.
    pub halted: Arc<OnceLock<Fork>>,
    /// Its witnesses, where it has any.
    pub witnesses: Option<Arc<Witnesses>>,
}

/// The view, to look at for a moment.
pub fn read(view: &RwLock<View>) -> RwLockReadGuard<'_, View> {
    view.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The view, to change it.
pub fn write(view: &RwLock<View>) -> RwLockWriteGuard<'_, View> {
    view.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The part that holds the log.
pub fn part() -> Part {
    Part::log()
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It must sign nothing.
    #[error(transparent)]
    Fork(#[from] Fork),
    /// Something is damaged, or not this log's. Words for the operator.
    #[error("{0}")]
    Unusable(String),
}

impl From<String> for OpenError {
    fn from(words: String) -> Self {
        OpenError::Unusable(words)
    }
}

/// Opens the log: takes it over from whoever wrote before, rebuilds what entries tell, begins a new log with its first
/// two leaves, publishes, and starts its two tasks. They end when the last handle is gone and all is written.
///
/// # Errors
/// [`OpenError`]. Nothing was signed then.
pub async fn open(config: Config) -> Result<(Log, JoinHandle<()>), OpenError> {
    let Config { origin, log_id, keys, store, blobs, guard, witnesses, clock, min_epoch, max_epoch, .. } = config;
    let status_origin = format!("{origin}/status");
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let identity = LogIdentity {
        origin: origin.clone(),
        id: log_id.clone(),
        note_key: String::new(),
        status_note_key: String::new(),
        receipt_key: jwk(&keys.receipt.public_key().to_jwk())?,
        operator_key: jwk(&keys.operator.to_jwk())?,
        created: (clock)(),
    };
    let signer = |name: &str, key| NoteSigner::new(name, Arc::new(key)).map_err(|e| words(&e));
    let (mut note, mut status_note) =
        (vec![signer(&origin, keys.note)?], vec![signer(&status_origin, keys.status_note)?]);
    let identity = LogIdentity {
        note_key: note[0].verifier().to_vkey(),
        status_note_key: status_note[0].verifier().to_vkey(),
        ..identity
    };
    for (earlier, earlier_status) in keys.earlier {
        note.push(signer(&origin, earlier)?);
        status_note.push(signer(&status_origin, earlier_status)?);
    }
    let receipt_kid = record::statement::key_id(&log_id, &keys.receipt.public_key().thumbprint());
    let signers = Signers { receipt: keys.receipt, receipt_kid, note, status_note };

    // Step 1: take the log over; a writer that is still alive is fenced off.
    let fence = take_over(store.as_ref()).await?;
    // Step 2: rebuild from entries.
    let (tree, index) = load_entries(store.as_ref()).await?;
    if load_head(store.as_ref()).await? != head_row(&tree)? {
        return Err(OpenError::Unusable(
            "the head row and the entries disagree: see what `touchstone fsck` says, then restore the database or \
             `touchstone rebuild` the row"
                .into(),
        ));
    }
    let epochs = load_epochs(store.as_ref()).await?;
    let fresh = tree.size() == 0;
    let rollovers = if fresh { Vec::new() } else { same_log(&index, &identity, keys.rollovers)? };
    // Step 3: compare with what was signed last, which is kept outside the database.
    let evidence = Evidence {
        guard: guard.clone(),
        own: [&signers.note, &signers.status_note]
            .map(|signers| signers.iter().map(|signer| signer.verifier().clone()).collect()),
    };
    let guard = Guard::open(guard).await.map_err(|e| words(&e))?;
    guard.check(&tree, &epochs)?;
    let status_tree: MemoryTree = epochs.iter().map(|epoch| leaf_hash(&epoch.to_bytes())).collect();
    if let Some(fork) = evidence.check(witnesses.as_ref(), [&tree, &status_tree]).await.map_err(|e| words(&e))? {
        return Err(fork.into());
    }

    let placeholder = signers.head(&origin, &log_id, &MemoryTree::new(), 0)?;
    let is_witnessed = witnesses.is_some();
    let view = Arc::new(RwLock::new(View { tree, index, head: placeholder, status: None, is_witnessed }));
    let halted = Arc::new(OnceLock::new());
    let Evidence { guard: beside, own } = evidence;
    let witnesses =
        witnesses.map(|policy| Arc::new(Witnesses::new(&policy, &own, view.clone(), beside, halted.clone())));
    let (published, watching) = watch::channel(Published::default());
    let (submit, queue) = mpsc::channel(QUEUE);
    let (sequenced, durable) = watch::channel(tree_size(&view));
    let mut sequencer =
        Sequencer { store: store.clone(), clock: clock.clone(), fence, view: view.clone(), sequenced, in_doubt: false };
    // Step 4: a new log begins by saying what it is.
    if fresh {
        sequencer.first_leaves(&identity, &signers.receipt, max_epoch).await?;
    } else if !rollovers.is_empty() {
        tracing::info!(rollovers = rollovers.len(), "the log goes on under new keys");
        sequencer.own(rollovers).await?;
    }
    // Step 5: what a crash left unpublished.
    let mut publisher = Publisher {
        store,
        blobs,
        signers,
        origin,
        log_id,
        clock,
        min_epoch,
        max_epoch,
        fence,
        view: view.clone(),
        sequenced: durable,
        published,
        last_epoch: Instant::now(),
        last_checkpoint: Instant::now(),
        guard,
        witnesses: witnesses.clone(),
        waits_until: None,
    };
    publisher.restore_status(status_tree, epochs)?;
    publisher.publish().await.map_err(|e| e.message)?;
    publisher.epoch().await.map_err(|e| e.message)?;
    let accompanying = witnesses.as_ref().map_or_else(Vec::new, Witnesses::start);
    publisher.await_witnesses().await;
    // Step 6: each on a thread of its own. Checks of signatures keep the others busy, and nobody is answered before the
    // sequencer has had its turn.
    let (sequencing, publishing) = (alone(sequencer.run(queue)), alone(publisher.run()));
    let task = tokio::spawn(async move {
        let _ended = tokio::join!(sequencing, publishing);
        accompanying.iter().for_each(tokio::task::AbortHandle::abort);
    });
    Ok((Log { view, submit, published: watching, halted, witnesses }, task))
}

fn tree_size(view: &RwLock<View>) -> u64 {
    read(view).tree.size()
}

/// Runs a task on a thread of its own.
fn alone(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::task::spawn_blocking(|| match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(task),
        Err(error) => tracing::error!(%error, "a task of the log cannot run"),
    })
}

/// JWK members of a public key.
pub fn jwk(json: &str) -> Result<Jwk, String> {
    let mut members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(|e| e.to_string())?;
    members.remove("alg");
    serde_json::from_value(serde_json::Value::Object(members)).map_err(|e| e.to_string())
}

async fn take_over(store: &dyn RegistryStore) -> Result<u64, String> {
    let old = store.get(&part(), Namespace::Head, FENCE).await.map_err(|e| e.to_string())?;
    let before = match &old {
        None => 0,
        Some(row) => keys::parse_number(row).ok_or("the fence row is damaged")?,
    };
    let mut batch = Batch::new();
    batch.check(match old {
        None => Check::Absent(Namespace::Head, FENCE.to_vec()),
        Some(row) => Check::Equals(Namespace::Head, FENCE.to_vec(), row),
    });
    batch.put(Namespace::Head, FENCE, keys::number(before + 1));
    match store.commit(&part(), batch).await.map_err(|e| e.to_string())? {
        Committed::Yes(_) => Ok(before + 1),
        other => Err(format!("the log could not be taken over: {other:?}")),
    }
}

/// Tree and index, from the entries.
///
/// # Errors
/// Words for the operator: an entry is missing or damaged.
pub async fn load_entries(store: &dyn RegistryStore) -> Result<(MemoryTree, Index), String> {
    let (mut tree, mut index) = (MemoryTree::new(), Index::default());
    let mut from = Vec::new();
    loop {
        let page = store
            .scan(&part(), Namespace::Entry, from..Vec::new(), 512, Direction::Forward)
            .await
            .map_err(|e| e.to_string())?;
        for (key, entry) in &page.rows {
            if keys::parse_number(key) != Some(tree.size()) {
                return Err(format!("entry {} is missing", tree.size()));
            }
            let statement = SignedStatement::from_entry(entry).map_err(|e| format!("entry {}: {e}", tree.size()))?;
            let hash = leaf_hash(entry);
            tree.push(hash);
            index.take(statement, entry, hash);
        }
        match page.resume {
            Some(next) => from = next,
            None => break,
        }
    }
    Ok((tree, index))
}

/// The row with size and root.
///
/// # Errors
/// Those of the store.
pub async fn load_head(store: &dyn RegistryStore) -> Result<Option<Vec<u8>>, String> {
    store.get(&part(), Namespace::Head, HEAD).await.map_err(|e| e.to_string())
}

/// The row with size and root, as it must be; none over no entries.
///
/// # Errors
/// None: a tree has the root of its own size.
pub fn head_row(tree: &MemoryTree) -> Result<Option<Vec<u8>>, String> {
    if tree.size() == 0 {
        return Ok(None);
    }
    let root = tree.root(tree.size()).map_err(|e| e.to_string())?;
    Ok(Some([&keys::number(tree.size())[..], &root[..]].concat()))
}

/// The epochs.
///
/// # Errors
/// Words for the operator: one is missing or damaged.
pub async fn load_epochs(store: &dyn RegistryStore) -> Result<Vec<Epoch>, String> {
    let (mut epochs, mut from) = (Vec::new(), Vec::new());
    loop {
        let page = store
            .scan(&part(), Namespace::Epoch, from..Vec::new(), 1_000, Direction::Forward)
            .await
            .map_err(|e| e.to_string())?;
        for (_, row) in &page.rows {
            let epoch = Epoch::from_bytes(row).map_err(|e| e.to_string())?;
            if epoch.number != epochs.len() as u64 {
                return Err(format!("epoch {} is missing", epochs.len()));
            }
            epochs.push(epoch);
        }
        match page.resume {
            Some(next) => from = next,
            None => return Ok(epochs),
        }
    }
}

/// A log goes on under the names and keys that its leaf 0 and its rollovers state: signed otherwise it would be another
/// log over the same entries. The rollovers that it does not hold yet, once they lead to the keys configured.
fn same_log(index: &Index, configured: &LogIdentity, rollovers: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
    let mut stated = index.identity.clone().ok_or("entry 0 does not say which log this is")?;
    let mut pending = Vec::new();
    for entry in rollovers {
        if index.by_hash.contains_key(&leaf_hash(&entry)) {
            continue;
        }
        let unusable = |problem: String| format!("log.rollovers: {problem}");
        let statement = SignedStatement::from_entry(&entry).map_err(|e| unusable(e.to_string()))?;
        let trusted = LogTrust {
            origin: stated.origin.clone(),
            note_key: stated.note_key.clone(),
            status_note_key: stated.status_note_key.clone(),
            receipt_key: stated.receipt_key.clone(),
            earlier: Vec::new(),
        };
        let followed = trusted.follow(&statement).map_err(|e| unusable(e.to_string()))?;
        stated.note_key = followed.note_key;
        stated.status_note_key = followed.status_note_key;
        stated.receipt_key = followed.receipt_key;
        pending.push(entry);
    }
    for (key, stated, configured) in [
        ("log.origin", &stated.origin, &configured.origin),
        ("log.id", &stated.id, &configured.id),
        ("log.note_key", &stated.note_key, &configured.note_key),
        ("log.status_note_key", &stated.status_note_key, &configured.status_note_key),
        ("log.receipt_key", &stated.receipt_key.x, &configured.receipt_key.x),
        ("log.operator_key", &stated.operator_key.x, &configured.operator_key.x),
    ] {
        if stated != configured {
            return Err(format!(
                "{key} is {configured}, the log in this folder goes by {stated}: use its own configuration and keys; new \
                 keys need a rollover that `touchstone rotate` makes"
            ));
        }
    }
    Ok(pending)
}
