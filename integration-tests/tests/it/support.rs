//! What the scenarios share: a world in a folder of its own, calls by path, and one door for every refusal.

use std::net::SocketAddr;
use std::path::PathBuf;

use integration_tests::cast;
use integration_tests::cement::{self, Cement};
use integration_tests::story::{self, Ground, Registered};
use integration_tests::world::World;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_reflect::{DescriptorPool, MethodDescriptor};
use record::certificate::Certificate;
use record::footprint::FootprintStatement;
use runtime::access::{Row, Who};
use runtime::{Caller, Role};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use touchstone_client::{Client, ClientError};

/// Organisation and site of the exporter.
pub const ORGANIZATION: &str = "cement-bubble";
pub const SITE_ID: &str = "cement-works";
pub const SITE: &str = "organizations/cement-bubble/sites/cement-works";
/// Number of the certificate.
pub const NUMBER: &str = "gc-2026-0001";

/// A world and the folder that goes with it.
pub struct Stage {
    pub world: World,
    _folder: TempDir,
}

impl Stage {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start(folder.path(), crate::SHAPE).await.expect("a world");
        Stage { world, _folder: folder }
    }

    pub fn client(&self, caller: &Caller) -> Client {
        self.world.client(caller).expect("a client")
    }
}

/// A world in which everything up to the registered certificate has happened.
pub struct Told {
    pub stage: Stage,
    pub ground: Ground,
    pub cement: Cement,
    pub plant_toml: String,
    pub footprint: proto::footprint::Footprint,
    pub statement: FootprintStatement,
    pub application: String,
    pub certificate: Certificate,
    pub registered: Registered,
}

impl Told {
    pub async fn tell() -> Self {
        let stage = Stage::open().await;
        let ground = story::lay_ground(&stage.world).await.expect("ground");
        let cement = cement::generate(ORGANIZATION, SITE_ID);
        let plant_toml = cement::plant_toml(ORGANIZATION, SITE_ID);
        let exporter = stage.client(&cast::exporter());
        story::send_evidence(&exporter, &cement).await.expect("evidence");
        let (footprint, statement) =
            story::compute(&exporter, &cement.site, "year", &plant_toml).await.expect("a footprint");
        let application = story::apply(&exporter, &footprint.name, "first").await.expect("an application").name;
        let reviewer = stage.client(&cast::reviewer());
        let found = story::recompute(&reviewer, &application).await.expect("recomputed");
        story::review(&reviewer, &application, found.digest).await.expect("a review");
        let decider = stage.client(&cast::decider());
        story::decide(&decider, &application).await.expect("a decision");
        let class = statement.product.cn_code.clone();
        let named = ("ea-0001", &ground.accreditation);
        let certificate = story::certificate(&stage.world, NUMBER, named, &statement, &class).expect("a certificate");
        let registered = story::sign_and_register(&stage.world, &decider, &certificate).await.expect("registered");
        Told { stage, ground, cement, plant_toml, footprint, statement, application, certificate, registered }
    }
}

