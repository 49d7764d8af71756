//! A public https address for a port of this computer: programs and a session that can open one, and the supervisor of the
//! one that does.
//!
//! Nothing is downloaded: a program is on the PATH or it is not. It knows nothing of who listens on the port; what to do when an
//! address opens, and whether it really leads here, is for whoever starts it.

mod host_keys;
mod ngrok;
mod process;
mod programs;
mod providers;
mod ssh;
mod supervisor;

pub use host_keys::{HostKey, KnownHosts};
pub use ngrok::Ngrok;
pub use programs::{OWN, PROGRAMS, Program, SSH, Shape, Wishes};
pub use providers::Provider;
pub use ssh::{ChangedKey, Ssh, SshListen, SshServer};
pub use supervisor::{Attempt, Doubt, End, Opener, Outside, State, Tunnel};
