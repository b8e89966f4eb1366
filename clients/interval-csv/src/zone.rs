//! The clock on the wall: from local times to moments, with the hours that occur twice and those that do not.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::error::CsvError;

/// A time zone: a fixed offset from UTC, or one of the IANA database, which is compiled in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// Why a text is no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no time zone {text:?}{}; write an offset such as +01:00, UTC, or a name of the IANA database",
    nearest.as_ref().map(|known| format!(": did you mean {known}?")).unwrap_or_default()
)]
pub struct ZoneError {
    /// The text, cut.
    pub text: String,
    /// The known name most like it.
    pub nearest: Option<String>,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Zone { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// `UTC`, `+01:00` or `Europe/Berlin`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        if matches!(text, "UTC" | "Z") {
            return Ok(Zone::utc());
        }
        if let Some(offset) = offset(text) {
            return Ok(Zone { name: spelled(offset), zone: TimeZone::fixed(offset) });
        }
        let known = TimeZoneDatabase::bundled();
        if let Ok(zone) = known.get(text) {
            return Ok(Zone { name: zone.iana_name().unwrap_or(text).to_owned(), zone });
        }
        let likeness = |name: &str| strsim::jaro_winkler(name, text);
        let names = known.available().map(|name| name.to_string());
        let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.75);
        Err(ZoneError { text: text.chars().take(64).collect(), nearest })
    }
}

/// `+9`, `+09`, `+0900` or `+09:00`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some((hours, minutes)), _) if minutes.len() == 2 => (hours, minutes),
        (None, 4) => digits.split_at_checked(2)?,
        (None, 1 | 2) => (digits, "0"),
        _ => return None,
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    // No place on earth is farther from UTC.
    if hours > 14 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

fn spelled(offset: Offset) -> String {
    let seconds = offset.seconds();
    let minutes = seconds.abs() / 60;
    if seconds == 0 {
        return "UTC".to_owned();
    }
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;

    fn try_from(text: String) -> Result<Self, ZoneError> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Farther than any local clock is from UTC, in seconds.
const REACH: i64 = 2 * 86_400;

/// From `start` to `end`, in seconds since 1970, the local clock is `offset` ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) offset: i64,
}

/// The stretches of a zone around a period of local time, in order.
pub(crate) struct Stretches(pub(crate) Vec<Stretch>);

/// The moments that a local time can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    /// The clock did not show it.
    None,
    /// The clock showed it once.
    One(i64),
    /// The clock showed it in two stretches, of which these are earlier and later.
    Two(Stretch, Stretch),
}

impl Stretches {
    pub(crate) fn of(zone: &Zone, first: i64, last: i64) -> Result<Self, CsvError> {
        let begin = Timestamp::from_second(first - REACH).map_err(|_| CsvError::TimeRange)?;
        let mut open =
            Stretch { start: i64::MIN, end: i64::MAX, offset: i64::from(zone.zone.to_offset(begin).seconds()) };
        let mut stretches = Vec::new();
        for change in zone.zone.following(begin) {
            let (at, offset) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
            if at > last + REACH {
                break;
            }
            if offset != open.offset {
                stretches.push(Stretch { end: at, ..open });
                open = Stretch { start: at, end: i64::MAX, offset };
            }
        }
        stretches.push(open);
        Ok(Stretches(stretches))
    }

    /// The moments of a local time.
    pub(crate) fn moments(&self, local: i64) -> Moments {
        self.such(local, |stretch, moment| stretch.start <= moment && moment < stretch.end)
    }

    /// The same for a time that is written as one step after the local start of its interval: when clocks change, that
    /// time belongs to the stretch that ends.
    pub(crate) fn moments_of_end(&self, local: i64) -> Moments {
        self.such(local, |stretch, moment| stretch.start < moment && moment <= stretch.end)
    }

    fn such(&self, local: i64, within: impl Fn(&Stretch, i64) -> bool) -> Moments {
        let from = self.0.partition_point(|stretch| stretch.end < local - REACH);
        let near = self.0[from..].iter().take_while(|stretch| stretch.start <= local + REACH);
        let mut found = near.filter(|stretch| within(stretch, local - stretch.offset));
        match (found.next(), found.next()) {
            (None, _) => Moments::None,
            (Some(one), None) => Moments::One(local - one.offset),
            (Some(earlier), Some(later)) => Moments::Two(*earlier, *later),
        }
    }

    /// Times from `first` to `last` at which the clock was put forward.
    pub(crate) fn missing_hours(&self, first: i64, last: i64) -> usize {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs.filter(|(a, b)| b.offset > a.offset && first < b.start && b.start <= last).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_offsets() {
        for (text, name) in [
            ("UTC", "UTC"),
            ("Z", "UTC"),
            ("+00:00", "UTC"),
            ("+9", "+09:00"),
            ("+0900", "+09:00"),
            ("-03:30", "-03:30"),
            ("+5:45", "+05:45"),
            ("Asia/Seoul", "Asia/Seoul"),
            ("europe/berlin", "Europe/Berlin"),
        ] {
            assert_eq!(text.parse::<Zone>().map(|zone| zone.name().to_owned()).as_deref(), Ok(name), "{text}");
        }
        for wrong in ["", "+", "+99", "+1:5", "+01:60", "+a", "++1", "9", "+12345", "Mars/Olympus"] {
            assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
        }
        assert_eq!("Europe/Istambul".parse::<Zone>().unwrap_err().nearest.as_deref(), Some("Europe/Istanbul"));
    }

    #[test]
    fn the_clock_of_berlin_in_2023() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time").as_second();
        let (first, last) = (at("2023-01-01T00:00:00Z"), at("2024-01-01T00:00:00Z"));
        let stretches = Stretches::of(&"Europe/Berlin".parse().unwrap(), first, last).unwrap();
        let [winter, summer, next] = stretches.0[..] else { panic!("{:?}", stretches.0) };
        assert_eq!(stretches.missing_hours(first, last), 1);
        for (local, expect, expect_of_end) in [
            (
                "2023-06-01T12:00:00Z",
                Moments::One(at("2023-06-01T10:00:00Z")),
                Moments::One(at("2023-06-01T10:00:00Z")),
            ),
            ("2023-03-26T02:00:00Z", Moments::None, Moments::One(at("2023-03-26T01:00:00Z"))),
            ("2023-03-26T02:30:00Z", Moments::None, Moments::None),
            ("2023-03-26T03:00:00Z", Moments::One(at("2023-03-26T01:00:00Z")), Moments::None),
            ("2023-10-29T02:00:00Z", Moments::Two(summer, next), Moments::One(at("2023-10-29T00:00:00Z"))),
            ("2023-10-29T02:30:00Z", Moments::Two(summer, next), Moments::Two(summer, next)),
            ("2023-10-29T03:00:00Z", Moments::One(at("2023-10-29T02:00:00Z")), Moments::Two(summer, next)),
        ] {
            assert_eq!(stretches.moments(at(local)), expect, "{local}");
            assert_eq!(stretches.moments_of_end(at(local)), expect_of_end, "{local}");
        }
        assert_eq!((winter.offset, summer.offset), (3_600, 7_200));
    }
}
