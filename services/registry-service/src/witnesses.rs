//! The log's witnesses: the two checkpoints that belong to an epoch are submitted to each of them (c2sp.org/tlog-witness),
//! and their cosignatures come under what readers get.
//!
//! A witness has a task of its own, so one that is slow or away keeps nobody waiting: registration and checkpoints go on,
//! and an epoch is shown without a quorum once none can be expected, or after [`PATIENCE`].

mod client;
mod evidence;
mod submit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock};
use std::time::Duration;

use store::BlobStore;
use tlog::checkpoint::Checkpoint;
use tlog::note::{NoteError, NoteSignature, NoteVerifier, SignedNote};
use tlog::policy::Policy;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use client::Problem;
pub(crate) use evidence::Evidence;

use crate::guard::Fork;
use crate::log::View;
use client::Client;

/// Longest that an epoch waits for its quorum before it is shown without.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The log and its status log, in the order in which they are submitted.
const LOGS: [&str; 2] = ["log", "status log"];

/// The checkpoints of an epoch, as the log signed them.
pub struct Round {
    /// Number of the epoch.
    pub epoch: u64,
    /// Of the log and of the status log.
    pub heads: [Head; 2],
}

/// A checkpoint.
pub struct Head {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note, signed by the log alone.
    pub note: SignedNote,
}

/// The same with the cosignatures that came so far.
pub struct Cosigned {
    /// Number of the epoch.
    pub epoch: u64,
    /// Notes of the log and of the status log.
    pub notes: [Vec<u8>; 2],
    /// Whether the quorum is reached on both, or is not to be expected any more.
    pub is_settled: bool,
}

/// Most witnesses: each is asked about every epoch, and its cosignature stands in every bundle.
const MAX_WITNESSES: usize = 32;

/// Reads the witnesses of a log, a policy (c2sp.org/tlog-policy) in which each has the address of its submission prefix;
/// `None` where it names none. Logs in it are passed over: whose witnesses they are is known.
///
/// # Errors
/// Words for the operator, with the remedy.
pub fn read_witnesses(bytes: &[u8]) -> Result<Option<Policy>, String> {
    let policy = Policy::parse(bytes).map_err(|error| format!("{error} (c2sp.org/tlog-policy)"))?;
    for witness in policy.witnesses() {
        let named = &witness.name;
        let Some(url) = &witness.url else {
            return Err(format!(
                "witness {named} has no address: write witness {named} <vkey> http://HOST[:PORT][/PREFIX]"
            ));
        };
        let uri: Option<http::Uri> = url.parse().ok();
        let is_plain = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none()
        });
        if !is_plain {
            return Err(format!(
                "witness {named}: {url} must be http://HOST[:PORT][/PREFIX]: checkpoints and cosignatures are signed, so \
                 they go in the clear; put a TLS proxy between where the witness takes nothing else"
            ));
        }
    }
    match policy.witnesses().len() {
        0 => Ok(None),
        1..=MAX_WITNESSES => Ok(Some(policy)),
        many => Err(format!("{many} witnesses are named: at most {MAX_WITNESSES}")),
    }
}

/// How a witness stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Its name in the policy.
    pub name: String,
    /// Entries of the log under the checkpoint that it cosigned last.
    pub cosigned: u64,
    /// Why it did not cosign what was submitted last.
    pub problem: Option<Problem>,
    /// What became of requests, by word: few words.
    pub requests: BTreeMap<&'static str, u64>,
    /// Epoch that it was last asked about to an end.
    asked: Option<u64>,
}

/// How all of them stand.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each witness, in the order of the policy.
    pub witnesses: Vec<Standing>,
    /// Cosignatures under the newest checkpoint of the log that was submitted.
    pub cosignatures: u64,
    /// Entries of that checkpoint.
    pub submitted: u64,
    /// Entries under the newest checkpoint of which the quorum cosigned both logs; 0 where there is none yet.
    pub witnessed: u64,
    /// Whether that is the newest one submitted.
    pub quorum_reached: bool,
    /// Other histories of this log that were found: 0, as long as all is well.
    pub split_views: u64,
}

/// Witnesses at work.
pub struct Witnesses {
    /// Of the log and of the status log: the same witnesses and quorum.
    logs: [Policy; 2],
    view: Arc<RwLock<View>>,
    evidence: Evidence,
    halted: Arc<OnceLock<Fork>>,
    rounds: watch::Sender<Option<Arc<Round>>>,
    changes: watch::Sender<()>,
    state: Mutex<State>,
}

struct State {
    round: Option<Arc<Round>>,
    /// Of the round, by witness.
    lines: [BTreeMap<usize, NoteSignature>; 2],
    standing: Vec<Standing>,
    witnessed: u64,
    is_quorum_missed: bool,
    split_views: u64,
}

/// Keys of the log's own checkpoints, that of now first: those before it signed what a witness may still hold.
pub(crate) type Own = [Vec<NoteVerifier>; 2];

impl Witnesses {
    /// The witnesses of a policy, for the logs with these keys. Nothing is asked yet.
    pub(crate) fn new(
        policy: &Policy,
        own: &Own,
        view: Arc<RwLock<View>>,
        guard: Arc<dyn BlobStore>,
        halted: Arc<OnceLock<Fork>>,
    ) -> Self {
        let standing = |name: &str| Standing { name: name.to_owned(), ..Standing::default() };
        let standing = policy.witnesses().iter().map(|witness| standing(&witness.name)).collect();
        Witnesses {
            logs: own.clone().map(|keys| policy.of_log(keys[0].clone())),
            view,
            evidence: Evidence { guard, own: own.clone() },
            halted,
            rounds: watch::Sender::new(None),
            changes: watch::Sender::new(()),
            state: Mutex::new(State {
                round: None,
                lines: Default::default(),
                standing,
                witnessed: 0,
                is_quorum_missed: false,
                split_views: 0,
            }),
        }
    }

