//! The proof of one day: an instrument's readings of one UTC day, and the path from them to the evidence root. Who is
//! shown it sees that day and nothing else of the year.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use quantity::{Decimal, Unit};
use record::evidence::{DAY_BLOCK_TAG, DAY_SECS, Evidence};
use record::instrument::Sha256;
use record::name;
use record::reading::{MAX_STEP_SECS, Reading};
use serde::{Deserialize, Serialize};
use tlog::proof::{MAX_PROOF_HASHES, root_from_inclusion};
use tlog::tree::{MemoryTree, inclusion_proof};

use crate::archive::first_difference;
use crate::block::{day_blocks, evidence_leaves};

/// Value of the `format` member of a proof.
pub const DAY_PROOF_FORMAT: &str = "touchstone-day-proof-1";
/// Largest proof read: a day of seconds.
pub const MAX_DAY_PROOF_BYTES: usize = 4 << 20;

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Proof {
    format: String,
    evidence_root: Sha256,
    leaf_index: u64,
    leaf_count: u64,
    /// The exact bytes of the day block, in base64.
    block: String,
    /// From the leaf up.
    path: Vec<Sha256>,
}

/// A day of which the readings were proved: made only by [`read_day_proof`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenDay {
    /// The root that the proof leads to: compare it with the one that a footprint statement names.
    pub evidence_root: Sha256,
    /// Which leaf the day is. It says how the path runs and is no figure of the evidence.
    pub leaf_index: u64,
    /// How many leaves the tree has; the same.
    pub leaf_count: u64,
    /// Resource name of the instrument.
    pub instrument: String,
    /// Unit of its register.
    pub unit: Unit,
    /// Readings are whole multiples of it.
    pub resolution: Decimal,
    /// The day, in UTC.
    pub day: Date,
    /// All readings in force whose interval starts on that day, in order of time.
    pub readings: Vec<Reading>,
    /// Their values in the unit, in the same order.
    pub values: Vec<Decimal>,
}

