//! The plant file: what a site is made of and where each figure comes from. A user format in TOML, read closed: an
//! unknown key, a missing one, a unit of the wrong kind or a name that leads nowhere is refused with line and path, all
//! of them at once.
//!
//! An annotated example stands in `registry/footprint/examples/cement.toml`.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use quantity::{Decimal, Gas, KindName, Unit};
use toml::de::{DeTable, DeValue};

use crate::evidence::Flow;
use crate::instrument::{MAX_PERIOD_DAYS, MAX_TEXT, Period, Sha256};
use crate::name;

/// Largest plant file read.
pub const MAX_BYTES: usize = 1 << 20;
/// Most streams, precursors or products.
pub const MAX_ENTRIES: usize = 1_000;
/// Most processes: the network between them is solved densely.
pub const MAX_PROCESSES: usize = 64;
/// Violations reported at once.
const MAX_VIOLATIONS: usize = 100;

/// A plant as its file describes it. Made only by [`Plant::from_toml`], so it keeps all rules of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plant {
    /// SHA-256 of the file.
    pub digest: Sha256,
    /// Method and version the plant is computed by, for example `cbam-transitional-2023-1773`.
    pub method: String,
    /// Resource name of the site.
    pub site: String,
    /// Name of the site for people.
    pub site_title: String,
    /// Period of the figures.
    pub period: Period,
    /// Source streams, in the order of the file.
    pub streams: Vec<Stream>,
    /// Processes, in the order of the file.
    pub processes: Vec<Process>,
    /// Purchased precursors, in the order of the file.
    pub precursors: Vec<Precursor>,
    /// Products, in the order of the file.
    pub products: Vec<Product>,
    /// Limit to decide against.
    pub limit: Option<Limit>,
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Stated in the plant file.
    Stated(Stated),
    /// What an instrument registered in the period.
    Instrument {
        /// Resource name.
        instrument: String,
    },
    /// What the weighbridge and the stocks say of a material.
    Material {
        /// Material.
        material: String,
        /// Consumed or produced.
        flow: Flow,
    },
    /// Mean of the laboratory's results for a material in the period; the property follows from where it stands.
    Analyses {
        /// Material.
        material: String,
    },
}

/// A figure stated in the plant file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The number.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// Its uncertainty, where the source states one.
    pub uncertainty: Option<Expanded>,
    /// Where it comes from, for the reader.
    pub source: Option<String>,
    /// Figures with the same id share one error: the same edition of a factor table, the same supplier's statement.
    pub source_id: Option<String>,
    /// What kind of figure it is.
    pub basis: Basis,
}

/// An expanded uncertainty in the unit of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// Expanded uncertainty.
    pub value: Decimal,
    /// Coverage factor.
    pub coverage_factor: Decimal,
}

/// What kind of figure a stated one is; the share of primary data counts `Measured`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Basis {
    /// Stated without more.
    #[default]
    Stated,
    /// Measured by the operator or the supplier.
    Measured,
    /// A default value of the scheme.
    Default,
}

/// A source stream of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Name, unique in the file.
    pub name: String,
    /// Process its emissions are attributed to; absent where processes state their attributed emissions.
    pub process: Option<String>,
    /// How its emissions are found.
    pub kind: StreamKind,
}

/// Calculation method of a source stream (Implementing Regulation (EU) 2023/1773, Annex III B.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamKind {
    /// Activity × net calorific value × emission factor × oxidation factor × (1 − biomass share).
    Combustion {
        /// Fuel burnt: mass, gas volume, or energy (then without a calorific value).
        activity: Input,
        /// Net calorific value.
        net_calorific_value: Option<Input>,
        /// Emission factor per energy.
        emission_factor: Input,
        /// Oxidation factor; 1 when absent.
        oxidation_factor: Option<Input>,
        /// Biogenic share of the carbon; 0 when absent.
        biomass_share: Option<Input>,
    },
    /// Activity × emission factor × conversion factor × (1 − biomass share).
    Process {
        /// Material used.
        activity: Input,
        /// Emission factor per mass.
        emission_factor: Input,
        /// Conversion factor; 1 when absent.
        conversion_factor: Option<Input>,
        /// Biogenic share of the carbon; 0 when absent.
        biomass_share: Option<Input>,
    },
    /// Activity × carbon content × CO2 per carbon × (1 − biomass share); what leaves has a negative activity.
    MassBalance {
        /// Material in, or out when negative.
        activity: Input,
        /// Carbon content.
        carbon_content: Input,
        /// Biogenic share of the carbon; 0 when absent.
        biomass_share: Option<Input>,
    },
}

