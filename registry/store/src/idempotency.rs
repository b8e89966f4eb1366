//! The same `request_id` with the same request gives the first answer again (AIP-155).
//!
//! The record is a row of the batch that makes the effect, so the two cannot part.

use crate::{Batch, Check, Namespace, Part, RegistryStore, StoreError, keys};

/// A request as it is remembered.
#[derive(Debug, Clone)]
pub struct RequestKey {
    key: Vec<u8>,
    digest: [u8; 32],
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Never seen.
    Never,
    /// Seen, with this answer.
    Before(Vec<u8>),
    /// The id was used for another request.
    Reused,
}

impl RequestKey {
    /// `digest` is the SHA-256 of method and request, so that one id cannot serve two methods.
    pub fn new(organization: &str, request_id: &str, digest: [u8; 32]) -> Self {
        Self { key: keys::request(organization, request_id), digest }
    }

    /// Tells apart the ids of requests that wait for the same batch.
    pub fn id(&self) -> &[u8] {
        &self.key
    }

    /// Whether this is the same id with another request.
    pub fn reuses(&self, other: &RequestKey) -> bool {
        self.key == other.key && self.digest != other.digest
    }

    /// Looks the request up.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn seen(&self, store: &dyn RegistryStore, part: &Part) -> Result<Seen, StoreError> {
        Ok(match store.get(part, Namespace::Request, &self.key).await? {
            None => Seen::Never,
            Some(row) => match row.split_at_checked(32) {
                None => return Err(StoreError::Corrupt("a request row shorter than its digest".into())),
                Some((digest, answer)) if digest == self.digest => Seen::Before(answer.to_vec()),
                Some(_) => Seen::Reused,
            },
        })
    }

    /// Adds the record to the batch that makes the effect.
    pub fn remember(&self, batch: &mut Batch, answer: &[u8]) {
        let row = [&self.digest[..], answer].concat();
        batch.check(Check::Absent(Namespace::Request, self.key.clone()));
        batch.put(Namespace::Request, self.key.clone(), row);
    }

    /// Whether a conflict means that the same id was committed meanwhile.
    pub fn is_cause(&self, conflict: &Check) -> bool {
        conflict.row() == (Namespace::Request, &self.key[..])
    }
}
