//! Tests of the kinds.

use proptest::prelude::*;

use super::*;
use crate::gas::species::{C2f6, Cf4, Ch4, Co2};
use crate::gwp::GwpSet;

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
    assert_eq!((energy * read::<Co2ePerEnergy>("95", "tCO2e/TJ")).base(), 209_000.0);
    // The same in other units, to the last bit.
    let energy: Energy = read::<Mass>("88000000", "kg") * read::<EnergyPerMass>("25000", "kJ/kg");
    assert_eq!((energy * read::<Co2ePerEnergy>("95000", "kgCO2e/TJ")).base(), 209_000.0);
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

#[test]
fn net_and_gross_are_two_kinds() {
    let gas = read::<NormalVolume>("1000", "Sm3{15Cel;101.325kPa}");
    let gross: GrossEnergy = gas * read::<GrossEnergyPerNormalVolume>("39", "MJ/Sm3{15Cel;101.325kPa;gross}");
    assert!((gross.base() - 39.0).abs() < 1e-12);
    let net: Energy = gross.net(Ratio::from_base(0.9));
    assert!((net.base() - 35.1).abs() < 1e-12);
    assert!(Energy::from_decimal(&Decimal::from(1), "kWh{gross}".parse().unwrap()).is_err());
    assert!(EnergyPerMass::from_decimal(&Decimal::from(1), "MJ/kg{gross}".parse().unwrap()).is_err());
    // US EPA: 53.06 kg CO2 per 10^6 Btu of natural gas, gross; in SI 50.29 kg/GJ.
    let factor = read::<GasPerGrossEnergy<Co2>>("53.06", "kgCO2/mmBtu{gross}");
    assert!((factor.base() - 53.06 / 1.05505585262).abs() < 1e-12);
    let burnt: MassOf<Co2> = read::<GrossEnergy>("10", "mmBtu{gross}") * factor;
    assert!((burnt.base() - 0.5306).abs() < 1e-12);
    // DESNZ: kg CO2e per kWh of fuel, gross.
    let factor = read::<Co2ePerGrossEnergy>("0.18", "kgCO2e/kWh{gross}");
    assert!(((read::<GrossEnergy>("1000", "kWh{gross}") * factor).base() - 0.18).abs() < 1e-12);
}

#[test]
fn a_gas_becomes_co2e_by_a_set_alone() {
    let energy = read::<Energy>("2200000", "GJ");
    let methane: MassOf<Ch4> = energy * read::<GasPerEnergy<Ch4>>("30", "kgCH4/TJ");
    assert_eq!(methane.base(), 66.0);
    assert_eq!(GwpSet::AR5.co2e(methane).base(), 1_848.0);
    let carbon = read::<Mass>("100", "t") * read::<CarbonPerMass>("0.9", "tC/t");
    let burnt: MassOf<Co2> = carbon * read::<Co2PerCarbon>("3.664", "tCO2/tC");
    assert!((GwpSet::AR6.co2e(burnt).base() - 329.76).abs() < 1e-9);
    assert!(MassOf::<Ch4>::from_decimal(&Decimal::from(1), "tN2O".parse().unwrap()).is_err());
    assert!(Mass::from_decimal(&Decimal::from(1), "tCO2".parse().unwrap()).is_err());
}

/// The formulas of Implementing Regulation (EU) 2023/1773, Annex III, B.7: slope and overvoltage method.
#[test]
fn perfluorocarbons_of_aluminium() {
    let metal = read::<Mass>("1000", "t");
    let slope = read::<GasPerMassAnodeEffect<Cf4>>("0.143", "kgCF4.cell.d/(t.AEmin)");
    let cf4: MassOf<Cf4> = metal * (read::<AnodeEffect>("0.4", "AEmin/(cell.d)") * slope);
    assert!((cf4.base() - 0.0572).abs() < 1e-12);
    let c2f6: MassOf<C2f6> = cf4 * read::<C2f6PerCf4>("0.121", "tC2F6/tCF4");
    assert!((c2f6.base() - 0.0572 * 0.121).abs() < 1e-12);
    let cf4: MassOf<Cf4> = metal * (read::<Overvoltage>("2", "mV") * read("1.16", "kgCF4/(t.mV)"));
    assert!((cf4.base() - 2.32).abs() < 1e-12);
}

#[test]
fn transport_pieces_and_money() {
    let freight = read::<Mass>("24", "t") * read::<Distance>("1000", "km");
    assert_eq!(freight.base(), 24_000.0);
    let factor = read::<Co2ePerMassDistance>("0.078", "kgCO2e/(t.km)");
    assert!(((freight * factor).base() - 1.872).abs() < 1e-12);
    assert!(((read::<Items>("500", "item") * read::<Co2ePerItem>("2", "kgCO2e/item")).base() - 1.0).abs() < 1e-12);
    let spent = read::<Money<crate::tender::Eur>>("2000", "EUR");
    assert_eq!((spent * read::<Co2ePerMoney<crate::tender::Eur>>("0.5", "kgCO2e/EUR")).base(), 1.0);
    assert!(Money::<crate::tender::Eur>::from_decimal(&Decimal::from(1), "USD".parse().unwrap()).is_err());
    let diesel = read::<Volume>("1000", "L") * read::<MassPerVolume>("0.845", "kg/L");
    assert!((diesel.base() - 0.845).abs() < 1e-15);
    assert!((read::<Mass>("2000", "lb").base() - read::<Mass>("1", "STN").base()).abs() < 1e-15);
    let gallon = read::<Volume>("1", "gal{US}").base();
    assert!((read::<Volume>("1", "bbl{US}").base() / gallon - 42.0).abs() < 1e-13);
}

#[test]
fn every_kind_has_words_and_a_base_unit() {
    let kinds: std::collections::BTreeSet<KindName> = Unit::all().map(Unit::kind).collect();
    let words: std::collections::BTreeSet<String> = kinds.iter().map(ToString::to_string).collect();
    assert_eq!(kinds.len(), words.len(), "two kinds of one name");
    assert_eq!(KindName::GasPerElectricity(Gas::Co2).to_string(), "CO2 per electricity");
    assert_eq!(KindName::Co2ePerMassDistance.to_string(), "CO2e per mass moved over a distance");
    assert_eq!(KindName::Co2e.to_string(), "mass of CO2e");
    for kind in kinds {
        if let Some(gas) = kind.gas() {
            if let Some(twin) = kind.in_co2e() {
                assert_eq!(twin.of_gas(gas), Some(kind));
            }
        } else {
            assert_eq!(kind.in_co2e(), None);
        }
    }
}

fn round_trip<K: Kind>(value: f64) {
    for unit in Unit::all() {
        if let Ok(kind) = K::from_quantity(Quantity { value, unit }) {
            let back = kind.to_quantity(unit).unwrap().value;
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
        round_trip::<GrossEnergy>(value);
        round_trip::<MassOf<Ch4>>(value);
        round_trip::<GasPerGrossEnergy<Co2>>(value);
        round_trip::<Co2ePerMassDistance>(value);
        round_trip::<GrossEnergyPerNormalVolume>(value);
    }
}
