//! touchstone-client.
