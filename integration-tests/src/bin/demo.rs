//! The demonstration: one reading becomes one verifiable certificate, told step by step.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use integration_tests::cast;
use integration_tests::cement::{self, PUBLISHED_DIRECT, PUBLISHED_INDIRECT};
use integration_tests::story;
use integration_tests::world::{Shape, World, WorldError};
use interval_csv::{CsvProfile, IntervalSeries};
use jiff::Timestamp;
use quantity::KindName;
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource};
use record::footprint::FootprintStatement;
use record::instrument::{Instrument, InstrumentKind, Measurand, Period, Placement, Register, Sha256};
use record::reading::MAX_BATCH_ROWS;
use record::status::{GoodsRule, State};
use touchstone_client::ClientError;
use verify::{Outcome, Question, Trust, Verdict, judge_file};

/// Tells how one reading becomes one verifiable certificate.
#[derive(Parser)]
struct Arguments {
    /// Your own electricity readings (CSV or CSV.gz): a column of times and a column of kWh in each interval, with a
    /// header, for example `time,kwh`. Without it, a generated year is used.
    #[arg(long)]
    readings: Option<PathBuf>,
    /// Where the artefacts go: a new or empty folder, or that of an earlier demonstration, which is replaced.
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,
}

/// Organisation and site of the exporter.
const ORGANIZATION: &str = "cement-bubble";
const SITE_ID: &str = "cement-works";
/// Refusals that are named one by one.
const MAX_NAMED_REFUSALS: usize = 20;
/// Certificate number.
const NUMBER: &str = "gc-2026-0001";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("error"))
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(tell(&arguments)) {
        Ok(End::Withdrawn) => ExitCode::SUCCESS,
        Ok(End::Refused) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How the story ends.
enum End {
    /// As told: accepted, and later withdrawn.
    Withdrawn,
    /// The regulator does not accept what these readings gave.
    Refused,
}

fn words(error: impl std::fmt::Display) -> WorldError {
    WorldError(error.to_string())
}

fn step(number: u8, title: &str) {
    println!("\n{number}. {title}\n");
}

fn say(text: &str) {
    println!("   {text}");
}

/// What is metered: the generated example, or the user's own readings beside the stated figures of the example.
enum Case {
    Generated(Box<cement::Cement>),
    Own { series: Box<IntervalSeries>, file: PathBuf },
}

struct Artefacts(PathBuf);

impl Artefacts {
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), WorldError> {
        fs::write(self.0.join(name), bytes).map_err(|e| WorldError(format!("{}: {e}", self.0.join(name).display())))
    }
}

