//! What was measured: results, lists and quantities, by refType.

use serde::Serialize;

use crate::certificate::{Refs, Text};
use crate::dsi::{self, Data, Kept};
use crate::error::{At, DccError};
use crate::xml::{Element, SI};

/// `dcc:measurementResult`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasurementResult {
    /// What it is.
    pub refs: Refs,
    /// What it is called.
    pub name: Text,
    /// How it was measured.
    pub used_methods: Vec<UsedMethod>,
    /// Under which conditions.
    pub influence_conditions: Vec<InfluenceCondition>,
    /// What came out.
    pub results: Vec<ResultEntry>,
    /// Further statements on all of it.
    pub meta_data: Vec<MetaData>,
}

/// `dcc:usedMethod`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsedMethod {
    /// What it is.
    pub refs: Refs,
    /// What it is called.
    pub name: Text,
    /// Standards it follows.
    pub norms: Vec<String>,
    /// Clauses of them.
    pub references: Vec<String>,
}

/// `dcc:influenceCondition`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InfluenceCondition {
    /// What it is.
    pub refs: Refs,
    /// What it is called.
    pub name: Text,
    /// beforeAdjustment, afterAdjustment, beforeRepair or afterRepair, where it says so.
    pub status: Option<String>,
    /// Its values.
    pub data: Vec<Datum>,
}

/// `dcc:result`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultEntry {
    /// What it is.
    pub refs: Refs,
    /// What it is called.
    pub name: Text,
    /// Its values.
    pub data: Vec<Datum>,
}

/// A member of `dcc:data` or `dcc:list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Datum {
    /// `dcc:quantity`.
    Quantity(Box<Quantity>),
    /// `dcc:list`.
    List(DataList),
    /// Text, formulas, files and foreign XML: kept.
    Kept(Kept),
}

/// `dcc:list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataList {
    /// What it is.
    pub refs: Refs,
    /// Where it stands.
    pub at: At,
    /// What it is called.
    pub name: Text,
    /// Its columns and inner lists.
    pub data: Vec<Datum>,
    /// How they were measured.
    pub used_methods: Vec<UsedMethod>,
    /// Under which conditions.
    pub influence_conditions: Vec<InfluenceCondition>,
    /// Further statements on all of them.
    pub meta_data: Vec<MetaData>,
}

/// `dcc:quantity`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantity {
    /// What it is.
    pub refs: Refs,
    /// Where it stands.
    pub at: At,
    /// What it is called, which identifies nothing.
    pub name: Text,
    /// What it states.
    pub value: Value,
    /// `dcc:relativeUncertainty`: numbers that the schema gives neither k nor probability unless they bring their own.
    pub relative_uncertainty: Option<Data>,
    /// How it was measured.
    pub used_methods: Vec<UsedMethod>,
    /// Under which conditions.
    pub influence_conditions: Vec<InfluenceCondition>,
    /// Further statements on it, such as limits and conformity.
    pub meta_data: Vec<MetaData>,
}

/// What a quantity states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Value {
    /// A D-SI element.
    Data(Data),
    /// `dcc:noQuantity`: a text.
    Text(Text),
    /// `dcc:charsXMLList`: words.
    Words(Vec<String>),
}

/// `dcc:metaData`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetaData {
    /// What it is.
    pub refs: Refs,
    /// What it declares.
    pub declaration: Text,
    /// Standards it names.
    pub norms: Vec<String>,
    /// Its verdict, one for all values or one for each.
    pub conformity: Vec<String>,
    /// Its values.
    pub data: Vec<Datum>,
}

impl MeasurementResult {
    pub(crate) fn read(element: Element) -> Result<Self, DccError> {
        let results = element.required("results")?.children("result").map(|result| {
            Ok(ResultEntry {
                refs: Refs::of(result),
                name: Text::of_child(result, "name"),
                data: data(result.required("data")?)?,
            })
        });
        Ok(MeasurementResult {
            refs: Refs::of(element),
            name: Text::of_child(element, "name"),
            used_methods: used_methods(element),
            influence_conditions: influence_conditions(element)?,
            results: results.collect::<Result<_, _>>()?,
            meta_data: meta_data(element)?,
        })
    }
}

fn texts(element: Element, name: &'static str) -> Vec<String> {
    element.children(name).map(Element::text).collect()
}

