//! A certificate as the calibration of a meter, and what its rules refuse.

use std::process::Command;

use dcc::meter::{self, MeterCalibration};
use dcc::{DccError, SignatureState};

use crate::{ISSUED, SERIAL, edited, read};

fn points(edits: &[(&str, &str)]) -> Result<MeterCalibration, DccError> {
    meter::points(&read(&edited(edits)).expect("a certificate"), SERIAL)
}

const AS_FOUND: &str = "-0.42 -0.26 -0.18 -0.150 -0.16";
const LOADS: &str = "0.0345 0.1725 0.690 3.45 6.90";
const PERCENT: &str = "-0.150 -0.16</si:valueXMLList>\n                  <si:unitXMLList>\\percent";
const K: &str = "<si:coverageFactorXMLList>2</si:coverageFactorXMLList>";
const P: &str = "<si:coverageProbabilityXMLList>0.95</si:coverageProbabilityXMLList>";
const U: &str = "0.10 0.06 0.05 0.05 0.05";

#[test]
fn the_template_is_valid_against_the_schema() {
    let schema = format!("{}/xsd/v3.3.0/dcc.xsd", crate::SHARED);
    if !crate::shared_is_there() {
        return;
    }
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/template/electricity-meter.xml");
    match Command::new("xmllint").args(["--noout", "--nonet", "--schema", &schema, template]).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: xmllint does not run: {error}"),
    }
}

const TEMPLATE: &str = include_str!("../../template/electricity-meter.xml");
/// What the template says that no certificate may, and what a laboratory put there.
const REPLACED: &[(&str, &str)] = &[("TEMPLATE-EM-0001", "Z-2026-0417"), ("X-K-00000-00-00", "D-K-99999-01-00")];

/// The template without what stands between these, inclusive.
fn without(text: &str, from: &str, to: &str) -> String {
    let (start, end) = (text.find(from).expect("a start"), text.find(to).expect("an end") + to.len());
    format!("{}{}", &text[..start], &text[end..])
}

#[test]
fn a_template_is_no_certificate() {
    assert!(TEMPLATE.contains("THIS IS NOT A CALIBRATION CERTIFICATE"));
    // It can be read, so that a laboratory sees how it would be understood, and counts for no meter.
    let all =
        ["the statement touchstone_template", "the number TEMPLATE-EM-0001", "the laboratory code X-K-00000-00-00"];
    let template = dcc::read(TEMPLATE.as_bytes()).unwrap();
    assert_eq!(template.template_marks, all);
    let refused = |text: &str| meter::points(&dcc::read(text.as_bytes()).unwrap(), SERIAL).unwrap_err();
    assert_eq!(refused(TEMPLATE), DccError::Template { marks: all.map(str::to_owned).to_vec() });
    // Each mark is enough.
    let mut edited = without(TEMPLATE, "    <dcc:statements>\n", "    </dcc:statements>\n");
    assert_eq!(
        refused(&edited),
        DccError::Template { marks: all[1..].iter().map(|mark| (*mark).to_owned()).collect() }
    );
    edited = edited.replace(REPLACED[0].0, REPLACED[0].1);
    assert_eq!(refused(&edited), DccError::Template { marks: vec![all[2].to_owned()] });
    edited = edited.replace(REPLACED[1].0, REPLACED[1].1);
    // What is left is the certificate that other tests use.
    assert_eq!(without(&edited, "<!--", "-->\n"), ISSUED);
    assert_eq!(dcc::read(ISSUED.as_bytes()).unwrap().template_marks, Vec::<String>::new());
    for mark in [("Z-2026-0417", "template-1"), ("<dcc:statements>", "<dcc:statements>")] {
        let text = match mark.0.starts_with('<') {
            true => TEMPLATE.replace(REPLACED[0].0, REPLACED[0].1).replace(REPLACED[1].0, REPLACED[1].1),
            false => ISSUED.replace(mark.0, mark.1),
        };
        assert!(matches!(refused(&text), DccError::Template { marks } if marks.len() == 1), "{mark:?}");
    }
}

