//! What the service needs to start.

use std::sync::Arc;

use runtime::Clock;
use store::{BlobStore, RegistryStore};
use tokio::sync::watch;

/// Everything the service is made from.
pub struct Config {
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Calibration certificates.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Clock,
    /// How far ahead of our clock an interval may end, in seconds: an instrument's clock is not ours.
    pub skew_secs: u32,
    /// Turns true when the process stops: streams that never end by themselves end then.
    pub stopping: watch::Receiver<bool>,
}
