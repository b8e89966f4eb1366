//! A change happens once, whatever the retry: effect and `request_id` share a batch.

use prost::Message;
use proto::fields::Fields;
use store::idempotency::{RequestKey, Seen};
use store::{Batch, Check, Committed, Part, RegistryStore};
use tonic::Code;

use crate::{Caller, Refusal};

/// A request that changes something.
#[derive(Debug, Clone)]
pub struct Once {
    key: RequestKey,
    part: Part,
    domain: &'static str,
}

/// What to do with a request.
pub enum Begin<R> {
    /// It was carried out before: this is its answer.
    Again(R),
    /// Carry it out.
    Now(Once),
}

/// What became of the batch.
pub enum Outcome<R> {
    /// Committed now, or by a twin of this request meanwhile: the answer.
    Done(R),
    /// A condition of the effect did not hold.
    Conflict(Check),
    /// Another writer has taken over.
    Fenced,
}

/// Checks that `request_id` is a UUID4.
pub fn check_request_id(fields: &mut Fields, request_id: &str) {
    match uuid::Uuid::try_parse(request_id) {
        Ok(id) if id.get_version_num() == 4 => {}
        _ => fields.refuse("request_id", "is no UUID4 (AIP-155): make a new one for each change"),
    }
}

fn reused(domain: &'static str) -> Refusal {
    Refusal::new(
        domain,
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
        "request_id was used before with another request: use a new one",
    )
}

impl Once {
    /// Looks the request up. `method` is the RPC's path, so that one id cannot serve two methods.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED`, or those of the store.
    pub async fn begin<Q: Message, R: Message + Default>(
        store: &dyn RegistryStore,
        part: Part,
        domain: &'static str,
        caller: &Caller,
        method: &'static str,
        request_id: &str,
        request: &Q,
    ) -> Result<Begin<R>, Refusal> {
        let mut bytes = method.as_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(&request.encode_to_vec());
        Once::begin_as(store, part, domain, caller, request_id, cose::sha256(&bytes)).await
    }

    /// The same for a request whose digest is known: nothing else in the part may have such a one.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED`, or those of the store.
    pub async fn begin_as<R: Message + Default>(
        store: &dyn RegistryStore,
        part: Part,
        domain: &'static str,
        caller: &Caller,
        request_id: &str,
        digest: [u8; 32],
    ) -> Result<Begin<R>, Refusal> {
        let once = Once { key: RequestKey::new(&caller.organization, request_id, digest), part, domain };
        match once.seen(store).await? {
            Some(answer) => Ok(Begin::Again(answer)),
            None => Ok(Begin::Now(once)),
        }
    }

    /// The key that tells requests apart.
    pub fn key(&self) -> &RequestKey {
        &self.key
    }

    /// The refusal of an id used for another request.
    pub fn reused(&self) -> Refusal {
        reused(self.domain)
    }

    /// The part whose batch carries the effect.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// The first answer to this request, if it was carried out.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED`, or those of the store.
    pub async fn seen<R: Message + Default>(&self, store: &dyn RegistryStore) -> Result<Option<R>, Refusal> {
        match self.key.seen(store, &self.part).await.map_err(|e| Refusal::store(self.domain, &e))? {
            Seen::Never => Ok(None),
            Seen::Reused => Err(reused(self.domain)),
            Seen::Before(bytes) => R::decode(bytes.as_slice())
                .map(Some)
                .map_err(|_| Refusal::internal(self.domain, "a remembered answer cannot be read")),
        }
    }

    /// Adds the record of this request to a batch; for a caller that commits by itself.
    pub fn remember<R: Message>(&self, batch: &mut Batch, answer: &R) {
        self.key.remember(batch, &answer.encode_to_vec());
    }

    /// Whether a conflict means that a twin of this request was committed meanwhile.
    pub fn is_cause(&self, conflict: &Check) -> bool {
        self.key.is_cause(conflict)
    }

    /// Commits the effect with its record.
    ///
    /// # Errors
    /// Those of the store, or `REQUEST_ID_REUSED` when a twin with another body came first.
    pub async fn commit<R: Message + Default>(
        &self,
        store: &dyn RegistryStore,
        mut batch: Batch,
        answer: R,
    ) -> Result<Outcome<R>, Refusal> {
        self.remember(&mut batch, &answer);
        let committed = store.commit(&self.part, batch).await.map_err(|e| Refusal::store(self.domain, &e))?;
        match committed {
            Committed::Yes(_) => Ok(Outcome::Done(answer)),
            Committed::Fenced => Ok(Outcome::Fenced),
            Committed::Conflict(check) => match self.seen(store).await? {
                Some(first) => Ok(Outcome::Done(first)),
                None => Ok(Outcome::Conflict(check)),
            },
            // Our own record tells whether the batch was applied.
            Committed::Unknown => match self.seen(store).await? {
                Some(first) => Ok(Outcome::Done(first)),
                None => Err(Refusal::store(
                    self.domain,
                    &store::StoreError::Unavailable("the outcome of a write is not known".into()),
                )),
            },
        }
    }
}
