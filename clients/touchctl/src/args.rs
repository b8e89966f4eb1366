//! The command line.

mod change;
mod connection;
mod footprints;
mod log;
mod materials;
mod metering;
mod statements;
mod uncertainty;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use interval_csv::{Column, CsvProfile, DecimalMark, MissingHour, RepeatedHour, Stamp, TimeFormat, Zone};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use quantity::{Decimal, Unit};
use record::name::check_did;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use tlog::note::NoteVerifier;

pub(crate) use change::ChangeArgs;
pub(crate) use connection::ConnectionArgs;
pub(crate) use footprints::*;
pub(crate) use log::*;
pub(crate) use materials::*;
pub(crate) use metering::*;
pub(crate) use statements::*;
pub(crate) use uncertainty::*;

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
    /// Sites: plants at which instruments measure.
    Sites {
        #[command(subcommand)]
        command: SitesCommand,
    },
    /// Measuring instruments and their places.
    Instruments {
        #[command(subcommand)]
        command: InstrumentsCommand,
    },
    /// Calibrations of instruments.
    Calibrations {
        #[command(subcommand)]
        command: CalibrationsCommand,
    },
    /// Inspections of an instrument's seal and clock.
    Inspections {
        #[command(subcommand)]
        command: InspectionsCommand,
    },
    /// Conversions of a gas meter's volumes to reference conditions.
    GasConversions {
        #[command(subcommand)]
        command: GasConversionsCommand,
    },
    /// Weighed loads.
    Loads {
        #[command(subcommand)]
        command: LoadsCommand,
    },
    /// Stocks of materials.
    Stocks {
        #[command(subcommand)]
        command: StocksCommand,
    },
    /// Laboratory analyses of materials.
    Analyses {
        #[command(subcommand)]
        command: AnalysesCommand,
    },
    /// Meter readings.
    Readings {
        #[command(subcommand)]
        command: ReadingsCommand,
    },
    /// Evidence in one file, and what it proves.
    Evidence {
        #[command(subcommand)]
        command: EvidenceCommand,
    },
    /// Product carbon footprints: computed, recomputed, explained and compared without a server.
    Footprints {
        #[command(subcommand)]
        command: FootprintsCommand,
    },
    /// Uncertainty of measurement.
    Uncertainty {
        #[command(subcommand)]
        command: UncertaintyCommand,
    },
    /// Transparency logs of anybody: receipts, checkpoints and proofs checked without a server, a whole log audited.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Statements for the log: a key revoked, a certificate confirmed.
    Statements {
        #[command(subcommand)]
        command: StatementsCommand,
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
    /// Make a new trust file that follows a rollover of the log's keys, which the receipt key trusted so far signed.
    Follow(FollowArgs),
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

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    /// Your trust file; it stays as it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// A rollover that the log's operator published. Repeatable, oldest first.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) rollover: Vec<PathBuf>,
    /// File to write; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReadingsCommand {
    /// Read a CSV file (plain, gzip, zstd) onto a strict grid, say what was found and repaired, and send it.
    #[command(
        after_help = "What no option and no profile states is found out from the file. What can be meant in two \
        ways is refused, with the line and the remedy; a key that it names is the option of the same name."
    )]
    Import(Box<ImportArgs>),
    /// List the readings in force of an instrument as CSV, or with --json one object a line.
    List(ListReadingsArgs),
    /// Compute what an instrument registered in a period, with its uncertainty by source, its gaps and its coverage.
    Consumption(ConsumptionArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// CSV file.
    pub(crate) file: PathBuf,
    /// Instrument that the readings are of: organizations/O/sites/S/instruments/I.
    #[arg(long, value_name = "NAME", value_parser = metering::instrument, required_unless_present = "dry_run")]
    pub(crate) instrument: Option<String>,
    /// Read and report, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Put values back that were in force before and have been revised since; without it they change nothing.
    #[arg(long)]
    pub(crate) restate: bool,
    /// Profile (TOML) that says how the file is read; the options below go before it.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// File to write the profile to as it was applied, with what was found out; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_profile: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) stated: StatedArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Each states the key of a profile that has its name.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How the file is read")]
pub(crate) struct StatedArgs {
    /// Lines before the first of the table.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) skip_lines: Option<u32>,
    /// What a line begins with that is to be skipped.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// What separates fields: comma, semicolon, tab, bar, or the sign itself.
    #[arg(long, value_name = "SIGN", value_parser = sign)]
    pub(crate) delimiter: Option<char>,
    /// What encloses a field that has a delimiter in it [default: "].
    #[arg(long, value_name = "SIGN", value_parser = sign)]
    pub(crate) quote: Option<char>,
    /// Whether the first line names the columns; without names, columns are stated by number.
    #[arg(long, value_name = "true|false")]
    pub(crate) header: Option<bool>,
    /// Column of dates, where another has the times of day: its name, or its number from 1.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) date_column: Option<String>,
    /// Column of times.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Column of values.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value_column: Option<String>,
    /// How times are written: year-first, day-first, month-first, or a pattern of strftime such as "%d.%m.%y %H:%M".
    #[arg(long, value_name = "FORMAT", value_parser = word::<TimeFormat>)]
    pub(crate) time_format: Option<TimeFormat>,
    /// What stands before decimals: point or comma.
    #[arg(long, value_name = "MARK", value_parser = word::<DecimalMark>)]
    pub(crate) decimal: Option<DecimalMark>,
    /// What separates thousands: comma, point, space, or the sign itself.
    #[arg(long, value_name = "SIGN", value_parser = sign)]
    pub(crate) thousands: Option<char>,
    /// Unit of the values: kWh, MWh, Wh, GJ, m3, t, ... [default: by the name of their column].
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>)]
    pub(crate) unit: Option<Unit>,
    /// What the instrument counts in, of its unit, such as 0.01 [default: the finest in the file].
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>)]
    pub(crate) resolution: Option<Decimal>,
    /// Length of an interval in seconds [default: the most frequent distance of two times].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) step_secs: Option<u32>,
    /// Which end of its interval a time stands for: auto, start or end.
    #[arg(long, value_name = "END", value_parser = word::<Stamp>)]
    pub(crate) stamp: Option<Stamp>,
    /// Clock of times without offset: UTC, an offset such as +01:00, or a name such as Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE", value_parser = word::<Zone>)]
    pub(crate) zone: Option<Zone>,
    /// How the hour that occurs twice in autumn is told apart: order (refused where it is given once), first or second
    /// (what it is where it is given once).
    #[arg(long, value_name = "RULE", value_parser = word::<RepeatedHour>)]
    pub(crate) repeated_hour: Option<RepeatedHour>,
    /// What becomes of times in the hour that does not occur in spring: refuse, or leave-out where there is no value.
    #[arg(long, value_name = "RULE", value_parser = word::<MissingHour>)]
    pub(crate) missing_hour: Option<MissingHour>,
}

