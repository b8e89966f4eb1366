//! Worked examples in the shape of a filled communication template of the European Commission (DG TAXUD, CBAM), as JSON:
//! turned into a plant file, so that an example is computed, kept and explained like any other plant.

use std::fmt::Write;

use jiff::civil::Date;
use quantity::Decimal;
use serde_json::{Map, Value};

/// Largest file of examples read.
pub const MAX_EXAMPLE_BYTES: usize = 8 << 20;
/// Agreement between a stream's stated emissions and its own factors.
const TOLERANCE: f64 = 1e-9;
/// Processes of an example have one method and no evidence.
const METHOD: &str = "cbam-transitional-2023-1773";

/// An example as a plant file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkedExample {
    /// Number in the file, from 1.
    pub number: usize,
    /// Its title: the name of the filled template, where the file has one.
    pub title: String,
    /// The plant file.
    pub plant_toml: String,
    /// Members that carry no figure the plant needs, and were not read.
    pub not_read: Vec<String>,
    /// What the file leaves out and the template has one value for, with the value taken.
    pub assumed: Vec<String>,
}

/// Why a file gives no example.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExampleError {
    /// Longer than [`MAX_EXAMPLE_BYTES`].
    #[error("has {size} bytes, more than {MAX_EXAMPLE_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON.
    #[error("is no JSON: {problem}")]
    NotJson {
        /// What is wrong, and where.
        problem: String,
    },
    /// No example of this number, or none chosen among several.
    #[error("choose an example from 1 to {count} with --example")]
    Number {
        /// Examples in the file.
        count: usize,
    },
    /// A member is missing or of another type.
    #[error("{path}: {problem}")]
    Member {
        /// Path of the member.
        path: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// A stream's stated emissions are not those of its factors.
    #[error("{path}: stated are {stated} t of CO2e, its factors give {computed} t; correct one of them")]
    Disagrees {
        /// Path of the stream, with its name.
        path: String,
        /// Emissions stated.
        stated: f64,
        /// Emissions computed.
        computed: f64,
    },
}

/// Whether a file is meant as examples and not as a plant file.
pub fn is_example(bytes: &[u8]) -> bool {
    matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{'))
        || bytes.trim_ascii_start().starts_with(b"[{")
}

impl WorkedExample {
    /// The example of this number, from 1; the number may be left out where the file has one.
    ///
    /// # Errors
    /// [`ExampleError`].
    pub fn read(bytes: &[u8], number: Option<usize>) -> Result<WorkedExample, ExampleError> {
        if bytes.len() > MAX_EXAMPLE_BYTES {
            return Err(ExampleError::TooLarge { size: bytes.len() });
        }
        let not_json = |error: serde_json::Error| ExampleError::NotJson { problem: error.to_string() };
        let file: Value = serde_json::from_slice(bytes).map_err(not_json)?;
        let examples = match (&file, file.get("examples").and_then(Value::as_array)) {
            (_, Some(examples)) => &examples[..],
            (Value::Array(examples), None) => &examples[..],
            (example, None) => std::slice::from_ref(example),
        };
        let none = ExampleError::Number { count: examples.len() };
        let number = match (number, examples.len()) {
            (Some(number), _) => number,
            (None, 1) => 1,
            (None, _) => return Err(none),
        };
        let example = number.checked_sub(1).and_then(|place| examples.get(place)).ok_or(none)?;
        let mut writer = Writer { text: String::new(), not_read: Vec::new(), assumed: Vec::new() };
        let root = Members::of(example, format!("examples[{}]", number - 1))?;
        let title = match root.text("file")? {
            Some(title) => title,
            None => format!("example {number}"),
        };
        writer.plant(&root, number, &title)?;
        let Writer { text: plant_toml, not_read, assumed } = writer;
        Ok(WorkedExample { number, title, plant_toml, not_read, assumed })
    }
}

/// The members of an object, with their path.
struct Members<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, path: String) -> Result<Self, ExampleError> {
        match value.as_object() {
            Some(map) => Ok(Members { map, path }),
            None => Err(ExampleError::Member { path, problem: "must be an object".to_owned() }),
        }
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn wrong(&self, key: &str, problem: impl Into<String>) -> ExampleError {
        ExampleError::Member { path: self.at(key), problem: problem.into() }
    }

