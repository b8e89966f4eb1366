//! What the registry refuses to register: a statement for every reason, and the log unchanged by all of them.

use std::collections::BTreeMap;

use cose::cbor::Value;
use cose::key::SigningKey;
use cose::sign1::Envelope;
use integration_tests::cast::{self, BASE, COUNTRY, LOG_ID, Organization};
use integration_tests::cement;
use integration_tests::story::{self, Registered, SCHEME};
use jiff::{SignedDuration, Timestamp};
use proto::registry as wire;
use record::accreditation::{Accreditation, AccreditationGrant, Scope};
use record::arrangement::ArrangementAcceptance;
use record::certificate::Certificate;
use record::footprint::FootprintStatement;
use record::json::{self, Der, Digest};
use record::media;
use record::plant::Plant;
use record::registry::{Anchor, AnchorRole};
use record::statement::{Heading, MAX_ENTRY_BYTES, sign};
use record::status::{GoodsRule, State, StatusEvent};
use runtime::config::Service;
use touchstone::identities::Authority;
use touchstone_client::{Client, new_request_id};

use crate::support::{self, ORGANIZATION, Refused, SITE_ID, Stage, Told};

pub fn signed(organization: &Organization, media_type: &str, subject: &str, payload: &[u8]) -> Vec<u8> {
    let x5t = Some(cose::sha256(&organization.certificate.certificate_der));
    let heading = Heading { media_type, issuer: organization.did, subject, x5t };
    sign(organization.key.as_ref(), &heading, payload).expect("signed")
}

/// A grant that differs from a good one where a test says.
pub fn grant(stage: &Stage, id: &str, change: impl FnOnce(&mut AccreditationGrant)) -> Accreditation {
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let (body, accreditor) = (&stage.world.cast.certification_body, &stage.world.cast.accreditation_body);
    let (from, until) = (now - SignedDuration::from_hours(24), now + SignedDuration::from_hours(24 * 700));
    let mut grant = AccreditationGrant {
        id: format!("{BASE}/accreditations/{id}"),
        issuer: (accreditor.did.into(), accreditor.name.into()),
        body: (body.did.into(), body.name.into()),
        organization: body.id.into(),
        number: id.into(),
        from,
        until,
        scope: vec![Scope {
            scheme: SCHEME.into(),
            product_classes: vec!["2523".into()],
            attestation_types: vec!["certification".into()],
            countries: vec![COUNTRY.into()],
            from,
            until,
        }],
        signing_certificates: vec![body.certificate.certificate_der.clone()],
    };
    change(&mut grant);
    Accreditation::new(grant)
}

pub fn accreditation(stage: &Stage, id: &str, change: impl FnOnce(&mut AccreditationGrant)) -> Vec<u8> {
    let content = grant(stage, id, change);
    signed(&stage.world.cast.accreditation_body, media::ACCREDITATION, &content.id, &json::write(&content))
}

pub async fn register(client: &Client, statement: Vec<u8>) -> Result<u64, tonic::Status> {
    let request = wire::RegisterStatementRequest { statement, request_id: new_request_id() };
    Ok(client.registry().register_statement(request).await?.into_inner().index)
}

pub async fn refused(client: &Client, statement: Vec<u8>) -> Refused {
    support::refused(register(client, statement).await)
}

