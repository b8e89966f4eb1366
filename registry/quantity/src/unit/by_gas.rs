//! Units of one gas: masses of it, and factors to it.

use super::table::{MMBTU, POUND, SHORT_TON, US_GALLON};
use crate::gas::Gas;
use crate::kind::KindName;

macro_rules! gas_units {
    ($($variant:ident: $mass:literal, $per:literal, $ucum_mass:literal, $ucum_per:literal, $kind:ident, $coefficient:expr, $exponent:literal; $doc:literal)*) => {
        /// What a unit of a gas counts, whatever the gas.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GasUnit {
            $(#[doc = $doc] $variant,)*
        }

        impl GasUnit {
            /// Every unit, in the order of the table.
            pub const ALL: &'static [GasUnit] = &[$(GasUnit::$variant),*];

            /// The kind of quantity it measures.
            pub(super) fn kind(self, gas: Gas) -> KindName {
                match self { $(GasUnit::$variant => KindName::$kind(gas),)* }
            }

            /// As [`Unit::scale`](super::Unit::scale).
            pub(super) fn scale(self) -> (f64, i32) {
                match self { $(GasUnit::$variant => ($coefficient, $exponent),)* }
            }
        }

        /// The codes of one gas: ours and UCUM's, in the order of the table.
        macro_rules! codes_of {
            ($formula:literal) => {{
                const CODES: &[(&str, &str)] = &[
                    $((concat!($mass, $formula, $per), concat!($ucum_mass, "{", $formula, "}", $ucum_per)),)*
                ];
                CODES
            }};
        }
    };
}

// One row a unit: mass and what follows the gas in its code, the same in UCUM, kind, coefficient × 10^exponent base units.
gas_units! {
    Gram: "g", "", "g", "", MassOf, 1.0, -6; "Gram."
    Kilogram: "kg", "", "kg", "", MassOf, 1.0, -3; "Kilogram."
    Tonne: "t", "", "t", "", MassOf, 1.0, 0; "Tonne."
    TonnePerTerajoule: "t", "/TJ", "t", "/TJ", GasPerEnergy, 1.0, 0; "Tonne per terajoule, net."
    KilogramPerTerajoule: "kg", "/TJ", "kg", "/TJ", GasPerEnergy, 1.0, -3; "Kilogram per terajoule, net, as the IPCC tables print it."
    KilogramPerGigajoule: "kg", "/GJ", "kg", "/GJ", GasPerEnergy, 1.0, 0; "Kilogram per gigajoule, net, the same number as t/TJ."
    GramPerGigajoule: "g", "/GJ", "g", "/GJ", GasPerEnergy, 1.0, -3; "Gram per gigajoule, net."
    GramPerMegajoule: "g", "/MJ", "g", "/MJ", GasPerEnergy, 1.0, 0; "Gram per megajoule, net, the same number as t/TJ."
    KilogramPerKilowatthourNet: "kg", "/kWh{net}", "kg", "/(kW.h{net})", GasPerEnergy, 1.0 / 3.6, 3; "Kilogram per kilowatt hour of fuel, net."
    TonnePerTerajouleGross: "t", "/TJ{gross}", "t", "/TJ{gross}", GasPerGrossEnergy, 1.0, 0; "Tonne per terajoule, gross."
    KilogramPerTerajouleGross: "kg", "/TJ{gross}", "kg", "/TJ{gross}", GasPerGrossEnergy, 1.0, -3; "Kilogram per terajoule, gross."
    KilogramPerKilowatthourGross: "kg", "/kWh{gross}", "kg", "/(kW.h{gross})", GasPerGrossEnergy, 1.0 / 3.6, 3; "Kilogram per kilowatt hour of fuel, gross."
    KilogramPerMillionBtuGross: "kg", "/mmBtu{gross}", "kg", "/(10*6.[Btu_IT]{gross})", GasPerGrossEnergy, 1.0 / MMBTU, 0; "Kilogram per 10^6 Btu, gross, as the US EPA prints it."
    GramPerMillionBtuGross: "g", "/mmBtu{gross}", "g", "/(10*6.[Btu_IT]{gross})", GasPerGrossEnergy, 1.0 / MMBTU, -3; "Gram per 10^6 Btu, gross, as the US EPA prints it."
    TonnePerMegawatthour: "t", "/MWh", "t", "/(MW.h)", GasPerElectricity, 1.0, 0; "Tonne per megawatt hour of electricity."
    KilogramPerMegawatthour: "kg", "/MWh", "kg", "/(MW.h)", GasPerElectricity, 1.0, -3; "Kilogram per megawatt hour of electricity."
    KilogramPerKilowatthour: "kg", "/kWh", "kg", "/(kW.h)", GasPerElectricity, 1.0, 0; "Kilogram per kilowatt hour of electricity."
    GramPerKilowatthour: "g", "/kWh", "g", "/(kW.h)", GasPerElectricity, 1.0, -3; "Gram per kilowatt hour of electricity."
    PoundPerMegawatthour: "lb", "/MWh", "[lb_av]", "/(MW.h)", GasPerElectricity, POUND, -3; "Pound per megawatt hour of electricity, as eGRID prints it."
    TonnePerTonne: "t", "/t", "t", "/t", GasPerMass, 1.0, 0; "Tonne per tonne."
    KilogramPerTonne: "kg", "/t", "kg", "/t", GasPerMass, 1.0, -3; "Kilogram per tonne."
    KilogramPerKilogram: "kg", "/kg", "kg", "/kg", GasPerMass, 1.0, 0; "Kilogram per kilogram, the same number as t/t."
    GramPerTonne: "g", "/t", "g", "/t", GasPerMass, 1.0, -6; "Gram per tonne."
    KilogramPerShortTon: "kg", "/short ton", "kg", "/[ston_av]", GasPerMass, 1.0 / SHORT_TON, -3; "Kilogram per short ton, as the US EPA prints it."
    KilogramPerCubicMetre: "kg", "/m3", "kg", "/m3", GasPerVolume, 1.0, -3; "Kilogram per cubic metre of a liquid."
    KilogramPerLitre: "kg", "/L", "kg", "/L", GasPerVolume, 1.0, 0; "Kilogram per litre of a liquid."
    KilogramPerUsGallon: "kg", "/gal{US}", "kg", "/[gal_us]", GasPerVolume, 1.0 / US_GALLON, 0; "Kilogram per US gallon, as the US EPA prints it."
    KilogramPerNormalCubicMetre: "kg", "/Nm3{0Cel;101.325kPa}", "kg", "/m3{0Cel;101.325kPa}", GasPerNormalVolume, 1.0, 0; "Kilogram per normal cubic metre of gas."
    TonnePerThousandNormalCubicMetres: "t", "/1000Nm3{0Cel;101.325kPa}", "t", "/(10*3.m3{0Cel;101.325kPa})", GasPerNormalVolume, 1.0, 0; "Tonne per 1000 normal cubic metres of gas."
    KilogramPerTonneKilometre: "kg", "/(t.km)", "kg", "/(t.km)", GasPerMassDistance, 1.0, 0; "Kilogram per tonne kilometre."
    KilogramPerKilometre: "kg", "/km", "kg", "/km", GasPerDistance, 1.0, 0; "Kilogram per kilometre."
    KilogramPerItem: "kg", "/item", "kg", "/{item}", GasPerItem, 1.0, 0; "Kilogram per piece."
    KilogramPerTonneAnodeEffect: "kg", ".cell.d/(t.AEmin)", "kg", ".{cell}.d/(t.min)", GasPerMassAnodeEffect, 1.0, 0; "Slope emission factor of primary aluminium."
    KilogramPerTonneMillivolt: "kg", "/(t.mV)", "kg", "/(t.mV)", GasPerMassOvervoltage, 1.0, 0; "Overvoltage coefficient of primary aluminium."
}

