//! State: signed events, the record that folds them for one leaf, and the epoch that fixes all records at a time.

use cose::cbor::{self, Value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json::{self, PayloadError};
use crate::name;
use crate::revocation::{KeyThumbprint, RevokedKey};

/// State that an event sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Good (again).
    Active,
    /// Suspended for a time.
    Suspended,
    /// Withdrawn; final.
    Withdrawn,
    /// Replaced by a newer one; final.
    Superseded,
}

impl State {
    const ALL: [State; 4] = [State::Active, State::Suspended, State::Withdrawn, State::Superseded];

    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, State::Withdrawn | State::Superseded)
    }

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Suspended => "suspended",
            State::Withdrawn => "withdrawn",
            State::Superseded => "superseded",
        }
    }
}

/// What a state means for goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoodsRule {
    /// No goods are covered, whenever they were made.
    NoGoods,
    /// Goods made before the effective time stay covered.
    GoodsBeforeStay,
}

impl GoodsRule {
    const ALL: [GoodsRule; 2] = [GoodsRule::NoGoods, GoodsRule::GoodsBeforeStay];
}

/// A signed change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusEvent {
    /// The event's own id (URI).
    pub id: String,
    /// DID of the signer: the issuer of what it changes.
    pub issuer: String,
    /// Id of the certificate or accreditation.
    pub subject: String,
    /// The new state.
    pub state: State,
    /// From when.
    pub effective: Timestamp,
    /// Why, in words a holder understands.
    pub reason: String,
    /// What it means for goods.
    pub goods_rule: GoodsRule,
}

impl StatusEvent {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let event: StatusEvent = json::read(bytes)?;
        name::check_did(&event.issuer).map_err(|e| PayloadError::rule("issuer", e.to_string()))?;
        if event.reason.is_empty() || event.reason.len() > 500 {
            return Err(PayloadError::rule("reason", "say why, in at most 500 bytes"));
        }
        Ok(event)
    }
}

/// One step in the life of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state set.
    pub state: State,
    /// From when.
    pub effective: Timestamp,
    /// What it means for goods.
    pub goods_rule: GoodsRule,
    /// Leaf of the event.
    pub event_leaf: u64,
    /// Why.
    pub reason: String,
}

/// Everything that happened to a leaf, in log order. One record proves the state at any time up to its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRecord {
    /// Leaf index.
    pub leaf: u64,
    /// Transitions in log order; none means active since its log time.
    pub history: Vec<Transition>,
    /// Revocations, in log order, of keys that concern the leaf: keys that an accreditation vouches for, and keys that
    /// returned the leaf to active.
    pub revocations: Vec<RevokedKey>,
}

/// Why stored or carried bytes are no record or epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Not strict deterministic CBOR.
    #[error("not strict CBOR: {0}")]
    Cbor(#[from] cbor::CborError),
    /// Another shape.
    #[error("not a {what}")]
    Shape {
        /// What was expected.
        what: &'static str,
    },
}

impl StatusRecord {
    /// A leaf to which nothing happened.
    pub fn new(leaf: u64) -> Self {
        Self { leaf, history: Vec::new(), revocations: Vec::new() }
    }

    /// What of it happened below `size`.
    pub fn below(&self, size: u64) -> Self {
        Self {
            leaf: self.leaf,
            history: self.history.iter().filter(|step| step.event_leaf < size).cloned().collect(),
            revocations: self.revocations.iter().filter(|revoked| revoked.leaf < size).cloned().collect(),
        }
    }

