//! Resource names (AIP-122), ids and DIDs.

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Another shape than the pattern.
    #[error("{name:?} does not have the form {pattern}")]
    Pattern {
        /// What was given.
        name: String,
        /// What was expected.
        pattern: &'static str,
    },
    /// A part that is no id.
    #[error(
        "{id:?} is no id: 1 to 63 lower-case letters, digits and hyphens, starting and ending with a letter or digit"
    )]
    Id {
        /// What was given.
        id: String,
    },
    /// Not a DID we can use.
    #[error("{did:?} is no did:web identifier of at most 200 characters")]
    Did {
        /// What was given.
        did: String,
    },
}

/// Pattern of a site's name.
pub const SITE: &str = "organizations/{organization}/sites/{site}";
/// Pattern of an instrument's name.
pub const INSTRUMENT: &str = "organizations/{organization}/sites/{site}/instruments/{instrument}";
/// Pattern of a calibration's name.
pub const CALIBRATION: &str =
    "organizations/{organization}/sites/{site}/instruments/{instrument}/calibrations/{calibration}";
/// Pattern of a gas conversion's name.
pub const GAS_CONVERSION: &str =
    "organizations/{organization}/sites/{site}/instruments/{instrument}/gasConversions/{gas_conversion}";
/// Pattern of a weighed load's name.
pub const WEIGHBRIDGE_RECORD: &str =
    "organizations/{organization}/sites/{site}/weighbridgeRecords/{weighbridge_record}";
/// Pattern of a stock's name.
pub const STOCK_RECORD: &str = "organizations/{organization}/sites/{site}/stockRecords/{stock_record}";
/// Pattern of a laboratory analysis's name.
pub const LABORATORY_ANALYSIS: &str =
    "organizations/{organization}/sites/{site}/laboratoryAnalyses/{laboratory_analysis}";
/// Pattern of a footprint's name.
pub const FOOTPRINT: &str = "organizations/{organization}/sites/{site}/footprints/{footprint}";
/// Pattern of an application's name.
pub const APPLICATION: &str = "organizations/{organization}/applications/{application}";
/// Pattern of an organisation's name.
pub const ORGANIZATION: &str = "organizations/{organization}";
/// Pattern of a certificate's name.
pub const CERTIFICATE: &str = "certificates/{certificate}";
/// Pattern of a log entry's name.
pub const ENTRY: &str = "entries/{index}";

/// Checks an id.
///
/// # Errors
/// [`NameError::Id`].
pub fn check_id(id: &str) -> Result<(), NameError> {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = id.as_bytes();
    let fits = (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| edge(b) || *b == b'-')
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge);
    if fits { Ok(()) } else { Err(NameError::Id { id: id.chars().take(80).collect() }) }
}

/// The variable parts of `name`, in order, when it has the shape of `pattern`.
///
/// # Errors
/// [`NameError::Pattern`] or [`NameError::Id`].
pub fn parts<'a>(pattern: &'static str, name: &'a str) -> Result<Vec<&'a str>, NameError> {
    let mismatch = || NameError::Pattern { name: name.chars().take(200).collect(), pattern };
    if name.split('/').count() != pattern.split('/').count() {
        return Err(mismatch());
    }
    let mut found = Vec::new();
    for (wanted, given) in pattern.split('/').zip(name.split('/')) {
        if wanted.starts_with('{') {
            check_id(given)?;
            found.push(given);
        } else if wanted != given {
            return Err(mismatch());
        }
    }
    Ok(found)
}

/// The organisation id of any name that starts with `organizations/{organization}`.
///
/// # Errors
/// [`NameError`] when it does not.
pub fn organization(name: &str) -> Result<&str, NameError> {
    let mut segments = name.split('/');
    match (segments.next(), segments.next()) {
        (Some("organizations"), Some(id)) => check_id(id).map(|()| id),
        _ => Err(NameError::Pattern { name: name.chars().take(200).collect(), pattern: ORGANIZATION }),
    }
}

/// Checks a DID: `did:web:` and a host with optional path parts.
///
/// # Errors
/// [`NameError::Did`].
pub fn check_did(did: &str) -> Result<(), NameError> {
    let fits = did.len() <= 200
        && did.strip_prefix("did:web:").is_some_and(|rest| {
            !rest.is_empty()
                && rest.split(':').all(|part| {
                    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._%".contains(&b))
                })
        });
    if fits { Ok(()) } else { Err(NameError::Did { did: did.chars().take(80).collect() }) }
}
