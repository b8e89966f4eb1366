//! Footprints.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum FootprintsCommand {
    /// Compute the footprints of a plant file, without a server.
    Compute(ComputeArgs),
    /// Compute a statement again, and name the first difference.
    Recompute(RecomputeArgs),
    /// What a statement is made of, and what makes it uncertain.
    Explain(ExplainArgs),
    /// Why two statements differ: activity, factor, method or supplier.
    Compare {
        /// Statement before.
        before: PathBuf,
        /// Statement after.
        after: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    /// Evidence archive of the site and period, for figures that come from instruments, loads and analyses.
    #[arg(long, value_name = "ARCHIVE")]
    pub(crate) evidence: Option<PathBuf>,
    /// A supplier's statement that the plant file names by digest; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) supplier: Vec<PathBuf>,
    /// Bundle of a supplier's certificate that the plant file names; may be given several times. It is verified first.
    #[arg(long, value_name = "BUNDLE", requires = "trust")]
    pub(crate) certificate: Vec<PathBuf>,
    /// Your trust file, to verify certificates by.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Table of default values (CSV) for precursors that take one.
    #[arg(long, value_name = "FILE")]
    pub(crate) defaults: Option<PathBuf>,
    /// Product-category rules (TOML) that the plant file names.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ComputeArgs {
    /// Plant file (TOML), or worked examples in the shape of the Commission's communication template (JSON).
    #[arg(long, value_name = "FILE")]
    pub(crate) plant: PathBuf,
    /// Which worked example of the file, from 1; may be left out where there is one.
    #[arg(long, value_name = "N")]
    pub(crate) example: Option<usize>,
    /// One product of the plant file, by name [default: all].
    #[arg(long, value_name = "NAME")]
    pub(crate) product: Option<String>,
    /// Folder to make, for the statements and the plant file they were computed from.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Picture to write, for one product: a waterfall in SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourcesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecomputeArgs {
    /// Statement, in its exact bytes.
    pub(crate) statement: PathBuf,
    /// The plant file it names [default: the file beside the statement that has the digest].
    #[arg(long, value_name = "FILE")]
    pub(crate) plant: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: SourcesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Statement, in its exact bytes.
    pub(crate) statement: PathBuf,
    /// Picture to write: a waterfall in SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}
