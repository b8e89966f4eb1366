//! PTB's examples of D-SI, and the forms they do not show.

use dcc::dsi::{Data, Fragment, Uncertainty, UnitText, read_fragments};
use dcc::{DccError, UnitError, Version};

use crate::{shared, shared_is_there};

fn file(name: &str, version: Version) -> Vec<Fragment> {
    read_fragments(&shared(&format!("dsi/{name}.xml")), version).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn of<'f>(fragments: &'f [Fragment], id: &str) -> &'f Data {
    let found = fragments.iter().find(|fragment| fragment.id.as_deref() == Some(id));
    &found.unwrap_or_else(|| panic!("no {id}")).data
}

#[test]
fn every_example_of_ptb_is_read() {
    if !shared_is_there() {
        return;
    }
    // Numbers of siTest:testData, counted with grep.
    let files = [
        ("2020-03-20-UM-GOLD-examples", 25),
        ("2021-10-26-GOLD-examples-xmllists", 6),
        ("2022-05-23-PLATINUM-examples", 6),
        ("2023-03-31-PLATINUM-examples-1", 15),
        ("SI-Accelaration-examples", 17),
        ("SmartCom_A1.2.3_examples", 26),
    ];
    for (name, count) in files {
        assert_eq!(file(name, Version::DSI_2_2).len(), count, "{name}");
    }
    // What is new in 2.2 is not known to 2.1, nor the lists of 2.1 to 1.3.
    let platinum = shared("dsi/2023-03-31-PLATINUM-examples-1.xml");
    assert!(matches!(read_fragments(&platinum, Version::DSI_2_1), Err(DccError::UnknownElement { .. })));
    assert_eq!(file("2020-03-20-UM-GOLD-examples", Version::DSI_2_1).len(), 25);
    let lists = shared("dsi/2020-03-20-UM-GOLD-examples.xml");
    assert!(matches!(read_fragments(&lists, Version::DSI_1_3), Err(DccError::UnknownElement { .. })));
}

