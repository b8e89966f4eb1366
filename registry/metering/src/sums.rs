//! Sums of what one instrument registered, by what their uncertainty rests on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use quantity::{Decimal, DecimalError, Kind, KindName, Volume};
use record::calibration::Calibration;
use record::evidence::InstrumentEvidence;
use record::reading::GasConversion;
use uncertainty::{SourceId, Uncertain};

use crate::calibrated::{Curve, Standing, Timeline, worst_percent};
use crate::rules::{CalibrationRule, MeteringError};

/// √12 and √3: a rectangular distribution of full width a has u = a/√12, of half-width a u = a/√3 (JCGM 100:2008, 4.3.7).
pub(crate) const SQRT_12: f64 = 3.464_101_615_137_754_4;
/// See [`SQRT_12`].
pub(crate) const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// 101.325 kPa and 0 °C: the reference conditions of a normal cubic metre (DIN 1343).
const REFERENCE_KPA: f64 = 101.325;
/// See [`REFERENCE_KPA`].
const REFERENCE_KELVIN: f64 = 273.15;

/// What is summed together: it shares its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    standing: Standing,
    /// Index of the conversion to reference conditions.
    conversion: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    /// Register units.
    sum: i128,
    /// Σ value × error / (1 + error) and Σ value × u / (1 + error), where both depend on the load.
    bias: f64,
    spread: f64,
}

/// Sums in register units.
pub(crate) struct Sums<'a> {
    evidence: &'a InstrumentEvidence,
    timeline: Timeline<'a>,
    /// Of each calibration, as left and as found.
    curves: Vec<(Curve, Curve)>,
    rule: CalibrationRule,
    converts: bool,
    groups: BTreeMap<Group, Part>,
    total: i128,
    /// Sums without sign, for shares.
    absolute: i128,
    absolute_calibrated: i128,
    /// Units of the instrument an hour for each register unit of an interval of one second.
    rate: f64,
}

impl<'a> Sums<'a> {
    /// Empty sums of what becomes a quantity of kind `K`.
    pub(crate) fn new<K: Kind>(evidence: &'a InstrumentEvidence, rule: CalibrationRule) -> Self {
        let curve = |c: &Calibration| (Curve::new(&c.points), Curve::new(&c.as_found));
        Sums {
            evidence,
            timeline: Timeline::new(evidence),
            curves: evidence.calibrations.iter().map(curve).collect(),
            rule,
            converts: converts::<K>(evidence),
            groups: BTreeMap::new(),
            total: 0,
            absolute: 0,
            absolute_calibrated: 0,
            rate: evidence.instrument.step() * 3600.0,
        }
    }

    /// Adds quantities of consecutive intervals of `step` seconds from `start`.
    pub(crate) fn add_run(&mut self, start: i64, step: i64, values: &[i64]) -> Result<(), MeteringError> {
        let (mut start, mut rest) = (start, values);
        while !rest.is_empty() {
            // As many whole intervals as fit before anything may change, and at least one.
            let until = self.next_edge(start);
            let whole =
                usize::try_from((until.saturating_sub(start)) / step).unwrap_or(usize::MAX).clamp(1, rest.len());
            let (now, later) = rest.split_at(whole);
            let group = self.group(start, start + step * whole as i64)?;
            // A slice of i64 cannot overflow an i128.
            let sum = now.iter().map(|value| i128::from(*value)).sum();
            // Readings of a register are not below zero, so the sum is also the sum without sign.
            self.count(group, sum, sum)?;
            if let Some(curve) = curve(&self.curves, group.standing).filter(|curve| curve.constant().is_none()) {
                let (mut bias, mut spread) = (0.0, 0.0);
                let rate = self.rate / step as f64;
                for value in now {
                    let value = *value as f64;
                    let (error, u) = curve.at(value * rate);
                    bias += value * error / (1.0 + error);
                    spread += value * u / (1.0 + error);
                }
                let part = self.groups.entry(group).or_default();
                part.bias += bias;
                part.spread += spread;
            }
            start += step * whole as i64;
            rest = later;
        }
        Ok(())
    }

    /// Adds one quantity of the interval from `start` to `end`, of either sign. `load` is the load it was measured at.
    pub(crate) fn add(&mut self, start: i64, end: i64, value: i128, load: f64) -> Result<(), MeteringError> {
        let group = self.group(start, end)?;
        self.count(group, value, value.checked_abs().ok_or_else(|| self.range())?)?;
        if let Some(curve) = curve(&self.curves, group.standing).filter(|curve| curve.constant().is_none()) {
            let (error, u) = curve.at(load);
            let part = self.groups.entry(group).or_default();
            part.bias += value as f64 * error / (1.0 + error);
            part.spread += value as f64 * u / (1.0 + error);
        }
        Ok(())
    }

    /// Load of a quantity of register units in so many seconds, in units of the instrument an hour.
    pub(crate) fn load(&self, value: i128, secs: i64) -> f64 {
        value as f64 * self.rate / secs.max(1) as f64
    }

