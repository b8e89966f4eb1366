//! Kinds of quantity as types, and which of them multiply.

use std::fmt;
use std::ops::{Add, Div, Mul, Sub};

use crate::decimal::{Decimal, DecimalError};
use crate::unit::{Quantity, Unit};

/// The system of base units: with the millisecond as base of time, t·m²/ms² is the gigajoule.
mod system {
    ISQ!(uom::si, f64, (meter, megagram, millisecond, ampere, kelvin, mole, candela));
}

/// Mass, in tonnes. Never a mass of CO2e: that is [`Co2e`].
pub type Mass = system::Mass;
/// Energy as heat content, in gigajoules (net calorific basis). Electricity is [`Electricity`].
pub type Energy = system::Energy;
/// Volume of a liquid or solid, in cubic metres. Gas at reference conditions is [`NormalVolume`].
pub type Volume = system::Volume;
/// Net calorific value, in GJ/t.
pub type EnergyPerMass = system::AvailableEnergy;

/// The kinds by name, for messages and for values whose kind is known only at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KindName {
    /// [`Mass`].
    Mass,
    /// [`Energy`].
    Energy,
    /// [`Volume`].
    Volume,
    /// [`NormalVolume`].
    NormalVolume,
    /// [`Electricity`].
    Electricity,
    /// [`Ratio`].
    Ratio,
    /// [`Co2e`].
    Co2e,
    /// [`Carbon`].
    Carbon,
    /// [`EnergyPerMass`].
    EnergyPerMass,
    /// [`EnergyPerNormalVolume`].
    EnergyPerNormalVolume,
    /// [`ElectricityPerMass`].
    ElectricityPerMass,
    /// [`CarbonPerMass`].
    CarbonPerMass,
    /// [`Co2ePerCarbon`].
    Co2ePerCarbon,
    /// [`Co2ePerEnergy`].
    Co2ePerEnergy,
    /// [`Co2ePerElectricity`].
    Co2ePerElectricity,
    /// [`Co2ePerMass`].
    Co2ePerMass,
    /// [`Co2ePerVolume`].
    Co2ePerVolume,
    /// [`Co2ePerNormalVolume`].
    Co2ePerNormalVolume,
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KindName::Mass => "mass",
            KindName::Energy => "energy",
            KindName::Volume => "volume",
            KindName::NormalVolume => "volume of gas at reference conditions",
            KindName::Electricity => "electricity",
            KindName::Ratio => "ratio",
            KindName::Co2e => "mass of CO2e",
            KindName::Carbon => "mass of carbon",
            KindName::EnergyPerMass => "energy per mass (net calorific value)",
            KindName::EnergyPerNormalVolume => "energy per volume of gas",
            KindName::ElectricityPerMass => "electricity per mass",
            KindName::CarbonPerMass => "carbon content per mass",
            KindName::Co2ePerCarbon => "CO2e per mass of carbon",
            KindName::Co2ePerEnergy => "CO2e per energy of fuel",
            KindName::Co2ePerElectricity => "CO2e per electricity",
            KindName::Co2ePerMass => "CO2e per mass",
            KindName::Co2ePerVolume => "CO2e per volume",
            KindName::Co2ePerNormalVolume => "CO2e per volume of gas",
        })
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

    /// From a number of base units.
    fn from_base(value: f64) -> Self;

    /// As a number of base units.
    fn base(self) -> f64;

    /// How a unit counts in base units, `coefficient × 10^exponent`, where it measures this kind.
    fn scale(unit: Unit) -> Result<(f64, i32), QuantityError> {
        if unit.kind() == Self::NAME { Ok(unit.scale()) } else { Err(mismatch::<Self>(unit)) }
    }

    /// From a value with its unit. Decimal text is better read by [`Kind::from_decimal`], which is exact for powers of
    /// ten.
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
    fn from_decimal(value: &Decimal, unit: Unit) -> Result<Self, QuantityError> {
        let (coefficient, exponent) = Self::scale(unit)?;
        let value = value.shifted(exponent).map_err(|source| QuantityError::Decimal { unit, source })?.to_f64();
        Ok(Self::from_base(if coefficient == 1.0 { value } else { value * coefficient }))
    }

    /// As a value in `unit`.
    fn to_quantity(self, unit: Unit) -> Result<Quantity, QuantityError> {
        let (coefficient, exponent) = Self::scale(unit)?;
        Ok(Quantity { value: times_power_of_ten(self.base() / coefficient, -exponent), unit })
    }
}

fn mismatch<K: Kind>(unit: Unit) -> QuantityError {
    QuantityError::UnitMismatch { expected: K::NAME, found: unit.kind(), unit, example: K::BASE }
}

