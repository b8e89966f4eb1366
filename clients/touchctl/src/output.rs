//! What is printed: for people, and as one JSON object for programs.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use record::certificate::Certificate;
use serde::Serialize;
use touchstone_client::ClientError;
use verify::{Check, FactState, Outcome, Verdict};

use crate::error::Error;
use crate::remedy::remedy;

/// One JSON object and a newline.
pub(crate) fn json(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Failure<'a> {
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    reason: &'a str,
    message: String,
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    refusal: Option<Refusal<'a>>,
}

/// What a server says beside its reason and its words.
#[derive(Serialize)]
struct Refusal<'a> {
    fields: Vec<Field<'a>>,
    metadata: BTreeMap<&'a str, &'a str>,
    remedy: Option<&'static str>,
    retry_after_secs: Option<f64>,
}

#[derive(Serialize)]
struct Field<'a> {
    field: &'a str,
    problem: &'a str,
}

impl<'a> Refusal<'a> {
    fn of(error: &'a ClientError) -> Option<Self> {
        let ClientError::Refused { reason, fields, metadata, retry_after, .. } = error else { return None };
        Some(Refusal {
            fields: fields.iter().map(|(field, problem)| Field { field, problem }).collect(),
            metadata: metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            remedy: remedy(reason),
            retry_after_secs: retry_after.map(|delay| delay.as_secs_f64()),
        })
    }
}

/// An error as an object with `error`.
pub(crate) fn error_json(out: &mut dyn Write, error: &Error) -> Result<()> {
    let refusal = error.refusal().and_then(Refusal::of);
    let message = match error.refusal() {
        Some(ClientError::Refused { message, .. }) => message.clone(),
        _ => error.to_string(),
    };
    let problem =
        Problem { reason: error.reason(), message, field: error.field(), request_id: error.request_id(), refusal };
    json(out, &Failure { error: problem })
}

/// An error in words.
pub(crate) fn error_text(err: &mut dyn Write, error: &Error) -> Result<()> {
    match error {
        // The parser's own text begins with "error:" and ends with the usage.
        Error::Usage(text) => writeln!(err, "{}", text.trim_end()),
        other => writeln!(err, "touchctl: {}", clean(other.to_string().trim_end())),
    }
}

/// Text from a file, safe for a terminal: no control characters, and none that change the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// One JSON object on a line of its own.
pub(crate) fn json_line(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// A value of an enumeration as files spell it.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `1 reading`, `2 readings`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Groups of four, which people can read to each other.
pub(crate) fn grouped(hex: &str) -> String {
    let mut text = String::with_capacity(hex.len() * 5 / 4);
    for (at, digit) in hex.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Label and value in two columns.
pub(crate) fn row(out: &mut dyn Write, label: &str, value: &str) -> Result<()> {
    writeln!(out, "{label:<14} {}", clean(value).replace('\n', " "))
}

/// A verdict in words: the outcome first, then what it is about, what was checked, and why.
pub(crate) fn verdict(out: &mut dyn Write, verdict: &Verdict, content: Option<&Certificate>) -> Result<()> {
    writeln!(out, "{}", headline(verdict.outcome))?;
    if let Some(id) = &verdict.certificate {
        writeln!(out)?;
        row(out, "Certificate", id)?;
    }
    if let Some(content) = content {
        let subject = &content.credential_subject;
        let product = &content.assessment().assessed_product[0].product;
        let total = &content.assessment().measurement.total;
        row(out, "Holder", &format!("{} ({})", subject.issued_to_party.name, subject.issued_to_party.id))?;
        row(out, "Product", &format!("{}, CN {}", product.name, product.product_class))?;
        row(
            out,
            "Footprint",
            &format!(
                "{} ± {} {} (k = {})",
                total.value,
                total.expanded_uncertainty,
                content.assessment().measurement.unit,
                total.coverage_factor
            ),
        )?;
        row(out, "Issued by", &format!("{} ({})", content.issuer.name, content.issuer.id))?;
        row(out, "Valid", &format!("{} to {}", content.valid_from, content.valid_until))?;
    }
    writeln!(out, "\nWhat was checked")?;
    for fact in &verdict.facts {
        let detail = clean(&fact.detail).replace('\n', " ");
        writeln!(out, "  {} {:<13} {detail}", mark(fact.state), check(fact.check))?;
    }
    if !verdict.reasons.is_empty() {
        writeln!(out, "\n{}", if verdict.outcome == Outcome::AcceptedWithConditions { "Conditions" } else { "Why" })?;
    }
    for (number, reason) in verdict.reasons.iter().enumerate() {
        // The code as programs see it.
        let code = serde_json::to_value(reason.code)?;
        writeln!(out, "  {}. {} ({})", number + 1, code.as_str().unwrap_or_default(), clean(&reason.clause))?;
        writeln!(out, "     {}", clean(&reason.message).replace('\n', " "))?;
        writeln!(out, "     Remedy: {}", clean(&reason.remedy))?;
    }
    writeln!(out)?;
    row(out, "As of", &verdict.as_of.to_string())?;
    let times =
        [("In log since", verdict.log_time), ("Status of", verdict.status_time), ("Fresh until", verdict.fresh_until)];
    for (label, time) in times {
        if let Some(time) = time {
            row(out, label, &time.to_string())?;
        }
    }
    if let Some(arrangement) = &verdict.arrangement {
        row(out, "Arrangement", arrangement)?;
    }
    Ok(())
}

/// The outcome as the first line of an answer.
pub(crate) fn headline(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "✓ ACCEPTED",
        Outcome::AcceptedWithConditions => "✓ ACCEPTED WITH CONDITIONS",
        Outcome::Indeterminate => "? INDETERMINATE: neither accepted nor refused",
        Outcome::Refused => "✗ REFUSED",
    }
}

/// The sign before a fact.
pub(crate) fn mark(state: FactState) -> char {
    match state {
        FactState::Established => '✓',
        FactState::NotEstablished => '?',
        FactState::Contradicted => '✗',
    }
}

fn check(check: Check) -> &'static str {
    match check {
        Check::Signature => "signature",
        Check::Log => "log",
        Check::SignerKey => "signer's key",
        Check::Accreditation => "accreditation",
        Check::State => "state",
        Check::Goods => "goods",
        Check::Arrangement => "arrangement",
        Check::Data => "data",
        Check::Freshness => "freshness",
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_terminal_is_not_driven_by_a_file() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\r"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(clean("水泥 ± 1\n"), "水泥 ± 1\n");
    }
}
