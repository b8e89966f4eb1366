//! D-SI: real numbers with unit and uncertainty, alone, in lists, in several units.
//!
//! Read are the forms of D-SI 1.3, 2.1 and 2.2. Lists are written out: what one entry states for all (units,
//! uncertainties, k, probabilities, distributions) stands at every value afterwards. Complex numbers and covariance
//! matrices are kept as the text they stand in and marked as such ([`Kept`]).

use serde::Serialize;

use crate::error::{At, DccError};
use crate::grammar::Checker;
use crate::number::Number;
use crate::unit::Unit;
use crate::version::Version;
use crate::xml::{Element, MAX_DEPTH, SI, Source};

/// What a D-SI element states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Data {
    /// `si:real`.
    Real(Box<Real>),
    /// `si:realListXMLList`, `si:realList`, or the `si:list` of reals of D-SI 1.3.
    List(List),
    /// `si:list` of lists.
    Lists(Vec<Data>),
    /// `si:hybrid`: one statement in several units, the first that is of the SI being the authoritative one.
    Hybrid(Vec<Data>),
    /// `si:constant`.
    Constant(Constant),
    /// Complex numbers: valid, kept, not read.
    NotRead(Kept),
}

/// A real number with its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Real {
    /// Label, which identifies nothing.
    pub label: Option<String>,
    /// Kind of quantity by QUDT (D-SI 2.2).
    pub quantity_type: Option<String>,
    /// The value.
    pub value: Number,
    /// Its unit.
    pub unit: UnitText,
    /// Position of the last significant digit (D-SI 2.2).
    pub significant_digit: Option<String>,
    /// When it was measured, as written.
    pub date_time: Option<String>,
    /// Its uncertainty, in the unit of the value.
    pub uncertainty: Option<Uncertainty>,
}

/// A unit, or the name of one that D-SI does not know, which only a member of a hybrid may have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum UnitText {
    /// A unit of D-SI.
    Known(Unit),
    /// Another, such as `imperial gallon`.
    Other(String),
}

impl UnitText {
    /// The unit, where it is one of D-SI.
    pub fn known(&self) -> Option<&Unit> {
        match self {
            UnitText::Known(unit) => Some(unit),
            UnitText::Other(_) => None,
        }
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        match self {
            UnitText::Known(unit) => unit.as_str(),
            UnitText::Other(text) => text,
        }
    }
}

/// A list of values, all broadcasts written out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List {
    /// Label of the list, which identifies nothing.
    pub label: Option<String>,
    /// The values, at least one.
    pub values: Vec<Real>,
    /// The multivariate uncertainty beside them, where there is one.
    pub region: Option<Kept>,
}

/// A constant, whose uncertainty is a standard uncertainty where it has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Constant {
    /// Label, which identifies nothing.
    pub label: Option<String>,
    /// The value.
    pub value: Number,
    /// Its unit.
    pub unit: UnitText,
    /// Its standard uncertainty (`si:valueStandardMU`, before 2.2 `si:uncertainty`).
    pub standard_uncertainty: Option<Number>,
    /// Its distribution, as written.
    pub distribution: Option<String>,
}

/// Something valid that is kept and not read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// Name of the element.
    pub element: String,
    /// Where it stands.
    pub at: At,
    /// The element as it stands in the file.
    pub xml: String,
}

/// A univariate uncertainty, in the unit of its value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Uncertainty {
    /// `si:standardMU`: a standard uncertainty.
    Standard {
        /// u.
        standard: Number,
        /// Distribution, as written.
        distribution: Option<String>,
    },
    /// `si:expandedMU` or `si:expandedUnc`: U = k·u.
    Expanded {
        /// U.
        expanded: Number,
        /// k, which need not be 2.
        coverage_factor: Number,
        /// Probability of the interval ±U.
        coverage_probability: Number,
        /// Distribution, as written.
        distribution: Option<String>,
    },
    /// `si:coverageIntervalMU` or `si:coverageInterval`: a standard uncertainty and the ends of an interval, which need
    /// not lie evenly about the value.
    Interval {
        /// u.
        standard: Number,
        /// Lower end.
        min: Number,
        /// Upper end.
        max: Number,
        /// Probability of the interval.
        coverage_probability: Number,
        /// Distribution, as written.
        distribution: Option<String>,
    },
}

