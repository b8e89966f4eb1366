//! Trust policies (c2sp.org/tlog-policy): which logs are known, and which sets of witnesses make a checkpoint valid.
//!
//! A policy is judged on one checkpoint and nothing else: no URL of it is called, and no time is read.

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{NoteError, NoteVerifier, SignatureKind, SignedNote, Verified};

/// Longest policy read.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;
/// Most logs, witnesses and groups, each; the specification asks for 32 at least.
pub const MAX_DEFINITIONS: usize = 1024;

/// A known log or witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What the policy calls it: a log's origin, a witness's name within the file. Not always UTF-8 there.
    pub name: String,
    /// Its key.
    pub key: NoteVerifier,
    /// Where it is reached, as the policy says.
    pub url: Option<String>,
}

/// What witnesses as one: a witness, or k of the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Quorum {
    /// `none`: no cosignature is required.
    None,
    /// The witness at this place.
    Witness(usize),
    /// So many of these.
    Group(usize, Vec<Quorum>),
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    quorum: Quorum,
}

/// Why a policy cannot be used. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than [`MAX_POLICY_BYTES`], or more than [`MAX_DEFINITIONS`] of a kind.
    #[error("the policy is too large")]
    TooLarge,
    /// A control character other than tab and newline, or a last line without its newline.
    #[error("line {line}: {what}")]
    Characters {
        /// The line.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Neither of the four kinds of line, or with too few or too many items.
    #[error("line {line}: expected {expected}")]
    Line {
        /// The line.
        line: usize,
        /// The form of the line.
        expected: &'static str,
    },
    /// A key that cannot be read.
    #[error("line {line}: {error}; a verifier key is name+id+base64 (c2sp.org/signed-note)")]
    Key {
        /// The line.
        line: usize,
        /// Why.
        error: NoteError,
    },
    /// A witness's key that does not sign times: a cosignature's is 0x04 (c2sp.org/tlog-cosignature).
    #[error("line {line}: {name} is no key of a witness (signature type 0x04): its type is {found:#04x}")]
    NoWitnessKey {
        /// The line.
        line: usize,
        /// The key's name.
        name: String,
        /// Signature type of the key.
        found: u8,
    },
    /// The same public key twice, whatever its name.
    #[error("line {line}: the same key stands on line {earlier}; leave one of them out")]
    DuplicateKey {
        /// The line.
        line: usize,
        /// The earlier line.
        earlier: usize,
    },
    /// A name that is defined already, or `none`.
    #[error("line {line}: the name {name} is taken; choose another")]
    NameTaken {
        /// The line.
        line: usize,
        /// The name.
        name: String,
    },
    /// A name that no earlier line defines.
    #[error("line {line}: {name} is not defined on an earlier line")]
    UnknownName {
        /// The line.
        line: usize,
        /// The name.
        name: String,
    },
    /// A member of two groups, or of one twice: each witness counts in one way only.
    #[error("line {line}: {name} is a member already; each name is listed once")]
    ListedTwice {
        /// The line.
        line: usize,
        /// The name.
        name: String,
    },
    /// The threshold of a group is not `all`, `any`, or a decimal from 1 to the number of its members.
    #[error("line {line}: the threshold {threshold} is not all, any, or a number from 1 to {members}")]
    Threshold {
        /// The line.
        line: usize,
        /// What stands there.
        threshold: String,
        /// Members of the group.
        members: usize,
    },
    /// A second quorum line.
    #[error("line {line}: there is a quorum line already; leave one of them out")]
    SecondQuorum {
        /// The line.
        line: usize,
    },
    /// No quorum line.
    #[error("there is no quorum line; write `quorum none` where no witness is required")]
    NoQuorum,
}

/// Lines read so far.
#[derive(Default)]
struct Reader {
    logs: Vec<(usize, Party)>,
    witnesses: Vec<(usize, Party)>,
    /// Names of witnesses and groups, as octets.
    names: BTreeMap<Vec<u8>, Quorum>,
    members: Vec<Vec<u8>>,
    quorum: Option<Quorum>,
}

