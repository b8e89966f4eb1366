//! Numbers with units: decimal text, unit codes, physical kinds, mass of CO2 equivalent and the factors between them.
//!
//! There is no uncertainty, no evidence and no method here. Units belong at the interfaces ([`Quantity`], [`Unit`]);
//! everything between is a kind ([`Mass`], [`Energy`], [`Co2ePerEnergy`] …) and multiplies only where it makes sense.
//!
//! Mass, energy, volume and net calorific value are `uom` quantities over the base units tonne, metre and millisecond,
//! which make the gigajoule the coherent unit of energy: the published figures of the trade (t, GJ, GJ/t) are then
//! stored as written, with no rounding on the way in. To `uom` a tonne of CO2e is a `Mass` like any other, so
//! [`Co2e`] and all factors to it are newtypes of this crate.
//!
//! A cubic metre of gas times a factor per energy does not compile:
//!
//! ```compile_fail
//! use quantity::{Co2ePerEnergy, Kind, NormalVolume};
//! let gas = NormalVolume::from_base(1000.0);
//! let factor = Co2ePerEnergy::from_base(56.1);
//! let _ = gas * factor;
//! ```
//!
//! nor does a grid factor (per MWh of electricity) times the heat of a fuel, nor adding steel to CO2e:
//!
//! ```compile_fail
//! use quantity::{Co2ePerElectricity, Energy, Kind};
//! let _ = Energy::from_base(1.0) * Co2ePerElectricity::from_base(0.8);
//! ```
//!
//! ```compile_fail
//! use quantity::{Co2e, Kind, Mass};
//! let _ = Mass::from_base(1.0) + Co2e::from_base(1.0);
//! ```

// `ISQ!` calls a sibling macro by its bare name, so a path import does not reach it.
#[macro_use]
extern crate uom;

mod decimal;
mod kind;
mod unit;

pub use decimal::{Decimal, DecimalError, MAX_DECIMAL_DIGITS, MAX_DECIMAL_LEN, Rounding};
pub use kind::{
    Carbon, CarbonPerMass, Co2e, Co2ePerCarbon, Co2ePerElectricity, Co2ePerEnergy, Co2ePerMass, Co2ePerNormalVolume,
    Co2ePerVolume, Electricity, ElectricityPerMass, Energy, EnergyPerMass, EnergyPerNormalVolume, Kind, KindName, Mass,
    NormalVolume, Over, QuantityError, Ratio, Times, Volume,
};
pub use unit::{Quantity, Unit, UnknownUnit};
