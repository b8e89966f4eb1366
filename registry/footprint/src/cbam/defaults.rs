//! Default values by country of origin and CN code, with the mark-up of their year.

use std::collections::{BTreeMap, BTreeSet};

use quantity::Decimal;
use record::instrument::Sha256;

use super::{TableError, is_code, rows};

const COLUMNS: &[&str] = &[
    "country",
    "sector",
    "cn_code",
    "variant",
    "direct",
    "indirect",
    "total",
    "incl_markup_2026",
    "incl_markup_2027",
    "incl_markup_2028",
    "route",
];

/// How the table names the values for countries that it does not list, or lists without a value.
const OTHER: &str = "*OTHER*";

/// Difference between a printed value and its mark-up applied to the total that rounding explains: three decimals are
/// printed.
const ROUNDING: f64 = 0.0011;

/// A row of the table: tCO2e per tonne of goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultValue {
    /// Line of the file.
    pub row: usize,
    /// Country, by the name of the table.
    pub country: String,
    /// Sector.
    pub sector: String,
    /// CN code, or its beginning.
    pub cn_code: String,
    /// Which goods of the code, where it has several.
    pub variant: Option<String>,
    /// Direct emissions, without mark-up.
    pub direct: Option<Decimal>,
    /// Indirect emissions, without mark-up.
    pub indirect: Option<Decimal>,
    /// Their sum as printed, without mark-up.
    pub total: Option<Decimal>,
    /// With the mark-up of 2026, of 2027, and of 2028 and later.
    pub marked_up: [Option<Decimal>; 3],
    /// Production route behind it, as the table marks it.
    pub route: Option<String>,
}

impl DefaultValue {
    fn is_empty(&self) -> bool {
        self.direct.is_none()
            && self.indirect.is_none()
            && self.total.is_none()
            && self.marked_up.iter().all(Option::is_none)
    }

    /// Indirect emissions may be absent; nothing else.
    fn is_whole(&self) -> bool {
        self.direct.is_some() && self.total.is_some() && self.marked_up.iter().all(Option::is_some)
    }
}

/// What was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The row.
    pub value: &'a DefaultValue,
    /// The value to declare: the total with the mark-up of the year, as the file states it. The Official Journal prints
    /// three decimals.
    pub with_mark_up: &'a Decimal,
    /// Whether the values for other countries had to be taken.
    pub other_countries: bool,
}

/// Something in the table that its reader should know; it is not mended here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line of the file.
    pub row: usize,
    /// What was found.
    pub problem: String,
}

/// Why there is no default value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefaultValueError {
    /// Not a CN code of eight digits.
    #[error("{code:?} is not a CN code: write eight digits, for example 72081000")]
    Code {
        /// What was asked for.
        code: String,
    },
    /// No row for this code, or the beginning of it, in any country.
    #[error("no default value for CN code {code}: the table has none that begins like it")]
    UnknownCode {
        /// Code asked for.
        code: String,
    },
    /// The first year of default values is 2026.
    #[error("there are no default values for {year}: they begin with 2026")]
    Year {
        /// Year asked for.
        year: u16,
    },
    /// The code is of several goods.
    #[error("CN code {code} has default values for {}: say which", .variants.join(", "))]
    Variant {
        /// Code asked for.
        code: String,
        /// Goods of this code.
        variants: Vec<String>,
    },
    /// The row lacks a figure that it should have, in the table itself.
    #[error(
        "row {row} of the table ({country}, {code}) states only a part of its figures: take the value from the Official Journal"
    )]
    Incomplete {
        /// Line of the file.
        row: usize,
        /// Country.
        country: String,
        /// Code.
        code: String,
    },
    /// Neither the country nor the other countries have a value.
    #[error("no value for CN code {code} of {country}, nor for other countries")]
    NoValue {
        /// Country asked for.
        country: String,
        /// Code asked for.
        code: String,
    },
}

/// The default values of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultValues {
    /// SHA-256 of the file.
    pub digest: Sha256,
    by_country: BTreeMap<String, BTreeMap<String, Vec<DefaultValue>>>,
}

