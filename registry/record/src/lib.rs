//! The nouns of the record: what a reading, a footprint, a certificate, an accreditation, a status event and an
//! arrangement are, and the exact bytes of each that is signed or digested.
//!
//! There is no network, disk, clock, randomness or signature check in this crate: envelopes are made and checked by
//! `cose`, proofs by `tlog`, verdicts by `verify`.

pub mod accreditation;
pub mod application;
pub mod arrangement;
pub mod calibration;
pub mod certificate;
pub mod edition;
pub mod evidence;
pub mod footprint;
pub mod instrument;
pub mod json;
pub mod media;
pub mod name;
pub mod plant;
pub mod rating;
pub mod reading;
pub mod registry;
pub mod revocation;
pub mod statement;
pub mod status;
pub mod status_list;
