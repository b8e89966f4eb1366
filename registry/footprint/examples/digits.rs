//! The digits of what is computed here: statements of the example plants, and draws of a model on several threads. They are
//! the same for any build and any number of threads; `make test` compares those of an optimised build with those of one
//! that is not.

use footprint::{Sources, compute_all};
use record::evidence::Evidence;
use record::plant::Plant;
use uncertainty::{Distribution, Input, Model, Quantities, Seed, Settings, simulate};

type Failed = Box<dyn std::error::Error>;

const PLANTS: [&str; 3] = [include_str!("cement.toml"), include_str!("works.toml"), include_str!("cement-2026.toml")];

fn main() -> Result<(), Failed> {
    for text in PLANTS {
        let plant = Plant::from_toml(text)?;
        let evidence = Evidence::empty(plant.site.clone(), plant.period);
        for statement in compute_all(&plant, &Sources::new(&evidence))? {
            println!("{} {}", statement.digest(), statement.product.name);
        }
    }
    let first = simulated(1)?;
    for threads in [2, 3, 8] {
        if simulated(threads)? != first {
            return Err(format!("{threads} threads give other digits than one").into());
        }
    }
    println!("{first}");
    Ok(())
}

/// A model with every kind of operation, and inputs of several distributions.
fn simulated(threads: usize) -> Result<String, Failed> {
    let inputs = vec![
        Input::new("a", 3.0, 0.1),
        Input::new("b", 2.0, 0.2).with_distribution(Distribution::Uniform { a: 1.5, b: 2.5 }),
        Input::new("c", 0.5, 0.1).with_distribution(Distribution::Arcsine { a: 0.2, b: 0.8 }),
    ];
    let quantities = Quantities::new(inputs, &[])?;
    let model = Model::parse("ln(a) * exp(c) / sqrt(b) + sin(a * b) - c ^ 1.5", quantities.names().clone())?;
    let settings =
        Settings { seed: Seed::from_number(7), threads, min_draws: 50_000, max_draws: 50_000, ..Settings::default() };
    let found = simulate(&model, &quantities, &settings)?;
    Ok(format!("{found:?}"))
}
