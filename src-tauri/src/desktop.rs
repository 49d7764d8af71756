//! Commands about the app itself, answered here and not by the engine: preferences, and where the master key is kept.

use std::sync::Arc;

use engine::KeyTrouble;
use serde::Deserialize;
use serde_json::{Value, json};
use tauri::AppHandle;

use crate::bridge::Refusal;
use crate::key::Keeper;
use crate::preferences::{Change, Preferences};
use crate::shell::{Shell, start_at_login, starts_at_login};
use crate::window;

type Answer = Result<Value, Refusal>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passphrase {
    passphrase: zeroize::Zeroizing<String>,
}

/// `None` for a command that is not about the app itself.
pub(crate) async fn call(app: &AppHandle, shell: &Shell, command: &str, payload: &Value) -> Option<Answer> {
    Some(match command {
        "desktop_preferences" => Ok(answer(app, shell, &shell.preferences().get())),
        "set_desktop_preferences" => change(app, shell, payload),
        "use_key_file" => move_key(app, shell, Keeper::use_file).await,
        "use_keyring" => move_key(app, shell, Keeper::use_keyring).await,
        "set_passphrase" => match passphrase(payload) {
            Ok(text) => move_key(app, shell, move |keeper| keeper.set_passphrase(&text)).await,
            Err(refusal) => Err(refusal),
        },
        "unlock" => match passphrase(payload) {
            Ok(text) => unlock(app, shell, move |keeper| keeper.unlock(&text)).await,
            Err(refusal) => Err(refusal),
        },
        _ => return None,
    })
}

fn change(app: &AppHandle, shell: &Shell, payload: &Value) -> Answer {
    let change = Change::read(payload).map_err(|detail| bad_request(&detail))?;
    if let Some(on) = change.start_at_login
        && on != starts_at_login(app)
    {
        start_at_login(app, on).map_err(|reason| {
            Refusal::new(
                "autostart_failed",
                format!("start at login could not be changed: {reason}"),
                "change it in the settings of your desktop",
            )
        })?;
        shell.redraw(app);
    }
    let now = shell.preferences().change(&change).map_err(|error| {
        Refusal::new(
            "not_written",
            format!("the preferences could not be written: {error}"),
            "check that the disk has room and the config folder is yours, then try again",
        )
    })?;
    if change.theme.is_some() {
        window::dress(app, now.theme);
    }
    Ok(answer(app, shell, &now))
}

/// Moves the key, then starts the engine again with it.
async fn move_key(
    app: &AppHandle,
    shell: &Shell,
    job: impl FnOnce(&Keeper) -> Result<(), KeyTrouble> + Send + 'static,
) -> Answer {
    if shell.key_is_given() {
        return Err(Refusal::new(
            "key_is_given",
            "the master key comes from the environment",
            "remove JMOP_MASTER_KEY and JMOP_MASTER_KEY_FILE from it, then start again",
        ));
    }
    unlock(app, shell, job).await
}

async fn unlock(
    app: &AppHandle,
    shell: &Shell,
    job: impl FnOnce(&Keeper) -> Result<(), KeyTrouble> + Send + 'static,
) -> Answer {
    on_a_thread(shell.keeper(), job).await?;
    shell.engine().restart().await;
    shell.refresh(app).await;
    Ok(answer(app, shell, &shell.preferences().get()))
}

/// Keyrings and passphrases block; the answer is awaited.
async fn on_a_thread(
    keeper: Arc<Keeper>,
    job: impl FnOnce(&Keeper) -> Result<(), KeyTrouble> + Send + 'static,
) -> Result<(), Refusal> {
    let (done, wait) = tokio::sync::oneshot::channel();
    let broken = || Refusal::new("key_failed", "the master key could not be reached", "try again");
    std::thread::Builder::new()
        .name("master-key".to_owned())
        .spawn(move || {
            // Nobody waits any more if the window was closed meanwhile.
            let _ = done.send(job(&keeper));
        })
        .map_err(|_| broken())?;
    let result = wait.await.map_err(|_| broken())?;
    result.map_err(|KeyTrouble { code, message, hint }| Refusal::new(code, message, hint))
}

fn answer(app: &AppHandle, shell: &Shell, preferences: &Preferences) -> Value {
    let place =
        if shell.key_is_given() { json!("environment") } else { json!(shell.keeper().current_place()) };
    json!({
        "start_at_login": starts_at_login(app),
        "theme": preferences.theme,
        "notify": preferences.notify,
        "key": { "is": place },
    })
}

fn passphrase(payload: &Value) -> Result<zeroize::Zeroizing<String>, Refusal> {
    // What serde says about a wrong payload could quote it.
    Passphrase::deserialize(payload)
        .map(|request| request.passphrase)
        .map_err(|_| bad_request("`passphrase`: a text belongs here"))
}

fn bad_request(detail: &str) -> Refusal {
    let message = format!("the request does not read: {detail}");
    Refusal::new("bad_request", message, "correct that field and send the command again")
}
