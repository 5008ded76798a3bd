//! Whom a request was meant for, where only this machine may ask.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A listener that only this machine reaches is still within reach of the pages that its browsers show: whoever owns a name
/// can have it stand for 127.0.0.1 (DNS rebinding), and read what is there as a part of his own site. Then the name is in the
/// request. An address never is somebody's, nor is `localhost`.
pub(super) async fn refuse_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST);
    if host.is_none_or(|host| host.to_str().is_ok_and(is_nobodys)) {
        return next.run(request).await;
    }
    let why = "this listener is for this machine only: ask it by its address, or as localhost\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

fn is_nobodys(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_belong_to_nobody() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9464",
            "[::1]:9464",
            "[::1]",
            "localhost",
            "LocalHost:80",
            "a.localhost.",
        ] {
            assert!(is_nobodys(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            ":80",
        ] {
            assert!(!is_nobodys(host), "{host}");
        }
    }
}
