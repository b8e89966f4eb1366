//! The table of units, except those of each gas.
//!
//! Sources of the code columns: UCUM 2.1 (ucum.org; annotations in braces carry no meaning there and tell ours apart) and
//! UN/CEFACT Recommendation 20 revision 17 (uncefact/vocab-codes, CLR/Rec20, Annexes II and III), which states 0 °C and
//! 15 °C at 1013.25 mbar for NM3 and SM3. Where a standard has no code, or has withdrawn it, the column is empty (`_`).

use super::GasUnit;
use crate::gas::Gas;
use crate::kind::KindName;
use crate::money::Currency;

macro_rules! optional {
    (_) => {
        None
    };
    ($code:literal) => {
        Some($code)
    };
}

macro_rules! units {
    ($($variant:ident: $symbol:literal, $ucum:tt, $rec20:tt, [$($alias:literal),*], $kind:expr, $coefficient:expr, $exponent:literal; $doc:literal)*) => {
        /// A unit. Its canonical code is [`Unit::code`]; those of UCUM and UN/CEFACT Recommendation 20, and other
        /// spellings, are read too and never written where a value is signed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit {
            $(#[doc = $doc] $variant,)*
            /// A unit of one gas.
            Gas(GasUnit, Gas),
        }

        impl Unit {
            /// Every unit of the table; those of each gas are in [`Unit::all`] too.
            pub const TABLE: &'static [Unit] = &[$(Unit::$variant),*];

            /// The canonical code, as it is stored and signed.
            pub fn code(self) -> &'static str {
                match self {
                    $(Unit::$variant => $symbol,)*
                    Unit::Gas(unit, gas) => unit.code(gas),
                }
            }

            /// The code of the Unified Code for Units of Measure, case sensitive.
            pub fn ucum(self) -> Option<&'static str> {
                match self {
                    $(Unit::$variant => optional!($ucum),)*
                    Unit::Gas(unit, gas) => unit.ucum(gas),
                }
            }

            /// The common code of UN/CEFACT Recommendation 20.
            pub fn rec20(self) -> Option<&'static str> {
                match self {
                    $(Unit::$variant => optional!($rec20),)*
                    Unit::Gas(..) => None,
                }
            }

            /// Other codes that are read as this unit.
            pub fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Unit::$variant => &[$($alias),*],)*
                    Unit::Gas(..) => &[],
                }
            }

            /// The kind of quantity it measures.
            pub fn kind(self) -> KindName {
                use KindName::*;
                match self {
                    $(Unit::$variant => $kind,)*
                    Unit::Gas(unit, gas) => unit.kind(gas),
                }
            }

            /// One of this unit is `coefficient × 10^exponent` base units of its kind. The power of ten is applied to
            /// decimal text, where it is exact. The coefficient of every unit of mass is a whole number.
            pub(crate) fn scale(self) -> (f64, i32) {
                match self {
                    $(Unit::$variant => ($coefficient, $exponent),)*
                    Unit::Gas(unit, _) => unit.scale(),
                }
            }
        }
    };
}

/// Gigajoules of 10^6 British thermal units (international table): 1 Btu = 1055.05585262 J exactly (ISO 31-4:1992, annex
/// A).
pub(super) const MMBTU: f64 = 1.055_055_852_62;
/// Litres of a US gallon: 231 cubic inches of 25.4 mm exactly (NIST Handbook 44, appendix C).
pub(super) const US_GALLON: f64 = 3.785_411_784;
/// Kilograms of a pound (avoirdupois), exactly (NIST Handbook 44, appendix C).
pub(super) const POUND: f64 = 0.453_592_37;
/// Tonnes of a short ton: 2000 pounds.
pub(super) const SHORT_TON: f64 = 0.907_184_74;
/// Volume of an ideal gas at 0 °C per volume at 15, 20 and 25 °C of the same pressure (ISO 13443; GB/T 17291 for 20 °C).
const AT_15: f64 = 273.15 / 288.15;
const AT_20: f64 = 273.15 / 293.15;
const AT_25: f64 = 273.15 / 298.15;

