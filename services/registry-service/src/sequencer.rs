//! The sequencer: the one task that orders statements. A statement is acknowledged when its batch is durable; what is
//! durable is told to the publisher.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use cose::key::Algorithm;
use proto::registry::Entry;
use record::registry::{LogIdentity, RegistrationPolicy};
use record::statement::{Heading, SignedStatement, sign};
use record::{json, media};
use runtime::Refusal;
use store::{Batch, Check, Committed, Direction, Namespace, RegistryStore, keys};
use tlog::tree::MemoryTree;
use tlog::{Hash, leaf_hash};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{Instrument, Span};

use crate::error::{DOMAIN, internal};
use crate::log::{FENCE, HEAD, Submission, View, part, read, write};
use crate::{checks, convert};

/// Statements in one batch: each brings four rows of the thousand that a batch may have.
const GROUP: usize = 128;
/// Bytes of entries in one batch: with what is remembered of each request it stays below the store's limit.
const GROUP_BYTES: usize = 768 << 10;
/// How soon the sequencer looks again where the log ends, when it does not know.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The task.
pub struct Sequencer {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Time.
    pub clock: runtime::Clock,
    /// Number of this writer: a batch of an earlier one is refused.
    pub fence: u64,
    /// What readers see.
    pub view: Arc<RwLock<View>>,
    /// Entries that are durable and in the view.
    pub sequenced: watch::Sender<u64>,
    /// A batch may have been applied that the view does not show: catch up before anything else.
    pub in_doubt: bool,
}

