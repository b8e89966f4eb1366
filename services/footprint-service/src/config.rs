//! What the service needs to start.

use std::sync::Arc;

use runtime::Clock;
use runtime::connect::Peer;
use store::RegistryStore;

/// Everything the service is made from.
pub struct Config {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Time.
    pub clock: Clock,
    /// Holds the evidence.
    pub metering: Peer,
}
