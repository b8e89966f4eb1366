//! Evidence × factors → footprint statement: a pure function, the same bytes on any machine.
//!
//! What an instrument or a weighbridge says is found by `metering`; there is no storage, network or clock here. One
//! method is known so far, the transitional rules of CBAM. Heat and waste gas exchanged, co-product allocation,
//! perfluorocarbons, N2O and precursors by certificate are not handled yet.

mod compute;
pub mod factors;
mod method;
mod recompute;

pub use compute::{FootprintError, compute, compute_all, compute_product};
pub use method::Method;
pub use recompute::{FirstDifference, RecomputeError, recompute};
