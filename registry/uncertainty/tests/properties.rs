//! What holds for any model: gradients against differences, second-order terms against Monte Carlo, correlation.

use proptest::prelude::*;
use uncertainty::{Correlation, Input, Model, Quantities, propagate, second_order};

/// Expressions over x, y and z that are smooth where all three are from 0.5 to 2.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_owned()),
        Just("y".to_owned()),
        Just("z".to_owned()),
        (1u32..30).prop_map(|n| format!("{}.{}", n / 10, n % 10 + 1)),
    ];
    leaf.prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}+{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}-{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}*({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})/(3+({b})^2)")),
            inner.clone().prop_map(|a| format!("sin({a})")),
            inner.clone().prop_map(|a| format!("cos({a})")),
            inner.clone().prop_map(|a| format!("exp(-({a})^2)")),
            inner.clone().prop_map(|a| format!("sqrt(1+({a})^2)")),
            inner.clone().prop_map(|a| format!("log(2+({a})^2)")),
            inner.clone().prop_map(|a| format!("atan({a})")),
            inner.clone().prop_map(|a| format!("(1+({a})^2)^-1.5")),
            inner.prop_map(|a| format!("-({a})^3")),
        ]
    })
}

proptest! {
    #[test]
    fn gradients_match_differences(text in expression(), at in proptest::array::uniform3(0.5f64..2.0)) {
        let model = Model::parse(&text, ["x", "y", "z"]).unwrap();
        let (value, gradient) = model.gradients(&at).unwrap().remove(0);
        prop_assert_eq!(value.to_bits(), model.evaluate(&at).unwrap()[0].to_bits());
        let f = |at: [f64; 3]| model.evaluate(&at).unwrap()[0];
        for input in 0..3 {
            let moved = |step: f64| {
                let mut moved = at;
                moved[input] += step;
                f(moved)
            };
            // Two steps: where their difference is large, the function bends too much for either.
            let central = |h: f64| (moved(h) - moved(-h)) / (2.0 * h);
            let (coarse, fine) = (central(2e-4), central(1e-4));
            let scale = 1.0 + value.abs() + gradient[input].abs();
            let allowed = 1e-9 * scale + 2.0 * (coarse - fine).abs();
            prop_assert!((fine - gradient[input]).abs() <= allowed, "{text}: {fine} {}", gradient[input]);
        }
    }

    /// A quadratic form of independent normal inputs has a variance in closed form.
    #[test]
    fn second_order_is_exact_for_quadratic_forms(
        a in -2.0f64..2.0, b in -2.0f64..2.0, c in -2.0f64..2.0, x in -2.0f64..2.0, y in -2.0f64..2.0,
        u in 0.01f64..1.0, v in 0.01f64..1.0,
    ) {
        let quantities = Quantities::new(vec![Input::new("x", x, u), Input::new("y", y, v)], &[]).unwrap();
        let text = format!("({a})*x^2 + ({b})*x*y + ({c})*y^2");
        let model = Model::parse(&text, quantities.names()).unwrap();
        let found = second_order(&model, &quantities).unwrap().remove(0);
        let first = (2.0 * a * x + b * y).powi(2) * u * u + (b * x + 2.0 * c * y).powi(2) * v * v;
        let second = 2.0 * a * a * u.powi(4) + 2.0 * c * c * v.powi(4) + b * b * u * u * v * v;
        prop_assert!((found.standard_uncertainty.powi(2) - first - second).abs() <= 1e-10 * (1.0 + first + second));
        prop_assert!((found.bias - a * u * u - c * v * v).abs() <= 1e-12);
    }

    /// The quadratic form Σᵢⱼ cᵢcⱼrᵢⱼ of JCGM 100:2008, equation 16, is what the factor gives.
    #[test]
    fn correlation_is_the_quadratic_form(
        loadings in proptest::collection::vec(proptest::array::uniform2(-1.0f64..1.0), 4),
        c in proptest::array::uniform4(-2.0f64..2.0),
    ) {
        // Correlations of four sums of two sources: a singular matrix of rank two.
        let norm = |l: &[f64; 2]| (l[0] * l[0] + l[1] * l[1]).sqrt();
        prop_assume!(loadings.iter().all(|l| norm(l) > 0.1));
        let r = |i: usize, j: usize| {
            let (a, b) = (&loadings[i], &loadings[j]);
            ((a[0] * b[0] + a[1] * b[1]) / (norm(a) * norm(b))).clamp(-1.0, 1.0)
        };
        let pairs: Vec<_> = (0..4).flat_map(|i| (i + 1..4).map(move |j| (i, j))).collect();
        // Coefficients at ±1 but for rounding would join inputs that their other coefficients keep apart.
        prop_assume!(pairs.iter().all(|(i, j)| r(*i, *j).abs() < 1.0 - 1e-9));
        let declared: Vec<_> =
            pairs.iter().map(|(i, j)| Correlation::new(format!("x{i}"), format!("x{j}"), r(*i, *j))).collect();
        let inputs: Vec<_> = (0..4).map(|i| Input::new(format!("x{i}"), 1.0, 0.5)).collect();
        let quantities = Quantities::new(inputs, &declared).unwrap();
        let text: Vec<_> = (0..4).map(|i| format!("({})*x{i}", c[i])).collect();
        let found = propagate(&Model::parse(&text.join("+"), quantities.names()).unwrap(), &quantities).unwrap().remove(0);
        let mut variance = 0.0;
        for i in 0..4 {
            for j in 0..4 {
                let r = if i == j { 1.0 } else { r(i.min(j), i.max(j)) };
                variance += 0.25 * c[i] * c[j] * r;
            }
        }
        prop_assert!((found.standard_uncertainty.powi(2) - variance).abs() <= 1e-9 * (1.0 + variance));
        let shares: f64 = found.shares(&quantities).iter().sum();
        prop_assert!(found.standard_uncertainty < 1e-6 || (shares - 1.0).abs() < 1e-9);
        prop_assert!(quantities.sources() <= 4);
    }
}

