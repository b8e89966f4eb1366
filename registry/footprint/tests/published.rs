//! The Commission's published worked examples, and what is refused.

use std::path::PathBuf;

use footprint::{FootprintError, RecomputeError, Sources, WorkedExample, compute, compute_all, recompute};
use proptest::prelude::*;
use record::evidence::Evidence;
use record::footprint::{DecisionResult, FootprintStatement, StatementError};
use record::plant::{Plant, PlantError};
use serde_json::Value;

const CEMENT: &str = include_str!("../examples/cement.toml");

fn cement(text: &str) -> Result<FootprintStatement, FootprintError> {
    let plant = Plant::from_toml(text).unwrap();
    compute(&plant, &Evidence::empty(plant.site.clone(), plant.period))
}

#[test]
fn cement_to_every_digit() {
    let statement = cement(CEMENT).unwrap();
    assert_eq!(statement.direct.value.as_str(), "0.7852147410358565");
    assert_eq!(statement.indirect.value.as_str(), "0.12224275");
    assert_eq!(statement.total.value.as_str(), "0.9074574910358565");
    assert_eq!(statement.total.standard_uncertainty.as_str(), "0");
    assert_eq!(statement.breakdown.len(), 5);
    let parts: f64 = statement.breakdown.iter().map(|row| row.value.to_f64()).sum();
    assert!((parts - 0.907_457_491_035_856_5).abs() < 1e-15);
}

#[test]
fn a_statement_is_its_bytes() {
    let statement = cement(CEMENT).unwrap();
    let bytes = statement.to_bytes();
    assert_eq!(FootprintStatement::from_bytes(&bytes).unwrap(), statement);
    let text = String::from_utf8(bytes).unwrap();
    let spaced = text.replacen(':', ": ", 1);
    assert!(matches!(FootprintStatement::from_bytes(spaced.as_bytes()), Err(StatementError::NotCanonical { .. })));
    let unknown = text.replacen("{\"format\"", "{\"extra\":1,\"format\"", 1);
    assert!(matches!(FootprintStatement::from_bytes(unknown.as_bytes()), Err(StatementError::Schema { .. })));
    let other = text.replacen("touchstone-footprint-4", "touchstone-footprint-3", 1);
    assert!(matches!(FootprintStatement::from_bytes(other.as_bytes()), Err(StatementError::Format { .. })));
}

