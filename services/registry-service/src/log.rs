//! The sequencer: the one task that orders statements, publishes checkpoints and makes status epochs.
//!
//! A statement is acknowledged when its batch is durable. Then: full tiles become blobs, the head that is about to be
//! signed is written outside the database, and only then is it signed. After a crash the entries tell everything
//! else: `load` rebuilds trees, index and state from them and compares with what was promised.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use cose::key::SigningKey;
use jiff::Timestamp;
use proto::registry::Entry;
use record::registry::{Jwk, LogIdentity, RegistrationPolicy};
use record::statement::{Content, Heading, SignedStatement, sign};
use record::status::{Epoch, StatusRecord};
use record::{json, media};
use runtime::Refusal;
use runtime::once::Once;
use store::{Batch, BlobStore, Check, Committed, Direction, Namespace, Part, Put, RegistryStore, keys};
use tlog::checkpoint::Checkpoint;
use tlog::note::{NoteSigner, SignedNote};
use tlog::receipt::{Issuer, SignedRoot};
use tlog::tile::{Bundle as EntryBundle, new_tiles};
use tlog::tree::MemoryTree;
use tlog::{Hash, leaf_hash};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use crate::config::Config;
use crate::error::{DOMAIN, internal};
use crate::index::Index;
use crate::{checks, convert};

/// Statements in one batch: each brings four rows of the thousand that a batch may have.
const GROUP: usize = 128;
/// Bytes of entries in one batch: with what is remembered of each request it stays below the store's limit.
const GROUP_BYTES: usize = 768 << 10;
/// Statements waiting for the sequencer before callers are told to come back.
const QUEUE: usize = 1_024;
/// Signature algorithms registered: COSE code points.
const ALGORITHMS: [i64; 6] = [-7, -8, -9, -19, -35, -37];
const FENCE: &[u8] = b"fence";
const HEAD: &[u8] = b"head";
/// Blob with the last heads that were signed: outside the database, so that a restored backup is noticed.
const SIGNED: &str = "signed-head";

/// A statement that has passed all checks, on its way to a leaf.
pub struct Submission {
    /// Exact bytes.
    pub entry: Vec<u8>,
    /// The same, decoded.
    pub statement: SignedStatement,
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

/// The status log and the map that its latest epoch fixes.
pub struct Status {
    /// Epochs, as leaves.
    pub tree: MemoryTree,
    /// The epochs.
    pub epochs: Vec<Epoch>,
    /// Records of all leaves below the latest epoch's size.
    pub map: MemoryTree,
    /// The checkpoint of the log that the latest epoch covers.
    pub head: SignedHead,
    /// Checkpoint of the status log.
    pub note: Vec<u8>,
}

impl Status {
    /// The latest epoch.
    pub fn latest(&self) -> &Epoch {
        // A status exists only with at least one epoch.
        &self.epochs[self.epochs.len() - 1]
    }

