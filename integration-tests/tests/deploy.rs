//! What `deploy/` says is so and works: its files are read strictly, and the commands of the units and containers are
//! run, with their environment, in a folder that stands for the machine.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::iter::Peekable;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use runtime::config::{Config, Service};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// Longest that a process may take to start, to be ready or to end, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const PACE: Duration = Duration::from_millis(20);

/// Where the configuration, the data and the program are installed.
const ETC: &str = "/etc/touchstone";
const STATE: &str = "/var/lib/touchstone";
const PROGRAM: &str = "/usr/bin/touchstone";

/// What shuts a unit in, in its order. systemd passes over a word that it does not know: these are compared whole.
const SANDBOX: &[(&str, &str)] = &[
    ("UMask", "0077"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectProc", "invisible"),
    ("ProcSubset", "pid"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("AmbientCapabilities", ""),
    ("RestrictSUIDSGID", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RemoveIPC", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("LockPersonality", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("SystemCallErrorNumber", "EPERM"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6"),
];

/// What else a unit may say of its process: no other folder that can be written, nothing that is undone.
const RUNS: &[&str] = &[
    "Type",
    "User",
    "Group",
    "StateDirectory",
    "StateDirectoryMode",
    "EnvironmentFile",
    "ExecStartPre",
    "ExecStart",
    "ExecReload",
    "Restart",
    "RestartSec",
    "TimeoutStopSec",
    "LimitNOFILE",
    "LimitCORE",
];

const UNITS: [&str; 2] = ["touchstone.service", "touchstone@.service"];

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|e| panic!("deploy/{file}: {e}"))
}

/// Lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// A unit: its lines as section, key, value.
struct Unit(Vec<[String; 3]>);

impl Unit {
    fn read(file: &str) -> Self {
        let text = text(&format!("systemd/{file}"));
        let (mut section, mut read) = ("", Vec::new());
        for line in lines(&text) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{file}: no key and value: {line}"));
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric()) && !value.ends_with('\\'), "{file}: {line}");
            read.push([section, key, value].map(str::to_owned));
        }
        Unit(read)
    }

    /// Keys and values of a section.
    fn section(&self, name: &str) -> Vec<(&str, &str)> {
        let of = self.0.iter().filter(|[section, ..]| section == name);
        of.map(|[_, key, value]| (key.as_str(), value.as_str())).collect()
    }

    /// The one value of a key of `[Service]`, for an instance of the template.
    fn value(&self, key: &str, instance: &str) -> String {
        let values: Vec<_> = self.section("Service").into_iter().filter(|(known, _)| *known == key).collect();
        let [(_, value)] = values[..] else { panic!("{key}: one line is expected: {values:?}") };
        let value = value.replace("%i", instance);
        assert!(!value.contains('%'), "{key}: no other specifier is known here: {value}");
        value
    }

    /// A command of it: an absolute path and plain words.
    fn command(&self, key: &str, instance: &str) -> Vec<String> {
        let line = self.value(key, instance);
        assert!(line.starts_with('/') && !line.contains(['"', '\'', '\\', ';']), "{key}: no plain command: {line}");
        line.split_whitespace().map(str::to_owned).collect()
    }
}

/// An environment file: `NAME=value` lines, each name once.
fn environment(file: &str) -> BTreeMap<String, String> {
    let text = text(file);
    let mut read = BTreeMap::new();
    for line in lines(&text) {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{file}: {line}"));
        assert!(!value.contains(['"', '\'', '\\', ' ', '$']), "{file}: no plain value: {line}");
        assert!(read.insert(name.to_owned(), value.to_owned()).is_none(), "{file}: twice: {line}");
    }
    read
}

/// Reads the part of YAML that compose.yaml needs and refuses the rest: maps, lists and words; quoted words and lists in
/// brackets as in JSON; anchors of maps and `<<`, which stands first.
struct Yaml<'a, I: Iterator<Item = (usize, &'a str)>> {
    lines: Peekable<I>,
    anchors: BTreeMap<&'a str, Map<String, Value>>,
}

