//! A folder in which somebody runs `touchctl` against a running installation.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use integration_tests::cast;
use runtime::Caller;
use runtime::config::Service;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{SITE, Stage};

/// Serial number of the meters, and of the template's.
pub const SERIAL: &str = "EM-000123";

/// How a command ended.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A folder in which somebody runs `touchctl`, with the files of a connection.
pub struct Desk {
    pub stage: Stage,
    folder: TempDir,
}

impl Desk {
    pub async fn open() -> Self {
        let desk = Desk { stage: Stage::open().await, folder: tempfile::tempdir().expect("a folder") };
        let grpc = desk.grpc();
        desk.enrol(&cast::exporter(), grpc, "connection.toml");
        desk
    }

    /// With a site and a meter.
    pub async fn with_meter(id: &str) -> Self {
        let desk = Desk::open().await;
        desk.done(&["sites", "create", SITE, "--title", "Works", "--country", "XA"]);
        desk.done(&desk.meter(id));
        desk
    }

    pub fn grpc(&self) -> SocketAddr {
        self.stage.world.of(Service::Metering).expect("a server").grpc
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("written");
    }

    /// The files with which a caller connects to an address, and the file that states them.
    pub fn enrol(&self, caller: &Caller, address: SocketAddr, connection: &str) {
        let authority = &self.stage.world.installation.authority;
        let pair = authority.caller(caller).expect("a certificate");
        self.write("authority.crt", &authority.pair().certificate_pem);
        self.write(&format!("{connection}.crt"), &pair.certificate_pem);
        self.write(&format!("{connection}.key"), &pair.key_pem);
        let text = format!(
            "server = \"{address}\"\nauthority = \"authority.crt\"\ncertificate = \"{connection}.crt\"\nkey = \"{connection}.key\"\n"
        );
        self.write(connection, text);
    }

    pub fn run_as(&self, connection: &str, args: &[&str]) -> Answer {
        let mut command = Command::new(integration_tests::processes::program("touchctl").expect("a program"));
        command.args(args).current_dir(self.folder.path()).env("TOUCHCTL_CONNECTION", connection);
        let output = tokio::task::block_in_place(|| command.output()).expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Answer { code: output.status.code().expect("an exit"), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn run(&self, args: &[&str]) -> Answer {
        self.run_as("connection.toml", args)
    }

    /// A command that must succeed; what it prints.
    #[track_caller]
    pub fn done(&self, args: &[impl AsRef<str>]) -> String {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        let answer = self.run(&args);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{args:?}: {}", answer.out);
        answer.out
    }

    /// The same, as its object.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.done(&[args, &["--json"]].concat());
        serde_json::from_str(&out).expect("one object")
    }

    /// A command that must be refused with this reason; its error.
    #[track_caller]
    pub fn refused(&self, connection: &str, args: &[&str], reason: &str) -> Value {
        let words = self.run_as(connection, args);
        assert_eq!((words.code, words.out.as_str()), (1, ""), "{args:?}: {}", words.err);
        assert!(words.err.contains(&format!("[{reason}]")) && words.err.contains("Remedy: "), "{}", words.err);
        let answer = self.run_as(connection, &[args, &["--json"]].concat());
        let error = serde_json::from_str::<Value>(&answer.out).expect("one object")["error"].clone();
        assert_eq!((answer.code, &error["reason"]), (1, &Value::from(reason)), "{}", answer.out);
        error
    }

    /// The line that registers a meter in kWh.
    pub fn meter(&self, id: &str) -> Vec<String> {
        let name = instrument(id);
        let line = format!(
            "instruments create {name} --location hall --from 2017-01-01 --kind electricity-meter --serial-number {SERIAL} \
             --measurand electricity-import --unit kWh --resolution 0.01 --register-range 1000000 \
             --max-permissible-error-percent 1 --accuracy-class 0.5S"
        );
        line.split_whitespace().map(str::to_owned).collect()
    }
}

/// An instrument of the site.
pub fn instrument(id: &str) -> String {
    format!("{SITE}/instruments/{id}")
}

/// Hands connections on to a server; the first is cut once so many bytes went there, or came back.
pub fn cutting(server: SocketAddr, there: usize, back: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (i, inner) in listener.incoming().enumerate() {
            let (Ok(inner), Ok(outer)) = (inner, TcpStream::connect(server)) else { return };
            let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
            let (up, down) = ((clone(&inner), clone(&outer)), (outer, inner));
            let (there, back) = if i == 0 { (there, back) } else { (usize::MAX, usize::MAX) };
            thread::spawn(move || hand_on(up, there));
            thread::spawn(move || hand_on(down, back));
        }
    });
    address
}

fn hand_on((mut from, mut to): (TcpStream, TcpStream), mut most: usize) {
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // What goes beyond is lost.
        if to.write_all(&buffer[..read.min(most)]).is_err() || most < read {
            break;
        }
        most -= read;
    }
    // Whoever reads or writes on either side is told.
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
