//! touchctl.
