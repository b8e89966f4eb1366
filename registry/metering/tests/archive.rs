//! Archives and proofs as they are written, and everything that can be wrong with them.

use std::sync::LazyLock;

use base64::Engine;
use jiff::Timestamp;
use metering::{
    ArchiveError, DayProofError, ProvenDay, calibration_of, evidence_root, prove_day, read_archive, read_day_proof,
    write_archive,
};
use proptest::prelude::*;
use quantity::Unit;
use record::calibration::{Calibration, CalibrationSource};
use record::evidence::{Evidence, InstrumentEvidence, RecordKind, Series, record_bytes};
use record::instrument::{Instrument, InstrumentKind, Measurand, Period, Placement, Register, Sha256};
use tar::{EntryType, Header};

const ISSUED: &[u8] = include_bytes!("../../dcc/tests/issued.xml");
const SITE: &str = "organizations/o/sites/s";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn meter(id: &str) -> Instrument {
    Instrument {
        name: format!("{SITE}/instruments/{id}"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "EM-000123".to_owned(),
        measurand: Measurand::ElectricityImport,
        unit: Unit::Kilowatthour,
        register: Register::Interval { maximum: 1_000_000 },
        resolution: "0.01".parse().unwrap(),
        multiplier: None,
        accuracy_class: Some("0.5S".to_owned()),
        max_permissible_error_percent: Some("0.5".parse().unwrap()),
        placements: vec![Placement { location: "hall".to_owned(), start: at("2020-01-01T00:00:00Z"), end: None }],
        replaces: None,
        signing_key: None,
    }
}

/// Two meters, one of them with a certificate and three days of readings, one of them revised.
fn evidence(calibrated: Calibration) -> Evidence {
    let period = Period { start: at("2026-03-10T00:00:00Z"), end: at("2026-03-13T00:00:00Z") };
    let mut values: Vec<Option<i64>> = (0..72).map(|hour| Some(1_000 + hour)).collect();
    values[30] = None;
    let series = Series { start: period.start, step_secs: 3_600, values, revisions: [(40, 2)].into() };
    let with = |instrument, calibrations, series| InstrumentEvidence {
        instrument,
        calibrations,
        inspections: Vec::new(),
        gas_conversions: Vec::new(),
        series,
    };
    let form =
        Calibration { certificate_id: "PDF-7".to_owned(), source: CalibrationSource::Form, ..calibrated.clone() };
    Evidence {
        instruments: vec![
            with(meter("a"), vec![form, calibrated], vec![series]),
            with(meter("b"), Vec::new(), Vec::new()),
        ],
        ..Evidence::empty(SITE, period)
    }
}

fn calibration() -> Calibration {
    calibration_of(ISSUED, &meter("a"), None).unwrap()
}

static EVIDENCE: LazyLock<Evidence> = LazyLock::new(|| evidence(calibration()));
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(|| archive(&EVIDENCE));

fn archive(evidence: &Evidence) -> Vec<u8> {
    write_archive(evidence, None, Some(at("2026-04-01T00:00:00Z")), &[ISSUED.to_vec()])
}

fn certificate_path() -> String {
    format!("certificates/{}.xml", Sha256::of(ISSUED))
}

/// A file of a tar, as anybody may make one.
#[derive(Clone)]
struct File {
    path: String,
    kind: EntryType,
    content: Vec<u8>,
}

fn files(archive: &[u8]) -> Vec<File> {
    let mut tar = tar::Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        File { path, kind: entry.header().entry_type(), content }
    };
    tar.entries().unwrap().map(read).collect()
}

