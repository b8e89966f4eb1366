//! `touchctl readings list`: readings in force, written as they come.

use jiff::Timestamp;
use proto::{interval, metering as wire, parse_timestamp, timestamp};
use quantity::Decimal;
use record::instrument::Instrument;
use serde::Serialize;
use touchstone_client::ClientError;

use crate::args::ListReadingsArgs;
use crate::connection::Server;
use crate::error::Error;
use crate::{DONE, Surroundings, instruments, output};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    start: Timestamp,
    step_secs: i64,
    value: Decimal,
}

/// Lists readings.
pub(crate) fn run(args: &ListReadingsArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let server = Server::open(&args.connection)?;
    let instrument = instruments::fetch(&server, &args.instrument)?;
    let request = wire::StreamReadingsRequest {
        parent: args.instrument.clone(),
        period: Some(interval(args.period.start, Some(args.period.end))),
        known_time: args.known.map(|known| timestamp(known.at)),
    };
    let mut answers =
        server.wait(async { Ok(server.client().metering().stream_readings(request).await?.into_inner()) })?;
    if !json {
        writeln!(world.out, "start,step_secs,value_{}", instrument.unit).map_err(Error::Output)?;
    }
    while let Some(answer) = server.wait(async { Ok(answers.message().await?) })? {
        for run in &answer.runs {
            for reading in readings(run, &instrument) {
                let reading = reading.map_err(|error| server.failed(error))?;
                let written = match json {
                    true => output::json_line(world.out, &reading),
                    false => writeln!(world.out, "{},{},{}", reading.start, reading.step_secs, reading.value),
                };
                written.map_err(Error::Output)?;
            }
        }
    }
    Ok(DONE)
}

/// The readings of a run, in the unit of the instrument.
fn readings<'a>(
    run: &'a wire::ReadingRun,
    instrument: &Instrument,
) -> impl Iterator<Item = Result<Shown, ClientError>> + 'a {
    let unusable = || ClientError::Answer { what: "a run of readings".to_owned() };
    let start = run.start_time.as_ref().and_then(parse_timestamp);
    let step = run.step.as_ref().map(|step| step.seconds);
    let (mantissa, exponent) = instrument.resolution.scaled();
    run.values.iter().enumerate().map(move |(index, value)| {
        let (start, step_secs) = start.zip(step).ok_or_else(unusable)?;
        let second = step_secs.checked_mul(index as i64).and_then(|after| start.as_second().checked_add(after));
        let start = second.and_then(|second| Timestamp::from_second(second).ok()).ok_or_else(unusable)?;
        let value = mantissa.checked_mul(i128::from(*value)).ok_or_else(unusable)?;
        let value = Decimal::from_scaled(value, exponent).map_err(|_| unusable())?;
        Ok(Shown { start, step_secs, value })
    })
}
