//! The service while its log must sign nothing: every method answers why. Nothing is read either, since each answer of the
//! log rests on a signature that would have to be made anew.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use proto::registry::registry_service_server::SERVICE_NAME;
use tonic::Status;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use crate::guard::Fork;

/// Answers every method of the registry with `LOG_REFUSES_TO_SIGN`.
#[derive(Debug, Clone)]
pub struct Refusing;

impl NamedService for Refusing {
    const NAME: &str = SERVICE_NAME;
}

impl<B> Service<http::Request<B>> for Refusing {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: http::Request<B>) -> Self::Future {
        ready(Ok(Status::from(Fork::refusal()).into_http()))
    }
}
