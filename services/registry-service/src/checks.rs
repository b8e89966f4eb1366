//! What a statement must fulfil to be registered, in order: size and form (done by `SignedStatement`), signer, path,
//! accreditation, subject. Pure: the index and the time are arguments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cose::key::PublicKey;
use cose::x509::{Certificate as X509, verify_path};
use jiff::{SignedDuration, Timestamp};
use proto::registry::ErrorReason as Reason;
use record::accreditation::ScopeQuery;
use record::registry::AnchorRole;
use record::revocation::{KeyRevocation, KeyThumbprint, whole_second};
use record::statement::{Content, SignedStatement};
use record::status::State;
use runtime::{Caller, Refusal};
use tonic::Code;

use crate::error::refuse;
use crate::index::Index;

/// How far a body's clock may be behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Paths kept: as many as there are signing certificates in use, and room for mistakes.
const MAX_PATHS: usize = 4_096;

/// Certificates whose path to an authority was found good. The bytes are the same for every statement that they sign, so
/// the signature over them is checked once; dates and names are looked at every time.
#[derive(Default)]
pub struct Paths(Mutex<HashMap<PathKey, Arc<X509>>>);

/// Digests of certificate and authority.
type PathKey = ([u8; 32], [u8; 32]);

impl Paths {
    fn known(&self, key: &PathKey, now: Timestamp) -> Option<Arc<X509>> {
        let known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(key).cloned();
        known.filter(|known| (known.not_before()..=known.not_after()).contains(&now.as_second()))
    }

    fn keep(&self, key: PathKey, certificate: Arc<X509>) {
        let mut known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known.len() >= MAX_PATHS {
            known.clear();
        }
        known.insert(key, certificate);
    }
}

/// What entitles to register, besides the log itself.
pub struct Entitled<'a> {
    /// DID and key of the operator: anchors.
    pub operator: (&'a str, &'a PublicKey),
    /// Who registers.
    pub caller: &'a Caller,
    /// Paths known.
    pub paths: &'a Paths,
}

/// Who signed: what the caller must be to register it.
struct Signer {
    organization: String,
}

