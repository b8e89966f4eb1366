//! Why a command did not come to an answer.

use std::path::PathBuf;

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
    #[error("the answer could not be written: {0}")]
    Output(std::io::Error),
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
            Error::Trust { .. } => "TRUST_FILE_INVALID",
            Error::Output(_) => "OUTPUT_FAILED",
        }
    }

    /// The argument or the value that is meant.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Error::File { argument, .. } => Some(argument),
            Error::Trust { error: TrustError::Value { path, .. }, .. } => Some(path),
            Error::Trust { .. } => Some("trust"),
            Error::Usage(_) | Error::Output(_) => None,
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
