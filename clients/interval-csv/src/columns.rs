//! Which columns hold dates, times and values, and in which unit.

use csv::StringRecord;
use quantity::{KindName, Unit};

use crate::error::{CsvError, cut};
use crate::profile::{Column, CsvProfile};
use crate::time;

/// What was chosen, as indices of fields.
pub(crate) struct Columns {
    /// Names in the first line; none without one.
    names: Option<Vec<String>>,
    pub(crate) date: Option<usize>,
    pub(crate) time: usize,
    pub(crate) value: usize,
    pub(crate) unit: Unit,
    /// The column of times is named as one of ends.
    pub(crate) ends: bool,
}

/// Names of a column of times, words joined by `_`.
const TIME_NAMES: [&str; 11] = [
    "time",
    "timestamp",
    "start",
    "interval_start",
    "datetime",
    "date",
    "date_time",
    "start_time",
    "end",
    "interval_end",
    "end_time",
];
/// Those of ends.
const END_NAMES: [&str; 3] = ["end", "interval_end", "end_time"];
/// Names of a column of dates beside one of times of day, and of the latter.
const DATE_NAMES: [&str; 3] = ["date", "day", "start_date"];
const CLOCK_NAMES: [&str; 4] = ["time", "clock", "hour", "time_of_day"];
/// First words of the name of a column of values.
const VALUE_WORDS: [&str; 5] = ["value", "usage", "consumption", "energy", "kwh"];
const UNIT_WORDS: [(&str, Unit); 12] = [
    ("kwh", Unit::Kilowatthour),
    ("mwh", Unit::Megawatthour),
    ("gwh", Unit::Gigawatthour),
    ("wh", Unit::Watthour),
    ("mj", Unit::Megajoule),
    ("gj", Unit::Gigajoule),
    ("tj", Unit::Terajoule),
    ("m3", Unit::CubicMetre),
    ("m³", Unit::CubicMetre),
    ("t", Unit::Tonne),
    ("kg", Unit::Kilogram),
    ("l", Unit::Litre),
];

impl Columns {
    /// Chooses by the profile, else by the names and by what the first row of data holds.
    pub(crate) fn find(
        first: &(u64, StringRecord),
        second: Option<&StringRecord>,
        profile: &CsvProfile,
    ) -> Result<Self, CsvError> {
        let (line, record) = first;
        let format = profile.time_format.as_ref();
        let named = profile.header.unwrap_or_else(|| !record.iter().any(|field| time::is_time(field, format)));
        let choice = Choice {
            line: *line,
            names: named.then(|| record.iter().map(str::to_owned).collect()),
            width: record.len(),
            // A file with no row is refused later, whatever is chosen.
            sample: if named { second } else { Some(record) },
            profile,
        };
        let (date, time) = choice.date_and_time()?;
        let value = choice.value(&[Some(time), date])?;
        let unit = match (profile.unit, choice.unit(value)) {
            (Some(unit), _) | (None, Some(unit)) => unit,
            (None, None) => return Err(CsvError::NoUnit { line: *line, column: choice.name(value) }),
        };
        let ends = END_NAMES.contains(&choice.words(time).join("_").as_str());
        Ok(Columns { date, time, value, unit, ends, names: choice.names })
    }

    /// Whether the first line names the columns.
    pub(crate) fn named(&self) -> bool {
        self.names.is_some()
    }

    /// A column as errors show it.
    pub(crate) fn name(&self, index: usize) -> String {
        shown(self.names.as_deref(), index)
    }

    /// A column as a profile states it: by its name where no other has the same.
    pub(crate) fn column(&self, index: usize) -> Column {
        let name = self.names.as_ref().and_then(|names| names.get(index));
        let unique = |name: &&String| self.names.iter().flatten().filter(|other| other == name).count() == 1;
        match name.filter(|name| !name.is_empty()).filter(unique) {
            Some(name) => Column::Name(name.clone()),
            None => Column::Number(index as u32 + 1),
        }
    }
}

fn shown(names: Option<&[String]>, index: usize) -> String {
    names.and_then(|names| names.get(index)).map_or_else(|| format!("column {}", index + 1), |name| cut(name))
}

struct Choice<'a> {
    line: u64,
    names: Option<Vec<String>>,
    width: usize,
    sample: Option<&'a StringRecord>,
    profile: &'a CsvProfile,
}

