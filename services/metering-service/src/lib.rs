//! Sites, instruments, calibrations and what they measured: readings, weighed loads, stocks, analyses.
//!
//! It owns readings. It computes nothing from them: consumption and footprints are others' business.

pub mod config;
mod convert;
mod error;
mod readings;
mod service;

pub use config::Config;
pub use service::{MeteringService, ROWS};
