//! The services in processes of their own: `touchstone serve`, started and killed as an operator's machine would.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use runtime::config::Service;
use touchstone::serve::Addresses;

use crate::world::{Shape, World, WorldError};

/// In an order in which each finds those that it calls.
const ORDER: [Service; 6] = [
    Service::Metering,
    Service::Footprint,
    Service::Registry,
    Service::Certification,
    Service::Verification,
    Service::Gateway,
];

/// Running processes; a failed assertion leaves none behind.
pub struct Processes {
    shape: Shape,
    /// Variables that every process gets besides.
    variables: Vec<(String, String)>,
    running: Vec<(Vec<Service>, Child)>,
}

/// A program beside that of the test, in the same target folder: `make test` builds them first.
///
/// # Errors
/// It is not there; with the command that makes it.
pub fn program(name: &str) -> Result<PathBuf, WorldError> {
    let own = std::env::current_exe().map_err(|e| WorldError(e.to_string()))?;
    // A test runs in `deps`.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| WorldError(format!("{name} is missing: cargo build --release --workspace --bins")))
}

/// Where a process says that it listens.
///
/// # Errors
/// It says something else.
pub fn addresses(line: &str) -> Result<Addresses, WorldError> {
    let after = |words: &str| {
        let rest = line.split(words).nth(1)?;
        rest.split(',').next()?.trim().parse::<SocketAddr>().ok()
    };
    Ok(Addresses {
        grpc: after("gRPC on ").ok_or_else(|| WorldError(format!("no address in {line:?}")))?,
        http: after("public reading on http://"),
        internal: after("services on "),
        admin: after("health on http://"),
    })
}

impl Processes {
    /// Starts all services of an installed world.
    ///
    /// # Errors
    /// A process that does not start.
    pub fn start(world: &mut World, shape: Shape, variables: Vec<(String, String)>) -> Result<Self, WorldError> {
        let mut processes = Processes { shape, variables, running: Vec::new() };
        match shape {
            Shape::Together => processes.start_one(world, Service::ALL.to_vec())?,
            Shape::Apart => {
                for service in ORDER {
                    processes.start_one(world, vec![service])?;
                }
            }
        }
        Ok(processes)
    }

    /// Starts the process that runs `service` again, where it was before.
    ///
    /// # Errors
    /// A process that does not start.
    pub fn restart(&mut self, world: &mut World, service: Service) -> Result<(), WorldError> {
        let services = match self.shape {
            Shape::Together => Service::ALL.to_vec(),
            Shape::Apart => vec![service],
        };
        self.start_one(world, services)
    }

    fn start_one(&mut self, world: &mut World, services: Vec<Service>) -> Result<(), WorldError> {
        let words: Vec<&str> = services.iter().map(|service| service.word()).collect();
        let before = world.of(services[0]);
        let listen = |address: Option<SocketAddr>| {
            address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string())
        };
        let mut command = Command::new(program("touchstone")?);
        command.arg("serve").arg("--role").arg(words.join(",")).arg("--data").arg(world.data(services[0]));
        command.arg("--config").arg(&world.installation.config).stdout(Stdio::piped());
        command.env("TOUCHSTONE_LISTEN__GRPC", listen(before.map(|before| before.grpc)));
        command.env("TOUCHSTONE_LISTEN__HTTP", listen(before.and_then(|before| before.http)));
        command.env("TOUCHSTONE_LISTEN__ADMIN", listen(before.and_then(|before| before.admin)));
        if self.shape == Shape::Apart {
            command.env("TOUCHSTONE_LISTEN__INTERNAL", listen(before.and_then(|before| before.internal)));
            for peer in Service::ALL {
                if let Some(internal) = world.of(peer).and_then(|found| found.internal) {
                    let variable = format!("TOUCHSTONE_PEERS__{}", peer.word().to_uppercase());
                    command.env(variable, format!("localhost:{}", internal.port()));
                }
            }
            command.env("TOUCHSTONE_TELEMETRY__SERVICE_NAME", words[0]);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let failed = |e: std::io::Error| WorldError(format!("touchstone serve: {e}"));
        let mut child = command.spawn().map_err(failed)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        }
        self.running.push((services.clone(), child));
        let found = addresses(&line)?;
        for service in services {
            world.found_at(service, found);
        }
        Ok(())
    }

    /// Number of the process that runs `service`.
    pub fn id(&self, service: Service) -> Option<u32> {
        self.running.iter().find(|(services, _)| services.contains(&service)).map(|(_, child)| child.id())
    }

    /// Kills the process that runs `service` (SIGKILL).
    ///
    /// # Errors
    /// None runs.
    pub fn kill(&mut self, service: Service) -> Result<(), WorldError> {
        let place = self.running.iter().position(|(services, _)| services.contains(&service));
        let place = place.ok_or_else(|| WorldError(format!("no process runs {}", service.word())))?;
        let (_, mut child) = self.running.remove(place);
        child.kill().and_then(|()| child.wait()).map(drop).map_err(|e| WorldError(e.to_string()))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}
