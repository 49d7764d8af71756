//! How the app proves itself: which kind is meant, and the texts and files that belong to it. Those of another kind may stay
//! where they are; they count for nothing.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use model::Secret;
use model::certificate::{Certificate, CertificateError};
use model::settings::{ClientSecret, Credential};
use model::time::Timestamp;
use zeroize::Zeroizing;

use super::{Check, Noted, Read, guid_hint, is_guid, known};
use crate::settings::draft::SettingsDraft;
use crate::settings::problem::quoted;

/// More than any secret, certificate or chain has.
const LONGEST_FILE: u64 = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Certificate,
    FederatedToken,
    ManagedIdentity,
    None,
}

/// What stands in a setting itself, or in the file that another setting names.
enum Given<'a> {
    Here(&'a str),
    InFile,
    Nowhere,
}

pub(super) fn read(check: &mut Check<'_>, microsoft: bool) -> Read<Credential> {
    // Read even where they do not count yet: a mistake in them is told when it is made.
    let expires_at = expires_at(check);
    match kind(check)? {
        Kind::None => Ok(Credential::None),
        Kind::Secret => {
            let (current, next) = (current_secret(check, microsoft), next_secret(check, microsoft));
            Ok(Credential::Secret(ClientSecret { current: current?, next: next?, expires_at: expires_at? }))
        }
        Kind::Certificate => certificates(check).map(Credential::Certificates),
        Kind::FederatedToken => federated_token(check).map(Credential::FederatedToken),
        Kind::ManagedIdentity => {
            managed_identity(check).map(|client_id| Credential::ManagedIdentity { client_id })
        }
    }
}

/// Those a draft names, whichever credential counts; none where they cannot be read.
pub(crate) fn certificates_of(draft: &SettingsDraft) -> Vec<Certificate> {
    let mut check = Check { draft, problems: Vec::new() };
    match given(&mut check, "entra.certificate", "entra.certificate_file") {
        Ok(Given::Nowhere) | Err(Noted) => Vec::new(),
        Ok(_) => certificates(&mut check).unwrap_or_default(),
    }
}

fn kind(check: &mut Check<'_>) -> Read<Kind> {
    let key = "entra.credential";
    let text = check.text(key);
    match text.to_ascii_lowercase().as_str() {
        "secret" => Ok(Kind::Secret),
        "certificate" => Ok(Kind::Certificate),
        "federated-token" => Ok(Kind::FederatedToken),
        "managed-identity" => Ok(Kind::ManagedIdentity),
        "none" => Ok(Kind::None),
        "auto" => {
            let any = |keys: [&str; 2]| keys.into_iter().any(|key| check.is_given(key));
            Ok(if any(["entra.client_secret", "entra.client_secret_file"]) {
                Kind::Secret
            } else if any(["entra.certificate", "entra.certificate_file"]) {
                Kind::Certificate
            } else {
                Kind::None
            })
        }
        _ => {
            let message = format!("{} is no kind of credential", quoted(text));
            let hint =
                "write `auto`, `secret`, `certificate`, `federated-token`, `managed-identity` or `none`";
            Err(check.refuse(key, "not-a-choice", message, hint))
        }
    }
}

/// The nearer source counts; two of the same are one too many.
fn given<'a>(check: &mut Check<'a>, key: &str, from_file: &str) -> Read<Given<'a>> {
    let (here, file) = (check.is_given(key), check.is_given(from_file));
    let (rank, rank_of_file) = (check.source(key).rank(), check.source(from_file).rank());
    if here && file && rank == rank_of_file {
        let message = format!("`{key}` is given too, and it is not clear which of the two counts");
        let hint = "remove one of them";
        let code = if key == "entra.client_secret" { "two-secrets" } else { "two-certificates" };
        return Err(check.refuse(from_file, code, message, hint));
    }
    Ok(match (here, file) {
        (false, false) => Given::Nowhere,
        (_, true) if !here || rank_of_file > rank => Given::InFile,
        _ => Given::Here(check.draft.text(known(key))),
    })
}

// === secrets ===

fn current_secret(check: &mut Check<'_>, microsoft: bool) -> Read<Secret> {
    let (key, from_file) = ("entra.client_secret", "entra.client_secret_file");
    match given(check, key, from_file)? {
        Given::Here(text) => examined_secret(check, key, text, microsoft),
        Given::InFile => {
            let contents = contents(check, from_file, "the client secret")?;
            let Ok(text) = std::str::from_utf8(&contents) else {
                let message = "the file with the client secret is no text";
                let hint = "put the Value of the client secret into it, and nothing else";
                return Err(check.refuse(from_file, "not-readable", message, hint));
            };
            // Editors and `echo` end a file with a line break; that is not part of the secret.
            let line = text.strip_suffix('\n').unwrap_or(text);
            examined_secret(check, from_file, line.strip_suffix('\r').unwrap_or(line), microsoft)
        }
        Given::Nowhere => {
            let hint =
                "create one under *Certificates & secrets* and paste its Value, or choose another credential";
            Err(check.refuse(key, "missing", "the client secret is missing", hint))
        }
    }
}

fn next_secret(check: &mut Check<'_>, microsoft: bool) -> Read<Option<Secret>> {
    let key = "entra.next_client_secret";
    if !check.is_given(key) {
        return Ok(None);
    }
    let text = check.draft.text(known(key));
    examined_secret(check, key, text, microsoft).map(Some)
}

