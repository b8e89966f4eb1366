//! Footprints in words, and as one JSON object.

use std::io::{Result, Write};
use std::path::PathBuf;

use footprint::{By, Cause, Change, Contribution, RecomputeError, WorkedExample, bars, contributions, improvements};
use quantity::Decimal;
use record::footprint::{DecisionResult, FootprintStatement, ResultValue, Stage};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output::{self, clean, row};

/// Parts shown of a picture, and sources of a budget.
const MOST_BARS: usize = 16;
const MOST_SOURCES: usize = 8;
const BAR_WIDTH: f64 = 30.0;

/// What was computed.
pub(super) struct Computed<'a> {
    pub example: Option<&'a WorkedExample>,
    pub statements: &'a [FootprintStatement],
    pub written: &'a [PathBuf],
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_read: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    assumed: &'a [String],
    method: &'a str,
    products: Vec<ProductAnswer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    written: Vec<String>,
}

/// A product under the names of the Commission's template, then everything in the statement's own words.
#[derive(Serialize)]
struct ProductAnswer<'a> {
    process: &'a str,
    category: &'a str,
    cn_code: &'a str,
    product: &'a str,
    see_direct: Box<RawValue>,
    see_indirect: Box<RawValue>,
    see_total: Box<RawValue>,
    unit: String,
    share_default_values: Box<RawValue>,
    embedded_electricity_mwh_per_t: Box<RawValue>,
    expanded_uncertainty: Box<RawValue>,
    coverage_factor: Box<RawValue>,
    by_process: Vec<Part>,
    by_source: Vec<Part>,
    by_gas: Vec<Part>,
    by_stage: Vec<Part>,
    by_origin: Vec<Part>,
    improve_first: Vec<Improve>,
    statement_sha256: String,
    statement: &'a FootprintStatement,
}

#[derive(Serialize)]
struct Part {
    name: String,
    value: f64,
    share_percent: f64,
}

#[derive(Serialize)]
struct Improve {
    source: String,
    share_percent: f64,
    standard_uncertainty_without: f64,
    remedy: &'static str,
}

/// A decimal is a number of JSON, digit by digit.
fn number(decimal: &Decimal) -> Box<RawValue> {
    RawValue::from_string(decimal.to_string()).unwrap_or_default()
}

fn parts(statement: &FootprintStatement, by: By) -> Vec<Part> {
    let part = |Contribution { name, value, share_percent }| Part { name, value, share_percent };
    contributions(statement, by).into_iter().map(part).collect()
}

impl Computed<'_> {
    pub(super) fn print(&self, out: &mut dyn Write, json: bool) -> Result<()> {
        if json {
            return output::json(out, &self.answer());
        }
        if let Some(example) = self.example {
            row(out, "Example", &format!("{}, {}", example.number, clean(&example.title)))?;
            for path in &example.not_read {
                row(out, "Not read", &clean(path))?;
            }
            for taken in &example.assumed {
                row(out, "Assumed", &clean(taken))?;
            }
            writeln!(out)?;
        }
        for statement in self.statements {
            print(out, statement)?;
        }
        for path in self.written {
            writeln!(out, "Wrote {}.", clean(&path.display().to_string()))?;
        }
        Ok(())
    }

    fn answer(&self) -> Answer<'_> {
        Answer {
            example: self.example.map(|example| example.number),
            file: self.example.map(|example| example.title.as_str()),
            not_read: self.example.map_or(&[], |example| &example.not_read),
            assumed: self.example.map_or(&[], |example| &example.assumed),
            method: self.statements.first().map_or("", |statement| statement.method.id.as_str()),
            products: self.statements.iter().map(product).collect(),
            written: self.written.iter().map(|path| path.display().to_string()).collect(),
        }
    }
}

