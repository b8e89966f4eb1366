//! Stored and sent form of an application, and the rule's form.

use proto::certification as wire;
use proto::{parse_timestamp, timestamp};
use record::application::{Application, ApplicationState, Decision, Review};

/// To the wire.
pub fn to_wire(application: &Application) -> wire::Application {
    wire::Application {
        name: application.name.clone(),
        footprint: application.footprint.clone(),
        certification_body: application.certification_body.clone(),
        scheme: application.scheme.clone(),
        product_class: application.product_class.clone(),
        statement_sha256: application.statement.to_vec(),
        state: match application.state {
            ApplicationState::Submitted => wire::ApplicationState::Submitted,
            ApplicationState::Reviewed => wire::ApplicationState::Reviewed,
            ApplicationState::Granted => wire::ApplicationState::Granted,
            ApplicationState::Refused => wire::ApplicationState::Refused,
            ApplicationState::Certified => wire::ApplicationState::Certified,
        }
        .into(),
        review: application.review.as_ref().map(|review| wire::Review {
            reviewer: review.reviewer.clone(),
            review_time: Some(timestamp(review.time)),
            recomputed_sha256: review.recomputed.to_vec(),
            note: review.note.clone(),
        }),
        decision: application.decision.as_ref().map(|decision| wire::Decision {
            decider: decision.decider.clone(),
            decision_time: Some(timestamp(decision.time)),
            granted: decision.granted,
            reason: decision.reason.clone(),
        }),
        certificate: application.certificate.as_ref().map_or(String::new(), |(id, _)| id.clone()),
        log_index: application.certificate.as_ref().map_or(0, |(_, leaf)| *leaf),
        create_time: Some(timestamp(application.created)),
    }
}

/// From the stored form. `None` when it is damaged.
pub fn from_wire(stored: &wire::Application) -> Option<Application> {
    let time = |time: &Option<_>| time.as_ref().and_then(parse_timestamp);
    let digest = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok();
    Some(Application {
        name: stored.name.clone(),
        footprint: stored.footprint.clone(),
        certification_body: stored.certification_body.clone(),
        scheme: stored.scheme.clone(),
        product_class: stored.product_class.clone(),
        statement: digest(&stored.statement_sha256)?,
        state: match stored.state() {
            wire::ApplicationState::Submitted => ApplicationState::Submitted,
            wire::ApplicationState::Reviewed => ApplicationState::Reviewed,
            wire::ApplicationState::Granted => ApplicationState::Granted,
            wire::ApplicationState::Refused => ApplicationState::Refused,
            wire::ApplicationState::Certified => ApplicationState::Certified,
            wire::ApplicationState::Unspecified => return None,
        },
        review: match &stored.review {
            None => None,
            Some(review) => Some(Review {
                reviewer: review.reviewer.clone(),
                time: time(&review.review_time)?,
                recomputed: digest(&review.recomputed_sha256)?,
                note: review.note.clone(),
            }),
        },
        decision: match &stored.decision {
            None => None,
            Some(decision) => Some(Decision {
                decider: decision.decider.clone(),
                time: time(&decision.decision_time)?,
                granted: decision.granted,
                reason: decision.reason.clone(),
            }),
        },
        certificate: (!stored.certificate.is_empty()).then(|| (stored.certificate.clone(), stored.log_index)),
        created: time(&stored.create_time)?,
    })
}
