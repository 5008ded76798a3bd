//! The files of the live page. They are part of the program, and need nothing of any other host.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// The one page there is, and what it loads.
pub(super) const FILES: [(&str, File); 4] = [
    ("/", File { kind: "text/html; charset=utf-8", text: include_str!("../../page/index.html") }),
    ("/page.css", File { kind: "text/css; charset=utf-8", text: include_str!("../../page/page.css") }),
    ("/page.js", File { kind: "text/javascript; charset=utf-8", text: include_str!("../../page/page.js") }),
    ("/lanes.js", File { kind: "text/javascript; charset=utf-8", text: include_str!("../../page/lanes.js") }),
];

/// A file that is sent as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    kind: &'static str,
    text: &'static str,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, self.kind)], self.text).into_response()
    }
}