    /// A member that is there and not null.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<String>, ExampleError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "must be a text")),
        }
    }

    fn needed_text(&self, key: &str) -> Result<String, ExampleError> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, ExampleError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(key, "must be a number")),
        }
    }

    fn needed(&self, key: &str) -> Result<f64, ExampleError> {
        self.number(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    fn list(&self, key: &str) -> Result<Vec<Members<'a>>, ExampleError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(i, value)| Members::of(value, format!("{}[{i}]", self.at(key)))).collect()
            }
            Some(_) => Err(self.wrong(key, "must be a list")),
        }
    }

    /// An object of numbers.
    fn numbers(&self, key: &str) -> Result<Vec<(&'a str, f64)>, ExampleError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(value) => {
                let members = Members::of(value, self.at(key))?;
                let number = |(name, value): (&'a String, &'a Value)| {
                    let number = value.as_f64().ok_or_else(|| members.wrong(name, "must be a number"));
                    Ok((name.as_str(), number?))
                };
                members.map.iter().filter(|(_, value)| !value.is_null()).map(number).collect()
            }
        }
    }

    /// A share under one of its names: as a number from 0 to 1, or in percent.
    fn share(&self, names: &[&str]) -> Result<Option<(f64, &'static str)>, ExampleError> {
        for name in names {
            if let Some(value) = self.number(name)? {
                let unit = if name.ends_with("_pct") { "%" } else { "1" };
                return Ok(Some((value, unit)));
            }
        }
        Ok(None)
    }
}

const OXIDATION: &[&str] =
    &["oxidation_pct", "oxf_pct", "oxidation_factor_pct", "oxidation_factor", "oxf", "ox_factor", "oxidation"];
const CONVERSION: &[&str] = &[
    "conversion_pct",
    "convf_pct",
    "conversion_factor_pct",
    "conversion_factor",
    "convf",
    "conv_factor",
    "conversion",
];
const BIOMASS: &[&str] = &["biomass_pct", "biomass_fraction_pct", "biomass_share", "biomass_fraction", "biomass"];

struct Writer {
    text: String,
    not_read: Vec<String>,
    assumed: Vec<String>,
}

impl Writer {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A unit, or the one that the template's column has.
    fn unit(&mut self, members: &Members, key: &str, usual: &str) -> Result<String, ExampleError> {
        if let Some(unit) = members.text(key)? {
            return Ok(unit);
        }
        self.assumed.push(format!("{}: {usual}", members.at(key)));
        Ok(usual.to_owned())
    }

    fn note(&mut self, members: &Members, known: &[&str]) {
        let unknown = members.map.keys().filter(|key| !known.contains(&key.as_str()));
        self.not_read.extend(unknown.map(|key| members.at(key)));
    }

    fn plant(&mut self, root: &Members, number: usize, title: &str) -> Result<(), ExampleError> {
        self.note(
            root,
            &[
                "file",
                "sha256",
                "reporting_period",
                "source_streams",
                "installation_totals",
                "processes",
                "purchased_precursors",
                "expected_products",
                "products",
            ],
        );
        self.line(format!("method = {}", quoted(METHOD)));
        self.line(format!("[site]\nname = \"organizations/example/sites/example-{number}\""));
        self.line(format!("title = {}", quoted(title)));
        self.period(root)?;
        let processes = root.list("processes")?;
        if processes.is_empty() {
            return Err(root.wrong("processes", "at least one process is needed"));
        }
        // Where processes state what is attributed to them, streams are what that was found from.
        let attributed = processes.iter().all(|process| process.get("direct_attributed_tco2e").is_some());
        if !attributed && processes.len() > 1 {
            let path = processes.iter().find(|process| process.get("direct_attributed_tco2e").is_none());
            return Err(path.unwrap_or(root).wrong(
                "direct_attributed_tco2e",
                "is missing: with several processes, each states what is attributed to it",
            ));
        }
        let only = if attributed { None } else { Some(processes[0].needed_text("name")?) };
        for stream in root.list("source_streams")? {
            self.stream(&stream, only.as_deref())?;
        }
        for process in &processes {
            self.process(process, &processes)?;
        }
        for precursor in root.list("purchased_precursors")? {
            self.precursor(&precursor)?;
        }
        self.products(root, &processes)
    }

