//! Calibrations with their certificates, what warns of their end, and inspections.

use dcc::MAX_DCC_BYTES;
use metering::{CertificateError, calibration_of};
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::timestamp;
use record::instrument::{Instrument, Sha256};
use record::name;
use runtime::error::Finish;
use runtime::once::{Begin, check_request_id};
use runtime::resources::{Change, PageRequest};
use runtime::{Caller, Refusal};
use store::{Batch, Put};
use tonic::{Code, Request, Response, Status};

use super::{Answers, MeteringService};
use crate::convert;
use crate::error::{self, DOMAIN, refuse};

// A certificate fits a message, with the rest of its request.
const _: () = assert!(MAX_DCC_BYTES + (64 << 10) <= runtime::server::MAX_MESSAGE_BYTES);

/// The certificate files' name as blobs.
fn blob(digest: &Sha256) -> String {
    format!("certificate/{digest}")
}

impl MeteringService {
    pub(super) async fn create_calibration(
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

    pub(super) async fn import_calibration(
        &self,
        request: Request<wire::ImportCalibrationRequest>,
    ) -> Result<Response<wire::Calibration>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        let (parent, id) = (&request.parent, &request.calibration_id);
        let child = convert::child(&mut fields, name::INSTRUMENT, parent, "calibrations", "calibration_id", id);
        if request.certificate.is_empty() || request.certificate.len() > MAX_DCC_BYTES {
            fields.refuse("certificate", format!("must be a file of 1 to {MAX_DCC_BYTES} bytes"));
        }
        fields.finish(DOMAIN)?;
        let resource = child.unwrap_or_default();
        self.resources.own(&caller, name::organization(&resource).unwrap_or(""))?;
        let method = "MeteringService/ImportCalibration";
        let change = Change { caller: &caller, method, request_id: &request.request_id, request: &request };
        let once = match self.resources.begin(&change, &resource).await? {
            Begin::Again(answer) => return Ok(Response::new(answer)),
            Begin::Now(once) => once,
        };
        let instrument: Instrument = self.instrument(&request.parent).await?;
        let accreditation = &request.laboratory_accreditation;
        let accreditation = (!accreditation.is_empty()).then_some(accreditation.as_str());
        let calibration = calibration_of(&request.certificate, &instrument, accreditation)
            .map_err(|error| refused(&request.parent, &error))?;
        // The file first: a record never names one that is not kept.
        let name = blob(&calibration.file_digest);
        match self.blobs.put_if_absent(&name, &request.certificate).await.map_err(error::store)? {
            Put::Created | Put::Same => {}
            Put::Different => return Err(Refusal::internal(DOMAIN, "two files of one digest").into()),
        }
        let mut message = words::to_calibration(&calibration);
        message.name = resource.clone();
        message.create_time = Some(timestamp((self.clock)()));
        let made = self.resources.create(&once, "calibration", &resource, message, Batch::new()).await?;
        Ok(Response::new(made))
    }

    pub(super) async fn get_calibration_file(
        &self,
        request: Request<wire::GetCalibrationFileRequest>,
    ) -> Result<Response<wire::GetCalibrationFileResponse>, Status> {
        self.own(&Caller::of(&request), name::CALIBRATION, "name", &request.get_ref().name)?;
        let certificate = self.certificate_file(&request.get_ref().name).await?;
        Ok(Response::new(wire::GetCalibrationFileResponse { certificate }))
    }

    /// The exact bytes of the certificate that a calibration was read from.
    pub(crate) async fn certificate_file(&self, calibration: &str) -> Result<Vec<u8>, Refusal> {
        let stored: wire::Calibration = self.resources.get("calibration", calibration).await?;
        let missing = || Refusal::not_found(DOMAIN, "certificate file", calibration);
        if stored.source != i32::from(wire::CalibrationSource::Dcc) {
            return Err(missing());
        }
        let digest: [u8; 32] = stored.certificate_sha256.try_into().map_err(|_| missing())?;
        let file = self.blobs.get(&blob(&Sha256(digest))).await.map_err(error::store)?;
        file.ok_or_else(|| Refusal::internal(DOMAIN, "a certificate's file is gone"))
    }

    pub(super) async fn list_calibrations(
        &self,
        request: Request<wire::ListCalibrationsRequest>,
    ) -> Result<Response<wire::ListCalibrationsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "calibrations", ListCalibrationsResponse, calibrations)
    }

    pub(super) async fn list_calibration_warnings(
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

    pub(super) async fn watch_calibration_warnings(
        &self,
        request: Request<wire::WatchCalibrationWarningsRequest>,
    ) -> Result<Response<Answers<wire::WatchCalibrationWarningsResponse>>, Status> {
        self.own(&Caller::of(&request), name::SITE, "parent", &request.get_ref().parent)?;
        let site = request.into_inner().parent;
        self.resources.get::<wire::Site>("site", &site).await?;
        Ok(Response::new(Box::pin(self.warnings().watch(site, self.stopping.clone()))))
    }

    pub(super) async fn create_inspection(
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

    pub(super) async fn list_inspections(
        &self,
        request: Request<wire::ListInspectionsRequest>,
    ) -> Result<Response<wire::ListInspectionsResponse>, Status> {
        list!(self, request, name::INSTRUMENT, "inspections", ListInspectionsResponse, inspections)
    }
}

fn refused(instrument: &str, error: &CertificateError) -> Refusal {
    match error {
        CertificateError::Dcc(dcc::DccError::OtherInstrument { found, .. }) => {
            refuse(Code::FailedPrecondition, Reason::CalibrationOtherInstrument, error.to_string())
                .with("instrument", instrument)
                .with("serial_numbers", found.join(", "))
        }
        CertificateError::Dcc(dcc::DccError::Template { marks }) => {
            let message = format!("certificate: {error}");
            refuse(Code::InvalidArgument, Reason::CalibrationTemplate, message)
                .with("instrument", instrument)
                .with("marks", marks.join(", "))
        }
        _ => {
            let message = format!("certificate: {error}");
            refuse(Code::InvalidArgument, Reason::CalibrationCertificateInvalid, message).with("instrument", instrument)
        }
    }
}
