use super::Sign1Error;
use crate::cbor::{self, Value};
use crate::key::Algorithm;

/// Labels of the IANA COSE header parameter registry.
pub(super) mod label {
    pub const ALG: i64 = 1;
    pub const CRIT: i64 = 2;
    pub const CONTENT_TYPE: i64 = 3;
    pub const KID: i64 = 4;
    pub const CWT_CLAIMS: i64 = 15;
    pub const TYP: i64 = 16;
    pub const X5T: i64 = 34;
    /// What `Protected` has a field for, and what `crit` may therefore name.
    pub const UNDERSTOOD: [i64; 7] = [ALG, CRIT, CONTENT_TYPE, KID, CWT_CLAIMS, TYP, X5T];
}

/// SHA-256 in the COSE algorithm registry, as x5t names it (RFC 9360 §2).
const SHA_256: i64 = -16;

/// The protected header of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// 1: the algorithm.
    pub alg: Algorithm,
    /// 2: labels that a reader must understand (RFC 9052 §3.1). On decoding each was present.
    pub crit: Vec<i64>,
    /// 3: what the payload is.
    pub content_type: Option<ContentType>,
    /// 4: the key identifier.
    pub kid: Option<Vec<u8>>,
    /// 15: CWT claims (RFC 9597).
    pub claims: Option<Claims>,
    /// 16: the type of the whole object (RFC 9596), a media type.
    pub typ: Option<String>,
    /// 34: SHA-256 of the signer's certificate (RFC 9360).
    pub x5t: Option<[u8; 32]>,
    /// Everything else, in the order received.
    pub other: Vec<(Value, Value)>,
}

/// 3: a media type, or a CoAP content format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// A media type.
    Media(String),
    /// A CoAP content format number.
    Coap(u64),
}

impl ContentType {
    /// The media type, where it is one.
    pub fn as_media(&self) -> Option<&str> {
        match self {
            ContentType::Media(media) => Some(media),
            ContentType::Coap(_) => None,
        }
    }
}

/// 15: CWT claims in the header (RFC 9597, RFC 8392).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// 1: issuer.
    pub iss: Option<String>,
    /// 2: subject.
    pub sub: Option<String>,
    /// Everything else, in the order received.
    pub other: Vec<(Value, Value)>,
}

impl Claims {
    /// Issuer and subject.
    pub fn new(iss: impl Into<String>, sub: impl Into<String>) -> Claims {
        Claims { iss: Some(iss.into()), sub: Some(sub.into()), other: vec![] }
    }

    fn from_value(value: Value) -> Result<Claims, Sign1Error> {
        let wrong = || Sign1Error::HeaderType { label: label::CWT_CLAIMS };
        let Value::Map(entries) = value else {
            return Err(wrong());
        };
        let mut claims = Claims::default();
        for (key, value) in entries {
            match (key.as_i64(), value) {
                (Some(1), Value::Text(iss)) => claims.iss = Some(iss),
                (Some(2), Value::Text(sub)) => claims.sub = Some(sub),
                (Some(1 | 2), _) => return Err(wrong()),
                (_, value) => claims.other.push((key, value)),
            }
        }
        Ok(claims)
    }

    fn to_value(&self) -> Value {
        let known = [(1, &self.iss), (2, &self.sub)];
        let known = known
            .into_iter()
            .filter_map(|(key, text)| text.as_ref().map(|text| (Value::int(key), Value::text(text.as_str()))));
        Value::Map(known.chain(self.other.iter().cloned()).collect())
    }
}

impl Protected {
    /// A header with nothing but the algorithm.
    pub fn new(alg: Algorithm) -> Protected {
        Protected {
            alg,
            crit: vec![],
            content_type: None,
            kid: None,
            claims: None,
            typ: None,
            x5t: None,
            other: vec![],
        }
    }

    /// The value of a parameter that has no field of its own.
    pub fn other(&self, label: i64) -> Option<&Value> {
        let label = Value::int(label);
        self.other.iter().find(|(key, _)| *key == label).map(|(_, value)| value)
    }

    /// The issuer claim.
    pub fn iss(&self) -> Option<&str> {
        self.claims.as_ref()?.iss.as_deref()
    }

    /// The subject claim.
    pub fn sub(&self) -> Option<&str> {
        self.claims.as_ref()?.sub.as_deref()
    }

