//! Monte Carlo: the same bytes for any number of threads, streams by name, every distribution, correlation, refusals.

use proptest::prelude::*;
use uncertainty::{
    Correlation, Distribution, Input, Model, MonteCarloError, Quantities, Seed, Settings, Simulation, draw, propagate,
    simulate,
};

const SMALL: Settings = Settings {
    seed: Seed::from_number(11),
    probability: 0.95,
    min_draws: 200_000,
    max_draws: 200_000,
    digits: 2,
    threads: 1,
};

fn run(expression: &str, inputs: Vec<Input>, correlations: &[Correlation], settings: &Settings) -> Simulation {
    let quantities = Quantities::new(inputs, correlations).unwrap();
    let model = Model::parse(expression, quantities.names()).unwrap();
    simulate(&model, &quantities, settings).unwrap().remove(0)
}

/// One input of each distribution, two of them correlated.
fn all_kinds() -> (Vec<Input>, Vec<Correlation>) {
    let inputs = vec![
        Input::new("normal", 2.0, 0.1),
        Input::from_distribution("uniform", Distribution::Uniform { a: 1.0, b: 2.0 }),
        Input::from_distribution("triangular", Distribution::Triangular { a: 1.0, b: 2.0 }),
        Input::from_distribution("arcsine", Distribution::Arcsine { a: 1.0, b: 2.0 }),
        Input::from_distribution("trapezoid", Distribution::Trapezoid { a: 1.0, b: 2.0, beta: 0.3 }),
        Input::from_distribution("ctrap", Distribution::CurvilinearTrapezoid { a: 1.0, b: 2.0, d: 0.1 }),
        Input::new("t", 2.0, 0.1).with_dof(5.0),
        Input::from_distribution("lognormal", Distribution::Lognormal { mu: 0.2, sigma: 0.3 }),
        Input::new("constant", 3.0, 0.0),
    ];
    let correlations = vec![Correlation::new("normal", "uniform", 0.5), Correlation::new("arcsine", "t", -0.4)];
    (inputs, correlations)
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let (inputs, correlations) = all_kinds();
    let quantities = Quantities::new(inputs, &correlations).unwrap();
    let sum = quantities.names().join("+");
    let product = quantities.names().join("*");
    let model = Model::parse_outputs(&[("sum", sum), ("product", product)], quantities.names()).unwrap();
    let bytes = |threads: usize| {
        let draws = draw(&model, &quantities, &Settings { threads, ..SMALL }, 50_000).unwrap();
        draws.iter().flatten().flat_map(|y| y.to_le_bytes()).collect::<Vec<u8>>()
    };
    let one = bytes(1);
    for threads in [2, 3, 8, 0] {
        assert!(bytes(threads) == one, "{threads} threads");
    }
    let simulated = |threads: usize| simulate(&model, &quantities, &Settings { threads, ..SMALL }).unwrap();
    assert_eq!(simulated(1), simulated(3));
    // Another seed, other draws.
    let other = Settings { seed: Seed::from_number(12), ..SMALL };
    assert_ne!(draw(&model, &quantities, &other, 512).unwrap()[0], draw(&model, &quantities, &SMALL, 512).unwrap()[0]);
}

/// What the draws of an input are, by a second implementation: Philox4x64-7 and FNV-1a of 128 bits in thirty lines of
/// Python, seed 11, input x, counter 1 of blocks 0 and 3.
#[test]
fn draws_are_those_of_the_published_generator() {
    let quantities =
        Quantities::new(vec![Input::from_distribution("x", Distribution::Uniform { a: 0.0, b: 1.0 })], &[]).unwrap();
    let draws = draw(&Model::parse("x", quantities.names()).unwrap(), &quantities, &SMALL, 2048).unwrap().remove(0);
    assert_eq!(draws[4..8], [0.9445943692248612, 0.43002660307168694, 0.036848328569119126, 0.6140316886004805]);
    let fourth = 3 * 512 + 4;
    assert_eq!(
        draws[fourth..fourth + 4],
        [0.14900221305044592, 0.27610441513815764, 0.2501668273397185, 0.3671444370157829]
    );
}

