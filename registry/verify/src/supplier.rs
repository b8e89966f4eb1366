//! What a buyer needs to know of a supplier's certificate before a figure of it goes into one's own.

use cose::sha256;
use jiff::Timestamp;
use record::certificate::Certificate;
use record::json::Digest;
use record::statement::{Content, SignedStatement};

use crate::bundle::Bundle;
use crate::judge::{Question, judge_file};
use crate::trust::Trust;
use crate::verdict::{Check, FactState};

/// That it is genuine, in the log, of an accredited body and in force. What an arrangement asks is a matter of the
/// importing country.
const NEEDED: [Check; 5] = [Check::Signature, Check::Log, Check::SignerKey, Check::Accreditation, Check::State];

/// Why a certificate cannot stand for a precursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct NotInForce {
    /// The check that failed, and the remedy.
    pub problem: String,
}

/// The certificate of a bundle with the SHA-256 of its entry, verified offline as of `now` against one's own trust.
///
/// # Errors
/// [`NotInForce`] for the first of signature, log, key, accreditation and state that is not established.
pub fn certificate_in_force(bytes: &[u8], trust: &Trust, now: Timestamp) -> Result<(Certificate, Digest), NotInForce> {
    let refused = |problem: String| NotInForce { problem };
    let verdict = judge_file(bytes, trust, &Question { as_of: now, now, production: None });
    for check in NEEDED {
        let fact = verdict.facts.iter().find(|fact| fact.check == check);
        let fact = fact.ok_or_else(|| refused(format!("{check:?} was not checked")))?;
        if fact.state != FactState::Established {
            let remedies = verdict.reasons.iter().map(|reason| reason.remedy.as_str()).collect::<Vec<_>>().join(" ");
            return Err(refused(format!("{}. {remedies}", fact.detail)));
        }
    }
    let bundle = Bundle::from_bytes(bytes).map_err(|error| refused(error.to_string()))?;
    let entry = &bundle.certificate.entry;
    let statement = SignedStatement::from_entry(entry).map_err(|error| refused(error.to_string()))?;
    match statement.into_content().2 {
        Content::Certificate(certificate) => Ok((*certificate, Digest(sha256(entry)))),
        _ => Err(refused("it is no certificate".to_owned())),
    }
}
