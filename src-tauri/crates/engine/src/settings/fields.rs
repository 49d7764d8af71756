//! The one table of everything that can be set: key, meaning, default, names in the environment.
//!
//! The file reader, the environment, the form and the documentation all work from it; what a text must look like is
//! the business of `validate`.

use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Dotted key, `section.name`; `client.<n>.name` stands for the n-th configured client, from 1.
    pub key: &'static str,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// The text that counts when none, or an empty one, is given.
    pub default: &'static str,
    pub shape: Shape,
    pub exposure: Exposure,
    /// Names it has elsewhere in the environment: with the replaced example, or with Azure's platforms.
    pub legacy: &'static [&'static str],
}

/// How a text is written in the file and shown in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Text,
    /// `true` or `false`
    Flag,
    Number,
    /// Separated by white space or commas; an array in the file.
    List,
}

/// Who may see the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    Plain,
    /// Kept in the file, never printed: a hash, or what somebody mistook for it.
    Hidden,
    /// Never printed, and refused in the file and on the command line.
    Secret,
}

/// The sign-in host where none is given.
pub(crate) const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Everything that can be set, in the order a form shows it.
pub const FIELDS: &[Field] = &[
    field("server.listen", "127.0.0.1:4242", "Address and port of the MCP and OAuth server; port 0 picks a free one."),
    field("server.public_url", "", "The https origin under which clients on the internet reach this server, if any.")
        .was(&["FASTMCP_SERVER_AUTH_AZURE_BASE_URL", "PROXY_MCP_URL"]),
    field(
        "server.sign_in",
        "this-computer",
        "Where people who come by the public URL sign in: `this-computer` or `anywhere`.",
    ),
    field("server.callback_path", "/auth/callback", "Path of the redirect URI that the app registration lists.")
        .was(&["FASTMCP_SERVER_AUTH_AZURE_REDIRECT_PATH"]),
    field("server.cors_origins", "", "Browser origins that may call the server, besides the well-known clients'.")
        .shape(Shape::List)
        .was(&["CORS_ALLOW_ORIGINS"]),
    field("server.paused", "false", "Turns everybody away until it is switched off again; nobody is signed out by it.")
        .shape(Shape::Flag),
    field(
        "tunnel.provider",
        "cloudflared",
        "What the switch to the public internet starts: `cloudflared`, `cloudflared-named`, `ngrok`, `tailscale`, `devtunnel`, `zrok`, \
         `localhost-run`, `pinggy`, `serveo`, `ssh`, or `command`.",
    ),
    field(
        "tunnel.command",
        "",
        "With `command`: a program that prints an https address, with `{port}` where ours belongs.",
    ),
    field(
        "tunnel.domain",
        "",
        "A host name of your own at the provider (needed with `cloudflared-named`, possible with `ngrok`), or in front of your own \
         server (`ssh`); without one, a sish server says it.",
    ),
    field(
        "tunnel.ssh_server",
        "",
        "With `ssh`: your own server, `user@host:port`; user and port may be left out.",
    ),
    field(
        "tunnel.ssh_key",
        "",
        "With `ssh`: the private key file to use; without one, those of the agent and of `~/.ssh`.",
    ),
    field(
        "tunnel.ssh_listen",
        "8080",
        "With `ssh`: the port there that leads here, for the web server in front; for sish a name and a port, `mine:80`.",
    ),
    field(
        "tunnel.ngrok_authtoken",
        "",
        "With `ngrok`: the authtoken of your account, from dashboard.ngrok.com/get-started/your-authtoken. Never in the file.",
    )
    .exposure(Exposure::Secret)
    .was(&["NGROK_AUTHTOKEN"]),
    field(
        "tunnel.ngrok_server",
        "",
        "With `ngrok`: host and port of a server that your account has to itself; ngrok's own unless given.",
    ),
    field(
        "tunnel.ngrok_ca_file",
        "",
        "With `ngrok`: PEM file with the certificate authorities that vouch for that server, or for whoever opens encrypted \
         connections on the way; ngrok's own unless given.",
    ),
    field(
        "tunnel.auto_off",
        "never",
        "When the tunnel closes by itself: `never`, `1h` or `8h` after it was switched on, or `sleep`, once this computer has slept.",
    ),
    field("console.listen", "127.0.0.1:4244", "Loopback address and port of the control console, or `off`."),
    field(
        "clients.allowed_hosts",
        "",
        "Hosts that clients may come from: where a published client has its metadata document, and where a registered one is \
         answered over https. `*.example.com` means every name below; none means any host.",
    )
    .shape(Shape::List),
    field("clients.blocked_hosts", "", "Hosts that clients may not come from, whatever is allowed.").shape(Shape::List),
    field(
        "clients.self_contained_ids",
        "false",
        "Seals each registration into its `client_id`, so that clients that registered themselves go on without the database; \
         such ids are a few hundred characters long.",
    )
    .shape(Shape::Flag),
    field(
        "clients.pairing",
        "auto",
        "Whether a client that nobody used before and that comes by the public URL needs a code, which the window or \
         the console shows: `on`, `off`, or `auto` (on with a tunnel, or where people sign in on this computer, if there is \
         a window or a console).",
    ),
    field(
        "clients.documents_from_loopback",
        "false",
        "Lets client ID metadata documents come from loopback addresses; for tests only.",
    )
    .shape(Shape::Flag),
    field(
        "identity.practice",
        "auto",
        "Sign in at the built-in practice tenant: `on`, `off`, or `auto` (on while neither tenant, client id nor \
         client secret is given).",
    ),
    field("practice.listen", "127.0.0.1:4243", "Loopback address and port of the practice tenant."),
    field("practice.sign_in", "", "Person whom the practice tenant signs in without asking, for scripts."),
    field(
        "entra.authority",
        AUTHORITY,
        "Sign-in host: another Microsoft cloud's, `https://contoso.ciamlogin.com` (External ID), `https://contoso.b2clogin.com` \
         (Azure AD B2C), or any OpenID Connect server.",
    ),
    field(
        "entra.tenant",
        "",
        "Directory (tenant) id, a verified domain, or `organizations`, `common` or `consumers`; at Azure AD B2C with the user \
         flow or custom policy, `contoso.onmicrosoft.com/B2C_1_sign_in`.",
    )
    .was(&["FASTMCP_SERVER_AUTH_AZURE_TENANT_ID"]),
    field("entra.client_id", "", "Application (client) id of the app registration.")
        .was(&["FASTMCP_SERVER_AUTH_AZURE_CLIENT_ID"]),
    field(
        "entra.credential",
        "auto",
        "How the app proves itself: `secret`, `certificate`, `federated-token`, `managed-identity` or `none` (platform \
         \"Mobile and desktop\"); `auto` is the secret or else the certificate that is given, or none.",
    ),
    field("entra.client_secret", "", "Value of the client secret. Never in the file.")
        .exposure(Exposure::Secret)
        .was(&["FASTMCP_SERVER_AUTH_AZURE_CLIENT_SECRET"]),
    field("entra.client_secret_file", "", "File that holds nothing but the client secret, instead of the secret."),
    field(
        "entra.client_secret_expires",
        "",
        "Day on which the client secret expires, `2027-05-24`, to be told in time; Entra itself does not say.",
    ),
    field(
        "entra.next_client_secret",
        "",
        "Value of the client secret that comes next: tried when Entra refuses the first, so that nobody is signed out.",
    )
    .exposure(Exposure::Secret),
    field(
        "entra.certificate",
        "",
        "Certificate and its private key as PEM, the newest first; the Entra page makes one. Never in the file.",
    )
    .exposure(Exposure::Secret),
    field("entra.certificate_file", "", "PEM or PFX file with the certificate, instead of the certificate."),
    field("entra.certificate_key_file", "", "PEM file with its private key, where that is a file of its own."),
    field("entra.certificate_password", "", "Password of a PFX file. Never in the file.")
        .exposure(Exposure::Secret),
    field(
        "entra.federated_token_file",
        "",
        "With `federated-token`: file with a token of another provider that the app trusts (workload identity); read \
         whenever it is used.",
    )
    .was(&["AZURE_FEDERATED_TOKEN_FILE"]),
    field(
        "entra.managed_identity",
        "",
        "With `managed-identity`: client id of a user-assigned identity of this Azure server; the system's unless given.",
    ),
    field(
        "entra.identifier_uri",
        "",
        "Application ID URI that prefixes the scopes; `api://{client_id}` at Microsoft, \
         `https://contoso.onmicrosoft.com/{client_id}` at Azure AD B2C, no prefix elsewhere.",
    )
    .was(&["FASTMCP_SERVER_AUTH_AZURE_IDENTIFIER_URI"]),
    field("entra.required_scopes", "read", "Scopes of the exposed API that a token must have, by their short names.")
        .shape(Shape::List)
        .was(&["FASTMCP_SERVER_AUTH_AZURE_REQUIRED_SCOPES"]),
    field(
        "entra.extra_authorize_scopes",
        "",
        "Scopes of other resources to ask consent for while signing in; a bare name means Microsoft Graph.",
    )
    .shape(Shape::List)
    .was(&["FASTMCP_SERVER_AUTH_AZURE_ADDITIONAL_AUTHORIZE_SCOPES"]),
    field(
        "entra.allowed_tenants",
        "",
        "Directory ids people may come from; none means the one in `entra.tenant`, or any if that names many.",
    )
    .shape(Shape::List),
    field(
        "access.people",
        "",
        "People who may sign in: object ids (*Users* > the person > *Object ID*; `directory id/object id` from another directory), \
         which stay when a name changes, or user names of members of the home directory; without people, groups and roles, everybody of an allowed directory.",
    )
    .shape(Shape::List),
    field("access.groups", "", "Object ids of groups whose members may sign in. Without a credential (`none`) only groups that tokens list count.").shape(Shape::List),
    field("access.roles", "", "Values of app roles whose holders may sign in.").shape(Shape::List),
    field("access.guests", "true", "Whether guests of the directory may sign in.").shape(Shape::Flag),
    field(
        "access.prompt",
        "as-needed",
        "Whether people are asked although Entra knows them: `as-needed`, `select-account` or `login`.",
    ),
    field(
        "access.domain_hint",
        "",
        "Domain whose own sign-in page people are taken to at once, such as `contoso.com`.",
    ),
    field(
        "access.login_hint",
        "",
        "User name that the sign-in page begins with, such as `ada@contoso.com`, where one person uses this server; who is asked which \
         account they mean is not told it. Not with sign-in from anywhere, where strangers would read it.",
    ),
    field(
        "tools.get_user_info_scopes",
        "",
        "Scopes of the exposed API that `get_user_info` needs, all of them, beyond the required ones.",
    )
    .shape(Shape::List),
    field("tools.get_user_info_roles", "", "App roles of which `get_user_info` needs one.").shape(Shape::List),
    field(
        "tools.version_scopes",
        "",
        "Scopes of the exposed API that `version` needs, all of them, beyond the required ones.",
    )
    .shape(Shape::List),
    field("tools.version_roles", "", "App roles of which `version` needs one.").shape(Shape::List),
    field("storage.data_dir", "", "Folder of everything that is kept; the platform's data folder unless given."),
    field(
        "storage.database_url",
        "",
        "`sqlite:<file>` (relative to the data folder; `proxy.db` there unless given), or `memory` for tests.",
    ),
    field("storage.unapproved_clients", "20000", "Registered clients to keep that nobody ever approved.")
        .shape(Shape::Number),
    field("storage.open_grants", "20000", "Unfinished sign-ins to keep.").shape(Shape::Number),
    field("storage.events", "200000", "Rows of the sign-in log to keep.").shape(Shape::Number),
    field("storage.event_days", "30", "Days to keep the sign-in log.").shape(Shape::Number),
    field("client.<n>.id", "", "`client_id` of a client that is configured instead of registering itself."),
    field("client.<n>.name", "", "What the consent page calls it."),
    field(
        "client.<n>.redirect_uris",
        "",
        "Its redirect URIs; `https://host/path/*` stands for one more path segment.",
    )
    .shape(Shape::List),
    field("client.<n>.secret_sha256", "", "base64url of the SHA-256 of its secret; none for a public client.")
        .exposure(Exposure::Hidden),
    field(
        "client.<n>.auth",
        "",
        "`none`, `client_secret_basic` or `client_secret_post`; with a secret `client_secret_basic` unless given.",
    ),
];

