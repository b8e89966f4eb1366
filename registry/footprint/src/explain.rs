//! What a statement says when it is asked: what it is made of, what makes it uncertain, and why another one differs.

use std::collections::BTreeMap;

use quantity::{Gas, GwpSet};
use record::footprint::{BreakdownRow, FootprintStatement, Origin, Stage};

/// What contributions are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Process.
    Process,
    /// Stream, precursor, exchange or electricity.
    Source,
    /// Gas.
    Gas,
    /// Part of the life cycle.
    Stage,
    /// Origin of the carbon.
    Origin,
}

/// A part of the total.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// What it is.
    pub name: String,
    /// Tonnes of CO2e per functional unit.
    pub value: f64,
    /// Share of the total, in percent.
    pub share_percent: f64,
}

/// The total by one property of its rows, largest amount first, equal ones by name.
pub fn contributions(statement: &FootprintStatement, by: By) -> Vec<Contribution> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &statement.breakdown {
        let name = match by {
            By::Process => row.process.as_str(),
            By::Source => row.source.as_str(),
            By::Gas => row.gas.as_str(),
            By::Stage => stage(row.stage),
            By::Origin => origin(row.origin),
        };
        *sums.entry(name).or_default() += row.value.to_f64();
    }
    let total = statement.total.value.to_f64();
    let share = |value: f64| if total == 0.0 { 0.0 } else { value / total * 100.0 };
    let part = |(name, value): (&str, f64)| Contribution { name: name.to_owned(), value, share_percent: share(value) };
    let mut parts: Vec<Contribution> = sums.into_iter().map(part).collect();
    parts.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    parts
}

/// A stage in words.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Direct => "direct emissions",
        Stage::Electricity => "electricity",
        Stage::PrecursorDirect => "precursors, direct",
        Stage::PrecursorElectricity => "precursors, electricity",
    }
}

/// An origin in words.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Fossil => "fossil",
        Origin::Biogenic => "biogenic",
        Origin::LandUse => "land use",
        Origin::Transport => "transport",
    }
}

/// A source of uncertainty worth improving.
#[derive(Debug, Clone, PartialEq)]
pub struct Improvement {
    /// Id of the source.
    pub source: String,
    /// Share of the variance, in percent.
    pub share_percent: f64,
    /// Standard uncertainty of the total if this source had none.
    pub without: f64,
    /// What would make it smaller.
    pub remedy: &'static str,
}

/// The sources that make the total uncertain, the one to improve first at the front.
pub fn improvements(statement: &FootprintStatement) -> Vec<Improvement> {
    let u = statement.total.standard_uncertainty.to_f64();
    let improvement = |row: &record::footprint::BudgetRow| {
        let part = row.contribution.to_f64();
        Improvement {
            source: row.source.clone(),
            share_percent: row.share_percent.to_f64(),
            without: (u * u - part * part).max(0.0).sqrt(),
            remedy: remedy(&row.source),
        }
    };
    statement.budget.iter().map(improvement).collect()
}

fn remedy(source: &str) -> &'static str {
    // The words before the slash are those of the crates that name sources.
    match source.split(['/', ' ']).next().unwrap_or("") {
        "calibration" => "a calibration with a smaller uncertainty, or a better instrument",
        "maximum-permissible-error" => "a calibration instead of the maximum permissible error",
        "resolution" => "a register of finer resolution",
        "drift" => "a shorter calibration interval",
        "gaps" | "gap" => "fewer missing readings",
        "clock" => "a synchronized clock",
        "multiplier" => "instrument transformers of a better class",
        "analysis" => "more samples, or a laboratory with a smaller uncertainty",
        "stock" => "a better survey of the stocks",
        "factor" | "default" => "a measured factor instead of a tabulated one",
        "statement" | "salted" => "the supplier's budget, which names its sources",
        _ => "a better source of this figure",
    }
}

