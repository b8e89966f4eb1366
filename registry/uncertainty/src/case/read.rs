//! From the tree of a file to cases.

use super::tree::{Field, Table, Tree};
use super::{Case, CaseError, Entry, GlobalCase, Kind, ModelCase, Question, SpecificCase};
use crate::correlation::Correlation;
use crate::decision::{DecisionRule, Tolerance};
use crate::distribution::Distribution;
use crate::model::SOLE_OUTPUT;
use crate::montecarlo::{Seed, Settings};
use crate::quantities::{Input, Quantities};
use crate::risk::Process;

/// What a case may say to its reader: it has no part in the computation.
const FOR_READERS: &[&str] = &[
    "id",
    "kind",
    "title",
    "source",
    "note",
    "published",
    "expected",
    "tolerance",
    "budget",
    "scale",
    "unit",
    "about",
    "runnable",
];
/// The same of an input.
const INPUT_FOR_READERS: &[&str] = &["note", "source", "title"];

/// Names that an answer has beside those of outputs.
const RESERVED: &[&str] = &["id", "kind", "title", "corr", "sources", "notices", "error"];

/// Draws of a case that asks for Monte Carlo: the ends of an interval then stand to some 0.1 % of the standard uncertainty.
const MIN_DRAWS: u64 = 5_000_000;
/// Draws of a case that does not: enough to see whether first order misleads.
const CROSS_CHECK_DRAWS: u64 = 1_000_000;

/// The cases of a file: those in `cases`, or the whole file; and whether it lists them.
pub(super) fn entries(tree: Tree) -> Result<(Vec<Entry>, bool), CaseError> {
    let whole = Field::new("", &tree).table()?;
    let (parts, listed) = match whole.get("cases") {
        Some(cases) => (cases.list()?, true),
        None => (vec![Field::new("", &tree)], false),
    };
    if parts.is_empty() {
        return Err(CaseError::Missing { path: "cases".to_owned(), remedy: "state at least one case" });
    }
    let entry = |(at, part): (usize, Field<'_>)| {
        let table = part.table()?;
        let kind = table.need(
            "kind",
            "write one of linear, linear_second_order, welch_satterthwaite, monte_carlo, \
                                       conformity_specific, conformity_global",
        )?;
        let id = table.text("id")?.map_or_else(|| (at + 1).to_string(), str::to_owned);
        let title = table.text("title")?.map(str::to_owned);
        Ok(Entry { id, kind: kind.text()?.to_owned(), title, path: part.path.clone(), tree: part.tree().clone() })
    };
    Ok((parts.into_iter().enumerate().map(entry).collect::<Result<_, CaseError>>()?, listed))
}

/// A case by its kind.
pub(super) fn case(kind: Kind, path: &str, tree: &Tree) -> Result<Case, CaseError> {
    let table = Field::new(path, tree).table()?;
    let mut unread = Vec::new();
    let question = match kind {
        Kind::Linear | Kind::LinearSecondOrder | Kind::WelchSatterthwaite | Kind::MonteCarlo => {
            Question::Model(model(kind, &table, &mut unread)?)
        }
        Kind::ConformitySpecific => Question::Specific(specific(&table)?),
        Kind::ConformityGlobal => Question::Global(global(&table)?),
    };
    unread.extend(table.unread(FOR_READERS));
    Ok(Case { kind, question, unread })
}

