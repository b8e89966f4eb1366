//! COSE_Key (RFC 9052 §7; RFC 9053 §7.1, §7.2; RFC 8230 §4): a public key as a CBOR map.

use super::public::Material;
use super::{Algorithm, KeyError, PublicKey, table};
use crate::cbor::{self, Value};

// Common parameters (RFC 9052 §7.1).
const KTY: i64 = 1;
const ALG: i64 = 3;
const KEY_OPS: i64 = 4;
/// The key operation of checking signatures (RFC 9052 §7.1, table 5).
const VERIFY: i64 = 2;

// Key types, and their parameters: OKP and EC2 have crv, x, y, d at −1 to −4, RSA has n, e, d at −1 to −3.
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;

impl PublicKey {
    /// Reads a public COSE_Key: a map with `kty` OKP (Ed25519), EC2 (P-256, P-384, both coordinates) or RSA. `alg` and
    /// `key_ops` must allow to verify where they are present; other parameters, such as `kid`, are passed over.
    ///
    /// [`KeyError::PrivateKeyGiven`] when a private part is there, [`KeyError::UnsupportedKey`] for another type, curve
    /// or a compressed point, [`KeyError::Malformed`] for what is no COSE_Key in strict CBOR.
    pub fn from_cose_key(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        let malformed = KeyError::Malformed { what: "COSE_Key" };
        let map = cbor::decode(bytes).map_err(|_| malformed.clone())?;
        let kty = map.get(KTY).and_then(Value::as_i64).ok_or_else(|| malformed.clone())?;
        let part = |label: i64| map.get(label).and_then(Value::as_bytes).ok_or_else(|| malformed.clone());
        if map.get(if kty == RSA { -3 } else { -4 }).is_some() {
            return Err(KeyError::PrivateKeyGiven);
        }
        let unsupported = |what: String| KeyError::UnsupportedKey { what };
        let curve = map.get(-1).and_then(Value::as_i64);
        let fixed = table::fixed().find(|(_, fixed)| (fixed.cose_key.0, Some(fixed.cose_key.1)) == (kty, curve));
        let key = match (fixed, kty, curve) {
            (Some((kind, fixed)), ..) if fixed.is_point => {
                if map.get(-3).and_then(Value::as_bool).is_some() {
                    return Err(unsupported("EC2 with a compressed point; give y in full".to_owned()));
                }
                // RFC 9053 §7.1.1: both in the full width of the field.
                PublicKey::point(kind, part(-2)?, part(-3)?, "COSE_Key")?
            }
            (Some((kind, _)), ..) => PublicKey::new(Material::Fixed(kind, part(-2)?.to_vec()))?,
            (None, RSA, _) => PublicKey::rsa(part(-1)?, part(-2)?)?,
            (None, OKP | EC2, Some(crv)) => return Err(unsupported(format!("COSE_Key of type {kty} and curve {crv}"))),
            (None, OKP | EC2, None) => return Err(malformed),
            (None, kty, _) => return Err(unsupported(format!("COSE_Key of type {kty}"))),
        };
        if let Some(alg) = map.get(ALG) {
            let alg = Algorithm::from_code(alg.as_i64().ok_or_else(|| malformed.clone())?)?;
            if alg.key_kind() != key.kind() {
                return Err(KeyError::AlgorithmMismatch { alg, key: key.kind() });
            }
        }
        match map.get(KEY_OPS).map(Value::as_array) {
            None => Ok(key),
            Some(Some(ops)) if ops.iter().any(|op| op.as_i64() == Some(VERIFY)) => Ok(key),
            Some(Some(_)) => Err(unsupported("COSE_Key whose key_ops do not allow to verify".to_owned())),
            Some(None) => Err(malformed),
        }
    }
}