#[test]
fn an_input_keeps_its_draws_when_another_is_added() {
    let draws = |names: &[&str]| {
        let inputs = names.iter().map(|name| Input::new(*name, 0.0, 1.0)).collect();
        let quantities = Quantities::new(inputs, &[]).unwrap();
        draw(&Model::parse("x", quantities.names()).unwrap(), &quantities, &SMALL, 2048).unwrap().remove(0)
    };
    let alone = draws(&["x"]);
    assert_eq!(draws(&["a", "x", "b"]), alone);
    assert_eq!(draws(&["x", "y"]), alone);
}

#[test]
fn every_distribution_has_its_moments() {
    for input in all_kinds().0 {
        let (value, u) = (input.value, input.standard_uncertainty);
        let found = run(&input.name.clone(), vec![input], &[], &SMALL);
        let allowed = 4.0 * u / (found.draws as f64).sqrt();
        assert!((found.mean - value).abs() <= allowed, "{}: {} {value}", found.output, found.mean);
        // With five degrees of freedom the fourth moment is large: 3 % is four of its standard deviations.
        assert!((found.standard_uncertainty - u).abs() <= 0.03 * u, "{}", found.standard_uncertainty);
    }
}

#[test]
fn draws_go_on_until_stable() {
    let inputs = || vec![Input::new("x", 0.0, 1.0)];
    let few = Settings { min_draws: 1, max_draws: 10_000_000, digits: 1, ..SMALL };
    let found = run("x", inputs(), &[], &few);
    assert!(found.stable && found.draws < 100_000, "{found:?}");
    let more = run("x", inputs(), &[], &Settings { digits: 3, ..few });
    assert!(more.stable && more.draws > 100 * found.draws / 10, "{more:?}");
    let ended = run("x", inputs(), &[], &Settings { digits: 4, max_draws: 100_000, ..few });
    assert!(!ended.stable && ended.draws < 120_000, "{ended:?}");
}

/// The coefficient that two inputs have when drawn.
fn coefficient(a: Input, b: Input, r: f64) -> f64 {
    let correlation = Correlation::new(&*a.name, &*b.name, r);
    let quantities = Quantities::new(vec![a, b], &[correlation]).unwrap();
    let model = Model::parse_outputs(&[("a", "a"), ("b", "b")], quantities.names()).unwrap();
    let draws = draw(&model, &quantities, &SMALL, 400_000).unwrap();
    let n = draws[0].len() as f64;
    let mean = |column: &[f64]| column.iter().sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(&draws[0]), mean(&draws[1]));
    let moment =
        |x: &[f64], y: &[f64], mx: f64, my: f64| x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / n;
    let covariance = moment(&draws[0], &draws[1], mean_a, mean_b);
    let variances = moment(&draws[0], &draws[0], mean_a, mean_a) * moment(&draws[1], &draws[1], mean_b, mean_b);
    covariance / variances.sqrt()
}

