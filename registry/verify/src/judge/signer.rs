//! The signer: its key at log time, and the accreditation that vouches for it and covers the certificate.

use cose::x509::{Certificate as X509, VerifiedCertificate, verify_path};
use jiff::Timestamp;
use record::accreditation::ScopeQuery;
use record::certificate::Certificate;
use record::json::Digest;
use record::revocation::KeyThumbprint;
use record::statement::{Content, SignedStatement};
use record::status::State;

use super::Signed;
use super::court::Court;
use super::log::{Placed, Roots, place};
use crate::bundle::{Bundle, StatementProof};
use crate::trust::Trust;
use crate::verdict::{Check, Code};

impl Court {
    pub(super) fn signer_key(
        &mut self,
        certificate: &Signed<Certificate>,
        signer: &X509,
        bundle: &Bundle,
        trust: &Trust,
        log_time: Timestamp,
    ) {
        let authorities: Vec<Vec<u8>> = trust.accreditation_bodies.iter().map(|(_, der)| der.clone()).collect();
        match verify_path(signer, &bundle.certificate.chain[1..], &authorities, log_time.as_second()) {
            Err(error) => self.contradicted(
                Check::SignerKey,
                Code::SignerPathInvalid,
                "RFC 5280, 6",
                format!("key of {} at {log_time}: {error}", certificate.statement.issuer()),
                "Add the accreditation body's authority to the trust file, if you recognise it.",
            ),
            Ok(path) if !names(&path, certificate.statement.issuer()) => self.contradicted(
                Check::SignerKey,
                Code::SignerNotVouched,
                "subject alternative name",
                format!("the signer's certificate does not name {}", certificate.statement.issuer()),
                "The body must sign with a certificate made out to it.",
            ),
            Ok(path) => {
                let body = &trust.accreditation_bodies[path.anchor_index()].0;
                self.established(Check::SignerKey, format!("certified under {body}, valid at {log_time}"));
            }
        }
    }

    pub(super) fn accreditation(
        &mut self,
        certificate: &Signed<Certificate>,
        signer: &X509,
        bundle: &Bundle,
        trust: &Trust,
        roots: &Roots,
        placed: &Placed,
    ) {
        let content = &certificate.content;
        let named = &content.credential_subject.authorisation[0].endorsement_evidence;
        let invalid = |court: &mut Self, message: String| {
            court.contradicted(
                Check::Accreditation,
                Code::AccreditationInvalid,
                "accreditation statement",
                message,
                "The certificate must rest on an accreditation that a recognised body signed and the log holds.",
            );
        };
        let read = read_signed(&bundle.accreditation, &trust.accreditation_bodies, roots);
        let (statement, vouched_by, accreditation_placed) = match read {
            Ok(read) => read,
            Err(problem) => return invalid(self, problem),
        };
        let Content::Accreditation(accreditation) = statement.content() else {
            return invalid(self, format!("the statement is {}, no accreditation", statement.media_type()));
        };
        if vouched_by != accreditation.issuer.id {
            return invalid(
                self,
                format!("signed under {vouched_by}, issued in the name of {}", accreditation.issuer.id),
            );
        }
        self.revocation(signer, bundle.certificate.index, placed, &accreditation_placed);
        // Scope first: of a genuine accreditation that does not cover the certificate, the reader wants to know that.
        if accreditation.credential_subject.id != content.issuer.id {
            return invalid(
                self,
                format!("it accredits {}, not {}", accreditation.credential_subject.id, content.issuer.id),
            );
        }
        let query = ScopeQuery {
            scheme: &content.credential_subject.reference_scheme.id,
            product_class: content.product_class(),
            attestation_type: &content.credential_subject.attestation_type,
            country: content.country(),
            at: placed.log_time,
        };
        if let Err(outside) = accreditation.covers(&query) {
            return self.contradicted(
                Check::Accreditation,
                Code::AccreditationScope,
                outside.clause,
                format!("the accreditation does not cover the {outside}"),
                "A body accredited for it must certify, or the accreditation body extends the scope.",
            );
        }
        if Digest::of(&bundle.accreditation.entry) != named.digest_multibase {
            return invalid(self, "it is another accreditation than the one that the certificate names".into());
        }
        let claimed = &content.credential_subject.authorisation[0].issuing_authority.id;
        if *claimed != accreditation.issuer.id {
            return invalid(
                self,
                format!("the certificate says that {claimed} granted it: it was {}", accreditation.issuer.id),
            );
        }
        if bundle.accreditation.index >= bundle.certificate.index {
            return invalid(self, "it came into the log after the certificate".into());
        }
        let keys = &accreditation.credential_subject.signing_certificates;
        if !keys.iter().any(|der| der.0 == signer.der()) {
            return self.contradicted(
                Check::Accreditation,
                Code::SignerNotVouched,
                "signingCertificates",
                "the accreditation does not name the signer's certificate".into(),
                "The accreditation body must vouch for the key that signs.",
            );
        }
        if let Some(step) = accreditation_placed.record.at(placed.log_time)
            && step.state != State::Active
        {
            return self.contradicted(
                Check::Accreditation,
                Code::AccreditationNotActive,
                "state at log time",
                format!("the accreditation was {} from {}: {}", step.state.word(), step.effective, step.reason),
                "A body whose accreditation was active at the time must certify.",
            );
        }
        self.established(
            Check::Accreditation,
            format!(
                "{} accredited {} for {} in {} at {}",
                accreditation.issuer.name,
                accreditation.credential_subject.registered_name,
                query.product_class,
                query.country,
                placed.log_time
            ),
        );
    }
}

