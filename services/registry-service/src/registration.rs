//! From a signed statement to a leaf: every check, then the sequencer. One at a time, or many on a stream.
//!
//! A group goes through the checks together, so that what costs a call or a look-up is asked once for all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cose::key::PublicKey;
use futures_util::{Stream, StreamExt};
use prost::Message;
use proto::fields::Fields;
use proto::footprint::FindFootprintsRequest;
use proto::footprint::footprint_service_client::FootprintServiceClient;
use proto::registry as wire;
use proto::registry::ErrorReason as Reason;
use record::json::Digest;
use record::statement::{Content, MAX_ENTRY_BYTES, SignedStatement, StatementError};
use runtime::connect::Peer;
use runtime::error::Finish;
use runtime::once::{Begin, Once, check_request_id};
use runtime::{Caller, Clock, Refusal};
use store::{RegistryStore, StoreError};
use tlog::{Hash, leaf_hash};
use tokio::sync::{oneshot, watch};
use tonic::{Code, Status, Streaming};

use crate::error::{self, DOMAIN, internal, refuse};
use crate::guard::Fork;
use crate::log::{Log, Submission, part, read};
use crate::{checks, convert};

/// Statements of a stream that are checked together: few enough that the first is not kept waiting by the last.
const GROUP: usize = 64;
/// Statements checked before others on the same thread have a turn.
const TURN: usize = 8;
/// Groups of a stream in progress: one is checked while others are being sequenced.
const GROUPS: usize = 8;

/// What registers.
#[derive(Clone)]
pub struct Registration {
    log: Log,
    store: Arc<dyn RegistryStore>,
    footprints: FootprintServiceClient<Peer>,
    clock: Clock,
    operator: Arc<(String, PublicKey)>,
    paths: Arc<checks::Paths>,
    refusals: Refusals,
}

/// How many statements were refused, by reason: a value of `ErrorReason`.
pub type Refusals = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// A statement on its way.
enum Step {
    /// It is decided: carried out before, or refused.
    Decided(Result<wire::Entry, Refusal>),
    /// It has passed all checks so far.
    Passed(Box<Candidate>),
    /// The sequencer has it.
    Submitted(oneshot::Receiver<Result<wire::Entry, Refusal>>),
}

struct Candidate {
    entry: Vec<u8>,
    statement: SignedStatement,
    hash: Hash,
    once: Once,
}

impl Candidate {
    /// The footprint statement that a certificate rests on.
    fn evidence(&self) -> Option<Digest> {
        match self.statement.content() {
            Content::Certificate(certificate) => Some(certificate.assessment().measurement.statement),
            _ => None,
        }
    }
}

fn stopped() -> Refusal {
    Refusal::store(DOMAIN, &StoreError::Unavailable("the sequencer has stopped".into()))
}

impl Registration {
    /// Registers into `log`; `operator` is the DID and key that anchors are signed with.
    pub fn new(
        log: Log,
        store: Arc<dyn RegistryStore>,
        footprints: FootprintServiceClient<Peer>,
        clock: Clock,
        operator: (String, PublicKey),
    ) -> Self {
        let (paths, refusals) = (Arc::default(), Arc::default());
        Registration { log, store, footprints, clock, operator: Arc::new(operator), paths, refusals }
    }

    /// The count of refusals, as it goes on.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Registers one statement; answers when it is durable.
    ///
    /// # Errors
    /// The refusal.
    pub async fn one(&self, caller: &Caller, request: wire::RegisterStatementRequest) -> Result<wire::Entry, Refusal> {
        self.group(caller, vec![request]).await.pop().unwrap_or_else(|| Err(internal("a request has no answer")))
    }

    /// Registers what comes, and answers in the same order; takes no more once `stopping` is true.
    pub fn stream(
        self,
        caller: Caller,
        requests: Streaming<wire::RegisterStatementsRequest>,
        mut stopping: watch::Receiver<bool>,
    ) -> impl Stream<Item = Result<wire::RegisterStatementsResponse, Status>> + Send {
        let asked_to_end = async move {
            let _stopping = stopping.wait_for(|stopping| *stopping).await;
        };
        let groups = requests.take_until(asked_to_end).ready_chunks(GROUP).map(move |group| {
            let (this, caller) = (self.clone(), caller.clone());
            async move { this.answer(&caller, group).await }
        });
        groups.buffered(GROUPS).flat_map(futures_util::stream::iter)
    }

    async fn answer(
        &self,
        caller: &Caller,
        group: Vec<Result<wire::RegisterStatementsRequest, Status>>,
    ) -> Vec<Result<wire::RegisterStatementsResponse, Status>> {
        let mut requests = Vec::with_capacity(group.len());
        let mut broken = None;
        for message in group {
            match message {
                Ok(wire::RegisterStatementsRequest { statement, request_id }) => {
                    requests.push(wire::RegisterStatementRequest { statement, request_id });
                }
                // The stream ends with it; what came before is still registered.
                Err(status) => broken = Some(Err(status)),
            }
        }
        let ids: Vec<String> = requests.iter().map(|request| request.request_id.clone()).collect();
        let answers = ids.into_iter().zip(self.group(caller, requests).await).map(|(request_id, answer)| {
            let outcome = match answer {
                Ok(entry) => wire::register_statements_response::Outcome::Entry(convert::remembered(&entry)),
                Err(refusal) => wire::register_statements_response::Outcome::Refusal(as_message(refusal)),
            };
            Ok(wire::RegisterStatementsResponse { request_id, outcome: Some(outcome) })
        });
        answers.chain(broken).collect()
    }

