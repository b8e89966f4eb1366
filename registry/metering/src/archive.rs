//! The evidence archive: all that a footprint of a site and period rests on, in one file that any tool opens and that
//! is checked without asking anybody.
//!
//! An uncompressed tar (POSIX.1-1988 ustar) with one spelling: fixed order, owner 0, mode 0644, time 0. ARCHITECTURE.md
//! has the table of its files. An archive proves that nothing in it was changed by accident and that it is complete; whose
//! evidence it is follows from its evidence root, which a footprint statement names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use record::calibration::{Calibration, CalibrationSource};
use record::evidence::{Evidence, EvidenceError};
use record::instrument::{Period, Sha256};
use serde::{Deserialize, Serialize};
use tar::{EntryType, Header};

use crate::{CertificateError, calibration_of, evidence_root};

/// Value of the `format` member of a manifest.
pub const ARCHIVE_FORMAT: &str = "touchstone-evidence-archive-1";
/// Largest archive read: the largest evidence, and certificates.
pub const MAX_ARCHIVE_BYTES: usize = 256 << 20;
/// Most files of an archive.
pub const MAX_ARCHIVE_FILES: usize = 10_000;

const MANIFEST: &str = "manifest.json";
const EVIDENCE: &str = "evidence.json";
const README: &str = "README.txt";
const SUMS: &str = "SHA256SUMS";
/// Manifest and sums have a line or a few for each file.
const MAX_LIST_BYTES: usize = MAX_ARCHIVE_FILES * 400;
const MAX_README_BYTES: usize = 64 << 10;
/// Of a tar.
const BLOCK: usize = 512;

const README_TEXT: &str = "\
Evidence of measured carbon footprints: what a site measured in a period, as it was exported.

manifest.json    what this is: site, period, evidence root, and size and SHA-256 of each file
evidence.json    instruments, calibrations, readings in force and records, in the exact bytes that count
certificates/    the Digital Calibration Certificates that calibrations were read from, each named by its SHA-256
SHA256SUMS       SHA-256 of every file here

Check that nothing was changed:        sha256sum -c SHA256SUMS
Check all of it, without a network:    touchctl evidence check FILE

The evidence root is the one figure to compare: a footprint statement names it as evidenceRoot. Where both are the
same, the footprint rests on this evidence and on no other.
";

/// What an archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always [`ARCHIVE_FORMAT`].
    pub format: String,
    /// Resource name of the site.
    pub site: String,
    /// The period.
    pub period: Period,
    /// The one instrument that was asked for, by resource name; absent where it is the whole site.
    pub instrument: Option<String>,
    /// The evidence as it was known then; absent where it is as it was known when exported.
    pub known_time: Option<Timestamp>,
    /// Merkle root of the evidence.
    pub evidence_root: Sha256,
    /// Every file but this one and SHA256SUMS, in the order in which they stand.
    pub files: Vec<ListedFile>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListedFile {
    /// Where it stands.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// An archive that was read and checked: made only by [`read_archive`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedArchive {
    /// What it is.
    pub manifest: Manifest,
    /// What it holds.
    pub evidence: Evidence,
    /// Calibrations that were read again from their certificates.
    pub certificates: Vec<CheckedCertificate>,
}

/// A calibration record that says what its certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckedCertificate {
    /// Where the certificate stands.
    pub path: String,
    /// Resource name of the instrument.
    pub instrument: String,
    /// Number of the certificate.
    pub certificate_id: String,
    /// Whether the certificate itself gives the laboratory's accreditation number of the record. Otherwise it is the word
    /// of who sent it.
    pub names_accreditation: bool,
}

