//! `touchctl footprints` as an exporter, a reviewer or a script meets it.

#[path = "../../../integration-tests/src/cement.rs"]
mod cement;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use metering::write_archive;

use serde_json::Value;
use touchctl::{DONE, FAILED, Surroundings, USAGE, run_in};

struct Ran {
    code: u8,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn touchctl(args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["touchctl", "footprints"].iter().chain(args).map(OsString::from);
    let now = "2026-06-01T01:00:00Z".parse().unwrap();
    let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// The crate's folder as it is now: a binary may have been built from another copy.
fn here() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

fn cement_toml() -> String {
    std::fs::read_to_string(here().join("../../registry/footprint/examples/cement.toml")).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn computed_written_recomputed_explained() {
    let folder = tempfile::tempdir().unwrap();
    let plant = write(folder.path(), "cement.toml", &cement_toml());
    let out = folder.path().join("out");
    let svg = folder.path().join("cement.svg");
    let made =
        touchctl(&["compute", "--plant", &plant, "--out", out.to_str().unwrap(), "--svg", svg.to_str().unwrap()]);
    assert_eq!((made.code, made.err.as_str()), (DONE, ""));
    for part in ["0.7852147 tCO2e/t", "Raw meal for clinker", "54.96 %", "of biogenic carbon, Household waste"] {
        assert!(made.out.contains(part), "{part} not in {}", made.out);
    }
    assert!(std::fs::read_to_string(&svg).unwrap().contains("Portland Cement"));
    assert_eq!(std::fs::read_to_string(out.join("plant.toml")).unwrap(), cement_toml());
    let statement = out.join("statement-1.json");
    let statement = statement.to_str().unwrap();

    let again = touchctl(&["recompute", statement]);
    assert_eq!(again.code, DONE, "{}{}", again.out, again.err);
    assert!(again.out.contains("the same bytes"));
    let explained = touchctl(&["explain", statement]);
    assert!(made.out.starts_with(explained.out.trim_end()), "{}", explained.out);

    // A figure that was changed afterwards is found by name.
    let text = std::fs::read_to_string(statement).unwrap();
    let changed = write(&out, "changed.json", &text.replacen("0.7852147410358565", "0.7752147410358565", 1));
    let found = touchctl(&["recompute", &changed, "--json"]);
    assert_eq!(found.code, FAILED);
    assert_eq!(found.json()["first_difference"]["path"], "direct.value");
    assert_eq!(found.json()["same"], false);

    // Without the plant file beside it, or with another one.
    let alone = write(folder.path(), "alone.json", &text);
    std::fs::remove_file(&plant).unwrap();
    let missing = touchctl(&["recompute", &alone, "--json"]);
    assert_eq!(missing.json()["error"]["reason"], "PLANT_FILE_MISSING");
    let other = write(folder.path(), "other.toml", &cement_toml().replace("value = 95", "value = 96"));
    let wrong = touchctl(&["recompute", &alone, "--plant", &other, "--json"]);
    assert_eq!(wrong.json()["error"]["reason"], "OTHER_PLANT_FILE");

    let second = folder.path().join("second");
    let made = touchctl(&["compute", "--plant", &other, "--out", second.to_str().unwrap(), "--json"]);
    assert_eq!(made.code, DONE);
    let compared = touchctl(&["compare", statement, second.join("statement-1.json").to_str().unwrap(), "--json"]);
    let factor = compared.json()["by_cause"].as_array().unwrap().iter().find(|c| c["cause"] == "factor").cloned();
    // One tonne a terajoule more, on 2.2e6 GJ of coal.
    let expected = 2.2e3 / 1_321_052.631_578_947_4;
    assert!((factor.unwrap()["value"].as_f64().unwrap() / expected - 1.0).abs() < 1e-9);
}

#[test]
fn worked_examples_as_they_are() {
    let shared = std::env::var_os("TOUCHSTONE_SHARED").map_or_else(|| here().join("../../../shared"), PathBuf::from);
    let path = shared.join("standards/pact/cbam/cbam-official-worked-examples.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let path = path.to_str().unwrap();
    for (place, example) in file["examples"].as_array().unwrap().iter().enumerate() {
        let number = (place + 1).to_string();
        let ran = touchctl(&["compute", "--plant", path, "--example", &number, "--json"]);
        assert_eq!(ran.code, DONE, "{}", ran.out);
        let answer = ran.json();
        let expected = example["expected_products"].as_array().unwrap();
        let found = answer["products"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            for (key, wanted) in expected.as_object().unwrap() {
                match wanted.as_f64() {
                    Some(wanted) => {
                        let got = found[key].as_f64().unwrap_or_else(|| panic!("{key}"));
                        assert!((got - wanted).abs() <= 1e-12 * wanted.abs(), "{key}: {got}, published {wanted}");
                    }
                    None => assert_eq!(&found[key], wanted, "{key}"),
                }
            }
        }
    }
    let none = touchctl(&["compute", "--plant", path, "--json"]);
    assert_eq!((none.code, none.json()["error"]["field"].as_str()), (FAILED, Some("example")));
    assert_eq!(touchctl(&["compute", "--plant", path, "--example", "4"]).code, FAILED);
    let folder = tempfile::tempdir().unwrap();
    let changed = text.replacen("\"co2e_fossil_t\": 209000", "\"co2e_fossil_t\": 208000", 1);
    assert_ne!(changed, text);
    let wrong = touchctl(&["compute", "--plant", &write(folder.path(), "e.json", &changed), "--example", "1"]);
    assert!(wrong.err.contains("source_streams[1] (Coal)") && wrong.err.contains("209000"), "{}", wrong.err);
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = cement_toml().replacen("unit = \"tCO2/TJ\"", "unit = \"tCO2/MWh\"", 1);
    let ran = touchctl(&["compute", "--plant", &write(folder.path(), "bad.toml", &bad), "--json"]);
    assert_eq!(ran.code, FAILED);
    assert_eq!(ran.json()["error"]["reason"], "PLANT_FILE_INVALID");
    assert_eq!(ran.json()["error"]["field"], "stream[1].emission_factor.unit");
    let empty = cement_toml().replacen("value = 1321052.6315789474", "value = 0", 1);
    let ran = touchctl(&["compute", "--plant", &write(folder.path(), "empty.toml", &empty), "--json"]);
    assert_eq!(ran.json()["error"]["reason"], "NO_PRODUCTION");
    let metered = cement_toml().replacen(
        "amount = { value = 193864.47368421053, unit = \"MWh\" }",
        "amount = { instrument = \"organizations/example/sites/cement-works/instruments/m\" }",
        1,
    );
    let ran = touchctl(&["compute", "--plant", &write(folder.path(), "metered.toml", &metered), "--json"]);
    assert_eq!(ran.json()["error"]["reason"], "EVIDENCE_INCOMPLETE");
    let plant = write(folder.path(), "plant.toml", &cement_toml());
    let ran = touchctl(&["explain", &plant, "--json"]);
    assert_eq!(ran.json()["error"]["reason"], "STATEMENT_INVALID");
    assert_eq!(touchctl(&["compute"]).code, USAGE);
    assert_eq!(touchctl(&["compute", "--plant", "nowhere.toml"]).code, FAILED);
    // Nothing is overwritten.
    let out = folder.path().to_str().unwrap();
    let ran = touchctl(&["compute", "--plant", &plant, "--out", out, "--json"]);
    assert_eq!(ran.json()["error"]["reason"], "FILE_EXISTS");
}

/// A year of metered evidence in an archive: the published figures, from instruments this time, and again to the same
/// bytes; from other evidence the first difference is named.
#[test]
fn evidence_from_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let generated = cement::generate("exporter", "works");
    let archive = |name: &str, evidence: &record::evidence::Evidence| {
        let path = folder.path().join(name);
        std::fs::write(&path, write_archive(evidence, None, None, &[])).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = archive("year.tar", &generated.evidence());
    let plant = write(folder.path(), "plant.toml", &cement::plant_toml("exporter", "works"));
    let out = folder.path().join("out");
    let made =
        touchctl(&["compute", "--plant", &plant, "--evidence", &whole, "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(made.code, DONE, "{}", made.out);
    let answer = made.json();
    let product = &answer["products"][0];
    assert_eq!(product["statement"]["direct"]["value"], cement::PUBLISHED_DIRECT);
    assert_eq!(product["statement"]["indirect"]["value"], cement::PUBLISHED_INDIRECT);
    assert!(product["expanded_uncertainty"].as_f64().unwrap() > 0.0);
    let first = product["improve_first"][0]["standard_uncertainty_without"].as_f64().unwrap();
    let u: f64 = product["statement"]["total"]["standardUncertainty"].as_str().unwrap().parse().unwrap();
    assert!(first < u, "{first} {u}");

    let statement = out.join("statement-1.json");
    let statement = statement.to_str().unwrap();
    let again = touchctl(&["recompute", statement, "--evidence", &whole]);
    assert_eq!((again.code, again.out.contains("the same bytes")), (DONE, true), "{}{}", again.out, again.err);
    // Without the evidence there is no figure; with other evidence it is another one.
    let without = touchctl(&["recompute", statement, "--json"]);
    assert_eq!(without.code, FAILED);
    assert!(without.json()["problem"].as_str().unwrap().contains("raw-meal"), "{}", without.out);
    let mut other = generated.evidence();
    other.analyses.pop();
    let found = touchctl(&["recompute", statement, "--evidence", &archive("other.tar", &other), "--json"]);
    assert_eq!((found.code, found.json()["same"].as_bool()), (FAILED, Some(false)));
    assert!(found.json()["first_difference"]["path"].is_string(), "{}", found.out);
}