    /// Registers a group; an answer for each, in order. Refusals are counted.
    async fn group(
        &self,
        caller: &Caller,
        requests: Vec<wire::RegisterStatementRequest>,
    ) -> Vec<Result<wire::Entry, Refusal>> {
        let answers = self.decide(caller, requests).await;
        let mut refusals = answers.iter().filter_map(|answer| answer.as_ref().err()).peekable();
        if refusals.peek().is_some() {
            let mut counted = self.refusals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            refusals.for_each(|refusal| *counted.entry(refusal.reason).or_default() += 1);
        }
        answers
    }

    async fn decide(
        &self,
        caller: &Caller,
        requests: Vec<wire::RegisterStatementRequest>,
    ) -> Vec<Result<wire::Entry, Refusal>> {
        if self.log.halted.get().is_some() {
            return requests.iter().map(|_| Err(Fork::refusal())).collect();
        }
        // Step 1: each by itself: its form, whether it was carried out before, its signer.
        let mut steps = Vec::with_capacity(requests.len());
        for (place, request) in requests.into_iter().enumerate() {
            // Signatures take their time: whoever else waits for this thread has a turn between.
            if place % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            steps.push(match self.check(caller, request).await {
                Ok(step) => step,
                Err(refusal) => Step::Decided(Err(refusal)),
            });
        }
        // Step 2: what the certificates rest on, in one question.
        if let Err(refusal) = self.evidence_known(&mut steps).await {
            for step in &mut steps {
                if matches!(step, Step::Passed(passed) if passed.evidence().is_some()) {
                    *step = Step::Decided(Err(refusal.clone()));
                }
            }
        }
        // Step 3: to the sequencer, in order; then its answers, in order.
        for step in &mut steps {
            if let Step::Passed(_) = step {
                let (answer, outcome) = oneshot::channel();
                let Step::Passed(passed) = std::mem::replace(step, Step::Submitted(outcome)) else { continue };
                let Candidate { entry, statement, hash, once } = *passed;
                let span = tracing::Span::current();
                let submission = Submission { entry, statement, hash, once: Some(once), span, answer };
                if self.log.submit.send(submission).await.is_err() {
                    *step = Step::Decided(Err(stopped()));
                }
            }
        }
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            answers.push(match step {
                Step::Decided(decided) => decided,
                Step::Submitted(outcome) => outcome.await.unwrap_or_else(|_| Err(stopped())),
                Step::Passed(_) => Err(internal("a statement was not submitted")),
            });
        }
        answers
    }

    /// The checks that a statement passes or fails by itself.
    async fn check(&self, caller: &Caller, request: wire::RegisterStatementRequest) -> Result<Step, Refusal> {
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        if request.statement.is_empty() {
            fields.refuse("statement", "is required");
        }
        fields.finish(DOMAIN)?;
        if request.statement.len() > MAX_ENTRY_BYTES {
            return Err(error::statement(&StatementError::TooLarge { size: request.statement.len() }));
        }
        // The leaf hash is the request's digest: in the log's part no request is anything but a registration.
        let hash = leaf_hash(&request.statement);
        let begun = Once::begin_as(self.store.as_ref(), part(), DOMAIN, caller, &request.request_id, hash).await?;
        let once = match begun {
            Begin::Again(entry) => return Ok(Step::Decided(Ok(convert::again(entry, &request.statement)))),
            Begin::Now(once) => once,
        };
        let statement = SignedStatement::from_entry(&request.statement).map_err(|e| error::statement(&e))?;
        let passed = Box::new(Candidate { entry: request.statement, statement, hash, once });
        let view = read(&self.log.view);
        // The same bytes again give the same leaf, so a subject in use by them is no refusal.
        if !view.index.by_hash.contains_key(&passed.hash) {
            let (log_id, operator) = &*self.operator;
            let entitled = checks::Entitled { operator: (log_id, operator), caller, paths: &self.paths };
            checks::check(&passed.statement, &view.index, &entitled, (self.clock)())?;
        }
        Ok(Step::Passed(passed))
    }

    /// Refuses the certificates whose footprint statement nobody has.
    async fn evidence_known(&self, steps: &mut [Step]) -> Result<(), Refusal> {
        let mut wanted: BTreeMap<Digest, bool> = BTreeMap::new();
        for step in steps.iter() {
            if let Step::Passed(passed) = step {
                wanted.extend(passed.evidence().map(|digest| (digest, false)));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let request = FindFootprintsRequest { statement_sha256s: wanted.keys().map(|d| d.0.to_vec()).collect() };
        let answer = self.footprints.clone().find_footprints(request).await;
        let found = answer.map_err(|status| Refusal::peer(DOMAIN, "footprint", &status))?.into_inner().footprints;
        for (known, name) in wanted.values_mut().zip(found) {
            *known = !name.is_empty();
        }
        for step in steps {
            let Step::Passed(passed) = step else { continue };
            if let Some(digest) = passed.evidence().filter(|digest| !wanted.get(digest).copied().unwrap_or(false)) {
                let refusal = refuse(
                    Code::FailedPrecondition,
                    Reason::EvidenceUnknown,
                    "the footprint statement that the certificate names is not known here",
                )
                .with("statement_sha256", hex::encode(digest.0));
                *step = Step::Decided(Err(refusal));
            }
        }
        Ok(())
    }
}

/// A refusal inside a message: what it would be as a status.
fn as_message(refusal: Refusal) -> proto::google::rpc::Status {
    let status = Status::from(refusal);
    // A status that has details carries itself as a message (gRPC, richer error model).
    proto::google::rpc::Status::decode(status.details()).unwrap_or_else(|_| proto::google::rpc::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}