const fn field(key: &'static str, default: &'static str, doc: &'static str) -> Field {
    Field { key, doc, default, shape: Shape::Text, exposure: Exposure::Plain, legacy: &[] }
}

// === impl Field ===

impl Field {
    const fn shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    const fn exposure(self, exposure: Exposure) -> Self {
        Self { exposure, ..self }
    }

    const fn was(self, legacy: &'static [&'static str]) -> Self {
        Self { legacy, ..self }
    }

    /// Name in the environment, `JMOP_<SECTION>_<FIELD>`; `<N>` stands for the number of a client.
    pub fn variable(&self) -> String {
        variable_of(self.key)
    }
}

fn variable_of(key: &str) -> String {
    format!("JMOP_{}", key.replace('.', "_").to_ascii_uppercase())
}

// === Key ===

/// A key that exists: a position in [`FIELDS`] and, for a configured client, its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// 0 for what is there once.
    client: usize,
    index: usize,
}

/// More clients than this are a mistake.
pub(super) const MAX_CLIENTS: usize = 500;

const CLIENT: &str = "client.<n>.";

impl Key {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (pattern, client) = match text.strip_prefix("client.").and_then(|rest| rest.split_once('.')) {
            Some((number, name)) => (format!("{CLIENT}{name}"), Self::client_number(number)?),
            None => (text.to_owned(), 0),
        };
        let index = FIELDS.iter().position(|field| field.key == pattern)?;
        Some(Self { client, index })
    }

    fn client_number(text: &str) -> Option<usize> {
        let number: usize = text.parse().ok()?;
        ((1..=MAX_CLIENTS).contains(&number) && number.to_string() == text).then_some(number)
    }

    /// The key that an environment variable of ours sets.
    pub(super) fn from_variable(name: &str) -> Option<Self> {
        if let Some((number, field)) = name.strip_prefix("JMOP_CLIENT_").and_then(|rest| rest.split_once('_'))
            && Self::client_number(number).is_some()
        {
            return Self::parse(&format!("client.{number}.{}", field.to_ascii_lowercase()))
                .filter(|key| key.variable() == name);
        }
        Self::singles().find(|key| key.variable() == name)
    }

    /// The key that an environment variable of the replaced example sets.
    pub(super) fn from_legacy(name: &str) -> Option<Self> {
        Self::singles().find(|key| key.field().legacy.contains(&name))
    }

    /// Every key that is there once.
    pub(super) fn singles() -> impl Iterator<Item = Self> {
        (0..FIELDS.len())
            .filter(|&index| !FIELDS[index].key.starts_with(CLIENT))
            .map(|index| Self { client: 0, index })
    }

    pub(super) fn field(self) -> &'static Field {
        &FIELDS[self.index]
    }

    /// Number of the configured client, from 1.
    pub(super) fn client(self) -> Option<usize> {
        (self.client > 0).then_some(self.client)
    }

    /// Section and name, `("entra", "tenant")`.
    pub(super) fn parts(self) -> (&'static str, &'static str) {
        let key = self.field().key;
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        (section.strip_suffix(".<n>").unwrap_or(section), name)
    }

    pub(super) fn variable(self) -> String {
        variable_of(&self.to_string())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.client(), self.field().key.strip_prefix(CLIENT)) {
            (Some(number), Some(name)) => write!(f, "client.{number}.{name}"),
            _ => f.write_str(self.field().key),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// [`FIELDS`] as a Markdown table, for the documentation.
pub fn fields_markdown() -> String {
    let mut out = String::from("| key | default | meaning | environment |\n|---|---|---|---|\n");
    for field in FIELDS {
        let default = if field.default.is_empty() { String::new() } else { format!("`{}`", field.default) };
        let mut names = format!("`{}`", field.variable());
        for name in field.legacy {
            let _ = write!(names, ", `{name}`");
        }
        let _ =
            writeln!(out, "| `{}` | {default} | {} | {names} |", field.key, field.doc.replace('|', "\\|"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back_and_has_a_name_of_its_own_in_the_environment() {
        let mut names = Vec::new();
        for field in FIELDS {
            let text = field.key.replace("<n>", "12");
            let key = Key::parse(&text).unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(key.field().key, field.key);
            assert_eq!(Key::from_variable(&key.variable()), Some(key), "{text}");
            for name in field.legacy {
                assert_eq!(Key::from_legacy(name), Some(key), "{name}");
            }
            names.push(key.variable());
            names.extend(field.legacy.iter().map(|&name| name.to_owned()));
            assert!(field.doc.ends_with('.'), "{text}: a doc is a sentence");
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "no name means two settings");
    }

    #[test]
    fn keys_that_do_not_exist_are_none() {
        for text in [
            "",
            "server",
            "server.",
            "client.id",
            "client.0.id",
            "client.01.id",
            "client.501.id",
            "client.<n>.id",
            "Server.listen",
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
        for name in
            ["JMOP_", "JMOP_CLIENT_1_", "JMOP_CLIENT_1_id", "JMOP_CLIENT_<N>_ID", "JMOP_ENTRA_TENANT_ID"]
        {
            assert_eq!(Key::from_variable(name), None, "{name}");
        }
    }

    #[test]
    fn the_table_for_the_documentation_has_a_row_for_every_field() {
        let table = fields_markdown();
        assert_eq!(table.lines().count(), FIELDS.len() + 2);
        assert!(table.contains(
            "| `server.callback_path` | `/auth/callback` | Path of the redirect URI that the app registration lists. | \
             `JMOP_SERVER_CALLBACK_PATH`, `FASTMCP_SERVER_AUTH_AZURE_REDIRECT_PATH` |"
        ));
        assert!(table.lines().all(|line| line.matches('|').count() == 5), "{table}");
    }
}
