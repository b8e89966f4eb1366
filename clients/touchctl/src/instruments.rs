//! `touchctl instruments`: what measures, and where it stood.

use std::io::{Result as Written, Write};
use std::path::Path;

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::{metering as wire, timestamp};
use record::instrument::{Instrument, Placement, Register};
use touchstone_client::ClientError;

use crate::args::{CreateInstrumentArgs, DeviceArgs, InstrumentsCommand, RegisterType, ReplaceArgs};
use crate::connection::{Server, pages};
use crate::error::Error;
use crate::{DONE, Surroundings, files, output};

/// Largest file of an instrument, or of a key.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Runs a command.
pub(crate) fn run(command: &InstrumentsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let one = match command {
        InstrumentsCommand::List(args) => {
            let all = list(&Server::open(&args.connection)?, &args.site)?;
            return written(match json {
                true => output::json(world.out, &serde_json::json!({ "instruments": all })),
                false => all.iter().try_for_each(|one| print(world.out, one)),
            });
        }
        InstrumentsCommand::Create(args) => create(args)?,
        InstrumentsCommand::Get(args) => fetch(&Server::open(&args.connection)?, &args.name)?,
        InstrumentsCommand::Replace(args) => replace(args)?,
        InstrumentsCommand::Move(args) => {
            let server = Server::open(&args.connection)?;
            let request = wire::MoveInstrumentRequest {
                name: args.name.clone(),
                location: args.location.clone(),
                move_time: Some(timestamp(args.at.at)),
                request_id: args.change.id(),
            };
            let id = request.request_id.clone();
            let call = async { Ok(server.client().metering().move_instrument(request).await?.into_inner()) };
            read(&server, &server.change(&id, call)?)?
        }
        InstrumentsCommand::Retire(args) => {
            let server = Server::open(&args.connection)?;
            let request = wire::RetireInstrumentRequest {
                name: args.name.clone(),
                retirement_time: Some(timestamp(args.at.at)),
                request_id: args.change.id(),
            };
            let id = request.request_id.clone();
            let call = async { Ok(server.client().metering().retire_instrument(request).await?.into_inner()) };
            read(&server, &server.change(&id, call)?)?
        }
    };
    written(if json { output::json(world.out, &one) } else { print(world.out, &one) })
}

fn written(written: Written<()>) -> Result<u8, Error> {
    written.map(|()| DONE).map_err(Error::Output)
}

/// An instrument as it is registered.
pub(crate) fn fetch(server: &Server, name: &str) -> Result<Instrument, Error> {
    let request = wire::GetInstrumentRequest { name: name.to_owned() };
    let found = server.wait(async { Ok(server.client().metering().get_instrument(request).await?.into_inner()) })?;
    read(server, &found)
}

/// What the server sent, as a record.
fn read(server: &Server, message: &wire::Instrument) -> Result<Instrument, Error> {
    record(server, |fields| words::instrument(fields, "instrument", &message.name, message))
}

/// A message of the server as a record.
pub(crate) fn record<T>(server: &Server, read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Error> {
    let mut fields = Fields::new();
    let read = read(&mut fields);
    let violations = fields.into_violations();
    match (read, violations.first()) {
        (Some(record), None) => Ok(record),
        (_, violation) => {
            let what = violation.map_or_else(|| "a record".to_owned(), |v| format!("{}: {}", v.field, v.description));
            Err(server.failed(ClientError::Answer { what }))
        }
    }
}

fn list(server: &Server, site: &str) -> Result<Vec<Instrument>, Error> {
    let found = server.wait(pages(|page_token| async {
        let request = wire::ListInstrumentsRequest { parent: site.to_owned(), page_size: 1_000, page_token };
        let page = server.client().metering().list_instruments(request).await?.into_inner();
        Ok::<_, ClientError>((page.instruments, page.next_page_token))
    }))?;
    found.iter().map(|message| read(server, message)).collect()
}

fn create(args: &CreateInstrumentArgs) -> Result<Instrument, Error> {
    let placement =
        args.location.clone().zip(args.from).map(|(location, from)| Placement { location, start: from.at, end: None });
    let instrument = stated(&args.device, args.name.as_deref(), placement)?;
    let server = Server::open(&args.connection)?;
    let (parent, id) = instrument.name.rsplit_once("/instruments/").unwrap_or_default();
    let request = wire::CreateInstrumentRequest {
        parent: parent.to_owned(),
        instrument_id: id.to_owned(),
        instrument: Some(words::to_instrument(&instrument)),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().create_instrument(request).await?.into_inner())
    })?;
    read(&server, &made)
}

