//! Why there is no witness, or no answer. Words for the operator.

use std::path::PathBuf;

use store::StoreError;
use tlog::note::NoteError;

/// What a witness cannot go on with.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Another process has the state: two writers could sign two histories.
    #[error("state {folder}: another process uses it; stop that one first")]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The state cannot be read or written.
    #[error("state {folder}: {error}")]
    Store {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// What was cosigned last is not what it was: nothing is signed over it.
    #[error(
        "state {file}: {problem}. Nothing is cosigned for this log: put the file back as it was; if that cannot be, begin \
         again with a new key and tell the verifiers, since nobody knows what this one signed last"
    )]
    State {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] NoteError),
}
