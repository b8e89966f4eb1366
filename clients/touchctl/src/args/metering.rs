//! Sites, instruments, their calibrations and inspections, readings, evidence.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use metering::GapRule;
use quantity::{Decimal, Unit};
use record::calibration::{CalibrationPoint, SealState};
use record::instrument::{InstrumentKind, Measurand, Multiplier, Period, Sha256};
use record::json::Digest;
use record::name::{self, NameError};

use super::change::ChangeArgs;
use super::connection::ConnectionArgs;
use super::{Time, time, word};

#[derive(Debug, Subcommand)]
pub(crate) enum SitesCommand {
    /// Register a site.
    Create(SiteArgs),
    /// List the sites of an organisation.
    List {
        /// organizations/O
        #[arg(value_name = "ORGANIZATION", value_parser = organization)]
        organization: String,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SiteArgs {
    /// organizations/O/sites/S
    #[arg(value_name = "NAME", value_parser = site)]
    pub(crate) name: String,
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: String,
    /// The country that it stands in: ISO 3166-1 alpha-2, such as TR.
    #[arg(long, value_name = "CODE")]
    pub(crate) country: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstrumentsCommand {
    /// Register an instrument at a site.
    Create(Box<CreateInstrumentArgs>),
    /// Show an instrument.
    Get(NamedInstrumentArgs),
    /// List the instruments of a site.
    List(NamedSiteArgs),
    /// Say that an instrument went to another place of its site.
    Move(MoveArgs),
    /// Say that another instrument took the place of one; it is registered, and the other retired.
    Replace(Box<ReplaceArgs>),
    /// Say that an instrument was taken away for good; its readings stay.
    Retire(RetireArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NamedInstrumentArgs {
    /// organizations/O/sites/S/instruments/I
    #[arg(value_name = "NAME", value_parser = instrument)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NamedSiteArgs {
    /// organizations/O/sites/S
    #[arg(value_name = "SITE", value_parser = site)]
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateInstrumentArgs {
    /// organizations/O/sites/S/instruments/I
    #[arg(value_name = "NAME", value_parser = instrument, required_unless_present = "file", conflicts_with = "file")]
    pub(crate) name: Option<String>,
    /// Metering point or spot at the site.
    #[arg(long, value_name = "TEXT", required_unless_present = "file", conflicts_with = "file")]
    pub(crate) location: Option<String>,
    /// When it was put there.
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "file", conflicts_with = "file")]
    pub(crate) from: Option<Time>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaceArgs {
    /// The one that was replaced: organizations/O/sites/S/instruments/I
    #[arg(value_name = "NAME", value_parser = instrument)]
    pub(crate) name: String,
    /// Name of the one that took its place, at the same site.
    #[arg(long, value_name = "NAME", value_parser = instrument, required_unless_present = "file", conflicts_with = "file")]
    pub(crate) by: Option<String>,
    /// When it did.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Time,
    /// Metering point or spot at the site [default: that of the one it replaces].
    #[arg(long, value_name = "TEXT")]
    pub(crate) location: Option<String>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What an instrument is.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The instrument")]
pub(crate) struct DeviceArgs {
    /// All of it from a file instead: JSON as `instruments get --json` prints it, or the same as TOML.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "serial_number", "measurand", "unit", "resolution",
        "register", "register_range", "accuracy_class", "max_permissible_error_percent", "multiplier", "signing_key"])]
    pub(crate) file: Option<PathBuf>,
    /// electricity-meter, gas-meter, heat-meter, flow-meter, weighbridge, belt-scale or laboratory.
    #[arg(long, value_name = "KIND", value_parser = word::<InstrumentKind>, required_unless_present = "file")]
    pub(crate) kind: Option<InstrumentKind>,
    /// Serial number on the type plate.
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    pub(crate) serial_number: Option<String>,
    /// electricity-import, electricity-export, mass, volume, normal-volume or heat.
    #[arg(long, value_name = "MEASURAND", value_parser = word::<Measurand>, required_unless_present = "file")]
    pub(crate) measurand: Option<Measurand>,
    /// Unit of its register: kWh, MWh, m3, t, ...
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>, required_unless_present = "file")]
    pub(crate) unit: Option<Unit>,
    /// Smallest step of its register, in that unit, such as 0.01.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "file")]
    pub(crate) resolution: Option<Decimal>,
    /// How its register counts: from zero in every interval, or on and on.
    #[arg(long, value_name = "TYPE", default_value_t = RegisterType::Interval)]
    pub(crate) register: RegisterType,
    /// In steps of the resolution: the largest value of an interval, or that at which a cumulative register returns to
    /// zero.
    #[arg(long, value_name = "NUMBER", required_unless_present = "file")]
    pub(crate) register_range: Option<i64>,
    /// Legal-metrology class, such as C (EN 50470) or 0.5S (IEC 62053-22).
    #[arg(long, value_name = "CLASS")]
    pub(crate) accuracy_class: Option<String>,
    /// Maximum permissible error of that class, in percent: what counts where no calibration is valid.
    #[arg(long, value_name = "PERCENT", value_parser = word::<Decimal>)]
    pub(crate) max_permissible_error_percent: Option<Decimal>,
    /// What its indication is multiplied by, such as 200:0.2:2 for transformers of 1000 A to 5 A: ratio, expanded
    /// uncertainty in percent, coverage factor.
    #[arg(long, value_name = "RATIO:U:K", value_parser = multiplier)]
    pub(crate) multiplier: Option<Multiplier>,
    /// Public key with which the device signs its readings: a JWK.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
}

/// How a register counts: from zero in every interval, or on and on with rollover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegisterType {
    #[default]
    Interval,
    Cumulative,
}

