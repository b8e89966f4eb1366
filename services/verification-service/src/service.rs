//! Handlers: wire words in, verdicts out.

use std::sync::Mutex;

use cose::key::PublicKey;
use jiff::SignedDuration;
use proto::fields::Fields;
use proto::registry;
use proto::registry::registry_service_client::RegistryServiceClient;
use proto::verification as wire;
use proto::verification::verification_service_server::VerificationService as Rpc;
use record::name;
use record::registry::AnchorRole;
use record::statement::{Content, SignedStatement};
use runtime::access::{Row, Who};
use runtime::error::Finish;
use runtime::{Caller, Clock, Refusal, Role};
use tlog::note::NoteVerifier;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use verify::bundle::MAX_BYTES;
use verify::{Question, Trust, judge_file};

use crate::config::Config;
use crate::convert;
use crate::error::{self, DOMAIN};

const VERIFIERS: Who = Who::Roles(&[Role::Regulator, Role::Supervisor]);

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.verification.v1.VerificationService/VerifyCertificate", VERIFIERS),
    ("/touchstone.verification.v1.VerificationService/VerifyBundle", VERIFIERS),
];

/// Entries in a page when following the log.
const PAGE: i32 = 1_000;

/// The service.
pub struct VerificationService {
    registry: RegistryServiceClient<Channel>,
    clock: Clock,
    max_age: SignedDuration,
    known: Mutex<Known>,
}

/// What was learned from the log so far.
#[derive(Clone, Default)]
struct Known {
    next: u64,
    accreditation_bodies: Vec<(String, Vec<u8>)>,
    arrangement_parties: Vec<(String, Vec<u8>)>,
    /// Organisation id -> DID of the party that it calls for.
    parties: Vec<(String, String)>,
}

impl VerificationService {
    /// The service.
    pub fn new(config: Config) -> Self {
        Self {
            registry: RegistryServiceClient::new(config.registry)
                .max_decoding_message_size(runtime::server::MAX_MESSAGE_BYTES),
            clock: config.clock,
            max_age: config.max_age,
            known: Mutex::new(Known::default()),
        }
    }

    /// Follows the log up to its head: anchors tell which authorities the installation trusts. A regulator's own file
    /// says which it trusts itself; that is what the bundle in the answer is for.
    async fn follow(&self) -> Result<Known, Refusal> {
        let mut known = self.known.lock().unwrap_or_else(|p| p.into_inner()).clone();
        let mut token = String::new();
        let start_index = known.next;
        loop {
            let request = registry::ListEntriesRequest { page_size: PAGE, page_token: token, start_index };
            let page = self.registry.clone().list_entries(request).await;
            let page = page.map_err(|status| Refusal::peer(DOMAIN, "registry", &status))?.into_inner();
            for entry in &page.entries {
                known.next = entry.index + 1;
                let statement = SignedStatement::from_entry(&entry.statement)
                    .map_err(|e| Refusal::internal(DOMAIN, &format!("entry {}: {e}", entry.index)))?;
                if let Content::Anchor(anchor) = statement.content() {
                    let authority = (anchor.id.clone(), anchor.authority.0.clone());
                    match anchor.role {
                        AnchorRole::AccreditationBody => known.accreditation_bodies.push(authority),
                        AnchorRole::ArrangementParty => {
                            known.arrangement_parties.push(authority);
                            known.parties.push((anchor.organization.clone(), anchor.id.clone()));
                        }
                    }
                }
            }
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let mut shared = self.known.lock().unwrap_or_else(|p| p.into_inner());
        if known.next > shared.next {
            *shared = known.clone();
        }
        Ok(known)
    }

    async fn trust(&self, caller: &Caller) -> Result<Trust, Refusal> {
        let known = self.follow().await?;
        let identity = self.registry.clone().get_log_identity(registry::GetLogIdentityRequest {}).await;
        let identity = identity.map_err(|status| Refusal::peer(DOMAIN, "registry", &status))?.into_inner();
        let broken = |what: &dyn std::fmt::Display| Refusal::internal(DOMAIN, &format!("log identity: {what}"));
        let party = known.parties.iter().find(|(organization, _)| *organization == caller.organization);
        Ok(Trust {
            party: party.map_or(String::new(), |(_, did)| did.clone()),
            max_age: self.max_age,
            witness_quorum: 0,
            origin: identity.origin,
            note_keys: vec![NoteVerifier::from_vkey(&identity.note_key).map_err(|e| broken(&e))?],
            status_note_keys: vec![NoteVerifier::from_vkey(&identity.status_note_key).map_err(|e| broken(&e))?],
            receipt_key: PublicKey::from_jwk(&identity.receipt_key_jwk).map_err(|e| broken(&e))?,
            accreditation_bodies: known.accreditation_bodies,
            arrangement_parties: known.arrangement_parties,
        })
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
        let bundle = self
            .registry
            .clone()
            .get_bundle(registry::GetBundleRequest {
                name: request.name.clone(),
                arrangement: request.arrangement.clone(),
                max_wait: None,
                min_size: request.min_size,
            })
            .await
            .map_err(|status| error::registry(&status, &request.name, &request.arrangement))?
            .into_inner()
            .bundle;
        let trust = self.trust(&caller).await?;
        let verdict = judge_file(&bundle, &trust, &question);
        Ok(Response::new(wire::VerifyCertificateResponse { verdict: Some(convert::verdict(&verdict)), bundle }))
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
        let verdict = judge_file(&request.bundle, &self.trust(&caller).await?, &question);
        Ok(Response::new(wire::VerifyBundleResponse { verdict: Some(convert::verdict(&verdict)) }))
    }
}
