//! Accreditation: a UNTP Digital Identity Anchor in which an accreditation body says what a certification body may
//! attest, where and when, and with which keys. Scope is here and not in X.509.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::certificate::{IdentifierScheme, Issuer, Party, TERMS_CONTEXT, UNTP_CONTEXT, VC_CONTEXT};
use crate::json::{self, Der, PayloadError};
use crate::name;

/// One line of scope: every condition must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// Scheme, by URI.
    pub scheme: String,
    /// CN codes or their beginnings: `2523` covers `25232900`.
    pub product_classes: Vec<String>,
    /// UNTP attestation types.
    pub attestation_types: Vec<String>,
    /// ISO 3166-1 alpha-2 codes of the countries of production.
    pub countries: Vec<String>,
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
}

/// What is asked of a scope.
#[derive(Debug, Clone, Copy)]
pub struct ScopeQuery<'a> {
    /// Scheme, by URI.
    pub scheme: &'a str,
    /// CN code.
    pub product_class: &'a str,
    /// UNTP attestation type.
    pub attestation_type: &'a str,
    /// Country of production.
    pub country: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The clause of a scope that does not hold, with the nearest cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{clause}: asked {asked}, covered {covered}")]
pub struct OutOfScope {
    /// Which clause.
    pub clause: &'static str,
    /// What was asked.
    pub asked: String,
    /// What the line that came nearest covers.
    pub covered: String,
}

impl Scope {
    /// How many clauses hold, and the first that does not.
    fn judge(&self, query: &ScopeQuery<'_>) -> (usize, Option<OutOfScope>) {
        let outside =
            |clause, asked: &str, covered: String| Some(OutOfScope { clause, asked: asked.to_owned(), covered });
        let has = |list: &[String], item: &str| list.iter().any(|x| x == item);
        if self.scheme != query.scheme {
            return (0, outside("scheme", query.scheme, self.scheme.clone()));
        }
        if !has(&self.attestation_types, query.attestation_type) {
            return (1, outside("attestation type", query.attestation_type, self.attestation_types.join(", ")));
        }
        if !self.product_classes.iter().any(|class| query.product_class.starts_with(class.as_str())) {
            return (2, outside("product class", query.product_class, self.product_classes.join(", ")));
        }
        if !has(&self.countries, query.country) {
            return (3, outside("country", query.country, self.countries.join(", ")));
        }
        if query.at < self.from || query.at >= self.until {
            return (4, outside("date", &query.at.to_string(), format!("{} to {}", self.from, self.until)));
        }
        (5, None)
    }
}

/// Subject of the anchor: the accredited body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccreditedBody {
    /// UNTP type.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// DID of the body.
    pub id: String,
    /// Its name.
    pub registered_name: String,
    /// Accreditation number.
    pub registered_id: String,
    /// Since when.
    pub registered_date: Date,
    /// The accreditation body's numbering.
    pub id_scheme: IdentifierScheme,
    /// The accreditation body.
    pub registrar: Party,
    /// UNTP register type: `accreditation`.
    pub register_type: String,
    /// Organisation id of the body's callers (our term).
    pub organization: String,
    /// Lines of scope (our term).
    pub accreditation_scope: Vec<Scope>,
    /// Certificates of the keys with which the body signs (our term).
    pub signing_certificates: Vec<Der>,
}

/// An accreditation statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accreditation {
    /// JSON-LD contexts.
    #[serde(rename = "@context")]
    pub context: Vec<String>,
    /// Credential types.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// The statement's own id.
    pub id: String,
    /// The accreditation body.
    pub issuer: Issuer,
    /// First instant.
    pub valid_from: Timestamp,
    /// First instant after.
    pub valid_until: Timestamp,
    /// Title.
    pub name: String,
    /// The accredited body.
    pub credential_subject: AccreditedBody,
}

