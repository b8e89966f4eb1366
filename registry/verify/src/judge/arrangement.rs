//! Recognition: the arrangement's signatures, its clauses, and what it asks of the data.

use jiff::Timestamp;
use record::arrangement::Arrangement;
use record::certificate::Certificate;
use record::json::Digest;
use record::statement::Content;
use record::status::{State, StatusRecord};

use super::court::Court;
use super::log::Roots;
use super::signer::read_signed;
use crate::bundle::{ArrangementProof, Bundle, StatementProof};
use crate::trust::Trust;
use crate::verdict::{Check, Code, Outcome};

/// What a bundle says of recognition, with all signatures checked.
#[derive(Debug, Clone)]
pub(super) enum Recognition {
    /// It carries no arrangement.
    Missing,
    /// Not signed by both parties, or not about each other.
    Invalid(String),
    /// Signed by both, with the states of the two statements.
    Signed { arrangement: Box<Arrangement>, states: [(&'static str, StatusRecord); 2] },
}

impl Court {
    pub(super) fn arrangement(
        &mut self,
        content: &Certificate,
        recognition: &Recognition,
        party: &str,
        as_of: Timestamp,
    ) {
        let (arrangement, states) = match recognition {
            Recognition::Missing => {
                return self.open(
                    Check::Arrangement,
                    Code::ArrangementMissing,
                    "recognition",
                    "the bundle carries no arrangement: whether you recognise this certificate was not judged".into(),
                    "Ask the registry for a bundle with your arrangement.",
                );
            }
            Recognition::Invalid(problem) => {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementInvalid,
                    "signed by both parties",
                    problem.clone(),
                    "Ask for a bundle with an arrangement that both parties signed.",
                );
            }
            Recognition::Signed { arrangement, states } => (arrangement, states),
        };
        // Either party ends it by an event on its own statement.
        for (what, record) in states {
            if let Some(step) = record.at(as_of)
                && step.state != State::Active
            {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementNotActive,
                    "state of the arrangement",
                    format!("the {what} is {} since {}: {}", step.state.word(), step.effective, step.reason),
                    "Ask your authority which arrangement is in force.",
                );
            }
        }
        self.arrangement = Some(arrangement.id.clone());
        if arrangement.asking_party != party {
            return self.contradicted(
                Check::Arrangement,
                Code::ArrangementOtherParty,
                "askingParty",
                format!("the arrangement is that of {}, you are {party}", arrangement.asking_party),
                "Ask the registry for a bundle with your arrangement.",
            );
        }
        match clause_against(arrangement, content, as_of) {
            Some((clause, message)) => {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementClause,
                    clause,
                    message,
                    "Only an extension of the arrangement could change this.",
                );
            }
            None => self.established(Check::Arrangement, format!("covered by {} at {as_of}", arrangement.id)),
        }
        self.data(arrangement, content);
    }

    fn data(&mut self, arrangement: &Arrangement, content: &Certificate) {
        let measured = &content.assessment().measurement;
        // Texts were checked to be decimal numbers when the payloads were read.
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let below = |court: &mut Self, clause: &str, message: String| {
            court.contradicted(
                Check::Data,
                Code::DataCondition,
                clause,
                message,
                "The holder must improve the data and be certified again.",
            );
        };
        let relative = number(&measured.total.expanded_uncertainty) / number(&measured.total.value).abs();
        // Asked as "is it within", so that what is not a number is not.
        let gaps_within = number(&measured.gap_share) <= number(&arrangement.max_gap_share);
        let calibration_within =
            number(&measured.calibration_coverage) >= number(&arrangement.min_calibration_coverage);
        let uncertainty_within = relative <= number(&arrangement.max_relative_uncertainty);
        let mut fits = true;
        if !gaps_within {
            fits = false;
            below(
                self,
                "maxGapShare",
                format!("gaps are {} of the data, at most {}", measured.gap_share, arrangement.max_gap_share),
            );
        }
        if !calibration_within {
            fits = false;
            below(
                self,
                "minCalibrationCoverage",
                format!(
                    "{} of the metered data are under valid calibration, at least {}",
                    measured.calibration_coverage, arrangement.min_calibration_coverage
                ),
            );
        }
        if !uncertainty_within {
            fits = false;
            below(
                self,
                "maxRelativeUncertainty",
                format!(
                    "the relative expanded uncertainty is {relative:.4}, at most {}",
                    arrangement.max_relative_uncertainty
                ),
            );
        }
        if let Some(decision) = &measured.decision
            && decision.result != "conforms"
        {
            fits = false;
            self.contradicted(
                Check::Data,
                Code::DecisionNotConforming,
                "decision rule",
                format!("the decision under {} is {}", decision.rule, decision.result),
                "The holder must be certified again.",
            );
        }
        if fits {
            self.established(
                Check::Data,
                format!(
                    "total {} ± {} {} (k = {}), gaps {}, calibration coverage {}",
                    measured.total.value,
                    measured.total.expanded_uncertainty,
                    measured.unit,
                    measured.total.coverage_factor,
                    measured.gap_share,
                    measured.calibration_coverage
                ),
            );
            if relative > number(&arrangement.guarded_relative_uncertainty) {
                self.reason(
                    Outcome::AcceptedWithConditions,
                    Code::DeclareUpperValue,
                    "guardedRelativeUncertainty",
                    format!("the relative expanded uncertainty is {relative:.4}: declare value + U"),
                    "A smaller uncertainty would lift the condition.",
                );
            }
        }
    }
}

