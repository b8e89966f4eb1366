//! Readings packed by column: what a block and a piece of the tail hold.
//!
//! Readings of revision 0 come first, by time, so that a series without corrections is one run of equal intervals;
//! corrections follow, by time and revision. With each reading goes the second at which it was recorded, so that any
//! earlier state can be read: a reading counts at T when it was recorded by T.

use std::borrow::Cow;

use jiff::Timestamp;
use record::reading::{MAX_STEP_SECS, Reading};

use crate::consumption::Run;

/// Most readings of one packed piece: all revisions of a month of one-minute intervals, and room.
pub const MAX_ROWS: usize = 200_000;

/// Fewer values than this are written one by one: a codec's own tables would be longer.
const LEAST_COMPRESSED: usize = 48;

/// A reading and when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The reading.
    pub reading: Reading,
    /// Second at which it was recorded, since 1970-01-01T00:00:00Z.
    pub recorded: i64,
}

/// `count` intervals of `step` seconds from `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start: i64,
    step: u32,
    count: usize,
}

/// Readings by column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    stretches: Vec<Stretch>,
    values: Vec<i64>,
    /// How many of the first readings are of revision 0.
    originals: usize,
    /// Revisions of the others.
    revisions: Vec<u32>,
    /// Recorded second, and for how many readings in sequence.
    recorded: Vec<(i64, usize)>,
}

/// Bytes that are no packed readings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("packed readings are damaged: {problem}")]
pub struct PackError {
    /// What is wrong.
    pub problem: String,
}

fn damaged(problem: impl Into<String>) -> PackError {
    PackError { problem: problem.into() }
}

impl Columns {
    /// Packs readings, in any order.
    pub fn new(mut kept: Vec<Kept>) -> Self {
        kept.sort_unstable_by_key(|kept| {
            (kept.reading.revision > 0, kept.reading.start_second(), kept.reading.revision)
        });
        let mut columns = Columns { values: Vec::with_capacity(kept.len()), ..Columns::default() };
        for Kept { reading, recorded } in kept {
            columns.push(reading.start_second(), reading.duration_secs, reading.value, reading.revision, recorded);
        }
        columns
    }

    /// Packs readings of revision 0 in order of time, all recorded in one second: what bulk ingest mostly brings.
    pub fn of_originals(readings: &[Reading], recorded: i64) -> Self {
        let mut columns = Columns {
            stretches: Vec::new(),
            values: readings.iter().map(|reading| reading.value).collect(),
            originals: readings.len(),
            revisions: Vec::new(),
            recorded: if readings.is_empty() { Vec::new() } else { vec![(recorded, readings.len())] },
        };
        for reading in readings {
            columns.stretch(reading.start_second(), reading.duration_secs);
        }
        columns
    }

    fn stretch(&mut self, start: i64, step: u32) {
        match self.stretches.last_mut() {
            Some(last) if last.step == step && last.start + last.count as i64 * i64::from(step) == start => {
                last.count += 1;
            }
            _ => self.stretches.push(Stretch { start, step, count: 1 }),
        }
    }

    /// Adds a reading after all others in the order of this type.
    pub(crate) fn push(&mut self, start: i64, step: u32, value: i64, revision: u32, recorded: i64) {
        self.stretch(start, step);
        self.values.push(value);
        match revision {
            0 => self.originals += 1,
            revision => self.revisions.push(revision),
        }
        match self.recorded.last_mut() {
            Some((last, count)) if *last == recorded => *count += 1,
            _ => self.recorded.push((recorded, 1)),
        }
    }

    /// How many readings, all revisions counted.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether no reading touches the stretch from `from` to `until`.
    pub fn misses(&self, from: i64, until: i64) -> bool {
        self.stretches.iter().all(|s| until <= s.start || s.start + s.count as i64 * i64::from(s.step) <= from)
    }

