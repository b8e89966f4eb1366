//! The evidence behind the Commission's cement example, generated.
//!
//! The annual figures are those of the European Commission's filled example (DG TAXUD, communication template V2.1,
//! "1 CBAM SEE V2.1_Example Cement_final.xlsx"; © European Union, CC BY 4.0). No reading, weigh ticket or analysis behind
//! them was ever published: everything finer than the annual figure is generated here, from a fixed seed, so that the
//! exact sums and means are the published figures. Registers are given a resolution fine enough for that; a real meter
//! counts coarser.

use jiff::{Timestamp, civil, tz::Offset};
use quantity::{Decimal, Unit};
use record::calibration::{Calibration, CalibrationPoint, CalibrationSource};
use record::evidence::{Evidence, FORMAT, InstrumentEvidence, Series};
use record::instrument::{Instrument, InstrumentKind, Measurand, Period, Placement, Register, Sha256};
use record::reading::{Direction, LaboratoryAnalysis, Property, ReadingBatch, StockRecord, WeighbridgeRecord};

/// Seed of everything generated here.
pub const SEED: u64 = 0x746f_7563_6873_746f;

/// 15-minute intervals of 2023.
pub const INTERVALS: usize = 35_040;

/// Length of an interval.
pub const STEP_SECS: u32 = 900;

/// Electricity of the year, 193864.47368421053 MWh, in register units of 10⁻⁸ kWh.
pub const ELECTRICITY_UNITS: i64 = 19_386_447_368_421_053;

/// Published direct emissions, tCO2e/t.
pub const PUBLISHED_DIRECT: &str = "0.7852147410358565";

/// Published indirect emissions, tCO2e/t.
pub const PUBLISHED_INDIRECT: &str = "0.12224275";

/// Name of the product.
pub const PRODUCT: &str = "Portland Cement Art. Nr. 1";

/// CN code of the product.
pub const CN_CODE: &str = "25232900";

/// Everything the exporter of the example sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cement {
    /// Resource name of the site.
    pub site: String,
    /// 2023.
    pub period: Period,
    /// Instruments with their calibrations, by name.
    pub instruments: Vec<(Instrument, Vec<Calibration>)>,
    /// One year of electricity.
    pub readings: ReadingBatch,
    /// Weighed loads, by id.
    pub weighbridge: Vec<WeighbridgeRecord>,
    /// Opening and closing stocks, by id.
    pub stocks: Vec<StockRecord>,
    /// Laboratory analyses, by id.
    pub analyses: Vec<LaboratoryAnalysis>,
}

/// Generates the example for a site.
pub fn generate(organization: &str, site: &str) -> Cement {
    let site = format!("organizations/{organization}/sites/{site}");
    let mut instruments = instruments(&site);
    instruments.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let mut random = SplitMix64(SEED);
    let (weighbridge, stocks) = materials(&site, &mut random);
    Cement {
        period: year(),
        instruments,
        readings: electricity(&site, &mut random),
        weighbridge,
        stocks,
        analyses: analyses(&mut random),
        site,
    }
}

impl Cement {
    /// All of it as the evidence of the site and year.
    pub fn evidence(&self) -> Evidence {
        let series = Series {
            start: self.readings.start,
            step_secs: self.readings.step_secs,
            values: self.readings.values.clone(),
            revisions: Default::default(),
        };
        let mut evidence = Evidence {
            format: FORMAT.to_owned(),
            site: self.site.clone(),
            period: self.period,
            instruments: self
                .instruments
                .iter()
                .map(|(instrument, calibrations)| InstrumentEvidence {
                    instrument: instrument.clone(),
                    calibrations: calibrations.clone(),
                    inspections: Vec::new(),
                    gas_conversions: Vec::new(),
                    series: if instrument.name == self.readings.instrument { vec![series.clone()] } else { Vec::new() },
                })
                .collect(),
            weighbridge: self.weighbridge.clone(),
            stocks: self.stocks.clone(),
            analyses: self.analyses.clone(),
        };
        evidence.sort();
        evidence
    }
}

