//! Evidence of a site and period: everything a footprint rests on, complete enough for anyone to recompute it, and the
//! exact bytes of what is digested.
//!
//! The Merkle root over these digests is computed in `metering`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use quantity::Unit;
use serde::{Deserialize, Serialize};

use crate::calibration::{Calibration, Inspection};
use crate::instrument::{Instrument, MAX_PERIOD_DAYS, Period, Violation};
use crate::name;
use crate::reading::{
    Direction, GasConversion, LaboratoryAnalysis, MAX_STEP_SECS, Reading, StockRecord, WeighbridgeRecord,
};

/// Largest evidence file read.
pub const MAX_BYTES: usize = 64 << 20;

/// Most instruments, calibrations of an instrument, or series of an instrument.
pub const MAX_INSTRUMENTS: usize = 1_000;

/// Most weighbridge records, stocks or analyses.
pub const MAX_RECORDS: usize = 200_000;

/// Most intervals of one series.
pub const MAX_SERIES: usize = 1_000_000;

/// Value of the `format` member of an evidence file.
pub const FORMAT: &str = "touchstone-evidence-1";

/// The readings of an instrument in force (their latest revisions), on a strict grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Series {
    /// Start of the first interval.
    pub start: Timestamp,
    /// Length of each interval.
    pub step_secs: u32,
    /// Values in units of the register's resolution; `null` is missing.
    pub values: Vec<Option<i64>>,
    /// Revision of the values that were corrected, by index; all others are revision 0.
    pub revisions: BTreeMap<u32, u32>,
}

impl Series {
    /// Groups readings (in any order, one a start) into series of equal, consecutive intervals. Readings further apart
    /// than `max_missing` intervals begin a new series.
    pub fn collect(readings: &[Reading], max_missing: usize) -> Vec<Series> {
        let mut sorted: Vec<&Reading> = readings.iter().collect();
        sorted.sort();
        let mut series: Vec<Series> = Vec::new();
        for reading in sorted {
            let fits = series.last_mut().filter(|last| last.step_secs == reading.duration_secs).and_then(|last| {
                let offset = reading.start_second() - last.start.as_second();
                let step = i64::from(last.step_secs.max(1));
                let index = usize::try_from(offset / step).ok()?;
                let missing = index.checked_sub(last.values.len())?;
                (offset % step == 0 && missing <= max_missing && index < MAX_SERIES).then_some((last, index))
            });
            match fits {
                Some((last, index)) => {
                    last.values.resize(index, None);
                    last.values.push(Some(reading.value));
                    if reading.revision > 0 {
                        // index < MAX_SERIES.
                        last.revisions.insert(index as u32, reading.revision);
                    }
                }
                None => series.push(Series {
                    start: reading.start,
                    step_secs: reading.duration_secs,
                    values: vec![Some(reading.value)],
                    revisions: (reading.revision > 0).then_some((0, reading.revision)).into_iter().collect(),
                }),
            }
        }
        series
    }

    /// The readings, in order of time. Intervals beyond the range of time are left out; [`Evidence::violations`] names
    /// them.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        self.values.iter().enumerate().filter_map(|(index, value)| {
            let index = u32::try_from(index).ok()?;
            Some(Reading {
                start: self.start_of(index)?,
                duration_secs: self.step_secs,
                value: (*value)?,
                revision: self.revisions.get(&index).copied().unwrap_or(0),
            })
        })
    }

    /// Start of interval `index`, unless it is beyond the range of time.
    pub fn start_of(&self, index: u32) -> Option<Timestamp> {
        let offset = i64::from(index).checked_mul(i64::from(self.step_secs))?;
        Timestamp::from_second(self.start.as_second().checked_add(offset)?).ok()
    }
}

/// An instrument with its calibrations and readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstrumentEvidence {
    /// The instrument.
    pub instrument: Instrument,
    /// Its calibrations, by certificate id.
    pub calibrations: Vec<Calibration>,
    /// Inspections of its seal and clock, by id.
    pub inspections: Vec<Inspection>,
    /// Conversions of its volumes to reference conditions, by id.
    pub gas_conversions: Vec<GasConversion>,
    /// Its readings in force, by time.
    pub series: Vec<Series>,
}

impl InstrumentEvidence {
    /// The readings of all series, in order of time.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        self.series.iter().flat_map(Series::readings)
    }
}

/// Everything a footprint of a site and period rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// Always [`FORMAT`].
    pub format: String,
    /// Resource name of the site.
    pub site: String,
    /// The period.
    pub period: Period,
    /// Instruments, by name.
    pub instruments: Vec<InstrumentEvidence>,
    /// Weighed loads in the period, by id.
    pub weighbridge: Vec<WeighbridgeRecord>,
    /// Stocks, by id.
    pub stocks: Vec<StockRecord>,
    /// Laboratory analyses, by id.
    pub analyses: Vec<LaboratoryAnalysis>,
}

