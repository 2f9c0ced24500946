"""Secrets: 256 random bits behind a prefix that a scanner recognises, with a checksum that spots a typing error.

A random secret of this size needs no slow hash: SHA-256 and a comparison in constant time are enough, and each token
call stays cheap. The checksum is the CRC-32 of what stands before it, as in GitHub's token format.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib

from portal.catalog import AuthMethod

GATEWAY_ID_PREFIX = "pgw_"
GATEWAY_SECRET_PREFIX = "pgs"
INITIAL_TOKEN_PREFIX = "pit"
REGISTRATION_TOKEN_PREFIX = "prt"
PERSONAL_TOKEN_PREFIX = "ppt"
PREFIXES = {AuthMethod.OAUTH2: "pcs", AuthMethod.API_KEY: "pak"}
SECRET_PATTERN = re.compile(r"\b(pcs|pak|pgs|pit|prt|ppt)_[0-9A-Za-z]{43}[0-9A-Za-z]{6}\b")
_CLIENT_ID = re.compile(r"[0-9A-Za-z_]{1,60}", re.ASCII)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_LENGTH = 43
_CHECKSUM_LENGTH = 6
_NOBODYS_HASH = "0" * 64


def new_client_id(auth_method: AuthMethod) -> str:
    """A public identifier for a credential: 120 random bits, no meaning."""
    return f"{'pci' if auth_method is AuthMethod.OAUTH2 else 'pki'}_{_base62(secrets.randbits(120), 21)}"


def can_be_client_id(text: str) -> bool:
    """Whether a text that a stranger sent is worth a look into the database (a NUL, for one, is an error there)."""
    return _CLIENT_ID.fullmatch(text) is not None


def new_secret(auth_method: AuthMethod) -> str:
    """A secret that nobody has seen; the caller shows it once and keeps only ``hash_secret`` of it."""
    return _secret(PREFIXES[auth_method])


def new_gateway_id() -> str:
    """A public identifier for a gateway."""
    return f"{GATEWAY_ID_PREFIX}{_base62(secrets.randbits(120), 21)}"


def new_gateway_secret() -> str:
    """A gateway's secret, of the same kind as others."""
    return _secret(GATEWAY_SECRET_PREFIX)


def new_initial_token() -> str:
    """A token that lets a client register itself, of the same kind as secrets."""
    return _secret(INITIAL_TOKEN_PREFIX)


def new_registration_token() -> str:
    """A token by which a registered client manages its registration, of the same kind as secrets."""
    return _secret(REGISTRATION_TOKEN_PREFIX)


def new_personal_token() -> str:
    """A token with which a program acts for a person, of the same kind as secrets."""
    return _secret(PERSONAL_TOKEN_PREFIX)


def hash_secret(secret: str) -> str:
    """What is stored of a secret: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def secret_matches(secret: str, secret_hash: str | None) -> bool:
    """Whether this is the secret behind the hash, in the same time for every wrong one."""
    return hmac.compare_digest(hash_secret(secret), secret_hash or _NOBODYS_HASH) and secret_hash is not None


def matching_hash(given_hash: str, *, current: str | None, old: str | None) -> str | None:
    """Which of a credential's hashes this is, its present secret's or its old one's; None when it is neither.

    Both are always compared, so that the time this takes tells nobody whether there are two.
    """
    is_current = hmac.compare_digest(given_hash, current or _NOBODYS_HASH)
    is_old = hmac.compare_digest(given_hash, old or _NOBODYS_HASH)
    if is_current and current is not None:
        return current
    return old if is_old else None


def well_formed(secret: str) -> bool:
    """Whether a text can be a secret of ours: prefix, length and checksum agree."""
    if SECRET_PATTERN.fullmatch(secret) is None:
        return False
    return hmac.compare_digest(_checksum(secret[:-_CHECKSUM_LENGTH]), secret[-_CHECKSUM_LENGTH:])


def without_secrets(text: str) -> str:
    """The text with everything taken out that looks like a secret of ours."""
    return SECRET_PATTERN.sub("…", text)


def _secret(prefix: str) -> str:
    body = f"{prefix}_{_base62(secrets.randbits(256), _BODY_LENGTH)}"
    return body + _checksum(body)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
