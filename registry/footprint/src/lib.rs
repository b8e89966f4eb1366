//! Evidence × factors → footprint statement: a pure function, the same bytes on any machine.
//!
//! What an instrument or a weighbridge says is found by `metering`; there is no storage, network or clock here. Methods
//! ([`method`]) and emission factors ([`factors`]) are data; tables of CBAM are read from files ([`cbam`]).

pub mod category;
pub mod cbam;
mod chart;
mod emission;
mod error;
mod example;
mod explain;
pub mod factors;
mod figure;
mod fitness;
pub mod method;
pub mod network;
mod precursor;
pub mod publish;
mod quality;
mod recompute;
mod site;
mod statement;
mod table;

pub use category::{CategoryError, ProductCategoryRules};
pub use chart::{bars, waterfall};
pub use error::FootprintError;
pub use example::{ExampleError, MAX_EXAMPLE_BYTES, WorkedExample, is_example};
pub use explain::{
    By, Cause, Change, Contribution, Improvement, contributions, difference, improvements, origin, stage,
};
pub use figure::{Certified, Sources};
pub use method::{Method, MethodError};
pub use recompute::{FirstDifference, RecomputeError, recompute};
pub use statement::{compute, compute_all, compute_product};
