//! The rules, in the order in which the log applies them.

use cose::key::PublicKey;
use cose::x509::{Certificate as X509, verify_path};
use jiff::{SignedDuration, Timestamp};
use record::accreditation::{Accreditation, ScopeQuery};
use record::certificate::Certificate;
use record::registry::{AnchorRole, LogRollover};
use record::revocation::{KeyRevocation, KeyThumbprint, whole_second};
use record::statement::{Content, SignedStatement};
use record::status::{State, StatusEvent};

use super::{Held, Replay, Rule, Window, key, key_of, numbered};

/// How far a body's clock may be behind the log's, as the log allows it.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Paths kept.
const MAX_PATHS: usize = 4_096;

/// Why not.
type Judged<T = ()> = Result<T, (Rule, String)>;

fn no<T>(rule: Rule, message: impl Into<String>) -> Judged<T> {
    Err((rule, message.into()))
}

/// What need hold only at one end of the time in which an entry was registered.
fn at_either<T>(within: &Window, mut holds: impl FnMut(Timestamp) -> Judged<T>) -> Judged<T> {
    holds(within.latest).or_else(|problem| holds(within.earliest).map_err(|_| problem))
}

impl Replay {
    pub(super) fn judge(&mut self, statement: &SignedStatement, within: &Window) -> Judged {
        match (self.size, statement.content()) {
            (0, _) | (1, _) => return self.first(statement),
            (_, Content::LogRollover(rollover)) => return self.rollover(statement, rollover),
            (_, Content::LogIdentity(_) | Content::RegistrationPolicy(_)) => {
                return no(Rule::FirstLeaves, "identity and policy stand in leaves 0 and 1 alone");
            }
            _ => {}
        }
        self.policy_allows(statement)?;
        match statement.content() {
            Content::LogIdentity(_) | Content::RegistrationPolicy(_) | Content::LogRollover(_) => {}
            Content::Anchor(anchor) => {
                self.operator_signed(statement)?;
                for der in &anchor.signing_certificates {
                    self.path(&der.0, &anchor.authority.0, &anchor.id, within)?;
                }
            }
            Content::Accreditation(accreditation) => {
                self.anchored(statement, AnchorRole::AccreditationBody, within)?;
                let authority = self.anchors[statement.issuer()].1.authority.0.clone();
                let body = &accreditation.credential_subject;
                for der in &body.signing_certificates {
                    let certificate = self.path(&der.0, &authority, &body.id, within)?;
                    let key = KeyThumbprint(certificate.public_key().thumbprint());
                    if self.ledger.key_of(&body.id, key).and_then(|key| self.ledger.revoked(key)).is_some() {
                        return no(Rule::SignerKeyRevoked, "it vouches for a key that is revoked");
                    }
                }
            }
            Content::Arrangement(_) => self.anchored(statement, AnchorRole::ArrangementParty, within)?,
            Content::ArrangementAcceptance(acceptance) => {
                match self.arrangements.get(&acceptance.arrangement) {
                    Some((_, digest)) if *digest != acceptance.digest => {
                        return no(Rule::SubjectUnknown, "the arrangement accepted is another than the one in the log");
                    }
                    Some((arrangement, _)) if arrangement.providing_party != acceptance.issuer => {
                        return no(Rule::SignerNotEntitled, "only the providing party accepts an arrangement");
                    }
                    Some(_) => {}
                    None => return no(Rule::SubjectUnknown, format!("no arrangement {}", acceptance.arrangement)),
                }
                self.anchored(statement, AnchorRole::ArrangementParty, within)?;
            }
            Content::Certificate(certificate) => self.certificate(statement, certificate, within)?,
            Content::Method(method) => {
                if let Some(set) = method.factor_sets.iter().find(|set| !self.factor_sets.contains(&set.digest.0)) {
                    return no(Rule::SubjectUnknown, format!("the set of factors {} is not in the log", set.id));
                }
                self.edition(statement, method.supersedes.as_deref(), within)?;
            }
            Content::FactorSet(set) => self.edition(statement, set.supersedes.as_deref(), within)?,
            Content::StatusEvent(event) => self.event(statement, event, within)?,
            Content::KeyRevocation(revocation) => self.key_revocation(statement, revocation, within)?,
        }
        self.subject_free(statement)
    }

