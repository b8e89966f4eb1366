//! Reading one key at a time: what is wrong is noted with its line and path, and reading goes on.

use jiff::Timestamp;
use quantity::{Decimal, KindName, Unit};
use toml::de::{DeTable, DeValue};

use super::{Basis, Expanded, FactorUse, Input, MAX_VIOLATIONS, PlantViolation, Stated};
use crate::evidence::Flow;
use crate::instrument::MAX_TEXT;
use crate::name;

/// Kinds of unit a field may be stated in. Where CO2e fits, any gas does: the method's warming potentials join them.
pub(super) type Kinds = &'static [KindName];

fn fits(unit: Unit, kinds: Kinds) -> bool {
    let kind = unit.kind();
    kinds.iter().any(|wanted| *wanted == kind || Some(*wanted) == kind.in_co2e())
}

pub(super) struct Table<'t, 'i> {
    pub(super) map: &'t DeTable<'i>,
    pub(super) path: String,
    pub(super) offset: usize,
}

impl Table<'_, '_> {
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) violations: Vec<PlantViolation>,
}

impl Reader<'_> {
    pub(super) fn refuse(&mut self, offset: usize, path: impl Into<String>, problem: impl Into<String>) {
        // Bounded here so that a hostile file cannot make a long report out of a short text.
        if self.violations.len() < MAX_VIOLATIONS {
            let offset = offset.min(self.text.len());
            let line = 1 + self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
            self.violations.push(PlantViolation { line, path: path.into(), problem: problem.into() });
        }
    }

    /// Refuses every key that is not in `known`.
    pub(super) fn close(&mut self, table: &Table, known: &[&str]) {
        for key in table.map.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let path = table.path(key.get_ref());
                self.refuse(key.span().start, path, format!("unknown key; known here: {}", known.join(", ")));
            }
        }
    }

    pub(super) fn required<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<(&'t DeValue<'i>, usize)> {
        let found = table.map.get(key).map(|value| (value.get_ref(), value.span().start));
        if found.is_none() {
            self.refuse(table.offset, table.path(key), "is missing");
        }
        found
    }

    pub(super) fn string(&mut self, table: &Table, key: &str) -> Option<String> {
        let (value, offset) = self.required(table, key)?;
        self.one_line(value, offset, table.path(key))
    }

    pub(super) fn optional_string(&mut self, table: &Table, key: &str) -> Option<String> {
        table.map.contains_key(key).then(|| self.string(table, key)).flatten()
    }

    pub(super) fn one_line(&mut self, value: &DeValue, offset: usize, path: String) -> Option<String> {
        match value.as_str() {
            Some(text) if !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control) => {
                Some(text.to_owned())
            }
            Some(_) => {
                self.refuse(offset, path, format!("must be one line of 1 to {MAX_TEXT} bytes"));
                None
            }
            None => {
                self.refuse(offset, path, format!("must be a text in quotes, is {}", value.type_str()));
                None
            }
        }
    }

    /// A number, with the digits as they stand in the file.
    pub(super) fn decimal(&mut self, table: &Table, key: &str) -> Option<Decimal> {
        let (value, offset) = self.required(table, key)?;
        let text = match value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            DeValue::String(text) => text.as_ref(),
            other => {
                let problem = format!("must be a decimal number, is {}", other.type_str());
                self.refuse(offset, table.path(key), problem);
                return None;
            }
        };
        match text.strip_prefix('+').unwrap_or(text).parse() {
            Ok(decimal) => Some(decimal),
            Err(error) => {
                self.refuse(offset, table.path(key), error.to_string());
                None
            }
        }
    }

    pub(super) fn positive(&mut self, table: &Table, key: &str) -> Option<Decimal> {
        let value = self.decimal(table, key)?;
        if value.is_negative() || value.is_zero() {
            self.refuse(self.offset_of(table, key), table.path(key), "must be above zero");
            return None;
        }
        Some(value)
    }

    pub(super) fn offset_of(&self, table: &Table, key: &str) -> usize {
        table.map.get(key).map_or(table.offset, |value| value.span().start)
    }

    pub(super) fn unit(&mut self, table: &Table, key: &str, kinds: Kinds) -> Option<Unit> {
        let code = self.string(table, key)?;
        let problem = match code.parse::<Unit>() {
            Ok(unit) if fits(unit, kinds) => return Some(unit),
            Ok(unit) => {
                let expected: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                format!("{unit} measures {}, expected {}", unit.kind(), expected.join(" or "))
            }
            Err(error) => error.to_string(),
        };
        self.refuse(self.offset_of(table, key), table.path(key), problem);
        None
    }

    pub(super) fn time(&mut self, table: &Table, key: &str) -> Option<Timestamp> {
        let (value, offset) = self.required(table, key)?;
        let text = match value {
            DeValue::Datetime(time) => time.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => String::new(),
        };
        let parsed = text.parse::<Timestamp>();
        if parsed.is_err() {
            self.refuse(offset, table.path(key), "must be a time with its offset, for example 2023-01-01T00:00:00Z");
        }
        parsed.ok()
    }

    pub(super) fn table<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<Table<'t, 'i>> {
        let (value, offset) = self.required(table, key)?;
        match value.as_table() {
            Some(map) => Some(Table { map, path: table.path(key), offset }),
            None => {
                self.refuse(offset, table.path(key), format!("must be a table, is {}", value.type_str()));
                None
            }
        }
    }

    /// The tables of an array; absent means none.
    pub(super) fn tables<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str, most: usize) -> Vec<Table<'t, 'i>> {
        let Some(value) = table.map.get(key) else { return Vec::new() };
        let offset = value.span().start;
        let Some(array) = value.get_ref().as_array() else {
            let problem = format!("must be an array of tables, is {}", value.get_ref().type_str());
            self.refuse(offset, table.path(key), problem);
            return Vec::new();
        };
        if array.iter().count() > most {
            self.refuse(offset, table.path(key), format!("has more than {most} entries"));
            return Vec::new();
        }
        let mut found = Vec::new();
        for (i, entry) in array.iter().enumerate() {
            let path = format!("{}[{i}]", table.path(key));
            match entry.get_ref().as_table() {
                Some(map) => found.push(Table { map, path, offset: entry.span().start }),
                None => self.refuse(entry.span().start, path, "must be a table"),
            }
        }
        found
    }

    pub(super) fn optional_input(&mut self, table: &Table, key: &str, kinds: Kinds, signed: bool) -> Option<Input> {
        table.map.contains_key(key).then(|| self.input(table, key, kinds, signed)).flatten()
    }

    pub(super) fn input(&mut self, parent: &Table, key: &str, kinds: Kinds, signed: bool) -> Option<Input> {
        let table = self.table(parent, key)?;
        self.input_of(&table, kinds, signed)
    }

    pub(super) fn input_of(&mut self, table: &Table, kinds: Kinds, signed: bool) -> Option<Input> {
        let has = |key: &str| table.map.contains_key(key);
        if has("instrument") {
            self.close(table, &["instrument"]);
            let instrument = self.string(table, "instrument")?;
            if let Err(error) = name::parts(name::INSTRUMENT, &instrument) {
                self.refuse(table.offset, table.path("instrument"), error.to_string());
            }
            Some(Input::Instrument { instrument })
        } else if has("material") {
            self.close(table, &["material", "flow"]);
            let words = [("consumed", Flow::Consumed), ("produced", Flow::Produced)];
            let flow = if has("flow") { self.word(table, "flow", &words) } else { None };
            let flow = flow.unwrap_or(Flow::Consumed);
            if !kinds.contains(&KindName::Mass) {
                self.refuse(
                    table.offset,
                    table.path("material"),
                    "the weighbridge gives a mass, which does not fit here",
                );
            }
            Some(Input::Material { material: self.string(table, "material")?, flow })
        } else if has("analyses") {
            self.close(table, &["analyses"]);
            Some(Input::Analyses { material: self.string(table, "analyses")? })
        } else if has("factor") {
            self.close(table, &["factor", "kind", "region", "sector", "year"]);
            Some(Input::Factor(self.factor(table)?))
        } else if has("value") {
            self.stated(table, kinds, signed).map(Input::Stated)
        } else {
            let problem = "needs a value with its unit, or one of instrument, material, analyses, factor";
            self.refuse(table.offset, table.path.clone(), problem);
            self.close(table, &["value", "unit", "instrument", "material", "analyses", "factor"]);
            None
        }
    }

    fn factor(&mut self, table: &Table) -> Option<FactorUse> {
        let id = self.string(table, "factor");
        let kind = self.optional_string(table, "kind");
        let region = self.optional_string(table, "region");
        let sector = self.optional_string(table, "sector");
        let year = match table.map.get("year").map(|value| value.get_ref()) {
            None => None,
            Some(DeValue::Integer(year)) if year.as_str().parse::<u16>().is_ok() => year.as_str().parse().ok(),
            Some(_) => {
                self.refuse(self.offset_of(table, "year"), table.path("year"), "must be a year, for example 2022");
                None
            }
        };
        Some(FactorUse { id: id?, kind, region, sector, year })
    }

    pub(super) fn stated(&mut self, table: &Table, kinds: Kinds, signed: bool) -> Option<Stated> {
        self.close(
            table,
            &["value", "unit", "expanded_uncertainty", "coverage_factor", "source", "source_id", "basis"],
        );
        let value = self.decimal(table, "value");
        if let Some(value) = &value
            && value.is_negative()
            && !signed
        {
            self.refuse(self.offset_of(table, "value"), table.path("value"), "must not be below zero");
        }
        let unit = self.unit(table, "unit", kinds);
        let has = |key: &str| table.map.contains_key(key);
        let uncertainty = if has("expanded_uncertainty") || has("coverage_factor") {
            let value = self.positive(table, "expanded_uncertainty");
            let coverage_factor = self.positive(table, "coverage_factor");
            value.zip(coverage_factor).map(|(value, coverage_factor)| Expanded { value, coverage_factor })
        } else {
            None
        };
        let source = self.optional_string(table, "source");
        let source_id = self.optional_string(table, "source_id");
        let words = [("stated", Basis::Stated), ("measured", Basis::Measured), ("default", Basis::Default)];
        let basis = if has("basis") { self.word(table, "basis", &words) } else { None };
        let basis = basis.unwrap_or_default();
        Some(Stated { value: value?, unit: unit?, uncertainty, source, source_id, basis })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, table: &Table, key: &str, words: &[(&str, T)]) -> Option<T> {
        let found = self.string(table, key)?;
        let known = words.iter().find(|(word, _)| *word == found).map(|(_, meaning)| *meaning);
        if known.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.refuse(self.offset_of(table, key), table.path(key), format!("must be one of {}", words.join(", ")));
        }
        known
    }
}
