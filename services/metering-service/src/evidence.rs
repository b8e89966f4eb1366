//! The evidence of a site and period, put together from what is stored.

use std::collections::BTreeSet;

use metering::Columns;
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use record::evidence::{Evidence, InstrumentEvidence, MAX_INSTRUMENTS, MAX_RECORDS, MAX_SERIES, Series};
use record::instrument::{Period, Register};
use record::reading::{MAX_STEP_SECS, Reading};
use runtime::Refusal;
use tonic::Code;

use crate::error::{DOMAIN, refuse};
use crate::service::MeteringService;

/// Missing intervals in a row after which a new series begins: a day of quarter hours and more.
const MAX_MISSING: usize = 1_000;

fn too_large(what: &str) -> Refusal {
    let message = format!("too many {what}: ask for a shorter period");
    refuse(Code::FailedPrecondition, Reason::EvidenceTooLarge, message).with("what", what)
}

fn damaged() -> Refusal {
    Refusal::internal(DOMAIN, "stored evidence cannot be read")
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or("")
}

fn was_known(time: &Option<prost_types::Timestamp>, known_at: i64) -> bool {
    time.as_ref().is_none_or(|time| time.seconds <= known_at)
}

/// A record that another one may correct.
trait Correctable {
    fn name(&self) -> &str;
    fn corrects(&self) -> &str;
    fn created(&self) -> &Option<prost_types::Timestamp>;
}

macro_rules! correctable {
    ($($message:ident),*) => {
        $(impl Correctable for wire::$message {
            fn name(&self) -> &str {
                &self.name
            }

            fn corrects(&self) -> &str {
                &self.corrects
            }

            fn created(&self) -> &Option<prost_types::Timestamp> {
                &self.create_time
            }
        })*
    };
}

correctable!(WeighbridgeRecord, StockRecord, LaboratoryAnalysis, GasConversion);

/// The records that were known at a time and had not been corrected by then.
fn in_force<R: Correctable>(mut found: Vec<R>, known_at: i64) -> Vec<R> {
    found.retain(|record| was_known(record.created(), known_at));
    let corrected: BTreeSet<String> = found.iter().map(|record| record.corrects().to_owned()).collect();
    found.retain(|record| !corrected.contains(last(record.name())));
    found
}

impl MeteringService {
    /// The evidence of a site, or of one instrument of it, as it was known at `known_at`.
    pub(crate) async fn evidence(
        &self,
        site: &str,
        only: Option<&str>,
        period: Period,
        known_at: i64,
    ) -> Result<Evidence, Refusal> {
        let mut fields = Fields::new();
        let mut evidence = Evidence::empty(site, period);
        let instruments =
            self.resources.all::<wire::Instrument>(&format!("{site}/instruments"), MAX_INSTRUMENTS).await?;
        for stored in instruments.ok_or_else(|| too_large("instruments"))? {
            if only.is_some_and(|only| only != stored.name) || !was_known(&stored.create_time, known_at) {
                continue;
            }
            let mut found = self.instrument_evidence(&stored, known_at).await?;
            let readings = self.readings_of(&found, &period, known_at).await?;
            if readings.len() > MAX_SERIES {
                return Err(too_large("readings"));
            }
            found.series = Series::collect(&readings, MAX_MISSING);
            evidence.instruments.push(found);
        }
        if only.is_none() {
            let of = format!("{site}/weighbridgeRecords");
            for stored in self.records::<wire::WeighbridgeRecord>(&of, "weighbridge records", known_at).await? {
                let record = words::weighbridge_record(&mut fields, "record", last(&stored.name), &stored);
                let record = record.ok_or_else(damaged)?;
                if period.contains(record.time) {
                    evidence.weighbridge.push(record);
                }
            }
            let of = format!("{site}/stockRecords");
            for stored in self.records::<wire::StockRecord>(&of, "stock records", known_at).await? {
                let record = words::stock_record(&mut fields, "record", last(&stored.name), &stored);
                let record = record.ok_or_else(damaged)?;
                if period.contains(record.time) || record.time == period.end {
                    evidence.stocks.push(record);
                }
            }
            let of = format!("{site}/laboratoryAnalyses");
            for stored in self.records::<wire::LaboratoryAnalysis>(&of, "laboratory analyses", known_at).await? {
                let record = words::laboratory_analysis(&mut fields, "record", last(&stored.name), &stored);
                let record = record.ok_or_else(damaged)?;
                if period.contains(record.time) {
                    evidence.analyses.push(record);
                }
            }
        }
        evidence.sort();
        if let Some(violation) = evidence.violations().into_iter().next() {
            return Err(Refusal::internal(DOMAIN, &format!("evidence: {}: {}", violation.path, violation.problem)));
        }
        Ok(evidence)
    }

