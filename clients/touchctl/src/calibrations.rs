//! `touchctl calibrations`: certificates read, recorded, fetched, and told of before they end.

use std::io::{Result as Written, Write};
use std::path::Path;

use dcc::meter::MeterCalibration;
use dcc::{Dcc, DccError, SignatureState};
use jiff::Timestamp;
use proto::convert::metering as words;
use proto::{metering as wire, parse_timestamp};
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource};
use record::instrument::Sha256;
use serde::Serialize;
use touchstone_client::ClientError;

use crate::args::{CalibrationsCommand, CreateCalibrationArgs, ImportCalibrationArgs};
use crate::connection::{Server, pages};
use crate::error::Error;
use crate::instruments::record;
use crate::{DONE, FAILED, Surroundings, files, output};

/// Largest file of which a digest is made.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Runs a command.
pub(crate) fn run(command: &CalibrationsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let one = match command {
        CalibrationsCommand::Read { file, serial_number } => {
            return read_offline(file, serial_number.as_deref(), json, world);
        }
        CalibrationsCommand::Warnings { site, watch, connection } => {
            return warnings(&Server::open(connection)?, site, *watch, json, world);
        }
        CalibrationsCommand::File { name, out, connection } => {
            return fetch_file(&Server::open(connection)?, name, out, json, world);
        }
        CalibrationsCommand::List(args) => {
            let server = Server::open(&args.connection)?;
            let all = list(&server, &args.instrument)?;
            let all = all.iter().map(|message| read(&server, message)).collect::<Result<Vec<_>, _>>()?;
            return done(match json {
                true => output::json(world.out, &serde_json::json!({ "calibrations": all })),
                false => all.iter().try_for_each(|one| print(world.out, one)),
            });
        }
        CalibrationsCommand::Import(args) => import(args)?,
        CalibrationsCommand::Create(args) => create(args)?,
    };
    done(if json { output::json(world.out, &one) } else { print(world.out, &one) })
}

fn done(written: Written<()>) -> Result<u8, Error> {
    written.map(|()| DONE).map_err(Error::Output)
}

/// A calibration as it is recorded, under its resource name.
#[derive(Serialize)]
struct Recorded {
    name: String,
    calibration: Calibration,
}

fn read(server: &Server, message: &wire::Calibration) -> Result<Recorded, Error> {
    let calibration = record(server, |fields| words::calibration(fields, "calibration", message))?;
    Ok(Recorded { name: message.name.clone(), calibration })
}

/// The calibrations of an instrument, as the server sends them.
pub(crate) fn list(server: &Server, instrument: &str) -> Result<Vec<wire::Calibration>, Error> {
    server.wait(pages(|page_token| async {
        let request = wire::ListCalibrationsRequest { parent: instrument.to_owned(), page_size: 1_000, page_token };
        let page = server.client().metering().list_calibrations(request).await?.into_inner();
        Ok::<_, ClientError>((page.calibrations, page.next_page_token))
    }))
}

/// The certificate file that a calibration was read from.
pub(crate) fn file(server: &Server, name: &str) -> Result<Vec<u8>, Error> {
    let request = wire::GetCalibrationFileRequest { name: name.to_owned() };
    let call = async { Ok(server.client().metering().get_calibration_file(request).await?.into_inner()) };
    Ok(server.wait(call)?.certificate)
}

fn fetch_file(server: &Server, name: &str, out: &Path, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    files::vacant("out", out)?;
    let certificate = file(server, name)?;
    files::create("out", out, &certificate)?;
    let sha256 = Sha256::of(&certificate);
    let (file, size) = (out.display().to_string(), certificate.len());
    done(match json {
        true => output::json(world.out, &serde_json::json!({ "file": file, "size": size, "sha256": sha256 })),
        false => writeln!(world.out, "Wrote {}, {size} bytes, SHA-256 {sha256}.", output::clean(&file)),
    })
}

/// An id that may stand in a resource name, of a certificate's number.
fn id_of(number: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id: String = number.chars().map(plain).take(63).collect();
    id.trim_matches('-').to_owned()
}

fn import(args: &ImportCalibrationArgs) -> Result<Recorded, Error> {
    let certificate = files::read("file", &args.file, dcc::MAX_DCC_BYTES as u64)?;
    // What cannot be read here is not sent.
    let read_here = dcc::read(&certificate).map_err(|error| Error::Dcc { path: args.file.clone(), error })?;
    if !read_here.template_marks.is_empty() {
        let error = DccError::Template { marks: read_here.template_marks };
        return Err(Error::Dcc { path: args.file.clone(), error });
    }
    let server = Server::open(&args.connection)?;
    let request = wire::ImportCalibrationRequest {
        parent: args.instrument.clone(),
        calibration_id: args.id.clone().unwrap_or_else(|| id_of(&read_here.core.unique_identifier)),
        certificate,
        laboratory_accreditation: args.laboratory_accreditation.clone().unwrap_or_default(),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().import_calibration(request).await?.into_inner())
    })?;
    read(&server, &made)
}

