//! Evidence, as one file in pieces.

use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use record::evidence::MAX_BYTES;
use record::instrument::Period;
use record::name;
use runtime::error::Finish;
use runtime::{Caller, Refusal};
use tonic::{Code, Request, Response, Status};

use super::{Answers, MeteringService};
use crate::convert::known_at;
use crate::error::{DOMAIN, refuse};

/// Bytes in one piece of an evidence file.
const PIECE: usize = 256 << 10;

impl MeteringService {
    pub(super) async fn stream_evidence(
        &self,
        request: Request<wire::StreamEvidenceRequest>,
    ) -> Result<Response<Answers<wire::StreamEvidenceResponse>>, Status> {
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
