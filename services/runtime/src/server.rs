//! One server for whatever services a process runs: health, reflection, the caller table, graceful end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tonic::service::RoutesBuilder;
use tonic::transport::Server;

use crate::access::{Access, Row, Table};
use crate::answer::Answer;
use crate::blocked::Blocked;
use crate::config;
use crate::connect::Arrivals;
use crate::limits::Limits;
use crate::telemetry::{Meters, Observe};

/// Largest message received. A bundle or a batch of 10,000 readings is far below.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Streams at a time on one connection.
const MAX_STREAMS: u32 = 1_024;
/// Largest headers of a call.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// How often a quiet connection is asked whether it lives, and how long it may take to say so.
const ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// What a process serves.
pub struct Serving {
    /// The services.
    pub routes: RoutesBuilder,
    /// Their rows of the caller table.
    pub rows: Vec<Row>,
    /// Their full names, for health.
    pub names: Vec<&'static str>,
    /// How much callers may ask for.
    pub limits: config::Limits,
    /// Who may call nothing.
    pub blocked: watch::Receiver<Arc<Blocked>>,
    /// Who gets figures of the calls.
    pub meters: Meters,
}

impl Serving {
    /// Serves what arrives until `stop` completes, then lets calls in progress finish, for as long as the limits allow.
    ///
    /// # Errors
    /// Those of the transport.
    pub async fn run(
        mut self,
        arrivals: Arrivals,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), tonic::transport::Error> {
        let (health, health_service) = tonic_health::server::health_reporter();
        for name in &self.names {
            health.set_service_status(*name, tonic_health::ServingStatus::Serving).await;
        }
        self.routes.add_service(health_service);
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the checked-in descriptors are whole");
        self.routes.add_service(reflection);
        let seconds = |number: u32| Duration::from_secs(u64::from(number));
        let drain = seconds(self.limits.drain_secs);
        let stopping = Arc::new(Notify::new());
        let stopped = stopping.clone();
        let table = Table::new(self.rows);
        // From the outside in: each is observed, explains itself, is known, is not too much.
        let serving = Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keepalive_interval(Some(ALIVE.0))
            .http2_keepalive_timeout(Some(ALIVE.1))
            .max_connection_age(seconds(self.limits.connection_secs))
            .max_connection_age_grace(seconds(self.limits.answer_secs))
            .layer(Observe { meters: self.meters, table: table.clone() })
            .layer(Answer { longest: seconds(self.limits.answer_secs) })
            .layer(Access { table, blocked: self.blocked })
            .layer(Limits::new(self.limits))
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(arrivals.into_stream(), async move {
                stop.await;
                stopped.notify_one();
            });
        let too_long = async {
            stopping.notified().await;
            tokio::time::sleep(drain).await;
        };
        tokio::select! {
            served = serving => served,
            () = too_long => {
                tracing::warn!(seconds = drain.as_secs(), "calls were still in progress and were broken off");
                Ok(())
            }
        }
    }
}