/// Checks a statement against the index. `now` stands for log time: the epoch that covers the leaf comes within
/// minutes, and the verdict judges again at that time.
///
/// # Errors
/// One stable reason each.
pub fn check(
    statement: &SignedStatement,
    index: &Index,
    entitled: &Entitled<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Entitled { operator, caller, paths } = *entitled;
    let own = matches!(
        statement.content(),
        Content::LogIdentity(_) | Content::RegistrationPolicy(_) | Content::LogRollover(_)
    );
    if let Some(policy) = index.policy.as_ref().filter(|_| !own)
        && !policy.media_types.iter().any(|named| named == statement.media_type())
    {
        let message = format!("the registration policy in leaf 1 of this log does not name {}", statement.media_type());
        return Err(
            refuse(Code::InvalidArgument, Reason::MediaTypeUnknown, message).with("media_type", statement.media_type())
        );
    }
    let signer = match statement.content() {
        Content::LogIdentity(_) | Content::RegistrationPolicy(_) | Content::LogRollover(_) => {
            return Err(refuse(
                Code::PermissionDenied,
                Reason::SignerNotEntitled,
                "the log writes its first leaves and its rollovers itself",
            ));
        }
        Content::Anchor(anchor) => {
            operator_signed(statement, operator)?;
            let authority = anchor.authority.0.as_slice();
            for der in &anchor.signing_certificates {
                path(&der.0, authority, &anchor.id, paths, now)?;
            }
            Signer { organization: caller.organization.clone() }
        }
        Content::Accreditation(accreditation) => {
            let signer = anchored(statement, index, AnchorRole::AccreditationBody, paths, now)?;
            let authority = &index.anchors[statement.issuer()].1.authority.0;
            let body = &accreditation.credential_subject;
            for der in &body.signing_certificates {
                let certificate = path(&der.0, authority, &body.id, paths, now)?;
                let key = KeyThumbprint(certificate.public_key().thumbprint());
                if let Some(revoked) = index.ledger.key_of(&body.id, key).and_then(|key| index.ledger.revoked(key)) {
                    return Err(key_revoked(revoked, "the accreditation vouches for a key that is revoked"));
                }
            }
            signer
        }
        Content::Arrangement(_) => anchored(statement, index, AnchorRole::ArrangementParty, paths, now)?,
        Content::ArrangementAcceptance(acceptance) => {
            let known = index
                .arrangements
                .values()
                .find(|(_, arrangement, digest)| {
                    arrangement.id == acceptance.arrangement && *digest == acceptance.digest
                })
                .ok_or_else(|| {
                    refuse(Code::FailedPrecondition, Reason::SubjectUnknown, "no such arrangement is in the log")
                        .with("arrangement", &acceptance.arrangement)
                })?;
            if known.1.providing_party != acceptance.issuer {
                return Err(not_entitled("only the providing party accepts an arrangement", statement.issuer()));
            }
            anchored(statement, index, AnchorRole::ArrangementParty, paths, now)?
        }
        Content::Certificate(_) => certificate(statement, index, paths, now)?,
        Content::KeyRevocation(revocation) => key_revocation(statement, revocation, index, paths, now)?,
        Content::Method(method) => {
            let missing = method.factor_sets.iter().find(|set| !index.factor_sets.contains_key(&set.digest));
            if let Some(set) = missing {
                let message = format!(
                    "the set of factors {} {} with digest {} is not in the log: publish it before the method",
                    set.id, set.version, set.digest
                );
                return Err(
                    refuse(Code::FailedPrecondition, Reason::SubjectUnknown, message).with("factor_set", &set.id)
                );
            }
            edition(statement, method.supersedes.as_deref(), index, paths, now)?
        }
        Content::FactorSet(set) => edition(statement, set.supersedes.as_deref(), index, paths, now)?,
        Content::StatusEvent(event) => {
            let target = index.by_subject.get(&event.subject).ok_or_else(|| {
                refuse(Code::FailedPrecondition, Reason::SubjectUnknown, "the log holds nothing with this subject")
                    .with("subject", &event.subject)
            })?;
            if *index.issuers[*target as usize] != *event.issuer {
                return Err(not_entitled("only the issuer of a statement changes its state", statement.issuer()));
            }
            // A return to active counts from now on: dated back, it would erase what it ends.
            if event.state == State::Active && event.effective < now.saturating_sub(CLOCK_SKEW).unwrap_or(now) {
                return Err(not_allowed(
                    format!(
                        "effective {} is in the past: a return to active counts from now ({now}) on",
                        event.effective
                    ),
                    "effective",
                    event.effective.to_string(),
                ));
            }
            if event.issuer == operator.0 {
                operator_signed(statement, operator)?;
                Signer { organization: caller.organization.clone() }
            } else {
                vouched(statement, index, paths, now)?
            }
        }
    };
    if signer.organization != caller.organization {
        return Err(refuse(
            Code::PermissionDenied,
            Reason::RegistrantMismatch,
            format!(
                "signed by {}, registered by {}: each registers what it signed",
                signer.organization, caller.organization
            ),
        ));
    }
    sequence(statement, index, now)
}

