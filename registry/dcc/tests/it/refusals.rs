//! Files that are no certificates, or not closed: refused, with the place and the reason.

use dcc::{DccError, MAX_DCC_BYTES, UnitError};
use proptest::prelude::*;

use crate::{ISSUED, edited, read, with_data};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

#[test]
fn entities_are_never_expanded_or_fetched() {
    let bomb = "<!DOCTYPE dcc [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]>";
    let external = "<!DOCTYPE dcc [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>";
    let outside = "<!DOCTYPE dcc SYSTEM \"https://example.org/dcc.dtd\">";
    for declaration in [bomb, external, outside, "<!DOCTYPE dcc>", "<!-- x -->\n<?x y?><!DOCTYPE dcc>"] {
        let text = edited(&[(HEAD, &[HEAD, "\n", declaration].concat()), ("Z-2026-0417", "&c;")]);
        let refused = read(&text);
        assert!(matches!(refused, Err(DccError::DocumentType { line: 2 | 3 })), "{declaration}: {refused:?}");
    }
    // An entity without its declaration, and a declaration in the wrong place, are not well-formed.
    for text in [edited(&[("Z-2026-0417", "&c;")]), edited(&[("<dcc:coreData>", "<!DOCTYPE x><dcc:coreData>")])] {
        let refused = read(&text);
        assert!(matches!(refused, Err(DccError::NotWellFormed { .. } | DccError::DocumentType { .. })), "{refused:?}");
    }
}

#[test]
fn bytes_that_are_no_xml() {
    assert!(matches!(dcc::read(b"\xff\xfe<\0"), Err(DccError::NotUtf8 { offset: 0 })));
    assert_eq!(
        dcc::read(&vec![b' '; MAX_DCC_BYTES + 1]),
        Err(DccError::TooLarge { bytes: MAX_DCC_BYTES + 1, limit: MAX_DCC_BYTES })
    );
    let latin = edited(&[("UTF-8", "ISO-8859-1")]);
    assert_eq!(read(&latin), Err(DccError::Encoding { declared: "ISO-8859-1".to_owned() }));
    assert!(read(&format!("\u{feff}{ISSUED}")).is_ok());
    assert!(matches!(dcc::read(b""), Err(DccError::NotWellFormed { .. })));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let end = ISSUED.trim_end().len();
    for cut in (0..end).step_by(7).chain([end - 1]) {
        let refused = dcc::read(&ISSUED.as_bytes()[..cut]);
        assert!(matches!(refused, Err(DccError::NotWellFormed { .. })), "{cut}: {refused:?}");
    }
}

#[test]
fn only_certificates_of_known_versions() {
    for version in ["2.3.0", "3.4.0", "4.0.0", "3.3", "3.3.0.0", "v3.3.0", "3.10.0", "", "3.3.x"] {
        let refused = read(&edited(&[("schemaVersion=\"3.3.0\"", &format!("schemaVersion=\"{version}\""))]));
        assert_eq!(refused, Err(DccError::Version { found: version.to_owned() }));
    }
    assert_eq!(read(&edited(&[(" schemaVersion=\"3.3.0\"", "")])), Err(DccError::Version { found: String::new() }));
    let other = edited(&[("xmlns:dcc=\"https://ptb.de/dcc\"", "xmlns:dcc=\"https://example.org/dcc\"")]);
    assert!(matches!(read(&other), Err(DccError::NotADcc { namespace, .. }) if namespace == "https://example.org/dcc"));
    assert!(matches!(read("<si:real xmlns:si='https://ptb.de/si'/>"), Err(DccError::NotADcc { .. })));
    // The template's elements are of 3.3: an older version does not have them.
    let older = read(&edited(&[("schemaVersion=\"3.3.0\"", "schemaVersion=\"3.1.1\"")]));
    assert!(matches!(older, Err(DccError::UnknownElement { element, .. }) if element == "refTypeDefinitions"));
}

#[test]
fn every_version_reads_its_own_certificate() {
    let quantity = r"<dcc:quantity><si:real><si:value>1</si:value><si:unit>\watt</si:unit></si:real></dcc:quantity>";
    for version in ["2.4.0", "3.0.0", "3.1.0", "3.1.1", "3.1.2", "3.2.0", "3.2.1", "3.3.0", "3.3.1"] {
        let dcc = read(&with_data(version, quantity)).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(dcc.version.to_string(), version);
    }
}

