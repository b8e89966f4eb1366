//! The registry: checks signed statements, sequences them into the log, proves what it holds.
//!
//! It owns the log. Every index here is rebuilt from the entries when the service starts.

mod checks;
pub mod config;
mod convert;
mod error;
pub mod fsck;
mod guard;
mod index;
mod log;
mod proofs;
mod publisher;
mod refusing;
mod registration;
mod sequencer;
mod service;
mod status_lists;
mod witnesses;

pub use config::{Config, LogKeys};
pub use guard::Fork;
pub use log::OpenError;
pub use refusing::Refusing;
pub use registration::Refusals;
pub use service::{ROWS, RegistryService};
pub use witnesses::{Problem, Report, Standing, Witnesses, read_witnesses};
