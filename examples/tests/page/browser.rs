//! A browser without a window, and what its console says.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::input::{DispatchKeyEventParams, DispatchKeyEventType};
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::browser_protocol::network::{EventRequestWillBeSent, EventWebSocketCreated};
use chromiumoxide::cdp::js_protocol::runtime::{EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::page::{Page, ScreenshotParams};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A browser that shows one page.
pub(crate) struct Window {
    browser: Browser,
    pub(crate) page: Page,
    /// What the console has said, exceptions and refused loads included, and requests to other hosts.
    complaints: Arc<Mutex<Vec<String>>>,
    _profile: TempDir,
}

impl Window {
    /// Opens the page, if there is a browser.
    pub(crate) async fn open(url: &str) -> Option<Self> {
        let Ok(program) = std::env::var("OCCAMY_CHROMIUM") else {
            let why = "skipped: OCCAMY_CHROMIUM names no browser; `cargo xtask test` finds one";
            let _ = writeln!(std::io::stdout(), "{why}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(program)
            .user_data_dir(profile.path())
            // Root has none, and what is shown is ours.
            .no_sandbox()
            .args(["--disable-gpu", "--disable-dev-shm-usage"])
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
            .build();
        let (browser, mut events) = Browser::launch(config.unwrap()).await.unwrap();
        tokio::spawn(async move { while events.next().await.is_some() {} });
        let page = browser.new_page("about:blank").await.unwrap();
        let window = Self { browser, page, complaints: Arc::default(), _profile: profile };
        window.listen(url).await;
        window.page.goto(url).await.unwrap();
        Some(window)
    }

    async fn listen(&self, url: &str) {
        self.page.enable_log().await.unwrap();
        let complaints = Arc::clone(&self.complaints);
        let complain =
            move |what: String| complaints.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        let mut entries = self.page.event_listener::<EventEntryAdded>().await.unwrap();
        let mut thrown = self.page.event_listener::<EventExceptionThrown>().await.unwrap();
        let mut said = self.page.event_listener::<EventConsoleApiCalled>().await.unwrap();
        let mut asked = self.page.event_listener::<EventRequestWillBeSent>().await.unwrap();
        let mut sockets = self.page.event_listener::<EventWebSocketCreated>().await.unwrap();
        let origin = url.to_owned();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(entry) = entries.next() => complain(format!("{:?}: {}", entry.entry.level, entry.entry.text)),
                    Some(thrown) = thrown.next() => complain(format!("{:?}", thrown.exception_details)),
                    Some(said) = said.next() => complain(format!("{:?}", said.args)),
                    Some(socket) = sockets.next() => complain(format!("a socket to {}", socket.url)),
                    Some(asked) = asked.next() => {
                        let asked = &asked.request.url;
                        if !asked.starts_with(&origin) && !asked.starts_with("data:") {
                            complain(format!("a request to {asked}"));
                        }
                    }
                    else => return,
                }
            }
        });
    }

    /// Everything that should not be, so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The value of an expression.
    pub(crate) async fn value<T: DeserializeOwned>(&self, expression: &str) -> T {
        let result = self.page.evaluate_expression(expression).await;
        result.unwrap_or_else(|error| panic!("{expression}: {error}")).into_value().unwrap()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let start = Instant::now();
        while !self.value::<bool>(&format!("Boolean({expression})")).await {
            let text: String = self.value("document.body.innerText").await;
            assert!(start.elapsed() < PATIENCE, "{expression} is not true of:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes it a window of this size.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        let metrics = SetDeviceMetricsOverrideParams::new(width, height, 1.0, width < 500);
        self.page.execute(metrics).await.unwrap();
    }

    /// Asks for dark colours, as a system does at night.
    pub(crate) async fn darken(&self) {
        let dark = MediaFeature::new("prefers-color-scheme", "dark");
        self.page.emulate_media_features(vec![dark]).await.unwrap();
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&self, key: &str, code: i64) {
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let event = DispatchKeyEventParams::builder().r#type(kind).key(key).code(key);
            let event = event.windows_virtual_key_code(code).build().unwrap();
            self.page.execute(event).await.unwrap();
        }
    }

    /// Keeps a picture for whoever wants to look.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page");
        std::fs::create_dir_all(&folder).unwrap();
        self.page.evaluate_expression("scrollTo(0, 0)").await.unwrap();
        let all = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(all, folder.join(format!("{name}.png"))).await.unwrap();
    }

    pub(crate) async fn close(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
    }
}
