//! Routes of the protocol, and what a witness does about a submission: judge, keep, and only then answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use runtime::Clock;
use tlog::note::{Cosigner, NoteVerifier};
use tlog::witness::{ADD_CHECKPOINT, MAX_REQUEST_BYTES, Rejection, SIZE_MEDIA_TYPE, Submission, monitoring_path};
use tokio::sync::Semaphore;
use verify::split_view::SplitView;

use crate::config::Config;
use crate::error::WitnessError;
use crate::state::{Latest, State, evidence};

/// Submissions in progress; more are asked to come back.
const IN_PROGRESS: usize = 64;
/// Media type of signature lines, checkpoints and refusals.
const TEXT: &str = "text/plain; charset=utf-8";

/// A witness at work.
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<NoteVerifier>,
    state: State,
    clock: Clock,
    room: Semaphore,
    figures: Mutex<Figures>,
}

/// What the witness tells of itself.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Answers to submissions, by HTTP status.
    pub answers: BTreeMap<u16, u64>,
    /// Entries and second of what was cosigned last, by origin.
    pub logs: BTreeMap<String, (u64, u64)>,
    /// Pairs of checkpoints kept that prove a split view.
    pub split_views: u64,
}

/// Why a submission is not cosigned.
enum Refused {
    /// It is not as it must be.
    Rejected(Rejection),
    /// The witness cannot go on with this log.
    Broken(WitnessError),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Refused::Rejected(rejection)
    }
}

impl From<WitnessError> for Refused {
    fn from(error: WitnessError) -> Self {
        Refused::Broken(error)
    }
}

impl Witness {
    /// Opens the state.
    ///
    /// # Errors
    /// [`WitnessError`]: another process has it, or it is damaged.
    pub async fn open(config: Config) -> Result<Self, WitnessError> {
        let state = State::open(&config).await?;
        let mut figures = Figures::default();
        for origin in state.origins() {
            if let Some(mut turn) = state.turn(origin).await {
                let latest = turn.latest().await?.map_or((0, 0), |latest| (latest.checkpoint.size, latest.time));
                figures.logs.insert(origin.to_owned(), latest);
            }
        }
        figures.split_views = evidence(&config.state).await?.iter().filter(|one| one.is_proof).count() as u64;
        let Config { cosigner, logs, clock, .. } = config;
        let room = Semaphore::new(IN_PROGRESS);
        Ok(Witness { cosigner, logs, state, clock, room, figures: Mutex::new(figures) })
    }

