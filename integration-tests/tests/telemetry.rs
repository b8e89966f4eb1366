//! What an operator sees: one trace from a reading to the verdict through every service to the store, figures, logs. The
//! collector is a receiver of OTLP in this process; the services run in processes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use integration_tests::processes::Processes;
use integration_tests::world::{Shape, World};
use integration_tests::{cast, cement, story};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use runtime::Caller;
use runtime::config::Service;
use tonic::{Request, Response, Status};
use touchstone_client::Client;

/// Longest until everything has been sent: spans go every five seconds, metrics every second here.
const PATIENCE: Duration = Duration::from_secs(40);
/// The trace of this test, as its caller names it (W3C Trace Context).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A span, as far as it matters here.
#[derive(Debug, Clone)]
struct Span {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
}

/// Everything received.
#[derive(Debug, Clone, Default)]
struct Received {
    spans: Vec<Span>,
    /// Metric -> values of each of its labels.
    metrics: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Service and words of each log record.
    logs: Vec<(String, String)>,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Received>>);

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn find(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key);
    text(found.and_then(|pair| pair.value.as_ref()).and_then(|value| value.value.as_ref()))
}

fn service(resource: Option<&Resource>) -> String {
    resource.map_or_else(String::new, |resource| find(&resource.attributes, "service.name"))
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.0.lock().expect("lock");
        for group in request.into_inner().resource_spans {
            let service = service(group.resource.as_ref());
            for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                received.spans.push(Span {
                    service: service.clone(),
                    name: span.name,
                    trace: hex::encode(span.trace_id),
                    id: hex::encode(span.span_id),
                    parent: hex::encode(span.parent_span_id),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        use opentelemetry_proto::tonic::metrics::v1::metric::Data;
        let mut received = self.0.lock().expect("lock");
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|group| group.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let labels = received.metrics.entry(metric.name).or_default();
            let points = match metric.data {
                Some(Data::Histogram(histogram)) => {
                    histogram.data_points.into_iter().map(|point| point.attributes).collect()
                }
                _ => Vec::new(),
            };
            for pair in points.into_iter().flatten() {
                let value = text(pair.value.as_ref().and_then(|value| value.value.as_ref()));
                labels.entry(pair.key).or_default().insert(value);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.0.lock().expect("lock");
        for group in request.into_inner().resource_logs {
            let service = service(group.resource.as_ref());
            for record in group.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
                let words = text(record.body.as_ref().and_then(|body| body.value.as_ref()));
                received.logs.push((service.clone(), words));
            }
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

impl Collector {
    /// Listens; where.
    async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .add_service(MetricsServiceServer::new(self.clone()))
            .add_service(LogsServiceServer::new(self.clone()));
        let arrivals = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tokio::spawn(async move { serving.serve_with_incoming(arrivals).await });
        address
    }

    /// What was received, once `enough` of it was.
    async fn wait(&self, what: &str, enough: impl Fn(&Received) -> bool) -> Received {
        let began = Instant::now();
        loop {
            let received = self.0.lock().expect("lock").clone();
            if enough(&received) {
                return received;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not come: {:?}", received.metrics.keys());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a page over plain HTTP says.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn traced(world: &World, caller: &Caller) -> Client {
    world.client(caller).expect("a client").with_trace(|| Some(PARENT.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_reading_to_the_verdict() {
    let collector = Collector::default();
    let otlp = format!("http://{}", collector.listen().await);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::install(folder.path(), Shape::Apart).expect("an installation");
    let variables = vec![
        ("TOUCHSTONE_TELEMETRY__OTLP".to_owned(), otlp),
        ("TOUCHSTONE_TELEMETRY__METRICS_SECS".to_owned(), "1".to_owned()),
    ];
    let _processes = Processes::start(&mut world, Shape::Apart, variables).expect("processes");

    // The story, each call of it in the caller's trace.
    let ground = story::lay_ground(&world).await.expect("ground");
    let (organization, site) = ("cement-bubble", "cement-works");
    let cement = cement::generate(organization, site);
    let exporter = traced(&world, &cast::exporter());
    story::send_evidence(&exporter, &cement).await.expect("evidence");
    let plant = cement::plant_toml(organization, site);
    let (footprint, statement) = story::compute(&exporter, &cement.site, "year", &plant).await.expect("computed");
    let application = story::apply(&exporter, &footprint.name, "first").await.expect("applied").name;
    let reviewer = traced(&world, &cast::reviewer());
    story::recompute(&reviewer, &application).await.expect("recomputed");
    let decider = traced(&world, &cast::decider());
    let named = ("ea-0001", &ground.accreditation);
    let class = statement.product.cn_code.clone();
    let certificate = story::certificate(&world, "traced-1", named, &statement, &class).expect("a certificate");
    let registered = story::sign_and_register(&world, &decider, &certificate).await.expect("registered");
    let regulator = traced(&world, &cast::regulator());
    story::verify_online(&regulator, "traced-1", registered.index + 1).await.expect("a verdict");
    // And a refusal, whose reason becomes a label.
    story::verify_online(&regulator, "unknown", 0).await.expect_err("there is none");

    // Traces: every service has its part, each span hangs on another of the same trace, down to the store.
    let wanted = [
        ("metering", "touchstone.metering.v1.MeteringService/IngestReadings"),
        ("metering", "touchstone.metering.v1.MeteringService/StreamEvidence"),
        ("metering", "store.commit"),
        ("footprint", "touchstone.footprint.v1.FootprintService/ComputeFootprint"),
        ("footprint", "touchstone.footprint.v1.FootprintService/FindFootprints"),
        ("certification", "touchstone.certification.v1.CertificationService/StreamApplicationEvidence"),
        ("registry", "touchstone.registry.v1.RegistryService/RegisterStatement"),
        ("registry", "sequence"),
        ("registry", "store.commit"),
        ("registry", "touchstone.registry.v1.RegistryService/GetBundle"),
        ("verification", "touchstone.verification.v1.VerificationService/VerifyCertificate"),
    ];
    let ours = |received: &Received| -> Vec<Span> {
        received.spans.iter().filter(|span| span.trace == TRACE).cloned().collect()
    };
    let has = |spans: &[Span], (service, name): (&str, &str)| {
        spans.iter().any(|span| span.service == service && span.name == name)
    };
    let received = collector
        .wait("the trace", |received| {
            let spans = ours(received);
            wanted.iter().all(|wanted| has(&spans, *wanted))
        })
        .await;
    let spans = ours(&received);
    let find = |service: &str, name: &str| {
        spans.iter().filter(|span| span.service == service && span.name == name).cloned().collect::<Vec<_>>()
    };
    let begins = |span: &Span| span.parent == "00f067aa0ba902b7";
    assert!(find("verification", wanted[10].1).iter().all(begins), "a call hangs on its caller's span");
    // From one process into another, and from a call through the sequencer into the store.
    let compute: BTreeSet<String> = find("footprint", wanted[3].1).into_iter().map(|span| span.id).collect();
    assert!(find("metering", wanted[1].1).iter().any(|span| compute.contains(&span.parent)), "footprint -> metering");
    let verdict: BTreeSet<String> = find("verification", wanted[10].1).into_iter().map(|span| span.id).collect();
    assert!(find("registry", wanted[9].1).iter().any(|span| verdict.contains(&span.parent)), "verdict -> registry");
    let registration: BTreeSet<String> = find("registry", wanted[6].1).into_iter().map(|span| span.id).collect();
    let sequence: Vec<Span> = find("registry", "sequence");
    assert!(sequence.iter().all(|span| registration.contains(&span.parent)), "registration -> sequence");
    let sequence: BTreeSet<String> = sequence.into_iter().map(|span| span.id).collect();
    assert!(find("registry", "store.commit").iter().any(|span| sequence.contains(&span.parent)), "sequence -> store");

    // Metrics: names of the conventions, labels from bounded sets.
    let calls = "rpc.server.call.duration";
    let verify = "touchstone.verification.v1.VerificationService/VerifyCertificate";
    let received = collector
        .wait("the metrics", |received| {
            received.metrics.get(calls).and_then(|labels| labels.get("rpc.method")).is_some_and(|m| m.contains(verify))
                && received.metrics.contains_key("touchstone.log.entries")
        })
        .await;
    let labels = &received.metrics[calls];
    let keys: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(keys, ["error.type", "rpc.method", "rpc.response.status_code", "rpc.system.name"]);
    assert_eq!(labels["rpc.system.name"], BTreeSet::from(["grpc".to_owned()]));
    assert!(labels["error.type"].contains("CERTIFICATE_UNKNOWN"), "{labels:?}");
    assert!(received.metrics.contains_key("db.client.operation.duration"), "{:?}", received.metrics.keys());

    // Prometheus reads the same figures; a path that a caller invents is no label.
    let stray = world.client(&cast::regulator()).expect("a client");
    let mut grpc = tonic::client::Grpc::new(stray.channel("/touchstone.registry.v1.Invented/Method"));
    grpc.ready().await.expect("connected");
    let codec = tonic_prost::ProstCodec::<prost_types::Duration, prost_types::Duration>::default();
    let path = "/touchstone.registry.v1.Invented/Method".parse().expect("a path");
    grpc.unary(Request::new(prost_types::Duration::default()), path, codec).await.expect_err("there is none");
    let admin = world.of(Service::Registry).and_then(|found| found.admin).expect("an address");
    let text = get(admin, "/metrics");
    assert!(text.contains("rpc_server_call_duration_seconds_bucket"), "{text}");
    assert!(text.contains("rpc_method=\"_OTHER\"") && !text.contains("Invented"), "{text}");
    assert!(text.contains("touchstone_log_entries"), "{text}");
    assert!(get(admin, "/healthz").ends_with("ok\n"));
    assert!(get(admin, "/readyz").starts_with("HTTP/1.1 200"));

    // Logs: the refusal that the registry's access layer told of.
    collector
        .wait("the log", |received| {
            received.logs.iter().any(|(service, words)| service == "registry" && words == "a call was refused")
        })
        .await;
}
