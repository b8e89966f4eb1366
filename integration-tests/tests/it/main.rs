//! The scenarios: each starts an installation of its own and looks at it from outside, as its callers do.

use integration_tests::world::Shape;

/// How the services are divided here; `tests/apart` runs the same scenarios with each in a server of its own.
pub const SHAPE: Shape = Shape::Together;

mod access;
mod audit;
mod bad_input;
mod cli;
mod desk;
mod editions;
mod faults;
mod footprints;
mod instruments;
mod key_revocation;
mod materials_cli;
mod metering_cli;
mod model;
mod operations;
mod public;
mod readings;
mod reasons;
mod rotation;
mod second_implementation;
mod statements;
mod status_lists;
mod story;
mod support;
mod untp;