/// Why a file is no evidence archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Longer than [`MAX_ARCHIVE_BYTES`].
    #[error("an archive has at most {MAX_ARCHIVE_BYTES} bytes, this file has {size}")]
    TooLarge {
        /// Its length.
        size: usize,
    },
    /// Not a tar, or cut.
    #[error("not a tar archive that can be read, or cut: {problem}; obtain it again")]
    Tar {
        /// What is wrong.
        problem: String,
    },
    /// More than [`MAX_ARCHIVE_FILES`].
    #[error("an archive has at most {MAX_ARCHIVE_FILES} files")]
    TooManyFiles,
    /// An entry that is no plain file: a link, a folder, a device, an extension of the format.
    #[error("{path}: is no plain file; links, folders and extensions of tar are refused")]
    NoPlainFile {
        /// Its path.
        path: String,
    },
    /// A path that leads out of the folder, or that no file of this format has.
    #[error("{path}: no file of an evidence archive stands there")]
    Path {
        /// The path.
        path: String,
    },
    /// Two files of one path.
    #[error("{path}: stands there twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// A file longer than one of its kind may be.
    #[error("{path}: has {size} bytes, more than {limit}")]
    FileTooLarge {
        /// Its path.
        path: String,
        /// Its length.
        size: u64,
        /// Longest allowed.
        limit: u64,
    },
    /// A file that must be there, or that the manifest lists.
    #[error("{path}: is missing; obtain the archive again")]
    Missing {
        /// Its path.
        path: String,
    },
    /// A file that the manifest does not list.
    #[error("{path}: is not in the manifest")]
    NotListed {
        /// Its path.
        path: String,
    },
    /// A file of another length than the manifest says.
    #[error("{path}: has {found} bytes, {listed} in the manifest")]
    Size {
        /// Its path.
        path: String,
        /// Length in the manifest.
        listed: u64,
        /// Length found.
        found: u64,
    },
    /// A file of another digest than the manifest says.
    #[error("{path}: has SHA-256 {found}, {listed} in the manifest: it was changed")]
    Digest {
        /// Its path.
        path: String,
        /// Digest in the manifest.
        listed: Sha256,
        /// Digest found.
        found: Sha256,
    },
    /// A manifest that is none.
    #[error("{MANIFEST}: line {line}, column {column}: {problem}")]
    Manifest {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A manifest of another format.
    #[error("{MANIFEST}: the format is {found:?}, read is {ARCHIVE_FORMAT:?}; use the version that wrote it")]
    Format {
        /// The format named.
        found: String,
    },
    /// SHA256SUMS that are not those of the files.
    #[error("{SUMS}: is not what sha256sum prints of these files")]
    Sums,
    /// Evidence that is none.
    #[error("{EVIDENCE}: {0}")]
    Evidence(EvidenceError),
    /// A manifest of other evidence.
    #[error("{MANIFEST}: the {what} is {manifest}, in {EVIDENCE} it is {evidence}")]
    Scope {
        /// What differs.
        what: &'static str,
        /// In the manifest.
        manifest: String,
        /// In the evidence.
        evidence: String,
    },
    /// The root is another.
    #[error("{MANIFEST}: the evidence root is {manifest}, of {EVIDENCE} it is {evidence}")]
    Root {
        /// In the manifest.
        manifest: Sha256,
        /// As recomputed.
        evidence: Sha256,
    },
    /// A certificate that no calibration was read from.
    #[error("{path}: no calibration in {EVIDENCE} was read from it")]
    UnusedCertificate {
        /// Its path.
        path: String,
    },
    /// A certificate that cannot be read again as a calibration of its instrument.
    #[error("{path}: as a calibration of {instrument}: {error}")]
    Certificate {
        /// Its path.
        path: String,
        /// Resource name of the instrument.
        instrument: String,
        /// Why.
        error: Box<CertificateError>,
    },
    /// A calibration record that says something else than its certificate.
    #[error("{path}: says another {field} than the calibration of {instrument} that names it")]
    Calibration {
        /// Path of the certificate.
        path: String,
        /// Resource name of the instrument.
        instrument: String,
        /// Member of the record that differs.
        field: &'static str,
    },
    /// All of the right content, in another spelling than the format's.
    #[error("not the one spelling of an evidence archive from byte {offset} on; obtain it again, as it was exported")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
}

/// The archive of evidence: of a whole site, or of the one instrument that was asked for, as it was known at a time.
/// `certificates` are the files that calibrations were read from, in any order.
pub fn write_archive(
    evidence: &Evidence,
    instrument: Option<&str>,
    known_time: Option<Timestamp>,
    certificates: &[Vec<u8>],
) -> Vec<u8> {
    let bytes = evidence.to_bytes();
    let certificates: BTreeMap<String, &[u8]> =
        certificates.iter().map(|file| (certificate_path(&Sha256::of(file)), file.as_slice())).collect();
    let files = std::iter::once((EVIDENCE, bytes.as_slice()))
        .chain(certificates.iter().map(|(path, file)| (path.as_str(), *file)))
        .chain([(README, README_TEXT.as_bytes())]);
    let files: Vec<(&str, &[u8])> = files.collect();
    let listed = |(path, file): &(&str, &[u8])| ListedFile {
        path: (*path).to_owned(),
        size: file.len() as u64,
        sha256: Sha256::of(file),
    };
    let manifest = Manifest {
        format: ARCHIVE_FORMAT.to_owned(),
        site: evidence.site.clone(),
        period: evidence.period,
        instrument: instrument.map(str::to_owned),
        known_time,
        evidence_root: evidence_root(evidence),
        files: files.iter().map(listed).collect(),
    };
    pack(&manifest, &files)
}

