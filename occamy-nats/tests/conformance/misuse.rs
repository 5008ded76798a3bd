//! Servers that must be refused, or that must refuse.

use occamy_nats::{NatsBuilder, NatsTransport};
use occamy_runtime::conformance::{Misuse, SubjectError};

use crate::common::certificates::{Authority, self_signed};
use crate::common::private::Private;

/// Starts such a server.
pub(crate) async fn server(program: &str, misuse: &Misuse) -> Result<Private, SubjectError> {
    Private::start(program, |folder| {
        let folder = folder.path();
        if matches!(misuse, Misuse::WrongPassword { .. }) {
            return Ok("authorization { user: user, password: right }".into());
        }
        let authority = Authority::new()?;
        std::fs::write(folder.join("authority.pem"), authority.pem())?;
        match misuse {
            Misuse::WrongHostName => authority.issue(folder, "server", "elsewhere.example")?,
            Misuse::Expired => authority.issue_expired(folder, "server", "127.0.0.1")?,
            _ => self_signed(folder, "server", "127.0.0.1")?,
        }
        let path = |name: &str| folder.join(name).display().to_string();
        Ok(format!("tls {{ cert_file: {:?}, key_file: {:?} }}", path("server.pem"), path("server.key")))
    })
    .await
}

/// How to connect to it.
pub(crate) fn builder(server: &Private, service: &str, misuse: &Misuse) -> NatsBuilder {
    let port = server.port();
    match misuse {
        Misuse::WrongPassword { password } => {
            NatsTransport::builder(service).url(format!("nats://user:{password}@127.0.0.1:{port}"))
        }
        _ => NatsTransport::builder(service)
            .url(format!("tls://127.0.0.1:{port}"))
            .root_certificates(server.path("authority.pem")),
    }
}