    /// What it tells of itself.
    pub fn figures(&self) -> Figures {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Judges a submission and cosigns it. From the judgement until what is cosigned is durable nobody else decides about
    /// the same log (tlog-witness, add-checkpoint: the race of two requests).
    async fn add_checkpoint(&self, body: &[u8]) -> Result<String, Refused> {
        let submission = Submission::open(body, &self.logs)?;
        let new = submission.checkpoint();
        let unknown = || Rejection::UnknownLog { origin: new.origin.clone() };
        let mut turn = self.state.turn(&new.origin).await.ok_or_else(unknown)?;
        let latest = turn.latest().await?.cloned();
        let before = latest.as_ref().map(|latest| &latest.checkpoint);
        if let Err(rejection) = submission.judge(before) {
            if let Some(latest) = &latest {
                self.suspect(&submission, latest, &rejection).await?;
            }
            return Err(rejection.into());
        }
        // The time of a log's cosignatures never goes back, whatever the clock does.
        let now = u64::try_from((self.clock)().as_second()).unwrap_or_default();
        let time = latest.as_ref().map_or(1, |latest| latest.time).max(now);
        let cosigned = submission.cosign(&self.cosigner, time).map_err(WitnessError::from)?;
        let note = cosigned.note.encode().into_bytes();
        turn.replace(Latest { note, checkpoint: new.clone(), time }).await?;
        self.lock().logs.insert(new.origin.clone(), (new.size, time));
        Ok(cosigned.answer)
    }

    /// Keeps what may prove that a log signed two histories.
    async fn suspect(&self, new: &Submission, latest: &Latest, rejection: &Rejection) -> Result<(), WitnessError> {
        let pair = || SplitView::new(String::from_utf8_lossy(&latest.note), new.note().encode());
        let (origin, size) = (&latest.checkpoint.origin, latest.checkpoint.size);
        if new.contradicts(Some(&latest.checkpoint)) {
            if self.state.keep_split_view(&pair()).await? {
                self.lock().split_views += 1;
                let name = pair().file_name();
                tracing::error!(
                    reason = "SPLIT_VIEW",
                    "{origin} signed two trees of {size} entries: both checkpoints are kept in split-view/{name}"
                );
            }
        } else if matches!(rejection, Rejection::Proof { .. }) && self.state.keep_unproved(&pair()).await? {
            let name = pair().file_name();
            tracing::warn!("{origin}: {rejection}; both checkpoints are kept in unproved/{name}");
        }
        Ok(())
    }

    /// What was cosigned last, where a client looks for it.
    async fn shown(&self, hash: &str) -> Result<Option<Vec<u8>>, WitnessError> {
        let wanted = format!("{hash}/checkpoint");
        let Some(origin) = self.state.origins().find(|origin| monitoring_path(origin) == wanted) else {
            return Ok(None);
        };
        let Some(mut turn) = self.state.turn(origin).await else { return Ok(None) };
        Ok(turn.latest().await?.map(|latest| latest.note.clone()))
    }
}

/// The routes: `/add-checkpoint`, `/{SHA-256 of an origin}/checkpoint`, `/healthz`.
pub fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route(&format!("/{ADD_CHECKPOINT}"), post(add_checkpoint))
        .route("/{hash}/checkpoint", get(checkpoint))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(witness)
}

fn answer(status: u16, media_type: &'static str, body: impl Into<Bytes>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.into()).into_response()
}

fn broken(error: &WitnessError) -> Response {
    tracing::error!(%error, "the witness cannot go on with a log");
    answer(500, TEXT, "The witness cannot go on with this log; its operator is told why.\n")
}

async fn add_checkpoint(Shared(witness): Shared<Arc<Witness>>, body: Bytes) -> Response {
    let Ok(_room) = witness.room.try_acquire() else {
        let busy = answer(503, TEXT, "Too many submissions at once. Try again in a moment.\n");
        return ([(header::RETRY_AFTER, "1")], busy).into_response();
    };
    // A client that goes away does not stop what was begun: a checkpoint that is kept is one that was answered, or nearly.
    let deciding = tokio::spawn({
        let witness = witness.clone();
        async move { witness.add_checkpoint(&body).await }
    });
    let decided = match deciding.await {
        Ok(decided) => decided,
        Err(error) => {
            tracing::error!(%error, "a submission could not be decided");
            return answer(500, TEXT, "The witness failed.\n");
        }
    };
    let (status, answered) = match decided {
        Ok(lines) => (200, answer(200, TEXT, lines)),
        Err(Refused::Broken(error)) => (500, broken(&error)),
        Err(Refused::Rejected(rejection)) => {
            let status = rejection.http_status();
            let media_type = if status == 409 { SIZE_MEDIA_TYPE } else { TEXT };
            (status, answer(status, media_type, rejection.body()))
        }
    };
    *witness.lock().answers.entry(status).or_default() += 1;
    answered
}

async fn checkpoint(Shared(witness): Shared<Arc<Witness>>, Path(hash): Path<String>) -> Response {
    match witness.shown(&hash).await {
        Ok(Some(note)) => answer(200, TEXT, note),
        Ok(None) => answer(404, TEXT, "No checkpoint of such a log was cosigned here.\n"),
        Err(error) => broken(&error),
    }
}
