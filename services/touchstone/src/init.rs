//! A first day: keys, authority, certificates and a configuration that works as it stands.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use cose::key::{PublicKey, SigningKey};
use runtime::caller::SERVICE_ORGANIZATION;
use runtime::{Caller, Role};
use verify::Introduction;
use verify::trust::LogTrust;

use crate::identities::{Authority, IdentityError, Pair};

/// Longest origin: it stands in every checkpoint, and in the log's first leaf.
const MAX_ORIGIN_BYTES: usize = 200;

/// Why an installation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder holds something.
    #[error("{folder} is not empty: name a new folder, nothing is ever overwritten")]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// An option that cannot be used; nothing was written.
    #[error("{flag}: {problem}")]
    Value {
        /// The option.
        flag: &'static str,
        /// Why, with the remedy.
        problem: String,
    },
    /// A file is there already.
    #[error("{path} is there already, and nothing is ever overwritten: name other files with --out, or move it away")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no authority.
    #[error(
        "{path} is not there: name the folder that `touchstone init` made, or one with its authority.crt and authority.key"
    )]
    NoAuthority {
        /// The file looked for.
        path: PathBuf,
    },
    /// Files cannot be written under this name.
    #[error(
        "--out {out} {problem}: name two files without their ending, such as keys/ann for keys/ann.crt and keys/ann.key"
    )]
    Out {
        /// What was given.
        out: PathBuf,
        /// Why not.
        problem: &'static str,
    },
    /// A file stands where the folder would be.
    #[error("{path} is a file: name a new folder")]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
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
    pub grpc: SocketAddr,
    /// HTTP address.
    pub http: SocketAddr,
    /// Host names and addresses by which the server is called: its certificate names them.
    pub hosts: Vec<String>,
    /// Shortest time between status epochs, milliseconds.
    pub min_epoch_ms: u64,
}

/// What `init` made, for those who go on in the same process.
pub struct Installation {
    /// Configuration file.
    pub config: PathBuf,
    /// Names and public keys of the log, for partners: the file.
    pub introduction_file: PathBuf,
    /// What stands in it.
    pub introduction: Introduction,
    /// The public keys: what each is for, and the file that holds it or its private half.
    pub keys: Vec<(&'static str, &'static str, PublicKey)>,
    /// Authority of callers and servers.
    pub authority: Authority,
    /// Key with which the operator signs anchors.
    pub operator: SigningKey,
}

/// Checks the origin of a log.
///
/// # Errors
/// The rule, in words.
pub fn check_origin(origin: &str) -> Result<(), String> {
    let refused = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '+' | '"' | '\\');
    if origin.is_empty() || origin.len() > MAX_ORIGIN_BYTES || origin.contains(refused) {
        return Err(format!(
            "a name of at most {MAX_ORIGIN_BYTES} bytes without spaces, plus signs, quotes and backslashes is expected, \
             such as log.example/touchstone"
        ));
    }
    Ok(())
}

/// Checks a host name or address for the server's certificate.
///
/// # Errors
/// The rule, in words.
pub fn check_host(host: &str) -> Result<(), String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits is a mistyped address (RFC 1123, 2.1).
    let named = host.len() <= 253
        && host.split('.').all(label)
        && host.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
    if named || host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err("a host name or an IP address is expected, without scheme and port, such as registry.example or 192.0.2.1"
        .into())
}

