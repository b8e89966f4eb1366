//! `touchctl readings consumption`: what an instrument registered in a period.

use std::io::{Result as Written, Write};

use jiff::Timestamp;
use metering::GapRule;
use proto::{interval, metering as wire, parse_timestamp, timestamp};
use quantity::{Decimal, Rounding};
use record::instrument::Period;
use serde::Serialize;
use touchstone_client::ClientError;

use crate::args::{ConsumptionArgs, Finding};
use crate::connection::Server;
use crate::error::Error;
use crate::{DONE, Surroundings, output};

/// Gaps that are printed; the JSON has all that the server lists.
const MAX_SHOWN: usize = 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    instrument: &'a str,
    period: Period,
    quantity: Decimal,
    standard_uncertainty: Decimal,
    expanded_uncertainty: Decimal,
    coverage_factor: Decimal,
    unit: String,
    registered: Decimal,
    registered_unit: String,
    substituted: Decimal,
    calibrated_percent: Decimal,
    readings: u64,
    least: i64,
    most: i64,
    mean: Decimal,
    standard_deviation: Decimal,
    spanned_secs: i64,
    missing_secs: i64,
    gap_count: u32,
    gaps: Vec<Gap>,
    budget: Vec<Line>,
}

#[derive(Serialize)]
struct Gap {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    source: String,
    contribution: Decimal,
    share_percent: Decimal,
}

/// Asks and prints.
pub(crate) fn run(args: &ConsumptionArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let server = Server::open(&args.connection)?;
    let request = request(args);
    let answer =
        server.wait(async { Ok(server.client().metering().compute_consumption(request).await?.into_inner()) })?;
    let unusable = || server.failed(ClientError::Answer { what: "a number or a time of a consumption".to_owned() });
    let shown = shown(args, &answer).ok_or_else(unusable)?;
    let written = if json { output::json(world.out, &shown) } else { print(world.out, &shown) };
    written.map(|()| DONE).map_err(Error::Output)
}

fn request(args: &ConsumptionArgs) -> wire::ComputeConsumptionRequest {
    use wire::gap_rule::{Linear, Mark, Percentile, Refuse, Rule};
    let gaps = match args.gaps {
        GapRule::Mark => Rule::Mark(Mark {}),
        GapRule::Refuse => Rule::Refuse(Refuse {}),
        GapRule::Linear { most_intervals } => Rule::Linear(Linear { most_intervals }),
        GapRule::Percentile { percentile } => Rule::Percentile(Percentile { percentile: percentile.into() }),
    };
    let finding = |finding: Finding| match finding {
        Finding::Mark => wire::OnFinding::Mark.into(),
        Finding::Refuse => wire::OnFinding::Refuse.into(),
    };
    wire::ComputeConsumptionRequest {
        instrument: args.instrument.clone(),
        period: Some(interval(args.period.start, Some(args.period.end))),
        gaps: Some(wire::GapRule { rule: Some(gaps) }),
        uncalibrated: finding(args.uncalibrated),
        edges: finding(args.edges),
        known_time: args.known.map(|known| timestamp(known.at)),
        unit: args.unit.map_or_else(String::new, |unit| unit.to_string()),
    }
}

fn shown<'a>(args: &'a ConsumptionArgs, answer: &wire::ComputeConsumptionResponse) -> Option<Shown<'a>> {
    let number = |value: &Option<proto::google::r#type::Decimal>| value.as_ref()?.value.parse().ok();
    let gap = |gap: &wire::Gap| {
        let period = gap.period.as_ref()?;
        let time = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(parse_timestamp);
        Some(Gap { start: time(&period.start_time)?, end: time(&period.end_time)? })
    };
    let line = |line: &wire::UncertaintyContribution| {
        Some(Line {
            source: line.source.clone(),
            contribution: number(&line.contribution)?,
            share_percent: number(&line.share_percent)?,
        })
    };
    Some(Shown {
        instrument: &args.instrument,
        period: args.period,
        quantity: number(&answer.quantity)?,
        standard_uncertainty: number(&answer.standard_uncertainty)?,
        expanded_uncertainty: number(&answer.expanded_uncertainty)?,
        coverage_factor: number(&answer.coverage_factor)?,
        unit: answer.unit.clone(),
        registered: number(&answer.registered)?,
        registered_unit: answer.registered_unit.clone(),
        substituted: number(&answer.substituted)?,
        calibrated_percent: number(&answer.calibrated_percent)?,
        readings: answer.readings,
        least: answer.least,
        most: answer.most,
        mean: number(&answer.mean)?,
        standard_deviation: number(&answer.standard_deviation)?,
        spanned_secs: answer.spanned.map_or(0, |spanned| spanned.seconds),
        missing_secs: answer.missing.map_or(0, |missing| missing.seconds),
        gap_count: answer.gap_count,
        gaps: answer.gaps.iter().map(gap).collect::<Option<_>>()?,
        budget: answer.budget.iter().map(line).collect::<Option<_>>()?,
    })
}

/// A number to as many digits as a reader uses; the JSON has all.
fn short(value: &Decimal, digits: u8) -> String {
    let rounded = Decimal::rounded(value.to_f64(), Rounding::SignificantDigits(digits));
    rounded.map_or_else(|_| value.to_string(), |rounded| rounded.to_string())
}

fn print(out: &mut dyn Write, shown: &Shown<'_>) -> Written<()> {
    let unit = &shown.unit;
    output::row(out, "Instrument", shown.instrument)?;
    output::row(out, "Period", &format!("{} to {}", shown.period.start, shown.period.end))?;
    output::row(
        out,
        "Quantity",
        &format!(
            "{} ± {} {unit} (k = {})",
            shown.quantity,
            short(&shown.expanded_uncertainty, 3),
            short(&shown.coverage_factor, 3)
        ),
    )?;
    let readings = output::counted(usize::try_from(shown.readings).unwrap_or(usize::MAX), "reading");
    output::row(out, "Registered", &format!("{} {} in {readings}", shown.registered, shown.registered_unit))?;
    output::row(out, "Calibrated", &format!("{} % of it", short(&shown.calibrated_percent, 4)))?;
    let gaps = output::counted(shown.gap_count as usize, "gap");
    output::row(out, "Missing", &format!("{} s in {gaps}", shown.missing_secs))?;
    for gap in shown.gaps.iter().take(MAX_SHOWN) {
        output::row(out, "", &format!("{} to {}", gap.start, gap.end))?;
    }
    if shown.gap_count as usize > MAX_SHOWN {
        output::row(out, "", &format!("… and {} more", shown.gap_count as usize - MAX_SHOWN))?;
    }
    if shown.spanned_secs > 0 {
        let words = "s between states that were not read; the register went on, no rule was needed";
        output::row(out, "Spanned", &format!("{} {words}", shown.spanned_secs))?;
    }
    if !shown.substituted.is_zero() {
        output::row(out, "Substituted", &format!("{} {unit} of the quantity", short(&shown.substituted, 6)))?;
    }
    writeln!(out, "\nUncertainty: share of the variance, standard uncertainty in {unit}, source")?;
    for line in &shown.budget {
        let share = match line.share_percent.to_f64() {
            share if share < 0.01 => "< 0.01".to_owned(),
            share => format!("{share:.2}"),
        };
        writeln!(out, "  {share:>6} %  {:>10}  {}", short(&line.contribution, 3), output::clean(&line.source))?;
    }
    Ok(())
}