/// With r = ±1 what cancels, cancels to the last digit.
#[test]
fn perfect_correlation_is_exact() {
    let three = |r: [f64; 3]| {
        let inputs = vec![Input::new("a", 1.0, 0.1), Input::new("b", 1.0, 0.1), Input::new("c", 1.0, 0.1)];
        let pairs = [("a", "b", r[0]), ("b", "c", r[1]), ("a", "c", r[2])].map(|(a, b, r)| Correlation::new(a, b, r));
        Quantities::new(inputs, &pairs).unwrap()
    };
    let u = |text: &str, quantities: &Quantities| {
        propagate(&Model::parse(text, quantities.names()).unwrap(), quantities).unwrap()[0].standard_uncertainty
    };
    let together = three([1.0; 3]);
    assert_eq!(u("a-b", &together), 0.0);
    assert_eq!(u("a-2*b+c", &together), 0.0);
    assert_eq!(u("a+b", &together), 0.2);
    let against = three([-1.0, 1.0, -1.0]);
    assert_eq!(u("a+b", &against), 0.0);
    assert_eq!(u("a-b", &against), 0.2);
    assert_eq!(against.sources(), 1);
}

/// Correlated inputs count once in the effective degrees of freedom, with the smallest of theirs.
#[test]
fn correlated_inputs_are_one_term_of_welch_satterthwaite() {
    let inputs = vec![
        Input::new("a", 1.0, 0.3).with_dof(4.0),
        Input::new("b", 1.0, 0.4).with_dof(9.0),
        Input::new("c", 1.0, 0.5).with_dof(12.0),
    ];
    let quantities = Quantities::new(inputs, &[Correlation::new("a", "b", 0.5)]).unwrap();
    let found = propagate(&Model::parse("a+b+c", quantities.names()).unwrap(), &quantities).unwrap().remove(0);
    let pair: f64 = 0.09 + 0.16 + 2.0 * 0.5 * 0.12;
    let wanted = (pair + 0.25).powi(2) / (pair.powi(2) / 4.0 + 0.25f64.powi(2) / 12.0);
    assert!((found.effective_dof.unwrap() / wanted - 1.0).abs() < 1e-12);
    assert_eq!(quantities.source_names(), ["c", "a", "b without a"]);
}