/// What must still hold at the moment of sequencing: subjects are used once, final states stay, whoever vouches is
/// active, and no key is revoked.
///
/// # Errors
/// `SUBJECT_IN_USE`, `STATE_NOT_ALLOWED`, `SIGNER_KEY_REVOKED`, `ACCREDITATION_NOT_ACTIVE`.
pub fn sequence(statement: &SignedStatement, index: &Index, now: Timestamp) -> Result<(), Refusal> {
    let in_use = |subject: &str, leaf: u64| {
        Err(refuse(
            Code::AlreadyExists,
            Reason::SubjectInUse,
            format!("leaf {leaf} has the subject {subject}: statements are never replaced by others of the same name"),
        )
        .with("subject", subject)
        .with("leaf", leaf.to_string()))
    };
    not_revoked(statement, index)?;
    match statement.content() {
        Content::KeyRevocation(revocation) => {
            let known = index.ledger.key_of(&revocation.body, revocation.key).and_then(|key| index.ledger.revoked(key));
            match known.filter(|(cut_off, _)| whole_second(revocation.cut_off) >= *cut_off) {
                None => Ok(()),
                Some((cut_off, leaf)) => {
                    let message = format!(
                        "the key is revoked from {cut_off} on, since leaf {leaf}: a later statement sets the cut-off earlier"
                    );
                    Err(not_allowed(message, "cut_off", cut_off.to_string()))
                }
            }
        }
        Content::StatusEvent(event) => {
            let Some(&target) = index.by_subject.get(&event.subject) else { return Ok(()) };
            let last = index.records.get(&target).and_then(|record| record.history.last());
            let now = last.map_or(State::Active, |step| step.state);
            // What a revoked key signed is confirmed by a return to active.
            let confirms = now == State::Active && index.may_be_confirmed(target);
            if now.is_final() || now == event.state && !confirms {
                let message = format!("{} is {}: {} cannot follow", event.subject, now.word(), event.state.word());
                return Err(not_allowed(message, "state", now.word()));
            }
            if let Some(last) = last.filter(|last| event.effective < last.effective) {
                let message = format!(
                    "effective {} is before {}, when it became {}",
                    event.effective,
                    last.effective,
                    now.word()
                );
                return Err(not_allowed(message, "effective", event.effective.to_string()));
            }
            Ok(())
        }
        Content::ArrangementAcceptance(acceptance) => {
            // Its subject is the arrangement's; what events about it name is its own id.
            if let Some(leaf) = index.acceptances.get(&acceptance.arrangement) {
                return in_use(&acceptance.arrangement, *leaf);
            }
            match index.by_subject.get(&acceptance.id) {
                Some(leaf) => in_use(&acceptance.id, *leaf),
                None => Ok(()),
            }
        }
        Content::Certificate(certificate) => {
            let named = &certificate.credential_subject.authorisation[0].endorsement_evidence.digest_multibase;
            if let Some((leaf, _)) = index.accreditations.get(named) {
                active(*leaf, "accreditation", index, now)?;
            }
            let number = index.certificates.get(certificate.number()).map(|known| known.leaf);
            match index.by_subject.get(statement.subject()).copied().or(number) {
                Some(leaf) => in_use(statement.subject(), leaf),
                None => Ok(()),
            }
        }
        Content::Arrangement(arrangement) => {
            let number = index.arrangements.get(arrangement.number()).map(|(leaf, ..)| *leaf);
            match index.by_subject.get(statement.subject()).copied().or(number) {
                Some(leaf) => in_use(statement.subject(), leaf),
                None => Ok(()),
            }
        }
        _ => match index.by_subject.get(statement.subject()) {
            Some(leaf) => in_use(statement.subject(), *leaf),
            None => Ok(()),
        },
    }
}

/// Nothing is registered that a revoked key signed.
fn not_revoked(statement: &SignedStatement, index: &Index) -> Result<(), Refusal> {
    match index.revoked_signer(statement) {
        None => Ok(()),
        Some(revoked) => Err(key_revoked(revoked, "the signing key is revoked").with("kid", statement.kid())),
    }
}

fn key_revoked((cut_off, leaf): (Timestamp, u64), what: &str) -> Refusal {
    let message = format!(
        "{what} from {cut_off} on, since leaf {leaf}: sign with another key that the accreditation vouches for"
    );
    refuse(Code::PermissionDenied, Reason::SignerKeyRevoked, message)
        .with("cut_off", cut_off.to_string())
        .with("leaf", leaf.to_string())
}

fn not_allowed(message: String, key: &'static str, value: impl Into<String>) -> Refusal {
    refuse(Code::FailedPrecondition, Reason::StateNotAllowed, message).with(key, value)
}

fn not_entitled(message: &str, issuer: &str) -> Refusal {
    refuse(Code::PermissionDenied, Reason::SignerNotEntitled, format!("{message}; {issuer} is another"))
        .with("issuer", issuer)
}

fn signature_invalid(error: impl std::fmt::Display) -> Refusal {
    refuse(Code::InvalidArgument, Reason::SignatureInvalid, format!("the signature does not fit: {error}"))
}

/// Whoever vouches must be active: an accreditation for a body, an anchor for the parties under it.
fn active(leaf: u64, what: &str, index: &Index, now: Timestamp) -> Result<(), Refusal> {
    match index.state(leaf, now) {
        State::Active => Ok(()),
        state => Err(refuse(
            Code::PermissionDenied,
            Reason::AccreditationNotActive,
            format!("the {what} at leaf {leaf} is {}: ask who granted it", state.word()),
        )
        .with("leaf", leaf.to_string())
        .with("state", state.word())),
    }
}

fn operator_signed(statement: &SignedStatement, (id, key): (&str, &PublicKey)) -> Result<(), Refusal> {
    if statement.issuer() != id {
        return Err(not_entitled("only the operator registers anchors", statement.issuer()));
    }
    statement.verify(key).map_err(signature_invalid)
}

