//! Applications, reviews and decisions of certification bodies (ISO/IEC 17065).
//!
//! It signs nothing: a body signs in its own client, and the registry keeps what it signed.

pub mod config;
mod convert;
mod error;
mod service;

pub use config::Config;
pub use service::{CertificationService, ROWS};
