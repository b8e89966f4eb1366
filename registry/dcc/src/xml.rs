//! From bytes to elements: bounded, UTF-8, without entities, each element knowing where it stands.

use jiff::civil;
use roxmltree::{Document, Node, ParsingOptions};

use crate::error::{At, DccError, cut};
use crate::number::Number;
use crate::unit::Unit;

/// Longest certificate read, here and by the server, in bytes: it travels in one message, of which servers take 4 MiB.
/// Certificates are tens of kilobytes; what makes them larger are attachments.
pub const MAX_DCC_BYTES: usize = 3 << 20;

/// Most XML nodes read; the largest public example has about two thousand.
pub const MAX_NODES: usize = 200_000;

/// Deepest nesting read, so that reading by recursion has a bound. The schemas' own nesting ends near 25.
pub const MAX_DEPTH: usize = 64;

/// Most list entries in a certificate, since a list of two bytes an entry would otherwise grow a hundredfold when read.
pub const MAX_LIST_ENTRIES: usize = 50_000;

/// Namespace of the certificate.
pub(crate) const DCC: &str = "https://ptb.de/dcc";
/// Namespace of D-SI.
pub(crate) const SI: &str = "https://ptb.de/si";
/// Namespace of XML signatures.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The text of a file and where its lines begin.
pub(crate) struct Source<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, DccError> {
        if bytes.len() > MAX_DCC_BYTES {
            return Err(DccError::TooLarge { bytes: bytes.len(), limit: MAX_DCC_BYTES });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| DccError::NotUtf8 { offset: error.valid_up_to() })?;
        prolog(text)?;
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Ok(Source { text, lines })
    }

    pub(crate) fn parse(&self) -> Result<Document<'a>, DccError> {
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES as u32, entity_resolver: None };
        Document::parse_with_options(self.text, options).map_err(|error| match error {
            roxmltree::Error::DtdDetected => DccError::DocumentType { line: 1 },
            roxmltree::Error::NodesLimitReached
            | roxmltree::Error::AttributesLimitReached
            | roxmltree::Error::NamespacesLimitReached => DccError::TooMany { what: "XML nodes", limit: MAX_NODES },
            error => {
                let position = error.pos();
                DccError::NotWellFormed { line: position.row, column: position.col, what: error.to_string() }
            }
        })
    }

    pub(crate) fn root<'d>(&'d self, document: &'d Document<'d>) -> Element<'d> {
        Element { node: document.root_element(), source: self }
    }
}

/// What stands before the root: the declaration's encoding must be UTF-8, and no document type declaration may be
/// there. The parser refuses entities; an empty or external declaration it would pass over.
fn prolog(text: &str) -> Result<(), DccError> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(declaration) =
        rest.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside)
        && let Some((_, value)) = declaration.split_once("encoding")
    {
        let declared = value.trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\'']);
        let declared = declared.split(['"', '\'']).next().unwrap_or_default();
        if !["utf-8", "us-ascii"].iter().any(|known| declared.eq_ignore_ascii_case(known)) {
            return Err(DccError::Encoding { declared: cut(declared) });
        }
    }
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!DOCTYPE") {
            let before = &text[..text.len() - rest.len()];
            return Err(DccError::DocumentType { line: before.matches('\n').count() + 1 });
        } else {
            return Ok(());
        };
        // Unclosed: the parser says so with its place.
        let Some((_, after)) = rest.split_once(end) else { return Ok(()) };
        rest = after;
    }
}

/// An element and the file it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Element<'d> {
    node: Node<'d, 'd>,
    source: &'d Source<'d>,
}

