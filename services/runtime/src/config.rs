//! The configuration: one TOML file, closed, and the environment over it. Paths are relative to the file's folder.
//!
//! A key of the file may be given by the environment as `TOUCHSTONE_<TABLE>__<KEY>`, for example
//! `TOUCHSTONE_LISTEN__GRPC=0.0.0.0:7443`. Nothing secret stands here: keys are named as files.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Largest configuration file.
const MAX_BYTES: u64 = 256 << 10;
/// What else lies in the folder of the data: the heads signed last may not lie there.
const DATA: [&str; 4] = [".", "rows", "blobs", "holds"];
/// What leads a variable of the environment that is a key of ours.
const PREFIX: &str = "TOUCHSTONE_";

/// A service of the installation: what one process may run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Instruments and readings.
    Metering,
    /// Footprints.
    Footprint,
    /// Applications and decisions.
    Certification,
    /// The log.
    Registry,
    /// Verdicts.
    Verification,
    /// Public reading over HTTP.
    Gateway,
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 6] = [
        Service::Metering,
        Service::Footprint,
        Service::Certification,
        Service::Registry,
        Service::Verification,
        Service::Gateway,
    ];

    /// The word on the command line and in `[peers]`.
    pub fn word(self) -> &'static str {
        match self {
            Service::Metering => "metering",
            Service::Footprint => "footprint",
            Service::Certification => "certification",
            Service::Registry => "registry",
            Service::Verification => "verification",
            Service::Gateway => "gateway",
        }
    }

    /// The services that this one calls.
    pub fn peers(self) -> &'static [Service] {
        match self {
            Service::Metering => &[],
            Service::Footprint => &[Service::Metering],
            Service::Certification => &[Service::Metering, Service::Footprint, Service::Registry],
            Service::Registry => &[Service::Footprint],
            Service::Verification | Service::Gateway => &[Service::Registry],
        }
    }
}

impl std::str::FromStr for Service {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Service::ALL.into_iter().find(|known| known.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Service::ALL.iter().map(|known| known.word()).collect();
            format!("there is no role {word}: name {}", words.join(", "))
        })
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Own certificates, and the authorities of callers.
    pub tls: Tls,
    /// The log: where the registry runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// What footprints may rest on beside evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footprint: Option<Footprint>,
    /// Where the other services are, when they run in processes of their own: `host:port` of their `listen.internal`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<Service, String>,
    /// How much one organisation, and all together, may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// What the process tells of itself, and whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
}

/// Addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// gRPC over mTLS for callers.
    pub grpc: SocketAddr,
    /// Public reading over HTTP: checkpoints, tiles, certificate pages. Where the gateway runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// gRPC over mTLS for the other services of the installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<SocketAddr>,
    /// For those who run it: `/healthz`, `/readyz`, `/metrics` over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

/// Files for TLS. They are read again while serving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Key, PKCS#8 PEM.
    pub key: PathBuf,
    /// Authority that callers' certificates come from, PEM.
    pub client_authority: PathBuf,
    /// Callers to refuse although their certificates are good: a closed TOML file, see `blocked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_callers: Option<PathBuf>,
    /// Chain with which this process meets its peers, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_certificate: Option<PathBuf>,
    /// Its key, PKCS#8 PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_key: Option<PathBuf>,
    /// Authority that peers' certificates come from, PEM: no caller's comes from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_authority: Option<PathBuf>,
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
    /// Rollovers of the log's keys, as `touchstone rotate` made them, oldest first.
    #[serde(default)]
    pub rollovers: Vec<PathBuf>,
    /// Ed25519 keys of checkpoints before a rollover: they sign beside the present one as long as they stand here.
    #[serde(default)]
    pub earlier_note_keys: Vec<PathBuf>,
    /// The same of status checkpoints, as many.
    #[serde(default)]
    pub earlier_status_note_keys: Vec<PathBuf>,
    /// Public key of the operator, JWK: the private key stays with the operator's client.
    pub operator_key: PathBuf,
    /// Folder of the heads signed last, by which an older copy of the database is known. Relative to the folder of the
    /// data; on another disk it is in no backup of the data.
    #[serde(default = "guard")]
    pub guard: PathBuf,
    /// Witnesses and their quorum: a policy (c2sp.org/tlog-policy) with the address of each. None when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<PathBuf>,
    /// Shortest time between status epochs while the log grows, milliseconds.
    #[serde(default = "min_epoch_ms")]
    pub min_epoch_ms: u64,
    /// Longest time between status epochs, seconds; at most 600.
    #[serde(default = "max_epoch_secs")]
    pub max_epoch_secs: u64,
}

