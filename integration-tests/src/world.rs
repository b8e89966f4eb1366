//! A running installation on loopback, in a folder of its own: all services in one server, or each in one of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runtime::Caller;
use runtime::config::{Config, Listen, Service};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use touchstone::init::{Installation, Options, init};
use touchstone::serve::{Addresses, ServeError, Server, Setup, Sockets};
use touchstone_client::{Client, ClientError, Identity};

use crate::cast::{Cast, LOG_ID, ORIGIN};

/// How the services of an installation are divided among processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All in one, connected by pipes.
    Together,
    /// Each with its own doors, its own data and mTLS to the others.
    Apart,
}

impl Shape {
    fn processes(self) -> Vec<Vec<Service>> {
        match self {
            Shape::Together => vec![Service::ALL.to_vec()],
            Shape::Apart => Service::ALL.iter().map(|service| vec![*service]).collect(),
        }
    }
}

/// An installation with its cast; its servers may be stopped and started again on the same data.
pub struct World {
    /// Everybody's keys.
    pub cast: Cast,
    /// What `init` made.
    pub installation: Installation,
    /// Where it lies.
    pub folder: PathBuf,
    processes: Vec<Process>,
}

/// One server: what it runs, where it was found, and how to stop it.
struct Process {
    services: Vec<Service>,
    data: PathBuf,
    addresses: Option<Addresses>,
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
    pub async fn start(folder: &Path, shape: Shape) -> Result<Self, WorldError> {
        let mut world = World::install(folder, shape)?;
        world.resume().await?;
        Ok(world)
    }

    /// Installs without starting: for servers in processes of their own, which [`World::found_at`] makes known.
    ///
    /// # Errors
    /// What went wrong.
    pub fn install(folder: &Path, shape: Shape) -> Result<Self, WorldError> {
        let process = |services: Vec<Service>| Process {
            data: match shape {
                Shape::Together => folder.join("data"),
                Shape::Apart => folder.join("data").join(services[0].word()),
            },
            services,
            addresses: None,
            running: None,
        };
        Ok(World {
            cast: Cast::new().map_err(words)?,
            installation: install(&folder.join("installation"), 100)?,
            folder: folder.to_owned(),
            processes: shape.processes().into_iter().map(process).collect(),
        })
    }

    /// Makes known where the process of `service` listens, which this world did not start.
    pub fn found_at(&mut self, service: Service, addresses: Addresses) {
        for process in self.processes.iter_mut().filter(|process| process.services.contains(&service)) {
            process.addresses = Some(addresses);
        }
    }

    /// Starts all servers that do not run, each where it was before and on the same data.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn resume(&mut self) -> Result<(), WorldError> {
        let config = Config::read(&self.installation.config).map_err(words)?;
        // Step 1: sockets of all, since each is told where the others are.
        let mut bound = Vec::new();
        let apart = self.processes.len() > 1;
        for process in &mut self.processes {
            if process.running.is_some() {
                continue;
            }
            let before = process.addresses;
            let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
            let listen = Listen {
                grpc: before.map_or(anywhere, |before| before.grpc),
                http: Some(before.and_then(|before| before.http).unwrap_or(anywhere)),
                internal: apart.then(|| before.and_then(|before| before.internal).unwrap_or(anywhere)),
                admin: Some(before.and_then(|before| before.admin).unwrap_or(anywhere)),
            };
            let sockets = Sockets::bind(&listen, &process.services).await.map_err(words)?;
            process.addresses = Some(sockets.addresses().map_err(words)?);
            bound.push((process.services[0], Config { listen, ..config.clone() }, sockets));
        }
        let peers: BTreeMap<Service, String> = match apart {
            false => BTreeMap::new(),
            true => Service::ALL
                .into_iter()
                .filter_map(|service| Some((service, self.of(service)?.internal?.to_string())))
                .collect(),
        };
        // Step 2: the servers.
        for (first, config, sockets) in bound {
            let config = Config { peers: peers.clone(), ..config };
            let Some(process) = self.processes.iter_mut().find(|process| process.services[0] == first) else {
                continue;
            };
            let server = open(&config, process, sockets).await.map_err(words)?;
            let (stop, stopped) = oneshot::channel::<()>();
            let task = tokio::spawn(server.run(async {
                let _asked = stopped.await;
            }));
            process.running = Some((stop, task));
        }
        Ok(())
    }

    /// Stops all servers and waits until they no longer serve.
    ///
    /// # Errors
    /// What serving ended with.
    pub async fn stop(&mut self) -> Result<(), WorldError> {
        for service in Service::ALL {
            self.stop_one(service).await?;
        }
        Ok(())
    }

    /// Stops the server that runs `service`.
    ///
    /// # Errors
    /// What serving ended with.
    pub async fn stop_one(&mut self, service: Service) -> Result<(), WorldError> {
        for process in self.processes.iter_mut().filter(|process| process.services.contains(&service)) {
            if let Some((stop, task)) = process.running.take() {
                let _gone = stop.send(());
                task.await.map_err(words)?.map_err(words)?;
            }
        }
        Ok(())
    }

    /// Where the server of a service listens, once it did.
    pub fn of(&self, service: Service) -> Option<Addresses> {
        self.processes.iter().find(|process| process.services.contains(&service))?.addresses
    }

    /// Folder of the data of the server that runs `service`.
    pub fn data(&self, service: Service) -> &Path {
        let process = self.processes.iter().find(|process| process.services.contains(&service));
        process.map_or(self.folder.as_path(), |process| process.data.as_path())
    }

    /// Where callers find the services.
    pub fn addresses(&self) -> touchstone_client::Addresses {
        let of = |service| self.of(service).map_or_else(String::new, |addresses| addresses.grpc.to_string());
        touchstone_client::Addresses {
            metering: of(Service::Metering),
            footprint: of(Service::Footprint),
            certification: of(Service::Certification),
            registry: of(Service::Registry),
            verification: of(Service::Verification),
        }
    }

    /// Where the public reads.
    pub fn http(&self) -> SocketAddr {
        let http = self.of(Service::Gateway).and_then(|addresses| addresses.http);
        http.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
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
        Ok(Client::at(&identity, &self.addresses(), "localhost")?)
    }
}

/// Opens a server. One stopped just before in this process may hold the data until its last connection is gone.
async fn open(config: &Config, process: &Process, sockets: Sockets) -> Result<Server, ServeError> {
    let began = Instant::now();
    while began.elapsed() < LET_GO && touchstone::serve::is_in_use(&process.data) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Process { services, data, .. } = process;
    Server::open(Setup { config, services, data, clock: runtime::system_clock(), sockets }).await
}
