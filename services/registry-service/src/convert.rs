//! Domain to wire.

use jiff::Timestamp;
use proto::registry::{Certificate, CertificateState, Entry};
use proto::timestamp;
use record::statement::SignedStatement;
use record::status::{State, StatusRecord};
use tlog::Hash;

/// An entry.
pub fn entry(leaf: u64, statement: &SignedStatement, bytes: &[u8], hash: Hash) -> Entry {
    Entry {
        name: format!("entries/{leaf}"),
        index: leaf,
        leaf_hash: hash.to_vec(),
        media_type: statement.media_type().to_owned(),
        issuer: statement.issuer().to_owned(),
        subject: statement.subject().to_owned(),
        statement: bytes.to_vec(),
    }
}

/// What is remembered of an answer: all but the statement, which the same request brings again.
pub fn remembered(answer: &Entry) -> Entry {
    let Entry { name, index, leaf_hash, media_type, issuer, subject, statement: _ } = answer;
    Entry {
        name: name.clone(),
        index: *index,
        leaf_hash: leaf_hash.clone(),
        media_type: media_type.clone(),
        issuer: issuer.clone(),
        subject: subject.clone(),
        statement: Vec::new(),
    }
}

/// The first answer to a request, which brings the statement again.
pub fn again(remembered: Entry, statement: &[u8]) -> Entry {
    Entry { statement: statement.to_vec(), ..remembered }
}

/// Hashes of a path.
pub fn path(hashes: &[Hash]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.to_vec()).collect()
}

/// What the registry knows of a certificate, as of `epoch`, for a reader whose clock says `now`.
pub fn certificate(
    leaf: u64,
    content: &record::certificate::Certificate,
    record: &StatusRecord,
    epoch: Timestamp,
    now: Timestamp,
) -> Certificate {
    let step = record.at(now);
    let state = match step.map(|step| step.state) {
        Some(State::Suspended) => CertificateState::Suspended,
        Some(State::Withdrawn) => CertificateState::Withdrawn,
        Some(State::Superseded) => CertificateState::Superseded,
        Some(State::Active) | None if now >= content.valid_until => CertificateState::Expired,
        Some(State::Active) | None => CertificateState::Active,
    };
    let measured = &content.assessment().measurement;
    Certificate {
        name: format!("certificates/{}", content.number()),
        certificate_id: content.id.clone(),
        log_index: leaf,
        issuer: content.issuer.id.clone(),
        holder: content.credential_subject.issued_to_party.id.clone(),
        product: content.assessment().assessed_product[0].product.name.clone(),
        product_class: content.product_class().to_owned(),
        state: state.into(),
        state_time: Some(timestamp(epoch)),
        state_reason: step
            .filter(|step| step.state != State::Active)
            .map(|step| step.reason.clone())
            .unwrap_or_default(),
        valid_from: Some(timestamp(content.valid_from)),
        valid_until: Some(timestamp(content.valid_until)),
        total: format!("{} ± {} {}", measured.total.value, measured.total.expanded_uncertainty, measured.unit),
    }
}
