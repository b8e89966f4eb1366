//! Answers for people: the result, the budget, and what to know about both.

use std::io::{Result, Write};

use uncertainty::{
    Answer, Assessment, CaseError, Entry, FirstOrder, GlobalRisk, Outcome, OutputAnswer, Propagated, Simulation,
    Tolerance,
};

use crate::output::{clean, row};

/// Lines of a budget that are printed, the largest first; all are in the JSON.
const MAX_LINES: usize = 25;
/// Significant digits of an uncertainty: one more than is stated in the end, so that it can still be rounded.
const DIGITS: i32 = 3;

/// The answer of a case.
pub(super) fn print(out: &mut dyn Write, entry: &Entry, answer: &Answer) -> Result<()> {
    head(out, entry)?;
    match answer {
        Answer::Model(answer) => model(out, answer)?,
        Answer::Specific(answer) => specific(out, answer)?,
        Answer::Global(answer) => global(out, answer)?,
    }
    writeln!(out)
}

/// A case without an answer.
pub(super) fn failure(out: &mut dyn Write, entry: &Entry, error: &CaseError) -> Result<()> {
    head(out, entry)?;
    let label = if error.is_for_people() { "not run" } else { "failed" };
    row(out, label, &error.to_string())?;
    writeln!(out)
}

fn head(out: &mut dyn Write, entry: &Entry) -> Result<()> {
    let title = entry.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
    writeln!(out, "{}", clean(&format!("{}{title}", entry.id)).replace('\n', " "))
}

fn model(out: &mut dyn Write, answer: &Propagated) -> Result<()> {
    for output in &answer.outputs {
        result(out, answer, output)?;
    }
    if !answer.correlations.is_empty() {
        writeln!(out, "\nCorrelation of outputs")?;
        for (a, b, r) in &answer.correlations {
            let names = format!("{}, {}", answer.outputs[*a].name, answer.outputs[*b].name);
            row(out, &clean(&names), &format!("{r:.4}"))?;
        }
    }
    if !answer.notices.is_empty() {
        writeln!(out, "\nTo know")?;
    }
    for notice in &answer.notices {
        writeln!(out, "  {}", clean(&notice.to_string()).replace('\n', " "))?;
    }
    Ok(())
}

fn result(out: &mut dyn Write, answer: &Propagated, output: &OutputAnswer) -> Result<()> {
    let percent = 100.0 * answer.probability;
    writeln!(out)?;
    if let Some(first) = &output.first {
        let (y, u) = (first.value, first.standard_uncertainty);
        let expanded = output.factor * u;
        let dof = first.effective_dof.map_or_else(|| "infinite".to_owned(), |dof| figure(dof, DIGITS));
        row(
            out,
            &output.name,
            &format!("{} ± {}  (k = {:.3}, {percent} %)", estimate(y, u), figure(expanded, DIGITS), output.factor),
        )?;
        row(out, "  u", &figure(u, DIGITS))?;
        if answer.quantities.have_dof() {
            row(out, "  dof", &dof)?;
        }
    } else {
        row(out, &output.name, "no result to first order")?;
    }
    if let Some(second) = &output.second {
        let (u, bias) = (figure(second.standard_uncertainty, DIGITS), figure(second.bias, DIGITS));
        row(out, "  second order", &format!("u = {u}, mean shifted by {bias}"))?;
    }
    if let Some(simulation) = &output.simulation {
        monte_carlo(out, simulation, percent)?;
    }
    match &output.first {
        Some(first) => budget(out, answer, first),
        None => Ok(()),
    }
}

fn monte_carlo(out: &mut dyn Write, simulation: &Simulation, percent: f64) -> Result<()> {
    let u = simulation.standard_uncertainty;
    let stable = if simulation.stable { "" } else { ", not yet stable" };
    let (mean, draws) = (estimate(simulation.mean, u), simulation.draws);
    row(out, "  Monte Carlo", &format!("{mean}, u = {}  ({draws} draws{stable})", figure(u, DIGITS)))?;
    for (label, interval) in [("  symmetric", simulation.symmetric), ("  shortest", simulation.shortest)] {
        row(out, label, &format!("{} to {}  ({percent} %)", estimate(interval.low, u), estimate(interval.high, u)))?;
    }
    Ok(())
}