impl StatedArgs {
    /// A profile with what is stated here put before what it states.
    pub(crate) fn over(&self, profile: CsvProfile) -> CsvProfile {
        let column = |stated: &Option<String>, of_profile| stated.as_deref().map(Column::from).or(of_profile);
        CsvProfile {
            skip_lines: self.skip_lines.unwrap_or(profile.skip_lines),
            comment: self.comment.clone().or(profile.comment),
            delimiter: self.delimiter.or(profile.delimiter),
            quote: self.quote.or(profile.quote),
            header: self.header.or(profile.header),
            date_column: column(&self.date_column, profile.date_column),
            time_column: column(&self.time_column, profile.time_column),
            value_column: column(&self.value_column, profile.value_column),
            time_format: self.time_format.clone().or(profile.time_format),
            decimal: self.decimal.or(profile.decimal),
            thousands: self.thousands.or(profile.thousands),
            unit: self.unit.or(profile.unit),
            resolution: self.resolution.clone().or(profile.resolution),
            step_secs: self.step_secs.or(profile.step_secs),
            stamp: self.stamp.unwrap_or(profile.stamp),
            zone: self.zone.clone().or(profile.zone),
            repeated_hour: self.repeated_hour.unwrap_or(profile.repeated_hour),
            missing_hour: self.missing_hour.unwrap_or(profile.missing_hour),
        }
    }
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
pub(crate) fn time(text: &str) -> Result<Time, String> {
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

/// A sign by its name or as it is.
fn sign(text: &str) -> Result<char, String> {
    let mut signs = text.chars();
    match (text, signs.next(), signs.next()) {
        ("comma", ..) => Ok(','),
        ("point", ..) => Ok('.'),
        ("semicolon", ..) => Ok(';'),
        ("tab", ..) => Ok('\t'),
        ("bar", ..) => Ok('|'),
        ("space", ..) => Ok(' '),
        (_, Some(sign), None) => Ok(sign),
        _ => Err("expected one sign, or comma, point, semicolon, tab, bar or space".to_owned()),
    }
}

/// A value as a profile spells it.
pub(crate) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let word: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(word).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn signs_and_words() {
        assert_eq!((sign("tab"), sign(";"), sign("·")), (Ok('\t'), Ok(';'), Ok('·')));
        assert!(sign("").is_err() && sign(";;").is_err());
        assert_eq!((word("end"), word("kWh")), (Ok(Stamp::End), Ok(Unit::Kilowatthour)));
        assert_eq!(
            word::<Stamp>("middle"),
            Err("unknown variant `middle`, expected one of `auto`, `start`, `end`".into())
        );
        assert!(word::<Zone>("Europe/Berln").is_err_and(|e| e.contains("did you mean Europe/Berlin?")));
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
