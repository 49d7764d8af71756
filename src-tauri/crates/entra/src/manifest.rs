//! Reads the manifest of an app registration as the portal exports it, in the format of Microsoft Graph and in the older
//! one of Azure AD Graph, and compares it with what a sign-in here needs.

use serde_json::Value;

/// What of a manifest matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: Option<String>,
    pub client_id: String,
    /// Id or domain of its directory, where the manifest says.
    pub tenant: Option<String>,
    pub identifier_uris: Vec<String>,
    /// Scopes that are enabled, by their short names.
    pub scopes: Vec<String>,
    pub redirect_uris: Vec<(Platform, String)>,
    /// Of access tokens; the manifest's `null` means 1.
    pub token_version: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Web,
    /// "Single-page application": its codes are redeemed by a browser only (AADSTS9002327).
    Spa,
    /// "Mobile and desktop": without a secret.
    Native,
}

/// Why a text is no manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoManifest {
    #[error("this is not JSON")]
    NotJson,
    #[error("there is no `appId` in it, which every manifest of an app registration has")]
    NoAppId,
}

/// Something of the registration that a sign-in here would stumble over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `redirect_uri`, `token_version`, `identifier_uri`, `scope`
    pub about: &'static str,
    /// What is so: one sentence.
    pub what: String,
    /// How to mend it in the portal: one sentence.
    pub hint: String,
}

impl Manifest {
    /// # Errors
    /// A text that is no manifest of either format.
    pub fn read(text: &str) -> Result<Self, NoManifest> {
        let text = text.trim_start_matches('\u{feff}');
        let json: Value = serde_json::from_str(text).map_err(|_| NoManifest::NotJson)?;
        let client_id = short(&json["appId"]).ok_or(NoManifest::NoAppId)?;
        // The older format has one list for all platforms, and names its scopes otherwise.
        let older = json.get("replyUrlsWithType").is_some() || json.get("oauth2Permissions").is_some();
        let (scopes, version, redirect_uris) = if older {
            let all = list(&json["replyUrlsWithType"]).iter();
            let redirects = all.filter_map(|reply| {
                let platform = match reply["type"].as_str()? {
                    "Web" => Platform::Web,
                    "Spa" => Platform::Spa,
                    _ => Platform::Native,
                };
                Some((platform, short(&reply["url"])?))
            });
            (&json["oauth2Permissions"], &json["accessTokenAcceptedVersion"], redirects.collect())
        } else {
            let api = &json["api"];
            let platforms =
                [("web", Platform::Web), ("spa", Platform::Spa), ("publicClient", Platform::Native)];
            let redirects = platforms.into_iter().flat_map(|(key, platform)| {
                let uris = list(&json[key]["redirectUris"]).iter().filter_map(short);
                uris.map(move |uri| (platform, uri))
            });
            (&api["oauth2PermissionScopes"], &api["requestedAccessTokenVersion"], redirects.collect())
        };
        let enabled = list(scopes).iter().filter(|scope| scope["isEnabled"] != false);
        Ok(Self {
            name: short(&json["displayName"]).or_else(|| short(&json["name"])),
            client_id: client_id.to_ascii_lowercase(),
            tenant: ["appOwnerOrganizationId", "appOwnerTenantId", "publisherDomain"]
                .iter()
                .find_map(|key| short(&json[*key])),
            identifier_uris: list(&json["identifierUris"]).iter().filter_map(short).collect(),
            scopes: enabled.filter_map(|scope| short(&scope["value"])).collect(),
            redirect_uris,
            token_version: if version.as_u64() == Some(2) { 2 } else { 1 },
        })
    }

    /// What a sign-in with these redirect URIs and scopes would stumble over.
    pub fn findings(&self, redirect_uris: &[String], scopes: &[String]) -> Vec<Finding> {
        let mut found = Vec::new();
        for uri in redirect_uris {
            found.extend(self.about_redirect(uri));
        }
        if self.identifier_uris.is_empty() {
            found.push(Finding {
                about: "identifier_uri",
                what: "The registration exposes no API: it has no Application ID URI.".to_owned(),
                hint: format!(
                    "Under Expose an API, choose Add beside Application ID URI and accept `api://{}`.",
                    self.client_id
                ),
            });
        }
        for scope in scopes.iter().filter(|scope| !self.scopes.contains(scope)) {
            found.push(Finding {
                about: "scope",
                what: format!("The API has no enabled scope `{scope}`."),
                hint: format!(
                    "Under Expose an API, add a scope `{scope}` that admins and users can consent to."
                ),
            });
        }
        if self.token_version != 2 {
            found.push(Finding {
                about: "token_version",
                what: "The registration asks for version 1 access tokens.".to_owned(),
                hint: "In the manifest, set `requestedAccessTokenVersion` (older: `accessTokenAcceptedVersion`) to 2."
                    .to_owned(),
            });
        }
        found
    }