async fn tell(arguments: &Arguments) -> Result<End, WorldError> {
    let began = Instant::now();
    let case = case(arguments)?;
    clear(&arguments.out)?;
    let artefacts = Artefacts(arguments.out.clone());

    println!("Touchstone: how one reading becomes one certificate that nobody has to take on trust.");

    step(1, "An installation with everybody's keys");
    let mut world = World::start(&arguments.out.join("world"), Shape::Together).await?;
    say(&format!(
        "All services run in this process: gRPC over mTLS on {}, public reading on http://{}.",
        world.addresses().registry,
        world.http()
    ));
    say("RocksDB and the log are in a fresh folder; TLS 1.3 with a certificate for each person:");
    for caller in [
        cast::accreditor(),
        cast::reviewer(),
        cast::decider(),
        cast::exporter(),
        cast::regulator(),
        cast::supervisor(),
        cast::operator(),
    ] {
        say(&format!("  {}", caller.uri()));
    }
    let ground = story::lay_ground(&world).await?;
    say("In the log: what it is (leaf 0), what it registers (leaf 1), three anchors, two accreditations of Green Cert");
    say(&format!(
        "(cement, leaf {}; aluminium, leaf {}), the partner's arrangement (leaf {}) and its acceptance.",
        ground.accreditation.index, ground.other_accreditation.index, ground.arrangement.index
    ));

    step(2, "The exporter registers a plant and sends a year of evidence");
    let exporter = world.client(&cast::exporter())?;
    let (site, plant_toml) = send(&exporter, &case).await?;
    artefacts.write("plant.toml", plant_toml.as_bytes())?;

    step(3, "The footprint is computed");
    let (footprint, statement) = story::compute(&exporter, &site, "year", &plant_toml).await?;
    artefacts.write("statement.json", &footprint.statement)?;
    show_footprint(&statement, &case)?;

    step(4, "Application, review, decision, signature, registration");
    let application = story::apply(&exporter, &footprint.name, "first").await?.name;
    say(&format!("Elif (exporter) applies to Green Cert: {application}"));
    let reviewer = world.client(&cast::reviewer())?;
    let found = story::recompute(&reviewer, &application).await?;
    story::review(&reviewer, &application, found.digest).await?;
    say(&format!(
        "Rosa (reviewer) fetches {} KiB of evidence and recomputes in her own process: the same bytes, SHA-256 {}",
        found.evidence_bytes / 1024,
        Sha256(found.digest)
    ));
    let decider = world.client(&cast::decider())?;
    story::decide(&decider, &application).await?;
    let product_class = statement.product.cn_code.clone();
    let certificate =
        story::certificate(&world, NUMBER, ("ea-0001", &ground.accreditation), &statement, &product_class)?;
    let registered = story::sign_and_register(&world, &decider, &certificate).await?;
    story::record_certificate(&decider, &application, &certificate, &registered).await?;
    say("Dan (decider, another person) grants it and signs in his own client with the body's own key:");
    say(&format!(
        "COSE_Sign1 over {} bytes of UNTP credential. The registry checks the accreditation in the log",
        certificate.to_payload().len()
    ));
    say(&format!("and sequences the statement: leaf {}.", registered.index));
    let receipt = story_receipt(&decider, registered.index).await?;
    let bundle = story::bundle(&world.client(&cast::regulator())?, NUMBER, 0).await?;
    artefacts.write("certificate.cose", &registered.entry)?;
    artefacts.write("credential.json", &certificate.to_payload())?;
    artefacts.write("receipt.cbor", &receipt.receipt)?;
    artefacts.write("checkpoint.txt", &receipt.checkpoint)?;
    artefacts.write("bundle.cbor", &bundle)?;
    let key = fs::read(world.folder.join("installation/log-key.jwk")).map_err(words)?;
    artefacts.write("log-key.jwk", &key)?;
    say(&format!(
        "The client fetches receipt ({} bytes), checkpoint and status proof; all of it fits one file of {} KiB.",
        receipt.receipt.len(),
        bundle.len() / 1024
    ));

    step(5, "The regulator verifies");
    let regulator = world.client(&cast::regulator())?;
    let trust_toml = story::trust_file(&world, &regulator).await?;
    artefacts.write("trust.toml", trust_toml.as_bytes())?;
    let cast = &world.cast;
    for (name, authority) in [
        ("accreditation-body.crt", &cast.accreditation_authority),
        ("customs.crt", &cast.regulator_authority),
        ("supervisor.crt", &cast.supervisor_authority),
    ] {
        artefacts.write(name, authority.pair().certificate_pem.as_bytes())?;
    }
    artefacts.write("introduction.toml", &fs::read(&world.installation.introduction_file).map_err(words)?)?;
    let trust = Trust::from_toml(&trust_toml).map_err(words)?;
    let online = story::verify_online(&regulator, NUMBER, 0).await?;
    let online = online.verdict.unwrap_or_default();
    say(&format!(
        "By gRPC, under her own arrangement: {}",
        online.outcome().as_str_name().trim_start_matches("OUTCOME_")
    ));
    say("Offline, from bundle.cbor and her own trust.toml alone (demo trust: no witness quorum, maximum age 30 days):");
    let verdict = judge_now(&bundle, &trust);
    show_verdict(&verdict);
    if online.outcome().as_str_name() != format!("OUTCOME_{}", spelled(verdict.outcome)) {
        return Err(WorldError(format!("by gRPC it is {}, offline another", online.outcome().as_str_name())));
    }
    if !accepted(&verdict) {
        end_refused(&verdict, &case, &arguments.out);
        world.stop().await?;
        return Ok(End::Refused);
    }

    say("");
    say("Now four things that must fail.");
    let flipped = story::flip_one_bit(&bundle)?;
    artefacts.write("bundle-flipped-bit.cbor", &flipped)?;
    refusal(
        "One bit of the credential flipped, the file's checksum redone",
        &judge_now(&flipped, &trust),
        "SIGNATURE_INVALID",
    )?;
    let swapped = swapped(&regulator, &bundle, &ground.other_accreditation, &trust).await?;
    artefacts.write("bundle-other-accreditation.cbor", &swapped)?;
    refusal(
        "The body's genuine accreditation for aluminium put in",
        &judge_now(&swapped, &trust),
        "ACCREDITATION_SCOPE",
    )?;
    let outside =
        story::certificate(&world, "gc-2026-0002", ("ea-0001", &ground.accreditation), &statement, "76011000")?;
    match story::sign_and_register(&world, &decider, &outside).await {
        Err(ClientError::Refused { reason, message, .. }) if reason == "ACCREDITATION_OUT_OF_SCOPE" => {
            say(
                "- The body signs a certificate for aluminium under its cement accreditation and tries to register it:",
            );
            say(&format!("    refused by the registry, {reason}: {message}"));
        }
        Err(other) => return Err(other.into()),
        Ok(registered) => {
            return Err(WorldError(format!("the registry should have refused, and took leaf {}", registered.index)));
        }
    }
    let reason = "the weighbridge data of March were wrong";
    let event =
        story::change_state(&world, &decider, &certificate, State::Withdrawn, GoodsRule::NoGoods, reason).await?;
    let withdrawn = story::bundle(&regulator, NUMBER, event.index + 1).await?;
    artefacts.write("bundle-withdrawn.cbor", &withdrawn)?;
    refusal(
        "The certificate after the body has withdrawn it",
        &judge_now(&withdrawn, &trust),
        "CERTIFICATE_WITHDRAWN",
    )?;
    say(
        "  (The bundle of before still proves what was true before, as of that date; it grows stale, never valid again.)",
    );

    step(6, "What there is now");
    table(&[
        ("what", "value", "proof"),
        ("electricity", &electricity(&case), "readings, evidence root in statement.json"),
        (
            "direct",
            &format!(
                "{} ± {} {}",
                statement.direct.value,
                short(&statement.direct.expanded_uncertainty),
                statement.direct.unit
            ),
            "statement.json, recomputed by the body",
        ),
        (
            "indirect",
            &format!(
                "{} ± {} {}",
                statement.indirect.value,
                short(&statement.indirect.expanded_uncertainty),
                statement.indirect.unit
            ),
            "statement.json, recomputed by the body",
        ),
        ("certificate", NUMBER, "certificate.cose (COSE_Sign1, ES256)"),
        ("log entry", &format!("leaf {}", registered.index), "receipt.cbor (RFC 9942), checkpoint.txt (C2SP)"),
        ("verdict", &format!("{}, later withdrawn", spelled(verdict.outcome)), "bundle.cbor + trust.toml, offline"),
    ]);
    let out = arguments.out.display();
    say("");
    say(&format!("Artefacts are in {out}. The same by hand:"));
    for (file, comment) in [
        ("bundle.cbor", "accepted"),
        ("bundle-flipped-bit.cbor", "refused: SIGNATURE_INVALID"),
        ("bundle-other-accreditation.cbor", "refused: ACCREDITATION_SCOPE"),
        ("bundle-withdrawn.cbor", "refused: CERTIFICATE_WITHDRAWN"),
    ] {
        say(&format!(
            "  target/release/touchctl verify --offline {out}/{file} --trust {out}/trust.toml    # {comment}"
        ));
    }
    world.stop().await?;
    println!("\nTold in {:.1} s.", began.elapsed().as_secs_f64());
    Ok(End::Withdrawn)
}

