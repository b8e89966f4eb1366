//! Answers for programs, under the keys of the case format.

use serde_json::{Map, Value, json};
use uncertainty::{
    Answer, Assessment, CaseError, Entry, FirstOrder, GlobalRisk, Kind, Outcome, OutputAnswer, Propagated, Simulation,
    Tolerance,
};

/// An answer as an object.
pub(super) fn json(entry: &Entry, answer: &Answer) -> Value {
    let mut object = head(entry);
    match answer {
        Answer::Model(answer) => model(&mut object, entry, answer),
        Answer::Specific(answer) => specific(&mut object, answer),
        Answer::Global(answer) => global(&mut object, answer),
    }
    Value::Object(object)
}

/// A case without an answer.
pub(super) fn failure(entry: &Entry, error: &CaseError) -> Value {
    let mut object = head(entry);
    let key = if error.is_for_people() { "not_run" } else { "error" };
    object.insert(key.to_owned(), json!({ "message": error.to_string(), "field": error.field() }));
    Value::Object(object)
}

fn head(entry: &Entry) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(entry.id));
    object.insert("kind".to_owned(), json!(entry.kind));
    if let Some(title) = &entry.title {
        object.insert("title".to_owned(), json!(title));
    }
    object
}

/// One output under the keys themselves, several under their names, with their correlation.
fn model(object: &mut Map<String, Value>, entry: &Entry, answer: &Propagated) {
    let kind = Kind::by_name(&entry.kind);
    if answer.named {
        for output in &answer.outputs {
            object.insert(output.name.clone(), Value::Object(output_of(kind, answer, output)));
        }
        let mut corr = Map::new();
        for (a, b, r) in &answer.correlations {
            // The coefficient of a pair is found by either order of its names.
            for (a, b) in [(a, b), (b, a)] {
                corr.insert(format!("{},{}", answer.outputs[*a].name, answer.outputs[*b].name), json!(r));
            }
        }
        object.insert("corr".to_owned(), Value::Object(corr));
    } else {
        answer.outputs.iter().for_each(|output| object.extend(output_of(kind, answer, output)));
    }
    if answer.quantities.are_correlated() {
        object.insert("sources".to_owned(), json!(answer.quantities.source_names()));
    }
    let notices: Vec<String> = answer.notices.iter().map(ToString::to_string).collect();
    object.insert("notices".to_owned(), json!(notices));
}

fn output_of(kind: Option<Kind>, answer: &Propagated, output: &OutputAnswer) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    if let Some(first) = &output.first {
        let FirstOrder { value: y, standard_uncertainty: u, effective_dof, .. } = first;
        let expanded = output.factor * u;
        put("y", json!(y));
        match (&output.second, kind) {
            // Here u is what the kind asks for.
            (Some(second), Some(Kind::LinearSecondOrder)) => {
                put("u", json!(second.standard_uncertainty));
                put("u_first_order", json!(u));
            }
            _ => _ = put("u", json!(u)),
        }
        if *y != 0.0 {
            put("u_rel", json!(u / y.abs()));
        }
        if answer.quantities.have_dof() {
            // Infinitely many are null.
            put("nu_eff", json!(effective_dof));
        }
        put("coverage", json!({ "p": answer.probability, "k": output.factor, "U": expanded }));
        if kind == Some(Kind::MonteCarlo) {
            put("gum_first_order", json!({ "y": y, "u": u, "interval": [y - expanded, y + expanded] }));
        }
        put("budget", budget(answer, first));
        if answer.quantities.are_correlated() {
            put("source_contributions", json!(first.source_contributions()));
        }
    }
    if let Some(second) = &output.second {
        put("gum_with_higher_order", json!({ "u": second.standard_uncertainty, "bias": second.bias }));
    }
    if let Some(Simulation { draws, mean, standard_uncertainty, symmetric, shortest, stable, .. }) = &output.simulation
    {
        put(
            "mcm",
            json!({
                "mean": mean,
                "u": standard_uncertainty,
                "probsym": [symmetric.low, symmetric.high],
                "shortest": [shortest.low, shortest.high],
                "p": answer.probability,
                "draws": draws,
                "stable": stable,
            }),
        );
    }
    object
}

fn budget(answer: &Propagated, first: &FirstOrder) -> Value {
    let quantities = &answer.quantities;
    let line = |(at, share): (usize, f64)| {
        json!({
            "input": quantities.names()[at],
            "value": quantities.values()[at],
            "std_unc": quantities.standard_uncertainties()[at],
            "dof": quantities.dof(at),
            "sensitivity": first.sensitivities[at],
            "contribution": first.contributions[at],
            "share": share,
        })
    };
    first.shares(quantities).into_iter().enumerate().map(line).collect()
}

fn specific(object: &mut Map<String, Value>, answer: &Assessment) {
    let outcome = match answer.outcome {
        Outcome::Conforms => "CONFORMS",
        Outcome::DoesNotConform => "DOES_NOT_CONFORM",
        Outcome::Inconclusive => "INCONCLUSIVE",
    };
    // An end that is open is null.
    let end = |end: f64| end.is_finite().then_some(end);
    let ends = |acceptance: &Tolerance| json!([end(acceptance.lower), end(acceptance.upper)]);
    object.insert("p_conform".to_owned(), json!(answer.probability_of_conformity));
    object.insert("consumer_risk".to_owned(), json!(answer.consumer_risk()));
    object.insert("producer_risk".to_owned(), json!(answer.producer_risk()));
    object.insert("outcome".to_owned(), json!(outcome));
    object.insert("acceptance".to_owned(), json!(answer.acceptance.as_ref().map(ends)));
}

fn global(object: &mut Map<String, Value>, answer: &GlobalRisk) {
    object.insert("consumer_risk".to_owned(), json!(answer.consumer));
    object.insert("producer_risk".to_owned(), json!(answer.producer));
    object.insert("p_conform".to_owned(), json!(answer.conforming));
    object.insert("p_accept".to_owned(), json!(answer.accepted));
    object.insert("false_among_accepted".to_owned(), json!(answer.false_among_accepted()));
}