/// Why there is no proof, or a file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DayProofError {
    /// No such instrument in the evidence.
    #[error("{instrument} is not in the evidence; it has {}", known.join(", "))]
    UnknownInstrument {
        /// The name asked for.
        instrument: String,
        /// Instruments that are there.
        known: Vec<String>,
    },
    /// No reading of the instrument starts on the day.
    #[error("no reading of {instrument} starts on {day} in UTC; its first day is {}, its last {}", shown(.first), shown(.last))]
    NoReadings {
        /// The instrument.
        instrument: String,
        /// The day asked for.
        day: Date,
        /// First day with readings.
        first: Option<Date>,
        /// Last day with readings.
        last: Option<Date>,
    },
    /// Longer than [`MAX_DAY_PROOF_BYTES`].
    #[error("a proof has at most {MAX_DAY_PROOF_BYTES} bytes, this file has {size}")]
    TooLarge {
        /// Its length.
        size: usize,
    },
    /// Not JSON of this schema.
    #[error("line {line}, column {column}: {problem}")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// Another format.
    #[error("the format is {found:?}, read is {DAY_PROOF_FORMAT:?}; use the version that wrote it")]
    Format {
        /// The format named.
        found: String,
    },
    /// The block is not the bytes of a day's readings.
    #[error("block: {problem}")]
    Block {
        /// What is wrong.
        problem: &'static str,
    },
    /// The path does not lead from the block to the root.
    #[error("the path does not lead from this day's readings to the evidence root: {0}; obtain the proof again")]
    Path(#[from] tlog::proof::ProofError),
    /// The tree could not be made.
    #[error("no path: {0}")]
    Tree(#[from] tlog::tree::TreeError),
    /// The same in another spelling.
    #[error("not the one spelling of a proof from byte {offset} on; obtain it again, as it was written")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
}

fn shown(day: &Option<Date>) -> String {
    day.map_or_else(|| "none".to_owned(), |day| day.to_string())
}

/// The proof that the evidence holds these readings of an instrument on a day, and no others.
///
/// # Errors
/// [`DayProofError::UnknownInstrument`], [`DayProofError::NoReadings`].
pub fn prove_day(evidence: &Evidence, instrument: &str, day: Date) -> Result<Vec<u8>, DayProofError> {
    let found = evidence.instrument(instrument).ok_or_else(|| DayProofError::UnknownInstrument {
        instrument: instrument.to_owned(),
        known: evidence.instruments.iter().map(|found| found.instrument.name.clone()).collect(),
    })?;
    let blocks = day_blocks(&found.instrument, found.readings());
    let block = blocks.iter().find(|block| date(block.day) == Some(day)).ok_or_else(|| DayProofError::NoReadings {
        instrument: instrument.to_owned(),
        day,
        first: blocks.first().and_then(|block| date(block.day)),
        last: blocks.last().and_then(|block| date(block.day)),
    })?;
    let leaves = evidence_leaves(evidence);
    let tree: MemoryTree = leaves.iter().map(|leaf| tlog::leaf_hash(&leaf.digest.0)).collect();
    // A block names its instrument and day, so no two leaves have one digest, and that of a block is among them.
    let index = leaves.iter().position(|leaf| leaf.digest == block.digest).unwrap_or(leaves.len()) as u64;
    let path = inclusion_proof(&tree, index, tree.size())?;
    Ok(crate::json::pretty(&Proof {
        format: DAY_PROOF_FORMAT.to_owned(),
        evidence_root: Sha256(tree.root(tree.size())?),
        leaf_index: index,
        leaf_count: tree.size(),
        block: STANDARD.encode(&block.bytes),
        path: path.into_iter().map(Sha256).collect(),
    }))
}

/// Reads a proof and checks that it leads from the day's readings to its evidence root (RFC 9162, 2.1.3.2).
///
/// # Errors
/// [`DayProofError`].
pub fn read_day_proof(bytes: &[u8]) -> Result<ProvenDay, DayProofError> {
    /// The member that says how to read the others.
    #[derive(Deserialize)]
    struct Tag {
        format: String,
    }
    if bytes.len() > MAX_DAY_PROOF_BYTES {
        return Err(DayProofError::TooLarge { size: bytes.len() });
    }
    let wrong = |error: serde_json::Error| DayProofError::Schema {
        line: error.line(),
        column: error.column(),
        problem: error.to_string(),
    };
    let Tag { format } = serde_json::from_slice(bytes).map_err(wrong)?;
    if format != DAY_PROOF_FORMAT {
        return Err(DayProofError::Format { found: format });
    }
    let proof: Proof = serde_json::from_slice(bytes).map_err(wrong)?;
    if let Some(offset) = first_difference(&crate::json::pretty(&proof), bytes) {
        return Err(DayProofError::NotCanonical { offset });
    }
    let block = STANDARD.decode(&proof.block).map_err(|_| DayProofError::Block { problem: "is not base64" })?;
    if proof.path.len() > MAX_PROOF_HASHES {
        return Err(tlog::proof::ProofError::Length { hashes: proof.path.len() }.into());
    }
    let leaf = tlog::leaf_hash(&Sha256::of(&block).0);
    let path: Vec<tlog::Hash> = proof.path.iter().map(|hash| hash.0).collect();
    if root_from_inclusion(&leaf, proof.leaf_index, proof.leaf_count, &path)? != proof.evidence_root.0 {
        return Err(tlog::proof::ProofError::RootMismatch.into());
    }
    let Block { instrument, unit, resolution, day, readings } = read_block(&block)?;
    let (mantissa, exponent) = resolution.scaled();
    let value = |reading: &Reading| {
        let value = mantissa.checked_mul(i128::from(reading.value))?;
        Decimal::from_scaled(value, exponent).ok()
    };
    let values: Option<Vec<Decimal>> = readings.iter().map(value).collect();
    let values = values.ok_or(DayProofError::Block { problem: "holds a value beyond any decimal" })?;
    Ok(ProvenDay {
        evidence_root: proof.evidence_root,
        leaf_index: proof.leaf_index,
        leaf_count: proof.leaf_count,
        instrument,
        unit,
        resolution,
        day,
        readings,
        values,
    })
}

struct Block {
    instrument: String,
    unit: Unit,
    resolution: Decimal,
    day: Date,
    readings: Vec<Reading>,
}

fn date(day: i64) -> Option<Date> {
    let midnight = Timestamp::from_second(day.checked_mul(DAY_SECS)?).ok()?;
    Some(midnight.to_zoned(TimeZone::UTC).date())
}

/// Reads what [`record::evidence::day_block_bytes`] wrote: one spelling alone.
fn read_block(bytes: &[u8]) -> Result<Block, DayProofError> {
    let wrong = |problem| DayProofError::Block { problem };
    let mut rest = bytes.strip_prefix(DAY_BLOCK_TAG).ok_or(wrong("does not begin as the bytes of a day"))?;
    let mut text = || {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(wrong("is cut"))?;
        let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(wrong("is cut"))?;
        rest = after;
        std::str::from_utf8(text).map_err(|_| wrong("holds a name that is no text"))
    };
    let (instrument, unit, resolution) = (text()?, text()?, text()?);
    name::parts(name::INSTRUMENT, instrument).map_err(|_| wrong("names no instrument"))?;
    let code: Unit = unit.parse().map_err(|_| wrong("names no unit"))?;
    let step: Decimal = resolution.parse().map_err(|_| wrong("holds a resolution that is no decimal"))?;
    let (day, rest) = rest.split_first_chunk::<8>().ok_or(wrong("is cut"))?;
    let (count, rest) = rest.split_first_chunk::<4>().ok_or(wrong("is cut"))?;
    let (rows, tail) = rest.as_chunks::<20>();
    if rows.len() != u32::from_be_bytes(*count) as usize || !tail.is_empty() || rows.is_empty() {
        return Err(wrong("has another length than its number of readings says"));
    }
    if code.code() != unit || step.as_str() != resolution {
        return Err(wrong("spells its unit or resolution in another way"));
    }
    let day = i64::from_be_bytes(*day);
    let on = date(day).ok_or(wrong("is of a day beyond the range of time"))?;
    let mut readings: Vec<Reading> = Vec::with_capacity(rows.len());
    for row in rows {
        let [o0, o1, o2, o3, d0, d1, d2, d3, v @ .., r0, r1, r2, r3] = *row;
        let (offset, duration) = (u32::from_be_bytes([o0, o1, o2, o3]), u32::from_be_bytes([d0, d1, d2, d3]));
        let start = day * DAY_SECS + i64::from(offset);
        let in_order = readings.last().is_none_or(|last| last.end_second() <= start);
        if i64::from(offset) >= DAY_SECS || !(1..=MAX_STEP_SECS).contains(&duration) || !in_order {
            return Err(wrong("holds an interval that is none of this day, or out of order"));
        }
        readings.push(Reading {
            start: Timestamp::from_second(start).map_err(|_| wrong("is of a day beyond the range of time"))?,
            duration_secs: duration,
            value: i64::from_be_bytes(v),
            revision: u32::from_be_bytes([r0, r1, r2, r3]),
        });
    }
    Ok(Block { instrument: instrument.to_owned(), unit: code, resolution: step, day: on, readings })
}
