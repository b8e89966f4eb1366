//! Handlers: wire words in, record words out.

use std::pin::Pin;
use std::sync::Arc;

use certification::StepError;
use proto::certification as wire;
use proto::certification::ErrorReason as Reason;
use proto::certification::certification_service_server::CertificationService as Rpc;
use proto::fields::Fields;
use proto::footprint::footprint_service_client::FootprintServiceClient;
use proto::footprint::{Footprint, GetFootprintRequest};
use proto::metering::StreamEvidenceRequest;
use proto::metering::metering_service_client::MeteringServiceClient;
use proto::registry::GetEntryRequest;
use proto::registry::registry_service_client::RegistryServiceClient;
use record::application::{Application, Decision, Review};
use record::name;
use record::statement::{Content, SignedStatement};
use runtime::access::{Row, Who};
use runtime::connect::Peer;
use runtime::error::Finish;
use runtime::once::{Begin, check_request_id};
use runtime::resources::{Change, PageRequest};
use runtime::{Caller, Clock, Refusal, Resources, Role};
use store::{Batch, Committed, Direction, Namespace, Part, RegistryStore, keys};
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};

use crate::config::Config;
use crate::convert::{from_wire, to_wire};
use crate::error::{self, DOMAIN, refuse};

const BODY: &[Role] = &[Role::Reviewer, Role::Decider];

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.certification.v1.CertificationService/CreateApplication", Who::Roles(&[Role::Exporter])),
    (
        "/touchstone.certification.v1.CertificationService/GetApplication",
        Who::Roles(&[Role::Exporter, Role::Reviewer, Role::Decider]),
    ),
    (
        "/touchstone.certification.v1.CertificationService/ListApplications",
        Who::Roles(&[Role::Exporter, Role::Reviewer, Role::Decider]),
    ),
    ("/touchstone.certification.v1.CertificationService/StreamApplicationEvidence", Who::Roles(BODY)),
    ("/touchstone.certification.v1.CertificationService/ReviewApplication", Who::Roles(&[Role::Reviewer])),
    ("/touchstone.certification.v1.CertificationService/DecideApplication", Who::Roles(&[Role::Decider])),
    ("/touchstone.certification.v1.CertificationService/RecordCertificate", Who::Roles(&[Role::Decider])),
];

/// Bytes in one piece of a file.
const PIECE: usize = 256 << 10;
/// How often a step is judged again because another came between.
const ATTEMPTS: usize = 4;

/// The service.
pub struct CertificationService {
    resources: Resources,
    store: Arc<dyn RegistryStore>,
    clock: Clock,
    metering: MeteringServiceClient<Peer>,
    footprints: FootprintServiceClient<Peer>,
    registry: RegistryServiceClient<Peer>,
}

fn work_list() -> Result<Part, Refusal> {
    Part::index("certification").ok_or_else(|| Refusal::internal(DOMAIN, "the work list has no part"))
}

/// `body, 0, application`: the work list of a body is one range.
fn work_key(body: &str, application: &str) -> Vec<u8> {
    [body.as_bytes(), &[0], application.as_bytes()].concat()
}

impl CertificationService {
    /// The service.
    pub fn new(config: Config) -> Self {
        let limit = runtime::server::MAX_MESSAGE_BYTES;
        Self {
            resources: Resources::new(config.store.clone(), DOMAIN),
            store: config.store,
            clock: config.clock,
            metering: MeteringServiceClient::new(config.metering).max_decoding_message_size(limit),
            footprints: FootprintServiceClient::new(config.footprint).max_decoding_message_size(limit),
            registry: RegistryServiceClient::new(config.registry).max_decoding_message_size(limit),
        }
    }

    async fn footprint(&self, name: &str) -> Result<Footprint, Refusal> {
        let answer = self.footprints.clone().get_footprint(GetFootprintRequest { name: name.to_owned() }).await;
        answer.map(Response::into_inner).map_err(|status| error::peer("footprint", "footprint", name, &status))
    }

