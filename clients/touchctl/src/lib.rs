//! `touchctl`: what a regulator, an exporter or a body does from a terminal.
//!
//! One module a command; each gives something to print and an outcome. Offline commands open no connection and start
//! no runtime; online ones do both by [`connection`]. Exit codes: 0 accepted (with or without conditions) or done, 1 refused or failed, 2 wrong usage,
//! 3 indeterminate.

// An error ends the command: it is made once, so its size is no matter.
#![allow(clippy::result_large_err)]

mod analyses;
mod args;
mod calibrations;
mod connection;
mod consumption;
mod error;
mod evidence;
mod files;
mod footprints;
mod gas_conversions;
mod inspections;
mod instruments;
mod keys;
mod list;
mod loads;
mod log;
mod output;
mod plot;
mod progress;
mod readings;
mod records;
mod remedy;
mod send;
mod sites;
mod statements;
mod stocks;
mod table;
mod trust;
mod uncertainty;
mod verify;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;
use jiff::Timestamp;

use crate::args::{Cli, Command, KeyCommand, ReadingsCommand, TrustCommand, UncertaintyCommand};
use crate::error::Error;

/// Accepted, or done.
pub const DONE: u8 = 0;
/// Refused, or failed.
pub const FAILED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// Neither accepted nor refused.
pub const INDETERMINATE: u8 = 3;

/// What a command sees of the world.
pub struct Surroundings<'a> {
    /// The clock.
    pub now: Timestamp,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

/// Runs a command line (with the program's name first) and gives the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    run_in(args, &mut Surroundings { now: Timestamp::now(), out: &mut out, err: &mut err })
}

/// The same in given surroundings.
pub fn run_in(args: impl IntoIterator<Item = OsString>, world: &mut Surroundings<'_>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let (json, done) = match Cli::try_parse_from(&args) {
        Ok(cli) => (cli.json, dispatch(&cli, world)),
        // Help and version were asked for: that is no failure.
        Err(asked) if !asked.use_stderr() => {
            (false, write!(world.out, "{}", asked.render()).map(|()| DONE).map_err(Error::Output))
        }
        // The line could not be read, so whether it asked for JSON is seen from its words.
        Err(usage) => (args.iter().any(|arg| arg == "--json"), Err(Error::Usage(usage.render().to_string()))),
    };
    match done.and_then(|code| world.out.flush().map(|()| code).map_err(Error::Output)) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to tell it to when this fails too; the exit code still says it.
            let _ = if json { output::error_json(world.out, &error) } else { output::error_text(world.err, &error) };
            error.exit_code()
        }
    }
}

fn dispatch(cli: &Cli, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match &cli.command {
        Command::Verify(args) => verify::run(args, cli.json, world),
        Command::Trust { command: TrustCommand::Make(args) } => trust::make(args, cli.json, world),
        Command::Trust { command: TrustCommand::Follow(args) } => trust::follow(args, cli.json, world),
        Command::Trust { command: TrustCommand::Show { file } } => trust::show(file, cli.json, world),
        Command::Sites { command } => sites::run(command, cli.json, world),
        Command::Instruments { command } => instruments::run(command, cli.json, world),
        Command::Calibrations { command } => calibrations::run(command, cli.json, world),
        Command::Inspections { command } => inspections::run(command, cli.json, world),
        Command::GasConversions { command } => gas_conversions::run(command, cli.json, world),
        Command::Loads { command } => loads::run(command, cli.json, world),
        Command::Stocks { command } => stocks::run(command, cli.json, world),
        Command::Analyses { command } => analyses::run(command, cli.json, world),
        Command::Readings { command: ReadingsCommand::Import(args) } => readings::import(args, cli.json, world),
        Command::Readings { command: ReadingsCommand::List(args) } => list::run(args, cli.json, world),
        Command::Readings { command: ReadingsCommand::Consumption(args) } => consumption::run(args, cli.json, world),
        Command::Evidence { command } => evidence::run(command, cli.json, world),
        Command::Footprints { command } => footprints::run(command, cli.json, world),
        Command::Uncertainty { command: UncertaintyCommand::Eval(args) } => uncertainty::eval(args, cli.json, world),
        Command::Log { command } => log::run(command, cli.json, world),
        Command::Statements { command } => statements::run(command, cli.json, world),
        Command::Key { command: KeyCommand::Fingerprint { file } } => keys::fingerprint(file, cli.json, world),
    }
}
