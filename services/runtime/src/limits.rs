//! How much one organisation, and all together, may ask for: what is too much is told at once and not queued.
//!
//! Services of the installation are not limited: they act for callers who were.

use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body::{Frame, SizeHint};
use proto::access::ErrorReason as Reason;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::refuse;
use crate::config;
use crate::{Caller, Refusal};

/// When to come back after finding too many calls in progress.
const COME_BACK: Duration = Duration::from_millis(500);

/// The layer; behind [`crate::access::Access`], which says who calls.
#[derive(Debug, Clone)]
pub struct Limits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: config::Limits,
    all: Arc<AtomicU32>,
    // As many as there are organisations: each was enrolled by the operator.
    organizations: RwLock<HashMap<String, Arc<Organization>>>,
    clock: DefaultClock,
}

#[derive(Debug)]
struct Organization {
    rate: DefaultDirectRateLimiter,
    in_progress: Arc<AtomicU32>,
}

/// A place among the calls in progress, given back when dropped.
struct Place(Arc<AtomicU32>);

impl Place {
    fn take(count: &Arc<AtomicU32>, most: u32) -> Option<Place> {
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < most).then_some(now + 1));
        taken.ok().map(|_| Place(count.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    /// A layer with these limits.
    pub fn new(limits: config::Limits) -> Self {
        Limits(Arc::new(Shared {
            limits,
            all: Arc::default(),
            organizations: RwLock::default(),
            clock: DefaultClock::default(),
        }))
    }

    fn organization(&self, name: &str) -> Arc<Organization> {
        let known = self.0.organizations.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(name).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.organizations.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            all.entry(name.to_owned()).or_insert_with(|| Arc::new(Organization::new(&self.0.limits))).clone()
        })
    }

    /// Places for a call of `organization`, or why there are none.
    fn admit(&self, organization: &str) -> Result<(Place, Place), Refusal> {
        let limits = &self.0.limits;
        let known = self.organization(organization);
        let exhausted = |reason, message: String, limit: u32, delay: Duration| {
            refuse(Code::ResourceExhausted, reason, message).with("limit", limit.to_string()).retry_after(delay)
        };
        known.rate.check().map_err(|not_until| {
            let delay = not_until.wait_time_from(self.0.clock.now()).max(Duration::from_millis(1));
            let most = limits.calls_per_second;
            let message =
                format!("{organization} may make {most} calls a second: come back in {} ms", delay.as_millis());
            exhausted(Reason::RateLimited, message, most, delay).with("organization", organization)
        })?;
        let own = Place::take(&known.in_progress, limits.in_progress).ok_or_else(|| {
            let most = limits.in_progress;
            let message = format!("{organization} has {most} calls in progress: wait for some to end");
            exhausted(Reason::TooManyInProgress, message, most, COME_BACK).with("organization", organization)
        })?;
        let all = Place::take(&self.0.all, limits.in_progress_of_all).ok_or_else(|| {
            let most = limits.in_progress_of_all;
            exhausted(Reason::Overloaded, format!("{most} calls are in progress: come back soon"), most, COME_BACK)
        })?;
        Ok((own, all))
    }
}

impl Organization {
    fn new(limits: &config::Limits) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.calls_per_second)).allow_burst(at_least_one(limits.burst));
        Organization { rate: RateLimiter::direct(quota), in_progress: Arc::default() }
    }
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { limits: self.clone(), inner }
    }
}

/// A service behind the limits.
#[derive(Debug, Clone)]
pub struct Limited<S> {
    limits: Limits,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Limited<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        if caller.is_some_and(Caller::is_service) {
            return Box::pin(self.inner.call(request));
        }
        // Those without a name (health, reflection) share one.
        let places = match self.limits.admit(caller.map_or("unknown", |caller| &caller.organization)) {
            Ok(places) => places,
            Err(refusal) => {
                tracing::debug!(method = request.uri().path(), reason = refusal.reason, "a call was shed");
                return Box::pin(async move { Ok(Status::from(refusal).into_http()) });
            }
        };
        let called = self.inner.call(request);
        Box::pin(async move {
            let response = called.await?;
            Ok(response.map(|body| Body::new(Held { body, _places: places })))
        })
    }
}

/// A body that holds its call's places until it is sent.
struct Held {
    body: Body,
    _places: (Place, Place),
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organisation_is_held_back_and_another_is_not() {
        let limits = Limits::new(config::Limits {
            calls_per_second: 1,
            burst: 3,
            in_progress: 2,
            in_progress_of_all: 4,
            ..config::Limits::default()
        });
        let held: Vec<_> = (0..2).map(|_| limits.admit("loud").unwrap()).collect();
        assert_eq!(limits.admit("loud").err().unwrap().reason, "TOO_MANY_IN_PROGRESS");
        // The third call used the last of the burst.
        let refusal = limits.admit("loud").err().unwrap();
        assert_eq!(refusal.reason, "RATE_LIMITED");
        assert!(refusal.details.retry.unwrap() <= Duration::from_secs(1));
        let others: Vec<_> = (0..2).map(|_| limits.admit("quiet").unwrap()).collect();
        assert_eq!(limits.admit("third").err().unwrap().reason, "OVERLOADED");
        drop(held);
        limits.admit("third").unwrap();
        drop(others);
        assert_eq!(limits.0.all.load(Ordering::Relaxed), 0);
    }
}
