//! Whom to trust, and what to show: the configuration of TLS.
//!
//! It is made here and not by the client, because rustls refuses to choose where a program links two providers of
//! cryptography, and then panics in the middle of connecting.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::rustls::{ClientConfig, RootCertStore, crypto};

use crate::builder::Tls;
use crate::connect::ConnectError;

/// Certificates are checked in any case; without roots of the program's own, against those of the system.
pub(crate) fn config(tls: &Tls) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    if tls.roots.is_empty() {
        // What can't be read is not trusted. If that is everything, connecting fails and says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for path in &tls.roots {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, error))?;
        }
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Config(format!("TLS can't be used: {error}")))?
        .with_root_certificates(roots);
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
            let identity = builder.with_client_auth_cert(certificates(chain)?, private);
            identity.map_err(|error| unusable(chain, error))
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, error))?;
    let read = read.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(path, error))?;
    if read.is_empty() {
        return Err(unusable(path, "there is no certificate in PEM format in it"));
    }
    Ok(read)
}

fn unusable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectError {
    ConnectError::File { path: path.display().to_string(), source: io::Error::other(error) }
}
