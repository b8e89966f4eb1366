//! What was cosigned last of each log, a file each, and evidence of logs that contradict themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use store::{BlobStore, Claim, FolderBlobs, Put, StoreError};
use tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use tlog::note::{NoteVerifier, SignedNote};
use tlog::witness::monitoring_path;
use tokio::sync::{Mutex, MutexGuard};
use verify::split_view::SplitView;

use crate::config::Config;
use crate::error::WitnessError;

/// Folder of pairs of checkpoints of one size and two roots.
const SPLIT_VIEWS: &str = "split-view";
/// Folder of pairs of two sizes, of which no proof was given that one extends the other.
const UNPROVED: &str = "unproved";
/// Most pairs kept that prove nothing by themselves: anybody may submit a good checkpoint with a bad proof.
const MAX_UNPROVED: usize = 100;
/// Most files of evidence that are listed.
const MAX_LISTED: usize = 10_000;

/// What was cosigned last of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The file, exact bytes: the note with the log's signature and the cosignature.
    pub note: Vec<u8>,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// When it was cosigned, seconds since 1970-01-01T00:00:00Z.
    pub time: u64,
}

/// What is known of a file; `None` where a write failed, and the file itself must tell.
type Known = Option<Option<Latest>>;

/// The state of a witness; nobody else has it meanwhile.
pub struct State {
    folder: PathBuf,
    blobs: FolderBlobs,
    logs: BTreeMap<String, Mutex<Known>>,
    keys: Vec<NoteVerifier>,
    _claim: Claim,
}

/// A log's place in the state, held: nobody else decides about the log meanwhile.
pub struct Turn<'a> {
    state: &'a State,
    name: String,
    known: MutexGuard<'a, Known>,
}

/// A pair of checkpoints that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The file.
    pub file: PathBuf,
    /// What it holds; `None` where it cannot be read.
    pub pair: Option<SplitView>,
    /// Whether it proves by itself that the log signed two histories.
    pub is_proof: bool,
}

/// Evidence in a state folder, which a running witness may have.
///
/// # Errors
/// [`WitnessError::Store`].
pub async fn evidence(folder: &Path) -> Result<Vec<Evidence>, WitnessError> {
    let failed = |error| WitnessError::Store { folder: folder.to_owned(), error };
    let mut found = Vec::new();
    for (of, is_proof) in [(SPLIT_VIEWS, true), (UNPROVED, false)] {
        let below = folder.join(of);
        if !below.is_dir() {
            continue;
        }
        let unavailable = |error: std::io::Error| failed(StoreError::Unavailable(error.to_string()));
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&below).map_err(unavailable)?.take(MAX_LISTED) {
            files.push(entry.map_err(unavailable)?.path());
        }
        files.sort();
        for file in files {
            let pair = std::fs::read_to_string(&file).ok().and_then(|text| SplitView::from_json(&text).ok());
            found.push(Evidence { file, pair, is_proof });
        }
    }
    Ok(found)
}

impl State {
    /// Opens the state, and reads what was cosigned last of each log.
    ///
    /// # Errors
    /// [`WitnessError`]: another process has it, or a file is not as this witness left it.
    pub async fn open(config: &Config) -> Result<Self, WitnessError> {
        let folder = config.state.clone();
        let failed = |error: StoreError| match error {
            StoreError::InUse => WitnessError::InUse { folder: folder.clone() },
            error => WitnessError::Store { folder: folder.clone(), error },
        };
        let claim = Claim::of(&folder).map_err(failed)?;
        let blobs = FolderBlobs::open(&folder).map_err(failed)?;
        let mut keys = config.logs.clone();
        keys.push(config.cosigner.verifier().clone());
        let logs = config.logs.iter().map(|log| (log.name().to_owned(), Mutex::new(None))).collect();
        let state = State { folder, blobs, logs, keys, _claim: claim };
        for origin in state.logs.keys() {
            if let Some(mut turn) = state.turn(origin).await {
                turn.latest().await?;
            }
        }
        Ok(state)
    }

