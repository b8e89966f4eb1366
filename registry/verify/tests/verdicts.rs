//! The verdict, row by row: what was changed in an otherwise genuine scene, and what comes out first.

mod support;

use std::collections::BTreeSet;

use record::certificate::ConformityDecision;
use record::status::{GoodsRule, State};
use support::*;
use verify::Code::*;
use verify::Outcome::{Accepted, AcceptedWithConditions, Indeterminate, Refused};
use verify::{Check, Code, FactState, Outcome, Trust, judge_file};

/// Every code there is; the table below must reach each of them.
const CODES: [Code; 32] = [
    BundleUnreadable,
    CertificateUnreadable,
    SignatureInvalid,
    CheckpointUntrusted,
    ProofInvalid,
    ReceiptInvalid,
    SignerPathInvalid,
    SignerNotVouched,
    SignerKeyRevoked,
    SignerKeyInDoubt,
    AccreditationInvalid,
    AccreditationNotActive,
    AccreditationScope,
    NotYetRegistered,
    NotYetValid,
    CertificateExpired,
    CertificateSuspended,
    CertificateWithdrawn,
    CertificateSuperseded,
    GoodsMadeBefore,
    GoodsOutsidePeriod,
    ArrangementMissing,
    ArrangementInvalid,
    ArrangementNotActive,
    ArrangementOtherParty,
    ArrangementClause,
    DataCondition,
    DeclareUpperValue,
    DecisionNotConforming,
    StatusStale,
    DateAhead,
    ClockAhead,
];