fn yaml(text: &str) -> Value {
    let lines = lines(text).filter(|line| !line.trim_start().starts_with('#'));
    let lines = lines.map(|line| (line.len() - line.trim_start().len(), line.trim())).peekable();
    let mut reader = Yaml { lines, anchors: BTreeMap::new() };
    let read = reader.block(0);
    assert_eq!(reader.lines.next(), None, "this line stands under nothing");
    read
}

impl<'a, I: Iterator<Item = (usize, &'a str)>> Yaml<'a, I> {
    fn block(&mut self, indent: usize) -> Value {
        let (mut list, mut map, mut merged) = (Vec::new(), Map::new(), Map::new());
        while let Some((_, line)) = self.lines.next_if(|(depth, _)| *depth == indent) {
            if let Some(item) = line.strip_prefix("- ") {
                list.push(scalar(item));
                continue;
            }
            let (key, rest) = line.split_once(':').unwrap_or_else(|| panic!("no key: {line}"));
            assert!(rest.is_empty() || rest.starts_with(' '), "no space after the key: {line}");
            let (rest, anchor) = (rest.trim(), rest.trim().strip_prefix('&'));
            if key == "<<" {
                assert!(map.is_empty() && merged.is_empty(), "<< stands first, and once");
                merged = rest.strip_prefix('*').and_then(|name| self.anchors.get(name)).expect("an anchor").clone();
                continue;
            }
            let value = match self.lines.peek() {
                _ if !rest.is_empty() && anchor.is_none() => scalar(rest),
                Some((depth, _)) if *depth > indent => {
                    let depth = *depth;
                    self.block(depth)
                }
                _ => Value::Null,
            };
            if let Some(name) = anchor {
                self.anchors.insert(name, value.as_object().expect("an anchor of a map").clone());
            }
            assert!(map.insert(key.to_owned(), value).is_none(), "twice in one map: {key}");
        }
        merged.extend(map);
        assert!(list.is_empty() || merged.is_empty(), "a list and a map in one place");
        if list.is_empty() { Value::Object(merged) } else { Value::Array(list) }
    }
}

fn scalar(text: &str) -> Value {
    if text.starts_with(['[', '"']) {
        return serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    }
    assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'), "quote this: {text}");
    assert!(!text.contains(": ") && !text.contains(" #") && !text.ends_with(':'), "quote this: {text}");
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("a list is expected: {value}"));
    list.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

fn string_map(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().unwrap_or_else(|| panic!("a map is expected: {value}"));
    map.iter().map(|(key, value)| (key.clone(), value.as_str().expect("a text").to_owned())).collect()
}

