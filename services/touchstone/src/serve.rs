//! One process: the services it is told to run, the store under them, channels to the others, doors to the outside.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cose::key::{KeyKind, PublicKey, SigningKey};
use jiff::SignedDuration;
use proto::certification::certification_service_server::{self, CertificationServiceServer};
use proto::footprint::footprint_service_server::{self, FootprintServiceServer};
use proto::metering::metering_service_server::{self, MeteringServiceServer};
use proto::registry::registry_service_server::{self, RegistryServiceServer};
use proto::verification::verification_service_server::{self, VerificationServiceServer};
use registry_service::{Report, Standing, Witnesses};
use runtime::Clock;
use runtime::config::{Config, ConfigError, Listen, Service, read_named};
use runtime::connect::{Arrivals, Door, Peer, channel};
use runtime::server::{MAX_MESSAGE_BYTES, Serving};
use runtime::telemetry::{Label, Meters, MetersError, observed};
use store::{BlobStore, FolderBlobs, RegistryStore, RocksStore, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::RoutesBuilder;

use crate::admin::{self, Admin};
use crate::credentials::Credentials;
use crate::foundations::Foundations;

/// How far ahead of our clock an instrument's interval may end.
const SKEW_SECS: u32 = 300;
/// Oldest status on which an online verdict may rest.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);
/// Folder of the rows in that of the data.
const ROWS: &str = "rows";
/// Folder of the blobs in that of the data.
const BLOBS: &str = "blobs";

/// Why the process could not serve. Words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file that the configuration names cannot be used.
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
    /// Another process has the data.
    #[error("--data {folder}: another process uses it; stop that one first, or name another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The store cannot be opened.
    #[error("--data {folder}: {problem}")]
    Store {
        /// The folder.
        folder: String,
        /// Why.
        problem: String,
    },
    /// Nobody can be told of what the process does.
    #[error(transparent)]
    Meters(#[from] MetersError),
    /// The log cannot go on.
    #[error("the log: {0}")]
    Log(#[from] registry_service::OpenError),
    /// The transport failed.
    #[error("serving ended: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Sockets of a process: bound before anything else, so that a taken address is known before the store is touched.
pub struct Sockets {
    grpc: TcpListener,
    http: Option<TcpListener>,
    internal: Option<TcpListener>,
    admin: Option<TcpListener>,
}

/// Where a process listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// gRPC for callers.
    pub grpc: SocketAddr,
    /// Public reading.
    pub http: Option<SocketAddr>,
    /// gRPC for the other services.
    pub internal: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: Option<SocketAddr>,
}

impl Sockets {
    /// Binds what the configuration names and these services need.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn bind(listen: &Listen, services: &[Service]) -> Result<Self, ServeError> {
        let http = listen.http.filter(|_| services.contains(&Service::Gateway));
        Ok(Sockets {
            grpc: bind("listen.grpc", listen.grpc).await?,
            http: bind_some("listen.http", http).await?,
            internal: bind_some("listen.internal", listen.internal).await?,
            admin: bind_some("listen.admin", listen.admin).await?,
        })
    }

    /// Where they are: a port 0 of the configuration has become one.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn addresses(&self) -> Result<Addresses, ServeError> {
        let of = |key, listener: &TcpListener| {
            listener.local_addr().map_err(|e| ServeError::Listen {
                key,
                address: SocketAddr::from(([0, 0, 0, 0], 0)),
                problem: e.to_string(),
            })
        };
        let of_some = |key, listener: &Option<TcpListener>| listener.as_ref().map(|known| of(key, known)).transpose();
        Ok(Addresses {
            grpc: of("listen.grpc", &self.grpc)?,
            http: of_some("listen.http", &self.http)?,
            internal: of_some("listen.internal", &self.internal)?,
            admin: of_some("listen.admin", &self.admin)?,
        })
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|e| ServeError::Listen { key, address, problem: e.to_string() })
}

