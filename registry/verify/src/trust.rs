//! Trust: the verifier's own file. Nothing in a bundle adds to it.

use base64::Engine;
use cose::key::{KeyError, PublicKey};
use cose::sign1::Sign1Error;
use jiff::{SignedDuration, Timestamp};
use record::name::check_did;
use record::registry::Jwk;
use record::statement::{Content, SignedStatement};
use serde::{Deserialize, Serialize};
use tlog::note::{NoteError, NoteVerifier, SignatureKind};

/// The file (TOML), as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustFile {
    /// DID of the party that asks: arrangements are applied as this party.
    pub party: String,
    /// Oldest status accepted, in hours: stale never means valid.
    pub max_age_hours: u32,
    /// How many of the witnesses below must have cosigned both checkpoints.
    pub witness_quorum: u32,
    /// The log.
    pub log: LogTrust,
    /// Accreditation bodies.
    #[serde(default, rename = "accreditation_body", skip_serializing_if = "Vec::is_empty")]
    pub accreditation_bodies: Vec<Authority>,
    /// Parties to arrangements: oneself and the partner.
    #[serde(default, rename = "arrangement_party", skip_serializing_if = "Vec::is_empty")]
    pub arrangement_parties: Vec<Authority>,
    /// Witnesses.
    #[serde(default, rename = "witness", skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
}

/// Names and keys of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTrust {
    /// Origin; the status log's is this with `/status`.
    pub origin: String,
    /// C2SP verifier key of checkpoints.
    pub note_key: String,
    /// C2SP verifier key of status checkpoints.
    pub status_note_key: String,
    /// Key of receipts.
    pub receipt_key: Jwk,
    /// Keys that the log had before, oldest first: what they signed in their time stays good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierKeys>,
}

/// Keys of the log that were replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierKeys {
    /// C2SP verifier key of checkpoints.
    pub note_key: String,
    /// C2SP verifier key of status checkpoints.
    pub status_note_key: String,
    /// Key of receipts.
    pub receipt_key: Jwk,
    /// Under these keys, no status later than this is believed.
    pub until: Timestamp,
}

/// Why a rollover is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloverError {
    /// No rollover.
    #[error("it is {media_type}, no rollover of a log's keys: give the file that the log's operator published")]
    Other {
        /// What it is.
        media_type: String,
    },
    /// It is of another log.
    #[error("it is of the log {found}, not of {expected}: give the one of your log")]
    OtherLog {
        /// The log trusted.
        expected: String,
        /// The log named.
        found: String,
    },
    /// Signed by another key than the one trusted.
    #[error(
        "it is not signed with the receipt key that you trust ({0}): follow rollovers in their order, from the first \
             that you do not have; if there is no such, compare the new keys by another way"
    )]
    Signature(Sign1Error),
    /// A key that cannot be used.
    #[error("{path}: {problem}")]
    Key {
        /// Which.
        path: &'static str,
        /// Why.
        problem: String,
    },
}

impl LogTrust {
    /// The keys before and now, oldest first; the last has no end.
    pub fn chain(&self) -> impl Iterator<Item = (&str, &str, &Jwk)> {
        let earlier = self.earlier.iter().map(|keys| (&*keys.note_key, &*keys.status_note_key, &keys.receipt_key));
        earlier.chain(std::iter::once((&*self.note_key, &*self.status_note_key, &self.receipt_key)))
    }

    /// The same log after a rollover that the receipt key trusted so far signed.
    ///
    /// # Errors
    /// [`RolloverError`].
    pub fn follow(&self, statement: &SignedStatement) -> Result<Self, RolloverError> {
        let Content::LogRollover(rollover) = statement.content() else {
            return Err(RolloverError::Other { media_type: statement.media_type().to_owned() });
        };
        if rollover.origin != self.origin {
            return Err(RolloverError::OtherLog { expected: self.origin.clone(), found: rollover.origin.clone() });
        }
        let key = |path, jwk: &Jwk| {
            let text = serde_json::to_string(jwk).map_err(|e| RolloverError::Key { path, problem: e.to_string() })?;
            PublicKey::from_jwk(&text).map_err(|e| RolloverError::Key { path, problem: e.to_string() })
        };
        statement.verify(&key("log.receipt_key", &self.receipt_key)?).map_err(RolloverError::Signature)?;
        key("receiptKey", &rollover.receipt_key)?;
        let status_origin = format!("{}/status", self.origin);
        for (path, vkey, name) in [
            ("noteKey", &rollover.note_key, &self.origin),
            ("statusNoteKey", &rollover.status_note_key, &status_origin),
        ] {
            let verifier = NoteVerifier::from_vkey(vkey);
            let verifier = verifier.map_err(|e| RolloverError::Key { path, problem: e.to_string() })?;
            if verifier.kind() != SignatureKind::Ed25519 || verifier.name() != name {
                return Err(RolloverError::Key { path, problem: format!("is not a key of {name}") });
            }
        }
        let mut earlier = self.earlier.clone();
        earlier.push(EarlierKeys {
            note_key: self.note_key.clone(),
            status_note_key: self.status_note_key.clone(),
            receipt_key: self.receipt_key.clone(),
            until: rollover.earlier_until,
        });
        Ok(LogTrust {
            origin: self.origin.clone(),
            note_key: rollover.note_key.clone(),
            status_note_key: rollover.status_note_key.clone(),
            receipt_key: rollover.receipt_key.clone(),
            earlier,
        })
    }

