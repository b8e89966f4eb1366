//! arrangement.
