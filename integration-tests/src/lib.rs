//! The harness of the scenarios, and the story that the demonstration tells: a cast, a running installation, and the
//! steps from a reading to a verdict, each a function that both use.

pub mod cast;
pub mod cement;
pub mod processes;
pub mod story;
pub mod world;
