//! Rows in a folder: one append-only file of checksummed batches, read into memory when it is opened.
//!
//! ```text
//! touchstone rows 1\n                                                  what the file is
//! length of payload (4) | number (8) | CRC-32 of payload (4) | CRC-32 of these 16 bytes (4) | payload    a batch
//! 1 | length of key (2) | key | length of value (4) | value            in a payload: a row is written
//! 0 | length of key (2) | key                                          a row is deleted
//! ```
//!
//! Numbers are big-endian; batches count from 1. A batch is in memory, and so can be read, only after it is synced.
//! Whatever a crash leaves of the last batch is cut at the next opening. Damage before it is refused and not cut: it
//! takes away what was promised. What was overwritten stays in the file, so this is for rows that are mostly added, and
//! that fit in memory.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::claim::Claim;
use crate::table::{Changes, Table};
use crate::{
    Batch, Committed, Direction, MAX_BATCH_BYTES, MAX_BATCH_ROWS, Namespace, Page, Part, RegistryStore, StoreError,
    Token,
};

/// File in the folder.
const FILE: &str = "rows";
/// First bytes of the file.
const MAGIC: &[u8] = b"touchstone rows 1\n";
/// Bytes before a payload.
const HEADER: usize = 20;
/// Longest payload: part and namespace lead each key, and each row has its lengths.
const MAX_PAYLOAD: usize = MAX_BATCH_BYTES + MAX_BATCH_ROWS * 16;

/// Rows in a folder. Clones share it.
#[derive(Clone)]
pub struct FolderStore(Arc<Shared>);

struct Shared {
    rows: RwLock<Rows>,
    journal: Mutex<Journal>,
    _claim: Claim,
}

#[derive(Default)]
struct Rows {
    table: Table,
    /// The file may hold a batch that is not in the table: nobody may read before it is opened again.
    in_doubt: bool,
}

struct Journal {
    file: File,
    /// Where the next batch goes.
    end: u64,
    /// Number of the last batch.
    number: u64,
}

impl FolderStore {
    /// Name of the engine, as telemetry gives it (`db.system.name`).
    pub const ENGINE: &str = "folder";

    /// Opens or makes the rows in `folder`.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when they are open elsewhere, [`StoreError::Corrupt`] when more than the end of the file
    /// is damaged, [`StoreError::Unavailable`] when it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let claim = Claim::of(folder)?;
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(unavailable)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unavailable)?;
        let (table, end, number) = match bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
            // New, or made by a process that ended at once.
            true => {
                file.rewind().and_then(|()| file.write_all(MAGIC)).map_err(unavailable)?;
                (Table::default(), MAGIC.len(), 0)
            }
            false => replay(&bytes)?,
        };
        let end = end as u64;
        file.set_len(end).and_then(|()| file.sync_all()).map_err(unavailable)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unavailable)?;
        let rows = RwLock::new(Rows { table, in_doubt: false });
        let journal = Mutex::new(Journal { file, end, number });
        Ok(FolderStore(Arc::new(Shared { rows, journal, _claim: claim })))
    }
}

/// Rows, where the good bytes end, and the number of the last batch.
fn replay(bytes: &[u8]) -> Result<(Table, usize, u64), StoreError> {
    let damaged = |at: usize, what: &str| {
        Err(StoreError::Corrupt(format!(
            "byte {at} of the file of rows: {what}; restore the newest copy of the folder"
        )))
    };
    if !bytes.starts_with(MAGIC) {
        return damaged(0, "is no file of rows");
    }
    let (mut table, mut at, mut number) = (Table::default(), MAGIC.len(), 0);
    loop {
        let rest = &bytes[at..];
        let Some((header, rest)) = rest.split_at_checked(HEADER) else { break };
        let Some((length, found)) = read_header(header) else {
            // A disk may have grown the file for the last batch and not have written all of its blocks.
            let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
            if (is_zero(header) || is_zero(rest)) && rest.len() <= MAX_PAYLOAD {
                break;
            }
            return damaged(at, "is no batch");
        };
        if found != number + 1 {
            return damaged(at, "is another batch than the next");
        }
        let Some(payload) = rest.get(..length) else { break };
        if crc32fast::hash(payload) != word(&header[12..16]) {
            if rest.len() == length {
                break;
            }
            return damaged(at, "is a batch with a wrong checksum");
        }
        let Some(changes) = read_payload(payload) else { return damaged(at, "is a batch that cannot be read") };
        table.apply(changes);
        number = found;
        at += HEADER + length;
    }
    if at < bytes.len() {
        tracing::warn!(bytes = bytes.len() - at, "the end of the file of rows was never promised: it is cut");
    }
    Ok((table, at, number))
}

