//! Witnesses: two that make a quorum, and a verdict that asks for it; some that lie, lag, are away or are killed; a log that
//! goes back or forks before them. Everything runs in processes of its own, but for the liars.

mod liar;
mod stage;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cose::key::SigningKey;
use integration_tests::cast::{self, ORIGIN};
use integration_tests::processes::program;
use integration_tests::story;
use jiff::Timestamp;
use proto::registry;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::note::{Cosigner, NoteSigner, SignedNote};
use tlog::tree::{MemoryTree, consistency_proof};
use tlog::witness::{AddCheckpoint, monitoring_path};
use tonic::Code;
use tonic_types::StatusExt;

use crate::liar::{Lie, liar};
use crate::stage::{Trial, Witness, copy, get, http, touchctl, until};

#[test]
fn two_witnesses_make_a_quorum_and_one_may_come_back() {
    let mut trial = Trial::new();
    let (mut a, b) = (trial.witness("a"), trial.witness("b"));
    let (key_a, key_b) = (a.vkey.clone(), b.vkey.clone());
    trial.policy(&format!("{}{}group both all a b\nquorum both\n", a.policy_line(), b.policy_line()));
    trial.serve();
    let leaf = trial.certify();

    // The bundle of the first epoch that covers the certificate is cosigned by both, and a verdict that asks for two is
    // reached from it alone.
    let both = [key_a.as_str(), key_b.as_str()];
    let (bundle, trust) = trial.bundle(leaf + 1, &both, 2);
    assert_eq!(trial.verdict(&bundle, &trust).0, "ACCEPTED", "{}", trial.logged());
    // Of a stranger's cosignature nothing is believed.
    let stranger: Arc<dyn cose::key::Signer> = Arc::new(SigningKey::generate_ed25519().expect("a key"));
    let stranger = Cosigner::new("witness.example/b", stranger).expect("a cosigner").verifier().to_vkey();
    let (_, asks_other) = trial.bundle(leaf + 1, &[&key_a, &stranger], 2);
    assert_eq!(trial.verdict(&bundle, &asks_other), ("REFUSED".into(), "CHECKPOINT_UNTRUSTED".into()));

    // The same under what is served, to a reader of receipts, and to an auditor.
    let [log, status] = trial.served();
    assert!(log.quorum_reached() && status.quorum_reached() && log.checkpoint().size > leaf);
    let client = trial.client(&cast::regulator());
    let receipt = trial.runtime.block_on(async {
        let request = registry::GetReceiptRequest { name: format!("entries/{leaf}"), max_wait: None };
        client.registry().get_receipt(request).await.expect("a receipt").into_inner()
    });
    assert_eq!(SignedNote::parse(&receipt.checkpoint).expect("a note").signatures().len(), 3);
    let receipts = tlog::receipt::Receipt::decode(&receipt.receipt).expect("a receipt");
    let key = cose::key::PublicKey::from_jwk(
        &std::fs::read_to_string(trial.world.installation.config.with_file_name("log-key.jwk")).expect("a key"),
    );
    let entry = trial.runtime.block_on(async {
        let request = registry::GetEntryRequest { name: format!("entries/{leaf}") };
        client.registry().get_entry(request).await.expect("an entry").into_inner()
    });
    let proved = receipts.verify(&key.expect("a key"), &entry.statement).expect("proved");
    let checkpoint = Checkpoint::parse(SignedNote::parse(&receipt.checkpoint).expect("a note").text()).expect("read");
    assert_eq!(proved.root(), &checkpoint.root, "receipt and checkpoint are of one tree");
    let desk = tempfile::tempdir().expect("a folder");
    std::fs::write(desk.path().join("trust.toml"), &trust).expect("written");
    let url = format!("http://{}", trial.world.http());
    let (code, audited) = touchctl(desk.path(), &["log", "audit", &url, "--trust", "trust.toml", "--json"]);
    assert_eq!((code, audited["outcome"].as_str()), (0, Some("ACCEPTED")), "{audited}");

    // Said to those who run it.
    let quorum = trial.ready("quorum: ");
    assert!(quorum.starts_with("quorum: reached by 2 cosignatures"), "{quorum}");
    let (code, figures) = trial.admin("/metrics");
    assert_eq!(code, 200);
    for figure in ["touchstone_log_quorum", "touchstone_log_witnessed_entries", "touchstone_log_cosignatures"] {
        assert!(figures.contains(figure), "{figures}");
    }
    assert!(figures.lines().any(|line| line.contains("touchstone_witness_entries") && line.contains("witness=\"a\"")));
    let (_, figures) = get(a.admin, "/metrics");
    assert!(figures.contains("touchstone_witness_answers_total") && figures.contains("\"200\""), "{figures}");
    let (_, told) = get(a.admin, "/readyz");
    assert!(told.contains(&format!("log {ORIGIN}: ")) && told.contains(&format!("log {ORIGIN}/status: ")), "{told}");

    // One is away: the log goes on, says that the quorum is missed, and proofs come without.
    a.kill();
    let leaf = trial.register("while-a-is-away").expect("registered");
    let (bundle, _) = trial.bundle(leaf + 1, &both, 2);
    assert_eq!(trial.verdict(&bundle, &trust), ("REFUSED".into(), "CHECKPOINT_UNTRUSTED".into()));
    let (_, asks_one) = trial.bundle(leaf + 1, &both, 1);
    let accepted = until("one cosignature", || {
        let (bundle, _) = trial.bundle(leaf + 1, &both, 1);
        Some(trial.verdict(&bundle, &asks_one).0).filter(|outcome| outcome == "ACCEPTED")
    });
    assert_eq!(accepted, "ACCEPTED");
    assert_eq!(trial.admin("/readyz").0, 200, "a witness that is away makes nothing unready");
    let (away, quorum) = (trial.ready("witness a: "), trial.ready("quorum: "));
    assert!(away.contains("it does not answer") && quorum.contains("not reached by 1 "), "{away}; {quorum}");
    for number in 0..3 {
        let leaf = trial.register(&format!("and-on-{number}")).expect("registered");
        trial.bundle(leaf + 1, &both, 1);
    }
    let said = trial.logged();
    assert_eq!(said.matches("the witness does not cosign").count(), 1, "said once: {said}");
    assert_eq!(said.matches("the quorum of witnesses is not reached").count(), 1, "said once: {said}");

    // It comes back, and so does the quorum, by itself.
    a.serve();
    until("the quorum", || trial.ready("quorum: ").starts_with("quorum: reached by 2 ").then_some(()));
    let leaf = trial.register("a-is-back").expect("registered");
    let (bundle, _) = trial.bundle(leaf + 1, &both, 2);
    assert_eq!(trial.verdict(&bundle, &trust).0, "ACCEPTED");
    assert!(trial.logged().contains("the witness cosigns again"));

    // A log that starts again does not know how far its witnesses are: it is told, and goes on from there.
    trial.kill();
    trial.serve();
    let (bundle, _) = trial.bundle(leaf + 1, &both, 2);
    assert_eq!(trial.verdict(&bundle, &trust).0, "ACCEPTED", "{}", trial.logged());
    let (_, figures) = trial.admin("/metrics");
    let conflict = |name: &str| {
        let wanted = [format!("witness=\"{name}\""), "outcome=\"conflict\"".to_owned()];
        figures.lines().any(|line| {
            line.starts_with("touchstone_witness_requests_total") && wanted.iter().all(|label| line.contains(label))
        })
    };
    assert!(conflict("a") && conflict("b"), "{figures}");
    assert_eq!(a.run(&["evidence", "--config"]), (0, "0 kept\n".into()));
    assert!(a.run(&["check"]).1.contains(&key_a));
}

