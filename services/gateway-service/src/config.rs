//! What the service needs to start.

use runtime::connect::Peer;

/// Everything the service is made from.
pub struct Config {
    /// The registry.
    pub registry: Peer,
}
