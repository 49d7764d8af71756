//! Whether the panel that shows the tray icon is light or dark, as far as anybody says.

/// What the icon is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panel {
    Light,
    Dark,
}

/// The panels of these desktops are dark whatever the theme.
#[cfg(target_os = "linux")]
const DARK_PANELS: &[&str] = &["GNOME", "Unity", "Budgie", "Cinnamon", "XFCE", "X-Cinnamon", "Pantheon"];

/// Linux: most panels are dark; of those that follow the theme (KDE, `LXQt`, MATE) the name of the GTK theme tells.
#[cfg(target_os = "linux")]
pub(crate) fn panel() -> Panel {
    let read = |name| std::env::var(name).unwrap_or_default();
    of(&read("XDG_CURRENT_DESKTOP"), &read("GTK_THEME"))
}

/// macOS recolours the icon itself, from its shape.
#[cfg(target_os = "macos")]
pub(crate) fn panel() -> Panel {
    Panel::Light
}

/// The taskbar of Windows is dark unless somebody changed it.
#[cfg(windows)]
pub(crate) fn panel() -> Panel {
    Panel::Dark
}

#[cfg(target_os = "linux")]
fn of(desktop: &str, gtk_theme: &str) -> Panel {
    let is_dark_by_design = desktop.split(':').any(|name| DARK_PANELS.contains(&name));
    let follows_a_light_theme = !desktop.is_empty() && !gtk_theme.to_ascii_lowercase().contains("dark");
    if follows_a_light_theme && !is_dark_by_design { Panel::Light } else { Panel::Dark }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn panels_that_are_dark_by_design_are_dark_in_every_theme() {
        assert_eq!(of("ubuntu:GNOME", "Adwaita"), Panel::Dark);
        assert_eq!(of("KDE", ""), Panel::Light);
        assert_eq!(of("MATE", "Adwaita:dark"), Panel::Dark);
        assert_eq!(of("", ""), Panel::Dark, "nothing is known: most panels are dark");
    }
}
