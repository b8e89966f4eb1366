//! A connection as one caller.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::certification::certification_service_client::CertificationServiceClient;
use proto::footprint::footprint_service_client::FootprintServiceClient;
use proto::metering::metering_service_client::MeteringServiceClient;
use proto::registry::registry_service_client::RegistryServiceClient;
use proto::verification::verification_service_client::VerificationServiceClient;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::Service;

use crate::ClientError;

/// Largest message received: above the server's own limit.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// A connection that takes longer is given up.
const CONNECT: Duration = Duration::from_secs(10);

/// A caller's certificate and key, and the authority of the server: PEM.
pub struct Identity<'a> {
    /// Certificate chain of the caller.
    pub certificate: &'a [u8],
    /// PKCS#8 key of the caller.
    pub key: &'a [u8],
    /// Authority that the server's certificate must come from.
    pub authority: &'a [u8],
}

/// Where the services are (`host:port` each): one address where a process runs all of them, several where each has its
/// own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Instruments and readings.
    pub metering: String,
    /// Footprints.
    pub footprint: String,
    /// Applications and decisions.
    pub certification: String,
    /// The log.
    pub registry: String,
    /// Verdicts.
    pub verification: String,
}

impl Addresses {
    /// All services at one address.
    pub fn together(address: &str) -> Self {
        let here = || address.to_owned();
        Addresses { metering: here(), footprint: here(), certification: here(), registry: here(), verification: here() }
    }
}

/// W3C `traceparent` of the call that is being made; `None` where nobody traces it.
type Trace = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A channel to a service, whose calls name the trace that they belong to.
#[derive(Clone)]
pub struct Line {
    channel: Channel,
    trace: Option<Trace>,
}

impl Service<http::Request<Body>> for Line {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = tonic::transport::channel::ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let parent = self.trace.as_ref().and_then(|trace| trace()).and_then(|parent| parent.try_into().ok());
        if let Some(parent) = parent {
            request.headers_mut().insert("traceparent", parent);
        }
        self.channel.call(request)
    }
}

/// Typed clients of every service; services at one address share one connection.
#[derive(Clone)]
pub struct Client {
    trace: Option<Trace>,
    metering: Channel,
    footprint: Channel,
    certification: Channel,
    registry: Channel,
    verification: Channel,
}

impl Client {
    /// A client of the server at `address` (`host:port`), whose certificate must name `server_name`. Connects when first
    /// used and again after a break.
    ///
    /// # Errors
    /// [`ClientError::Identity`].
    pub fn new(identity: &Identity<'_>, address: &str, server_name: &str) -> Result<Self, ClientError> {
        Client::at(identity, &Addresses::together(address), server_name)
    }

    /// A client of services at several addresses, whose certificates must all name `server_name`.
    ///
    /// # Errors
    /// [`ClientError::Identity`].
    pub fn at(identity: &Identity<'_>, addresses: &Addresses, server_name: &str) -> Result<Self, ClientError> {
        let connector = connector(identity)?;
        let name = ServerName::try_from(server_name.to_owned()).map_err(|e| bad("server name", &e))?;
        let mut known: Vec<(&str, Channel)> = Vec::new();
        let mut channel = |address| match known.iter().find(|(other, _)| *other == address) {
            Some((_, channel)) => Ok(channel.clone()),
            None => {
                let channel = connect(&connector, &name, address)?;
                known.push((address, channel.clone()));
                Ok::<_, ClientError>(channel)
            }
        };
        Ok(Client {
            trace: None,
            metering: channel(&addresses.metering)?,
            footprint: channel(&addresses.footprint)?,
            certification: channel(&addresses.certification)?,
            registry: channel(&addresses.registry)?,
            verification: channel(&addresses.verification)?,
        })
    }

    /// The same, and every call names the trace that it belongs to: `parent` gives its W3C `traceparent`
    /// (<https://www.w3.org/TR/trace-context/>), for example from the span that is current.
    pub fn with_trace(mut self, parent: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.trace = Some(Arc::new(parent));
        self
    }

    fn line(&self, channel: &Channel) -> Line {
        Line { channel: channel.clone(), trace: self.trace.clone() }
    }

    /// Sites, instruments, evidence.
    pub fn metering(&self) -> MeteringServiceClient<Line> {
        MeteringServiceClient::new(self.line(&self.metering)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Footprints.
    pub fn footprint(&self) -> FootprintServiceClient<Line> {
        FootprintServiceClient::new(self.line(&self.footprint)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Applications.
    pub fn certification(&self) -> CertificationServiceClient<Line> {
        CertificationServiceClient::new(self.line(&self.certification)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The log.
    pub fn registry(&self) -> RegistryServiceClient<Line> {
        RegistryServiceClient::new(self.line(&self.registry)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Verdicts.
    pub fn verification(&self) -> VerificationServiceClient<Line> {
        VerificationServiceClient::new(self.line(&self.verification)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The channel to the service of an RPC's `path` (`/touchstone.metering.v1.…`), for callers without a typed client.
    pub fn channel(&self, path: &str) -> Line {
        let package = path.trim_start_matches("/touchstone.").split('.').next();
        let channel = match package {
            Some("footprint") => &self.footprint,
            Some("certification") => &self.certification,
            Some("registry") => &self.registry,
            Some("verification") => &self.verification,
            _ => &self.metering,
        };
        self.line(channel)
    }
}

fn bad(what: &'static str, problem: &dyn std::fmt::Display) -> ClientError {
    ClientError::Identity { what, problem: problem.to_string() }
}

fn connector(identity: &Identity<'_>) -> Result<TlsConnector, ClientError> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| bad("certificate", &e))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key).map_err(|e| bad("key", &e))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(identity.authority) {
        roots.add(certificate.map_err(|e| bad("authority", &e))?).map_err(|e| bad("authority", &e))?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| bad("TLS 1.3", &e))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| bad("certificate and key", &e))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn connect(connector: &TlsConnector, name: &ServerName<'static>, address: &str) -> Result<Channel, ClientError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|e| bad("address", &e))?;
    let (connector, name, address) = (connector.clone(), name.clone(), address.to_owned());
    let connect = tower::service_fn(move |_: Uri| {
        let (connector, name, address) = (connector.clone(), name.clone(), address.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(connector.connect(name, stream).await?))
        }
    });
    Ok(endpoint.connect_timeout(CONNECT).connect_with_connector_lazy(connect))
}
