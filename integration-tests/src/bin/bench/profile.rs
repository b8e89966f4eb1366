//! A flame graph of the server's threads under a load.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::Failed;
use crate::stand::CLIENT;

/// Samples a second of processor time: no multiple of anything that happens every millisecond.
const FREQUENCY: i32 = 997;

/// Where results go.
pub const FOLDER: &str = "target/bench";

/// Records `load` and writes `target/bench/flame-<name>.svg`; callers' threads are left out.
pub fn record(name: &str, load: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    let guard = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        // Unwinding through these may deadlock in a signal handler.
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()?;
    let began = Instant::now();
    load()?;
    let took = began.elapsed();
    let mut report = guard.report().build()?;
    // Whether the load was bound by processors at all, and whose.
    let mut threads: BTreeMap<&str, isize> = BTreeMap::new();
    for (frames, count) in &report.data {
        *threads.entry(&frames.thread_name).or_default() += count;
    }
    println!("{name}: {:.2} s; samples by thread: {threads:?}", took.as_secs_f64());
    report.data.retain(|frames, _| !frames.thread_name.starts_with(CLIENT));
    std::fs::create_dir_all(FOLDER)?;
    let path = Path::new(FOLDER).join(format!("flame-{name}.svg"));
    report.flamegraph(File::create(&path)?)?;
    println!("{}", path.display());
    // The same as text, one stack a line, for grep and for comparing two versions.
    let mut folded = File::create(path.with_extension("txt"))?;
    for (frames, count) in &report.data {
        let mut stack = vec![frames.thread_name.clone()];
        stack.extend(frames.frames.iter().rev().flatten().map(pprof::Symbol::name));
        writeln!(folded, "{} {count}", stack.join(";"))?;
    }
    Ok(())
}