    /// An application that the caller may see: its exporter's people and its body's.
    async fn visible(&self, caller: &Caller, name: &str) -> Result<Application, Refusal> {
        let mut fields = Fields::new();
        let owner = fields.check("name", name::parts(name::APPLICATION, name)).map(|parts| parts[0]);
        fields.finish(DOMAIN)?;
        let owner = owner.unwrap_or("");
        let other = || Refusal::other_organization(DOMAIN, &caller.organization, owner);
        let body = BODY.contains(&caller.role);
        if !body {
            self.resources.own(caller, owner)?;
        }
        let stored: Option<wire::Application> = self.resources.find(name).await?;
        let stored = match stored {
            // To those who may not see it, what is not there and what is there look the same.
            None if body => return Err(other()),
            None => return Err(Refusal::not_found(DOMAIN, "application", name)),
            Some(stored) => stored,
        };
        if body && stored.certification_body != caller.organization {
            return Err(other());
        }
        from_wire(&stored).ok_or_else(|| Refusal::internal(DOMAIN, "a stored application cannot be read"))
    }

    /// Takes a step: judge, then replace if nothing came between.
    async fn step<Q: prost::Message>(
        &self,
        change: Change<'_, Q>,
        name: &str,
        step: impl Fn(Application) -> Result<Application, StepError>,
    ) -> Result<wire::Application, Refusal> {
        let mut application = self.visible(change.caller, name).await?;
        let once = match self.resources.begin(&change, name).await? {
            Begin::Again(answer) => return Ok(answer),
            Begin::Now(once) => once,
        };
        for _ in 0..ATTEMPTS {
            let before = to_wire(&application);
            let after = step(application).map_err(|e| error::step(&e))?;
            if let Some(done) = self.resources.replace(&once, name, &before, to_wire(&after)).await? {
                return Ok(done);
            }
            application = self.visible(change.caller, name).await?;
        }
        Err(Refusal::store(DOMAIN, &store::StoreError::Unavailable("others change this application".into())))
    }

    async fn page(&self, caller: &Caller, page: PageRequest<'_>) -> Result<wire::ListApplicationsResponse, Refusal> {
        let prefix = work_key(&caller.organization, "");
        let mut fields = Fields::new();
        if page.size < 0 {
            fields.refuse("page_size", "must not be negative");
        }
        if !page.token.is_empty() && name::parts(name::APPLICATION, page.token).is_err() {
            fields.refuse("page_token", "is not of this list: send the arguments of the first page with it");
        }
        fields.finish(DOMAIN)?;
        let limit = if page.size == 0 { 100 } else { (page.size as usize).min(1_000) };
        let range = work_key(&caller.organization, page.token)..keys::after_prefix(&prefix);
        let rows = self
            .store
            .scan(&work_list()?, Namespace::Resource, range, limit, Direction::Forward)
            .await
            .map_err(|e| Refusal::store(DOMAIN, &e))?;
        let name = |key: &[u8]| String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let mut applications = Vec::new();
        for (key, _) in &rows.rows {
            // An intent whose application was never made is no work.
            applications.extend(self.resources.find::<wire::Application>(&name(key)).await?);
        }
        let next_page_token = rows.resume.map_or(String::new(), |key| name(&key));
        Ok(wire::ListApplicationsResponse { applications, next_page_token })
    }
}

