//! `touchstone`: makes and runs an installation.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::config::Config;
use touchstone::init::{Options, init};
use touchstone::serve::Server;

/// A carbon-metrology and green-product certification registry.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make keys, certificates and a configuration in a new folder.
    Init {
        /// Folder to make; must be new or empty.
        folder: PathBuf,
        /// Origin of the log's checkpoints.
        #[arg(long, default_value = "log.example/touchstone")]
        origin: String,
        /// DID of the log.
        #[arg(long, default_value = "did:web:log.example")]
        log_id: String,
        /// Where gRPC will listen.
        #[arg(long, default_value = "127.0.0.1:7443")]
        grpc: String,
        /// Where public reading will listen.
        #[arg(long, default_value = "127.0.0.1:7080")]
        http: String,
    },
    /// Run all services.
    Serve {
        /// Folder of the data; made when it is not there.
        #[arg(long)]
        data: PathBuf,
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Enrol a caller: make a certificate and key for a person of an organisation.
    Enrol {
        /// Folder that `init` made.
        folder: PathBuf,
        /// Organisation id.
        #[arg(long)]
        organization: String,
        /// Role: exporter, reviewer, decider, accreditation-body, regulator, supervisor or operator.
        #[arg(long)]
        role: String,
        /// Person id.
        #[arg(long)]
        person: String,
        /// Files to write: `<out>.crt` and `<out>.key`.
        #[arg(long)]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("touchstone: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Init { folder, origin, log_id, grpc, http } => {
            let options = Options { folder: folder.clone(), origin, log_id, grpc, http, min_epoch_ms: 1_000 };
            let made = init(&options).map_err(|e| e.to_string())?;
            let folder = folder.display();
            println!("Made keys, certificates and a configuration in {folder}.");
            println!("Next:");
            println!("  1. Move {folder}/operator.key and {folder}/authority.key to a machine that is not this one.");
            println!("  2. touchstone serve --data {folder}/data --config {}", made.config.display());
            println!(
                "  3. touchstone enrol {folder} --organization ORG --role exporter --person NAME --out NAME    (one a person)"
            );
            println!("  4. Compare the fingerprints of {folder}/log-key.jwk with your partners by another way.");
            Ok(())
        }
        Command::Serve { data, config } => {
            let config = Config::read(&config).map_err(|e| e.to_string())?;
            let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
            runtime.block_on(async {
                let server = Server::open(&config, &data).await.map_err(|e| e.to_string())?;
                println!("touchstone: gRPC on {}, public reading on http://{}", server.grpc, server.http);
                server.run(stop()).await.map_err(|e| e.to_string())
            })
        }
        Command::Enrol { folder, organization, role, person, out } => {
            touchstone::init::enrol(&folder, &format!("touchstone://{organization}/{role}/{person}"), &out)
                .map_err(|e| e.to_string())
        }
    }
}

/// Completes when the process is asked to end.
async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _asked = interrupt.await;
        }
    }
}
