//! Published tables of the shared collection: read by the readers of this crate, and held against what this crate ships.

use std::path::PathBuf;

use footprint::cbam::{CnCodes, DefaultValueError, DefaultValues, StandardFactors};
use footprint::factors::{Counted, FactorKind, FactorSet, Query};
use quantity::{Decimal, Gas, GwpSet, Rounding};

fn shared(file: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = folder.join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(_) => {
            println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
            None
        }
    }
}

/// Mark-ups of Implementing Regulation (EU) 2025/2621, Annex I.
fn mark_up(sector: &str, year: u16) -> Option<f64> {
    match sector {
        "Fertilisers" => Some(1.0),
        _ => Some(f64::from(year - 2025) * 10.0),
    }
}

#[test]
fn default_values_as_published() {
    let Some(bytes) = shared("standards/pact/cbam/cbam-default-values-2026-v1.csv") else { return };
    let table = DefaultValues::read(&bytes).unwrap();
    assert_eq!(table.len(), 11_659);
    assert_eq!(table.countries().count(), 119);
    // As printed in the Official Journal, L, 2025/2621, pages 5 and 6.
    for (code, variant, values) in [
        ("25231000", Some("Grey clinker"), ["0.957", "1.044", "1.131"]),
        ("25232900", None, ["1.023", "1.116", "1.209"]),
        ("28080000", None, ["2.788", "2.788", "2.788"]),
        ("31021090", None, ["1.404", "1.404", "1.404"]),
        ("31023090", None, ["2.646", "2.646", "2.646"]),
    ] {
        for (year, wanted) in (2026..).zip(values) {
            let found = table.find("Albania", code, variant, year).unwrap();
            // The Official Journal prints three decimals of them.
            let printed = Decimal::rounded(found.with_mark_up.to_f64(), Rounding::DecimalPlaces(3)).unwrap();
            assert_eq!(printed.as_str(), wanted, "{code} {year}");
            assert!(!found.other_countries);
        }
    }
    // Listed without a value: the other countries' holds.
    let ammonia = table.find("Albania", "28141000", None, 2026).unwrap();
    assert!(ammonia.other_countries);
    assert_eq!(ammonia, table.find("Nowhere", "28141000", None, 2026).unwrap());
    // A heading of four digits covers its codes.
    assert_eq!(table.find("China", "76011000", None, 2026).unwrap().with_mark_up.as_str(), "3.3");
    // The Official Journal itself prints three figures of six here.
    assert!(matches!(
        table.find("Albania", "25232100", Some("White Portland cement"), 2026),
        Err(DefaultValueError::Incomplete { row: 5, .. })
    ));
    let findings = table.findings(mark_up);
    let partial = findings.iter().filter(|finding| finding.problem.contains("a part")).count();
    assert_eq!(partial, 3, "{findings:?}");
    // Five rows compound the mark-up: 1.1 squared and cubed.
    assert_eq!(findings.len() - partial, 10, "{findings:?}");
}

#[test]
fn every_default_value_of_every_country_is_found() {
    let Some(bytes) = shared("standards/pact/cbam/cbam-default-values-2026-v1.csv") else { return };
    let Some(codes) = shared("standards/pact/cbam/cbam-cn-codes-template-v2.1.1.csv") else { return };
    let (table, codes) = (DefaultValues::read(&bytes).unwrap(), CnCodes::read(&codes).unwrap());
    assert_eq!(codes.beginning("").count(), 569);
    assert_eq!(codes.get("25231000").unwrap().category, "Cement clinker");
    assert_eq!(codes.beginning("2523").count(), 5);
    let (mut found, mut without) = (0, Vec::new());
    for code in codes.beginning("") {
        match table.find("China", &code.code, None, 2026) {
            Ok(value) => {
                assert!(code.code.starts_with(&value.value.cn_code));
                found += 1;
            }
            Err(DefaultValueError::Variant { variants, .. }) => {
                for variant in variants {
                    table.find("China", &code.code, Some(&variant), 2028).unwrap();
                }
                found += 1;
            }
            Err(_) => without.push(code.code.clone()),
        }
    }
    println!("{found} codes have a value for China, {} have none: {without:?}", without.len());
    assert!(found > 500);
}

