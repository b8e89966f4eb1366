//! Who calls: organisation, role and person, from the URI SAN of the client certificate.

use tonic::Request;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What a caller is to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Registers sites and instruments, sends readings, computes, applies.
    Exporter,
    /// Reviews applications for a certification body.
    Reviewer,
    /// Decides and signs for a certification body.
    Decider,
    /// Grants and suspends accreditations.
    AccreditationBody,
    /// Verifies for a partner country.
    Regulator,
    /// Signs arrangements for the providing country.
    Supervisor,
    /// Runs the registry.
    Operator,
    /// Another service of the same installation.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 8] = [
        Role::Exporter,
        Role::Reviewer,
        Role::Decider,
        Role::AccreditationBody,
        Role::Regulator,
        Role::Supervisor,
        Role::Operator,
        Role::Service,
    ];

    /// The word in a certificate and in messages.
    pub fn word(self) -> &'static str {
        match self {
            Role::Exporter => "exporter",
            Role::Reviewer => "reviewer",
            Role::Decider => "decider",
            Role::AccreditationBody => "accreditation-body",
            Role::Regulator => "regulator",
            Role::Supervisor => "supervisor",
            Role::Operator => "operator",
            Role::Service => "service",
        }
    }
}

/// Organisation of the installation's own services.
pub const SERVICE_ORGANIZATION: &str = "touchstone";

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Organisation id.
    pub organization: String,
    /// Role.
    pub role: Role,
    /// Person id.
    pub person: String,
}

impl Caller {
    /// A service of the same installation: `name` tells which, or that it is in the same process.
    pub fn service(name: &str) -> Self {
        Caller { organization: SERVICE_ORGANIZATION.into(), role: Role::Service, person: name.into() }
    }

    /// The URI that names a caller in a certificate: `touchstone://{organization}/{role}/{person}`.
    pub fn uri(&self) -> String {
        format!("touchstone://{}/{}/{}", self.organization, self.role.word(), self.person)
    }

    /// Reads that URI. `None` when it is another one.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let mut parts = uri.strip_prefix("touchstone://")?.split('/');
        let (organization, role, person) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        record::name::check_id(organization).ok()?;
        record::name::check_id(person).ok()?;
        let role = Role::ALL.into_iter().find(|known| known.word() == role)?;
        Some(Caller { organization: organization.into(), role, person: person.into() })
    }

    /// The one caller named in a client certificate. `None` when there is none, more than one, or one that claims to be
    /// a service of the installation: services have another authority and another door.
    pub fn from_certificate(der: &[u8]) -> Option<Self> {
        Caller::named_in(der)
            .filter(|caller| caller.role != Role::Service && caller.organization != SERVICE_ORGANIZATION)
    }

    /// The service named in a certificate that comes from the services' own authority.
    pub fn service_from_certificate(der: &[u8]) -> Option<Self> {
        Caller::named_in(der).filter(Caller::is_service)
    }

    fn named_in(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok()??;
        let mut callers = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Caller::from_uri(uri),
            _ => None,
        });
        let caller = callers.next()?;
        callers.next().is_none().then_some(caller)
    }

    /// The caller of a request that has passed [`crate::access`].
    ///
    /// # Panics
    /// Never behind that layer, which lets no request pass without a caller.
    pub fn of<T>(request: &Request<T>) -> Caller {
        request.extensions().get::<Caller>().cloned().expect("the access layer sets the caller")
    }

    /// Whether the caller is a service of this installation.
    pub fn is_service(&self) -> bool {
        self.role == Role::Service && self.organization == SERVICE_ORGANIZATION
    }

    /// Whether a resource of this organisation is the caller's own (or the caller is a service acting for one that
    /// was checked at its own door).
    pub fn owns(&self, organization: &str) -> bool {
        self.is_service() || self.organization == organization
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_exactly_one_caller() {
        let caller = Caller { organization: "cement-bubble".into(), role: Role::Exporter, person: "elif".into() };
        assert_eq!(Caller::from_uri(&caller.uri()), Some(caller));
        for wrong in [
            "touchstone://cement-bubble/exporter",
            "touchstone://cement-bubble/exporter/elif/more",
            "touchstone://cement-bubble/king/elif",
            "touchstone://Cement/exporter/elif",
            "https://cement-bubble/exporter/elif",
            "",
        ] {
            assert_eq!(Caller::from_uri(wrong), None, "{wrong}");
        }
    }
}
