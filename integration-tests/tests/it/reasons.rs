//! Reasons that no other scenario meets: each is produced on purpose. `tests/reasons.rs` holds that none is left out.

use std::sync::Arc;

use certification_service::CertificationService;
use footprint_service::FootprintService;
use integration_tests::world::World;
use integration_tests::{cast, cement, story};
use jiff::SignedDuration;
use proto::certification::certification_service_server::CertificationService as _;
use proto::convert::metering as words;
use proto::footprint::footprint_service_server::FootprintService as _;
use proto::verification::verification_service_server::VerificationService as _;
use proto::{certification, footprint, interval, metering, registry, verification};
use record::evidence::MAX_INSTRUMENTS;
use record::instrument::Instrument;
use record::reading::ReadingBatch;
use runtime::config::Service;
use runtime::connect::Peer;
use runtime::system_clock;
use store::{Batch, Committed, MemoryBlobs, Namespace, Part, RegistryStore, RocksStore, keys};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use touchstone_client::{Client, new_request_id};
use verification_service::VerificationService;

use crate::support::{self, NUMBER, ORGANIZATION, Refused, SITE, SITE_ID, Stage, Told};

/// The refusal of a call that a package must refuse so.
#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Status>, noun: &str, code: Code, reason: &str) -> Refused {
    let status = answer.expect_err(reason);
    let refused = support::refusal(&status);
    let domain = status.get_details_error_info().map(|info| info.domain);
    let found = (domain.as_deref(), refused.code, refused.reason.as_str());
    assert_eq!(found, (Some(format!("{noun}.touchstone").as_str()), code, reason), "{status:?}");
    // Whoever should come back is told when.
    assert_eq!(status.get_details_retry_info().is_some(), code == Code::Unavailable, "{status:?}");
    refused
}

/// The electricity meter of the example, without its calibrations, and its first readings.
fn meter(readings: usize) -> (Instrument, ReadingBatch) {
    let mut cement = cement::generate(ORGANIZATION, SITE_ID);
    let meter = cement.instruments.into_iter().find(|(meter, _)| meter.name == cement.readings.instrument);
    cement.readings.values.truncate(readings);
    (meter.expect("a meter").0, cement.readings)
}

async fn site(stage: &Stage) -> Client {
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    exporter
}