#[test]
fn what_liars_say_is_not_believed_and_keeps_nobody_waiting() {
    let mut trial = Trial::new();
    let honest = trial.witness("honest");
    let liars: String = [
        ("forger", Lie::BadSignature),
        ("impostor", Lie::OtherKey),
        ("boaster", Lie::FarAhead),
        ("sleeper", Lie::Silence),
    ]
    .map(|(name, lie)| liar(name, lie))
    .concat();
    let names = "honest forger impostor boaster sleeper";
    trial.policy(&format!("{}{liars}group one any {names}\nquorum one\n", honest.policy_line()));
    trial.serve();
    trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
    for (name, words) in [
        ("forger", "its cosignature: the signature of liar.example/forger does not verify"),
        ("impostor", "its cosignature: no known key signed the note"),
        ("boaster", "it says that it cosigned 1000000000 entries of the"),
        ("sleeper", "it does not answer: not within"),
    ] {
        until(name, || trial.ready(&format!("witness {name}: ")).contains(words).then_some(()));
    }
    // The honest one is heard all the while, and nothing of the others is served.
    let leaf = until("a cosignature", || {
        let leaf = trial.register(&format!("among-liars-{}", Instant::now().elapsed().as_nanos())).expect("registered");
        let [log, status] = trial.served();
        (log.quorum_reached() && status.quorum_reached()).then_some(leaf)
    });
    let [log, _] = trial.served();
    assert_eq!(log.cosignatures().iter().map(|one| one.key_name()).collect::<Vec<_>>(), ["witness.example/honest"]);
    assert!(log.checkpoint().size >= leaf);
    assert!(trial.ready("witness honest: ").contains("ok"));
    // Only the log's own signature is evidence against it: nobody's word is.
    assert_eq!(trial.admin("/readyz").0, 200);
    assert!(!trial.logged().contains("SPLIT_VIEW"));
    assert!(!trial.data().join("guard/split-view").exists());
}

