//! Resources as rows: created once, read by name, listed by collection in pages.

use std::sync::Arc;

use prost::Message;
use proto::fields::Fields;
use record::name;
use store::{Batch, Check, Direction, Namespace, Part, RegistryStore, keys};

use crate::error::Finish;
use crate::once::{Begin, Once, Outcome};
use crate::{Caller, Refusal};

/// Rows in a page where the caller asks for none in particular, and at most.
const PAGE: (usize, usize) = (100, 1_000);

/// A request for a page.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// Rows wanted.
    pub size: i32,
    /// From the page before.
    pub token: &'a str,
}

/// The resources of one service.
#[derive(Clone)]
pub struct Resources {
    store: Arc<dyn RegistryStore>,
    domain: &'static str,
}

/// A change in the making: who asks for what.
pub struct Change<'a, Q> {
    /// Who.
    pub caller: &'a Caller,
    /// Which RPC.
    pub method: &'static str,
    /// UUID4 of the change.
    pub request_id: &'a str,
    /// The whole request.
    pub request: &'a Q,
}

/// The collections right below one resource, read at once.
pub struct Below {
    domain: &'static str,
    /// Name below the resource (`collection/id`) and stored bytes, in order of name.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Below {
    /// The resources of one of the collections, in order of name.
    ///
    /// # Errors
    /// `INTERNAL` when one cannot be read.
    pub fn of<R: Message + Default>(&self, collection: &str) -> Result<Vec<R>, Refusal> {
        let is_of =
            |name: &[u8]| name.strip_prefix(collection.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'));
        let rows = self.rows.iter().filter(|(name, _)| is_of(name));
        rows.map(|(_, row)| decode(self.domain, row)).collect()
    }
}

fn decode<R: Message + Default>(domain: &'static str, row: &[u8]) -> Result<R, Refusal> {
    R::decode(row).map_err(|_| Refusal::internal(domain, "a resource cannot be read"))
}

impl Resources {
    /// The resources in `store`, with refusals of `domain`.
    pub fn new(store: Arc<dyn RegistryStore>, domain: &'static str) -> Self {
        Self { store, domain }
    }

    /// The store.
    pub fn store(&self) -> &dyn RegistryStore {
        self.store.as_ref()
    }

    /// The part of an organisation.
    ///
    /// # Errors
    /// An id that is too long to be one.
    pub fn part(&self, organization: &str) -> Result<Part, Refusal> {
        Part::organization(organization).ok_or_else(|| Refusal::not_found(self.domain, "organization", organization))
    }

    /// Whether the caller may touch what belongs to `organization`.
    ///
    /// # Errors
    /// `OTHER_ORGANIZATION`.
    pub fn own(&self, caller: &Caller, organization: &str) -> Result<(), Refusal> {
        if caller.owns(organization) {
            return Ok(());
        }
        Err(Refusal::other_organization(self.domain, &caller.organization, organization))
    }

    /// Begins a change in the part of the organisation that `name` belongs to.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED`, or those of the store.
    pub async fn begin<Q: Message, R: Message + Default>(
        &self,
        change: &Change<'_, Q>,
        resource: &str,
    ) -> Result<Begin<R>, Refusal> {
        let organization = self.organization(resource)?;
        let part = self.part(organization)?;
        let Change { caller, method, request_id, request } = change;
        Once::begin(self.store(), part, self.domain, caller, method, request_id, *request).await
    }

