//! `touchctl verify`: one bundle, one trust file, one verdict.

use jiff::SignedDuration;
use record::certificate::Certificate;
use record::statement::{Content, SignedStatement};
use verify::{Bundle, Check, Code, FactState, Outcome, Question, Verdict};

use crate::args::{Time, VerifyArgs};
use crate::error::Error;
use crate::{DONE, FAILED, INDETERMINATE, Surroundings, files, output};

/// Judges and prints.
pub(crate) fn run(args: &VerifyArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let trust = files::trust(&args.trust)?;
    let bytes = files::read("bundle", &args.bundle, verify::bundle::MAX_BYTES as u64)?;
    let now = args.now.map_or(world.now, |time| time.at);
    let as_of = args.as_of.map_or(now, |time| time.at);
    let question = Question { as_of, now, production: args.production_date.map(|time| time.at) };
    let mut verdict = verify::judge_file(&bytes, &trust, &question);
    explain_plain_dates(args, &mut verdict);
    let written = if json {
        output::json(world.out, &verdict)
    } else {
        output::verdict(world.out, &verdict, signed_content(&bytes, &verdict).as_ref())
    };
    written.map_err(Error::Output)?;
    Ok(match verdict.outcome {
        Outcome::Accepted | Outcome::AcceptedWithConditions => DONE,
        Outcome::Refused => FAILED,
        Outcome::Indeterminate => INDETERMINATE,
    })
}

/// A plain date is the first moment of its day: where the certificate or its status came later on that very day, the
/// remedy says so.
fn explain_plain_dates(args: &VerifyArgs, verdict: &mut Verdict) {
    let Verdict { reasons, log_time, status_time, .. } = verdict;
    for reason in reasons {
        let (flag, given, came) = match reason.code {
            Code::NotYetRegistered if args.as_of.is_some() => ("--as-of", args.as_of, *log_time),
            Code::NotYetRegistered => ("--now", args.now, *log_time),
            Code::ClockAhead => ("--now", args.now, *status_time),
            _ => continue,
        };
        if let (Some(Time { at, plain: true }), Some(came)) = (given, came)
            && came.duration_since(at) < SignedDuration::from_hours(24)
        {
            reason.remedy = format!(
                "A plain date is its first moment, {at}: give {flag} with a time of that day from {came} on, or a later date."
            );
        }
    }
}

/// What the certificate says, for display; only where its signature was established.
fn signed_content(bytes: &[u8], verdict: &Verdict) -> Option<Certificate> {
    let signed = |fact: &verify::Fact| fact.check == Check::Signature && fact.state == FactState::Established;
    verdict.facts.iter().find(|fact| signed(fact))?;
    let bundle = Bundle::from_bytes(bytes).ok()?;
    let statement = SignedStatement::from_entry(&bundle.certificate.entry).ok()?;
    match statement.content() {
        Content::Certificate(content) => Some(Certificate::clone(content)),
        _ => None,
    }
}
