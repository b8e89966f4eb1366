//! What makes a change safe to repeat.

use clap::Args;
use touchstone_client::{check_request_id, new_request_id};

/// The id of a change.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ChangeArgs {
    /// UUID4 of this change [default: a new one]. Where an answer was lost, the same command with the id that it named is
    /// carried out once.
    #[arg(long, value_name = "UUID", value_parser = request_id)]
    request_id: Option<String>,
}

impl ChangeArgs {
    /// The id given, or a new one.
    pub(crate) fn id(&self) -> String {
        self.request_id.clone().unwrap_or_else(new_request_id)
    }
}

fn request_id(text: &str) -> Result<String, String> {
    match check_request_id(text) {
        true => Ok(text.to_owned()),
        false => Err("is no UUID4, such as 2f1c9d6e-8a4b-4c7d-9e0f-1a2b3c4d5e6f".to_owned()),
    }
}
