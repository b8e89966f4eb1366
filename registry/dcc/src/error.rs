//! Why a certificate is refused: one variant for each thing somebody can put right.

use std::fmt;

use jiff::civil::Date;
use quantity::DecimalError;
use serde::Serialize;

use crate::unit::UnitError;

/// Where something stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct At {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// The elements from the root down to it, by local name and separated by `/`.
    pub path: String,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {} ({})", self.line, self.column, self.path)
    }
}

/// Why a file is not read as a certificate, or a certificate not taken as the calibration of a meter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DccError {
    /// The file is larger than [`MAX_DCC_BYTES`](crate::MAX_DCC_BYTES).
    #[error("a file of {bytes} bytes is longer than {limit}; keep attachments outside the certificate")]
    TooLarge {
        /// Length of the file.
        bytes: usize,
        /// Longest file read.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("byte {offset} is not UTF-8; save the certificate as UTF-8")]
    NotUtf8 {
        /// Offset of the first byte that does not fit.
        offset: usize,
    },
    /// The XML declaration names another encoding than UTF-8.
    #[error("the XML declaration names the encoding {declared:?}; save the certificate as UTF-8")]
    Encoding {
        /// The encoding declared.
        declared: String,
    },
    /// There is a document type declaration, the place of entities (internal, external, and the bombs made of them).
    #[error(
        "line {line} holds a document type declaration; entities are never expanded or fetched, remove <!DOCTYPE …>"
    )]
    DocumentType {
        /// Line of the declaration, from 1.
        line: usize,
    },
    /// The text is not well-formed XML 1.0 with namespaces.
    #[error("line {line}, column {column}: not well-formed XML: {what}")]
    NotWellFormed {
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
        /// What the parser met.
        what: String,
    },
    /// More nodes, deeper nesting or more list values than any certificate needs.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// The root is not `dcc:digitalCalibrationCertificate`.
    #[error("the root is {{{namespace}}}{name}, not {{https://ptb.de/dcc}}digitalCalibrationCertificate")]
    NotADcc {
        /// Namespace of the root.
        namespace: String,
        /// Local name of the root.
        name: String,
    },
    /// `schemaVersion` is missing or none that is read.
    #[error("schemaVersion {found:?} is not read; read are 2.4.x, 3.0.x, 3.1.x, 3.2.x and 3.3.x")]
    Version {
        /// The attribute's text, empty where it is missing.
        found: String,
    },
    /// An element that the schema version does not have in this place.
    #[error("{at}: {element} does not belong in {parent} of this schema version; it may hold {known}")]
    UnknownElement {
        /// Where.
        at: At,
        /// Name of the element, with its namespace where that is neither DCC nor D-SI.
        element: String,
        /// Name of the element it stands in.
        parent: String,
        /// What may stand there.
        known: String,
    },
    /// An attribute that the element does not have.
    #[error("{at}: the attribute {attribute:?} does not belong here")]
    UnknownAttribute {
        /// Where.
        at: At,
        /// Name of the attribute.
        attribute: String,
    },
    /// Text where only elements may stand.
    #[error("{at}: the text {text:?} stands between elements")]
    StrayText {
        /// Where.
        at: At,
        /// The text, cut to 64 characters.
        text: String,
    },
    /// An element that must be there is not.
    #[error("{at}: {element} is missing")]
    Missing {
        /// Where.
        at: At,
        /// What is missing.
        element: String,
    },
    /// An element stands more often than it may.
    #[error("{at}: {element} may stand only once")]
    Repeated {
        /// Where.
        at: At,
        /// Which element.
        element: String,
    },
    /// Exactly one of several elements must be there.
    #[error("{at}: one of {expected} must stand here; found are {found}")]
    Choice {
        /// Where.
        at: At,
        /// What may stand there.
        expected: &'static str,
        /// How many were found.
        found: usize,
    },
    /// A text that is not what the element holds.
    #[error("{at}: {found:?} is not {expected}")]
    Value {
        /// Where.
        at: At,
        /// What was expected.
        expected: &'static str,
        /// The text, cut to 64 characters.
        found: String,
    },
    /// An `id` that stands twice.
    #[error("{at}: the id {id:?} stands twice")]
    RepeatedId {
        /// Where the second one stands.
        at: At,
        /// The identifier.
        id: String,
    },
    /// A `refId` without its `id`.
    #[error("{at}: refId names {id:?}, which no element has as its id")]
    DanglingRef {
        /// Where.
        at: At,
        /// The identifier.
        id: String,
    },
    /// A unit that is not read.
    #[error("{at}: {error}")]
    Unit {
        /// Where.
        at: At,
        /// What is wrong with it.
        error: UnitError,
    },
    /// A list beside a list of values that is neither one entry (which holds for all) nor as long.
    #[error("{at}: {element} has {len} entries for {values} values; give one entry for all or one for each")]
    ListLength {
        /// Where.
        at: At,
        /// The list that does not fit.
        element: String,
        /// Its entries.
        len: usize,
        /// The values beside it.
        values: usize,
    },

    /// It is a template for laboratories, with invented results.
    #[error(
        "is a template and no calibration certificate: it has {}; the laboratory must replace what the template says",
        .marks.join(", ")
    )]
    Template {
        /// What marks it as one, in words.
        marks: Vec<String>,
    },
    /// The certificate is for other instruments.
    #[error("the certificate is for the serial numbers {found:?}, not {asked:?}")]
    OtherInstrument {
        /// The serial number asked for.
        asked: String,
        /// Those in the certificate.
        found: Vec<String>,
    },
    /// Several instruments in one certificate, and no result says by `refId` that it belongs to this one.
    #[error(
        "none of the results refers to the item of serial number {serial_number:?}, one of {items}; give the item an id and \
         name it in the refId of the result"
    )]
    ItemNotReferenced {
        /// The serial number asked for.
        serial_number: String,
        /// Items in the certificate, subordinate ones included.
        items: usize,
    },
    /// Two dates that cannot both be right.
    #[error("{later_name} {later} lies before {earlier_name} {earlier}")]
    Dates {
        /// Element of the date that should be the earlier one.
        earlier_name: &'static str,
        /// Its date.
        earlier: Date,
        /// Element of the date that should not lie before it.
        later_name: &'static str,
        /// Its date.
        later: Date,
    },
    /// No result bears the `refType`.
    #[error("no {what} bears the refType {ref_type}; found are {found:?}")]
    NoRefType {
        /// Kind of element looked for.
        what: &'static str,
        /// The refType looked for.
        ref_type: &'static str,
        /// The refTypes met instead.
        found: Vec<String>,
    },
    /// A `refType` that may stand once stands twice, or two stand together that exclude each other.
    #[error("{at}: {ref_type} is ambiguous here; state it once")]
    AmbiguousRefType {
        /// Where.
        at: At,
        /// The refType.
        ref_type: &'static str,
    },
    /// A quantity in a form that is not used for points (complex numbers, text, several lists).
    #[error("{at}: {ref_type} must be si:real or si:realListXMLList, or si:hybrid of one of them; found is {found}")]
    Form {
        /// Where.
        at: At,
        /// The refType of the quantity.
        ref_type: &'static str,
        /// The form found.
        found: String,
    },
    /// A unit of another dimension than the quantity needs.
    #[error("{at}: {unit} is not a unit of {expected}")]
    Dimension {
        /// Where.
        at: At,
        /// The unit found.
        unit: String,
        /// What it should measure.
        expected: String,
    },
    /// A point whose value is NaN.
    #[error("{at}: point {point} is NaN; leave the point out of every list")]
    NotANumber {
        /// Where.
        at: At,
        /// Which point, from 1.
        point: usize,
    },
    /// A value that does not fit the decimals of the registry.
    #[error("{at}: {text} cannot be kept as a decimal: {error}")]
    Digits {
        /// Where.
        at: At,
        /// The digits found.
        text: String,
        /// Why not.
        error: DecimalError,
    },
    /// No uncertainty beside an error of indication.
    #[error("{at}: point {point} has no uncertainty; state si:measurementUncertaintyUnivariate or si:expandedUnc")]
    NoUncertainty {
        /// Where.
        at: At,
        /// Which point, from 1.
        point: usize,
    },
    /// Only a relative uncertainty beside an error of indication, which has no coverage factor of its own and is
    /// nothing where the error is zero.
    #[error("{at}: an error of indication needs its uncertainty in its own unit, not dcc:relativeUncertainty alone")]
    OnlyRelativeUncertainty {
        /// Where.
        at: At,
    },
    /// An uncertainty, coverage factor or probability that says nothing.
    #[error("{at}: point {point} has {what} {found}; it must be {expected}")]
    Uncertainty {
        /// Where.
        at: At,
        /// Which point, from 1.
        point: usize,
        /// Which of the numbers.
        what: &'static str,
        /// Its digits.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Loads that do not rise from point to point (at one power factor).
    #[error("{at}: point {point} has the load {load} after {previous}; loads rise and stand once at each power factor")]
    LoadOrder {
        /// Where.
        at: At,
        /// Which point, from 1.
        point: usize,
        /// Its load.
        load: String,
        /// The load before it.
        previous: String,
    },
}

/// A text cut to what fits an error message.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
