//! What weighed loads, stocks, analyses and gas conversions have in common: one is created from options, many from a
//! table, and they are shown and listed.

use std::io::{Result as Written, Write};
use std::path::Path;
use std::time::Duration;

use proto::fields::Fields;
use record::instrument::Violation;
use record::name;
use serde::Serialize;
use touchstone_client::{Client, ClientError, request_id_within};

use crate::args::{ChangeArgs, ConnectionArgs};
use crate::connection::{Server, pages};
use crate::error::Error;
use crate::output::counted;
use crate::remedy::remedy;
use crate::table::{MAX_TABLE_BYTES, Row};
use crate::{DONE, FAILED, Surroundings, files, instruments, output, table};

/// How often a row without an answer is sent again, with the same request id.
const RETRIES: u32 = 5;
/// Wait before the first of them; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Refusals that are printed; all are in the JSON.
const MAX_SHOWN: usize = 10;

/// A kind of record: its words, and its calls.
pub(crate) trait Kind {
    /// The record.
    type Record: Serialize + PartialEq;
    /// It on the wire.
    type Message;

    /// What people call one, and its label.
    const NOUN: &'static str;
    /// Member of the JSON list.
    const MEMBER: &'static str;
    /// Where it stands in a name.
    const COLLECTION: &'static str;

    /// A message as the record of that id.
    fn read(fields: &mut Fields, id: &str, message: &Self::Message) -> Option<Self::Record>;
    /// Resource name of a message.
    fn name(message: &Self::Message) -> &str;
    /// Prints what it says, below its name.
    fn print(out: &mut dyn Write, record: &Self::Record) -> Written<()>;
    /// Creates one.
    async fn create(client: &Client, new: New<'_, Self::Record>) -> Result<Self::Message, ClientError>;
    /// Fetches one.
    async fn get(client: &Client, name: String) -> Result<Self::Message, ClientError>;
    /// A page of a parent's, and the token of the next.
    async fn page(client: &Client, parent: String, token: String) -> Result<(Vec<Self::Message>, String), ClientError>;
}

/// A record to create.
pub(crate) struct New<'a, R> {
    pub(crate) parent: &'a str,
    pub(crate) id: &'a str,
    pub(crate) record: &'a R,
    pub(crate) request_id: &'a str,
}

/// A record under its resource name.
#[derive(Serialize)]
struct Named<R> {
    name: String,
    #[serde(flatten)]
    record: R,
}

/// Where records come from.
pub(crate) struct Source<'a> {
    /// Name of the one that the options state.
    pub(crate) name: Option<&'a str>,
    /// Table of many.
    pub(crate) from: Option<&'a Path>,
    /// Parent of those of the table.
    pub(crate) parent: Option<&'a str>,
    /// Its columns, beside the id.
    pub(crate) columns: &'a [&'static str],
    pub(crate) change: &'a ChangeArgs,
    pub(crate) connection: &'a ConnectionArgs,
}

/// Creates what the options state, or the rows of a table: `build` makes a record of a row, under an id, of a parent.
pub(crate) fn create<K: Kind>(
    source: &Source<'_>,
    build: impl Fn(&Row, &str) -> Result<K::Record, Vec<Violation>>,
    json: bool,
    world: &mut Surroundings<'_>,
) -> Result<u8, Error> {
    if let (Some(path), Some(parent)) = (source.from, source.parent) {
        return create_many::<K>(source, path, parent, build, json, world);
    }
    let (parent, id) = split(source.name.unwrap_or_default());
    let record = build(&Row::default(), id).map_err(|violations| Error::Form { violations })?;
    let server = Server::open(source.connection)?;
    let request_id = source.change.id();
    let new = New { parent, id, record: &record, request_id: &request_id };
    let made = server.change(&request_id, K::create(server.client(), new))?;
    show::<K>(&named::<K>(&server, &made)?, json, world)
}

/// Shows one.
pub(crate) fn get<K: Kind>(
    name: &str,
    connection: &ConnectionArgs,
    json: bool,
    world: &mut Surroundings<'_>,
) -> Result<u8, Error> {
    let server = Server::open(connection)?;
    let found = server.wait(K::get(server.client(), name.to_owned()))?;
    show::<K>(&named::<K>(&server, &found)?, json, world)
}

/// Lists those of a parent.
pub(crate) fn list<K: Kind>(
    parent: &str,
    connection: &ConnectionArgs,
    json: bool,
    world: &mut Surroundings<'_>,
) -> Result<u8, Error> {
    let server = Server::open(connection)?;
    let found = server.wait(pages(|token| K::page(server.client(), parent.to_owned(), token)))?;
    let all = found.iter().map(|message| named::<K>(&server, message)).collect::<Result<Vec<_>, _>>()?;
    let written = match json {
        true => output::json(world.out, &serde_json::json!({ K::MEMBER: all })),
        false => all.iter().try_for_each(|one| print::<K>(world.out, one)),
    };
    written.map(|()| DONE).map_err(Error::Output)
}

