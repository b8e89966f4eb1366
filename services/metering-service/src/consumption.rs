//! What an instrument registered in a period, and its readings as runs.

use futures_util::{Stream, stream};
use metering::{
    CalibrationRule, Columns, Consumption, EdgeRule, GapRule, MeteringError, Rules, Run, consumption_of, in_force,
    month_end, month_of,
};
use proto::fields::Fields;
use proto::metering as wire;
use proto::metering::ErrorReason as Reason;
use proto::{decimal, interval, timestamp};
use quantity::{Decimal, Electricity, Energy, Kind, KindName, Mass, NormalVolume, Rounding, Unit, Volume};
use record::evidence::{InstrumentEvidence, MAX_SERIES};
use record::instrument::{MAX_PERIOD_DAYS, Measurand, Period};
use record::name;
use runtime::error::Finish;
use runtime::{Caller, Refusal};
use tonic::{Code, Status};
use uncertainty::{CoverageRule, Uncertain};

use crate::convert::known_at;
use crate::error::{DOMAIN, refuse};
use crate::readings::Readings;
use crate::service::MeteringService;

/// Gaps that an answer lists.
const MAX_GAPS: usize = 1_000;
/// Values in one message of a stream of runs.
const MESSAGE_VALUES: usize = 50_000;
/// Digits of an answer: what a binary64 holds.
const DIGITS: Rounding = Rounding::SignificantDigits(15);

/// The readings in force with a start in a span, month by month, so that memory is bounded by one month.
pub fn runs(
    readings: Readings,
    instrument: String,
    (start, end): (i64, i64),
    known_at: i64,
) -> impl Stream<Item = Result<wire::StreamReadingsResponse, Status>> + Send {
    let months = stream::unfold(Some(start), move |from| {
        let (readings, instrument) = (readings.clone(), instrument.clone());
        async move {
            let from = from.filter(|from| *from < end)?;
            let until = month_end(month_of(from)).min(end);
            let messages = match readings.pieces(&instrument, from, until).await {
                Ok(pieces) => in_force(&pieces, known_at, |runs| messages(runs, from, until)),
                Err(refusal) => return Some((vec![Err(refusal.into())], None)),
            };
            Some((messages.into_iter().map(Ok).collect(), Some(until)))
        }
    });
    futures_util::StreamExt::flat_map(months, stream::iter)
}

fn messages(runs: &mut dyn Iterator<Item = Run<'_>>, from: i64, until: i64) -> Vec<wire::StreamReadingsResponse> {
    let mut messages = Vec::new();
    let (mut message, mut values) = (wire::StreamReadingsResponse::default(), 0);
    for run in runs {
        let step = i64::from(run.step.max(1));
        let first = ((from - run.start).max(0) + step - 1) / step;
        let last = ((until - run.start).max(0) + step - 1) / step;
        let last = usize::try_from(last).unwrap_or(usize::MAX).min(run.values.len());
        let mut next = usize::try_from(first).unwrap_or(usize::MAX);
        while next < last {
            let take = (last - next).min(MESSAGE_VALUES - values);
            let start = jiff::Timestamp::from_second(run.start + next as i64 * step).unwrap_or_default();
            message.runs.push(wire::ReadingRun {
                start_time: Some(timestamp(start)),
                step: Some(prost_types::Duration { seconds: step, nanos: 0 }),
                values: run.values[next..next + take].to_vec(),
            });
            next += take;
            values += take;
            if values == MESSAGE_VALUES {
                messages.push(std::mem::take(&mut message));
                values = 0;
            }
        }
    }
    if !message.runs.is_empty() {
        messages.push(message);
    }
    messages
}

struct Asked<'a> {
    organization: &'a str,
    period: Period,
    rules: Rules,
    known_at: i64,
    unit: Option<Unit>,
}

fn asked(request: &wire::ComputeConsumptionRequest) -> Result<Asked<'_>, Refusal> {
    let mut fields = Fields::new();
    let parts = fields.check("instrument", name::parts(name::INSTRUMENT, &request.instrument));
    let period = fields.interval("period", &request.period, true);
    let period = period.and_then(|(start, end)| Some(Period { start, end: end? }));
    if let Some(period) = &period {
        for violation in period.violations() {
            fields.refuse(format!("period.{}_time", violation.path), violation.problem);
        }
        if period.secs() > MAX_PERIOD_DAYS * 86_400 {
            fields.refuse("period.end_time", format!("a period has at most {MAX_PERIOD_DAYS} days"));
        }
    }
    use wire::gap_rule::Rule;
    let gap = match request.gaps.as_ref().and_then(|gaps| gaps.rule.as_ref()) {
        None | Some(Rule::Mark(_)) => GapRule::Mark,
        Some(Rule::Refuse(_)) => GapRule::Refuse,
        Some(Rule::Linear(linear)) => {
            if linear.most_intervals == 0 {
                fields.refuse("gaps.linear.most_intervals", "must be at least 1");
            }
            GapRule::Linear { most_intervals: linear.most_intervals }
        }
        Some(Rule::Percentile(percentile)) => {
            if !(50..=100).contains(&percentile.percentile) {
                fields.refuse("gaps.percentile.percentile", "must be 50 to 100");
            }
            GapRule::Percentile { percentile: percentile.percentile.min(100) as u8 }
        }
    };
    let mut refuses = |field: &str, value: i32| match wire::OnFinding::try_from(value) {
        Ok(wire::OnFinding::Refuse) => true,
        Ok(_) => false,
        Err(_) => {
            fields.refuse(field, "must be one of the named values");
            false
        }
    };
    let calibration = match refuses("uncalibrated", request.uncalibrated) {
        true => CalibrationRule::Refuse,
        false => CalibrationRule::Mark,
    };
    let edge = if refuses("edges", request.edges) { EdgeRule::Refuse } else { EdgeRule::Proportional };
    let known_at = known_at(&mut fields, &request.known_time);
    let unit = match request.unit.as_str() {
        "" => None,
        code => fields.check("unit", code.parse::<Unit>()),
    };
    fields.finish(DOMAIN)?;
    let period = period.ok_or_else(|| Refusal::internal(DOMAIN, "a period"))?;
    let organization = parts.map_or("", |parts| parts[0]);
    Ok(Asked { organization, period, rules: Rules { calibration, gap, edge }, known_at, unit })
}