/// Writes a file that did not exist; secrets are readable by their owner alone.
pub(crate) fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<(), InitError> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::AlreadyExists => InitError::Exists { path: path.to_owned() },
        _ => InitError::File { path: path.to_owned(), problem: e.to_string() },
    };
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
/// [`InitError`]; a folder that holds something is never touched, and nothing is written before the options are checked.
pub fn init(options: &Options) -> Result<Installation, InitError> {
    // Step 1: everything that can be wrong in the options.
    let value = |flag, problem| InitError::Value { flag, problem };
    check_origin(&options.origin).map_err(|e| value("--origin", e))?;
    record::name::check_did(&options.log_id).map_err(|e| value("--log-id", e.to_string()))?;
    if options.grpc == options.http && options.http.port() != 0 {
        return Err(value("--http", format!("{} is that of --grpc; give each a port of its own", options.http)));
    }
    for host in &options.hosts {
        check_host(host).map_err(|e| value("--host", e))?;
    }
    // Step 2: the keys.
    let authority = Authority::new("touchstone authority")?;
    let hosts: Vec<&str> = options.hosts.iter().map(String::as_str).collect();
    let server = authority.server(&hosts)?;
    // Services in several processes meet under an authority of their own, so that no enrolled caller can pose as one.
    let services = Authority::new("touchstone services")?;
    let service = services.service("all", &hosts)?;
    let receipt = SigningKey::generate_p256()?;
    let note = SigningKey::generate_ed25519()?;
    let status_note = SigningKey::generate_ed25519()?;
    let operator = SigningKey::generate_p256()?;
    let log = LogTrust::new(&options.origin, note.public_key(), status_note.public_key(), &receipt.public_key());
    let introduction = Introduction { log: log.map_err(|e| value("--origin", e.to_string()))? };
    let introduced = introduction.to_toml().map_err(|e| value("--origin", e.to_string()))?;
    // Step 3: the files.
    let folder = &options.folder;
    let failed = |e: std::io::Error| InitError::File { path: folder.clone(), problem: e.to_string() };
    if folder.exists() && !folder.is_dir() {
        return Err(InitError::NotAFolder { path: folder.clone() });
    }
    fs::create_dir_all(folder).map_err(failed)?;
    if fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(InitError::NotEmpty { folder: folder.clone() });
    }
    write_pair(folder, "authority", authority.pair())?;
    write_pair(folder, "server", &server)?;
    write_pair(folder, "service-authority", services.pair())?;
    write_pair(folder, "service", &service)?;
    let operator_caller =
        Caller { organization: "operator".into(), role: Role::Operator, person: "first-operator".into() };
    write_pair(folder, "operator-caller", &authority.caller(&operator_caller)?)?;
    for (name, key) in
        [("log-receipt", &receipt), ("log-note", &note), ("log-status-note", &status_note), ("operator", &operator)]
    {
        write(&folder.join(format!("{name}.key")), key.to_pkcs8_pem()?.as_bytes(), true)?;
    }
    write(&folder.join("operator.jwk"), operator.public_key().to_jwk().as_bytes(), false)?;
    write(&folder.join("log-key.jwk"), receipt.public_key().to_jwk().as_bytes(), false)?;
    let introduction_file = folder.join("introduction.toml");
    write(&introduction_file, format!("{INTRODUCED}{introduced}").as_bytes(), false)?;
    write(&folder.join("blocked.toml"), BLOCKED.as_bytes(), false)?;
    write(&folder.join("witnesses.policy"), WITNESSES.as_bytes(), false)?;
    let config = folder.join("touchstone.toml");
    write(&config, sample(options).as_bytes(), false)?;
    let keys = vec![
        ("receipts", "log-key.jwk", receipt.public_key()),
        ("checkpoints", "log-note.key", note.public_key()),
        ("status checkpoints", "log-status-note.key", status_note.public_key()),
        ("operator", "operator.jwk", operator.public_key()),
    ];
    Ok(Installation { config, introduction_file, introduction, keys, authority, operator })
}

/// Makes a certificate and key for a caller under the authority of an installation, and gives the files written:
/// `<out>.crt` and `<out>.key`.
///
/// # Errors
/// [`InitError`]: the authority is not in the folder, the caller is the installation's own, or the files exist.
pub fn enrol(folder: &Path, caller: &Caller, out: &Path) -> Result<[PathBuf; 2], InitError> {
    if caller.role == Role::Service || caller.organization == SERVICE_ORGANIZATION {
        return Err(InitError::Reserved { uri: caller.uri() });
    }
    let authority = authority(folder, "authority")?;
    write_out(out, &authority.caller(caller)?)
}

