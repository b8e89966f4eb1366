//! Whole files, read.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;
use quantity::{Decimal, Unit};

use super::*;

mod dialects;

fn plain(text: &str) -> Result<IntervalSeries, CsvError> {
    read(text.as_bytes(), &CsvProfile::default())
}

fn profile(toml: &str) -> CsvProfile {
    CsvProfile::from_toml(toml).unwrap()
}

/// Reads by a profile in TOML.
fn by(toml: &str, text: &str) -> Result<IntervalSeries, CsvError> {
    read(text.as_bytes(), &profile(toml))
}

/// Rows `time,value` below a header, values 1, 2, ...
fn rows(times: &[&str]) -> String {
    times.iter().enumerate().fold("time,kwh\n".to_owned(), |text, (i, time)| text + &format!("{time},{}\n", i + 1))
}

#[track_caller]
fn check(found: Result<IntervalSeries, CsvError>, start: &str, step_secs: u32, values: &[Option<i64>]) -> CsvReport {
    let series = found.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((series.start.to_string().as_str(), series.step_secs), (start, step_secs));
    assert_eq!(series.values, values);
    series.report
}

#[test]
fn plain_files() {
    let text = "time,value_kwh\n2023-01-01T00:00:00Z,1.5\n2023-01-01T00:30:00Z,2\n2023-01-01T00:15:00Z,\n";
    let report = check(plain(text), "2023-01-01T00:00:00Z", 900, &[Some(15), None, Some(20)]);
    assert_eq!((report.total.as_str(), report.missing), ("3.5", 1));
    assert_eq!((report.profile.stamp, report.profile.unit), (Stamp::Start, Some(Unit::Kilowatthour)));
    assert_eq!((report.compression, report.zone_assumed, report.profile.zone), (Compression::None, false, None));
    let text = "Date,Usage_MWh\n2023-01-01 08:00,1\n2023-01-01 09:00,2\n";
    let report = check(by("zone = '+08:00'", text), "2023-01-01T00:00:00Z", 3_600, &[Some(1), Some(2)]);
    assert!(!report.zone_assumed);
    let report = check(plain(text), "2023-01-01T08:00:00Z", 3_600, &[Some(1), Some(2)]);
    assert_eq!((report.zone_assumed, report.profile.zone), (true, Some(Zone::utc())));
}

#[test]
fn dialects_are_found() {
    let one_two = [Some(15), Some(20)];
    let start = "2023-01-31T00:00:00Z";
    for text in [
        "time;kwh\n31.01.2023 00:00;1,5\n31.01.2023 00:15;2\n",
        "time\tkwh\n2023-01-31 00:00\t1,5\n2023-01-31 00:15\t2\n",
        "time,kwh\n1/31/2023 0:00,\"1,5\"\n1/31/2023 0:15,2\n",
        "Date;Time;Energy (kWh)\n31.01.2023;00:00;1,5\n31.01.2023;00:15;2\n",
        "id;day;clock;kwh\n1;31.01.2023;00:00;1,5\n2;31.01.2023;00:15;2\n",
        "interval_end,note,Import kWh\n2023-01-31 00:15,a,1.5\n2023-01-31 00:30,b,2\n",
        "time;value_kwh;value_note\r\n2023-01-31 00:15;2;\r\n2023-01-31 00:00;1.5;x\r\n",
    ] {
        let date = if text.contains(";day;") { "date_column = 'day'\ntime_column = 'clock'" } else { "" };
        check(by(date, text), start, 900, &one_two);
    }
    let report = plain("time;kwh\n31.01.2023 00:00;1.234,5\n31.01.2023 00:15;2\n").unwrap().report;
    let found = report.profile;
    assert_eq!((found.delimiter, found.decimal, found.thousands), (Some(';'), Some(DecimalMark::Comma), Some('.')));
    assert_eq!((found.time_format, found.header), (Some(TimeFormat::DayFirst), Some(true)));
    assert_eq!((found.time_column, found.value_column), (Some("time".into()), Some("kwh".into())));
    assert_eq!((found.resolution.unwrap().as_str(), found.step_secs), ("0.1", Some(900)));
}

