//! The order of the verdict, so that reasons are stable: bytes and signature, log, signer key, accreditation, state,
//! goods, arrangement, data, freshness.

use cose::x509::{Certificate as X509, VerifiedCertificate, verify_path};
use jiff::{SignedDuration, Timestamp};
use record::accreditation::ScopeQuery;
use record::arrangement::Arrangement;
use record::certificate::Certificate;
use record::json::Digest;
use record::statement::{Content, SignedStatement};
use record::status::{Epoch, GoodsRule, State, StatusRecord};
use tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use tlog::receipt::Receipt;
use tlog::{Hash, leaf_hash};

use crate::bundle::{ArrangementProof, Bundle, EpochProof, StatementProof};
use crate::trust::Trust;
use crate::verdict::{Check, Code, Fact, FactState, Outcome, Reason, Verdict};

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
            let mut court = Court::new(question);
            court.contradicted(
                Check::Signature,
                Code::BundleUnreadable,
                "bundle format",
                error.to_string(),
                "Obtain the file again from its sender or from the registry.",
            );
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

/// A check that went so far wrong that those after it would judge fiction.
struct Stop;

struct Court<'a> {
    question: &'a Question,
    verdict: Verdict,
}

/// Roots that everything else is proved under.
struct Roots {
    checkpoint: Checkpoint,
    status: Checkpoint,
    latest: Epoch,
}

/// A statement whose place, log time and state are proved.
struct Placed {
    log_time: Timestamp,
    record: StatusRecord,
}

impl<'a> Court<'a> {
    fn new(question: &'a Question) -> Self {
        Court {
            question,
            verdict: Verdict {
                outcome: Outcome::Accepted,
                facts: Vec::new(),
                reasons: Vec::new(),
                certificate: None,
                log_index: None,
                as_of: question.as_of,
                log_time: None,
                status_time: None,
                fresh_until: None,
                arrangement: None,
            },
        }
    }

    fn fact(&mut self, check: Check, state: FactState, detail: impl Into<String>) {
        self.verdict.facts.push(Fact { check, state, detail: detail.into() });
    }

    fn established(&mut self, check: Check, detail: impl Into<String>) {
        self.fact(check, FactState::Established, detail);
    }

    fn reason(&mut self, outcome: Outcome, code: Code, clause: &str, message: String, remedy: &str) {
        self.verdict.outcome = self.verdict.outcome.max(outcome);
        self.verdict.reasons.push(Reason { code, clause: clause.to_owned(), message, remedy: remedy.to_owned() });
    }