fn create(args: &CreateCalibrationArgs) -> Result<Recorded, Error> {
    let calibration = Calibration {
        certificate_id: args.certificate_id.clone(),
        laboratory: args.laboratory.clone(),
        laboratory_accreditation: args.laboratory_accreditation.clone(),
        calibrated_time: args.calibrated.at,
        validity: args.valid,
        points: args.point.clone(),
        as_found: args.as_found.clone(),
        file_digest: Sha256::of(&files::read("file", &args.file, MAX_FILE_BYTES)?),
        source: CalibrationSource::Form,
    };
    let violations = calibration.violations();
    if !violations.is_empty() {
        return Err(Error::Form { violations });
    }
    let server = Server::open(&args.connection)?;
    let request = wire::CreateCalibrationRequest {
        parent: args.instrument.clone(),
        calibration_id: args.id.clone().unwrap_or_else(|| id_of(&args.certificate_id)),
        calibration: Some(words::to_calibration(&calibration)),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().create_calibration(request).await?.into_inner())
    })?;
    read(&server, &made)
}

fn print(out: &mut dyn Write, recorded: &Recorded) -> Written<()> {
    let calibration = &recorded.calibration;
    output::row(out, "Calibration", &recorded.name)?;
    output::row(out, "Certificate", &calibration.certificate_id)?;
    let (laboratory, number) = (&calibration.laboratory, &calibration.laboratory_accreditation);
    output::row(out, "Laboratory", &format!("{laboratory}, {number}"))?;
    output::row(out, "Calibrated", &calibration.calibrated_time.to_string())?;
    output::row(out, "Relied on", &format!("{} to {}", calibration.validity.start, calibration.validity.end))?;
    results(out, "As left", &calibration.points)?;
    results(out, "As found", &calibration.as_found)?;
    let source = match &calibration.source {
        CalibrationSource::Form => "typed in; its file was not read".to_owned(),
        CalibrationSource::Dcc { schema_version, signed } => {
            let signature = if *signed { "signed, the signature was not checked" } else { "not signed" };
            format!("Digital Calibration Certificate {schema_version}, {signature}")
        }
    };
    output::row(out, "Source", &source)?;
    output::row(out, "SHA-256", &calibration.file_digest.to_string())
}

fn results(out: &mut dyn Write, label: &str, points: &[CalibrationPoint]) -> Written<()> {
    for (i, point) in points.iter().enumerate() {
        let load = point.load.as_ref().map_or_else(|| "at every load".to_owned(), |load| format!("at {load}"));
        let (error, u, k) = (&point.error_percent, &point.expanded_uncertainty_percent, &point.coverage_factor);
        output::row(out, if i == 0 { label } else { "" }, &format!("{error} % ± {u} % (k = {k}) {load}"))?;
    }
    Ok(())
}

/// A certificate as it is understood: what it says of itself, and for each serial number the results that count, or why
/// there are none.
#[derive(Serialize)]
struct Understood<'a> {
    file: String,
    sha256: Sha256,
    certificate: &'a Dcc,
    meters: Vec<Meter>,
}

