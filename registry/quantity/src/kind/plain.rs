//! Kinds that are not a gas: physical quantities, money, and CO2e with the factors to it.

use std::marker::PhantomData;
use std::ops::{Add, Sub};

use super::{Kind, KindName, QuantityError, mismatch};
use crate::money::{Currency, Tender};
use crate::unit::Unit;

/// The system of base units: with the millisecond as base of time, t·m²/ms² is the gigajoule.
mod system {
    ISQ!(uom::si, f64, (meter, megagram, millisecond, ampere, kelvin, mole, candela));
}

/// Mass, in tonnes. Never a mass of CO2e ([`Co2e`]) or of a gas ([`MassOf`](super::MassOf)).
pub type Mass = system::Mass;
/// Energy as heat, or as heat content of a fuel on the net calorific basis, in gigajoules. Electricity is
/// [`Electricity`], heat content on the gross basis [`GrossEnergy`].
pub type Energy = system::Energy;
/// Volume of a liquid or solid, in cubic metres. Gas at reference conditions is [`NormalVolume`].
pub type Volume = system::Volume;
/// Net calorific value, or heat per mass of product, in GJ/t.
pub type EnergyPerMass = system::AvailableEnergy;

macro_rules! uom_kinds {
    ($($kind:ident, $base:ident;)*) => {
        $(impl Kind for $kind {
            const NAME: KindName = KindName::$kind;
            const BASE: Unit = Unit::$base;

            fn from_base(value: f64) -> Self {
                Self { dimension: PhantomData, units: PhantomData, value }
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
    ($($(#[$doc:meta])* $kind:ident, $base:ident $(, of gas $of_gas:ident)?;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
            pub struct $kind(f64);

            impl Kind for $kind {
                const NAME: KindName = KindName::$kind;
                const BASE: Unit = Unit::$base;
                $(const OF_GAS: Option<fn(crate::gas::Gas) -> KindName> = Some(KindName::$of_gas);)?

                fn from_base(value: f64) -> Self {
                    Self(value)
                }

                fn base(self) -> f64 {
                    self.0
                }
            }

            sums!($kind);
        )*
    };
}

macro_rules! sums {
    ($kind:ident) => {
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
    };
}

kinds! {
    /// Heat content of a fuel on the gross calorific basis, in gigajoules: with the heat of condensing its water, and so
    /// never to be multiplied by a factor per net energy.
    GrossEnergy, GigajouleGross;
    /// Volume of dry gas, in cubic metres at 0 °C and 101.325 kPa.
    NormalVolume, NormalCubicMetre;
    /// A pure number: share, factor.
    Ratio, One;
    /// Number of pieces of a product.
    Items, Item;
    /// Distance, in kilometres.
    Distance, Kilometre;
    /// Mass moved over a distance, in tonne kilometres.
    MassDistance, TonneKilometre;
    /// Anode effects of aluminium cells, in minutes per cell and day (frequency × mean duration).
    AnodeEffect, AnodeEffectMinutePerCellDay;
    /// Anode effect overvoltage of aluminium cells, in millivolts.
    Overvoltage, Millivolt;
    /// Mass of CO2 equivalent, in tonnes.
    Co2e, TonneCo2e, of gas MassOf;
    /// Mass of carbon, in tonnes.
    Carbon, TonneCarbon;
    /// Gross calorific value, in GJ/t.
    GrossEnergyPerMass, GigajoulePerTonneGross;
    /// Net calorific value of a gas, in GJ per 1000 normal cubic metres.
    EnergyPerNormalVolume, GigajoulePerThousandNormalCubicMetres;
    /// Gross calorific value of a gas, in GJ per 1000 normal cubic metres.
    GrossEnergyPerNormalVolume, GigajoulePerThousandNormalCubicMetresGross;
    /// Electricity per mass of product, in MWh/t.
    ElectricityPerMass, MegawatthourPerTonne;
    /// Carbon content, in tonnes of carbon per tonne.
    CarbonPerMass, TonneCarbonPerTonne;
    /// Density, in t/m3.
    MassPerVolume, TonnePerCubicMetre;
    /// Mass of one piece, in kg.
    MassPerItem, KilogramPerItem;
    /// Mass of CO2 per mass of carbon, in t/t.
    Co2PerCarbon, TonneCo2PerTonneCarbon;
    /// Mass of C2F6 per mass of CF4, in t/t: the weight fraction by which the second is found from the first.
    C2f6PerCf4, TonneC2f6PerTonneCf4;
    /// Factor per energy of fuel, in tCO2e/TJ as published.
    Co2ePerEnergy, TonneCo2ePerTerajoule, of gas GasPerEnergy;
    /// Factor per energy of fuel on the gross basis, in tCO2e/TJ.
    Co2ePerGrossEnergy, TonneCo2ePerTerajouleGross, of gas GasPerGrossEnergy;
    /// Factor per electricity, in tCO2e/MWh.
    Co2ePerElectricity, TonneCo2ePerMegawatthour, of gas GasPerElectricity;
    /// Factor or result per mass, in tCO2e/t.
    Co2ePerMass, TonneCo2ePerTonne, of gas GasPerMass;
    /// Factor per volume of a liquid, in kgCO2e/L, the same number as tCO2e/m3.
    Co2ePerVolume, KilogramCo2ePerLitre, of gas GasPerVolume;
    /// Factor per volume of gas, in kgCO2e per normal cubic metre.
    Co2ePerNormalVolume, KilogramCo2ePerNormalCubicMetre, of gas GasPerNormalVolume;
    /// Factor per mass moved over a distance, in kgCO2e/(t.km).
    Co2ePerMassDistance, KilogramCo2ePerTonneKilometre, of gas GasPerMassDistance;
    /// Factor per distance, in kgCO2e/km.
    Co2ePerDistance, KilogramCo2ePerKilometre, of gas GasPerDistance;
    /// Factor or result per piece, in kgCO2e.
    Co2ePerItem, KilogramCo2ePerItem, of gas GasPerItem;
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
            Unit::Terawatthour => Ok((1.0, 6)),
            _ if unit.kind() == KindName::Energy => {
                let (coefficient, exponent) = unit.scale();
                Ok((coefficient / 3.6, exponent))
            }
            _ => Err(mismatch::<Self>(unit)),
        }
    }
}

sums!(Electricity);

macro_rules! money_kinds {
    ($($(#[$doc:meta])* $kind:ident, $unit:path;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
            pub struct $kind<C>(f64, PhantomData<C>);

            impl<C: Tender> Kind for $kind<C> {
                const NAME: KindName = KindName::$kind(C::CURRENCY);
                const BASE: Unit = $unit(C::CURRENCY);

                fn from_base(value: f64) -> Self {
                    Self(value, PhantomData)
                }

                fn base(self) -> f64 {
                    self.0
                }
            }

            impl<C: Tender> Add for $kind<C> {
                type Output = Self;

                fn add(self, other: Self) -> Self {
                    Self::from_base(self.0 + other.0)
                }
            }

            impl<C: Tender> Sub for $kind<C> {
                type Output = Self;

                fn sub(self, other: Self) -> Self {
                    Self::from_base(self.0 - other.0)
                }
            }
        )*
    };
}

money_kinds! {
    /// Money of one currency. Money of two does not add up.
    Money, currency_unit;
    /// Factor per money of one currency, in kgCO2e.
    Co2ePerMoney, co2e_per_currency_unit;
}

const fn currency_unit(currency: Currency) -> Unit {
    match currency {
        Currency::Eur => Unit::Euro,
        Currency::Usd => Unit::UsDollar,
        Currency::Cny => Unit::Yuan,
    }
}

const fn co2e_per_currency_unit(currency: Currency) -> Unit {
    match currency {
        Currency::Eur => Unit::KilogramCo2ePerEuro,
        Currency::Usd => Unit::KilogramCo2ePerUsDollar,
        Currency::Cny => Unit::KilogramCo2ePerYuan,
    }
}