fn replace(args: &ReplaceArgs) -> Result<Instrument, Error> {
    let server = Server::open(&args.connection)?;
    let location = match &args.location {
        Some(location) => location.clone(),
        // Its place is that of the old one.
        None => {
            let mut placements = fetch(&server, &args.name)?.placements;
            placements.pop().map_or_else(String::new, |last| last.location)
        }
    };
    let placement = Placement { location, start: args.at.at, end: None };
    let instrument = stated(&args.device, args.by.as_deref(), Some(placement))?;
    let site = |name: &str| name.rsplit_once("/instruments/").map(|(site, _)| site.to_owned());
    if site(&instrument.name) != site(&args.name) {
        let problem = "must be at the site of the one that it replaces";
        return Err(Error::Form { violations: vec![record::instrument::Violation::new("name", problem)] });
    }
    let request = wire::ReplaceInstrumentRequest {
        name: args.name.clone(),
        instrument_id: instrument.name.rsplit('/').next().unwrap_or_default().to_owned(),
        instrument: Some(words::to_instrument(&instrument)),
        replacement_time: Some(timestamp(args.at.at)),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().replace_instrument(request).await?.into_inner())
    })?;
    read(&server, &made)
}

/// An instrument as options state it, or a file.
fn stated(args: &DeviceArgs, name: Option<&str>, placement: Option<Placement>) -> Result<Instrument, Error> {
    if let Some(path) = &args.file {
        let mut instrument = of_file(path)?;
        if let (true, Some(placement)) = (name.is_none(), placement) {
            instrument.placements = vec![placement];
        }
        let violations = instrument.violations();
        return match violations.is_empty() {
            true => Ok(instrument),
            false => Err(Error::Record { argument: "file", path: path.clone(), violations }),
        };
    }
    let usage = || Error::Usage("error: state the instrument by its options, or give --file".to_owned());
    let range = args.register_range.ok_or_else(usage)?;
    let signing_key = match &args.signing_key {
        Some(path) => Some(files::text("signing-key", path, MAX_FILE_BYTES)?.trim().to_owned()),
        None => None,
    };
    let instrument = Instrument {
        name: name.ok_or_else(usage)?.to_owned(),
        kind: args.kind.ok_or_else(usage)?,
        serial_number: args.serial_number.clone().ok_or_else(usage)?,
        measurand: args.measurand.ok_or_else(usage)?,
        unit: args.unit.ok_or_else(usage)?,
        register: match args.register {
            RegisterType::Interval => Register::Interval { maximum: range },
            RegisterType::Cumulative => Register::Cumulative { rollover: range },
        },
        resolution: args.resolution.clone().ok_or_else(usage)?,
        multiplier: args.multiplier.clone(),
        accuracy_class: args.accuracy_class.clone(),
        max_permissible_error_percent: args.max_permissible_error_percent.clone(),
        placements: vec![placement.ok_or_else(usage)?],
        replaces: None,
        signing_key,
    };
    let violations = instrument.violations();
    if violations.is_empty() { Ok(instrument) } else { Err(Error::Form { violations }) }
}

/// The record from JSON, or from TOML.
fn of_file(path: &Path) -> Result<Instrument, Error> {
    let text = files::text("file", path, MAX_FILE_BYTES)?;
    let read = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_owned()),
    };
    let problem = match read {
        Ok(instrument) => return Ok(instrument),
        Err(problem) => record::instrument::Violation::new("instrument", problem),
    };
    Err(Error::Record { argument: "file", path: path.to_owned(), violations: vec![problem] })
}

fn print(out: &mut dyn Write, instrument: &Instrument) -> Written<()> {
    output::row(out, "Instrument", &instrument.name)?;
    output::row(
        out,
        "Kind",
        &format!("{}, serial number {}", output::word(&instrument.kind), instrument.serial_number),
    )?;
    let (unit, resolution) = (instrument.unit, &instrument.resolution);
    output::row(out, "Measures", &format!("{} in steps of {resolution} {unit}", output::word(&instrument.measurand)))?;
    let register = match instrument.register {
        Register::Interval { maximum } => format!("each interval from zero, at most {maximum} steps"),
        Register::Cumulative { rollover } => format!("on and on, back to zero at {rollover} steps"),
    };
    output::row(out, "Register", &register)?;
    if let Some(multiplier) = &instrument.multiplier {
        let (ratio, u, k) = (&multiplier.ratio, &multiplier.expanded_uncertainty_percent, &multiplier.coverage_factor);
        output::row(out, "Multiplier", &format!("{ratio} ± {u} % (k = {k})"))?;
    }
    if let Some(class) = &instrument.accuracy_class {
        output::row(out, "Class", class)?;
    }
    if let Some(percent) = &instrument.max_permissible_error_percent {
        output::row(out, "Permissible", &format!("error of at most {percent} %, where no calibration is valid"))?;
    }
    for Placement { location, start, end } in &instrument.placements {
        let until = end.map_or_else(String::new, |end| format!(" to {end}"));
        output::row(out, "Placed", &format!("{location}, from {start}{until}"))?;
    }
    if let Some(replaced) = &instrument.replaces {
        output::row(out, "Replaces", replaced)?;
    }
    match &instrument.signing_key {
        Some(key) => output::row(out, "Signs with", key),
        None => Ok(()),
    }
}