    fn next_edge(&self, second: i64) -> i64 {
        let conversions = self.evidence.gas_conversions.iter().filter(|_| self.converts);
        conversions
            .flat_map(|conversion| [conversion.period.start.as_second(), conversion.period.end.as_second()])
            .filter(|edge| *edge > second)
            .fold(self.timeline.next_edge(second), i64::min)
    }

    fn group(&self, start: i64, end: i64) -> Result<Group, MeteringError> {
        let instrument = || self.evidence.instrument.name.clone();
        let time = Timestamp::from_second(start).unwrap_or_default();
        let standing = self.timeline.standing(start, end);
        if !standing.is_calibrated() && self.rule == CalibrationRule::Refuse {
            return Err(MeteringError::Uncalibrated { instrument: instrument(), time });
        }
        if standing == Standing::PermissibleError && self.evidence.instrument.max_permissible_error_percent.is_none() {
            return Err(MeteringError::NoUncertainty { instrument: instrument(), time });
        }
        let covers = |c: &GasConversion| c.period.start.as_second() <= start && end <= c.period.end.as_second();
        let conversion = match self.converts {
            false => None,
            true => {
                let found = self.evidence.gas_conversions.iter().position(covers);
                Some(found.ok_or_else(|| MeteringError::NoConversion { instrument: instrument(), time })?)
            }
        };
        Ok(Group { standing, conversion })
    }

    fn count(&mut self, group: Group, value: i128, absolute: i128) -> Result<(), MeteringError> {
        let range = |sum: Option<i128>| sum.ok_or_else(|| self.range());
        let sum = range(self.groups.get(&group).map_or(0, |part| part.sum).checked_add(value))?;
        let total = range(self.total.checked_add(value))?;
        let sum_absolute = range(self.absolute.checked_add(absolute))?;
        self.groups.entry(group).or_default().sum = sum;
        self.total = total;
        self.absolute = sum_absolute;
        if group.standing.is_calibrated() {
            self.absolute_calibrated += absolute; // at most `absolute`
        }
        Ok(())
    }

    fn range(&self) -> MeteringError {
        MeteringError::Range { what: self.evidence.instrument.name.clone() }
    }

    pub(crate) fn total(&self) -> i128 {
        self.total
    }

    pub(crate) fn calibrated_share(&self) -> f64 {
        if self.absolute == 0 {
            return if self.groups.keys().all(|group| group.standing.is_calibrated()) { 1.0 } else { 0.0 };
        }
        self.absolute_calibrated as f64 / self.absolute as f64
    }

    /// The corrected quantity with what its calibrations, multiplier and conversions contribute, in base units of `K`,
    /// and the sum as registered.
    pub(crate) fn quantity<K: Kind>(&self) -> Result<(Uncertain, Decimal), MeteringError> {
        let instrument = &self.evidence.instrument;
        let (total, registered) = self.read::<K>(self.total)?;
        let unit = self.register_unit::<K>()?;
        // Without conversion the exact sum is converted once, and only corrections that are not zero move it.
        let mut value = if self.converts { 0.0 } else { total };
        let mut contributions: Vec<(SourceId, f64)> = Vec::new();
        for (group, part) in &self.groups {
            let (sum, _) = self.read::<K>(part.sum)?;
            let conversion = group.conversion.map(|i| &self.evidence.gas_conversions[i]);
            let factor = conversion.map_or(1.0, conversion_factor);
            let calibration = match group.standing {
                Standing::Calibrated(i) | Standing::Restored(i) | Standing::Widened(i) => {
                    Some((i, &self.evidence.calibrations[i]))
                }
                Standing::PermissibleError => None,
            };
            let corrected = match (curve(&self.curves, group.standing), calibration) {
                (Some(curve), Some((i, calibration))) => {
                    let (corrected, spread) = match curve.constant() {
                        // indication = true × (1 + error)
                        Some((error, u)) => {
                            let corrected = if error == 0.0 { sum } else { sum / (1.0 + error) };
                            (corrected, u * corrected)
                        }
                        None => (sum - part.bias * unit, part.spread * unit),
                    };
                    let as_found = matches!(group.standing, Standing::Restored(_));
                    contributions.push((calibration_source(calibration, as_found), spread * factor));
                    if let Some(drift) = self.timeline.drift(i).filter(|drift| *drift > 0.0) {
                        let source = SourceId::new(format!("drift/{}/{}", instrument.name, calibration.certificate_id));
                        contributions.push((source, drift / SQRT_3 * corrected * factor));
                    }
                    corrected
                }
                // Nothing is corrected by what does not count as calibrated.
                (_, Some((_, calibration))) => {
                    let half_width = worst_percent(&calibration.as_found) / 100.0;
                    contributions.push((calibration_source(calibration, true), half_width / SQRT_3 * sum * factor));
                    sum
                }
                (_, None) => {
                    // `group` lets nothing of this standing in without it.
                    let percent = instrument.max_permissible_error_percent.as_ref().map_or(0.0, Decimal::to_f64);
                    let source = SourceId::new(format!("maximum-permissible-error/{}", instrument.name));
                    contributions.push((source, percent / 100.0 / SQRT_3 * sum * factor));
                    sum
                }
            };
            match conversion {
                None => value += corrected - sum,
                Some(conversion) => {
                    value += corrected * factor;
                    for (what, relative) in conversion_uncertainty(conversion) {
                        let source = SourceId::new(format!("{what}/{}/{}", instrument.name, conversion.id));
                        contributions.push((source, relative * corrected * factor));
                    }
                }
            }
        }
        if let Some(multiplier) = instrument.multiplier.as_ref().filter(|multiplier| multiplier.standard() > 0.0) {
            let source = SourceId::new(format!("multiplier/{}", instrument.name));
            contributions.push((source, multiplier.standard() * value));
        }
        let wrap = |source| MeteringError::Uncertainty { what: instrument.name.clone(), source };
        let mut value = Uncertain::exact(value);
        for (source, u) in contributions {
            value = value.with_signed(source, u, None).map_err(wrap)?;
        }
        Ok((value, registered))
    }

