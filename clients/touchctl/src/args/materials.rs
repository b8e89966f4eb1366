//! Weighed loads, stocks, laboratory analyses, gas conversions.
//!
//! Each is created from options, or many from a table: what no column of the table states is taken from the options.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use quantity::{Decimal, Unit};
use record::instrument::{Period, Sha256};
use record::name;
use record::reading::{Direction, Property};

use super::change::ChangeArgs;
use super::connection::ConnectionArgs;
use super::metering::{NamedSiteArgs, OfInstrumentArgs, id, instrument, named, period, site};
use super::{Time, time, word};

/// What is said of tables below the options.
const TABLE: &str = "A table is a CSV file (comma, semicolon or tab) whose first line names its columns: id, and any of \
    the options above without their hyphens in front. A cell goes before the option of its name. Refused rows are named by \
    their line, the others are recorded, and the exit code is 1. What is there already as the row states it counts as \
    present: the command may be run again.";

#[derive(Debug, Subcommand)]
pub(crate) enum LoadsCommand {
    /// Record a weighed load, or many from a table.
    #[command(after_help = TABLE)]
    Create(Box<LoadArgs>),
    /// Show a weighed load.
    Get {
        /// organizations/O/sites/S/weighbridgeRecords/W
        #[arg(value_name = "NAME", value_parser = load)]
        name: String,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the weighed loads of a site, corrections and what they correct included.
    List(NamedSiteArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct LoadArgs {
    /// organizations/O/sites/S/weighbridgeRecords/W: its last part is the number of the weigh ticket.
    #[arg(value_name = "NAME", value_parser = load, required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Table of loads.
    #[arg(long, value_name = "FILE", requires = "site")]
    pub(crate) from: Option<PathBuf>,
    /// Site of the loads of a table: organizations/O/sites/S
    #[arg(long, value_name = "NAME", value_parser = site, requires = "from")]
    pub(crate) site: Option<String>,
    /// The weighbridge or belt weigher: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument, required_unless_present = "from")]
    pub(crate) instrument: Option<String>,
    /// Id of the material in the plant file, such as coal.
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    pub(crate) material: Option<String>,
    /// Which way it went: in or out.
    #[arg(long, value_name = "WAY", value_parser = word::<Direction>, required_unless_present = "from")]
    pub(crate) direction: Option<Direction>,
    /// When it was weighed.
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "from")]
    pub(crate) at: Option<Time>,
    /// Net mass.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) net: Option<Decimal>,
    /// Its unit: t, kg, ...
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>, required_unless_present = "from")]
    pub(crate) unit: Option<Unit>,
    /// Id of the load that this one corrects and takes the place of.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) corrects: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StocksCommand {
    /// Record a stock, or many from a table.
    #[command(after_help = TABLE)]
    Create(Box<StockArgs>),
    /// Show a stock.
    Get {
        /// organizations/O/sites/S/stockRecords/R
        #[arg(value_name = "NAME", value_parser = stock)]
        name: String,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the stocks of a site, corrections and what they correct included.
    List(NamedSiteArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct StockArgs {
    /// organizations/O/sites/S/stockRecords/R: its last part is the number of the survey.
    #[arg(value_name = "NAME", value_parser = stock, required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Table of stocks.
    #[arg(long, value_name = "FILE", requires = "site")]
    pub(crate) from: Option<PathBuf>,
    /// Site of the stocks of a table: organizations/O/sites/S
    #[arg(long, value_name = "NAME", value_parser = site, requires = "from")]
    pub(crate) site: Option<String>,
    /// Id of the material in the plant file, such as coal.
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    pub(crate) material: Option<String>,
    /// When it was taken.
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "from")]
    pub(crate) at: Option<Time>,
    /// Mass in stock.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) mass: Option<Decimal>,
    /// Unit of the mass and of its uncertainty: t, kg, ...
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>, required_unless_present = "from")]
    pub(crate) unit: Option<Unit>,
    /// Expanded uncertainty of the mass, in that unit.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) expanded_uncertainty: Option<Decimal>,
    /// Its coverage factor k.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) coverage_factor: Option<Decimal>,
    /// Id of the stock that this one corrects and takes the place of.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) corrects: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AnalysesCommand {
    /// Record a laboratory analysis, or many from a table.
    #[command(after_help = TABLE)]
    Create(Box<AnalysisArgs>),
    /// Show a laboratory analysis.
    Get {
        /// organizations/O/sites/S/laboratoryAnalyses/A
        #[arg(value_name = "NAME", value_parser = analysis)]
        name: String,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the laboratory analyses of a site, corrections and what they correct included.
    List(NamedSiteArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct AnalysisArgs {
    /// organizations/O/sites/S/laboratoryAnalyses/A: its last part is the number of the report, with the line where it has
    /// several.
    #[arg(value_name = "NAME", value_parser = analysis, required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Table of analyses.
    #[arg(long, value_name = "FILE", requires = "site")]
    pub(crate) from: Option<PathBuf>,
    /// Site of the analyses of a table: organizations/O/sites/S
    #[arg(long, value_name = "NAME", value_parser = site, requires = "from")]
    pub(crate) site: Option<String>,
    /// Number of the sample.
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    pub(crate) sample: Option<String>,
    /// Id of the material in the plant file, such as coal.
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    pub(crate) material: Option<String>,
    /// Method, such as "ISO 1928".
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    pub(crate) method: Option<String>,
    /// Name of the laboratory.
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    pub(crate) laboratory: Option<String>,
    /// Its accreditation number (ISO/IEC 17025).
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    pub(crate) laboratory_accreditation: Option<String>,
    /// When the sample was taken.
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "from")]
    pub(crate) at: Option<Time>,
    /// What was determined: net-calorific-value, emission-factor, carbon-content, biomass-share or oxidation-factor.
    #[arg(long, value_name = "PROPERTY", value_parser = word::<Property>, required_unless_present = "from")]
    pub(crate) property: Option<Property>,
    /// The result.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) value: Option<Decimal>,
    /// Unit of the result and of its uncertainty: GJ/t, tCO2/TJ, %, ...
    #[arg(long, value_name = "UNIT", value_parser = word::<Unit>, required_unless_present = "from")]
    pub(crate) unit: Option<Unit>,
    /// Expanded uncertainty of the result, in that unit.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) expanded_uncertainty: Option<Decimal>,
    /// Its coverage factor k.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) coverage_factor: Option<Decimal>,
    /// SHA-256 of the report's file, in hexadecimal.
    #[arg(long, value_name = "DIGEST", value_parser = word::<Sha256>)]
    pub(crate) report_sha256: Option<Sha256>,
    /// Id of the analysis that this one corrects and takes the place of.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) corrects: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GasConversionsCommand {
    /// Record a conversion to 0 °C and 101.325 kPa (EN 12405-1), or many from a table.
    #[command(after_help = TABLE)]
    Create(Box<GasConversionArgs>),
    /// Show a conversion.
    Get {
        /// organizations/O/sites/S/instruments/I/gasConversions/G
        #[arg(value_name = "NAME", value_parser = gas_conversion)]
        name: String,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the conversions of a gas meter, corrections and what they correct included.
    List(OfInstrumentArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct GasConversionArgs {
    /// organizations/O/sites/S/instruments/I/gasConversions/G
    #[arg(value_name = "NAME", value_parser = gas_conversion, required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Table of conversions.
    #[arg(long, value_name = "FILE", requires = "instrument")]
    pub(crate) from: Option<PathBuf>,
    /// Gas meter of the conversions of a table: organizations/O/sites/S/instruments/I
    #[arg(long, value_name = "NAME", value_parser = instrument, requires = "from")]
    pub(crate) instrument: Option<String>,
    /// Period of the readings that it converts, such as 2023-01-01/2023-02-01.
    #[arg(long, value_name = "START/END", value_parser = period, required_unless_present = "from")]
    pub(crate) period: Option<Period>,
    /// Mean absolute pressure of the gas, kPa.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) pressure_kpa: Option<Decimal>,
    /// Its expanded uncertainty, kPa.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) pressure_expanded_uncertainty_kpa: Option<Decimal>,
    /// Mean temperature of the gas, °C.
    #[arg(
        long,
        value_name = "DECIMAL",
        value_parser = word::<Decimal>,
        required_unless_present = "from",
        allow_hyphen_values = true
    )]
    pub(crate) temperature_celsius: Option<Decimal>,
    /// Its expanded uncertainty, K.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) temperature_expanded_uncertainty_kelvin: Option<Decimal>,
    /// Compressibility at reference conditions to that of the gas, Z_n / Z; 1 for an ideal gas.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) compressibility_ratio: Option<Decimal>,
    /// Its expanded uncertainty.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) compressibility_expanded_uncertainty: Option<Decimal>,
    /// Coverage factor k of the three.
    #[arg(long, value_name = "DECIMAL", value_parser = word::<Decimal>, required_unless_present = "from")]
    pub(crate) coverage_factor: Option<Decimal>,
    /// Where the state comes from, such as "EN 12405-1 device 4711, monthly mean".
    #[arg(long, value_name = "TEXT", required_unless_present = "from")]
    pub(crate) method: Option<String>,
    /// Id of the conversion that this one corrects and takes the place of.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) corrects: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

fn load(text: &str) -> Result<String, String> {
    named(name::WEIGHBRIDGE_RECORD, text)
}

fn stock(text: &str) -> Result<String, String> {
    named(name::STOCK_RECORD, text)
}

fn analysis(text: &str) -> Result<String, String> {
    named(name::LABORATORY_ANALYSIS, text)
}

fn gas_conversion(text: &str) -> Result<String, String> {
    named(name::GAS_CONVERSION, text)
}