    /// Starts a task for each witness. Within a runtime that does input and output.
    pub(crate) fn start(self: &Arc<Self>) -> Vec<AbortHandle> {
        let start = |(place, url): (usize, &str)| {
            let (this, client) = (self.clone(), Client::new(url));
            tokio::spawn(async move { this.accompany(place, &client).await }).abort_handle()
        };
        self.places().map(start).collect()
    }

    /// Places and addresses. One without an address cannot be asked: the configuration refuses it.
    fn places(&self) -> impl Iterator<Item = (usize, &str)> {
        places(&self.logs[0])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Changes whenever a witness has answered, or turns out not to.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Submits the checkpoints of an epoch from now on, in place of those of earlier ones.
    pub(crate) fn begin(&self, round: Round) {
        let round = Arc::new(round);
        {
            let mut state = self.state();
            state.lines = Default::default();
            state.round = Some(round.clone());
        }
        self.rounds.send_replace(Some(round));
    }

    /// The checkpoints submitted now, with their cosignatures.
    ///
    /// # Errors
    /// [`NoteError`]: more signatures than a note may have.
    pub(crate) fn cosigned(&self) -> Result<Option<Cosigned>, NoteError> {
        let state = self.state();
        let Some(round) = &state.round else { return Ok(None) };
        let note = |place: usize| -> Result<Vec<u8>, NoteError> {
            let lines = state.lines[place].values().cloned();
            let note = lines.into_iter().try_fold(round.heads[place].note.clone(), SignedNote::with_signature)?;
            Ok(note.encode().into_bytes())
        };
        let (epoch, notes) = (round.epoch, [note(0)?, note(1)?]);
        Ok(Some(Cosigned { epoch, notes, is_settled: self.is_settled(&state) }))
    }

    fn is_reached(&self, state: &State) -> bool {
        let reached = |place: usize| self.logs[place].reached_by(|witness| state.lines[place].contains_key(&witness));
        reached(0) && reached(1)
    }

    fn is_settled(&self, state: &State) -> bool {
        let epoch = state.round.as_ref().map(|round| round.epoch);
        // A witness that failed last time is not waited for: when it is back its cosignatures come all the same.
        let expected = |witness: usize| {
            let standing = &state.standing[witness];
            standing.problem.is_none() && standing.asked != epoch
        };
        let hoped = |place: usize| {
            self.logs[place].reached_by(|witness| state.lines[place].contains_key(&witness) || expected(witness))
        };
        self.is_reached(state) || !hoped(0) || !hoped(1)
    }

    /// An epoch is shown: said once when it is the first without its quorum.
    pub(crate) fn shown(&self) {
        let mut state = self.state();
        if !self.is_reached(&state) && !std::mem::replace(&mut state.is_quorum_missed, true) {
            let (size, have) = (state.submitted(), state.lines[0].len());
            tracing::warn!(
                size,
                cosignatures = have,
                "the quorum of witnesses is not reached: the log goes on without"
            );
        }
    }

    /// A witness cosigned a checkpoint of a round.
    fn took(&self, witness: usize, place: usize, round: &Round, line: NoteSignature) {
        let mut state = self.state();
        if place == 0 {
            state.standing[witness].cosigned = round.heads[0].checkpoint.size;
        }
        // What is no longer submitted is no longer shown either.
        if state.round.as_ref().is_some_and(|now| now.epoch == round.epoch) {
            state.lines[place].insert(witness, line);
            if self.is_reached(&state) {
                state.witnessed = state.submitted();
                if std::mem::replace(&mut state.is_quorum_missed, false) {
                    tracing::warn!(size = state.witnessed, "the quorum of witnesses is reached again");
                }
            }
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// A witness was asked about a round to an end. A change of its state is logged once.
    fn asked(&self, witness: usize, round: &Round, outcome: Result<(), &Problem>) {
        let mut state = self.state();
        let standing = &mut state.standing[witness];
        standing.asked = Some(round.epoch);
        let before = std::mem::replace(&mut standing.problem, outcome.err().cloned());
        match (&before, &standing.problem) {
            (Some(_), None) => tracing::warn!(witness = standing.name, "the witness cosigns again"),
            (before, Some(problem)) if before.as_ref().map(Problem::word) != Some(problem.word()) => {
                tracing::warn!(witness = standing.name, "the witness does not cosign: {problem}");
            }
            _ => {}
        }
        drop(state);
        self.changes.send_replace(());
    }

    fn count(&self, witness: usize, word: &'static str) {
        *self.state().standing[witness].requests.entry(word).or_default() += 1;
    }

    /// How they stand.
    pub fn report(&self) -> Report {
        let state = self.state();
        Report {
            witnesses: state.standing.clone(),
            cosignatures: state.lines[0].len() as u64,
            submitted: state.submitted(),
            witnessed: state.witnessed,
            quorum_reached: state.round.is_some() && self.is_reached(&state),
            split_views: state.split_views,
        }
    }

    /// Why the log signs nothing any more: another history of it was found.
    pub fn halted(&self) -> Option<&Fork> {
        self.halted.get()
    }
}

impl State {
    fn submitted(&self) -> u64 {
        self.round.as_ref().map_or(0, |round| round.heads[0].checkpoint.size)
    }
}

fn places(policy: &Policy) -> impl Iterator<Item = (usize, &str)> {
    policy.witnesses().iter().enumerate().filter_map(|(place, witness)| Some((place, witness.url.as_deref()?)))
}
