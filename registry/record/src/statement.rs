//! A signed statement: the one spelling of an entry of the log, and what its payload says.

use cose::cbor::Value;
use cose::key::{Algorithm, PublicKey, Signer};
use cose::sign1::{self, Claims, ContentType, Envelope, Protected, Sign1Error};

use crate::accreditation::Accreditation;
use crate::arrangement::{Arrangement, ArrangementAcceptance};
use crate::certificate::Certificate;
use crate::edition::{FactorSetStatement, MethodStatement};
use crate::json::{self, PayloadError};
use crate::media;
use crate::registry::{Anchor, LogIdentity, LogRollover, RegistrationPolicy};
use crate::revocation::KeyRevocation;
use crate::status::StatusEvent;

/// Largest entry: the payload's limit, its header and its signature.
pub const MAX_ENTRY_BYTES: usize = 56 << 10;

/// What a payload says, by media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Leaf 0.
    LogIdentity(Box<LogIdentity>),
    /// Leaf 1.
    RegistrationPolicy(Box<RegistrationPolicy>),
    /// New keys of the log.
    LogRollover(Box<LogRollover>),
    /// An anchored party.
    Anchor(Box<Anchor>),
    /// An accreditation.
    Accreditation(Box<Accreditation>),
    /// A certificate.
    Certificate(Box<Certificate>),
    /// A change of state.
    StatusEvent(Box<StatusEvent>),
    /// A revocation of a key.
    KeyRevocation(Box<KeyRevocation>),
    /// An arrangement.
    Arrangement(Box<Arrangement>),
    /// Its acceptance.
    ArrangementAcceptance(Box<ArrangementAcceptance>),
    /// An edition of a method.
    Method(Box<MethodStatement>),
    /// An edition of a set of factors.
    FactorSet(Box<FactorSetStatement>),
}

/// Why bytes are no entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Too long.
    #[error("the statement has {size} bytes: at most {MAX_ENTRY_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not a COSE_Sign1 that we accept.
    #[error(transparent)]
    Envelope(#[from] Sign1Error),
    /// A COSE_Sign1, but not in the one spelling of an entry.
    #[error("not an entry: {what}")]
    Form {
        /// What is not as it must be.
        what: &'static str,
    },
    /// A content type that is not registered.
    #[error("content type {media_type} is not registered here")]
    MediaType {
        /// The type found.
        media_type: String,
    },
    /// The payload does not fit its schema.
    #[error("payload: {0}")]
    Payload(#[from] PayloadError),
    /// Header and payload disagree.
    #[error("header and payload disagree on {field}: {header:?} and {payload:?}")]
    Mismatch {
        /// Which field.
        field: &'static str,
        /// In the header.
        header: String,
        /// In the payload.
        payload: String,
    },
}

/// An entry, decoded; its signature is not checked until [`SignedStatement::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    envelope: Envelope,
    media_type: String,
    issuer: String,
    subject: String,
    kid: String,
    content: Content,
}

/// What stands in the header of a statement to sign.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// Content type.
    pub media_type: &'a str,
    /// DID of the signer.
    pub issuer: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// SHA-256 of the signer's certificate; the log and its operator have none.
    pub x5t: Option<[u8; 32]>,
}

/// Key id: the DID URL of a key, by certificate or by thumbprint.
pub fn key_id(issuer: &str, digest: &[u8; 32]) -> String {
    format!("{issuer}#{}", hex::encode(&digest[..8]))
}

/// Signs a payload as an entry: deterministic protected header, empty unprotected header, tag 18.
///
/// # Errors
/// Those of the signer.
pub fn sign(signer: &dyn Signer, heading: &Heading<'_>, payload: &[u8]) -> Result<Vec<u8>, Sign1Error> {
    let digest = heading.x5t.unwrap_or_else(|| signer.public_key().thumbprint());
    let protected = Protected {
        alg: signer.algorithm(),
        crit: Vec::new(),
        content_type: Some(ContentType::Media(heading.media_type.to_owned())),
        kid: Some(key_id(heading.issuer, &digest).into_bytes()),
        claims: Some(Claims::new(heading.issuer, heading.subject)),
        typ: (heading.media_type == media::CERTIFICATE).then(|| media::CERTIFICATE_ENVELOPE.to_owned()),
        x5t: heading.x5t,
        other: Vec::new(),
    };
    sign1::sign(signer, &protected, payload)
}