impl GasUnit {
    fn codes(self, gas: Gas) -> (&'static str, &'static str) {
        // Both tables are written in one order.
        codes(gas)[self as usize]
    }

    /// The canonical code.
    pub(super) fn code(self, gas: Gas) -> &'static str {
        self.codes(gas).0
    }

    /// The code of UCUM, with the gas as annotation.
    pub(super) fn ucum(self, gas: Gas) -> Option<&'static str> {
        Some(self.codes(gas).1)
    }
}

fn codes(gas: Gas) -> &'static [(&'static str, &'static str)] {
    match gas {
        Gas::Co2 => codes_of!("CO2"),
        Gas::Ch4 => codes_of!("CH4"),
        Gas::FossilCh4 => codes_of!("CH4-fossil"),
        Gas::NonFossilCh4 => codes_of!("CH4-nonfossil"),
        Gas::N2o => codes_of!("N2O"),
        Gas::Sf6 => codes_of!("SF6"),
        Gas::Nf3 => codes_of!("NF3"),
        Gas::Cf4 => codes_of!("CF4"),
        Gas::C2f6 => codes_of!("C2F6"),
        Gas::C3f8 => codes_of!("C3F8"),
        Gas::CC4f8 => codes_of!("c-C4F8"),
        Gas::Hfc23 => codes_of!("HFC-23"),
        Gas::Hfc32 => codes_of!("HFC-32"),
        Gas::Hfc125 => codes_of!("HFC-125"),
        Gas::Hfc134a => codes_of!("HFC-134a"),
        Gas::Hfc143a => codes_of!("HFC-143a"),
        Gas::Hfc152a => codes_of!("HFC-152a"),
        Gas::Hfc227ea => codes_of!("HFC-227ea"),
        Gas::Hfc236fa => codes_of!("HFC-236fa"),
        Gas::Hfc245fa => codes_of!("HFC-245fa"),
        Gas::Hfc365mfc => codes_of!("HFC-365mfc"),
        Gas::Hfc4310mee => codes_of!("HFC-43-10mee"),
    }
}
