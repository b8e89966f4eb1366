//! footprint.
