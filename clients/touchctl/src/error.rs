//! Why a command did not come to an answer.

use std::io::ErrorKind;
use std::path::PathBuf;

use cose::key::KeyError;
use cose::x509::CertificateError;
use dcc::DccError;
use footprint::CategoryError;
use footprint::cbam::TableError as DefaultsError;
use footprint::{ExampleError, FootprintError};
use interval_csv::{CsvError, ProfileError};
use metering::{ArchiveError, DayProofError};
use record::footprint::StatementError;
use record::instrument::{Sha256, Violation};
use record::plant::PlantError;
use tlog::policy::PolicyError;
use touchstone_client::ClientError;
use uncertainty::CaseError;
use verify::TrustError;
use verify::trust::RolloverError;

use crate::connection::ConnectionFileError;
use crate::remedy::remedy;
use crate::table::TableError;
use crate::{FAILED, USAGE};

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("there is no such file")]
    Missing,
    #[error("is a directory")]
    Directory,
    #[error("is empty")]
    Empty,
    #[error("is larger than the {limit} bytes that such a file may have")]
    TooLarge { limit: u64 },
    #[error("is not text: was another file meant?")]
    Binary,
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{}", .0.trim_end())]
    Usage(String),
    #[error("{}: {problem}", path.display())]
    File { argument: &'static str, path: PathBuf, problem: FileProblem },
    #[error("{}: {error}", path.display())]
    Trust { path: PathBuf, error: TrustError },
    #[error("no trust file was made: {0}")]
    Made(TrustError),
    #[error("{}: {error}", path.display())]
    Rollover { path: PathBuf, error: RolloverError },
    #[error(
        "{}: {problem}; a JWK is expected, or PEM with a public key, a certificate or a private key in PKCS#8, or a \
         certificate in DER, or a COSE_Key",
        path.display()
    )]
    Key { argument: &'static str, path: PathBuf, problem: KeyError },
    #[error(
        "{url} is no place of a log; write http://HOST[:PORT][/PREFIX], or name a folder. What is read is signed, so http does"
    )]
    LogPlace { url: String },
    #[error("{url}: {problem}; see that the log is served there, and try again")]
    LogAway { url: String, problem: String },
    #[error("{}: {problem}; give the file that --keep wrote, or a new name to begin again", path.display())]
    KeptState { path: PathBuf, problem: String },
    #[error("{}: {error}", path.display())]
    Policy { path: PathBuf, error: PolicyError },
    #[error("{}: {problem}; a certificate is expected, PEM or DER", path.display())]
    Certificate { argument: &'static str, path: PathBuf, problem: CertificateError },
    #[error("{}: is the certificate of a signer; give the certificate of the authority that issued it", path.display())]
    NoAuthority { argument: &'static str, path: PathBuf },
    #[error("{}: {error}", path.display())]
    Readings { path: PathBuf, error: CsvError },
    #[error("{}: {error}", path.display())]
    Profile { path: PathBuf, error: ProfileError },
    #[error("no connection: {}", unstated(.missing))]
    NoConnection { missing: Vec<&'static str> },
    #[error("{given:?} is no address of a server; write host and port, such as registry.example:7443")]
    Server { given: String },
    #[error("{name} is not text; set it again")]
    Variable { name: &'static str },
    #[error("{}: {error}", path.display())]
    ConnectionFile { path: PathBuf, error: ConnectionFileError },
    #[error("{0}; `touchstone enrol` writes certificate and key, `touchstone init` the authority")]
    Identity(ClientError),
    #[error("no runtime could be started: {0}")]
    Runtime(std::io::Error),
    #[error("{}", called(.server, .error))]
    Call { server: String, error: ClientError },
    #[error(
        "{answered} of {batches} batches were answered, and what they kept stays: run the command again, it goes on \
         where it ended. {error}"
    )]
    Interrupted { answered: usize, batches: usize, error: Box<Error> },
    #[error(
        "{answered} of {rows} rows were answered, and what was recorded stays: run the command again, it goes on where it \
         ended. {error}"
    )]
    TableInterrupted { answered: usize, rows: usize, error: Box<Error> },
    #[error("{error}\nIt may have been done: to try again, and have it done once, add --request-id {request_id}")]
    Unanswered { request_id: String, error: Box<Error> },
    #[error("{}: {error}", path.display())]
    Table { path: PathBuf, error: TableError },
    #[error("{}: {}", path.display(), violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Record { argument: &'static str, path: PathBuf, violations: Vec<Violation> },
    #[error("{}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Form { violations: Vec<Violation> },
    #[error("{}: {error}", path.display())]
    Dcc { path: PathBuf, error: DccError },
    #[error("{}: {error}", path.display())]
    Archive { path: PathBuf, error: Box<ArchiveError> },
    #[error("{}: {error}", path.display())]
    DayProof { path: PathBuf, error: DayProofError },
    #[error("{}: the evidence root is {found}, not {asked}: it is other evidence than the one asked about", path.display())]
    OtherRoot { path: PathBuf, asked: Sha256, found: Sha256 },
    #[error("{}{}: {error}", path.display(), case.as_ref().map(|case| format!(", case {case}")).unwrap_or_default())]
    Case { path: PathBuf, case: Option<String>, error: Box<CaseError> },
    #[error("{}: {error}", path.display())]
    Defaults { path: PathBuf, error: DefaultsError },
    #[error("{}: {error}", path.display())]
    Rules { path: PathBuf, error: CategoryError },
    #[error("{}: {error}", path.display())]
    Example { path: PathBuf, error: ExampleError },
    #[error("{}: {error}", path.display())]
    Plant { path: PathBuf, error: Box<PlantError> },
    #[error("{}: no certificate to rest on: {problem}", path.display())]
    SupplierCertificate { path: PathBuf, problem: String },
    #[error("{}: {error}", path.display())]
    Footprint { path: PathBuf, error: Box<FootprintError> },
    #[error("{}: {error}; a footprint statement is expected, in its exact bytes", path.display())]
    Statement { argument: &'static str, path: PathBuf, error: StatementError },
    #[error("{}: has SHA-256 {found}, the statement names {wanted}: it is another plant file", path.display())]
    OtherPlant { path: PathBuf, wanted: Sha256, found: Sha256 },
    #[error(
        "{}: no file with extension toml there has SHA-256 {wanted}, which the statement names as its plant file; give \
         it with --plant",
        folder.display()
    )]
    NoPlant { folder: PathBuf, wanted: Sha256 },
    #[error("{}: cannot be written: {}", path.display(), written(argument, .error))]
    Write { argument: &'static str, path: PathBuf, error: std::io::Error },
    #[error("the answer could not be written: {0}")]
    Output(std::io::Error),
}

