//! Instruments, in their places.

use prost::Message;
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::timestamp;
use record::instrument::Placement;
use record::name;
use runtime::error::Finish;
use runtime::once::{Begin, Once, Outcome, check_request_id};
use runtime::resources::Change;
use runtime::{Caller, Refusal};
use store::{Batch, Check, Namespace, keys};
use tonic::{Code, Request, Response, Status};

use super::MeteringService;
use crate::error::{DOMAIN, refuse};

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

impl MeteringService {
    pub(super) async fn create_instrument(
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

    pub(super) async fn get_instrument(
        &self,
        request: Request<wire::GetInstrumentRequest>,
    ) -> Result<Response<wire::Instrument>, Status> {
        self.own(&Caller::of(&request), name::INSTRUMENT, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("instrument", &request.get_ref().name).await?))
    }

    pub(super) async fn list_instruments(
        &self,
        request: Request<wire::ListInstrumentsRequest>,
    ) -> Result<Response<wire::ListInstrumentsResponse>, Status> {
        list!(self, request, name::SITE, "instruments", ListInstrumentsResponse, instruments)
    }

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

    pub(super) async fn move_instrument(
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

    pub(super) async fn replace_instrument(
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

    pub(super) async fn retire_instrument(
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
}
