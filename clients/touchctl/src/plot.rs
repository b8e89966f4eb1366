//! A series as a small picture in text, without colours.

use interval_csv::IntervalSeries;
use textplots::{Chart, Plot, Shape};

/// Columns of the picture, and lines.
const WIDTH: usize = 60;
const HEIGHT: usize = 10;
/// A sign of Braille has 2 × 4 dots.
const DOTS: (usize, usize) = (2 * WIDTH, 4 * HEIGHT);

/// The series over time, from its smallest to its largest value in each column of dots; what is missing stays blank.
pub(crate) fn plot(series: &IntervalSeries) -> String {
    let resolution = series.resolution.to_f64();
    let values: Vec<Option<f64>> = series.values.iter().map(|v| v.map(|v| v as f64 * resolution)).collect();
    // Zero is in the picture: what does not show is no saving.
    let (low, high) =
        values.iter().flatten().fold((0.0, 0.0), |(low, high), v| (f64::min(low, *v), f64::max(high, *v)));
    let runs = runs(&values);
    let shapes: Vec<Shape<'_>> = runs.iter().map(|run| Shape::Lines(run)).collect();
    // The canvas has one more dot than its width and height say; the upper bound must not be the lower.
    let (right, top) = (DOTS.0 as u32 - 1, DOTS.1 as u32 - 1);
    let upper = if high > low { high } else { low + 1.0 };
    let mut chart = Chart::new_with_y_range(right, top, 0.0, right as f32, low as f32, upper as f32);
    let chart = shapes.iter().fold(&mut chart, |chart, shape| chart.lineplot(shape));
    chart.figures();
    let frame = chart.frame();

    let labels = [format!("{upper:.6}"), format!("{low:.6}")].map(|label| short(&label).to_owned());
    let margin = labels.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (i, line) in frame.lines().chain(std::iter::repeat("")).take(HEIGHT).enumerate() {
        let label = match i {
            0 => labels[0].as_str(),
            i if i + 1 == HEIGHT => labels[1].as_str(),
            _ => "",
        };
        text += format!("{label:>margin$} │{}\n", line.trim_end_matches(['\u{2800}', ' '])).trim_end_matches(' ');
    }
    let (start, end) = (series.start.to_string(), series.end().to_string());
    let between = WIDTH.saturating_sub(start.len());
    text + &format!("{:>margin$} └{}\n{:>margin$}  {start}{end:>between$}\n", "", "─".repeat(WIDTH), "")
}

/// A number without zeros behind its decimals.
fn short(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

/// Lines through the smallest and the largest value of each column; each is broken where a column has none.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(f32, f32)>> {
    // Columns that values share, or values that stretch over several.
    let column = |i: usize| i * (DOTS.0 - 1) / values.len().saturating_sub(1).max(1);
    let mut bands: Vec<Option<(f64, f64)>> = vec![None; DOTS.0];
    let mut reached = vec![false; DOTS.0];
    for (i, value) in values.iter().enumerate() {
        reached[column(i)] = true;
        if let Some(value) = value {
            let (low, high) = bands[column(i)].get_or_insert((*value, *value));
            (*low, *high) = (low.min(*value), high.max(*value));
        }
    }
    let mut runs: Vec<Vec<(f32, f32)>> = vec![Vec::new()];
    for (x, (band, reached)) in bands.into_iter().zip(reached).enumerate() {
        match (band, runs.last_mut()) {
            (Some((low, high)), Some(run)) => run.extend([(x as f32, low as f32), (x as f32, high as f32)]),
            _ if reached => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expect: &str) {
        let rows = values.iter().enumerate().map(|(i, value)| format!("2023-01-01 {i:02}:00,{value}\n"));
        let text = rows.fold("time,kwh\n".to_owned(), |text, row| text + &row);
        let series = interval_csv::read(text.as_bytes(), &interval_csv::CsvProfile::default()).unwrap();
        let found = plot(&series);
        assert_eq!(found.trim_end(), expect.trim_matches('\n').trim_end(), "\n{found}");
    }

    #[test]
    fn what_is_missing_stays_blank() {
        check(
            &["0", "1", "2", "3", "", "3", "1.5", "0"],
            "
3 │                        ⡠⠊                ⠘⢄
  │                     ⣀⠔⠉                    ⠑⢄
  │                  ⢀⠤⠊                         ⠱⡀
  │                ⡠⠒⠁                            ⠈⠢⡀
  │             ⢀⠔⠊                                 ⠈⠢⡀
  │          ⢀⡠⠊⠁                                     ⠑⢄
  │        ⡠⠔⠁                                          ⠱⡀
  │     ⢀⠤⠊                                              ⠈⠢⡀
  │   ⡠⠒⠁                                                  ⠘⢄
0 │⣀⠔⠉                                                       ⠑⢄
  └────────────────────────────────────────────────────────────
   2023-01-01T00:00:00Z                    2023-01-01T08:00:00Z
",
        );
    }

    #[test]
    fn zeros_and_negative_values_have_a_picture() {
        check(
            &["0", "0"],
            "
1 │
  │
  │
  │
  │
  │
  │
  │
  │
0 │⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
  └────────────────────────────────────────────────────────────
   2023-01-01T00:00:00Z                    2023-01-01T02:00:00Z
",
        );
        check(
            &["-1", "-1.5", "", "2"],
            "
   2 │                                                           ⠈
     │
     │
     │
     │
     │
     │
     │
     │⠒⠒⠒⠢⠤⠤⢄⣀⣀⣀
-1.5 │          ⠉⠉⠉⠒⠒⠒⠢⠤⠤⢄
     └────────────────────────────────────────────────────────────
      2023-01-01T00:00:00Z                    2023-01-01T04:00:00Z
",
        );
    }
}
