//! What the tray shows, as data: the state of the world in, menu entries and an icon out.

use serde::Deserialize;

/// A message of the engine may be long; a menu line may not.
const LONGEST_LINE: usize = 72;

/// What of the engine's status matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) mcp_url: Option<String>,
    #[serde(default)]
    pub(crate) public_mcp_url: Option<String>,
    #[serde(default)]
    pub(crate) identity: Option<String>,
    #[serde(default)]
    pub(crate) sessions: usize,
    #[serde(default)]
    pub(crate) tunnel: Tunnel,
}

/// How the switch to the public internet stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Tunnel {
    #[default]
    Off,
    Starting,
    Up {
        url: String,
        /// Why it is in doubt whether it leads here.
        #[serde(default)]
        reason: Option<String>,
    },
    Reachable {
        url: String,
    },
    Lost {
        reason: String,
        was_open: bool,
    },
    Refused {
        reason: String,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Starting,
    Running,
    Stopped,
    Failed {
        message: String,
    },
}

/// Everything the tray depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) status: Status,
    /// What waits to be looked at, apart from the engine itself.
    pub(crate) waiting: usize,
    pub(crate) start_at_login: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Icon {
    Running,
    Public,
    Attention,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Status,
    CopyMcpUrl,
    CopyPublicUrl,
    Attention,
    Tunnel,
    Sessions,
    Pause,
    OpenWindow,
    StartAtLogin,
    Quit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Plain { action: Action, text: String, enabled: bool },
    Check { action: Action, text: &'static str, checked: bool, enabled: bool },
    Separator,
}

// === impl Action ===

impl Action {
    const ALL: [Self; 10] = [
        Self::Status,
        Self::CopyMcpUrl,
        Self::CopyPublicUrl,
        Self::Tunnel,
        Self::Attention,
        Self::Sessions,
        Self::Pause,
        Self::OpenWindow,
        Self::StartAtLogin,
        Self::Quit,
    ];

    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::CopyMcpUrl => "copy_mcp_url",
            Self::CopyPublicUrl => "copy_public_url",
            Self::Tunnel => "tunnel",
            Self::Attention => "attention",
            Self::Sessions => "sessions",
            Self::Pause => "pause",
            Self::OpenWindow => "open_window",
            Self::StartAtLogin => "start_at_login",
            Self::Quit => "quit",
        }
    }

    pub(crate) fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.id() == id)
    }
}

// === impl Tunnel ===

impl Tunnel {
    pub(crate) const fn is_on(&self) -> bool {
        !matches!(self, Self::Off | Self::Refused { .. })
    }

    /// It is switched on and was started, and nobody may get through by it.
    const fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Up { reason: Some(_), .. } | Self::Lost { .. })
    }

    /// The address, while there is one.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Up { url, .. } | Self::Reachable { url } => Some(url),
            Self::Off | Self::Starting | Self::Lost { .. } | Self::Refused { .. } => None,
        }
    }
}

// === impl World ===

impl World {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let status = &self.status;
        let running = status.state == State::Running;
        let mut entries = vec![plain(Action::Status, self.line(), false), Entry::Separator];
        entries.push(plain(Action::CopyMcpUrl, "Copy MCP URL", status.mcp_url.is_some()));
        if status.public_mcp_url.is_some() {
            entries.push(plain(Action::CopyPublicUrl, "Copy public URL", true));
        }
        entries.push(check(Action::Tunnel, "Tunnel to the internet", status.tunnel.is_on(), running));
        entries.push(Entry::Separator);
        if self.attention() > 0 {
            entries.push(plain(Action::Attention, format!("Needs attention ({})", self.attention()), true));
        }
        entries.push(plain(Action::Sessions, format!("Sessions ({})", status.sessions), true));
        entries.push(check(Action::Pause, "Pause all access", status.paused, running));
        entries.push(Entry::Separator);
        entries.push(plain(Action::OpenWindow, "Open window", true));
        entries.push(check(Action::StartAtLogin, "Start at login", self.start_at_login, true));
        entries.push(Entry::Separator);
        entries.push(plain(Action::Quit, "Quit", true));
        entries
    }

    /// How many things wait for the person.
    pub(crate) fn attention(&self) -> usize {
        let refused = matches!(self.status.tunnel, Tunnel::Refused { .. });
        self.waiting + usize::from(matches!(self.status.state, State::Failed { .. })) + usize::from(refused)
    }

    pub(crate) fn icon(&self) -> Icon {
        match &self.status.state {
            _ if self.attention() > 0 => Icon::Attention,
            State::Running if !self.status.paused && self.status.tunnel.is_in_doubt() => Icon::Attention,
            State::Starting | State::Stopped | State::Failed { .. } => Icon::Stopped,
            State::Running if self.status.paused => Icon::Stopped,
            State::Running if self.status.public_mcp_url.is_some() => Icon::Public,
            State::Running => Icon::Running,
        }
    }

    /// The first line of the menu, and the tooltip.
    pub(crate) fn line(&self) -> String {
        let practice = self.status.identity.as_deref() == Some("practice");
        match &self.status.state {
            State::Starting => "Starting".to_owned(),
            State::Stopped => "Stopped".to_owned(),
            State::Failed { message } => cut(&format!("Not running: {message}")),
            State::Running if self.status.paused => "Paused: every request is turned away".to_owned(),
            State::Running => {
                let reach = match &self.status.tunnel {
                    Tunnel::Up { reason: Some(_), .. } => "Running, public address in doubt",
                    Tunnel::Lost { was_open: true, .. } => "Running, tunnel lost",
                    Tunnel::Lost { was_open: false, .. } => "Running, tunnel not open",
                    _ if self.status.public_mcp_url.is_some() => "Running, public",
                    _ => "Running",
                };
                if practice { format!("{reach}, practice tenant") } else { reach.to_owned() }
            }
        }
    }
}

