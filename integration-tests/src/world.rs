//! A running installation: all services in one process, on loopback, in a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runtime::Caller;
use runtime::config::Config;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use touchstone::init::{Installation, Options, init};
use touchstone::serve::{ServeError, Server};
use touchstone_client::{Client, ClientError, Identity};

use crate::cast::{Cast, LOG_ID, ORIGIN};

/// An installation with its cast; the server may be stopped and started again on the same data.
pub struct World {
    /// Everybody's keys.
    pub cast: Cast,
    /// What `init` made.
    pub installation: Installation,
    /// Where it lies.
    pub folder: PathBuf,
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where HTTP listens.
    pub http: SocketAddr,
    running: Option<Running>,
}

/// Longest that a stopped server may hold its data.
const LET_GO: Duration = Duration::from_secs(10);

/// A server of this process: how to stop it, and how it ended.
type Running = (oneshot::Sender<()>, JoinHandle<Result<(), ServeError>>);

/// Why there is no world. Words are enough: nobody acts on it but a reader.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WorldError(pub String);

impl From<ClientError> for WorldError {
    fn from(error: ClientError) -> Self {
        WorldError(error.to_string())
    }
}

fn words(error: impl std::fmt::Display) -> WorldError {
    WorldError(error.to_string())
}

/// Makes keys, certificates and configuration in `folder`; ports are chosen by the system.
///
/// # Errors
/// What could not be made.
pub fn install(folder: &Path, min_epoch_ms: u64) -> Result<Installation, WorldError> {
    init(&Options {
        folder: folder.to_owned(),
        origin: ORIGIN.into(),
        log_id: LOG_ID.into(),
        grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
        http: SocketAddr::from(([127, 0, 0, 1], 0)),
        hosts: vec!["localhost".into(), "127.0.0.1".into()],
        min_epoch_ms,
    })
    .map_err(words)
}

impl World {
    /// Installs and starts.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn start(folder: &Path) -> Result<Self, WorldError> {
        let mut world = World::install(folder)?;
        world.resume().await?;
        Ok(world)
    }

    /// Installs without starting: for a server in a process of its own, whose addresses the caller fills in.
    ///
    /// # Errors
    /// What went wrong.
    pub fn install(folder: &Path) -> Result<Self, WorldError> {
        Ok(World {
            cast: Cast::new().map_err(words)?,
            installation: install(&folder.join("installation"), 100)?,
            folder: folder.to_owned(),
            grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            running: None,
        })
    }

    /// Starts the server again on the same data.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn resume(&mut self) -> Result<(), WorldError> {
        let config = Config::read(&self.installation.config).map_err(words)?;
        let server = self.open(&config).await.map_err(words)?;
        (self.grpc, self.http) = (server.grpc, server.http);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _asked = stopped.await;
        }));
        self.running = Some((stop, task));
        Ok(())
    }

    /// Opens the server. One stopped just before in this process may hold the data until its last connection is gone.
    async fn open(&self, config: &Config) -> Result<Server, ServeError> {
        let began = Instant::now();
        loop {
            match Server::open(config, &self.folder.join("data")).await {
                Err(ServeError::Store { .. }) if began.elapsed() < LET_GO => tokio::task::yield_now().await,
                opened => return opened,
            }
        }
    }

    /// Stops the server and waits until it no longer serves.
    ///
    /// # Errors
    /// What serving ended with.
    pub async fn stop(&mut self) -> Result<(), WorldError> {
        if let Some((stop, task)) = self.running.take() {
            let _gone = stop.send(());
            task.await.map_err(words)?.map_err(words)?;
        }
        Ok(())
    }

    /// A client that calls as `caller`.
    ///
    /// # Errors
    /// What could not be made.
    pub fn client(&self, caller: &Caller) -> Result<Client, WorldError> {
        let pair = self.installation.authority.caller(caller).map_err(words)?;
        let identity = Identity {
            certificate: pair.certificate_pem.as_bytes(),
            key: pair.key_pem.as_bytes(),
            authority: self.installation.authority.pair().certificate_pem.as_bytes(),
        };
        Ok(Client::new(&identity, &self.grpc.to_string(), "localhost")?)
    }
}
