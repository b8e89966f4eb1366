//! The cement example from generated evidence: the same digits as from stated figures, now with a budget.

#[path = "../../../integration-tests/src/cement.rs"]
mod cement;

use cement::{PUBLISHED_DIRECT, PUBLISHED_INDIRECT, generate, plant_toml};
use footprint::{FootprintError, RecomputeError, Sources, compute, recompute};
use jiff::Timestamp;
use metering::{Clock, MeteringError, accept, evidence_root};
use quantity::Decimal;
use record::evidence::{Evidence, EvidenceError};
use record::footprint::DecisionResult;
use record::plant::Plant;

fn case() -> (Plant, Evidence) {
    let plant = Plant::from_toml(&plant_toml("exporter", "works")).unwrap_or_else(|error| panic!("{error}"));
    (plant, generate("exporter", "works").evidence())
}

#[test]
fn sums_are_the_published_figures() {
    let generated = generate("exporter", "works");
    assert_eq!(generated.evidence().violations(), []);
    assert_eq!(generated.readings.values.len(), cement::INTERVALS);
    let sum: i64 = generated.readings.values.iter().map(|value| value.unwrap()).sum();
    assert_eq!(Decimal::from_scaled(sum.into(), -11).unwrap().as_str(), "193864.47368421053");
    // The shape is that of a plant, not of a constant.
    let (least, most) =
        generated.readings.values.iter().flatten().fold((i64::MAX, 0), |(l, m), v| (l.min(*v), m.max(*v)));
    assert!(least > 0 && most > 3 * least);
    // The meter takes the year as one batch.
    let (meter, _) = generated.instruments.iter().find(|(i, _)| i.name == generated.readings.instrument).unwrap();
    let clock = Clock { now: "2024-02-01T00:00:00Z".parse().unwrap(), skew_secs: 0 };
    let accepted = accept(Some(meter), &[], &generated.readings, clock);
    assert_eq!((accepted.report.accepted, accepted.report.refused.len(), accepted.report.gaps.len()), (35_040, 0, 0));
    assert_eq!(generate("exporter", "works"), generated);
}

#[test]
fn cement_from_evidence_to_every_digit() {
    let (plant, evidence) = case();
    let statement = compute(&plant, &evidence).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(statement.direct.value.as_str(), PUBLISHED_DIRECT);
    assert_eq!(statement.indirect.value.as_str(), PUBLISHED_INDIRECT);
    assert_eq!(statement.total.value.as_str(), "0.9074574910358565");
    assert_eq!(statement.quality.gap_share.as_str(), "0");
    assert_eq!(statement.quality.calibration_coverage_share.as_ref().map(|share| share.as_str()), Some("1"));
    assert_eq!(statement.quality.primary_data_share.as_str(), "1");
    assert_eq!(statement.inputs.evidence_root, evidence_root(&evidence));
    let relative = statement.total.standard_uncertainty.to_f64() / statement.total.value.to_f64();
    assert!(relative > 0.001 && relative < 0.02, "{relative}");
    assert_eq!(statement.decision.as_ref().unwrap().result, DecisionResult::Conforms);
    // All readings of the meter are one source.
    let sources: Vec<&str> = statement.budget.iter().map(|row| row.source.as_str()).collect();
    assert_eq!(sources.iter().filter(|s| **s == "calibration/EXAMPLE-K-0001/GEN-2022-0101").count(), 1, "{sources:?}");
    let shares: f64 = statement.budget.iter().map(|row| row.share_percent.to_f64()).sum();
    assert!((shares - 100.0).abs() < 1e-9);
    recompute(&statement, &plant, &Sources::new(&evidence)).unwrap();
}

