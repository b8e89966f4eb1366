//! The table against PTB's schemas: for every version the same types, children, kinds and occurrences.

use super::*;
use roxmltree::{Document, Node};

type Types = BTreeMap<String, BTreeMap<String, (String, Occurrence)>>;

const XSD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/dcc/xsd");

/// Leaves of the schemas by the name the table has for them.
fn leaf_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "xs:string" | "xs:anyURI" | "xs:duration" | "xs:base64Binary" | "xs:IDREF" | "dcc:notEmptyStringType" => "text",
        "dcc:stringWithLangType" | "si:unitType" | "si:unitPhaseType" | "si:distributionType" => "text",
        "xs:boolean" => "boolean",
        "xs:date" => "date",
        "xs:dateTime" => "dateTime",
        "si:decimalType" | "si:intervalMinType" | "si:intervalMaxType" => "number",
        "si:kValueType" | "si:uncertaintyValueType" | "si:valueStandardMUType" | "si:valueExpandedMUType" => "unsigned",
        "si:probabilityValueType" => "probability",
        "si:significantDigitType" => "integer",
        "dcc:stringISO3166Type" => "country",
        "dcc:stringISO639Type" => "language",
        "dcc:stringConformityStatementStatusType" => "conformity",
        "dcc:performanceLocationType" => "place",
        "dcc:xmlType" => "any",
        "dcc:charsXMLListType" | "si:stringXMLListType" | "si:unitXMLListType" | "si:unitPhaseXMLListType" => "[text]",
        "si:distributionXMLListType" => "[text]",
        "dcc:booleanXMLListType" => "[boolean]",
        "dcc:dateTimeXMLListType" | "si:dateTimeXMLListType" => "[dateTime]",
        "dcc:stringConformityStatementStatusXMLListType" => "[conformity]",
        "si:decimalXMLListType" | "si:intervalMinXMLListType" | "si:intervalMaxXMLListType" => "[number]",
        "si:kValueXMLListType" | "si:uncertaintyValueXMLListType" => "[unsigned]",
        "si:valueStandardMUXMLListType" | "si:valueExpandedMUXMLListType" => "[unsigned]",
        "si:probabilityValueXMLListType" => "[probability]",
        "si:significantDigitXMLListType" => "[integer]",
        _ => return None,
    })
}

/// As the table names a type: DCC's own bare.
fn shown(name: &str) -> String {
    name.strip_prefix("dcc:").unwrap_or(name).to_owned()
}

struct Schema<'a> {
    prefix: &'a str,
    types: Types,
}

