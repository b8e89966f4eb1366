//! `touchctl log check-checkpoint`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use tlog::note::MAX_NOTE_BYTES;
use tlog::policy::Policy;
use verify::Outcome;

use super::{Answer, Cosigned, Reason, Rows, cosigned, cosigned_row, no_quorum, seconds, unopened};
use crate::args::CheckCheckpointArgs;
use crate::error::Error;
use crate::files;

/// How far a witness's clock may be ahead of ours.
const CLOCK_SKEW_SECS: i64 = 300;

/// A checkpoint, as far as it could be read under the policy.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    origin: Option<String>,
    size: Option<u64>,
    /// Base64, as in the checkpoint.
    root: Option<String>,
    quorum_reached: bool,
    /// Since when the quorum's cosignatures say so.
    witnessed_time: Option<Timestamp>,
    age_secs: Option<i64>,
    cosignatures: Vec<Cosigned>,
}

impl Rows for Found {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let Found { origin: Some(origin), size: Some(size), root: Some(root), .. } = self else { return Vec::new() };
        let mut rows = vec![
            ("Log", origin.clone()),
            ("Entries", size.to_string()),
            ("Root", root.clone()),
            cosigned_row(&self.cosignatures),
        ];
        rows.extend(self.witnessed_time.map(|at| ("Witnessed", at.to_string())));
        rows.extend(self.age_secs.map(|age| ("Age", format!("{age} s"))));
        rows
    }
}

/// Checks signatures, quorum and age.
pub(super) fn check(args: &CheckCheckpointArgs, clock: Timestamp) -> Result<Answer<Found>, Error> {
    let policy = files::policy(&args.policy)?;
    let bytes = files::read("file", &args.file, MAX_NOTE_BYTES as u64)?;
    Ok(judge(&bytes, &policy, args.now.map_or(clock, |now| now.at), args.max_age))
}

fn judge(bytes: &[u8], policy: &Policy, now: Timestamp, max_age: Option<u64>) -> Answer<Found> {
    let mut answer = Answer::new(Found::default());
    let opened = match policy.open(bytes) {
        Ok(opened) => opened,
        Err(error) => {
            answer.because(Outcome::Refused, unopened(&error));
            return answer;
        }
    };
    let witnessed_time = opened.witnessed_at().and_then(seconds);
    let age = witnessed_time.map(|at| now.as_second() - at.as_second());
    answer.found = Found {
        origin: Some(opened.checkpoint().origin.clone()),
        size: Some(opened.checkpoint().size),
        root: Some(STANDARD.encode(opened.checkpoint().root)),
        quorum_reached: opened.quorum_reached(),
        witnessed_time,
        age_secs: age,
        cosignatures: cosigned(policy, &opened),
    };
    if !opened.quorum_reached() {
        answer.because(Outcome::Indeterminate, no_quorum(opened.cosignatures().len()));
    }
    if age.is_some_and(|age| age < -CLOCK_SKEW_SECS) {
        let reason = Reason {
            code: "CLOCK_AHEAD",
            clause: "C2SP tlog-cosignature, Format",
            message: "the cosignatures are dated over 5 minutes after the clock".to_owned(),
            remedy: "Set the clock, or give the right --now.",
        };
        answer.because(Outcome::Indeterminate, reason);
    }
    match (max_age, age) {
        (None, _) => {}
        (Some(max_age), Some(age)) => {
            if u64::try_from(age).is_ok_and(|age| age > max_age) {
                let reason = Reason {
                    code: "CHECKPOINT_STALE",
                    clause: "--max-age",
                    message: format!("it was witnessed {age} s ago, and at most {max_age} s are accepted"),
                    remedy: "Obtain a fresh checkpoint: stale never means valid.",
                };
                answer.because(Outcome::Indeterminate, reason);
            }
        }
        // Below the quorum the missing witnesses are the reason, and said already.
        (Some(_), None) if !opened.quorum_reached() => {}
        (Some(_), None) => {
            let reason = Reason {
                code: "CHECKPOINT_AGE_UNKNOWN",
                clause: "--max-age",
                message: "the policy needs no witness, and a checkpoint states no time of its own".to_owned(),
                remedy: "Require a witness in the policy, or leave out --max-age.",
            };
            answer.because(Outcome::Indeterminate, reason);
        }
    }
    answer
}
