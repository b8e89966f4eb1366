//! How the server is reached.

use std::path::PathBuf;

use clap::Args;

/// What no option states is taken from the environment, and then from the connection file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// TOML file that states the options below: server, server_name, authority, certificate, key; paths count from its
    /// folder [env: TOUCHCTL_CONNECTION].
    #[arg(long, value_name = "FILE")]
    pub(crate) connection: Option<PathBuf>,
    /// Where the server listens, such as registry.example:7443 [env: TOUCHCTL_SERVER].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// Name in the server's certificate, where that is not the host of --server [env: TOUCHCTL_SERVER_NAME].
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Authority of the installation: its authority.crt [env: TOUCHCTL_AUTHORITY].
    #[arg(long, value_name = "FILE")]
    pub(crate) authority: Option<PathBuf>,
    /// Your certificate, as `touchstone enrol` wrote it [env: TOUCHCTL_CERTIFICATE].
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key [env: TOUCHCTL_KEY].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}