impl fmt::Display for RegisterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegisterType::Interval => "interval",
            RegisterType::Cumulative => "cumulative",
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// organizations/O/sites/S/instruments/I
    #[arg(value_name = "NAME", value_parser = instrument)]
    pub(crate) name: String,
    /// Its new metering point or spot at the site.
    #[arg(long, value_name = "TEXT")]
    pub(crate) location: String,
    /// When it was taken from the old place and put into the new one.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Time,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// organizations/O/sites/S/instruments/I
    #[arg(value_name = "NAME", value_parser = instrument)]
    pub(crate) name: String,
    /// When it was taken away.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Time,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CalibrationsCommand {
    /// Say what a Digital Calibration Certificate says, as Touchstone understands it, without any network.
    Read {
        /// Certificate (PTB DCC XML 2.4 to 3.3).
        file: PathBuf,
        /// Serial number of the meter to show [default: all that the certificate is for].
        #[arg(long, value_name = "TEXT")]
        serial_number: Option<String>,
    },
    /// Record a calibration from a Digital Calibration Certificate; the file is kept whole.
    Import(ImportCalibrationArgs),
    /// Record a calibration as a form; the certificate's file is named by its digest and not sent.
    Create(Box<CreateCalibrationArgs>),
    /// List the calibrations of an instrument.
    List(OfInstrumentArgs),
    /// List the instruments of a site whose calibration ends within 60 days, or has ended.
    Warnings {
        /// organizations/O/sites/S
        #[arg(value_name = "SITE", value_parser = site)]
        site: String,
        /// Go on, and tell each new warning when it falls due; with --json one object a line.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Fetch the certificate file that a calibration was read from.
    File {
        /// organizations/O/sites/S/instruments/I/calibrations/C
        #[arg(value_name = "NAME", value_parser = calibration)]
        name: String,
        /// File to write; an existing one is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OfInstrumentArgs {
    /// organizations/O/sites/S/instruments/I
    #[arg(value_name = "INSTRUMENT", value_parser = instrument)]
    pub(crate) instrument: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportCalibrationArgs {
    /// Certificate (PTB DCC XML 2.4 to 3.3), for the serial number of the instrument.
    pub(crate) file: PathBuf,
    /// Instrument that was calibrated: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: String,
    /// Id of the calibration [default: made of the certificate's number].
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: Option<String>,
    /// The laboratory's accreditation number, where the certificate names none.
    #[arg(long, value_name = "TEXT")]
    pub(crate) laboratory_accreditation: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateCalibrationArgs {
    /// The certificate's file, such as a PDF: its SHA-256 is recorded.
    pub(crate) file: PathBuf,
    /// Instrument that was calibrated: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: String,
    /// Id of the calibration [default: made of the certificate's number].
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: Option<String>,
    /// Number of the certificate.
    #[arg(long, value_name = "TEXT")]
    pub(crate) certificate_id: String,
    /// Name of the laboratory.
    #[arg(long, value_name = "TEXT")]
    pub(crate) laboratory: String,
    /// Its accreditation number (ISO/IEC 17025).
    #[arg(long, value_name = "TEXT")]
    pub(crate) laboratory_accreditation: String,
    /// When the calibration was done.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) calibrated: Time,
    /// When it may be relied on.
    #[arg(long, value_name = "START/END", value_parser = period)]
    pub(crate) valid: Period,
    /// A result as the instrument was left: load (with several), error in percent, its expanded uncertainty, coverage
    /// factor, such as 6.9:-0.11:0.1:2. Repeatable, by ascending load.
    #[arg(long, value_name = "[LOAD:]ERROR:U:K", value_parser = point, required = true, allow_hyphen_values = true)]
    pub(crate) point: Vec<CalibrationPoint>,
    /// The same as it was found, before any adjustment. Repeatable.
    #[arg(long, value_name = "[LOAD:]ERROR:U:K", value_parser = point, allow_hyphen_values = true)]
    pub(crate) as_found: Vec<CalibrationPoint>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InspectionsCommand {
    /// Record a look at an instrument's seal or clock.
    Create(InspectionArgs),
    /// List the inspections of an instrument.
    List(OfInstrumentArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InspectionArgs {
    /// Instrument that was looked at: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: String,
    /// Id of the inspection.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: String,
    /// When it was.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Time,
    /// Who inspected.
    #[arg(long, value_name = "TEXT")]
    pub(crate) inspector: String,
    /// How the seal was found: intact, or broken.
    #[arg(long, value_name = "STATE", value_parser = word::<SealState>, required_unless_present = "clock_error_secs")]
    pub(crate) seal: Option<SealState>,
    /// Number of the seal.
    #[arg(long, value_name = "TEXT")]
    pub(crate) seal_number: Option<String>,
    /// The device's clock minus the true time, in seconds.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, allow_hyphen_values = true)]
    pub(crate) clock_error_secs: Option<Decimal>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListReadingsArgs {
    /// Instrument: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: String,
    /// Period of interval starts, half-open, such as 2023-01-01/2024-01-01.
    #[arg(long, value_name = "START/END", value_parser = period)]
    pub(crate) period: Period,
    /// The readings as they were known then [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) known: Option<Time>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumptionArgs {
    /// Instrument: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: String,
    /// Period, half-open, at most 400 days, such as 2023-01-01/2024-01-01.
    #[arg(long, value_name = "START/END", value_parser = period)]
    pub(crate) period: Period,
    /// The readings as they were known then [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) known: Option<Time>,
    /// Unit of the answer [default: the instrument's].
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>)]
    pub(crate) unit: Option<Unit>,
    /// What becomes of missing readings: mark, refuse, linear:N (gaps of at most N intervals are closed), or
    /// percentile:P (50 to 100, of the readings at the same time of day). None is needed between two states of a cumulative
    /// register.
    #[arg(long, value_name = "RULE", value_parser = gap_rule, default_value = "mark")]
    pub(crate) gaps: GapRule,
    /// What becomes of quantities outside valid calibration.
    #[arg(long, value_name = "RULE", default_value_t = Finding::Mark)]
    pub(crate) uncalibrated: Finding,
    /// What becomes of intervals across the edges of the period: marked they are split by time.
    #[arg(long, value_name = "RULE", default_value_t = Finding::Mark)]
    pub(crate) edges: Finding,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What becomes of what no rule lets in by itself: it is taken and stated, or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Finding {
    Mark,
    Refuse,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Finding::Mark => "mark",
            Finding::Refuse => "refuse",
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Write the evidence of a site and period as one archive, with the certificates that calibrations were read from.
    Export(ExportArgs),
    /// Check an archive, or the proof of a day, without any network.
    Check {
        /// Archive, or proof.
        file: PathBuf,
        /// The evidence root that it must have: evidenceRoot of a footprint statement or of a certificate.
        #[arg(long, value_name = "DIGEST", value_parser = root)]
        root: Option<Sha256>,
    },
    /// Write the proof of one day of an archive, which shows that day and nothing else.
    Prove {
        /// Archive.
        file: PathBuf,
        /// Instrument: organizations/O/sites/S/instruments/I
        #[arg(long, value_name = "NAME", value_parser = instrument)]
        instrument: String,
        /// Day in UTC, such as 2023-02-03.
        #[arg(long, value_name = "DATE")]
        day: Date,
        /// File to write; an existing one is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Site: organizations/O/sites/S
    #[arg(long, value_name = "NAME", value_parser = site)]
    pub(crate) site: String,
    /// Period, half-open, such as 2023-01-01/2024-01-01.
    #[arg(long, value_name = "START/END", value_parser = period)]
    pub(crate) period: Period,
    /// One instrument of the site alone [default: the whole site].
    #[arg(long, value_name = "NAME", value_parser = instrument)]
    pub(crate) instrument: Option<String>,
    /// The evidence as it was known then [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) known: Option<Time>,
    /// File to write; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

pub(super) fn named(pattern: &'static str, text: &str) -> Result<String, String> {
    name::parts(pattern, text).map(|_| text.to_owned()).map_err(|e| e.to_string())
}

pub(super) fn organization(text: &str) -> Result<String, String> {
    named(name::ORGANIZATION, text)
}

pub(super) fn site(text: &str) -> Result<String, String> {
    named(name::SITE, text)
}

pub(crate) fn instrument(text: &str) -> Result<String, String> {
    named(name::INSTRUMENT, text)
}

pub(super) fn calibration(text: &str) -> Result<String, String> {
    named(name::CALIBRATION, text)
}

pub(crate) fn id(text: &str) -> Result<String, NameError> {
    name::check_id(text).map(|()| text.to_owned())
}

/// A root as a footprint statement spells it, or as a certificate does.
fn root(text: &str) -> Result<Sha256, String> {
    let of_certificate = |_| text.parse::<Digest>().map(|digest| Sha256(digest.0));
    text.parse().or_else(of_certificate).map_err(|_| {
        "expected 64 lower-case hexadecimal digits, as in a footprint statement, or u and base64url, as in a certificate"
            .to_owned()
    })
}

pub(crate) fn period(text: &str) -> Result<Period, String> {
    let (start, end) = text.split_once('/').ok_or("expected START/END, such as 2023-01-01/2024-01-01")?;
    let period = Period { start: time(start)?.at, end: time(end)?.at };
    period.violations().first().map_or(Ok(period), |violation| Err(violation.to_string()))
}

/// The parts of `a:b:c`, as decimals.
fn decimals(text: &str) -> Result<Vec<Decimal>, String> {
    text.split(':').map(|part| part.parse().map_err(|e| format!("{part:?}: {e}"))).collect()
}

fn multiplier(text: &str) -> Result<Multiplier, String> {
    match <[Decimal; 3]>::try_from(decimals(text)?) {
        Ok([ratio, expanded_uncertainty_percent, coverage_factor]) => {
            Ok(Multiplier { ratio, expanded_uncertainty_percent, coverage_factor })
        }
        Err(_) => Err("expected RATIO:U:K, such as 200:0.2:2".to_owned()),
    }
}

fn point(text: &str) -> Result<CalibrationPoint, String> {
    let mut parts = decimals(text)?;
    let load = (parts.len() == 4).then(|| parts.remove(0));
    match <[Decimal; 3]>::try_from(parts) {
        Ok([error_percent, expanded_uncertainty_percent, coverage_factor]) => {
            Ok(CalibrationPoint { load, error_percent, expanded_uncertainty_percent, coverage_factor })
        }
        Err(_) => Err("expected ERROR:U:K or LOAD:ERROR:U:K, such as 6.9:-0.11:0.1:2".to_owned()),
    }
}

fn gap_rule(text: &str) -> Result<GapRule, String> {
    let expected = || "expected mark, refuse, linear:N or percentile:P (50 to 100)".to_owned();
    match text.split_once(':') {
        None if text == "mark" => Ok(GapRule::Mark),
        None if text == "refuse" => Ok(GapRule::Refuse),
        Some(("linear", number)) => match number.parse() {
            Ok(most_intervals @ 1..) => Ok(GapRule::Linear { most_intervals }),
            _ => Err(expected()),
        },
        Some(("percentile", number)) => match number.parse() {
            Ok(percentile @ 50..=100) => Ok(GapRule::Percentile { percentile }),
            _ => Err(expected()),
        },
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_points() {
        assert_eq!(gap_rule("linear:4"), Ok(GapRule::Linear { most_intervals: 4 }));
        assert_eq!(gap_rule("percentile:90"), Ok(GapRule::Percentile { percentile: 90 }));
        for wrong in ["", "linear", "linear:0", "percentile:49", "percentile:101", "mark:1"] {
            assert!(gap_rule(wrong).is_err(), "{wrong}");
        }
        let read = point("6.9:-0.11:0.1:2").unwrap();
        assert_eq!((read.load.unwrap().as_str(), read.error_percent.as_str()), ("6.9", "-0.11"));
        assert!(point("0.02:0.1:2").unwrap().load.is_none());
        assert!(point("1:2").is_err() && point("1:2:3:4:5").is_err() && point("a:1:2").is_err());
        assert_eq!(multiplier("200:0.2:2").unwrap().ratio.as_str(), "200");
    }

    #[test]
    fn roots() {
        let digest = Sha256::of(b"x");
        assert_eq!(root(&digest.to_string()), Ok(digest));
        assert_eq!(root(&Digest(digest.0).to_string()), Ok(digest));
        assert!(root("abc").is_err() && root(&digest.to_string().to_uppercase()).is_err());
    }

    #[test]
    fn periods() {
        assert_eq!(period("2023-01-01/2024-01-01").unwrap().secs(), 365 * 86_400);
        assert!(period("2018-01-01T00:00:00+09:00/2019-01-01T00:00:00+09:00").is_ok());
        for wrong in ["2023-01-01", "2024-01-01/2023-01-01", "2023-01-01/", "a/b"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