#[test]
fn unknown_elements_attributes_and_texts_are_named_with_their_line() {
    let refused = read(&edited(&[(
        "<dcc:model>EM-05S</dcc:model>",
        "<dcc:model>EM-05S</dcc:model><dcc:colour>red</dcc:colour>",
    )]));
    let Err(DccError::UnknownElement { at, element, parent, known }) = refused else { panic!("{refused:?}") };
    assert_eq!((element.as_str(), parent.as_str()), ("colour", "item"));
    let line = ISSUED.lines().position(|line| line.contains("EM-05S</dcc:model>")).unwrap() + 1;
    assert_eq!((at.line, at.column), (line, 38));
    assert_eq!(at.path, "digitalCalibrationCertificate/administrativeData/items/item/colour");
    assert!(known.contains("identifications"));

    let foreign = read(&edited(&[("<dcc:model>", "<x:y xmlns:x='urn:x'/><dcc:model>")]));
    assert!(matches!(foreign, Err(DccError::UnknownElement { element, .. }) if element == "{urn:x}y"));
    let wrong_namespace = read(&edited(&[("<si:unit>\\one</si:unit>", "<dcc:unit>\\one</dcc:unit>")]));
    assert!(matches!(wrong_namespace, Err(DccError::UnknownElement { element, .. }) if element == "unit"));
    let inside_a_leaf = read(&edited(&[("Z-2026-0417", "<dcc:b>1</dcc:b>")]));
    assert!(matches!(inside_a_leaf, Err(DccError::UnknownElement { element, .. }) if element == "b"));
    let attribute = read(&edited(&[("<dcc:item id=\"meter\">", "<dcc:item id=\"meter\" colour=\"red\">")]));
    assert!(matches!(attribute, Err(DccError::UnknownAttribute { attribute, .. }) if attribute == "colour"));
    let stray = read(&edited(&[("<dcc:coreData>", "<dcc:coreData>stray")]));
    assert!(matches!(stray, Err(DccError::StrayText { text, .. }) if text == "stray"));
    let twice = read(&edited(&[("<dcc:model>EM-05S</dcc:model>", "<dcc:model>a</dcc:model><dcc:model>b</dcc:model>")]));
    assert!(matches!(twice, Err(DccError::Repeated { element, .. }) if element == "model"));
    let missing = read(&edited(&[("<dcc:uniqueIdentifier>Z-2026-0417</dcc:uniqueIdentifier>", "")]));
    assert!(matches!(missing, Err(DccError::Missing { element, .. }) if element == "uniqueIdentifier"));
    let empty = read(&edited(&[("Z-2026-0417", " ")]));
    assert!(matches!(empty, Err(DccError::Value { expected: "a text that says something", .. })));
    let repeated =
        read(&edited(&[("<dcc:measurementResult refId=\"meter\">", "<dcc:measurementResult id=\"meter\">")]));
    assert!(matches!(repeated, Err(DccError::RepeatedId { id, .. }) if id == "meter"));
    let dangling = read(&edited(&[("refId=\"meter\"", "refId=\"meter motor\"")]));
    assert!(matches!(dangling, Err(DccError::DanglingRef { id, .. }) if id == "motor"));
}

#[test]
fn foreign_xml_and_signatures_have_their_places() {
    let xml = "<dcc:xml><x:anything xmlns:x='urn:x'><x:more dcc='1'>text</x:more></x:anything></dcc:xml>";
    let quantity = r"<dcc:quantity><si:real><si:value>1</si:value><si:unit>\watt</si:unit></si:real></dcc:quantity>";
    let dcc = read(&with_data("3.3.0", &[xml, quantity].concat())).unwrap();
    assert!(matches!(&dcc.results[0].results[0].data[0], dcc::Datum::Kept(kept) if kept.xml == xml));
    let signature = "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:SignedInfo/></ds:Signature>";
    let end = "</dcc:digitalCalibrationCertificate>";
    let signed = edited(&[(end, &[signature, end].concat())]);
    assert_eq!(read(&signed).unwrap().signature, dcc::SignatureState::PresentNotChecked);
    let misplaced = edited(&[("<dcc:coreData>", &["<dcc:coreData>", signature].concat())]);
    assert!(matches!(read(&misplaced), Err(DccError::UnknownElement { element, .. }) if element == "ds:Signature"));
}

#[test]
fn values_that_are_none() {
    for (from, to) in [
        (">2026-03-04<", ">2026-02-30<"),
        (">2026-03-04<", ">04.03.2026<"),
        (">2026-03-04<", ">2026-03-04X<"),
        (">DE</dcc:countryCodeISO3166_1>", ">Germany</dcc:countryCodeISO3166_1>"),
        (">laboratory<", ">at home<"),
        ("<dcc:issuer>customer<", "<dcc:issuer>nobody<"),
        (">23.1<", ">23,1<"),
        (">23.1<", ">1e999<"),
        (">0.95<", ">95<"),
        (">0.4<", ">-0.4<"),
        (">true<", ">yes<"),
    ] {
        let refused = read(&edited(&[(from, to)]));
        assert!(matches!(refused, Err(DccError::Value { .. })), "{to}: {refused:?}");
    }
    let zoned = read(&edited(&[(">2026-03-04<", ">2026-03-04+01:00<")])).unwrap();
    assert_eq!(zoned.core.begin_performance_date.to_string(), "2026-03-04");
}

