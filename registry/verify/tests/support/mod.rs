//! A small registry in memory: real keys and certificates, real statements, log, status log, receipts and bundles.
//! What stands here is what the services do, in a few lines each and without a clock.

// Each test file uses another part of it.
#![allow(dead_code)]

pub mod served;

use std::sync::{Arc, LazyLock};

use base64::Engine;
use cose::key::SigningKey;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd};
use record::accreditation::{Accreditation, AccreditationGrant, Scope};
use record::arrangement::{Arrangement, ArrangementAcceptance, Equivalence};
use record::certificate::{Certificate, CertificateDraft, MeasuredResult, Measurement};
use record::json::{self, Digest};
use record::revocation::{KeyRevocation, KeyThumbprint, RevokedKey};
use record::statement::{Content, Heading, SignedStatement, key_id, sign};
use record::status::{Epoch, GoodsRule, State, StatusEvent, StatusRecord, Transition};
use record::{media, registry::Jwk};
use tlog::checkpoint::Checkpoint;
use tlog::note::{Cosigner, NoteSigner, SignedNote};
use tlog::receipt::{Inclusion, Issuer as ReceiptIssuer, Receipt};
use tlog::tree::{MemoryTree, inclusion_proof};
use tlog::{Hash, leaf_hash};
use verify::bundle::{ArrangementProof, EpochProof, StatementProof};
use verify::trust::{Authority, LogTrust, TrustFile, Witness};
use verify::{Bundle, Question, Trust, Verdict};

pub const ORIGIN: &str = "log.example/touchstone";
pub const LOG_ID: &str = "did:web:log.example";
pub const AB: &str = "did:web:ab.example";
pub const CB: &str = "did:web:cb.example";
pub const ASKING: &str = "did:web:regulator.example";
pub const PROVIDING: &str = "did:web:ministry.example";
pub const SCHEME: &str = "https://schemes.example/cbam";
pub const CEMENT: &str = "https://ab.example/accreditations/cement";
pub const STEEL: &str = "https://ab.example/accreditations/steel";
pub const ARRANGEMENT: &str = "https://log.example/arrangements/arr-1";

/// An instant, written as in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When the log first covered accreditations and arrangement.
pub const FOUNDED: &str = "2026-02-01T00:00:00Z";
/// When the log first covered the certificate.
pub const LOGGED: &str = "2026-03-01T00:00:00Z";
/// When the latest epoch was made.
pub const LATEST: &str = "2026-06-01T00:00:00Z";

/// A certificate authority.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pub der: Vec<u8>,
}

/// A key that signs statements, with its chain.
pub struct Signatory {
    pub did: String,
    pub key: SigningKey,
    pub chain: Vec<Vec<u8>>,
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

impl Ca {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Ca { params, key, der }
    }

    pub fn certify(&self, did: &str) -> Signatory {
        self.certify_until(did, 2030)
    }

