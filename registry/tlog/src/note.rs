//! Signed notes (c2sp.org/signed-note): text and the signatures under it. Ed25519 (type 0x01) and
//! timestamped Ed25519 cosignatures (type 0x04, c2sp.org/tlog-cosignature) are known here; lines of
//! other keys are kept and ignored, as the specification asks.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cose::key::{Algorithm, KeyError, PublicKey, Signer};

use crate::checkpoint::Checkpoint;

/// Longest note read. A checkpoint is some 200 bytes, a post-quantum cosignature under 5 KiB.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;
/// Most signatures read; the specification asks for 16 at least.
pub const MAX_SIGNATURES: usize = 100;

/// Before every signature line.
const DASH: &str = "— ";

/// What is wrong with a note, a key or a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`], or more signatures than [`MAX_SIGNATURES`].
    #[error("the note is too large")]
    TooLarge,
    /// Not in the format of a signed note.
    #[error("not a signed note: {what}")]
    Format {
        /// The part.
        what: &'static str,
    },
    /// A name is empty, or has a space or a plus.
    #[error("not a key name: {name:?}")]
    Name {
        /// The name.
        name: String,
    },
    /// A verifier key is not `name+id+base64`, or its id is not that of its key.
    #[error("malformed verifier key")]
    VerifierKey,
    /// A verifier key of another signature type.
    #[error("unsupported signature type {kind:#04x}")]
    UnsupportedType {
        /// Signature type identifier byte.
        kind: u8,
    },
    /// A known key's signature does not verify: the whole note is refused.
    #[error("the signature of {name} does not verify")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// No known key signed.
    #[error("no known key signed the note")]
    NoKnownSignature,
    /// A cosignature is over a checkpoint, and its time at most 2^63 − 1.
    #[error("only a checkpoint is cosigned, at a time that fits")]
    NotCosignable,
    /// The key is not Ed25519, or did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The kinds of signature known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// 0x01: Ed25519 over the text.
    Ed25519,
    /// 0x04: Ed25519 over a time and the text.
    Cosignature,
}

impl SignatureKind {
    /// Its signature type identifier byte.
    pub fn byte(self) -> u8 {
        match self {
            SignatureKind::Ed25519 => 1,
            SignatureKind::Cosignature => 4,
        }
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub key_id: u32,
    /// What follows the id.
    pub signature: Vec<u8>,
}

impl NoteSignature {
    /// Reads a line, without its newline.
    ///
    /// # Errors
    /// [`NoteError::Format`].
    pub fn parse(line: &str) -> Result<NoteSignature, NoteError> {
        let wrong = NoteError::Format { what: "signature line" };
        let rest = line.strip_prefix(DASH).ok_or(wrong.clone())?;
        let (name, signature) = rest.split_once(' ').ok_or(wrong.clone())?;
        let bytes = STANDARD.decode(signature).map_err(|_| wrong.clone())?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(wrong.clone())?;
        if signature.is_empty() {
            return Err(wrong);
        }
        let key_id = u32::from_be_bytes(*id);
        Ok(NoteSignature { name: name.to_owned(), key_id, signature: signature.to_vec() })
    }

    /// The line, without its newline.
    pub fn to_line(&self) -> String {
        let signature = [&self.key_id.to_be_bytes(), self.signature.as_slice()].concat();
        format!("{DASH}{} {}", self.name, STANDARD.encode(signature))
    }
}

/// Text and signatures, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A text that ends in a newline, and its signatures.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<SignedNote, NoteError> {
        check_text(&text)?;
        if signatures.is_empty() {
            return Err(NoteError::Format { what: "no signature" });
        }
        let note = SignedNote { text, signatures };
        if note.signatures.len() > MAX_SIGNATURES || note.encode().len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        for line in &note.signatures {
            check_name(&line.name)?;
        }
        Ok(note)
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<SignedNote, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Format { what: "UTF-8" })?;
        // The text ends at the last empty line.
        let end = whole.rfind("\n\n").ok_or(NoteError::Format { what: "no empty line" })?;
        let (text, lines) = (&whole[..end + 1], &whole[end + 2..]);
        let unended = NoteError::Format { what: "signature line" };
        let lines = lines.strip_suffix('\n').ok_or(unended)?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?;
        SignedNote::new(text.to_owned(), signatures)
    }

    /// The text, its last newline included. To be ignored until verified.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with a further signature.
    pub fn with_signature(mut self, signature: NoteSignature) -> Result<SignedNote, NoteError> {
        self.signatures.push(signature);
        SignedNote::new(self.text, self.signatures)
    }

    /// The note as it is served.
    pub fn encode(&self) -> String {
        let mut out = format!("{}\n", self.text);
        for line in &self.signatures {
            out.push_str(&line.to_line());
            out.push('\n');
        }
        out
    }

    /// Checks the signatures of known keys; others are ignored. Every line of a known key must
    /// verify, and one at least must be there. Each key is reported once, by its first line.
    pub fn verify(&self, known: &[NoteVerifier]) -> Result<Vec<Verified>, NoteError> {
        let mut verified: Vec<Verified> = Vec::new();
        for line in &self.signatures {
            for (verifier, key) in known.iter().enumerate() {
                if !key.made(line) {
                    continue;
                }
                let timestamp = key.check(&self.text, &line.signature)?;
                if verified.iter().all(|earlier| earlier.verifier != verifier) {
                    verified.push(Verified { verifier, name: key.name.clone(), timestamp });
                }
            }
        }
        if verified.is_empty() { Err(NoteError::NoKnownSignature) } else { Ok(verified) }
    }
}

/// A known key whose signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its place among the keys given.
    pub verifier: usize,
    /// Its name.
    pub name: String,
    /// For cosignatures, when it was made: seconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<u64>,
}

