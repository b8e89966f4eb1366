//! Times as people write them.

use jiff::fmt::strtime;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

use crate::error::{CsvError, cut};
use crate::profile::TimeFormat;

/// Longest text that is looked at.
const MAX_LEN: usize = 64;

/// What a time states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A moment: it has its offset from UTC.
    Moment,
    /// A time on the local clock.
    Local,
    /// A date: its midnight on the local clock.
    Date,
}

/// A time as it is written: seconds since 1970, by the local clock unless it is a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) second: i64,
    pub(crate) kind: Kind,
}

/// Reads a time.
pub(crate) fn read(text: &str, format: &TimeFormat) -> Option<Written> {
    if text.len() > MAX_LEN {
        return None;
    }
    match format {
        TimeFormat::Pattern(pattern) => by_pattern(text, pattern),
        _ if states_offset(text) => {
            let time: Timestamp = text.parse().ok()?;
            (time.subsec_nanosecond() == 0).then(|| Written { second: time.as_second(), kind: Kind::Moment })
        }
        _ => {
            let parts = Parts::of(text)?;
            if *format == TimeFormat::YearFirst && !parts.year_first {
                return None;
            }
            parts.written(*format == TimeFormat::MonthFirst)
        }
    }
}

/// Whether a text is a time in some way that is read without a pattern, or by the one stated.
pub(crate) fn is_time(text: &str, format: Option<&TimeFormat>) -> bool {
    let known = [TimeFormat::DayFirst, TimeFormat::MonthFirst];
    known.iter().chain(format).any(|format| read(text, format).is_some())
}

/// Whether a text is a date without time of day.
pub(crate) fn is_date(text: &str) -> bool {
    text.len() <= MAX_LEN && Parts::of(text).is_some_and(|parts| parts.clock.is_none())
}

/// Whether a text is a time of day without date.
pub(crate) fn is_clock(text: &str) -> bool {
    text.len() <= MAX_LEN && clock(text).is_some()
}

/// How times are written, for an error.
pub(crate) fn expected(format: &TimeFormat, stated: bool) -> String {
    let local = match format {
        TimeFormat::Pattern(pattern) => return format!("what the pattern {pattern:?} reads"),
        _ if !stated => "2023-01-31 13:45 or 31/1/2023 13:45, or state time_format",
        TimeFormat::YearFirst => "2023-01-31 13:45",
        TimeFormat::DayFirst => "31/1/2023 13:45",
        TimeFormat::MonthFirst => "1/31/2023 13:45",
    };
    format!("2023-01-31T13:45:00Z, {local}")
}

fn by_pattern(text: &str, pattern: &str) -> Option<Written> {
    let time = strtime::parse(pattern, text).ok()?;
    let (second, kind) = if time.offset().is_some() || time.timestamp().is_some() {
        let moment = time.to_timestamp().ok().filter(|time| time.subsec_nanosecond() == 0)?;
        (moment.as_second(), Kind::Moment)
    } else {
        let local = time.to_datetime().ok().filter(|time| time.subsec_nanosecond() == 0)?;
        let kind = if time.hour().is_some() { Kind::Local } else { Kind::Date };
        (Offset::UTC.to_timestamp(local).ok()?.as_second(), kind)
    };
    Some(Written { second, kind })
}

fn states_offset(text: &str) -> bool {
    text.split_once(['T', ' ', 't']).is_some_and(|(_, clock)| clock.contains(['Z', 'z', '+', '-']))
}