    pub fn certify_until(&self, did: &str, year: i32) -> Signatory {
        let key = KeyPair::generate().unwrap();
        let mut params = params();
        params.not_after = date_time_ymd(year, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.subject_alt_names = vec![SanType::URI(did.try_into().unwrap())];
        let der = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec();
        let key = SigningKey::from_pkcs8_der(&key.serialize_der()).unwrap();
        Signatory { did: did.to_owned(), key, chain: vec![der] }
    }
}

impl Signatory {
    pub fn sign(&self, media_type: &str, subject: &str, payload: &[u8]) -> Vec<u8> {
        let x5t = Some(cose::sha256(&self.chain[0]));
        let heading = Heading { media_type, issuer: &self.did, subject, x5t };
        sign(&self.key, &heading, payload).unwrap()
    }
}

/// Everybody's keys; made once, since making keys takes longest.
pub struct People {
    pub ab_ca: Ca,
    pub ab: Signatory,
    pub cb: Signatory,
    /// The body's second key.
    pub cb_second: Signatory,
    /// Under the accreditation body, and in nobody's accreditation.
    pub cb_unvouched: Signatory,
    /// Under the accreditation body, made out to another body.
    pub cb_other_name: Signatory,
    /// Expired before the certificate was logged.
    pub cb_expired: Signatory,
    pub asking_ca: Ca,
    pub asking: Signatory,
    pub providing_ca: Ca,
    pub providing: Signatory,
    pub receipt: SigningKey,
    pub note: NoteSigner,
    pub status_note: NoteSigner,
    pub witness: Cosigner,
    pub stranger: NoteSigner,
}

pub static PEOPLE: LazyLock<People> = LazyLock::new(|| {
    let ed25519 = || Arc::new(SigningKey::generate_ed25519().unwrap());
    let (ab_ca, asking_ca, providing_ca) = (Ca::new(), Ca::new(), Ca::new());
    People {
        ab: ab_ca.certify(AB),
        cb: ab_ca.certify(CB),
        cb_second: ab_ca.certify(CB),
        cb_unvouched: ab_ca.certify(CB),
        cb_other_name: ab_ca.certify("did:web:other-cb.example"),
        cb_expired: ab_ca.certify_until(CB, 2026),
        asking: asking_ca.certify(ASKING),
        providing: providing_ca.certify(PROVIDING),
        receipt: SigningKey::generate_p256().unwrap(),
        note: NoteSigner::new(ORIGIN, ed25519()).unwrap(),
        status_note: NoteSigner::new(&format!("{ORIGIN}/status"), ed25519()).unwrap(),
        witness: Cosigner::new("witness.example/w1", ed25519()).unwrap(),
        stranger: NoteSigner::new(ORIGIN, ed25519()).unwrap(),
        ab_ca,
        asking_ca,
        providing_ca,
    }
});

/// A log in memory, with the status log beside it.
#[derive(Default)]
pub struct MemoryLog {
    entries: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    tree: MemoryTree,
    records: Vec<StatusRecord>,
    epochs: Vec<Epoch>,
    epoch_tree: MemoryTree,
}

impl MemoryLog {
    pub fn append(&mut self, entry: Vec<u8>, chain: &[Vec<u8>]) -> u64 {
        let leaf = self.tree.push(leaf_hash(&entry));
        self.entries.push((entry, chain.to_vec()));
        self.records.push(StatusRecord::new(leaf));
        leaf
    }

    /// Appends an event of `signer` on the statement at `leaf`.
    pub fn change(&mut self, signer: &Signatory, leaf: u64, step: &Step) {
        let subject = SignedStatement::from_entry(&self.entries[leaf as usize].0).unwrap().subject().to_owned();
        let event = StatusEvent {
            id: format!("https://log.example/events/{}", self.tree.size()),
            issuer: signer.did.clone(),
            subject,
            state: step.state,
            effective: at(step.effective),
            reason: "as the test says".into(),
            goods_rule: step.goods_rule,
        };
        let entry = signer.sign(media::STATUS_EVENT, &event.subject, &json::write(&event));
        let event_leaf = self.append(entry, &signer.chain);
        self.records[leaf as usize].history.push(Transition {
            state: event.state,
            effective: event.effective,
            goods_rule: event.goods_rule,
            event_leaf,
            reason: event.reason,
        });
    }

    /// Appends a revocation, by `signer`, of the key of `body`, and puts it into the records of `concerned`: each leaf
    /// with the events by which the key returned it to active.
    pub fn revoke(&mut self, signer: &Signatory, body: &Signatory, cut_off: &str, concerned: &[(u64, &[u64])]) -> u64 {
        let revocation = revocation(signer, body, cut_off);
        let entry = signer.sign(media::KEY_REVOCATION, &revocation.body, &json::write(&revocation));
        let revocation_leaf = self.append(entry, &signer.chain);
        for (leaf, returns) in concerned {
            self.records[*leaf as usize].revocations.push(RevokedKey {
                key: revocation.key,
                cut_off: revocation.cut_off,
                leaf: revocation_leaf,
                returns: returns.to_vec(),
            });
        }
        revocation_leaf
    }

    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    fn map(&self) -> MemoryTree {
        self.records.iter().map(|record| leaf_hash(&record.to_bytes())).collect()
    }

    pub fn epoch(&mut self, time: &str) {
        let size = self.tree.size();
        let epoch = Epoch {
            number: self.epochs.len() as u64,
            time: at(time),
            previous_size: self.epochs.last().map_or(0, |epoch| epoch.size),
            size,
            root: self.tree.root(size).unwrap(),
            map_root: self.map().root(size).unwrap(),
        };
        self.epoch_tree.push(leaf_hash(&epoch.to_bytes()));
        self.epochs.push(epoch);
    }

    pub fn root(&self) -> Hash {
        self.tree.root(self.tree.size()).unwrap()
    }

    fn epoch_proof(&self, number: usize) -> EpochProof {
        EpochProof {
            epoch: self.epochs[number].to_bytes(),
            path: inclusion_proof(&self.epoch_tree, number as u64, self.epoch_tree.size()).unwrap(),
        }
    }

