//! What the registry needs to start.

use std::sync::Arc;
use std::time::Duration;

use cose::key::{PublicKey, SigningKey};
use runtime::Clock;
use runtime::connect::Peer;
use store::{BlobStore, RegistryStore};
use tlog::policy::Policy;
use tokio::sync::watch;

/// Keys of the log. The registry's operator holds them; no certification body's key is ever here.
pub struct LogKeys {
    /// Signs receipts, leaf 0 and leaf 1: P-256.
    pub receipt: Arc<SigningKey>,
    /// Signs checkpoints of the log: Ed25519.
    pub note: SigningKey,
    /// Signs checkpoints of the status log: Ed25519.
    pub status_note: SigningKey,
    /// Rollovers of these keys, as signed, oldest first: those that the log does not hold yet become its next entries.
    pub rollovers: Vec<Vec<u8>>,
    /// Keys of checkpoints and status checkpoints before a rollover, which sign beside the present ones for the overlap.
    pub earlier: Vec<(SigningKey, SigningKey)>,
    /// Verifies what the operator signs (anchors): the private key stays in the operator's client.
    pub operator: PublicKey,
}

/// Everything the service is made from.
pub struct Config {
    /// Origin of the log's checkpoints, for example `log.example/touchstone`.
    pub origin: String,
    /// DID of the log.
    pub log_id: String,
    /// Keys.
    pub keys: LogKeys,
    /// Rows.
    pub store: Arc<dyn RegistryStore>,
    /// Tiles.
    pub blobs: Arc<dyn BlobStore>,
    /// The heads signed last: elsewhere than rows and tiles, so that no backup restores them all.
    pub guard: Arc<dyn BlobStore>,
    /// Knows the footprint statements that certificates name.
    pub footprint: Peer,
    /// Witnesses, each with its address, and the quorum of them that readers get to see; logs in it are passed over.
    pub witnesses: Option<Policy>,
    /// Time.
    pub clock: Clock,
    /// Shortest time between two status epochs while the log grows.
    pub min_epoch: Duration,
    /// Longest time between two status epochs, also when nothing changed.
    pub max_epoch: Duration,
    /// True once the process was asked to end: streams that nobody ends otherwise do.
    pub stopping: watch::Receiver<bool>,
}
