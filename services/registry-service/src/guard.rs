//! The fork guard: the heads signed last are kept beside the database, not in it, and before they are signed. A database
//! that is older than what was signed, or another, must sign nothing: it would fork the log.

use std::sync::Arc;

use record::status::Epoch;
use runtime::Refusal;
use store::{BlobStore, Put, StoreError};
use tlog::tree::MemoryTree;
use tlog::{Hash, leaf_hash};

use crate::error::{DOMAIN, internal};

/// Name of the heads signed last in the guard's blobs.
pub const SIGNED: &str = "signed-heads";
/// First line of it.
const FORMAT: &str = "touchstone signed heads 1";
/// Leaves that the log writes before it signs anything.
pub const FIRST_LEAVES: u64 = 2;

/// Size and root of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// RFC 9162 root.
    pub root: Hash,
}

impl Head {
    /// The head of a tree.
    pub fn of(tree: &MemoryTree) -> Self {
        Head { size: tree.size(), root: tree.root(tree.size()).unwrap_or_default() }
    }
}

/// The heads that were signed last, or are about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Of the log.
    pub log: Head,
    /// Of the status log.
    pub status: Head,
}

impl Heads {
    /// Three lines: the format; `log` or `status`, size, root in hex.
    pub fn to_text(self) -> String {
        let line = |what: &str, head: Head| format!("{what} {} {}", head.size, hex::encode(head.root));
        format!("{FORMAT}\n{}\n{}\n", line("log", self.log), line("status", self.status))
    }

    /// Reads what [`Heads::to_text`] writes, and nothing else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let head = |line: Option<&str>, what: &str| {
            let (size, root) = line?.strip_prefix(what)?.strip_prefix(' ')?.split_once(' ')?;
            let root = hex::decode(root).ok()?.try_into().ok()?;
            Some(Head { size: size.parse().ok()?, root })
        };
        let mut lines = text.lines().skip(1);
        let heads = Heads { log: head(lines.next(), "log")?, status: head(lines.next(), "status")? };
        (heads.to_text() == text).then_some(heads)
    }
}

/// Why the log must sign nothing. Words for the operator, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fork {
    /// The database is older than what was signed.
    #[error(
        "a {log} of {signed} was signed, the database holds {held}: this is an older copy, and signing would fork the log. \
         Stop, restore the newest copy of the database, check it with `touchstone fsck`, and start again; until there is \
         one, leave the log as it is"
    )]
    Behind {
        /// Which log.
        log: &'static str,
        /// Size that was signed.
        signed: u64,
        /// Size in the database.
        held: u64,
    },
    /// The database holds something else under a size that was signed.
    #[error(
        "the {log} that was signed at {size} is not the one in this database: signing would fork the log. Stop, and use \
         the database and the folder log.guard that belong together"
    )]
    Contradicts {
        /// Which log.
        log: &'static str,
        /// Size that was signed.
        size: u64,
    },
    /// There is a log, and nothing tells what of it was signed.
    #[error(
        "the database holds {entries} entries, and {SIGNED} in the folder log.guard is gone: nobody can tell whether this \
         copy is the newest. Stop, and put back the folder that belongs to this database"
    )]
    Missing {
        /// Entries in the database.
        entries: u64,
    },
    /// Somebody holds a checkpoint that this log's key signed, and the database does not hold what it covers.
    #[error(
        "{witness} holds a checkpoint of a {log} of {size} that this log's own key signed, and the database, of {held}, does \
         not hold it: this is an older or another copy, and signing would fork the log. Stop, see that no other process \
         signs with these keys, restore the newest copy of the database, check it with `touchstone fsck`, and start again"
    )]
    Witnessed {
        /// Which log.
        log: &'static str,
        /// Size that was signed.
        size: u64,
        /// Size in the database.
        held: u64,
        /// Who shows it: a witness, or the file where it is kept.
        witness: String,
    },
    /// What tells what was signed cannot be read.
    #[error("{SIGNED} in the folder log.guard is damaged: stop, and put it back as it was")]
    Damaged,
}

impl Fork {
    /// What callers are told; the operator is told more.
    pub fn refusal() -> Refusal {
        crate::error::refuse(
            tonic::Code::DataLoss,
            proto::registry::ErrorReason::LogRefusesToSign,
            "the log refuses to sign: its database is not the newest; tell the operator",
        )
    }
}

/// The heads signed last, where they are kept.
pub struct Guard {
    blobs: Arc<dyn BlobStore>,
    /// What is there now; empty before the first signature.
    held: Vec<u8>,
}

impl Guard {
    /// Reads what was signed last.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(blobs: Arc<dyn BlobStore>) -> Result<Self, StoreError> {
        let held = blobs.get(SIGNED).await?.unwrap_or_default();
        Ok(Guard { blobs, held })
    }

    /// The heads that were signed last; `None` before the first.
    ///
    /// # Errors
    /// [`Fork::Damaged`].
    pub fn signed(&self) -> Result<Option<Heads>, Fork> {
        match self.held.is_empty() {
            true => Ok(None),
            false => Heads::parse(&self.held).map(Some).ok_or(Fork::Damaged),
        }
    }

    /// What was signed last must be a prefix of what the database holds.
    ///
    /// # Errors
    /// [`Fork`].
    pub fn check(&self, tree: &MemoryTree, epochs: &[Epoch]) -> Result<(), Fork> {
        let Some(signed) = self.signed()? else {
            // A crash before the first signature leaves this and no more.
            let is_new = tree.size() <= FIRST_LEAVES && epochs.is_empty();
            return if is_new { Ok(()) } else { Err(Fork::Missing { entries: tree.size() }) };
        };
        let mut status = MemoryTree::new();
        for epoch in epochs {
            status.push(leaf_hash(&epoch.to_bytes()));
        }
        for (log, head, tree) in [("log", signed.log, tree), ("status log", signed.status, &status)] {
            if head.size > tree.size() {
                return Err(Fork::Behind { log, signed: head.size, held: tree.size() });
            }
            if tree.root(head.size) != Ok(head.root) {
                return Err(Fork::Contradicts { log, size: head.size });
            }
        }
        Ok(())
    }

    /// Records durably what is about to be signed.
    ///
    /// # Errors
    /// Those of the store; another writer's heads are there.
    pub async fn intend(&mut self, heads: Heads) -> Result<(), Refusal> {
        let bytes = heads.to_text().into_bytes();
        let expected = (!self.held.is_empty()).then_some(self.held.as_slice());
        match self.blobs.put_if_match(SIGNED, expected, &bytes).await.map_err(|e| Refusal::store(DOMAIN, &e))? {
            Put::Created | Put::Same => {
                self.held = bytes;
                Ok(())
            }
            Put::Different => Err(internal("the heads signed last were changed by another writer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_one_spelling() {
        let head = |size: u64, byte: u8| Head { size, root: [byte; 32] };
        let heads = Heads { log: head(12, 0xab), status: head(0, 1) };
        let text = heads.to_text();
        assert_eq!(text.lines().nth(1), Some(format!("log 12 {}", "ab".repeat(32)).as_str()));
        assert_eq!(Heads::parse(text.as_bytes()), Some(heads));
        for other in [
            String::new(),
            text.trim_end().to_owned(),
            text.replace("log 12", "log 012"),
            text.replace("heads 1", "heads 2"),
            text.to_uppercase(),
            text.clone() + "\n",
            text[..text.len() - 3].to_owned() + "\n",
        ] {
            assert_eq!(Heads::parse(other.as_bytes()), None, "{other:?}");
        }
    }
}
