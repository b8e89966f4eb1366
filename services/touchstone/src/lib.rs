//! The installation: keys and certificates for a first day, and all services in one process.

pub mod identities;
pub mod init;
pub mod serve;
