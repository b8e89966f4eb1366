//! The witness protocol (c2sp.org/tlog-witness): the request `add-checkpoint`, what a witness decides about it, and its
//! answer. Where a witness keeps what it cosigned last, and that it does so before it answers, is the caller's.

use std::fmt::Write as _;

use crate::checkpoint::Checkpoint;
use crate::log_proof::{self, decimal};
use crate::note::{Cosigner, MAX_NOTE_BYTES, NoteError, NoteSignature, NoteVerifier, SignedNote};
use crate::proof::{ProofError, verify_consistency};
use crate::{EMPTY_ROOT, Hash};

/// Most lines of a consistency proof (tlog-witness, add-checkpoint).
pub const MAX_PROOF_LINES: usize = 63;
/// Longest request read: a note, and before it the old size and the proof.
pub const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + 64 * 48;
/// Longest answer read: signature lines, or a size.
pub const MAX_ANSWER_BYTES: usize = MAX_NOTE_BYTES;
/// Where a checkpoint is submitted, below the submission prefix.
pub const ADD_CHECKPOINT: &str = "add-checkpoint";
/// Media type of the answer that names the size cosigned last.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// Where a witness shows what it cosigned last of a log, below its monitoring prefix: SHA-256 of the origin in
/// lowercase hex, and `/checkpoint`.
pub fn monitoring_path(origin: &str) -> String {
    let mut path = String::with_capacity(64 + 11);
    for byte in cose::sha256(origin.as_bytes()) {
        let _infallible = write!(path, "{byte:02x}");
    }
    path + "/checkpoint"
}

/// The body of a request: the size that the witness cosigned last, the proof from there, the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint cosigned last; 0 where there is none.
    pub old_size: u64,
    /// Proof that the checkpoint extends it (RFC 6962, 2.1.2).
    pub proof: Vec<Hash>,
    /// The new checkpoint, as the log signed it.
    pub checkpoint: SignedNote,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not the body of an add-checkpoint request.
    #[error("not an add-checkpoint request: {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// The note in it cannot be read.
    #[error("not an add-checkpoint request: {0}")]
    Note(NoteError),
    /// The witness does not follow this log.
    #[error("the log {origin} is not followed here")]
    UnknownLog {
        /// Origin that the checkpoint names.
        origin: String,
    },
    /// No key of the log signed it, or a signature of such a key does not verify.
    #[error("the checkpoint of {origin} is not signed by its log: {error}")]
    NotSigned {
        /// Origin that the checkpoint names.
        origin: String,
        /// Why.
        error: NoteError,
    },
    /// The old size is above that of the checkpoint.
    #[error("the old size {old_size} is above the checkpoint's {size}")]
    OldSizeAbove {
        /// The old size.
        old_size: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The old size is not that of the checkpoint cosigned last.
    #[error("the checkpoint cosigned last has {size} entries, not {old_size}")]
    Conflict {
        /// Size cosigned last.
        size: u64,
        /// The old size.
        old_size: u64,
    },
    /// A tree without entries has one root (RFC 6962, 2.1).
    #[error("a tree without entries has the root of nothing")]
    EmptyRoot,
    /// Two trees of one size: the log signed both.
    #[error("{size} entries were cosigned with another root")]
    OtherRoot {
        /// Size of both.
        size: u64,
    },
    /// The checkpoint is not shown to extend what was cosigned last.
    #[error("the checkpoint of {size} entries is not shown to extend that of {old_size}: {error}")]
    Proof {
        /// Size cosigned last.
        old_size: u64,
        /// Size of the checkpoint.
        size: u64,
        /// Why.
        error: ProofError,
    },
}

impl Rejection {
    /// The HTTP status that says so (tlog-witness, add-checkpoint).
    pub fn http_status(&self) -> u16 {
        match self {
            Rejection::Malformed { .. } | Rejection::Note(_) | Rejection::OldSizeAbove { .. } => 400,
            Rejection::NotSigned { .. } => 403,
            Rejection::UnknownLog { .. } => 404,
            Rejection::Conflict { .. } => 409,
            Rejection::EmptyRoot | Rejection::OtherRoot { .. } | Rejection::Proof { .. } => 422,
        }
    }

    /// The body of the answer: the size for a conflict, else words.
    pub fn body(&self) -> String {
        match self {
            Rejection::Conflict { size, .. } => format!("{size}\n"),
            other => format!("{other}\n"),
        }
    }
}

impl AddCheckpoint {
    /// The body.
    pub fn encode(&self) -> String {
        let mut body = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            body.push_str(&log_proof::line(hash));
            body.push('\n');
        }
        body + "\n" + &self.checkpoint.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] and [`Rejection::Note`].
    pub fn parse(body: &[u8]) -> Result<AddCheckpoint, Rejection> {
        let malformed = |what| Rejection::Malformed { what };
        if body.len() > MAX_REQUEST_BYTES {
            return Err(malformed("the body is too large"));
        }
        let body = std::str::from_utf8(body).map_err(|_| malformed("UTF-8"))?;
        // The first empty line is the one before the checkpoint.
        let (head, note) = body.split_once("\n\n").ok_or_else(|| malformed("no empty line"))?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or_else(|| malformed("old size line"))?;
        let proof: Option<Vec<Hash>> = lines.map(log_proof::hash).collect();
        let proof = proof.ok_or_else(|| malformed("consistency proof line"))?;
        if proof.len() > MAX_PROOF_LINES {
            return Err(malformed("more than 63 consistency proof lines"));
        }
        let checkpoint = SignedNote::parse(note.as_bytes()).map_err(Rejection::Note)?;
        Ok(AddCheckpoint { old_size, proof, checkpoint })
    }
}