/// What a page over plain HTTP says.
pub async fn http(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// A person of a role.
pub fn person(organization: &str, role: Role) -> Caller {
    Caller { organization: organization.into(), role, person: "somebody".into() }
}

/// Rows of the services.
pub fn rows() -> Vec<Row> {
    [
        metering_service::ROWS,
        footprint_service::ROWS,
        certification_service::ROWS,
        registry_service::ROWS,
        verification_service::ROWS,
    ]
    .concat()
}

/// Our own messages and services.
pub fn descriptors() -> DescriptorPool {
    DescriptorPool::decode(proto::DESCRIPTORS).expect("checked-in descriptors")
}

/// Path of an RPC.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// Every RPC of ours.
pub fn methods() -> Vec<MethodDescriptor> {
    let methods: Vec<_> = descriptors().services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    assert!(methods.len() > 30, "{} methods", methods.len());
    methods
}

/// Somebody who may call an RPC.
pub fn allowed(path: &str) -> Caller {
    let rows = rows();
    let (_, who) = rows.iter().find(|(row, _)| *row == path).unwrap_or_else(|| panic!("{path} has no row"));
    match who {
        Who::Roles(roles) if roles[0] == Role::Service => Caller::service("in-process"),
        Who::Roles(roles) => person(ORGANIZATION, roles[0]),
        Who::Known | Who::Connected => person("operator", Role::Operator),
    }
}

/// Bytes as they are.
#[derive(Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Bytes;
    type Decoder = Bytes;

    fn encoder(&mut self) -> Bytes {
        Bytes
    }

    fn decoder(&mut self) -> Bytes {
        Bytes
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// RPCs whose answer ends with the server: one message of it is enough.
const ENDLESS: [&str; 2] = [
    "/touchstone.metering.v1.MeteringService/WatchCalibrationWarnings",
    "/touchstone.registry.v1.RegistryService/WatchCheckpoint",
];

/// Calls any RPC with one message of these bytes; every message of the answer, of an endless one the first.
pub async fn call(client: &Client, path: &str, message: Vec<u8>) -> Result<Vec<Vec<u8>>, Status> {
    let mut grpc = tonic::client::Grpc::new(client.channel(path));
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let of_changes = path == "/touchstone.registry.v1.RegistryService/RegisterStatements";
    let enough = if ENDLESS.contains(&path) { 1 } else { usize::MAX };
    let path = path.parse().expect("a path");
    let request = Request::new(tokio_stream::iter([message]));
    let mut stream = grpc.streaming(request, path, Bytes).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        // A stream of changes refuses each by itself, inside its answer.
        if of_changes && let Some(status) = refusal_inside(&answer) {
            return Err(status);
        }
        answers.push(answer);
        if answers.len() == enough {
            break;
        }
    }
    Ok(answers)
}

/// The refusal that an answer of `RegisterStatements` holds, as the status that it would be.
pub fn refusal_inside(answer: &[u8]) -> Option<Status> {
    use proto::registry::register_statements_response::Outcome;
    let answer = proto::registry::RegisterStatementsResponse::decode(answer).expect("an answer");
    match answer.outcome.expect("an outcome") {
        Outcome::Entry(_) => None,
        Outcome::Refusal(refusal) => {
            let details = refusal.encode_to_vec().into();
            Some(Status::with_details(Code::from_i32(refusal.code), refusal.message, details))
        }
    }
}

/// A refusal, taken apart. Made only by [`refusal`], which checks what every refusal must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    pub reason: String,
    pub message: String,
    /// Fields that do not fit, sorted.
    pub fields: Vec<String>,
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// Takes a refusal apart. Its reason must be a value of the package's `ErrorReason`, its domain the package's own.
#[track_caller]
pub fn refusal(status: &Status) -> Refused {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    let noun = info.domain.strip_suffix(".touchstone").unwrap_or_else(|| panic!("domain {:?}", info.domain));
    let reasons = descriptors()
        .get_enum_by_name(&format!("touchstone.{noun}.v1.ErrorReason"))
        .unwrap_or_else(|| panic!("{noun} has no ErrorReason"));
    let value = format!("ERROR_REASON_{}", info.reason);
    assert!(reasons.get_value_by_name(&value).is_some(), "{value} is no ErrorReason of {noun}");
    assert!(!status.message().is_empty(), "{status:?}");
    let mut fields: Vec<String> = status
        .get_details_bad_request()
        .map_or_else(Vec::new, |bad| bad.field_violations.into_iter().map(|violation| violation.field).collect());
    fields.sort();
    if info.reason == "REQUEST_INVALID" {
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(!fields.is_empty(), "REQUEST_INVALID names its fields: {status:?}");
    }
    Refused {
        code: status.code(),
        reason: info.reason,
        message: status.message().to_owned(),
        fields,
        metadata: info.metadata.into_iter().collect(),
    }
}

/// The refusal of a call that must be refused.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> Refused {
    match result {
        Err(status) => refusal(&status),
        Ok(answer) => panic!("answered instead of refused: {answer:?}"),
    }
}

/// Calls an RPC with a typed request, for a refusal.
pub async fn refused_call(client: &Client, path: &str, request: &impl Message) -> Refused {
    match call(client, path, request.encode_to_vec()).await {
        Err(status) => refusal(&status),
        Ok(answers) => panic!("{path} answered {} messages instead of refusing", answers.len()),
    }
}

/// The reason of a step that must be refused.
#[track_caller]
pub fn reason<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result {
        Err(ClientError::Refused { reason, .. }) => reason,
        other => panic!("refused was expected: {other:?}"),
    }
}

/// All entries of the log.
pub async fn entries(client: &Client) -> Vec<Vec<u8>> {
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            proto::registry::ListEntriesRequest { page_size: 7, page_token, start_index: 0, media_type: String::new() };
        let page = client.registry().list_entries(request).await.expect("a page").into_inner();
        for entry in page.entries {
            assert_eq!(entry.index as usize, entries.len(), "entries come in order");
            entries.push(entry.statement);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

/// Waits for an epoch that covers a leaf.
pub async fn covered(client: &Client, leaf: u64) -> record::status::Epoch {
    let name = format!("entries/{leaf}");
    let request = proto::registry::GetStatusProofRequest { name, max_wait: None, min_size: leaf + 1 };
    let proof = client.registry().get_status_proof(request).await.expect("an epoch").into_inner();
    let latest = proof.latest_epoch.expect("the latest epoch").epoch;
    record::status::Epoch::from_bytes(&latest).expect("an epoch")
}

/// Runs `touchctl --json` in a folder; exit code and the one object.
pub fn touchctl(folder: &std::path::Path, args: &[&str]) -> (i32, serde_json::Value) {
    let program = integration_tests::processes::program("touchctl").expect("a program");
    let output = tokio::task::block_in_place(|| {
        std::process::Command::new(program).args(args).arg("--json").current_dir(folder).output().expect("it runs")
    });
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output.status.code().expect("an exit"), object)
}

/// A file outside the repository that whoever runs the tests may not have. `None`, said plainly, when it is absent.
pub fn shared(file: &str) -> Option<Vec<u8>> {
    let root = match std::env::var_os("TOUCHSTONE_SHARED") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    };
    let path = root.join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

/// Verdicts and such are compared by their spelling on the wire.
pub fn spelled(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).expect("a word")
}
