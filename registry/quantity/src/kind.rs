//! Kinds of quantity as types, and by name.

use std::fmt;

use crate::decimal::{Decimal, DecimalError};
use crate::gas::Gas;
use crate::money::Currency;
use crate::unit::{Quantity, Unit};

mod by_gas;
mod plain;
mod products;

pub use by_gas::{
    GasPerDistance, GasPerElectricity, GasPerEnergy, GasPerGrossEnergy, GasPerItem, GasPerMass, GasPerMassAnodeEffect,
    GasPerMassDistance, GasPerMassOvervoltage, GasPerNormalVolume, GasPerVolume, MassOf,
};
pub use plain::{
    AnodeEffect, C2f6PerCf4, Carbon, CarbonPerMass, Co2PerCarbon, Co2e, Co2ePerDistance, Co2ePerElectricity,
    Co2ePerEnergy, Co2ePerGrossEnergy, Co2ePerItem, Co2ePerMass, Co2ePerMassDistance, Co2ePerMoney,
    Co2ePerNormalVolume, Co2ePerVolume, Distance, Electricity, ElectricityPerMass, Energy, EnergyPerMass,
    EnergyPerNormalVolume, GrossEnergy, GrossEnergyPerMass, GrossEnergyPerNormalVolume, Items, Mass, MassDistance,
    MassPerItem, MassPerVolume, Money, NormalVolume, Overvoltage, Ratio, Volume,
};
pub use products::{Over, Times};

/// The kinds by name, for messages and for values whose kind is known only at run time. Those that count a gas, or an
/// amount of money, say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KindName {
    /// [`Mass`].
    Mass,
    /// [`Energy`].
    Energy,
    /// [`GrossEnergy`].
    GrossEnergy,
    /// [`Volume`].
    Volume,
    /// [`NormalVolume`].
    NormalVolume,
    /// [`Electricity`].
    Electricity,
    /// [`Ratio`].
    Ratio,
    /// [`Items`].
    Items,
    /// [`Distance`].
    Distance,
    /// [`MassDistance`].
    MassDistance,
    /// [`Money`] of a currency.
    Money(Currency),
    /// [`AnodeEffect`].
    AnodeEffect,
    /// [`Overvoltage`].
    Overvoltage,
    /// [`Co2e`].
    Co2e,
    /// [`MassOf`] a gas.
    MassOf(Gas),
    /// [`Carbon`].
    Carbon,
    /// [`EnergyPerMass`].
    EnergyPerMass,
    /// [`GrossEnergyPerMass`].
    GrossEnergyPerMass,
    /// [`EnergyPerNormalVolume`].
    EnergyPerNormalVolume,
    /// [`GrossEnergyPerNormalVolume`].
    GrossEnergyPerNormalVolume,
    /// [`ElectricityPerMass`].
    ElectricityPerMass,
    /// [`CarbonPerMass`].
    CarbonPerMass,
    /// [`MassPerVolume`].
    MassPerVolume,
    /// [`MassPerItem`].
    MassPerItem,
    /// [`Co2PerCarbon`].
    Co2PerCarbon,
    /// [`C2f6PerCf4`].
    C2f6PerCf4,
    /// [`Co2ePerEnergy`].
    Co2ePerEnergy,
    /// [`Co2ePerGrossEnergy`].
    Co2ePerGrossEnergy,
    /// [`Co2ePerElectricity`].
    Co2ePerElectricity,
    /// [`Co2ePerMass`].
    Co2ePerMass,
    /// [`Co2ePerVolume`].
    Co2ePerVolume,
    /// [`Co2ePerNormalVolume`].
    Co2ePerNormalVolume,
    /// [`Co2ePerMassDistance`].
    Co2ePerMassDistance,
    /// [`Co2ePerDistance`].
    Co2ePerDistance,
    /// [`Co2ePerItem`].
    Co2ePerItem,
    /// [`Co2ePerMoney`] of a currency.
    Co2ePerMoney(Currency),
    /// [`GasPerEnergy`] of a gas.
    GasPerEnergy(Gas),
    /// [`GasPerGrossEnergy`] of a gas.
    GasPerGrossEnergy(Gas),
    /// [`GasPerElectricity`] of a gas.
    GasPerElectricity(Gas),
    /// [`GasPerMass`] of a gas.
    GasPerMass(Gas),
    /// [`GasPerVolume`] of a gas.
    GasPerVolume(Gas),
    /// [`GasPerNormalVolume`] of a gas.
    GasPerNormalVolume(Gas),
    /// [`GasPerMassDistance`] of a gas.
    GasPerMassDistance(Gas),
    /// [`GasPerDistance`] of a gas.
    GasPerDistance(Gas),
    /// [`GasPerItem`] of a gas.
    GasPerItem(Gas),
    /// [`GasPerMassAnodeEffect`] of a gas.
    GasPerMassAnodeEffect(Gas),
    /// [`GasPerMassOvervoltage`] of a gas.
    GasPerMassOvervoltage(Gas),
}

