//! All services in one process: read the configuration, open the store, connect, announce, serve, drain.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cose::key::{PublicKey, SigningKey};
use jiff::SignedDuration;
use proto::certification::certification_service_server::{self, CertificationServiceServer};
use proto::footprint::footprint_service_server::{self, FootprintServiceServer};
use proto::metering::metering_service_server::{self, MeteringServiceServer};
use proto::registry::registry_service_server::{self, RegistryServiceServer};
use proto::verification::verification_service_server::{self, VerificationServiceServer};
use runtime::config::{Config, ConfigError, read_file};
use runtime::connect::{Arrivals, Identity};
use runtime::server::{MAX_MESSAGE_BYTES, Serving};
use runtime::{Clock, system_clock};
use store::{BlobStore, FolderBlobs, RegistryStore, RocksStore};
use tokio::net::TcpListener;
use tonic::service::RoutesBuilder;

/// How far ahead of our clock an instrument's interval may end.
const SKEW_SECS: u32 = 300;
/// Oldest status on which an online verdict may rest.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Why the process could not serve. Words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key file cannot be used.
    #[error("{key}: {problem}")]
    Key {
        /// Key of the configuration.
        key: &'static str,
        /// Why.
        problem: String,
    },
    /// An address cannot be listened on.
    #[error("{key} = {address}: {problem}")]
    Listen {
        /// Key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        problem: String,
    },
    /// The store cannot be opened.
    #[error("{folder}: {problem}")]
    Store {
        /// The folder.
        folder: String,
        /// Why.
        problem: String,
    },
    /// The log cannot go on.
    #[error("the log: {0}")]
    Log(String),
    /// The transport failed.
    #[error("serving ended: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// A server that listens and has opened everything; `run` serves.
pub struct Server {
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where HTTP listens.
    pub http: SocketAddr,
    serving: Serving,
    arrivals: Arrivals,
    acceptor: tokio_rustls::TlsAcceptor,
    grpc_listener: TcpListener,
    http_listener: TcpListener,
    router: axum::Router,
}

fn signing_key(key: &'static str, path: &Path) -> Result<SigningKey, ServeError> {
    let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
    SigningKey::from_pkcs8_pem(&text).map_err(|e| ServeError::Key { key, problem: e.to_string() })
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |e: std::io::Error| ServeError::Listen { key, address, problem: e.to_string() };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Server {
    /// Opens everything: configuration, sockets, store, log.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn open(config: &Config, data: &Path) -> Result<Self, ServeError> {
        Self::open_with_clock(config, data, system_clock()).await
    }

    /// The same with a clock of the caller's.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn open_with_clock(config: &Config, data: &Path, clock: Clock) -> Result<Self, ServeError> {
        // Step 1: everything that can be wrong in files.
        let identity = Identity::from_pem(
            &read_file(&config.tls.certificate)?,
            &read_file(&config.tls.key)?,
            &read_file(&config.tls.client_authority)?,
        )
        .map_err(|e| ServeError::Key { key: "tls", problem: e.to_string() })?;
        let acceptor = identity.server().map_err(|e| ServeError::Key { key: "tls", problem: e.to_string() })?;
        let operator = String::from_utf8_lossy(&read_file(&config.log.operator_key)?).into_owned();
        let keys = registry_service::LogKeys {
            receipt: signing_key("log.receipt_key", &config.log.receipt_key)?,
            note: signing_key("log.note_key", &config.log.note_key)?,
            status_note: signing_key("log.status_note_key", &config.log.status_note_key)?,
            operator: PublicKey::from_jwk(operator.trim())
                .map_err(|e| ServeError::Key { key: "log.operator_key", problem: e.to_string() })?,
        };
        // Step 2: sockets, so that a taken address is known before the store is touched.
        let (grpc_listener, grpc) = listen("listen.grpc", config.listen.grpc).await?;
        let (http_listener, http) = listen("listen.http", config.listen.http).await?;
        // Step 3: the store.
        let broken = |problem: store::StoreError| ServeError::Store {
            folder: data.display().to_string(),
            problem: problem.to_string(),
        };
        std::fs::create_dir_all(data)
            .map_err(|e| ServeError::Store { folder: data.display().to_string(), problem: e.to_string() })?;
        let rows: Arc<dyn RegistryStore> = Arc::new(RocksStore::open(&data.join("rows")).map_err(broken)?);
        let blobs: Arc<dyn BlobStore> = Arc::new(FolderBlobs::open(&data.join("blobs")).map_err(broken)?);
        // Step 4: the services, each with channels to its peers; a channel connects when it is first used.
        let arrivals = Arrivals::default();
        let peer = || arrivals.in_process();
        let registry = registry_service::RegistryService::start(registry_service::Config {
            origin: config.log.origin.clone(),
            log_id: config.log.id.clone(),
            keys,
            store: rows.clone(),
            blobs,
            footprint: peer(),
            clock: clock.clone(),
            min_epoch: Duration::from_millis(config.log.min_epoch_ms),
            max_epoch: Duration::from_secs(config.log.max_epoch_secs),
        })
        .await
        .map_err(ServeError::Log)?;
        let metering = metering_service::MeteringService::new(metering_service::Config {
            store: rows.clone(),
            clock: clock.clone(),
            skew_secs: SKEW_SECS,
        });
        let footprint = footprint_service::FootprintService::new(footprint_service::Config {
            store: rows.clone(),
            clock: clock.clone(),
            metering: peer(),
        });
        let certification = certification_service::CertificationService::new(certification_service::Config {
            store: rows,
            clock: clock.clone(),
            metering: peer(),
            footprint: peer(),
            registry: peer(),
        });
        let verification = verification_service::VerificationService::new(verification_service::Config {
            registry: peer(),
            clock,
            max_age: MAX_AGE,
        });
        let router = gateway_service::router(gateway_service::Config { registry: peer() });
        // Step 5: one server for all.
        let mut routes = RoutesBuilder::default();
        routes.add_service(MeteringServiceServer::new(metering).max_decoding_message_size(MAX_MESSAGE_BYTES));
        routes.add_service(FootprintServiceServer::new(footprint).max_decoding_message_size(MAX_MESSAGE_BYTES));
        routes.add_service(CertificationServiceServer::new(certification).max_decoding_message_size(MAX_MESSAGE_BYTES));
        routes.add_service(RegistryServiceServer::new(registry).max_decoding_message_size(MAX_MESSAGE_BYTES));
        routes.add_service(VerificationServiceServer::new(verification).max_decoding_message_size(MAX_MESSAGE_BYTES));
        let serving = Serving {
            routes,
            rows: [
                metering_service::ROWS,
                footprint_service::ROWS,
                certification_service::ROWS,
                registry_service::ROWS,
                verification_service::ROWS,
            ]
            .concat(),
            names: vec![
                metering_service_server::SERVICE_NAME,
                footprint_service_server::SERVICE_NAME,
                certification_service_server::SERVICE_NAME,
                registry_service_server::SERVICE_NAME,
                verification_service_server::SERVICE_NAME,
            ],
        };
        Ok(Server { grpc, http, serving, arrivals, acceptor, grpc_listener, http_listener, router })
    }

    /// Serves until `stop` completes, then lets calls in progress finish.
    ///
    /// # Errors
    /// [`ServeError::Transport`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let accepting = self.arrivals.listen(self.grpc_listener, self.acceptor);
        let http = tokio::spawn(async move { axum::serve(self.http_listener, self.router).await });
        let served = self.serving.run(self.arrivals, stop).await;
        accepting.abort();
        http.abort();
        Ok(served?)
    }
}
