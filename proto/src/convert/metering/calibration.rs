//! Calibrations, inspections and gas conversions.

use jiff::Timestamp;
use record::calibration as domain;
use record::instrument::{Period, Sha256, Violation};
use record::reading::GasConversion;

use super::{at, corrects, required, take};
use crate::fields::Fields;
use crate::metering as wire;
use crate::{decimal, interval, timestamp};

/// A calibration.
pub fn calibration(fields: &mut Fields, path: &str, message: &wire::Calibration) -> Option<domain::Calibration> {
    let texts = [
        ("certificate_id", message.certificate_id.as_str()),
        ("laboratory", &message.laboratory),
        ("laboratory_accreditation", &message.laboratory_accreditation),
    ];
    required(fields, path, &texts);
    let time = fields.time(&at(path, "calibration_time"), &message.calibration_time);
    let valid = fields.interval(&at(path, "valid"), &message.valid, true);
    // One result for every load may stand without the list.
    let single = message.points.is_empty();
    let stated = [&message.error_percent, &message.expanded_uncertainty_percent, &message.coverage_factor];
    let left = match single {
        true => point(fields, path, None, stated[0], stated[1], stated[2]).map(|point| vec![point]),
        false => {
            if stated.iter().any(|value| value.is_some()) {
                fields.refuse(at(path, "error_percent"), "must be left out where points are given");
            }
            points(fields, &at(path, "points"), &message.points)
        }
    };
    let as_found = points(fields, &at(path, "as_found"), &message.as_found);
    let digest = fields.digest(&at(path, "certificate_sha256"), &message.certificate_sha256);
    let source = match wire::CalibrationSource::try_from(message.source) {
        Ok(wire::CalibrationSource::Dcc) => domain::CalibrationSource::Dcc {
            schema_version: message.dcc_schema_version.clone(),
            signed: message.signature_state == i32::from(wire::SignatureState::NotChecked),
        },
        _ => domain::CalibrationSource::Form,
    };
    let (start, end) = valid?;
    let calibration = domain::Calibration {
        certificate_id: message.certificate_id.clone(),
        laboratory: message.laboratory.clone(),
        laboratory_accreditation: message.laboratory_accreditation.clone(),
        calibrated_time: time?,
        validity: Period { start, end: end? },
        points: left?,
        as_found: as_found?,
        file_digest: Sha256(digest?),
        source,
    };
    let violations = calibration.violations().into_iter().map(|Violation { path, problem }| {
        let path = match single {
            true => path.strip_prefix("points[0].").map_or(path.clone(), str::to_owned),
            false => path,
        };
        Violation { path, problem }
    });
    take(fields, path, violations.collect());
    Some(calibration)
}

type WireDecimal = Option<crate::google::r#type::Decimal>;

fn point(
    fields: &mut Fields,
    path: &str,
    load: Option<&WireDecimal>,
    error: &WireDecimal,
    expanded: &WireDecimal,
    factor: &WireDecimal,
) -> Option<domain::CalibrationPoint> {
    let load = match load {
        Some(load @ Some(_)) => fields.decimal(&at(path, "load"), load, |text| text.parse()).map(Some),
        _ => Some(None),
    };
    let error = fields.decimal(&at(path, "error_percent"), error, |text| text.parse());
    let expanded = fields.decimal(&at(path, "expanded_uncertainty_percent"), expanded, |text| text.parse());
    let factor = fields.decimal(&at(path, "coverage_factor"), factor, |text| text.parse());
    Some(domain::CalibrationPoint {
        load: load?,
        error_percent: error?,
        expanded_uncertainty_percent: expanded?,
        coverage_factor: factor?,
    })
}

fn points(
    fields: &mut Fields,
    path: &str,
    messages: &[wire::CalibrationPoint],
) -> Option<Vec<domain::CalibrationPoint>> {
    let read: Vec<_> = messages
        .iter()
        .take(domain::MAX_POINTS + 1)
        .enumerate()
        .map(|(i, m)| {
            let path = format!("{path}[{i}]");
            let (error, expanded) = (&m.error_percent, &m.expanded_uncertainty_percent);
            point(fields, &path, Some(&m.load), error, expanded, &m.coverage_factor)
        })
        .collect();
    read.into_iter().collect()
}

/// A calibration, to send.
pub fn to_calibration(calibration: &domain::Calibration) -> wire::Calibration {
    let number = |value: &quantity::Decimal| Some(decimal(value.as_str()));
    let to_point = |point: &domain::CalibrationPoint| wire::CalibrationPoint {
        load: point.load.as_ref().and_then(number),
        error_percent: number(&point.error_percent),
        expanded_uncertainty_percent: number(&point.expanded_uncertainty_percent),
        coverage_factor: number(&point.coverage_factor),
    };
    let single = match &calibration.points[..] {
        [point] if point.load.is_none() => Some(point),
        _ => None,
    };
    let (source, dcc_schema_version, signature_state) = match &calibration.source {
        domain::CalibrationSource::Form => {
            (wire::CalibrationSource::Form, String::new(), wire::SignatureState::Unspecified)
        }
        domain::CalibrationSource::Dcc { schema_version, signed } => (
            wire::CalibrationSource::Dcc,
            schema_version.clone(),
            if *signed { wire::SignatureState::NotChecked } else { wire::SignatureState::Absent },
        ),
    };
    wire::Calibration {
        name: String::new(),
        certificate_id: calibration.certificate_id.clone(),
        laboratory: calibration.laboratory.clone(),
        laboratory_accreditation: calibration.laboratory_accreditation.clone(),
        calibration_time: Some(timestamp(calibration.calibrated_time)),
        valid: Some(interval(calibration.validity.start, Some(calibration.validity.end))),
        error_percent: single.and_then(|point| number(&point.error_percent)),
        expanded_uncertainty_percent: single.and_then(|point| number(&point.expanded_uncertainty_percent)),
        coverage_factor: single.and_then(|point| number(&point.coverage_factor)),
        points: match single {
            Some(_) => Vec::new(),
            None => calibration.points.iter().map(to_point).collect(),
        },
        as_found: calibration.as_found.iter().map(to_point).collect(),
        certificate_sha256: calibration.file_digest.0.to_vec(),
        source: source.into(),
        dcc_schema_version,
        signature_state: signature_state.into(),
        create_time: None,
    }
}

