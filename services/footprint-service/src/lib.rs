//! Evidence and a plant file in, a footprint statement out; kept, listed, recomputed.
//!
//! It holds no readings: it asks metering for the evidence of a site and period.

pub mod config;
mod convert;
mod error;
mod kept;
mod service;

pub use config::Config;
pub use footprint::cbam::DefaultValues;
pub use service::{FootprintService, ROWS};
pub use verify::Trust;
