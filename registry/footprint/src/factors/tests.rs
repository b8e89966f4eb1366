//! Tests of the tables and of the search in them.

use super::*;
use quantity::{Co2ePerElectricity, Co2ePerEnergy, Energy, EnergyPerMass, Mass};

const HEADER: &str = "id,activity,kind,gas,value,unit,basis,sector,region,from_year,to_year,gwp_set,uncertainty,lo95,hi95,source,source_ref,licence,status";

/// A good row, with fields replaced by name.
fn row(changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(&str, &str)> = HEADER
        .split(',')
        .zip("a,diesel,combustion,CO2,74100,kgCO2/TJ,net,any,global,2006,,,95 %,72600,74800,S,R,L,current".split(','))
        .collect();
    for (column, value) in changes {
        fields.iter_mut().find(|(known, _)| known == column).unwrap().1 = value;
    }
    fields.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(",")
}

fn set(rows: &[String]) -> Result<FactorSet, FactorSetError> {
    FactorSet::read("test", "1", format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
}

#[track_caller]
fn refused(changes: &[(&str, &str)], column: &str, words: &str) {
    match set(&[row(changes)]) {
        Err(FactorSetError::Rows { problems }) => {
            let problem = problems.iter().find(|problem| problem.column == column);
            let problem = problem.unwrap_or_else(|| panic!("nothing on {column}: {problems:?}"));
            assert!(problem.problem.contains(words), "{problem}");
            assert_eq!(problem.row, 2);
        }
        other => panic!("{changes:?} is {other:?}"),
    }
}

fn shipped(id: &str) -> FactorSet {
    FactorSet::find_shipped(id).unwrap()
}

#[test]
fn every_shipped_set_is_valid_and_plausible() {
    let mut ids = std::collections::BTreeSet::new();
    for (id, version, text) in SHIPPED {
        let set = FactorSet::read(id, version, text.as_bytes()).unwrap_or_else(|error| panic!("{id}: {error}"));
        for factor in set.factors() {
            assert!(ids.insert(factor.id.clone()), "{} in two sets", factor.id);
            plausible(&factor.value, factor.unit).unwrap_or_else(|error| panic!("{}: {error}", factor.id));
            assert!(!factor.licence.contains("NC"), "{}", factor.id);
        }
    }
    assert_eq!(FactorSet::shipped().len(), SHIPPED.len());
    assert!(ids.len() > 400);
    assert!(FactorSet::find_shipped("none").is_none());
}

#[test]
fn rows_that_contradict_themselves_are_refused() {
    assert_eq!(set(&[row(&[])]).unwrap().factors().len(), 1);
    refused(&[("unit", "kgCO2/Tj")], "unit", "did you mean kgCO2/TJ?");
    refused(&[("gas", "CH4")], "gas", "kgCO2/TJ counts CO2");
    // CO2 labelled CO2e.
    refused(&[("gas", "CO2e")], "gas", "is CO2e (potentials not stated), but kgCO2/TJ counts CO2");
    refused(&[("gas", "CO3")], "gas", "a gas of the table");
    refused(&[("unit", "kgCO2/kWh"), ("basis", "none")], "unit", "which is no combustion factor");
    refused(&[("basis", "gross")], "basis", "rests on net");
    refused(&[("unit", "kgCO2/mmBtu{gross}")], "basis", "rests on gross");
    refused(&[("lo95", "74500")], "lo95", "hold the value");
    refused(&[("uncertainty", "not stated")], "uncertainty", "limits stand beside it");
    refused(&[("hi95", "")], "hi95", "empty");
    refused(&[("from_year", "")], "from_year", "without its year");
    refused(&[("to_year", "2005")], "to_year", "ends before");
    refused(&[("value", "-1"), ("lo95", "-2")], "value", "not below zero");
    refused(&[("value", "7.41e4")], "value", "without exponent");
    refused(&[("gwp_set", "AR5")], "gwp_set", "only CO2e");
    refused(&[("gas", "CO2e"), ("unit", "kgCO2e/TJ"), ("gwp_set", "AR9")], "gwp_set", "AR4, AR5, AR6");
    refused(&[("source", "")], "source", "must be 1 to");
    refused(&[("kind", "burning")], "kind", "combustion");
    refused(&[("status", "old")], "status", "superseded by");
    refused(&[("status", "superseded by a")], "status", "own place");
    refused(&[("status", "superseded by b")], "status", "not an id");
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let twice = set(&[row(&[]), row(&[])]).unwrap_err();
    assert!(twice.to_string().contains("row 3, column id: stands in row 2 too"), "{twice}");
    let circle = [row(&[("status", "superseded by b")]), row(&[("id", "b"), ("status", "superseded by a")])];
    assert!(set(&circle).unwrap_err().to_string().contains("lead back"));
    let other = [row(&[("status", "superseded by b")]), row(&[("id", "b"), ("activity", "lpg")])];
    assert!(set(&other).unwrap_err().to_string().contains("something else"));
    assert_eq!(set(&[]), Err(FactorSetError::Empty));
    assert!(matches!(FactorSet::read("t", "1", b"id,value\n"), Err(FactorSetError::Columns { .. })));
    assert!(matches!(set(&["a,b".to_owned()]), Err(FactorSetError::NotTable { .. })));
    assert!(matches!(FactorSet::read("t", "1", &[0xff; 3]), Err(FactorSetError::NotTable { .. })));
}

#[test]
fn a_changed_byte_is_another_edition() {
    let one = set(&[row(&[])]).unwrap();
    assert_ne!(one.digest, set(&[row(&[("source", "T")])]).unwrap().digest);
    assert_eq!(one.digest, set(&[row(&[])]).unwrap().digest);
    assert_ne!(gwp_digest(GwpSet::AR5), gwp_digest(GwpSet::AR6));
}

/// IPCC 2006 Guidelines Vol 2, Tables 1.2 and 2.3: 1 t of diesel gives 43.0 GJ, and 74.1 t CO2 a TJ.
#[test]
fn a_fuel_is_found_by_what_it_is() {
    let fuels = shipped("ipcc-2006-fuels");
    let co2 = Query { gas: Some(Gas::Co2), ..Query::of(FactorKind::Combustion, "diesel") };
    let factor = fuels.find(&co2).unwrap();
    let heat: Energy = Mass::from_base(1.0)
        * fuels
            .find(&Query::of(FactorKind::CalorificValue, "diesel"))
            .unwrap()
            .read::<EnergyPerMass>(GwpSet::AR5)
            .unwrap();
    assert_eq!(heat.base(), 43.0);
    assert!(((heat * factor.read::<Co2ePerEnergy>(GwpSet::AR5).unwrap()).base() - 3.1863).abs() < 1e-12);
    let relative = factor.relative_standard_uncertainty().unwrap();
    assert!((relative - 2_200.0 / 3.92 / 74_100.0).abs() < 1e-15);
    let anthracite = Query { gas: Some(Gas::Co2), ..Query::of(FactorKind::Combustion, "anthracite") };
    assert_eq!(fuels.find(&anthracite).unwrap().relative_standard_uncertainty(), None);
}

#[test]
fn methane_of_another_sector_is_not_taken() {
    let fuels = shipped("ipcc-2006-fuels");
    let methane =
        |sector| Query { gas: Some(Gas::Ch4), sector, ..Query::of(FactorKind::Combustion, "other-bituminous-coal") };
    assert_eq!(fuels.find(&methane(Some("manufacturing"))).unwrap().value.as_str(), "10");
    assert_eq!(fuels.find(&methane(Some("residential"))).unwrap().value.as_str(), "300");
    assert!(matches!(fuels.find(&methane(None)), Err(FactorError::SectorNeeded { found }) if found.len() == 4));
    assert!(matches!(fuels.find(&methane(Some("transport"))), Err(FactorError::OtherSector { .. })));
    // Lignite has a factor for manufacturing alone: even one is not for every sector.
    let lignite = |sector| Query { gas: Some(Gas::Ch4), sector, ..Query::of(FactorKind::Combustion, "lignite") };
    assert!(matches!(fuels.find(&lignite(None)), Err(FactorError::SectorNeeded { .. })));
    assert!(matches!(fuels.find(&lignite(Some("energy"))), Err(FactorError::OtherSector { .. })));
}

#[test]
fn co2_is_not_co2e() {
    let fuels = shipped("ipcc-2006-fuels");
    let all = Query { sector: Some("manufacturing"), ..Query::of(FactorKind::Combustion, "natural-gas") };
    assert_eq!(fuels.find(&all), Err(FactorError::Co2Only { id: "ipcc2006.co2.natural-gas".to_owned() }));
    let will_do = Query { co2_will_do: true, ..all };
    assert_eq!(fuels.find(&will_do).unwrap().id, "ipcc2006.co2.natural-gas");
    let world = shipped("grid-world");
    let korea = Query { id: Some("grid.KR.2023"), gas: Some(Gas::Co2), ..Query::default() };
    assert!(matches!(world.find(&korea), Err(FactorError::OtherGas { .. })));
}

#[test]
fn net_and_gross_do_not_mix() {
    let epa = shipped("epa-2023");
    let asked =
        |basis| Query { gas: Some(Gas::Co2), basis: Some(basis), ..Query::of(FactorKind::Combustion, "natural-gas") };
    let error = epa.find(&asked(Basis::Net)).unwrap_err();
    assert_eq!(
        error,
        FactorError::HeatingValueBasis {
            id: "epa2023.co2.natural-gas".to_owned(),
            found: Basis::Gross,
            asked: Basis::Net
        }
    );
    assert!(epa.find(&asked(Basis::Gross)).is_ok());
    let by_id = Query { basis: Some(Basis::Net), gas: Some(Gas::Co2), ..Query::id("epa2023.co2.natural-gas") };
    assert!(matches!(epa.find(&by_id), Err(FactorError::HeatingValueBasis { .. })));
}

#[test]
fn generation_is_not_consumption_and_two_official_values_are_not_one() {
    let world = shipped("grid-world");
    let grid = |kind, region, year| Query { region: Some(region), year: Some(year), ..Query::of(kind, "electricity") };
    let britain = grid(FactorKind::ElectricityConsumption, "GB", 2023);
    assert!(matches!(world.find(&britain), Err(FactorError::OutsideRegion { .. })));
    let only_britain = set(&[row(&[
        ("activity", "electricity"),
        ("kind", "electricity-generation"),
        ("gas", "CO2e"),
        ("value", "0.207074"),
        ("unit", "kgCO2e/kWh"),
        ("basis", "none"),
        ("region", "GB"),
        ("uncertainty", "not stated"),
        ("lo95", ""),
        ("hi95", ""),
    ])])
    .unwrap();
    assert!(matches!(
        only_britain.find(&britain),
        Err(FactorError::OtherKind { found, .. }) if found == [FactorKind::ElectricityGeneration]
    ));
    // Korea: the year's own value and the mean of three years are both official.
    let korea = grid(FactorKind::ElectricityConsumption, "KR", 2022);
    match world.find(&korea) {
        Err(FactorError::Ambiguous { ids }) => assert_eq!(ids, ["grid.KR.2022", "grid.KR.2020-2022"]),
        other => panic!("{other:?}"),
    }
    let named = Query { id: Some("grid.KR.2022"), ..korea };
    assert_eq!(world.find(&named).unwrap().value.as_str(), "0.4312");
    let later = Query { year: Some(2023), ..named };
    assert!(matches!(world.find(&later), Err(FactorError::OutsideYear { asked: 2023, .. })));
    // China 2022: the announced average and the factor of the reporting notice.
    let china = Query { gas: Some(Gas::Co2), ..grid(FactorKind::ElectricityAverage, "CN", 2022) };
    match shipped("grid-cn").find(&china) {
        Err(FactorError::Ambiguous { ids }) => assert_eq!(ids, ["grid.CN.2022", "grid.CN.ets.2022"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn years_regions_and_names_that_do_not_fit_say_what_would() {
    let china = shipped("grid-cn");
    let grid = |region, year| Query {
        gas: Some(Gas::Co2),
        region: Some(region),
        year: Some(year),
        ..Query::of(FactorKind::ElectricityAverage, "electricity")
    };
    assert!(matches!(china.find(&grid("CN", 2030)), Err(FactorError::OutsideYear { asked: 2030, .. })));
    assert!(matches!(china.find(&grid("FR", 2022)), Err(FactorError::OutsideRegion { .. })));
    let found = china.find(&grid("CN-GD", 2022)).unwrap();
    assert_eq!(found.read::<Co2ePerElectricity>(GwpSet::AR5).unwrap().base(), 0.4403);
    let fuels = shipped("ipcc-2006-fuels");
    assert_eq!(
        fuels.find(&Query::of(FactorKind::Combustion, "deisel")),
        Err(FactorError::UnknownActivity {
            activity: "deisel".to_owned(),
            set: "ipcc-2006-fuels".to_owned(),
            nearest: Some("diesel".to_owned())
        })
    );
    assert!(matches!(fuels.find(&Query::id("ipcc2006.co2.dieselx")), Err(FactorError::UnknownId { .. })));
    let other = Query { activity: Some("lpg"), ..Query::id("ipcc2006.co2.diesel") };
    assert!(matches!(fuels.find(&other), Err(FactorError::OtherActivity { .. })));
    assert_eq!(fuels.find(&Query::default()), Err(FactorError::NothingAsked));
}

#[test]
fn potentials_of_another_set_are_not_taken() {
    let world = shipped("grid-world");
    let europe = |gwp| Query {
        region: Some("EU27"),
        year: Some(2018),
        gwp: Some(gwp),
        ..Query::of(FactorKind::ElectricityGeneration, "electricity")
    };
    assert!(world.find(&europe(GwpSet::AR4)).is_ok());
    let only_europe = Query { id: Some("grid.EU27.2018"), ..europe(GwpSet::AR5) };
    assert!(matches!(
        world.find(&only_europe),
        Err(FactorError::OtherPotentials { asked: GwpSet::AR5, found: Counted::Co2e(Some(GwpSet::AR4)), .. })
    ));
    // Korea's source does not state its potentials: by id alone.
    let korea = Query {
        region: Some("KR"),
        year: Some(2023),
        gwp: Some(GwpSet::AR5),
        ..Query::of(FactorKind::ElectricityConsumption, "electricity")
    };
    assert!(matches!(world.find(&korea), Err(FactorError::OtherPotentials { .. })));
    assert!(world.find(&Query { id: Some("grid.KR.2023"), ..korea }).is_ok());
}

#[test]
fn a_thousandfold_is_noticed_unless_it_is_named() {
    let grid = |value: &str, unit: &str| {
        set(&[row(&[
            ("activity", "electricity"),
            ("kind", "electricity-average"),
            ("value", value),
            ("unit", unit),
            ("basis", "none"),
            ("uncertainty", "not stated"),
            ("lo95", ""),
            ("hi95", ""),
        ])])
        .unwrap()
    };
    let asked = Query { gas: Some(Gas::Co2), ..Query::of(FactorKind::ElectricityAverage, "electricity") };
    assert!(grid("556.8", "kgCO2/MWh").find(&asked).is_ok());
    let wrong = grid("556.8", "kgCO2/kWh");
    match wrong.find(&asked) {
        Err(FactorError::Implausible { source, .. }) => {
            assert!(source.ratio > 300.0);
            assert!(source.to_string().contains("kg/MWh were taken for kg/kWh"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    assert!(wrong.find(&Query { id: Some("a"), ..asked.clone() }).is_ok());
    assert!(matches!(grid("0.5568", "kgCO2/MWh").find(&asked), Err(FactorError::Implausible { .. })));
    assert!(grid("0", "kgCO2/MWh").find(&asked).is_ok(), "hydropower alone");
    let calorific = |value: &str, unit: &str| plausible(&value.parse().unwrap(), unit.parse().unwrap());
    assert!(calorific("25000", "GJ/t").is_err());
    assert!(calorific("25000", "kJ/kg").is_ok());
    assert!(calorific("95", "kgCO2/TJ").is_err());
    assert!(calorific("95", "tCO2/TJ").is_ok());
    assert!(calorific("95", "t").is_ok(), "a mass has no bounds");
}

#[test]
fn a_superseded_value_names_its_successor() {
    let edition = set(&[row(&[("status", "superseded by b")]), row(&[("id", "b"), ("value", "74000")])]).unwrap();
    let asked = Query { gas: Some(Gas::Co2), ..Query::of(FactorKind::Combustion, "diesel") };
    assert_eq!(edition.find(&asked).unwrap().id, "b");
    assert_eq!(
        edition.find(&Query { id: Some("a"), ..asked }),
        Err(FactorError::Superseded { id: "a".to_owned(), by: "b".to_owned() })
    );
}
