//! `touchctl log check-receipt`.

use cose::cbor::Value;
use cose::key::KeyError;
use cose::sign1::{Envelope, Protected, Sign1Error};
use serde::Serialize;
use tlog::leaf_hash;
use tlog::note::MAX_NOTE_BYTES;
use tlog::receipt::{Older, ReceiptError, ReceiptProofs};
use verify::Outcome;

use super::proof::MAX_ENTRY_BYTES;
use super::{Answer, Reason, Rows, no_quorum, unopened};
use crate::args::CheckReceiptArgs;
use crate::error::Error;
use crate::{files, keys};

/// Largest receipt: some two hundred proofs.
const MAX_RECEIPT_BYTES: u64 = 256 << 10;
/// Largest statement: an entry, with receipts in its unprotected header.
const MAX_STATEMENT_BYTES: u64 = MAX_ENTRY_BYTES + 4 * MAX_RECEIPT_BYTES;

/// What a receipt says.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    /// The service, as the protected header names it.
    issuer: Option<String>,
    /// The log or the statement, as the protected header names it.
    subject: Option<String>,
    /// COSE code point.
    algorithm: Option<i64>,
    /// Hex of the leaf hash that the proofs lead from.
    leaf_hash: Option<String>,
    /// Which bytes of the statement are the leaf.
    leaf: Option<Leaf>,
    /// Hex of the root that the key signed.
    root: Option<String>,
    proofs: Vec<Claim>,
    /// Whether a checkpoint with the same root confirms the sizes.
    sizes_established: bool,
    /// Whether the statement's own signature was checked and is good.
    statement_signature_verified: bool,
}

/// Which bytes of a statement are the leaf.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Leaf {
    /// All of them.
    AsGiven,
    /// Those with an empty unprotected header, in which receipts and the like travel.
    UnprotectedHeaderEmptied,
}

/// What a proof claims.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Claim {
    Inclusion { index: u64, size: u64 },
    Consistency { from: u64, size: u64 },
}

impl Claim {
    fn size(&self) -> u64 {
        match self {
            Claim::Inclusion { size, .. } | Claim::Consistency { size, .. } => *size,
        }
    }
}

impl Rows for Found {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let text = |label, value: &Option<String>| value.clone().map(|value| (label, value));
        rows.extend(text("Issued by", &self.issuer));
        rows.extend(text("About", &self.subject));
        rows.extend(text("Leaf hash", &self.leaf_hash));
        rows.extend(text("Root", &self.root));
        let words = if self.sizes_established { "" } else { " (claimed: no signature covers it)" };
        rows.extend(self.proofs.iter().map(|claim| match claim {
            Claim::Inclusion { index, size } => ("Included", format!("entry {index} of {size}{words}")),
            Claim::Consistency { from, size } => ("Extends", format!("{from} to {size} entries{words}")),
        }));
        let signature = if self.statement_signature_verified { "verified" } else { "not checked, or not good" };
        rows.push(("Statement", format!("signature {signature}")));
        rows
    }
}

