//! Editions of methods and factor sets as signed statements: who publishes which file, by digest, from when. The file
//! itself is handed over beside the statement; a set of factors may be larger than a statement.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::instrument::Sha256;
use crate::json::{self, PayloadError};
use crate::name;

/// Most sets that a method names.
const MAX_SETS: usize = 50;
/// Longest text of a member.
const MAX_TEXT: usize = 200;

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditionFile {
    /// SHA-256 of its bytes: the identity of the edition.
    pub digest: Sha256,
    /// Length in bytes.
    pub size: u64,
    /// Media type.
    pub media_type: String,
}

/// An edition that another one rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditionReference {
    /// Its id, as methods name it.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Sha256,
}

/// A method or product-category rule is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodStatement {
    /// The statement's own id (URI): what it is about, as its header says.
    pub id: String,
    /// DID of the publisher.
    pub issuer: String,
    /// Id, with which plant files and footprint statements name the method.
    pub method: String,
    /// Its version.
    pub version: String,
    /// Scheme, by URI.
    pub scheme: String,
    /// Method that product-category rules narrow; absent where this is a method itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrows: Option<EditionReference>,
    /// Set of global warming potentials, with the digest of its table.
    pub gwp_set: EditionReference,
    /// Sets of factors that it allows, in order of id.
    pub factor_sets: Vec<EditionReference>,
    /// Its file.
    pub file: EditionFile,
    /// First instant at which footprints may be computed by it.
    pub from: Timestamp,
    /// Id of the statement whose edition it takes the place of; footprints by that one stay verifiable.
    pub supersedes: Option<String>,
}

/// A set of emission factors is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FactorSetStatement {
    /// The statement's own id (URI): what it is about, as its header says.
    pub id: String,
    /// DID of the publisher.
    pub issuer: String,
    /// Id, with which methods name the set.
    pub factor_set: String,
    /// Its version.
    pub version: String,
    /// Its file.
    pub file: EditionFile,
    /// Number of factors in it.
    pub factors: u32,
    /// First instant at which methods may use it.
    pub from: Timestamp,
    /// Id of the statement whose edition it takes the place of; footprints by that one stay verifiable.
    pub supersedes: Option<String>,
}

impl MethodStatement {
    /// Reads a payload against its closed schema and its rules.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: MethodStatement = json::read(bytes)?;
        heading(&read.id, &read.issuer, read.supersedes.as_deref())?;
        edition_id("method", &read.method)?;
        text("version", &read.version)?;
        uri("scheme", &read.scheme)?;
        if let Some(method) = &read.narrows {
            reference("narrows", method)?;
            if method.id == read.method {
                return Err(PayloadError::rule("narrows", "rules do not narrow themselves"));
            }
        }
        file(&read.file)?;
        reference("gwpSet", &read.gwp_set)?;
        if read.factor_sets.len() > MAX_SETS {
            return Err(PayloadError::rule("factorSets", format!("at most {MAX_SETS}")));
        }
        for set in &read.factor_sets {
            reference("factorSets", set)?;
        }
        if !read.factor_sets.is_sorted_by(|a, b| a.id < b.id) {
            return Err(PayloadError::rule("factorSets", "must be in order of id, each once: one spelling is signed"));
        }
        Ok(read)
    }
}

impl FactorSetStatement {
    /// Reads a payload against its closed schema and its rules.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: FactorSetStatement = json::read(bytes)?;
        heading(&read.id, &read.issuer, read.supersedes.as_deref())?;
        edition_id("factorSet", &read.factor_set)?;
        text("version", &read.version)?;
        file(&read.file)?;
        if read.factors == 0 {
            return Err(PayloadError::rule("factors", "an edition without factors is none"));
        }
        Ok(read)
    }
}

fn heading(id: &str, issuer: &str, supersedes: Option<&str>) -> Result<(), PayloadError> {
    uri("id", id)?;
    name::check_did(issuer).map_err(|error| PayloadError::rule("issuer", error.to_string()))?;
    match supersedes {
        Some(earlier) if earlier == id => {
            Err(PayloadError::rule("supersedes", "an edition does not take its own place"))
        }
        Some(earlier) => uri("supersedes", earlier),
        None => Ok(()),
    }
}

fn reference(path: &'static str, edition: &EditionReference) -> Result<(), PayloadError> {
    edition_id(path, &edition.id)?;
    text(path, &edition.version)
}

fn file(file: &EditionFile) -> Result<(), PayloadError> {
    if file.size == 0 {
        return Err(PayloadError::rule("file.size", "an empty file is no edition"));
    }
    match file.media_type.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => text("file.mediaType", &file.media_type),
        _ => Err(PayloadError::rule("file.mediaType", "must be a media type, as application/toml or text/csv")),
    }
}

fn edition_id(path: &'static str, id: &str) -> Result<(), PayloadError> {
    let fits = (1..=80).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        && !id.starts_with(['-', '.']);
    if fits { Ok(()) } else { Err(PayloadError::rule(path, "letters, digits, points and hyphens, at most 80")) }
}

fn text(path: &'static str, text: &str) -> Result<(), PayloadError> {
    let fits = (1..=MAX_TEXT).contains(&text.len()) && text.trim() == text && !text.contains(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(PayloadError::rule(path, format!("1 to {MAX_TEXT} bytes, without blanks at its ends")))
    }
}

fn uri(path: &'static str, uri: &str) -> Result<(), PayloadError> {
    text(path, uri)?;
    match uri.split_once(':') {
        Some((scheme, rest))
            if !rest.is_empty()
                && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                && !uri.contains(char::is_whitespace) =>
        {
            Ok(())
        }
        _ => Err(PayloadError::rule(path, "must be a URI, as https://… or urn:…")),
    }
}
