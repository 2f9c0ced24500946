"""The Admin Portal: the pages of API owners, reviewers, plan managers, auditors and administrators."""

from flask import Blueprint

from admin import (
    access_requests,
    apps,
    audit,
    break_glass,
    calendars,
    catalogues,
    dashboard,
    emails,
    forms,
    groups,
    organisations,
    outbox,
    plans,
    policies,
    policy_trials,
    products,
    stages,
    users,
)
from admin.navigation import menu

bp = Blueprint("admin", __name__, url_prefix="/admin")
for family in (
    dashboard,
    access_requests,
    apps,
    users,
    organisations,
    products,
    plans,
    catalogues,
    forms,
    policies,
    stages,
    groups,
    calendars,
    break_glass,
    emails,
    outbox,
    audit,
):
    bp.register_blueprint(family.bp)

__all__ = ["bp", "menu", "policy_trials"]
