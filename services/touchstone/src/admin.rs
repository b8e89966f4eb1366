//! For those who run it: does it live, is it ready, whom does it miss.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use runtime::config::Service;
use runtime::connect::Peer;
use runtime::telemetry::Meters;
use store::{Namespace, Part, RegistryStore};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Longest wait for a store or a peer to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness rests on.
#[derive(Clone)]
pub struct Admin {
    /// The store, where this process has one.
    pub store: Option<Arc<dyn RegistryStore>>,
    /// The sequencer, where the log is here.
    pub sequencer: Option<AbortHandle>,
    /// Why the log, where it is here, signs nothing.
    pub refusing: Option<registry_service::Fork>,
    /// The witnesses of the log, where it is here and has any.
    pub witnesses: Option<Arc<registry_service::Witnesses>>,
    /// Services in other processes.
    pub peers: Vec<(Service, Peer)>,
    /// True once the process was asked to end.
    pub stopping: watch::Receiver<bool>,
    /// Figures of the process.
    pub meters: Meters,
}

/// The routes: `/healthz` (it answers), `/readyz` (it can do its work), `/metrics` (for Prometheus).
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.meters.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What is at the bottom of it: a connection refused, a certificate that names another host.
fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}

/// How the witnesses stand. One that is away makes nothing unready: the log goes on, and says that the quorum is missed.
fn cosigned(report: &registry_service::Report) -> String {
    let mut lines = String::new();
    for one in &report.witnesses {
        let state = match &one.problem {
            None => format!("ok, {} entries", one.cosigned),
            Some(problem) => format!("behind at {} entries: {problem}", one.cosigned),
        };
        let _infallible = writeln!(lines, "witness {}: {state}", one.name);
    }
    let quorum = if report.quorum_reached { "reached" } else { "not reached" };
    let _infallible = writeln!(
        lines,
        "quorum: {quorum} by {} cosignatures at {} entries, last reached at {}",
        report.cosignatures, report.submitted, report.witnessed
    );
    lines
}

/// 200 when everything of its own works, 503 otherwise; one line each. A peer that is away is told, and does not make
/// this process unready: what needs no peer is still done, and the rest says UNAVAILABLE.
async fn ready(State(admin): State<Admin>) -> (StatusCode, String) {
    let mut own = vec![("serving", if *admin.stopping.borrow() { Err("was asked to end".to_owned()) } else { Ok(()) })];
    if let Some(store) = &admin.store {
        let read = tokio::time::timeout(PATIENCE, store.get(&Part::log(), Namespace::Head, b"fence")).await;
        own.push((
            "store",
            match read {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("does not answer".into()),
            },
        ));
    }
    if let Some(sequencer) = &admin.sequencer {
        let ended = sequencer.is_finished();
        own.push(("sequencer", if ended { Err("has ended: another process may have the log".into()) } else { Ok(()) }));
    }
    if let Some(fork) = &admin.refusing {
        own.push(("log", Err(format!("LOG_REFUSES_TO_SIGN: {fork}"))));
    }
    if let Some(fork) = admin.witnesses.as_ref().and_then(|witnesses| witnesses.halted()) {
        own.push(("log", Err(format!("SPLIT_VIEW: {fork}; both checkpoints are kept in log.guard/split-view"))));
    }
    let code =
        if own.iter().all(|(_, state)| state.is_ok()) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut lines = String::new();
    for (what, state) in own {
        let _infallible = writeln!(lines, "{what}: {}", state.err().unwrap_or_else(|| "ok".into()));
    }
    if let Some(witnesses) = &admin.witnesses {
        lines += &cosigned(&witnesses.report());
    }
    for (service, channel) in &admin.peers {
        let mut health = HealthClient::new(channel.clone());
        let state = match tokio::time::timeout(PATIENCE, health.check(HealthCheckRequest::default())).await {
            Ok(Ok(_)) => "ok".to_owned(),
            Ok(Err(status)) => format!("away: {}", cause(&status)),
            Err(_) => "away: it does not answer".to_owned(),
        };
        let _infallible = writeln!(lines, "peer {}: {state}", service.word());
    }
    (code, lines)
}
