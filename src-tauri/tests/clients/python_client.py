"""A client on the Python SDK, driven line by line: reads JSON commands on stdin, answers JSON on stdout.

Arguments: MCP URL, file to keep tokens in, and `expired` if the kept access token is to count as expired.
It asks for a sign-in with `{"open": url}` and expects `{"back": callback url}`.
"""

import asyncio
import json
import pathlib
import sys
import urllib.parse

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

url, file, expired = sys.argv[1], pathlib.Path(sys.argv[2]), "expired" in sys.argv[3:]


class Kept:
    """Tokens and registration in a file."""

    def read(self, key, kind):
        kept = json.loads(file.read_text()) if file.exists() else {}
        return kind.model_validate(kept[key]) if key in kept else None

    def write(self, key, value):
        kept = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(kept | {key: value.model_dump(mode="json", exclude_none=True)}))

    async def get_tokens(self):
        return self.read("tokens", OAuthToken)

    async def set_tokens(self, tokens):
        self.write("tokens", tokens)

    async def get_client_info(self):
        return self.read("client", OAuthClientInformationFull)

    async def set_client_info(self, client_info):
        self.write("client", client_info)


def say(value):
    print(json.dumps(value), flush=True)


async def hear():
    return json.loads(await asyncio.to_thread(sys.stdin.readline) or '{"do": "close"}')


async def open_browser(authorize_url):
    say({"open": authorize_url})


async def callback():
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse((await hear())["back"]).query))
    return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def main():
    metadata = OAuthClientMetadata(
        client_name="Python client",
        redirect_uris=["http://localhost:8977/callback"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(url, metadata, Kept(), open_browser, callback)
    if expired:  # The SDK forgets the expiry of kept tokens; this is what it would know had it lived on.
        await provider._initialize()
        provider.context.token_expiry_time = 1.0
    async with httpx2.AsyncClient(auth=provider, timeout=20) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            say({"connected": True})
            while (command := await hear())["do"] != "close":
                if command["do"] == "tools":
                    say({"tools": [tool.name for tool in (await client.list_tools()).tools]})
                else:
                    say((await client.call_tool(command["do"], {})).model_dump(mode="json", by_alias=True, exclude_none=True))


asyncio.run(main())
