//! Which kinds multiply, which divide, and what comes of it.

use std::ops::{Div, Mul};

use super::Kind;
use super::by_gas::{
    GasPerDistance, GasPerElectricity, GasPerEnergy, GasPerGrossEnergy, GasPerItem, GasPerMass, GasPerMassAnodeEffect,
    GasPerMassDistance, GasPerMassOvervoltage, GasPerNormalVolume, GasPerVolume, MassOf,
};
use super::plain::{
    AnodeEffect, C2f6PerCf4, Carbon, CarbonPerMass, Co2PerCarbon, Co2e, Co2ePerDistance, Co2ePerElectricity,
    Co2ePerEnergy, Co2ePerGrossEnergy, Co2ePerItem, Co2ePerMass, Co2ePerMassDistance, Co2ePerMoney,
    Co2ePerNormalVolume, Co2ePerVolume, Distance, Electricity, ElectricityPerMass, Energy, EnergyPerMass,
    EnergyPerNormalVolume, GrossEnergy, GrossEnergyPerMass, GrossEnergyPerNormalVolume, Items, Mass, MassDistance,
    MassPerItem, MassPerVolume, Money, NormalVolume, Overvoltage, Ratio, Volume,
};
use crate::gas::Species;
use crate::gas::species::{C2f6, Cf4, Co2};
use crate::money::Tender;

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
    ($($left:ty, $right:ty => $product:ty, $divisor:literal $(, $generic:ident: $bound:ident)?;)*) => {
        $(impl $(<$generic: $bound>)? Times<$right> for $left {
            type Product = $product;
            const DIVISOR: f64 = $divisor;
        })*
    };
}

macro_rules! operators {
    ($($left:ty, $right:ty $(, $generic:ident: $bound:ident)?;)*) => {
        $(impl $(<$generic: $bound>)? Mul<$right> for $left {
            type Output = <$left as Times<$right>>::Product;

            fn mul(self, right: $right) -> Self::Output {
                let divisor = <$left as Times<$right>>::DIVISOR;
                let left = if divisor == 1.0 { self.base() } else { self.base() / divisor };
                Kind::from_base(left * Kind::base(right))
            }
        })*
    };
}

/// Products that are operators too.
macro_rules! multiply {
    ($($left:ty, $right:ty => $product:ty, $divisor:literal $(, $generic:ident: $bound:ident)?;)*) => {
        products! { $($left, $right => $product, $divisor $(, $generic: $bound)?;)* }
        operators! { $($left, $right $(, $generic: $bound)?;)* }
    };
}

