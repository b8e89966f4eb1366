//! Figures printed in the standards, each with its source, so that something is held against others' results wherever the
//! tests run. `shared_cases.rs` goes through the shared collection in full.

use uncertainty::{
    Correlation, DecisionRule, Distribution, FirstOrder, Input, Limit, Model, Outcome, Process, Quantities, Settings,
    SourceId, Tolerance, Uncertain, coverage_factor, decide, guard_multiple, normal_probability, propagate,
    second_order, simulate,
};

/// A figure rounded to this many decimals is the one printed.
#[track_caller]
fn prints(found: f64, decimals: i32, printed: f64) {
    let unit = 10f64.powi(-decimals);
    assert!((found - printed).abs() <= 0.5 * unit, "{found}, printed {printed}");
}

fn quantities(inputs: Vec<Input>, correlations: &[(&str, &str, f64)]) -> Quantities {
    let correlations: Vec<_> = correlations.iter().map(|(a, b, r)| Correlation::new(*a, *b, *r)).collect();
    Quantities::new(inputs, &correlations).unwrap()
}

fn first(expression: &str, quantities: &Quantities) -> FirstOrder {
    propagate(&Model::parse(expression, quantities.names()).unwrap(), quantities).unwrap().remove(0)
}

/// JCGM 100:2008, H.1: an end gauge.
#[test]
fn end_gauge() {
    let inputs = vec![
        Input::new("ls", 50_000_623.0, 25.0).with_dof(18.0),
        Input::new("d", 215.0, 9.7).with_dof(25.6),
        Input::new("alpha_s", 11.5e-6, 1.2e-6),
        Input::new("theta", -0.1, 0.41),
        Input::new("d_alpha", 0.0, 0.58e-6).with_dof(50.0),
        Input::new("d_theta", 0.0, 0.029).with_dof(2.0),
    ];
    let quantities = quantities(inputs, &[]);
    let model = Model::parse("ls + d - ls*(d_alpha*theta + alpha_s*d_theta)", quantities.names()).unwrap();
    let found = propagate(&model, &quantities).unwrap().remove(0);
    prints(found.value, 0, 50_000_838.0);
    // Table H.1: contributions in nm, and u(l) = 32 nm with 16 degrees of freedom.
    for (input, printed) in
        [("ls", 25.0), ("d", 9.7), ("alpha_s", 0.0), ("theta", 0.0), ("d_alpha", 2.9), ("d_theta", 16.6)]
    {
        // Contributions of a rounded u(d_theta) = 0.029 give 16.7, the table has 16.6 from 0.0289.
        let found = found.contributions[quantities.names().position(input).unwrap()].abs();
        assert!((found - printed).abs() <= 0.1, "{input}: {found}");
    }
    prints(found.standard_uncertainty, 0, 32.0);
    assert_eq!(found.effective_dof.unwrap().floor(), 16.0);
    prints(coverage_factor(0.99, Some(16.0)), 2, 2.92);
    // H.1.7: two second-order terms, 11.7 nm and 1.7 nm, raise it to 34 nm.
    let second = second_order(&model, &quantities).unwrap().remove(0);
    prints(second.standard_uncertainty, 0, 34.0);
    assert!(!second.first_order_is_enough());
}

/// JCGM 100:2008, H.2: resistance, reactance and impedance from correlated readings. The table is from unrounded data; the
/// inputs here are as printed, so the last digit can differ where the differences cancel.
#[test]
fn impedance() {
    let inputs = vec![
        Input::new("V", 4.9990, 0.0032),
        Input::new("I", 19.6610e-3, 0.0095e-3),
        Input::new("phi", 1.044_46, 0.000_75),
    ];
    let quantities = quantities(inputs, &[("V", "I", -0.36), ("V", "phi", 0.86), ("I", "phi", -0.65)]);
    let outputs = [("R", "V*cos(phi)/I"), ("X", "V*sin(phi)/I"), ("Z", "V/I")];
    let model = Model::parse_outputs(&outputs, quantities.names()).unwrap();
    let found = propagate(&model, &quantities).unwrap();
    for (found, (value, u)) in found.iter().zip([(127.732, 0.071), (219.847, 0.295), (254.260, 0.236)]) {
        prints(found.value, 3, value);
        assert!((found.standard_uncertainty - u).abs() <= 0.0011, "{}: {}", found.output, found.standard_uncertainty);
    }
    for (a, b, r) in [(0, 1, -0.588), (0, 2, -0.485), (1, 2, 0.993)] {
        let found = found[a].correlation(&found[b]).unwrap();
        assert!((found - r).abs() <= 0.006, "{found} {r}");
    }
}

/// JCGM 100:2008, 5.2.2: ten resistors compared with one standard.
#[test]
fn resistors() {
    let inputs: Vec<_> = (0..10).map(|i| Input::new(format!("R{i}"), 1000.0, 0.1)).collect();
    let sum = (0..10).map(|i| format!("R{i}")).collect::<Vec<_>>().join("+");
    let independent = Quantities::new(inputs.clone(), &[]).unwrap();
    prints(first(&sum, &independent).standard_uncertainty, 2, 0.32);
    let all = Quantities::all_pairs(&inputs, 1.0).unwrap();
    let shared = Quantities::new(inputs, &all).unwrap();
    assert_eq!(shared.sources(), 1);
    prints(first(&sum, &shared).standard_uncertainty, 2, 1.0);
}