/// Instructions of the Containerfile in order; continued lines are one.
fn instructions() -> Vec<(String, String)> {
    const KNOWN: &[&str] = &["FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"];
    let text = text("Containerfile").replace("\\\n", " ");
    let read = lines(&text).map(|line| {
        let (word, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no instruction: {line}"));
        assert!(KNOWN.contains(&word), "not known here: {line}");
        (word.to_owned(), rest.to_owned())
    });
    read.collect()
}

/// The sample with these variables over it.
fn config(variables: &BTreeMap<String, String>) -> Config {
    let variables = variables.iter().map(|(key, value)| (key.clone(), value.clone()));
    Config::read_with(&deploy("touchstone.toml"), variables).expect("the sample with the environment")
}

fn env_file(service: Service) -> String {
    format!("systemd/env/{}.env", service.word())
}

/// Peers that an environment names.
fn peers_named(variables: &BTreeMap<String, String>) -> BTreeSet<&str> {
    variables.keys().filter_map(|key| key.strip_prefix("TOUCHSTONE_PEERS__")).collect()
}

fn peers_needed(service: Service) -> BTreeSet<String> {
    service.peers().iter().map(|peer| peer.word().to_uppercase()).collect()
}

#[test]
fn units_are_shut_in() {
    let drain = config(&BTreeMap::new()).limits.drain_secs;
    for file in UNITS {
        let unit = Unit::read(file);
        let service = unit.section("Service");
        let (sandbox, runs): (Vec<_>, Vec<_>) =
            service.into_iter().partition(|(key, _)| SANDBOX.iter().any(|(known, _)| known == key));
        assert_eq!(sandbox, SANDBOX, "{file}");
        for (key, _) in runs {
            assert!(RUNS.contains(&key), "{file}: {key} is not known here");
        }
        let number = |key: &str| unit.value(key, "x").parse::<u32>().unwrap_or_else(|e| panic!("{file}: {key}: {e}"));
        // Calls are drained, and then the sequencer, each for as long; a collector that does not answer gets its seconds.
        assert!(number("TimeoutStopSec") >= 2 * drain + 30, "{file}");
        assert!(number("LimitNOFILE") > 10_000 && number("LimitCORE") == 0, "{file}");
        assert_eq!(unit.value("Restart", "x"), "on-failure", "{file}");
        assert_eq!(unit.value("StateDirectoryMode", "x"), "0700", "{file}");
        assert_eq!(unit.command("ExecReload", "x"), ["/bin/kill", "-HUP", "$MAINPID"], "{file}");
        assert_eq!(unit.section("Install"), [("WantedBy", "multi-user.target")], "{file}");
    }
}

#[test]
fn users_of_the_units_are_made_and_read_their_keys_alone() {
    let (users, files) = (text("systemd/sysusers.conf"), text("systemd/tmpfiles.conf"));
    let [one, template] = UNITS.map(Unit::read);
    let mut wanted = BTreeSet::from([one.value("User", "")]);
    wanted.extend(Service::ALL.map(|service| template.value("User", service.word())));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let of = |kind: &str| lines(&users).map(words).filter(|line| line[0] == kind).collect::<Vec<_>>();
    assert_eq!(of("u").iter().map(|line| line[1].clone()).collect::<BTreeSet<_>>(), wanted);
    for (unit, instance) in [(&one, ""), (&template, "metering")] {
        assert!(of("u").iter().all(|line| line[2] == format!("-:{}", unit.value("Group", instance))));
    }
    // The keys of the log are for those who run it.
    let log: BTreeSet<_> = of("m").into_iter().map(|line| [line[1].clone(), line[2].clone()]).collect();
    let runs_log = [one.value("User", ""), template.value("User", Service::Registry.word())];
    assert_eq!(log, runs_log.map(|user| [user, "touchstone-log".into()]).into());

    let config = config(&BTreeMap::new());
    let log = config.log.expect("the sample has a log");
    let service_key = config.tls.service_key.expect("the sample has every key");
    let public = ["/*.crt 0644", "/*.jwk 0644", "/*.toml 0644", "/*.policy 0644", " 0755"];
    let mut expected: BTreeSet<String> = public.map(|what| format!("z {ETC}{what} root root")).into();
    for (group, key) in [
        ("touchstone", &config.tls.key),
        ("touchstone", &service_key),
        ("touchstone-log", &log.receipt_key),
        ("touchstone-log", &log.note_key),
        ("touchstone-log", &log.status_note_key),
    ] {
        let name = key.file_name().and_then(|name| name.to_str()).expect("a name");
        expected.insert(format!("z {ETC}/{name} 0640 root {group}"));
    }
    let blocked = config.tls.blocked_callers.expect("the sample has every key");
    let name = blocked.file_name().and_then(|name| name.to_str()).expect("a name");
    expected.insert(format!("f {ETC}/{name} 0644 root root"));
    assert_eq!(lines(&files).map(|line| words(line).join(" ")).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_samples_of_witnesses_can_be_used() {
    let policy =
        registry_service::read_witnesses(text("witnesses.policy").as_bytes()).expect("a policy").expect("witnesses");
    assert_eq!(policy.witnesses().len(), 3);
    for (by, reached) in [(vec![0], false), (vec![0, 2], true), (vec![0, 1, 2], true)] {
        assert_eq!(policy.reached_by(|witness| by.contains(&witness)), reached, "{by:?}");
    }
    // Every key that there is, beside a key of its own: what `check` reads.
    let sample = text("witness.toml");
    let file: witness_service::File = toml::from_str(&sample).expect("the sample");
    let written: toml::Table = toml::from_str(&file.to_toml()).expect("TOML");
    let read: toml::Table = toml::from_str(&sample).expect("TOML");
    assert_eq!(written.keys().collect::<Vec<_>>(), read.keys().collect::<Vec<_>>());
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("witness.toml"), &sample).expect("written");
    let key = cose::key::SigningKey::generate_ed25519().and_then(|key| key.to_pkcs8_pem()).expect("a key");
    fs::write(folder.path().join("witness.key"), key).expect("written");
    let vkey = touchstone::witness::check(&folder.path().join("witness.toml")).expect("it can be used");
    assert!(vkey.starts_with("witness.example/w1+"), "{vkey}");
    // The log of the sample is the one of the other sample.
    let log = config(&BTreeMap::new()).log.expect("the sample has a log").origin;
    let names: Vec<&str> = file.logs.iter().filter_map(|vkey| vkey.split('+').next()).collect();
    assert_eq!(names, [log.clone(), format!("{log}/status")]);
}

#[test]
fn processes_of_one_host_agree_about_their_ports() {
    let of = |service: Service| environment(&env_file(service));
    let mut ports = BTreeSet::new();
    for service in Service::ALL {
        let variables = of(service);
        let named: BTreeSet<String> = peers_named(&variables).into_iter().map(str::to_owned).collect();
        assert_eq!(named, peers_needed(service), "{}", service.word());
        let config = config(&variables);
        config.suits(&[service]).expect("it has all that the service needs");
        let http = config.listen.http.filter(|_| service == Service::Gateway);
        let listens = [Some(config.listen.grpc), http, config.listen.internal, config.listen.admin];
        for address in listens.into_iter().flatten() {
            assert!(address.ip().is_loopback(), "{address}");
            assert!(ports.insert(address.port()), "two listen on {address}");
        }
        for peer in service.peers() {
            let there = self::config(&of(*peer)).listen.internal.expect("a door for services");
            assert_eq!(config.peers[peer], there.to_string(), "{} calls {}", service.word(), peer.word());
        }
    }
}

#[test]
fn systemd_knows_every_word() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: no systemd-analyze");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]);
    for file in UNITS {
        // It looks whether the program is there.
        let unit = text(&format!("systemd/{file}")).replace(PROGRAM, "/bin/true");
        let path = folder.path().join(file.replace('@', "@metering"));
        fs::write(&path, unit).expect("a unit");
        verify.arg(path);
    }
    // It also tells what is wrong with units of this machine.
    let told = verify.output().expect("systemd-analyze").stderr;
    let told = String::from_utf8_lossy(&told);
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("touchstone")).collect();
    assert!(ours.is_empty(), "{}", ours.join("\n"));
}

