//! Import of readings as a person or a script meets it, without a server.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use touchctl::{DONE, FAILED, Surroundings, USAGE, run_in};

struct Answer {
    code: u8,
    out: String,
    err: String,
}

/// A folder with files.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Desk(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(desk.path(name), text).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `touchctl readings import` of a file here; words that begin with `./` are files here too.
    fn import(&self, args: &[&str]) -> Answer {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let place = |word: &&str| match word.strip_prefix("./") {
            Some(name) => self.path(name).into_os_string(),
            None => OsString::from(word),
        };
        let args = ["touchctl", "readings", "import"].iter().chain(args).map(place);
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        let code = run_in(args, &mut Surroundings { now, out: &mut out, err: &mut err });
        Answer { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    #[track_caller]
    fn refused(&self, args: &[&str], code: u8, reason: &str, field: Option<&str>, words: &str) {
        let answer = self.import(args);
        assert_eq!((answer.code, answer.out.as_str()), (code, ""), "{}", answer.err);
        assert!(answer.err.contains(words), "{words} in {}", answer.err);
        let answer = self.import(&[args, &["--json"]].concat());
        let error = &serde_json::from_str::<Value>(&answer.out).unwrap()["error"];
        assert_eq!((answer.code, &error["reason"], error["field"].as_str()), (code, &Value::from(reason), field));
    }
}

const SEMICOLONS: &str = "Datum;Wirkarbeit kWh;Blindarbeit kvarh\n29.10.2023 01:45;1.234,5;1\n29.10.2023 02:00;2;1\n\
                          29.10.2023 02:15;3;1\n29.10.2023 02:00;4;1\n29.10.2023 02:15;;1\n";
const BERLIN: [&str; 4] = ["--time-column", "Datum", "--zone", "Europe/Berlin"];

#[test]
fn a_dry_run_says_what_was_found() {
    let desk = Desk::with(&[("a.csv", SEMICOLONS)]);
    let answer = desk.import(&[&["./a.csv", "--dry-run"], &BERLIN[..]].concat());
    assert_eq!((answer.code, answer.err.as_str()), (DONE, ""), "{}", answer.out);
    for line in [
        "Written        fields between \";\", decimal comma, thousands with \".\"",
        "Columns        times Datum, values Wirkarbeit kWh",
        "Times          day-first, the start of each interval, Europe/Berlin",
        "Period         2023-10-28T23:45:00Z to 2023-10-29T01:30:00Z",
        "Intervals      7 of 900 s, from 5 rows",
        "Total          1243.5 kWh",
        "Missing        3 intervals",
        "Twice          1 hour that the clock shows twice, told apart by order",
        "Nothing was sent.",
    ] {
        assert!(answer.out.lines().any(|found| found == line), "{line} in\n{}", answer.out);
    }
    assert!(!answer.out.contains('\u{1b}') && answer.out.contains('│'), "{}", answer.out);

    let answer = desk.import(&[&["./a.csv", "--dry-run", "--json"], &BERLIN[..]].concat());
    let shown: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&shown["intervals"], &shown["report"]["total"]), (&Value::from(7), &Value::from("1243.5")));
    assert_eq!((&shown["report"]["repeated_hours"], &shown["dry_run"]), (&Value::from(1), &Value::from(true)));
    assert_eq!(shown["report"]["profile"]["zone"], "Europe/Berlin");
}

