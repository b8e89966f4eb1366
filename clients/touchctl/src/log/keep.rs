//! What an audit remembers for the next: the checkpoints, as the log signed them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tlog::note::MAX_NOTE_BYTES;

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

/// Two checkpoints of one log that contradict each other: whoever has both can show that the log forked.
#[derive(Serialize)]
struct SplitView<'a> {
    format: &'static str,
    kept: &'a str,
    seen: &'a str,
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
        files::replace("keep", path, to_json(self))
    }
}

/// Keeps two checkpoints that contradict each other beside the state, which stays as it is.
pub(super) fn split_view(state: &Path, kept: &str, seen: &str) -> Result<PathBuf, Error> {
    let digest = hex::encode(cose::sha256([kept, seen].concat().as_bytes()));
    let mut name = state.as_os_str().to_owned();
    name.push(format!(".split-view-{}.json", &digest[..16]));
    let path = PathBuf::from(name);
    files::replace("keep", &path, to_json(&SplitView { format: "touchstone-split-view-1", kept, seen }))?;
    Ok(path)
}

fn to_json(value: &impl Serialize) -> String {
    // Structs of text have no form that JSON has not.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}