#[test]
fn dialects_are_stated() {
    let (start, values) = ("2023-01-31T00:00:00Z", [Some(15), Some(20)]);
    let bars = "Meter 7|x\n# made by hand\nwhen|'a|b'|sum\n31.01.23 12:00 AM|'|'|1_000,5\n#\n31.01.23 12:15 AM|-|2\n";
    let stated = "skip_lines = 1\ncomment = '#'\ndelimiter = '|'\nquote = \"'\"\ntime_column = 'when'\nvalue_column = 3\n\
                  time_format = '%d.%m.%y %I:%M %p'\nthousands = '_'\nunit = 'kWh'\nresolution = '0.5'";
    let report = check(by(stated, bars), start, 900, &[Some(2_001), Some(4)]);
    assert_eq!(report.profile.value_column, Some("sum".into()));
    assert_eq!(by(stated, bars).unwrap().lines, [4, 6]);
    let bare = "31.01.2023;00:00;1,5\n31.01.2023;00:15;2,0\n";
    check(by("unit = 'kWh'", bare), start, 900, &values);
    let bare = "7;2023-01-31 00:00;1,5;9\n7;2023-01-31 00:15;2,0;9\n";
    check(by("unit = 'kWh'\nvalue_column = 3", bare), start, 900, &values);
    let named = "2023-01-31 00:00,kwh\n2023-01-31 00:00,1.5\n2023-01-31 00:15,2.0\n";
    check(by("header = true\ntime_column = 1", named), start, 900, &values);
    // 20230131 0015
    let joined = "d,t,kwh\n20230131,0000,1.5\n20230131,0015,2\n";
    check(by("date_column = 1\ntime_column = 2\ntime_format = '%Y%m%d %H%M'", joined), start, 900, &values);
    // Half-hours of which one alone is there.
    check(by("step_secs = 1800", "time,kwh\n2023-01-31 00:00,1.5\n"), start, 1_800, &[Some(15)]);
}

#[track_caller]
fn refused(text: &str, wanted: impl Fn(&CsvError) -> bool) {
    let error = plain(text).unwrap_err();
    assert!(wanted(&error), "{error}");
}

