//! Metering from a terminal: `touchctl` against a running installation, from the first meter to the day that an auditor
//! is shown.

use std::fs;

use integration_tests::cast;
use runtime::Role;
use serde_json::Value;

use crate::desk::{Desk, SERIAL, cutting, instrument};
use crate::support::{self, ORGANIZATION, SITE};

const ISSUED: &[u8] = include_bytes!("../../../registry/dcc/tests/issued.xml");
const YEAR: &str = "2018-01-01/2019-01-01";

/// What was revised stays revised by a retry, and goes back where somebody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_revised_value_is_put_back() {
    let desk = Desk::with_meter("main").await;
    let meter = instrument("main");
    let file = |value: &str| format!("time,kwh\n2018-03-01T00:00:00Z,1.25\n2018-03-01T00:15:00Z,{value}\n");
    desk.write("first.csv", file("2.50"));
    desk.write("second.csv", file("3.75"));
    let import = |name: &str, more: &[&str]| {
        let sent = desk.json(&[&["readings", "import", name, "--instrument", &meter], more].concat())["sent"].clone();
        ["accepted", "duplicate", "superseded", "revised"].map(|count| sent[count].as_u64().expect("a count"))
    };
    let period = "2018-03-01/2018-03-02";
    let registered =
        || desk.json(&["readings", "consumption", "--instrument", &meter, "--period", period])["registered"].clone();
    assert_eq!(import("first.csv", &[]), [2, 0, 0, 0]);
    assert_eq!(import("second.csv", &[]), [0, 1, 0, 1]);
    assert_eq!((import("first.csv", &[]), registered()), ([0, 2, 1, 0], "5.00".into()));
    assert_eq!((import("first.csv", &["--restate"]), registered()), ([0, 1, 0, 1], "3.75".into()));
    assert_eq!((import("first.csv", &["--restate"]), registered()), ([0, 2, 0, 0], "3.75".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_year_by_command() {
    let Some(steel) = support::shared("data/steel_industry_2018.csv.gz") else { return };
    let desk = Desk::with_meter("main").await;
    let meter = instrument("main");
    desk.write("steel.csv.gz", steel);
    let import = ["readings", "import", "steel.csv.gz", "--instrument", &meter];
    let shown = desk.done(&import);
    for line in [
        "Total          959636.71 kWh",
        "Readings       35040 accepted, 0 duplicate, 0 revised, 0 missing, 0 refused",
        "Gaps           0",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line} in\n{shown}");
    }
    assert!(shown.contains('│'), "{shown}");
    let again = desk.json(&import);
    assert_eq!((&again["sent"]["accepted"], &again["sent"]["duplicate"]), (&Value::from(0), &Value::from(35_040)));

    let ask = ["readings", "consumption", "--instrument", &meter, "--period", YEAR];
    let consumption = desk.json(&ask);
    assert_eq!((&consumption["registered"], &consumption["unit"]), (&Value::from("959636.71"), &Value::from("kWh")));
    assert_eq!((&consumption["readings"], &consumption["missingSecs"]), (&Value::from(35_040), &Value::from(0)));
    assert_eq!(consumption["calibratedPercent"], "0", "{consumption}");
    assert!(consumption["budget"].as_array().is_some_and(|budget| budget.len() >= 2), "{consumption}");
    let words = desk.done(&ask);
    assert!(words.contains("Registered     959636.71 kWh in 35040 readings\n"), "{words}");
    let mwh = desk.json(&[&ask[..], &["--unit", "MWh", "--gaps", "percentile:90"]].concat());
    assert_eq!(mwh["unit"], "MWh");
    let refused =
        desk.refused("connection.toml", &[&ask[..], &["--uncalibrated", "refuse"]].concat(), "CONSUMPTION_UNDEFINED");
    assert_eq!(refused["metadata"]["instrument"], meter);

    // What is listed is read again as it was.
    let listed = desk.done(&["readings", "list", "--instrument", &meter, "--period", YEAR]);
    assert_eq!((listed.lines().count(), listed.lines().next()), (35_041, Some("start,step_secs,value_kWh")));
    desk.write("listed.csv", &listed);
    let read = desk.json(&["readings", "import", "listed.csv", "--dry-run"]);
    assert_eq!((&read["intervals"], &read["report"]["total"]), (&Value::from(35_040), &Value::from("959636.71")));
    let day = ["readings", "list", "--instrument", &meter, "--period", "2018-02-03/2018-02-04", "--json"];
    let lines = desk.done(&day);
    assert_eq!(lines.lines().count(), 96);
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("an object");
    assert_eq!((&first["start"], &first["stepSecs"]), (&Value::from("2018-02-03T00:00:00Z"), &Value::from(900)));
    // Before it was imported nothing was known.
    let before = ["readings", "list", "--instrument", &meter, "--period", YEAR, "--known", "2020-01-01"];
    assert_eq!(desk.done(&before).lines().count(), 1);

    let export = ["evidence", "export", "--site", SITE, "--period", YEAR, "--out", "year.tar"];
    let exported = desk.json(&export);
    assert_eq!((&exported["readings"], &exported["instruments"]), (&Value::from(35_040), &Value::from(1)));
    let root = exported["evidenceRoot"].as_str().expect("a root");
    assert_eq!(desk.json(&["evidence", "check", "year.tar", "--root", root])["leaves"], 1 + 1 + 365);
    let bytes = fs::read(desk.path("year.tar")).expect("a file");
    desk.done(&["evidence", "export", "--site", SITE, "--period", YEAR, "--out", "again.tar"]);
    assert_eq!(fs::read(desk.path("again.tar")).expect("a file"), bytes, "the same evidence, the same bytes");
    let there = desk.run(&export);
    assert!(there.code == 1 && there.err.contains("nothing is overwritten"), "{there:?}");

    let prove = ["evidence", "prove", "year.tar", "--instrument", &meter, "--day", "2018-02-03", "--out", "day.json"];
    desk.done(&prove);
    let shown = desk.json(&["evidence", "check", "day.json", "--root", root]);
    let values =
        |value: &Value| value["readings"].as_array().map(|all| all.iter().map(|r| r["value"].clone()).collect());
    let listed: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object")["value"].clone()).collect();
    assert_eq!(values(&shown), Some(listed));
    assert!(fs::metadata(desk.path("day.json")).expect("a file").len() < 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_goes_with_the_evidence() {
    let desk = Desk::with_meter("main").await;
    let meter = instrument("main");
    desk.write("dcc.xml", ISSUED);
    let import = ["calibrations", "import", "dcc.xml", "--instrument", &meter];
    let made = desk.json(&import);
    assert_eq!(made["name"], format!("{meter}/calibrations/z-2026-0417"));
    assert_eq!(made["calibration"]["points"][0]["errorPercent"], "-0.11");
    let error = desk.refused("connection.toml", &import, "ALREADY_EXISTS");
    assert_eq!(error["remedy"], "the name is taken: choose another, or read what is there");
    desk.write("report.pdf", "%PDF-1.7");
    let form = format!(
        "calibrations create report.pdf --instrument {meter} --certificate-id PDF/7 --laboratory Lab --laboratory-accreditation \
         D-7 --calibrated 2020-01-01 --valid 2020-01-01/2025-01-01 --point 5:-0.1:0.1:2 --point 50:0.1:0.1:2 --as-found -0.2:0.1:2"
    );
    desk.done(&form.split_whitespace().collect::<Vec<_>>());
    let listed = desk.json(&["calibrations", "list", &meter]);
    let sources = |list: &Value| {
        list["calibrations"]
            .as_array()
            .map(|all| all.iter().map(|c| c["calibration"]["source"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(sources(&listed).map(|all| all.len()), Some(2));
    let name = format!("{meter}/calibrations/z-2026-0417");
    desk.done(&["calibrations", "file", &name, "--out", "back.xml"]);
    assert_eq!(fs::read(desk.path("back.xml")).expect("a file"), ISSUED);
    let inspect =
        ["inspections", "create", "--instrument", &meter, "--id", "spring", "--at", "2026-04-01", "--inspector", "Ann"];
    desk.done(&[&inspect[..], &["--seal", "intact", "--clock-error-secs", "-3.5"]].concat());
    assert_eq!(desk.json(&["inspections", "list", &meter])["inspections"][0]["clockErrorSecs"], "-3.5");

    // The evidence of one instrument alone, with its certificate and without the file of the form.
    let period = "2026-03-06/2026-03-08";
    desk.write("a.csv", "time,kwh\n2026-03-06 00:00,1\n2026-03-06 00:15,2\n2026-03-07 00:00,3\n");
    desk.done(&["readings", "import", "a.csv", "--instrument", &meter]);
    desk.done(&["evidence", "export", "--site", SITE, "--period", period, "--instrument", &meter, "--out", "m.tar"]);
    let checked = desk.json(&["evidence", "check", "m.tar"]);
    assert_eq!((&checked["instrument"], &checked["calibrations"]), (&Value::from(meter.as_str()), &Value::from(2)));
    assert_eq!(checked["certificates"][0]["certificateId"], "Z-2026-0417");
    assert_eq!(checked["certificates"][0]["namesAccreditation"], true);

    // A meter that the certificate is not for.
    let other: Vec<String> = desk.meter("other").into_iter().map(|word| word.replace(SERIAL, "EM-9")).collect();
    desk.done(&other);
    let args = ["calibrations", "import", "dcc.xml", "--instrument", &instrument("other")];
    let error = desk.refused("connection.toml", &args, "CALIBRATION_OTHER_INSTRUMENT");
    assert_eq!(error["metadata"]["serial_numbers"], SERIAL);
    let warnings = desk.json(&["calibrations", "warnings", SITE]);
    assert_eq!(warnings["warnings"][0]["instrument"], instrument("other"), "{warnings}");
    assert_eq!(warnings["warnings"][0]["calibration"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrument_is_moved_replaced_and_retired() {
    let desk = Desk::with_meter("old").await;
    let old = instrument("old");
    desk.done(&["instruments", "move", &old, "--location", "yard", "--at", "2020-01-01"]);
    let shown = desk.json(&["instruments", "get", &old]);
    assert_eq!(shown["placements"][1]["location"], "yard");
    // What is shown is what a new one can be made of.
    let new = serde_json::to_string(&shown).expect("text").replace("/old\"", "/new\"");
    desk.write("new.json", new);
    let replace = ["instruments", "replace", &old, "--file", "new.json", "--at", "2021-01-01"];
    let made = desk.json(&replace);
    assert_eq!((&made["name"], &made["replaces"]), (&Value::from(instrument("new")), &Value::from(old.as_str())));
    assert_eq!(made["placements"][0]["location"], "yard");
    let retire = ["instruments", "retire", &old, "--at", "2022-01-01"];
    assert_eq!(desk.refused("connection.toml", &retire, "INSTRUMENT_STATE")["metadata"]["instrument"], old);
    let retired = desk.json(&["instruments", "retire", &instrument("new"), "--at", "2022-01-01"]);
    assert_eq!(retired["placements"][0]["end"], "2022-01-01T00:00:00Z");
    let listed = desk.json(&["instruments", "list", SITE]);
    assert_eq!(listed["instruments"].as_array().map(Vec::len), Some(2));
    assert!(desk.done(&["instruments", "list", SITE]).contains("\nPlaced         yard, from "));
    let sites = desk.json(&["sites", "list", &format!("organizations/{ORGANIZATION}")]);
    assert_eq!(sites["sites"][0]["name"], SITE);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let desk = Desk::with_meter("main").await;
    let meter = instrument("main");
    let error = desk.refused("connection.toml", &["instruments", "get", &instrument("absent")], "NOT_FOUND");
    assert_eq!(error["remedy"], "check the name, or register it first");
    // A field of the request.
    let error = desk.refused(
        "connection.toml",
        &["sites", "create", &format!("{SITE}-2"), "--title", "Works", "--country", "Turkey"],
        "REQUEST_INVALID",
    );
    assert_eq!(
        (&error["field"], &error["fields"][0]["field"]),
        (&Value::from("site.country"), &Value::from("site.country"))
    );
    // Somebody of another organisation, and of another role.
    desk.enrol(&support::person("somebody-else", Role::Exporter), desk.grpc(), "other.toml");
    desk.refused("other.toml", &["instruments", "get", &meter], "OTHER_ORGANIZATION");
    desk.enrol(&cast::regulator(), desk.grpc(), "regulator.toml");
    let error = desk.refused("regulator.toml", &["instruments", "get", &meter], "CALLER_NOT_ALLOWED");
    assert_eq!(error["metadata"]["role"], "regulator");

    // Rows are refused by their line in the file, and the rest is kept.
    desk.write(
        "a.csv",
        "time,kwh\n2023-01-01 00:00,1\n2023-01-01 01:00,99999\n2023-01-01 02:00,\n2023-01-01 03:00,2\n",
    );
    let import = ["readings", "import", "a.csv", "--instrument", &meter];
    let answer = desk.run(&[&import[..], &["--json"]].concat());
    assert_eq!(answer.code, 1, "{answer:?}");
    let sent = &serde_json::from_str::<Value>(&answer.out).expect("an object")["sent"];
    assert_eq!((&sent["accepted"], &sent["missing"], &sent["refused"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(
        (&sent["refusals"][0]["first_line"], &sent["refusals"][0]["reason"]),
        (&3.into(), &"OUT_OF_RANGE".into())
    );
    assert_eq!((&sent["gap_count"], &sent["gaps"][0]["intervals"]), (&1.into(), &2.into()));
    let answer = desk.run(&import);
    assert!(answer.code == 1 && answer.out.contains("line 3: OUT_OF_RANGE: "), "{answer:?}");
    // What the register counts in is taken; a file with finer values is refused by line.
    desk.write("fine.csv", "time,kwh\n2023-02-01 00:00,1.001\n2023-02-01 01:00,1\n");
    let answer = desk.run(&["readings", "import", "fine.csv", "--instrument", &meter]);
    assert!(answer.code == 1 && answer.err.contains("line 2"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_after_a_break() {
    let desk = Desk::with_meter("main").await;
    let meter = instrument("main");
    let row = |i: i64| {
        let time = jiff::Timestamp::from_second(1_672_531_200 + 900 * i).expect("a time");
        format!("{time},{}.{:02}\n", i * 7_919 % 9_000, i % 100)
    };
    desk.write("year.csv", (0..35_040).map(row).fold("time,kwh\n".to_owned(), |text, row| text + &row));
    desk.enrol(&cast::exporter(), cutting(desk.grpc(), 50_000, usize::MAX), "cut.toml");
    let answer = desk.run_as("cut.toml", &["readings", "import", "year.csv", "--instrument", &meter, "--json"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{}", answer.out);
    let sent = &serde_json::from_str::<Value>(&answer.out).expect("an object")["sent"];
    let number = |name: &str| sent[name].as_u64().expect("a number");
    assert_eq!((number("accepted") + number("duplicate"), number("resumed")), (35_040, 1), "{sent}");
    assert!(number("accepted") > 0 && number("refused") == 0, "{sent}");
    let ask = ["readings", "consumption", "--instrument", &meter, "--period", "2023-01-01/2024-01-01"];
    assert_eq!(desk.json(&ask)["readings"], 35_040);
}

/// A server that was stopped is said to be away, and the command works again when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_said() {
    let mut desk = Desk::with_meter("main").await;
    let get = ["instruments", "get", &instrument("main"), "--json"];
    desk.stage.world.stop().await.expect("stopped");
    let answer = desk.run(&get);
    let error = &serde_json::from_str::<Value>(&answer.out).expect("an object")["error"];
    assert_eq!((answer.code, &error["reason"]), (1, &Value::from("SERVER_AWAY")), "{answer:?}");
    assert!(error["message"].as_str().is_some_and(|words| words.contains("see that the server runs there")), "{error}");
    desk.stage.world.resume().await.expect("started");
    desk.done(&get);
}