    /// All readings, in the order of this type.
    pub fn kept(&self) -> impl Iterator<Item = Kept> + '_ {
        let starts = self.stretches.iter().flat_map(|stretch| {
            (0..stretch.count).map(|i| (stretch.start + i as i64 * i64::from(stretch.step), stretch.step))
        });
        let recorded = self.recorded.iter().flat_map(|(second, count)| std::iter::repeat_n(*second, *count));
        starts.zip(&self.values).zip(recorded).enumerate().filter_map(|(i, (((start, step), value), recorded))| {
            let revision = i.checked_sub(self.originals).map_or(0, |i| self.revisions[i]);
            let start = Timestamp::from_second(start).ok()?; // `decode` and acceptance keep to the range of time
            Some(Kept { reading: Reading { start, duration_secs: step, value: *value, revision }, recorded })
        })
    }

    /// The readings in force as runs, where nothing is corrected and all was recorded by `known_at`; `None` otherwise.
    fn plain_runs(&self, known_at: i64) -> Option<Vec<Run<'_>>> {
        if self.originals < self.values.len() || self.recorded.iter().any(|(second, _)| *second > known_at) {
            return None;
        }
        let mut rest = &self.values[..];
        Some(
            self.stretches
                .iter()
                .map(|stretch| {
                    let (now, later) = rest.split_at(stretch.count);
                    rest = later;
                    Run { start: stretch.start, step: stretch.step, values: Cow::Borrowed(now) }
                })
                .collect(),
        )
    }

    /// The bytes: all numbers little-endian base-128 (LEB128), signed ones zigzag.
    ///
    /// Layout: 1 (version); rows; originals; stretches: how many, and each start − end of the last, step, count;
    /// revisions; recorded: how many, and each second − the last, count; codec (0 = differences one by one, 1 = pcodec);
    /// values.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![1];
        put(&mut bytes, self.values.len() as u64);
        put(&mut bytes, self.originals as u64);
        put(&mut bytes, self.stretches.len() as u64);
        let mut last = 0i64;
        for stretch in &self.stretches {
            put_signed(&mut bytes, stretch.start.wrapping_sub(last));
            put(&mut bytes, u64::from(stretch.step));
            put(&mut bytes, stretch.count as u64);
            last = stretch.start + stretch.count as i64 * i64::from(stretch.step);
        }
        for revision in &self.revisions {
            put(&mut bytes, u64::from(*revision));
        }
        put(&mut bytes, self.recorded.len() as u64);
        let mut last = 0i64;
        for (second, count) in &self.recorded {
            put_signed(&mut bytes, second.wrapping_sub(last));
            put(&mut bytes, *count as u64);
            last = *second;
        }
        let compressed = (self.values.len() >= LEAST_COMPRESSED)
            .then(|| pco::standalone::simple_compress(&self.values, &codec(&self.values)).ok())
            .flatten();
        match compressed {
            Some(compressed) => {
                bytes.push(1);
                bytes.extend_from_slice(&compressed);
            }
            None => {
                bytes.push(0);
                let mut last = 0i64;
                for value in &self.values {
                    put_signed(&mut bytes, value.wrapping_sub(last));
                    last = *value;
                }
            }
        }
        bytes
    }

    /// Reads what [`Columns::encode`] wrote.
    ///
    /// # Errors
    /// [`PackError`]: nothing is guessed, and no length is believed that the bytes cannot hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackError> {
        let mut input = Input(bytes);
        if input.byte()? != 1 {
            return Err(damaged("another version"));
        }
        let rows = input.count()?;
        let originals = input.count()?;
        if originals > rows {
            return Err(damaged("more originals than rows"));
        }
        let mut stretches = Vec::new();
        let (mut covered, mut last) = (0usize, 0i64);
        for _ in 0..input.count()? {
            let start = last.wrapping_add(input.signed()?);
            let step = u32::try_from(input.unsigned()?).ok().filter(|step| (1..=MAX_STEP_SECS).contains(step));
            let step = step.ok_or_else(|| damaged("an interval's length"))?;
            let count = input.count()?;
            covered += count; // each at most MAX_ROWS, and no more of them than that
            let end = start.checked_add(count as i64 * i64::from(step));
            last = end.filter(|end| in_time(start) && in_time(*end)).ok_or_else(|| damaged("a time"))?;
            stretches.push(Stretch { start, step, count });
        }
        if covered != rows {
            return Err(damaged("the stretches do not cover the rows"));
        }
        let mut revisions = Vec::new();
        for _ in originals..rows {
            let revision = u32::try_from(input.unsigned()?).ok().filter(|revision| *revision > 0);
            revisions.push(revision.ok_or_else(|| damaged("a revision"))?);
        }
        let mut recorded = Vec::new();
        let (mut covered, mut last) = (0usize, 0i64);
        for _ in 0..input.count()? {
            last = last.wrapping_add(input.signed()?);
            let count = input.count()?;
            covered += count;
            recorded.push((last, count));
        }
        if covered != rows {
            return Err(damaged("the times of recording do not cover the rows"));
        }
        let values = match input.byte()? {
            1 => pco::standalone::simple_decompress::<i64>(input.0).map_err(|error| damaged(error.to_string()))?,
            0 => {
                let mut last = 0i64;
                let mut values = Vec::with_capacity(rows.min(input.0.len()));
                for _ in 0..rows {
                    last = last.wrapping_add(input.signed()?);
                    values.push(last);
                }
                match input.0.is_empty() {
                    true => values,
                    false => return Err(damaged("bytes follow the values")),
                }
            }
            _ => return Err(damaged("another codec")),
        };
        if values.len() != rows {
            return Err(damaged("another number of values than rows"));
        }
        Ok(Columns { stretches, values, originals, revisions, recorded })
    }
}

