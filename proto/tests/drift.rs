//! The generated code is checked in; this regenerates it (protox, no protoc) and fails on any difference.
//! `UPDATE_GENERATED=1` writes it instead.

use std::path::{Path, PathBuf};

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("touchstone")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("proto folder is readable") {
            let path = entry.expect("entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "proto") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn generate(root: &Path, out: &Path) {
    let files = sources(root);
    let mut compiler = protox::Compiler::new([root]).expect("include path");
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(&files).expect("the proto files compile");
    let descriptors = compiler.file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set()).expect("write descriptors");
    // Google's comments hold grammars, which rustdoc would take for Rust samples and run as tests.
    let mut config = prost_build::Config::new();
    config.disable_comments([".google"]);
    tonic_prost_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(descriptors, config)
        .expect("code is generated");
}

#[test]
fn generated_code_is_in_step() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let checked_in = root.join("src/gen");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(&checked_in).expect("create src/gen");
        generate(&root, &checked_in);
        return;
    }
    let fresh = tempfile::tempdir().expect("temporary folder");
    generate(&root, fresh.path());
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).expect("folder").map(|e| e.expect("entry").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&checked_in), names(fresh.path()), "files in proto/src/gen");
    for name in names(fresh.path()) {
        assert!(
            std::fs::read(checked_in.join(&name)).unwrap() == std::fs::read(fresh.path().join(&name)).unwrap(),
            "proto/src/gen/{} is out of step: run `make generate`",
            name.display()
        );
    }
}
