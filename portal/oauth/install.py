"""Putting the authorization server into an application."""

from __future__ import annotations

from portal.config import BadSettings, Settings
from portal.credentials import BadEncryptionKey, BadSigningKey, load_signing_keys, sealer_for
from portal.oauth import documents
from portal.oauth.endpoints import EXTENSION
from portal.oauth.failures import failures_for
from portal.oauth.leaks import reporters_in
from portal.oauth.server import Server
from portal.oauth.uses import Uses
from portal.web.machines import Portico


def set_up(app: Portico, settings: Settings) -> None:
    """Load the keys, prepare server and documents, open the short road. Raises BadSettings with one sentence."""
    try:
        keys = load_signing_keys(
            pem=settings.signing_key,
            file=settings.signing_key_file,
            folder=settings.instance_dir,
            sealer=sealer_for(settings.encryption_key),
            algorithm=settings.signing_algorithm,
        )
    except (BadSigningKey, BadEncryptionKey) as error:
        where = " (PORTICO_SIGNING_KEY_FILE)" if settings.signing_key_file is not None else ""
        raise BadSettings(f"{error}{where}") from None
    certificates = bool(settings.client_certificate_header)
    failures = failures_for(settings.token_limit, settings.rate_limit_storage)
    app.extensions[EXTENSION] = {
        "server": Server(issuer=settings.base_url, keys=keys, failures=failures, uses=Uses(app)),
        "reporters": reporters_in(settings.leak_reporters_file),
        "keys": documents.KeySet(),
        "metadata": documents.document(documents.metadata(settings.base_url, certificates=certificates)),
    }
    app.open_to_machines(
        documents.TOKEN_PATH,
        documents.INTROSPECTION_PATH,
        documents.REVOCATION_PATH,
        documents.KEYS_PATH,
        documents.METADATA_PATH,
        documents.LEAKS_PATH,
        documents.REGISTRATION_PATH,
        f"{documents.REGISTRATION_PATH}/",
    )
