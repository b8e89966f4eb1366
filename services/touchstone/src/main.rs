//! `touchstone`: makes and runs an installation.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use record::name::{check_did, check_id};
use runtime::config::{Config, Service};
use runtime::{Caller, Role, system_clock, telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};
use touchstone::fsck::{Then, fsck};
use touchstone::init::{Installation, Options, check_host, check_origin, enrol, enrol_service, init};
use touchstone::rotate::{Rotation, rotate};
use touchstone::serve::{self, ServeError, Server, Setup, Sockets};
use touchstone::witness;

/// Statements are made on one thread and given up on another, thousands a second: glibc's allocator is slow at that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        #[arg(long, default_value = "log.example/touchstone", value_parser = origin)]
        origin: String,
        /// DID of the log.
        #[arg(long, default_value = "did:web:log.example", value_parser = did)]
        log_id: String,
        /// Where gRPC will listen.
        #[arg(long, default_value = "127.0.0.1:7443", value_parser = address)]
        grpc: SocketAddr,
        /// Where public reading will listen.
        #[arg(long, default_value = "127.0.0.1:7080", value_parser = address)]
        http: SocketAddr,
        /// A host name or IP address by which callers reach the server: its certificate names it. Repeatable; what is
        /// given takes the place of the defaults.
        #[arg(long = "host", value_name = "HOST", default_values = ["localhost", "127.0.0.1", "::1"], value_parser = host)]
        hosts: Vec<String>,
    },
    /// Run services: all of them, or some with the others in processes of their own.
    Serve {
        /// Folder of the data; made when it is not there. Each process has its own.
        #[arg(long)]
        data: PathBuf,
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Services to run: metering, footprint, certification, registry, verification, gateway. All when absent.
        #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
        roles: Vec<Service>,
    },
    /// Compare what is kept of the log with its entries: head, epochs, tiles, what was signed. Nothing is written; exit 1
    /// where something differs.
    Fsck {
        /// Folder of the data; no process may use it meanwhile.
        #[arg(long)]
        data: PathBuf,
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// The same, and write anew from the entries what differs: head and tiles. Exit 1 where something cannot be.
    Rebuild {
        /// Folder of the data; no process may use it meanwhile.
        #[arg(long)]
        data: PathBuf,
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Make new keys of the log, and the rollover that lets partners follow; the configuration stays as it is.
    Rotate {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// The introduction that partners have now.
        #[arg(long)]
        introduction: PathBuf,
        /// For how many days what the keys before sign is still believed; 0 where they are compromised.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=366))]
        overlap_days: u16,
    },
    /// Look at a configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Be a witness of transparency logs (C2SP tlog-witness): cosign what only grows, keep what contradicts itself.
    Witness {
        #[command(subcommand)]
        command: WitnessCommand,
    },
    /// Enrol a caller: make a certificate and key for a person of an organisation.
    Enrol {
        /// Folder that `init` made.
        folder: PathBuf,
        /// Organisation id.
        #[arg(long, value_parser = id)]
        organization: String,
        /// What the person is to the registry.
        #[arg(long, value_parser = PossibleValuesParser::new(roles().map(Role::word)))]
        role: String,
        /// Person id.
        #[arg(long, value_parser = id)]
        person: String,
        /// Files to write: `<out>.crt` and `<out>.key`; existing ones are never overwritten.
        #[arg(long)]
        out: PathBuf,
    },
    /// Make a certificate and key with which a process meets the other services, where they run in several.
    EnrolService {
        /// Folder with service-authority.crt and service-authority.key.
        folder: PathBuf,
        /// Name of the process: letters a to z, digits, dashes.
        #[arg(long, value_parser = id)]
        name: String,
        /// A host name or IP address by which the other services reach it. Repeatable.
        #[arg(long = "host", value_name = "HOST", required = true, value_parser = host)]
        hosts: Vec<String>,
        /// Files to write: `<out>.crt` and `<out>.key`.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
enum WitnessCommand {
    /// Make a key and a configuration in a new folder.
    Init {
        /// Folder to make; must be new or empty.
        folder: PathBuf,
        /// Name of the witness: a URL without its scheme. It stands in its cosignatures: never change it.
        #[arg(long, default_value = "witness.example/w1")]
        name: String,
        /// Where it will listen, over plain HTTP.
        #[arg(long, default_value = "127.0.0.1:7090", value_parser = address)]
        listen: SocketAddr,
        /// Introduction of a log that it will cosign (introduction.toml), compared by another way. Repeatable.
        #[arg(long = "introduction", value_name = "FILE", required = true)]
        introductions: Vec<PathBuf>,
    },
    /// Run it.
    Serve {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Check a configuration and the key that it names; nothing is started or written.
    Check {
        /// Configuration file.
        file: PathBuf,
    },
    /// List the checkpoints kept because they contradict each other. Exit 1 where some prove that a log signed two
    /// histories; `touchctl log check-split-view` shows it to anybody.
    Evidence {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
}

/// Roles of people.
fn roles() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Service)
}

fn origin(text: &str) -> Result<String, String> {
    check_origin(text).map(|()| text.to_owned())
}

fn did(text: &str) -> Result<String, String> {
    check_did(text).map(|()| text.to_owned()).map_err(|e| format!("{e}; write it as did:web:log.example"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address and a port are expected, such as 127.0.0.1:7443 or [::1]:7443".to_owned())
}

fn host(text: &str) -> Result<String, String> {
    check_host(text).map(|()| text.to_owned())
}

fn id(text: &str) -> Result<String, String> {
    check_id(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a configuration and every file that it names; nothing is started or written.
    Check {
        /// Configuration file.
        file: PathBuf,
        /// Services to check it for. All when absent.
        #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
        roles: Vec<Service>,
    },
    /// Print the configuration in force, with the environment over the file and every default. It holds no secret.
    Show {
        /// Configuration file.
        file: PathBuf,
    },
}

/// The services named, or all of them.
fn services(mut roles: Vec<Service>) -> Vec<Service> {
    if roles.is_empty() {
        return Service::ALL.to_vec();
    }
    roles.sort();
    roles.dedup();
    roles
}

fn main() -> ExitCode {
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
        Command::Init { folder, origin, log_id, grpc, http, hosts } => {
            let options = Options { folder: folder.clone(), origin, log_id, grpc, http, hosts, min_epoch_ms: 1_000 };
            let made = init(&options).map_err(|e| e.to_string())?;
            print_init(&folder, &made);
            Ok(())
        }
        Command::Rotate { config, introduction, overlap_days } => {
            let overlap = jiff::SignedDuration::from_hours(24 * i64::from(overlap_days));
            let made = rotate(&config, &introduction, jiff::Timestamp::now(), overlap).map_err(|e| e.to_string())?;
            print_rotation(&config, &made);
            Ok(())
        }
        Command::Serve { data, config, roles } => {
            let config = Config::read(&config).map_err(|e| e.to_string())?;
            let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
            // The exporters' connections live on the runtime.
            let subscribed = runtime.block_on(async { telemetry::subscribe(config.telemetry.as_ref()) });
            let subscribed = subscribed.map_err(|e| format!("telemetry.otlp: {e}"))?;
            let served = runtime.block_on(serve(&config, &data, &services(roles)));
            subscribed.end();
            served.map_err(|e| e.to_string())
        }
        Command::Fsck { data, config } => look(&config, &data, Then::Leave),
        Command::Rebuild { data, config } => look(&config, &data, Then::Rebuild),
        Command::Config { command: ConfigCommand::Check { file, roles } } => {
            let config = Config::read(&file).map_err(|e| e.to_string())?;
            let services = services(roles);
            serve::check(&config, &services).map_err(|e| e.to_string())?;
            let words: Vec<&str> = services.iter().map(|service| service.word()).collect();
            println!("{}: good for {}", file.display(), words.join(", "));
            Ok(())
        }
        Command::Config { command: ConfigCommand::Show { file } } => {
            print!("{}", Config::read(&file).map_err(|e| e.to_string())?.to_toml());
            Ok(())
        }
        Command::Witness { command } => witness(command),
        Command::EnrolService { folder, name, hosts, out } => {
            let [certificate, key] = enrol_service(&folder, &name, &hosts, &out).map_err(|e| e.to_string())?;
            println!("Wrote {} and {}.", certificate.display(), key.display());
            println!(
                "Name them in that process's configuration as tls.service_certificate and tls.service_key, with {} as \
                 tls.service_authority.",
                folder.join("service-authority.crt").display()
            );
            Ok(())
        }
        Command::Enrol { folder, organization, role, person, out } => {
            // The parser takes no other word.
            let role = roles().find(|known| known.word() == role).ok_or("--role: no role")?;
            let caller = Caller { organization, role, person };
            let [certificate, key] = enrol(&folder, &caller, &out).map_err(|e| e.to_string())?;
            println!("Wrote {} and {}: {}.", certificate.display(), key.display(), caller.uri());
            println!(
                "For that person alone; to call, a client needs {} besides.",
                folder.join("authority.crt").display()
            );
            Ok(())
        }
    }
}

fn witness(command: WitnessCommand) -> Result<(), String> {
    match command {
        WitnessCommand::Init { folder, name, listen, introductions } => {
            let options = witness::Options { folder, name, listen, introductions };
            let made = witness::init(&options).map_err(|e| e.to_string())?;
            println!("Made a key and {}.", made.config.display());
            println!("\nVerifier key, for verifiers' trust files and policies\n  {}", made.vkey);
            println!("\nNext");
            println!("  1. Compare the logs' keys in it with their operator by another way (telephone, paper).");
            println!("  2. touchstone witness serve --config {}", made.config.display());
            println!(
                "  3. Give the log's operator a line for witnesses.policy, with the address by which it reaches you:"
            );
            println!("     witness NAME {} http://{listen}", made.vkey);
            Ok(())
        }
        WitnessCommand::Serve { config } => {
            let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
            let subscribed = runtime.block_on(async { telemetry::subscribe(None) }).map_err(|e| e.to_string())?;
            let served = runtime.block_on(async {
                let stop = Signals::listen();
                let server = witness::Server::open(&config, system_clock()).await?;
                println!("{}", server.words());
                server.run(stop.asked_to_end()).await;
                Ok::<_, witness::RunError>(())
            });
            subscribed.end();
            served.map_err(|e| e.to_string())
        }
        WitnessCommand::Check { file } => {
            let vkey = witness::check(&file).map_err(|e| e.to_string())?;
            println!("{}: good for {vkey}", file.display());
            Ok(())
        }
        WitnessCommand::Evidence { config } => {
            let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
            let (lines, is_proved) = runtime.block_on(witness::list(&config)).map_err(|e| e.to_string())?;
            print!("{lines}");
            if is_proved {
                Err("a log signed two histories: tell its supervisor and other verifiers".into())
            } else {
                Ok(())
            }
        }
    }
}

/// Looks at the data and prints what differs, one line each.
fn look(config: &Path, data: &Path, then: Then) -> Result<(), String> {
    let config = Config::read(config).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let report = runtime.block_on(fsck(&config, data, then)).map_err(|e| e.to_string())?;
    let mut left = 0;
    for difference in &report.differences {
        match then == Then::Rebuild && difference.is_mendable() {
            true => println!("{difference}: written anew"),
            false => {
                left += 1;
                println!("{difference}");
            }
        }
    }
    println!("{} entries, {} epochs, {} full tiles and bundles", report.entries, report.epochs, report.blobs);
    match (left, then) {
        (0, _) => Ok(()),
        (left, Then::Leave) => {
            Err(format!("{left} differ from what the entries make: see `touchstone rebuild --help`"))
        }
        (left, Then::Rebuild) => Err(format!("{left} differ and cannot be written anew")),
    }
}

/// What was made, what to compare, and what comes next: `enrol` before its key goes away.
fn print_rotation(config: &Path, made: &Rotation) {
    println!("New keys of the log (RFC 7638)");
    for (what, file, key) in &made.keys {
        println!("  {what:<18}  {}  {}", key.fingerprint(), file.display());
    }
    println!("\nVerifier keys (C2SP vkeys)");
    println!("  checkpoints         {}", made.verifier_keys[0]);
    println!("  status checkpoints  {}", made.verifier_keys[1]);
    println!("\nNext");
    println!(
        "  1. give the verifier keys to your witnesses: each adds them to `logs` beside those so far, and starts again"
    );
    println!("  2. put these lines into [log] of {}, in place of those of the same names:\n", config.display());
    for line in made.lines.lines() {
        println!("       {line}");
    }
    let signing = if made.overlaps { "the keys so far sign checkpoints too" } else { "the new keys alone sign" };
    println!("\n  3. start the registry again: the rollover becomes the log's next entry, and {signing}");
    println!("  4. hand out {} (to follow) and {} (to begin)", made.rollover.display(), made.introduction.display());
    match made.overlaps {
        true => println!(
            "  5. after {} take the key so far out of the two earlier_ lines, and destroy it; witnesses drop it then",
            made.earlier_until
        ),
        false => println!(
            "  5. tell partners at once, by another way than the log: what the keys so far sign after {} is not the log's",
            made.earlier_until
        ),
    }
}

fn print_init(folder: &Path, made: &Installation) {
    let folder = folder.display();
    let log = &made.introduction.log;
    println!("Made keys, certificates and a configuration in {folder}.");
    println!("\nFingerprints of the public keys (RFC 7638; `touchctl key fingerprint FILE` prints them again)");
    for (what, file, key) in &made.keys {
        println!("  {what:<18}  {}  {file}", key.fingerprint());
    }
    println!("\nVerifier keys (C2SP vkeys)");
    println!("  checkpoints         {}", log.note_key);
    println!("  status checkpoints  {}", log.status_note_key);
    println!("\nNext");
    println!("  1. Enrol people, while authority.key is here (once for each):");
    println!("     touchstone enrol {folder} --organization ORG --role exporter --person NAME --out NAME");
    println!(
        "  2. Move authority.key, service-authority.key and operator.key to a machine that is not this one. Whoever enrols"
    );
    println!("     there later needs authority.crt and service-authority.crt beside them.");
    println!("  3. touchstone serve --data {folder}/data --config {}", made.config.display());
    println!(
        "  4. Give {} to partners, who make their trust file of it with `touchctl trust",
        made.introduction_file.display()
    );
    println!("     make`, and compare the fingerprints with them by another way (telephone, paper).");
}

async fn serve(config: &Config, data: &Path, services: &[Service]) -> Result<(), ServeError> {
    // Before anything takes time: a signal that comes meanwhile is heeded afterwards, and ends nothing half-way.
    let stop = Signals::listen();
    let sockets = Sockets::bind(&config.listen, services).await?;
    let addresses = sockets.addresses()?;
    let server = Server::open(Setup { config, services, data, clock: system_clock(), sockets }).await?;
    let mut line = format!("touchstone: gRPC on {}", addresses.grpc);
    for (what, address) in [
        ("public reading on http://", addresses.http),
        ("services on ", addresses.internal),
        ("health on http://", addresses.admin),
    ] {
        if let Some(address) = address {
            line += &format!(", {what}{address}");
        }
    }
    println!("{line}");
    server.run(stop.asked_to_end()).await
}

/// The signals of this process.
struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    /// Heard elsewhere, to read files again; held here so that it never ends the process.
    _hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> Self {
        let heard = |kind: SignalKind| match signal(kind) {
            Ok(heard) => Some(heard),
            Err(error) => {
                tracing::warn!(%error, ?kind, "a signal cannot be heard");
                None
            }
        };
        Signals {
            interrupt: heard(SignalKind::interrupt()),
            terminate: heard(SignalKind::terminate()),
            _hangup: heard(SignalKind::hangup()),
        }
    }

    /// Completes when the process is asked to end.
    async fn asked_to_end(mut self) {
        async fn came(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => {
                    let _came = signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = came(&mut self.interrupt) => {}
            () = came(&mut self.terminate) => {}
        }
    }
}