impl Court {
    /// Revocations of the signing key, as the record of the accreditation that vouches for it holds them: all that the log
    /// knew at the latest epoch, since its map root is over every record.
    fn revocation(&mut self, signer: &X509, leaf: u64, certificate: &Placed, accreditation: &Placed) {
        let key = KeyThumbprint(signer.public_key().thumbprint());
        let Some((cut_off, revocation)) = accreditation.record.revoked(&key) else { return };
        let log_time = certificate.log_time;
        let since = format!("the key was revoked from {cut_off} on, by leaf {revocation}");
        if leaf > revocation {
            self.contradicted(
                Check::SignerKey,
                Code::SignerKeyRevoked,
                "revocation of the key",
                format!("{since}; the certificate came into the log after that"),
                "The body must certify with a key that is not revoked; tell the registry's supervisor.",
            );
        } else if log_time < cut_off {
            self.established(
                Check::SignerKey,
                format!("{since}; the certificate was in the log before, at {log_time}"),
            );
        } else if certificate.record.is_confirmed_since(revocation) {
            self.established(Check::SignerKey, format!("{since}; the body confirmed the certificate with another key"));
        } else {
            self.open(
                Check::SignerKey,
                Code::SignerKeyInDoubt,
                "cut-off of the key",
                format!("{since}; the certificate came into the log at {log_time}: anybody may have signed it"),
                "Ask the certification body to confirm it with another key, then obtain a fresh bundle.",
            );
        }
    }
}

fn names(path: &VerifiedCertificate, did: &str) -> bool {
    path.uris().iter().any(|uri| uri == did)
}
/// A statement other than the certificate: place, signature, path of its key at its own log time to one of
/// `authorities`; the DID of the authority that it leads to.
pub(super) fn read_signed(
    proof: &StatementProof,
    authorities: &[(String, Vec<u8>)],
    roots: &Roots,
) -> Result<(SignedStatement, String, Placed), String> {
    let statement = SignedStatement::from_entry(&proof.entry).map_err(|e| e.to_string())?;
    let placed = place(proof, roots)?;
    let leaf = proof.chain.first().ok_or("the signer's certificate is missing")?;
    let signer = X509::from_der(leaf).map_err(|e| e.to_string())?;
    if statement.x5t() != Some(signer.x5t()) {
        return Err("the certificate enclosed is not the one that the header names".into());
    }
    statement.verify(signer.public_key()).map_err(|e| e.to_string())?;
    let ders: Vec<Vec<u8>> = authorities.iter().map(|(_, der)| der.clone()).collect();
    let path =
        verify_path(&signer, &proof.chain[1..], &ders, placed.log_time.as_second()).map_err(|e| e.to_string())?;
    if !names(&path, statement.issuer()) {
        return Err(format!("the signer's certificate does not name {}", statement.issuer()));
    }
    let authority = authorities[path.anchor_index()].0.clone();
    Ok((statement, authority, placed))
}
