//! Reads a table of factors, strictly, and validates it as a whole.

use std::collections::BTreeMap;

use quantity::{Decimal, Gas, GwpSet, KindName, Unit};
use record::instrument::Sha256;

use super::{Basis, Counted, Factor, FactorKind, FactorSet, Years};
use crate::table::{self, NotTable};

/// Largest table read.
const MAX_BYTES: usize = 4 << 20;
/// Problems reported at once.
const MAX_PROBLEMS: usize = 100;
/// Longest text of a field.
const MAX_TEXT: usize = 300;

/// The columns, in order.
const COLUMNS: &[&str] = &[
    "id",
    "activity",
    "kind",
    "gas",
    "value",
    "unit",
    "basis",
    "sector",
    "region",
    "from_year",
    "to_year",
    "gwp_set",
    "uncertainty",
    "lo95",
    "hi95",
    "source",
    "source_ref",
    "licence",
    "status",
];

/// One thing wrong in a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}, column {column}: {problem}")]
pub struct RowProblem {
    /// Line of the file, from 1; the header is line 1.
    pub row: usize,
    /// Column by name.
    pub column: &'static str,
    /// What is wrong, with the remedy.
    pub problem: String,
}

/// Why a file is not a set of factors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactorSetError {
    /// Longer than is read.
    #[error("the table has {size} bytes: at most {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not UTF-8, or not CSV of the same number of fields in every row.
    #[error("not a table: {problem}")]
    NotTable {
        /// What stands in the way.
        problem: String,
    },
    /// Other columns than these, or another order.
    #[error("the columns are {found}; write them as {}", COLUMNS.join(","))]
    Columns {
        /// The header found.
        found: String,
    },
    /// No rows.
    #[error("the table has no rows")]
    Empty,
    /// Everything found wrong, by row, up to 100.
    #[error("{} problem(s):\n{}", .problems.len(), .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Rows {
        /// What is wrong.
        problems: Vec<RowProblem>,
    },
}

struct Reader<'a> {
    row: usize,
    fields: Vec<&'a str>,
    problems: Vec<RowProblem>,
}

impl<'a> Reader<'a> {
    fn field(&self, column: &'static str) -> &'a str {
        COLUMNS.iter().position(|known| *known == column).and_then(|i| self.fields.get(i)).copied().unwrap_or("")
    }

    fn refuse<T>(&mut self, column: &'static str, problem: impl Into<String>) -> Option<T> {
        self.problems.push(RowProblem { row: self.row, column, problem: problem.into() });
        None
    }

    fn text(&mut self, column: &'static str) -> Option<String> {
        let text = self.field(column);
        if text.trim() != text || text.is_empty() || text.len() > MAX_TEXT {
            return self.refuse(column, format!("must be 1 to {MAX_TEXT} bytes without blanks at its ends"));
        }
        Some(text.to_owned())
    }

    fn id(&mut self, column: &'static str) -> Option<String> {
        let text = self.text(column)?;
        if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            Some(text)
        } else {
            self.refuse(column, "letters, digits, points and hyphens alone")
        }
    }

    fn decimal(&mut self, column: &'static str) -> Option<Decimal> {
        match self.field(column).parse::<Decimal>() {
            Ok(value) => Some(value),
            Err(error) => self.refuse(column, error.to_string()),
        }
    }

    fn year(&mut self, column: &'static str) -> Option<u16> {
        match self.field(column).parse() {
            Ok(year @ 1900..=2200) => Some(year),
            _ => self.refuse(column, "a year of four digits must be stated: a factor without its year is for no year"),
        }
    }

    fn counted(&mut self) -> Option<Counted> {
        let set = match self.field("gwp_set") {
            "" => None,
            name => match name.parse::<GwpSet>() {
                Ok(set) => Some(set),
                Err(error) => return self.refuse("gwp_set", error.to_string()),
            },
        };
        let counted = match self.field("gas") {
            "CO2e" => Counted::Co2e(set),
            "none" => Counted::Nothing,
            formula => match Gas::find(formula) {
                Some(gas) => Counted::Gas(gas),
                None => return self.refuse("gas", "must be CO2e, none, or a gas of the table of potentials, as CH4"),
            },
        };
        if set.is_some() && !matches!(counted, Counted::Co2e(_)) {
            return self.refuse("gwp_set", "only CO2e rests on potentials; leave it empty");
        }
        Some(counted)
    }

