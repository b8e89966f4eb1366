//! One server for whatever services a process runs: health, reflection, the caller table, graceful end.

use std::future::Future;
use std::time::Duration;

use tonic::service::RoutesBuilder;
use tonic::transport::Server;

use crate::access::{Access, Row, Table};
use crate::connect::Arrivals;

/// Largest message received. A bundle or a batch of 10,000 readings is far below.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Streams at a time on one connection.
const MAX_STREAMS: u32 = 1_024;
/// Longest answer to any call.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a process serves.
pub struct Serving {
    /// The services.
    pub routes: RoutesBuilder,
    /// Their rows of the caller table.
    pub rows: Vec<Row>,
    /// Their full names, for health.
    pub names: Vec<&'static str>,
}

impl Serving {
    /// Serves what arrives until `stop` completes, then lets calls in progress finish.
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
        Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .timeout(TIMEOUT)
            .layer(Access(Table::new(self.rows)))
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(arrivals.into_stream(), stop)
            .await
    }
}
