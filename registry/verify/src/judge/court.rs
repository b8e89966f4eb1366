//! The verdict as it grows: facts, reasons, and the worst outcome so far.

use jiff::Timestamp;

use crate::verdict::{Check, Code, Fact, FactState, Outcome, Reason, Verdict};

/// A check that went so far wrong that those after it would judge fiction.
pub(super) struct Stop;

/// A verdict without the date asked about.
#[derive(Debug, Clone)]
pub(super) struct Court {
    outcome: Outcome,
    facts: Vec<Fact>,
    reasons: Vec<Reason>,
    pub(super) certificate: Option<String>,
    pub(super) log_index: Option<u64>,
    pub(super) log_time: Option<Timestamp>,
    pub(super) status_time: Option<Timestamp>,
    pub(super) fresh_until: Option<Timestamp>,
    pub(super) arrangement: Option<String>,
}

impl Court {
    pub(super) fn new() -> Self {
        Court {
            outcome: Outcome::Accepted,
            facts: Vec::new(),
            reasons: Vec::new(),
            certificate: None,
            log_index: None,
            log_time: None,
            status_time: None,
            fresh_until: None,
            arrangement: None,
        }
    }

    pub(super) fn fact(&mut self, check: Check, state: FactState, detail: impl Into<String>) {
        self.facts.push(Fact { check, state, detail: detail.into() });
    }

    pub(super) fn established(&mut self, check: Check, detail: impl Into<String>) {
        self.fact(check, FactState::Established, detail);
    }

    pub(super) fn reason(&mut self, outcome: Outcome, code: Code, clause: &str, message: String, remedy: &str) {
        self.outcome = self.outcome.max(outcome);
        self.reasons.push(Reason { code, clause: clause.to_owned(), message, remedy: remedy.to_owned() });
    }

    pub(super) fn contradicted(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::Contradicted, message.clone());
        self.reason(Outcome::Refused, code, clause, message, remedy);
    }

    pub(super) fn open(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::NotEstablished, message.clone());
        self.reason(Outcome::Indeterminate, code, clause, message, remedy);
    }

    pub(super) fn close(self, as_of: Timestamp) -> Verdict {
        let Court { outcome, facts, reasons, certificate, log_index, log_time, status_time, fresh_until, arrangement } =
            self;
        Verdict {
            outcome,
            facts,
            reasons,
            certificate,
            log_index,
            as_of,
            log_time,
            status_time,
            fresh_until,
            arrangement,
        }
    }
}
