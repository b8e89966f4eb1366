//! Uncertainty budgets against GTC and numpy: the case SCALE-A, a sum of 5,000 products of 10,000 inputs over 50 shared
//! sources, y = Σ xᵢ·(1 + c_g(i))·fᵢ with g(i) = i mod 50.
//!
//! Model and inputs are made before, on every side, from one file; what is timed is from there to the result. What does not
//! agree to 1e-9 is no measurement.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uncertainty::{FirstOrder, Input, Model, ModelBuilder, Quantities, Seed, Settings, Workspace, draw, propagate_in};

use crate::Failed;
use crate::frame::{Figure, Goal, Plan, median};
use crate::peer::{Peer, SAME, number, python, same};

/// Products of the sum.
const PRODUCTS: usize = 5_000;
/// Shared sources.
const SHARED: usize = 50;
/// What the peers are, with their versions.
const PACKAGES: [&str; 2] = ["GTC==1.5.1", "numpy==2.4.6"];
/// Their script.
const SCRIPT: &str = "budget.py";
/// How many standard deviations of the difference two simulations may be apart: once in 16,000 runs more by chance.
const APART: f64 = 4.0;

/// The file that every side reads.
#[derive(Serialize, Deserialize)]
struct Numbers {
    x: Vec<f64>,
    ux: Vec<f64>,
    f: Vec<f64>,
    uf: Vec<f64>,
    uc: Vec<f64>,
}

impl Numbers {
    /// As `shared/data/uncertainty-cases.json` states them.
    fn of_the_case() -> Self {
        let of = |number: &dyn Fn(u32) -> f64, count: usize| (0..count as u32).map(number).collect();
        let x = |i: u32| 10.0 + f64::from((i * 7_919) % 1_000) / 10.0;
        let f = |i: u32| 0.1 + f64::from((i * 104_729) % 997) / 1_000.0;
        Numbers {
            x: of(&x, PRODUCTS),
            ux: of(&|i| (0.005 + f64::from((i * 31) % 7) * 0.001) * x(i), PRODUCTS),
            f: of(&f, PRODUCTS),
            uf: of(&|i| (0.02 + f64::from((i * 17) % 11) * 0.005) * f(i), PRODUCTS),
            uc: of(&|g| 0.01 + 0.0002 * f64::from(g), SHARED),
        }
    }

