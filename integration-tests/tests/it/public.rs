//! What everybody may read without a certificate, and what tools expect of a gRPC server.

use integration_tests::cast;
use integration_tests::story;
use record::status::{GoodsRule, State};
use tlog::checkpoint::VerifiedCheckpoint;
use tlog::note::NoteVerifier;
use tlog::tile::{Bundle, Tile, TileReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::support::{self, NUMBER, Stage, Told};

pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

/// One GET, and the connection ends.
pub async fn get(stage: &Stage, path: &str) -> Answer {
    get_with(stage, path, "").await
}

/// The same with further header lines.
async fn get_with(stage: &Stage, path: &str, lines: &str) -> Answer {
    let mut stream = TcpStream::connect(stage.world.http()).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let headers = String::from_utf8(bytes[..at].to_vec()).expect("headers").to_lowercase();
    let status = headers.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = bytes[at + 4..].to_vec();
    assert!(headers.contains(&format!("content-length: {}", body.len())), "{headers}");
    Answer { status, headers, body }
}

async fn ok(stage: &Stage, path: &str) -> Vec<u8> {
    let answer = get(stage, path).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_rebuilds_the_log_from_tiles() {
    let stage = Stage::open().await;
    story::lay_ground(&stage.world).await.expect("ground");
    let accreditor = stage.client(&cast::accreditor());
    // More than one tile, so that there are full and partial ones.
    let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).expect("a time");
    let statements: Vec<Vec<u8>> = (0..260)
        .map(|i| story::accreditation(&stage.world, &format!("m-{i}"), &["2523"], now).expect("a statement"))
        .collect();
    let sent = statements.iter().map(|entry| {
        let (client, entry) = (accreditor.clone(), entry.clone());
        tokio::spawn(async move { story::register(&client, entry).await.expect("registered").index })
    });
    let mut last = 0;
    for task in sent.collect::<Vec<_>>() {
        last = last.max(task.await.expect("sent"));
    }
    let wait = proto::registry::GetReceiptRequest { name: format!("entries/{last}"), max_wait: None };
    accreditor.registry().get_receipt(wait).await.expect("published");
    let identity = accreditor.registry().get_log_identity(proto::registry::GetLogIdentityRequest {}).await;
    let identity = identity.expect("identity").into_inner();

    let answer = get(&stage, "/checkpoint").await;
    assert!(answer.headers.contains("content-type: text/plain") && answer.headers.contains("no-store"));
    let vkey = NoteVerifier::from_vkey(&identity.note_key).expect("a vkey");
    let checkpoint = VerifiedCheckpoint::open(&answer.body, &identity.origin, &[vkey]).expect("a true checkpoint");
    let head = checkpoint.checkpoint().clone();
    assert!(head.size > 256, "{}", head.size);

    // The root, from the tiles that its size needs.
    let mut tiles = std::collections::BTreeMap::new();
    for level in 0..2 {
        let mut index = 0;
        while let Some(tile) = Tile::in_tree(level, index, head.size) {
            tiles.insert(tile.path(), ok(&stage, &format!("/{}", tile.path())).await);
            index += 1;
        }
    }
    assert_eq!(tiles.len(), 3, "{:?}", tiles.keys());
    let reader = TileReader::new(|tile: Tile| tiles.get(&tile.path()).cloned(), head.size);
    assert_eq!(tlog::tree::root(&reader, head.size).expect("all tiles"), head.root);

    // The entries, from bundles; they hash to the leaves, and are those that the service lists.
    let listed = support::entries(&accreditor).await;
    let mut mirrored = Vec::new();
    while (mirrored.len() as u64) < head.size {
        let index = mirrored.len() as u64 / 256;
        let bundle = Bundle::in_log(index, head.size).expect("a bundle");
        let bytes = ok(&stage, &format!("/{}", bundle.path())).await;
        mirrored.extend(bundle.entries(&bytes).expect("entries").iter().map(|entry| entry.to_vec()));
    }
    assert_eq!(mirrored, listed[..head.size as usize]);
    let tree: tlog::tree::MemoryTree = mirrored.iter().map(|entry| tlog::leaf_hash(entry)).collect();
    assert_eq!(tree.root(head.size).expect("whole"), head.root);

    // The status log has a checkpoint and tiles of its own.
    let status = ok(&stage, "/status/checkpoint").await;
    let vkey = NoteVerifier::from_vkey(&identity.status_note_key).expect("a vkey");
    let status = VerifiedCheckpoint::open(&status, &format!("{}/status", identity.origin), &[vkey]).expect("a status");
    let status = status.checkpoint().clone();
    let tile = Tile::in_tree(0, 0, status.size).expect("a tile");
    let bytes = ok(&stage, &format!("/status/{}", tile.path())).await;
    let hashes = tile.hashes(&bytes).expect("hashes");
    // Its entries are the epochs.
    let bundle = Bundle::from(tile);
    let bytes = ok(&stage, &format!("/status/{}", bundle.path())).await;
    let epochs = bundle.entries(&bytes).expect("epochs");
    assert_eq!(epochs.iter().map(|epoch| tlog::leaf_hash(epoch)).collect::<Vec<_>>(), hashes);
    let latest = record::status::Epoch::from_bytes(epochs[epochs.len() - 1]).expect("an epoch");
    assert_eq!(latest.number, status.size - 1);
    let tree: tlog::tree::MemoryTree = hashes.into_iter().collect();
    assert_eq!(tree.root(status.size).expect("one tile"), status.root);

    for unknown in [
        "/tile/0/999",
        "/tile/0/000.p/0",
        "/tile/entries/009",
        "/tile/7/000",
        "/tile/../checkpoint",
        "/tile/0/x000/../../..",
        "/status/tile/0/999",
        "/status/tile/entries/999",
        "/status/tile/entries/000.p/0",
        "/elsewhere",
        "/certificates",
    ] {
        assert_eq!(get(&stage, unknown).await.status, 404, "{unknown}");
    }
    // What is not there yet may be in a moment; what is there never changes.
    assert!(get(&stage, "/tile/0/999").await.headers.contains("cache-control: no-store"));
    let immutable = get(&stage, "/tile/0/000").await.headers;
    assert!(immutable.contains("content-type: application/octet-stream"), "{immutable}");
    assert!(immutable.contains("max-age=31536000, immutable"), "{immutable}");
    // Entries come packed to those who take it.
    let plain = get(&stage, "/tile/entries/000").await;
    assert!(!plain.headers.contains("content-encoding"), "{}", plain.headers);
    let packed = get_with(&stage, "/tile/entries/000", "Accept-Encoding: gzip, identity\r\n").await;
    assert!(packed.headers.contains("content-encoding: gzip"), "{}", packed.headers);
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.body.as_slice()), &mut unpacked).expect("gzip");
    assert!(unpacked == plain.body && packed.body.len() < plain.body.len());
    let hashes = get_with(&stage, "/tile/0/000", "Accept-Encoding: gzip, identity\r\n").await;
    assert!(!hashes.headers.contains("content-encoding"), "{}", hashes.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_certificate_shows_the_state_of_today() {
    let told = Told::tell().await;
    let path = format!("/certificates/{NUMBER}");
    let page = async || {
        let answer = get(&told.stage, &path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers.contains("content-type: text/html"), "{}", answer.headers);
        String::from_utf8(answer.body).expect("text")
    };
    let decider = told.stage.client(&cast::decider());
    let wait = async |index: u64| {
        let request = proto::registry::GetStatusProofRequest {
            name: format!("entries/{index}"),
            max_wait: None,
            min_size: index + 1,
        };
        decider.registry().get_status_proof(request).await.expect("an epoch");
    };
    wait(told.registered.index).await;
    let active = page().await;
    assert!(active.contains("<h1>Valid</h1>"), "{active}");
    assert!(active.contains("Portland Cement Art. Nr. 1") && active.contains("25232900"), "{active}");
    assert!(active.contains(&told.certificate.id), "{active}");
    let reason = "<script>alert('x')</script> & \"more\"";
    let event = story::change_state(
        &told.stage.world,
        &decider,
        &told.certificate,
        State::Withdrawn,
        GoodsRule::NoGoods,
        reason,
    );
    wait(event.await.expect("withdrawn").index).await;
    let withdrawn = page().await;
    assert!(withdrawn.contains("<h1>Withdrawn</h1>"), "{withdrawn}");
    assert!(withdrawn.contains("&lt;script&gt;alert("), "{withdrawn}");
    assert!(!withdrawn.contains("<script"), "{withdrawn}");
    for unknown in ["/certificates/gc-2026-9999", "/certificates/%3Cscript%3E", "/certificates/..%2F..%2Fx"] {
        let answer = get(&told.stage, unknown).await;
        assert_eq!(answer.status, 404, "{unknown}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("<script"), "{unknown}");
    }
    assert_eq!(ok(&told.stage, "/healthz").await, b"ok\n");
}

async fn reflect(client: &mut ServerReflectionClient<touchstone_client::Line>, ask: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.expect("reflection").into_inner();
    let answer: ServerReflectionResponse = answers.message().await.expect("an answer").expect("one answer");
    answer.message_response.expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_know_every_service() {
    let stage = Stage::open().await;
    let client = stage.client(&cast::operator());
    let services: Vec<String> = support::descriptors().services().map(|s| s.full_name().to_owned()).collect();
    assert_eq!(services.len(), 5);
    for service in &services {
        let channel = client.channel(&format!("/{service}/"));
        let mut health = HealthClient::new(channel.clone());
        for asked in [service.as_str(), ""] {
            let answer = health.check(HealthCheckRequest { service: asked.into() }).await.expect(asked).into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{asked}");
        }
        let unknown = health.check(HealthCheckRequest { service: "touchstone.none.v1.None".into() }).await;
        let unknown = support::refused(unknown);
        assert_eq!((unknown.code, unknown.reason.as_str()), (tonic::Code::NotFound, "SERVICE_UNKNOWN"));

        let mut reflection = ServerReflectionClient::new(channel);
        let MessageResponse::ListServicesResponse(listed) =
            reflect(&mut reflection, MessageRequest::ListServices(String::new())).await
        else {
            panic!("a list of services was asked for")
        };
        let listed: Vec<String> = listed.service.into_iter().map(|service| service.name).collect();
        assert!(listed.contains(service), "{service} is not among {listed:?}");
        let ask = MessageRequest::FileContainingSymbol(service.clone());
        let MessageResponse::FileDescriptorResponse(files) = reflect(&mut reflection, ask).await else {
            panic!("{service} has no file")
        };
        assert!(!files.file_descriptor_proto.is_empty());
    }
}
