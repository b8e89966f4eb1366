//! Codes of units against UN/CEFACT Recommendation 20 revision 17: `rec20.csv` restates the rows for our units (Annexes II
//! and III, uncefact/vocab-codes at 3daf7f23063c3e9e4d201b5af81a94d7a73e4a65; Public Domain Dedication and Licence), with
//! the conversion factor as printed there.

use std::collections::BTreeMap;

use quantity::{
    Distance, Energy, EnergyPerMass, EnergyPerNormalVolume, Items, Kind, KindName, Mass, MassDistance, MassPerVolume,
    NormalVolume, Overvoltage, Quantity, Ratio, Unit, Volume,
};

/// One of the unit, in the SI unit of its row.
fn in_si(unit: Unit, si: &str) -> f64 {
    fn base<K: Kind>(unit: Unit) -> f64 {
        K::from_quantity(Quantity { value: 1.0, unit }).unwrap().base()
    }
    match si {
        "J" => base::<Energy>(unit) * 1e9,
        "kg" => base::<Mass>(unit) * 1e3,
        "m3" => base::<Volume>(unit),
        "m3 at 0 °C" => base::<NormalVolume>(unit),
        // Ideal gas: ISO 13443.
        "m3 at 15 °C" => base::<NormalVolume>(unit) * 288.15 / 273.15,
        "1" => base::<Ratio>(unit),
        "piece" => base::<Items>(unit),
        "m" => base::<Distance>(unit) * 1e3,
        "kg m" => base::<MassDistance>(unit) * 1e6,
        "V" => base::<Overvoltage>(unit) * 1e-3,
        "J/kg" => base::<EnergyPerMass>(unit) * 1e6,
        "J/m3 at 0 °C" => base::<EnergyPerNormalVolume>(unit) * 1e6,
        "kg/m3" => base::<MassPerVolume>(unit) * 1e3,
        _ => panic!("{si}"),
    }
}

#[test]
fn every_code_of_rec_20_is_the_unit_it_names() {
    let rows: BTreeMap<&str, (&str, &str)> = include_str!("rec20.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let [code, _, value, si] = fields[..] else { panic!("{line}") };
            (code, (value, si))
        })
        .collect();
    let mut seen = 0;
    for unit in Unit::all() {
        let Some(code) = unit.rec20() else { continue };
        let (value, si) = rows.get(code).unwrap_or_else(|| panic!("{code} is not a row"));
        let (ours, theirs) = (in_si(unit, si), value.parse::<f64>().unwrap());
        // Rec 20 prints seven digits.
        assert!((ours / theirs - 1.0).abs() < 3e-7, "{code}: {ours} against {theirs}");
        assert_eq!(code.parse(), Ok(unit));
        seen += 1;
    }
    assert_eq!(seen, rows.len(), "a row without a unit");
}

/// The grammar of UCUM 2.1, section 2: terms of unit symbols with exponents, `.`, `/`, parentheses, and annotations of
/// printable ASCII without braces or blanks. Symbols are those of its tables that our units use.
fn is_ucum(code: &str) -> bool {
    fn symbol(text: &str) -> bool {
        const METRIC: &[&str] = &["g", "t", "m", "L", "J", "W", "V"];
        const PREFIXES: &[&str] = &["", "m", "k", "M", "G", "T"];
        const OTHERS: &[&str] = &[
            "h",
            "d",
            "min",
            "%",
            "1",
            "10*3",
            "10*6",
            "m3",
            "[Btu_IT]",
            "[lb_av]",
            "[ston_av]",
            "[gal_us]",
            "[bbl_us]",
        ];
        let bare = match text.split_once('{') {
            None => text,
            Some((bare, annotation)) => {
                let Some(annotation) = annotation.strip_suffix('}') else { return false };
                if annotation.contains(['{', '}']) || !annotation.bytes().all(|b| b.is_ascii_graphic()) {
                    return false;
                }
                if bare.is_empty() {
                    return true;
                }
                bare
            }
        };
        OTHERS.contains(&bare)
            || PREFIXES.iter().any(|prefix| bare.strip_prefix(prefix).is_some_and(|rest| METRIC.contains(&rest)))
    }
    // Split at operators that are outside of annotations.
    let (mut depth, mut inside, mut part, mut parts) = (0, false, String::new(), Vec::new());
    for character in code.chars() {
        match character {
            '{' => inside = true,
            '}' => inside = false,
            '(' if !inside => depth += 1,
            ')' if !inside => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
        match character {
            '.' | '/' if !inside => parts.push(std::mem::take(&mut part)),
            '(' | ')' if !inside => {}
            other => part.push(other),
        }
    }
    parts.push(part);
    depth == 0 && parts.iter().all(|part| symbol(part))
}

#[test]
fn every_code_of_ucum_keeps_its_grammar_and_comes_back() {
    let mut count = 0;
    for unit in Unit::all() {
        match unit.ucum() {
            Some(code) => {
                assert!(is_ucum(code), "{code}");
                assert_eq!(code.parse(), Ok(unit));
                count += 1;
            }
            // UCUM has no currencies.
            None => assert!(matches!(unit.kind(), KindName::Money(_) | KindName::Co2ePerMoney(_)), "{unit}"),
        }
    }
    assert!(count > 800, "{count}");
    for wrong in ["kWh", "kg{CO2 e}", "(kg", "lb", "Nm3", "kg{a{b}}"] {
        assert!(!is_ucum(wrong), "{wrong}");
    }
}
