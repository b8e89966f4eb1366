//! From readings to quantities: which rows of a batch are taken, how readings are packed, what a day's readings digest
//! to, the evidence root, what an instrument's calibrations are worth at a time, and what was consumed in a period, with
//! its uncertainty by source.
//!
//! Evidence leaves as an archive, and one day of it as a proof.
//!
//! There is no storage, clock or network here; the time is an argument. Emission factors are in `footprint`, calibration
//! certificates as files in `dcc`.

mod accept;
mod archive;
mod balance;
mod block;
mod calibrated;
mod certificate;
mod columns;
mod consumption;
mod gaps;
mod json;
mod month;
mod proof;
mod rules;
mod sums;

pub use accept::{Acceptance, Clock, accept};
pub use archive::{
    ARCHIVE_FORMAT, ArchiveError, CheckedArchive, CheckedCertificate, ListedFile, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_FILES,
    Manifest, read_archive, write_archive,
};
pub use balance::{analysis_mean, material_flow};
pub use block::{DayBlock, EvidenceLeaf, day_blocks, evidence_leaves, evidence_root};
pub use calibrated::Standing;
pub use certificate::{CertificateError, calibration_of};
pub use columns::{Columns, Kept, PackError, in_force, readings_in_force};
pub use consumption::{Consumption, Run, Statistics, consumption, consumption_of, runs};
pub use gaps::{GapRule, gaps};
pub use month::{month_end, month_of};
pub use proof::{DAY_PROOF_FORMAT, DayProofError, MAX_DAY_PROOF_BYTES, ProvenDay, prove_day, read_day_proof};
pub use rules::{CalibrationRule, EdgeRule, MeteringError, Rules};
