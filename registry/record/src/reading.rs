//! Readings, and what has the same rank beside meters: weighbridge records, stocks and laboratory analyses; and the
//! report that says what became of each row.

use jiff::Timestamp;
use quantity::{Decimal, Gas, Kind, KindName, Unit};
use serde::{Deserialize, Serialize};

use crate::instrument::{Period, Sha256, Violation, mass_unit, positive, text};
use crate::name;

/// Most rows of one batch: a year of 15-minute intervals and the days around it.
pub const MAX_BATCH_ROWS: usize = 40_000;

/// Most rows of a signed batch: with deltas its bytes fit a row of the store, in which they are kept.
pub const MAX_SIGNED_ROWS: usize = 4_000;

/// Longest interval of a reading: a day, the unit of proof.
pub const MAX_STEP_SECS: u32 = 86_400;

/// One reading. Its natural key is instrument × start × revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// Start of its interval; the end is not in it.
    pub start: Timestamp,
    /// Length of its interval.
    pub duration_secs: u32,
    /// Value in units of the register's resolution.
    pub value: i64,
    /// 0 for the first value of this interval, one more for each correction.
    pub revision: u32,
}

impl Reading {
    /// First second of the interval, since 1970-01-01T00:00:00Z.
    pub fn start_second(&self) -> i64 {
        self.start.as_second()
    }

    /// First second after the interval.
    pub fn end_second(&self) -> i64 {
        // Timestamps end in the year 9999, far from the bounds of i64.
        self.start.as_second() + i64::from(self.duration_secs)
    }
}

/// Readings of one instrument: row 0 starts at `start`, each next one `step` later or as far as `deltas` says. `None` is
/// a missing reading, which is not zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadingBatch {
    /// Resource name of the instrument.
    pub instrument: String,
    /// Unit of the values, which must be that of the register.
    pub unit: Unit,
    /// Resolution of the values, which must be that of the register.
    pub resolution: Decimal,
    /// Start of the first interval.
    pub start: Timestamp,
    /// Length of each interval.
    pub step_secs: u32,
    /// Seconds from the start of each row to that of the next, one fewer than rows; empty for a strict grid.
    pub deltas: Vec<u32>,
    /// Values in units of the resolution.
    pub values: Vec<Option<i64>>,
    /// Signature of the device over [`ReadingBatch::signed_bytes`]; empty when it does not sign.
    pub signature: Vec<u8>,
    /// Whether values that were in force before are put back; otherwise they are taken for late retries.
    pub restate: bool,
}

/// Opens the bytes that a device signs; a change of layout changes it.
pub const BATCH_TAG: &[u8] = b"touchstone-reading-batch-1\n";

impl ReadingBatch {
    /// First second of each row's interval, since 1970-01-01T00:00:00Z.
    pub fn starts(&self) -> impl Iterator<Item = i64> + '_ {
        let (mut next, step) = (self.start.as_second(), i64::from(self.step_secs));
        (0..self.values.len()).map(move |row| {
            let start = next;
            next = next.saturating_add(self.deltas.get(row).map_or(step, |delta| i64::from(*delta)));
            start
        })
    }

    /// First second after the last row's interval; the start's where there is no row.
    pub fn end_second(&self) -> i64 {
        let step = i64::from(self.step_secs);
        let rows = self.values.len() as i64; // at most MAX_BATCH_ROWS once accepted
        let span = match self.deltas.is_empty() {
            true => step.saturating_mul(rows),
            false => self.deltas.iter().fold(0, |sum: i64, delta| sum.saturating_add(i64::from(*delta))) + step,
        };
        self.start.as_second().saturating_add(span)
    }

    /// The exact bytes that a device signs (Ed25519, RFC 8032; or ECDSA P-256 with SHA-256, r and s in 64 bytes).
    ///
    /// All numbers big-endian: the tag; instrument, unit code and resolution, each behind its length in 2 bytes; start
    /// second (8), step (4); number of deltas (4) and each (4); number of rows (4) and each: 1 and the value (8), or 0
    /// where it is missing.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BATCH_TAG.len() + 256 + 4 * self.deltas.len() + 9 * self.values.len());
        bytes.extend_from_slice(BATCH_TAG);
        for text in [self.instrument.as_str(), self.unit.code(), self.resolution.as_str()] {
            // Names and codes are bounded far below 64 KiB; a longer one is cut by its length prefix, never misread.
            let text = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
            bytes.extend_from_slice(&(text.len() as u16).to_be_bytes()); // length
            bytes.extend_from_slice(text); // instrument, unit, resolution
        }
        bytes.extend_from_slice(&self.start.as_second().to_be_bytes()); // start
        bytes.extend_from_slice(&self.step_secs.to_be_bytes()); // step
        bytes.extend_from_slice(&(self.deltas.len() as u32).to_be_bytes()); // deltas
        for delta in &self.deltas {
            bytes.extend_from_slice(&delta.to_be_bytes());
        }
        bytes.extend_from_slice(&(self.values.len() as u32).to_be_bytes()); // rows
        for value in &self.values {
            match value {
                Some(value) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&value.to_be_bytes());
                }
                None => bytes.push(0),
            }
        }
        bytes
    }
}

