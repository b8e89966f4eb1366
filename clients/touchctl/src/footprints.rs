//! `touchctl footprints`: a figure from a plant file, and what it says when it is asked.

mod show;

use std::path::{Path, PathBuf};

use footprint::cbam::DefaultValues;
use footprint::{
    Certified, FootprintError, ProductCategoryRules, Sources, WorkedExample, compute_all, compute_product, difference,
    is_example, recompute, waterfall,
};
use jiff::Timestamp;
use metering::{MAX_ARCHIVE_BYTES, read_archive};
use record::evidence::Evidence;
use record::footprint::FootprintStatement;
use record::instrument::Sha256;
use record::plant::Plant;
use verify::{NotInForce, Trust, certificate_in_force};

use crate::args::{ComputeArgs, ExplainArgs, FootprintsCommand, RecomputeArgs, SourcesArgs};
use crate::error::Error;
use crate::{DONE, FAILED, Surroundings, files};

/// Largest statement, plant file and file of examples.
const MAX_BYTES: u64 = 8 << 20;
/// Files beside a statement that are looked at for its plant file.
const MAX_BESIDE: usize = 1_000;

/// Runs a command.
pub(crate) fn run(command: &FootprintsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    match command {
        FootprintsCommand::Compute(args) => compute(args, json, world),
        FootprintsCommand::Recompute(args) => again(args, json, world),
        FootprintsCommand::Explain(args) => explain(args, json, world),
        FootprintsCommand::Compare { before, after } => {
            let (before, after) = (statement("before", before)?, statement("after", after)?);
            let changes = difference(&before, &after);
            show::changes(world.out, &before, &after, &changes, json).map(|()| DONE).map_err(Error::Output)
        }
    }
}

fn compute(args: &ComputeArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let bytes = files::read("plant", &args.plant, MAX_BYTES)?;
    let example = if is_example(&bytes) || args.example.is_some() {
        let wrong = |error| Error::Example { path: args.plant.clone(), error };
        Some(WorkedExample::read(&bytes, args.example).map_err(wrong)?)
    } else {
        None
    };
    let text = example.as_ref().map_or(&bytes[..], |example| example.plant_toml.as_bytes());
    let plant = plant_of(&args.plant, text)?;
    let evidence = evidence(&args.sources, &plant)?;
    let sources = sources(&args.sources, &evidence, world.now)?;
    let failed = |error| Error::Footprint { path: args.plant.clone(), error: Box::new(error) };
    let statements = match &args.product {
        Some(product) => vec![compute_product(&plant, &sources, product).map_err(failed)?],
        None => compute_all(&plant, &sources).map_err(failed)?,
    };
    if let Some(svg) = &args.svg {
        let [only] = &statements[..] else {
            let known = plant.products.iter().map(|product| product.name.clone()).collect();
            return Err(failed(FootprintError::Product { known }));
        };
        files::create("svg", svg, waterfall(only))?;
    }
    let mut written = Vec::new();
    if let Some(folder) = &args.out {
        std::fs::create_dir(folder).map_err(|error| Error::Write { argument: "out", path: folder.clone(), error })?;
        let mut write = |name: String, content: &[u8]| {
            let path = folder.join(name);
            files::create("out", &path, content)?;
            written.push(path);
            Ok(())
        };
        write("plant.toml".to_owned(), text)?;
        for (place, statement) in statements.iter().enumerate() {
            write(format!("statement-{}.json", place + 1), &statement.to_bytes())?;
        }
    }
    let shown = show::Computed { example: example.as_ref(), statements: &statements, written: &written };
    shown.print(world.out, json).map(|()| DONE).map_err(Error::Output)
}

