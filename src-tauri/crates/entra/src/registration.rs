//! What an app registration must say so that people can sign in here, and the texts that make one: for the Azure CLI,
//! Terraform, Bicep, and as a manifest in the format of Microsoft Graph.
//!
//! Pure: whoever asks brings the values. Making one over the network is the business of [`crate::create`], reading one
//! back that of [`crate::manifest`].

mod az;
mod bicep;
mod graph;
mod terraform;

use ::url::Url;
use model::ids::TokenHash;
use model::origin::FRONT_CHANNEL_LOGOUT;

/// What a registration is called unless a person says otherwise.
pub const NAME: &str = "Just MCP OAuth Proxy";

/// Stands for the client id in an identifier URI, as in the settings.
const CLIENT_ID: &str = "{client_id}";
/// What is asked of Microsoft Graph on behalf of people: their profile and memberships.
pub const PROFILE_SCOPE: &str = "User.Read";

/// A string of Terraform or Bicep between `quote`s, on one line. What begins a template in it is theirs to take care of.
fn quoted(text: &str, quote: char) -> String {
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// What a registration has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub name: String,
    pub accounts: Accounts,
    /// All of them on the platform Web.
    pub redirect_uris: Vec<String>,
    /// Short names, normally `read`.
    pub scopes: Vec<String>,
    /// Where the identifier URI is another than `api://{client id}`; `{client_id}` in it stands for that.
    pub identifier_uri: Option<String>,
    /// Once there is a registration.
    pub client_id: Option<String>,
    /// The directory it is made in: an id or a domain; `None` means whichever the person signs in to.
    pub tenant: Option<String>,
    /// Sign-in host, which decides the cloud.
    pub authority: Url,
}

/// Who can sign in with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// People of the directory it is made in, and its guests.
    OneDirectory,
    /// People of any organization.
    AnyDirectory,
}

/// A text that makes a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A script for bash and the Azure CLI.
    Az,
    /// JSON in the format of Microsoft Graph, which is that of the portal's manifest editor.
    Manifest,
    Terraform,
    Bicep,
}

impl Registration {
    /// The whole text, with a line end.
    pub fn text(&self, form: Form) -> String {
        match form {
            Form::Az => az::script(self),
            Form::Manifest => format!("{:#}\n", graph::manifest(self)),
            Form::Terraform => terraform::module(self),
            Form::Bicep => bicep::template(self),
        }
    }

    /// Whether it is for a directory of customers (External ID), who cannot consent to anything: an administrator does it for
    /// everybody, or nobody can sign in.
    pub fn has_customers(&self) -> bool {
        self.authority.host_str().is_some_and(|host| host.ends_with(".ciamlogin.com"))
    }

    /// Where Entra says that somebody signed out: one address for an app, and only with `https`. There is none on this computer: Entra
    /// refuses it, and browsers keep a public page from framing what is there.
    pub(crate) fn logout_url(&self) -> Option<String> {
        let mut urls = self.redirect_uris.iter().filter_map(|uri| Url::parse(uri).ok());
        let url = urls.find(|url| url.scheme() == "https")?.join(FRONT_CHANNEL_LOGOUT).ok()?;
        Some(url.into())
    }

    /// Of an application whose client id is known.
    pub(crate) fn identifier_uri_of(&self, client_id: &str) -> String {
        self.identifier_uri().replace(CLIENT_ID, client_id)
    }

    /// With [`CLIENT_ID`] where that goes, if it goes anywhere.
    fn identifier_uri(&self) -> &str {
        self.identifier_uri.as_deref().unwrap_or("api://{client_id}")
    }

    /// What `entra.tenant` and `entra.allowed_tenants` become, for a registration made in `tenant`. With people of any
    /// organization only its own get in until others are named.
    pub fn tenant_settings(&self, tenant: &str) -> (String, String) {
        match self.accounts {
            Accounts::OneDirectory => (tenant.to_owned(), String::new()),
            Accounts::AnyDirectory => ("organizations".to_owned(), tenant.to_owned()),
        }
    }

    /// The body of the call that makes it, without what only its client id tells.
    pub(crate) fn to_create(&self) -> serde_json::Value {
        graph::to_create(self)
    }

    /// What is added once the client id is known.
    pub(crate) fn to_expose(&self, client_id: &str) -> serde_json::Value {
        graph::to_expose(self, client_id)
    }
}

