//! Consumption and balances on small evidence with known answers.

use jiff::Timestamp;
use metering::{CalibrationRule, Consumption, GapRule, MeteringError, Rules, consumption, material_flow};
use proptest::prelude::*;
use quantity::{Decimal, Electricity, Energy, Kind, Mass, Unit};
use record::evidence::{Evidence, Flow, InstrumentEvidence, Series};
use record::instrument::{Calibration, Instrument, InstrumentKind, Measurand, Period, Placement, Register, Sha256};
use record::reading::{Direction, Reading, StockRecord, WeighbridgeRecord};

const MARK: Rules = Rules { calibration: CalibrationRule::Mark, gap: GapRule::Mark };

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn day() -> Period {
    Period { start: time("2023-03-01T00:00:00Z"), end: time("2023-03-02T00:00:00Z") }
}

fn calibration(id: &str, start: &str, end: &str, error: &str) -> Calibration {
    Calibration {
        certificate_id: id.to_owned(),
        laboratory: "laboratory".to_owned(),
        laboratory_accreditation: "L-1".to_owned(),
        calibrated_time: time(start),
        validity: Period { start: time(start), end: time(end) },
        error_percent: decimal(error),
        expanded_uncertainty_percent: decimal("0.4"),
        coverage_factor: decimal("2"),
        file_digest: Sha256::of(id.as_bytes()),
    }
}

