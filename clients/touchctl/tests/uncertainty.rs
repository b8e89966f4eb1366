//! `touchctl uncertainty` as a metrologist or a script meets it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    let args = std::iter::once("touchctl").chain(args.iter().copied()).map(OsString::from);
    let now = "2026-06-01T01:00:00Z".parse().unwrap();
    let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn eval(path: &Path, more: &[&str]) -> Ran {
    touchctl(&[&["uncertainty", "eval", path.to_str().unwrap()], more].concat())
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/uncertainty.toml")
}

/// What a case of the collection states about how exactly a figure must be met.
struct Expected<'a> {
    id: &'a str,
    tolerance: &'a Value,
    scale: f64,
}

impl Expected<'_> {
    #[track_caller]
    fn close(&self, what: &str, found: &Value, wanted: &Value, absolute: &[&str], relative: &[&str]) {
        let found = found.as_f64().unwrap_or_else(|| panic!("{} {what}: no number", self.id));
        let wanted = wanted.as_f64().unwrap() * self.scale;
        let stated = |keys: &[&str]| keys.iter().find_map(|key| self.tolerance[*key].as_f64());
        let allowed = stated(absolute).map(|allowed| allowed * self.scale);
        let allowed = allowed.or_else(|| stated(relative).map(|allowed| allowed * wanted.abs()));
        // What no tolerance is stated for is exact but for rounding.
        let allowed = allowed.unwrap_or(1e-11 * wanted.abs().max(1.0));
        assert!((found - wanted).abs() <= allowed, "{} {what}: {found}, expected {wanted} ± {allowed}", self.id);
    }

    fn first(&self, found: &Value, wanted: &Value) {
        let simulated = self.tolerance["min_trials"].is_number();
        let of_u: &[&str] = if simulated { &["gum_u_rel", "gum_rel"] } else { &["u_rel"] };
        self.close("y", &found["y"], &wanted["y"], &["y_abs"], &["y_rel", "gum_rel"]);
        self.close("u", &found["u"], &wanted["u"], &[], of_u);
        if wanted["nu_eff"].is_number() {
            self.close("nu_eff", &found["nu_eff"], &wanted["nu_eff"], &[], &["nu_rel"]);
        }
    }

    fn simulated(&self, found: &Value, wanted: &Value) {
        if self.tolerance["min_trials"].is_number() {
            self.close("mean", &found["mean"], &wanted["mean"], &["mean_abs"], &["mean_rel"]);
        }
        self.close("u", &found["u"], &wanted["u"], &[], &["mcm_u_rel", "u_rel"]);
        for end in 0..2 {
            let absolute = ["probsym_abs", "endpoint_abs"];
            self.close("probsym", &found["probsym"][end], &wanted["probsym"][end], &absolute, &["probsym_rel"]);
            if self.tolerance["shortest_abs"].is_number() {
                self.close("shortest", &found["shortest"][end], &wanted["shortest"][end], &["shortest_abs"], &[]);
            }
        }
    }
}

/// Every case of the shared collection that can be run from a file, one by one and all together.
#[test]
fn shared_cases() {
    let shared = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data/uncertainty-cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let all = eval(&path, &["--json"]);
    assert_eq!((all.code, all.err.as_str()), (DONE, ""));
    let all = all.json();
    let cases = file["cases"].as_array().unwrap();
    let runnable = file["runnable"]["kinds"].as_array().unwrap();
    assert_eq!(all["cases"].as_array().unwrap().len(), cases.len());
    let mut checked = 0;
    for (case, in_list) in cases.iter().zip(all["cases"].as_array().unwrap()) {
        let id = case["id"].as_str().unwrap();
        if !runnable.contains(&case["kind"]) {
            let global = case["kind"] == "conformity_global" && case["expected"].is_object();
            assert!(global || in_list["not_run"].is_object() || in_list["error"].is_object(), "{id}");
            if global {
                let expected = Expected { id, tolerance: &case["tolerance"], scale: 1.0 };
                for key in ["consumer_risk", "producer_risk"] {
                    expected.close(key, &in_list[key], &case["expected"][key], &["abs"], &[]);
                }
            }
            continue;
        }
        let alone = eval(&path, &["--id", id, "--json"]);
        assert_eq!((alone.code, alone.err.as_str()), (DONE, ""), "{id}");
        let found = alone.json();
        assert_eq!(&found, in_list);
        let scale = if case["scale"].is_string() { 1e-6 } else { 1.0 };
        let expected = Expected { id, tolerance: &case["tolerance"], scale };
        let wanted = &case["expected"];
        let mut known = 0;
        if wanted["p_conform"].is_number() {
            expected.close("p", &found["p_conform"], &wanted["p_conform"], &["abs"], &[]);
            known += 1;
        }
        if wanted["y"].is_number() {
            expected.first(&found, wanted);
            known += 1;
        }
        for key in ["gum", "gum_first_order"] {
            if wanted[key].is_object() {
                expected.first(&found["gum_first_order"], &wanted[key]);
                known += 1;
            }
        }
        if wanted["mcm"].is_object() {
            expected.simulated(&found["mcm"], &wanted["mcm"]);
            known += 1;
        }
        if let Some(outputs) = case["model"].as_object() {
            for output in outputs.keys() {
                expected.first(&found[output], &wanted[output]);
            }
            for corr in wanted["corr"].as_array().unwrap() {
                let pair = format!("{},{}", corr[0].as_str().unwrap(), corr[1].as_str().unwrap());
                expected.close(&pair, &found["corr"][&pair], &corr[2], &["corr_abs"], &[]);
            }
            known += 1;
        }
        assert!(known > 0, "{id}: nothing was compared");
        checked += 1;
    }
    assert!(checked >= 14, "{checked}");
}