/// What footprints may rest on beside evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Footprint {
    /// Trust file that suppliers' certificates are verified against, TOML. None are taken without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<PathBuf>,
    /// Table of default values, CSV. Precursors that take one are refused without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_values: Option<PathBuf>,
}

fn guard() -> PathBuf {
    PathBuf::from("guard")
}

fn min_epoch_ms() -> u64 {
    1_000
}

fn max_epoch_secs() -> u64 {
    600
}

/// Bounds that keep one caller's haste from being everybody's delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls a second of one organisation, in the long run.
    pub calls_per_second: u32,
    /// Calls that one organisation may make at once after a pause.
    pub burst: u32,
    /// Calls of one organisation in progress.
    pub in_progress: u32,
    /// Calls of all organisations in progress.
    pub in_progress_of_all: u32,
    /// Longest time until an answer begins, seconds.
    pub answer_secs: u32,
    /// Age at which a connection is asked to end, seconds.
    pub connection_secs: u32,
    /// Longest time that calls in progress get when the process is asked to end, seconds.
    pub drain_secs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            calls_per_second: 5_000,
            burst: 10_000,
            in_progress: 512,
            in_progress_of_all: 4_096,
            answer_secs: 60,
            connection_secs: 1_800,
            drain_secs: 30,
        }
    }
}

/// Traces, metrics and logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Collector that takes OTLP over gRPC, `http://host:port`. Without one nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<String>,
    /// `service.name` of everything that is sent.
    pub service_name: String,
    /// Share of the traces begun here that are sent, 0 to 1; of a trace that a caller began, the caller decides.
    pub trace_share: f64,
    /// Time between two sendings of metrics, seconds.
    pub metrics_secs: u32,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry { otlp: None, service_name: "touchstone".into(), trace_share: 1.0, metrics_secs: 30 }
    }
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
    /// Not TOML, or a missing or mistyped key.
    #[error("{path}: {problem}")]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Line, column and key.
        problem: String,
    },
    /// A key that nothing reads.
    #[error("{place}: there is no key {key}{}", nearest.as_ref().map(|n| format!(": did you mean {n}?")).unwrap_or_default())]
    Unknown {
        /// The file, or the variable of the environment.
        place: String,
        /// The key, with its table.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value that cannot be used.
    #[error("{key}: {problem}")]
    Value {
        /// Which key.
        key: String,
        /// Why, with the remedy.
        problem: String,
    },
}

fn value(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), problem: problem.into() }
}

/// Reads a file that the configuration names, at most 256 KiB.
///
/// # Errors
/// [`ConfigError::File`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let file = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    let about = std::fs::metadata(path).map_err(|e| file(e.to_string()))?;
    if !about.is_file() {
        return Err(file("is no file".into()));
    }
    if about.len() > MAX_BYTES {
        return Err(file(format!("has {} bytes: at most {MAX_BYTES}", about.len())));
    }
    std::fs::read(path).map_err(|e| file(e.to_string()))
}

/// The same for a key of the configuration, which the error names.
///
/// # Errors
/// [`ConfigError::Value`].
pub fn read_named(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_file(path).map_err(|error| value(key, error.to_string()))
}

