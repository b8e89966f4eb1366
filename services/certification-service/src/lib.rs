//! certification-service.
