//! A witness (c2sp.org/tlog-witness) of transparency logs, ours or others': it cosigns a checkpoint only where the log
//! proves that nothing which was cosigned before has changed, and keeps what contradicts that.
//!
//! It follows no log by itself, reads no entry, and knows nothing of certificates: that a log only grows is all it says.

mod config;
mod error;
mod service;
mod state;

pub use config::{Config, File};
pub use error::WitnessError;
pub use service::{Figures, Witness, router};
pub use state::{Evidence, evidence};
