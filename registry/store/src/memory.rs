//! Rows and blobs in memory: for tests, and to say what the two traits mean in the fewest lines. Nothing is durable.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::table::{Changes, Table};
use crate::{
    Batch, BlobStore, Committed, Direction, Namespace, Page, Part, Put, RegistryStore, StoreError, Token,
    check_blob_name, check_blob_size,
};

/// Rows of one process, gone with it.
#[derive(Debug, Default)]
pub struct MemoryStore(RwLock<(Table, u64)>);

impl MemoryStore {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, (Table, u64)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl RegistryStore for MemoryStore {
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().0.get(part, ns, key))
    }

    async fn multi_get(
        &self,
        part: &Part,
        ns: Namespace,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let held = self.read();
        Ok(keys.iter().map(|key| held.0.get(part, ns, key)).collect())
    }

    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        Ok(self.read().0.scan(part, ns, &range, limit, direction))
    }

    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        batch.check_limits(part)?;
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = held.0.refusal(part, &batch) {
            return Ok(refused);
        }
        held.0.apply(Changes::of(part, batch));
        held.1 += 1;
        Ok(Committed::Yes(Token(held.1)))
    }

    async fn wait_applied(&self, _token: Token, _deadline: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Blobs of one process, gone with it.
#[derive(Debug, Default)]
pub struct MemoryBlobs(RwLock<BTreeMap<String, Vec<u8>>>);

impl MemoryBlobs {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one rule of both puts: `is_due` says whether what is there may be replaced.
    fn put(&self, name: &str, bytes: &[u8], is_due: impl Fn(Option<&[u8]>) -> bool) -> Result<Put, StoreError> {
        check_blob_name(name)?;
        check_blob_size(bytes)?;
        let mut held = self.write();
        let there = held.get(name).map(Vec::as_slice);
        if there == Some(bytes) {
            return Ok(Put::Same);
        }
        if !is_due(there) {
            return Ok(Put::Different);
        }
        held.insert(name.to_owned(), bytes.to_vec());
        Ok(Put::Created)
    }
}

#[async_trait::async_trait]
impl BlobStore for MemoryBlobs {
    async fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        self.put(name, bytes, |there| there.is_none())
    }

    async fn put_if_match(&self, name: &str, expected: Option<&[u8]>, bytes: &[u8]) -> Result<Put, StoreError> {
        self.put(name, bytes, |there| there == expected)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_blob_name(name)?;
        Ok(self.read().get(name).cloned())
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        check_blob_name(name)?;
        let held = self.read();
        let Some(bytes) = held.get(name) else { return Ok(None) };
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let (start, end) = (within(range.start), within(range.end));
        Ok(Some(bytes[start..end.max(start)].to_vec()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let held = self.read();
        let fits = |name: &&String| name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after);
        Ok(held.keys().filter(fits).take(limit).cloned().collect())
    }
}
