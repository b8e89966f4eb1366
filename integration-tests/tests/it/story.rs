//! The whole story, from a reading to a verdict and to the end of a certificate, as assertions.

use cose::key::PublicKey;
use integration_tests::cast;
use integration_tests::cement::{PUBLISHED_DIRECT, PUBLISHED_INDIRECT};
use integration_tests::story::{self, Registered};
use jiff::{SignedDuration, Timestamp};
use proto::{registry, timestamp, verification};
use record::status::{GoodsRule, State};
use tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use tlog::note::NoteVerifier;
use tlog::proof::verify_consistency;
use tlog::receipt::Receipt;
use tlog::tree::MemoryTree;
use touchstone_client::{Client, new_request_id};
use verify::{Outcome, Question, Trust, Verdict, judge_file};

use crate::support::{self, NUMBER, Stage, Told, spelled};

fn judge(bundle: &[u8], trust: &Trust, production: Option<Timestamp>) -> Verdict {
    let now = Timestamp::now();
    judge_file(bundle, trust, &Question { as_of: now, now, production })
}

#[track_caller]
fn check(verdict: &Verdict, outcome: Outcome, reasons: &[&str]) {
    let found: Vec<String> = verdict.reasons.iter().map(|reason| spelled(reason.code)).collect();
    assert_eq!((verdict.outcome, found), (outcome, reasons.iter().map(|r| (*r).to_owned()).collect()), "{verdict:?}");
}

async fn online(client: &Client, min_size: u64, production: Option<Timestamp>) -> verification::Verdict {
    let request = verification::VerifyCertificateRequest {
        name: format!("certificates/{NUMBER}"),
        arrangement: story::ARRANGEMENT.into(),
        as_of_time: None,
        production_time: production.map(timestamp),
        min_size,
    };
    let answer = client.verification().verify_certificate(request).await.expect("a verdict").into_inner();
    let verdict = answer.verdict.expect("a verdict");
    // What is answered can be judged again from the bundle beside it, by the same service.
    let request = verification::VerifyBundleRequest {
        bundle: answer.bundle,
        as_of_time: None,
        production_time: production.map(timestamp),
    };
    let again = client.verification().verify_bundle(request).await.expect("a verdict").into_inner();
    assert_eq!(again.verdict.expect("a verdict").outcome, verdict.outcome);
    verdict
}

async fn identity(client: &Client) -> registry::GetLogIdentityResponse {
    client.registry().get_log_identity(registry::GetLogIdentityRequest {}).await.expect("identity").into_inner()
}

async fn checkpoint(client: &Client, vkey: &NoteVerifier, origin: &str) -> Checkpoint {
    let answer = client.registry().get_checkpoint(registry::GetCheckpointRequest {}).await.expect("a checkpoint");
    let note = answer.into_inner().checkpoint;
    let verified = VerifiedCheckpoint::open(&note, origin, std::slice::from_ref(vkey)).expect("our own checkpoint");
    verified.checkpoint().clone()
}