#[test]
fn evidence_is_its_bytes() {
    let (plant, evidence) = case();
    let bytes = evidence.to_bytes();
    println!("{} bytes of evidence", bytes.len());
    let read = Evidence::from_bytes(&bytes).unwrap();
    assert_eq!(read, evidence);
    recompute(&compute(&plant, &evidence).unwrap(), &plant, &Sources::new(&read)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let spaced = text.replacen(':', ": ", 1);
    assert!(matches!(Evidence::from_bytes(spaced.as_bytes()), Err(EvidenceError::NotCanonical { .. })));
    let unordered = text.replacen("gen-lab-2023-01-01", "gen-lab-2023-01-99", 1);
    assert!(matches!(Evidence::from_bytes(unordered.as_bytes()), Err(EvidenceError::Rules { .. })));
}

#[test]
fn any_change_of_evidence_changes_the_root_and_is_found() {
    let (plant, evidence) = case();
    let statement = compute(&plant, &evidence).unwrap();
    let root = evidence_root(&evidence);
    let mut changed: Vec<Evidence> = vec![evidence.clone(); 5];
    let meter = |evidence: &mut Evidence| evidence.instruments.iter().position(|i| !i.series.is_empty()).unwrap();
    let at = meter(&mut changed[0]);
    // Two readings exchanged a register unit: the sum stays.
    let values = &mut changed[0].instruments[at].series[0].values;
    (values[100], values[200]) = (values[100].map(|v| v + 1), values[200].map(|v| v - 1));
    changed[1].instruments[at].calibrations[0].laboratory.push('x');
    changed[2].weighbridge[7].time = Timestamp::from_second(changed[2].weighbridge[7].time.as_second() + 1).unwrap();
    changed[3].stocks[0].coverage_factor = "2.0".parse().unwrap();
    changed[4].analyses[3].sample.push('x');
    for changed in &changed {
        assert_ne!(evidence_root(changed), root);
        match recompute(&statement, &plant, &Sources::new(changed)) {
            Err(RecomputeError::Difference(difference)) => assert_eq!(difference.path, "inputs.evidenceRoot"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn gaps_and_lapsed_calibrations_are_seen() {
    let (plant, mut evidence) = case();
    let at = evidence.instruments.iter().position(|i| !i.series.is_empty()).unwrap();
    let good = compute(&plant, &evidence).unwrap();
    evidence.instruments[at].series[0].values[1000..1365].fill(None);
    let calibration = &mut evidence.instruments[at].calibrations[0];
    calibration.validity.end = "2023-07-01T00:00:00Z".parse().unwrap();
    let marked = compute(&plant, &evidence).unwrap();
    assert!(marked.indirect.value.to_f64() < good.indirect.value.to_f64());
    assert!((marked.quality.gap_share.to_f64() - 365.0 / 35_040.0).abs() < 1e-15);
    assert!(marked.quality.calibration_coverage_share.as_ref().unwrap().to_f64() < 1.0);
    assert!(marked.indirect.standard_uncertainty.to_f64() > good.indirect.standard_uncertainty.to_f64());
    for kind in ["gap/", "maximum-permissible-error/"] {
        assert!(marked.budget.iter().any(|row| row.source.starts_with(kind)), "{kind}");
    }

    let instrument = &mut evidence.instruments[at].instrument;
    instrument.max_permissible_error_percent = None;
    let error = compute(&plant, &evidence).unwrap_err();
    assert!(matches!(error, FootprintError::Metering { source: MeteringError::NoUncertainty { .. }, .. }), "{error}");

    let (_, mut evidence) = case();
    evidence.stocks.remove(0);
    let error = compute(&plant, &evidence).unwrap_err();
    assert!(matches!(error, FootprintError::Metering { source: MeteringError::MissingStock { .. }, .. }), "{error}");
}

#[test]
fn a_measured_error_is_corrected() {
    let (plant, mut evidence) = case();
    let good = compute(&plant, &evidence).unwrap();
    let at = evidence.instruments.iter().position(|i| !i.series.is_empty()).unwrap();
    evidence.instruments[at].calibrations[0].points[0].error_percent = "1.00".parse().unwrap();
    let corrected = compute(&plant, &evidence).unwrap();
    let ratio = good.indirect.value.to_f64() / corrected.indirect.value.to_f64();
    assert!((ratio - 1.01).abs() < 1e-12, "{ratio}");
}
