//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Touchstone from a terminal: certificates of measured carbon footprints.
#[derive(Debug, Parser)]
#[command(
    name = "touchctl",
    version,
    after_help = "Exit codes: 0 accepted (with or without conditions) or done, \
    1 refused or failed, 2 wrong usage, 3 indeterminate."
)]
pub(crate) struct Cli {
    /// Print exactly one JSON object.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge a certificate from a bundle file, without any network.
    Verify(VerifyArgs),
    /// The verifier's own trust file.
    Trust {
        #[command(subcommand)]
        command: TrustCommand,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Use nothing but the files named here.
    #[arg(long, required = true)]
    pub(crate) offline: bool,
    /// Bundle file, from the holder or from the registry.
    pub(crate) bundle: PathBuf,
    /// Your own trust file.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// The date asked about: RFC 3339, or a plain date for its midnight in UTC [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) as_of: Option<Timestamp>,
    /// The clock to judge by [default: the system's].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Timestamp>,
    /// When the goods were made; left open when absent.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) production_date: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Print parties and fingerprints, so that two people can compare them by another way.
    Show {
        /// Trust file.
        file: PathBuf,
    },
}

/// A time as RFC 3339, or a plain date for its midnight in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let wanted = || "expected 2026-03-01 or 2026-03-01T12:00:00Z".to_owned();
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    // A date parser alone would read a local time and forget its hour.
    if text.len() != "2026-03-01".len() {
        return Err(wanted());
    }
    let date: Date = text.parse().map_err(|_| wanted())?;
    date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()).map_err(|_| wanted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn times() {
        let same = |text: &str, wanted: &str| assert_eq!(time(text).map(|t| t.to_string()).as_deref(), Ok(wanted));
        same("2026-03-01", "2026-03-01T00:00:00Z");
        same("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z");
        same("2026-03-01T12:00:00+08:00", "2026-03-01T04:00:00Z");
        for wrong in ["", "yesterday", "2026-02-30", "2026-03-01T12:00:00", "01.03.2026", "2026-3-1", "20260301ab"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