impl Config {
    /// Reads and checks a configuration file, with the variables of this process's environment over it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let ours = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Config::read_with(path, std::env::vars_os().filter_map(ours))
    }

    /// The same with these variables.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read_with(path: &Path, variables: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let bytes = read_file(path)?;
        let schema = |problem: String| ConfigError::Schema { path: path.to_owned(), problem };
        let text = String::from_utf8(bytes).map_err(|_| schema("is no UTF-8 text".into()))?;
        let mut table: Table = toml::from_str(&text).map_err(|e| schema(e.to_string()))?;
        known(&table, &path.display().to_string())?;
        let mut overlaid = false;
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if !name.contains("__") {
                forgotten(&variable, name)?;
                continue;
            }
            overlay(&mut table, &variable, name, &text)?;
            overlaid = true;
        }
        // The text itself, where nothing lies over it: its errors show line and column.
        let read = if overlaid {
            table.try_into().map_err(|e| e.to_string())
        } else {
            toml::from_str(&text).map_err(|e| e.to_string())
        };
        let mut config: Config = read.map_err(schema)?;
        config.check()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in config.files() {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    fn files(&mut self) -> Vec<&mut PathBuf> {
        let Tls {
            certificate,
            key,
            client_authority,
            blocked_callers,
            service_certificate,
            service_key,
            service_authority,
        } = &mut self.tls;
        let mut files = vec![certificate, key, client_authority];
        files.extend([blocked_callers, service_certificate, service_key, service_authority].into_iter().flatten());
        if let Some(Footprint { trust, default_values }) = &mut self.footprint {
            files.extend([trust, default_values].into_iter().flatten());
        }
        if let Some(log) = &mut self.log {
            files.extend([&mut log.receipt_key, &mut log.note_key, &mut log.status_note_key, &mut log.operator_key]);
            files.extend(&mut log.witnesses);
            files.extend(&mut log.rollovers);
            files.extend(&mut log.earlier_note_keys);
            files.extend(&mut log.earlier_status_note_keys);
        }
        files
    }

    /// The configuration as TOML, with every default written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration that was read can be written")
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Some(log) = &self.log {
            if log.origin.is_empty() || log.origin.contains(['\n', '+', ' ']) {
                return Err(value(
                    "log.origin",
                    "must be a name without spaces and plus signs, for example log.example/touchstone",
                ));
            }
            if record::name::check_did(&log.id).is_err() {
                return Err(value("log.id", "must be a did:web identifier, for example did:web:log.example"));
            }
            if !(1..=600).contains(&log.max_epoch_secs) {
                return Err(value("log.max_epoch_secs", "must be between 1 and 600"));
            }
            let is_beside = |part: std::path::Component<'_>| !matches!(part, std::path::Component::ParentDir);
            let first = log.guard.components().next().map(|part| part.as_os_str().to_owned());
            if first.is_none()
                || !log.guard.components().all(is_beside)
                || DATA.iter().any(|own| first == Some((*own).into()))
            {
                return Err(value(
                    "log.guard",
                    "must be a folder of its own beside rows and blobs, such as guard, or an absolute path on another disk",
                ));
            }
            if log.min_epoch_ms > log.max_epoch_secs * 1_000 {
                return Err(value("log.min_epoch_ms", "must not be longer than max_epoch_secs"));
            }
        }
        for (service, address) in &self.peers {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
                return Err(value(
                    format!("peers.{}", service.word()),
                    format!("{address} must be host:port, for example metering.internal:7444"),
                ));
            }
        }
        let Limits {
            calls_per_second,
            burst,
            in_progress,
            in_progress_of_all,
            answer_secs,
            connection_secs,
            drain_secs,
        } = self.limits;
        for (key, number) in [
            ("calls_per_second", calls_per_second),
            ("burst", burst),
            ("in_progress", in_progress),
            ("in_progress_of_all", in_progress_of_all),
            ("answer_secs", answer_secs),
            ("connection_secs", connection_secs),
            ("drain_secs", drain_secs),
        ] {
            if number == 0 {
                return Err(value(format!("limits.{key}"), "must be at least 1"));
            }
        }
        if let Some(Telemetry { otlp, trace_share, metrics_secs, .. }) = &self.telemetry {
            let plain = |otlp: &String| otlp.starts_with("http://") && otlp.parse::<http::Uri>().is_ok();
            if let Some(otlp) = otlp.as_ref().filter(|otlp| !plain(otlp)) {
                return Err(value(
                    "telemetry.otlp",
                    format!("{otlp} must be http://host:port of a collector nearby: it is sent there in the clear"),
                ));
            }
            if !(0.0..=1.0).contains(trace_share) {
                return Err(value("telemetry.trace_share", "must be between 0 and 1"));
            }
            if *metrics_secs == 0 {
                return Err(value("telemetry.metrics_secs", "must be at least 1"));
            }
        }
        Ok(())
    }

    /// Whether a process can run these services with it.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: the first key that is missing for them.
    pub fn suits(&self, services: &[Service]) -> Result<(), ConfigError> {
        let here = |service: &Service| services.contains(service);
        if here(&Service::Registry) && self.log.is_none() {
            return Err(value("log", "is missing: the registry runs in this process"));
        }
        if here(&Service::Gateway) && self.listen.http.is_none() {
            return Err(value("listen.http", "is missing: the gateway runs in this process"));
        }
        for service in services {
            for peer in service.peers().iter().filter(|peer| !here(peer)) {
                if !self.peers.contains_key(peer) {
                    return Err(value(
                        format!("peers.{}", peer.word()),
                        format!("is missing: {} calls it, and it does not run in this process", service.word()),
                    ));
                }
            }
        }
        let called = Service::ALL.iter().any(|other| !here(other) && other.peers().iter().any(here));
        if called && self.listen.internal.is_none() {
            return Err(value("listen.internal", "is missing: services of other processes call those of this one"));
        }
        let calls = services.iter().any(|service| service.peers().iter().any(|peer| !here(peer)));
        let Tls { service_certificate, service_key, service_authority, .. } = &self.tls;
        if called || calls {
            for (key, file) in [
                ("tls.service_certificate", service_certificate),
                ("tls.service_key", service_key),
                ("tls.service_authority", service_authority),
            ] {
                if file.is_none() {
                    return Err(value(key, "is missing: services in several processes know each other by it"));
                }
            }
        }
        Ok(())
    }

    /// A configuration with every key, to know which there are.
    fn full() -> Self {
        let (file, address) = (PathBuf::from("file"), SocketAddr::from(([127, 0, 0, 1], 1)));
        Config {
            listen: Listen { grpc: address, http: Some(address), internal: Some(address), admin: Some(address) },
            tls: Tls {
                certificate: file.clone(),
                key: file.clone(),
                client_authority: file.clone(),
                blocked_callers: Some(file.clone()),
                service_certificate: Some(file.clone()),
                service_key: Some(file.clone()),
                service_authority: Some(file.clone()),
            },
            log: Some(Log {
                origin: "log.example".into(),
                id: "did:web:log.example".into(),
                receipt_key: file.clone(),
                note_key: file.clone(),
                status_note_key: file.clone(),
                rollovers: vec![file.clone()],
                earlier_note_keys: vec![file.clone()],
                earlier_status_note_keys: vec![file.clone()],
                operator_key: file.clone(),
                guard: guard(),
                witnesses: Some(file),
                min_epoch_ms: min_epoch_ms(),
                max_epoch_secs: max_epoch_secs(),
            }),
            footprint: Some(Footprint {
                trust: Some(PathBuf::from("file")),
                default_values: Some(PathBuf::from("file")),
            }),
            peers: Service::ALL.into_iter().map(|service| (service, "host:1".into())).collect(),
            limits: Limits::default(),
            telemetry: Some(Telemetry { otlp: Some("http://127.0.0.1:4317".into()), ..Telemetry::default() }),
        }
    }

    /// Every key, as `table.key`.
    pub fn keys() -> Vec<String> {
        let full = Table::try_from(Config::full()).expect("a configuration is a table");
        let mut keys = Vec::new();
        for (table, rows) in &full {
            keys.extend(rows.as_table().into_iter().flatten().map(|(key, _)| format!("{table}.{key}")));
        }
        keys
    }
}

