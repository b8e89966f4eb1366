//! The plant file as its examples and its schema describe it.

use footprint::{Sources, compute_all};
use record::evidence::Evidence;
use record::plant::Plant;
use serde_json::Value;

const EXAMPLES: &[&str] = &[
    include_str!("../examples/cement.toml"),
    include_str!("../examples/works.toml"),
    include_str!("../examples/cement-2026.toml"),
];

fn json(text: &str) -> Value {
    fn plain(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(time) => Value::String(time.to_string()),
            toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            toml::Value::Array(list) => list.into_iter().map(plain).collect(),
            other => serde_json::to_value(other).unwrap(),
        }
    }
    plain(toml::Value::Table(toml::from_str(text).unwrap()))
}

#[test]
fn the_examples_are_read_computed_and_valid() {
    let schema: Value = serde_json::from_str(include_str!("../schema/plant.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in EXAMPLES {
        let problems: Vec<String> =
            validator.iter_errors(&json(text)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:?}");
        let plant = Plant::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        let evidence = Evidence::empty(plant.site.clone(), plant.period);
        let statements = compute_all(&plant, &Sources::new(&evidence)).unwrap_or_else(|error| panic!("{error}"));
        for statement in statements {
            let parts: f64 = statement.breakdown.iter().map(|row| row.value.to_f64()).sum();
            assert!((parts / statement.total.value.to_f64() - 1.0).abs() < 1e-12);
        }
    }
}

/// What the reader refuses for its shape, the schema refuses too.
#[test]
fn reader_and_schema_refuse_alike() {
    let schema: Value = serde_json::from_str(include_str!("../schema/plant.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = EXAMPLES[1];
    for (from, to) in [
        ("method = \"measured\"", "method = \"guessed\""),
        ("carrier = \"heat\"", "carrier = \"hope\""),
        ("scrap = true\nuses", "scrap = false\nuses"),
        ("scrap = true\nuses", "scrap = true\nstatement = \"x\"\nuses"),
        ("allocation = \"economic\"", "allocation = \"luck\""),
        ("cn_code = \"76169990\"", "cn_code = \"7616\""),
        ("functional_unit = \"1 t\"", "functional_unit = \"1 kg\""),
        ("salt = \"a-secret-of-this-site-0123\"", "salt = \"short\""),
        ("rule = \"guarded\"", "rule = \"lenient\""),
        ("c2f6_ratio = ", "ratio = "),
        ("carbon_content = { value = 0.82, unit = \"tC/t\" }", "carbon_content = { value = 0.82 }"),
        ("title = \"Works\"", "title = \"Works\"\ncolour = \"grey\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Plant::from_toml(&changed).is_err(), "read: {to}");
        assert!(!validator.is_valid(&json(&changed)), "valid: {to}");
    }
    let text = EXAMPLES[2];
    for (from, to) in [
        ("functional_unit = \"1 t clinker\"", "functional_unit = \"1 t\""),
        ("functional_unit = \"1 t clinker\"", "functional_unit = \"1 t gypsum\""),
        ("content = { value = 90, unit = \"%\", basis = \"measured\" }", ""),
        ("carrier = \"waste-gas\"", "carrier = \"heat\""),
        ("carrier = \"heat\"", "carrier = \"waste-gas\""),
        ("fuel_factor = { value", "factor = { value = 1, unit = \"tCO2/TJ\" }\nfuel_factor = { value"),
        ("cn_code = \"25231000\"", "cn_code = \"2523\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Plant::from_toml(&changed).is_err(), "read: {to}");
        assert!(!validator.is_valid(&json(&changed)), "valid: {to}");
    }
}
