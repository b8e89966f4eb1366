//! The outermost layer: whatever happens inside, the caller gets a status that explains itself, and in time.
//!
//! A call that takes too long ends with `DEADLINE_EXCEEDED`, one whose handler panics with `INTERNAL` and an id, and a
//! status that the transport made of itself (a message too large, bytes that are no message) gets a reason as every
//! other has.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http_body::Frame;
use proto::access::ErrorReason as Reason;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::Refusal;
use crate::access::{DOMAIN, refuse};

/// The headers or trailers that hold a status.
const STATUS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
/// So much before the caller's own deadline ours passes: the answer that explains it still arrives.
const EARLIER: Duration = Duration::from_millis(2);

/// The layer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Longest time until an answer begins; a caller may ask for less (`grpc-timeout`).
    pub longest: Duration,
}

impl<S> Layer<S> for Answer {
    type Service = Answering<S>;

    fn layer(&self, inner: S) -> Answering<S> {
        Answering { longest: self.longest, inner }
    }
}

/// A service whose every answer explains itself.
#[derive(Debug, Clone)]
pub struct Answering<S> {
    longest: Duration,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Answering<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let allowed = asked(request.headers()).map_or(self.longest, |asked| asked.min(self.longest));
        let method = request.uri().path().to_owned();
        // The clone that was polled ready must be the one called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let called = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
        Box::pin(async move {
            match tokio::time::timeout(allowed, called).await {
                Ok(Ok(answer)) => answer.map(|response| explained(response, method)),
                Ok(Err(panic)) => Ok(Status::from(panicked(&method, panic.as_ref())).into_http()),
                Err(_) => Ok(Status::from(too_late(&method, allowed)).into_http()),
            }
        })
    }
}

/// The time that the caller gives, less what its answer needs to arrive.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let time = match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    Some(time.saturating_sub(EARLIER))
}

fn too_late(method: &str, allowed: Duration) -> Refusal {
    let seconds = format!("{:.3}", allowed.as_secs_f64());
    let message =
        format!("{method} had no answer after {seconds} s: ask for less at once, or again with the same request_id");
    refuse(Code::DeadlineExceeded, Reason::DeadlinePassed, message).with("method", method).with("seconds", seconds)
}

fn panicked(method: &str, panic: &(dyn Any + Send)) -> Refusal {
    let what = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Refusal::fault(
        DOMAIN,
        Reason::HandlerPanicked.as_str_name(),
        &format!("{method} panicked: {}", what.unwrap_or("no words")),
    )
}

/// What the transport means by a status of its own.
fn of_the_transport(status: &Status, headers: &HeaderMap, method: &str) -> Refusal {
    let words = status.message();
    let (code, reason) = match status.code() {
        Code::OutOfRange => (Code::OutOfRange, Reason::MessageTooLarge),
        Code::Unimplemented if headers.contains_key("grpc-accept-encoding") => {
            (Code::Unimplemented, Reason::CompressionUnsupported)
        }
        Code::Unimplemented => (Code::Unimplemented, Reason::MethodUnknown),
        Code::NotFound => (Code::NotFound, Reason::ServiceUnknown),
        // tonic calls bytes that are no message an internal error: they are the caller's.
        _ => (Code::InvalidArgument, Reason::MessageUnreadable),
    };
    refuse(code, reason, format!("{method}: {words}")).with("method", method).with("problem", words)
}

/// Gives a reason to a status that has none.
fn explain(headers: &mut HeaderMap, method: &str) {
    if headers.get(STATUS[0]).is_none_or(|code| code == "0") {
        return;
    }
    let Some(status) = Status::from_header_map(headers).filter(|status| status.details().is_empty()) else { return };
    write(headers, of_the_transport(&status, headers, method));
}

fn write(headers: &mut HeaderMap, refusal: Refusal) {
    for name in STATUS {
        headers.remove(name);
    }
    if let Err(unwritten) = Status::from(refusal).add_header(headers) {
        tracing::error!(status = %unwritten, "a status has no header form");
    }
}

fn explained(mut response: http::Response<Body>, method: String) -> http::Response<Body> {
    explain(response.headers_mut(), &method);
    response.map(|body| Body::new(Explained { body, method, ended: false }))
}

