//! The order of the verdict, so that reasons are stable: bytes and signature, log, signer key, accreditation, state,
//! goods, arrangement, data, freshness.

mod arrangement;
mod court;
mod log;
mod signer;
mod state;

use cose::x509::Certificate as X509;
use jiff::{SignedDuration, Timestamp};
use record::certificate::Certificate;
use record::statement::{Content, SignedStatement};

use self::arrangement::{Recognition, recognition};
use self::court::{Court, Stop};
use self::log::Placed;
use crate::bundle::{Bundle, BundleError};
use crate::trust::Trust;
use crate::verdict::{Check, Code, Verdict};

/// How far the log's clock may be ahead of the verifier's.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The date asked about.
    pub as_of: Timestamp,
    /// The verifier's clock.
    pub now: Timestamp,
    /// When the goods were made; the goods rule is left open when absent.
    pub production: Option<Timestamp>,
}

/// A bundle with every signature, proof and path checked under a trust: what no question can change. Made only by
/// [`examine`]; a question is then answered without another look at a signature.
#[derive(Debug, Clone)]
pub struct Examined {
    found: Court,
    /// What questions are asked of; absent where the examination stopped.
    open: Option<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    certificate: Certificate,
    placed: Placed,
    recognition: Recognition,
    status_time: Timestamp,
    party: String,
    max_age: SignedDuration,
}

/// Judges a bundle file; a file that cannot be read gets a verdict too.
pub fn judge_file(bytes: &[u8], trust: &Trust, question: &Question) -> Verdict {
    examine_file(bytes, trust).judge(question)
}

/// Judges a bundle under the trust of the verifier.
pub fn judge(bundle: &Bundle, trust: &Trust, question: &Question) -> Verdict {
    examine(bundle, trust).judge(question)
}

/// Examines a bundle file; of one that cannot be read, that is what was found.
pub fn examine_file(bytes: &[u8], trust: &Trust) -> Examined {
    match Bundle::from_bytes(bytes) {
        Ok(bundle) => examine(&bundle, trust),
        Err(error) => {
            let remedy = match error {
                BundleError::Other { .. } => {
                    "Name the bundle: the one file that the certificate's holder hands over, or that the registry gives."
                }
                _ => "Obtain the file again from its sender or from the registry.",
            };
            let mut court = Court::new();
            court.contradicted(Check::Signature, Code::BundleUnreadable, "bundle format", error.to_string(), remedy);
            Examined { found: court, open: None }
        }
    }
}

/// Examines a bundle under the trust of the verifier.
pub fn examine(bundle: &Bundle, trust: &Trust) -> Examined {
    let mut court = Court::new();
    // What cannot be read, or is not signed, or is not in the log says nothing that could be judged further.
    let open = court.hear(bundle, trust).ok();
    Examined { found: court, open }
}

impl Examined {
    /// Answers a question of the party that the trust names.
    pub fn judge(&self, question: &Question) -> Verdict {
        self.judge_for(self.open.as_ref().map_or("", |open| &open.party), question)
    }

    /// Answers a question of another party that trusts the same.
    pub fn judge_for(&self, party: &str, question: &Question) -> Verdict {
        let mut court = self.found.clone();
        if let Some(open) = &self.open {
            let state = court.state(&open.certificate, &open.placed, question);
            court.goods(&open.certificate, state, question.production, question.now);
            court.arrangement(&open.certificate, &open.recognition, party, question.as_of);
            court.freshness(open.max_age, open.status_time, question.now);
        }
        court.close(question.as_of)
    }
}

struct Signed<T> {
    statement: SignedStatement,
    content: T,
}

impl Court {
    fn hear(&mut self, bundle: &Bundle, trust: &Trust) -> Result<Open, Stop> {
        let (certificate, signer) = self.signature(bundle)?;
        let (roots, placed) = self.log(bundle, trust)?;
        self.signer_key(&certificate, &signer, bundle, trust, placed.log_time);
        self.accreditation(&certificate, &signer, bundle, trust, &roots, &placed);
        Ok(Open {
            certificate: certificate.content,
            placed,
            recognition: recognition(bundle, trust, &roots),
            status_time: roots.latest.time,
            party: trust.party.clone(),
            max_age: trust.max_age,
        })
    }

    fn signature(&mut self, bundle: &Bundle) -> Result<(Signed<Certificate>, X509), Stop> {
        const REMEDY: &str = "Obtain the certificate again from its holder or from the registry.";
        let unreadable = |court: &mut Self, message: String| {
            court.contradicted(
                Check::Signature,
                Code::CertificateUnreadable,
                "COSE_Sign1 over a UNTP credential",
                message,
                REMEDY,
            );
            Stop
        };
        let invalid = |court: &mut Self, message: String| {
            court.contradicted(Check::Signature, Code::SignatureInvalid, "RFC 9052, 4.4", message, REMEDY);
            Stop
        };
        let statement = SignedStatement::from_entry(&bundle.certificate.entry);
        let signer = bundle.certificate.chain.first().map(|der| X509::from_der(der));
        let (statement, signer) = match (statement, signer) {
            // A flipped bit may damage the form or the signature: both mean that these are not the bytes signed.
            (Err(error), _) => {
                return Err(invalid(self, format!("these are not the bytes that were signed: {error}")));
            }
            (_, None) => {
                return Err(unreadable(self, "the signer's certificate is missing".into()));
            }
            (_, Some(Err(error))) => {
                return Err(unreadable(self, format!("the signer's certificate: {error}")));
            }
            (Ok(statement), Some(Ok(signer))) => (statement, signer),
        };
        let Content::Certificate(content) = statement.content().clone() else {
            return Err(unreadable(self, format!("the statement is {}, no certificate", statement.media_type())));
        };
        if statement.x5t() != Some(signer.x5t()) {
            return Err(invalid(self, "the certificate enclosed is not the one that the header names".into()));
        }
        if let Err(error) = statement.verify(signer.public_key()) {
            return Err(invalid(self, format!("the signature does not fit the bytes: {error}")));
        }
        self.certificate = Some(content.id.clone());
        self.log_index = Some(bundle.certificate.index);
        self.established(Check::Signature, format!("signed by {} with key {}", statement.issuer(), statement.kid()));
        Ok((Signed { statement, content: *content }, signer))
    }

    fn freshness(&mut self, max_age: SignedDuration, made: Timestamp, now: Timestamp) {
        let age = now.duration_since(made);
        if age < -CLOCK_SKEW {
            self.open(
                Check::Freshness,
                Code::ClockAhead,
                "clock",
                format!("the status is of {made}, your clock says {now}"),
                "Set your clock, or give the right --now.",
            );
        } else if age > max_age {
            self.open(
                Check::Freshness,
                Code::StatusStale,
                "max_age_hours",
                format!("the status is of {made}, older at {now} than the {} hours you accept", max_age.as_hours()),
                "Obtain a fresh bundle: stale never means valid.",
            );
        } else {
            self.established(Check::Freshness, format!("status of {made}, {} minutes old", age.as_mins().max(0)));
        }
    }
}
