//! Evidence of a split view: what two checkpoints show, and what they do not.

use std::sync::Arc;

use cose::key::{Signer, SigningKey};
use tlog::checkpoint::Checkpoint;
use tlog::note::{NoteSigner, SignedNote};
use tlog::policy::Policy;
use verify::split_view::{Finding, SplitView, SplitViewError};

fn signer(origin: &str) -> NoteSigner {
    let key: Arc<dyn Signer> = Arc::new(SigningKey::generate_ed25519().unwrap());
    NoteSigner::new(origin, key).unwrap()
}

fn note(signer: &NoteSigner, origin: &str, size: u64, root: u8) -> String {
    let text = Checkpoint::new(origin, size, [root; 32]).to_body();
    let line = signer.sign(&text).unwrap();
    SignedNote::new(text, vec![line]).unwrap().encode()
}

#[test]
fn what_two_checkpoints_show() {
    let (a, b) = (signer("a.example"), signer("b.example"));
    let text = format!("log {}\nlog {}\nquorum none\n", a.verifier().to_vkey(), b.verifier().to_vkey());
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let of_a = |size, root| note(&a, "a.example", size, root);
    for (kept, seen, finding) in [
        (of_a(7, 1), of_a(7, 2), Finding::Split),
        (of_a(7, 1), of_a(8, 2), Finding::Unproved),
        (of_a(8, 1), of_a(7, 2), Finding::Unproved),
        (of_a(7, 1), of_a(7, 1), Finding::Nothing),
        (of_a(7, 1), note(&b, "b.example", 7, 2), Finding::Nothing),
    ] {
        let evidence = SplitView::new(kept, seen);
        let again = SplitView::from_json(&evidence.to_json()).unwrap();
        assert_eq!(again, evidence);
        assert_eq!(again.judge(&policy).unwrap().finding, finding);
        assert_eq!(again.file_name(), evidence.file_name());
    }
    // What another key signed in the log's name shows nothing of the log.
    let forged = note(&signer("a.example"), "a.example", 7, 2);
    for (kept, seen) in [(of_a(7, 1), forged.clone()), (forged, of_a(7, 1))] {
        let error = SplitView::new(kept, seen).judge(&policy).unwrap_err();
        assert_eq!(error.reason(), "LOG_UNKNOWN");
    }
}

#[test]
fn files_that_are_none() {
    let good = SplitView::new("kept", "seen").to_json();
    let other = good.replace("split-view-1", "split-view-2");
    assert_eq!(SplitView::from_json(&other), Err(SplitViewError::Format { found: "touchstone-split-view-2".into() }));
    for text in ["", "{}", "null", &good.replace("kept", "held"), &good.replace("{\n", "{ \"more\": 1,\n")] {
        assert!(matches!(SplitView::from_json(text), Err(SplitViewError::Json(_))), "{text}");
    }
}