impl DefaultValues {
    /// Reads the table. Rows without figures are kept: they say that the other countries' value holds.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(bytes: &[u8]) -> Result<DefaultValues, TableError> {
        let mut by_country: BTreeMap<String, BTreeMap<String, Vec<DefaultValue>>> = BTreeMap::new();
        for (row, fields) in rows(bytes, COLUMNS)? {
            let field = |column: &str| -> &str {
                let index = COLUMNS.iter().position(|known| *known == column).unwrap_or_default();
                &fields[index]
            };
            let optional = |column: &str| Some(field(column)).filter(|text| !text.is_empty()).map(str::to_owned);
            let number = |column: &'static str| -> Result<Option<Decimal>, TableError> {
                let refuse = |problem: String| TableError::Field { row, column, problem };
                let Some(text) = optional(column) else { return Ok(None) };
                let value: Decimal = text.parse().map_err(|error: quantity::DecimalError| refuse(error.to_string()))?;
                if value.is_negative() {
                    return Err(refuse("emissions are not below zero".to_owned()));
                }
                Ok(Some(value))
            };
            for column in ["country", "sector", "cn_code"] {
                if field(column).is_empty() {
                    return Err(TableError::Field { row, column, problem: "must not be empty".to_owned() });
                }
            }
            if !is_code(field("cn_code")) {
                let problem = "must be a CN code or its beginning, digits alone".to_owned();
                return Err(TableError::Field { row, column: "cn_code", problem });
            }
            let value = DefaultValue {
                row,
                country: field("country").to_owned(),
                sector: field("sector").to_owned(),
                cn_code: field("cn_code").to_owned(),
                variant: optional("variant"),
                direct: number("direct")?,
                indirect: number("indirect")?,
                total: number("total")?,
                marked_up: [number("incl_markup_2026")?, number("incl_markup_2027")?, number("incl_markup_2028")?],
                route: optional("route"),
            };
            let country = by_country.entry(value.country.clone()).or_default();
            let rows = country.entry(value.cn_code.clone()).or_default();
            if rows.iter().any(|known| known.variant == value.variant) {
                let problem = "country, code and variant stand in the table twice".to_owned();
                return Err(TableError::Field { row, column: "cn_code", problem });
            }
            rows.push(value);
        }
        if !by_country.contains_key(OTHER) {
            let problem = format!("there are no values for other countries ({OTHER})");
            return Err(TableError::NotTable { problem });
        }
        Ok(DefaultValues { digest: Sha256::of(bytes), by_country })
    }

    /// The value of a CN code from a country in a year: the row of the longest beginning of the code; where the country
    /// is not listed, or listed without a figure, that of other countries (Implementing Regulation (EU) 2025/2621,
    /// Annex I, first paragraph).
    ///
    /// # Errors
    /// [`DefaultValueError`].
    pub fn find(
        &self,
        country: &str,
        code: &str,
        variant: Option<&str>,
        year: u16,
    ) -> Result<Found<'_>, DefaultValueError> {
        if !is_code(code) || code.len() != 8 {
            return Err(DefaultValueError::Code { code: code.chars().take(20).collect() });
        }
        let column = match year {
            2026 => 0,
            2027 => 1,
            2028.. => 2,
            _ => return Err(DefaultValueError::Year { year }),
        };
        for (place, other_countries) in [(country, country == OTHER), (OTHER, true)] {
            let Some(rows) = self.rows(place, code) else { continue };
            let stated: Vec<&DefaultValue> =
                rows.iter().filter(|row| variant.is_none() || row.variant.as_deref() == variant).collect();
            if stated.is_empty() {
                let variants = rows.iter().filter_map(|row| row.variant.clone()).collect();
                return Err(DefaultValueError::Variant { code: code.to_owned(), variants });
            }
            // Several goods are told apart before any of them is found empty: which are meant decides where to look.
            let [value] = stated[..] else {
                let variants = stated.iter().filter_map(|row| row.variant.clone()).collect();
                return Err(DefaultValueError::Variant { code: code.to_owned(), variants });
            };
            if value.is_empty() {
                continue;
            }
            return match &value.marked_up[column] {
                Some(with_mark_up) if value.is_whole() => Ok(Found { value, with_mark_up, other_countries }),
                _ => Err(DefaultValueError::Incomplete {
                    row: value.row,
                    country: value.country.clone(),
                    code: value.cn_code.clone(),
                }),
            };
        }
        let known = self.by_country.values().any(|codes| codes.keys().any(|known| code.starts_with(known.as_str())));
        if known {
            Err(DefaultValueError::NoValue { country: country.to_owned(), code: code.to_owned() })
        } else {
            Err(DefaultValueError::UnknownCode { code: code.to_owned() })
        }
    }

    fn rows(&self, country: &str, code: &str) -> Option<&[DefaultValue]> {
        let codes = self.by_country.get(country)?;
        (2..=code.len()).rev().find_map(|length| codes.get(&code[..length])).map(Vec::as_slice)
    }

    /// Countries with rows of their own, in order.
    pub fn countries(&self) -> impl Iterator<Item = &str> {
        self.by_country.keys().map(String::as_str).filter(|country| *country != OTHER)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.by_country.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Whether there are no rows, which no table that was read is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows that state only a part of their figures, and rows whose printed values differ from their total with the
    /// mark-up that `mark_up` gives for sector and year, in percent, by more than rounding.
    pub fn findings(&self, mark_up: impl Fn(&str, u16) -> Option<f64>) -> Vec<Finding> {
        let mut found = BTreeSet::new();
        for row in self.by_country.values().flat_map(BTreeMap::values).flatten() {
            if !row.is_empty() && !row.is_whole() {
                found.insert((row.row, "states only a part of its figures".to_owned()));
            }
            let Some(total) = &row.total else { continue };
            for (printed, year) in row.marked_up.iter().zip(2026u16..) {
                let (Some(printed), Some(percent)) = (printed, mark_up(&row.sector, year)) else { continue };
                let expected = total.to_f64() * (1.0 + percent / 100.0);
                if (printed.to_f64() - expected).abs() > ROUNDING {
                    let problem = format!("prints {printed} for {year}; {total} with {percent} % is {expected:.4}");
                    found.insert((row.row, problem));
                }
            }
        }
        found.into_iter().map(|(row, problem)| Finding { row, problem }).collect()
    }
}
