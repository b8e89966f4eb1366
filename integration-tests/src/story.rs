//! The steps from a reading to a verdict. Each takes what the one before gave; the demonstration prints between them,
//! the scenarios assert.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proto::convert::metering as words;
use proto::{certification, footprint, metering, registry, verification};
use record::accreditation::{Accreditation, AccreditationGrant, Scope};
use record::arrangement::{Arrangement, ArrangementAcceptance, Equivalence};
use record::certificate::{Certificate, CertificateDraft, Measurement};
use record::evidence::Evidence;
use record::footprint::FootprintStatement;
use record::json::{self, Der, Digest};
use record::media;
use record::plant::Plant;
use record::registry::{Anchor, AnchorRole};
use record::status::{GoodsRule, State, StatusEvent};
use tlog::tree::{MemoryTree, inclusion_proof};
use tokio_stream::StreamExt;
use touchstone_client::{Client, ClientError, StatementSigner, new_request_id};
use verify::bundle::{Bundle, EpochProof, StatementProof};
use verify::trust::{Authority as TrustedAuthority, LogTrust, TrustFile};

use crate::cast::{self, BASE, COUNTRY, LOG_ID, Organization};
use crate::cement::Cement;
use crate::world::{World, WorldError};

/// Number of the arrangement.
pub const ARRANGEMENT: &str = "partner-2026";
/// Scheme under which everything here is certified.
pub const SCHEME: &str = "https://eur-lex.europa.eu/eli/reg_impl/2023/1773/oj";

/// A registered statement.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Exact bytes.
    pub entry: Vec<u8>,
    /// Leaf.
    pub index: u64,
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn years(from: Timestamp, years: i64) -> Timestamp {
    from + SignedDuration::from_hours(24 * 365 * years)
}

/// An organisation, ready to sign.
pub fn signer(organization: &Organization) -> StatementSigner<'_> {
    StatementSigner {
        did: organization.did,
        key: organization.key.as_ref(),
        x5t: Some(cose::sha256(&organization.certificate.certificate_der)),
    }
}

/// Registers a statement.
///
/// # Errors
/// The registry's refusal.
pub async fn register(client: &Client, entry: Vec<u8>) -> Result<Registered, ClientError> {
    let request = registry::RegisterStatementRequest { statement: entry.clone(), request_id: new_request_id() };
    let index = client.registry().register_statement(request).await?.into_inner().index;
    Ok(Registered { entry, index })
}

/// The operator registers an anchor.
async fn anchor(
    world: &World,
    operator: &Client,
    organization: &Organization,
    authority: &touchstone::identities::Authority,
    role: AnchorRole,
) -> Result<Registered, WorldError> {
    let payload = json::write(&Anchor {
        operator: LOG_ID.into(),
        id: organization.did.into(),
        name: organization.name.into(),
        role,
        organization: organization.id.into(),
        authority: Der(authority.pair().certificate_der.clone()),
        signing_certificates: vec![Der(organization.certificate.certificate_der.clone())],
    });
    let operator_key = StatementSigner { did: LOG_ID, key: &world.installation.operator, x5t: None };
    let entry = operator_key.sign(media::ANCHOR, organization.did, &payload)?;
    Ok(register(operator, entry).await?)
}

/// What stands before the first certificate: anchors, two accreditations, an arrangement accepted by both sides.
pub struct Ground {
    /// Accreditation of the certification body for cement.
    pub accreditation: Registered,
    /// Accreditation of the same body for another product class: genuine, and of no use for cement.
    pub other_accreditation: Registered,
    /// The arrangement.
    pub arrangement: Registered,
}

/// An accreditation of the certification body for product classes.
pub fn accreditation(world: &World, id: &str, classes: &[&str], now: Timestamp) -> Result<Vec<u8>, ClientError> {
    let (body, accreditor) = (&world.cast.certification_body, &world.cast.accreditation_body);
    let (from, until) = (now - SignedDuration::from_hours(24), years(now, 2));
    let statement = Accreditation::new(AccreditationGrant {
        id: format!("{BASE}/accreditations/{id}"),
        issuer: (accreditor.did.into(), accreditor.name.into()),
        body: (body.did.into(), body.name.into()),
        organization: body.id.into(),
        number: id.into(),
        from,
        until,
        scope: vec![Scope {
            scheme: SCHEME.into(),
            product_classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            attestation_types: vec!["certification".into()],
            countries: vec![COUNTRY.into()],
            from,
            until,
        }],
        signing_certificates: vec![body.certificate.certificate_der.clone()],
    });
    signer(accreditor).sign(media::ACCREDITATION, &statement.id, &json::write(&statement))
}