fn meter(register: Register, step_secs: u32, values: Vec<Option<i64>>) -> InstrumentEvidence {
    InstrumentEvidence {
        instrument: Instrument {
            name: "organizations/o/sites/s/instruments/m".to_owned(),
            kind: InstrumentKind::ElectricityMeter,
            serial_number: "1".to_owned(),
            measurand: Measurand::ElectricityImport,
            unit: Unit::Kilowatthour,
            register,
            resolution: decimal("0.1"),
            max_permissible_error_percent: Some(decimal("1")),
            placed: Placement { start: time("2020-01-01T00:00:00Z"), end: None },
        },
        calibrations: vec![calibration("c1", "2022-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "0")],
        series: vec![Series { start: day().start, step_secs, values, revisions: Default::default() }],
    }
}

fn hours(values: Vec<Option<i64>>) -> InstrumentEvidence {
    meter(Register::Interval { maximum: 1_000_000 }, 3600, values)
}

#[test]
fn a_day_of_one_meter_is_one_source() {
    let found: Consumption<Electricity> = consumption(&hours(vec![Some(1000); 24]), &day(), MARK).unwrap();
    assert_eq!(found.registered.as_str(), "2400.0");
    assert_eq!(found.quantity.quantity().base(), 2.4);
    let sources = found.quantity.uncertain().contributions();
    assert_eq!(sources.len(), 2);
    let calibration = sources.iter().find(|(source, _)| source.as_str() == "calibration/L-1/c1").unwrap().1;
    assert!((calibration.u - 2.4 * 0.002).abs() < 1e-15);
    assert_eq!((found.calibrated_share, found.missing_secs), (1.0, 0));
    // The same meter as heat content of a fuel: another kind, another base unit.
    let found: Consumption<Energy> = consumption(&hours(vec![Some(1000); 24]), &day(), MARK).unwrap();
    assert_eq!(found.quantity.quantity().base(), 8.64);
    assert!(consumption::<Mass>(&hours(vec![Some(1)]), &day(), MARK).is_err());
}

#[test]
fn the_later_calibration_holds_and_each_is_its_own_source() {
    let mut evidence = hours(vec![Some(1000); 24]);
    evidence.calibrations.push(calibration("c2", "2023-03-01T12:00:00Z", "2024-01-01T00:00:00Z", "2"));
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert!((found.quantity.quantity().base() - (1.2 + 1.2 / 1.02)).abs() < 1e-15);
    assert_eq!(found.registered.as_str(), "2400.0");
    assert_eq!(found.quantity.uncertain().contributions().len(), 3);
}

#[test]
fn rules_of_the_scheme() {
    let refuse = Rules { calibration: CalibrationRule::Refuse, gap: GapRule::Refuse };
    let gap = hours(vec![Some(1000), None, Some(1000)]);
    assert!(matches!(
        consumption::<Electricity>(&gap, &day(), refuse),
        Err(MeteringError::Gaps { missing_secs: 79_200, .. })
    ));
    assert_eq!(consumption::<Electricity>(&gap, &day(), MARK).unwrap().missing_secs, 79_200);
    let mut lapsed = hours(vec![Some(1000); 24]);
    lapsed.calibrations[0].validity.end = time("2023-03-01T18:00:00Z");
    assert!(matches!(
        consumption::<Electricity>(&lapsed, &day(), refuse),
        Err(MeteringError::Uncalibrated { time, .. }) if time == "2023-03-01T18:00:00Z".parse().unwrap()
    ));
    assert_eq!(consumption::<Electricity>(&lapsed, &day(), MARK).unwrap().calibrated_share, 0.75);
    let half_an_hour_late = Period { start: time("2023-03-01T00:30:00Z"), end: time("2023-03-02T00:00:00Z") };
    assert!(matches!(
        consumption::<Electricity>(&hours(vec![Some(1); 24]), &half_an_hour_late, MARK),
        Err(MeteringError::Straddles { .. })
    ));
}

#[test]
fn a_cumulative_register_rolls_over() {
    let register = Register::Cumulative { rollover: 10_000 };
    // States every 12 hours, the last at the end of the period: 9000 on, then 600 over the rollover.
    let evidence = meter(register, 43_200, vec![Some(500), Some(9_500), Some(100)]);
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert_eq!((found.registered.as_str(), found.missing_secs), ("960.0", 0));
}

#[test]
fn a_balance_adds_up_and_shares_its_errors() {
    let mut scale = hours(vec![]);
    scale.series.clear();
    scale.instrument.unit = Unit::Kilogram;
    scale.instrument.measurand = Measurand::Mass;
    scale.instrument.resolution = decimal("20");
    let load = |id: &str, direction, net: &str, unit| WeighbridgeRecord {
        id: id.to_owned(),
        instrument: scale.instrument.name.clone(),
        material: "coal".to_owned(),
        time: time("2023-03-01T08:00:00Z"),
        direction,
        net: decimal(net),
        unit,
    };
    let stock = |id: &str, time, mass: &str| StockRecord {
        id: id.to_owned(),
        material: "coal".to_owned(),
        time,
        mass: decimal(mass),
        unit: Unit::Tonne,
        expanded_uncertainty: decimal("2"),
        coverage_factor: decimal("2"),
    };
    let mut evidence = Evidence::empty("organizations/o/sites/s", day());
    evidence.weighbridge = vec![
        load("1", Direction::In, "24.98", Unit::Tonne),
        load("2", Direction::In, "25020", Unit::Kilogram),
        load("3", Direction::Out, "10", Unit::Tonne),
    ];
    evidence.stocks = vec![stock("a", day().start, "100.5"), stock("b", day().end, "90.25")];
    evidence.instruments = vec![scale];
    assert_eq!(evidence.violations(), []);
    let consumed = material_flow(&evidence, "coal", Flow::Consumed, MARK).unwrap();
    assert_eq!(consumed.registered.as_str(), "50.250");
    let sources = consumed.quantity.uncertain().contributions();
    // 40 t net over one scale: its error on the load that left cancels.
    let calibration = sources.iter().find(|(source, _)| source.as_str().starts_with("calibration/")).unwrap().1;
    assert!((calibration.u - 40.0 * 0.002).abs() < 1e-12);
    assert!(matches!(
        material_flow(&evidence, "coal", Flow::Produced, MARK),
        Err(MeteringError::NegativeBalance { .. })
    ));
    assert!(matches!(
        material_flow(&evidence, "oil", Flow::Consumed, MARK),
        Err(MeteringError::UnknownMaterial { .. })
    ));
}

proptest! {
    #[test]
    fn series_hold_the_readings_they_were_made_of(
        rows in proptest::collection::btree_map(0i64..500, (0i64..1000, 0u32..3), 0..100),
    ) {
        let readings: Vec<Reading> = rows
            .iter()
            .map(|(slot, (value, revision))| Reading {
                start: Timestamp::from_second(day().start.as_second() + slot * 900).unwrap(),
                duration_secs: 900,
                value: *value,
                revision: *revision,
            })
            .collect();
        let series = Series::collect(&readings, 10);
        let back: Vec<Reading> = series.iter().flat_map(Series::readings).collect();
        prop_assert_eq!(back, readings);
    }
}
