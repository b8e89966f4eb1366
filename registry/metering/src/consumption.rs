//! What an instrument registered in a period.

use std::collections::BTreeMap;

use jiff::Timestamp;
use quantity::{Decimal, DecimalError, Kind, QuantityError, Unit};
use record::evidence::InstrumentEvidence;
use record::instrument::{Calibration, Period, Register};
use record::reading::Property;
use uncertainty::{Measured, SourceId, Uncertain, UncertaintyError};

/// What to do with quantities that no valid calibration covers. The rule belongs to the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationRule {
    /// They are an error.
    Refuse,
    /// They are taken with the maximum permissible error as their uncertainty, and their share is stated.
    Mark,
}

/// What to do with missing readings. The rule belongs to the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapRule {
    /// They are an error.
    Refuse,
    /// They add nothing to the sum; their share is stated, and they are a source of uncertainty: the quantity that the
    /// mean of the other readings would give, as half-width of a rectangular distribution.
    Mark,
}

/// The rules of a scheme for measured data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// For quantities outside valid calibration.
    pub calibration: CalibrationRule,
    /// For missing readings.
    pub gap: GapRule,
}

/// A quantity from measurement, with what is needed to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumption<K> {
    /// The quantity, corrected for the measured errors of the instruments, with its uncertainty by source.
    pub quantity: Measured<K>,
    /// The sum as registered, every digit.
    pub registered: Decimal,
    /// Unit of that sum.
    pub unit: Unit,
    /// Share of the registered quantity that lies under a valid calibration, 0 to 1.
    pub calibrated_share: f64,
    /// Seconds of the period without reading.
    pub missing_secs: i64,
    /// Seconds of the period that should have readings: 0 where nothing is metered by time.
    pub metered_secs: i64,
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

/// √12 and √3: a rectangular distribution of full width a has u = a/√12, of half-width a u = a/√3 (JCGM 100:2008, 4.3.7).
pub(crate) const SQRT_12: f64 = 3.464_101_615_137_754_4;
/// See [`SQRT_12`].
pub(crate) const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// A quantity with its time, in register units.
struct Item {
    start: Timestamp,
    end: Timestamp,
    value: i128,
}

/// What an instrument registered in `period`, as kind `K`.
///
/// Interval readings are summed as integers; states of a cumulative register are differenced, a fall being a rollover.
/// What one calibration covers shares one error, whatever the number of readings.
///
/// # Errors
/// [`MeteringError`].
pub fn consumption<K: Kind>(
    evidence: &InstrumentEvidence,
    period: &Period,
    rules: Rules,
) -> Result<Consumption<K>, MeteringError> {
    let instrument = &evidence.instrument;
    let name = || instrument.name.clone();
    let items = items(evidence, period)?;
    if items.is_empty() {
        return Err(MeteringError::NoReadings { instrument: name(), period: *period });
    }
    let covered: i64 = items.iter().map(|item| item.end.as_second() - item.start.as_second()).sum();
    let missing_secs = (period.secs() - covered).max(0);
    if missing_secs > 0 && rules.gap == GapRule::Refuse {
        return Err(MeteringError::Gaps { instrument: name(), missing_secs });
    }
    let mut sums = Sums::new(evidence);
    for item in &items {
        sums.add(evidence, item.start, item.end, item.value, rules.calibration)?;
    }
    let per_unit = register_unit::<K>(evidence)?;
    let (mut value, registered) = sums.quantity::<K>(evidence)?;
    let readings = match instrument.register {
        Register::Interval { .. } => items.len() as f64,
        // Only the first and last states count.
        Register::Cumulative { .. } => 2.0,
    };
    let source = |kind: &str| SourceId::new(format!("{kind}/{}/{period}", instrument.name));
    let wrap = |source| MeteringError::Uncertainty { what: name(), source };
    value = value.with(source("resolution"), readings.sqrt() * per_unit / SQRT_12, None).map_err(wrap)?;
    if missing_secs > 0 {
        let expected = value.value().abs() / covered.max(1) as f64 * missing_secs as f64;
        value = value.with(source("gap"), expected / SQRT_3, None).map_err(wrap)?;
    }
    Ok(Consumption {
        quantity: Measured::from_base(value.finite().map_err(wrap)?),
        registered,
        unit: instrument.unit,
        calibrated_share: sums.calibrated_share(),
        missing_secs,
        metered_secs: period.secs(),
    })
}

/// One unit of an instrument's register in base units of `K`.
pub(crate) fn register_unit<K: Kind>(evidence: &InstrumentEvidence) -> Result<f64, MeteringError> {
    let instrument = &evidence.instrument;
    K::from_decimal(&instrument.resolution, instrument.unit)
        .map(Kind::base)
        .map_err(|source| MeteringError::Unit { what: instrument.name.clone(), source })
}

fn items(evidence: &InstrumentEvidence, period: &Period) -> Result<Vec<Item>, MeteringError> {
    let instrument = &evidence.instrument;
    let mut items = Vec::new();
    match instrument.register {
        Register::Interval { .. } => {
            for reading in evidence.readings() {
                let Ok(end) = Timestamp::from_second(reading.end_second()) else { continue };
                if period.start <= reading.start && end <= period.end {
                    items.push(Item { start: reading.start, end, value: i128::from(reading.value) });
                } else if reading.start < period.end && period.start < end {
                    let (instrument, start) = (instrument.name.clone(), reading.start);
                    return Err(MeteringError::Straddles { instrument, start, period: *period });
                }
            }
        }
        Register::Cumulative { rollover } => {
            let states = evidence.readings().filter(|r| period.start <= r.start && r.start <= period.end);
            let mut last: Option<record::reading::Reading> = None;
            for state in states {
                if let Some(last) = last {
                    let difference = i128::from(state.value) - i128::from(last.value);
                    let value = if difference < 0 { difference + i128::from(rollover) } else { difference };
                    items.push(Item { start: last.start, end: state.start, value });
                }
                last = Some(state);
            }
        }
    }
    Ok(items)
}

