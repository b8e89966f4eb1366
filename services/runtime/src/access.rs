//! Who may call: a table with one row an RPC. An RPC without a row refuses everybody.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use proto::access::ErrorReason as Reason;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::blocked::Blocked;
use crate::connect::OtherEnd;
use crate::{Caller, Refusal, Role};

/// Domain of the reasons that the layers before every handler give.
pub const DOMAIN: &str = "access.touchstone";

/// A refusal of these layers.
pub(crate) fn refuse(code: Code, reason: Reason, message: impl Into<String>) -> Refusal {
    Refusal::new(DOMAIN, code, reason.as_str_name(), message)
}

/// Who may call one RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody with a certificate of this installation, known caller or not: health and reflection.
    Connected,
    /// Every known caller.
    Known,
    /// Callers of these roles.
    Roles(&'static [Role]),
}

/// One row: path of the RPC and who may call it.
pub type Row = (&'static str, Who);

/// The rows that every server has.
pub const COMMON: &[Row] = &[
    ("/grpc.health.v1.Health/Check", Who::Connected),
    ("/grpc.health.v1.Health/Watch", Who::Connected),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Who::Connected),
];

/// The table of a server.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<BTreeMap<&'static str, Who>>);

impl Table {
    /// A table of these rows and the common ones.
    pub fn new(rows: impl IntoIterator<Item = Row>) -> Self {
        Table(Arc::new(rows.into_iter().chain(COMMON.iter().copied()).collect()))
    }

    /// The path itself, as the table has it; `None` where it has no row.
    pub fn method(&self, path: &str) -> Option<&'static str> {
        self.0.get_key_value(path).map(|(method, _)| *method)
    }

    /// Who may call `path`; `None` refuses everybody.
    pub fn row(&self, path: &str) -> Option<Who> {
        self.0.get(path).copied()
    }

    /// Lets a call pass, or says why not.
    ///
    /// # Errors
    /// `CALLER_NOT_ALLOWED` or `CALLER_UNKNOWN`.
    pub fn judge(&self, path: &str, caller: Option<&Caller>) -> Result<(), Refusal> {
        let not_allowed = |message: String| refuse(Code::PermissionDenied, Reason::CallerNotAllowed, message);
        let who = self.row(path).ok_or_else(|| {
            not_allowed(format!(
                "no caller may use {path} here: this process has no row for it in its caller table; it may run in another"
            ))
            .with("method", path)
        })?;
        let known = || {
            caller.ok_or_else(|| {
                refuse(
                    Code::Unauthenticated,
                    Reason::CallerUnknown,
                    "the client certificate names no caller: connect with one issued by the operator",
                )
            })
        };
        match who {
            Who::Connected => Ok(()),
            Who::Known => known().map(|_| ()),
            Who::Roles(roles) => {
                let caller = known()?;
                if roles.contains(&caller.role) {
                    return Ok(());
                }
                let allowed = roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
                Err(not_allowed(format!("a caller of role {} may not use {path}: {allowed} may", caller.role.word()))
                    .with("method", path)
                    .with("role", caller.role.word())
                    .with("allowed_roles", allowed))
            }
        }
    }
}

/// Puts the table before every handler and the caller into every request.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who may call what.
    pub table: Table,
    /// Who may call nothing.
    pub blocked: watch::Receiver<Arc<Blocked>>,
}

impl Access {
    fn not_blocked(&self, other_end: Option<&OtherEnd>) -> Result<(), Refusal> {
        let Some((caller, certificate)) = other_end.and_then(|end| Some((end.caller.as_ref()?, &end.certificate)))
        else {
            return Ok(());
        };
        match self.blocked.borrow().why(caller, certificate) {
            None => Ok(()),
            Some(why) => Err(refuse(
                Code::PermissionDenied,
                Reason::CallerBlocked,
                format!("this certificate of {} is blocked ({why}): ask the operator for another", caller.uri()),
            )
            .with("why", why)),
        }
    }
}

impl<S> Layer<S> for Access {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { access: self.clone(), inner }
    }
}

/// A service behind the table.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    access: Access,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Guarded<S>
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

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let other_end = request.extensions().get::<OtherEnd>();
        let caller = other_end.and_then(|end| end.caller.clone());
        let judged = self.access.not_blocked(other_end);
        if let Err(refusal) = judged.and_then(|()| self.access.table.judge(request.uri().path(), caller.as_ref())) {
            let caller = caller.as_ref().map_or_else(|| "unknown".to_owned(), Caller::uri);
            tracing::info!(method = request.uri().path(), caller, reason = refusal.reason, "a call was refused");
            return Box::pin(async move { Ok(Status::from(refusal).into_http()) });
        }
        if let Some(caller) = caller {
            tracing::Span::current().record("touchstone.organization", caller.organization.as_str());
            request.extensions_mut().insert(caller);
        }
        // The clone that was polled ready must be the one called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move { inner.call(request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpc_without_a_row_refuses_every_role() {
        let table = Table::new([("/a.B/Known", Who::Known), ("/a.B/Decide", Who::Roles(&[Role::Decider]))]);
        for role in Role::ALL {
            let caller = Caller { organization: "o".into(), role, person: "p".into() };
            assert_eq!(table.judge("/a.B/Forgotten", Some(&caller)).unwrap_err().reason, "CALLER_NOT_ALLOWED");
            assert!(table.judge("/a.B/Known", Some(&caller)).is_ok());
            assert_eq!(table.judge("/a.B/Decide", Some(&caller)).is_ok(), role == Role::Decider);
        }
        assert_eq!(table.judge("/a.B/Known", None).unwrap_err().reason, "CALLER_UNKNOWN");
        assert!(table.judge("/grpc.health.v1.Health/Check", None).is_ok());
    }
}