/// Four bytes as a number; the callers have four.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// Length of the payload, and number of the batch.
fn read_header(header: &[u8]) -> Option<(usize, u64)> {
    let (fields, checksum) = header.split_at(16);
    let length = word(&fields[..4]) as usize;
    let is_good = crc32fast::hash(fields) == word(checksum) && length <= MAX_PAYLOAD;
    is_good.then(|| (length, u64::from(word(&fields[4..8])) << 32 | u64::from(word(&fields[8..12]))))
}

fn write_batch(number: u64, changes: &Changes) -> Vec<u8> {
    let mut payload = Vec::new();
    let key = |payload: &mut Vec<u8>, tag: u8, key: &[u8]| {
        payload.push(tag);
        payload.extend((key.len() as u16).to_be_bytes());
        payload.extend(key);
    };
    for (name, value) in &changes.puts {
        key(&mut payload, 1, name);
        payload.extend((value.len() as u32).to_be_bytes());
        payload.extend(value);
    }
    for name in &changes.dels {
        key(&mut payload, 0, name);
    }
    let mut batch = Vec::with_capacity(HEADER + payload.len());
    batch.extend((payload.len() as u32).to_be_bytes());
    batch.extend(number.to_be_bytes());
    batch.extend(crc32fast::hash(&payload).to_be_bytes());
    batch.extend(crc32fast::hash(&batch).to_be_bytes());
    batch.extend(payload);
    batch
}

fn read_payload(payload: &[u8]) -> Option<Changes> {
    let (mut changes, mut rest) = (Changes::default(), payload);
    let take = |rest: &mut &[u8], count: usize| -> Option<Vec<u8>> {
        let (taken, left) = rest.split_at_checked(count)?;
        *rest = left;
        Some(taken.to_vec())
    };
    while !rest.is_empty() {
        let tag = take(&mut rest, 1)?[0];
        let length = word(&take(&mut rest, 2)?) as usize;
        let key = take(&mut rest, length)?;
        match tag {
            0 => changes.dels.push(key),
            1 => {
                let length = word(&take(&mut rest, 4)?) as usize;
                changes.puts.push((key, take(&mut rest, length)?));
            }
            _ => return None,
        }
    }
    Some(changes)
}

fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

impl Shared {
    fn read(&self) -> Result<RwLockReadGuard<'_, Rows>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        match rows.in_doubt {
            false => Ok(rows),
            true => Err(StoreError::Unavailable("a write was not synced: end the process and start it again".into())),
        }
    }

    /// Blocks until the batch is on the disk.
    fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = self.read()?.table.refusal(part, &batch) {
            return Ok(refused);
        }
        let changes = Changes::of(part, batch);
        if changes.is_empty() {
            return Ok(Committed::Yes(Token(journal.number)));
        }
        let bytes = write_batch(journal.number + 1, &changes);
        match journal.append(&bytes) {
            Ok(()) => {
                self.rows.write().unwrap_or_else(PoisonError::into_inner).table.apply(changes);
                Ok(Committed::Yes(Token(journal.number)))
            }
            Err(error) => {
                tracing::error!(%error, "a synced write failed");
                // After a failed sync nobody knows what is on the disk, and a second sync would not tell.
                self.rows.write().unwrap_or_else(PoisonError::into_inner).in_doubt = true;
                Ok(Committed::Unknown)
            }
        }
    }
}

impl Journal {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        self.number += 1;
        Ok(())
    }
}

#[async_trait::async_trait]
impl RegistryStore for FolderStore {
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.read()?.table.get(part, ns, key))
    }

    async fn multi_get(
        &self,
        part: &Part,
        ns: Namespace,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let rows = self.0.read()?;
        Ok(keys.iter().map(|key| rows.table.get(part, ns, key)).collect())
    }

    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        Ok(self.0.read()?.table.scan(part, ns, &range, limit, direction))
    }

    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        batch.check_limits(part)?;
        let (shared, part) = (self.0.clone(), part.clone());
        let written = tokio::task::spawn_blocking(move || shared.commit(&part, batch)).await;
        // Only the end of the process keeps a write from its answer.
        written.unwrap_or(Ok(Committed::Unknown))
    }

    async fn wait_applied(&self, _token: Token, _deadline: Duration) -> Result<(), StoreError> {
        // One copy: what is committed can be read.
        Ok(())
    }
}
