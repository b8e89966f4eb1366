//! Sending readings: a stream of batches, each answered when it is durable.

use std::time::Duration;

use interval_csv::IntervalSeries;
use jiff::Timestamp;
use metering::{month_end, month_of};
use proto::convert::metering as words;
use proto::metering as wire;
use record::reading::{MAX_BATCH_ROWS, ReadingBatch};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use touchstone_client::{Client, ClientError};

use crate::connection::Server;
use crate::error::Error;

/// Batches on the way without an answer: a server that is slower than we are holds us back.
const WINDOW: usize = 8;
/// How often a broken stream is taken up again without an answer in between.
const RETRIES: u32 = 5;
/// Wait before the first of them; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Gaps and refusals that are listed.
const MAX_LISTED: usize = 1_000;

/// What became of the readings of a file.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sent {
    /// New readings.
    pub(crate) accepted: u64,
    /// Readings that were there with the same value.
    pub(crate) duplicate: u64,
    /// Of these, readings that were replaced by other values since.
    pub(crate) superseded: u64,
    /// Readings that were there with another value: a new revision.
    pub(crate) revised: u64,
    /// Intervals without a value.
    pub(crate) missing: u64,
    /// Readings that were refused.
    pub(crate) refused: u64,
    /// Which they are, and why.
    pub(crate) refusals: Vec<Refusal>,
    /// Stretches of the file's period that hold no reading, the first 1,000.
    pub(crate) gaps: Vec<Gap>,
    /// How many there are.
    pub(crate) gap_count: usize,
    /// How often the connection broke and the rest was sent again. What was kept and not answered before a break counts
    /// as duplicate.
    pub(crate) resumed: u32,
}

/// Readings in sequence that were refused for one reason.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    /// First line in the file, from 1.
    pub(crate) first_line: u64,
    /// Last line in the file.
    pub(crate) last_line: u64,
    /// How many readings.
    pub(crate) readings: u64,
    /// Stable reason.
    pub(crate) reason: String,
    /// The same in words.
    pub(crate) message: String,
}

/// A stretch of time without readings.
#[derive(Debug, Serialize)]
pub(crate) struct Gap {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) intervals: usize,
}

/// A batch, and the place of its first row in the series.
struct Piece {
    first: usize,
    batch: ReadingBatch,
}

/// Sends a series, and whether values that were in force before are put back; `progress` is told how many rows have been answered.
pub(crate) fn send(
    server: &Server,
    series: &IntervalSeries,
    (instrument, restate): (&str, bool),
    progress: &mut dyn FnMut(usize),
) -> Result<Sent, Error> {
    let mut pieces = pieces(series, instrument);
    for piece in &mut pieces {
        piece.batch.restate = restate;
    }
    let mut reports = Vec::new();
    let resumed = server.run(send_all(server, &pieces, &mut reports, progress))?;
    Ok(Sent { resumed, ..summed(series, &pieces, &reports) })
}

/// A batch a month, as the server keeps them, or as many as one may hold.
fn pieces(series: &IntervalSeries, instrument: &str) -> Vec<Piece> {
    let step = i64::from(series.step_secs);
    let start_of = |row: usize| series.start.as_second() + row as i64 * step;
    let mut pieces = Vec::new();
    let mut first = 0;
    while first < series.values.len() {
        let month = (month_end(month_of(start_of(first))) - start_of(first) + step - 1) / step;
        let rows = usize::try_from(month).unwrap_or(1).clamp(1, MAX_BATCH_ROWS).min(series.values.len() - first);
        pieces.push(Piece {
            first,
            batch: ReadingBatch {
                instrument: instrument.to_owned(),
                unit: series.unit,
                resolution: series.resolution.clone(),
                // The whole grid of a series lies in the range of time.
                start: Timestamp::from_second(start_of(first)).unwrap_or(series.start),
                step_secs: series.step_secs,
                deltas: Vec::new(),
                values: series.values[first..first + rows].to_vec(),
                signature: Vec::new(),
                restate: false,
            },
        });
        first += rows;
    }
    pieces
}

/// Streams until every batch has its report, over breaks; gives how many there were.
async fn send_all(
    server: &Server,
    pieces: &[Piece],
    reports: &mut Vec<wire::AcceptanceReport>,
    progress: &mut dyn FnMut(usize),
) -> Result<u32, Error> {
    let (mut resumed, mut failures) = (0, 0);
    loop {
        let answered = reports.len();
        let Err(error) = stream(server.client(), pieces, reports, progress).await else { return Ok(resumed) };
        failures = if reports.len() > answered { 1 } else { failures + 1 };
        if !error.is_passing() || failures > RETRIES {
            let error = server.failed(error);
            return Err(match reports.len() {
                0 => error,
                answered => Error::Interrupted { answered, batches: pieces.len(), error: Box::new(error) },
            });
        }
        let asked = match &error {
            ClientError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        };
        tokio::time::sleep(asked.unwrap_or(FIRST_WAIT * 2u32.pow(failures - 1))).await;
        resumed += 1;
    }
}

