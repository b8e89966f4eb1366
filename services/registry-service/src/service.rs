//! Handlers: wire words in, record words out.

use std::pin::Pin;
use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;

use futures_util::Stream;
use proto::fields::Fields;
use proto::footprint::footprint_service_client::FootprintServiceClient;
use proto::registry as wire;
use proto::registry::registry_service_server::RegistryService as Rpc;
use record::name;
use record::statement::{Content, SignedStatement};
use record::status::Epoch;
use record::status_list::StatusListName;
use runtime::access::{Row, Who};
use runtime::error::Finish;
use runtime::{Caller, Clock, Refusal, Role};
use store::{BlobStore, Direction, Namespace, RegistryStore, keys};
use tlog::tile::{Bundle as EntryBundle, Tile};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, Streaming};

use crate::config::Config;
use crate::error::{DOMAIN, internal};
use crate::log::{Log, OpenError, Published, View, part, read};
use crate::registration::{Refusals, Registration};
use crate::status_lists::StatusLists;
use crate::witnesses::Witnesses;
use crate::{convert, log, proofs};

/// Longest wait for something to be published.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Wait where the caller names none.
const WAIT: Duration = Duration::from_secs(10);

const WRITERS: Who =
    Who::Roles(&[Role::Operator, Role::AccreditationBody, Role::Decider, Role::Regulator, Role::Supervisor]);

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.registry.v1.RegistryService/RegisterStatement", WRITERS),
    ("/touchstone.registry.v1.RegistryService/RegisterStatements", WRITERS),
    ("/touchstone.registry.v1.RegistryService/GetEntry", Who::Known),
    ("/touchstone.registry.v1.RegistryService/ListEntries", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetCertificate", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetReceipt", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetCheckpoint", Who::Known),
    ("/touchstone.registry.v1.RegistryService/WatchCheckpoint", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetConsistencyProof", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetStatusProof", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetBundle", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetTile", Who::Known),
    ("/touchstone.registry.v1.RegistryService/GetLogIdentity", Who::Known),
];

/// The service.
pub struct RegistryService {
    registration: Registration,
    log: Log,
    store: Arc<dyn RegistryStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Clock,
    origin: String,
    receipt_key_jwk: String,
    note_keys: (String, String),
    status_lists: StatusLists,
    stopping: watch::Receiver<bool>,
}

/// What registers many statements.
type Answers = Pin<Box<dyn Stream<Item = Result<wire::RegisterStatementsResponse, Status>> + Send>>;
/// What a watcher gets.
type Checkpoints = Pin<Box<dyn Stream<Item = Result<wire::WatchCheckpointResponse, Status>> + Send>>;

impl RegistryService {
    /// Opens the log and starts its sequencer: the task ends, with everything written, once the service is dropped.
    ///
    /// # Errors
    /// [`OpenError`]: where it is a [`crate::Fork`], [`crate::Refusing`] answers in place of the service.
    pub async fn start(config: Config) -> Result<(Self, JoinHandle<()>), OpenError> {
        let store = config.store.clone();
        let blobs = config.blobs.clone();
        let footprints = FootprintServiceClient::new(config.footprint.clone());
        let clock = config.clock.clone();
        let (origin, log_id) = (config.origin.clone(), config.log_id.clone());
        let operator = config.keys.operator.clone();
        let receipt_key_jwk = config.keys.receipt.public_key().to_jwk();
        let vkey = |name: &str, key: &cose::key::SigningKey| {
            tlog::note::NoteVerifier::new(name, tlog::note::SignatureKind::Ed25519, key.public_key())
                .map(|verifier| verifier.to_vkey())
                .map_err(|e| e.to_string())
        };
        let note_keys =
            (vkey(&origin, &config.keys.note)?, vkey(&format!("{origin}/status"), &config.keys.status_note)?);
        let stopping = config.stopping.clone();
        let status_lists = StatusLists::new(config.keys.receipt.clone(), &log_id, &origin);
        let (log, task) = log::open(config).await?;
        let registration = Registration::new(log.clone(), store.clone(), footprints, clock.clone(), (log_id, operator));
        let service =
            Self { registration, log, store, blobs, clock, origin, receipt_key_jwk, note_keys, status_lists, stopping };
        Ok((service, task))
    }

