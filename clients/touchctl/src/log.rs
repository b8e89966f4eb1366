//! `touchctl log`: what logs of anybody hand out, checked by the same code as our own; and a whole log, audited from outside.
//!
//! Every answer is an outcome, reasons with stable codes, and what was found. A file that can be read and proves nothing is
//! refused, which is an answer; a file that cannot be read, a key or a policy that cannot be used is an error.

mod audit;
mod audited;
mod checkpoint;
mod keep;
mod line;
mod proof;
mod receipt;
mod source;
mod split_view;

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use tlog::policy::{Policy, PolicyCheckpoint, PolicyCheckpointError};
use tlog::proof::ProofError;
use verify::Outcome;

use crate::args::LogCommand;
use crate::error::Error;
use crate::{DONE, FAILED, INDETERMINATE, Surroundings, output};

/// Runs one of the commands.
pub(crate) fn run(command: &LogCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        LogCommand::CheckReceipt(args) => receipt::check(args)?.tell(json, world),
        LogCommand::CheckCheckpoint(args) => checkpoint::check(args, world.now)?.tell(json, world),
        LogCommand::CheckProof(args) => proof::check(args)?.tell(json, world),
        LogCommand::CheckConsistency(args) => proof::check_consistency(args)?.tell(json, world),
        LogCommand::CheckSplitView(args) => split_view::check(args)?.tell(json, world),
        LogCommand::Audit(args) => audit::run(args, world.now)?.tell(json, world),
    }
}

/// Why an answer is not a plain yes.
#[derive(Debug, Serialize)]
pub(crate) struct Reason {
    /// Stable word.
    pub(crate) code: &'static str,
    /// Where it is laid down.
    pub(crate) clause: &'static str,
    /// In words, with the figures.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: &'static str,
}

/// An outcome, and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<F> {
    pub(crate) outcome: Outcome,
    pub(crate) reasons: Vec<Reason>,
    #[serde(flatten)]
    pub(crate) found: F,
}

/// What was found, as rows for people.
pub(crate) trait Rows {
    /// Label and value.
    fn rows(&self) -> Vec<(&'static str, String)>;
}

impl<F> Answer<F> {
    /// Accepted, as long as no reason speaks against it.
    pub(crate) fn new(found: F) -> Self {
        Answer { outcome: Outcome::Accepted, reasons: Vec::new(), found }
    }

    /// A further reason; the outcome is that of the worst.
    pub(crate) fn because(&mut self, outcome: Outcome, reason: Reason) {
        self.outcome = self.outcome.max(outcome);
        self.reasons.push(reason);
    }
}

impl<F: Serialize + Rows> Answer<F> {
    /// Prints it and gives the exit code.
    fn tell(&self, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
        let written = if json { output::json(world.out, self) } else { self.print(world.out) };
        written.map_err(Error::Output)?;
        Ok(match self.outcome {
            Outcome::Accepted | Outcome::AcceptedWithConditions => DONE,
            Outcome::Refused => FAILED,
            Outcome::Indeterminate => INDETERMINATE,
        })
    }

    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}\n", output::headline(self.outcome))?;
        for (label, value) in self.found.rows() {
            output::row(out, label, &value)?;
        }
        print_reasons(&self.reasons, self.outcome, out)
    }
}

/// Reasons, numbered, each with its remedy.
pub(crate) fn print_reasons(reasons: &[Reason], outcome: Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    if !reasons.is_empty() {
        writeln!(out, "\n{}", if outcome == Outcome::AcceptedWithConditions { "Conditions" } else { "Why" })?;
    }
    for (number, reason) in reasons.iter().enumerate() {
        writeln!(out, "  {}. {} ({})", number + 1, reason.code, reason.clause)?;
        writeln!(out, "     {}", output::clean(&reason.message).replace('\n', " "))?;
        writeln!(out, "     Remedy: {}", reason.remedy)?;
    }
    Ok(())
}

/// A witness that cosigned.
#[derive(Debug, Serialize)]
struct Cosigned {
    /// Its name in the policy.
    witness: String,
    /// Name of its key.
    key_name: String,
    /// When, as it says.
    time: Option<Timestamp>,
}

fn cosigned(policy: &Policy, checkpoint: &PolicyCheckpoint) -> Vec<Cosigned> {
    let one = |cosignature: &tlog::policy::Cosignature| Cosigned {
        witness: policy.witnesses()[cosignature.witness].name.clone(),
        key_name: cosignature.key_name().to_owned(),
        time: seconds(cosignature.time),
    };
    checkpoint.cosignatures().iter().map(one).collect()
}

fn cosigned_row(cosignatures: &[Cosigned]) -> (&'static str, String) {
    let one = |c: &Cosigned| format!("{}{}", c.witness, c.time.map(|at| format!(" at {at}")).unwrap_or_default());
    let all = cosignatures.iter().map(one).collect::<Vec<_>>().join(", ");
    ("Cosigned by", if all.is_empty() { "no known witness".to_owned() } else { all })
}

/// Seconds since 1970; a witness may name a time that no calendar has.
fn seconds(seconds: u64) -> Option<Timestamp> {
    i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// Why a checkpoint is none of a log of the policy.
fn unopened(error: &PolicyCheckpointError) -> Reason {
    let (clause, remedy) = match error.reason() {
        "LOG_UNKNOWN" => (
            "C2SP tlog-policy, Defining a log",
            "Add the log's key to the policy, if you have it from the log by another way.",
        ),
        "SIGNATURE_INVALID" => {
            ("C2SP signed-note", "Obtain the checkpoint again; if it stays so, somebody changed it.")
        }
        _ => ("C2SP tlog-checkpoint", "Obtain the checkpoint again, in its exact bytes."),
    };
    Reason { code: error.reason(), clause, message: error.to_string(), remedy }
}

/// Too few witnesses: nothing contradicts the checkpoint, so it stays open.
fn no_quorum(cosignatures: usize) -> Reason {
    Reason {
        code: "WITNESS_QUORUM",
        clause: "C2SP tlog-policy, Defining the quorum",
        message: format!(
            "{}, which does not reach the policy's quorum",
            match cosignatures {
                0 => "no known witness cosigned the checkpoint".to_owned(),
                1 => "one known witness cosigned the checkpoint".to_owned(),
                n => format!("{n} known witnesses cosigned the checkpoint"),
            }
        ),
        remedy: "Obtain the checkpoint with more cosignatures.",
    }
}

/// A proof that does not prove.
fn unproved(error: &ProofError, clause: &'static str) -> Reason {
    Reason {
        code: "PROOF_INVALID",
        clause,
        message: error.to_string(),
        remedy: "See that proof and roots are of the same log and sizes; obtain the proof again.",
    }
}
