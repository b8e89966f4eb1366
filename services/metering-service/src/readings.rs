//! Readings as rows, in the part of their instrument: packed blocks of months that are over, and a tail of packed pieces
//! for what came since.
//!
//! Every commit replaces the state row of the instrument, so that whoever judged readings against an earlier state is
//! told, and judges again. Nothing that a block holds is ever changed: what comes late makes a new generation of its
//! month, which holds all of the old one, and the old stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use metering::{Acceptance, Columns, Kept, month_end, month_of};
use record::instrument::{Instrument, Sha256};
use record::reading::{AcceptanceReport, MAX_STEP_SECS, Reading, ReadingBatch};
use runtime::{Clock, Refusal};
use store::{Batch, Check, Committed, Direction, MAX_PAGE_ROWS, Namespace, Part, RegistryStore, StoreError, keys};

use crate::error::{self, DOMAIN};

/// How often a batch is judged again because another stream wrote to the same instrument meanwhile.
const ATTEMPTS: usize = 16;
/// Rows of one piece: 8 bytes each and the columns beside them fit a value of the store.
const PIECE_ROWS: usize = 7_000;
/// Pieces of a tail before they are put together.
const TAIL_PIECES: u32 = 32;
/// Fewer new readings of a month that is over wait in the tail.
const LEAST_BLOCK: usize = 48;
/// Most bytes of packed readings in one commit, below what a batch may have.
const COMMIT_BYTES: usize = 900 << 10;
/// Key of the state row.
const STATE: &[u8] = b"readings";

/// Where the readings of all instruments are kept.
#[derive(Clone)]
pub struct Readings {
    store: Arc<dyn RegistryStore>,
    clock: Clock,
    skew_secs: u32,
}

/// The state row: the number of the next piece of the tail, raised by every commit, and how many pieces there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    next: u64,
    pieces: u32,
}

/// The part of an instrument.
fn part(instrument: &str) -> Result<Part, Refusal> {
    Part::instrument(instrument).ok_or_else(|| Refusal::not_found(DOMAIN, "instrument", instrument))
}

fn damaged(what: &str) -> Refusal {
    Refusal::internal(DOMAIN, what)
}

/// A packed piece as it is stored: SHA-256 of the columns, then the columns.
fn sealed(columns: &Columns) -> Vec<u8> {
    let bytes = columns.encode();
    [&Sha256::of(&bytes).0[..], &bytes].concat()
}

fn opened(row: &[u8]) -> Result<Columns, Refusal> {
    let (digest, bytes) = row.split_at_checked(32).ok_or_else(|| damaged("packed readings are cut"))?;
    if Sha256::of(bytes).0 != digest {
        return Err(damaged("packed readings do not have their digest"));
    }
    Columns::decode(bytes).map_err(|error| damaged(&error.to_string()))
}

impl Readings {
    /// The readings in `store`; batches are judged by `clock`, and an interval may end `skew_secs` ahead of it.
    pub fn new(store: Arc<dyn RegistryStore>, clock: Clock, skew_secs: u32) -> Self {
        Self { store, clock, skew_secs }
    }

    async fn state(&self, part: &Part) -> Result<(Option<Vec<u8>>, State), Refusal> {
        let row = self.store.get(part, Namespace::Head, STATE).await.map_err(error::store)?;
        let state = match &row {
            None => State::default(),
            Some(bytes) => {
                let (next, pieces) = bytes.split_first_chunk::<8>().ok_or_else(|| damaged("a state is cut"))?;
                let pieces = pieces.try_into().map_err(|_| damaged("a state is cut"))?;
                State { next: u64::from_be_bytes(*next), pieces: u32::from_be_bytes(pieces) }
            }
        };
        Ok((row, state))
    }

    async fn scan(&self, part: &Part, ns: Namespace, from: Vec<u8>, until: Vec<u8>) -> Result<Rows, Refusal> {
        let (mut start, mut rows) = (from, Vec::new());
        loop {
            let range = start..until.clone();
            let page = self.store.scan(part, ns, range, MAX_PAGE_ROWS, Direction::Forward).await;
            let page = page.map_err(error::store)?;
            rows.extend(page.rows);
            match page.resume {
                Some(next) => start = next,
                None => return Ok(rows),
            }
        }
    }