/// Why a file is not evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Longer than [`MAX_BYTES`].
    #[error("the file has {size} bytes, more than {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON of this schema.
    #[error("line {line}, column {column}: {problem}")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The problem, with the member's name.
        problem: String,
    },
    /// Fields that break the rules, all of them up to 100.
    #[error("{}", .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules {
        /// What is wrong.
        violations: Vec<Violation>,
    },
    /// The same data in another spelling than the one that is digested.
    #[error("not the canonical spelling from byte {offset} on; write it with the tool that exports evidence")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
}

impl Evidence {
    /// Evidence without any record, for figures that are all stated.
    pub fn empty(site: impl Into<String>, period: Period) -> Self {
        Evidence {
            format: FORMAT.to_owned(),
            site: site.into(),
            period,
            instruments: Vec::new(),
            weighbridge: Vec::new(),
            stocks: Vec::new(),
            analyses: Vec::new(),
        }
    }

    /// Puts every list into its order, so that the same records give the same bytes.
    pub fn sort(&mut self) {
        self.instruments.sort_by(|a, b| a.instrument.name.cmp(&b.instrument.name));
        for instrument in &mut self.instruments {
            instrument.calibrations.sort_by(|a, b| a.certificate_id.cmp(&b.certificate_id));
            instrument.inspections.sort_by(|a, b| a.id.cmp(&b.id));
            instrument.gas_conversions.sort_by(|a, b| a.id.cmp(&b.id));
            instrument.series.sort_by_key(|series| series.start);
        }
        self.weighbridge.sort_by(|a, b| a.id.cmp(&b.id));
        self.stocks.sort_by(|a, b| a.id.cmp(&b.id));
        self.analyses.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// The instrument of this name.
    pub fn instrument(&self, name: &str) -> Option<&InstrumentEvidence> {
        self.instruments.iter().find(|found| found.instrument.name == name)
    }

    /// The canonical bytes: JSON, members in the order of the types, no spaces.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::json::write(self)
    }