/// Name, what the scene is made from, what is changed in it, outcome, first reason.
type Row = (&'static str, fn(&mut Setup), fn(&mut Scene), Outcome, Option<Code>);

fn same(_: &mut Setup) {}
fn untouched(_: &mut Scene) {}

fn step(state: State, effective: &'static str, goods_rule: GoodsRule) -> Step {
    Step { state, effective, goods_rule }
}

const ACTIVE_LATER: Step =
    Step { state: State::Active, effective: "2026-05-20T00:00:00Z", goods_rule: GoodsRule::GoodsBeforeStay };

/// The accreditation body revokes the key that signed the certificate.
fn revoke(log: &mut MemoryLog, leaves: &Leaves, cut_off: &str) {
    log.revoke(&PEOPLE.ab, &PEOPLE.cb, cut_off, &[(leaves.accreditation, &[])]);
}

/// The key that signed the certificate returns it to active; then it is revoked from 2 April on.
fn returned_by_a_thief(log: &mut MemoryLog, leaves: &Leaves, effective: &'static str) {
    let event = log.size();
    log.change(&PEOPLE.cb, leaves.certificate, &Step { effective, ..ACTIVE_LATER });
    let concerned: [(u64, &[u64]); 2] = [(leaves.accreditation, &[]), (leaves.certificate, &[event])];
    log.revoke(&PEOPLE.cb_second, &PEOPLE.cb, "2026-04-02T00:00:00Z", &concerned);
}

fn decision(result: &str) -> ConformityDecision {
    ConformityDecision {
        limit: "1".into(),
        rule: "guarded-acceptance".into(),
        probability: "0.99".into(),
        result: result.into(),
    }
}

fn rows() -> Vec<Row> {
    use GoodsRule::{GoodsBeforeStay, NoGoods};
    vec![
        ("genuine", same, untouched, Accepted, None),
        ("genuine, without a production date", same, |s| s.question.production = None, Accepted, None),
        (
            "the key was revoked with a cut-off after the certificate came into the log",
            |s| s.after = |log, l| revoke(log, l, "2026-03-02T00:00:00Z"),
            untouched,
            Accepted,
            None,
        ),
        (
            "the key was revoked with the cut-off at log time",
            |s| s.after = |log, l| revoke(log, l, LOGGED),
            untouched,
            Indeterminate,
            Some(SignerKeyInDoubt),
        ),
        (
            "in the window, asked about a date before the revocation: who signed is no matter of dates",
            |s| s.after = |log, l| revoke(log, l, FOUNDED),
            |s| s.question.as_of = at("2026-03-05T00:00:00Z"),
            Indeterminate,
            Some(SignerKeyInDoubt),
        ),
        (
            "a later revocation sets the cut-off earlier",
            |s| {
                s.after = |log, l| {
                    revoke(log, l, "2026-03-02T00:00:00Z");
                    revoke(log, l, FOUNDED);
                }
            },
            untouched,
            Indeterminate,
            Some(SignerKeyInDoubt),
        ),
        (
            "in the window, and confirmed with another key",
            |s| {
                s.after = |log, l| {
                    revoke(log, l, FOUNDED);
                    log.change(&PEOPLE.cb_second, l.certificate, &ACTIVE_LATER);
                }
            },
            untouched,
            Accepted,
            None,
        ),
        (
            "confirmed with a key that was revoked in its turn",
            |s| {
                s.after = |log, l| {
                    revoke(log, l, FOUNDED);
                    let confirmation = log.size();
                    log.change(&PEOPLE.cb_second, l.certificate, &ACTIVE_LATER);
                    let concerned: [(u64, &[u64]); 2] = [(l.accreditation, &[]), (l.certificate, &[confirmation])];
                    log.revoke(&PEOPLE.ab, &PEOPLE.cb_second, FOUNDED, &concerned);
                }
            },
            untouched,
            Indeterminate,
            Some(SignerKeyInDoubt),
        ),
        (
            "another key of the body was revoked",
            |s| {
                s.after = |log, l| {
                    log.revoke(&PEOPLE.ab, &PEOPLE.cb_second, FOUNDED, &[(l.accreditation, &[])]);
                }
            },
            untouched,
            Accepted,
            None,
        ),
        (
            "registered with a key that was revoked before, whatever the cut-off",
            |s| {
                s.before = |log, accreditation| {
                    log.revoke(&PEOPLE.ab, &PEOPLE.cb, "2026-03-02T00:00:00Z", &[(accreditation, &[])]);
                }
            },
            untouched,
            Refused,
            Some(SignerKeyRevoked),
        ),
        (
            "returned to active by a key in its window",
            |s| {
                s.certificate_steps.push(step(State::Suspended, "2026-03-10T00:00:00Z", NoGoods));
                s.after = |log, l| returned_by_a_thief(log, l, "2026-04-02T00:00:00Z");
            },
            untouched,
            Indeterminate,
            Some(SignerKeyInDoubt),
        ),
        (
            "returned to active by the key before its window",
            |s| {
                s.certificate_steps.push(step(State::Suspended, "2026-03-10T00:00:00Z", NoGoods));
                s.after = |log, l| returned_by_a_thief(log, l, "2026-04-01T23:54:00Z");
            },
            untouched,
            Accepted,
            None,
        ),
        (
            "genuine, with a witness and a quorum of one",
            same,
            |s| {
                s.trust.witness_quorum = 1;
                s.bundle.checkpoint = witnessed(&s.log.checkpoint(), &PEOPLE.note);
                s.bundle.status_checkpoint = witnessed(&s.log.status_checkpoint(), &PEOPLE.status_note);
            },
            Accepted,
            None,
        ),
        (
            "genuine, decided to conform",
            |s| s.draft.measurement.decision = Some(decision("conforms")),
            untouched,
            Accepted,
            None,
        ),
        // bytes and signature
        (
            "one bit of the payload",
            same,
            |s| flip(&mut s.bundle.certificate.entry, 400),
            Refused,
            Some(SignatureInvalid),
        ),
        (
            "one bit of the signature",
            same,
            |s| {
                let last = s.bundle.certificate.entry.len() - 1;
                flip(&mut s.bundle.certificate.entry, last);
            },
            Refused,
            Some(SignatureInvalid),
        ),
        (
            "another certificate of the same body enclosed",
            same,
            |s| s.bundle.certificate.chain = PEOPLE.cb_unvouched.chain.clone(),
            Refused,
            Some(SignatureInvalid),
        ),
        ("no signer's certificate", same, |s| s.bundle.certificate.chain.clear(), Refused, Some(CertificateUnreadable)),
        (
            "an accreditation in place of the certificate",
            same,
            |s| s.bundle.certificate = s.log.proof(s.leaves.accreditation),
            Refused,
            Some(CertificateUnreadable),
        ),
        // log
        (
            "another key of the log in the trust file",
            same,
            |s| s.trust.log.note_key = PEOPLE.stranger.verifier().to_vkey(),
            Refused,
            Some(CheckpointUntrusted),
        ),
        (
            "checkpoint signed by somebody else",
            same,
            |s| s.bundle.checkpoint = note(&s.log.checkpoint(), &PEOPLE.stranger),
            Refused,
            Some(CheckpointUntrusted),
        ),
        ("fewer witnesses than asked for", same, |s| s.trust.witness_quorum = 1, Refused, Some(CheckpointUntrusted)),
        (
            "only one of the checkpoints witnessed",
            same,
            |s| {
                s.trust.witness_quorum = 1;
                s.bundle.checkpoint = witnessed(&s.log.checkpoint(), &PEOPLE.note);
            },
            Refused,
            Some(CheckpointUntrusted),
        ),
        (
            "the status checkpoint in place of the checkpoint",
            same,
            |s| s.bundle.checkpoint = s.bundle.status_checkpoint.clone(),
            Refused,
            Some(CheckpointUntrusted),
        ),
        ("path altered", same, |s| s.bundle.certificate.path[0][0] ^= 1, Refused, Some(ProofInvalid)),
        ("path shortened", same, |s| s.bundle.certificate.path.clear(), Refused, Some(ProofInvalid)),
        (
            "an earlier epoch as the latest",
            same,
            |s| s.bundle.latest_epoch = s.bundle.certificate.first_epoch.clone(),
            Refused,
            Some(ProofInvalid),
        ),
        (
            "a later epoch as the first",
            same,
            |s| s.bundle.certificate.first_epoch = s.bundle.latest_epoch.clone(),
            Refused,
            Some(ProofInvalid),
        ),
        (
            "an earlier epoch as the first",
            same,
            |s| s.bundle.certificate.first_epoch = s.bundle.accreditation.first_epoch.clone(),
            Refused,
            Some(ProofInvalid),
        ),
        (
            "status record of another leaf",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2026-04-01T00:00:00Z", NoGoods)],
            |s| {
                s.bundle.certificate.record = s.bundle.accreditation.record.clone();
                s.bundle.certificate.record_path = s.bundle.accreditation.record_path.clone();
            },
            Refused,
            Some(ProofInvalid),
        ),
        (
            "status record without its last event",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2026-04-01T00:00:00Z", NoGoods)],
            |s| s.bundle.certificate.record = record::status::StatusRecord::new(s.leaves.certificate).to_bytes(),
            Refused,
            Some(ProofInvalid),
        ),
        (
            "receipt of another leaf",
            same,
            |s| s.bundle.receipt = s.log.receipt(s.leaves.accreditation),
            Refused,
            Some(ReceiptInvalid),
        ),
        ("no receipt", same, |s| s.bundle.receipt.clear(), Refused, Some(ReceiptInvalid)),
        (
            "receipt under another key",
            same,
            |s| s.trust.log.receipt_key = jwk(&PEOPLE.cb.key),
            Refused,
            Some(ReceiptInvalid),
        ),
        // signer key
        (
            "accreditation body not trusted",
            same,
            |s| s.trust.accreditation_bodies.clear(),
            Refused,
            Some(SignerPathInvalid),
        ),
        (
            "signer's certificate expired before log time",
            |s| {
                s.signatory = &PEOPLE.cb_expired;
                s.vouched = s.signatory.chain.clone();
            },
            untouched,
            Refused,
            Some(SignerPathInvalid),
        ),
        (
            "certificate not named by the accreditation",
            |s| s.signatory = &PEOPLE.cb_unvouched,
            untouched,
            Refused,
            Some(SignerNotVouched),
        ),
        // accreditation
        (
            "accreditation of the same body for another product class",
            same,
            |s| s.bundle.accreditation = s.log.proof(s.leaves.other_accreditation),
            Refused,
            Some(AccreditationScope),
        ),
        (
            "another accreditation that covers it as well",
            |s| s.other_scope = vec![scope("2523")],
            |s| s.bundle.accreditation = s.log.proof(s.leaves.other_accreditation),
            Refused,
            Some(AccreditationInvalid),
        ),
        (
            "a certificate in place of the accreditation",
            same,
            |s| s.bundle.accreditation = s.log.proof(s.leaves.certificate),
            Refused,
            Some(AccreditationInvalid),
        ),
        (
            "accreditation altered",
            same,
            |s| flip(&mut s.bundle.accreditation.entry, 400),
            Refused,
            Some(AccreditationInvalid),
        ),
        (
            "accreditation logged after the certificate",
            |s| s.accredited_late = true,
            untouched,
            Refused,
            Some(AccreditationInvalid),
        ),
        (
            "certificate names another accreditation body than the one that granted",
            |s| s.draft.accreditation_body.0 = "did:web:recognised.example".into(),
            untouched,
            Refused,
            Some(AccreditationInvalid),
        ),
        (
            "country outside the scope",
            |s| s.draft.facility.2 = "VN".into(),
            untouched,
            Refused,
            Some(AccreditationScope),
        ),
        (
            "accreditation ended before log time",
            |s| s.accreditation_until = "2026-02-20T00:00:00Z",
            untouched,
            Refused,
            Some(AccreditationScope),
        ),
        (
            "accreditation ended after log time",
            |s| s.accreditation_until = "2026-03-02T00:00:00Z",
            untouched,
            Accepted,
            None,
        ),
        (
            "accreditation suspended at log time",
            |s| s.accreditation_step = Some(step(State::Suspended, "2026-02-20T00:00:00Z", GoodsBeforeStay)),
            untouched,
            Refused,
            Some(AccreditationNotActive),
        ),
        (
            "accreditation suspended after log time",
            |s| s.accreditation_step = Some(step(State::Suspended, "2026-04-01T00:00:00Z", GoodsBeforeStay)),
            untouched,
            Accepted,
            None,
        ),
        // state
        (
            "asked about a date before log time",
            same,
            |s| s.question.as_of = at("2026-02-20T00:00:00Z"),
            Refused,
            Some(NotYetRegistered),
        ),
        ("not yet valid", |s| s.draft.valid_from = at("2026-07-01T00:00:00Z"), untouched, Refused, Some(NotYetValid)),
        ("expired", |s| s.draft.valid_until = at(LATEST), untouched, Refused, Some(CertificateExpired)),
        (
            "suspended",
            |s| s.certificate_steps = vec![step(State::Suspended, "2026-04-01T00:00:00Z", NoGoods)],
            untouched,
            Refused,
            Some(CertificateSuspended),
        ),
        (
            "suspended and active again",
            |s| {
                s.certificate_steps = vec![
                    step(State::Suspended, "2026-04-01T00:00:00Z", NoGoods),
                    step(State::Active, "2026-05-01T00:00:00Z", NoGoods),
                ];
            },
            untouched,
            Accepted,
            None,
        ),
        (
            "suspended, asked about a date in the suspension",
            |s| {
                s.certificate_steps = vec![
                    step(State::Suspended, "2026-04-01T00:00:00Z", NoGoods),
                    step(State::Active, "2026-05-01T00:00:00Z", NoGoods),
                ];
            },
            |s| s.question.as_of = at("2026-04-15T00:00:00Z"),
            Refused,
            Some(CertificateSuspended),
        ),
        (
            "suspended, asked about a date before",
            |s| s.certificate_steps = vec![step(State::Suspended, "2026-04-01T00:00:00Z", NoGoods)],
            |s| s.question.as_of = at("2026-03-15T00:00:00Z"),
            Accepted,
            None,
        ),
        (
            "withdrawn, no goods covered",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2026-04-01T00:00:00Z", NoGoods)],
            untouched,
            Refused,
            Some(CertificateWithdrawn),
        ),
        (
            "withdrawn, goods made before",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2025-07-01T00:00:00Z", GoodsBeforeStay)],
            untouched,
            AcceptedWithConditions,
            Some(GoodsMadeBefore),
        ),
        (
            "withdrawn, goods made after",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2025-05-01T00:00:00Z", GoodsBeforeStay)],
            untouched,
            Refused,
            Some(CertificateWithdrawn),
        ),
        (
            "withdrawn, goods made at that instant",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2025-06-01T00:00:00Z", GoodsBeforeStay)],
            untouched,
            Refused,
            Some(CertificateWithdrawn),
        ),
        (
            "withdrawn, production date unknown",
            |s| s.certificate_steps = vec![step(State::Withdrawn, "2025-07-01T00:00:00Z", GoodsBeforeStay)],
            |s| s.question.production = None,
            Refused,
            Some(CertificateWithdrawn),
        ),
        (
            "withdrawn stays withdrawn",
            |s| {
                s.certificate_steps = vec![
                    step(State::Withdrawn, "2026-04-01T00:00:00Z", NoGoods),
                    step(State::Active, "2026-05-01T00:00:00Z", NoGoods),
                ];
            },
            untouched,
            Refused,
            Some(CertificateWithdrawn),
        ),
        (
            "superseded",
            |s| s.certificate_steps = vec![step(State::Superseded, "2026-04-01T00:00:00Z", NoGoods)],
            untouched,
            Refused,
            Some(CertificateSuperseded),
        ),
        // goods
        (
            "goods made before the period",
            same,
            |s| s.question.production = Some(at("2024-12-31T23:59:59Z")),
            Refused,
            Some(GoodsOutsidePeriod),
        ),
        (
            "goods made when the period had ended",
            same,
            |s| s.question.production = Some(at("2026-01-01T00:00:00Z")),
            Refused,
            Some(GoodsOutsidePeriod),
        ),
        (
            "goods of tomorrow",
            |s| s.draft.measurement.goods_until = at("2027-01-01T00:00:00Z"),
            |s| s.question.production = Some(at("2026-06-02T00:00:00Z")),
            Indeterminate,
            Some(DateAhead),
        ),
        // arrangement
        ("no arrangement", same, |s| s.bundle.arrangement = None, Indeterminate, Some(ArrangementMissing)),
        (
            "arrangement of another party",
            same,
            |s| s.trust.party = "did:web:elsewhere.example".into(),
            Refused,
            Some(ArrangementOtherParty),
        ),
        (
            "acceptance signed by the asking party itself",
            |s| s.providing = &PEOPLE.asking,
            untouched,
            Refused,
            Some(ArrangementInvalid),
        ),
        (
            "acceptance missing: the arrangement twice",
            same,
            |s| {
                let proof = s.bundle.arrangement.as_mut().unwrap();
                proof.acceptance = proof.arrangement.clone();
            },
            Refused,
            Some(ArrangementInvalid),
        ),
        (
            "arrangement altered",
            same,
            |s| flip(&mut s.bundle.arrangement.as_mut().unwrap().arrangement.entry, 400),
            Refused,
            Some(ArrangementInvalid),
        ),
        (
            "partner not in the trust file",
            same,
            |s| s.trust.arrangement_parties.truncate(1),
            Refused,
            Some(ArrangementInvalid),
        ),
        (
            "arrangement suspended",
            |s| s.arrangement_step = Some(step(State::Suspended, "2026-05-01T00:00:00Z", NoGoods)),
            untouched,
            Refused,
            Some(ArrangementNotActive),
        ),
        ("arrangement ended", |s| s.arrangement.until = at(LATEST), untouched, Refused, Some(ArrangementClause)),
        (
            "arrangement recognises other accreditation bodies",
            |s| s.arrangement.accreditation_bodies = vec!["did:web:else.example".into()],
            untouched,
            Refused,
            Some(ArrangementClause),
        ),
        (
            "arrangement covers other products",
            |s| s.arrangement.product_classes = vec!["72".into()],
            untouched,
            Refused,
            Some(ArrangementClause),
        ),
        ("arrangement names no scheme", |s| s.arrangement.schemes.clear(), untouched, Refused, Some(ArrangementClause)),
        (
            "arrangement wants another attestation",
            |s| s.arrangement.attestation_types = vec!["inspection".into()],
            untouched,
            Refused,
            Some(ArrangementClause),
        ),
        // data
        ("gaps at the limit", |s| s.draft.measurement.gap_share = "0.05".into(), untouched, Accepted, None),
        ("too many gaps", |s| s.draft.measurement.gap_share = "0.051".into(), untouched, Refused, Some(DataCondition)),
        (
            "too little under calibration",
            |s| s.draft.measurement.calibration_coverage = "0.89".into(),
            untouched,
            Refused,
            Some(DataCondition),
        ),
        (
            "too uncertain",
            |s| s.draft.measurement.total = result("0.907", "0.05", "0.1"),
            untouched,
            Refused,
            Some(DataCondition),
        ),
        (
            "nothing emitted, so no relative uncertainty",
            |s| s.draft.measurement.total = result("0", "0", "0"),
            untouched,
            Refused,
            Some(DataCondition),
        ),
        (
            "uncertain enough for the guard",
            |s| s.draft.measurement.total = result("0.907", "0.03", "0.06"),
            untouched,
            AcceptedWithConditions,
            Some(DeclareUpperValue),
        ),
        (
            "decided not to conform",
            |s| s.draft.measurement.decision = Some(decision("does-not-conform")),
            untouched,
            Refused,
            Some(DecisionNotConforming),
        ),
        (
            "decision open",
            |s| s.draft.measurement.decision = Some(decision("inconclusive")),
            untouched,
            Refused,
            Some(DecisionNotConforming),
        ),
        // freshness
        ("status at its oldest", same, |s| s.question.now = at("2026-07-01T00:00:00Z"), Accepted, None),
        ("status too old", same, |s| s.question.now = at("2026-07-01T00:00:01Z"), Indeterminate, Some(StatusStale)),
        (
            "asked about a date after the verifier's clock",
            same,
            |s| s.question.as_of = s.question.now + jiff::SignedDuration::from_secs(301),
            Indeterminate,
            Some(DateAhead),
        ),
        (
            "asked about a date ahead by no more than clocks may differ",
            same,
            |s| s.question.as_of = s.question.now + jiff::SignedDuration::from_secs(300),
            Accepted,
            None,
        ),
        ("clock behind within what is allowed", same, |s| s.question.now = at("2026-05-31T23:55:00Z"), Accepted, None),
        (
            "clock behind, asked about a date before it",
            same,
            |s| {
                s.question.now = at("2026-05-31T23:54:59Z");
                s.question.as_of = s.question.now;
            },
            Indeterminate,
            Some(ClockAhead),
        ),
        (
            "an age without bound",
            same,
            |s| {
                s.trust.max_age_hours = u32::MAX;
                s.question.now = at("9000-01-01T00:00:00Z");
            },
            Accepted,
            None,
        ),
    ]
}

fn flip(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 1;
}

#[test]
fn every_row() {
    let mut wrong = Vec::new();
    let mut reached = BTreeSet::from([format!("{BundleUnreadable:?}")]);
    for (name, setup, change, outcome, first) in rows() {
        let mut made = Setup::default();
        setup(&mut made);
        let mut scene = made.build();
        change(&mut scene);
        let verdict = scene.verdict();
        let found = (verdict.outcome, verdict.reasons.first().map(|reason| reason.code));
        if found != (outcome, first) {
            wrong.push(format!("{name}: expected {:?}, found {found:?}: {:#?}", (outcome, first), verdict.reasons));
        }
        for reason in &verdict.reasons {
            reached.insert(format!("{:?}", reason.code));
            assert!(!reason.clause.is_empty() && !reason.message.is_empty() && !reason.remedy.is_empty(), "{name}");
        }
        assert_eq!(verdict.outcome == Accepted, verdict.reasons.is_empty(), "{name}: an outcome has its reasons");
        assert!(verdict.facts.is_sorted_by_key(|fact| fact.check), "{name}: facts stand in the order of the checks");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<String> = CODES.iter().map(|code| format!("{code:?}")).collect();
    assert_eq!(reached, all, "every code is reached by a row");
}

#[test]
fn a_damaged_file_is_no_bundle() {
    let scene = Setup::default().build();
    let trust = Trust::try_from(scene.trust.clone()).unwrap();
    let mut bytes = scene.bundle.to_bytes();
    let middle = bytes.len() / 2;
    flip(&mut bytes, middle);
    let verdict = judge_file(&bytes, &trust, &scene.question);
    assert_eq!((verdict.outcome, verdict.reasons[0].code), (Refused, BundleUnreadable));
    assert_eq!(verdict.certificate, None);
}

#[test]
fn the_genuine_verdict_says_everything() {
    let scene = Setup::default().build();
    let verdict = scene.verdict();
    assert_eq!(verdict.certificate.as_deref(), Some("https://log.example/certificates/cert-1"));
    assert_eq!(verdict.log_index, Some(scene.leaves.certificate));
    assert_eq!(verdict.log_time, Some(at(LOGGED)));
    assert_eq!(verdict.status_time, Some(at(LATEST)));
    assert_eq!(verdict.fresh_until, Some(at("2026-07-01T00:00:00Z")));
    assert_eq!(verdict.arrangement.as_deref(), Some(ARRANGEMENT));
    let checks: Vec<Check> = verdict.facts.iter().map(|fact| fact.check).collect();
    use Check::*;
    assert_eq!(checks, [Signature, Log, SignerKey, Accreditation, State, Goods, Arrangement, Data, Freshness]);
    assert!(verdict.facts.iter().all(|fact| fact.state == FactState::Established));
    assert_eq!(scene.certificate().number(), "cert-1");
}

#[test]
fn a_signer_made_out_to_another_is_not_vouched() {
    // The header and payload name the body, the certificate another: only the body's name in it would do.
    let other = &PEOPLE.cb_other_name;
    let setup = Setup { vouched: other.chain.clone(), ..Setup::default() };
    let key = cose::key::SigningKey::from_pkcs8_der(&other.key.to_pkcs8_der().unwrap()).unwrap();
    let signatory = Signatory { did: CB.into(), key, chain: other.chain.clone() };
    let scene = Setup { signatory: Box::leak(Box::new(signatory)), ..setup }.build();
    let verdict = scene.verdict();
    assert_eq!((verdict.outcome, verdict.reasons[0].code), (Refused, SignerNotVouched));
}

#[test]
fn the_file_is_read_back_as_written() {
    let scene = Setup::default().build();
    let bytes = scene.bundle.to_bytes();
    let read = verify::Bundle::from_bytes(&bytes).unwrap();
    assert_eq!(read, scene.bundle);
    assert_eq!(read.to_bytes(), bytes);
}

#[test]
fn trust_refuses_what_would_weaken_it() {
    type Change = fn(&mut verify::trust::TrustFile);
    let rows: [(&str, Change, &str); 10] = [
        ("no DID of the party", |t| t.party = "hello".into(), "party"),
        ("no DID of a body", |t| t.accreditation_bodies[0].id = "ab".into(), "accreditation_body[0].id"),
        ("a quorum above the witnesses", |t| t.witness_quorum = 2, "witness_quorum"),
        (
            "a witness twice",
            |t| {
                let again = t.witnesses[0].clone();
                t.witnesses.push(again);
            },
            "witness[1].key",
        ),
        ("a log key as witness", |t| t.witnesses[0].key = t.log.note_key.clone(), "witness[0].key"),
        ("a witness as the log", |t| t.log.note_key = t.witnesses[0].key.clone(), "log.note_key"),
        ("the keys of the two logs exchanged", |t| t.log.note_key = t.log.status_note_key.clone(), "log.note_key"),
        ("a mistyped key", |t| t.log.status_note_key.truncate(60), "log.status_note_key"),
        (
            "no certificate",
            |t| t.accreditation_bodies[0].certificate = "AAAA".into(),
            "accreditation_body[0].certificate",
        ),
        (
            "one authority for two parties",
            |t| t.arrangement_parties[1].certificate = t.arrangement_parties[0].certificate.clone(),
            "arrangement_party[1].certificate",
        ),
    ];
    for (name, change, wanted) in rows {
        let mut file = trust();
        change(&mut file);
        match Trust::try_from(file) {
            Err(verify::TrustError::Value { path, .. }) => assert_eq!(path, wanted, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let text = toml::to_string(&trust()).unwrap();
    assert_eq!(Trust::from_toml(&text).unwrap().origin, ORIGIN);
    assert!(Trust::from_toml(&format!("{text}\nunknown = 1\n")).is_err());
    // What is absent is not written: TOML would have `witness = []` before the tables.
    let without = verify::trust::TrustFile { witnesses: Vec::new(), witness_quorum: 0, ..trust() };
    assert!(!without.to_toml().unwrap().contains("witness ="));
}

#[test]
fn another_file_is_no_damaged_bundle() {
    let bundle = Setup::default().build().bundle;
    let bytes = bundle.to_bytes();
    let rows: [(&[u8], &str); 7] = [
        (b"{\"a\": 1}", "the file is no bundle: it is JSON text"),
        (b"-----BEGIN CERTIFICATE-----", "the file is no bundle: it is a key or certificate (PEM)"),
        (b"party = 1", "the file is no bundle: it is text"),
        (&bundle.certificate.entry, "a single signed statement (COSE_Sign1)"),
        (b"\x1f\x8b\x08\xff", "the file is no bundle: it is of another kind"),
        (&bytes[..1], "damaged"),
        (&bytes[..bytes.len() - 1], "damaged"),
    ];
    for (bytes, wanted) in rows {
        let error = verify::Bundle::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
