//! Instruments, with the small words that all evidence shares: period, digest of a file, and
//! the violation that names a field.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use quantity::{Decimal, Kind, KindName, Mass, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name;

/// Longest free text of a record (a material, a serial number, an accreditation number), in bytes.
pub const MAX_TEXT: usize = 200;

/// Largest period of evidence, in days: a reporting year with room for a financial year of 53 weeks.
pub const MAX_PERIOD_DAYS: i64 = 400;

/// A field that breaks a rule, with what to do about it. Checks of user data gather all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Violation {
    /// Path of the field, for example `calibrations[1].validity.end`.
    pub path: String,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl Violation {
    /// Violation of the field at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Violation { path: path.into(), problem: problem.into() }
    }

    /// The same violation seen from the record that holds this one.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.path = if self.path.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.path) };
        self
    }
}

/// A half-open interval of time: `start` is in it, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Period {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl Period {
    /// Whether `time` lies in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether all of `other` lies in it.
    pub fn covers(&self, other: &Period) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Length in whole seconds, zero when `end` is before `start`.
    pub fn secs(&self) -> i64 {
        (self.end.as_second() - self.start.as_second()).max(0)
    }

    /// Rules: end after start, both on whole seconds.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.end <= self.start {
            found.push(Violation::new("end", "must be later than start: the interval is half-open"));
        }
        if self.start.subsec_nanosecond() != 0 || self.end.subsec_nanosecond() != 0 {
            found.push(Violation::new("start", "start and end must be whole seconds"));
        }
        found
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

/// SHA-256 of a file or of exact bytes, written as 64 lower-case hexadecimal digits, the way `sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Sha256(cose::sha256(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// A text that is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hexadecimal digits, as sha256sum prints them")]
pub struct DigestError;

impl FromStr for Sha256 {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(DigestError);
        }
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| DigestError)?;
        Ok(Sha256(digest))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What kind of device an instrument is. The kind decides nothing by itself; recalibration rules refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstrumentKind {
    /// Active-energy electricity meter (IEC 62053).
    ElectricityMeter,
    /// Gas meter.
    GasMeter,
    /// Heat meter (EN 1434).
    HeatMeter,
    /// Liquid flow meter.
    FlowMeter,
    /// Weighbridge, a non-automatic weighing instrument (OIML R 76).
    Weighbridge,
    /// Belt scale, a continuous totalising instrument (OIML R 50).
    BeltScale,
    /// Laboratory equipment.
    Laboratory,
}

/// What an instrument measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measurand {
    /// Electrical energy drawn from the grid or a generator.
    ElectricityImport,
    /// Electrical energy delivered.
    ElectricityExport,
    /// Mass that passed the instrument.
    Mass,
    /// Volume at operating conditions.
    Volume,
    /// Volume at the reference conditions that the unit states.
    NormalVolume,
    /// Heat.
    Heat,
}

impl Measurand {
    /// The kind of quantity that its unit must measure.
    pub fn kind(self) -> KindName {
        match self {
            // Electricity enters in units of energy and becomes its own kind on reading.
            Measurand::ElectricityImport | Measurand::ElectricityExport | Measurand::Heat => KindName::Energy,
            Measurand::Mass => KindName::Mass,
            Measurand::Volume => KindName::Volume,
            Measurand::NormalVolume => KindName::NormalVolume,
        }
    }
}

/// How the register counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Register {
    /// Each reading is the quantity of its interval.
    #[serde(rename_all = "camelCase")]
    Interval {
        /// Most that one interval can hold, in units of the resolution; larger readings are out of range.
        maximum: i64,
    },
    /// Each reading is the register's state at the start of its interval.
    #[serde(rename_all = "camelCase")]
    Cumulative {
        /// The register returns to zero on reaching this, in units of the resolution.
        rollover: i64,
    },
}

impl Register {
    /// First value above the range of readings.
    pub fn bound(&self) -> i64 {
        match self {
            Register::Interval { maximum } => maximum.saturating_add(1),
            Register::Cumulative { rollover } => *rollover,
        }
    }
}

/// When an instrument was at a place: from `start`, and until `end` once it was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Placement {
    /// Metering point or spot at the site.
    pub location: String,
    /// First instant.
    pub start: Timestamp,
    /// First instant after; absent while in place.
    pub end: Option<Timestamp>,
}

impl Placement {
    /// Whether all of the interval from `start` to `end` lies in it.
    pub fn covers(&self, start: Timestamp, end: Timestamp) -> bool {
        self.start <= start && self.end.is_none_or(|last| end <= last)
    }
}

/// What the register's indication is multiplied by, such as the ratio of the current transformers before a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Multiplier {
    /// Ratio, for example `200` for transformers of 1000 A to 5 A.
    pub ratio: Decimal,
    /// Expanded uncertainty of the ratio, in percent.
    pub expanded_uncertainty_percent: Decimal,
    /// Coverage factor of the expanded uncertainty.
    pub coverage_factor: Decimal,
}

impl Multiplier {
    /// Standard uncertainty of the ratio, relative to it (not in percent).
    pub fn standard(&self) -> f64 {
        self.expanded_uncertainty_percent.to_f64() / self.coverage_factor.to_f64() / 100.0
    }
}

/// Most placements of one instrument.
pub const MAX_PLACEMENTS: usize = 100;