/// Makes the certificate and key with which a process on `hosts` meets the other services, and gives the files written.
///
/// # Errors
/// As [`enrol`]; `--host` for a name that cannot stand in a certificate.
pub fn enrol_service(folder: &Path, name: &str, hosts: &[String], out: &Path) -> Result<[PathBuf; 2], InitError> {
    for host in hosts {
        check_host(host).map_err(|problem| InitError::Value { flag: "--host", problem })?;
    }
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    write_out(out, &authority(folder, "service-authority")?.service(name, &hosts)?)
}

fn authority(folder: &Path, name: &str) -> Result<Authority, InitError> {
    let read = |end: &str| {
        let path = folder.join(format!("{name}.{end}"));
        fs::read_to_string(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => InitError::NoAuthority { path },
            _ => InitError::File { path, problem: e.to_string() },
        })
    };
    Ok(Authority::from_pem(&read("crt")?, &read("key")?)?)
}

/// Writes a pair where a person named it, over nothing.
fn write_out(out: &Path, pair: &Pair) -> Result<[PathBuf; 2], InitError> {
    let name = out.file_name().filter(|_| !out.is_dir()).map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| InitError::Out { out: out.to_owned(), problem: "is a folder" })?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(InitError::Out { out: out.to_owned(), problem: "is in a folder that is not there" });
    }
    let files = ["crt", "key"].map(|end| out.with_file_name(format!("{name}.{end}")));
    if let Some(path) = files.iter().find(|path| path.exists()) {
        return Err(InitError::Exists { path: path.clone() });
    }
    write_pair(parent, &name, pair)?;
    Ok(files)
}

/// The file of blocked callers, with nobody in it.
const BLOCKED: &str =
    "# Callers that are refused although their certificates are good. Read again while serving. For example:
#   [[blocked]]
#   caller = \"touchstone://ORGANIZATION/ROLE/PERSON\"    # or: certificate_sha256 = \"...\"
#   reason = \"what the caller is told\"
";

/// The policy of witnesses, with none in it.
const WITNESSES: &str = "# Witnesses of the log and of its status log, and how many of them readers ask for (c2sp.org/tlog-policy). Read at the
# start. For example, two of three, each with the address of its submission prefix:
#   witness customs customs.example/w1+7d61b5d6+BH… http://witness.customs.example:7090
#   witness auditor auditor.example/w1+1f2e3d4c+BG… http://witness.auditor.example:7090
#   witness body body.example/w1+5a6b7c8d+BK… http://witness.body.example:7090
#   group two-of-three 2 customs auditor body
#   quorum two-of-three
quorum none
";

/// Before the introduction.
pub(crate) const INTRODUCED: &str =
    "# Names and public keys of a transparency log, for partners. It is no trust yet: compare the fingerprints with the
# operator by another way, then make your own trust file of it:
#   touchctl trust make introduction.toml --party DID --accreditation-body DID=FILE --out trust.toml

";

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
blocked_callers = "blocked.toml"      # and those in this file are refused all the same
service_certificate = "service.crt"    # between services in several processes
service_key = "service.key"
service_authority = "service-authority.crt"

[log]
origin = "{origin}"
id = "{log_id}"
receipt_key = "log-receipt.key"            # P-256: receipts
note_key = "log-note.key"                  # Ed25519: checkpoints
status_note_key = "log-status-note.key"    # Ed25519: status checkpoints
operator_key = "operator.jwk"              # public: keep operator.key away from this machine
witnesses = "witnesses.policy"             # who cosigns checkpoints: nobody yet
min_epoch_ms = {min_epoch_ms}    # shortest time between status epochs while the log grows
max_epoch_secs = 600    # longest, also when nothing changed
"#
    )
}
