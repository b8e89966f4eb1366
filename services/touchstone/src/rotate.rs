//! New keys of the log, and the rollover that lets partners follow: made beside the configuration, which stays as it is.

use std::path::{Path, PathBuf};

use cose::key::{PublicKey, SigningKey};
use jiff::{SignedDuration, Timestamp};
use record::registry::LogRollover;
use record::revocation::whole_second;
use record::statement::{Heading, SignedStatement, sign};
use record::{json, media};
use runtime::config::Config;
use verify::Introduction;
use verify::trust::LogTrust;

use crate::init::{INTRODUCED, InitError, write};

/// What `rotate` made.
pub struct Rotation {
    /// The signed rollover, for the configuration and for partners.
    pub rollover: PathBuf,
    /// Names and public keys of the log, with those before, for new partners.
    pub introduction: PathBuf,
    /// The new keys: what each is for, and the file that holds it.
    pub keys: Vec<(&'static str, PathBuf, PublicKey)>,
    /// Verifier keys of the log and of its status log (C2SP vkey): what witnesses and policies go by.
    pub verifier_keys: [String; 2],
    /// The lines of the configuration that change: `[log]`.
    pub lines: String,
    /// What signed until now is believed until then.
    pub earlier_until: Timestamp,
    /// Whether the keys so far sign until then too. A compromised one does not.
    pub overlaps: bool,
}

/// Makes three new keys and the rollover to them, signed with the receipt key of the configuration. `introduction` is the
/// one that partners have now. The keys so far sign for `overlap` more; where that is zero, they sign no more at all.
///
/// # Errors
/// [`InitError`]: the configuration, a key or the introduction cannot be used or do not belong together, or a file cannot
/// be written; nothing is ever overwritten.
pub fn rotate(
    config: &Path,
    introduction: &Path,
    now: Timestamp,
    overlap: SignedDuration,
) -> Result<Rotation, InitError> {
    let value = |flag, problem: String| InitError::Value { flag, problem };
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|e| InitError::File { path: path.to_owned(), problem: e.to_string() })
    };
    // Step 1: what there is.
    let found = Config::read(config).map_err(|e| value("--config", e.to_string()))?;
    let log = found.log.ok_or_else(|| value("--config", "has no table [log]: name that of the registry".into()))?;
    let receipt = SigningKey::from_pkcs8_pem(&read(&log.receipt_key)?)?;
    let known = Introduction::from_toml(&read(introduction)?).map_err(|e| value("--introduction", e.to_string()))?.log;
    let earlier_until = now.checked_add(overlap).map_err(|e| value("--overlap-days", e.to_string()))?;
    let overlaps = overlap > SignedDuration::ZERO;
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let named = |name: &str, number: usize, end: &str| folder.join(format!("{name}-{number}.{end}"));
    // Two rollovers signed by one key lead partners apart.
    let mut number = 2;
    while named("log-rollover", number, "cose").exists() {
        let made = named("log-rollover", number, "cose");
        let same = |known: &PathBuf| known.file_name() == made.file_name();
        if !log.rollovers.iter().any(same) {
            let problem = format!(
                "{} was made before and is not in log.rollovers: put the lines of that rotation into the configuration, or \
                 remove its files where nobody has them yet",
                made.display()
            );
            return Err(value("--config", problem));
        }
        number += 1;
    }
    // Step 2: the keys, and the rollover.
    let (new_receipt, note, status_note) =
        (SigningKey::generate_p256()?, SigningKey::generate_ed25519()?, SigningKey::generate_ed25519()?);
    let stated = LogTrust::new(&log.origin, note.public_key(), status_note.public_key(), &new_receipt.public_key())
        .map_err(|e| value("--config", e.to_string()))?;
    let rollover = LogRollover {
        id: log.id.clone(),
        origin: log.origin.clone(),
        note_key: stated.note_key,
        status_note_key: stated.status_note_key,
        receipt_key: stated.receipt_key,
        earlier_until: whole_second(earlier_until),
    };
    let heading = Heading { media_type: media::LOG_ROLLOVER, issuer: &log.id, subject: &log.origin, x5t: None };
    let entry = sign(&receipt, &heading, &json::write(&rollover)).map_err(|e| value("--config", e.to_string()))?;
    let statement = SignedStatement::from_entry(&entry).map_err(|e| value("--config", e.to_string()))?;
    // That it can be followed shows that introduction and configuration are of one log, with its present keys.
    let followed = known.follow(&statement).map_err(|e| value("--introduction", e.to_string()))?;
    let introduced = Introduction { log: followed }.to_toml().map_err(|e| value("--introduction", e.to_string()))?;
    // Step 3: the files.
    let keys = [
        ("receipts", "log-receipt", new_receipt),
        ("checkpoints", "log-note", note),
        ("status checkpoints", "log-status-note", status_note),
    ];
    let mut made = Vec::new();
    for (what, name, key) in keys {
        let path = named(name, number, "key");
        write(&path, key.to_pkcs8_pem()?.as_bytes(), true)?;
        made.push((what, path, key.public_key()));
    }
    let rollover_file = named("log-rollover", number, "cose");
    write(&rollover_file, &entry, false)?;
    let introduction_file = named("introduction", number, "toml");
    write(&introduction_file, format!("{INTRODUCED}{introduced}").as_bytes(), false)?;
    let relative = |path: &Path| {
        let path = path.strip_prefix(folder).unwrap_or(path);
        format!("{:?}", path.display().to_string())
    };
    let list = |paths: Vec<&PathBuf>| paths.into_iter().map(|path| relative(path)).collect::<Vec<_>>().join(", ");
    // What signs already beside the key so far goes on until its own time is over.
    let earlier = |before: &[PathBuf], key: &PathBuf| match overlaps {
        true => list(before.iter().chain([key]).collect()),
        false => String::new(),
    };
    let lines = format!(
        "receipt_key = {}\nnote_key = {}\nstatus_note_key = {}\nrollovers = [{}]\nearlier_note_keys = [{}]\nearlier_status_note_keys = [{}]\n",
        relative(&made[0].1),
        relative(&made[1].1),
        relative(&made[2].1),
        list(log.rollovers.iter().chain([&rollover_file]).collect()),
        earlier(&log.earlier_note_keys, &log.note_key),
        earlier(&log.earlier_status_note_keys, &log.status_note_key),
    );
    Ok(Rotation {
        rollover: rollover_file,
        introduction: introduction_file,
        keys: made,
        verifier_keys: [rollover.note_key, rollover.status_note_key],
        lines,
        earlier_until: rollover.earlier_until,
        overlaps,
    })
}