/// Lays the ground.
///
/// # Errors
/// The first refusal.
pub async fn lay_ground(world: &World) -> Result<Ground, WorldError> {
    let now = whole_second(Timestamp::now());
    let operator = world.client(&cast::operator())?;
    let cast = &world.cast;
    let role = AnchorRole::AccreditationBody;
    anchor(world, &operator, &cast.accreditation_body, &cast.accreditation_authority, role).await?;
    let role = AnchorRole::ArrangementParty;
    anchor(world, &operator, &cast.regulator, &cast.regulator_authority, role).await?;
    anchor(world, &operator, &cast.supervisor, &cast.supervisor_authority, role).await?;

    let accreditor = world.client(&cast::accreditor())?;
    let cement = register(&accreditor, accreditation(world, "ea-0001", &["2523"], now)?).await?;
    let aluminium = register(&accreditor, accreditation(world, "ea-0002", &["7601"], now)?).await?;

    let arrangement = Arrangement {
        id: format!("{BASE}/arrangements/{ARRANGEMENT}"),
        asking_party: cast.regulator.did.into(),
        providing_party: cast.supervisor.did.into(),
        accreditation_bodies: vec![cast.accreditation_body.did.into()],
        schemes: vec![Equivalence { scheme: SCHEME.into(), equivalent_to: SCHEME.into() }],
        product_classes: vec!["2523".into()],
        attestation_types: vec!["certification".into()],
        from: now - SignedDuration::from_hours(24),
        until: years(now, 3),
        max_gap_share: "0.05".into(),
        min_calibration_coverage: "0.95".into(),
        max_relative_uncertainty: "0.1".into(),
        guarded_relative_uncertainty: "0.05".into(),
    };
    let entry = signer(&cast.regulator).sign(media::ARRANGEMENT, &arrangement.id, &json::write(&arrangement))?;
    let registered = register(&world.client(&cast::regulator())?, entry).await?;
    let acceptance = ArrangementAcceptance {
        id: format!("{}/acceptance", arrangement.id),
        issuer: cast.supervisor.did.into(),
        arrangement: arrangement.id.clone(),
        digest: Digest::of(&registered.entry),
    };
    let entry = signer(&cast.supervisor).sign(
        media::ARRANGEMENT_ACCEPTANCE,
        &acceptance.arrangement,
        &json::write(&acceptance),
    )?;
    register(&world.client(&cast::supervisor())?, entry).await?;
    Ok(Ground { accreditation: cement, other_accreditation: aluminium, arrangement: registered })
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or("")
}

/// An id that may stand in a resource name.
fn id_of(text: &str) -> String {
    let id: String = text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    id.trim_matches('-').chars().take(63).collect()
}

/// What the exporter was told about what it sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Instruments registered.
    pub instruments: usize,
    /// Calibrations recorded.
    pub calibrations: usize,
    /// Weighed loads recorded.
    pub loads: usize,
    /// Stocks recorded.
    pub stocks: usize,
    /// Analyses recorded.
    pub analyses: usize,
    /// Acceptance reports.
    pub reports: Vec<metering::AcceptanceReport>,
}

/// Registers a site.
///
/// # Errors
/// The refusal.
pub async fn create_site(client: &Client, site: &str, title: &str) -> Result<(), ClientError> {
    let (parent, id) = site.rsplit_once("/sites/").unwrap_or((site, ""));
    let request = metering::CreateSiteRequest {
        parent: parent.into(),
        site_id: id.into(),
        site: Some(metering::Site { display_name: title.into(), country: COUNTRY.into(), ..Default::default() }),
        request_id: new_request_id(),
    };
    client.metering().create_site(request).await?;
    Ok(())
}

/// Registers an instrument with its calibrations.
///
/// # Errors
/// The first refusal.
pub async fn create_instrument(
    client: &Client,
    site: &str,
    instrument: &record::instrument::Instrument,
    calibrations: &[record::calibration::Calibration],
) -> Result<(), ClientError> {
    let request = metering::CreateInstrumentRequest {
        parent: site.into(),
        instrument_id: last(&instrument.name).into(),
        instrument: Some(words::to_instrument(instrument)),
        request_id: new_request_id(),
    };
    client.metering().create_instrument(request).await?;
    for calibration in calibrations {
        let request = metering::CreateCalibrationRequest {
            parent: instrument.name.clone(),
            calibration_id: id_of(&calibration.certificate_id),
            calibration: Some(words::to_calibration(calibration)),
            request_id: new_request_id(),
        };
        client.metering().create_calibration(request).await?;
    }
    Ok(())
}

