//! A public https address for a port of this computer: programs that can open one, and the supervisor of the one that does.
//!
//! Nothing is downloaded: a program is on the PATH or it is not. It knows nothing of who listens on the port; what to do when an
//! address opens, and whether it really leads here, is for whoever starts it.

mod process;
mod programs;
mod supervisor;

pub use programs::{OWN, PROGRAMS, Program, Shape};
pub use supervisor::{Attempt, Doubt, End, Opener, Outside, State, Tunnel};
