//! `touchctl verify`: one bundle, one trust file, one verdict.

use record::certificate::Certificate;
use record::statement::{Content, SignedStatement};
use verify::{Bundle, Check, FactState, Outcome, Question, Verdict};

use crate::args::VerifyArgs;
use crate::error::Error;
use crate::{DONE, FAILED, INDETERMINATE, Surroundings, files, output};

/// Judges and prints.
pub(crate) fn run(args: &VerifyArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let trust = files::trust(&args.trust)?;
    let bytes = files::read("bundle", &args.bundle, verify::bundle::MAX_BYTES as u64)?;
    let now = args.now.unwrap_or(world.now);
    let question = Question { as_of: args.as_of.unwrap_or(now), now, production: args.production_date };
    let verdict = verify::judge_file(&bytes, &trust, &question);
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
