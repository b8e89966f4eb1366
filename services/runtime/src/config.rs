//! The configuration file: TOML, closed. Paths in it are relative to the file's folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Largest configuration file.
const MAX_BYTES: u64 = 256 << 10;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Own certificate, and the authority of callers.
    pub tls: Tls,
    /// The log.
    pub log: Log,
}

/// Addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// gRPC over mTLS.
    pub grpc: SocketAddr,
    /// Public reading over HTTP: checkpoints, tiles, certificate pages.
    pub http: SocketAddr,
}

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Key, PKCS#8 PEM.
    pub key: PathBuf,
    /// Authority that callers' certificates come from, PEM.
    pub client_authority: PathBuf,
}

/// The log's names, keys and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Origin of checkpoints.
    pub origin: String,
    /// DID of the log.
    pub id: String,
    /// P-256 key of receipts, PKCS#8 PEM.
    pub receipt_key: PathBuf,
    /// Ed25519 key of checkpoints, PKCS#8 PEM.
    pub note_key: PathBuf,
    /// Ed25519 key of status checkpoints, PKCS#8 PEM.
    pub status_note_key: PathBuf,
    /// Public key of the operator, JWK: the private key stays with the operator's client.
    pub operator_key: PathBuf,
    /// Shortest time between status epochs while the log grows, milliseconds.
    #[serde(default = "min_epoch_ms")]
    pub min_epoch_ms: u64,
    /// Longest time between status epochs, seconds; at most 600.
    #[serde(default = "max_epoch_secs")]
    pub max_epoch_secs: u64,
}

fn min_epoch_ms() -> u64 {
    1_000
}

fn max_epoch_secs() -> u64 {
    600
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Not TOML, or an unknown, missing or mistyped key.
    #[error("{path}: {problem}")]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Line, column and key.
        problem: String,
    },
    /// A value that cannot be used.
    #[error("{key}: {problem}")]
    Value {
        /// Which key.
        key: &'static str,
        /// Why, with the remedy.
        problem: String,
    },
}

/// Reads a file that the configuration names, at most 256 KiB.
///
/// # Errors
/// [`ConfigError::File`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let file = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    let size = std::fs::metadata(path).map_err(|e| file(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(file(format!("has {size} bytes: at most {MAX_BYTES}")));
    }
    std::fs::read(path).map_err(|e| file(e.to_string()))
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_file(path)?;
        let schema = |problem: String| ConfigError::Schema { path: path.to_owned(), problem };
        let text = String::from_utf8(bytes).map_err(|_| schema("is no UTF-8 text".into()))?;
        let mut config: Config = toml::from_str(&text).map_err(|e| schema(e.to_string()))?;
        config.check()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in [
            &mut config.tls.certificate,
            &mut config.tls.key,
            &mut config.tls.client_authority,
            &mut config.log.receipt_key,
            &mut config.log.note_key,
            &mut config.log.status_note_key,
            &mut config.log.operator_key,
        ] {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |key, problem: &str| Err(ConfigError::Value { key, problem: problem.to_owned() });
        if self.log.origin.is_empty() || self.log.origin.contains(['\n', '+', ' ']) {
            return value(
                "log.origin",
                "must be a name without spaces and plus signs, for example log.example/touchstone",
            );
        }
        if record::name::check_did(&self.log.id).is_err() {
            return value("log.id", "must be a did:web identifier");
        }
        if !(1..=600).contains(&self.log.max_epoch_secs) {
            return value("log.max_epoch_secs", "must be between 1 and 600");
        }
        if self.log.min_epoch_ms > self.log.max_epoch_secs * 1_000 {
            return value("log.min_epoch_ms", "must not be longer than max_epoch_secs");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("touchstone.toml");
        std::fs::write(&path, "[listen]\ngrpc = \"127.0.0.1:1\"\nhttp = \"127.0.0.1:2\"\nport = 3\n").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("port"), "{error}");
        assert!(Config::read(&folder.path().join("absent.toml")).is_err());
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(Config::read(&path).unwrap_err().to_string().contains("UTF-8"));
    }
}
