//! Follows the log: its keys, the authorities that its anchors name, its newest checkpoints.
//!
//! One task, one stream. Verdicts read what it knows and wait for nobody, unless a bundle is newer than that.

use std::sync::Arc;
use std::time::Duration;

use cose::key::PublicKey;
use jiff::SignedDuration;
use proto::registry::registry_service_client::RegistryServiceClient;
use proto::registry::{GetLogIdentityRequest, ListEntriesRequest, WatchCheckpointRequest};
use record::media;
use record::registry::AnchorRole;
use record::statement::{Content, SignedStatement};
use runtime::Refusal;
use runtime::connect::Peer;
use tlog::checkpoint::Checkpoint;
use tlog::note::{NoteVerifier, SignedNote};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::Status;
use verify::Trust;

use crate::error::{DOMAIN, away};

/// Entries in a page when following the log.
const PAGE: i32 = 1_000;
/// How soon a registry that went away is looked for again.
const AGAIN: Duration = Duration::from_millis(250);
/// Longest wait until what was followed reaches a bundle that the registry just gave: the stream is at most a page behind.
const CATCH_UP: Duration = Duration::from_secs(5);

/// What was learned from the log so far.
#[derive(Clone)]
pub struct Known {
    /// Entries under the newest checkpoint seen.
    pub size: u64,
    /// Where to look for the next anchor.
    next_anchor: u64,
    /// The newest status checkpoint, while the registry answers: bundles under it are current. Empty otherwise.
    pub status_checkpoint: Vec<u8>,
    /// The authorities that the installation trusts, of no party. A regulator's own file says which it trusts itself;
    /// that is what the bundle in the answer is for.
    pub trust: Arc<Trust>,
    /// Organisation id -> DID of the party that it calls for.
    parties: Arc<Vec<(String, String)>>,
}

impl Known {
    /// The party for which an organisation calls; empty when it is none.
    pub fn party(&self, organization: &str) -> &str {
        self.parties.iter().find(|(known, _)| known == organization).map_or("", |(_, did)| did)
    }
}

/// The follower; its task ends when this is dropped.
pub struct Follower {
    known: watch::Receiver<Option<Arc<Known>>>,
    task: AbortHandle,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Begins to follow.
    pub fn start(registry: RegistryServiceClient<Peer>, max_age: SignedDuration) -> Self {
        let (sender, known) = watch::channel(None);
        let task = tokio::spawn(async move {
            loop {
                let Err(status) = follow(registry.clone(), max_age, &sender).await;
                tracing::info!(%status, "the registry is not followed for now");
                sender.send_if_modified(|known| match known {
                    Some(known) => {
                        Arc::make_mut(known).status_checkpoint.clear();
                        true
                    }
                    None => false,
                });
                tokio::time::sleep(AGAIN).await;
            }
        });
        Follower { known, task: task.abort_handle() }
    }

    /// What is known, of at least `size` entries.
    ///
    /// # Errors
    /// `PEER_UNAVAILABLE` when the registry has not been followed so far in time.
    pub async fn known(&self, size: u64) -> Result<Arc<Known>, Refusal> {
        let mut known = self.known.clone();
        let enough = known.wait_for(|known| known.as_ref().is_some_and(|known| known.size >= size));
        match tokio::time::timeout(CATCH_UP, enough).await {
            Ok(Ok(known)) => known.clone().ok_or_else(|| away("registry")),
            Ok(Err(_)) | Err(_) => Err(away("registry")),
        }
    }

    /// What is known now.
    pub fn now(&self) -> Option<Arc<Known>> {
        self.known.borrow().clone()
    }
}