/// Which way a load went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the site.
    In,
    /// Out of the site.
    Out,
}

/// One weighed load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeighbridgeRecord {
    /// Number of the weigh ticket, unique at the site.
    pub id: String,
    /// Resource name of the weighbridge or scale.
    pub instrument: String,
    /// Material.
    pub material: String,
    /// When it was weighed.
    pub time: Timestamp,
    /// Which way it went.
    pub direction: Direction,
    /// Net mass.
    pub net: Decimal,
    /// Unit of the net mass.
    pub unit: Unit,
    /// Id of the record that this one corrects and takes the place of.
    pub corrects: Option<String>,
}

impl WeighbridgeRecord {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        text(&mut found, "id", &self.id);
        if let Err(error) = name::parts(name::INSTRUMENT, &self.instrument) {
            found.push(Violation::new("instrument", error.to_string()));
        }
        text(&mut found, "material", &self.material);
        correction(&mut found, &self.id, self.corrects.as_ref());
        positive(&mut found, "net", &self.net);
        mass_unit(&mut found, "unit", self.unit);
        found
    }
}

/// Stock of a material at an instant, by survey. The stock at the start of a period is its opening stock, that at the
/// end its closing stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockRecord {
    /// Number of the survey, unique at the site.
    pub id: String,
    /// Material.
    pub material: String,
    /// When it was taken.
    pub time: Timestamp,
    /// Mass in stock.
    pub mass: Decimal,
    /// Unit of the mass and of its uncertainty.
    pub unit: Unit,
    /// Expanded uncertainty of the mass.
    pub expanded_uncertainty: Decimal,
    /// Coverage factor of the expanded uncertainty.
    pub coverage_factor: Decimal,
    /// Id of the record that this one corrects and takes the place of.
    pub corrects: Option<String>,
}

impl StockRecord {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        text(&mut found, "id", &self.id);
        text(&mut found, "material", &self.material);
        correction(&mut found, &self.id, self.corrects.as_ref());
        if self.mass.is_negative() {
            found.push(Violation::new("mass", "must not be below zero"));
        }
        mass_unit(&mut found, "unit", self.unit);
        if self.expanded_uncertainty.is_negative() {
            found.push(Violation::new("expandedUncertainty", "must not be below zero"));
        }
        positive(&mut found, "coverageFactor", &self.coverage_factor);
        found
    }
}

/// What a laboratory determined of a material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// Net calorific value, as received.
    NetCalorificValue,
    /// Emission factor per energy of a fuel, or per mass of a process input.
    EmissionFactor,
    /// Carbon content by mass.
    CarbonContent,
    /// Share of the carbon that is biogenic.
    BiomassShare,
    /// Share of the carbon that is oxidised.
    OxidationFactor,
}

impl Property {
    /// The kinds of quantity its unit may measure.
    pub fn kinds(self) -> &'static [KindName] {
        match self {
            Property::NetCalorificValue => &[KindName::EnergyPerMass, KindName::EnergyPerNormalVolume],
            Property::EmissionFactor => &[
                KindName::Co2ePerEnergy,
                KindName::Co2ePerMass,
                KindName::GasPerEnergy(Gas::Co2),
                KindName::GasPerMass(Gas::Co2),
            ],
            Property::CarbonContent => &[KindName::CarbonPerMass],
            Property::BiomassShare | Property::OxidationFactor => &[KindName::Ratio],
        }
    }
}

