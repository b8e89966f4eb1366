//! A log that is derived again, entry by entry, in the memory of its right edge.

use tlog::tile::{Tile, TileBuilder};
use tlog::{EMPTY_ROOT, Hash, leaf_hash};
use tokio::task::JoinSet;

use super::source::{Entries, Next, Source};
use crate::error::Error;

/// Comparisons of tiles on the way at once.
const COMPARISONS: usize = 16;

/// What is wrong with a file that the log serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nothing is served under this path.
    Missing(String),
    /// No entries are under this path.
    Malformed(String),
    /// The tile under this path has other bytes than the entries make.
    OtherTile(String),
}

/// A log, as far as it was fetched.
pub(super) struct Line {
    source: Source,
    prefix: &'static str,
    entries: Entries,
    builder: TileBuilder,
    comparing: JoinSet<Result<Option<Flaw>, Error>>,
    mark: Option<u64>,
    /// The root at the size marked, once it was passed.
    pub(super) root_at_mark: Option<Hash>,
    pub(super) flaws: Vec<Flaw>,
    pub(super) tiles_compared: u64,
    /// Whether entries cannot be had any more.
    pub(super) broken: bool,
}

impl Line {
    /// The first `size` entries below a prefix; the root at the size `mark` is noted when it is passed.
    pub(super) fn new(source: Source, prefix: &'static str, size: u64, mark: Option<u64>) -> Self {
        Line {
            entries: Entries::new(source.clone(), prefix, size),
            source,
            prefix,
            builder: TileBuilder::new(),
            comparing: JoinSet::new(),
            root_at_mark: mark.filter(|mark| *mark == 0).map(|_| EMPTY_ROOT),
            mark,
            flaws: Vec::new(),
            tiles_compared: 0,
            broken: false,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.builder.edge().size()
    }

    pub(super) fn root(&self) -> Hash {
        self.builder.edge().root()
    }

    /// The next entry, hashed; `None` at the end, or where no more can be had.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.broken {
            return Ok(None);
        }
        let entry = match self.entries.next().await? {
            Next::Entry(entry) => entry,
            Next::End => return Ok(None),
            Next::Missing(path) => return Ok(self.stop(Flaw::Missing(path))),
            Next::Malformed(path) => return Ok(self.stop(Flaw::Malformed(path))),
        };
        for (tile, bytes) in self.builder.push(leaf_hash(&entry)) {
            self.compare(tile, bytes).await?;
        }
        if Some(self.size()) == self.mark {
            self.root_at_mark = Some(self.root());
        }
        Ok(Some(entry))
    }

    /// Compares the partial tiles, and waits for all comparisons.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        if !self.broken {
            for (tile, bytes) in self.builder.partial() {
                self.compare(tile, bytes).await?;
            }
        }
        while self.compared().await? {}
        Ok(())
    }

    fn stop(&mut self, flaw: Flaw) -> Option<Vec<u8>> {
        self.flaws.push(flaw);
        self.broken = true;
        None
    }

    async fn compare(&mut self, tile: Tile, bytes: Vec<u8>) -> Result<(), Error> {
        if self.comparing.len() >= COMPARISONS {
            self.compared().await?;
        }
        let (source, prefix) = (self.source.clone(), self.prefix);
        self.comparing.spawn(async move {
            let path = format!("{prefix}{}", tile.path());
            Ok(match source.tile(prefix, tile).await? {
                None => Some(Flaw::Missing(path)),
                Some(served) if served != bytes => Some(Flaw::OtherTile(path)),
                Some(_) => None,
            })
        });
        Ok(())
    }

    /// Waits for one comparison; `false` where none is on the way.
    async fn compared(&mut self) -> Result<bool, Error> {
        let Some(done) = self.comparing.join_next().await else { return Ok(false) };
        let away = |error: tokio::task::JoinError| Error::LogAway { url: String::new(), problem: error.to_string() };
        match done.map_err(away)?? {
            None => self.tiles_compared += 1,
            Some(flaw) => self.flaws.push(flaw),
        }
        Ok(true)
    }
}
