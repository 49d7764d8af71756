"""The server our own is measured against: FastMCP with its OAuth proxy in front of the practice tenant.

Arguments: port, practice tenant's address with the tenant id, client id, client secret, identifier URI.
Set up as FastMCP's documentation has it for Entra, with its fastest transport (no sessions, plain JSON answers).
"""

import logging
import sys

from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy
from fastmcp.server.auth.providers.jwt import JWTVerifier

port, tenant, client_id, client_secret, identifier_uri = sys.argv[1:6]

verifier = JWTVerifier(
    jwks_uri=f"{tenant}/discovery/v2.0/keys",
    issuer=f"{tenant}/v2.0",
    audience=client_id,
    required_scopes=["read"],
)
# Towards Entra, scopes are qualified, at both endpoints.
scope = {"scope": f"{identifier_uri}/read openid profile email offline_access"}
auth = OAuthProxy(
    upstream_authorization_endpoint=f"{tenant}/oauth2/v2.0/authorize",
    upstream_token_endpoint=f"{tenant}/oauth2/v2.0/token",
    upstream_client_id=client_id,
    upstream_client_secret=client_secret,
    token_verifier=verifier,
    base_url=f"http://localhost:{port}",
    redirect_path="/auth/callback",
    forward_resource=False,
    valid_scopes=["read"],
    extra_authorize_params=scope,
    extra_token_params=scope,
)
mcp = FastMCP("bench", auth=auth)


@mcp.tool
def version() -> str:
    return "0.1.0"


logging.disable(logging.WARNING)
mcp.run(
    transport="http",
    host="127.0.0.1",
    port=int(port),
    path="/mcp",
    stateless_http=True,
    json_response=True,
    show_banner=False,
    uvicorn_config={"access_log": False, "log_level": "error"},
)
