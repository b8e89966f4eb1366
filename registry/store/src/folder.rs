//! A local folder behind [`BlobStore`].

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{BlobStore, MAX_BLOB_BYTES, Put, StoreError};

/// Blobs as files. A blob is written beside its place, synced, then linked into it; a folder is synced after a change.
pub struct FolderBlobs {
    root: PathBuf,
    temporary: AtomicU64,
    /// Compare-and-set of one process; a folder has one writing process, as the database beside it has.
    swap: Mutex<()>,
}

impl FolderBlobs {
    /// Opens or makes the folder.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root.join(".tmp")).map_err(unavailable)?;
        // What a crash left half-written was never linked into place.
        for left in fs::read_dir(root.join(".tmp")).map_err(unavailable)? {
            let _gone = fs::remove_file(left.map_err(unavailable)?.path());
        }
        Ok(Self { root: root.to_owned(), temporary: AtomicU64::new(0), swap: Mutex::new(()) })
    }

    fn place(&self, name: &str) -> Result<PathBuf, StoreError> {
        let fits = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if name.len() > 512 || !name.split('/').all(fits) {
            return Err(StoreError::Unavailable(format!("{name:?} is no blob name")));
        }
        Ok(self.root.join(name))
    }

    fn stage(&self, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(StoreError::TooLarge { what: "bytes in a blob", size: bytes.len(), limit: MAX_BLOB_BYTES });
        }
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(".tmp").join(format!("{}-{number}", std::process::id()));
        let mut file = File::create(&path).map_err(unavailable)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(unavailable)?;
        Ok(path)
    }
}

fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn sync_parent(place: &Path) -> Result<(), StoreError> {
    let parent = place.parent().ok_or_else(|| StoreError::Unavailable("a blob without a folder".into()))?;
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(unavailable)
}

fn read(place: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(place) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

#[async_trait::async_trait]
impl BlobStore for FolderBlobs {
    async fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        let place = self.place(name)?;
        if let Some(there) = read(&place)? {
            return Ok(if there == bytes { Put::Same } else { Put::Different });
        }
        let staged = self.stage(bytes)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(unavailable)?;
        }
        let linked = fs::hard_link(&staged, &place);
        let _gone = fs::remove_file(&staged);
        match linked {
            Ok(()) => {
                sync_parent(&place)?;
                Ok(Put::Created)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(if read(&place)?.as_deref() == Some(bytes) { Put::Same } else { Put::Different })
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn put_if_match(&self, name: &str, expected: Option<&[u8]>, bytes: &[u8]) -> Result<Put, StoreError> {
        let place = self.place(name)?;
        let _one_at_a_time = self.swap.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let there = read(&place)?;
        if there.as_deref() == Some(bytes) {
            return Ok(Put::Same);
        }
        if there.as_deref() != expected {
            return Ok(Put::Different);
        }
        let staged = self.stage(bytes)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(unavailable)?;
        }
        fs::rename(&staged, &place).map_err(unavailable)?;
        sync_parent(&place)?;
        Ok(Put::Created)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.place(name)?)
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let mut file = match File::open(self.place(name)?) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        file.seek(SeekFrom::Start(range.start)).map_err(unavailable)?;
        let mut bytes = Vec::new();
        let length = range.end.saturating_sub(range.start);
        file.take(length).read_to_end(&mut bytes).map_err(unavailable)?;
        Ok(Some(bytes))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.root.join(&folder)).map_err(unavailable)? {
                let entry = entry.map_err(unavailable)?;
                let relative = folder.join(entry.file_name());
                let Some(name) = relative.to_str() else { continue };
                if name.starts_with('.') {
                    continue;
                }
                if entry.file_type().map_err(unavailable)?.is_dir() {
                    folders.push(relative);
                } else if name.starts_with(prefix) && after.is_none_or(|after| name > after) {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort();
        names.truncate(limit);
        Ok(names)
    }
}