/// Why a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// More or less was used or emitted per functional unit.
    Activity,
    /// Another emission factor.
    Factor,
    /// Another method: other warming potentials.
    Method,
    /// Other figures of a supplier.
    Supplier,
}

impl Cause {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Activity => "activity",
            Cause::Factor => "factor",
            Cause::Method => "method",
            Cause::Supplier => "supplier",
        }
    }
}

/// A part of the difference between two statements.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Why.
    pub cause: Cause,
    /// Process.
    pub process: String,
    /// Stream, precursor, exchange or electricity.
    pub source: String,
    /// Gas.
    pub gas: String,
    /// Tonnes of CO2e per functional unit that it adds.
    pub value: f64,
}

/// Process, stage, source, gas and origin: what tells the rows of a statement apart.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, Origin);

fn key(row: &BreakdownRow) -> Key<'_> {
    (&row.process, stage(row.stage), &row.source, &row.gas, row.origin)
}

/// The difference between the totals of two statements by cause, largest first; the parts add up to it.
///
/// A row is activity × factor × warming potential. The change of a product goes to its factors by the mean of all orders in
/// which they could have changed (Shapley), which leaves no rest.
pub fn difference(before: &FootprintStatement, after: &FootprintStatement) -> Vec<Change> {
    let mut rows: BTreeMap<Key, [Option<&BreakdownRow>; 2]> = BTreeMap::new();
    for (place, statement) in [before, after].into_iter().enumerate() {
        for row in &statement.breakdown {
            rows.entry(key(row)).or_default()[place] = Some(row);
        }
    }
    let sets = [before, after].map(|statement| statement.method.gwp_set.parse::<GwpSet>().ok());
    let mut changes = Vec::new();
    for ((process, _, source, gas, _), found) in rows {
        let supplied =
            found.iter().flatten().any(|row| matches!(row.stage, Stage::PrecursorDirect | Stage::PrecursorElectricity));
        let mut add = |cause: Cause, value: f64| {
            if value != 0.0 {
                let (process, source, gas) = (process.to_owned(), source.to_owned(), gas.to_owned());
                changes.push(Change { cause, process, source, gas, value });
            }
        };
        let [from, to] = found.map(|row| row.map_or(0.0, |row| row.value.to_f64()));
        let activities = found.map(|row| Some(row?.activity.as_ref()?.value.to_f64()).filter(|value| *value != 0.0));
        let potentials = sets.map(|set| set.zip(Gas::find(gas)).map_or(1.0, |(set, gas)| set.gwp(gas)));
        let factor = if supplied { Cause::Supplier } else { Cause::Factor };
        match activities {
            [Some(a), Some(b)] => {
                let factors = [from / a / potentials[0], to / b / potentials[1]];
                let [by_activity, by_factor, by_potential] = shapley([[a, b], factors, potentials], to - from);
                add(Cause::Activity, by_activity);
                add(factor, by_factor);
                add(Cause::Method, by_potential);
            }
            // What stands in one statement alone, or without an activity, is more or less of it.
            _ => add(Cause::Activity, to - from),
        }
    }
    changes.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    changes
}

/// The change of a product of three by its factors; what rounding leaves goes to the largest part.
fn shapley([x, y, z]: [[f64; 2]; 3], whole: f64) -> [f64; 3] {
    let part = |of: [f64; 2], one: [f64; 2], other: [f64; 2]| {
        let ends = one[0] * other[0] + one[1] * other[1];
        let mixed = one[0] * other[1] + one[1] * other[0];
        (of[1] - of[0]) * (2.0 * ends + mixed) / 6.0
    };
    let mut parts = [part(x, y, z), part(y, x, z), part(z, x, y)];
    let rest = whole - parts.iter().sum::<f64>();
    let largest = (0..3).fold(0, |most, i| if parts[i].abs() > parts[most].abs() { i } else { most });
    parts[largest] += rest;
    parts
}
