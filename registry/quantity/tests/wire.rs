//! The mistakes of `compile-fail` as they come over the wire, as text and unit: each is a typed error that names what was
//! expected, what was found, and a unit that would do.

use quantity::species::{Ch4, Co2, FossilCh4};
use quantity::tender::Eur;
use quantity::{
    Co2e, Co2ePerElectricity, Co2ePerEnergy, Co2ePerMassDistance, Decimal, Energy, EnergyPerNormalVolume, GasPerEnergy,
    GrossEnergy, GwpSet, Kind, KindName, Mass, MassOf, Money, NormalVolume, QuantityError, Unit,
};

#[track_caller]
fn refused<K: Kind>(code: &str, found: KindName) {
    let unit: Unit = code.parse().unwrap();
    let wanted = QuantityError::UnitMismatch { expected: K::NAME, found, unit, example: K::BASE };
    let value: Decimal = "1".parse().unwrap();
    assert_eq!(K::from_decimal(&value, unit), Err(wanted.clone()));
    // A set of potentials joins gases with CO2e, and nothing else with anything.
    if !GwpSet::reads(K::NAME, unit) {
        assert_eq!(GwpSet::AR5.read::<K>(&value, unit), Err(wanted.clone()));
    }
    let words = wanted.to_string();
    assert!(words.contains(code) && words.contains(K::BASE.code()), "{words}");
}

#[test]
fn mistakes_of_units_are_typed_errors() {
    use quantity::Gas;
    // Gas m3 by a factor per kWh, and by a factor per energy.
    refused::<Co2ePerEnergy>("kgCO2e/kWh", KindName::Co2ePerElectricity);
    refused::<EnergyPerNormalVolume>("MJ/kg", KindName::EnergyPerMass);
    // The heat of a fuel by a grid factor, and the other way round.
    refused::<Co2ePerElectricity>("tCO2e/TJ", KindName::Co2ePerEnergy);
    refused::<Co2ePerElectricity>("tCO2/TJ", KindName::GasPerEnergy(Gas::Co2));
    // CO2 for CO2e, and one gas for another.
    refused::<Co2e>("tCO2", KindName::MassOf(Gas::Co2));
    refused::<MassOf<Co2>>("tCO2e", KindName::Co2e);
    refused::<MassOf<Ch4>>("kgN2O", KindName::MassOf(Gas::N2o));
    refused::<MassOf<FossilCh4>>("kgCH4-nonfossil", KindName::MassOf(Gas::NonFossilCh4));
    refused::<GasPerEnergy<Ch4>>("kgN2O/TJ", KindName::GasPerEnergy(Gas::N2o));
    // Net and gross.
    refused::<Energy>("mmBtu{gross}", KindName::GrossEnergy);
    refused::<GrossEnergy>("GJ", KindName::Energy);
    refused::<GasPerEnergy<Co2>>("kgCO2/mmBtu{gross}", KindName::GasPerGrossEnergy(Gas::Co2));
    // m3 as it is, and at reference conditions.
    refused::<NormalVolume>("m3", KindName::Volume);
    // Steel, CO2, CO2e.
    refused::<Mass>("tCO2e", KindName::Co2e);
    refused::<Mass>("tCO2", KindName::MassOf(Gas::Co2));
    refused::<Co2e>("t", KindName::Mass);
    // Freight without distance; another currency.
    refused::<Co2ePerMassDistance>("kgCO2e/t", KindName::Co2ePerMass);
    refused::<Money<Eur>>("USD", KindName::Money(quantity::Currency::Usd));
}