impl KindName {
    /// The gas it counts, where it counts one.
    pub fn gas(self) -> Option<Gas> {
        use KindName as K;
        match self {
            K::MassOf(gas)
            | K::GasPerEnergy(gas)
            | K::GasPerGrossEnergy(gas)
            | K::GasPerElectricity(gas)
            | K::GasPerMass(gas)
            | K::GasPerVolume(gas)
            | K::GasPerNormalVolume(gas)
            | K::GasPerMassDistance(gas)
            | K::GasPerDistance(gas)
            | K::GasPerItem(gas)
            | K::GasPerMassAnodeEffect(gas)
            | K::GasPerMassOvervoltage(gas) => Some(gas),
            _ => None,
        }
    }

    /// The kind that counts a gas where this one counts CO2e.
    pub fn of_gas(self, gas: Gas) -> Option<KindName> {
        use KindName as K;
        Some(match self {
            K::Co2e => K::MassOf(gas),
            K::Co2ePerEnergy => K::GasPerEnergy(gas),
            K::Co2ePerGrossEnergy => K::GasPerGrossEnergy(gas),
            K::Co2ePerElectricity => K::GasPerElectricity(gas),
            K::Co2ePerMass => K::GasPerMass(gas),
            K::Co2ePerVolume => K::GasPerVolume(gas),
            K::Co2ePerNormalVolume => K::GasPerNormalVolume(gas),
            K::Co2ePerMassDistance => K::GasPerMassDistance(gas),
            K::Co2ePerDistance => K::GasPerDistance(gas),
            K::Co2ePerItem => K::GasPerItem(gas),
            _ => return None,
        })
    }

    /// The kind that counts CO2e where this one counts a gas.
    pub fn in_co2e(self) -> Option<KindName> {
        use KindName as K;
        Some(match self {
            K::MassOf(_) => K::Co2e,
            K::GasPerEnergy(_) => K::Co2ePerEnergy,
            K::GasPerGrossEnergy(_) => K::Co2ePerGrossEnergy,
            K::GasPerElectricity(_) => K::Co2ePerElectricity,
            K::GasPerMass(_) => K::Co2ePerMass,
            K::GasPerVolume(_) => K::Co2ePerVolume,
            K::GasPerNormalVolume(_) => K::Co2ePerNormalVolume,
            K::GasPerMassDistance(_) => K::Co2ePerMassDistance,
            K::GasPerDistance(_) => K::Co2ePerDistance,
            K::GasPerItem(_) => K::Co2ePerItem,
            _ => return None,
        })
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use KindName as K;
        let text = match self {
            K::Mass => "mass",
            K::Energy => "energy",
            K::GrossEnergy => "energy (gross calorific)",
            K::Volume => "volume",
            K::NormalVolume => "volume of gas at reference conditions",
            K::Electricity => "electricity",
            K::Ratio => "ratio",
            K::Items => "number of items",
            K::Distance => "distance",
            K::MassDistance => "mass moved over a distance",
            K::Money(currency) => return write!(f, "money in {currency}"),
            K::AnodeEffect => "anode effect minutes per cell and day",
            K::Overvoltage => "anode effect overvoltage",
            K::Co2e => "mass of CO2e",
            K::MassOf(gas) => return write!(f, "mass of {gas}"),
            K::Carbon => "mass of carbon",
            K::EnergyPerMass => "energy per mass (net calorific value)",
            K::GrossEnergyPerMass => "energy per mass (gross calorific value)",
            K::EnergyPerNormalVolume => "energy per volume of gas (net calorific value)",
            K::GrossEnergyPerNormalVolume => "energy per volume of gas (gross calorific value)",
            K::ElectricityPerMass => "electricity per mass",
            K::CarbonPerMass => "carbon content per mass",
            K::MassPerVolume => "mass per volume (density)",
            K::MassPerItem => "mass per item",
            K::Co2PerCarbon => "CO2 per mass of carbon",
            K::C2f6PerCf4 => "C2F6 per mass of CF4",
            K::Co2ePerMoney(currency) => return write!(f, "CO2e per money in {currency}"),
            K::GasPerMassAnodeEffect(gas) => return write!(f, "{gas} per mass and anode effect minute"),
            K::GasPerMassOvervoltage(gas) => return write!(f, "{gas} per mass and overvoltage"),
            K::Co2ePerEnergy | K::GasPerEnergy(_) => "energy of fuel",
            K::Co2ePerGrossEnergy | K::GasPerGrossEnergy(_) => "energy of fuel (gross calorific)",
            K::Co2ePerElectricity | K::GasPerElectricity(_) => "electricity",
            K::Co2ePerMass | K::GasPerMass(_) => "mass",
            K::Co2ePerVolume | K::GasPerVolume(_) => "volume",
            K::Co2ePerNormalVolume | K::GasPerNormalVolume(_) => "volume of gas",
            K::Co2ePerMassDistance | K::GasPerMassDistance(_) => "mass moved over a distance",
            K::Co2ePerDistance | K::GasPerDistance(_) => "distance",
            K::Co2ePerItem | K::GasPerItem(_) => "item",
        };
        // What is left is a factor: the last rows name its denominator alone.
        match (self.gas(), self.of_gas(Gas::Co2)) {
            (Some(gas), _) => write!(f, "{gas} per {text}"),
            (None, Some(_)) if *self != K::Co2e => write!(f, "CO2e per {text}"),
            _ => f.write_str(text),
        }
    }
}

