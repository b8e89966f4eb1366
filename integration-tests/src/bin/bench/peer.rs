//! Other programs on the same work.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::Failed;

/// How closely results must agree, relative.
pub const SAME: f64 = 1e-9;

/// A peer that answers line by line.
pub struct Peer {
    child: Child,
    asked: ChildStdin,
    answers: Receiver<std::io::Result<String>>,
}

impl Peer {
    /// Starts a script of the peers' folder with these words and a file.
    pub fn start(python: &Path, script: &str, words: &[&str], file: &Path) -> Result<Self, Failed> {
        let script = peers().join(script);
        let mut command = Command::new(python);
        // One core: ours is one thread too.
        command.envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1")]);
        command.arg(script).args(words).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let asked = child.stdin.take().ok_or("no input of the peer")?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output of the peer")?).lines();
        let (answer, answers) = channel();
        // Ends with the peer.
        std::thread::spawn(move || lines.map(|line| answer.send(line)).all(|sent| sent.is_ok()));
        Ok(Peer { child, asked, answers })
    }

    /// Sends a line and waits for the answer.
    pub fn ask(&mut self, words: &str) -> Result<Value, Failed> {
        self.ask_within(words, Duration::MAX)?.ok_or_else(|| "the peer ended".into())
    }

    /// Sends a line and waits so long for the answer; none where it does not come.
    pub fn ask_within(&mut self, words: &str, most: Duration) -> Result<Option<Value>, Failed> {
        writeln!(self.asked, "{words}")?;
        self.asked.flush()?;
        match self.answers.recv_timeout(most) {
            Ok(line) => Ok(Some(serde_json::from_str(&line?)?)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err("the peer ended".into()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It waits for words that do not come; that it has ended already is as well.
        let _ended = (self.child.kill(), self.child.wait());
    }
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The peers' Python, installed where it is missing.
pub fn python(packages: &[&str]) -> Result<PathBuf, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv");
    std::fs::create_dir_all(&folder)?;
    let output = Command::new("sh").arg(peers().join("python.sh")).arg(folder).args(packages).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no words").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// A number of an answer.
pub fn number(answer: &Value, member: &str) -> Result<f64, Failed> {
    answer[member].as_f64().ok_or_else(|| format!("the peer's answer has no {member}").into())
}

/// That two numbers agree.
pub fn same(what: &str, ours: f64, theirs: f64) -> Result<(), Failed> {
    match (ours - theirs).abs() <= SAME * ours.abs().max(theirs.abs()) {
        true => Ok(()),
        false => Err(format!("{what}: {ours} is not the {theirs} of the peer").into()),
    }
}
