//! Refusals of the registry as HTTP.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};

/// What a reader gets instead.
pub fn answer(status: &Status) -> Response {
    let (code, words) = match status.code() {
        Code::NotFound | Code::InvalidArgument => (StatusCode::NOT_FOUND, "There is nothing under this address.\n"),
        Code::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "The registry does not answer. Try again in a moment.\n")
        }
        _ => (StatusCode::BAD_GATEWAY, "The registry could not answer.\n"),
    };
    (code, words).into_response()
}
