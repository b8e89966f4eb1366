//! A local folder behind [`BlobStore`].

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{BlobStore, Put, StoreError, check_blob_name, check_blob_size};

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
        check_blob_name(name)?;
        Ok(self.root.join(name))
    }

    fn stage(&self, bytes: &[u8]) -> Result<PathBuf, StoreError> {
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

fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unavailable)
}

fn parent(place: &Path) -> Result<&Path, StoreError> {
    place.parent().ok_or_else(|| StoreError::Unavailable("a blob without a folder".into()))
}

/// Makes a folder that survives power loss: each new one is an entry of the folder above, which is synced.
fn make(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder)?;
    make(above)?;
    match fs::create_dir(folder) {
        // Another put made it meanwhile, and may not have synced it yet.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unavailable(error)),
        _ => sync(above),
    }
}

/// The blob at a place; `None` where there is none, or a folder of blobs.
fn open(place: &Path) -> Result<Option<File>, StoreError> {
    match File::open(place) {
        Ok(file) => Ok(file.metadata().map_err(unavailable)?.is_file().then_some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

fn read(place: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(mut file) = open(place)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unavailable)?;
    Ok(Some(bytes))
}

#[async_trait::async_trait]
impl BlobStore for FolderBlobs {
    async fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        let place = self.place(name)?;
        check_blob_size(bytes)?;
        let same_or_different = |there: Option<Vec<u8>>| {
            if there.as_deref() != Some(bytes) {
                return Ok(Put::Different);
            }
            // An earlier put may have failed between its name and the sync of it.
            sync(parent(&place)?).map(|()| Put::Same)
        };
        if let Some(there) = read(&place)? {
            return same_or_different(Some(there));
        }
        let staged = self.stage(bytes)?;
        make(parent(&place)?)?;
        let linked = fs::hard_link(&staged, &place);
        let _gone = fs::remove_file(&staged);
        match linked {
            Ok(()) => sync(parent(&place)?).map(|()| Put::Created),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => same_or_different(read(&place)?),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn put_if_match(&self, name: &str, expected: Option<&[u8]>, bytes: &[u8]) -> Result<Put, StoreError> {
        let place = self.place(name)?;
        check_blob_size(bytes)?;
        let _one_at_a_time = self.swap.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let there = read(&place)?;
        if there.as_deref() == Some(bytes) {
            return sync(parent(&place)?).map(|()| Put::Same);
        }
        if there.as_deref() != expected {
            return Ok(Put::Different);
        }
        let staged = self.stage(bytes)?;
        make(parent(&place)?)?;
        fs::rename(&staged, &place).map_err(unavailable)?;
        sync(parent(&place)?).map(|()| Put::Created)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.place(name)?)
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut file) = open(&self.place(name)?)? else { return Ok(None) };
        let size = file.metadata().map_err(unavailable)?.len();
        file.seek(SeekFrom::Start(range.start.min(size))).map_err(unavailable)?;
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