impl Accounts {
    /// `signInAudience` of Microsoft Graph.
    pub const fn audience(self) -> &'static str {
        match self {
            Self::OneDirectory => "AzureADMyOrg",
            Self::AnyDirectory => "AzureADMultipleOrgs",
        }
    }
}

/// The id of a scope: the same for the same name, so that a text made twice changes nothing. It must be unique within
/// its application only.
fn scope_id(scope: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&TokenHash::of(format!("just-mcp-oauth-proxy scope {scope}")).as_bytes()[..16]);
    // RFC 9562 section 5.8: a value of one's own.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> Registration {
        Registration {
            name: NAME.to_owned(),
            accounts: Accounts::OneDirectory,
            redirect_uris: vec!["http://localhost:4242/auth/callback".to_owned()],
            scopes: vec!["read".to_owned()],
            identifier_uri: None,
            client_id: None,
            tenant: None,
            authority: Url::parse("https://login.microsoftonline.com").unwrap(),
        }
    }

    /// Everything a person can bend into a text of ours.
    fn hostile() -> Registration {
        Registration {
            name: "Ada's \"proxy\" $(id) ${x} %{y} `z` \\ \n#".to_owned(),
            accounts: Accounts::AnyDirectory,
            redirect_uris: vec![
                "http://localhost:5000/auth/callback".to_owned(),
                "https://mcp.example.com/auth/callback?a='b'".to_owned(),
            ],
            scopes: vec!["read".to_owned(), "wr'i\"te$(id)${x}`z`".to_owned()],
            identifier_uri: Some("api://it's/$(id)/{client_id}/`z`".to_owned()),
            client_id: Some("a'$(id)`z`${x}\"".to_owned()),
            tenant: Some("contoso'$(id)\"${x}.onmicrosoft.com".to_owned()),
            authority: Url::parse("https://login$(id).example/it's/$(id)").unwrap(),
        }
    }

    #[test]
    fn each_text_has_everything_filled_in() {
        let registration = registration();
        insta::assert_snapshot!("az", registration.text(Form::Az));
        insta::assert_snapshot!("manifest", registration.text(Form::Manifest));
        insta::assert_snapshot!("terraform", registration.text(Form::Terraform));
        insta::assert_snapshot!("bicep", registration.text(Form::Bicep));
    }

    #[test]
    fn nothing_a_person_typed_gets_out_of_its_quotes() {
        let registration = hostile();
        insta::assert_snapshot!("az_hostile", registration.text(Form::Az));
        insta::assert_snapshot!("manifest_hostile", registration.text(Form::Manifest));
        insta::assert_snapshot!("terraform_hostile", registration.text(Form::Terraform));
        insta::assert_snapshot!("bicep_hostile", registration.text(Form::Bicep));
    }

    #[test]
    fn each_cloud_has_its_own_words_and_a_name_of_ones_own_holds_the_client_id_where_it_says() {
        let registration = Registration {
            authority: Url::parse("https://login.microsoftonline.us").unwrap(),
            identifier_uri: Some("api://contoso.com/{client_id}".to_owned()),
            ..registration()
        };
        let text = |form| registration.text(form);
        assert!(text(Form::Az).contains("az cloud set --name AzureUSGovernment\n"));
        assert!(text(Form::Az).contains("\"api://contoso.com/'\"$client\"'\""));
        assert!(text(Form::Terraform).contains("environment = \"usgovernment\""));
        assert!(
            text(Form::Terraform).contains("\"api://contoso.com/${azuread_application.proxy.client_id}\"")
        );
        assert!(text(Form::Bicep).contains("empty(clientId) ? [] : ['api://contoso.com/${clientId}']"));
        assert!(!text(Form::Manifest).contains("identifierUris"), "nobody knows the client id yet");
    }

    #[test]
    fn a_scope_keeps_its_id_and_no_two_share_one() {
        assert_eq!(scope_id("read"), scope_id("read"));
        assert_ne!(scope_id("read"), scope_id("write"));
        assert_eq!(scope_id("read").len(), 36);
    }

    #[test]
    fn people_of_other_organizations_get_in_only_once_they_are_named() {
        let (one, any) = (registration(), hostile());
        assert_eq!(one.tenant_settings("t"), ("t".to_owned(), String::new()));
        assert_eq!(any.tenant_settings("t"), ("organizations".to_owned(), "t".to_owned()));
    }
}
