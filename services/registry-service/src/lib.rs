//! registry-service.
