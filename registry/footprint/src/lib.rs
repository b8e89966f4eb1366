//! Evidence × factors → footprint statement: a pure function, the same bytes on any machine.
//!
//! What an instrument or a weighbridge says is found by `metering`; there is no storage, network or clock here. Methods
//! ([`method`]) and emission factors ([`factors`]) are data; tables of CBAM are read from files ([`cbam`]).
//! Heat and waste gas exchanged, co-product allocation, perfluorocarbons, N2O and precursors by certificate are not
//! handled yet.

pub mod cbam;
mod compute;
pub mod factors;
pub mod method;
pub mod publish;
mod recompute;
mod table;

pub use compute::{FootprintError, compute, compute_all, compute_product};
pub use method::{Method, MethodError};
pub use recompute::{FirstDifference, RecomputeError, recompute};
