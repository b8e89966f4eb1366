//! Where a log is read: over HTTP, or in a folder with the same files (C2SP tlog-tiles).

use std::collections::VecDeque;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tlog::tile::{Bundle, FULL_WIDTH, Tile};
use tokio::task::JoinHandle;

use crate::error::Error;

/// Largest file of a log: 256 entries of 65,535 bytes, each behind its length.
const MAX_BYTES: usize = 256 * (2 + 65_535);
/// Longest wait for one file.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a file is asked for again.
const RETRIES: u32 = 4;
/// Wait before the first of them; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Files on the way at once.
const AHEAD: usize = 8;

type Http = Client<HttpConnector, Empty<Bytes>>;

/// A place.
#[derive(Clone)]
pub(super) enum Source {
    /// Prefix without a last slash.
    Http {
        prefix: Arc<str>,
        client: Box<Http>,
    },
    Folder(Arc<PathBuf>),
}

impl Source {
    /// An address or a folder. Must be called within a runtime.
    pub(super) fn open(url: &str) -> Result<Self, Error> {
        let wrong = || Error::LogPlace { url: url.to_owned() };
        if !url.contains("://") {
            let folder = PathBuf::from(url);
            return if folder.is_dir() { Ok(Source::Folder(Arc::new(folder))) } else { Err(wrong()) };
        }
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(wrong());
        }
        let client = Box::new(Client::builder(TokioExecutor::new()).build_http());
        Ok(Source::Http { prefix: url.trim_end_matches('/').into(), client })
    }

    /// A file; `None` where it is not there.
    ///
    /// # Errors
    /// [`Error::LogAway`].
    pub(super) async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Source::Folder(folder) => {
                let file = folder.join(path);
                let away = |problem: String| Error::LogAway { url: file.display().to_string(), problem };
                let length = match tokio::fs::metadata(&file).await {
                    Ok(metadata) => metadata.len(),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(away(error.to_string())),
                };
                if length > MAX_BYTES as u64 {
                    return Err(away("is larger than any file of a log".to_owned()));
                }
                tokio::fs::read(&file).await.map(Some).map_err(|error| away(error.to_string()))
            }
            Source::Http { prefix, client } => {
                let url = format!("{prefix}/{path}");
                let mut wait = FIRST_WAIT;
                let mut tried = 0;
                loop {
                    let problem = match tokio::time::timeout(TIMEOUT, fetch(client, &url)).await {
                        Ok(Ok(found)) => return Ok(found),
                        Ok(Err(Failed::ForGood(problem))) => return Err(Error::LogAway { url, problem }),
                        Ok(Err(Failed::ForNow(problem))) => problem,
                        Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
                    };
                    if tried == RETRIES {
                        return Err(Error::LogAway { url, problem });
                    }
                    tried += 1;
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
    }

    /// A file, or the full one where the log has let go of the partial one (tlog-tiles, Partial Tiles), and whether it is
    /// that.
    async fn or_full(&self, path: &str, full: &str) -> Result<Option<(bool, Vec<u8>)>, Error> {
        if let Some(bytes) = self.get(path).await? {
            return Ok(Some((false, bytes)));
        }
        if path == full {
            return Ok(None);
        }
        Ok(self.get(full).await?.map(|bytes| (true, bytes)))
    }

    /// The bytes of a tile, below a prefix such as `status/`; of a full one in its place, the beginning.
    pub(super) async fn tile(&self, prefix: &str, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        let full = Tile { width: FULL_WIDTH, ..tile };
        let found = self.or_full(&format!("{prefix}{}", tile.path()), &format!("{prefix}{}", full.path())).await?;
        Ok(found.map(|(is_full, mut bytes)| {
            if is_full {
                bytes.truncate(32 * usize::from(tile.width));
            }
            bytes
        }))
    }

    /// The entries of a bundle, below a prefix.
    pub(super) async fn entries(&self, prefix: &str, bundle: Bundle) -> Result<Fetched, Error> {
        let full = Bundle { width: FULL_WIDTH, ..bundle };
        let path = format!("{prefix}{}", bundle.path());
        let Some((is_full, bytes)) = self.or_full(&path, &format!("{prefix}{}", full.path())).await? else {
            return Ok(Fetched::Missing(path));
        };
        let found = if is_full { full } else { bundle };
        match found.entries(&bytes) {
            Ok(entries) => {
                let entries = entries.into_iter().take(bundle.width.into());
                Ok(Fetched::Entries(entries.map(<[u8]>::to_vec).collect()))
            }
            Err(_) => Ok(Fetched::Malformed(path)),
        }
    }
}