#[test]
fn unknown_units_are_named() {
    let refused = read(&edited(&[("<si:unit>\\degreecelsius</si:unit>", "<si:unit>\\fahrenheit</si:unit>")]));
    let Err(DccError::Unit { at, error: UnitError::Unknown { name, .. } }) = refused else { panic!("{refused:?}") };
    assert_eq!(name, "fahrenheit");
    assert!(at.path.ends_with("quantity/real/unit"));
}

#[test]
fn a_quantity_states_one_thing() {
    let real = r"<si:real><si:value>1</si:value><si:unit>\watt</si:unit></si:real>";
    let constant = real.replace("si:real", "si:constant");
    let quantity = |inside: &str| read(&with_data("3.2.1", &format!("<dcc:quantity>{inside}</dcc:quantity>")));
    assert!(quantity(real).is_ok() && quantity("<dcc:charsXMLList>a b</dcc:charsXMLList>").is_ok());
    assert!(matches!(quantity(""), Err(DccError::Choice { .. })));
    assert!(matches!(quantity(&[real, &constant].concat()), Err(DccError::Choice { .. })));
    assert!(matches!(quantity(&[real, "<dcc:noQuantity/>"].concat()), Err(DccError::Choice { .. })));
}

#[test]
fn relative_uncertainties_are_read_and_fit_their_values() {
    let list = r"<si:realListXMLList><si:valueXMLList>10 20</si:valueXMLList><si:unitXMLList>\watt</si:unitXMLList></si:realListXMLList>";
    let quantity = |entries: &str| {
        let relative = format!(
            "<dcc:relativeUncertainty><dcc:relativeUncertaintyXmlList><si:valueXMLList>{entries}</si:valueXMLList>\
             <si:unitXMLList>\\percent</si:unitXMLList></dcc:relativeUncertaintyXmlList></dcc:relativeUncertainty>"
        );
        read(&with_data("3.2.1", &format!("<dcc:quantity>{list}{relative}</dcc:quantity>")))
    };
    let dcc = quantity("0.50 0.40").unwrap();
    let dcc::Datum::Quantity(read_back) = &dcc.results[0].results[0].data[0] else { panic!() };
    let relative = read_back.relative_uncertainty.as_ref().unwrap().reals().unwrap();
    assert_eq!((relative[0].value.as_str(), relative[1].unit.as_str()), ("0.50", "\\percent"));
    assert!(quantity("0.5").is_ok());
    assert!(matches!(quantity("0.5 0.4 0.3"), Err(DccError::ListLength { len: 3, values: 2, .. })));
    let single = "<dcc:relativeUncertainty><dcc:relativeUncertaintySingle><si:value>0.5</si:value><si:unit>\\percent</si:unit>\
                  </dcc:relativeUncertaintySingle></dcc:relativeUncertainty>";
    assert!(read(&with_data("3.2.1", &format!("<dcc:quantity>{list}{single}</dcc:quantity>"))).is_ok());
}

#[test]
fn nesting_and_nodes_are_bounded() {
    let real = r"<dcc:quantity><si:real><si:value>1</si:value><si:unit>\watt</si:unit></si:real></dcc:quantity>";
    let nested = |depth: usize| {
        let lists = ["<dcc:list>".repeat(depth), real.to_owned(), "</dcc:list>".repeat(depth)].concat();
        read(&with_data("3.3.0", &lists))
    };
    assert!(nested(40).is_ok());
    assert!(matches!(nested(100_000), Err(DccError::TooMany { what: "nested elements", .. })));
    let wide = "<dcc:content/>".repeat(dcc::MAX_NODES);
    assert!(matches!(read(&with_data("3.3.0", &wide)), Err(DccError::TooMany { what: "XML nodes", .. })));
    // Also where nothing looks inside.
    let inside = ["<x>".repeat(60_000), "</x>".repeat(60_000)].concat();
    assert!(read(&with_data("3.3.0", &format!("<dcc:xml>{inside}</dcc:xml>{real}"))).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_bytes_are_read_or_refused(
            edits in proptest::collection::vec((0..ISSUED.len(), any::<u8>(), 0..3u8), 1..6)
        ) {
        let mut bytes = ISSUED.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at % bytes.len();
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..(at + 40).min(bytes.len() - 1))),
            }
        }
        if let Ok(dcc) = dcc::read(&bytes) {
            let _ = dcc::meter::points(&dcc, crate::SERIAL);
        }
    }

    #[test]
    fn shuffled_pieces_are_read_or_refused(moves in proptest::collection::vec((0usize..500, 0usize..500), 1..4)) {
        let mut pieces: Vec<&str> = ISSUED.split_inclusive('>').collect();
        for (from, to) in moves {
            let count = pieces.len();
            pieces.swap(from % count, to % count);
        }
        if let Ok(dcc) = read(&pieces.concat()) {
            let _ = dcc::meter::points(&dcc, crate::SERIAL);
        }
    }
}
