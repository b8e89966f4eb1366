//! What the service needs to start.

use jiff::SignedDuration;
use runtime::Clock;
use runtime::connect::Peer;

/// Everything the service is made from.
pub struct Config {
    /// The registry.
    pub registry: Peer,
    /// Time.
    pub clock: Clock,
    /// Oldest status on which an online verdict may rest.
    pub max_age: SignedDuration,
}