/// A production process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Name, unique in the file.
    pub name: String,
    /// Aggregated goods category.
    pub category: String,
    /// What it produced in the period.
    pub production: Input,
    /// Emissions attributed to it, where they are stated and not the sum of its streams.
    pub attributed_emissions: Option<Input>,
    /// Electricity it used, with the factor of that electricity.
    pub electricity: Option<ElectricityUse>,
    /// What it took from other processes of the site.
    pub inputs: Vec<ProcessInput>,
}

/// Electricity and its emission factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectricityUse {
    /// Amount.
    pub amount: Input,
    /// Emission factor.
    pub factor: Input,
}

/// What a process takes from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInput {
    /// Process it comes from.
    pub process: String,
    /// Mass.
    pub amount: Input,
}

/// A purchased precursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precursor {
    /// Name, unique in the file.
    pub name: String,
    /// Aggregated goods category.
    pub category: String,
    /// Specific embedded direct emissions.
    pub see_direct: Input,
    /// Embedded electricity per mass, with its factor.
    pub electricity: Option<ElectricityUse>,
    /// Which processes use it, and how much.
    pub uses: Vec<ProcessInput>,
}

/// A product: what a footprint is stated for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Name, unique in the file.
    pub name: String,
    /// CN code, eight digits.
    pub cn_code: String,
    /// Process that makes it.
    pub process: String,
    /// What the result refers to.
    pub functional_unit: String,
}

/// Which result a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitFor {
    /// Direct emissions.
    Direct,
    /// Direct and indirect emissions.
    Total,
}

/// How a result is decided against a limit (JCGM 106:2012, 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitRule {
    /// Simple acceptance.
    Simple,
    /// Guarded acceptance: a guard band of so many standard uncertainties.
    Guarded {
        /// w / u.
        multiple: Decimal,
    },
}

/// A limit from above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Which result it is for.
    pub result: LimitFor,
    /// Its value.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// Decision rule.
    pub rule: LimitRule,
    /// Where it comes from.
    pub source: String,
}

/// One thing wrong in a plant file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantViolation {
    /// Line, from 1.
    pub line: usize,
    /// Path of the key, for example `stream[1].activity.unit`.
    pub path: String,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl fmt::Display for PlantViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.problem),
            path => write!(f, "line {}: {path}: {}", self.line, self.problem),
        }
    }
}

/// Why a file is not a plant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlantError {
    /// Longer than [`MAX_BYTES`].
    #[error("the plant file has {size} bytes, more than {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not UTF-8.
    #[error("the plant file is not UTF-8 text from byte {offset} on")]
    NotText {
        /// First byte that is no UTF-8.
        offset: usize,
    },
    /// Everything found wrong, by line, up to 100.
    #[error("the plant file has {} problem(s):\n{}", .violations.len(), .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// What is wrong.
        violations: Vec<PlantViolation>,
    },
}

impl Plant {
    /// Reads a plant file from its bytes, as they lie on disk.
    ///
    /// # Errors
    /// [`PlantError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Plant, PlantError> {
        if bytes.len() > MAX_BYTES {
            return Err(PlantError::TooLarge { size: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| PlantError::NotText { offset: e.valid_up_to() })?;
        Plant::from_toml(text)
    }

    /// Reads a plant file.
    ///
    /// # Errors
    /// [`PlantError`].
    pub fn from_toml(text: &str) -> Result<Plant, PlantError> {
        if text.len() > MAX_BYTES {
            return Err(PlantError::TooLarge { size: text.len() });
        }
        let mut reader = Reader { text, violations: Vec::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            reader.refuse(offset, "", error.message().to_owned());
        }
        let plant = if reader.violations.is_empty() {
            let root = Table { map: document.get_ref(), path: String::new(), offset: 0 };
            reader.plant(&root)
        } else {
            None
        };
        match plant {
            Some(plant) if reader.violations.is_empty() => Ok(plant),
            _ => {
                reader.violations.sort_by_key(|v| v.line);
                reader.violations.truncate(MAX_VIOLATIONS);
                Err(PlantError::Invalid { violations: reader.violations })
            }
        }
    }

    /// The product of this name.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name == name)
    }
}

