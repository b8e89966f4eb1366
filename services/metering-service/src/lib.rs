//! Sites, instruments, calibrations and what they measured: readings, weighed loads, stocks, analyses.
//!
//! It owns readings, and says what an instrument registered and how well that is known. Factors and footprints are others'
//! business.

pub mod config;
mod consumption;
mod convert;
mod error;
mod evidence;
mod readings;
mod service;
mod warnings;
mod writer;

pub use config::Config;
pub use service::{MeteringService, ROWS};
