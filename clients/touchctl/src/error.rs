//! Why a command did not come to an answer.

use std::io::ErrorKind;
use std::path::PathBuf;

use cose::key::KeyError;
use cose::x509::CertificateError;
use interval_csv::{CsvError, ProfileError};
use verify::TrustError;

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
    #[error(
        "{}: {problem}; a JWK is expected, or PEM with a public key, a certificate or a private key in PKCS#8",
        path.display()
    )]
    Key { path: PathBuf, problem: KeyError },
    #[error("{}: {problem}; the authority's certificate is expected, PEM or DER", path.display())]
    Certificate { argument: &'static str, path: PathBuf, problem: CertificateError },
    #[error("{}: is the certificate of a signer; give the certificate of the authority that issued it", path.display())]
    NoAuthority { argument: &'static str, path: PathBuf },
    #[error("{}: {error}", path.display())]
    Readings { path: PathBuf, error: CsvError },
    #[error("{}: {error}", path.display())]
    Profile { path: PathBuf, error: ProfileError },
    #[error("no server: give --dry-run")]
    NoServer,
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

impl Error {
    /// Stable word for programs.
    pub(crate) fn reason(&self) -> &'static str {
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
            Error::Key { .. } => "KEY_INVALID",
            Error::Certificate { .. } | Error::NoAuthority { .. } => "CERTIFICATE_INVALID",
            Error::Readings { .. } => "READINGS_INVALID",
            Error::Profile { .. } => "PROFILE_INVALID",
            Error::NoServer => "NO_SERVER",
            Error::Write { error, .. } if error.kind() == ErrorKind::AlreadyExists => "FILE_EXISTS",
            Error::Write { .. } => "FILE_UNWRITABLE",
            Error::Output(_) => "OUTPUT_FAILED",
        }
    }

    /// The argument or the value that is meant.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Error::File { argument, .. }
            | Error::Certificate { argument, .. }
            | Error::NoAuthority { argument, .. } => Some(argument),
            Error::Trust { error: TrustError::Value { path, .. }, .. }
            | Error::Made(TrustError::Value { path, .. }) => Some(path),
            Error::Trust { error: TrustError::Introduction(_), .. } => Some("introduction"),
            Error::Trust { .. } | Error::Made(_) => Some("trust"),
            Error::Key { .. } => Some("file"),
            Error::Readings { error, .. } => Some(error.key().unwrap_or("file")),
            Error::Profile { .. } => Some("profile"),
            Error::Write { argument, .. } => Some(argument),
            Error::Usage(_) | Error::NoServer | Error::Output(_) => None,
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