impl SignedStatement {
    /// Reads an entry: form, header, payload against its closed schema, agreement of the two.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_entry(bytes: &[u8]) -> Result<Self, StatementError> {
        let form = |what| StatementError::Form { what };
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(StatementError::TooLarge { size: bytes.len() });
        }
        let envelope = Envelope::decode(bytes)?;
        if envelope.unprotected() != &Value::Map(Vec::new()) {
            return Err(form("the unprotected header must be empty: it is not signed"));
        }
        if !envelope.protected_is_deterministic() || envelope.encode() != bytes {
            return Err(form("not the deterministic encoding"));
        }
        let protected = envelope.protected();
        let payload = envelope.payload().ok_or_else(|| form("the payload must be attached"))?;
        if !protected.other.is_empty() || !protected.crit.is_empty() {
            return Err(form("a header parameter that entries do not have"));
        }
        let media_type = protected
            .content_type
            .as_ref()
            .and_then(ContentType::as_media)
            .ok_or_else(|| form("label 3 must be a media type"))?
            .to_owned();
        let claims = protected.claims.as_ref().ok_or_else(|| form("label 15 must hold the claims"))?;
        if !claims.other.is_empty() {
            return Err(form("a claim that entries do not have"));
        }
        let issuer = claims.iss.clone().ok_or_else(|| form("claim 1 must name the issuer"))?;
        let subject = claims.sub.clone().ok_or_else(|| form("claim 2 must name the subject"))?;
        let kid = protected
            .kid
            .clone()
            .and_then(|kid| String::from_utf8(kid).ok())
            .ok_or_else(|| form("label 4 must be a DID URL"))?;
        if let Some(x5t) = &protected.x5t {
            agree("kid", &kid, &key_id(&issuer, x5t))?;
        } else if !kid.starts_with(&format!("{issuer}#")) {
            return Err(form("label 4 must be a DID URL of the issuer"));
        }
        let typ = (media_type == media::CERTIFICATE).then_some(media::CERTIFICATE_ENVELOPE);
        if protected.typ.as_deref() != typ {
            return Err(form("label 16 must be application/vc+cose on a certificate and absent elsewhere"));
        }
        let content = Content::read(&media_type, payload)?;
        let (said_issuer, said_subject) = content.names();
        agree("issuer", &issuer, said_issuer)?;
        agree("subject", &subject, said_subject)?;
        Ok(SignedStatement { media_type, issuer, subject, kid, content, envelope })
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`Sign1Error`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), Sign1Error> {
        self.envelope.verify(key)
    }

    /// Content type.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// DID of the signer, as header and payload say.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it is about, as header and payload say.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Algorithm of the signature.
    pub fn algorithm(&self) -> Algorithm {
        self.envelope.protected().alg
    }

    /// SHA-256 of the signer's certificate.
    pub fn x5t(&self) -> Option<[u8; 32]> {
        self.envelope.protected().x5t
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Issuer, subject and content, without the bytes.
    pub fn into_content(self) -> (String, String, Content) {
        (self.issuer, self.subject, self.content)
    }

    /// The payload, as signed.
    pub fn payload(&self) -> &[u8] {
        self.envelope.payload().unwrap_or_default()
    }
}

fn agree(field: &'static str, header: &str, payload: &str) -> Result<(), StatementError> {
    if header == payload {
        return Ok(());
    }
    Err(StatementError::Mismatch { field, header: header.to_owned(), payload: payload.to_owned() })
}

impl Content {
    fn read(media_type: &str, payload: &[u8]) -> Result<Self, StatementError> {
        Ok(match media_type {
            media::LOG_IDENTITY => Content::LogIdentity(Box::new(json::read(payload)?)),
            media::REGISTRATION_POLICY => Content::RegistrationPolicy(Box::new(json::read(payload)?)),
            media::LOG_ROLLOVER => Content::LogRollover(Box::new(json::read(payload)?)),
            media::ANCHOR => Content::Anchor(Box::new(Anchor::from_payload(payload)?)),
            media::ACCREDITATION => Content::Accreditation(Box::new(Accreditation::from_payload(payload)?)),
            media::CERTIFICATE => Content::Certificate(Box::new(Certificate::from_payload(payload)?)),
            media::STATUS_EVENT => Content::StatusEvent(Box::new(StatusEvent::from_payload(payload)?)),
            media::KEY_REVOCATION => Content::KeyRevocation(Box::new(KeyRevocation::from_payload(payload)?)),
            media::ARRANGEMENT => Content::Arrangement(Box::new(Arrangement::from_payload(payload)?)),
            media::ARRANGEMENT_ACCEPTANCE => {
                Content::ArrangementAcceptance(Box::new(ArrangementAcceptance::from_payload(payload)?))
            }
            media::METHOD => Content::Method(Box::new(MethodStatement::from_payload(payload)?)),
            media::FACTOR_SET => Content::FactorSet(Box::new(FactorSetStatement::from_payload(payload)?)),
            other => return Err(StatementError::MediaType { media_type: other.chars().take(100).collect() }),
        })
    }

    /// Issuer and subject, as the payload says: what the header must repeat.
    pub fn names(&self) -> (&str, &str) {
        match self {
            Content::LogIdentity(identity) => (&identity.id, &identity.origin),
            Content::RegistrationPolicy(policy) => (&policy.id, &policy.origin),
            Content::LogRollover(rollover) => (&rollover.id, &rollover.origin),
            Content::Anchor(anchor) => (&anchor.operator, &anchor.id),
            Content::Accreditation(accreditation) => (&accreditation.issuer.id, &accreditation.id),
            Content::Certificate(certificate) => (&certificate.issuer.id, &certificate.credential_subject.id),
            Content::StatusEvent(event) => (&event.issuer, &event.subject),
            Content::KeyRevocation(revocation) => (&revocation.issuer, &revocation.body),
            Content::Arrangement(arrangement) => (&arrangement.asking_party, &arrangement.id),
            Content::ArrangementAcceptance(acceptance) => (&acceptance.issuer, &acceptance.arrangement),
            Content::Method(method) => (&method.issuer, &method.id),
            Content::FactorSet(set) => (&set.issuer, &set.id),
        }
    }
}