/// Why a new file could not be written, with the remedy.
fn written(argument: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("it is there already, and nothing is overwritten; name another --{argument}")
        }
        ErrorKind::NotFound => format!("there is no such folder; make it, or name another --{argument}"),
        _ => error.to_string(),
    }
}

/// What is not stated, with every way to state it.
fn unstated(missing: &[&str]) -> String {
    let all = |prefix: &str, names: Vec<String>| {
        names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
    };
    let words = missing.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let upper = words.iter().map(|name| name.to_uppercase()).collect();
    format!(
        "give {}, or set {}, or name a file that states them with --connection",
        all("--", words),
        all("TOUCHCTL_", upper)
    )
}

/// A refusal with its fields and its remedy, or what kept the answer away.
fn called(server: &str, error: &ClientError) -> String {
    let mut text = match error {
        ClientError::Away { problem } => {
            return format!("{server} gives no answer: {problem}; see that the server runs there, or correct --server");
        }
        ClientError::Refused { reason, message, .. } => format!("refused: {message} [{reason}]"),
        other => return format!("{server}: {other}"),
    };
    if let ClientError::Refused { reason, fields, metadata, retry_after, .. } = error {
        for (field, problem) in fields {
            text += &format!("\n  {field}: {problem}");
        }
        for (name, value) in metadata {
            text += &format!("\n  {name}: {value}");
        }
        if let Some(remedy) = remedy(reason) {
            text += &format!("\nRemedy: {remedy}");
        }
        if let Some(delay) = retry_after {
            text += &format!("\nAgain in {:.1} s", delay.as_secs_f64());
        }
    }
    text
}