impl Policy {
    /// Reads a policy file: octets, of which only the keys must be UTF-8.
    pub fn parse(bytes: &[u8]) -> Result<Policy, PolicyError> {
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLarge);
        }
        let mut reader = Reader::default();
        let mut rest = bytes;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let end = end.ok_or(PolicyError::Characters { line: number, what: "the last line has no newline" })?;
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
                return Err(PolicyError::Characters { line: number, what: "a control character other than tab" });
            }
            let items: Vec<&[u8]> =
                line.split(|byte| *byte == b' ' || *byte == b'\t').filter(|item| !item.is_empty()).collect();
            reader.line(number, &items)?;
            rest = after;
        }
        let parties = |list: Vec<(usize, Party)>| list.into_iter().map(|(_, party)| party).collect();
        Ok(Policy {
            logs: parties(reader.logs),
            witnesses: parties(reader.witnesses),
            quorum: reader.quorum.ok_or(PolicyError::NoQuorum)?,
        })
    }

    /// A policy of one log and k of its witnesses; `None` where there are fewer than k, or a key is no witness's
    /// or stands twice.
    pub fn threshold(log: NoteVerifier, witnesses: &[NoteVerifier], k: usize) -> Option<Policy> {
        let kinds = witnesses.iter().all(|witness| witness.kind() == SignatureKind::Cosignature);
        let twice = witnesses
            .iter()
            .enumerate()
            .any(|(at, key)| witnesses[..at].iter().any(|earlier| earlier.public_key() == key.public_key()));
        let party = |key: &NoteVerifier| Party { name: key.name().to_owned(), key: key.clone(), url: None };
        (kinds && !twice && k <= witnesses.len()).then(|| Policy {
            logs: vec![party(&log)],
            witnesses: witnesses.iter().map(party).collect(),
            quorum: match k {
                0 => Quorum::None,
                k => Quorum::Group(k, (0..witnesses.len()).map(Quorum::Witness).collect()),
            },
        })
    }

    /// The known logs.
    pub fn logs(&self) -> &[Party] {
        &self.logs
    }

    /// The same witnesses and quorum for this log alone.
    pub fn of_log(&self, log: NoteVerifier) -> Policy {
        let log = Party { name: log.name().to_owned(), key: log, url: None };
        Policy { logs: vec![log], witnesses: self.witnesses.clone(), quorum: self.quorum.clone() }
    }

    /// Whether the quorum is reached once the witnesses at these places have cosigned.
    pub fn reached_by(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        self.quorum.reached(&cosigned)
    }

    /// Whether any cosignature is required.
    pub fn needs_witnesses(&self) -> bool {
        self.quorum != Quorum::None
    }

    /// The known witnesses.
    pub fn witnesses(&self) -> &[Party] {
        &self.witnesses
    }

    /// Reads a checkpoint and checks every signature of a known key on it. That the quorum is reached is the caller's
    /// to ask: [`PolicyCheckpoint::quorum_reached`].
    ///
    /// # Errors
    /// [`PolicyCheckpointError`]: no checkpoint, no signature of a known log under its own origin, or a known key's
    /// signature that does not verify.
    pub fn open(&self, bytes: &[u8]) -> Result<PolicyCheckpoint, PolicyCheckpointError> {
        let note = SignedNote::parse(bytes).map_err(PolicyCheckpointError::Note)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(PolicyCheckpointError::Checkpoint)?;
        // The key name of a log is its origin ("Defining a log"): a log's key is no key for another log's checkpoint.
        let log = self
            .logs
            .iter()
            .find(|log| log.key.name() == checkpoint.origin && note.signatures().iter().any(|line| log.key.made(line)));
        let Some(log) = log else {
            return Err(PolicyCheckpointError::UnknownLog { origin: checkpoint.origin });
        };
        let keys: Vec<NoteVerifier> =
            std::iter::once(&log.key).chain(self.witnesses.iter().map(|witness| &witness.key)).cloned().collect();
        let by = note.verify(&keys).map_err(PolicyCheckpointError::Note)?;
        // Place 0 is the log's own key; a note that it did not sign was refused above.
        let cosignatures = by
            .into_iter()
            .filter_map(|by| Some(Cosignature { witness: by.verifier.checked_sub(1)?, time: by.timestamp?, by }))
            .collect();
        Ok(PolicyCheckpoint { quorum: self.quorum.clone(), checkpoint, cosignatures })
    }
}

/// A witness's signature that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Its place among [`Policy::witnesses`].
    pub witness: usize,
    /// When it was made, as the witness says: seconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    by: Verified,
}

impl Cosignature {
    /// The witness's key name.
    pub fn key_name(&self) -> &str {
        &self.by.name
    }
}

/// A checkpoint that a known log signed, with the cosignatures of known witnesses. Only [`Policy::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCheckpoint {
    checkpoint: Checkpoint,
    cosignatures: Vec<Cosignature>,
    quorum: Quorum,
}

/// Why a checkpoint is not that of a log of the policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyCheckpointError {
    /// Not a signed note, or a known key's signature on it does not verify.
    #[error(transparent)]
    Note(NoteError),
    /// A note, but no checkpoint.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// No log of the policy has this origin and signed it.
    #[error("no log of the policy signed the checkpoint of {origin}")]
    UnknownLog {
        /// The origin that the checkpoint names.
        origin: String,
    },
}

impl PolicyCheckpointError {
    /// Stable word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            PolicyCheckpointError::Note(NoteError::BadSignature { .. }) => "SIGNATURE_INVALID",
            PolicyCheckpointError::Note(_) | PolicyCheckpointError::Checkpoint(_) => "CHECKPOINT_MALFORMED",
            PolicyCheckpointError::UnknownLog { .. } => "LOG_UNKNOWN",
        }
    }
}

impl PolicyCheckpoint {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The cosignatures of known witnesses, in the order of the note.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// Whether the witnesses that cosigned reach the policy's quorum.
    pub fn quorum_reached(&self) -> bool {
        self.reached_since(0)
    }