impl Data {
    /// Number of values, where it is a number or a list of them.
    pub fn len(&self) -> Option<usize> {
        match self {
            Data::Real(_) | Data::Constant(_) => Some(1),
            Data::List(list) => Some(list.values.len()),
            Data::Hybrid(members) => members.first().and_then(Data::len),
            Data::Lists(_) | Data::NotRead(_) => None,
        }
    }

    /// Whether it holds no value; a list that was read holds one at least.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The values of a number or a list; `None` for the other forms.
    pub fn reals(&self) -> Option<&[Real]> {
        match self {
            Data::Real(real) => Some(std::slice::from_ref(&**real)),
            Data::List(list) => Some(&list.values),
            _ => None,
        }
    }

    /// Whether every unit in it is one of D-SI.
    fn units_known(&self) -> bool {
        match self {
            Data::Real(real) => real.unit.known().is_some(),
            Data::List(list) => list.values.iter().all(|real| real.unit.known().is_some()),
            Data::Lists(lists) | Data::Hybrid(lists) => lists.iter().all(Data::units_known),
            Data::Constant(constant) => constant.unit.known().is_some(),
            Data::NotRead(_) => true,
        }
    }
}

/// A D-SI element of a file that is no certificate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fragment {
    /// `id` of the element around it.
    pub id: Option<String>,
    /// What it states.
    pub data: Data,
}

/// Reads the outermost D-SI elements of any XML file, whatever stands around them, by the rules of a D-SI version
/// ([`Version::DSI_1_3`], [`Version::DSI_2_1`], [`Version::DSI_2_2`]).
pub fn read_fragments(bytes: &[u8], version: Version) -> Result<Vec<Fragment>, DccError> {
    let source = Source::new(bytes)?;
    let document = source.parse()?;
    let mut fragments = Vec::new();
    collect(source.root(&document), None, &mut Checker::new(version), &mut fragments, 0)?;
    Ok(fragments)
}

fn collect(
    element: Element,
    id: Option<&str>,
    checker: &mut Checker,
    found: &mut Vec<Fragment>,
    depth: usize,
) -> Result<(), DccError> {
    if depth == MAX_DEPTH {
        return Err(DccError::TooMany { what: "nested elements", limit: MAX_DEPTH });
    }
    if element.namespace() == SI {
        checker.row(element, row_of(element)?, depth)?;
        found.push(Fragment { id: id.map(str::to_owned), data: read(element)? });
        return Ok(());
    }
    element.elements().try_for_each(|inner| collect(inner, element.attribute("id"), checker, found, depth + 1))
}

fn row_of(element: Element) -> Result<&'static str, DccError> {
    match element.name() {
        "real" => Ok("si:realQuantityType"),
        "constant" => Ok("si:constantQuantityType"),
        "complex" => Ok("si:complexQuantityType"),
        "realList" => Ok("si:realListType"),
        "realListXMLList" => Ok("si:realListXMLListType"),
        "complexList" => Ok("si:complexListType"),
        "complexListXMLList" => Ok("si:complexListXMLListType"),
        "list" => Ok("si:listType"),
        "hybrid" => Ok("si:hybridType"),
        _ => Err(DccError::UnknownElement {
            at: element.at(),
            element: element.shown(),
            parent: "a place for D-SI".to_owned(),
            known: "si:real, si:constant, si:complex, their lists and si:hybrid".to_owned(),
        }),
    }
}

/// Which units a value may have.
#[derive(Clone, Copy, PartialEq)]
enum Units {
    Known,
    /// Any, since another member of the hybrid says it in the SI.
    Any,
}

