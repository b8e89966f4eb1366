//! The witness protocol: the examples of tlog-witness.md, and a log that goes on, conflicts, and forks before a witness.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cose::key::{Signer, SigningKey};
use tlog::checkpoint::Checkpoint;
use tlog::note::{Cosigner, NoteError, NoteSignature, NoteSigner, NoteVerifier, SignedNote};
use tlog::policy::Policy;
use tlog::proof::ProofError;
use tlog::tree::{MemoryTree, consistency_proof};
use tlog::witness::{AddCheckpoint, Rejection, Submission, conflict_size, cosignature, monitoring_path};
use tlog::{EMPTY_ROOT, leaf_hash};

const ORIGIN: &str = "log.example/a";

fn ed25519() -> Arc<dyn Signer> {
    Arc::new(SigningKey::generate_ed25519().unwrap())
}

fn specification() -> Option<String> {
    let root = std::env::var_os("TOUCHSTONE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("standards/scitt/c2sp/tlog-witness.md");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no {}", path.display());
    }
    text
}

/// The indented block that follows some words of the specification.
fn example(specification: &str, words: &str) -> String {
    let (_, rest) = specification.split_once(words).expect("the words");
    let lines: Vec<&str> = rest.lines().skip_while(|line| !line.starts_with("    ")).collect();
    let end = lines.iter().position(|line| !line.is_empty() && !line.starts_with("    ")).expect("an end");
    let block: Vec<&str> = lines[..end].iter().map(|line| line.strip_prefix("    ").unwrap_or("")).collect();
    format!("{}\n", block.join("\n").trim_end())
}

#[test]
fn examples_of_the_specification() {
    let Some(text) = specification() else { return };
    let body = example(&text, "Example request body:");
    let read = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!((read.old_size, read.proof.len()), (20_852_014, 4));
    assert_eq!(read.checkpoint.signatures().len(), 2);
    let checkpoint = Checkpoint::parse(read.checkpoint.text()).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(read.encode(), body);

    let answer = example(&text, "Example response body:");
    let lines: Vec<NoteSignature> = answer.lines().map(|line| NoteSignature::parse(line).unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["witness.example/w1", "witness.example/w1", "witness.example/w2"]);
    assert_eq!(lines.iter().map(|line| line.to_line() + "\n").collect::<String>(), answer);
    // Times of the cosignatures are there, and none is zero.
    assert!(lines.iter().all(|line| line.signature[..8] != [0; 8]));
}

/// A log of so many entries, and its key.
struct Log {
    signer: NoteSigner,
    tree: MemoryTree,
}

impl Log {
    fn new(entries: impl IntoIterator<Item = u64>) -> Log {
        let tree = entries.into_iter().map(|entry| leaf_hash(&entry.to_be_bytes())).collect();
        Log { signer: NoteSigner::new(ORIGIN, ed25519()).unwrap(), tree }
    }

    fn keys(&self) -> Vec<NoteVerifier> {
        vec![self.signer.verifier().clone()]
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, size, self.tree.root(size).unwrap())
    }

    fn note(&self, checkpoint: &Checkpoint) -> SignedNote {
        let text = checkpoint.to_body();
        let line = self.signer.sign(&text).unwrap();
        SignedNote::new(text, vec![line]).unwrap()
    }

    /// What it sends for `size` to a witness that has `old`.
    fn request(&self, old_size: u64, size: u64) -> AddCheckpoint {
        let proof = consistency_proof(&self.tree, old_size, size).unwrap();
        AddCheckpoint { old_size, proof, checkpoint: self.note(&self.checkpoint(size)) }
    }
}

/// What a witness that has `latest` says.
fn answer(log: &Log, request: &AddCheckpoint, latest: Option<&Checkpoint>) -> Result<Submission, Rejection> {
    let submission = Submission::open(request.encode().as_bytes(), &log.keys())?;
    submission.judge(latest).map(|()| submission)
}

#[test]
fn a_log_that_only_grows_is_cosigned() {
    let log = Log::new(0..40);
    let witness = Cosigner::new("witness.example/w1", ed25519()).unwrap();
    let mut latest: Option<Checkpoint> = None;
    for size in [0, 1, 2, 3, 8, 8, 31, 40] {
        let old = latest.as_ref().map_or(0, |latest| latest.size);
        let submission = answer(&log, &log.request(old, size), latest.as_ref()).unwrap();
        assert_eq!(submission.checkpoint(), &log.checkpoint(size));
        let cosigned = submission.cosign(&witness, 1_700_000_000 + size).unwrap();
        // The log finds its cosignature in the answer, and whoever asks the witness finds both signatures.
        let line = cosignature(&cosigned.answer, &log.note(&log.checkpoint(size)), witness.verifier()).unwrap();
        let keys = [log.signer.verifier().clone(), witness.verifier().clone()];
        let by = cosigned.note.verify(&keys).unwrap();
        assert_eq!((by.len(), by[1].timestamp), (2, Some(1_700_000_000 + size)));
        assert_eq!(cosigned.note.signatures()[1], line);
        latest = Some(submission.checkpoint().clone());
    }
}