    /// An edition of a scheme's owner; it takes the place of one of its own.
    fn edition(&mut self, statement: &SignedStatement, supersedes: Option<&str>, within: &Window) -> Judged {
        self.anchored(statement, AnchorRole::SchemeOwner, within)?;
        let Some(earlier) = supersedes else { return Ok(()) };
        match self.subjects.get(&key(earlier)) {
            None => no(Rule::SubjectUnknown, format!("the edition {earlier} that it supersedes is not in the log")),
            Some(held) if self.issuers.get(statement.issuer()) != Some(&held.issuer) => {
                no(Rule::SignerNotEntitled, "an edition supersedes only one of its own publisher")
            }
            Some(_) => Ok(()),
        }
    }

    /// Leaves 0 and 1: the log's own words, signed with its receipt key.
    fn first(&self, statement: &SignedStatement) -> Judged {
        let wrong = |what: &str| no(Rule::FirstLeaves, what);
        let receipt = match (self.size, statement.content()) {
            (0, Content::LogIdentity(identity)) => {
                let oldest =
                    self.expected.as_ref().and_then(|expected| Some((&*expected.origin, expected.chain().next()?)));
                if let Some((origin, (note_key, status_note_key, receipt_key))) = oldest {
                    for (what, stated, known) in [
                        ("origin", &*identity.origin, origin),
                        ("note key", &*identity.note_key, note_key),
                        ("status note key", &*identity.status_note_key, status_note_key),
                    ] {
                        if stated != known {
                            return no(Rule::FirstLeaves, format!("leaf 0 states the {what} {stated}, not {known}"));
                        }
                    }
                    if identity.receipt_key != *receipt_key {
                        return wrong("leaf 0 states another receipt key than the one known");
                    }
                }
                &identity.receipt_key
            }
            (1, Content::RegistrationPolicy(policy)) => match &self.identity {
                Some(identity) if (&identity.id, &identity.origin) != (&policy.id, &policy.origin) => {
                    return wrong("the policy in leaf 1 is another log's");
                }
                Some(identity) => &identity.receipt_key,
                None => return wrong("without an identity in leaf 0 nobody can tell whose policy leaf 1 is"),
            },
            (0, _) => return wrong("leaf 0 is not the identity of the log"),
            _ => return wrong("leaf 1 is not the registration policy of the log"),
        };
        match key_of(receipt) {
            None => wrong("the receipt key is none that can be read"),
            Some(key) => verified(statement, &key),
        }
    }

    /// New keys of the log, signed with the receipt key before; where its keys are known from elsewhere, those.
    fn rollover(&self, statement: &SignedStatement, rollover: &LogRollover) -> Judged {
        let Some(identity) = &self.identity else {
            return no(Rule::FirstLeaves, "a rollover without an identity in leaf 0");
        };
        if (&identity.id, &identity.origin) != (&rollover.id, &rollover.origin) {
            return no(Rule::SignerNotEntitled, "the rollover is another log's");
        }
        match &self.receipt {
            Some(receipt) => verified(statement, receipt)?,
            None => return no(Rule::SignerUnknown, "no receipt key is known that could sign a rollover"),
        }
        let expected = self.expected.as_ref().and_then(|expected| expected.chain().nth(self.rollovers + 1));
        let stated = (&*rollover.note_key, &*rollover.status_note_key, &rollover.receipt_key);
        match expected.filter(|expected| *expected != stated) {
            Some(_) => no(Rule::FirstLeaves, "the rollover states other keys than those known"),
            None => Ok(()),
        }
    }

