//! Calibrations of an instrument, and inspections of its seal and clock.

use jiff::{SignedDuration, Timestamp};
use quantity::Decimal;
use serde::{Deserialize, Serialize};

use crate::instrument::{InstrumentKind, Period, Sha256, Violation, positive, text};

/// Most points of one calibration.
pub const MAX_POINTS: usize = 64;

/// Largest clock error recorded, in seconds: a device that is a day off has no interval to speak of.
pub const MAX_CLOCK_ERROR_SECS: f64 = 86_400.0;

/// The measured error of an instrument at one load (VIM 2.39), with its uncertainty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalibrationPoint {
    /// Load: for meters the rate in units of the register an hour (kW for a register in kWh), for weighing instruments
    /// the mass on it. Absent where one result holds at every load.
    pub load: Option<Decimal>,
    /// Error of indication (indication − true value) in percent of the true value.
    pub error_percent: Decimal,
    /// Expanded uncertainty of that error, in percent.
    pub expanded_uncertainty_percent: Decimal,
    /// Coverage factor of the expanded uncertainty.
    pub coverage_factor: Decimal,
}

impl CalibrationPoint {
    /// Standard uncertainty of the error, relative to the value (not in percent).
    pub fn standard(&self) -> f64 {
        self.expanded_uncertainty_percent.to_f64() / self.coverage_factor.to_f64() / 100.0
    }

    /// Error relative to the true value (not in percent).
    pub fn error(&self) -> f64 {
        self.error_percent.to_f64() / 100.0
    }
}

/// Where a calibration record came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CalibrationSource {
    /// Typed in; the certificate's file is named by its digest and was not read.
    Form,
    /// Read from a Digital Calibration Certificate, which is kept whole. Its Schematron rules were not run.
    #[serde(rename_all = "camelCase")]
    Dcc {
        /// Version of its schema, for example `3.3.0`.
        schema_version: String,
        /// Whether it carries an XML signature. Signatures are kept and not checked yet.
        signed: bool,
    },
}

/// A calibration of an instrument: one certificate of one laboratory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Calibration {
    /// Number of the certificate. Everything measured under one certificate shares one error.
    pub certificate_id: String,
    /// Name of the calibration laboratory.
    pub laboratory: String,
    /// Its accreditation number (ISO/IEC 17025).
    pub laboratory_accreditation: String,
    /// When the calibration was done.
    pub calibrated_time: Timestamp,
    /// When it may be relied on.
    pub validity: Period,
    /// Errors as the instrument was left, by load. They are corrected for, with linear interpolation between loads and
    /// the nearest point beyond the first and last.
    pub points: Vec<CalibrationPoint>,
    /// Errors as the instrument was found, before any adjustment, by load. They say what the time before was worth.
    pub as_found: Vec<CalibrationPoint>,
    /// SHA-256 of the certificate's file.
    pub file_digest: Sha256,
    /// Where this record came from.
    pub source: CalibrationSource,
}

impl Calibration {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        text(&mut found, "certificateId", &self.certificate_id);
        text(&mut found, "laboratory", &self.laboratory);
        text(&mut found, "laboratoryAccreditation", &self.laboratory_accreditation);
        found.extend(self.validity.violations().into_iter().map(|v| v.within("validity")));
        if self.validity.start < self.calibrated_time {
            found.push(Violation::new("validity.start", "must not be earlier than calibratedTime"));
        }
        if self.points.is_empty() {
            found.push(Violation::new("points", "needs at least one result"));
        }
        check_points(&mut found, "points", &self.points);
        check_points(&mut found, "asFound", &self.as_found);
        if let CalibrationSource::Dcc { schema_version, .. } = &self.source {
            text(&mut found, "source.dcc.schemaVersion", schema_version);
        }
        found
    }
}

