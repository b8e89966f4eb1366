//! Variants to refusals: one place.

use proto::metering::ErrorReason;
use runtime::Refusal;
use store::StoreError;
use tonic::Code;

/// Domain of the reasons.
pub const DOMAIN: &str = "metering.touchstone";

/// A refusal of this service.
pub fn refuse(code: Code, reason: ErrorReason, message: impl Into<String>) -> Refusal {
    Refusal::new(DOMAIN, code, reason.as_str_name(), message)
}

/// The store failed.
pub fn store(error: StoreError) -> Refusal {
    Refusal::store(DOMAIN, &error)
}

/// A whole batch that cannot be read.
pub fn batch(position: usize, message: impl std::fmt::Display) -> Refusal {
    refuse(Code::InvalidArgument, ErrorReason::ReadingBatchInvalid, format!("batch {position}: {message}"))
        .with("batch", position.to_string())
}
