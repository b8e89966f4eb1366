//! The verdict as it grows: facts, reasons, and the worst outcome so far.

use crate::judge::Question;
use crate::verdict::{Check, Code, Fact, FactState, Outcome, Reason, Verdict};

/// A check that went so far wrong that those after it would judge fiction.
pub(super) struct Stop;

pub(super) struct Court<'a> {
    pub(super) question: &'a Question,
    pub(super) verdict: Verdict,
}

impl<'a> Court<'a> {
    pub(super) fn new(question: &'a Question) -> Self {
        Court {
            question,
            verdict: Verdict {
                outcome: Outcome::Accepted,
                facts: Vec::new(),
                reasons: Vec::new(),
                certificate: None,
                log_index: None,
                as_of: question.as_of,
                log_time: None,
                status_time: None,
                fresh_until: None,
                arrangement: None,
            },
        }
    }

    pub(super) fn fact(&mut self, check: Check, state: FactState, detail: impl Into<String>) {
        self.verdict.facts.push(Fact { check, state, detail: detail.into() });
    }

    pub(super) fn established(&mut self, check: Check, detail: impl Into<String>) {
        self.fact(check, FactState::Established, detail);
    }

    pub(super) fn reason(&mut self, outcome: Outcome, code: Code, clause: &str, message: String, remedy: &str) {
        self.verdict.outcome = self.verdict.outcome.max(outcome);
        self.verdict.reasons.push(Reason { code, clause: clause.to_owned(), message, remedy: remedy.to_owned() });
    }

    pub(super) fn contradicted(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::Contradicted, message.clone());
        self.reason(Outcome::Refused, code, clause, message, remedy);
    }

    pub(super) fn open(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::NotEstablished, message.clone());
        self.reason(Outcome::Indeterminate, code, clause, message, remedy);
    }

    pub(super) fn close(self) -> Verdict {
        self.verdict
    }
}