fn budget(out: &mut dyn Write, answer: &Propagated, first: &FirstOrder) -> Result<()> {
    let quantities = &answer.quantities;
    let mut lines: Vec<(usize, f64)> = first.shares(quantities).into_iter().enumerate().collect();
    // The sort is stable: equal shares stay in the order of the inputs.
    lines.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let (shown, others) = lines.split_at(lines.len().min(MAX_LINES));
    let mut rows = vec![["input", "value", "u", "dof", "sensitivity", "contribution", "share"].map(str::to_owned)];
    for (at, share) in shown {
        let (value, u) = (quantities.values()[*at], quantities.standard_uncertainties()[*at]);
        rows.push([
            clean(&quantities.names()[*at]),
            estimate(value, u),
            figure(u, DIGITS),
            quantities.dof(*at).map_or_else(|| "∞".to_owned(), |dof| figure(dof, DIGITS)),
            figure(first.sensitivities[*at], DIGITS),
            figure(first.contributions[*at], DIGITS),
            format!("{:.1} %", 100.0 * share),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    writeln!(out)?;
    for row in &rows {
        // Names to the left, numbers to the right.
        let mut line = format!("  {:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        writeln!(out, "{line}")?;
    }
    if !others.is_empty() {
        let share = others.iter().fold(0.0, |sum, (_, share)| sum + share);
        writeln!(out, "  and {} more with {:.1} % together", others.len(), 100.0 * share)?;
    }
    if quantities.are_correlated() {
        let sources = quantities.source_names();
        let all: Vec<String> = sources
            .iter()
            .zip(first.source_contributions())
            .filter(|(_, contribution)| **contribution != 0.0)
            .take(MAX_LINES)
            .map(|(name, contribution)| format!("{name} {}", figure(*contribution, DIGITS)))
            .collect();
        writeln!(
            out,
            "  Shares count the correlation with other inputs. Independent sources: {}",
            clean(&all.join("; "))
        )?;
    }
    Ok(())
}

fn specific(out: &mut dyn Write, answer: &Assessment) -> Result<()> {
    let outcome = match answer.outcome {
        Outcome::Conforms => "conforms",
        Outcome::DoesNotConform => "does not conform",
        Outcome::Inconclusive => "inconclusive: inside the guard band",
    };
    row(out, "Outcome", outcome)?;
    row(out, "Conformity", &probability(answer.probability_of_conformity))?;
    row(out, "If accepted", &format!("{} risk of the consumer", probability(answer.consumer_risk())))?;
    row(out, "If rejected", &format!("{} risk of the producer", probability(answer.producer_risk())))?;
    let accepted = answer.acceptance.as_ref().map_or_else(|| "no estimate".to_owned(), interval);
    row(out, "Accepted", &accepted)
}

fn global(out: &mut dyn Write, answer: &GlobalRisk) -> Result<()> {
    row(out, "Consumer", &format!("{} of items are accepted and do not conform", probability(answer.consumer)))?;
    row(out, "Producer", &format!("{} of items are rejected and conform", probability(answer.producer)))?;
    row(out, "Conforming", &format!("{} of items", probability(answer.conforming)))?;
    row(out, "Accepted", &format!("{} of items", probability(answer.accepted)))?;
    row(out, "Of accepted", &format!("{} do not conform", probability(answer.false_among_accepted())))
}

fn interval(acceptance: &Tolerance) -> String {
    match (acceptance.lower.is_finite(), acceptance.upper.is_finite()) {
        (true, true) => format!("estimates from {} to {}", figure(acceptance.lower, 6), figure(acceptance.upper, 6)),
        (true, false) => format!("estimates from {} up", figure(acceptance.lower, 6)),
        _ => format!("estimates up to {}", figure(acceptance.upper, 6)),
    }
}

fn probability(p: f64) -> String {
    format!("{} %", figure(100.0 * p, 4))
}

/// The power of ten of the first digit.
fn exponent(number: f64) -> i32 {
    // What is printed decides: 9.996 to three digits is 10.0.
    format!("{number:e}").rsplit('e').next().and_then(|exponent| exponent.parse().ok()).unwrap_or(0)
}

/// A number to so many significant digits, as people write it where that is short.
fn figure(number: f64, digits: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let places = usize::try_from(digits - 1).unwrap_or(0);
    let power = exponent(format!("{number:.places$e}").parse().unwrap_or(number));
    if (-4..7).contains(&power) {
        let decimals = usize::try_from(digits - 1 - power).unwrap_or(0);
        format!("{number:.decimals$}")
    } else {
        format!("{number:.places$e}")
    }
}

/// A value to the last significant digit of its uncertainty.
fn estimate(value: f64, u: f64) -> String {
    if u == 0.0 || value == 0.0 || !u.is_finite() || !value.is_finite() {
        return value.to_string();
    }
    let last = exponent(u) - (DIGITS - 1);
    let power = exponent(value).max(exponent(u));
    if (-4..12).contains(&power) && last > -12 {
        let decimals = usize::try_from(-last).unwrap_or(0);
        format!("{value:.decimals$}")
    } else {
        let places = usize::try_from(power - last).unwrap_or(0).min(17);
        format!("{value:.places$e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (number, text) in [
            (31.663_879, "31.7"),
            (9.996, "10.0"),
            (0.0, "0"),
            (-0.001_234_5, "-0.00123"),
            (1.154_7e-6, "1.15e-6"),
            (123_456.0, "123456"),
            (1.5e9, "1.50e9"),
        ] {
            assert_eq!(figure(number, 3), text);
        }
    }

    #[test]
    fn estimates_end_with_their_uncertainty() {
        for (value, u, text) in [
            (50_000_838.0, 31.66, "50000838.0"),
            (127.732_169_9, 0.069_978, "127.7322"),
            (1.15e-5, 1.1547e-6, "1.150e-5"),
            (0.0, 0.1, "0"),
            (3.0, 0.0, "3"),
            (-0.1, 0.2, "-0.100"),
            (150e-6, 112e-6, "0.000150"),
        ] {
            assert_eq!(estimate(value, u), text);
        }
    }
}
