//! `cold_verify_ms`: `touchctl verify --offline` as a process, from its start to its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use integration_tests::{cast, story};
use serde_json::json;

use crate::Failed;
use crate::frame::{Figure, Goal, Plan, median};
use crate::stand::Stand;

/// Measures.
pub fn measure(stand: &Stand, plan: Plan, folder: &Path) -> Result<Vec<Figure>, Failed> {
    let certificates = stand.certificates(1)?;
    let number = certificates[0].0.clone();
    let last = stand.register(certificates)?;
    let clients = stand.connections(&cast::regulator(), 1)?;
    let (bundle, trust) = (folder.join("bundle.cbor"), folder.join("trust.toml"));
    stand.client.block_on(async {
        std::fs::write(&bundle, story::bundle(&clients[0], &number, last + 1).await?)?;
        std::fs::write(&trust, story::trust_file(&stand.world, &clients[0]).await?)?;
        Ok::<_, Failed>(())
    })?;
    let program = std::env::current_exe()?.with_file_name("touchctl");
    let mut times = Vec::new();
    for _ in 0..if plan.quick { 21 } else { 101 } {
        let mut command = Command::new(&program);
        command.arg("verify").arg("--offline").arg(&bundle).arg("--trust").arg(&trust).stdout(Stdio::null());
        let began = Instant::now();
        let status = command.status()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            return Err(format!("{} ended with {status}", program.display()).into());
        }
    }
    let most = times.iter().copied().fold(0.0, f64::max);
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let detail = json!({ "runs": times.len(), "least_ms": least, "most_ms": most });
    Ok(vec![Figure::new("cold_verify_ms", median(&times), "ms", Goal::AtMost(50.0), detail)])
}
