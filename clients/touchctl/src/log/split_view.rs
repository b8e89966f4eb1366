//! `touchctl log check-split-view`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tlog::checkpoint::Checkpoint;
use tlog::policy::Policy;
use verify::Outcome;
use verify::split_view::{Finding, Judged, MAX_BYTES, SplitView};

use super::audit::policies;
use super::{Answer, Reason, Rows, unopened};
use crate::args::CheckSplitViewArgs;
use crate::error::Error;
use crate::files;

/// The two checkpoints, as far as the log signed them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    origin: Option<String>,
    kept: Option<Head>,
    seen: Option<Head>,
}

/// A tree that was signed; the root is base64, as in the checkpoint.
#[derive(Debug, Serialize)]
struct Head {
    size: u64,
    root: String,
}

impl From<&Checkpoint> for Head {
    fn from(checkpoint: &Checkpoint) -> Self {
        Head { size: checkpoint.size, root: STANDARD.encode(checkpoint.root) }
    }
}

impl Rows for Found {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let Found { origin: Some(origin), kept: Some(kept), seen: Some(seen) } = self else { return Vec::new() };
        let head = |head: &Head| format!("{} entries, {}", head.size, head.root);
        vec![("Log", origin.clone()), ("Kept", head(kept)), ("Seen", head(seen))]
    }
}

/// Policies of the logs that are known, without witnesses: what a log signed it signed, whoever saw it.
fn known(args: &CheckSplitViewArgs) -> Result<Vec<Policy>, Error> {
    let of = |path: &std::path::PathBuf, made: Result<(Policy, Policy), _>| {
        let (log, status) = made.map_err(|error| Error::Trust { path: path.clone(), error })?;
        Ok(vec![log, status])
    };
    if let Some(path) = &args.introduction {
        return of(path, policies(&files::introduction(path)?.log));
    }
    if let Some(path) = &args.trust {
        let trust = files::trust(path)?;
        let log = [trust.note_keys.first(), trust.status_note_keys.first()];
        return Ok(log.into_iter().flatten().filter_map(|key| Policy::threshold(key.clone(), &[], 0)).collect());
    }
    // One of the three is required.
    Ok(args.policy.as_deref().map(files::policy).transpose()?.into_iter().collect())
}

/// Checks the signatures of both, and compares them.
pub(super) fn check(args: &CheckSplitViewArgs) -> Result<Answer<Found>, Error> {
    let known = known(args)?;
    let text = files::text("file", &args.file, MAX_BYTES)?;
    let mut answer = Answer::new(Found::default());
    let evidence = match SplitView::from_json(&text) {
        Ok(evidence) => evidence,
        Err(error) => {
            let (clause, remedy) = ("touchstone-split-view-1", "Obtain the file again, in its exact bytes.");
            let message = error.to_string();
            answer.because(Outcome::Refused, Reason { code: "EVIDENCE_MALFORMED", clause, message, remedy });
            return Ok(answer);
        }
    };
    let mut judged = known.iter().map(|policy| evidence.judge(policy));
    let first = judged.next();
    let found = match first {
        Some(Err(error)) if error.reason() == "LOG_UNKNOWN" => judged.find(Result::is_ok).unwrap_or(Err(error)),
        Some(found) => found,
        None => return Ok(answer),
    };
    match found {
        Ok(judged) => tell(&judged, &mut answer),
        Err(error) => answer.because(Outcome::Refused, unopened(&error)),
    }
    Ok(answer)
}

fn tell(judged: &Judged, answer: &mut Answer<Found>) {
    let Judged { kept, seen, finding } = judged;
    let origin = &kept.origin;
    answer.found = Found { origin: Some(origin.clone()), kept: Some(kept.into()), seen: Some(seen.into()) };
    let clause = "RFC 9162, 2.1.4";
    let (outcome, reason) = match finding {
        Finding::Split => {
            let message = format!("SPLIT VIEW: {origin} signed two trees of {} entries", kept.size);
            let remedy = "Keep the file: it proves it to everybody. Tell the supervisor and other verifiers.";
            (Outcome::Refused, Reason { code: "SPLIT_VIEW", clause, message, remedy })
        }
        Finding::Unproved => {
            let message =
                format!("{origin} signed {} entries and {}: two sizes may be of one history", kept.size, seen.size);
            let remedy =
                "Ask the log to prove that one extends the other, and check that with `log check-consistency`.";
            (Outcome::Indeterminate, Reason { code: "SPLIT_VIEW_UNPROVED", clause, message, remedy })
        }
        Finding::Nothing => {
            let message = "the checkpoints do not contradict each other".to_owned();
            let remedy = "Nothing is to be done about this log.";
            (Outcome::Indeterminate, Reason { code: "NO_CONTRADICTION", clause, message, remedy })
        }
    };
    answer.because(outcome, reason);
}
