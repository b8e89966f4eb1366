//! Which rows of a batch become readings.

use std::collections::BTreeMap;

use cose::key::PublicKey;
use jiff::Timestamp;
use record::instrument::{Instrument, Period};
use record::reading::{
    AcceptanceReport, MAX_BATCH_ROWS, MAX_SIGNED_ROWS, MAX_STEP_SECS, Reading, ReadingBatch, RowReason, RowRefusal,
};

use crate::gaps::gaps;

/// The time at acceptance, and how far ahead of it an interval may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Allowance for an instrument's clock, in seconds.
    pub skew_secs: u32,
}

/// The report of a batch, and the readings to store because of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// What became of the rows.
    pub report: AcceptanceReport,
    /// New readings and new revisions, by time. Nothing else needs to be written.
    pub new: Vec<Reading>,
}

/// Holds a batch against an instrument (`None` when its name is not known) and what is stored of it.
///
/// `stored` is every revision of every reading whose interval touches the batch's span, in any order. A value equal to
/// *any* stored revision of its interval is a duplicate, so that the late retry of a batch that has since been corrected
/// does not undo the correction; unless the batch restates: then only what is in force is the same again.
pub fn accept(instrument: Option<&Instrument>, stored: &[Reading], batch: &ReadingBatch, clock: Clock) -> Acceptance {
    let mut acceptance = Acceptance::default();
    if let Some(reason) = whole_batch(instrument, batch) {
        let count = batch.values.len().min(u32::MAX as usize) as u32;
        acceptance.report.refused.push(RowRefusal { row: 0, count, reason });
        return acceptance;
    }
    // `whole_batch` refuses a batch without instrument.
    let Some(instrument) = instrument else { return acceptance };
    let latest_end = clock.now.as_second().saturating_add(i64::from(clock.skew_secs));
    if stored.is_empty()
        && let Some(new) = all_new(instrument, batch, latest_end)
    {
        acceptance.report.accepted = new.len() as u32; // at most MAX_BATCH_ROWS
        acceptance.new = new;
        return acceptance;
    }
    let mut known: BTreeMap<i64, Vec<Reading>> = BTreeMap::new();
    for reading in stored {
        known.entry(reading.start_second()).or_default().push(*reading);
    }
    let report = &mut acceptance.report;
    for (row, (start_second, value)) in batch.starts().zip(&batch.values).enumerate() {
        let row = row as u32; // at most MAX_BATCH_ROWS
        let Some(value) = *value else {
            report.missing += 1;
            continue;
        };
        match judge(instrument, &known, (start_second, batch.step_secs), (value, batch.restate), latest_end) {
            Ok(Row::Duplicate) => report.duplicate += 1,
            Ok(Row::Superseded) => {
                report.duplicate += 1;
                report.superseded += 1;
            }
            Ok(Row::New(reading)) => {
                if reading.revision == 0 {
                    report.accepted += 1;
                } else {
                    report.revised += 1;
                }
                known.entry(start_second).or_default().push(reading);
                acceptance.new.push(reading);
            }
            Err(reason) => refuse(&mut report.refused, row, reason),
        }
    }
    if let Ok(end) = Timestamp::from_second(batch.end_second()) {
        let covered = known.values().filter_map(|revisions| revisions.first()).copied();
        report.gaps = gaps(covered, &Period { start: batch.start, end });
    }
    acceptance
}

/// The readings of a batch of which every row is there, in range and in place, where nothing is stored: what bulk
/// ingest mostly sends. `None` when a row needs a look of its own.
fn all_new(instrument: &Instrument, batch: &ReadingBatch, latest_end: i64) -> Option<Vec<Reading>> {
    let end = Timestamp::from_second(batch.end_second()).ok()?;
    if !batch.deltas.is_empty() || batch.end_second() > latest_end || !instrument.stood(batch.start, end) {
        return None;
    }
    let bound = instrument.register.bound();
    let mut new = Vec::with_capacity(batch.values.len());
    for (start, value) in batch.starts().zip(&batch.values) {
        let value = value.filter(|value| (0..bound).contains(value))?;
        // Between the start and the end of the batch, which are times.
        let start = Timestamp::from_second(start).ok()?;
        new.push(Reading { start, duration_secs: batch.step_secs, value, revision: 0 });
    }
    Some(new)
}

