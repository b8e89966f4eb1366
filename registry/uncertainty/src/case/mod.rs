//! Cases: models with their inputs as a file states them, JSON or TOML, and what comes of them.
//!
//! A file is one case or a list of `cases`. A case has an `id`, a `kind` and, by kind, a `model` (a text, or a table of
//! outputs), `inputs` (`name`, `value`, `std_unc`, `dof`, `distribution`), `correlations` (triples, or
//! `"all pairs r=+1"`), a coverage probability `p`, limits. Nothing here reads a disk.

mod read;
mod run;
mod tree;

pub use run::{Answer, Assessment, Notice, OutputAnswer, Propagated};

use crate::correlation::{Correlation, CorrelationError};
use crate::decision::{DecisionRule, Tolerance, ToleranceError};
use crate::model::{EvaluationError, ModelError};
use crate::montecarlo::{MonteCarloError, Settings};
use crate::propagate::SecondOrderError;
use crate::quantities::{Input, QuantityError};
use crate::risk::{Process, RiskError};
use tree::Tree;

/// What a case asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Value and standard uncertainty to first order.
    Linear,
    /// Standard uncertainty with second-order terms.
    LinearSecondOrder,
    /// Effective degrees of freedom.
    WelchSatterthwaite,
    /// Propagation of distributions.
    MonteCarlo,
    /// Probability of conformity of one item.
    ConformitySpecific,
    /// Risks of all items of a kind.
    ConformityGlobal,
}

