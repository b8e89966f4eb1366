//! Instruments, and where their figures go: a Prometheus registry, a collector, both, or nowhere.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, MeterProvider as _};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

use super::{LAST_WORDS, SCOPE, resource};
use crate::config::Telemetry;

/// Bounds of durations in seconds: a verdict takes tens of microseconds, a synced write milliseconds, a year of evidence
/// seconds.
const DURATIONS: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Why figures cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum MetersError {
    /// The collector's address cannot be used.
    #[error("telemetry.otlp: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The registry for Prometheus cannot be made.
    #[error("listen.admin: metrics: {0}")]
    Prometheus(#[from] opentelemetry_sdk::error::OTelSdkError),
}

/// The instruments of a process; cheap to clone. Off, every record is nothing.
#[derive(Clone, Default)]
pub struct Meters(Option<Arc<Instruments>>);

struct Instruments {
    provider: SdkMeterProvider,
    meter: Meter,
    registry: prometheus::Registry,
    calls: Histogram<f64>,
    operations: Histogram<f64>,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.is_on() { "Meters(on)" } else { "Meters(off)" })
    }
}

impl Meters {
    /// Figures for whoever the configuration names: Prometheus, where an address for those who run it `is_served`, and
    /// `telemetry.otlp`. Inside a tokio runtime.
    ///
    /// # Errors
    /// [`MetersError`].
    pub fn start(is_served: bool, telemetry: Option<&Telemetry>) -> Result<Self, MetersError> {
        let otlp = telemetry.and_then(|known| Some((known, known.otlp.as_deref()?)));
        if !is_served && otlp.is_none() {
            return Ok(Meters(None));
        }
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
        let about = telemetry.cloned().unwrap_or_default();
        let mut provider = SdkMeterProvider::builder().with_resource(resource(&about)).with_reader(exporter);
        if let Some((Telemetry { metrics_secs, .. }, otlp)) = otlp {
            let exporter = opentelemetry_otlp::MetricExporter::builder().with_tonic().with_endpoint(otlp).build()?;
            let every = Duration::from_secs(u64::from(*metrics_secs));
            provider = provider.with_reader(PeriodicReader::builder(exporter).with_interval(every).build());
        }
        let provider = provider.build();
        let meter = provider.meter(SCOPE);
        let duration = |name: &'static str, what: &'static str| {
            meter.f64_histogram(name).with_unit("s").with_description(what).with_boundaries(DURATIONS.to_vec()).build()
        };
        let calls = duration("rpc.server.call.duration", "Duration of inbound remote procedure calls");
        let operations = duration("db.client.operation.duration", "Duration of operations of the store");
        Ok(Meters(Some(Arc::new(Instruments { provider, meter, registry, calls, operations }))))
    }

    /// Whether anybody gets the figures.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A call was answered. `reason` is that of a refusal.
    pub fn call(&self, method: &'static str, code: &'static str, reason: Option<String>, took: Duration) {
        let Some(known) = &self.0 else { return };
        let mut labels = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.response.status_code", code),
        ];
        labels.extend(reason.map(|reason| KeyValue::new("error.type", reason)));
        known.calls.record(took.as_secs_f64(), &labels);
    }

    /// The store, of this engine, did something.
    pub fn operation(&self, engine: &'static str, verb: &'static str, failed: bool, took: Duration) {
        let Some(known) = &self.0 else { return };
        let labels = [KeyValue::new("db.system.name", engine), KeyValue::new("db.operation.name", verb)];
        match failed {
            false => known.operations.record(took.as_secs_f64(), &labels),
            true => {
                let [system, operation] = labels;
                known.operations.record(took.as_secs_f64(), &[system, operation, KeyValue::new("error.type", "store")]);
            }
        }
    }

    /// A figure that is looked up when somebody asks.
    pub fn gauge(&self, name: &'static str, what: &'static str, look: impl Fn() -> u64 + Send + Sync + 'static) {
        if let Some(known) = &self.0 {
            let gauge = known.meter.u64_observable_gauge(name).with_description(what);
            gauge.with_callback(move |observer| observer.observe(look(), &[])).build();
        }
    }

    /// The same for several, told apart by labels of which there are few.
    pub fn gauges<const N: usize>(
        &self,
        name: &'static str,
        what: &'static str,
        look: impl Fn() -> Vec<([KeyValue; N], u64)> + Send + Sync + 'static,
    ) {
        if let Some(known) = &self.0 {
            let gauge = known.meter.u64_observable_gauge(name).with_description(what);
            gauge.with_callback(move |to| look().iter().for_each(|(labels, value)| to.observe(*value, labels))).build();
        }
    }

    /// Counts that somebody else keeps, looked up when somebody asks, told apart by labels of which there are few.
    pub fn counts<const N: usize>(
        &self,
        name: &'static str,
        what: &'static str,
        look: impl Fn() -> Vec<([KeyValue; N], u64)> + Send + Sync + 'static,
    ) {
        if let Some(known) = &self.0 {
            let counter = known.meter.u64_observable_counter(name).with_description(what);
            counter
                .with_callback(move |to| look().iter().for_each(|(labels, count)| to.observe(*count, labels)))
                .build();
        }
    }

    /// The figures as Prometheus reads them.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        match &self.0 {
            None => Ok(String::new()),
            Some(known) => prometheus::TextEncoder::new().encode_to_string(&known.registry.gather()),
        }
    }

    /// Sends what is left. Blocks: for at most five seconds where the collector does not answer.
    pub fn end(self) {
        if let Some(known) = self.0
            && let Err(error) = known.provider.shutdown_with_timeout(LAST_WORDS)
        {
            tracing::warn!(%error, "the last metrics were not sent");
        }
    }
}
