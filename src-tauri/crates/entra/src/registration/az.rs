//! A bash script for the Azure CLI. It calls Microsoft Graph by `az rest`, because `az ad app create` changes an
//! existing application of the same name instead of making one.

use std::fmt::Write as _;

use super::{Accounts, Registration};
use crate::aadsts;

pub(super) fn script(registration: &Registration) -> String {
    let mut out = String::new();
    let name = one_line(&registration.name);
    let _ = write!(
        out,
        "#!/usr/bin/env bash
# Makes the app registration \"{name}\" in Microsoft Entra ID, with an API, a secret and you as its owner.
# Needs the Azure CLI (https://aka.ms/azure-cli), or run it in the Azure Cloud Shell: bash register.sh
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
    let exposed = registration.to_expose("CLIENT-ID");
    // The one place where the shell fills something in: ids that Microsoft gives, which are plain.
    let expose = match &registration.identifier_uri {
        Some(_) => quoted(&format!("{exposed:#}")),
        None => quoted(&format!("{exposed:#}")).replace("CLIENT-ID", "'\"$client\"'"),
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

echo 'Consenting for everybody' >&2
az ad app permission admin-consent --id \"$client\" 2>/dev/null ||
  echo 'Only an administrator can: each person is asked at the first sign-in instead.' >&2

echo 'Making a secret for one year' >&2
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
    let mut out = String::from("cat <<EOF\n");
    if registration.authority.host_str() != Some("login.microsoftonline.com") {
        let _ =
            writeln!(out, "JMOP_ENTRA_AUTHORITY={}", registration.authority.as_str().trim_end_matches('/'));
    }
    match registration.accounts {
        Accounts::OneDirectory => out.push_str("JMOP_ENTRA_TENANT=$tenant\n"),
        Accounts::AnyDirectory => {
            out.push_str("JMOP_ENTRA_TENANT=organizations\nJMOP_ENTRA_ALLOWED_TENANTS=$tenant\n");
        }
    }
    out.push_str("JMOP_ENTRA_CLIENT_ID=$client\nJMOP_ENTRA_CLIENT_SECRET='$secret'\nEOF\n");
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
    use super::*;

    #[test]
    fn a_word_of_the_shell_stays_one() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(id)"), r"'it'\''s $(id)'");
        assert_eq!(quoted(""), "''");
    }
}
