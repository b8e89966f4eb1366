//! Consumption and balances on small evidence with known answers.

use jiff::Timestamp;
use metering::{
    CalibrationRule, Consumption, EdgeRule, GapRule, MeteringError, Rules, analysis_mean, consumption, material_flow,
};
use proptest::prelude::*;
use quantity::{Co2ePerEnergy, Co2ePerMass, Decimal, Electricity, Energy, GwpSet, Kind, Mass, NormalVolume, Unit};
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource, Inspection, SealState};
use record::evidence::{Evidence, Flow, InstrumentEvidence, Series};
use record::instrument::{Instrument, InstrumentKind, Measurand, Multiplier, Period, Placement, Register, Sha256};
use record::reading::{
    Direction, GasConversion, LaboratoryAnalysis, Property, Reading, StockRecord, WeighbridgeRecord,
};

const MARK: Rules = Rules { calibration: CalibrationRule::Mark, gap: GapRule::Mark, edge: EdgeRule::Refuse };

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn day() -> Period {
    Period { start: time("2023-03-01T00:00:00Z"), end: time("2023-03-02T00:00:00Z") }
}

fn point(load: Option<&str>, error: &str) -> CalibrationPoint {
    CalibrationPoint {
        load: load.map(decimal),
        error_percent: decimal(error),
        expanded_uncertainty_percent: decimal("0.4"),
        coverage_factor: decimal("2"),
    }
}

fn calibration(id: &str, start: &str, end: &str, error: &str) -> Calibration {
    Calibration {
        certificate_id: id.to_owned(),
        laboratory: "laboratory".to_owned(),
        laboratory_accreditation: "L-1".to_owned(),
        calibrated_time: time(start),
        validity: Period { start: time(start), end: time(end) },
        points: vec![point(None, error)],
        as_found: Vec::new(),
        file_digest: Sha256::of(id.as_bytes()),
        source: CalibrationSource::Form,
    }
}

const METER: &str = "organizations/o/sites/s/instruments/m";

