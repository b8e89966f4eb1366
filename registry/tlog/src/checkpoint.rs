//! Checkpoints (c2sp.org/tlog-checkpoint): origin, size and root, as the text of a signed note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::note::{NoteError, NoteVerifier, SignedNote, Verified};
use crate::{EMPTY_ROOT, Hash};

/// A tree head, as the text of a note says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Further lines; a log of ours writes none.
    pub extensions: Vec<String>,
}

/// Why a text is not a checkpoint, or its note is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not in the one spelling of a checkpoint.
    #[error("not a checkpoint: {what}")]
    Format {
        /// The line.
        what: &'static str,
    },
    /// The checkpoint is of another log.
    #[error("checkpoint of {found:?}, not of {expected:?}")]
    Origin {
        /// The log asked for.
        expected: String,
        /// The log named.
        found: String,
    },
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Checkpoint {
        Checkpoint { origin: origin.into(), size, root, extensions: vec![] }
    }

    /// The text to sign.
    pub fn to_body(&self) -> String {
        let mut body = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root));
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        body
    }

    /// Reads a note's text. What it gives writes the same text again.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = Checkpoint::read(text)?;
        match checkpoint.size == 0 && checkpoint.root != EMPTY_ROOT {
            true => Err(CheckpointError::Format { what: "root of an empty tree" }),
            false => Ok(checkpoint),
        }
    }

    /// The same, where the root of an empty tree may be another: a witness has an answer of its own to that.
    pub(crate) fn read(text: &str) -> Result<Checkpoint, CheckpointError> {
        let wrong = |what| CheckpointError::Format { what };
        let lines = text.strip_suffix('\n').ok_or_else(|| wrong("last newline"))?;
        let mut lines = lines.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or_else(|| wrong("origin"))?.to_owned();
        let size = lines.next().and_then(|line| line.parse().ok());
        let size: u64 = size.ok_or_else(|| wrong("tree size"))?;
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok());
        let root = root.and_then(|root| Hash::try_from(root).ok());
        let root = root.ok_or_else(|| wrong("root hash"))?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(wrong("extension line"));
        }
        let checkpoint = Checkpoint { origin, size, root, extensions };
        // Leading zeros and signs in the size end here.
        if checkpoint.to_body() == text { Ok(checkpoint) } else { Err(wrong("tree size")) }
    }
}

/// A checkpoint with the signatures of known keys that were checked on it. Only
/// [`VerifiedCheckpoint::open`] makes one; which signatures suffice is the caller's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    by: Vec<Verified>,
}

impl VerifiedCheckpoint {
    /// Reads a note, checks the signatures of the known keys, and reads the checkpoint of the log
    /// named `origin` in it.
    pub fn open(bytes: &[u8], origin: &str, known: &[NoteVerifier]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let by = note.verify(known)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != origin {
            let (expected, found) = (origin.to_owned(), checkpoint.origin);
            return Err(CheckpointError::Origin { expected, found });
        }
        Ok(VerifiedCheckpoint { checkpoint, by })
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Who signed it, of the keys given.
    pub fn by(&self) -> &[Verified] {
        &self.by
    }
}