    fn organization<'a>(&self, resource: &'a str) -> Result<&'a str, Refusal> {
        name::organization(resource).map_err(|error| {
            let mut fields = Fields::new();
            fields.refuse("name", error.to_string());
            fields.finish(self.domain).err().unwrap_or_else(|| Refusal::internal(self.domain, "a name"))
        })
    }

    /// Creates a resource, with what else belongs to it in the same batch.
    ///
    /// # Errors
    /// `ALREADY_EXISTS`, or those of [`Once::commit`].
    pub async fn create<R: Message + Default>(
        &self,
        once: &Once,
        kind: &'static str,
        resource: &str,
        value: R,
        mut batch: Batch,
    ) -> Result<R, Refusal> {
        let key = keys::resource(resource);
        batch.check(Check::Absent(Namespace::Resource, key.clone()));
        batch.put(Namespace::Resource, key, value.encode_to_vec());
        match once.commit(self.store(), batch, value).await? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Conflict(_) => Err(Refusal::already_exists(self.domain, kind, resource)),
            Outcome::Fenced => Err(Refusal::internal(self.domain, "a resource was fenced")),
        }
    }

    /// Replaces a resource that must still be `before`. `None` when it no longer is.
    ///
    /// # Errors
    /// Those of [`Once::commit`].
    pub async fn replace<R: Message + Default>(
        &self,
        once: &Once,
        resource: &str,
        before: &R,
        after: R,
    ) -> Result<Option<R>, Refusal> {
        let key = keys::resource(resource);
        let mut batch = Batch::new();
        batch.check(Check::Equals(Namespace::Resource, key.clone(), before.encode_to_vec()));
        batch.put(Namespace::Resource, key, after.encode_to_vec());
        match once.commit(self.store(), batch, after).await? {
            Outcome::Done(answer) => Ok(Some(answer)),
            Outcome::Conflict(_) => Ok(None),
            Outcome::Fenced => Err(Refusal::internal(self.domain, "a resource was fenced")),
        }
    }

    /// A resource, or nothing.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find<R: Message + Default>(&self, resource: &str) -> Result<Option<R>, Refusal> {
        let part = self.part(self.organization(resource)?)?;
        let row = self.store.get(&part, Namespace::Resource, &keys::resource(resource)).await;
        row.map_err(|e| Refusal::store(self.domain, &e))?.map(|row| decode(self.domain, &row)).transpose()
    }

    /// A resource that must be there.
    ///
    /// # Errors
    /// `NOT_FOUND`, or those of the store.
    pub async fn get<R: Message + Default>(&self, kind: &'static str, resource: &str) -> Result<R, Refusal> {
        self.find(resource).await?.ok_or_else(|| Refusal::not_found(self.domain, kind, resource))
    }

    /// A page of the collection `collection` (for example `organizations/o/sites`), in order of name.
    ///
    /// # Errors
    /// A size below zero, or a token of another list.
    pub async fn list<R: Message + Default>(
        &self,
        collection: &str,
        page: PageRequest<'_>,
    ) -> Result<(Vec<R>, String), Refusal> {
        let part = self.part(self.organization(collection)?)?;
        let prefix = keys::resource(&format!("{collection}/x"));
        let prefix = prefix[..prefix.len() - 1].to_vec();
        // A token is bound to its list and says where the next page begins.
        let seal = &cose::sha256(&prefix)[..6];
        let seal: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut fields = Fields::new();
        if page.size < 0 {
            fields.refuse("page_size", "must not be negative");
        }
        let start = match page.token.split_once('.') {
            None if page.token.is_empty() => prefix.clone(),
            Some((sealed, id)) if sealed == seal && name::check_id(id).is_ok() => [&prefix[..], id.as_bytes()].concat(),
            _ => {
                fields.refuse("page_token", "is not of this list: send the arguments of the first page with it");
                prefix.clone()
            }
        };
        fields.finish(self.domain)?;
        let limit = if page.size == 0 { PAGE.0 } else { (page.size as usize).min(PAGE.1) };
        let range = start..keys::after_prefix(&prefix);
        let rows = self
            .store
            .scan(&part, Namespace::Resource, range, limit, Direction::Forward)
            .await
            .map_err(|e| Refusal::store(self.domain, &e))?;
        let found = rows.rows.iter().map(|(_, row)| decode(self.domain, row)).collect::<Result<Vec<R>, _>>()?;
        let next = rows
            .resume
            .map_or(String::new(), |key| format!("{seal}.{}", String::from_utf8_lossy(&key[prefix.len()..])));
        Ok((found, next))
    }

    /// A whole collection, page by page, at most `bound` of it. `None` when there is more.
    ///
    /// # Errors
    /// Those of [`Resources::list`].
    pub async fn all<R: Message + Default>(&self, collection: &str, bound: usize) -> Result<Option<Vec<R>>, Refusal> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = self.list(collection, PageRequest { size: PAGE.1 as i32, token: &token }).await?;
            all.extend(page);
            if all.len() > bound {
                return Ok(None);
            }
            if next.is_empty() {
                return Ok(Some(all));
            }
            token = next;
        }
    }

    /// Everything in the collections right below `resource`, in one pass over adjacent rows. `None` when there is more
    /// than `bound`.
    ///
    /// # Errors
    /// A name that is none, or those of the store.
    pub async fn below(&self, resource: &str, bound: usize) -> Result<Option<Below>, Refusal> {
        let part = self.part(self.organization(resource)?)?;
        let first = keys::resource(&format!("{resource}/x/x"));
        let prefix = &first[..first.len() - "x/x".len()];
        let (mut start, end, mut rows) = (prefix.to_vec(), keys::after_prefix(prefix), Vec::new());
        loop {
            let range = start..end.clone();
            let page = self.store.scan(&part, Namespace::Resource, range, PAGE.1, Direction::Forward).await;
            let page = page.map_err(|e| Refusal::store(self.domain, &e))?;
            rows.extend(page.rows.into_iter().map(|(key, row)| (key[prefix.len()..].to_vec(), row)));
            if rows.len() > bound {
                return Ok(None);
            }
            match page.resume {
                Some(next) => start = next,
                None => return Ok(Some(Below { domain: self.domain, rows })),
            }
        }
    }
}