fn case(arguments: &Arguments) -> Result<Case, WorldError> {
    let Some(file) = &arguments.readings else {
        return Ok(Case::Generated(Box::new(cement::generate(ORGANIZATION, SITE_ID))));
    };
    let named = |problem: &dyn std::fmt::Display| WorldError(format!("{}: {problem}", file.display()));
    let found = fs::metadata(file).map_err(|e| match e.kind() {
        ErrorKind::NotFound => named(&"there is no such file; name a CSV file of readings"),
        _ => named(&e),
    })?;
    if found.is_dir() {
        return Err(named(&"is a folder; name a CSV file of readings"));
    }
    if found.len() > interval_csv::MAX_BYTES as u64 {
        return Err(named(&format!("has {} bytes: at most {}; split it", found.len(), interval_csv::MAX_BYTES)));
    }
    let bytes = fs::read(file).map_err(|e| named(&e))?;
    let series = interval_csv::read(&bytes, &CsvProfile::default()).map_err(|e| named(&e))?;
    if series.unit.kind() != KindName::Energy {
        let unit = series.unit;
        return Err(named(&format!(
            "line 1: the column of values is in {unit}; readings of electricity are wanted, in kWh, MWh, Wh or GJ, such \
             as energy_kwh"
        )));
    }
    Ok(Case::Own { series: Box::new(series), file: file.clone() })
}

