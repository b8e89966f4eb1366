//! Signing in the client, with the organisation's own key: it never leaves this process.

use cose::key::Signer;
use record::media;
use record::statement::{Heading, sign};

use crate::ClientError;

/// An organisation that signs statements.
pub struct StatementSigner<'a> {
    /// DID of the organisation.
    pub did: &'a str,
    /// Its key: a file's, or a token's.
    pub key: &'a dyn Signer,
    /// SHA-256 of its signing certificate; the operator of a log has none.
    pub x5t: Option<[u8; 32]>,
}

impl StatementSigner<'_> {
    /// Signs a payload as an entry of the log.
    ///
    /// # Errors
    /// [`ClientError::Sign`].
    pub fn sign(&self, media_type: &str, subject: &str, payload: &[u8]) -> Result<Vec<u8>, ClientError> {
        let heading = Heading { media_type, issuer: self.did, subject, x5t: self.x5t };
        Ok(sign(self.key, &heading, payload)?)
    }

    /// Signs a certificate: the exact bytes of the credential.
    ///
    /// # Errors
    /// [`ClientError::Sign`].
    pub fn sign_certificate(&self, certificate: &record::certificate::Certificate) -> Result<Vec<u8>, ClientError> {
        self.sign(media::CERTIFICATE, &certificate.credential_subject.id, &certificate.to_payload())
    }
}
