//! A Terraform module for the provider `azuread`.

use std::fmt::Write as _;

use super::graph::{ADMIN_TEXT, ADMIN_TITLE, API_PERMISSIONS, GRAPH_APP, USER_TEXT, USER_TITLE};
use super::{Accounts, CLIENT_ID, PROFILE_SCOPE, Registration, scope_id};
use crate::aadsts;

pub(super) fn module(registration: &Registration) -> String {
    let (name, audience) = (quoted(&registration.name), quoted(registration.accounts.audience()));
    let redirects: Vec<String> = registration.redirect_uris.iter().map(|uri| quoted(uri)).collect();
    let logout = registration.logout_url().map(|url| format!("\n    logout_url    = {}", quoted(&url)));
    let logout = logout.unwrap_or_default();
    let redirects = redirects.join(", ");
    let mut out = String::from(
        "terraform {
  required_providers {
    azuread = {
      source  = \"hashicorp/azuread\"
      version = \"~> 3.0\"
    }
  }
}

",
    );
    out.push_str(&provider(registration));
    let _ = write!(
        out,
        "data \"azuread_client_config\" \"me\" {{}}

resource \"azuread_application\" \"proxy\" {{
  display_name     = {name}
  sign_in_audience = {audience}
  owners           = [data.azuread_client_config.me.object_id]

  web {{
    redirect_uris = [{redirects}]{logout}
  }}

  api {{
    requested_access_token_version = 2
"
    );
    for scope in &registration.scopes {
        let (id, value) = (scope_id(scope), quoted(scope));
        let _ = write!(
            out,
            "
    oauth2_permission_scope {{
      id                         = \"{id}\"
      value                      = {value}
      type                       = \"User\"
      enabled                    = true
      admin_consent_display_name = \"{ADMIN_TITLE}\"
      admin_consent_description  = \"{ADMIN_TEXT}\"
      user_consent_display_name  = \"{USER_TITLE}\"
      user_consent_description   = \"{USER_TEXT}\"
    }}
"
        );
    }
    let _ = write!(
        out,
        "  }}

  # Microsoft Graph
  required_resource_access {{
    resource_app_id = \"{GRAPH_APP}\"
"
    );
    for (name, id) in API_PERMISSIONS {
        let _ = write!(
            out,
            "
    resource_access {{
      id   = \"{id}\" # {name}
      type = \"Scope\"
    }}
"
        );
    }
    out.push_str(
        "  }

  # Says whether somebody is a guest.
  optional_claims {
    access_token {
      name = \"acct\"
    }

    id_token {
      name = \"acct\"
    }

    # Which session at Microsoft it is, so that its end is told to the logout address.
    id_token {
      name = \"sid\"
    }
  }

  # Set below, once the client id is known.
  lifecycle {
    ignore_changes = [identifier_uris]
  }
}

",
    );
    out.push_str(&rest(registration));
    out
}

fn provider(registration: &Registration) -> String {
    let host = registration.authority.host_str().unwrap_or_default();
    let environment = match aadsts::portal(host) {
        Some("entra.microsoft.us") => Some("usgovernment"),
        Some("entra.microsoftonline.cn") => Some("china"),
        _ => None,
    };
    let mut lines = String::new();
    if let Some(environment) = environment {
        let _ = writeln!(lines, "  environment = \"{environment}\"");
    }
    if let Some(tenant) = &registration.tenant {
        let _ = writeln!(lines, "  tenant_id = {}", quoted(tenant));
    }
    if lines.is_empty() { lines } else { format!("provider \"azuread\" {{\n{lines}}}\n\n") }
}

fn rest(registration: &Registration) -> String {
    let uri = quoted(registration.identifier_uri());
    let uri = uri.replace(CLIENT_ID, "${azuread_application.proxy.client_id}");
    let tenant = match registration.accounts {
        Accounts::OneDirectory => "data.azuread_client_config.me.tenant_id",
        Accounts::AnyDirectory => "\"organizations\"",
    };
    let mut out = format!(
        "resource \"azuread_application_identifier_uri\" \"proxy\" {{
  application_id = azuread_application.proxy.id
  identifier_uri = {uri}
}}

resource \"azuread_service_principal\" \"proxy\" {{
  client_id = azuread_application.proxy.client_id
  owners    = [data.azuread_client_config.me.object_id]
}}

resource \"azuread_application_password\" \"proxy\" {{
  application_id = azuread_application.proxy.id
  display_name   = \"Made by Terraform\"
}}

output \"JMOP_ENTRA_TENANT\" {{
  value = {tenant}
}}
"
    );
    let _ = write!(
        out,
        "
output \"JMOP_ENTRA_EXTRA_AUTHORIZE_SCOPES\" {{
  value = \"{PROFILE_SCOPE}\"
}}
"
    );
    if registration.accounts == Accounts::AnyDirectory {
        out.push_str(
            "
output \"JMOP_ENTRA_ALLOWED_TENANTS\" {
  value = data.azuread_client_config.me.tenant_id
}
",
        );
    }
    out.push_str(
        "
output \"JMOP_ENTRA_CLIENT_ID\" {
  value = azuread_application.proxy.client_id
}

# terraform output -raw JMOP_ENTRA_CLIENT_SECRET
output \"JMOP_ENTRA_CLIENT_SECRET\" {
  value     = azuread_application_password.proxy.value
  sensitive = true
}
",
    );
    out
}

/// A quoted template of HCL in which nothing is a template.
fn quoted(text: &str) -> String {
    super::quoted(text, '"').replace("${", "$${").replace("%{", "%%{")
}