fn product(statement: &FootprintStatement) -> ProductAnswer<'_> {
    let improve = |found: footprint::Improvement| Improve {
        source: found.source,
        share_percent: found.share_percent,
        standard_uncertainty_without: found.without,
        remedy: found.remedy,
    };
    ProductAnswer {
        process: &statement.product.process,
        category: &statement.product.category,
        cn_code: &statement.product.cn_code,
        product: &statement.product.name,
        see_direct: number(&statement.direct.value),
        see_indirect: number(&statement.indirect.value),
        see_total: number(&statement.total.value),
        unit: statement.total.unit.to_string(),
        share_default_values: number(&statement.quality.default_value_share),
        embedded_electricity_mwh_per_t: number(&statement.electricity.value),
        expanded_uncertainty: number(&statement.total.expanded_uncertainty),
        coverage_factor: number(&statement.total.coverage_factor),
        by_process: parts(statement, By::Process),
        by_source: parts(statement, By::Source),
        by_gas: parts(statement, By::Gas),
        by_stage: parts(statement, By::Stage),
        by_origin: parts(statement, By::Origin),
        improve_first: improvements(statement).into_iter().take(MOST_SOURCES).map(improve).collect(),
        statement_sha256: statement.digest().to_string(),
        statement,
    }
}

fn print(out: &mut dyn Write, statement: &FootprintStatement) -> Result<()> {
    let product = &statement.product;
    writeln!(out, "{} (CN {}), per {}", clean(&product.name), product.cn_code, statement.functional_unit)?;
    row(out, "Process", &format!("{}, {}", clean(&product.process), clean(&product.category)))?;
    row(out, "Period", &format!("{} to {}", statement.period.start, statement.period.end))?;
    row(out, "Method", &format!("{}, version {}", statement.method.id, statement.method.version))?;
    row(out, "Direct", &result(&statement.direct))?;
    row(out, "Indirect", &result(&statement.indirect))?;
    row(out, "Total", &result(&statement.total))?;
    if !adds_up(statement) {
        row(out, "", "✗ these figures and the parts below do not add up: the statement was changed")?;
    }
    if let Some(decision) = &statement.decision {
        let words = match decision.result {
            DecisionResult::Conforms => "conforms",
            DecisionResult::DoesNotConform => "does not conform",
            DecisionResult::Inconclusive => "inconclusive: within the guard band",
        };
        let limit = format!("limit {} {} on {}", decision.limit.value, decision.limit.unit, decision.of);
        let decided = if decision.of == "direct" { &statement.direct } else { &statement.total };
        let likely = likely(&decision.probability_of_conformity, decided);
        row(out, "Decision", &format!("{words}; {limit}; {likely}"))?;
    }
    if let Some(rules) = &statement.product_category_rules {
        row(out, "Rules", &format!("{} {}, SHA-256 {}", clean(&rules.id), clean(&rules.version), rules.digest))?;
        let grade = statement.grade.as_ref().map_or("none reached".to_owned(), |grade| {
            let direct = statement.decision.as_ref().is_some_and(|decision| decision.of == "direct");
            let decided = if direct { &statement.direct } else { &statement.total };
            let likely = likely(&grade.probability_of_conformity, decided);
            let (name, bound) = (clean(&grade.name), &grade.limit);
            format!("{name}; at most {} {}; {likely}", bound.value, bound.unit)
        });
        row(out, "Grade", &grade)?;
    }
    let bars = bars(statement, MOST_BARS);
    writeln!(out, "\n  What it is made of, in {}", statement.total.unit)?;
    let largest = bars.iter().fold(0.0_f64, |most, part| most.max(part.value.abs()));
    for part in &bars {
        let length = if largest > 0.0 { (part.value.abs() / largest * BAR_WIDTH).round() as usize } else { 0 };
        let sign = if part.value < 0.0 { '░' } else { '█' };
        let bar: String = std::iter::repeat_n(sign, length).collect();
        let (name, value) = (padded(&part.name, 36), short(part.value, 5));
        writeln!(out, "    {name} {bar:<30} {value:>11} {:>7.2} %", part.share_percent)?;
    }
    for (title, by) in [("By process", By::Process), ("By gas", By::Gas), ("By stage", By::Stage)] {
        let parts = contributions(statement, by);
        let words = parts.iter().map(|part| format!("{} {:.2} %", clean(&part.name), part.share_percent));
        row(out, title, &words.take(MOST_SOURCES).collect::<Vec<_>>().join(", "))?;
    }
    for beside in &statement.beside {
        let (source, value) = (clean(&beside.source), short(beside.value.to_f64(), 5));
        row(out, "Beside it", &format!("{value} {} of biogenic carbon, {source}", statement.total.unit))?;
    }
    let sources = improvements(statement);
    if sources.is_empty() {
        row(out, "Uncertainty", "none is stated: no figure here has an uncertainty")?;
    } else {
        writeln!(out, "\n  What makes it uncertain, to improve first")?;
        for source in sources.iter().take(MOST_SOURCES) {
            let (name, without) = (padded(&source.source, 56), short(source.without, 2));
            writeln!(out, "    {name} {:>6.2} %  u would be {without}: {}", source.share_percent, source.remedy)?;
        }
        if sources.len() > MOST_SOURCES {
            writeln!(out, "    and {} more", sources.len() - MOST_SOURCES)?;
        }
    }
    let quality = &statement.quality;
    let percent = |share: &Decimal| format!("{} %", short(share.to_f64() * 100.0, 4));
    writeln!(out)?;
    row(out, "Primary data", &percent(&quality.primary_data_share))?;
    row(out, "Defaults", &format!("{} of direct emissions", percent(&quality.default_value_share)))?;
    let calibrated = quality.calibration_coverage_share.as_ref();
    let calibrated =
        calibrated.map_or("nothing is metered".to_owned(), |share| format!("{} of what is metered", percent(share)));
    row(out, "Calibrated", &calibrated)?;
    if let Some(pact) = &quality.pact {
        let words = format!(
            "technology {}, geography {}, time {} (1 good to 3 poor; {} % of the total rated)",
            pact.technological, pact.geographical, pact.temporal, pact.coverage_percent
        );
        row(out, "PACT rating", &words)?;
    }
    if let Some(pef) = &quality.pef {
        let words = format!(
            "{} (1 excellent to 5 poor: TeR {}, GeR {}, TiR {}, P {})",
            pef.overall, pef.technological, pef.geographical, pef.temporal, pef.precision
        );
        row(out, "PEF rating", &words)?;
    }
    row(out, "Gaps", &format!("{} of the metered time", percent(&quality.gap_share)))?;
    row(out, "Statement", &statement.digest().to_string())?;
    writeln!(out)
}

