//! A Bicep template with the Microsoft Graph extension. Bicep cannot name the client id inside the resource that makes
//! it, nor make a secret, so it is deployed twice and the secret is one more command.

use std::fmt::Write as _;

use super::graph::{ADMIN_TEXT, ADMIN_TITLE, API_PERMISSIONS, GRAPH_APP, USER_TEXT, USER_TITLE};
use super::{CLIENT_ID, PROFILE_SCOPE, Registration, scope_id};

pub(super) fn template(registration: &Registration) -> String {
    let uri = quoted(registration.identifier_uri());
    let identifier = if uri.contains(CLIENT_ID) {
        format!("empty(clientId) ? [] : [{}]", uri.replace(CLIENT_ID, "${clientId}"))
    } else {
        format!("[{uri}]")
    };
    let mut out = format!(
        "// Deploy it, then once more with the client id it printed, so that the API gets its name:
//   az deployment group create --resource-group GROUP --template-file registration.bicep
//   az deployment group create --resource-group GROUP --template-file registration.bicep --parameters clientId=ID
// Bicep cannot make a secret:
//   az ad app credential reset --id ID --append --years 1
extension 'br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0'

@description('The client id, once the first deployment has printed it.')
param clientId string = ''

@description('Object ids of the owners: az ad signed-in-user show --query id')
param ownerIds string[] = []

resource proxy 'Microsoft.Graph/applications@v1.0' = {{
  uniqueName: 'just-mcp-oauth-proxy'
  displayName: {name}
  signInAudience: '{audience}'
  identifierUris: {identifier}
  owners: {{
    relationships: ownerIds
  }}
  web: {{
    redirectUris: [
",
        name = quoted(&registration.name),
        audience = registration.accounts.audience(),
    );
    for uri in &registration.redirect_uris {
        let _ = writeln!(out, "      {}", quoted(uri));
    }
    out.push_str("    ]\n");
    if let Some(url) = registration.logout_url() {
        let _ = writeln!(out, "    logoutUrl: {}", quoted(&url));
    }
    out.push_str("  }\n  api: {\n    requestedAccessTokenVersion: 2\n    oauth2PermissionScopes: [\n");
    for scope in &registration.scopes {
        let (id, value) = (scope_id(scope), quoted(scope));
        let _ = write!(
            out,
            "      {{
        id: '{id}'
        value: {value}
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: '{ADMIN_TITLE}'
        adminConsentDescription: '{ADMIN_TEXT}'
        userConsentDisplayName: '{USER_TITLE}'
        userConsentDescription: '{USER_TEXT}'
      }}
"
        );
    }
    let _ = write!(
        out,
        "    ]
  }}
  requiredResourceAccess: [
    {{
      resourceAppId: '{GRAPH_APP}' // Microsoft Graph
      resourceAccess: [
"
    );
    for (name, id) in API_PERMISSIONS {
        let _ = writeln!(out, "        {{ id: '{id}', type: 'Scope' }} // {name}");
    }
    out.push_str(
        "      ]
    }
  ]
  // Says whether somebody is a guest.
  optionalClaims: {
    accessToken: [
      { name: 'acct' }
    ]
    idToken: [
      { name: 'acct' }
      { name: 'sid' } // which session at Microsoft it is, so that its end is told to the logout address
    ]
  }
}

resource known 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: proxy.appId
}

output clientId string = proxy.appId
output tenantId string = tenant().tenantId
",
    );
    let _ = writeln!(out, "output extraAuthorizeScopes string = '{PROFILE_SCOPE}'");
    out
}

/// A string of Bicep in which nothing is filled in.
fn quoted(text: &str) -> String {
    super::quoted(text, '\'').replace("${", "\\${")
}