    /// A sum of register units in base units, and with every digit in the unit of the instrument.
    fn read<K: Kind>(&self, sum: i128) -> Result<(f64, Decimal), MeteringError> {
        let instrument = &self.evidence.instrument;
        let one = match &instrument.multiplier {
            None => Some(instrument.resolution.scaled()),
            Some(multiplier) => product(instrument.resolution.scaled(), multiplier.ratio.scaled()),
        };
        let (mantissa, exponent) = one.ok_or_else(|| self.range())?;
        let decimal = sum
            .checked_mul(mantissa)
            .ok_or(DecimalError::OutOfRange)
            .and_then(|sum| Decimal::from_scaled(sum, exponent))
            .map_err(|_| self.range())?;
        let base = if self.converts {
            Volume::from_decimal(&decimal, instrument.unit).map(Kind::base)
        } else {
            K::from_decimal(&decimal, instrument.unit).map(Kind::base)
        };
        let base = base.map_err(|source| MeteringError::Unit { what: instrument.name.clone(), source })?;
        Ok((base, decimal))
    }

    /// One register unit in base units.
    pub(crate) fn register_unit<K: Kind>(&self) -> Result<f64, MeteringError> {
        self.read::<K>(1).map(|(base, _)| base)
    }
}

/// Whether volumes at operating conditions are to become volumes at reference conditions.
fn converts<K: Kind>(evidence: &InstrumentEvidence) -> bool {
    K::NAME == KindName::NormalVolume && evidence.instrument.unit.kind() == KindName::Volume
}

/// (p / p_n) × (T_n / T) × (Z_n / Z), EN 12405-1.
fn conversion_factor(conversion: &GasConversion) -> f64 {
    conversion.pressure_kpa.to_f64() / REFERENCE_KPA
        * (REFERENCE_KELVIN / kelvin(conversion))
        * conversion.compressibility_ratio.to_f64()
}

fn kelvin(conversion: &GasConversion) -> f64 {
    REFERENCE_KELVIN + conversion.temperature_celsius.to_f64()
}

/// Signed relative standard uncertainties of a converted volume: it rises with pressure, and falls with temperature.
fn conversion_uncertainty(conversion: &GasConversion) -> [(&'static str, f64); 3] {
    let k = conversion.coverage_factor.to_f64();
    let relative = |u: &Decimal, of: f64| u.to_f64() / k / of;
    [
        ("gas-pressure", relative(&conversion.pressure_expanded_uncertainty_kpa, conversion.pressure_kpa.to_f64())),
        ("gas-temperature", -relative(&conversion.temperature_expanded_uncertainty_kelvin, kelvin(conversion))),
        (
            "gas-compressibility",
            relative(&conversion.compressibility_expanded_uncertainty, conversion.compressibility_ratio.to_f64()),
        ),
    ]
}

/// The curve that corrects quantities of this standing.
fn curve(curves: &[(Curve, Curve)], standing: Standing) -> Option<&Curve> {
    match standing {
        Standing::Calibrated(i) => curves.get(i).map(|(left, _)| left),
        Standing::Restored(i) => curves.get(i).map(|(_, found)| found),
        Standing::Widened(_) | Standing::PermissibleError => None,
    }
}

/// Everything measured under one certificate shares this source, whichever instrument or site it was at.
fn calibration_source(calibration: &Calibration, as_found: bool) -> SourceId {
    let what = if as_found { "as-found" } else { "calibration" };
    SourceId::new(format!("{what}/{}/{}", calibration.laboratory_accreditation, calibration.certificate_id))
}

fn product((a, a_exponent): (i128, i32), (b, b_exponent): (i128, i32)) -> Option<(i128, i32)> {
    Some((a.checked_mul(b)?, a_exponent + b_exponent))
}
