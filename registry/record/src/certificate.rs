//! certificate.
