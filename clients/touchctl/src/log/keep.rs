//! What an audit remembers for the next: the checkpoints, as the log signed them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tlog::note::MAX_NOTE_BYTES;
use verify::split_view::SplitView;

use crate::error::Error;
use crate::files;

/// Largest state: two notes, escaped.
const MAX_STATE_BYTES: u64 = 8 * MAX_NOTE_BYTES as u64;
const FORMAT: &str = "touchstone-log-state-1";

/// The file (JSON). Sizes and roots are in the checkpoints, whose signatures are checked again when it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: String,
    /// Signed note of the log.
    pub(super) checkpoint: String,
    /// Signed note of its status log.
    pub(super) status_checkpoint: Option<String>,
}

impl State {
    pub(super) fn new(checkpoint: String, status_checkpoint: Option<String>) -> Self {
        State { format: FORMAT.to_owned(), checkpoint, status_checkpoint }
    }

    /// Reads what is kept; `None` where nothing is yet.
    pub(super) fn read(path: &Path) -> Result<Option<State>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let text = files::text("keep", path, MAX_STATE_BYTES)?;
        let problem = |problem: String| Error::KeptState { path: path.to_owned(), problem };
        let state: State = serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?;
        if state.format != FORMAT {
            return Err(problem(format!("the format is {}, not {FORMAT}", state.format)));
        }
        Ok(Some(state))
    }

    /// Keeps it in the place of what was kept before.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        // Structs of text have no form that JSON has not.
        let text = serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default();
        files::replace("keep", path, text)
    }
}

/// Keeps two checkpoints that contradict each other beside the state, which stays as it is.
pub(super) fn split_view(state: &Path, kept: &str, seen: &str) -> Result<PathBuf, Error> {
    let evidence = SplitView::new(kept, seen);
    let mut name = state.as_os_str().to_owned();
    name.push(format!(".{}", evidence.file_name()));
    let path = PathBuf::from(name);
    files::replace("keep", &path, evidence.to_json())?;
    Ok(path)
}
