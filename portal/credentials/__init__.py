"""The key: issuing, revealing once, rotating, revoking and verifying credentials."""

from portal.credentials.issue import (
    Revealed,
    credentials_of,
    expire_if_over,
    find_credential,
    issue,
    note_use,
    reveal,
    revoke,
    rotate,
)
from portal.credentials.models import Credential, CredentialState, RevokedToken
from portal.credentials.samples import samples_for
from portal.credentials.secret import hash_secret, new_client_id, new_secret, secret_matches, well_formed
from portal.credentials.tokens import forget_expired_tokens, is_token_revoked, revoke_token

__all__ = [
    "Credential",
    "CredentialState",
    "Revealed",
    "RevokedToken",
    "credentials_of",
    "expire_if_over",
    "find_credential",
    "forget_expired_tokens",
    "hash_secret",
    "is_token_revoked",
    "issue",
    "new_client_id",
    "new_secret",
    "note_use",
    "reveal",
    "revoke",
    "revoke_token",
    "rotate",
    "samples_for",
    "secret_matches",
    "well_formed",
]
