//! Files, read with a bound: what is named on a command line can be anything.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use tlog::policy::Policy;
use verify::trust::TrustFile;
use verify::{Introduction, Trust};

use crate::error::{Error, FileProblem};

/// Largest trust file: some hundred authorities.
const MAX_TRUST_BYTES: u64 = 256 << 10;

/// Reads a file of at most `limit` bytes; `argument` is the word for it on the command line.
pub(crate) fn read(argument: &'static str, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    bounded(path, limit).map_err(|problem| Error::File { argument, path: path.to_owned(), problem })
}

/// The same where nothing is something too.
pub(crate) fn read_or_empty(argument: &'static str, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    match read(argument, path, limit) {
        Err(Error::File { problem: FileProblem::Empty, .. }) => Ok(Vec::new()),
        read => read,
    }
}

/// The same for a text.
pub(crate) fn text(argument: &'static str, path: &Path, limit: u64) -> Result<String, Error> {
    let text = String::from_utf8(read(argument, path, limit)?).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| Error::File { argument, path: path.to_owned(), problem: FileProblem::Binary })
}

/// Reads the trust file.
pub(crate) fn trust(path: &Path) -> Result<Trust, Error> {
    let text = text("trust", path, MAX_TRUST_BYTES)?;
    Trust::from_toml(&text).map_err(|error| Error::Trust { path: path.to_owned(), error })
}

/// Reads the trust file as it is written.
pub(crate) fn trust_file(path: &Path) -> Result<TrustFile, Error> {
    let text = text("trust", path, MAX_TRUST_BYTES)?;
    TrustFile::from_toml(&text).map_err(|error| Error::Trust { path: path.to_owned(), error })
}

/// Reads what an operator published.
pub(crate) fn introduction(path: &Path) -> Result<Introduction, Error> {
    let text = text("introduction", path, MAX_TRUST_BYTES)?;
    Introduction::from_toml(&text).map_err(|error| Error::Trust { path: path.to_owned(), error })
}

/// Reads a policy of logs and witnesses.
pub(crate) fn policy(path: &Path) -> Result<Policy, Error> {
    let bytes = read("policy", path, tlog::policy::MAX_POLICY_BYTES as u64)?;
    Policy::parse(&bytes).map_err(|error| Error::Policy { path: path.to_owned(), error })
}

/// Writes a file that did not exist, whole or not at all; `argument` is the word for it on the command line.
pub(crate) fn create(argument: &'static str, path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let problem = |error| Error::Write { argument, path: path.to_owned(), error };
    let file = beside(path, content).map_err(problem)?;
    file.persist_noclobber(path).map(drop).map_err(|failed| problem(failed.error))
}

/// Writes a file in the place of the one that may be there, whole or not at all.
pub(crate) fn replace(argument: &'static str, path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let problem = |error| Error::Write { argument, path: path.to_owned(), error };
    let file = beside(path, content).map_err(problem)?;
    file.persist(path).map(drop).map_err(|failed| problem(failed.error))
}

/// The content, durable, in a file of another name beside the one meant.
fn beside(path: &Path, content: impl AsRef<[u8]>) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".touchctl-");
    #[cfg(unix)]
    // As any file is made, less what the user's mask takes.
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content.as_ref())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Refuses a file that is there already: for what takes long to make. [`create`] refuses it again.
pub(crate) fn vacant(argument: &'static str, path: &Path) -> Result<(), Error> {
    match path.try_exists() {
        Ok(true) => Err(Error::Write { argument, path: path.to_owned(), error: ErrorKind::AlreadyExists.into() }),
        _ => Ok(()),
    }
}

fn bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileProblem> {
    let problem = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => FileProblem::Missing,
        ErrorKind::IsADirectory => FileProblem::Directory,
        _ => FileProblem::Unreadable(error),
    };
    let file = File::open(path).map_err(problem)?;
    if file.metadata().map_err(problem)?.is_dir() {
        return Err(FileProblem::Directory);
    }
    // One byte more than allowed tells a file that is too large, also where the length is not known before.
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(problem)?;
    match bytes.len() as u64 {
        0 => Err(FileProblem::Empty),
        length if length > limit => Err(FileProblem::TooLarge { limit }),
        _ => Ok(bytes),
    }
}
