//! Public reading over HTTP: checkpoints and tiles for mirrors, one plain page a certificate for people.
//!
//! It asks the registry and keeps nothing; it needs no certificate of the reader, and gives no verdicts.

pub mod config;
mod convert;
mod encoding;
mod error;
mod service;

pub use config::Config;
pub use service::router;
