//! What a certificate says of itself: who calibrated which items, when and where.

use jiff::civil::Date;
use serde::Serialize;

use crate::error::DccError;
use crate::grammar::check_certificate;
use crate::result::MeasurementResult;
use crate::version::Version;
use crate::xml::{DCC, Element, Source};

/// The refType of an identification that is a serial number.
pub const SERIAL_NUMBER: &str = "basic_serialNumber";

/// The refType of the statement that says that a file is a template for laboratories and no certificate.
pub const TEMPLATE: &str = "touchstone_template";
/// What the number of a template begins with, in letters of either case. No certificate may have such a number.
pub const TEMPLATE_NUMBER: &str = "TEMPLATE-";
/// The laboratory code of a template, of a form that no accreditation body gives.
pub const TEMPLATE_LABORATORY: &str = "X-K-00000-00-00";

/// A digital calibration certificate as it was read. What the file says beyond this (customer, persons, equipment,
/// attachments) was held against the schema and stays in the file, which its reader keeps whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dcc {
    /// `schemaVersion`.
    pub version: Version,
    /// `dcc:coreData`.
    pub core: CoreData,
    /// `dcc:calibrationLaboratory`.
    pub laboratory: Laboratory,
    /// The calibrated items, subordinate ones behind the item they belong to.
    pub items: Vec<Item>,
    /// `dcc:measurementResult`, in the order of the file.
    pub results: Vec<MeasurementResult>,
    /// What marks it as a template for laboratories ([`TEMPLATE`], [`TEMPLATE_NUMBER`], [`TEMPLATE_LABORATORY`]), in
    /// words; empty for a certificate.
    pub template_marks: Vec<String>,
    /// What is known of its signature.
    pub signature: SignatureState,
    /// Whether PTB's Schematron rules were run: never, by this crate.
    pub schematron_checked: bool,
}

/// What is known of the signature of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SignatureState {
    /// There is none.
    Absent,
    /// There is one, or several; nobody looked whether it is good.
    PresentNotChecked,
}

/// `id`, `refId` and `refType` of an element: what it is, by reference and not by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Refs {
    /// Its identifier in the file.
    pub id: Option<String>,
    /// Identifiers of elements it refers to.
    pub ref_ids: Vec<String>,
    /// Its meanings.
    pub ref_types: Vec<String>,
}

impl Refs {
    /// Whether one of its meanings is this.
    pub fn means(&self, ref_type: &str) -> bool {
        self.ref_types.iter().any(|known| known == ref_type)
    }

    pub(crate) fn of(element: Element) -> Self {
        Refs {
            id: element.attribute("id").map(str::to_owned),
            ref_ids: element.attribute_list("refId"),
            ref_types: element.attribute_list("refType"),
        }
    }
}

/// A text in several languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Text(pub Vec<LanguageText>);

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LanguageText {
    /// Code of ISO 639-1, where it says so.
    pub language: Option<String>,
    /// The text.
    pub text: String,
}

impl Text {
    /// The text in a language, else that without one, else the first.
    pub fn in_language(&self, language: &str) -> Option<&str> {
        let of = |wanted: Option<&str>| self.0.iter().find(|text| text.language.as_deref() == wanted);
        of(Some(language)).or_else(|| of(None)).or_else(|| self.0.first()).map(|text| text.text.as_str())
    }

    /// From `dcc:textType` or `dcc:richContentType`; files and formulas stay in the file.
    pub(crate) fn of(element: Element) -> Self {
        let text = |content: Element| LanguageText {
            language: content.attribute("lang").map(str::to_owned),
            text: content.text(),
        };
        Text(element.children("content").map(text).collect())
    }

    pub(crate) fn of_child(element: Element, name: &'static str) -> Self {
        element.child(name).map(Text::of).unwrap_or_default()
    }
}

/// `dcc:coreData`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoreData {
    /// Country of the laboratory, ISO 3166-1.
    pub country: String,
    /// Languages in use, ISO 639-1.
    pub languages: Vec<String>,
    /// Languages that count, ISO 639-1.
    pub mandatory_languages: Vec<String>,
    /// Number of the certificate.
    pub unique_identifier: String,
    /// Further numbers.
    pub identifications: Vec<Identification>,
    /// When the items came in.
    pub receipt_date: Option<Date>,
    /// First day of the calibration.
    pub begin_performance_date: Date,
    /// Last day of the calibration. The core of a DCC has no date of expiry.
    pub end_performance_date: Date,
    /// Where: laboratory, customer, laboratoryBranch, customerBranch or other (from 3.x).
    pub performance_location: Option<String>,
    /// When the certificate was issued (from 3.2).
    pub issue_date: Option<Date>,
    /// The certificate it amends or substitutes (from 3.2.1).
    pub replaces: Option<Replaces>,
}

