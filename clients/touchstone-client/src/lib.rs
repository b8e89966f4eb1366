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

/// Whether a text is a `request_id`: a UUID4.
pub fn check_request_id(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.get_version_num() == 4)
}

/// The `request_id` of one of many changes that are made under one: the same for the same `part`, and another for every
/// other.
pub fn request_id_within(request_id: &str, part: &[u8]) -> String {
    let digest = cose::sha256(&[request_id.as_bytes(), b"\n", part].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_for_each_part() {
        let (a, b) = (new_request_id(), new_request_id());
        assert!(check_request_id(&a) && a != b);
        let within = request_id_within(&a, b"x");
        assert!(check_request_id(&within));
        assert_eq!(within, request_id_within(&a, b"x"));
        assert_ne!(within, request_id_within(&a, b"y"));
        assert_ne!(within, request_id_within(&b, b"x"));
        // Version 1, and none.
        assert!(!check_request_id("6ba7b810-9dad-11d1-80b4-00c04fd430c8") && !check_request_id("x"));
    }
}