    fn factor(&mut self) -> Option<Factor> {
        let id = self.id("id");
        let activity = self.id("activity");
        let kind = match FactorKind::find(self.field("kind")) {
            Some(kind) => Some(kind),
            None => {
                let known: Vec<&str> = FactorKind::NAMES.iter().map(|(_, name)| *name).collect();
                self.refuse("kind", format!("must be one of {}", known.join(", ")))
            }
        };
        let counted = self.counted();
        let value = self.decimal("value");
        let unit = match self.field("unit").parse::<Unit>() {
            Ok(unit) => Some(unit),
            Err(error) => self.refuse("unit", error.to_string()),
        };
        let basis = match self.field("basis") {
            "net" => Some(Basis::Net),
            "gross" => Some(Basis::Gross),
            "none" => Some(Basis::None),
            _ => self.refuse("basis", "must be net, gross or none"),
        };
        let sector = self.id("sector");
        let region = self.id("region");
        let from = self.year("from_year");
        let to = if self.field("to_year").is_empty() { Some(None) } else { self.year("to_year").map(Some) };
        let limits = self.limits();
        let (source, source_ref, licence) = (self.text("source"), self.text("source_ref"), self.text("licence"));
        let superseded_by = match self.field("status").strip_prefix("superseded by ") {
            Some(id) => Some(Some(id.to_owned())),
            None if self.field("status") == "current" => Some(None),
            None => self.refuse("status", "must be \"current\" or \"superseded by\" and an id of this table"),
        };
        let factor = Factor {
            id: id?,
            activity: activity?,
            kind: kind?,
            counted: counted?,
            value: value?,
            unit: unit?,
            basis: basis?,
            sector: sector.map(|sector| (sector != "any").then_some(sector))?,
            region: region.map(|region| (region != "global").then_some(region))?,
            years: Years { from: from?, to: to? },
            limits: limits?,
            source: source?,
            source_ref: source_ref?,
            licence: licence?,
            superseded_by: superseded_by?,
        };
        self.agree(&factor);
        Some(factor)
    }

    fn limits(&mut self) -> Option<Option<(Decimal, Decimal)>> {
        match self.field("uncertainty") {
            "not stated" if self.field("lo95").is_empty() && self.field("hi95").is_empty() => Some(None),
            "not stated" => self.refuse("uncertainty", "limits stand beside it: write \"95 %\", or leave them empty"),
            "95 %" => match (self.decimal("lo95"), self.decimal("hi95")) {
                (Some(low), Some(high)) => Some(Some((low, high))),
                _ => None,
            },
            _ => self.refuse("uncertainty", "must be \"95 %\", with its limits, or \"not stated\""),
        }
    }

    /// What fields say together.
    fn agree(&mut self, factor: &Factor) {
        let kind = factor.unit.kind();
        let stated = match kind.gas() {
            Some(gas) => Counted::Gas(gas),
            None if kind == KindName::Co2e || kind.of_gas(Gas::Co2).is_some() => Counted::Co2e(None),
            None => Counted::Nothing,
        };
        let agrees = match (factor.counted, stated) {
            (Counted::Co2e(_), Counted::Co2e(_)) => true,
            (counted, stated) => counted == stated,
        };
        if !agrees {
            self.refuse::<()>("gas", format!("is {}, but {} counts {stated}", factor.counted, factor.unit));
        }
        if !fits(factor.kind, kind) {
            self.refuse::<()>("unit", format!("{} measures {kind}, which is no {} factor", factor.unit, factor.kind));
        }
        let basis = basis_of(kind);
        if basis != factor.basis {
            self.refuse::<()>("basis", format!("is {}, but {} rests on {basis}", factor.basis, factor.unit));
        }
        if let Some((low, high)) = &factor.limits {
            let (low, value, high) = (low.to_f64(), factor.value.to_f64(), high.to_f64());
            if !(low <= value && value <= high && low < high) {
                self.refuse::<()>("lo95", "the limits must hold the value between them");
            }
        }
        if factor.value.is_negative() {
            self.refuse::<()>("value", "a factor is not below zero");
        }
        if factor.years.to.is_some_and(|to| to < factor.years.from) {
            self.refuse::<()>("to_year", "ends before it begins");
        }
        if factor.superseded_by.as_ref() == Some(&factor.id) {
            self.refuse::<()>("status", "a factor does not take its own place");
        }
    }
}

/// Heating value basis of a kind.
pub(super) fn basis_of(kind: KindName) -> Basis {
    match kind {
        KindName::EnergyPerMass
        | KindName::EnergyPerNormalVolume
        | KindName::Co2ePerEnergy
        | KindName::GasPerEnergy(_) => Basis::Net,
        KindName::GrossEnergyPerMass
        | KindName::GrossEnergyPerNormalVolume
        | KindName::Co2ePerGrossEnergy
        | KindName::GasPerGrossEnergy(_) => Basis::Gross,
        _ => Basis::None,
    }
}

