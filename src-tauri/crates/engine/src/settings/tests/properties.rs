//! Whatever is typed, the answer is settings or problems that can be shown.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use super::{file, typed};
use crate::settings::{Exposure, FIELDS, SettingsDraft};

fn keys() -> Vec<String> {
    FIELDS.iter().flat_map(|f| ["1", "3"].map(|n| f.key.replace("<n>", n))).collect()
}

/// Texts that get past the first check now and then.
fn text() -> impl Strategy<Value = String> {
    let near = [
        "",
        " ",
        "on",
        "off",
        "true",
        "0",
        "4242",
        "127.0.0.1:4242",
        "127.0.0.1:0",
        "0.0.0.0:1",
        "localhost:4242",
        "https://a.example",
        "https://a.example/*",
        "http://localhost:4242",
        "sqlite:x",
        "memory",
        "read",
        "api://x",
        "api://{client_id}",
        "11111111-2222-3333-4444-555555555555",
        "common",
        "/a",
        "none",
        "client_secret_post",
        "https://login.microsoftonline.us",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "[\"a\"]",
    ];
    prop_oneof![select(near.to_vec()).prop_map(str::to_owned), "(?s).{0,40}", "[ -~]{0,60}"]
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(select(keys()), text(), 0..FIELDS.len())
}

fn draft_of(texts: &BTreeMap<String, String>) -> SettingsDraft {
    SettingsDraft::from_window(texts.iter().map(|(key, text)| (key.as_str(), text.as_str())))
}

proptest! {
    #[test]
    fn every_draft_is_settings_or_problems_with_fields_that_exist(texts in texts()) {
        if let Err(problems) = draft_of(&texts).validate() {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(keys().contains(&problem.field), "{problem}");
                prop_assert!(!problem.to_string().contains('\n'), "{problem:?}");
                let kebab = problem.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                prop_assert!(kebab, "{}", problem.code);
            }
        }
    }

    #[test]
    fn a_file_written_from_texts_reads_back_to_the_same_texts(texts in texts()) {
        let draft = draft_of(&texts);
        let written = draft.to_toml();
        let read = file(&written);
        prop_assert!(read.problems().is_empty(), "{written}\n{:?}", read.problems());
        for key in keys() {
            let field = FIELDS.iter().find(|f| f.key.replace("<n>", "1") == key || f.key.replace("<n>", "3") == key);
            if field.is_some_and(|f| f.exposure != Exposure::Secret) {
                let key = super::super::fields::Key::parse(&key).unwrap();
                prop_assert_eq!(read.text(key), draft.text(key), "{}", written);
            }
        }
        prop_assert_eq!(read.to_toml(), written);
    }

    #[test]
    fn no_file_and_no_env_file_is_too_strange_to_read(text in "(?s).{0,200}", lines in "([a-zA-Z_.\\[\\]]{1,12}( = |=|\n)['\"]?.{0,12}['\"]?\n){0,8}") {
        for text in [&text, &lines] {
            for draft in [file(text), SettingsDraft::from_dotenv(text)] {
                let _ = format!("{draft}{draft:?}");
                if let Err(problems) = draft.validate() {
                    prop_assert!(!problems.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_draft_never_prints_a_secret(secret in "[!-~]{12,60}") {
        let draft = typed(&[("entra.client_secret", &secret), ("client.1.secret_sha256", &secret)]);
        let told = draft.validate().map_or_else(|problems| super::told(&problems), |settings| format!("{settings:?}"));
        let everywhere = format!("{draft}{draft:?}{told}");
        prop_assert!(!everywhere.contains(&secret));
        prop_assert!(!serde_json::to_string(&draft.rows()).unwrap().contains(&secret));
    }
}
