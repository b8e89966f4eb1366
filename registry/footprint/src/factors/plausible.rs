//! Bounds beyond which a factor is more likely a slip of unit than a fact: kg/MWh written as kg/kWh is a thousand times
//! too much, and reads like any other number.

use quantity::{
    Co2ePerElectricity, Co2ePerEnergy, Co2ePerMassDistance, Decimal, EnergyPerMass, EnergyPerNormalVolume, Gas,
    GasPerEnergy, GwpSet, Kind, KindName, QuantityError, Unit, species,
};

/// A value outside the bounds of its kind.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} {unit} is {}: {kind} is from {low} to {high} {bound_unit} ({source_of_bounds})", hint(.ratio))]
pub struct Implausible {
    /// The value found.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// What it measures.
    pub kind: KindName,
    /// Least plausible, in `bound_unit`; zero is plausible too where nothing is emitted.
    pub low: f64,
    /// Greatest plausible, in `bound_unit`.
    pub high: f64,
    /// Unit of the bounds.
    pub bound_unit: Unit,
    /// How far beyond the nearer bound: above one, or below.
    pub ratio: f64,
    /// Where the bounds come from.
    pub source_of_bounds: &'static str,
}

fn hint(ratio: &f64) -> &'static str {
    match ratio {
        // A thousand from the middle of the bounds: kg for t, kWh for MWh, MJ for GJ.
        ratio if *ratio > 30.0 => "too much, as if kg/MWh were taken for kg/kWh or kg for t",
        ratio if *ratio > 1.0 => "too much",
        ratio if *ratio < 1.0 / 30.0 => "too little, as if t/MWh were taken for kg/MWh or MJ for kJ",
        _ => "too little",
    }
}

struct Bounds {
    low: f64,
    high: f64,
    unit: Unit,
    zero: bool,
    source: &'static str,
}

/// Bounds of a kind, in its base unit.
fn bounds(kind: KindName) -> Option<Bounds> {
    let bounds = |low, high, unit, zero, source| Some(Bounds { low, high, unit, zero, source });
    match kind {
        // The fuels of the table, lowest (coke oven gas) and highest (blast furnace gas), widened by a fifth; biogenic
        // carbon counted as nothing is zero.
        KindName::Co2ePerEnergy | KindName::GasPerEnergy(Gas::Co2) => bounds(
            44.4 * 0.8,
            260.0 * 1.2,
            Co2ePerEnergy::BASE,
            true,
            "Implementing Regulation (EU) 2025/2547, Annex II G, Table 1: 44.4 to 260, widened by a fifth",
        ),
        // Defaults and their limits over all fuels and sectors.
        KindName::GasPerEnergy(Gas::Ch4) => bounds(
            0.0003,
            0.9,
            GasPerEnergy::<species::Ch4>::BASE,
            true,
            "IPCC 2006 Guidelines Vol 2 Tables 2.2 to 2.5: limits from 0.3 to 900 kg/TJ",
        ),
        KindName::GasPerEnergy(Gas::N2o) => bounds(
            0.000_03,
            0.015,
            GasPerEnergy::<species::N2o>::BASE,
            true,
            "IPCC 2006 Guidelines Vol 2 Tables 2.2 to 2.5: limits from 0.03 to 15 kg/TJ",
        ),
        // Lignite, 101 t/TJ, at a net efficiency of 25 %: 1.45 t/MWh, and nothing that a grid averages is above. The
        // least is a choice of ours: nothing but zero is published below 1 kg/MWh.
        KindName::Co2ePerElectricity | KindName::GasPerElectricity(Gas::Co2) => bounds(
            0.001,
            101.0 * 0.0036 / 0.25,
            Co2ePerElectricity::BASE,
            true,
            "lignite of Implementing Regulation (EU) 2025/2547, Annex II G, Table 1, at an efficiency of 25 %",
        ),
        // Blast furnace gas to methane and biogas, widened by a fifth.
        KindName::EnergyPerMass => bounds(
            2.47 * 0.8,
            50.4 * 1.2,
            EnergyPerMass::BASE,
            false,
            "Implementing Regulation (EU) 2025/2547, Annex II G, Tables 1 and 2: 2.47 to 50.4, widened by a fifth",
        ),
        KindName::EnergyPerNormalVolume => bounds(
            2.0,
            120.0,
            EnergyPerNormalVolume::BASE,
            false,
            "a choice of this registry: blast furnace gas is near 3, butane near 115 MJ/Nm3",
        ),
        KindName::Co2ePerMassDistance | KindName::GasPerMassDistance(Gas::Co2) => bounds(
            0.0025 * 0.8,
            4.604 * 1.2,
            Co2ePerMassDistance::BASE,
            true,
            "UK DESNZ 2025: from 0.00253 (bulk carrier) to 4.604 (domestic flight), widened by a fifth",
        ),
        KindName::CarbonPerMass => {
            bounds(0.0, 1.0, Unit::TonneCarbonPerTonne, true, "no material holds more carbon than itself")
        }
        _ => None,
    }
}

/// Whether a value is within the bounds of its kind; a kind without bounds has none to break.
///
/// # Errors
/// [`Implausible`]; a value that cannot be brought to its base unit is not judged here.
pub fn plausible(value: &Decimal, unit: Unit) -> Result<(), Implausible> {
    let kind = unit.kind();
    let Some(bounds) = bounds(kind) else { return Ok(()) };
    let Ok(found) = in_base(value, unit, kind) else { return Ok(()) };
    if (bounds.low..=bounds.high).contains(&found) || (found == 0.0 && bounds.zero) {
        return Ok(());
    }
    let ratio = if found > bounds.high { found / bounds.high } else { found / bounds.low };
    Err(Implausible {
        value: value.clone(),
        unit,
        kind,
        low: bounds.low,
        high: bounds.high,
        bound_unit: bounds.unit,
        ratio,
        source_of_bounds: bounds.source,
    })
}

/// The value in base units of its own kind. CO2 counts as CO2e here: their base units are the same.
fn in_base(value: &Decimal, unit: Unit, kind: KindName) -> Result<f64, QuantityError> {
    fn read<K: Kind>(value: &Decimal, unit: Unit) -> Result<f64, QuantityError> {
        // CO2 has a potential of 1 in every set.
        GwpSet::AR6.read::<K>(value, unit).map(Kind::base)
    }
    match kind {
        KindName::GasPerEnergy(Gas::Ch4) => read::<GasPerEnergy<species::Ch4>>(value, unit),
        KindName::GasPerEnergy(Gas::N2o) => read::<GasPerEnergy<species::N2o>>(value, unit),
        KindName::Co2ePerElectricity | KindName::GasPerElectricity(_) => read::<Co2ePerElectricity>(value, unit),
        KindName::EnergyPerMass => read::<EnergyPerMass>(value, unit),
        KindName::EnergyPerNormalVolume => read::<EnergyPerNormalVolume>(value, unit),
        KindName::Co2ePerMassDistance | KindName::GasPerMassDistance(_) => read::<Co2ePerMassDistance>(value, unit),
        KindName::CarbonPerMass => read::<quantity::CarbonPerMass>(value, unit),
        _ => read::<Co2ePerEnergy>(value, unit),
    }
}