    /// The records of a collection that were in force at a time.
    async fn records<R: prost::Message + Default + Correctable>(
        &self,
        collection: &str,
        what: &str,
        known_at: i64,
    ) -> Result<Vec<R>, Refusal> {
        let found = self.resources.all(collection, MAX_RECORDS).await?;
        Ok(in_force(found.ok_or_else(|| too_large(what))?, known_at))
    }

    /// An instrument with its calibrations, inspections and gas conversions, and no readings.
    pub(crate) async fn instrument_evidence(
        &self,
        stored: &wire::Instrument,
        known_at: i64,
    ) -> Result<InstrumentEvidence, Refusal> {
        let mut fields = Fields::new();
        let instrument = words::instrument(&mut fields, "instrument", &stored.name, stored).ok_or_else(damaged)?;
        let below = self.resources.below(&stored.name, MAX_INSTRUMENTS).await?;
        let below = below.ok_or_else(|| too_large("records of one instrument"))?;
        let calibrations = below.of::<wire::Calibration>("calibrations")?;
        let calibrations = calibrations.iter().filter(|stored| was_known(&stored.create_time, known_at));
        let calibrations = calibrations
            .map(|stored| words::calibration(&mut fields, "calibration", stored).ok_or_else(damaged))
            .collect::<Result<Vec<_>, _>>()?;
        let inspections = below.of::<wire::Inspection>("inspections")?;
        let inspections = inspections.iter().filter(|stored| was_known(&stored.create_time, known_at));
        let inspections = inspections
            .map(|stored| words::inspection(&mut fields, "inspection", last(&stored.name), stored).ok_or_else(damaged))
            .collect::<Result<Vec<_>, _>>()?;
        let gas_conversions = in_force(below.of::<wire::GasConversion>("gasConversions")?, known_at)
            .iter()
            .map(|stored| {
                words::gas_conversion(&mut fields, "conversion", last(&stored.name), stored).ok_or_else(damaged)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut found =
            InstrumentEvidence { instrument, calibrations, inspections, gas_conversions, series: Vec::new() };
        found.calibrations.sort_by(|a, b| a.certificate_id.cmp(&b.certificate_id));
        Ok(found)
    }

    /// Packed readings of an instrument that a quantity of a period may need: those that touch it, and for a cumulative
    /// register the states at its ends and beside them.
    pub(crate) async fn pieces_of(&self, found: &InstrumentEvidence, period: &Period) -> Result<Vec<Columns>, Refusal> {
        let (from, until) = (period.start.as_second(), period.end.as_second());
        let beside = match found.instrument.register {
            Register::Interval { .. } => 0,
            Register::Cumulative { .. } => i64::from(MAX_STEP_SECS),
        };
        self.readings.pieces(&found.instrument.name, from - beside, until + beside + 1).await
    }

    async fn readings_of(
        &self,
        found: &InstrumentEvidence,
        period: &Period,
        known_at: i64,
    ) -> Result<Vec<Reading>, Refusal> {
        let (from, until) = (period.start.as_second(), period.end.as_second());
        let pieces = self.pieces_of(found, period).await?;
        let mut readings = metering::readings_in_force(&pieces, known_at);
        readings.retain(|reading| match found.instrument.register {
            Register::Interval { .. } => reading.start_second() < until && from < reading.end_second(),
            Register::Cumulative { .. } => (from..=until).contains(&reading.start_second()),
        });
        Ok(readings)
    }
}
