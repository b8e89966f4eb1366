//! An engine whose calls fail when they are told to: around any engine, for tests of what stands on one.
//!
//! A write fails in two ways that the caller cannot tell apart: it failed and was not stored, or it failed and was.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Batch, BlobStore, Committed, Direction, Namespace, Page, Part, Put, RegistryStore, StoreError, Token};

/// How a call fails. A read that fails gives nothing, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written, and the engine says so.
    NotWritten,
    /// Written, and the outcome is not known.
    Written,
    /// Written, and the engine says it failed.
    WrittenDenied,
}

/// Every way in which a call fails.
pub const FAULTS: [Fault; 3] = [Fault::NotWritten, Fault::Written, Fault::WrittenDenied];

/// Which calls fail.
#[derive(Debug)]
enum Plan {
    /// Those with these numbers, counted since the plan was made.
    Numbered(Range<usize>, Fault),
    /// Each write: the first time not stored, the second time stored, from the third time on it does not fail. How often
    /// each was tried, by its digest.
    EachWriteTwice(HashMap<u64, usize>),
}

#[derive(Debug)]
struct Faults {
    calls: AtomicUsize,
    plan: Mutex<Plan>,
}

impl Faults {
    fn new(plan: Plan) -> Self {
        Faults { calls: AtomicUsize::new(0), plan: Mutex::new(plan) }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `write` tells writes apart; a read has none.
    fn fault(&self, write: Option<u64>) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match (&mut *self.plan(), write) {
            (Plan::Numbered(failing, fault), _) => failing.contains(&call).then_some(*fault),
            (Plan::EachWriteTwice(_), None) => None,
            (Plan::EachWriteTwice(tried), Some(write)) => {
                let times = tried.entry(write).or_default();
                *times += 1;
                match times {
                    1 => Some(Fault::NotWritten),
                    2 => Some(Fault::Written),
                    _ => None,
                }
            }
        }
    }

    fn read(&self) -> Result<(), StoreError> {
        self.fault(None).map_or(Ok(()), |fault| Err(failed(fault)))
    }
}

fn failed(fault: Fault) -> StoreError {
    StoreError::Unavailable(format!("a fault of the test: {fault:?}"))
}

fn digest(write: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    write.hash(&mut hasher);
    hasher.finish()
}

/// Rows whose calls fail.
pub struct Faulty {
    inner: Arc<dyn RegistryStore>,
    faults: Faults,
}

impl Faulty {
    /// No call fails until [`Faulty::arm`] says so.
    pub fn new(inner: impl RegistryStore) -> Arc<Self> {
        Arc::new(Faulty { inner: Arc::new(inner), faults: Faults::new(Plan::Numbered(0..0, Fault::NotWritten)) })
    }

    /// Each write fails twice: not stored, then stored. Writes are the same when they would write the same.
    pub fn each_write_twice(inner: Arc<dyn RegistryStore>) -> Arc<Self> {
        Arc::new(Faulty { inner, faults: Faults::new(Plan::EachWriteTwice(HashMap::new())) })
    }

    /// From here on the calls with these numbers fail, counted from 0; returns how many there were since the last time.
    pub fn arm(&self, failing: Range<usize>, fault: Fault) -> usize {
        *self.faults.plan() = Plan::Numbered(failing, fault);
        self.faults.calls.swap(0, Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl RegistryStore for Faulty {
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.faults.read()?;
        self.inner.get(part, ns, key).await
    }

    async fn multi_get(
        &self,
        part: &Part,
        ns: Namespace,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.faults.read()?;
        self.inner.multi_get(part, ns, keys).await
    }

    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        self.faults.read()?;
        self.inner.scan(part, ns, range, limit, direction).await
    }

    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        let fault = self.faults.fault(Some(digest((part, &batch.puts, &batch.dels))));
        if fault == Some(Fault::NotWritten) {
            return Err(failed(Fault::NotWritten));
        }
        match (self.inner.commit(part, batch).await?, fault) {
            (Committed::Yes(_), Some(Fault::WrittenDenied)) => Err(failed(Fault::WrittenDenied)),
            (Committed::Yes(_), Some(_)) => Ok(Committed::Unknown),
            (committed, _) => Ok(committed),
        }
    }

    async fn wait_applied(&self, token: Token, deadline: Duration) -> Result<(), StoreError> {
        self.inner.wait_applied(token, deadline).await
    }
}

/// Blobs whose puts fail twice: not stored, then stored.
pub struct FaultyBlobs {
    inner: Arc<dyn BlobStore>,
    faults: Faults,
}

impl FaultyBlobs {
    /// Puts are the same when they would write the same bytes under the same name.
    pub fn each_put_twice(inner: Arc<dyn BlobStore>) -> Self {
        FaultyBlobs { inner, faults: Faults::new(Plan::EachWriteTwice(HashMap::new())) }
    }

    async fn put(
        &self,
        name: &str,
        bytes: &[u8],
        put: impl Future<Output = Result<Put, StoreError>> + Send,
    ) -> Result<Put, StoreError> {
        match self.faults.fault(Some(digest((name, bytes)))) {
            Some(Fault::NotWritten) => Err(failed(Fault::NotWritten)),
            Some(fault) => put.await.and(Err(failed(fault))),
            None => put.await,
        }
    }
}

#[async_trait::async_trait]
impl BlobStore for FaultyBlobs {
    async fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        self.put(name, bytes, self.inner.put_if_absent(name, bytes)).await
    }

    async fn put_if_match(&self, name: &str, expected: Option<&[u8]>, bytes: &[u8]) -> Result<Put, StoreError> {
        self.put(name, bytes, self.inner.put_if_match(name, expected, bytes)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(name).await
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix, after, limit).await
    }
}
