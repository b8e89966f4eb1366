//! The scenarios: each starts an installation of its own and looks at it from outside, as its callers do.

mod access;
mod bad_input;
mod cli;
mod faults;
mod public;
mod readings;
mod second_implementation;
mod statements;
mod story;
mod support;
mod untp;