/// Kinds of unit a field may be stated in.
type Kinds = &'static [KindName];

const ACTIVITY: Kinds = &[KindName::Mass];
const FUEL: Kinds = &[KindName::Mass, KindName::NormalVolume, KindName::Energy];
const CALORIFIC: Kinds = &[KindName::EnergyPerMass, KindName::EnergyPerNormalVolume];
const SHARE: Kinds = &[KindName::Ratio];
// Units of electricity are units of energy until the kind is known.
const ELECTRICITY: Kinds = &[KindName::Energy];
// Factors to CO2 are as good as factors to CO2e here: the method's set of global warming potentials joins them.
const FUEL_FACTOR: Kinds = &[KindName::Co2ePerEnergy, KindName::GasPerEnergy(Gas::Co2)];
const PROCESS_FACTOR: Kinds = &[KindName::Co2ePerMass, KindName::GasPerMass(Gas::Co2)];
const GRID_FACTOR: Kinds = &[KindName::Co2ePerElectricity, KindName::GasPerElectricity(Gas::Co2)];

struct Table<'t, 'i> {
    map: &'t DeTable<'i>,
    path: String,
    offset: usize,
}

impl Table<'_, '_> {
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

struct Reader<'t> {
    text: &'t str,
    violations: Vec<PlantViolation>,
}