    /// The first epoch that covers a leaf.
    pub fn covering(&self, leaf: u64) -> Option<&Epoch> {
        let first = self.epochs.partition_point(|epoch| epoch.size <= leaf);
        self.epochs.get(first)
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
}

/// How soon the sequencer looks again where the log ends, when it does not know.
const CATCH_UP: Duration = Duration::from_millis(100);

struct Signers {
    receipt: SigningKey,
    receipt_kid: String,
    note: NoteSigner,
    status_note: NoteSigner,
}

struct Sequencer {
    store: Arc<dyn RegistryStore>,
    blobs: Arc<dyn BlobStore>,
    signers: Signers,
    origin: String,
    log_id: String,
    clock: runtime::Clock,
    min_epoch: Duration,
    max_epoch: Duration,
    fence: u64,
    view: Arc<RwLock<View>>,
    published: watch::Sender<Published>,
    last_epoch: Instant,
    signed: Vec<u8>,
    /// A batch may have been applied that the view does not show: catch up before anything else.
    in_doubt: bool,
}

/// The part that holds the log.
pub fn part() -> Part {
    Part::log()
}

/// Opens the log: takes it over from whoever wrote before, rebuilds what entries tell, begins a new log with its first
/// two leaves, publishes, and starts the sequencer. The task ends when the last handle is gone and its queue is done.
///
/// # Errors
/// Words for the operator: what is damaged, or why a fork is feared.
pub async fn open(config: Config) -> Result<(Log, JoinHandle<()>), String> {
    let Config { origin, log_id, keys, store, blobs, clock, min_epoch, max_epoch, .. } = config;
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
    let note = NoteSigner::new(&origin, Arc::new(keys.note)).map_err(|e| words(&e))?;
    let status_note = NoteSigner::new(&status_origin, Arc::new(keys.status_note)).map_err(|e| words(&e))?;
    let identity = LogIdentity {
        note_key: note.verifier().to_vkey(),
        status_note_key: status_note.verifier().to_vkey(),
        ..identity
    };
    let receipt_kid = record::statement::key_id(&log_id, &keys.receipt.public_key().thumbprint());
    let signers = Signers { receipt: keys.receipt, receipt_kid, note, status_note };

    // Step 1: take the log over; a writer that is still alive is fenced off.
    let fence = take_over(store.as_ref()).await?;
    // Step 2: rebuild from entries.
    let (tree, index) = load(store.as_ref()).await?;
    let epochs = load_epochs(store.as_ref()).await?;
    // Step 3: compare with what was signed last, which is kept outside the database.
    let signed = blobs.get(SIGNED).await.map_err(|e| words(&e))?.unwrap_or_default();
    no_fork(&signed, &tree, &epochs)?;
    let fresh = tree.size() == 0;
    same_log(store.as_ref(), &identity).await?;

    let placeholder = signers.head(&origin, &log_id, &MemoryTree::new(), 0)?;
    let view = Arc::new(RwLock::new(View { tree, index, head: placeholder, status: None }));
    let (published, watching) = watch::channel(Published::default());
    let (submit, queue) = mpsc::channel(QUEUE);
    let mut sequencer = Sequencer {
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
        published,
        last_epoch: Instant::now(),
        signed,
        in_doubt: false,
    };
    // Step 4: a new log begins by saying what it is.
    if fresh {
        sequencer.first_leaves(&identity).await?;
    }
    // Step 5: what a crash left unpublished.
    sequencer.restore_status(epochs)?;
    sequencer.publish().await.map_err(|e| e.message)?;
    sequencer.epoch().await.map_err(|e| e.message)?;
    let task = tokio::spawn(sequencer.run(queue));
    Ok((Log { view, submit, published: watching }, task))
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

async fn load(store: &dyn RegistryStore) -> Result<(MemoryTree, Index), String> {
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
            index.take(&statement, entry, hash);
        }
        match page.resume {
            Some(next) => from = next,
            None => break,
        }
    }
    let head = store.get(&part(), Namespace::Head, HEAD).await.map_err(|e| e.to_string())?;
    let expected = (tree.size() > 0).then(|| head_row(&tree)).transpose()?;
    if head != expected {
        return Err("the head row and the entries disagree: restore the database".into());
    }
    Ok((tree, index))
}

fn head_row(tree: &MemoryTree) -> Result<Vec<u8>, String> {
    let root = tree.root(tree.size()).map_err(|e| e.to_string())?;
    Ok([&keys::number(tree.size())[..], &root[..]].concat())
}

async fn load_epochs(store: &dyn RegistryStore) -> Result<Vec<Epoch>, String> {
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

/// A log goes on under the names and keys that its leaf 0 states: signed otherwise it would be another log over the same
/// entries. Nothing to compare in a new one.
async fn same_log(store: &dyn RegistryStore, configured: &LogIdentity) -> Result<(), String> {
    let leaf = store.get(&part(), Namespace::Entry, &keys::number(0)).await.map_err(|e| e.to_string())?;
    let Some(leaf) = leaf else { return Ok(()) };
    let statement = SignedStatement::from_entry(&leaf).map_err(|e| format!("entry 0: {e}"))?;
    let Content::LogIdentity(stated) = statement.content() else {
        return Err("entry 0 does not say which log this is".into());
    };
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
                "{key} is {configured}, the log in this folder began with {stated}: use its own configuration and keys"
            ));
        }
    }
    Ok(())
}