enum Row {
    Duplicate,
    /// The same as an earlier revision.
    Superseded,
    New(Reading),
}

fn whole_batch(instrument: Option<&Instrument>, batch: &ReadingBatch) -> Option<RowReason> {
    let Some(instrument) = instrument.filter(|instrument| instrument.name == batch.instrument) else {
        return Some(RowReason::UnknownInstrument { instrument: batch.instrument.chars().take(200).collect() });
    };
    if batch.values.len() > MAX_BATCH_ROWS {
        return Some(RowReason::TooManyRows);
    }
    if batch.unit != instrument.unit {
        return Some(RowReason::WrongUnit { expected: instrument.unit, found: batch.unit });
    }
    if batch.resolution.to_f64() != instrument.resolution.to_f64() {
        let (expected, found) = (instrument.resolution.clone(), batch.resolution.clone());
        return Some(RowReason::WrongResolution { expected, found });
    }
    if !batch.signature.is_empty() {
        let Some(key) = &instrument.signing_key else { return Some(RowReason::NoSigningKey) };
        if batch.values.len() > MAX_SIGNED_ROWS {
            return Some(RowReason::TooManySignedRows);
        }
        if !signed(key, batch) {
            return Some(RowReason::BadSignature);
        }
    }
    let fits = batch.deltas.len() + 1 == batch.values.len() && batch.deltas.iter().all(|d| *d >= batch.step_secs);
    if !batch.deltas.is_empty() && !fits {
        return Some(RowReason::BadDeltas { step_secs: batch.step_secs });
    }
    let whole = batch.start.subsec_nanosecond() == 0 && (1..=MAX_STEP_SECS).contains(&batch.step_secs);
    (!whole).then_some(RowReason::BadInterval { start: batch.start, step_secs: batch.step_secs })
}

/// Whether the device that holds the key of this JWK signed the batch.
fn signed(jwk: &str, batch: &ReadingBatch) -> bool {
    let Ok(key) = PublicKey::from_jwk(jwk) else { return false };
    let Some(algorithm) = key.kind().emitted() else { return false };
    key.verify(algorithm, &batch.signed_bytes(), &batch.signature).is_ok()
}

fn judge(
    instrument: &Instrument,
    known: &BTreeMap<i64, Vec<Reading>>,
    (start_second, duration_secs): (i64, u32),
    (value, restate): (i64, bool),
    latest_end: i64,
) -> Result<Row, RowReason> {
    let end_second = start_second + i64::from(duration_secs);
    let times = Timestamp::from_second(start_second).ok().zip(Timestamp::from_second(end_second).ok());
    let Some((start, end)) = times else {
        // Beyond the year 9999.
        let latest = Timestamp::from_second(latest_end).unwrap_or(Timestamp::MAX);
        return Err(RowReason::Future { end: Timestamp::MAX, latest });
    };
    if end_second > latest_end {
        let latest = Timestamp::from_second(latest_end).unwrap_or(Timestamp::MAX);
        return Err(RowReason::Future { end, latest });
    }
    if !instrument.stood(start, end) {
        return Err(RowReason::NotPlaced { start });
    }
    let bound = instrument.register.bound();
    if !(0..bound).contains(&value) {
        return Err(RowReason::OutOfRange { value, bound });
    }
    if let Some(revisions) = known.get(&start_second) {
        if let Some(other) = revisions.iter().find(|stored| stored.duration_secs != duration_secs) {
            return Err(RowReason::Overlap { start, stored: other.start });
        }
        let in_force = revisions.iter().max_by_key(|stored| stored.revision);
        if in_force.is_some_and(|stored| stored.value == value) {
            return Ok(Row::Duplicate);
        }
        if !restate && revisions.iter().any(|stored| stored.value == value) {
            return Ok(Row::Superseded);
        }
    }
    let before = known.range(..start_second).next_back().and_then(|(_, stored)| stored.first());
    if let Some(stored) = before.filter(|stored| stored.end_second() > start_second) {
        return Err(RowReason::Overlap { start, stored: stored.start });
    }
    let after = known.range(start_second + 1..).next().and_then(|(_, stored)| stored.first());
    if let Some(stored) = after.filter(|stored| stored.start_second() < end_second) {
        return Err(RowReason::Overlap { start, stored: stored.start });
    }
    let last = known.get(&start_second).and_then(|revisions| revisions.iter().map(|stored| stored.revision).max());
    let revision = match last {
        None => 0,
        Some(last) => last.checked_add(1).ok_or(RowReason::TooManyRevisions { start })?,
    };
    Ok(Row::New(Reading { start, duration_secs, value, revision }))
}

