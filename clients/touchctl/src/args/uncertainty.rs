//! Models with uncertain inputs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum UncertaintyCommand {
    /// Evaluate models with uncertain inputs: budget, effective degrees of freedom, Monte Carlo, conformity.
    Eval(EvalArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Cases with kind, model, inputs and correlations, in JSON or TOML.
    pub(crate) file: PathBuf,
    /// The one case of this id [default: all].
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}