/// JCGM 100:2008, G.4.1, example: u(y)/y = 1.03 %, 19 degrees of freedom.
#[test]
fn welch_satterthwaite() {
    let input = |name: &str, percent: f64, dof: f64| Input::new(name, 1.0, percent / 100.0).with_dof(dof);
    let quantities = quantities(vec![input("a", 0.25, 9.0), input("b", 0.57, 4.0), input("c", 0.82, 14.0)], &[]);
    let found = first("a*b*c", &quantities);
    prints(100.0 * found.standard_uncertainty, 2, 1.03);
    prints(found.effective_dof.unwrap(), 0, 19.0);
}

/// JCGM 101:2008, 9.2.3 and 9.2.4: four rectangular inputs, and one of them ten times as wide.
#[test]
fn rectangular_inputs() {
    let root = 3f64.sqrt();
    let run = |last: f64| {
        let input = |i: usize| {
            let half = if i == 3 { last * root } else { root };
            Input::from_distribution(format!("x{i}"), Distribution::Uniform { a: -half, b: half })
        };
        let quantities = quantities((0..4).map(input).collect(), &[]);
        let model = Model::parse("x0+x1+x2+x3", quantities.names()).unwrap();
        simulate(&model, &quantities, &Settings::default()).unwrap().remove(0)
    };
    // Table 3: u = 2.00, ± 3.88; table 4: u = 10.1, ± 17.0.
    for (found, u, end) in [(run(1.0), 2.0, 3.88), (run(10.0), 10.15, 17.0)] {
        assert!(found.stable);
        assert!((found.standard_uncertainty / u - 1.0).abs() < 0.01);
        assert!((found.symmetric.high / end - 1.0).abs() < 0.01 && (found.symmetric.low / end + 1.0).abs() < 0.01);
    }
}

/// JCGM 101:2008, 9.4: comparison loss with independent and with correlated inputs (r = 0.9), means and u in 10⁻⁶. The
/// moments of a quadratic form are known exactly, so the printed digits are checked against them too.
#[test]
fn comparison_loss() {
    let run = |x1: f64, r: f64| {
        let inputs = vec![Input::new("x1", x1, 0.005), Input::new("x2", 0.0, 0.005)];
        let quantities = quantities(inputs, &[("x1", "x2", r)]);
        let model = Model::parse("x1^2+x2^2", quantities.names()).unwrap();
        let second = second_order(&model, &quantities).unwrap().remove(0);
        let found = simulate(&model, &quantities, &Settings::default()).unwrap().remove(0);
        (found.mean * 1e6, found.standard_uncertainty * 1e6, second)
    };
    for (x1, r, mean, u) in
        [(0.0, 0.0, 50.0, 50.0), (0.01, 0.0, 150.0, 112.0), (0.0, 0.9, 50.0, 67.0), (0.01, 0.9, 150.0, 121.0)]
    {
        let (found_mean, found_u, second) = run(x1, r);
        assert!((found_mean - mean).abs() < 1.0, "{x1} {r}: {found_mean}");
        assert!((found_u - u).abs() < 1.0, "{x1} {r}: {found_u}");
        // Second order is exact for a quadratic form of normal inputs: 4x₁²u² + 4u⁴(1 + r²).
        let exact = (4.0 * x1 * x1 * 25e-6 + 4.0 * 25e-6f64.powi(2) * (1.0 + r * r)).sqrt();
        assert!((second.standard_uncertainty / exact - 1.0).abs() < 1e-12 && (second.bias / 50e-6 - 1.0).abs() < 1e-12);
    }
}

/// JCGM 106:2012, 7.3, examples 1 and 2, and ILAC-G8:09/2019, table 1.
#[test]
fn conformity() {
    let zener = Tolerance::new(None, Some(-5.40)).unwrap();
    prints(zener.probability(-5.47, 0.05), 2, 0.92);
    let container = Tolerance::new(Some(490.0), None).unwrap();
    prints(container.probability(509.7, 8.6), 2, 0.99);
    for (r, most) in [(0.83, 0.05), (1.0, 0.025), (1.5, 0.0016)] {
        assert!(normal_probability(-2.0 * r) < most);
        assert!(guard_multiple(most) < 2.0 * r);
    }
    // JCGM 106:2012, 8.3.2.2: w = U keeps a wrongly accepted item below 2.3 %.
    let value = Uncertain::new(9.0, SourceId::new("s"), 0.5, None).unwrap();
    let verdict = decide(&value, Limit::Upper(10.0), DecisionRule::SpecificRisk { risk: 0.023 });
    assert_eq!(verdict.outcome, Outcome::Conforms);
    assert!((verdict.acceptance_limit - 9.0).abs() < 0.01, "{verdict:?}");
}

/// Deaver (NCSLI 1995), p. 10: a guard band of 0.18 brings the consumer's risk to 0.8 % and the producer's to 6.6 %.
#[test]
fn global_risk() {
    let process = Process { mean: 0.0, sd: 1.0, measurement_sd: 0.5 };
    let tolerance = Tolerance::new(Some(-2.0), Some(2.0)).unwrap();
    let risk = process.global_risk(tolerance, tolerance.guarded(0.18).unwrap()).unwrap();
    prints(risk.consumer, 3, 0.008);
    prints(risk.producer, 3, 0.066);
    let acceptance = process.acceptance_for_consumer_risk(tolerance, risk.consumer).unwrap();
    assert!((acceptance.upper - 1.82).abs() < 1e-9);
}
