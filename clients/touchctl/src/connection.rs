//! The connection of online commands: stated by options, the environment or a file, opened as one caller.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::runtime::Runtime;
use touchstone_client::{Client, ClientError, Identity};

use crate::args::ConnectionArgs;
use crate::error::Error;
use crate::files;

/// Largest connection file.
const MAX_CONNECTION_BYTES: u64 = 64 << 10;
/// Largest file of certificates, or of a key.
const MAX_PEM_BYTES: u64 = 256 << 10;

/// A server, and a runtime on which it is called.
pub(crate) struct Server {
    runtime: Runtime,
    client: Client,
    address: String,
}

impl Server {
    /// A server as it is stated. It is connected to when first called.
    ///
    /// # Errors
    /// What is not stated, a file that cannot be read, or a certificate or key that cannot be used.
    pub(crate) fn open(args: &ConnectionArgs) -> Result<Self, Error> {
        let stated = Stated::read(args, &|name| std::env::var_os(name))?;
        let settings = stated.complete()?;
        let identity = Identity {
            certificate: &files::read("certificate", &settings.certificate, MAX_PEM_BYTES)?,
            key: &files::read("key", &settings.key, MAX_PEM_BYTES)?,
            authority: &files::read("authority", &settings.authority, MAX_PEM_BYTES)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let client = {
            // Its connections live on the runtime.
            let _inside = runtime.enter();
            Client::new(&identity, &settings.server, &settings.server_name).map_err(Error::Identity)?
        };
        Ok(Server { runtime, client, address: settings.server })
    }

    /// Typed clients of its services.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for the answer of a call.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = Result<T, ClientError>>) -> Result<T, Error> {
        self.runtime.block_on(call).map_err(|error| self.failed(error))
    }

    /// The same for a call that changes something: where its answer is away, the error names the id with which it is made
    /// again.
    pub(crate) fn change<T>(
        &self,
        request_id: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(call).map_err(|error| self.unanswered(request_id, error))
    }

    /// A change that failed, with the id to make it again where it is not known what became of it.
    pub(crate) fn unanswered(&self, request_id: &str, error: ClientError) -> Error {
        let is_passing = error.is_passing();
        let error = self.failed(error);
        match is_passing {
            true => Error::Unanswered { request_id: request_id.to_owned(), error: Box::new(error) },
            false => error,
        }
    }

    /// Waits for what does not fail by itself.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A call of this server that failed.
    pub(crate) fn failed(&self, error: ClientError) -> Error {
        Error::Call { server: self.address.clone(), error }
    }
}

/// All pages of a list.
pub(crate) async fn pages<T, P>(page: impl Fn(String) -> P) -> Result<Vec<T>, ClientError>
where
    P: Future<Output = Result<(Vec<T>, String), ClientError>>,
{
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (items, next) = page(token).await?;
        all.extend(items);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}

/// What is stated so far.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stated {
    server: Option<String>,
    server_name: Option<String>,
    authority: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// All that is needed.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    server: String,
    server_name: String,
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// Keys of a connection file.
const KEYS: [&str; 5] = ["server", "server_name", "authority", "certificate", "key"];

/// Why a text is no connection file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionFileError {
    #[error("line {line}: there is no key {key}{}", nearest.map(|known| format!(": did you mean {known}?")).unwrap_or_default())]
    UnknownKey { line: usize, key: String, nearest: Option<&'static str> },
    #[error("line {line}: {problem}")]
    Text { line: usize, problem: String },
}

