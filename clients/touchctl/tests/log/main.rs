//! `touchctl log`: other people's receipts, checkpoints and proofs, as a program meets them.

mod audit;
mod checks;
#[path = "../../../../registry/verify/tests/support/mod.rs"]
mod support;
mod vectors;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cose::key::{Signer, SigningKey};
use serde_json::Value;
use touchctl::{Surroundings, run_in};

/// How a command ended.
#[derive(Debug)]
pub struct Answer {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Answer {
    /// The one object of `--json`.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    /// Exit code, and the first reason or the error's.
    #[track_caller]
    pub fn ended(&self) -> (u8, String) {
        let object = self.json();
        let reason = object["error"]["reason"].as_str().or(object["reasons"][0]["code"].as_str()).unwrap_or_default();
        if let Some(outcome) = object["outcome"].as_str() {
            let wanted = match outcome {
                "ACCEPTED" | "ACCEPTED_WITH_CONDITIONS" => 0,
                "REFUSED" => 1,
                "INDETERMINATE" => 3,
                other => panic!("outcome {other}"),
            };
            assert_eq!(self.code, wanted, "{self:?}");
        }
        (self.code, reason.to_owned())
    }
}

/// A folder with files, in which commands run.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
        Desk(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Words that end in `@` are names of files of the desk.
    fn args<'a>(&self, args: &'a [&str]) -> Vec<OsString> {
        let word = |word: &&'a str| match word.strip_suffix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => OsString::from(word),
        };
        std::iter::once("log").map(OsString::from).chain(args.iter().map(word)).collect()
    }

    /// In this process, at 2026-06-01T00:00:00Z.
    pub fn run(&self, args: &[&str]) -> Answer {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = std::iter::once("touchctl".into()).chain(self.args(args));
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
        Answer { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    pub fn json(&self, args: &[&str]) -> Answer {
        self.run(&[args, &["--json"]].concat())
    }

    /// By the program, with `--json`; what it ends with is what this process ends with.
    #[track_caller]
    pub fn program(&self, args: &[&str]) -> Answer {
        let args = [args, &["--json"]].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_touchctl")).args(self.args(&args)).output().unwrap();
        let answer = Answer {
            code: output.status.code().unwrap() as u8,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert_eq!(answer.ended(), self.run(&args).ended());
        answer
    }
}

pub fn ed25519() -> Arc<dyn Signer> {
    Arc::new(SigningKey::generate_ed25519().unwrap())
}

/// A folder of public data; `None`, said plainly, where it is absent.
pub fn shared(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TOUCHSTONE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("standards/scitt").join(below);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no {}", path.display());
    None
}
