//! RocksDB behind [`RegistryStore`]: one writer thread, group commit, one synced `WriteBatch` a group.

use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, IteratorMode, Options, ReadOptions, SliceTransform, WriteBatch,
    WriteOptions,
};
use tokio::sync::oneshot;

use crate::claim::Claim;
use crate::keys::{self, bounds, physical};
use crate::{Batch, Committed, Direction, MAX_PAGE_ROWS, Namespace, Page, Part, RegistryStore, StoreError, Token};

/// Commits waiting for the writer before callers wait too.
const QUEUE: usize = 4_096;
/// Most commits in one synced group: enough to share a sync, few enough that nobody waits long.
const GROUP: usize = 512;
/// Memory for blocks of rows that were read.
const CACHE_BYTES: usize = 128 << 20;
/// Bits a key of the filters that spare a read the files without it.
const FILTER_BITS: f64 = 10.0;
/// Share of the memory of new rows that their filter takes.
const MEMTABLE_FILTER: f64 = 0.02;

struct Job {
    part: Part,
    batch: Batch,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

/// The database and the claim to it, which is given up after it is closed.
struct Database {
    db: DB,
    _claim: Claim,
}

impl Deref for Database {
    type Target = DB;

    fn deref(&self) -> &DB {
        &self.db
    }
}

/// An embedded RocksDB. Clones share it; the last one ends the writer and closes it.
#[derive(Clone)]
pub struct RocksStore {
    db: Arc<Database>,
    writer: Arc<WriterThread>,
}

struct WriterThread {
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.jobs = None;
        // Whatever was sent is written before the thread ends; waiting keeps the process from ending under it.
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl RocksStore {
    /// Name of the engine, as telemetry gives it (`db.system.name`).
    pub const ENGINE: &str = "rocksdb";

    /// Opens or makes the database in `folder`.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when it is open elsewhere, [`StoreError::Unavailable`] when it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let claim = Claim::of(folder)?;
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_max_open_files(512);
        options.set_keep_log_file_num(4);
        options.set_max_total_wal_size(256 << 20);
        // A scan stays within one part and namespace: filters spare it the files that hold none of their rows.
        options.set_prefix_extractor(SliceTransform::create("part-namespace", keys::scope, None));
        options.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER);
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
        table.set_bloom_filter(FILTER_BITS, false);
        options.set_block_based_table_factory(&table);
        let db = DB::open(&options, folder).map_err(unavailable)?;
        let db = Arc::new(Database { db, _claim: claim });
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let writer = Writer { db: db.clone(), sequence: 0 };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { db, writer: Arc::new(WriterThread { jobs: Some(jobs), thread: Some(thread) }) })
    }

    /// Whether the database in `folder` is open, here or in another process.
    pub fn is_in_use(folder: &Path) -> bool {
        matches!(Claim::of(folder), Err(StoreError::InUse))
    }
}

fn unavailable(error: rocksdb::Error) -> StoreError {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Corrupt(error.into_string()),
        _ => StoreError::Unavailable(error.into_string()),
    }
}

struct Writer {
    db: Arc<Database>,
    sequence: u64,
}

impl Writer {
    fn run(mut self, queue: &mpsc::Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            while group.len() < GROUP {
                match queue.try_recv() {
                    Ok(job) => group.push(job),
                    Err(_) => break,
                }
            }
            self.apply(group);
        }
    }

    /// Decides every job of the group against the database and the jobs before it, then writes all that passed in
    /// one synced batch: nobody can read a row before it is durable.
    fn apply(&mut self, group: Vec<Job>) {
        let mut pending: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
        let mut write = WriteBatch::default();
        let mut answers = Vec::with_capacity(group.len());
        for job in group {
            let outcome = self.decide(&job, &pending);
            if matches!(outcome, Ok(Committed::Yes(_))) {
                for (ns, key, value) in job.batch.puts {
                    let key = physical(&job.part, ns, &key);
                    write.put(&key, &value);
                    pending.insert(key, Some(value));
                }
                for (ns, key) in job.batch.dels {
                    let key = physical(&job.part, ns, &key);
                    write.delete(&key);
                    pending.insert(key, None);
                }
            }
            answers.push((job.answer, outcome));
        }
        if !write.is_empty() {
            let mut options = WriteOptions::default();
            options.set_sync(true);
            if let Err(error) = self.db.write_opt(write, &options) {
                tracing::error!(%error, "a synced write failed");
                for (answer, outcome) in answers {
                    let outcome = match outcome {
                        Ok(Committed::Yes(_)) => Ok(Committed::Unknown),
                        other => other,
                    };
                    let _gone = answer.send(outcome);
                }
                return;
            }
        }
        for (answer, outcome) in answers {
            // A caller that no longer waits will read its own key again.
            let _gone = answer.send(outcome);
        }
    }

    fn decide(&mut self, job: &Job, pending: &HashMap<Vec<u8>, Option<Vec<u8>>>) -> Result<Committed, StoreError> {
        let now = |ns, key: &[u8]| -> Result<Option<Vec<u8>>, StoreError> {
            let key = physical(&job.part, ns, key);
            match pending.get(&key) {
                Some(value) => Ok(value.clone()),
                None => self.db.get(&key).map_err(unavailable),
            }
        };
        if let Some(refused) = job.batch.refusal(now)? {
            return Ok(refused);
        }
        self.sequence += 1;
        Ok(Committed::Yes(Token(self.sequence)))
    }
}

#[async_trait::async_trait]
impl RegistryStore for RocksStore {
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(physical(part, ns, key)).map_err(unavailable)
    }

    async fn multi_get(
        &self,
        part: &Part,
        ns: Namespace,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys = keys.iter().map(|key| physical(part, ns, key));
        self.db.multi_get(keys).into_iter().map(|row| row.map_err(unavailable)).collect()
    }

    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        let prefix = physical(part, ns, &[]);
        let Some((start, end)) = bounds(part, ns, &range) else { return Ok(Page::default()) };
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(start);
        options.set_iterate_upper_bound(end);
        // A backward scan seeks its end, which is beyond the prefix.
        options.set_total_order_seek(direction == Direction::Backward);
        let mode = match direction {
            Direction::Forward => IteratorMode::Start,
            Direction::Backward => IteratorMode::End,
        };
        let limit = limit.clamp(1, MAX_PAGE_ROWS);
        let mut page = Page::default();
        for row in self.db.iterator_opt(mode, options) {
            let (key, value) = row.map_err(unavailable)?;
            let key = key[prefix.len()..].to_vec();
            if page.rows.len() == limit {
                page.resume = match direction {
                    Direction::Forward => Some(key),
                    Direction::Backward => page.rows.last().map(|(last, _)| last.clone()),
                };
                break;
            }
            page.rows.push((key, value.into_vec()));
        }
        Ok(page)
    }

    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        batch.check_limits(part)?;
        let (answer, outcome) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the writer has stopped".into());
        let jobs = self.writer.jobs.as_ref().ok_or_else(stopped)?;
        let mut job = Job { part: part.clone(), batch, answer };
        // The writer drains the queue without waiting for anything but the disk, so a full queue is a short wait.
        loop {
            match jobs.try_send(job) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Full(back)) => {
                    job = back;
                    tokio::task::yield_now().await;
                }
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(stopped()),
            }
        }
        outcome.await.unwrap_or(Ok(Committed::Unknown))
    }

    async fn wait_applied(&self, _token: Token, _deadline: Duration) -> Result<(), StoreError> {
        // One copy: what is committed can be read.
        Ok(())
    }
}
