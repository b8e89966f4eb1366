//! What the service needs to start.

use tonic::transport::Channel;

/// Everything the service is made from.
pub struct Config {
    /// The registry.
    pub registry: Channel,
}
