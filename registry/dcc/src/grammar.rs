//! Which elements may stand where, and what leaves hold: the schemas as one table, so that nothing unknown is passed
//! over.
//!
//! The order of children is not checked, since no meaning hangs on it, and neither are `xs:pattern`s beyond those of
//! numbers, dates and codes. That every member of an `xs:choice` is alone is for the readers of those elements.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::error::DccError;
use crate::number::Number;
use crate::version::Version;
use crate::xml::{DCC, Element, MAX_DEPTH, MAX_LIST_ENTRIES, SI, date, is_date_time};

/// How often a child may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Occurrence {
    at_least_one: bool,
    many: bool,
}

/// A child in a row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Child {
    /// Name as [`Element::shown`] gives it.
    name: String,
    /// Name of a row, a leaf, `[leaf]` or `any`.
    kind: &'static str,
    occurrence: Occurrence,
    first: u16,
    last: u16,
}

impl Child {
    fn in_version(&self, version: Version) -> bool {
        (self.first..=self.last).contains(&version.code())
    }
}

type Table = BTreeMap<&'static str, Vec<Child>>;

// The text is compiled in, and a test reads each of its rows: a panic here cannot depend on what is read.
static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("grammar.txt")));

fn table(text: &'static str) -> Table {
    let mut table = Table::new();
    let mut row = "";
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if !line.starts_with(' ') {
            row = line;
            table.insert(row, Vec::new());
            continue;
        }
        let children = line.split_ascii_whitespace().map(|token| child(row, token));
        table.entry(row).or_default().extend(children);
    }
    table
}

fn child(row: &str, token: &'static str) -> Child {
    let bad = || panic!("grammar.txt: {row}: {token}");
    // The last colon: the type, and the element's name, may have a prefix of their own.
    let end = token.find(['!', '?', '*', '+']).unwrap_or_else(bad);
    let (head, tail) = token.split_at(end);
    let colon = head.find(':').unwrap_or_else(bad);
    let colon = if matches!(&head[..colon], "si" | "ds") {
        colon + 1 + head[colon + 1..].find(':').unwrap_or_else(bad)
    } else {
        colon
    };
    let (name, kind) = (&head[..colon], &head[colon + 1..]);
    let inherited = if row.starts_with("si:") && !name.contains(':') { "si:" } else { "" };
    let (mark, bounds) = tail.split_at(1);
    let bound = |sign: char| {
        let (_, after) = bounds.split_once(sign)?;
        let digits = after.find(|c: char| !c.is_ascii_digit()).map_or(after, |end| &after[..end]);
        digits.parse().ok()
    };
    Child {
        name: format!("{inherited}{name}"),
        kind,
        occurrence: Occurrence { at_least_one: matches!(mark, "!" | "+"), many: matches!(mark, "*" | "+") },
        first: bound('@').unwrap_or(0),
        last: bound('~').unwrap_or(u16::MAX),
    }
}

/// Checks elements against the table; holds what spans them.
pub(crate) struct Checker {
    version: Version,
    ids: BTreeSet<String>,
    entries: usize,
}

/// A whole certificate.
pub(crate) fn check_certificate(root: Element, version: Version) -> Result<(), DccError> {
    let mut checker = Checker::new(version);
    checker.row(root, "digitalCalibrationCertificateType", 0)?;
    checker.references(root, 0)
}

impl Checker {
    pub(crate) fn new(version: Version) -> Self {
        Checker { version, ids: BTreeSet::new(), entries: 0 }
    }

    /// An element by the row of its type.
    pub(crate) fn row(&mut self, element: Element, row: &str, depth: usize) -> Result<(), DccError> {
        if depth == MAX_DEPTH {
            return Err(DccError::TooMany { what: "nested elements", limit: MAX_DEPTH });
        }
        self.attributes(element, depth)?;
        if let Some(text) = element.stray_text() {
            return Err(DccError::StrayText { at: element.at(), text: crate::error::cut(text.trim()) });
        }
        // A missing row would be a type that grammar.txt names and does not have, which its test excludes.
        let children = TABLE.get(row).map(Vec::as_slice).unwrap_or_default();
        let known = || children.iter().filter(|child| child.in_version(self.version));
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut next = Vec::new();
        for inner in element.elements() {
            let name = inner.shown();
            let Some(child) = known().find(|child| child.name == name) else {
                let known: Vec<&str> = known().map(|child| child.name.as_str()).collect();
                let (at, parent) = (inner.at(), element.shown());
                return Err(DccError::UnknownElement { at, element: name, parent, known: known.join(", ") });
            };
            let count = seen.entry(&child.name).or_default();
            *count += 1;
            if *count > 1 && !child.occurrence.many {
                return Err(DccError::Repeated { at: inner.at(), element: name });
            }
            next.push((inner, child.kind));
        }
        if let Some(missing) = known().find(|child| child.occurrence.at_least_one && !seen.contains_key(&*child.name)) {
            return Err(DccError::Missing { at: element.at(), element: missing.name.clone() });
        }
        for (inner, kind) in next {
            match kind {
                "any" => {}
                row if row.ends_with("Type") => self.row(inner, row, depth + 1)?,
                leaf => self.leaf(inner, leaf)?,
            }
        }
        Ok(())
    }

