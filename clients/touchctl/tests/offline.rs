//! The offline commands as a person or a script meets them: output, exit code, and every kind of wrong file.

#[path = "../../../registry/verify/tests/support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::*;
use touchctl::{DONE, FAILED, INDETERMINATE, Surroundings, USAGE, run_in};

struct Answer {
    code: u8,
    out: String,
    err: String,
}

fn touchctl(args: &[&str]) -> Answer {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("touchctl").chain(args.iter().copied()).map(OsString::from);
    let now = at("2026-06-01T01:00:00Z");
    let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
    Answer { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A folder with `bundle.cbor` and `trust.toml`.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(setup: impl FnOnce(&mut Setup), change: impl FnOnce(&mut Scene)) -> Self {
        let mut made = Setup::default();
        setup(&mut made);
        let mut scene = made.build();
        change(&mut scene);
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::write(desk.path("bundle.cbor"), scene.bundle.to_bytes()).unwrap();
        fs::write(desk.path("trust.toml"), toml::to_string(&scene.trust).unwrap()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verify_files(&self, bundle: &str, trust: &str, more: &[&str]) -> Answer {
        let (bundle, trust) = (self.path(bundle), self.path(trust));
        let args = ["verify", "--offline", bundle.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
        touchctl(&[&args, more].concat())
    }

    fn verify(&self, more: &[&str]) -> Answer {
        self.verify_files("bundle.cbor", "trust.toml", more)
    }
}

fn genuine() -> Desk {
    Desk::new(|_| (), |_| ())
}

#[test]
fn accepted() {
    let answer = genuine().verify(&["--production-date", "2025-06-01"]);
    assert_eq!((answer.code, answer.err.as_str()), (DONE, ""));
    let out = &answer.out;
    assert!(out.starts_with("✓ ACCEPTED\n"), "{out}");
    for line in [
        "Certificate    https://log.example/certificates/cert-1",
        "Holder         Cement Plant (did:web:plant.example)",
        "Product        Grey clinker, CN 25231000",
        "Footprint      0.907 ± 0.0204 tCO2e/t (k = 2)",
        "In log since   2026-03-01T00:00:00Z",
        "Fresh until    2026-07-01T00:00:00Z",
    ] {
        assert!(out.lines().any(|found| found == line), "{line} in\n{out}");
    }
    assert_eq!(out.matches("  ✓ ").count(), 9, "{out}");
    assert!(!out.contains("Remedy"), "{out}");
}

#[test]
fn accepted_with_conditions() {
    let desk = Desk::new(|s| s.draft.measurement.total = result("0.907", "0.03", "0.06"), |_| ());
    let answer = desk.verify(&[]);
    assert_eq!(answer.code, DONE);
    assert!(answer.out.starts_with("✓ ACCEPTED WITH CONDITIONS\n"), "{}", answer.out);
    assert!(answer.out.contains("DECLARE_UPPER_VALUE (guardedRelativeUncertainty)"), "{}", answer.out);
}

#[test]
fn refused() {
    let desk = Desk::new(|_| (), |s| s.bundle.accreditation = s.log.proof(s.leaves.other_accreditation));
    let answer = desk.verify(&[]);
    assert_eq!(answer.code, FAILED);
    assert!(answer.out.starts_with("✗ REFUSED\n"), "{}", answer.out);
    assert!(answer.out.contains("  1. ACCREDITATION_SCOPE (product class)\n"), "{}", answer.out);
    assert!(answer.out.contains("     Remedy: "), "{}", answer.out);
}

#[test]
fn nothing_unsigned_is_shown_as_the_certificate() {
    let desk = Desk::new(
        |_| (),
        |s| {
            let last = s.bundle.certificate.entry.len() - 1;
            s.bundle.certificate.entry[last] ^= 1;
        },
    );
    let answer = desk.verify(&[]);
    assert_eq!(answer.code, FAILED);
    assert!(answer.out.contains("SIGNATURE_INVALID"), "{}", answer.out);
    assert!(!answer.out.contains("Holder"), "{}", answer.out);
}

#[test]
fn indeterminate() {
    let answer = genuine().verify(&["--now", "2027-01-01", "--as-of", "2026-06-01"]);
    assert_eq!(answer.code, INDETERMINATE);
    assert!(answer.out.starts_with("? INDETERMINATE"), "{}", answer.out);
    assert!(answer.out.contains("STATUS_STALE"), "{}", answer.out);
}

#[test]
fn the_date_asked_about_is_the_clock_unless_given() {
    let answer = genuine().verify(&["--json", "--now", "2026-06-02"]);
    let verdict: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(verdict["as_of"], "2026-06-02T00:00:00Z");
    let answer = genuine().verify(&["--json", "--as-of", "2026-02-20T00:00:00+08:00"]);
    let verdict: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(verdict["as_of"], "2026-02-19T16:00:00Z");
    assert_eq!((answer.code, &verdict["reasons"][0]["code"]), (FAILED, &Value::from("NOT_YET_REGISTERED")));
}

#[test]
fn json_is_exactly_one_object() {
    let answer = genuine().verify(&["--json"]);
    assert_eq!((answer.code, answer.err.as_str()), (DONE, ""));
    let verdict: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(verdict["outcome"], "ACCEPTED");
    assert_eq!(verdict["reasons"], Value::Array(vec![]));
    assert_eq!(verdict["certificate"], "https://log.example/certificates/cert-1");
    assert_eq!(verdict["facts"][0]["check"], "SIGNATURE");

    // A refusal is an answer, no error.
    let desk = Desk::new(|_| (), |s| s.trust.party = "did:web:elsewhere.example".into());
    let answer = desk.verify(&["--json"]);
    let verdict: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((answer.code, &verdict["outcome"]), (FAILED, &Value::from("REFUSED")));
    assert!(verdict.get("error").is_none());
}

/// Each wrong file: exit code 1, the reason, and the argument that is meant.
#[test]
fn wrong_files() {
    let desk = genuine();
    let bundle = fs::read(desk.path("bundle.cbor")).unwrap();
    let text = fs::read_to_string(desk.path("trust.toml")).unwrap();
    fs::write(desk.path("empty"), "").unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    fs::File::create(desk.path("enormous")).unwrap().set_len(1 << 40).unwrap();
    fs::write(desk.path("large.toml"), "#".repeat((256 << 10) + 1)).unwrap();
    fs::write(desk.path("binary"), [0xff, 0xfe, 0x00, 0x80]).unwrap();
    fs::write(desk.path("nul"), "party = \"\0\"").unwrap();
    fs::write(desk.path("no.toml"), "this is a letter").unwrap();
    fs::write(desk.path("quorum.toml"), text.replace("witness_quorum = 0", "witness_quorum = 9")).unwrap();
    fs::write(desk.path("unknown.toml"), format!("nobody = 1\n{text}")).unwrap();
    let rows = [
        ("absent", "trust.toml", "FILE_MISSING", "bundle"),
        ("empty", "trust.toml", "FILE_EMPTY", "bundle"),
        ("folder", "trust.toml", "FILE_IS_DIRECTORY", "bundle"),
        ("enormous", "trust.toml", "FILE_TOO_LARGE", "bundle"),
        ("bundle.cbor/below", "trust.toml", "FILE_UNREADABLE", "bundle"),
        ("bundle.cbor", "absent", "FILE_MISSING", "trust"),
        ("bundle.cbor", "empty", "FILE_EMPTY", "trust"),
        ("bundle.cbor", "folder", "FILE_IS_DIRECTORY", "trust"),
        ("bundle.cbor", "enormous", "FILE_TOO_LARGE", "trust"),
        ("bundle.cbor", "large.toml", "FILE_TOO_LARGE", "trust"),
        ("bundle.cbor", "binary", "FILE_NOT_TEXT", "trust"),
        ("bundle.cbor", "nul", "FILE_NOT_TEXT", "trust"),
        ("bundle.cbor", "bundle.cbor", "FILE_NOT_TEXT", "trust"),
        ("bundle.cbor", "no.toml", "TRUST_FILE_INVALID", "trust"),
        ("bundle.cbor", "unknown.toml", "TRUST_FILE_INVALID", "trust"),
        ("bundle.cbor", "quorum.toml", "TRUST_FILE_INVALID", "witness_quorum"),
    ];
    for (bundle, trust, reason, field) in rows {
        let answer = desk.verify_files(bundle, trust, &["--json"]);
        let object: Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!((answer.code, answer.err.as_str()), (FAILED, ""), "{bundle} {trust}");
        assert_eq!(
            (&object["error"]["reason"], &object["error"]["field"]),
            (&reason.into(), &field.into()),
            "{object}"
        );
        assert!(object["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
        // For people: on standard error, nothing on standard output.
        let answer = desk.verify_files(bundle, trust, &[]);
        assert_eq!((answer.code, answer.out.as_str()), (FAILED, ""), "{bundle} {trust}");
        assert!(answer.err.starts_with("touchctl: "), "{}", answer.err);
    }
    // A file that can be read and is no bundle is an answer too.
    for (name, bytes) in [
        ("truncated", &bundle[..bundle.len() / 2]),
        ("one byte", &bundle[..1]),
        ("text", b"-----BEGIN CERTIFICATE-----".as_slice()),
    ] {
        fs::write(desk.path("other"), bytes).unwrap();
        let answer = desk.verify_files("other", "trust.toml", &["--json"]);
        let verdict: Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!((answer.code, &verdict["reasons"][0]["code"]), (FAILED, &"BUNDLE_UNREADABLE".into()), "{name}");
    }
}

#[test]
fn wrong_usage() {
    let rows: &[&[&str]] = &[
        &[],
        &["verify"],
        &["verify", "bundle.cbor", "--trust", "trust.toml"],
        &["verify", "--offline", "bundle.cbor"],
        &["verify", "--offline", "--trust", "trust.toml"],
        &["verify", "--offline", "bundle.cbor", "--trust", "trust.toml", "--as-of", "yesterday"],
        &["verify", "--offline", "bundle.cbor", "--trust", "trust.toml", "--unknown"],
        &["trust"],
        &["trust", "show"],
        &["forge"],
    ];
    for args in rows {
        let answer = touchctl(args);
        assert_eq!((answer.code, answer.out.as_str()), (USAGE, ""), "{args:?}");
        assert!(!answer.err.is_empty(), "{args:?}");
        let answer = touchctl(&[*args, &["--json"]].concat());
        let object: Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!((answer.code, &object["error"]["reason"]), (USAGE, &"USAGE".into()), "{args:?}");
    }
}

#[test]
fn help_and_version_are_no_failure() {
    for args in [["--help"].as_slice(), &["--version"], &["verify", "--help"]] {
        let answer = touchctl(args);
        assert_eq!((answer.code, answer.err.as_str()), (DONE, ""), "{args:?}");
        assert!(answer.out.contains("touchctl"), "{args:?}");
    }
}

#[test]
fn trust_is_shown_by_fingerprint() {
    let desk = genuine();
    let file = desk.path("trust.toml");
    let file = file.to_str().unwrap();
    let answer = touchctl(&["trust", "show", file, "--json"]);
    assert_eq!(answer.code, DONE);
    let object: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&object["party"], &object["origin"]), (&ASKING.into(), &ORIGIN.into()));
    let roles: Vec<_> = object["keys"].as_array().unwrap().iter().map(|key| key["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["checkpoints", "status checkpoints", "receipts", "witness"]);
    let receipts = hex::encode(cose::sha256(&PEOPLE.receipt.public_key().to_spki_der()));
    assert_eq!(object["keys"][2]["sha256"], receipts);
    let authority = hex::encode(cose::sha256(&PEOPLE.ab_ca.der));
    assert_eq!((&object["authorities"][0]["id"], &object["authorities"][0]["sha256"]), (&AB.into(), &authority.into()));
    let answer = touchctl(&["trust", "show", file]);
    assert!(answer.out.replace(' ', "").contains(&receipts), "{}", answer.out);
    assert_eq!(touchctl(&["trust", "show", desk.path("absent").to_str().unwrap()]).code, FAILED);
}

/// A writer that is gone, such as a closed pipe.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_that_nobody_got_is_a_failure() {
    let desk = genuine();
    let (bundle, trust) = (desk.path("bundle.cbor"), desk.path("trust.toml"));
    let args = ["touchctl", "verify", "--offline", bundle.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let mut err = Vec::new();
    let mut world = Surroundings { now: at("2026-06-01T01:00:00Z"), out: &mut Closed, err: &mut err };
    assert_eq!(run_in(args.iter().map(OsString::from), &mut world), FAILED);
    assert!(String::from_utf8(err).unwrap().contains("could not be written"));
}

#[test]
fn the_process_gives_the_exit_code() {
    let desk = genuine();
    let touchctl = |args: &[&str]| {
        let answer = std::process::Command::new(env!("CARGO_BIN_EXE_touchctl"))
            .args(args)
            .current_dir(desk.folder.path())
            .output()
            .unwrap();
        (answer.status.code(), String::from_utf8(answer.stdout).unwrap())
    };
    let verify = ["verify", "--offline", "bundle.cbor", "--trust", "trust.toml", "--as-of", "2026-06-01", "--now"];
    let at = |now| touchctl(&[verify.as_slice(), &[now]].concat());
    let (code, out) = at("2026-06-01");
    assert_eq!(code, Some(i32::from(DONE)), "{out}");
    assert!(out.starts_with("✓ ACCEPTED\n"), "{out}");
    assert_eq!(at("2027-06-01").0, Some(i32::from(INDETERMINATE)));
    assert_eq!(touchctl(&["verify", "--offline", "absent", "--trust", "trust.toml"]).0, Some(i32::from(FAILED)));
    assert_eq!(touchctl(&["verify"]).0, Some(i32::from(USAGE)));
}
