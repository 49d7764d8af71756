//! Clients that are configured because they do not register themselves.

use model::client::{Client, ClientAuth, ClientKind};
use model::host::{HostPattern, HostRules};
use model::ids::{ClientId, TokenHash};
use model::redirect::RedirectRule;
use model::scope::ScopeSet;
use model::settings::{ClientRules, Pairing};
use model::time::Timestamp;

use super::{Check, Read, known, shown};
use crate::settings::problem::quoted;

/// What holds for the clients that are not configured.
pub(super) fn rules(check: &mut Check<'_>) -> Read<ClientRules> {
    let (allowed, blocked) = (hosts(check, "clients.allowed_hosts"), hosts(check, "clients.blocked_hosts"));
    let self_contained_ids = check.flag("clients.self_contained_ids");
    let pairing = pairing(check);
    Ok(ClientRules {
        hosts: HostRules { allowed: allowed?, blocked: blocked? },
        self_contained_ids: self_contained_ids?,
        pairing: pairing?,
    })
}

fn pairing(check: &mut Check<'_>) -> Read<Pairing> {
    match check.text("clients.pairing") {
        "auto" => Ok(Pairing::Auto),
        "on" | "true" => Ok(Pairing::On),
        "off" | "false" => Ok(Pairing::Off),
        other => {
            let message = format!("{} does not say whether new clients need a code", quoted(other));
            Err(check.refuse("clients.pairing", "not-a-choice", message, "write `auto`, `on` or `off`"))
        }
    }
}

fn hosts(check: &mut Check<'_>, key: &str) -> Read<Vec<HostPattern>> {
    let mut hosts = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        let Some(host) = HostPattern::parse(item) else {
            let message = format!("{} is no host", quoted(item));
            let hint =
                "write only the name, for example `claude.ai`, or `*.example.com` for every name below it";
            noted = Some(check.refuse(key, "not-a-host", message, hint));
            continue;
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    noted.map_or(Ok(hosts), Err)
}

/// Each client may ask for every scope of `scope`.
pub(super) fn read(check: &mut Check<'_>, scope: &ScopeSet) -> Read<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    let mut noted = None;
    for number in check.draft.client_numbers() {
        match client(check, number, scope, &clients) {
            Ok(client) => clients.push(client),
            Err(problem) => noted = Some(problem),
        }
    }
    noted.map_or(Ok(clients), Err)
}

fn client(check: &mut Check<'_>, number: usize, scope: &ScopeSet, earlier: &[Client]) -> Read<Client> {
    let key = |name: &str| format!("client.{number}.{name}");
    let id = id(check, &key("id"), earlier);
    let name = name(check, &key("name"));
    let redirects = redirects(check, &key("redirect_uris"));
    let auth = auth(check, &key("auth"), &key("secret_sha256"));
    Ok(Client {
        id: id?,
        kind: ClientKind::Static,
        name: name?,
        uri: None,
        logo_uri: None,
        redirects: redirects?,
        auth: auth?,
        scope: scope.clone(),
        created_at: Timestamp::from_millis(0),
        approved_at: None,
        attempt: None,
        blocked_at: None,
    })
}

fn id(check: &mut Check<'_>, key: &str, earlier: &[Client]) -> Read<ClientId> {
    let text = check.text(key);
    if text.is_empty() {
        return Err(check.refuse(
            key,
            "missing",
            "the client has no id",
            "choose one and enter it in the client too",
        ));
    }
    let Some(id) = ClientId::parse(text) else {
        let message = format!("{} cannot be a client id", quoted(text));
        return Err(check.refuse(
            key,
            "not-a-client-id",
            message,
            "use up to 1024 characters of plain ASCII",
        ));
    };
    if id.is_url() {
        let message = format!("{} is the address of a metadata document", quoted(text));
        let hint = "leave this client out; it is known by its document and needs no configuration";
        return Err(check.refuse(key, "not-a-client-id", message, hint));
    }
    if earlier.iter().any(|client| client.id == id) {
        let message = format!("{} is the id of another client too", quoted(text));
        return Err(check.refuse(key, "same-id", message, "give each client an id of its own"));
    }
    Ok(id)
}

fn name(check: &mut Check<'_>, key: &str) -> Read<Option<String>> {
    let text = check.text(key);
    if text.contains(char::is_control) || text.chars().count() > 100 {
        let message = format!("{} does not fit on one line of the consent page", quoted(text));
        return Err(check.refuse(key, "not-a-name", message, "use up to 100 characters and no line breaks"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn redirects(check: &mut Check<'_>, key: &str) -> Read<Vec<RedirectRule>> {
    let mut rules = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        match RedirectRule::parse(item) {
            Ok(rule) => rules.push(rule),
            Err(error) => {
                let message = format!("{}: {error}", quoted(item));
                let hint = "write what the client sends as `redirect_uri`, or `https://host/path/*` where its last part \
                            changes";
                noted = Some(check.refuse(key, "not-a-redirect-uri", message, hint));
            }
        }
    }
    if rules.is_empty() && noted.is_none() {
        let message = "the client has no redirect URI, so nobody could come back to it";
        noted =
            Some(check.refuse(key, "missing", message, "list the redirect URI that the client's page shows"));
    }
    noted.map_or(Ok(rules), Err)
}

fn auth(check: &mut Check<'_>, method_key: &str, secret_key: &str) -> Read<ClientAuth> {
    let hash = secret_hash(check, secret_key)?;
    match (check.text(method_key), hash) {
        ("" | "none", None) => Ok(ClientAuth::None),
        // RFC 7591 section 2: the method of a client that has a secret and names none.
        ("" | "client_secret_basic", Some(hash)) => Ok(ClientAuth::ClientSecretBasic(hash)),
        ("client_secret_post", Some(hash)) => Ok(ClientAuth::ClientSecretPost(hash)),
        ("none", Some(_)) => {
            let message = "`none` means that the client has no secret, and one is given";
            let hint =
                format!("remove `{secret_key}`, or write `client_secret_basic` or `client_secret_post`");
            Err(check.refuse(method_key, "secret-without-use", message, hint))
        }
        ("client_secret_basic" | "client_secret_post", None) => {
            let message = "the client is to prove a secret, and none is given";
            Err(check.refuse(secret_key, "missing", message, hash_hint()))
        }
        (other, _) => {
            let message = format!("{} is not a way to authenticate", quoted(other));
            let hint = "write `none`, `client_secret_basic` or `client_secret_post`";
            Err(check.refuse(method_key, "not-a-choice", message, hint))
        }
    }
}

fn secret_hash(check: &mut Check<'_>, key: &str) -> Read<Option<TokenHash>> {
    let text = check.draft.text(known(key)).trim().trim_end_matches('=');
    if text.is_empty() {
        return Ok(None);
    }
    TokenHash::from_text(text).map(Some).ok_or_else(|| {
        let message = format!("{} is not a SHA-256 in base64url", shown(key, text));
        check.refuse(key, "not-a-hash", message, hash_hint())
    })
}

fn hash_hint() -> String {
    "compute it with `printf %s \"$SECRET\" | openssl dgst -sha256 -binary | basenc --base64url`; the secret itself \
     belongs in the client only"
        .to_owned()
}