/// Leaves that the log writes before it signs anything.
const FIRST_LEAVES: u64 = 2;

/// The last signed heads must be prefixes of what the database holds: a restored backup must not fork the log.
fn no_fork(signed: &[u8], tree: &MemoryTree, epochs: &[Epoch]) -> Result<(), String> {
    if signed.is_empty() {
        // A crash before the first signature leaves this and no more.
        if tree.size() <= FIRST_LEAVES && epochs.is_empty() {
            return Ok(());
        }
        return Err(format!(
            "the database holds {} entries, but {SIGNED}, the file of the head signed last, is gone: put back the blobs \
             that belong to this database; without it nobody can tell whether this copy is the newest",
            tree.size()
        ));
    }
    let text = std::str::from_utf8(signed).map_err(|_| "the signed head file is damaged")?;
    let mut fields = text.split_whitespace();
    let mut next = || fields.next().ok_or("the signed head file is damaged");
    let size: u64 = next()?.parse().map_err(|_| "the signed head file is damaged")?;
    let root = next()?;
    let status_size: usize = next()?.parse().map_err(|_| "the signed head file is damaged")?;
    if size > tree.size() || status_size > epochs.len() {
        return Err(format!(
            "a head of {size} entries and {status_size} epochs was signed, the database holds {} and {}: this is an \
             older copy, and going on would fork the log; restore the newest copy or catch up from a mirror first",
            tree.size(),
            epochs.len()
        ));
    }
    if hex::encode(tree.root(size).map_err(|e| e.to_string())?) != root {
        return Err("another tree than this was signed: going on would fork the log".into());
    }
    Ok(())
}

impl Signers {
    fn head(&self, origin: &str, log_id: &str, tree: &MemoryTree, size: u64) -> Result<SignedHead, String> {
        let root = tree.root(size).map_err(|e| e.to_string())?;
        let note = signed_note(&self.note, &Checkpoint::new(origin, size, root))?;
        let issuer = Issuer { kid: self.receipt_kid.as_bytes(), iss: log_id, sub: origin };
        let root = SignedRoot::sign(&self.receipt, &issuer, &root).map_err(|e| e.to_string())?;
        Ok(SignedHead { size, note, root })
    }
}

fn signed_note(signer: &NoteSigner, checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let text = checkpoint.to_body();
    let signature = signer.sign(&text).map_err(|e| e.to_string())?;
    Ok(SignedNote::new(text, vec![signature]).map_err(|e| e.to_string())?.encode().into_bytes())
}