async fn bind_some(key: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServeError> {
    match address {
        Some(address) => bind(key, address).await.map(Some),
        None => Ok(None),
    }
}

/// What a process is made from.
pub struct Setup<'a> {
    /// Configuration.
    pub config: &'a Config,
    /// Services to run; the others are looked for at `[peers]`.
    pub services: &'a [Service],
    /// Folder of the data.
    pub data: &'a Path,
    /// Time.
    pub clock: Clock,
    /// Bound sockets.
    pub sockets: Sockets,
}

/// A process that listens and has opened everything; `run` serves.
pub struct Server {
    config: Config,
    credentials: Arc<Credentials>,
    arrivals: Arrivals,
    sockets: Sockets,
    serving: Serving,
    public: Option<axum::Router>,
    admin: Admin,
    stopping: watch::Sender<bool>,
    sequencer: Option<JoinHandle<()>>,
    meters: Meters,
}

/// Whether a process, this or another, has the data in `folder`.
pub fn is_in_use(folder: &Path) -> bool {
    folder.is_dir() && RocksStore::is_in_use(&folder.join(ROWS))
}

/// The data of a process; nobody else has it meanwhile.
pub(crate) struct Data {
    pub(crate) rows: Arc<dyn RegistryStore>,
    pub(crate) blobs: Arc<dyn BlobStore>,
}

/// Opens the heads signed last, which are kept apart from the data.
pub(crate) fn open_guard(log: &runtime::config::Log, data: &Path) -> Result<Arc<dyn BlobStore>, ServeError> {
    let folder = data.join(&log.guard);
    let unusable = |e: StoreError| ServeError::Key { key: "log.guard", problem: format!("{}: {e}", folder.display()) };
    Ok(Arc::new(FolderBlobs::open(&folder).map_err(unusable)?))
}

impl Data {
    /// Opens data that are there.
    pub(crate) fn open_held(folder: &Path) -> Result<Self, ServeError> {
        let (rows, mark) = (folder.join(ROWS), folder.join(HOLDS));
        match (rows.is_dir(), std::fs::read_to_string(&mark)) {
            (true, Ok(held)) => {
                let held: Result<Vec<Service>, String> = held.split_whitespace().map(str::parse).collect();
                let broken = |problem| ServeError::Store { folder: folder.display().to_string(), problem };
                Data::open(folder, &held.map_err(broken)?)
            }
            _ => Err(ServeError::Store {
                folder: folder.display().to_string(),
                problem: "holds no data of touchstone: name the folder that `serve` was given".into(),
            }),
        }
    }

    fn open(folder: &Path, services: &[Service]) -> Result<Self, ServeError> {
        let name = || folder.display().to_string();
        let broken =
            |problem: &dyn std::fmt::Display| ServeError::Store { folder: name(), problem: problem.to_string() };
        if folder.exists() && !folder.is_dir() {
            return Err(broken(&"is no folder: name one, it is made when it is not there"));
        }
        std::fs::create_dir_all(folder).map_err(|e| broken(&e))?;
        keep_to(folder, services).map_err(|problem| broken(&problem))?;
        let rows = RocksStore::open(&folder.join(ROWS)).map_err(|error| match error {
            StoreError::InUse => ServeError::InUse { folder: name() },
            other => broken(&other),
        })?;
        Ok(Data {
            rows: Arc::new(rows),
            blobs: Arc::new(FolderBlobs::open(&folder.join(BLOBS)).map_err(|e| broken(&e))?),
        })
    }
}

/// File in the folder of the data that names the services whose data it holds.
const HOLDS: &str = "holds";

/// A folder is of the services that it was first used by: on another's the log would begin again under the same name,
/// and be two. Words for the operator.
fn keep_to(folder: &Path, services: &[Service]) -> Result<(), String> {
    let keep = services.iter().filter(|service| !matches!(service, Service::Verification | Service::Gateway));
    let words: Vec<&str> = keep.map(|service| service.word()).collect();
    let now = words.join(" ");
    let mark = folder.join(HOLDS);
    match std::fs::read_to_string(&mark) {
        Ok(held) if held.trim() == now => Ok(()),
        Ok(held) => Err(format!("holds the data of {}, not of {now}: name the folder of these", held.trim())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A file system of its own begins with a folder.
            let others =
                |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() != "lost+found");
            // Rows without a mark are of an installation from before there was one.
            if !folder.join(ROWS).is_dir() && std::fs::read_dir(folder).map_err(|e| e.to_string())?.any(others) {
                return Err("holds files, and none says that they are data of touchstone: name a new folder".into());
            }
            std::fs::write(&mark, format!("{now}\n")).map_err(|e| e.to_string())
        }
        Err(error) => Err(format!("{}: {error}", mark.display())),
    }
}