    pub fn proof(&self, index: u64) -> StatementProof {
        let (entry, chain) = self.entries[index as usize].clone();
        let first = self.epochs.partition_point(|epoch| epoch.size <= index);
        let size = self.tree.size();
        StatementProof {
            entry,
            index,
            path: inclusion_proof(&self.tree, index, size).unwrap(),
            record: self.records[index as usize].to_bytes(),
            record_path: inclusion_proof(&self.map(), index, size).unwrap(),
            first_epoch: self.epoch_proof(first),
            chain,
        }
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(ORIGIN, self.tree.size(), self.root())
    }

    pub fn status_checkpoint(&self) -> Checkpoint {
        let size = self.epoch_tree.size();
        Checkpoint::new(format!("{ORIGIN}/status"), size, self.epoch_tree.root(size).unwrap())
    }

    pub fn receipt(&self, index: u64) -> Vec<u8> {
        self.receipt_by(&PEOPLE.receipt, index)
    }

    pub fn receipt_by(&self, key: &SigningKey, index: u64) -> Vec<u8> {
        let kid = key_id(LOG_ID, &key.public_key().thumbprint());
        let issuer = ReceiptIssuer { kid: kid.as_bytes(), iss: LOG_ID, sub: ORIGIN };
        let size = self.tree.size();
        let path = inclusion_proof(&self.tree, index, size).unwrap();
        Receipt::sign(key, &issuer, &Inclusion { size, index, path }, &self.root()).unwrap()
    }