fn examined_secret(check: &mut Check<'_>, key: &str, text: &str, microsoft: bool) -> Read<Secret> {
    let again = "copy the Value again, without what stands around it";
    if text.is_empty() {
        let hint = "put the Value of the client secret into it";
        return Err(check.refuse(key, "missing", "the file is empty", hint));
    }
    if text.trim() != text {
        let message = "the client secret begins or ends with white space";
        return Err(check.refuse(key, "secret-white-space", message, again));
    }
    if text.contains(char::is_control) {
        let message = "the client secret has a line break or control character";
        return Err(check.refuse(key, "secret-lines", message, again));
    }
    if microsoft && is_guid(text) {
        let hint = "under *Certificates & secrets*, create a new client secret and paste its Value; the Value is shown \
                    only once (AADSTS7000215)";
        return Err(check.refuse(key, "secret-id", "you pasted the secret's ID, not its Value", hint));
    }
    Ok(Secret::from(text))
}

fn expires_at(check: &mut Check<'_>) -> Read<Option<Timestamp>> {
    let key = "entra.client_secret_expires";
    let text = check.text(key);
    if text.is_empty() {
        return Ok(None);
    }
    let date = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == "2027-05-24".len());
    let begin = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let Some(begin) = begin else {
        let message = format!("{} is not a date", quoted(text));
        let hint = "write year, month and day, for example `2027-05-24`; the portal shows the date beside the secret";
        return Err(check.refuse(key, "not-a-date", message, hint));
    };
    Ok(Some(Timestamp::from_millis(begin.timestamp().as_millisecond())))
}

// === certificates ===

fn certificates(check: &mut Check<'_>) -> Read<Vec<Certificate>> {
    let (key, from_file) = ("entra.certificate", "entra.certificate_file");
    match given(check, key, from_file)? {
        Given::Here(text) => {
            Certificate::all_in_pem(text).map_err(|error| not_a_certificate(check, key, error))
        }
        Given::InFile => certificates_in_file(check, from_file),
        Given::Nowhere => {
            let hint = "make one on the Entra page, or name a PEM or PFX file in `entra.certificate_file`";
            Err(check.refuse(key, "missing", "the certificate is missing", hint))
        }
    }
}

fn certificates_in_file(check: &mut Check<'_>, key: &str) -> Read<Vec<Certificate>> {
    let first = contents(check, key, "the certificate")?;
    let Ok(text) = std::str::from_utf8(&first) else {
        let password = check.draft.text(known("entra.certificate_password"));
        return super::pfx::certificate(&first, password)
            .map(|certificate| vec![certificate])
            .map_err(|error| error.note(check, key));
    };
    let key_file = "entra.certificate_key_file";
    if !check.is_given(key_file) {
        return Certificate::all_in_pem(text).map_err(|error| not_a_certificate(check, key, error));
    }
    let second = contents(check, key_file, "the certificate's private key")?;
    let both = Zeroizing::new([first.as_slice(), b"\n", second.as_slice()].concat());
    std::str::from_utf8(&both)
        .map_err(|_| CertificateError::Unreadable)
        .and_then(Certificate::all_in_pem)
        .map_err(|error| not_a_certificate(check, key_file, error))
}

pub(super) fn not_a_certificate(check: &mut Check<'_>, key: &str, error: CertificateError) -> Noted {
    let (code, hint) = match error {
        CertificateError::NoCertificate | CertificateError::Unreadable => (
            "not-a-certificate",
            "write a certificate and its private key as PEM, or a PFX (PKCS#12) file with both",
        ),
        CertificateError::NoKey => (
            "no-private-key",
            "put the private key into the same file, or name its file in `entra.certificate_key_file`",
        ),
        CertificateError::EncryptedKey => (
            "key-encrypted",
            "take the password off with `openssl pkey -in key.pem -out plain.pem`, or use a PFX file with its password",
        ),
        CertificateError::AnotherKey => (
            "another-key",
            "take the key that the certificate was made with; one of another certificate proves nothing",
        ),
        CertificateError::NotRsa => (
            "not-rsa",
            "make a certificate with an RSA key of 2048 bits or more; the Entra page of this program does",
        ),
    };
    check.refuse(key, code, format!("the certificate cannot be used: {error}"), hint)
}

// === tokens of others ===

fn federated_token(check: &mut Check<'_>) -> Read<PathBuf> {
    let key = "entra.federated_token_file";
    if !check.is_given(key) {
        let message = "no file with a federated token is named";
        let hint = "write its path; platforms with workload identity name it in AZURE_FEDERATED_TOKEN_FILE";
        return Err(check.refuse(key, "missing", message, hint));
    }
    contents(check, key, "the federated token")?;
    Ok(PathBuf::from(check.text(key)))
}

fn managed_identity(check: &mut Check<'_>) -> Read<Option<String>> {
    let key = "entra.managed_identity";
    let text = check.text(key);
    if text.is_empty() {
        return Ok(None);
    }
    if is_guid(text) {
        return Ok(Some(text.to_ascii_lowercase()));
    }
    let message = format!("{} is not the client id of an identity", quoted(text));
    let hint = guid_hint(text, "Client ID of the user-assigned identity");
    Err(check.refuse(key, "not-a-client-id", message, hint))
}

/// Never quotes the path: a person may have put the secret itself there.
fn contents(check: &mut Check<'_>, key: &str, what: &str) -> Read<Zeroizing<Vec<u8>>> {
    let path = Path::new(check.text(key));
    let mut bytes = Zeroizing::new(Vec::new());
    // A pipe or device might never end.
    let outcome = match path.metadata() {
        Ok(facts) if !facts.is_file() => Err(std::io::Error::other("not a regular file")),
        Ok(_) => File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes)),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        let message = format!("the file with {what} cannot be read: {error}");
        let hint = if key == "entra.client_secret_file" {
            "write the path of a file that this program may read; for the secret itself use the environment, as \
             `JMOP_ENTRA_CLIENT_SECRET`"
        } else {
            "write the path of a file that this program may read"
        };
        return Err(check.refuse(key, "not-readable", message, hint));
    }
    Ok(bytes)
}
