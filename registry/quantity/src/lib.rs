//! Numbers with units: decimal text, unit codes, physical kinds, masses of gases and of CO2 equivalent, and the factors
//! between them.
//!
//! There is no uncertainty, no evidence and no method here. Units belong at the interfaces ([`Quantity`], [`Unit`]);
//! everything between is a kind ([`Mass`], [`Energy`], [`GasPerEnergy`], [`Co2ePerEnergy`] …) and multiplies only where it
//! makes sense. `tests/compile-fail` has what does not compile.
//!
//! Mass, energy, volume and net calorific value are `uom` quantities over the base units tonne, metre and millisecond,
//! which make the gigajoule the coherent unit of energy: the published figures of the trade (t, GJ, GJ/t) are then
//! stored as written, with no rounding on the way in. To `uom` a tonne of CO2e is a `Mass` like any other, so [`Co2e`],
//! the mass of each gas ([`MassOf`]) and all factors to them are newtypes of this crate. A gas becomes CO2e by a named
//! set of global warming potentials ([`GwpSet`]) and by nothing else.
//!
//! ```
//! use quantity::species::Ch4;
//! use quantity::{Energy, GasPerEnergy, GwpSet, Kind};
//!
//! let methane = Energy::from_base(2_000.0) * GasPerEnergy::<Ch4>::from_base(0.001);
//! assert_eq!(GwpSet::AR5.co2e(methane).base(), 0.056);
//! assert!(GwpSet::AR6.co2e(methane) < GwpSet::AR5.co2e(methane));
//! ```

// `ISQ!` calls a sibling macro by its bare name, so a path import does not reach it.
#[macro_use]
extern crate uom;

mod decimal;
mod gas;
mod gwp;
mod kind;
mod money;
mod rounding;
mod unit;

pub use decimal::{Decimal, DecimalError, MAX_DECIMAL_DIGITS, MAX_DECIMAL_LEN};
pub use gas::{Gas, Species, species};
pub use gwp::{GwpSet, OfGas, UnknownGwpSet};
pub use kind::{
    AnodeEffect, C2f6PerCf4, Carbon, CarbonPerMass, Co2PerCarbon, Co2e, Co2ePerDistance, Co2ePerElectricity,
    Co2ePerEnergy, Co2ePerGrossEnergy, Co2ePerItem, Co2ePerMass, Co2ePerMassDistance, Co2ePerMoney,
    Co2ePerNormalVolume, Co2ePerVolume, Distance, Electricity, ElectricityPerMass, Energy, EnergyPerMass,
    EnergyPerNormalVolume, GasPerDistance, GasPerElectricity, GasPerEnergy, GasPerGrossEnergy, GasPerItem, GasPerMass,
    GasPerMassAnodeEffect, GasPerMassDistance, GasPerMassOvervoltage, GasPerNormalVolume, GasPerVolume, GrossEnergy,
    GrossEnergyPerMass, GrossEnergyPerNormalVolume, Items, Kind, KindName, Mass, MassDistance, MassOf, MassPerItem,
    MassPerVolume, Money, NormalVolume, Over, Overvoltage, QuantityError, Ratio, Times, Volume,
};
pub use money::{Currency, Tender, tender};
pub use rounding::{Rounding, UnknownRounding};
pub use unit::{GasUnit, Quantity, Unit, UnknownUnit};
