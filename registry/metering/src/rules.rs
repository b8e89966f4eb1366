//! The rules of a scheme for measured data, and why there is no quantity under them.

use jiff::Timestamp;
use quantity::{Decimal, QuantityError};
use record::instrument::Period;
use record::reading::Property;
use serde::{Deserialize, Serialize};
use uncertainty::UncertaintyError;

use crate::gaps::GapRule;

/// What to do with quantities that no valid calibration covers. The rule belongs to the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationRule {
    /// They are an error.
    Refuse,
    /// They are taken with what as-found results, or else the maximum permissible error, give as their uncertainty, and
    /// their share is stated.
    Mark,
}

/// What to do with an interval that lies across the edge of a period. The rule belongs to the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeRule {
    /// It is an error.
    Refuse,
    /// It is split by time. The smaller part is the half-width of a rectangular distribution: all of it may have passed
    /// on either side.
    Proportional,
}

/// The rules of a scheme for measured data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// For quantities outside valid calibration.
    pub calibration: CalibrationRule,
    /// For missing readings.
    pub gap: GapRule,
    /// For intervals across the edge of a period.
    pub edge: EdgeRule,
}

/// Why there is no quantity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeteringError {
    /// No instrument of this name in the evidence.
    #[error("instrument {instrument:?} is not in the evidence; export it with the evidence, or correct the name")]
    UnknownInstrument {
        /// Name asked for.
        instrument: String,
    },
    /// No reading in the period.
    #[error("instrument {instrument:?} has no reading in {period}")]
    NoReadings {
        /// Name of the instrument.
        instrument: String,
        /// Period asked for.
        period: Period,
    },
    /// An interval lies across the edge of the period.
    #[error(
        "instrument {instrument:?}: the interval from {start} lies across the edge of {period}; choose whole intervals"
    )]
    Straddles {
        /// Name of the instrument.
        instrument: String,
        /// Start of the interval.
        start: Timestamp,
        /// Period asked for.
        period: Period,
    },
    /// A gap longer than the scheme closes.
    #[error("instrument {instrument:?} has no reading from {start} to {end}, longer than the scheme's gap rule closes")]
    GapTooLong {
        /// Name of the instrument.
        instrument: String,
        /// First instant without reading.
        start: Timestamp,
        /// First instant after.
        end: Timestamp,
    },
    /// No state of a cumulative register at an edge of the period, under a rule that closes gaps by readings of intervals.
    ///
    /// Between two of its states nothing is missing: their difference holds all that passed, whatever the time between.
    /// Before the first and after the last there is no reading of an interval to close a gap by.
    #[error(
        "instrument {instrument:?} counts on and on, and has no state from {start} to {end}: the gap rules linear and \
         percentile close intervals, and between two states nothing needs to be closed; record a state at the edge, choose \
         a period between two states, or mark"
    )]
    OpenEnd {
        /// Name of the instrument.
        instrument: String,
        /// First instant without state.
        start: Timestamp,
        /// First instant after.
        end: Timestamp,
    },
    /// A volume at operating conditions without its conversion to reference conditions.
    #[error(
        "instrument {instrument:?} counts volume at operating conditions, and no gas conversion covers its readings at \
         {time}; record one"
    )]
    NoConversion {
        /// Name of the instrument.
        instrument: String,
        /// First time without.
        time: Timestamp,
    },
    /// Readings are missing, and the scheme allows none to be.
    #[error("instrument {instrument:?} has no reading for {missing_secs} s of the period")]
    Gaps {
        /// Name of the instrument.
        instrument: String,
        /// Seconds without reading.
        missing_secs: i64,
    },
    /// A quantity outside valid calibration, and the scheme allows none.
    #[error("instrument {instrument:?} was not under valid calibration at {time}")]
    Uncalibrated {
        /// Name of the instrument.
        instrument: String,
        /// First time without.
        time: Timestamp,
    },
    /// A quantity outside valid calibration, of an instrument without maximum permissible error.
    #[error("instrument {instrument:?} has neither a valid calibration at {time} nor a maximum permissible error")]
    NoUncertainty {
        /// Name of the instrument.
        instrument: String,
        /// First time without.
        time: Timestamp,
    },
    /// Nothing was weighed of a material.
    #[error("there is no weighed load and no stock of {material:?} in the evidence")]
    UnknownMaterial {
        /// Material asked for.
        material: String,
    },
    /// A stock is missing: opening or closing.
    #[error("the stock of {material:?} at {time} is missing; record a survey, with 0 where nothing was in stock")]
    MissingStock {
        /// Material.
        material: String,
        /// Start or end of the period.
        time: Timestamp,
    },
    /// More left than there was.
    #[error("the balance of {material:?} is below zero: {total} t")]
    NegativeBalance {
        /// Material.
        material: String,
        /// The balance.
        total: Decimal,
    },
    /// No analysis of a property of a material in the period.
    #[error("there is no analysis of {property:?} of {material:?} in {period}")]
    NoAnalysis {
        /// Material.
        material: String,
        /// Property.
        property: Property,
        /// Period asked for.
        period: Period,
    },
    /// A unit of another kind.
    #[error("{what}: {source}")]
    Unit {
        /// Instrument, record or analysis.
        what: String,
        /// The mismatch.
        source: QuantityError,
    },
    /// Numbers too large to be summed exactly.
    #[error("{what}: the sum is outside the range of exact decimals")]
    Range {
        /// Instrument or material.
        what: String,
    },
    /// A standard uncertainty that is none.
    #[error("{what}: {source}")]
    Uncertainty {
        /// Instrument or material.
        what: String,
        /// What is wrong.
        source: UncertaintyError,
    },
}
