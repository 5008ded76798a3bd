//! Certificates for tests: an authority, and what it has signed or not.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, Error, IsCa, KeyPair, date_time_ymd};

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?).map(Self)
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes `name.pem` and `name.key` for this host, or for nobody in particular.
    pub(crate) fn issue(&self, folder: &Path, name: &str, host: &str) -> std::io::Result<()> {
        let made = || {
            let (params, key) = (params(host)?, KeyPair::generate()?);
            Ok::<_, Error>((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
        };
        write(folder, name, made())
    }

    /// The same, but of a time long ago.
    pub(crate) fn issue_expired(&self, folder: &Path, name: &str, host: &str) -> std::io::Result<()> {
        let made = || {
            let (mut params, key) = (params(host)?, KeyPair::generate()?);
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
            Ok::<_, Error>((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
        };
        write(folder, name, made())
    }
}

/// The same, signed by nobody but itself.
pub(crate) fn self_signed(folder: &Path, name: &str, host: &str) -> std::io::Result<()> {
    let made = || {
        let (params, key) = (params(host)?, KeyPair::generate()?);
        Ok::<_, Error>((params.self_signed(&key)?.pem(), key.serialize_pem()))
    };
    write(folder, name, made())
}

fn params(host: &str) -> Result<CertificateParams, Error> {
    CertificateParams::new([host.to_owned()])
}

fn write(folder: &Path, name: &str, made: Result<(String, String), Error>) -> std::io::Result<()> {
    let (certificate, key) = made.map_err(std::io::Error::other)?;
    std::fs::write(folder.join(name).with_extension("pem"), certificate)?;
    std::fs::write(folder.join(name).with_extension("key"), key)
}
