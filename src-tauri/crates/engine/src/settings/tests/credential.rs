//! How the app proves itself: which kind counts, and what is wrong with what belongs to it.

use std::path::Path;
use std::time::Duration;

use model::certificate::self_signed;
use model::settings::Credential;
use model::testing::SeededEntropy;
use model::time::Timestamp;
use model::{ExposeSecret as _, Secret};

use super::{APP, at_entra, entra_of, file, refused, typed};
use crate::settings::SettingsDraft;

const SECRET: &str = "abC8Q~0123456789abcdefghijklmnopqrstuvwx";

fn pem() -> Secret {
    let year = Duration::from_hours(365 * 24);
    self_signed("settings test", Timestamp::from_secs(1_800_000_000), year, &SeededEntropy::new(4))
}

fn credential(texts: &[(&str, &str)]) -> Credential {
    entra_of(&at_entra(texts)).credential
}

fn kind(texts: &[(&str, &str)]) -> &'static str {
    credential(texts).kind()
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_given_decides_unless_a_kind_is_chosen() {
    let pem = pem();
    let (secret, certificate) = (("entra.client_secret", SECRET), ("entra.certificate", pem.expose_secret()));
    assert_eq!(kind(&[]), "none");
    assert_eq!(kind(&[secret]), "secret");
    assert_eq!(kind(&[certificate]), "certificate");
    assert_eq!(kind(&[secret, certificate]), "secret", "one that was only made does not count yet");
    assert_eq!(kind(&[secret, certificate, ("entra.credential", "certificate")]), "certificate");
    assert_eq!(kind(&[secret, ("entra.credential", "none")]), "none");
    assert_eq!(kind(&[("entra.credential", "managed-identity")]), "managed-identity");
    // Left over, and of no account.
    assert_eq!(kind(&[("entra.credential", "none"), ("entra.client_secret", " x")]), "none");
}

#[test]
fn the_next_secret_and_the_date_come_with_the_first() {
    let Credential::Secret(secret) = credential(&[
        ("entra.client_secret", SECRET),
        ("entra.next_client_secret", "next~secret"),
        ("entra.client_secret_expires", "2027-05-24"),
    ]) else {
        panic!("a secret")
    };
    assert_eq!(secret.current.expose_secret(), SECRET);
    assert_eq!(secret.next.unwrap().expose_secret(), "next~secret");
    assert_eq!(secret.expires_at, Some(Timestamp::from_secs(1_811_116_800)));
}

#[test]
fn each_mistake_is_told_at_its_field() {
    let pem = pem();
    let (certificate, key) =
        pem.expose_secret().split_at(pem.expose_secret().find("-----BEGIN PRIVATE").unwrap());
    let encrypted = pem.expose_secret().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (texts, field, code) in [
        (vec![("entra.credential", "password")], "entra.credential", "not-a-choice"),
        (vec![("entra.credential", "secret")], "entra.client_secret", "missing"),
        (vec![("entra.credential", "certificate")], "entra.certificate", "missing"),
        (vec![("entra.credential", "federated-token")], "entra.federated_token_file", "missing"),
        (
            vec![("entra.credential", "managed-identity"), ("entra.managed_identity", "x")],
            "entra.managed_identity",
            "not-a-client-id",
        ),
        (
            vec![("entra.client_secret", SECRET), ("entra.next_client_secret", APP)],
            "entra.next_client_secret",
            "secret-id",
        ),
        (vec![("entra.client_secret_expires", "5/24/2027")], "entra.client_secret_expires", "not-a-date"),
        (vec![("entra.client_secret_expires", "2027-02-30")], "entra.client_secret_expires", "not-a-date"),
        (vec![("entra.certificate", "nonsense")], "entra.certificate", "not-a-certificate"),
        (vec![("entra.certificate", certificate)], "entra.certificate", "no-private-key"),
        (vec![("entra.certificate", key)], "entra.certificate", "not-a-certificate"),
        (vec![("entra.certificate", &encrypted)], "entra.certificate", "key-encrypted"),
        (vec![("entra.certificate_file", "/no/such/file")], "entra.certificate_file", "not-readable"),
        (
            vec![("entra.certificate", pem.expose_secret()), ("entra.certificate_file", "/x")],
            "entra.certificate_file",
            "two-certificates",
        ),
        (
            vec![("entra.credential", "federated-token"), ("entra.federated_token_file", "/no/such/file")],
            "entra.federated_token_file",
            "not-readable",
        ),
    ] {
        refused(&at_entra(&texts), field, code);
    }
}

#[test]
fn a_certificate_may_be_in_one_file_or_in_two() {
    let (folder, pem) = (tempfile::tempdir().unwrap(), pem());
    let (certificate, key) =
        pem.expose_secret().split_at(pem.expose_secret().find("-----BEGIN PRIVATE").unwrap());
    let both = write(folder.path(), "both.pem", pem.expose_secret());
    let (half, other) = (write(folder.path(), "cert.pem", certificate), write(folder.path(), "key.pem", key));
    assert_eq!(kind(&[("entra.certificate_file", &both)]), "certificate");
    let two = [("entra.certificate_file", half.as_str()), ("entra.certificate_key_file", other.as_str())];
    assert_eq!(kind(&two), "certificate");
    refused(&at_entra(&two[..1]), "entra.certificate_file", "no-private-key");
    let wrong = write(folder.path(), "wrong.pem", &self::pem().expose_secret()[certificate.len()..]);
    refused(
        &at_entra(&[two[0], ("entra.certificate_key_file", &wrong)]),
        "entra.certificate_key_file",
        "another-key",
    );
}

