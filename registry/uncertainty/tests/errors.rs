//! What is wrong is refused with a name: the field of a case, the position in a model.

use uncertainty::{
    Answer, CaseError, CaseFile, EvaluationError, Input, Model, ModelError, Notice, Quantities, QuantityError,
    propagate,
};

/// The refusal of a case, in words.
fn refusal(text: &str) -> String {
    let file = match CaseFile::from_text(text) {
        Ok(file) => file,
        Err(error) => return error.to_string(),
    };
    match file.cases()[0].case().and_then(|case| case.run()) {
        Ok(answer) => panic!("accepted: {text}: {answer:?}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let found = refusal(text);
    assert!(found.contains(words), "{text}\n{found}\nlacks {words}");
}

/// A case with something in place of its inputs or its model.
fn case(model: &str, inputs: &str, more: &str) -> String {
    format!("kind = 'linear'\nmodel = '{model}'\n{more}\ninputs = [{inputs}]\n")
}

#[test]
fn fields_are_named() {
    let x = "{name = 'x', value = 1, std_unc = 0.1}";
    for (text, words) in [
        ("{\"kind\": 1", "not JSON"),
        ("kind = ", "not TOML"),
        ("title = 'x'", "kind is missing"),
        ("cases = []", "cases is missing"),
        ("kind = 'regression'", "kind regression cannot be run"),
        ("kind = 'linear'", "model is missing"),
        ("kind = 'linear'\nmodel = 3", "model is a number"),
        ("kind = 'linear'\nmodel = 'x'", "inputs is missing"),
        (&case("x", "", ""), "inputs: there are none"),
        (&case("x", "{value = 1}", ""), "inputs[0].name is missing"),
        (&case("x", "{name = 'x', std_unc = 1}", ""), "inputs[0].value is missing"),
        (&case("x", "{name = 'x', value = 1}", ""), "inputs[0].std_unc is missing"),
        (&case("x", "{name = 'x', value = '1', std_unc = 0.1}", ""), "inputs[0].value is a text"),
        (&case("x", "{name = 'x', value = nan, std_unc = 0.1}", ""), "input x: value is NaN"),
        (&case("x", "{name = 'x', value = inf, std_unc = 0.1}", ""), "input x: value is inf"),
        (&case("x", "{name = 'x', value = 1, std_unc = -0.1}", ""), "input x: std_unc is -0.1"),
        (&case("x", "{name = 'x', value = 1, std_unc = nan}", ""), "input x: std_unc is NaN"),
        (&case("x", "{name = 'x', value = 1, std_unc = 1, dof = 0}", ""), "input x: dof is 0"),
        (&case("x", "{name = 'x', value = 1, std_unc = 1, dof = -3}", ""), "input x: dof is -3"),
        (&case("x", &format!("{x}, {x}"), ""), "input x: there are two"),
        (&case("x", "{name = '2x', value = 1, std_unc = 1}", ""), "input \"2x\""),
        (&case("x", "{name = 'pi', value = 1, std_unc = 1}", ""), "input \"pi\""),
        (
            &case("x", "{name = 'x', distribution = {type = 'uniform', a = 1}}", ""),
            "inputs[0].distribution.b is missing",
        ),
        (
            &case("x", "{name = 'x', distribution = {type = 'uniform', a = 1, b = 0}}", ""),
            "inputs[0].distribution.b is 0",
        ),
        (&case("x", "{name = 'x', distribution = {type = 'odd'}}", ""), "inputs[0].distribution.type is odd"),
        (
            &case("x", "{name = 'x', distribution = {type = 't', mean = 1, sd = 1, dof = 2}}", ""),
            "distribution.scale is missing",
        ),
        (&case("", x, ""), "the model is empty"),
        (&case("x+y", x, ""), "character 3 of the model: y is not an input"),
        (&case("x**2", x, ""), "character 3 of the model: *"),
        (&case("x/0", x, ""), "division by zero at character 2"),
        (&case("1/(x-1)", x, ""), "division by zero at character 2"),
        (&case("log(x-2)", x, ""), "log at character 1"),
        (&case("sqrt(x-1)", x, ""), "no finite derivative with respect to x"),
        (&case("x", x, "p = 1.5"), "p is 1.5"),
        (&case("x", x, "seed = -1"), "seed is -1"),
        (&case("x", x, "correlations = [['x', 'z', 0.5]]"), "correlation of x and z: z is not an input"),
        (&case("x", x, "correlations = [['x', 0.5]]"), "correlations[0] is a list"),
        (&case("x", x, "correlations = 'all'"), "correlations is all"),
        ("kind = 'conformity_specific'\nestimate = 1\nstd_unc = 0.1", "limits: lower"),
        ("kind = 'conformity_specific'\nestimate = 1\nstd_unc = -0.1\nupper_limit = 2", "std_unc is -0.1"),
        ("kind = 'conformity_specific'\nstd_unc = 0.1\nupper_limit = 2", "estimate is missing"),
        ("kind = 'conformity_global'", "setup is missing"),
    ] {
        refused(text, words);
    }
    let two = "{name = 'x', value = 1, std_unc = 0.1}, {name = 'y', value = 1, std_unc = 0.1}";
    refused(&case("x+y", two, "correlations = [['x', 'y', 1.5]]"), "correlation of x and y: r is 1.5");
    let three = format!("{two}, {{name = 'z', value = 1, std_unc = 0.1}}");
    let pairs = "correlations = [['x', 'y', 0.9], ['y', 'z', 0.9], ['x', 'z', -0.9]]";
    refused(&case("x+y+z", &three, pairs), "not positive semidefinite");
}

#[test]
fn what_was_not_read_is_said() {
    let text = case("x", "{name = 'x', value = 1, std_unc = 0.1, doff = 3}", "corelations = []");
    let file = CaseFile::from_text(&text).unwrap();
    let Answer::Model(answer) = file.cases()[0].case().unwrap().run().unwrap() else { panic!() };
    let unread = |path: &str| Notice::Unread { path: path.to_owned() };
    assert!(answer.notices.contains(&unread("corelations")) && answer.notices.contains(&unread("inputs[0].doff")));
    assert!(matches!(file.case("7"), Err(CaseError::UnknownId { .. })));
}

#[test]
fn large_models_are_refused_not_survived() {
    let names = ["x"];
    let many = vec!["x"; 1_000_002].join("+");
    assert!(matches!(Model::parse(&many, names), Err(ModelError::TooManyOperations { .. })));
    let deep = format!("{}x{}", "(".repeat(300), ")".repeat(300));
    assert!(matches!(Model::parse(&deep, names), Err(ModelError::TooDeep { .. })));
    let inputs = (0..100_001).map(|i| Input::new(format!("x{i}"), 1.0, 0.1)).collect();
    assert!(matches!(Quantities::new(inputs, &[]), Err(QuantityError::TooMany { .. })));
    // A thousand terms are nothing.
    let text: Vec<String> = (0..1000).map(|i| format!("x{i}")).collect();
    let inputs = text.iter().map(|name| Input::new(name.as_str(), 1.0, 0.1)).collect();
    let quantities = Quantities::new(inputs, &[]).unwrap();
    let model = Model::parse(&text.join("*"), quantities.names()).unwrap();
    assert!((propagate(&model, &quantities).unwrap()[0].standard_uncertainty - 0.1 * 1000f64.sqrt()).abs() < 1e-9);
}

#[test]
fn other_inputs_are_refused() {
    let quantities = Quantities::new(vec![Input::new("x", 1.0, 0.1)], &[]).unwrap();
    let model = Model::parse("y", ["y"]).unwrap();
    assert_eq!(propagate(&model, &quantities), Err(EvaluationError::OtherInputs));
    assert_eq!(model.evaluate(&[1.0, 2.0]), Err(EvaluationError::OtherInputs));
    assert!(matches!(model.evaluate(&[f64::NAN]), Err(EvaluationError::Undefined { .. })));
}
