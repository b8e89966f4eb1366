//! Tables of the EU carbon border adjustment mechanism, read from files that the user names: default values by country
//! (Implementing Regulation (EU) 2025/2621, Annex I), CN codes with their goods categories, and standard factors
//! (Implementing Regulation (EU) 2025/2547, Annex II G). None of them comes with this crate: the first is corrected from
//! time to time, and only the Official Journal is binding.

use crate::table::{self, NotTable};

mod codes;
mod defaults;
mod standard;

pub use codes::{CnCode, CnCodes};
pub use defaults::{DefaultValue, DefaultValueError, DefaultValues, Finding, Found};
pub use standard::StandardFactors;

/// Largest table read.
const MAX_BYTES: usize = 8 << 20;

/// Why a file is not the table it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Longer than is read.
    #[error("the table has {size} bytes: at most {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not UTF-8, not CSV of the same number of fields in every row, or not JSON of this shape.
    #[error("not a table: {problem}")]
    NotTable {
        /// What stands in the way.
        problem: String,
    },
    /// Other columns.
    #[error("the columns are {found}; they should be {}", .expected.join(","))]
    Columns {
        /// The header found.
        found: String,
        /// The header expected.
        expected: &'static [&'static str],
    },
    /// A field that is not what its column holds.
    #[error("row {row}, column {column}: {problem}")]
    Field {
        /// Line of the file, from 1; the header is line 1.
        row: usize,
        /// Column by name.
        column: &'static str,
        /// What is wrong, with the remedy.
        problem: String,
    },
}

/// Rows of a CSV file with exactly these columns, with their line.
fn rows(bytes: &[u8], columns: &'static [&'static str]) -> Result<Vec<(usize, Vec<String>)>, TableError> {
    if bytes.len() > MAX_BYTES {
        return Err(TableError::TooLarge { size: bytes.len() });
    }
    table::rows(bytes, columns).map_err(|error| match error {
        NotTable::Form(problem) => TableError::NotTable { problem },
        NotTable::Columns(found) => TableError::Columns { found, expected: columns },
    })
}

/// A CN code or its beginning: two to eight digits.
fn is_code(text: &str) -> bool {
    (2..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
