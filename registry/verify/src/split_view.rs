//! Two checkpoints of one log that contradict each other, kept as evidence: whoever has both can show to anybody that the
//! log signed two histories.

use serde::{Deserialize, Serialize};
use tlog::checkpoint::Checkpoint;
use tlog::note::MAX_NOTE_BYTES;
use tlog::policy::{Policy, PolicyCheckpointError};

/// First member of every file.
pub const FORMAT: &str = "touchstone-split-view-1";
/// Largest file: two notes, escaped.
pub const MAX_BYTES: u64 = 8 * MAX_NOTE_BYTES as u64;

/// The file (JSON, closed). Nothing in it is believed before [`SplitView::judge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitView {
    format: String,
    /// Signed note of the checkpoint that whoever keeps this had.
    pub kept: String,
    /// Signed note of the checkpoint that was then seen.
    pub seen: String,
}

/// Why bytes are no such file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitViewError {
    /// Not JSON of this schema.
    #[error("not evidence of a split view: {0}")]
    Json(String),
    /// Another format.
    #[error("the format is {found}, not {FORMAT}")]
    Format {
        /// What stands there.
        found: String,
    },
}

/// What the two checkpoints show, both signed by the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// One size and two roots: the log signed two histories. Nothing more is needed to show it.
    Split,
    /// Two sizes. They contradict each other unless the log can prove that one extends the other (RFC 9162, 2.1.4): ask
    /// it to.
    Unproved,
    /// The same tree twice, or trees of two logs: they show nothing.
    Nothing,
}

/// Two checkpoints of one log, and what they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The one that was kept.
    pub kept: Checkpoint,
    /// The one that was seen.
    pub seen: Checkpoint,
    /// What they show.
    pub finding: Finding,
}

impl SplitView {
    /// Of two signed notes.
    pub fn new(kept: impl Into<String>, seen: impl Into<String>) -> Self {
        SplitView { format: FORMAT.into(), kept: kept.into(), seen: seen.into() }
    }

    /// Name for the file: of the same notes always the same.
    pub fn file_name(&self) -> String {
        let digest = hex::encode(cose::sha256([self.kept.as_bytes(), self.seen.as_bytes()].concat().as_slice()));
        format!("split-view-{}.json", &digest[..16])
    }

    /// The file.
    pub fn to_json(&self) -> String {
        // Structs of text have no form that JSON has not.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`SplitViewError`].
    pub fn from_json(text: &str) -> Result<Self, SplitViewError> {
        let read: SplitView = serde_json::from_str(text).map_err(|error| SplitViewError::Json(error.to_string()))?;
        match read.format == FORMAT {
            true => Ok(read),
            false => Err(SplitViewError::Format { found: read.format }),
        }
    }

    /// Checks that a log of the policy signed both, and compares them.
    ///
    /// # Errors
    /// Why one of them is not a checkpoint of such a log: then it shows nothing of it.
    pub fn judge(&self, policy: &Policy) -> Result<Judged, PolicyCheckpointError> {
        let kept = policy.open(self.kept.as_bytes())?.checkpoint().clone();
        let seen = policy.open(self.seen.as_bytes())?.checkpoint().clone();
        let finding = match (kept.origin == seen.origin, kept.size == seen.size, kept.root == seen.root) {
            (true, true, false) => Finding::Split,
            (true, false, _) => Finding::Unproved,
            _ => Finding::Nothing,
        };
        Ok(Judged { kept, seen, finding })
    }
}