async fn send(client: &touchstone_client::Client, case: &Case) -> Result<(String, String), WorldError> {
    match case {
        Case::Generated(cement) => {
            say("The case is the European Commission's published cement example. Its annual figures are published;");
            say(
                "everything finer (readings, weigh tickets, analyses) is GENERATED here from a fixed seed so that it sums",
            );
            say("to them exactly.");
            let sent = story::send_evidence(client, cement).await?;
            let report = sent.reports.first().cloned().unwrap_or_default();
            say(&format!(
                "{} instruments with {} calibrations, {} weighed loads, {} stock takings, {} laboratory analyses.",
                sent.instruments, sent.calibrations, sent.loads, sent.stocks, sent.analyses
            ));
            say(&format!(
                "Readings of the main meter, every 15 minutes of 2023: {} accepted, {} duplicate, {} revised, {} missing, {} refused.",
                report.accepted,
                report.duplicate,
                report.revised,
                report.missing,
                report.refused.len()
            ));
            Ok((cement.site.clone(), cement::plant_toml(ORGANIZATION, SITE_ID)))
        }
        Case::Own { series, file } => own(client, series, file).await,
    }
}

async fn own(
    client: &touchstone_client::Client,
    series: &IntervalSeries,
    file: &Path,
) -> Result<(String, String), WorldError> {
    let site = format!("organizations/{ORGANIZATION}/sites/{SITE_ID}");
    let end = series.start.as_second() + i64::from(series.step_secs) * series.values.len() as i64;
    let period = Period { start: series.start, end: Timestamp::from_second(end).map_err(words)? };
    let report = &series.report;
    say(&format!(
        "Your readings: {} ({} rows, {} intervals of {} s from {}).",
        file.display(),
        report.rows,
        series.values.len(),
        series.step_secs,
        series.start
    ));
    say(&format!(
        "Midnight rows that carried the old date: {} repaired. Missing intervals: {}, {:.1} %. Likely drop-outs (a single zero): {}.",
        report.repaired_midnights,
        report.missing,
        100.0 * report.missing as f64 / series.values.len() as f64,
        report.drop_out_count
    ));
    if let Some(first) = report.unread.first() {
        let (line, text) = (first.line, &first.text);
        say(&format!(
            "Cells that are no numbers, left missing: {}, the first in line {line}: {text:?}.",
            report.unread_count
        ));
    }
    for drop_out in &report.drop_outs {
        say(&format!("  line {}: zero in the interval from {}", drop_out.line, drop_out.start));
    }
    say(&format!("Total: {} {}.", report.total, series.unit));
    say(
        "Fuels and production are the stated figures of the Commission's cement example, so only the electricity is yours.",
    );
    let decimal = |text: &str| text.parse().map_err(words);
    let instrument = Instrument {
        name: format!("{site}/instruments/main-meter"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "YOURS-1".into(),
        measurand: Measurand::ElectricityImport,
        unit: series.unit,
        register: Register::Interval { maximum: 1_000_000_000_000 },
        resolution: series.resolution.clone(),
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: Some(decimal("1")?),
        placements: vec![Placement { location: "incoming supply".into(), start: period.start, end: None }],
        replaces: None,
        signing_key: None,
    };
    let calibration = Calibration {
        certificate_id: "DEMO-CAL-1".into(),
        laboratory: "Demonstration laboratory (assumed)".into(),
        laboratory_accreditation: "none: assumed for the demonstration".into(),
        calibrated_time: period.start,
        validity: period,
        points: vec![CalibrationPoint {
            load: None,
            error_percent: decimal("0")?,
            expanded_uncertainty_percent: decimal("0.5")?,
            coverage_factor: decimal("2")?,
        }],
        as_found: Vec::new(),
        file_digest: Sha256::of(b"assumed for the demonstration"),
        source: CalibrationSource::Form,
    };
    story::create_site(client, &site, "Your readings").await?;
    story::create_instrument(client, &site, &instrument, &[calibration]).await?;
    let reports = story::send_readings(client, series.batches(&instrument.name)).await?;
    let sum = |field: fn(&proto::metering::AcceptanceReport) -> u32| reports.iter().map(field).sum::<u32>();
    say(&format!(
        "{} accepted, {} duplicate, {} revised, {} missing.",
        sum(|r| r.accepted),
        sum(|r| r.duplicate),
        sum(|r| r.revised),
        sum(|r| r.missing)
    ));
    say_refusals(&reports, &series.lines);
    if sum(|r| r.accepted) == 0 {
        return Err(WorldError(format!(
            "{}: no reading was accepted, so there is nothing to compute; correct the rows named above",
            file.display()
        )));
    }
    let plant = include_str!("../../../registry/footprint/examples/cement.toml");
    let plant = plant
        .replace("organizations/example/sites/cement-works", &site)
        .replace("start = 2023-01-01T00:00:00Z", &format!("start = {}", period.start))
        .replace("end = 2024-01-01T00:00:00Z", &format!("end = {}", period.end))
        .replace(
            "amount = { value = 193864.47368421053, unit = \"MWh\" }",
            &format!("amount = {{ instrument = \"{}\" }}", instrument.name),
        );
    Ok((site, plant))
}

/// Names the lines refused; those that follow each other for one reason together.
fn say_refusals(reports: &[proto::metering::AcceptanceReport], lines: &[u64]) {
    struct Run<'a> {
        lines: (u64, u64),
        rows: u32,
        refusal: &'a proto::metering::RowRefusal,
    }
    let mut runs: Vec<Run<'_>> = Vec::new();
    // Batches follow each other, so a row of a report is an interval of the series.
    for (report, lines) in reports.iter().zip(lines.chunks(MAX_BATCH_ROWS)) {
        for refusal in &report.refused {
            let line = |row: u32| lines.get(row as usize).copied().unwrap_or_default();
            let (first, last) = (line(refusal.row), line((refusal.row + refusal.count).saturating_sub(1)));
            match runs.last_mut() {
                Some(run) if run.refusal.reason == refusal.reason && run.lines.1 + 1 == first => {
                    run.lines.1 = last;
                    run.rows += refusal.count;
                }
                _ => runs.push(Run { lines: (first, last), rows: refusal.count, refusal }),
            }
        }
    }
    for Run { lines: (first, last), rows, refusal } in runs.iter().take(MAX_NAMED_REFUSALS) {
        let place =
            if first == last { format!("line {first}") } else { format!("lines {first} to {last} ({rows} rows)") };
        say(&format!("  {place} refused, {}: {}", refusal.reason, refusal.message));
    }
    let rest: u32 = runs.iter().skip(MAX_NAMED_REFUSALS).map(|run| run.rows).sum();
    if rest > 0 {
        say(&format!("  … and {rest} more rows"));
    }
}

