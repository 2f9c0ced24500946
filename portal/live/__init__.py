"""The Live Portal: the pages of API consumers. One module a page family, with its forms."""

from flask import Blueprint

from portal.live import account, apps, cart, catalogue, home, mailbox, product, requests

bp = Blueprint("live", __name__)
for family in (home, catalogue, product, cart, requests, apps, account):
    bp.register_blueprint(family.bp)

__all__ = ["bp", "mailbox"]
