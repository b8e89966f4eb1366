//! Verdicts for partner regulators: the same pure function that they run offline, on proofs fetched from the registry.
//!
//! It keeps no state but what it learned of the log's keys and anchors; a verdict rests only on the bundle it returns.

pub mod config;
mod convert;
mod error;
mod service;

pub use config::Config;
pub use service::{ROWS, VerificationService};