/// The plant file whose every measured figure refers to the evidence.
pub fn plant_toml(organization: &str, site: &str) -> String {
    let site = format!("organizations/{organization}/sites/{site}");
    let mut file = format!(
        r#"# The European Commission's cement example (DG TAXUD, communication template V2.1, CC BY 4.0) on generated evidence:
# the readings, weigh tickets and analyses were generated so that their sums and means are the published annual figures.

method = "cbam-transitional-2023-1773"

[site]
name = "{site}"
title = "Cement works of the Commission's example"

[period]
start = 2023-01-01T00:00:00Z
end = 2024-01-01T00:00:00Z

[[stream]]
name = "Raw meal for clinker"
process = "Cement Bubble"
method = "process"
activity = {{ material = "raw-meal" }}
emission_factor = {{ analyses = "raw-meal" }}
"#
    );
    for (name, material, biomass) in [
        ("Coal", "coal", ""),
        ("Household waste", "household-waste", "biomass_share = { analyses = \"household-waste\" }\n"),
        ("Heavy fuel oil", "heavy-fuel-oil", ""),
    ] {
        file.push_str(&format!(
            r#"
[[stream]]
name = "{name}"
process = "Cement Bubble"
method = "combustion"
activity = {{ material = "{material}" }}
net_calorific_value = {{ analyses = "{material}" }}
emission_factor = {{ analyses = "{material}" }}
{biomass}"#
        ));
    }
    file.push_str(&format!(
        r#"
[[process]]
name = "Cement Bubble"
category = "Cement"
production = {{ material = "cement", flow = "produced" }}

[process.electricity]
amount = {{ instrument = "{site}/instruments/main-meter" }}
# The example states no uncertainty for its grid factor; the one here is generated.
factor = {{ value = 0.833, unit = "tCO2/MWh", expanded_uncertainty = 0.02, coverage_factor = 2, source = "example of the Commission", source_id = "grid-factor/cbam-example/2023" }}

[[product]]
name = "{PRODUCT}"
cn_code = "{CN_CODE}"
process = "Cement Bubble"
functional_unit = "1 t"

# A limit for the demonstration, not one of any scheme.
[limit]
result = "total"
value = 0.95
unit = "tCO2e/t"
rule = "guarded"
guard_multiple = 1.64
source = "demonstration"
"#
    ));
    file
}

fn time(year: i16, month: i8, day: i8, hour: i8) -> Timestamp {
    let time = civil::date(year, month, day).at(hour, 0, 0, 0);
    Offset::UTC.to_timestamp(time).expect("a day of this century")
}

fn year() -> Period {
    Period { start: time(2023, 1, 1, 0), end: time(2024, 1, 1, 0) }
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal of this file")
}