fn model(kind: Kind, table: &Table<'_>, unread: &mut Vec<String>) -> Result<ModelCase, CaseError> {
    let model = table.need("model", "write an expression such as \"V/I\", or a table of outputs")?;
    let (outputs, named) = match model.tree() {
        Tree::Table(_) => {
            let outputs = model.table()?;
            let one = |(name, field): (&str, Field<'_>)| {
                if RESERVED.contains(&name) {
                    let wanted = "another name: answers use this one themselves";
                    return Err(CaseError::Value { path: field.path, found: name.to_owned(), wanted });
                }
                Ok((name.to_owned(), field.text()?.to_owned()))
            };
            (outputs.all().map(one).collect::<Result<_, CaseError>>()?, true)
        }
        Tree::Text(text) => (vec![(SOLE_OUTPUT.to_owned(), text.clone())], false),
        _ => return Err(model.wrong("a text or a table of outputs")),
    };
    let mut inputs = Vec::new();
    let mut units = Vec::new();
    for field in table.need("inputs", "list the inputs with name, value and std_unc")?.list()? {
        let input_table = field.table()?;
        inputs.push(input(&input_table, &field.path, unread)?);
        units.push(input_table.text("unit")?.map(str::to_owned));
        unread.extend(input_table.unread(INPUT_FOR_READERS));
    }
    let correlations = match table.get("correlations") {
        None => Vec::new(),
        Some(field) => correlations(&field, &inputs)?,
    };
    let settings = settings(kind, table)?;
    Ok(ModelCase { outputs, named, inputs, units, correlations, settings })
}

fn settings(kind: Kind, table: &Table<'_>) -> Result<Settings, CaseError> {
    let standard = Settings::default();
    let least = if kind == Kind::MonteCarlo { MIN_DRAWS } else { CROSS_CHECK_DRAWS };
    let min_draws = whole(table, "draws")?.unwrap_or(least);
    // A cross-check does not go on until it is stable.
    let max_draws = if kind == Kind::MonteCarlo { standard.max_draws.max(min_draws) } else { min_draws };
    let digits = whole(table, "digits")?.map_or(standard.digits, |digits| u32::try_from(digits).unwrap_or(u32::MAX));
    let seed = whole(table, "seed")?.map_or(standard.seed, Seed::from_number);
    let probability = table.number("p")?.unwrap_or(standard.probability);
    if !(probability > 0.0 && probability < 1.0) {
        let found = probability.to_string();
        let wanted = "a coverage probability above 0 and below 1, such as 0.95";
        return Err(CaseError::Value { path: "p".to_owned(), found, wanted });
    }
    Ok(Settings { seed, probability, min_draws, max_draws, digits, ..standard })
}

/// A whole number, zero or more.
fn whole(table: &Table<'_>, name: &str) -> Result<Option<u64>, CaseError> {
    // Up to here every whole number is exact.
    const MOST: f64 = 9_007_199_254_740_992.0;
    let Some(field) = table.get(name) else { return Ok(None) };
    let number = field.number()?;
    if (0.0..=MOST).contains(&number) && number == libm::trunc(number) {
        return Ok(Some(number as u64));
    }
    Err(CaseError::Value { path: field.path, found: number.to_string(), wanted: "a whole number, zero or more" })
}

fn input(table: &Table<'_>, path: &str, unread: &mut Vec<String>) -> Result<Input, CaseError> {
    let name = table.need("name", "give the name that the model uses")?.text()?;
    let value = table.number("value")?;
    let relative = table.number("rel_std_unc")?;
    let std_unc = table.number("std_unc")?.or_else(|| Some(relative? * value?.abs()));
    let dof = table.number("dof")?;
    let distribution = match table.get("distribution") {
        None => None,
        Some(field) => {
            let parameters = field.table()?;
            let distribution = distribution(&parameters, value, std_unc, dof)?;
            unread.extend(parameters.unread(&[]));
            // Moments are taken from it below, so its parameters must be possible.
            let impossible = |error: crate::distribution::DistributionError| CaseError::Value {
                path: format!("{}.{}", field.path, error.parameter),
                found: error.value.to_string(),
                wanted: error.wanted,
            };
            Some(distribution.checked().map_err(impossible)?)
        }
    };
    let missing = |field: &str, remedy| CaseError::Missing { path: format!("{path}.{field}"), remedy };
    let value = value
        .or_else(|| distribution.map(|distribution| distribution.mean()))
        .ok_or_else(|| missing("value", "state the estimate, or a distribution"))?;
    let std_unc = std_unc
        .or_else(|| distribution.and_then(|distribution| distribution.sd()))
        .ok_or_else(|| missing("std_unc", "state the standard uncertainty (0 for a constant), or a distribution"))?;
    Ok(Input { name: name.to_owned(), value, standard_uncertainty: std_unc, dof, distribution })
}

