//! One shape for every refusal: a code, a stable reason, words for people, details for programs.
//!
//! `INTERNAL` tells the caller nothing but a trace id, under which the log holds everything.

use std::collections::HashMap;
use std::time::Duration;

use proto::fields::{Fields, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// A refused request. `domain` is `<package>.touchstone`; the reason is a value of that package's `ErrorReason`.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Canonical code.
    pub code: Code,
    /// Reason, without the enum's prefix.
    pub reason: &'static str,
    /// Domain of the reason.
    pub domain: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// What few refusals have: boxed, so that a `Result` stays small.
    pub details: Box<Details>,
}

/// What a refusal may have besides the essentials.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Whatever is variable in the message.
    pub metadata: Vec<(&'static str, String)>,
    /// Fields that do not fit.
    pub violations: Vec<Violation>,
    /// Resource concerned: type and name.
    pub resource: Option<(&'static str, String)>,
    /// When to try again.
    pub retry: Option<Duration>,
}

impl Refusal {
    /// A refusal with nothing but the essentials.
    pub fn new(domain: &'static str, code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            code,
            reason: reason.strip_prefix("ERROR_REASON_").unwrap_or(reason),
            domain,
            message: message.into(),
            details: Box::default(),
        }
    }

    /// Adds metadata.
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.details.metadata.push((key, value.into()));
        self
    }

    /// Names the resource.
    pub fn about(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.details.resource = Some((kind, name.into()));
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.retry = Some(delay);
        self
    }

    /// Fields that do not fit: all of them.
    pub fn invalid(domain: &'static str, violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [one] => format!("{}: {}", one.field, one.description),
            several => format!(
                "{} fields do not fit: {}",
                several.len(),
                several.iter().map(|v| v.field.as_str()).collect::<Vec<_>>().join(", ")
            ),
        };
        let mut refusal = Refusal::new(domain, Code::InvalidArgument, "REQUEST_INVALID", message);
        refusal.details.violations = violations;
        refusal
    }

    /// No such resource.
    pub fn not_found(domain: &'static str, kind: &'static str, name: &str) -> Self {
        Refusal::new(domain, Code::NotFound, "NOT_FOUND", format!("there is no {kind} {name}"))
            .with("name", name)
            .about(kind, name)
    }

    /// The name is taken.
    pub fn already_exists(domain: &'static str, kind: &'static str, name: &str) -> Self {
        Refusal::new(domain, Code::AlreadyExists, "ALREADY_EXISTS", format!("{kind} {name} exists: choose another id"))
            .with("name", name)
            .about(kind, name)
    }

    /// Another organisation's resource.
    pub fn other_organization(domain: &'static str, caller: &str, owner: &str) -> Self {
        Refusal::new(
            domain,
            Code::PermissionDenied,
            "OTHER_ORGANIZATION",
            format!("{caller} may not use what belongs to {owner}"),
        )
        .with("caller_organization", caller)
        .with("owner_organization", owner)
    }

    /// A peer did not answer.
    pub fn peer(domain: &'static str, peer: &'static str, status: &Status) -> Self {
        tracing::warn!(peer, %status, "a peer did not answer");
        Refusal::new(domain, Code::Unavailable, "PEER_UNAVAILABLE", format!("the {peer} service did not answer"))
            .with("peer", peer)
            .retry_after(Duration::from_secs(2))
    }

    /// The store did not answer.
    pub fn store(domain: &'static str, error: &store::StoreError) -> Self {
        match error {
            store::StoreError::Corrupt(_) => {
                tracing::error!(%error, "stored data is damaged");
                Refusal::internal(domain, "stored data is damaged")
            }
            store::StoreError::TooLarge { .. } | store::StoreError::BlobName { .. } => {
                Refusal::invalid(domain, vec![Violation { field: "request".into(), description: error.to_string() }])
            }
            store::StoreError::Unavailable(_) | store::StoreError::InUse => {
                tracing::error!(%error, "the store did not answer");
                Refusal::new(domain, Code::Unavailable, "STORE_UNAVAILABLE", "the store did not answer: try again")
                    .retry_after(Duration::from_secs(1))
            }
        }
    }

    /// A fault of ours: `what` goes to the log, the caller gets an id.
    pub fn internal(domain: &'static str, what: &str) -> Self {
        Refusal::fault(domain, "INTERNAL", what)
    }

    /// The same under another reason.
    pub(crate) fn fault(domain: &'static str, reason: &'static str, what: &str) -> Self {
        let id = crate::telemetry::trace::id();
        tracing::error!(trace_id = id, what, "internal error");
        Refusal::new(domain, Code::Internal, reason, format!("a fault of ours: report it with the trace id {id}"))
            .with("trace_id", id)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let metadata: HashMap<String, String> =
            refusal.details.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(refusal.reason, refusal.domain, metadata);
        if !refusal.details.violations.is_empty() {
            let violations = refusal.details.violations.into_iter();
            details
                .set_bad_request(violations.map(|v| FieldViolation::new(v.field, v.description)).collect::<Vec<_>>());
        }
        if let Some((kind, name)) = refusal.details.resource {
            details.set_resource_info(kind, name, "", "");
        }
        if let Some(delay) = refusal.details.retry {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(refusal.code, refusal.message, details)
    }
}

/// Ends the checking of a request.
pub trait Finish {
    /// Refuses when any field did not fit.
    ///
    /// # Errors
    /// [`Refusal::invalid`] with all violations.
    fn finish(self, domain: &'static str) -> Result<(), Refusal>;
}

impl Finish for Fields {
    fn finish(self, domain: &'static str) -> Result<(), Refusal> {
        let violations = self.into_violations();
        if violations.is_empty() { Ok(()) } else { Err(Refusal::invalid(domain, violations)) }
    }
}
