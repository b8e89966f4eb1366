//! Weighed loads, stocks, analyses and gas conversions from a terminal.

use integration_tests::cast;
use serde_json::Value;
use touchstone_client::new_request_id;

use crate::desk::{Desk, cutting, instrument};
use crate::support::SITE;

/// With a site, a weighbridge and a gas meter.
async fn desk() -> Desk {
    let desk = Desk::open().await;
    desk.done(&["sites", "create", SITE, "--title", "Works", "--country", "XA"]);
    for (id, words) in [
        ("bridge", "weighbridge --measurand mass --unit t --resolution 0.02 --max-permissible-error-percent 0.1"),
        ("gas", "gas-meter --measurand volume --unit m3 --resolution 1 --max-permissible-error-percent 1"),
    ] {
        let line = format!(
            "instruments create {} --location gate --from 2017-01-01 --serial-number {id}-1 --register-range 1000000 --kind {words}",
            instrument(id)
        );
        desk.done(&line.split_whitespace().collect::<Vec<_>>());
    }
    desk
}

fn load(id: &str) -> String {
    format!("{SITE}/weighbridgeRecords/{id}")
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_recorded_once() {
    let desk = desk().await;
    let (bridge, first, second) = (instrument("bridge"), new_request_id(), new_request_id());
    let line = |id: &str, net: &str, request: &str| {
        format!(
            "loads create {} --instrument {bridge} --material coal --direction in --at 2023-02-03T10:20:00Z --net {net} \
             --unit t --request-id {request}",
            load(id)
        )
    };
    let made = desk.json(&words(&line("t-1", "24.38", &first)));
    assert_eq!((&made["name"], &made["net"], &made["id"]), (&load("t-1").into(), &"24.38".into(), &"t-1".into()));
    // The answer was lost: the same change again is the first answer again.
    assert_eq!(desk.json(&words(&line("t-1", "24.38", &first))), made);
    desk.refused("connection.toml", &words(&line("t-1", "24.40", &first)), "REQUEST_ID_REUSED");
    desk.refused("connection.toml", &words(&line("t-1", "24.38", &second)), "ALREADY_EXISTS");
    assert_eq!(desk.json(&["loads", "get", &load("t-1")]), made);
    desk.refused("connection.toml", &["loads", "get", &load("t-2")], "NOT_FOUND");
    // What is wrong is said before anything is sent, or by the server.
    let answer = desk.run(&words(&line("t-2", "0", &second)));
    assert!(answer.code == 1 && answer.err.contains("net: "), "{answer:?}");
    let other = line("t-2", "1", &new_request_id()).replace(&bridge, &instrument("gas"));
    let error = desk.refused("connection.toml", &words(&other), "INSTRUMENT_KIND_MISMATCH");
    assert_eq!(error["metadata"]["instrument"], instrument("gas"));
    let usage = desk.run(&["loads", "create", &load("t-2"), "--instrument", &bridge]);
    assert!(usage.code == 2 && usage.err.contains("--material"), "{usage:?}");
    let usage = desk.run(&words(&line("t-2", "1", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")));
    assert!(usage.code == 2 && usage.err.contains("is no UUID4"), "{usage:?}");
    // A correction takes the place of what it corrects; both are listed.
    desk.done(&words(&format!("{} --corrects t-1", line("t-1a", "24.40", &second))));
    let listed = desk.json(&["loads", "list", SITE]);
    let listed: Vec<_> =
        listed["loads"].as_array().expect("loads").iter().map(|l| (l["id"].clone(), l["corrects"].clone())).collect();
    assert_eq!(listed, [("t-1".into(), Value::Null), ("t-1a".into(), "t-1".into())]);
    let shown = desk.done(&["loads", "list", SITE]);
    assert!(shown.contains("24.40 t of coal, into the site, 2023-02-03T10:20:00Z\n"), "{shown}");
    assert!(shown.contains("Corrects       t-1\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_loads_is_judged_by_row() {
    let desk = desk().await;
    let bridge = instrument("bridge");
    let table = "id;at;net;direction;material;corrects\n\
        t-1;2023-01-02;20.10;in;;\n\
        T/2;2023-01-02;20.20;in;;\n\
        t-3;2023-01-03T09:00:00Z;20,30;sideways;;\n\
        t-4;2023-01-03T10:00:00Z;-1;out;clinker;\n\
        t-5;2023-01-03T11:00:00Z;21.5;out;clinker\n\
        t-6;2023-01-04T11:00:00Z;20.12;in;;t-1\n\
        t-7;2023-01-04T12:00:00Z;20.12;in;;t-0\n";
    desk.write("loads.csv", table);
    let line =
        format!("loads create --from loads.csv --site {SITE} --instrument {bridge} --material coal --unit t --json");
    let report = |code: i32| {
        let answer = desk.run(&words(&line));
        assert_eq!(answer.code, code, "{answer:?}");
        serde_json::from_str::<Value>(&answer.out).expect("one object")
    };
    let first = report(1);
    let counts = |report: &Value| ["rows", "recorded", "present", "refused"].map(|name| report[name].as_u64());
    assert_eq!(counts(&first), [Some(7), Some(2), Some(0), Some(5)], "{first}");
    let refusals = first["refusals"].as_array().expect("refusals").iter();
    let refusals: Vec<_> = refusals
        .map(|refusal| {
            let fields = refusal["fields"].as_array().expect("fields").iter();
            let fields: Vec<_> = fields.map(|wrong| wrong["field"].as_str().expect("a field")).collect();
            (refusal["line"].as_u64().expect("a line"), refusal["reason"].as_str().expect("a reason"), fields)
        })
        .collect();
    assert_eq!(
        refusals,
        [
            (3, "RECORD_INVALID", vec!["id"]),
            (4, "RECORD_INVALID", vec!["direction", "net"]),
            (5, "RECORD_INVALID", vec!["net"]),
            (6, "RECORD_INVALID", vec!["row"]),
            (8, "CORRECTION_INVALID", vec![]),
        ]
    );
    // Again: what is there counts as present, whatever the request id.
    assert_eq!(counts(&report(1)), [Some(7), Some(0), Some(2), Some(5)]);
    // A row that says something else than what is recorded under its id is no row that is present.
    desk.write("loads.csv", "id,at,net,direction\nt-1,2023-01-02,20.11,in\nt-8,2023-01-05,20.11,in\n");
    let changed = report(1);
    assert_eq!(counts(&changed), [Some(2), Some(1), Some(0), Some(1)], "{changed}");
    assert_eq!(
        (&changed["refusals"][0]["line"], &changed["refusals"][0]["reason"]),
        (&2.into(), &"ALREADY_EXISTS".into())
    );
    let shown = desk.run(&words(line.trim_end_matches(" --json")));
    assert!(shown.out.contains("Rows           2 rows: 0 recorded, 1 present, 1 refused\n"), "{shown:?}");
    assert!(shown.out.contains("line 2, t-1: ALREADY_EXISTS: "), "{shown:?}");
    let found = desk.json(&["loads", "list", SITE]);
    assert_eq!(found["loads"].as_array().map(Vec::len), Some(3));
    assert_eq!(desk.json(&["loads", "get", &load("t-1")])["net"], "20.10");
    // What is no such table is refused as a whole.
    desk.write("loads.csv", "id,att,net,direction\nt-1,2023-01-02,20.11,in\n");
    let answer = desk.run(&words(&line));
    let error = &serde_json::from_str::<Value>(&answer.out).expect("one object")["error"];
    assert_eq!((answer.code, &error["reason"], &error["field"]), (1, &"TABLE_INVALID".into(), &"from".into()));
    assert!(error["message"].as_str().is_some_and(|words| words.contains("did you mean at?")), "{error}");
}

/// The connection breaks while rows are on their way: the one whose answer was lost is not recorded twice, and not told as
/// one that was there before.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_on_after_a_break() {
    let desk = desk().await;
    let rows = (0..200).map(|i| format!("t-{i},2023-01-02,{}.{:02},in\n", 10 + i % 20, i % 100));
    desk.write("loads.csv", "id,at,net,direction\n".to_owned() + &rows.collect::<String>());
    desk.enrol(&cast::exporter(), cutting(desk.grpc(), usize::MAX, 20_000), "cut.toml");
    let line = format!(
        "loads create --from loads.csv --site {SITE} --instrument {} --material coal --unit t --json",
        instrument("bridge")
    );
    let answer = desk.run_as("cut.toml", &words(&line));
    let report = serde_json::from_str::<Value>(&answer.out).expect("one object");
    assert_eq!((answer.code, &report["recorded"], &report["present"]), (0, &200.into(), &0.into()), "{answer:?}");
    assert_eq!(desk.json(&["loads", "list", SITE])["loads"].as_array().map(Vec::len), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn stocks_analyses_and_conversions() {
    let mut desk = desk().await;
    let (stock, analysis) = (format!("{SITE}/stockRecords/s-1"), format!("{SITE}/laboratoryAnalyses/a-1"));
    let stock_line = format!(
        "stocks create {stock} --material coal --at 2023-01-01 --mass 1200 --unit t --expanded-uncertainty 40 --coverage-factor 2"
    );
    // A server that is away: the error names the id with which the same change is made once.
    desk.stage.world.stop().await.expect("stopped");
    let answer = desk.run(&words(&format!("{stock_line} --json")));
    let error = serde_json::from_str::<Value>(&answer.out).expect("one object")["error"].clone();
    assert_eq!((answer.code, &error["reason"]), (1, &"SERVER_AWAY".into()), "{answer:?}");
    let id = error["request_id"].as_str().expect("an id").to_owned();
    desk.stage.world.resume().await.expect("started");
    let again = format!("{stock_line} --request-id {id}");
    let made = desk.json(&words(&again));
    assert_eq!(desk.json(&words(&again)), made);
    assert_eq!(desk.json(&["stocks", "get", &stock]), made);
    assert_eq!((&made["mass"], &made["expandedUncertainty"]), (&"1200".into(), &"40".into()));
    desk.write("stocks.csv", "id,at,mass\ns-2,2023-02-01,900\ns-3,2023-03-01,1000.5\n");
    let table = format!(
        "stocks create --from stocks.csv --site {SITE} --material coal --unit t --expanded-uncertainty 40 --coverage-factor 2"
    );
    assert_eq!(desk.json(&words(&table))["recorded"], 2);
    let listed = desk.json(&["stocks", "list", SITE]);
    assert_eq!(listed["stocks"][2]["mass"], "1000.5");

    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let line = format!(
        "analyses create {analysis} --sample S1 --material coal --method ISO-1928 --laboratory Lab --laboratory-accreditation D-7 \
         --at 2023-01-15 --property net-calorific-value --value 25.8 --unit GJ/t --expanded-uncertainty 0.3 --coverage-factor 2 \
         --report-sha256 {digest}"
    );
    let made = desk.json(&words(&line));
    assert_eq!((&made["value"], &made["fileDigest"]), (&"25.8".into(), &digest.into()));
    assert_eq!(desk.json(&["analyses", "get", &analysis]), made);
    let wrong = desk.run(&words(&line.replace("/a-1", "/a-2").replace("GJ/t", "kg")));
    assert!(wrong.code == 1 && wrong.err.contains("unit: kg measures mass"), "{wrong:?}");
    desk.write(
        "analyses.csv",
        "id,sample,property,value,unit,expanded-uncertainty\na-3,S3,carbon-content,0.7,tC/t,0.01\n\
         a-4,S3,biomass-share,2,%,0.5\n",
    );
    let table = format!(
        "analyses create --from analyses.csv --site {SITE} --material coal --method M --laboratory Lab --at 2023-01-20 \
         --laboratory-accreditation D-7 --coverage-factor 2"
    );
    let report = desk.run(&words(&table));
    assert!(report.out.contains("Rows           2 rows: 2 recorded"), "{report:?}");
    assert_eq!(desk.json(&["analyses", "list", SITE])["analyses"].as_array().map(Vec::len), Some(3));

    let gas = instrument("gas");
    let conversion = format!("{gas}/gasConversions/january");
    let line = format!(
        "gas-conversions create {conversion} --period 2023-01-01/2023-02-01 --pressure-kpa 202.65 \
         --pressure-expanded-uncertainty-kpa 0.5 --temperature-celsius 0 --temperature-expanded-uncertainty-kelvin 0.5 \
         --compressibility-ratio 1 --compressibility-expanded-uncertainty 0.001 --coverage-factor 2 --method mean"
    );
    let made = desk.json(&words(&line));
    assert_eq!(made["name"], conversion);
    assert_eq!(desk.json(&["gas-conversions", "get", &conversion]), made);
    assert_eq!(desk.json(&["gas-conversions", "list", &gas])["gasConversions"][0], made);
    let bridge = line.replace("/gas/", "/bridge/");
    desk.refused("connection.toml", &words(&bridge), "INSTRUMENT_KIND_MISMATCH");
    // Twice the reference pressure, at the reference temperature: twice the volume.
    desk.write("gas.csv", "time,value_m3\n2023-01-01 00:00,10\n2023-01-01 01:00,20\n");
    desk.done(&["readings", "import", "gas.csv", "--instrument", &gas, "--unit", "m3"]);
    let asked = format!(
        "readings consumption --instrument {gas} --period 2023-01-01/2023-01-01T02:00:00Z --unit Nm3{{0Cel;101.325kPa}}"
    );
    let consumption = desk.json(&words(&asked));
    let quantity: f64 = consumption["quantity"].as_str().expect("a quantity").parse().expect("a number");
    assert!((quantity - 60.0).abs() < 1e-9, "{consumption}");

    // All of it is evidence.
    desk.done(&["evidence", "export", "--site", SITE, "--period", "2023-01-01/2023-04-01", "--out", "q.tar"]);
    let checked = desk.json(&["evidence", "check", "q.tar"]);
    let counts = ["stocks", "analyses", "gasConversions", "weighbridgeRecords"].map(|name| checked[name].as_u64());
    assert_eq!(counts, [Some(3), Some(3), Some(1), Some(0)], "{checked}");
}