    fn leaf(&mut self, element: Element, kind: &'static str) -> Result<(), DccError> {
        self.attributes(element, 1)?;
        if let Some(inner) = element.elements().next() {
            let (at, parent) = (inner.at(), element.shown());
            return Err(DccError::UnknownElement { at, element: inner.shown(), parent, known: "text only".to_owned() });
        }
        let text = element.text();
        let Some(kind) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) else {
            return leaf(kind, &text).map_err(|expected| element.refused(expected, &text));
        };
        for entry in text.split_ascii_whitespace() {
            self.entries += 1;
            if self.entries > MAX_LIST_ENTRIES {
                return Err(DccError::TooMany { what: "list entries", limit: MAX_LIST_ENTRIES });
            }
            leaf(kind, entry).map_err(|expected| element.refused(expected, entry))?;
        }
        Ok(())
    }

    fn attributes(&mut self, element: Element, depth: usize) -> Result<(), DccError> {
        let known: &[&str] = match (element.namespace(), element.name()) {
            (DCC, "digitalCalibrationCertificate") if depth == 0 => &["schemaVersion"],
            (DCC, "content") => &["id", "refId", "refType", "lang"],
            // The language of a formula, in 2.4.
            (DCC, "formula") if self.version.code() < 300 => &["id", "refId", "refType", "lang"],
            (DCC, _) => &["id", "refId", "refType"],
            _ => &[],
        };
        if let Some(attribute) = element.foreign_attribute(known) {
            return Err(DccError::UnknownAttribute { at: element.at(), attribute });
        }
        if element.namespace() == DCC
            && let Some(id) = element.attribute("id")
            && !self.ids.insert(id.to_owned())
        {
            return Err(DccError::RepeatedId { at: element.at(), id: id.to_owned() });
        }
        Ok(())
    }

    /// Every `refId` has its `id` (`xs:IDREFS`). The depth was bounded by [`Checker::row`]; what it did not look into
    /// is not looked into here.
    fn references(&self, element: Element, depth: usize) -> Result<(), DccError> {
        if depth > MAX_DEPTH
            || ![DCC, SI].contains(&element.namespace())
            || matches!(element.name(), "xml" | "comment" | "mathml")
        {
            return Ok(());
        }
        for id in element.attribute_list("refId") {
            if !self.ids.contains(&id) {
                return Err(DccError::DanglingRef { at: element.at(), id });
            }
        }
        element.elements().try_for_each(|inner| self.references(inner, depth + 1))
    }
}

/// What a leaf of this kind holds; otherwise what was expected.
fn leaf(kind: &str, text: &str) -> Result<(), &'static str> {
    let number = || text.parse::<Number>().ok();
    let code =
        |len: usize, range: std::ops::RangeInclusive<u8>| text.len() == len && text.bytes().all(|b| range.contains(&b));
    let one_of = |words: &[&str]| words.contains(&text);
    let (holds, expected) = match kind {
        "text" => (true, ""),
        "boolean" => (one_of(&["true", "false", "1", "0"]), "true or false"),
        "date" => (date(text).is_some(), "a date, YYYY-MM-DD"),
        "dateTime" => (is_date_time(text), "a time, YYYY-MM-DDThh:mm:ss with a zone or without"),
        "number" => (number().is_some(), "a number of D-SI: [+-]digits[.digits][E[+-]digits], or NaN"),
        "unsigned" => (number().is_some() && !text.starts_with('-'), "a number of D-SI without a minus"),
        "probability" => (
            number().is_some_and(|number| number.is_nan() || (0.0..=1.0).contains(&number.to_f64())),
            "a probability from 0 to 1, or NaN",
        ),
        "integer" => (text.parse::<i32>().is_ok(), "a whole number"),
        "country" => (code(2, b'A'..=b'Z'), "a country code of ISO 3166-1, two capital letters"),
        "language" => (code(2, b'a'..=b'z'), "a language code of ISO 639-1, two small letters"),
        "conformity" => (
            one_of(&["pass", "fail", "conditionalPass", "conditionalFail", "noPass", "noFail"]),
            "pass, fail, conditionalPass, conditionalFail, noPass or noFail",
        ),
        "place" => (
            one_of(&["laboratory", "customer", "laboratoryBranch", "customerBranch", "other"]),
            "laboratory, customer, laboratoryBranch, customerBranch or other",
        ),
        "software" => (
            one_of(&["application", "bios", "driver", "editor", "firmware", "library", "os", "other"]),
            "application, bios, driver, editor, firmware, library, os or other",
        ),
        "status" => (
            one_of(&["beforeAdjustment", "afterAdjustment", "beforeRepair", "afterRepair"]),
            "beforeAdjustment, afterAdjustment, beforeRepair or afterRepair",
        ),
        "issuer" => (
            one_of(&["manufacturer", "calibrationLaboratory", "customer", "owner", "other"]),
            "manufacturer, calibrationLaboratory, customer, owner or other",
        ),
        "change" => (one_of(&["amended", "substituted"]), "amended or substituted"),
        _ => (false, "a leaf that grammar.txt describes"),
    };
    if holds { Ok(()) } else { Err(expected) }
}

#[cfg(test)]
mod against_schemas;
