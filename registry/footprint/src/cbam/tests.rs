//! Tests of the tables' readers on small tables; `tests/shared_tables.rs` reads the published ones.

use super::*;

const HEADER: &str =
    "country,sector,cn_code,variant,direct,indirect,total,incl_markup_2026,incl_markup_2027,incl_markup_2028,route";

fn defaults(rows: &[&str]) -> Result<DefaultValues, TableError> {
    DefaultValues::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
}

const OTHER: &str = "*OTHER*,Iron and steel,7208,,2,,2,2.2,2.4,2.6,(C)";

#[test]
fn the_longest_beginning_and_the_other_countries() {
    let table = defaults(&[
        OTHER,
        "*OTHER*,Iron and steel,7210,,4,,4,4.4,4.8,5.2,",
        "Utopia,Iron and steel,7208,,1,,1,1.1,1.2,1.3,(C)",
        "Utopia,Iron and steel,720810,,1.5,0.1,1.6,1.76,1.92,2.08,(C)",
        "Utopia,Iron and steel,7210,,,,,,,,",
        "Utopia,Iron and steel,7211,,3,,,,,,",
    ])
    .unwrap();
    let find = |country, code, year| table.find(country, code, None, year);
    assert_eq!(find("Utopia", "72081000", 2026).unwrap().with_mark_up.as_str(), "1.76");
    assert_eq!(find("Utopia", "72082500", 2027).unwrap().with_mark_up.as_str(), "1.2");
    assert_eq!(find("Utopia", "72082500", 2035).unwrap().with_mark_up.as_str(), "1.3");
    let elsewhere = find("Atlantis", "72081000", 2026).unwrap();
    assert!(elsewhere.other_countries && elsewhere.with_mark_up.as_str() == "2.2");
    // Listed without a value.
    assert_eq!(find("Utopia", "72101100", 2026).unwrap().with_mark_up.as_str(), "4.4");
    assert!(matches!(find("Utopia", "72111300", 2026), Err(DefaultValueError::Incomplete { row: 7, .. })));
    assert_eq!(find("Utopia", "76011000", 2026), Err(DefaultValueError::UnknownCode { code: "76011000".to_owned() }));
    assert_eq!(find("Utopia", "72081000", 2025), Err(DefaultValueError::Year { year: 2025 }));
    for wrong in ["7208", "7208100x", "720810000", ""] {
        assert!(matches!(find("Utopia", wrong, 2026), Err(DefaultValueError::Code { .. })), "{wrong}");
    }
}

#[test]
fn goods_of_one_code_are_told_apart() {
    let table = defaults(&[
        "*OTHER*,Cement,25231000,White clinker,1.3,0.06,1.36,1.496,1.632,1.768,(B)",
        "*OTHER*,Cement,25231000,Grey clinker,1,0.05,1.05,1.155,1.26,1.365,(A)",
        "Utopia,Cement,25231000,White clinker,,,,,,,",
        "Utopia,Cement,25231000,Grey clinker,0.9,0.04,0.94,1.034,1.128,1.222,(A)",
    ])
    .unwrap();
    let find = |variant| table.find("Utopia", "25231000", variant, 2026);
    assert!(matches!(find(None), Err(DefaultValueError::Variant { variants, .. }) if variants.len() == 2));
    assert!(matches!(find(Some("Red clinker")), Err(DefaultValueError::Variant { .. })));
    let grey = find(Some("Grey clinker")).unwrap();
    assert!(!grey.other_countries && grey.value.route.as_deref() == Some("(A)"));
    let white = find(Some("White clinker")).unwrap();
    assert!(white.other_countries && white.with_mark_up.as_str() == "1.496");
}

#[test]
fn what_is_no_table_is_refused_by_row_and_column() {
    let at = |rows: &[&str], column: &str| match defaults(rows) {
        Err(TableError::Field { row, column: found, .. }) => assert_eq!((row, found), (3, column)),
        other => panic!("{rows:?} is {other:?}"),
    };
    at(&[OTHER, ",Cement,25231000,,,,,,,,"], "country");
    at(&[OTHER, "Utopia,Cement,2523 10,,,,,,,,"], "cn_code");
    at(&[OTHER, "Utopia,Cement,25231000,,-1,,,,,,"], "direct");
    at(&[OTHER, "Utopia,Cement,25231000,,\"0,9\",,,,,,"], "direct");
    at(&[OTHER, OTHER], "cn_code");
    assert!(matches!(defaults(&["Utopia,Cement,25231000,,,,,,,,"]), Err(TableError::NotTable { .. })));
    assert!(matches!(DefaultValues::read(b"country,sector\na,b\n"), Err(TableError::Columns { .. })));
    assert!(matches!(defaults(&[OTHER, "a,b"]), Err(TableError::NotTable { .. })));
    let code = |row: &str| {
        CnCodes::read(format!("cn_code,cn_code_spaced,aggregated_goods_category,description\n{row}\n").as_bytes())
    };
    assert_eq!(
        code("25231000,2523 10 00,Cement clinker,Clinkers").unwrap().get("25231000").unwrap().category,
        "Cement clinker"
    );
    assert!(matches!(code("2523,2523,c,d"), Err(TableError::Field { column: "cn_code", .. })));
    assert!(matches!(code("25231000,2523 10 01,c,d"), Err(TableError::Field { column: "cn_code_spaced", .. })));
    assert!(StandardFactors::read(b"{\"source\": \"x\"}").is_err());
}

#[test]
fn a_mark_up_that_does_not_follow_is_found() {
    let table = defaults(&[OTHER, "Utopia,Iron and steel,7208,,1,,1,1.1,1.21,1.3,(C)"]).unwrap();
    let findings = table.findings(|_, year| Some(f64::from(year - 2025) * 10.0));
    assert_eq!(findings.len(), 1);
    assert!(findings[0].row == 3 && findings[0].problem.contains("1.21 for 2027"), "{findings:?}");
}
