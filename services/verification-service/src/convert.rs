//! Verdict to wire.

use proto::timestamp;
use proto::verification as wire;
use verify::{FactState, Outcome, Verdict};

/// A verdict.
pub fn verdict(verdict: &Verdict) -> wire::Verdict {
    let outcome = match verdict.outcome {
        Outcome::Accepted => wire::Outcome::Accepted,
        Outcome::AcceptedWithConditions => wire::Outcome::AcceptedWithConditions,
        Outcome::Refused => wire::Outcome::Refused,
        Outcome::Indeterminate => wire::Outcome::Indeterminate,
    };
    let facts = verdict.facts.iter().map(|fact| wire::Fact {
        check: spelled(&fact.check),
        state: match fact.state {
            FactState::Established => wire::FactState::Established,
            FactState::NotEstablished => wire::FactState::NotEstablished,
            FactState::Contradicted => wire::FactState::Contradicted,
        }
        .into(),
        detail: fact.detail.clone(),
    });
    let reasons = verdict.reasons.iter().map(|reason| wire::Reason {
        code: spelled(&reason.code),
        clause: reason.clause.clone(),
        message: reason.message.clone(),
        remedy: reason.remedy.clone(),
    });
    wire::Verdict {
        outcome: outcome.into(),
        facts: facts.collect(),
        reasons: reasons.collect(),
        certificate_id: verdict.certificate.clone().unwrap_or_default(),
        log_index: verdict.log_index.unwrap_or(0),
        as_of_time: Some(timestamp(verdict.as_of)),
        log_time: verdict.log_time.map(timestamp),
        status_time: verdict.status_time.map(timestamp),
        fresh_until: verdict.fresh_until.map(timestamp),
        arrangement: verdict.arrangement.clone().unwrap_or_default(),
    }
}

/// The word of an enum in JSON: one spelling everywhere.
fn spelled<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