/// The reports of a stream of answers, to its end.
///
/// # Errors
/// The refusal in it.
pub async fn reports(
    mut answers: tonic::Streaming<metering::IngestReadingsResponse>,
) -> Result<Vec<metering::AcceptanceReport>, ClientError> {
    let mut reports = Vec::new();
    while let Some(answer) = answers.message().await? {
        reports.extend(answer.report);
    }
    Ok(reports)
}

/// Sends batches of readings in one stream.
///
/// # Errors
/// The refusal.
pub async fn send_readings(
    client: &Client,
    batches: Vec<record::reading::ReadingBatch>,
) -> Result<Vec<metering::AcceptanceReport>, ClientError> {
    let messages: Vec<_> = batches
        .iter()
        .map(|batch| metering::IngestReadingsRequest { batch: Some(words::to_reading_batch(batch)) })
        .collect();
    let answers = client.metering().ingest_readings(tokio_stream::iter(messages)).await?;
    reports(answers.into_inner()).await
}

/// The exporter registers the plant and sends a year of evidence.
///
/// # Errors
/// The first refusal.
pub async fn send_evidence(client: &Client, cement: &Cement) -> Result<Sent, ClientError> {
    let mut sent = Sent::default();
    create_site(client, &cement.site, "Cement works of the Commission's example").await?;
    for (instrument, calibrations) in &cement.instruments {
        create_instrument(client, &cement.site, instrument, calibrations).await?;
        sent.instruments += 1;
        sent.calibrations += calibrations.len();
    }
    sent.reports = send_readings(client, vec![cement.readings.clone()]).await?;
    let parent = cement.site.clone();
    for record in &cement.weighbridge {
        let request = metering::CreateWeighbridgeRecordRequest {
            parent: parent.clone(),
            weighbridge_record_id: record.id.clone(),
            weighbridge_record: Some(words::to_weighbridge_record(record)),
            request_id: new_request_id(),
        };
        client.metering().create_weighbridge_record(request).await?;
        sent.loads += 1;
    }
    for record in &cement.stocks {
        let request = metering::CreateStockRecordRequest {
            parent: parent.clone(),
            stock_record_id: record.id.clone(),
            stock_record: Some(words::to_stock_record(record)),
            request_id: new_request_id(),
        };
        client.metering().create_stock_record(request).await?;
        sent.stocks += 1;
    }
    for analysis in &cement.analyses {
        let request = metering::CreateLaboratoryAnalysisRequest {
            parent: parent.clone(),
            laboratory_analysis_id: analysis.id.clone(),
            laboratory_analysis: Some(words::to_laboratory_analysis(analysis)),
            request_id: new_request_id(),
        };
        client.metering().create_laboratory_analysis(request).await?;
        sent.analyses += 1;
    }
    Ok(sent)
}

/// The exporter has the footprint computed.
///
/// # Errors
/// The refusal.
pub async fn compute(
    client: &Client,
    site: &str,
    id: &str,
    plant_toml: &str,
) -> Result<(footprint::Footprint, FootprintStatement), WorldError> {
    let request = footprint::ComputeFootprintRequest {
        parent: site.into(),
        footprint_id: id.into(),
        plant_toml: plant_toml.into(),
        request_id: new_request_id(),
        product: String::new(),
        ..Default::default()
    };
    let made = client.footprint().compute_footprint(request).await.map_err(ClientError::from)?.into_inner();
    let statement = FootprintStatement::from_bytes(&made.statement).map_err(|e| WorldError(e.to_string()))?;
    Ok((made, statement))
}

/// The exporter applies.
///
/// # Errors
/// The refusal.
pub async fn apply(client: &Client, footprint: &str, id: &str) -> Result<certification::Application, ClientError> {
    let organization = footprint.split('/').nth(1).unwrap_or("");
    let request = certification::CreateApplicationRequest {
        parent: format!("organizations/{organization}"),
        application_id: id.into(),
        application: Some(certification::Application {
            footprint: footprint.into(),
            certification_body: "green-cert".into(),
            scheme: SCHEME.into(),
            ..Default::default()
        }),
        request_id: new_request_id(),
    };
    Ok(client.certification().create_application(request).await?.into_inner())
}