/// One correctly rounded operation: powers of ten up to 10^22 are exact in binary64.
fn times_power_of_ten(value: f64, exponent: i32) -> f64 {
    let mut power = 1.0;
    for _ in 0..exponent.unsigned_abs().min(22) {
        power *= 10.0;
    }
    if exponent < 0 { value / power } else { value * power }
}

macro_rules! uom_kinds {
    ($($kind:ident, $base:ident;)*) => {
        $(impl Kind for $kind {
            const NAME: KindName = KindName::$kind;
            const BASE: Unit = Unit::$base;

            fn from_base(value: f64) -> Self {
                Self { dimension: std::marker::PhantomData, units: std::marker::PhantomData, value }
            }

            fn base(self) -> f64 {
                self.value
            }
        })*
    };
}

uom_kinds! {
    Mass, Tonne;
    Energy, Gigajoule;
    Volume, CubicMetre;
    EnergyPerMass, GigajoulePerTonne;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $base:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
            pub struct $kind(f64);

            impl Kind for $kind {
                const NAME: KindName = KindName::$kind;
                const BASE: Unit = Unit::$base;

                fn from_base(value: f64) -> Self {
                    Self(value)
                }

                fn base(self) -> f64 {
                    self.0
                }
            }

            impl Add for $kind {
                type Output = Self;

                fn add(self, other: Self) -> Self {
                    Self(self.0 + other.0)
                }
            }

            impl Sub for $kind {
                type Output = Self;

                fn sub(self, other: Self) -> Self {
                    Self(self.0 - other.0)
                }
            }
        )*
    };
}

kinds! {
    /// Volume of dry gas, in cubic metres at 0 °C and 101.325 kPa.
    NormalVolume, NormalCubicMetre;
    /// A pure number: share, factor, count.
    Ratio, One;
    /// Mass of CO2 equivalent, in tonnes.
    Co2e, TonneCo2e;
    /// Mass of carbon, in tonnes.
    Carbon, TonneCarbon;
    /// Net calorific value of a gas, in GJ per 1000 normal cubic metres.
    EnergyPerNormalVolume, GigajoulePerThousandNormalCubicMetres;
    /// Electricity per mass of product, in MWh/t.
    ElectricityPerMass, MegawatthourPerTonne;
    /// Carbon content, in tonnes of carbon per tonne.
    CarbonPerMass, TonneCarbonPerTonne;
    /// Mass of CO2 per mass of carbon, in t/t.
    Co2ePerCarbon, TonneCo2ePerTonneCarbon;
    /// Factor per energy of fuel, in tCO2e/TJ as published.
    Co2ePerEnergy, TonneCo2ePerTerajoule;
    /// Factor per electricity, in tCO2e/MWh.
    Co2ePerElectricity, TonneCo2ePerMegawatthour;
    /// Factor or result per mass, in tCO2e/t.
    Co2ePerMass, TonneCo2ePerTonne;
    /// Factor per volume of a liquid, in kgCO2e/L, the same number as tCO2e/m3.
    Co2ePerVolume, KilogramCo2ePerLitre;
    /// Factor per volume of gas, in kgCO2e per normal cubic metre.
    Co2ePerNormalVolume, KilogramCo2ePerNormalCubicMetre;
}

/// Electrical energy, in MWh. Its own kind: a grid factor applies to it and not to the heat content of a fuel.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Electricity(f64);

impl Kind for Electricity {
    const NAME: KindName = KindName::Electricity;
    const BASE: Unit = Unit::Megawatthour;

    fn from_base(value: f64) -> Self {
        Self(value)
    }

    fn base(self) -> f64 {
        self.0
    }

    fn scale(unit: Unit) -> Result<(f64, i32), QuantityError> {
        match unit {
            Unit::Watthour => Ok((1.0, -6)),
            Unit::Kilowatthour => Ok((1.0, -3)),
            Unit::Megawatthour => Ok((1.0, 0)),
            Unit::Gigawatthour => Ok((1.0, 3)),
            _ if unit.kind() == KindName::Energy => {
                let (coefficient, exponent) = unit.scale();
                Ok((coefficient / 3.6, exponent))
            }
            _ => Err(mismatch::<Self>(unit)),
        }
    }
}

impl Add for Electricity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Electricity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

/// Kinds whose product is a kind. In base units the product is `left / DIVISOR × right`: the divisor is where base
/// units of a published factor differ from ours (GJ against TJ), and its place is that of the published formula
/// `AD × NCV / 1000 × EF`.
pub trait Times<Right: Kind>: Kind {
    /// The kind of the product.
    type Product: Kind;
    /// Left base units per unit of the factor's denominator.
    const DIVISOR: f64;
}

