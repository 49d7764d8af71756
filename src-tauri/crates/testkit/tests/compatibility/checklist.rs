//! Every rule is proved by tests that exist.

use std::fs;
use std::path::Path;

use testkit::checklist::{Proof, RULES};
use testkit::imitation::ALL;

use crate::{at_root, read};

#[test]
fn every_rule_from_1_to_65_is_there_once_and_in_order() {
    let numbers: Vec<_> = RULES.iter().map(|rule| rule.number).collect();
    assert_eq!(numbers, (1..=65).collect::<Vec<_>>());
    for rule in RULES {
        assert!(rule.says.ends_with('.'), "{}: {}", rule.number, rule.says);
        let proved = rule.proofs.iter().any(|proof| !matches!(proof, Proof::Untestable(_)));
        assert!(proved, "rule {} has no test at all", rule.number);
    }
}

#[test]
fn every_test_that_is_named_exists() {
    for rule in RULES {
        for proof in rule.proofs {
            match proof {
                Proof::Rust(path) => {
                    assert!(is_a_test(path), "rule {}: there is no test {path}", rule.number);
                }
                Proof::Script(file, words) | Proof::Words(file, words) => {
                    assert!(read(file).contains(words), "rule {}: `{words}` is not in {file}", rule.number);
                }
                Proof::Untestable(why) => assert!(!why.is_empty(), "rule {}", rule.number),
            }
        }
    }
    assert!(!is_a_test("testkit::imitations::no_such_test"), "the search finds anything");
}

#[test]
fn every_imitation_is_played_by_the_test_it_names() {
    for role in ALL {
        assert!(is_a_test(&format!("testkit::imitations::{}", role.test)), "{}", role.test);
    }
}

/// Whether the crate has a test function of that name, in a file with all the other parts in its path.
fn is_a_test(path: &str) -> bool {
    let parts: Vec<_> = path.split("::").collect();
    let [crate_name, places @ .., name] = &parts[..] else { panic!("{path} is no path") };
    let mut files = Vec::new();
    sources(&at_root("src-tauri/crates").join(crate_name), &mut files);
    files.iter().any(|file| {
        // Folders and the name of the file; a module within a file has none.
        let within =
            file.strip_prefix(at_root("src-tauri/crates").join(crate_name)).unwrap().with_extension("");
        let parts: Vec<_> = within.iter().filter_map(|part| part.to_str()).collect();
        places.iter().all(|part| *part == "tests" || parts.contains(part))
            && has_test(&fs::read_to_string(file).unwrap(), name)
    })
}

fn has_test(source: &str, name: &str) -> bool {
    let declared = [format!("fn {name}("), format!("fn {name}<")];
    let lines: Vec<_> = source.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines[at.saturating_sub(4)..at].iter().rev();
        let attributes: Vec<_> = above
            .take_while(|line| line.trim() != "}")
            .filter(|line| line.trim().starts_with("#["))
            .collect();
        declared.iter().any(|text| line.contains(text))
            && attributes.iter().any(|line| line.contains("test"))
            && !attributes.iter().any(|line| line.contains("ignore"))
    })
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs") {
            found.push(entry);
        }
    }
}
