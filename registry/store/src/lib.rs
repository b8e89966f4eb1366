//! Where the record is kept: two traits with few verbs and a stated promise, and engines behind them.
//!
//! There is no meaning here: no reading, certificate or log, no network, no signature. Nothing above this crate knows
//! an engine; an engine that passes the suite of `conformance` (a feature, so that an engine of another crate runs it
//! too) may take its place.
//!
//! | engine | rows | blobs | for |
//! |---|---|---|---|
//! | RocksDB | [`RocksStore`] | | servers |
//! | a folder | [`FolderStore`] | [`FolderBlobs`] | rows that fit in memory; blobs of one machine |
//! | memory | [`MemoryStore`] | [`MemoryBlobs`] | tests |
//!
//! **Promise.** `commit` answers `Committed` only when every row of the batch survives `kill -9` and power loss; a
//! batch is applied whole or not at all; nobody reads a row before it is durable. `put_if_absent` answers `Created`
//! only when the whole blob is durable under its name.

mod claim;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod faults;
mod folder;
pub mod idempotency;
mod journal;
pub mod keys;
mod memory;
mod rocks;
mod table;

pub use claim::Claim;
pub use folder::FolderBlobs;
pub use journal::FolderStore;
pub use keys::{Namespace, Part};
pub use memory::{MemoryBlobs, MemoryStore};
pub use rocks::RocksStore;

use std::ops::Range;
use std::time::Duration;

/// Most rows (puts, deletes and checks) in one batch.
pub const MAX_BATCH_ROWS: usize = 1_000;
/// Most bytes (keys and values) in one batch.
pub const MAX_BATCH_BYTES: usize = 1 << 20;
/// Longest key, without part and namespace.
pub const MAX_KEY_BYTES: usize = 512;
/// Longest value.
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// Most rows one scan returns.
pub const MAX_PAGE_ROWS: usize = 10_000;
/// Largest blob.
pub const MAX_BLOB_BYTES: usize = 64 << 20;
/// Longest name of a blob.
pub const MAX_BLOB_NAME_BYTES: usize = 512;

/// A condition that must hold when the batch is applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Check {
    /// The row must not exist.
    Absent(Namespace, Vec<u8>),
    /// The row must exist.
    Present(Namespace, Vec<u8>),
    /// The row must hold exactly this value.
    Equals(Namespace, Vec<u8>, Vec<u8>),
}

impl Check {
    /// The row that is looked at.
    pub fn row(&self) -> (Namespace, &[u8]) {
        match self {
            Check::Absent(ns, key) | Check::Present(ns, key) | Check::Equals(ns, key, _) => (*ns, key),
        }
    }

    /// Whether the condition holds for what the row now is.
    pub fn holds(&self, now: Option<&[u8]>) -> bool {
        match self {
            Check::Absent(..) => now.is_none(),
            Check::Present(..) => now.is_some(),
            Check::Equals(_, _, value) => now == Some(value),
        }
    }
}

/// Changes to rows of one part, applied whole or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The writer's epoch: the row must hold this number (8 bytes, big-endian), or another writer has taken over.
    pub fence: Option<(Vec<u8>, u64)>,
    /// Conditions, tried in order.
    pub checks: Vec<Check>,
    /// Rows to write; a later put of the same row wins.
    pub puts: Vec<(Namespace, Vec<u8>, Vec<u8>)>,
    /// Rows to delete, after the puts.
    pub dels: Vec<(Namespace, Vec<u8>)>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row to write.
    pub fn put(&mut self, ns: Namespace, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.puts.push((ns, key.into(), value.into()));
        self
    }

    /// Adds a condition.
    pub fn check(&mut self, check: Check) -> &mut Self {
        self.checks.push(check);
        self
    }

    /// Rows counted against [`MAX_BATCH_ROWS`].
    pub fn rows(&self) -> usize {
        self.checks.len() + self.puts.len() + self.dels.len()
    }

    /// Refuses a batch that any engine might refuse: one rule for all.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] names the limit that is passed.
    pub fn check_limits(&self, part: &Part) -> Result<(), StoreError> {
        let too_large = |what, size, limit| Err(StoreError::TooLarge { what, size, limit });
        if self.rows() > MAX_BATCH_ROWS {
            return too_large("rows in a batch", self.rows(), MAX_BATCH_ROWS);
        }
        let mut bytes = 0;
        let rows = self
            .checks
            .iter()
            .map(|check| match check {
                Check::Equals(_, key, value) => (key.as_slice(), value.as_slice()),
                other => (other.row().1, &[][..]),
            })
            .chain(self.puts.iter().map(|(_, key, value)| (key.as_slice(), value.as_slice())))
            .chain(self.dels.iter().map(|(_, key)| (key.as_slice(), &[][..])))
            .chain(self.fence.iter().map(|(key, _)| (key.as_slice(), &[][..])));
        for (key, value) in rows {
            if key.len() > MAX_KEY_BYTES {
                return too_large("bytes in a key", key.len(), MAX_KEY_BYTES);
            }
            if value.len() > MAX_VALUE_BYTES {
                return too_large("bytes in a value", value.len(), MAX_VALUE_BYTES);
            }
            bytes += part.as_bytes().len() + key.len() + value.len();
        }
        if bytes > MAX_BATCH_BYTES {
            return too_large("bytes in a batch", bytes, MAX_BATCH_BYTES);
        }
        Ok(())
    }

    /// What fence and checks say to the rows as `now` gives them: `None` when all hold, else [`Committed::Fenced`] or
    /// the first check that does not. One rule for all engines.
    ///
    /// # Errors
    /// Those of `now`.
    pub fn refusal<E>(
        &self,
        mut now: impl FnMut(Namespace, &[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Committed>, E> {
        if let Some((key, epoch)) = &self.fence
            && now(Namespace::Head, key)?.as_deref() != Some(&epoch.to_be_bytes()[..])
        {
            return Ok(Some(Committed::Fenced));
        }
        for check in &self.checks {
            let (ns, key) = check.row();
            if !check.holds(now(ns, key)?.as_deref()) {
                return Ok(Some(Committed::Conflict(check.clone())));
            }
        }
        Ok(None)
    }
}

/// Position of a committed batch, for reading one's own write on a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Applied and durable.
    Yes(Token),
    /// Not applied: this condition did not hold.
    Conflict(Check),
    /// Not applied: another writer holds a later epoch. This writer must stop.
    Fenced,
    /// It is not known whether it was applied: re-read your own key.
    Unknown,
}

/// Order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending bytes.
    Forward,
    /// Descending bytes.
    Backward,
}

