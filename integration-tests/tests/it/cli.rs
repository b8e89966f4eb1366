//! The programs as a person meets them: what they print, what they write, and how they end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cose::x509::Certificate;
use integration_tests::cast::BASE;
use integration_tests::{cast, story};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{NUMBER, Told};

fn program(name: &str) -> PathBuf {
    integration_tests::processes::program(name).expect("a program")
}

/// How a program ended.
#[derive(Debug)]
struct Answer {
    code: i32,
    out: String,
    err: String,
}

/// A folder in which programs run.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Desk(tempfile::tempdir().expect("a folder"))
    }

    /// With an installation in `inst`.
    fn installed() -> Self {
        let desk = Desk::new();
        assert_eq!(desk.run("touchstone", &["init", "inst"]).code, 0);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("written");
    }

    fn run(&self, name: &str, args: &[&str]) -> Answer {
        let output = Command::new(program(name)).args(args).current_dir(self.0.path()).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Answer { code: output.status.code().expect("an exit"), out: text(output.stdout), err: text(output.stderr) }
    }

    /// A run that must end with this code and say all these words on standard error, and nothing on standard output.
    #[track_caller]
    fn refused(&self, name: &str, args: &[&str], code: i32, words: &[&str]) {
        let answer = self.run(name, args);
        assert_eq!((answer.code, answer.out.as_str()), (code, ""), "{args:?}: {}", answer.err);
        for word in words {
            assert!(answer.err.contains(word), "{args:?}: {word} in {}", answer.err);
        }
    }

    fn fingerprint(&self, file: &str) -> String {
        let answer = self.run("touchctl", &["key", "fingerprint", file, "--json"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        let shown: Value = serde_json::from_str(&answer.out).expect("one object");
        shown["thumbprint"].as_str().expect("a thumbprint").to_owned()
    }
}

/// RFC 7638, 3.1.
const RFC_7638: &str = r#"{"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}"#;

#[test]
fn a_fingerprint_is_that_of_rfc_7638() {
    let desk = Desk::installed();
    // The example's algorithm, PKCS#1, is none of ours; its key is.
    desk.write("example.jwk", RFC_7638.replace(r#""alg": "RS256", "#, ""));
    assert_eq!(desk.fingerprint("example.jwk"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    // One key in each of its forms; of a private key the public half.
    assert_eq!(desk.fingerprint("inst/log-key.jwk"), desk.fingerprint("inst/log-receipt.key"));
    assert_eq!(desk.fingerprint("inst/authority.crt"), desk.fingerprint("inst/authority.key"));
    let text = desk.run("touchctl", &["key", "fingerprint", "inst/operator.jwk"]).out;
    assert!(text.contains(&desk.fingerprint("inst/operator.jwk")) && text.contains("RFC 7638"), "{text}");
    let spki = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    desk.write("ed25519.pem", spki);
    // RFC 8410, 10.1, and the same key as a JWK.
    desk.write(
        "ed25519.jwk",
        r#"{"kty": "OKP", "crv": "Ed25519", "x": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"}"#,
    );
    assert_eq!(desk.fingerprint("ed25519.pem"), desk.fingerprint("ed25519.jwk"));
    desk.write("private.jwk", r#"{"kty": "OKP", "crv": "Ed25519", "x": "Gb9E", "d": "AAAA"}"#);
    for (file, word) in [
        ("inst/touchstone.toml", "a JWK is expected, or PEM"),
        ("private.jwk", "a private key was given"),
        ("inst", "is a directory"),
        ("absent", "there is no such file"),
    ] {
        desk.refused("touchctl", &["key", "fingerprint", file], 1, &[file, word]);
    }
}

#[test]
fn init_tells_what_to_compare_and_what_comes_next() {
    let desk = Desk::new();
    let hosts = ["--host", "registry.example", "--host", "192.0.2.7", "--host", "::1"];
    let made = desk.run("touchstone", &[["init", "inst"].as_slice(), &hosts].concat());
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    for file in ["log-key.jwk", "log-note.key", "log-status-note.key", "operator.jwk"] {
        let line = format!("{}  {file}", desk.fingerprint(&format!("inst/{file}")));
        assert!(made.out.contains(&line), "{line} in {}", made.out);
    }
    let introduction: toml::Value =
        toml::from_str(&fs::read_to_string(desk.path("inst/introduction.toml")).expect("a file")).expect("TOML");
    for key in ["note_key", "status_note_key"] {
        let vkey = introduction["log"][key].as_str().expect("a vkey");
        assert!(made.out.lines().any(|line| line.ends_with(vkey)), "{vkey} in {}", made.out);
    }
    // `enrol` needs the key that is then moved away.
    let at = |word| made.out.find(word).unwrap_or_else(|| panic!("{word} in {}", made.out));
    assert!(at("touchstone enrol inst") < at("Move authority.key") && at("Move") < at("touchstone serve"));
    assert!(at("touchstone serve") < at("inst/introduction.toml"));
    // The server is called by the names given, and by no other.
    let der = |desk: &Desk| pem(&fs::read_to_string(desk.path("inst/server.crt")).expect("a file"));
    let named = Certificate::from_der(&der(&desk)).expect("a certificate");
    assert_eq!(named.dns_names(), ["registry.example"]);
    // iPAddress is [7] of a GeneralName (RFC 5280, 4.2.1.6).
    let has = |der: &[u8], name: &[u8]| der.windows(name.len()).any(|window| window == name);
    let v6 = [[0x87, 16].as_slice(), &[0; 15], &[1]].concat();
    assert!(has(named.der(), &[0x87, 4, 192, 0, 2, 7]) && has(named.der(), &v6));
    let default = der(&Desk::installed());
    assert_eq!(Certificate::from_der(&default).expect("a certificate").dns_names(), ["localhost"]);
    assert!(has(&default, &[0x87, 4, 127, 0, 0, 1]) && has(&default, &v6));
}

/// The DER of a PEM text.
fn pem(text: &str) -> Vec<u8> {
    use base64::Engine;
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).expect("base64")
}

#[test]
fn init_refuses_before_it_writes() {
    let desk = Desk::installed();
    let long = "x".repeat(201);
    let rows: [(&str, &str, i32, &str); 14] = [
        ("--grpc", "7443", 2, "such as 127.0.0.1:7443"),
        ("--grpc", "localhost:7443", 2, "such as 127.0.0.1:7443"),
        ("--grpc", "127.0.0.1:70000", 2, "such as 127.0.0.1:7443"),
        ("--http", "http://127.0.0.1:7080", 2, "such as 127.0.0.1:7443"),
        ("--http", "127.0.0.1:7443", 1, "give each a port of its own"),
        ("--origin", "", 2, "such as log.example/touchstone"),
        ("--origin", "a b", 2, "such as log.example/touchstone"),
        ("--origin", "a+b", 2, "such as log.example/touchstone"),
        ("--origin", "a\"\n[x]", 2, "such as log.example/touchstone"),
        ("--origin", &long, 2, "such as log.example/touchstone"),
        ("--log-id", "log.example", 2, "write it as did:web:log.example"),
        ("--host", "https://registry.example", 2, "such as registry.example or 192.0.2.1"),
        ("--host", "registry.example:7443", 2, "such as registry.example or 192.0.2.1"),
        ("--host", "300.1.1.1", 2, "such as registry.example or 192.0.2.1"),
    ];
    for (flag, value, code, remedy) in rows {
        desk.refused("touchstone", &["init", "new", &format!("{flag}={value}")], code, &[flag, remedy]);
        assert!(!desk.path("new").exists(), "{flag} {value}");
    }
    desk.refused("touchstone", &["init", "inst"], 1, &["inst is not empty", "name a new folder"]);
    desk.refused("touchstone", &["init", "inst/server.crt"], 1, &["is a file", "name a new folder"]);
}

#[test]
fn enrol_says_what_it_wrote_and_what_is_wrong() {
    let desk = Desk::installed();
    let line = |folder, organization, role, person, out| {
        ["enrol", folder, "--organization", organization, "--role", role, "--person", person, "--out", out]
    };
    let enrolled = desk.run("touchstone", &line("inst", "acme", "exporter", "ann", "ann"));
    assert_eq!((enrolled.code, enrolled.err.as_str()), (0, ""));
    for word in ["ann.crt", "ann.key", "touchstone://acme/exporter/ann", "inst/authority.crt"] {
        assert!(enrolled.out.contains(word), "{word} in {}", enrolled.out);
    }
    let key = fs::read(desk.path("ann.key")).expect("a key");
    let rows: [([&str; 10], i32, &[&str]); 9] = [
        (line("inst", "acme", "king", "ann", "bob"), 2, &["--role", "exporter, reviewer", "supervisor, operator"]),
        (line("inst", "acme", "service", "ann", "bob"), 2, &["--role", "exporter, reviewer"]),
        (line("inst", "Acme Ltd", "exporter", "ann", "bob"), 2, &["--organization", "lower-case letters, digits"]),
        (line("inst", "acme", "exporter", "-ann", "bob"), 2, &["--person"]),
        (line("inst", "touchstone", "exporter", "ann", "bob"), 1, &["the installation's own"]),
        (line("inst", "acme", "exporter", "ann", "ann"), 1, &["ann.crt is there already", "--out"]),
        (line(".", "acme", "exporter", "ann", "bob"), 1, &["authority.crt is not there", "touchstone init"]),
        (line("inst", "acme", "exporter", "ann", "absent/bob"), 1, &["absent/bob", "folder that is not there"]),
        (line("inst", "acme", "exporter", "ann", "inst"), 1, &["--out inst is a folder", "such as"]),
    ];
    for (args, code, words) in rows {
        desk.refused("touchstone", &args, code, words);
        assert!(!desk.path("bob.crt").exists() && !desk.path("bob.key").exists(), "{args:?}");
    }
    // Half of a pair is never left, nor its other half replaced.
    fs::remove_file(desk.path("ann.crt")).expect("removed");
    desk.refused("touchstone", &line("inst", "acme", "exporter", "ann", "ann"), 1, &["ann.key is there already"]);
    assert!(!desk.path("ann.crt").exists());
    assert_eq!(fs::read(desk.path("ann.key")).expect("a key"), key);
    fs::remove_file(desk.path("inst/authority.key")).expect("removed");
    desk.refused(
        "touchstone",
        &line("inst", "acme", "exporter", "ann", "bob"),
        1,
        &["inst/authority.key is not there"],
    );
}

/// A plant file of goods that are made of certified cement.
fn buyer() -> String {
    format!(
        "method = \"cbam-transitional-2023-1773\"\n\
         [site]\nname = \"organizations/buyer/sites/works\"\ntitle = \"works\"\n\
         [period]\nstart = 2026-01-01T00:00:00Z\nend = 2027-01-01T00:00:00Z\n\
         [[stream]]\nname = \"gas\"\nprocess = \"p\"\nmethod = \"measured\"\n\
         emissions = {{ value = 10, unit = \"tCO2\" }}\n\
         [[process]]\nname = \"p\"\ncategory = \"c\"\nproduction = {{ value = 10, unit = \"t\" }}\n\
         [[precursor]]\nname = \"cement\"\ncategory = \"Cement\"\n\
         certificate = \"{BASE}/certificates/{NUMBER}\"\n\
         uses = [{{ process = \"p\", amount = {{ value = 20, unit = \"t\" }} }}]\n\
         [[product]]\nname = \"p\"\ncn_code = \"68101190\"\nprocess = \"p\"\nfunctional_unit = \"1 t\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_makes_a_trust_file_and_verifies() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let bundle = story::bundle(&told.stage.client(&cast::regulator()), NUMBER, 0).await.expect("a bundle");
    let desk = Desk::new();
    desk.write("bundle.cbor", bundle);
    desk.write("certificate.cose", &told.registered.entry);
    for (name, authority) in [
        ("body.crt", &world.cast.accreditation_authority),
        ("customs.crt", &world.cast.regulator_authority),
        ("supervisor.crt", &world.cast.supervisor_authority),
    ] {
        desk.write(name, &authority.pair().certificate_pem);
    }
    desk.write("signer.crt", &world.cast.accreditation_body.certificate.certificate_pem);
    desk.write("body.der", &world.cast.accreditation_authority.pair().certificate_der);
    fs::copy(&world.installation.introduction_file, desk.path("introduction.toml")).expect("copied");

    let (party, body) = (world.cast.regulator.did, world.cast.accreditation_body.did);
    let customs = format!("{party}=customs.crt");
    let supervisor = format!("{}=supervisor.crt", world.cast.supervisor.did);
    let make = |accreditation: &str, more: &[&str], out: &str| {
        let body = format!("{body}={accreditation}");
        let args = ["trust", "make", "introduction.toml", "--party", party, "--accreditation-body", &body];
        let parties = ["--arrangement-party", &customs, "--arrangement-party", &supervisor, "--out", out];
        [args.as_slice(), &parties, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |args: &[String]| desk.run("touchctl", &args.iter().map(String::as_str).collect::<Vec<_>>());
    let made = run(&make("body.crt", &[], "trust.toml"));
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    let receipts = &world.installation.keys.iter().find(|(what, ..)| *what == "receipts").expect("a key").2;
    assert!(made.out.starts_with("Wrote trust.toml.") && made.out.contains(&receipts.fingerprint()), "{}", made.out);
    let written = fs::read_to_string(desk.path("trust.toml")).expect("a file");
    assert!(!written.contains("witness =") && written.contains("max_age_hours = 24"), "{written}");
    // DER does as well as PEM.
    assert_eq!(run(&make("body.der", &["--json"], "same.toml")).code, 0);
    assert_eq!(fs::read_to_string(desk.path("same.toml")).expect("a file"), written);
    // Nothing is overwritten, and nothing wrong is written.
    let again = run(&make("body.crt", &["--max-age-hours", "1"], "trust.toml"));
    assert!(again.code == 1 && again.err.contains("trust.toml: cannot be written: it is there already"), "{again:?}");
    assert_eq!(fs::read_to_string(desk.path("trust.toml")).expect("a file"), written);
    for (accreditation, more, code, word) in [
        ("signer.crt", [].as_slice(), 1, "certificate of the authority that issued it"),
        ("absent.crt", &[], 1, "absent.crt: there is no such file"),
        ("trust.toml", &[], 1, "certificate is expected, PEM or DER"),
        ("body.crt", &["--witness-quorum", "1"], 1, "witness_quorum"),
        ("body.crt", &["--witness", "no key"], 2, "--witness"),
        ("body.crt", &["--accreditation-body", "body.crt"], 2, "expected DID=FILE"),
    ] {
        let answer = run(&make(accreditation, more, "wrong.toml"));
        assert!(answer.code == code && answer.err.contains(word), "{answer:?}");
        assert!(!desk.path("wrong.toml").exists());
    }
    desk.write("hello.toml", written.replacen(party, "hello", 1));
    desk.refused("touchctl", &["trust", "show", "hello.toml"], 1, &["party", "\"hello\" is no did:web identifier"]);

    // The file is enough to verify with.
    let verify = |file: &str, more: &[&str]| {
        let answer =
            desk.run("touchctl", &[["verify", "--offline", file, "--trust", "trust.toml"].as_slice(), more].concat());
        assert!(!answer.out.contains("\n\n\n"), "{}", answer.out);
        answer
    };
    let accepted = verify("bundle.cbor", &[]);
    assert!(accepted.code == 0 && accepted.out.starts_with("✓ ACCEPTED\n"), "{accepted:?}");

    // Another file, named in place of the bundle.
    for (file, what) in [("trust.toml", "it is text"), ("certificate.cose", "a single signed statement")] {
        let answer = verify(file, &[]);
        assert_eq!(answer.code, 1, "{answer:?}");
        for word in ["BUNDLE_UNREADABLE", "the file is no bundle", what, "Remedy: Name the bundle"] {
            assert!(answer.out.contains(word), "{word} in {}", answer.out);
        }
    }

    // A plain date is its first moment: on the day of issue that is too early, and said.
    let verdict: Value = serde_json::from_str(&verify("bundle.cbor", &["--json"]).out).expect("one object");
    let (day, since) = (&verdict["log_time"].as_str().expect("a time")[..10], &verdict["log_time"]);
    for flag in ["--as-of", "--now"] {
        let answer = verify("bundle.cbor", &[flag, day]);
        let remedy = format!(
            "A plain date is its first moment, {day}T00:00:00Z: give {flag} with a time of that day from {} on",
            since.as_str().expect("a time")
        );
        assert!(answer.code == 1 && answer.out.contains("NOT_YET_REGISTERED"), "{answer:?}");
        assert!(answer.out.contains(&remedy), "{remedy} in {}", answer.out);
    }
    // Long before, there is nothing to explain.
    let early = verify("bundle.cbor", &["--as-of", "2020-01-01"]).out;
    assert!(early.contains("NOT_YET_REGISTERED") && !early.contains("plain date"), "{early}");

    // A maker of goods from this cement rests its own figure on the certificate: two tonnes a tonne of goods.
    desk.write("buyer.toml", buyer());
    let compute = |certificate: &str, trust: &str| {
        let args = ["footprints", "compute", "--plant", "buyer.toml", "--json", "--trust", trust];
        desk.run("touchctl", &[args.as_slice(), &["--certificate", certificate]].concat())
    };
    let found: Value = serde_json::from_str(&compute("bundle.cbor", "trust.toml").out).expect("one object");
    let cement = told.statement.total.value.to_f64();
    let total = &found["products"][0]["see_total"];
    assert!((total.as_f64().expect("a number") - (1.0 + 2.0 * cement)).abs() < 1e-12, "{found}");
    let without = ["footprints", "compute", "--plant", "buyer.toml"];
    desk.refused("touchctl", &without, 1, &["is not here", "give its bundle"]);
    let answer = compute("certificate.cose", "trust.toml");
    assert!(answer.code == 1 && answer.out.contains("CERTIFICATE_NOT_ESTABLISHED"), "{answer:?}");
}

/// Readings every 15 minutes of January 2023.
fn readings(header: &str, count: usize, row: impl Fn(usize, &str) -> Option<String>) -> String {
    let start: jiff::Timestamp = "2023-01-01T00:00:00Z".parse().expect("a time");
    let rows = (0..count).filter_map(|i| row(i, &(start + jiff::SignedDuration::from_mins(15 * i as i64)).to_string()));
    rows.fold(format!("{header}\n"), |text, row| text + &row + "\n")
}

/// Each wrong file: one line that names file, place and remedy, and no option, for there is none.
#[test]
fn the_demonstration_refuses_a_file_in_one_line() {
    let desk = Desk::new();
    fs::create_dir(desk.path("folder")).expect("a folder");
    let good = |i: usize, time: &str| Some(format!("{time},{i}.5"));
    let rows: [(&str, String, &[&str]); 17] = [
        ("empty.csv", String::new(), &["the file is empty", "time,energy_kwh"]),
        ("header.csv", readings("time,kwh", 0, good), &["no reading below its first line"]),
        ("one.csv", readings("time,kwh", 1, good), &["line 2", "the only time in the file"]),
        ("names.csv", readings("when,amount", 4, good), &["line 1", "when, amount", "name it time, timestamp"]),
        ("values.csv", readings("time,amount", 4, good), &["line 1", "time, amount", "energy_kwh"]),
        ("unit.csv", readings("time,usage", 4, good), &["line 1", "\"usage\" names no unit", "energy_kwh"]),
        ("kg.csv", readings("time,usage_kg", 4, good), &["line 1", "is in kg", "energy_kwh"]),
        ("m3.csv", readings("time,usage_m3", 4, good), &["line 1", "is in m3", "energy_kwh"]),
        (
            "bars.csv",
            readings("time|kwh", 4, |_, time| Some(format!("{time}|1.5"))),
            &["line 1", "bars", "commas, semicolons or tabs"],
        ),
        ("comma.csv", readings("time,kwh", 4, |_, time| Some(format!("{time},1,5"))), &["line 2", "3 fields", "1.5"]),
        (
            "thousands.csv",
            readings("time,kwh", 4, |_, time| Some(format!("{time},\"1,500\""))),
            &["line 2", "column \"kwh\"", "has a comma", "1.5"],
        ),
        (
            "two.csv",
            readings("time,energy_kwh,value_kwh", 4, |_, time| Some(format!("{time},1,2"))),
            &["line 1", "energy_kwh, value_kwh", "keep one of them"],
        ),
        (
            "text.csv",
            readings("time,kwh", 4, |_, time| Some(format!("{time},n/a"))),
            &["line 2", "column \"kwh\"", "n/a"],
        ),
        (
            "time.csv",
            readings("time,kwh", 4, |i, _| Some(format!("13/13/2023 00:0{i},1"))),
            &["line 2", "column \"time\"", "31/1/2023 13:45"],
        ),
        (
            "long.csv",
            "time,kwh\n2023-01-01 00:00,1\n2023-02-01 00:00,1\n".into(),
            &["longer than a day", "give shorter ones"],
        ),
        ("binary.csv", String::new(), &["line 1", "not UTF-8 text", "save the table as CSV"]),
        (
            "future.csv",
            readings("time,kwh", 4, |i, _| Some(format!("2090-01-01T0{i}:00:00Z,1"))),
            &["no reading was accepted"],
        ),
    ];
    for (name, text, words) in rows {
        desk.write(name, if name == "binary.csv" { b"PK\x03\x04\xff\xfe".to_vec() } else { text.into_bytes() });
        let answer = desk.run("touchstone-demo", &["--readings", name]);
        assert_eq!((answer.code, answer.err.lines().count()), (1, 1), "{name}: {answer:?}");
        assert!(answer.err.starts_with(&format!("demo: {name}: ")), "{}", answer.err);
        assert!(!answer.err.contains("option") && !answer.err.contains("--"), "{}", answer.err);
        for word in words {
            assert!(answer.err.contains(word), "{name}: {word} in {}", answer.err);
        }
        // A file that cannot be read is refused before anything is told.
        assert!(answer.out.is_empty() || name == "future.csv", "{name}: {}", answer.out);
    }
    desk.refused("touchstone-demo", &["--readings", "folder"], 1, &["demo: folder: is a folder", "name a CSV file"]);
    desk.refused("touchstone-demo", &["--readings", "absent"], 1, &["demo: absent: there is no such file"]);
}

#[test]
fn the_demonstration_tells_own_readings_to_their_end() {
    let desk = Desk::new();
    let tell = |name: &str, row: &dyn Fn(usize, &str) -> Option<String>| {
        desk.write(name, readings("time,kwh", 960, row));
        desk.run("touchstone-demo", &["--readings", name, "--out", "story"])
    };
    let accepted = tell("my readings.csv", &|_, time| Some(format!("{time},12.5")));
    assert_eq!((accepted.code, accepted.err.as_str()), (0, ""), "{}", accepted.out);
    assert!(accepted.out.contains("Total: 12000.0 kWh.") && accepted.out.contains("ACCEPTED, later withdrawn"));
    let verify = ["verify", "--offline", "story/bundle.cbor", "--trust", "story/trust.toml"];
    assert_eq!(desk.run("touchctl", &verify).code, 0);

    let holes = tell("holes.csv", &|i, time| (i % 10 != 5).then(|| format!("{time},12.5")));
    let negative = tell("negative.csv", &|i, time| Some(format!("{time},{}", if i < 96 { "-1" } else { "2" })));
    for (refused, words) in [
        (&holes, ["Missing intervals: 96, 10.0 %", "gaps are 0.1 of the data, at most 0.05", "complete holes.csv"]),
        (&negative, ["lines 2 to 97 (96 rows) refused, OUT_OF_RANGE", "at most 0.05", "complete negative.csv"]),
    ] {
        assert_eq!((refused.code, refused.err.as_str()), (1, ""), "{}", refused.out);
        for word in words.iter().chain(&["the story ends here: REFUSED", "DATA_CONDITION (maxGapShare)", "Remedy: "]) {
            assert!(refused.out.contains(word), "{word} in {}", refused.out);
        }
        // Words, no structures of ours.
        assert!(!refused.out.contains(" { ") && !refused.out.contains("Reason"), "{}", refused.out);
        assert_eq!(desk.run("touchctl", &verify).code, 1);
    }
}

/// `make demo READINGS=…` hands a path on as it is.
#[test]
fn make_takes_a_path_with_spaces() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    fs::create_dir(desk.path("release")).expect("a folder");
    let stand_in = desk.path("release/touchstone-demo");
    fs::write(&stand_in, "#!/bin/sh\nfor word in \"$@\"; do echo \"[$word]\"; done\n").expect("written");
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).expect("executable");
    let make = |more: &[&str]| {
        let output = Command::new("make")
            .args(["--silent", "--old-file=setup", "demo", "CARGO=true"])
            .arg(format!("CARGO_TARGET_DIR={}", desk.0.path().display()))
            .args(more)
            .env_remove("MAKEFLAGS")
            .env_remove("MAKEOVERRIDES")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .expect("make runs");
        String::from_utf8(output.stdout).expect("text").lines().filter(|l| l.starts_with('[')).collect::<String>()
    };
    assert_eq!(make(&["READINGS=my own/it's \"here\".csv"]), "[--readings][my own/it's \"here\".csv]");
    assert_eq!(make(&[]), "");
}