/// `dcc:reportAmendedSubstituted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaces {
    /// `amended` or `substituted`.
    pub type_of_change: String,
    /// Number of the certificate before.
    pub unique_identifier: String,
}

impl CoreData {
    /// Whether the dates can all be right: receipt, begin, end and issue in this order.
    pub fn check_dates(&self) -> Result<(), DccError> {
        let dates = [
            ("receiptDate", self.receipt_date),
            ("beginPerformanceDate", Some(self.begin_performance_date)),
            ("endPerformanceDate", Some(self.end_performance_date)),
            ("issueDate", self.issue_date),
        ];
        let mut known = dates.into_iter().filter_map(|(name, date)| date.map(|date| (name, date)));
        let Some((mut earlier_name, mut earlier)) = known.next() else { return Ok(()) };
        for (later_name, later) in known {
            if later < earlier {
                return Err(DccError::Dates { earlier_name, earlier, later_name, later });
            }
            (earlier_name, earlier) = (later_name, later);
        }
        Ok(())
    }
}

/// `dcc:identification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identification {
    /// What it is.
    pub refs: Refs,
    /// Who gave it.
    pub issuer: Issuer,
    /// The number.
    pub value: String,
    /// What it is called, which identifies nothing.
    pub name: Text,
}

/// Who gave an identification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Issuer {
    /// The manufacturer of the item.
    Manufacturer,
    /// The laboratory.
    CalibrationLaboratory,
    /// Who ordered the calibration.
    Customer,
    /// The owner of the item.
    Owner,
    /// Somebody else.
    Other,
}

/// `dcc:item`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What it is.
    pub refs: Refs,
    /// What it is called.
    pub name: Text,
    /// Name of its manufacturer, where the item names one.
    pub manufacturer: Text,
    /// Model.
    pub model: Option<String>,
    /// Its numbers, from whomever.
    pub identifications: Vec<Identification>,
}

impl Item {
    /// Its serial numbers: the identifications that [`SERIAL_NUMBER`] marks, or, where none is marked, those the
    /// manufacturer gave.
    pub fn serial_numbers(&self) -> Vec<&str> {
        let values = |serial: &dyn Fn(&Identification) -> bool| -> Vec<&str> {
            self.identifications.iter().filter(|one| serial(one)).map(|one| one.value.as_str()).collect()
        };
        let marked = values(&|one| one.refs.means(SERIAL_NUMBER));
        if marked.is_empty() { values(&|one| one.issuer == Issuer::Manufacturer) } else { marked }
    }
}

/// `dcc:calibrationLaboratory`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Laboratory {
    /// Its code, as a rule that of its accreditation.
    pub code: Option<String>,
    /// Its contacts: one, in 2.4 perhaps several.
    pub contacts: Vec<Contact>,
}

/// `dcc:contact`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contact {
    /// Name.
    pub name: Text,
    /// Electronic mail.
    pub e_mail: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Country, ISO 3166-1.
    pub country: Option<String>,
}

/// Reads a certificate: bounded, closed against the table of the schemas, every number with its digits.
///
/// Not checked here: the signature, PTB's Schematron rules, and whether the dates are possible or the results of any
/// use (see [`crate::meter::points`]).
pub fn read(bytes: &[u8]) -> Result<Dcc, DccError> {
    let source = Source::new(bytes)?;
    let document = source.parse()?;
    let root = source.root(&document);
    if !root.is(DCC, "digitalCalibrationCertificate") {
        return Err(DccError::NotADcc { namespace: root.namespace().to_owned(), name: root.name().to_owned() });
    }
    let version: Version = root.attribute("schemaVersion").unwrap_or_default().parse()?;
    check_certificate(root, version)?;
    let administrative = root.required("administrativeData")?;
    let mut items = Vec::new();
    read_items(administrative.required("items")?, &mut items)?;
    let results = root.required("measurementResults")?.children("measurementResult");
    let core = core(administrative.required("coreData")?)?;
    let laboratory = laboratory(administrative.required("calibrationLaboratory")?)?;
    Ok(Dcc {
        version,
        template_marks: template_marks(administrative, &core, &laboratory),
        core,
        laboratory,
        items,
        results: results.map(MeasurementResult::read).collect::<Result<_, _>>()?,
        signature: match root.child("Signature") {
            Some(_) => SignatureState::PresentNotChecked,
            None => SignatureState::Absent,
        },
        schematron_checked: false,
    })
}