/// Checks a receipt and, where asked, the statement's own signature and the checkpoint.
pub(super) fn check(args: &CheckReceiptArgs) -> Result<Answer<Found>, Error> {
    let key = keys::public("key", &args.key)?;
    let issuer_key = args.issuer_key.as_ref().map(|path| keys::public("issuer-key", path)).transpose()?;
    let policy = args.policy.as_ref().map(|path| files::policy(path)).transpose()?;
    let read = |argument, path: &_, limit| files::read(argument, path, limit);
    let statement = args.statement.as_ref().map(|path| read("statement", path, MAX_STATEMENT_BYTES)).transpose()?;
    let receipt = read("receipt", &args.receipt, MAX_RECEIPT_BYTES)?;
    let note = args.checkpoint.as_ref().map(|path| read("checkpoint", path, MAX_NOTE_BYTES as u64)).transpose()?;

    let mut answer = Answer::new(Found::default());
    if let (Some(statement), Some(issuer_key)) = (&statement, &issuer_key) {
        match Envelope::decode(statement).and_then(|envelope| envelope.verify(issuer_key)) {
            Ok(()) => answer.found.statement_signature_verified = true,
            Err(error) => answer.because(Outcome::Refused, unsigned(&error)),
        }
    }
    let proofs = match ReceiptProofs::decode(&receipt) {
        Ok(proofs) => proofs,
        Err(error) => {
            answer.because(Outcome::Refused, refused(&error));
            return Ok(answer);
        }
    };
    claims(&mut answer.found, &proofs);
    let older = args.from.map(|from| Older { size: from.size, root: from.root });
    let leaves = statement.as_deref().map(leaves).unwrap_or_default();
    // What was registered is the statement as given, or without what travels beside it; a receipt of consistency has none.
    let tried = leaves.iter().map(|(leaf, bytes)| (Some(*leaf), Some(leaf_hash(bytes))));
    let tried = tried.chain(leaves.is_empty().then_some((None, None)));
    let mut problem = None;
    for (leaf, hash) in tried {
        match proofs.verify(&key, hash.as_ref(), older.as_ref()) {
            Ok(verified) => {
                answer.found.root = Some(hex::encode(verified.root()));
                if !proofs.inclusion().is_empty() {
                    answer.found.leaf = leaf;
                    answer.found.leaf_hash = hash.map(hex::encode);
                }
                problem = None;
                break;
            }
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    if let Some(error) = problem {
        answer.because(Outcome::Refused, refused(&error));
        return Ok(answer);
    }
    if let (Some(policy), Some(note)) = (policy, note) {
        match policy.open(&note) {
            Err(error) => answer.because(Outcome::Refused, unopened(&error)),
            Ok(opened) => {
                let checkpoint = opened.checkpoint();
                let same_root = answer.found.root.as_deref() == Some(hex::encode(checkpoint.root).as_str());
                let same_size = answer.found.proofs.iter().all(|claim| claim.size() == checkpoint.size);
                if same_root && same_size {
                    answer.found.sizes_established = opened.quorum_reached();
                } else {
                    let what = if same_root { "size" } else { "root" };
                    let reason = Reason {
                        code: "CHECKPOINT_OTHER_TREE",
                        clause: "RFC 9942, 5.2",
                        message: format!("the checkpoint of {} entries has another {what}", checkpoint.size),
                        remedy: "Give the checkpoint that came with the receipt.",
                    };
                    answer.because(Outcome::Refused, reason);
                }
                if !opened.quorum_reached() {
                    answer.because(Outcome::Indeterminate, no_quorum(opened.cosignatures().len()));
                }
            }
        }
    }
    Ok(answer)
}

fn claims(found: &mut Found, proofs: &ReceiptProofs) {
    let Protected { alg, claims, .. } = proofs.protected();
    found.algorithm = Some(alg.code());
    found.issuer = claims.as_ref().and_then(|claims| claims.iss.clone());
    found.subject = claims.as_ref().and_then(|claims| claims.sub.clone());
    let inclusion = proofs.inclusion().iter().map(|p| Claim::Inclusion { index: p.index, size: p.size });
    let consistency = proofs.consistency().iter().map(|p| Claim::Consistency { from: p.size1, size: p.size2 });
    found.proofs = inclusion.chain(consistency).collect();
}

/// The bytes that may be the leaf of a statement.
fn leaves(statement: &[u8]) -> Vec<(Leaf, Vec<u8>)> {
    let mut leaves = vec![(Leaf::AsGiven, statement.to_vec())];
    if let Ok(envelope) = Envelope::decode(statement)
        && envelope.unprotected() != &Value::Map(Vec::new())
        && let Ok(bare) = envelope.with_unprotected(Value::Map(Vec::new()))
    {
        leaves.push((Leaf::UnprotectedHeaderEmptied, bare.encode()));
    }
    leaves
}

/// Why a receipt is refused.
fn refused(error: &ReceiptError) -> Reason {
    let code = error.reason();
    let (clause, remedy) = match code {
        "STRUCTURE_UNSUPPORTED" | "RECEIPT_FORM_UNSUPPORTED" => (
            "RFC 9942, 4",
            "Ask for a receipt of an RFC 9162 SHA-256 tree (vds 1), or check it with its own service's tools.",
        ),
        "STRUCTURE_MISSING" => ("RFC 9942, 4", "See that the file is the receipt, and not the statement."),
        "ALGORITHM_UNSUPPORTED" => ("RFC 9053, 2", "Ask for a receipt signed with one of -7, -8, -9, -19, -35, -37."),
        "KEY_MISMATCH" => ("RFC 9053, 2", "Give the key that goes with the receipt's algorithm."),
        "SIGNATURE_INVALID" => (
            "RFC 9942, 5.2",
            "See that statement, receipt and key belong together; if they do, one of them was changed.",
        ),
        "PROOF_INVALID" => ("RFC 9162, 2.1", "See that statement, older tree and receipt belong together."),
        "STATEMENT_MISSING" => ("RFC 9942, 5.2", "Give the statement with --statement."),
        "OLDER_TREE_MISSING" => ("RFC 9942, 5.3", "Give size and root of the older tree with --from."),
        _ => ("RFC 9942, 5", "Obtain the receipt again, in its exact bytes."),
    };
    Reason { code, clause, message: format!("receipt: {error}"), remedy }
}

/// Why a statement's own signature is refused.
fn unsigned(error: &Sign1Error) -> Reason {
    let (code, remedy) = match error {
        Sign1Error::Key(KeyError::BadSignature) => (
            "STATEMENT_SIGNATURE_INVALID",
            "See that --issuer-key is the signer's; if it is, the statement was changed.",
        ),
        Sign1Error::Key(_) => ("KEY_MISMATCH", "Give the key that goes with the statement's algorithm."),
        Sign1Error::UnsupportedAlgorithm { .. } => {
            ("ALGORITHM_UNSUPPORTED", "Ask the signer to sign with one of -7, -8, -9, -19, -35, -37.")
        }
        Sign1Error::PayloadDetached => ("PAYLOAD_DETACHED", "Give the statement with its payload in it."),
        _ => (
            "STATEMENT_MALFORMED",
            "Give the statement as a tagged COSE_Sign1 with its algorithm in the protected header.",
        ),
    };
    Reason { code, clause: "RFC 9052, 4.4", message: format!("statement: {error}"), remedy }
}
