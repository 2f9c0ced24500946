"""The Live Portal: the pages of API consumers. One module a page family, with its forms."""

from flask import Blueprint

from portal.live import (
    account,
    api_reference,
    app_certificates,
    app_clients,
    app_keys,
    app_transfer,
    apps,
    cart,
    catalogue,
    credential_test,
    emergency,
    grants,
    home,
    mailbox,
    plan_change,
    product,
    renewal,
    requests,
    secrets,
    tokens,
)

bp = Blueprint("live", __name__)
for family in (
    home,
    catalogue,
    product,
    cart,
    requests,
    apps,
    app_keys,
    app_certificates,
    app_clients,
    grants,
    plan_change,
    app_transfer,
    credential_test,
    renewal,
    secrets,
    emergency,
    account,
    tokens,
    api_reference,
):
    bp.register_blueprint(family.bp)

__all__ = ["bp", "mailbox"]