/// A distribution. Mean, standard deviation and degrees of freedom that it does not state are those of its input.
fn distribution(
    table: &Table<'_>,
    value: Option<f64>,
    std_unc: Option<f64>,
    dof: Option<f64>,
) -> Result<Distribution, CaseError> {
    let of_type = table.need("type", "write normal, uniform, triangular, arcsine, t, trapezoid, ctrap or lognormal")?;
    let need = |name: &str, other: Option<f64>, remedy| match (table.number(name)?, other) {
        (Some(number), _) | (None, Some(number)) => Ok(number),
        (None, None) => table.need(name, remedy)?.number(),
    };
    let limit = |name| need(name, None, "state the limits a and b");
    let mean = || need("mean", value, "state the mean");
    let sd = || need("sd", std_unc, "state the standard deviation");
    Ok(match of_type.text()? {
        "normal" | "gaussian" => Distribution::Normal { mean: mean()?, sd: sd()? },
        "uniform" | "rectangular" => Distribution::Uniform { a: limit("a")?, b: limit("b")? },
        "triangular" => Distribution::Triangular { a: limit("a")?, b: limit("b")? },
        "arcsine" | "u_shaped" => Distribution::Arcsine { a: limit("a")?, b: limit("b")? },
        "trapezoid" | "trapezoidal" => {
            let beta = need("beta", None, "state the width of the top divided by that of the base")?;
            Distribution::Trapezoid { a: limit("a")?, b: limit("b")?, beta }
        }
        "ctrap" | "curvilinear_trapezoid" => {
            let d = need("d", None, "state the half-width of what is known of each limit")?;
            Distribution::CurvilinearTrapezoid { a: limit("a")?, b: limit("b")?, d }
        }
        "t" | "student" | "student_t" => {
            let (mean, dof) = (mean()?, need("dof", dof, "state the degrees of freedom")?);
            // Without a scale the stated standard uncertainty is the standard deviation, as for any distribution.
            match table.number("scale")? {
                Some(scale) => Distribution::StudentT { mean, scale, dof },
                None if dof > 2.0 => Distribution::student_with(mean, sd()?, dof),
                None => {
                    let remedy = "with two degrees of freedom or fewer there is no standard deviation; state the scale";
                    Distribution::StudentT { mean, scale: need("scale", None, remedy)?, dof }
                }
            }
        }
        "lognormal" if table.get("mu").is_some() || table.get("sigma").is_some() => {
            let of_logarithm = |name| need(name, None, "state both mu and sigma of the logarithm");
            Distribution::Lognormal { mu: of_logarithm("mu")?, sigma: of_logarithm("sigma")? }
        }
        "lognormal" => {
            let mean = mean()?;
            if mean <= 0.0 {
                let (path, found) = (format!("{}.mean", table.path()), mean.to_string());
                return Err(CaseError::Value { path, found, wanted: "above zero for a lognormal quantity" });
            }
            Distribution::lognormal_with(mean, sd()?)
        }
        other => {
            let wanted = "normal, uniform, triangular, arcsine, t, trapezoid, ctrap or lognormal";
            return Err(CaseError::Value { path: of_type.path, found: other.to_owned(), wanted });
        }
    })
}

/// Triples of two names and a coefficient, or one coefficient for all pairs.
fn correlations(field: &Field<'_>, inputs: &[Input]) -> Result<Vec<Correlation>, CaseError> {
    const WANTED: &str = "a list of [name, name, r], or \"all pairs r=\" with a number";
    if let Tree::Text(text) = field.tree() {
        let r = text.trim().strip_prefix("all pairs r=").and_then(|r| r.trim().parse::<f64>().ok());
        let wrong = || CaseError::Value { path: field.path.clone(), found: text.clone(), wanted: WANTED };
        return Ok(Quantities::all_pairs(inputs, r.ok_or_else(wrong)?)?);
    }
    let one = |pair: Field<'_>| match pair.list()?.as_slice() {
        [a, b, r] => Ok(Correlation::new(a.text()?, b.text()?, r.number()?)),
        _ => Err(pair.wrong("a list of two names and a number")),
    };
    field.list()?.into_iter().map(one).collect()
}

