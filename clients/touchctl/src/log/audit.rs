//! `touchctl log audit`: a whole log from outside, derived again.

mod derive;

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use record::registry::LogIdentity;
use record::statement::{Content, SignedStatement};
use tlog::checkpoint::Checkpoint;
use tlog::note::{NoteVerifier, SignedNote};
use tlog::policy::{Policy, PolicyCheckpoint};
use tlog::tile::Bundle;
use verify::trust::{LogTrust, TrustError};
use verify::{Introduction, Outcome, Trust};

use super::audited::{Audited, Keys};
use super::keep::{self, State};
use super::source::{Fetched, Source};
use super::{Answer, Reason, cosigned, no_quorum, unopened};
use crate::args::AuditArgs;
use crate::error::Error;
use crate::files;

/// Findings that are listed; all are counted.
const MAX_LISTED: usize = 100;

/// Audits a log.
pub(super) fn run(args: &AuditArgs, clock: Timestamp) -> Result<Answer<Audited>, Error> {
    let now = args.now.map_or(clock, |now| now.at);
    let known = Known::read(args)?;
    let kept = args.keep.as_deref().map(State::read).transpose()?.flatten();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(Error::Runtime)?.block_on(async {
        let answer = Answer::new(Audited::new(&args.url));
        let mut audit = Audit { source: Source::open(&args.url)?, now, answer, keep: args.keep.as_deref() };
        audit.run(&known, kept.as_ref()).await?;
        Ok(audit.answer)
    })
}

/// What is known of the log beforehand.
enum Known {
    /// Nothing: its leaf 0 is taken at its word.
    Nothing,
    Policy {
        policy: Policy,
        tree_only: bool,
    },
    Log {
        log: Box<LogTrust>,
        policy: Policy,
        status: Policy,
        max_age: Option<SignedDuration>,
        keys: Keys,
    },
}

/// Policies and names that the audit goes by.
struct Rules {
    policy: Policy,
    /// `None` where the tree alone is derived.
    status: Option<Policy>,
    expected: Option<LogTrust>,
    max_age: Option<SignedDuration>,
}

impl Rules {
    /// Whose signatures count on what was kept: of the log, or of its status log, under its present keys or those before.
    fn policies(&self, of_status: bool) -> Vec<Policy> {
        let present = if of_status { self.status.clone() } else { Some(self.policy.clone()) };
        let earlier = self.expected.iter().flat_map(|log| log.earlier.iter().rev()).filter_map(|keys| {
            let vkey = if of_status { &keys.status_note_key } else { &keys.note_key };
            Policy::threshold(NoteVerifier::from_vkey(vkey).ok()?, &[], 0)
        });
        present.into_iter().chain(earlier).collect()
    }
}

impl Known {
    fn read(args: &AuditArgs) -> Result<Self, Error> {
        if let Some(path) = &args.policy {
            return Ok(Known::Policy { policy: files::policy(path)?, tree_only: args.tree_only });
        }
        if let Some(path) = &args.introduction {
            let Introduction { log } = files::introduction(path)?;
            let made = policies(&log).map_err(|error| Error::Trust { path: path.clone(), error })?;
            let (log, (policy, status)) = (Box::new(log), made);
            return Ok(Known::Log { log, policy, status, max_age: None, keys: Keys::Introduction });
        }
        let Some(path) = &args.trust else { return Ok(Known::Nothing) };
        let Trust { note_keys, status_note_keys, witness_quorum, max_age, .. } = files::trust(path)?;
        let unusable = |path_in_file: &str, problem: &str| Error::Trust {
            path: path.clone(),
            error: TrustError::Value { path: path_in_file.to_owned(), problem: problem.to_owned() },
        };
        let policy = |keys: &[NoteVerifier]| {
            let (log, witnesses) = keys.split_first()?;
            Policy::threshold(log.clone(), witnesses, witness_quorum)
        };
        let made = policy(&note_keys).zip(policy(&status_note_keys));
        let (policy, status) = made.ok_or_else(|| unusable("witness", "cannot be used as a policy"))?;
        let log = Box::new(files::trust_file(path)?.log);
        Ok(Known::Log { log, policy, status, max_age: Some(max_age), keys: Keys::Trust })
    }

