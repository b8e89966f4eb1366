//! Cases of the shared collection by the operations of values with sources: what is propagated to first order without a
//! model, and decisions against one limit. `shared_cases.rs` has all cases, by models.

use std::path::PathBuf;

use serde_json::Value;
use uncertainty::{DecisionRule, Limit, SourceId, Uncertain, decide, normal_probability, student_quantile};

fn cases() -> Option<Vec<Value>> {
    let shared = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data/uncertainty-cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return None;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    Some(file["cases"].as_array().unwrap().clone())
}

fn input(case: &Value, name: &str) -> Uncertain {
    let input = case["inputs"].as_array().unwrap().iter().find(|i| i["name"] == name).unwrap();
    let (value, u) = (input["value"].as_f64().unwrap(), input["std_unc"].as_f64().unwrap());
    Uncertain::new(value, SourceId::new(name), u, input["dof"].as_f64()).unwrap()
}

/// The model of a case, as its file writes it, by our operations.
fn model(case: &Value) -> Option<Uncertain> {
    let x = |name: &str| input(case, name);
    let one = |value: f64| Uncertain::exact(value);
    let over = |a: &Uncertain, b: &Uncertain| a.over(b).unwrap();
    Some(match case["id"].as_str().unwrap() {
        "GUM-H1" => {
            let temperature = &x("d_alpha") * &(x("theta_bar") + x("Delta"));
            let expansion = temperature + &x("alpha_s") * &x("d_theta");
            x("ls") + x("d0") + x("d1") + x("d2") - &x("ls") * &expansion
        }
        "GUM-5.2.2" => (1..=10).fold(one(0.0), |sum, i| {
            // One standard calibrated all: one source.
            let r = x(&format!("R{i}"));
            sum + Uncertain::new(r.value(), SourceId::new("Rs"), r.standard_uncertainty(), None).unwrap()
        }),
        "EURACHEM-A1" => over(&(&x("m") * &x("P")).scale(1000.0), &(x("Vflask") + x("Vrep") + x("Vtemp"))),
        "JCGM101-9.2.2" | "JCGM101-9.2.3" => x("x1") + x("x2") + x("x3") + x("x4"),
        "JCGM101-9.3" => {
            let inverse = over(&one(1.0), &x("rho_W")) - over(&one(1.0), &x("rho_R"));
            let buoyancy = one(1.0) + &(x("rho_a") - one(1.2)) * &inverse;
            &(x("mRc") + x("dmRc")) * &buoyancy - one(100_000.0)
        }
        "JCGM101-9.4-x0.01-r0" | "JCGM101-9.4-x0.05-r0" => {
            let (x1, x2) = (x("x1"), x("x2"));
            // Expected values are stated in 1e-6.
            (&x1 * &x1 + &x2 * &x2).scale(1e6)
        }
        "TN1900-E3" => {
            let top = &(&x("mu_c") * &x("t_m")) * &(x("rho_b") - x("rho_m"));
            over(&top, &(&x("t_c") * &(x("rho_b") - x("rho_c"))))
        }
        "TN1900-E11" => {
            let sum = x("Ls") + x("dLs") + x("dLib") - x("dL0a") + x("dL0b") + x("dLm") + x("dLd");
            sum - x("dLia") + x("dLk")
        }
        "PCF-1" => {
            let kwh = (1..=12).fold(one(0.0), |sum, i| sum + x(&format!("kwh_{i}")));
            let electricity = &(&kwh * &(one(1.0) + x("cal"))) * &x("ef");
            over(&electricity, &x("mass")) + over(&(&x("gas") * &x("efg")), &x("mass"))
        }
        "SCALE-A" => {
            let mut sum = one(0.0);
            for i in 0..5000u32 {
                let source = |kind: &str, n: u32| SourceId::new(format!("{kind}{n}"));
                let x = 10.0 + f64::from((i * 7919) % 1000) / 10.0;
                let f = 0.1 + f64::from((i * 104_729) % 997) / 1000.0;
                let ux = (0.005 + f64::from((i * 31) % 7) * 0.001) * x;
                let uf = (0.02 + f64::from((i * 17) % 11) * 0.005) * f;
                let uc = 0.01 + 0.0002 * f64::from(i % 50);
                let x = Uncertain::new(x, source("x", i), ux, None).unwrap();
                let f = Uncertain::new(f, source("f", i), uf, None).unwrap();
                let c = Uncertain::new(1.0, source("c", i % 50), uc, None).unwrap();
                sum += &(&(&x * &c) * &f);
            }
            sum
        }
        _ => return None,
    })
}

