//! The log: checkpoints, epochs, places of statements, and the receipt.

use cose::key::PublicKey;
use jiff::Timestamp;
use record::status::{Epoch, StatusRecord};
use tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use tlog::note::NoteVerifier;
use tlog::receipt::Receipt;
use tlog::{Hash, leaf_hash};

use super::court::{Court, Stop};
use crate::bundle::{Bundle, EpochProof, StatementProof};
use crate::trust::Trust;
use crate::verdict::{Check, Code};

/// Roots that everything else is proved under.
pub(super) struct Roots {
    pub(super) checkpoint: Checkpoint,
    pub(super) status: Checkpoint,
    pub(super) latest: Epoch,
    /// Of the same keys as the checkpoints.
    receipt_key: PublicKey,
}

/// A statement whose place, log time and state are proved.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) log_time: Timestamp,
    pub(super) record: StatusRecord,
}

impl Court {
    pub(super) fn log(&mut self, bundle: &Bundle, trust: &Trust) -> Result<(Roots, Placed), Stop> {
        let roots = self.roots(bundle, trust)?;
        let placed = match place(&bundle.certificate, &roots) {
            Ok(placed) => placed,
            Err(problem) => return Err(self.bad_proof(format!("certificate: {problem}"))),
        };
        let receipt = Receipt::decode(&bundle.receipt)
            .and_then(|receipt| {
                let named = receipt.protected().claims.clone().and_then(|claims| claims.sub);
                receipt.verify(&roots.receipt_key, &bundle.certificate.entry).map(|verified| (verified, named))
            })
            .map_err(|error| error.to_string())
            .and_then(|(verified, named)| {
                let same = verified.index() == bundle.certificate.index
                    && verified.size() == roots.checkpoint.size
                    && verified.root() == &roots.checkpoint.root;
                if !same {
                    Err("it is of another place or tree than the checkpoint".to_owned())
                } else if named.as_deref() != Some(trust.origin.as_str()) {
                    Err("it names another log".to_owned())
                } else {
                    Ok(())
                }
            });
        if let Err(problem) = receipt {
            self.contradicted(
                Check::Log,
                Code::ReceiptInvalid,
                "RFC 9942, 5.2",
                format!("receipt: {problem}"),
                "Where the log changed its keys, `touchctl trust follow`. Otherwise obtain the bundle again; if it stays so, tell the registry's supervisor.",
            );
            return Err(Stop);
        }
        self.log_time = Some(placed.log_time);
        self.status_time = Some(roots.latest.time);
        self.fresh_until = roots.latest.time.checked_add(trust.max_age).ok();
        self.established(
            Check::Log,
            format!(
                "leaf {} of {} in {}, in the log since {}",
                bundle.certificate.index, roots.checkpoint.size, trust.origin, placed.log_time
            ),
        );
        Ok((roots, placed))
    }

    fn bad_proof(&mut self, message: String) -> Stop {
        self.contradicted(
            Check::Log,
            Code::ProofInvalid,
            "RFC 9162, 2.1.3",
            message,
            "Obtain the bundle again; if it stays so, tell the registry's supervisor.",
        );
        Stop
    }