    /// Changes whenever something is published.
    pub fn published(&self) -> watch::Receiver<Published> {
        self.log.published.clone()
    }

    /// How many statements were refused, by reason, as the count goes on.
    pub fn refusals(&self) -> Refusals {
        self.registration.refusals()
    }

    /// The log's witnesses, where it has any.
    pub fn witnesses(&self) -> Option<Arc<Witnesses>> {
        self.log.witnesses.clone()
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        read(&self.log.view)
    }

    /// Waits until what is published satisfies `enough`.
    async fn wait(&self, max: Duration, enough: impl Fn(&Published) -> bool) -> Result<(), Refusal> {
        let mut published = self.log.published.clone();
        match tokio::time::timeout(max, published.wait_for(enough)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(proofs::not_yet()),
        }
    }

    fn leaf(&self, fields: &mut Fields, name: &str) -> Option<u64> {
        let leaf = name.strip_prefix("entries/").and_then(|index| {
            let leaf: u64 = index.parse().ok()?;
            (leaf.to_string() == index).then_some(leaf)
        });
        if leaf.is_none() {
            fields.refuse("name", "must have the form entries/{index}");
        }
        leaf
    }

    fn held(&self, leaf: u64) -> Result<(), Refusal> {
        if leaf < self.view().tree.size() {
            return Ok(());
        }
        Err(Refusal::not_found(DOMAIN, "entry", &format!("entries/{leaf}")))
    }

    /// Rows of entries of a media type from a leaf on, and the leaf after them.
    async fn of_media_type(
        &self,
        media_type: &str,
        start: u64,
        limit: usize,
    ) -> Result<(Vec<(Vec<u8>, Vec<u8>)>, Option<u64>), Refusal> {
        let (leaves, next) = {
            let view = self.view();
            let all = view.index.by_media_type.get(media_type).map_or(&[][..], Vec::as_slice);
            let from = &all[all.partition_point(|leaf| *leaf < start)..];
            (from[..from.len().min(limit)].to_vec(), from.get(limit).copied())
        };
        let keys: Vec<Vec<u8>> = leaves.into_iter().map(keys::number).collect();
        let entries = self.store.multi_get(&part(), Namespace::Entry, &keys).await;
        let entries: Option<Vec<Vec<u8>>> = entries.map_err(|e| Refusal::store(DOMAIN, &e))?.into_iter().collect();
        let entries = entries.ok_or_else(|| internal("an entry is missing"))?;
        Ok((keys.into_iter().zip(entries).collect(), next))
    }

    async fn tile(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let unknown = || Refusal::not_found(DOMAIN, "tile", path);
        if let Some(name) = StatusListName::parse(path) {
            let list = self.status_lists.list(name, &self.view())?.ok_or_else(unknown)?;
            return Ok(list.to_vec());
        }
        if let Some(path) = path.strip_prefix("status/") {
            let view = self.view();
            let status = view.status.as_ref().ok_or_else(unknown)?;
            if let Ok(bundle) = EntryBundle::parse(path) {
                return epoch_bundle(bundle, status.shown_epochs()).ok_or_else(unknown);
            }
            let tile = Tile::parse(path).map_err(|_| unknown())?;
            return published_tile(tile, &status.tree, status.size()).ok_or_else(unknown);
        }
        if let Ok(bundle) = EntryBundle::parse(path) {
            return self.entry_bundle(bundle).await?.ok_or_else(unknown);
        }
        let tile = Tile::parse(path).map_err(|_| unknown())?;
        let view = self.view();
        published_tile(tile, &view.tree, view.head.size).ok_or_else(unknown)
    }

    async fn entry_bundle(&self, bundle: EntryBundle) -> Result<Option<Vec<u8>>, Refusal> {
        let end = bundle.first_entry().saturating_add(u64::from(bundle.width));
        if end > self.view().head.size {
            return Ok(None);
        }
        let full = self.blobs.get(&bundle.path()).await.map_err(|e| Refusal::store(DOMAIN, &e))?;
        if full.is_some() {
            return Ok(full);
        }
        let rows: Vec<Vec<u8>> = (bundle.first_entry()..end).map(keys::number).collect();
        let entries =
            self.store.multi_get(&part(), Namespace::Entry, &rows).await.map_err(|e| Refusal::store(DOMAIN, &e))?;
        let entries: Option<Vec<Vec<u8>>> = entries.into_iter().collect();
        let entries = entries.ok_or_else(|| internal("an entry is missing"))?;
        bundle.encode(&entries).map(Some).map_err(internal)
    }
}

