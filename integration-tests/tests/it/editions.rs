//! Methods and sets of factors as signed statements in the log: who may publish them, and on what they rest.

use cose::key::SigningKey;
use footprint::factors::FactorSet;
use footprint::method::Method;
use footprint::publish::{Publication, factor_set_statement, method_statement};
use integration_tests::cast::{self, LOG_ID};
use jiff::Timestamp;
use proto::registry as wire;
use record::edition::MethodStatement;
use record::instrument::Sha256;
use record::json::{self, Der};
use record::media;
use record::registry::{Anchor, AnchorRole, RegistrationPolicy};
use record::statement::{Content, Heading, SignedStatement, sign};
use touchstone::identities::Authority;
use touchstone_client::{Client, new_request_id};

use crate::support::{self, Stage};

const OWNER: &str = "did:web:schemes.example";
const FROM: &str = "2026-01-01T00:00:00Z";

async fn register(client: &Client, statement: Vec<u8>) -> Result<u64, tonic::Status> {
    let request = wire::RegisterStatementRequest { statement, request_id: new_request_id() };
    Ok(client.registry().register_statement(request).await?.into_inner().index)
}

/// Signs as an owner of schemes.
struct Owner {
    did: &'static str,
    key: SigningKey,
    x5t: [u8; 32],
}

impl Owner {
    /// A new owner, anchored by the operator for callers of the supervisor's organisation.
    async fn anchored(stage: &Stage, did: &'static str) -> Owner {
        let authority = Authority::new("Schemes authority").expect("an authority");
        let (pair, key) = authority.signer(did, "Schemes").expect("a pair");
        let anchor = Anchor {
            operator: LOG_ID.into(),
            id: did.into(),
            name: "Schemes".into(),
            role: AnchorRole::SchemeOwner,
            organization: stage.world.cast.supervisor.id.into(),
            authority: Der(authority.pair().certificate_der.clone()),
            signing_certificates: vec![Der(pair.certificate_der.clone())],
        };
        let heading = Heading { media_type: media::ANCHOR, issuer: LOG_ID, subject: did, x5t: None };
        let entry = sign(&stage.world.installation.operator, &heading, &json::write(&anchor)).expect("signed");
        register(&stage.client(&cast::operator()), entry).await.expect("anchored");
        Owner { did, key, x5t: cose::sha256(&pair.certificate_der) }
    }

    fn sign(&self, media_type: &str, subject: &str, payload: &[u8]) -> Vec<u8> {
        let heading = Heading { media_type, issuer: self.did, subject, x5t: Some(self.x5t) };
        sign(&self.key, &heading, payload).expect("signed")
    }

    fn method(&self, id: &str, supersedes: Option<&str>, change: impl FnOnce(&mut MethodStatement)) -> Vec<u8> {
        let method = Method::find("iso-14067-cradle-to-gate").expect("a method");
        let from = FROM.parse::<Timestamp>().expect("a time");
        let mut statement = method_statement(&method, &Publication { id, issuer: self.did, from, supersedes });
        change(&mut statement);
        self.sign(media::METHOD, id, &json::write(&statement))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_owner_publishes_a_method_and_the_factors_that_it_rests_on() {
    let stage = Stage::open().await;
    let supervisor = stage.client(&cast::supervisor());
    let owner = Owner::anchored(&stage, OWNER).await;
    let first = "https://schemes.example/methods/iso-14067/1";
    // The sets come first: a method names their digests.
    let refusal = support::refused(register(&supervisor, owner.method(first, None, |_| ())).await);
    assert_eq!(refusal.reason, "SUBJECT_UNKNOWN", "{refusal:?}");
    assert!(refusal.metadata.contains_key("factor_set"), "{refusal:?}");
    let method = Method::find("iso-14067-cradle-to-gate").expect("a method");
    let from = FROM.parse::<Timestamp>().expect("a time");
    for id in &method.factor_sets {
        let set = FactorSet::find_shipped(id).expect("a set");
        let subject = format!("https://schemes.example/factors/{id}");
        let publication = Publication { id: &subject, issuer: OWNER, from, supersedes: None };
        let payload = json::write(&factor_set_statement(&set, &publication));
        register(&supervisor, owner.sign(media::FACTOR_SET, &subject, &payload)).await.expect("a set");
    }
    let leaf = register(&supervisor, owner.method(first, None, |_| ())).await.expect("a method");
    // Another digest of a set is another set.
    let second = "https://schemes.example/methods/iso-14067/2";
    let changed = owner.method(second, None, |statement| statement.factor_sets[0].digest = Sha256::of(b"other"));
    assert_eq!(support::refused(register(&supervisor, changed).await).reason, "SUBJECT_UNKNOWN");
    // A later edition takes the place of an earlier one of the same owner, and of nothing else.
    let of_nothing = owner.method(second, Some("https://schemes.example/none"), |_| ());
    assert_eq!(support::refused(register(&supervisor, of_nothing).await).reason, "SUBJECT_UNKNOWN");
    let other = Owner::anchored(&stage, "did:web:others.example").await;
    let of_others = other.method("https://others.example/1", Some(first), |_| ());
    assert_eq!(support::refused(register(&supervisor, of_others).await).reason, "SIGNER_NOT_ENTITLED");
    let again = support::refused(register(&supervisor, owner.method(first, None, |m| m.version = "9".into())).await);
    assert_eq!(again.reason, "SUBJECT_IN_USE");
    register(&supervisor, owner.method(second, Some(first), |m| m.version = "2".into()))
        .await
        .expect("a later edition");
    // A body with another role does not publish methods.
    let cast = &stage.world.cast;
    integration_tests::story::lay_ground(&stage.world).await.expect("ground");
    let regulator = Owner {
        did: cast.regulator.did,
        key: SigningKey::from_pkcs8_pem(&cast.regulator.certificate.key_pem).expect("a key"),
        x5t: cose::sha256(&cast.regulator.certificate.certificate_der),
    };
    let by_regulator = regulator.method("https://partner.example/1", None, |_| ());
    let refusal = support::refused(register(&stage.client(&cast::regulator()), by_regulator).await);
    assert_eq!(refusal.reason, "SIGNER_NOT_ENTITLED");
    // Anybody finds the edition in the log, with the digest of the file that everybody has.
    let request = wire::ListEntriesRequest { media_type: media::METHOD.into(), page_size: 10, ..Default::default() };
    let found = supervisor.registry().list_entries(request).await.expect("a page").into_inner().entries;
    assert_eq!((found.len(), found[0].index), (2, leaf));
    let statement = SignedStatement::from_entry(&found[0].statement).expect("a statement");
    let Content::Method(published) = statement.content() else { panic!("{:?}", statement.content()) };
    assert_eq!((published.method.as_str(), published.file.digest), (method.id.as_str(), method.digest()));
    // The policy of the log says that it takes them.
    let request = wire::ListEntriesRequest { media_type: media::REGISTRATION_POLICY.into(), ..Default::default() };
    let policy = supervisor.registry().list_entries(request).await.expect("a page").into_inner().entries.remove(0);
    let statement = SignedStatement::from_entry(&policy.statement).expect("a statement");
    let policy: RegistrationPolicy = json::read(statement.payload()).expect("a policy");
    assert!([media::METHOD, media::FACTOR_SET].iter().all(|kind| policy.media_types.iter().any(|known| known == kind)));
}
