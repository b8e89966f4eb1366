//! `touchstone-bench`: measures what the goals are stated for. Nothing here is asserted in a test.
//!
//! `ONLY=name,name` runs a part, `QUICK=1` smaller sizes, `PROFILE=1` records flame graphs instead. Results go to
//! `target/bench/`.

mod budget;
mod cold;
mod frame;
mod log;
mod meters;
mod network;
mod peer;
mod profile;
mod register;
mod stand;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use frame::{Figure, Plan};
use stand::Stand;

/// The server's own: it runs in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why there is no figure. Words are enough: nobody acts on it but a reader.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Figures, and what measures them together.
const MEASURES: [(&[&str], Measure); 10] = [
    (&["verify_online_ratio"], Measure::Verify),
    (&["register_ratio", "register_per_s"], Measure::Register),
    (&["cold_verify_ms"], Measure::Cold),
    (&["proof_growth", "audit_entries_per_core_s", "rss_registry_mib"], Measure::Log),
    (&["ingest_vs_rocksdb_rows", "ingest_vs_copy", "bytes_per_reading"], Measure::Ingest),
    (&["scan_readings_per_core_s"], Measure::Scan),
    (&["meter_query_growth"], Measure::Growth),
    (&["rss_ingest_mib"], Measure::Memory),
    (&["budget_vs_gtc", "budget_vs_numpy", "monte_carlo_vs_numpy"], Measure::Budget),
    (&["network_vs_bw2calc"], Measure::Network),
];

#[derive(Clone, Copy)]
enum Measure {
    Verify,
    Register,
    Cold,
    Log,
    Ingest,
    Scan,
    Growth,
    Memory,
    Budget,
    Network,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("touchstone-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The measures that `ONLY` names; all when it names none.
fn wanted(only: &str) -> Result<Vec<Measure>, Failed> {
    let names: Vec<&str> = only.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = || MEASURES.iter().flat_map(|(names, _)| names.iter().copied());
    if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == **name)) {
        let known = known().collect::<Vec<_>>().join(", ");
        return Err(format!("ONLY: there is no measure {unknown}: name {known}").into());
    }
    let asked = |measured: &[&str]| names.is_empty() || names.iter().any(|name| measured.contains(name));
    Ok(MEASURES.iter().filter(|(measured, _)| asked(measured)).map(|(_, measure)| *measure).collect())
}

fn run() -> Result<(), Failed> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let plan = Plan { quick: variable("QUICK") == "1" };
    let wanted = wanted(&variable("ONLY"))?;
    let folder = tempfile::tempdir()?;
    let mut figures = Vec::new();
    for (number, measure) in wanted.into_iter().enumerate() {
        // Each on an installation of its own: what one leaves behind is not the next one's load.
        let folder = folder.path().join(number.to_string());
        match measure {
            Measure::Log => {
                figures.extend(log::measure(plan, &folder)?);
                continue;
            }
            Measure::Growth => {
                figures.extend(meters::growth(plan, &folder)?);
                continue;
            }
            Measure::Budget if variable("PROFILE") == "1" => {
                budget::profile(plan)?;
                continue;
            }
            Measure::Budget => {
                figures.extend(budget::measure(plan, &folder)?);
                continue;
            }
            Measure::Memory => {
                figures.extend(meters::memory(plan, &folder)?);
                continue;
            }
            Measure::Network => {
                figures.push(network::measure(plan, &folder)?);
                continue;
            }
            _ => {}
        }
        let mut stand = Stand::set_up(&folder)?;
        if variable("PROFILE") == "1" {
            match measure {
                Measure::Verify => verify::profile(&stand, plan)?,
                Measure::Register => register::profile(&stand, plan)?,
                Measure::Ingest => meters::profile(&stand, plan)?,
                Measure::Cold
                | Measure::Log
                | Measure::Scan
                | Measure::Growth
                | Measure::Memory
                | Measure::Budget
                | Measure::Network => {}
            }
            continue;
        }
        figures.extend(match measure {
            Measure::Verify => verify::measure(&stand, plan)?,
            Measure::Register => register::measure(&stand, plan, &folder)?,
            Measure::Cold => cold::measure(&stand, plan, &folder)?,
            Measure::Ingest => meters::measure(&mut stand, plan, &folder)?,
            Measure::Scan => meters::scan(&stand, plan)?,
            // Done without a stand.
            Measure::Log | Measure::Growth | Measure::Memory | Measure::Budget | Measure::Network => Vec::new(),
        });
    }
    if !figures.is_empty() {
        show(&figures)?;
    }
    Ok(())
}

fn show(figures: &[Figure]) -> Result<(), Failed> {
    for figure in figures {
        let value = figure.value.map_or("not measured".to_owned(), |value| format!("{value:.4} {}", figure.unit));
        let met = match figure.meets {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "not measured",
        };
        println!("{:<22} {value:<20} goal {:<10} {met}", figure.name, figure.goal);
    }
    std::fs::create_dir_all(profile::FOLDER)?;
    let path = Path::new(profile::FOLDER).join("summary.json");
    std::fs::write(&path, serde_json::to_string_pretty(figures)? + "\n")?;
    println!("{}", path.display());
    Ok(())
}
