//! Random batches and reads, against a plain ordered map.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use super::Rows;
use crate::{Batch, Check, Committed, Direction, Namespace, Page, Part};

/// Runs of the model.
const CASES: u32 = 64;
/// Batches and reads in a run.
const STEPS: usize = 40;
const SPACES: [Namespace; 2] = [Namespace::Resource, Namespace::Digest];

#[derive(Debug, Clone)]
enum Step {
    Commit { part: usize, batch: Batch },
    Get { part: usize, ns: Namespace, keys: Vec<Vec<u8>> },
    Scan { part: usize, ns: Namespace, range: Range<Vec<u8>>, limit: usize, direction: Direction },
}

/// Few and short, so that they meet; with the bytes where orders differ.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(vec![0x00, 0x01, 0x61, 0x7f, 0x80, 0xff]), 0..3)
}

fn space() -> impl Strategy<Value = Namespace> {
    prop::sample::select(SPACES.to_vec())
}

fn batch() -> impl Strategy<Value = Batch> {
    let check = (space(), bytes(), bytes(), 0..3u8).prop_map(|(ns, key, value, kind)| match kind {
        0 => Check::Absent(ns, key),
        1 => Check::Present(ns, key),
        _ => Check::Equals(ns, key, value),
    });
    (vec(check, 0..2), vec((space(), bytes(), bytes()), 0..6), vec((space(), bytes()), 0..3))
        .prop_map(|(checks, puts, dels)| Batch { fence: None, checks, puts, dels })
}

fn step() -> impl Strategy<Value = Step> {
    let direction = prop::sample::select(vec![Direction::Forward, Direction::Backward]);
    prop_oneof![
        3 => (0..2usize, batch()).prop_map(|(part, batch)| Step::Commit { part, batch }),
        1 => (0..2usize, space(), vec(bytes(), 0..4)).prop_map(|(part, ns, keys)| Step::Get { part, ns, keys }),
        2 => (0..2usize, space(), bytes(), bytes(), 0..6usize, direction).prop_map(|(part, ns, from, to, limit, direction)| {
            Step::Scan { part, ns, range: from..to, limit, direction }
        }),
    ]
}

type Row = (usize, Namespace, Vec<u8>);

/// What the traits promise, said once more in the plainest way.
#[derive(Default)]
struct Model(BTreeMap<Row, Vec<u8>>);

impl Model {
    fn get(&self, part: usize, ns: Namespace, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(&(part, ns, key.to_vec())).cloned()
    }

    fn commit(&mut self, part: usize, batch: &Batch) -> Option<Check> {
        for check in &batch.checks {
            let holds = match check {
                Check::Absent(ns, key) => self.get(part, *ns, key).is_none(),
                Check::Present(ns, key) => self.get(part, *ns, key).is_some(),
                Check::Equals(ns, key, value) => self.get(part, *ns, key).as_ref() == Some(value),
            };
            if !holds {
                return Some(check.clone());
            }
        }
        for (ns, key, value) in &batch.puts {
            self.0.insert((part, *ns, key.clone()), value.clone());
        }
        for (ns, key) in &batch.dels {
            self.0.remove(&(part, *ns, key.clone()));
        }
        None
    }

    fn scan(&self, part: usize, ns: Namespace, range: &Range<Vec<u8>>, limit: usize, direction: Direction) -> Page {
        let within = |row: &Row| {
            (row.0, row.1) == (part, ns) && row.2 >= range.start && (range.end.is_empty() || row.2 < range.end)
        };
        let rows = self.0.iter().filter(|(row, _)| within(row)).map(|(row, value)| (row.2.clone(), value.clone()));
        let mut rows: Vec<_> = rows.collect();
        if direction == Direction::Backward {
            rows.reverse();
        }
        let left = rows.split_off(limit.max(1).min(rows.len()));
        let resume = left.first().map(|(next, _)| match direction {
            Direction::Forward => next.clone(),
            Direction::Backward => rows[rows.len() - 1].0.clone(),
        });
        Page { rows, resume }
    }
}

async fn run(store: &Rows, parts: &[Part; 2], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit { part, batch } => {
                let expected = model.commit(part, &batch);
                let committed = store.commit(&parts[part], batch).await.expect("an answer");
                match expected {
                    Some(check) => prop_assert_eq!(committed, Committed::Conflict(check)),
                    None => prop_assert!(matches!(committed, Committed::Yes(_)), "{:?}", committed),
                }
            }
            Step::Get { part, ns, keys } => {
                let expected: Vec<_> = keys.iter().map(|key| model.get(part, ns, key)).collect();
                let many = store.multi_get(&parts[part], ns, &keys).await.expect("an answer");
                prop_assert_eq!(&many, &expected);
                for (key, expected) in keys.iter().zip(&expected) {
                    prop_assert_eq!(&store.get(&parts[part], ns, key).await.expect("an answer"), expected);
                }
            }
            Step::Scan { part, ns, range, limit, direction } => {
                let expected = model.scan(part, ns, &range, limit, direction);
                let page = store.scan(&parts[part], ns, range, limit, direction).await.expect("a page");
                prop_assert_eq!(page, expected);
            }
        }
    }
    // At the end nothing is there that the model has not.
    for (part, ns) in [(0, SPACES[0]), (0, SPACES[1]), (1, SPACES[0]), (1, SPACES[1])] {
        let all = Vec::new()..Vec::new();
        let page = store.scan(&parts[part], ns, all.clone(), usize::MAX, Direction::Forward).await.expect("a page");
        prop_assert_eq!(page, model.scan(part, ns, &all, usize::MAX, Direction::Forward));
    }
    Ok(())
}

/// Any sequence of batches and reads is answered as a plain ordered map answers it.
pub async fn the_model_agrees(open: &impl AsyncFn() -> Rows) {
    let store = open().await;
    let runs = AtomicUsize::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&vec(step(), 1..STEPS), |steps| {
            // Each run has parts of its own, of which one begins as the other.
            let run_number = runs.fetch_add(1, Ordering::Relaxed);
            let part = |name: String| Part::organization(&name).expect("a short name");
            let parts = [part(format!("run-{run_number}")), part(format!("run-{run_number}-"))];
            Handle::current().block_on(run(&store, &parts, steps))
        })
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    assert!(runs.load(Ordering::Relaxed) >= CASES as usize);
}
