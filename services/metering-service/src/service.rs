//! Handlers: wire words in, record words out.

use std::pin::Pin;
use std::sync::Arc;

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::metering::metering_service_server::MeteringService as Rpc;
use proto::timestamp;
use record::evidence::{Evidence, InstrumentEvidence, MAX_BYTES, MAX_INSTRUMENTS, MAX_RECORDS, MAX_SERIES, Series};
use record::instrument::{InstrumentKind, Period};
use record::name;
use runtime::access::{Row, Who};
use runtime::error::Finish;
use runtime::once::{Begin, check_request_id};
use runtime::resources::{Change, PageRequest};
use runtime::{Caller, Clock, Refusal, Resources, Role};
use store::{Batch, RegistryStore};
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::config::Config;
use crate::error::{self, DOMAIN, refuse};
use crate::{convert, readings};

const EXPORTER: Who = Who::Roles(&[Role::Exporter]);
const READERS: Who = Who::Roles(&[Role::Exporter, Role::Service]);

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.metering.v1.MeteringService/CreateSite", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/GetSite", READERS),
    ("/touchstone.metering.v1.MeteringService/ListSites", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateInstrument", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/GetInstrument", READERS),
    ("/touchstone.metering.v1.MeteringService/ListInstruments", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateCalibration", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ListCalibrations", READERS),
    ("/touchstone.metering.v1.MeteringService/IngestReadings", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ListReadings", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateWeighbridgeRecord", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/CreateStockRecord", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/CreateLaboratoryAnalysis", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/StreamEvidence", READERS),
];

/// Bytes in one piece of an evidence file.
const PIECE: usize = 256 << 10;
/// Missing intervals in a row after which a new series begins: a day of quarter hours and more.
const MAX_MISSING: usize = 1_000;
/// Batches in one stream.
const MAX_BATCHES: usize = 100_000;

/// The service.
pub struct MeteringService {
    resources: Resources,
    store: Arc<dyn RegistryStore>,
    clock: Clock,
    skew_secs: u32,
}

impl MeteringService {
    /// The service.
    pub fn new(config: Config) -> Self {
        Self {
            resources: Resources::new(config.store.clone(), DOMAIN),
            store: config.store,
            clock: config.clock,
            skew_secs: config.skew_secs,
        }
    }

    /// Checks that a caller may touch a resource of this pattern; the name's parts come from the pattern.
    fn own(&self, caller: &Caller, pattern: &'static str, field: &str, resource: &str) -> Result<(), Refusal> {
        let mut fields = Fields::new();
        let parts = fields.check(field, name::parts(pattern, resource));
        fields.finish(DOMAIN)?;
        let organization = parts.map_or("", |parts| parts[0]);
        self.resources.own(caller, organization)
    }

    async fn instrument(&self, name: &str) -> Result<record::instrument::Instrument, Refusal> {
        let stored: wire::Instrument = self.resources.get("instrument", name).await?;
        let mut fields = Fields::new();
        words::instrument(&mut fields, "instrument", name, &stored)
            .ok_or_else(|| Refusal::internal(DOMAIN, "a stored instrument cannot be read"))
    }

    /// Whether the records of a material may come from this instrument.
    async fn weighing(&self, instrument: &str, site: &str) -> Result<(), Refusal> {
        let mismatch = |message: String| {
            refuse(Code::FailedPrecondition, Reason::InstrumentKindMismatch, message).with("instrument", instrument)
        };
        if !instrument.starts_with(&format!("{site}/instruments/")) {
            return Err(mismatch(format!("{instrument} is not at {site}")));
        }
        let known = self.instrument(instrument).await?;
        match known.kind {
            InstrumentKind::Weighbridge | InstrumentKind::BeltScale => Ok(()),
            _ => Err(mismatch(format!("{instrument} is no weighbridge and no belt weigher"))),
        }
    }

