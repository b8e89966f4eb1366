//! The layer outside all others: the span and the duration of every call, whatever becomes of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::{Meters, trace};
use crate::access::Table;

/// The method of a call that no table knows: whatever a caller writes there must not become a label.
const OTHER: &str = "_OTHER";

/// The layer.
#[derive(Debug, Clone)]
pub struct Observe {
    /// Who gets the figures.
    pub meters: Meters,
    /// The methods that there are.
    pub table: Table,
}

impl<S> Layer<S> for Observe {
    type Service = Observing<S>;

    fn layer(&self, inner: S) -> Observing<S> {
        Observing { observe: self.clone(), inner }
    }
}

/// A service that is observed.
#[derive(Debug, Clone)]
pub struct Observing<S> {
    observe: Observe,
    inner: S,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S, E> Service<http::Request<Body>> for Observing<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = E, Future = Answering<E>>,
    E: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = E;
    type Future = Answering<E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = self.observe.table.method(request.uri().path()).map_or(OTHER, |path| path.trim_start_matches('/'));
        let span = tracing::info_span!(
            "rpc",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            touchstone.organization = tracing::field::Empty,
        );
        if span.is_disabled() && !self.observe.meters.is_on() {
            return self.inner.call(request);
        }
        trace::continue_from(&span, request.headers());
        let ended = Ended { method, began: Instant::now(), span: span.clone(), meters: self.observe.meters.clone() };
        let called = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let mut ended = Some(ended);
            let response = called.await?;
            // A refusal may have no body: its status stands in the headers.
            if response.headers().contains_key(GRPC_STATUS)
                && let Some(ended) = ended.take()
            {
                ended.with(response.headers());
            }
            Ok(response.map(|body| Body::new(Observed { body, ended })))
        })
    }
}

const GRPC_STATUS: &str = "grpc-status";

/// A call in progress; told when it ends.
struct Ended {
    method: &'static str,
    began: Instant,
    span: Span,
    meters: Meters,
}

impl Ended {
    fn with(self, trailers: &HeaderMap) {
        let status = Status::from_header_map(trailers);
        let code = status.as_ref().map_or(Code::Unknown, Status::code);
        let refused = status.filter(|status| status.code() != Code::Ok);
        self.tell(code, refused.and_then(|status| status.get_details_error_info()).map(|info| info.reason));
    }

    fn tell(self, code: Code, reason: Option<String>) {
        let word = word(code);
        self.span.record("rpc.response.status_code", word);
        if let Some(reason) = &reason {
            self.span.record("error.type", reason.as_str());
        }
        // Of a server's statuses, those that are faults of its own (semantic conventions for gRPC).
        if matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ) {
            self.span.record("otel.status_code", "ERROR");
        }
        self.meters.call(self.method, word, reason, self.began.elapsed());
    }
}

/// A body whose end is the end of the call.
struct Observed {
    body: Body,
    ended: Option<Ended>,
}

impl http_body::Body for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        // Streams do their work while they are polled.
        let entered = this.ended.as_ref().map(|ended| ended.span.clone().entered());
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        drop(entered);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
            && let Some(ended) = this.ended.take()
        {
            ended.with(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Observed {
    /// Without trailers the caller went away.
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            ended.tell(Code::Cancelled, None);
        }
    }
}

/// A code's name on the wire.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