/// One result of a laboratory for one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LaboratoryAnalysis {
    /// Number of the test report, with the line where it has several; unique at the site.
    pub id: String,
    /// Number of the sample.
    pub sample: String,
    /// Material the sample stands for.
    pub material: String,
    /// Method, for example `ISO 1928`.
    pub method: String,
    /// Name of the laboratory.
    pub laboratory: String,
    /// Its accreditation number (ISO/IEC 17025).
    pub laboratory_accreditation: String,
    /// When the sample was taken: the material it stands for is that of this time.
    pub time: Timestamp,
    /// What was determined.
    pub property: Property,
    /// The result.
    pub value: Decimal,
    /// Unit of the result and of its uncertainty.
    pub unit: Unit,
    /// Expanded uncertainty of the result.
    pub expanded_uncertainty: Decimal,
    /// Coverage factor of the expanded uncertainty.
    pub coverage_factor: Decimal,
    /// SHA-256 of the report's file, where it is kept.
    pub file_digest: Option<Sha256>,
    /// Id of the record that this one corrects and takes the place of.
    pub corrects: Option<String>,
}

impl LaboratoryAnalysis {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (path, value) in [
            ("id", &self.id),
            ("sample", &self.sample),
            ("material", &self.material),
            ("method", &self.method),
            ("laboratory", &self.laboratory),
            ("laboratoryAccreditation", &self.laboratory_accreditation),
        ] {
            text(&mut found, path, value);
        }
        correction(&mut found, &self.id, self.corrects.as_ref());
        if !self.property.kinds().contains(&self.unit.kind()) {
            let problem = format!(
                "{} measures {}, which is not what {:?} is stated in",
                self.unit,
                self.unit.kind(),
                self.property
            );
            found.push(Violation::new("unit", problem));
        }
        if self.value.is_negative() {
            found.push(Violation::new("value", "must not be below zero"));
        }
        if let Property::BiomassShare | Property::OxidationFactor = self.property
            && quantity::Ratio::from_decimal(&self.value, self.unit).is_ok_and(|share| share.base() > 1.0)
        {
            found.push(Violation::new("value", "a share is at most 1 (100 %)"));
        }
        if self.expanded_uncertainty.is_negative() {
            found.push(Violation::new("expandedUncertainty", "must not be below zero"));
        }
        positive(&mut found, "coverageFactor", &self.coverage_factor);
        found
    }
}

/// Pushes a violation unless a correction names another record by its id.
fn correction(found: &mut Vec<Violation>, id: &str, corrects: Option<&String>) {
    if let Some(corrected) = corrects
        && (name::check_id(corrected).is_err() || corrected == id)
    {
        found.push(Violation::new("corrects", "must be the id of another record"));
    }
}

/// Conversion of a volume of gas at operating conditions to reference conditions, for a meter and a period.
///
/// V_n = V × (p / p_n) × (T_n / T) × (Z_n / Z), as gas-volume conversion devices do (EN 12405-1): V_n at 0 °C and
/// 101.325 kPa.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GasConversion {
    /// Id, unique at the instrument.
    pub id: String,
    /// Period of the readings that it converts.
    pub period: Period,
    /// Mean absolute pressure of the gas, in kilopascal.
    pub pressure_kpa: Decimal,
    /// Its expanded uncertainty, in kilopascal.
    pub pressure_expanded_uncertainty_kpa: Decimal,
    /// Mean temperature of the gas, in degrees Celsius.
    pub temperature_celsius: Decimal,
    /// Its expanded uncertainty, in kelvin.
    pub temperature_expanded_uncertainty_kelvin: Decimal,
    /// Z_n / Z, the ratio of the compressibility at reference conditions to that at operating conditions.
    pub compressibility_ratio: Decimal,
    /// Its expanded uncertainty.
    pub compressibility_expanded_uncertainty: Decimal,
    /// Coverage factor of the three.
    pub coverage_factor: Decimal,
    /// Where the state comes from, for example `EN 12405-1 device 4711, monthly mean`.
    pub method: String,
    /// Id of the record that this one corrects and takes the place of.
    pub corrects: Option<String>,
}

impl GasConversion {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        text(&mut found, "id", &self.id);
        text(&mut found, "method", &self.method);
        correction(&mut found, &self.id, self.corrects.as_ref());
        found.extend(self.period.violations().into_iter().map(|v| v.within("period")));
        positive(&mut found, "pressureKpa", &self.pressure_kpa);
        if !(-150.0..=1000.0).contains(&self.temperature_celsius.to_f64()) {
            found.push(Violation::new("temperatureCelsius", "must be between -150 and 1000"));
        }
        if !(0.2..=5.0).contains(&self.compressibility_ratio.to_f64()) {
            found.push(Violation::new("compressibilityRatio", "must be between 0.2 and 5; 1 for an ideal gas"));
        }
        for (path, value) in [
            ("pressureExpandedUncertaintyKpa", &self.pressure_expanded_uncertainty_kpa),
            ("temperatureExpandedUncertaintyKelvin", &self.temperature_expanded_uncertainty_kelvin),
            ("compressibilityExpandedUncertainty", &self.compressibility_expanded_uncertainty),
        ] {
            if value.is_negative() {
                found.push(Violation::new(path, "must not be below zero"));
            }
        }
        positive(&mut found, "coverageFactor", &self.coverage_factor);
        found
    }
}