/// Reads an archive and checks all of it: its files against the manifest, the evidence by its rules and spelling, the
/// evidence root, and each calibration against the certificate that it was read from.
///
/// # Errors
/// [`ArchiveError`], with the file.
pub fn read_archive(bytes: &[u8]) -> Result<CheckedArchive, ArchiveError> {
    let files = unpack(bytes)?;
    let manifest = manifest(file(&files, MANIFEST)?)?;
    let listed = listed(&manifest, &files)?;
    let evidence = Evidence::from_bytes(file(&files, EVIDENCE)?).map_err(ArchiveError::Evidence)?;
    check_scope(&manifest, &evidence)?;
    let certificates = certificates(&evidence, &files)?;
    if file(&files, SUMS)? != sums(&manifest, file(&files, MANIFEST)?).as_bytes() {
        return Err(ArchiveError::Sums);
    }
    match first_difference(&pack(&manifest, &listed), bytes) {
        None => Ok(CheckedArchive { manifest, evidence, certificates }),
        Some(offset) => Err(ArchiveError::NotCanonical { offset }),
    }
}

type Files<'a> = BTreeMap<String, &'a [u8]>;

fn file<'a>(files: &Files<'a>, path: &str) -> Result<&'a [u8], ArchiveError> {
    files.get(path).copied().ok_or_else(|| ArchiveError::Missing { path: path.to_owned() })
}

fn certificate_path(digest: &Sha256) -> String {
    format!("certificates/{digest}.xml")
}

/// The most bytes of the file at a path; `None` where no file may stand.
fn limit(path: &str) -> Option<usize> {
    match path {
        MANIFEST | SUMS => Some(MAX_LIST_BYTES),
        EVIDENCE => Some(record::evidence::MAX_BYTES),
        README => Some(MAX_README_BYTES),
        _ => {
            let digest: Sha256 = path.strip_prefix("certificates/")?.strip_suffix(".xml")?.parse().ok()?;
            (certificate_path(&digest) == path).then_some(dcc::MAX_DCC_BYTES)
        }
    }
}

/// The files of a tar: plain ones alone, each once, where files of an archive may stand, as long as they may be.
fn unpack(bytes: &[u8]) -> Result<Files<'_>, ArchiveError> {
    if bytes.len() > MAX_ARCHIVE_BYTES {
        return Err(ArchiveError::TooLarge { size: bytes.len() });
    }
    let damaged = |error: std::io::Error| ArchiveError::Tar { problem: error.to_string() };
    let mut tar = tar::Archive::new(bytes);
    let mut files = Files::new();
    // Raw: what extends the format is seen as an entry, and refused.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(ArchiveError::NoPlainFile { path });
        }
        let Some(limit) = limit(&path) else {
            // A name that other versions may have is told apart from one that leads out of the folder.
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
            let inside = path.chars().all(plain) && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            return Err(if inside { ArchiveError::NotListed { path } } else { ArchiveError::Path { path } });
        };
        let (size, limit) = (entry.size(), limit as u64);
        if size > limit {
            return Err(ArchiveError::FileTooLarge { path, size, limit });
        }
        let from = usize::try_from(entry.raw_file_position()).ok();
        let content = from.and_then(|from| bytes.get(from..)?.get(..usize::try_from(size).ok()?));
        let content = content.ok_or_else(|| ArchiveError::Tar { problem: format!("{path} is cut") })?;
        if files.len() == MAX_ARCHIVE_FILES {
            return Err(ArchiveError::TooManyFiles);
        }
        if files.insert(path.clone(), content).is_some() {
            return Err(ArchiveError::Twice { path });
        }
    }
    Ok(files)
}

fn manifest(bytes: &[u8]) -> Result<Manifest, ArchiveError> {
    /// The member that says how to read the others.
    #[derive(Deserialize)]
    struct Tag {
        format: String,
    }
    let wrong = |error: serde_json::Error| ArchiveError::Manifest {
        line: error.line(),
        column: error.column(),
        problem: error.to_string(),
    };
    let Tag { format } = serde_json::from_slice(bytes).map_err(wrong)?;
    if format != ARCHIVE_FORMAT {
        return Err(ArchiveError::Format { found: format });
    }
    serde_json::from_slice(bytes).map_err(wrong)
}

/// The files in the manifest's order, each as it is listed there, and no others.
fn listed<'a, 'm>(manifest: &'m Manifest, files: &Files<'a>) -> Result<Vec<(&'m str, &'a [u8])>, ArchiveError> {
    let mut seen = BTreeSet::from([MANIFEST, SUMS]);
    let mut found = Vec::new();
    for ListedFile { path, size, sha256 } in &manifest.files {
        if limit(path).is_none() {
            return Err(ArchiveError::Path { path: path.clone() });
        }
        if !seen.insert(path) {
            return Err(ArchiveError::Twice { path: path.clone() });
        }
        let content = file(files, path)?;
        let (length, digest) = (content.len() as u64, Sha256::of(content));
        if length != *size {
            return Err(ArchiveError::Size { path: path.clone(), listed: *size, found: length });
        }
        if digest != *sha256 {
            return Err(ArchiveError::Digest { path: path.clone(), listed: *sha256, found: digest });
        }
        found.push((path.as_str(), content));
    }
    match files.keys().find(|path| !seen.contains(path.as_str())) {
        Some(path) => Err(ArchiveError::NotListed { path: path.clone() }),
        None => Ok(found),
    }
}