/// Each of them is enough: whoever filled in a template and left one has not replaced all of it.
fn template_marks(administrative: Element, core: &CoreData, laboratory: &Laboratory) -> Vec<String> {
    let mut marks = Vec::new();
    let mut statements = administrative.child("statements").into_iter().flat_map(|all| all.children("statement"));
    if statements.any(|statement| Refs::of(statement).means(TEMPLATE)) {
        marks.push(format!("the statement {TEMPLATE}"));
    }
    let number = &core.unique_identifier;
    if number.get(..TEMPLATE_NUMBER.len()).is_some_and(|start| start.eq_ignore_ascii_case(TEMPLATE_NUMBER)) {
        marks.push(format!("the number {number}"));
    }
    if laboratory.code.as_deref() == Some(TEMPLATE_LABORATORY) {
        marks.push(format!("the laboratory code {TEMPLATE_LABORATORY}"));
    }
    marks
}

fn core(element: Element) -> Result<CoreData, DccError> {
    let date = |name| element.child(name).map(Element::date).transpose();
    let texts = |name| element.children(name).map(Element::text).collect();
    let replaces = |element: Element| {
        Ok(Replaces {
            type_of_change: element.words("typeOfChange")?,
            unique_identifier: element.words("replacedUniqueIdentifier")?,
        })
    };
    Ok(CoreData {
        country: element.words("countryCodeISO3166_1")?,
        languages: texts("usedLangCodeISO639_1"),
        mandatory_languages: texts("mandatoryLangCodeISO639_1"),
        unique_identifier: element.words("uniqueIdentifier")?,
        identifications: identifications(element)?,
        receipt_date: date("receiptDate")?,
        begin_performance_date: element.required("beginPerformanceDate")?.date()?,
        end_performance_date: element.required("endPerformanceDate")?.date()?,
        performance_location: element.optional_text("performanceLocation"),
        issue_date: date("issueDate")?,
        replaces: element.child("reportAmendedSubstituted").map(replaces).transpose()?,
    })
}

fn identifications(element: Element) -> Result<Vec<Identification>, DccError> {
    let Some(list) = element.child("identifications") else { return Ok(Vec::new()) };
    let read = |one: Element| {
        let issuer = one.words("issuer")?;
        Ok(Identification {
            refs: Refs::of(one),
            issuer: match issuer.as_str() {
                "manufacturer" => Issuer::Manufacturer,
                "calibrationLaboratory" => Issuer::CalibrationLaboratory,
                "customer" => Issuer::Customer,
                "owner" => Issuer::Owner,
                // The table lets nothing else pass.
                _ => Issuer::Other,
            },
            value: one.words("value")?,
            // 2.4 calls it a description.
            name: Text::of_child(one, if one.child("name").is_some() { "name" } else { "description" }),
        })
    };
    list.children("identification").map(read).collect()
}

fn read_items(list: Element, items: &mut Vec<Item>) -> Result<(), DccError> {
    for element in list.children("item") {
        items.push(Item {
            refs: Refs::of(element),
            name: Text::of_child(element, "name"),
            manufacturer: element.child("manufacturer").map(|one| Text::of_child(one, "name")).unwrap_or_default(),
            model: element.optional_text("model"),
            identifications: identifications(element)?,
        });
        // Bounded as the table's walk was.
        if let Some(inner) = element.child("subItems") {
            read_items(inner, items)?;
        }
    }
    Ok(())
}

fn laboratory(element: Element) -> Result<Laboratory, DccError> {
    let contact = |contact: Element| {
        let location = contact.child("location");
        let place = |name| location.and_then(|location| location.optional_text(name));
        Ok(Contact {
            name: Text::of(contact.required("name")?),
            e_mail: contact.optional_text("eMail"),
            phone: contact.optional_text("phone"),
            city: place("city"),
            country: place("countryCode"),
        })
    };
    Ok(Laboratory {
        code: element.optional_text("calibrationLaboratoryCode"),
        contacts: element.children("contact").map(contact).collect::<Result<_, _>>()?,
    })
}