/// Sums in register units, by the calibration that covers them.
pub(crate) struct Sums {
    /// By index of the calibration; `None` is what none covers.
    by_calibration: BTreeMap<Option<usize>, i128>,
    total: i128,
    /// Sum without sign, for shares.
    absolute: i128,
    absolute_calibrated: i128,
    /// Calibrations that were done later come first.
    order: Vec<usize>,
}

impl Sums {
    pub(crate) fn new(evidence: &InstrumentEvidence) -> Self {
        let mut order: Vec<usize> = (0..evidence.calibrations.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse((evidence.calibrations[*i].calibrated_time, *i)));
        Sums { by_calibration: BTreeMap::new(), total: 0, absolute: 0, absolute_calibrated: 0, order }
    }

    /// Adds a quantity of the interval from `start` to `end`.
    pub(crate) fn add(
        &mut self,
        evidence: &InstrumentEvidence,
        start: Timestamp,
        end: Timestamp,
        value: i128,
        rule: CalibrationRule,
    ) -> Result<(), MeteringError> {
        let instrument = &evidence.instrument;
        let covering = |i: &usize| evidence.calibrations[*i].validity.covers(&Period { start, end });
        let calibration = self.order.iter().copied().find(covering);
        if calibration.is_none() {
            let name = instrument.name.clone();
            if rule == CalibrationRule::Refuse {
                return Err(MeteringError::Uncalibrated { instrument: name, time: start });
            }
            if instrument.max_permissible_error_percent.is_none() {
                return Err(MeteringError::NoUncertainty { instrument: name, time: start });
            }
        }
        let range = || MeteringError::Range { what: instrument.name.clone() };
        let sum = self.by_calibration.entry(calibration).or_default();
        *sum = sum.checked_add(value).ok_or_else(range)?;
        self.total = self.total.checked_add(value).ok_or_else(range)?;
        let absolute = value.checked_abs().ok_or_else(range)?;
        self.absolute = self.absolute.checked_add(absolute).ok_or_else(range)?;
        if calibration.is_some() {
            self.absolute_calibrated += absolute; // at most `absolute`
        }
        Ok(())
    }

    pub(crate) fn calibrated_share(&self) -> f64 {
        if self.absolute == 0 {
            return if self.by_calibration.contains_key(&None) { 0.0 } else { 1.0 };
        }
        self.absolute_calibrated as f64 / self.absolute as f64
    }

    /// The corrected quantity with its calibration uncertainty, and the sum as registered.
    pub(crate) fn quantity<K: Kind>(
        &self,
        evidence: &InstrumentEvidence,
    ) -> Result<(Uncertain, Decimal), MeteringError> {
        let instrument = &evidence.instrument;
        let read = |sum: i128| -> Result<(f64, Decimal), MeteringError> {
            let decimal = times(sum, &instrument.resolution)
                .map_err(|_| MeteringError::Range { what: instrument.name.clone() })?;
            let kind = K::from_decimal(&decimal, instrument.unit)
                .map_err(|source| MeteringError::Unit { what: instrument.name.clone(), source })?;
            Ok((kind.base(), decimal))
        };
        let wrap = |source| MeteringError::Uncertainty { what: instrument.name.clone(), source };
        // The exact sum is converted once; only corrections that are not zero move it.
        let (total, registered) = read(self.total)?;
        let mut correction = 0.0;
        let mut contributions: Vec<(SourceId, f64)> = Vec::new();
        for (calibration, sum) in &self.by_calibration {
            let (part, _) = read(*sum)?;
            match calibration.map(|i| &evidence.calibrations[i]) {
                Some(calibration) => {
                    let error = calibration.error_percent.to_f64() / 100.0;
                    // indication = true × (1 + error)
                    let corrected = if error == 0.0 { part } else { part / (1.0 + error) };
                    correction += corrected - part;
                    let relative = standard_percent(calibration) / 100.0;
                    contributions.push((calibration_source(calibration), relative * corrected));
                }
                None => {
                    // `add` lets nothing uncalibrated in without it.
                    let percent = instrument.max_permissible_error_percent.as_ref().map_or(0.0, Decimal::to_f64);
                    let source = SourceId::new(format!("maximum-permissible-error/{}", instrument.name));
                    contributions.push((source, percent / 100.0 / SQRT_3 * part));
                }
            }
        }
        let mut value = Uncertain::exact(total + correction);
        for (source, u) in contributions {
            value = value.with_signed(source, u, None).map_err(wrap)?;
        }
        Ok((value, registered))
    }
}

/// Everything measured under one certificate shares this source, whichever instrument or site it was at.
fn calibration_source(calibration: &Calibration) -> SourceId {
    SourceId::new(format!("calibration/{}/{}", calibration.laboratory_accreditation, calibration.certificate_id))
}

fn standard_percent(calibration: &Calibration) -> f64 {
    calibration.expanded_uncertainty_percent.to_f64() / calibration.coverage_factor.to_f64()
}

/// `count × decimal`, exactly.
fn times(count: i128, decimal: &Decimal) -> Result<Decimal, DecimalError> {
    let (mantissa, exponent) = decimal.scaled();
    Decimal::from_scaled(count.checked_mul(mantissa).ok_or(DecimalError::OutOfRange)?, exponent)
}
