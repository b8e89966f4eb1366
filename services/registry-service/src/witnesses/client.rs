//! A witness over HTTP, as its client sees it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tlog::note::NoteError;
use tlog::witness::{ADD_CHECKPOINT, MAX_ANSWER_BYTES, monitoring_path};

/// Longest wait for an answer: a witness that takes longer counts as away.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a witness did not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It does not answer.
    #[error("it does not answer: {0}")]
    Away(String),
    /// It refuses.
    #[error("it answers {status}: {words}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of what it says.
        words: String,
    },
    /// It answers something that is none of the protocol.
    #[error("its answer cannot be read: {0}")]
    Answer(&'static str),
    /// Its cosignature is missing or does not verify.
    #[error("its cosignature: {0}")]
    Cosignature(NoteError),
    /// It names another size each time.
    #[error("the size that it cosigned last changes with each answer")]
    Conflicts,
    /// It claims to have cosigned more than is submitted, and shows nothing of it that this log signed.
    #[error(
        "it says that it cosigned {size} entries of the {log}, and does not show them: only {submitted} were submitted"
    )]
    Ahead {
        /// Which log.
        log: &'static str,
        /// What it says.
        size: u64,
        /// What was submitted.
        submitted: u64,
    },
    /// It shows another history, signed with this log's key.
    #[error("it shows another {0}, signed with this log's key")]
    Contradicted(&'static str),
}

impl Problem {
    /// A word for figures: one of few.
    pub fn word(&self) -> &'static str {
        match self {
            Problem::Away(_) => "away",
            Problem::Refused { status: 500.., .. } => "failed",
            Problem::Refused { .. } => "refused",
            Problem::Answer(_) | Problem::Cosignature(_) | Problem::Conflicts => "invalid",
            Problem::Ahead { .. } => "ahead",
            Problem::Contradicted(_) => "contradicted",
        }
    }
}

/// A witness at its submission prefix.
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    prefix: String,
}

impl Client {
    /// At `url`. Within a runtime.
    pub fn new(url: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Client { http, prefix: url.trim_end_matches('/').to_owned() }
    }

    /// Submits a request; status and text of the answer.
    ///
    /// # Errors
    /// [`Problem::Away`] and [`Problem::Answer`].
    pub async fn add_checkpoint(&self, body: String) -> Result<(u16, String), Problem> {
        let (status, text) = self.ask(Method::POST, ADD_CHECKPOINT, body, TIMEOUT).await?;
        Ok((status.as_u16(), text))
    }

    /// The checkpoint of a log that it cosigned last, as it shows it; `None` where it shows none.
    ///
    /// # Errors
    /// As [`Client::add_checkpoint`], and [`Problem::Refused`].
    pub async fn checkpoint(&self, origin: &str, patience: Duration) -> Result<Option<String>, Problem> {
        let (status, text) = self.ask(Method::GET, &monitoring_path(origin), String::new(), patience).await?;
        match status {
            StatusCode::OK => Ok(Some(text)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(status.as_u16(), &text)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: String,
        patience: Duration,
    ) -> Result<(StatusCode, String), Problem> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.prefix))
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| Problem::Away(error.to_string()))?;
        let asked = async {
            let answer = self.http.request(request).await.map_err(|error| Problem::Away(cause(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| Problem::Away(error.to_string()))?.to_bytes();
            Ok((status, body))
        };
        let late = || Problem::Away(format!("not within {} s", patience.as_secs()));
        let (status, body) = tokio::time::timeout(patience, asked).await.map_err(|_| late())??;
        let text = String::from_utf8(body.to_vec()).map_err(|_| Problem::Answer("it is no text"))?;
        Ok((status, text))
    }
}

/// What a refusal says, shortened for a line of a log.
pub fn refused(status: u16, text: &str) -> Problem {
    let words = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect::<String>();
    Problem::Refused { status, words: words.trim().to_owned() }
}

/// What is at the bottom of it: a connection refused.
fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}