/// Adds a refused row, joined to the one before it when both have one reason.
fn refuse(refused: &mut Vec<RowRefusal>, row: u32, reason: RowReason) {
    match refused.last_mut() {
        Some(last) if last.row + last.count == row && last.reason == reason => last.count += 1,
        _ => refused.push(RowRefusal { row, count: 1, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quantity::Unit;
    use record::instrument::{InstrumentKind, Measurand, Placement, Register};

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn meter() -> Instrument {
        Instrument {
            name: "organizations/o/sites/s/instruments/main-meter".to_owned(),
            kind: InstrumentKind::ElectricityMeter,
            serial_number: "1".to_owned(),
            measurand: Measurand::ElectricityImport,
            unit: Unit::Kilowatthour,
            register: Register::Interval { maximum: 1000 },
            resolution: "0.01".parse().unwrap(),
            multiplier: None,
            accuracy_class: None,
            max_permissible_error_percent: None,
            placements: vec![Placement { location: "hall".into(), start: time("2023-01-01T00:00:00Z"), end: None }],
            replaces: None,
            signing_key: None,
        }
    }

    fn batch(start: &str, step_secs: u32, values: Vec<Option<i64>>) -> ReadingBatch {
        let meter = meter();
        ReadingBatch {
            instrument: meter.name,
            unit: meter.unit,
            resolution: meter.resolution,
            start: time(start),
            step_secs,
            deltas: Vec::new(),
            values,
            signature: Vec::new(),
            restate: false,
        }
    }

    fn clock() -> Clock {
        Clock { now: time("2023-02-01T00:00:00Z"), skew_secs: 60 }
    }

    #[test]
    fn each_row_for_itself() {
        let meter = meter();
        let first = batch("2023-01-01T00:00:00Z", 900, vec![Some(1), Some(-1), None, Some(1001), Some(4)]);
        let accepted = accept(Some(&meter), &[], &first, clock());
        assert_eq!((accepted.report.accepted, accepted.report.missing, accepted.report.refused.len()), (2, 1, 2));
        assert_eq!(accepted.report.gaps.len(), 1);
        assert_eq!(accepted.report.gaps[0].end, time("2023-01-01T01:00:00Z"));

        // The same again: nothing new. Another value: a revision, and the late retry does not undo it.
        let stored = accepted.new;
        let again = accept(Some(&meter), &stored, &first, clock());
        assert_eq!((again.report.duplicate, again.new.len()), (2, 0));
        let corrected = accept(Some(&meter), &stored, &batch("2023-01-01T00:00:00Z", 900, vec![Some(2)]), clock());
        assert_eq!((corrected.report.revised, corrected.new[0].revision), (1, 1));
        let all = [stored, corrected.new].concat();
        let late = accept(Some(&meter), &all, &first, clock());
        assert_eq!((late.report.duplicate, late.report.superseded, late.new.len()), (2, 1, 0));
        // Who says so puts it back, once: the same again is the same again.
        let restated = ReadingBatch { restate: true, ..first };
        let back = accept(Some(&meter), &all, &restated, clock());
        assert_eq!((back.report.duplicate, back.report.superseded, back.report.revised), (1, 0, 1));
        assert_eq!((back.new[0].value, back.new[0].revision), (1, 2));
        let all = [all, back.new].concat();
        assert!(accept(Some(&meter), &all, &restated, clock()).new.is_empty());
    }

    #[test]
    fn whole_batches_are_refused_with_their_reason() {
        let meter = meter();
        let good = batch("2023-01-01T00:00:00Z", 900, vec![Some(1); 3]);
        let reason = |instrument: Option<&Instrument>, batch: &ReadingBatch| {
            let accepted = accept(instrument, &[], batch, clock());
            assert!(accepted.new.is_empty());
            accepted.report.refused[0].reason.clone()
        };
        assert!(matches!(reason(None, &good), RowReason::UnknownInstrument { .. }));
        let wrong = ReadingBatch { unit: Unit::Megawatthour, ..good.clone() };
        assert!(matches!(reason(Some(&meter), &wrong), RowReason::WrongUnit { .. }));
        let wrong = ReadingBatch { resolution: "0.1".parse().unwrap(), ..good.clone() };
        assert!(matches!(reason(Some(&meter), &wrong), RowReason::WrongResolution { .. }));
        let wrong = ReadingBatch { step_secs: 0, ..good.clone() };
        assert!(matches!(reason(Some(&meter), &wrong), RowReason::BadInterval { .. }));
        let wrong = ReadingBatch { start: time("2023-01-31T23:45:00Z"), ..good.clone() };
        let late = accept(Some(&meter), &[], &wrong, clock());
        assert_eq!((late.report.accepted, late.report.refused.len()), (1, 2));
        assert!(matches!(late.report.refused[0].reason, RowReason::Future { .. }));
        let wrong = ReadingBatch { start: Timestamp::MAX, ..good.clone() };
        assert!(matches!(reason(Some(&meter), &wrong), RowReason::BadInterval { .. } | RowReason::Future { .. }));
        let wrong = ReadingBatch { start: time("2022-12-31T23:45:00Z"), ..good };
        assert!(matches!(
            accept(Some(&meter), &[], &wrong, clock()).report.refused[0].reason,
            RowReason::NotPlaced { .. }
        ));
    }

    #[test]
    fn overlap_names_the_stored_interval() {
        let meter = meter();
        let stored = accept(Some(&meter), &[], &batch("2023-01-01T00:00:00Z", 3600, vec![Some(1)]), clock()).new;
        for (start, step) in
            [("2023-01-01T00:15:00Z", 900), ("2022-12-31T23:59:59Z", 900), ("2023-01-01T00:00:00Z", 900)]
        {
            let mut meter = meter.clone();
            meter.placements[0].start = Timestamp::UNIX_EPOCH;
            let refused = accept(Some(&meter), &stored, &batch(start, step, vec![Some(1)]), clock());
            assert!(matches!(refused.report.refused[0].reason, RowReason::Overlap { .. }), "{start}");
        }
    }

    proptest! {
        /// Batches cut from one truth, in any order and repeated any number of times, leave the same state.
        #[test]
        fn any_retry_order_gives_one_state(
            cuts in proptest::collection::vec((0usize..96, 1usize..40), 1..8),
            order in proptest::collection::vec(0usize..8, 1..30),
        ) {
            let meter = meter();
            let truth: Vec<Option<i64>> = (0..200).map(|i| (i % 7 != 0).then_some(i * 3 % 100)).collect();
            let day = time("2023-01-02T00:00:00Z").as_second();
            let batches: Vec<ReadingBatch> = cuts
                .iter()
                .map(|(from, length)| {
                    let mut cut = batch("2023-01-01T00:00:00Z", 900, truth[*from..from + length].to_vec());
                    cut.start = Timestamp::from_second(day + 900 * *from as i64).unwrap();
                    cut
                })
                .collect();
            let run = |order: &mut dyn Iterator<Item = usize>| {
                let mut stored: Vec<Reading> = Vec::new();
                for index in order {
                    let accepted = accept(Some(&meter), &stored, &batches[index % batches.len()], clock());
                    stored.extend(accepted.new);
                }
                stored.sort();
                stored
            };
            let all = 0..batches.len();
            let plain = run(&mut all.clone());
            let shuffled = run(&mut order.iter().copied().chain(all));
            prop_assert_eq!(plain, shuffled);
        }
    }
}