#[test]
fn containers_are_shut_in() {
    let compose = yaml(&text("compose.yaml"));
    let services = compose["services"].as_object().expect("services");
    let names: BTreeSet<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, Service::ALL.map(Service::word).into());
    let stop = format!("{}s", Unit::read(UNITS[0]).value("TimeoutStopSec", ""));
    let mut published = BTreeSet::new();
    for service in Service::ALL {
        let word = service.word();
        let mut container = services[word].as_object().expect("a map").clone();
        let mut take = |key: &str| container.remove(key).unwrap_or_else(|| panic!("{word} lacks {key}"));
        assert_eq!(take("read_only"), Value::Bool(true));
        assert_eq!(strings(&take("cap_drop")), ["ALL"]);
        assert_eq!(strings(&take("security_opt")), ["no-new-privileges:true"]);
        assert_eq!((take("image"), take("pull_policy")), ("localhost/touchstone".into(), "never".into()));
        assert_eq!((take("restart"), take("stop_grace_period")), ("on-failure".into(), stop.as_str().into()));
        assert_eq!(take("ulimits"), serde_json::json!({ "nofile": 65536, "core": 0 }));
        let volumes = strings(&take("volumes"));
        let [keys, sample, data] = &volumes[..] else { panic!("{word}: three mounts are expected: {volumes:?}") };
        assert!(keys.starts_with("${TOUCHSTONE_INSTALLATION:?") && keys.ends_with(&format!(":{ETC}:ro")), "{keys}");
        assert_eq!(*sample, format!("./touchstone.toml:{ETC}/touchstone.toml:ro"));
        assert_eq!(*data, format!("{word}:{STATE}"));
        for network in strings(&take("networks")) {
            assert!(compose["networks"].get(&network).is_some(), "{network}");
        }

        let variables = string_map(&take("environment"));
        let named: BTreeSet<String> = peers_named(&variables).into_iter().map(str::to_owned).collect();
        assert_eq!(named, peers_needed(service), "{word}");
        let config = config(&variables);
        config.suits(&[service]).expect("it has all that the service needs");
        let internal = config.listen.internal.expect("a door for services");
        assert!(internal.ip().is_unspecified(), "{internal} is not reached from another container");
        for peer in service.peers() {
            assert_eq!(config.peers[peer], format!("{}:{}", peer.word(), internal.port()), "{word}");
        }
        // Nothing but the door for callers, or the public's, can be reached from outside.
        let door = if service == Service::Gateway { config.listen.http } else { Some(config.listen.grpc) };
        for port in strings(&take("ports")) {
            let (outside, inside) = port.rsplit_once(':').expect("outside:inside");
            assert_eq!(Some(inside.to_owned()), door.map(|door| door.port().to_string()), "{word}");
            assert!(published.insert(outside.to_owned()), "{outside} twice");
        }
        take("command");
        assert!(container.is_empty(), "{word}: not known here: {container:?}");
    }
    let volumes: BTreeSet<&str> = compose["volumes"].as_object().expect("volumes").keys().map(String::as_str).collect();
    assert_eq!(volumes, names);
    assert_eq!(compose["networks"]["services"], serde_json::json!({ "internal": true }));
}

