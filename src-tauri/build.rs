//! Embeds the window's files and permissions.

use std::path::Path;

/// What the window may ask of the shell; nothing else is reachable from it.
const COMMANDS: &[&str] = &["rpc", "subscribe", "open_external", "save_file", "copy"];

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    assert!(
        Path::new("../ui/dist/index.html").is_file(),
        "the window's pages are not built: run `npm run ui:build` first"
    );
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        panic!("{error:#}");
    }
}