multiply! {
    // Fuels: heat content, then gas or CO2e. Net and gross never meet.
    Mass, GrossEnergyPerMass => GrossEnergy, 1.0;
    NormalVolume, EnergyPerNormalVolume => Energy, 1000.0;
    NormalVolume, GrossEnergyPerNormalVolume => GrossEnergy, 1000.0;
    Energy, Co2ePerEnergy => Co2e, 1000.0;
    GrossEnergy, Co2ePerGrossEnergy => Co2e, 1000.0;
    Energy, GasPerEnergy<G> => MassOf<G>, 1000.0, G: Species;
    GrossEnergy, GasPerGrossEnergy<G> => MassOf<G>, 1000.0, G: Species;
    // Electricity.
    Electricity, Co2ePerElectricity => Co2e, 1.0;
    Electricity, GasPerElectricity<G> => MassOf<G>, 1.0, G: Species;
    ElectricityPerMass, Co2ePerElectricity => Co2ePerMass, 1.0;
    ElectricityPerMass, GasPerElectricity<G> => GasPerMass<G>, 1.0, G: Species;
    Mass, ElectricityPerMass => Electricity, 1.0;
    // Masses and volumes.
    Mass, Co2ePerMass => Co2e, 1.0;
    Mass, GasPerMass<G> => MassOf<G>, 1.0, G: Species;
    Volume, MassPerVolume => Mass, 1.0;
    Items, MassPerItem => Mass, 1000.0;
    Volume, Co2ePerVolume => Co2e, 1.0;
    Volume, GasPerVolume<G> => MassOf<G>, 1.0, G: Species;
    NormalVolume, Co2ePerNormalVolume => Co2e, 1000.0;
    NormalVolume, GasPerNormalVolume<G> => MassOf<G>, 1000.0, G: Species;
    // Carbon.
    Mass, CarbonPerMass => Carbon, 1.0;
    Carbon, Co2PerCarbon => MassOf<Co2>, 1.0;
    // Transport, pieces, money.
    Mass, Distance => MassDistance, 1.0;
    MassDistance, Co2ePerMassDistance => Co2e, 1000.0;
    MassDistance, GasPerMassDistance<G> => MassOf<G>, 1000.0, G: Species;
    Distance, Co2ePerDistance => Co2e, 1000.0;
    Distance, GasPerDistance<G> => MassOf<G>, 1000.0, G: Species;
    Items, Co2ePerItem => Co2e, 1000.0;
    Items, GasPerItem<G> => MassOf<G>, 1000.0, G: Species;
    Money<C>, Co2ePerMoney<C> => Co2e, 1000.0, C: Tender;
    // Perfluorocarbons of primary aluminium.
    AnodeEffect, GasPerMassAnodeEffect<G> => GasPerMass<G>, 1000.0, G: Species;
    Overvoltage, GasPerMassOvervoltage<G> => GasPerMass<G>, 1000.0, G: Species;
    MassOf<Cf4>, C2f6PerCf4 => MassOf<C2f6>, 1.0;
    // Shares.
    GrossEnergy, Ratio => GrossEnergy, 1.0;
    Electricity, Ratio => Electricity, 1.0;
    NormalVolume, Ratio => NormalVolume, 1.0;
    Carbon, Ratio => Carbon, 1.0;
    Co2e, Ratio => Co2e, 1.0;
    Co2ePerMass, Ratio => Co2ePerMass, 1.0;
    MassOf<G>, Ratio => MassOf<G>, 1.0, G: Species;
    GasPerMass<G>, Ratio => GasPerMass<G>, 1.0, G: Species;
    Ratio, Ratio => Ratio, 1.0;
}

// What multiplies by uom itself; it stands here for values with uncertainty.
products! {
    Mass, EnergyPerMass => Energy, 1.0;
}

multiply! {
    Mass, Ratio => Mass, 1.0;
    Energy, Ratio => Energy, 1.0;
    Volume, Ratio => Volume, 1.0;
}

macro_rules! quotients {
    ($($left:ty, $right:ty => $quotient:ty $(, $generic:ident: $bound:ident)?;)*) => {
        $(impl $(<$generic: $bound>)? Over<$right> for $left {
            type Quotient = $quotient;
        })*
    };
}

macro_rules! divisions {
    ($($left:ty, $right:ty => $quotient:ty $(, $generic:ident: $bound:ident)?;)*) => {
        quotients! { $($left, $right => $quotient $(, $generic: $bound)?;)* }

        $(impl $(<$generic: $bound>)? Div<$right> for $left {
            type Output = $quotient;

            fn div(self, right: $right) -> $quotient {
                Kind::from_base(self.base() / Kind::base(right))
            }
        })*
    };
}

divisions! {
    Co2e, Mass => Co2ePerMass;
    MassOf<G>, Mass => GasPerMass<G>, G: Species;
    Electricity, Mass => ElectricityPerMass;
    Co2e, Co2e => Ratio;
    MassOf<G>, MassOf<G> => Ratio, G: Species;
    Items, Items => Ratio;
    Money<C>, Money<C> => Ratio, C: Tender;
}

// What divides by uom itself.
quotients! {
    Mass, Mass => Ratio;
    Energy, Energy => Ratio;
    Energy, Mass => EnergyPerMass;
}

impl GrossEnergy {
    /// The same fuel's heat content on the net basis, by the ratio of its net to its gross calorific value, which belongs
    /// to the fuel: there is no ratio for all.
    pub fn net(self, net_per_gross: Ratio) -> Energy {
        Energy::from_base(self.base() * net_per_gross.base())
    }
}
