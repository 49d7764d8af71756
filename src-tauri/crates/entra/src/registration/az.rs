//! A bash script for the Azure CLI. It calls Microsoft Graph by `az rest`, because `az ad app create` changes an
//! existing application of the same name instead of making one.

use std::fmt::Write as _;

use super::{Accounts, CLIENT_ID, PROFILE_SCOPE, Registration};
use crate::aadsts;

pub(super) fn script(registration: &Registration) -> String {
    let mut out = String::new();
    let name = one_line(&registration.name);
    let consent = if registration.has_customers() {
        "# Customers cannot consent, so it consents for everybody: run it as an administrator of the directory. Then add the app to a
# user flow under External Identities > User flows > your flow > Applications."
    } else {
        "# Each person is asked for consent at the first sign-in; an administrator can consent for everybody in the directory with
# CONSENT=yes bash register.sh"
    };
    let _ = write!(
        out,
        "#!/usr/bin/env bash
# Makes the app registration \"{name}\" in Microsoft Entra ID, with an API, a secret and you as its owner.
# Needs the Azure CLI (https://aka.ms/azure-cli), or run it in the Azure Cloud Shell: bash register.sh
{consent}
# If a step fails, what was made is deleted again.
set -euo pipefail

"
    );
    if let Some(cloud) = cloud(registration) {
        let _ = writeln!(out, "az cloud set --name {cloud}");
    }
    let tenant = registration.tenant.as_deref();
    match tenant {
        Some(tenant) => {
            let _ =
                writeln!(out, "az login --allow-no-subscriptions --tenant {} --output none", quoted(tenant));
        }
        None => out.push_str(
            "az account show --output none 2>/dev/null || az login --allow-no-subscriptions --output none\n",
        ),
    }
    let create = quoted(&format!("{:#}", registration.to_create()));
    // The shell fills in ids that Microsoft gives, which are plain.
    let exposed = quoted(&format!("{:#}", registration.to_expose(CLIENT_ID)));
    let expose = exposed.replace(CLIENT_ID, "'\"$client\"'");
    let consenting = if registration.has_customers() {
        "echo 'Consenting for everybody' >&2
again az ad app permission admin-consent --id \"$client\"

"
    } else {
        "if [ \"${CONSENT-}\" = yes ]; then
  echo 'Consenting for everybody' >&2
  az ad app permission admin-consent --id \"$client\" 2>/dev/null ||
    echo 'Only an administrator can: each person is asked at the first sign-in instead.' >&2
fi

"
    };
    let secret_name = quoted(&format!("{name} on this computer"));
    let _ = write!(
        out,
        "graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${{graph%/}}/v1.0

object= client= finished=
undo() {{
  if [ -n \"$object\" ] && [ -z \"$finished\" ]; then
    echo 'That did not work: the app registration is deleted again.' >&2
    az rest --method DELETE --url \"$graph/applications/$object\"
  fi
}}
trap undo EXIT

# What was just made is not found everywhere at once.
again() {{
  for pause in 2 4 8 16; do
    if \"$@\"; then return; fi
    sleep \"$pause\"
  done
  \"$@\"
}}

echo 'Making the app registration' >&2
application={create}
made=$(az rest --method POST --url \"$graph/applications\" --headers Content-Type=application/json \\
  --body \"$application\" --query \"join(' ', [id, appId])\" --output tsv)
object=${{made% *}}
client=${{made#* }}

echo 'Exposing the API' >&2
api={expose}
again az rest --method PATCH --url \"$graph/applications/$object\" --headers Content-Type=application/json \\
  --body \"$api\" --output none

echo 'Making it known to the directory, with you as the owner' >&2
again az ad sp create --id \"$client\" --output none
if me=$(az ad signed-in-user show --query id --output tsv 2>/dev/null); then
  again az ad app owner add --id \"$client\" --owner-object-id \"$me\"
fi

{consenting}echo 'Making a secret for one year' >&2
secret=$(az ad app credential reset --id \"$client\" --append --years 1 --display-name {secret_name} \\
  --query password --output tsv --only-show-errors)
tenant=$(az account show --query tenantId --output tsv)
finished=yes

echo 'Done. Paste these lines into Import on the Entra page; the secret is shown only this time:' >&2
"
    );
    out.push_str(&lines(registration));
    out
}

/// What the import of a `.env` file understands.
fn lines(registration: &Registration) -> String {
    let mut out = String::new();
    let mut plain = |line: &str| {
        let _ = writeln!(out, "printf '%s\\n' {}", quoted(line));
    };
    if registration.authority.host_str() != Some("login.microsoftonline.com") {
        plain(&format!("JMOP_ENTRA_AUTHORITY={}", registration.authority.as_str().trim_end_matches('/')));
    }
    plain(&format!("JMOP_ENTRA_EXTRA_AUTHORIZE_SCOPES={PROFILE_SCOPE}"));
    let directory = match registration.accounts {
        Accounts::OneDirectory => "JMOP_ENTRA_TENANT",
        Accounts::AnyDirectory => {
            plain("JMOP_ENTRA_TENANT=organizations");
            "JMOP_ENTRA_ALLOWED_TENANTS"
        }
    };
    let _ = write!(
        out,
        "printf '{directory}=%s\\n' \"$tenant\"
printf 'JMOP_ENTRA_CLIENT_ID=%s\\n' \"$client\"
printf \"JMOP_ENTRA_CLIENT_SECRET='%s'\\n\" \"$secret\"
"
    );
    out
}

/// As `az cloud set` has it; `None` for the one that is there unless another was set.
fn cloud(registration: &Registration) -> Option<&'static str> {
    match aadsts::portal(registration.authority.host_str()?)? {
        "entra.microsoft.us" => Some("AzureUSGovernment"),
        "entra.microsoftonline.cn" => Some("AzureChinaCloud"),
        _ => None,
    }
}

/// One word of the shell, whatever is in it (POSIX.1-2024, shell section 2.2.2).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For a comment, which ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use ::url::Url;

    use super::*;

    /// Answers as the Azure CLI does, and writes down what it is asked.
    #[cfg(unix)]
    const AZ: &str = "#!/bin/bash
printf '%s\\n' \"$*\" >> \"$ASKED\"
case \"$*\" in
  *'--method POST'*) echo object client ;;
  *'credential reset'*) printf '%s\\n' 'se~$(id)' ;;
  *'--query tenantId'*) echo tenant ;;
  *'cloud show'*) echo https://graph.example/ ;;
