//! Handlers: wire words in, record words out.

use std::sync::Arc;

use footprint::cbam::DefaultValues;
use footprint::{Certified, ProductCategoryRules, Sources};
use proto::fields::Fields;
use proto::footprint as wire;
use proto::footprint::ErrorReason as Reason;
use proto::footprint::footprint_service_server::FootprintService as Rpc;
use proto::metering::StreamEvidenceRequest;
use proto::metering::metering_service_client::MeteringServiceClient;
use record::evidence::{Evidence, MAX_BYTES};
use record::footprint::FootprintStatement;
use record::instrument::Sha256;
use record::name;
use record::plant::Plant;
use runtime::access::{Row, Who};
use runtime::connect::Peer;
use runtime::error::Finish;
use runtime::once::{Begin, check_request_id};
use runtime::resources::{Change, PageRequest};
use runtime::{Caller, Clock, Refusal, Resources, Role};
use store::{Batch, BlobStore, Committed, Namespace, Part, RegistryStore};
use tokio_stream::StreamExt;
use tonic::{Code, Request, Response, Status};
use verify::{Trust, certificate_in_force};

use crate::config::Config;
use crate::convert;
use crate::error::{self, DOMAIN};
use crate::kept::{self, Kept};

const READERS: Who = Who::Roles(&[Role::Exporter, Role::Service]);

/// Rows of the caller table.
pub const ROWS: &[Row] = &[
    ("/touchstone.footprint.v1.FootprintService/ComputeFootprint", Who::Roles(&[Role::Exporter])),
    ("/touchstone.footprint.v1.FootprintService/GetFootprint", READERS),
    ("/touchstone.footprint.v1.FootprintService/ListFootprints", READERS),
    ("/touchstone.footprint.v1.FootprintService/FindFootprints", Who::Roles(&[Role::Service])),
    ("/touchstone.footprint.v1.FootprintService/RecomputeFootprint", READERS),
];

/// Suppliers' statements in one request.
const MAX_SUPPLIERS: usize = 100;
/// Suppliers' certificates in one request.
const MAX_CERTIFICATES: usize = 20;
/// Digests in one question.
const MAX_FOUND: usize = 1_000;

/// The service.
pub struct FootprintService {
    resources: Resources,
    store: Arc<dyn RegistryStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Clock,
    metering: MeteringServiceClient<Peer>,
    trust: Option<Trust>,
    default_values: Option<DefaultValues>,
}

/// What a caller sends beside the plant file, as it is read.
struct Supplied {
    statements: Vec<FootprintStatement>,
    certificates: Vec<Vec<u8>>,
    rules: Option<ProductCategoryRules>,
}

impl Supplied {
    fn read(fields: &mut Fields, statements: &[Vec<u8>], certificates: &[Vec<u8>], rules: &str) -> Self {
        if certificates.len() > MAX_CERTIFICATES {
            let problem = format!("has {} bundles: at most {MAX_CERTIFICATES}", certificates.len());
            fields.refuse("supplier_certificates", problem);
        }
        let rules = match rules {
            "" => None,
            text => fields.check("product_category_rules_toml", ProductCategoryRules::read(text.as_bytes())),
        };
        Supplied { statements: suppliers(fields, statements), certificates: certificates.to_vec(), rules }
    }
}

fn digests() -> Result<Part, Refusal> {
    Part::index("footprint").ok_or_else(|| Refusal::internal(DOMAIN, "the index of digests has no part"))
}

/// Whether the budget of a statement names a source.
fn rests_on(statement: &[u8], source: &str) -> bool {
    FootprintStatement::from_bytes(statement)
        .is_ok_and(|statement| statement.budget.iter().any(|row| row.source == source))
}

/// Suppliers' statements from their bytes.
fn suppliers(fields: &mut Fields, statements: &[Vec<u8>]) -> Vec<FootprintStatement> {
    if statements.len() > MAX_SUPPLIERS {
        fields.refuse("supplier_statements", format!("has {} statements: at most {MAX_SUPPLIERS}", statements.len()));
    }
    let read = |(place, bytes): (usize, &Vec<u8>)| {
        fields.check(&format!("supplier_statements[{place}]"), FootprintStatement::from_bytes(bytes))
    };
    statements.iter().enumerate().take(MAX_SUPPLIERS).filter_map(read).collect()
}

impl FootprintService {
    /// The service.
    pub fn new(config: Config) -> Self {
        Self {
            resources: Resources::new(config.store.clone(), DOMAIN),
            store: config.store,
            blobs: config.blobs,
            clock: config.clock,
            trust: config.trust,
            default_values: config.default_values,
            metering: MeteringServiceClient::new(config.metering)
                .max_decoding_message_size(runtime::server::MAX_MESSAGE_BYTES),
        }
    }