    /// What leaf 1 says is registered.
    fn policy_allows(&self, statement: &SignedStatement) -> Judged {
        let Some(policy) = &self.policy else { return Ok(()) };
        if !policy.media_types.iter().any(|media_type| media_type == statement.media_type()) {
            return no(Rule::PolicyExceeded, format!("{} is not among the content types", statement.media_type()));
        }
        let algorithm = statement.algorithm().code();
        if !policy.algorithms.contains(&algorithm) {
            return no(Rule::PolicyExceeded, format!("{algorithm} is not among the algorithms"));
        }
        let length = statement.payload().len() as u64;
        if length > policy.max_payload_bytes {
            return no(Rule::PolicyExceeded, format!("the payload has {length} bytes"));
        }
        Ok(())
    }

    fn operator_signed(&self, statement: &SignedStatement) -> Judged {
        match (&self.identity, &self.operator) {
            (Some(identity), Some(operator)) if identity.id == statement.issuer() => verified(statement, operator),
            (Some(_), Some(_)) => no(Rule::SignerNotEntitled, format!("{} is not the operator", statement.issuer())),
            _ => no(Rule::SignerUnknown, "leaf 0 does not state a key of the operator"),
        }
    }

    /// The path of a signing certificate to its authority, by which it names `did`.
    fn path(&mut self, leaf: &[u8], authority: &[u8], did: &str, within: &Window) -> Judged<X509> {
        let invalid = |problem: String| (Rule::SignerPathInvalid, format!("certificate of {did}: {problem}"));
        let place = (cose::sha256(leaf), cose::sha256(authority));
        let certificate = at_either(within, |at| {
            let at = at.as_second();
            if let Some(known) = self.paths.get(&place)
                && (known.not_before()..=known.not_after()).contains(&at)
            {
                return Ok(known.clone());
            }
            let certificate = X509::from_der(leaf).map_err(|e| invalid(e.to_string()))?;
            verify_path(&certificate, &[], &[authority.to_vec()], at).map_err(|e| invalid(e.to_string()))?;
            Ok(certificate)
        })?;
        if !certificate.uris().iter().any(|uri| uri == did) {
            return Err(invalid("its subject alternative name is another".to_owned()));
        }
        if self.paths.len() >= MAX_PATHS {
            self.paths.clear();
        }
        self.paths.entry(place).or_insert_with(|| certificate.clone());
        Ok(certificate)
    }

    fn signer_of(&self, statement: &SignedStatement) -> Judged<Vec<u8>> {
        let der = statement.x5t().and_then(|x5t| self.signers.get(&x5t)).cloned();
        der.ok_or_else(|| {
            (Rule::SignerUnknown, format!("no anchor or accreditation vouches for the certificate {}", statement.kid()))
        })
    }

    fn active(&self, leaf: u64, what: &str, within: &Window) -> Judged {
        at_either(within, |at| match self.state(leaf, at) {
            State::Active => Ok(()),
            state => no(Rule::AccreditationNotActive, format!("the {what} at leaf {leaf} was {}", state.word())),
        })
    }

    fn anchored(&mut self, statement: &SignedStatement, role: AnchorRole, within: &Window) -> Judged {
        let der = self.signer_of(statement)?;
        let Some((leaf, anchor)) = self.anchors.get(statement.issuer()) else {
            return no(Rule::SignerUnknown, format!("{} is not anchored", statement.issuer()));
        };
        let (leaf, authority, held) = (*leaf, anchor.authority.0.clone(), anchor.role);
        self.active(leaf, "anchor", within)?;
        if held != role {
            return no(Rule::SignerNotEntitled, "this needs an anchor of another role");
        }
        let signer = self.path(&der, &authority, statement.issuer(), within)?;
        verified(statement, signer.public_key())
    }