fn check_points(found: &mut Vec<Violation>, path: &str, points: &[CalibrationPoint]) {
    if points.len() > MAX_POINTS {
        found.push(Violation::new(path, format!("has {} points, more than {MAX_POINTS}", points.len())));
        return;
    }
    let mut last = f64::NEG_INFINITY;
    for (i, point) in points.iter().enumerate() {
        let at = |member: &str| format!("{path}[{i}].{member}");
        match &point.load {
            None if points.len() > 1 => {
                found.push(Violation::new(at("load"), "is required where there are several points"));
            }
            Some(load) if load.is_negative() || load.to_f64() <= last => {
                found.push(Violation::new(at("load"), "must be zero or more, and above that of the point before"));
            }
            Some(load) => last = load.to_f64(),
            None => {}
        }
        // An instrument that is wrong by half its indication is broken, not biased.
        if !(-50.0..=50.0).contains(&point.error_percent.to_f64()) {
            found.push(Violation::new(at("errorPercent"), "must be between -50 and 50"));
        }
        positive(found, &at("expandedUncertaintyPercent"), &point.expanded_uncertainty_percent);
        if point.expanded_uncertainty_percent.to_f64() > 50.0 {
            found.push(Violation::new(at("expandedUncertaintyPercent"), "must be at most 50"));
        }
        positive(found, &at("coverageFactor"), &point.coverage_factor);
    }
}

impl InstrumentKind {
    /// Days for which a calibration of this kind of instrument may be relied on where its certificate states no end: a
    /// rule of Touchstone. A Digital Calibration Certificate states none. ISO/IEC 17025:2017, 7.8.4.3, leaves the
    /// interval to the customer; ILAC-G24:2022 asks for a stated first interval, shortened where drift is found.
    pub fn recalibration_days(self) -> i64 {
        match self {
            // Static meters drift little: five years, below the eight after which German law asks for a new verification.
            InstrumentKind::ElectricityMeter => 5 * 365,
            InstrumentKind::GasMeter | InstrumentKind::HeatMeter | InstrumentKind::FlowMeter => 3 * 365,
            // Weighing instruments wear with every load.
            InstrumentKind::Weighbridge | InstrumentKind::BeltScale | InstrumentKind::Laboratory => 365,
        }
    }

    /// The period for which a calibration done at `time` may be relied on by [`InstrumentKind::recalibration_days`].
    pub fn validity_from(self, time: Timestamp) -> Option<Period> {
        let end = time.checked_add(SignedDuration::from_hours(24 * self.recalibration_days())).ok()?;
        Some(Period { start: time, end })
    }
}

/// State of an instrument's seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealState {
    /// As it was put on.
    Intact,
    /// Broken, missing, or another than the one on record.
    Broken,
}

/// A look at an instrument's seal and clock.
///
/// A broken seal ends trust in every calibration from the last time the seal was seen intact until the next
/// calibration: who may have opened the instrument may have changed it. A clock error moves what was registered at both
/// ends of a period, and is a source of uncertainty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inspection {
    /// Id, unique at the instrument.
    pub id: String,
    /// When it was.
    pub time: Timestamp,
    /// Who inspected.
    pub inspector: String,
    /// Number of the seal, where there is one.
    pub seal_number: Option<String>,
    /// How the seal was found, where it was looked at.
    pub seal: Option<SealState>,
    /// The device's clock minus the true time, in seconds, where it was compared.
    pub clock_error_secs: Option<Decimal>,
}

impl Inspection {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        text(&mut found, "id", &self.id);
        text(&mut found, "inspector", &self.inspector);
        if let Some(number) = &self.seal_number {
            text(&mut found, "sealNumber", number);
        }
        if self.seal.is_none() && self.clock_error_secs.is_none() {
            found.push(Violation::new("seal", "or clockErrorSecs must say what was found"));
        }
        if self.clock_error_secs.as_ref().is_some_and(|error| error.to_f64().abs() > MAX_CLOCK_ERROR_SECS) {
            found.push(Violation::new("clockErrorSecs", "must be within a day"));
        }
        found
    }
}