    async fn evidence(&self, plant: &Plant) -> Result<Evidence, Refusal> {
        let request = StreamEvidenceRequest {
            parent: plant.site.clone(),
            period: Some(proto::interval(plant.period.start, Some(plant.period.end))),
            ..Default::default()
        };
        let failed = |status: Status| error::metering(&status, &plant.site);
        let mut pieces = self.metering.clone().stream_evidence(request).await.map_err(failed)?.into_inner();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend(piece.map_err(failed)?.data);
            if bytes.len() > MAX_BYTES {
                return Err(Refusal::internal(DOMAIN, "metering sent more evidence than a file may have"));
            }
        }
        Evidence::from_bytes(&bytes).map_err(|e| Refusal::internal(DOMAIN, &format!("evidence: {e}")))
    }

    /// What a footprint is computed from, with suppliers' certificates verified as of `now`.
    fn sources<'e>(
        &self,
        evidence: &'e Evidence,
        supplied: Supplied,
        now: jiff::Timestamp,
    ) -> Result<Sources<'e>, Refusal> {
        let mut sources = supplied.statements.into_iter().fold(Sources::new(evidence), Sources::with_supplier);
        sources.category_rules = supplied.rules;
        sources.defaults = self.default_values.clone();
        for (place, bundle) in supplied.certificates.iter().enumerate() {
            let unfit = |problem: String| {
                error::refuse(Code::FailedPrecondition, Reason::SupplierCertificateUnfit, problem)
                    .with("field", format!("supplier_certificates[{place}]"))
            };
            let trust = self.trust.as_ref().ok_or_else(|| {
                unfit(
                    "this installation has no trust file to verify certificates against: ask its operator for one"
                        .into(),
                )
            })?;
            let (certificate, digest) =
                certificate_in_force(bundle, trust, now).map_err(|error| unfit(error.to_string()))?;
            sources = sources.with_certificate(Certified { certificate, digest: Sha256(digest.0) });
        }
        Ok(sources)
    }

    async fn held(&self, name: &str) -> Result<wire::Footprint, Refusal> {
        kept::whole(self.resources.get("footprint", name).await?, self.blobs.as_ref()).await
    }

    fn own(&self, caller: &Caller, pattern: &'static str, field: &str, resource: &str) -> Result<(), Refusal> {
        let mut fields = Fields::new();
        let organization = fields.check(field, name::parts(pattern, resource)).map(|parts| parts[0]);
        fields.finish(DOMAIN)?;
        self.resources.own(caller, organization.unwrap_or(""))
    }
}