    async fn evidence(&self, site: &str, period: Period) -> Result<Evidence, Refusal> {
        let too_large = |what: &str| {
            refuse(
                Code::FailedPrecondition,
                Reason::EvidenceTooLarge,
                format!("too many {what}: ask for a shorter period"),
            )
            .with("what", what)
        };
        let damaged = || Refusal::internal(DOMAIN, "stored evidence cannot be read");
        let mut fields = Fields::new();
        let mut evidence = Evidence::empty(site, period);
        let instruments =
            self.resources.all::<wire::Instrument>(&format!("{site}/instruments"), MAX_INSTRUMENTS).await?;
        for stored in instruments.ok_or_else(|| too_large("instruments"))? {
            let instrument = words::instrument(&mut fields, "instrument", &stored.name, &stored).ok_or_else(damaged)?;
            let of = format!("{}/calibrations", stored.name);
            let calibrations = self.resources.all::<wire::Calibration>(&of, MAX_INSTRUMENTS).await?;
            let calibrations = calibrations
                .ok_or_else(|| too_large("calibrations"))?
                .iter()
                .map(|stored| words::calibration(&mut fields, "calibration", stored).ok_or_else(damaged))
                .collect::<Result<Vec<_>, _>>()?;
            let kept = readings::of_period(self.store.as_ref(), &stored.name, &period, MAX_SERIES).await?;
            let kept = kept.ok_or_else(|| too_large("readings"))?;
            evidence.instruments.push(InstrumentEvidence {
                instrument,
                calibrations,
                series: Series::collect(&kept, MAX_MISSING),
            });
        }
        let last = |name: &str| name.rsplit('/').next().unwrap_or("").to_owned();
        let records =
            self.resources.all::<wire::WeighbridgeRecord>(&format!("{site}/weighbridgeRecords"), MAX_RECORDS).await?;
        for stored in records.ok_or_else(|| too_large("weighbridge records"))? {
            let record = words::weighbridge_record(&mut fields, "record", &last(&stored.name), &stored);
            let record = record.ok_or_else(damaged)?;
            if period.contains(record.time) {
                evidence.weighbridge.push(record);
            }
        }
        let records = self.resources.all::<wire::StockRecord>(&format!("{site}/stockRecords"), MAX_RECORDS).await?;
        for stored in records.ok_or_else(|| too_large("stock records"))? {
            let record =
                words::stock_record(&mut fields, "record", &last(&stored.name), &stored).ok_or_else(damaged)?;
            // The closing stock is taken at the end, which is the first instant after the period.
            if period.contains(record.time) || record.time == period.end {
                evidence.stocks.push(record);
            }
        }
        let records =
            self.resources.all::<wire::LaboratoryAnalysis>(&format!("{site}/laboratoryAnalyses"), MAX_RECORDS).await?;
        for stored in records.ok_or_else(|| too_large("analyses"))? {
            let record = words::laboratory_analysis(&mut fields, "record", &last(&stored.name), &stored);
            let record = record.ok_or_else(damaged)?;
            if period.contains(record.time) {
                evidence.analyses.push(record);
            }
        }
        evidence.sort();
        if let Some(violation) = evidence.violations().into_iter().next() {
            return Err(Refusal::internal(DOMAIN, &format!("evidence: {}: {}", violation.path, violation.problem)));
        }
        Ok(evidence)
    }
}

/// A create: parse, check, own, begin, commit. What differs is the parsing and the guard before the commit.
macro_rules! create {
    ($self:ident, $request:ident, $method:literal, $kind:literal, $pattern:expr, $collection:literal, $field:ident, $id:ident,
     |$fields:ident, $name:ident, $message:ident| $parse:expr, $guard:expr) => {{
        let caller = Caller::of(&$request);
        let request = $request.into_inner();
        let mut $fields = Fields::new();
        check_request_id(&mut $fields, &request.request_id);
        let child = convert::child(
            &mut $fields,
            $pattern,
            &request.parent,
            $collection,
            concat!(stringify!($field), "_id"),
            &request.$id,
        );
        let $name = child.clone().unwrap_or_default();
        if let Some($message) = $fields.message(stringify!($field), &request.$field) {
            $parse;
        }
        $fields.finish(DOMAIN)?;
        let resource = child.unwrap_or_default();
        $self.resources.own(&caller, name::organization(&resource).unwrap_or(""))?;
        let change = Change { caller: &caller, method: $method, request_id: &request.request_id, request: &request };
        match $self.resources.begin(&change, &resource).await? {
            Begin::Again(answer) => Ok(Response::new(answer)),
            Begin::Now(once) => {
                let mut message = request.$field.clone().unwrap_or_else(Default::default);
                $guard(&request, &mut message).await?;
                message.name = resource.clone();
                let made = $self.resources.create(&once, $kind, &resource, message, Batch::new()).await?;
                Ok(Response::new(made))
            }
        }
    }};
}

/// A list: the parent's pattern, the collection, the answer's field.
macro_rules! list {
    ($self:ident, $request:ident, $pattern:expr, $collection:literal, $response:ident, $field:ident) => {{
        let caller = Caller::of(&$request);
        let request = $request.into_inner();
        $self.own(&caller, $pattern, "parent", &request.parent)?;
        let page = PageRequest { size: request.page_size, token: &request.page_token };
        let ($field, next_page_token) =
            $self.resources.list(&format!("{}/{}", request.parent, $collection), page).await?;
        Ok(Response::new(wire::$response { $field, next_page_token }))
    }};
}

