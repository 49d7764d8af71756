//! The tray icon and its menu.

use serde_json::json;
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Wry, include_image};
use tauri_plugin_clipboard_manager::ClipboardExt as _;

use crate::appearance::{Panel, panel};
use crate::menu::{Action, Entry, Icon, World};
use crate::notices::Leads;
use crate::shell::{Shell, start_at_login, starts_at_login};
use crate::{lifecycle, notices, panics, window};

/// The icon, and what it shows now, so that nothing is drawn twice.
pub(crate) struct Tray {
    icon: TrayIcon,
    panel: Panel,
    shown: World,
}

/// Builds the tray. Without the library that draws it, or a bus to offer it on, the app goes on without.
pub(crate) fn build(app: &AppHandle) -> Option<Tray> {
    if !has_bus() {
        tracing::warn!(
            "there is no session bus: no tray icon, no keyring, and a second launch is not noticed"
        );
        return None;
    }
    let world = World::default();
    let panel = panel();
    // The library behind it panics where a shared library is missing.
    let built = panics::caught(|| {
        TrayIconBuilder::with_id("main")
            .icon(image(world.icon(), panel))
            .icon_as_template(cfg!(target_os = "macos"))
            .tooltip(tooltip(&world))
            .menu(&menu(app, &world)?)
            .show_menu_on_left_click(true)
            .on_menu_event(|app, event| {
                if let Some(action) = Action::by_id(event.id().as_ref()) {
                    act(app, action);
                }
            })
            .build(app)
    });
    match built {
        Some(Ok(icon)) => Some(Tray { icon, panel, shown: world }),
        Some(Err(error)) => {
            tracing::warn!(%error, "there is no tray icon");
            None
        }
        None => {
            tracing::warn!("there is no tray icon: install libayatana-appindicator3 and start again");
            None
        }
    }
}

// === impl Tray ===

impl Tray {
    /// On the main thread. `stale` is a menu that may show something else than it was told to.
    pub(crate) fn show(&mut self, app: &AppHandle, world: &World, stale: bool) {
        if *world == self.shown && !stale {
            return;
        }
        if let Err(error) = self.draw(app, world, stale) {
            tracing::warn!(%error, "the tray could not be brought up to date");
            return;
        }
        self.shown = world.clone();
    }

    fn draw(&self, app: &AppHandle, world: &World, stale: bool) -> tauri::Result<()> {
        if world.icon() != self.shown.icon() {
            self.icon.set_icon_with_as_template(
                Some(image(world.icon(), self.panel)),
                cfg!(target_os = "macos"),
            )?;
        }
        if stale || world.entries() != self.shown.entries() {
            self.icon.set_menu(Some(menu(app, world)?))?;
        }
        if world.line() != self.shown.line() {
            self.icon.set_tooltip(Some(tooltip(world)))?;
        }
        Ok(())
    }
}

fn menu(app: &AppHandle, world: &World) -> tauri::Result<Menu<Wry>> {
    let menu = Menu::new(app)?;
    for entry in world.entries() {
        match entry {
            Entry::Plain { action, text, enabled } => {
                menu.append(&MenuItem::with_id(app, action.id(), text, enabled, None::<&str>)?)?;
            }
            Entry::Check { action, text, checked, enabled } => {
                let item = CheckMenuItem::with_id(app, action.id(), text, enabled, checked, None::<&str>)?;
                menu.append(&item)?;
            }
            Entry::Separator => menu.append(&PredefinedMenuItem::separator(app)?)?,
        }
    }
    Ok(menu)
}

fn act(app: &AppHandle, action: Action) {
    let shell = Shell::of(app);
    match action {
        Action::Status => {}
        Action::CopyMcpUrl => copy(app, shell.world().status.mcp_url),
        Action::CopyPublicUrl => copy(app, shell.world().status.public_mcp_url),
        Action::Tunnel => turn_tunnel(app.clone(), !shell.world().status.tunnel.is_on()),
        Action::Attention => {
            let page = shell.attention().page();
            window::show(app, Some(page.unwrap_or_else(|| "#/home".to_owned())));
        }
        Action::Sessions => window::show(app, Some("#/sessions".to_owned())),
        Action::OpenWindow => window::show(app, None),
        Action::Pause => pause(app.clone(), !shell.world().status.paused),
        Action::StartAtLogin => {
            if let Err(reason) = start_at_login(app, !starts_at_login(app)) {
                tracing::warn!(%reason, "start at login could not be changed");
                notices::tell(app, Leads::Home, "Start at login could not be changed", &reason);
            }
            shell.redraw(app);
        }
        Action::Quit => lifecycle::quit(app),
    }
}

/// What has to be confirmed or mended first is on Home.
fn turn_tunnel(app: AppHandle, on: bool) {
    tauri::async_runtime::spawn(async move {
        let shell = Shell::of(&app);
        if let Err(error) = shell.call("set_tunnel", json!({ "on": on })).await {
            notices::tell(
                &app,
                Leads::Home,
                "The tunnel could not be switched",
                &format!("{error}; {}", error.hint()),
            );
            window::show(&app, Some("#/home".to_owned()));
        }
        shell.redraw(&app);
    });
}

fn pause(app: AppHandle, paused: bool) {
    tauri::async_runtime::spawn(async move {
        let shell = Shell::of(&app);
        if let Err(error) = shell.call("set_paused", json!({ "paused": paused })).await {
            notices::tell(
                &app,
                Leads::Home,
                "Access could not be paused or opened again",
                &error.to_string(),
            );
        }
        shell.redraw(&app);
        shell.refresh(&app).await;
    });
}

fn copy(app: &AppHandle, text: Option<String>) {
    let Some(text) = text else { return };
    if let Err(error) = app.clipboard().write_text(text) {
        tracing::warn!(%error, "the clipboard did not take the URL");
        notices::tell(app, Leads::Home, "The URL could not be copied", "Open the window and copy it there.");
    }
}

/// Where a bus would be. Without one the icon is made all the same, and nobody ever sees it.
#[cfg(target_os = "linux")]
fn has_bus() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let socket = || set("XDG_RUNTIME_DIR").map(|folder| std::path::Path::new(&folder).join("bus"));
    match set("DBUS_SESSION_BUS_ADDRESS") {
        Some(address) => address != "disabled:",
        None => socket().is_some_and(|socket| socket.exists()),
    }
}

#[cfg(not(target_os = "linux"))]
const fn has_bus() -> bool {
    true
}

fn tooltip(world: &World) -> String {
    format!("Just MCP OAuth Proxy: {}", world.line())
}

fn image(icon: Icon, panel: Panel) -> Image<'static> {
    match (icon, panel) {
        (Icon::Running, Panel::Light) => include_image!("../icons/tray/running-light.png"),
        (Icon::Running, Panel::Dark) => include_image!("../icons/tray/running-dark.png"),
        (Icon::Public, Panel::Light) => include_image!("../icons/tray/public-light.png"),
        (Icon::Public, Panel::Dark) => include_image!("../icons/tray/public-dark.png"),
        (Icon::Attention, Panel::Light) => include_image!("../icons/tray/attention-light.png"),
        (Icon::Attention, Panel::Dark) => include_image!("../icons/tray/attention-dark.png"),
        (Icon::Stopped, Panel::Light) => include_image!("../icons/tray/stopped-light.png"),
        (Icon::Stopped, Panel::Dark) => include_image!("../icons/tray/stopped-dark.png"),
    }
}