impl Schema<'_> {
    fn read(&mut self, file: &str) {
        let text = std::fs::read_to_string(format!("{XSD}/{file}")).unwrap();
        let document = Document::parse(&text).unwrap();
        let prefix = self.prefix;
        for node in document.root_element().children().filter(Node::is_element) {
            let Some(name) = node.attribute("name") else { continue };
            match node.tag_name().name() {
                "complexType" => self.complex(node, format!("{prefix}:{name}")),
                // D-SI 1.3 has no named types: its elements' types bear the later names.
                "element" => {
                    if let Some(inner) = node.children().find(|n| n.has_tag_name((XS, "complexType"))) {
                        self.complex(inner, element_type(prefix, name));
                    }
                }
                _ => {}
            }
        }
    }

    fn complex(&mut self, node: Node, name: String) {
        let mut children = BTreeMap::new();
        self.group(node, &name, (true, false), &mut children);
        // Wildcards and simple contents are leaves.
        if !children.is_empty() {
            self.types.insert(shown(&name), children);
        }
    }

    fn group(
        &mut self,
        node: Node,
        owner: &str,
        (must, many): (bool, bool),
        children: &mut BTreeMap<String, (String, Occurrence)>,
    ) {
        for inner in node.children().filter(Node::is_element) {
            let must = must && inner.attribute("minOccurs") != Some("0");
            let many = many || inner.attribute("maxOccurs") == Some("unbounded");
            match inner.tag_name().name() {
                "sequence" | "all" => self.group(inner, owner, (must, many), children),
                "choice" => self.group(inner, owner, (false, many), children),
                "element" => {
                    let (name, kind) = self.element(inner, owner);
                    let occurrence = Occurrence { at_least_one: must, many };
                    // In both branches of a choice.
                    if let Some(before) = children.insert(name, (kind.clone(), occurrence)) {
                        assert_eq!(before.0, kind, "{owner}");
                    }
                }
                _ => {}
            }
        }
    }

    fn element(&mut self, node: Node, owner: &str) -> (String, String) {
        let prefix = self.prefix;
        if let Some(target) = node.attribute("ref") {
            return match target {
                "ds:Signature" => (target.to_owned(), "any".to_owned()),
                // Heads of substitution groups with one member each.
                "si:quantityType" => ("si:quantityTypeQUDT".to_owned(), "text".to_owned()),
                "si:listQuantityType" => ("si:listQuantityTypeQUDT".to_owned(), "text".to_owned()),
                "si:quantityTypeXMLList" => ("si:quantityTypeQUDTXMLList".to_owned(), "[text]".to_owned()),
                _ => (target.to_owned(), element_type("si", target.trim_start_matches("si:"))),
            };
        }
        let name = node.attribute("name").unwrap();
        let kind = match node.attribute("type") {
            Some(kind) => leaf_of(kind).map_or_else(|| shown(kind), str::to_owned),
            None if node.children().any(|n| n.has_tag_name((XS, "simpleType"))) => match name {
                "type" => "software",
                "status" | "state" => "status",
                "issuer" => "issuer",
                "typeOfChange" => "change",
                other => panic!("enumeration {other}"),
            }
            .to_owned(),
            None => {
                let inner = node.children().find(|n| n.has_tag_name((XS, "complexType"))).unwrap();
                if inner.descendants().any(|n| n.has_tag_name((XS, "any"))) {
                    "any".to_owned()
                } else {
                    let in_list = owner == "si:listType" && matches!(name, "real" | "complex");
                    let kind = format!("{prefix}:{name}{}", if in_list { "InListType" } else { "Type" });
                    self.complex(inner, kind.clone());
                    shown(&kind)
                }
            }
        };
        (shown(&format!("{prefix}:{name}")), kind)
    }
}

const XS: &str = "http://www.w3.org/2001/XMLSchema";

fn element_type(prefix: &str, name: &str) -> String {
    let quantity = if matches!(name, "real" | "constant" | "complex") { "Quantity" } else { "" };
    format!("{prefix}:{name}{quantity}Type")
}

#[test]
fn every_row_names_rows_and_leaves_that_exist() {
    for (row, children) in TABLE.iter() {
        assert!(!children.is_empty(), "{row}");
        for child in children {
            let kind = child.kind;
            let leaf_kind = kind.trim_start_matches('[').trim_end_matches(']');
            let known = if kind.ends_with("Type") {
                TABLE.contains_key(kind)
            } else {
                kind == "any" || leaf(leaf_kind, "x") != Err("a leaf that grammar.txt describes")
            };
            assert!(known, "{row}: {}: {kind}", child.name);
        }
    }
}

#[test]
fn the_table_is_the_schemas() {
    if !std::path::Path::new(XSD).exists() {
        eprintln!("skipped: {XSD} is not there");
        return;
    }
    let versions = [
        ("2.4.0", "1.3.1"),
        ("3.1.1", "2.1.0"),
        ("3.1.2", "2.1.0"),
        ("3.2.0", "2.1.0"),
        ("3.2.1", "2.1.0"),
        ("3.3.0", "2.2.1"),
    ];
    for (dcc, dsi) in versions {
        let mut schema = Schema { prefix: "dcc", types: Types::new() };
        schema.read(&format!("v{dcc}/dcc.xsd"));
        schema.prefix = "si";
        schema.read(&format!("dsi/v{dsi}.xsd"));
        // Declared in 2.4 and used by no element.
        schema.types.retain(|name, _| !name.starts_with("calibrationLocation"));
        let version: Version = dcc.parse().unwrap();
        for (name, expect) in &schema.types {
            let row = TABLE.get(name.as_str()).unwrap_or_else(|| panic!("{dcc}: no row {name}"));
            let mut known = BTreeMap::new();
            for child in row.iter().filter(|child| child.in_version(version)) {
                let twice = known.insert(child.name.clone(), (child.kind.to_owned(), child.occurrence));
                assert_eq!(twice, None, "{dcc}: {name}: {} twice", child.name);
            }
            assert_eq!(&known, expect, "{dcc}: {name}");
        }
        assert!(schema.types.len() > 40, "{dcc}: {} types", schema.types.len());
    }
}