/// One stream of the batches that have no report yet.
async fn stream(
    client: &Client,
    pieces: &[Piece],
    reports: &mut Vec<wire::AcceptanceReport>,
    progress: &mut dyn FnMut(usize),
) -> Result<(), ClientError> {
    let before = reports.len();
    let mut waiting = pieces[before..]
        .iter()
        .map(|piece| wire::IngestReadingsRequest { batch: Some(words::to_reading_batch(&piece.batch)) });
    let (sender, receiver) = mpsc::channel(WINDOW);
    for request in waiting.by_ref().take(WINDOW) {
        // It holds as many.
        let _room = sender.try_send(request);
    }
    // Without it the stream ends.
    let mut sender = Some(sender).filter(|_| waiting.len() > 0);
    let mut answers = client.metering().ingest_readings(ReceiverStream::new(receiver)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        let (Some(report), true) = (answer.report, answer.position == (reports.len() - before) as u64) else {
            return Err(ClientError::Answer { what: "a report is missing or out of order".to_owned() });
        };
        reports.push(report);
        progress(pieces.get(reports.len()).map_or_else(|| rows(pieces), |next| next.first));
        match (waiting.next(), &sender) {
            // One was answered, so there is room; where the stream broke, its answers say so.
            (Some(request), Some(sender)) => drop(sender.send(request).await),
            _ => sender = None,
        }
    }
    match reports.len() == pieces.len() {
        true => Ok(()),
        false => Err(ClientError::Away { problem: "the stream of answers ended early".to_owned() }),
    }
}

fn rows(pieces: &[Piece]) -> usize {
    pieces.last().map_or(0, |last| last.first + last.batch.values.len())
}

/// The reports as one, with the lines of the file.
fn summed(series: &IntervalSeries, pieces: &[Piece], reports: &[wire::AcceptanceReport]) -> Sent {
    let mut sent = Sent::default();
    let mut is_there: Vec<bool> = series.values.iter().map(Option::is_some).collect();
    for (piece, report) in pieces.iter().zip(reports) {
        sent.accepted += u64::from(report.accepted);
        sent.duplicate += u64::from(report.duplicate);
        sent.superseded += u64::from(report.superseded);
        sent.revised += u64::from(report.revised);
        sent.missing += u64::from(report.missing);
        for refusal in &report.refused {
            let from = (piece.first + refusal.row as usize).min(series.values.len());
            let until = (from + refusal.count as usize).min(series.values.len());
            is_there[from..until].fill(false);
            let lines = || series.lines[from..until].iter().copied().filter(|line| *line > 0);
            sent.refused += u64::from(refusal.count);
            if sent.refusals.len() < MAX_LISTED {
                sent.refusals.push(Refusal {
                    first_line: lines().min().unwrap_or(0),
                    last_line: lines().max().unwrap_or(0),
                    readings: u64::from(refusal.count),
                    reason: refusal.reason.clone(),
                    message: refusal.message.clone(),
                });
            }
        }
    }
    let at = |row: usize| Timestamp::from_second(series.start.as_second() + row as i64 * i64::from(series.step_secs));
    let mut row = 0;
    while row < is_there.len() {
        let intervals = is_there[row..].iter().take_while(|is_there| !**is_there).count();
        if intervals > 0 {
            sent.gap_count += 1;
            if let (Ok(start), Ok(end), true) = (at(row), at(row + intervals), sent.gaps.len() < MAX_LISTED) {
                sent.gaps.push(Gap { start, end, intervals });
            }
        }
        row += intervals.max(1);
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rows: usize, step_secs: u32, missing: &[usize]) -> IntervalSeries {
        let start: Timestamp = "2023-01-31T23:00:00Z".parse().unwrap();
        let row = |i: usize| {
            let at = Timestamp::from_second(start.as_second() + i as i64 * i64::from(step_secs)).unwrap();
            format!("{at},{}\n", if missing.contains(&i) { "" } else { "1" })
        };
        let text = (0..rows).map(row).fold("time,kwh\n".to_owned(), |text, row| text + &row);
        interval_csv::read(text.as_bytes(), &Default::default()).unwrap()
    }

    #[test]
    fn batches_are_months_and_hold_every_row_once() {
        let series = series(3_000, 900, &[]);
        let pieces = pieces(&series, "i");
        let cut: Vec<(usize, usize)> = pieces.iter().map(|piece| (piece.first, piece.batch.values.len())).collect();
        assert_eq!(cut, [(0, 4), (4, 2_688), (2_692, 308)]);
        assert_eq!(pieces[1].batch.start, "2023-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(rows(&pieces), 3_000);
    }

    #[test]
    fn refusals_name_lines_of_the_file_and_are_gaps() {
        let series = series(20, 900, &[2, 3, 19]);
        let pieces = pieces(&series, "i");
        let refusal = |row, count| wire::RowRefusal { row, count, reason: "FUTURE".into(), message: "late".into() };
        let reports = [
            wire::AcceptanceReport { accepted: 2, missing: 2, ..Default::default() },
            wire::AcceptanceReport { accepted: 13, missing: 1, refused: vec![refusal(1, 2)], ..Default::default() },
        ];
        let sent = summed(&series, &pieces, &reports);
        assert_eq!((sent.accepted, sent.missing, sent.refused, sent.gap_count), (15, 3, 2, 3));
        // The first line names the columns.
        assert_eq!((sent.refusals[0].first_line, sent.refusals[0].last_line), (7, 8));
        let gaps: Vec<usize> = sent.gaps.iter().map(|gap| gap.intervals).collect();
        assert_eq!(gaps, [2, 2, 1]);
        assert_eq!(sent.gaps[1].start, "2023-02-01T00:15:00Z".parse().unwrap());
    }
}