fn signing_key(key: &'static str, path: &Path, kind: KeyKind) -> Result<SigningKey, ServeError> {
    let unusable = |problem: String| ServeError::Key { key, problem: format!("{}: {problem}", path.display()) };
    let text = String::from_utf8_lossy(&read_named(key, path)?).into_owned();
    let read = SigningKey::from_pkcs8_pem(&text).map_err(|e| unusable(e.to_string()))?;
    let found = read.algorithm().key_kind();
    if found != kind {
        return Err(unusable(format!("is a key of {found}: one of {kind} is needed here")));
    }
    Ok(read)
}

fn log_keys(log: &runtime::config::Log) -> Result<registry_service::LogKeys, ServeError> {
    const OPERATOR: &str = "log.operator_key";
    let operator = String::from_utf8_lossy(&read_named(OPERATOR, &log.operator_key)?).into_owned();
    let receipt = signing_key("log.receipt_key", &log.receipt_key, KeyKind::P256)?;
    let note = signing_key("log.note_key", &log.note_key, KeyKind::Ed25519)?;
    let status_note = signing_key("log.status_note_key", &log.status_note_key, KeyKind::Ed25519)?;
    let operator = PublicKey::from_jwk(operator.trim()).map_err(|e| ServeError::Key {
        key: OPERATOR,
        problem: format!("{}: {e}: a public key as JWK is needed", log.operator_key.display()),
    })?;
    // Chosen once and for ever: each signs one thing.
    if note.public_key() == status_note.public_key() {
        let problem = "is the key of log.note_key too: each log has its own".into();
        return Err(ServeError::Key { key: "log.status_note_key", problem });
    }
    if operator == receipt.public_key() {
        let problem = "is the log's own key of receipts: the operator has another, kept elsewhere".into();
        return Err(ServeError::Key { key: OPERATOR, problem });
    }
    let rollovers = log.rollovers.iter().map(|path| read_named("log.rollovers", path)).collect::<Result<_, _>>()?;
    if log.earlier_note_keys.len() != log.earlier_status_note_keys.len() {
        return Err(ServeError::Key {
            key: "log.earlier_status_note_keys",
            problem:
                "has another number of keys than log.earlier_note_keys: name both of before a rollover, or neither"
                    .into(),
        });
    }
    let earlier = log.earlier_note_keys.iter().zip(&log.earlier_status_note_keys).map(|(note, status_note)| {
        Ok((
            signing_key("log.earlier_note_keys", note, KeyKind::Ed25519)?,
            signing_key("log.earlier_status_note_keys", status_note, KeyKind::Ed25519)?,
        ))
    });
    let earlier = earlier.collect::<Result<_, ServeError>>()?;
    Ok(registry_service::LogKeys { receipt: Arc::new(receipt), note, status_note, rollovers, earlier, operator })
}

/// The log's part of a configuration, with its keys and witnesses.
struct LogParts<'a> {
    log: &'a runtime::config::Log,
    keys: registry_service::LogKeys,
    witnesses: Option<tlog::policy::Policy>,
}

impl<'a> LogParts<'a> {
    fn read(log: &'a runtime::config::Log) -> Result<Self, ServeError> {
        const WITNESSES: &str = "log.witnesses";
        let read = |path: &PathBuf| {
            let unusable =
                |problem: String| ServeError::Key { key: WITNESSES, problem: format!("{}: {problem}", path.display()) };
            registry_service::read_witnesses(&read_named(WITNESSES, path)?).map_err(unusable)
        };
        let witnesses = log.witnesses.as_ref().map(read).transpose()?.flatten();
        Ok(LogParts { log, keys: log_keys(log)?, witnesses })
    }
}

