//! Every reason of a refusal is given somewhere, and some test makes a service give it: what nobody gives should not be
//! documented, and what nobody produced nobody knows to work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;

/// The Rust sources of the workspace, without what is generated: path from its root, and text without comments.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> =
        ["proto", "registry", "services", "clients", "integration-tests"].map(|folder| root.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if !["gen", "target"].iter().any(|name| path.ends_with(name)) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let name = path.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
                found.insert(name, code.map(|line| format!("{line}\n")).collect());
            }
        }
    }
    found
}

/// A source is code up to its module of tests, and tests from there on.
fn divided(text: &str) -> (&str, &str) {
    text.split_at(text.find("#[cfg(test)]\nmod ").unwrap_or(text.len()))
}

/// Every reason as `noun`, `WORD`.
fn reasons() -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("checked-in descriptors");
    let enums = pool.all_enums().filter(|kind| kind.name() == "ErrorReason");
    let of = |kind: prost_reflect::EnumDescriptor| {
        let noun = kind.package_name().split('.').nth(1).expect("touchstone.<noun>.v1").to_owned();
        let values: Vec<_> = kind.values().filter(|value| value.number() != 0).collect();
        let word = |name: &str| name.strip_prefix("ERROR_REASON_").expect("the prefix").to_owned();
        values.into_iter().map(move |value| (noun.clone(), word(value.name())))
    };
    enums.flat_map(of).collect()
}

/// `NOT_FOUND` -> `NotFound`, as the generated code has it.
fn variant(word: &str) -> String {
    word.split('_').map(|part| format!("{}{}", &part[..1], part[1..].to_lowercase())).collect()
}

/// Whether code names a reason: as a variant of the enum, or by its word.
fn gives(code: &str, word: &str) -> bool {
    let path = format!("Reason::{}", variant(word));
    let ends = |at: usize| !code[at + path.len()..].starts_with(|next: char| next.is_alphanumeric());
    code.match_indices(&path).any(|(at, _)| ends(at)) || code.contains(&format!("\"{word}\""))
}

/// Whether tests expect a reason. That something is not refused so does not produce it, and tests that look at no
/// reason mean something else by the word.
fn expect(tests: &str, word: &str) -> bool {
    let word = format!("\"{word}\"");
    tests.contains("reason") && tests.lines().any(|line| line.contains(&word) && !line.contains("assert_ne!"))
}

#[test]
fn every_reason_is_given_and_tested() {
    let sources = sources();
    let in_service = |folder: &str, word: &str| {
        let src = format!("services/{folder}/src/");
        sources.iter().any(|(path, text)| path.starts_with(&src) && gives(divided(text).0, word))
    };
    // This file's own words are no test of anything.
    let tests: Vec<&str> = sources
        .iter()
        .filter(|(path, _)| *path != "integration-tests/tests/reasons.rs")
        .map(|(path, text)| if path.contains("/tests/") { text.as_str() } else { divided(text).1 })
        .collect();
    let mut problems = Vec::new();
    let reasons = reasons();
    assert!(reasons.len() > 70, "{} reasons", reasons.len());
    for (noun, word) in &reasons {
        let proto = format!("proto/touchstone/{noun}/v1/error_reason.proto: {word}");
        // The reasons that all services share are given by what they share.
        let given = in_service(&format!("{noun}-service"), word) || in_service("runtime", word);
        if !given {
            problems.push(format!("{proto} is given by nothing in services/: reserve its number"));
        } else if !tests.iter().any(|tests| expect(tests, word)) {
            problems.push(format!("{proto} is expected by no test: make one in integration-tests/tests/it/reasons.rs"));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