impl Units {
    fn read(self, element: Element, text: &str) -> Result<UnitText, DccError> {
        match element.unit(text) {
            Ok(unit) => Ok(UnitText::Known(unit)),
            Err(_) if self == Units::Any && !text.is_empty() => Ok(UnitText::Other(text.to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// Reads a D-SI element that the table has passed.
pub(crate) fn read(element: Element) -> Result<Data, DccError> {
    data(element, Units::Known)
}

fn data(element: Element, units: Units) -> Result<Data, DccError> {
    Ok(match element.name() {
        // `dcc:relativeUncertaintySingle` and `…XmlList` have the types of the first two.
        "real" | "relativeUncertaintySingle" => {
            let unit = element.required("unit")?;
            Data::Real(Box::new(real(element, units.read(unit, &unit.text())?, uncertainty(element)?)?))
        }
        "realListXMLList" | "relativeUncertaintyXmlList" => Data::List(xml_list(element, units)?),
        "realList" => Data::List(real_list(element, units)?),
        "list" if element.child("real").is_some() => Data::List(real_list(element, units)?),
        // D-SI 1.3: a list of complex numbers is a `si:list`.
        "list" if element.child("complex").is_some() => Data::NotRead(kept(element)),
        "list" => {
            let inner = element.elements().filter(|inner| !matches!(inner.name(), "label" | "dateTime"));
            let lists: Vec<Data> = inner.map(|inner| data(inner, units)).collect::<Result<_, _>>()?;
            if lists.is_empty() {
                return Err(DccError::Missing { at: element.at(), element: "a list".to_owned() });
            }
            Data::Lists(lists)
        }
        "hybrid" => hybrid(element)?,
        "constant" => Data::Constant(constant(element, units)?),
        _ => Data::NotRead(kept(element)),
    })
}

fn hybrid(element: Element) -> Result<Data, DccError> {
    let members: Vec<Data> = element.elements().map(|member| data(member, Units::Any)).collect::<Result<_, _>>()?;
    let Some(first) = members.first() else {
        return Err(DccError::Missing { at: element.at(), element: "a member".to_owned() });
    };
    if !members.iter().any(Data::units_known) {
        // Read the first member again to name the unit that is not known.
        element.elements().try_for_each(|member| data(member, Units::Known).map(drop))?;
    }
    for (member, at) in members.iter().zip(element.elements()) {
        if let (Some(len), Some(values)) = (member.len(), first.len())
            && len != values
        {
            return Err(DccError::ListLength { at: at.at(), element: at.shown(), len, values });
        }
    }
    Ok(Data::Hybrid(members))
}

fn kept(element: Element) -> Kept {
    Kept { element: element.shown(), at: element.at(), xml: element.raw().to_owned() }
}

fn real(element: Element, unit: UnitText, uncertainty: Option<Uncertainty>) -> Result<Real, DccError> {
    Ok(Real {
        label: element.optional_text("label"),
        quantity_type: element.optional_text("quantityTypeQUDT"),
        value: element.required("value")?.number()?,
        unit,
        significant_digit: element.optional_text("significantDigit"),
        date_time: element.optional_text("dateTime"),
        uncertainty,
    })
}

fn constant(element: Element, units: Units) -> Result<Constant, DccError> {
    let unit = element.required("unit")?;
    let stated: Vec<Element> =
        element.elements().filter(|e| matches!(e.name(), "valueStandardMU" | "uncertainty")).collect();
    if stated.len() > 1 {
        return Err(DccError::Choice {
            at: element.at(),
            expected: "si:valueStandardMU and si:uncertainty",
            found: stated.len(),
        });
    }
    Ok(Constant {
        label: element.optional_text("label"),
        value: element.required("value")?.number()?,
        unit: units.read(unit, &unit.text())?,
        standard_uncertainty: stated.first().map(|stated| stated.number()).transpose()?,
        distribution: element.optional_text("distribution"),
    })
}

/// The one univariate uncertainty among the children, whatever the version calls it. The schema of D-SI 2.2 misspells
/// `measurementUncertaintyUnivaraite` inside `si:realList`.
fn uncertainty(element: Element) -> Result<Option<Uncertainty>, DccError> {
    let mut found = element.elements().filter(|inner| {
        matches!(
            inner.name(),
            "expandedUnc"
                | "coverageInterval"
                | "measurementUncertaintyUnivariate"
                | "measurementUncertaintyUnivaraite"
                | "listUnivariateUnc"
                | "listMeasurementUncertaintyUnivariate"
        )
    });
    let (first, others) = (found.next(), found.count());
    if others > 0 {
        return Err(DccError::Choice { at: element.at(), expected: "the univariate uncertainties", found: others + 1 });
    }
    first.map(|stated| stated_uncertainty(stated)).transpose()
}

fn stated_uncertainty(element: Element) -> Result<Uncertainty, DccError> {
    let number = |name| element.required(name)?.number();
    let distribution = element.optional_text("distribution");
    Ok(match element.name() {
        "expandedUnc" | "expandedMU" => Uncertainty::Expanded {
            expanded: number(if element.name() == "expandedUnc" { "uncertainty" } else { "valueExpandedMU" })?,
            coverage_factor: number("coverageFactor")?,
            coverage_probability: number("coverageProbability")?,
            distribution,
        },
        // `coverageIntervalMU` inside `si:realList` has the type, and so the names, of `coverageInterval` (D-SI 2.2.1).
        "coverageInterval" | "coverageIntervalMU" => Uncertainty::Interval {
            standard: number(if element.child("standardUnc").is_some() { "standardUnc" } else { "valueStandardMU" })?,
            min: number("intervalMin")?,
            max: number("intervalMax")?,
            coverage_probability: number("coverageProbability")?,
            distribution,
        },
        "standardMU" => Uncertainty::Standard { standard: number("valueStandardMU")?, distribution },
        _ => {
            let inner: Vec<Element> = element.elements().collect();
            let [only] = inner[..] else {
                let expected = "standardMU, expandedMU, coverageIntervalMU, expandedUnc and coverageInterval";
                return Err(DccError::Choice { at: element.at(), expected, found: inner.len() });
            };
            stated_uncertainty(only)?
        }
    })
}

/// `si:realList` and the real list of D-SI 1.3: what stands before the values holds for those that do not say
/// otherwise.
fn real_list(element: Element, units: Units) -> Result<List, DccError> {
    if let Some(complex) = element.child("complex") {
        return Err(DccError::Choice { at: complex.at(), expected: "si:real and si:complex", found: 2 });
    }
    let unit_of_all = element.child("listUnit").map(|unit| units.read(unit, &unit.text())).transpose()?;
    let uncertainty_of_all = uncertainty(element)?;
    let quantity_of_all = element.optional_text("listQuantityTypeQUDT");
    let digit_of_all = element.optional_text("listsignificantDigit");
    let time_of_all = element.optional_text("dateTime");
    let mut values = Vec::new();
    for one in element.children("real") {
        let unit = match (one.child("unit"), &unit_of_all) {
            (Some(unit), _) => units.read(unit, &unit.text())?,
            (None, Some(unit)) => unit.clone(),
            (None, None) => {
                return Err(DccError::Missing { at: one.at(), element: "si:unit or si:listUnit".to_owned() });
            }
        };
        let mut value = real(one, unit, uncertainty(one)?.or_else(|| uncertainty_of_all.clone()))?;
        value.quantity_type = value.quantity_type.or_else(|| quantity_of_all.clone());
        value.significant_digit = value.significant_digit.or_else(|| digit_of_all.clone());
        value.date_time = value.date_time.or_else(|| time_of_all.clone());
        values.push(value);
    }
    Ok(List { label: element.optional_text("label"), values, region: region(element) })
}

fn region(element: Element) -> Option<Kept> {
    let names = [
        "ellipsoidalRegion",
        "rectangularRegion",
        "ellipsoidalRegionXMLList",
        "rectangularRegionXMLList",
        "measurementUncertaintyMultivariateXMLList",
    ];
    element.elements().find(|inner| names.contains(&inner.name())).map(kept)
}

/// A list beside values: one entry for all, or one for each.
struct Broadcast<T> {
    entries: Vec<T>,
}

impl<T: Clone> Broadcast<T> {
    fn of(element: Element, entries: Vec<T>, values: usize) -> Result<Self, DccError> {
        let len = entries.len();
        if len == 1 || len == values {
            return Ok(Broadcast { entries });
        }
        Err(DccError::ListLength { at: element.at(), element: element.shown(), len, values })
    }

    fn texts(parent: Element, name: &'static str, values: usize) -> Result<Option<Broadcast<String>>, DccError> {
        parent.child(name).map(|element| Broadcast::of(element, element.list(), values)).transpose()
    }

    fn numbers(parent: Element, name: &'static str, values: usize) -> Result<Broadcast<Number>, DccError> {
        let element = parent.required(name)?;
        Broadcast::of(element, element.numbers()?, values)
    }

    /// The entry of a value; its constructor saw that there is one.
    fn at(&self, value: usize) -> T {
        self.entries[if self.entries.len() == 1 { 0 } else { value }].clone()
    }
}

type Texts = Broadcast<String>;

fn xml_list(element: Element, units: Units) -> Result<List, DccError> {
    let written = element.required("valueXMLList")?;
    let numbers = written.numbers()?;
    let count = numbers.len();
    if count == 0 {
        return Err(written.refused("a list of at least one value", ""));
    }
    let unit_list = element.required("unitXMLList")?;
    let entries: Result<Vec<UnitText>, DccError> =
        unit_list.list().iter().map(|text| units.read(unit_list, text)).collect();
    let unit = Broadcast::of(unit_list, entries?, count)?;
    let labels = Texts::texts(element, "labelXMLList", count)?;
    let quantities = Texts::texts(element, "quantityTypeQUDTXMLList", count)?;
    let digits = Texts::texts(element, "significantDigitXMLList", count)?;
    let times = Texts::texts(element, "dateTimeXMLList", count)?;
    let uncertainties = xml_list_uncertainties(element, count)?;
    let at = |list: &Option<Texts>, value| list.as_ref().map(|list| list.at(value));
    let values = numbers.into_iter().enumerate().map(|(i, value)| Real {
        label: at(&labels, i),
        quantity_type: at(&quantities, i),
        value,
        unit: unit.at(i),
        significant_digit: at(&digits, i),
        date_time: at(&times, i),
        uncertainty: uncertainties.as_ref().map(|list| list[i].clone()),
    });
    Ok(List { label: None, values: values.collect(), region: region(element) })
}

fn xml_list_uncertainties(element: Element, count: usize) -> Result<Option<Vec<Uncertainty>>, DccError> {
    let names = ["measurementUncertaintyUnivariateXMLList", "expandedUncXMLList", "coverageIntervalXMLList"];
    let stated: Vec<Element> = element.elements().filter(|inner| names.contains(&inner.name())).collect();
    let mut stated = match stated[..] {
        [] => return Ok(None),
        [only] => only,
        _ => {
            let expected = "the univariate uncertainties";
            return Err(DccError::Choice { at: element.at(), expected, found: stated.len() });
        }
    };
    if stated.name() == "measurementUncertaintyUnivariateXMLList" {
        let inner: Vec<Element> = stated.elements().collect();
        let [only] = inner[..] else {
            let expected = "standardMUXMLList, expandedMUXMLList and coverageIntervalMUXMLList";
            return Err(DccError::Choice { at: stated.at(), expected, found: inner.len() });
        };
        stated = only;
    }
    let numbers = |name| Broadcast::<Number>::numbers(stated, name, count);
    let distributions = Texts::texts(stated, "distributionXMLList", count)?;
    let distribution = |i| distributions.as_ref().map(|list: &Texts| list.at(i));
    let each = |make: &dyn Fn(usize) -> Uncertainty| Ok(Some((0..count).map(make).collect()));
    match stated.name() {
        "standardMUXMLList" => {
            let standard = numbers("valueStandardMUXMLList")?;
            each(&|i| Uncertainty::Standard { standard: standard.at(i), distribution: distribution(i) })
        }
        "expandedUncXMLList" | "expandedMUXMLList" => {
            let old = stated.name() == "expandedUncXMLList";
            let expanded = numbers(if old { "uncertaintyXMLList" } else { "valueExpandedMUXMLList" })?;
            let (k, p) = (numbers("coverageFactorXMLList")?, numbers("coverageProbabilityXMLList")?);
            each(&|i| Uncertainty::Expanded {
                expanded: expanded.at(i),
                coverage_factor: k.at(i),
                coverage_probability: p.at(i),
                distribution: distribution(i),
            })
        }
        _ => {
            let old = stated.name() == "coverageIntervalXMLList";
            let standard = numbers(if old { "standardUncXMLList" } else { "valueStandardMUXMLList" })?;
            let (min, max) = (numbers("intervalMinXMLList")?, numbers("intervalMaxXMLList")?);
            let p = numbers("coverageProbabilityXMLList")?;
            each(&|i| Uncertainty::Interval {
                standard: standard.at(i),
                min: min.at(i),
                max: max.at(i),
                coverage_probability: p.at(i),
                distribution: distribution(i),
            })
        }
    }
}
