//! `touchctl trust`: the verifier's own file.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cose::key::PublicKey;
use cose::x509::Certificate;
use jiff::Timestamp;
use record::instrument::Violation;
use record::statement::{MAX_ENTRY_BYTES, SignedStatement, StatementError};
use serde::Serialize;
use tlog::note::NoteVerifier;
use verify::Trust;
use verify::trust::{Authority, TrustFile, Witness};

use crate::args::{self, FollowArgs, MakeArgs};
use crate::error::Error;
use crate::{DONE, Surroundings, files, keys, output};

/// A trust file by names and fingerprints.
#[derive(Serialize)]
struct Shown {
    party: String,
    max_age_hours: i64,
    witness_quorum: usize,
    origin: String,
    keys: Vec<ShownKey>,
    authorities: Vec<ShownAuthority>,
}

/// A key; `thumbprint` is that of RFC 7638, `sha256` is of its SubjectPublicKeyInfo, as
/// `openssl pkey -pubin -outform DER` writes it.
#[derive(Serialize)]
struct ShownKey {
    role: &'static str,
    name: String,
    thumbprint: String,
    sha256: String,
}

/// A certificate authority; the fingerprint is the SHA-256 of the DER, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Serialize)]
struct ShownAuthority {
    role: &'static str,
    id: String,
    common_name: Option<String>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    sha256: String,
}

/// Makes a trust file, and prints what there is to compare.
pub(crate) fn make(args: &MakeArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let file = TrustFile {
        party: args.party.clone(),
        max_age_hours: args.max_age_hours,
        witness_quorum: args.witness_quorum,
        log: files::introduction(&args.introduction)?.log,
        accreditation_bodies: authorities("accreditation-body", &args.accreditation_body)?,
        arrangement_parties: authorities("arrangement-party", &args.arrangement_party)?,
        witnesses: args.witness.iter().map(|key| Witness { key: key.clone() }).collect(),
    };
    let text = file.to_toml().map_err(Error::Made)?;
    let trust = Trust::try_from(file).map_err(Error::Made)?;
    files::create("out", &args.out, &text)?;
    if !json {
        let made = format!("Wrote {}. What it trusts:\n", args.out.display());
        writeln!(world.out, "{}", output::clean(&made)).map_err(Error::Output)?;
    }
    tell(&trust, json, world)
}

/// Follows rollovers of the log's keys, and prints what there is now.
pub(crate) fn follow(args: &FollowArgs, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let mut file = files::trust_file(&args.trust)?;
    for path in &args.rollover {
        let bytes = files::read("rollover", path, MAX_ENTRY_BYTES as u64)?;
        let unread = |e: StatementError| Error::Form {
            violations: vec![Violation::new(
                "rollover",
                format!("{}: {e}; a signed rollover is expected", path.display()),
            )],
        };
        let statement = SignedStatement::from_entry(&bytes).map_err(unread)?;
        file.log = file.log.follow(&statement).map_err(|error| Error::Rollover { path: path.clone(), error })?;
    }
    let text = file.to_toml().map_err(Error::Made)?;
    let trust = Trust::try_from(file).map_err(Error::Made)?;
    files::create("out", &args.out, &text)?;
    if !json {
        let made = format!("Wrote {}. What it trusts:\n", args.out.display());
        writeln!(world.out, "{}", output::clean(&made)).map_err(Error::Output)?;
    }
    tell(&trust, json, world)
}

/// The parties of a command line, each with its authority's certificate.
fn authorities(argument: &'static str, given: &[args::Authority]) -> Result<Vec<Authority>, Error> {
    let read = |one: &args::Authority| {
        let der = keys::authority(argument, &one.file)?;
        Ok(Authority { id: one.id.clone(), certificate: STANDARD.encode(der) })
    };
    given.iter().map(read).collect()
}

/// Prints parties and fingerprints.
pub(crate) fn show(file: &Path, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    tell(&files::trust(file)?, json, world)
}

