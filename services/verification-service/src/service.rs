//! Handlers: wire words in, verdicts out.

use std::sync::Arc;

use proto::fields::Fields;
use proto::registry;
use proto::registry::registry_service_client::RegistryServiceClient;
use proto::verification as wire;
use proto::verification::verification_service_server::VerificationService as Rpc;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use record::name;
use record::status::Epoch;
use runtime::access::{Row, Who};
use runtime::connect::Peer;
use runtime::error::Finish;
use runtime::{Caller, Clock, Refusal, Role};
use tonic::{Request, Response, Status};
use verify::bundle::MAX_BYTES;
use verify::{Bundle, Examined, Question, examine, examine_file};

use crate::config::Config;
use crate::convert;
use crate::error::{self, DOMAIN};
use crate::follow::{Follower, Known};

const VERIFIERS: Who = Who::Roles(&[Role::Regulator, Role::Supervisor]);

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.verification.v1.VerificationService/VerifyCertificate", VERIFIERS),
    ("/touchstone.verification.v1.VerificationService/VerifyBundle", VERIFIERS),
];

/// Memory for bundles that were examined, and how many they may be by a first guess.
const KEPT_BYTES: u64 = 128 << 20;
const KEPT: usize = 4_096;
/// What an examined bundle takes besides the bundle's own bytes: a certificate, an arrangement, words.
const EXAMINED_BYTES: u64 = 24 << 10;

/// The service.
pub struct VerificationService {
    registry: RegistryServiceClient<Peer>,
    clock: Clock,
    follower: Follower,
    /// By certificate and arrangement.
    examined: Cache<(String, String), Arc<Kept>, Weight>,
}

/// A bundle that was examined.
struct Kept {
    bundle: Vec<u8>,
    /// Under which it is.
    status_checkpoint: Vec<u8>,
    /// Entries that its checkpoint covers.
    size: u64,
    examined: Examined,
}

#[derive(Clone)]
struct Weight;

impl Weighter<(String, String), Arc<Kept>> for Weight {
    fn weight(&self, _: &(String, String), kept: &Arc<Kept>) -> u64 {
        kept.bundle.len() as u64 + EXAMINED_BYTES
    }
}

impl VerificationService {
    /// The service; it begins to follow the log.
    pub fn new(config: Config) -> Self {
        let registry =
            RegistryServiceClient::new(config.registry).max_decoding_message_size(runtime::server::MAX_MESSAGE_BYTES);
        Self {
            follower: Follower::start(registry.clone(), config.max_age),
            registry,
            clock: config.clock,
            examined: Cache::with_weighter(KEPT, KEPT_BYTES, Weight),
        }
    }

    /// The bundle of a certificate, examined under what the newest checkpoint shows, and what is known of the log.
    async fn bundle(&self, request: &wire::VerifyCertificateRequest) -> Result<(Arc<Kept>, Arc<Known>), Refusal> {
        let key = (request.name.clone(), request.arrangement.clone());
        if let (Some(kept), Some(known)) = (self.examined.get(&key), self.follower.now())
            && kept.status_checkpoint == known.status_checkpoint
            && kept.size >= request.min_size
        {
            return Ok((kept, known));
        }
        let asked = registry::GetBundleRequest {
            name: request.name.clone(),
            arrangement: request.arrangement.clone(),
            max_wait: None,
            min_size: request.min_size,
        };
        let answer = self.registry.clone().get_bundle(asked).await;
        let bytes =
            answer.map_err(|status| error::registry(&status, &request.name, &request.arrangement))?.into_inner().bundle;
        let unreadable = |what: &dyn std::fmt::Display| Refusal::internal(DOMAIN, &format!("bundle: {what}"));
        let bundle = Bundle::from_bytes(&bytes).map_err(|e| unreadable(&e))?;
        let size = Epoch::from_bytes(&bundle.latest_epoch.epoch).map_err(|e| unreadable(&e))?.size;
        let known = self.follower.known(size).await?;
        let examined = examine(&bundle, &known.trust);
        let kept = Arc::new(Kept { bundle: bytes, status_checkpoint: bundle.status_checkpoint, size, examined });
        self.examined.insert(key, kept.clone());
        Ok((kept, known))
    }

    fn question(
        &self,
        fields: &mut Fields,
        as_of: &Option<prost_types::Timestamp>,
        production: &Option<prost_types::Timestamp>,
    ) -> Question {
        let now = (self.clock)();
        Question {
            as_of: fields.optional_time("as_of_time", as_of).unwrap_or(now),
            now,
            production: fields.optional_time("production_time", production),
        }
    }
}

#[tonic::async_trait]
impl Rpc for VerificationService {
    async fn verify_certificate(
        &self,
        request: Request<wire::VerifyCertificateRequest>,
    ) -> Result<Response<wire::VerifyCertificateResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        fields.check("name", name::parts(name::CERTIFICATE, &request.name));
        fields.text("arrangement", &request.arrangement, 300);
        let question = self.question(&mut fields, &request.as_of_time, &request.production_time);
        fields.finish(DOMAIN)?;
        let (kept, known) = self.bundle(&request).await?;
        let verdict = kept.examined.judge_for(known.party(&caller.organization), &question);
        Ok(Response::new(wire::VerifyCertificateResponse {
            verdict: Some(convert::verdict(&verdict)),
            bundle: kept.bundle.clone(),
        }))
    }

    async fn verify_bundle(
        &self,
        request: Request<wire::VerifyBundleRequest>,
    ) -> Result<Response<wire::VerifyBundleResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        if request.bundle.is_empty() {
            fields.refuse("bundle", "is required");
        } else if request.bundle.len() > MAX_BYTES {
            fields.refuse("bundle", format!("has {} bytes: at most {MAX_BYTES}", request.bundle.len()));
        }
        let question = self.question(&mut fields, &request.as_of_time, &request.production_time);
        fields.finish(DOMAIN)?;
        let known = self.follower.known(0).await?;
        let verdict =
            examine_file(&request.bundle, &known.trust).judge_for(known.party(&caller.organization), &question);
        Ok(Response::new(wire::VerifyBundleResponse { verdict: Some(convert::verdict(&verdict)) }))
    }
}
