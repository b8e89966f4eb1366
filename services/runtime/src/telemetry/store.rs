//! The store, observed: a span and a duration for every verb.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Batch, Committed, Direction, Namespace, Page, Part, RegistryStore, StoreError, Token};
use tracing::Instrument;

use super::Meters;

/// The same store where nobody observes. `engine` is its name, for `db.system.name`.
pub fn observed(
    store: Arc<dyn RegistryStore>,
    engine: &'static str,
    meters: &Meters,
    traced: bool,
) -> Arc<dyn RegistryStore> {
    if meters.is_on() || traced { Arc::new(Observed { store, engine, meters: meters.clone() }) } else { store }
}

struct Observed {
    store: Arc<dyn RegistryStore>,
    engine: &'static str,
    meters: Meters,
}

/// Runs a verb in its span and takes its time. A macro, since a span's name is part of its call site.
macro_rules! observe {
    ($self:ident, $verb:literal, $call:expr) => {{
        let span = tracing::info_span!(
            concat!("store.", $verb),
            otel.kind = "client",
            db.system.name = $self.engine,
            db.operation.name = $verb,
        );
        let began = Instant::now();
        let answer = $call.instrument(span).await;
        $self.meters.operation($self.engine, $verb, answer.is_err(), began.elapsed());
        answer
    }};
}

#[tonic::async_trait]
impl RegistryStore for Observed {
    async fn get(&self, part: &Part, ns: Namespace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        observe!(self, "get", self.store.get(part, ns, key))
    }

    async fn multi_get(
        &self,
        part: &Part,
        ns: Namespace,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        observe!(self, "multi_get", self.store.multi_get(part, ns, keys))
    }

    async fn scan(
        &self,
        part: &Part,
        ns: Namespace,
        range: Range<Vec<u8>>,
        limit: usize,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        observe!(self, "scan", self.store.scan(part, ns, range, limit, direction))
    }

    async fn commit(&self, part: &Part, batch: Batch) -> Result<Committed, StoreError> {
        observe!(self, "commit", self.store.commit(part, batch))
    }

    async fn wait_applied(&self, token: Token, deadline: Duration) -> Result<(), StoreError> {
        observe!(self, "wait_applied", self.store.wait_applied(token, deadline))
    }
}