fn path(leaf: &[u8], authority: &[u8], did: &str, paths: &Paths, now: Timestamp) -> Result<Arc<X509>, Refusal> {
    let invalid = |problem: String| {
        refuse(Code::InvalidArgument, Reason::SignerPathInvalid, format!("certificate of {did}: {problem}"))
            .with("id", did)
    };
    let key = (cose::sha256(leaf), cose::sha256(authority));
    let certificate = match paths.known(&key, now) {
        Some(known) => known,
        None => {
            let certificate = X509::from_der(leaf).map_err(|e| invalid(e.to_string()))?;
            verify_path(&certificate, &[], &[authority.to_vec()], now.as_second())
                .map_err(|e| invalid(e.to_string()))?;
            let certificate = Arc::new(certificate);
            paths.keep(key, certificate.clone());
            certificate
        }
    };
    if !certificate.uris().iter().any(|uri| uri == did) {
        return Err(invalid("its subject alternative name is another".into()));
    }
    Ok(certificate)
}

fn signer_of(statement: &SignedStatement, index: &Index) -> Result<Vec<u8>, Refusal> {
    let der = statement.x5t().and_then(|x5t| index.signers.get(&x5t));
    der.cloned().ok_or_else(|| {
        refuse(
            Code::FailedPrecondition,
            Reason::SignerUnknown,
            "no accreditation or anchor in the log vouches for this signing certificate",
        )
        .with("kid", statement.kid())
    })
}

/// A statement of an anchored party.
fn anchored(
    statement: &SignedStatement,
    index: &Index,
    role: AnchorRole,
    paths: &Paths,
    now: Timestamp,
) -> Result<Signer, Refusal> {
    let der = signer_of(statement, index)?;
    let (leaf, anchor) = index.anchors.get(statement.issuer()).ok_or_else(|| {
        refuse(Code::FailedPrecondition, Reason::SignerUnknown, format!("{} is not anchored", statement.issuer()))
    })?;
    active(*leaf, "anchor", index, now)?;
    if anchor.role != role {
        return Err(not_entitled("this needs an anchor of another role", statement.issuer()));
    }
    let signer = path(&der, &anchor.authority.0, statement.issuer(), paths, now)?;
    statement.verify(signer.public_key()).map_err(signature_invalid)?;
    Ok(Signer { organization: anchor.organization.clone() })
}

/// An edition of a scheme's owner; it takes the place of one of its own.
fn edition(
    statement: &SignedStatement,
    supersedes: Option<&str>,
    index: &Index,
    paths: &Paths,
    now: Timestamp,
) -> Result<Signer, Refusal> {
    let signer = anchored(statement, index, AnchorRole::SchemeOwner, paths, now)?;
    if let Some(earlier) = supersedes {
        let leaf = index.by_subject.get(earlier).ok_or_else(|| {
            refuse(Code::FailedPrecondition, Reason::SubjectUnknown, "the edition that it supersedes is not in the log")
                .with("subject", earlier)
        })?;
        if *index.issuers[*leaf as usize] != *statement.issuer() {
            return Err(not_entitled("an edition supersedes only one of its own publisher", statement.issuer()));
        }
    }
    Ok(signer)
}

/// A statement of an anchored party or of an accredited body.
fn vouched(statement: &SignedStatement, index: &Index, paths: &Paths, now: Timestamp) -> Result<Signer, Refusal> {
    if let Some((_, anchor)) = index.anchors.get(statement.issuer()) {
        let signer = anchored(statement, index, anchor.role, paths, now)?;
        return not_revoked(statement, index).map(|()| signer);
    }
    let mut granted = index
        .accreditations
        .values()
        .filter(|(_, accreditation)| accreditation.credential_subject.id == statement.issuer())
        .peekable();
    if granted.peek().is_none() {
        return Err(refuse(
            Code::FailedPrecondition,
            Reason::AccreditationMissing,
            format!("no accreditation in the log names {}", statement.issuer()),
        )
        .with("issuer", statement.issuer()));
    }
    let der = signer_of(statement, index)?;
    // A body may have several accreditations, of several authorities: the one that vouches for this key counts.
    let (organization, authority) = granted
        .filter(|(_, accreditation)| {
            accreditation.credential_subject.signing_certificates.iter().any(|vouched| vouched.0 == der)
        })
        .find_map(|(_, accreditation)| {
            let (_, anchor) = index.anchors.get(&accreditation.issuer.id)?;
            Some((accreditation.credential_subject.organization.clone(), anchor.authority.0.clone()))
        })
        .ok_or_else(|| {
            refuse(
                Code::FailedPrecondition,
                Reason::SignerUnknown,
                format!("no accreditation of {} vouches for this signing certificate", statement.issuer()),
            )
            .with("kid", statement.kid())
        })?;
    let signer = path(&der, &authority, statement.issuer(), paths, now)?;
    statement.verify(signer.public_key()).map_err(signature_invalid)?;
    not_revoked(statement, index)?;
    Ok(Signer { organization })
}

