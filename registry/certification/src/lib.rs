//! The states of an application, as functions: which step may follow which, and who may take it.
//!
//! There is no storage, clock, network or signature here. The states of a certificate are a fold of signed events and
//! stand in `record::status`.

use jiff::Timestamp;
use record::application::{Application, ApplicationState, Decision, Review};

/// Why a step is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The state does not allow it.
    #[error("the application is {state:?}: {step} needs {needed:?}")]
    State {
        /// Where it stands.
        state: ApplicationState,
        /// What was asked.
        step: &'static str,
        /// What it needs.
        needed: ApplicationState,
    },
    /// The recomputed statement is another.
    #[error("the recomputed statement differs from the one applied with")]
    RecomputedDiffers {
        /// SHA-256 applied with.
        applied: [u8; 32],
        /// SHA-256 recomputed.
        recomputed: [u8; 32],
    },
    /// Review and decision by the same person (ISO/IEC 17065, 7.6.2).
    #[error("{person} reviewed this application: another person must decide")]
    SamePerson {
        /// The person.
        person: String,
    },
}

fn need(application: &Application, step: &'static str, needed: ApplicationState) -> Result<(), StepError> {
    if application.state == needed { Ok(()) } else { Err(StepError::State { state: application.state, step, needed }) }
}

/// Records a review.
///
/// # Errors
/// [`StepError::State`], [`StepError::RecomputedDiffers`].
pub fn review(mut application: Application, review: Review) -> Result<Application, StepError> {
    need(&application, "a review", ApplicationState::Submitted)?;
    if review.recomputed != application.statement {
        return Err(StepError::RecomputedDiffers { applied: application.statement, recomputed: review.recomputed });
    }
    application.review = Some(review);
    application.state = ApplicationState::Reviewed;
    Ok(application)
}

/// Records a decision.
///
/// # Errors
/// [`StepError::State`], [`StepError::SamePerson`].
pub fn decide(mut application: Application, decision: Decision) -> Result<Application, StepError> {
    need(&application, "a decision", ApplicationState::Reviewed)?;
    if application.review.as_ref().is_some_and(|review| review.reviewer == decision.decider) {
        return Err(StepError::SamePerson { person: decision.decider });
    }
    application.state = if decision.granted { ApplicationState::Granted } else { ApplicationState::Refused };
    application.decision = Some(decision);
    Ok(application)
}

/// Ties the registered certificate to its application.
///
/// # Errors
/// [`StepError::State`].
pub fn certify(mut application: Application, certificate: String, leaf: u64) -> Result<Application, StepError> {
    need(&application, "a certificate", ApplicationState::Granted)?;
    application.certificate = Some((certificate, leaf));
    application.state = ApplicationState::Certified;
    Ok(application)
}

/// A new application.
pub fn submit(
    name: String,
    footprint: String,
    certification_body: String,
    scheme: String,
    product_class: String,
    statement: [u8; 32],
    created: Timestamp,
) -> Application {
    Application {
        name,
        footprint,
        certification_body,
        scheme,
        product_class,
        statement,
        state: ApplicationState::Submitted,
        review: None,
        decision: None,
        certificate: None,
        created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted() -> Application {
        let text = str::to_owned;
        submit(text("n"), text("f"), text("cb"), text("s"), text("2523"), [7; 32], Timestamp::UNIX_EPOCH)
    }

    fn by(reviewer: &str, recomputed: [u8; 32]) -> Review {
        Review { reviewer: reviewer.into(), time: Timestamp::UNIX_EPOCH, recomputed, note: String::new() }
    }

    fn granted_by(decider: &str) -> Decision {
        Decision { decider: decider.into(), time: Timestamp::UNIX_EPOCH, granted: true, reason: "fits".into() }
    }

    #[test]
    fn review_then_decision_by_two_persons_then_certificate() {
        let reviewed = review(submitted(), by("rosa", [7; 32])).unwrap();
        assert_eq!(decide(reviewed.clone(), granted_by("rosa")), Err(StepError::SamePerson { person: "rosa".into() }));
        let granted = decide(reviewed, granted_by("dan")).unwrap();
        assert_eq!(certify(granted, "c".into(), 4).unwrap().state, ApplicationState::Certified);
    }

    #[test]
    fn no_step_out_of_turn_and_no_review_of_another_statement() {
        assert!(matches!(decide(submitted(), granted_by("dan")), Err(StepError::State { .. })));
        assert!(matches!(certify(submitted(), "c".into(), 4), Err(StepError::State { .. })));
        assert!(matches!(review(submitted(), by("rosa", [8; 32])), Err(StepError::RecomputedDiffers { .. })));
    }
}
