//! Everything again, from the entries: roots, tiles, statements, status.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indicatif::ProgressBar;
use jiff::SignedDuration;
use record::status::Epoch;
use verify::Outcome;
use verify::audit::{Replay, StatusReplay, Window};

use super::{Audit, Head, Rules};
use crate::error::Error;
use crate::log::Reason;
use crate::log::audited::StatusFound;
use crate::log::line::{Flaw, Line};
use crate::progress;

/// Where the status log is read, below the log.
const STATUS: &str = "status/";
/// How far clocks may differ, and how much later than promised an epoch may come.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// What to do about a log that does not hold what it should.
const TELL: &str = "Keep what was served, with its checkpoint, and tell the log's operator and supervisor.";

impl Audit<'_> {
    /// Entry by entry, and epoch by epoch where there is a status log.
    pub(super) async fn derive(&mut self, rules: &Rules, log: &Head, status: Option<&Head>) -> Result<(), Error> {
        let bar = progress::bar(log.checkpoint.size, "entries");
        let mut line = self.line("", log);
        let mut replay = rules.status.as_ref().map(|_| Replay::new(rules.expected.clone()));
        let mut latest = None;
        if let (Some(status), Some(replay)) = (status, &mut replay) {
            let follow;
            (latest, follow) = self.epochs(&mut line, replay, log, status, &bar).await?;
            // Where they do not follow, that is the reason, and not the age of the last that did.
            if let Some(latest) = latest.filter(|_| follow) {
                self.freshness(rules, replay, &latest);
            }
        }
        // What no epoch covers yet was registered since the latest.
        let window = Window { earliest: latest.map_or(self.now, |latest| latest.time), latest: self.now };
        self.entries(&mut line, replay.as_mut(), log.checkpoint.size, &window, &bar).await?;
        bar.finish_and_clear();
        self.answer.found.entries_checked = line.size();
        if let Some(replay) = &replay {
            self.answer.found.statements_good = replay.signatures();
            self.answer.found.by_media_type = replay.by_media_type().clone();
            if let Some(status) = &mut self.answer.found.status {
                status.changed_leaves = replay.changed_leaves();
            }
        }
        if self.closed(line, log).await? {
            self.answer.found.extends_size = log.before.as_ref().map(|before| before.checkpoint.size);
        }
        Ok(())
    }

    fn line(&self, prefix: &'static str, head: &Head) -> Line {
        let mark = head.before.as_ref().map(|before| before.checkpoint.size);
        Line::new(self.source.clone(), prefix, head.checkpoint.size, mark)
    }

    /// The entries up to a size, hashed and, where there is a replay, judged.
    async fn entries(
        &mut self,
        line: &mut Line,
        mut replay: Option<&mut Replay>,
        until: u64,
        window: &Window,
        bar: &ProgressBar,
    ) -> Result<(), Error> {
        while line.size() < until {
            let Some(entry) = line.next().await? else { break };
            if let Some(replay) = &mut replay
                && let Err(breach) = replay.take(&entry, window)
            {
                let message = format!("leaf {}: {}", breach.leaf, breach.message);
                self.refuse(breach.rule.reason(), "registration policy", message, TELL);
            }
            bar.inc(1);
        }
        Ok(())
    }

    /// The status log; each epoch once the entries that it covers are taken. Gives the latest taken, and
    /// whether all follow from the entries.
    async fn epochs(
        &mut self,
        line: &mut Line,
        replay: &mut Replay,
        log: &Head,
        status: &Head,
        bar: &ProgressBar,
    ) -> Result<(Option<Epoch>, bool), Error> {
        let mut found = StatusFound {
            size: status.checkpoint.size,
            root: STANDARD.encode(status.checkpoint.root),
            ..StatusFound::default()
        };
        let mut of_epochs = self.line(STATUS, status);
        let mut statuses = StatusReplay::new();
        // After an epoch that does not follow, those after it cannot be judged; their tree still is.
        let mut follow = true;
        while let Some(bytes) = of_epochs.next().await? {
            if !follow {
                continue;
            }
            let number = of_epochs.size() - 1;
            let epoch = match Epoch::from_bytes(&bytes) {
                Ok(epoch) => epoch,
                Err(error) => {
                    self.refuse("EPOCH_INVALID", "status log", format!("epoch {number}: {error}"), TELL);
                    follow = false;
                    continue;
                }
            };
            let mut judged = statuses.continues(&epoch);
            if judged.is_ok() && epoch.size > log.checkpoint.size {
                let message =
                    format!("epoch {number} covers {} entries, the log has {}", epoch.size, log.checkpoint.size);
                self.refuse("EPOCH_INVALID", "status log", message, TELL);
                follow = false;
                continue;
            }
            if judged.is_ok() {
                let before = statuses.latest().map_or(epoch.time, |latest| latest.time);
                found.longest_gap_secs = found.longest_gap_secs.max(epoch.time.duration_since(before).as_secs());
                let window = Window { earliest: before, latest: epoch.time };
                self.entries(line, Some(replay), epoch.size, &window, bar).await?;
                if line.broken {
                    follow = false;
                    continue;
                }
                judged = statuses.take(&epoch, &line.root(), replay);
            }
            match judged {
                Ok(()) => found.epochs_good += 1,
                Err(breach) => {
                    self.refuse(breach.reason(), "status log", breach.to_string(), TELL);
                    follow = false;
                }
            }
        }
        let latest = statuses.latest().copied();
        found.latest_time = latest.map(|latest| latest.time);
        self.answer.found.status = Some(found);
        self.closed(of_epochs, status).await?;
        Ok((latest, follow))
    }

    /// Whether the latest epoch is as new as was promised, or as the trust file asks.
    fn freshness(&mut self, rules: &Rules, replay: &Replay, latest: &Epoch) {
        let promised = || {
            let secs = i64::try_from(replay.policy()?.max_epoch_seconds).ok()?;
            SignedDuration::from_secs(secs).checked_add(TOLERANCE)
        };
        let age = self.now.duration_since(latest.time);
        let reason = |code, message, remedy| Reason { code, clause: "status log", message, remedy };
        if age < -TOLERANCE {
            let message = format!("the latest epoch is dated {}, over 5 minutes after the clock", latest.time);
            self.because(
                Outcome::Indeterminate,
                reason("CLOCK_AHEAD", message, "Set the clock, or give the right --now."),
            );
        } else if let Some(limit) = rules.max_age.or_else(promised).filter(|limit| age > *limit) {
            let message =
                format!("the latest epoch is {} s old, and at most {} s are accepted", age.as_secs(), limit.as_secs());
            let remedy = "Ask again: stale never means valid. If it stays so, the log publishes no more.";
            self.because(Outcome::Indeterminate, reason("STATUS_STALE", message, remedy));
        }
    }

    /// A log that was fetched to its end: its tiles, its root, and what was kept of it. Whether it is as it was signed and
    /// extends what was kept.
    async fn closed(&mut self, mut line: Line, head: &Head) -> Result<bool, Error> {
        line.finish().await?;
        self.answer.found.tiles_compared += line.tiles_compared;
        for flaw in &line.flaws {
            match flaw {
                Flaw::Missing(path) => self.not_served(path),
                Flaw::Malformed(path) => {
                    let message = format!("{path} holds no bundle of entries of its width");
                    self.refuse("BUNDLE_MALFORMED", "C2SP tlog-tiles, Log entries", message, TELL);
                }
                Flaw::OtherTile(path) => {
                    let message = format!("{path} has other hashes than the entries make");
                    self.refuse("TILE_MISMATCH", "C2SP tlog-tiles, Merkle Tree", message, TELL);
                }
            }
        }
        if line.broken {
            return Ok(false);
        }
        let (origin, size) = (&head.checkpoint.origin, head.checkpoint.size);
        if line.root() != head.checkpoint.root {
            let message = format!("the {size} entries of {origin} do not have the root that was signed");
            self.refuse("ROOT_MISMATCH", "RFC 9162, 2.1.1", message, TELL);
            return Ok(false);
        }
        match &head.before {
            Some(before) if line.root_at_mark != Some(before.checkpoint.root) => {
                self.split_view(before, &head.note)?;
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}
