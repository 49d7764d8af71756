//! Which program listens on a port, as far as this computer tells us.

use std::fs;
use std::path::Path;

/// A program that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// `None` if nobody has it, if it belongs to somebody else, or where the operating system has no `/proc`.
pub(crate) fn of_port(port: u16) -> Option<Holder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| listens_on(line, port)).collect::<Vec<_>>())
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_one_of(*pid, &sockets))
        .map(|pid| Holder { name: name(pid), pid })
}

/// The socket's inode, if the line of `/proc/net/tcp` is about a listener on `port`.
fn listens_on(line: &str, port: u16) -> Option<String> {
    const LISTENING: &str = "0A";
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, hex) = columns.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(hex, 16).ok()? == port && *columns.get(3)? == LISTENING;
    is_it.then(|| columns.get(9).map(|&inode| inode.to_owned())).flatten()
}

/// Another person's process does not let us look.
fn has_one_of(pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files
        .filter_map(Result::ok)
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| sockets.iter().any(|socket| Path::new(socket) == target))
}

/// What it calls itself; only what can stand in a sentence.
fn name(pid: u32) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    text.trim().chars().filter(|c| !c.is_control() && *c != '`').collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_and_a_free_port_has_nobody() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            assert_eq!(of_port(port).unwrap().pid, std::process::id(), "{address}");
            drop(listener);
            assert_eq!(of_port(port), None);
        }
    }
}
