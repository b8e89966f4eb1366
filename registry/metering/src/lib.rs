//! From readings to quantities: which rows of a batch are taken, what a day's readings digest to, the evidence root, and
//! what was consumed in a period, with its uncertainty by source.
//!
//! There is no storage, clock or network here; the time is an argument. Emission factors are in `footprint`. DCC files,
//! gap substitution and partial intervals are not handled yet: a gap is counted and widens the uncertainty, an interval
//! across the edge of a period is refused.

mod accept;
mod balance;
mod block;
mod consumption;
pub mod interval_csv;

pub use accept::{Acceptance, Clock, accept, gaps};
pub use balance::{analysis_mean, material_flow};
pub use block::{DayBlock, EvidenceLeaf, day_blocks, evidence_leaves, evidence_root};
pub use consumption::{CalibrationRule, Consumption, GapRule, MeteringError, Rules, consumption};
