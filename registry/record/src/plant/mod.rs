//! The plant file: what a site is made of and where each figure comes from. A user format in TOML, read closed: an
//! unknown key, a missing one, a unit of the wrong kind or a name that leads nowhere is refused with line and path, all
//! of them at once.
//!
//! An annotated example stands in `registry/footprint/examples/cement.toml`.

mod read;
mod references;
mod sections;

use std::fmt;

use quantity::{Decimal, Unit};
use toml::de::DeTable;

use self::read::{Reader, Table};
use crate::evidence::Flow;
use crate::footprint::Origin;
use crate::instrument::{Period, Sha256};

/// Largest plant file read.
pub const MAX_BYTES: usize = 1 << 20;
/// Most streams, precursors or products.
pub const MAX_ENTRIES: usize = 1_000;
/// Most processes.
pub const MAX_PROCESSES: usize = 1_000;
/// Violations reported at once.
const MAX_VIOLATIONS: usize = 100;

/// A plant as its file describes it. Made only by [`Plant::from_toml`], so it keeps all rules of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plant {
    /// SHA-256 of the file.
    pub digest: Sha256,
    /// Method and version the plant is computed by, for example `cbam-transitional-2023-1773`.
    pub method: String,
    /// Product-category rules that narrow the method, by id; whoever computes gives their file.
    pub product_category_rules: Option<String>,
    /// Resource name of the site.
    pub site: String,
    /// Name of the site for people.
    pub site_title: String,
    /// Country or region of the site, as factor sets name it, for example `CN`.
    pub region: Option<String>,
    /// Period of the figures.
    pub period: Period,
    /// Source streams, in the order of the file.
    pub streams: Vec<Stream>,
    /// Processes, in the order of the file.
    pub processes: Vec<Process>,
    /// Heat, waste gas and electricity handed on, in the order of the file.
    pub exchanges: Vec<Exchange>,
    /// Purchased precursors, in the order of the file.
    pub precursors: Vec<Precursor>,
    /// Products, in the order of the file.
    pub products: Vec<Product>,
    /// Limit to decide against.
    pub limit: Option<Limit>,
    /// Where present, sources of uncertainty are named by digests salted with it, so that a statement tells a buyer
    /// which errors it shares without telling which instruments they come from.
    pub salt: Option<String>,
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
    /// A row of a factor set.
    Factor(FactorUse),
}

/// A row of a factor set, and what is meant where it is not of this site and year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorUse {
    /// Id of the row.
    pub id: String,
    /// Kind of factor, where another one than the figure asks for is meant: generation for consumption, for example.
    pub kind: Option<String>,
    /// Region, where it is not the site's.
    pub region: Option<String>,
    /// Sector, where the factor depends on it.
    pub sector: Option<String>,
    /// Year, where it is not that of the period: the latest that there is.
    pub year: Option<u16>,
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
    /// Where its carbon comes from, or what the emissions are of.
    pub origin: Origin,
    /// How its emissions are found.
    pub kind: StreamKind,
}

/// Calculation method of a source stream (Implementing Regulation (EU) 2023/1773, Annex III B.3). Shares of biomass and
/// of oxidation apply to the carbon: to factors of CO2 and CO2e, not to those of other gases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamKind {
    /// Activity × net calorific value × emission factor × oxidation factor × (1 − biomass share).
    Combustion {
        /// Fuel burnt: mass, volume, or energy (then without a calorific value).
        activity: Input,
        /// Net calorific value; absent where the factors are per mass or volume.
        net_calorific_value: Option<Input>,
        /// Emission factor of CO2 (or of CO2e, all gases in one).
        emission_factor: Input,
        /// Emission factors of other gases, on the same basis.
        other_gases: Vec<Input>,
        /// Oxidation factor; 1 when absent.
        oxidation_factor: Option<Input>,
        /// Biogenic share of the carbon; 0 when absent.
        biomass_share: Option<Input>,
    },
    /// Activity × emission factor × conversion factor × (1 − biomass share).
    Process {
        /// Material used or made.
        activity: Input,
        /// Emission factor per mass, of any gas.
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
    /// A mass of gas found by continuous measurement or stated as such (Annex III B.6).
    Measured {
        /// Mass of a gas, or of CO2e.
        emissions: Input,
        /// Biogenic share of the carbon; 0 when absent.
        biomass_share: Option<Input>,
    },
    /// Perfluorocarbons of primary aluminium (Annex III B.7): production × coefficient × intensity ÷ current efficiency
    /// is the mass of CF4, that × ratio the mass of C2F6.
    AnodeEffects {
        /// Aluminium made.
        production: Input,
        /// Slope emission factor, or overvoltage coefficient, of CF4.
        coefficient: Input,
        /// Anode effect minutes per cell and day, or overvoltage.
        intensity: Input,
        /// Current efficiency, with an overvoltage.
        current_efficiency: Option<Input>,
        /// Mass of C2F6 per mass of CF4.
        c2f6_ratio: Input,
    },
    /// Mass moved over a distance × emission factor.
    Transport {
        /// Mass × distance.
        activity: Input,
        /// Emission factor per mass and distance.
        emission_factor: Input,
    },
}

/// A production process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Name, unique in the file among processes and outputs.
    pub name: String,
    /// Aggregated goods category.
    pub category: String,
    /// What it produced in the period: one output of its own name, or several.
    pub outputs: Vec<Output>,
    /// How its emissions are shared among several outputs.
    pub allocation: Allocation,
    /// Emissions attributed to it, where they are stated and not the sum of its streams.
    pub attributed_emissions: Option<Input>,
    /// Electricity it used, with the factor of that electricity.
    pub electricity: Option<ElectricityUse>,
    /// What it took from other processes of the site.
    pub inputs: Vec<ProcessInput>,
}

