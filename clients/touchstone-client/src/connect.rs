//! A connection as one caller.

use std::io;
use std::sync::Arc;
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
use tonic::transport::{Channel, Endpoint, Uri};

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

/// Typed clients of every service over one connection.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
}

impl Client {
    /// A client of the server at `address` (`host:port`), whose certificate must name `server_name`. Connects when first
    /// used and again after a break.
    ///
    /// # Errors
    /// [`ClientError::Identity`].
    pub fn new(identity: &Identity<'_>, address: &str, server_name: &str) -> Result<Self, ClientError> {
        let bad = |what, problem: &dyn std::fmt::Display| ClientError::Identity { what, problem: problem.to_string() };
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
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(server_name.to_owned()).map_err(|e| bad("server name", &e))?;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|e| bad("address", &e))?;
        let address = address.to_owned();
        let connect = tower::service_fn(move |_: Uri| {
            let (connector, name, address) = (connector.clone(), name.clone(), address.clone());
            async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        Ok(Self { channel: endpoint.connect_timeout(CONNECT).connect_with_connector_lazy(connect) })
    }

    /// Sites, instruments, evidence.
    pub fn metering(&self) -> MeteringServiceClient<Channel> {
        MeteringServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Footprints.
    pub fn footprint(&self) -> FootprintServiceClient<Channel> {
        FootprintServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Applications.
    pub fn certification(&self) -> CertificationServiceClient<Channel> {
        CertificationServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The log.
    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        RegistryServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Verdicts.
    pub fn verification(&self) -> VerificationServiceClient<Channel> {
        VerificationServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The channel, for services that this crate does not name.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }
}
