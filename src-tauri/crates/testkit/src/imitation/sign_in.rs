//! Discovery, registration, the code and the tokens, as strictly as the clients read them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::pkce::PkceChallenge;
use serde_json::Value;
use url::Url;

use super::{Headers, Imitation, has_null};
use crate::browser::Browser;
use crate::client::Answer;

/// What the client knows of the authorization server (RFC 8414).
#[derive(Debug, Clone)]
pub struct Server {
    pub issuer: String,
    pub authorize: String,
    pub token: String,
    pub register: String,
    pub scopes: String,
    /// Member by member, for what only one client looks at.
    pub document: Value,
}

/// By what it goes: registered, published or given by hand.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub id: String,
    pub secret: Option<String>,
    pub redirect_uri: String,
    /// As the registration answered.
    pub scope: String,
    pub method: String,
}

/// What it asks for at the authorization endpoint, beside what all send.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub state: &'a str,
    pub verifier: &'a str,
    pub scope: Option<&'a str>,
    pub more: Headers<'a>,
}

/// An authorization code and its proof.
#[derive(Debug, Clone)]
pub struct Code {
    pub code: String,
    pub verifier: String,
}

#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub expires_in: u64,
    pub scope: String,
}

impl Imitation {
    /// Protected resource metadata at `url` (RFC 9728), about exactly the URL the person typed.
    pub async fn reads_resource(&self, url: &str, headers: Headers<'_>) -> Value {
        let document = self.document(url, headers).await;
        let resource = document["resource"].as_str().unwrap_or_default();
        self.needs(
            resource == self.mcp_url,
            format_args!(
                "the metadata is about `{resource}`, not about {}: \"Protected resource does not match\"",
                self.mcp_url
            ),
        );
        self.needs(
            document["authorization_servers"][0].is_string(),
            format_args!("no authorization server is named: {document}"),
        );
        document
    }

