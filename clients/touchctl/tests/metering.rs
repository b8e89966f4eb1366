//! What the commands of metering do without a server, and how they say that none is there.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use metering::{calibration_of, evidence_root, write_archive};
use record::evidence::{Evidence, InstrumentEvidence, Series};
use record::instrument::{Instrument, Period};
use serde_json::Value;
use touchctl::{DONE, FAILED, Surroundings, USAGE, run_in};

const ISSUED: &str = include_str!("../../../registry/dcc/tests/issued.xml");
const METER: &str = "organizations/o/sites/s/instruments/m";

struct Answer {
    code: u8,
    out: String,
    err: String,
}

/// A folder with files.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Desk(tempfile::tempdir().unwrap())
    }

    /// With the archive of a year, and the record of its meter.
    fn with_archive() -> Self {
        let desk = Desk::new();
        desk.write("year.tar", archive(&evidence()));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Runs a line; words that begin with `./` are files here.
    fn run(&self, line: &str) -> Answer {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let place = |word: &str| match word.strip_prefix("./") {
            Some(name) => self.path(name).into_os_string(),
            None => OsString::from(word),
        };
        let args = ["touchctl"].into_iter().chain(line.split_whitespace()).map(place);
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
        Answer { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let answer = self.run(&format!("{line} --json"));
        assert_eq!((answer.code, answer.err.as_str()), (DONE, ""), "{}", answer.out);
        serde_json::from_str(&answer.out).unwrap()
    }

    #[track_caller]
    fn shows(&self, line: &str, wanted: &[&str]) {
        let answer = self.run(line);
        assert_eq!((answer.code, answer.err.as_str()), (DONE, ""), "{}", answer.out);
        for line in wanted {
            assert!(answer.out.lines().any(|found| found == *line), "{line} in\n{}", answer.out);
        }
    }

    #[track_caller]
    fn refused(&self, line: &str, code: u8, reason: &str, field: Option<&str>, words: &str) {
        let answer = self.run(line);
        assert_eq!((answer.code, answer.out.as_str()), (code, ""), "{}", answer.err);
        assert!(answer.err.contains(words), "{words} in {}", answer.err);
        let answer = self.run(&format!("{line} --json"));
        let error = &serde_json::from_str::<Value>(&answer.out).unwrap()["error"];
        assert_eq!((answer.code, &error["reason"], error["field"].as_str()), (code, &Value::from(reason), field));
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const METER_TOML: &str = "name = \"organizations/o/sites/s/instruments/m\"\nkind = \"electricity-meter\"\n\
    serialNumber = \"EM-000123\"\nmeasurand = \"electricity-import\"\nunit = \"kWh\"\nresolution = \"0.01\"\n\
    [register.interval]\nmaximum = 1000000\n\
    [[placements]]\nlocation = \"hall\"\nstart = \"2020-01-01T00:00:00Z\"\n";

fn evidence() -> Evidence {
    let instrument: Instrument = toml::from_str(METER_TOML).unwrap();
    let period = Period { start: at("2026-03-10T00:00:00Z"), end: at("2026-03-13T00:00:00Z") };
    let values = (0..72).map(|hour| Some(1_000 + hour)).collect();
    let calibrations = vec![calibration_of(ISSUED.as_bytes(), &instrument, None).unwrap()];
    let series = vec![Series { start: period.start, step_secs: 3_600, values, revisions: [(40, 1)].into() }];
    let (inspections, gas_conversions) = (Vec::new(), Vec::new());
    Evidence {
        instruments: vec![InstrumentEvidence { instrument, calibrations, inspections, gas_conversions, series }],
        ..Evidence::empty("organizations/o/sites/s", period)
    }
}

fn archive(evidence: &Evidence) -> Vec<u8> {
    write_archive(evidence, None, None, &[ISSUED.as_bytes().to_vec()])
}

#[test]
fn an_archive_is_checked_and_a_day_of_it_proved() {
    let desk = Desk::with_archive();
    let root = evidence_root(&evidence()).to_string();
    let wanted = [
        "Site           organizations/o/sites/s",
        "Period         2026-03-10T00:00:00Z to 2026-03-13T00:00:00Z",
        "Known          when it was exported",
        &format!("Evidence root  {root}"),
        "Holds          1 instrument, 72 readings, 1 calibration, 0 inspections, 0 gas conversions, 0 weighed loads, \
         0 stock takings, 0 laboratory analyses",
        "  ✓ files         3 files, each of the size and SHA-256 in the manifest, and no other",
        "  ✓ root          made again of 6 leaves",
        "  ✓ certificates  1 certificate read again, each says what its calibration says",
    ];
    desk.shows(&format!("evidence check ./year.tar --root {root}"), &wanted);
    let shown = desk.json("evidence check ./year.tar");
    assert_eq!((&shown["evidenceRoot"], &shown["readings"]), (&Value::from(root.as_str()), &Value::from(72)));
    assert_eq!(shown["certificates"][0]["namesAccreditation"], true);

    let wanted = ["Day            2026-03-11 in UTC", "2026-03-11T16:00:00Z,3600,10.40,1"];
    desk.shows(&format!("evidence prove ./year.tar --instrument {METER} --day 2026-03-11 --out ./day.json"), &wanted);
    desk.shows(&format!("evidence check ./day.json --root {root}"), &wanted);
    let shown = desk.json("evidence check ./day.json");
    assert_eq!((&shown["day"], &shown["readings"][0]["value"]), (&Value::from("2026-03-11"), &Value::from("10.24")));
    assert_eq!(shown["readings"].as_array().unwrap().len(), 24);
}

#[test]
fn what_is_no_archive_and_no_proof_is_refused() {
    let desk = Desk::with_archive();
    let mut bytes = fs::read(desk.path("year.tar")).unwrap();
    let value = bytes.windows(4).position(|four| four == b"1001").unwrap();
    bytes[value] = b'2';
    desk.write("changed.tar", &bytes);
    desk.write("text.txt", "not an archive\n");
    desk.write("day.json", "{\"format\": \"touchstone-day-proof-2\"}");
    let refused = |line: &str, reason, field, words| desk.refused(line, FAILED, reason, Some(field), words);
    let words = "changed.tar: evidence.json: has SHA-256 ";
    refused("evidence check ./changed.tar", "ARCHIVE_INVALID", "file", words);
    refused("evidence check ./text.txt", "ARCHIVE_INVALID", "file", "not a tar archive");
    refused("evidence check ./day.json", "PROOF_INVALID", "file", "the format is");
    refused("evidence check ./absent.tar", "FILE_MISSING", "file", "there is no such file");
    let root = "0".repeat(64);
    refused(&format!("evidence check ./year.tar --root {root}"), "OTHER_ROOT", "root", "it is other evidence");
    let prove = |instrument: &str, day: &str, out: &str| {
        format!("evidence prove ./year.tar --instrument {instrument} --day {day} --out ./{out}")
    };
    let words = "its first day is 2026-03-10, its last 2026-03-12";
    refused(&prove(METER, "2026-03-13", "p"), "NO_READINGS", "day", words);
    refused(&prove(&format!("{METER}2"), "2026-03-11", "p"), "INSTRUMENT_UNKNOWN", "instrument", METER);
    refused(&prove(METER, "2026-03-11", "text.txt"), "FILE_EXISTS", "out", "nothing is overwritten");
    refused(&prove(METER, "2026-03-11", "absent/p"), "FILE_UNWRITABLE", "out", "there is no such folder");
    assert_eq!(fs::read_to_string(desk.path("text.txt")).unwrap(), "not an archive\n");
    // Nothing half-written is left.
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 4);
    desk.refused(&prove(METER, "11.3.2026", "p"), USAGE, "USAGE", None, "--day");
    desk.refused("evidence check ./year.tar --root abc", USAGE, "USAGE", None, "64 lower-case hexadecimal digits");
}

#[test]
fn a_certificate_is_understood_without_a_server() {
    let desk = Desk::new();
    desk.write("dcc.xml", ISSUED);
    let wanted = [
        "Certificate    Z-2026-0417",
        "Schema         DCC 3.3.0",
        "Signature      none",
        "Laboratory     Example Calibration Laboratory",
        "Accreditation  D-K-99999-01-00",
        "Calibrated     2026-03-04 to 2026-03-05",
        "Serial number  EM-000123",
    ];
    desk.shows("calibrations read ./dcc.xml", &wanted);
    let shown = desk.json("calibrations read ./dcc.xml --serial-number EM-000123");
    assert_eq!(shown["certificate"]["core"]["unique_identifier"], "Z-2026-0417");
    assert_eq!(shown["meters"][0]["calibration"]["as_left"][0]["error_percent"], "-0.11");
    // A meter that it is not for is said in place of results.
    let answer = desk.run("calibrations read ./dcc.xml --serial-number other");
    assert_eq!(answer.code, FAILED);
    assert!(answer.out.contains("Not usable") && answer.out.contains("EM-000123"), "{}", answer.out);
    desk.write("other.xml", "<a/>");
    desk.refused("calibrations read ./other.xml", FAILED, "CALIBRATION_CERTIFICATE_INVALID", Some("file"), "other.xml");
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let desk = Desk::new();
    desk.write("meter.toml", METER_TOML.replace("\"kWh\"", "\"t\""));
    desk.write("closed.toml", METER_TOML.replace("serialNumber", "serialNumbr"));
    desk.write("connection.toml", "server = \"a:1\"\nautority = \"a.crt\"\n");
    desk.write("report.pdf", "%PDF");
    let failed = |line: &str, reason, field, words| desk.refused(line, FAILED, reason, Some(field), words);
    failed("instruments create --file ./meter.toml", "RECORD_INVALID", "file", "t measures mass");
    failed("instruments create --file ./closed.toml", "RECORD_INVALID", "file", "serialNumbr");
    let get = format!("instruments get {METER}");
    let words = "line 2: there is no key autority: did you mean authority?";
    failed(&format!("{get} --connection ./connection.toml"), "CONNECTION_FILE_INVALID", "connection", words);
    failed(&get, "NO_CONNECTION", "server", "set TOUCHCTL_SERVER, TOUCHCTL_AUTHORITY");
    let files = "--authority ./a --certificate ./c --key ./k";
    failed(&format!("{get} --server a {files}"), "CONNECTION_INVALID", "server", "write host and port");
    failed(&format!("{get} --server a:1 {files}"), "FILE_MISSING", "certificate", "there is no such file");
    let calibration = format!(
        "calibrations create ./report.pdf --instrument {METER} --certificate-id 7 --laboratory L \
         --laboratory-accreditation D-7 --calibrated 2023-01-01 --valid 2022-01-01/2024-01-01 --point -0.1:0.1:2"
    );
    failed(&calibration, "RECORD_INVALID", "validity.start", "must not be earlier than calibratedTime");
    let usage = |line: &str, words| desk.refused(line, USAGE, "USAGE", None, words);
    usage("instruments get meter", "organizations/{organization}");
    usage(&format!("instruments create {METER} --kind clock"), "electricity-meter");
    usage(&format!("instruments create {METER} --file ./meter.toml"), "cannot be used with");
    usage(&calibration.replace("-0.1:0.1:2", "1:2"), "ERROR:U:K");
    usage(&format!("readings list --instrument {METER} --period 2023"), "START/END");
    usage(&format!("readings consumption --instrument {METER} --period 2023-01-01/2024-01-01 --gaps none"), "mark");
    usage(&format!("inspections create --instrument {METER} --id a --at 2023-01-01 --inspector b"), "--seal");
}

/// A port on which nobody listens, and certificates that nobody knows.
#[test]
fn a_server_that_is_away_is_said_with_the_remedy() {
    let desk = Desk::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    desk.write("a.crt", certificate.pem());
    desk.write("a.key", key.serialize_pem());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connection = format!("--server {closed} --authority ./a.crt --certificate ./a.crt --key ./a.key");
    let line = format!("instruments get {METER} {connection}");
    desk.refused(&line, FAILED, "SERVER_AWAY", None, "gives no answer");
    assert!(desk.run(&line).err.contains("correct --server"));
    let line = line.replace("--key ./a.key", "--key ./a.crt");
    desk.refused(&line, FAILED, "IDENTITY_INVALID", None, "key: ");
}
