"""The key: issuing, revealing once, rotating, revoking and verifying credentials."""

from portal.credentials.gateways import (
    Gateway,
    KnownGateway,
    add_gateway,
    gateway_for,
    gateways,
    is_gateway_id,
    revoke_gateway,
)
from portal.credentials.issue import (
    USE_NOTED_EVERY,
    Revealed,
    credentials_of,
    end,
    expire_if_over,
    find_credential,
    find_credential_by_client_id,
    issue,
    note_use,
    reveal,
    revoke,
    rotate,
)
from portal.credentials.keys import BadSigningKey, SigningKeys, load_signing_keys, new_signing_key
from portal.credentials.models import CREDENTIAL_MOVES, Credential, CredentialState, RevokedToken
from portal.credentials.samples import samples_for
from portal.credentials.secret import (
    can_be_client_id,
    hash_secret,
    new_client_id,
    new_secret,
    secret_matches,
    well_formed,
)
from portal.credentials.tokens import forget_expired_tokens, is_token_revoked, revoke_token

__all__ = [
    "CREDENTIAL_MOVES",
    "USE_NOTED_EVERY",
    "BadSigningKey",
    "Credential",
    "CredentialState",
    "Gateway",
    "KnownGateway",
    "Revealed",
    "RevokedToken",
    "SigningKeys",
    "add_gateway",
    "can_be_client_id",
    "credentials_of",
    "end",
    "expire_if_over",
    "find_credential",
    "find_credential_by_client_id",
    "forget_expired_tokens",
    "gateway_for",
    "gateways",
    "hash_secret",
    "is_gateway_id",
    "is_token_revoked",
    "issue",
    "load_signing_keys",
    "new_client_id",
    "new_secret",
    "new_signing_key",
    "note_use",
    "reveal",
    "revoke",
    "revoke_gateway",
    "revoke_token",
    "rotate",
    "samples_for",
    "secret_matches",
    "well_formed",
]
