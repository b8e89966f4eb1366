//! What the service needs to start.

use std::sync::Arc;

use footprint::cbam::DefaultValues;
use runtime::Clock;
use runtime::connect::Peer;
use store::{BlobStore, RegistryStore};
use verify::Trust;

/// Everything the service is made from.
pub struct Config {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Plant files, statements, and what suppliers sent, in exact bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Clock,
    /// Holds the evidence.
    pub metering: Peer,
    /// What suppliers' certificates are verified against; none are taken without it.
    pub trust: Option<Trust>,
    /// Default values, for precursors that take one.
    pub default_values: Option<DefaultValues>,
}
