//! The command line of the desktop app. Everything else is a setting.

use std::path::PathBuf;

use clap::Parser;

/// Said by the autostart entry; a second launch that says it opens no window either.
pub(crate) const HIDDEN: &str = "--hidden";

/// Microsoft Entra ID sign-in in front of an MCP server, in the tray.
#[derive(Debug, Clone, Parser)]
#[command(name = "just-mcp-oauth-proxy", version, about)]
pub(crate) struct Arguments {
    /// Start in the tray, without a window
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Settings file [default: settings.toml in the platform's config folder]
    #[arg(long, value_name = "FILE", env = "JMOP_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of everything that is kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl Arguments {
    /// What the autostart entry says, so that a login starts the same server as now.
    pub(crate) fn for_autostart(&self) -> Vec<String> {
        let mut said = vec![HIDDEN.to_owned()];
        for (flag, path) in [("--config", &self.config), ("--data-dir", &self.data_dir)] {
            if let Some(path) = path.as_deref().and_then(|path| std::path::absolute(path).ok()) {
                said.extend([flag.to_owned(), path.display().to_string()]);
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_login_starts_the_same_server() {
        let arguments = Arguments::parse_from(["x", "--data-dir", "/data", "--config", "/c.toml"]);
        assert_eq!(arguments.for_autostart(), ["--hidden", "--config", "/c.toml", "--data-dir", "/data"]);
    }
}
