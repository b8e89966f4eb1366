//! Which crate builds on which: a table, checked against what cargo says. The arrows are dear to change later, so a new
//! one is a line here first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What a crate may build on, of ours. Fewer is fine.
const TABLE: &[(&str, &[&str])] = &[
    ("quantity", &[]),
    ("cose", &[]),
    ("tlog", &["cose"]),
    ("uncertainty", &["quantity"]),
    ("record", &["quantity", "cose", "uncertainty"]),
    ("dcc", &["quantity"]),
    ("metering", &["quantity", "uncertainty", "record", "dcc", "tlog", "cose"]),
    ("footprint", &["quantity", "uncertainty", "record", "metering"]),
    ("certification", &["record"]),
    ("verify", &["record", "cose", "tlog", "uncertainty"]),
    ("store", &["record", "tlog"]),
    ("proto", &["record", "quantity"]),
    ("runtime", &["proto", "record", "store", "cose"]),
    ("metering-service", SERVICE),
    ("footprint-service", SERVICE),
    ("certification-service", SERVICE),
    ("registry-service", SERVICE),
    ("verification-service", SERVICE),
    ("gateway-service", SERVICE),
    ("witness-service", SERVICE),
    (
        "touchstone",
        &[
            "metering-service",
            "footprint-service",
            "certification-service",
            "registry-service",
            "verification-service",
            "gateway-service",
            "witness-service",
            "runtime",
            "proto",
            "store",
            "cose",
            "record",
            "tlog",
            "verify",
        ],
    ),
    ("touchstone-client", &["proto", "record", "cose", "tlog", "verify"]),
    ("interval-csv", &["record", "quantity"]),
    (
        "touchctl",
        &[
            "touchstone-client",
            "interval-csv",
            "footprint",
            "uncertainty",
            "metering",
            "dcc",
            "tlog",
            "verify",
            "record",
            "quantity",
            "proto",
            "cose",
        ],
    ),
];

/// A service knows words, runtime and record; its peers it knows only as clients over a channel.
const SERVICE: &[&str] = &[
    "proto",
    "runtime",
    "quantity",
    "cose",
    "tlog",
    "uncertainty",
    "record",
    "dcc",
    "metering",
    "footprint",
    "certification",
    "verify",
    "store",
];

/// May build on any.
const TESTS: &str = "integration-tests";

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(vec!["--offline".into()])
        .exec()
        .expect("cargo describes the workspace")
}

/// Names of our crates that `package` depends on, outside tests.
fn ours<'a>(package: &'a Package, members: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let counts = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    let named = package.dependencies.iter().filter(|dependency| counts(dependency.kind));
    named.map(|dependency| dependency.name.as_str()).filter(|name| members.contains(name)).collect()
}

#[test]
fn arrows_are_in_the_table() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    assert_eq!(table.len(), TABLE.len(), "one row a crate");
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| package.name.as_str() != TESTS) {
        let Some(allowed) = table.get(package.name.as_str()) else {
            wrong.push(format!("{} has no row", package.name));
            continue;
        };
        for name in ours(package, &members) {
            if !allowed.contains(&name) {
                wrong.push(format!("{} must not build on {name}", package.name));
            }
        }
    }
    for name in table.keys().chain(TABLE.iter().flat_map(|(_, allowed)| allowed.iter())) {
        if !members.contains(name) {
            wrong.push(format!("{name} stands in the table and is no member"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn folders_are_named_like_crates_and_share_the_lints() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        assert_eq!(folder, Some(package.name.as_str()), "folder name = crate name");
        let text = std::fs::read_to_string(manifest).expect("the manifest is readable");
        let manifest: toml::Table = text.parse().expect("the manifest is TOML");
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(lints, Some(true), "{}: [lints] workspace = true", package.name);
    }
}

/// Who may name the engine of rows: the crate that has it, the process that is put together of all, and measurements,
/// which compare with it.
const KNOW_ROCKSDB: &[&str] = &["registry/store/", "services/touchstone/src/serve.rs", "integration-tests/"];

#[test]
fn nothing_above_the_store_knows_its_engine() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_std_path();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().expect("a folder");
        let is_known = KNOW_ROCKSDB.iter().any(|known| format!("{}/", folder.as_str()).ends_with(&format!("/{known}")));
        let depends = package.dependencies.iter().any(|dependency| dependency.name.contains("rocksdb"));
        if depends && !is_known {
            wrong.push(format!("{} depends on RocksDB", package.name));
        }
    }
    let (mut folders, mut read) = (vec![root.join("registry"), root.join("services"), root.join("clients")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            if !name.ends_with(".rs") || KNOW_ROCKSDB.iter().any(|known| name.starts_with(known)) {
                continue;
            }
            read += 1;
            let text = std::fs::read_to_string(&path).expect("text").to_lowercase();
            if text.contains("rocks") {
                wrong.push(format!("{name} names the engine"));
            }
        }
    }
    assert!(read > 100, "{read} files: the sources are not where they were");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
