//! Masses of one gas, and factors to one: each gas is a type, and only a set of global warming potentials joins them.

use std::marker::PhantomData;
use std::ops::{Add, Sub};

use super::plain::{
    Co2e, Co2ePerDistance, Co2ePerElectricity, Co2ePerEnergy, Co2ePerGrossEnergy, Co2ePerItem, Co2ePerMass,
    Co2ePerMassDistance, Co2ePerNormalVolume, Co2ePerVolume,
};
use super::{Kind, KindName};
use crate::gas::Species;
use crate::gwp::OfGas;
use crate::unit::{GasUnit, Unit};

macro_rules! gas_kinds {
    ($($(#[$doc:meta])* $kind:ident, $base:ident $(, in $co2e:ident)?;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
            pub struct $kind<G>(f64, PhantomData<G>);

            impl<G: Species> Kind for $kind<G> {
                const NAME: KindName = KindName::$kind(G::GAS);
                const BASE: Unit = Unit::Gas(GasUnit::$base, G::GAS);

                fn from_base(value: f64) -> Self {
                    Self(value, PhantomData)
                }

                fn base(self) -> f64 {
                    self.0
                }
            }

            impl<G: Species> Add for $kind<G> {
                type Output = Self;

                fn add(self, other: Self) -> Self {
                    Self::from_base(self.0 + other.0)
                }
            }

            impl<G: Species> Sub for $kind<G> {
                type Output = Self;

                fn sub(self, other: Self) -> Self {
                    Self::from_base(self.0 - other.0)
                }
            }

            $(impl<G: Species> OfGas for $kind<G> {
                type Species = G;
                type InCo2e = $co2e;
            })?
        )*
    };
}

gas_kinds! {
    /// Mass of a gas, in tonnes.
    MassOf, Tonne, in Co2e;
    /// Gas per energy of fuel on the net basis, in t/TJ.
    GasPerEnergy, TonnePerTerajoule, in Co2ePerEnergy;
    /// Gas per energy of fuel on the gross basis, in t/TJ.
    GasPerGrossEnergy, TonnePerTerajouleGross, in Co2ePerGrossEnergy;
    /// Gas per electricity, in t/MWh.
    GasPerElectricity, TonnePerMegawatthour, in Co2ePerElectricity;
    /// Gas per mass of material or product, in t/t.
    GasPerMass, TonnePerTonne, in Co2ePerMass;
    /// Gas per volume of a liquid, in kg/L.
    GasPerVolume, KilogramPerLitre, in Co2ePerVolume;
    /// Gas per volume of a fuel gas, in kg per normal cubic metre.
    GasPerNormalVolume, KilogramPerNormalCubicMetre, in Co2ePerNormalVolume;
    /// Gas per mass moved over a distance, in kg/(t.km).
    GasPerMassDistance, KilogramPerTonneKilometre, in Co2ePerMassDistance;
    /// Gas per distance, in kg/km.
    GasPerDistance, KilogramPerKilometre, in Co2ePerDistance;
    /// Gas per piece, in kg.
    GasPerItem, KilogramPerItem, in Co2ePerItem;
    /// Slope emission factor of aluminium cells: gas per mass of metal and anode effect minute per cell and day, in
    /// kg/t.
    GasPerMassAnodeEffect, KilogramPerTonneAnodeEffect;
    /// Overvoltage coefficient of aluminium cells: gas per mass of metal and overvoltage, in kg/(t.mV).
    GasPerMassOvervoltage, KilogramPerTonneMillivolt;
}
