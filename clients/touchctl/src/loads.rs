//! `touchctl loads`: weighed loads.

use std::io::{Result as Written, Write};

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::instrument::Violation;
use record::reading::{Direction, WeighbridgeRecord};
use touchstone_client::{Client, ClientError};

use crate::args::{LoadArgs, LoadsCommand, id, instrument, time, word};
use crate::error::Error;
use crate::records::{self, Kind, New, Source};
use crate::table::Row;
use crate::{Surroundings, output};

const COLUMNS: &[&str] = &["instrument", "material", "direction", "at", "net", "unit", "corrects"];

/// Runs a command.
pub(crate) fn run(command: &LoadsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        LoadsCommand::Create(args) => {
            let source = Source {
                name: args.name.as_deref(),
                from: args.from.as_deref(),
                parent: args.site.as_deref(),
                columns: COLUMNS,
                change: &args.change,
                connection: &args.connection,
            };
            records::create::<Load>(&source, |row, id| build(args, row, id), json, world)
        }
        LoadsCommand::Get { name, connection } => records::get::<Load>(name, connection, json, world),
        LoadsCommand::List(args) => records::list::<Load>(&args.site, &args.connection, json, world),
    }
}

fn build(args: &LoadArgs, row: &Row, own: &str) -> Result<WeighbridgeRecord, Vec<Violation>> {
    let mut found = Vec::new();
    let instrument = row.value(&mut found, "instrument", &args.instrument, instrument);
    let material = row.value(&mut found, "material", &args.material, word::<String>);
    let direction = row.value(&mut found, "direction", &args.direction, word);
    let at = row.value(&mut found, "at", &args.at, time);
    let net = row.value(&mut found, "net", &args.net, word);
    let unit = row.value(&mut found, "unit", &args.unit, word);
    let corrects = row.optional(&mut found, "corrects", &args.corrects, id);
    let built = || {
        Some(WeighbridgeRecord {
            id: own.to_owned(),
            instrument: instrument?,
            material: material?,
            time: at?.at,
            direction: direction?,
            net: net?,
            unit: unit?,
            corrects,
        })
    };
    records::whole(built(), found, WeighbridgeRecord::violations)
}

struct Load;

impl Kind for Load {
    type Record = WeighbridgeRecord;
    type Message = wire::WeighbridgeRecord;
    const NOUN: &'static str = "load";
    const MEMBER: &'static str = "loads";
    const COLLECTION: &'static str = "weighbridgeRecords";

    fn read(fields: &mut Fields, id: &str, message: &Self::Message) -> Option<Self::Record> {
        words::weighbridge_record(fields, "load", id, message)
    }

    fn name(message: &Self::Message) -> &str {
        &message.name
    }

    fn print(out: &mut dyn Write, load: &Self::Record) -> Written<()> {
        let way = match load.direction {
            Direction::In => "into",
            Direction::Out => "out of",
        };
        let what = format!("{} {} of {}, {way} the site, {}", load.net, load.unit, load.material, load.time);
        output::row(out, "", &what)?;
        output::row(out, "Weighed by", &load.instrument)?;
        records::print_corrects(out, &load.corrects)
    }

    async fn create(client: &Client, new: New<'_, Self::Record>) -> Result<Self::Message, ClientError> {
        let request = wire::CreateWeighbridgeRecordRequest {
            parent: new.parent.to_owned(),
            weighbridge_record_id: new.id.to_owned(),
            weighbridge_record: Some(words::to_weighbridge_record(new.record)),
            request_id: new.request_id.to_owned(),
        };
        Ok(client.metering().create_weighbridge_record(request).await?.into_inner())
    }

    async fn get(client: &Client, name: String) -> Result<Self::Message, ClientError> {
        let request = wire::GetWeighbridgeRecordRequest { name };
        Ok(client.metering().get_weighbridge_record(request).await?.into_inner())
    }

    async fn page(client: &Client, parent: String, token: String) -> Result<(Vec<Self::Message>, String), ClientError> {
        let request = wire::ListWeighbridgeRecordsRequest { parent, page_size: 1_000, page_token: token };
        let page = client.metering().list_weighbridge_records(request).await?.into_inner();
        Ok((page.weighbridge_records, page.next_page_token))
    }
}