impl Choice<'_> {
    fn date_and_time(&self) -> Result<(Option<usize>, usize), CsvError> {
        let date = self.stated("date_column", self.profile.date_column.as_ref())?;
        let time = match self.stated("time_column", self.profile.time_column.as_ref())? {
            Some(time) => time,
            None => return self.find_time(date),
        };
        match date {
            None if self.is(time, time::is_clock) => Ok((Some(self.find_date(time)?), time)),
            date => Ok((date, time)),
        }
    }

    fn find_time(&self, date: Option<usize>) -> Result<(Option<usize>, usize), CsvError> {
        let among = |names: &[&str]| {
            let found = |wanted: &&str| self.others(&[date]).find(|i| self.words(*i).join("_") == *wanted);
            names.iter().find_map(found)
        };
        let format = self.profile.time_format.as_ref();
        let no_time = || self.none("times", "time, timestamp, start, interval_start, datetime or date", "time_column");
        if date.is_some() {
            let clock = || self.others(&[date]).find(|i| self.is(*i, time::is_clock));
            return Ok((date, among(&CLOCK_NAMES).or_else(clock).ok_or_else(no_time)?));
        }
        let time = match &self.names {
            Some(_) => among(&TIME_NAMES),
            None => self.others(&[]).find(|i| self.is(*i, |text| time::is_time(text, format))),
        };
        let time = time.ok_or_else(no_time)?;
        if self.is(time, time::is_clock) {
            return Ok((Some(self.find_date(time)?), time));
        }
        // A date alone, and a time of day beside it.
        let clock = self.others(&[Some(time)]).find(|i| {
            let named = self.names.is_none() || CLOCK_NAMES.contains(&self.words(*i).join("_").as_str());
            named && self.is(*i, time::is_clock)
        });
        match clock.filter(|_| self.is(time, time::is_date)) {
            Some(clock) => Ok((Some(time), clock)),
            None => Ok((None, time)),
        }
    }

    /// The column of dates beside one of times of day.
    fn find_date(&self, clock: usize) -> Result<usize, CsvError> {
        let mut others = self.others(&[Some(clock)]);
        let found = match &self.names {
            Some(_) => others.find(|i| DATE_NAMES.contains(&self.words(*i).join("_").as_str())),
            None => others.find(|i| self.is(*i, time::is_date)),
        };
        found.ok_or_else(|| CsvError::NoDate {
            line: self.line + u64::from(self.names.is_some()),
            column: self.name(clock),
            text: cut(self.sample.and_then(|sample| sample.get(clock)).unwrap_or_default()),
        })
    }

    /// The one column of values. Where several can be, those whose names have a unit go before those without.
    fn value(&self, taken: &[Option<usize>]) -> Result<usize, CsvError> {
        if let Some(value) = self.stated("value_column", self.profile.value_column.as_ref())? {
            return Ok(value);
        }
        let candidates: Vec<usize> = match &self.names {
            Some(_) => {
                let all: Vec<usize> = self.others(taken).filter(|i| self.may_be_values(*i)).collect();
                let with_unit: Vec<usize> = all.iter().copied().filter(|i| self.unit(*i).is_some()).collect();
                if with_unit.is_empty() { all } else { with_unit }
            }
            None => {
                self.others(taken).filter(|i| self.is(*i, |text| text.bytes().any(|b| b.is_ascii_digit()))).collect()
            }
        };
        match candidates[..] {
            [value] => Ok(value),
            [] => {
                let names = "kwh, or energy, value, usage or consumption with the unit behind it, such as energy_kwh";
                Err(self.none("values", names, "value_column"))
            }
            _ => Err(CsvError::AmbiguousColumn {
                line: self.line,
                what: "values",
                found: self.listed(&candidates),
                key: "value_column",
            }),
        }
    }

    /// A first word of values, or a last word that is a unit of energy.
    fn may_be_values(&self, index: usize) -> bool {
        let words = self.words(index);
        let energy = |word: &String| word_unit(word).is_some_and(|unit| unit.kind() == KindName::Energy);
        words.first().is_some_and(|word| VALUE_WORDS.contains(&word.as_str())) || words.last().is_some_and(energy)
    }

    /// The last unit among the words of a name.
    fn unit(&self, index: usize) -> Option<Unit> {
        self.words(index).iter().rev().find_map(|word| word_unit(word))
    }

    /// Words of a name, in lower case.
    fn words(&self, index: usize) -> Vec<String> {
        let name = self.names.as_ref().and_then(|names| names.get(index)).map(|name| name.to_lowercase());
        let name = name.unwrap_or_default();
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn others<'s>(&'s self, taken: &[Option<usize>]) -> impl Iterator<Item = usize> + use<'s> {
        let taken: Vec<usize> = taken.iter().copied().flatten().collect();
        (0..self.width).filter(move |i| !taken.contains(i))
    }

    /// Whether the first row of data holds such a text.
    fn is(&self, index: usize, such: impl Fn(&str) -> bool) -> bool {
        self.sample.and_then(|sample| sample.get(index)).is_some_and(such)
    }

    fn name(&self, index: usize) -> String {
        shown(self.names.as_deref(), index)
    }

    fn listed(&self, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().take(20).map(|i| self.name(*i)).collect();
        names.join(", ").chars().take(400).collect()
    }

    fn all(&self) -> String {
        self.listed(&(0..self.width).collect::<Vec<usize>>())
    }

    fn none(&self, what: &'static str, names: &'static str, key: &'static str) -> CsvError {
        CsvError::NoColumn { line: self.line, what, found: self.all(), names, key }
    }

    /// The column that the profile states: by number, or by name, letters of either case where no name is the same.
    fn stated(&self, key: &'static str, column: Option<&Column>) -> Result<Option<usize>, CsvError> {
        let Some(column) = column else { return Ok(None) };
        let found = match (column, &self.names) {
            (Column::Number(number), _) => (*number as usize).checked_sub(1).filter(|index| *index < self.width),
            (Column::Name(_), None) => None,
            (Column::Name(wanted), Some(names)) => {
                let exact = names.iter().position(|name| name == wanted);
                exact.or_else(|| names.iter().position(|name| name.to_lowercase() == wanted.to_lowercase()))
            }
        };
        found.map(Some).ok_or_else(|| CsvError::NoSuchColumn {
            line: self.line,
            key,
            column: cut(&column.to_string()),
            found: self.all(),
        })
    }
}

fn word_unit(word: &str) -> Option<Unit> {
    UNIT_WORDS.iter().find(|(known, _)| *known == word).map(|(_, unit)| *unit)
}
