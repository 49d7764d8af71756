//! The five commands the window may ask of the shell. What the engine can do comes through `rpc`.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use tauri::ipc::Channel;
use tauri::{AppHandle, State, command};
use tauri_plugin_clipboard_manager::ClipboardExt as _;
use tauri_plugin_dialog::DialogExt as _;
use tauri_plugin_opener::OpenerExt as _;
use url::Url;

use crate::shell::Shell;
use crate::{desktop, follow};

/// Why a command was not carried out, in the shape of every other error the window gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// Answers one command of the engine, or of the desktop app itself.
#[command]
pub(crate) async fn rpc(
    app: AppHandle,
    shell: State<'_, Shell>,
    command: String,
    payload: Option<Value>,
) -> Result<Value, Value> {
    let payload = payload.unwrap_or_else(|| json!({}));
    if let Some(answer) = desktop::call(&app, &shell, &command, &payload).await {
        return answer.map_err(|refusal| json!(refusal));
    }
    shell.call(&command, payload).await.map_err(|error| json!(error))
}

/// Sends the engine's events to the window until it is closed or subscribes again.
#[command]
#[expect(clippy::needless_pass_by_value, reason = "the form of a tauri command")]
pub(crate) fn subscribe(shell: State<'_, Shell>, channel: Channel<Value>) {
    let api = shell.api();
    let pump = tauri::async_runtime::spawn(async move {
        follow::each(&api, |event| channel.send(event).is_ok()).await;
    });
    shell.pump(Some(pump));
}

/// Opens a web link in the person's own browser.
#[command]
#[expect(clippy::needless_pass_by_value, reason = "the form of a tauri command")]
pub(crate) fn open_external(app: AppHandle, url: String) -> Result<(), Refusal> {
    let link = web_link(&url)
        .ok_or_else(|| Refusal::new("not_a_link", "only web links can be opened", "copy the text instead"))?;
    app.opener().open_url(link, None::<&str>).map_err(|error| {
        tracing::warn!(%error, "the browser could not be opened");
        Refusal::new("no_browser", "the browser could not be opened", "copy the link and open it yourself")
    })
}

/// Asks where to save, and saves. `false` if the person changed their mind.
#[command]
pub(crate) async fn save_file(app: AppHandle, name: String, text: String) -> Result<bool, Refusal> {
    let (chosen, choice) = tokio::sync::oneshot::channel();
    app.dialog().file().set_file_name(file_name(&name)).save_file(move |path| {
        // Nobody waits any more if the window was closed meanwhile.
        let _ = chosen.send(path);
    });
    let Some(path) = choice.await.ok().flatten() else { return Ok(false) };
    let failed = |reason: String| {
        Refusal::new("not_saved", format!("the file could not be saved: {reason}"), "choose another folder")
    };
    let path = path.into_path().map_err(|error| failed(error.to_string()))?;
    tokio::fs::write(path, text).await.map_err(|error| failed(error.to_string()))?;
    Ok(true)
}

/// Puts a text on the clipboard, where the web view may not.
#[command]
#[expect(clippy::needless_pass_by_value, reason = "the form of a tauri command")]
pub(crate) fn copy(app: AppHandle, text: String) -> Result<(), Refusal> {
    app.clipboard().write_text(text).map_err(|error| {
        tracing::warn!(%error, "the clipboard did not take a text");
        Refusal::new("no_clipboard", "the clipboard did not take it", "select the text and copy it by hand")
    })
}

/// `http` and `https` to a named host and without a password in it; nothing that starts a program.
fn web_link(text: &str) -> Option<String> {
    let url: Url = text.parse().ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain).then(|| url.to_string())
}

/// A proposal for the dialog: a name, not a path.
fn file_name(proposed: &str) -> String {
    let name = Path::new(proposed).file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.starts_with('.')).unwrap_or_else(|| "just-mcp-oauth-proxy.txt".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_leave() {
        assert_eq!(
            web_link("https://entra.microsoft.com/x?y=1#z").as_deref(),
            Some("https://entra.microsoft.com/x?y=1#z")
        );
        assert!(web_link("http://localhost:4242/").is_some());
        for other in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ms-msdt:/id",
            "https://user:pass@example.com/",
            "https:",
            "example.com",
            "",
        ] {
            assert_eq!(web_link(other), None, "{other}");
        }
    }

    #[test]
    fn a_proposed_name_is_never_a_path() {
        assert_eq!(file_name("log.ndjson"), "log.ndjson");
        assert_eq!(file_name("../../.ssh/authorized_keys"), "authorized_keys");
        assert_eq!(file_name("/home/me/.bashrc"), "just-mcp-oauth-proxy.txt");
        assert_eq!(file_name(".."), "just-mcp-oauth-proxy.txt");
    }
}