#[test]
fn a_profile_is_saved_and_used() {
    let desk = Desk::with(&[("a.csv", SEMICOLONS), ("b.csv", "Datum;Wirkarbeit kWh;x\n1.11.2023 00:00;1,234;\n")]);
    let saved = desk.import(&[&["./a.csv", "--dry-run", "--save-profile", "./profile.toml"], &BERLIN[..]].concat());
    assert_eq!(saved.code, DONE, "{}", saved.err);
    let text = fs::read_to_string(desk.path("profile.toml")).unwrap();
    for line in ["delimiter = \";\"", "decimal = \"comma\"", "zone = \"Europe/Berlin\"", "time_format = \"day-first\""]
    {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    // Of the other file alone, neither the length of an interval nor the meaning of its comma could be known; what is
    // stated goes before the profile.
    let json = ["./b.csv", "--dry-run", "--json", "--profile", "./profile.toml", "--resolution", "0.001"];
    let shown: Value = serde_json::from_str(&desk.import(&json).out).unwrap();
    assert_eq!((&shown["start"], &shown["step_secs"]), (&Value::from("2023-10-31T23:00:00Z"), &Value::from(900)));
    assert_eq!((&shown["report"]["total"], &shown["resolution"]), (&Value::from("1.234"), &Value::from("0.001")));
    // Nothing is overwritten.
    let again = [&["./a.csv", "--dry-run", "--save-profile", "./profile.toml"], &BERLIN[..]].concat();
    desk.refused(&again, FAILED, "FILE_EXISTS", Some("save-profile"), "name another --save-profile");
}

#[test]
fn what_is_wrong_is_named() {
    let two = "time,energy_kwh,value_kwh\n2023-01-01 00:00,1,2\n2023-01-01 01:00,1,2\n";
    let desk = Desk::with(&[
        ("two.csv", two),
        ("wrong.toml", "value_colum = \"energy_kwh\"\n"),
        ("spring.csv", "time,kwh\n2023-03-26 01:00,1\n2023-03-26 02:00,1\n"),
        ("empty.csv", ""),
    ]);
    let dry = |file, more: &[&'static str]| [&[file, "--dry-run"], more].concat();
    let ambiguous = "two.csv: line 1: each of the columns energy_kwh, value_kwh can be that of values";
    desk.refused(&dry("./two.csv", &[]), FAILED, "READINGS_INVALID", Some("value_column"), ambiguous);
    let missing = "line 3: 2023-03-26 02:00:00 does not occur in Europe/Berlin";
    let berlin = &["--zone", "Europe/Berlin"];
    desk.refused(&dry("./spring.csv", berlin), FAILED, "READINGS_INVALID", Some("missing_hour"), missing);
    let profile = &["--profile", "./wrong.toml"];
    let nearest = "wrong.toml: line 1: there is no key value_colum: did you mean value_column?";
    desk.refused(&dry("./two.csv", profile), FAILED, "PROFILE_INVALID", Some("profile"), nearest);
    desk.refused(&dry("./empty.csv", &[]), FAILED, "FILE_EMPTY", Some("file"), "is empty");
    desk.refused(&dry("./absent.csv", &[]), FAILED, "FILE_MISSING", Some("file"), "there is no such file");
    for (wrong, words) in [
        (&["--zone", "Europe/Berln"], "did you mean Europe/Berlin?"),
        (&["--stamp", "middle"], "`auto`, `start`, `end`"),
        (&["--unit", "kW"], "unknown unit \"kW\""),
        (&["--delimiter", ";;"], "semicolon"),
        (&["--instrument", "meter-1"], "organizations/{organization}"),
    ] {
        desk.refused(&dry("./two.csv", wrong), USAGE, "USAGE", None, words);
    }
    desk.refused(&["./two.csv"], USAGE, "USAGE", None, "--instrument <NAME>");
}

#[test]
fn without_a_server_nothing_is_sent() {
    let desk = Desk::with(&[("a.csv", "time,kwh\n2023-01-01 00:00,1\n2023-01-01 01:00,2\n")]);
    let args = ["./a.csv", "--instrument", "organizations/o/sites/s/instruments/i", "--server", "registry.example:1"];
    let words = "give --authority, --certificate, --key, or set TOUCHCTL_AUTHORITY";
    desk.refused(&args, FAILED, "NO_CONNECTION", Some("authority"), words);
}

#[test]
fn the_steel_plant_of_2018() {
    let shared = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data/steel_industry_2018.csv.gz");
    if !path.exists() {
        println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return;
    }
    let desk = Desk::with(&[]);
    let answer = desk.import(&[path.to_str().unwrap(), "--dry-run", "--zone", "Asia/Seoul"]);
    assert_eq!((answer.code, answer.err.as_str()), (DONE, ""));
    for line in [
        "Intervals      35040 of 900 s, from 35040 rows",
        "Total          959636.71 kWh",
        "Missing        0 intervals",
        "Midnights      365 rows with the date of the day that ended, moved to the next",
        "Drop-outs      1 zero between two that are not, kept as zero",
        "               line 29857, from 2018-11-07T14:45:00Z",
    ] {
        assert!(answer.out.lines().any(|found| found == line), "{line} in\n{}", answer.out);
    }
}
