//! Readings as rows: `start second, revision` -> `duration, value`, in the part of their instrument.

use jiff::Timestamp;
use metering::Acceptance;
use record::instrument::{Instrument, Period};
use record::reading::{AcceptanceReport, MAX_STEP_SECS, Reading, ReadingBatch};
use runtime::{Clock, Refusal};
use store::{Batch, Check, Committed, Direction, MAX_PAGE_ROWS, Namespace, Part, RegistryStore, keys};

use crate::error;

/// Readings in one batch of the store: each brings a check and a row.
const CHUNK: usize = store::MAX_BATCH_ROWS / 2;
/// How often a batch is judged again because another stream wrote to the same instrument meanwhile.
const ATTEMPTS: usize = 8;

/// The part of an instrument.
pub fn part(instrument: &str) -> Result<Part, Refusal> {
    Part::instrument(instrument).ok_or_else(|| Refusal::not_found(error::DOMAIN, "instrument", instrument))
}

fn value(reading: &Reading) -> Vec<u8> {
    [&reading.duration_secs.to_be_bytes()[..], &reading.value.to_be_bytes()[..]].concat()
}

fn read(key: &[u8], row: &[u8]) -> Option<Reading> {
    let (start, revision) = keys::parse_reading(key)?;
    let (duration, value) = row.split_at_checked(4)?;
    Some(Reading {
        start: Timestamp::from_second(start).ok()?,
        duration_secs: u32::from_be_bytes(duration.try_into().ok()?),
        value: i64::from_be_bytes(value.try_into().ok()?),
        revision,
    })
}

/// All revisions of all readings with `from <= start < until`, in order of start and revision; at most `bound`.
/// `None` when there are more.
pub async fn stored(
    store: &dyn RegistryStore,
    instrument: &str,
    from: i64,
    until: i64,
    bound: usize,
) -> Result<Option<Vec<Reading>>, Refusal> {
    let part = part(instrument)?;
    let (mut start, end) = (keys::reading(from, 0), keys::reading(until, 0));
    let mut found = Vec::new();
    loop {
        let page = store
            .scan(&part, Namespace::Reading, start..end.clone(), MAX_PAGE_ROWS, Direction::Forward)
            .await
            .map_err(error::store)?;
        for (key, row) in &page.rows {
            let reading = read(key, row);
            found.push(reading.ok_or_else(|| Refusal::internal(error::DOMAIN, "a reading cannot be read"))?);
        }
        if found.len() > bound {
            return Ok(None);
        }
        match page.resume {
            Some(next) => start = next,
            None => return Ok(Some(found)),
        }
    }
}

/// The readings in force: the highest revision of each start. Input in order of start and revision.
pub fn in_force(readings: Vec<Reading>) -> Vec<Reading> {
    let mut latest: Vec<Reading> = Vec::with_capacity(readings.len());
    for reading in readings {
        match latest.last_mut() {
            Some(last) if last.start == reading.start => *last = reading,
            _ => latest.push(reading),
        }
    }
    latest
}

/// Those of a period.
pub async fn of_period(
    store: &dyn RegistryStore,
    instrument: &str,
    period: &Period,
    bound: usize,
) -> Result<Option<Vec<Reading>>, Refusal> {
    let (from, until) = (period.start.as_second(), period.end.as_second());
    Ok(stored(store, instrument, from, until, bound).await?.map(in_force))
}

/// Judges a batch and keeps what is new. Everything in the report is durable when this returns; a chunk that another
/// stream came between is judged again.
pub async fn ingest(
    store: &dyn RegistryStore,
    clock: &Clock,
    skew_secs: u32,
    instrument: &Instrument,
    batch: &ReadingBatch,
) -> Result<AcceptanceReport, Refusal> {
    let part = part(&instrument.name)?;
    let first = batch.start.as_second();
    let span = i64::from(batch.step_secs).saturating_mul(batch.values.len() as i64);
    let from = first.saturating_sub(i64::from(MAX_STEP_SECS));
    let until = first.saturating_add(span).saturating_add(1);
    let mut kept: Option<AcceptanceReport> = None;
    for _ in 0..ATTEMPTS {
        let before = stored(store, &instrument.name, from, until, usize::MAX).await?.unwrap_or_default();
        let now = metering::Clock { now: (clock)(), skew_secs };
        let Acceptance { report, new } = metering::accept(Some(instrument), &before, batch, now);
        // What an earlier attempt kept counts as kept by this request, not as a duplicate.
        let first_report = kept.get_or_insert(report);
        let mut conflict = false;
        for chunk in new.chunks(CHUNK) {
            let mut rows = Batch::new();
            for reading in chunk {
                let key = keys::reading(reading.start_second(), reading.revision);
                rows.check(Check::Absent(Namespace::Reading, key.clone()));
                rows.put(Namespace::Reading, key, value(reading));
            }
            match store.commit(&part, rows).await.map_err(error::store)? {
                Committed::Yes(_) => {}
                // Judge again against what is there now; natural keys make that safe.
                Committed::Conflict(_) | Committed::Unknown => {
                    conflict = true;
                    break;
                }
                Committed::Fenced => return Err(Refusal::internal(error::DOMAIN, "a reading was fenced")),
            }
        }
        if !conflict {
            return Ok(first_report.clone());
        }
    }
    Err(error::store(store::StoreError::Unavailable("too many streams write to this instrument".into())))
}