#[test]
fn errors_name_the_line() {
    refused("", |e| matches!(e, CsvError::Blank));
    refused("\n \n", |e| matches!(e, CsvError::Blank));
    refused("when,value_kwh\n", |e| matches!(e, CsvError::NoColumn { what: "times", .. }));
    refused("time,amount\n", |e| matches!(e, CsvError::NoColumn { what: "values", .. }));
    refused("time|value_kwh\n", |e| matches!(e, CsvError::Separator { found: "bars", .. }));
    refused("time,value_kwh\r\n2023-01-01T00:00:00Z,1\r\n2023-01-01T00:15:00Z,1,5\r\n", |e| {
        matches!(e, CsvError::Row { line: 3, .. })
    });
    refused("time,value_kwh\n", |e| matches!(e, CsvError::Empty));
    refused("time,value\n2023-01-01T00:00:00Z,1\n", |e| matches!(e, CsvError::NoUnit { .. }));
    refused("time,value_kwh\nyesterday,1\n", |e| matches!(e, CsvError::Time { line: 2, .. }));
    refused("time,value_kwh\n2023-02-30 00:00,1\n", |e| matches!(e, CsvError::Time { line: 2, .. }));
    refused("time,value_kwh\n00:15,1\n", |e| matches!(e, CsvError::NoDate { line: 2, .. }));
    refused("time,value_kwh\n2023-01-01T00:00:00Z,1e5\n", |e| matches!(e, CsvError::Value { line: 2, .. }));
    refused("time,value_kwh\n2023-01-01T00:00:00Z,1\n", |e| matches!(e, CsvError::OneTime { line: 2 }));
    refused("time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-03T00:00:00Z,1\n", |e| matches!(e, CsvError::Step));
    refused("time,value_kwh\n2023-01-01T00:00:00Z\n", |e| matches!(e, CsvError::Row { line: 2, .. }));
    let twice = "time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-01T00:15:00Z,1\n2023-01-01T00:15:00Z,2\n";
    refused(twice, |e| matches!(e, CsvError::Conflict { line: 4, first_line: 3 }));
    let far = "time,value_kwh\n1970-01-01T00:00:00Z,1\n1970-01-01T00:00:01Z,1\n2023-01-01T00:15:00Z,2\n";
    refused(far, |e| matches!(e, CsvError::TooManyRows { line: 4 }));
    let comma = "time;kwh\n2023-01-01 00:00;1,234\n2023-01-01 01:00;1,500\n";
    refused(comma, |e| matches!(e, CsvError::UndecidedSign { line: 2, sign: "comma", .. }));
    let point = "time;kwh\n2023-01-01 00:00;1.234\n2023-01-01 01:00;1.500\n";
    refused(point, |e| matches!(e, CsvError::UndecidedSign { line: 2, sign: "point", .. }));
    assert!(
        read(point.replace(';', ",").as_bytes(), &CsvProfile::default()).is_ok(),
        "between commas a point is a point"
    );
    let mixed = "time;kwh\n2023-01-01 00:00;1,5\n2023-01-01 01:00;1.5\n";
    refused(mixed, |e| matches!(e, CsvError::MixedDecimals { line: 3, first_line: 2, .. }));
    let dates = "time;kwh\n13/1/2023 00:00;1\n1/14/2023 00:00;1\n";
    refused(dates, |e| matches!(e, CsvError::MixedDates { line: 3, first_line: 2, order: "month", .. }));
    assert!(matches!(read(b"time,value_kwh\n\xff", &CsvProfile::default()), Err(CsvError::Encoding { line: 2 })));
    assert!(matches!(by("time_column = 3", "time,kwh\n"), Err(CsvError::NoSuchColumn { line: 1, .. })));
    assert!(matches!(by("value_column = 'MWh'", "time,kwh\n"), Err(CsvError::NoSuchColumn { .. })));
    assert!(matches!(by("resolution = '0'", "time,kwh\n"), Err(CsvError::Profile { key: "resolution", .. })));
    let coarse = by("resolution = '0.5'", "time,kwh\n2023-01-01 00:00,1.5\n2023-01-01 01:00,1.6\n");
    assert!(matches!(coarse, Err(CsvError::Resolution { line: 3, .. })));
}

#[test]
fn candidates_are_named() {
    let two = "time,energy_kwh,value_kwh\n2023-01-01 00:00,1,2\n2023-01-01 01:00,1,2\n";
    let error = plain(two).unwrap_err();
    assert!(matches!(error, CsvError::AmbiguousColumn { line: 1, what: "values", .. }));
    let words = "line 1: each of the columns energy_kwh, value_kwh can be that of values; state which: value_column";
    assert!(error.to_string().starts_with(words), "{error}");
    assert_eq!(by("value_column = 'VALUE_kwh'", two).unwrap().report.total.as_str(), "4");
    let bare = "2023-01-01 00:00,1,2\n2023-01-01 01:00,1,2\n";
    let error = plain(bare).unwrap_err().to_string();
    assert!(error.contains("column 2, column 3"), "{error}");
}

