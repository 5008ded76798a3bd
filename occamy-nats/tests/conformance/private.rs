//! A server of a check's own, with a password or with certificates.

use std::path::PathBuf;
use std::time::Duration;

use occamy_nats::{NatsBuilder, NatsTransport};
use occamy_runtime::conformance::{Misuse, SubjectError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A server, which ends when this is dropped.
pub(crate) struct Private {
    folder: TempDir,
    port: u16,
    _process: Child,
}

/// How to connect to it, so that it must be refused.
pub(crate) fn builder(private: &Private, service: &str, misuse: &Misuse) -> NatsBuilder {
    let port = private.port;
    match misuse {
        Misuse::WrongPassword { password } => {
            NatsTransport::builder(service).url(format!("nats://user:{password}@127.0.0.1:{port}"))
        }
        _ => NatsTransport::builder(service)
            .url(format!("tls://127.0.0.1:{port}"))
            .root_certificates(private.folder.path().join("authority.pem")),
    }
}

impl Private {
    pub(crate) async fn start(program: &str, misuse: &Misuse) -> Result<Self, SubjectError> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut config = format!("host: 127.0.0.1\nport: -1\nports_file_dir: {:?}\n", folder.path());
        config += &format!("jetstream {{ store_dir: {:?} }}\n", path("data"));
        if matches!(misuse, Misuse::WrongPassword { .. }) {
            config += "authorization { user: user, password: right }\n";
        } else {
            certificates(misuse, &path("authority.pem"), &path("server.pem"), &path("key.pem"))?;
            config +=
                &format!("tls {{ cert_file: {:?}, key_file: {:?} }}\n", path("server.pem"), path("key.pem"));
        }
        std::fs::write(path("nats.conf"), config)?;
        let mut process = Command::new(program);
        process.arg("-c").arg(path("nats.conf")).arg("-l").arg(path("log")).kill_on_drop(true);
        let mut process = process.spawn()?;
        let port = loop {
            if let Some(port) = port(&folder)? {
                break port;
            }
            if let Some(status) = process.try_wait()? {
                let log = std::fs::read_to_string(path("log")).unwrap_or_default();
                return Err(format!("the server has ended with {status}: {log}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Ok(Self { folder, port, _process: process })
    }
}

/// From the file that the server writes when it listens.
fn port(folder: &TempDir) -> Result<Option<u16>, SubjectError> {
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ports") {
            // Half written, it can't be understood.
            let Ok(ports) = serde_json::from_slice::<serde_json::Value>(&std::fs::read(path)?) else {
                continue;
            };
            let url = ports["nats"][0].as_str().or(ports["tls"][0].as_str()).unwrap_or_default();
            return Ok(url.rsplit(':').next().and_then(|port| port.parse().ok()));
        }
    }
    Ok(None)
}

/// An authority that the client trusts, and a certificate that is not as it should be.
fn certificates(
    misuse: &Misuse,
    authority: &PathBuf,
    chain: &PathBuf,
    key: &PathBuf,
) -> Result<(), SubjectError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(authority, issuer.pem())?;

    let host = if *misuse == Misuse::WrongHostName { "elsewhere.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new([host.to_owned()])?;
    if *misuse == Misuse::Expired {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    }
    let own = KeyPair::generate()?;
    let certificate = match misuse {
        Misuse::SelfSigned => params.self_signed(&own)?,
        _ => params.signed_by(&own, &issuer)?,
    };
    std::fs::write(chain, certificate.pem())?;
    std::fs::write(key, own.serialize_pem())?;
    Ok(())
}