/// Whether the parts of a statement make its figures: one that was computed does, one that was typed into need not.
fn adds_up(statement: &FootprintStatement) -> bool {
    let sum = |counts: fn(&Stage) -> bool| {
        let parts = statement.breakdown.iter().filter(|part| counts(&part.stage));
        parts.fold((0.0, 0.0), |(sum, size), part| (sum + part.value.to_f64(), size + part.value.to_f64().abs()))
    };
    let is = |(sum, size): (f64, f64), stated: &ResultValue| (sum - stated.value.to_f64()).abs() <= 1e-9 * size;
    is(sum(|_| true), &statement.total)
        && is(sum(|stage| matches!(stage, Stage::Direct | Stage::PrecursorDirect)), &statement.direct)
}

/// How likely conformity is, where the figure has an uncertainty that could tell.
fn likely(probability: &Decimal, decided: &ResultValue) -> String {
    match decided.expanded_uncertainty.to_f64() > 0.0 {
        true => format!("probability of conformity {} %", short(probability.to_f64() * 100.0, 4)),
        false => "the figure was taken as exact, for no uncertainty is stated".to_owned(),
    }
}

/// A result with as many digits as its uncertainty supports, or seven.
fn result(result: &ResultValue) -> String {
    let (value, expanded) = (result.value.to_f64(), result.expanded_uncertainty.to_f64());
    if expanded <= 0.0 {
        return format!("{} {} (no uncertainty stated)", short(value, 7), result.unit);
    }
    let places = (1 - expanded.log10().floor() as i32).clamp(0, 12) as usize;
    let k = short(result.coverage_factor.to_f64(), 3);
    format!("{value:.places$} ± {expanded:.places$} {} (95 %, k = {k})", result.unit)
}

