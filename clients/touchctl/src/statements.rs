//! `touchctl statements`: what a body signs about its keys, on a machine that need not have a network, and registering it.

use std::path::Path;

use cose::key::SigningKey;
use cose::x509::Certificate;
use jiff::Timestamp;
use proto::registry as wire;
use record::instrument::Violation;
use record::revocation::{KeyRevocation, KeyThumbprint, whole_second};
use record::statement::{MAX_ENTRY_BYTES, SignedStatement};
use record::status::{GoodsRule, State, StatusEvent};
use record::{json as payload, media};
use serde::Serialize;
use touchstone_client::{StatementSigner, new_request_id};

use crate::args::{ConfirmArgs, RegisterArgs, RevokeKeyArgs, SignerArgs, StatementsCommand};
use crate::connection::Server;
use crate::error::Error;
use crate::{DONE, Surroundings, files, keys, output};

/// A statement, and where it is.
#[derive(Serialize)]
struct Shown {
    media_type: String,
    issuer: String,
    subject: String,
    kid: String,
    /// SHA-256 of its bytes.
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Where it stands in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<u64>,
}

/// Runs a command.
pub(crate) fn run(command: &StatementsCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let shown = match command {
        StatementsCommand::RevokeKey(args) => revoke_key(args)?,
        StatementsCommand::Confirm(args) => confirm(args, world.now)?,
        StatementsCommand::Register(args) => register(args)?,
    };
    let written = if json { output::json(world.out, &shown) } else { print(world.out, &shown) };
    written.map(|()| DONE).map_err(Error::Output)
}

fn revoke_key(args: &RevokeKeyArgs) -> Result<Shown, Error> {
    let key = KeyThumbprint(keys::public("key", &args.key)?.thumbprint());
    let signer = Signing::read(&args.signer)?;
    if key == KeyThumbprint(signer.key.public_key().thumbprint()) {
        return Err(form(
            "signing-key",
            "is the key to revoke: sign with another, or have the accreditation body sign",
        ));
    }
    let revocation = KeyRevocation {
        id: format!("urn:uuid:{}", new_request_id()),
        issuer: args.signer.signer.clone(),
        body: args.body.clone(),
        key,
        cut_off: whole_second(args.cut_off),
        reason: args.reason.clone(),
    };
    let bytes = payload::write(&revocation);
    KeyRevocation::from_payload(&bytes).map_err(|e| form("reason", &e.to_string()))?;
    signer.sign(media::KEY_REVOCATION, &revocation.body, &bytes, &args.out)
}

fn confirm(args: &ConfirmArgs, now: Timestamp) -> Result<Shown, Error> {
    let event = StatusEvent {
        id: format!("urn:uuid:{}", new_request_id()),
        issuer: args.signer.signer.clone(),
        subject: args.subject.clone(),
        state: State::Active,
        effective: whole_second(now),
        reason: args.reason.clone(),
        goods_rule: GoodsRule::GoodsBeforeStay,
    };
    let bytes = payload::write(&event);
    StatusEvent::from_payload(&bytes).map_err(|e| form("reason", &e.to_string()))?;
    Signing::read(&args.signer)?.sign(media::STATUS_EVENT, &event.subject, &bytes, &args.out)
}

fn register(args: &RegisterArgs) -> Result<Shown, Error> {
    let bytes = files::read("statement", &args.statement, MAX_ENTRY_BYTES as u64)?;
    let statement = read(&bytes)?;
    let server = Server::open(&args.connection)?;
    let request = wire::RegisterStatementRequest { statement: bytes.clone(), request_id: args.change.id() };
    let entry = server.change(&request.request_id.clone(), async {
        Ok(server.client().registry().register_statement(request).await?.into_inner())
    })?;
    Ok(Shown { leaf: Some(entry.index), ..shown(&statement, &bytes) })
}

/// A signer's key, with the certificate that names it.
struct Signing<'a> {
    did: &'a str,
    key: SigningKey,
    x5t: [u8; 32],
}

impl<'a> Signing<'a> {
    fn read(args: &'a SignerArgs) -> Result<Self, Error> {
        let key = keys::private("signing-key", &args.signing_key)?;
        let certificate: Certificate = keys::certificate("signing-certificate", &args.signing_certificate)?;
        if certificate.public_key() != &key.public_key() {
            return Err(form(
                "signing-key",
                "is not the key of --signing-certificate: give the two that belong together",
            ));
        }
        if !certificate.uris().contains(&args.signer) {
            let problem = format!("is not made out to {}: give the DID in its subject alternative name", args.signer);
            return Err(form("signing-certificate", &problem));
        }
        Ok(Signing { did: &args.signer, key, x5t: certificate.x5t() })
    }

    fn sign(&self, media_type: &str, subject: &str, payload: &[u8], out: &Path) -> Result<Shown, Error> {
        let signer = StatementSigner { did: self.did, key: &self.key, x5t: Some(self.x5t) };
        let bytes = signer.sign(media_type, subject, payload).map_err(|e| form("signing-key", &e.to_string()))?;
        let statement = read(&bytes)?;
        files::create("out", out, &bytes)?;
        Ok(Shown { file: Some(out.display().to_string()), ..shown(&statement, &bytes) })
    }
}

fn read(bytes: &[u8]) -> Result<SignedStatement, Error> {
    SignedStatement::from_entry(bytes).map_err(|e| form("statement", &format!("is no signed statement: {e}")))
}

fn shown(statement: &SignedStatement, bytes: &[u8]) -> Shown {
    Shown {
        media_type: statement.media_type().to_owned(),
        issuer: statement.issuer().to_owned(),
        subject: statement.subject().to_owned(),
        kid: statement.kid().to_owned(),
        sha256: hex::encode(cose::sha256(bytes)),
        file: None,
        leaf: None,
    }
}

fn form(argument: &'static str, problem: &str) -> Error {
    Error::Form { violations: vec![Violation::new(argument, problem)] }
}

fn print(out: &mut dyn std::io::Write, shown: &Shown) -> std::io::Result<()> {
    output::row(out, "Statement", &shown.media_type)?;
    output::row(out, "Signed by", &shown.kid)?;
    output::row(out, "Subject", &shown.subject)?;
    output::row(out, "SHA-256", &output::grouped(&shown.sha256))?;
    if let Some(file) = &shown.file {
        output::row(out, "Written to", file)?;
    }
    match shown.leaf {
        Some(leaf) => output::row(out, "Leaf", &leaf.to_string()),
        None => output::row(out, "Next", "touchctl statements register FILE"),
    }
}
