//! Transparency logs.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use tlog::Hash;

use super::{Time, time};

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Check a receipt (RFC 9942) of a statement, by the key of the log that issued it.
    CheckReceipt(Box<CheckReceiptArgs>),
    /// Check a checkpoint (C2SP tlog-checkpoint) under a policy of logs and witnesses (C2SP tlog-policy).
    CheckCheckpoint(CheckCheckpointArgs),
    /// Check a proof of logging (C2SP tlog-proof) of an entry under a policy.
    CheckProof(CheckProofArgs),
    /// Check that a log's tree extends an older one (RFC 9162, 2.1.4).
    CheckConsistency(CheckConsistencyArgs),
    /// Check evidence that a log signed two histories, as an audit, a witness or a registry keeps it.
    CheckSplitView(CheckSplitViewArgs),
    /// Fetch a whole log (C2SP tlog-tiles) and derive all of it again: root, tiles, signatures, registration, status.
    Audit(AuditArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Keys are read as JWK, COSE_Key, PEM, or a certificate in PEM or DER. The signature of a receipt \
        covers the root of the tree alone: size and index are what it claims, unless a checkpoint with that root says the same."
)]
pub(crate) struct CheckReceiptArgs {
    /// The statement, as it was registered (COSE_Sign1); receipts in its unprotected header are no part of the entry.
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    pub(crate) statement: Option<PathBuf>,
    /// The receipt (COSE_Sign1).
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: PathBuf,
    /// Key of the log for receipts.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Key of the statement's signer; without it the statement's own signature is not checked.
    #[arg(long, value_name = "FILE", requires = "statement")]
    pub(crate) issuer_key: Option<PathBuf>,
    /// Size and root (base64 or hex) of the older tree, for a receipt of consistency.
    #[arg(long, value_name = "SIZE:ROOT", value_parser = tree_head)]
    pub(crate) from: Option<TreeHead>,
    /// Checkpoint of the tree that the receipt is about, which settles size and index.
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Policy that the checkpoint is checked under.
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A checkpoint states no time of its own: its age is that of the cosignatures that the quorum takes. \
        Too few cosignatures, or none new enough, leave the answer open (exit code 3); a signature that does not verify \
        refuses it (1)."
)]
pub(crate) struct CheckCheckpointArgs {
    /// Checkpoint: a signed note.
    pub(crate) file: PathBuf,
    /// Policy: lines of log, witness, group and quorum.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The clock to judge by [default: the system's].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Time>,
    /// Greatest age accepted, in seconds.
    #[arg(long, value_name = "SECS")]
    pub(crate) max_age: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckProofArgs {
    /// Proof of logging, with its checkpoint.
    pub(crate) file: PathBuf,
    /// The entry, in its exact bytes.
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: PathBuf,
    /// Policy: lines of log, witness, group and quorum.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "A root is base64, as checkpoints have it, or hex.")]
pub(crate) struct CheckConsistencyArgs {
    /// Size and root of the older tree.
    #[arg(long, value_name = "SIZE:ROOT", value_parser = tree_head)]
    pub(crate) from: TreeHead,
    /// Size and root of the newer tree.
    #[arg(long, value_name = "SIZE:ROOT", value_parser = tree_head)]
    pub(crate) to: TreeHead,
    /// The proof: a hash a line, in base64; nothing where none is needed.
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Two checkpoints of one size with two roots prove it (SPLIT_VIEW, exit code 1). Two sizes leave it open \
        (SPLIT_VIEW_UNPROVED, 3) until the log proves that one extends the other, or cannot. Checkpoints that the log did \
        not sign show nothing of it (1, with the reason)."
)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub(crate) struct CheckSplitViewArgs {
    /// The file: split-view-….json.
    pub(crate) file: PathBuf,
    /// Policy with the log's key (C2SP tlog-policy).
    #[arg(long, value_name = "FILE", group = "whose")]
    pub(crate) policy: Option<PathBuf>,
    /// What the log's operator published: introduction.toml.
    #[arg(long, value_name = "FILE", group = "whose")]
    pub(crate) introduction: Option<PathBuf>,
    /// Your own trust file.
    #[arg(long, value_name = "FILE", group = "whose")]
    pub(crate) trust: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --policy, --introduction or --trust the log is taken at the word of its own leaf 0, which is \
        a condition of the answer. What was registered by whom, and whether evidence was known, no log shows."
)]
pub(crate) struct AuditArgs {
    /// Where the log is read: http://HOST[:PORT][/PREFIX], or a folder with the same files. What is read is signed, so
    /// nothing rests on the way it came.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Policy of logs and witnesses (C2SP tlog-policy) that checkpoints are checked under.
    #[arg(long, value_name = "FILE", group = "known")]
    pub(crate) policy: Option<PathBuf>,
    /// What the log's operator published: introduction.toml.
    #[arg(long, value_name = "FILE", group = "known")]
    pub(crate) introduction: Option<PathBuf>,
    /// Your own trust file.
    #[arg(long, value_name = "FILE", group = "known")]
    pub(crate) trust: Option<PathBuf>,
    /// Derive root and tiles alone: for a log of others, whose entries are no statements of a Touchstone log.
    #[arg(long, requires = "policy")]
    pub(crate) tree_only: bool,
    /// File that remembers the checkpoints audited last: the log must extend them. It is written when nothing is refused;
    /// checkpoints that contradict each other are kept beside it.
    #[arg(long, value_name = "STATE_FILE")]
    pub(crate) keep: Option<PathBuf>,
    /// The clock to judge by [default: the system's].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Time>,
}

/// Size and root of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeHead {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

fn tree_head(text: &str) -> Result<TreeHead, String> {
    let wanted = "expected SIZE:ROOT, a number and a SHA-256 hash in base64 or hex, such as the second and third line \
                  of a checkpoint";
    let (size, root) = text.split_once(':').ok_or(wanted)?;
    let size = size.parse().ok().filter(|number: &u64| number.to_string() == size).ok_or(wanted)?;
    let root = if root.len() == 64 { hex::decode(root).ok() } else { STANDARD.decode(root).ok() };
    let root = root.and_then(|root| Hash::try_from(root).ok()).ok_or(wanted)?;
    Ok(TreeHead { size, root })
}