fn tell(trust: &Trust, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let shown = shown(trust);
    let written = if json { output::json(world.out, &shown) } else { print(&shown, world) };
    written.map(|()| DONE).map_err(Error::Output)
}

fn shown(trust: &Trust) -> Shown {
    let key = |role, name: &str, key: &PublicKey| ShownKey {
        role,
        name: name.to_owned(),
        thumbprint: key.fingerprint(),
        sha256: hex::encode(cose::sha256(&key.to_spki_der())),
    };
    let note = |role, verifier: &NoteVerifier| key(role, verifier.name(), verifier.public_key());
    let mut keys = Vec::new();
    // The log's own key comes first in each list, the same witnesses follow in both.
    for (at, verifier) in trust.note_keys.iter().enumerate() {
        keys.push(note(if at == 0 { "checkpoints" } else { "witness" }, verifier));
    }
    if let Some(verifier) = trust.status_note_keys.first() {
        keys.insert(1, note("status checkpoints", verifier));
    }
    keys.insert(2, key("receipts", &trust.origin, &trust.receipt_key));
    for earlier in &trust.earlier {
        let (log, status) = (earlier.note_keys.first(), earlier.status_note_keys.first());
        keys.extend(log.map(|verifier| note("checkpoints, earlier", verifier)));
        keys.extend(status.map(|verifier| note("status checkpoints, earlier", verifier)));
        keys.push(key("receipts, earlier", &trust.origin, &earlier.receipt_key));
    }
    let lists =
        [("accreditation body", &trust.accreditation_bodies), ("party to arrangements", &trust.arrangement_parties)];
    let authorities = lists.into_iter().flat_map(|(role, list)| list.iter().map(move |one| authority(role, one)));
    Shown {
        party: trust.party.clone(),
        max_age_hours: trust.max_age.as_hours(),
        witness_quorum: trust.witness_quorum,
        origin: trust.origin.clone(),
        keys,
        authorities: authorities.collect(),
    }
}

fn authority(role: &'static str, (id, der): &(String, Vec<u8>)) -> ShownAuthority {
    let certificate = Certificate::from_der(der).ok();
    let time = |seconds: i64| Timestamp::from_second(seconds).ok();
    ShownAuthority {
        role,
        id: id.clone(),
        common_name: certificate.as_ref().and_then(|c| c.common_name().map(str::to_owned)),
        not_before: certificate.as_ref().and_then(|c| time(c.not_before())),
        not_after: certificate.as_ref().and_then(|c| time(c.not_after())),
        sha256: hex::encode(cose::sha256(der)),
    }
}

fn print(shown: &Shown, world: &mut Surroundings<'_>) -> std::io::Result<()> {
    let out = &mut *world.out;
    output::row(out, "Party", &shown.party)?;
    output::row(out, "Log", &shown.origin)?;
    output::row(out, "Oldest status", &format!("{} hours", shown.max_age_hours))?;
    output::row(out, "Witnesses", &format!("{} needed", shown.witness_quorum))?;
    writeln!(out, "\nKeys (thumbprint by RFC 7638; SHA-256 of the SubjectPublicKeyInfo)")?;
    for key in &shown.keys {
        writeln!(out, "  {}: {}", key.role, output::clean(&key.name))?;
        writeln!(out, "    {}\n    {}", key.thumbprint, output::grouped(&key.sha256))?;
    }
    writeln!(out, "\nAuthorities (SHA-256 of the certificate)")?;
    for authority in &shown.authorities {
        write!(out, "  {}: {}", authority.role, output::clean(&authority.id))?;
        if let Some(name) = &authority.common_name {
            write!(out, ", \"{}\"", output::clean(name))?;
        }
        if let (Some(from), Some(until)) = (authority.not_before, authority.not_after) {
            write!(out, ", {from} to {until}")?;
        }
        writeln!(out, "\n    {}", output::grouped(&authority.sha256))?;
    }
    writeln!(out, "\nCompare the fingerprints by another way (telephone, paper) before you rely on this file.")
}
