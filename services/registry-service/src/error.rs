//! Variants to refusals: one place.

use cose::sign1::Sign1Error;
use proto::registry::ErrorReason;
use record::statement::StatementError;
use runtime::Refusal;
use tonic::Code;

/// Domain of the reasons.
pub const DOMAIN: &str = "registry.touchstone";

/// A refusal of this service.
pub fn refuse(code: Code, reason: ErrorReason, message: impl Into<String>) -> Refusal {
    Refusal::new(DOMAIN, code, reason.as_str_name(), message)
}

/// A fault of ours.
pub fn internal(what: impl std::fmt::Display) -> Refusal {
    Refusal::internal(DOMAIN, &what.to_string())
}

/// Bytes that are no entry.
pub fn statement(error: &StatementError) -> Refusal {
    let invalid = |reason, message: String| refuse(Code::InvalidArgument, reason, message);
    let message = error.to_string();
    match error {
        StatementError::TooLarge { size } => {
            invalid(ErrorReason::StatementTooLarge, message).with("size", size.to_string())
        }
        StatementError::Envelope(Sign1Error::UnsupportedAlgorithm { code }) => {
            invalid(ErrorReason::AlgorithmUnsupported, message).with("algorithm", code.to_string())
        }
        StatementError::Envelope(problem) => {
            invalid(ErrorReason::StatementMalformed, message).with("problem", problem.to_string())
        }
        StatementError::Form { what } => invalid(ErrorReason::StatementMalformed, message).with("problem", *what),
        StatementError::MediaType { media_type } => {
            invalid(ErrorReason::MediaTypeUnknown, message).with("media_type", media_type)
        }
        StatementError::Payload(record::json::PayloadError::TooLarge { size }) => {
            invalid(ErrorReason::StatementTooLarge, message).with("size", size.to_string())
        }
        StatementError::Payload(problem) => {
            invalid(ErrorReason::PayloadInvalid, message).with("problem", problem.to_string())
        }
        StatementError::Mismatch { field, .. } => invalid(ErrorReason::HeaderMismatch, message).with("field", *field),
    }
}