#[test]
fn a_log_that_forgot_is_caught() {
    let mut trial = Trial::new();
    let mut witness = trial.witness("w");
    trial.policy(&format!("{}quorum w\n", witness.policy_line()));
    let (old, newest) = (trial.folder.path().join("old"), trial.folder.path().join("newest"));
    trial.serve();
    trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
    trial.kill();
    copy(&trial.data(), &old);
    trial.serve();
    let leaf = trial.register("after-the-copy").expect("registered");
    until("a cosignature", || {
        let [log, status] = trial.served();
        (log.checkpoint().size > leaf && log.quorum_reached() && status.quorum_reached()).then_some(())
    });
    trial.kill();
    copy(&trial.data(), &newest);

    // An old copy of everything, the heads signed last included: nothing here knows better, but the witness does.
    let data = trial.data();
    let replace = |by: &Path| {
        std::fs::remove_dir_all(&data).expect("removed");
        copy(by, &data);
    };
    replace(&old);
    for is_witness_there in [true, false] {
        if !is_witness_there {
            // What it showed once is remembered.
            witness.kill();
        }
        trial.serve();
        let (code, text) = trial.admin("/readyz");
        assert_eq!(code, 503, "{text}");
        let line = trial.ready("log: ");
        assert!(line.contains("LOG_REFUSES_TO_SIGN") && line.contains("this log's own key signed"), "{line}");
        assert_eq!(line.contains("w holds a checkpoint"), is_witness_there, "{line}");
        trial.register("on-the-old-copy").expect_err("nothing is registered");
        assert_ne!(get(trial.world.http(), "/checkpoint").0, 200);
        trial.kill();
    }
    // The newest copy goes on where it was, over what is remembered.
    let remembered = trial.folder.path().join("witnessed");
    copy(&trial.data().join("guard/witnessed"), &remembered);
    assert_eq!(std::fs::read_dir(&remembered).expect("a folder").count(), 1);
    replace(&newest);
    copy(&remembered, &trial.data().join("guard/witnessed"));
    witness.serve();
    trial.serve();
    assert_eq!(trial.admin("/readyz").0, 200, "{}", trial.logged());
    let leaf = trial.register("on-the-newest-copy").expect("registered");
    until("a cosignature", || {
        let [log, _] = trial.served();
        (log.checkpoint().size > leaf && log.quorum_reached()).then_some(())
    });
    trial.kill();

    // The old copy once more, while no witness is there: now the log forks, and is caught when one comes back.
    replace(&old);
    witness.kill();
    trial.serve();
    assert_eq!(trial.admin("/readyz").0, 200);
    trial.register("on-a-fork").expect("registered");
    witness.serve();
    let line = until("the split view", || {
        let (code, text) = trial.admin("/readyz");
        (code == 503).then(|| text.lines().find(|line| line.starts_with("log: ")).expect("a line").to_owned())
    });
    assert!(line.contains("SPLIT_VIEW") && line.contains("w holds a checkpoint"), "{line}");
    assert!(trial.logged().contains("SPLIT_VIEW"), "{}", trial.logged());
    let refused = trial.register("on-a-fork-again").expect_err("nothing is signed any more");
    assert!(refused.to_string().contains("LOG_REFUSES_TO_SIGN"), "{refused:?}");
    // Both checkpoints of each of the two logs are kept, and anybody can look.
    let kept = trial.data().join("guard/split-view");
    let files = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&kept).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let files = until("evidence of both logs", || Some(files()).filter(|files| files.len() == 2));
    let (_, figures) = trial.admin("/metrics");
    let counted = figures.lines().find(|line| line.starts_with("touchstone_log_split_views")).expect("a figure");
    assert!(counted.ends_with(" 2"), "{counted}");
    let introduction = trial.world.installation.introduction_file.to_str().expect("a path");
    let mut origins = Vec::new();
    for file in &files {
        let file = file.to_str().expect("a path");
        let check = ["log", "check-split-view", file, "--introduction", introduction, "--json"];
        let (code, found) = touchctl(trial.folder.path(), &check);
        let reason = found["reasons"][0]["code"].as_str().expect("a reason");
        assert!([(1, "SPLIT_VIEW"), (3, "SPLIT_VIEW_UNPROVED")].contains(&(code, reason)), "{found}");
        assert_ne!(found["kept"]["root"], found["seen"]["root"]);
        origins.push(found["origin"].as_str().expect("an origin").to_owned());
    }
    origins.sort();
    assert_eq!(origins, [ORIGIN.to_owned(), format!("{ORIGIN}/status")]);
    // A start finds it again, without the witness.
    trial.kill();
    witness.kill();
    trial.serve();
    assert!(trial.ready("log: ").contains("LOG_REFUSES_TO_SIGN"));
}

