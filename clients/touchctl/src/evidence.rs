//! `touchctl evidence`: a year in one file, and one day of it.

use std::io::{Result as Written, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use metering::{
    ArchiveError, CheckedArchive, CheckedCertificate, DAY_PROOF_FORMAT, MAX_ARCHIVE_BYTES, ProvenDay, evidence_leaves,
    evidence_root, prove_day, read_archive, read_day_proof, write_archive,
};
use proto::{interval, metering as wire, timestamp};
use quantity::{Decimal, Unit};
use record::calibration::CalibrationSource;
use record::evidence::{Evidence, MAX_BYTES};
use record::instrument::{Period, Sha256};
use serde::Serialize;
use touchstone_client::ClientError;

use crate::args::{EvidenceCommand, ExportArgs};
use crate::connection::Server;
use crate::error::Error;
use crate::output::counted;
use crate::{DONE, Surroundings, calibrations, files, output};

/// Runs a command.
pub(crate) fn run(command: &EvidenceCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let written = match command {
        EvidenceCommand::Export(args) => {
            let archive = export(args)?;
            wrote(&args.out, &Checked::of(&args.out, &archive), json, world)
        }
        EvidenceCommand::Check { file, root } => check(file, *root, json, world)?,
        EvidenceCommand::Prove { file, instrument, day, out } => {
            let archive = open(file, &bytes(file)?)?;
            let proof = prove_day(&archive.evidence, instrument, *day)
                .map_err(|error| Error::DayProof { path: file.clone(), error })?;
            let proven = read_day_proof(&proof).map_err(|error| Error::DayProof { path: out.clone(), error })?;
            files::create("out", out, &proof)?;
            wrote(out, &Proven::of(out, &proven), json, world)
        }
    };
    written.map(|()| DONE).map_err(Error::Output)
}

/// Fetches evidence and certificates, and writes them once all of it was checked.
fn export(args: &ExportArgs) -> Result<CheckedArchive, Error> {
    files::vacant("out", &args.out)?;
    let server = Server::open(&args.connection)?;
    let evidence = fetch(&server, args)?;
    let mut certificates = Vec::new();
    for found in &evidence.instruments {
        let is_dcc = |source: &CalibrationSource| matches!(source, CalibrationSource::Dcc { .. });
        let wanted: Vec<Sha256> =
            found.calibrations.iter().filter(|c| is_dcc(&c.source)).map(|c| c.file_digest).collect();
        if wanted.is_empty() {
            continue;
        }
        for recorded in calibrations::list(&server, &found.instrument.name)? {
            let is_wanted = wanted.iter().any(|digest| recorded.certificate_sha256 == digest.0);
            if is_wanted && recorded.source == i32::from(wire::CalibrationSource::Dcc) {
                certificates.push(calibrations::file(&server, &recorded.name)?);
            }
        }
    }
    let known_time = args.known.map(|known| known.at);
    let archive = write_archive(&evidence, args.instrument.as_deref(), known_time, &certificates);
    let checked = open(&args.out, &archive)?;
    files::create("out", &args.out, &archive)?;
    Ok(checked)
}

fn fetch(server: &Server, args: &ExportArgs) -> Result<Evidence, Error> {
    let request = wire::StreamEvidenceRequest {
        parent: args.site.clone(),
        period: Some(interval(args.period.start, Some(args.period.end))),
        known_time: args.known.map(|known| timestamp(known.at)),
        instrument: args.instrument.clone().unwrap_or_default(),
    };
    let unusable = |what: String| ClientError::Answer { what };
    server.wait(async {
        let mut pieces = server.client().metering().stream_evidence(request).await?.into_inner();
        let (mut bytes, mut root) = (Vec::new(), Vec::new());
        while let Some(piece) = pieces.message().await? {
            bytes.extend(piece.data);
            root.extend(piece.evidence_root);
            if bytes.len() > MAX_BYTES || root.len() > 32 {
                return Err(unusable("evidence longer than any may be".to_owned()));
            }
        }
        let evidence = Evidence::from_bytes(&bytes).map_err(|error| unusable(format!("evidence: {error}")))?;
        match evidence_root(&evidence).0[..] == root[..] {
            true => Ok(evidence),
            false => Err(unusable("the evidence root is not that of the evidence".to_owned())),
        }
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    files::read("file", path, MAX_ARCHIVE_BYTES as u64)
}

fn open(path: &Path, bytes: &[u8]) -> Result<CheckedArchive, Error> {
    let wrong = |error: ArchiveError| Error::Archive { path: path.to_owned(), error: Box::new(error) };
    read_archive(bytes).map_err(wrong)
}

fn check(path: &Path, asked: Option<Sha256>, json: bool, world: &mut Surroundings<'_>) -> Result<Written<()>, Error> {
    let bytes = bytes(path)?;
    let same = |found: Sha256| match asked {
        Some(asked) if asked != found => Err(Error::OtherRoot { path: path.to_owned(), asked, found }),
        _ => Ok(()),
    };
    // A proof is a text, an archive begins with the name of its first file.
    if bytes.first() == Some(&b'{') {
        let proven = read_day_proof(&bytes).map_err(|error| Error::DayProof { path: path.to_owned(), error })?;
        same(proven.evidence_root)?;
        let shown = Proven::of(path, &proven);
        return Ok(if json { output::json(world.out, &shown) } else { shown.print(world.out) });
    }
    let archive = open(path, &bytes)?;
    same(archive.manifest.evidence_root)?;
    let shown = Checked::of(path, &archive);
    Ok(if json { output::json(world.out, &shown) } else { shown.print(world.out) })
}

/// What there is to print about a file.
trait Shown: Serialize {
    fn print(&self, out: &mut dyn Write) -> Written<()>;
}

fn wrote(path: &Path, shown: &impl Shown, json: bool, world: &mut Surroundings<'_>) -> Written<()> {
    if json {
        return output::json(world.out, shown);
    }
    writeln!(world.out, "Wrote {}.\n", output::clean(&path.display().to_string()))?;
    shown.print(world.out)
}

/// An archive that was checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked<'a> {
    file: String,
    format: &'a str,
    site: &'a str,
    period: Period,
    instrument: Option<&'a str>,
    known_time: Option<Timestamp>,
    evidence_root: Sha256,
    files: usize,
    leaves: usize,
    instruments: usize,
    readings: usize,
    calibrations: usize,
    inspections: usize,
    gas_conversions: usize,
    weighbridge_records: usize,
    stocks: usize,
    analyses: usize,
    certificates: &'a [CheckedCertificate],
}

impl<'a> Checked<'a> {
    fn of(path: &Path, archive: &'a CheckedArchive) -> Self {
        let (manifest, evidence) = (&archive.manifest, &archive.evidence);
        let sum =
            |count: fn(&record::evidence::InstrumentEvidence) -> usize| evidence.instruments.iter().map(count).sum();
        Checked {
            file: path.display().to_string(),
            format: &manifest.format,
            site: &manifest.site,
            period: manifest.period,
            instrument: manifest.instrument.as_deref(),
            known_time: manifest.known_time,
            evidence_root: manifest.evidence_root,
            files: manifest.files.len(),
            leaves: evidence_leaves(evidence).len(),
            instruments: evidence.instruments.len(),
            readings: sum(|found| found.readings().count()),
            calibrations: sum(|found| found.calibrations.len()),
            inspections: sum(|found| found.inspections.len()),
            gas_conversions: sum(|found| found.gas_conversions.len()),
            weighbridge_records: evidence.weighbridge.len(),
            stocks: evidence.stocks.len(),
            analyses: evidence.analyses.len(),
            certificates: &archive.certificates,
        }
    }
}

impl Shown for Checked<'_> {
    fn print(&self, out: &mut dyn Write) -> Written<()> {
        output::row(out, "Archive", &format!("{}, {}", self.file, self.format))?;
        output::row(out, "Site", self.site)?;
        output::row(out, "Period", &format!("{} to {}", self.period.start, self.period.end))?;
        if let Some(instrument) = self.instrument {
            output::row(out, "Instrument", &format!("{instrument} alone"))?;
        }
        let known = self.known_time.map_or_else(|| "when it was exported".to_owned(), |time| format!("at {time}"));
        output::row(out, "Known", &known)?;
        output::row(out, "Evidence root", &self.evidence_root.to_string())?;
        let counts = [
            counted(self.instruments, "instrument"),
            counted(self.readings, "reading"),
            counted(self.calibrations, "calibration"),
            counted(self.inspections, "inspection"),
            counted(self.gas_conversions, "gas conversion"),
            counted(self.weighbridge_records, "weighed load"),
            counted(self.stocks, "stock taking"),
            format!("{} laboratory {}", self.analyses, if self.analyses == 1 { "analysis" } else { "analyses" }),
        ];
        output::row(out, "Holds", &counts.join(", "))?;
        writeln!(out, "\nWhat was checked")?;
        let files = counted(self.files, "file");
        writeln!(out, "  ✓ files         {files}, each of the size and SHA-256 in the manifest, and no other")?;
        writeln!(out, "  ✓ evidence      in its one spelling, and keeps every rule")?;
        writeln!(out, "  ✓ root          made again of {}", counted(self.leaves, "leaf").replace("leafs", "leaves"))?;
        let read = counted(self.certificates.len(), "certificate");
        writeln!(out, "  ✓ certificates  {read} read again, each says what its calibration says")?;
        for stated in self.certificates.iter().filter(|certificate| !certificate.names_accreditation) {
            let (id, path) = (&stated.certificate_id, &stated.path);
            let words = format!("{id} names no such accreditation of its laboratory: who sent it stated it ({path})");
            writeln!(out, "  ! certificates  {}", output::clean(&words))?;
        }
        Ok(())
    }
}

/// A day that was proved.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proven<'a> {
    file: String,
    format: &'a str,
    evidence_root: Sha256,
    instrument: &'a str,
    day: Date,
    unit: Unit,
    readings: Vec<Reading>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reading {
    start: Timestamp,
    step_secs: u32,
    value: Decimal,
    revision: u32,
}

impl<'a> Proven<'a> {
    fn of(path: &Path, proven: &'a ProvenDay) -> Self {
        Proven {
            file: path.display().to_string(),
            format: DAY_PROOF_FORMAT,
            evidence_root: proven.evidence_root,
            instrument: &proven.instrument,
            day: proven.day,
            unit: proven.unit,
            readings: proven
                .readings
                .iter()
                .zip(&proven.values)
                .map(|(reading, value)| Reading {
                    start: reading.start,
                    step_secs: reading.duration_secs,
                    value: value.clone(),
                    revision: reading.revision,
                })
                .collect(),
        }
    }
}

impl Shown for Proven<'_> {
    fn print(&self, out: &mut dyn Write) -> Written<()> {
        output::row(out, "Proof", &format!("{}, {}", self.file, self.format))?;
        output::row(out, "Instrument", self.instrument)?;
        output::row(out, "Day", &format!("{} in UTC", self.day))?;
        output::row(out, "Evidence root", &self.evidence_root.to_string())?;
        output::row(out, "Holds", &counted(self.readings.len(), "reading"))?;
        writeln!(out, "\nstart,step_secs,value_{},revision", self.unit)?;
        for reading in &self.readings {
            writeln!(out, "{},{},{},{}", reading.start, reading.step_secs, reading.value, reading.revision)?;
        }
        writeln!(out, "\n✓ these are all readings of that day under the evidence root; compare it with the statement's")
    }
}