/// A key that verifies notes: name, id, Ed25519 key, kind of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key_id: u32,
    kind: SignatureKind,
    raw: [u8; 32],
    key: PublicKey,
}

impl NoteVerifier {
    /// From a name and an Ed25519 key.
    pub fn new(name: &str, kind: SignatureKind, key: PublicKey) -> Result<Self, NoteError> {
        check_name(name)?;
        let (alg, of) = (Algorithm::Ed25519, key.kind());
        let raw = key.ed25519_bytes().ok_or(KeyError::AlgorithmMismatch { alg, key: of })?;
        let key_id = key_id(name, kind, &raw);
        Ok(NoteVerifier { name: name.to_owned(), key_id, kind, raw, key })
    }

    /// Reads a vkey, `<name>+<hex id>+<base64 of type and key>`.
    pub fn from_vkey(vkey: &str) -> Result<NoteVerifier, NoteError> {
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
        let (byte, raw) = bytes.split_first().ok_or(NoteError::VerifierKey)?;
        let kind = match byte {
            1 => SignatureKind::Ed25519,
            4 => SignatureKind::Cosignature,
            kind => return Err(NoteError::UnsupportedType { kind: *kind }),
        };
        let raw: &[u8; 32] = raw.try_into().map_err(|_| NoteError::VerifierKey)?;
        let verifier = NoteVerifier::new(name, kind, PublicKey::from_ed25519_bytes(raw)?)?;
        // The id is computed (signed-note, tlog-cosignature), so a mistyped key is noticed here.
        if format!("{:08x}", verifier.key_id) == id { Ok(verifier) } else { Err(NoteError::VerifierKey) }
    }

    /// The vkey.
    pub fn to_vkey(&self) -> String {
        let key = STANDARD.encode([&[self.kind.byte()], self.raw.as_slice()].concat());
        format!("{}+{:08x}+{key}", self.name, self.key_id)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key), big-endian.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The kind of signature it verifies.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The Ed25519 key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether a line names this key. That it verifies is another matter.
    pub fn made(&self, line: &NoteSignature) -> bool {
        self.name == line.name && self.key_id == line.key_id
    }

    fn check(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, NoteError> {
        let bad = || NoteError::BadSignature { name: self.name.clone() };
        let (timestamp, message, signature) = match self.kind {
            SignatureKind::Ed25519 => (None, text.to_owned(), signature),
            SignatureKind::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<8>().ok_or_else(bad)?;
                let time = u64::from_be_bytes(*time);
                (Some(time), cosigned(text, time).map_err(|_| bad())?, signature)
            }
        };
        let checked = self.key.verify(Algorithm::Ed25519, message.as_bytes(), signature);
        checked.map_err(|_| bad())?;
        Ok(timestamp)
    }
}

/// A log's key: signs notes with Ed25519 (0x01).
#[derive(Clone)]
pub struct NoteSigner {
    verifier: NoteVerifier,
    key: Arc<dyn Signer>,
}

impl NoteSigner {
    /// From a name and an Ed25519 key.
    pub fn new(name: &str, key: Arc<dyn Signer>) -> Result<NoteSigner, NoteError> {
        let verifier = NoteVerifier::new(name, SignatureKind::Ed25519, key.public_key())?;
        Ok(NoteSigner { verifier, key })
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Signs a text that ends in a newline.
    pub fn sign(&self, text: &str) -> Result<NoteSignature, NoteError> {
        check_text(text)?;
        let signature = self.key.sign(text.as_bytes())?;
        Ok(line(&self.verifier, signature))
    }
}

/// A witness's key: signs checkpoints with the time (0x04).
#[derive(Clone)]
pub struct Cosigner {
    verifier: NoteVerifier,
    key: Arc<dyn Signer>,
}

impl Cosigner {
    /// From a name and an Ed25519 key, which must serve no other purpose: the message does not name
    /// the cosigner.
    pub fn new(name: &str, key: Arc<dyn Signer>) -> Result<Cosigner, NoteError> {
        let verifier = NoteVerifier::new(name, SignatureKind::Cosignature, key.public_key())?;
        Ok(Cosigner { verifier, key })
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Cosigns a checkpoint's text at a time in seconds since 1970-01-01T00:00:00Z. That the
    /// checkpoint extends the one cosigned before is for the caller to have checked.
    pub fn cosign(&self, text: &str, at_unix_secs: u64) -> Result<NoteSignature, NoteError> {
        Checkpoint::parse(text).map_err(|_| NoteError::NotCosignable)?;
        let signature = self.key.sign(cosigned(text, at_unix_secs)?.as_bytes())?;
        let stamped = [&at_unix_secs.to_be_bytes(), signature.as_slice()].concat();
        Ok(line(&self.verifier, stamped))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier.to_vkey())
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier.to_vkey())
    }
}

fn line(verifier: &NoteVerifier, signature: Vec<u8>) -> NoteSignature {
    NoteSignature { name: verifier.name.clone(), key_id: verifier.key_id, signature }
}

/// tlog-cosignature, "Ed25519 signed message".
fn cosigned(text: &str, at_unix_secs: u64) -> Result<String, NoteError> {
    if i64::try_from(at_unix_secs).is_err() {
        return Err(NoteError::NotCosignable);
    }
    Ok(format!("cosignature/v1\ntime {at_unix_secs}\n{text}"))
}

fn key_id(name: &str, kind: SignatureKind, raw: &[u8; 32]) -> u32 {
    let hash = cose::sha256(&[name.as_bytes(), b"\n", &[kind.byte()], raw].concat());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(refused) {
        return Err(NoteError::Name { name: name.to_owned() });
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Format { what: "text without a last newline" });
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Format { what: "control character" });
    }
    Ok(())
}
