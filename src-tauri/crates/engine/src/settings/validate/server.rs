//! The rest of `server` and `clients`: sign-in, callback path, browser origins.

use model::origin::BaseUrl;
use model::settings::{ServerSettings, SignInFrom};

use super::addresses::Addresses;
use super::{Check, Read};
use crate::settings::problem::quoted;

pub(super) fn read(check: &mut Check<'_>, addresses: &Addresses) -> Read<ServerSettings> {
    let sign_in = sign_in(check);
    let callback_path = callback_path(check);
    let cors_origins = cors_origins(check);
    let paused = check.flag("server.paused");
    let documents_from_loopback = check.flag("clients.documents_from_loopback");
    Ok(ServerSettings {
        listen: addresses.listen?,
        public_url: addresses.public_url.clone()?,
        sign_in: sign_in?,
        callback_path: callback_path?,
        cors_origins: cors_origins?,
        paused: paused?,
        console: addresses.console?,
        documents_from_loopback: documents_from_loopback?,
    })
}

fn sign_in(check: &mut Check<'_>) -> Read<SignInFrom> {
    match check.text("server.sign_in") {
        "this-computer" => Ok(SignInFrom::ThisComputer),
        "anywhere" => Ok(SignInFrom::Anywhere),
        other => {
            let message = format!("{} does not say where people sign in", quoted(other));
            Err(check.refuse(
                "server.sign_in",
                "not-a-choice",
                message,
                "write `this-computer` or `anywhere`",
            ))
        }
    }
}

fn callback_path(check: &mut Check<'_>) -> Read<String> {
    let text = check.text("server.callback_path");
    let Some(rest) = text.strip_prefix('/') else {
        let message = format!("{} does not begin with a slash", quoted(text));
        let hint = "write only the path of the redirect URI in Entra, for example `/auth/callback`";
        return Err(check.refuse("server.callback_path", "not-a-path", message, hint));
    };
    if rest.split('/').next().is_some_and(|first| first == ".well-known" || first == "mcp")
        || authserver::public_paths().chain(authserver::private_paths()).any(|path| path == text)
        || rest.is_empty()
    {
        let message = format!("{} is already served by something else here", quoted(text));
        let hint = "use a path of its own, for example `/auth/callback`, and list it in Entra too";
        return Err(check.refuse("server.callback_path", "path-taken", message, hint));
    }
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    if text.len() > 200 || !rest.split('/').all(plain) {
        let message = format!("{} is not a plain path", quoted(text));
        let hint =
            "use letters, digits, `-`, `.`, `_` and `~` between single slashes, and no slash at the end";
        return Err(check.refuse("server.callback_path", "not-a-path", message, hint));
    }
    Ok(text.to_owned())
}

fn cors_origins(check: &mut Check<'_>) -> Read<Vec<String>> {
    let key = "server.cors_origins";
    let mut origins = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        match BaseUrl::parse(item) {
            Ok(origin) => {
                let origin = origin.as_str().to_owned();
                if !origins.contains(&origin) {
                    origins.push(origin);
                }
            }
            Err(_) if item == "*" => {
                let message = "`*` would let every web page a person visits call the server";
                let hint = "list the origins of the web pages that may, for example `http://localhost:6274`; those of \
                            the well-known clients are allowed already";
                noted = Some(check.refuse(key, "any-origin", message, hint));
            }
            Err(error) => {
                let message = format!("{} is not an origin: {error}", quoted(item));
                let hint = "write scheme, host and port only, for example `http://localhost:6274`";
                noted = Some(check.refuse(key, "not-an-origin", message, hint));
            }
        }
    }
    noted.map_or(Ok(origins), Err)
}