impl Kind {
    /// Every kind by its name.
    const NAMES: [(&'static str, Kind); 6] = [
        ("linear", Kind::Linear),
        ("linear_second_order", Kind::LinearSecondOrder),
        ("welch_satterthwaite", Kind::WelchSatterthwaite),
        ("monte_carlo", Kind::MonteCarlo),
        ("conformity_specific", Kind::ConformitySpecific),
        ("conformity_global", Kind::ConformityGlobal),
    ];

    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<Kind> {
        Kind::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        // Every kind is in the table.
        Kind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// Why a file or a case gives no answer. The path names the field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CaseError {
    /// Neither JSON nor TOML.
    #[error("{0}")]
    Syntax(String),
    /// Something is not there.
    #[error("{path} is missing: {remedy}")]
    Missing {
        /// Where it belongs.
        path: String,
        /// What to write.
        remedy: &'static str,
    },
    /// Something is of another type.
    #[error("{path} is {found}, but must be {wanted}")]
    Type {
        /// Where it is.
        path: String,
        /// What belongs there.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A word or number that has no meaning there.
    #[error("{path} is {found}, but must be {wanted}")]
    Value {
        /// Where it is.
        path: String,
        /// What is there.
        found: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A kind that describes its set-up in words.
    #[error(
        "kind {kind} cannot be run from a file; linear, linear_second_order, welch_satterthwaite, monte_carlo, \
         conformity_specific and conformity_global can"
    )]
    Kind {
        /// The kind.
        kind: String,
    },
    /// A set-up in words.
    #[error("{path} is in words; state a number")]
    Words {
        /// Where it is.
        path: String,
    },
    /// No case of that id.
    #[error("there is no case {id}; there are {}", .known.join(", "))]
    UnknownId {
        /// The id asked for.
        id: String,
        /// The ids of the file.
        known: Vec<String>,
    },
    /// Inputs or correlations.
    #[error("{0}")]
    Quantity(#[from] QuantityError),
    /// Correlations that are too many to list.
    #[error("{0}")]
    Correlation(#[from] CorrelationError),
    /// The model.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The model at the estimates.
    #[error("{0}")]
    Evaluation(#[from] EvaluationError),
    /// Second-order terms, where the case asks for them.
    #[error("{0}")]
    SecondOrder(#[from] SecondOrderError),
    /// Monte Carlo, where the case asks for it.
    #[error("{0}")]
    MonteCarlo(#[from] MonteCarloError),
    /// Limits.
    #[error("{0}")]
    Tolerance(#[from] ToleranceError),
    /// Global risks.
    #[error("{0}")]
    Risk(#[from] RiskError),
}

impl CaseError {
    /// Whether the case describes what it is about for people, so that there is nothing to run.
    pub fn is_for_people(&self) -> bool {
        matches!(self, CaseError::Kind { .. } | CaseError::Words { .. })
    }

    /// The field that is meant, where it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            CaseError::Missing { path, .. }
            | CaseError::Type { path, .. }
            | CaseError::Value { path, .. }
            | CaseError::Words { path } => Some(path),
            CaseError::Kind { .. } => Some("kind"),
            CaseError::UnknownId { .. } => Some("id"),
            CaseError::Quantity(QuantityError::Correlation(_)) | CaseError::Correlation(_) => Some("correlations"),
            CaseError::Quantity(_) => Some("inputs"),
            CaseError::Model(_) | CaseError::Evaluation(_) | CaseError::SecondOrder(_) => Some("model"),
            CaseError::MonteCarlo(MonteCarloError::Setting { setting, .. }) => Some(setting),
            CaseError::MonteCarlo(_) => Some("model"),
            CaseError::Tolerance(_) => Some("limits"),
            CaseError::Risk(_) => Some("setup"),
            CaseError::Syntax(_) => None,
        }
    }
}

/// A file of cases. A case is understood when it is asked for, so that one that cannot be run does not stop the others.
#[derive(Debug, Clone)]
pub struct CaseFile {
    cases: Vec<Entry>,
    listed: bool,
}

/// A case of a file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id; the number from one where it has none.
    pub id: String,
    /// Its kind, as written.
    pub kind: String,
    /// Its title.
    pub title: Option<String>,
    path: String,
    tree: Tree,
}

impl CaseFile {
    /// Reads JSON (a text that begins with `{`) or TOML.
    ///
    /// # Errors
    /// [`CaseError`] for a text that is neither, or a case without a kind.
    pub fn from_text(text: &str) -> Result<Self, CaseError> {
        let tree = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| CaseError::Syntax(format!("not JSON: {error}")))?
        } else {
            toml::from_str(text).map_err(|error| CaseError::Syntax(format!("not TOML: {error}")))?
        };
        let (cases, listed) = read::entries(tree)?;
        Ok(CaseFile { cases, listed })
    }

    /// Whether the file lists its cases, rather than being one.
    pub fn is_list(&self) -> bool {
        self.listed
    }

    /// The cases, in their order.
    pub fn cases(&self) -> &[Entry] {
        &self.cases
    }

    /// The case of this id.
    ///
    /// # Errors
    /// [`CaseError::UnknownId`].
    pub fn case(&self, id: &str) -> Result<&Entry, CaseError> {
        let unknown = || CaseError::UnknownId {
            id: id.to_owned(),
            known: self.cases.iter().map(|case| case.id.clone()).collect(),
        };
        self.cases.iter().find(|case| case.id == id).ok_or_else(unknown)
    }
}

impl Entry {
    /// What the case says.
    ///
    /// # Errors
    /// [`CaseError`].
    pub fn case(&self) -> Result<Case, CaseError> {
        let kind = Kind::by_name(&self.kind).ok_or_else(|| CaseError::Kind { kind: self.kind.clone() })?;
        read::case(kind, &self.path, &self.tree)
    }
}

/// A case as it was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it asks.
    pub kind: Kind,
    /// About what.
    pub question: Question,
    /// Paths of what has no meaning here: perhaps a name is misspelt.
    pub unread: Vec<String>,
}

/// What a case is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A model and its inputs.
    Model(ModelCase),
    /// An estimate against limits.
    Specific(SpecificCase),
    /// Items of a kind against limits.
    Global(GlobalCase),
}

/// A model and its inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCase {
    /// The name and the expression of each output.
    pub outputs: Vec<(String, String)>,
    /// Whether the file names the outputs.
    pub named: bool,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// Their units, where stated.
    pub units: Vec<Option<String>>,
    /// Their correlations.
    pub correlations: Vec<Correlation>,
    /// Coverage probability, seed and draws.
    pub settings: Settings,
}

/// An estimate against limits.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecificCase {
    /// The estimate.
    pub estimate: f64,
    /// Its standard uncertainty.
    pub standard_uncertainty: f64,
    /// Where the true value must lie.
    pub tolerance: Tolerance,
    /// The rule of decision.
    pub rule: DecisionRule,
}

/// Items of a kind against limits.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalCase {
    /// How items vary and are measured.
    pub process: Process,
    /// Where a true value must lie.
    pub tolerance: Tolerance,
    /// Where an estimate is accepted.
    pub acceptance: Tolerance,
}