    /// The latest generation of the blocks of the months from `first` to `last`.
    async fn blocks(&self, part: &Part, first: u32, last: u32) -> Result<BTreeMap<u32, (u32, Vec<Columns>)>, Refusal> {
        let (from, until) = (first.to_be_bytes().to_vec(), last.saturating_add(1).to_be_bytes().to_vec());
        let mut found: BTreeMap<u32, (u32, Vec<Columns>)> = BTreeMap::new();
        for (key, row) in self.scan(part, Namespace::ReadingBlock, from, until).await? {
            let (month, generation, _) = keys::parse_reading_block(&key).ok_or_else(|| damaged("a block's key"))?;
            // The latest generation comes first.
            let (latest, pieces) = found.entry(month).or_insert_with(|| (generation, Vec::new()));
            if *latest == generation {
                pieces.push(opened(&row)?);
            }
        }
        Ok(found)
    }

    async fn tail(&self, part: &Part) -> Result<Vec<(Vec<u8>, Columns)>, Refusal> {
        let rows = self.scan(part, Namespace::ReadingTail, Vec::new(), Vec::new()).await?;
        rows.into_iter().map(|(key, row)| Ok((key, opened(&row)?))).collect()
    }

    /// Packed readings that touch the stretch from `from` to `until`, and others: blocks by month, then the tail.
    pub async fn pieces(&self, instrument: &str, from: i64, until: i64) -> Result<Vec<Columns>, Refusal> {
        self.pieces_of(&part(instrument)?, from, until).await
    }

    async fn pieces_of(&self, part: &Part, from: i64, until: i64) -> Result<Vec<Columns>, Refusal> {
        // An interval belongs to the month in which it starts, and may reach into the next.
        let first = month_of(from.saturating_sub(i64::from(MAX_STEP_SECS)));
        // The tail first: what moves into a block between the two is then seen twice, which changes nothing, and never
        // not at all.
        let tail = self.tail(part).await?.into_iter().map(|(_, columns)| columns);
        let blocks = self.blocks(part, first, month_of(until)).await?;
        let all = blocks.into_values().flat_map(|(_, pieces)| pieces).chain(tail);
        Ok(all.filter(|columns| !columns.misses(from, until)).collect())
    }

    /// Judges a batch and keeps what is new: all of it or nothing. What the report calls kept is durable.
    pub async fn ingest(&self, instrument: &Instrument, batch: &ReadingBatch) -> Result<AcceptanceReport, Refusal> {
        let part = part(&instrument.name)?;
        let (from, until) = (batch.start.as_second(), batch.end_second());
        let mut unknown: Option<AcceptanceReport> = None;
        for _ in 0..ATTEMPTS {
            let (row, state) = self.state(&part).await?;
            let before: Vec<Reading> = match row {
                None => Vec::new(),
                Some(_) => {
                    let pieces = self.pieces_of(&part, from, until).await?;
                    let touches = |reading: &Reading| reading.start_second() < until && from < reading.end_second();
                    pieces.iter().flat_map(Columns::kept).map(|kept| kept.reading).filter(touches).collect()
                }
            };
            let now = (self.clock)();
            let clock = metering::Clock { now, skew_secs: self.skew_secs };
            let Acceptance { report, new } = metering::accept(Some(instrument), &before, batch, clock);
            // A write of which the outcome was not known shows as duplicates when it was done.
            let first = unknown.take_if(|_| new.is_empty());
            if new.is_empty() {
                return Ok(first.unwrap_or(report));
            }
            let (rows, after) = self.write(&part, (row, state), new, now.as_second(), batch).await?;
            match self.store.commit(&part, rows).await.map_err(error::store)? {
                Committed::Yes(_) => {
                    if after.pieces >= TAIL_PIECES
                        && let Err(refusal) = self.tidy(&part).await
                    {
                        // The batch is durable, so its sender is told so; the tail stays longer, and whoever writes next
                        // tries again.
                        let reason = refusal.message;
                        tracing::warn!(instrument = instrument.name, reason, "a tail of readings was not put together");
                    }
                    return Ok(report);
                }
                Committed::Conflict(_) => {}
                Committed::Unknown => unknown = Some(report),
                Committed::Fenced => return Err(damaged("a batch of readings was fenced")),
            }
        }
        Err(error::store(StoreError::Unavailable("too many streams write to this instrument".into())))
    }