/// Checks the signatures of both parties, and that the statements are about each other.
pub(super) fn recognition(bundle: &Bundle, trust: &Trust, roots: &Roots) -> Recognition {
    match &bundle.arrangement {
        None => Recognition::Missing,
        Some(proof) => signed_by_both(proof, trust, roots).unwrap_or_else(Recognition::Invalid),
    }
}

fn signed_by_both(proof: &ArrangementProof, trust: &Trust, roots: &Roots) -> Result<Recognition, String> {
    let read = |proof: &StatementProof, what: &str| {
        let (statement, party, placed) =
            read_signed(proof, &trust.arrangement_parties, roots).map_err(|e| format!("{what}: {e}"))?;
        if party != statement.issuer() {
            return Err(format!("{what}: signed under {party}, issued in the name of {}", statement.issuer()));
        }
        Ok((statement, placed.record))
    };
    let (statement, state) = read(&proof.arrangement, "arrangement")?;
    let (accepted, accepted_state) = read(&proof.acceptance, "acceptance")?;
    let (Content::Arrangement(arrangement), Content::ArrangementAcceptance(acceptance)) =
        (statement.content(), accepted.content())
    else {
        return Err("the statements enclosed are no arrangement and acceptance".into());
    };
    if acceptance.digest != Digest::of(&proof.arrangement.entry) || acceptance.issuer != arrangement.providing_party {
        return Err("the acceptance is of another arrangement, or of another party".into());
    }
    Ok(Recognition::Signed {
        arrangement: arrangement.clone(),
        states: [("arrangement", state), ("acceptance", accepted_state)],
    })
}

/// The first clause that does not cover the certificate, with the nearest cover.
fn clause_against(
    arrangement: &Arrangement,
    content: &Certificate,
    as_of: Timestamp,
) -> Option<(&'static str, String)> {
    let subject = &content.credential_subject;
    if as_of < arrangement.from || as_of >= arrangement.until {
        return Some((
            "period",
            format!("it holds from {} to {}, not at {as_of}", arrangement.from, arrangement.until),
        ));
    }
    let body = &subject.authorisation[0].issuing_authority.id;
    if !arrangement.accreditation_bodies.contains(body) {
        let known = arrangement.accreditation_bodies.join(", ");
        return Some(("accreditationBodies", format!("{body} is not recognised: {known} are")));
    }
    let scheme = &subject.reference_scheme.id;
    if !arrangement.schemes.iter().any(|known| &known.scheme == scheme) {
        let known = arrangement.schemes.iter().map(|s| s.scheme.as_str()).collect::<Vec<_>>().join(", ");
        return Some(("schemes", format!("{scheme} is not recognised: {known} are")));
    }
    let class = content.product_class();
    if !arrangement.product_classes.iter().any(|known| class.starts_with(known.as_str())) {
        let known = arrangement.product_classes.join(", ");
        return Some(("productClasses", format!("{class} is not covered: {known} are")));
    }
    if !arrangement.attestation_types.contains(&subject.attestation_type) {
        return Some(("attestationTypes", format!("{} is not recognised", subject.attestation_type)));
    }
    None
}