#[test]
fn points_of_a_certificate() {
    let read = points(&[]).unwrap();
    assert_eq!(read.certificate, "Z-2026-0417");
    assert_eq!(read.laboratory, "Example Calibration Laboratory");
    assert_eq!(read.laboratory_code.as_deref(), Some("D-K-99999-01-00"));
    assert_eq!((read.begin.to_string(), read.end.to_string()), ("2026-03-04".to_owned(), "2026-03-05".to_owned()));
    assert_eq!(read.issued.unwrap().to_string(), "2026-03-09");
    assert_eq!((read.signature, read.schematron_checked), (SignatureState::Absent, false));
    // Load in A, share in %, error in %, U in percentage points: copied from the file.
    type Row = (&'static str, &'static str, &'static str, &'static str);
    let check = |points: &[meter::Point], expect: [Row; 5]| {
        assert_eq!(points.len(), 5);
        for (point, (load, share, error, uncertainty)) in points.iter().zip(expect) {
            assert_eq!((point.load.value.as_str(), point.load.unit.as_str()), (load, "\\kilo\\watt"));
            assert_eq!(point.current_percent.as_ref().unwrap().as_str(), share);
            assert_eq!(point.power_factor.as_ref().unwrap().as_str(), "1.0");
            assert_eq!(point.error_percent.as_str(), error);
            assert_eq!(point.expanded_uncertainty_percent.as_str(), uncertainty);
            assert_eq!(point.coverage_factor.as_str(), "2");
            assert_eq!(point.coverage_probability.as_ref().unwrap().as_str(), "0.95");
            assert_eq!(point.distribution.as_deref(), Some("normal"));
        }
    };
    check(
        &read.as_found,
        [
            ("0.0345", "1", "-0.42", "0.10"),
            ("0.1725", "5", "-0.26", "0.06"),
            ("0.690", "20", "-0.18", "0.05"),
            ("3.45", "100", "-0.150", "0.05"),
            ("6.90", "200", "-0.16", "0.05"),
        ],
    );
    check(
        &read.as_left,
        [
            ("0.0345", "1", "-0.11", "0.10"),
            ("0.1725", "5", "0.02", "0.06"),
            ("0.690", "20", "0.03", "0.05"),
            ("3.45", "100", "0.040", "0.05"),
            ("6.90", "200", "0.03", "0.05"),
        ],
    );
    let json = serde_json::to_value(&read).unwrap();
    assert_eq!(json["as_found"][3]["error_percent"], "-0.150");
}

#[test]
fn meaning_is_by_ref_type_and_not_by_name() {
    let renamed =
        points(&[("Relative error of indication", "Current"), (">As found, before adjustment<", ">As left<")]);
    assert_eq!(renamed, points(&[]));
    let unmarked =
        points(&[("refType=\"touchstone_relativeErrorOfIndication\"", "refType=\"basic_measurementError\"")]).unwrap();
    assert_eq!((unmarked.as_found.len(), unmarked.as_left.len()), (0, 5));
    let neither = points(&[
        ("touchstone_relativeErrorOfIndication\">", "basic_measurementError\">"),
        ("touchstone_relativeErrorOfIndication\">", "basic_measurementError\">"),
    ]);
    let Err(DccError::NoRefType { ref_type, found, .. }) = neither else { panic!("{neither:?}") };
    assert_eq!(ref_type, meter::ERROR);
    assert!(found.contains(&"basic_measurementError".to_owned()));
    let stateless = points(&[("refType=\"touchstone_asFound\"", "refType=\"gp_table1\"")]);
    assert!(matches!(stateless, Err(DccError::NoRefType { found, .. }) if found.contains(&"gp_table1".to_owned())));
    let both = points(&[("refType=\"touchstone_asFound\"", "refType=\"touchstone_asFound touchstone_asLeft\"")]);
    assert!(matches!(both, Err(DccError::AmbiguousRefType { .. })));
    let loadless = points(&[("touchstone_load basic_calibrationValue", "basic_calibrationValue")]);
    assert!(matches!(loadless, Err(DccError::NoRefType { ref_type: meter::LOAD, .. })));
    let twice = points(&[("refType=\"touchstone_currentFraction\"", "refType=\"touchstone_load\"")]);
    assert!(matches!(twice, Err(DccError::AmbiguousRefType { ref_type: meter::LOAD, .. })));
}

