//! A service as NATS itself shows it.

use async_nats::jetstream;
use futures_util::TryStreamExt;

use crate::service::{DeadLetter, Service};

pub(crate) async fn dead_letter(service: &Service) -> DeadLetter {
    let stream = jetstream(service).await.get_stream(format!("{}-dead", service.name)).await.unwrap();
    let settings = jetstream::consumer::pull::Config::default();
    let consumer = stream.create_consumer(settings).await.unwrap();
    let letter = consumer.messages().await.unwrap().try_next().await.unwrap().unwrap();
    let headers = letter.headers.clone().unwrap_or_default();
    let headers = headers.iter().map(|(name, values)| (name.to_string(), values[0].to_string())).collect();
    DeadLetter { headers, body: String::from_utf8(letter.payload.to_vec()).unwrap() }
}

/// Running ones are counted.
pub(crate) async fn requests(service: &Service) -> u64 {
    let stream = jetstream(service).await.get_stream(format!("{}-request", service.name)).await;
    stream.unwrap().info().await.unwrap().state.messages
}

pub(crate) async fn delete(service: &Service) {
    for stream in ["request", "dead"] {
        jetstream(service).await.delete_stream(format!("{}-{stream}", service.name)).await.unwrap();
    }
}

async fn jetstream(service: &Service) -> jetstream::Context {
    jetstream::new(async_nats::connect(&service.url).await.unwrap())
}