    /// The origins.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Waits for a log's turn; `None` where it is not followed.
    pub async fn turn(&self, origin: &str) -> Option<Turn<'_>> {
        let known = self.logs.get(origin)?.lock().await;
        Some(Turn { state: self, name: monitoring_path(origin), known })
    }

    /// Keeps two checkpoints of one size and two roots; whether they are new.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub async fn keep_split_view(&self, pair: &SplitView) -> Result<bool, WitnessError> {
        self.keep(SPLIT_VIEWS, pair).await
    }

    /// Keeps two checkpoints of which no good proof was given, while there is room; whether they are new.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub async fn keep_unproved(&self, pair: &SplitView) -> Result<bool, WitnessError> {
        let kept = self.blobs.list(&format!("{UNPROVED}/"), None, MAX_UNPROVED).await;
        if kept.map_err(|error| self.failed(error))?.len() >= MAX_UNPROVED {
            return Ok(false);
        }
        self.keep(UNPROVED, pair).await
    }

    async fn keep(&self, folder: &str, pair: &SplitView) -> Result<bool, WitnessError> {
        let name = format!("{folder}/{}", pair.file_name());
        let put = self.blobs.put_if_absent(&name, pair.to_json().as_bytes()).await;
        put.map(|put| put == Put::Created).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: StoreError) -> WitnessError {
        WitnessError::Store { folder: self.folder.clone(), error }
    }

    /// Reads a file as this witness wrote it: with its own cosignature, over a checkpoint of the log.
    fn read(&self, bytes: Vec<u8>, origin_path: &str) -> Result<Latest, String> {
        let note = SignedNote::parse(&bytes).map_err(|error| error.to_string())?;
        let origin = note.text().split('\n').next().unwrap_or_default().to_owned();
        if monitoring_path(&origin) != origin_path {
            return Err(format!("it is of {origin}"));
        }
        let (own, logs) = self.keys.split_last().ok_or("there is no key")?;
        let mine = VerifiedCheckpoint::open(&bytes, &origin, std::slice::from_ref(own));
        let mine = mine.map_err(|error| format!("it is not cosigned by {}: {error}", own.name()))?;
        let of_log: Vec<NoteVerifier> = logs.iter().filter(|key| key.name() == origin).cloned().collect();
        // A log that changed its key was cosigned under the old one: what matters here is our own signature.
        let time = mine.by().first().and_then(|by| by.timestamp).unwrap_or_default();
        if of_log.is_empty() {
            return Err(format!("{origin} is not configured"));
        }
        let checkpoint = mine.checkpoint().clone();
        Ok(Latest { note: bytes, checkpoint, time })
    }
}

impl Turn<'_> {
    /// What was cosigned last.
    ///
    /// # Errors
    /// [`WitnessError`]: the file is not as this witness left it.
    pub async fn latest(&mut self) -> Result<Option<&Latest>, WitnessError> {
        let Turn { state, name, known } = self;
        let there = state.blobs.get(name).await.map_err(|error| state.failed(error))?;
        let wrong = |problem: String| WitnessError::State { file: state.folder.join(&*name), problem };
        let is_same = |held: &Option<Latest>| held.as_ref().map(|held| &held.note) == there.as_ref();
        match &**known {
            Some(held) if is_same(held) => {}
            Some(_) => return Err(wrong("it was changed by somebody else while this witness runs".into())),
            None => **known = Some(there.map(|bytes| state.read(bytes, name)).transpose().map_err(wrong)?),
        }
        Ok(known.as_ref().and_then(Option::as_ref))
    }

    /// Makes a note durable as what was cosigned last, in the place of what [`Turn::latest`] gave.
    ///
    /// # Errors
    /// [`WitnessError`]: whether it was written is not known then.
    pub async fn replace(&mut self, latest: Latest) -> Result<(), WitnessError> {
        let Turn { state, name, known } = self;
        let before = known.take().flatten();
        let expected = before.as_ref().map(|before| before.note.as_slice());
        let put = state.blobs.put_if_match(name, expected, &latest.note).await;
        match put.map_err(|error| state.failed(error))? {
            Put::Created | Put::Same => {
                **known = Some(Some(latest));
                Ok(())
            }
            Put::Different => Err(WitnessError::State {
                file: state.folder.join(&*name),
                problem: "it was changed by somebody else while this witness runs".into(),
            }),
        }
    }
}