#[test]
fn the_annotated_example() {
    let ran = eval(&example(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (DONE, ""));
    let out = &ran.out;
    assert!(out.starts_with("boiler: Heat from a gas boiler, March\n"), "{out}");
    for words in [
        "\ny              219.80 ± 3.88  (k = 2.0",
        "Monte Carlo",
        "sensitivity",
        "heating_value",
        "Independent sources",
    ] {
        assert!(out.contains(words), "{words} in\n{out}");
    }
    // Columns are aligned: every line of the budget is as wide as its head.
    let lines: Vec<_> = out.lines().skip_while(|line| !line.starts_with("  input")).take(7).collect();
    assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{lines:#?}");
    // What it says is what the model gives: y by hand, u by differences.
    let found = eval(&example(), &["--json"]).json();
    let y = |volume: f64, zero: f64, correction: f64, heating: f64, factor: f64, heat: f64| {
        (volume + zero) * correction * heating * factor / heat
    };
    let at = [41_250.0, 0.0, 0.9742, 36.21, 0.056_1, 371.4];
    let u = [124.0, 60.0 / 3f64.sqrt(), 0.9742 * 0.002, 0.15, 0.000_3, 2.1];
    let value = y(at[0], at[1], at[2], at[3], at[4], at[5]);
    let contribution = |input: usize| {
        let moved = |step: f64| {
            let mut at = at;
            at[input] += step * u[input];
            y(at[0], at[1], at[2], at[3], at[4], at[5])
        };
        (moved(1e-3) - moved(-1e-3)) / 2e-3
    };
    let c: Vec<f64> = (0..6).map(contribution).collect();
    let variance: f64 = c.iter().map(|c| c * c).sum::<f64>() - 2.0 * 0.4 * c[3] * c[4];
    assert!((found["y"].as_f64().unwrap() / value - 1.0).abs() < 1e-12);
    assert!((found["u"].as_f64().unwrap() / variance.sqrt() - 1.0).abs() < 1e-6);
    let dof = variance.powi(2) / (c[0].powi(4) / 11.0 + c[5].powi(4) / 5.0);
    assert!((found["nu_eff"].as_f64().unwrap() / dof - 1.0).abs() < 1e-5);
    assert_eq!(found["notices"].as_array().unwrap().len(), 0, "{}", found["notices"]);
    assert_eq!(found["mcm"]["draws"].as_u64().unwrap() / 100_000, 5);
}

#[test]
fn conformity() {
    let file = written(
        "[[cases]]\nid = 'limit'\nkind = 'conformity_specific'\nestimate = 9.0\nstd_unc = 0.5\nupper_limit = 10\n\
         rule = { type = 'specific_risk', risk = 0.05 }\n\
         [[cases]]\nid = 'items'\nkind = 'conformity_global'\n[cases.setup]\nprior = { type = 'normal', mean = 0, sd = 1 }\n\
         measurement_sd = 0.5\ntolerance = [-2, 2]\nacceptance = [-1.82, 1.82]\n",
    );
    let ran = eval(file.path(), &[]);
    assert_eq!(ran.code, DONE, "{}", ran.err);
    for line in [
        "limit",
        "Outcome        conforms",
        "Conformity     97.72 %",
        "Accepted       estimates up to 9.17757",
        "Consumer       0.8052 % of items are accepted and do not conform",
        "Producer       6.611 % of items are rejected and conform",
    ] {
        assert!(ran.out.lines().any(|found| found == line), "{line} in\n{}", ran.out);
    }
    let found = eval(file.path(), &["--json", "--id", "limit"]).json();
    assert_eq!(found["outcome"], "CONFORMS");
    assert!((found["p_conform"].as_f64().unwrap() - 0.977_249_868).abs() < 1e-9);
    assert!(found["acceptance"][0].is_null());
}

#[test]
fn what_is_wrong_is_named() {
    let file = written("kind = 'linear'\nmodel = 'x/y'\ninputs = [{name = 'x', value = 1, std_unc = -2}]\n");
    let ran = eval(file.path(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (FAILED, ""));
    assert!(ran.err.starts_with("touchctl: ") && ran.err.contains("case 1: input x: std_unc is -2"), "{}", ran.err);
    let ran = eval(file.path(), &["--json"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, &error["reason"], &error["field"]), (FAILED, &"CASE_INVALID".into(), &"inputs".into()));
    let ran = eval(&example(), &["--id", "kettle"]);
    assert!(ran.code == FAILED && ran.err.contains("there is no case kettle; there are boiler"), "{}", ran.err);
    assert_eq!(touchctl(&["uncertainty", "eval"]).code, USAGE);
    assert_eq!(eval(Path::new("/nowhere.toml"), &[]).code, FAILED);

    // In a list the others are answered, and the exit code tells.
    let good = "[[cases]]\nid = 'a'\nkind = 'linear'\nmodel = 'x'\ninputs = [{name = 'x', value = 1, std_unc = 2}]\n";
    let words = "[[cases]]\nid = 'b'\nkind = 'regression'\n";
    let bad = "[[cases]]\nid = 'c'\nkind = 'linear'\nmodel = 'x'\n";
    let ran = eval(written(&format!("{good}{words}")).path(), &["--json"]);
    assert_eq!((ran.code, &ran.json()["cases"][0]["u"]), (DONE, &2.0.into()));
    assert!(ran.json()["cases"][1]["not_run"]["message"].as_str().unwrap().contains("regression"));
    let ran = eval(written(&format!("{bad}{good}")).path(), &["--json"]);
    assert_eq!((ran.code, &ran.json()["cases"][1]["u"]), (FAILED, &2.0.into()));
    assert_eq!(ran.json()["cases"][0]["error"]["field"], "cases[0].inputs");
}
