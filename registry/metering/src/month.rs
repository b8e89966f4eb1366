//! Months of UTC, the span of a reading block.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

/// First year that a time can have; months are counted from its January.
const FIRST_YEAR: i32 = -9999;

/// The month in which a second lies, counted so that later months are greater.
pub fn month_of(second: i64) -> u32 {
    // A second beyond the range of time is of the month at its end.
    let time = Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX });
    let date = TimeZone::UTC.to_datetime(time).date();
    // The year is at least FIRST_YEAR, the month at least 1.
    (i32::from(date.year()) - FIRST_YEAR) as u32 * 12 + date.month() as u32 - 1
}

/// First second after a month.
pub fn month_end(month: u32) -> i64 {
    let next = month + 1;
    let year = i16::try_from(next as i32 / 12 + FIRST_YEAR);
    let first = year.ok().and_then(|year| Date::new(year, (next % 12) as i8 + 1, 1).ok());
    let first = first.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    first.unwrap_or(Timestamp::MAX).as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other() {
        let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let march = month_of(second("2024-03-31T23:59:59Z"));
        assert_eq!(month_of(second("2024-03-01T00:00:00Z")), march);
        assert_eq!(month_of(second("2024-04-01T00:00:00Z")), march + 1);
        assert_eq!(month_end(march), second("2024-04-01T00:00:00Z"));
        assert_eq!(month_of(second("2024-12-01T00:00:00Z")) + 1, month_of(second("2025-01-01T00:00:00Z")));
        assert_eq!(month_end(month_of(second("2024-12-15T00:00:00Z"))), second("2025-01-01T00:00:00Z"));
        assert_eq!(month_of(second("-009999-01-02T02:00:00Z")), 0);
        assert!(month_of(i64::MAX) > march && month_end(month_of(i64::MAX)) > 0);
    }
}
