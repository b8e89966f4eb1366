//! Material flows from weighed loads and stocks, and means of laboratory analyses.

use std::collections::BTreeMap;

use quantity::{Decimal, GwpSet, Kind, Mass, Unit};
use record::evidence::{Evidence, FLOW_UNIT, Flow, InstrumentEvidence};
use record::reading::{Property, StockRecord};
use uncertainty::{Measured, SourceId, Uncertain};

use crate::consumption::Consumption;
use crate::rules::{MeteringError, Rules};
use crate::sums::{SQRT_12, Sums};

/// What was consumed (opening stock + in − out − closing stock) or produced (its negative) of a material in the period
/// of the evidence.
///
/// Loads on one weighbridge under one certificate share its error, with their sign. A load is a difference of two
/// indications, so its resolution counts twice.
///
/// # Errors
/// [`MeteringError`].
pub fn material_flow(
    evidence: &Evidence,
    material: &str,
    flow: Flow,
    rules: Rules,
) -> Result<Consumption<Mass>, MeteringError> {
    let range = || MeteringError::Range { what: material.to_owned() };
    let wrap = |source| MeteringError::Uncertainty { what: material.to_owned(), source };
    let stocks: Vec<&StockRecord> = evidence.stocks.iter().filter(|stock| stock.material == material).collect();
    let loads: Vec<_> = evidence.weighbridge.iter().filter(|load| load.material == material).collect();
    if stocks.is_empty() && loads.is_empty() {
        return Err(MeteringError::UnknownMaterial { material: material.to_owned() });
    }
    // Everything is summed as whole numbers of 10^exponent tonnes, exactly.
    let mut numbers: Vec<(i128, i32)> = Vec::new();
    let mut instruments: BTreeMap<&str, (&InstrumentEvidence, Sums<'_>, u32)> = BTreeMap::new();
    for load in &loads {
        let (mantissa, exponent) = tonnes(&load.net, load.unit, &load.id)?;
        let sign = flow.sign(load.direction);
        numbers.push((sign * mantissa, exponent));
        let scale = evidence
            .instrument(&load.instrument)
            .ok_or_else(|| MeteringError::UnknownInstrument { instrument: load.instrument.clone() })?;
        let entry = instruments
            .entry(&load.instrument)
            .or_insert_with(|| (scale, Sums::new::<Mass>(scale, rules.calibration), 0));
        let units = multiple(mantissa, exponent, scale).ok_or_else(range)?;
        let start = load.time.as_second();
        // The load of a weighing instrument is the mass on it.
        let on_it = units as f64 * scale.instrument.resolution.to_f64();
        entry.1.add(start, start.saturating_add(1), sign * units, on_it)?;
        entry.2 += 1;
    }
    let mut value = Uncertain::exact(0.0);
    let (mut absolute, mut calibrated) = (0.0, 0.0);
    for (name, (_, sums, count)) in &instruments {
        let (part, _) = sums.quantity::<Mass>()?;
        absolute += part.value().abs();
        calibrated += part.value().abs() * sums.calibrated_share();
        value += &part;
        let u = (2.0 * f64::from(*count)).sqrt() * sums.register_unit::<Mass>()? / SQRT_12;
        let source = SourceId::new(format!("resolution/{name}/{material}/{}", evidence.period));
        value = value.with(source, u, None).map_err(wrap)?;
    }
    for (time, sign) in [(evidence.period.start, 1i128), (evidence.period.end, -1)] {
        let sign = if flow == Flow::Consumed { sign } else { -sign };
        let mut found = false;
        for stock in stocks.iter().filter(|stock| stock.time == time) {
            found = true;
            let (mantissa, exponent) = tonnes(&stock.mass, stock.unit, &stock.id)?;
            numbers.push((sign * mantissa, exponent));
            let expanded = mass(&stock.expanded_uncertainty, stock.unit, &stock.id)?;
            let u = expanded / stock.coverage_factor.to_f64() * sign as f64;
            value = value
                .with_signed(SourceId::new(format!("stock/{}/{}", evidence.site, stock.id)), u, None)
                .map_err(wrap)?;
        }
        if !found {
            return Err(MeteringError::MissingStock { material: material.to_owned(), time });
        }
    }
    let total = sum(&numbers).ok_or_else(range)?;
    if total.is_negative() {
        return Err(MeteringError::NegativeBalance { material: material.to_owned(), total });
    }
    // The estimate is the exact sum, moved by the instruments' corrections alone.
    let registered: f64 = mass(&total, FLOW_UNIT, material)?;
    let mut correction = 0.0;
    for (scale, sums, _) in instruments.values() {
        let (corrected, registered) = sums.quantity::<Mass>()?;
        correction += corrected.value() - mass(&registered, scale.instrument.unit, material)?;
    }
    let estimate = registered + correction;
    let value = Uncertain::first_order(estimate, &[(&value, 1.0)]).finite().map_err(wrap)?;
    Ok(Consumption {
        quantity: Measured::from_base(value),
        registered: total,
        unit: FLOW_UNIT,
        calibrated_share: if absolute > 0.0 { calibrated / absolute } else { 1.0 },
        substituted: 0.0,
        missing_secs: 0,
        metered_secs: 0,
        spanned_secs: 0,
        gaps: Vec::new(),
        statistics: None,
    })
}

/// Arithmetic mean of the analyses of a property of a material in the period of the evidence, each an independent
/// source.
///
/// # Errors
/// [`MeteringError`].
pub fn analysis_mean<K: Kind>(
    evidence: &Evidence,
    material: &str,
    property: Property,
    gwp: GwpSet,
) -> Result<Measured<K>, MeteringError> {
    let found: Vec<_> = evidence
        .analyses
        .iter()
        .filter(|a| a.material == material && a.property == property && evidence.period.contains(a.time))
        .collect();
    let no_analysis = || MeteringError::NoAnalysis { material: material.to_owned(), property, period: evidence.period };
    let count = found.len() as f64;
    let mut numbers: Vec<(i128, i32)> = Vec::new();
    let mut coefficient = None;
    let mut inexact = 0.0;
    let mut value = Uncertain::exact(0.0);
    for analysis in &found {
        let what = || format!("analysis {}", analysis.id);
        let wrap = |source| MeteringError::Unit { what: what(), source };
        let (scale, exponent) = gwp.scale::<K>(analysis.unit).map_err(wrap)?;
        coefficient = Some(coefficient.map_or(scale, |c: f64| if c == scale { c } else { f64::NAN }));
        let (mantissa, places) = analysis.value.scaled();
        numbers.push((mantissa, places + exponent));
        inexact += gwp.read::<K>(&analysis.value, analysis.unit).map_err(wrap)?.base();
        let expanded = gwp.read::<K>(&analysis.expanded_uncertainty, analysis.unit).map_err(wrap)?.base();
        let u = expanded / analysis.coverage_factor.to_f64() / count;
        let source = SourceId::new(format!("analysis/{}/{}", analysis.laboratory_accreditation, analysis.id));
        let wrap = |source| MeteringError::Uncertainty { what: what(), source };
        value = value.with(source, u, None).map_err(wrap)?;
    }
    // Units that differ by powers of ten alone are summed exactly; others in the order of the records.
    let total = match coefficient.ok_or_else(no_analysis)? {
        1.0 => sum(&numbers).ok_or_else(|| MeteringError::Range { what: material.to_owned() })?.to_f64(),
        _ => inexact,
    };
    let wrap = |source| MeteringError::Uncertainty { what: material.to_owned(), source };
    Ok(Measured::from_base(Uncertain::first_order(total / count, &[(&value, 1.0)]).finite().map_err(wrap)?))
}

fn mass(value: &Decimal, unit: Unit, what: &str) -> Result<f64, MeteringError> {
    Mass::from_decimal(value, unit)
        .map(Kind::base)
        .map_err(|source| MeteringError::Unit { what: what.to_owned(), source })
}

/// A mass as mantissa and exponent in tonnes. The coefficient of every unit of mass is a whole number, so this is exact.
fn tonnes(value: &Decimal, unit: Unit, what: &str) -> Result<(i128, i32), MeteringError> {
    let (coefficient, shift) =
        Mass::scale(unit).map_err(|source| MeteringError::Unit { what: what.to_owned(), source })?;
    let (mantissa, exponent) = value.scaled();
    let mantissa =
        mantissa.checked_mul(coefficient as i128).ok_or_else(|| MeteringError::Range { what: what.to_owned() })?;
    Ok((mantissa, exponent + shift))
}

/// How many register units a mass is, rounded to the nearest: only corrections and uncertainty use it.
fn multiple(mantissa: i128, exponent: i32, scale: &InstrumentEvidence) -> Option<i128> {
    let (coefficient, shift) = Mass::scale(scale.instrument.unit).ok()?;
    let (step, step_exponent) = scale.instrument.resolution.scaled();
    let step = step.checked_mul(coefficient as i128)?;
    let difference = exponent - (step_exponent + shift);
    let power = 10i128.checked_pow(difference.unsigned_abs())?;
    let (mantissa, step) =
        if difference >= 0 { (mantissa.checked_mul(power)?, step) } else { (mantissa, step.checked_mul(power)?) };
    mantissa.checked_add(step / 2)?.checked_div(step)
}

/// The exact sum of numbers `mantissa × 10^exponent`.
fn sum(numbers: &[(i128, i32)]) -> Option<Decimal> {
    let least = numbers.iter().map(|(_, exponent)| *exponent).min().unwrap_or(0).min(0);
    let mut total: i128 = 0;
    for (mantissa, exponent) in numbers {
        let power = 10i128.checked_pow((exponent - least).unsigned_abs())?;
        total = total.checked_add(mantissa.checked_mul(power)?)?;
    }
    Decimal::from_scaled(total, least).ok()
}