/// The newest checkpoints: of the log, and of the status log. Where witnesses cosign, those of the epoch shown.
fn checkpoints(view: &View) -> (Vec<u8>, Vec<u8>) {
    match &view.status {
        None => (view.head.note.clone(), Vec::new()),
        Some(status) if view.is_witnessed => (status.shown.head.note.clone(), status.shown.note.clone()),
        Some(status) => (view.head.note.clone(), status.shown.note.clone()),
    }
}

/// Epochs as the entries that they are of the status log.
fn epoch_bundle(bundle: EntryBundle, epochs: &[Epoch]) -> Option<Vec<u8>> {
    let first = usize::try_from(bundle.first_entry()).ok()?;
    let epochs = epochs.get(first..first.checked_add(bundle.width.into())?)?;
    bundle.encode(&epochs.iter().map(Epoch::to_bytes).collect::<Vec<_>>()).ok()
}

fn published_tile(tile: Tile, tree: &tlog::tree::MemoryTree, size: u64) -> Option<Vec<u8>> {
    let whole = Tile::in_tree(tile.level, tile.index, size)?;
    // A partial tile of an earlier size is a prefix of today's.
    (tile.width <= whole.width).then(|| tile.bytes(tree).ok()).flatten()
}

fn max_wait(fields: &mut Fields, wait: &Option<prost_types::Duration>) -> Duration {
    match wait {
        None => WAIT,
        Some(wait) => match Duration::try_from(*wait) {
            Ok(wait) => wait.min(MAX_WAIT),
            Err(_) => {
                fields.refuse("max_wait", "must not be negative");
                WAIT
            }
        },
    }
}

