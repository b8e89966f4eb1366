//! Versions of the schema.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::error::{DccError, cut};

/// A schema version that is read: 2.4.x to 3.3.x. A version without a schema of its own in the table (3.0.0, a later
/// patch) is read by the rules of its neighbour: 3.0.x and 3.1.0 by those of 3.1.1, later patches by those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u8,
    minor: u8,
    patch: u8,
}

impl Version {
    /// D-SI 1.3, which DCC 2.4 uses.
    pub const DSI_1_3: Version = Version { major: 2, minor: 4, patch: 0 };
    /// D-SI 2.1, which DCC 3.0 to 3.2 use.
    pub const DSI_2_1: Version = Version { major: 3, minor: 1, patch: 1 };
    /// D-SI 2.2, which DCC 3.3 uses.
    pub const DSI_2_2: Version = Version { major: 3, minor: 3, patch: 0 };

    /// As grammar.txt writes it: 3.2.1 is 321.
    pub(crate) fn code(self) -> u16 {
        u16::from(self.major) * 100 + u16::from(self.minor) * 10 + u16::from(self.patch)
    }
}

impl FromStr for Version {
    type Err = DccError;

    fn from_str(text: &str) -> Result<Self, DccError> {
        let refused = || DccError::Version { found: cut(text) };
        // One digit each: "3.10.0" and "03.3.0" are no version that exists.
        let part = |text: &str| (text.len() == 1).then(|| text.parse::<u8>().ok()).flatten();
        let parts: Option<Vec<u8>> = text.split('.').map(part).collect();
        match parts.as_deref() {
            Some([major, minor, patch]) if matches!((major, minor), (2, 4) | (3, 0..=3)) => {
                Ok(Version { major: *major, minor: *minor, patch: *patch })
            }
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
