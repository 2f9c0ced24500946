"""The key: issuing, revealing once, rotating, revoking and verifying credentials."""

from portal.credentials.certificates import AppCertificate
from portal.credentials.clientkeys import (
    AppKey,
    UsedAssertion,
    add_app_key,
    forget_expired_assertions,
    keys_of,
    remove_app_key,
    use_assertion,
)
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
from portal.credentials.keyfile import (
    KeyFile,
    key_file,
    load_signing_keys,
    replace_keys,
    retire_key,
    rotate_keys,
    rotate_keys_if_due,
    seal_keys,
)
from portal.credentials.keyrecord import record_key
from portal.credentials.keys import BadSigningKey, SigningKey, SigningKeys, new_signing_key
from portal.credentials.models import CREDENTIAL_MOVES, Credential, CredentialState, RevokedToken
from portal.credentials.receipts import TermsReceipt
from portal.credentials.registration import InitialAccessToken, RegisteredClient
from portal.credentials.samples import samples_for
from portal.credentials.sealing import BadEncryptionKey, Sealer, sealer_for
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
    "AppCertificate",
    "AppKey",
    "BadEncryptionKey",
    "BadSigningKey",
    "Credential",
    "CredentialState",
    "Gateway",
    "InitialAccessToken",
    "KeyFile",
    "KnownGateway",
    "RegisteredClient",
    "Revealed",
    "RevokedToken",
    "Sealer",
    "SigningKey",
    "SigningKeys",
    "TermsReceipt",
    "UsedAssertion",
    "add_app_key",
    "add_gateway",
    "can_be_client_id",
    "credentials_of",
    "end",
    "expire_if_over",
    "find_credential",
    "find_credential_by_client_id",
    "forget_expired_assertions",
    "forget_expired_tokens",
    "gateway_for",
    "gateways",
    "hash_secret",
    "is_gateway_id",
    "is_token_revoked",
    "issue",
    "key_file",
    "keys_of",
    "load_signing_keys",
    "new_client_id",
    "new_secret",
    "new_signing_key",
    "note_use",
    "record_key",
    "remove_app_key",
    "replace_keys",
    "retire_key",
    "reveal",
    "revoke",
    "revoke_gateway",
    "revoke_token",
    "rotate",
    "rotate_keys",
    "rotate_keys_if_due",
    "samples_for",
    "seal_keys",
    "sealer_for",
    "secret_matches",
    "use_assertion",
    "well_formed",
]