#[tonic::async_trait]
impl Rpc for MeteringService {
    async fn create_site(&self, request: Request<wire::CreateSiteRequest>) -> Result<Response<wire::Site>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateSite",
            "site",
            name::ORGANIZATION,
            "sites",
            site,
            site_id,
            |fields, _name, message| convert::site(&mut fields, &Some(message.clone())),
            async |_: &wire::CreateSiteRequest, site: &mut wire::Site| {
                site.create_time = Some(now);
                Ok::<_, Refusal>(())
            }
        )
    }

    async fn get_site(&self, request: Request<wire::GetSiteRequest>) -> Result<Response<wire::Site>, Status> {
        self.own(&Caller::of(&request), name::SITE, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("site", &request.get_ref().name).await?))
    }

    async fn list_sites(
        &self,
        request: Request<wire::ListSitesRequest>,
    ) -> Result<Response<wire::ListSitesResponse>, Status> {
        list!(self, request, name::ORGANIZATION, "sites", ListSitesResponse, sites)
    }

    async fn create_instrument(
        &self,
        request: Request<wire::CreateInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateInstrument",
            "instrument",
            name::SITE,
            "instruments",
            instrument,
            instrument_id,
            |fields, name, message| words::instrument(&mut fields, "instrument", &name, message),
            async |request: &wire::CreateInstrumentRequest, instrument: &mut wire::Instrument| {
                self.resources.get::<wire::Site>("site", &request.parent).await?;
                instrument.create_time = Some(now);
                Ok::<_, Refusal>(())
            }
        )
    }

    async fn get_instrument(
        &self,
        request: Request<wire::GetInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        self.own(&Caller::of(&request), name::INSTRUMENT, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("instrument", &request.get_ref().name).await?))
    }

    async fn list_instruments(
        &self,
        request: Request<wire::ListInstrumentsRequest>,
    ) -> Result<Response<wire::ListInstrumentsResponse>, Status> {
        list!(self, request, name::SITE, "instruments", ListInstrumentsResponse, instruments)
    }

    async fn create_calibration(
        &self,
        request: Request<wire::CreateCalibrationRequest>,
    ) -> Result<Response<wire::Calibration>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateCalibration",
            "calibration",
            name::INSTRUMENT,
            "calibrations",
            calibration,
            calibration_id,
            |fields, _name, message| words::calibration(&mut fields, "calibration", message),
            async |request: &wire::CreateCalibrationRequest, calibration: &mut wire::Calibration| {
                self.instrument(&request.parent).await?;
                calibration.create_time = Some(now);
                Ok::<_, Refusal>(())
            }
        )
    }

    async fn list_calibrations(
        &self,
        request: Request<wire::ListCalibrationsRequest>,
    ) -> Result<Response<wire::ListCalibrationsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "calibrations", ListCalibrationsResponse, calibrations)
    }

    async fn ingest_readings(
        &self,
        request: Request<Streaming<wire::IngestReadingsRequest>>,
    ) -> Result<Response<wire::IngestReadingsResponse>, Status> {
        let caller = Caller::of(&request);
        let mut batches = request.into_inner();
        let mut reports = Vec::new();
        while let Some(message) = batches.next().await {
            let position = reports.len();
            if position == MAX_BATCHES {
                return Err(error::batch(position, format!("a stream has at most {MAX_BATCHES} batches")).into());
            }
            let message = message?;
            let mut fields = Fields::new();
            let batch = match fields.message("batch", &message.batch) {
                None => None,
                Some(batch) => {
                    fields.check("batch.instrument", name::parts(name::INSTRUMENT, &batch.instrument));
                    words::reading_batch(&mut fields, "batch", batch)
                }
            };
            fields.finish(DOMAIN)?;
            let Some(batch) = batch else { return Err(error::batch(position, "cannot be read").into()) };
            self.resources.own(&caller, name::organization(&batch.instrument).unwrap_or(""))?;
            let instrument = self.instrument(&batch.instrument).await?;
            let report =
                readings::ingest(self.store.as_ref(), &self.clock, self.skew_secs, &instrument, &batch).await?;
            reports.push(words::to_acceptance_report(&batch.instrument, &report));
        }
        Ok(Response::new(wire::IngestReadingsResponse { reports }))
    }

    async fn list_readings(
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
        let Some(all) = readings::stored(self.store.as_ref(), &request.parent, from, end, MAX_SERIES).await? else {
            let refusal = refuse(Code::FailedPrecondition, Reason::EvidenceTooLarge, "ask for a shorter period");
            return Err(refusal.into());
        };
        let kept = readings::in_force(all);
        let next_page_token = kept.get(limit).map_or(String::new(), |next| next.start_second().to_string());
        let page = kept.into_iter().take(limit).map(|reading| wire::Reading {
            start_time: Some(timestamp(reading.start)),
            step: Some(prost_types::Duration { seconds: i64::from(reading.duration_secs), nanos: 0 }),
            value: reading.value,
            revision: reading.revision,
        });
        Ok(Response::new(wire::ListReadingsResponse { readings: page.collect(), next_page_token }))
    }

    async fn create_weighbridge_record(
        &self,
        request: Request<wire::CreateWeighbridgeRecordRequest>,
    ) -> Result<Response<wire::WeighbridgeRecord>, Status> {
        create!(
            self,
            request,
            "MeteringService/CreateWeighbridgeRecord",
            "weighbridge record",
            name::SITE,
            "weighbridgeRecords",
            weighbridge_record,
            weighbridge_record_id,
            |fields, name, message| words::weighbridge_record(
                &mut fields,
                "weighbridge_record",
                name.rsplit('/').next().unwrap_or(""),
                message
            ),
            async |request: &wire::CreateWeighbridgeRecordRequest, record: &mut wire::WeighbridgeRecord| {
                self.weighing(&record.instrument, &request.parent).await
            }
        )
    }

    async fn create_stock_record(
        &self,
        request: Request<wire::CreateStockRecordRequest>,
    ) -> Result<Response<wire::StockRecord>, Status> {
        create!(
            self,
            request,
            "MeteringService/CreateStockRecord",
            "stock record",
            name::SITE,
            "stockRecords",
            stock_record,
            stock_record_id,
            |fields, name, message| words::stock_record(
                &mut fields,
                "stock_record",
                name.rsplit('/').next().unwrap_or(""),
                message
            ),
            async |request: &wire::CreateStockRecordRequest, _: &mut wire::StockRecord| {
                self.resources.get::<wire::Site>("site", &request.parent).await.map(|_| ())
            }
        )
    }

    async fn create_laboratory_analysis(
        &self,
        request: Request<wire::CreateLaboratoryAnalysisRequest>,
    ) -> Result<Response<wire::LaboratoryAnalysis>, Status> {
        create!(
            self,
            request,
            "MeteringService/CreateLaboratoryAnalysis",
            "laboratory analysis",
            name::SITE,
            "laboratoryAnalyses",
            laboratory_analysis,
            laboratory_analysis_id,
            |fields, name, message| words::laboratory_analysis(
                &mut fields,
                "laboratory_analysis",
                name.rsplit('/').next().unwrap_or(""),
                message
            ),
            async |request: &wire::CreateLaboratoryAnalysisRequest, _: &mut wire::LaboratoryAnalysis| {
                self.resources.get::<wire::Site>("site", &request.parent).await.map(|_| ())
            }
        )
    }

    type StreamEvidenceStream = Pin<Box<dyn Stream<Item = Result<wire::StreamEvidenceResponse, Status>> + Send>>;

    async fn stream_evidence(
        &self,
        request: Request<wire::StreamEvidenceRequest>,
    ) -> Result<Response<Self::StreamEvidenceStream>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        let owner = fields.check("parent", name::parts(name::SITE, &request.parent)).map(|parts| parts[0]);
        let period = fields.interval("period", &request.period, true);
        let period = period.and_then(|(start, end)| Some(Period { start, end: end? }));
        if let Some(period) = &period {
            for violation in period.violations() {
                fields.refuse(format!("period.{}_time", violation.path), violation.problem);
            }
        }
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        let Some(period) = period else { return Err(Refusal::internal(DOMAIN, "a period").into()) };
        self.resources.get::<wire::Site>("site", &request.parent).await?;
        let evidence = self.evidence(&request.parent, period).await?;
        let root = metering::evidence_root(&evidence).0.to_vec();
        let bytes = evidence.to_bytes();
        if bytes.len() > MAX_BYTES {
            let message = format!("the evidence has {} bytes: at most {MAX_BYTES}", bytes.len());
            return Err(refuse(Code::FailedPrecondition, Reason::EvidenceTooLarge, message).into());
        }
        let pieces: Vec<_> = bytes
            .chunks(PIECE)
            .enumerate()
            .map(|(i, piece)| {
                let evidence_root = if i == 0 { root.clone() } else { Vec::new() };
                Ok(wire::StreamEvidenceResponse { data: piece.to_vec(), evidence_root })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }
}
