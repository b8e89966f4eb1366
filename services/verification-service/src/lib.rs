//! Verdicts for partner regulators: the same pure function that they run offline, on proofs fetched from the registry.
//!
//! A verdict rests only on the bundle it returns. What is kept is what saves work: the log's keys and anchors, and bundles
//! that were examined under the newest checkpoint, so that asking again costs no call to the registry and no signature.

pub mod config;
mod convert;
mod error;
mod follow;
mod service;

pub use config::Config;
pub use service::{ROWS, VerificationService};