/// A log of this test's own, which a witness follows.
struct Log {
    signer: NoteSigner,
    tree: MemoryTree,
}

impl Log {
    fn new() -> Self {
        let key: Arc<dyn cose::key::Signer> = Arc::new(SigningKey::generate_ed25519().expect("a key"));
        Log { signer: NoteSigner::new("killed.example/log", key).expect("a signer"), tree: MemoryTree::new() }
    }

    fn note(&self, size: u64, root: [u8; 32]) -> SignedNote {
        let text = Checkpoint::new(self.signer.verifier().name(), size, root).to_body();
        let line = self.signer.sign(&text).expect("signed");
        SignedNote::new(text, vec![line]).expect("a note")
    }

    fn request(&self, old_size: u64, size: u64) -> AddCheckpoint {
        let proof = consistency_proof(&self.tree, old_size, size).expect("a proof");
        AddCheckpoint { old_size, proof, checkpoint: self.note(size, self.tree.root(size).expect("a root")) }
    }
}

fn submit(witness: &Witness, request: &AddCheckpoint) -> Option<(u16, String, String)> {
    http(witness.address, "POST", "/add-checkpoint", &request.encode())
}

#[test]
fn a_witness_that_is_killed_never_goes_back() {
    let trial = Trial::new();
    let mut witness = trial.witness("w");
    let mut log = Log::new();
    witness.kill();
    witness.edit("logs = [\n", &format!("logs = [\n    \"{}\",\n", log.signer.verifier().to_vkey()));
    witness.serve();
    let path = format!("/{}", monitoring_path("killed.example/log"));
    assert_eq!(get(witness.address, &path).0, 404, "nothing is cosigned yet");
    let keys = [witness.vkey.clone(), log.signer.verifier().to_vkey()];
    let keys = keys.map(|vkey| tlog::note::NoteVerifier::from_vkey(&vkey).expect("a key"));
    // What it shows: size and root, over both signatures.
    let shown = |witness: &Witness| {
        let (code, note) = get(witness.address, &path);
        assert_eq!(code, 200, "{note}");
        let note = SignedNote::parse(note.as_bytes()).expect("a note");
        assert_eq!(note.verify(&keys).expect("signed").len(), 2);
        Checkpoint::parse(note.text()).expect("a checkpoint")
    };
    let (mut acknowledged, mut killed_while_asked) = (0_u64, 0);
    for round in 0..12_u64 {
        // Submissions one after another from a thread, until the process is gone.
        let (address, began) = (witness.address, acknowledged);
        let stop = Duration::from_millis(30 + 17 * round);
        let (progress, last) = std::thread::scope(|scope| {
            let (log, shared) = (&mut log, scope);
            let submitting = shared.spawn(move || {
                let (mut last, mut asked) = (began, began);
                loop {
                    log.tree.push(leaf_hash(&log.tree.size().to_be_bytes()));
                    let size = log.tree.size();
                    asked = asked.max(size);
                    match http(address, "POST", "/add-checkpoint", &log.request(last, size).encode()) {
                        Some((200, _, _)) => last = size,
                        // What was kept and not acknowledged before it was killed.
                        Some((409, head, body)) => {
                            assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
                            let said: u64 = body.trim_end().parse().expect("a size");
                            assert!(said > last && said < size, "{said} after {last}, before {size}");
                            last = said;
                        }
                        Some(other) => panic!("{other:?}"),
                        None => return (asked, last),
                    }
                }
            });
            std::thread::sleep(stop);
            witness.kill();
            submitting.join().expect("no panic")
        });
        acknowledged = acknowledged.max(last);
        killed_while_asked += u64::from(progress > last);
        witness.serve();
        let now = if acknowledged == 0 && get(witness.address, &path).0 == 404 { continue } else { shown(&witness) };
        assert!(now.size >= acknowledged, "{} after {acknowledged} was acknowledged", now.size);
        assert_eq!(now.root, log.tree.root(now.size).expect("a root"));
        acknowledged = now.size;
        // Neither back, nor another root of the same size.
        if now.size > 1 {
            let (code, _, body) = submit(&witness, &log.request(now.size - 1, now.size - 1)).expect("an answer");
            assert_eq!((code, body), (409, format!("{}\n", now.size)));
        }
        let other =
            AddCheckpoint { old_size: now.size, proof: vec![], checkpoint: log.note(now.size, [round as u8; 32]) };
        assert_eq!(submit(&witness, &other).expect("an answer").0, 422);
        assert_eq!(shown(&witness), now);
    }
    assert!(acknowledged > 12 && killed_while_asked > 0, "{acknowledged} entries, {killed_while_asked} kills");

    // Each other root was kept as evidence, counted, said, and shown by a command; and anybody can check it.
    let (code, text) = witness.run(&["evidence", "--config"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("SPLIT VIEW: killed.example/log signed two trees of "), "{text}");
    let (_, told) = get(witness.admin, "/readyz");
    assert!(told.contains("SPLIT_VIEW: "), "{told}");
    assert!(witness.logged().contains("signed two trees of"), "{}", witness.logged());
    let file = text.split(": SPLIT VIEW").next().expect("a file").to_owned();
    std::fs::write(
        trial.folder.path().join("policy"),
        format!("log {}\nquorum none\n", log.signer.verifier().to_vkey()),
    )
    .expect("written");
    let (code, found) =
        touchctl(trial.folder.path(), &["log", "check-split-view", &file, "--policy", "policy", "--json"]);
    assert_eq!((code, found["reasons"][0]["code"].as_str()), (1, Some("SPLIT_VIEW")), "{found}");

    // A good checkpoint with a proof that proves nothing is kept too, and proves nothing.
    let size = log.tree.size();
    log.tree.push(leaf_hash(b"more"));
    let at = shown(&witness).size;
    let mut bad = log.request(at, size + 1);
    bad.proof[0][0] ^= 1;
    assert_eq!(submit(&witness, &bad).expect("an answer").0, 422);
    let (_, text) = witness.run(&["evidence", "--config"]);
    assert!(text.contains("unproved: ") && text.contains("no good proof came"), "{text}");

    // One state, one process; and a state that somebody changed is not signed over.
    let second = Command::new(program("touchstone").expect("built"))
        .args(["witness", "serve", "--config"])
        .arg({
            let other = witness.folder.join("other.toml");
            let text = std::fs::read_to_string(witness.config()).expect("text");
            std::fs::write(&other, text.replace(&witness.address.to_string(), "127.0.0.1:0")).expect("written");
            other
        })
        .output()
        .expect("run");
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && words.contains("another process uses it"), "{words}");
    let state = witness.folder.join("state").join(monitoring_path("killed.example/log"));
    let held = std::fs::read(&state).expect("a file");
    std::fs::remove_file(&state).expect("removed");
    let (code, _, words) = submit(&witness, &log.request(0, 1)).expect("an answer");
    assert_eq!(code, 500, "{words}");
    witness.kill();
    let text = String::from_utf8(held).expect("text");
    std::fs::write(&state, text.replacen('\n', "\n1", 1)).expect("written");
    let refused = Command::new(program("touchstone").expect("built"))
        .args(["witness", "serve", "--config"])
        .arg(witness.config())
        .output()
        .expect("run");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("Nothing is cosigned for this log"), "{words}");
}

