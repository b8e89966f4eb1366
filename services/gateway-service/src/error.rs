//! Refusals of the registry as HTTP.

use axum::http::{HeaderValue, StatusCode, header};
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
    let mut answer = (code, words).into_response();
    // What is not there yet may be there in a moment: without this a cache may keep a 404 (RFC 9111, 4.2.2).
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if code == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    answer
}