fn specific(table: &Table<'_>) -> Result<SpecificCase, CaseError> {
    let number = |name, remedy| table.need(name, remedy)?.number();
    let estimate = number("estimate", "state the estimate")?;
    let standard_uncertainty = number("std_unc", "state its standard uncertainty")?;
    if !estimate.is_finite() {
        let wanted = "a finite number";
        return Err(CaseError::Value { path: "estimate".to_owned(), found: estimate.to_string(), wanted });
    }
    if !standard_uncertainty.is_finite() || standard_uncertainty < 0.0 {
        let (path, found) = ("std_unc".to_owned(), standard_uncertainty.to_string());
        return Err(CaseError::Value { path, found, wanted: "a finite number, zero or more" });
    }
    let tolerance = Tolerance::new(table.number("lower_limit")?, table.number("upper_limit")?)?;
    let rule = table.get("rule").map_or(Ok(DecisionRule::Simple), |field| rule(&field.table()?))?;
    Ok(SpecificCase { estimate, standard_uncertainty, tolerance, rule })
}

fn rule(table: &Table<'_>) -> Result<DecisionRule, CaseError> {
    const WANTED: &str = "simple, guarded or specific_risk";
    let of_type = table.need("type", "write simple, guarded or specific_risk")?;
    Ok(match of_type.text()? {
        "simple" => DecisionRule::Simple,
        "guarded" => {
            let field = table.need("multiple", "state the guard band divided by the standard uncertainty")?;
            let multiple = field.number()?;
            if !multiple.is_finite() || multiple < 0.0 {
                let found = multiple.to_string();
                return Err(CaseError::Value { path: field.path, found, wanted: "a finite number, zero or more" });
            }
            DecisionRule::Guarded { multiple }
        }
        "specific_risk" => {
            let field = table.need("risk", "state the largest probability of a wrong decision")?;
            let risk = field.number()?;
            if !(risk > 0.0 && risk < 1.0) {
                return Err(CaseError::Value {
                    path: field.path,
                    found: risk.to_string(),
                    wanted: "above 0 and below 1",
                });
            }
            DecisionRule::SpecificRisk { risk }
        }
        other => return Err(CaseError::Value { path: of_type.path, found: other.to_owned(), wanted: WANTED }),
    })
}

fn global(table: &Table<'_>) -> Result<GlobalCase, CaseError> {
    let setup = table.need("setup", "state prior, measurement_sd, tolerance and acceptance")?.table()?;
    let prior = setup.need("prior", "state type, mean and sd of the items")?.table()?;
    let of_type = prior.need("type", "write normal")?;
    if of_type.text()? != "normal" {
        let found = of_type.text()?.to_owned();
        return Err(CaseError::Value { path: of_type.path, found, wanted: "normal" });
    }
    let number = |field: Field<'_>| match field.tree() {
        Tree::Text(_) => Err(CaseError::Words { path: field.path }),
        _ => field.number(),
    };
    let process = Process {
        mean: number(prior.need("mean", "state the mean of the items")?)?,
        sd: number(prior.need("sd", "state the standard deviation of the items")?)?,
        measurement_sd: number(setup.need("measurement_sd", "state the standard uncertainty of a measurement")?)?,
    };
    let interval = |name, remedy| {
        let field = setup.need(name, remedy)?;
        let ends = match field.list()?.as_slice() {
            [low, high] => [low.clone(), high.clone()],
            _ => return Err(field.wrong("a list of a lower and an upper limit")),
        };
        // An open end is null.
        let end = |end: &Field<'_>| if *end.tree() == Tree::Nothing { Ok(None) } else { end.number().map(Some) };
        Ok(Tolerance::new(end(&ends[0])?, end(&ends[1])?)?)
    };
    let tolerance = interval("tolerance", "state lower and upper limit of what conforms")?;
    let acceptance = interval("acceptance", "state lower and upper limit of what is accepted")?;
    Ok(GlobalCase { process, tolerance, acceptance })
}