fn check_scope(manifest: &Manifest, evidence: &Evidence) -> Result<(), ArchiveError> {
    let only = evidence.instruments.iter().map(|found| found.instrument.name.as_str()).collect::<Vec<_>>().join(", ");
    let rows = [
        ("site", manifest.site.clone(), evidence.site.clone()),
        ("period", manifest.period.to_string(), evidence.period.to_string()),
        ("instrument", manifest.instrument.clone().unwrap_or_else(|| only.clone()), only),
    ];
    for (what, manifest, evidence) in rows {
        if manifest != evidence {
            return Err(ArchiveError::Scope { what, manifest, evidence });
        }
    }
    let root = evidence_root(evidence);
    match root == manifest.evidence_root {
        true => Ok(()),
        false => Err(ArchiveError::Root { manifest: manifest.evidence_root, evidence: root }),
    }
}

/// Reads every certificate again and compares it with the record made from it.
fn certificates(evidence: &Evidence, files: &Files<'_>) -> Result<Vec<CheckedCertificate>, ArchiveError> {
    let mut checked = Vec::new();
    for found in &evidence.instruments {
        for record in &found.calibrations {
            let CalibrationSource::Dcc { .. } = record.source else { continue };
            let path = certificate_path(&record.file_digest);
            let instrument = found.instrument.name.clone();
            let content = file(files, &path)?;
            let stated = record.laboratory_accreditation.as_str();
            let read = calibration_of(content, &found.instrument, Some(stated)).map_err(|error| {
                ArchiveError::Certificate { path: path.clone(), instrument: instrument.clone(), error: Box::new(error) }
            })?;
            if let Some(field) = difference(&read, record) {
                return Err(ArchiveError::Calibration { path, instrument, field });
            }
            let own = calibration_of(content, &found.instrument, None);
            let names_accreditation = own.is_ok_and(|own| own.laboratory_accreditation == stated);
            let certificate_id = record.certificate_id.clone();
            checked.push(CheckedCertificate { path, instrument, certificate_id, names_accreditation });
        }
    }
    let used: BTreeSet<&str> = checked.iter().map(|checked| checked.path.as_str()).collect();
    let unused = files.keys().find(|path| path.starts_with("certificates/") && !used.contains(path.as_str()));
    match unused {
        Some(path) => Err(ArchiveError::UnusedCertificate { path: path.clone() }),
        None => Ok(checked),
    }
}

/// The first member in which two records of one certificate differ.
fn difference(one: &Calibration, other: &Calibration) -> Option<&'static str> {
    let members = [
        ("certificateId", one.certificate_id == other.certificate_id),
        ("laboratory", one.laboratory == other.laboratory),
        ("calibratedTime", one.calibrated_time == other.calibrated_time),
        ("validity", one.validity == other.validity),
        ("points", one.points == other.points),
        ("asFound", one.as_found == other.as_found),
        ("source", one.source == other.source),
        ("record", one == other),
    ];
    members.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}

/// As `sha256sum` prints it of every file but this one.
fn sums(manifest: &Manifest, bytes: &[u8]) -> String {
    let files = manifest.files.iter().map(|file| (file.sha256, file.path.as_str()));
    let lines = std::iter::once((Sha256::of(bytes), MANIFEST)).chain(files);
    lines.map(|(digest, path)| format!("{digest}  {path}\n")).collect()
}

/// The one spelling: manifest, the files that it lists, sums.
fn pack(manifest: &Manifest, files: &[(&str, &[u8])]) -> Vec<u8> {
    let text = crate::json::pretty(manifest);
    let sums = sums(manifest, &text);
    let mut tar = Vec::new();
    put(&mut tar, MANIFEST, &text);
    for (path, content) in files {
        put(&mut tar, path, content);
    }
    put(&mut tar, SUMS, sums.as_bytes());
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

fn put(tar: &mut Vec<u8>, path: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    // The paths of this format are relative, ASCII, and short enough for any header.
    header.set_path(path).expect("a path of this format");
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

/// First byte at which two spellings differ, `None` when they are the same.
pub(crate) fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    match one.iter().zip(other).position(|(a, b)| a != b) {
        Some(offset) => Some(offset),
        None => (one.len() != other.len()).then(|| one.len().min(other.len())),
    }
}
