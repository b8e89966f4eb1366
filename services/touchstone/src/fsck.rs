//! What lies in a folder of data, looked at while nobody serves it.

use std::path::Path;

use registry_service::fsck::{self, Report, Stores};
use runtime::config::{Config, ConfigError};

use crate::serve::{Data, ServeError, open_guard};

/// Whether what differs is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing is written.
    Leave,
    /// What can be made from the entries is.
    Rebuild,
}

/// Compares what is kept of the log with its entries. The folder is claimed meanwhile.
///
/// # Errors
/// [`ServeError`]: another process has the data, there are none, or the entries themselves are damaged.
pub async fn fsck(config: &Config, data: &Path, then: Then) -> Result<Report, ServeError> {
    let missing = || ConfigError::Value { key: "log".into(), problem: "is missing: whose log is it?".into() };
    let log = config.log.as_ref().ok_or_else(missing)?;
    let held = Data::open_held(data)?;
    let stores = Stores { store: held.rows, blobs: held.blobs, guard: open_guard(log, data)? };
    let report = match then {
        Then::Leave => fsck::check(&stores).await,
        Then::Rebuild => fsck::rebuild(&stores).await,
    };
    report.map_err(|words| ServeError::Log(words.into()))
}