    /// The rules, with what leaf 0 says where nothing else does.
    fn rules(&self, identity: Option<&LogIdentity>) -> Option<Rules> {
        let stated = |identity: &LogIdentity| LogTrust {
            origin: identity.origin.clone(),
            note_key: identity.note_key.clone(),
            status_note_key: identity.status_note_key.clone(),
            receipt_key: identity.receipt_key.clone(),
            earlier: Vec::new(),
        };
        match self {
            Known::Log { log, policy, status, max_age, .. } => Some(Rules {
                policy: policy.clone(),
                status: Some(status.clone()),
                expected: Some(LogTrust::clone(log)),
                max_age: *max_age,
            }),
            Known::Policy { policy, tree_only: true } => {
                Some(Rules { policy: policy.clone(), status: None, expected: None, max_age: None })
            }
            Known::Policy { policy, tree_only: false } => {
                let identity = identity?;
                let mut expected = stated(identity);
                let vkey = |origin: &str| policy.logs().iter().find(|log| log.name == origin).map(|log| &log.key);
                if let Some(key) = vkey(&identity.origin) {
                    expected.note_key = key.to_vkey();
                }
                // A policy without the status log leaves its key to leaf 0, which the log's own key covers.
                let status = match vkey(&format!("{}/status", identity.origin)) {
                    Some(key) => {
                        expected.status_note_key = key.to_vkey();
                        policy.clone()
                    }
                    None => policies(&expected).ok()?.1,
                };
                Some(Rules { policy: policy.clone(), status: Some(status), expected: Some(expected), max_age: None })
            }
            Known::Nothing => {
                let expected = stated(identity?);
                let (policy, status) = policies(&expected).ok()?;
                Some(Rules { policy, status: Some(status), expected: Some(expected), max_age: None })
            }
        }
    }
}

/// Policies of a log and its status log, without witnesses.
pub(super) fn policies(log: &LogTrust) -> Result<(Policy, Policy), TrustError> {
    let policy = |path: &str, vkey: &str| {
        let key = NoteVerifier::from_vkey(vkey).ok().and_then(|key| Policy::threshold(key, &[], 0));
        let problem = "is no verifier key; obtain the introduction again".to_owned();
        key.ok_or_else(|| TrustError::Value { path: path.to_owned(), problem })
    };
    Ok((policy("log.note_key", &log.note_key)?, policy("log.status_note_key", &log.status_note_key)?))
}

/// An audit under way.
struct Audit<'a> {
    source: Source,
    now: Timestamp,
    answer: Answer<Audited>,
    /// The file of [`State`].
    keep: Option<&'a Path>,
}

/// A log to derive: what it signed now, and what is kept of it.
struct Head {
    note: Vec<u8>,
    checkpoint: Checkpoint,
    before: Option<Before>,
}

/// A checkpoint kept, read under the same policy as the new one.
struct Before {
    note: String,
    checkpoint: Checkpoint,
}