/// An installation that does not run yet.
fn installed() -> (World, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (World::install(folder.path(), crate::SHAPE).expect("a world"), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_caller_is_told_why() {
    let (mut world, _folder) = installed();
    let config = world.installation.config.clone();
    let entry = format!("[[blocked]]\ncaller = \"{}\"\nreason = \"lost her key\"\n", cast::exporter().uri());
    std::fs::write(config.with_file_name("blocked.toml"), entry).expect("written");
    world.resume().await.expect("started");
    let ask = async |caller| {
        let client = world.client(&caller).expect("a client");
        client.registry().get_checkpoint(registry::GetCheckpointRequest {}).await
    };
    let refused = check(ask(cast::exporter()).await, "access", Code::PermissionDenied, "CALLER_BLOCKED");
    assert_eq!(refused.metadata["why"], "lost her key");
    ask(cast::reviewer()).await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_an_unknown_compression_is_refused() {
    let stage = Stage::open().await;
    let mut request = Request::new(registry::GetCheckpointRequest {});
    request.metadata_mut().insert("grpc-encoding", "gzip".parse().expect("a value"));
    let answer = stage.client(&cast::operator()).registry().get_checkpoint(request).await;
    check(answer, "access", Code::Unimplemented, "COMPRESSION_UNSUPPORTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_beyond_what_is_published_comes_later() {
    let stage = Stage::open().await;
    let client = stage.client(&cast::operator());
    let request = registry::GetStatusProofRequest {
        name: "entries/0".into(),
        max_wait: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
        min_size: 1_000_000,
    };
    check(client.registry().get_status_proof(request).await, "registry", Code::Unavailable, "NOT_YET_PUBLISHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_an_end() {
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let (meter, first) = meter(1);
    story::create_instrument(&client, SITE, &meter, &[]).await.expect("an instrument");
    let message = metering::IngestReadingsRequest { batch: Some(words::to_reading_batch(&first)) };
    let batches = tokio_stream::iter(std::iter::repeat_n(message, 100_001));
    let answers = client.metering().ingest_readings(batches).await.expect("a stream");
    let (mut answers, mut answered) = (answers.into_inner(), 0);
    let answer = loop {
        match answers.message().await {
            Ok(Some(_)) => answered += 1,
            other => break other,
        }
    };
    assert_eq!(answered, 100_000);
    let refused = check(answer, "metering", Code::InvalidArgument, "READING_BATCH_INVALID");
    assert_eq!(refused.metadata["batch"], "100000");
    // What came before is kept, once.
    let reports = story::send_readings(&client, vec![first]).await.expect("a report");
    assert_eq!(reports.iter().map(|report| report.duplicate).collect::<Vec<_>>(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_has_a_size() {
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let (meter, _) = meter(0);
    let mut making = JoinSet::new();
    for number in 0..=MAX_INSTRUMENTS {
        let request = metering::CreateInstrumentRequest {
            parent: SITE.into(),
            instrument_id: format!("meter-{number}"),
            instrument: Some(words::to_instrument(&meter)),
            request_id: new_request_id(),
        };
        let mut client = client.metering();
        making.spawn(async move { client.create_instrument(request).await });
        // Fewer at a time than one organisation may have in progress.
        if making.len() == 100 {
            making.join_next().await.expect("one").expect("ran").expect("an instrument");
        }
    }
    for made in making.join_all().await {
        made.expect("an instrument");
    }
    let cement = cement::generate(ORGANIZATION, SITE_ID);
    let period = Some(interval(cement.period.start, Some(cement.period.end)));
    let request = metering::StreamEvidenceRequest { parent: SITE.into(), period, ..Default::default() };
    let answer = client.metering().stream_evidence(request).await.map(|_| ());
    let refused = check(answer, "metering", Code::FailedPrecondition, "EVIDENCE_TOO_LARGE");
    assert_eq!(refused.metadata["what"], "instruments");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_without_calibration_and_class_has_no_uncertainty() {
    let stage = Stage::open().await;
    let client = site(&stage).await;
    let (mut meter, readings) = meter(4);
    meter.max_permissible_error_percent = None;
    story::create_instrument(&client, SITE, &meter, &[]).await.expect("an instrument");
    story::send_readings(&client, vec![readings]).await.expect("a report");
    let plant = include_str!("../../../registry/footprint/examples/cement.toml")
        .replace("organizations/example/sites/cement-works", SITE)
        .replace("end = 2024-01-01T00:00:00Z", "end = 2023-01-01T01:00:00Z")
        .replace(
            "amount = { value = 193864.47368421053, unit = \"MWh\" }",
            &format!("amount = {{ instrument = \"{}\" }}", meter.name),
        );
    let request = footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: "hour".into(),
        plant_toml: plant,
        request_id: new_request_id(),
        ..Default::default()
    };
    let answer = client.footprint().compute_footprint(request).await;
    let refused = check(answer, "footprint", Code::FailedPrecondition, "CALIBRATION_MISSING");
    assert!(refused.message.contains(&meter.name), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_by_an_id_alone() {
    let (mut world, _folder) = installed();
    let rows = world.data(Service::Metering).join("rows");
    {
        std::fs::create_dir_all(&rows).expect("a folder");
        let store = RocksStore::open(&rows).expect("a store");
        let part = Part::organization(ORGANIZATION).expect("a part");
        let mut batch = Batch::new();
        batch.put(Namespace::Resource, keys::resource(SITE), *b"\xffno site");
        assert!(matches!(store.commit(&part, batch).await, Ok(Committed::Yes(_))));
    }
    world.resume().await.expect("started");
    let exporter = world.client(&cast::exporter()).expect("a client");
    let answer = exporter.metering().get_site(metering::GetSiteRequest { name: SITE.into() }).await;
    let refused = check(answer, "metering", Code::Internal, "INTERNAL");
    let id = &refused.metadata["trace_id"];
    assert_eq!(refused.message, format!("a fault of ours: report it with the trace id {id}"));
    assert_eq!(refused.metadata.len(), 1);
}

/// Where nobody listens.
fn nobody() -> Peer {
    Peer::from(Endpoint::from_static("http://127.0.0.1:1").connect_lazy())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_away_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(RocksStore::open(folder.path()).expect("a store"));
    let prints = FootprintService::new(footprint_service::Config {
        store: store.clone(),
        blobs: Arc::new(MemoryBlobs::new()),
        clock: system_clock(),
        metering: nobody(),
        trust: None,
        default_values: None,
    });
    let certifies = CertificationService::new(certification_service::Config {
        store,
        clock: system_clock(),
        metering: nobody(),
        footprint: nobody(),
        registry: nobody(),
    });
    let verifies = VerificationService::new(verification_service::Config {
        registry: nobody(),
        clock: system_clock(),
        max_age: SignedDuration::from_hours(24),
    });
    fn by<T>(caller: &runtime::Caller, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(caller.clone());
        request
    }
    let compute = footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: "year".into(),
        plant_toml: cement::plant_toml(ORGANIZATION, SITE_ID),
        request_id: new_request_id(),
        ..Default::default()
    };
    let apply = certification::CreateApplicationRequest {
        parent: format!("organizations/{ORGANIZATION}"),
        application_id: "first".into(),
        application: Some(certification::Application {
            footprint: format!("{SITE}/footprints/year"),
            certification_body: "green-cert".into(),
            scheme: story::SCHEME.into(),
            ..Default::default()
        }),
        request_id: new_request_id(),
    };
    let verify = verification::VerifyCertificateRequest {
        name: format!("certificates/{NUMBER}"),
        arrangement: story::ARRANGEMENT.into(),
        ..Default::default()
    };
    let exporter = cast::exporter();
    for (noun, peer, answer) in [
        ("footprint", "metering", prints.compute_footprint(by(&exporter, compute)).await.map(|_| ())),
        ("certification", "footprint", certifies.create_application(by(&exporter, apply)).await.map(|_| ())),
        ("verification", "registry", verifies.verify_certificate(by(&cast::regulator(), verify)).await.map(|_| ())),
    ] {
        let refused = check(answer, noun, Code::Unavailable, "PEER_UNAVAILABLE");
        assert_eq!(refused.metadata["peer"], peer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrangement_that_nobody_accepted_is_unknown_to_verification_too() {
    let told = Told::tell().await;
    let request = verification::VerifyCertificateRequest {
        name: format!("certificates/{NUMBER}"),
        arrangement: "partner-1900".into(),
        ..Default::default()
    };
    let answer = told.stage.client(&cast::regulator()).verification().verify_certificate(request).await;
    let refused = check(answer, "verification", Code::NotFound, "ARRANGEMENT_UNKNOWN");
    assert_eq!(refused.metadata["arrangement"], "partner-1900");
}