/// So many significant digits.
fn short(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let places = digits as i32 - 1 - value.abs().log10().floor() as i32;
    let text = format!("{value:.*}", places.clamp(0, 15) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn padded(name: &str, width: usize) -> String {
    let name = clean(name);
    let count = name.chars().count();
    match count > width {
        // What tells names apart stands at their end.
        true => format!("…{}", name.chars().skip(count - width + 1).collect::<String>()),
        false => format!("{name}{}", " ".repeat(width - count)),
    }
}

#[derive(Serialize)]
struct Recomputed {
    statement_sha256: String,
    same: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Serialize)]
struct Difference {
    path: String,
    stated: String,
    recomputed: String,
}

pub(super) fn recomputed(
    out: &mut dyn Write,
    statement: &FootprintStatement,
    outcome: &std::result::Result<(), RecomputeError>,
    json: bool,
) -> Result<()> {
    let digest = statement.digest().to_string();
    if json {
        let (first_difference, problem) = match outcome {
            Ok(()) => (None, None),
            Err(RecomputeError::Difference(found)) => {
                let (path, stated) = (found.path.clone(), found.stated.clone());
                (Some(Difference { path, stated, recomputed: found.recomputed.clone() }), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let same = outcome.is_ok();
        return output::json(out, &Recomputed { statement_sha256: digest, same, first_difference, problem });
    }
    match outcome {
        Ok(()) => {
            row(out, "Recomputed", "the same bytes")?;
            row(out, "Statement", &digest)
        }
        Err(RecomputeError::Difference(found)) => {
            row(out, "Recomputed", "NOT the same")?;
            row(out, "First at", &found.path)?;
            row(out, "Stated", &clean(&found.stated))?;
            row(out, "Now", &clean(&found.recomputed))
        }
        Err(error) => row(out, "Recomputed", &format!("NOT possible: {}", clean(&error.to_string()))),
    }
}

#[derive(Serialize)]
struct Compared<'a> {
    before: Box<RawValue>,
    after: Box<RawValue>,
    difference: f64,
    unit: String,
    by_cause: Vec<Sum>,
    changes: Vec<ChangeAnswer<'a>>,
}

#[derive(Serialize)]
struct Sum {
    cause: &'static str,
    value: f64,
}

#[derive(Serialize)]
struct ChangeAnswer<'a> {
    cause: &'static str,
    process: &'a str,
    source: &'a str,
    gas: &'a str,
    value: f64,
}

pub(super) fn changes(
    out: &mut dyn Write,
    before: &FootprintStatement,
    after: &FootprintStatement,
    changes: &[Change],
    json: bool,
) -> Result<()> {
    let [from, to] = [before, after].map(|statement| &statement.total);
    let whole = to.value.to_f64() - from.value.to_f64();
    let causes = [Cause::Activity, Cause::Factor, Cause::Method, Cause::Supplier];
    let sums: Vec<(Cause, f64)> = causes
        .into_iter()
        .map(|cause| (cause, changes.iter().filter(|change| change.cause == cause).fold(0.0, |sum, c| sum + c.value)))
        .collect();
    if json {
        let answer = Compared {
            before: number(&from.value),
            after: number(&to.value),
            difference: whole,
            unit: to.unit.to_string(),
            by_cause: sums.iter().map(|(cause, value)| Sum { cause: cause.word(), value: *value }).collect(),
            changes: changes
                .iter()
                .map(|change| ChangeAnswer {
                    cause: change.cause.word(),
                    process: &change.process,
                    source: &change.source,
                    gas: &change.gas,
                    value: change.value,
                })
                .collect(),
        };
        return output::json(out, &answer);
    }
    row(out, "Before", &format!("{}, {}", clean(&before.product.name), result(from)))?;
    row(out, "After", &format!("{}, {}", clean(&after.product.name), result(to)))?;
    row(out, "Difference", &format!("{} {}", short(whole, 5), to.unit))?;
    writeln!(out)?;
    for (cause, value) in &sums {
        row(out, cause.word(), &short(*value, 5))?;
    }
    if !changes.is_empty() {
        writeln!(out, "\n  Largest changes")?;
    }
    for change in changes.iter().take(MOST_BARS) {
        let name = padded(&format!("{}, {}", change.source, change.process), 48);
        writeln!(
            out,
            "    {name} {:<8} {:<8} {:>12}",
            clean(&change.gas),
            change.cause.word(),
            short(change.value, 5)
        )?;
    }
    Ok(())
}
