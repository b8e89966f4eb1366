//! A statement as a picture: a waterfall from nothing to the total, in SVG.

use std::fmt::Write;

use record::footprint::FootprintStatement;

use crate::explain::{By, Contribution, contributions};

/// Bars of a picture; the smallest parts are joined in one.
const MAX_BARS: usize = 24;
const WIDTH: f64 = 960.0;
const LABELS: f64 = 300.0;
const FIGURES: f64 = 150.0;
const BAR: f64 = 22.0;
const GAP: f64 = 8.0;
const TOP: f64 = 64.0;

/// The parts as a picture shows them: the largest by source, and the others joined.
pub fn bars(statement: &FootprintStatement, most: usize) -> Vec<Contribution> {
    let mut parts = contributions(statement, By::Source);
    if parts.len() > most.max(1) {
        let rest = parts.split_off(most.max(1) - 1);
        let sum = |of: fn(&Contribution) -> f64| rest.iter().fold(0.0, |sum, part| sum + of(part));
        let joined = Contribution {
            name: format!("{} others", rest.len()),
            value: sum(|part| part.value),
            share_percent: sum(|part| part.share_percent),
        };
        parts.push(joined);
    }
    parts
}

/// A waterfall of the total by source, as a self-contained SVG. Text is escaped; there is no script and no link.
pub fn waterfall(statement: &FootprintStatement) -> String {
    let parts = bars(statement, MAX_BARS);
    let total = statement.total.value.to_f64();
    // The scale holds every level that is passed on the way.
    let (mut low, mut high, mut level) = (0.0_f64, 0.0_f64, 0.0);
    for part in &parts {
        level += part.value;
        (low, high) = (low.min(level), high.max(level));
    }
    let span = if high > low { high - low } else { 1.0 };
    let x = |value: f64| LABELS + (value - low) / span * (WIDTH - LABELS - FIGURES);
    let height = TOP + (parts.len() as f64 + 1.0) * (BAR + GAP) + 2.0 * GAP;
    let mut svg = String::new();
    let title = format!("{} ({})", statement.product.name, statement.product.cn_code);
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"13\">"
    );
    let _ = writeln!(svg, "<title>{}</title>", escaped(&title));
    let _ = writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>");
    let _ = writeln!(svg, "<text x=\"16\" y=\"26\" font-size=\"17\" font-weight=\"bold\">{}</text>", escaped(&title));
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"46\" fill=\"#555\">{} to {}, {} per {}</text>",
        statement.period.start.strftime("%Y-%m-%d"),
        statement.period.end.strftime("%Y-%m-%d"),
        statement.total.unit,
        escaped(&statement.functional_unit)
    );
    let mut y = TOP;
    let mut bar = |name: &str, from: f64, to: f64, value: f64, note: &str, colour: &str| {
        let (left, right) = (x(from.min(to)), x(from.max(to)));
        let middle = y + BAR * 0.7;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            LABELS - 10.0,
            escaped(&shortened(name))
        );
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.2}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{BAR}\" fill=\"{colour}\"/>",
            (right - left).max(0.5)
        );
        let _ = writeln!(svg, "<text x=\"{:.2}\" y=\"{middle:.1}\">{value:.4}{note}</text>", right + 6.0);
        y += BAR + GAP;
    };
    let mut level = 0.0;
    for part in &parts {
        let colour = if part.value < 0.0 { "#2a9d6f" } else { "#c8553d" };
        let note = format!(" ({:.1} %)", part.share_percent);
        bar(&part.name, level, level + part.value, part.value, &note, colour);
        level += part.value;
    }
    let expanded = statement.total.expanded_uncertainty.to_f64();
    let note = if expanded > 0.0 { format!(" ± {expanded:.4}") } else { " (no uncertainty stated)".to_owned() };
    bar("Total", 0.0, total, total, &note, "#33415c");
    svg.push_str("</svg>\n");
    svg
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
