//! Proofs out of what is published: receipts, status proofs, bundles.

use proto::registry::ErrorReason as Reason;
use record::statement::SignedStatement;
use runtime::Refusal;
use store::{Namespace, RegistryStore, keys};
use tlog::receipt::Inclusion;
use tlog::tree::inclusion_proof;
use tonic::Code;
use verify::bundle::{ArrangementProof, Bundle, EpochProof, StatementProof};

use crate::error::{DOMAIN, internal, refuse};
use crate::log::{SignedHead, Status, View, part};

/// The exact bytes of an entry.
pub async fn entry_bytes(store: &dyn RegistryStore, leaf: u64) -> Result<Vec<u8>, Refusal> {
    store
        .get(&part(), Namespace::Entry, &keys::number(leaf))
        .await
        .map_err(|e| Refusal::store(DOMAIN, &e))?
        .ok_or_else(|| Refusal::not_found(DOMAIN, "entry", &format!("entries/{leaf}")))
}

/// The receipt of a leaf under a signed head.
pub fn receipt(view: &View, head: &SignedHead, leaf: u64) -> Result<Vec<u8>, Refusal> {
    let path = inclusion_proof(&view.tree, leaf, head.size).map_err(internal)?;
    head.root.inclusion_receipt(&Inclusion { size: head.size, index: leaf, path }).map_err(internal)
}

/// An epoch with its path.
pub fn epoch(status: &Status, number: u64) -> Result<EpochProof, Refusal> {
    let epoch = status.epochs.get(number as usize).ok_or_else(|| internal("no such epoch"))?;
    Ok(EpochProof {
        epoch: epoch.to_bytes(),
        path: inclusion_proof(&status.tree, number, status.size()).map_err(internal)?,
    })
}

/// The state of a leaf as of the latest epoch: record, path in the map, first epoch.
pub fn state(view: &View, status: &Status, leaf: u64) -> Result<(Vec<u8>, Vec<tlog::Hash>, EpochProof), Refusal> {
    let size = status.latest().size;
    let first = status.covering(leaf).ok_or_else(not_yet)?;
    Ok((
        view.index.record_at(leaf, size).to_bytes(),
        inclusion_proof(status.shown.map.as_ref(), leaf, size).map_err(internal)?,
        epoch(status, first.number)?,
    ))
}

/// The refusal of a proof that no epoch or checkpoint covers yet.
pub fn not_yet() -> Refusal {
    refuse(Code::Unavailable, Reason::NotYetPublished, "nothing published covers the entry yet: try again")
        .retry_after(std::time::Duration::from_secs(1))
}

/// Leaves that a bundle needs.
pub struct Wanted {
    /// The certificate.
    pub certificate: u64,
    /// The accreditation that it names.
    pub accreditation: u64,
    /// Arrangement and acceptance.
    pub arrangement: Option<(u64, u64)>,
}

/// Finds the leaves of a bundle.
pub fn wanted(view: &View, number: &str, arrangement: &str) -> Result<Wanted, Refusal> {
    let name = || format!("certificates/{number}");
    let certified = view.index.certificates.get(number);
    let certified = certified.ok_or_else(|| Refusal::not_found(DOMAIN, "certificate", &name()))?;
    let accreditation = view.index.accreditations.get(&certified.accreditation);
    let (accreditation, _) = accreditation.ok_or_else(|| internal("an accreditation has left the index"))?;
    let arrangement = match arrangement {
        "" => None,
        id => {
            let unknown = || {
                refuse(
                    Code::NotFound,
                    Reason::ArrangementUnknown,
                    format!("no accepted arrangement {id} is in the log"),
                )
                .with("arrangement", id)
            };
            let number = id.rsplit('/').next().unwrap_or(id);
            let (leaf, content, _) = view.index.arrangements.get(number).ok_or_else(unknown)?;
            Some((*leaf, *view.index.acceptances.get(&content.id).ok_or_else(unknown)?))
        }
    };
    Ok(Wanted { certificate: certified.leaf, accreditation: *accreditation, arrangement })
}

impl Wanted {
    /// The greatest leaf: an epoch must cover it.
    pub fn last(&self) -> u64 {
        let arrangement = self.arrangement.map_or(0, |(a, b)| a.max(b));
        self.certificate.max(self.accreditation).max(arrangement)
    }

    /// All of them.
    pub fn leaves(&self) -> Vec<u64> {
        let mut leaves = vec![self.certificate, self.accreditation];
        leaves.extend(self.arrangement.iter().flat_map(|(a, b)| [*a, *b]));
        leaves
    }

    /// The bundle, from what one look at the view shows. `entries` are those of [`Wanted::leaves`], in order.
    pub fn bundle(&self, view: &View, entries: Vec<Vec<u8>>) -> Result<Bundle, Refusal> {
        let status = view.status.as_ref().ok_or_else(not_yet)?;
        let mut proofs = Vec::with_capacity(entries.len());
        for (leaf, entry) in self.leaves().into_iter().zip(entries) {
            let (record, record_path, first_epoch) = state(view, status, leaf)?;
            let statement = SignedStatement::from_entry(&entry).map_err(internal)?;
            let signer = statement.x5t().and_then(|x5t| view.index.signers.get(&x5t));
            proofs.push(StatementProof {
                entry,
                index: leaf,
                path: inclusion_proof(&view.tree, leaf, status.shown.head.size).map_err(internal)?,
                record,
                record_path,
                first_epoch,
                chain: signer.into_iter().cloned().collect(),
            });
        }
        let mut proofs = proofs.into_iter();
        let mut next = || proofs.next().ok_or_else(|| internal("a proof is missing"));
        Ok(Bundle {
            checkpoint: status.shown.head.note.clone(),
            status_checkpoint: status.shown.note.clone(),
            latest_epoch: epoch(status, status.latest().number)?,
            receipt: receipt(view, &status.shown.head, self.certificate)?,
            certificate: next()?,
            accreditation: next()?,
            arrangement: match self.arrangement {
                Some(_) => Some(ArrangementProof { arrangement: next()?, acceptance: next()? }),
                None => None,
            },
        })
    }
}