/// Why a row was refused. The rest of its batch is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowReason {
    /// No such instrument at this organisation.
    #[error("instrument {instrument:?} is not registered; register it first")]
    UnknownInstrument {
        /// The name found.
        instrument: String,
    },
    /// The batch counts in another unit than the register.
    #[error("values are in {found}, the register counts in {expected}")]
    WrongUnit {
        /// Unit of the register.
        expected: Unit,
        /// Unit of the batch.
        found: Unit,
    },
    /// The batch counts in another resolution than the register.
    #[error("values count {found}, the register counts {expected} of its unit")]
    WrongResolution {
        /// Resolution of the register.
        expected: Decimal,
        /// Resolution of the batch.
        found: Decimal,
    },
    /// The interval is empty, longer than a day, or does not start on a whole second.
    #[error("an interval of {step_secs} s from {start} is not between 1 s and {MAX_STEP_SECS} s from a whole second")]
    BadInterval {
        /// Start of the interval.
        start: Timestamp,
        /// Length of the interval.
        step_secs: u32,
    },
    /// The instrument was not in place then.
    #[error("the instrument was not in place for the whole interval from {start}")]
    NotPlaced {
        /// Start of the interval.
        start: Timestamp,
    },
    /// The value is below zero or above what the register can show.
    #[error("value {value} is outside 0 to {bound} (not included) register units")]
    OutOfRange {
        /// Value found.
        value: i64,
        /// First value above the range.
        bound: i64,
    },
    /// The interval overlaps one that is stored with another start or length.
    #[error("the interval from {start} overlaps the stored interval from {stored}")]
    Overlap {
        /// Start of the interval.
        start: Timestamp,
        /// Start of the stored interval.
        stored: Timestamp,
    },
    /// The interval ends later than the clock and its stated skew allow.
    #[error("the interval ends at {end}, later than {latest}")]
    Future {
        /// End of the interval.
        end: Timestamp,
        /// Latest end accepted.
        latest: Timestamp,
    },
    /// More rows than a batch may have.
    #[error("a batch has at most {MAX_BATCH_ROWS} rows; split it")]
    TooManyRows,
    /// The deltas are not one fewer than the rows, or one is shorter than an interval.
    #[error("deltas must be one fewer than the rows, each at least the step of {step_secs} s")]
    BadDeltas {
        /// Length of an interval.
        step_secs: u32,
    },
    /// A signed batch of an instrument without a registered key.
    #[error("the instrument has no signing key registered; register it, or send the batch unsigned")]
    NoSigningKey,
    /// More rows than a signed batch may have.
    #[error("a signed batch has at most {MAX_SIGNED_ROWS} rows; sign smaller ones")]
    TooManySignedRows,
    /// The signature is not the device's over these rows.
    #[error("the signature does not verify over these rows with the instrument's key")]
    BadSignature,
    /// The interval was revised more often than a revision counts.
    #[error("the interval from {start} cannot be revised again")]
    TooManyRevisions {
        /// Start of the interval.
        start: Timestamp,
    },
}

/// Rows that were refused for one reason: `count` rows from `row`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRefusal {
    /// First row, from 0.
    pub row: u32,
    /// How many rows in sequence.
    pub count: u32,
    /// Why.
    pub reason: RowReason,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptanceReport {
    /// Readings that are new.
    pub accepted: u32,
    /// Readings that were already stored with the same value; stored once.
    pub duplicate: u32,
    /// Of these, readings whose value was in force before and is not now: the one in force stays.
    pub superseded: u32,
    /// Readings that were stored with another value, and are now a new revision.
    pub revised: u32,
    /// Rows without a value.
    pub missing: u32,
    /// Rows that were not taken.
    pub refused: Vec<RowRefusal>,
    /// Stretches of the batch's span that no reading covers, stored or new.
    pub gaps: Vec<Gap>,
}

/// A stretch of time without readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gap {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}