    fn period(&mut self, root: &Members) -> Result<(), ExampleError> {
        let stated = root.get("reporting_period").ok_or_else(|| root.wrong("reporting_period", "is missing"))?;
        let days: Result<Vec<String>, _> = serde_json::from_value(stated.clone());
        let days = days.map_err(|_| root.wrong("reporting_period", "must be [first day, last day]"))?;
        let day = |text: &str| text.get(..10).unwrap_or(text).parse::<Date>().ok();
        let ends = match &days[..] {
            [first, last] => day(first).zip(day(last).and_then(|last| last.tomorrow().ok())),
            _ => None,
        };
        let (start, end) = ends.ok_or_else(|| root.wrong("reporting_period", "must be [first day, last day]"))?;
        self.line(format!("[period]\nstart = {start}T00:00:00Z\nend = {end}T00:00:00Z"));
        Ok(())
    }

    fn stream(&mut self, stream: &Members, process: Option<&str>) -> Result<(), ExampleError> {
        let keys = [
            "method",
            "name",
            "activity_data",
            "unit",
            "ncv",
            "ncv_unit",
            "ef",
            "ef_unit",
            "carbon_content",
            "cc_unit",
            "co2e_fossil_t",
        ];
        self.note(stream, &[&keys[..], OXIDATION, CONVERSION, BIOMASS].concat());
        let name = stream.needed_text("name")?;
        let method = stream.needed_text("method")?.to_lowercase();
        let stated = stream.number("co2e_fossil_t")?;
        let mut lines = vec!["[[stream]]".to_owned(), format!("name = {}", quoted(&name))];
        lines.extend(process.map(|process| format!("process = {}", quoted(process))));
        let biomass = stream.share(BIOMASS)?;
        let of_one = |share: Option<(f64, &str)>, none: f64| match share {
            Some((value, "%")) => value / 100.0,
            Some((value, _)) => value,
            None => none,
        };
        let fossil = 1.0 - of_one(biomass, 0.0);
        let unit = self.unit(stream, "unit", "t")?;
        let computed = if method.contains("combustion") {
            let (activity, ef) = (stream.needed("activity_data")?, stream.needed("ef")?);
            let oxidation = stream.share(OXIDATION)?;
            lines.push("method = \"combustion\"".to_owned());
            lines.push(format!("activity = {}", figure(stream, "activity_data", activity, &unit)?));
            let ef_unit = self.unit(stream, "ef_unit", "tCO2/TJ")?;
            let heat = match stream.number("ncv")? {
                None => activity,
                Some(ncv) => {
                    let ncv_unit = self.unit(stream, "ncv_unit", "GJ/t")?;
                    lines.push(format!("net_calorific_value = {}", figure(stream, "ncv", ncv, &ncv_unit)?));
                    activity * ncv / 1000.0
                }
            };
            lines.push(format!("emission_factor = {}", figure(stream, "ef", ef, &ef_unit)?));
            lines.extend(share_line("oxidation_factor", stream, OXIDATION)?);
            Some(heat * ef * of_one(oxidation, 1.0) * fossil)
        } else if method.contains("process") {
            let (activity, ef) = (stream.needed("activity_data")?, stream.needed("ef")?);
            let conversion = stream.share(CONVERSION)?;
            let ef_unit = self.unit(stream, "ef_unit", "tCO2/t")?;
            lines.push("method = \"process\"".to_owned());
            lines.push(format!("activity = {}", figure(stream, "activity_data", activity, &unit)?));
            lines.push(format!("emission_factor = {}", figure(stream, "ef", ef, &ef_unit)?));
            lines.extend(share_line("conversion_factor", stream, CONVERSION)?);
            Some(activity * ef * of_one(conversion, 1.0) * fossil)
        } else if method.contains("balance") {
            let (activity, content) = (stream.needed("activity_data")?, stream.needed("carbon_content")?);
            let cc_unit = self.unit(stream, "cc_unit", "tC/t")?;
            lines.push("method = \"mass-balance\"".to_owned());
            lines.push(format!("activity = {}", figure(stream, "activity_data", activity, &unit)?));
            lines.push(format!("carbon_content = {}", figure(stream, "carbon_content", content, &cc_unit)?));
            Some(activity * content * 3.664 * fossil)
        } else {
            // What the template finds by other means (measurement, perfluorocarbons) comes as its result.
            let emissions = stated.ok_or_else(|| {
                let known = "Combustion, Process emissions, Mass balance, or another one with co2e_fossil_t";
                stream.wrong("method", format!("is {method:?}; known: {known}"))
            })?;
            lines.push("method = \"measured\"".to_owned());
            lines.push(format!("emissions = {}", figure(stream, "co2e_fossil_t", emissions, "tCO2e")?));
            None
        };
        if computed.is_some() {
            lines.extend(share_line("biomass_share", stream, BIOMASS)?);
        }
        if let (Some(stated), Some(computed)) = (stated, computed)
            && (stated - computed).abs() > TOLERANCE * stated.abs().max(1.0)
        {
            return Err(ExampleError::Disagrees { path: format!("{} ({name})", stream.path), stated, computed });
        }
        self.line(lines.join("\n"));
        Ok(())
    }