    pub fn bundle(&self, leaves: &Leaves) -> Bundle {
        Bundle {
            checkpoint: note(&self.checkpoint(), &PEOPLE.note),
            status_checkpoint: note(&self.status_checkpoint(), &PEOPLE.status_note),
            latest_epoch: self.epoch_proof(self.epochs.len() - 1),
            receipt: self.receipt(leaves.certificate),
            certificate: self.proof(leaves.certificate),
            accreditation: self.proof(leaves.accreditation),
            arrangement: Some(ArrangementProof {
                arrangement: self.proof(leaves.arrangement),
                acceptance: self.proof(leaves.acceptance),
            }),
        }
    }
}

/// A revocation of the key of `body` by `signer`.
pub fn revocation(signer: &Signatory, body: &Signatory, cut_off: &str) -> KeyRevocation {
    KeyRevocation {
        id: format!("https://log.example/revocations/{cut_off}"),
        issuer: signer.did.clone(),
        body: body.did.clone(),
        key: KeyThumbprint(body.key.public_key().thumbprint()),
        cut_off: at(cut_off),
        reason: "the laptop was stolen".into(),
    }
}

/// A checkpoint as a note signed by `signer`.
pub fn note(checkpoint: &Checkpoint, signer: &NoteSigner) -> Vec<u8> {
    let body = checkpoint.to_body();
    let signature = signer.sign(&body).unwrap();
    SignedNote::new(body, vec![signature]).unwrap().encode().into_bytes()
}

/// The same with the cosignature of the witness.
pub fn witnessed(checkpoint: &Checkpoint, signer: &NoteSigner) -> Vec<u8> {
    let body = checkpoint.to_body();
    let signatures = vec![signer.sign(&body).unwrap(), PEOPLE.witness.cosign(&body, 1_780_000_000).unwrap()];
    SignedNote::new(body, signatures).unwrap().encode().into_bytes()
}

/// Where the statements of a scene stand in its log.
pub struct Leaves {
    pub accreditation: u64,
    pub other_accreditation: u64,
    pub arrangement: u64,
    pub acceptance: u64,
    pub certificate: u64,
}

/// A change of state.
#[derive(Clone)]
pub struct Step {
    pub state: State,
    pub effective: &'static str,
    pub goods_rule: GoodsRule,
}

/// What a scene is made from; the default is one where everything is as it must be.
pub struct Setup {
    pub draft: CertificateDraft,
    pub scope: Vec<Scope>,
    pub other_scope: Vec<Scope>,
    pub accreditation_until: &'static str,
    pub vouched: Vec<Vec<u8>>,
    pub signatory: &'static Signatory,
    pub arrangement: Arrangement,
    pub providing: &'static Signatory,
    pub accreditation_step: Option<Step>,
    pub arrangement_step: Option<Step>,
    pub certificate_steps: Vec<Step>,
    /// The accreditation comes into the log only after the certificate.
    pub accredited_late: bool,
    /// What else happens once the arrangement is in the log, before the certificate.
    pub before: fn(&mut MemoryLog, u64),
    /// What else happens after the certificate and its changes.
    pub after: fn(&mut MemoryLog, &Leaves),
}

/// A scope for one product class.
pub fn scope(class: &str) -> Scope {
    Scope {
        scheme: SCHEME.into(),
        product_classes: vec![class.into()],
        attestation_types: vec!["certification".into()],
        countries: vec!["CN".into()],
        from: at("2026-01-01T00:00:00Z"),
        until: at("2029-01-01T00:00:00Z"),
    }
}

/// A result with U = 2 u.
pub fn result(value: &str, u: &str, expanded: &str) -> MeasuredResult {
    MeasuredResult {
        value: value.into(),
        standard_uncertainty: u.into(),
        expanded_uncertainty: expanded.into(),
        coverage_factor: "2".into(),
    }
}

/// A measurement well within what the arrangement asks.
pub fn measurement() -> Measurement {
    Measurement {
        unit: "tCO2e/t".into(),
        functional_unit: "1 t".into(),
        direct: result("0.785", "0.01", "0.02"),
        indirect: result("0.122", "0.002", "0.004"),
        total: result("0.907", "0.0102", "0.0204"),
        goods_from: at("2025-01-01T00:00:00Z"),
        goods_until: at("2026-01-01T00:00:00Z"),
        gap_share: "0.01".into(),
        calibration_coverage: "1".into(),
        primary_data_share: "0.9".into(),
        gwp_set: "AR5".into(),
        factor_set: "cbam-2025".into(),
        evidence_root: Digest::of(b"evidence"),
        statement: Digest::of(b"statement"),
        decision: None,
    }
}

/// A certificate of cement clinker.
pub fn draft() -> CertificateDraft {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    CertificateDraft {
        number: "cert-1".into(),
        base: "https://log.example".into(),
        issuer: pair(CB, "Certification Body"),
        holder: pair("did:web:plant.example", "Cement Plant"),
        valid_from: at("2026-02-15T00:00:00Z"),
        valid_until: at("2028-02-15T00:00:00Z"),
        assessment_date: jiff::civil::date(2026, 2, 14),
        scheme: pair(SCHEME, "CBAM"),
        method: pair("https://schemes.example/cbam/2025", "CBAM 2025"),
        accreditation_body: pair(AB, "Accreditation Body"),
        accreditation: (CEMENT.into(), Digest::of(b"filled in by the scene")),
        product: ("https://plant.example/clinker".into(), "Grey clinker".into(), "25231000".into()),
        facility: ("https://plant.example/site".into(), "Plant 1".into(), "CN".into()),
        measurement: measurement(),
    }
}

/// An arrangement that recognises cement under the scheme.
pub fn arrangement() -> Arrangement {
    Arrangement {
        id: ARRANGEMENT.into(),
        asking_party: ASKING.into(),
        providing_party: PROVIDING.into(),
        accreditation_bodies: vec![AB.into()],
        schemes: vec![Equivalence { scheme: SCHEME.into(), equivalent_to: SCHEME.into() }],
        product_classes: vec!["2523".into()],
        attestation_types: vec!["certification".into()],
        from: at("2026-01-01T00:00:00Z"),
        until: at("2028-01-01T00:00:00Z"),
        max_gap_share: "0.05".into(),
        min_calibration_coverage: "0.9".into(),
        max_relative_uncertainty: "0.1".into(),
        guarded_relative_uncertainty: "0.05".into(),
    }
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            draft: draft(),
            scope: vec![scope("2523")],
            other_scope: vec![scope("72")],
            accreditation_until: "2029-01-01T00:00:00Z",
            vouched: vec![PEOPLE.cb.chain[0].clone()],
            signatory: &PEOPLE.cb,
            arrangement: arrangement(),
            providing: &PEOPLE.providing,
            accreditation_step: None,
            arrangement_step: None,
            certificate_steps: Vec::new(),
            accredited_late: false,
            before: |_, _| (),
            after: |_, _| (),
        }
    }
}

/// A bundle, a trust file and a question, with the log that they come from.
pub struct Scene {
    pub log: MemoryLog,
    pub leaves: Leaves,
    pub bundle: Bundle,
    pub trust: TrustFile,
    pub question: Question,
}

impl Setup {
    fn grant(&self, id: &str, scope: &[Scope]) -> Vec<u8> {
        let accreditation = Accreditation::new(AccreditationGrant {
            id: id.into(),
            issuer: (AB.into(), "Accreditation Body".into()),
            body: (CB.into(), "Certification Body".into()),
            organization: "cb".into(),
            number: "AB-1".into(),
            from: at("2026-01-01T00:00:00Z"),
            until: at(self.accreditation_until),
            scope: scope.to_vec(),
            signing_certificates: self.vouched.clone(),
        });
        PEOPLE.ab.sign(media::ACCREDITATION, id, &json::write(&accreditation))
    }