impl Reader<'_> {
    fn refuse(&mut self, offset: usize, path: impl Into<String>, problem: impl Into<String>) {
        // Bounded here so that a hostile file cannot make a long report out of a short text.
        if self.violations.len() < MAX_VIOLATIONS {
            let offset = offset.min(self.text.len());
            let line = 1 + self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
            self.violations.push(PlantViolation { line, path: path.into(), problem: problem.into() });
        }
    }

    /// Refuses every key that is not in `known`.
    fn close(&mut self, table: &Table, known: &[&str]) {
        for key in table.map.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let path = table.path(key.get_ref());
                self.refuse(key.span().start, path, format!("unknown key; known here: {}", known.join(", ")));
            }
        }
    }

    fn required<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<(&'t DeValue<'i>, usize)> {
        let found = table.map.get(key).map(|value| (value.get_ref(), value.span().start));
        if found.is_none() {
            self.refuse(table.offset, table.path(key), "is missing");
        }
        found
    }

    fn string(&mut self, table: &Table, key: &str) -> Option<String> {
        let (value, offset) = self.required(table, key)?;
        self.one_line(value, offset, table.path(key))
    }

    fn optional_string(&mut self, table: &Table, key: &str) -> Option<String> {
        table.map.contains_key(key).then(|| self.string(table, key)).flatten()
    }

    fn one_line(&mut self, value: &DeValue, offset: usize, path: String) -> Option<String> {
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
    fn decimal(&mut self, table: &Table, key: &str) -> Option<Decimal> {
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

    fn positive(&mut self, table: &Table, key: &str) -> Option<Decimal> {
        let value = self.decimal(table, key)?;
        if value.is_negative() || value.is_zero() {
            self.refuse(self.offset_of(table, key), table.path(key), "must be above zero");
            return None;
        }
        Some(value)
    }

    fn offset_of(&self, table: &Table, key: &str) -> usize {
        table.map.get(key).map_or(table.offset, |value| value.span().start)
    }

    fn unit(&mut self, table: &Table, key: &str, kinds: Kinds) -> Option<Unit> {
        let code = self.string(table, key)?;
        let problem = match code.parse::<Unit>() {
            Ok(unit) if kinds.contains(&unit.kind()) => return Some(unit),
            Ok(unit) => {
                let expected: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                format!("{unit} measures {}, expected {}", unit.kind(), expected.join(" or "))
            }
            Err(error) => error.to_string(),
        };
        self.refuse(self.offset_of(table, key), table.path(key), problem);
        None
    }

    fn time(&mut self, table: &Table, key: &str) -> Option<Timestamp> {
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

    fn table<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<Table<'t, 'i>> {
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
    fn tables<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str, most: usize) -> Vec<Table<'t, 'i>> {
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

    fn optional_input(&mut self, table: &Table, key: &str, kinds: Kinds, signed: bool) -> Option<Input> {
        table.map.contains_key(key).then(|| self.input(table, key, kinds, signed)).flatten()
    }

    fn input(&mut self, parent: &Table, key: &str, kinds: Kinds, signed: bool) -> Option<Input> {
        let table = self.table(parent, key)?;
        let has = |key: &str| table.map.contains_key(key);
        if has("instrument") {
            self.close(&table, &["instrument"]);
            let instrument = self.string(&table, "instrument")?;
            if let Err(error) = name::parts(name::INSTRUMENT, &instrument) {
                self.refuse(table.offset, table.path("instrument"), error.to_string());
            }
            Some(Input::Instrument { instrument })
        } else if has("material") {
            self.close(&table, &["material", "flow"]);
            let flow = match self.optional_string(&table, "flow").as_deref() {
                None | Some("consumed") => Flow::Consumed,
                Some("produced") => Flow::Produced,
                Some(_) => {
                    self.refuse(table.offset, table.path("flow"), "must be \"consumed\" or \"produced\"");
                    Flow::Consumed
                }
            };
            if !kinds.contains(&KindName::Mass) {
                self.refuse(
                    table.offset,
                    table.path("material"),
                    "the weighbridge gives a mass, which does not fit here",
                );
            }
            Some(Input::Material { material: self.string(&table, "material")?, flow })
        } else if has("analyses") {
            self.close(&table, &["analyses"]);
            Some(Input::Analyses { material: self.string(&table, "analyses")? })
        } else if has("value") {
            self.stated(&table, kinds, signed).map(Input::Stated)
        } else {
            let problem = "needs a value with its unit, or one of instrument, material, analyses";
            self.refuse(table.offset, table.path.clone(), problem);
            self.close(&table, &["value", "unit", "instrument", "material", "analyses"]);
            None
        }
    }

    fn stated(&mut self, table: &Table, kinds: Kinds, signed: bool) -> Option<Stated> {
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
        let basis = match self.optional_string(table, "basis").as_deref() {
            None | Some("stated") => Basis::Stated,
            Some("measured") => Basis::Measured,
            Some("default") => Basis::Default,
            Some(_) => {
                let problem = "must be \"stated\", \"measured\" or \"default\"";
                self.refuse(self.offset_of(table, "basis"), table.path("basis"), problem);
                Basis::Stated
            }
        };
        Some(Stated { value: value?, unit: unit?, uncertainty, source, source_id, basis })
    }

    fn plant(&mut self, root: &Table) -> Option<Plant> {
        self.close(root, &["method", "site", "period", "stream", "process", "precursor", "product", "limit"]);
        let method = self.string(root, "method");
        let site = self.table(root, "site").and_then(|table| {
            self.close(&table, &["name", "title"]);
            let name = self.string(&table, "name");
            if let Some(Err(error)) = name.as_deref().map(|name| name::parts(name::SITE, name)) {
                self.refuse(self.offset_of(&table, "name"), table.path("name"), error.to_string());
            }
            name.zip(self.string(&table, "title"))
        });
        let period = self.table(root, "period").and_then(|table| self.period(&table));
        let streams: Vec<Stream> =
            self.tables(root, "stream", MAX_ENTRIES).iter().filter_map(|table| self.stream(table)).collect();
        let processes: Vec<Process> =
            self.tables(root, "process", MAX_PROCESSES).iter().filter_map(|table| self.process(table)).collect();
        let precursors: Vec<Precursor> =
            self.tables(root, "precursor", MAX_ENTRIES).iter().filter_map(|table| self.precursor(table)).collect();
        let products: Vec<Product> =
            self.tables(root, "product", MAX_ENTRIES).iter().filter_map(|table| self.product(table)).collect();
        let limit = root.map.contains_key("limit").then(|| self.limit(root)).flatten();
        // References are checked once every entry could be read: otherwise one mistake shows up as two.
        if self.violations.is_empty() {
            self.references(&streams, &processes, &precursors, &products);
        }
        let (site, site_title) = site?;
        Some(Plant {
            digest: Sha256::of(self.text.as_bytes()),
            method: method?,
            site,
            site_title,
            period: period?,
            streams,
            processes,
            precursors,
            products,
            limit,
        })
    }

    fn period(&mut self, table: &Table) -> Option<Period> {
        self.close(table, &["start", "end"]);
        let (start, end) = (self.time(table, "start"), self.time(table, "end"));
        let period = Period { start: start?, end: end? };
        for violation in period.violations() {
            self.refuse(self.offset_of(table, "end"), table.path(&violation.path), violation.problem);
        }
        if period.secs() > MAX_PERIOD_DAYS * 86_400 {
            let problem = format!("a period has at most {MAX_PERIOD_DAYS} days");
            self.refuse(self.offset_of(table, "end"), table.path("end"), problem);
        }
        Some(period)
    }

    fn stream(&mut self, table: &Table) -> Option<Stream> {
        let name = self.string(table, "name");
        let process = self.optional_string(table, "process");
        let kind = match self.string(table, "method")?.as_str() {
            "combustion" => self.combustion(table),
            "process" => {
                self.close(
                    table,
                    &["name", "process", "method", "activity", "emission_factor", "conversion_factor", "biomass_share"],
                );
                let activity = self.input(table, "activity", ACTIVITY, false);
                let emission_factor = self.input(table, "emission_factor", PROCESS_FACTOR, false);
                let conversion_factor = self.optional_input(table, "conversion_factor", SHARE, false);
                let biomass_share = self.share(table, "biomass_share");
                Some(StreamKind::Process {
                    activity: activity?,
                    emission_factor: emission_factor?,
                    conversion_factor,
                    biomass_share,
                })
            }
            "mass-balance" => {
                self.close(table, &["name", "process", "method", "activity", "carbon_content", "biomass_share"]);
                let activity = self.input(table, "activity", ACTIVITY, true);
                let carbon_content = self.input(table, "carbon_content", &[KindName::CarbonPerMass], false);
                let biomass_share = self.share(table, "biomass_share");
                Some(StreamKind::MassBalance { activity: activity?, carbon_content: carbon_content?, biomass_share })
            }
            _ => {
                let problem = "must be \"combustion\", \"process\" or \"mass-balance\"";
                self.refuse(self.offset_of(table, "method"), table.path("method"), problem);
                None
            }
        };
        Some(Stream { name: name?, process, kind: kind? })
    }

    fn combustion(&mut self, table: &Table) -> Option<StreamKind> {
        self.close(
            table,
            &[
                "name",
                "process",
                "method",
                "activity",
                "net_calorific_value",
                "emission_factor",
                "oxidation_factor",
                "biomass_share",
            ],
        );
        let activity = self.input(table, "activity", FUEL, false);
        let net_calorific_value = self.optional_input(table, "net_calorific_value", CALORIFIC, false);
        let emission_factor = self.input(table, "emission_factor", FUEL_FACTOR, false);
        let oxidation_factor = self.share(table, "oxidation_factor");
        let biomass_share = self.share(table, "biomass_share");
        // The calorific value must be per the unit of the activity, where both units are known from the file.
        let kind = match activity.as_ref()? {
            Input::Stated(stated) => Some(stated.unit.kind()),
            Input::Material { .. } => Some(KindName::Mass),
            Input::Instrument { .. } | Input::Analyses { .. } => None,
        };
        let wanted = match kind {
            Some(KindName::Mass) => Some(Some(KindName::EnergyPerMass)),
            Some(KindName::NormalVolume) => Some(Some(KindName::EnergyPerNormalVolume)),
            Some(KindName::Energy) => Some(None),
            _ => None,
        };
        let path = table.path("net_calorific_value");
        let offset = self.offset_of(table, "net_calorific_value");
        match (wanted, &net_calorific_value) {
            (Some(Some(_)), None) if !table.map.contains_key("net_calorific_value") => {
                self.refuse(offset, path, "is missing: the activity is a mass or volume");
            }
            (Some(None), Some(_)) => self.refuse(offset, path, "must be left out: the activity is an energy"),
            (Some(Some(wanted)), Some(Input::Stated(stated))) if stated.unit.kind() != wanted => {
                self.refuse(
                    offset,
                    path,
                    format!("{} measures {}, expected {wanted}", stated.unit, stated.unit.kind()),
                );
            }
            _ => {}
        }
        Some(StreamKind::Combustion {
            activity: activity?,
            net_calorific_value,
            emission_factor: emission_factor?,
            oxidation_factor,
            biomass_share,
        })
    }

    fn share(&mut self, table: &Table, key: &str) -> Option<Input> {
        let input = self.optional_input(table, key, SHARE, false);
        if let Some(Input::Stated(stated)) = &input {
            let most = if stated.unit == Unit::Percent { 100.0 } else { 1.0 };
            if stated.value.to_f64() > most {
                self.refuse(self.offset_of(table, key), table.path(key), "a share is at most 1 (100 %)");
            }
        }
        input
    }

    fn process(&mut self, table: &Table) -> Option<Process> {
        self.close(table, &["name", "category", "production", "attributed_emissions", "electricity", "inputs"]);
        let name = self.string(table, "name");
        let category = self.string(table, "category");
        let production = self.input(table, "production", ACTIVITY, false);
        let attributed_emissions = self.optional_input(table, "attributed_emissions", &[KindName::Co2e], true);
        let electricity = self.electricity(table, ELECTRICITY);
        let inputs = self.process_inputs(table, "inputs");
        Some(Process {
            name: name?,
            category: category?,
            production: production?,
            attributed_emissions,
            electricity,
            inputs,
        })
    }

    fn electricity(&mut self, table: &Table, kinds: Kinds) -> Option<ElectricityUse> {
        if !table.map.contains_key("electricity") {
            return None;
        }
        let electricity = self.table(table, "electricity")?;
        self.close(&electricity, &["amount", "factor"]);
        let amount = self.input(&electricity, "amount", kinds, false);
        let factor = self.input(&electricity, "factor", GRID_FACTOR, false);
        Some(ElectricityUse { amount: amount?, factor: factor? })
    }

    fn process_inputs(&mut self, table: &Table, key: &str) -> Vec<ProcessInput> {
        let tables = self.tables(table, key, MAX_ENTRIES);
        let mut found: Vec<ProcessInput> = Vec::new();
        for table in &tables {
            self.close(table, &["process", "amount"]);
            let process = self.string(table, "process");
            let amount = self.input(table, "amount", ACTIVITY, false);
            if let Some((process, amount)) = process.zip(amount) {
                if found.iter().any(|other| other.process == process) {
                    self.refuse(table.offset, table.path("process"), "stands twice here; add the amounts");
                }
                found.push(ProcessInput { process, amount });
            }
        }
        found
    }

    fn precursor(&mut self, table: &Table) -> Option<Precursor> {
        self.close(table, &["name", "category", "see_direct", "electricity", "uses"]);
        let name = self.string(table, "name");
        let category = self.string(table, "category");
        let see_direct = self.input(table, "see_direct", PROCESS_FACTOR, false);
        let electricity = self.electricity(table, &[KindName::ElectricityPerMass]);
        let uses = self.process_inputs(table, "uses");
        Some(Precursor { name: name?, category: category?, see_direct: see_direct?, electricity, uses })
    }

    fn product(&mut self, table: &Table) -> Option<Product> {
        self.close(table, &["name", "cn_code", "process", "functional_unit"]);
        let name = self.string(table, "name");
        let cn_code = self.string(table, "cn_code");
        if cn_code.as_ref().is_some_and(|code| code.len() != 8 || code.bytes().any(|b| !b.is_ascii_digit())) {
            self.refuse(self.offset_of(table, "cn_code"), table.path("cn_code"), "must have eight digits, in quotes");
        }
        let process = self.string(table, "process");
        let functional_unit = self.string(table, "functional_unit");
        // Results are per tonne of product: another unit of reference would need its own scaling.
        if functional_unit.as_deref().is_some_and(|unit| unit != "1 t") {
            self.refuse(
                self.offset_of(table, "functional_unit"),
                table.path("functional_unit"),
                "must be \"1 t\": the methods known here state results per tonne of product",
            );
        }
        Some(Product { name: name?, cn_code: cn_code?, process: process?, functional_unit: functional_unit? })
    }

    fn limit(&mut self, root: &Table) -> Option<Limit> {
        let table = self.table(root, "limit")?;
        self.close(&table, &["result", "value", "unit", "rule", "guard_multiple", "source"]);
        let result = match self.string(&table, "result").as_deref() {
            Some("direct") => Some(LimitFor::Direct),
            Some("total") => Some(LimitFor::Total),
            Some(_) => {
                self.refuse(self.offset_of(&table, "result"), table.path("result"), "must be \"direct\" or \"total\"");
                None
            }
            None => None,
        };
        let value = self.positive(&table, "value");
        let unit = self.unit(&table, "unit", &[KindName::Co2ePerMass]);
        let rule = match self.string(&table, "rule").as_deref() {
            Some("simple") => {
                if table.map.contains_key("guard_multiple") {
                    let problem = "has no meaning with rule \"simple\"";
                    self.refuse(self.offset_of(&table, "guard_multiple"), table.path("guard_multiple"), problem);
                }
                Some(LimitRule::Simple)
            }
            Some("guarded") => self.positive(&table, "guard_multiple").map(|multiple| LimitRule::Guarded { multiple }),
            Some(_) => {
                self.refuse(self.offset_of(&table, "rule"), table.path("rule"), "must be \"simple\" or \"guarded\"");
                None
            }
            None => None,
        };
        let source = self.string(&table, "source");
        Some(Limit { result: result?, value: value?, unit: unit?, rule: rule?, source: source? })
    }

    fn references(
        &mut self,
        streams: &[Stream],
        processes: &[Process],
        precursors: &[Precursor],
        products: &[Product],
    ) {
        fn unique<'a>(reader: &mut Reader, path: &str, names: impl Iterator<Item = &'a str>) {
            let mut seen = BTreeSet::new();
            for (i, name) in names.enumerate() {
                if !seen.insert(name) {
                    reader.refuse_named(name, format!("{path}[{i}].name"), format!("{name:?} stands twice"));
                }
            }
        }
        unique(self, "stream", streams.iter().map(|s| s.name.as_str()));
        unique(self, "process", processes.iter().map(|s| s.name.as_str()));
        unique(self, "precursor", precursors.iter().map(|s| s.name.as_str()));
        unique(self, "product", products.iter().map(|s| s.name.as_str()));
        let known: BTreeSet<&str> = processes.iter().map(|process| process.name.as_str()).collect();
        let mut check = |path: String, name: &str| {
            if !known.contains(name) {
                self.refuse_named(name, path, format!("there is no process {name:?}"));
            }
        };
        for (i, stream) in streams.iter().enumerate() {
            if let Some(process) = &stream.process {
                check(format!("stream[{i}].process"), process);
            }
        }
        for (i, process) in processes.iter().enumerate() {
            for (j, input) in process.inputs.iter().enumerate() {
                check(format!("process[{i}].inputs[{j}].process"), &input.process);
            }
        }
        for (i, precursor) in precursors.iter().enumerate() {
            for (j, input) in precursor.uses.iter().enumerate() {
                check(format!("precursor[{i}].uses[{j}].process"), &input.process);
            }
        }
        for (i, product) in products.iter().enumerate() {
            check(format!("product[{i}].process"), &product.process);
        }
        for (i, process) in processes.iter().enumerate() {
            let attributed = streams.iter().any(|stream| stream.process.as_ref() == Some(&process.name));
            if attributed && process.attributed_emissions.is_some() {
                let problem = "stands beside streams of this process; give one or the other";
                self.refuse_named(&process.name, format!("process[{i}].attributed_emissions"), problem);
            }
        }
        if products.is_empty() {
            self.refuse(self.text.len(), "product", "at least one product is needed");
        }
    }

    /// Refuses an entry found by the name it holds; the line is that of the name's last occurrence.
    fn refuse_named(&mut self, name: &str, path: String, problem: impl Into<String>) {
        let offset = self.text.rfind(name).unwrap_or(0);
        self.refuse(offset, path, problem);
    }
}