/// Refuses the first key that nothing reads.
fn known(table: &Table, place: &str) -> Result<(), ConfigError> {
    let keys = Config::keys();
    for (name, rows) in table {
        match rows.as_table() {
            Some(rows) if !rows.is_empty() => {
                for key in rows.keys().map(|key| format!("{name}.{key}")) {
                    check_key(&keys, &key, place)?;
                }
            }
            _ if keys.iter().any(|key| key.split('.').next() == Some(name)) => {}
            _ => check_key(&keys, name, place)?,
        }
    }
    Ok(())
}

fn check_key(keys: &[String], key: &str, place: &str) -> Result<(), ConfigError> {
    if keys.iter().any(|known| known == key) {
        return Ok(());
    }
    let likeness = |known: &&String| strsim::jaro_winkler(known, key);
    let nearest = keys.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|known| likeness(known) > 0.75);
    Err(ConfigError::Unknown { place: place.to_owned(), key: key.to_owned(), nearest: nearest.cloned() })
}

/// Refuses a variable that would be a key of ours with one underscore more.
fn forgotten(variable: &str, name: &str) -> Result<(), ConfigError> {
    let key = Config::keys().into_iter().find(|key| key.replace('.', "_") == name.to_lowercase());
    match key.and_then(|key| key.split_once('.').map(|(table, key)| (table.to_owned(), key.to_owned()))) {
        None => Ok(()),
        Some((table, key)) => Err(ConfigError::Unknown {
            place: format!("environment variable {variable}"),
            key: name.to_lowercase(),
            nearest: Some(format!("{PREFIX}{}__{}", table.to_uppercase(), key.to_uppercase())),
        }),
    }
}