/// A revocation of a body's key, by the body with another key or by an accreditation body that vouched for it.
fn key_revocation(
    statement: &SignedStatement,
    revocation: &KeyRevocation,
    index: &Index,
    paths: &Paths,
    now: Timestamp,
) -> Result<Signer, Refusal> {
    let key = index.ledger.key_of(&revocation.body, revocation.key).ok_or_else(|| {
        let message = format!("no accreditation of {} in the log vouches for this key", revocation.body);
        refuse(Code::FailedPrecondition, Reason::SubjectUnknown, message).with("key", revocation.key.to_string())
    })?;
    let mut vouching = index.accreditations.values().filter(|(leaf, _)| index.ledger.vouching(key).contains(leaf));
    let signer = if revocation.issuer == revocation.body {
        let signer = vouched(statement, index, paths, now)?;
        if index.ledger.signer(statement.issuer(), statement.x5t()) == Some(key) {
            return Err(not_entitled("a key does not revoke itself: sign with another key", statement.issuer()));
        }
        signer
    } else if vouching.any(|(_, accreditation)| accreditation.issuer.id == revocation.issuer) {
        anchored(statement, index, AnchorRole::AccreditationBody, paths, now)?
    } else {
        return Err(not_entitled(
            "only the body itself, or an accreditation body that vouched for it, revokes a key",
            statement.issuer(),
        ));
    };
    if revocation.cut_off > now.saturating_add(CLOCK_SKEW).unwrap_or(now) {
        let message = format!("the cut-off {} is in the future: it is {now}", revocation.cut_off);
        return Err(not_allowed(message, "cut_off", revocation.cut_off.to_string()));
    }
    Ok(signer)
}

fn certificate(statement: &SignedStatement, index: &Index, paths: &Paths, now: Timestamp) -> Result<Signer, Refusal> {
    let Content::Certificate(content) = statement.content() else {
        return Err(crate::error::internal("a certificate was expected"));
    };
    let signer = vouched(statement, index, paths, now)?;
    let named = &content.credential_subject.authorisation[0];
    let (leaf, accreditation) =
        index.accreditations.get(&named.endorsement_evidence.digest_multibase).ok_or_else(|| {
            refuse(
                Code::FailedPrecondition,
                Reason::AccreditationMissing,
                "the accreditation that the certificate names is not in the log",
            )
            .with("accreditation", &named.endorsement_evidence.link_url)
        })?;
    let body = &accreditation.credential_subject;
    if body.id != statement.issuer() || accreditation.issuer.id != named.issuing_authority.id {
        return Err(refuse(
            Code::PermissionDenied,
            Reason::AccreditationMissing,
            format!("the accreditation named is that of {}, granted by {}", body.id, accreditation.issuer.id),
        ));
    }
    if !body.signing_certificates.iter().any(|der| Some(cose::sha256(&der.0)) == statement.x5t()) {
        return Err(refuse(
            Code::PermissionDenied,
            Reason::SignerUnknown,
            "the accreditation named does not vouch for this signing certificate",
        ));
    }
    active(*leaf, "accreditation", index, now)?;
    let query = ScopeQuery {
        scheme: &content.credential_subject.reference_scheme.id,
        product_class: content.product_class(),
        attestation_type: &content.credential_subject.attestation_type,
        country: content.country(),
        at: now,
    };
    accreditation.covers(&query).map_err(|outside| {
        refuse(
            Code::PermissionDenied,
            Reason::AccreditationOutOfScope,
            format!("{} is accredited, but not for this {outside}", body.registered_name),
        )
        .with("clause", outside.clause)
        .with("asked", outside.asked)
        .with("covered", outside.covered)
    })?;
    Ok(signer)
}