/// Three significant digits, for people.
fn short(value: &quantity::Decimal) -> String {
    let rounded = quantity::Decimal::rounded(value.to_f64(), quantity::Rounding::SignificantDigits(3));
    rounded.map_or_else(|_| value.to_string(), |rounded| rounded.to_string())
}

fn electricity(case: &Case) -> String {
    match case {
        Case::Generated(_) => "193864.47368421053 MWh".into(),
        Case::Own { series, .. } => format!("{} {}", series.report.total, series.unit),
    }
}

fn show_footprint(statement: &FootprintStatement, case: &Case) -> Result<(), WorldError> {
    say(&format!(
        "{} by {} (version {}), per {}",
        statement.product.name, statement.method.id, statement.method.version, statement.functional_unit
    ));
    say("");
    for (name, result, published) in
        [("direct", &statement.direct, PUBLISHED_DIRECT), ("indirect", &statement.indirect, PUBLISHED_INDIRECT)]
    {
        let ours = result.value.to_string();
        say(&format!(
            "{name:<9} {ours:<20} ± {:<8} {} (k = {})",
            short(&result.expanded_uncertainty),
            result.unit,
            short(&result.coverage_factor)
        ));
        match case {
            Case::Generated(_) if ours == published => {
                say(&format!("{:<9} {published:<20} published by the Commission: every digit agrees", ""))
            }
            Case::Generated(_) => return Err(WorldError(format!("{name}: {ours} is not the published {published}"))),
            Case::Own { .. } if name == "direct" && ours != published => {
                return Err(WorldError(format!("{name}: {ours} is not the published {published}")));
            }
            Case::Own { .. } if name == "direct" => {
                say(&format!("{:<9} {published:<20} published: every digit agrees", ""))
            }
            Case::Own { .. } => {
                say(&format!("{:<9} {published:<20} published, for another consumption of electricity", ""))
            }
        }
    }
    let quality = &statement.quality;
    say("");
    say(&format!(
        "Gaps {}, calibration coverage {}, primary data {} (shares of 1).",
        quality.gap_share,
        quality.calibration_coverage_share.as_ref().map_or("of nothing metered", |share| share.as_str()),
        quality.primary_data_share
    ));
    say("Uncertainty budget of the total, greatest first:");
    for row in statement.budget.iter().take(6) {
        say(&format!("  {:>6} %  {}", short(&row.share_percent), row.source));
    }
    if statement.budget.len() > 6 {
        say(&format!("  … and {} more sources in statement.json", statement.budget.len() - 6));
    }
    Ok(())
}

