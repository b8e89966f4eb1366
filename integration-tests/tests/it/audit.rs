//! `touchctl log audit` against a running server: what it says of a log that is as it must be, and after it grew.

use std::process::Command;

use integration_tests::{cast, processes, story};
use record::status::{GoodsRule, State};
use serde_json::Value;

use crate::support::Told;

/// Runs an audit in a folder; exit code and the one object.
fn audit(folder: &std::path::Path, args: &[&str]) -> (i32, Value) {
    let program = processes::program("touchctl").expect("a program");
    let output = tokio::task::block_in_place(|| {
        Command::new(program).args(["log", "audit", "--json"]).args(args).current_dir(folder).output().expect("it runs")
    });
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output.status.code().expect("an exit"), object)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_is_audited_from_outside() {
    let told = Told::tell().await;
    let world = &told.stage.world;
    let decider = told.stage.client(&cast::decider());
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("http://{}", world.http());
    let introduction = world.installation.introduction_file.to_str().expect("a path").to_owned();
    let known = [url.as_str(), "--introduction", &introduction, "--keep", "state.json"];
    let covered = async |index: u64| {
        let name = format!("entries/{index}");
        let request = proto::registry::GetStatusProofRequest { name, max_wait: None, min_size: index + 1 };
        decider.registry().get_status_proof(request).await.expect("an epoch");
    };
    covered(told.registered.index).await;
    let (code, found) = audit(folder.path(), &known);
    assert_eq!((code, &found["outcome"], &found["reasons"]), (0, &"ACCEPTED".into(), &Value::Array(vec![])), "{found}");
    let size = found["size"].as_u64().expect("a size");
    assert!(size > told.registered.index, "{found}");
    assert_eq!((&found["entries_checked"], &found["statements_good"]), (&size.into(), &size.into()));
    assert_eq!(found["origin"], cast::ORIGIN);
    assert_eq!(found["by_media_type"]["application/vc"], 1);
    assert_eq!((&found["status"]["epochs_good"], &found["extends_size"]), (&found["status"]["size"], &Value::Null));
    assert!(found["tiles_compared"].as_u64() >= Some(2), "{found}");

    // The log goes on: a state changes, and the status follows.
    let event = story::change_state(
        world,
        &decider,
        &told.certificate,
        State::Suspended,
        GoodsRule::GoodsBeforeStay,
        "surveillance is overdue",
    );
    let event = event.await.expect("suspended");
    covered(event.index).await;
    let (code, found) = audit(folder.path(), &known);
    assert_eq!((code, &found["outcome"], &found["extends_size"]), (0, &"ACCEPTED".into(), &size.into()), "{found}");
    assert_eq!((&found["size"], &found["status"]["changed_leaves"]), (&(event.index + 1).into(), &1.into()));

    // By its own word alone that is a condition; by another log's keys it is not this log.
    let (code, found) = audit(folder.path(), &[&url]);
    assert_eq!((code, &found["reasons"][0]["code"]), (0, &"KEYS_FROM_LOG".into()), "{found}");
    let other = tempfile::tempdir().expect("a folder");
    let stranger = integration_tests::world::install(&other.path().join("installation"), 100).expect("installed");
    let stranger = stranger.introduction_file.to_str().expect("a path").to_owned();
    let (code, found) = audit(folder.path(), &[&url, "--introduction", &stranger]);
    assert_eq!((code, &found["reasons"][0]["code"]), (1, &"LOG_UNKNOWN".into()), "{found}");
}