/// A body whose trailers explain themselves, also after a panic in the middle of a stream.
struct Explained {
    body: Body,
    method: String,
    ended: bool,
}

impl http_body::Body for Explained {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(cx))) {
            Ok(Poll::Ready(Some(Ok(mut frame)))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    explain(trailers, &this.method);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(other) => other,
            Err(panic) => {
                this.ended = true;
                let mut trailers = HeaderMap::new();
                write(&mut trailers, panicked(&this.method, panic.as_ref()));
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;

    fn call(handler: impl Fn() -> http::Response<Body> + Clone + Send + 'static) -> Status {
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let handler = handler.clone();
            async move {
                tokio::task::yield_now().await;
                Ok::<_, std::convert::Infallible>(handler())
            }
        });
        let mut service = Answer { longest: Duration::from_secs(60) }.layer(service);
        let request = http::Request::builder().uri("/a.B/C").body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let response = runtime.block_on(service.call(request)).unwrap();
        Status::from_header_map(response.headers()).unwrap()
    }

    #[track_caller]
    fn check(status: &Status, code: Code, reason: &str) {
        assert_eq!(status.code(), code, "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, DOMAIN));
    }

    #[test]
    fn every_status_gets_a_reason() {
        for (code, answered, reason) in [
            (Code::OutOfRange, Code::OutOfRange, "MESSAGE_TOO_LARGE"),
            (Code::Internal, Code::InvalidArgument, "MESSAGE_UNREADABLE"),
            (Code::Unknown, Code::InvalidArgument, "MESSAGE_UNREADABLE"),
            (Code::Unimplemented, Code::Unimplemented, "METHOD_UNKNOWN"),
        ] {
            let status = call(move || Status::new(code, "words of the transport").into_http());
            check(&status, answered, reason);
            assert!(status.message().contains("words of the transport"));
        }
        // One that has a reason keeps it.
        let own = || Status::from(Refusal::new("own.touchstone", Code::Internal, "OWN", "words")).into_http();
        let status = call(own);
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "OWN");
    }

    #[test]
    fn a_panic_is_an_answer_with_an_id_and_without_its_words() {
        let status = call(|| panic!("a secret of the handler"));
        check(&status, Code::Internal, "HANDLER_PANICKED");
        assert!(!status.message().contains("secret"));
        let details = status.get_error_details();
        let id = &details.error_info().unwrap().metadata["trace_id"];
        assert!(status.message().contains(id.as_str()));
    }

    #[test]
    fn a_panic_in_a_stream_ends_it_with_a_status() {
        struct Panics;
        impl http_body::Body for Panics {
            type Data = Bytes;
            type Error = Status;
            fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                panic!("in the middle")
            }
        }
        let response = explained(http::Response::new(Body::new(Panics)), "/a.B/C".into());
        let mut body = response.into_body();
        let mut next = || {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            http_body::Body::poll_frame(Pin::new(&mut body), &mut cx)
        };
        let Poll::Ready(Some(Ok(frame))) = next() else { panic!("no frame") };
        check(&Status::from_header_map(frame.trailers_ref().unwrap()).unwrap(), Code::Internal, "HANDLER_PANICKED");
        assert!(matches!(next(), Poll::Ready(None)));
    }

    #[test]
    fn the_callers_deadline_is_kept() {
        let never = tower::service_fn(|_: http::Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, std::convert::Infallible>>()
        });
        let mut never = Answer { longest: Duration::from_secs(60) }.layer(never);
        let request = http::Request::builder().uri("/a.B/C").header("grpc-timeout", "5m").body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let response = runtime.block_on(never.call(request)).unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        check(&status, Code::DeadlineExceeded, "DEADLINE_PASSED");
        let headers = |text: &str| HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]);
        assert_eq!(asked(&headers("3S")), Some(Duration::from_secs(3) - EARLIER));
        assert_eq!(asked(&headers("99999999H")), Some(Duration::from_secs(99_999_999 * 3_600) - EARLIER));
        for wrong in ["", "S", "3", "999999999S", "-3S", "3x", "3\u{e9}"] {
            assert_eq!(http::HeaderValue::from_str(wrong).ok().and_then(|_| asked(&headers(wrong))), None, "{wrong}");
        }
    }
}