    fn contradicted(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::Contradicted, message.clone());
        self.reason(Outcome::Refused, code, clause, message, remedy);
    }

    fn open(&mut self, check: Check, code: Code, clause: &str, message: String, remedy: &str) {
        self.fact(check, FactState::NotEstablished, message.clone());
        self.reason(Outcome::Indeterminate, code, clause, message, remedy);
    }

    fn close(self) -> Verdict {
        self.verdict
    }

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
            (_, None) => return Err(unreadable(self, "the signer's certificate is missing".into())),
            (_, Some(Err(error))) => return Err(unreadable(self, format!("the signer's certificate: {error}"))),
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

    fn log(&mut self, bundle: &Bundle, trust: &Trust) -> Result<(Roots, Placed), Stop> {
        let roots = self.roots(bundle, trust)?;
        let placed = match place(&bundle.certificate, &roots) {
            Ok(placed) => placed,
            Err(problem) => return Err(self.bad_proof(format!("certificate: {problem}"))),
        };
        let receipt = Receipt::decode(&bundle.receipt)
            .and_then(|receipt| {
                let named = receipt.protected().claims.clone().and_then(|claims| claims.sub);
                receipt.verify(&trust.receipt_key, &bundle.certificate.entry).map(|verified| (verified, named))
            })
            .map_err(|error| error.to_string())
            .and_then(|(verified, named)| {
                let same = verified.index() == bundle.certificate.index
                    && verified.size() == roots.checkpoint.size
                    && verified.root() == &roots.checkpoint.root;
                if !same {
                    Err("it is of another place or tree than the checkpoint".to_owned())
                } else if named.as_deref() != Some(trust.origin.as_str()) {
                    Err("it names another log".to_owned())
                } else {
                    Ok(())
                }
            });
        if let Err(problem) = receipt {
            self.contradicted(
                Check::Log,
                Code::ReceiptInvalid,
                "RFC 9942, 5.2",
                format!("receipt: {problem}"),
                "Obtain the bundle again; if it stays so, tell the registry's supervisor.",
            );
            return Err(Stop);
        }
        self.verdict.log_time = Some(placed.log_time);
        self.verdict.status_time = Some(roots.latest.time);
        self.verdict.fresh_until = roots.latest.time.checked_add(trust.max_age).ok();
        self.established(
            Check::Log,
            format!(
                "leaf {} of {} in {}, in the log since {}",
                bundle.certificate.index, roots.checkpoint.size, trust.origin, placed.log_time
            ),
        );
        Ok((roots, placed))
    }

    fn bad_proof(&mut self, message: String) -> Stop {
        self.contradicted(
            Check::Log,
            Code::ProofInvalid,
            "RFC 9162, 2.1.3",
            message,
            "Obtain the bundle again; if it stays so, tell the registry's supervisor.",
        );
        Stop
    }

    fn roots(&mut self, bundle: &Bundle, trust: &Trust) -> Result<Roots, Stop> {
        let status_origin = trust.status_origin();
        let both = open(&bundle.checkpoint, &trust.origin, &trust.note_keys, trust.witness_quorum).and_then(|main| {
            Ok((main, open(&bundle.status_checkpoint, &status_origin, &trust.status_note_keys, trust.witness_quorum)?))
        });
        let (checkpoint, status) = match both {
            Ok(both) => both,
            Err(problem) => {
                self.contradicted(
                    Check::Log,
                    Code::CheckpointUntrusted,
                    "C2SP tlog-checkpoint",
                    problem,
                    "Compare the log's keys in the trust file with those the registry publishes, by another way.",
                );
                return Err(Stop);
            }
        };
        let latest = match proved_epoch(&bundle.latest_epoch, &status) {
            Ok(epoch) => epoch,
            Err(problem) => return Err(self.bad_proof(format!("latest epoch: {problem}"))),
        };
        if latest.number + 1 != status.size {
            return Err(self.bad_proof("the epoch is not the last one of the status checkpoint".into()));
        }
        if (latest.size, latest.root) != (checkpoint.size, checkpoint.root) {
            return Err(self.bad_proof("checkpoint and latest epoch are of different trees".into()));
        }
        Ok(Roots { checkpoint, status, latest })
    }

    fn signer_key(
        &mut self,
        certificate: &Signed<Certificate>,
        signer: &X509,
        bundle: &Bundle,
        trust: &Trust,
        log_time: Timestamp,
    ) {
        let authorities: Vec<Vec<u8>> = trust.accreditation_bodies.iter().map(|(_, der)| der.clone()).collect();
        match verify_path(signer, &bundle.certificate.chain[1..], &authorities, log_time.as_second()) {
            Err(error) => self.contradicted(
                Check::SignerKey,
                Code::SignerPathInvalid,
                "RFC 5280, 6",
                format!("key of {} at {log_time}: {error}", certificate.statement.issuer()),
                "Add the accreditation body's authority to the trust file, if you recognise it.",
            ),
            Ok(path) if !names(&path, certificate.statement.issuer()) => self.contradicted(
                Check::SignerKey,
                Code::SignerNotVouched,
                "subject alternative name",
                format!("the signer's certificate does not name {}", certificate.statement.issuer()),
                "The body must sign with a certificate made out to it.",
            ),
            Ok(path) => {
                let body = &trust.accreditation_bodies[path.anchor_index()].0;
                self.established(Check::SignerKey, format!("certified under {body}, valid at {log_time}"));
            }
        }
    }

    fn accreditation(
        &mut self,
        certificate: &Signed<Certificate>,
        signer: &X509,
        bundle: &Bundle,
        trust: &Trust,
        roots: &Roots,
        placed: &Placed,
    ) {
        let content = &certificate.content;
        let named = &content.credential_subject.authorisation[0].endorsement_evidence;
        let invalid = |court: &mut Self, message: String| {
            court.contradicted(
                Check::Accreditation,
                Code::AccreditationInvalid,
                "accreditation statement",
                message,
                "The certificate must rest on an accreditation that a recognised body signed and the log holds.",
            );
        };
        let read = read_signed(&bundle.accreditation, &trust.accreditation_bodies, roots, placed.log_time);
        let (statement, vouched_by, accreditation_placed) = match read {
            Ok(read) => read,
            Err(problem) => return invalid(self, problem),
        };
        let Content::Accreditation(accreditation) = statement.content() else {
            return invalid(self, format!("the statement is {}, no accreditation", statement.media_type()));
        };
        if vouched_by != accreditation.issuer.id {
            return invalid(self, format!("signed under {vouched_by}, issued in the name of {}", accreditation.issuer.id));
        }
        // Scope first: of a genuine accreditation that does not cover the certificate, the reader wants to know that.
        if accreditation.credential_subject.id != content.issuer.id {
            return invalid(self, format!("it accredits {}, not {}", accreditation.credential_subject.id, content.issuer.id));
        }
        let query = ScopeQuery {
            scheme: &content.credential_subject.reference_scheme.id,
            product_class: content.product_class(),
            attestation_type: &content.credential_subject.attestation_type,
            country: content.country(),
            at: placed.log_time,
        };
        if let Err(outside) = accreditation.covers(&query) {
            return self.contradicted(
                Check::Accreditation,
                Code::AccreditationScope,
                outside.clause,
                format!("the accreditation does not cover the {outside}"),
                "A body accredited for it must certify, or the accreditation body extends the scope.",
            );
        }
        if Digest::of(&bundle.accreditation.entry) != named.digest_multibase {
            return invalid(self, "it is another accreditation than the one that the certificate names".into());
        }
        let keys = &accreditation.credential_subject.signing_certificates;
        if !keys.iter().any(|der| der.0 == signer.der()) {
            return self.contradicted(
                Check::Accreditation,
                Code::SignerNotVouched,
                "signingCertificates",
                "the accreditation does not name the signer's certificate".into(),
                "The accreditation body must vouch for the key that signs.",
            );
        }
        if let Some(step) = accreditation_placed.record.at(placed.log_time)
            && step.state != State::Active
        {
            return self.contradicted(
                Check::Accreditation,
                Code::AccreditationNotActive,
                "state at log time",
                format!("the accreditation was {} from {}: {}", step.state.word(), step.effective, step.reason),
                "A body whose accreditation was active at the time must certify.",
            );
        }
        self.established(
            Check::Accreditation,
            format!(
                "{} accredited {} for {} in {} at {}",
                accreditation.issuer.name,
                accreditation.credential_subject.registered_name,
                query.product_class,
                query.country,
                placed.log_time
            ),
        );
    }

    /// The transition in force at the date asked about, when it leaves a question to the goods rule.
    fn state(&mut self, content: &Certificate, placed: &Placed) -> Option<(State, Timestamp, GoodsRule, String)> {
        let as_of = self.question.as_of;
        if as_of < placed.log_time {
            self.contradicted(
                Check::State,
                Code::NotYetRegistered,
                "log time",
                format!("at {as_of} the certificate was not in the log: it is since {}", placed.log_time),
                "Ask about a later date.",
            );
        } else if as_of < content.valid_from {
            self.contradicted(
                Check::State,
                Code::NotYetValid,
                "validFrom",
                format!("at {as_of} the certificate was not yet valid: it is from {}", content.valid_from),
                "Ask about a later date.",
            );
        } else if as_of >= content.valid_until {
            self.contradicted(
                Check::State,
                Code::CertificateExpired,
                "validUntil",
                format!("at {as_of} the certificate had expired on {}", content.valid_until),
                "The holder must obtain a new certificate.",
            );
        }
        match placed.record.at(as_of) {
            Some(step) if step.state != State::Active => {
                Some((step.state, step.effective, step.goods_rule, step.reason.clone()))
            }
            _ => {
                if as_of >= placed.log_time && as_of >= content.valid_from && as_of < content.valid_until {
                    self.established(Check::State, format!("active at {as_of}"));
                }
                None
            }
        }
    }

    fn goods(&mut self, content: &Certificate, state: Option<(State, Timestamp, GoodsRule, String)>) {
        let measured = &content.assessment().measurement;
        let production = self.question.production;
        if let Some((state, effective, rule, reason)) = state {
            let code = match state {
                State::Suspended => Code::CertificateSuspended,
                State::Superseded => Code::CertificateSuperseded,
                State::Withdrawn | State::Active => Code::CertificateWithdrawn,
            };
            let message = format!("the certificate is {} since {effective}: {reason}", state.word());
            match (rule, production) {
                (GoodsRule::GoodsBeforeStay, Some(made)) if made < effective => {
                    self.fact(Check::State, FactState::Established, message);
                    self.reason(
                        Outcome::AcceptedWithConditions,
                        Code::GoodsMadeBefore,
                        "goods rule of the event",
                        format!("goods made at {made}, before {effective}, stay covered"),
                        "Keep proof of the production date.",
                    );
                }
                (GoodsRule::GoodsBeforeStay, _) => self.contradicted(
                    Check::State,
                    code,
                    "state at the date asked about",
                    message,
                    "For goods made before that time, ask with their production date.",
                ),
                (GoodsRule::NoGoods, _) => self.contradicted(
                    Check::State,
                    code,
                    "state at the date asked about",
                    message,
                    "Ask the certification body named in the certificate.",
                ),
            }
        }
        match production {
            None => self.fact(Check::Goods, FactState::NotEstablished, "no production date was given"),
            Some(made) if made < measured.goods_from || made >= measured.goods_until => self.contradicted(
                Check::Goods,
                Code::GoodsOutsidePeriod,
                "goods period",
                format!(
                    "goods made at {made}: the certificate covers production from {} to {}",
                    measured.goods_from, measured.goods_until
                ),
                "A certificate that covers the production date is needed.",
            ),
            Some(made) => self.established(Check::Goods, format!("made at {made}, in the period covered")),
        }
    }

    fn arrangement(&mut self, content: &Certificate, bundle: &Bundle, trust: &Trust, roots: &Roots) {
        let Some(proof) = &bundle.arrangement else {
            return self.open(
                Check::Arrangement,
                Code::ArrangementMissing,
                "recognition",
                "the bundle carries no arrangement: whether you recognise this certificate was not judged".into(),
                "Ask the registry for a bundle with your arrangement.",
            );
        };
        let arrangement = match arrangement_of(proof, trust, roots, self.question.as_of) {
            Ok(arrangement) => arrangement,
            Err(ArrangementProblem::Invalid(problem)) => {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementInvalid,
                    "signed by both parties",
                    problem,
                    "Ask for a bundle with an arrangement that both parties signed.",
                );
            }
            Err(ArrangementProblem::NotActive(problem)) => {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementNotActive,
                    "state of the arrangement",
                    problem,
                    "Ask your authority which arrangement is in force.",
                );
            }
        };
        self.verdict.arrangement = Some(arrangement.id.clone());
        if arrangement.asking_party != trust.party {
            return self.contradicted(
                Check::Arrangement,
                Code::ArrangementOtherParty,
                "askingParty",
                format!("the arrangement is that of {}, you are {}", arrangement.asking_party, trust.party),
                "Ask the registry for a bundle with your arrangement.",
            );
        }
        match clause_against(&arrangement, content, self.question.as_of) {
            Some((clause, message)) => {
                return self.contradicted(
                    Check::Arrangement,
                    Code::ArrangementClause,
                    clause,
                    message,
                    "Only an extension of the arrangement could change this.",
                );
            }
            None => self.established(
                Check::Arrangement,
                format!("covered by {} at {}", arrangement.id, self.question.as_of),
            ),
        }
        self.data(&arrangement, content);
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
        let mut fits = true;
        // Written so that what is not a number does not fit.
        if !(number(&measured.gap_share) <= number(&arrangement.max_gap_share)) {
            fits = false;
            below(
                self,
                "maxGapShare",
                format!("gaps are {} of the data, at most {}", measured.gap_share, arrangement.max_gap_share),
            );
        }
        if !(number(&measured.calibration_coverage) >= number(&arrangement.min_calibration_coverage)) {
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
        if !(relative <= number(&arrangement.max_relative_uncertainty)) {
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
                format!("the status is of {made}, older at {now} than the {} hours you accept", trust.max_age.as_hours()),
                "Obtain a fresh bundle: stale never means valid.",
            );
        } else if self.question.as_of > made + trust.max_age {
            self.open(
                Check::Freshness,
                Code::StatusStale,
                "max_age_hours",
                format!("the status of {made} says nothing about {}", self.question.as_of),
                "Ask about an earlier date, or later with a fresh bundle.",
            );
        } else {
            self.established(Check::Freshness, format!("status of {made}, {} minutes old", age.as_mins().max(0)));
        }
    }
}

