//! The registry: checks signed statements, sequences them into the log, proves what it holds.
//!
//! It owns the log. Every index here is rebuilt from the entries when the service starts.

mod checks;
pub mod config;
mod convert;
mod error;
mod index;
mod log;
mod proofs;
mod publisher;
mod registration;
mod sequencer;
mod service;

pub use config::{Config, LogKeys};
pub use service::{ROWS, RegistryService};
