//! Messages of `touchstone.metering.v1` and the record's types.

use std::fmt::Display;

use record::instrument as domain;
use record::instrument::{Sha256, Violation};
use record::reading;

use crate::fields::Fields;
use crate::metering as wire;
use crate::{decimal, interval, timestamp};

mod calibration;

pub use calibration::{
    calibration, gas_conversion, inspection, to_calibration, to_calibration_warning, to_gas_conversion, to_inspection,
};

/// Names of the record whose field on the wire has another.
const WIRE: &[(&str, &str)] = &[
    ("register.maximum", "register_range"),
    ("register.rollover", "register_range"),
    ("signingKey", "signing_key_jwk"),
    ("period.start", "period.start_time"),
    ("period.end", "period.end_time"),
    ("validity.start", "valid.start_time"),
    ("validity.end", "valid.end_time"),
    ("net", "net_mass"),
];

/// Adds the violations of a checked record under `path`, with the wire's names, except of fields already refused.
fn take(fields: &mut Fields, path: &str, violations: Vec<Violation>) {
    for violation in violations {
        let field = match WIRE.iter().find(|(record, _)| *record == violation.path) {
            Some((_, wire)) => at(path, wire),
            None => {
                let mut field = format!("{path}.");
                for c in violation.path.chars() {
                    if c.is_ascii_uppercase() {
                        field.push('_');
                    }
                    field.push(c.to_ascii_lowercase());
                }
                match field.contains(".placements[") {
                    true => field.replace("].start", "].period.start_time").replace("].end", "].period.end_time"),
                    false => field,
                }
            }
        };
        if !fields.has(&field) {
            fields.refuse(field, violation.problem);
        }
    }
}

/// Texts that must be there: told before the record's own rules, which need every other field.
fn required(fields: &mut Fields, path: &str, texts: &[(&str, &str)]) {
    for (member, text) in texts {
        if text.is_empty() {
            fields.refuse(at(path, member), "is required");
        }
    }
}

fn at(path: &str, member: &str) -> String {
    format!("{path}.{member}")
}

