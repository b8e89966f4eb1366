//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use record::name::check_did;
use tlog::note::NoteVerifier;

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
    /// Keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
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
    /// The date asked about: 2026-03-01T12:00:00Z, or a plain date for its first moment, midnight in UTC [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) as_of: Option<Time>,
    /// The clock to judge by [default: the system's].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Time>,
    /// When the goods were made; left open when absent.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) production_date: Option<Time>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Make a trust file from a log's introduction and the authorities that you recognise.
    Make(MakeArgs),
    /// Print parties and fingerprints, so that two people can compare them by another way.
    Show {
        /// Trust file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MakeArgs {
    /// What the log's operator published: introduction.toml.
    pub(crate) introduction: PathBuf,
    /// Your own DID: arrangements are applied as this party.
    #[arg(long, value_name = "DID", value_parser = did)]
    pub(crate) party: String,
    /// An accreditation body that you recognise, and its authority's certificate (PEM or DER). Repeatable.
    #[arg(long, value_name = "DID=FILE", value_parser = authority, required = true)]
    pub(crate) accreditation_body: Vec<Authority>,
    /// A party to your arrangements (you, your partner), and its authority's certificate. Repeatable.
    #[arg(long, value_name = "DID=FILE", value_parser = authority)]
    pub(crate) arrangement_party: Vec<Authority>,
    /// Oldest status accepted, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) max_age_hours: u32,
    /// A witness's verifier key (C2SP vkey). Repeatable.
    #[arg(long, value_name = "VKEY", value_parser = witness)]
    pub(crate) witness: Vec<String>,
    /// How many of the witnesses must have cosigned.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) witness_quorum: u32,
    /// File to write; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print the fingerprint of a public key: the SHA-256 JWK thumbprint of RFC 7638.
    Fingerprint {
        /// A JWK, or PEM: a public key, a certificate, or a private key, of which the public half is taken.
        file: PathBuf,
    },
}

/// A party and the file of its authority.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    pub(crate) id: String,
    pub(crate) file: PathBuf,
}

/// A time as given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) at: Timestamp,
    /// Given as a plain date: `at` is the first moment of that day in UTC.
    pub(crate) plain: bool,
}

/// A time as RFC 3339, or a plain date for its midnight in UTC.
fn time(text: &str) -> Result<Time, String> {
    let wanted = || "expected 2026-03-01 or 2026-03-01T12:00:00Z".to_owned();
    if let Ok(at) = text.parse() {
        return Ok(Time { at, plain: false });
    }
    // A date parser alone would read a local time and forget its hour.
    if text.len() != "2026-03-01".len() {
        return Err(wanted());
    }
    let date: Date = text.parse().map_err(|_| wanted())?;
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| wanted())?;
    Ok(Time { at: midnight.timestamp(), plain: true })
}

fn did(text: &str) -> Result<String, String> {
    check_did(text).map(|()| text.to_owned()).map_err(|e| format!("{e}; write it as did:web:customs.example"))
}

fn authority(text: &str) -> Result<Authority, String> {
    let (id, file) = text.split_once('=').ok_or("expected DID=FILE, such as did:web:body.example=body.crt")?;
    Ok(Authority { id: did(id)?, file: file.into() })
}

fn witness(text: &str) -> Result<String, String> {
    NoteVerifier::from_vkey(text).map(|_| text.to_owned()).map_err(|e| e.to_string())
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
        let same = |text: &str, wanted: &str| assert_eq!(time(text).map(|t| t.at.to_string()).as_deref(), Ok(wanted));
        same("2026-03-01", "2026-03-01T00:00:00Z");
        same("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z");
        same("2026-03-01T12:00:00+08:00", "2026-03-01T04:00:00Z");
        for wrong in ["", "yesterday", "2026-02-30", "2026-03-01T12:00:00", "01.03.2026", "2026-3-1", "20260301ab"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