/// Why a value on the wire is not a quantity of the kind asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// The unit measures another kind.
    #[error("{unit} measures {found}, expected a unit of {expected}, for example {example}")]
    UnitMismatch {
        /// The kind the formula needs.
        expected: KindName,
        /// The kind the unit measures.
        found: KindName,
        /// The unit found.
        unit: Unit,
        /// A unit that would fit.
        example: Unit,
    },
    /// NaN, an infinity, or a value that becomes one in base units.
    #[error("the value is not a finite number in {unit}")]
    NotFinite {
        /// The unit found.
        unit: Unit,
    },
    /// The value cannot be written as a plain decimal in base units.
    #[error("the value does not fit a plain decimal in {unit}: {source}")]
    Decimal {
        /// The unit found.
        unit: Unit,
        /// What stands in the way.
        source: DecimalError,
    },
}

/// A kind of quantity: a type whose one number is counted in [`Kind::BASE`] units.
pub trait Kind: Copy + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// Its name at run time.
    const NAME: KindName;
    /// Its base unit.
    const BASE: Unit;
    /// Where it counts CO2e, and a gas could stand in its place: the kind that counts the gas. Only a named set of global
    /// warming potentials goes from one to the other ([`GwpSet`](crate::GwpSet)).
    const OF_GAS: Option<fn(Gas) -> KindName> = None;

    /// From a number of base units.
    fn from_base(value: f64) -> Self;

    /// As a number of base units.
    fn base(self) -> f64;

    /// How a unit counts in base units, `coefficient × 10^exponent`, where it measures this kind.
    ///
    /// # Errors
    /// [`QuantityError::UnitMismatch`].
    fn scale(unit: Unit) -> Result<(f64, i32), QuantityError> {
        if unit.kind() == Self::NAME { Ok(unit.scale()) } else { Err(mismatch::<Self>(unit)) }
    }

    /// From a value with its unit. Decimal text is better read by [`Kind::from_decimal`], which is exact for powers of
    /// ten.
    ///
    /// # Errors
    /// [`QuantityError`].
    fn from_quantity(quantity: Quantity) -> Result<Self, QuantityError> {
        let (coefficient, exponent) = Self::scale(quantity.unit)?;
        let value = times_power_of_ten(quantity.value, exponent) * coefficient;
        if value.is_finite() {
            Ok(Self::from_base(value))
        } else {
            Err(QuantityError::NotFinite { unit: quantity.unit })
        }
    }

    /// From decimal text and its unit: the power of ten between the unit and the base unit is applied to the text, so
    /// that kg, t and kt of the same mass give the same binary number.
    ///
    /// # Errors
    /// [`QuantityError`].
    fn from_decimal(value: &Decimal, unit: Unit) -> Result<Self, QuantityError> {
        let (coefficient, exponent) = Self::scale(unit)?;
        in_base(value, unit, coefficient, exponent).map(Self::from_base)
    }

    /// As a value in `unit`.
    ///
    /// # Errors
    /// [`QuantityError::UnitMismatch`].
    fn to_quantity(self, unit: Unit) -> Result<Quantity, QuantityError> {
        let (coefficient, exponent) = Self::scale(unit)?;
        Ok(Quantity { value: times_power_of_ten(self.base() / coefficient, -exponent), unit })
    }
}

fn mismatch<K: Kind>(unit: Unit) -> QuantityError {
    QuantityError::UnitMismatch { expected: K::NAME, found: unit.kind(), unit, example: K::BASE }
}

/// Decimal text as a number of base units.
pub(crate) fn in_base(value: &Decimal, unit: Unit, coefficient: f64, exponent: i32) -> Result<f64, QuantityError> {
    let value = value.shifted(exponent).map_err(|source| QuantityError::Decimal { unit, source })?.to_f64();
    Ok(if coefficient == 1.0 { value } else { value * coefficient })
}

/// One correctly rounded operation: powers of ten up to 10^22 are exact in binary64.
fn times_power_of_ten(value: f64, exponent: i32) -> f64 {
    let mut power = 1.0;
    for _ in 0..exponent.unsigned_abs().min(22) {
        power *= 10.0;
    }
    if exponent < 0 { value / power } else { value * power }
}

#[cfg(test)]
mod tests;
