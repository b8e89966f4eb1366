//! How far something long has come.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A bar with the number done, how many a second, and the time left, on standard error; nothing where that is no terminal.
pub(crate) fn bar(length: u64, noun: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}} of {{len}} {noun}, {{rate}}, {{eta}} left"));
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
        // A terminal that takes nothing shows nothing.
        let _shown = write!(text, "{:.0} a second", state.per_sec());
    });
    ProgressBar::new(length).with_style(style)
}
