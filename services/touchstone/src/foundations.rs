//! What footprints may rest on beside evidence, from the files that the configuration names.

use footprint_service::{DefaultValues, Trust};
use runtime::config::{Config, Service, read_named};

use crate::serve::ServeError;

const TRUST: &str = "footprint.trust";
const DEFAULT_VALUES: &str = "footprint.default_values";

/// The trust file and the default values of an installation.
#[derive(Debug, Default)]
pub(crate) struct Foundations {
    pub trust: Option<Trust>,
    pub default_values: Option<DefaultValues>,
}

impl Foundations {
    /// Reads them where footprints are computed here.
    pub fn read(config: &Config, services: &[Service]) -> Result<Self, ServeError> {
        let Some(named) = config.footprint.as_ref().filter(|_| services.contains(&Service::Footprint)) else {
            return Ok(Self::default());
        };
        let mut found = Self::default();
        if let Some(path) = &named.trust {
            let problem =
                |problem: String| ServeError::Key { key: TRUST, problem: format!("{}: {problem}", path.display()) };
            let text = String::from_utf8(read_named(TRUST, path)?).map_err(|_| problem("is no UTF-8 text".into()))?;
            found.trust = Some(Trust::from_toml(&text).map_err(|error| problem(error.to_string()))?);
        }
        if let Some(path) = &named.default_values {
            let bytes = read_named(DEFAULT_VALUES, path)?;
            found.default_values = Some(DefaultValues::read(&bytes).map_err(|error| ServeError::Key {
                key: DEFAULT_VALUES,
                problem: format!("{}: {error}", path.display()),
            })?);
        }
        Ok(found)
    }
}
