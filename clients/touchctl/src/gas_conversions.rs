//! `touchctl gas-conversions`: volumes of gas meters to reference conditions.

use std::io::{Result as Written, Write};

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::instrument::Violation;
use record::reading::GasConversion;
use touchstone_client::{Client, ClientError};

use crate::args::{GasConversionArgs, GasConversionsCommand, id, period, word};
use crate::error::Error;
use crate::records::{self, Kind, New, Source};
use crate::table::Row;
use crate::{Surroundings, output};

const COLUMNS: &[&str] = &[
    "period",
    "pressure-kpa",
    "pressure-expanded-uncertainty-kpa",
    "temperature-celsius",
    "temperature-expanded-uncertainty-kelvin",
    "compressibility-ratio",
    "compressibility-expanded-uncertainty",
    "coverage-factor",
    "method",
    "corrects",
];

/// Runs a command.
pub(crate) fn run(command: &GasConversionsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        GasConversionsCommand::Create(args) => {
            let source = Source {
                name: args.name.as_deref(),
                from: args.from.as_deref(),
                parent: args.instrument.as_deref(),
                columns: COLUMNS,
                change: &args.change,
                connection: &args.connection,
            };
            records::create::<Conversion>(&source, |row, id| build(args, row, id), json, world)
        }
        GasConversionsCommand::Get { name, connection } => records::get::<Conversion>(name, connection, json, world),
        GasConversionsCommand::List(args) => {
            records::list::<Conversion>(&args.instrument, &args.connection, json, world)
        }
    }
}

fn build(args: &GasConversionArgs, row: &Row, own: &str) -> Result<GasConversion, Vec<Violation>> {
    let mut found = Vec::new();
    let period = row.value(&mut found, "period", &args.period, period);
    let pressure = row.value(&mut found, "pressure-kpa", &args.pressure_kpa, word);
    let pressure_u =
        row.value(&mut found, "pressure-expanded-uncertainty-kpa", &args.pressure_expanded_uncertainty_kpa, word);
    let temperature = row.value(&mut found, "temperature-celsius", &args.temperature_celsius, word);
    let temperature_u = row.value(
        &mut found,
        "temperature-expanded-uncertainty-kelvin",
        &args.temperature_expanded_uncertainty_kelvin,
        word,
    );
    let ratio = row.value(&mut found, "compressibility-ratio", &args.compressibility_ratio, word);
    let ratio_u =
        row.value(&mut found, "compressibility-expanded-uncertainty", &args.compressibility_expanded_uncertainty, word);
    let factor = row.value(&mut found, "coverage-factor", &args.coverage_factor, word);
    let method = row.value(&mut found, "method", &args.method, word::<String>);
    let corrects = row.optional(&mut found, "corrects", &args.corrects, id);
    let built = || {
        Some(GasConversion {
            id: own.to_owned(),
            period: period?,
            pressure_kpa: pressure?,
            pressure_expanded_uncertainty_kpa: pressure_u?,
            temperature_celsius: temperature?,
            temperature_expanded_uncertainty_kelvin: temperature_u?,
            compressibility_ratio: ratio?,
            compressibility_expanded_uncertainty: ratio_u?,
            coverage_factor: factor?,
            method: method?,
            corrects,
        })
    };
    records::whole(built(), found, GasConversion::violations)
}

struct Conversion;

impl Kind for Conversion {
    type Record = GasConversion;
    type Message = wire::GasConversion;
    const NOUN: &'static str = "conversion";
    const MEMBER: &'static str = "gasConversions";
    const COLLECTION: &'static str = "gasConversions";

    fn read(fields: &mut Fields, id: &str, message: &Self::Message) -> Option<Self::Record> {
        words::gas_conversion(fields, "gas_conversion", id, message)
    }

    fn name(message: &Self::Message) -> &str {
        &message.name
    }

    fn print(out: &mut dyn Write, conversion: &Self::Record) -> Written<()> {
        let c = conversion;
        output::row(out, "", &format!("of {} to {}, by {}", c.period.start, c.period.end, c.method))?;
        let k = &c.coverage_factor;
        for (label, value, u, unit) in [
            ("Pressure", &c.pressure_kpa, &c.pressure_expanded_uncertainty_kpa, " kPa"),
            ("Temperature", &c.temperature_celsius, &c.temperature_expanded_uncertainty_kelvin, " °C"),
            ("Z_n / Z", &c.compressibility_ratio, &c.compressibility_expanded_uncertainty, ""),
        ] {
            // A difference of temperature is one of kelvin.
            let of_u = if unit == " °C" { " K" } else { unit };
            output::row(out, label, &format!("{value}{unit} ± {u}{of_u} (k = {k})"))?;
        }
        records::print_corrects(out, &c.corrects)
    }

    async fn create(client: &Client, new: New<'_, Self::Record>) -> Result<Self::Message, ClientError> {
        let request = wire::CreateGasConversionRequest {
            parent: new.parent.to_owned(),
            gas_conversion_id: new.id.to_owned(),
            gas_conversion: Some(words::to_gas_conversion(new.record)),
            request_id: new.request_id.to_owned(),
        };
        Ok(client.metering().create_gas_conversion(request).await?.into_inner())
    }

    async fn get(client: &Client, name: String) -> Result<Self::Message, ClientError> {
        Ok(client.metering().get_gas_conversion(wire::GetGasConversionRequest { name }).await?.into_inner())
    }

    async fn page(client: &Client, parent: String, token: String) -> Result<(Vec<Self::Message>, String), ClientError> {
        let request = wire::ListGasConversionsRequest { parent, page_size: 1_000, page_token: token };
        let page = client.metering().list_gas_conversions(request).await?.into_inner();
        Ok((page.gas_conversions, page.next_page_token))
    }
}
