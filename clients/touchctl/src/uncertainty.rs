//! `touchctl uncertainty`: a metrologist's own models, from a file.

mod answer;
mod table;

use serde_json::{Map, Value};
use uncertainty::{Answer, CaseError, CaseFile, Entry};

use crate::args::EvalArgs;
use crate::error::Error;
use crate::{DONE, FAILED, Surroundings, files, output};

/// Largest file: ten thousand inputs are a megabyte.
const MAX_BYTES: u64 = 32 << 20;

/// Evaluates the cases of a file, or one of them.
pub(crate) fn eval(args: &EvalArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let text = files::text("file", &args.file, MAX_BYTES)?;
    let wrong = |case: Option<&str>, error: CaseError| Error::Case {
        path: args.file.clone(),
        case: case.map(str::to_owned),
        error: Box::new(error),
    };
    let file = CaseFile::from_text(&text).map_err(|error| wrong(None, error))?;
    let sole = match &args.id {
        Some(id) => Some(file.case(id).map_err(|error| wrong(None, error))?),
        None if file.is_list() => None,
        None => file.cases().first(),
    };
    if let Some(entry) = sole {
        let answer = run(entry).map_err(|error| wrong(Some(&entry.id), error))?;
        let written = if json {
            output::json(world.out, &answer::json(entry, &answer))
        } else {
            table::print(world.out, entry, &answer)
        };
        return written.map(|()| DONE).map_err(Error::Output);
    }
    // One case that fails does not keep the others from being answered.
    let mut code = DONE;
    let mut objects = Vec::new();
    for entry in file.cases() {
        let answer = run(entry);
        // What a file describes in words is passed over; that is no failure.
        if matches!(&answer, Err(error) if !error.is_for_people()) {
            code = FAILED;
        }
        if json {
            objects.push(match &answer {
                Ok(answer) => answer::json(entry, answer),
                Err(error) => answer::failure(entry, error),
            });
            continue;
        }
        match &answer {
            Ok(answer) => table::print(world.out, entry, answer),
            Err(error) => table::failure(world.out, entry, error),
        }
        .map_err(Error::Output)?;
    }
    if json {
        let cases = Map::from_iter([("cases".to_owned(), Value::Array(objects))]);
        output::json(world.out, &cases).map_err(Error::Output)?;
    }
    Ok(code)
}

fn run(entry: &Entry) -> Result<Answer, CaseError> {
    entry.case()?.run()
}