/// Rows of a scan in the order asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Key (without part and namespace) and value.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// More rows follow: for a forward scan start the next one here, for a backward scan end it here.
    pub resume: Option<Vec<u8>>,
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A limit that holds on every engine is passed; the batch was not applied.
    #[error("{size} {what}: at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The engine failed: try again, nothing was half-written.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A name that no engine takes for a blob; nothing was written.
    #[error(
        "{name:?} is no blob name: use at most {MAX_BLOB_NAME_BYTES} bytes, segments of A-Z a-z 0-9 . _ - between \
         slashes, none of them empty or beginning with a dot"
    )]
    BlobName {
        /// The name.
        name: String,
    },
    /// The folder is open here or in another process.
    #[error("another process has it open")]
    InUse,
    /// What is stored cannot be what was written.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

/// Ordered rows with conditional batches. Every key is (part, namespace, key); a batch has one part.
#[async_trait::async_trait]
pub trait RegistryStore: Send + Sync + 'static {
    /// One row.
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Several rows, in the order of `keys`.
    async fn multi_get(&self, part: &Part, ns: Namespace, keys: &[Vec<u8>])
    -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Rows with `range.start <= key < range.end` in byte order, at most `limit` (from 1 to [`MAX_PAGE_ROWS`]: what is
    /// outside counts as the nearer of the two). An empty `range.end` means no upper bound. What is written between
    /// two pages is in the later one if it lies there; a row that nobody touches is seen once.
    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError>;

    /// Applies a batch if fence and checks hold; see the crate's promise.
    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError>;

    /// Waits until what `token` stands for can be read here.
    async fn wait_applied(&self, token: Token, deadline: Duration) -> Result<(), StoreError>;
}

/// What became of a conditional put of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Written and durable.
    Created,
    /// The same bytes were there.
    Same,
    /// Other bytes were there (or, for `put_if_match`, not the expected ones): nothing was written.
    Different,
}

/// Refuses a name that any engine might refuse: one rule for all.
///
/// # Errors
/// [`StoreError::BlobName`].
pub fn check_blob_name(name: &str) -> Result<(), StoreError> {
    let fits = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if name.len() <= MAX_BLOB_NAME_BYTES && name.split('/').all(fits) {
        return Ok(());
    }
    Err(StoreError::BlobName { name: name.chars().take(80).collect() })
}

/// Refuses a blob that any engine might refuse: one rule for all.
///
/// # Errors
/// [`StoreError::TooLarge`].
pub fn check_blob_size(bytes: &[u8]) -> Result<(), StoreError> {
    match bytes.len() {
        size if size > MAX_BLOB_BYTES => {
            Err(StoreError::TooLarge { what: "bytes in a blob", size, limit: MAX_BLOB_BYTES })
        }
        _ => Ok(()),
    }
}

/// Named immutable byte strings, and a few that change by compare-and-set. Names are slash-separated, relative; a blob's
/// name is never also the folder of another's.
#[async_trait::async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Writes a blob that must not change afterwards.
    async fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<Put, StoreError>;

    /// Replaces a blob that must hold `expected` now (`None`: must not exist).
    async fn put_if_match(&self, name: &str, expected: Option<&[u8]>, bytes: &[u8]) -> Result<Put, StoreError>;

    /// A whole blob.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Part of a blob; shorter where the blob ends.
    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names that start with `prefix`, in byte order, after `after`, at most `limit`.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;
}