#[test]
fn every_status_of_the_specification() {
    let (log, other) = (Log::new(0..12), Log::new(0..12));
    let seven = log.checkpoint(7);
    let latest = Some(&seven);
    let said = |request: &AddCheckpoint| answer(&log, request, latest).unwrap_err();
    let good = log.request(7, 10);
    assert!(answer(&log, &good, latest).is_ok());

    // 404: another origin. 403: another key of that name; a signature of the known key that does not verify.
    let text = Checkpoint::new("log.example/b", 10, [1; 32]).to_body();
    let line = NoteSignature { name: "log.example/b".into(), ..log.signer.sign(&text).unwrap() };
    let unknown = AddCheckpoint { checkpoint: SignedNote::new(text, vec![line]).unwrap(), ..good.clone() };
    assert_eq!(said(&unknown), Rejection::UnknownLog { origin: "log.example/b".into() });
    assert_eq!(said(&unknown).http_status(), 404);
    let stranger = said(&other.request(7, 10));
    let origin = ORIGIN.to_owned();
    assert_eq!(stranger, Rejection::NotSigned { origin: origin.clone(), error: NoteError::NoKnownSignature });
    let mut forged = log.note(&log.checkpoint(10)).signatures()[0].clone();
    forged.signature[0] ^= 1;
    let forged = SignedNote::new(log.checkpoint(10).to_body(), vec![forged]).unwrap();
    let forged = said(&AddCheckpoint { checkpoint: forged, ..good.clone() });
    let error = NoteError::BadSignature { name: ORIGIN.into() };
    assert_eq!(forged, Rejection::NotSigned { origin, error });
    assert_eq!((stranger.http_status(), forged.http_status()), (403, 403));

    // 400: the old size is above the checkpoint's, and before a conflict.
    let above = said(&AddCheckpoint { old_size: 11, ..good.clone() });
    assert_eq!((above.clone(), above.http_status()), (Rejection::OldSizeAbove { old_size: 11, size: 10 }, 400));

    // 409: the size cosigned last, and nothing else, is the body; also for a witness that has nothing yet.
    let conflict = said(&log.request(3, 10));
    assert_eq!((conflict.clone(), conflict.http_status()), (Rejection::Conflict { size: 7, old_size: 3 }, 409));
    assert_eq!((conflict.body().as_str(), conflict_size(&conflict.body())), ("7\n", Some(7)));
    let conflict = answer(&log, &good, None).unwrap_err();
    assert_eq!((conflict.clone(), conflict.body().as_str()), (Rejection::Conflict { size: 0, old_size: 7 }, "0\n"));

    // 422: a proof that does not prove, is too short or too long; another tree of the same size; a proof from nothing.
    let mut wrong = good.clone();
    wrong.proof[0][0] ^= 1;
    let short = AddCheckpoint { proof: good.proof[1..].to_vec(), ..good.clone() };
    let again = AddCheckpoint { proof: vec![[0; 32]], ..log.request(7, 7) };
    for (request, error) in [
        (&wrong, ProofError::RootMismatch),
        (&short, ProofError::Length { hashes: good.proof.len() - 1 }),
        (&again, ProofError::Length { hashes: 1 }),
    ] {
        let said = said(request);
        assert_eq!(said.http_status(), 422, "{said}");
        assert!(matches!(&said, Rejection::Proof { error: found, .. } if *found == error), "{said:?}");
    }
    let from_nothing = AddCheckpoint { proof: vec![[0; 32]], ..log.request(0, 5) };
    assert_eq!(answer(&log, &from_nothing, None).unwrap_err().http_status(), 422);
    let two = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let two = AddCheckpoint { old_size: 7, proof: vec![], checkpoint: log.note(&two) };
    assert_eq!((said(&two), said(&two).http_status()), (Rejection::OtherRoot { size: 7 }, 422));
    // 422: a tree of nothing with a root. Two of the same size contradict each other, whatever the old size says.
    let nothing = format!("{ORIGIN}\n0\n{}\n", log.checkpoint(7).to_body().lines().nth(2).unwrap());
    let line = log.signer.sign(&nothing).unwrap();
    let nothing =
        AddCheckpoint { old_size: 0, proof: vec![], checkpoint: SignedNote::new(nothing, vec![line]).unwrap() };
    let said = answer(&log, &nothing, None).unwrap_err();
    assert_eq!((said.clone(), said.http_status()), (Rejection::EmptyRoot, 422));
    let low = AddCheckpoint { old_size: 2, ..two };
    let low = Submission::open(low.encode().as_bytes(), &log.keys()).unwrap();
    assert!(low.contradicts(latest) && !low.contradicts(None));
    assert_eq!(low.judge(latest).unwrap_err().http_status(), 409);
}