impl Stated {
    /// Options before the environment, and both before the file.
    fn read(args: &ConnectionArgs, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        // What is set to nothing is not set.
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &'static str| match variable(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(Error::Variable { name }),
        };
        let path = |name: &str| variable(name).map(PathBuf::from);
        let given = Stated {
            server: args.server.clone().map_or_else(|| text("TOUCHCTL_SERVER"), |given| Ok(Some(given)))?,
            server_name: args
                .server_name
                .clone()
                .map_or_else(|| text("TOUCHCTL_SERVER_NAME"), |name| Ok(Some(name)))?,
            authority: args.authority.clone().or_else(|| path("TOUCHCTL_AUTHORITY")),
            certificate: args.certificate.clone().or_else(|| path("TOUCHCTL_CERTIFICATE")),
            key: args.key.clone().or_else(|| path("TOUCHCTL_KEY")),
        };
        let Some(file) = args.connection.clone().or_else(|| path("TOUCHCTL_CONNECTION")) else { return Ok(given) };
        let of_file = files::text("connection", &file, MAX_CONNECTION_BYTES)?;
        let of_file = Stated::from_toml(&of_file)
            .map_err(|error| Error::ConnectionFile { path: file.clone(), error })?
            .beside(&file);
        Ok(Stated {
            // A name belongs to the server that it was stated with.
            server_name: match given.server {
                Some(_) => given.server_name,
                None => given.server_name.or(of_file.server_name),
            },
            server: given.server.or(of_file.server),
            authority: given.authority.or(of_file.authority),
            certificate: given.certificate.or(of_file.certificate),
            key: given.key.or(of_file.key),
        })
    }

    fn from_toml(text: &str) -> Result<Self, ConnectionFileError> {
        let line = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
        let wrong = |error: toml::de::Error| ConnectionFileError::Text {
            line: error.span().map_or(1, |span| line(span.start)),
            problem: error.message().to_owned(),
        };
        let table: toml::Table = toml::from_str(text).map_err(wrong)?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let likeness = |known: &&str| strsim::jaro_winkler(known, key);
            let nearest = KEYS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let line = 1 + text.lines().position(|line| line.trim_start().starts_with(key.as_str())).unwrap_or(0);
            let nearest = nearest.filter(|known| likeness(known) > 0.75);
            return Err(ConnectionFileError::UnknownKey { line, key: key.clone(), nearest });
        }
        toml::from_str(text).map_err(wrong)
    }

    /// With paths from the folder of the file that states them.
    fn beside(self, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        let at = |path: PathBuf| folder.join(path);
        let Stated { server, server_name, authority, certificate, key } = self;
        Stated { server, server_name, authority: authority.map(at), certificate: certificate.map(at), key: key.map(at) }
    }

    fn complete(self) -> Result<Settings, Error> {
        let Stated { server, server_name, authority, certificate, key } = self;
        let missing = [
            ("server", server.is_none()),
            ("authority", authority.is_none()),
            ("certificate", certificate.is_none()),
            ("key", key.is_none()),
        ];
        let (Some(server), Some(authority), Some(certificate), Some(key)) = (server, authority, certificate, key)
        else {
            let missing = missing.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name);
            return Err(Error::NoConnection { missing: missing.collect() });
        };
        let host = server.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        let Some((host, _)) = host else { return Err(Error::Server { given: server }) };
        let server_name = server_name.unwrap_or_else(|| host.trim_start_matches('[').trim_end_matches(']').to_owned());
        Ok(Settings { server, server_name, authority, certificate, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "server = \"registry.example:7443\"\nserver_name = \"inner.example\"\nauthority = \"a.crt\"\n\
                        certificate = \"ann.crt\"\nkey = \"/keys/ann.key\"\n";

    fn stated(args: ConnectionArgs, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Stated::read(&args, &variable)?.complete()
    }

    #[test]
    fn options_before_the_environment_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connection.toml");
        std::fs::write(&file, FILE).unwrap();
        let path = file.to_str().unwrap();
        let read = stated(ConnectionArgs::default(), &[("TOUCHCTL_CONNECTION", path)]).unwrap();
        assert_eq!((read.server.as_str(), read.server_name.as_str()), ("registry.example:7443", "inner.example"));
        assert_eq!((read.authority, read.key), (folder.path().join("a.crt"), "/keys/ann.key".into()));
        let args = ConnectionArgs { connection: Some(file.clone()), key: Some("k".into()), ..Default::default() };
        let variables = [("TOUCHCTL_SERVER", "[::1]:7443"), ("TOUCHCTL_KEY", "other"), ("TOUCHCTL_AUTHORITY", "")];
        let read = stated(args, &variables).unwrap();
        assert_eq!((read.server.as_str(), read.server_name.as_str()), ("[::1]:7443", "::1"));
        assert_eq!((read.authority, read.key), (folder.path().join("a.crt"), "k".into()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let args = ConnectionArgs { server: Some("a:1".into()), key: Some("k".into()), ..Default::default() };
        let error = stated(args, &[]).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("--authority, --certificate") && words.contains("TOUCHCTL_AUTHORITY"), "{words}");
        assert!(!words.contains("--server") && !words.contains("--key"), "{words}");
        let all = ["TOUCHCTL_AUTHORITY", "TOUCHCTL_CERTIFICATE", "TOUCHCTL_KEY"].map(|name| (name, "x"));
        for wrong in ["registry.example", "https://registry.example", "registry.example:seven", ":7443"] {
            let args = ConnectionArgs { server: Some(wrong.into()), ..Default::default() };
            assert!(matches!(stated(args, &all), Err(Error::Server { .. })), "{wrong}");
        }
    }

    #[test]
    fn the_file_is_closed() {
        let refused = |text: &str, words: &str| {
            let error = Stated::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("key = \"k\"\nservr = \"a:1\"\n", "line 2: there is no key servr: did you mean server?");
        refused("colour = 1\n", "there is no key colour");
        refused("server = 7443\n", "line 1: ");
        refused("server = \n", "line 1: ");
    }
}
