//! Instruments in their places, the certificates of their calibrations, and what corrects what.

use dcc::MAX_DCC_BYTES;
use metering::{CertificateError, calibration_of};
use prost::Message;
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::timestamp;
use record::instrument::{Instrument, Placement, Sha256};
use record::name;
use runtime::error::Finish;
use runtime::once::{Begin, Once, Outcome, check_request_id};
use runtime::resources::Change;
use runtime::{Caller, Refusal};
use store::{Batch, Check, Namespace, Put, keys};
use tonic::{Code, Request, Response, Status};

use crate::convert;
use crate::error::{self, DOMAIN, refuse};
use crate::service::MeteringService;

// A certificate fits a message, with the rest of its request.
const _: () = assert!(MAX_DCC_BYTES + (64 << 10) <= runtime::server::MAX_MESSAGE_BYTES);

fn state(instrument: &str, message: impl Into<String>) -> Refusal {
    refuse(Code::FailedPrecondition, Reason::InstrumentState, message).with("instrument", instrument)
}

/// Ends the open placement of an instrument at a time.
fn end_placement(instrument: &mut wire::Instrument, time: &prost_types::Timestamp) -> Result<(), Refusal> {
    let name = instrument.name.clone();
    let open = instrument.placements.last_mut().and_then(|placement| placement.period.as_mut());
    let open = open.filter(|period| period.end_time.is_none());
    let period = open.ok_or_else(|| state(&name, format!("{name} was taken away already")))?;
    let start = period.start_time.unwrap_or_default();
    if (time.seconds, time.nanos) <= (start.seconds, start.nanos) {
        return Err(state(&name, format!("{name} came to its place only at {} s since 1970", start.seconds)));
    }
    period.end_time = Some(*time);
    Ok(())
}

/// The certificate files' name as blobs.
fn blob(digest: &Sha256) -> String {
    format!("certificate/{digest}")
}

impl MeteringService {
    /// Replaces a stored instrument by what `change` makes of it, together with other rows; answers `answer` of it.
    async fn change<Q, R>(
        &self,
        once: &Once,
        name: &str,
        change: impl FnOnce(&mut wire::Instrument) -> Result<Q, Refusal>,
        answer: impl FnOnce(wire::Instrument, Q, &mut Batch) -> R,
    ) -> Result<R, Refusal>
    where
        R: Message + Default,
    {
        let before: wire::Instrument = self.resources.get("instrument", name).await?;
        let mut after = before.clone();
        let made = change(&mut after)?;
        if words::instrument(&mut Fields::new(), "instrument", name, &after).is_none() {
            return Err(Refusal::internal(DOMAIN, "a changed instrument"));
        }
        let key = keys::resource(name);
        let mut rows = Batch::new();
        rows.check(Check::Equals(Namespace::Resource, key.clone(), before.encode_to_vec()));
        rows.put(Namespace::Resource, key, after.encode_to_vec());
        let answer = answer(after, made, &mut rows);
        match once.commit(self.resources.store(), rows, answer).await? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Conflict(Check::Absent(..)) => {
                Err(state(name, "the new instrument's name is taken; choose another id"))
            }
            Outcome::Conflict(_) => Err(state(name, format!("{name} was changed meanwhile; read it and decide again"))),
            Outcome::Fenced => Err(Refusal::internal(DOMAIN, "an instrument was fenced")),
        }
    }

    pub(crate) async fn moved(
        &self,
        request: Request<wire::MoveInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::INSTRUMENT, &request.name));
        fields.text("location", &request.location, 200);
        fields.time("move_time", &request.move_time);
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, name::organization(&request.name).unwrap_or(""))?;
        let method = "MeteringService/MoveInstrument";
        let change = Change { caller: &caller, method, request_id: &request.request_id, request: &request };
        let once = match self.resources.begin(&change, &request.name).await? {
            Begin::Again(answer) => return Ok(Response::new(answer)),
            Begin::Now(once) => once,
        };
        let time = request.move_time.unwrap_or_default();
        let edit = |instrument: &mut wire::Instrument| {
            end_placement(instrument, &time)?;
            let period = proto::google::r#type::Interval { start_time: Some(time), end_time: None };
            instrument.placements.push(wire::Placement { location: request.location.clone(), period: Some(period) });
            Ok(())
        };
        Ok(Response::new(self.change(&once, &request.name, edit, |after, (), _| after).await?))
    }

    pub(crate) async fn retired(
        &self,
        request: Request<wire::RetireInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::INSTRUMENT, &request.name));
        fields.time("retirement_time", &request.retirement_time);
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, name::organization(&request.name).unwrap_or(""))?;
        let method = "MeteringService/RetireInstrument";
        let change = Change { caller: &caller, method, request_id: &request.request_id, request: &request };
        let once = match self.resources.begin(&change, &request.name).await? {
            Begin::Again(answer) => return Ok(Response::new(answer)),
            Begin::Now(once) => once,
        };
        let time = request.retirement_time.unwrap_or_default();
        let edit = |instrument: &mut wire::Instrument| end_placement(instrument, &time);
        Ok(Response::new(self.change(&once, &request.name, edit, |after, (), _| after).await?))
    }

    pub(crate) async fn replaced(
        &self,
        request: Request<wire::ReplaceInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::INSTRUMENT, &request.name));
        fields.check("instrument_id", name::check_id(&request.instrument_id));
        let time = fields.time("replacement_time", &request.replacement_time);
        let site = request.name.rsplit_once("/instruments/").map_or("", |(site, _)| site);
        let new = format!("{site}/instruments/{}", request.instrument_id);
        let mut instrument = None;
        if let Some(message) = fields.message("instrument", &request.instrument)
            && let Some(read) = words::instrument(&mut fields, "instrument", &new, message)
        {
            let starts = |placement: &Placement| Some(placement.start) == time && placement.end.is_none();
            if time.is_some() && !matches!(&read.placements[..], [placement] if starts(placement)) {
                let problem = "must be one, from replacement_time and open";
                fields.refuse("instrument.placements", problem);
            }
            instrument = Some(wire::Instrument { replaces: String::new(), ..message.clone() });
        }
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, name::organization(&request.name).unwrap_or(""))?;
        let mut instrument = instrument.ok_or_else(|| Refusal::internal(DOMAIN, "an instrument"))?;
        let method = "MeteringService/ReplaceInstrument";
        let change = Change { caller: &caller, method, request_id: &request.request_id, request: &request };
        let once = match self.resources.begin(&change, &request.name).await? {
            Begin::Again(answer) => return Ok(Response::new(answer)),
            Begin::Now(once) => once,
        };
        let now = timestamp((self.clock)());
        let time = request.replacement_time.unwrap_or_default();
        let edit = |old: &mut wire::Instrument| end_placement(old, &time);
        let answer = |old: wire::Instrument, (): (), rows: &mut Batch| {
            instrument.name = new.clone();
            instrument.replaces = old.name;
            instrument.create_time = Some(now);
            rows.check(Check::Absent(Namespace::Resource, keys::resource(&new)));
            rows.put(Namespace::Resource, keys::resource(&new), instrument.encode_to_vec());
            instrument
        };
        Ok(Response::new(self.change(&once, &request.name, edit, answer).await?))
    }

    pub(crate) async fn imported(
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