struct Signed<T> {
    statement: SignedStatement,
    content: T,
}

fn names(path: &VerifiedCertificate, did: &str) -> bool {
    path.uris().iter().any(|uri| uri == did)
}

fn open(
    note: &[u8],
    origin: &str,
    keys: &[tlog::note::NoteVerifier],
    quorum: usize,
) -> Result<Checkpoint, String> {
    let verified = VerifiedCheckpoint::open(note, origin, keys).map_err(|e| format!("checkpoint of {origin}: {e}"))?;
    if !verified.by().iter().any(|by| by.verifier == 0) {
        return Err(format!("checkpoint of {origin}: the log's own signature is missing"));
    }
    let witnesses = verified.by().iter().filter(|by| by.verifier != 0).count();
    if witnesses < quorum {
        return Err(format!("checkpoint of {origin}: {witnesses} witnesses cosigned, {quorum} are needed"));
    }
    Ok(verified.checkpoint().clone())
}

fn included(leaf: &[u8], index: u64, path: &[Hash], tree: &Checkpoint) -> Result<(), String> {
    tlog::proof::verify_inclusion(&leaf_hash(leaf), index, tree.size, path, &tree.root).map_err(|e| e.to_string())
}

fn proved_epoch(proof: &EpochProof, status: &Checkpoint) -> Result<Epoch, String> {
    let epoch = Epoch::from_bytes(&proof.epoch).map_err(|e| e.to_string())?;
    included(&proof.epoch, epoch.number, &proof.path, status)?;
    Ok(epoch)
}