    /// The time since which the quorum is witnessed: the latest t such that the cosignatures made at t or later reach
    /// it, in seconds since 1970-01-01T00:00:00Z. `None` where it is not reached, or needs no witness: the log itself
    /// states no time (c2sp.org/tlog-checkpoint).
    pub fn witnessed_at(&self) -> Option<u64> {
        if self.quorum == Quorum::None {
            return None;
        }
        let times = self.cosignatures.iter().map(|cosignature| cosignature.time);
        times.filter(|time| self.reached_since(*time)).max()
    }

    fn reached_since(&self, time: u64) -> bool {
        let cosigned = |witness: usize| self.cosignatures.iter().any(|c| c.witness == witness && c.time >= time);
        self.quorum.reached(&cosigned)
    }
}

impl Quorum {
    fn reached(&self, cosigned: &impl Fn(usize) -> bool) -> bool {
        match self {
            Quorum::None => true,
            Quorum::Witness(witness) => cosigned(*witness),
            Quorum::Group(k, members) => members.iter().filter(|member| member.reached(cosigned)).count() >= *k,
        }
    }
}

/// Name of the quorum that no witness is needed for.
const NONE: &[u8] = b"none";

impl Reader {
    fn line(&mut self, line: usize, items: &[&[u8]]) -> Result<(), PolicyError> {
        let wrong = |expected| PolicyError::Line { line, expected };
        match items {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", rest @ ..] => {
                let (vkey, url) = match rest {
                    [vkey] => (vkey, None),
                    [vkey, url] => (vkey, Some(text(url))),
                    _ => return Err(wrong("log <vkey> [<url>]")),
                };
                let key = key(line, vkey)?;
                let party = Party { name: key.name().to_owned(), key, url };
                add(&mut self.logs, line, party)
            }
            [b"witness", rest @ ..] => {
                let (name, vkey, url) = match rest {
                    [name, vkey] => (name, vkey, None),
                    [name, vkey, url] => (name, vkey, Some(text(url))),
                    _ => return Err(wrong("witness <name> <vkey> [<url>]")),
                };
                let key = key(line, vkey)?;
                if key.kind() != SignatureKind::Cosignature {
                    let (name, found) = (key.name().to_owned(), key.kind().byte());
                    return Err(PolicyError::NoWitnessKey { line, name, found });
                }
                let party = Party { name: text(name), key, url };
                self.name(line, name, Quorum::Witness(self.witnesses.len()))?;
                add(&mut self.witnesses, line, party)
            }
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                let k = match *threshold {
                    b"any" => Some(1),
                    b"all" => Some(members.len()),
                    digits => decimal(digits),
                };
                let k = k.filter(|k| (1..=members.len()).contains(k)).ok_or_else(|| PolicyError::Threshold {
                    line,
                    threshold: text(threshold),
                    members: members.len(),
                })?;
                let mut of = Vec::with_capacity(members.len());
                for member in members {
                    of.push(self.known(line, member)?);
                    if self.members.iter().any(|listed| listed == member) {
                        return Err(PolicyError::ListedTwice { line, name: text(member) });
                    }
                    self.members.push(member.to_vec());
                }
                self.name(line, name, Quorum::Group(k, of))
            }
            [b"group", ..] => Err(wrong("group <name> all|any|<k> <name>...")),
            [b"quorum", name] => {
                if self.quorum.is_some() {
                    return Err(PolicyError::SecondQuorum { line });
                }
                self.quorum = Some(if *name == NONE { Quorum::None } else { self.known(line, name)? });
                Ok(())
            }
            [b"quorum", ..] => Err(wrong("quorum <name>")),
            _ => Err(wrong("a line of log, witness, group or quorum")),
        }
    }

    fn name(&mut self, line: usize, name: &[u8], means: Quorum) -> Result<(), PolicyError> {
        if name == NONE || self.names.contains_key(name) {
            return Err(PolicyError::NameTaken { line, name: text(name) });
        }
        if self.names.len() >= 2 * MAX_DEFINITIONS {
            return Err(PolicyError::TooLarge);
        }
        self.names.insert(name.to_vec(), means);
        Ok(())
    }

    /// What a name of an earlier line means. `none` is no member of a group, so it is unknown here.
    fn known(&self, line: usize, name: &[u8]) -> Result<Quorum, PolicyError> {
        let known = self.names.get(name).cloned();
        known.ok_or_else(|| PolicyError::UnknownName { line, name: text(name) })
    }
}

fn add(list: &mut Vec<(usize, Party)>, line: usize, party: Party) -> Result<(), PolicyError> {
    if let Some((earlier, _)) = list.iter().find(|(_, other)| other.key.public_key() == party.key.public_key()) {
        return Err(PolicyError::DuplicateKey { line, earlier: *earlier });
    }
    if list.len() >= MAX_DEFINITIONS {
        return Err(PolicyError::TooLarge);
    }
    list.push((line, party));
    Ok(())
}

fn key(line: usize, vkey: &[u8]) -> Result<NoteVerifier, PolicyError> {
    let vkey = std::str::from_utf8(vkey).map_err(|_| NoteError::VerifierKey);
    vkey.and_then(NoteVerifier::from_vkey).map_err(|error| PolicyError::Key { line, error })
}

/// A decimal without signs or leading zeros.
fn decimal(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Octets for display.
fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
