//! The sample configuration in `deploy/` has every key there is, works with what `init` makes, and shows the defaults.

use std::path::Path;

use runtime::config::{Config, Limits, Service};
use touchstone::init::{Installation, Options, init};

fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/touchstone.toml");
    std::fs::read_to_string(&path).expect("the sample is beside the code")
}

fn install(folder: &Path) -> Installation {
    init(&Options {
        folder: folder.to_owned(),
        origin: "log.example/touchstone".into(),
        log_id: "did:web:log.example".into(),
        grpc: "127.0.0.1:7443".parse().unwrap(),
        http: "127.0.0.1:7080".parse().unwrap(),
        hosts: vec!["localhost".into()],
        min_epoch_ms: 1_000,
    })
    .unwrap()
}

/// Whether the sample names a file that an installation does not have from the first day: the key stands in a comment.
fn left_open(key: &str) -> bool {
    sample().contains(&format!("\n# {key} = \""))
}

#[test]
fn the_sample_has_every_key_and_works_with_the_files_of_init() {
    let folder = tempfile::tempdir().unwrap();
    let installation = folder.path().join("installation");
    install(&installation);
    std::fs::write(installation.join("blocked.toml"), "").unwrap();
    let path = installation.join("sample.toml");
    std::fs::write(&path, sample()).unwrap();
    let config = Config::read_with(&path, std::iter::empty()).unwrap();
    touchstone::serve::check(&config, &Service::ALL).unwrap();
    for service in Service::ALL {
        touchstone::serve::check(&config, &[service]).unwrap();
    }
    assert_eq!(config.limits, Limits::default(), "the sample shows the defaults");
    let table: toml::Table = toml::from_str(&sample()).unwrap();
    for key in Config::keys() {
        let (name, key) = key.split_once('.').unwrap();
        let shown = table.get(name).is_some_and(|rows| rows.get(key).is_some() || left_open(key));
        assert!(shown, "the sample lacks {name}.{key}");
    }
}

#[test]
fn a_file_that_does_not_fit_is_refused_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let installation = folder.path().join("installation");
    let made = install(&installation);
    let good = std::fs::read_to_string(&made.config).unwrap();
    for (from, to, words) in [
        ("\"log-receipt.key\"", "\"log-note.key\"", "log.receipt_key: "),
        ("\"log-note.key\"", "\"log-receipt.key\"", "is a key of P-256: one of Ed25519 is needed here"),
        ("\"log-note.key\"", "\"absent.key\"", "log.note_key: "),
        ("\"operator.jwk\"", "\"operator.key\"", "log.operator_key: "),
        ("\"operator.jwk\"", "\"log-key.jwk\"", "log.operator_key: is the log's own key"),
        ("\"log-status-note.key\"", "\"log-note.key\"", "log.status_note_key: is the key of log.note_key too"),
        ("\"service-authority.crt\"", "\"authority.crt\"", "tls.service_authority: is the authority of callers too"),
        ("\"server.key\"", "\"server.crt\"", "tls.key: "),
        ("\"server.crt\"", "\"server.key\"", "tls.certificate: "),
        ("\"server.key\"", "\"operator.key\"", "tls.certificate, tls.key: "),
        ("\"authority.crt\"", "\"absent.crt\"", "tls.client_authority: "),
        ("\"service.key\"", "\"absent.key\"", "tls.service_key: "),
    ] {
        let text = good.replace(&format!("= {from}"), &format!("= {to}"));
        assert_ne!(text, good, "{from}");
        std::fs::write(&made.config, text).unwrap();
        let config = Config::read_with(&made.config, std::iter::empty()).unwrap();
        let error = touchstone::serve::check(&config, &Service::ALL).unwrap_err().to_string();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
}