impl Error {
    /// The server's refusal, where it is one.
    pub(crate) fn refusal(&self) -> Option<&ClientError> {
        match self {
            Error::Call { error: error @ ClientError::Refused { .. }, .. } => Some(error),
            Error::Interrupted { error, .. }
            | Error::TableInterrupted { error, .. }
            | Error::Unanswered { error, .. } => error.refusal(),
            _ => None,
        }
    }

    /// Stable word for programs; a refusal's is the server's.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Error::Usage(_) => "USAGE",
            Error::File { problem, .. } => match problem {
                FileProblem::Missing => "FILE_MISSING",
                FileProblem::Directory => "FILE_IS_DIRECTORY",
                FileProblem::Empty => "FILE_EMPTY",
                FileProblem::TooLarge { .. } => "FILE_TOO_LARGE",
                FileProblem::Binary => "FILE_NOT_TEXT",
                FileProblem::Unreadable(_) => "FILE_UNREADABLE",
            },
            Error::Trust { error: TrustError::Introduction(_), .. } => "INTRODUCTION_INVALID",
            Error::Trust { .. } | Error::Made(_) => "TRUST_FILE_INVALID",
            Error::Rollover { .. } => "ROLLOVER_NOT_FOLLOWED",
            Error::Key { .. } => "KEY_INVALID",
            Error::Policy { .. } => "POLICY_INVALID",
            Error::LogPlace { .. } => "LOG_PLACE_INVALID",
            Error::LogAway { .. } => "LOG_AWAY",
            Error::KeptState { .. } => "KEPT_STATE_INVALID",
            Error::Certificate { .. } | Error::NoAuthority { .. } => "CERTIFICATE_INVALID",
            Error::Readings { .. } => "READINGS_INVALID",
            Error::Profile { .. } => "PROFILE_INVALID",
            Error::NoConnection { .. } => "NO_CONNECTION",
            Error::Server { .. } | Error::Variable { .. } => "CONNECTION_INVALID",
            Error::ConnectionFile { .. } => "CONNECTION_FILE_INVALID",
            Error::Identity(_) => "IDENTITY_INVALID",
            Error::Runtime(_) => "NO_RUNTIME",
            Error::Call { error, .. } => match error {
                ClientError::Refused { reason, .. } => reason,
                ClientError::Away { .. } => "SERVER_AWAY",
                _ => "ANSWER_INVALID",
            },
            Error::Interrupted { error, .. }
            | Error::TableInterrupted { error, .. }
            | Error::Unanswered { error, .. } => error.reason(),
            Error::Table { .. } => "TABLE_INVALID",
            Error::Record { .. } | Error::Form { .. } => "RECORD_INVALID",
            Error::Dcc { error: DccError::Template { .. }, .. } => "CALIBRATION_TEMPLATE",
            Error::Dcc { .. } => "CALIBRATION_CERTIFICATE_INVALID",
            Error::Archive { .. } => "ARCHIVE_INVALID",
            Error::DayProof { error: DayProofError::UnknownInstrument { .. }, .. } => "INSTRUMENT_UNKNOWN",
            Error::DayProof { error: DayProofError::NoReadings { .. }, .. } => "NO_READINGS",
            Error::DayProof { .. } => "PROOF_INVALID",
            Error::OtherRoot { .. } => "OTHER_ROOT",
            Error::Case { .. } => "CASE_INVALID",
            Error::Defaults { .. } => "DEFAULT_VALUES_INVALID",
            Error::Rules { .. } => "CATEGORY_RULES_INVALID",
            Error::SupplierCertificate { .. } => "CERTIFICATE_NOT_ESTABLISHED",
            Error::Example { .. } => "EXAMPLE_INVALID",
            Error::Plant { .. } => "PLANT_FILE_INVALID",
            Error::Footprint { error, .. } => error.reason(),
            Error::Statement { .. } => "STATEMENT_INVALID",
            Error::OtherPlant { .. } => "OTHER_PLANT_FILE",
            Error::NoPlant { .. } => "PLANT_FILE_MISSING",
            Error::Write { error, .. } if error.kind() == ErrorKind::AlreadyExists => "FILE_EXISTS",
            Error::Write { .. } => "FILE_UNWRITABLE",
            Error::Output(_) => "OUTPUT_FAILED",
        }
    }

    /// The argument or the value that is meant.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Error::File { argument, .. }
            | Error::Key { argument, .. }
            | Error::Certificate { argument, .. }
            | Error::NoAuthority { argument, .. } => Some(argument),
            Error::Trust { error: TrustError::Value { path, .. }, .. }
            | Error::Made(TrustError::Value { path, .. }) => Some(path),
            Error::Trust { error: TrustError::Introduction(_), .. } => Some("introduction"),
            Error::Trust { .. } | Error::Made(_) => Some("trust"),
            Error::Rollover { .. } => Some("rollover"),
            Error::Policy { .. } => Some("policy"),
            Error::LogPlace { .. } | Error::LogAway { .. } => Some("url"),
            Error::KeptState { .. } => Some("keep"),
            Error::Readings { error, .. } => Some(error.key().unwrap_or("file")),
            Error::Profile { .. } => Some("profile"),
            Error::Write { argument, .. } | Error::Record { argument, .. } => Some(argument),
            Error::NoConnection { missing } => missing.first().copied(),
            Error::Server { .. } => Some("server"),
            Error::Variable { name } => Some(name),
            Error::ConnectionFile { .. } => Some("connection"),
            Error::Call { error: ClientError::Refused { fields, .. }, .. } => {
                fields.first().map(|(field, _)| field.as_str())
            }
            Error::Interrupted { error, .. }
            | Error::TableInterrupted { error, .. }
            | Error::Unanswered { error, .. } => error.field(),
            Error::Table { .. } => Some("from"),
            Error::Form { violations } => violations.first().map(|violation| violation.path.as_str()),
            Error::DayProof { error: DayProofError::UnknownInstrument { .. }, .. } => Some("instrument"),
            Error::DayProof { error: DayProofError::NoReadings { .. }, .. } => Some("day"),
            Error::Plant { error, .. } => match &**error {
                PlantError::Invalid { violations } => violations.first().map(|violation| violation.path.as_str()),
                _ => Some("plant"),
            },
            Error::Example { error: ExampleError::Number { .. }, .. } => Some("example"),
            Error::Example { error: ExampleError::Member { path, .. }, .. }
            | Error::Example { error: ExampleError::Disagrees { path, .. }, .. } => Some(path),
            Error::Statement { argument, .. } => Some(argument),
            Error::Defaults { .. } => Some("defaults"),
            Error::Rules { .. } => Some("rules"),
            Error::SupplierCertificate { .. } => Some("certificate"),
            Error::Footprint { error, .. } => Some(error.path().unwrap_or("plant")),
            Error::Example { .. } | Error::OtherPlant { .. } | Error::NoPlant { .. } => Some("plant"),
            Error::Dcc { .. } | Error::Archive { .. } | Error::DayProof { .. } => Some("file"),
            Error::OtherRoot { .. } => Some("root"),
            Error::Case { error, .. } => Some(error.field().unwrap_or("file")),
            Error::Usage(_) | Error::Identity(_) | Error::Runtime(_) | Error::Call { .. } | Error::Output(_) => None,
        }
    }

    /// The id of a change that had no answer.
    pub(crate) fn request_id(&self) -> Option<&str> {
        match self {
            Error::Unanswered { request_id, .. } => Some(request_id),
            Error::TableInterrupted { error, .. } => error.request_id(),
            _ => None,
        }
    }

    /// Exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => USAGE,
            _ => FAILED,
        }
    }
}
