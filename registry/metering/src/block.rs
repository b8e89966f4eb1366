//! Day blocks and the evidence root: what proves that a figure rests on these readings and no others.

use std::collections::BTreeMap;

use record::evidence::{DAY_SECS, Evidence, RecordKind, day_block_bytes, record_bytes};
use record::instrument::{Instrument, Sha256};
use record::reading::Reading;

/// One instrument's readings of one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayBlock {
    /// Days since 1970-01-01.
    pub day: i64,
    /// The exact bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub digest: Sha256,
}

/// The day blocks of readings in force, by day. A reading belongs to the day in which its interval starts.
pub fn day_blocks(instrument: &Instrument, readings: impl Iterator<Item = Reading>) -> Vec<DayBlock> {
    let mut days: BTreeMap<i64, Vec<Reading>> = BTreeMap::new();
    for reading in readings {
        days.entry(reading.start_second().div_euclid(DAY_SECS)).or_default().push(reading);
    }
    days.into_iter()
        .map(|(day, readings)| {
            let bytes = day_block_bytes(instrument, day, &readings);
            DayBlock { day, digest: Sha256::of(&bytes), bytes }
        })
        .collect()
}

/// One leaf of the evidence tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLeaf {
    /// What it stands for, for people: `day 2023-01-01 of …` is day 19358.
    pub label: String,
    /// SHA-256 of the exact bytes of the record or day block; the leaf's entry in the tree.
    pub digest: Sha256,
}

/// The leaves in their order: scope; for each instrument by name the instrument, its calibrations by certificate, its
/// inspections, gas conversions and days; weighed loads, stocks and analyses by id. The evidence is taken in its own order, which
/// [`Evidence::violations`] checks.
pub fn evidence_leaves(evidence: &Evidence) -> Vec<EvidenceLeaf> {
    let mut leaves = Vec::new();
    let mut push = |label: String, digest: Sha256| leaves.push(EvidenceLeaf { label, digest });
    let scope = record_bytes(RecordKind::Scope, &(&evidence.site, &evidence.period));
    push("scope".to_owned(), Sha256::of(&scope));
    for found in &evidence.instruments {
        let name = &found.instrument.name;
        let bytes = record_bytes(RecordKind::Instrument, &found.instrument);
        push(format!("instrument {name}"), Sha256::of(&bytes));
        for calibration in &found.calibrations {
            // With the instrument's name: a certificate says nothing about another instrument.
            let bytes = record_bytes(RecordKind::Calibration, &(name, calibration));
            push(format!("calibration {} of {name}", calibration.certificate_id), Sha256::of(&bytes));
        }
        for inspection in &found.inspections {
            let bytes = record_bytes(RecordKind::Inspection, &(name, inspection));
            push(format!("inspection {} of {name}", inspection.id), Sha256::of(&bytes));
        }
        for conversion in &found.gas_conversions {
            let bytes = record_bytes(RecordKind::GasConversion, &(name, conversion));
            push(format!("gas conversion {} of {name}", conversion.id), Sha256::of(&bytes));
        }
        for block in day_blocks(&found.instrument, found.readings()) {
            push(format!("day {} of {name}", block.day), block.digest);
        }
    }
    for load in &evidence.weighbridge {
        push(format!("weighbridge {}", load.id), Sha256::of(&record_bytes(RecordKind::Weighbridge, load)));
    }
    for stock in &evidence.stocks {
        push(format!("stock {}", stock.id), Sha256::of(&record_bytes(RecordKind::Stock, stock)));
    }
    for analysis in &evidence.analyses {
        push(format!("analysis {}", analysis.id), Sha256::of(&record_bytes(RecordKind::Analysis, analysis)));
    }
    leaves
}

/// Merkle tree hash (RFC 9162, 2.1.1) over the digests of [`evidence_leaves`].
pub fn evidence_root(evidence: &Evidence) -> Sha256 {
    let mut edge = tlog::tree::Edge::new();
    for leaf in evidence_leaves(evidence) {
        edge.push(tlog::leaf_hash(&leaf.digest.0));
    }
    Sha256(edge.root())
}