fn digest(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

#[tonic::async_trait]
impl Rpc for CertificationService {
    async fn create_application(
        &self,
        request: Request<wire::CreateApplicationRequest>,
    ) -> Result<Response<wire::Application>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        let owner = fields.check("parent", name::parts(name::ORGANIZATION, &request.parent)).map(|parts| parts[0]);
        fields.check("application_id", name::check_id(&request.application_id));
        let asked = fields.message("application", &request.application).cloned();
        if let Some(asked) = &asked {
            fields.check("application.footprint", name::parts(name::FOOTPRINT, &asked.footprint));
            fields.check("application.certification_body", name::check_id(&asked.certification_body));
            fields.text("application.scheme", &asked.scheme, 300);
        }
        fields.finish(DOMAIN)?;
        let (Some(asked), Some(owner)) = (asked, owner) else { return Err(Refusal::internal(DOMAIN, "fields").into()) };
        self.resources.own(&caller, owner)?;
        self.resources.own(&caller, name::organization(&asked.footprint).unwrap_or(""))?;
        let resource = format!("{}/applications/{}", request.parent, request.application_id);
        let change = Change {
            caller: &caller,
            method: "CertificationService/CreateApplication",
            request_id: &request.request_id,
            request: &request,
        };
        let once = match self.resources.begin(&change, &resource).await? {
            Begin::Again(answer) => return Ok(Response::new(answer)),
            Begin::Now(once) => once,
        };
        let footprint = self.footprint(&asked.footprint).await?;
        let statement = digest(&footprint.statement_sha256)
            .ok_or_else(|| Refusal::internal(DOMAIN, "the footprint service sent no digest"))?;
        let application = certification::submit(
            resource.clone(),
            asked.footprint,
            asked.certification_body.clone(),
            asked.scheme,
            footprint.product_class,
            statement,
            (self.clock)(),
        );
        // Step 1: the intent on the body's work list. Step 2: the application. What is acknowledged is on the list.
        let mut intent = Batch::new();
        intent.put(Namespace::Resource, work_key(&asked.certification_body, &resource), Vec::new());
        let written = self.store.commit(&work_list()?, intent).await.map_err(|e| Refusal::store(DOMAIN, &e))?;
        if !matches!(written, Committed::Yes(_)) {
            let unknown = store::StoreError::Unavailable("the work list was not written".into());
            return Err(Refusal::store(DOMAIN, &unknown).into());
        }
        let made = self.resources.create(&once, "application", &resource, to_wire(&application), Batch::new()).await?;
        Ok(Response::new(made))
    }

    async fn get_application(
        &self,
        request: Request<wire::GetApplicationRequest>,
    ) -> Result<Response<wire::Application>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(to_wire(&self.visible(&caller, &request.get_ref().name).await?)))
    }

    async fn list_applications(
        &self,
        request: Request<wire::ListApplicationsRequest>,
    ) -> Result<Response<wire::ListApplicationsResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let page = PageRequest { size: request.page_size, token: &request.page_token };
        if request.parent == "organizations/-" && BODY.contains(&caller.role) {
            return Ok(Response::new(self.page(&caller, page).await?));
        }
        let mut fields = Fields::new();
        let owner = fields.check("parent", name::parts(name::ORGANIZATION, &request.parent)).map(|parts| parts[0]);
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        let (applications, next_page_token) =
            self.resources.list(&format!("{}/applications", request.parent), page).await?;
        Ok(Response::new(wire::ListApplicationsResponse { applications, next_page_token }))
    }

    type StreamApplicationEvidenceStream =
        Pin<Box<dyn Stream<Item = Result<wire::StreamApplicationEvidenceResponse, Status>> + Send>>;

    async fn stream_application_evidence(
        &self,
        request: Request<wire::StreamApplicationEvidenceRequest>,
    ) -> Result<Response<Self::StreamApplicationEvidenceStream>, Status> {
        let caller = Caller::of(&request);
        let application = self.visible(&caller, &request.get_ref().name).await?;
        let footprint = self.footprint(&application.footprint).await?;
        let site = application.footprint.rsplit_once("/footprints/").map_or("", |(site, _)| site).to_owned();
        let evidence = StreamEvidenceRequest { parent: site, period: footprint.period, ..Default::default() };
        let evidence = self.metering.clone().stream_evidence(evidence).await;
        let evidence = evidence
            .map_err(|status| error::peer("metering", "evidence", &application.footprint, &status))?
            .into_inner();
        let piece = |file: wire::EvidenceFile, number: u32, data: Vec<u8>| {
            Ok(wire::StreamApplicationEvidenceResponse { file: file.into(), data, number })
        };
        let mut first = Vec::new();
        for (file, contents) in [
            (wire::EvidenceFile::Plant, vec![footprint.plant_toml.into_bytes()]),
            (wire::EvidenceFile::Statement, vec![footprint.statement]),
            (wire::EvidenceFile::SupplierStatement, footprint.supplier_statements),
            (wire::EvidenceFile::SupplierCertificate, footprint.supplier_certificates),
            (wire::EvidenceFile::ProductCategoryRules, vec![footprint.product_category_rules_toml.into_bytes()]),
        ] {
            for (number, bytes) in (0..).zip(contents) {
                first.extend(bytes.chunks(PIECE).map(|data| piece(file, number, data.to_vec())));
            }
        }
        let rest = evidence.map(move |message| match message {
            Ok(message) => piece(wire::EvidenceFile::Evidence, 0, message.data),
            Err(status) => Err(Refusal::peer(DOMAIN, "metering", &status).into()),
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(first).chain(rest))))
    }

    async fn review_application(
        &self,
        request: Request<wire::ReviewApplicationRequest>,
    ) -> Result<Response<wire::Application>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::APPLICATION, &request.name));
        let recomputed = fields.digest("recomputed_sha256", &request.recomputed_sha256);
        if request.note.len() > 10_000 {
            fields.refuse("note", "has more than 10,000 bytes");
        }
        fields.finish(DOMAIN)?;
        let review = Review {
            reviewer: caller.person.clone(),
            time: (self.clock)(),
            recomputed: recomputed.unwrap_or([0; 32]),
            note: request.note.clone(),
        };
        let change = Change {
            caller: &caller,
            method: "CertificationService/ReviewApplication",
            request_id: &request.request_id,
            request: &request,
        };
        let step = |application| certification::review(application, review.clone());
        Ok(Response::new(self.step(change, &request.name, step).await?))
    }

    async fn decide_application(
        &self,
        request: Request<wire::DecideApplicationRequest>,
    ) -> Result<Response<wire::Application>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::APPLICATION, &request.name));
        fields.text("reason", &request.reason, 10_000);
        fields.finish(DOMAIN)?;
        let decision = Decision {
            decider: caller.person.clone(),
            time: (self.clock)(),
            granted: request.granted,
            reason: request.reason.clone(),
        };
        let change = Change {
            caller: &caller,
            method: "CertificationService/DecideApplication",
            request_id: &request.request_id,
            request: &request,
        };
        let step = |application| certification::decide(application, decision.clone());
        Ok(Response::new(self.step(change, &request.name, step).await?))
    }

    async fn record_certificate(
        &self,
        request: Request<wire::RecordCertificateRequest>,
    ) -> Result<Response<wire::Application>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        fields.check("name", name::parts(name::APPLICATION, &request.name));
        fields.text("certificate", &request.certificate, 300);
        fields.finish(DOMAIN)?;
        let application = self.visible(&caller, &request.name).await?;
        let change = Change {
            caller: &caller,
            method: "CertificationService/RecordCertificate",
            request_id: &request.request_id,
            request: &request,
        };
        // A retry gets its answer, and a reused id its refusal, before anything is asked of the registry.
        if let Begin::Again(answer) = self.resources.begin(&change, &request.name).await? {
            return Ok(Response::new(answer));
        }
        let entry = format!("entries/{}", request.log_index);
        let answer = self.registry.clone().get_entry(GetEntryRequest { name: entry.clone() }).await;
        let not_registered = |message: String| {
            refuse(Code::FailedPrecondition, Reason::CertificateNotRegistered, message).with("entry", &entry)
        };
        let held = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => {
                return Err(not_registered(format!("the log holds no {entry}")).into());
            }
            Err(status) => return Err(Refusal::peer(DOMAIN, "registry", &status).into()),
        };
        let statement = SignedStatement::from_entry(&held.statement)
            .map_err(|e| Refusal::internal(DOMAIN, &format!("{entry}: {e}")))?;
        let fits = match statement.content() {
            Content::Certificate(certificate) => {
                certificate.id == request.certificate
                    && certificate.assessment().measurement.statement.0 == application.statement
            }
            _ => false,
        };
        if !fits {
            return Err(
                not_registered(format!("{entry} is no certificate {} of this footprint", request.certificate)).into()
            );
        }
        let step = |application| certification::certify(application, request.certificate.clone(), request.log_index);
        Ok(Response::new(self.step(change, &request.name, step).await?))
    }
}
