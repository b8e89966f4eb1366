//! Callers who are refused although their certificates are good: a key was lost, a person left.
//!
//! A TOML file with entries of two kinds, read again while serving:
//!
//! ```toml
//! [[blocked]]
//! caller = "touchstone://cement-bubble/exporter/elif"    # every certificate of this caller
//! reason = "left on 2026-10-31"
//!
//! [[blocked]]
//! certificate_sha256 = "6f…"                             # one certificate; a new one may be enrolled
//! reason = "laptop stolen"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Caller;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    blocked: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    caller: Option<String>,
    certificate_sha256: Option<String>,
    reason: String,
}

/// Who is blocked, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked {
    callers: BTreeMap<String, String>,
    certificates: BTreeMap<[u8; 32], String>,
}

impl Blocked {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Words that name the entry and the remedy.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut blocked = Blocked::default();
        for (index, entry) in file.blocked.into_iter().enumerate() {
            match (entry.caller, entry.certificate_sha256) {
                (Some(caller), None) => {
                    if Caller::from_uri(&caller).is_none() {
                        return Err(format!(
                            "blocked[{index}].caller: {caller} must be touchstone://organization/role/person"
                        ));
                    }
                    blocked.callers.insert(caller, entry.reason);
                }
                (None, Some(digest)) => {
                    let mut bytes = [0; 32];
                    hex::decode_to_slice(digest.replace(':', "").to_lowercase(), &mut bytes).map_err(|_| {
                        format!("blocked[{index}].certificate_sha256: {digest} must be 64 hexadecimal digits")
                    })?;
                    blocked.certificates.insert(bytes, entry.reason);
                }
                _ => return Err(format!("blocked[{index}]: needs either caller or certificate_sha256")),
            }
        }
        Ok(blocked)
    }

    /// Why this caller is blocked; `None` when it is not.
    pub fn why(&self, caller: &Caller, certificate: &[u8; 32]) -> Option<&str> {
        if self.callers.is_empty() && self.certificates.is_empty() {
            return None;
        }
        self.certificates.get(certificate).or_else(|| self.callers.get(&caller.uri())).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn a_caller_or_one_certificate_is_blocked() {
        let text = format!(
            "[[blocked]]\ncaller = \"touchstone://cement/exporter/elif\"\nreason = \"left\"\n\
             [[blocked]]\ncertificate_sha256 = \"{}\"\nreason = \"stolen\"\n",
            "0A:".repeat(32).trim_end_matches(':')
        );
        let blocked = Blocked::from_toml(&text).unwrap();
        let caller =
            |person: &str| Caller { organization: "cement".into(), role: Role::Exporter, person: person.into() };
        assert_eq!(blocked.why(&caller("elif"), &[1; 32]), Some("left"));
        assert_eq!(blocked.why(&caller("can"), &[10; 32]), Some("stolen"));
        assert_eq!(blocked.why(&caller("can"), &[1; 32]), None);
        assert_eq!(Blocked::from_toml("").unwrap(), Blocked::default());
    }

    #[test]
    fn an_entry_that_says_nothing_is_refused() {
        for (text, words) in [
            ("[[blocked]]\nreason = \"x\"\n", "blocked[0]: needs either"),
            ("[[blocked]]\ncaller = \"elif\"\nreason = \"x\"\n", "blocked[0].caller"),
            ("[[blocked]]\ncertificate_sha256 = \"12\"\nreason = \"x\"\n", "64 hexadecimal digits"),
            ("[[blocked]]\ncaller = \"touchstone://a/exporter/b\"\n", "reason"),
            ("[[block]]\n", "block"),
        ] {
            let error = Blocked::from_toml(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