fn read_files<'a>(config: &'a Config, services: &[Service]) -> Result<(Credentials, Option<LogParts<'a>>), ServeError> {
    config.suits(services)?;
    let credentials = Credentials::read(config)?;
    let log = config.log.as_ref().filter(|_| services.contains(&Service::Registry));
    if let Some(authority) = &config.tls.service_authority
        && read_named("tls.service_authority", authority)?
            == read_named("tls.client_authority", &config.tls.client_authority)?
    {
        return Err(ServeError::Key {
            key: "tls.service_authority",
            problem: "is the authority of callers too: whoever enrols them could make a service; use another".into(),
        });
    }
    Ok((credentials, log.map(LogParts::read).transpose()?))
}

/// Whether a process could run these services: reads every file that the configuration names, and touches nothing.
///
/// # Errors
/// [`ServeError`]: the first key that does not fit.
pub fn check(config: &Config, services: &[Service]) -> Result<(), ServeError> {
    Foundations::read(config, services)?;
    read_files(config, services).map(|_| ())
}

/// Figures of the log's witnesses: how far each is, what became of requests, and whether the quorum is reached.
fn measure_witnesses(meters: &Meters, witnesses: &Arc<Witnesses>) {
    let of = |look: fn(&Report) -> u64| {
        let witnesses = witnesses.clone();
        move || look(&witnesses.report())
    };
    let gauge = |name, what, look| meters.gauge(name, what, of(look));
    gauge(
        "touchstone.log.witnessed.entries",
        "Entries under the newest checkpoint that the quorum of witnesses cosigned, with its status",
        |report| report.witnessed,
    );
    gauge("touchstone.log.cosignatures", "Cosignatures under the newest checkpoint submitted to witnesses", |report| {
        report.cosignatures
    });
    gauge(
        "touchstone.log.quorum",
        "1 where the quorum cosigned the newest checkpoint submitted, 0 otherwise",
        |report| report.quorum_reached.into(),
    );
    gauge(
        "touchstone.log.split_views",
        "Other histories of the log that witnesses hold: 0, or the log has forked",
        |r| r.split_views,
    );
    let label = |name: &str| Label::new("witness", name.to_owned());
    meters.gauges("touchstone.witness.entries", "Entries under the checkpoint that a witness cosigned last", {
        let witnesses = witnesses.clone();
        move || witnesses.report().witnesses.iter().map(|one| ([label(&one.name)], one.cosigned)).collect()
    });
    meters.counts("touchstone.witness.requests", "Checkpoints submitted to a witness, by what came of it", {
        let witnesses = witnesses.clone();
        move || {
            let counts = |one: Standing| {
                let label = move |word| [label(&one.name), Label::new("outcome", word)];
                one.requests.into_iter().map(move |(word, count)| (label(word), count)).collect::<Vec<_>>()
            };
            witnesses.report().witnesses.into_iter().flat_map(counts).collect()
        }
    });
}

/// The services of one process, as they are put together.
struct Assembly {
    routes: RoutesBuilder,
    rows: Vec<runtime::access::Row>,
    names: Vec<&'static str>,
}

/// Adds a generated server with the rows of its callers.
macro_rules! add {
    ($assembly:ident, $server:ident, $service:expr, $rows:expr, $name:expr) => {{
        $assembly.routes.add_service($server::new($service).max_decoding_message_size(MAX_MESSAGE_BYTES));
        $assembly.rows.extend_from_slice($rows);
        $assembly.names.push($name);
    }};
}

