//! Tests of the methods and their schema.

use super::*;

const CBAM: &str = FILES[1];

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../schema/method.schema.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn every_method_file_is_read_and_of_the_schema() {
    let schema = schema();
    let mut ids = std::collections::BTreeSet::new();
    for text in FILES {
        let method = Method::read(text).unwrap_or_else(|error| panic!("{error}"));
        let errors: Vec<String> = schema.iter_errors(&json(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", method.id);
        assert!(ids.insert(method.id.clone()), "{} twice", method.id);
        assert_eq!(method.digest(), Sha256::of(text.as_bytes()));
    }
    let method = Method::find("cbam-transitional-2023-1773").unwrap();
    assert_eq!(method.rounding, Rounding::STATEMENT);
    assert!(Method::find("none").is_none());
}

/// An edition that statements already name must stay as it is, to the byte: what `sha256sum` printed of the file when it
/// was first published.
#[test]
fn an_edition_does_not_change() {
    let method = Method::find("cbam-transitional-2023-1773").unwrap();
    assert_eq!(method.digest().to_string(), "bac1f8644dcf8d9c8c04b1d6b065c050a89feeec92678df305cddba29a9d09e2");
}

/// A text with one thing changed is refused by the reader with these words, and, where it is a matter of shape, by the
/// schema too.
#[track_caller]
fn refused(change: (&str, &str), words: &str, by_schema: bool) {
    let text = CBAM.replacen(change.0, change.1, 1);
    assert_ne!(text, CBAM, "{change:?} changes nothing");
    let error = Method::read(&text).unwrap_err().to_string();
    assert!(error.contains(words), "{change:?}: {error}");
    assert_eq!(schema().is_valid(&json(&text)), !by_schema, "{change:?}");
}

#[test]
fn shapes_that_are_not_a_method() {
    refused(("gwp_set = \"AR5\"", "gwp_set = \"AR9\""), "AR4, AR5, AR6", true);
    refused(("gaps = \"refuse\"", "gaps = \"ignore\""), "ignore", true);
    refused(("rounding = \"half-even", "rounding = \"half-up"), "unknown rounding rule", true);
    refused(("[negative]\n", "[negative]\nmore = 1\n"), "more", true);
    refused(("by = \"molar\"", "by = \"taste\""), "taste", true);
    refused(("id = \"cbam-2026\"\n", ""), "id", true);
    refused(("unit = \"kWh\"", "unit = \"kwh\""), "did you mean kWh?", false);
    refused(("co2_per_carbon = \"3.664\"", "co2_per_carbon = \"3,664\""), "plain decimal", true);
}

#[test]
fn rules_that_do_not_hold_together() {
    refused(("\"grid-cn\"", "\"grid-xx\""), "factor_sets: \"grid-xx\" is not known", false);
    refused(("\"grid-world\"", "\"grid-cn\""), "twice", true);
    refused(("factor_set = \"plant\"", "factor_set = \"ours\""), "factor_set", false);
    refused(("cbam2026.co2.natural-gas", "cbam2026.co2.air"), "in none of factor_sets", false);
    refused(("cbam2026.co2.natural-gas", "cbam2026.ncv.natural-gas"), "no factor of a fuel", false);
    refused(("export_correction = \"0.667\"", "export_correction = \"6.67\""), "at most 1", true);
    refused(("chp_heat_efficiency = \"0.55\"", "chp_heat_efficiency = \"0.95\""), "more than it takes", false);
    refused(("\"2814\", \"3105\"", "\"2814\", \"25231000\""), "covered by 25231000 before", false);
    refused(("\"2716\"", "\"27 16\""), "2 to 8 digits", true);
    refused(("except = [\"72022\"", "except = [\"9999\""), "nothing to except", false);
    refused(("from_year = 2028", "from_year = 2026"), "a row before it", false);
    refused(("functional_unit = \"1 t\"", "functional_unit = \"a tonne\""), "a number and a unit", false);
    refused(("clause = \"IR, Annex II F\"", "clause = \" \""), "name the clause", false);
}

/// Implementing Regulation (EU) 2025/2547, Article 4; Regulation (EU) 2023/956, Annex II; Implementing Regulation (EU)
/// 2025/2621, Annex I.
#[test]
fn the_rules_of_cbam_2026_by_goods() {
    let method = Method::find("cbam-2026").unwrap();
    let unit = |code: &str| method.unit_of(code).map(|rule| (rule.unit.code(), rule.of));
    assert_eq!(unit("25232900"), Some(("t", Measured::Clinker)));
    assert_eq!(unit("25233000"), None, "aluminous cement is counted by its own mass");
    assert_eq!(unit("28141000"), Some(("kg", Measured::Nitrogen)));
    assert_eq!(unit("31021010"), Some(("kg", Measured::SupplementaryUnit)));
    assert_eq!(unit("72081000"), None);
    for (code, counts) in [
        ("25232900", true),
        ("31021010", true),
        ("26011200", true),
        ("72081000", false),
        ("72021100", false),
        ("72022100", true),
        ("72044900", true),
        ("73182200", false),
        ("76011000", false),
        ("28041000", false),
    ] {
        assert_eq!(method.counts_indirect(code), counts, "{code}");
    }
    let percent = |sector, year| method.mark_up(sector, year).map(|row| row.percent.as_str());
    assert_eq!(percent("Cement", 2025), None);
    assert_eq!(percent("Cement", 2026), Some("10"));
    assert_eq!(percent("Aluminium", 2027), Some("20"));
    assert_eq!(percent("Hydrogen", 2040), Some("30"));
    assert_eq!(percent("Fertilisers", 2028), Some("1"));
    assert_eq!(method.gwp_set, GwpSet::AR5);
    assert_eq!(method.allowed_factors().len(), 4);
}

#[test]
fn a_method_without_rules_of_goods_counts_all() {
    let method = Method::find("iso-14067-cradle-to-gate").unwrap();
    assert_eq!(method.gwp_set, GwpSet::AR6);
    assert!(method.counts_indirect("72081000") && method.unit_of("25232900").is_none());
    assert!(method.mark_up("Cement", 2026).is_none());
    assert_eq!(method.cut_off.unwrap().rule, CutOffRule::Declared);
}
