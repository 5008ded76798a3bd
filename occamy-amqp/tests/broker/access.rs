//! Saying who one is, and speaking in private.

use bytes::Bytes;
use occamy_amqp::AmqpBuilder;
use occamy_core::Headers;
use occamy_core::transport::Transport;
use tokio::time::timeout;

use crate::common::tls::{Shows, Tls};
use crate::support::{SOON, Service, send, take};

/// Everything that a server does, once.
async fn works(builder: AmqpBuilder) {
    let transport = builder.connect().await.unwrap();
    let (mut requests, mut controls) = (transport.requests(), transport.controls());
    send(&transport, "request").await;
    take(&mut requests, 1).await.ack().await.unwrap();
    transport.publisher().control(Headers::new(), Bytes::from("control")).await.unwrap();
    let control = timeout(SOON, controls.next()).await.expect("a control message").unwrap().unwrap();
    assert_eq!(control.body(), "control");
    control.ack().await.unwrap();
    transport.drain().await;
    transport.close().await.unwrap();
}

#[tokio::test]
async fn by_user_and_password_in_the_url() {
    let Some(service) = Service::new("password") else { return };
    works(service.builder().url(format!("amqp://guest:guest@{}/%2f", service.address))).await;
    let wrong = service.builder().url(format!("amqp://guest:wrong@{}", service.address));
    let error = wrong.connect().await.unwrap_err().to_string();
    assert!(error.contains("ACCESS_REFUSED") && !error.contains("wrong"), "{error}");
    let nowhere = service.builder().url(format!("amqp://{}/nowhere", service.address));
    let error = nowhere.connect().await.unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
    service.clean_up().await;
}

#[tokio::test]
async fn in_private() {
    let Some(service) = Service::new("private") else { return };
    let tls = Tls::before(service.address, Shows::Good).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &tls.authority).unwrap();
    let builder = service.builder().url(format!("amqps://{}", tls.address));
    // Whom nobody trusts is refused.
    let error = builder.clone().connect().await.unwrap_err();
    assert!(format!("{error:?}").to_lowercase().contains("certificate"), "{error:?}");
    works(builder.clone().root_certificates(file.path())).await;
    let missing = builder.root_certificates("nothing.pem").connect().await.unwrap_err().to_string();
    assert!(missing.contains("nothing.pem"), "{missing}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let path = empty.path().display().to_string();
    let trusting = service.builder().root_certificates(file.path());
    for wrong in [
        trusting.clone().root_certificates(empty.path()),
        trusting.clone().client_certificate(empty.path(), empty.path()),
        trusting.client_certificate(file.path(), empty.path()),
    ] {
        let error = wrong.url(format!("amqps://{}", tls.address)).connect().await.unwrap_err().to_string();
        assert!(error.contains(&path), "{error}");
    }
    service.clean_up().await;
}
