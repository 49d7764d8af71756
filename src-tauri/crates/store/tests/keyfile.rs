//! The master key file: made once, read ever after, refused when it cannot be trusted.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use model::testing::SeededEntropy;
use store::{KeyFileError, load_or_create_master_key};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    (folder, path)
}

fn names(folder: &TempDir) -> Vec<String> {
    fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A file as its owner would put it there.
fn put(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    allow(path, 0o600);
}

#[cfg(unix)]
fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn allow(_: &Path, _: u32) {}

#[test]
fn the_first_start_makes_a_key_and_later_ones_read_it() {
    let (folder, path) = folder();
    let made = load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap();
    let read = load_or_create_master_key(&path, true, &SeededEntropy::new(2)).unwrap();
    assert_eq!(made.id(), read.id());
    // No half-written draft stays beside it.
    assert_eq!(names(&folder), ["master.key"]);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_key_made() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = folder();
    load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_lost_key_is_not_replaced_while_a_database_needs_it() {
    let (folder, path) = folder();
    let error = load_or_create_master_key(&path, true, &SeededEntropy::new(1)).unwrap_err();
    assert!(matches!(error, KeyFileError::Missing { .. }));
    assert!(error.to_string().contains("master.key") && error.to_string().contains("backup"), "{error}");
    assert_eq!(names(&folder), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_folder, path) = folder();
    load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        allow(&path, mode);
        let error = load_or_create_master_key(&path, true, &SeededEntropy::new(1)).unwrap_err();
        assert!(matches!(error, KeyFileError::Exposed { .. }), "{mode:o}");
        assert!(error.to_string().contains(&format!("mode {mode:o}")), "{error}");
    }
    allow(&path, 0o400);
    load_or_create_master_key(&path, true, &SeededEntropy::new(1)).unwrap();
}

#[test]
fn a_file_that_holds_no_key_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let key = load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap().to_text();
    for text in ["", "short", "not base64 !", &key[..40], &format!("{}{}", &*key, "x".repeat(5000))] {
        put(&path, text);
        for needed in [true, false] {
            let error = load_or_create_master_key(&path, needed, &SeededEntropy::new(1)).unwrap_err();
            assert!(matches!(error, KeyFileError::Malformed { .. }), "{text}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_key_written_by_hand_may_end_in_a_newline() {
    let (_folder, path) = folder();
    let made = load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap();
    put(&path, &format!("  {}\r\n\n", &*made.to_text()));
    let read = load_or_create_master_key(&path, true, &SeededEntropy::new(2)).unwrap();
    assert_eq!(read.id(), made.id());
}

#[test]
fn of_many_first_starts_at_once_all_get_the_same_key() {
    let (folder, path) = folder();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|seed| {
                let path = &path;
                scope.spawn(move || {
                    load_or_create_master_key(path, false, &SeededEntropy::new(seed)).unwrap().id()
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(names(&folder), ["master.key"]);
}

#[test]
fn a_missing_folder_is_an_error_with_the_path() {
    let (folder, _) = folder();
    let path = folder.path().join("nowhere").join("master.key");
    let error = load_or_create_master_key(&path, false, &SeededEntropy::new(1)).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }));
    assert!(error.to_string().contains("nowhere"), "{error}");
}
