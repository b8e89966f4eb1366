//! All rows in memory, in byte order: what the engine in memory is, and what the one in a folder reads from.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use crate::keys::{bounds, physical};
use crate::{Batch, Committed, Direction, MAX_PAGE_ROWS, Namespace, Page, Part};

/// What a batch changes, by physical key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Rows to write, in order.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows to delete, after the puts.
    pub dels: Vec<Vec<u8>>,
}

impl Changes {
    pub fn of(part: &Part, batch: Batch) -> Self {
        let puts = batch.puts.into_iter().map(|(ns, key, value)| (physical(part, ns, &key), value));
        let dels = batch.dels.into_iter().map(|(ns, key)| physical(part, ns, &key));
        Changes { puts: puts.collect(), dels: dels.collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.dels.is_empty()
    }
}

/// The rows.
#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<Vec<u8>, Vec<u8>>);

impl Table {
    pub fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(&physical(part, ns, key)).cloned()
    }

    pub fn scan(&self, part: &Part, ns: Namespace, range: &Range<Vec<u8>>, limit: usize, direction: Direction) -> Page {
        let Some((start, end)) = bounds(part, ns, range) else { return Page::default() };
        let prefix = physical(part, ns, &[]).len();
        let limit = limit.clamp(1, MAX_PAGE_ROWS);
        let row = |(key, value): (&Vec<u8>, &Vec<u8>)| (key[prefix..].to_vec(), value.clone());
        let rows = self.0.range(start..end);
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = match direction {
            Direction::Forward => rows.map(row).take(limit + 1).collect(),
            Direction::Backward => rows.rev().map(row).take(limit + 1).collect(),
        };
        let next = (found.len() > limit).then(|| found.pop()).flatten();
        let resume = next.and_then(|(next, _)| match direction {
            Direction::Forward => Some(next),
            // The end of a range is not in it.
            Direction::Backward => found.last().map(|(last, _)| last.clone()),
        });
        Page { rows: found, resume }
    }

    /// See [`Batch::refusal`].
    pub fn refusal(&self, part: &Part, batch: &Batch) -> Option<Committed> {
        match batch.refusal(|ns, key| Ok::<_, Infallible>(self.get(part, ns, key))) {
            Ok(refused) => refused,
            Err(never) => match never {},
        }
    }

    pub fn apply(&mut self, changes: Changes) {
        self.0.extend(changes.puts);
        for key in changes.dels {
            self.0.remove(&key);
        }
    }
}