#[test]
fn a_policy_that_cannot_be_used_is_refused_before_anything_starts() {
    let trial = Trial::new();
    let witness = trial.witness("w");
    let line = witness.policy_line();
    let check = || {
        let output = Command::new(program("touchstone").expect("built"))
            .args(["config", "check"])
            .arg(&trial.world.installation.config)
            .output()
            .expect("run");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(check().0, "as init made it");
    trial.policy(&format!("{line}quorum w\n"));
    assert!(check().0);
    let address = format!("http://{}", witness.address);
    for (text, words) in [
        (line.clone(), "there is no quorum line"),
        (format!("{line}quorum x\n"), "line 2: x is not defined"),
        (format!("{}quorum w\n", line.replace(&address, "")), "witness w has no address"),
        (format!("{}quorum w\n", line.replace("http:", "https:")), "put a TLS proxy between"),
        (format!("{}quorum w\n", line.replace(&address, "nowhere")), "must be http://HOST"),
        (format!("{line}{line}quorum w\n"), "line 2: "),
    ] {
        trial.policy(&text);
        let (good, said) = check();
        assert!(!good && said.contains("log.witnesses: ") && said.contains(words), "{text}: {said}");
    }
    // And one that a witness cannot use.
    for (from, to, words) in [
        ("key = \"witness.key\"", "key = \"witness.toml\"", "key: "),
        ("name = \"witness.example/w\"", "name = \"witness example\"", "name: "),
        ("logs = [\n", "logs = [\n    \"nonsense\",\n", "logs[0]: nonsense is no key of a log"),
        ("state = ", "states = ", "states"),
        ("logs = [\n", "# logs = [\n", "witness.toml"),
    ] {
        let text = std::fs::read_to_string(witness.config()).expect("text");
        witness.edit(from, to);
        let (code, said) = witness.run(&["check"]);
        assert!(code == 1 && said.contains(words), "{to}: {said}");
        std::fs::write(witness.config(), text).expect("written");
    }
    assert_eq!(witness.run(&["check"]).0, 0);
}

#[test]
fn refusals_of_a_log_that_forked_are_told_to_callers_by_reason() {
    // What a client sees is the reason that the registry documents.
    let mut trial = Trial::new();
    let mut witness = trial.witness("w");
    trial.policy(&format!("{}quorum none\n", witness.policy_line()));
    let old = trial.folder.path().join("old");
    trial.serve();
    trial.runtime.block_on(story::lay_ground(&trial.world)).expect("ground");
    trial.kill();
    copy(&trial.data(), &old);
    trial.serve();
    let leaf = trial.register("one").expect("registered");
    // No quorum is asked for: what is shown waits for nobody, and is cosigned all the same.
    until("a cosignature", || {
        let [log, _] = trial.served();
        (log.checkpoint().size > leaf && log.cosignatures().len() == 1).then_some(())
    });
    trial.kill();
    std::fs::remove_dir_all(trial.data()).expect("removed");
    copy(&old, &trial.data());
    witness.kill();
    trial.serve();
    trial.register("two").expect("registered");
    trial.register("three").expect("registered");
    witness.serve();
    until("the split view", || (trial.admin("/readyz").0 == 503).then_some(()));
    let client = trial.client(&cast::accreditor());
    let status = trial.runtime.block_on(async {
        let statement = story::accreditation(&trial.world, "four", &["2523"], Timestamp::now()).expect("a statement");
        let request_id = touchstone_client::new_request_id();
        let request = registry::RegisterStatementRequest { statement, request_id };
        client.registry().register_statement(request).await.expect_err("refused")
    });
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!((status.code(), info.reason.as_str()), (Code::DataLoss, "LOG_REFUSES_TO_SIGN"));
}
