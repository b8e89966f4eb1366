//! Proofs of logging (c2sp.org/tlog-proof): an entry's index, its inclusion path and the checkpoint that it leads to, in
//! one text file. The entry itself is not in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::Checkpoint;
use crate::note::MAX_NOTE_BYTES;
use crate::proof::{self, MAX_PROOF_HASHES, ProofError};
use crate::{Hash, leaf_hash};

/// First line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Longest file read: extra data of an application, 64 hashes and a checkpoint.
pub const MAX_LOG_PROOF_BYTES: usize = 2 * MAX_NOTE_BYTES;

/// A proof of logging, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Data of the application. Nothing authenticates it.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Hashes from the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The checkpoint, a signed note, verbatim.
    pub checkpoint: Vec<u8>,
}

/// Why a text is not a proof of logging. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogProofError {
    /// Longer than [`MAX_LOG_PROOF_BYTES`].
    #[error("the proof is larger than {MAX_LOG_PROOF_BYTES} bytes")]
    TooLarge,
    /// A line that is not as c2sp.org/tlog-proof has it.
    #[error("line {line}: expected {expected}")]
    Line {
        /// The line.
        line: usize,
        /// What stands there in a proof.
        expected: &'static str,
    },
}

impl LogProof {
    /// Reads a proof. What it gives writes the same bytes again.
    pub fn parse(bytes: &[u8]) -> Result<LogProof, LogProofError> {
        if bytes.len() > MAX_LOG_PROOF_BYTES {
            return Err(LogProofError::TooLarge);
        }
        let mut lines = Lines { rest: bytes, number: 0 };
        if lines.next() != Some(HEADER) {
            return Err(lines.expected(HEADER));
        }
        let mut line = lines.next();
        let mut extra = None;
        if let Some(data) = line.and_then(|line| line.strip_prefix("extra ")) {
            let data = STANDARD.decode(data).map_err(|_| lines.expected("extra and base64"))?;
            extra = Some(data);
            line = lines.next();
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| lines.expected("index and a decimal"))?;
        let mut path = Vec::new();
        loop {
            match lines.next() {
                Some("") => break,
                Some(line) if path.len() < MAX_PROOF_HASHES => {
                    path.push(hash(line).ok_or_else(|| lines.expected("a SHA-256 hash in base64, or an empty line"))?);
                }
                Some(_) => return Err(lines.expected("an empty line: no tree needs a longer path")),
                None => return Err(lines.expected("a SHA-256 hash in base64, or an empty line")),
            }
        }
        Ok(LogProof { extra, index, path, checkpoint: lines.rest.to_vec() })
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint].concat()
    }

    /// Checks that `entry` (the leaf's bytes) stands at the index in the tree of `checkpoint`: that of this file, as
    /// [`crate::policy::Policy::open`] gave it.
    pub fn verify(&self, entry: &[u8], checkpoint: &Checkpoint) -> Result<(), ProofError> {
        proof::verify_inclusion(&leaf_hash(entry), self.index, checkpoint.size, &self.path, &checkpoint.root)
    }
}

/// One SHA-256 hash in base64.
pub fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok().and_then(|bytes| Hash::try_from(bytes).ok())
}

/// The same as text.
pub(crate) fn line(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// Lines that end in a newline and are UTF-8, from the first on; what is after them stays.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&self.rest[..end]).ok()?;
        self.rest = &self.rest[end + 1..];
        Some(line)
    }

    fn expected(&self, expected: &'static str) -> LogProofError {
        LogProofError::Line { line: self.number, expected }
    }
}

/// A decimal without signs or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
