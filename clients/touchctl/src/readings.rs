//! `touchctl readings`: files of interval readings, read, shown and sent.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use interval_csv::{Compression, CsvProfile, CsvReport, IntervalSeries, Stamp};
use jiff::Timestamp;
use quantity::{Decimal, Unit};
use serde::Serialize;

use crate::args::ImportArgs;
use crate::connection::Server;
use crate::error::Error;
use crate::output::counted;
use crate::send::Sent;
use crate::{DONE, FAILED, Surroundings, files, instruments, output, plot, progress, send};

/// Largest profile.
const MAX_PROFILE_BYTES: u64 = 64 << 10;
/// Likely drop-outs, refusals or gaps that are printed; all that the report names are in the JSON.
const MAX_SHOWN: usize = 10;

/// What an import found.
#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    instrument: Option<&'a str>,
    dry_run: bool,
    unit: Unit,
    resolution: &'a Decimal,
    start: Timestamp,
    end: Timestamp,
    step_secs: u32,
    intervals: usize,
    report: &'a CsvReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
}

/// Reads a file, says what it holds, and sends it unless that is all that was asked.
pub(crate) fn import(args: &ImportArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let profile = match &args.profile {
        Some(path) => load(path)?,
        None => CsvProfile::default(),
    };
    let mut profile = args.stated.over(profile);
    let to = match (&args.instrument, args.dry_run) {
        (Some(name), false) => {
            let server = Server::open(&args.connection)?;
            // What the register counts in is known; a file may show fewer digits.
            let resolution = instruments::fetch(&server, name)?.resolution;
            profile.resolution.get_or_insert(resolution);
            Some((server, name))
        }
        _ => None,
    };
    let bytes = files::read("file", &args.file, interval_csv::MAX_BYTES as u64)?;
    let series =
        interval_csv::read(&bytes, &profile).map_err(|error| Error::Readings { path: args.file.clone(), error })?;
    if let Some(path) = &args.save_profile {
        // A profile has no value that TOML does not hold.
        files::create("save-profile", path, series.report.profile.to_toml().unwrap_or_default())?;
    }
    let sent = to.map(|(server, instrument)| {
        let bar = progress::bar(series.values.len() as u64, "rows");
        let sent = send::send(&server, &series, (instrument, args.restate), &mut |rows| bar.set_position(rows as u64));
        bar.finish_and_clear();
        sent
    });
    let shown = Shown {
        file: args.file.display().to_string(),
        instrument: args.instrument.as_deref(),
        dry_run: args.dry_run,
        unit: series.unit,
        resolution: &series.resolution,
        start: series.start,
        end: series.end(),
        step_secs: series.step_secs,
        intervals: series.values.len(),
        report: &series.report,
        sent: sent.transpose()?,
    };
    let written = if json { output::json(world.out, &shown) } else { print(&shown, &series, world) };
    let is_refused = shown.sent.as_ref().is_some_and(|sent| sent.refused > 0) || series.report.unread_count > 0;
    written.map(|()| if is_refused { FAILED } else { DONE }).map_err(Error::Output)
}

fn load(path: &Path) -> Result<CsvProfile, Error> {
    let text = files::text("profile", path, MAX_PROFILE_BYTES)?;
    CsvProfile::from_toml(&text).map_err(|error| Error::Profile { path: path.to_owned(), error })
}

fn print(shown: &Shown<'_>, series: &IntervalSeries, world: &mut Surroundings<'_>) -> std::io::Result<()> {
    let out = &mut *world.out;
    let report = shown.report;
    output::row(out, "File", &shown.file)?;
    output::row(out, "Written", &dialect(report))?;
    output::row(out, "Columns", &columns(&report.profile))?;
    output::row(out, "Times", &times(report))?;
    writeln!(out)?;
    output::row(out, "Period", &format!("{} to {}", shown.start, shown.end))?;
    output::row(out, "Intervals", &format!("{} of {} s, from {} rows", shown.intervals, shown.step_secs, report.rows))?;
    output::row(out, "Resolution", &format!("{} {}", shown.resolution, shown.unit))?;
    output::row(out, "Total", &format!("{} {}", report.total, shown.unit))?;
    output::row(out, "Missing", &counted(report.missing, "interval"))?;
    let found = [
        (report.repaired_midnights, "Midnights", "row", " with the date of the day that ended, moved to the next"),
        (report.repeated_hours, "Twice", "hour", " that the clock shows twice, told apart by order"),
        (report.missing_hours, "Passed over", "hour", " that the clock does not show"),
        (report.left_out, "Left out", "row", " of such hours"),
        (report.duplicates, "Duplicates", "row", " that stood twice, taken once"),
        (report.drop_out_count, "Drop-outs", "zero", " between two that are not, kept as zero"),
    ];
    for (count, label, noun, words) in found.into_iter().filter(|(count, ..)| *count > 0) {
        output::row(out, label, &(counted(count, noun) + words))?;
    }
    for drop_out in report.drop_outs.iter().take(MAX_SHOWN) {
        output::row(out, "", &format!("line {}, from {}", drop_out.line, drop_out.start))?;
    }
    more(out, report.drop_out_count)?;
    if report.unread_count > 0 {
        output::row(out, "Unread", &(counted(report.unread_count, "cell") + " without a number, left missing"))?;
    }
    for unread in report.unread.iter().take(MAX_SHOWN) {
        output::row(out, "", &format!("line {}: {:?}: {}", unread.line, unread.text, unread.problem))?;
    }
    more(out, report.unread_count)?;
    writeln!(out, "\n{} in each interval\n{}", shown.unit, plot::plot(series))?;
    match &shown.sent {
        None => writeln!(out, "Nothing was sent."),
        Some(sent) => print_sent(sent, shown.instrument.unwrap_or_default(), out),
    }
}

