//! `touchctl stocks`: stocks of materials, as surveys found them.

use std::io::{Result as Written, Write};

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::instrument::Violation;
use record::reading::StockRecord;
use touchstone_client::{Client, ClientError};

use crate::args::{StockArgs, StocksCommand, id, time, word};
use crate::error::Error;
use crate::records::{self, Kind, New, Source};
use crate::table::Row;
use crate::{Surroundings, output};

const COLUMNS: &[&str] = &["material", "at", "mass", "unit", "expanded-uncertainty", "coverage-factor", "corrects"];

/// Runs a command.
pub(crate) fn run(command: &StocksCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        StocksCommand::Create(args) => {
            let source = Source {
                name: args.name.as_deref(),
                from: args.from.as_deref(),
                parent: args.site.as_deref(),
                columns: COLUMNS,
                change: &args.change,
                connection: &args.connection,
            };
            records::create::<Stock>(&source, |row, id| build(args, row, id), json, world)
        }
        StocksCommand::Get { name, connection } => records::get::<Stock>(name, connection, json, world),
        StocksCommand::List(args) => records::list::<Stock>(&args.site, &args.connection, json, world),
    }
}

fn build(args: &StockArgs, row: &Row, own: &str) -> Result<StockRecord, Vec<Violation>> {
    let mut found = Vec::new();
    let material = row.value(&mut found, "material", &args.material, word::<String>);
    let at = row.value(&mut found, "at", &args.at, time);
    let mass = row.value(&mut found, "mass", &args.mass, word);
    let unit = row.value(&mut found, "unit", &args.unit, word);
    let expanded = row.value(&mut found, "expanded-uncertainty", &args.expanded_uncertainty, word);
    let factor = row.value(&mut found, "coverage-factor", &args.coverage_factor, word);
    let corrects = row.optional(&mut found, "corrects", &args.corrects, id);
    let built = || {
        Some(StockRecord {
            id: own.to_owned(),
            material: material?,
            time: at?.at,
            mass: mass?,
            unit: unit?,
            expanded_uncertainty: expanded?,
            coverage_factor: factor?,
            corrects,
        })
    };
    records::whole(built(), found, StockRecord::violations)
}

struct Stock;

impl Kind for Stock {
    type Record = StockRecord;
    type Message = wire::StockRecord;
    const NOUN: &'static str = "stock";
    const MEMBER: &'static str = "stocks";
    const COLLECTION: &'static str = "stockRecords";

    fn read(fields: &mut Fields, id: &str, message: &Self::Message) -> Option<Self::Record> {
        words::stock_record(fields, "stock", id, message)
    }

    fn name(message: &Self::Message) -> &str {
        &message.name
    }

    fn print(out: &mut dyn Write, stock: &Self::Record) -> Written<()> {
        let StockRecord { mass, unit, material, time, expanded_uncertainty: u, coverage_factor: k, .. } = stock;
        output::row(out, "", &format!("{mass} {unit} ± {u} {unit} (k = {k}) of {material}, {time}"))?;
        records::print_corrects(out, &stock.corrects)
    }

    async fn create(client: &Client, new: New<'_, Self::Record>) -> Result<Self::Message, ClientError> {
        let request = wire::CreateStockRecordRequest {
            parent: new.parent.to_owned(),
            stock_record_id: new.id.to_owned(),
            stock_record: Some(words::to_stock_record(new.record)),
            request_id: new.request_id.to_owned(),
        };
        Ok(client.metering().create_stock_record(request).await?.into_inner())
    }

    async fn get(client: &Client, name: String) -> Result<Self::Message, ClientError> {
        Ok(client.metering().get_stock_record(wire::GetStockRecordRequest { name }).await?.into_inner())
    }

    async fn page(client: &Client, parent: String, token: String) -> Result<(Vec<Self::Message>, String), ClientError> {
        let request = wire::ListStockRecordsRequest { parent, page_size: 1_000, page_token: token };
        let page = client.metering().list_stock_records(request).await?.into_inner();
        Ok((page.stock_records, page.next_page_token))
    }
}