    pub fn build(self) -> Scene {
        let people = &*PEOPLE;
        let mut log = MemoryLog::default();
        let other_accreditation = log.append(self.grant(STEEL, &self.other_scope), &people.ab.chain);
        let granted = self.grant(CEMENT, &self.scope);
        let mut accreditation = None;
        if !self.accredited_late {
            accreditation = Some(log.append(granted.clone(), &people.ab.chain));
        }
        let asked = people.asking.sign(media::ARRANGEMENT, &self.arrangement.id, &json::write(&self.arrangement));
        let acceptance = ArrangementAcceptance {
            id: format!("{ARRANGEMENT}/acceptance"),
            issuer: self.providing.did.clone(),
            arrangement: self.arrangement.id.clone(),
            digest: Digest::of(&asked),
        };
        let accepted =
            self.providing.sign(media::ARRANGEMENT_ACCEPTANCE, &acceptance.arrangement, &json::write(&acceptance));
        let arrangement = log.append(asked, &people.asking.chain);
        let acceptance = log.append(accepted, &self.providing.chain);
        if let (Some(step), Some(leaf)) = (&self.accreditation_step, accreditation) {
            log.change(&people.ab, leaf, step);
        }
        if let Some(step) = &self.arrangement_step {
            log.change(&people.asking, arrangement, step);
        }
        if let Some(leaf) = accreditation {
            (self.before)(&mut log, leaf);
        }
        log.epoch(FOUNDED);
        let draft = CertificateDraft {
            accreditation: (self.draft.accreditation.0.clone(), Digest::of(&granted)),
            ..self.draft
        };
        let content = Certificate::new(draft).unwrap();
        let entry = self.signatory.sign(media::CERTIFICATE, &content.credential_subject.id, &content.to_payload());
        let certificate = log.append(entry, &self.signatory.chain);
        let accreditation = accreditation.unwrap_or_else(|| log.append(granted, &people.ab.chain));
        log.epoch(LOGGED);
        for step in &self.certificate_steps {
            log.change(self.signatory, certificate, step);
        }
        let leaves = Leaves { accreditation, other_accreditation, arrangement, acceptance, certificate };
        (self.after)(&mut log, &leaves);
        log.epoch(LATEST);
        Scene {
            bundle: log.bundle(&leaves),
            trust: trust(),
            question: Question {
                as_of: at(LATEST),
                now: at("2026-06-01T01:00:00Z"),
                production: Some(at("2025-06-01T00:00:00Z")),
            },
            log,
            leaves,
        }
    }
}

impl Scene {
    pub fn verdict(&self) -> Verdict {
        let trust = Trust::try_from(self.trust.clone()).unwrap();
        // Through the file, so that what is judged is what can be sent.
        verify::judge_file(&self.bundle.to_bytes(), &trust, &self.question)
    }

    /// The content of the certificate.
    pub fn certificate(&self) -> Certificate {
        match SignedStatement::from_entry(&self.bundle.certificate.entry).unwrap().content() {
            Content::Certificate(content) => Certificate::clone(content),
            _ => unreachable!("the scene puts a certificate there"),
        }
    }
}

/// The regulator's trust file.
pub fn trust() -> TrustFile {
    let authority = |id: &str, der: &[u8]| Authority {
        id: id.to_owned(),
        certificate: base64::engine::general_purpose::STANDARD.encode(der),
    };
    TrustFile {
        party: ASKING.into(),
        max_age_hours: 720,
        witness_quorum: 0,
        log: LogTrust {
            origin: ORIGIN.into(),
            note_key: PEOPLE.note.verifier().to_vkey(),
            status_note_key: PEOPLE.status_note.verifier().to_vkey(),
            receipt_key: jwk(&PEOPLE.receipt),
            earlier: Vec::new(),
        },
        accreditation_bodies: vec![authority(AB, &PEOPLE.ab_ca.der)],
        arrangement_parties: vec![
            authority(ASKING, &PEOPLE.asking_ca.der),
            authority(PROVIDING, &PEOPLE.providing_ca.der),
        ],
        witnesses: vec![Witness { key: PEOPLE.witness.verifier().to_vkey() }],
    }
}

/// The public half as JWK members.
pub fn jwk(key: &SigningKey) -> Jwk {
    json::read(key.public_key().to_jwk().as_bytes()).unwrap()
}
