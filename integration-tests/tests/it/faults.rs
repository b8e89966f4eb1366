//! Every call to the store fails once, twice over: failed and not written, failed but written. Whoever retries with the
//! same `request_id` ends with exactly one effect.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cose::key::SigningKey;
use integration_tests::cast::{self, LOG_ID, ORIGIN};
use integration_tests::cement;
use metering_service::MeteringService;
use proto::convert::metering as words;
use proto::metering::metering_service_server::MeteringService as _;
use proto::registry::registry_service_server::RegistryService as _;
use proto::{metering, registry};
use record::instrument::Instrument;
use record::json::{self, Der};
use record::media;
use record::reading::ReadingBatch;
use record::registry::{Anchor, AnchorRole};
use record::statement::{Heading, sign};
use registry_service::{LogKeys, RegistryService};
use runtime::connect::Peer;
use runtime::{Caller, Clock, system_clock};
use store::faults::{FAULTS, Fault, Faulty};
use store::{FolderBlobs, RocksStore};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use touchstone::identities::Authority;
use touchstone_client::new_request_id;

use crate::support;

pub fn as_caller<T>(caller: &Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

/// What a caller may see of a fault: that it should try again.
#[track_caller]
pub fn transient(status: &Status) {
    let refused = support::refusal(status);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "STORE_UNAVAILABLE"), "{status:?}");
}

/// Retries one request until it is answered.
async fn retry<T, F: Future<Output = Result<T, Status>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    for _ in 0..5 {
        match attempt().await {
            Ok(answer) => return answer,
            Err(status) => transient(&status),
        }
    }
    panic!("{what}: not answered after five attempts");
}