/// What the reviewer fetched and found.
pub struct Recomputed {
    /// The plant file.
    pub plant_toml: Vec<u8>,
    /// The statement applied with.
    pub statement: FootprintStatement,
    /// SHA-256 of the statement that came out.
    pub digest: [u8; 32],
    /// Size of the evidence in bytes.
    pub evidence_bytes: usize,
}

/// The reviewer fetches the evidence and recomputes in the body's own process.
///
/// # Errors
/// The refusal, or the first difference.
pub async fn recompute(client: &Client, application: &str) -> Result<Recomputed, WorldError> {
    let wrong = |e: &dyn std::fmt::Display| WorldError(e.to_string());
    let request = certification::StreamApplicationEvidenceRequest { name: application.into() };
    let mut pieces =
        client.certification().stream_application_evidence(request).await.map_err(ClientError::from)?.into_inner();
    let mut files: BTreeMap<(i32, u32), Vec<u8>> = BTreeMap::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(ClientError::from)?;
        files.entry((piece.file, piece.number)).or_default().extend(piece.data);
    }
    let mut file = |file: certification::EvidenceFile| files.remove(&(file as i32, 0)).unwrap_or_default();
    let plant_toml = file(certification::EvidenceFile::Plant);
    let statement =
        FootprintStatement::from_bytes(&file(certification::EvidenceFile::Statement)).map_err(|e| wrong(&e))?;
    let evidence = file(certification::EvidenceFile::Evidence);
    let evidence_bytes = evidence.len();
    let evidence = Evidence::from_bytes(&evidence).map_err(|e| wrong(&e))?;
    let plant = Plant::from_bytes(&plant_toml).map_err(|e| wrong(&e))?;
    let mut sources = ::footprint::Sources::new(&evidence);
    let rules = file(certification::EvidenceFile::ProductCategoryRules);
    if !rules.is_empty() {
        sources.category_rules = Some(::footprint::ProductCategoryRules::read(&rules).map_err(|e| wrong(&e))?);
    }
    // What is left are suppliers' files: certificates are a matter of the reviewer's own trust.
    for ((kind, _), bytes) in files {
        if kind == certification::EvidenceFile::SupplierStatement as i32 {
            sources = sources.with_supplier(FootprintStatement::from_bytes(&bytes).map_err(|e| wrong(&e))?);
        }
    }
    ::footprint::recompute(&statement, &plant, &sources).map_err(|e| wrong(&e))?;
    let again = ::footprint::compute_product(&plant, &sources, &statement.product.name).map_err(|e| wrong(&e))?;
    Ok(Recomputed { plant_toml, digest: again.digest().0, statement, evidence_bytes })
}

/// The reviewer records the review.
///
/// # Errors
/// The refusal.
pub async fn review(client: &Client, application: &str, digest: [u8; 32]) -> Result<(), ClientError> {
    let request = certification::ReviewApplicationRequest {
        name: application.into(),
        recomputed_sha256: digest.to_vec(),
        note: "Recomputed from the evidence: the same bytes.".into(),
        request_id: new_request_id(),
    };
    client.certification().review_application(request).await?;
    Ok(())
}

/// The decider decides.
///
/// # Errors
/// The refusal.
pub async fn decide(client: &Client, application: &str) -> Result<(), ClientError> {
    let request = certification::DecideApplicationRequest {
        name: application.into(),
        granted: true,
        reason: "The footprint conforms to the scheme; the evidence is complete and calibrated.".into(),
        request_id: new_request_id(),
    };
    client.certification().decide_application(request).await?;
    Ok(())
}