impl<'d> Element<'d> {
    /// Local name.
    pub(crate) fn name(self) -> &'d str {
        self.node.tag_name().name()
    }

    pub(crate) fn namespace(self) -> &'d str {
        self.node.tag_name().namespace().unwrap_or_default()
    }

    pub(crate) fn is(self, namespace: &str, name: &str) -> bool {
        self.namespace() == namespace && self.name() == name
    }

    /// The name as the grammar writes it: bare for DCC, `si:` and `ds:` by prefix, any other namespace in braces.
    pub(crate) fn shown(self) -> String {
        match self.namespace() {
            DCC => self.name().to_owned(),
            SI => format!("si:{}", self.name()),
            DS => format!("ds:{}", self.name()),
            other => format!("{{{other}}}{}", self.name()),
        }
    }

    pub(crate) fn at(self) -> At {
        let start = self.node.range().start;
        // `lines` begins with 0, so that at least one line begins at or before any offset.
        let line = self.source.lines.partition_point(|begin| *begin <= start);
        let mut names: Vec<&str> =
            self.node.ancestors().filter(Node::is_element).map(|n| n.tag_name().name()).collect();
        names.reverse();
        At { line, column: start - self.source.lines[line - 1] + 1, path: names.join("/") }
    }

    /// The element as it stands in the file.
    pub(crate) fn raw(self) -> &'d str {
        &self.source.text[self.node.range()]
    }

    pub(crate) fn elements(self) -> impl Iterator<Item = Element<'d>> {
        self.node.children().filter(Node::is_element).map(move |node| Element { node, source: self.source })
    }

    /// The children of this local name. The grammar has no two namespaces share one in the same parent.
    pub(crate) fn children(self, name: &'static str) -> impl Iterator<Item = Element<'d>> {
        self.elements().filter(move |element| element.name() == name)
    }

    pub(crate) fn child(self, name: &'static str) -> Option<Element<'d>> {
        self.children(name).next()
    }

    pub(crate) fn required(self, name: &'static str) -> Result<Element<'d>, DccError> {
        self.child(name).ok_or_else(|| DccError::Missing { at: self.at(), element: name.to_owned() })
    }

    /// The text between the children, where there is any but blanks.
    pub(crate) fn stray_text(self) -> Option<&'d str> {
        let mut texts = self.node.children().filter(Node::is_text).filter_map(|node| node.text());
        texts.find(|text| !text.trim().is_empty())
    }

    /// All its text, without the blanks around it. A comment inside does not end it: `1<!-- -->2` is 12.
    pub(crate) fn text(self) -> String {
        let text: String = self.node.children().filter(Node::is_text).filter_map(|node| node.text()).collect();
        text.trim().to_owned()
    }

    /// The entries of an `xs:list`.
    pub(crate) fn list(self) -> Vec<String> {
        self.text().split_ascii_whitespace().map(str::to_owned).collect()
    }

    pub(crate) fn attribute(self, name: &str) -> Option<&'d str> {
        self.node.attribute(name)
    }

    /// The attribute as an `xs:list`, empty where it is missing.
    pub(crate) fn attribute_list(self, name: &str) -> Vec<String> {
        self.attribute(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// The first attribute that is neither one of these nor of XML or XML Schema.
    pub(crate) fn foreign_attribute(self, known: &[&str]) -> Option<String> {
        let foreign = self.node.attributes().find(|attribute| match attribute.namespace() {
            None => !known.contains(&attribute.name()),
            Some(namespace) => namespace != XSI && namespace != XML,
        });
        foreign.map(|attribute| attribute.name().to_owned())
    }

    pub(crate) fn refused(self, expected: &'static str, found: &str) -> DccError {
        DccError::Value { at: self.at(), expected, found: cut(found) }
    }

    /// The text of a child that must be there and say something.
    pub(crate) fn words(self, name: &'static str) -> Result<String, DccError> {
        let child = self.required(name)?;
        let text = child.text();
        if text.is_empty() { Err(child.refused("a text that says something", &text)) } else { Ok(text) }
    }

    pub(crate) fn optional_text(self, name: &'static str) -> Option<String> {
        self.child(name).map(Element::text).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(self) -> Result<Number, DccError> {
        let text = self.text();
        text.parse().map_err(|_| self.refused("a number of D-SI", &text))
    }

    pub(crate) fn numbers(self) -> Result<Vec<Number>, DccError> {
        let list = self.list();
        list.iter().map(|text| text.parse().map_err(|_| self.refused("a list of numbers of D-SI", text))).collect()
    }

    pub(crate) fn unit(self, text: &str) -> Result<Unit, DccError> {
        text.parse().map_err(|error| DccError::Unit { at: self.at(), error })
    }

    pub(crate) fn date(self) -> Result<civil::Date, DccError> {
        let text = self.text();
        date(&text).ok_or_else(|| self.refused("a date, YYYY-MM-DD", &text))
    }
}

/// An `xs:date`. A zone behind it is read and dropped: the calendar day is the one written, in the laboratory's own
/// zone.
pub(crate) fn date(text: &str) -> Option<civil::Date> {
    let (day, zone) = text.split_at_checked(10)?;
    (is_zone(zone) && day.bytes().all(|b| b.is_ascii_digit() || b == b'-')).then(|| day.parse().ok()).flatten()
}

/// Whether a text is an `xs:dateTime`, with a zone or without.
pub(crate) fn is_date_time(text: &str) -> bool {
    let Some((day, time)) = text.split_once('T') else { return false };
    let (time, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let shaped = time.len() >= 8 && time.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.');
    day.len() == 10 && date(day).is_some() && shaped && time.parse::<civil::Time>().is_ok() && is_zone(zone)
}

/// Nothing, `Z`, or `±hh:mm` up to 14 hours (XML Schema part 2, 3.2.7.3).
fn is_zone(zone: &str) -> bool {
    let Some(offset) = zone.strip_prefix(['+', '-']) else { return zone.is_empty() || zone == "Z" };
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
    let parts = offset.split_once(':').and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)));
    parts.is_some_and(|(hours, minutes)| hours <= 14 && minutes < 60)
}
