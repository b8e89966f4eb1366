//! A Digital Calibration Certificate as the calibration of an instrument.

use dcc::meter::{MeterCalibration, Point};
use dcc::{DccError, SignatureState};
use jiff::tz::TimeZone;
use quantity::{Decimal, Rounding, Unit};
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource};
use record::instrument::{Instrument, InstrumentKind, Sha256, Violation};

/// Why a file is not a calibration of this instrument.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate that can be read, or not of this instrument.
    #[error(transparent)]
    Dcc(#[from] DccError),
    /// The certificate names no accreditation of its laboratory, and nobody else did.
    #[error("the certificate has no calibrationLaboratoryCode; state the laboratory's accreditation number with it")]
    NoAccreditation,
    /// A number that no decimal holds, or a time beyond the range of time.
    #[error("a {what} of the certificate is out of range; ask the laboratory for a correct one")]
    Range {
        /// What it is.
        what: &'static str,
    },
    /// What the certificate says is no calibration by our rules.
    #[error("{}", .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules {
        /// What is wrong.
        violations: Vec<Violation>,
    },
}

/// The calibration of `instrument` that a certificate file states.
///
/// Points at unity power factor are taken. Where loads are in a unit from which the rate of the register follows (kW for
/// kWh), the error is kept by load; where they are not (amperes), one result stands for all loads: the mean error, with
/// the half-range of the errors added to the largest uncertainty as a rectangular distribution. A certificate without
/// as-left results is of an instrument that was left as it was found. It may be relied on from its last day for
/// [`InstrumentKind::recalibration_days`].
///
/// # Errors
/// [`CertificateError`].
pub fn calibration_of(
    file: &[u8],
    instrument: &Instrument,
    accreditation: Option<&str>,
) -> Result<Calibration, CertificateError> {
    let read = dcc::meter::points(&dcc::read(file)?, &instrument.serial_number)?;
    let accreditation = accreditation.map(str::to_owned).or_else(|| read.laboratory_code.clone());
    let time = TimeZone::UTC.to_timestamp(read.end.at(0, 0, 0, 0));
    let time = time.map_err(|_| CertificateError::Range { what: "date" })?;
    let as_found = points(&read.as_found, instrument)?;
    let calibration = Calibration {
        certificate_id: read.certificate.clone(),
        laboratory: read.laboratory.clone(),
        laboratory_accreditation: accreditation.ok_or(CertificateError::NoAccreditation)?,
        calibrated_time: time,
        validity: instrument.kind.validity_from(time).ok_or(CertificateError::Range { what: "date" })?,
        points: if read.as_left.is_empty() { as_found.clone() } else { points(&read.as_left, instrument)? },
        as_found,
        file_digest: Sha256::of(file),
        source: source(&read),
    };
    let violations = calibration.violations();
    if violations.is_empty() { Ok(calibration) } else { Err(CertificateError::Rules { violations }) }
}

fn source(read: &MeterCalibration) -> CalibrationSource {
    CalibrationSource::Dcc {
        schema_version: read.schema_version.to_string(),
        signed: read.signature == SignatureState::PresentNotChecked,
    }
}

fn points(read: &[Point], instrument: &Instrument) -> Result<Vec<CalibrationPoint>, CertificateError> {
    let unity = |point: &&Point| point.power_factor.as_ref().is_none_or(|factor| factor.to_f64() == 1.0);
    let read: Vec<&Point> = read.iter().filter(unity).collect();
    let rate = rate_unit(instrument).and_then(|text| text.parse::<dcc::Unit>().ok());
    let load = |point: &Point| {
        let number = point.load.value.as_str().parse::<dcc::Number>().ok()?;
        point.load.unit.rescale(&number, rate.as_ref()?)
    };
    let loads: Option<Vec<Decimal>> = read.iter().map(|point| load(point)).collect();
    match (&read[..], loads) {
        ([], _) => Ok(Vec::new()),
        ([only], None) => Ok(vec![point(only, None)]),
        (_, Some(loads)) => Ok(read.iter().zip(loads).map(|(read, load)| point(read, Some(load))).collect()),
        (_, None) => Ok(vec![over_all(&read)?]),
    }
}

fn point(read: &Point, load: Option<Decimal>) -> CalibrationPoint {
    CalibrationPoint {
        load,
        error_percent: read.error_percent.clone(),
        expanded_uncertainty_percent: read.expanded_uncertainty_percent.clone(),
        coverage_factor: read.coverage_factor.clone(),
    }
}

/// One result for all loads. Points is not empty.
fn over_all(points: &[&Point]) -> Result<CalibrationPoint, CertificateError> {
    let errors = || points.iter().map(|point| point.error_percent.to_f64());
    let mean = errors().sum::<f64>() / points.len() as f64;
    let (least, most) = errors().fold((f64::MAX, f64::MIN), |(least, most), e| (least.min(e), most.max(e)));
    let standard = points.iter().fold(0.0, |worst: f64, point| {
        worst.max(point.expanded_uncertainty_percent.to_f64() / point.coverage_factor.to_f64())
    });
    // JCGM 100:2008, 4.3.7: half-width a of a rectangular distribution, u = a/√3.
    let u = (standard * standard + (most - least) * (most - least) / 12.0).sqrt();
    let decimal = |value: f64| {
        let rounded = Decimal::rounded(value, Rounding::SignificantDigits(6));
        rounded.map_err(|_| CertificateError::Range { what: "result" })
    };
    Ok(CalibrationPoint {
        load: None,
        error_percent: decimal(mean)?,
        expanded_uncertainty_percent: decimal(2.0 * u)?,
        coverage_factor: decimal(2.0)?,
    })
}

/// The D-SI unit of an instrument's load: its register's unit an hour, or for a weighing instrument the unit itself.
fn rate_unit(instrument: &Instrument) -> Option<&'static str> {
    let weighs = matches!(instrument.kind, InstrumentKind::Weighbridge | InstrumentKind::BeltScale);
    Some(match (instrument.unit, weighs) {
        (Unit::Watthour, _) => "\\watt",
        (Unit::Kilowatthour, _) => "\\kilo\\watt",
        (Unit::Megawatthour, _) => "\\mega\\watt",
        (Unit::Gigawatthour, _) => "\\giga\\watt",
        (Unit::Megajoule, _) => "\\mega\\joule\\per\\hour",
        (Unit::Gigajoule, _) => "\\giga\\joule\\per\\hour",
        (Unit::Kilogram, true) => "\\kilogram",
        (Unit::Tonne, true) => "\\tonne",
        (Unit::Kilogram, false) => "\\kilogram\\per\\hour",
        (Unit::Tonne, false) => "\\tonne\\per\\hour",
        (Unit::Litre, _) => "\\litre\\per\\hour",
        (Unit::CubicMetre | Unit::NormalCubicMetre | Unit::StandardCubicMetre, _) => "\\metre\\tothe{3}\\per\\hour",
        _ => return None,
    })
}