    /// Reads evidence that has this spelling and keeps all rules.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > MAX_BYTES {
            return Err(EvidenceError::TooLarge { size: bytes.len() });
        }
        let read: Evidence = serde_json::from_slice(bytes).map_err(|error| EvidenceError::Schema {
            line: error.line(),
            column: error.column(),
            problem: error.to_string(),
        })?;
        let violations = read.violations();
        if !violations.is_empty() {
            return Err(EvidenceError::Rules { violations });
        }
        if let Some(offset) = first_difference(&read.to_bytes(), bytes) {
            return Err(EvidenceError::NotCanonical { offset });
        }
        Ok(read)
    }

    /// Rules that the evidence breaks, at most 100 of them: closed references, one record an id, order, bounds, readings
    /// that do not overlap.
    pub fn violations(&self) -> Vec<Violation> {
        const MOST: usize = 100;
        let mut found = Vec::new();
        if self.format != FORMAT {
            found.push(Violation::new("format", format!("must be {FORMAT:?}")));
        }
        if let Err(error) = name::parts(name::SITE, &self.site) {
            found.push(Violation::new("site", error.to_string()));
        }
        found.extend(self.period.violations().into_iter().map(|v| v.within("period")));
        if self.period.secs() > MAX_PERIOD_DAYS * 86_400 {
            found.push(Violation::new("period.end", format!("a period has at most {MAX_PERIOD_DAYS} days")));
        }
        bounded(&mut found, "instruments", self.instruments.len(), MAX_INSTRUMENTS);
        bounded(&mut found, "weighbridge", self.weighbridge.len(), MAX_RECORDS);
        bounded(&mut found, "stocks", self.stocks.len(), MAX_RECORDS);
        bounded(&mut found, "analyses", self.analyses.len(), MAX_RECORDS);
        if !found.is_empty() {
            return found;
        }
        let names: BTreeSet<&str> = self.instruments.iter().map(|i| i.instrument.name.as_str()).collect();
        in_order(&mut found, "instruments", self.instruments.iter().map(|i| i.instrument.name.as_str()));
        for (i, instrument) in self.instruments.iter().enumerate() {
            let path = format!("instruments[{i}]");
            self.check_instrument(&mut found, &path, instrument);
        }
        in_order(&mut found, "weighbridge", self.weighbridge.iter().map(|r| r.id.as_str()));
        for (i, record) in self.weighbridge.iter().enumerate() {
            let path = format!("weighbridge[{i}]");
            found.extend(record.violations().into_iter().map(|v| v.within(&path)));
            if !names.contains(record.instrument.as_str()) {
                found.push(Violation::new(format!("{path}.instrument"), "is not among the instruments"));
            }
            if !self.period.contains(record.time) {
                found.push(Violation::new(format!("{path}.time"), "is outside the period"));
            }
            if found.len() >= MOST {
                break;
            }
        }
        in_order(&mut found, "stocks", self.stocks.iter().map(|r| r.id.as_str()));
        for (i, record) in self.stocks.iter().enumerate() {
            found.extend(record.violations().into_iter().map(|v| v.within(&format!("stocks[{i}]"))));
            if found.len() >= MOST {
                break;
            }
        }
        in_order(&mut found, "analyses", self.analyses.iter().map(|r| r.id.as_str()));
        for (i, record) in self.analyses.iter().enumerate() {
            found.extend(record.violations().into_iter().map(|v| v.within(&format!("analyses[{i}]"))));
            if found.len() >= MOST {
                break;
            }
        }
        found.truncate(MOST);
        found
    }

    fn check_instrument(&self, found: &mut Vec<Violation>, path: &str, evidence: &InstrumentEvidence) {
        let instrument = &evidence.instrument;
        found.extend(instrument.violations().into_iter().map(|v| v.within(path)));
        if !instrument.name.starts_with(&format!("{}/", self.site)) {
            found.push(Violation::new(format!("{path}.instrument.name"), "is not at this site"));
        }
        bounded(found, &format!("{path}.calibrations"), evidence.calibrations.len(), MAX_INSTRUMENTS);
        bounded(found, &format!("{path}.series"), evidence.series.len(), MAX_SERIES);
        in_order(
            found,
            &format!("{path}.calibrations"),
            evidence.calibrations.iter().map(|c| c.certificate_id.as_str()),
        );
        for (j, calibration) in evidence.calibrations.iter().enumerate() {
            found.extend(calibration.violations().into_iter().map(|v| v.within(&format!("{path}.calibrations[{j}]"))));
        }
        bounded(found, &format!("{path}.inspections"), evidence.inspections.len(), MAX_INSTRUMENTS);
        in_order(found, &format!("{path}.inspections"), evidence.inspections.iter().map(|i| i.id.as_str()));
        for (j, inspection) in evidence.inspections.iter().enumerate() {
            found.extend(inspection.violations().into_iter().map(|v| v.within(&format!("{path}.inspections[{j}]"))));
        }
        bounded(found, &format!("{path}.gasConversions"), evidence.gas_conversions.len(), MAX_INSTRUMENTS);
        in_order(found, &format!("{path}.gasConversions"), evidence.gas_conversions.iter().map(|c| c.id.as_str()));
        for (j, conversion) in evidence.gas_conversions.iter().enumerate() {
            found.extend(conversion.violations().into_iter().map(|v| v.within(&format!("{path}.gasConversions[{j}]"))));
        }
        let mut free_from = i64::MIN;
        for (j, series) in evidence.series.iter().enumerate() {
            let path = format!("{path}.series[{j}]");
            let length = series.values.len();
            if !(1..=MAX_STEP_SECS).contains(&series.step_secs) || series.start.subsec_nanosecond() != 0 {
                found.push(Violation::new(format!("{path}.stepSecs"), "needs whole seconds, 1 to a day"));
                continue;
            }
            if length == 0 || length > MAX_SERIES {
                found.push(Violation::new(format!("{path}.values"), format!("needs 1 to {MAX_SERIES} values")));
                continue;
            }
            if series.start.as_second() < free_from {
                found
                    .push(Violation::new(format!("{path}.start"), "overlaps the series before it, or is out of order"));
            }
            // length <= MAX_SERIES.
            if series.start_of(length as u32).is_none() {
                found.push(Violation::new(format!("{path}.values"), "run beyond the range of time"));
                continue;
            }
            free_from = series.start.as_second() + length as i64 * i64::from(series.step_secs);
            let bound = instrument.register.bound();
            if series.values.iter().flatten().any(|value| !(0..bound).contains(value)) {
                found.push(Violation::new(format!("{path}.values"), "hold a value outside the register's range"));
            }
            if series.revisions.iter().any(|(i, r)| *r == 0 || !matches!(series.values.get(*i as usize), Some(Some(_))))
            {
                found.push(Violation::new(format!("{path}.revisions"), "name a missing value, or revision 0"));
            }
        }
    }
}

fn bounded(found: &mut Vec<Violation>, path: &str, length: usize, most: usize) {
    if length > most {
        found.push(Violation::new(path, format!("has {length} records, more than {most}")));
    }
}

