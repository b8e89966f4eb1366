//! What the process tells of itself: traces, metrics and logs over OTLP, metrics for Prometheus. Off unless configured,
//! and then it costs nothing.
//!
//! Names are those of the OpenTelemetry semantic conventions (RPC, database). Values of metrics' labels are bounded: RPCs
//! of the caller table, status codes, values of `ErrorReason`, verbs of the store.

mod meters;
mod observe;
mod store;
pub mod trace;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use meters::{Meters, MetersError};
pub use observe::Observe;
/// A label of a figure.
pub use opentelemetry::KeyValue as Label;
pub use store::observed;

use crate::config::Telemetry;

/// Name of the instrumentation, in every trace, metric and log.
const SCOPE: &str = "touchstone";
/// Longest time that what is left is being sent when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What tells of the transport itself: exporting it would make more of it.
const TRANSPORT: [&str; 8] =
    ["h2", "hyper", "hyper_util", "tonic", "tower", "rustls", "opentelemetry", "opentelemetry_sdk"];

/// Traces and logs of this process; ends them when asked.
#[must_use = "what is not yet sent is lost unless it is ended"]
pub struct Subscribed {
    tracer: Option<SdkTracerProvider>,
    logger: Option<SdkLoggerProvider>,
}

/// What every record says of its origin.
fn resource(telemetry: &Telemetry) -> Resource {
    Resource::builder()
        .with_service_name(telemetry.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends what the process logs to standard error (as much as `RUST_LOG` says, warnings when it says nothing), and traces
/// and logs to a collector where one is configured. Once in a process, inside its tokio runtime.
///
/// # Errors
/// An address that cannot be used.
pub fn subscribe(telemetry: Option<&Telemetry>) -> Result<Subscribed, ExporterBuildError> {
    let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    let stderr = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .with_filter(filter());
    let registry = tracing_subscriber::registry().with(stderr);
    let Some((telemetry, otlp)) = telemetry.and_then(|known| Some((known, known.otlp.as_deref()?))) else {
        registry.init();
        return Ok(Subscribed { tracer: None, logger: None });
    };
    let spans = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(otlp).build()?;
    let tracer = SdkTracerProvider::builder()
        .with_resource(resource(telemetry))
        // Whoever began the trace decides; of those begun here, a share.
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.trace_share))))
        .with_batch_exporter(spans)
        .build();
    let logs = opentelemetry_otlp::LogExporter::builder().with_tonic().with_endpoint(otlp).build()?;
    let logger = SdkLoggerProvider::builder().with_resource(resource(telemetry)).with_batch_exporter(logs).build();
    let ours = |level: LevelFilter| {
        Targets::new().with_default(level).with_targets(TRANSPORT.map(|target| (target, LevelFilter::OFF)))
    };
    let spans = tracing_opentelemetry::layer().with_tracer(tracer.tracer(SCOPE)).with_filter(ours(LevelFilter::INFO));
    let logs = OpenTelemetryTracingBridge::new(&logger).with_filter(ours(LevelFilter::INFO));
    registry.with(spans).with(logs).init();
    Ok(Subscribed { tracer: Some(tracer), logger: Some(logger) })
}

impl Subscribed {
    /// Sends what is left. Blocks: for at most five seconds where the collector does not answer.
    pub fn end(self) {
        if let Some(tracer) = self.tracer
            && let Err(error) = tracer.shutdown_with_timeout(LAST_WORDS)
        {
            eprintln!("touchstone: the last traces were not sent: {error}");
        }
        if let Some(logger) = self.logger
            && let Err(error) = logger.shutdown_with_timeout(LAST_WORDS)
        {
            eprintln!("touchstone: the last logs were not sent: {error}");
        }
    }
}
