//! `touchstone witness`: a small witness of transparency logs, for partners to run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cose::key::SigningKey;
use runtime::Clock;
use runtime::config::{ConfigError, read_named};
use runtime::telemetry::{Label, Meters, MetersError};
use tlog::note::Cosigner;
use tlog::policy::Policy;
use tokio::net::TcpListener;
use verify::Introduction;
use verify::split_view::Finding;
use witness_service::{Config, File, Witness, WitnessError, evidence, router};

use crate::init::{InitError, write};

/// Longest that answers in progress get when the process is asked to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Configuration file that `init` makes.
const CONFIG: &str = "witness.toml";
/// Key that `init` makes.
const KEY: &str = "witness.key";

/// Why a witness cannot run. Words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its state cannot be used.
    #[error(transparent)]
    Witness(#[from] WitnessError),
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
    /// Nobody can be told of what the process does.
    #[error(transparent)]
    Meters(#[from] MetersError),
}

/// What `witness init` is asked for.
pub struct Options {
    /// Folder to make.
    pub folder: PathBuf,
    /// Name of the witness's key.
    pub name: String,
    /// Where it will listen.
    pub listen: SocketAddr,
    /// Introductions of the logs that it will cosign.
    pub introductions: Vec<PathBuf>,
}

/// What `witness init` made.
pub struct Made {
    /// Configuration file.
    pub config: PathBuf,
    /// Verifier key of the witness, for logs and verifiers.
    pub vkey: String,
}

/// Makes a key and a configuration in a new folder.
///
/// # Errors
/// [`InitError`]; a folder that holds something is never touched, and nothing is written before the options are checked.
pub fn init(options: &Options) -> Result<Made, InitError> {
    let Options { folder, name, listen, introductions } = options;
    let mut logs = Vec::new();
    for path in introductions {
        let value = |problem: String| InitError::Value { flag: "--introduction", problem };
        let text = read_named("--introduction", path).map_err(|error| value(error.to_string()))?;
        let read = Introduction::from_toml(&String::from_utf8_lossy(&text));
        let Introduction { log } = read.map_err(|error| value(format!("{}: {error}", path.display())))?;
        logs.extend([log.note_key, log.status_note_key]);
    }
    let key = SigningKey::generate_ed25519()?;
    let pem = key.to_pkcs8_pem()?;
    let cosigner = Cosigner::new(name, Arc::new(key));
    let cosigner = cosigner.map_err(|error| InitError::Value {
        flag: "--name",
        problem: format!("{error}; write it as a URL without its scheme, such as witness.example/w1"),
    })?;
    let vkey = cosigner.verifier().to_vkey();
    let failed = |e: std::io::Error| InitError::File { path: folder.clone(), problem: e.to_string() };
    if folder.exists() && !folder.is_dir() {
        return Err(InitError::NotAFolder { path: folder.clone() });
    }
    fs::create_dir_all(folder).map_err(failed)?;
    if fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(InitError::NotEmpty { folder: folder.clone() });
    }
    let logs: Vec<String> = logs.iter().map(|vkey| format!("    \"{vkey}\",\n")).collect();
    let text = format!(
        "# A witness of transparency logs (c2sp.org/tlog-witness). Paths are relative to this file. Unknown keys are refused.\n\
         \n\
         listen = \"{listen}\"    # plain HTTP: put a TLS proxy before it where it leaves the network\n\
         # admin = \"127.0.0.1:7091\"    # /healthz, /readyz, /metrics\n\
         name = \"{name}\"\n\
         key = \"{KEY}\"    # Ed25519: cosigns, and nothing else\n\
         state = \"state\"    # what was cosigned last: on a disk that stays, and never put back from a backup\n\
         # Verifier keys of the logs: note_key and status_note_key of their introduction.toml, compared by another way.\n\
         logs = [\n{}]\n",
        logs.concat()
    );
    write(&folder.join(KEY), pem.as_bytes(), true)?;
    let config = folder.join(CONFIG);
    write(&config, text.as_bytes(), false)?;
    Ok(Made { config, vkey })
}

/// Checks a configuration and the key that it names; nothing is started or written. Gives the verifier key.
///
/// # Errors
/// [`ConfigError`].
pub fn check(path: &Path) -> Result<String, ConfigError> {
    Ok(File::read(path)?.open(runtime::system_clock())?.cosigner.verifier().to_vkey())
}