/// The readings in force of several pieces as runs in order of time, as they were known at `known_at`, and handed to
/// `take`. Pieces in order of time and without corrections are not copied.
pub fn in_force<T>(pieces: &[Columns], known_at: i64, take: impl FnOnce(&mut dyn Iterator<Item = Run<'_>>) -> T) -> T {
    let plain: Option<Vec<Vec<Run<'_>>>> = pieces.iter().map(|piece| piece.plain_runs(known_at)).collect();
    if let Some(runs) = plain.map(|runs| runs.into_iter().flatten().collect::<Vec<_>>())
        && runs.windows(2).all(|pair| pair[0].start < pair[1].start)
    {
        return take(&mut runs.into_iter());
    }
    let mut columns = Columns::default();
    for reading in readings_in_force(pieces, known_at) {
        columns.push(reading.start_second(), reading.duration_secs, reading.value, 0, 0);
    }
    let runs = columns.plain_runs(0).unwrap_or_default();
    take(&mut runs.into_iter())
}

/// The readings in force of several pieces, in order of time, as they were known at `known_at`.
pub fn readings_in_force(pieces: &[Columns], known_at: i64) -> Vec<Reading> {
    let mut known: Vec<Reading> = pieces
        .iter()
        .flat_map(Columns::kept)
        .filter(|kept| kept.recorded <= known_at)
        .map(|kept| kept.reading)
        .collect();
    // Latest revision first within a start, of which the first stays.
    known.sort_unstable_by_key(|reading| (reading.start, std::cmp::Reverse(reading.revision)));
    known.dedup_by_key(|reading| reading.start);
    known
}

/// How values are compressed. What the codec would find out by trial (two thirds of its time) is decided here: integers as
/// they are, and differences where consecutive values lie closer to each other than to their mean. Level 4 is within 3 % of
/// level 8 at twice the speed, on the quarter hours of a steel plant.
fn codec(values: &[i64]) -> pco::ChunkConfig {
    let mean = values.iter().map(|value| i128::from(*value)).sum::<i128>() / values.len().max(1) as i128;
    let spread: i128 = values.iter().map(|value| (i128::from(*value) - mean).abs()).sum();
    let change: i128 = values.windows(2).map(|pair| (i128::from(pair[1]) - i128::from(pair[0])).abs()).sum();
    let delta = if change < spread { pco::DeltaSpec::TryConsecutive(1) } else { pco::DeltaSpec::NoOp };
    pco::ChunkConfig::default().with_compression_level(4).with_mode_spec(pco::ModeSpec::Classic).with_delta_spec(delta)
}

fn in_time(second: i64) -> bool {
    Timestamp::from_second(second).is_ok()
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, PackError> {
        let (first, rest) = self.0.split_first().ok_or_else(|| damaged("they end early"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn unsigned(&mut self) -> Result<u64, PackError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number of more than 64 bits"))
    }

    fn signed(&mut self) -> Result<i64, PackError> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn count(&mut self) -> Result<usize, PackError> {
        let count = usize::try_from(self.unsigned()?).ok().filter(|count| *count <= MAX_ROWS);
        count.ok_or_else(|| damaged(format!("more than {MAX_ROWS} of something")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn kept() -> impl Strategy<Value = Kept> {
        (0i64..400, 0u32..3, any::<i64>(), 0i64..5).prop_map(|(slot, revision, value, recorded)| Kept {
            reading: Reading {
                start: Timestamp::from_second(1_600_000_000 + 900 * slot).unwrap(),
                duration_secs: 900,
                value,
                revision,
            },
            recorded,
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(mut rows in proptest::collection::vec(kept(), 0..300)) {
            rows.sort_by_key(|kept| (kept.reading.revision > 0, kept.reading.start, kept.reading.revision));
            rows.dedup_by_key(|kept| (kept.reading.start, kept.reading.revision));
            let columns = Columns::new(rows.clone());
            let originals: Vec<Reading> = rows.iter().map(|kept| kept.reading).filter(|r| r.revision == 0).collect();
            let again = originals.iter().map(|reading| Kept { reading: *reading, recorded: 7 }).collect();
            prop_assert_eq!(Columns::of_originals(&originals, 7), Columns::new(again));
            let read = Columns::decode(&columns.encode()).unwrap();
            prop_assert_eq!(read.kept().collect::<Vec<_>>(), rows);
            prop_assert_eq!(read, columns);
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_panic(
            rows in proptest::collection::vec(kept(), 0..120),
            at in any::<proptest::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut bytes = Columns::new(rows).encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(columns) = Columns::decode(&bytes) {
                let _all = columns.kept().count();
            }
            let _cut = Columns::decode(&bytes[..at]);
        }

        /// The state at any time is what a plain map of the readings recorded by then holds.
        #[test]
        fn any_earlier_state(rows in proptest::collection::vec(kept(), 0..200), cut in 0usize..200, known_at in 0i64..6) {
            let mut unique = BTreeMap::new();
            for kept in rows {
                unique.entry((kept.reading.start_second(), kept.reading.revision)).or_insert(kept);
            }
            let rows: Vec<Kept> = unique.into_values().collect();
            let (a, b) = rows.split_at(cut.min(rows.len()));
            let pieces = [Columns::new(a.to_vec()), Columns::new(b.to_vec())];
            let mut plain: BTreeMap<i64, (u32, i64)> = BTreeMap::new();
            for kept in rows.iter().filter(|kept| kept.recorded <= known_at) {
                let (start, found) = (kept.reading.start_second(), (kept.reading.revision, kept.reading.value));
                if plain.get(&start).is_none_or(|held| held.0 < found.0) {
                    plain.insert(start, found);
                }
            }
            let found = in_force(&pieces, known_at, |runs| {
                runs.flat_map(|run| {
                    let (start, step) = (run.start, i64::from(run.step));
                    run.values.into_owned().into_iter().enumerate().map(move |(i, v)| (start + i as i64 * step, v))
                })
                .collect::<Vec<_>>()
            });
            prop_assert_eq!(found, plain.into_iter().map(|(start, (_, value))| (start, value)).collect::<Vec<_>>());
        }
    }
}