#[test]
fn another_serial_number_is_refused_with_those_found() {
    let dcc = read(ISSUED).unwrap();
    let refused = meter::points(&dcc, "EM-000124");
    assert_eq!(
        refused,
        Err(DccError::OtherInstrument { asked: "EM-000124".to_owned(), found: vec![SERIAL.to_owned()] })
    );
    // The customer's number is no serial number, nor the manufacturer's where another one is marked.
    assert!(meter::points(&dcc, "Furnace 2, feeder").is_err());
    let marked = edited(&[
        ("<dcc:identification refType=\"basic_serialNumber\">", "<dcc:identification>"),
        (
            "<dcc:identification>\n            <dcc:issuer>customer",
            "<dcc:identification refType=\"basic_serialNumber\">\n            <dcc:issuer>customer",
        ),
    ]);
    let marked = read(&marked).unwrap();
    assert!(meter::points(&marked, "Furnace 2, feeder").is_ok());
    assert!(matches!(meter::points(&marked, SERIAL), Err(DccError::OtherInstrument { .. })));
    let unmarked = points(&[("<dcc:identification refType=\"basic_serialNumber\">", "<dcc:identification>")]);
    assert_eq!(unmarked.unwrap().serial_number, SERIAL);
}

#[test]
fn results_of_several_items_are_told_apart_by_reference() {
    let second = "</dcc:item><dcc:item id=\"other\"><dcc:name><dcc:content>x</dcc:content></dcc:name><dcc:identifications>\
                  <dcc:identification><dcc:issuer>manufacturer</dcc:issuer><dcc:value>EM-2</dcc:value></dcc:identification>\
                  </dcc:identifications></dcc:item>";
    let two = edited(&[("</dcc:item>", second)]);
    let two = read(&two).unwrap();
    assert_eq!(meter::points(&two, SERIAL).unwrap().as_found.len(), 5);
    let refused = meter::points(&two, "EM-2");
    assert_eq!(refused, Err(DccError::ItemNotReferenced { serial_number: "EM-2".to_owned(), items: 2 }));
    let none = points(&[("</dcc:item>", second), (" refId=\"meter\"", "")]);
    assert!(matches!(none, Err(DccError::ItemNotReferenced { .. })));
    // As found of the one, as left of the other.
    let mixed = points(&[
        ("</dcc:item>", second),
        (" refId=\"meter\"", ""),
        ("<dcc:result refType=\"touchstone_asFound\">", "<dcc:result refType=\"touchstone_asFound\" refId=\"other\">"),
        ("<dcc:result refType=\"touchstone_asLeft\">", "<dcc:result refType=\"touchstone_asLeft\" refId=\"meter\">"),
    ]);
    let mixed = mixed.unwrap();
    assert_eq!((mixed.as_found.len(), mixed.as_left.len()), (0, 5));
}

#[test]
fn impossible_dates_are_refused() {
    for (from, to, earlier, later) in [
        (">2026-03-05<", ">2026-03-03<", "beginPerformanceDate", "endPerformanceDate"),
        (">2026-03-02<", ">2026-03-05<", "receiptDate", "beginPerformanceDate"),
        (">2026-03-09<", ">2026-03-04<", "endPerformanceDate", "issueDate"),
    ] {
        let Err(DccError::Dates { earlier_name, later_name, .. }) = points(&[(from, to)]) else { panic!("{to}") };
        assert_eq!((earlier_name, later_name), (earlier, later));
    }
    assert!(points(&[(">2026-03-05<", ">2026-03-04<"), (">2026-03-02<", ">2026-03-04<")]).is_ok());
}