/// Evidence that a witness kept, in words; and whether any of it proves that a log signed two histories.
///
/// # Errors
/// [`RunError`].
pub async fn list(path: &Path) -> Result<(String, bool), RunError> {
    let file = File::read(path)?;
    let Config { logs, .. } = file.open(runtime::system_clock())?;
    let kept = evidence(&file.state).await?;
    let (mut lines, mut is_proved) = (String::new(), false);
    for one in &kept {
        let named = one.file.display();
        let judged = one.pair.as_ref().and_then(|pair| {
            let policy = |log: &tlog::note::NoteVerifier| Policy::threshold(log.clone(), &[], 0);
            logs.iter().filter_map(policy).find_map(|policy| pair.judge(&policy).ok())
        });
        let words = match judged {
            None => "cannot be read, or is of no log that is configured".to_owned(),
            Some(judged) => {
                let (kept, seen) = (&judged.kept, &judged.seen);
                match judged.finding {
                    Finding::Split => {
                        is_proved = true;
                        format!("SPLIT VIEW: {} signed two trees of {} entries", kept.origin, kept.size)
                    }
                    Finding::Unproved => format!(
                        "unproved: {} entries of {} were cosigned, and no good proof came with its checkpoint of {}",
                        kept.size, kept.origin, seen.size
                    ),
                    Finding::Nothing => "shows nothing".to_owned(),
                }
            }
        };
        let _infallible = writeln!(lines, "{named}: {words}");
    }
    let _infallible = writeln!(lines, "{} kept", kept.len());
    Ok((lines, is_proved))
}

/// A witness that listens.
pub struct Server {
    witness: Arc<Witness>,
    listener: TcpListener,
    admin: Option<TcpListener>,
    meters: Meters,
    words: String,
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), RunError> {
    let failed = |e: std::io::Error| RunError::Listen { key, address, problem: e.to_string() };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let found = listener.local_addr().map_err(failed)?;
    Ok((listener, found))
}

impl Server {
    /// Reads files, binds sockets and opens the state, in this order.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, RunError> {
        let file = File::read(path)?;
        let config = file.open(clock)?;
        let vkey = config.cosigner.verifier().to_vkey();
        let (listener, listens) = bind("listen", file.listen).await?;
        let mut words = format!("touchstone: witness {vkey} on http://{listens}");
        let mut admin = None;
        if let Some(address) = file.admin {
            let (listener, found) = bind("admin", address).await?;
            words += &format!(", health on http://{found}");
            admin = Some(listener);
        }
        let witness = Arc::new(Witness::open(config).await?);
        let meters = Meters::start(file.admin.is_some(), None)?;
        measure(&meters, &witness);
        Ok(Server { witness, listener, admin, meters, words })
    }

    /// One line: who it is, and where.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Serves until `stop` completes, and finishes what it then answers.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Server { witness, listener, admin, meters, .. } = self;
        let looked_at = admin.map(|listener| {
            let router = Router::new()
                .route("/healthz", get(|| async { "ok\n" }))
                .route("/readyz", get(ready))
                .route("/metrics", get(metrics))
                .with_state((witness.clone(), meters));
            tokio::spawn(async move { axum::serve(listener, router).await })
        });
        let (stopped, stopping) = tokio::sync::oneshot::channel();
        let serving = axum::serve(listener, router(witness)).with_graceful_shutdown(async move {
            stop.await;
            let _gone = stopped.send(());
        });
        let late = async {
            let _stopped = stopping.await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving.into_future() => {
                if let Err(error) = served {
                    tracing::error!(%error, "HTTP ended");
                }
            }
            () = late => tracing::warn!("answers in progress were cut off"),
        }
        if let Some(task) = looked_at {
            task.abort();
        }
    }
}

fn measure(meters: &Meters, witness: &Arc<Witness>) {
    meters.counts("touchstone.witness.answers", "Answers to submissions, by HTTP status", {
        let witness = witness.clone();
        let label = |status: u16| [Label::new("http.response.status_code", i64::from(status))];
        move || witness.figures().answers.into_iter().map(|(status, count)| (label(status), count)).collect()
    });
    meters.gauges("touchstone.witness.entries", "Entries under the checkpoint of a log that was cosigned last", {
        let witness = witness.clone();
        let label = |origin: String| [Label::new("origin", origin)];
        move || witness.figures().logs.into_iter().map(|(origin, (size, _))| (label(origin), size)).collect()
    });
    meters.gauge("touchstone.witness.split_views", "Pairs of checkpoints kept that prove that a log forked", {
        let witness = witness.clone();
        move || witness.figures().split_views
    });
}

type Looked = (Arc<Witness>, Meters);

/// What was cosigned last of each log. A log that forked makes the witness no less ready: it is said.
async fn ready(State((witness, _)): State<Looked>) -> String {
    let figures = witness.figures();
    let logs: BTreeMap<String, (u64, u64)> = figures.logs;
    let mut lines = "serving: ok\n".to_owned();
    for (origin, (size, time)) in logs {
        let _infallible = match time {
            0 => writeln!(lines, "log {origin}: nothing cosigned yet"),
            time => writeln!(lines, "log {origin}: {size} entries at second {time}"),
        };
    }
    if figures.split_views > 0 {
        let kept = figures.split_views;
        let _infallible = writeln!(lines, "SPLIT_VIEW: {kept} kept; see `touchstone witness evidence`");
    }
    lines
}

async fn metrics(State((_, meters)): State<Looked>) -> Response {
    match meters.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
