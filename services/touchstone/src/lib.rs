//! touchstone.