/// An instrument at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instrument {
    /// Resource name, `organizations/{organization}/sites/{site}/instruments/{instrument}`.
    pub name: String,
    /// Kind of device.
    pub kind: InstrumentKind,
    /// Serial number on the type plate.
    pub serial_number: String,
    /// What it measures.
    pub measurand: Measurand,
    /// Unit of its register.
    pub unit: Unit,
    /// How the register counts.
    pub register: Register,
    /// Smallest step of the register, in its unit; readings are whole multiples of it.
    pub resolution: Decimal,
    /// What its indication is multiplied by to give the quantity; absent where it indicates the quantity itself.
    pub multiplier: Option<Multiplier>,
    /// Legal-metrology class, for example `C` (EN 50470) or `0.5S` (IEC 62053-22).
    pub accuracy_class: Option<String>,
    /// Maximum permissible error of that class, in percent of the value: half-width of a rectangular distribution
    /// (u = MPE/√3), the source of uncertainty where no calibration gives a better one.
    pub max_permissible_error_percent: Option<Decimal>,
    /// When it was where, in order; the last may be open.
    pub placements: Vec<Placement>,
    /// Resource name of the instrument whose place it took.
    pub replaces: Option<String>,
    /// Key with which the device signs its batches, as a JWK (RFC 7517; Ed25519 or P-256), in the spelling that its
    /// thumbprint is made of (RFC 7638).
    pub signing_key: Option<String>,
}

impl Instrument {
    /// All rules that this record breaks.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Err(error) = name::parts(name::INSTRUMENT, &self.name) {
            found.push(Violation::new("name", error.to_string()));
        }
        text(&mut found, "serialNumber", &self.serial_number);
        if self.unit.kind() != self.measurand.kind() {
            let problem =
                format!("{} measures {}, the measurand is {}", self.unit, self.unit.kind(), self.measurand.kind());
            found.push(Violation::new("unit", problem));
        }
        match self.register {
            Register::Interval { maximum } if maximum <= 0 => {
                found.push(Violation::new("register.maximum", "must be above zero"));
            }
            Register::Cumulative { rollover } if rollover <= 0 => {
                found.push(Violation::new("register.rollover", "must be above zero"));
            }
            _ => {}
        }
        positive(&mut found, "resolution", &self.resolution);
        if let Some(percent) = &self.max_permissible_error_percent {
            positive(&mut found, "maxPermissibleErrorPercent", percent);
        }
        let weighs = matches!(self.kind, InstrumentKind::Weighbridge | InstrumentKind::BeltScale);
        if weighs && self.multiplier.is_some() {
            found.push(Violation::new("multiplier", "is for meters; a weighing instrument shows the mass itself"));
        }
        if let Some(multiplier) = &self.multiplier {
            positive(&mut found, "multiplier.ratio", &multiplier.ratio);
            if multiplier.expanded_uncertainty_percent.is_negative() {
                found.push(Violation::new("multiplier.expandedUncertaintyPercent", "must not be below zero"));
            }
            positive(&mut found, "multiplier.coverageFactor", &multiplier.coverage_factor);
        }
        if let Some(class) = &self.accuracy_class {
            text(&mut found, "accuracyClass", class);
        }
        if self.placements.is_empty() || self.placements.len() > MAX_PLACEMENTS {
            found.push(Violation::new("placements", format!("needs 1 to {MAX_PLACEMENTS}")));
        }
        for (i, placement) in self.placements.iter().enumerate() {
            text(&mut found, &format!("placements[{i}].location"), &placement.location);
            if placement.end.is_some_and(|end| end <= placement.start) {
                found.push(Violation::new(format!("placements[{i}].end"), "must be later than start"));
            }
            let before = i.checked_sub(1).and_then(|before| self.placements.get(before));
            if before.is_some_and(|before| before.end.is_none_or(|end| placement.start < end)) {
                found.push(Violation::new(format!("placements[{i}].start"), "must not be before the end of the last"));
            }
        }
        if let Some(replaced) = &self.replaces
            && (name::parts(name::INSTRUMENT, replaced).is_err() || *replaced == self.name)
        {
            found.push(Violation::new("replaces", "must be the resource name of another instrument"));
        }
        if self.signing_key.as_ref().is_some_and(|key| !signing_key(key)) {
            found.push(Violation::new("signingKey", "must be a JWK of an Ed25519 or P-256 public key"));
        }
        found
    }

    /// Whether it stood in one place for the whole interval.
    pub fn stood(&self, start: Timestamp, end: Timestamp) -> bool {
        self.placements.iter().any(|placement| placement.covers(start, end))
    }

    /// What one unit of the register stands for, in units of the instrument: resolution × ratio, relative to which
    /// readings are integers.
    pub fn step(&self) -> f64 {
        self.resolution.to_f64() * self.multiplier.as_ref().map_or(1.0, |multiplier| multiplier.ratio.to_f64())
    }
}

/// Whether a JWK is a key that devices may sign with, in its one spelling.
fn signing_key(jwk: &str) -> bool {
    cose::key::PublicKey::from_jwk(jwk).is_ok_and(|key| {
        matches!(key.kind(), cose::key::KeyKind::Ed25519 | cose::key::KeyKind::P256) && key.to_jwk() == jwk
    })
}

/// Pushes a violation unless `value` is a non-empty single line of at most [`MAX_TEXT`] bytes.
pub(crate) fn text(found: &mut Vec<Violation>, path: &str, value: &str) {
    if value.is_empty() || value.len() > MAX_TEXT || value.chars().any(char::is_control) {
        found.push(Violation::new(path, format!("must be one line of 1 to {MAX_TEXT} bytes")));
    }
}

/// Pushes a violation unless `value` is above zero.
pub(crate) fn positive(found: &mut Vec<Violation>, path: &str, value: &Decimal) {
    if value.is_negative() || value.is_zero() {
        found.push(Violation::new(path, "must be above zero"));
    }
}

/// Pushes a violation unless `unit` measures mass.
pub(crate) fn mass_unit(found: &mut Vec<Violation>, path: &str, unit: Unit) {
    if let Err(error) = Mass::scale(unit) {
        found.push(Violation::new(path, error.to_string()));
    }
}
