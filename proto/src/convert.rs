//! Conversions that services and clients share, beside the messages.

pub mod metering;