/// COSE_Sign1 of these parts, written by hand: what no encoder of ours would write.
fn by_hand(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xd2, 0x84, 0x40 + u8::try_from(protected.len()).expect("short")];
    bytes.extend_from_slice(protected);
    bytes.push(0xa0);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&[0x58, 0x40]);
    bytes.extend_from_slice(&[0; 64]);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_statement_is_refused_by_its_form() {
    let stage = Stage::open().await;
    story::lay_ground(&stage.world).await.expect("ground");
    let client = stage.client(&cast::accreditor());
    let before = support::entries(&client).await;
    let good = accreditation(&stage, "form", |_| ());
    let accreditor = &stage.world.cast.accreditation_body;
    let subject = format!("{BASE}/accreditations/form");
    let payload = json::write(&grant(&stage, "form", |_| ()));
    let text = String::from_utf8(payload.clone()).expect("text");
    assert!(text.ends_with('}'));
    let of = |text: &str| signed(accreditor, media::ACCREDITATION, &subject, text.as_bytes());

    let trailing = [&good[..], &[0]].concat();
    let mut indefinite = good.clone();
    assert_eq!(indefinite[..2], [0xd2, 0x84]);
    indefinite[1] = 0x9f;
    indefinite.push(0xff);
    let unprotected = Envelope::decode(&good)
        .expect("our own")
        .with_unprotected(Value::map([(4, Value::bytes(*b"kid"))]))
        .expect("a header")
        .encode();
    let mut flipped = good.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let unknown = text.replacen('{', "{\"surprise\":1,", 1);
    let first = text[1..].split(',').next().expect("a member").to_owned();
    let heading = |issuer: &'static str| Heading {
        media_type: media::ACCREDITATION,
        issuer,
        subject: &subject,
        x5t: Some(cose::sha256(&accreditor.certificate.certificate_der)),
    };
    let other_issuer = sign(accreditor.key.as_ref(), &heading("did:web:somebody.example"), &payload).expect("signed");

    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("too long", vec![0xd2; MAX_ENTRY_BYTES + 1], "STATEMENT_TOO_LARGE"),
        ("payload too long", of(&" ".repeat(json::MAX_BYTES + 1)), "STATEMENT_TOO_LARGE"),
        ("one byte", vec![0xd2], "STATEMENT_MALFORMED"),
        ("text", b"{\"a\":1}".to_vec(), "STATEMENT_MALFORMED"),
        ("trailing byte", trailing, "STATEMENT_MALFORMED"),
        ("cut short", good[..good.len() - 1].to_vec(), "STATEMENT_MALFORMED"),
        ("no tag", good[1..].to_vec(), "STATEMENT_MALFORMED"),
        ("COSE_Sign", [&[0xd8, 0x62][..], &good[1..]].concat(), "STATEMENT_MALFORMED"),
        ("indefinite length", indefinite, "STATEMENT_MALFORMED"),
        ("unprotected header", unprotected, "STATEMENT_MALFORMED"),
        // {1: -7, 1: -7}
        ("duplicate keys", by_hand(&[0xa2, 0x01, 0x26, 0x01, 0x26], &[0x40]), "STATEMENT_MALFORMED"),
        ("detached payload", by_hand(&[0xa1, 0x01, 0x26], &[0xf6]), "STATEMENT_MALFORMED"),
        ("no claims", by_hand(&[0xa1, 0x01, 0x26], &[0x41, 0x20]), "STATEMENT_MALFORMED"),
        // {1: -36}, ES512
        ("ES512", by_hand(&[0xa1, 0x01, 0x38, 0x23], &[0x41, 0x20]), "ALGORITHM_UNSUPPORTED"),
        ("signature", flipped, "SIGNATURE_INVALID"),
        ("unknown member", of(&unknown), "PAYLOAD_INVALID"),
        ("duplicate member", of(&text.replacen('{', &format!("{{{first},"), 1)), "PAYLOAD_INVALID"),
        ("trailing text", of(&format!("{text} {{}}")), "PAYLOAD_INVALID"),
        ("no JSON", of("certified"), "PAYLOAD_INVALID"),
        ("empty payload", of(""), "PAYLOAD_INVALID"),
        ("media type", signed(accreditor, "application/json", &subject, &payload), "MEDIA_TYPE_UNKNOWN"),
        ("subject", signed(accreditor, media::ACCREDITATION, "https://other.example", &payload), "HEADER_MISMATCH"),
        ("issuer", other_issuer, "HEADER_MISMATCH"),
    ];
    for (what, statement, reason) in table {
        let refused = refused(&client, statement).await;
        assert_eq!(refused.reason, reason, "{what}: {refused:?}");
        assert_eq!(refused.code, tonic::Code::InvalidArgument, "{what}");
    }
    assert_eq!(support::entries(&client).await, before, "nothing of it is in the log");
    // The statement they were all made of is a good one.
    register(&client, good).await.expect("registered");
}

/// The statement of the example, made here: the server never computed it.
fn statement() -> FootprintStatement {
    let cement = cement::generate(ORGANIZATION, SITE_ID);
    let plant = Plant::from_toml(&cement::plant_toml(ORGANIZATION, SITE_ID)).expect("a plant");
    footprint::compute(&plant, &cement.evidence()).expect("a statement")
}

fn certificate(stage: &Stage, number: &str, id: &str, leaf: &Registered, class: &str) -> Certificate {
    story::certificate(&stage.world, number, (id, leaf), &statement(), class).expect("a certificate")
}