fn scaled(mantissa: i64, exponent: i32) -> Decimal {
    Decimal::from_scaled(i128::from(mantissa), exponent).expect("a decimal of this file")
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound`, which is not included. The bias of the remainder does not matter here.
    fn below(&mut self, bound: u64) -> i64 {
        (self.next() % bound) as i64
    }
}

/// Shares `total` by `weights`, exactly: differences of the rounded running sum.
fn share(total: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|w| i128::from(*w)).sum();
    let mut run: i128 = 0;
    let mut before: i128 = 0;
    weights
        .iter()
        .map(|weight| {
            run += i128::from(*weight);
            let now = i128::from(total) * run / whole;
            let part = now - before;
            before = now;
            part as i64 // at most total
        })
        .collect()
}

fn instruments(site: &str) -> Vec<(Instrument, Vec<Calibration>)> {
    let weighing = |id: &str, kind, serial: &str, resolution: &str, mpe: &str| Instrument {
        name: format!("{site}/instruments/{id}"),
        kind,
        serial_number: serial.to_owned(),
        measurand: Measurand::Mass,
        unit: Unit::Tonne,
        register: Register::Interval { maximum: 1_000_000_000 },
        resolution: decimal(resolution),
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: Some(decimal(mpe)),
        placements: vec![Placement { location: "incoming supply".into(), start: time(2019, 5, 1, 0), end: None }],
        replaces: None,
        signing_key: None,
    };
    let meter = Instrument {
        name: format!("{site}/instruments/main-meter"),
        kind: InstrumentKind::ElectricityMeter,
        serial_number: "GEN-EM-4711".to_owned(),
        measurand: Measurand::ElectricityImport,
        unit: Unit::Kilowatthour,
        // 20 MWh in a quarter of an hour: the transformer's 80 MW.
        register: Register::Interval { maximum: 2_000_000_000_000 },
        resolution: decimal("0.00000001"),
        multiplier: None,
        accuracy_class: None,
        max_permissible_error_percent: Some(decimal("0.5")),
        placements: vec![Placement { location: "incoming supply".into(), start: time(2019, 5, 1, 0), end: None }],
        replaces: None,
        signing_key: None,
    };
    let calibration = |id: &str, uncertainty: &str| Calibration {
        certificate_id: format!("GEN-2022-{id}"),
        laboratory: "Generated Calibration Laboratory".to_owned(),
        laboratory_accreditation: "EXAMPLE-K-0001".to_owned(),
        calibrated_time: time(2022, 11, 15, 9),
        validity: Period { start: time(2022, 11, 15, 9), end: time(2024, 11, 15, 9) },
        // As left, after adjustment.
        points: vec![CalibrationPoint {
            load: None,
            error_percent: decimal("0.00"),
            expanded_uncertainty_percent: decimal(uncertainty),
            coverage_factor: decimal("2.00"),
        }],
        as_found: Vec::new(),
        file_digest: Sha256::of(format!("generated calibration certificate GEN-2022-{id}").as_bytes()),
        source: CalibrationSource::Form,
    };
    vec![
        (meter, vec![calibration("0101", "0.30")]),
        (
            weighing("weighbridge", InstrumentKind::Weighbridge, "GEN-WB-17", "0.02", "0.1"),
            vec![calibration("0102", "0.08")],
        ),
        (
            weighing("raw-meal-scale", InstrumentKind::BeltScale, "GEN-BS-3", "0.02", "1"),
            vec![calibration("0103", "0.50")],
        ),
        (
            weighing("cement-scale", InstrumentKind::BeltScale, "GEN-BS-8", "0.02", "1"),
            vec![calibration("0104", "0.40")],
        ),
    ]
}

/// A kiln that runs day and night, mills that prefer nights and weekends, three weeks of winter repair, and noise.
fn electricity(site: &str, random: &mut SplitMix64) -> ReadingBatch {
    let weights: Vec<i64> = (0..INTERVALS)
        .map(|i| {
            let (day, hour) = (i / 96, i % 96 / 4);
            // 2023-01-01 was a Sunday.
            let weekend = matches!(day % 7, 0 | 6);
            let kiln = if (14..35).contains(&day) { 40 } else { 420 };
            let mills = match (weekend, hour) {
                (true, _) => 380,
                (false, 22..=23 | 0..=5) => 400,
                (false, 6..=16) => 250,
                (false, _) => 180,
            };
            kiln + mills + 60 + random.below(50)
        })
        .collect();
    ReadingBatch {
        instrument: format!("{site}/instruments/main-meter"),
        unit: Unit::Kilowatthour,
        resolution: decimal("0.00000001"),
        start: year().start,
        step_secs: STEP_SECS,
        deltas: Vec::new(),
        signature: Vec::new(),
        restate: false,
        values: share(ELECTRICITY_UNITS, &weights).into_iter().map(Some).collect(),
    }
}

/// One material: what went over which scale, and the stocks at both ends, in tonnes.
struct Material {
    name: &'static str,
    instrument: &'static str,
    direction: Direction,
    total: i64,
    /// A load every so many days.
    every: usize,
    /// Loads the other way.
    returned: Option<i64>,
    opening: &'static str,
    closing: &'static str,
}

/// Consumption = opening + in − out − closing; production = out + closing − opening.
const MATERIALS: [Material; 5] = [
    // 20000 + 1253500 − 18500 = 1255000 t
    Material {
        name: "raw-meal",
        instrument: "raw-meal-scale",
        direction: Direction::In,
        total: 1_253_500,
        every: 1,
        returned: None,
        opening: "20000",
        closing: "18500",
    },
    // 6000 + 87520 − 120 − 5400 = 88000 t; one delivery was refused and left again.
    Material {
        name: "coal",
        instrument: "weighbridge",
        direction: Direction::In,
        total: 87_520,
        every: 1,
        returned: Some(120),
        opening: "6000",
        closing: "5400",
    },
    // 800 + 24950 − 750 = 25000 t
    Material {
        name: "household-waste",
        instrument: "weighbridge",
        direction: Direction::In,
        total: 24_950,
        every: 2,
        returned: None,
        opening: "800",
        closing: "750",
    },
    // 2000 + 43300 − 2300 = 43000 t
    Material {
        name: "heavy-fuel-oil",
        instrument: "weighbridge",
        direction: Direction::In,
        total: 43_300,
        every: 7,
        returned: None,
        opening: "2000",
        closing: "2300",
    },
    // 1319000 + 32052.6315789474 − 30000 = 1321052.6315789474 t; the closing stock carries the digits of the published
    // figure, which is no weighing.
    Material {
        name: "cement",
        instrument: "cement-scale",
        direction: Direction::Out,
        total: 1_319_000,
        every: 1,
        returned: None,
        opening: "30000",
        closing: "32052.6315789474",
    },
];

fn materials(site: &str, random: &mut SplitMix64) -> (Vec<WeighbridgeRecord>, Vec<StockRecord>) {
    let (mut loads, mut stocks) = (Vec::new(), Vec::new());
    for material in &MATERIALS {
        let load = |id: String, day: usize, hour: i64, direction: Direction, net: Decimal| WeighbridgeRecord {
            id,
            instrument: format!("{site}/instruments/{}", material.instrument),
            material: material.name.to_owned(),
            time: Timestamp::from_second(year().start.as_second() + day as i64 * 86_400 + hour * 3600).expect("2023"),
            direction,
            net,
            unit: Unit::Tonne,
            corrects: None,
        };
        let days: Vec<usize> = (0..365).step_by(material.every).collect();
        let weights: Vec<i64> = days
            .iter()
            .map(|day| {
                let sunday = day % 7 == 0;
                if sunday { 500 + random.below(200) } else { 1000 + random.below(300) }
            })
            .collect();
        // Scales count 0.02 t.
        for (day, units) in days.iter().zip(share(material.total * 50, &weights)) {
            let id = format!("{}-2023-{:03}", material.name, day + 1);
            let hour = 6 + random.below(12);
            loads.push(load(id, *day, hour, material.direction, scaled(units * 2, -2)));
        }
        if let Some(returned) = material.returned {
            let id = format!("{}-2023-100-returned", material.name);
            loads.push(load(id, 99, 19, Direction::Out, scaled(returned * 100, -2)));
        }
        for (what, time, mass) in
            [("opening", year().start, material.opening), ("closing", year().end, material.closing)]
        {
            let mass = decimal(mass);
            stocks.push(StockRecord {
                id: format!("{}-{what}-2023", material.name),
                material: material.name.to_owned(),
                time,
                // A survey of a pile or silo: 3 % with k = 2, in whole tonnes.
                expanded_uncertainty: scaled((mass.to_f64() * 0.03) as i64, 0),
                mass,
                unit: Unit::Tonne,
                coverage_factor: decimal("2"),
                corrects: None,
            });
        }
    }
    loads.sort_by(|a, b| a.id.cmp(&b.id));
    stocks.sort_by(|a, b| a.id.cmp(&b.id));
    (loads, stocks)
}

/// What the laboratory determines each month: the mean of the year, the spread of the months and the expanded uncertainty
/// (k = 2), in units of the last digit.
struct Determination {
    material: &'static str,
    property: Property,
    method: &'static str,
    unit: Unit,
    mean: i64,
    exponent: i32,
    spread: u64,
    expanded: i64,
}

const DETERMINATIONS: [Determination; 8] = {
    use Property::{BiomassShare, EmissionFactor, NetCalorificValue};
    const fn determination(
        material: &'static str,
        property: Property,
        method: &'static str,
        unit: Unit,
        (mean, exponent): (i64, i32),
        (spread, expanded): (u64, i64),
    ) -> Determination {
        Determination { material, property, method, unit, mean, exponent, spread, expanded }
    }
    [
        determination("raw-meal", EmissionFactor, "EN 196-2", Unit::TonneCo2ePerTonne, (5250, -4), (40, 80)),
        determination("coal", NetCalorificValue, "ISO 1928", Unit::GigajoulePerTonne, (2500, -2), (35, 30)),
        determination("coal", EmissionFactor, "ISO 29541", Unit::TonneCo2ePerTerajoule, (950, -1), (6, 12)),
        determination(
            "household-waste",
            NetCalorificValue,
            "EN ISO 21654",
            Unit::GigajoulePerTonne,
            (2000, -2),
            (90, 80),
        ),
        determination(
            "household-waste",
            EmissionFactor,
            "EN ISO 21663",
            Unit::TonneCo2ePerTerajoule,
            (830, -1),
            (20, 40),
        ),
        determination("household-waste", BiomassShare, "EN ISO 21644", Unit::Percent, (150, -1), (12, 20)),
        determination("heavy-fuel-oil", NetCalorificValue, "ASTM D240", Unit::GigajoulePerTonne, (4000, -2), (15, 20)),
        determination("heavy-fuel-oil", EmissionFactor, "ASTM D5291", Unit::TonneCo2ePerTerajoule, (780, -1), (4, 8)),
    ]
};

fn analyses(random: &mut SplitMix64) -> Vec<LaboratoryAnalysis> {
    let mut found = Vec::new();
    for (number, determination) in DETERMINATIONS.iter().enumerate() {
        // The second half of the year mirrors the first, so that the mean is exact.
        let spread = determination.spread;
        let half: Vec<i64> = (0..6).map(|_| random.below(2 * spread + 1) - spread as i64).collect();
        let deviations = half.iter().copied().chain(half.iter().map(|d| -d));
        for (month, deviation) in (1i8..).zip(deviations) {
            let id = format!("gen-lab-2023-{month:02}-{:02}", number + 1);
            found.push(LaboratoryAnalysis {
                sample: format!("{}-2023-{month:02}", determination.material),
                material: determination.material.to_owned(),
                method: determination.method.to_owned(),
                laboratory: "Generated Testing Laboratory".to_owned(),
                laboratory_accreditation: "EXAMPLE-L-0002".to_owned(),
                time: time(2023, month, 10, 6),
                property: determination.property,
                value: scaled(determination.mean + deviation, determination.exponent),
                unit: determination.unit,
                expanded_uncertainty: scaled(determination.expanded, determination.exponent),
                coverage_factor: decimal("2"),
                file_digest: Some(Sha256::of(format!("generated test report {id}").as_bytes())),
                corrects: None,
                id,
            });
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}