/// The certificate that the body makes of a footprint statement.
///
/// # Errors
/// What does not fit.
pub fn certificate(
    world: &World,
    number: &str,
    accreditation: (&str, &Registered),
    statement: &FootprintStatement,
    product_class: &str,
) -> Result<Certificate, WorldError> {
    let now = whole_second(Timestamp::now());
    let valid_until = years(now, 2);
    let cast = &world.cast;
    let body = &cast.certification_body;
    Certificate::new(CertificateDraft {
        number: number.into(),
        base: BASE.into(),
        issuer: (body.did.into(), body.name.into()),
        holder: ("did:web:cement-bubble.example".into(), "Cement Bubble".into()),
        valid_from: now,
        valid_until,
        assessment_date: now.to_zoned(jiff::tz::TimeZone::UTC).date(),
        scheme: (statement.method.scheme.clone(), "EU CBAM, transitional rules".into()),
        method: (format!("{BASE}/methods/{}", statement.method.id), statement.method.id.clone()),
        accreditation_body: (cast.accreditation_body.did.into(), cast.accreditation_body.name.into()),
        accreditation: (format!("{BASE}/accreditations/{}", accreditation.0), Digest::of(&accreditation.1.entry)),
        product: (
            format!("{BASE}/products/{}", id_of(&statement.product.name)),
            statement.product.name.clone(),
            product_class.into(),
        ),
        facility: (format!("{BASE}/{}", statement.site), "Cement works".into(), COUNTRY.into()),
        measurement: Measurement::of(statement, valid_until),
    })
    .map_err(|e| WorldError(e.to_string()))
}

/// The decider signs in its own process, with the body's key, and registers.
///
/// # Errors
/// The refusal.
pub async fn sign_and_register(
    world: &World,
    client: &Client,
    certificate: &Certificate,
) -> Result<Registered, ClientError> {
    register(client, signer(&world.cast.certification_body).sign_certificate(certificate)?).await
}

/// The decider ties certificate and application.
///
/// # Errors
/// The refusal.
pub async fn record_certificate(
    client: &Client,
    application: &str,
    certificate: &Certificate,
    registered: &Registered,
) -> Result<(), ClientError> {
    let request = certification::RecordCertificateRequest {
        name: application.into(),
        certificate: certificate.id.clone(),
        log_index: registered.index,
        request_id: new_request_id(),
    };
    client.certification().record_certificate(request).await?;
    Ok(())
}

/// The body changes the state of a certificate.
///
/// # Errors
/// The refusal.
pub async fn change_state(
    world: &World,
    client: &Client,
    certificate: &Certificate,
    state: State,
    goods_rule: GoodsRule,
    reason: &str,
) -> Result<Registered, ClientError> {
    change_state_from(world, client, certificate, (state, whole_second(Timestamp::now())), goods_rule, reason).await
}

/// The same, effective from a time of the body's choice.
///
/// # Errors
/// The refusal.
pub async fn change_state_from(
    world: &World,
    client: &Client,
    certificate: &Certificate,
    (state, effective): (State, Timestamp),
    goods_rule: GoodsRule,
    reason: &str,
) -> Result<Registered, ClientError> {
    let subject = certificate.credential_subject.id.clone();
    let event = StatusEvent {
        id: format!("{BASE}/events/{}", new_request_id()),
        issuer: world.cast.certification_body.did.into(),
        subject: subject.clone(),
        state,
        effective,
        reason: reason.into(),
        goods_rule,
    };
    let entry = signer(&world.cast.certification_body).sign(media::STATUS_EVENT, &subject, &json::write(&event))?;
    register(client, entry).await
}

/// A bundle of a certificate under the arrangement, of an epoch that covers at least `min_size` leaves.
///
/// # Errors
/// The refusal.
pub async fn bundle(client: &Client, number: &str, min_size: u64) -> Result<Vec<u8>, ClientError> {
    let request = registry::GetBundleRequest {
        name: format!("certificates/{number}"),
        arrangement: ARRANGEMENT.into(),
        max_wait: None,
        min_size,
    };
    Ok(client.registry().get_bundle(request).await?.into_inner().bundle)
}

/// The regulator's verdict by gRPC.
///
/// # Errors
/// The refusal to answer.
pub async fn verify_online(
    client: &Client,
    number: &str,
    min_size: u64,
) -> Result<verification::VerifyCertificateResponse, ClientError> {
    let request = verification::VerifyCertificateRequest {
        name: format!("certificates/{number}"),
        arrangement: ARRANGEMENT.into(),
        as_of_time: None,
        production_time: None,
        min_size,
    };
    Ok(client.verification().verify_certificate(request).await?.into_inner())
}