/// The metering service alone, over a store that can fail.
pub fn metering_service(store: &Arc<Faulty>, folder: &std::path::Path, clock: Clock) -> MeteringService {
    MeteringService::new(metering_service::Config {
        store: store.clone(),
        blobs: Arc::new(FolderBlobs::open(&folder.join("certificates")).expect("blobs")),
        clock,
        skew_secs: 300,
        stopping: tokio::sync::watch::channel(false).1,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_made_once_whatever_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Faulty::new(RocksStore::open(folder.path()).expect("a store"));
    let service = metering_service(&store, folder.path(), system_clock());
    let caller = cast::exporter();
    let request = |id: &str| metering::CreateSiteRequest {
        parent: "organizations/cement-bubble".into(),
        site_id: id.into(),
        site: Some(metering::Site { display_name: id.into(), country: "XA".into(), ..Default::default() }),
        request_id: new_request_id(),
    };
    store.arm(0..0, Fault::NotWritten);
    service.create_site(as_caller(&caller, request("counted"))).await.expect("no fault");
    let calls = store.arm(0..0, Fault::NotWritten);
    assert!(calls >= 2, "a look-up and a commit: {calls}");
    let mut made = vec!["counted".to_owned()];
    // One call fails, or from one on two; the first beyond the last shows that faults are what makes the difference.
    for fault in FAULTS {
        for first in 0..=calls {
            for count in [1, 2] {
                let id = format!("s-{first}-{count}-{}", format!("{fault:?}").to_lowercase());
                let request = request(&id);
                store.arm(first..first + count, fault);
                let answer = retry(&id, || service.create_site(as_caller(&caller, request.clone()))).await;
                store.arm(0..0, fault);
                let again = service.create_site(as_caller(&caller, request.clone())).await.expect("a retry");
                assert_eq!(again.into_inner(), answer.into_inner(), "{id}");
                made.push(id);
            }
        }
    }
    let list = metering::ListSitesRequest { parent: "organizations/cement-bubble".into(), ..Default::default() };
    let listed = service.list_sites(as_caller(&caller, list)).await.expect("a list").into_inner();
    let mut listed: Vec<String> = listed.sites.into_iter().map(|site| site.display_name).collect();
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
}

/// A batch that is durable is acknowledged, whatever becomes of the work after it; and that work is done by the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_batch_is_acknowledged_whatever_fails_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Faulty::new(RocksStore::open(folder.path()).expect("a store"));
    let now: jiff::Timestamp = "2026-06-15T00:00:00Z".parse().expect("a time");
    let service = metering_service(&store, folder.path(), Arc::new(move || now));
    let caller = cast::exporter();
    let (parent, site) = ("organizations/cement-bubble", support::SITE);
    let create = metering::CreateSiteRequest {
        parent: parent.into(),
        site_id: support::SITE_ID.into(),
        site: Some(metering::Site { display_name: "Works".into(), country: "XA".into(), ..Default::default() }),
        request_id: new_request_id(),
    };
    service.create_site(as_caller(&caller, create)).await.expect("a site");
    let (first, _) = &cement::generate(support::ORGANIZATION, support::SITE_ID).instruments[0];
    let meter = async |id: String| {
        let instrument = Instrument { name: format!("{site}/instruments/{id}"), ..first.clone() };
        let create = metering::CreateInstrumentRequest {
            parent: site.into(),
            instrument_id: id,
            instrument: Some(words::to_instrument(&instrument)),
            request_id: new_request_id(),
        };
        service.create_instrument(as_caller(&caller, create)).await.expect("an instrument");
        instrument
    };
    // One hour of this month, which stays in the tail; gives how many calls of the store that took.
    let hour = async |instrument: &Instrument, i: i64, failing: Range<usize>, fault: Fault| {
        let batch = ReadingBatch {
            instrument: instrument.name.clone(),
            unit: instrument.unit,
            resolution: instrument.resolution.clone(),
            start: "2026-06-01T00:00:00Z".parse::<jiff::Timestamp>().expect("a time")
                + jiff::SignedDuration::from_hours(i),
            step_secs: 3_600,
            deltas: Vec::new(),
            values: vec![Some(i + 1)],
            signature: Vec::new(),
            restate: false,
        };
        let request = metering::RecordReadingsRequest { batch: Some(words::to_reading_batch(&batch)) };
        store.arm(failing, fault);
        let answer = service.record_readings(as_caller(&caller, request)).await;
        let calls = store.arm(0..0, fault);
        (answer.map(|answer| answer.into_inner().report.expect("a report")), calls)
    };
    let fine = async |instrument: &Instrument, i: i64| {
        let (report, calls) = hour(instrument, i, 0..0, Fault::NotWritten).await;
        assert_eq!(report.expect("no fault").accepted, 1);
        calls
    };
    // Without faults: so many calls for a batch, and more for the one after which the tail is put together.
    let counted = meter("counted".into()).await;
    let mut calls = Vec::new();
    for i in 0..33 {
        calls.push(fine(&counted, i).await);
    }
    let (batch, tidy) = (calls[30], calls[31]);
    assert!(batch < tidy && calls[32] == batch, "{calls:?}");
    for fault in FAULTS {
        for failing in batch..tidy {
            let meter = meter(format!("m-{failing}-{}", format!("{fault:?}").to_lowercase())).await;
            for i in 0..31 {
                fine(&meter, i).await;
            }
            let (report, made) = hour(&meter, 31, failing..failing + 1, fault).await;
            let report = report.unwrap_or_else(|status| panic!("{fault:?} of call {failing}: {status:?}"));
            assert_eq!((report.accepted, report.duplicate, report.refused.len()), (1, 0, 0), "{fault:?} {failing}");
            assert!(made > failing, "call {failing} was not made: {made}");
            // What failed is done after the next batch, unless it was written.
            let after = fine(&meter, 32).await;
            let is_written = fault != Fault::NotWritten && failing == tidy - 1;
            assert_eq!(after > batch, !is_written, "{fault:?} {failing}: {after} calls");
            assert_eq!(fine(&meter, 33).await, batch, "{fault:?} {failing}");
            let list = metering::ListReadingsRequest {
                parent: meter.name.clone(),
                period: Some(proto::interval(
                    "2026-06-01T00:00:00Z".parse().expect("a time"),
                    Some("2026-07-01T00:00:00Z".parse().expect("a time")),
                )),
                ..Default::default()
            };
            let listed = service.list_readings(as_caller(&caller, list)).await.expect("readings").into_inner();
            let values: Vec<i64> = listed.readings.iter().map(|reading| reading.value).collect();
            assert_eq!(values, (1..=34).collect::<Vec<i64>>(), "{fault:?} {failing}");
        }
    }
}

fn nobody() -> Peer {
    Peer::from(Endpoint::from_static("http://127.0.0.1:1").connect_lazy())
}

struct Keys {
    receipt: SigningKey,
    note: SigningKey,
    status_note: SigningKey,
    operator: SigningKey,
}

impl Keys {
    fn new() -> Self {
        Keys {
            receipt: SigningKey::generate_p256().expect("a key"),
            note: SigningKey::generate_ed25519().expect("a key"),
            status_note: SigningKey::generate_ed25519().expect("a key"),
            operator: SigningKey::generate_p256().expect("a key"),
        }
    }
}

async fn start(store: Arc<Faulty>, folder: &std::path::Path, keys: &Keys) -> Result<RegistryService, String> {
    let copy =
        |key: &SigningKey| SigningKey::from_pkcs8_der(&key.to_pkcs8_der().expect("our own key")).expect("our own key");
    RegistryService::start(registry_service::Config {
        origin: ORIGIN.into(),
        log_id: LOG_ID.into(),
        keys: LogKeys {
            rollovers: Vec::new(),
            earlier: Vec::new(),
            receipt: Arc::new(copy(&keys.receipt)),
            note: copy(&keys.note),
            status_note: copy(&keys.status_note),
            operator: keys.operator.public_key(),
        },
        store,
        blobs: Arc::new(FolderBlobs::open(&folder.join("blobs")).expect("blobs")),
        guard: Arc::new(FolderBlobs::open(&folder.join("guard")).expect("blobs")),
        witnesses: None,
        footprint: nobody(),
        clock: system_clock(),
        // No epoch falls into the test: its calls to the store are those of the registration.
        min_epoch: Duration::from_secs(600),
        max_epoch: Duration::from_secs(600),
        stopping: tokio::sync::watch::channel(false).1,
    })
    .await
    .map(|(service, _sequencer)| service)
    .map_err(|error| error.to_string())
}

fn anchor(keys: &Keys, authority: &Authority, id: &str) -> Vec<u8> {
    let did = format!("did:web:{id}.example");
    let (pair, _) = authority.signer(&did, id).expect("a pair");
    let payload = json::write(&Anchor {
        operator: LOG_ID.into(),
        id: did.clone(),
        name: id.into(),
        role: AnchorRole::AccreditationBody,
        organization: id.into(),
        authority: Der(authority.pair().certificate_der.clone()),
        signing_certificates: vec![Der(pair.certificate_der)],
    });
    let heading = Heading { media_type: media::ANCHOR, issuer: LOG_ID, subject: &did, x5t: None };
    sign(&keys.operator, &heading, &payload).expect("signed")
}

async fn entries(service: &RegistryService) -> Vec<Vec<u8>> {
    let request = registry::ListEntriesRequest { page_size: 1_000, ..Default::default() };
    let page = service.list_entries(as_caller(&cast::operator(), request)).await.expect("entries").into_inner();
    assert_eq!(page.next_page_token, "");
    page.entries.into_iter().map(|entry| entry.statement).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_one_leaf_whatever_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Faulty::new(RocksStore::open(&folder.path().join("rows")).expect("a store"));
    let (keys, authority) = (Keys::new(), Authority::new("Authority").expect("an authority"));
    let service = start(store.clone(), folder.path(), &keys).await.expect("a log");
    let operator = cast::operator();
    let request = |statement: Vec<u8>| registry::RegisterStatementRequest { statement, request_id: new_request_id() };
    let register = async |request: &registry::RegisterStatementRequest| {
        service.register_statement(as_caller(&operator, request.clone())).await.map(|answer| answer.into_inner())
    };
    store.arm(0..0, Fault::NotWritten);
    register(&request(anchor(&keys, &authority, "counted"))).await.expect("no fault");
    let calls = store.arm(0..0, Fault::NotWritten);
    assert!(calls >= 2, "a look-up and a commit: {calls}");
    let mut held = entries(&service).await;
    assert_eq!(held.len(), 3);
    for fault in FAULTS {
        for first in 0..=calls {
            for count in [1, 2, 3] {
                let id = format!("a-{first}-{count}-{}", format!("{fault:?}").to_lowercase());
                let request = request(anchor(&keys, &authority, &id));
                store.arm(first..first + count, fault);
                let answer = retry(&id, || register(&request)).await;
                store.arm(0..0, fault);
                assert_eq!(answer.index as usize, held.len(), "{id}");
                assert_eq!(register(&request).await.expect("a retry"), answer, "{id}");
                held.push(request.statement);
                assert_eq!(entries(&service).await, held, "{id}");
            }
        }
    }
    // What is in the store is a log that opens again, with the same leaves.
    drop(service);
    let service = start(store, folder.path(), &keys).await.expect("the same log");
    assert_eq!(entries(&service).await, held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_a_log_that_starts() {
    let keys = Keys::new();
    let counted = {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Faulty::new(RocksStore::open(&folder.path().join("rows")).expect("a store"));
        start(store.clone(), folder.path(), &keys).await.expect("a log");
        store.arm(0..0, Fault::NotWritten)
    };
    assert!(counted >= 4, "{counted}");
    for fault in FAULTS {
        for first in 0..counted {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Faulty::new(RocksStore::open(&folder.path().join("rows")).expect("a store"));
            store.arm(first..first + 1, fault);
            let started = start(store.clone(), folder.path(), &keys).await;
            store.arm(0..0, fault);
            drop(started);
            let service = start(store.clone(), folder.path(), &keys).await;
            let service = service.unwrap_or_else(|e| panic!("{fault:?} at call {first}: {e}"));
            let held = entries(&service).await;
            assert_eq!(held.len(), 2, "{fault:?} at call {first}: identity and policy, once");
        }
    }
}
