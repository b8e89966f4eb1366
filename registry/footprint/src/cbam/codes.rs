//! CN codes and the goods categories they belong to.

use std::collections::BTreeMap;

use record::instrument::Sha256;

use super::{TableError, is_code, rows};

const COLUMNS: &[&str] = &["cn_code", "cn_code_spaced", "aggregated_goods_category", "description"];

/// A code of the Combined Nomenclature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CnCode {
    /// Eight digits.
    pub code: String,
    /// Aggregated goods category.
    pub category: String,
    /// What the goods are.
    pub description: String,
}

/// The codes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CnCodes {
    /// SHA-256 of the file.
    pub digest: Sha256,
    codes: BTreeMap<String, CnCode>,
}

impl CnCodes {
    /// Reads the table of codes.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(bytes: &[u8]) -> Result<CnCodes, TableError> {
        let mut codes = BTreeMap::new();
        for (row, fields) in rows(bytes, COLUMNS)? {
            let refuse = |column, problem: &str| Err(TableError::Field { row, column, problem: problem.to_owned() });
            let [code, spaced, category, description] = fields.try_into().unwrap_or_default();
            if !is_code(&code) || code.len() != 8 {
                return refuse("cn_code", "must be eight digits");
            }
            if spaced.replace(' ', "") != code {
                return refuse("cn_code_spaced", "is another code than cn_code");
            }
            if category.is_empty() {
                return refuse("aggregated_goods_category", "must not be empty");
            }
            if codes.insert(code.clone(), CnCode { code, category, description }).is_some() {
                return refuse("cn_code", "stands in the table twice");
            }
        }
        Ok(CnCodes { digest: Sha256::of(bytes), codes })
    }

    /// The code, which must have eight digits.
    pub fn get(&self, code: &str) -> Option<&CnCode> {
        self.codes.get(code)
    }

    /// All codes that begin like this, in order.
    pub fn beginning<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a CnCode> {
        self.codes.range(code.to_owned()..).map(|(_, code)| code).take_while(move |found| found.code.starts_with(code))
    }
}