fn in_order<'a>(found: &mut Vec<Violation>, path: &str, mut ids: impl Iterator<Item = &'a str>) {
    let mut last = ids.next();
    for id in ids {
        if last.is_some_and(|last| last >= id) {
            found.push(Violation::new(path, format!("must be in order, one record an id: {id:?} is out of place")));
            return;
        }
        last = Some(id);
    }
}

/// First byte at which two spellings differ, `None` when they are the same.
pub(crate) fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    match one.iter().zip(other).position(|(a, b)| a != b) {
        Some(offset) => Some(offset),
        None if one.len() != other.len() => Some(one.len().min(other.len())),
        None => None,
    }
}

/// Opens the bytes of a day block; a change of layout changes it.
pub const DAY_BLOCK_TAG: &[u8] = b"touchstone-day-block-1\n";

/// Seconds of a UTC day.
pub const DAY_SECS: i64 = 86_400;

/// The exact bytes of one instrument's readings of one UTC day: what is digested, and what an auditor is shown.
///
/// All numbers big-endian. `readings` are those whose interval starts on the day, in force, sorted here by time.
pub fn day_block_bytes(instrument: &Instrument, day: i64, readings: &[Reading]) -> Vec<u8> {
    let mut sorted: Vec<&Reading> = readings.iter().filter(|r| r.start_second().div_euclid(DAY_SECS) == day).collect();
    sorted.sort();
    let mut bytes = Vec::with_capacity(DAY_BLOCK_TAG.len() + 256 + sorted.len() * 20);
    bytes.extend_from_slice(DAY_BLOCK_TAG);
    for text in [instrument.name.as_str(), instrument.unit.code(), instrument.resolution.as_str()] {
        // Names and codes are bounded far below 64 KiB; a longer one is cut by its length prefix, never misread.
        let text = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
        bytes.extend_from_slice(&(text.len() as u16).to_be_bytes()); // length
        bytes.extend_from_slice(text); // instrument, unit, resolution
    }
    bytes.extend_from_slice(&day.to_be_bytes()); // days since 1970-01-01
    bytes.extend_from_slice(&(sorted.len() as u32).to_be_bytes()); // readings
    for reading in sorted {
        let offset = reading.start_second().rem_euclid(DAY_SECS) as u32;
        bytes.extend_from_slice(&offset.to_be_bytes()); // start, seconds of the day
        bytes.extend_from_slice(&reading.duration_secs.to_be_bytes()); // duration, seconds
        bytes.extend_from_slice(&reading.value.to_be_bytes()); // value, register units
        bytes.extend_from_slice(&reading.revision.to_be_bytes()); // revision
    }
    bytes
}

/// What a leaf of the evidence tree stands for; opens the bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Site and period: always the first leaf.
    Scope,
    /// [`Instrument`].
    Instrument,
    /// [`Calibration`], under its instrument.
    Calibration,
    /// [`Inspection`], under its instrument.
    Inspection,
    /// [`GasConversion`], under its instrument.
    GasConversion,
    /// [`WeighbridgeRecord`].
    Weighbridge,
    /// [`StockRecord`].
    Stock,
    /// [`LaboratoryAnalysis`].
    Analysis,
}

/// The exact bytes of one record: a tag line that no other kind has, then its canonical JSON.
pub fn record_bytes<T: Serialize>(kind: RecordKind, record: &T) -> Vec<u8> {
    let tag: &[u8] = match kind {
        RecordKind::Scope => b"touchstone-evidence-scope-1\n",
        RecordKind::Instrument => b"touchstone-instrument-1\n",
        RecordKind::Calibration => b"touchstone-calibration-1\n",
        RecordKind::Inspection => b"touchstone-inspection-1\n",
        RecordKind::GasConversion => b"touchstone-gas-conversion-1\n",
        RecordKind::Weighbridge => b"touchstone-weighbridge-1\n",
        RecordKind::Stock => b"touchstone-stock-1\n",
        RecordKind::Analysis => b"touchstone-analysis-1\n",
    };
    [tag, &crate::json::write(record)].concat()
}

/// Which flow of a material is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Opening stock + in − out − closing stock.
    Consumed,
    /// Out − in + closing stock − opening stock.
    Produced,
}

impl Flow {
    /// Sign of a load in this flow.
    pub fn sign(self, direction: Direction) -> i128 {
        match (self, direction) {
            (Flow::Consumed, Direction::In) | (Flow::Produced, Direction::Out) => 1,
            _ => -1,
        }
    }
}

/// Unit of the mass in a flow, so that one evidence gives one unit.
pub const FLOW_UNIT: Unit = Unit::Tonne;
