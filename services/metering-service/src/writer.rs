//! Batches of readings as they come in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::instrument::Instrument;
use record::name;
use runtime::error::Finish;
use runtime::{Caller, Refusal, Resources};

use crate::error::DOMAIN;
use crate::readings::Readings;

/// Instruments that a stream has named, as they were when it first did: a batch a minute old is no reason to read its
/// instrument again. Bounded by [`MAX_KNOWN`].
#[derive(Default)]
pub struct Known(Mutex<BTreeMap<String, Arc<Instrument>>>);

/// Most instruments remembered for one stream.
const MAX_KNOWN: usize = 10_000;

/// Takes batches.
pub struct Writer {
    /// Where instruments are.
    pub resources: Resources,
    /// Where readings go.
    pub readings: Readings,
}

impl Writer {
    /// Reads, judges and keeps a batch.
    pub async fn take(
        &self,
        caller: &Caller,
        known: &Known,
        batch: &Option<wire::ReadingBatch>,
    ) -> Result<wire::AcceptanceReport, Refusal> {
        let mut fields = Fields::new();
        let batch = match fields.message("batch", batch) {
            None => None,
            Some(batch) => {
                fields.check("batch.instrument", name::parts(name::INSTRUMENT, &batch.instrument));
                words::reading_batch(&mut fields, "batch", batch)
            }
        };
        fields.finish(DOMAIN)?;
        let batch = batch.ok_or_else(|| Refusal::internal(DOMAIN, "a batch without violations"))?;
        self.resources.own(caller, name::organization(&batch.instrument).unwrap_or(""))?;
        let instrument = self.instrument(known, &batch.instrument).await?;
        let report = self.readings.ingest(&instrument, &batch).await?;
        Ok(words::to_acceptance_report(&batch.instrument, &report))
    }

    async fn instrument(&self, known: &Known, name: &str) -> Result<Arc<Instrument>, Refusal> {
        let found = known.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        let stored: wire::Instrument = self.resources.get("instrument", name).await?;
        let read = words::instrument(&mut Fields::new(), "instrument", name, &stored);
        let read = Arc::new(read.ok_or_else(|| Refusal::internal(DOMAIN, "a stored instrument cannot be read"))?);
        let mut known = known.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_KNOWN {
            known.insert(name.to_owned(), read.clone());
        }
        Ok(read)
    }
}