#[derive(Serialize)]
struct Meter {
    serial_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<MeterCalibration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Exit code 1 where a meter has no results that count.
fn read_offline(path: &Path, serial: Option<&str>, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let bytes = files::read("file", path, dcc::MAX_DCC_BYTES as u64)?;
    let wrong = |error| Error::Dcc { path: path.to_owned(), error };
    let certificate = dcc::read(&bytes).map_err(wrong)?;
    let all = certificate.items.iter().flat_map(|item| item.serial_numbers());
    let asked: Vec<&str> = serial.map_or_else(|| all.collect(), |serial| vec![serial]);
    let meter = |serial: &&str| match dcc::meter::points(&certificate, serial) {
        Ok(calibration) => Meter { serial_number: (*serial).to_owned(), calibration: Some(calibration), problem: None },
        Err(error) => {
            Meter { serial_number: (*serial).to_owned(), calibration: None, problem: Some(error.to_string()) }
        }
    };
    let understood = Understood {
        file: path.display().to_string(),
        sha256: Sha256::of(&bytes),
        meters: asked.iter().map(meter).collect(),
        certificate: &certificate,
    };
    let is_whole = !understood.meters.is_empty() && understood.meters.iter().all(|meter| meter.problem.is_none());
    let written = if json { output::json(world.out, &understood) } else { print_read(world.out, &understood) };
    written.map(|()| if is_whole { DONE } else { FAILED }).map_err(Error::Output)
}

fn print_read(out: &mut dyn Write, understood: &Understood<'_>) -> Written<()> {
    let certificate = understood.certificate;
    let core = &certificate.core;
    output::row(out, "File", &understood.file)?;
    output::row(out, "SHA-256", &understood.sha256.to_string())?;
    output::row(out, "Certificate", &core.unique_identifier)?;
    output::row(out, "Schema", &format!("DCC {}", certificate.version))?;
    let signature = match certificate.signature {
        SignatureState::Absent => "none",
        SignatureState::PresentNotChecked => "there is one; it was not checked",
    };
    output::row(out, "Signature", signature)?;
    let name = certificate.laboratory.contacts.first().and_then(|contact| contact.name.in_language("en"));
    output::row(out, "Laboratory", name.unwrap_or("not named"))?;
    output::row(out, "Accreditation", certificate.laboratory.code.as_deref().unwrap_or("not named: state it"))?;
    output::row(out, "Calibrated", &format!("{} to {}", core.begin_performance_date, core.end_performance_date))?;
    if let Some(replaced) = &core.replaces {
        output::row(out, "Replaces", &format!("{} ({})", replaced.unique_identifier, replaced.type_of_change))?;
    }
    if understood.meters.is_empty() {
        output::row(out, "Meters", "none: no item has a serial number")?;
    }
    for meter in &understood.meters {
        writeln!(out)?;
        output::row(out, "Serial number", &meter.serial_number)?;
        if let Some(problem) = &meter.problem {
            output::row(out, "Not usable", problem)?;
        }
        let Some(calibration) = &meter.calibration else { continue };
        for (label, points) in [("As found", &calibration.as_found), ("As left", &calibration.as_left)] {
            for (i, point) in points.iter().enumerate() {
                let factor = point.power_factor.as_ref().map_or_else(String::new, |f| format!(", power factor {f}"));
                let (error, u, k) = (&point.error_percent, &point.expanded_uncertainty_percent, &point.coverage_factor);
                let load = format!("{} {}", point.load.value, point.load.unit);
                let words = format!("{error} % ± {u} % (k = {k}) at {load}{factor}");
                output::row(out, if i == 0 { label } else { "" }, &words)?;
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Warning {
    instrument: String,
    /// The calibration that holds until then; absent where the instrument never had one.
    calibration: Option<String>,
    end: Option<Timestamp>,
    /// 60, 30 or 7 days before the end, 0 after it.
    days: i32,
}

impl From<wire::CalibrationWarning> for Warning {
    fn from(warning: wire::CalibrationWarning) -> Self {
        Warning {
            instrument: warning.instrument,
            calibration: Some(warning.calibration).filter(|name| !name.is_empty()),
            end: warning.end_time.as_ref().and_then(parse_timestamp),
            days: warning.days,
        }
    }
}

fn warnings(server: &Server, site: &str, watch: bool, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    if watch {
        let request = wire::WatchCalibrationWarningsRequest { parent: site.to_owned() };
        let call = async { Ok(server.client().metering().watch_calibration_warnings(request).await?.into_inner()) };
        let mut answers = server.wait(call)?;
        while let Some(answer) = server.wait(async { Ok(answers.message().await?) })? {
            let Some(warning) = answer.warning.map(Warning::from) else { continue };
            let written = match json {
                true => output::json_line(world.out, &warning),
                false => print_warning(world.out, &warning),
            };
            written.and_then(|()| world.out.flush()).map_err(Error::Output)?;
        }
        return Ok(DONE);
    }
    let found = server.wait(pages(|page_token| async {
        let request = wire::ListCalibrationWarningsRequest { parent: site.to_owned(), page_size: 1_000, page_token };
        let page = server.client().metering().list_calibration_warnings(request).await?.into_inner();
        Ok::<_, ClientError>((page.warnings, page.next_page_token))
    }))?;
    let found: Vec<Warning> = found.into_iter().map(Warning::from).collect();
    done(match json {
        true => output::json(world.out, &serde_json::json!({ "warnings": found })),
        false if found.is_empty() => writeln!(world.out, "No calibration ends within 60 days."),
        false => found.iter().try_for_each(|warning| print_warning(world.out, warning)),
    })
}

fn print_warning(out: &mut dyn Write, warning: &Warning) -> Written<()> {
    let words = match (&warning.calibration, warning.end) {
        (Some(calibration), Some(end)) if warning.days == 0 => format!("ended at {end}: {calibration}"),
        (Some(calibration), Some(end)) => format!("ends at {end}, within {} days: {calibration}", warning.days),
        _ => "was never calibrated".to_owned(),
    };
    output::row(out, "Instrument", &warning.instrument)?;
    output::row(out, "", &words)
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn ids_of_certificates() {
        assert_eq!(id_of("TEMPLATE-EM-0001"), "template-em-0001");
        assert_eq!(id_of("D-K-15000/2026 (07)"), "d-k-15000-2026--07");
        assert!(record::name::check_id(&id_of(&"x/".repeat(40))).is_ok());
    }
}
