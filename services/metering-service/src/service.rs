//! Handlers: wire words in, record words out.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::metering::metering_service_server::MeteringService as Rpc;
use proto::timestamp;
use record::evidence::MAX_BYTES;
use record::instrument::{InstrumentKind, Period};
use record::name;
use runtime::access::{Row, Who};
use runtime::error::Finish;
use runtime::once::{Begin, check_request_id};
use runtime::resources::{Change, PageRequest};
use runtime::{Caller, Clock, Refusal, Resources, Role};
use store::{Batch, BlobStore};
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::config::Config;
use crate::convert::known_at;
use crate::error::{self, DOMAIN, refuse};
use crate::readings::Readings;
use crate::writer::{Known, Writer};
use crate::{consumption, convert};

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
    ("/touchstone.metering.v1.MeteringService/MoveInstrument", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ReplaceInstrument", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/RetireInstrument", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/CreateCalibration", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ImportCalibration", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/GetCalibrationFile", READERS),
    ("/touchstone.metering.v1.MeteringService/ListCalibrationWarnings", READERS),
    ("/touchstone.metering.v1.MeteringService/WatchCalibrationWarnings", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateInspection", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ListInspections", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateGasConversion", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/GetGasConversion", READERS),
    ("/touchstone.metering.v1.MeteringService/ListGasConversions", READERS),
    ("/touchstone.metering.v1.MeteringService/ListCalibrations", READERS),
    ("/touchstone.metering.v1.MeteringService/IngestReadings", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/RecordReadings", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/ListReadings", READERS),
    ("/touchstone.metering.v1.MeteringService/StreamReadings", READERS),
    ("/touchstone.metering.v1.MeteringService/ComputeConsumption", READERS),
    ("/touchstone.metering.v1.MeteringService/GetWeighbridgeRecord", READERS),
    ("/touchstone.metering.v1.MeteringService/ListWeighbridgeRecords", READERS),
    ("/touchstone.metering.v1.MeteringService/GetStockRecord", READERS),
    ("/touchstone.metering.v1.MeteringService/ListStockRecords", READERS),
    ("/touchstone.metering.v1.MeteringService/GetLaboratoryAnalysis", READERS),
    ("/touchstone.metering.v1.MeteringService/ListLaboratoryAnalyses", READERS),
    ("/touchstone.metering.v1.MeteringService/CreateWeighbridgeRecord", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/CreateStockRecord", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/CreateLaboratoryAnalysis", EXPORTER),
    ("/touchstone.metering.v1.MeteringService/StreamEvidence", READERS),
];

/// Bytes in one piece of an evidence file.
const PIECE: usize = 256 << 10;
/// Batches in one stream.
const MAX_BATCHES: usize = 100_000;
/// Batches of one stream that are judged and written at a time: enough to share a sync of the store.
const IN_FLIGHT: usize = 16;