#[test]
fn k_and_coverage_are_as_stated() {
    let read = points(&[
        (K, "<si:coverageFactorXMLList>2.28 2 2 2 1.96</si:coverageFactorXMLList>"),
        (P, "<si:coverageProbabilityXMLList>0.9545</si:coverageProbabilityXMLList>"),
    ]);
    let read = read.unwrap();
    let k: Vec<&str> = read.as_found.iter().map(|point| point.coverage_factor.as_str()).collect();
    assert_eq!(k, ["2.28", "2", "2", "2", "1.96"]);
    assert_eq!(read.as_found[4].coverage_probability.as_ref().unwrap().as_str(), "0.9545");
    let (open, close) = ("<si:expandedMUXMLList>", "</si:expandedMUXMLList>");
    let standard = points(&[
        (open, "<si:standardMUXMLList>"),
        (close, "</si:standardMUXMLList>"),
        ("<si:valueExpandedMUXMLList>", "<si:valueStandardMUXMLList>"),
        ("</si:valueExpandedMUXMLList>", "</si:valueStandardMUXMLList>"),
        (K, ""),
        (P, ""),
    ]);
    let first = &standard.unwrap().as_found[0];
    assert_eq!(first.expanded_uncertainty_percent.as_str(), "0.10");
    assert_eq!((first.coverage_factor.as_str(), &first.coverage_probability), ("1", &None));
}

#[test]
fn errors_in_one_become_percent_with_their_digits() {
    let read = points(&[
        (PERCENT, "-0.150 -0.16</si:valueXMLList>\n                  <si:unitXMLList>\\one"),
        (AS_FOUND, "-4.20E-3 -0.0026 -1.8e-3 -0.00150 0"),
        (U, "0.0010 0.0006 5E-4 0.0005 0.0005"),
    ]);
    let read = read.unwrap();
    let errors: Vec<&str> = read.as_found.iter().map(|point| point.error_percent.as_str()).collect();
    assert_eq!(errors, ["-0.420", "-0.26", "-0.18", "-0.150", "0"]);
    let uncertainties: Vec<&str> =
        read.as_found.iter().map(|point| point.expanded_uncertainty_percent.as_str()).collect();
    assert_eq!(uncertainties, ["0.10", "0.06", "0.05", "0.05", "0.05"]);
}

#[test]
fn uncertainties_that_say_nothing_are_refused() {
    for (from, to, at) in [
        (U, "0.10 0.06 NaN 0.05 0.05", (3, "the uncertainty")),
        (U, "0.10 0.00 0.05 0.05 0.05", (2, "the uncertainty")),
        (K, "<si:coverageFactorXMLList>0</si:coverageFactorXMLList>", (1, "the coverage factor")),
        (K, "<si:coverageFactorXMLList>2 2 2 2 NaN</si:coverageFactorXMLList>", (5, "the coverage factor")),
        (P, "<si:coverageProbabilityXMLList>0.0</si:coverageProbabilityXMLList>", (1, "the coverage probability")),
        (P, "<si:coverageProbabilityXMLList>NaN</si:coverageProbabilityXMLList>", (1, "the coverage probability")),
    ] {
        let refused = points(&[(from, to)]);
        let Err(DccError::Uncertainty { point, what, .. }) = refused else { panic!("{to}: {refused:?}") };
        assert_eq!((point, what), at, "{to}");
    }
    let start = ISSUED.find("<si:measurementUncertaintyUnivariateXMLList>").unwrap();
    let close = "</si:measurementUncertaintyUnivariateXMLList>";
    let end = ISSUED.find(close).unwrap() + close.len();
    let stated = &ISSUED[start..end];
    assert!(matches!(points(&[(stated, "")]), Err(DccError::NoUncertainty { point: 1, .. })));
    let relative = "</si:realListXMLList><dcc:relativeUncertainty><dcc:relativeUncertaintySingle><si:value>5</si:value>\
                    <si:unit>\\percent</si:unit></dcc:relativeUncertaintySingle></dcc:relativeUncertainty>";
    let after = format!("{stated}\n                </si:realListXMLList>");
    assert!(matches!(points(&[(&after, relative)]), Err(DccError::OnlyRelativeUncertainty { .. })));
}

