//! Variants to refusals: one place.

use proto::verification::ErrorReason;
use runtime::Refusal;
use tonic::{Code, Status};

/// Domain of the reasons.
pub const DOMAIN: &str = "verification.touchstone";

/// What the registry answered, in our words.
pub fn registry(status: &Status, certificate: &str, arrangement: &str) -> Refusal {
    use tonic_types::StatusExt;
    let reason = status.get_details_error_info().map(|info| info.reason);
    match (status.code(), reason.as_deref()) {
        (Code::NotFound, Some("ARRANGEMENT_UNKNOWN")) => Refusal::new(
            DOMAIN,
            Code::NotFound,
            ErrorReason::ArrangementUnknown.as_str_name(),
            format!("the log holds no accepted arrangement {arrangement}"),
        )
        .with("arrangement", arrangement),
        (Code::NotFound, _) => Refusal::new(
            DOMAIN,
            Code::NotFound,
            ErrorReason::CertificateUnknown.as_str_name(),
            format!("the log holds no certificate {certificate}"),
        )
        .with("name", certificate)
        .about("certificate", certificate),
        _ => Refusal::peer(DOMAIN, "registry", status),
    }
}

/// A peer that was not heard of in time.
pub fn away(peer: &'static str) -> Refusal {
    Refusal::peer(DOMAIN, peer, &Status::unavailable("not heard of in time"))
}
