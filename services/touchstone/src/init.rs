//! A first day: keys, authority, certificates and a configuration that works as it stands.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use cose::key::SigningKey;
use runtime::caller::SERVICE_ORGANIZATION;
use runtime::{Caller, Role};

use crate::identities::{Authority, IdentityError, Pair};

/// Why an installation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder holds something.
    #[error("{folder} is not empty: name a new folder, nothing is ever overwritten")]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A key or certificate could not be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Role `service` and organisation `touchstone` are the installation's own.
    #[error("{uri}: role service and organization touchstone are the installation's own; name a person of another")]
    Reserved {
        /// The caller asked for.
        uri: String,
    },
    /// A key could not be made.
    #[error("a key could not be made: {0}")]
    Key(#[from] cose::key::KeyError),
}

/// What `init` is asked for.
pub struct Options {
    /// Folder to make.
    pub folder: PathBuf,
    /// Origin of the log.
    pub origin: String,
    /// DID of the log.
    pub log_id: String,
    /// gRPC address.
    pub grpc: String,
    /// HTTP address.
    pub http: String,
    /// Shortest time between status epochs, milliseconds.
    pub min_epoch_ms: u64,
}

/// What `init` made, for those who go on in the same process.
pub struct Installation {
    /// Configuration file.
    pub config: PathBuf,
    /// Authority of callers and servers.
    pub authority: Authority,
    /// Key with which the operator signs anchors.
    pub operator: SigningKey,
}

/// Writes a file that did not exist; secrets are readable by their owner alone.
fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<(), InitError> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |e: std::io::Error| InitError::File { path: path.to_owned(), problem: e.to_string() };
    let mode = if secret { 0o600 } else { 0o644 };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Writes certificate and key of a pair as `<name>.crt` and `<name>.key`.
///
/// # Errors
/// [`InitError::File`].
pub fn write_pair(folder: &Path, name: &str, pair: &Pair) -> Result<(), InitError> {
    write(&folder.join(format!("{name}.crt")), pair.certificate_pem.as_bytes(), false)?;
    write(&folder.join(format!("{name}.key")), pair.key_pem.as_bytes(), true)
}

/// Makes an installation.
///
/// # Errors
/// [`InitError`]; a folder that holds something is never touched.
pub fn init(options: &Options) -> Result<Installation, InitError> {
    let folder = &options.folder;
    let failed = |e: std::io::Error| InitError::File { path: folder.clone(), problem: e.to_string() };
    fs::create_dir_all(folder).map_err(failed)?;
    if fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(InitError::NotEmpty { folder: folder.clone() });
    }
    let authority = Authority::new("touchstone authority")?;
    write_pair(folder, "authority", authority.pair())?;
    write_pair(folder, "server", &authority.server(&["localhost", "127.0.0.1"])?)?;
    let operator_caller =
        Caller { organization: "operator".into(), role: Role::Operator, person: "first-operator".into() };
    write_pair(folder, "operator-caller", &authority.caller(&operator_caller)?)?;
    let receipt = SigningKey::generate_p256()?;
    let note = SigningKey::generate_ed25519()?;
    let status_note = SigningKey::generate_ed25519()?;
    let operator = SigningKey::generate_p256()?;
    for (name, key) in
        [("log-receipt", &receipt), ("log-note", &note), ("log-status-note", &status_note), ("operator", &operator)]
    {
        write(&folder.join(format!("{name}.key")), key.to_pkcs8_pem()?.as_bytes(), true)?;
    }
    write(&folder.join("operator.jwk"), operator.public_key().to_jwk().as_bytes(), false)?;
    write(&folder.join("log-key.jwk"), receipt.public_key().to_jwk().as_bytes(), false)?;
    let config = folder.join("touchstone.toml");
    write(&config, sample(options).as_bytes(), false)?;
    Ok(Installation { config, authority, operator })
}

/// Makes a certificate and key for a caller under the authority of an installation.
///
/// # Errors
/// [`InitError`]: the authority's key is not in the folder, the name is no caller's, or the files exist.
pub fn enrol(folder: &Path, uri: &str, out: &Path) -> Result<(), InitError> {
    let caller = Caller::from_uri(uri).ok_or_else(|| IdentityError::Name { name: uri.to_owned() })?;
    if caller.role == Role::Service || caller.organization == SERVICE_ORGANIZATION {
        return Err(InitError::Reserved { uri: uri.to_owned() });
    }
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|e| InitError::File { path, problem: e.to_string() })
    };
    let authority = Authority::from_pem(&read("authority.crt")?, &read("authority.key")?)?;
    let pair = authority.caller(&caller)?;
    let parent = out.parent().unwrap_or(Path::new(""));
    let name = out.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    write_pair(parent, &name, &pair)
}

fn sample(options: &Options) -> String {
    let Options { origin, log_id, grpc, http, min_epoch_ms, .. } = options;
    format!(
        r#"# Touchstone configuration. Paths are relative to this file. Unknown keys are refused.

[listen]
grpc = "{grpc}"    # gRPC over mTLS, TLS 1.3
http = "{http}"    # public reading: /checkpoint, /tile/…, /certificates/…

[tls]
certificate = "server.crt"
key = "server.key"
client_authority = "authority.crt"    # callers' certificates must come from here

[log]
origin = "{origin}"
id = "{log_id}"
receipt_key = "log-receipt.key"            # P-256: receipts
note_key = "log-note.key"                  # Ed25519: checkpoints
status_note_key = "log-status-note.key"    # Ed25519: status checkpoints
operator_key = "operator.jwk"              # public: keep operator.key away from this machine
min_epoch_ms = {min_epoch_ms}    # shortest time between status epochs while the log grows
max_epoch_secs = 600    # longest, also when nothing changed
"#
    )
}
