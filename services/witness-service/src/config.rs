//! What a witness needs: one TOML file, closed, and the key that it names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cose::key::{KeyKind, SigningKey};
use runtime::Clock;
use runtime::config::{ConfigError, read_file, read_named};
use serde::{Deserialize, Serialize};
use tlog::note::{Cosigner, NoteVerifier, SignatureKind};

/// Most keys of logs.
const MAX_LOGS: usize = 1_024;

/// The file, as written. Paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where the witness listens, over plain HTTP: submission and monitoring prefix.
    pub listen: SocketAddr,
    /// For those who run it: `/healthz`, `/readyz`, `/metrics` over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
    /// Name of its key: a URL without its scheme.
    pub name: String,
    /// Ed25519 key of cosignatures, PKCS#8 PEM. It serves no other purpose.
    pub key: PathBuf,
    /// Folder of what was cosigned last, and of evidence.
    pub state: PathBuf,
    /// Verifier keys (C2SP vkey) of the logs that it cosigns; a key's name is the log's origin.
    pub logs: Vec<String>,
}

/// Everything the witness is made from.
pub struct Config {
    /// Signs.
    pub cosigner: Cosigner,
    /// Keys of the logs.
    pub logs: Vec<NoteVerifier>,
    /// Folder of its state.
    pub state: PathBuf,
    /// Time.
    pub clock: Clock,
}

fn value(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), problem: problem.into() }
}

impl File {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let schema = |problem: String| ConfigError::Schema { path: path.to_owned(), problem };
        let text = String::from_utf8(read_file(path)?).map_err(|_| schema("is no UTF-8 text".into()))?;
        let mut file: File = toml::from_str(&text).map_err(|error| schema(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        file.key = folder.join(&file.key);
        file.state = folder.join(&file.state);
        if file.admin == Some(file.listen) && file.listen.port() != 0 {
            return Err(value("admin", format!("{} is that of listen; give each a port of its own", file.listen)));
        }
        Ok(file)
    }

    /// The file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("addresses, paths and texts can be written")
    }

    /// Reads the key and the names of the logs.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn open(&self, clock: Clock) -> Result<Config, ConfigError> {
        let pem = String::from_utf8_lossy(&read_named("key", &self.key)?).into_owned();
        let of_key = |problem: String| value("key", format!("{}: {problem}", self.key.display()));
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|error| of_key(error.to_string()))?;
        let found = key.algorithm().key_kind();
        if found != KeyKind::Ed25519 {
            return Err(of_key(format!("is a key of {found}: one of {} is needed here", KeyKind::Ed25519)));
        }
        let public = key.public_key();
        let cosigner = Cosigner::new(&self.name, Arc::new(key));
        let cosigner = cosigner.map_err(|error| value("name", format!("{error}; write it as witness.example/w1")))?;
        if self.logs.is_empty() || self.logs.len() > MAX_LOGS {
            return Err(value("logs", format!("has {} verifier keys: 1 to {MAX_LOGS} are expected", self.logs.len())));
        }
        let mut logs: Vec<NoteVerifier> = Vec::with_capacity(self.logs.len());
        for (place, vkey) in self.logs.iter().enumerate() {
            let wrong = |problem: &str| value(format!("logs[{place}]"), format!("{vkey} {problem}"));
            let log = NoteVerifier::from_vkey(vkey)
                .map_err(|error| wrong(&format!("is no key of a log (name+id+base64): {error}")))?;
            if log.kind() != SignatureKind::Ed25519 {
                return Err(wrong("is the key of a witness (type 0x04): name the log's own (0x01)"));
            }
            if *log.public_key() == public {
                return Err(wrong("is the witness's own key: a log cannot be its own witness"));
            }
            if logs.contains(&log) {
                return Err(wrong("stands twice: leave one of them out"));
            }
            logs.push(log);
        }
        Ok(Config { cosigner, logs, state: self.state.clone(), clock })
    }
}
