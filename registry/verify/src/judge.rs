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

use self::court::{Court, Stop};
use self::log::Roots;
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

/// Judges a bundle file; a file that cannot be read gets a verdict too.
pub fn judge_file(bytes: &[u8], trust: &Trust, question: &Question) -> Verdict {
    match Bundle::from_bytes(bytes) {
        Ok(bundle) => judge(&bundle, trust, question),
        Err(error) => {
            let remedy = match error {
                BundleError::Other { .. } => {
                    "Name the bundle: the one file that the certificate's holder hands over, or that the registry gives."
                }
                _ => "Obtain the file again from its sender or from the registry.",
            };
            let mut court = Court::new(question);
            court.contradicted(Check::Signature, Code::BundleUnreadable, "bundle format", error.to_string(), remedy);
            court.close()
        }
    }
}

/// Judges a bundle under the trust of the verifier.
pub fn judge(bundle: &Bundle, trust: &Trust, question: &Question) -> Verdict {
    let mut court = Court::new(question);
    // What cannot be read, or is not signed, or is not in the log says nothing that could be judged further.
    let _stopped = court.hear(bundle, trust);
    court.close()
}
struct Signed<T> {
    statement: SignedStatement,
    content: T,
}

impl Court<'_> {
    fn hear(&mut self, bundle: &Bundle, trust: &Trust) -> Result<(), Stop> {
        let (certificate, signer) = self.signature(bundle)?;
        let (roots, placed) = self.log(bundle, trust)?;
        self.signer_key(&certificate, &signer, bundle, trust, placed.log_time);
        self.accreditation(&certificate, &signer, bundle, trust, &roots, &placed);
        let state = self.state(&certificate.content, &placed);
        self.goods(&certificate.content, state);
        self.arrangement(&certificate.content, bundle, trust, &roots);
        self.freshness(trust, &roots);
        Ok(())
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
        self.verdict.certificate = Some(content.id.clone());
        self.verdict.log_index = Some(bundle.certificate.index);
        self.established(Check::Signature, format!("signed by {} with key {}", statement.issuer(), statement.kid()));
        Ok((Signed { statement, content: *content }, signer))
    }

    fn freshness(&mut self, trust: &Trust, roots: &Roots) {
        let (now, made) = (self.question.now, roots.latest.time);
        let age = now.duration_since(made);
        if age < -CLOCK_SKEW {
            self.open(
                Check::Freshness,
                Code::ClockAhead,
                "clock",
                format!("the status is of {made}, your clock says {now}"),
                "Set your clock, or give the right --now.",
            );
        } else if age > trust.max_age {
            self.open(
                Check::Freshness,
                Code::StatusStale,
                "max_age_hours",
                format!(
                    "the status is of {made}, older at {now} than the {} hours you accept",
                    trust.max_age.as_hours()
                ),
                "Obtain a fresh bundle: stale never means valid.",
            );
        } else {
            self.established(Check::Freshness, format!("status of {made}, {} minutes old", age.as_mins().max(0)));
        }
    }
}