/// A warning: a calibration that ends, or an instrument without one.
pub fn to_calibration_warning(
    instrument: &str,
    calibration: &str,
    end: Option<Timestamp>,
    days: i32,
) -> wire::CalibrationWarning {
    wire::CalibrationWarning {
        instrument: instrument.to_owned(),
        calibration: calibration.to_owned(),
        end_time: end.map(timestamp),
        days,
    }
}

/// An inspection under the id that the request gives it.
pub fn inspection(fields: &mut Fields, path: &str, id: &str, message: &wire::Inspection) -> Option<domain::Inspection> {
    required(fields, path, &[("inspector", &message.inspector)]);
    let time = fields.time(&at(path, "inspection_time"), &message.inspection_time);
    let seal = match wire::SealState::try_from(message.seal) {
        Ok(wire::SealState::Unspecified) => Some(None),
        Ok(wire::SealState::Intact) => Some(Some(domain::SealState::Intact)),
        Ok(wire::SealState::Broken) => Some(Some(domain::SealState::Broken)),
        Err(_) => {
            fields.refuse(at(path, "seal"), "must be one of the named values");
            None
        }
    };
    let clock = match &message.clock_error_secs {
        None => Some(None),
        some => fields.decimal(&at(path, "clock_error_secs"), some, |text| text.parse()).map(Some),
    };
    let inspection = domain::Inspection {
        id: id.to_owned(),
        time: time?,
        inspector: message.inspector.clone(),
        seal_number: (!message.seal_number.is_empty()).then(|| message.seal_number.clone()),
        seal: seal?,
        clock_error_secs: clock?,
    };
    take(fields, path, inspection.violations());
    Some(inspection)
}

/// An inspection, to send.
pub fn to_inspection(inspection: &domain::Inspection) -> wire::Inspection {
    wire::Inspection {
        name: String::new(),
        inspection_time: Some(timestamp(inspection.time)),
        inspector: inspection.inspector.clone(),
        seal_number: inspection.seal_number.clone().unwrap_or_default(),
        seal: match inspection.seal {
            None => wire::SealState::Unspecified,
            Some(domain::SealState::Intact) => wire::SealState::Intact,
            Some(domain::SealState::Broken) => wire::SealState::Broken,
        }
        .into(),
        clock_error_secs: inspection.clock_error_secs.as_ref().map(|error| decimal(error.as_str())),
        create_time: None,
    }
}

/// A gas conversion under the id that the request gives it.
pub fn gas_conversion(
    fields: &mut Fields,
    path: &str,
    id: &str,
    message: &wire::GasConversion,
) -> Option<GasConversion> {
    required(fields, path, &[("method", &message.method)]);
    let period = fields.interval(&at(path, "period"), &message.period, true);
    let mut number = |member: &str, value: &WireDecimal| fields.decimal(&at(path, member), value, |text| text.parse());
    let pressure = number("pressure_kpa", &message.pressure_kpa);
    let pressure_u = number("pressure_expanded_uncertainty_kpa", &message.pressure_expanded_uncertainty_kpa);
    let temperature = number("temperature_celsius", &message.temperature_celsius);
    let temperature_u =
        number("temperature_expanded_uncertainty_kelvin", &message.temperature_expanded_uncertainty_kelvin);
    let ratio = number("compressibility_ratio", &message.compressibility_ratio);
    let ratio_u = number("compressibility_expanded_uncertainty", &message.compressibility_expanded_uncertainty);
    let factor = number("coverage_factor", &message.coverage_factor);
    let (start, end) = period?;
    let conversion = GasConversion {
        id: id.to_owned(),
        period: Period { start, end: end? },
        pressure_kpa: pressure?,
        pressure_expanded_uncertainty_kpa: pressure_u?,
        temperature_celsius: temperature?,
        temperature_expanded_uncertainty_kelvin: temperature_u?,
        compressibility_ratio: ratio?,
        compressibility_expanded_uncertainty: ratio_u?,
        coverage_factor: factor?,
        method: message.method.clone(),
        corrects: corrects(&message.corrects),
    };
    take(fields, path, conversion.violations());
    Some(conversion)
}

/// A gas conversion, to send.
pub fn to_gas_conversion(conversion: &GasConversion) -> wire::GasConversion {
    let number = |value: &quantity::Decimal| Some(decimal(value.as_str()));
    wire::GasConversion {
        name: String::new(),
        period: Some(interval(conversion.period.start, Some(conversion.period.end))),
        pressure_kpa: number(&conversion.pressure_kpa),
        pressure_expanded_uncertainty_kpa: number(&conversion.pressure_expanded_uncertainty_kpa),
        temperature_celsius: number(&conversion.temperature_celsius),
        temperature_expanded_uncertainty_kelvin: number(&conversion.temperature_expanded_uncertainty_kelvin),
        compressibility_ratio: number(&conversion.compressibility_ratio),
        compressibility_expanded_uncertainty: number(&conversion.compressibility_expanded_uncertainty),
        coverage_factor: number(&conversion.coverage_factor),
        method: conversion.method.clone(),
        corrects: conversion.corrects.clone().unwrap_or_default(),
        create_time: None,
    }
}