#[test]
fn standard_factors_are_those_that_are_shipped() {
    let Some(bytes) = shared("standards/pact/cbam/cbam-standard-factors-2025-2547.json") else { return };
    let table = StandardFactors::read(&bytes).unwrap();
    let set = FactorSet::find_shipped("cbam-2025-2547").unwrap();
    let mut shipped: Vec<Decimal> = set.factors().iter().map(|factor| factor.value.clone()).collect();
    let mut take = |value: &Decimal| {
        let at = shipped.iter().position(|known| known.to_f64() == value.to_f64());
        shipped.swap_remove(at.unwrap_or_else(|| panic!("{value} is not shipped")));
    };
    for fuel in &table.fuels_table1 {
        take(&fuel.ef_tco2_per_tj);
        fuel.ncv_tj_per_gg.iter().for_each(&mut take);
    }
    for material in &table.biomass_table2 {
        take(&material.preliminary_ef_tco2_per_tj);
        take(&material.ncv_gj_per_t);
    }
    table.carbonates_table3_tco2_per_t.values().for_each(&mut take);
    table.oxides_table4_tco2_per_t.values().for_each(&mut take);
    for (_, carbon, factor) in table.iron_and_steel() {
        take(carbon);
        take(factor);
    }
    // Clinker and kiln dust (Annex II B.9.2) are not of these tables.
    assert_eq!(shipped.iter().map(Decimal::as_str).collect::<Vec<_>>(), ["0.525", "0.525"]);
    for (gas, value) in &table.gwp_table6 {
        let gas = Gas::find(gas).unwrap();
        assert_eq!(GwpSet::AR5.gwp(gas), value.to_f64(), "{gas}");
    }
}

/// The tables that ship restate the collected file, number by number, and leave out what it marks as recalled.
#[test]
fn shipped_factors_restate_the_collection() {
    let Some(bytes) = shared("data/emission_factors.csv") else { return };
    let sets = FactorSet::shipped();
    let mut table = csv::Reader::from_reader(&bytes[..]);
    let (mut same, mut potentials) = (0, 0);
    for record in table.records() {
        let record = record.unwrap();
        let (id, value, checked) = (&record[0], &record[5], &record[13]);
        let value: f64 = value.parse().unwrap();
        if let Some(rest) = id.strip_prefix("gwp100.") {
            let (set, gas) = rest.split_once('.').unwrap();
            let gas = match gas {
                "CH4.fossil" => "CH4-fossil".to_owned(),
                "CH4.nonfossil" => "CH4-nonfossil".to_owned(),
                "cC4F8" => "c-C4F8".to_owned(),
                "HFC4310mee" => "HFC-43-10mee".to_owned(),
                _ => gas.replace("HFC", "HFC-"),
            };
            // SO2F2 has no value in AR4; fossil methane in AR5 is not part of the set (see `GwpSet`).
            let Some(gas) = Gas::find(&gas).filter(|gas| set != "AR5" || *gas != Gas::FossilCh4) else { continue };
            assert_eq!(set.parse::<GwpSet>().unwrap().gwp(gas), value, "{id}");
            potentials += 1;
        } else if id.starts_with("grid.") {
            let factor = sets.iter().flat_map(FactorSet::factors).find(|factor| factor.id == *id);
            match factor {
                Some(factor) => {
                    assert_eq!(factor.value.to_f64(), value, "{id}");
                    same += 1;
                }
                None => assert!(checked.contains("recalled"), "{id} is missing"),
            }
        } else if checked.contains("RECALLED") {
            let shipped = sets.iter().flat_map(FactorSet::factors).any(|factor| factor.id.contains(id));
            assert!(!shipped, "{id}");
        }
    }
    assert!(same > 100 && potentials > 60, "{same} {potentials}");
}

/// The two IPCC-based tables agree on every fuel that both have.
#[test]
fn the_regulation_restates_the_guidelines() {
    let (ipcc, cbam) =
        (FactorSet::find_shipped("ipcc-2006-fuels").unwrap(), FactorSet::find_shipped("cbam-2025-2547").unwrap());
    let mut same = 0;
    for factor in cbam.factors().iter().filter(|factor| factor.kind == FactorKind::Combustion) {
        let query = Query { gas: Some(Gas::Co2), ..Query::of(FactorKind::Combustion, &factor.activity) };
        let Ok(other) = ipcc.find(&query) else { continue };
        let read = |factor: &footprint::factors::Factor| {
            assert_eq!(factor.counted, Counted::Gas(Gas::Co2));
            quantity::Kind::base(factor.read::<quantity::Co2ePerEnergy>(GwpSet::AR5).unwrap())
        };
        assert_eq!(read(factor), read(other), "{}", factor.activity);
        same += 1;
    }
    assert!(same >= 17, "{same}");
}