    fn about_redirect(&self, uri: &str) -> Option<Finding> {
        let at =
            |platform| self.redirect_uris.iter().any(|(on, registered)| *on == platform && registered == uri);
        if at(Platform::Web) {
            return None;
        }
        let (what, hint) = if at(Platform::Spa) {
            (
                format!(
                    "{uri} is on the platform Single-page application, and Entra gives its codes to browsers only \
                         (AADSTS9002327)."
                ),
                "Under Authentication, remove it there and add it on the platform Web.",
            )
        } else if at(Platform::Native) {
            (
                format!("{uri} is on the platform Mobile and desktop, which takes no secret (AADSTS700025)."),
                "Under Authentication, move it to the platform Web, or leave the client secret out of the settings.",
            )
        } else {
            (
                format!("{uri} is not registered (AADSTS50011)."),
                "Under Authentication, add it on the platform Web, character for character.",
            )
        };
        Some(Finding { about: "redirect_uri", what, hint: hint.to_owned() })
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text that fits into a setting.
fn short(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits = !text.is_empty() && text.len() <= 500 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "http://localhost:4242/auth/callback";

    fn graph() -> Value {
        serde_json::json!({
            "appId": "3F6F9D0C-51c7-4c5e-9f2b-0d7f6f8f4a11", "displayName": "Proxy",
            "publisherDomain": "contoso.onmicrosoft.com",
            "identifierUris": ["api://3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11"],
            "api": {
                "requestedAccessTokenVersion": 2,
                "oauth2PermissionScopes": [
                    {"value": "read", "isEnabled": true}, {"value": "old", "isEnabled": false},
                ],
            },
            "web": {"redirectUris": [CALLBACK]}, "spa": {"redirectUris": []}, "publicClient": {"redirectUris": []},
        })
    }

    /// The same registration, as the portal exported it before.
    fn aad() -> Value {
        serde_json::json!({
            "appId": "3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11", "name": "Proxy",
            "publisherDomain": "contoso.onmicrosoft.com", "accessTokenAcceptedVersion": 2,
            "identifierUris": ["api://3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11"],
            "oauth2Permissions": [{"value": "read", "isEnabled": true}, {"value": "old", "isEnabled": false}],
            "replyUrlsWithType": [{"url": CALLBACK, "type": "Web"}],
        })
    }

    fn read(json: &Value) -> Manifest {
        Manifest::read(&json.to_string()).unwrap()
    }

    fn about(manifest: &Manifest) -> Vec<&'static str> {
        let found = manifest.findings(&[CALLBACK.to_owned()], &["read".to_owned()]);
        found.iter().map(|finding| finding.about).collect()
    }

    #[test]
    fn both_formats_say_the_same() {
        assert_eq!(read(&graph()), read(&aad()));
        let manifest = read(&graph());
        assert_eq!(manifest.client_id, "3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11");
        assert_eq!(manifest.tenant.as_deref(), Some("contoso.onmicrosoft.com"));
        assert_eq!(manifest.scopes, ["read"]);
        assert_eq!(about(&manifest), [""; 0]);
    }

    #[test]
    fn what_a_sign_in_would_stumble_over_is_found() {
        let mut json = graph();
        json["web"]["redirectUris"] = serde_json::json!([]);
        assert_eq!(about(&read(&json)), ["redirect_uri"]);
        json["spa"]["redirectUris"] = serde_json::json!([CALLBACK]);
        let on_spa = read(&json).findings(&[CALLBACK.to_owned()], &[]);
        assert!(on_spa[0].what.contains("AADSTS9002327"), "{on_spa:?}");
        json["api"] = serde_json::json!({ "requestedAccessTokenVersion": null });
        json["identifierUris"] = serde_json::json!([]);
        assert_eq!(about(&read(&json)), ["redirect_uri", "identifier_uri", "scope", "token_version"]);
        let mut json = aad();
        json["replyUrlsWithType"][0]["type"] = "InstalledClient".into();
        json["accessTokenAcceptedVersion"] = Value::Null;
        assert_eq!(about(&read(&json)), ["redirect_uri", "token_version"]);
    }

    #[test]
    fn anything_else_is_no_manifest() {
        assert_eq!(Manifest::read("A=b"), Err(NoManifest::NotJson));
        assert_eq!(Manifest::read("{}"), Err(NoManifest::NoAppId));
        assert_eq!(Manifest::read("[]"), Err(NoManifest::NoAppId));
        assert_eq!(Manifest::read(r#"{"appId": 1}"#), Err(NoManifest::NoAppId));
    }
}