fn tar(files: &[File]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = Header::new_ustar();
        // As it is: a path that the crate itself would refuse too.
        header.as_mut_bytes()[..file.path.len()].copy_from_slice(file.path.as_bytes());
        header.set_entry_type(file.kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(file.content.len() as u64);
        header.set_cksum();
        tar.append(&header, file.content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The archive with its files changed, and SHA256SUMS made again.
fn changed(change: impl FnOnce(&mut Vec<File>)) -> Vec<u8> {
    let mut all = files(&ARCHIVE);
    change(&mut all);
    let line = |file: &File| format!("{}  {}\n", Sha256::of(&file.content), file.path);
    let sums: String = all.iter().filter(|file| file.path != "SHA256SUMS").map(line).collect();
    if let Some(file) = all.iter_mut().find(|file| file.path == "SHA256SUMS") {
        file.content = sums.into_bytes();
    }
    tar(&all)
}

/// The manifest changed as text.
fn with_manifest(from: &str, to: &str) -> Vec<u8> {
    changed(|files| {
        let text = String::from_utf8(files[0].content.clone()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        files[0].content = text.replacen(from, to, 1).into_bytes();
    })
}

fn refused(archive: &[u8]) -> ArchiveError {
    read_archive(archive).expect_err("refused")
}

#[test]
fn what_is_written_is_read() {
    let read = read_archive(&ARCHIVE).unwrap();
    assert_eq!(read.evidence, *EVIDENCE);
    assert_eq!(read.manifest.evidence_root, evidence_root(&EVIDENCE));
    assert_eq!(read.manifest.known_time, Some(at("2026-04-01T00:00:00Z")));
    let [certificate] = &read.certificates[..] else { panic!("{:?}", read.certificates) };
    assert_eq!((certificate.path.as_str(), certificate.names_accreditation), (certificate_path().as_str(), true));
    // The same evidence gives the same bytes, whatever order and however often certificates come.
    let twice = [ISSUED.to_vec(), ISSUED.to_vec()];
    assert_eq!(write_archive(&EVIDENCE, None, read.manifest.known_time, &twice), *ARCHIVE);
    let paths: Vec<String> = files(&ARCHIVE).into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["manifest.json", "evidence.json", &certificate_path(), "README.txt", "SHA256SUMS"]);
    assert_eq!(changed(|_| ()), *ARCHIVE);
}

#[test]
fn an_accreditation_that_the_certificate_does_not_name_is_told() {
    let stated = calibration_of(ISSUED, &meter("a"), Some("L-7")).unwrap();
    let read = read_archive(&archive(&evidence(stated))).unwrap();
    assert!(!read.certificates[0].names_accreditation);
}

#[test]
fn no_byte_can_be_changed() {
    let mut archive = ARCHIVE.clone();
    for at in 0..archive.len() {
        for flip in [0x01, 0x20, 0x80] {
            archive[at] ^= flip;
            assert!(read_archive(&archive).is_err(), "byte {at} ^ {flip:#x}");
            archive[at] ^= flip;
        }
    }
    for length in (0..archive.len()).step_by(61).chain(archive.len() - 600..archive.len()) {
        assert!(read_archive(&archive[..length]).is_err(), "cut at {length}");
    }
    for more in [1, 511, 512, 1024] {
        let longer = [archive.as_slice(), &vec![0; more]].concat();
        assert!(matches!(refused(&longer), ArchiveError::NotCanonical { .. }), "{more} more");
    }
}

proptest! {
    #[test]
    fn no_stretch_can_be_replaced(from in 0..ARCHIVE.len(), length in 0usize..600, by in prop::collection::vec(any::<u8>(), 0..600)) {
        let until = (from + length).min(ARCHIVE.len());
        let spliced = [&ARCHIVE[..from], &by, &ARCHIVE[until..]].concat();
        prop_assert!(spliced == *ARCHIVE || read_archive(&spliced).is_err());
    }

    #[test]
    fn whatever_comes_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(read_archive(&bytes).is_err());
        prop_assert!(read_day_proof(&bytes).is_err());
    }
}

#[test]
fn files_are_those_of_the_manifest() {
    let path = certificate_path();
    let error = refused(&changed(|files| files.retain(|file| file.path != path)));
    assert!(matches!(&error, ArchiveError::Missing { path: found } if *found == path), "{error}");
    for gone in ["manifest.json", "evidence.json", "README.txt", "SHA256SUMS"] {
        let error = refused(&changed(|files| files.retain(|file| file.path != gone)));
        assert!(matches!(&error, ArchiveError::Missing { path } if path == gone), "{error}");
    }
    let add = |path: &str| {
        changed(|files| {
            let content = b"x".to_vec();
            files.push(File { path: path.to_owned(), kind: EntryType::Regular, content });
        })
    };
    let other = format!("certificates/{}.xml", Sha256::of(b"x"));
    for more in ["notes.txt", "certificates/a.xml", other.as_str(), "evidence/evidence.json"] {
        let error = refused(&add(more));
        assert!(matches!(&error, ArchiveError::NotListed { path } if path == more), "{error}");
    }
    for trick in ["../evidence.json", "/etc/passwd", "certificates/../../x", "a\\b", "C:x", "./evidence.json", "a//b"] {
        let error = refused(&add(trick));
        assert!(matches!(&error, ArchiveError::Path { path } if path == trick), "{error}");
    }
    for twice in ["evidence.json", "manifest.json"] {
        let error = refused(&add(twice));
        assert!(matches!(&error, ArchiveError::Twice { path } if path == twice), "{error}");
    }
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNUSparse,
        EntryType::Char,
        EntryType::Fifo,
    ];
    for kind in kinds {
        let error = refused(&changed(|files| files[3].kind = kind));
        assert!(matches!(&error, ArchiveError::NoPlainFile { path } if path == "README.txt"), "{kind:?}: {error}");
    }
    let error = refused(&changed(|files| files[3].content = vec![b'x'; 70_000]));
    assert!(matches!(&error, ArchiveError::FileTooLarge { path, .. } if path == "README.txt"), "{error}");
    let error = refused(&changed(|files| files[3].content.push(b'x')));
    assert!(matches!(&error, ArchiveError::Size { path, .. } if path == "README.txt"), "{error}");
    let error = refused(&changed(|files| files[3].content[0] ^= 1));
    assert!(matches!(&error, ArchiveError::Digest { path, .. } if path == "README.txt"), "{error}");
    let error = refused(&changed(|files| files.swap(1, 3)));
    assert!(matches!(error, ArchiveError::Sums), "{error}");
}

#[test]
fn the_manifest_is_that_of_the_evidence() {
    let scope = |from: &str, to: &str, wanted: &str| {
        let error = refused(&with_manifest(from, to));
        assert!(matches!(&error, ArchiveError::Scope { what, .. } if *what == wanted), "{error}");
    };
    scope("\"site\": \"organizations/o/sites/s\"", "\"site\": \"organizations/o/sites/t\"", "site");
    scope("2026-03-13", "2026-03-14", "period");
    let one = format!("\"instrument\": \"{SITE}/instruments/a\"");
    scope("\"instrument\": null", &one, "instrument");
    let root = evidence_root(&EVIDENCE).to_string();
    let error = refused(&with_manifest(&root, &Sha256::of(b"x").to_string()));
    assert!(matches!(error, ArchiveError::Root { .. }), "{error}");
    let error = refused(&with_manifest("archive-1", "archive-2"));
    assert!(matches!(&error, ArchiveError::Format { found } if found == "touchstone-evidence-archive-2"), "{error}");
    let error = refused(&with_manifest("\"knownTime\"", "\"known\""));
    assert!(matches!(&error, ArchiveError::Manifest { problem, .. } if problem.contains("unknown field")), "{error}");
    let error = refused(&with_manifest("\"path\": \"README.txt\"", "\"path\": \"../README.txt\""));
    assert!(matches!(&error, ArchiveError::Path { path } if path == "../README.txt"), "{error}");
    let error = refused(&with_manifest("\"path\": \"README.txt\"", "\"path\": \"evidence.json\""));
    assert!(matches!(&error, ArchiveError::Twice { path } if path == "evidence.json"), "{error}");
    // Another spelling of the same.
    let error = refused(&with_manifest("{\n", "{ \n"));
    assert!(matches!(error, ArchiveError::NotCanonical { .. }), "{error}");
    // One instrument alone, and none of the records of a site.
    let mut alone = EVIDENCE.clone();
    alone.instruments.truncate(1);
    let name = alone.instruments[0].instrument.name.clone();
    let read = read_archive(&write_archive(&alone, Some(&name), None, &[ISSUED.to_vec()])).unwrap();
    assert_eq!((read.manifest.instrument, read.manifest.known_time), (Some(name), None));
}

#[test]
fn certificates_say_what_calibrations_say() {
    let other = |change: fn(&mut Calibration)| {
        let mut calibration = calibration();
        change(&mut calibration);
        refused(&archive(&evidence(calibration)))
    };
    let error = other(|c| c.points[0].error_percent = "-0.10".parse().unwrap());
    assert!(matches!(&error, ArchiveError::Calibration { field: "points", .. }), "{error}");
    let error = other(|c| c.validity.end += jiff::SignedDuration::from_hours(24));
    assert!(matches!(&error, ArchiveError::Calibration { field: "validity", .. }), "{error}");
    let error = other(|c| c.file_digest = Sha256::of(b"x"));
    assert!(matches!(&error, ArchiveError::Missing { .. }), "{error}");
    let error = other(|c| c.source = CalibrationSource::Form);
    assert!(matches!(&error, ArchiveError::UnusedCertificate { .. }), "{error}");
    let mut of_another = evidence(calibration());
    of_another.instruments[0].instrument.serial_number = "EM-000124".to_owned();
    let error = refused(&archive(&of_another));
    assert!(matches!(&error, ArchiveError::Certificate { .. }), "{error}");
    let mut unruly = evidence(calibration());
    unruly.instruments.swap(0, 1);
    assert!(matches!(refused(&archive(&unruly)), ArchiveError::Evidence(_)));
}

const DAY: jiff::civil::Date = jiff::civil::date(2026, 3, 11);

fn proof() -> Vec<u8> {
    prove_day(&EVIDENCE, &format!("{SITE}/instruments/a"), DAY).unwrap()
}

fn shown(day: &ProvenDay) -> impl PartialEq + std::fmt::Debug {
    (day.evidence_root, day.instrument.clone(), day.unit, day.resolution.clone(), day.day, day.readings.clone())
}

#[test]
fn a_day_is_proved_by_itself() {
    let day = read_day_proof(&proof()).unwrap();
    assert_eq!((day.evidence_root, day.day), (evidence_root(&EVIDENCE), DAY));
    // Of 24 hours one is missing, and one was revised twice.
    assert_eq!((day.readings.len(), day.values[0].as_str()), (23, "10.24"));
    assert_eq!(day.readings.iter().filter(|reading| reading.revision == 2).count(), 1);
    assert_eq!(prove_day(&EVIDENCE, &format!("{SITE}/instruments/a"), DAY).unwrap(), proof());
    let error = prove_day(&EVIDENCE, &format!("{SITE}/instruments/a"), jiff::civil::date(2026, 3, 13)).unwrap_err();
    let (first, last) = (jiff::civil::date(2026, 3, 10), jiff::civil::date(2026, 3, 12));
    let wanted = (Some(first), Some(last));
    assert!(matches!(error, DayProofError::NoReadings { first, last, .. } if (first, last) == wanted), "{error}");
    let error = prove_day(&EVIDENCE, &format!("{SITE}/instruments/c"), DAY).unwrap_err();
    assert!(matches!(&error, DayProofError::UnknownInstrument { known, .. } if known.len() == 2), "{error}");
    assert!(prove_day(&EVIDENCE, &format!("{SITE}/instruments/b"), DAY).is_err());
}

#[test]
fn no_byte_of_a_proof_changes_what_it_shows() {
    let genuine = read_day_proof(&proof()).unwrap();
    let mut proof = proof();
    for at in 0..proof.len() {
        for flip in [0x01, 0x02, 0x04, 0x20, 0x80] {
            proof[at] ^= flip;
            // How the path runs may be said in more than one way; what it leads to may not.
            if let Ok(read) = read_day_proof(&proof) {
                assert_eq!(shown(&read), shown(&genuine), "byte {at} ^ {flip:#x}");
            }
            proof[at] ^= flip;
        }
    }
}

#[test]
fn proofs_of_something_else_are_refused() {
    let text = String::from_utf8(proof()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        read_day_proof(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert!(matches!(with("proof-1", "proof-2"), DayProofError::Format { .. }));
    assert!(matches!(with("\"leafCount\"", "\"leaves\""), DayProofError::Schema { .. }));
    assert!(matches!(with("{\n", "{"), DayProofError::NotCanonical { offset: 1 }));
    let root = evidence_root(&EVIDENCE).to_string();
    assert!(matches!(with(&root, &Sha256::of(b"x").to_string()), DayProofError::Path(_)));
    let index = text.lines().find(|line| line.contains("leafIndex")).unwrap();
    assert!(matches!(with(index, "  \"leafIndex\": 99,"), DayProofError::Path(_)));
    assert!(matches!(read_day_proof(&vec![b' '; 5 << 20]).unwrap_err(), DayProofError::TooLarge { .. }));
}

#[test]
fn a_record_is_no_day() {
    let leaves = metering::evidence_leaves(&EVIDENCE);
    let tree: tlog::tree::MemoryTree = leaves.iter().map(|leaf| tlog::leaf_hash(&leaf.digest.0)).collect();
    let path = tlog::tree::inclusion_proof(&tree, 0, tree.size()).unwrap();
    let scope = record_bytes(RecordKind::Scope, &(&EVIDENCE.site, &EVIDENCE.period));
    assert_eq!(leaves[0].digest, Sha256::of(&scope));
    let path: Vec<String> = path.iter().map(|hash| format!("    \"{}\"", Sha256(*hash))).collect();
    let text = format!(
        "{{\n  \"format\": \"touchstone-day-proof-1\",\n  \"evidenceRoot\": \"{}\",\n  \"leafIndex\": 0,\n  \
         \"leafCount\": {},\n  \"block\": \"{}\",\n  \"path\": [\n{}\n  ]\n}}\n",
        evidence_root(&EVIDENCE),
        leaves.len(),
        base64::engine::general_purpose::STANDARD.encode(&scope),
        path.join(",\n")
    );
    let error = read_day_proof(text.as_bytes()).unwrap_err();
    assert!(matches!(error, DayProofError::Block { .. }), "{error}");
}