impl Sequencer {
    /// Sequences what comes, until nobody can send or another writer takes over.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        loop {
            let first = match self.in_doubt {
                false => queue.recv().await,
                true => match tokio::time::timeout(CATCH_UP, queue.recv()).await {
                    Ok(first) => first,
                    Err(_) => {
                        let _still_in_doubt = self.catch_up().await;
                        continue;
                    }
                },
            };
            let Some(first) = first else { return };
            let mut bytes = first.entry.len();
            let mut group = Vec::with_capacity(GROUP);
            group.push(first);
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
        let mut ready: Vec<Submission> = Vec::with_capacity(group.len());
        let mut hashes: HashSet<Hash> = HashSet::new();
        let mut repeats: Vec<Submission> = Vec::new();
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
                let reuses =
                    |other: &Submission| other.once.as_ref().is_some_and(|other| once.key().reuses(other.key()));
                if ready.iter().chain(&repeats).any(reuses) {
                    let refusal = once.reused();
                    let _gone = submission.answer.send(Err(refusal));
                    continue;
                }
            }
            let hash = submission.hash;
            if read(&self.view).index.by_hash.contains_key(&hash) || hashes.contains(&hash) {
                repeats.push(submission);
                continue;
            }
            // Statements of one group with the same subject go one a batch: the next is judged by what this one makes.
            let same_subject = ready.iter().any(|other| other.statement.subject() == submission.statement.subject());
            if same_subject {
                if !self.commit(std::mem::take(&mut ready)).await {
                    return false;
                }
                hashes.clear();
            }
            let allowed = checks::sequence(&submission.statement, &read(&self.view).index, (self.clock)());
            match allowed {
                Err(refusal) => {
                    let _gone = submission.answer.send(Err(refusal));
                }
                Ok(()) => {
                    hashes.insert(hash);
                    ready.push(submission);
                }
            }
        }
        if !ready.is_empty() && !self.commit(ready).await {
            return false;
        }
        // Step 2: the same bytes again give the same leaf.
        for submission in repeats {
            let answer = self.repeat(&submission).await;
            let _gone = submission.answer.send(answer);
        }
        true
    }

    async fn repeat(&self, submission: &Submission) -> Result<Entry, Refusal> {
        let leaf = read(&self.view).index.by_hash.get(&submission.hash).copied();
        let leaf = leaf.ok_or_else(|| {
            // Its twin in this group was not committed.
            Refusal::store(DOMAIN, &store::StoreError::Unavailable("the statement was not sequenced".into()))
        })?;
        let answer = convert::entry(leaf, &submission.statement, &submission.entry, submission.hash);
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
            let from = read(&self.view).tree.size();
            let page = self
                .store
                .scan(&part(), Namespace::Entry, keys::number(from)..Vec::new(), 512, Direction::Forward)
                .await
                .map_err(|e| Refusal::store(DOMAIN, &e))?;
            if page.rows.is_empty() {
                self.in_doubt = false;
                self.sequenced.send_replace(from);
                return Ok(());
            }
            for (key, entry) in page.rows {
                let mut view = write(&self.view);
                if keys::parse_number(&key) != Some(view.tree.size()) {
                    return Err(internal(format!("entry {} is missing", view.tree.size())));
                }
                let statement = SignedStatement::from_entry(&entry).map_err(internal)?;
                let hash = leaf_hash(&entry);
                view.tree.push(hash);
                view.index.take(statement, &entry, hash);
            }
        }
    }

    /// Commits statements as the next leaves, in one batch with the head and the records of their requests.
    async fn commit(&mut self, ready: Vec<Submission>) -> bool {
        let first = read(&self.view).tree.size();
        let mut batch = Batch { fence: Some((FENCE.to_vec(), self.fence)), ..Batch::default() };
        let mut answers = Vec::with_capacity(ready.len());
        let mut tree = MemoryTail::new(&read(&self.view).tree);
        for (offset, submission) in ready.iter().enumerate() {
            let leaf = first + offset as u64;
            tree.push(submission.hash);
            batch.check(Check::Absent(Namespace::Entry, keys::number(leaf)));
            batch.put(Namespace::Entry, keys::number(leaf), submission.entry.clone());
            let answer = convert::entry(leaf, &submission.statement, &submission.entry, submission.hash);
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
                for submission in ready {
                    let unavailable = store::StoreError::Unavailable("another writer has the log".into());
                    let _gone = submission.answer.send(Err(Refusal::store(DOMAIN, &unavailable)));
                }
                return false;
            }
        };
        let (mut waiting, mut taken) = (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
        for submission in ready {
            let Submission { entry, statement, hash, answer, .. } = submission;
            waiting.push(answer);
            taken.push((statement, entry, hash));
        }
        if durable {
            let mut view = write(&self.view);
            for (statement, entry, hash) in taken {
                view.tree.push(hash);
                view.index.take(statement, &entry, hash);
            }
            self.sequenced.send_replace(view.tree.size());
        }
        for (caller, answer) in waiting.into_iter().zip(answers) {
            let unavailable = || Refusal::store(DOMAIN, &store::StoreError::Unavailable("the batch failed".into()));
            let _gone = caller.send(if durable { Ok(answer) } else { Err(unavailable()) });
        }
        true
    }

    /// Writes the first leaves of a new log: what it is, and what it registers.
    ///
    /// # Errors
    /// Words for the operator.
    pub async fn first_leaves(
        &mut self,
        identity: &LogIdentity,
        receipt: &cose::key::SigningKey,
        max_epoch: Duration,
    ) -> Result<(), String> {
        let policy = RegistrationPolicy {
            id: identity.id.clone(),
            origin: identity.origin.clone(),
            media_types: [
                media::ANCHOR,
                media::ACCREDITATION,
                media::CERTIFICATE,
                media::STATUS_EVENT,
                media::KEY_REVOCATION,
                media::ARRANGEMENT,
                media::ARRANGEMENT_ACCEPTANCE,
                media::METHOD,
                media::FACTOR_SET,
            ]
            .map(str::to_owned)
            .to_vec(),
            algorithms: Algorithm::ALL.map(Algorithm::code).to_vec(),
            max_payload_bytes: json::MAX_BYTES as u64,
            max_epoch_seconds: max_epoch.as_secs(),
        };
        let payloads =
            [(media::LOG_IDENTITY, json::write(identity)), (media::REGISTRATION_POLICY, json::write(&policy))];
        let mut entries = Vec::new();
        for (media_type, payload) in payloads {
            let heading = Heading { media_type, issuer: &identity.id, subject: &identity.origin, x5t: None };
            entries.push(sign(receipt, &heading, &payload).map_err(|e| e.to_string())?);
        }
        self.own(entries).await
    }

    /// Writes entries in the log's own name: its first leaves, and rollovers of its keys.
    ///
    /// # Errors
    /// Words for the operator.
    pub async fn own(&mut self, entries: Vec<Vec<u8>>) -> Result<(), String> {
        let mut ready = Vec::new();
        for entry in entries {
            let statement = SignedStatement::from_entry(&entry).map_err(|e| e.to_string())?;
            let hash = leaf_hash(&entry);
            let (answer, _unread) = oneshot::channel();
            ready.push(Submission { entry, statement, hash, once: None, span: Span::none(), answer });
        }
        let wanted = read(&self.view).tree.size() + ready.len() as u64;
        self.commit(ready).await;
        if read(&self.view).tree.size() == wanted {
            Ok(())
        } else {
            Err("the log's own entries could not be written".into())
        }
    }
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