esac
";

    /// What the script prints, and what it asked of the Azure CLI.
    #[cfg(unix)]
    fn run(registration: &Registration, consent: &str) -> (String, String) {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::TempDir::new().unwrap();
        let (az, text, asked) =
            (folder.path().join("az"), folder.path().join("register.sh"), folder.path().join("asked"));
        std::fs::write(&az, AZ).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(&text, script(registration)).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
        let ran = std::process::Command::new("bash")
            .arg(&text)
            .envs([("PATH", path.as_str()), ("CONSENT", consent)])
            .env("ASKED", &asked)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        (String::from_utf8(ran.stdout).unwrap(), std::fs::read_to_string(asked).unwrap())
    }

    #[cfg(unix)]
    fn at(authority: &str) -> Registration {
        Registration {
            name: "it's $(id)".to_owned(),
            accounts: Accounts::AnyDirectory,
            redirect_uris: Vec::new(),
            scopes: vec!["read".to_owned()],
            identifier_uri: None,
            client_id: None,
            tenant: None,
            authority: Url::parse(authority).unwrap(),
        }
    }

    #[cfg(unix)]
    #[test]
    fn whatever_the_sign_in_host_is_called_the_shell_runs_nothing_of_it() {
        let (printed, asked) = run(&at("https://x$(id)`id`.example/it's/$(id)"), "");
        assert_eq!(
            printed,
            "JMOP_ENTRA_AUTHORITY=https://x$(id)`id`.example/it's/$(id)
JMOP_ENTRA_EXTRA_AUTHORIZE_SCOPES=User.Read
JMOP_ENTRA_TENANT=organizations
JMOP_ENTRA_ALLOWED_TENANTS=tenant
JMOP_ENTRA_CLIENT_ID=client
JMOP_ENTRA_CLIENT_SECRET='se~$(id)'
"
        );
        assert!(asked.contains("api://client"), "{asked}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_consents_for_everybody_unless_told_to() {
        let registration = at("https://login.microsoftonline.com");
        assert!(!run(&registration, "").1.contains("admin-consent"));
        assert!(run(&registration, "yes").1.contains("permission admin-consent --id client"));
        assert!(script(&registration).contains("consent for everybody in the directory with\n# CONSENT=yes"));
    }

    #[cfg(unix)]
    #[test]
    fn customers_are_consented_for_since_they_cannot() {
        let registration = Registration {
            tenant: Some("contoso.onmicrosoft.com".to_owned()),
            ..at("https://contoso.ciamlogin.com")
        };
        assert!(run(&registration, "").1.contains("permission admin-consent --id client"));
        let script = script(&registration);
        assert!(script.contains("az login --allow-no-subscriptions --tenant 'contoso.onmicrosoft.com'"));
        assert!(script.contains("User flows") && !script.contains("CONSENT"), "{script}");
    }

    #[test]
    fn a_word_of_the_shell_stays_one() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(id)"), r"'it'\''s $(id)'");
        assert_eq!(quoted(""), "''");
    }
}