async fn story_receipt(client: &touchstone_client::Client, leaf: u64) -> Result<proto::registry::Receipt, WorldError> {
    let request = proto::registry::GetReceiptRequest { name: format!("entries/{leaf}"), max_wait: None };
    Ok(client.registry().get_receipt(request).await.map_err(ClientError::from)?.into_inner())
}

/// The accreditation swapped in must be proved under the bundle's own epoch; when an epoch passes meanwhile, once more.
async fn swapped(
    client: &touchstone_client::Client,
    bundle: &[u8],
    other: &story::Registered,
    trust: &Trust,
) -> Result<Vec<u8>, WorldError> {
    match story::swap_accreditation(client, bundle, other).await {
        Ok(swapped) => Ok(swapped),
        Err(_) => {
            let fresh = story::bundle(client, NUMBER, 0).await?;
            let verdict = judge_now(&fresh, trust);
            if !accepted(&verdict) {
                return Err(WorldError(format!("the bundle fetched again is {}", spelled(verdict.outcome))));
            }
            story::swap_accreditation(client, &fresh, other).await
        }
    }
}

fn judge_now(bundle: &[u8], trust: &Trust) -> Verdict {
    let now = Timestamp::now();
    judge_file(bundle, trust, &Question { as_of: now, now, production: None })
}