/// Parent and id of a name: those of the record stand at its end.
fn split(name: &str) -> (&str, &str) {
    let (collection, id) = name.rsplit_once('/').unwrap_or_default();
    (collection.rsplit_once('/').unwrap_or_default().0, id)
}

fn named<K: Kind>(server: &Server, message: &K::Message) -> Result<Named<K::Record>, Error> {
    let name = K::name(message);
    let record = instruments::record(server, |fields| K::read(fields, split(name).1, message))?;
    Ok(Named { name: name.to_owned(), record })
}

fn show<K: Kind>(one: &Named<K::Record>, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let written = if json { output::json(world.out, one) } else { print::<K>(world.out, one) };
    written.map(|()| DONE).map_err(Error::Output)
}

fn print<K: Kind>(out: &mut dyn Write, one: &Named<K::Record>) -> Written<()> {
    let mut label = K::NOUN.to_owned();
    label[..1].make_ascii_uppercase();
    output::row(out, &label, &one.name)?;
    K::print(out, &one.record)
}

/// A record that could be built and keeps its rules, or all that is wrong with it. What the record calls otherwise than
/// its column is told in the record's word.
pub(crate) fn whole<R>(
    built: Option<R>,
    mut found: Vec<Violation>,
    rules: impl Fn(&R) -> Vec<Violation>,
) -> Result<R, Vec<Violation>> {
    match built {
        Some(record) => {
            found.extend(rules(&record));
            if found.is_empty() { Ok(record) } else { Err(found) }
        }
        None => Err(found),
    }
}

/// The line about a corrected record, if there is one.
pub(crate) fn print_corrects(out: &mut dyn Write, corrects: &Option<String>) -> Written<()> {
    corrects.iter().try_for_each(|id| output::row(out, "Corrects", id))
}

/// What became of the rows of a table: recorded + present + refused = rows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    file: String,
    rows: usize,
    /// New here.
    recorded: usize,
    /// There before, just as the row states it.
    present: usize,
    refused: usize,
    refusals: Vec<Refusal>,
    request_id: String,
}

/// A row that was refused.
#[derive(Debug, Serialize)]
struct Refusal {
    /// Line in the file, from 1.
    line: u64,
    id: String,
    /// Stable word.
    reason: String,
    message: String,
    /// Columns, or fields of the request, with what is wrong with each.
    fields: Vec<Wrong>,
    remedy: Option<&'static str>,
}

/// A column, or a field of the request, and what is wrong with it.
#[derive(Debug, Serialize)]
struct Wrong {
    field: String,
    problem: String,
}

/// What became of a row.
enum Fate {
    Recorded,
    Present,
    Refused(Refusal),
}

fn create_many<K: Kind>(
    source: &Source<'_>,
    path: &Path,
    parent: &str,
    build: impl Fn(&Row, &str) -> Result<K::Record, Vec<Violation>>,
    json: bool,
    world: &mut Surroundings<'_>,
) -> Result<u8, Error> {
    let text = files::text("from", path, MAX_TABLE_BYTES)?;
    let rows = table::read(&text, source.columns).map_err(|error| Error::Table { path: path.to_owned(), error })?;
    let server = Server::open(source.connection)?;
    let request_id = source.change.id();
    let (file, rows_in_file) = (path.display().to_string(), rows.len());
    let mut report = Report {
        file,
        rows: rows_in_file,
        recorded: 0,
        present: 0,
        refused: 0,
        refusals: Vec::new(),
        request_id: request_id.clone(),
    };
    // One after the other: a row may correct one above it.
    for (at, row) in rows.iter().enumerate() {
        let fate = match checked(row, &build) {
            Err(violations) => Fate::Refused(unreadable(row, violations)),
            Ok(record) => {
                let fate = server.run(send::<K>(server.client(), parent, row, &record, &request_id));
                fate.map_err(|error| match at {
                    0 => server.unanswered(&request_id, error),
                    answered => Error::TableInterrupted {
                        answered,
                        rows: rows_in_file,
                        error: Box::new(server.unanswered(&request_id, error)),
                    },
                })?
            }
        };
        match fate {
            Fate::Recorded => report.recorded += 1,
            Fate::Present => report.present += 1,
            Fate::Refused(refusal) => {
                report.refused += 1;
                report.refusals.push(refusal);
            }
        }
    }
    let written = if json { output::json(world.out, &report) } else { print_report::<K>(world.out, &report) };
    written.map(|()| if report.refused > 0 { FAILED } else { DONE }).map_err(Error::Output)
}