/// Date and time of day as numbers, in the order in which they are written.
struct Parts {
    date: [i16; 3],
    year_first: bool,
    clock: Option<[i8; 3]>,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (date, clock_text) = match text.split_once(['T', ' ']) {
            Some((date, clock)) => (date, Some(clock.trim_start())),
            None => (text, None),
        };
        let mut parts = date.split(['/', '-', '.']);
        let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
        let year_first = one.len() == 4;
        let widths = if year_first { [4, 2, 2] } else { [2, 2, 4] };
        if parts.next().is_some() || (!year_first && three.len() != 4) {
            return None;
        }
        let date = [number(one, widths[0])?, number(two, widths[1])?, number(three, widths[2])?];
        let clock = match clock_text {
            Some(text) => Some(clock(text)?),
            None => None,
        };
        Some(Parts { date, year_first, clock })
    }

    fn written(&self, month_first: bool) -> Option<Written> {
        let [one, two, three] = self.date;
        let (year, month, day) = match (self.year_first, month_first) {
            (true, _) => (one, two, three),
            (false, false) => (three, two, one),
            (false, true) => (three, one, two),
        };
        let date = civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        // Nothing was metered before; a year of other digits is a slip.
        if year < 1900 {
            return None;
        }
        let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second();
        let [hour, minute, second] = self.clock.unwrap_or_default().map(i64::from);
        let kind = if self.clock.is_some() { Kind::Local } else { Kind::Date };
        Some(Written { second: midnight + hour * 3_600 + minute * 60 + second, kind })
    }
}

/// `13:45`, `13:45:00`, `13:45:00.000`; `24:00` is the end of a day.
fn clock(text: &str) -> Option<[i8; 3]> {
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => {
            let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
            if fraction.is_empty() || fraction.bytes().any(|b| b != b'0') {
                return None;
            }
            number(second, 2)?
        }
        None => 0,
    };
    let within = hour < 24 && minute < 60 && second < 60;
    if parts.next().is_some() || !(within || (hour, minute, second) == (24, 0, 0)) {
        return None;
    }
    // All below 60.
    Some([hour, minute, second].map(|n| n as i8))
}

fn number(text: &str, most: usize) -> Option<i16> {
    let fits = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// What the texts of a column say about the order of day and month.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The first that can only begin with the day, and with the month.
    only: [Option<(u64, String)>; 2],
    /// From the earliest to the latest of those that can begin with either, read with the day first and the month first.
    spans: [Option<(i64, i64)>; 2],
    /// The first that is another day by each order.
    either: Option<(u64, String)>,
    /// Dates with points, which begin with the day.
    points: bool,
}

impl Evidence {
    /// Takes a text into account.
    pub(crate) fn see(&mut self, line: u64, text: &str) {
        if text.len() > MAX_LEN || states_offset(text) {
            return;
        }
        let Some(parts) = Parts::of(text).filter(|parts| !parts.year_first) else { return };
        match [false, true].map(|month_first| parts.written(month_first)) {
            [Some(day_first), Some(month_first)] => {
                if self.either.is_none() && day_first != month_first {
                    self.either = Some((line, cut(text)));
                }
                self.points |= text.split(' ').next().is_some_and(|date| date.contains('.'));
                for (span, Written { second, .. }) in self.spans.iter_mut().zip([day_first, month_first]) {
                    let (first, last) = span.get_or_insert((second, second));
                    (*first, *last) = ((*first).min(second), (*last).max(second));
                }
            }
            [None, None] => {}
            [day_first, _] => {
                let seen = &mut self.only[usize::from(day_first.is_none())];
                if seen.is_none() {
                    *seen = Some((line, cut(text)));
                }
            }
        }
    }