#[tonic::async_trait]
impl Rpc for RegistryService {
    async fn register_statement(
        &self,
        request: Request<wire::RegisterStatementRequest>,
    ) -> Result<Response<wire::Entry>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.registration.one(&caller, request.into_inner()).await?))
    }

    type RegisterStatementsStream = Answers;

    async fn register_statements(
        &self,
        request: Request<Streaming<wire::RegisterStatementsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let caller = Caller::of(&request);
        let answers = self.registration.clone().stream(caller, request.into_inner(), self.stopping.clone());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_entry(&self, request: Request<wire::GetEntryRequest>) -> Result<Response<wire::Entry>, Status> {
        let mut fields = Fields::new();
        let leaf = self.leaf(&mut fields, &request.get_ref().name);
        fields.finish(DOMAIN)?;
        let leaf = leaf.unwrap_or(u64::MAX);
        let bytes = proofs::entry_bytes(self.store.as_ref(), leaf).await?;
        let statement = SignedStatement::from_entry(&bytes).map_err(internal)?;
        Ok(Response::new(convert::entry(leaf, &statement, &bytes, tlog::leaf_hash(&bytes))))
    }

    async fn list_entries(
        &self,
        request: Request<wire::ListEntriesRequest>,
    ) -> Result<Response<wire::ListEntriesResponse>, Status> {
        let request = request.into_inner();
        let mut fields = Fields::new();
        if request.page_size < 0 {
            fields.refuse("page_size", "must not be negative");
        }
        let bound = format!("{}.{}.", request.start_index, request.media_type);
        let start = match request.page_token.as_str() {
            "" => Some(request.start_index),
            token => {
                let start = token.strip_prefix(&bound).and_then(|t| t.parse().ok());
                if start.is_none() {
                    fields.refuse("page_token", "is not of this list: send the arguments of the first page with it");
                }
                start
            }
        };
        if request.media_type.len() > 100 {
            fields.refuse("media_type", "is no media type of a statement");
        }
        fields.finish(DOMAIN)?;
        let start = start.unwrap_or(0);
        // Entries are at most 56 KiB, so a page must stay below the size of a message.
        let limit = match request.page_size {
            0 => 100,
            size => (size as usize).min(1_000),
        };
        let (rows, mut next) = match request.media_type.as_str() {
            "" => {
                let from = keys::number(start)..Vec::new();
                let page = self.store.scan(&part(), Namespace::Entry, from, limit, Direction::Forward).await;
                let page = page.map_err(|e| Refusal::store(DOMAIN, &e))?;
                (page.rows, page.resume.and_then(|key| keys::parse_number(&key)))
            }
            media_type => self.of_media_type(media_type, start, limit).await?,
        };
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (key, entry) in rows {
            let leaf = keys::parse_number(&key).ok_or_else(|| internal("a key of an entry is damaged"))?;
            bytes += entry.len();
            if bytes > runtime::server::MAX_MESSAGE_BYTES / 2 && !entries.is_empty() {
                next = Some(leaf);
                break;
            }
            let statement = SignedStatement::from_entry(&entry).map_err(internal)?;
            entries.push(convert::entry(leaf, &statement, &entry, tlog::leaf_hash(&entry)));
        }
        let next_page_token = next.map_or(String::new(), |leaf| format!("{bound}{leaf}"));
        Ok(Response::new(wire::ListEntriesResponse { entries, next_page_token }))
    }

    async fn get_certificate(
        &self,
        request: Request<wire::GetCertificateRequest>,
    ) -> Result<Response<wire::Certificate>, Status> {
        let mut fields = Fields::new();
        let parts = fields.check("name", name::parts(name::CERTIFICATE, &request.get_ref().name));
        let number = parts.map(|parts| parts[0].to_owned());
        fields.finish(DOMAIN)?;
        let number = number.unwrap_or_default();
        let known = self.view().index.certificates.get(&number).copied();
        let known = known.ok_or_else(|| Refusal::not_found(DOMAIN, "certificate", &request.get_ref().name))?;
        let entry = proofs::entry_bytes(self.store.as_ref(), known.leaf).await?;
        let statement = SignedStatement::from_entry(&entry).map_err(internal)?;
        let Content::Certificate(content) = statement.content() else {
            return Err(internal("a certificate's entry holds something else").into());
        };
        let view = self.view();
        let (size, time) =
            view.status.as_ref().map_or((0, (self.clock)()), |status| (status.latest().size, status.latest().time));
        let record = view.index.record_at(known.leaf, size);
        Ok(Response::new(convert::certificate(known.leaf, content, &record, time, (self.clock)())))
    }

    async fn get_receipt(&self, request: Request<wire::GetReceiptRequest>) -> Result<Response<wire::Receipt>, Status> {
        let request = request.into_inner();
        let mut fields = Fields::new();
        let leaf = self.leaf(&mut fields, &request.name);
        let wait = max_wait(&mut fields, &request.max_wait);
        fields.finish(DOMAIN)?;
        let leaf = leaf.unwrap_or(u64::MAX);
        self.held(leaf)?;
        self.wait(wait, |published| published.size > leaf).await?;
        let view = self.view();
        Ok(Response::new(wire::Receipt {
            entry: request.name,
            receipt: proofs::receipt(&view, view.head_for(leaf), leaf)?,
            checkpoint: view.head_for(leaf).note.clone(),
        }))
    }

    async fn get_checkpoint(
        &self,
        _request: Request<wire::GetCheckpointRequest>,
    ) -> Result<Response<wire::GetCheckpointResponse>, Status> {
        let (checkpoint, status_checkpoint) = checkpoints(&self.view());
        Ok(Response::new(wire::GetCheckpointResponse { checkpoint, status_checkpoint }))
    }

    type WatchCheckpointStream = Checkpoints;

    async fn watch_checkpoint(
        &self,
        _request: Request<wire::WatchCheckpointRequest>,
    ) -> Result<Response<Checkpoints>, Status> {
        let mut published = self.log.published.clone();
        published.mark_changed();
        let watching = (published, self.stopping.clone(), self.log.view.clone(), Default::default());
        let stream = futures_util::stream::unfold(watching, |(mut published, mut stopping, view, before)| async move {
            let now = loop {
                tokio::select! {
                    changed = published.changed() => changed.ok()?,
                    _ = stopping.wait_for(|stopping| *stopping) => return None,
                }
                // Not everything that is published is another checkpoint for readers.
                let now = checkpoints(&read(&view));
                if now != before {
                    break now;
                }
            };
            let (checkpoint, status_checkpoint) = now.clone();
            let answer = wire::WatchCheckpointResponse { checkpoint, status_checkpoint };
            Some((Ok(answer), (published, stopping, view, now)))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<wire::GetConsistencyProofRequest>,
    ) -> Result<Response<wire::GetConsistencyProofResponse>, Status> {
        let request = request.into_inner();
        let view = self.view();
        let mut fields = Fields::new();
        if request.first_size == 0 {
            fields.refuse("first_size", "must be at least 1");
        }
        if request.second_size == 0 || request.second_size < request.first_size || request.second_size > view.head.size
        {
            fields
                .refuse("second_size", format!("must be between first_size and the published size {}", view.head.size));
        }
        fields.finish(DOMAIN)?;
        let path = tlog::tree::consistency_proof(&view.tree, request.first_size, request.second_size);
        Ok(Response::new(wire::GetConsistencyProofResponse { path: convert::path(&path.map_err(internal)?) }))
    }

    async fn get_status_proof(
        &self,
        request: Request<wire::GetStatusProofRequest>,
    ) -> Result<Response<wire::StatusProof>, Status> {
        let request = request.into_inner();
        let mut fields = Fields::new();
        let leaf = self.leaf(&mut fields, &request.name);
        let wait = max_wait(&mut fields, &request.max_wait);
        fields.finish(DOMAIN)?;
        let leaf = leaf.unwrap_or(u64::MAX);
        self.held(leaf)?;
        let needed = request.min_size.max(leaf.saturating_add(1));
        self.wait(wait, |published| published.epoch_size >= needed).await?;
        let view = self.view();
        let status = view.status.as_ref().ok_or_else(proofs::not_yet)?;
        let (record, path, first) = proofs::state(&view, status, leaf)?;
        let wire_epoch = |number: u64, proof: verify::bundle::EpochProof| wire::EpochProof {
            index: number,
            epoch: proof.epoch,
            path: convert::path(&proof.path),
        };
        let covering = status.covering(leaf).ok_or_else(proofs::not_yet)?.number;
        let latest = status.latest().number;
        Ok(Response::new(wire::StatusProof {
            entry: request.name,
            record,
            path: convert::path(&path),
            first_epoch: Some(wire_epoch(covering, first)),
            latest_epoch: Some(wire_epoch(latest, proofs::epoch(status, latest)?)),
            status_checkpoint: status.shown.note.clone(),
        }))
    }

    async fn get_bundle(
        &self,
        request: Request<wire::GetBundleRequest>,
    ) -> Result<Response<wire::GetBundleResponse>, Status> {
        let request = request.into_inner();
        let mut fields = Fields::new();
        let parts = fields.check("name", name::parts(name::CERTIFICATE, &request.name));
        let number = parts.map_or(String::new(), |parts| parts[0].to_owned());
        if request.arrangement.len() > 300 {
            fields.refuse("arrangement", "is no arrangement id");
        }
        let wait = max_wait(&mut fields, &request.max_wait);
        fields.finish(DOMAIN)?;
        let wanted = proofs::wanted(&self.view(), &number, &request.arrangement)?;
        let needed = request.min_size.max(wanted.last() + 1);
        self.wait(wait, |published| published.epoch_size >= needed).await?;
        let mut entries = Vec::new();
        for leaf in wanted.leaves() {
            entries.push(proofs::entry_bytes(self.store.as_ref(), leaf).await?);
        }
        let bundle = wanted.bundle(&self.view(), entries)?;
        Ok(Response::new(wire::GetBundleResponse { bundle: bundle.to_bytes() }))
    }

    async fn get_tile(
        &self,
        request: Request<wire::GetTileRequest>,
    ) -> Result<Response<wire::GetTileResponse>, Status> {
        let mut fields = Fields::new();
        fields.text("path", &request.get_ref().path, 512);
        fields.finish(DOMAIN)?;
        let data = self.tile(&request.get_ref().path).await?;
        Ok(Response::new(wire::GetTileResponse { data }))
    }

    async fn get_log_identity(
        &self,
        _request: Request<wire::GetLogIdentityRequest>,
    ) -> Result<Response<wire::GetLogIdentityResponse>, Status> {
        Ok(Response::new(wire::GetLogIdentityResponse {
            origin: self.origin.clone(),
            note_key: self.note_keys.0.clone(),
            status_note_key: self.note_keys.1.clone(),
            receipt_key_jwk: self.receipt_key_jwk.clone(),
        }))
    }
}
