//! What can go wrong, in words for the person at the client.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Certificate, key or authority cannot be used.
    #[error("{what}: {problem}")]
    Identity {
        /// Which of them.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// The server refused, with its stable reason.
    #[error("{message} [{reason}]")]
    Refused {
        /// Canonical code.
        code: Code,
        /// Stable reason, or the code where the server gave none.
        reason: String,
        /// The server's words.
        message: String,
        /// Fields that do not fit: path and description.
        fields: Vec<(String, String)>,
        /// What is variable in the message.
        metadata: Vec<(String, String)>,
        /// When to try again, where the server says so.
        retry_after: Option<Duration>,
    },
    /// There was no connection, or it broke before the answer: nothing is known of what became of the call.
    #[error("no answer: {problem}")]
    Away {
        /// What the transport says.
        problem: String,
    },
    /// What the server sent is not what it must be.
    #[error("the server's answer cannot be used: {what}")]
    Answer {
        /// What is wrong with it.
        what: String,
    },
    /// A statement could not be signed.
    #[error("the statement could not be signed: {0}")]
    Sign(#[from] cose::sign1::Sign1Error),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info();
        // Whatever a server says has no source here, and names its reason.
        if info.is_none() && status.source().is_some() {
            return ClientError::Away { problem: problem(&status) };
        }
        let fields = status
            .get_details_bad_request()
            .map_or_else(Vec::new, |bad| bad.field_violations.into_iter().map(|v| (v.field, v.description)).collect());
        let (reason, metadata) = match info {
            Some(info) => (info.reason, info.metadata.into_iter().collect()),
            None => (format!("{:?}", status.code()).to_uppercase(), Vec::new()),
        };
        let retry_after = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
        let message = status.message().to_owned();
        ClientError::Refused { code: status.code(), reason, message, fields, metadata, retry_after }
    }
}

/// What the transport says, down to its first cause.
fn problem(status: &Status) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut cause = status.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push(text);
        }
        cause = error.source();
    }
    words.join(": ")
}

impl ClientError {
    /// Whether the same call may be answered later: nothing of it was refused for what it says.
    pub fn is_passing(&self) -> bool {
        match self {
            ClientError::Away { .. } => true,
            ClientError::Refused { code, .. } => {
                matches!(code, Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted)
            }
            _ => false,
        }
    }

    /// The stable reason of a refusal.
    pub fn reason(&self) -> Option<&str> {
        match self {
            ClientError::Refused { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