/// Kinds whose quotient is a kind, `left / right` in base units.
pub trait Over<Right: Kind>: Kind {
    /// The kind of the quotient.
    type Quotient: Kind;
}

macro_rules! products {
    ($($left:ident * $right:ident = $product:ident / $divisor:literal;)*) => {
        $(impl Times<$right> for $left {
            type Product = $product;
            const DIVISOR: f64 = $divisor;
        })*
    };
}

macro_rules! operators {
    ($($left:ident * $right:ident;)*) => {
        $(impl Mul<$right> for $left {
            type Output = <$left as Times<$right>>::Product;

            fn mul(self, right: $right) -> Self::Output {
                let divisor = <$left as Times<$right>>::DIVISOR;
                let left = if divisor == 1.0 { self.base() } else { self.base() / divisor };
                Kind::from_base(left * Kind::base(right))
            }
        })*
    };
}

// Mass × EnergyPerMass multiplies by uom itself; it stands here for values with uncertainty.
products! {
    Mass * EnergyPerMass = Energy / 1.0;
    NormalVolume * EnergyPerNormalVolume = Energy / 1000.0;
    Energy * Co2ePerEnergy = Co2e / 1000.0;
    Electricity * Co2ePerElectricity = Co2e / 1.0;
    Mass * Co2ePerMass = Co2e / 1.0;
    Volume * Co2ePerVolume = Co2e / 1.0;
    NormalVolume * Co2ePerNormalVolume = Co2e / 1000.0;
    Mass * CarbonPerMass = Carbon / 1.0;
    Carbon * Co2ePerCarbon = Co2e / 1.0;
    ElectricityPerMass * Co2ePerElectricity = Co2ePerMass / 1.0;
    Mass * ElectricityPerMass = Electricity / 1.0;
    Mass * Ratio = Mass / 1.0;
    Energy * Ratio = Energy / 1.0;
    Electricity * Ratio = Electricity / 1.0;
    Co2e * Ratio = Co2e / 1.0;
    Co2ePerMass * Ratio = Co2ePerMass / 1.0;
    Ratio * Ratio = Ratio / 1.0;
}

operators! {
    NormalVolume * EnergyPerNormalVolume;
    Energy * Co2ePerEnergy;
    Electricity * Co2ePerElectricity;
    Mass * Co2ePerMass;
    Volume * Co2ePerVolume;
    NormalVolume * Co2ePerNormalVolume;
    Mass * CarbonPerMass;
    Carbon * Co2ePerCarbon;
    ElectricityPerMass * Co2ePerElectricity;
    Mass * ElectricityPerMass;
    Co2e * Ratio;
}

macro_rules! quotients {
    ($($left:ident / $right:ident = $quotient:ident;)*) => {
        $(impl Over<$right> for $left {
            type Quotient = $quotient;
        })*
    };
}

quotients! {
    Co2e / Mass = Co2ePerMass;
    Electricity / Mass = ElectricityPerMass;
    Mass / Mass = Ratio;
    Co2e / Co2e = Ratio;
}

impl Div<Mass> for Co2e {
    type Output = Co2ePerMass;

    fn div(self, mass: Mass) -> Co2ePerMass {
        Co2ePerMass(self.0 / mass.base())
    }
}

impl Div<Mass> for Electricity {
    type Output = ElectricityPerMass;

