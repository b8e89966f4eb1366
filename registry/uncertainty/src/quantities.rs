//! Input quantities with their standard uncertainties, degrees of freedom, distributions and correlations, checked.

use crate::correlation::{Cluster, Correlation, CorrelationError, MAX_CORRELATIONS, clusters};
use crate::distribution::{Distribution, DistributionError};
use crate::model::{MAX_INPUTS, Names};

/// An input quantity as somebody states it.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name in the model.
    pub name: String,
    /// Best estimate.
    pub value: f64,
    /// Standard uncertainty.
    pub standard_uncertainty: f64,
    /// Degrees of freedom of the standard uncertainty; `None` is infinite.
    pub dof: Option<f64>,
    /// What Monte Carlo draws from. Without one it draws from the normal distribution, or from Student's t where there
    /// are degrees of freedom, either with the standard uncertainty as its standard deviation.
    pub distribution: Option<Distribution>,
}

impl Input {
    /// A value with its standard uncertainty.
    pub fn new(name: impl Into<String>, value: f64, standard_uncertainty: f64) -> Self {
        Input { name: name.into(), value, standard_uncertainty, dof: None, distribution: None }
    }

    /// The mean and standard deviation of a distribution (JCGM 100:2008, 4.3). A distribution without a standard
    /// deviation gives an input that [`Quantities::new`] refuses.
    pub fn from_distribution(name: impl Into<String>, distribution: Distribution) -> Self {
        let sd = distribution.sd().unwrap_or(f64::NAN);
        Input { distribution: Some(distribution), ..Input::new(name, distribution.mean(), sd) }
    }

    /// The same with degrees of freedom.
    #[must_use]
    pub fn with_dof(self, dof: f64) -> Self {
        Input { dof: Some(dof), ..self }
    }

    /// The same with a distribution for Monte Carlo.
    #[must_use]
    pub fn with_distribution(self, distribution: Distribution) -> Self {
        Input { distribution: Some(distribution), ..self }
    }
}

