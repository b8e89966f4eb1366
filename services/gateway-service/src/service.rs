//! Routes.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use proto::registry::registry_service_client::RegistryServiceClient;
use proto::registry::{GetCertificateRequest, GetCheckpointRequest, GetTileRequest};
use runtime::connect::Peer;

use crate::config::Config;
use crate::{convert, encoding, error};

type Registry = RegistryServiceClient<Peer>;

/// Largest tile or entry bundle: 256 entries of 56 KiB.
const MAX_TILE_BYTES: usize = 16 << 20;

/// The routes: `/checkpoint`, `/tile/…` and the same under `/status`, `/status-lists/{purpose}/{number}`,
/// `/certificates/{number}`, `/healthz`.
pub fn router(config: Config) -> Router {
    let registry = RegistryServiceClient::new(config.registry).max_decoding_message_size(MAX_TILE_BYTES);
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/status/checkpoint", get(status_checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/status/tile/{*path}", get(status_tile))
        .route("/status-lists/{purpose}/{number}", get(status_list))
        .route("/certificates/{number}", get(certificate))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(registry)
}

fn note(bytes: Vec<u8>) -> Response {
    // A checkpoint changes: no cache may keep it.
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], bytes).into_response()
}

async fn checkpoint(State(mut registry): State<Registry>) -> Response {
    match registry.get_checkpoint(GetCheckpointRequest {}).await {
        Ok(answer) => note(answer.into_inner().checkpoint),
        Err(status) => error::answer(&status),
    }
}

async fn status_checkpoint(State(mut registry): State<Registry>) -> Response {
    match registry.get_checkpoint(GetCheckpointRequest {}).await {
        Ok(answer) => note(answer.into_inner().status_checkpoint),
        Err(status) => error::answer(&status),
    }
}

async fn fetch(mut registry: Registry, path: String, asked: &HeaderMap) -> Response {
    let is_bundle = path.contains("tile/entries/");
    let data = match registry.get_tile(GetTileRequest { path }).await {
        Ok(answer) => answer.into_inner().data,
        Err(status) => return error::answer(&status),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    // C2SP tlog-tiles: entry bundles should be compressed; hashes cannot be.
    match Some(&data).filter(|_| is_bundle && encoding::takes_gzip(asked)).and_then(|data| encoding::gzip(data)) {
        Some(packed) => (headers, [(header::CONTENT_ENCODING, "gzip")], Bytes::from(packed)).into_response(),
        None => (headers, Bytes::from(data)).into_response(),
    }
}

async fn tile(State(registry): State<Registry>, Path(path): Path<String>, asked: HeaderMap) -> Response {
    fetch(registry, format!("tile/{path}"), &asked).await
}

async fn status_tile(State(registry): State<Registry>, Path(path): Path<String>, asked: HeaderMap) -> Response {
    fetch(registry, format!("status/tile/{path}"), &asked).await
}

/// A Bitstring Status List credential: it is another with each epoch, and a minute old is as good.
async fn status_list(
    State(mut registry): State<Registry>,
    Path((purpose, number)): Path<(String, String)>,
) -> Response {
    match registry.get_tile(GetTileRequest { path: format!("status-lists/{purpose}/{number}") }).await {
        Ok(answer) => {
            let headers =
                [(header::CONTENT_TYPE, "application/vc+cose"), (header::CACHE_CONTROL, "public, max-age=60")];
            (headers, Bytes::from(answer.into_inner().data)).into_response()
        }
        Err(status) => error::answer(&status),
    }
}

async fn certificate(State(mut registry): State<Registry>, Path(number): Path<String>) -> Response {
    match registry.get_certificate(GetCertificateRequest { name: format!("certificates/{number}") }).await {
        Ok(answer) => {
            let page = convert::page(&answer.into_inner()).into_string();
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
        }
        Err(status) => error::answer(&status),
    }
}
