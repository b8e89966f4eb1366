//! The same scenarios as `tests/it`, with each service in a server of its own: own doors, own data, mTLS between them.

use integration_tests::world::Shape;

/// How the services are divided here.
pub const SHAPE: Shape = Shape::Apart;

#[path = "../it/access.rs"]
mod access;
#[path = "../it/audit.rs"]
mod audit;
#[path = "../it/bad_input.rs"]
mod bad_input;
#[path = "../it/desk.rs"]
mod desk;
#[path = "../it/editions.rs"]
mod editions;
#[path = "../it/footprints.rs"]
mod footprints;
#[path = "../it/instruments.rs"]
mod instruments;
#[path = "../it/key_revocation.rs"]
mod key_revocation;
#[path = "../it/materials_cli.rs"]
mod materials_cli;
#[path = "../it/metering_cli.rs"]
mod metering_cli;
#[path = "../it/operations.rs"]
mod operations;
#[path = "../it/public.rs"]
mod public;
#[path = "../it/readings.rs"]
mod readings;
#[path = "../it/reasons.rs"]
mod reasons;
#[path = "../it/rotation.rs"]
mod rotation;
#[path = "../it/second_implementation.rs"]
mod second_implementation;
#[path = "../it/statements.rs"]
mod statements;
#[path = "../it/status_lists.rs"]
mod status_lists;
#[path = "../it/story.rs"]
mod story;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/untp.rs"]
mod untp;
