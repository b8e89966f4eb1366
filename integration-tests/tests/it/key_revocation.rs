//! A body's key is compromised: revoked through the public door, and what buyers are told then, online and from files.

use std::fs;

use integration_tests::cast::{self, BASE};
use integration_tests::story;
use jiff::{SignedDuration, Timestamp};
use proto::verification as wire;
use record::json;
use record::media;
use record::revocation::{KeyRevocation, KeyThumbprint, whole_second};
use record::statement::{Heading, sign};
use record::status::State;
use touchstone_client::new_request_id;
use verify::{Code, Outcome, Question, Trust, judge_file};

use crate::second_implementation::fold;
use crate::statements::{self, event, grant, refused, register, signed};
use crate::support::{self, NUMBER, Told, touchctl};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_and_what_it_signed_is_judged_by_log_time() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let cast = &world.cast;
    let body = &cast.certification_body;
    let decider = told.stage.client(&cast::decider());
    let accreditor = told.stage.client(&cast::accreditor());
    let regulator = told.stage.client(&cast::regulator());
    let trust = story::trust_file(world, &regulator).await.expect("a trust file");
    let key = KeyThumbprint(body.key.public_key().thumbprint());

    // The body has a second key, in an accreditation of its own.
    let (second, second_key) = cast.accreditation_authority.signer(body.did, "second key").expect("a second key");
    let with_second = grant(&told.stage, "second", |grant| {
        grant.signing_certificates = vec![second.certificate_der.clone()];
    });
    let entry = signed(&cast.accreditation_body, media::ACCREDITATION, &with_second.id, &json::write(&with_second));
    register(&accreditor, entry).await.expect("a second accreditation");
    let by_second = |media_type: &str, subject: &str, payload: &[u8]| {
        let heading =
            Heading { media_type, issuer: body.did, subject, x5t: Some(cose::sha256(&second.certificate_der)) };
        sign(&second_key, &heading, payload).expect("signed")
    };

    let now = whole_second(Timestamp::now());
    let revocation = |issuer: &str, cut_off: Timestamp| KeyRevocation {
        id: format!("{BASE}/revocations/{}", new_request_id()),
        issuer: issuer.into(),
        body: body.did.into(),
        key,
        cut_off,
        reason: "the signing laptop was stolen".into(),
    };
    let by_accreditor = |cut_off| {
        let revocation = revocation(cast.accreditation_body.did, cut_off);
        signed(&cast.accreditation_body, media::KEY_REVOCATION, body.did, &json::write(&revocation))
    };
    let before = support::entries(&decider).await.len();

    // Who may not, and what may not be.
    let own = signed(body, media::KEY_REVOCATION, body.did, &json::write(&revocation(body.did, now)));
    assert_eq!(refused(&decider, own).await.reason, "SIGNER_NOT_ENTITLED");
    let meddling = revocation(cast.regulator.did, now);
    let meddling = signed(&cast.regulator, media::KEY_REVOCATION, body.did, &json::write(&meddling));
    assert_eq!(refused(&regulator, meddling).await.reason, "SIGNER_NOT_ENTITLED");
    let of_nobody = KeyRevocation { key: KeyThumbprint([1; 32]), ..revocation(cast.accreditation_body.did, now) };
    let of_nobody = signed(&cast.accreditation_body, media::KEY_REVOCATION, body.did, &json::write(&of_nobody));
    assert_eq!(refused(&accreditor, of_nobody).await.reason, "SUBJECT_UNKNOWN");
    let tomorrow = refused(&accreditor, by_accreditor(now + SignedDuration::from_hours(24))).await;
    assert_eq!(tomorrow.reason, "STATE_NOT_ALLOWED");
    assert_eq!(refused(&decider, by_accreditor(now)).await.reason, "REGISTRANT_MISMATCH");
    assert_eq!(support::entries(&decider).await.len(), before, "nothing of it is in the log");

    // The cut-off is after the certificate came into the log: it stands. By the body, from a terminal.
    let verdict = story::verify_online(&regulator, NUMBER, told.registered.index + 1).await.expect("a verdict");
    let log_time = verdict.verdict.and_then(|verdict| verdict.log_time).expect("a log time").seconds;
    let after = Timestamp::from_second(log_time + 1).expect("a time");
    while Timestamp::now() < after {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).expect("written");
    write("stolen.der", &body.certificate.certificate_der);
    write("second.der", &second.certificate_der);
    write("second.key", second_key.to_pkcs8_pem().expect("a key").as_bytes());
    write("stolen.key", body.key.to_pkcs8_pem().expect("a key").as_bytes());
    let cut_off = after.to_string();
    let of_key = ["statements", "revoke-key", "--body", body.did, "--key", "stolen.der", "--cut-off", &cut_off];
    let why = ["--reason", "the signing laptop was stolen", "--out", "revocation.cose", "--signer", body.did];
    let with = ["--signing-key", "second.key", "--signing-certificate", "second.der"];
    let with_stolen = ["--signing-key", "stolen.key", "--signing-certificate", "stolen.der"];
    let (code, found) = touchctl(folder.path(), &[&of_key[..], &why, &with_stolen].concat());
    assert_eq!((code, &found["error"]["reason"]), (1, &"RECORD_INVALID".into()), "{found}");
    let (code, made) = touchctl(folder.path(), &[&of_key[..], &why, &with].concat());
    assert_eq!((code, &made["media_type"], &made["issuer"]), (0, &media::KEY_REVOCATION.into(), &body.did.into()));
    let pair = world.installation.authority.caller(&cast::decider()).expect("a certificate");
    write("dan.crt", pair.certificate_pem.as_bytes());
    write("dan.key", pair.key_pem.as_bytes());
    write("authority.crt", world.installation.authority.pair().certificate_pem.as_bytes());
    let server = world.addresses().registry;
    let identity = ["--certificate", "dan.crt", "--key", "dan.key", "--authority", "authority.crt"];
    let connection = [&["--server", server.as_str(), "--server-name", "localhost"][..], &identity].concat();
    let (code, sent) =
        touchctl(folder.path(), &[&["statements", "register", "revocation.cose"][..], &connection].concat());
    assert_eq!((code, &sent["leaf"]), (0, &before.into()), "{sent}");

    let online = async |min_size: u64| -> wire::Verdict {
        let answer = story::verify_online(&regulator, NUMBER, min_size).await.expect("a verdict");
        answer.verdict.expect("a verdict")
    };
    let verdict = online(before as u64 + 1).await;
    assert_eq!((verdict.outcome(), verdict.reasons.as_slice()), (wire::Outcome::Accepted, [].as_slice()));
    let fact = verdict.facts.iter().find(|fact| fact.detail.contains("was revoked")).expect("it is told");
    assert_eq!(fact.check, "SIGNER_KEY");

    // The key signs nothing more, and nobody vouches for it again.
    let more =
        story::certificate(world, "gc-2026-0002", ("ea-0001", &told.ground.accreditation), &told.statement, "25231000");
    let more = more.expect("a certificate");
    let by_stolen = signed(body, media::CERTIFICATE, &more.credential_subject.id, &more.to_payload());
    let revoked = refused(&decider, by_stolen).await;
    assert_eq!((revoked.reason.as_str(), revoked.code), ("SIGNER_KEY_REVOKED", tonic::Code::PermissionDenied));
    assert_eq!((&revoked.metadata["leaf"], &revoked.metadata["cut_off"]), (&before.to_string(), &cut_off));
    let vouching = statements::accreditation(&told.stage, "again", |_| ());
    assert_eq!(refused(&accreditor, vouching).await.reason, "SIGNER_KEY_REVOKED");
    let subject = told.certificate.credential_subject.id.clone();
    let suspending = event(body.did, &subject, State::Suspended);
    let suspending = signed(body, media::STATUS_EVENT, &subject, &json::write(&suspending));
    assert_eq!(refused(&decider, suspending).await.reason, "SIGNER_KEY_REVOKED");

    // Monotone: not later, not the same; earlier, by the accreditation body.
    for cut_off in [after, after + SignedDuration::from_secs(1)] {
        let refusal = refused(&accreditor, by_accreditor(cut_off)).await;
        assert_eq!((refusal.reason.as_str(), &refusal.metadata["cut_off"]), ("STATE_NOT_ALLOWED", &after.to_string()));
    }
    let at_log_time = Timestamp::from_second(log_time).expect("a time");
    let earlier = register(&accreditor, by_accreditor(at_log_time)).await.expect("set earlier");
    let verdict = online(earlier + 1).await;
    let codes = |verdict: &wire::Verdict| verdict.reasons.iter().map(|r| r.code.clone()).collect::<Vec<_>>();
    assert_eq!(
        (verdict.outcome(), codes(&verdict)),
        (wire::Outcome::Indeterminate, vec!["SIGNER_KEY_IN_DOUBT".into()])
    );

    // The same from a file; a bundle of before the revocation tells nothing of it, and is too old before long.
    let trust = Trust::from_toml(&trust).expect("our own");
    let offline = async |min_size: u64| {
        let bundle = story::bundle(&regulator, NUMBER, min_size).await.expect("a bundle");
        let now = Timestamp::now();
        judge_file(&bundle, &trust, &Question { as_of: now, now, production: None })
    };
    let verdict = offline(earlier + 1).await;
    assert_eq!((verdict.outcome, verdict.reasons[0].code), (Outcome::Indeterminate, Code::SignerKeyInDoubt));

    // Confirmed with the second key, once.
    let confirm = event(body.did, &subject, State::Active);
    let confirmed = by_second(media::STATUS_EVENT, &subject, &json::write(&confirm));
    let confirmed = register(&decider, confirmed).await.expect("confirmed");
    let again = event(body.did, &subject, State::Active);
    let again = by_second(media::STATUS_EVENT, &subject, &json::write(&again));
    assert_eq!(refused(&decider, again).await.reason, "STATE_NOT_ALLOWED");
    assert_eq!(online(confirmed + 1).await.outcome(), wire::Outcome::Accepted);
    assert_eq!(offline(confirmed + 1).await.outcome, Outcome::Accepted);

    // All of it follows from the entries.
    let url = format!("http://{}", world.http());
    let introduction = world.installation.introduction_file.to_str().expect("a path").to_owned();
    let (code, audited) = touchctl(folder.path(), &["log", "audit", &url, "--introduction", &introduction]);
    assert_eq!((code, &audited["outcome"]), (0, &"ACCEPTED".into()), "{audited}");
    assert_eq!(audited["by_media_type"][media::KEY_REVOCATION], 2);
    if let Some(found) = fold(&url) {
        assert_eq!((&found["wrong"], &found["revocations"]), (&serde_json::json!([]), &2.into()), "{found}");
    }
}