async fn tree(client: &Client) -> MemoryTree {
    support::entries(client).await.iter().map(|entry| tlog::leaf_hash(entry)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_footprint_is_the_published_one() {
    let told = Told::tell().await;
    assert_eq!(told.statement.direct.value.as_str(), PUBLISHED_DIRECT);
    assert_eq!(told.statement.indirect.value.as_str(), PUBLISHED_INDIRECT);
    assert_eq!(told.statement.quality.calibration_coverage_share.as_ref().map(|share| share.as_str()), Some("1"));
    assert_eq!(told.statement.quality.gap_share.as_str(), "0");
    let (direct, indirect) = (told.footprint.direct.as_ref(), told.footprint.indirect.as_ref());
    let words = |q: Option<&proto::quantity::UncertainQuantity>| {
        let q = q.expect("a result");
        (q.value.clone().expect("a value").value, q.unit.clone())
    };
    assert_eq!(words(direct), (PUBLISHED_DIRECT.into(), "tCO2e/t".into()));
    assert_eq!(words(indirect), (PUBLISHED_INDIRECT.into(), "tCO2e/t".into()));
    assert_eq!(told.footprint.statement_sha256, cose::sha256(&told.footprint.statement));
    let exporter = told.stage.client(&cast::exporter());
    let again = proto::footprint::RecomputeFootprintRequest { name: told.footprint.name.clone() };
    let again = exporter.footprint().recompute_footprint(again).await.expect("recomputed").into_inner();
    assert_eq!((again.recomputed_sha256, again.first_difference), (told.footprint.statement_sha256, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_proved_and_accepted() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let regulator = told.stage.client(&cast::regulator());
    let decider = told.stage.client(&cast::decider());
    story::record_certificate(&decider, &told.application, &told.certificate, &told.registered).await.expect("tied");

    // The receipt, under the key file that the installation publishes.
    let key = std::fs::read_to_string(world.folder.join("installation/log-key.jwk")).expect("log-key.jwk");
    let key = PublicKey::from_jwk(key.trim()).expect("a key");
    let identity = identity(&regulator).await;
    assert_eq!(PublicKey::from_jwk(&identity.receipt_key_jwk).expect("a key"), key);
    let request = registry::GetReceiptRequest { name: format!("entries/{}", told.registered.index), max_wait: None };
    let receipt = regulator.registry().get_receipt(request).await.expect("a receipt").into_inner();
    let decoded = Receipt::decode(&receipt.receipt).expect("a receipt");
    let verified = decoded.verify(&key, &told.registered.entry).expect("a true receipt");
    assert_eq!(verified.index(), told.registered.index);
    let mut other = told.registered.entry.clone();
    *other.last_mut().expect("bytes") ^= 1;
    assert!(decoded.verify(&key, &other).is_err(), "a receipt of another entry");

    // The checkpoint that came with it is the same head, and the log that is listed has that root.
    let vkey = NoteVerifier::from_vkey(&identity.note_key).expect("a vkey");
    let note = VerifiedCheckpoint::open(&receipt.checkpoint, &identity.origin, std::slice::from_ref(&vkey));
    let head = note.expect("a true checkpoint").checkpoint().clone();
    assert_eq!((head.size, head.root), (verified.size(), *verified.root()));
    assert_eq!(tree(&regulator).await.root(head.size).expect("listed"), head.root);
    let stranger = NoteVerifier::from_vkey(&identity.status_note_key).expect("a vkey");
    assert!(VerifiedCheckpoint::open(&receipt.checkpoint, &identity.origin, &[stranger]).is_err());

    // Verdicts: by gRPC and from the file alone.
    let online = online(&regulator, 0, None).await;
    assert_eq!(online.outcome(), verification::Outcome::Accepted, "{online:?}");
    let bundle = story::bundle(&regulator, NUMBER, 0).await.expect("a bundle");
    let trust = Trust::from_toml(&story::trust_file(world, &regulator).await.expect("trust")).expect("trust");
    check(&judge(&bundle, &trust, None), Outcome::Accepted, &[]);

    // The four refusals.
    let flipped = story::flip_one_bit(&bundle).expect("flipped");
    check(&judge(&flipped, &trust, None), Outcome::Refused, &["SIGNATURE_INVALID"]);
    let swapped = swapped(&regulator, &told.ground.other_accreditation).await;
    let verdict = judge(&swapped, &trust, None);
    assert_eq!((verdict.outcome, spelled(verdict.reasons[0].code)), (Outcome::Refused, "ACCREDITATION_SCOPE".into()));
    let named = ("ea-0001", &told.ground.accreditation);
    let outside = story::certificate(world, "gc-2026-0002", named, &told.statement, "76011000").expect("a certificate");
    let refusal = support::reason(story::sign_and_register(world, &decider, &outside).await);
    assert_eq!(refusal, "ACCREDITATION_OUT_OF_SCOPE");
    let withdrawn =
        story::change_state(world, &decider, &told.certificate, State::Withdrawn, GoodsRule::NoGoods, "wrong data")
            .await
            .expect("withdrawn");
    let bundle = story::bundle(&regulator, NUMBER, withdrawn.index + 1).await.expect("a bundle");
    check(&judge(&bundle, &trust, None), Outcome::Refused, &["CERTIFICATE_WITHDRAWN"]);
}

/// As a forger would do it; once more when an epoch passes meanwhile.
async fn swapped(client: &Client, other: &Registered) -> Vec<u8> {
    for _ in 0..5 {
        let bundle = story::bundle(client, NUMBER, 0).await.expect("a bundle");
        if let Ok(swapped) = story::swap_accreditation(client, &bundle, other).await {
            return swapped;
        }
    }
    panic!("epochs pass faster than two calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_and_a_withdrawal_does_not() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let regulator = told.stage.client(&cast::regulator());
    let decider = told.stage.client(&cast::decider());
    let trust = Trust::from_toml(&story::trust_file(world, &regulator).await.expect("trust")).expect("trust");
    let produced = |hours: i64| Some(Timestamp::now() + SignedDuration::from_hours(hours));
    let step = async |state, rule| {
        let event = story::change_state(world, &decider, &told.certificate, state, rule, "for the test").await;
        let size = event.expect("an event").index + 1;
        (story::bundle(&regulator, NUMBER, size).await.expect("a bundle"), size)
    };

    let (bundle, size) = step(State::Suspended, GoodsRule::NoGoods).await;
    check(&judge(&bundle, &trust, None), Outcome::Refused, &["CERTIFICATE_SUSPENDED"]);
    let verdict = online(&regulator, size, None).await;
    assert_eq!(verdict.outcome(), verification::Outcome::Refused);

    let (bundle, size) = step(State::Active, GoodsRule::NoGoods).await;
    check(&judge(&bundle, &trust, None), Outcome::Accepted, &[]);
    assert_eq!(online(&regulator, size, None).await.outcome(), verification::Outcome::Accepted);

    let (bundle, _) = step(State::Withdrawn, GoodsRule::GoodsBeforeStay).await;
    // Goods of the assessed period stay covered; goods made after the withdrawal never are; without a date, no.
    let in_period = Some(told.cement.period.start + SignedDuration::from_hours(24));
    check(&judge(&bundle, &trust, in_period), Outcome::AcceptedWithConditions, &["GOODS_MADE_BEFORE"]);
    let after = judge(&bundle, &trust, produced(1));
    assert_eq!(after.outcome, Outcome::Refused, "{after:?}");
    assert_eq!(spelled(after.reasons[0].code), "CERTIFICATE_WITHDRAWN");
    check(&judge(&bundle, &trust, None), Outcome::Refused, &["CERTIFICATE_WITHDRAWN"]);

    let again = story::change_state(world, &decider, &told.certificate, State::Active, GoodsRule::NoGoods, "no").await;
    assert_eq!(support::reason(again), "STATE_NOT_ALLOWED");
    // A bundle for an arrangement that nobody accepted.
    let request = registry::GetBundleRequest {
        name: format!("certificates/{NUMBER}"),
        arrangement: "partner-1900".into(),
        ..Default::default()
    };
    let refused = support::refused(regulator.registry().get_bundle(request).await);
    assert_eq!(refused.reason, "ARRANGEMENT_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_one_leaf_and_a_restart_keeps_everything() {
    let mut told = Told::tell().await;
    let decider = told.stage.client(&cast::decider());
    // The same bytes in a new request, and again at the same time from two sides.
    let (a, b) = tokio::join!(
        story::register(&decider, told.registered.entry.clone()),
        story::register(&decider, told.registered.entry.clone())
    );
    assert_eq!((a.expect("again").index, b.expect("again").index), (told.registered.index, told.registered.index));
    let request =
        registry::RegisterStatementRequest { statement: told.registered.entry.clone(), request_id: new_request_id() };
    let first = decider.registry().register_statement(request.clone()).await.expect("again").into_inner();

    let identity_before = identity(&decider).await;
    let vkey = NoteVerifier::from_vkey(&identity_before.note_key).expect("a vkey");
    let before = checkpoint(&decider, &vkey, &identity_before.origin).await;
    let held = support::entries(&decider).await;
    drop(decider);
    told.stage.world.stop().await.expect("stopped");
    told.stage.world.resume().await.expect("started");

    let decider = told.stage.client(&cast::decider());
    let exporter = told.stage.client(&cast::exporter());
    let regulator = told.stage.client(&cast::regulator());
    assert_eq!(identity(&decider).await, identity_before);
    assert_eq!(support::entries(&decider).await, held);
    let again = decider.registry().register_statement(request).await.expect("a retry").into_inner();
    assert_eq!(again, first);
    let get = proto::footprint::GetFootprintRequest { name: told.footprint.name.clone() };
    assert_eq!(exporter.footprint().get_footprint(get).await.expect("kept").into_inner(), told.footprint);
    let get = proto::certification::GetApplicationRequest { name: told.application.clone() };
    let kept = decider.certification().get_application(get).await.expect("kept").into_inner();
    assert_eq!(kept.state(), proto::certification::ApplicationState::Granted);
    assert_eq!(online(&regulator, 0, None).await.outcome(), verification::Outcome::Accepted);

    // The log goes on where it was, and says so in a proof.
    let event = story::change_state(
        &told.stage.world,
        &decider,
        &told.certificate,
        State::Suspended,
        GoodsRule::NoGoods,
        "after the restart",
    )
    .await
    .expect("an event");
    assert_eq!(event.index as usize, held.len());
    let wait = registry::GetReceiptRequest { name: format!("entries/{}", event.index), max_wait: None };
    decider.registry().get_receipt(wait).await.expect("published");
    let after = checkpoint(&decider, &vkey, &identity_before.origin).await;
    assert!(after.size > before.size);
    let request = registry::GetConsistencyProofRequest { first_size: before.size, second_size: after.size };
    let proof = decider.registry().get_consistency_proof(request).await.expect("a proof").into_inner().path;
    let proof: Vec<tlog::Hash> = proof.iter().map(|hash| hash.as_slice().try_into().expect("a hash")).collect();
    verify_consistency(before.size, after.size, &proof, &before.root, &after.root).expect("the log extends");
    assert!(verify_consistency(before.size, after.size, &proof, &after.root, &before.root).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_to_active_cannot_erase_a_suspension() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let decider = told.stage.client(&cast::decider());
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
    let day = SignedDuration::from_hours(24);
    let change = async |state, effective| {
        let change = (state, effective);
        story::change_state_from(world, &decider, &told.certificate, change, GoodsRule::NoGoods, "for the test").await
    };
    // A body may learn late that it should have suspended long ago.
    change(State::Suspended, now - day).await.expect("suspended from yesterday");
    for effective in [now - day - day, now - day, now - SignedDuration::from_hours(1)] {
        let refused = change(State::Active, effective).await.expect_err("dated back");
        assert_eq!(refused.reason(), Some("STATE_NOT_ALLOWED"), "{effective}: {refused}");
    }
    let refused = change(State::Withdrawn, now - day - day).await.expect_err("before what went before");
    assert_eq!(refused.reason(), Some("STATE_NOT_ALLOWED"), "{refused}");
    change(State::Active, now).await.expect("active from now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_on_under_its_own_name_and_keys() {
    let mut stage = Stage::open().await;
    stage.world.stop().await.expect("stopped");
    let folder = stage.world.folder.join("installation");
    let config = folder.join("touchstone.toml");
    let kept = std::fs::read_to_string(&config).expect("configuration");
    for (file, key) in [
        ("other-note.key", cose::key::SigningKey::generate_ed25519().expect("a key")),
        ("other-receipt.key", cose::key::SigningKey::generate_p256().expect("a key")),
    ] {
        std::fs::write(folder.join(file), key.to_pkcs8_pem().expect("a key")).expect("written");
    }
    for (own, other, key) in [
        ("origin = \"log.example/touchstone\"", "origin = \"log.example/other\"", "log.origin"),
        ("id = \"did:web:log.example\"", "id = \"did:web:other.example\"", "log.id"),
        ("note_key = \"log-note.key\"", "note_key = \"other-note.key\"", "log.note_key"),
        ("receipt_key = \"log-receipt.key\"", "receipt_key = \"other-receipt.key\"", "log.receipt_key"),
    ] {
        let changed = kept.replace(own, other);
        assert_ne!(changed, kept, "{own}");
        std::fs::write(&config, changed).expect("written");
        let refused = stage.world.resume().await.expect_err(key).to_string();
        assert!(refused.contains(&format!("{key} is ")), "{refused}");
    }
    std::fs::write(&config, kept).expect("written");
    stage.world.resume().await.expect("its own again");
}
