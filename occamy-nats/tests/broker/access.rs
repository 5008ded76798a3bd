//! Saying who one is, by each of the ways there are, and speaking in private.

use bytes::Bytes;
use occamy_core::Headers;
use occamy_core::transport::Transport;
use occamy_nats::{NatsBuilder, NatsTransport};
use tokio::time::timeout;

use crate::common::certificates::Authority;
use crate::common::jwt::{Identities, identities};
use crate::common::private::Private;
use crate::common::program;
use crate::support::{SOON, send, take};

/// Everything that a server does, once.
async fn works(builder: NatsBuilder) {
    let transport = builder.connect().await.unwrap();
    let (mut requests, mut controls) = (transport.requests(), transport.controls());
    send(&transport, "request").await;
    take(&mut requests, 1).await.ack().await.unwrap();
    transport.publisher().control(Headers::new(), Bytes::from("control")).await.unwrap();
    let control = timeout(SOON, controls.next()).await.expect("a control message").unwrap().unwrap();
    assert_eq!(control.body(), "control");
    send(&transport, "bad").await;
    take(&mut requests, 1).await.reject(false).await.unwrap();
    transport.drain().await;
    transport.close().await.unwrap();
}

#[tokio::test]
async fn by_user_and_password() {
    let Some(program) = program() else { return };
    let settings = "authorization { user: us@er, password: \"p/w\" }";
    let server = Private::start(&program, |_| Ok(settings.into())).await.unwrap();
    let port = server.port();
    works(NatsTransport::builder("s").url(format!("nats://us%40er:p%2Fw@127.0.0.1:{port}"))).await;
    let url = format!("nats://127.0.0.1:{port}");
    works(NatsTransport::builder("s").url(&*url).user_and_password("us@er", "p/w")).await;
    let error = NatsTransport::builder("s").url(&*url).connect().await.unwrap_err().to_string();
    assert!(error.contains("authorization") && error.contains(&url), "{error}");
}

#[tokio::test]
async fn by_token() {
    let Some(program) = program() else { return };
    let server = Private::start(&program, |_| Ok("authorization { token: t0ken }".into())).await.unwrap();
    let port = server.port();
    works(NatsTransport::builder("s").url(format!("nats://t0ken@127.0.0.1:{port}"))).await;
    works(NatsTransport::builder("s").url(format!("nats://127.0.0.1:{port}")).token("t0ken")).await;
}

#[tokio::test]
async fn by_nkey() {
    let Some(program) = program() else { return };
    let user = nkeys::KeyPair::new_user();
    let settings = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", user.public_key());
    let server = Private::start(&program, |_| Ok(settings)).await.unwrap();
    let builder = NatsTransport::builder("s").url(format!("nats://127.0.0.1:{}", server.port()));
    works(builder.nkey(user.seed().unwrap())).await;
}

#[tokio::test]
async fn by_credentials_file() {
    let Some(program) = program() else { return };
    let Identities { settings, credentials } = identities().unwrap();
    let server = Private::start(&program, |_| Ok(settings)).await.unwrap();
    let builder = NatsTransport::builder("s").url(format!("nats://127.0.0.1:{}", server.port()));
    let file = server.path("user.creds");
    let missing = builder.clone().credentials_file(&file).connect().await.unwrap_err().to_string();
    assert!(missing.contains("user.creds"), "{missing}");
    std::fs::write(&file, credentials).unwrap();
    works(builder.credentials_file(&file)).await;
}

#[tokio::test]
async fn with_no_more_permissions_than_the_documentation_asks_for() {
    let Some(program) = program() else { return };
    let settings = r#"authorization { users = [ { user: u, password: p, permissions: {
        publish: ["s-request", "s-control", "s-dead", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"],
        subscribe: ["s-control", "_INBOX.>"]
    } } ] }"#;
    let server = Private::start(&program, |_| Ok(settings.into())).await.unwrap();
    works(NatsTransport::builder("s").url(format!("nats://u:p@127.0.0.1:{}", server.port()))).await;
}

#[tokio::test]
async fn in_private_and_with_a_certificate_of_ones_own() {
    let Some(program) = program() else { return };
    let server = Private::start(&program, |folder| {
        let (folder, authority) = (folder.path(), Authority::new()?);
        std::fs::write(folder.join("authority.pem"), authority.pem())?;
        authority.issue(folder, "server", "127.0.0.1")?;
        authority.issue(folder, "client", "client.example")?;
        let path = |name: &str| folder.join(name).display().to_string();
        Ok(format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
            path("server.pem"),
            path("server.key"),
            path("authority.pem")
        ))
    })
    .await
    .unwrap();
    // The server asks for TLS itself, whatever the scheme.
    for scheme in ["tls", "nats"] {
        let builder = NatsTransport::builder("s").url(format!("{scheme}://127.0.0.1:{}", server.port()));
        let builder = builder.root_certificates(server.path("authority.pem"));
        works(builder.clone().client_certificate(server.path("client.pem"), server.path("client.key"))).await;
        let error = builder.connect().await.unwrap_err();
        assert!(format!("{error:?}").to_lowercase().contains("certificate"), "{error:?}");
    }
    let builder = NatsTransport::builder("s").url(format!("tls://127.0.0.1:{}", server.port()));
    let error = builder.root_certificates(server.path("nothing.pem")).connect().await.unwrap_err();
    assert!(error.to_string().contains("nothing.pem"), "{error}");
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_encrypt() {
    let Some(program) = program() else { return };
    let server = Private::start(&program, |_| Ok(String::new())).await.unwrap();
    let url = format!("nats://127.0.0.1:{}", server.port());
    assert!(NatsTransport::builder("s").url(url).require_tls().connect().await.is_err());
}
