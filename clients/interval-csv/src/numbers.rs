//! Numbers as people write them: the sign before decimals, and what separates thousands.

use quantity::{Decimal, DecimalError};

use crate::error::{CsvError, cut};
use crate::profile::{CsvProfile, DecimalMark};

/// What may separate thousands where none is stated, beside the point or comma that stands before no decimals: space,
/// apostrophes, no-break spaces.
const GROUP_SIGNS: [char; 5] = [' ', '\'', '\u{2019}', '\u{a0}', '\u{202f}'];

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) decimal: DecimalMark,
    pub(crate) thousands: Option<char>,
}

impl Numbers {
    /// Exactly the number of a text.
    pub(crate) fn read(&self, text: &str) -> Result<Decimal, DecimalError> {
        if self.decimal == DecimalMark::Point && self.thousands.is_none() {
            return text.parse();
        }
        let mark = self.decimal.sign();
        let (whole, fraction) = match text.split_once(mark) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let mut plain = match self.thousands {
            Some(sign) => ungroup(whole, sign).ok_or(DecimalError::Grammar { position: 0 })?,
            None => whole.to_owned(),
        };
        // A point that is no decimal mark must not become one.
        if plain.contains('.') || fraction.is_some_and(|fraction| fraction.contains('.')) {
            return Err(DecimalError::Grammar { position: text.find('.').unwrap_or(0) });
        }
        if let Some(fraction) = fraction {
            plain.push('.');
            plain.push_str(fraction);
        }
        plain.parse()
    }
}

