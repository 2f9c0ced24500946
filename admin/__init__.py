"""The Admin Portal: the pages of API owners, reviewers, plan managers, auditors and administrators."""

from flask import Blueprint

from admin import access_requests, apps, audit, catalogues, dashboard, emails, forms, outbox, plans, products, users
from admin.navigation import menu

bp = Blueprint("admin", __name__, url_prefix="/admin")
for family in (dashboard, access_requests, apps, users, products, plans, catalogues, forms, emails, outbox, audit):
    bp.register_blueprint(family.bp)

__all__ = ["bp", "menu"]