    fn process(&mut self, process: &Members, all: &[Members]) -> Result<(), ExampleError> {
        self.note(
            process,
            &[
                "name",
                "category",
                "production_t",
                "produced_for_market_t",
                "direct_attributed_tco2e",
                "consumed_in_other_processes_t",
                "electricity_mwh",
                "electricity_ef",
                "net_adjustments_tco2e",
                "cn_code",
            ],
        );
        let name = process.needed_text("name")?;
        let direct = process.number("direct_attributed_tco2e")?;
        let adjustments = process.numbers("net_adjustments_tco2e")?;
        let adjustments: Vec<_> = adjustments.into_iter().filter(|(_, value)| *value != 0.0).collect();
        if let (Some(direct), false) = (direct, adjustments.is_empty()) {
            self.measured(&name, "direct emissions attributed", direct, process)?;
        }
        for (what, value) in &adjustments {
            // What is exported is taken off, with whichever sign the template's cell shows it.
            let exported = what.to_lowercase().contains("export");
            let value = if exported { -value.abs() } else { *value };
            self.measured(&name, what, value, process)?;
        }
        let category = process.text("category")?.unwrap_or_else(|| name.clone());
        self.line(format!("[[process]]\nname = {}\ncategory = {}", quoted(&name), quoted(&category)));
        let production = process.needed("production_t")?;
        self.line(format!("production = {}", figure(process, "production_t", production, "t")?));
        if let (Some(direct), true) = (direct, adjustments.is_empty()) {
            let attributed = figure(process, "direct_attributed_tco2e", direct, "tCO2e")?;
            self.line(format!("attributed_emissions = {attributed}"));
        }
        if let Some(amount) = process.number("electricity_mwh")? {
            let factor = match process.number("electricity_ef")? {
                Some(factor) => factor,
                None if amount == 0.0 => 0.0,
                None => return Err(process.wrong("electricity_ef", "is missing: the process uses electricity")),
            };
            let amount = figure(process, "electricity_mwh", amount, "MWh")?;
            let factor = figure(process, "electricity_ef", factor, "tCO2e/MWh")?;
            self.line(format!("electricity = {{ amount = {amount}, factor = {factor} }}"));
        }
        let mut inputs = Vec::new();
        for supplier in all {
            for (consumer, amount) in supplier.numbers("consumed_in_other_processes_t")? {
                if consumer == name {
                    let from = quoted(&supplier.needed_text("name")?);
                    let amount = figure(supplier, "consumed_in_other_processes_t", amount, "t")?;
                    inputs.push(format!("{{ process = {from}, amount = {amount} }}"));
                }
            }
        }
        self.line(format!("inputs = [{}]", inputs.join(", ")));
        // A consumer that is no process would be lost otherwise.
        for (consumer, _) in process.numbers("consumed_in_other_processes_t")? {
            if !all.iter().any(|other| other.get("name").and_then(Value::as_str) == Some(consumer)) {
                let problem = format!("there is no process {consumer:?}");
                return Err(process.wrong("consumed_in_other_processes_t", problem));
            }
        }
        Ok(())
    }

    fn measured(&mut self, process: &str, what: &str, value: f64, at: &Members) -> Result<(), ExampleError> {
        self.line(format!(
            "[[stream]]\nname = {}\nprocess = {}\nmethod = \"measured\"\nemissions = {}",
            quoted(&format!("{process}: {what}")),
            quoted(process),
            figure(at, what, value, "tCO2e")?
        ));
        Ok(())
    }