    /// The rows that keep new readings: blocks for months that are over and have none yet, pieces of the tail for the
    /// others.
    async fn write(
        &self,
        part: &Part,
        (row, state): (Option<Vec<u8>>, State),
        new: Vec<Reading>,
        recorded: i64,
        batch: &ReadingBatch,
    ) -> Result<(Batch, State), Refusal> {
        let mut rows = Batch::new();
        let mut waiting: Vec<Kept> = Vec::new();
        let keep = |reading: &Reading| Kept { reading: *reading, recorded };
        let mut rest = &new[..];
        while let Some(first) = rest.first() {
            let month = month_of(first.start_second());
            let end = month_end(month);
            let (now, later) = rest.split_at(rest.partition_point(|reading| reading.start_second() < end).max(1));
            rest = later;
            let is_new = end <= recorded && now.len() >= LEAST_BLOCK && now.iter().all(|r| r.revision == 0) && {
                // One key: the latest generation of this month, if any.
                let (from, until) = (month.to_be_bytes().to_vec(), (month + 1).to_be_bytes().to_vec());
                let scanned = self.store.scan(part, Namespace::ReadingBlock, from..until, 1, Direction::Forward).await;
                scanned.map_err(error::store)?.rows.is_empty()
            };
            match is_new {
                true => {
                    let pieces = now.chunks(PIECE_ROWS).map(|piece| Columns::of_originals(piece, recorded));
                    put_block(&mut rows, month, 1, pieces)?;
                }
                false => waiting.extend(now.iter().map(keep)),
            }
        }
        let mut after = State { next: state.next + 1, pieces: state.pieces };
        for piece in waiting.chunks(PIECE_ROWS) {
            rows.put(Namespace::ReadingTail, keys::number(after.next), sealed(&Columns::new(piece.to_vec())));
            after = State { next: after.next + 1, pieces: after.pieces + 1 };
        }
        if !batch.signature.is_empty() {
            let signed = batch.signed_bytes();
            let row = [&[batch.signature.len() as u8][..], &batch.signature, &signed].concat();
            rows.put(Namespace::SignedBatch, Sha256::of(&signed).0, row);
        }
        replace_state(&mut rows, row, after);
        Ok((rows, after))
    }

    /// Puts the tail of an instrument together: what belongs to months that are over goes into new generations of their
    /// blocks, the rest into as few pieces as hold it. What is stored stays the same.
    async fn tidy(&self, part: &Part) -> Result<(), Refusal> {
        let (row, state) = self.state(part).await?;
        let tail = self.tail(part).await?;
        let now = (self.clock)().as_second();
        let mut months: BTreeMap<u32, Vec<Kept>> = BTreeMap::new();
        for kept in tail.iter().flat_map(|(_, columns)| columns.kept()) {
            months.entry(month_of(kept.reading.start_second())).or_default().push(kept);
        }
        let mut rows = Batch::new();
        let mut waiting: Vec<Kept> = Vec::new();
        let mut bytes = 0;
        for (month, mut new) in months {
            // What does not fit this commit waits for the next.
            if month_end(month) > now || bytes > COMMIT_BYTES / 2 {
                waiting.extend(new);
                continue;
            }
            let blocks = self.blocks(part, month, month).await?;
            let generation = blocks.get(&month).map_or(0, |(generation, _)| *generation);
            new.extend(blocks.values().flat_map(|(_, pieces)| pieces).flat_map(Columns::kept));
            bytes += 10 * new.len();
            new.sort_unstable_by_key(|kept| (kept.reading.start, kept.reading.revision));
            let pieces = new.chunks(PIECE_ROWS).map(|piece| Columns::new(piece.to_vec()));
            put_block(&mut rows, month, generation + 1, pieces)?;
        }
        if rows.puts.is_empty() && waiting.len().div_ceil(PIECE_ROWS) >= tail.len() {
            return Ok(());
        }
        let mut after = State { next: state.next + 1, pieces: 0 };
        for piece in waiting.chunks(PIECE_ROWS) {
            rows.put(Namespace::ReadingTail, keys::number(after.next), sealed(&Columns::new(piece.to_vec())));
            after = State { next: after.next + 1, pieces: after.pieces + 1 };
        }
        rows.dels = tail.into_iter().map(|(key, _)| (Namespace::ReadingTail, key)).collect();
        replace_state(&mut rows, row, after);
        // Whoever came between has the next turn: nothing depends on this one.
        self.store.commit(part, rows).await.map_err(error::store)?;
        Ok(())
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn put_block(
    rows: &mut Batch,
    month: u32,
    generation: u32,
    pieces: impl Iterator<Item = Columns>,
) -> Result<(), Refusal> {
    for (piece, columns) in pieces.enumerate() {
        let piece = u16::try_from(piece).map_err(|_| damaged("a block has too many pieces"))?;
        let key = keys::reading_block(month, generation, piece);
        rows.check(Check::Absent(Namespace::ReadingBlock, key.clone()));
        rows.put(Namespace::ReadingBlock, key, sealed(&columns));
    }
    Ok(())
}

fn replace_state(rows: &mut Batch, before: Option<Vec<u8>>, after: State) {
    rows.check(match before {
        None => Check::Absent(Namespace::Head, STATE.to_vec()),
        Some(before) => Check::Equals(Namespace::Head, STATE.to_vec(), before),
    });
    rows.put(Namespace::Head, STATE, [&after.next.to_be_bytes()[..], &after.pieces.to_be_bytes()].concat());
}