/// The acceptance report.
fn print_sent(sent: &Sent, instrument: &str, out: &mut dyn Write) -> std::io::Result<()> {
    output::row(out, "Sent to", instrument)?;
    output::row(
        out,
        "Readings",
        &format!(
            "{} accepted, {} duplicate, {} revised, {} missing, {} refused",
            sent.accepted, sent.duplicate, sent.revised, sent.missing, sent.refused
        ),
    )?;
    if sent.superseded > 0 {
        let words = "of the duplicates: replaced by other values since, which stay; --restate puts them back";
        output::row(out, "", &format!("{} {words}", sent.superseded))?;
    }
    for refusal in sent.refusals.iter().take(MAX_SHOWN) {
        let lines = match (refusal.first_line, refusal.last_line) {
            (first, last) if first == last => format!("line {first}"),
            (first, last) => format!("lines {first} to {last}, {} readings", refusal.readings),
        };
        output::row(out, "", &format!("{lines}: {}: {}", refusal.reason, refusal.message))?;
    }
    more(out, sent.refusals.len())?;
    output::row(out, "Gaps", &sent.gap_count.to_string())?;
    for gap in sent.gaps.iter().take(MAX_SHOWN) {
        let intervals = counted(gap.intervals, "interval");
        output::row(out, "", &format!("{} to {}, {intervals}", gap.start, gap.end))?;
    }
    more(out, sent.gap_count)?;
    if sent.resumed > 0 {
        let words = "; what was kept before and not answered counts as duplicate";
        output::row(out, "Resumed", &format!("{} after a break{words}", counted(sent.resumed as usize, "time")))?;
    }
    Ok(())
}

fn more(out: &mut dyn Write, count: usize) -> std::io::Result<()> {
    match count.checked_sub(MAX_SHOWN) {
        Some(more @ 1..) => output::row(out, "", &format!("… and {more} more; --json has more of them")),
        _ => Ok(()),
    }
}

/// How the file is written, in words.
fn dialect(report: &CsvReport) -> String {
    let compression = match report.compression {
        Compression::None => "",
        Compression::Gzip => "gzip, ",
        Compression::Zstd => "zstd, ",
    };
    let profile = &report.profile;
    let fields = match profile.delimiter {
        Some('\t') => "tabs".to_owned(),
        delimiter => quoted(delimiter),
    };
    let decimal = profile.decimal.map_or("", |mark| match mark {
        interval_csv::DecimalMark::Point => "point",
        interval_csv::DecimalMark::Comma => "comma",
    });
    let thousands = match profile.thousands {
        Some(sign) => format!(", thousands with {}", quoted(Some(sign))),
        None => String::new(),
    };
    format!("{compression}fields between {fields}, decimal {decimal}{thousands}")
}

fn quoted(sign: Option<char>) -> String {
    sign.map_or_else(String::new, |sign| format!("\"{sign}\""))
}

fn columns(profile: &CsvProfile) -> String {
    let named = |column: &Option<interval_csv::Column>| column.as_ref().map_or_else(String::new, |c| c.to_string());
    let date = profile.date_column.as_ref().map_or_else(String::new, |date| format!("dates {date}, "));
    format!("{date}times {}, values {}", named(&profile.time_column), named(&profile.value_column))
}

fn times(report: &CsvReport) -> String {
    let profile = &report.profile;
    let format = profile.time_format.clone().map_or_else(String::new, String::from);
    let end = if profile.stamp == Stamp::End { "end" } else { "start" };
    let zone: &dyn Display = match &profile.zone {
        Some(zone) if report.zone_assumed => &format!("{zone}, assumed: state --zone"),
        Some(zone) => zone,
        None => &"with their offsets",
    };
    format!("{format}, the {end} of each interval, {zone}")
}