#[test]
fn the_image_is_small_and_nobodys() {
    let read = instructions();
    let toolchain = fs::read_to_string(deploy("../rust-toolchain.toml")).expect("the toolchain");
    let toolchain: toml::Table = toolchain.parse().expect("TOML");
    let rust = toolchain["toolchain"]["channel"].as_str().expect("a channel");
    let starts: Vec<usize> = (0..read.len()).filter(|at| read[*at].0 == "FROM").collect();
    let [0, second] = starts[..] else { panic!("a stage that builds and one that runs: {starts:?}") };
    let (build, run) = read.split_at(second);
    assert!(build[0].1.contains(&format!("rust:{rust}-")) && build[0].1.ends_with(" AS build"), "{}", build[0].1);
    assert!(build.contains(&("ENV".into(), format!("RUSTUP_TOOLCHAIN={rust}"))));
    assert!(build.iter().any(|(word, rest)| word == "RUN" && rest == "sh deploy/setup.sh"));
    let built =
        |(word, rest): &(String, String)| word == "RUN" && rest.contains("--release --locked --workspace --bins");
    assert!(build.iter().any(built));

    let one = |wanted: &str| {
        let found: Vec<&str> = run.iter().filter(|(word, _)| word == wanted).map(|(_, rest)| rest.as_str()).collect();
        let [rest] = found[..] else { panic!("{wanted} once: {found:?}") };
        rest.to_owned()
    };
    // Without a shell nothing can be run while it is built.
    assert!(run.iter().all(|(word, _)| word != "RUN"));
    for id in one("USER").split(':') {
        assert!(id.parse::<u32>().expect("a number: names may be missing") > 0);
    }
    assert_eq!(one("VOLUME"), STATE);
    let listen = config(&BTreeMap::new()).listen;
    let ports = [Some(listen.grpc), listen.http, listen.internal, listen.admin].map(|a| a.map_or(0, |a| a.port()));
    assert_eq!(
        one("EXPOSE").split(' ').map(|port| port.parse().expect("a port")).collect::<BTreeSet<_>>(),
        ports.into()
    );
    assert_eq!(strings(&scalar(&one("ENTRYPOINT"))), [PROGRAM]);
    let all = Unit::read(UNITS[0]).command("ExecStart", "").join(" ");
    let alone = format!("{PROGRAM} {}", strings(&scalar(&one("CMD"))).join(" "));
    assert_eq!(all, format!("{alone}/all"), "the image runs what the unit runs");
}