#[test]
fn the_row_that_breaks_the_rhythm_is_named() {
    let off = |times: &[&str], wanted: u64| {
        let times: Vec<String> = times.iter().map(|time| format!("2023-01-01 {time}")).collect();
        let found = plain(&rows(&times.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(found.map(|_| ()), Err(CsvError::OffGrid { line: wanted, step_secs: 900 }), "{times:?}");
    };
    off(&["00:00", "00:15", "00:40"], 4);
    // Neither a finer grid, nor the rows after it.
    off(&["00:00", "00:15", "00:20", "00:30", "00:45", "01:00"], 4);
    off(&["00:00", "00:15", "00:31", "00:45", "01:00", "01:15", "01:30"], 4);
    off(&["00:03", "00:15", "00:30", "00:45", "01:00"], 2);
}

#[test]
fn dates_alone_are_days() {
    let days = "date,kwh\n2023-03-24,1\n2023-03-25,2\n2023-03-27,4\n";
    let values = [Some(1), Some(2), None, Some(4)];
    let report = check(plain(days), "2023-03-24T00:00:00Z", 86_400, &values);
    assert_eq!((report.profile.stamp, report.repaired_midnights), (Stamp::Start, 0));
    check(by("zone = '+01:00'", days), "2023-03-23T23:00:00Z", 86_400, &values);
    check(plain("date,kwh\n2023-03-24,1\n"), "2023-03-24T00:00:00Z", 86_400, &[Some(1)]);
    // Of 23 and 25 h, where clocks change.
    let uneven = |text: &str, wanted_line: u64, wanted_hours: &str| match by("zone = 'Europe/Berlin'", text) {
        Err(CsvError::UnevenDay { line, hours, zone, .. }) => {
            assert_eq!((line, hours.as_str(), zone.as_str()), (wanted_line, wanted_hours, "Europe/Berlin"));
        }
        other => panic!("{other:?}"),
    };
    check(
        by("zone = 'Europe/Berlin'", "date,kwh\n2023-03-24,1\n2023-03-25,2\n"),
        "2023-03-23T23:00:00Z",
        86_400,
        &values[..2],
    );
    uneven("date,kwh\n2023-03-24,1\n2023-03-25,2\n2023-03-26,3\n", 4, "23");
    uneven("date,kwh\n29.10.2023,3\n30.10.2023,3\n", 2, "25");
    // A midnight without its time of day, as spreadsheets write it.
    let sheet = rows(&["1.1.2023 23:30", "1.1.2023 23:45", "2.1.2023", "2.1.2023 00:15"]);
    check(plain(&sheet), "2023-01-01T23:30:00Z", 900, &[Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn midnights_with_the_old_date() {
    let old = rows(&["1/1/2018 23:30", "1/1/2018 23:45", "1/1/2018 0:00", "2/1/2018 0:15"]);
    // That midnight is the end of the day's last interval, so the others are ends too.
    let report = check(plain(&old), "2018-01-01T23:15:00Z", 900, &[Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!((report.repaired_midnights, report.profile.stamp), (1, Stamp::End));
    let latest_first = rows(&["2/1/2018 0:15", "1/1/2018 0:00", "1/1/2018 23:45", "1/1/2018 23:30"]);
    let report = check(plain(&latest_first), "2018-01-01T23:15:00Z", 900, &[Some(4), Some(3), Some(2), Some(1)]);
    assert_eq!(report.repaired_midnights, 1);
    let hour_24 = rows(&["1.1.2018 23:30", "1.1.2018 23:45", "1.1.2018 24:00", "2.1.2018 00:15"]);
    let report = check(plain(&hour_24), "2018-01-01T23:30:00Z", 900, &[Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(report.repaired_midnights, 0);
}

/// Local quarters of hours from 0 to `hours`, by a rule for the hours themselves.
fn quarters(date: &str, hours: &[u32]) -> Vec<String> {
    hours
        .iter()
        .flat_map(|hour| (0..4).map(move |n| format!("{hour:02}:{:02}", n * 15)))
        .map(|t| format!("{date} {t}"))
        .collect()
}

fn table(times: &[String]) -> String {
    rows(&times.iter().map(String::as_str).collect::<Vec<_>>())
}

fn day_of(hours: &[u32]) -> Vec<u32> {
    (0..24).flat_map(|hour| std::iter::repeat_n(hour, hours.iter().filter(|h| **h == hour).count())).collect()
}

const BERLIN: &str = "zone = 'Europe/Berlin'";

#[test]
fn the_day_of_25_hours() {
    let hours: Vec<u32> = day_of(&[&(0..24).collect::<Vec<_>>()[..], &[2]].concat());
    let all: Vec<Option<i64>> = (1..=100).map(Some).collect();
    let day = quarters("2023-10-29", &hours);
    let report = check(by(BERLIN, &table(&day)), "2023-10-28T22:00:00Z", 900, &all);
    assert_eq!((report.repeated_hours, report.missing_hours, report.missing), (1, 0, 0));
    // The latest first.
    let report = check(
        by(BERLIN, &table(&day.iter().rev().cloned().collect::<Vec<_>>())),
        "2023-10-28T22:00:00Z",
        900,
        &all.iter().rev().copied().collect::<Vec<_>>(),
    );
    assert_eq!(report.repeated_hours, 1);
    // Ends by the clock as it shows, and ends as start + step.
    let ends = [&day[1..], &["2023-10-30 00:00".to_owned()]].concat();
    let report = check(by(BERLIN, &table(&ends)), "2023-10-28T22:00:00Z", 900, &all);
    assert_eq!((report.profile.stamp, report.repeated_hours), (Stamp::End, 1));
    let mut added = ends;
    let repeated = added.iter().enumerate().filter(|(_, time)| time.ends_with(" 02:00")).map(|(i, _)| i).nth(1);
    added[repeated.unwrap()] = "2023-10-29 03:00".into();
    let report = check(by(BERLIN, &table(&added)), "2023-10-28T22:00:00Z", 900, &all);
    assert_eq!(report.repeated_hours, 1);
    // Whole hours, also of that hour alone.
    let hours = rows(&["2023-10-29 01:00", "2023-10-29 02:00", "2023-10-29 02:00", "2023-10-29 03:00"]);
    check(by(BERLIN, &hours), "2023-10-28T23:00:00Z", 3_600, &all[..4]);
    check(by(BERLIN, &rows(&["2023-10-29 02:00", "2023-10-29 02:00"])), "2023-10-29T00:00:00Z", 3_600, &all[..2]);
    // With a row missing in the first pass.
    let holed =
        rows(&["2023-10-29 02:00", "2023-10-29 02:30", "2023-10-29 02:00", "2023-10-29 02:15", "2023-10-29 02:30"]);
    let values = [Some(1), None, Some(2), None, Some(3), Some(4), Some(5)];
    check(by(BERLIN, &holed), "2023-10-29T00:00:00Z", 900, &values);
}

#[test]
fn the_repeated_hour_given_once_is_refused_by_name() {
    let day = quarters("2023-10-29", &[1, 2, 3]);
    match by(BERLIN, &table(&day)).unwrap_err() {
        CsvError::RepeatedHour { line: 6, local, zone, .. } => {
            assert_eq!((local.as_str(), zone.as_str()), ("2023-10-29 02:00:00", "Europe/Berlin"));
        }
        other => panic!("{other}"),
    }
    let by_rule = |rule: &str| by(&format!("{BERLIN}\nrepeated_hour = '{rule}'"), &table(&day)).unwrap();
    let first = by_rule("first");
    assert_eq!((first.values[7..9].to_vec(), first.report.missing), (vec![Some(8), None], 4));
    let second = by_rule("second");
    assert_eq!((second.values[3..5].to_vec(), second.report.missing), (vec![Some(4), None], 4));
    // Pairs are not two passes; with offsets nothing is to be told apart.
    let pairs = ["02:00", "02:00", "02:15", "02:15"].map(|time| format!("2023-10-29 {time}"));
    assert!(matches!(by(BERLIN, &table(&pairs)), Err(CsvError::RepeatedHour { line: 2, .. })));
    let offsets = rows(&["2023-10-29 02:00+02:00", "2023-10-29 02:00+01:00"]);
    let report = check(by(BERLIN, &offsets), "2023-10-29T00:00:00Z", 3_600, &[Some(1), Some(2)]);
    assert_eq!(report.repeated_hours, 0);
    // Elsewhere it is another hour.
    check(
        by("zone = 'Asia/Seoul'", &table(&day)),
        "2023-10-28T16:00:00Z",
        900,
        &(1..=12).map(Some).collect::<Vec<_>>(),
    );
}

#[test]
fn the_day_of_23_hours() {
    let hours: Vec<u32> = (0..24).filter(|hour| *hour != 2).collect();
    let day = quarters("2023-03-26", &hours);
    let all: Vec<Option<i64>> = (1..=92).map(Some).collect();
    let report = check(by(BERLIN, &table(&day)), "2023-03-25T23:00:00Z", 900, &all);
    assert_eq!((report.repeated_hours, report.missing_hours, report.missing), (0, 1, 0));
    // Ends by the clock as it shows, and ends as start + step.
    let mut ends = [&day[1..], &["2023-03-27 00:00".to_owned()]].concat();
    check(by(BERLIN, &table(&ends)), "2023-03-25T23:00:00Z", 900, &all);
    let changed = ends.iter().position(|time| time.ends_with(" 03:00")).unwrap();
    ends[changed] = "2023-03-26 02:00".into();
    check(by(BERLIN, &table(&ends)), "2023-03-25T23:00:00Z", 900, &all);
}

#[test]
fn the_missing_hour_is_refused_by_name() {
    let day = quarters("2023-03-26", &[1, 2, 3]);
    match by(BERLIN, &table(&day)).unwrap_err() {
        CsvError::MissingHour { line: 6, local, zone } => {
            assert_eq!((local.as_str(), zone.as_str()), ("2023-03-26 02:00:00", "Europe/Berlin"));
        }
        other => panic!("{other}"),
    }
    let leave_out = format!("{BERLIN}\nmissing_hour = 'leave-out'");
    assert!(matches!(by(&leave_out, &table(&day)), Err(CsvError::MissingHour { line: 6, .. })));
    let empty = "time,kwh\n2023-03-26 01:00,1\n2023-03-26 02:00,\n2023-03-26 03:00,3\n";
    let report = check(by(&leave_out, empty), "2023-03-26T00:00:00Z", 3_600, &[Some(1), Some(3)]);
    assert_eq!((report.rows, report.left_out, report.missing_hours), (3, 1, 1));
    // The meter's clock may stay on standard time.
    check(by("zone = '+01:00'", &table(&day)), "2023-03-26T00:00:00Z", 900, &(1..=12).map(Some).collect::<Vec<_>>());
}

#[test]
fn compressed_files() {
    let text = rows(&["2023-01-01 00:00", "2023-01-01 00:15"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let whole = zstd(text.as_bytes());
    // Two frames, with one to be skipped before and between them.
    let (a, b) = text.as_bytes().split_at(20);
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let frames = [zstd(a), skipped, zstd(b)].concat();
    for (bytes, kind) in
        [(gzip.finish().unwrap(), Compression::Gzip), (whole.clone(), Compression::Zstd), (frames, Compression::Zstd)]
    {
        let series = read(&bytes, &CsvProfile::default()).unwrap();
        assert_eq!((series.values, series.report.compression), (vec![Some(1), Some(2)], kind));
    }
    for broken in [&[0x1f, 0x8b, 1, 2][..], &whole[..whole.len() - 1], &whole[..4], &[&whole[..], b"x"].concat()] {
        let error = read(broken, &CsvProfile::default()).unwrap_err();
        assert!(matches!(error, CsvError::Compression { .. }), "{error}");
    }
}

#[test]
fn bombs_are_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..(MAX_BYTES >> 20) + 1 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    assert_eq!(read(&encoder.finish().unwrap(), &CsvProfile::default()), Err(CsvError::TooLarge));
    let mebibyte = vec![b'x'; 1 << 20];
    let frame = ruzstd::encoding::compress_to_vec(&mebibyte[..], ruzstd::encoding::CompressionLevel::Fastest);
    let bomb = frame.repeat((MAX_BYTES >> 20) + 1);
    assert_eq!(read(&bomb, &CsvProfile::default()), Err(CsvError::TooLarge));
}

#[test]
fn the_steel_plant_of_2018() {
    let shared = std::env::var_os("TOUCHSTONE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data/steel_industry_2018.csv.gz");
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: {} is not there; set TOUCHSTONE_SHARED", path.display());
        return;
    };
    // The plant's clock is that of Korea, UTC+9.
    let series = read(&bytes, &profile("zone = 'Asia/Seoul'")).unwrap();
    assert_eq!((series.values.len(), series.step_secs), (35_040, 900));
    assert_eq!(series.start.to_string(), "2017-12-31T15:00:00Z");
    assert_eq!(series.end().to_string(), "2018-12-31T15:00:00Z");
    let report = &series.report;
    assert_eq!(report.total.as_str(), "959636.71");
    assert_eq!((report.repaired_midnights, report.missing, report.duplicates), (365, 0, 0));
    assert_eq!((report.repeated_hours, report.missing_hours, report.left_out), (0, 0, 0));
    assert_eq!((report.drop_out_count, report.drop_outs[0].line), (1, 29_857));
    assert_eq!((report.compression, report.profile.stamp), (Compression::Gzip, Stamp::End));
    assert_eq!(report.profile.time_format, Some(TimeFormat::DayFirst));
    assert_eq!(series.batches("organizations/o/sites/s/instruments/i").len(), 1);
    assert_eq!(read(&bytes, &report.profile).unwrap().values, series.values);
    assert_eq!(read(&bytes, &profile("zone = '+09:00'")).unwrap().values, series.values);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &CsvProfile::default());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(time|date|[0-9:/. ;,+\"-]|kwh|\n|2023-10-29 02:00|Z){0,60}") {
        for zone in ["", BERLIN] {
            let _ = by(zone, &text);
        }
    }

    #[test]
    fn mutated_files_are_read_or_refused(at in 0usize..100, with in any::<u8>(), cut in 0usize..140) {
        let mut bytes = b"date,Usage_kWh\n1/1/2018 23:30,3.17\n1/1/2018 23:45,4\n1/1/2018 0:00,3.24\n2/1/2018 0:15,3.31\n".to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        bytes.truncate(cut);
        let _ = read(&bytes, &CsvProfile::default());
    }

    #[test]
    fn mutated_compression_is_read_or_refused(at in 0usize..60, with in any::<u8>()) {
        let text = "time,kwh\n2023-01-01 00:00,1\n2023-01-01 00:15,1\n";
        let mut bytes = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
        let at = at % bytes.len();
        bytes[at] = with;
        let _ = read(&bytes, &CsvProfile::default());
    }
}

#[test]
fn a_cell_that_is_no_number_is_missing_and_named() {
    let text = "time,value_kwh\n2023-01-01T00:00:00Z,1\n2023-01-01T00:15:00Z,n/a\n2023-01-01T00:30:00Z,3\n\
                2023-01-01T00:45:00Z,4\n";
    let series = read(text.as_bytes(), &CsvProfile::default()).unwrap();
    assert_eq!(series.values, [Some(1), None, Some(3), Some(4)]);
    let unread: Vec<_> = series.report.unread.iter().map(|unread| (unread.line, unread.text.as_str())).collect();
    assert_eq!((unread, series.report.unread_count, series.report.missing), (vec![(3, "n/a")], 1, 1));
    // A column of them is not the one that was meant.
    let wrong = read(text.replace(",1", ",x").replace(",3", ",y").as_bytes(), &CsvProfile::default());
    assert!(matches!(wrong, Err(CsvError::Value { line: 2, .. })));
}

/// One midnight with the date of the day that ended shows that times are ends, whatever rows are missing.
#[test]
fn midnights_tell_the_end_of_intervals() {
    let row = |day: u32, minutes: u32| format!("{day:02}/01/2018 {:02}:{:02},1\n", minutes / 60 % 24, minutes % 60);
    let days = |days: std::ops::RangeInclusive<u32>| -> Vec<String> {
        days.flat_map(|day| (1..=96).map(move |quarter| row(day, quarter * 15))).collect()
    };
    let read =
        |rows: &[String]| read(format!("date,kwh\n{}", rows.concat()).as_bytes(), &CsvProfile::default()).unwrap();
    let whole = read(&days(13..=15));
    assert_eq!((whole.report.profile.stamp, whole.report.repaired_midnights, whole.values.len()), (Stamp::End, 3, 288));
    // Without the row before the first midnight; without the end of the last day.
    let mut rows = days(13..=15);
    rows.remove(94);
    let gap = read(&rows);
    assert_eq!((gap.report.profile.stamp, gap.report.repaired_midnights), (Stamp::End, 3));
    assert_eq!((gap.start, gap.values.len(), gap.report.missing), (whole.start, 288, 1));
    let part = read(&days(13..=15)[..200]);
    assert_eq!((part.report.profile.stamp, part.start, part.values.len()), (Stamp::End, whole.start, 200));
}
