//! The installation: keys and certificates for a first day, and the services of one process: one, several or all.

pub mod admin;
pub mod credentials;
mod foundations;
pub mod fsck;
pub mod identities;
pub mod init;
pub mod rotate;
pub mod serve;
pub mod witness;