impl Sequencer {
    async fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        loop {
            let due = match self.in_doubt {
                true => Instant::now() + CATCH_UP,
                false => self.next_epoch(),
            };
            tokio::select! {
                first = queue.recv() => {
                    let Some(first) = first else { return };
                    let mut group = vec![first];
                    let mut bytes = group[0].entry.len();
                    while group.len() < GROUP && bytes < GROUP_BYTES {
                        let Ok(next) = queue.try_recv() else { break };
                        bytes += next.entry.len();
                        group.push(next);
                    }
                    // One batch, and as many calls: it is part of the first one's trace, and follows from all.
                    let span = tracing::info_span!(parent: &group[0].span, "sequence", statements = group.len());
                    group[1..].iter().for_each(|submission| {
                        span.follows_from(&submission.span);
                    });
                    if !self.sequence(group).instrument(span).await {
                        return;
                    }
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            if self.in_doubt
                && self.catch_up().await.is_ok()
                && let Err(refusal) = self.publish().await
            {
                tracing::error!(message = refusal.message, "no checkpoint could be published");
            }
            if self.next_epoch() <= Instant::now()
                && let Err(refusal) = self.epoch().await
            {
                tracing::error!(message = refusal.message, "no status epoch could be made");
                self.last_epoch = Instant::now();
            }
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn next_epoch(&self) -> Instant {
        let view = self.read();
        let covered = view.status.as_ref().map_or(0, |status| status.latest().size);
        self.last_epoch + if view.head.size > covered { self.min_epoch } else { self.max_epoch }
    }

    /// Sequences a group. False when this writer must stop: another has taken over.
    async fn sequence(&mut self, group: Vec<Submission>) -> bool {
        // Step 0: know where the log ends.
        if self.in_doubt
            && let Err(refusal) = self.catch_up().await
        {
            for submission in group {
                let _gone = submission.answer.send(Err(refusal.clone()));
            }
            return true;
        }
        // Step 1: decide each against the log and the statements before it in the group.
        let mut ready: Vec<(Submission, Hash)> = Vec::new();
        let mut hashes: HashMap<Hash, usize> = HashMap::new();
        let mut repeats: Vec<(Submission, Hash)> = Vec::new();
        for submission in group {
            if let Some(once) = &submission.once {
                match once.seen::<Entry>(self.store.as_ref()).await {
                    Ok(None) => {}
                    Ok(Some(answer)) => {
                        let answer = convert::again(answer, &submission.entry);
                        let _gone = submission.answer.send(Ok(answer));
                        continue;
                    }
                    Err(refusal) => {
                        let _gone = submission.answer.send(Err(refusal));
                        continue;
                    }
                }
                let reuses = |(other, _): &(Submission, Hash)| {
                    other.once.as_ref().is_some_and(|other| once.key().reuses(other.key()))
                };
                if ready.iter().chain(&repeats).any(reuses) {
                    let refusal = once.reused();
                    let _gone = submission.answer.send(Err(refusal));
                    continue;
                }
            }
            let hash = leaf_hash(&submission.entry);
            if self.read().index.by_hash.contains_key(&hash) || hashes.contains_key(&hash) {
                repeats.push((submission, hash));
                continue;
            }
            // Statements of one group with the same subject go one a batch: the next is judged by what this one makes.
            let same_subject =
                ready.iter().any(|(other, _)| other.statement.subject() == submission.statement.subject());
            if same_subject {
                if !self.commit(std::mem::take(&mut ready)).await {
                    return false;
                }
                hashes.clear();
            }
            let allowed = checks::sequence(&submission.statement, &self.read().index, (self.clock)());
            match allowed {
                Err(refusal) => {
                    let _gone = submission.answer.send(Err(refusal));
                }
                Ok(()) => {
                    hashes.insert(hash, ready.len());
                    ready.push((submission, hash));
                }
            }
        }
        if !ready.is_empty() && !self.commit(ready).await {
            return false;
        }
        // Step 2: the same bytes again give the same leaf.
        for (submission, hash) in repeats {
            let answer = self.repeat(&submission, &hash).await;
            let _gone = submission.answer.send(answer);
        }
        // Step 3: publish what is now durable.
        if let Err(refusal) = self.publish().await {
            tracing::error!(message = refusal.message, "no checkpoint could be published");
        }
        true
    }

    async fn repeat(&self, submission: &Submission, hash: &Hash) -> Result<Entry, Refusal> {
        let leaf = self.read().index.by_hash.get(hash).copied();
        let leaf = leaf.ok_or_else(|| {
            // Its twin in this group was not committed.
            Refusal::store(DOMAIN, &store::StoreError::Unavailable("the statement was not sequenced".into()))
        })?;
        let answer = convert::entry(leaf, &submission.statement, &submission.entry);
        if let Some(once) = &submission.once {
            let mut batch = Batch::new();
            once.remember(&mut batch, &convert::remembered(&answer));
            // A twin that remembered first has remembered the same answer.
            self.store.commit(once.part(), batch).await.map_err(|e| Refusal::store(DOMAIN, &e))?;
        }
        Ok(answer)
    }

    /// Takes into the view what is in the store beyond it.
    async fn catch_up(&mut self) -> Result<(), Refusal> {
        loop {
            let from = self.read().tree.size();
            let page = self
                .store
                .scan(&part(), Namespace::Entry, keys::number(from)..Vec::new(), 512, Direction::Forward)
                .await
                .map_err(|e| Refusal::store(DOMAIN, &e))?;
            if page.rows.is_empty() {
                self.in_doubt = false;
                return Ok(());
            }
            for (key, entry) in page.rows {
                let mut view = self.write();
                if keys::parse_number(&key) != Some(view.tree.size()) {
                    return Err(internal(format!("entry {} is missing", view.tree.size())));
                }
                let statement = SignedStatement::from_entry(&entry).map_err(internal)?;
                let hash = leaf_hash(&entry);
                view.tree.push(hash);
                view.index.take(&statement, &entry, hash);
            }
        }
    }

    /// Commits statements as the next leaves, in one batch with the head and the records of their requests.
    async fn commit(&mut self, ready: Vec<(Submission, Hash)>) -> bool {
        let first = self.read().tree.size();
        let mut batch = Batch { fence: Some((FENCE.to_vec(), self.fence)), ..Batch::default() };
        let mut answers = Vec::with_capacity(ready.len());
        let mut tree = MemoryTail::new(&self.read().tree);
        for (offset, (submission, hash)) in ready.iter().enumerate() {
            let leaf = first + offset as u64;
            tree.push(*hash);
            batch.check(Check::Absent(Namespace::Entry, keys::number(leaf)));
            batch.put(Namespace::Entry, keys::number(leaf), submission.entry.clone());
            let answer = convert::entry(leaf, &submission.statement, &submission.entry);
            if let Some(once) = &submission.once {
                once.remember(&mut batch, &convert::remembered(&answer));
            }
            answers.push(answer);
        }
        batch.put(Namespace::Head, HEAD, tree.head_row());
        let outcome = self.store.commit(&part(), batch).await;
        let durable = match outcome {
            Ok(Committed::Yes(_)) => true,
            // Whether it was applied stands in our own head row.
            Ok(Committed::Unknown) | Err(_) => {
                let head = self.store.get(&part(), Namespace::Head, HEAD).await;
                self.in_doubt = head.is_err();
                matches!(head, Ok(Some(row)) if row == tree.head_row())
            }
            // Our leaf is taken, or the request was carried out: by a batch of ours whose outcome we did not learn.
            Ok(Committed::Conflict(_)) => {
                self.in_doubt = true;
                false
            }
            Ok(Committed::Fenced) => {
                tracing::error!("another writer has taken the log over: this one stops");
                for (submission, _) in ready {
                    let unavailable = store::StoreError::Unavailable("another writer has the log".into());
                    let _gone = submission.answer.send(Err(Refusal::store(DOMAIN, &unavailable)));
                }
                return false;
            }
        };
        if durable {
            let mut view = self.write();
            for (submission, hash) in &ready {
                view.tree.push(*hash);
                view.index.take(&submission.statement, &submission.entry, *hash);
            }
        }
        for ((submission, _), answer) in ready.into_iter().zip(answers) {
            let unavailable = || Refusal::store(DOMAIN, &store::StoreError::Unavailable("the batch failed".into()));
            let _gone = submission.answer.send(if durable { Ok(answer) } else { Err(unavailable()) });
        }
        true
    }

    async fn first_leaves(&mut self, identity: &LogIdentity) -> Result<(), String> {
        let policy = RegistrationPolicy {
            id: self.log_id.clone(),
            origin: self.origin.clone(),
            media_types: [
                media::ANCHOR,
                media::ACCREDITATION,
                media::CERTIFICATE,
                media::STATUS_EVENT,
                media::ARRANGEMENT,
                media::ARRANGEMENT_ACCEPTANCE,
            ]
            .map(str::to_owned)
            .to_vec(),
            algorithms: ALGORITHMS.to_vec(),
            max_payload_bytes: json::MAX_BYTES as u64,
            max_epoch_seconds: self.max_epoch.as_secs(),
        };
        let payloads =
            [(media::LOG_IDENTITY, json::write(identity)), (media::REGISTRATION_POLICY, json::write(&policy))];
        let mut ready = Vec::new();
        for (media_type, payload) in payloads {
            let heading = Heading { media_type, issuer: &self.log_id, subject: &self.origin, x5t: None };
            let entry = sign(&self.signers.receipt, &heading, &payload).map_err(|e| e.to_string())?;
            let statement = SignedStatement::from_entry(&entry).map_err(|e| e.to_string())?;
            let hash = leaf_hash(&entry);
            let (answer, _unread) = oneshot::channel();
            ready.push((Submission { entry, statement, once: None, span: Span::none(), answer }, hash));
        }
        self.commit(ready).await;
        if self.read().tree.size() == FIRST_LEAVES {
            Ok(())
        } else {
            Err("the first leaves could not be written".into())
        }
    }

    /// Publishes a checkpoint of all leaves: full tiles first, then the intent to sign, then the signature.
    async fn publish(&mut self) -> Result<(), Refusal> {
        let (size, root, old) = {
            let view = self.read();
            let size = view.tree.size();
            (size, view.tree.root(size).map_err(internal)?, view.head.size)
        };
        if size == old {
            return Ok(());
        }
        for tile in new_tiles(old, size).filter(|tile| !tile.is_partial()) {
            let bytes = tile.bytes(&self.read().tree).map_err(internal)?;
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
        let epochs = self.read().status.as_ref().map_or(0, |status| status.epochs.len());
        self.intend(size, &root, epochs).await?;
        let head = {
            let view = self.read();
            self.signers.head(&self.origin, &self.log_id, &view.tree, size).map_err(internal)?
        };
        self.write().head = head;
        self.published.send_modify(|published| published.size = size);
        Ok(())
    }

    async fn blob(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        match self.blobs.put_if_absent(name, bytes).await.map_err(|e| Refusal::store(DOMAIN, &e))? {
            Put::Created | Put::Same => Ok(()),
            Put::Different => Err(internal(format!("blob {name} holds other bytes: the log would fork"))),
        }
    }

    /// Records what is about to be signed, outside the database.
    async fn intend(&mut self, size: u64, root: &Hash, epochs: usize) -> Result<(), Refusal> {
        let bytes = format!("{size} {} {epochs}\n", hex::encode(root)).into_bytes();
        let expected = (!self.signed.is_empty()).then_some(self.signed.as_slice());
        match self.blobs.put_if_match(SIGNED, expected, &bytes).await.map_err(|e| Refusal::store(DOMAIN, &e))? {
            Put::Created | Put::Same => {
                self.signed = bytes;
                Ok(())
            }
            Put::Different => Err(internal("the signed head file was changed by another writer")),
        }
    }

    /// Makes a status epoch that covers the newest checkpoint.
    async fn epoch(&mut self) -> Result<(), Refusal> {
        let (epoch, map) = {
            let view = self.read();
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
        self.intend(epoch.size, &epoch.root, epoch.number as usize + 1).await?;
        self.take_epoch(epoch, map).map_err(internal)?;
        self.last_epoch = Instant::now();
        Ok(())
    }

    /// Makes an epoch what readers see.
    fn take_epoch(&self, epoch: Epoch, map: MemoryTree) -> Result<(), String> {
        let mut guard = self.write();
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
    fn restore_status(&mut self, epochs: Vec<Epoch>) -> Result<(), String> {
        let Some(last) = epochs.last().copied() else { return Ok(()) };
        let mut map = MemoryTree::new();
        {
            let view = self.read();
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
            let view = self.read();
            self.signers.head(&self.origin, &self.log_id, &view.tree, last.size)?
        };
        let earlier = epochs[..epochs.len() - 1].to_vec();
        {
            let mut view = self.write();
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
fn update_map(map: &mut MemoryTree, index: &Index, from: u64, size: u64) -> Result<(), String> {
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

/// The edge of a tree, to compute the head that a batch will make.
struct MemoryTail(tlog::tree::Edge);

impl MemoryTail {
    fn new(tree: &MemoryTree) -> Self {
        MemoryTail(tlog::tree::Edge::from_reader(tree, tree.size()).unwrap_or_default())
    }

    fn push(&mut self, hash: Hash) {
        self.0.push(hash);
    }

    fn head_row(&self) -> Vec<u8> {
        [&keys::number(self.0.size())[..], &self.0.root()[..]].concat()
    }
}
