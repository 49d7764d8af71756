//! The one window: made when somebody wants it, destroyed when it is closed, so that its memory comes back.

use std::path::PathBuf;

use tauri::webview::NewWindowResponse;
use tauri::{
    AppHandle, Manager as _, Theme as Look, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use url::Url;

use crate::preferences::Theme;
use crate::private_file;
use crate::shell::Shell;

const LABEL: &str = "main";
/// The ground colours of the pages, so that the window does not flash before they are there.
const LIGHT_GROUND: (u8, u8, u8, u8) = (0xf5, 0xf6, 0xf8, 0xff);
const DARK_GROUND: (u8, u8, u8, u8) = (0x13, 0x15, 0x18, 0xff);

/// Shows the window, at `page` (`#/sessions`) if one is given; makes it if there is none.
///
/// May be called from any thread: what touches windows happens on the main one.
pub(crate) fn show(app: &AppHandle, page: Option<String>) {
    let handle = app.clone();
    let shown = app.run_on_main_thread(move || {
        if let Err(error) = show_here(&handle, page.as_deref()) {
            tracing::error!(%error, "the window could not be shown");
        }
    });
    if let Err(error) = shown {
        tracing::error!(%error, "the window could not be shown");
    }
}

/// Destroys the window without asking it.
pub(crate) fn destroy(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "the window could not be closed");
    }
}

/// The looks the person chose, for the frame and for what the pages are told about the system's.
pub(crate) fn dress(app: &AppHandle, theme: Theme) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(error) = window.set_theme(look(theme))
    {
        tracing::warn!(%error, "the theme of the window could not be changed");
    }
}

fn show_here(app: &AppHandle, page: Option<&str>) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(LABEL) {
        if let Some(page) = page {
            // One of our own constants, with an id of plain letters at most: never text from elsewhere.
            window.eval(format!("location.hash = '{page}'"))?;
        }
        return bring_up(&window);
    }
    let window = make(app, page)?;
    bring_up(&window)
}

fn bring_up(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn make(app: &AppHandle, page: Option<&str>) -> tauri::Result<WebviewWindow> {
    let mut config = app.config().app.windows.iter().find(|window| window.label == LABEL).cloned();
    let config = config.as_mut().ok_or(tauri::Error::WindowNotFound)?;
    config.url = WebviewUrl::App(format!("index.html{}", page.unwrap_or_default()).into());
    let theme = look(Shell::of(app).preferences().get().theme);
    let builder = WebviewWindowBuilder::from_config(app, config)?;
    // What the web view keeps lies with everything else that is kept, or nowhere.
    let builder = match web_folder(app) {
        Some(folder) => builder.data_directory(folder),
        None => builder.incognito(true),
    };
    let window = builder
        .theme(theme)
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .build()?;
    let (r, g, b, a) = if window.theme()? == Look::Dark { DARK_GROUND } else { LIGHT_GROUND };
    window.set_background_color(Some(tauri::window::Color(r, g, b, a)))?;
    let handle = app.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::Focused(true) => looked(&handle),
        WindowEvent::Destroyed => Shell::of(&handle).pump(None),
        _ => {}
    });
    Ok(window)
}

fn web_folder(app: &AppHandle) -> Option<PathBuf> {
    let folder = Shell::of(app).keeper().data_folder()?.join("window");
    private_file::make_folder(&folder).ok()?;
    Some(folder)
}

/// The window shows our own pages and nothing else; links go to the person's browser.
fn is_ours(url: &Url) -> bool {
    let ours = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // How the same pages are addressed on Windows.
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    if !ours {
        tracing::warn!(scheme = url.scheme(), "the window was kept from leaving its pages");
    }
    ours
}

/// What waited for attention has it now.
fn looked(app: &AppHandle) {
    let shell = Shell::of(app);
    if shell.attention().len() > 0 {
        shell.attention().clear();
        shell.show(app, None);
    }
}

const fn look(theme: Theme) -> Option<Look> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(Look::Light),
        Theme::Dark => Some(Look::Dark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_on_its_own_pages() {
        let ours = |text: &str| is_ours(&text.parse().unwrap());
        assert!(ours("tauri://localhost/index.html#/log"));
        assert!(ours("http://tauri.localhost/"));
        for other in [
            "https://example.com/",
            "http://localhost:4242/",
            "file:///etc/passwd",
            "data:text/html,x",
            "tauri://elsewhere/",
            "http://tauri.localhost.example.com/",
            "javascript:alert(1)",
            "about:blank",
        ] {
            assert!(!ours(other), "{other}");
        }
    }
}