/// Puts a variable over the file: its value as TOML where it is some, else as text.
fn overlay(table: &mut Table, variable: &str, name: &str, text: &str) -> Result<(), ConfigError> {
    let key = name.to_lowercase().replacen("__", ".", 1);
    check_key(&Config::keys(), &key, &format!("environment variable {variable}"))?;
    let (name, key) = key.split_once('.').unwrap_or((&key, ""));
    let whole = text.parse::<i64>().ok().map(Value::Integer);
    // A share; a name such as "nan" stays text.
    let real = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float);
    let number = whole.or_else(real);
    let rows = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
    match rows.as_table_mut() {
        Some(rows) => {
            rows.insert(key.to_owned(), number.unwrap_or_else(|| Value::String(text.to_owned())));
            Ok(())
        }
        None => Err(value(name, "must be a table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str =
        "[listen]\ngrpc = \"127.0.0.1:1\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_authority = \"c\"\n";

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("touchstone.toml");
        std::fs::write(&path, text).unwrap();
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::read_with(&path, variables).map_err(|e| e.to_string())
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        for (text, words) in [
            ("[listen]\ngrcp = \"127.0.0.1:1\"\n", "there is no key listen.grcp: did you mean listen.grpc?"),
            ("[limits]\nin_progres = 1\n", "did you mean limits.in_progress?"),
            ("[peers]\nregistri = \"a:1\"\n", "did you mean peers.registry?"),
            ("[lisen]\ngrpc = \"127.0.0.1:1\"\n", "did you mean listen.grpc?"),
            ("[zzz]\n", "there is no key zzz"),
            ("colour = 3\n", "there is no key colour"),
        ] {
            let error = read(text, &[]).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let config = read(
            SMALL,
            &[
                ("TOUCHSTONE_LISTEN__GRPC", "127.0.0.1:9"),
                ("TOUCHSTONE_LIMITS__BURST", "7"),
                ("TOUCHSTONE_PEERS__REGISTRY", "registry.internal:7444"),
                ("TOUCHSTONE_TARGET_DIR", "no key of ours: no double underscore"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.grpc.port(), 9);
        assert_eq!(config.limits.burst, 7);
        assert_eq!(config.limits.in_progress, Limits::default().in_progress);
        assert_eq!(config.peers[&Service::Registry], "registry.internal:7444");
        let error = read(SMALL, &[("TOUCHSTONE_LISTEN__GRCP", "x")]).unwrap_err();
        assert!(error.contains("TOUCHSTONE_LISTEN__GRCP") && error.contains("did you mean listen.grpc?"), "{error}");
        let error = read(SMALL, &[("TOUCHSTONE_LISTEN_GRPC", "127.0.0.1:9")]).unwrap_err();
        assert!(error.contains("did you mean TOUCHSTONE_LISTEN__GRPC?"), "{error}");
        assert!(read(SMALL, &[("TOUCHSTONE_LIMITS__BURST", "many")]).unwrap_err().contains("burst"));
    }

    #[test]
    fn values_are_checked_and_what_a_role_needs_is_said() {
        let error = read(&format!("{SMALL}[limits]\nburst = 0\n"), &[]).unwrap_err();
        assert!(error.contains("limits.burst: must be at least 1"), "{error}");
        let error = read(&format!("{SMALL}[peers]\nregistry = \"registry\"\n"), &[]).unwrap_err();
        assert!(error.contains("peers.registry: registry must be host:port"), "{error}");
        for (text, words) in [
            ("otlp = \"https://collector:4317\"", "telemetry.otlp: https://collector:4317 must be http://host:port"),
            ("trace_share = 1.5", "telemetry.trace_share: must be between 0 and 1"),
            ("trace_share = nan", "telemetry.trace_share"),
            ("metrics_secs = 0", "telemetry.metrics_secs: must be at least 1"),
        ] {
            let error = read(&format!("{SMALL}[telemetry]\n{text}\n"), &[]).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let config = read(SMALL, &[("TOUCHSTONE_TELEMETRY__TRACE_SHARE", "0.25")]).unwrap();
        assert_eq!(config.telemetry.unwrap().trace_share, 0.25);
        let config = read(SMALL, &[]).unwrap();
        for (services, key) in [
            (&[Service::Registry][..], "log: is missing"),
            (&[Service::Gateway], "listen.http: is missing"),
            (&[Service::Verification], "peers.registry: is missing: verification calls it"),
            (&[Service::Metering], "listen.internal: is missing"),
        ] {
            let error = config.suits(services).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        let config = read(SMALL, &[("TOUCHSTONE_PEERS__REGISTRY", "r:1")]).unwrap();
        let error = config.suits(&[Service::Verification]).unwrap_err().to_string();
        assert!(error.contains("tls.service_certificate"), "{error}");
    }

    #[test]
    fn every_key_is_known_and_what_is_dumped_can_be_read() {
        let full = Config::full();
        assert!(Config::keys().len() > 25);
        let again = read(&full.to_toml(), &[]).unwrap();
        assert_eq!(again.listen, full.listen);
        assert_eq!(again.limits, full.limits);
        full.suits(&Service::ALL).unwrap();
        for service in Service::ALL {
            full.suits(&[service]).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Config::read(&folder.path().join("absent.toml")).is_err());
        assert!(Config::read(folder.path()).unwrap_err().to_string().contains("is no file"));
        let path = folder.path().join("touchstone.toml");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(Config::read(&path).unwrap_err().to_string().contains("UTF-8"));
    }
}