    fn prepared(&self) -> Result<Ours, Failed> {
        let named = |kind: char, values: &[f64], us: &[f64]| {
            let pairs = values.iter().zip(us).enumerate();
            pairs.map(|(i, (value, u))| Input::new(format!("{kind}{i}"), *value, *u)).collect::<Vec<_>>()
        };
        let zero = vec![0.0; self.uc.len()];
        let inputs = [named('x', &self.x, &self.ux), named('f', &self.f, &self.uf), named('c', &zero, &self.uc)];
        let quantities = Quantities::new(inputs.concat(), &[])?;
        let mut build = ModelBuilder::new(quantities.names().clone())?;
        let (count, one) = (self.x.len(), build.constant(1.0));
        let factors = (0..self.uc.len())
            .map(|g| {
                let c = build.input(2 * count + g)?;
                build.add(one, c)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut sum = build.constant(0.0);
        for i in 0..count {
            let corrected = build.multiply(build.input(i)?, factors[i % factors.len()])?;
            let product = build.multiply(corrected, build.input(count + i)?)?;
            sum = build.add(sum, product)?;
        }
        Ok(Ours { model: build.finish([("y", sum)])?, quantities, workspace: Workspace::default() })
    }
}

struct Ours {
    model: Model,
    quantities: Quantities,
    workspace: Workspace,
}

impl Ours {
    /// Value, uncertainty, sensitivity, contribution and share of every input; and the seconds it took.
    fn budget(&mut self) -> Result<(FirstOrder, f64), Failed> {
        let began = Instant::now();
        let found = propagate_in(&self.model, &self.quantities, &mut self.workspace)?;
        let first = found.into_iter().next().ok_or("no output")?;
        let shares = std::hint::black_box(first.shares(&self.quantities));
        let seconds = began.elapsed().as_secs_f64();
        if shares.len() != self.quantities.names().len() {
            return Err("a budget without all its lines".into());
        }
        Ok((first, seconds))
    }

    /// The median of many.
    fn median(&mut self, count: usize) -> Result<f64, Failed> {
        let times: Result<Vec<f64>, Failed> = (0..count).map(|_| Ok(self.budget()?.1)).collect();
        Ok(median(&times?))
    }
}

fn spread(values: &[f64]) -> Value {
    json!({
        "median_s": median(values),
        "least_s": values.iter().copied().fold(f64::INFINITY, f64::min),
        "most_s": values.iter().copied().fold(0.0, f64::max),
    })
}

/// Name, unit and goal of each figure.
const FIGURES: [(&str, &str, Goal); 3] = [
    ("budget_vs_gtc", "ratio", Goal::AtLeast(5_000.0)),
    ("budget_vs_numpy", "ratio", Goal::AtMost(5.0)),
    ("monte_carlo_vs_numpy", "ratio", Goal::AtLeast(4.0)),
];

/// All three.
pub fn measure(plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let python = match python(&PACKAGES) {
        Ok(python) => python,
        Err(error) => {
            let reason = format!("the peers' Python: {error}");
            return Ok(FIGURES.map(|(name, unit, goal)| Figure::missing(name, unit, goal, reason.clone())).into());
        }
    };
    std::fs::create_dir_all(folder)?;
    let file = folder.join("scale-a.json");
    std::fs::write(&file, serde_json::to_string(&Numbers::of_the_case())?)?;
    let numbers: Numbers = serde_json::from_slice(&std::fs::read(&file)?)?;
    let mut ours = numbers.prepared()?;
    Ok(vec![
        against_gtc(plan, &mut ours, &python, &file)?,
        against_numpy(plan, &mut ours, &python, &file)?,
        draws(plan, &ours, &python, &file)?,
    ])
}

/// What counts is GTC at its best: products added pair by pair, which its user may write and which takes a small part of
/// what GTC's own `sum` takes. The detail has both, and the ratio that the other would give.
fn against_gtc(plan: Plan, ours: &mut Ours, python: &Path, file: &Path) -> Result<Figure, Failed> {
    let mut gtc = Peer::start(python, SCRIPT, &["gtc"], file)?;
    let check = gtc.ask("check")?;
    let (first, _) = ours.budget()?;
    same("value", first.value, number(&check, "value")?)?;
    same("standard uncertainty", first.standard_uncertainty, number(&check, "u")?)?;
    let components = check["components"].as_array().ok_or("the peer's answer has no components")?;
    if components.len() != first.contributions.len() {
        return Err(format!("{} components, not {}", components.len(), first.contributions.len()).into());
    }
    for ((theirs, ours), name) in components.iter().zip(&first.contributions).zip(ours.quantities.names().iter()) {
        // GTC gives magnitudes.
        same(name, ours.abs(), theirs.as_f64().ok_or("a component is no number")?.abs())?;
    }
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds() {
        let turn = |peer: &mut Peer| number(&peer.ask("pairwise")?, "seconds");
        if round % 2 == 0 {
            theirs.push(turn(&mut gtc)?);
            mine.push(ours.median(200)?);
        } else {
            mine.push(ours.median(200)?);
            theirs.push(turn(&mut gtc)?);
        }
        eprintln!("  round {}: ours {:.1} µs, GTC {:.3} s", round + 1, mine[round] * 1e6, theirs[round]);
    }
    let by_sum = number(&gtc.ask("sum")?, "seconds")?;
    let ratios: Vec<f64> = theirs.iter().zip(&mine).map(|(theirs, mine)| theirs / mine).collect();
    let detail = json!({
        "case": "SCALE-A: 5,000 products, 10,000 inputs, 50 shared sources; all 10,050 lines of the budget",
        "ours": spread(&mine), "gtc": spread(&theirs), "ratios": ratios, "packages": PACKAGES,
        "gtc_adding": "pair by pair", "gtc_function_sum_s": by_sum, "ratio_function_sum": by_sum / median(&mine),
        "timed": "from prepared inputs and model to value, uncertainty, contribution and share of every input",
        "agree_to": SAME, "quick": plan.quick,
    });
    let (name, unit, goal) = FIGURES[0];
    Ok(Figure::new(name, median(&ratios), unit, goal, detail))
}

fn against_numpy(plan: Plan, ours: &mut Ours, python: &Path, file: &Path) -> Result<Figure, Failed> {
    let mut numpy = Peer::start(python, SCRIPT, &["numpy"], file)?;
    let (first, _) = ours.budget()?;
    same("standard uncertainty", first.standard_uncertainty, number(&numpy.ask("100")?, "u")?)?;
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds() {
        let turn = |peer: &mut Peer| number(&peer.ask("1000")?, "seconds");
        if round % 2 == 0 {
            theirs.push(turn(&mut numpy)?);
            mine.push(ours.median(1_000)?);
        } else {
            mine.push(ours.median(1_000)?);
            theirs.push(turn(&mut numpy)?);
        }
        eprintln!("  round {}: ours {:.1} µs, numpy {:.1} µs", round + 1, mine[round] * 1e6, theirs[round] * 1e6);
    }
    let ratios: Vec<f64> = mine.iter().zip(&theirs).map(|(mine, theirs)| mine / theirs).collect();
    let detail = json!({
        "case": "SCALE-A", "ours": spread(&mine), "numpy": spread(&theirs), "ratios": ratios, "packages": PACKAGES,
        "timed": "ours gives the whole budget, numpy the standard uncertainty alone", "agree_to": SAME,
        "quick": plan.quick,
    });
    let (name, unit, goal) = FIGURES[1];
    Ok(Figure::new(name, median(&ratios), unit, goal, detail))
}

fn draws(plan: Plan, ours: &Ours, python: &Path, file: &Path) -> Result<Figure, Failed> {
    let count: usize = if plan.quick { 10_240 } else { 40_960 };
    let mut numpy = Peer::start(python, SCRIPT, &["draws"], file)?;
    numpy.ask("512")?;
    let (mut mine, mut theirs, mut piece) = (Vec::new(), Vec::new(), Value::Null);
    let (mut here, mut there) = (Moments::default(), Moments::default());
    for round in 0..plan.rounds() {
        let mut turn = |peer: &mut Peer| -> Result<f64, Failed> {
            let answer = peer.ask(&count.to_string())?;
            there.add(count as f64, number(&answer, "mean")?, number(&answer, "u")?);
            piece = answer["piece"].clone();
            Ok(count as f64 / number(&answer, "seconds")?)
        };
        let mut run = || -> Result<f64, Failed> {
            let seed = Seed::from_number(round as u64 + 1);
            let settings = Settings { seed, threads: 1, ..Settings::default() };
            let began = Instant::now();
            let found = draw(&ours.model, &ours.quantities, &settings, count as u64)?;
            let values = found.first().ok_or("no output")?;
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let u = (values.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / (n - 1.0)).sqrt();
            let seconds = began.elapsed().as_secs_f64();
            here.add(n, mean, u);
            Ok(n / seconds)
        };
        if round % 2 == 0 {
            theirs.push(turn(&mut numpy)?);
            mine.push(run()?);
        } else {
            mine.push(run()?);
            theirs.push(turn(&mut numpy)?);
        }
        eprintln!("  round {}: ours {:.0} draws/s, numpy {:.0} draws/s", round + 1, mine[round], theirs[round]);
    }
    // Two estimates of one mean, and of one standard deviation (of normal draws: u/√(2n)).
    let (n, m) = (here.count, there.count);
    let (mean, u) = (here.mean() - there.mean(), here.u() - there.u());
    let of_mean = there.u() * (1.0 / n + 1.0 / m).sqrt();
    let of_u = there.u() * (0.5 / n + 0.5 / m).sqrt();
    if mean.abs() > APART * of_mean || u.abs() > APART * of_u {
        let (ours, numpy) = ((here.mean(), here.u()), (there.mean(), there.u()));
        return Err(format!("mean and u {ours:?} are not numpy's {numpy:?} within their own error").into());
    }
    let ratios: Vec<f64> = mine.iter().zip(&theirs).map(|(mine, theirs)| mine / theirs).collect();
    let rates = |values: &[f64]| {
        json!({
            "median_draws_per_s": median(values),
            "least_draws_per_s": values.iter().copied().fold(f64::INFINITY, f64::min),
            "most_draws_per_s": values.iter().copied().fold(0.0, f64::max),
        })
    };
    let detail = json!({
        "case": "SCALE-A, 10,050 normal inputs a draw, one thread each", "draws_a_round": count,
        "ours": rates(&mine), "numpy": rates(&theirs), "ratios": ratios, "packages": PACKAGES,
        "numpy_draws_a_piece": piece, "mean": [here.mean(), there.mean()], "u": [here.u(), there.u()],
        "quick": plan.quick,
    });
    let (name, unit, goal) = FIGURES[2];
    Ok(Figure::new(name, median(&ratios), unit, goal, detail))
}

/// Mean and standard deviation over several runs.
#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, count: f64, mean: f64, u: f64) {
        self.count += count;
        self.sum += count * mean;
        self.squares += (count - 1.0) * u * u;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Within the runs.
    fn u(&self) -> f64 {
        (self.squares / self.count).sqrt()
    }
}

/// Flame graphs of both engines.
pub fn profile(plan: Plan) -> Result<(), Failed> {
    let mut ours = Numbers::of_the_case().prepared()?;
    crate::profile::record("budget", || {
        let began = Instant::now();
        while began.elapsed() < plan.side() {
            ours.budget()?;
        }
        Ok(())
    })?;
    let ours = Numbers::of_the_case().prepared()?;
    crate::profile::record("monte-carlo", || {
        let settings = Settings { threads: 1, ..Settings::default() };
        let began = Instant::now();
        while began.elapsed() < plan.side() {
            std::hint::black_box(draw(&ours.model, &ours.quantities, &settings, 4_096)?);
        }
        Ok(())
    })
}
