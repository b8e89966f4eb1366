//! Calibrations that end without a later one.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{Stream, stream};
use jiff::Timestamp;
use proto::convert::metering as words;
use proto::fields::Fields;
use proto::metering as wire;
use record::evidence::MAX_INSTRUMENTS;
use runtime::resources::PageRequest;
use runtime::{Clock, Refusal, Resources};
use tokio::sync::watch;
use tonic::Status;

/// Days before the end at which a warning falls due, and the end itself.
const DAYS: [i32; 4] = [0, 7, 30, 60];
const DAY_SECS: i64 = 86_400;
/// How often a watched site is looked at.
const PACE: Duration = Duration::from_secs(2);

/// Finds warnings.
#[derive(Clone)]
pub struct Warnings {
    /// Where instruments and calibrations are.
    pub resources: Resources,
    /// Time.
    pub clock: Clock,
}

impl Warnings {
    /// The warnings of one page of a site's instruments, and the token of the next page.
    pub async fn page(
        &self,
        site: &str,
        page: PageRequest<'_>,
    ) -> Result<(Vec<wire::CalibrationWarning>, String), Refusal> {
        let now = (self.clock)();
        let (instruments, next) = self.resources.list::<wire::Instrument>(&format!("{site}/instruments"), page).await?;
        let mut warnings = Vec::new();
        for instrument in instruments {
            warnings.extend(self.warning(&instrument, now).await?);
        }
        Ok((warnings, next))
    }

    async fn warning(
        &self,
        instrument: &wire::Instrument,
        now: Timestamp,
    ) -> Result<Option<wire::CalibrationWarning>, Refusal> {
        let open = instrument.placements.last().and_then(|placement| placement.period.as_ref());
        if open.is_none_or(|period| period.end_time.is_some()) {
            return Ok(None);
        }
        let of = format!("{}/calibrations", instrument.name);
        let calibrations = self.resources.all::<wire::Calibration>(&of, MAX_INSTRUMENTS).await?.unwrap_or_default();
        let read = calibrations.iter().filter_map(|stored| {
            let read = words::calibration(&mut Fields::new(), "calibration", stored)?;
            Some((read.validity.end, stored.name.as_str()))
        });
        let Some((end, calibration)) = read.max() else {
            return Ok(Some(words::to_calibration_warning(&instrument.name, "", None, 0)));
        };
        let left = end.as_second() - now.as_second();
        let due = DAYS.into_iter().find(|days| left <= i64::from(*days) * DAY_SECS);
        Ok(due.map(|days| words::to_calibration_warning(&instrument.name, calibration, Some(end), days)))
    }

    /// Every warning that is due at a site, then each new one as it falls due, until the process stops.
    pub fn watch(
        self,
        site: String,
        stopping: watch::Receiver<bool>,
    ) -> impl Stream<Item = Result<wire::WatchCalibrationWarningsResponse, Status>> + Send {
        let first = (self, site, stopping, BTreeSet::<(String, String, i32)>::new(), true);
        let rounds = stream::unfold(Some(first), |watching| async move {
            let (warnings, site, mut stopping, mut told, is_first) = watching?;
            if !is_first {
                tokio::select! {
                    () = tokio::time::sleep(PACE) => {}
                    _ = stopping.wait_for(|stopping| *stopping) => return None,
                }
            }
            let (mut new, mut token) = (Vec::new(), String::new());
            let mut due = BTreeSet::new();
            loop {
                let (found, next) = match warnings.page(&site, PageRequest { size: 1_000, token: &token }).await {
                    Ok(page) => page,
                    Err(refusal) => return Some((vec![Err(Status::from(refusal))], None)),
                };
                for warning in found {
                    let key = (warning.instrument.clone(), warning.calibration.clone(), warning.days);
                    if !told.contains(&key) {
                        new.push(Ok(wire::WatchCalibrationWarningsResponse { warning: Some(warning) }));
                    }
                    due.insert(key);
                }
                if next.is_empty() {
                    break;
                }
                token = next;
            }
            // What is no longer due may fall due again: the set stays as large as what is due now.
            told = due;
            Some((new, Some((warnings, site, stopping, told, false))))
        });
        futures_util::StreamExt::flat_map(rounds, stream::iter)
    }
}

impl crate::service::MeteringService {
    pub(crate) fn warnings(&self) -> Warnings {
        Warnings { resources: self.resources.clone(), clock: self.clock.clone() }
    }
}
