//! Whatever arrives: no panic, and no acceptance of anything but the genuine bytes.

mod support;

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use support::*;
use verify::{Bundle, Outcome, Question, Trust, judge_file};

struct Genuine {
    bytes: Vec<u8>,
    trust: Trust,
    trust_text: String,
    question: Question,
}

static GENUINE: LazyLock<Genuine> = LazyLock::new(|| {
    let scene = Setup::default().build();
    Genuine {
        bytes: scene.bundle.to_bytes(),
        trust_text: toml::to_string(&scene.trust).unwrap(),
        trust: Trust::try_from(scene.trust.clone()).unwrap(),
        question: scene.question,
    }
});

/// The digest at the end made to fit again.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 32;
    let digest = cose::sha256(&bytes[..body]);
    bytes[body..].copy_from_slice(&digest);
    bytes
}

fn outcome(bytes: &[u8]) -> Outcome {
    judge_file(bytes, &GENUINE.trust, &GENUINE.question).outcome
}

#[test]
fn the_genuine_one_is_accepted() {
    assert_eq!(outcome(&GENUINE.bytes), Outcome::Accepted);
    assert_eq!(sealed(GENUINE.bytes.clone()), GENUINE.bytes);
}

/// Every single bit of the file, with the digest at its end as it was and made to fit again.
#[test]
fn every_bit_counts() {
    let body = GENUINE.bytes.len() - 32;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for bit in (first..8 * body).step_by(threads) {
                    let mut bytes = GENUINE.bytes.clone();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(outcome(&bytes), Outcome::Refused, "bit {bit}");
                    assert_eq!(outcome(&sealed(bytes)), Outcome::Refused, "bit {bit}, sealed");
                }
            });
        }
    });
    for bit in 8 * body..8 * GENUINE.bytes.len() {
        let mut bytes = GENUINE.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(outcome(&bytes), Outcome::Refused, "bit {bit} of the digest");
    }
}

#[test]
fn every_truncation_is_refused() {
    for length in (0..GENUINE.bytes.len()).step_by(61) {
        assert_eq!(outcome(&GENUINE.bytes[..length]), Outcome::Refused, "{length} bytes");
        if length >= 32 {
            assert_eq!(outcome(&sealed(GENUINE.bytes[..length].to_vec())), Outcome::Refused, "{length} bytes, sealed");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..600)) {
        prop_assert!(Bundle::from_bytes(&bytes).is_err());
        prop_assert_eq!(outcome(&bytes), Outcome::Refused);
        if bytes.len() >= 32 {
            prop_assert_eq!(outcome(&sealed(bytes)), Outcome::Refused);
        }
    }

    #[test]
    fn mutated_bundles_are_not_accepted(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = GENUINE.bytes.clone();
        let body = bytes.len() - 32;
        for (at, value) in &changes {
            bytes[at.index(body)] = *value;
        }
        let changed = bytes[..body] != GENUINE.bytes[..body];
        let found = outcome(&sealed(bytes));
        prop_assert_eq!(found == Outcome::Accepted, !changed);
        prop_assert!(found != Outcome::AcceptedWithConditions);
    }

    #[test]
    fn spliced_bundles_do_not_panic(from in any::<prop::sample::Index>(), length in 0usize..200, to in any::<prop::sample::Index>()) {
        let mut bytes = GENUINE.bytes.clone();
        let body = bytes.len() - 32;
        let start = from.index(body);
        let piece = bytes[start..(start + length).min(body)].to_vec();
        let at = to.index(body);
        bytes.splice(at..at, piece.iter().copied());
        let unchanged = piece.is_empty();
        prop_assert_eq!(outcome(&sealed(bytes)) == Outcome::Accepted, unchanged);
    }

    #[test]
    fn any_time_has_a_verdict(as_of in any::<i64>(), now in any::<i64>(), production in proptest::option::of(any::<i64>())) {
        let time = |n: i64| jiff::Timestamp::from_second(n % 253_000_000_000).unwrap();
        let question = Question { as_of: time(as_of), now: time(now), production: production.map(time) };
        judge_file(&GENUINE.bytes, &GENUINE.trust, &question);
    }

    #[test]
    fn trust_files_do_not_panic(text in "\\PC{0,300}", at in any::<prop::sample::Index>(), with in "\\PC{0,8}") {
        prop_assert!(Trust::from_toml(&text).is_err());
        let mut mutated = GENUINE.trust_text.clone();
        let at = at.index(mutated.len());
        if mutated.is_char_boundary(at) {
            mutated.replace_range(at..=at, &with);
        }
        let _ = Trust::from_toml(&mutated);
    }
}
