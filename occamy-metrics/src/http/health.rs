//! Whether the process should be left alone, and whether its servers take requests.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::feed::Feed;
use crate::live::{Complaint, Live};

pub(super) fn livez(feed: &Feed) -> (StatusCode, String) {
    answer(complaints(feed, Live::dead), "alive")
}

/// A process without servers has nothing that could be ready.
pub(super) fn readyz(feed: &Feed) -> (StatusCode, String) {
    if feed.servers().is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, "there is no server\n".to_owned());
    }
    answer(complaints(feed, Live::unready), "ready")
}

fn complaints(feed: &Feed, of: fn(&Live, Duration) -> Option<Complaint>) -> Vec<(Arc<str>, Complaint)> {
    let now = feed.now();
    let servers = feed.servers().into_iter();
    servers.filter_map(|(name, live)| Some((name, of(&live, now)?))).collect()
}

fn answer(complaints: Vec<(Arc<str>, Complaint)>, well: &str) -> (StatusCode, String) {
    if complaints.is_empty() {
        return (StatusCode::OK, format!("{well}\n"));
    }
    let lines = complaints.into_iter().map(|(name, complaint)| format!("{name}: {complaint}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}
