//! `touchctl inspections`: looks at an instrument's seal and clock.

use std::io::{Result as Written, Write};

use proto::convert::metering as words;
use proto::metering as wire;
use record::calibration::Inspection;
use touchstone_client::ClientError;

use crate::args::{InspectionArgs, InspectionsCommand};
use crate::connection::{Server, pages};
use crate::error::Error;
use crate::instruments::record;
use crate::{DONE, Surroundings, output};

/// Runs a command.
pub(crate) fn run(command: &InspectionsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let written = match command {
        InspectionsCommand::Create(args) => {
            let made = create(args)?;
            if json { output::json(world.out, &made) } else { print(world.out, &made) }
        }
        InspectionsCommand::List(args) => {
            let all = list(&Server::open(&args.connection)?, &args.instrument)?;
            match json {
                true => output::json(world.out, &serde_json::json!({ "inspections": all })),
                false => all.iter().try_for_each(|one| print(world.out, one)),
            }
        }
    };
    written.map(|()| DONE).map_err(Error::Output)
}

fn read(server: &Server, message: &wire::Inspection) -> Result<Inspection, Error> {
    let id = message.name.rsplit('/').next().unwrap_or_default();
    record(server, |fields| words::inspection(fields, "inspection", id, message))
}

fn create(args: &InspectionArgs) -> Result<Inspection, Error> {
    let inspection = Inspection {
        id: args.id.clone(),
        time: args.at.at,
        inspector: args.inspector.clone(),
        seal_number: args.seal_number.clone(),
        seal: args.seal,
        clock_error_secs: args.clock_error_secs.clone(),
    };
    let violations = inspection.violations();
    if !violations.is_empty() {
        return Err(Error::Form { violations });
    }
    let server = Server::open(&args.connection)?;
    let request = wire::CreateInspectionRequest {
        parent: args.instrument.clone(),
        inspection_id: args.id.clone(),
        inspection: Some(words::to_inspection(&inspection)),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().create_inspection(request).await?.into_inner())
    })?;
    read(&server, &made)
}

fn list(server: &Server, instrument: &str) -> Result<Vec<Inspection>, Error> {
    let found = server.wait(pages(|page_token| async {
        let request = wire::ListInspectionsRequest { parent: instrument.to_owned(), page_size: 1_000, page_token };
        let page = server.client().metering().list_inspections(request).await?.into_inner();
        Ok::<_, ClientError>((page.inspections, page.next_page_token))
    }))?;
    found.iter().map(|message| read(server, message)).collect()
}

fn print(out: &mut dyn Write, inspection: &Inspection) -> Written<()> {
    output::row(out, "Inspection", &format!("{} of {}, by {}", inspection.id, inspection.time, inspection.inspector))?;
    if let Some(seal) = &inspection.seal {
        let number = inspection.seal_number.as_ref().map_or_else(String::new, |number| format!("{number} "));
        output::row(out, "Seal", &format!("{number}{}", output::word(seal)))?;
    }
    match &inspection.clock_error_secs {
        Some(error) => output::row(out, "Clock", &format!("{error} s from the true time")),
        None => Ok(()),
    }
}
