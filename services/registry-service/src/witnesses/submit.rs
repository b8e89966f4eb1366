//! The task of one witness.

use std::sync::Arc;
use std::time::Duration;

use tlog::note::NoteSignature;
use tlog::policy::Party;
use tlog::tree::consistency_proof;
use tlog::witness::{AddCheckpoint, conflict_size, cosignature};

use super::client::{Client, Problem, refused};
use super::evidence::compare;
use super::{LOGS, Round, Witnesses};
use crate::log::read;

/// Wait after a first failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a witness may name another size than it was told, for one checkpoint.
const CONFLICTS: usize = 3;
/// Longest wait for what a witness shows.
const LOOK: Duration = Duration::from_secs(5);

impl Witnesses {
    /// Submits the newest round to a witness, and what it fails to cosign again after a while. Ends when aborted.
    pub(super) async fn accompany(self: Arc<Self>, witness: usize, client: &Client) {
        let mut rounds = self.rounds.subscribe();
        let mut wait = FIRST_WAIT;
        // Sizes that it cosigned last, as far as it said.
        let mut sizes = [0; 2];
        loop {
            let round = rounds.borrow_and_update().clone();
            let done = match &round {
                None => true,
                Some(round) => {
                    let asked = self.ask(witness, client, round, &mut sizes).await;
                    self.asked(witness, round, asked.as_ref().copied());
                    asked.is_ok()
                }
            };
            if done {
                wait = FIRST_WAIT;
                if rounds.changed().await.is_err() {
                    return;
                }
            } else {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    async fn ask(&self, witness: usize, client: &Client, round: &Round, sizes: &mut [u64; 2]) -> Result<(), Problem> {
        let mut worst = Ok(());
        for (place, size) in sizes.iter_mut().enumerate() {
            match self.submit(witness, client, round, place, size).await {
                Ok(line) => {
                    self.count(witness, "cosigned");
                    self.took(witness, place, round, line);
                }
                Err(problem) => {
                    self.count(witness, problem.word());
                    let is_away = matches!(problem, Problem::Away(_));
                    worst = Err(problem);
                    // It may know one of the logs and not the other; away it is for both.
                    if is_away {
                        break;
                    }
                }
            }
        }
        worst
    }

    async fn submit(
        &self,
        witness: usize,
        client: &Client,
        round: &Round,
        place: usize,
        size: &mut u64,
    ) -> Result<NoteSignature, Problem> {
        let head = &round.heads[place];
        let Party { key, .. } = &self.logs[place].witnesses()[witness];
        for _ in 0..CONFLICTS {
            if *size > head.checkpoint.size {
                let claimed = std::mem::take(size);
                return Err(self.look(witness, client, round, place, Some(claimed)).await);
            }
            let proof = self.proof(place, *size, head.checkpoint.size)?;
            let request = AddCheckpoint { old_size: *size, proof, checkpoint: head.note.clone() };
            match client.add_checkpoint(request.encode()).await? {
                (200, answer) => {
                    let line = cosignature(&answer, &head.note, key).map_err(Problem::Cosignature)?;
                    *size = head.checkpoint.size;
                    return Ok(line);
                }
                (409, answer) => {
                    self.count(witness, "conflict");
                    *size = conflict_size(&answer).ok_or(Problem::Answer("a conflict without a size"))?;
                }
                // It has another tree than the proof begins with, or says so.
                (422, answer) => {
                    let found = self.look(witness, client, round, place, None).await;
                    return Err(if matches!(found, Problem::Contradicted(_)) { found } else { refused(422, &answer) });
                }
                (status, answer) => return Err(refused(status, &answer)),
            }
        }
        Err(Problem::Conflicts)
    }

    fn proof(&self, place: usize, old: u64, size: u64) -> Result<Vec<tlog::Hash>, Problem> {
        let view = read(&self.view);
        let tree = if place == 0 { Some(&view.tree) } else { view.status.as_ref().map(|status| &status.tree) };
        let proof = tree.and_then(|tree| consistency_proof(tree, old, size).ok());
        proof.ok_or(Problem::Answer("no proof can be made from the size that it names"))
    }

    /// Looks at what a witness says that it cosigned. Its word is nothing; a checkpoint signed with the log's own key that
    /// the log does not hold is another history, whoever shows it.
    async fn look(
        &self,
        witness: usize,
        client: &Client,
        round: &Round,
        place: usize,
        claimed: Option<u64>,
    ) -> Problem {
        let head = &round.heads[place];
        let log = LOGS[place];
        let submitted = head.checkpoint.size;
        let unshown = Problem::Ahead { log, size: claimed.unwrap_or(submitted), submitted };
        let shown = client.checkpoint(&head.checkpoint.origin, LOOK).await;
        let Ok(Some(shown)) = shown else { return unshown };
        let Some((_, seen)) = self.evidence.own_checkpoint(shown.as_bytes()).filter(|(found, _)| *found == place)
        else {
            return unshown;
        };
        let fork = {
            let view = read(&self.view);
            let status = view.status.as_ref().map(|status| &status.tree);
            let by = &self.logs[0].witnesses()[witness].name;
            let tree = if place == 0 { Some(&view.tree) } else { status };
            tree.and_then(|tree| compare(place, &seen, tree, by))
        };
        let Some(fork) = fork else { return unshown };
        match self.evidence.keep_split_view(&head.note.encode(), &shown).await {
            Ok(true) => self.state().split_views += 1,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "evidence of a split view could not be kept"),
        }
        if self.halted.set(fork.clone()).is_ok() {
            tracing::error!(reason = "SPLIT_VIEW", "{fork}");
            self.changes.send_replace(());
        }
        Problem::Contradicted(log)
    }
}
