//! The public examples, with values copied by hand from the files.

use dcc::dsi::{Data, Real, Uncertainty};
use dcc::{Datum, Dcc, DccError, Issuer, Quantity, SignatureState, Value};

use crate::{shared, shared_is_there};

const ITEM: &[&str] = &["string-manufacturer-item"];
const LABORATORY: &str = "Kalibrierfirma GmbH";

/// File, version, number, begin, end, serial numbers, laboratory, whether there is a signature.
type Row =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static str, bool);

#[rustfmt::skip]
const READABLE: &[Row] = &[
    ("dcc_gp_humidity_v1.0", "3.1.2", "Id 123456789 HtW", "1957-08-13", "1957-08-14", &["123456789 Ma", "Fs 135792468 Hu"], LABORATORY, false),
    ("dcc_gp_temperatur_resistance_v12", "3.1.1", "GP_DCC_temperature_resistance_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcc_gp_temperature_extensive_v12", "3.1.1", "GP_DCC_temperature_extensive_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcc_gp_temperature_simplified_v12", "3.1.1", "GP_DCC_temperature_minimal_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcc_gp_temperature_typical_v12", "3.1.1", "GP_DCC_temperature_typical_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcc_gp_temperature_typical_v12_v3.2.0_signed", "3.2.0", "GP_DCC_temperature_typical_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, true),
    ("dcc_gp_temperature_typical_v12_v3.2.0_signed_lt", "3.2.0", "GP_DCC_temperature_typical_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, true),
    ("dcc_gp_temperature_typical_v12_v3.2.0_signed_lt_revoked", "3.2.0", "GP_DCC_temperature_typical_1.2", "1957-08-13", "1957-08-13", ITEM, LABORATORY, true),
    ("dcc_gp_temperature_typical_v12_v3.2.0_signed_manipulated", "3.2.0", "GP_DCC_temperature_typical_1.2", "1957-08-13", "1957-08-13", ITEM, "MANIPLUATION Kalibrierfirma GmbH", true),
    ("dcclib_invalid_schematron", "3.3.0", "123", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcclib_invalid_signature", "3.3.0", "12345", "1957-08-13", "1957-08-13", ITEM, LABORATORY, true),
    ("dcclib_valid", "3.3.0", "1234", "1957-08-13", "1957-08-13", ITEM, LABORATORY, false),
    ("dcclib_valid_signature", "3.3.0", "1234", "1957-08-13", "1957-08-13", ITEM, LABORATORY, true),
    ("siliziumkugel_2_4_0", "2.4.0", "PTB - 11129 18", "2018-10-12", "2018-10-12", &["Si28kg_03_a"], "Physikalisch-Technische Bundesanstalt (PTB)", false),
];

fn example(name: &str) -> Dcc {
    dcc::read(&shared(&format!("examples/{name}.xml"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn administrative_data_of_every_readable_example() {
    if !shared_is_there() {
        return;
    }
    for (name, version, number, begin, end, serials, laboratory, signed) in READABLE {
        let dcc = example(name);
        assert_eq!(dcc.version.to_string(), *version, "{name}");
        assert_eq!(dcc.core.unique_identifier, *number, "{name}");
        assert_eq!(dcc.core.begin_performance_date.to_string(), *begin, "{name}");
        assert_eq!(dcc.core.end_performance_date.to_string(), *end, "{name}");
        assert_eq!(dcc.core.check_dates(), Ok(()), "{name}");
        let found: Vec<&str> = dcc.items.iter().flat_map(|item| item.serial_numbers()).collect();
        assert_eq!(found, *serials, "{name}");
        assert_eq!(dcc.laboratory.contacts[0].name.in_language("en"), Some(*laboratory), "{name}");
        let state = if *signed { SignatureState::PresentNotChecked } else { SignatureState::Absent };
        assert_eq!((dcc.signature, dcc.schematron_checked), (state, false), "{name}");
        // None is of a meter, and each says what it has instead.
        let refused = dcc::meter::points(&dcc, serials[0]);
        assert!(matches!(refused, Err(DccError::NoRefType { .. })), "{name}: {refused:?}");
    }
    assert_eq!(std::fs::read_dir(format!("{}/examples", crate::SHARED)).unwrap().count(), READABLE.len() + 2);
}

#[test]
fn invalid_examples_are_refused_with_the_reason() {
    if !shared_is_there() {
        return;
    }
    let Err(DccError::Missing { at, element }) = dcc::read(&shared("examples/dcclib_invalid_schema.xml")) else {
        panic!()
    };
    assert_eq!(element, "name");
    assert_eq!(at.path, "digitalCalibrationCertificate/administrativeData/items/item");
    let syntax = dcc::read(&shared("examples/dcclib_invalid_syntax.xml"));
    assert!(matches!(syntax, Err(DccError::NotWellFormed { line: 7, .. })), "{syntax:?}");
}

/// The quantity of this meaning in the first list of a result.
fn quantity<'d>(dcc: &'d Dcc, result: usize, ref_type: &str) -> &'d Quantity {
    let Datum::List(list) = &dcc.results[0].results[result].data[0] else { panic!("no list") };
    let found = list.data.iter().find_map(|datum| match datum {
        Datum::Quantity(quantity) if quantity.refs.means(ref_type) => Some(quantity),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no {ref_type}"))
}

fn reals(data: &Data) -> &[Real] {
    data.reals().unwrap_or_else(|| panic!("no list: {data:?}"))
}

fn digits(reals: &[Real]) -> Vec<&str> {
    reals.iter().map(|real| real.value.as_str()).collect()
}

/// (U, k, p, distribution) as written.
fn expanded(real: &Real) -> (&str, &str, &str, Option<&str>) {
    let Some(Uncertainty::Expanded { expanded, coverage_factor, coverage_probability, distribution }) =
        &real.uncertainty
    else {
        panic!("{real:?}");
    };
    (expanded.as_str(), coverage_factor.as_str(), coverage_probability.as_str(), distribution.as_deref())
}

#[test]
fn temperature_lists_broadcast_unit_and_uncertainty() {
    if !shared_is_there() {
        return;
    }
    let names = ["dcc_gp_temperature_typical_v12", "dcc_gp_temperature_typical_v12_v3.2.0_signed", "dcclib_valid"];
    for name in names {
        let dcc = example(name);
        let Value::Data(Data::Hybrid(members)) = &quantity(&dcc, 0, "basic_referenceValue").value else { panic!() };
        assert_eq!(digits(reals(&members[0])), ["306.248", "373.121", "448.253", "523.319", "593.154"]);
        assert_eq!(digits(reals(&members[1])), ["33.098", "99.971", "175.103", "250.169", "320.004"]);
        assert_eq!(reals(&members[1])[4].unit.as_str(), "\\degreecelsius");
        let error = quantity(&dcc, 0, "basic_measurementError");
        let Value::Data(data) = &error.value else { panic!() };
        assert_eq!(digits(reals(data)), ["0.072", "0.089", "0.107", "-0.009", "-0.084"]);
        for real in reals(data) {
            assert_eq!(real.unit.as_str(), "\\kelvin");
            assert_eq!(expanded(real), ("0.061", "2", "0.95", Some("normal")));
        }
        assert_eq!(error.meta_data[0].conformity, ["pass"]);
        let Datum::Quantity(limit) = &error.meta_data[0].data[0] else { panic!() };
        assert!(limit.refs.means("basic_acceptanceLimitLower"));
        let Value::Data(limits) = &limit.value else { panic!() };
        assert_eq!(digits(reals(limits)), ["-0.23", "-0.23", "-0.23", "-0.30", "-0.30"]);
        assert_eq!(dcc.results[0].used_methods[1].norms, ["DKD-R 5-1:2018"]);
        assert!(dcc.results[0].influence_conditions[1].refs.means("basic_temperature"));
    }
}

#[test]
fn humidity_has_an_uncertainty_for_each_value() {
    if !shared_is_there() {
        return;
    }
    let dcc = example("dcc_gp_humidity_v1.0");
    let Value::Data(Data::Hybrid(members)) = &quantity(&dcc, 0, "basic_measurementError").value else { panic!() };
    let first = reals(&members[0]);
    assert_eq!(digits(first), ["-0.004", "-0.001", "0.003", "0.011", "0.012", "0.006", "-0.003"]);
    let uncertainties: Vec<&str> = first.iter().map(|real| expanded(real).0).collect();
    assert_eq!(uncertainties, ["0.006", "0.008", "0.010", "0.011", "0.010", "0.008", "0.006"]);
    assert_eq!(expanded(&first[6]), ("0.006", "2", "0.95", None));
    assert_eq!(reals(&members[1])[3].uncertainty, None);
    let Value::Data(Data::Hybrid(members)) = &quantity(&dcc, 0, "basic_referenceValue").value else { panic!() };
    assert_eq!(reals(&members[0])[1].date_time.as_deref(), Some("2021-07-27T09:30:00"));
}

#[test]
fn resistance_keeps_scientific_digits_and_product_units() {
    if !shared_is_there() {
        return;
    }
    let dcc = example("dcc_gp_temperatur_resistance_v12");
    let Value::Data(measured) = &quantity(&dcc, 0, "basic_measuredValue").value else { panic!() };
    assert_eq!(reals(measured)[8].value.as_str(), "100.0224");
    assert_eq!(expanded(&reals(measured)[6]), ("0.0048", "2", "0.95", None));
    let ohm = "\\ohm".parse().unwrap();
    assert!(reals(measured)[0].unit.known().unwrap().same_dimension(&ohm));
    let Datum::List(list) = &dcc.results[0].results[1].data[0] else { panic!() };
    let Datum::Quantity(b) = &list.data[2] else { panic!() };
    let Value::Data(Data::Real(b)) = &b.value else { panic!() };
    assert_eq!(
        (b.label.as_deref(), b.value.as_str(), b.unit.as_str()),
        (Some("B"), "-6.469E-07", "\\kelvin\\tothe{-2}")
    );
    assert_eq!(b.value.to_decimal().unwrap().as_str(), "-0.0000006469");
}

#[test]
fn the_silicon_sphere_of_2_4() {
    if !shared_is_there() {
        return;
    }
    let dcc = example("siliziumkugel_2_4_0");
    assert_eq!(dcc.core.performance_location, None);
    assert_eq!(dcc.core.identifications[0].issuer, Issuer::CalibrationLaboratory);
    assert_eq!(dcc.core.identifications[0].name.in_language("en"), Some("Reference No."));
    let third = |result: usize| {
        let Datum::List(list) = &dcc.results[0].results[result].data[0] else { panic!() };
        let Datum::Quantity(quantity) = &list.data[2] else { panic!() };
        let Value::Data(Data::Real(real)) = &quantity.value else { panic!() };
        real.clone()
    };
    let mass = third(0);
    assert_eq!((mass.value.as_str(), mass.unit.as_str()), ("1.00007841", "\\kilogram"));
    assert_eq!(expanded(&mass), ("0.00000005", "2", "0.95", None));
    let volume = third(1);
    assert_eq!((volume.value.as_str(), volume.unit.as_str()), ("431.055119", "\\centi\\metre\\tothe{3}"));
    assert_eq!(expanded(&volume).0, "0.000018");
    let Datum::List(list) = &dcc.results[0].results[0].data[0] else { panic!() };
    let Datum::Quantity(nominal) = &list.data[0] else { panic!() };
    let Value::Text(text) = &nominal.value else { panic!() };
    assert_eq!(text.in_language("en"), Some("1 kg"));
}

#[test]
fn a_certificate_prints_as_json() {
    if !shared_is_there() {
        return;
    }
    let json = serde_json::to_value(example("dcclib_valid_signature")).unwrap();
    assert_eq!(json["version"], "3.3.0");
    assert_eq!(json["signature"], "PresentNotChecked");
    assert_eq!(json["core"]["begin_performance_date"], "1957-08-13");
}