fn meter(register: Register, step_secs: u32, values: Vec<Option<i64>>) -> InstrumentEvidence {
    InstrumentEvidence {
        instrument: Instrument {
            name: METER.to_owned(),
            kind: InstrumentKind::ElectricityMeter,
            serial_number: "1".to_owned(),
            measurand: Measurand::ElectricityImport,
            unit: Unit::Kilowatthour,
            register,
            resolution: decimal("0.1"),
            multiplier: None,
            accuracy_class: None,
            max_permissible_error_percent: Some(decimal("1")),
            placements: vec![Placement { location: "hall".into(), start: time("2020-01-01T00:00:00Z"), end: None }],
            replaces: None,
            signing_key: None,
        },
        calibrations: vec![calibration("c1", "2022-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "0")],
        inspections: Vec::new(),
        gas_conversions: Vec::new(),
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
    let refuse = Rules { calibration: CalibrationRule::Refuse, gap: GapRule::Refuse, edge: EdgeRule::Refuse };
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
fn between_two_states_nothing_is_missing() {
    let rules = |gap| Rules { gap, ..MARK };
    let register = Register::Cumulative { rollover: 100_000 };
    let states = |values| meter(register, 3_600, values);
    let all = [GapRule::Refuse, GapRule::Linear { most_intervals: 1 }, GapRule::Percentile { percentile: 90 }];
    // States at midnight, at 1, 20 and 21 o'clock and at midnight: 19 hours and 3 of them without.
    let values = |gone: &[usize]| (0..=24).map(|i| (!gone.contains(&i)).then_some(100 * i as i64)).collect::<Vec<_>>();
    let inside: Vec<usize> = (2..20).chain(22..24).collect();
    for gap in all {
        let found: Consumption<Electricity> = consumption(&states(values(&inside)), &day(), rules(gap)).unwrap();
        assert_eq!((found.registered.as_str(), found.missing_secs, found.substituted), ("240.0", 0, 0.0), "{gap:?}");
        assert_eq!(found.spanned_secs, (19 + 3) * 3_600, "{gap:?}");
        assert!(found.gaps.is_empty(), "{gap:?}");
    }
    let whole: Consumption<Electricity> = consumption(&states(values(&[])), &day(), MARK).unwrap();
    assert_eq!(whole.spanned_secs, 0);
    // At its ends something is: the first three hours, or the last.
    for (gone, from, to) in [
        (vec![0, 1, 2], "2023-03-01T00:00:00Z", "2023-03-01T03:00:00Z"),
        (vec![24], "2023-03-01T23:00:00Z", "2023-03-02T00:00:00Z"),
    ] {
        for gap in &all[1..] {
            assert_eq!(
                consumption::<Electricity>(&states(values(&gone)), &day(), rules(*gap)).unwrap_err(),
                MeteringError::OpenEnd { instrument: METER.to_owned(), start: time(from), end: time(to) },
            );
        }
        assert!(matches!(
            consumption::<Electricity>(&states(values(&gone)), &day(), rules(GapRule::Refuse)),
            Err(MeteringError::Gaps { .. })
        ));
    }
    // A difference across the edge counts by what of it lies in the period.
    let late = Period { start: time("2023-03-01T02:00:00Z"), end: time("2023-03-01T20:00:00Z") };
    let split = Rules { edge: EdgeRule::Proportional, ..rules(GapRule::Refuse) };
    let found: Consumption<Electricity> = consumption(&states(values(&inside)), &late, split).unwrap();
    assert_eq!((found.spanned_secs, found.missing_secs), (18 * 3_600, 0));
}

const WITHIN: f64 = 1e-12;

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= WITHIN * expected.abs().max(1.0), "{found}, expected {expected}");
}

#[track_caller]
fn contribution<K: Kind>(found: &Consumption<K>, source: &str) -> f64 {
    let all = found.quantity.uncertain().contributions();
    all.iter().find(|(id, _)| id.as_str().starts_with(source)).unwrap_or_else(|| panic!("{source} in {all:?}")).1.u
}

#[test]
fn a_transformer_ratio_multiplies_and_is_a_source_of_its_own() {
    let mut evidence = hours(vec![Some(1000); 24]);
    evidence.instrument.multiplier = Some(Multiplier {
        ratio: decimal("200"),
        expanded_uncertainty_percent: decimal("0.5"),
        coverage_factor: decimal("2"),
    });
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert_eq!((found.registered.as_str(), found.quantity.quantity().base()), ("480000.0", 480.0));
    close(contribution(&found, "multiplier/"), 480.0 * 0.0025);
    close(contribution(&found, "calibration/"), 480.0 * 0.002);
}

#[test]
fn errors_by_load_are_interpolated_and_corrected() {
    // 0.1 kWh a step, so 100 steps an hour are 10 kW: halfway between 5 kW (+1 %) and 15 kW (+3 %).
    let mut evidence = hours([vec![Some(100); 12], vec![Some(400); 12]].concat());
    evidence.calibrations[0].points = vec![point(Some("5"), "1"), point(Some("15"), "3")];
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert_eq!(found.registered.as_str(), "600.0");
    // 120 kWh read at +2 %, 480 kWh at 40 kW, beyond the last point, at +3 %.
    close(found.quantity.quantity().base(), (120.0 / 1.02 + 480.0 / 1.03) / 1000.0);
    close(contribution(&found, "calibration/"), (120.0 / 1.02 + 480.0 / 1.03) / 1000.0 * 0.002);
}

#[test]
fn as_found_results_restore_or_widen_an_overdue_period() {
    let mut evidence = hours(vec![Some(1000); 24]);
    evidence.calibrations[0].validity.end = time("2023-03-01T00:00:00Z");
    let mut late = calibration("c2", "2023-06-01T00:00:00Z", "2024-06-01T00:00:00Z", "0");
    late.as_found = vec![point(None, "0.5")];
    evidence.calibrations.push(late);
    // 0.5 % + 0.4 % is within the 1 % permitted: corrected, and counted as calibrated; what changed since is drift.
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    close(found.quantity.quantity().base(), 2.4 / 1.005);
    assert_eq!(found.calibrated_share, 1.0);
    close(contribution(&found, "as-found/L-1/c2"), 2.4 / 1.005 * 0.002);
    close(contribution(&found, "drift/"), 0.005 / 3f64.sqrt() * 2.4 / 1.005);
    // 1.6 % is not: uncorrected, the worst case as half-width of a rectangle.
    evidence.calibrations[1].as_found = vec![point(None, "1.6")];
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert_eq!((found.quantity.quantity().base(), found.calibrated_share), (2.4, 0.0));
    close(contribution(&found, "as-found/L-1/c2"), 2.4 * 0.02 / 3f64.sqrt());
    // Without as-found results nothing is known but the class.
    evidence.calibrations[1].as_found.clear();
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    close(contribution(&found, "maximum-permissible-error/"), 2.4 * 0.01 / 3f64.sqrt());
}

#[test]
fn a_broken_seal_ends_trust_since_it_was_last_seen_whole() {
    let mut evidence = hours(vec![Some(1000); 24]);
    let look = |id: &str, at: &str, seal| Inspection {
        id: id.to_owned(),
        time: time(at),
        inspector: "A. Inspector".to_owned(),
        seal_number: Some("4711".to_owned()),
        seal: Some(seal),
        clock_error_secs: None,
    };
    evidence.inspections = vec![
        look("1", "2023-03-01T06:00:00Z", SealState::Intact),
        look("2", "2023-04-01T00:00:00Z", SealState::Broken),
    ];
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    assert_eq!(found.calibrated_share, 0.25);
    close(contribution(&found, "maximum-permissible-error/"), 1.8 * 0.01 / 3f64.sqrt());
}

#[test]
fn a_clock_error_is_a_source() {
    let mut evidence = hours(vec![Some(1000); 24]);
    evidence.inspections = vec![Inspection {
        id: "1".to_owned(),
        time: time("2023-03-01T12:00:00Z"),
        inspector: "A. Inspector".to_owned(),
        seal_number: None,
        seal: None,
        clock_error_secs: Some(decimal("-36")),
    }];
    let found: Consumption<Electricity> = consumption(&evidence, &day(), MARK).unwrap();
    // 36 s at 0.1 MWh an hour.
    close(contribution(&found, "clock/"), 0.001 / 3f64.sqrt());
}

#[test]
fn gaps_are_closed_by_the_rule_and_stay_visible() {
    let rules = |gap| Rules { gap, ..MARK };
    let gap = hours([vec![Some(100); 10], vec![None; 2], vec![Some(300); 12]].concat());
    let found: Consumption<Electricity> =
        consumption(&gap, &day(), rules(GapRule::Linear { most_intervals: 2 })).unwrap();
    // Two hours at the mean of 100 and 300 steps of 0.1 kWh.
    close(found.substituted, 0.04);
    close(found.quantity.quantity().base(), 0.1 + 0.36 + 0.04);
    assert_eq!((found.registered.as_str(), found.missing_secs, found.gaps.len()), ("460.0", 7200, 1));
    let s = found.statistics.unwrap();
    let mean = 4600.0 / 22.0;
    let expected = ((10.0 * (100.0f64 - mean).powi(2) + 12.0 * (300.0f64 - mean).powi(2)) / 21.0).sqrt();
    close(s.standard_deviation, expected);
    assert_eq!((s.count, s.least, s.most), (22, 100, 300));
    close(contribution(&found, "gap/"), 2.0 * expected / 10_000.0);
    assert!(matches!(
        consumption::<Electricity>(&gap, &day(), rules(GapRule::Linear { most_intervals: 1 })),
        Err(MeteringError::GapTooLong { .. })
    ));
    // Three days, of which one hour is missing on the last: the highest of that hour on the others.
    let mut values: Vec<Option<i64>> = (0..72).map(|i| Some(if i == 5 { 900 } else { 100 })).collect();
    values[53] = None;
    let three = Period { start: day().start, end: time("2023-03-04T00:00:00Z") };
    let found: Consumption<Electricity> =
        consumption(&hours(values), &three, rules(GapRule::Percentile { percentile: 100 })).unwrap();
    close(found.substituted, 0.09);
    close(contribution(&found, "gap/"), 0.08 / 3f64.sqrt());
}

#[test]
fn intervals_across_an_edge_are_split_by_time() {
    let rules = Rules { edge: EdgeRule::Proportional, ..MARK };
    let period = Period { start: time("2023-03-01T00:30:00Z"), end: time("2023-03-01T02:15:00Z") };
    let found: Consumption<Electricity> = consumption(&hours(vec![Some(400); 24]), &period, rules).unwrap();
    // Half of one hour, one whole, a quarter of another.
    close(found.quantity.quantity().base(), 0.04 * 1.75);
    assert_eq!((found.registered.as_str(), found.missing_secs), ("40.0", 0));
    close(contribution(&found, "edge/"), (0.02f64.powi(2) + 0.01f64.powi(2)).sqrt() / 3f64.sqrt());
    // One interval over both edges, and a cumulative register.
    let within = Period { start: time("2023-03-01T00:15:00Z"), end: time("2023-03-01T00:45:00Z") };
    let found: Consumption<Electricity> = consumption(&hours(vec![Some(400); 24]), &within, rules).unwrap();
    close(found.quantity.quantity().base(), 0.02);
    let register = Register::Cumulative { rollover: 10_000 };
    let states = meter(register, 3600, vec![Some(9_900), Some(100), Some(500), Some(900)]);
    let found: Consumption<Electricity> = consumption(&states, &period, rules).unwrap();
    close(found.quantity.quantity().base(), 0.01 + 0.04 + 0.01);
}

#[test]
fn a_volume_of_gas_becomes_one_at_reference_conditions() {
    let mut evidence = hours(vec![Some(1000); 24]);
    evidence.instrument.kind = InstrumentKind::GasMeter;
    evidence.instrument.measurand = Measurand::Volume;
    evidence.instrument.unit = Unit::CubicMetre;
    let bare = consumption::<NormalVolume>(&evidence, &day(), MARK);
    assert!(matches!(bare, Err(MeteringError::NoConversion { .. })), "{bare:?}");
    evidence.gas_conversions = vec![GasConversion {
        id: "march".to_owned(),
        period: day(),
        pressure_kpa: decimal("202.65"),
        pressure_expanded_uncertainty_kpa: decimal("0.4053"),
        temperature_celsius: decimal("27.315"),
        temperature_expanded_uncertainty_kelvin: decimal("0.6"),
        compressibility_ratio: decimal("1"),
        compressibility_expanded_uncertainty: decimal("0.002"),
        coverage_factor: decimal("2"),
        method: "EN 12405-1".to_owned(),
        corrects: None,
    }];
    let found: Consumption<NormalVolume> = consumption(&evidence, &day(), MARK).unwrap();
    // Twice the pressure, 1.1 times the temperature.
    close(found.quantity.quantity().base(), 2400.0 * 2.0 / 1.1);
    close(contribution(&found, "gas-pressure/"), 2400.0 * 2.0 / 1.1 * 0.001);
    close(contribution(&found, "gas-temperature/"), -2400.0 * 2.0 / 1.1 * 0.3 / 300.465);
    close(contribution(&found, "gas-compressibility/"), 2400.0 * 2.0 / 1.1 * 0.001);
}

#[test]
fn analyses_of_a_gas_are_read_by_the_methods_potentials() {
    let analysis = |id: &str, value: &str, unit: &str| LaboratoryAnalysis {
        id: id.to_owned(),
        sample: format!("sample {id}"),
        material: "coal".to_owned(),
        time: time("2023-03-01T12:00:00Z"),
        method: "ISO 17247".to_owned(),
        laboratory: "laboratory".to_owned(),
        laboratory_accreditation: "L 1".to_owned(),
        property: Property::EmissionFactor,
        value: decimal(value),
        unit: unit.parse().unwrap(),
        expanded_uncertainty: decimal("2"),
        coverage_factor: decimal("2"),
        file_digest: None,
        corrects: None,
    };
    let mut evidence = Evidence::empty("organizations/o/sites/s", day());
    evidence.analyses = vec![analysis("1", "94.1", "tCO2/TJ"), analysis("2", "95.3", "kgCO2e/GJ")];
    assert_eq!(evidence.violations(), []);
    let mean = analysis_mean::<Co2ePerEnergy>(&evidence, "coal", Property::EmissionFactor, GwpSet::AR5).unwrap();
    assert_eq!(mean.quantity().base(), 94.7);
    // Two independent results of u = 1 each.
    assert!((mean.uncertain().standard_uncertainty() - 0.5f64.sqrt()).abs() < 1e-12);
    let wrong = analysis_mean::<Co2ePerMass>(&evidence, "coal", Property::EmissionFactor, GwpSet::AR5);
    assert!(matches!(wrong, Err(MeteringError::Unit { .. })));
}

#[test]
fn loads_in_pounds_are_summed_exactly() {
    let mut scale = hours(vec![]);
    scale.series.clear();
    scale.instrument.unit = Unit::Pound;
    scale.instrument.measurand = Measurand::Mass;
    scale.instrument.resolution = decimal("20");
    let load = |id: &str, net: &str, unit| WeighbridgeRecord {
        id: id.to_owned(),
        instrument: scale.instrument.name.clone(),
        material: "coal".to_owned(),
        time: time("2023-03-01T08:00:00Z"),
        direction: Direction::In,
        net: decimal(net),
        unit,
        corrects: None,
    };
    let stock = |id: &str, time| StockRecord {
        id: id.to_owned(),
        material: "coal".to_owned(),
        time,
        mass: decimal("100"),
        unit: Unit::Tonne,
        expanded_uncertainty: decimal("0"),
        coverage_factor: decimal("2"),
        corrects: None,
    };
    let mut evidence = Evidence::empty("organizations/o/sites/s", day());
    evidence.weighbridge =
        vec![load("1", "40000", Unit::Pound), load("2", "20", Unit::ShortTon), load("3", "10", Unit::Tonne)];
    evidence.stocks = vec![stock("a", day().start), stock("b", day().end)];
    evidence.instruments = vec![scale];
    assert_eq!(evidence.violations(), []);
    let consumed = material_flow(&evidence, "coal", Flow::Consumed, MARK).unwrap();
    // 40,000 lb and 20 short tons are 18.1436948 t each (1 lb = 0.45359237 kg).
    assert_eq!(consumed.registered.to_f64(), 46.287_389_6);
    let sources = consumed.quantity.uncertain().contributions();
    let calibration = sources.iter().find(|(source, _)| source.as_str().starts_with("calibration/")).unwrap().1;
    // The scale counts whole steps of 20 lb: 2000 and 2000 of them, and 1102 for 10 t.
    assert!((calibration.u - 5102.0 * 20.0 * 0.000_453_592_37 * 0.002).abs() < 1e-9, "{}", calibration.u);
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
        corrects: None,
    };
    let stock = |id: &str, time, mass: &str| StockRecord {
        id: id.to_owned(),
        material: "coal".to_owned(),
        time,
        mass: decimal(mass),
        unit: Unit::Tonne,
        expanded_uncertainty: decimal("2"),
        coverage_factor: decimal("2"),
        corrects: None,
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
