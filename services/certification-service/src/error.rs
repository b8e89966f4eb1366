//! Variants to refusals: one place.

use certification::StepError;
use proto::certification::ErrorReason;
use runtime::Refusal;
use tonic::{Code, Status};

/// Domain of the reasons.
pub const DOMAIN: &str = "certification.touchstone";

/// A refusal of this service.
pub fn refuse(code: Code, reason: ErrorReason, message: impl Into<String>) -> Refusal {
    Refusal::new(DOMAIN, code, reason.as_str_name(), message)
}

/// A step that is not possible.
pub fn step(error: &StepError) -> Refusal {
    let precondition = |reason| refuse(Code::FailedPrecondition, reason, error.to_string());
    match error {
        StepError::State { state, needed, .. } => precondition(ErrorReason::StateNotAllowed)
            .with("state", format!("{state:?}"))
            .with("needed", format!("{needed:?}")),
        StepError::RecomputedDiffers { applied, recomputed } => precondition(ErrorReason::RecomputedDiffers)
            .with("applied", hex::encode(applied))
            .with("recomputed", hex::encode(recomputed)),
        StepError::SamePerson { person } => precondition(ErrorReason::SamePerson).with("person", person),
    }
}

/// A peer's answer: what it does not hold is not found, all else is unavailable.
pub fn peer(peer: &'static str, kind: &'static str, name: &str, status: &Status) -> Refusal {
    match status.code() {
        Code::NotFound => Refusal::not_found(DOMAIN, kind, name),
        _ => Refusal::peer(DOMAIN, peer, status),
    }
}
