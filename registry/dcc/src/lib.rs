//! Reads PTB's Digital Calibration Certificates (DCC 2.4 to 3.3, with D-SI 1.3, 2.1 and 2.2).
//!
//! It knows nothing of readings, carbon, network, disk or clock. It does not check XML signatures (the record says
//! whether there is one) and does not run PTB's Schematron (the record says that too), and it makes no digest: who
//! keeps the file keeps it whole and names its digest. The core of a DCC has no date of expiry, so there is none here.
//!
//! * [`read`]: bytes to [`Dcc`]. Closed and strict: an element, attribute or text that the schema version does not have
//!   in its place is refused by name with its line; entities are never expanded; numbers keep their digits.
//! * [`meter::points`]: a certificate as the calibration of one meter, by `refType` and never by name.
//! * [`dsi`]: the numbers, also from files that are no certificates.
//! * `template/`: a certificate of an electricity meter, for laboratories to start from.

mod certificate;
pub mod dsi;
mod error;
mod grammar;
pub mod meter;
mod number;
mod result;
mod unit;
mod version;
mod xml;

pub use certificate::{
    Contact, CoreData, Dcc, Identification, Issuer, Item, Laboratory, LanguageText, Refs, Replaces, SERIAL_NUMBER,
    SignatureState, TEMPLATE, TEMPLATE_LABORATORY, TEMPLATE_NUMBER, Text, read,
};
pub use error::{At, DccError};
pub use number::{MAX_NUMBER_LEN, Number, NumberError};
pub use result::{
    DataList, Datum, InfluenceCondition, MeasurementResult, MetaData, Quantity, ResultEntry, UsedMethod, Value,
};
pub use unit::{Dimension, MAX_EXPONENT, MAX_FACTORS, Scale, Unit, UnitError};
pub use version::Version;
pub use xml::{MAX_DCC_BYTES, MAX_DEPTH, MAX_LIST_ENTRIES, MAX_NODES};
