//! JSON of files that people open.

use serde::Serialize;

/// A value with a line a member, and a newline at its end: the one spelling of such a file.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    // The types written here have string keys and no failing Serialize, so this cannot fail.
    let mut text = serde_json::to_vec_pretty(value).expect("a manifest or a proof serialises");
    text.push(b'\n');
    text
}
