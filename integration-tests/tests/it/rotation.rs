//! The log gets new keys: who trusted the old ones follows by the rollover that they signed, and nothing else changes.

use std::fs;

use cose::sign1::Envelope;
use integration_tests::{cast, story};
use jiff::{SignedDuration, Timestamp};
use proto::registry as wire;
use record::media;
use record::registry::LogRollover;
use record::statement::{Heading, sign};
use tlog::note::SignedNote;
use touchstone::rotate::{Rotation, rotate};
use touchstone_client::Client;
use verify::{Code, Outcome, Question, Trust, judge_file};

use crate::second_implementation::fold;
use crate::statements::refused;
use crate::support::{self, NUMBER, Told, touchctl};

/// Puts the lines that `rotate` gives into the table of the log.
fn apply(config: &std::path::Path, made: &Rotation) {
    let text = fs::read_to_string(config).expect("a configuration");
    let replaced =
        ["receipt_key", "note_key", "status_note_key", "rollovers", "earlier_note_keys", "earlier_status_note_keys"];
    let kept = text.lines().filter(|line| !replaced.iter().any(|key| line.starts_with(&format!("{key} ="))));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    fs::write(config, text.replace("[log]\n", &format!("[log]\n{}", made.lines))).expect("written");
}

async fn identity(client: &Client) -> wire::GetLogIdentityResponse {
    client.registry().get_log_identity(wire::GetLogIdentityRequest {}).await.expect("identity").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_gets_new_keys_and_whoever_trusted_the_old_ones_follows() {
    let mut told = Told::tell().await;
    let regulator = told.stage.client(&cast::regulator());
    let operator = told.stage.client(&cast::operator());
    let config = told.stage.world.installation.config.clone();
    let introduction = told.stage.world.installation.introduction_file.clone();
    let trust = story::trust_file(&told.stage.world, &regulator).await.expect("a trust file");
    let old_bundle = story::bundle(&regulator, NUMBER, told.registered.index + 1).await.expect("a bundle");
    let before = identity(&operator).await;
    let entries = support::entries(&operator).await;
    let desk = tempfile::tempdir().expect("a folder");
    fs::write(desk.path().join("trust.toml"), &trust).expect("written");
    let url = |told: &Told| format!("http://{}", told.stage.world.http());
    let audit = |told: &Told, introduction: &std::path::Path, more: &[&str]| {
        let introduction = introduction.to_str().expect("a path");
        touchctl(desk.path(), &[&["log", "audit", &url(told), "--introduction", introduction][..], more].concat())
    };
    let keep = ["--keep", "state.json"];
    support::covered(&operator, told.registered.index).await;
    let (code, found) = audit(&told, &introduction, &keep);
    assert_eq!(code, 0, "{found}");

    // Nobody puts a rollover there from outside, whatever key signed it.
    let receipt = fs::read_to_string(config.with_file_name("log-receipt.key")).expect("a key");
    let receipt = cose::key::SigningKey::from_pkcs8_pem(&receipt).expect("a key");
    let outside = LogRollover {
        id: cast::LOG_ID.into(),
        origin: cast::ORIGIN.into(),
        note_key: before.note_key.clone(),
        status_note_key: before.status_note_key.clone(),
        receipt_key: serde_json::from_str(&receipt.public_key().to_jwk()).expect("a key"),
        earlier_until: Timestamp::now(),
    };
    let heading = Heading { media_type: media::LOG_ROLLOVER, issuer: cast::LOG_ID, subject: cast::ORIGIN, x5t: None };
    let outside = sign(&receipt, &heading, &record::json::write(&outside)).expect("signed");
    assert_eq!(refused(&operator, outside).await.reason, "SIGNER_NOT_ENTITLED");

    // New keys without the rollover are refused: another log would go on over the same entries.
    let hour = SignedDuration::from_hours(1);
    let made = rotate(&config, &introduction, Timestamp::now(), hour).expect("rotated");
    // Not twice from the same keys: partners could follow either.
    let again = rotate(&config, &introduction, Timestamp::now(), hour).err().expect("a second rollover").to_string();
    assert!(again.contains("log-rollover-2.cose was made before and is not in log.rollovers"), "{again}");
    told.stage.world.stop().await.expect("stopped");
    let good = fs::read_to_string(&config).expect("a configuration");
    apply(&config, &made);
    let with = fs::read_to_string(&config).expect("a configuration");
    let without: String =
        with.lines().filter(|line| !line.starts_with("rollovers =")).map(|line| format!("{line}\n")).collect();
    fs::write(&config, without).expect("written");
    let refusal = told.stage.world.resume().await.expect_err("other keys").to_string();
    assert!(refusal.contains("touchstone rotate") && refusal.contains("log.note_key"), "{refusal}");
    fs::write(&config, &good).expect("written");
    apply(&config, &made);
    told.stage.world.resume().await.expect("started");

    // The rollover is the next entry; what is signed now is signed by the new keys, checkpoints by both.
    let operator = told.stage.client(&cast::operator());
    let regulator = told.stage.client(&cast::regulator());
    let after = identity(&operator).await;
    for (old, new) in [
        (&before.note_key, &after.note_key),
        (&before.status_note_key, &after.status_note_key),
        (&before.receipt_key_jwk, &after.receipt_key_jwk),
    ] {
        assert_ne!(old, new);
    }
    let now = support::entries(&operator).await;
    let rollover = fs::read(&made.rollover).expect("a rollover");
    assert_eq!((now.len(), &now[..entries.len()], now.last()), (entries.len() + 1, &entries[..], Some(&rollover)));
    let leaf = entries.len() as u64;
    support::covered(&operator, leaf).await;
    let checkpoint = operator.registry().get_checkpoint(wire::GetCheckpointRequest {}).await.expect("one").into_inner();
    let key_id = |vkey: &str| u32::from_str_radix(vkey.split('+').nth(1).expect("an id"), 16).expect("an id");
    let signed_by = |note: &[u8]| -> Vec<u32> {
        SignedNote::parse(note).expect("a note").signatures().iter().map(|signature| signature.key_id).collect()
    };
    assert_eq!(signed_by(&checkpoint.checkpoint), [key_id(&after.note_key), key_id(&before.note_key)]);
    let request = wire::GetReceiptRequest { name: "entries/0".into(), max_wait: None };
    let receipt = operator.registry().get_receipt(request).await.expect("a receipt").into_inner().receipt;
    let kid = Envelope::decode(&receipt).expect("a receipt").protected().kid.clone().expect("a kid");
    let new_key = cose::key::PublicKey::from_jwk(&after.receipt_key_jwk).expect("a key");
    let expected = record::statement::key_id(cast::LOG_ID, &new_key.thumbprint());
    assert_eq!(String::from_utf8(kid).as_ref(), Ok(&expected));

    // Online nothing changes. Off line, who has not followed is told to; who has accepts both.
    let answer = story::verify_online(&regulator, NUMBER, leaf + 1).await.expect("a verdict");
    assert_eq!(answer.verdict.map(|verdict| verdict.outcome()), Some(proto::verification::Outcome::Accepted));
    let new_bundle = story::bundle(&regulator, NUMBER, leaf + 1).await.expect("a bundle");
    let judge = |trust: &str, bundle: &[u8], now: Timestamp| {
        let trust = Trust::from_toml(trust).expect("a trust file");
        let verdict = judge_file(bundle, &trust, &Question { as_of: Timestamp::now(), now, production: None });
        (verdict.outcome, verdict.reasons.first().map(|reason| (reason.code, reason.remedy.clone())))
    };
    let clock = Timestamp::now();
    assert_eq!(judge(&trust, &old_bundle, clock), (Outcome::Accepted, None));
    let (outcome, reason) = judge(&trust, &new_bundle, clock);
    let (code, remedy) = reason.expect("a reason");
    assert_eq!((outcome, code), (Outcome::Refused, Code::ReceiptInvalid));
    assert!(remedy.contains("touchctl trust follow"), "{remedy}");
    let file = made.rollover.to_str().expect("a path");
    let follow = |from: &str, to: &str| {
        touchctl(desk.path(), &["trust", "follow", "--trust", from, "--rollover", file, "--out", to])
    };
    let (code, shown) = follow("trust.toml", "followed.toml");
    assert_eq!((code, shown["keys"].as_array().map(Vec::len)), (0, Some(6)), "{shown}");
    let (code, found) = follow("followed.toml", "twice.toml");
    assert_eq!((code, &found["error"]["reason"]), (1, &"ROLLOVER_NOT_FOLLOWED".into()), "{found}");
    let followed = fs::read_to_string(desk.path().join("followed.toml")).expect("a file");
    assert_eq!(judge(&followed, &old_bundle, clock), (Outcome::Accepted, None));
    assert_eq!(judge(&followed, &new_bundle, clock), (Outcome::Accepted, None));
    // The old keys, stolen, date nothing after their end: a bundle under them that says so is not believed.
    let ended = followed.replace(&made.earlier_until.to_string(), "2026-01-01T00:00:00Z");
    assert_ne!(ended, followed);
    assert_eq!(judge(&ended, &old_bundle, clock).1.map(|(code, _)| code), Some(Code::CheckpointUntrusted));
    assert_eq!(judge(&ended, &new_bundle, clock), (Outcome::Accepted, None));

    // Audits: by the new introduction, by the old one while both sign, and beyond what was kept.
    let (code, found) = audit(&told, &made.introduction, &keep);
    assert_eq!((code, &found["outcome"], &found["extends_size"]), (0, &"ACCEPTED".into(), &leaf.into()), "{found}");
    assert_eq!(found["by_media_type"][media::LOG_ROLLOVER], 1);
    let (code, found) = audit(&told, &introduction, &[]);
    assert_eq!(code, 0, "{found}");
    if let Some(found) = fold(&url(&told)) {
        assert_eq!(found["wrong"], serde_json::json!([]), "{found}");
    }

    // Another rotation meanwhile: the first keys sign until their own time is over, or, in an emergency, none of before does.
    let next = |overlap| rotate(&config, &made.introduction, Timestamp::now(), overlap).expect("rotated");
    let second = next(hour);
    assert!(
        second.lines.contains("\nearlier_note_keys = [\"log-note.key\", \"log-note-2.key\"]\n"),
        "{}",
        second.lines
    );
    let second_files = second.keys.iter().map(|(_, path, _)| path).chain([&second.rollover, &second.introduction]);
    second_files.for_each(|path| fs::remove_file(path).expect("removed"));
    let emergency = next(SignedDuration::ZERO);
    assert!(emergency.lines.contains("\nearlier_note_keys = []\n") && !emergency.overlaps, "{}", emergency.lines);

    // The overlap ends: the old keys leave the configuration, and the log is the same.
    told.stage.world.stop().await.expect("stopped");
    let with = fs::read_to_string(&config).expect("a configuration");
    let ended: String =
        with.lines().filter(|line| !line.starts_with("earlier_")).map(|line| format!("{line}\n")).collect();
    fs::write(&config, ended).expect("written");
    told.stage.world.resume().await.expect("started");
    let operator = told.stage.client(&cast::operator());
    let checkpoint = operator.registry().get_checkpoint(wire::GetCheckpointRequest {}).await.expect("one").into_inner();
    assert_eq!(signed_by(&checkpoint.checkpoint), [key_id(&after.note_key)]);
    assert_eq!(support::entries(&operator).await, now);
    let (code, found) = audit(&told, &made.introduction, &keep);
    assert_eq!(code, 0, "{found}");
    let (code, found) = audit(&told, &introduction, &[]);
    assert_eq!((code, &found["reasons"][0]["code"]), (1, &"LOG_UNKNOWN".into()), "{found}");
    // The configuration of before is another log's now.
    told.stage.world.stop().await.expect("stopped");
    fs::write(&config, &good).expect("written");
    assert!(told.stage.world.resume().await.is_err());
}
