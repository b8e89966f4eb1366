//! Certificate files as calibrations, from the template that laboratories are given.

use metering::{CertificateError, calibration_of};
use quantity::Unit;
use record::calibration::CalibrationSource;
use record::instrument::{Instrument, InstrumentKind, Measurand, Placement, Register, Sha256};

const ISSUED: &str = include_str!("../../dcc/tests/issued.xml");

fn meter(serial: &str) -> Instrument {
    Instrument {
        name: "organizations/o/sites/s/instruments/m".to_owned(),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: serial.to_owned(),
        measurand: Measurand::ElectricityImport,
        unit: Unit::Megawatthour,
        register: Register::Interval { maximum: 1_000_000 },
        resolution: "0.001".parse().unwrap(),
        multiplier: None,
        accuracy_class: Some("0.5S".to_owned()),
        max_permissible_error_percent: Some("0.5".parse().unwrap()),
        placements: vec![Placement {
            location: "hall".to_owned(),
            start: "2020-01-01T00:00:00Z".parse().unwrap(),
            end: None,
        }],
        replaces: None,
        signing_key: None,
    }
}

fn serial() -> String {
    let dcc = dcc::read(ISSUED.as_bytes()).unwrap();
    dcc.items[0].serial_numbers()[0].to_owned()
}

#[test]
fn loads_become_rates_of_the_register_and_digits_stay() {
    let read = calibration_of(ISSUED.as_bytes(), &meter(&serial()), None).unwrap();
    let points: Vec<_> = read
        .points
        .iter()
        .map(|p| (p.load.as_ref().unwrap().as_str(), p.error_percent.as_str(), p.coverage_factor.as_str()))
        .collect();
    // kW of the file, MWh an hour of this register.
    let loads: Vec<f64> = points.iter().map(|(load, ..)| load.parse().unwrap()).collect();
    assert_eq!(loads, [0.0000345, 0.0001725, 0.00069, 0.00345, 0.0069]);
    assert_eq!(points.iter().map(|p| p.1).collect::<Vec<_>>(), ["-0.11", "0.02", "0.03", "0.040", "0.03"]);
    assert_eq!(read.as_found[0].error_percent.as_str(), "-0.42");
    assert_eq!(read.file_digest, Sha256::of(ISSUED.as_bytes()));
    assert_eq!(read.validity.secs(), 5 * 365 * 86_400);
    assert!(
        matches!(&read.source, CalibrationSource::Dcc { schema_version, signed: false } if schema_version == "3.3.0")
    );
}

#[test]
fn loads_without_a_rate_give_one_result() {
    let amperes = ISSUED.replace("\\kilo\\watt", "\\ampere");
    let read = calibration_of(amperes.as_bytes(), &meter(&serial()), None).unwrap();
    let [point] = &read.points[..] else { panic!("{:?}", read.points) };
    assert_eq!((point.load.is_none(), point.error_percent.as_str()), (true, "0.002"));
    // 0.10 / 2 is the largest u; errors from −0.11 to 0.040.
    let u = (0.05f64 * 0.05 + 0.15 * 0.15 / 12.0).sqrt();
    assert!((point.expanded_uncertainty_percent.to_f64() - 2.0 * u).abs() < 1e-6);
}

#[test]
fn others_are_refused() {
    let other = calibration_of(ISSUED.as_bytes(), &meter("another"), None);
    assert!(matches!(other, Err(CertificateError::Dcc(dcc::DccError::OtherInstrument { .. }))), "{other:?}");
    let code = ISSUED.find("<dcc:calibrationLaboratoryCode>").unwrap();
    let end = ISSUED.find("</dcc:calibrationLaboratoryCode>").unwrap() + "</dcc:calibrationLaboratoryCode>".len();
    let without = format!("{}{}", &ISSUED[..code], &ISSUED[end..]);
    let refused = calibration_of(without.as_bytes(), &meter(&serial()), None);
    assert!(matches!(refused, Err(CertificateError::NoAccreditation)), "{refused:?}");
    assert_eq!(
        calibration_of(without.as_bytes(), &meter(&serial()), Some("L-7")).unwrap().laboratory_accreditation,
        "L-7"
    );
}
