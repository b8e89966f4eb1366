//! footprint-service.