/// The regulator's own trust file: what it was shown and compared by another way. No witnesses yet, 30 days.
///
/// # Errors
/// The refusal.
pub async fn trust_file(world: &World, client: &Client) -> Result<String, WorldError> {
    use base64::Engine;
    let identity = client
        .registry()
        .get_log_identity(registry::GetLogIdentityRequest {})
        .await
        .map_err(ClientError::from)?
        .into_inner();
    let trusted = |organization: &Organization, authority: &touchstone::identities::Authority| TrustedAuthority {
        id: organization.did.into(),
        certificate: base64::engine::general_purpose::STANDARD.encode(&authority.pair().certificate_der),
    };
    let cast = &world.cast;
    let file = TrustFile {
        party: cast.regulator.did.into(),
        max_age_hours: 30 * 24,
        witness_quorum: 0,
        log: LogTrust {
            origin: identity.origin,
            note_key: identity.note_key,
            status_note_key: identity.status_note_key,
            receipt_key: registry_key(&identity.receipt_key_jwk)?,
            earlier: Vec::new(),
        },
        accreditation_bodies: vec![trusted(&cast.accreditation_body, &cast.accreditation_authority)],
        arrangement_parties: vec![
            trusted(&cast.regulator, &cast.regulator_authority),
            trusted(&cast.supervisor, &cast.supervisor_authority),
        ],
        witnesses: Vec::new(),
    };
    file.to_toml().map_err(|e| WorldError(e.to_string()))
}

fn registry_key(jwk: &str) -> Result<record::registry::Jwk, WorldError> {
    let mut members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(jwk).map_err(|e| WorldError(e.to_string()))?;
    members.remove("alg");
    serde_json::from_value(members.into()).map_err(|e| WorldError(e.to_string()))
}

/// A bundle with one bit of the certificate's payload flipped, sealed again: what a forger would hand over.
///
/// # Errors
/// A bundle that cannot be read.
pub fn flip_one_bit(bundle: &[u8]) -> Result<Vec<u8>, WorldError> {
    let mut bundle = Bundle::from_bytes(bundle).map_err(|e| WorldError(e.to_string()))?;
    let needle = b"\"standardUncertainty\":\"0.";
    let entry = &mut bundle.certificate.entry;
    let at =
        entry.windows(needle.len()).position(|window| window == needle).map_or(entry.len() / 2, |at| at + needle.len());
    entry[at] ^= 1;
    Ok(bundle.to_bytes())
}

/// A bundle in which the accreditation is replaced by another genuine one of the same log, with all its proofs.
///
/// # Errors
/// The refusal, or a log that moved on meanwhile.
pub async fn swap_accreditation(client: &Client, bundle: &[u8], other: &Registered) -> Result<Vec<u8>, WorldError> {
    let wrong = |e: &dyn std::fmt::Display| WorldError(e.to_string());
    let mut bundle = Bundle::from_bytes(bundle).map_err(|e| wrong(&e))?;
    let epoch = record::status::Epoch::from_bytes(&bundle.latest_epoch.epoch).map_err(|e| wrong(&e))?;
    // A mirror's work: rebuild the tree from the entries and prove the leaf under the same checkpoint.
    let (mut tree, mut token) = (MemoryTree::new(), String::new());
    loop {
        let request = registry::ListEntriesRequest {
            page_size: 1_000,
            page_token: token,
            start_index: 0,
            media_type: String::new(),
        };
        let page = client.registry().list_entries(request).await.map_err(ClientError::from)?.into_inner();
        for entry in page.entries {
            tree.push(tlog::leaf_hash(&entry.statement));
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let request = registry::GetStatusProofRequest {
        name: format!("entries/{}", other.index),
        max_wait: None,
        min_size: epoch.size,
    };
    let proof = client.registry().get_status_proof(request).await.map_err(ClientError::from)?.into_inner();
    if proof.status_checkpoint != bundle.status_checkpoint {
        return Err(WorldError("a new epoch was made meanwhile: fetch the bundle again".into()));
    }
    let hashes = |path: &[Vec<u8>]| -> Result<Vec<tlog::Hash>, WorldError> {
        path.iter().map(|hash| hash.as_slice().try_into().map_err(|e| wrong(&e))).collect()
    };
    let first = proof.first_epoch.unwrap_or_default();
    bundle.accreditation = StatementProof {
        entry: other.entry.clone(),
        index: other.index,
        path: inclusion_proof(&tree, other.index, epoch.size).map_err(|e| wrong(&e))?,
        record: proof.record,
        record_path: hashes(&proof.path)?,
        first_epoch: EpochProof { epoch: first.epoch, path: hashes(&first.path)? },
        chain: bundle.accreditation.chain.clone(),
    };
    Ok(bundle.to_bytes())
}