/// Why inputs cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// No input at all.
    #[error("inputs: there are none; state at least one")]
    None,
    /// More than [`MAX_INPUTS`].
    #[error("inputs: there are {found}, and at most {limit} are possible; split the model")]
    TooMany {
        /// What there is.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Two inputs of one name.
    #[error("input {input}: there are two of this name; give each its own")]
    Duplicate {
        /// The name.
        input: String,
    },
    /// A value that is not a finite number.
    #[error("input {input}: value is {value}, but must be a finite number")]
    Value {
        /// The input.
        input: String,
        /// The value.
        value: f64,
    },
    /// A standard uncertainty below zero, or not a finite number.
    #[error("input {input}: std_unc is {std_unc}, but a standard uncertainty is a finite number, zero or more")]
    StandardUncertainty {
        /// The input.
        input: String,
        /// The standard uncertainty.
        std_unc: f64,
    },
    /// Degrees of freedom not above zero.
    #[error("input {input}: dof is {dof}, but degrees of freedom are above zero; leave it out for infinitely many")]
    Dof {
        /// The input.
        input: String,
        /// The degrees of freedom.
        dof: f64,
    },
    /// An impossible parameter.
    #[error("input {input}: distribution: {error}")]
    Distribution {
        /// The input.
        input: String,
        /// The parameter.
        error: DistributionError,
    },
    /// Impossible correlations.
    #[error("{0}")]
    Correlation(#[from] CorrelationError),
}

/// Checked input quantities, by index.
///
/// An independent source is an input that is correlated with no other, or a column of the factor of a correlation
/// matrix: see [`Quantities::sources`].
#[derive(Debug, Clone)]
pub struct Quantities {
    names: Names,
    values: Vec<f64>,
    uncertainties: Vec<f64>,
    /// Infinity where there are infinitely many.
    dof: Vec<f64>,
    distributions: Vec<Option<Distribution>>,
    correlations: Vec<Correlation>,
    clusters: Vec<Cluster>,
    /// Whether an input is in a cluster.
    clustered: Vec<bool>,
    any_dof: bool,
}

impl Quantities {
    /// Checks inputs and their correlations; pairs that are not declared are not correlated.
    ///
    /// # Errors
    /// [`QuantityError`] names the input and the field.
    pub fn new(inputs: Vec<Input>, correlations: &[Correlation]) -> Result<Self, QuantityError> {
        if inputs.is_empty() {
            return Err(QuantityError::None);
        }
        if inputs.len() > MAX_INPUTS {
            return Err(QuantityError::TooMany { found: inputs.len(), limit: MAX_INPUTS });
        }
        inputs.iter().try_for_each(check)?;
        let values = inputs.iter().map(|input| input.value).collect();
        let uncertainties = inputs.iter().map(|input| input.standard_uncertainty).collect();
        let dof: Vec<f64> = inputs.iter().map(|input| input.dof.unwrap_or(f64::INFINITY)).collect();
        let distributions = inputs.iter().map(|input| input.distribution).collect();
        let names = Names::from(inputs.into_iter().map(|input| input.name).collect::<Vec<_>>());
        if let Some(name) = names.duplicate() {
            return Err(QuantityError::Duplicate { input: name.to_owned() });
        }
        let clusters = clusters(&names, correlations)?;
        let mut clustered = vec![false; names.len()];
        for member in clusters.iter().flat_map(|cluster| &cluster.members) {
            clustered[member.input as usize] = true;
        }
        let any_dof = dof.iter().any(|dof| dof.is_finite());
        let correlations = correlations.to_vec();
        Ok(Quantities { names, values, uncertainties, dof, distributions, correlations, clusters, clustered, any_dof })
    }

    /// The same coefficient for all pairs of these inputs.
    ///
    /// # Errors
    /// [`CorrelationError::TooMany`].
    pub fn all_pairs(inputs: &[Input], r: f64) -> Result<Vec<Correlation>, CorrelationError> {
        let pairs = inputs.len() * inputs.len().saturating_sub(1) / 2;
        if pairs > MAX_CORRELATIONS {
            return Err(CorrelationError::TooMany { found: pairs, limit: MAX_CORRELATIONS });
        }
        let pair = |(at, a): (usize, &Input)| {
            inputs[at + 1..].iter().map(|b| Correlation::new(&*a.name, &*b.name, r)).collect::<Vec<_>>()
        };
        Ok(inputs.iter().enumerate().flat_map(pair).collect())
    }

    /// The names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The best estimates.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The standard uncertainties.
    pub fn standard_uncertainties(&self) -> &[f64] {
        &self.uncertainties
    }

    /// Degrees of freedom of an input; `None` is infinite.
    pub fn dof(&self, input: usize) -> Option<f64> {
        Some(self.dof[input]).filter(|dof| dof.is_finite())
    }

    /// Whether any input has a finite number of degrees of freedom.
    pub fn have_dof(&self) -> bool {
        self.any_dof
    }

    /// Whether any inputs are correlated; if none are, the inputs are the independent sources.
    pub fn are_correlated(&self) -> bool {
        !self.clusters.is_empty()
    }

    /// The stated distribution of an input.
    pub fn distribution(&self, input: usize) -> Option<&Distribution> {
        self.distributions[input].as_ref()
    }

    /// How many independent sources there are: inputs that are correlated with no other first, in their order, then the
    /// columns of each cluster.
    pub fn sources(&self) -> usize {
        let members: usize = self.clusters.iter().map(|cluster| cluster.members.len()).sum();
        let columns: usize = self.clusters.iter().map(|cluster| cluster.factor.pivots.len()).sum();
        self.names.len() - members + columns
    }

    /// The names of the independent sources. One of a cluster is named after the input that it was made from: it is what
    /// is left of that input once the sources before it are taken out.
    pub fn source_names(&self) -> Vec<String> {
        let independent = self.names.iter().zip(&self.clustered).filter(|(_, clustered)| !**clustered);
        let mut names: Vec<String> = independent.map(|(name, _)| name.clone()).collect();
        for cluster in &self.clusters {
            let mut before = Vec::new();
            for pivot in &cluster.factor.pivots {
                // Every group has a member.
                let of_group = cluster.members.iter().filter(|member| member.group as usize == *pivot);
                let group: Vec<&str> = of_group.map(|member| self.names[member.input as usize].as_str()).collect();
                let name = group.join("=");
                names.push(if before.is_empty() {
                    name.clone()
                } else {
                    format!("{name} without {}", before.join(", "))
                });
                before.push(name);
            }
        }
        names
    }

    pub(crate) fn dofs(&self) -> &[f64] {
        &self.dof
    }

    pub(crate) fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    pub(crate) fn is_clustered(&self, input: usize) -> bool {
        self.clustered[input]
    }

    /// The declared coefficient of two inputs; pairs that are not declared have none.
    pub(crate) fn declared(&self) -> &[Correlation] {
        &self.correlations
    }
}

fn check(input: &Input) -> Result<(), QuantityError> {
    let name = || input.name.clone();
    if !input.value.is_finite() {
        return Err(QuantityError::Value { input: name(), value: input.value });
    }
    if !input.standard_uncertainty.is_finite() || input.standard_uncertainty < 0.0 {
        return Err(QuantityError::StandardUncertainty { input: name(), std_unc: input.standard_uncertainty });
    }
    // Infinity is what leaving it out means.
    if let Some(dof) = input.dof
        && (dof.is_nan() || dof <= 0.0)
    {
        return Err(QuantityError::Dof { input: name(), dof });
    }
    if let Some(distribution) = input.distribution {
        distribution.checked().map_err(|error| QuantityError::Distribution { input: name(), error })?;
    }
    Ok(())
}
