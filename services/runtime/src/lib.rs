//! What every service shares: who calls, who may call, how a refusal looks, how a change is made once, how a
//! connection is made, what is configured, what a process tells of itself.
//!
//! There is no handler and no rule of the domain here.

pub mod access;
pub mod answer;
pub mod blocked;
pub mod caller;
pub mod config;
pub mod connect;
pub mod error;
pub mod limits;
pub mod once;
pub mod reload;
pub mod resources;
pub mod server;
pub mod telemetry;

pub use caller::{Caller, Role};
pub use error::Refusal;
pub use resources::Resources;

use std::sync::Arc;

/// Time as a service sees it; passed in, so that tests need no clock.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(jiff::Timestamp::now)
}