#[test]
fn drawn_inputs_have_the_declared_correlation() {
    let uniform = |name: &str| Input::from_distribution(name, Distribution::Uniform { a: 1.0, b: 2.0 });
    let lognormal = |name: &str| Input::from_distribution(name, Distribution::Lognormal { mu: 0.0, sigma: 0.5 });
    for r in [-0.9, -0.3, 0.5, 0.9] {
        let normal = |name: &str| Input::new(name, 1.0, 0.2);
        // 0.006 is four standard deviations of a coefficient of 400,000 pairs, and covers the heavier tail.
        for (a, b) in [(normal("a"), normal("b")), (uniform("a"), uniform("b")), (normal("a"), uniform("b"))] {
            let found = coefficient(a, b, r);
            assert!((found - r).abs() < 0.006, "{found}, declared {r}");
        }
    }
    assert!((coefficient(lognormal("a"), uniform("b"), 0.7) - 0.7).abs() < 0.006);
    // The same shape can be the same variable; a uniform one against itself is its mirror image.
    assert!((coefficient(uniform("a"), uniform("b"), 1.0) - 1.0).abs() < 1e-12);
    assert!((coefficient(uniform("a"), uniform("b"), -1.0) + 1.0).abs() < 1e-12);
    assert!((coefficient(lognormal("a"), lognormal("b"), 1.0) - 1.0).abs() < 1e-12);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let refused = |expression: &str, inputs: Vec<Input>, correlations: &[Correlation], settings: &Settings| {
        let quantities = Quantities::new(inputs, correlations).unwrap();
        simulate(&Model::parse(expression, quantities.names()).unwrap(), &quantities, settings).unwrap_err()
    };
    let normal = |name: &str| Input::new(name, 1.0, 0.2);
    let few_dof = vec![normal("x").with_dof(2.0)];
    assert_eq!(refused("x", few_dof, &[], &SMALL), MonteCarloError::NoDistribution { input: "x".to_owned(), dof: 2.0 });
    let uniform = Input::from_distribution("u", Distribution::Uniform { a: 0.0, b: 1.0 });
    let lognormal = |name: &str| Input::from_distribution(name, Distribution::Lognormal { mu: 0.0, sigma: 0.5 });
    for (a, b, r) in
        [(normal("x"), uniform, 1.0), (lognormal("x"), lognormal("u"), -0.95), (lognormal("x"), lognormal("u"), -1.0)]
    {
        let pair = [Correlation::new("x", "u", r)];
        let found = refused("x+u", vec![a, Input { name: "u".to_owned(), ..b }], &pair, &SMALL);
        assert!(matches!(found, MonteCarloError::OtherShape { .. }), "{found:?}");
    }
    let found = refused("log(x)", vec![Input::new("x", 0.1, 1.0)], &[], &SMALL);
    assert!(matches!(found, MonteCarloError::Undefined { draw, .. } if draw < 100), "{found:?}");
    for settings in [
        Settings { probability: 0.0, ..SMALL },
        Settings { probability: 1.0, ..SMALL },
        Settings { probability: f64::NAN, ..SMALL },
        Settings { digits: 0, ..SMALL },
    ] {
        let found = refused("x", vec![normal("x")], &[], &settings);
        assert!(matches!(found, MonteCarloError::Setting { .. }), "{found:?}");
    }
    let huge = refused("x*1e200", vec![Input::new("x", 1.0, 1.0)], &[], &SMALL);
    assert_eq!(huge, MonteCarloError::Spread { output: "y".to_owned() });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A linear model has the same mean and standard uncertainty both ways, within the error of the draws.
    #[test]
    fn linear_models_agree_with_first_order(
        terms in proptest::collection::vec((-3.0f64..3.0, 0.1f64..2.0, -5.0f64..5.0), 2..6),
        r in -0.95f64..0.95,
        seed in any::<u64>(),
    ) {
        let inputs = terms.iter().enumerate().map(|(i, (_, u, value))| Input::new(format!("x{i}"), *value, *u)).collect();
        let quantities = Quantities::new(inputs, &[Correlation::new("x0", "x1", r)]).unwrap();
        let text: Vec<String> = terms.iter().enumerate().map(|(i, (c, _, _))| format!("({c})*x{i}")).collect();
        let model = Model::parse(&text.join("+"), quantities.names()).unwrap();
        let first = propagate(&model, &quantities).unwrap().remove(0);
        let found = simulate(&model, &quantities, &Settings { seed: Seed::from_number(seed), ..SMALL }).unwrap().remove(0);
        let u = first.standard_uncertainty;
        let n = found.draws as f64;
        // Five standard deviations: of 24 × 2 figures one in a hundred thousand runs fails by chance.
        prop_assert!((found.mean - first.value).abs() <= 5.0 * u / n.sqrt());
        prop_assert!((found.standard_uncertainty - u).abs() <= 5.0 * u / (2.0 * n).sqrt());
        prop_assert!(found.shortest.length() <= found.symmetric.length() * 1.01);
    }
}
