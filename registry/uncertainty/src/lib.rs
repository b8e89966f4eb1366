//! uncertainty.
