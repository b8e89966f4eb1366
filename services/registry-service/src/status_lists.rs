//! Bitstring status lists as they are served: each is signed once for the latest epoch, and kept until the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cose::key::SigningKey;
use record::media;
use record::statement::{Heading, sign};
use record::status::Epoch;
use record::status_list::{LIST_BITS, StatusListName};
use runtime::Refusal;

use crate::error::internal;
use crate::log::View;

/// What signs status lists, and those of the latest epoch.
pub struct StatusLists {
    key: Arc<SigningKey>,
    /// DID of the log.
    issuer: String,
    /// `https://` and the origin of the log.
    base: String,
    /// Number of the epoch, and its lists so far.
    made: Mutex<(u64, Made)>,
}

/// Lists, signed.
type Made = BTreeMap<StatusListName, Arc<Vec<u8>>>;

impl StatusLists {
    /// Signs with the receipt key of the log.
    pub fn new(key: Arc<SigningKey>, issuer: &str, origin: &str) -> Self {
        let (issuer, base) = (issuer.to_owned(), format!("https://{origin}"));
        StatusLists { key, issuer, base, made: Mutex::default() }
    }

    /// A list as of the latest epoch; `None` where the log has no such leaves yet.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn list(&self, name: StatusListName, view: &View) -> Result<Option<Arc<Vec<u8>>>, Refusal> {
        let Some(epoch) = view.status.as_ref().map(|status| *status.latest()) else { return Ok(None) };
        let Some(first) = name.first_leaf().filter(|first| *first < epoch.size) else { return Ok(None) };
        let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if made.0 != epoch.number {
            *made = (epoch.number, BTreeMap::new());
        }
        if let Some(list) = made.1.get(&name) {
            return Ok(Some(list.clone()));
        }
        let list = Arc::new(self.sign(name, first, &epoch, view)?);
        made.1.insert(name, list.clone());
        Ok(Some(list))
    }

    fn sign(&self, name: StatusListName, first: u64, epoch: &Epoch, view: &View) -> Result<Vec<u8>, Refusal> {
        let changed = view.index.records.range(first..first.saturating_add(LIST_BITS).min(epoch.size));
        let records: Vec<_> = changed.map(|(_, record)| record.below(epoch.size)).collect();
        let payload = name.payload(&self.base, &self.issuer, epoch, &name.bits(records.iter(), epoch.time));
        let subject = format!("{}/{}", self.base, name.path());
        let heading = Heading { media_type: media::CERTIFICATE, issuer: &self.issuer, subject: &subject, x5t: None };
        sign(self.key.as_ref(), &heading, &payload).map_err(internal)
    }
}
