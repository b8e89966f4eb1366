//! What an audit found.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use tlog::policy::PolicyCheckpoint;

use super::{Cosigned, Rows, cosigned_row, seconds};
use crate::output;

/// Where the keys come from that the log was checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Keys {
    Trust,
    Introduction,
    Policy,
    /// Leaf 0 of the log.
    LogItself,
}

/// What was seen and derived.
#[derive(Debug, Serialize)]
pub(super) struct Audited {
    url: String,
    pub(super) keys: Option<Keys>,
    origin: Option<String>,
    size: Option<u64>,
    /// Base64, as in the checkpoint.
    root: Option<String>,
    quorum_reached: bool,
    witnessed_time: Option<Timestamp>,
    cosignatures: Vec<Cosigned>,
    /// Entries fetched and hashed.
    pub(super) entries_checked: u64,
    /// Tiles compared with what the entries make, those of the status log among them.
    pub(super) tiles_compared: u64,
    /// Statements whose signature, path and registration are good.
    pub(super) statements_good: u64,
    pub(super) by_media_type: BTreeMap<String, u64>,
    pub(super) status: Option<StatusFound>,
    /// Size of the checkpoint kept before that this log extends.
    pub(super) extends_size: Option<u64>,
    /// All that speaks against it; the first 100 are listed.
    pub(super) findings: u64,
}

/// The status log.
#[derive(Debug, Default, Serialize)]
pub(super) struct StatusFound {
    pub(super) size: u64,
    /// Base64.
    pub(super) root: String,
    /// Epochs that follow from the entries.
    pub(super) epochs_good: u64,
    pub(super) latest_time: Option<Timestamp>,
    /// Longest time between two epochs.
    pub(super) longest_gap_secs: i64,
    /// Leaves to which an event happened.
    pub(super) changed_leaves: usize,
}

impl Audited {
    pub(super) fn new(url: &str) -> Self {
        Audited {
            url: url.to_owned(),
            keys: None,
            origin: None,
            size: None,
            root: None,
            quorum_reached: false,
            witnessed_time: None,
            cosignatures: Vec::new(),
            entries_checked: 0,
            tiles_compared: 0,
            statements_good: 0,
            by_media_type: BTreeMap::new(),
            status: None,
            extends_size: None,
            findings: 0,
        }
    }

    /// The checkpoint that is audited.
    pub(super) fn head(&mut self, opened: &PolicyCheckpoint, cosignatures: Vec<Cosigned>) {
        let checkpoint = opened.checkpoint();
        self.origin = Some(checkpoint.origin.clone());
        self.size = Some(checkpoint.size);
        self.root = Some(STANDARD.encode(checkpoint.root));
        self.quorum_reached = opened.quorum_reached();
        self.witnessed_time = opened.witnessed_at().and_then(seconds);
        self.cosignatures = cosignatures;
    }
}

impl Rows for Audited {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("Read from", self.url.clone())];
        let (Some(origin), Some(size), Some(root)) = (&self.origin, self.size, &self.root) else { return rows };
        rows.push(("Log", origin.clone()));
        rows.push(("Root", root.clone()));
        rows.push(cosigned_row(&self.cosignatures));
        rows.push(("Entries", format!("{} of {size} fetched and hashed", self.entries_checked)));
        rows.push(("Tiles", format!("{} compared with what the entries make", self.tiles_compared)));
        if !self.by_media_type.is_empty() {
            rows.push(("Statements", format!("{} with good signature, path and registration", self.statements_good)));
        }
        rows.extend(self.by_media_type.iter().map(|(media_type, count)| ("", format!("{count} {media_type}"))));
        if let Some(status) = &self.status {
            let epochs = output::counted(status.epochs_good as usize, "epoch");
            let StatusFound { size, changed_leaves, .. } = status;
            let words =
                format!("{epochs} of {size} follow from the entries, events changed {changed_leaves} of the leaves");
            rows.push(("Status log", words));
            rows.extend(status.latest_time.map(|at| {
                ("Status of", format!("{at}, longest time between two epochs {} s", status.longest_gap_secs))
            }));
        }
        rows.extend(self.extends_size.map(|size| ("Extends", format!("the {size} entries seen before"))));
        if self.findings > 0 {
            rows.push(("Findings", self.findings.to_string()));
        }
        rows
    }
}
