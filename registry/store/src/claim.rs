//! Who has a folder: a lock of the operating system, which ends with the process however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::StoreError;

/// File in the folder that its holder keeps locked.
const LOCK: &str = "in-use";

/// The claim to a folder, given up when dropped.
pub struct Claim(#[expect(dead_code, reason = "held, not read: closing the file gives the claim up")] File);

impl Claim {
    /// Makes the folder if need be and claims it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when somebody has it, here or in another process.
    pub fn of(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = File::create(folder.join(LOCK)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Claim(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
