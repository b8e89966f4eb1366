//! What the service needs to start.

use std::sync::Arc;

use runtime::Clock;
use store::RegistryStore;

/// Everything the service is made from.
pub struct Config {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Time.
    pub clock: Clock,
    /// How far ahead of our clock an interval may end, in seconds: an instrument's clock is not ours.
    pub skew_secs: u32,
}