#[test]
fn bodies_that_are_none() {
    let log = Log::new(0..3);
    let good = log.request(2, 3).encode();
    assert!(AddCheckpoint::parse(good.as_bytes()).is_ok());
    let hash = good.lines().nth(1).unwrap();
    let many = |lines: usize| good.replacen(&format!("{hash}\n"), &format!("{hash}\n").repeat(lines), 1);
    assert!(AddCheckpoint::parse(many(63).as_bytes()).is_ok());
    for (body, what) in [
        (String::new(), "nothing"),
        (good.replacen("old 2", "old 02", 1), "leading zero"),
        (good.replacen("old 2", "old +2", 1), "sign"),
        (good.replacen("old 2", "old  2", 1), "two spaces"),
        (good.replacen("old 2", "Old 2", 1), "another word"),
        (good.replacen("old 2", "old 18446744073709551616", 1), "beyond 64 bits"),
        (good.replacen("old 2\n", "", 1), "no old size"),
        (good.replacen("\n\n", "\n", 1), "no empty line before the checkpoint"),
        (good.replacen(hash, &hash[1..], 1), "a hash that is none"),
        (good.replace('\n', "\r\n"), "other newlines"),
        (many(64), "64 lines of proof"),
        (good.trim_end().to_owned(), "a last line without newline"),
        (format!("{good}\n"), "an empty line at the end"),
        ("old 0\n\nnot a note\n".to_owned(), "no note"),
        ("old 0\n\n".to_owned() + &"x".repeat(100_000), "too long"),
    ] {
        let said = Submission::open(body.as_bytes(), &log.keys()).unwrap_err();
        assert_eq!(said.http_status(), 400, "{what}: {said}");
    }
    assert_eq!(Submission::open(&[0xff; 40], &log.keys()).unwrap_err().http_status(), 400);
}

#[test]
fn answers_that_are_none() {
    let log = Log::new(0..3);
    let note = log.note(&log.checkpoint(3));
    let witness = Cosigner::new("witness.example/w1", ed25519()).unwrap();
    let namesake = Cosigner::new("witness.example/w1", ed25519()).unwrap();
    let line = |by: &Cosigner, size: u64| by.cosign(&log.checkpoint(size).to_body(), 5).unwrap().to_line() + "\n";
    let read = |answer: &str| cosignature(answer, &note, witness.verifier());
    // Lines of other keys are passed over.
    let both = line(&namesake, 3) + &line(&witness, 3);
    assert_eq!(read(&both).unwrap().to_line() + "\n", line(&witness, 3));
    assert_eq!(read(&line(&namesake, 3)), Err(NoteError::NoKnownSignature));
    let bad = NoteError::BadSignature { name: "witness.example/w1".into() };
    assert_eq!(read(&line(&witness, 2)), Err(bad.clone()), "over another tree");
    assert_eq!(read(&(line(&witness, 3) + &line(&witness, 2))), Err(bad));
    for none in ["", "\n", "3\n", "— witness.example/w1\n", line(&witness, 3).trim_end()] {
        assert!(matches!(read(none), Err(NoteError::Format { .. })), "{none:?}");
    }
    for none in ["", "3", "03\n", "3\n\n", "-3\n", "three\n"] {
        assert_eq!(conflict_size(none), None, "{none:?}");
    }
}

#[test]
fn where_a_witness_shows_a_log() {
    // echo -n example.com/behind-the-sofa | sha256sum
    let hash = "5fd2dc0beb4ce54da5050cf6d5c75248b023abad441c3cecde3976fbe9da4fe4";
    assert_eq!(monitoring_path("example.com/behind-the-sofa"), format!("{hash}/checkpoint"));
}

#[test]
fn a_quorum_for_another_log() {
    let (a, b, c) = (ed25519(), ed25519(), ed25519());
    let witness = |name: &str, key| Cosigner::new(name, key).unwrap().verifier().to_vkey();
    let text = format!(
        "witness a {}\nwitness b {}\nwitness c {}\ngroup two 2 a b c\nquorum two\n",
        witness("w.example/a", a),
        witness("w.example/b", b),
        witness("w.example/c", c)
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    for (by, reached) in [(vec![], false), (vec![1], false), (vec![0, 2], true), (vec![0, 1, 2], true)] {
        assert_eq!(policy.reached_by(|witness| by.contains(&witness)), reached, "{by:?}");
    }
    let log = Log::new(0..3);
    let note = log.note(&log.checkpoint(3)).encode();
    assert!(policy.open(note.as_bytes()).is_err(), "it names no log");
    let opened = policy.of_log(log.signer.verifier().clone()).open(note.as_bytes()).unwrap();
    assert!(!opened.quorum_reached() && policy.needs_witnesses());
    let none = Policy::parse(b"quorum none\n").unwrap();
    assert!(none.reached_by(|_| false) && !none.needs_witnesses());
    assert_eq!(log.checkpoint(0).root, EMPTY_ROOT);
}