fn place(proof: &StatementProof, roots: &Roots) -> Result<Placed, String> {
    included(&proof.entry, proof.index, &proof.path, &roots.checkpoint)?;
    let first = proved_epoch(&proof.first_epoch, &roots.status).map_err(|e| format!("first epoch: {e}"))?;
    if !(first.previous_size..first.size).contains(&proof.index) {
        return Err("the epoch enclosed is not the first that covers the leaf".into());
    }
    let record = StatusRecord::from_bytes(&proof.record).map_err(|e| e.to_string())?;
    if record.leaf != proof.index {
        return Err("the status record is of another leaf".into());
    }
    let map = Checkpoint::new("status map", roots.latest.size, roots.latest.map_root);
    included(&proof.record, proof.index, &proof.record_path, &map).map_err(|e| format!("status record: {e}"))?;
    Ok(Placed { log_time: first.time, record })
}

/// A statement other than the certificate: place, signature, path of its key at `at` to one of `authorities`; the DID
/// of the authority that it leads to.
fn read_signed(
    proof: &StatementProof,
    authorities: &[(String, Vec<u8>)],
    roots: &Roots,
    at: Timestamp,
) -> Result<(SignedStatement, String, Placed), String> {
    let statement = SignedStatement::from_entry(&proof.entry).map_err(|e| e.to_string())?;
    let placed = place(proof, roots)?;
    let leaf = proof.chain.first().ok_or("the signer's certificate is missing")?;
    let signer = X509::from_der(leaf).map_err(|e| e.to_string())?;
    if statement.x5t() != Some(signer.x5t()) {
        return Err("the certificate enclosed is not the one that the header names".into());
    }
    statement.verify(signer.public_key()).map_err(|e| e.to_string())?;
    let ders: Vec<Vec<u8>> = authorities.iter().map(|(_, der)| der.clone()).collect();
    let path = verify_path(&signer, &proof.chain[1..], &ders, at.as_second()).map_err(|e| e.to_string())?;
    if !names(&path, statement.issuer()) {
        return Err(format!("the signer's certificate does not name {}", statement.issuer()));
    }
    let authority = authorities[path.anchor_index()].0.clone();
    Ok((statement, authority, placed))
}