impl Server {
    /// Opens everything: files, store, log, channels. Nothing is touched before the files are found good.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn open(setup: Setup<'_>) -> Result<Self, ServeError> {
        let Setup { config, services, data, clock, sockets } = setup;
        let here = |service: Service| services.contains(&service);
        // Step 1: everything that can be wrong in files.
        let (credentials, log) = read_files(config, services)?;
        let foundations = Foundations::read(config, services)?;
        // Step 2: the store, where one of the services keeps something.
        let keeps = services.iter().any(|service| !matches!(service, Service::Verification | Service::Gateway));
        let folder = data;
        let mut data = keeps.then(|| Data::open(folder, services)).transpose()?;
        let meters = Meters::start(config.listen.admin.is_some(), config.telemetry.as_ref())?;
        let traced = config.telemetry.as_ref().is_some_and(|telemetry| telemetry.otlp.is_some());
        if let Some(data) = &mut data {
            data.rows = observed(data.rows.clone(), RocksStore::ENGINE, &meters, traced);
        }
        // Step 3: channels to peers, in this process or others; each connects when it is first used.
        let arrivals = Arrivals::default();
        let mut away = Vec::new();
        let mut channels = Vec::new();
        for peer in Service::ALL {
            if here(peer) {
                channels.push((peer, Peer::from(arrivals.in_process())));
            } else if let (Some(address), Some(known)) = (config.peers.get(&peer), &credentials.services)
                && services.iter().any(|service| service.peers().contains(&peer))
            {
                let channel = channel(known.connector.subscribe(), address)
                    .map_err(|e| ServeError::Key { key: "peers", problem: format!("{}: {e}", peer.word()) })?;
                away.push((peer, channel.clone()));
                channels.push((peer, channel));
            }
        }
        let peer = |wanted: Service| -> Peer {
            let found = channels.iter().find(|(known, _)| *known == wanted);
            found.map(|(_, channel)| channel.clone()).expect("the configuration suits the services: checked in step 1")
        };
        // Step 4: the services.
        let (stopping, stops) = watch::channel(false);
        let mut assembly = Assembly { routes: RoutesBuilder::default(), rows: Vec::new(), names: Vec::new() };
        let (mut sequencer, mut refusing, mut witnesses) = (None, None, None);
        if let Some(Data { rows, blobs, .. }) = &data {
            if let Some(LogParts { log, keys, witnesses: policy }) = log {
                let started = registry_service::RegistryService::start(registry_service::Config {
                    origin: log.origin.clone(),
                    log_id: log.id.clone(),
                    keys,
                    store: rows.clone(),
                    blobs: blobs.clone(),
                    guard: open_guard(log, folder)?,
                    witnesses: policy,
                    footprint: peer(Service::Footprint),
                    clock: clock.clone(),
                    min_epoch: Duration::from_millis(log.min_epoch_ms),
                    max_epoch: Duration::from_secs(log.max_epoch_secs),
                    stopping: stops.clone(),
                })
                .await;
                match started {
                    Ok((service, task)) => {
                        sequencer = Some(task);
                        let published = service.published();
                        meters.gauge("touchstone.log.entries", "Entries under the newest checkpoint", {
                            let published = published.clone();
                            move || published.borrow().size
                        });
                        meters.gauge(
                            "touchstone.log.epoch.entries",
                            "Entries under the latest status epoch",
                            move || published.borrow().epoch_size,
                        );
                        let refusals = service.refusals();
                        meters.counts(
                            "touchstone.log.refusals",
                            "Statements that were not registered, by reason",
                            move || {
                                let counted = refusals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                                counted
                                    .iter()
                                    .map(|(reason, count)| ([Label::new("error.type", *reason)], *count))
                                    .collect()
                            },
                        );
                        witnesses = service.witnesses();
                        if let Some(witnesses) = &witnesses {
                            measure_witnesses(&meters, witnesses);
                        }
                        let name = registry_service_server::SERVICE_NAME;
                        add!(assembly, RegistryServiceServer, service, registry_service::ROWS, name);
                    }
                    // The process stays, to say why; the others go on with what needs no log.
                    Err(registry_service::OpenError::Fork(fork)) => {
                        tracing::error!(reason = "LOG_REFUSES_TO_SIGN", "the log refuses to sign: {fork}");
                        refusing = Some(fork);
                        assembly.routes.add_service(registry_service::Refusing);
                        assembly.rows.extend_from_slice(registry_service::ROWS);
                        assembly.names.push(registry_service_server::SERVICE_NAME);
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            if here(Service::Metering) {
                let service = metering_service::MeteringService::new(metering_service::Config {
                    store: rows.clone(),
                    blobs: blobs.clone(),
                    clock: clock.clone(),
                    skew_secs: SKEW_SECS,
                    stopping: stops.clone(),
                });
                let name = metering_service_server::SERVICE_NAME;
                add!(assembly, MeteringServiceServer, service, metering_service::ROWS, name);
            }
            if here(Service::Footprint) {
                let service = footprint_service::FootprintService::new(footprint_service::Config {
                    store: rows.clone(),
                    blobs: blobs.clone(),
                    clock: clock.clone(),
                    metering: peer(Service::Metering),
                    trust: foundations.trust,
                    default_values: foundations.default_values,
                });
                let name = footprint_service_server::SERVICE_NAME;
                add!(assembly, FootprintServiceServer, service, footprint_service::ROWS, name);
            }
            if here(Service::Certification) {
                let service = certification_service::CertificationService::new(certification_service::Config {
                    store: rows.clone(),
                    clock: clock.clone(),
                    metering: peer(Service::Metering),
                    footprint: peer(Service::Footprint),
                    registry: peer(Service::Registry),
                });
                let name = certification_service_server::SERVICE_NAME;
                add!(assembly, CertificationServiceServer, service, certification_service::ROWS, name);
            }
        }
        if here(Service::Verification) {
            let service = verification_service::VerificationService::new(verification_service::Config {
                registry: peer(Service::Registry),
                clock,
                max_age: MAX_AGE,
            });
            let name = verification_service_server::SERVICE_NAME;
            add!(assembly, VerificationServiceServer, service, verification_service::ROWS, name);
        }
        let public = here(Service::Gateway)
            .then(|| gateway_service::router(gateway_service::Config { registry: peer(Service::Registry) }));
        // Step 5: one server for all of them.
        let Assembly { routes, rows, names } = assembly;
        let (limits, blocked) = (config.limits.clone(), credentials.blocked.subscribe());
        let admin = Admin {
            store: data.as_ref().map(|data| data.rows.clone()),
            sequencer: sequencer.as_ref().map(JoinHandle::abort_handle),
            refusing,
            witnesses,
            peers: away,
            stopping: stops,
            meters: meters.clone(),
        };
        Ok(Server {
            config: config.clone(),
            credentials: Arc::new(credentials),
            arrivals,
            sockets,
            serving: Serving { routes, rows, names, limits, blocked, meters: meters.clone() },
            public,
            admin,
            stopping,
            sequencer,
            meters,
        })
    }

    /// Serves until `stop` completes, lets calls in progress finish, and ends when everything is written.
    ///
    /// # Errors
    /// [`ServeError::Transport`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Server { config, credentials, arrivals, sockets, serving, public, admin, stopping, sequencer, meters } =
            self;
        let Sockets { grpc, http, internal, admin: admin_socket } = sockets;
        let mut tasks = vec![arrivals.listen(grpc, credentials.callers.subscribe(), Door::Callers)];
        if let (Some(listener), Some(known)) = (internal, &credentials.services) {
            tasks.push(arrivals.listen(listener, known.acceptor.subscribe(), Door::Services));
        }
        for (listener, router) in [(http, public), (admin_socket, Some(admin::router(admin)))] {
            if let (Some(listener), Some(router)) = (listener, router) {
                tasks.push(tokio::spawn(async move {
                    if let Err(error) = axum::serve(listener, router).await {
                        tracing::error!(%error, "HTTP ended");
                    }
                }));
            }
        }
        tasks.push(tokio::spawn(runtime::reload::watch(Credentials::files(&config), {
            let config = config.clone();
            move || credentials.renew(&config).map_err(|e| e.to_string())
        })));
        let stop = async move {
            stop.await;
            stopping.send_replace(true);
        };
        let served = serving.run(arrivals, stop).await;
        for task in tasks {
            task.abort();
            let _aborted = task.await;
        }
        if let Some(sequencer) = sequencer
            && tokio::time::timeout(Duration::from_secs(u64::from(config.limits.drain_secs)), sequencer).await.is_err()
        {
            tracing::warn!("the sequencer had not ended");
        }
        let _sent = tokio::task::spawn_blocking(|| meters.end()).await;
        Ok(served?)
    }
}
