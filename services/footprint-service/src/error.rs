//! Variants to refusals: one place.

use footprint::FootprintError;
use metering::MeteringError;
use proto::fields::Violation;
use proto::footprint::ErrorReason;
use record::plant::PlantError;
use runtime::Refusal;
use tonic::{Code, Status};

/// Domain of the reasons.
pub const DOMAIN: &str = "footprint.touchstone";

/// A refusal of this service.
pub fn refuse(code: Code, reason: ErrorReason, message: impl Into<String>) -> Refusal {
    Refusal::new(DOMAIN, code, reason.as_str_name(), message)
}

/// A plant file that is not valid: every problem by line and path.
pub fn plant(error: &PlantError) -> Refusal {
    let mut refusal = refuse(Code::InvalidArgument, ErrorReason::PlantFileInvalid, error.to_string());
    if let PlantError::Invalid { violations } = error {
        refusal.details.violations = violations
            .iter()
            .map(|violation| Violation {
                field: match violation.path.as_str() {
                    "" => "plant_toml".into(),
                    path => format!("plant_toml.{path}"),
                },
                description: format!("line {}: {}", violation.line, violation.problem),
            })
            .collect();
    }
    refusal
}

/// A footprint that cannot be computed.
pub fn compute(error: &FootprintError) -> Refusal {
    let precondition = |reason| refuse(Code::FailedPrecondition, reason, error.to_string());
    match error {
        FootprintError::Metering { path, source } => {
            let reason = match source {
                MeteringError::Uncalibrated { .. } | MeteringError::NoUncertainty { .. } => {
                    ErrorReason::CalibrationMissing
                }
                _ => ErrorReason::EvidenceIncomplete,
            };
            precondition(reason).with("path", path)
        }
        FootprintError::Evidence { .. } | FootprintError::OtherSite { .. } | FootprintError::OtherPeriod { .. } => {
            Refusal::internal(DOMAIN, &error.to_string())
        }
        FootprintError::NoStatement { precursor, .. }
        | FootprintError::OtherGwpSet { precursor, .. }
        | FootprintError::Circular { precursor } => {
            precondition(ErrorReason::SupplierStatementUnfit).with("precursor", precursor)
        }
        FootprintError::NoCertificate { precursor, .. } | FootprintError::CertificateUnfit { precursor, .. } => {
            precondition(ErrorReason::SupplierCertificateUnfit).with("precursor", precursor)
        }
        FootprintError::DefaultValue { precursor, .. } => {
            precondition(ErrorReason::DefaultValueMissing).with("precursor", precursor)
        }
        FootprintError::CategoryRulesMissing { .. } => precondition(ErrorReason::CategoryRulesNotMet),
        FootprintError::CategoryRules { product, .. } => {
            precondition(ErrorReason::CategoryRulesNotMet).with("product", product)
        }
        _ => refuse(Code::InvalidArgument, ErrorReason::PlantFileInvalid, error.to_string()),
    }
}

/// What metering answered, in our words.
pub fn metering(status: &Status, site: &str) -> Refusal {
    match status.code() {
        Code::NotFound => Refusal::not_found(DOMAIN, "site", site),
        Code::FailedPrecondition => {
            refuse(Code::FailedPrecondition, ErrorReason::EvidenceIncomplete, status.message()).with("site", site)
        }
        _ => Refusal::peer(DOMAIN, "metering", status),
    }
}