#[test]
fn loads_rise_and_fit_their_errors() {
    for (loads, at) in [
        ("0.0345 0.1725 0.1725 3.45 6.90", 3),
        ("0.0345 0.1725 3.45 0.690 6.90", 4),
        ("6.90 3.45 0.69 0.1725 0.0345", 2),
    ] {
        let refused = points(&[(LOADS, loads)]);
        assert!(matches!(refused, Err(DccError::LoadOrder { point, .. }) if point == at), "{loads}: {refused:?}");
    }
    assert!(matches!(points(&[(LOADS, "0.05 0.25 1 NaN 10")]), Err(DccError::NotANumber { point: 4, .. })));
    assert!(matches!(points(&[(AS_FOUND, "NaN 0 0 0 0")]), Err(DccError::NotANumber { point: 1, .. })));
    assert!(matches!(points(&[(LOADS, "0.05 0.25 1 5")]), Err(DccError::ListLength { len: 4, values: 5, .. })));
    assert!(matches!(points(&[("1 5 20 100 200", "1")]), Err(DccError::ListLength { len: 1, values: 5, .. })));
    let kilowatts = "<si:unitXMLList>\\kilo\\watt</si:unitXMLList>";
    let mixed = "<si:unitXMLList>\\watt \\watt \\kilo\\watt \\kilo\\watt \\kilo\\watt</si:unitXMLList>";
    assert!(points(&[(LOADS, "34.5 172.5 0.690 3.45 6.90"), (kilowatts, mixed)]).is_ok());
    assert!(matches!(
        points(&[(LOADS, "34.5 1725 0.690 3.45 6.90"), (kilowatts, mixed)]),
        Err(DccError::LoadOrder { point: 3, .. })
    ));
}

#[test]
fn power_factors_have_their_own_order() {
    let one = "<si:real>\n                  <si:value>1.0</si:value>\n                  <si:unit>\\one</si:unit>\n                </si:real>";
    let each = "<si:realListXMLList><si:valueXMLList>1.0 1.0 1.0 0.5 0.5</si:valueXMLList><si:unitXMLList>\\one</si:unitXMLList></si:realListXMLList>";
    let read = points(&[(one, each), (LOADS, "0.25 1.00 5.00 1.00 5.00")]).unwrap();
    assert_eq!(read.as_found[3].power_factor.as_ref().unwrap().as_str(), "0.5");
    assert!(matches!(
        points(&[(one, each), (LOADS, "0.25 1.00 5.00 5.00 1.00")]),
        Err(DccError::LoadOrder { point: 5, .. })
    ));
}

#[test]
fn units_of_another_dimension_are_refused() {
    let refused = |edits: &[(&str, &str)]| match points(edits) {
        Err(DccError::Dimension { unit, .. }) => unit,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&[(PERCENT, "-0.150 -0.16</si:valueXMLList>\n                  <si:unitXMLList>\\watt")]),
        "\\watt"
    );
    let kilowatts = "<si:unitXMLList>\\kilo\\watt</si:unitXMLList>";
    // The second table measures the load otherwise than the first.
    assert_eq!(refused(&[(kilowatts, "<si:unitXMLList>\\ampere</si:unitXMLList>")]), "\\kilo\\watt");
    assert_eq!(refused(&[("<si:unit>\\one</si:unit>", "<si:unit>\\second</si:unit>")]), "\\second");
}

#[test]
fn forms_that_hold_no_points_are_refused() {
    let start = ISSUED.find("<si:realListXMLList>").unwrap();
    let close = "</si:realListXMLList>";
    let loads = &ISSUED[start..ISSUED.find(close).unwrap() + close.len()];
    let complex = r"<si:complexListXMLList><si:valueRealXMLList>1 2 3 4 5</si:valueRealXMLList><si:valueImagXMLList>0</si:valueImagXMLList><si:unitXMLList>\kilo\watt</si:unitXMLList></si:complexListXMLList>";
    assert!(
        matches!(points(&[(loads, complex)]), Err(DccError::Form { found, .. }) if found == "si:complexListXMLList")
    );
    assert!(matches!(points(&[(loads, "<dcc:charsXMLList>a b c d e</dcc:charsXMLList>")]), Err(DccError::Form { .. })));
    let hybrid = format!("<si:hybrid>{}{loads}</si:hybrid>", loads.replace("\\kilo\\watt", "galvat"));
    let read = points(&[(loads, &hybrid)]).unwrap();
    assert_eq!(read.as_found[0].load.unit.as_str(), "\\kilo\\watt");
}
