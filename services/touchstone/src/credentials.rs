//! What a process shows and whom it believes: read from files, and read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::blocked::Blocked;
use runtime::config::{Config, read_named};
use runtime::connect::{Identity, IdentityError};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::serve::ServeError;

/// The credentials in use; whoever listens or connects takes the newest.
pub struct Credentials {
    /// Meets callers.
    pub callers: watch::Sender<TlsAcceptor>,
    /// Meets and calls the other services, where they run in processes of their own.
    pub services: Option<Services>,
    /// Callers refused.
    pub blocked: watch::Sender<Arc<Blocked>>,
}

/// Both sides between services.
pub struct Services {
    /// Meets them.
    pub acceptor: watch::Sender<TlsAcceptor>,
    /// Calls them.
    pub connector: watch::Sender<TlsConnector>,
}

/// Three files that make an identity, with the keys of the configuration that name them.
type Files<'a> = [(&'static str, &'a Path); 3];

fn identity(files: Files<'_>) -> Result<Identity, ServeError> {
    let [chain, key, authority] = files;
    let read = |(name, path): (&'static str, &Path)| read_named(name, path);
    Identity::from_pem(&read(chain)?, &read(key)?, &read(authority)?).map_err(|error| {
        let (name, path) = match &error {
            IdentityError::Pem { what: "key" } => key,
            IdentityError::Pem { what: "authority" } => authority,
            _ => chain,
        };
        ServeError::Key { key: name, problem: format!("{}: {error}", path.display()) }
    })
}

fn unusable(key: &'static str) -> impl Fn(IdentityError) -> ServeError {
    move |error| ServeError::Key { key, problem: error.to_string() }
}

fn callers(config: &Config) -> Result<TlsAcceptor, ServeError> {
    let tls = &config.tls;
    let files = [
        ("tls.certificate", tls.certificate.as_path()),
        ("tls.key", tls.key.as_path()),
        ("tls.client_authority", tls.client_authority.as_path()),
    ];
    identity(files)?.server().map_err(unusable("tls.certificate, tls.key"))
}

fn services(config: &Config) -> Result<Option<(TlsAcceptor, TlsConnector)>, ServeError> {
    let tls = &config.tls;
    let (Some(certificate), Some(key), Some(authority)) =
        (&tls.service_certificate, &tls.service_key, &tls.service_authority)
    else {
        return Ok(None);
    };
    let files = [
        ("tls.service_certificate", certificate.as_path()),
        ("tls.service_key", key.as_path()),
        ("tls.service_authority", authority.as_path()),
    ];
    let identity = identity(files)?;
    let unusable = unusable("tls.service_certificate, tls.service_key");
    Ok(Some((identity.server().map_err(&unusable)?, identity.client().map_err(&unusable)?)))
}

fn blocked(config: &Config) -> Result<Arc<Blocked>, ServeError> {
    const KEY: &str = "tls.blocked_callers";
    let Some(path) = &config.tls.blocked_callers else { return Ok(Arc::default()) };
    let text = String::from_utf8_lossy(&read_named(KEY, path)?).into_owned();
    let blocked = Blocked::from_toml(&text)
        .map_err(|problem| ServeError::Key { key: KEY, problem: format!("{}: {problem}", path.display()) })?;
    Ok(Arc::new(blocked))
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ServeError`] with the key of the configuration.
    pub fn read(config: &Config) -> Result<Self, ServeError> {
        Ok(Credentials {
            callers: watch::Sender::new(callers(config)?),
            services: services(config)?.map(|(acceptor, connector)| Services {
                acceptor: watch::Sender::new(acceptor),
                connector: watch::Sender::new(connector),
            }),
            blocked: watch::Sender::new(blocked(config)?),
        })
    }

    /// Reads the files again: all are taken, or none.
    ///
    /// # Errors
    /// [`ServeError`]; what was in use stays.
    pub fn renew(&self, config: &Config) -> Result<(), ServeError> {
        let (callers, services, blocked) = (callers(config)?, services(config)?, blocked(config)?);
        self.callers.send_replace(callers);
        if let (Some(known), Some((acceptor, connector))) = (&self.services, services) {
            known.acceptor.send_replace(acceptor);
            known.connector.send_replace(connector);
        }
        self.blocked.send_replace(blocked);
        Ok(())
    }

    /// The files, to be watched.
    pub fn files(config: &Config) -> Vec<PathBuf> {
        let tls = &config.tls;
        let optional = [&tls.service_certificate, &tls.service_key, &tls.service_authority, &tls.blocked_callers];
        let mut files = vec![tls.certificate.clone(), tls.key.clone(), tls.client_authority.clone()];
        files.extend(optional.into_iter().flatten().cloned());
        files
    }
}