    fn roots(&mut self, bundle: &Bundle, trust: &Trust) -> Result<Roots, Stop> {
        // The keys of now first; those before count where the log's checkpoint is theirs alone.
        let now = (&trust.note_keys, &trust.status_note_keys, &trust.receipt_key, None);
        let earlier = trust.earlier.iter().rev();
        let earlier = earlier.map(|e| (&e.note_keys, &e.status_note_keys, &e.receipt_key, Some(e.until)));
        let signed_by =
            |keys: &[NoteVerifier]| VerifiedCheckpoint::open(&bundle.checkpoint, &trust.origin, &keys[..1]).is_ok();
        let keys = std::iter::once(now).chain(earlier).find(|(keys, ..)| signed_by(keys)).unwrap_or(now);
        let (note_keys, status_note_keys, receipt_key, until) = keys;
        let (status_origin, quorum) = (trust.status_origin(), trust.witness_quorum);
        let both = open(&bundle.checkpoint, &trust.origin, note_keys, quorum)
            .and_then(|main| Ok((main, open(&bundle.status_checkpoint, &status_origin, status_note_keys, quorum)?)));
        let (checkpoint, status) = match both {
            Ok(both) => both,
            Err(Unopened { clause, problem, remedy }) => {
                self.contradicted(Check::Log, Code::CheckpointUntrusted, clause, problem, remedy);
                return Err(Stop);
            }
        };
        let latest = match proved_epoch(&bundle.latest_epoch, &status) {
            Ok(epoch) => epoch,
            Err(problem) => return Err(self.bad_proof(format!("latest epoch: {problem}"))),
        };
        if latest.number + 1 != status.size {
            return Err(self.bad_proof("the epoch is not the last one of the status checkpoint".into()));
        }
        if (latest.size, latest.root) != (checkpoint.size, checkpoint.root) {
            return Err(self.bad_proof("checkpoint and latest epoch are of different trees".into()));
        }
        if let Some(until) = until.filter(|until| latest.time > *until) {
            self.contradicted(
                Check::Log,
                Code::CheckpointUntrusted,
                "log.earlier.until",
                format!(
                    "signed with keys that the log replaced: no status after {until} is believed, this is of {}",
                    latest.time
                ),
                "Obtain a bundle that the log's present keys signed; if there is none, tell the registry's supervisor.",
            );
            return Err(Stop);
        }
        Ok(Roots { checkpoint, status, latest, receipt_key: receipt_key.clone() })
    }
}

/// Why a checkpoint is not to be trusted.
struct Unopened {
    clause: &'static str,
    problem: String,
    remedy: &'static str,
}

fn open(note: &[u8], origin: &str, keys: &[NoteVerifier], quorum: usize) -> Result<Checkpoint, Unopened> {
    let of_log = |problem: &dyn std::fmt::Display| Unopened {
        clause: "C2SP tlog-checkpoint",
        problem: format!("checkpoint of {origin}: {problem}"),
        remedy: "Compare the log's keys in the trust file with those the registry publishes, by another way; where the log \
                 changed its keys, `touchctl trust follow`.",
    };
    let verified = VerifiedCheckpoint::open(note, origin, keys).map_err(|error| of_log(&error))?;
    if !verified.by().iter().any(|by| by.verifier == 0) {
        return Err(of_log(&"the log's own signature is missing"));
    }
    let witnesses = verified.by().iter().filter(|by| by.verifier != 0).count();
    if witnesses < quorum {
        return Err(Unopened {
            clause: "C2SP tlog-cosignature",
            problem: format!("checkpoint of {origin}: {witnesses} witnesses cosigned, {quorum} are needed"),
            remedy: "Obtain the bundle again once more witnesses have cosigned; if it stays so, ask the registry which do.",
        });
    }
    Ok(verified.checkpoint().clone())
}

fn included(leaf: &[u8], index: u64, path: &[Hash], tree: &Checkpoint) -> Result<(), String> {
    tlog::proof::verify_inclusion(&leaf_hash(leaf), index, tree.size, path, &tree.root).map_err(|e| e.to_string())
}

fn proved_epoch(proof: &EpochProof, status: &Checkpoint) -> Result<Epoch, String> {
    let epoch = Epoch::from_bytes(&proof.epoch).map_err(|e| e.to_string())?;
    included(&proof.epoch, epoch.number, &proof.path, status)?;
    Ok(epoch)
}

pub(super) fn place(proof: &StatementProof, roots: &Roots) -> Result<Placed, String> {
    included(&proof.entry, proof.index, &proof.path, &roots.checkpoint)?;
    let first = proved_epoch(&proof.first_epoch, &roots.status).map_err(|e| format!("first epoch: {e}"))?;
    if !(first.previous_size..first.size).contains(&proof.index) {
        return Err("the epoch enclosed is not the first that covers the leaf".into());
    }
    let record = StatusRecord::from_bytes(&proof.record).map_err(|e| e.to_string())?;
    if record.leaf != proof.index {
        return Err("the status record is of another leaf".into());
    }
    let map = Checkpoint::new("status map", roots.latest.size, roots.latest.map_root);
    included(&proof.record, proof.index, &proof.record_path, &map).map_err(|e| format!("status record: {e}"))?;
    Ok(Placed { log_time: first.time, record })
}