/// Takes as long as a first build where the engine has no cache of an earlier one.
#[test]
fn the_image_builds() {
    let engine = Command::new("docker").arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !engine.is_ok_and(|status| status.success()) {
        println!("skipped: no container engine");
        return;
    }
    const TAG: &str = "localhost/touchstone:tested";
    let docker = |arguments: &[&str]| {
        let status = Command::new("docker").args(arguments).current_dir(deploy("..")).status().expect("docker");
        assert!(status.success(), "docker {}", arguments.join(" "));
    };
    docker(&["build", "--file", "deploy/Containerfile", "--tag", TAG, "."]);
    docker(&["run", "--rm", "--read-only", "--cap-drop=ALL", TAG, "--version"]);
}

fn binary() -> PathBuf {
    integration_tests::processes::program("touchstone").expect("the binary")
}

/// A folder that stands for the machine, with an installation as README.md makes it.
struct Machine(TempDir);

impl Machine {
    fn install() -> Self {
        let machine = Machine(tempfile::tempdir().expect("folder"));
        let etc = machine.place(ETC);
        fs::create_dir_all(etc.parent().expect("a folder")).expect("etc");
        let made = Command::new(binary()).arg("init").arg(&etc).stdout(Stdio::null()).status().expect("init");
        assert!(made.success(), "init: {made}");
        fs::copy(deploy("touchstone.toml"), etc.join("touchstone.toml")).expect("the sample");
        // tmpfiles.conf makes it.
        fs::write(etc.join("blocked.toml"), "").expect("nobody is blocked");
        fs::create_dir(etc.join("env")).expect("env");
        for service in Service::ALL {
            let to = etc.join(format!("env/{}.env", service.word()));
            fs::copy(deploy(&env_file(service)), to).expect("an environment file");
        }
        machine
    }

    fn place(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    /// Makes a folder for data, as systemd and container engines do.
    fn data(&self, path: &str) -> PathBuf {
        let place = self.place(path);
        fs::create_dir_all(&place).expect("a folder for data");
        place
    }
}

/// A process as `deploy/` describes it.
struct Described {
    name: String,
    services: Vec<Service>,
    /// What must succeed before, if there is such.
    check: Option<Vec<String>>,
    serve: Vec<String>,
    environment: BTreeMap<String, String>,
    /// Where its absolute paths are here; the first that fits a word counts.
    places: Vec<(&'static str, PathBuf)>,
}

impl Described {
    fn command(&self, words: &[String]) -> Command {
        let here = |word: &String| {
            let known = self.places.iter().find_map(|(path, place)| Some((word.strip_prefix(path)?, place)));
            assert!(known.is_some() || !word.starts_with('/'), "{}: nothing is said of {word}", self.name);
            known.map_or(word.clone(), |(rest, place)| format!("{}{rest}", place.display()))
        };
        let mut command = Command::new(here(&words[0]));
        command.args(words[1..].iter().map(here)).env_clear().envs(&self.environment);
        command
    }

