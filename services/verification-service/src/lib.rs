//! verification-service.
