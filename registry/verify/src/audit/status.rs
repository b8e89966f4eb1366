//! The status of every leaf, made again, against the epochs of the status log.

use record::status::{Epoch, StatusRecord};
use tlog::tree::{MemoryTree, TreeError};
use tlog::{Hash, leaf_hash};

use super::Replay;

/// Why an epoch is not the one that follows from the entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpochBreach {
    /// Its number, sizes or time do not continue those before it.
    #[error("epoch {number} does not continue the one before: {what}")]
    Order {
        /// Number expected.
        number: u64,
        /// What does not.
        what: &'static str,
    },
    /// It covers another number of entries than were taken.
    #[error("epoch {number} covers {size} entries, {taken} were taken")]
    Size {
        /// Its number.
        number: u64,
        /// Entries that it covers.
        size: u64,
        /// Entries taken.
        taken: u64,
    },
    /// It fixes another root of the log than its entries have.
    #[error("epoch {number} names another root of the log than its {size} entries have")]
    LogRoot {
        /// Its number.
        number: u64,
        /// Entries that it covers.
        size: u64,
    },
    /// It fixes another status of some leaf than the events make.
    #[error("epoch {number} fixes another status than the events among its {size} entries make")]
    MapRoot {
        /// Its number.
        number: u64,
        /// Entries that it covers.
        size: u64,
    },
    /// The map could not be made.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl EpochBreach {
    /// Stable word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            EpochBreach::Order { .. } | EpochBreach::Size { .. } => "EPOCH_INVALID",
            EpochBreach::LogRoot { .. } => "EPOCH_OTHER_LOG",
            EpochBreach::MapRoot { .. } | EpochBreach::Tree(_) => "STATUS_OTHER",
        }
    }
}

/// The map of status records under the latest epoch taken.
#[derive(Debug, Default)]
pub struct StatusReplay {
    map: MemoryTree,
    latest: Option<Epoch>,
}

impl StatusReplay {
    /// No epoch yet.
    pub fn new() -> Self {
        StatusReplay::default()
    }

    /// The latest epoch taken.
    pub fn latest(&self) -> Option<&Epoch> {
        self.latest.as_ref()
    }

    /// Whether an epoch continues the ones before: number, sizes, time. To be asked before its entries are taken.
    ///
    /// # Errors
    /// [`EpochBreach::Order`].
    pub fn continues(&self, epoch: &Epoch) -> Result<(), EpochBreach> {
        let number = self.latest.map_or(0, |latest| latest.number + 1);
        let what = match &self.latest {
            _ if epoch.number != number => "another number",
            None if epoch.previous_size != 0 => "the first begins at 0",
            Some(latest) if epoch.previous_size != latest.size => "it begins elsewhere than the one before ended",
            Some(latest) if epoch.time < latest.time => "it is dated before it",
            _ if epoch.size < epoch.previous_size => "it ends before it begins",
            _ => return Ok(()),
        };
        Err(EpochBreach::Order { number, what })
    }

    /// Takes up the next epoch, once exactly the entries that it covers are taken; `log_root` is the root over them.
    ///
    /// # Errors
    /// [`EpochBreach`].
    pub fn take(&mut self, epoch: &Epoch, log_root: &Hash, replay: &mut Replay) -> Result<(), EpochBreach> {
        self.continues(epoch)?;
        let Epoch { number, size, .. } = *epoch;
        if size != replay.size() {
            return Err(EpochBreach::Size { number, size, taken: replay.size() });
        }
        for leaf in self.map.size()..size {
            self.map.push(leaf_hash(&replay.record(leaf).to_bytes()));
        }
        for leaf in std::mem::take(&mut replay.changed) {
            self.map.replace(leaf, leaf_hash(&replay.record(leaf).to_bytes()))?;
        }
        self.latest = Some(*epoch);
        if epoch.root != *log_root {
            return Err(EpochBreach::LogRoot { number, size });
        }
        if epoch.map_root != self.map.root(size)? {
            return Err(EpochBreach::MapRoot { number, size });
        }
        Ok(())
    }
}

impl Replay {
    fn record(&self, leaf: u64) -> StatusRecord {
        self.records.get(&leaf).cloned().unwrap_or_else(|| StatusRecord::new(leaf))
    }
}