    fn precursor(&mut self, precursor: &Members) -> Result<(), ExampleError> {
        self.note(
            precursor,
            &[
                "name",
                "category",
                "country",
                "purchased_t",
                "consumed_in_process_t",
                "see_direct",
                "see_direct_source",
                "spec_electricity_mwh_per_t",
                "electricity_ef",
                "see_indirect",
            ],
        );
        let name = precursor.needed_text("name")?;
        let category = precursor.text("category")?.unwrap_or_else(|| name.clone());
        self.line(format!("[[precursor]]\nname = {}\ncategory = {}", quoted(&name), quoted(&category)));
        let basis = match precursor.text("see_direct_source")?.map(|source| source.to_lowercase()) {
            Some(source) if source.contains("default") => ", basis = \"default\"",
            Some(source) if source.contains("measured") => ", basis = \"measured\"",
            _ => "",
        };
        let direct = figure(precursor, "see_direct", precursor.needed("see_direct")?, "tCO2e/t")?;
        self.line(format!("see_direct = {}{basis} }}", direct.trim_end_matches(" }")));
        let amount = precursor.number("spec_electricity_mwh_per_t")?;
        if let Some((amount, factor)) = amount.zip(precursor.number("electricity_ef")?) {
            let amount = figure(precursor, "spec_electricity_mwh_per_t", amount, "MWh/t")?;
            let factor = figure(precursor, "electricity_ef", factor, "tCO2e/MWh")?;
            self.line(format!("electricity = {{ amount = {amount}, factor = {factor} }}"));
        }
        if let Some(indirect) = precursor.number("see_indirect")? {
            self.line(format!("see_indirect = {}", figure(precursor, "see_indirect", indirect, "tCO2e/t")?));
        }
        let uses = precursor.numbers("consumed_in_process_t")?;
        let uses = uses.iter().map(|(process, amount)| {
            let amount = figure(precursor, "consumed_in_process_t", *amount, "t")?;
            Ok(format!("{{ process = {}, amount = {amount} }}", quoted(process)))
        });
        self.line(format!("uses = [{}]", uses.collect::<Result<Vec<_>, ExampleError>>()?.join(", ")));
        Ok(())
    }

    /// The products listed, or else one for each process.
    fn products(&mut self, root: &Members, processes: &[Members]) -> Result<(), ExampleError> {
        let listed = root.list("expected_products")?;
        let listed = if listed.is_empty() { root.list("products")? } else { listed };
        let mut names: Vec<String> = Vec::new();
        for product in if listed.is_empty() { processes } else { &listed[..] } {
            let process = product.text("process")?.or(product.text("name")?);
            let process = process.ok_or_else(|| product.wrong("process", "is missing"))?;
            let code: String = product.text("cn_code")?.unwrap_or_default();
            let digits: String = code.chars().filter(char::is_ascii_digit).collect();
            if digits.len() < 8 {
                self.assumed.push(format!("{}: {digits:0<8}", product.at("cn_code")));
            }
            let mut name = product.text("product")?.unwrap_or_else(|| process.clone());
            if names.contains(&name) {
                let _ = write!(name, " ({})", names.len() + 1);
            }
            // A heading of fewer digits stands for all below it: zeros, as the tariff writes it.
            self.line(format!("[[product]]\nname = {}\ncn_code = \"{digits:0<8}\"", quoted(&name)));
            self.line(format!("process = {}\nfunctional_unit = \"1 t\"", quoted(&process)));
            names.push(name);
        }
        Ok(())
    }
}

fn share_line(key: &str, members: &Members, names: &[&str]) -> Result<Option<String>, ExampleError> {
    let share = members.share(names)?;
    share.map(|(value, unit)| Ok(format!("{key} = {}", figure(members, key, value, unit)?))).transpose()
}

/// A figure with the digits of its number; units as the template writes them.
fn figure(members: &Members, key: &str, value: f64, unit: &str) -> Result<String, ExampleError> {
    const NORMAL: &str = "Nm3{0Cel;101.325kPa}";
    let (thousands, unit) = match unit.strip_prefix("1000").or(unit.strip_prefix("1000 ")) {
        Some(rest) => (3, rest.trim_start()),
        None => (0, unit),
    };
    let unit = match unit {
        "Nm3" | "Nm³" => NORMAL.to_owned(),
        "GJ/1000Nm3" | "GJ/1000Nm³" => format!("GJ/1000{NORMAL}"),
        "GJ/Nm3" => format!("GJ/{NORMAL}"),
        unit => unit.to_owned(),
    };
    let decimal = Decimal::shortest(value).and_then(|value| value.shifted(thousands));
    let decimal = decimal.map_err(|error| members.wrong(key, error.to_string()))?;
    Ok(format!("{{ value = {decimal}, unit = {} }}", quoted(&unit)))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