    /// The order, by the dates that can have only one; where there is none, by the shorter period, for a wrong order
    /// scatters days over months.
    pub(crate) fn conclude(self) -> Result<TimeFormat, CsvError> {
        match self.only {
            [Some(day), Some(month)] => {
                let (order, first, second) = if day.0 > month.0 { ("day", month, day) } else { ("month", day, month) };
                return Err(CsvError::MixedDates { line: second.0, text: second.1, order, first_line: first.0 });
            }
            [Some(_), None] => return Ok(TimeFormat::DayFirst),
            [None, Some(_)] => return Ok(TimeFormat::MonthFirst),
            [None, None] => {}
        }
        let length = |span: (i64, i64)| span.1 - span.0;
        match (self.spans.map(|span| span.map(length)), self.either) {
            ([Some(day), Some(month)], Some(_)) if !self.points && month < day => Ok(TimeFormat::MonthFirst),
            ([Some(day), Some(month)], Some((line, text))) if !self.points && month == day => {
                Err(CsvError::UndecidedDate { line, text })
            }
            ([Some(_), _], _) => Ok(TimeFormat::DayFirst),
            _ => Ok(TimeFormat::YearFirst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, format: &str, expect: Option<(&str, Kind)>) {
        let found = read(text, &format.parse().expect("a format"));
        let expect = expect.map(|(time, kind)| {
            let time: Timestamp = time.parse().expect("a time");
            Written { second: time.as_second(), kind }
        });
        assert_eq!(found, expect, "{text} {format}");
    }

    #[test]
    fn times() {
        let local = |time| Some((time, Kind::Local));
        check("2023-01-31 13:45", "day-first", local("2023-01-31T13:45:00Z"));
        check("2023-01-31T13:45:07", "day-first", local("2023-01-31T13:45:07Z"));
        check("2023/1/3 3:05", "month-first", local("2023-01-03T03:05:00Z"));
        check("31/1/2023 13:45:00.000", "day-first", local("2023-01-31T13:45:00Z"));
        check("31.01.2023  24:00", "day-first", local("2023-02-01T00:00:00Z"));
        check("1/31/2023 0:00", "month-first", local("2023-01-31T00:00:00Z"));
        check("31-01-2023", "day-first", Some(("2023-01-31T00:00:00Z", Kind::Date)));
        check("2023-01-31T13:45+01:00", "year-first", Some(("2023-01-31T12:45:00Z", Kind::Moment)));
        check("2023-01-31 13:45:00Z", "day-first", Some(("2023-01-31T13:45:00Z", Kind::Moment)));
        check("31.01.23 1:45 PM", "%d.%m.%y %I:%M %p", local("2023-01-31T13:45:00Z"));
        check("230131", "%y%m%d", Some(("2023-01-31T00:00:00Z", Kind::Date)));
        check("31.01.2023 13:45 +0100", "%d.%m.%Y %H:%M %z", Some(("2023-01-31T12:45:00Z", Kind::Moment)));
        check("1675169100", "%s", Some(("2023-01-31T12:45:00Z", Kind::Moment)));
        for wrong in
            ["", "yesterday", "2023-02-30 00:00", "13/13/2023 1:00", "1/1/23 1:00", "2023-01-31 24:01", "0223-01-01"]
        {
            check(wrong, "day-first", None);
        }
        check("31.1.2023 13:45", "year-first", None);
        check("2023-01-31 13:45:00.5", "day-first", None);
        check("2023-01-31", "%Y-%m-%d %H:%M", None);
    }

    #[track_caller]
    fn order(texts: &[&str], expect: Result<TimeFormat, u64>) {
        let mut evidence = Evidence::default();
        for (i, text) in texts.iter().enumerate() {
            evidence.see(i as u64 + 2, text);
        }
        match (evidence.conclude(), expect) {
            (Err(CsvError::MixedDates { line, .. } | CsvError::UndecidedDate { line, .. }), Err(wanted)) => {
                assert_eq!(line, wanted)
            }
            (found, expect) => assert_eq!(found.ok(), expect.ok(), "{texts:?}"),
        }
    }

    #[test]
    fn day_or_month_first() {
        order(&["2023-01-02 0:00", "2023-01-02"], Ok(TimeFormat::YearFirst));
        order(&["1/2/2023 0:00", "13/2/2023 0:00"], Ok(TimeFormat::DayFirst));
        order(&["1/2/2023 0:00", "1/13/2023 0:00"], Ok(TimeFormat::MonthFirst));
        order(&["1/2/2023 0:00", "2/2/2023 0:00"], Ok(TimeFormat::DayFirst));
        order(&["2/1/2023 0:00", "2/2/2023 0:00"], Ok(TimeFormat::MonthFirst));
        order(&["2.1.2023 0:00", "2.2.2023 0:00"], Ok(TimeFormat::DayFirst));
        order(&["1.2.2023 0:00"], Ok(TimeFormat::DayFirst));
        order(&["1/1/2023 0:00"], Ok(TimeFormat::DayFirst));
        order(&["1/2/2023 0:00", "1/2/2023 0:15"], Err(2));
        order(&["13/2/2023 0:00", "2/13/2023 0:00"], Err(3));
    }
}