#[track_caller]
fn close(id: &str, what: &str, found: f64, expected: f64, absolute: f64) {
    assert!((found - expected).abs() <= absolute, "{id} {what}: {found}, expected {expected} ± {absolute}");
}

#[test]
fn first_order_cases() {
    let Some(cases) = cases() else { return };
    let mut checked = 0;
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let Some(y) = model(case) else { continue };
        let expected = &case["expected"];
        let expected =
            ["gum", "gum_first_order"].iter().map(|k| &expected[*k]).find(|e| e.is_object()).unwrap_or(expected);
        let tolerance = &case["tolerance"];
        let relative =
            |keys: &[&str], default: f64| keys.iter().find_map(|key| tolerance[*key].as_f64()).unwrap_or(default);
        let wanted = expected["y"].as_f64().unwrap();
        let y_tolerance =
            tolerance["y_abs"].as_f64().unwrap_or_else(|| relative(&["y_rel", "gum_rel"], 1e-9) * wanted.abs());
        close(id, "y", y.value(), wanted, y_tolerance.max(1e-12));
        let wanted = expected["u"].as_f64().unwrap();
        // `u_rel` of the Monte Carlo cases is that of a simulation; first order must do better.
        let u_tolerance = relative(&["gum_u_rel", "gum_rel", "u_rel"], 1e-6).min(1e-6);
        close(id, "u", y.standard_uncertainty(), wanted, u_tolerance * wanted);
        if let Some(wanted) = expected["nu_eff"].as_f64() {
            close(id, "nu_eff", y.effective_dof().unwrap(), wanted, relative(&["nu_rel"], 1e-6) * wanted);
        }
        if let Some(budget) = case["budget"].as_object() {
            for (source, wanted) in budget {
                let found = y.contributions()[&SourceId::new(source.as_str())].u.abs();
                close(id, source, found, wanted.as_f64().unwrap(), 1e-4);
            }
        }
        if let Some(wanted) = expected["k99_at_floor_nu16"].as_f64() {
            close(id, "k99", student_quantile(0.995, 16.0), wanted, 1e-6 * wanted);
        }
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn months_of_one_meter_are_one_source() {
    let Some(cases) = cases() else { return };
    let case = cases.iter().find(|c| c["id"] == "PCF-1").unwrap();
    let budget = model(case).unwrap().budget();
    assert_eq!(budget[0].source.as_str(), "ef");
    assert_eq!(budget.iter().filter(|line| line.source.as_str() == "cal").count(), 1);
}

#[test]
fn specific_risk_cases() {
    let Some(cases) = cases() else { return };
    let mut checked = 0;
    for case in cases.iter().filter(|c| c["kind"] == "conformity_specific") {
        let id = case["id"].as_str().unwrap();
        let estimate = case["estimate"].as_f64().unwrap();
        let value = Uncertain::new(estimate, SourceId::new("u"), case["std_unc"].as_f64().unwrap(), None).unwrap();
        let limit = match (case["upper_limit"].as_f64(), case["lower_limit"].as_f64()) {
            (Some(limit), None) => Limit::Upper(limit),
            (None, Some(limit)) => Limit::Lower(limit),
            _ => panic!("{id}: not one-sided"),
        };
        let verdict = decide(&value, limit, DecisionRule::Simple);
        let wanted = case["expected"]["p_conform"].as_f64().unwrap();
        close(id, "p", verdict.probability_of_conformity, wanted, case["tolerance"]["abs"].as_f64().unwrap());
        checked += 1;
    }
    for case in cases.iter().filter(|c| c["kind"] == "guard_band") {
        for row in case["rows"].as_array().unwrap() {
            // w = r·U = 2r·u: risk at the acceptance limit.
            let risk = normal_probability(-2.0 * row["r"].as_f64().unwrap());
            close("ILAC-G8", "pfa", risk, row["pfa"].as_f64().unwrap(), case["tolerance"]["abs"].as_f64().unwrap());
        }
        checked += 1;
    }
    assert!(checked >= 3);
}
