//! certification.