/// What an accreditation is made from.
#[derive(Debug, Clone)]
pub struct AccreditationGrant {
    /// The statement's id (URI).
    pub id: String,
    /// Accreditation body: DID and name.
    pub issuer: (String, String),
    /// Accredited body: DID and name.
    pub body: (String, String),
    /// Organisation id of its callers.
    pub organization: String,
    /// Accreditation number.
    pub number: String,
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
    /// Lines of scope.
    pub scope: Vec<Scope>,
    /// Signing certificates, DER.
    pub signing_certificates: Vec<Vec<u8>>,
}

impl Accreditation {
    /// Makes the statement.
    pub fn new(grant: AccreditationGrant) -> Self {
        let text = str::to_owned;
        Accreditation {
            context: vec![text(VC_CONTEXT), text(UNTP_CONTEXT), text(TERMS_CONTEXT)],
            types: vec![text("DigitalIdentityAnchor"), text("VerifiableCredential")],
            id: grant.id,
            issuer: Issuer::new(&grant.issuer.0, &grant.issuer.1),
            valid_from: grant.from,
            valid_until: grant.until,
            name: format!("Accreditation of {}", grant.body.1),
            credential_subject: AccreditedBody {
                types: vec![text("RegisteredIdentity")],
                id: grant.body.0,
                registered_name: grant.body.1,
                registered_id: grant.number,
                registered_date: grant.from.to_zoned(jiff::tz::TimeZone::UTC).date(),
                id_scheme: IdentifierScheme::new(
                    &grant.issuer.0,
                    &format!("Accreditation numbers of {}", grant.issuer.1),
                ),
                registrar: Party::new(&grant.issuer.0, &grant.issuer.1),
                register_type: text("accreditation"),
                organization: grant.organization,
                accreditation_scope: grant.scope,
                signing_certificates: grant.signing_certificates.into_iter().map(Der).collect(),
            },
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: Accreditation = json::read(bytes)?;
        let subject = &read.credential_subject;
        name::check_did(&read.issuer.id).map_err(|e| PayloadError::rule("issuer.id", e.to_string()))?;
        name::check_did(&subject.id).map_err(|e| PayloadError::rule("credentialSubject.id", e.to_string()))?;
        name::check_id(&subject.organization)
            .map_err(|e| PayloadError::rule("credentialSubject.organization", e.to_string()))?;
        if !read.types.iter().any(|t| t == "DigitalIdentityAnchor") {
            return Err(PayloadError::rule("type", "must name DigitalIdentityAnchor"));
        }
        if read.valid_from >= read.valid_until {
            return Err(PayloadError::rule("validUntil", "must be later than validFrom"));
        }
        if subject.accreditation_scope.is_empty() {
            return Err(PayloadError::rule("credentialSubject.accreditationScope", "name at least one line of scope"));
        }
        // Classes are matched by their beginning: an empty one would cover everything.
        if subject.accreditation_scope.iter().any(|scope| scope.product_classes.iter().any(String::is_empty)) {
            return Err(PayloadError::rule(
                "credentialSubject.accreditationScope.productClasses",
                "must not be empty text",
            ));
        }
        if subject.signing_certificates.is_empty() {
            return Err(PayloadError::rule("credentialSubject.signingCertificates", "name at least one certificate"));
        }
        Ok(read)
    }

    /// Whether the scope covers what is asked.
    ///
    /// # Errors
    /// [`OutOfScope`] of the line that came nearest.
    pub fn covers(&self, query: &ScopeQuery<'_>) -> Result<(), OutOfScope> {
        if query.at < self.valid_from || query.at >= self.valid_until {
            return Err(OutOfScope {
                clause: "date",
                asked: query.at.to_string(),
                covered: format!("{} to {}", self.valid_from, self.valid_until),
            });
        }
        let mut nearest = (0, None);
        for scope in &self.credential_subject.accreditation_scope {
            match scope.judge(query) {
                (_, None) => return Ok(()),
                (held, outside) if nearest.1.is_none() || held > nearest.0 => nearest = (held, outside),
                _ => {}
            }
        }
        Err(nearest.1.unwrap_or(OutOfScope {
            clause: "scheme",
            asked: query.scheme.to_owned(),
            covered: String::new(),
        }))
    }
}