fn again(args: &RecomputeArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let stated = statement("statement", &args.statement)?;
    let wanted = stated.inputs.plant_file;
    let (path, bytes) = match &args.plant {
        Some(path) => (path.clone(), files::read("plant", path, MAX_BYTES)?),
        None => beside(&args.statement, wanted)?,
    };
    let found = Sha256::of(&bytes);
    if found != wanted {
        return Err(Error::OtherPlant { path, wanted, found });
    }
    let plant = plant_of(&path, &bytes)?;
    let evidence = evidence(&args.sources, &plant)?;
    let sources = sources(&args.sources, &evidence, world.now)?;
    let outcome = recompute(&stated, &plant, &sources);
    let code = if outcome.is_ok() { DONE } else { FAILED };
    show::recomputed(world.out, &stated, &outcome, json).map(|()| code).map_err(Error::Output)
}

fn explain(args: &ExplainArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let statement = statement("statement", &args.statement)?;
    if let Some(svg) = &args.svg {
        files::create("svg", svg, waterfall(&statement))?;
    }
    let shown = show::Computed { example: None, statements: std::slice::from_ref(&statement), written: &[] };
    shown.print(world.out, json).map(|()| DONE).map_err(Error::Output)
}

fn statement(argument: &'static str, path: &Path) -> Result<FootprintStatement, Error> {
    let bytes = files::read(argument, path, MAX_BYTES)?;
    FootprintStatement::from_bytes(&bytes).map_err(|error| Error::Statement { argument, path: path.to_owned(), error })
}

fn plant_of(path: &Path, bytes: &[u8]) -> Result<Plant, Error> {
    Plant::from_bytes(bytes).map_err(|error| Error::Plant { path: path.to_owned(), error: Box::new(error) })
}

/// The evidence of the archive, or none.
fn evidence(args: &SourcesArgs, plant: &Plant) -> Result<Evidence, Error> {
    let Some(path) = &args.evidence else { return Ok(Evidence::empty(plant.site.clone(), plant.period)) };
    let bytes = files::read("evidence", path, MAX_ARCHIVE_BYTES as u64)?;
    let archive = read_archive(&bytes);
    archive
        .map(|archive| archive.evidence)
        .map_err(|error| Error::Archive { path: path.clone(), error: Box::new(error) })
}

fn sources<'a>(args: &SourcesArgs, evidence: &'a Evidence, now: Timestamp) -> Result<Sources<'a>, Error> {
    let mut sources = Sources::new(evidence);
    for path in &args.supplier {
        sources = sources.with_supplier(statement("supplier", path)?);
    }
    if let Some(trust) = &args.trust {
        let trust = files::trust(trust)?;
        for path in &args.certificate {
            sources = sources.with_certificate(certified(path, &trust, now)?);
        }
    }
    if let Some(path) = &args.defaults {
        let bytes = files::read("defaults", path, MAX_BYTES)?;
        let wrong = |error| Error::Defaults { path: path.clone(), error };
        sources.defaults = Some(DefaultValues::read(&bytes).map_err(wrong)?);
    }
    if let Some(path) = &args.rules {
        let bytes = files::read("rules", path, MAX_BYTES)?;
        let wrong = |error| Error::Rules { path: path.clone(), error };
        sources.category_rules = Some(ProductCategoryRules::read(&bytes).map_err(wrong)?);
    }
    Ok(sources)
}

/// A supplier's certificate, verified offline as of now.
fn certified(path: &Path, trust: &Trust, now: Timestamp) -> Result<Certified, Error> {
    let bytes = files::read("certificate", path, verify::bundle::MAX_BYTES as u64)?;
    let refused = |error: NotInForce| Error::SupplierCertificate { path: path.to_owned(), problem: error.problem };
    let (certificate, digest) = certificate_in_force(&bytes, trust, now).map_err(refused)?;
    Ok(Certified { certificate, digest: Sha256(digest.0) })
}

/// The file of this digest in the folder of a statement.
fn beside(statement: &Path, wanted: Sha256) -> Result<(PathBuf, Vec<u8>), Error> {
    let folder = statement.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(MAX_BESIDE);
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let toml = paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let read = toml.filter_map(|path| files::read("plant", &path, MAX_BYTES).ok().map(|bytes| (path, bytes)));
    let found = read.into_iter().find(|(_, bytes)| Sha256::of(bytes) == wanted);
    found.ok_or_else(|| Error::NoPlant { folder: folder.to_owned(), wanted })
}