#[test]
fn values_of_the_examples() {
    if !shared_is_there() {
        return;
    }
    let maribor = file("2020-03-20-UM-GOLD-examples", Version::DSI_2_2);
    let Data::Real(temperature) = of(&maribor, "UM4") else { panic!() };
    assert_eq!((temperature.value.as_str(), temperature.unit.as_str()), ("100.32", "\\milli\\kelvin"));
    let Some(Uncertainty::Interval { standard, min, max, coverage_probability, distribution }) =
        &temperature.uncertainty
    else {
        panic!()
    };
    assert_eq!(
        (standard.as_str(), min.as_str(), max.as_str(), coverage_probability.as_str(), distribution.as_deref()),
        ("0.15", "100.17", "100.47", "0.95", Some("normal"))
    );
    let Data::Constant(boltzmann) = of(&maribor, "UM12") else { panic!() };
    assert_eq!(boltzmann.value.as_str(), "1.38064852e-23");
    assert_eq!(boltzmann.standard_uncertainty.as_ref().unwrap().as_str(), "5.7e-30");
    let Data::List(siemens) = of(&maribor, "UM17") else { panic!() };
    assert_eq!(siemens.values[3].value.as_str(), "195.1003");
    assert_eq!(siemens.values[3].unit.as_str(), "\\siemens");
    assert!(
        matches!(&siemens.values[3].uncertainty, Some(Uncertainty::Expanded { expanded, .. }) if expanded.as_str() == "0.01")
    );
    let Data::NotRead(complex) = of(&maribor, "UM6") else { panic!() };
    assert!(complex.element == "si:complex" && complex.xml.contains("-315.665478"));
    let Data::Hybrid(gallon) = of(&maribor, "UM31") else { panic!() };
    let units: Vec<&UnitText> = gallon.iter().map(|member| &member.reals().unwrap()[0].unit).collect();
    assert!(matches!(units[..], [UnitText::Known(_), UnitText::Other(other)] if other == "imperial gallon"));
    let Data::Lists(lists) = of(&maribor, "UM27") else { panic!() };
    assert_eq!(lists.iter().map(Data::len).collect::<Vec<_>>(), [Some(2); 3]);

    let lists = file("2021-10-26-GOLD-examples-xmllists", Version::DSI_2_2);
    let Data::List(each) = of(&lists, "PTB660") else { panic!() };
    assert_eq!(each.values.iter().map(|real| real.unit.as_str()).collect::<Vec<_>>(), ["\\gram", "\\pascal"]);
    assert_eq!(each.values[1].quantity_type.as_deref(), Some("pressure"));

    let platinum = file("2023-03-31-PLATINUM-examples-1", Version::DSI_2_2);
    let Data::List(nan) = of(&platinum, "PTB801") else { panic!() };
    assert_eq!(
        nan.values.iter().map(|real| real.value.is_nan()).collect::<Vec<_>>(),
        [true, false, false, true, false]
    );
    let Data::Real(standard) = of(&platinum, "PTB804") else { panic!() };
    assert!(
        matches!(&standard.uncertainty, Some(Uncertainty::Standard { standard, .. }) if standard.as_str() == "0.05")
    );
    let Data::List(factors) = of(&platinum, "PTB809") else { panic!() };
    let k = factors.values.iter().map(|real| match &real.uncertainty {
        Some(Uncertainty::Expanded { coverage_factor, .. }) => coverage_factor.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(k.collect::<Vec<_>>(), ["1.96", "2.00", "3.0", "1.0"]);
    let Data::List(intervals) = of(&platinum, "PTB810") else { panic!() };
    let Some(Uncertainty::Interval { min, max, .. }) = &intervals.values[3].uncertainty else { panic!() };
    assert_eq!((min.as_str(), max.as_str()), ("0.0", "5.0"));
    let Data::List(region) = of(&platinum, "PTB813") else { panic!() };
    assert_eq!(region.region.as_ref().unwrap().element, "si:measurementUncertaintyMultivariateXMLList");
    let Data::Constant(constant) = of(&platinum, "PTB807") else { panic!() };
    assert_eq!(constant.standard_uncertainty.as_ref().unwrap().as_str(), "0.05");
}

fn one(inside: &str, version: Version) -> Result<Data, DccError> {
    let text = format!(r#"<x xmlns:si="https://ptb.de/si">{inside}</x>"#);
    read_fragments(text.as_bytes(), version).map(|mut fragments| fragments.remove(0).data)
}

#[test]
fn a_list_of_1_3_takes_unit_and_uncertainty_from_its_head() {
    let list = "<si:list><si:listUnit>\\volt</si:listUnit><si:listUnivariateUnc><si:expandedUnc><si:uncertainty>0.1</si:uncertainty>\
                <si:coverageFactor>2.05</si:coverageFactor><si:coverageProbability>0.95</si:coverageProbability></si:expandedUnc>\
                </si:listUnivariateUnc><si:real><si:value>1.0</si:value></si:real><si:real><si:value>2.0</si:value>\
                <si:unit>\\milli\\volt</si:unit></si:real></si:list>";
    let Data::List(read) = one(list, Version::DSI_1_3).unwrap() else { panic!() };
    assert_eq!(read.values[0].unit.as_str(), "\\volt");
    assert_eq!(read.values[1].unit.as_str(), "\\milli\\volt");
    assert!(
        matches!(&read.values[1].uncertainty, Some(Uncertainty::Expanded { coverage_factor, .. }) if coverage_factor.as_str() == "2.05")
    );
    assert!(
        matches!(one(list, Version::DSI_2_1), Err(DccError::UnknownElement { element, .. }) if element == "si:listUnit")
    );
    let unitless = "<si:realList><si:real><si:value>1</si:value></si:real></si:realList>";
    assert!(matches!(one(unitless, Version::DSI_2_2), Err(DccError::Missing { .. })));
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let list = |values: &str, units: &str, k: &str| {
        let text = format!(
            "<si:realListXMLList><si:valueXMLList>{values}</si:valueXMLList><si:unitXMLList>{units}</si:unitXMLList>\
             <si:expandedUncXMLList><si:uncertaintyXMLList>0.1</si:uncertaintyXMLList><si:coverageFactorXMLList>{k}\
             </si:coverageFactorXMLList><si:coverageProbabilityXMLList>0.95</si:coverageProbabilityXMLList>\
             </si:expandedUncXMLList></si:realListXMLList>"
        );
        one(&text, Version::DSI_2_1)
    };
    assert_eq!(list("1 2 3", "\\metre", "2 2 3").unwrap().len(), Some(3));
    let length = |read: Result<Data, DccError>| match read {
        Err(DccError::ListLength { element, len, values, .. }) => (element, len, values),
        other => panic!("{other:?}"),
    };
    assert_eq!(length(list("1 2 3", "\\metre", "2 2")), ("si:coverageFactorXMLList".to_owned(), 2, 3));
    assert_eq!(length(list("1 2 3", "\\metre \\metre", "2")), ("si:unitXMLList".to_owned(), 2, 3));
    assert_eq!(length(list("1", "\\metre", "2 2")), ("si:coverageFactorXMLList".to_owned(), 2, 1));
    assert_eq!(length(list("1 2", "", "2")), ("si:unitXMLList".to_owned(), 0, 2));
    assert!(matches!(list("", "\\metre", "2"), Err(DccError::Value { .. })));
    assert!(matches!(list("1 2,5", "\\metre", "2"), Err(DccError::Value { found, .. }) if found == "2,5"));
    assert!(matches!(list("1", "\\metre", "-2"), Err(DccError::Value { .. })));
    let many = "1 ".repeat(dcc::MAX_LIST_ENTRIES + 1);
    assert!(matches!(list(&many, "\\metre", "2"), Err(DccError::TooMany { .. })));
}

#[test]
fn hybrids_need_one_known_unit_and_one_length() {
    let list = |values: &str, unit: &str| {
        format!(
            "<si:realListXMLList><si:valueXMLList>{values}</si:valueXMLList><si:unitXMLList>{unit}</si:unitXMLList></si:realListXMLList>"
        )
    };
    let hybrid = |members: &[String]| one(&format!("<si:hybrid>{}</si:hybrid>", members.concat()), Version::DSI_2_2);
    assert!(hybrid(&[list("1 2", "ounce"), list("0.028 0.057", "\\kilogram")]).is_ok());
    let unknown = hybrid(&[list("1 2", "ounce"), list("1 2", "stone")]);
    assert!(matches!(unknown, Err(DccError::Unit { error: UnitError::Unknown { name, .. }, .. }) if name == "ounce"));
    let uneven = hybrid(&[list("1 2", "\\kelvin"), list("1 2 3", "\\degreecelsius")]);
    assert!(matches!(uneven, Err(DccError::ListLength { len: 3, values: 2, .. })));
    assert!(matches!(hybrid(&[]), Err(DccError::Missing { .. })));
    // Outside a hybrid there is no such freedom.
    assert!(matches!(one(&list("1", "ounce"), Version::DSI_2_2), Err(DccError::Unit { .. })));
}

#[test]
fn a_comment_does_not_cut_a_number() {
    let real = "<si:real><si:value>1<!-- not the end -->2.50</si:value><si:unit>\\metre</si:unit></si:real>";
    let Data::Real(real) = one(real, Version::DSI_2_2).unwrap() else { panic!() };
    assert_eq!(real.value.as_str(), "12.50");
}

#[test]
fn two_uncertainties_are_one_too_many() {
    let unc = "<si:expandedUnc><si:uncertainty>0.1</si:uncertainty><si:coverageFactor>2</si:coverageFactor>\
               <si:coverageProbability>0.95</si:coverageProbability></si:expandedUnc>";
    let interval = "<si:coverageInterval><si:standardUnc>0.1</si:standardUnc><si:intervalMin>0</si:intervalMin>\
                    <si:intervalMax>2</si:intervalMax><si:coverageProbability>0.95</si:coverageProbability></si:coverageInterval>";
    let real = |inside: &str| {
        one(&format!("<si:real><si:value>1</si:value><si:unit>\\metre</si:unit>{inside}</si:real>"), Version::DSI_2_1)
    };
    assert!(real(unc).is_ok() && real(interval).is_ok());
    assert!(matches!(real(&[unc, interval].concat()), Err(DccError::Choice { found: 2, .. })));
    assert!(matches!(real(&[unc, unc].concat()), Err(DccError::Repeated { .. })));
}
