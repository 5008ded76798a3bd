//! Which path answers what.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::feed::{Event, Feed};
use super::page::FILES;
use super::{Render, health, host};

/// How many may look at the page at a time.
const VIEWERS: usize = 256;

const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");
const EVENTS: (HeaderName, &str) = (CONTENT_TYPE, "text/event-stream");
/// Version 0.0.4 of the text format, which every Prometheus reads.
const METRICS: (HeaderName, &str) = (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");

/// Only what comes from here is run, loaded and asked, and nobody shows the page within another.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `private` says that only this machine may ask.
pub(super) fn routes(
    feed: &Arc<Feed>,
    render: Option<Render>,
    closing: &CancellationToken,
    private: bool,
) -> Router {
    let mut routes = Router::new();
    for (path, file) in FILES {
        routes = routes.route(path, get(move || async move { file }));
    }
    if let Some(render) = render {
        routes = routes.route("/metrics", get(move || async move { ([METRICS], render()) }));
    }
    let of = |answer: fn(&Feed) -> (StatusCode, String)| {
        let feed = Arc::clone(feed);
        get(move || async move { answer(&feed) })
    };
    let (shown, viewed) = (Arc::clone(feed), Arc::clone(feed));
    let (room, closing) = (Arc::new(Semaphore::new(VIEWERS)), closing.clone());
    routes = routes
        .route("/livez", of(health::livez))
        .route("/readyz", of(health::readyz))
        .route("/api/snapshot", get(move || async move { ([JSON], shown.snapshot().json) }))
        .route(
            "/api/events",
            get(move || async move {
                match Arc::clone(&room).try_acquire_owned() {
                    Ok(place) => {
                        ([EVENTS], Body::from_stream(events(viewed, place, closing))).into_response()
                    }
                    Err(_) => too_many(),
                }
            }),
        );
    if private {
        routes = routes.layer(from_fn(host::refuse_names));
    }
    routes.layer(map_response(guarded))
}

fn too_many() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "there are too many viewers: come again later\n").into_response()
}

/// What one viewer is sent, as fast as it takes it.
struct Viewer {
    feed: Arc<Feed>,
    events: broadcast::Receiver<Event>,
    /// The last snapshot it was sent: what led to it is no news.
    snapshot: Option<u64>,
    closing: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// A snapshot, and then what changes. Who is too slow for that gets a snapshot again, and all do when servers come or go.
fn events(
    feed: Arc<Feed>,
    place: OwnedSemaphorePermit,
    closing: CancellationToken,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let viewer = Viewer { events: feed.events(), feed, snapshot: None, closing, _place: place };
    unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await?;
        Some((Ok(event), viewer))
    })
}

impl Viewer {
    async fn next(&mut self) -> Option<Bytes> {
        let Some(snapshot) = self.snapshot else { return Some(self.everything()) };
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = self.closing.cancelled() => return None,
            };
            match event {
                Ok(event) if event.sequence <= snapshot => {}
                Ok(event) if event.regrouped > snapshot => return Some(self.everything()),
                Ok(event) => return Some(event.text),
                Err(RecvError::Lagged(_)) => return Some(self.everything()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn everything(&mut self) -> Bytes {
        let Event { sequence, text, .. } = self.feed.snapshot();
        self.snapshot = Some(sequence);
        text
    }
}

async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
