//! `register_ratio` and `register_per_s`: durable registrations over mTLS, against raw synced batches of RocksDB and one
//! signature check an entry.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cose::x509::Certificate as X509;
use integration_tests::cast;
use proto::registry::register_statements_response::Outcome;
use proto::registry::{Entry, RegisterStatementRequest, RegisterStatementsRequest};
use rocksdb::{DB, Options, WriteBatch, WriteOptions};
use serde_json::json;
use touchstone_client::{Client, new_request_id};

use crate::frame::{Figure, Goal, Plan, Sides, median};
use crate::stand::Stand;
use crate::{Failed, profile};

/// Connections, and calls in progress over all of them.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 512;
/// Entries in a raw batch: as many as the registry sequences at most at a time.
const BATCH: usize = 128;
/// Threads of the ceiling: more than cores, so that one checks while another waits for the disk.
const THREADS: usize = 4;
/// What Project Origin publishes for issuing, transactions a second.
const PROJECT_ORIGIN_PER_S: f64 = 170.0;

/// Registers all on one stream a connection; registrations a second.
fn streamed(stand: &Stand, clients: &[Client], entries: Vec<Vec<u8>>) -> Result<f64, Failed> {
    let (entries, next) = (Arc::new(entries), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, entries, next) = (client.clone(), entries.clone(), next.clone());
            stand.client.spawn(async move {
                let requests = std::iter::from_fn(move || {
                    let statement = entries.get(next.fetch_add(1, Ordering::Relaxed))?.clone();
                    Some(RegisterStatementsRequest { statement, request_id: new_request_id() })
                });
                let answers = client.registry().register_statements(tokio_stream::iter(requests)).await?;
                let mut answers = answers.into_inner();
                let mut registered = 0;
                while let Some(answer) = answers.message().await? {
                    match answer.outcome {
                        Some(Outcome::Entry(_)) => registered += 1,
                        other => return Err(format!("not registered: {other:?}").into()),
                    }
                }
                Ok::<usize, Failed>(registered)
            })
        })
        .collect();
    let mut registered = 0;
    for task in tasks {
        registered += stand.client.block_on(task)??;
    }
    if registered != entries.len() {
        return Err(format!("{registered} of {} were answered", entries.len()).into());
    }
    Ok(registered as f64 / began.elapsed().as_secs_f64())
}

/// Registers all by calls of their own; registrations a second.
fn unary(stand: &Stand, clients: &[Client], entries: Vec<Vec<u8>>) -> Result<f64, Failed> {
    let (entries, next) = (Arc::new(entries), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|place| {
            let (client, entries, next) = (clients[place % clients.len()].clone(), entries.clone(), next.clone());
            stand.client.spawn(async move {
                let mut registry = client.registry();
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let request = RegisterStatementRequest { statement: entry.clone(), request_id: new_request_id() };
                    registry.register_statement(request).await?;
                }
                Ok::<_, Failed>(())
            })
        })
        .collect();
    for task in tasks {
        stand.client.block_on(task)??;
    }
    Ok(entries.len() as f64 / began.elapsed().as_secs_f64())
}

/// Checks the signature of each and writes it, and nothing else; entries a second.
fn raw(db: &DB, signer: &X509, first: usize, entries: &[Vec<u8>], record: &[u8]) -> Result<f64, Failed> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let from = next.fetch_add(BATCH, Ordering::Relaxed);
                        let Some(part) = entries.get(from..entries.len().min(from + BATCH)).filter(|p| !p.is_empty())
                        else {
                            return Ok::<_, Failed>(());
                        };
                        let mut batch = WriteBatch::default();
                        for (place, entry) in part.iter().enumerate() {
                            cose::sign1::Envelope::decode(entry)?.verify(signer.public_key())?;
                            let number = ((first + from + place) as u64).to_be_bytes();
                            batch.put([&b"entry"[..], &number].concat(), entry);
                            batch.put([&b"record of a request"[..], &number].concat(), record);
                        }
                        let mut options = WriteOptions::default();
                        options.set_sync(true);
                        db.write_opt(batch, &options)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?)
    })?;
    Ok(entries.len() as f64 / began.elapsed().as_secs_f64())
}

/// Bytes that the registry writes besides an entry: the record of its request, a digest and the answer.
fn record_bytes(stand: &Stand, client: &Client, entry: &[u8]) -> Result<usize, Failed> {
    let request = RegisterStatementRequest { statement: entry.to_vec(), request_id: new_request_id() };
    let answer = stand.client.block_on(client.registry().register_statement(request))?.into_inner();
    let answer = Entry { statement: Vec::new(), ..answer };
    Ok(32 + prost::Message::encoded_len(&answer))
}

/// Measures.
pub fn measure(stand: &Stand, plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let per_round = if plan.quick { 1_000 } else { 4_000 };
    let clients = stand.connections(&cast::decider(), CONNECTIONS)?;
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, folder.join("raw"))?;
    let signer = X509::from_der(&stand.world.cast.certification_body.certificate.certificate_der)?;
    let entries = || -> Result<Vec<Vec<u8>>, Failed> {
        Ok(stand.certificates(per_round)?.into_iter().map(|(_, entry)| entry).collect())
    };
    // Both sides once before any counts.
    let warm = entries()?;
    let size = warm[0].len();
    let record = vec![7; record_bytes(stand, &clients[0], &warm[0])?];
    raw(&db, &signer, 0, &warm, &record)?;
    streamed(stand, &clients, warm)?;
    let by_call = unary(stand, &clients, entries()?)?;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds() {
        rounds.push(entries()?);
    }
    let sides = Sides::measure(
        plan.rounds(),
        |round| streamed(stand, &clients, rounds[round].clone()),
        |round| raw(&db, &signer, (round + 1) * per_round, &rounds[round], &record),
    )?;
    let mut detail = sides.detail();
    detail["registrations_a_round"] = json!(per_round);
    detail["entry_bytes"] = json!(size);
    detail["connections"] = json!(CONNECTIONS);
    detail["streams"] = json!(CONNECTIONS);
    detail["unary_per_s"] = json!(by_call);
    detail["unary_in_flight"] = json!(IN_FLIGHT);
    detail["record_bytes"] = json!(record.len());
    detail["ceiling_batch"] = json!(BATCH);
    detail["ceiling_threads"] = json!(THREADS);
    detail["note"] = json!("certificates of one footprint statement; callers on the same cores");
    let per_s = median(&sides.ours);
    let beside = json!({
        "project_origin_per_s": PROJECT_ORIGIN_PER_S,
        "times_project_origin": per_s / PROJECT_ORIGIN_PER_S,
        "rounds_per_s": sides.ours,
    });
    Ok(vec![
        Figure::new("register_ratio", sides.ratio(), "1", Goal::AtLeast(0.6), detail),
        Figure::new("register_per_s", per_s, "1/s", Goal::AtLeast(1_700.0), beside),
    ])
}

/// A profile of the server under this load.
pub fn profile(stand: &Stand, plan: Plan) -> Result<(), Failed> {
    let clients = stand.connections(&cast::decider(), CONNECTIONS)?;
    let count = if plan.quick { 4_000 } else { 16_000 };
    let entries = stand.certificates(count)?.into_iter().map(|(_, entry)| entry).collect();
    profile::record("register", || streamed(stand, &clients, entries).map(drop))
}
