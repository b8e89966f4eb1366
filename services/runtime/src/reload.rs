//! Files that may change while serving: looked at from time to time, read again when they differ.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How often the files are looked at; SIGHUP looks at once.
const LOOK: Duration = Duration::from_secs(2);

/// Calls `changed` after each change of any of `files`, until the task is aborted. What `changed` cannot use stays out:
/// it says why, the process goes on with what it has, and the next change is tried again.
pub async fn watch(files: Vec<PathBuf>, mut changed: impl FnMut() -> Result<(), String>) {
    let read =
        |files: &[PathBuf]| -> Vec<Option<Vec<u8>>> { files.iter().map(|file| std::fs::read(file).ok()).collect() };
    let mut seen = read(&files);
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let was_asked = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            _ = asked => true,
        };
        let now = read(&files);
        if now == seen {
            if was_asked {
                tracing::info!("asked to read files again: none has changed");
            }
            continue;
        }
        match changed() {
            Ok(()) => tracing::info!("changed files were read again"),
            Err(problem) => tracing::error!(problem, "changed files cannot be used: the old ones stay in use"),
        }
        seen = now;
    }
}