    /// A statement of an anchored party or of an accredited body.
    fn vouched(&mut self, statement: &SignedStatement, within: &Window) -> Judged {
        if let Some((_, anchor)) = self.anchors.get(statement.issuer()) {
            self.anchored(statement, anchor.role, within)?;
            return self.not_revoked(statement);
        }
        let mut granted = self.accreditations.values().map(|(_, accreditation)| accreditation);
        if !granted.any(|accreditation| accreditation.credential_subject.id == statement.issuer()) {
            return no(Rule::AccreditationMissing, format!("no accreditation names {}", statement.issuer()));
        }
        let der = self.signer_of(statement)?;
        // A body may have several accreditations, of several authorities: the one that vouches for this key counts.
        let vouches = |accreditation: &&Accreditation| {
            let body = &accreditation.credential_subject;
            body.id == statement.issuer() && body.signing_certificates.iter().any(|vouched| vouched.0 == der)
        };
        let authority = self
            .accreditations
            .values()
            .map(|(_, accreditation)| accreditation)
            .filter(vouches)
            .find_map(|accreditation| Some(self.anchors.get(&accreditation.issuer.id)?.1.authority.0.clone()));
        let Some(authority) = authority else {
            return no(Rule::SignerUnknown, "no accreditation of the issuer vouches for the signing certificate");
        };
        let signer = self.path(&der, &authority, statement.issuer(), within)?;
        verified(statement, signer.public_key())?;
        self.not_revoked(statement)
    }

    /// From its revocation on, a key signs nothing: the order of the log decides, not the cut-off.
    fn not_revoked(&self, statement: &SignedStatement) -> Judged {
        let key = self.ledger.signer(statement.issuer(), statement.x5t());
        match key.and_then(|key| self.ledger.revoked(key)) {
            None => Ok(()),
            Some((_, leaf)) => no(Rule::SignerKeyRevoked, format!("leaf {leaf} revoked the key {}", statement.kid())),
        }
    }

    fn key_revocation(&mut self, statement: &SignedStatement, revocation: &KeyRevocation, within: &Window) -> Judged {
        let Some(key) = self.ledger.key_of(&revocation.body, revocation.key) else {
            return no(Rule::SubjectUnknown, format!("no accreditation of {} vouches for the key", revocation.body));
        };
        let vouching = self.ledger.vouching(key);
        let mut granted = self.accreditations.values().filter(|(leaf, _)| vouching.contains(leaf));
        if revocation.issuer == revocation.body {
            self.vouched(statement, within)?;
            if self.ledger.signer(statement.issuer(), statement.x5t()) == Some(key) {
                return no(Rule::SignerNotEntitled, "a key does not revoke itself");
            }
        } else if granted.any(|(_, accreditation)| accreditation.issuer.id == revocation.issuer) {
            self.anchored(statement, AnchorRole::AccreditationBody, within)?;
        } else {
            return no(Rule::SignerNotEntitled, format!("{} did not vouch for the key", revocation.issuer));
        }
        let latest = within.latest.saturating_add(CLOCK_SKEW).unwrap_or(within.latest);
        if revocation.cut_off > latest {
            return no(Rule::StateNotAllowed, format!("the cut-off {} was in the future", revocation.cut_off));
        }
        match self.ledger.revoked(key) {
            Some((cut_off, leaf)) if whole_second(revocation.cut_off) >= cut_off => {
                no(Rule::StateNotAllowed, format!("leaf {leaf} revoked the key; a cut-off is only set earlier"))
            }
            _ => Ok(()),
        }
    }

    fn certificate(&mut self, statement: &SignedStatement, content: &Certificate, within: &Window) -> Judged {
        self.vouched(statement, within)?;
        let named = &content.credential_subject.authorisation[0];
        let Some((leaf, accreditation)) = self.accreditations.get(&named.endorsement_evidence.digest_multibase) else {
            return no(Rule::AccreditationMissing, "the accreditation that the certificate names is not before it");
        };
        let body = &accreditation.credential_subject;
        if body.id != statement.issuer() || accreditation.issuer.id != named.issuing_authority.id {
            return no(Rule::AccreditationMissing, format!("the accreditation named is that of {}", body.id));
        }
        if !body.signing_certificates.iter().any(|der| Some(cose::sha256(&der.0)) == statement.x5t()) {
            return no(Rule::SignerUnknown, "the accreditation named does not vouch for the signing certificate");
        }
        self.active(*leaf, "accreditation", within)?;
        at_either(within, |at| {
            let query = ScopeQuery {
                scheme: &content.credential_subject.reference_scheme.id,
                product_class: content.product_class(),
                attestation_type: &content.credential_subject.attestation_type,
                country: content.country(),
                at,
            };
            accreditation.covers(&query).map_err(|outside| (Rule::AccreditationOutOfScope, outside.to_string()))
        })
    }

