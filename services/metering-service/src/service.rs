//! Handlers: wire words in, record words out.

use std::pin::Pin;
use std::sync::Arc;

use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::metering_service_server::MeteringService as Rpc;
use record::name;
use runtime::access::{Row, Who};
use runtime::error::Finish;
use runtime::{Caller, Clock, Refusal, Resources, Role};
use store::BlobStore;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::config::Config;
use crate::error::DOMAIN;
use crate::readings::Readings;

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
}

/// A create: parse, check, own, begin, commit. What differs is the parsing and the guard before the commit.
macro_rules! create {
    ($self:ident, $request:ident, $method:literal, $kind:literal, $pattern:expr, $collection:literal, $field:ident, $id:ident,
     |$fields:ident, $name:ident, $message:ident| $parse:expr, $guard:expr) => {{
        let caller = runtime::Caller::of(&$request);
        let request = $request.into_inner();
        use runtime::error::Finish as _;
        let mut $fields = proto::fields::Fields::new();
        runtime::once::check_request_id(&mut $fields, &request.request_id);
        let child = crate::convert::child(
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
        $fields.finish(crate::error::DOMAIN)?;
        let resource = child.unwrap_or_default();
        $self.resources.own(&caller, record::name::organization(&resource).unwrap_or(""))?;
        let change = runtime::resources::Change {
            caller: &caller,
            method: $method,
            request_id: &request.request_id,
            request: &request,
        };
        match $self.resources.begin(&change, &resource).await? {
            runtime::once::Begin::Again(answer) => Ok(tonic::Response::new(answer)),
            runtime::once::Begin::Now(once) => {
                let mut message = request.$field.clone().unwrap_or_else(Default::default);
                // What else belongs to it, in the same batch.
                let rows = $guard(&request, &mut message).await?;
                message.name = resource.clone();
                let made = $self.resources.create(&once, $kind, &resource, message, rows).await?;
                Ok(tonic::Response::new(made))
            }
        }
    }};
}

/// A list: the parent's pattern, the collection, the answer's field.
macro_rules! list {
    ($self:ident, $request:ident, $pattern:expr, $collection:literal, $response:ident, $field:ident) => {{
        let caller = runtime::Caller::of(&$request);
        let request = $request.into_inner();
        $self.own(&caller, $pattern, "parent", &request.parent)?;
        let page = runtime::resources::PageRequest { size: request.page_size, token: &request.page_token };
        let ($field, next_page_token) =
            $self.resources.list(&format!("{}/{}", request.parent, $collection), page).await?;
        Ok(tonic::Response::new(proto::metering::$response { $field, next_page_token }))
    }};
}

mod calibrations;
mod evidence;
mod instruments;
mod materials;
mod readings;
mod sites;

/// Answers of a stream.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Every RPC is an inherent method of its name, which stands in the file of its noun.
macro_rules! rpcs {
    (
        unary { $($name:ident($request:ident) -> $response:ident;)* }
        streams { $($stream_name:ident($asked:ty) -> $stream:ident of $answer:ident;)* }
    ) => {
        #[tonic::async_trait]
        impl Rpc for MeteringService {
            $(
                async fn $name(
                    &self,
                    request: Request<wire::$request>,
                ) -> Result<Response<wire::$response>, Status> {
                    MeteringService::$name(self, request).await
                }
            )*
            $(
                type $stream = Answers<wire::$answer>;

                async fn $stream_name(&self, request: Request<$asked>) -> Result<Response<Self::$stream>, Status> {
                    MeteringService::$stream_name(self, request).await
                }
            )*
        }
    };
}

rpcs! {
    unary {
        create_site(CreateSiteRequest) -> Site;
        get_site(GetSiteRequest) -> Site;
        list_sites(ListSitesRequest) -> ListSitesResponse;
        create_instrument(CreateInstrumentRequest) -> Instrument;
        get_instrument(GetInstrumentRequest) -> Instrument;
        list_instruments(ListInstrumentsRequest) -> ListInstrumentsResponse;
        create_calibration(CreateCalibrationRequest) -> Calibration;
        list_calibrations(ListCalibrationsRequest) -> ListCalibrationsResponse;
        record_readings(RecordReadingsRequest) -> RecordReadingsResponse;
        list_readings(ListReadingsRequest) -> ListReadingsResponse;
        move_instrument(MoveInstrumentRequest) -> Instrument;
        replace_instrument(ReplaceInstrumentRequest) -> Instrument;
        retire_instrument(RetireInstrumentRequest) -> Instrument;
        import_calibration(ImportCalibrationRequest) -> Calibration;
        get_calibration_file(GetCalibrationFileRequest) -> GetCalibrationFileResponse;
        list_calibration_warnings(ListCalibrationWarningsRequest) -> ListCalibrationWarningsResponse;
        create_inspection(CreateInspectionRequest) -> Inspection;
        list_inspections(ListInspectionsRequest) -> ListInspectionsResponse;
        create_gas_conversion(CreateGasConversionRequest) -> GasConversion;
        get_gas_conversion(GetGasConversionRequest) -> GasConversion;
        list_gas_conversions(ListGasConversionsRequest) -> ListGasConversionsResponse;
        get_weighbridge_record(GetWeighbridgeRecordRequest) -> WeighbridgeRecord;
        list_weighbridge_records(ListWeighbridgeRecordsRequest) -> ListWeighbridgeRecordsResponse;
        get_stock_record(GetStockRecordRequest) -> StockRecord;
        list_stock_records(ListStockRecordsRequest) -> ListStockRecordsResponse;
        get_laboratory_analysis(GetLaboratoryAnalysisRequest) -> LaboratoryAnalysis;
        list_laboratory_analyses(ListLaboratoryAnalysesRequest) -> ListLaboratoryAnalysesResponse;
        compute_consumption(ComputeConsumptionRequest) -> ComputeConsumptionResponse;
        create_weighbridge_record(CreateWeighbridgeRecordRequest) -> WeighbridgeRecord;
        create_stock_record(CreateStockRecordRequest) -> StockRecord;
        create_laboratory_analysis(CreateLaboratoryAnalysisRequest) -> LaboratoryAnalysis;
    }
    streams {
        ingest_readings(Streaming<wire::IngestReadingsRequest>) -> IngestReadingsStream of IngestReadingsResponse;
        watch_calibration_warnings(wire::WatchCalibrationWarningsRequest) -> WatchCalibrationWarningsStream of WatchCalibrationWarningsResponse;
        stream_readings(wire::StreamReadingsRequest) -> StreamReadingsStream of StreamReadingsResponse;
        stream_evidence(wire::StreamEvidenceRequest) -> StreamEvidenceStream of StreamEvidenceResponse;
    }
}