/// What came of asking for a bundle.
pub(super) enum Fetched {
    Entries(VecDeque<Vec<u8>>),
    /// The path under which nothing is.
    Missing(String),
    /// The path under which no bundle is.
    Malformed(String),
}

/// Whether asking again can help.
enum Failed {
    ForNow(String),
    ForGood(String),
}

async fn fetch(client: &Http, url: &str) -> Result<Option<Vec<u8>>, Failed> {
    let request = Request::get(url).header(header::ACCEPT_ENCODING, "gzip, identity").body(Empty::new());
    let request = request.map_err(|error| Failed::ForGood(error.to_string()))?;
    let answer = client.request(request).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Failed::ForNow(format!("{error}{cause}"))
    })?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(Failed::ForNow(format!("the answer is {status}")));
        }
        status => return Err(Failed::ForGood(format!("the answer is {status}"))),
    }
    let coding = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_owned());
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|error| Failed::ForNow(error.to_string()))?.to_bytes().to_vec();
    match coding.as_deref() {
        None | Some(b"identity") => Ok(Some(body)),
        // C2SP tlog-tiles: a log may compress without being asked.
        Some(b"gzip") => {
            let mut bytes = Vec::new();
            let limit = MAX_BYTES as u64 + 1;
            let read = GzDecoder::new(body.as_slice()).take(limit).read_to_end(&mut bytes);
            match read {
                Ok(_) if bytes.len() <= MAX_BYTES => Ok(Some(bytes)),
                Ok(_) => Err(Failed::ForGood("unpacked it is larger than any file of a log".to_owned())),
                Err(error) => Err(Failed::ForNow(format!("gzip: {error}"))),
            }
        }
        Some(other) => {
            Err(Failed::ForGood(format!("content encoding {} was not asked for", String::from_utf8_lossy(other))))
        }
    }
}

/// The entries of a log in order, the next bundles on the way while one is read.
pub(super) struct Entries {
    source: Source,
    prefix: &'static str,
    size: u64,
    /// Bundles asked for.
    asked: u64,
    coming: VecDeque<JoinHandle<Result<Fetched, Error>>>,
    current: VecDeque<Vec<u8>>,
}

/// What comes next.
pub(super) enum Next {
    Entry(Vec<u8>),
    /// All entries of the size were given.
    End,
    /// It cannot go on: nothing, or no bundle, is under a path that the log must serve.
    Missing(String),
    Malformed(String),
}

impl Entries {
    /// The first `size` entries below a prefix.
    pub(super) fn new(source: Source, prefix: &'static str, size: u64) -> Self {
        Entries { source, prefix, size, asked: 0, coming: VecDeque::new(), current: VecDeque::new() }
    }

    pub(super) async fn next(&mut self) -> Result<Next, Error> {
        loop {
            if let Some(entry) = self.current.pop_front() {
                return Ok(Next::Entry(entry));
            }
            while self.coming.len() < AHEAD
                && let Some(bundle) = Bundle::in_log(self.asked, self.size)
            {
                self.asked += 1;
                let (source, prefix) = (self.source.clone(), self.prefix);
                self.coming.push_back(tokio::spawn(async move { source.entries(prefix, bundle).await }));
            }
            let Some(coming) = self.coming.pop_front() else { return Ok(Next::End) };
            let away =
                |error: tokio::task::JoinError| Error::LogAway { url: String::new(), problem: error.to_string() };
            match coming.await.map_err(away)?? {
                Fetched::Entries(entries) => self.current = entries,
                Fetched::Missing(path) => return Ok(Next::Missing(path)),
                Fetched::Malformed(path) => return Ok(Next::Malformed(path)),
            }
        }
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        for coming in &self.coming {
            coming.abort();
        }
    }
}