fn used_methods(element: Element) -> Vec<UsedMethod> {
    let read = |one: Element| UsedMethod {
        refs: Refs::of(one),
        name: Text::of_child(one, "name"),
        norms: texts(one, "norm"),
        references: texts(one, "reference"),
    };
    element.children("usedMethods").flat_map(|list| list.children("usedMethod")).map(read).collect()
}

fn influence_conditions(element: Element) -> Result<Vec<InfluenceCondition>, DccError> {
    let read = |one: Element| {
        Ok(InfluenceCondition {
            refs: Refs::of(one),
            name: Text::of_child(one, "name"),
            // 2.4 calls it a state.
            status: one.optional_text("status").or_else(|| one.optional_text("state")),
            data: data(one.required("data")?)?,
        })
    };
    element.children("influenceConditions").flat_map(|list| list.children("influenceCondition")).map(read).collect()
}

fn meta_data(element: Element) -> Result<Vec<MetaData>, DccError> {
    let read = |one: Element| {
        let listed = one.child("conformityXMLList").map(Element::list).unwrap_or_default();
        Ok(MetaData {
            refs: Refs::of(one),
            declaration: Text::of_child(one, "declaration"),
            norms: texts(one, "norm"),
            conformity: one.optional_text("conformity").into_iter().chain(listed).collect(),
            data: one.child("data").map(data).transpose()?.unwrap_or_default(),
        })
    };
    element.children("measurementMetaData").flat_map(|list| list.children("metaData")).map(read).collect()
}

/// The members of `dcc:data` or `dcc:list`. Its recursion is bounded by the table's walk before it.
fn data(element: Element) -> Result<Vec<Datum>, DccError> {
    let mut data = Vec::new();
    for inner in element.elements() {
        data.push(match inner.name() {
            "quantity" => Datum::Quantity(Box::new(quantity(inner)?)),
            "list" => Datum::List(self::list(inner)?),
            "text" | "formula" | "byteData" | "xml" => {
                Datum::Kept(Kept { element: inner.shown(), at: inner.at(), xml: inner.raw().to_owned() })
            }
            // What describes a list, read in `list`.
            _ => continue,
        });
    }
    Ok(data)
}

fn list(element: Element) -> Result<DataList, DccError> {
    Ok(DataList {
        refs: Refs::of(element),
        at: element.at(),
        name: Text::of_child(element, "name"),
        data: data(element)?,
        used_methods: used_methods(element),
        influence_conditions: influence_conditions(element)?,
        meta_data: meta_data(element)?,
    })
}

fn quantity(element: Element) -> Result<Quantity, DccError> {
    let mut stated =
        element.elements().filter(|one| one.namespace() == SI || matches!(one.name(), "noQuantity" | "charsXMLList"));
    let (Some(first), None) = (stated.next(), stated.next()) else {
        let found = element.elements().filter(|one| one.namespace() == SI).count();
        let expected = "a D-SI element, noQuantity or charsXMLList";
        return Err(DccError::Choice { at: element.at(), expected, found });
    };
    let value = match first.name() {
        "noQuantity" => Value::Text(Text::of(first)),
        "charsXMLList" => Value::Words(first.list()),
        _ => Value::Data(dsi::read(first)?),
    };
    Ok(Quantity {
        refs: Refs::of(element),
        at: element.at(),
        name: Text::of_child(element, "name"),
        relative_uncertainty: element.child("relativeUncertainty").map(|one| relative(one, &value)).transpose()?,
        value,
        used_methods: used_methods(element),
        influence_conditions: influence_conditions(element)?,
        meta_data: meta_data(element)?,
    })
}

/// A relative uncertainty beside a value, one for all or one for each.
fn relative(element: Element, value: &Value) -> Result<Data, DccError> {
    let inner: Vec<Element> = element.elements().collect();
    let [only] = inner[..] else {
        let expected = "relativeUncertaintyXmlList and relativeUncertaintySingle";
        return Err(DccError::Choice { at: element.at(), expected, found: inner.len() });
    };
    let data = dsi::read(only)?;
    let values = if let Value::Data(data) = value { data.len() } else { None };
    if let (Some(len), Some(values)) = (data.len(), values)
        && len != 1
        && len != values
    {
        return Err(DccError::ListLength { at: only.at(), element: only.shown(), len, values });
    }
    Ok(data)
}
