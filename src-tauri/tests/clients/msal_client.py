"""MSAL for Python against the practice tenant: one flow, named by the first argument; the tenant's address and a registered
redirect URI follow. Prints `<flow>: good`, or fails with what was wrong.

MSAL takes https only, and the practice tenant is plain http on this computer. What is changed of MSAL is that, and nothing else.
"""

import datetime
import sys
import urllib.parse

import msal
import msal.authority
import msal.token_cache
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

flow, base, redirect_uri = sys.argv[1:4]
facts = requests.get(f"{base}/practice", timeout=20).json()
CLIENT = facts["app"]["client_id"]
SCOPE = f"{facts['app']['identifier_uri']}/read"
# Microsoft Graph Command Line Tools
TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
SECRET = "practice~client~secret~opens~nothing"


strict = msal.authority.canonicalize
for module in (msal.authority, msal.token_cache):
    module.canonicalize = lambda url: strict(str(url).replace("http://localhost", "https://localhost"))


class Plain(requests.Session):
    def request(self, method, url, **kwargs):
        return super().request(method, url.replace("https://localhost", "http://localhost"), **{"timeout": 20, **kwargs})


def at_tenant(kind, client_id, **more):
    authority = f"{base.replace('http:', 'https:')}/{facts['tenant']['id']}"
    return kind(client_id, authority=authority, instance_discovery=False, http_client=Plain(), **more)


def app(credential):
    return at_tenant(msal.ConfidentialClientApplication, CLIENT, client_credential=credential)


def token(answer):
    assert "access_token" in answer, answer
    return answer


def sign_in(client):
    """Nobody is asked: the tenant signs Ada in by itself."""
    begun = client.initiate_auth_code_flow([SCOPE], redirect_uri=redirect_uri)
    back = Plain().get(begun["auth_uri"], allow_redirects=False).headers["location"]
    assert back.startswith(redirect_uri), back
    return client.acquire_token_by_auth_code_flow(begun, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query)))


def refresh(client):
    (account,) = client.get_accounts()
    assert account["username"] == "ada@practice.example", account
    return token(client.acquire_token_silent_with_error([SCOPE], account, force_refresh=True))


def certificate():
    """A key, and the certificate registered in the tenant, as MSAL takes the two."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MSAL")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    requests.post(f"{base}/practice/certificate", json={"pem": pem}, timeout=20).raise_for_status()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"private_key": private.decode(), "public_certificate": pem}


if flow == "code":
    claims = token(sign_in(app(SECRET)))["id_token_claims"]
    assert claims["name"] == "Ada Lindqvist" and claims["tid"] == facts["tenant"]["id"], claims
elif flow == "refresh":
    client = app(SECRET)
    first = token(sign_in(client))
    assert refresh(client)["access_token"] != first["access_token"]
elif flow == "on-behalf-of":
    client = app(SECRET)
    mine = token(sign_in(client))["access_token"]
    graph = token(client.acquire_token_on_behalf_of(mine, ["https://graph.microsoft.com/User.Read"]))["access_token"]
    me = requests.get(f"{base}/graph/v1.0/me", headers={"authorization": f"Bearer {graph}"}, timeout=20).json()
    assert me["displayName"] == "Ada Lindqvist", me
elif flow == "certificate":
    client = app(certificate())
    token(sign_in(client))
    # MSAL sends one assertion as long as it counts, so this one comes again.
    refresh(client)
elif flow == "wrong-secret":
    answer = sign_in(app("wrong"))
    assert answer["error"] == "invalid_client" and 7000215 in answer["error_codes"], answer
elif flow == "device-code":
    client = at_tenant(msal.PublicClientApplication, TOOLS)
    begun = client.initiate_device_flow(["https://graph.microsoft.com/User.Read"])
    once = {"exit_condition": lambda _: True}
    waiting = client.acquire_token_by_device_flow(begun, **once)
    assert waiting["error"] == "authorization_pending", waiting
    # People type it in small letters.
    entered = requests.post(begun["verification_uri"], data={"code": begun["user_code"].lower(), "person": "ada"}, timeout=20)
    assert "You are signed in" in entered.text, entered.text
    claims = token(client.acquire_token_by_device_flow(begun, **once))["id_token_claims"]
    assert claims["name"] == "Ada Lindqvist", claims
    assert client.acquire_token_by_device_flow(begun, **once)["error"] == "invalid_grant", "a code is good once"
else:
    sys.exit(f"no flow is called {flow}")
print(f"{flow}: good")