#[test]
fn recomputing_names_the_first_difference() {
    let plant = Plant::from_toml(CEMENT).unwrap();
    let evidence = Evidence::empty(plant.site.clone(), plant.period);
    let mut statement = compute(&plant, &evidence).unwrap();
    recompute(&statement, &plant, &Sources::new(&evidence)).unwrap();
    statement.total.value = "0.9".parse().unwrap();
    statement.site.push('x');
    match recompute(&statement, &plant, &Sources::new(&evidence)) {
        Err(RecomputeError::Difference(difference)) => assert_eq!(difference.path, "site"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn uncertainty_and_decision() {
    let text = CEMENT.replace(
        "{ value = 95, unit = \"tCO2/TJ\" }",
        "{ value = 95, unit = \"tCO2/TJ\", expanded_uncertainty = 1.9, coverage_factor = 2 }",
    ) + "\n[limit]\nresult = \"total\"\nvalue = 0.91\nunit = \"tCO2e/t\"\nrule = \"guarded\"\nguard_multiple = 1.64\nsource = \"test\"\n";
    let statement = cement(&text).unwrap();
    // 1 % of 209000 t over the production.
    let expect = 2090.0 / 1_321_052.631_578_947_4;
    assert!((statement.total.standard_uncertainty.to_f64() / expect - 1.0).abs() < 1e-12);
    assert_eq!(statement.total.coverage_factor.as_str(), "1.959963984540054");
    assert_eq!(statement.budget.len(), 1);
    assert_eq!(statement.budget[0].share_percent.as_str(), "100");
    let decision = statement.decision.unwrap();
    assert_eq!(decision.result, DecisionResult::Inconclusive);
    assert!(decision.probability_of_conformity.to_f64() > 0.9);
}

#[test]
fn every_published_example() {
    let shared = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("standards/pact/cbam/cbam-official-worked-examples.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for (place, example) in file["examples"].as_array().unwrap().iter().enumerate() {
        let read = WorkedExample::read(text.as_bytes(), Some(place + 1)).unwrap();
        assert_eq!((read.not_read.len(), read.assumed.len()), (0, 0), "{:?} {:?}", read.not_read, read.assumed);
        let plant = Plant::from_toml(&read.plant_toml).unwrap_or_else(|error| panic!("{error}"));
        let evidence = Evidence::empty(plant.site.clone(), plant.period);
        let statements = compute_all(&plant, &Sources::new(&evidence)).unwrap();
        let expected = example["expected_products"].as_array().unwrap();
        assert_eq!(statements.len(), expected.len());
        for (statement, expected) in statements.iter().zip(expected) {
            for (found, key) in [
                (&statement.direct.value, "see_direct"),
                (&statement.indirect.value, "see_indirect"),
                (&statement.total.value, "see_total"),
                (&statement.electricity.value, "embedded_electricity_mwh_per_t"),
                (&statement.quality.default_value_share, "share_default_values"),
            ] {
                let (found, wanted) = (found.to_f64(), expected[key].as_f64().unwrap());
                let product = &statement.product.name;
                let close = (found - wanted).abs() <= 1e-12 * wanted.abs();
                assert!(close, "{product} {key}: {found}, published {wanted}");
            }
            let parts: f64 = statement.breakdown.iter().map(|row| row.value.to_f64()).sum();
            assert!((parts / statement.total.value.to_f64() - 1.0).abs() < 1e-12);
            checked += 1;
        }
    }
    println!("{checked} published products agree");
    assert!(checked >= 7);
}

#[track_caller]
fn refused(change: (&str, &str), wanted: &[&str]) {
    let text = CEMENT.replacen(change.0, change.1, 1);
    assert_ne!(text, CEMENT);
    match Plant::from_toml(&text) {
        Err(PlantError::Invalid { violations }) => {
            let found: Vec<String> = violations.iter().map(ToString::to_string).collect();
            for part in wanted {
                assert!(found.iter().any(|violation| violation.contains(part)), "{part:?} not in {found:?}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn plant_files_are_refused_by_line_and_path() {
    let coal = CEMENT.lines().position(|line| line == "name = \"Coal\"").unwrap();
    refused(
        ("value = 88000, unit = \"t\"", "value = 88000, unit = \"tCO2e\""),
        &[&format!("line {}", coal + 4), "stream[1]"],
    );
    refused(("value = 88000", "value = -88000"), &["stream[1].activity.value", "below zero"]);
    refused(("unit = \"tCO2/TJ\"", "unit = \"tCO2/MWh\""), &["stream[1].emission_factor.unit", "CO2 per electricity"]);
    refused(
        ("unit = \"tCO2/TJ\"", "unit = \"kgCH4/TJ\""),
        &["stream[1].emission_factor.unit", "CH4 per energy of fuel"],
    );
    refused(
        ("unit = \"tCO2/TJ\"", "unit = \"tCO2/TJ{gross}\""),
        &["stream[1].emission_factor.unit", "gross calorific"],
    );
    refused(
        ("= { value = 25, unit = \"GJ/t\"", "= { value = 25, unit = \"GJ/t{gross}\""),
        &["stream[1].net_calorific_value.unit", "gross calorific value"],
    );
    refused(
        ("= { value = 25, unit = \"GJ/t\"", "= { value = 25, unit = \"gj/t\""),
        &["stream[1].net_calorific_value.unit", "did you mean GJ/t?"],
    );
    refused(("value = 15, unit", "value = 115, unit"), &["stream[2].biomass_share", "at most 1"]);
    refused(("process = \"Cement Bubble\"", "process = \"Clinker\""), &["stream[0].process", "no process \"Clinker\""]);
    refused(
        ("cn_code = \"25232900\"", "cn_code = \"2523\"\ncolour = \"grey\""),
        &["product[0].cn_code", "product[0].colour"],
    );
    refused(("name = \"Coal\"", "name = \"Raw meal for clinker\""), &["stream[1].name", "stands twice"]);
    refused(("value = 88000", "value = nan"), &["stream[1].activity.value"]);
    refused(("value = 88000", "value = 1e400"), &["stream[1].activity.value", "without exponent"]);
    refused(("end = 2024-01-01T00:00:00Z", "end = 2022-01-01T00:00:00Z"), &["period.end"]);
    refused(("[site]", "[site"), &["line "]);
    refused(("name = \"organizations/example/sites/cement-works\"", "name = \"example\""), &["site.name"]);
    assert!(matches!(Plant::from_bytes(b"\xff"), Err(PlantError::NotText { offset: 0 })));
    assert!(matches!(Plant::from_bytes(&vec![b'#'; (1 << 20) + 1]), Err(PlantError::TooLarge { .. })));
    let deep = format!("x = {}", "[".repeat(100_000));
    assert!(matches!(Plant::from_toml(&deep), Err(PlantError::Invalid { .. })));
    let deep = format!("x = {}", "{a=".repeat(100_000));
    assert!(matches!(Plant::from_toml(&deep), Err(PlantError::Invalid { .. })));
}

/// CO2 has a potential of 1 in every set, so a factor to CO2 and one to CO2e of the same number give the same digits.
#[test]
fn factors_to_co2_and_to_co2e_agree_to_the_last_digit() {
    let compute = |text: &str| {
        let plant = Plant::from_toml(text).unwrap();
        compute_all(&plant, &Sources::new(&Evidence::empty(plant.site.clone(), plant.period))).unwrap()
    };
    let in_co2e = CEMENT.replace("tCO2/", "tCO2e/");
    assert_ne!(in_co2e, CEMENT);
    for (co2, co2e) in compute(CEMENT).iter().zip(compute(&in_co2e)) {
        assert_eq!((&co2.direct, &co2.indirect, &co2.total), (&co2e.direct, &co2e.indirect, &co2e.total));
    }
}

#[test]
fn impossible_plants_have_their_own_errors() {
    let plant = Plant::from_toml(CEMENT).unwrap();
    let other = Evidence::empty("organizations/example/sites/other", plant.period);
    assert!(matches!(compute(&plant, &other), Err(FootprintError::OtherSite { .. })));
    let change = |from: &str, to: &str| cement(&CEMENT.replacen(from, to, 1)).unwrap_err();
    assert!(matches!(change("cbam-transitional-2023-1773", "other"), FootprintError::UnknownMethod { .. }));
    assert!(matches!(change("value = 1321052.6315789474", "value = 0"), FootprintError::NoProduction { .. }));
    let electricity = "[process.electricity]";
    let eats_itself =
        "inputs = [{ process = \"Cement Bubble\", amount = { value = 1321053, unit = \"t\" } }]\n[process.electricity]";
    assert!(matches!(change(electricity, eats_itself), FootprintError::Loop { .. }));
    let from_nowhere = change("activity = { value = 88000, unit = \"t\" }", "activity = { material = \"coal\" }");
    assert!(matches!(from_nowhere, FootprintError::Metering { .. }), "{from_nowhere}");
}

#[test]
fn processes_that_feed_one_another() {
    // x = 1 + 0.5 y, y = 2 + 0.25 x: x = 16/7, y = 18/7.
    let process = |name: &str, direct: u32, from: &str, amount: u32| {
        format!(
            "[[process]]\nname = \"{name}\"\ncategory = \"c\"\nproduction = {{ value = 100, unit = \"t\" }}\n\
             attributed_emissions = {{ value = {direct}, unit = \"tCO2e\" }}\n\
             inputs = [{{ process = \"{from}\", amount = {{ value = {amount}, unit = \"t\" }} }}]\n\
             [[product]]\nname = \"{name}\"\ncn_code = \"72010000\"\nprocess = \"{name}\"\nfunctional_unit = \"1 t\"\n"
        )
    };
    let head = CEMENT.split("# activity").next().unwrap();
    let text = format!("{head}{}{}", process("x", 100, "y", 50), process("y", 200, "x", 25));
    let plant = Plant::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    let found = compute_all(&plant, &Sources::new(&Evidence::empty(plant.site.clone(), plant.period))).unwrap();
    for (statement, expected) in found.iter().zip([16.0 / 7.0, 18.0 / 7.0]) {
        assert!((statement.direct.value.to_f64() / expected - 1.0).abs() < 1e-14);
        let parts: f64 = statement.breakdown.iter().map(|row| row.value.to_f64()).sum();
        assert!((parts / expected - 1.0).abs() < 1e-14);
        assert_eq!(statement.breakdown.len(), 2);
    }
    assert!(matches!(
        compute(&plant, &Evidence::empty(plant.site.clone(), plant.period)),
        Err(FootprintError::Product { .. })
    ));
}

proptest! {
    #[test]
    fn any_text_is_a_plant_or_refused(text in "\\PC{0,300}") {
        let _ = Plant::from_toml(&text);
    }

    #[test]
    fn any_bytes_are_a_statement_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = FootprintStatement::from_bytes(&bytes);
        let _ = Evidence::from_bytes(&bytes);
        let _ = Plant::from_bytes(&bytes);
    }

    #[test]
    fn mutated_plants_never_panic(at in 0usize..4000, with in any::<u8>(), cut in 0usize..5000) {
        let mut bytes = CEMENT.as_bytes().to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        bytes.truncate(cut.max(1000));
        if let Ok(plant) = Plant::from_bytes(&bytes) {
            let _ = compute_all(&plant, &Sources::new(&Evidence::empty(plant.site.clone(), plant.period)));
        }
    }

    #[test]
    fn mutated_statements_never_panic(at in 0usize..3000, with in any::<u8>()) {
        let mut bytes = cement(CEMENT).unwrap().to_bytes();
        let length = bytes.len();
        bytes[at % length] = with;
        if let Ok(read) = FootprintStatement::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}