enum ArrangementProblem {
    Invalid(String),
    NotActive(String),
}

fn arrangement_of(
    proof: &ArrangementProof,
    trust: &Trust,
    roots: &Roots,
    as_of: Timestamp,
) -> Result<Arrangement, ArrangementProblem> {
    let invalid = |problem: String| ArrangementProblem::Invalid(problem);
    let read = |proof: &StatementProof, what: &str| {
        let first = Epoch::from_bytes(&proof.first_epoch.epoch).map_err(|e| invalid(format!("{what}: {e}")))?;
        let (statement, party, placed) = read_signed(proof, &trust.arrangement_parties, roots, first.time)
            .map_err(|e| invalid(format!("{what}: {e}")))?;
        if party != statement.issuer() {
            return Err(invalid(format!("{what}: signed under {party}, issued in the name of {}", statement.issuer())));
        }
        Ok((statement, placed))
    };
    let (statement, placed) = read(&proof.arrangement, "arrangement")?;
    let (accepted, _) = read(&proof.acceptance, "acceptance")?;
    let (Content::Arrangement(arrangement), Content::ArrangementAcceptance(acceptance)) =
        (statement.content(), accepted.content())
    else {
        return Err(invalid("the statements enclosed are no arrangement and acceptance".into()));
    };
    if acceptance.digest != Digest::of(&proof.arrangement.entry) || acceptance.issuer != arrangement.providing_party {
        return Err(invalid("the acceptance is of another arrangement, or of another party".into()));
    }
    if let Some(step) = placed.record.at(as_of)
        && step.state != State::Active
    {
        return Err(ArrangementProblem::NotActive(format!(
            "the arrangement is {} since {}: {}",
            step.state.word(),
            step.effective,
            step.reason
        )));
    }
    Ok(Arrangement::clone(arrangement))
}

/// The first clause that does not cover the certificate, with the nearest cover.
fn clause_against(
    arrangement: &Arrangement,
    content: &Certificate,
    as_of: Timestamp,
) -> Option<(&'static str, String)> {
    let subject = &content.credential_subject;
    if as_of < arrangement.from || as_of >= arrangement.until {
        return Some(("period", format!("it holds from {} to {}, not at {as_of}", arrangement.from, arrangement.until)));
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