    /// Checks as it stands, then starts on ports that the system chooses, with those of `others` for its peers.
    fn start(&self, others: &[Running]) -> Running {
        if let Some(words) = &self.check {
            let checked = self.command(words).output().expect("the check runs");
            assert!(checked.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&checked.stderr));
        }
        let mut command = self.command(&self.serve);
        for door in ["GRPC", "HTTP", "INTERNAL", "ADMIN"] {
            command.env(format!("TOUCHSTONE_LISTEN__{door}"), "127.0.0.1:0");
        }
        for peer in peers_named(&self.environment) {
            let there = others.iter().find(|other| other.services.iter().any(|s| s.word().to_uppercase() == peer));
            let there = there.and_then(|other| other.said("services on ")).expect("a peer that was started before");
            command.env(format!("TOUCHSTONE_PEERS__{peer}"), there.to_string());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let mut output = BufReader::new(child.stdout.take().expect("stdout"));
        let (sender, line) = mpsc::channel();
        // Reading has no deadline of its own. The thread ends with the line, or with the process.
        std::thread::spawn(move || {
            let mut line = String::new();
            let _closed = output.read_line(&mut line);
            let _gone = sender.send(line);
        });
        let mut running =
            Running { name: self.name.clone(), services: self.services.clone(), child, line: String::new() };
        running.line = line.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{}: no first line: {e}", self.name));
        running
    }
}

/// Asks until there is an answer, as long as patience lasts.
fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(state) => assert!(began.elapsed() < PATIENCE, "{what}: {state}"),
        }
        std::thread::sleep(PACE);
    }
}

/// GET: the answer's first line and body.
fn get(address: SocketAddr, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}

/// A process of ours.
struct Running {
    name: String,
    services: Vec<Service>,
    child: Child,
    line: String,
}

impl Running {
    /// An address from its first line, by the words before it.
    fn said(&self, before: &str) -> Option<SocketAddr> {
        self.line.split(before).nth(1)?.split([',', '\n']).next()?.parse().ok()
    }

    /// Whether it would survive HUP (1) and TERM (15), and has not only been started.
    fn hears_signals(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        [1, 15].into_iter().all(|signal| caught >> (signal - 1) & 1 == 1)
    }

    /// Waits until `/readyz` answers 200 and says ok of everything: of itself, and of exactly the peers it needs.
    fn wait_ready(&mut self) {
        let admin = self.said("health on http://").unwrap_or_else(|| panic!("{}: {:?}", self.name, self.line));
        let name = self.name.clone();
        let body = until(&name, || {
            if let Ok(Some(ended)) = self.child.try_wait() {
                panic!("{name} has ended: {ended}");
            }
            let (first, body) = get(admin, "/readyz").map_err(|e| e.to_string())?;
            let ready = first.contains(" 200 ") && body.lines().all(|line| line.ends_with(": ok"));
            if ready && self.hears_signals() { Ok(body) } else { Err(format!("{first}\n{body}")) }
        });
        assert!(body.starts_with("serving: ok\n"), "{}: {body}", self.name);
        let peers: BTreeSet<&str> =
            body.lines().filter_map(|line| line.strip_prefix("peer ")?.strip_suffix(": ok")).collect();
        let away = self.services.iter().flat_map(|service| service.peers());
        let away = away.filter(|peer| !self.services.contains(peer)).map(|peer| peer.word()).collect();
        assert_eq!(peers, away, "{}: {body}", self.name);
    }

    fn signal(&self, words: &[String]) {
        let pid = self.child.id().to_string();
        let words: Vec<String> = words.iter().map(|word| word.replace("$MAINPID", &pid)).collect();
        let sent = Command::new(&words[0]).args(&words[1..]).status().expect("kill");
        assert!(sent.success(), "{}: {}", self.name, words.join(" "));
    }

    fn stop(mut self) -> ExitStatus {
        self.signal(&["/bin/kill", "-TERM", "$MAINPID"].map(str::to_owned));
        let name = self.name.clone();
        until(&name, || self.child.try_wait().map_err(|e| e.to_string())?.ok_or("is still there after SIGTERM".into()))
    }
}