    /// Metadata of the authorization server at `url`, which must call itself what the resource called it, letter by letter
    /// (RFC 8414 section 3.3).
    pub async fn reads_server(&self, url: &str, headers: Headers<'_>, resource: &Value) -> Server {
        let document = self.document(url, headers).await;
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let lists = |name: &str, value: &str| {
            document[name].as_array().is_some_and(|values| values.iter().any(|one| one == value))
        };
        let expected = resource["authorization_servers"][0].as_str().unwrap_or_default();
        self.needs(
            text("issuer") == expected,
            format_args!("issuer `{}`, expected `{expected}`: \"issuer mismatch\"", text("issuer")),
        );
        self.needs(
            lists("code_challenge_methods_supported", "S256"),
            "S256 is not advertised: \"does not support PKCE\"",
        );
        self.needs(
            lists("grant_types_supported", "refresh_token"),
            "no refresh tokens are advertised: it would ask to sign in every hour",
        );
        let scopes: Vec<_> =
            document["scopes_supported"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Server {
            issuer: text("issuer"),
            authorize: text("authorization_endpoint"),
            token: text("token_endpoint"),
            register: text("registration_endpoint"),
            scopes: scopes.join(" "),
            document,
        }
    }

    /// JSON at a well-known address; none of the clients follows a redirect there or signs in for it.
    async fn document(&self, url: &str, headers: Headers<'_>) -> Value {
        let answer = self.get(url, headers).await;
        self.needs(
            answer.status == 200 && answer.body.is_object(),
            format_args!("{url} is no document but {}: {}", answer.status, answer.body),
        );
        self.needs(
            answer.header("content-type").starts_with("application/json"),
            format_args!("{url} comes as `{}`", answer.header("content-type")),
        );
        self.needs(!has_null(&answer.body), format_args!("{url} has a null in it: {}", answer.body));
        answer.body
    }

    /// Registers (RFC 7591) with exactly this body, and takes the first redirect URI.
    pub async fn registers(&self, server: &Server, headers: Headers<'_>, body: &Value) -> Credentials {
        let answer = self.post_json(&server.register, headers, body).await;
        self.needs(
            answer.status == 201,
            format_args!("the registration was answered with {}: {}", answer.status, answer.body),
        );
        self.needs(
            !has_null(&answer.body),
            format_args!("the registration has a null in it, which its schema refuses: {}", answer.body),
        );
        self.needs(
            answer.body["redirect_uris"] == body["redirect_uris"],
            format_args!("other redirect URIs were registered: {}", answer.body),
        );
        let asked = body["token_endpoint_auth_method"].as_str();
        let method = answer.text("token_endpoint_auth_method").to_owned();
        let secret = answer.body["client_secret"].as_str().map(str::to_owned);
        // What RFC 7591 section 2 says an absent method means.
        self.needs(
            method == asked.unwrap_or("client_secret_basic"),
            format_args!("it asked to authenticate as {asked:?} and was told `{method}`"),
        );
        self.needs(
            secret.is_some() == (method != "none"),
            format_args!(
                "authentication `{method}` and a secret: {}: it cannot tell how to redeem",
                secret.is_some()
            ),
        );
        Credentials {
            id: answer.text("client_id").to_owned(),
            secret,
            redirect_uri: body["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
            scope: answer.text("scope").to_owned(),
            method,
        }
    }

    /// Sends the person's browser through the sign-in and reads what comes back: its own state, byte for byte, and the
    /// issuer it expects (RFC 9207).
    pub async fn signs_in(
        &self,
        browser: &mut Browser,
        server: &Server,
        by: &Credentials,
        ask: Ask<'_>,
    ) -> Code {
        let challenge = PkceChallenge::of_verifier(ask.verifier).to_text();
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", by.id.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("redirect_uri", by.redirect_uri.as_str()),
            ("state", ask.state),
        ];
        params.extend(ask.scope.map(|scope| ("scope", scope)));
        params.extend(ask.more);
        let url =
            Url::parse_with_params(&server.authorize, params).expect("the authorization endpoint is a URL");
        let back = browser.sign_in(url.as_str(), "ada", &by.redirect_uri).await;
        let error = back.param("error");
        self.needs(
            error.is_none(),
            format_args!("it was called back with {error:?}: {:?}", back.param("error_description")),
        );
        let state = back.param("state").unwrap_or_default();
        self.needs(state == ask.state, format_args!("state `{state}` came back for `{}`", ask.state));
        let issuer = back.param("iss").unwrap_or_default();
        self.needs(
            issuer == server.issuer,
            format_args!(
                "the callback says iss `{issuer}`, expected `{}`: \"Issuer mismatch in authorization response (RFC 9207)\"",
                server.issuer
            ),
        );
        let code = back.param("code").unwrap_or_default();
        self.needs(!code.is_empty(), "it was called back without a code");
        Code { code, verifier: ask.verifier.to_owned() }
    }

    /// Posts this form to the token endpoint, and takes the answer apart.
    pub async fn redeems(&self, server: &Server, headers: Headers<'_>, form: Headers<'_>) -> Tokens {
        let answer = self.post_form(&server.token, headers, form).await;
        self.takes(&answer)
    }

    /// What each of them relies on in an answer with tokens.
    pub fn takes(&self, answer: &Answer) -> Tokens {
        self.needs(
            answer.status == 200,
            format_args!("the token endpoint answered {}: {}", answer.status, answer.body),
        );
        self.needs(
            answer.text("token_type") == "Bearer",
            format_args!("a token of type `{}`", answer.text("token_type")),
        );
        // Codex cannot parse a text here. Claude Code refreshes before every request from 300 seconds down (captured).
        let expires_in = answer.body["expires_in"].as_u64().unwrap_or_default();
        self.needs(
            expires_in > 300,
            format_args!("expires_in is {}: it refreshes before every call", answer.body["expires_in"]),
        );
        let (access, refresh) =
            (answer.text("access_token").to_owned(), answer.text("refresh_token").to_owned());
        self.needs(!refresh.is_empty(), "no refresh token: it asks to sign in every hour");
        self.needs(access.is_ascii() && access.len() < 4096, "the access token does not fit into a header");
        Tokens { access, refresh, expires_in, scope: answer.text("scope").to_owned() }
    }
}

impl Credentials {
    /// A client known by the address of its document.
    pub fn published(url: &str, redirect_uri: &str) -> Self {
        Self {
            id: url.to_owned(),
            secret: None,
            redirect_uri: redirect_uri.to_owned(),
            scope: String::new(),
            method: "none".to_owned(),
        }
    }

    /// `client_secret_basic`, both halves form-encoded (RFC 6749 section 2.3.1).
    pub fn basic(&self) -> String {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = self.secret.as_deref().expect("a client with a secret");
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(secret))))
    }
}