/// Follows until the registry goes away.
async fn follow(
    mut registry: RegistryServiceClient<Peer>,
    max_age: SignedDuration,
    sender: &watch::Sender<Option<Arc<Known>>>,
) -> Result<std::convert::Infallible, Status> {
    let before = sender.borrow().clone();
    let mut known = match before {
        // The registry may have come back under new keys.
        Some(known) => {
            let of_the_log = of_the_log(&mut registry, max_age).await?;
            let before = &known.trust;
            let trust = Trust {
                accreditation_bodies: before.accreditation_bodies.clone(),
                arrangement_parties: before.arrangement_parties.clone(),
                ..of_the_log
            };
            Known { trust: Arc::new(trust), ..Known::clone(&known) }
        }
        None => Known {
            size: 0,
            next_anchor: 0,
            status_checkpoint: Vec::new(),
            trust: Arc::new(of_the_log(&mut registry, max_age).await?),
            parties: Arc::default(),
        },
    };
    let mut checkpoints = registry.watch_checkpoint(WatchCheckpointRequest {}).await?.into_inner();
    while let Some(published) = checkpoints.message().await? {
        let size = size_of(&published.checkpoint)?;
        take_anchors(&mut registry, &mut known).await?;
        known.size = size;
        known.status_checkpoint = published.status_checkpoint;
        sender.send_replace(Some(Arc::new(known.clone())));
    }
    Err(Status::unavailable("the registry was asked to end"))
}

async fn of_the_log(registry: &mut RegistryServiceClient<Peer>, max_age: SignedDuration) -> Result<Trust, Status> {
    let identity = registry.get_log_identity(GetLogIdentityRequest {}).await?.into_inner();
    let broken = |what: &dyn std::fmt::Display| Refusal::internal(DOMAIN, &format!("log identity: {what}"));
    Ok(Trust {
        party: String::new(),
        max_age,
        witness_quorum: 0,
        origin: identity.origin,
        note_keys: vec![NoteVerifier::from_vkey(&identity.note_key).map_err(|e| broken(&e))?],
        status_note_keys: vec![NoteVerifier::from_vkey(&identity.status_note_key).map_err(|e| broken(&e))?],
        receipt_key: PublicKey::from_jwk(&identity.receipt_key_jwk).map_err(|e| broken(&e))?,
        earlier: Vec::new(),
        accreditation_bodies: Vec::new(),
        arrangement_parties: Vec::new(),
    })
}

/// How many entries a checkpoint covers.
fn size_of(checkpoint: &[u8]) -> Result<u64, Status> {
    let broken = |what: &dyn std::fmt::Display| Refusal::internal(DOMAIN, &format!("checkpoint: {what}"));
    let note = SignedNote::parse(checkpoint).map_err(|e| broken(&e))?;
    Ok(Checkpoint::parse(note.text()).map_err(|e| broken(&e))?.size)
}

/// Takes the anchors beyond those that are known.
async fn take_anchors(registry: &mut RegistryServiceClient<Peer>, known: &mut Known) -> Result<(), Status> {
    let (start_index, mut page_token) = (known.next_anchor, String::new());
    loop {
        let media_type = media::ANCHOR.to_owned();
        let request = ListEntriesRequest { page_size: PAGE, page_token, start_index, media_type };
        let page = registry.list_entries(request).await?.into_inner();
        for entry in &page.entries {
            known.next_anchor = entry.index + 1;
            let statement = SignedStatement::from_entry(&entry.statement)
                .map_err(|e| Refusal::internal(DOMAIN, &format!("entry {}: {e}", entry.index)))?;
            if let Content::Anchor(anchor) = statement.content() {
                let authority = (anchor.id.clone(), anchor.authority.0.clone());
                let trust = Arc::make_mut(&mut known.trust);
                match anchor.role {
                    AnchorRole::AccreditationBody => trust.accreditation_bodies.push(authority),
                    AnchorRole::ArrangementParty => {
                        trust.arrangement_parties.push(authority);
                        Arc::make_mut(&mut known.parties).push((anchor.organization.clone(), anchor.id.clone()));
                    }
                    // No verdict rests on who published a method: a statement names it by digest.
                    AnchorRole::SchemeOwner => {}
                }
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}
