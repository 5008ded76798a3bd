//! Encryption before a server that knows none: certificates, and a listener that takes it off.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Which certificate a listener shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// A good one.
    Good,
    /// One for another host.
    OtherHost,
    /// One that is out of date.
    Expired,
    /// One that nobody has signed.
    SelfSigned,
}

/// Takes encrypted connections, and passes on in the clear what comes. It ends when this is dropped.
pub(crate) struct Tls {
    pub(crate) address: SocketAddr,
    /// The certificate of the authority, in PEM format.
    pub(crate) authority: String,
    accepting: JoinHandle<()>,
}

impl Tls {
    pub(crate) async fn before(server: SocketAddr, shows: Shows) -> io::Result<Self> {
        let (authority, certificate, key) = certificates(shows).map_err(io::Error::other)?;
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let (mut client, mut server) =
                        (acceptor.accept(client).await?, TcpStream::connect(server).await?);
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(Self { address, authority, accepting })
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The authority's certificate, the server's, and the server's key.
fn certificates(shows: Shows) -> Result<(String, String, String), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let host = if shows == Shows::OtherHost { "elsewhere.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new([host.to_owned()])?;
    if shows == Shows::Expired {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    }
    let key = KeyPair::generate()?;
    let certificate = match shows {
        Shows::SelfSigned => params.self_signed(&key)?,
        _ => params.signed_by(&key, &authority)?,
    };
    Ok((authority.pem(), certificate.pem(), key.serialize_pem()))
}
