//! Tests of product-category rules, alone and on the example plant.

use record::evidence::Evidence;
use record::footprint::FootprintStatement;

use super::*;
use crate::error::FootprintError;
use crate::figure::Sources;
use crate::statement::compute_all;

const RULES: &str = include_str!("../../examples/cement-rules.toml");
const PLANT: &str = include_str!("../../examples/cement.toml");

fn json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../schema/product-category-rules.schema.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn changed(text: &str, (from, to): (&str, &str)) -> String {
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from:?} is not there");
    changed
}

/// The example plant under the rules.
fn computed(rules: &str, plant: &str) -> Result<FootprintStatement, FootprintError> {
    let plant = changed(plant, ("method = ", "product_category_rules = \"cement-example\"\nmethod = "));
    let plant = Plant::from_toml(&plant).unwrap();
    let evidence = Evidence::empty(plant.site.clone(), plant.period);
    let rules = ProductCategoryRules::read(rules.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let sources = Sources { category_rules: Some(rules), ..Sources::new(&evidence) };
    compute_all(&plant, &sources).map(|mut all| all.remove(0))
}

#[test]
fn the_example_is_read_and_of_the_schema() {
    let rules = ProductCategoryRules::read(RULES.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rules.digest(), Sha256::of(RULES.as_bytes()));
    let errors: Vec<String> = schema().iter_errors(&json(RULES)).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// One thing changed is refused with these words, and by the schema where it is a matter of shape.
#[track_caller]
fn refused(change: (&str, &str), words: &str, by_schema: bool) {
    let text = changed(RULES, change);
    let error = ProductCategoryRules::read(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains(words), "{change:?}: {error}");
    assert_eq!(schema().is_valid(&json(&text)), !by_schema, "{change:?}");
}

#[test]
fn files_that_are_none() {
    refused(("title = ", "titel = "), "titel", true);
    refused(("\"2523\"", "\"25a\""), "cn_codes", true);
    refused(("cn_codes = [\"2523\"]", "cn_codes = []"), "cn_codes: name at least one", true);
    refused(("from = \"2020-01-01\"", "from = \"2020-13-01\""), "2020-13-01", true);
    refused(("until = \"2031-01-01\"", "until = \"2019-01-01\""), "until: must be after from", false);
    refused(("\"1 t\"\n", "\"1 kg\"\n"), "functional_unit", true);
    refused(("\"iso-14067-cradle-to-gate\"", "\"iso-0\""), "\"iso-0\" is not known", false);
    refused(("factor_sets = []", "factor_sets = [\"none\"]"), "does not allow \"none\"", false);
    refused(("by = [\"mass\"]", "by = [\"luck\"]"), "luck", true);
    refused(("most_gap_share = \"0.02\"", "most_gap_share = \"2\""), "data_quality.most_gap_share", true);
    refused(("unit = \"tCO2e/t\"", "unit = \"t\""), "limit.unit", false);
    refused(("guard_multiple = \"1.64\"", "guard_multiple = \"0\""), "limit.guard_multiple", false);
    refused(("clause = \"example, 6\"", "clause = \" \""), "limit.clause: name the clause", false);
    refused(("at_most = \"0.5\"", "at_most = \"0.9\""), "put the best", false);
    refused(("at_most = \"0.8\"", "at_most = \"0.96\""), "grades[1].at_most", false);
    refused(("name = \"B\"", "name = \"A\""), "grades[1].name", false);
    let bytes = ProductCategoryRules::read(&[0xff, 0xfe]).unwrap_err().to_string();
    assert!(bytes.contains("UTF-8"), "{bytes}");
    let long = ProductCategoryRules::read(&vec![b'#'; MAX_BYTES + 1]).unwrap_err();
    assert_eq!(long, CategoryError::TooLarge { size: MAX_BYTES + 1 });
}

/// The published total is 0.7852147410358565 + 0.12224275 = 0.9074574910358565 tCO2e/t, without an uncertainty: within
/// the limit of 0.95, beyond the bounds of A (0.5) and B (0.8).
#[test]
fn limit_and_grade_decide() {
    let statement = computed(RULES, PLANT).unwrap();
    let reference = statement.product_category_rules.unwrap();
    assert_eq!((reference.id.as_str(), reference.digest), ("cement-example", Sha256::of(RULES.as_bytes())));
    let decision = statement.decision.unwrap();
    assert_eq!(decision.result, record::footprint::DecisionResult::Conforms);
    assert_eq!(decision.limit_source, "cement-example 1: example, 6");
    let grade = statement.grade.unwrap();
    assert_eq!((grade.name.as_str(), grade.limit.value.as_str()), ("C", "0.95"));
    // Direct emissions alone are below the bound of B.
    let direct = computed(&changed(RULES, ("result = \"total\"", "result = \"direct\"")), PLANT).unwrap();
    assert_eq!(direct.grade.unwrap().name, "B");
    let none =
        computed(&changed(RULES, ("value = \"0.95\"", "value = \"0.951\"")).replace("\"0.95\"", "\"0.9\""), PLANT);
    assert_eq!(none.unwrap().grade, None);
}

/// A grade is decided with the guard band: 0.9074… with u = 2 % of the raw meal's part is within 0.92, but not so surely.
#[test]
fn a_grade_is_guarded() {
    let uncertain = changed(
        PLANT,
        (
            "emission_factor = { value = 0.525, unit = \"tCO2/t\" }",
            "emission_factor = { value = 0.525, unit = \"tCO2/t\", expanded_uncertainty = 0.021, coverage_factor = 2 }",
        ),
    );
    // u = 1,255,000 t × 0.0105 ÷ 1,321,052.63… t = 0.009975 tCO2e/t; × 1.64 = 0.01636, so that 0.9238 is needed.
    let bound = |bound: &str| RULES.replace("at_most = \"0.8\"", &format!("at_most = \"{bound}\""));
    assert_eq!(computed(&bound("0.9237"), &uncertain).unwrap().grade.unwrap().name, "C");
    assert_eq!(computed(&bound("0.9239"), &uncertain).unwrap().grade.unwrap().name, "B");
}

#[track_caller]
fn not_met(rules: &str, plant: &str, words: &str) {
    let error = computed(rules, plant).unwrap_err();
    assert_eq!(error.reason(), "CATEGORY_RULES_NOT_MET");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_the_rules_do_not_allow() {
    let of = |change| changed(RULES, change);
    let other = of((", \"cbam-transitional-2023-1773\"]", "]"));
    not_met(&other, PLANT, "not for method cbam-transitional-2023-1773");
    not_met(&of(("\"2523\"", "\"2524\"")), PLANT, "not 25232900");
    not_met(&of(("from = \"2020-01-01\"", "from = \"2024-01-01\"")), PLANT, "from 2024-01-01");
    not_met(&of(("until = \"2031-01-01\"", "until = \"2023-01-01\"")), PLANT, "before 2023-01-01");
    let clinker = of(("functional_unit = \"1 t\"", "functional_unit = \"1 t clinker\""));
    not_met(&clinker, PLANT, "results are per \"1 t clinker\"");
    let primary = of(("# least_primary_data_share = \"0.6\"", "least_primary_data_share = \"0.6\""));
    not_met(&primary, PLANT, "share of primary data is 0, must be at least 0.6 (example, 5)");
    let metered = of(("# least_calibration_coverage_share = \"1\"", "least_calibration_coverage_share = \"1\" #"));
    not_met(&metered, PLANT, "nothing is metered");
    let limit = "[limit]\nresult = \"total\"\nvalue = 1\nunit = \"tCO2e/t\"\nrule = \"simple\"\nsource = \"own\"\n";
    not_met(RULES, &format!("{PLANT}\n{limit}"), "they state the limit");
    let works = include_str!("../../examples/works.toml");
    not_met(&of(("\"2523\"", "\"76\"")), works, "is not shared as they say (example, 4)");
}

#[test]
fn rules_are_named_and_given() {
    let plant = Plant::from_toml(PLANT).unwrap();
    let evidence = Evidence::empty(plant.site.clone(), plant.period);
    let rules = ProductCategoryRules::read(RULES.as_bytes()).unwrap();
    let given = Sources { category_rules: Some(rules.clone()), ..Sources::new(&evidence) };
    let missing = |plant: &Plant, sources: &Sources| {
        let error = compute_all(plant, sources).unwrap_err();
        assert_eq!(error.reason(), "CATEGORY_RULES_MISSING");
        error.to_string()
    };
    assert!(missing(&plant, &given).contains("write product_category_rules = \"cement-example\""));
    let names = |id: &str| {
        let text = changed(PLANT, ("method = ", &format!("product_category_rules = \"{id}\"\nmethod = ")));
        Plant::from_toml(&text).unwrap()
    };
    assert!(missing(&names("cement-example"), &Sources::new(&evidence)).contains("--rules"));
    assert!(missing(&names("other"), &given).contains("those given are \"cement-example\""));
}