    fn div(self, mass: Mass) -> ElectricityPerMass {
        ElectricityPerMass(self.0 / mass.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<K: Kind>(value: &str, unit: &str) -> K {
        K::from_decimal(&value.parse().unwrap(), unit.parse().unwrap()).unwrap()
    }

    #[test]
    fn base_units_are_those_of_the_trade() {
        use uom::si::{available_energy::joule_per_gram, energy::gigajoule, mass::megagram, volume::cubic_meter};
        assert_eq!(Mass::new::<megagram>(88_000.0).base(), 88_000.0);
        assert_eq!(Energy::new::<gigajoule>(2.2e6).base(), 2.2e6);
        assert_eq!(Volume::new::<cubic_meter>(7.0).base(), 7.0);
        assert_eq!(EnergyPerMass::new::<joule_per_gram>(25_000.0).base(), 25.0);
    }

    #[test]
    fn table_agrees_with_uom() {
        use uom::si::{energy, mass, volume};
        let close = |ours: f64, theirs: f64| assert!((ours / theirs - 1.0).abs() < 1e-15, "{ours} {theirs}");
        close(read::<Energy>("1", "kWh").base(), Energy::new::<energy::kilowatt_hour>(1.0).base());
        close(read::<Energy>("1", "MWh").base(), Energy::new::<energy::megawatt_hour>(1.0).base());
        close(read::<Energy>("1", "GWh").base(), Energy::new::<energy::gigawatt_hour>(1.0).base());
        close(read::<Energy>("1", "Wh").base(), Energy::new::<energy::watt_hour>(1.0).base());
        close(read::<Energy>("1", "kJ").base(), Energy::new::<energy::kilojoule>(1.0).base());
        close(read::<Energy>("1", "3B").base(), Energy::new::<energy::megajoule>(1.0).base());
        close(read::<Energy>("1", "TJ").base(), Energy::new::<energy::terajoule>(1.0).base());
        close(read::<Mass>("1", "g").base(), Mass::new::<mass::gram>(1.0).base());
        close(read::<Mass>("1", "KGM").base(), Mass::new::<mass::kilogram>(1.0).base());
        close(read::<Mass>("1", "kt").base(), Mass::new::<mass::gigagram>(1.0).base());
        close(read::<Volume>("1", "L").base(), Volume::new::<volume::liter>(1.0).base());
    }

    #[test]
    fn the_published_coal_stream() {
        let energy: Energy = read::<Mass>("88000", "t") * read::<EnergyPerMass>("25", "GJ/t");
        assert_eq!((energy * read::<Co2ePerEnergy>("95", "tCO2/TJ")).base(), 209_000.0);
        // The same in other units, to the last bit.
        let energy: Energy = read::<Mass>("88000000", "kg") * read::<EnergyPerMass>("25000", "kJ/kg");
        assert_eq!((energy * read::<Co2ePerEnergy>("95000", "kgCO2/TJ")).base(), 209_000.0);
    }

    #[test]
    fn a_wrong_unit_says_what_was_expected() {
        let error = Mass::from_quantity(Quantity { value: 1.0, unit: Unit::Kilowatthour }).unwrap_err();
        assert_eq!(
            error,
            QuantityError::UnitMismatch {
                expected: KindName::Mass,
                found: KindName::Energy,
                unit: Unit::Kilowatthour,
                example: Unit::Tonne
            }
        );
        assert!(Co2e::from_quantity(Quantity { value: 1.0, unit: Unit::Tonne }).is_err());
        assert!(Mass::from_quantity(Quantity { value: 1.0, unit: Unit::TonneCo2e }).is_err());
        assert!(Co2ePerElectricity::from_decimal(&Decimal::zero(), Unit::TonneCo2ePerTerajoule).is_err());
        assert!(matches!(
            Mass::from_quantity(Quantity { value: f64::NAN, unit: Unit::Tonne }),
            Err(QuantityError::NotFinite { .. })
        ));
    }

    #[test]
    fn gas_per_thousand_normal_cubic_metres() {
        // 1000 Nm3 at 36 MJ/Nm3 is 36 GJ.
        let ncv = read::<EnergyPerNormalVolume>("36", "MJ/Nm3{0Cel;101.325kPa}");
        assert_eq!((read::<NormalVolume>("1000", "Nm3{0Cel;101.325kPa}") * ncv).base(), 36.0);
        let ncv = read::<EnergyPerNormalVolume>("36", "GJ/1000Nm3{0Cel;101.325kPa}");
        assert_eq!((read::<NormalVolume>("1000", "Nm3{0Cel;101.325kPa}") * ncv).base(), 36.0);
        let factor = read::<Co2ePerNormalVolume>("2", "kgCO2e/Nm3{0Cel;101.325kPa}");
        assert_eq!((read::<NormalVolume>("1000", "Nm3{0Cel;101.325kPa}") * factor).base(), 2.0);
        assert_eq!((read::<Volume>("1", "m3") * read::<Co2ePerVolume>("2500", "kgCO2e/m3")).base(), 2.5);
    }

    fn round_trip<K: Kind>(value: f64) {
        for unit in Unit::ALL {
            if let Ok(kind) = K::from_quantity(Quantity { value, unit: *unit }) {
                let back = kind.to_quantity(*unit).unwrap().value;
                assert!((back - value).abs() <= 4.0 * f64::EPSILON * value.abs(), "{value} {unit} came back as {back}");
            }
        }
    }

    proptest! {
        #[test]
        fn units_round_trip(value in -1e15f64..1e15) {
            round_trip::<Mass>(value);
            round_trip::<Energy>(value);
            round_trip::<Electricity>(value);
            round_trip::<Volume>(value);
            round_trip::<NormalVolume>(value);
            round_trip::<Co2e>(value);
            round_trip::<EnergyPerMass>(value);
            round_trip::<Co2ePerEnergy>(value);
            round_trip::<Co2ePerElectricity>(value);
            round_trip::<Co2ePerMass>(value);
        }
    }
}