    /// Of a log with these keys; checkpoints are signed with Ed25519.
    ///
    /// # Errors
    /// [`NoteError`]: the origin is no name of a key, or a key of notes is not Ed25519.
    pub fn new(origin: &str, note: PublicKey, status_note: PublicKey, receipt: &PublicKey) -> Result<Self, NoteError> {
        let vkey = |name: &str, key| -> Result<String, NoteError> {
            Ok(NoteVerifier::new(name, SignatureKind::Ed25519, key)?.to_vkey())
        };
        let malformed =
            |_: serde_json::Error| KeyError::Malformed { what: "JWK of receipts: P-256 or Ed25519 is expected" };
        Ok(LogTrust {
            origin: origin.to_owned(),
            note_key: vkey(origin, note)?,
            status_note_key: vkey(&format!("{origin}/status"), status_note)?,
            receipt_key: serde_json::from_str(&receipt.to_jwk()).map_err(malformed)?,
            earlier: Vec::new(),
        })
    }
}

/// What an operator hands to partners: names and public keys of the log. It is no trust yet: whoever makes a trust file
/// of it first compares the fingerprints by another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// The log.
    pub log: LogTrust,
}

impl Introduction {
    /// Reads an introduction (TOML); the keys are checked where a trust file is made of it.
    ///
    /// # Errors
    /// [`TrustError::Introduction`].
    pub fn from_toml(text: &str) -> Result<Self, TrustError> {
        toml::from_str(text).map_err(|error| TrustError::Introduction(error.to_string()))
    }

    /// The file.
    ///
    /// # Errors
    /// [`TrustError::Introduction`]; never for an introduction of ours.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        toml::to_string(self).map_err(|error| TrustError::Introduction(error.to_string()))
    }
}

/// A party and its certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// DID of the party.
    pub id: String,
    /// Authority certificate, DER in base64.
    pub certificate: String,
}

/// A witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// C2SP verifier key (cosignature/v1).
    pub key: String,
}

/// Why a trust file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not TOML, or not this schema.
    #[error("the trust file cannot be read: {0}")]
    Toml(String),
    /// No introduction.
    #[error("the introduction cannot be read: {0}")]
    Introduction(String),
    /// A value that cannot be used.
    #[error("{path}: {problem}")]
    Value {
        /// Path of the value.
        path: String,
        /// The problem, with the remedy.
        problem: String,
    },
}

/// A trust file, ready for use.
#[derive(Debug, Clone)]
pub struct Trust {
    /// DID of the party that asks.
    pub party: String,
    /// Oldest status accepted.
    pub max_age: SignedDuration,
    /// Witnesses needed.
    pub witness_quorum: usize,
    /// Origin of the log.
    pub origin: String,
    /// Log key first, then witnesses.
    pub note_keys: Vec<NoteVerifier>,
    /// Status log key first, then witnesses.
    pub status_note_keys: Vec<NoteVerifier>,
    /// Key of receipts.
    pub receipt_key: PublicKey,
    /// Keys that the log had before, oldest first.
    pub earlier: Vec<EarlierTrust>,
    /// Accreditation bodies: DID and authority (DER).
    pub accreditation_bodies: Vec<(String, Vec<u8>)>,
    /// Arrangement parties: DID and authority (DER).
    pub arrangement_parties: Vec<(String, Vec<u8>)>,
}

/// Keys that the log had before, ready for use.
#[derive(Debug, Clone)]
pub struct EarlierTrust {
    /// Log key first, then witnesses.
    pub note_keys: Vec<NoteVerifier>,
    /// Status log key first, then witnesses.
    pub status_note_keys: Vec<NoteVerifier>,
    /// Key of receipts.
    pub receipt_key: PublicKey,
    /// No later status is believed under them.
    pub until: Timestamp,
}

impl TrustFile {
    /// Reads a trust file as it is written.
    ///
    /// # Errors
    /// [`TrustError::Toml`].
    pub fn from_toml(text: &str) -> Result<Self, TrustError> {
        toml::from_str(text).map_err(|error| TrustError::Toml(error.to_string()))
    }