/// The service.
pub struct MeteringService {
    pub(crate) resources: Resources,
    pub(crate) readings: Readings,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) clock: Clock,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl MeteringService {
    /// The service.
    pub fn new(config: Config) -> Self {
        Self {
            resources: Resources::new(config.store.clone(), DOMAIN),
            readings: Readings::new(config.store, config.clock.clone(), config.skew_secs),
            blobs: config.blobs,
            clock: config.clock,
            stopping: config.stopping,
        }
    }

    fn writer(&self) -> Writer {
        Writer { resources: self.resources.clone(), readings: self.readings.clone() }
    }

    /// Checks that a caller may touch a resource of this pattern; the name's parts come from the pattern.
    pub(crate) fn own(
        &self,
        caller: &Caller,
        pattern: &'static str,
        field: &str,
        resource: &str,
    ) -> Result<(), Refusal> {
        let mut fields = Fields::new();
        let parts = fields.check(field, name::parts(pattern, resource));
        fields.finish(DOMAIN)?;
        let organization = parts.map_or("", |parts| parts[0]);
        self.resources.own(caller, organization)
    }

    pub(crate) async fn instrument(&self, name: &str) -> Result<record::instrument::Instrument, Refusal> {
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
                // What else belongs to it, in the same batch.
                let rows = $guard(&request, &mut message).await?;
                message.name = resource.clone();
                let made = $self.resources.create(&once, $kind, &resource, message, rows).await?;
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
                Ok::<_, Refusal>(Batch::new())
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
                instrument.replaces.clear();
                instrument.create_time = Some(now);
                Ok::<_, Refusal>(Batch::new())
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
                calibration.source = wire::CalibrationSource::Form.into();
                calibration.dcc_schema_version.clear();
                calibration.signature_state = wire::SignatureState::Unspecified.into();
                calibration.create_time = Some(now);
                Ok::<_, Refusal>(Batch::new())
            }
        )
    }

    async fn list_calibrations(
        &self,
        request: Request<wire::ListCalibrationsRequest>,
    ) -> Result<Response<wire::ListCalibrationsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "calibrations", ListCalibrationsResponse, calibrations)
    }

    type IngestReadingsStream = Pin<Box<dyn Stream<Item = Result<wire::IngestReadingsResponse, Status>> + Send>>;

    async fn ingest_readings(
        &self,
        request: Request<Streaming<wire::IngestReadingsRequest>>,
    ) -> Result<Response<Self::IngestReadingsStream>, Status> {
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

    async fn record_readings(
        &self,
        request: Request<wire::RecordReadingsRequest>,
    ) -> Result<Response<wire::RecordReadingsResponse>, Status> {
        let caller = Caller::of(&request);
        let report = self.writer().take(&caller, &Known::default(), &request.into_inner().batch).await?;
        Ok(Response::new(wire::RecordReadingsResponse { report: Some(report) }))
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

    async fn move_instrument(
        &self,
        request: Request<wire::MoveInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        self.moved(request).await
    }

    async fn replace_instrument(
        &self,
        request: Request<wire::ReplaceInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        self.replaced(request).await
    }

    async fn retire_instrument(
        &self,
        request: Request<wire::RetireInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        self.retired(request).await
    }

    async fn import_calibration(
        &self,
        request: Request<wire::ImportCalibrationRequest>,
    ) -> Result<Response<wire::Calibration>, Status> {
        self.imported(request).await
    }

    async fn get_calibration_file(
        &self,
        request: Request<wire::GetCalibrationFileRequest>,
    ) -> Result<Response<wire::GetCalibrationFileResponse>, Status> {
        self.own(&Caller::of(&request), name::CALIBRATION, "name", &request.get_ref().name)?;
        let certificate = self.certificate_file(&request.get_ref().name).await?;
        Ok(Response::new(wire::GetCalibrationFileResponse { certificate }))
    }

    async fn list_calibration_warnings(
        &self,
        request: Request<wire::ListCalibrationWarningsRequest>,
    ) -> Result<Response<wire::ListCalibrationWarningsResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        self.own(&caller, name::SITE, "parent", &request.parent)?;
        let page = PageRequest { size: request.page_size, token: &request.page_token };
        let (warnings, next_page_token) = self.warnings().page(&request.parent, page).await?;
        Ok(Response::new(wire::ListCalibrationWarningsResponse { warnings, next_page_token }))
    }

    type WatchCalibrationWarningsStream =
        Pin<Box<dyn Stream<Item = Result<wire::WatchCalibrationWarningsResponse, Status>> + Send>>;

    async fn watch_calibration_warnings(
        &self,
        request: Request<wire::WatchCalibrationWarningsRequest>,
    ) -> Result<Response<Self::WatchCalibrationWarningsStream>, Status> {
        self.own(&Caller::of(&request), name::SITE, "parent", &request.get_ref().parent)?;
        let site = request.into_inner().parent;
        self.resources.get::<wire::Site>("site", &site).await?;
        Ok(Response::new(Box::pin(self.warnings().watch(site, self.stopping.clone()))))
    }

    async fn create_inspection(
        &self,
        request: Request<wire::CreateInspectionRequest>,
    ) -> Result<Response<wire::Inspection>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateInspection",
            "inspection",
            name::INSTRUMENT,
            "inspections",
            inspection,
            inspection_id,
            |fields, name, message| words::inspection(
                &mut fields,
                "inspection",
                name.rsplit('/').next().unwrap_or(""),
                message
            ),
            async |request: &wire::CreateInspectionRequest, inspection: &mut wire::Inspection| {
                self.instrument(&request.parent).await?;
                inspection.create_time = Some(now);
                Ok::<_, Refusal>(Batch::new())
            }
        )
    }

    async fn list_inspections(
        &self,
        request: Request<wire::ListInspectionsRequest>,
    ) -> Result<Response<wire::ListInspectionsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "inspections", ListInspectionsResponse, inspections)
    }

    async fn create_gas_conversion(
        &self,
        request: Request<wire::CreateGasConversionRequest>,
    ) -> Result<Response<wire::GasConversion>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateGasConversion",
            "gas conversion",
            name::INSTRUMENT,
            "gasConversions",
            gas_conversion,
            gas_conversion_id,
            |fields, name, message| words::gas_conversion(
                &mut fields,
                "gas_conversion",
                name.rsplit('/').next().unwrap_or(""),
                message
            ),
            async |request: &wire::CreateGasConversionRequest, conversion: &mut wire::GasConversion| {
                let instrument = self.instrument(&request.parent).await?;
                if instrument.measurand != record::instrument::Measurand::Volume {
                    let message = format!("{} counts no volume at operating conditions", request.parent);
                    let refusal = refuse(Code::FailedPrecondition, Reason::InstrumentKindMismatch, message);
                    return Err(refusal.with("instrument", &request.parent));
                }
                conversion.create_time = Some(now);
                let of = format!("{}/gasConversions", request.parent);
                self.correcting(&of, &conversion.corrects, |_: &wire::GasConversion| true).await
            }
        )
    }

    async fn get_gas_conversion(
        &self,
        request: Request<wire::GetGasConversionRequest>,
    ) -> Result<Response<wire::GasConversion>, Status> {
        self.own(&Caller::of(&request), name::GAS_CONVERSION, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("gas conversion", &request.get_ref().name).await?))
    }

    async fn list_gas_conversions(
        &self,
        request: Request<wire::ListGasConversionsRequest>,
    ) -> Result<Response<wire::ListGasConversionsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "gasConversions", ListGasConversionsResponse, gas_conversions)
    }

    async fn get_weighbridge_record(
        &self,
        request: Request<wire::GetWeighbridgeRecordRequest>,
    ) -> Result<Response<wire::WeighbridgeRecord>, Status> {
        self.own(&Caller::of(&request), name::WEIGHBRIDGE_RECORD, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("weighbridge record", &request.get_ref().name).await?))
    }

    async fn list_weighbridge_records(
        &self,
        request: Request<wire::ListWeighbridgeRecordsRequest>,
    ) -> Result<Response<wire::ListWeighbridgeRecordsResponse>, Status> {
        list!(self, request, name::SITE, "weighbridgeRecords", ListWeighbridgeRecordsResponse, weighbridge_records)
    }

    async fn get_stock_record(
        &self,
        request: Request<wire::GetStockRecordRequest>,
    ) -> Result<Response<wire::StockRecord>, Status> {
        self.own(&Caller::of(&request), name::STOCK_RECORD, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("stock record", &request.get_ref().name).await?))
    }

    async fn list_stock_records(
        &self,
        request: Request<wire::ListStockRecordsRequest>,
    ) -> Result<Response<wire::ListStockRecordsResponse>, Status> {
        list!(self, request, name::SITE, "stockRecords", ListStockRecordsResponse, stock_records)
    }

    async fn get_laboratory_analysis(
        &self,
        request: Request<wire::GetLaboratoryAnalysisRequest>,
    ) -> Result<Response<wire::LaboratoryAnalysis>, Status> {
        self.own(&Caller::of(&request), name::LABORATORY_ANALYSIS, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("laboratory analysis", &request.get_ref().name).await?))
    }

    async fn list_laboratory_analyses(
        &self,
        request: Request<wire::ListLaboratoryAnalysesRequest>,
    ) -> Result<Response<wire::ListLaboratoryAnalysesResponse>, Status> {
        list!(self, request, name::SITE, "laboratoryAnalyses", ListLaboratoryAnalysesResponse, laboratory_analyses)
    }

    type StreamReadingsStream = Pin<Box<dyn Stream<Item = Result<wire::StreamReadingsResponse, Status>> + Send>>;

    async fn stream_readings(
        &self,
        request: Request<wire::StreamReadingsRequest>,
    ) -> Result<Response<Self::StreamReadingsStream>, Status> {
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

    async fn compute_consumption(
        &self,
        request: Request<wire::ComputeConsumptionRequest>,
    ) -> Result<Response<wire::ComputeConsumptionResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.consumption(&caller, &request.into_inner()).await?))
    }

    async fn create_weighbridge_record(
        &self,
        request: Request<wire::CreateWeighbridgeRecordRequest>,
    ) -> Result<Response<wire::WeighbridgeRecord>, Status> {
        let now = timestamp((self.clock)());
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
                self.weighing(&record.instrument, &request.parent).await?;
                record.create_time = Some(now);
                let of = format!("{}/weighbridgeRecords", request.parent);
                self.correcting(&of, &record.corrects, |before: &wire::WeighbridgeRecord| {
                    before.material == record.material
                })
                .await
            }
        )
    }

    async fn create_stock_record(
        &self,
        request: Request<wire::CreateStockRecordRequest>,
    ) -> Result<Response<wire::StockRecord>, Status> {
        let now = timestamp((self.clock)());
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
            async |request: &wire::CreateStockRecordRequest, record: &mut wire::StockRecord| {
                self.resources.get::<wire::Site>("site", &request.parent).await?;
                record.create_time = Some(now);
                let of = format!("{}/stockRecords", request.parent);
                self.correcting(&of, &record.corrects, |before: &wire::StockRecord| before.material == record.material)
                    .await
            }
        )
    }

    async fn create_laboratory_analysis(
        &self,
        request: Request<wire::CreateLaboratoryAnalysisRequest>,
    ) -> Result<Response<wire::LaboratoryAnalysis>, Status> {
        let now = timestamp((self.clock)());
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
            async |request: &wire::CreateLaboratoryAnalysisRequest, record: &mut wire::LaboratoryAnalysis| {
                self.resources.get::<wire::Site>("site", &request.parent).await?;
                record.create_time = Some(now);
                let of = format!("{}/laboratoryAnalyses", request.parent);
                self.correcting(&of, &record.corrects, |before: &wire::LaboratoryAnalysis| {
                    before.material == record.material && before.property == record.property
                })
                .await
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
        let known = known_at(&mut fields, &request.known_time);
        if !request.instrument.is_empty() {
            let of = format!("{}/instruments/", request.parent);
            fields.check("instrument", name::parts(name::INSTRUMENT, &request.instrument));
            if !request.instrument.starts_with(&of) && !fields.has("instrument") {
                fields.refuse("instrument", "must be at the site");
            }
        }
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        let Some(period) = period else { return Err(Refusal::internal(DOMAIN, "a period").into()) };
        self.resources.get::<wire::Site>("site", &request.parent).await?;
        let only = (!request.instrument.is_empty()).then_some(request.instrument.as_str());
        if let Some(instrument) = only {
            self.instrument(instrument).await?;
        }
        let evidence = self.evidence(&request.parent, only, period, known).await?;
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
