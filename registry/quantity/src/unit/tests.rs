//! Tests of the units.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn codes_name_one_unit_each() {
    let mut seen: BTreeMap<&str, Unit> = BTreeMap::new();
    for unit in Unit::all() {
        for code in unit.codes() {
            assert_eq!(seen.insert(code, unit), None, "{code} twice");
            assert_eq!(code.parse(), Ok(unit));
        }
    }
    assert_eq!(seen["tCO2/TJ"], Unit::Gas(GasUnit::TonnePerTerajoule, Gas::Co2));
    assert_eq!(seen["kgCH4-fossil/TJ"].kind(), KindName::GasPerEnergy(Gas::FossilCh4));
    assert_eq!(seen["kg{HFC-134a}"], seen["kgHFC-134a"]);
}

#[test]
fn codes_of_a_gas_name_that_gas() {
    for gas in Gas::ALL {
        for unit in GasUnit::ALL {
            let unit = Unit::Gas(*unit, *gas);
            assert_eq!(unit.kind().gas(), Some(*gas));
            assert!(unit.code().contains(gas.formula()), "{unit}");
            assert!(unit.ucum().unwrap().contains(&format!("{{{gas}}}")), "{unit}");
        }
    }
}

#[test]
fn normal_cubic_metre_needs_its_state() {
    for code in ["Nm3", "Sm3", "kgCO2/Nm3", "MJ/Nm3"] {
        assert!(matches!(code.parse::<Unit>(), Err(UnknownUnit::ReferenceConditions { .. })), "{code}");
    }
    // The codes of Rec 20 state it by definition.
    assert_eq!("NM3".parse(), Ok(Unit::NormalCubicMetre));
    assert_eq!("SM3".parse(), Ok(Unit::StandardCubicMetre));
    assert_eq!(Unit::StandardCubicMetre.scale().0, 273.15 / 288.15);
}

#[test]
fn british_thermal_units_need_their_basis() {
    for code in ["mmBtu", "MMBTU", "kgCO2/mmBtu"] {
        let error = code.parse::<Unit>().unwrap_err();
        assert!(matches!(error, UnknownUnit::HeatingValue { .. }), "{code}");
        assert!(error.to_string().contains("{gross}"), "{error}");
    }
}

#[test]
fn an_unknown_unit_names_the_nearest() {
    let nearest = |code: &str| match code.parse::<Unit>() {
        Err(UnknownUnit::Code { nearest, .. }) => nearest,
        other => panic!("{code}: {other:?}"),
    };
    assert_eq!(nearest("kwh"), Some("kWh"));
    assert_eq!(nearest("tonne"), Some("TNE"));
    assert_eq!(nearest("tco2e/TJ"), Some("tCO2e/TJ"));
    assert_eq!(nearest("tCO2/Tj"), Some("tCO2/TJ"));
    assert_eq!(nearest("kgCH4/TJJ"), Some("kgCH4/TJ"));
    assert_eq!(nearest("furlong"), None);
    assert_eq!(nearest(""), None);
    assert_eq!("gj/T".parse::<Unit>().unwrap_err().to_string(), "unknown unit \"gj/T\"; did you mean GJ/t?");
    assert!("furlong".parse::<Unit>().unwrap_err().to_string().contains("known are"));
}

#[test]
fn masses_have_whole_coefficients() {
    for unit in Unit::of_kind(KindName::Mass) {
        assert_eq!(unit.scale().0.fract(), 0.0, "{unit}");
    }
    assert_eq!(Unit::of_kind(KindName::Mass).count(), 6);
}

proptest! {
    #[test]
    fn any_code_is_read_or_refused(code in "\\PC{0,80}") {
        if let Ok(unit) = code.parse::<Unit>() {
            prop_assert!(unit.codes().any(|known| known == code));
        }
    }
}
