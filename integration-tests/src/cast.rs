//! Who plays: organisations with their keys, and the people who call for them.

use std::sync::Arc;

use cose::key::SigningKey;
use runtime::{Caller, Role};
use touchstone::identities::{Authority, IdentityError, Pair};

/// DID of the log.
pub const LOG_ID: &str = "did:web:log.example";
/// Origin of the log.
pub const ORIGIN: &str = "log.example/touchstone";
/// Base of identifiers.
pub const BASE: &str = "https://registry.example";
/// Country of the plant: a code that ISO 3166-1 leaves to users, for a country that does not exist.
pub const COUNTRY: &str = "XA";

/// An organisation that signs statements.
pub struct Organization {
    /// Organisation id of its callers.
    pub id: &'static str,
    /// DID.
    pub did: &'static str,
    /// Name.
    pub name: &'static str,
    /// Signing certificate.
    pub certificate: Pair,
    /// Signing key.
    pub key: Arc<SigningKey>,
}

/// Everybody.
pub struct Cast {
    /// Accreditation body, and its authority.
    pub accreditation_body: Organization,
    /// Authority of the accreditation body: certifies its own key and those of the bodies.
    pub accreditation_authority: Authority,
    /// Certification body.
    pub certification_body: Organization,
    /// Partner regulator, and its authority.
    pub regulator: Organization,
    /// Authority of the regulator.
    pub regulator_authority: Authority,
    /// National supervisor, who signs arrangements for the providing country.
    pub supervisor: Organization,
    /// Authority of the supervisor.
    pub supervisor_authority: Authority,
}

fn organization(
    authority: &Authority,
    id: &'static str,
    did: &'static str,
    name: &'static str,
) -> Result<Organization, IdentityError> {
    let (certificate, key) = authority.signer(did, name)?;
    Ok(Organization { id, did, name, certificate, key: Arc::new(key) })
}

impl Cast {
    /// New keys for everybody.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn new() -> Result<Self, IdentityError> {
        let accreditation_authority = Authority::new("Example Accreditation authority")?;
        let regulator_authority = Authority::new("Partner Customs authority")?;
        let supervisor_authority = Authority::new("National Supervisor authority")?;
        Ok(Cast {
            accreditation_body: organization(
                &accreditation_authority,
                "accreditation",
                "did:web:accreditation.example",
                "Example Accreditation",
            )?,
            certification_body: organization(
                &accreditation_authority,
                "green-cert",
                "did:web:green-cert.example",
                "Green Cert",
            )?,
            regulator: organization(
                &regulator_authority,
                "partner-customs",
                "did:web:customs.partner.example",
                "Partner Customs",
            )?,
            supervisor: organization(
                &supervisor_authority,
                "supervisor",
                "did:web:supervisor.example",
                "National Supervisor",
            )?,
            accreditation_authority,
            regulator_authority,
            supervisor_authority,
        })
    }
}

fn person(organization: &str, role: Role, person: &str) -> Caller {
    Caller { organization: organization.into(), role, person: person.into() }
}

/// The exporter's engineer.
pub fn exporter() -> Caller {
    person("cement-bubble", Role::Exporter, "elif")
}

/// The reviewer of the certification body.
pub fn reviewer() -> Caller {
    person("green-cert", Role::Reviewer, "rosa")
}

/// The decider of the certification body.
pub fn decider() -> Caller {
    person("green-cert", Role::Decider, "dan")
}

/// The officer of the accreditation body.
pub fn accreditor() -> Caller {
    person("accreditation", Role::AccreditationBody, "ada")
}

/// The officer of the partner regulator.
pub fn regulator() -> Caller {
    person("partner-customs", Role::Regulator, "pia")
}

/// The officer of the supervisor.
pub fn supervisor() -> Caller {
    person("supervisor", Role::Supervisor, "sven")
}

/// The operator.
pub fn operator() -> Caller {
    person("operator", Role::Operator, "otto")
}