/// The record of a row, with everything that is wrong with it.
fn checked<R>(row: &Row, build: impl Fn(&Row, &str) -> Result<R, Vec<Violation>>) -> Result<R, Vec<Violation>> {
    let mut found = row.violations();
    if let Err(error) = name::check_id(row.id()) {
        found.push(Violation::new("id", error.to_string()));
    }
    match (found.is_empty(), build(row, row.id())) {
        (true, built) => built,
        (false, built) => {
            found.extend(built.err().unwrap_or_default());
            Err(found)
        }
    }
}

fn unreadable(row: &Row, violations: Vec<Violation>) -> Refusal {
    Refusal {
        line: row.line,
        id: row.id().to_owned(),
        reason: "RECORD_INVALID".to_owned(),
        message: violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        fields: violations.into_iter().map(|Violation { path: field, problem }| Wrong { field, problem }).collect(),
        remedy: Some("correct the columns named"),
    }
}

/// Sends a row until it has an answer.
async fn send<K: Kind>(
    client: &Client,
    parent: &str,
    row: &Row,
    record: &K::Record,
    request_id: &str,
) -> Result<Fate, ClientError> {
    // Its own id is made of what it says: a row that was changed is another change.
    let name = format!("{parent}/{}/{}", K::COLLECTION, row.id());
    let said = serde_json::to_vec(record).unwrap_or_default();
    let request_id = request_id_within(request_id, &[name.as_bytes(), b"\n", &said].concat());
    let new = || New { parent, id: row.id(), record, request_id: &request_id };
    let error = match retried(async || K::create(client, new()).await).await {
        Ok(_) => return Ok(Fate::Recorded),
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => error,
    };
    // A correction that is there has corrected its record before.
    if let Some("ALREADY_EXISTS" | "CORRECTION_INVALID") = error.reason() {
        match retried(async || K::get(client, name.clone()).await).await {
            Ok(there) if K::read(&mut Fields::new(), row.id(), &there).as_ref() == Some(record) => {
                return Ok(Fate::Present);
            }
            Err(error) if error.is_passing() => return Err(error),
            // Something else is there, or nothing: the refusal stands.
            _ => {}
        }
    }
    let ClientError::Refused { reason, message, fields, .. } = error else { return Err(error) };
    let remedy = remedy(&reason);
    let fields = fields.into_iter().map(|(field, problem)| Wrong { field, problem }).collect();
    Ok(Fate::Refused(Refusal { line: row.line, id: row.id().to_owned(), reason, message, fields, remedy }))
}

/// A call that is made again while what keeps its answer away may pass.
async fn retried<T>(call: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut failures = 0;
    loop {
        let error = match call().await {
            Err(error) if error.is_passing() && failures < RETRIES => error,
            answer => return answer,
        };
        let asked = match &error {
            ClientError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        };
        tokio::time::sleep(asked.unwrap_or(FIRST_WAIT * 2u32.pow(failures))).await;
        failures += 1;
    }
}

fn print_report<K: Kind>(out: &mut dyn Write, report: &Report) -> Written<()> {
    output::row(out, "File", &report.file)?;
    let (recorded, present, refused) = (report.recorded, report.present, report.refused);
    let rows = counted(report.rows, "row");
    output::row(out, "Rows", &format!("{rows}: {recorded} recorded, {present} present, {refused} refused"))?;
    for refusal in report.refusals.iter().take(MAX_SHOWN) {
        let fields = match refusal.reason.as_str() {
            // Its message names them.
            "RECORD_INVALID" => String::new(),
            _ => refusal.fields.iter().map(|Wrong { field, problem }| format!("; {field}: {problem}")).collect(),
        };
        let Refusal { line, id, reason, message, .. } = refusal;
        output::row(out, "", &format!("line {line}, {id}: {reason}: {message}{fields}"))?;
    }
    match report.refusals.len().checked_sub(MAX_SHOWN) {
        Some(more @ 1..) => output::row(out, "", &format!("… and {more} more")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split() {
        assert_eq!(split("organizations/o/sites/s/stockRecords/r"), ("organizations/o/sites/s", "r"));
        assert_eq!(split("x"), ("", ""));
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_said() {
        let rows = table::read("id,net\nA,1,2\n", &["net"]).unwrap();
        let wrong = checked(&rows[0], |_, _| Err::<(), _>(vec![Violation::new("net", "must be above zero")]));
        let paths: Vec<_> = wrong.unwrap_err().into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["row", "id", "net"]);
    }
}
