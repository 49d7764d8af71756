//! The list of settings in the documentation is the list in the code.

const INTRODUCTION: &str = "# Settings

In `settings.toml` a setting is a key of its section (`[server]`, then `listen = \"...\"`); in the environment it has the
name of the last column. Environment over file, command line over environment. This list is made from the code.

";

#[test]
fn the_documented_settings_are_the_real_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let expected = format!("{INTRODUCTION}{}", engine::settings::fields_markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == expected, "docs/settings.md is stale; run this test once with UPDATE_DOCS=1");
}