    /// The file.
    ///
    /// # Errors
    /// [`TrustError::Toml`]; never for a file of ours.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        toml::to_string(self).map_err(|error| TrustError::Toml(error.to_string()))
    }
}

impl Trust {
    /// Origin of the status log.
    pub fn status_origin(&self) -> String {
        format!("{}/status", self.origin)
    }

    /// Reads a trust file.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn from_toml(text: &str) -> Result<Self, TrustError> {
        let file: TrustFile = toml::from_str(text).map_err(|error| TrustError::Toml(error.to_string()))?;
        Trust::try_from(file)
    }
}

impl TryFrom<TrustFile> for Trust {
    type Error = TrustError;

    fn try_from(file: TrustFile) -> Result<Self, TrustError> {
        let value = |path: &str, problem: &dyn std::fmt::Display| TrustError::Value {
            path: path.to_owned(),
            problem: problem.to_string(),
        };
        let did = |path: &str, did: &str| {
            check_did(did).map_err(|e| value(path, &format!("{e}; write it as did:web:customs.example")))
        };
        did("party", &file.party)?;
        let witnesses = file
            .witnesses
            .iter()
            .enumerate()
            .map(|(i, witness)| {
                NoteVerifier::from_vkey(&witness.key).map_err(|e| value(&format!("witness[{i}].key"), &e))
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (i, witness) in witnesses.iter().enumerate() {
            let path = format!("witness[{i}].key");
            if witness.kind() != SignatureKind::Cosignature {
                return Err(value(&path, &"is no key of a witness (type 0x04)"));
            }
            // Listed twice, one witness would count for two.
            if witnesses[..i].iter().any(|earlier| earlier.public_key() == witness.public_key()) {
                return Err(value(&path, &"is listed twice"));
            }
        }
        if file.witness_quorum as usize > witnesses.len() {
            return Err(value("witness_quorum", &"is greater than the number of witnesses named"));
        }
        let keys = |path: &str, vkey: &str, origin: &str| {
            let own = NoteVerifier::from_vkey(vkey).map_err(|e| value(path, &e))?;
            if own.kind() != SignatureKind::Ed25519 || own.name() != origin {
                return Err(value(path, &format!("is not the key of {origin}")));
            }
            Ok(std::iter::once(own).chain(witnesses.iter().cloned()).collect::<Vec<_>>())
        };
        let authorities = |path: &str, list: &[Authority]| {
            list.iter()
                .enumerate()
                .map(|(i, authority)| {
                    did(&format!("{path}[{i}].id"), &authority.id)?;
                    let path = format!("{path}[{i}].certificate");
                    let der = base64::engine::general_purpose::STANDARD
                        .decode(&authority.certificate)
                        .map_err(|e| value(&path, &e))?;
                    cose::x509::Certificate::from_der(&der).map_err(|e| value(&path, &e))?;
                    // A path ends at an authority: two parties with one could not be told apart.
                    if list[..i].iter().any(|earlier| earlier.certificate == authority.certificate) {
                        return Err(value(&path, &"is the authority of two parties"));
                    }
                    Ok((authority.id.clone(), der))
                })
                .collect::<Result<Vec<_>, TrustError>>()
        };
        let jwk = |path: &str, jwk: &Jwk| {
            let text = serde_json::to_string(jwk).map_err(|e| value(path, &e))?;
            PublicKey::from_jwk(&text).map_err(|e| value(path, &e))
        };
        let status_origin = format!("{}/status", file.log.origin);
        let earlier = file.log.earlier.iter().enumerate().map(|(i, earlier)| {
            let path = |key: &str| format!("log.earlier[{i}].{key}");
            Ok(EarlierTrust {
                note_keys: keys(&path("note_key"), &earlier.note_key, &file.log.origin)?,
                status_note_keys: keys(&path("status_note_key"), &earlier.status_note_key, &status_origin)?,
                receipt_key: jwk(&path("receipt_key"), &earlier.receipt_key)?,
                until: earlier.until,
            })
        });
        let earlier = earlier.collect::<Result<Vec<_>, TrustError>>()?;
        Ok(Trust {
            note_keys: keys("log.note_key", &file.log.note_key, &file.log.origin)?,
            status_note_keys: keys("log.status_note_key", &file.log.status_note_key, &status_origin)?,
            receipt_key: jwk("log.receipt_key", &file.log.receipt_key)?,
            earlier,
            accreditation_bodies: authorities("accreditation_body", &file.accreditation_bodies)?,
            arrangement_parties: authorities("arrangement_party", &file.arrangement_parties)?,
            party: file.party,
            max_age: SignedDuration::from_hours(i64::from(file.max_age_hours)),
            witness_quorum: file.witness_quorum as usize,
            origin: file.log.origin,
        })
    }
}
