//! `touchctl analyses`: what laboratories determined of materials.

use std::io::{Result as Written, Write};

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::instrument::Violation;
use record::reading::LaboratoryAnalysis;
use touchstone_client::{Client, ClientError};

use crate::args::{AnalysesCommand, AnalysisArgs, id, time, word};
use crate::error::Error;
use crate::records::{self, Kind, New, Source};
use crate::table::Row;
use crate::{Surroundings, output};

const COLUMNS: &[&str] = &[
    "sample",
    "material",
    "method",
    "laboratory",
    "laboratory-accreditation",
    "at",
    "property",
    "value",
    "unit",
    "expanded-uncertainty",
    "coverage-factor",
    "report-sha256",
    "corrects",
];

/// Runs a command.
pub(crate) fn run(command: &AnalysesCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        AnalysesCommand::Create(args) => {
            let source = Source {
                name: args.name.as_deref(),
                from: args.from.as_deref(),
                parent: args.site.as_deref(),
                columns: COLUMNS,
                change: &args.change,
                connection: &args.connection,
            };
            records::create::<Analysis>(&source, |row, id| build(args, row, id), json, world)
        }
        AnalysesCommand::Get { name, connection } => records::get::<Analysis>(name, connection, json, world),
        AnalysesCommand::List(args) => records::list::<Analysis>(&args.site, &args.connection, json, world),
    }
}

fn build(args: &AnalysisArgs, row: &Row, own: &str) -> Result<LaboratoryAnalysis, Vec<Violation>> {
    let mut found = Vec::new();
    let sample = row.value(&mut found, "sample", &args.sample, word::<String>);
    let material = row.value(&mut found, "material", &args.material, word::<String>);
    let method = row.value(&mut found, "method", &args.method, word::<String>);
    let laboratory = row.value(&mut found, "laboratory", &args.laboratory, word::<String>);
    let accreditation =
        row.value(&mut found, "laboratory-accreditation", &args.laboratory_accreditation, word::<String>);
    let at = row.value(&mut found, "at", &args.at, time);
    let property = row.value(&mut found, "property", &args.property, word);
    let value = row.value(&mut found, "value", &args.value, word);
    let unit = row.value(&mut found, "unit", &args.unit, word);
    let expanded = row.value(&mut found, "expanded-uncertainty", &args.expanded_uncertainty, word);
    let factor = row.value(&mut found, "coverage-factor", &args.coverage_factor, word);
    let file_digest = row.optional(&mut found, "report-sha256", &args.report_sha256, word);
    let corrects = row.optional(&mut found, "corrects", &args.corrects, id);
    let built = || {
        Some(LaboratoryAnalysis {
            id: own.to_owned(),
            sample: sample?,
            material: material?,
            method: method?,
            laboratory: laboratory?,
            laboratory_accreditation: accreditation?,
            time: at?.at,
            property: property?,
            value: value?,
            unit: unit?,
            expanded_uncertainty: expanded?,
            coverage_factor: factor?,
            file_digest,
            corrects,
        })
    };
    records::whole(built(), found, LaboratoryAnalysis::violations)
}

struct Analysis;

impl Kind for Analysis {
    type Record = LaboratoryAnalysis;
    type Message = wire::LaboratoryAnalysis;
    const NOUN: &'static str = "analysis";
    const MEMBER: &'static str = "analyses";
    const COLLECTION: &'static str = "laboratoryAnalyses";

    fn read(fields: &mut Fields, id: &str, message: &Self::Message) -> Option<Self::Record> {
        words::laboratory_analysis(fields, "analysis", id, message)
    }

    fn name(message: &Self::Message) -> &str {
        &message.name
    }

    fn print(out: &mut dyn Write, analysis: &Self::Record) -> Written<()> {
        let LaboratoryAnalysis { value, unit, expanded_uncertainty: u, coverage_factor: k, .. } = analysis;
        let (property, material) = (output::word(&analysis.property), &analysis.material);
        output::row(out, "", &format!("{property} of {material}: {value} {unit} ± {u} {unit} (k = {k})"))?;
        output::row(out, "Sample", &format!("{} of {}, by {}", analysis.sample, analysis.time, analysis.method))?;
        let (laboratory, number) = (&analysis.laboratory, &analysis.laboratory_accreditation);
        output::row(out, "Laboratory", &format!("{laboratory}, {number}"))?;
        if let Some(digest) = &analysis.file_digest {
            output::row(out, "Report", &format!("SHA-256 {digest}"))?;
        }
        records::print_corrects(out, &analysis.corrects)
    }

    async fn create(client: &Client, new: New<'_, Self::Record>) -> Result<Self::Message, ClientError> {
        let request = wire::CreateLaboratoryAnalysisRequest {
            parent: new.parent.to_owned(),
            laboratory_analysis_id: new.id.to_owned(),
            laboratory_analysis: Some(words::to_laboratory_analysis(new.record)),
            request_id: new.request_id.to_owned(),
        };
        Ok(client.metering().create_laboratory_analysis(request).await?.into_inner())
    }

    async fn get(client: &Client, name: String) -> Result<Self::Message, ClientError> {
        let request = wire::GetLaboratoryAnalysisRequest { name };
        Ok(client.metering().get_laboratory_analysis(request).await?.into_inner())
    }

    async fn page(client: &Client, parent: String, token: String) -> Result<(Vec<Self::Message>, String), ClientError> {
        let request = wire::ListLaboratoryAnalysesRequest { parent, page_size: 1_000, page_token: token };
        let page = client.metering().list_laboratory_analyses(request).await?.into_inner();
        Ok((page.laboratory_analyses, page.next_page_token))
    }
}