impl Drop for Running {
    /// A failed assertion leaves no process behind.
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Runs processes together, those first that others need: all become ready, stay so through a reload, and end well.
fn run(mut described: Vec<Described>, reload: &[String]) {
    let mut running: Vec<Running> = Vec::new();
    while !described.is_empty() {
        let up = |peer: &Service| running.iter().any(|other| other.services.contains(peer));
        let needs = |one: &Described, peer: &Service| !one.services.contains(peer) && !up(peer);
        let ready = |one: &Described| !one.services.iter().flat_map(|s| s.peers()).any(|peer| needs(one, peer));
        let next = described.iter().position(ready).expect("services need each other in no circle");
        let next = described.remove(next).start(&running);
        running.push(next);
    }
    running.iter_mut().for_each(Running::wait_ready);
    let gateway = running.iter().find(|process| process.services.contains(&Service::Gateway)).expect("a gateway");
    let http = gateway.said("public reading on http://").expect("a door for the public");
    let (first, note) = get(http, "/checkpoint").expect("an answer");
    assert!(first.contains(" 200 "), "{first}");
    let origin = config(&BTreeMap::new()).log.expect("the sample has a log").origin;
    assert_eq!(note.lines().next(), Some(origin.as_str()), "the gateway shows the log of the registry");
    running.iter().for_each(|process| process.signal(reload));
    running.iter_mut().for_each(Running::wait_ready);
    for process in running {
        let name = process.name.clone();
        let ended = process.stop();
        assert!(ended.success(), "{name}: {ended}");
    }
}

/// A unit, as systemd would run it.
fn of_unit(machine: &Machine, file: &str, instance: &str, services: Vec<Service>) -> Described {
    let unit = Unit::read(file);
    let environment = match unit.section("Service").iter().any(|(key, _)| *key == "EnvironmentFile") {
        true => {
            let path = unit.value("EnvironmentFile", instance);
            assert!(machine.place(&path).is_file(), "{path} is installed");
            environment(&path.replace(ETC, "systemd"))
        }
        false => BTreeMap::new(),
    };
    let state = format!("/var/lib/{}", unit.value("StateDirectory", instance));
    let serve = unit.command("ExecStart", instance);
    let data = serve.iter().skip_while(|word| *word != "--data").nth(1);
    assert_eq!(data, Some(&state), "{file}: only its state directory can be written");
    machine.data(&state);
    Described {
        name: format!("{file} {instance}"),
        services,
        check: Some(unit.command("ExecStartPre", instance)),
        serve,
        environment,
        places: vec![(ETC, machine.place(ETC)), (STATE, machine.place(STATE)), (PROGRAM, binary())],
    }
}

#[test]
fn the_unit_runs_all_services() {
    let machine = Machine::install();
    let reload = Unit::read(UNITS[0]).command("ExecReload", "");
    run(vec![of_unit(&machine, UNITS[0], "", Service::ALL.to_vec())], &reload);
}

#[test]
fn the_template_runs_each_service_and_they_find_each_other() {
    let machine = Machine::install();
    let reload = Unit::read(UNITS[1]).command("ExecReload", "");
    run(Service::ALL.map(|service| of_unit(&machine, UNITS[1], service.word(), vec![service])).into(), &reload);
}

#[test]
fn the_commands_of_the_containers_run_and_find_each_other() {
    let machine = Machine::install();
    let compose = yaml(&text("compose.yaml"));
    let entry = instructions().into_iter().find(|(word, _)| word == "ENTRYPOINT").expect("an entry point").1;
    let container = |service: Service| {
        let word = service.word();
        let described = &compose["services"][word];
        let mut serve = strings(&scalar(&entry));
        serve.extend(strings(&described["command"]));
        Described {
            name: format!("container {word}"),
            services: vec![service],
            check: None,
            serve,
            environment: string_map(&described["environment"]),
            places: vec![
                (ETC, machine.place(ETC)),
                (STATE, machine.data(&format!("/volumes/{word}"))),
                (PROGRAM, binary()),
            ],
        }
    };
    let reload = ["/bin/kill", "-HUP", "$MAINPID"].map(str::to_owned);
    run(Service::ALL.map(container).into(), &reload);
}
