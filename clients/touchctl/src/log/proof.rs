//! `touchctl log check-proof` and `check-consistency`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tlog::log_proof::{self, LogProof, MAX_LOG_PROOF_BYTES};
use tlog::proof::{self, MAX_PROOF_HASHES, ProofError};
use tlog::{Hash, leaf_hash};
use verify::Outcome;

use super::{Answer, Cosigned, Reason, Rows, cosigned, cosigned_row, no_quorum, unopened, unproved};
use crate::args::{CheckConsistencyArgs, CheckProofArgs, TreeHead};
use crate::error::Error;
use crate::files;

/// Largest entry: that of a bundle of C2SP tlog-tiles.
pub(super) const MAX_ENTRY_BYTES: u64 = u16::MAX as u64;
/// Longest file of hashes: 65 of them, and room.
const MAX_HASHES_BYTES: u64 = 8 << 10;

/// What a proof of logging says, as far as it could be read.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// Hex.
    leaf_hash: String,
    index: Option<u64>,
    origin: Option<String>,
    size: Option<u64>,
    /// Base64, as in the checkpoint.
    root: Option<String>,
    quorum_reached: bool,
    cosignatures: Vec<Cosigned>,
    /// Base64. Nothing authenticates it.
    unauthenticated_extra: Option<String>,
}

impl Rows for Found {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("Leaf hash", self.leaf_hash.clone())];
        if let Found { origin: Some(origin), size: Some(size), root: Some(root), index: Some(index), .. } = self {
            rows.push(("Log", origin.clone()));
            rows.push(("Entry", format!("{index} of {size}")));
            rows.push(("Root", root.clone()));
            rows.push(cosigned_row(&self.cosignatures));
        }
        rows.extend(self.unauthenticated_extra.clone().map(|extra| ("Extra", format!("{extra} (nobody signed it)"))));
        rows
    }
}

/// Checks that an entry is in the tree of the proof's checkpoint.
pub(super) fn check(args: &CheckProofArgs) -> Result<Answer<Found>, Error> {
    let policy = files::policy(&args.policy)?;
    let entry = files::read_or_empty("entry", &args.entry, MAX_ENTRY_BYTES)?;
    let bytes = files::read("file", &args.file, MAX_LOG_PROOF_BYTES as u64)?;
    let mut answer = Answer::new(Found {
        leaf_hash: hex::encode(leaf_hash(&entry)),
        index: None,
        origin: None,
        size: None,
        root: None,
        quorum_reached: false,
        cosignatures: Vec::new(),
        unauthenticated_extra: None,
    });
    let proof = match LogProof::parse(&bytes) {
        Ok(proof) => proof,
        Err(error) => {
            let reason = Reason {
                code: "PROOF_MALFORMED",
                clause: "C2SP tlog-proof, Format",
                message: error.to_string(),
                remedy: "Obtain the proof again, in its exact bytes.",
            };
            answer.because(Outcome::Refused, reason);
            return Ok(answer);
        }
    };
    answer.found.unauthenticated_extra = proof.extra.as_ref().map(|extra| STANDARD.encode(extra));
    let opened = match policy.open(&proof.checkpoint) {
        Ok(opened) => opened,
        Err(error) => {
            answer.because(Outcome::Refused, unopened(&error));
            return Ok(answer);
        }
    };
    answer.found.index = Some(proof.index);
    answer.found.origin = Some(opened.checkpoint().origin.clone());
    answer.found.size = Some(opened.checkpoint().size);
    answer.found.root = Some(STANDARD.encode(opened.checkpoint().root));
    answer.found.quorum_reached = opened.quorum_reached();
    answer.found.cosignatures = cosigned(&policy, &opened);
    if let Err(error) = proof.verify(&entry, opened.checkpoint()) {
        answer.because(Outcome::Refused, unproved(&error, "RFC 9162, 2.1.3.2"));
    }
    if !opened.quorum_reached() {
        answer.because(Outcome::Indeterminate, no_quorum(opened.cosignatures().len()));
    }
    Ok(answer)
}

/// The two trees compared; roots are base64, as in checkpoints.
#[derive(Debug, Serialize)]
pub(super) struct Trees {
    from: Head,
    to: Head,
}

#[derive(Debug, Serialize)]
struct Head {
    size: u64,
    root: String,
}

impl Rows for Trees {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let head = |head: &Head| format!("{} entries, {}", head.size, head.root);
        vec![("From", head(&self.from)), ("To", head(&self.to))]
    }
}

/// Checks that one tree extends another.
pub(super) fn check_consistency(args: &CheckConsistencyArgs) -> Result<Answer<Trees>, Error> {
    let bytes = files::read_or_empty("proof", &args.proof, MAX_HASHES_BYTES)?;
    let head = |head: &TreeHead| Head { size: head.size, root: STANDARD.encode(head.root) };
    let mut answer = Answer::new(Trees { from: head(&args.from), to: head(&args.to) });
    let hashes = match hashes(&bytes) {
        Ok(hashes) => hashes,
        Err(message) => {
            let remedy = "Give one SHA-256 hash in base64 a line, and nothing else.";
            let clause = "RFC 9162, 2.1.4";
            answer.because(Outcome::Refused, Reason { code: "PROOF_MALFORMED", clause, message, remedy });
            return Ok(answer);
        }
    };
    let (from, to) = (&args.from, &args.to);
    if let Err(error) = proof::verify_consistency(from.size, to.size, &hashes, &from.root, &to.root) {
        let reason = if error == ProofError::RootMismatch && from.size == to.size {
            Reason {
                code: "SPLIT_VIEW",
                clause: "RFC 9162, 2.1.4",
                message: format!("two trees of {} entries have different roots", from.size),
                remedy: "If one log signed both, keep both checkpoints: they prove that it forked.",
            }
        } else {
            unproved(&error, "RFC 9162, 2.1.4.2")
        };
        answer.because(Outcome::Refused, reason);
    }
    Ok(answer)
}

/// A hash a line.
fn hashes(bytes: &[u8]) -> Result<Vec<Hash>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the proof is no text".to_owned())?;
    let lines = text.lines().enumerate();
    let hashes = lines
        .map(|(at, line)| log_proof::hash(line).ok_or_else(|| format!("line {} is no SHA-256 hash in base64", at + 1)));
    let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
    if hashes.len() > MAX_PROOF_HASHES {
        return Err(format!("{} hashes are more than any tree needs", hashes.len()));
    }
    Ok(hashes)
}