fn spelled<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict.outcome, Outcome::Accepted | Outcome::AcceptedWithConditions)
}

/// A verdict that the story needs; another one is a fault of ours.
fn expect(verdict: &Verdict, outcome: Outcome, code: &str) -> Result<(), WorldError> {
    let first = verdict.reasons.first();
    if verdict.outcome == outcome && first.is_some_and(|reason| spelled(reason.code) == code) {
        return Ok(());
    }
    let why = first.map_or_else(String::new, |reason| format!(", {}: {}", spelled(reason.code), reason.message));
    Err(WorldError(format!("{} {code} was expected, found {}{why}", spelled(outcome), spelled(verdict.outcome))))
}

/// What marks a folder as one that this program made.
const MARK: &str = ".touchstone-demo";

/// Makes the folder of the artefacts anew; one that holds anything else is left alone.
fn clear(folder: &Path) -> Result<(), WorldError> {
    let failed = |e: std::io::Error| WorldError(format!("--out {}: {e}", folder.display()));
    if folder.exists() && !folder.is_dir() {
        return Err(WorldError(format!("--out {}: is no folder: name one, it is made", folder.display())));
    }
    if folder.is_dir() && fs::read_dir(folder).map_err(failed)?.next().is_some() {
        if !folder.join(MARK).is_file() {
            return Err(WorldError(format!(
                "--out {}: holds files that are not of an earlier demonstration: name a new or empty folder",
                folder.display()
            )));
        }
        // What is in it, not the folder: it may be the one that somebody stands in.
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.map_err(failed)?;
        }
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(folder.join(MARK), "made by touchstone-demo, and replaced by it\n").map_err(failed)
}

/// Why the story ends before its end, and what helps.
fn end_refused(verdict: &Verdict, case: &Case, out: &Path) {
    say("");
    say(&format!("She does not accept this certificate, so the story ends here: {}.", spelled(verdict.outcome)));
    for reason in &verdict.reasons {
        say(&format!("- {} ({}): {}", spelled(reason.code), reason.clause, reason.message));
        say(&format!("    Remedy: {}", reason.remedy));
    }
    let gaps = verdict.reasons.iter().any(|reason| reason.clause == "maxGapShare");
    if let (true, Case::Own { file, .. }) = (gaps, case) {
        say(&format!(
            "Here: complete {} (the missing intervals, the rows refused in step 2), and run this again.",
            file.display()
        ));
    }
    say("");
    say("The same by hand:");
    let out = out.display();
    say(&format!("  target/release/touchctl verify --offline {out}/bundle.cbor --trust {out}/trust.toml"));
}

fn show_verdict(verdict: &Verdict) {
    say(&format!("  {}", spelled(verdict.outcome)));
    for fact in &verdict.facts {
        let mark = match fact.state {
            verify::FactState::Established => '✓',
            verify::FactState::NotEstablished => '?',
            verify::FactState::Contradicted => '✗',
        };
        say(&format!("  {mark} {:<14} {}", spelled(fact.check), fact.detail));
    }
}

fn refusal(what: &str, verdict: &Verdict, code: &str) -> Result<(), WorldError> {
    expect(verdict, Outcome::Refused, code)?;
    say(&format!("- {what}:"));
    say(&format!("    REFUSED, {code}: {}", verdict.reasons.first().map_or("", |reason| reason.message.as_str())));
    Ok(())
}

fn table(rows: &[(&str, &str, &str)]) {
    let width = |column: fn(&(&str, &str, &str)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (first, second) = (width(|r| r.0.chars().count()), width(|r| r.1.chars().count()));
    for (row, (a, b, c)) in rows.iter().enumerate() {
        say(&format!("{a:<first$}  {b:<second$}  {c}"));
        if row == 0 {
            say(&format!("{}  {}  {}", "-".repeat(first), "-".repeat(second), "-".repeat(40)));
        }
    }
}