    /// Deterministic CBOR: `[leaf, [[state, effective seconds, goods rule, event leaf, reason], …]]`; where there are
    /// revocations, with a third item `[[key thumbprint, cut-off seconds, leaf of the revocation, [event leaf, …]], …]`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let steps = self.history.iter().map(|step| {
            Value::Array(vec![
                Value::Uint(step.state as u64),
                Value::int(step.effective.as_second()),
                Value::Uint(step.goods_rule as u64),
                Value::Uint(step.event_leaf),
                Value::Text(step.reason.clone()),
            ])
        });
        let mut items = vec![Value::Uint(self.leaf), Value::Array(steps.collect())];
        if !self.revocations.is_empty() {
            let revocations = self.revocations.iter().map(|revoked| {
                Value::Array(vec![
                    Value::Bytes(revoked.key.0.to_vec()),
                    Value::int(revoked.cut_off.as_second()),
                    Value::Uint(revoked.leaf),
                    Value::Array(revoked.returns.iter().map(|event| Value::Uint(*event)).collect()),
                ])
            });
            items.push(Value::Array(revocations.collect()));
        }
        cbor::encode(&Value::Array(items))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`StatusError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatusError> {
        let shape = || StatusError::Shape { what: "status record" };
        let value = cbor::decode_deterministic(bytes)?;
        let (leaf, steps, revocations) = match value.as_array() {
            Some([Value::Uint(leaf), Value::Array(steps)]) => (leaf, steps, [].as_slice()),
            // One spelling: an empty list is left out.
            Some([Value::Uint(leaf), Value::Array(steps), Value::Array(revocations)]) if !revocations.is_empty() => {
                (leaf, steps, revocations.as_slice())
            }
            _ => return Err(shape()),
        };
        let time = |value: &Value| value.as_i64().and_then(|s| Timestamp::from_second(s).ok()).ok_or_else(shape);
        let history = steps.iter().map(|step| {
            let Some([Value::Uint(state), effective, Value::Uint(rule), Value::Uint(event), Value::Text(reason)]) =
                step.as_array()
            else {
                return Err(shape());
            };
            Ok(Transition {
                state: *State::ALL.get(*state as usize).ok_or_else(shape)?,
                effective: time(effective)?,
                goods_rule: *GoodsRule::ALL.get(*rule as usize).ok_or_else(shape)?,
                event_leaf: *event,
                reason: reason.clone(),
            })
        });
        let revocations = revocations.iter().map(|item| {
            let Some([Value::Bytes(key), cut_off, Value::Uint(leaf), Value::Array(returns)]) = item.as_array() else {
                return Err(shape());
            };
            Ok(RevokedKey {
                key: KeyThumbprint(key.as_slice().try_into().map_err(|_| shape())?),
                cut_off: time(cut_off)?,
                leaf: *leaf,
                returns: returns.iter().map(|event| event.as_u64().ok_or_else(shape)).collect::<Result<_, _>>()?,
            })
        });
        Ok(Self {
            leaf: *leaf,
            history: history.collect::<Result<_, _>>()?,
            revocations: revocations.collect::<Result<_, _>>()?,
        })
    }

    /// The transition in force at a date: the last in log order that was effective by then; `None` means active.
    /// A final state, once effective, stays.
    pub fn at(&self, date: Timestamp) -> Option<&Transition> {
        let mut in_force: Option<&Transition> = None;
        for step in self.history.iter().filter(|step| step.effective <= date) {
            if !in_force.is_some_and(|step| step.state.is_final()) {
                in_force = Some(step);
            }
        }
        in_force
    }
}

/// An epoch: state of all leaves at a time, as a leaf of the status log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Number, from 0: its leaf in the status log.
    pub number: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Size of the log that the epoch before covered; 0 for the first. Leaves from here to `size` have this epoch's
    /// time as their log time.
    pub previous_size: u64,
    /// Size of the log covered.
    pub size: u64,
    /// Root of the log at that size.
    pub root: [u8; 32],
    /// Root of the RFC 9162 tree over the records of all leaves below `size`.
    pub map_root: [u8; 32],
}

impl Epoch {
    /// Deterministic CBOR: `[number, seconds, previous size, size, root, map root]`.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&Value::Array(vec![
            Value::Uint(self.number),
            Value::int(self.time.as_second()),
            Value::Uint(self.previous_size),
            Value::Uint(self.size),
            Value::Bytes(self.root.to_vec()),
            Value::Bytes(self.map_root.to_vec()),
        ]))
    }

    /// Reads an epoch.
    ///
    /// # Errors
    /// [`StatusError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatusError> {
        let shape = || StatusError::Shape { what: "epoch" };
        let value = cbor::decode_deterministic(bytes)?;
        let Some(
            [
                Value::Uint(number),
                time,
                Value::Uint(previous_size),
                Value::Uint(size),
                Value::Bytes(root),
                Value::Bytes(map_root),
            ],
        ) = value.as_array()
        else {
            return Err(shape());
        };
        Ok(Self {
            number: *number,
            time: time.as_i64().and_then(|s| Timestamp::from_second(s).ok()).ok_or_else(shape)?,
            previous_size: *previous_size,
            size: *size,
            root: root.as_slice().try_into().map_err(|_| shape())?,
            map_root: map_root.as_slice().try_into().map_err(|_| shape())?,
        })
    }
}
