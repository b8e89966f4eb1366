//! Statements.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{ChangeArgs, ConnectionArgs, did, time};

#[derive(Debug, Subcommand)]
pub(crate) enum StatementsCommand {
    /// Sign a revocation of a certification body's key, without a server: by the body with another key, or by its
    /// accreditation body.
    RevokeKey(RevokeKeyArgs),
    /// Sign that a certificate is genuine though its key was revoked since, without a server; or that a suspended one is
    /// active again.
    Confirm(ConfirmArgs),
    /// Register a signed statement.
    Register(RegisterArgs),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// DID that signs.
    #[arg(long, value_name = "DID", value_parser = did)]
    pub(crate) signer: String,
    /// Its key: PKCS#8 in PEM. It is read here, and sent nowhere.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: PathBuf,
    /// Its signing certificate, PEM or DER: the one that the accreditation or the anchor in the log names.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_certificate: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKeyArgs {
    /// DID of the certification body whose key it is.
    #[arg(long, value_name = "DID", value_parser = did)]
    pub(crate) body: String,
    /// The key: its certificate, a JWK or PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// From when on, by log time, its signatures prove nothing. Later it can be set earlier, never later.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) cut_off: Timestamp,
    /// Why, in words a holder understands.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// File to write the statement to; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Subject of the certificate: its credentialSubject.id.
    #[arg(long, value_name = "URI")]
    pub(crate) subject: String,
    /// Why, in words a holder understands.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// File to write the statement to; an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    /// Signed statement: one COSE_Sign1.
    pub(crate) statement: PathBuf,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    time(text).map(|time| time.at)
}