fn undefined(instrument: &str, error: &MeteringError) -> Refusal {
    refuse(Code::FailedPrecondition, Reason::ConsumptionUndefined, error.to_string()).with("instrument", instrument)
}

impl MeteringService {
    pub(crate) async fn consumption(
        &self,
        caller: &Caller,
        request: &wire::ComputeConsumptionRequest,
    ) -> Result<wire::ComputeConsumptionResponse, Refusal> {
        let asked = asked(request)?;
        self.resources.own(caller, asked.organization)?;
        let stored: wire::Instrument = self.resources.get("instrument", &request.instrument).await?;
        let found = self.instrument_evidence(&stored, asked.known_at).await?;
        let pieces = self.pieces_of(&found, &asked.period).await?;
        if pieces.iter().map(Columns::len).sum::<usize>() > MAX_SERIES {
            return Err(refuse(Code::FailedPrecondition, Reason::EvidenceTooLarge, "ask for a shorter period"));
        }
        let unit = asked.unit.unwrap_or(found.instrument.unit);
        match (found.instrument.measurand, unit.kind()) {
            (Measurand::ElectricityImport | Measurand::ElectricityExport, _) => {
                answer::<Electricity>(&found, &pieces, &asked, unit)
            }
            (_, KindName::NormalVolume) => answer::<NormalVolume>(&found, &pieces, &asked, unit),
            (Measurand::Mass, _) => answer::<Mass>(&found, &pieces, &asked, unit),
            (Measurand::Heat, _) => answer::<Energy>(&found, &pieces, &asked, unit),
            (Measurand::Volume | Measurand::NormalVolume, _) => answer::<Volume>(&found, &pieces, &asked, unit),
        }
    }
}

fn answer<K: Kind>(
    found: &InstrumentEvidence,
    pieces: &[Columns],
    asked: &Asked,
    unit: Unit,
) -> Result<wire::ComputeConsumptionResponse, Refusal> {
    let name = &found.instrument.name;
    let computed: Result<Consumption<K>, MeteringError> =
        in_force(pieces, asked.known_at, |runs| consumption_of(found, runs, &asked.period, asked.rules));
    let consumption = computed.map_err(|error| undefined(name, &error))?;
    // One base unit in the unit asked for.
    let one = K::from_base(1.0).to_quantity(unit);
    let one = one.map_err(|source| undefined(name, &MeteringError::Unit { what: "the answer".into(), source }))?;
    let value: Uncertain = consumption.quantity.uncertain().scale(one.value);
    let number = |value: f64| {
        let rounded = Decimal::rounded(value, DIGITS).map_err(|_| Refusal::internal(DOMAIN, "a number"))?;
        Ok::<_, Refusal>(Some(decimal(rounded.as_str())))
    };
    let coverage = value.coverage(CoverageRule::default());
    let statistics = consumption.statistics;
    let budget = value.budget().into_iter().map(|line| {
        Ok(wire::UncertaintyContribution {
            source: line.source.to_string(),
            contribution: number(line.contribution)?,
            share_percent: number(line.share_percent)?,
        })
    });
    let gaps = consumption.gaps.iter().take(MAX_GAPS);
    Ok(wire::ComputeConsumptionResponse {
        quantity: number(value.value())?,
        standard_uncertainty: number(value.standard_uncertainty())?,
        expanded_uncertainty: number(coverage.expanded)?,
        coverage_factor: number(coverage.factor)?,
        unit: unit.to_string(),
        registered: Some(decimal(consumption.registered.as_str())),
        registered_unit: consumption.unit.to_string(),
        substituted: number(consumption.substituted * one.value)?,
        calibrated_percent: number(consumption.calibrated_share * 100.0)?,
        budget: budget.collect::<Result<_, Refusal>>()?,
        spanned: Some(prost_types::Duration { seconds: consumption.spanned_secs, nanos: 0 }),
        missing: Some(prost_types::Duration { seconds: consumption.missing_secs, nanos: 0 }),
        gap_count: u32::try_from(consumption.gaps.len()).unwrap_or(u32::MAX),
        gaps: gaps.map(|gap| wire::Gap { period: Some(interval(gap.start, Some(gap.end))) }).collect(),
        readings: statistics.map_or(0, |statistics| statistics.count),
        least: statistics.map_or(0, |statistics| statistics.least),
        most: statistics.map_or(0, |statistics| statistics.most),
        mean: number(statistics.map_or(0.0, |statistics| statistics.mean))?,
        standard_deviation: number(statistics.map_or(0.0, |statistics| statistics.standard_deviation))?,
    })
}
