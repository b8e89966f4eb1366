//! Weighed loads, stocks, analyses and gas conversions, and what corrects what.

use prost::Message;
use proto::convert::metering as words;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::timestamp;
use record::instrument::InstrumentKind;
use record::name;
use runtime::{Caller, Refusal};
use store::{Batch, Check, Namespace, keys};
use tonic::{Code, Request, Response, Status};

use super::MeteringService;
use crate::error::{self, refuse};

impl MeteringService {
    pub(super) async fn create_weighbridge_record(
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

    pub(super) async fn get_weighbridge_record(
        &self,
        request: Request<wire::GetWeighbridgeRecordRequest>,
    ) -> Result<Response<wire::WeighbridgeRecord>, Status> {
        self.own(&Caller::of(&request), name::WEIGHBRIDGE_RECORD, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("weighbridge record", &request.get_ref().name).await?))
    }

    pub(super) async fn list_weighbridge_records(
        &self,
        request: Request<wire::ListWeighbridgeRecordsRequest>,
    ) -> Result<Response<wire::ListWeighbridgeRecordsResponse>, Status> {
        list!(self, request, name::SITE, "weighbridgeRecords", ListWeighbridgeRecordsResponse, weighbridge_records)
    }

    pub(super) async fn create_stock_record(
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

    pub(super) async fn get_stock_record(
        &self,
        request: Request<wire::GetStockRecordRequest>,
    ) -> Result<Response<wire::StockRecord>, Status> {
        self.own(&Caller::of(&request), name::STOCK_RECORD, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("stock record", &request.get_ref().name).await?))
    }

    pub(super) async fn list_stock_records(
        &self,
        request: Request<wire::ListStockRecordsRequest>,
    ) -> Result<Response<wire::ListStockRecordsResponse>, Status> {
        list!(self, request, name::SITE, "stockRecords", ListStockRecordsResponse, stock_records)
    }

    pub(super) async fn create_laboratory_analysis(
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

    pub(super) async fn get_laboratory_analysis(
        &self,
        request: Request<wire::GetLaboratoryAnalysisRequest>,
    ) -> Result<Response<wire::LaboratoryAnalysis>, Status> {
        self.own(&Caller::of(&request), name::LABORATORY_ANALYSIS, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("laboratory analysis", &request.get_ref().name).await?))
    }

    pub(super) async fn list_laboratory_analyses(
        &self,
        request: Request<wire::ListLaboratoryAnalysesRequest>,
    ) -> Result<Response<wire::ListLaboratoryAnalysesResponse>, Status> {
        list!(self, request, name::SITE, "laboratoryAnalyses", ListLaboratoryAnalysesResponse, laboratory_analyses)
    }

    pub(super) async fn create_gas_conversion(
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

    pub(super) async fn get_gas_conversion(
        &self,
        request: Request<wire::GetGasConversionRequest>,
    ) -> Result<Response<wire::GasConversion>, Status> {
        self.own(&Caller::of(&request), name::GAS_CONVERSION, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("gas conversion", &request.get_ref().name).await?))
    }

    pub(super) async fn list_gas_conversions(
        &self,
        request: Request<wire::ListGasConversionsRequest>,
    ) -> Result<Response<wire::ListGasConversionsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "gasConversions", ListGasConversionsResponse, gas_conversions)
    }

    /// The rows that mark the record `id` of a collection as corrected, if one is named: it must be there, be of the same
    /// thing, and not be corrected yet.
    pub(crate) async fn correcting<R: Message + Default>(
        &self,
        collection: &str,
        id: &str,
        same: impl FnOnce(&R) -> bool,
    ) -> Result<Batch, Refusal> {
        let mut rows = Batch::new();
        if id.is_empty() {
            return Ok(rows);
        }
        let corrected = format!("{collection}/{id}");
        let wrong = |message: String| {
            refuse(Code::FailedPrecondition, Reason::CorrectionInvalid, message).with("corrects", corrected.as_str())
        };
        let before: Option<R> = self.resources.find(&corrected).await?;
        let before = before.ok_or_else(|| wrong(format!("{corrected} does not exist")))?;
        if !same(&before) {
            return Err(wrong(format!("{corrected} is of another material or property")));
        }
        let part = self.resources.part(name::organization(collection).unwrap_or(""))?;
        let key = keys::resource(&corrected);
        let store = self.resources.store();
        if store.get(&part, Namespace::Correction, &key).await.map_err(error::store)?.is_some() {
            return Err(wrong(format!("{corrected} was corrected before; correct its correction")));
        }
        rows.check(Check::Absent(Namespace::Correction, key.clone()));
        rows.put(Namespace::Correction, key, Vec::new());
        Ok(rows)
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
