"""The client certificate of a call, which the proxy that ends TLS has checked and passes on in a header (RFC 8705).

The header proves a client, so it is believed from nobody but that proxy: from the addresses that the settings name, as
the peer of this very connection and not as any header tells it. From everybody else it counts as not sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import unquote

from flask import Request, current_app

from portal import credentials
from portal.config import Settings

LONGEST = 16 * 1024
BEFORE_PROXIES = "werkzeug.proxy_fix.orig"  # what ProxyFix found before it read any header
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII)


def thumbprint_in(request: Request) -> str | None:
    """The thumbprint of the certificate that the proxy passed on; None when there is none, or nobody to believe."""
    settings: Settings = current_app.config["PORTICO"]
    name = settings.client_certificate_header
    if not name or not (text := request.headers.get(name, "").strip()):
        return None
    if not _comes_from_proxy(request, settings.certificate_proxies):
        return None
    der = _der(text)
    return credentials.thumbprint_of(der) if der else None


def _comes_from_proxy(request: Request, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether the peer of this connection, before any X-Forwarded-For was read, is one of the proxies."""
    before = request.environ.get(BEFORE_PROXIES, request.environ)
    try:
        peer = ip_address(before.get("REMOTE_ADDR") or "")  # a Unix socket has none, and is not believed
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None) or peer
    return any(mapped in network for network in proxies)


def _der(text: str) -> bytes | None:
    """The certificate in a header: RFC 9440's byte sequence, or PEM that was escaped as for an address (nginx)."""
    if len(text) > LONGEST:
        return None
    if len(text) > 1 and text[0] == text[-1] == ":":
        encoded = text[1:-1]
    else:
        found = _PEM.fullmatch(unquote(text, errors="replace"))
        encoded = "".join(found[1].split()) if found is not None else ""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