/// Written by OpenSSL 3 with what it uses today, and with what Windows used for twenty years; the password is `pass word`.
#[test]
fn a_pfx_file_opens_with_its_password_only() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pfx) in [
        ("aes.pfx", include_bytes!("data/aes.pfx").as_slice()),
        ("3des.pfx", include_bytes!("data/3des.pfx").as_slice()),
    ] {
        let path = write(folder.path(), name, pfx);
        let Credential::Certificates(all) =
            credential(&[("entra.certificate_file", &path), ("entra.certificate_password", "pass word")])
        else {
            panic!("a certificate: {name}")
        };
        assert_eq!(all[0].public().subject(), "CN=pfx test", "{name}");
        for password in ["", "another"] {
            let draft =
                at_entra(&[("entra.certificate_file", &path), ("entra.certificate_password", password)]);
            refused(&draft, "entra.certificate_file", "pfx-not-opened");
        }
    }
    let noise = write(folder.path(), "noise.pfx", [0x30, 0x82, 0xff, 0xff, 0x00]);
    refused(&at_entra(&[("entra.certificate_file", &noise)]), "entra.certificate_file", "pfx-not-opened");
}

#[test]
fn azures_own_variable_counts_only_where_a_federated_token_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "token", "a.b.c");
    let platform = SettingsDraft::from_env([("AZURE_FEDERATED_TOKEN_FILE", path.as_str())]);
    assert!(matches!(entra_of(&at_entra(&[]).overlay(platform.clone())).credential, Credential::None));
    let asked = at_entra(&[("entra.credential", "federated-token")]).overlay(platform);
    match entra_of(&asked).credential {
        Credential::FederatedToken(file) => assert_eq!(file, Path::new(&path)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn private_keys_and_passwords_stay_out_of_the_file_and_of_what_is_printed() {
    for key in ["certificate", "certificate_password", "next_client_secret"] {
        let in_file = file(&format!("[entra]\n{key} = 'hunter2'"));
        refused(&in_file, &format!("entra.{key}"), "secret-in-file");
        assert_eq!(typed(&[(&format!("entra.{key}"), "hunter2")]).to_toml(), "");
    }
    let pem = pem();
    let draft = at_entra(&[("entra.certificate", pem.expose_secret())]);
    let everywhere = format!("{draft}{draft:?}{:?}", entra_of(&draft));
    let key_line = pem.expose_secret().lines().rev().nth(2).unwrap();
    assert!(!everywhere.contains(key_line), "{everywhere}");
}

#[test]
fn what_gives_itself_away_does_not_follow_to_another_sign_in_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "secret", SECRET);
    let ours = |more: &[(&str, &str)]| {
        let entra = [
            ("entra.tenant", "ours"),
            ("entra.client_id", APP),
            ("entra.authority", "https://login.example"),
        ];
        SettingsDraft::from_command_line(entra.iter().chain(more).map(|(key, text)| (*key, *text, "--set")))
    };
    let sealed = |key: &str| SettingsDraft::from_vault(Ok([(key.to_owned(), Secret::from(SECRET))].into()));
    let moved = |saved: SettingsDraft, more: &[(&str, &str)]| {
        let there = typed(&[("entra.authority", "https://login.example:444")]).overlay(typed(more));
        saved.clone().overlay(there).keeping_secrets_from_others(&saved)
    };
    let refused = |draft: SettingsDraft, field| refused(&draft, field, "secret-of-another-host");

    let both =
        || ours(&[]).overlay(sealed("entra.client_secret")).overlay(sealed("entra.next_client_secret"));
    let (secret, next) = (("entra.client_secret", "another~secret"), ("entra.next_client_secret", ""));
    refused(moved(both(), &[secret]), "entra.next_client_secret");
    refused(moved(both(), &[next]), "entra.client_secret");
    entra_of(&moved(both(), &[secret, next]));
    let same = both().overlay(typed(&[("entra.authority", "https://LOGIN.example:443/realm")]));
    entra_of(&same.keeping_secrets_from_others(&both()));

    let in_file = || ours(&[("entra.client_secret_file", &path)]);
    refused(moved(in_file(), &[]), "entra.client_secret_file");
    let other_spelling = format!("{}/./secret", folder.path().display());
    refused(moved(in_file(), &[("entra.client_secret_file", &other_spelling)]), "entra.client_secret_file");
    entra_of(&moved(ours(&[]), &[("entra.client_secret_file", &path)]));

    let token = ours(&[("entra.credential", "federated-token"), ("entra.federated_token_file", &path)]);
    refused(moved(token.clone(), &[]), "entra.credential");
    let there = [("entra.authority", "https://login.microsoftonline.us"), ("entra.tenant", "contoso.us")];
    entra_of(&moved(token, &there));
    refused(moved(ours(&[]), &[("entra.credential", "managed-identity")]), "entra.credential");
    let certificate =
        ours(&[]).overlay(SettingsDraft::from_vault(Ok([("entra.certificate".to_owned(), pem())].into())));
    entra_of(&moved(certificate, &[]));
}