fn corrects(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

fn unit<T, E: Display>(fields: &mut Fields, path: &str, code: &str) -> Option<T>
where
    T: std::str::FromStr<Err = E>,
{
    fields.check(&at(path, "unit"), code.parse())
}

macro_rules! enums {
    ($name:ident, $wire:ident, $domain:ty, $field:literal, { $($w:ident => $d:expr),* $(,)? }) => {
        fn $name(fields: &mut Fields, path: &str, value: i32) -> Option<$domain> {
            match wire::$wire::try_from(value) {
                $(Ok(wire::$wire::$w) => Some($d),)*
                _ => {
                    fields.refuse(at(path, $field), "is required: one of the named values");
                    None
                }
            }
        }
    };
}
enums!(kind, InstrumentKind, domain::InstrumentKind, "kind", {
    ElectricityMeter => domain::InstrumentKind::ElectricityMeter,
    GasMeter => domain::InstrumentKind::GasMeter,
    HeatMeter => domain::InstrumentKind::HeatMeter,
    FlowMeter => domain::InstrumentKind::FlowMeter,
    Weighbridge => domain::InstrumentKind::Weighbridge,
    BeltScale => domain::InstrumentKind::BeltScale,
    Laboratory => domain::InstrumentKind::Laboratory,
});
enums!(measurand, Measurand, domain::Measurand, "measurand", {
    ElectricityImport => domain::Measurand::ElectricityImport,
    ElectricityExport => domain::Measurand::ElectricityExport,
    Mass => domain::Measurand::Mass,
    Volume => domain::Measurand::Volume,
    NormalVolume => domain::Measurand::NormalVolume,
    Heat => domain::Measurand::Heat,
});
enums!(direction, WeighingDirection, reading::Direction, "direction", {
    In => reading::Direction::In,
    Out => reading::Direction::Out,
});
enums!(property, AnalysedProperty, reading::Property, "property", {
    NetCalorificValue => reading::Property::NetCalorificValue,
    EmissionFactor => reading::Property::EmissionFactor,
    CarbonContent => reading::Property::CarbonContent,
    BiomassShare => reading::Property::BiomassShare,
    OxidationFactor => reading::Property::OxidationFactor,
});

/// An instrument under the name that the request gives it.
pub fn instrument(
    fields: &mut Fields,
    path: &str,
    name: &str,
    message: &wire::Instrument,
) -> Option<domain::Instrument> {
    let kind = kind(fields, path, message.kind);
    let measurand = measurand(fields, path, message.measurand);
    let unit = unit(fields, path, &message.unit);
    required(fields, path, &[("serial_number", &message.serial_number)]);
    if message.register_range <= 0 {
        fields.refuse(at(path, "register_range"), "must be above zero");
    }
    let register = match wire::RegisterType::try_from(message.register_type) {
        Ok(wire::RegisterType::Interval) => Some(domain::Register::Interval { maximum: message.register_range }),
        Ok(wire::RegisterType::Cumulative) => Some(domain::Register::Cumulative { rollover: message.register_range }),
        _ => {
            fields.refuse(at(path, "register_type"), "is required: one of the named values");
            None
        }
    };
    let resolution = fields.decimal(&at(path, "resolution"), &message.resolution, |text| text.parse());
    let error = match &message.max_permissible_error_percent {
        None => Some(None),
        some => fields.decimal(&at(path, "max_permissible_error_percent"), some, |text| text.parse()).map(Some),
    };
    if message.placements.is_empty() {
        fields.refuse(at(path, "placements"), "is required: one, with an open end");
    }
    let placements: Vec<Option<domain::Placement>> = message
        .placements
        .iter()
        .enumerate()
        .map(|(i, placement)| {
            let path = at(path, &format!("placements[{i}]"));
            required(fields, &path, &[("location", &placement.location)]);
            let (start, end) = fields.interval(&at(&path, "period"), &placement.period, false)?;
            Some(domain::Placement { location: placement.location.clone(), start, end })
        })
        .collect();
    let multiplier = match &message.multiplier {
        None => Some(None),
        Some(multiplier) => multiplier_of(fields, &at(path, "multiplier"), multiplier).map(Some),
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let instrument = domain::Instrument {
        name: name.to_owned(),
        kind: kind?,
        serial_number: message.serial_number.clone(),
        measurand: measurand?,
        unit: unit?,
        register: register?,
        resolution: resolution?,
        multiplier: multiplier?,
        accuracy_class: text(&message.accuracy_class),
        max_permissible_error_percent: error?,
        placements: placements.into_iter().collect::<Option<_>>()?,
        replaces: text(&message.replaces),
        signing_key: text(&message.signing_key_jwk),
    };
    take(fields, path, instrument.violations());
    Some(instrument)
}

fn multiplier_of(fields: &mut Fields, path: &str, message: &wire::Multiplier) -> Option<domain::Multiplier> {
    let ratio = fields.decimal(&at(path, "ratio"), &message.ratio, |text| text.parse());
    let expanded =
        fields.decimal(&at(path, "expanded_uncertainty_percent"), &message.expanded_uncertainty_percent, |text| {
            text.parse()
        });
    let factor = fields.decimal(&at(path, "coverage_factor"), &message.coverage_factor, |text| text.parse());
    Some(domain::Multiplier { ratio: ratio?, expanded_uncertainty_percent: expanded?, coverage_factor: factor? })
}

/// A weighed load under the id that the request gives it.
pub fn weighbridge_record(
    fields: &mut Fields,
    path: &str,
    id: &str,
    message: &wire::WeighbridgeRecord,
) -> Option<reading::WeighbridgeRecord> {
    required(fields, path, &[("instrument", &message.instrument), ("material", &message.material)]);
    let time = fields.time(&at(path, "weighing_time"), &message.weighing_time);
    let direction = direction(fields, path, message.direction);
    let net = fields.decimal(&at(path, "net_mass"), &message.net_mass, |text| text.parse());
    let unit = unit(fields, path, &message.unit);
    let record = reading::WeighbridgeRecord {
        id: id.to_owned(),
        instrument: message.instrument.clone(),
        material: message.material.clone(),
        time: time?,
        direction: direction?,
        net: net?,
        unit: unit?,
        corrects: corrects(&message.corrects),
    };
    take(fields, path, record.violations());
    Some(record)
}

/// A stock under the id that the request gives it.
pub fn stock_record(
    fields: &mut Fields,
    path: &str,
    id: &str,
    message: &wire::StockRecord,
) -> Option<reading::StockRecord> {
    required(fields, path, &[("material", &message.material)]);
    let time = fields.time(&at(path, "stock_time"), &message.stock_time);
    let mass = fields.decimal(&at(path, "mass"), &message.mass, |text| text.parse());
    let unit = unit(fields, path, &message.unit);
    let expanded =
        fields.decimal(&at(path, "expanded_uncertainty"), &message.expanded_uncertainty, |text| text.parse());
    let factor = fields.decimal(&at(path, "coverage_factor"), &message.coverage_factor, |text| text.parse());
    let record = reading::StockRecord {
        id: id.to_owned(),
        material: message.material.clone(),
        time: time?,
        mass: mass?,
        unit: unit?,
        expanded_uncertainty: expanded?,
        coverage_factor: factor?,
        corrects: corrects(&message.corrects),
    };
    take(fields, path, record.violations());
    Some(record)
}

/// A laboratory analysis under the id that the request gives it.
pub fn laboratory_analysis(
    fields: &mut Fields,
    path: &str,
    id: &str,
    message: &wire::LaboratoryAnalysis,
) -> Option<reading::LaboratoryAnalysis> {
    let texts = [
        ("sample", message.sample.as_str()),
        ("material", &message.material),
        ("method", &message.method),
        ("laboratory", &message.laboratory),
        ("laboratory_accreditation", &message.laboratory_accreditation),
    ];
    required(fields, path, &texts);
    let time = fields.time(&at(path, "analysis_time"), &message.analysis_time);
    let property = property(fields, path, message.property);
    let value = fields.decimal(&at(path, "value"), &message.value, |text| text.parse());
    let unit = unit(fields, path, &message.unit);
    let expanded =
        fields.decimal(&at(path, "expanded_uncertainty"), &message.expanded_uncertainty, |text| text.parse());
    let factor = fields.decimal(&at(path, "coverage_factor"), &message.coverage_factor, |text| text.parse());
    let digest = match message.report_sha256.is_empty() {
        true => Some(None),
        false => fields.digest(&at(path, "report_sha256"), &message.report_sha256).map(|digest| Some(Sha256(digest))),
    };
    let analysis = reading::LaboratoryAnalysis {
        id: id.to_owned(),
        sample: message.sample.clone(),
        material: message.material.clone(),
        method: message.method.clone(),
        laboratory: message.laboratory.clone(),
        laboratory_accreditation: message.laboratory_accreditation.clone(),
        time: time?,
        property: property?,
        value: value?,
        unit: unit?,
        expanded_uncertainty: expanded?,
        coverage_factor: factor?,
        file_digest: digest?,
        corrects: corrects(&message.corrects),
    };
    take(fields, path, analysis.violations());
    Some(analysis)
}

/// A batch of readings.
pub fn reading_batch(fields: &mut Fields, path: &str, message: &wire::ReadingBatch) -> Option<reading::ReadingBatch> {
    let start = fields.time(&at(path, "start_time"), &message.start_time);
    let step = fields.message(&at(path, "step"), &message.step).copied();
    let step_secs = step.and_then(|step| (step.nanos == 0).then(|| u32::try_from(step.seconds).ok()).flatten());
    if step.is_some() && step_secs.is_none() {
        fields.refuse(at(path, "step"), "must be whole seconds, at least one");
    }
    let unit = unit(fields, path, &message.unit);
    let resolution = fields.decimal(&at(path, "resolution"), &message.resolution, |text| text.parse());
    if message.values.is_empty() {
        fields.refuse(at(path, "values"), "is required");
    }
    let mut values: Vec<Option<i64>> = message.values.iter().copied().map(Some).collect();
    let mut next = 0;
    for position in &message.missing {
        match values.get_mut(*position as usize) {
            Some(value) if *position >= next => {
                *value = None;
                next = position + 1;
            }
            _ => {
                fields.refuse(at(path, "missing"), "must be positions in values, ascending");
                break;
            }
        }
    }
    Some(reading::ReadingBatch {
        instrument: message.instrument.clone(),
        unit: unit?,
        resolution: resolution?,
        start: start?,
        step_secs: step_secs?,
        deltas: message.deltas.clone(),
        values,
        signature: message.signature.clone(),
        restate: message.restate,
    })
}

/// A batch, to send.
pub fn to_reading_batch(batch: &reading::ReadingBatch) -> wire::ReadingBatch {
    let missing = batch.values.iter().enumerate().filter(|(_, value)| value.is_none());
    wire::ReadingBatch {
        instrument: batch.instrument.clone(),
        start_time: Some(timestamp(batch.start)),
        step: Some(prost_types::Duration { seconds: i64::from(batch.step_secs), nanos: 0 }),
        unit: batch.unit.to_string(),
        resolution: Some(decimal(batch.resolution.as_str())),
        // At most 40,000 rows, so positions fit.
        missing: missing.map(|(position, _)| position as u32).collect(),
        values: batch.values.iter().map(|value| value.unwrap_or(0)).collect(),
        deltas: batch.deltas.clone(),
        signature: batch.signature.clone(),
        restate: batch.restate,
    }
}

/// What became of a batch.
pub fn to_acceptance_report(instrument: &str, report: &reading::AcceptanceReport) -> wire::AcceptanceReport {
    wire::AcceptanceReport {
        instrument: instrument.to_owned(),
        accepted: report.accepted,
        duplicate: report.duplicate,
        superseded: report.superseded,
        revised: report.revised,
        missing: report.missing,
        refused: report
            .refused
            .iter()
            .map(|refusal| wire::RowRefusal {
                row: refusal.row,
                count: refusal.count,
                reason: reason(&refusal.reason).to_owned(),
                message: refusal.reason.to_string(),
            })
            .collect(),
    }
}

/// An instrument, to send.
pub fn to_instrument(instrument: &domain::Instrument) -> wire::Instrument {
    use domain::{InstrumentKind as K, Measurand as M};
    let (register_type, register_range) = match instrument.register {
        domain::Register::Interval { maximum } => (wire::RegisterType::Interval, maximum),
        domain::Register::Cumulative { rollover } => (wire::RegisterType::Cumulative, rollover),
    };
    wire::Instrument {
        name: instrument.name.clone(),
        measurand: match instrument.measurand {
            M::ElectricityImport => wire::Measurand::ElectricityImport,
            M::ElectricityExport => wire::Measurand::ElectricityExport,
            M::Mass => wire::Measurand::Mass,
            M::Volume => wire::Measurand::Volume,
            M::NormalVolume => wire::Measurand::NormalVolume,
            M::Heat => wire::Measurand::Heat,
        }
        .into(),
        kind: match instrument.kind {
            K::ElectricityMeter => wire::InstrumentKind::ElectricityMeter,
            K::GasMeter => wire::InstrumentKind::GasMeter,
            K::HeatMeter => wire::InstrumentKind::HeatMeter,
            K::FlowMeter => wire::InstrumentKind::FlowMeter,
            K::Weighbridge => wire::InstrumentKind::Weighbridge,
            K::BeltScale => wire::InstrumentKind::BeltScale,
            K::Laboratory => wire::InstrumentKind::Laboratory,
        }
        .into(),
        serial_number: instrument.serial_number.clone(),
        register_range,
        register_type: register_type.into(),
        unit: instrument.unit.to_string(),
        resolution: Some(decimal(instrument.resolution.as_str())),
        max_permissible_error_percent: instrument.max_permissible_error_percent.as_ref().map(|d| decimal(d.as_str())),
        placements: instrument
            .placements
            .iter()
            .map(|placement| wire::Placement {
                location: placement.location.clone(),
                period: Some(interval(placement.start, placement.end)),
            })
            .collect(),
        multiplier: instrument.multiplier.as_ref().map(|multiplier| wire::Multiplier {
            ratio: Some(decimal(multiplier.ratio.as_str())),
            expanded_uncertainty_percent: Some(decimal(multiplier.expanded_uncertainty_percent.as_str())),
            coverage_factor: Some(decimal(multiplier.coverage_factor.as_str())),
        }),
        accuracy_class: instrument.accuracy_class.clone().unwrap_or_default(),
        replaces: instrument.replaces.clone().unwrap_or_default(),
        signing_key_jwk: instrument.signing_key.clone().unwrap_or_default(),
        create_time: None,
    }
}

/// A weighed load, to send.
pub fn to_weighbridge_record(record: &reading::WeighbridgeRecord) -> wire::WeighbridgeRecord {
    wire::WeighbridgeRecord {
        name: String::new(),
        instrument: record.instrument.clone(),
        material: record.material.clone(),
        direction: match record.direction {
            reading::Direction::In => wire::WeighingDirection::In,
            reading::Direction::Out => wire::WeighingDirection::Out,
        }
        .into(),
        weighing_time: Some(timestamp(record.time)),
        net_mass: Some(decimal(record.net.as_str())),
        unit: record.unit.to_string(),
        corrects: record.corrects.clone().unwrap_or_default(),
        create_time: None,
    }
}

/// A stock, to send.
pub fn to_stock_record(record: &reading::StockRecord) -> wire::StockRecord {
    wire::StockRecord {
        name: String::new(),
        material: record.material.clone(),
        stock_time: Some(timestamp(record.time)),
        mass: Some(decimal(record.mass.as_str())),
        unit: record.unit.to_string(),
        expanded_uncertainty: Some(decimal(record.expanded_uncertainty.as_str())),
        coverage_factor: Some(decimal(record.coverage_factor.as_str())),
        corrects: record.corrects.clone().unwrap_or_default(),
        create_time: None,
    }
}

/// A laboratory analysis, to send.
pub fn to_laboratory_analysis(analysis: &reading::LaboratoryAnalysis) -> wire::LaboratoryAnalysis {
    use reading::Property as P;
    wire::LaboratoryAnalysis {
        name: String::new(),
        sample: analysis.sample.clone(),
        material: analysis.material.clone(),
        method: analysis.method.clone(),
        laboratory: analysis.laboratory.clone(),
        laboratory_accreditation: analysis.laboratory_accreditation.clone(),
        analysis_time: Some(timestamp(analysis.time)),
        property: match analysis.property {
            P::NetCalorificValue => wire::AnalysedProperty::NetCalorificValue,
            P::EmissionFactor => wire::AnalysedProperty::EmissionFactor,
            P::CarbonContent => wire::AnalysedProperty::CarbonContent,
            P::BiomassShare => wire::AnalysedProperty::BiomassShare,
            P::OxidationFactor => wire::AnalysedProperty::OxidationFactor,
        }
        .into(),
        value: Some(decimal(analysis.value.as_str())),
        unit: analysis.unit.to_string(),
        expanded_uncertainty: Some(decimal(analysis.expanded_uncertainty.as_str())),
        coverage_factor: Some(decimal(analysis.coverage_factor.as_str())),
        report_sha256: analysis.file_digest.map_or(Vec::new(), |digest| digest.0.to_vec()),
        corrects: analysis.corrects.clone().unwrap_or_default(),
        create_time: None,
    }
}

fn reason(reason: &reading::RowReason) -> &'static str {
    use reading::RowReason as R;
    match reason {
        R::UnknownInstrument { .. } => "UNKNOWN_INSTRUMENT",
        R::WrongUnit { .. } => "WRONG_UNIT",
        R::WrongResolution { .. } => "WRONG_RESOLUTION",
        R::BadInterval { .. } => "BAD_INTERVAL",
        R::NotPlaced { .. } => "NOT_PLACED",
        R::OutOfRange { .. } => "OUT_OF_RANGE",
        R::Overlap { .. } => "OVERLAP",
        R::Future { .. } => "FUTURE",
        R::BadDeltas { .. } => "BAD_DELTAS",
        R::NoSigningKey => "NO_SIGNING_KEY",
        R::TooManySignedRows => "TOO_MANY_SIGNED_ROWS",
        R::BadSignature => "BAD_SIGNATURE",
        R::TooManyRows => "TOO_MANY_ROWS",
        R::TooManyRevisions { .. } => "TOO_MANY_REVISIONS",
    }
}