// One row a unit: canonical code, UCUM, Rec 20, other spellings, kind, coefficient × 10^exponent base units.
// Base units: t, GJ, m3, km, MWh of electricity (converted in `kind`), t CO2e; t/TJ for factors per energy, as published.
// 1 kWh = 3.6 MJ exactly (SI Brochure, 9th edition, table 8: 1 h = 3600 s). {net} and {gross} are heating value bases;
// energy of fuel without one is net, as in the IPCC Guidelines, except where usage differs (mmBtu), which must say.
units! {
    Kilowatthour: "kWh", "kW.h", "KWH", [], Energy, 3.6, -3; "Kilowatt hour."
    Megawatthour: "MWh", "MW.h", "MWH", [], Energy, 3.6, 0; "Megawatt hour."
    Gigawatthour: "GWh", "GW.h", "GWH", [], Energy, 3.6, 3; "Gigawatt hour."
    Terawatthour: "TWh", "TW.h", "D32", [], Energy, 3.6, 6; "Terawatt hour."
    Watthour: "Wh", "W.h", "WHR", [], Energy, 3.6, -6; "Watt hour."
    Kilojoule: "kJ", "kJ", "KJO", [], Energy, 1.0, -6; "Kilojoule."
    Megajoule: "MJ", "MJ", "3B", [], Energy, 1.0, -3; "Megajoule."
    Gigajoule: "GJ", "GJ", "GV", [], Energy, 1.0, 0; "Gigajoule, the base unit of energy here."
    Terajoule: "TJ", "TJ", "D30", [], Energy, 1.0, 3; "Terajoule."
    MillionBtuNet: "mmBtu{net}", "10*6.[Btu_IT]{net}", _, [], Energy, MMBTU, 0; "10^6 British thermal units, net calorific basis."
    KilowatthourGross: "kWh{gross}", "kW.h{gross}", _, [], GrossEnergy, 3.6, -3; "Kilowatt hour of fuel, gross calorific basis, as gas is billed."
    MegawatthourGross: "MWh{gross}", "MW.h{gross}", _, [], GrossEnergy, 3.6, 0; "Megawatt hour of fuel, gross calorific basis."
    MegajouleGross: "MJ{gross}", "MJ{gross}", _, [], GrossEnergy, 1.0, -3; "Megajoule of fuel, gross calorific basis."
    GigajouleGross: "GJ{gross}", "GJ{gross}", _, [], GrossEnergy, 1.0, 0; "Gigajoule of fuel, gross calorific basis."
    TerajouleGross: "TJ{gross}", "TJ{gross}", _, [], GrossEnergy, 1.0, 3; "Terajoule of fuel, gross calorific basis."
    MillionBtuGross: "mmBtu{gross}", "10*6.[Btu_IT]{gross}", _, [], GrossEnergy, MMBTU, 0; "10^6 British thermal units, gross calorific basis. Rec 20 has withdrawn its code BZ."
    Gram: "g", "g", "GRM", [], Mass, 1.0, -6; "Gram."
    Kilogram: "kg", "kg", "KGM", [], Mass, 1.0, -3; "Kilogram."
    Tonne: "t", "t", "TNE", [], Mass, 1.0, 0; "Tonne, the base unit of mass here."
    Kilotonne: "kt", "kt", "KTN", [], Mass, 1.0, 3; "Kilotonne."
    Pound: "lb", "[lb_av]", "LBR", [], Mass, 45_359_237.0, -11; "Pound (avoirdupois), 0.45359237 kg."
    ShortTon: "short ton", "[ston_av]", "STN", [], Mass, 90_718_474.0, -8; "Short ton (US), 2000 pounds."
    Litre: "L", "L", "LTR", ["l"], Volume, 1.0, -3; "Litre."
    CubicMetre: "m3", "m3", "MTQ", [], Volume, 1.0, 0; "Cubic metre as it is, at its own temperature and pressure."
    UsGallon: "gal{US}", "[gal_us]", "GLL", [], Volume, US_GALLON, -3; "Gallon (US, liquid), 231 cubic inches."
    UsBarrel: "bbl{US}", "[bbl_us]", "BLL", [], Volume, 42.0 * US_GALLON, -3; "Barrel (US, petroleum), 42 gallons."
    NormalCubicMetre: "Nm3{0Cel;101.325kPa}", "m3{0Cel;101.325kPa}", "NM3", [], NormalVolume, 1.0, 0; "Cubic metre of dry gas at 0 °C and 101.325 kPa (DIN 1343)."
    StandardCubicMetre: "Sm3{15Cel;101.325kPa}", "m3{15Cel;101.325kPa}", "SM3", [], NormalVolume, AT_15, 0; "Cubic metre of dry gas at 15 °C and 101.325 kPa (ISO 13443); 273.15/288.15 normal cubic metres of an ideal gas."
    StandardCubicMetre20: "Sm3{20Cel;101.325kPa}", "m3{20Cel;101.325kPa}", _, [], NormalVolume, AT_20, 0; "Cubic metre of dry gas at 20 °C and 101.325 kPa, usual in China (GB/T 17291)."
    StandardCubicMetre25: "Sm3{25Cel;101.325kPa}", "m3{25Cel;101.325kPa}", _, [], NormalVolume, AT_25, 0; "Cubic metre of dry gas at 25 °C and 101.325 kPa."
    ThousandNormalCubicMetres: "1000Nm3{0Cel;101.325kPa}", "10*3.m3{0Cel;101.325kPa}", _, [], NormalVolume, 1.0, 3; "1000 normal cubic metres, as the CBAM template counts gas."
    One: "1", "1", "C62", [], Ratio, 1.0, 0; "The number one: shares, factors."
    Percent: "%", "%", "P1", [], Ratio, 1.0, -2; "Percent."
    Item: "item", "{item}", "H87", [], Items, 1.0, 0; "A piece of a product."
    Kilometre: "km", "km", "KMT", [], Distance, 1.0, 0; "Kilometre."
    TonneKilometre: "t.km", "t.km", "TKM", [], MassDistance, 1.0, 0; "Tonne kilometre."
    Euro: "EUR", _, _, [], Money(Currency::Eur), 1.0, 0; "Euro (ISO 4217)."
    UsDollar: "USD", _, _, [], Money(Currency::Usd), 1.0, 0; "United States dollar (ISO 4217)."
    Yuan: "CNY", _, _, [], Money(Currency::Cny), 1.0, 0; "Chinese yuan (ISO 4217)."
    AnodeEffectMinutePerCellDay: "AEmin/(cell.d)", "min/({cell}.d)", _, [], AnodeEffect, 1.0, 0; "Anode effect minute per cell and day (Implementing Regulation (EU) 2023/1773, Annex III, B.7)."
    Millivolt: "mV", "mV", "2Z", [], Overvoltage, 1.0, 0; "Millivolt of anode effect overvoltage."
    GigajoulePerTonne: "GJ/t", "GJ/t", _, [], EnergyPerMass, 1.0, 0; "Net calorific value, gigajoule per tonne."
    MegajoulePerKilogram: "MJ/kg", "MJ/kg", "JK", ["MJ.kg-1"], EnergyPerMass, 1.0, 0; "Net calorific value, megajoule per kilogram, the same number as GJ/t."
    TerajoulePerKilotonne: "TJ/kt", "TJ/kt", _, ["TJ/Gg"], EnergyPerMass, 1.0, 0; "Net calorific value as the IPCC tables print it."
    KilojoulePerKilogram: "kJ/kg", "kJ/kg", "B42", ["kJ.kg-1"], EnergyPerMass, 1.0, -3; "Net calorific value, kilojoule per kilogram."
    GigajoulePerTonneGross: "GJ/t{gross}", "GJ/t{gross}", _, [], GrossEnergyPerMass, 1.0, 0; "Gross calorific value, gigajoule per tonne."
    MegajoulePerKilogramGross: "MJ/kg{gross}", "MJ/kg{gross}", _, [], GrossEnergyPerMass, 1.0, 0; "Gross calorific value, megajoule per kilogram."
    MillionBtuPerShortTonGross: "mmBtu{gross}/short ton", "10*6.[Btu_IT]{gross}/[ston_av]", _, [], GrossEnergyPerMass, MMBTU / SHORT_TON, 0; "Gross calorific value as the US EPA prints it."
    GigajoulePerThousandNormalCubicMetres: "GJ/1000Nm3{0Cel;101.325kPa}", "GJ/(10*3.m3{0Cel;101.325kPa})", _, [], EnergyPerNormalVolume, 1.0, 0; "Net calorific value of a gas."
    MegajoulePerNormalCubicMetre: "MJ/Nm3{0Cel;101.325kPa}", "MJ/m3{0Cel;101.325kPa}", "MNJ", [], EnergyPerNormalVolume, 1.0, 0; "Net calorific value of a gas."
    MegajoulePerStandardCubicMetre: "MJ/Sm3{15Cel;101.325kPa}", "MJ/m3{15Cel;101.325kPa}", _, [], EnergyPerNormalVolume, 1.0 / AT_15, 0; "Net calorific value of a gas."
    MegajoulePerStandardCubicMetre20: "MJ/Sm3{20Cel;101.325kPa}", "MJ/m3{20Cel;101.325kPa}", _, [], EnergyPerNormalVolume, 1.0 / AT_20, 0; "Net calorific value of a gas."
    MegajoulePerNormalCubicMetreGross: "MJ/Nm3{0Cel;101.325kPa;gross}", "MJ/m3{0Cel;101.325kPa;gross}", _, [], GrossEnergyPerNormalVolume, 1.0, 0; "Gross calorific value of a gas."
    MegajoulePerStandardCubicMetreGross: "MJ/Sm3{15Cel;101.325kPa;gross}", "MJ/m3{15Cel;101.325kPa;gross}", _, [], GrossEnergyPerNormalVolume, 1.0 / AT_15, 0; "Gross calorific value of a gas."
    KilowatthourPerNormalCubicMetreGross: "kWh/Nm3{0Cel;101.325kPa;gross}", "kW.h/m3{0Cel;101.325kPa;gross}", _, [], GrossEnergyPerNormalVolume, 3.6, 0; "Gross calorific value of a gas, as it is billed."
    GigajoulePerThousandNormalCubicMetresGross: "GJ/1000Nm3{0Cel;101.325kPa;gross}", "GJ/(10*3.m3{0Cel;101.325kPa;gross})", _, [], GrossEnergyPerNormalVolume, 1.0, 0; "Gross calorific value of a gas."
    MegawatthourPerTonne: "MWh/t", "MW.h/t", _, [], ElectricityPerMass, 1.0, 0; "Electricity embedded in a product."
    KilowatthourPerTonne: "kWh/t", "kW.h/t", _, [], ElectricityPerMass, 1.0, -3; "Electricity embedded in a product."
    TonnePerCubicMetre: "t/m3", "t/m3", _, [], MassPerVolume, 1.0, 0; "Density."
    KilogramPerCubicMetre: "kg/m3", "kg/m3", "KMQ", [], MassPerVolume, 1.0, -3; "Density."
    KilogramPerLitre: "kg/L", "kg/L", "B35", ["kg/l"], MassPerVolume, 1.0, 0; "Density."
    KilogramPerItem: "kg/item", "kg/{item}", _, [], MassPerItem, 1.0, 0; "Mass of a piece."
    GramPerItem: "g/item", "g/{item}", _, [], MassPerItem, 1.0, -3; "Mass of a piece."
    TonneCarbon: "tC", "t{C}", _, [], Carbon, 1.0, 0; "Tonne of carbon."
    TonneCarbonPerTonne: "tC/t", "t{C}/t", _, ["kgC/kg"], CarbonPerMass, 1.0, 0; "Carbon content by mass."
    TonneCo2PerTonneCarbon: "tCO2/tC", "t{CO2}/t{C}", _, [], Co2PerCarbon, 1.0, 0; "Mass of CO2 per mass of carbon."
    TonneC2f6PerTonneCf4: "tC2F6/tCF4", "t{C2F6}/t{CF4}", _, ["kgC2F6/kgCF4"], C2f6PerCf4, 1.0, 0; "Weight fraction of C2F6 to CF4."
    GramCo2e: "gCO2e", "g{CO2e}", _, [], Co2e, 1.0, -6; "Gram of CO2 equivalent."
    KilogramCo2e: "kgCO2e", "kg{CO2e}", _, [], Co2e, 1.0, -3; "Kilogram of CO2 equivalent."
    TonneCo2e: "tCO2e", "t{CO2e}", _, [], Co2e, 1.0, 0; "Tonne of CO2 equivalent."
    TonneCo2ePerTerajoule: "tCO2e/TJ", "t{CO2e}/TJ", _, [], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel."
    KilogramCo2ePerGigajoule: "kgCO2e/GJ", "kg{CO2e}/GJ", _, [], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel, the same number as tCO2e/TJ."
    GramCo2ePerMegajoule: "gCO2e/MJ", "g{CO2e}/MJ", _, [], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel, the same number as tCO2e/TJ."
    KilogramCo2ePerTerajoule: "kgCO2e/TJ", "kg{CO2e}/TJ", _, [], Co2ePerEnergy, 1.0, -3; "Emission factor of a fuel as the IPCC tables print it."
    KilogramCo2ePerKilowatthourNet: "kgCO2e/kWh{net}", "kg{CO2e}/(kW.h{net})", _, [], Co2ePerEnergy, 1.0 / 3.6, 3; "Emission factor of a fuel, net calorific basis."
    TonneCo2ePerTerajouleGross: "tCO2e/TJ{gross}", "t{CO2e}/TJ{gross}", _, [], Co2ePerGrossEnergy, 1.0, 0; "Emission factor of a fuel, gross calorific basis."
    KilogramCo2ePerKilowatthourGross: "kgCO2e/kWh{gross}", "kg{CO2e}/(kW.h{gross})", _, [], Co2ePerGrossEnergy, 1.0 / 3.6, 3; "Emission factor of a fuel, gross calorific basis, as DESNZ prints it."
    KilogramCo2ePerMillionBtuGross: "kgCO2e/mmBtu{gross}", "kg{CO2e}/(10*6.[Btu_IT]{gross})", _, [], Co2ePerGrossEnergy, 1.0 / MMBTU, 0; "Emission factor of a fuel, gross calorific basis, as the US EPA prints it."
    TonneCo2ePerMegawatthour: "tCO2e/MWh", "t{CO2e}/(MW.h)", _, [], Co2ePerElectricity, 1.0, 0; "Emission factor of electricity."
    KilogramCo2ePerMegawatthour: "kgCO2e/MWh", "kg{CO2e}/(MW.h)", _, [], Co2ePerElectricity, 1.0, -3; "Emission factor of electricity."
    KilogramCo2ePerKilowatthour: "kgCO2e/kWh", "kg{CO2e}/(kW.h)", _, [], Co2ePerElectricity, 1.0, 0; "Emission factor of electricity, the same number as tCO2e/MWh."
    GramCo2ePerKilowatthour: "gCO2e/kWh", "g{CO2e}/(kW.h)", _, [], Co2ePerElectricity, 1.0, -3; "Emission factor of electricity."
    PoundCo2ePerMegawatthour: "lbCO2e/MWh", "[lb_av]{CO2e}/(MW.h)", _, [], Co2ePerElectricity, POUND, -3; "Emission factor of electricity as eGRID prints it."
    TonneCo2ePerTonne: "tCO2e/t", "t{CO2e}/t", _, [], Co2ePerMass, 1.0, 0; "Factor or result per mass."
    KilogramCo2ePerTonne: "kgCO2e/t", "kg{CO2e}/t", _, [], Co2ePerMass, 1.0, -3; "Factor or result per mass."
    KilogramCo2ePerKilogram: "kgCO2e/kg", "kg{CO2e}/kg", _, [], Co2ePerMass, 1.0, 0; "Factor or result per mass, the same number as tCO2e/t."
    KilogramCo2ePerShortTon: "kgCO2e/short ton", "kg{CO2e}/[ston_av]", _, [], Co2ePerMass, 1.0 / SHORT_TON, -3; "Factor per mass as the US EPA prints it."
    KilogramCo2ePerCubicMetre: "kgCO2e/m3", "kg{CO2e}/m3", _, [], Co2ePerVolume, 1.0, -3; "Factor per volume of a liquid."
    KilogramCo2ePerLitre: "kgCO2e/L", "kg{CO2e}/L", _, [], Co2ePerVolume, 1.0, 0; "Factor per volume of a liquid."
    KilogramCo2ePerUsGallon: "kgCO2e/gal{US}", "kg{CO2e}/[gal_us]", _, [], Co2ePerVolume, 1.0 / US_GALLON, 0; "Factor per volume of a liquid as the US EPA prints it."
    KilogramCo2ePerNormalCubicMetre: "kgCO2e/Nm3{0Cel;101.325kPa}", "kg{CO2e}/m3{0Cel;101.325kPa}", _, [], Co2ePerNormalVolume, 1.0, 0; "Factor per volume of a gas."
    KilogramCo2ePerStandardCubicMetre: "kgCO2e/Sm3{15Cel;101.325kPa}", "kg{CO2e}/m3{15Cel;101.325kPa}", _, [], Co2ePerNormalVolume, 1.0 / AT_15, 0; "Factor per volume of a gas."
    KilogramCo2ePerTonneKilometre: "kgCO2e/(t.km)", "kg{CO2e}/(t.km)", _, ["kgCO2e/t.km"], Co2ePerMassDistance, 1.0, 0; "Factor of freight."
    GramCo2ePerTonneKilometre: "gCO2e/(t.km)", "g{CO2e}/(t.km)", _, ["gCO2e/t.km"], Co2ePerMassDistance, 1.0, -3; "Factor of freight."
    KilogramCo2ePerKilometre: "kgCO2e/km", "kg{CO2e}/km", _, [], Co2ePerDistance, 1.0, 0; "Factor of a vehicle."
    KilogramCo2ePerItem: "kgCO2e/item", "kg{CO2e}/{item}", _, [], Co2ePerItem, 1.0, 0; "Factor or result per piece."
    KilogramCo2ePerEuro: "kgCO2e/EUR", _, _, [], Co2ePerMoney(Currency::Eur), 1.0, 0; "Factor per money spent."
    KilogramCo2ePerUsDollar: "kgCO2e/USD", _, _, [], Co2ePerMoney(Currency::Usd), 1.0, 0; "Factor per money spent."
    KilogramCo2ePerYuan: "kgCO2e/CNY", _, _, [], Co2ePerMoney(Currency::Cny), 1.0, 0; "Factor per money spent."
}
