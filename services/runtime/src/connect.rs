//! Connections: mTLS between processes, a duplex pipe within one. Above here nobody can tell which.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};
use tonic::body::Body;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::Service;

use crate::Caller;

/// Bytes in flight in an in-process pipe.
const PIPE: usize = 256 << 10;
/// Connections accepted and waiting for the server.
const BACKLOG: usize = 256;
/// A TLS handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time: what comes beyond waits in the kernel's queue.
const HANDSHAKES: usize = 256;
/// A peer that has not begun its answer after this is taken for gone.
const PEER_ANSWER: Duration = Duration::from_secs(30);
/// How often a quiet connection to a peer is asked whether it lives, and how long it may take to say so.
const PEER_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Certificate chain, key and the authority that the other side must come from.
#[derive(Debug)]
pub struct Identity {
    /// Own chain, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Own key.
    pub key: PrivateKeyDer<'static>,
    /// Authority of the other side.
    pub authority: Vec<CertificateDer<'static>>,
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Text that is no PEM of the kind.
    #[error("{what} holds no usable PEM")]
    Pem {
        /// Which file.
        what: &'static str,
    },
    /// rustls refuses the combination.
    #[error("certificate and key cannot be used: {0}")]
    Tls(String),
}

impl Identity {
    /// Reads PEM texts.
    ///
    /// # Errors
    /// [`IdentityError::Pem`].
    pub fn from_pem(chain: &[u8], key: &[u8], authority: &[u8]) -> Result<Self, IdentityError> {
        let certificates = |bytes: &[u8], what| {
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
            match read {
                Ok(read) if !read.is_empty() => Ok(read),
                _ => Err(IdentityError::Pem { what }),
            }
        };
        Ok(Identity {
            chain: certificates(chain, "certificate")?,
            key: PrivateKeyDer::from_pem_slice(key).map_err(|_| IdentityError::Pem { what: "key" })?,
            authority: certificates(authority, "authority")?,
        })
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, IdentityError> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.authority {
            roots.add(certificate.clone()).map_err(|e| IdentityError::Tls(e.to_string()))?;
        }
        Ok(Arc::new(roots))
    }

    /// Server side: TLS 1.3, client certificate required.
    ///
    /// # Errors
    /// [`IdentityError::Tls`].
    pub fn server(&self) -> Result<TlsAcceptor, IdentityError> {
        let tls = |e: &dyn std::fmt::Display| IdentityError::Tls(e.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots()?, provider.clone())
            .build()
            .map_err(|e| tls(&e))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| tls(&e))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|e| tls(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Client side: TLS 1.3 with our certificate.
    ///
    /// # Errors
    /// [`IdentityError::Tls`].
    pub fn client(&self) -> Result<TlsConnector, IdentityError> {
        let tls = |e: &dyn std::fmt::Display| IdentityError::Tls(e.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| tls(&e))?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|e| tls(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct OtherEnd {
    /// The caller, where the certificate names one.
    pub caller: Option<Caller>,
    /// SHA-256 of the certificate; zeros in one process.
    pub certificate: [u8; 32],
}

/// Who comes in where a listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Callers, enrolled by the operator. Nobody here is a service, whatever the certificate says.
    Callers,
    /// The other services of the installation.
    Services,
}

impl Door {
    fn other_end(self, certificate: &[u8]) -> OtherEnd {
        let caller = match self {
            Door::Callers => Caller::from_certificate(certificate),
            Door::Services => Caller::service_from_certificate(certificate),
        };
        OtherEnd { caller, certificate: cose::sha256(certificate) }
    }
}

/// A connection to a server.
pub enum Connection {
    /// From another process.
    Tls(Box<TlsStream<TcpStream>>, OtherEnd),
    /// From this one.
    Pipe(DuplexStream),
}

impl Connected for Connection {
    type ConnectInfo = OtherEnd;

    fn connect_info(&self) -> OtherEnd {
        match self {
            Connection::Tls(_, other_end) => other_end.clone(),
            Connection::Pipe(_) => OtherEnd { caller: Some(Caller::service("in-process")), certificate: [0; 32] },
        }
    }
}

macro_rules! forward {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Connection::Tls(stream, _) => {
                let $io = Pin::new(stream.as_mut());
                $call
            }
            Connection::Pipe(stream) => {
                let $io = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, io => io.poll_shutdown(cx))
    }
}

/// Where connections of both kinds arrive.
pub struct Arrivals {
    sender: mpsc::Sender<io::Result<Connection>>,
    receiver: mpsc::Receiver<io::Result<Connection>>,
}

impl Default for Arrivals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        Arrivals { sender, receiver }
    }
}