pub fn event(issuer: &str, subject: &str, state: State) -> StatusEvent {
    StatusEvent {
        id: format!("{BASE}/events/{}", new_request_id()),
        issuer: issuer.into(),
        subject: subject.into(),
        state,
        effective: Timestamp::from_second(Timestamp::now().as_second()).expect("a time"),
        reason: "for the test".into(),
        goods_rule: GoodsRule::NoGoods,
    }
}

fn signed_event(organization: &Organization, subject: &str, state: State) -> Vec<u8> {
    let event = event(organization.did, subject, state);
    signed(organization, media::STATUS_EVENT, subject, &json::write(&event))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_must_be_vouched_for_and_entitled() {
    let stage = Stage::open().await;
    let ground = story::lay_ground(&stage.world).await.expect("ground");
    let cast = &stage.world.cast;
    let accreditor = stage.client(&cast::accreditor());
    let regulator = stage.client(&cast::regulator());
    let decider = stage.client(&cast::decider());
    let operator = stage.client(&cast::operator());
    let before = support::entries(&operator).await;
    let cement_id = format!("{BASE}/accreditations/ea-0001");

    // A key of the right authority and name, that nothing in the log vouches for.
    let (pair, key) =
        cast.accreditation_authority.signer(cast.accreditation_body.did, "second key").expect("a second key");
    let content = grant(&stage, "second-key", |_| ());
    let heading = Heading {
        media_type: media::ACCREDITATION,
        issuer: cast.accreditation_body.did,
        subject: &content.id,
        x5t: Some(cose::sha256(&pair.certificate_der)),
    };
    let unknown_key = sign(&key, &heading, &json::write(&content)).expect("signed");
    assert_eq!(refused(&accreditor, unknown_key).await.reason, "SIGNER_UNKNOWN");
    // The known certificate named, another key used.
    let heading = Heading { x5t: Some(cose::sha256(&cast.accreditation_body.certificate.certificate_der)), ..heading };
    let forged = sign(&key, &heading, &json::write(&content)).expect("signed");
    assert_eq!(refused(&accreditor, forged).await.reason, "SIGNATURE_INVALID");

    // An accreditation that vouches for a certificate of another authority.
    let stranger = Authority::new("Stranger").expect("an authority");
    let (foreign, _) = stranger.signer(cast.certification_body.did, "Green Cert").expect("a pair");
    let vouching = accreditation(&stage, "foreign-key", |grant| {
        grant.signing_certificates = vec![foreign.certificate_der.clone()];
    });
    assert_eq!(refused(&accreditor, vouching).await.reason, "SIGNER_PATH_INVALID");

    // An accreditation by a party that is anchored for arrangements only.
    let mut content = grant(&stage, "by-regulator", |_| ());
    content.issuer.id = cast.regulator.did.into();
    let by_regulator = signed(&cast.regulator, media::ACCREDITATION, &content.id, &json::write(&content));
    assert_eq!(refused(&regulator, by_regulator).await.reason, "SIGNER_NOT_ENTITLED");

    // An anchor that somebody else than the operator signs, and one with a forged signature of the operator.
    let anchor = Anchor {
        operator: LOG_ID.into(),
        id: "did:web:friend.example".into(),
        name: "Friend".into(),
        role: AnchorRole::AccreditationBody,
        organization: "friend".into(),
        authority: Der(stranger.pair().certificate_der.clone()),
        signing_certificates: vec![Der(foreign.certificate_der.clone())],
    };
    let mine = Anchor { operator: cast.accreditation_body.did.into(), ..anchor.clone() };
    let by_accreditor = signed(&cast.accreditation_body, media::ANCHOR, &mine.id, &json::write(&mine));
    assert_eq!(refused(&accreditor, by_accreditor).await.reason, "SIGNER_NOT_ENTITLED");
    let heading = Heading { media_type: media::ANCHOR, issuer: LOG_ID, subject: &anchor.id, x5t: None };
    let other_key = SigningKey::generate_p256().expect("a key");
    let forged = sign(&other_key, &heading, &json::write(&anchor)).expect("signed");
    assert_eq!(refused(&operator, forged).await.reason, "SIGNATURE_INVALID");
    // The operator's own signature, over a certificate that names another party.
    let misnamed = sign(&stage.world.installation.operator, &heading, &json::write(&anchor)).expect("signed");
    assert_eq!(refused(&operator, misnamed).await.reason, "SIGNER_PATH_INVALID");

    // The state of an accreditation is its issuer's to change, and nobody else's.
    let meddling = signed_event(&cast.regulator, &cement_id, State::Withdrawn);
    assert_eq!(refused(&regulator, meddling).await.reason, "SIGNER_NOT_ENTITLED");
    let nowhere = signed_event(&cast.accreditation_body, "https://registry.example/none", State::Withdrawn);
    assert_eq!(refused(&accreditor, nowhere).await.reason, "SUBJECT_UNKNOWN");
    let acceptance = ArrangementAcceptance {
        id: "https://registry.example/arrangements/none/acceptance".into(),
        issuer: cast.supervisor.did.into(),
        arrangement: "https://registry.example/arrangements/none".into(),
        digest: Digest::of(b"none"),
    };
    let supervisor = stage.client(&cast::supervisor());
    let of_none =
        signed(&cast.supervisor, media::ARRANGEMENT_ACCEPTANCE, &acceptance.arrangement, &json::write(&acceptance));
    assert_eq!(refused(&supervisor, of_none).await.reason, "SUBJECT_UNKNOWN");
    let own_acceptance = ArrangementAcceptance {
        id: format!("{BASE}/arrangements/{}/mine", story::ARRANGEMENT),
        issuer: cast.regulator.did.into(),
        arrangement: format!("{BASE}/arrangements/{}", story::ARRANGEMENT),
        digest: Digest::of(&ground.arrangement.entry),
    };
    let by_asking = signed(
        &cast.regulator,
        media::ARRANGEMENT_ACCEPTANCE,
        &own_acceptance.arrangement,
        &json::write(&own_acceptance),
    );
    assert_eq!(refused(&regulator, by_asking).await.reason, "SIGNER_NOT_ENTITLED");

    // Each registers what it signed: the decider may call, but not with this.
    let others = accreditation(&stage, "not-mine", |_| ());
    assert_eq!(refused(&decider, others).await.reason, "REGISTRANT_MISMATCH");

    // One subject, one statement.
    let twice = accreditation(&stage, "ea-0001", |grant| grant.number = "another".into());
    let refusal = refused(&accreditor, twice).await;
    assert_eq!((refusal.reason.as_str(), refusal.code), ("SUBJECT_IN_USE", tonic::Code::AlreadyExists));
    assert_eq!(refusal.metadata["leaf"], ground.accreditation.index.to_string());

    // From active to active is no change.
    let same = signed_event(&cast.accreditation_body, &cement_id, State::Active);
    assert_eq!(refused(&accreditor, same).await.reason, "STATE_NOT_ALLOWED");
    assert_eq!(support::entries(&operator).await, before, "nothing of it is in the log");

    // What is final stays.
    let withdrawn = signed_event(&cast.accreditation_body, &cement_id, State::Withdrawn);
    register(&accreditor, withdrawn).await.expect("withdrawn");
    for state in [State::Active, State::Suspended, State::Withdrawn, State::Superseded] {
        let event = signed_event(&cast.accreditation_body, &cement_id, state);
        let refusal = refused(&accreditor, event).await;
        assert_eq!((refusal.reason.as_str(), refusal.metadata["state"].as_str()), ("STATE_NOT_ALLOWED", "withdrawn"));
    }
    assert_eq!(support::entries(&operator).await.len(), before.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_needs_an_accreditation_that_covers_it() {
    let stage = Stage::open().await;
    let ground = story::lay_ground(&stage.world).await.expect("ground");
    let cast = &stage.world.cast;
    let accreditor = stage.client(&cast::accreditor());
    let decider = stage.client(&cast::decider());
    let sign_it = |certificate: &Certificate| {
        let subject = certificate.credential_subject.id.clone();
        signed(&cast.certification_body, media::CERTIFICATE, &subject, &certificate.to_payload())
    };
    let granted = async |id: &str, change: &dyn Fn(&mut AccreditationGrant)| {
        let entry = accreditation(&stage, id, change);
        let index = register(&accreditor, entry.clone()).await.expect("an accreditation");
        Registered { entry, index }
    };
    let past = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    let ended = Timestamp::now() - SignedDuration::from_hours(1);
    let country = granted("country", &|grant| grant.scope[0].countries = vec!["XB".into()]).await;
    let kind = granted("kind", &|grant| grant.scope[0].attestation_types = vec!["inspection".into()]).await;
    let scheme = granted("scheme", &|grant| grant.scope[0].scheme = "https://other.example/scheme".into()).await;
    let dated = granted("dated", &|grant| (grant.scope[0].from, grant.scope[0].until) = (past, ended)).await;
    let over = granted("over", &|grant| (grant.from, grant.until) = (past, ended)).await;
    let suspended = granted("suspended", &|_| ()).await;
    let id = format!("{BASE}/accreditations/suspended");
    let event = signed_event(&cast.accreditation_body, &id, State::Suspended);
    register(&accreditor, event).await.expect("suspended");

    let table = [
        ("ea-0001", &ground.accreditation, "76011000", Some("product class"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("ea-0002", &ground.other_accreditation, "25232900", Some("product class"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("country", &country, "25232900", Some("country"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("kind", &kind, "25232900", Some("attestation type"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("scheme", &scheme, "25232900", Some("scheme"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("dated", &dated, "25232900", Some("date"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("over", &over, "25232900", Some("date"), "ACCREDITATION_OUT_OF_SCOPE"),
        ("suspended", &suspended, "25232900", None, "ACCREDITATION_NOT_ACTIVE"),
        // Everything fits, but the registry's installation never computed this footprint.
        ("ea-0001", &ground.accreditation, "25232900", None, "EVIDENCE_UNKNOWN"),
    ];
    let before = support::entries(&accreditor).await;
    for (number, (id, leaf, class, clause, reason)) in table.into_iter().enumerate() {
        let certificate = certificate(&stage, &format!("gc-{number}"), id, leaf, class);
        let refusal = refused(&decider, sign_it(&certificate)).await;
        assert_eq!(refusal.reason, reason, "{id}: {refusal:?}");
        assert_eq!(refusal.metadata.get("clause").map(String::as_str), clause, "{id}: {refusal:?}");
    }
    // An accreditation that is not in the log, and a body that nobody accredited.
    let nowhere = Registered { entry: b"not in the log".to_vec(), index: 0 };
    let unnamed = certificate(&stage, "gc-100", "ea-0001", &nowhere, "25232900");
    assert_eq!(refused(&decider, sign_it(&unnamed)).await.reason, "ACCREDITATION_MISSING");
    let mut stranger = certificate(&stage, "gc-101", "ea-0001", &ground.accreditation, "25232900");
    stranger.issuer.id = "did:web:stranger.example".into();
    let subject = stranger.credential_subject.id.clone();
    let heading = Heading {
        media_type: media::CERTIFICATE,
        issuer: "did:web:stranger.example",
        subject: &subject,
        x5t: Some(cose::sha256(&cast.certification_body.certificate.certificate_der)),
    };
    let entry = sign(cast.certification_body.key.as_ref(), &heading, &stranger.to_payload()).expect("signed");
    let refusal = refused(&decider, entry).await;
    assert_eq!(refusal.reason, "ACCREDITATION_MISSING", "{refusal:?}");
    assert_eq!(support::entries(&accreditor).await, before, "nothing of it is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_used_once() {
    let told = Told::tell().await;
    let decider = told.stage.client(&cast::decider());
    let named = ("ea-0001", &told.ground.accreditation);
    let class = told.statement.product.cn_code.clone();
    let mut twin = told.certificate.clone();
    assert!(twin.number() == support::NUMBER);
    twin = {
        let other = story::certificate(&told.stage.world, support::NUMBER, named, &told.statement, &class);
        let mut other = other.expect("a certificate");
        other.name = format!("{} again", twin.name);
        other
    };
    let reason = support::reason(story::sign_and_register(&told.stage.world, &decider, &twin).await);
    assert_eq!(reason, "SUBJECT_IN_USE");
    let next = story::certificate(&told.stage.world, "gc-2026-0002", named, &told.statement, &class);
    let next = next.expect("a certificate");
    story::sign_and_register(&told.stage.world, &decider, &next).await.expect("another number is another certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_statements_on_a_stream_are_each_registered_by_itself() {
    let stage = Stage::open().await;
    story::lay_ground(&stage.world).await.expect("ground");
    let accreditor = stage.client(&cast::accreditor());
    let request = |statement: Vec<u8>| wire::RegisterStatementsRequest { statement, request_id: new_request_id() };
    let good = |id: &str| accreditation(&stage, id, |_| ());
    // More than one group; in the middle one that is damaged, one that repeats another's bytes, one its request.
    let mut requests: Vec<_> = (0..150).map(|number| request(good(&format!("stream-{number}")))).collect();
    *requests[40].statement.last_mut().expect("a signature") ^= 1;
    requests[70].statement = requests[3].statement.clone();
    requests[90] = requests[5].clone();
    let send = async |requests: &[wire::RegisterStatementsRequest]| -> Vec<Result<wire::Entry, String>> {
        let stream = accreditor.registry().register_statements(tokio_stream::iter(requests.to_vec())).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut answers = Vec::new();
        while let Some(answer) = stream.message().await.expect("an answer") {
            assert_eq!(answer.request_id, requests[answers.len()].request_id, "answers come in the order sent");
            let inside = support::refusal_inside(&prost::Message::encode_to_vec(&answer));
            answers.push(match (inside, answer.outcome) {
                (Some(status), _) => Err(support::refusal(&status).reason),
                (None, Some(wire::register_statements_response::Outcome::Entry(entry))) => Ok(entry),
                (None, other) => panic!("{other:?}"),
            });
        }
        answers
    };
    let answers = send(&requests).await;
    assert_eq!(answers.len(), requests.len());
    let held = support::entries(&accreditor).await;
    for (place, (request, answer)) in requests.iter().zip(&answers).enumerate() {
        match (place, answer) {
            (40, Err(reason)) => assert_eq!(reason, "SIGNATURE_INVALID"),
            (_, Ok(entry)) => {
                assert_eq!(held[entry.index as usize], request.statement, "{place}");
                assert!(entry.statement.is_empty(), "the caller has it");
            }
            (_, Err(reason)) => panic!("{place}: {reason}"),
        }
    }
    assert_eq!(
        answers[70].as_ref().map(|e| e.index),
        answers[3].as_ref().map(|e| e.index),
        "the same bytes, the same leaf"
    );
    assert_eq!(answers[90], answers[5], "the same request, the same answer");
    let reused = wire::RegisterStatementsRequest { statement: good("another"), ..requests[6].clone() };
    assert_eq!(send(&[reused]).await, [Err("REQUEST_ID_REUSED".to_owned())]);
    // All of it again, and one of it by a call of its own: nothing is sequenced twice.
    assert_eq!(send(&requests).await, answers);
    let by_call = wire::RegisterStatementRequest {
        statement: requests[7].statement.clone(),
        request_id: requests[7].request_id.clone(),
    };
    let by_call = accreditor.registry().register_statement(by_call).await.expect("answered").into_inner();
    assert_eq!(Ok(by_call.index), answers[7].as_ref().map(|entry| entry.index));
    assert_eq!(support::entries(&accreditor).await.len(), held.len());
    // What was refused inside the streams is counted by its reason, and nothing else is: the damaged one was sent twice.
    let admin = stage.world.of(Service::Registry).and_then(|found| found.admin).expect("an address");
    let figures = support::http(admin, "/metrics").await;
    let counted: BTreeMap<&str, &str> = figures
        .lines()
        .filter(|line| line.starts_with("touchstone_log_refusals_total{"))
        .filter_map(|line| Some((line.split("error_type=\"").nth(1)?.split('"').next()?, line.rsplit(' ').next()?)))
        .collect();
    assert_eq!(counted, BTreeMap::from([("SIGNATURE_INVALID", "2"), ("REQUEST_ID_REUSED", "1")]), "{figures}");
    // One media type can be listed alone.
    let request = wire::ListEntriesRequest { page_size: 2, media_type: media::ANCHOR.into(), ..Default::default() };
    let first = accreditor.registry().list_entries(request.clone()).await.expect("a page").into_inner();
    let token = wire::ListEntriesRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = accreditor.registry().list_entries(token).await.expect("a page").into_inner();
    let anchors: Vec<&wire::Entry> = first.entries.iter().chain(&second.entries).collect();
    assert_eq!((anchors.len(), second.next_page_token.as_str()), (3, ""));
    assert!(anchors.iter().all(|entry| entry.media_type == media::ANCHOR));
    // A page belongs to its list.
    let other = wire::ListEntriesRequest { page_token: first.next_page_token, ..Default::default() };
    let answer = support::refused(accreditor.registry().list_entries(other).await);
    assert_eq!((answer.reason.as_str(), answer.fields), ("REQUEST_INVALID", vec!["page_token".to_owned()]));
}
