//! The frame of every measurement: both sides of a ratio in turn in one run, medians, spread, one JSON file.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::Failed;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Smaller sizes: everything in minutes.
    pub quick: bool,
}

impl Plan {
    /// Rounds of a ratio: an odd number, so that the median is one of them.
    pub fn rounds(self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// Time of one side in one round.
    pub fn side(self) -> Duration {
        if self.quick { Duration::from_secs(1) } else { Duration::from_secs(3) }
    }
}

/// One line of the result.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Name.
    pub name: &'static str,
    /// What came out; `null` where it could not be measured.
    pub value: Option<f64>,
    /// Unit.
    pub unit: &'static str,
    /// Goal, in words.
    pub goal: String,
    /// Whether it is met; `null` where it was not measured.
    pub meets: Option<bool>,
    /// Both sides, spread, machine.
    pub detail: Value,
}

/// A goal.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    fn words(self) -> String {
        match self {
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {most}"),
        }
    }

    fn met(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(least) => value >= least,
            Goal::AtMost(most) => value <= most,
        }
    }
}

impl Figure {
    /// A measured figure.
    pub fn new(name: &'static str, value: f64, unit: &'static str, goal: Goal, mut detail: Value) -> Self {
        if let Value::Object(members) = &mut detail {
            members.insert("machine".into(), machine());
        }
        Figure { name, value: Some(value), unit, goal: goal.words(), meets: Some(goal.met(value)), detail }
    }
}

impl Figure {
    /// A figure that could not be measured here, with the reason.
    pub fn missing(name: &'static str, unit: &'static str, goal: Goal, reason: String) -> Self {
        let detail = json!({ "reason": reason, "machine": machine() });
        Figure { name, value: None, unit, goal: goal.words(), meets: None, detail }
    }
}

fn machine() -> Value {
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        text.lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    });
    json!({ "cores": std::thread::available_parallelism().map_or(0, usize::from), "model": model })
}

/// The middle value. Empty lists have none, and there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Rates of both sides, round by round.
#[derive(Debug, Default)]
pub struct Sides {
    /// Ours.
    pub ours: Vec<f64>,
    /// The ceiling, measured next to it.
    pub ceiling: Vec<f64>,
}

impl Sides {
    /// Runs both sides in turn; each gives its rate. The first failure ends it.
    pub fn measure(
        rounds: usize,
        mut ours: impl FnMut(usize) -> Result<f64, Failed>,
        mut ceiling: impl FnMut(usize) -> Result<f64, Failed>,
    ) -> Result<Self, Failed> {
        let mut sides = Sides::default();
        for round in 0..rounds {
            // Whatever comes second finds the machine warmer: they take turns at it.
            if round % 2 == 0 {
                sides.ceiling.push(ceiling(round)?);
                sides.ours.push(ours(round)?);
            } else {
                sides.ours.push(ours(round)?);
                sides.ceiling.push(ceiling(round)?);
            }
            eprintln!("  round {}: ours {:.0}/s, ceiling {:.0}/s", round + 1, sides.ours[round], sides.ceiling[round]);
        }
        Ok(sides)
    }

    /// The median of the rounds' ratios.
    pub fn ratio(&self) -> f64 {
        median(&self.ratios())
    }

    fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.ceiling).map(|(ours, ceiling)| ours / ceiling).collect()
    }

    /// Both sides with their spread.
    pub fn detail(&self) -> Value {
        let side = |values: &[f64]| {
            json!({
                "median_per_s": median(values),
                "least_per_s": values.iter().copied().fold(f64::INFINITY, f64::min),
                "most_per_s": values.iter().copied().fold(0.0, f64::max),
            })
        };
        json!({ "ours": side(&self.ours), "ceiling": side(&self.ceiling), "ratios": self.ratios() })
    }
}