/// Digits without the signs between groups of three; `None` where the groups are others.
fn ungroup(whole: &str, sign: char) -> Option<String> {
    let mut groups = whole.split(sign);
    let first = groups.next().unwrap_or_default();
    let mut plain = first.to_owned();
    let leading = first.trim_start_matches('-').len();
    for group in groups {
        if group.len() != 3 || leading == 0 || leading > 3 {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain)
}

/// What the texts of a column say about how they are written. Each sign is remembered by the first line that shows it.
#[derive(Default)]
pub(crate) struct Evidence {
    /// A comma that can only stand before decimals, and a point.
    decimal: [Option<Place>; 2],
    /// A comma that can stand before decimals or between thousands, and a point.
    either: [Option<Place>; 2],
    /// A comma that can only stand between thousands, and a point.
    group: [bool; 2],
    /// Another sign between thousands: as stated, else the first seen.
    sign: Option<char>,
}

type Place = (u64, String);
const COMMA: usize = 0;
const POINT: usize = 1;

impl Evidence {
    /// None yet, where a profile may state a sign between thousands.
    pub(crate) fn of(profile: &CsvProfile) -> Self {
        Evidence { sign: profile.thousands, ..Evidence::default() }
    }

    /// Takes a text into account, where it is of digits and signs alone.
    pub(crate) fn see(&mut self, line: u64, text: &str) {
        let sign = |c: char| GROUP_SIGNS.contains(&c) || self.sign == Some(c);
        if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ',' | '.') || sign(c)) {
            return;
        }
        self.sign = self.sign.or_else(|| text.chars().find(|c| GROUP_SIGNS.contains(c)));
        let count = |sign: char| text.matches(sign).count();
        let place = || Some((line, cut(text)));
        let last =
            text.rfind([',', '.']).map(|at| (usize::from(text[at..].starts_with('.')), &text[..at], &text[at + 1..]));
        let Some((last, before, after)) = last else { return };
        let other = 1 - last;
        match (count([',', '.'][last]), count([',', '.'][other])) {
            (1, 0) => {
                let digits = before.trim_start_matches('-');
                let grouped = after.len() == 3 && (1..=3).contains(&digits.len()) && !digits.starts_with('0');
                let seen = if grouped { &mut self.either[last] } else { &mut self.decimal[last] };
                if seen.is_none() {
                    *seen = place();
                }
            }
            (1, _) => {
                self.group[other] = true;
                if self.decimal[last].is_none() {
                    self.decimal[last] = place();
                }
            }
            (_, 0) => self.group[last] = true,
            // Both several times: no number. It is refused where it is read.
            _ => {}
        }
    }

    /// How the column is written: as stated, else as seen. A point stands before decimals unless something else shows
    /// otherwise; a comma has to show it.
    /// Where `semicolons` separate fields, commas stand before decimals as a rule, so there a point has to show it too.
    pub(crate) fn conclude(self, profile: &CsvProfile, column: &str, semicolons: bool) -> Result<Numbers, CsvError> {
        let decimal = match (profile.decimal, profile.thousands) {
            (Some(decimal), _) => decimal,
            (None, Some('.')) => DecimalMark::Comma,
            (None, Some(',')) => DecimalMark::Point,
            (None, _) => self.decimal(column, semicolons)?,
        };
        let other = decimal.other();
        let at = if other == ',' { COMMA } else { POINT };
        let seen = if self.group[at] || self.either[at].is_some() { Some(other) } else { self.sign };
        Ok(Numbers { decimal, thousands: profile.thousands.or(seen) })
    }

    fn decimal(&self, column: &str, semicolons: bool) -> Result<DecimalMark, CsvError> {
        let comma = self.decimal[COMMA].as_ref();
        let point = self.decimal[POINT].as_ref();
        match (comma, point) {
            (Some(comma), Some(point)) => {
                let (first, second) = if comma.0 <= point.0 { (comma, point) } else { (point, comma) };
                Err(CsvError::MixedDecimals {
                    line: second.0,
                    column: column.to_owned(),
                    text: second.1.clone(),
                    first_line: first.0,
                    first_text: first.1.clone(),
                })
            }
            (Some(_), None) => Ok(DecimalMark::Comma),
            (None, Some(_)) => Ok(DecimalMark::Point),
            (None, None) if self.group[POINT] => Ok(DecimalMark::Comma),
            (None, None) if self.group[COMMA] => Ok(DecimalMark::Point),
            (None, None) => {
                let point = self.either[POINT].as_ref().filter(|_| semicolons);
                match self.either[COMMA].as_ref().map(|seen| (seen, "comma")).or(point.map(|seen| (seen, "point"))) {
                    Some(((line, text), sign)) => Err(CsvError::UndecidedSign {
                        line: *line,
                        column: column.to_owned(),
                        text: text.clone(),
                        sign,
                    }),
                    None => Ok(DecimalMark::Point),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], expect: Result<&[&str], &str>) {
        let mut evidence = Evidence::default();
        for (i, text) in texts.iter().enumerate() {
            evidence.see(i as u64 + 2, text);
        }
        let read = evidence.conclude(&CsvProfile::default(), "kwh", false).map(|numbers| {
            let read = |text: &&str| numbers.read(text).map(|n| n.to_string());
            texts.iter().map(read).collect::<Result<Vec<_>, _>>().expect("numbers")
        });
        match (read, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, _) => panic!("{texts:?}: {found:?}"),
        }
    }

    #[test]
    fn the_column_tells_how_it_is_written() {
        check(&["1.5", "2"], Ok(&["1.5", "2"]));
        check(&["1,5", "2", "-0,25"], Ok(&["1.5", "2", "-0.25"]));
        check(&["1,234", "1,5"], Ok(&["1.234", "1.5"]));
        check(&["1,234", "0.5"], Ok(&["1234", "0.5"]));
        check(&["1.234", "2.500"], Ok(&["1.234", "2.500"]));
        check(&["1.234", "2,5"], Ok(&["1234", "2.5"]));
        check(&["1.234.567", "12"], Ok(&["1234567", "12"]));
        check(&["1,234,567.8", "12"], Ok(&["1234567.8", "12"]));
        check(&["-1.234,56", "12"], Ok(&["-1234.56", "12"]));
        check(&["1 234,5", "12,5"], Ok(&["1234.5", "12.5"]));
        check(&["1'234.5", "12"], Ok(&["1234.5", "12"]));
        check(&["1,234", "2"], Err("line 2"));
        check(&["1,5", "2.5"], Err("line 3"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        let numbers = Numbers { decimal: DecimalMark::Comma, thousands: Some('.') };
        for wrong in ["1.23", "1.2345", "1234.567", ".123", "1,5,5", "1.234.", "1,2.3", "", "-", "a", "1e5", "--1.234"]
        {
            assert!(numbers.read(wrong).is_err(), "{wrong}");
        }
        let numbers = Numbers { decimal: DecimalMark::Comma, thousands: None };
        assert!(numbers.read("1.5").is_err());
    }
}
