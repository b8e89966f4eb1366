//! Readings as they come and go, and what they come to.

use std::sync::Arc;

use futures_util::StreamExt;
use proto::fields::Fields;
use proto::metering as wire;
use proto::timestamp;
use record::name;
use runtime::Caller;
use runtime::error::Finish;
use tonic::{Request, Response, Status, Streaming};

use super::{Answers, MeteringService};
use crate::consumption;
use crate::convert::known_at;
use crate::error::{self, DOMAIN};
use crate::writer::{Known, Writer};

/// Batches in one stream.
const MAX_BATCHES: usize = 100_000;
/// Batches of one stream that are judged and written at a time: enough to share a sync of the store.
const IN_FLIGHT: usize = 16;

impl MeteringService {
    fn writer(&self) -> Writer {
        Writer { resources: self.resources.clone(), readings: self.readings.clone() }
    }

    pub(super) async fn ingest_readings(
        &self,
        request: Request<Streaming<wire::IngestReadingsRequest>>,
    ) -> Result<Response<Answers<wire::IngestReadingsResponse>>, Status> {
        let caller = Caller::of(&request);
        let (writer, known) = (Arc::new(self.writer()), Arc::new(Known::default()));
        let batches = request.into_inner().enumerate();
        // Batches are judged and written side by side and answered in the order sent. A slow reader of the answers holds
        // back the batches.
        let answers = batches.map(move |(position, message)| {
            let (writer, known, caller) = (writer.clone(), known.clone(), caller.clone());
            async move {
                if position == MAX_BATCHES {
                    let message = format!("a stream has at most {MAX_BATCHES} batches");
                    return Err(error::batch(position, message).into());
                }
                let report = writer.take(&caller, &known, &message?.batch).await?;
                Ok(wire::IngestReadingsResponse { position: position as u64, report: Some(report) })
            }
        });
        let answers = answers.buffered(IN_FLIGHT);
        // After a refusal nothing more is taken.
        let answers = answers.scan(false, |refused, answer: Result<_, Status>| {
            let go_on = !std::mem::replace(refused, answer.is_err());
            std::future::ready(go_on.then_some(answer))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    pub(super) async fn record_readings(
        &self,
        request: Request<wire::RecordReadingsRequest>,
    ) -> Result<Response<wire::RecordReadingsResponse>, Status> {
        let caller = Caller::of(&request);
        let report = self.writer().take(&caller, &Known::default(), &request.into_inner().batch).await?;
        Ok(Response::new(wire::RecordReadingsResponse { report: Some(report) }))
    }

    pub(super) async fn list_readings(
        &self,
        request: Request<wire::ListReadingsRequest>,
    ) -> Result<Response<wire::ListReadingsResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        let owner = fields.check("parent", name::parts(name::INSTRUMENT, &request.parent)).map(|parts| parts[0]);
        let period = fields.interval("period", &request.period, true);
        if request.page_size < 0 {
            fields.refuse("page_size", "must not be negative");
        }
        let (start, end) = period.map_or((0, 0), |(start, end)| (start.as_second(), end.map_or(0, |e| e.as_second())));
        let from = match request.page_token.parse::<i64>() {
            Ok(from) if (start..end).contains(&from) => from,
            _ if request.page_token.is_empty() => start,
            _ => {
                fields.refuse("page_token", "is not of this list: send the arguments of the first page with it");
                start
            }
        };
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        self.instrument(&request.parent).await?;
        let limit = if request.page_size == 0 { 100 } else { (request.page_size as usize).min(1_000) };
        let pieces = self.readings.pieces(&request.parent, from, end).await?;
        let mut kept = metering::readings_in_force(&pieces, i64::MAX);
        kept.retain(|reading| (from..end).contains(&reading.start_second()));
        let next_page_token = kept.get(limit).map_or(String::new(), |next| next.start_second().to_string());
        let page = kept.into_iter().take(limit).map(|reading| wire::Reading {
            start_time: Some(timestamp(reading.start)),
            step: Some(prost_types::Duration { seconds: i64::from(reading.duration_secs), nanos: 0 }),
            value: reading.value,
            revision: reading.revision,
        });
        Ok(Response::new(wire::ListReadingsResponse { readings: page.collect(), next_page_token }))
    }

    pub(super) async fn stream_readings(
        &self,
        request: Request<wire::StreamReadingsRequest>,
    ) -> Result<Response<Answers<wire::StreamReadingsResponse>>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        let owner = fields.check("parent", name::parts(name::INSTRUMENT, &request.parent)).map(|parts| parts[0]);
        let period = fields.interval("period", &request.period, true);
        let known = known_at(&mut fields, &request.known_time);
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        self.instrument(&request.parent).await?;
        let (start, end) = period.and_then(|(start, end)| Some((start, end?))).unwrap_or_default();
        let span = (start.as_second(), end.as_second());
        Ok(Response::new(Box::pin(consumption::runs(self.readings.clone(), request.parent, span, known))))
    }

    pub(super) async fn compute_consumption(
        &self,
        request: Request<wire::ComputeConsumptionRequest>,
    ) -> Result<Response<wire::ComputeConsumptionResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.consumption(&caller, &request.into_inner()).await?))
    }
}
