//! The typed client: connects with a caller's certificate, signs with the caller's own key, and checks what it gets.
//!
//! There is no key of anybody else here, and nothing it verifies is taken on the server's word.

mod connect;
mod error;
mod signer;

pub use connect::{Addresses, Client, Identity, Line};
pub use error::ClientError;
pub use signer::StatementSigner;

/// A fresh `request_id` (UUID4): one for each change, the same for its retries.
pub fn new_request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