impl Arrivals {
    /// A channel to the server of this process.
    pub fn in_process(&self) -> Channel {
        let sender = self.sender.clone();
        let connect = tower::service_fn(move |_: Uri| {
            let sender = sender.clone();
            async move {
                let (near, far) = tokio::io::duplex(PIPE);
                sender
                    .send(Ok(Connection::Pipe(far)))
                    .await
                    .map_err(|_| io::Error::new(io::ErrorKind::ConnectionRefused, "the server has stopped"))?;
                Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(near))
            }
        });
        Endpoint::from_static("http://in-process").connect_with_connector_lazy(connect)
    }

    /// Accepts TLS connections until the returned task is aborted or the server stops. Each is met with the newest
    /// acceptor.
    pub fn listen(
        &self,
        listener: TcpListener,
        acceptor: watch::Receiver<TlsAcceptor>,
        door: Door,
    ) -> tokio::task::JoinHandle<()> {
        let sender = self.sender.clone();
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        tokio::spawn(async move {
            while !sender.is_closed() {
                let Ok(place) = handshakes.clone().acquire_owned().await else { return };
                let stream = match listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                let (sender, acceptor) = (sender.clone(), acceptor.borrow().clone());
                tokio::spawn(async move {
                    let _place = place;
                    let _nagle = stream.set_nodelay(true);
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                            let other_end = door.other_end(certificate.map_or(&[], |leaf| leaf.as_ref()));
                            let _stopped = sender.send(Ok(Connection::Tls(Box::new(stream), other_end))).await;
                        }
                        Ok(Err(error)) => tracing::info!(%error, "a TLS handshake was refused"),
                        Err(_) => tracing::info!("a TLS handshake took too long"),
                    }
                });
            }
        })
    }

    /// The connections, for the server.
    pub fn into_stream(self) -> tokio_stream::wrappers::ReceiverStream<io::Result<Connection>> {
        tokio_stream::wrappers::ReceiverStream::new(self.receiver)
    }
}

/// A channel to another service of the installation: every call carries the trace that it belongs to.
#[derive(Debug, Clone)]
pub struct Peer(Channel);

impl From<Channel> for Peer {
    fn from(channel: Channel) -> Self {
        Peer(channel)
    }
}

impl Service<http::Request<Body>> for Peer {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = tonic::transport::channel::ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        crate::telemetry::trace::inject(request.headers_mut());
        self.0.call(request)
    }
}

/// A channel over mTLS to a peer at `address` (`host:port`), whose certificate must name that host. Connects when first
/// used and again after a break, each time with the newest connector.
///
/// # Errors
/// [`IdentityError::Tls`] when the address cannot be used.
pub fn channel(connector: watch::Receiver<TlsConnector>, address: &str) -> Result<Peer, IdentityError> {
    let tls = |problem: &dyn std::fmt::Display| IdentityError::Tls(format!("{address}: {problem}"));
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|e| tls(&e))?;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|e| tls(&e))?;
    let address = address.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let (connector, name, address) = (connector.borrow().clone(), name.clone(), address.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(connector.connect(name, stream).await?))
        }
    });
    let endpoint = endpoint
        .connect_timeout(HANDSHAKE)
        .timeout(PEER_ANSWER)
        .http2_keep_alive_interval(PEER_ALIVE.0)
        .keep_alive_timeout(PEER_ALIVE.1)
        .keep_alive_while_idle(true);
    Ok(Peer(endpoint.connect_with_connector_lazy(connect)))
}