/// Something a process makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Name, unique in the file among processes and outputs; that of the process where it has one output.
    pub name: String,
    /// Mass made.
    pub amount: Input,
    /// What it is shared by, with an allocation that needs it: energy content per mass, price per mass, or the share.
    pub weight: Option<Input>,
}

/// How the emissions of a process are shared among its outputs (ISO 14067:2018, 6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// One output takes all.
    Whole,
    /// By mass.
    Mass,
    /// By energy content: mass × net calorific value.
    Energy,
    /// By value: mass × price.
    Economic,
    /// By stated shares, which sum to one.
    Stated,
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
    /// Process or output it comes from.
    pub process: String,
    /// Mass.
    pub amount: Input,
}

/// What is handed on from a process to another, into the site, or out of it: its emissions are taken from the one and
/// added to the other (Implementing Regulation (EU) 2023/1773, Annex III F).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Name, unique in the file.
    pub name: String,
    /// What is handed on.
    pub carrier: Carrier,
    /// Process it comes from; absent for an import.
    pub from: Option<String>,
    /// Process it goes to; absent for an export.
    pub to: Option<String>,
    /// Amount.
    pub amount: Input,
    /// Its emission factor.
    pub factor: ExchangeFactor,
}

/// Emission factor of what is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeFactor {
    /// As the file says.
    Given(Input),
    /// Heat of a boiler whose fuel is known: the fuel's factor by the efficiency.
    Fuel {
        /// Emission factor of the fuel.
        factor: Input,
        /// Heat by energy of the fuel; that of the method where the file does not say.
        efficiency: Option<Input>,
    },
    /// Waste gas by the rule of the method.
    Method,
}

/// What is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// Measurable heat.
    Heat,
    /// Waste gas, as energy.
    WasteGas,
    /// Electricity made inside: direct emissions of its maker, indirect ones of its user.
    Electricity,
}

/// A purchased precursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precursor {
    /// Name, unique in the file.
    pub name: String,
    /// Aggregated goods category.
    pub category: String,
    /// CN code, eight digits. Methods that count indirect emissions by the precursor's code need it.
    pub cn_code: Option<String>,
    /// Where its embedded emissions come from.
    pub embedded: Embedded,
    /// Which processes use it, and how much.
    pub uses: Vec<ProcessInput>,
}

/// Embedded emissions of a precursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Embedded {
    /// Figures in the plant file.
    Figures(Box<EmbeddedFigures>),
    /// A supplier's footprint statement, with its uncertainty by source.
    Statement {
        /// SHA-256 of its exact bytes.
        sha256: Sha256,
    },
    /// A supplier's certificate, verified by whoever computes.
    Certificate {
        /// Its id (URI).
        id: String,
    },
    /// A default value of the scheme for goods and country, with the mark-up of the period's year.
    Default {
        /// CN code.
        cn_code: String,
        /// Country of origin, as the table of default values names it.
        country: String,
        /// Which goods of the code, where the table tells several apart.
        variant: Option<String>,
    },
    /// Scrap: carries nothing, by the rule of the method.
    Scrap,
}

/// Embedded emissions as figures in the plant file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedFigures {
    /// Specific embedded direct emissions.
    pub direct: Input,
    /// Embedded electricity per mass, with its factor.
    pub electricity: Option<ElectricityUse>,
    /// Specific embedded indirect emissions, where they are stated and not electricity × factor.
    pub indirect: Option<Input>,
}

/// A product: what a footprint is stated for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Name, unique in the file.
    pub name: String,
    /// CN code, eight digits.
    pub cn_code: String,
    /// Process or output that makes it.
    pub process: String,
    /// What the result refers to.
    pub functional_unit: FunctionalUnit,
    /// Share of the goods that the functional unit measures, where that is not the goods themselves.
    pub content: Option<Input>,
}

/// What a result refers to. Results are masses of CO2e per mass of it: per kilogram of nitrogen the number of kilograms is
/// that of tonnes per tonne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionalUnit {
    /// A tonne of goods.
    Tonne,
    /// A tonne of the clinker contained in them.
    TonneOfClinker,
    /// A kilogram of the nitrogen contained in them.
    KilogramOfNitrogen,
}

impl FunctionalUnit {
    /// All of them.
    pub const ALL: [FunctionalUnit; 3] =
        [FunctionalUnit::Tonne, FunctionalUnit::TonneOfClinker, FunctionalUnit::KilogramOfNitrogen];

    /// As files and statements write it.
    pub fn name(self) -> &'static str {
        match self {
            FunctionalUnit::Tonne => "1 t",
            FunctionalUnit::TonneOfClinker => "1 t clinker",
            FunctionalUnit::KilogramOfNitrogen => "1 kg nitrogen",
        }
    }
}

impl fmt::Display for FunctionalUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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

    /// The outputs of all processes with the place of their process, in the order of the file: the nodes of the network.
    pub fn outputs(&self) -> impl Iterator<Item = (usize, &Output)> {
        self.processes
            .iter()
            .enumerate()
            .flat_map(|(place, process)| process.outputs.iter().map(move |output| (place, output)))
    }

    /// The product of this name.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name == name)
    }
}
