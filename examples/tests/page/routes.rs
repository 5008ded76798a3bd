//! The page of a running `routes`.

use std::process::{Command, Stdio};

use crate::browser::Window;
use crate::process::Process;

/// What a page must not take for markup.
const HOSTILE: &str = r#"<img src=x onerror="document.title='taken'">"#;

/// How many pixels of the lanes have the colour of this name.
fn pixels(colour: &str) -> String {
    format!(
        "(() => {{
            const canvas = document.querySelector('#lanes');
            const copy = Object.assign(document.createElement('canvas'), {{ width: canvas.width, height: canvas.height + 1 }});
            const context = copy.getContext('2d', {{ willReadFrequently: true }});
            context.drawImage(canvas, 0, 0);
            context.fillStyle = getComputedStyle(canvas).getPropertyValue('--{colour}');
            context.fillRect(0, canvas.height, 1, 1);
            const colours = (y, height) => context.getImageData(0, y, canvas.width, height).data;
            const wanted = colours(canvas.height, 1).slice(0, 3).join();
            const data = colours(0, canvas.height);
            let found = 0;
            for (let at = 0; at < data.length; at += 4) found += Number(data.slice(at, at + 3).join() === wanted);
            return found;
        }})()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_routes_does() {
    let folder = tempfile::tempdir().unwrap();
    let instance = folder.path().join("hostile.tsp");
    let original = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/pcb442.tsp");
    let text = std::fs::read_to_string(original).unwrap();
    let name = text.lines().find(|line| line.starts_with("NAME")).unwrap();
    std::fs::write(&instance, text.replace(name, &format!("NAME: {HOSTILE}"))).unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_routes"));
    command.args(["--http", "127.0.0.1:0", "--servers", "1", "--slots", "4", "--requests", "3"]);
    command.args(["--interval", "3", "--seconds", "600"]).arg("--instance").arg(&instance);
    let process = Process::start(command.arg("--out").arg(folder.path()).stdout(Stdio::null()));
    let said = process.stderr().line("live page at ");
    let url = said.split_whitespace().last().unwrap();
    let Some(window) = Window::open(url).await else { return };

    // Three masters, of which the latter two have each evicted an assistant.
    window.until("document.querySelectorAll('#rows tr').length === 4").await;
    window.until("document.querySelectorAll('#rows tr.protected').length === 3").await;
    window.until("document.querySelectorAll('#rows tr.unprotected_internal').length === 1").await;
    window
        .until(
            "[...document.querySelectorAll('#badges li')].some((badge) => badge.textContent === 'connected')",
        )
        .await;
    let id: String = window.value("document.querySelector('#rows tr.protected').cells[3].textContent").await;
    assert!(id.ends_with(HOSTILE), "{id}");
    assert_eq!(window.value::<usize>("document.querySelectorAll('main img').length").await, 0);
    assert_eq!(window.value::<String>("document.title").await, "server-1 – Occamy");

    // Lanes are drawn: a second of a slot is so many pixels high.
    let height: usize = window.value("document.querySelector('#lanes').height / 4").await;
    window.until(&format!("{} >= 3 * {}", pixels("protected"), height - 1)).await;
    window.until(&format!("{} >= {}", pixels("unprotected_internal"), height - 1)).await;
    window.until(&format!("{} > 0", pixels("mark"))).await;
    assert_eq!(window.value::<usize>(&pixels("wedged")).await, 0);

    // By keyboard alone.
    window.page.evaluate_expression("document.querySelector('#filter').focus()").await.unwrap();
    for key in ["i", "n", "t", "e", "r"] {
        window.page.find_element("#filter").await.unwrap().type_str(key).await.unwrap();
    }
    window.until("document.querySelector('#shown').textContent === '1 of 4'").await;
    window.press("Tab", 9).await;
    window.until("document.activeElement.getAttribute('aria-label') === 'Table of the slots; scrolls'").await;
    window
        .page
        .evaluate_expression("document.body.focus(); document.querySelector('.skip').focus()")
        .await
        .unwrap();
    window.press("Tab", 9).await;
    window.until("document.activeElement.id === 'lanes-box'").await;
    window.picture("routes").await;

    // On a phone, and in the dark.
    window.resize(390, 844).await;
    window.darken().await;
    window.until("document.documentElement.scrollWidth <= 390").await;
    window.until(&format!("{} >= 3 * {}", pixels("protected"), height - 1)).await;
    window.picture("routes-phone-dark").await;
    assert_eq!(window.complaints(), [""; 0]);

    drop(process);
    window.until("document.querySelector('#badges').textContent.includes('stale')").await;
    window.picture("routes-stale").await;
    window.close().await;
}