fn plain(action: Action, text: impl Into<String>, enabled: bool) -> Entry {
    Entry::Plain { action, text: text.into(), enabled }
}

const fn check(action: Action, text: &'static str, checked: bool, enabled: bool) -> Entry {
    Entry::Check { action, text, checked, enabled }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST_LINE {
        return text.to_owned();
    }
    text.chars().take(LONGEST_LINE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> World {
        let status = Status {
            state: State::Running,
            mcp_url: Some("http://localhost:4242/mcp".into()),
            sessions: 3,
            ..Status::default()
        };
        World { status, ..World::default() }
    }

    fn texts(world: &World) -> Vec<String> {
        let text = |entry: Entry| match entry {
            Entry::Plain { text, enabled, .. } => format!("{text}{}", if enabled { "" } else { " (off)" }),
            Entry::Check { text, checked, enabled, .. } => {
                format!("[{}] {text}{}", if checked { "x" } else { " " }, if enabled { "" } else { " (off)" })
            }
            Entry::Separator => "-".to_owned(),
        };
        world.entries().into_iter().map(text).collect()
    }

    #[test]
    fn a_running_server_has_the_short_menu() {
        let expected = [
            "Running (off)",
            "-",
            "Copy MCP URL",
            "[ ] Tunnel to the internet",
            "-",
            "Sessions (3)",
            "[ ] Pause all access",
            "-",
            "Open window",
            "[ ] Start at login",
            "-",
            "Quit",
        ];
        assert_eq!(texts(&running()), expected);
        assert_eq!(running().icon(), Icon::Running);
    }

    #[test]
    fn a_public_server_offers_its_public_url() {
        let mut world = running();
        world.status.public_mcp_url = Some("https://mcp.example/mcp".into());
        world.status.tunnel = Tunnel::Reachable { url: "https://mcp.example".into() };
        assert!(texts(&world).contains(&"[x] Tunnel to the internet".to_owned()));
        assert!(texts(&world).contains(&"Copy public URL".to_owned()));
        assert_eq!(world.line(), "Running, public");
        assert_eq!(world.icon(), Icon::Public);
    }

    #[test]
    fn a_public_address_in_doubt_does_not_look_like_one_that_works() {
        let mut world = running();
        world.status.public_mcp_url = Some("https://mcp.example/mcp".into());
        for (tunnel, line) in [
            (
                r#"{"is":"up","url":"https://mcp.example","reason":"no","hint":"h"}"#,
                "Running, public address in doubt",
            ),
            (r#"{"is":"lost","reason":"no","hint":"h","was_open":true}"#, "Running, tunnel lost"),
            (r#"{"is":"lost","reason":"no","hint":"h","was_open":false}"#, "Running, tunnel not open"),
        ] {
            world.status.tunnel = serde_json::from_str(tunnel).unwrap();
            assert_eq!((world.line().as_str(), world.icon()), (line, Icon::Attention));
        }
        world.status.tunnel = Tunnel::Up { url: "https://mcp.example".into(), reason: None };
        assert_eq!((world.line().as_str(), world.icon()), ("Running, public", Icon::Public));
    }

    #[test]
    fn a_failed_engine_needs_attention_and_can_be_neither_copied_from_nor_paused() {
        let state = State::Failed { message: "port 4242 is already in use; ".repeat(5) };
        let world = World { status: Status { state, ..Status::default() }, ..World::default() };
        let texts = texts(&world);
        assert!(texts.contains(&"Needs attention (1)".to_owned()));
        assert!(texts.contains(&"Copy MCP URL (off)".to_owned()));
        assert!(texts.contains(&"[ ] Pause all access (off)".to_owned()));
        assert_eq!(world.line().chars().count(), LONGEST_LINE);
        assert_eq!(world.icon(), Icon::Attention);
    }

    #[test]
    fn a_paused_server_looks_stopped_and_says_why() {
        let mut world = running();
        world.status.paused = true;
        assert!(texts(&world).contains(&"[x] Pause all access".to_owned()));
        assert_eq!((world.icon(), world.line().starts_with("Paused")), (Icon::Stopped, true));
    }

    #[test]
    fn every_action_is_found_by_its_id() {
        for action in Action::ALL {
            assert_eq!(Action::by_id(action.id()), Some(action));
        }
        assert_eq!(Action::by_id("elsewhere"), None);
    }

    #[test]
    fn a_status_reads_whatever_else_it_says() {
        let text = r#"{"state":{"is":"failed","code":"port_in_use","message":"m","hint":"h","offer":{"port":1}},"paused":false,
            "mcp_url":null,"version":"0","sessions":0}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!(status.state, State::Failed { message: "m".into() });
    }
}
