//! How the web view draws. `WebKitGTK`'s DMA-BUF renderer leaves windows blank with some graphics drivers, and takes some 80 MB
//! more than the plain one for pages as calm as ours.
//!
//! The library reads its environment when it is loaded, and changing one's own environment is a race between threads: so the
//! program is started over, as itself, with the variable set. Whoever set it already has decided.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

const PLAIN: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Does not return, unless there is nothing to do or it cannot be done.
pub(crate) fn choose_plain() {
    if std::env::var_os(PLAIN).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // It only comes back with an error, and then the window is drawn as the library likes.
    let _ = Command::new(program).args(std::env::args_os().skip(1)).env(PLAIN, "1").exec();
}
