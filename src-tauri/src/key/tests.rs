//! The places a key can be in. What needs a real keyring is ignored here and run inside a session bus with one, by
//! `tests/desktop`.

use super::*;

const WORDS: &str = "four unrelated words";

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// A keeper as after a start of the app: it holds nothing yet.
    fn keeper(&self) -> Keeper {
        let preferences = Arc::new(Kept::open(self.data().join("desktop.json")));
        let data = self.data();
        Keeper::new(preferences, Box::new(move || Some(data.clone())), None)
    }

    fn chose(&self, place: KeyPlace) -> Keeper {
        let keeper = self.keeper();
        keeper.preferences.set_key(place).unwrap();
        keeper
    }
}

fn code(result: Result<impl Sized, KeyTrouble>) -> &'static str {
    result.err().expect("trouble").code
}

#[test]
fn a_key_file_that_is_there_counts_as_chosen() {
    let home = Home::new();
    assert_eq!(home.keeper().current_place(), KeyPlace::Keyring);
    let key = from_file(&home.data(), true).unwrap();
    let keeper = home.keeper();
    assert_eq!(keeper.current_place(), KeyPlace::File);
    assert_eq!(keeper.load(false).unwrap().id(), key.id());
}

#[test]
fn a_missing_key_file_is_never_made_anew_while_data_needs_it() {
    let home = Home::new();
    let keeper = home.chose(KeyPlace::File);
    assert_eq!(code(keeper.load(false)), "key_file_missing");
    assert!(!key_file(&home.data()).exists());
    assert!(keeper.load(true).is_ok());
}

#[test]
fn a_key_goes_under_a_passphrase_and_leaves_its_file() {
    let home = Home::new();
    let keeper = home.chose(KeyPlace::File);
    let key = keeper.load(true).unwrap();
    keeper.set_passphrase(WORDS).unwrap();
    assert!(!key_file(&home.data()).exists(), "no copy in the open");
    assert_eq!(keeper.load(false).unwrap().id(), key.id(), "while the app runs nobody is asked again");

    let after_a_restart = home.keeper();
    assert_eq!(after_a_restart.current_place(), KeyPlace::Passphrase);
    assert_eq!(code(after_a_restart.load(false)), "passphrase_needed");
    assert_eq!(code(after_a_restart.unlock("something else")), "passphrase_wrong");
    after_a_restart.unlock(WORDS).unwrap();
    assert_eq!(after_a_restart.load(false).unwrap().id(), key.id());
}

#[test]
fn a_key_comes_back_from_under_a_passphrase_into_a_file() {
    let home = Home::new();
    let keeper = home.chose(KeyPlace::File);
    let key = keeper.load(true).unwrap();
    keeper.set_passphrase(WORDS).unwrap();
    keeper.use_file().unwrap();
    assert!(!sealed_file(&home.data()).exists());
    assert_eq!(home.keeper().load(false).unwrap().id(), key.id());
}

#[test]
fn a_key_that_cannot_be_read_is_not_replaced_by_a_new_one() {
    let home = Home::new();
    let keeper = home.chose(KeyPlace::Passphrase);
    assert_eq!(code(keeper.load(false)), "passphrase_needed");
    assert_eq!(code(keeper.use_file()), "key_out_of_reach");
    assert_eq!(code(keeper.set_passphrase(WORDS)), "key_out_of_reach");
    assert_eq!(keeper.current_place(), KeyPlace::Passphrase, "nothing was changed");
}

#[test]
fn on_first_use_either_fallback_can_be_chosen() {
    for choose in [Keeper::use_file, |keeper: &Keeper| keeper.set_passphrase(WORDS)] {
        let home = Home::new();
        let keeper = home.chose(KeyPlace::Passphrase);
        assert!(keeper.load(true).is_err());
        choose(&keeper).unwrap();
        assert!(keeper.load(true).is_ok());
    }
}

#[test]
fn another_key_in_the_file_is_not_overwritten() {
    let home = Home::new();
    let keeper = home.chose(KeyPlace::Passphrase);
    assert!(keeper.load(true).is_err());
    keeper.set_passphrase(WORDS).unwrap();
    let other = from_file(&home.data(), true).unwrap();
    assert_eq!(code(keeper.use_file()), "key_file_taken");
    assert_eq!(from_file(&home.data(), false).unwrap().id(), other.id());
}

#[test]
fn settings_that_do_not_read_are_said_to_be_the_reason() {
    let home = Home::new();
    let preferences = Arc::new(Kept::open(home.data().join("desktop.json")));
    let keeper = Keeper::new(preferences, Box::new(|| None), None);
    assert_eq!(code(keeper.load(true)), "no_data_folder");
}

#[test]
#[ignore = "needs an unlocked keyring"]
fn keyring_unlocked() {
    let (home, other) = (Home::new(), Home::new());
    let keeper = home.keeper();
    assert_eq!(code(keeper.load(false)), "key_missing");
    let key = keeper.load(true).unwrap();
    assert_eq!(home.keeper().load(false).unwrap().id(), key.id(), "there after a restart");
    assert_ne!(other.keeper().load(true).unwrap().id(), key.id(), "two data folders have two keys");
    assert!(!key_file(&home.data()).exists());

    keeper.use_file().unwrap();
    assert_eq!(code(home.chose(KeyPlace::Keyring).load(false)), "key_missing", "moved, not copied");
    let keeper = home.chose(KeyPlace::File);
    keeper.load(false).unwrap();
    keeper.use_keyring().unwrap();
    assert!(!key_file(&home.data()).exists());
    assert_eq!(home.keeper().load(false).unwrap().id(), key.id());
}

#[test]
#[ignore = "needs an unlocked keyring, and nobody who could unlock it again"]
fn keyring_locked() {
    let (home, other) = (Home::new(), Home::new());
    home.keeper().load(true).unwrap();
    let default = "/org/freedesktop/secrets/aliases/default";
    let lock = [
        "--user",
        "call",
        "org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service",
    ];
    let locked = std::process::Command::new("busctl").args(lock).args(["Lock", "ao", "1", default]).status();
    assert!(locked.unwrap().success());
    assert_eq!(code(home.keeper().load(false)), "keyring_locked");
    assert_eq!(
        code(home.keeper().load(true)),
        "keyring_locked",
        "nor is another key made beside the one that is locked"
    );
    assert_eq!(code(other.keeper().load(true)), "keyring_locked");
}

#[test]
#[ignore = "needs a session without a keyring"]
fn keyring_missing() {
    assert_eq!(code(Home::new().keeper().load(true)), "keyring_missing");
}

#[test]
#[ignore = "needs a keyring that does not answer"]
fn keyring_silent() {
    let began = std::time::Instant::now();
    assert_eq!(code(Home::new().keeper().load(true)), "keyring_slow");
    assert!(began.elapsed() < std::time::Duration::from_secs(8));
}
