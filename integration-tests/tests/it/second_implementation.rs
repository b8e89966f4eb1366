//! Certificate and receipt, verified by somebody else's implementation: PyPI `scitt-cose`.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use cose::key::PublicKey;
use integration_tests::{cast, story};
use proto::registry;
use record::status::{GoodsRule, State};

use crate::support::{self, Told};

/// Version that was read before it was trusted.
const PACKAGE: &str = "scitt-cose==0.5.0";

/// Arguments: folder with certificate.cose, receipt.cbor, signer.pem, log.pem. Prints one word for each of the two.
const SCRIPT: &str = r#"
import pathlib, sys
from scitt_cose.cose_sign1 import CoseError, verify_sign1
from scitt_cose.receipt import verify_receipt
folder = pathlib.Path(sys.argv[1])
entry = (folder / "certificate.cose").read_bytes()
receipt = (folder / "receipt.cbor").read_bytes()
try:
    verify_sign1(entry, public_key_pem=(folder / "signer.pem").read_bytes())
    print("statement: verified")
except CoseError as error:
    print("statement: refused")
result = verify_receipt(receipt, leaf_entry_hex=entry.hex(), log_public_key_pem=(folder / "log.pem").read_bytes())
print("receipt: verified" if result.ok else "receipt: refused")
if result.ok:
    print(f"leaf {result.leaf_index} of {result.tree_size}, root {result.root}")
"#;

/// The interpreter of an environment with the package, or why there is none.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scitt-cose-0.5.0");
    let interpreter = folder.join("bin/python");
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or("").to_owned()),
        Err(error) => Err(error.to_string()),
    };
    if run(Command::new(&interpreter).args(["-c", "import scitt_cose"])).is_ok() {
        return Ok(interpreter);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&interpreter).args(["-m", "pip", "install", "--quiet", "--timeout", "20", PACKAGE]))?;
    Ok(interpreter)
}

fn pem(key: &PublicKey) -> String {
    let der = base64::engine::general_purpose::STANDARD.encode(key.to_spki_der());
    format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
}

fn verify(python: &Path, entry: &[u8], receipt: &[u8], signer: &PublicKey, log: &PublicKey) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in [
        ("certificate.cose", entry),
        ("receipt.cbor", receipt),
        ("signer.pem", pem(signer).as_bytes()),
        ("log.pem", pem(log).as_bytes()),
    ] {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    let output = Command::new(python).arg("-c").arg(SCRIPT).arg(folder.path()).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// The status of every leaf, folded by `peers/status_fold.py` from what the log serves, held to every epoch; `None`, said
/// plainly, where there is no Python.
pub fn fold(url: &str) -> Option<serde_json::Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/status_fold.py");
    match tokio::task::block_in_place(|| Command::new("python3").arg(script).arg(url).output()) {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}")))
        }
        Err(error) => {
            println!("skipped: python3: {error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_fold_of_the_status_agrees() {
    let told = Told::tell().await;
    let decider = told.stage.client(&cast::decider());
    let url = format!("http://{}", told.stage.world.http());
    let before = support::covered(&decider, told.registered.index).await;
    let Some(found) = fold(&url) else { return };
    assert_eq!((&found["wrong"], &found["changed"]), (&serde_json::json!([]), &0.into()), "{found}");
    assert!(found["entries"].as_u64() > Some(told.registered.index), "{found}");
    // What is suspended changes one leaf, and the root over all.
    let suspended = story::change_state(
        &told.stage.world,
        &decider,
        &told.certificate,
        State::Suspended,
        GoodsRule::GoodsBeforeStay,
        "surveillance is overdue: Überwachung",
    );
    let leaf = suspended.await.expect("suspended").index;
    let after = support::covered(&decider, leaf).await;
    let found = fold(&url).expect("it was there");
    assert_eq!((&found["wrong"], &found["changed"]), (&serde_json::json!([]), &1.into()), "{found}");
    assert_eq!(found["entries"], leaf + 1);
    // The epoch in hand is the one that it folded to, and another than before.
    assert_eq!(found["map_root"], hex::encode(after.map_root));
    assert_ne!(before.map_root, after.map_root);
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn another_implementation_agrees() {
    let python = match tokio::task::block_in_place(python) {
        Ok(python) => python,
        Err(problem) => {
            println!("skipped: {PACKAGE} is not to be had: {problem}");
            return;
        }
    };
    let told = Told::tell().await;
    let decider = told.stage.client(&cast::decider());
    let request = registry::GetReceiptRequest { name: format!("entries/{}", told.registered.index), max_wait: None };
    let receipt = decider.registry().get_receipt(request).await.expect("a receipt").into_inner().receipt;
    let identity = decider.registry().get_log_identity(registry::GetLogIdentityRequest {}).await;
    let log = PublicKey::from_jwk(&identity.expect("identity").into_inner().receipt_key_jwk).expect("a key");
    let signer = told.stage.world.cast.certification_body.key.public_key();
    let (entry, none) = (&told.registered.entry, "refused");
    tokio::task::block_in_place(|| {
        let found = verify(&python, entry, &receipt, &signer, &log);
        assert_eq!(found[..2], ["statement: verified", "receipt: verified"]);
        assert!(found[2].starts_with(&format!("leaf {} of ", told.registered.index)), "{found:?}");
        // One byte of the payload: neither signature nor leaf fit.
        let altered = flipped(entry, entry.len() / 2);
        let found = verify(&python, &altered, &receipt, &signer, &log);
        assert_eq!(found, [format!("statement: {none}"), format!("receipt: {none}")]);
        // One byte of the receipt's signature: the statement itself stays true.
        let altered = flipped(&receipt, receipt.len() - 1);
        let found = verify(&python, entry, &altered, &signer, &log);
        assert_eq!(found, ["statement: verified", "receipt: refused"]);
        // The keys exchanged.
        let found = verify(&python, entry, &receipt, &log, &signer);
        assert_eq!(found, ["statement: refused", "receipt: refused"]);
    });
}
