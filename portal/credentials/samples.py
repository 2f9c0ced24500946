"""Paste-ready samples: how a program gets a token with its credential, or sends its API key, and calls a product.

The secret is a placeholder, because nobody can read it again. Everything else is quoted for the language it stands in:
a product's address is text that somebody typed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from portal.catalog import ApiProduct, AuthMethod
from portal.credentials.models import Credential

SECRET_PLACEHOLDER = "YOUR_CLIENT_SECRET"
KEY_PLACEHOLDER = "YOUR_API_KEY"
API_KEY_HEADER = "X-API-Key"
NO_ADDRESS = "https://api.example.com/"
MOST_CALLS = 5
PLAIN_HTTP = 'os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # an address here is without TLS, as in a trial'


def samples_for(credential: Credential, base_url: str, products: Sequence[ApiProduct]) -> list[tuple[str, str]]:
    """Samples as (label, code) for calling these products with this credential; ``base_url`` is the portal's own."""
    calls = [product.base_url or NO_ADDRESS for product in products][:MOST_CALLS] or [NO_ADDRESS]
    if credential.auth_method is AuthMethod.API_KEY:
        return [("curl", _curl_key(calls)), ("Python", _python_key(calls)), ("JavaScript", _javascript_key(calls))]
    client_id, token_url = credential.client_id, f"{base_url.rstrip('/')}/oauth/token"
    return [
        ("curl", _curl(client_id, token_url, calls)),
        ("Python", _python(client_id, token_url, calls)),
        ("JavaScript", _javascript(client_id, token_url, calls)),
    ]


def _curl(client_id: str, token_url: str, calls: Sequence[str]) -> str:
    lines = [
        f"CLIENT_SECRET='{SECRET_PLACEHOLDER}'",
        "",
        f'TOKEN=$(curl --silent --fail --user {shlex.quote(client_id)}":$CLIENT_SECRET" \\',
        f"  --data grant_type=client_credentials {shlex.quote(token_url)} \\",
        """  | sed -n 's/.*"access_token": *"\\([^"]*\\)".*/\\1/p')""",
        "",
        *[f'curl --header "Authorization: Bearer $TOKEN" {shlex.quote(url)}' for url in calls],
    ]
    return "\n".join(lines)


def _python(client_id: str, token_url: str, calls: Sequence[str]) -> str:
    plain = any(url.startswith("http://") for url in (token_url, *calls))
    lines = [
        "# pip install requests-oauthlib",
        *(["import os", ""] if plain else []),
        "from oauthlib.oauth2 import BackendApplicationClient",
        "from requests.auth import HTTPBasicAuth",
        "from requests_oauthlib import OAuth2Session",
        "",
        f"client_id = {json.dumps(client_id)}",
        f"client_secret = {json.dumps(SECRET_PLACEHOLDER)}",
        *([PLAIN_HTTP] if plain else []),
        "",
        "session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))",
        f"session.fetch_token({json.dumps(token_url)}, auth=HTTPBasicAuth(client_id, client_secret))",
        "",
        *[f"print(session.get({json.dumps(url)}).text)" for url in calls],
    ]
    return "\n".join(lines)


def _javascript(client_id: str, token_url: str, calls: Sequence[str]) -> str:
    lines = [
        "// On a server (Node.js 18 or newer): a browser cannot keep a secret.",
        f"const clientId = {json.dumps(client_id)};",
        f"const clientSecret = {json.dumps(SECRET_PLACEHOLDER)};",
        "",
        f"const answer = await fetch({json.dumps(token_url)}, {{",
        '  method: "POST",',
        "  headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },",
        '  body: new URLSearchParams({ grant_type: "client_credentials" }),',
        "});",
        "if (!answer.ok) throw new Error(await answer.text());",
        "const { access_token: token } = await answer.json();",
        "",
        *_fetches(calls, "Authorization: `Bearer ${token}`"),
    ]
    return "\n".join(lines)


def _curl_key(calls: Sequence[str]) -> str:
    header = f'--header "{API_KEY_HEADER}: $API_KEY"'
    return "\n".join([f"API_KEY='{KEY_PLACEHOLDER}'", "", *[f"curl {header} {shlex.quote(url)}" for url in calls]])


def _python_key(calls: Sequence[str]) -> str:
    lines = [
        "# pip install requests",
        "import requests",
        "",
        f"api_key = {json.dumps(KEY_PLACEHOLDER)}",
        "",
        f"headers = {{{json.dumps(API_KEY_HEADER)}: api_key}}",
        *[f"print(requests.get({json.dumps(url)}, headers=headers, timeout=30).text)" for url in calls],
    ]
    return "\n".join(lines)


def _javascript_key(calls: Sequence[str]) -> str:
    lines = [
        "// On a server (Node.js 18 or newer): a browser cannot keep a key.",
        f"const apiKey = {json.dumps(KEY_PLACEHOLDER)};",
        "",
        *_fetches(calls, f"{json.dumps(API_KEY_HEADER)}: apiKey"),
    ]
    return "\n".join(lines)


def _fetches(calls: Sequence[str], header: str) -> list[str]:
    return [
        f"console.log(await (await fetch({json.dumps(url)}, {{ headers: {{ {header} }} }})).text());" for url in calls
    ]