    fn event(&mut self, statement: &SignedStatement, event: &StatusEvent, within: &Window) -> Judged {
        let Some(Held { leaf, issuer, key: signed_with }) = self.subjects.get(&key(&event.subject)).copied() else {
            return no(Rule::SubjectUnknown, format!("nothing before it has the subject {}", event.subject));
        };
        if self.issuers.get(&event.issuer) != Some(&issuer) {
            return no(Rule::SignerNotEntitled, format!("{} did not issue what it changes", event.issuer));
        }
        // A return to active counts from its registration on: dated back, it would erase what it ends.
        let registered = within.earliest.saturating_sub(CLOCK_SKEW).unwrap_or(within.earliest);
        if event.state == State::Active && event.effective < registered {
            return no(Rule::StateNotAllowed, format!("a return to active is dated back to {}", event.effective));
        }
        if self.identity.as_ref().is_some_and(|identity| identity.id == event.issuer) {
            self.operator_signed(statement)?;
        } else {
            self.vouched(statement, within)?;
        }
        // What a revoked key signed is confirmed by a return to active.
        let record = self.records.get(&leaf);
        let revoked = signed_with.and_then(|key| self.ledger.revoked(key));
        let unconfirmed = revoked.is_some_and(|(_, at)| !record.is_some_and(|record| record.is_confirmed_since(at)));
        let Some(last) = record.and_then(|record| record.history.last()) else {
            let same = event.state == State::Active && !unconfirmed;
            return if same { no(Rule::StateNotAllowed, "it was active already") } else { Ok(()) };
        };
        let in_doubt = unconfirmed || record.is_some_and(|record| record.is_in_doubt(last));
        let confirms = last.state == State::Active && in_doubt;
        if last.state.is_final() || last.state == event.state && !confirms {
            let (now, next) = (last.state.word(), event.state.word());
            return no(Rule::StateNotAllowed, format!("it was {now}: {next} cannot follow"));
        }
        if event.effective < last.effective {
            return no(Rule::StateNotAllowed, format!("{} is before the last change", event.effective));
        }
        Ok(())
    }

    /// Subjects and numbers are used once.
    fn subject_free(&self, statement: &SignedStatement) -> Judged {
        let subject = |subject: &str| self.subjects.get(&key(subject)).map(|held| held.leaf);
        let number = |kind: &str, number: &str| self.numbers.get(&numbered(kind, number)).copied();
        let taken = match statement.content() {
            Content::StatusEvent(_) | Content::KeyRevocation(_) | Content::LogRollover(_) => None,
            Content::ArrangementAcceptance(acceptance) => {
                let accepted = self.acceptances.get(&acceptance.arrangement).copied();
                accepted.or_else(|| subject(&acceptance.id))
            }
            Content::Certificate(certificate) => {
                subject(statement.subject()).or_else(|| number("certificates", certificate.number()))
            }
            Content::Arrangement(arrangement) => {
                subject(statement.subject()).or_else(|| number("arrangements", arrangement.number()))
            }
            _ => subject(statement.subject()),
        };
        match taken {
            None => Ok(()),
            Some(leaf) => no(Rule::SubjectInUse, format!("leaf {leaf} has the subject {}", statement.subject())),
        }
    }
}

fn verified(statement: &SignedStatement, key: &PublicKey) -> Judged {
    statement.verify(key).map_err(|error| (Rule::SignatureInvalid, error.to_string()))
}
