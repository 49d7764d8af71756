//! Being told to stop, once or more often.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Somebody at the keyboard.
    ByCtrlC,
    #[cfg(unix)]
    /// SIGTERM or SIGHUP. What starts and stops programs sends these more than once without meaning more by it.
    Otherwise,
}

/// SIGTERM and Ctrl-C. The handlers are in place when this is made, so an early signal is not lost.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    hangup: Option<Signal>,
    #[cfg(windows)]
    interrupt: CtrlC,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: None })
    }

    #[cfg(windows)]
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()? })
    }

    /// Of a command that a person follows: a terminal that is closed says so too (SIGHUP).
    pub(crate) fn of_terminal() -> std::io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { hangup: Some(signal(SignalKind::hangup())?), ..Self::new()? });
        #[cfg(windows)]
        Self::new()
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Asked {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::ByCtrlC,
            _ = self.terminate.recv() => Asked::Otherwise,
            _ = hangup => Asked::Otherwise,
        }
    }

    #[cfg(windows)]
    pub(crate) async fn next(&mut self) -> Asked {
        self.interrupt.recv().await;
        Asked::ByCtrlC
    }
}
