//! Certificate + proofs + roots + time -> verdict: one pure function for server, client and tests.
//!
//! There is no clock, network or disk here: the time is an argument and trust is what the verifier's own file says.

pub mod audit;
pub mod bundle;
mod judge;
pub mod split_view;
mod supplier;
pub mod trust;
pub mod verdict;

pub use bundle::{Bundle, BundleError};
pub use judge::{Examined, Question, examine, examine_file, judge, judge_file};
pub use supplier::{NotInForce, certificate_in_force};
pub use trust::{Introduction, Trust, TrustError};
pub use verdict::{Check, Code, Fact, FactState, Outcome, Reason, Verdict};
