//! W3C Trace Context: from a caller's headers into the span of its call, and from there to peers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// Makes `span` a child of the span that the headers name; nothing where they name none or nobody traces.
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() {
        let context = TraceContextPropagator::new().extract(&Headers(headers));
        // Refused where no layer traces: there is nothing to continue.
        let _untraced = span.set_parent(context);
    }
}

/// Names the current span in the headers of a call to a peer; nothing where nobody traces.
pub fn inject(headers: &mut HeaderMap) {
    let span = Span::current();
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
    }
}

/// The id of the current trace; a new one of the same form where nobody traces.
pub fn id() -> String {
    let current = Span::current().context().span().span_context().trace_id();
    match current == opentelemetry::TraceId::INVALID {
        false => current.to_string(),
        true => uuid::Uuid::new_v4().simple().to_string(),
    }
}