/// Whether a kind of quantity is a factor of this kind.
fn fits(kind: FactorKind, quantity: KindName) -> bool {
    use KindName as K;
    match kind {
        FactorKind::CalorificValue => matches!(
            quantity,
            K::EnergyPerMass | K::EnergyPerNormalVolume | K::GrossEnergyPerMass | K::GrossEnergyPerNormalVolume
        ),
        FactorKind::Combustion => matches!(
            quantity,
            K::Co2ePerEnergy
                | K::GasPerEnergy(_)
                | K::Co2ePerGrossEnergy
                | K::GasPerGrossEnergy(_)
                | K::Co2ePerMass
                | K::GasPerMass(_)
                | K::Co2ePerVolume
                | K::GasPerVolume(_)
                | K::Co2ePerNormalVolume
                | K::GasPerNormalVolume(_)
        ),
        FactorKind::Process => matches!(quantity, K::Co2ePerMass | K::GasPerMass(_)),
        FactorKind::CarbonContent => quantity == K::CarbonPerMass,
        FactorKind::Freight => matches!(quantity, K::Co2ePerMassDistance | K::GasPerMassDistance(_)),
        FactorKind::ElectricityConsumption
        | FactorKind::ElectricityGeneration
        | FactorKind::ElectricityAverage
        | FactorKind::ElectricityResidual
        | FactorKind::ElectricityProductionMix
        | FactorKind::ElectricityFossil => matches!(quantity, K::Co2ePerElectricity | K::GasPerElectricity(_)),
    }
}

impl FactorSet {
    /// Reads a table: every row, and what rows say of each other, or everything that is wrong.
    ///
    /// # Errors
    /// [`FactorSetError`].
    pub fn read(id: &str, version: &str, bytes: &[u8]) -> Result<FactorSet, FactorSetError> {
        if bytes.len() > MAX_BYTES {
            return Err(FactorSetError::TooLarge { size: bytes.len() });
        }
        let rows = table::rows(bytes, COLUMNS).map_err(|error| match error {
            NotTable::Form(problem) => FactorSetError::NotTable { problem },
            NotTable::Columns(found) => FactorSetError::Columns { found },
        })?;
        let mut factors: Vec<(usize, Factor)> = Vec::new();
        let mut problems = Vec::new();
        for (row, fields) in &rows {
            let row = *row;
            let mut reader = Reader { row, fields: fields.iter().map(String::as_str).collect(), problems: Vec::new() };
            if let Some(factor) = reader.factor() {
                factors.push((row, factor));
            }
            problems.append(&mut reader.problems);
            if problems.len() >= MAX_PROBLEMS {
                problems.truncate(MAX_PROBLEMS);
                return Err(FactorSetError::Rows { problems });
            }
        }
        problems.extend(among(&factors));
        if !problems.is_empty() {
            return Err(FactorSetError::Rows { problems });
        }
        if factors.is_empty() {
            return Err(FactorSetError::Empty);
        }
        Ok(FactorSet {
            id: id.to_owned(),
            version: version.to_owned(),
            digest: Sha256::of(bytes),
            size: bytes.len() as u64,
            factors: factors.into_iter().map(|(_, factor)| factor).collect(),
        })
    }
}

/// What is wrong among rows: ids that occur twice, successors that are not there or lead back.
fn among(factors: &[(usize, Factor)]) -> Vec<RowProblem> {
    let mut problems = Vec::new();
    let mut by_id: BTreeMap<&str, (usize, &Factor)> = BTreeMap::new();
    for (row, factor) in factors {
        if let Some((first, _)) = by_id.insert(&factor.id, (*row, factor)) {
            problems.push(RowProblem { row: *row, column: "id", problem: format!("stands in row {first} too") });
        }
    }
    for (row, factor) in factors {
        let mut refuse = |problem: String| problems.push(RowProblem { row: *row, column: "status", problem });
        let mut next = factor.superseded_by.as_deref();
        let mut steps = 0;
        while let Some(id) = next {
            let Some((_, successor)) = by_id.get(id) else {
                refuse(format!("{id:?} is not an id of this table"));
                break;
            };
            if successor.kind != factor.kind || successor.activity != factor.activity {
                refuse(format!("{id:?} is a factor of something else"));
                break;
            }
            next = successor.superseded_by.as_deref();
            steps += 1;
            if steps > factors.len() {
                refuse("the successors lead back: one of them must be current".to_owned());
                break;
            }
        }
    }
    problems
}
