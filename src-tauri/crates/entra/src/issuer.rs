//! Issuers: what a provider's metadata calls itself, and what its tokens of either version must say.
//!
//! Entra serves many directories from one address. Its metadata then names `{tenantid}` instead of a directory,
//! and the issuer of a token is that text filled with the token's own `tid`.

const TEMPLATE: &str = "{tenantid}";

/// `issuer` of the metadata, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    text: String,
    /// The part before `/{tenant}/v2.0`, and that tenant, if it has this form. Azure AD B2C ends it with a slash, and names
    /// the policy after the tenant where it was told to (`/tfp/{tenant}/{policy}/v2.0/`).
    parts: Option<(String, String)>,
}

impl Issuer {
    pub(crate) fn of_metadata(text: &str) -> Self {
        let of_policy = |rest: &str| {
            let (base, named) = rest.split_once("/tfp/")?;
            let (tenant, _) = named.split_once('/')?;
            Some((base.to_owned(), tenant.to_owned()))
        };
        let parts = text.strip_suffix('/').unwrap_or(text).strip_suffix("/v2.0").and_then(|rest| {
            of_policy(rest)
                .or_else(|| rest.rsplit_once('/').map(|(base, tenant)| (base.to_owned(), tenant.to_owned())))
        });
        Self { text: text.to_owned(), parts }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The one directory it stands for; none if it stands for many, or is no Entra.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.parts.as_ref().map(|(_, tenant)| tenant.as_str()).filter(|tenant| *tenant != TEMPLATE)
    }

    /// What a v2.0 token of directory `tid` says.
    pub(crate) fn v2(&self, tid: &str) -> String {
        self.text.replace(TEMPLATE, tid)
    }

    /// What a v1.0 token of directory `tid` says: each cloud has a security token service of its own, and elsewhere
    /// it lives under `sts` beside the directories.
    pub(crate) fn v1(&self, tid: &str) -> Option<String> {
        let (base, _) = self.parts.as_ref()?;
        Some(match base.as_str() {
            "https://login.microsoftonline.com" | "https://login.microsoftonline.us" => {
                format!("https://sts.windows.net/{tid}/")
            }
            "https://login.partner.microsoftonline.cn" | "https://login.chinacloudapi.cn" => {
                format!("https://sts.chinacloudapi.cn/{tid}/")
            }
            other => format!("{other}/sts/{tid}/"),
        })
    }

    /// Whether a signing key published for this issuer may sign for directory `tid`. Shared key sets carry keys of
    /// single directories, which must not vouch for another.
    pub(crate) fn serves(&self, tid: Option<&str>) -> bool {
        match (self.tenant(), tid) {
            (None, _) => true,
            (Some(tenant), Some(tid)) => tenant.eq_ignore_ascii_case(tid),
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_the_directory_of_the_token() {
        let many = Issuer::of_metadata("https://login.microsoftonline.com/{tenantid}/v2.0");
        assert_eq!(many.tenant(), None);
        assert_eq!(many.v2("t-1"), "https://login.microsoftonline.com/t-1/v2.0");
        assert_eq!(many.v1("t-1").unwrap(), "https://sts.windows.net/t-1/");
        assert!(many.serves(Some("t-1")));
    }

    #[test]
    fn a_fixed_issuer_stands_for_one_directory() {
        let one = Issuer::of_metadata("http://localhost:4243/t-1/v2.0");
        assert_eq!(one.tenant(), Some("t-1"));
        assert_eq!(one.v2("t-2"), "http://localhost:4243/t-1/v2.0");
        assert_eq!(one.v1("t-1").unwrap(), "http://localhost:4243/sts/t-1/");
        assert!(one.serves(Some("T-1")) && !one.serves(Some("t-2")) && !one.serves(None));
    }

    #[test]
    fn clouds_have_their_own_token_service() {
        let v1 = |base: &str| Issuer::of_metadata(&format!("{base}/x/v2.0")).v1("t").unwrap();
        assert_eq!(v1("https://login.microsoftonline.us"), "https://sts.windows.net/t/");
        assert_eq!(v1("https://login.partner.microsoftonline.cn"), "https://sts.chinacloudapi.cn/t/");
    }

    #[test]
    fn an_external_tenant_is_a_directory_of_its_own() {
        let external = Issuer::of_metadata("https://t-1.ciamlogin.com/t-1/v2.0");
        assert_eq!(external.tenant(), Some("t-1"));
        assert_eq!(external.v2("t-1"), "https://t-1.ciamlogin.com/t-1/v2.0");
        assert!(external.serves(Some("t-1")) && !external.serves(Some("t-2")));
    }

    #[test]
    fn b2c_ends_with_a_slash_and_may_name_the_policy() {
        for text in [
            "https://contoso.b2clogin.com/t-1/v2.0/",
            "https://contoso.b2clogin.com/tfp/t-1/b2c_1_sign_in/v2.0/",
        ] {
            let issuer = Issuer::of_metadata(text);
            assert_eq!((issuer.tenant(), issuer.as_str()), (Some("t-1"), text));
        }
    }

    #[test]
    fn other_servers_have_just_their_name() {
        let other = Issuer::of_metadata("https://accounts.example.com");
        assert_eq!((other.tenant(), other.v1("t")), (None, None));
        assert!(other.serves(None));
    }
}