/// A checkpoint that its log signed, submitted to a witness. Only [`Submission::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    old_size: u64,
    proof: Vec<Hash>,
    checkpoint: Checkpoint,
    /// With the signatures of the log's known keys alone.
    note: SignedNote,
}

impl Submission {
    /// Reads a request and checks the signature by the keys known for its origin: those whose name it is.
    ///
    /// # Errors
    /// [`Rejection`] with status 400, 403 or 404.
    pub fn open(body: &[u8], known: &[NoteVerifier]) -> Result<Submission, Rejection> {
        let AddCheckpoint { old_size, proof, checkpoint: note } = AddCheckpoint::parse(body)?;
        let checkpoint = Checkpoint::read(note.text()).map_err(|_| Rejection::Malformed { what: "checkpoint" })?;
        let origin = &checkpoint.origin;
        let keys: Vec<NoteVerifier> = known.iter().filter(|key| key.name() == origin).cloned().collect();
        if keys.is_empty() {
            return Err(Rejection::UnknownLog { origin: origin.clone() });
        }
        let not_signed = |error| Rejection::NotSigned { origin: origin.clone(), error };
        note.verify(&keys).map_err(not_signed)?;
        if old_size > checkpoint.size {
            return Err(Rejection::OldSizeAbove { old_size, size: checkpoint.size });
        }
        let is_known = |line: &&NoteSignature| keys.iter().any(|key| key.made(line));
        let lines = note.signatures().iter().filter(is_known).cloned().collect();
        let note = SignedNote::new(note.text().to_owned(), lines).map_err(not_signed)?;
        Ok(Submission { old_size, proof, checkpoint, note })
    }

    /// The checkpoint submitted.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The same, as its log signed it.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Whether it may be cosigned after `latest`, the checkpoint of the same log that was cosigned last.
    ///
    /// # Errors
    /// [`Rejection`] with status 409 or 422.
    pub fn judge(&self, latest: Option<&Checkpoint>) -> Result<(), Rejection> {
        let (size, root) = latest.map_or((0, EMPTY_ROOT), |latest| (latest.size, latest.root));
        let new = &self.checkpoint;
        if self.old_size != size {
            return Err(Rejection::Conflict { size, old_size: self.old_size });
        }
        if new.size == 0 && new.root != EMPTY_ROOT {
            return Err(Rejection::EmptyRoot);
        }
        if self.contradicts(latest) {
            return Err(Rejection::OtherRoot { size });
        }
        verify_consistency(size, new.size, &self.proof, &root, &new.root).map_err(|error| Rejection::Proof {
            old_size: size,
            size: new.size,
            error,
        })
    }

    /// Whether the log signed two trees of one size: this and `latest`. It needs no proof and no old size.
    pub fn contradicts(&self, latest: Option<&Checkpoint>) -> bool {
        latest.is_some_and(|latest| latest.size == self.checkpoint.size && latest.root != self.checkpoint.root)
    }

    /// Cosigns it, at a time in seconds since 1970-01-01T00:00:00Z. That [`Submission::judge`] allowed it, and that the
    /// note is kept before the line is given away, is for the caller.
    ///
    /// # Errors
    /// [`NoteError`]: the key did not sign.
    pub fn cosign(&self, cosigner: &Cosigner, at_unix_secs: u64) -> Result<Cosigned, NoteError> {
        let line = cosigner.cosign(self.note.text(), at_unix_secs)?;
        let answer = format!("{}\n", line.to_line());
        Ok(Cosigned { note: self.note.clone().with_signature(line)?, answer })
    }
}

/// A checkpoint cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// With the signatures of the log and the cosignature: what the witness keeps and shows.
    pub note: SignedNote,
    /// The answer to the request: the cosignature, a line.
    pub answer: String,
}

/// The cosignature of a witness in its answer. Lines of other keys are ignored (tlog-witness, add-checkpoint).
///
/// # Errors
/// [`NoteError`]: no lines of signatures, none of this key, or one that does not verify on the checkpoint.
pub fn cosignature(answer: &str, checkpoint: &SignedNote, witness: &NoteVerifier) -> Result<NoteSignature, NoteError> {
    let lines = answer.strip_suffix('\n').ok_or(NoteError::Format { what: "signature line" })?;
    let lines = lines.split('\n').map(NoteSignature::parse).collect::<Result<Vec<_>, _>>()?;
    let found = lines.iter().find(|line| witness.made(line)).cloned();
    SignedNote::new(checkpoint.text().to_owned(), lines)?.verify(std::slice::from_ref(witness))?;
    found.ok_or(NoteError::NoKnownSignature)
}

/// The size in the answer to a conflict: a decimal and a newline.
pub fn conflict_size(answer: &str) -> Option<u64> {
    decimal(answer.strip_suffix('\n')?)
}