#[tonic::async_trait]
impl Rpc for FootprintService {
    async fn compute_footprint(
        &self,
        request: Request<wire::ComputeFootprintRequest>,
    ) -> Result<Response<wire::Footprint>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let mut fields = Fields::new();
        check_request_id(&mut fields, &request.request_id);
        let owner = fields.check("parent", name::parts(name::SITE, &request.parent)).map(|parts| parts[0]);
        fields.check("footprint_id", name::check_id(&request.footprint_id));
        fields.text("plant_toml", &request.plant_toml, record::plant::MAX_BYTES);
        let wire::ComputeFootprintRequest { supplier_statements, supplier_certificates, .. } = &request;
        let rules = &request.product_category_rules_toml;
        let supplied = Supplied::read(&mut fields, supplier_statements, supplier_certificates, rules);
        fields.finish(DOMAIN)?;
        self.resources.own(&caller, owner.unwrap_or(""))?;
        let resource = format!("{}/footprints/{}", request.parent, request.footprint_id);
        let change = Change {
            caller: &caller,
            method: "FootprintService/ComputeFootprint",
            request_id: &request.request_id,
            request: &request,
        };
        let once = match self.resources.begin(&change, &resource).await? {
            Begin::Again(row) => return Ok(Response::new(kept::whole(row, self.blobs.as_ref()).await?)),
            Begin::Now(once) => once,
        };
        let plant = Plant::from_toml(&request.plant_toml).map_err(|e| error::plant(&e))?;
        if plant.site != request.parent {
            let mut fields = Fields::new();
            fields.refuse("plant_toml", format!("site.name is {}, parent is {}", plant.site, request.parent));
            fields.finish(DOMAIN)?;
        }
        let now = (self.clock)();
        let evidence = self.evidence(&plant).await?;
        let sources = self.sources(&evidence, supplied, now)?;
        let computed = match (request.product.as_str(), &plant.products[..]) {
            ("", [only]) => footprint::compute_product(&plant, &sources, &only.name),
            (name, _) => footprint::compute_product(&plant, &sources, name),
        };
        let statement = computed.map_err(|e| error::compute(&e))?;
        let made = wire::Footprint {
            supplier_statements: request.supplier_statements.clone(),
            supplier_certificates: request.supplier_certificates.clone(),
            product_category_rules_toml: request.product_category_rules_toml.clone(),
            ..convert::footprint(resource.clone(), request.plant_toml.clone(), &statement, now)
        };
        // Step 1: exact bytes. Step 2: where the digest leads. Step 3: the footprint. What is acknowledged is found by its
        // digest, and whole.
        let kept = Kept::of(made);
        kept.write(self.blobs.as_ref()).await?;
        let mut intent = Batch::new();
        intent.put(Namespace::Digest, statement.digest().0.to_vec(), resource.clone());
        let written = self.store.commit(&digests()?, intent).await.map_err(|e| Refusal::store(DOMAIN, &e))?;
        if !matches!(written, Committed::Yes(_)) {
            let unknown = store::StoreError::Unavailable("the index of digests was not written".into());
            return Err(Refusal::store(DOMAIN, &unknown).into());
        }
        let row = self.resources.create(&once, "footprint", &resource, kept.row, Batch::new()).await?;
        // Another call with the same id may have been first.
        Ok(Response::new(kept::whole(row, self.blobs.as_ref()).await?))
    }

    async fn get_footprint(
        &self,
        request: Request<wire::GetFootprintRequest>,
    ) -> Result<Response<wire::Footprint>, Status> {
        self.own(&Caller::of(&request), name::FOOTPRINT, "name", &request.get_ref().name)?;
        Ok(Response::new(self.held(&request.get_ref().name).await?))
    }

    async fn list_footprints(
        &self,
        request: Request<wire::ListFootprintsRequest>,
    ) -> Result<Response<wire::ListFootprintsResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        self.own(&caller, name::SITE, "parent", &request.parent)?;
        let page = PageRequest { size: request.page_size, token: &request.page_token };
        let (rows, next_page_token) =
            self.resources.list::<wire::Footprint>(&format!("{}/footprints", request.parent), page).await?;
        let mut footprints = Vec::with_capacity(rows.len());
        for row in rows {
            let source = &request.source;
            if source.is_empty() || rests_on(&kept::statement(&row, self.blobs.as_ref()).await?, source) {
                footprints.push(kept::listed(row));
            }
        }
        Ok(Response::new(wire::ListFootprintsResponse { footprints, next_page_token }))
    }

    async fn find_footprints(
        &self,
        request: Request<wire::FindFootprintsRequest>,
    ) -> Result<Response<wire::FindFootprintsResponse>, Status> {
        let wanted = request.into_inner().statement_sha256s;
        let mut fields = Fields::new();
        if wanted.is_empty() || wanted.len() > MAX_FOUND {
            fields.refuse("statement_sha256s", format!("has {} digests: 1 to {MAX_FOUND}", wanted.len()));
        }
        for (place, digest) in wanted.iter().enumerate() {
            fields.digest(&format!("statement_sha256s[{place}]"), digest);
        }
        fields.finish(DOMAIN)?;
        let part = digests()?;
        let names = self.store.multi_get(&part, Namespace::Digest, &wanted).await;
        let mut footprints = Vec::with_capacity(wanted.len());
        for (digest, name) in wanted.iter().zip(names.map_err(|e| Refusal::store(DOMAIN, &e))?) {
            let name = name.and_then(|name| String::from_utf8(name).ok());
            // The index row comes first: one that leads nowhere is of a footprint that was never written.
            let held: Option<wire::Footprint> = match &name {
                None => None,
                Some(name) => self.resources.find(name).await?,
            };
            let known = held.is_some_and(|held| &held.statement_sha256 == digest);
            footprints.push(name.filter(|_| known).unwrap_or_default());
        }
        Ok(Response::new(wire::FindFootprintsResponse { footprints }))
    }

    async fn recompute_footprint(
        &self,
        request: Request<wire::RecomputeFootprintRequest>,
    ) -> Result<Response<wire::RecomputeFootprintResponse>, Status> {
        let name = request.get_ref().name.clone();
        self.own(&Caller::of(&request), name::FOOTPRINT, "name", &name)?;
        let held = self.held(&name).await?;
        let damaged = || Refusal::internal(DOMAIN, "a stored footprint cannot be read");
        let statement = FootprintStatement::from_bytes(&held.statement).map_err(|_| damaged())?;
        let plant = Plant::from_toml(&held.plant_toml).map_err(|_| damaged())?;
        let mut fields = Fields::new();
        let wire::Footprint { supplier_statements, supplier_certificates, .. } = &held;
        let rules = &held.product_category_rules_toml;
        let supplied = Supplied::read(&mut fields, supplier_statements, supplier_certificates, rules);
        // Whether a certificate was in force is a matter of when the footprint was computed.
        let computed = fields.time("create_time", &held.create_time);
        fields.finish(DOMAIN).map_err(|_| damaged())?;
        let computed = computed.ok_or_else(damaged)?;
        let evidence = self.evidence(&plant).await?;
        let sources = self.sources(&evidence, supplied, computed)?;
        let product = &statement.product.name;
        let again = footprint::compute_product(&plant, &sources, product).map_err(|e| error::compute(&e))?;
        let first_difference = match footprint::recompute(&statement, &plant, &sources) {
            Ok(()) => String::new(),
            Err(difference) => difference.to_string(),
        };
        Ok(Response::new(wire::RecomputeFootprintResponse {
            recomputed_sha256: again.digest().0.to_vec(),
            first_difference,
        }))
    }
}
