//! Connections to receivers. Which address a name has is looked up here and nowhere else, and the address that was judged is
//! the one that is connected to.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::is_public;
use super::destination::Destination;

/// How many addresses of one name are tried.
const ADDRESSES: usize = 4;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Unresolved(#[source] io::Error),
    /// All its addresses are private.
    #[error("the address is private")]
    Private,
    /// Nobody listens.
    #[error("cannot connect")]
    Unconnected(#[source] io::Error),
    /// The certificate is not one to trust there. Nothing was sent.
    #[error("the certificate is not trusted: {0}")]
    Certificate(CertificateError),
    /// TLS failed otherwise.
    #[error("TLS failed")]
    Tls(#[source] io::Error),
}

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: TlsConnector,
    allows_private: bool,
}

impl Connector {
    /// With the system's authorities (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead), and those in `ca_file`,
    /// if it is not empty: receivers everywhere must stay reachable beside those in the operator's network. Reads files.
    ///
    /// # Errors
    /// Why it cannot be done, for the operator.
    pub(crate) fn new(ca_file: &Path, allows_private: bool) -> Result<Self, String> {
        // The provider is named, since a process-wide default is ambiguous once two libraries bring one.
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(ca_file)?)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), allows_private })
    }

    /// Connects to a receiver.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub(super) async fn connect(&self, to: &Destination) -> Result<TokioIo<Link>, ConnectError> {
        let (host, port) = (to.host.as_str(), to.port);
        let found = tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Unresolved)?;
        let all: Vec<SocketAddr> = found.take(ADDRESSES).collect();
        let allowed: Vec<SocketAddr> =
            all.iter().copied().filter(|found| self.allows_private || is_public(found.ip())).collect();
        if allowed.is_empty() && !all.is_empty() {
            return Err(ConnectError::Private);
        }
        let stream = TcpStream::connect(allowed.as_slice()).await.map_err(ConnectError::Unconnected)?;
        // A lost option costs some milliseconds, no more.
        let _ = stream.set_nodelay(true);
        if !to.is_encrypted {
            return Ok(TokioIo::new(Link(Box::new(stream))));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let why = "no name for a certificate";
            ConnectError::Unresolved(io::Error::new(io::ErrorKind::InvalidInput, why))
        })?;
        let stream = self.tls.connect(name, stream).await.map_err(refused)?;
        Ok(TokioIo::new(Link(Box::new(stream))))
    }
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // A machine without authorities can still tell receivers in its own network.
    for error in system.errors {
        tracing::warn!(%error, "some of the system's certificate authorities cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if file.as_os_str().is_empty() {
        return Ok(roots);
    }
    let unusable = |why: &dyn std::fmt::Display| format!("the authorities in {} cannot be used: {why}", file.display());
    let of_system = roots.len();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    if roots.len() == of_system { Err(unusable(&"there is no certificate in it")) } else { Ok(roots) }
}

/// Why there is no TLS.
fn refused(error: io::Error) -> ConnectError {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(error)) => ConnectError::Certificate(error.clone()),
        _ => ConnectError::Tls(error),
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, encrypted or not.
pub(crate) struct Link(Box<dyn Duplex>);

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