impl Audit<'_> {
    fn because(&mut self, outcome: Outcome, reason: Reason) {
        let Answer { outcome: worst, reasons, found } = &mut self.answer;
        *worst = outcome.max(*worst);
        found.findings += 1;
        if reasons.len() < MAX_LISTED {
            reasons.push(reason);
        }
    }

    fn refuse(&mut self, code: &'static str, clause: &'static str, message: String, remedy: &'static str) {
        self.because(Outcome::Refused, Reason { code, clause, message, remedy });
    }

    fn not_served(&mut self, path: &str) {
        self.refuse(
            "FILE_NOT_SERVED",
            "C2SP tlog-tiles, APIs",
            format!("nothing is served under {path}"),
            "See that the address is right; if it is, tell the log's operator.",
        );
    }

    async fn run(&mut self, known: &Known, kept: Option<&State>) -> Result<(), Error> {
        self.answer.found.keys = Some(match known {
            Known::Nothing => Keys::LogItself,
            Known::Policy { .. } => Keys::Policy,
            Known::Log { keys, .. } => *keys,
        });
        // Step 1: the checkpoints, that of the status log first: what its latest epoch covers is then in the other.
        let tree_only = matches!(known, Known::Policy { tree_only: true, .. });
        let status_note = if tree_only { None } else { self.source.get("status/checkpoint").await? };
        let Some(note) = self.source.get("checkpoint").await? else {
            self.not_served("checkpoint");
            return Ok(());
        };
        // Step 2: whose signatures count. Where a policy says it, nothing more is fetched before it is so (tlog-tiles,
        // Partial Tiles).
        if let Known::Policy { policy, .. } = known
            && let Err(error) = policy.open(&note)
        {
            self.because(Outcome::Refused, unopened(&error));
            return Ok(());
        }
        let identity = match known {
            Known::Nothing | Known::Policy { tree_only: false, .. } => self.leaf_zero(&note).await?,
            _ => None,
        };
        let Some(rules) = known.rules(identity.as_ref()) else {
            self.refuse(
                "FIRST_LEAVES",
                "leaf 0",
                "leaf 0 is not the identity of a log, so nobody can tell which keys sign it".to_owned(),
                "For a log of others give --policy and --tree-only; otherwise tell the log's supervisor.",
            );
            return Ok(());
        };
        if matches!(known, Known::Nothing) {
            let reason = Reason {
                code: "KEYS_FROM_LOG",
                clause: "leaf 0",
                message: "the keys are those that the log itself states".to_owned(),
                remedy: "Give --trust, --introduction or --policy, with keys that you have by another way.",
            };
            self.because(Outcome::AcceptedWithConditions, reason);
        }
        let Some(opened) = self.open(&note, &rules.policy) else { return Ok(()) };
        self.answer.found.head(&opened, cosigned(&rules.policy, &opened));
        let checkpoint = opened.checkpoint().clone();
        // Step 3: what is kept.
        let before = match kept {
            Some(kept) => self.before(&kept.checkpoint, &rules.policies(false), &checkpoint, &note)?,
            None => None,
        };
        let log = Head { note, checkpoint, before };
        let mut status = None;
        match (&rules.status, status_note) {
            (None, _) => {}
            (Some(_), None) => self.not_served("status/checkpoint"),
            (Some(policy), Some(note)) => {
                if let Some(opened) = self.open(&note, policy) {
                    let checkpoint = opened.checkpoint().clone();
                    let before = match kept.and_then(|kept| kept.status_checkpoint.as_deref()) {
                        Some(kept) => self.before(kept, &rules.policies(true), &checkpoint, &note)?,
                        None => None,
                    };
                    status = Some(Head { note, checkpoint, before });
                }
            }
        }
        // Step 4: everything again, from the entries.
        self.derive(&rules, &log, status.as_ref()).await?;
        // Step 5: what the next audit is held to.
        let went_back = self.answer.reasons.iter().any(|reason| reason.code == "CHECKPOINT_WENT_BACK");
        if let Some(path) = self.keep.filter(|_| self.answer.outcome != Outcome::Refused && !went_back) {
            State::new(text(&log.note), status.map(|status| text(&status.note))).write(path)?;
        }
        Ok(())
    }

    /// A checkpoint under its policy.
    fn open(&mut self, note: &[u8], policy: &Policy) -> Option<PolicyCheckpoint> {
        match policy.open(note) {
            Ok(opened) => {
                if !opened.quorum_reached() {
                    self.because(Outcome::Indeterminate, no_quorum(opened.cosignatures().len()));
                }
                Some(opened)
            }
            Err(error) => {
                self.because(Outcome::Refused, unopened(&error));
                None
            }
        }
    }

    /// What leaf 0 says, of a log whose checkpoint nobody vouches for yet: the root will tell whether it is in there.
    async fn leaf_zero(&self, note: &[u8]) -> Result<Option<LogIdentity>, Error> {
        let checkpoint = SignedNote::parse(note).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
        let bundle = checkpoint.and_then(|checkpoint| Bundle::in_log(0, checkpoint.size));
        let Some(bundle) = bundle else { return Ok(None) };
        let Fetched::Entries(entries) = self.source.entries("", bundle).await? else { return Ok(None) };
        let statement = entries.front().and_then(|entry| SignedStatement::from_entry(entry).ok());
        Ok(statement.and_then(|statement| match statement.content() {
            Content::LogIdentity(identity) => Some(LogIdentity::clone(identity)),
            _ => None,
        }))
    }

    /// The checkpoint kept, where the entries can be held to it.
    fn before(
        &mut self,
        kept: &str,
        policies: &[Policy],
        now: &Checkpoint,
        note: &[u8],
    ) -> Result<Option<Before>, Error> {
        let opened = match policies.iter().map(|policy| policy.open(kept.as_bytes())).reduce(Result::or) {
            Some(Ok(opened)) => opened,
            None => return Ok(None),
            Some(Err(error)) => {
                self.refuse(
                    "KEPT_OTHER_KEYS",
                    "--keep",
                    format!("the checkpoint kept is not one of a log known now: {error}"),
                    "If the log changed its keys, `touchctl trust follow`; otherwise keep a new file for another log.",
                );
                return Ok(None);
            }
        };
        let before = Before { note: kept.to_owned(), checkpoint: opened.checkpoint().clone() };
        let Checkpoint { origin, size, root, .. } = &before.checkpoint;
        if *origin != now.origin {
            self.refuse(
                "KEPT_OTHER_LOG",
                "--keep",
                format!("the checkpoint kept is of {origin}, not of {}", now.origin),
                "Give the file that was kept for this log.",
            );
            return Ok(None);
        }
        if *size > now.size {
            let reason = Reason {
                code: "CHECKPOINT_WENT_BACK",
                clause: "RFC 9162, 2.1.4",
                message: format!("{size} entries of {origin} were seen before, its checkpoint has {}", now.size),
                remedy: "Ask again: a cache may serve an old checkpoint. If it stays so, the log forgot what it signed.",
            };
            self.because(Outcome::Indeterminate, reason);
            return Ok(None);
        }
        if *size == now.size && *root != now.root {
            self.split_view(&before, note)?;
            return Ok(None);
        }
        Ok(Some(before))
    }

    fn split_view(&mut self, before: &Before, seen: &[u8]) -> Result<(), Error> {
        let Checkpoint { origin, size, .. } = &before.checkpoint;
        let mut message =
            format!("SPLIT VIEW: {origin} signed two trees that differ within their first {size} entries");
        if let Some(state) = self.keep {
            let path = keep::split_view(state, &before.note, &text(seen))?;
            message.push_str(&format!("; both checkpoints are kept in {}", path.display()));
        }
        self.refuse(
            "SPLIT_VIEW",
            "RFC 9162, 2.1.4",
            message,
            "Keep both checkpoints: they prove it to everybody. Tell the supervisor and other verifiers.",
        );
        Ok(())
    }
}

/// A note as text: it was read as UTF-8 before.
fn text(note: &[u8]) -> String {
    String::from_utf8_lossy(note).into_owned()
}