    /// The deterministic encoding (RFC 8949 §4.2.1): what [`super::sign`] signs.
    pub fn encode(&self) -> Vec<u8> {
        let mut entries = vec![(label::ALG, Value::int(self.alg.code()))];
        if !self.crit.is_empty() {
            let labels = self.crit.iter().map(|label| Value::int(*label));
            entries.push((label::CRIT, Value::Array(labels.collect())));
        }
        match &self.content_type {
            Some(ContentType::Media(media)) => {
                entries.push((label::CONTENT_TYPE, Value::text(media.as_str())));
            }
            Some(ContentType::Coap(n)) => entries.push((label::CONTENT_TYPE, Value::Uint(*n))),
            None => {}
        }
        if let Some(kid) = &self.kid {
            entries.push((label::KID, Value::bytes(kid.as_slice())));
        }
        if let Some(claims) = &self.claims {
            entries.push((label::CWT_CLAIMS, claims.to_value()));
        }
        if let Some(typ) = &self.typ {
            entries.push((label::TYP, Value::text(typ.as_str())));
        }
        if let Some(x5t) = &self.x5t {
            let pair = vec![Value::int(SHA_256), Value::bytes(x5t.as_slice())];
            entries.push((label::X5T, Value::Array(pair)));
        }
        let Value::Map(mut entries) = Value::map(entries) else {
            return vec![];
        };
        entries.extend(self.other.iter().cloned());
        cbor::encode(&Value::Map(entries))
    }

    pub(super) fn from_value(header: Value, understood: &[i64]) -> Result<Protected, Sign1Error> {
        let alg = match header.get(label::ALG) {
            None => return Err(Sign1Error::MissingAlgorithm),
            Some(alg) => {
                let code = alg.as_i64().ok_or(Sign1Error::HeaderType { label: label::ALG })?;
                Algorithm::from_code(code)?
            }
        };
        let crit = critical(&header, understood)?;
        let mut protected = Protected { crit, ..Protected::new(alg) };
        let Value::Map(entries) = header else {
            return Err(Sign1Error::Structure { what: "protected header" });
        };
        for (key, value) in entries {
            let label = key.as_i64();
            match (label, value) {
                (Some(label::ALG | label::CRIT), _) => {}
                (Some(label::CONTENT_TYPE), Value::Text(media)) => {
                    protected.content_type = Some(ContentType::Media(media));
                }
                (Some(label::CONTENT_TYPE), Value::Uint(n)) => {
                    protected.content_type = Some(ContentType::Coap(n));
                }
                (Some(label::KID), Value::Bytes(kid)) => protected.kid = Some(kid),
                (Some(label::TYP), Value::Text(typ)) => protected.typ = Some(typ),
                (Some(label::CWT_CLAIMS), claims) => {
                    protected.claims = Some(Claims::from_value(claims)?);
                }
                (Some(label::X5T), value) => protected.x5t = Some(certificate_hash(&value)?),
                (Some(label), _) if label::UNDERSTOOD.contains(&label) => {
                    return Err(Sign1Error::HeaderType { label });
                }
                // RFC 9052 §1.5: a label is an integer or text.
                (None, _) if key.as_bytes().is_some() => {
                    return Err(Sign1Error::Structure { what: "header label" });
                }
                (_, value) => protected.other.push((key, value)),
            }
        }
        Ok(protected)
    }
}

/// RFC 9052 §3.1: every label listed is in the protected header and understood, or the whole is
/// refused.
fn critical(header: &Value, understood: &[i64]) -> Result<Vec<i64>, Sign1Error> {
    let Some(crit) = header.get(label::CRIT) else {
        return Ok(vec![]);
    };
    let labels = crit.as_array().filter(|labels| !labels.is_empty());
    let labels = labels.ok_or(Sign1Error::HeaderType { label: label::CRIT })?;
    let known = |label: &i64| label::UNDERSTOOD.contains(label) || understood.contains(label);
    let check = |value: &Value| {
        let label = value.as_i64().filter(|label| known(label) && header.get(*label).is_some());
        label.ok_or_else(|| Sign1Error::Critical { label: value.clone() })
    };
    labels.iter().map(check).collect()
}

/// RFC 9360 §2: [hash algorithm, hash]; SHA-256 alone is read, and another is refused rather than
/// passed by, since a caller that asks for the field would find none.
fn certificate_hash(value: &Value) -> Result<[u8; 32], Sign1Error> {
    let wrong = Sign1Error::HeaderType { label: label::X5T };
    match value.as_array() {
        Some([alg, Value::Bytes(hash)]) if alg.as_i64() == Some(SHA_256) => {
            hash.as_slice().try_into().map_err(|_| wrong)
        }
        _ => Err(wrong),
    }
}
