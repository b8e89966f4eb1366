//! A network of processes against bw2calc, the engine of Brightway: one demand, factorisation included.
//!
//! Both sides have the same entries in memory before; what is timed is from there to the score. Ours gives the scores of
//! all processes at once. What does not agree to 1e-9 is no measurement.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use footprint::network::Network;
use serde::Serialize;
use serde_json::json;

use crate::Failed;
use crate::frame::{Figure, Goal, Plan, median};
use crate::peer::{Peer, SAME, number, python, same};

const NAME: &str = "network_vs_bw2calc";
const GOAL: Goal = Goal::AtLeast(10.0);
/// What the peer is.
const PACKAGES: [&str; 1] = ["bw2calc==3.1.0"];
/// Processes that many others use.
const HUBS: usize = 50;
/// How far back a process looks for its inputs, and how far ahead.
const BACK: usize = 300;
const AHEAD: usize = 100;
/// When the peer is not waited for any longer; then this is its time.
const MOST: Duration = Duration::from_secs(300);

/// A network: entries `(consumer, supplier, amount)`, and what a unit of each process emits.
#[derive(Serialize)]
struct Made {
    nodes: usize,
    entries: Vec<(usize, usize, f64)>,
    emissions: Vec<f64>,
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }

    fn share(&mut self) -> f64 {
        self.below(1_000_000) as f64 / 1e6
    }
}

impl Made {
    /// Each process draws 5 to 12 inputs from the 300 before it and 2 of 50 hubs; one in twenty also one from the 100
    /// after it. The inputs of a process sum to less than 0.6.
    fn new(nodes: usize) -> Self {
        let mut numbers = Numbers(1);
        let mut entries = Vec::new();
        for node in 0..nodes {
            let mut inputs = BTreeMap::new();
            for _ in 0..5 + numbers.below(8) {
                let back = 1 + numbers.below(BACK);
                if let Some(supplier) = node.checked_sub(back) {
                    inputs.insert(supplier, 0.05 + numbers.share());
                }
            }
            for _ in 0..2 {
                inputs.insert(numbers.below(HUBS) * (nodes / HUBS), 0.05 + numbers.share());
            }
            if numbers.below(20) == 0 {
                inputs.insert((node + 1 + numbers.below(AHEAD)).min(nodes - 1), 0.05 + numbers.share());
            }
            inputs.remove(&node);
            let sum: f64 = inputs.values().sum();
            let whole = 0.2 + 0.399 * numbers.share();
            entries.extend(inputs.into_iter().map(|(supplier, weight)| (node, supplier, weight / sum * whole)));
        }
        let emissions = (0..nodes).map(|_| 0.01 + numbers.share()).collect();
        Made { nodes, entries, emissions }
    }

    /// The scores of all processes, and the seconds they took.
    fn scores(&self) -> Result<(Vec<f64>, f64), Failed> {
        let began = Instant::now();
        let network = Network::new(self.nodes, &self.entries)?;
        let scores = std::hint::black_box(network.embedded(&self.emissions)?);
        Ok((scores, began.elapsed().as_secs_f64()))
    }
}

/// The ratio of the times of one demand.
pub fn measure(plan: Plan, folder: &Path) -> Result<Figure, Failed> {
    let made = Made::new(if plan.quick { 2_000 } else { 10_000 });
    let python = match python(&PACKAGES) {
        Ok(python) => python,
        Err(error) => return Ok(Figure::missing(NAME, "ratio", GOAL, format!("the peer's Python: {error}"))),
    };
    std::fs::create_dir_all(folder)?;
    let file = folder.join("network.json");
    std::fs::write(&file, serde_json::to_string(&made)?)?;
    let (scores, _) = made.scores()?;
    let mut peer = Peer::start(&python, "network.py", &[], &file)?;
    let (mut mine, mut theirs, mut finished) = (Vec::new(), Vec::new(), true);
    for round in 0..plan.rounds() {
        let times: Result<Vec<f64>, Failed> = (0..20).map(|_| Ok(made.scores()?.1)).collect();
        mine.push(median(&times?));
        // Another process each time, the last of the network first.
        let demand = made.nodes - 1 - round * (made.nodes / plan.rounds());
        let Some(answer) = peer.ask_within(&demand.to_string(), MOST)? else {
            theirs.push(MOST.as_secs_f64());
            finished = false;
            break;
        };
        same("score", scores[demand], number(&answer, "score")?)?;
        theirs.push(number(&answer, "seconds")?);
        eprintln!("  round {}: ours {:.2} ms, bw2calc {:.2} s", round + 1, mine[round] * 1e3, theirs[round]);
    }
    let ratios: Vec<f64> = theirs.iter().zip(&mine).map(|(theirs, mine)| theirs / mine).collect();
    let detail = json!({
        "processes": made.nodes, "entries": made.entries.len(), "ours_s": mine, "bw2calc_s": theirs, "ratios": ratios,
        "bw2calc_finished": finished, "packages": PACKAGES, "agree_to": SAME, "quick": plan.quick,
        "timed": "entries in memory to the score: ours of all processes, bw2calc's of one; one core each",
    });
    Ok(Figure::new(NAME, median(&ratios), "ratio", GOAL, detail))
}
